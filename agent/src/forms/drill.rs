//! K31, K32 and K35, from the invitation.

use proto::{v1, v1::body::Body};

use super::Ground;

fn invitation<'a>(ground: &Ground<'a>) -> Option<&'a v1::DrillInvitation> {
    match ground.body()? {
        Body::DrillInvitation(drill) => Some(drill),
        _ => None,
    }
}

/// An answer to the sequence that was read.
pub fn reply(ground: &Ground<'_>) -> Option<Body> {
    let drill = invitation(ground)?;
    let contact = v1::Contact {
        name: ground.officer.name.clone(),
        role: ground.officer.role,
        phone: ground.phone.to_owned(),
        ..v1::Contact::default()
    };
    Some(Body::DrillReply(v1::DrillReply {
        drill_id: drill.drill_id.clone(),
        sequence: drill.sequence,
        contact: Some(contact),
        ..v1::DrillReply::default()
    }))
}

/// The first draft of a script.
pub fn plan(ground: &Ground<'_>) -> Option<Body> {
    let drill = invitation(ground)?;
    Some(Body::DrillPlan(v1::DrillPlan {
        drill_id: drill.drill_id.clone(),
        sequence: drill.sequence,
        version: 1,
        state: v1::PlanState::Draft.into(),
        ..v1::DrillPlan::default()
    }))
}

/// A result for each objective; how it went, a person says.
pub fn evaluation(ground: &Ground<'_>) -> Option<Body> {
    let drill = invitation(ground)?;
    let result = |objective: &v1::DrillObjective| v1::ObjectiveResult {
        objective_id: objective.objective_id.clone(),
        ..v1::ObjectiveResult::default()
    };
    Some(Body::DrillEvaluation(v1::DrillEvaluation {
        drill_id: drill.drill_id.clone(),
        stage: v1::EvaluationStage::Hotwash.into(),
        results: drill.objectives.iter().map(result).collect(),
        evaluators: vec![ground.seat()],
        ..v1::DrillEvaluation::default()
    }))
}
