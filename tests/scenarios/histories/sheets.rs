//! What anybody might write next: steps that fit, and steps that do not.

use model::kind::Kind;
use model::time::Timestamp;
use proto::v1;

use super::region::{Region, WHO, Written};
use crate::chlorine::papers;
use crate::world::papers::{Paper, paper};

/// A choice by numbers, which a seed throws.
#[derive(Clone, Copy, Debug)]
pub struct Choice {
    pub by: usize,
    pub what: usize,
    /// Which earlier message, among those that fit.
    pub of: usize,
    pub twist: u32,
    /// Follows whatever it meets, by whoever writes.
    pub wild: bool,
    pub exercise: bool,
}

/// Sorts of papers.
pub const WHAT: usize = 22;
/// The drill of every exercise here.
const DRILL: &str = "371300-DR-2027-01";

/// A paper, its author, and what it follows.
pub struct Sheet {
    pub paper: Paper,
    pub by: usize,
    pub before: Option<usize>,
}

impl Region {
    /// The paper of a choice; none where there is nothing that it could follow.
    pub fn sheet(&self, choice: Choice) -> Option<Sheet> {
        let sheet = match choice.what {
            0 | 1 => self.report(choice),
            2 => self.follows(choice, Kind::IncidentReport, Whose::Own, |now, before, twist| {
                papers::follow_up(now, before.id, 1 + twist % 3, twist.is_multiple_of(7)).level(level(twist))
            })?,
            3 => begins(choice, papers::alert(self.now, v1::AlertAction::Issue)),
            4 => self.follows(choice, Kind::Alert, Whose::Own, |now, _, twist| alert_again(now, twist))?,
            5 | 6 => begins(choice, papers::resource_request(self.now)),
            7 | 8 => self.follows(choice, Kind::ResourceRequest, Whose::Recipient, offered)?,
            9 | 10 => self.follows(choice, Kind::ResourceOffer, Whose::Recipient, ordered)?,
            11 | 12 => self.follows(choice, Kind::ResourceDecision, Whose::Recipient, committed)?,
            13 => self.follows(choice, Kind::ResourceCommitment, Whose::Own, moved)?,
            14 => begins(choice, papers::action_request(self.now)),
            15 => self.follows(choice, Kind::ActionRequest, Whose::Recipient, |now, before, _| {
                papers::action_response(now, before.id, v1::ActionAnswer::Agree).answer(v1::Answer::Definite)
            })?,
            16 => self.follows(choice, Kind::ActionResponse, Whose::Own, |now, before, twist| {
                papers::action_status(now, before.id, 1 + twist % 5)
            })?,
            17 => begins(choice, Paper::of(Kind::VerificationRequest, self.now)),
            18 => self.follows(choice, Kind::VerificationRequest, Whose::Recipient, |now, _, _| {
                Paper::of(Kind::VerificationReply, now)
            })?,
            19 => self.again(choice)?,
            20 => begins(choice, Paper::of(Kind::ALL[choice.twist as usize % Kind::ALL.len()], self.now)),
            _ => self.reply_of_any_kind(choice)?,
        };
        Some(if choice.exercise { Sheet { paper: sheet.paper.exercise(DRILL), ..sheet } } else { sheet })
    }

    fn report(&self, choice: Choice) -> Sheet {
        let report = papers::first_report(self.now, 5_000);
        begins(choice, report)
    }

    /// A paper after an earlier one of `kind`, by whoever may write it; by anybody after anything where it is wild.
    fn follows(
        &self,
        choice: Choice,
        kind: Kind,
        whose: Whose,
        paper: impl Fn(Timestamp, &Written, u32) -> Paper,
    ) -> Option<Sheet> {
        let fits = |written: &&Written| choice.wild || written.header.kind == kind.number();
        let fitting: Vec<usize> = (0..self.written.len()).filter(|at| fits(&&self.written[*at])).collect();
        let at = *fitting.get(choice.of % fitting.len().max(1))?;
        let before = &self.written[at];
        let by = match whose {
            _ if choice.wild => choice.by,
            Whose::Own => before.by,
            Whose::Recipient => before.to[choice.by % before.to.len()],
        };
        let action = if by == before.by && kind.number() == before.header.kind && matches!(whose, Whose::Own) {
            v1::Action::Update
        } else {
            v1::Action::Reply
        };
        let to = if by == before.by { others(by) } else { vec![WHO[before.by]] };
        let (incident_id, level) = (before.header.incident_id.clone(), before.header.event_level);
        let paper = paper(self.now, before, choice.twist).to(&to).header(|header| {
            if header.action == 0 || header.action() == v1::Action::Originate {
                header.action = action.into();
            }
            if !header.incident_id.is_empty() {
                header.incident_id = incident_id;
                header.event_level = if header.event_level == 0 { level } else { header.event_level };
            }
        });
        Some(Sheet { paper, by, before: Some(at) })
    }

