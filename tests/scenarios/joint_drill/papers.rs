//! What is written about the drill, and in it.

use std::time::Duration;

use bytes::Bytes;
use model::ids::MessageId;
use model::time::Timestamp;
use prost::Message as _;
use proto::border::time::to_wire;
use proto::v1;
use proto::v1::DrillControlVerb as Verb;
use proto::v1::body::Body;

use crate::chlorine::papers::resource_request;
use crate::world::drafts::bulletin;
use crate::world::papers::{Paper, paper};
use crate::world::region::{LY, LYG, XZ};

pub const DRILL: &str = "371300-DR-2027-01";
/// The event that is played.
pub const PLAYED: &str = "371300-20270917-0001";
/// An item of the drill of the year before.
pub const EARLIER: &str = "371300-AI-2026-03";
/// How long after STARTEX each inject comes, in minutes.
pub const OFFSETS: [u64; 14] = [2, 2, 4, 6, 8, 10, 12, 15, 18, 21, 24, 28, 32, 36];

/// The one among them that 连云港 never acknowledges.
pub const OVERDUE: usize = 1;

/// Real talk about the drill, by those who steer it.
pub fn about_drill(paper: Paper) -> Paper {
    paper.header(|header| {
        header.drill = Some(v1::DrillRef { drill_id: DRILL.into(), control: header_control(header) });
        header.sender.get_or_insert_default().role = v1::Role::DrillController.into();
    })
}

fn header_control(header: &v1::Header) -> i32 {
    header.drill.as_ref().map_or(0, |drill| drill.control)
}

/// 演练邀请.
pub fn invitation(now: Timestamp, sequence: u32, start: Timestamp) -> Paper {
    let paper = paper!(DrillInvitation, now, |body| {
        (body.drill_id, body.sequence) = (DRILL.into(), sequence);
        body.title = "沂沭郯新 2027 危化品运输事故联合演练".into();
        (body.start, body.end) = (Some(to_wire(start)), Some(to_wire(start.plus(Duration::from_hours(8)))));
        body.rsvp_by = Some(to_wire(start.minus(Duration::from_hours(30 * 24))));
        body.rehearsals.clear();
        let objective = |n: u32| v1::DrillObjective {
            objective_id: format!("OBJ-{n}"),
            capability: "跨省信息通报与研判".into(),
            standard: "60 分钟内答复资源请求".into(),
        };
        body.objectives = (1..=3).map(objective).collect();
        let wanted = body.wanted[0].clone();
        let of = |city: &str| v1::DrillWanted { jurisdiction: city.into(), ..wanted.clone() };
        body.wanted = vec![of(XZ), of(LYG)];
    });
    about_drill(paper.to(&[XZ, LYG]))
}

/// 演练回复.
pub fn reply(now: Timestamp, to: MessageId, sequence: u32, answer: v1::DrillAnswer) -> Paper {
    let paper = paper!(DrillReply, now, |body| {
        (body.drill_id, body.sequence, body.answer) = (DRILL.into(), sequence, answer.into());
        (body.delegate, body.counter) = (None, None);
    });
    about_drill(paper.follows(to).to(&[LY]))
}

/// 建议调整: so much later.
pub fn counter(now: Timestamp, to: MessageId, start: Timestamp) -> Paper {
    let mut paper = reply(now, to, 1, v1::DrillAnswer::Counter);
    if let Body::DrillReply(body) = paper.body() {
        let end = Some(to_wire(start.plus(Duration::from_hours(8))));
        body.counter =
            Some(v1::DrillCounter { start: Some(to_wire(start)), end, changes: "避开港口检修".into() });
    }
    paper
}

fn inject_id(at: usize) -> String {
    format!("INJ-{:02}", at + 1)
}

/// Two of the injects are reports and three are requests; the others are told in words.
fn inner(now: Timestamp, at: usize) -> Option<Body> {
    match at {
        1 | 7 => Some(report(now)),
        0 | 4 | 9 => resource_request(now).0.body.unwrap().body,
        _ => None,
    }
}

fn report(now: Timestamp) -> Body {
    let mut paper = paper!(IncidentReport, now, |body| {
        body.report_type = v1::ReportType::Initial.into();
        (body.known_at, body.occurred_at) = (Some(to_wire(now)), Some(to_wire(now)));
    });
    paper.body().clone()
}

fn encoded(body: Body) -> Bytes {
    v1::Body { body: Some(body) }.encode_to_vec().into()
}

