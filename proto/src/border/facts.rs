//! The facts that machines decide on, taken out of bodies. What a machine does not ask for stays in the body.

mod action;
pub mod agreement;
mod consultation;
mod drill;
mod duty;
mod information;
pub mod leads;
pub mod meeting;
mod pieces;
mod resource;
pub mod roster;

use bytes::Bytes;
use model::{
    header::Header,
    invalid::Invalid,
    kind::Kind,
    thread::{Facts, drill::may_hold},
};
use prost::Message as _;

use crate::v1::{self, body::Body, drill_inject::Message};

/// The whole message inside an inject (K34) and its kind, where there is one: it is answered as in earnest.
///
/// # Errors
/// BAD_SCHEMA when it is no body of a kind that people send each other.
pub fn inside(body: &[u8]) -> Result<Option<(Kind, Bytes)>, Invalid> {
    let unread = || Invalid::schema("body.inner", "content.readable");
    let body = v1::Body::decode(body).map_err(|_| Invalid::schema("body", "content.readable"))?;
    let Some(Body::DrillInject(v1::DrillInject { message: Some(Message::Inner(inner)), .. })) = body.body else {
        return Ok(None);
    };
    v1::Body::decode(inner.as_ref()).map_err(|_| unread())?;
    let number = super::content::kind_of(&inner).map_err(|_| unread())?;
    let kind = i32::try_from(number).ok().and_then(Kind::from_number).ok_or_else(unread)?;
    may_hold(kind).map(|()| Some((kind, inner)))
}

/// What a body says to the machine of its kind.
///
/// # Errors
/// BAD_SCHEMA when it cannot be read, and others where a value that the machine needs is none.
pub fn facts(header: &Header, body: &[u8]) -> Result<Facts, Invalid> {
    let body = v1::Body::decode(body).map_err(|_| Invalid::schema("body", "content.readable"))?;
    let Some(body) = body.body else { return Ok(Facts::Nothing) };
    let facts = match &body {
        Body::IncidentReport(body) => information::report(body),
        Body::SituationReport(body) => information::situation(body),
        Body::VerificationRequest(body) => leads::request(body),
        Body::VerificationReply(body) => leads::reply(body),
        Body::Alert(body) => leads::alert(header, body),
        Body::Bulletin(body) => leads::bulletin(body),
        Body::DutyReport(body) => duty::report(body),
        Body::ResourceRequest(body) => resource::request(body),
        Body::ResourceOffer(body) => resource::offer(body),
        Body::ResourceDecision(body) => resource::decision(body),
        Body::ResourceCommitment(body) => resource::commitment(body),
        Body::DeploymentStatus(body) => resource::status(body),
        Body::Extension(body) => resource::extension(body),
        Body::ReleaseReturn(body) => resource::release(body),
        Body::CostStatement(body) => resource::cost(body),
        Body::ActionRequest(body) => Ok(action::request(body)),
        Body::ActionResponse(body) => action::response(body),
        Body::ActionStatus(body) => action::status(body),
        Body::ConsultationCall(body) => consultation::call(body),
        Body::ConsultationConclusion(body) => consultation::conclusion(body),
        Body::DrillInvitation(body) => drill::invitation(body),
        Body::DrillReply(body) => drill::reply(body),
        Body::DrillPlan(body) => drill::plan(body),
        Body::DrillControl(body) => Ok(drill::control(body)),
        Body::DrillInject(body) => drill::inject(body),
        Body::DrillEvaluation(body) => drill::evaluation(body),
        Body::MeetingNotice(body) => meeting::notice(body),
        Body::MeetingReply(body) => meeting::reply(body),
        Body::AgendaChanged(body) => meeting::agenda_changed(body),
        Body::Minutes(body) => meeting::minutes(body),
        Body::ActionItem(body) => meeting::item(body),
        Body::Handover(body) => meeting::handover(body),
        Body::Agreement(body) => agreement::agreement(body),
        _ => Ok(Facts::Nothing),
    };
    facts.map_err(|invalid| invalid.within("body"))
}
