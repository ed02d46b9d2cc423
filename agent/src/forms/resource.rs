//! K12 to K18.

use std::time::Duration;

use proto::{
    border, v1,
    v1::body::Body,
    v1::{cost_statement, extension, release_return},
};

use super::Ground;

/// How long an offer stands if nobody says otherwise. Source: O, K12.
const OFFER_STANDS: Duration = Duration::from_hours(4);

/// A line for every item that is asked for, with all of it; the answer to each is left to a person.
pub fn offer(ground: &Ground<'_>) -> Option<Body> {
    let Body::ResourceRequest(asked) = ground.body()? else { return None };
    let line = |(at, item): (usize, &v1::RequestedItem)| v1::OfferLine {
        line_no: u32::try_from(at).unwrap_or(u32::MAX).saturating_add(1),
        item_no: item.item_no,
        kind: item.kind,
        category_code: item.category_code.clone(),
        description: item.description.clone(),
        quantity: item.quantity,
        unit: item.unit.clone(),
        ..v1::OfferLine::default()
    };
    Some(Body::ResourceOffer(v1::ResourceOffer {
        solicited: v1::YesNo::Yes.into(),
        lines: asked.items.iter().enumerate().map(line).collect(),
        valid_until: Some(border::time::to_wire(ground.now.plus(OFFER_STANDS))),
    }))
}

/// An order of everything that is offered.
pub fn decision(ground: &Ground<'_>) -> Option<Body> {
    let Body::ResourceOffer(offered) = ground.body()? else { return None };
    let header = ground.header()?;
    let line = |line: &v1::OfferLine| v1::DecisionLine {
        offer_message_id: header.message_id.clone(),
        line_no: line.line_no,
        item_no: line.item_no,
        decision: v1::OfferDecision::Order.into(),
        quantity: line.quantity,
        reason: String::new(),
    };
    let report_to = match (ground.find)(&header.originating_message_id)?.body?.body? {
        Body::ResourceRequest(asked) => asked.report_to,
        _ => None,
    };
    Some(Body::ResourceDecision(v1::ResourceDecision {
        lines: offered.lines.iter().filter(|line| is_live(line)).map(line).collect(),
        order_id: ground.number('O'),
        report_to,
        ..v1::ResourceDecision::default()
    }))
}

fn is_live(line: &v1::OfferLine) -> bool {
    matches!(line.answer(), v1::OfferAnswer::Offer | v1::OfferAnswer::Partial)
}

/// A mission with everything that is ordered of us, as we offered it.
pub fn commitment(ground: &Ground<'_>) -> Option<Body> {
    let Body::ResourceDecision(decided) = ground.body()? else { return None };
    let ordered: Vec<&v1::DecisionLine> =
        decided.lines.iter().filter(|line| line.decision() == v1::OfferDecision::Order).collect();
    let lines: Vec<Option<v1::OfferLine>> = ordered.iter().map(|line| offered(ground, line)).collect();
    let resource = |(line, offered): (&&v1::DecisionLine, &Option<v1::OfferLine>)| v1::CommittedResource {
        resource_id: offered.as_ref().and_then(|line| line.resource_ids.first().cloned()).unwrap_or_default(),
        item_no: line.item_no,
        line_no: line.line_no,
        quantity: line.quantity,
        type_level: offered.as_ref().and_then(|line| line.type_level),
        serials: Vec::new(),
    };
    let offered = lines.iter().flatten();
    Some(Body::ResourceCommitment(v1::ResourceCommitment {
        mission_id: ground.number('M'),
        order_id: decided.order_id.clone(),
        resources: ordered.iter().zip(&lines).map(resource).collect(),
        departure_planned: offered.clone().filter_map(|line| line.earliest_departure).max_by_key(seconds),
        eta: offered.filter_map(|line| line.eta).max_by_key(seconds),
        operational_control: v1::MissionSide::Requester.into(),
        recall_right: v1::MissionSide::Supplier.into(),
        ..v1::ResourceCommitment::default()
    }))
}