/// 演练脚本, frozen.
pub fn plan(now: Timestamp) -> Paper {
    let paper = paper!(DrillPlan, now, |body| {
        (body.drill_id, body.sequence, body.version) = (DRILL.into(), 2, 1);
        body.state = v1::PlanState::Frozen.into();
        let pattern = body.injects[0].clone();
        let planned = |(at, minutes): (usize, &u64)| v1::PlannedInject {
            inject_id: inject_id(at),
            offset_s: Some(u32::try_from(minutes * 60).unwrap()),
            objective_ids: vec![format!("OBJ-{}", at % 3 + 1)],
            controller: Some(v1::Seat { jurisdiction: LY.into(), ..v1::Seat::default() }),
            ..pattern.clone()
        };
        body.injects = OFFSETS.iter().enumerate().map(planned).collect();
    });
    about_drill(paper.to(&[XZ, LYG]))
}

/// 导调指令.
pub fn order(now: Timestamp, verb: Verb, to: &[&str]) -> Paper {
    let paper = paper!(DrillControl, now, |body| {
        body.time_jump_min = None;
        body.reason = "新沂市发生燃气爆炸".into();
        body.real_incident_id = if verb == Verb::AbortRealEmergency { REAL.into() } else { String::new() };
    });
    let paper = about_drill(paper.to(to));
    paper.header(|header| header.drill.as_mut().unwrap().control = verb.into())
}

/// The real event in 新沂.
pub const REAL: &str = "320300-20270917-0001";

/// 情景注入, of the plan.
pub fn inject(now: Timestamp, at: usize, to: &[&str]) -> Paper {
    let held = inner(now, at);
    let whole = held.is_some();
    let paper = paper!(DrillInject, now, |body| {
        (body.inject_id, body.plan_version) = (inject_id(at), Some(1));
        if let Some(held) = held {
            body.message = Some(v1::drill_inject::Message::Inner(encoded(held)));
        }
    });
    let paper = paper.to(to).exercise(DRILL).header(|header| {
        header.sender.get_or_insert_default().role = v1::Role::DrillController.into();
    });
    if whole { in_the_event(paper) } else { paper }
}

/// About the event that is played: L2, under the agreement.
pub fn in_the_event(paper: Paper) -> Paper {
    paper.level(v1::EventLevel::L2).header(|header| {
        header.incident_id = PLAYED.into();
        header.category = v1::Category::Accident.into();
        header.agreement_id =
            if header.kind == i32::from(v1::Kind::IncidentReport) { String::new() } else { "AG-1".into() };
    })
}

/// A played answer.
pub fn played(paper: Paper) -> Paper {
    in_the_event(paper.exercise(DRILL))
}

/// What fills the lines while it is played.
pub fn chatter(number: usize, to: &[&str]) -> Paper {
    let precedence = if number.is_multiple_of(2) { v1::Precedence::Priority } else { v1::Precedence::Routine };
    let draft = bulletin(to, precedence, &format!("演练通报 {number}"));
    Paper(draft).exercise(DRILL).header(|header| header.incident_id = PLAYED.into())
}

/// 突发事件信息 from 新沂: real.
pub fn explosion(now: Timestamp) -> Paper {
    let mut paper = Paper::of(model::kind::Kind::IncidentReport, now);
    *paper.body() = report(now);
    let paper = paper.to(&[LY, LYG]).level(v1::EventLevel::L3).precedence(v1::Precedence::Priority);
    paper.header(|header| header.incident_id = REAL.into())
}

/// 任务 out of a review.
pub fn task(now: Timestamp, item_id: &str, drill_id: &str, recurrence_of: &str) -> Paper {
    let task = v1::ActionTask {
        item_id: item_id.into(),
        origin: v1::ActionOrigin::DrillReview.into(),
        origin_id: drill_id.into(),
        text: "疏散审批改为值班领导先行授权、事后报备".into(),
        owner: Some(v1::Seat { jurisdiction: XZ.into(), ..v1::Seat::default() }),
        due: Some(to_wire(now.plus(Duration::from_hours(60 * 24)))),
        status: v1::ActionItemStatus::Open.into(),
        recurrence_of: recurrence_of.into(),
        ..v1::ActionTask::default()
    };
    let paper = paper!(ActionItem, now, |body| body.part = Some(v1::action_item::Part::Task(task)));
    paper.to(&[XZ, LYG]).header(|header| header.sender.get_or_insert_default().role = v1::Role::Secretariat.into())
}

/// 任务进展: its owner has done it, and proves it.
pub fn done(now: Timestamp, task: MessageId, item_id: &str) -> Paper {
    let paper = paper!(ActionItem, now, |body| {
        let evidence = v1::FileRef {
            title: "授权办法".into(),
            uri: "https://files.example.cn/auth.pdf".into(),
            ..v1::FileRef::default()
        };
        let report = v1::ActionReport {
            item_id: item_id.into(),
            status: v1::ActionItemStatus::Done.into(),
            evidence: vec![evidence],
            note: "已印发".into(),
            ..v1::ActionReport::default()
        };
        body.part = Some(v1::action_item::Part::Report(report));
    });
    paper.follows(task).to(&[LY, LYG]).header(|header| header.action = v1::Action::Reply.into())
}
