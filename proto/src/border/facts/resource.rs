//! K11 to K18: what the machine of resources needs of their bodies.

use model::{
    ids::MessageId,
    invalid::Invalid,
    thread::{
        self,
        resource::{
            Agreed, Asked, Claim, Committed, Decided, DecidedLine, Facts, Item, Line, Milestone, MissionState, Offered,
            OfferedLine, Reported, Settled, Wanted,
        },
    },
};

use super::pieces::{listed, named, short};
use crate::{
    border::{must, said, time},
    v1,
};

fn resource(facts: Facts) -> thread::Facts {
    thread::Facts::Resource(facts)
}

fn is_yes(number: i32) -> bool {
    number == i32::from(v1::YesNo::Yes)
}

/// K11.
pub fn request(body: &v1::ResourceRequest) -> Result<thread::Facts, Invalid> {
    let item = |item: &v1::RequestedItem| Item {
        item_no: item.item_no,
        quantity: item.quantity,
        type_level_min: item.type_level_min,
        substitutes_ok: is_yes(item.substitutes_ok),
    };
    Ok(resource(Facts::Request(Wanted {
        items: body.items.iter().map(item).collect(),
        lapse_at: time::optional(body.lapse_at, "lapse_at")?,
        funding_unknown: body.funding() == v1::Funding::Unknown,
    })))
}

/// K12.
pub fn offer(body: &v1::ResourceOffer) -> Result<thread::Facts, Invalid> {
    let line = |line: &v1::OfferLine| {
        Ok(OfferedLine {
            line_no: line.line_no,
            item_no: line.item_no,
            line: must(line.answer, Line::from_number, "answer")?,
            quantity: line.quantity,
            type_level: line.type_level,
            resources: line.resource_ids.iter().cloned().collect(),
        })
    };
    Ok(resource(Facts::Offer(Offered {
        solicited: is_yes(body.solicited),
        lines: listed("lines", &body.lines, line)?,
        valid_until: time::optional(body.valid_until, "valid_until")?,
    })))
}

/// K13.
pub fn decision(body: &v1::ResourceDecision) -> Result<thread::Facts, Invalid> {
    let line = |line: &v1::DecisionLine| {
        let order = match line.decision() {
            v1::OfferDecision::Unspecified => must(line.decision, |_| None, "decision")?,
            v1::OfferDecision::Order => Some(line.quantity),
            v1::OfferDecision::Decline => None,
        };
        let offer = MessageId::try_from(line.offer_message_id.as_ref());
        let offer = offer.map_err(|invalid| Invalid { field: "offer_message_id".to_owned(), ..invalid })?;
        Ok(DecidedLine { offer, line_no: line.line_no, order })
    };
    let lines = listed("lines", &body.lines, line)?;
    Ok(resource(Facts::Decision(Decided { order_id: short(&body.order_id, "order_id")?, lines })))
}

/// K14.
pub fn commitment(body: &v1::ResourceCommitment) -> Result<thread::Facts, Invalid> {
    Ok(resource(Facts::Commitment(Committed {
        mission_id: named(&body.mission_id, "mission_id")?,
        order_id: named(&body.order_id, "order_id")?,
        lines: body.resources.iter().map(|resource| (resource.line_no, resource.quantity)).collect(),
        resources: body.resources.iter().map(|resource| resource.resource_id.clone()).collect(),
    })))
}

/// K15.
pub fn status(body: &v1::DeploymentStatus) -> Result<thread::Facts, Invalid> {
    let mission_id = named(&body.mission_id, "mission_id")?;
    if body.mode() == v1::DeploymentMode::Query {
        return Ok(resource(Facts::Query(mission_id)));
    }
    let mut milestones = Vec::new();
    for reached in &body.milestones {
        // estimates, wishes and positions move nothing
        if let Some(milestone) = Milestone::from_number(reached.r#type) {
            milestones.push((milestone, time::required(reached.at, "milestones.at")?));
        }
    }
    Ok(resource(Facts::Report(Reported {
        mission_id,
        milestones,
        state: said(body.state, MissionState::from_number, "state")?,
        late_entry: is_yes(body.late_entry),
    })))
}

/// K16.
pub fn extension(body: &v1::Extension) -> Result<thread::Facts, Invalid> {
    let facts = match &body.part {
        Some(v1::extension::Part::Request(asked)) => {
            Facts::Ask(named(&asked.mission_id, "request.mission_id")?, Asked::Extension)
        }
        Some(v1::extension::Part::Response(word)) => {
            let agreed = match word.answer() {
                v1::ExtensionAnswer::Unspecified => must(word.answer, |_| None, "response.answer")?,
                v1::ExtensionAnswer::Agree | v1::ExtensionAnswer::Until => Agreed::Yes,
                v1::ExtensionAnswer::Decline => Agreed::No,
            };
            Facts::Answer(named(&word.mission_id, "response.mission_id")?, agreed)
        }
        None => return Err(Invalid::missing("request")),
    };
    Ok(resource(facts))
}

/// K17.
pub fn release(body: &v1::ReleaseReturn) -> Result<thread::Facts, Invalid> {
    let facts = match &body.part {
        Some(v1::release_return::Part::Release(asked)) => {
            Facts::Ask(named(&asked.mission_id, "release.mission_id")?, Asked::Release)
        }
        Some(v1::release_return::Part::ReturnRequest(asked)) => {
            Facts::Ask(named(&asked.mission_id, "return_request.mission_id")?, Asked::Return)
        }
        Some(v1::release_return::Part::Response(word)) => {
            let agreed = must(word.answer, Agreed::from_number, "response.answer")?;
            Facts::Answer(named(&word.mission_id, "response.mission_id")?, agreed)
        }
        None => return Err(Invalid::missing("release")),
    };
    Ok(resource(facts))
}

/// K18.
pub fn cost(body: &v1::CostStatement) -> Result<thread::Facts, Invalid> {
    let fen = |money: Option<&v1::Money>| money.and_then(|money| money.fen).unwrap_or(0);
    let facts = match &body.part {
        Some(v1::cost_statement::Part::Claim(claim)) => Facts::Claim(Claim {
            mission_id: named(&claim.mission_id, "claim.mission_id")?,
            lines: claim.lines.iter().map(|line| fen(line.actual.as_ref().or(line.estimate.as_ref()))).collect(),
            total: fen(claim.total.as_ref()),
        }),
        Some(v1::cost_statement::Part::Answer(word)) => {
            let settled = must(word.answer, Settled::from_number, "answer.answer")?;
            Facts::Settlement(named(&word.mission_id, "answer.mission_id")?, settled)
        }
        None => return Err(Invalid::missing("claim")),
    };
    Ok(resource(facts))
}
