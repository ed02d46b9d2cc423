//! K23 and K24: what the machine of consultations needs of their bodies.

use model::{
    ids::JurisdictionId,
    invalid::Invalid,
    thread::{
        self,
        consultation::{Facts, Verdict, Word},
    },
};

use crate::{
    border::{must, optional, time},
    v1,
};

/// K23.
pub fn call(body: &v1::ConsultationCall) -> Result<thread::Facts, Invalid> {
    let facts = match &body.part {
        Some(v1::consultation_call::Part::Call(call)) => Facts::Call(time::optional(call.at, "call.at")?),
        Some(v1::consultation_call::Part::Reply(reply)) => {
            Facts::Reply(must(reply.answer, Word::from_number, "reply.answer")?)
        }
        None => return Err(Invalid::missing("call")),
    };
    Ok(thread::Facts::Consultation(facts))
}

/// K24.
pub fn conclusion(body: &v1::ConsultationConclusion) -> Result<thread::Facts, Invalid> {
    let facts = match &body.part {
        Some(v1::consultation_conclusion::Part::Conclusion(conclusion)) => {
            let owner = |decision: &v1::ConsultationDecision| optional(&decision.owner, "conclusion.decisions.owner");
            let owners: Result<Vec<Option<JurisdictionId>>, Invalid> = conclusion.decisions.iter().map(owner).collect();
            Facts::Conclusion(owners?.into_iter().flatten().collect())
        }
        Some(v1::consultation_conclusion::Part::Reply(reply)) => {
            Facts::Verdict(must(reply.answer, Verdict::from_number, "reply.answer")?)
        }
        None => return Err(Invalid::missing("conclusion")),
    };
    Ok(thread::Facts::Consultation(facts))
}
