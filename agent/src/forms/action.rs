//! K21 to K24.

use proto::{
    v1,
    v1::body::Body,
    v1::{consultation_call, consultation_conclusion},
};

use super::Ground;

/// A decision on each action that is asked for; what it is, a person says.
pub fn response(ground: &Ground<'_>) -> Option<Body> {
    let Body::ActionRequest(asked) = ground.body()? else { return None };
    let decision = |action: &v1::RequestedAction| v1::ActionDecision {
        action_no: action.action_no,
        start: action.start,
        ..v1::ActionDecision::default()
    };
    let decisions = asked.actions.iter().map(decision).collect();
    Some(Body::ActionResponse(v1::ActionResponse { decisions }))
}

/// How far an action is; which, where there is but one.
pub fn status(ground: &Ground<'_>) -> Option<Body> {
    let numbers: Vec<u32> = match ground.body()? {
        Body::ActionRequest(asked) => asked.actions.iter().map(|action| action.action_no).collect(),
        Body::ActionResponse(said) => said.decisions.iter().map(|decision| decision.action_no).collect(),
        Body::ActionStatus(said) => vec![said.action_no],
        _ => return None,
    };
    let action_no = if let [only] = *numbers { only } else { 0 };
    let at = Some(ground.at_once());
    Some(Body::ActionStatus(v1::ActionStatus { action_no, at, ..v1::ActionStatus::default() }))
}

/// Whether we join; who comes is whoever sits here.
pub fn joins(ground: &Ground<'_>) -> Option<Body> {
    let Body::ConsultationCall(_) = ground.body()? else { return None };
    let reply = v1::ConsultationReply { attendees: vec![ground.seat()], ..v1::ConsultationReply::default() };
    Some(Body::ConsultationCall(v1::ConsultationCall { part: Some(consultation_call::Part::Reply(reply)) }))
}

/// To a call its conclusion, to a conclusion our word on it.
pub fn conclusion(ground: &Ground<'_>) -> Option<Body> {
    let part = match ground.body()? {
        Body::ConsultationConclusion(_) => consultation_conclusion::Part::Reply(v1::ConclusionReply::default()),
        Body::ConsultationCall(call) => {
            let Some(consultation_call::Part::Call(called)) = &call.part else { return None };
            consultation_conclusion::Part::Conclusion(v1::Conclusion {
                topic: called.topic.clone(),
                held_from: called.at,
                held_to: Some(ground.at_once()),
                ..v1::Conclusion::default()
            })
        }
        _ => return None,
    };
    Some(Body::ConsultationConclusion(v1::ConsultationConclusion { part: Some(part) }))
}
