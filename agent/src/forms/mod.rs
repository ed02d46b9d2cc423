//! Forms: what an answer can know from the message that it answers, so that nobody types it again. Pure; a person fills in
//! the rest, and the rules of the contract judge the whole.

mod action;
mod drill;
mod duty;
mod information;
mod meeting;
mod resource;

use model::{
    ids::{IncidentId, JurisdictionId, MessageId},
    kind::Kind,
    time::Timestamp,
};
use proto::{border, v1, v1::body::Body};

/// What a form is filled from.
#[derive(Clone, Copy)]
pub struct Ground<'a> {
    /// Who writes.
    pub us: &'a JurisdictionId,
    /// Whoever sits at the desk.
    pub officer: &'a v1::Officer,
    /// And how to call them.
    pub phone: &'a str,
    /// When.
    pub now: Timestamp,
    /// The link to the broker lives.
    pub link_up: bool,
    /// Our own incidents that are open.
    pub open_incidents: &'a [IncidentId],
    /// The message that is followed.
    pub before: Option<&'a v1::Content>,
    /// Another message of the thread, where it is known here.
    pub find: &'a dyn Fn(&[u8]) -> Option<v1::Content>,
}

/// The body of a message that begins a matter or answers another, as far as it is known. None where nothing is.
pub fn answer(kind: Kind, ground: &Ground<'_>) -> Option<Body> {
    match kind {
        Kind::VerificationReply => information::verified(ground),
        Kind::DutyReport => Some(duty::report(ground)),
        Kind::ResourceOffer => resource::offer(ground),
        Kind::ResourceDecision => resource::decision(ground),
        Kind::ResourceCommitment => resource::commitment(ground),
        Kind::DeploymentStatus => resource::status(ground),
        Kind::Extension => resource::extension(ground),
        Kind::ReleaseReturn => resource::release(ground),
        Kind::CostStatement => resource::cost(ground),
        Kind::ActionResponse => action::response(ground),
        Kind::ActionStatus => action::status(ground),
        Kind::ConsultationCall => action::joins(ground),
        Kind::ConsultationConclusion => action::conclusion(ground),
        Kind::DrillReply => drill::reply(ground),
        Kind::DrillPlan => drill::plan(ground),
        Kind::DrillEvaluation => drill::evaluation(ground),
        Kind::MeetingReply => meeting::reply(ground),
        Kind::Minutes => meeting::minutes(ground),
        Kind::ActionItem => meeting::item(ground),
        _ => None,
    }
}

/// The drill to which an invitation invites.
pub fn drill_of(before: &v1::Content) -> Option<String> {
    match before.body.as_ref()?.body.as_ref()? {
        Body::DrillInvitation(drill) => Some(drill.drill_id.clone()),
        _ => None,
    }
}

/// The body of a newer revision: what the last one said, but for what each revision says anew.
pub fn again(before: &v1::Content) -> Option<Body> {
    let mut body = before.body.clone()?.body?;
    if let Body::IncidentReport(report) = &mut body {
        information::follow_up(report);
    }
    Some(body)
}

impl Ground<'_> {
    fn body(&self) -> Option<&Body> {
        self.before?.body.as_ref()?.body.as_ref()
    }

    fn header(&self) -> Option<&v1::Header> {
        self.before?.header.as_ref()
    }

    fn at(&self, time: Timestamp) -> Option<prost_types::Timestamp> {
        Some(border::time::to_wire(time))
    }

    /// A number for a thing of ours that nobody else has: whose, when, which, and the end of the id that it comes from.
    fn number(&self, letter: char) -> String {
        let date = self.now.civil(CHINA_MIN).date_number();
        let from = self.header().and_then(|header| MessageId::checked(&header.message_id).ok());
        let tail: String = from.map(|id| id.to_string()).unwrap_or_default();
        let tail = tail.get(tail.len().saturating_sub(6)..).unwrap_or_default();
        format!("{}-{date}-{letter}-{tail}", self.us)
    }

    fn seat(&self) -> v1::Seat {
        v1::Seat { jurisdiction: self.us.to_string(), role: self.officer.role, name: self.officer.name.clone() }
    }
}

/// Minutes east of UTC in which dates are counted. Source: O, the region's own time.
const CHINA_MIN: i32 = 480;
