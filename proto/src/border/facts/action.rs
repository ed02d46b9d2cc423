//! K20 to K22: what the machine of actions needs of their bodies.

use model::{
    invalid::Invalid,
    thread::{
        self,
        action::{Facts, Progress},
    },
};

use crate::{border::must, v1};

/// K20.
pub fn request(body: &v1::ActionRequest) -> Result<thread::Facts, Invalid> {
    Ok(thread::Facts::Action(Facts::Request(body.actions.iter().map(|action| action.action_no).collect())))
}

/// K21.
pub fn response(body: &v1::ActionResponse) -> Result<thread::Facts, Invalid> {
    let decision = |decision: &v1::ActionDecision| {
        let word = match decision.answer() {
            v1::ActionAnswer::Unspecified => must(decision.answer, |_| None, "decisions.answer")?,
            v1::ActionAnswer::Agree => Progress::Agreed,
            v1::ActionAnswer::AgreeWithChanges => Progress::Changed,
            v1::ActionAnswer::Decline => Progress::Declined,
            v1::ActionAnswer::NeedApproval => Progress::PendingApproval,
        };
        Ok::<_, Invalid>((decision.action_no, word))
    };
    let decisions: Result<Vec<_>, Invalid> = body.decisions.iter().map(decision).collect();
    Ok(thread::Facts::Action(Facts::Response(decisions?)))
}

/// K22.
pub fn status(body: &v1::ActionStatus) -> Result<thread::Facts, Invalid> {
    let progress = match body.state() {
        v1::ActionState::Unspecified => must(body.state, |_| None, "state")?,
        v1::ActionState::Started | v1::ActionState::InProgress => Progress::Started,
        v1::ActionState::Done => Progress::Done,
        v1::ActionState::Failed => Progress::Failed,
        v1::ActionState::Stopped => Progress::Stopped,
    };
    Ok(thread::Facts::Action(Facts::Report(body.action_no, progress)))
}
