//! What the officers of the story write.

use std::time::Duration;

use bytes::Bytes;
use model::ids::MessageId;
use model::time::Timestamp;
use proto::border::time::to_wire;
use proto::v1;

use crate::world::drafts::{INCIDENT, circle, point};
use crate::world::papers::{Paper, paper};
use crate::world::region::{LY, LYG, XZ};

/// Where the tanker overturned: in LY, 2–3 km from XZ and 4 km from LYG.
const PLACE: (f64, f64) = (34.45, 118.36);

fn after(now: Timestamp, minutes: u64) -> prost_types::Timestamp {
    to_wire(now.plus(Duration::from_mins(minutes)))
}

/// A number that nobody knows: never 0.
pub fn unknown() -> v1::Count {
    v1::Count { certainty: v1::Certainty::Unknown.into(), ..v1::Count::default() }
}

/// 初报: L3, to whoever the circle touches.
pub fn first_report(now: Timestamp, radius_m: u32) -> Paper {
    let known = Some(to_wire(now.minus(Duration::from_mins(9))));
    let report = paper!(IncidentReport, now, |body| {
        body.report_type = v1::ReportType::Initial.into();
        (body.known_at, body.occurred_at) = (known, known);
        let likelihood = v1::CrossBorderLikelihood::Likely.into();
        body.cross_border = Some(v1::CrossBorder { likelihood, toward: vec![XZ.into(), LYG.into()] });
        body.casualties.as_mut().unwrap().dead = Some(unknown());
    });
    report.level(v1::EventLevel::L3).precedence(v1::Precedence::Priority).at(circle(PLACE.0, PLACE.1, radius_m))
}

/// 续报: what is new, after the report before.
pub fn follow_up(now: Timestamp, before: MessageId, number: u32, resolved: bool) -> Paper {
    let report = paper!(IncidentReport, now, |body| {
        body.report_type = v1::ReportType::FollowUp.into();
        body.sequence_no = Some(number);
        body.brief_course.clear();
        body.resolved = resolved;
    });
    report.follows(before).to(&[])
}

/// 终报, with or without the cause.
pub fn final_report(now: Timestamp, before: MessageId, cause: &str) -> Paper {
    let report = paper!(IncidentReport, now, |body| {
        body.report_type = v1::ReportType::Final.into();
        body.sequence_no = Some(0);
        body.next_report_due = None;
        body.cause = cause.into();
        body.totals = "3 人死亡、62 人急性中毒，转移群众 2 万人".into();
        body.aftermath = "伤员均在院治疗，群众已返回".into();
    });
    report.follows(before).level(v1::EventLevel::L2).to(&[])
}

/// 预警, orange.
pub fn alert(now: Timestamp, action: v1::AlertAction) -> Paper {
    let paper = paper!(Alert, now, |body| {
        body.alert_action = action.into();
        body.color = v1::WarningLevel::Orange.into();
        body.expires = Some(after(now, 480));
        body.cn_identifier = format!("37130045000000_20270512091000_{}", action as i32);
        body.areas[0].circles[0].center = Some(point(PLACE.0, PLACE.1));
    });
    let paper = paper.level(v1::EventLevel::L3).header(|header| {
        header.warning_level = v1::WarningLevel::Orange.into();
        header.incident_id = INCIDENT.into();
    });
    paper.precedence(v1::Precedence::Immediate).at(circle(PLACE.0, PLACE.1, 5_000))
}

/// 联动请求: four actions of 徐州.
pub fn action_request(now: Timestamp) -> Paper {
    use v1::ActionType::{Evacuate, GreenLane, Monitor, TrafficControl};
    paper!(ActionRequest, now, |body| {
        let pattern = body.actions[0].clone();
        let action = |(action_no, r#type): (u32, v1::ActionType)| v1::RequestedAction {
            action_no,
            r#type: r#type.into(),
            ..pattern.clone()
        };
        body.actions = (1..).zip([TrafficControl, Evacuate, Monitor, GreenLane]).map(action).collect();
    })
}

/// 联动答复: all agreed, and the evacuation as given.
pub fn action_response(now: Timestamp, before: MessageId, evacuation: v1::ActionAnswer) -> Paper {
    let response = paper!(ActionResponse, now, |body| {
        let pattern = body.decisions[0].clone();
        let decision = |action_no| {
            let answer = if action_no == 2 { evacuation } else { v1::ActionAnswer::Agree };
            let authority = "徐州市人民政府".into();
            v1::ActionDecision {
                action_no,
                answer: answer.into(),
                authority,
                until: Some(after(now, 30)),
                ..pattern.clone()
            }
        };
        body.decisions = (1..=4).map(decision).collect();
    });
    response.follows(before).to(&[LY])
}

/// 联动进展: done.
pub fn action_status(now: Timestamp, response: MessageId, action_no: u32) -> Paper {
    let status = paper!(ActionStatus, now, |body| {
        (body.action_no, body.state) = (action_no, v1::ActionState::Done.into());
        body.at = Some(to_wire(now));
    });
    status.follows(response).to(&[LY]).header(|header| header.action = v1::Action::Reply.into())
}

/// 资源请求: two teams and six air monitors.
pub fn resource_request(now: Timestamp) -> Paper {
    let request = paper!(ResourceRequest, now, |body| {
        let pattern = body.items[0].clone();
        let item = |(item_no, kind, quantity): (u32, v1::ResourceKind, u32)| v1::RequestedItem {
            item_no,
            kind: kind.into(),
            quantity,
            ..pattern.clone()
        };
        let needed = [(1, v1::ResourceKind::Team, 2), (2, v1::ResourceKind::Equipment, 6)];
        body.items = needed.map(item).into();
    });
    request.to(&[XZ, LYG])
}