const fn seconds(at: &prost_types::Timestamp) -> i64 {
    at.seconds
}

fn offered(ground: &Ground<'_>, decided: &v1::DecisionLine) -> Option<v1::OfferLine> {
    let Body::ResourceOffer(offer) = (ground.find)(&decided.offer_message_id)?.body?.body? else { return None };
    offer.lines.into_iter().find(|line| line.line_no == decided.line_no)
}

/// The mission that a message of the resource family is about.
fn mission(ground: &Ground<'_>) -> Option<String> {
    Some(match ground.body()? {
        Body::ResourceCommitment(body) => body.mission_id.clone(),
        Body::DeploymentStatus(body) => body.mission_id.clone(),
        Body::Extension(body) => match body.part.as_ref()? {
            extension::Part::Request(part) => part.mission_id.clone(),
            extension::Part::Response(part) => part.mission_id.clone(),
        },
        Body::ReleaseReturn(body) => match body.part.as_ref()? {
            release_return::Part::Release(part) => part.mission_id.clone(),
            release_return::Part::ReturnRequest(part) => part.mission_id.clone(),
            release_return::Part::Response(part) => part.mission_id.clone(),
        },
        Body::CostStatement(body) => match body.part.as_ref()? {
            cost_statement::Part::Claim(part) => part.mission_id.clone(),
            cost_statement::Part::Answer(part) => part.mission_id.clone(),
        },
        _ => return None,
    })
}

/// The supplier's report on its mission.
pub fn status(ground: &Ground<'_>) -> Option<Body> {
    Some(Body::DeploymentStatus(v1::DeploymentStatus {
        mode: v1::DeploymentMode::Report.into(),
        mission_id: mission(ground)?,
        as_of: Some(ground.at_once()),
        ..v1::DeploymentStatus::default()
    }))
}

/// To a request the answer, to a commitment the request.
pub fn extension(ground: &Ground<'_>) -> Option<Body> {
    let (mission_id, asked) = (mission(ground)?, matches!(ground.body()?, Body::Extension(_)));
    let part = if asked {
        extension::Part::Response(v1::ExtensionResponse { mission_id, ..v1::ExtensionResponse::default() })
    } else {
        extension::Part::Request(v1::ExtensionRequest { mission_id, ..v1::ExtensionRequest::default() })
    };
    Some(Body::Extension(v1::Extension { part: Some(part) }))
}

/// To a request the answer; of a mission of ours the request to have it back, of another's its release.
pub fn release(ground: &Ground<'_>) -> Option<Body> {
    let mission_id = mission(ground)?;
    let part = match ground.body()? {
        Body::ReleaseReturn(_) => {
            release_return::Part::Response(v1::ReleaseReturnResponse { mission_id, ..Default::default() })
        }
        _ if is_ours(ground) => {
            release_return::Part::ReturnRequest(v1::ReturnRequest { mission_id, ..v1::ReturnRequest::default() })
        }
        _ => release_return::Part::Release(v1::Release {
            mission_id,
            from_when: Some(ground.at_once()),
            ..v1::Release::default()
        }),
    };
    Some(Body::ReleaseReturn(v1::ReleaseReturn { part: Some(part) }))
}

fn is_ours(ground: &Ground<'_>) -> bool {
    let sender = ground.header().and_then(|header| header.sender.as_ref());
    sender.is_some_and(|sender| sender.jurisdiction == ground.us.as_str())
}

/// To a claim the answer, else the claim.
pub fn cost(ground: &Ground<'_>) -> Option<Body> {
    let (mission_id, claimed) = (mission(ground)?, matches!(ground.body()?, Body::CostStatement(_)));
    let part = if claimed {
        cost_statement::Part::Answer(v1::CostReply { mission_id, ..v1::CostReply::default() })
    } else {
        cost_statement::Part::Claim(v1::CostClaim { mission_id, ..v1::CostClaim::default() })
    };
    Some(Body::CostStatement(v1::CostStatement { part: Some(part) }))
}