    /// The same paper again as an update or a cancel, with another revision.
    fn again(&self, choice: Choice) -> Option<Sheet> {
        let at = choice.of % self.written.len().max(1);
        let before = self.written.get(at)?;
        let by = if choice.wild { choice.by } else { before.by };
        let action = if choice.twist.is_multiple_of(3) { v1::Action::Cancel } else { v1::Action::Update };
        let paper = Paper(before.draft.clone()).header(|header| {
            header.action = action.into();
            header.answer = 0;
        });
        Some(Sheet { paper, by, before: Some(at) })
    }

    /// Whatever it is, as an answer to whatever it meets.
    fn reply_of_any_kind(&self, choice: Choice) -> Option<Sheet> {
        let at = choice.of % self.written.len().max(1);
        let before = self.written.get(at)?;
        let paper = Paper::of(Kind::ALL[choice.twist as usize % Kind::ALL.len()], self.now);
        let paper = paper.header(|header| header.action = v1::Action::Reply.into());
        let to = if choice.by == before.by { others(choice.by) } else { vec![WHO[before.by]] };
        Some(Sheet { paper: paper.to(&to), by: choice.by, before: Some(at) })
    }
}

/// The first message of a matter, to everybody else.
fn begins(Choice { by, .. }: Choice, paper: Paper) -> Sheet {
    let paper = paper.header(|header| {
        header.action = v1::Action::Originate.into();
        if !header.incident_id.is_empty() {
            header.incident_id = incident(by);
        }
    });
    Sheet { paper: paper.to(&others(by)), by, before: None }
}

/// Who may write the next step.
#[derive(Clone, Copy)]
enum Whose {
    Own,
    Recipient,
}

fn others(by: usize) -> Vec<&'static str> {
    (1..WHO.len()).map(|step| WHO[(by + step) % WHO.len()]).collect()
}

fn incident(by: usize) -> String {
    format!("{}-20270512-0001", WHO[by])
}

fn level(twist: u32) -> v1::EventLevel {
    [v1::EventLevel::L3, v1::EventLevel::L2, v1::EventLevel::L4][twist as usize % 3]
}

fn alert_again(now: Timestamp, twist: u32) -> Paper {
    let action = if twist.is_multiple_of(3) { v1::AlertAction::Cancel } else { v1::AlertAction::Update };
    let step = if twist.is_multiple_of(3) { v1::Action::Cancel } else { v1::Action::Update };
    papers::alert(now, action).header(|header| header.action = step.into())
}

fn offered(now: Timestamp, request: &Written, twist: u32) -> Paper {
    let mut offer = papers::resource_offer(now, request.id, twist.is_multiple_of(2));
    if let v1::body::Body::ResourceOffer(body) = offer.body() {
        body.lines.iter_mut().filter(|line| line.quantity > 0).for_each(|line| line.quantity = 1 + twist % 4);
    }
    offer
}

fn ordered(now: Timestamp, offer: &Written, twist: u32) -> Paper {
    let id = format!("O{}", twist % 3);
    let mut order = papers::resource_decision(now, offer.id, twist.is_multiple_of(2), &id);
    if let v1::body::Body::ResourceDecision(body) = order.body() {
        body.lines.iter_mut().for_each(|line| line.quantity = 1 + twist % 5);
    }
    order
}

fn committed(now: Timestamp, order: &Written, twist: u32) -> Paper {
    let id = match order.draft.body.as_ref().and_then(|body| body.body.as_ref()) {
        Some(v1::body::Body::ResourceDecision(body)) => body.order_id.clone(),
        _ => format!("O{}", twist % 3),
    };
    let mut mission = papers::commitment(now, order.id, twist.is_multiple_of(2), &format!("M{}", twist % 3), &id);
    if let v1::body::Body::ResourceCommitment(body) = mission.body() {
        body.resources.iter_mut().for_each(|resource| resource.quantity = 1 + twist % 4);
    }
    mission
}

fn moved(now: Timestamp, mission: &Written, twist: u32) -> Paper {
    use v1::ScheduleType::{ActualArrival, ActualDeparture, ActualReturnArrival, ActualReturnDeparture};
    let step = [ActualDeparture, ActualArrival, ActualReturnDeparture, ActualReturnArrival][twist as usize % 4];
    let id = match mission.draft.body.as_ref().and_then(|body| body.body.as_ref()) {
        Some(v1::body::Body::ResourceCommitment(body)) => body.mission_id.clone(),
        _ => format!("M{}", twist % 3),
    };
    let mut status = papers::milestone(now, mission.id, &id, step);
    if let (v1::body::Body::DeploymentStatus(body), 0) = (status.body(), twist % 9) {
        body.milestones.clear();
        body.state = v1::MissionState::Recalled.into();
    }
    status.header(|header| header.action = v1::Action::Reply.into())
}

/// The order that begins the drill, to everybody.
pub fn startex(now: Timestamp) -> Paper {
    let control = paper!(DrillControl, now, |_body| {});
    control.to(&others(0)).header(|header| {
        header.action = v1::Action::Originate.into();
        header.drill = Some(v1::DrillRef { drill_id: DRILL.into(), control: v1::DrillControlVerb::Startex.into() });
    })
}