/// 资源答复: one team and no monitor, or no team and four monitors.
pub fn resource_offer(now: Timestamp, request: MessageId, team: bool) -> Paper {
    let offer = paper!(ResourceOffer, now, |body| {
        body.solicited = v1::YesNo::Yes.into();
        let pattern = body.lines[0].clone();
        let line = |(item_no, quantity): (u32, u32)| {
            let answer = if quantity == 0 { v1::OfferAnswer::Decline } else { v1::OfferAnswer::Partial };
            let reason = v1::OfferReason::NoneAvailable.into();
            v1::OfferLine { line_no: item_no, item_no, answer: answer.into(), quantity, reason, ..pattern.clone() }
        };
        body.lines = (if team { [(1, 1), (2, 0)] } else { [(1, 0), (2, 4)] }).map(line).into();
    });
    offer.follows(request).to(&[LY])
}

/// 采用: what was offered.
pub fn resource_decision(now: Timestamp, offer: MessageId, team: bool, order_id: &str) -> Paper {
    let decision = paper!(ResourceDecision, now, |body| {
        body.order_id = order_id.into();
        let (item_no, quantity) = if team { (1, 1) } else { (2, 4) };
        body.lines = vec![v1::DecisionLine {
            offer_message_id: Bytes::copy_from_slice(&offer.0),
            line_no: item_no,
            item_no,
            decision: v1::OfferDecision::Order.into(),
            quantity,
            reason: String::new(),
        }];
    });
    decision.follows(offer)
}

/// 派遣承诺: what was ordered.
pub fn commitment(now: Timestamp, order: MessageId, team: bool, mission_id: &str, order_id: &str) -> Paper {
    let commitment = paper!(ResourceCommitment, now, |body| {
        (body.mission_id, body.order_id) = (mission_id.into(), order_id.into());
        let (item_no, quantity) = if team { (1, 1) } else { (2, 4) };
        let pattern = body.resources[0].clone();
        body.resources = vec![v1::CommittedResource { item_no, line_no: item_no, quantity, ..pattern }];
    });
    commitment.follows(order).to(&[LY])
}

/// 动态: one point of the way.
pub fn milestone(now: Timestamp, mission: MessageId, mission_id: &str, step: v1::ScheduleType) -> Paper {
    let status = paper!(DeploymentStatus, now, |body| {
        (body.mode, body.mission_id) = (v1::DeploymentMode::Report.into(), mission_id.into());
        body.question.clear();
        body.state = v1::MissionState::Unspecified.into();
        body.milestones =
            vec![v1::MissionMilestone { r#type: step.into(), at: Some(to_wire(now)), ..Default::default() }];
    });
    as_manager(status.follows(mission).to(&[LY]))
}

/// By whoever manages resources.
fn as_manager(paper: Paper) -> Paper {
    paper.header(|header| header.sender.get_or_insert_default().role = v1::Role::ResourceManager.into())
}

/// 延期: asked for.
pub fn extension(now: Timestamp, mission: MessageId, mission_id: &str) -> Paper {
    let extension = paper!(Extension, now, |body| {
        let Some(v1::extension::Part::Request(request)) = &mut body.part else { panic!("the example asks") };
        request.mission_id = mission_id.into();
    });
    extension.follows(mission).to(&[])
}

/// 延期: agreed.
pub fn extension_agreed(now: Timestamp, request: MessageId, mission_id: &str) -> Paper {
    let response = v1::ExtensionResponse {
        mission_id: mission_id.into(),
        answer: v1::ExtensionAnswer::Agree.into(),
        ..Default::default()
    };
    let extension = paper!(Extension, now, |body| body.part = Some(v1::extension::Part::Response(response)));
    extension.follows(request).to(&[LY])
}

/// 归建: let go.
pub fn release(now: Timestamp, mission: MessageId, mission_id: &str) -> Paper {
    let release = paper!(ReleaseReturn, now, |body| {
        let Some(v1::release_return::Part::Release(release)) = &mut body.part else { panic!("the example lets go") };
        release.mission_id = mission_id.into();
    });
    release.follows(mission).to(&[])
}

/// 归建: agreed.
pub fn release_agreed(now: Timestamp, release: MessageId, mission_id: &str) -> Paper {
    let response = v1::ReleaseReturnResponse {
        mission_id: mission_id.into(),
        answer: v1::ReleaseReturnAnswer::Agree.into(),
        release_at: Some(after(now, 30)),
        reason: String::new(),
    };
    let paper = paper!(ReleaseReturn, now, |body| body.part = Some(v1::release_return::Part::Response(response)));
    paper.follows(release).to(&[LY])
}

/// 结算: what it cost.
pub fn cost_claim(now: Timestamp, mission_id: &str) -> Paper {
    as_manager(paper!(CostStatement, now, |body| {
        let Some(v1::cost_statement::Part::Claim(claim)) = &mut body.part else { panic!("the example claims") };
        claim.mission_id = mission_id.into();
    }))
}

/// 结算: the payer's word.
pub fn cost_reply(now: Timestamp, claim: MessageId, mission_id: &str, answer: v1::CostAnswer) -> Paper {
    let disputed = v1::DisputedLine { line_no: 1, reason: "作业时长应为 10 小时".into(), accepted: None };
    let reply = v1::CostReply {
        mission_id: mission_id.into(),
        answer: answer.into(),
        disputed: if answer == v1::CostAnswer::Disputed { vec![disputed] } else { Vec::new() },
        paid_at: (answer == v1::CostAnswer::Paid).then(|| to_wire(now)),
        note: String::new(),
    };
    let paper = paper!(CostStatement, now, |body| body.part = Some(v1::cost_statement::Part::Answer(reply)));
    as_manager(paper.follows(claim).to(&[]))
}
