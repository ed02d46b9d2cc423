//! K30 to K35: what the machine of a drill needs of their bodies.

use std::time::Duration;

use model::{
    ids::DrillId,
    invalid::Invalid,
    thread::{
        self,
        drill::{Control, Evaluation, Facts, Improvement, Inject, InjectType, Invitation, Plan, Planned, Review},
        invitation::{Reply, Word},
    },
};

use super::pieces::{counted, delegate, listed, named, period, seat};
use crate::{
    border::{must, optional, parsed, time},
    v1,
};

/// K30.
pub fn invitation(body: &v1::DrillInvitation) -> Result<thread::Facts, Invalid> {
    Ok(thread::Facts::Drill(Facts::Invitation(Invitation {
        drill_id: drill(&body.drill_id)?,
        sequence: counted(body.sequence, "sequence")?,
        period: period(body.start, body.end)?,
        wanted: listed("wanted", &body.wanted, |wanted| {
            let v1::DrillWanted { jurisdiction, role, resources: _ } = wanted;
            seat(&v1::Seat { jurisdiction: jurisdiction.clone(), role: *role, name: String::new() })
        })?,
        rsvp_by: time::optional(body.rsvp_by, "rsvp_by")?,
    })))
}

/// K31.
pub fn reply(body: &v1::DrillReply) -> Result<thread::Facts, Invalid> {
    let counter = body.counter.as_ref().map(|counter| period(counter.start, counter.end));
    let reply = Reply {
        sequence: counted(body.sequence, "sequence")?,
        word: must(body.answer, Word::from_number, "answer")?,
        delegate: delegate(body.delegate.as_ref())?,
        counter: counter.transpose().map_err(|invalid| invalid.within("counter"))?,
    };
    Ok(thread::Facts::Drill(Facts::Reply(drill(&body.drill_id)?, reply)))
}

/// K32.
pub fn plan(body: &v1::DrillPlan) -> Result<thread::Facts, Invalid> {
    let frozen = match body.state() {
        v1::PlanState::Unspecified => return Err(Invalid::missing("state")),
        v1::PlanState::Draft => false,
        v1::PlanState::Frozen => true,
    };
    Ok(thread::Facts::Drill(Facts::Plan(Plan {
        drill_id: drill(&body.drill_id)?,
        sequence: counted(body.sequence, "sequence")?,
        version: counted(body.version, "version")?,
        frozen,
        injects: listed("injects", &body.injects, planned)?,
    })))
}

fn planned(inject: &v1::PlannedInject) -> Result<Planned, Invalid> {
    let controller = inject.controller.as_ref().ok_or_else(|| Invalid::missing("controller"))?;
    Ok(Planned {
        inject_id: named(&inject.inject_id, "inject_id")?,
        offset: Duration::from_secs(inject.offset_s.unwrap_or(0).into()),
        kind: must(inject.r#type, InjectType::from_number, "type")?,
        controller: seat(controller).map_err(|invalid| invalid.within("controller"))?.jurisdiction,
        expected_within: inject.expected_within_min.map(minutes),
    })
}

/// K33; drill and order stand in the header.
pub fn control(body: &v1::DrillControl) -> thread::Facts {
    thread::Facts::Drill(Facts::Control(Control { jump: body.time_jump_min.map(minutes) }))
}

/// K34; the drill stands in the header.
pub fn inject(body: &v1::DrillInject) -> Result<thread::Facts, Invalid> {
    let inject_id = named(&body.inject_id, "inject_id")?;
    Ok(thread::Facts::Drill(Facts::Inject(Inject { inject_id, plan_version: body.plan_version })))
}

/// K35.
pub fn evaluation(body: &v1::DrillEvaluation) -> Result<thread::Facts, Invalid> {
    Ok(thread::Facts::Drill(Facts::Evaluation(Evaluation {
        drill_id: drill(&body.drill_id)?,
        stage: must(body.stage, Review::from_number, "stage")?,
        improvements: listed("improvements", &body.improvements, |item| {
            Ok(Improvement {
                item_id: parsed(&item.item_id, "item_id")?,
                recurrence_of: optional(&item.recurrence_of, "recurrence_of")?,
            })
        })?,
    })))
}

fn drill(id: &str) -> Result<DrillId, Invalid> {
    parsed(id, "drill_id")
}

fn minutes(minutes: u32) -> Duration {
    Duration::from_mins(minutes.into())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use model::{thread::invitation::Period, time::Timestamp};

    use super::*;

    fn at(seconds: i64) -> prost_types::Timestamp {
        prost_types::Timestamp { seconds, nanos: 0 }
    }

    fn invited() -> v1::DrillInvitation {
        let wanted = |jurisdiction: &str, role: v1::Role| v1::DrillWanted {
            jurisdiction: jurisdiction.into(),
            role: role.into(),
            resources: "危化品救援队".into(),
        };
        v1::DrillInvitation {
            drill_id: "371300-DR-2027-01".into(),
            sequence: 2,
            start: Some(at(1_000)),
            end: Some(at(9_000)),
            wanted: vec![wanted("320300", v1::Role::DrillController), wanted("320700", v1::Role::Unspecified)],
            rsvp_by: Some(at(500)),
            ..v1::DrillInvitation::default()
        }
    }

    #[test]
    fn an_invitation_says_when_and_who() {
        let thread::Facts::Drill(Facts::Invitation(facts)) = invitation(&invited()).unwrap() else { unreachable!() };
        assert_eq!((facts.drill_id.as_str(), facts.sequence), ("371300-DR-2027-01", 2));
        let [start, end] = [1_000, 9_000].map(|seconds| Timestamp::from_millis(seconds * 1_000));
        assert_eq!(facts.period, Period { start, end });
        assert_eq!(facts.rsvp_by, Some(Timestamp::from_millis(500_000)));
        let wanted: Vec<_> = facts.wanted.iter().map(|seat| (seat.jurisdiction.as_str(), seat.role.name())).collect();
        assert_eq!(wanted, [("320300", "DRILL_CONTROLLER"), ("320700", "DUTY_OFFICER")]);
    }

    #[test]
    fn what_the_machine_cannot_do_without_is_named_where_it_lacks() {
        let field = |change: &dyn Fn(&mut v1::DrillInvitation)| {
            let mut body = invited();
            change(&mut body);
            invitation(&body).unwrap_err().field
        };
        assert_eq!(field(&|body| body.drill_id.clear()), "drill_id");
        assert_eq!(field(&|body| body.sequence = 0), "sequence");
        assert_eq!(field(&|body| body.start = None), "start");
        assert_eq!(field(&|body| body.end = None), "end");
        assert_eq!(field(&|body| body.wanted[1].jurisdiction = "临沂".into()), "wanted[1].jurisdiction");
        assert_eq!(field(&|body| body.wanted[0].role = 99), "wanted[0].role");
    }

    #[test]
    fn every_answer_of_the_contract_has_its_word() {
        let body = |answer: v1::DrillAnswer| v1::DrillReply {
            drill_id: "D".into(),
            sequence: 1,
            answer: answer.into(),
            ..v1::DrillReply::default()
        };
        for number in 1..=6 {
            let answer = v1::DrillAnswer::try_from(number).unwrap();
            let thread::Facts::Drill(Facts::Reply(_, said)) = reply(&body(answer)).unwrap() else { unreachable!() };
            assert_eq!(format!("DRILL_ANSWER_{}", said.word), answer.as_str_name());
        }
        assert_eq!(reply(&body(v1::DrillAnswer::Unspecified)).unwrap_err().field, "answer");
    }

    #[test]
    fn an_answer_says_who_comes_instead_and_what_is_proposed() {
        let seat = v1::Seat { jurisdiction: "371100".into(), ..v1::Seat::default() };
        let counter = v1::DrillCounter { start: Some(at(5)), end: Some(at(6)), changes: String::new() };
        let body = v1::DrillReply {
            drill_id: "D".into(),
            sequence: 3,
            answer: v1::DrillAnswer::Counter.into(),
            delegate: Some(seat),
            counter: Some(counter),
            ..v1::DrillReply::default()
        };
        let thread::Facts::Drill(Facts::Reply(_, said)) = reply(&body).unwrap() else { unreachable!() };
        assert_eq!(said.delegate.unwrap().jurisdiction.as_str(), "371100");
        assert_eq!(said.counter.unwrap().end, Timestamp::from_millis(6_000));
        let broken = v1::DrillReply { counter: Some(v1::DrillCounter::default()), ..body };
        assert_eq!(reply(&broken).unwrap_err().field, "counter.start");
    }

    #[test]
    fn a_plan_keeps_its_injects_by_their_offsets() {
        let inject = v1::PlannedInject {
            inject_id: "INJ-05".into(),
            offset_s: Some(1_500),
            r#type: v1::InjectType::Contingency.into(),
            controller: Some(v1::Seat { jurisdiction: "320300".into(), ..v1::Seat::default() }),
            expected_within_min: Some(15),
            ..v1::PlannedInject::default()
        };
        let body = v1::DrillPlan {
            drill_id: "D".into(),
            sequence: 2,
            version: 3,
            state: v1::PlanState::Frozen.into(),
            injects: vec![inject],
            ..v1::DrillPlan::default()
        };
        let thread::Facts::Drill(Facts::Plan(facts)) = plan(&body).unwrap() else { unreachable!() };
        assert_eq!((facts.sequence, facts.version, facts.frozen), (2, 3, true));
        let inject = &facts.injects[0];
        assert_eq!((inject.offset.as_secs(), inject.kind), (1_500, InjectType::Contingency));
        assert_eq!(inject.expected_within, Some(minutes(15)));
        let draft = v1::DrillPlan { state: v1::PlanState::Unspecified.into(), ..body };
        assert_eq!(plan(&draft).unwrap_err().field, "state");
    }

    #[test]
    fn orders_injects_and_reviews_say_what_is_judged() {
        let jump = v1::DrillControl { time_jump_min: Some(60), ..v1::DrillControl::default() };
        let facts = control(&jump);
        assert_eq!(facts, thread::Facts::Drill(Facts::Control(Control { jump: Some(minutes(60)) })));

        let body = v1::DrillInject { inject_id: "INJ-1".into(), plan_version: Some(2), ..v1::DrillInject::default() };
        let expected = Inject { inject_id: "INJ-1".into(), plan_version: Some(2) };
        assert_eq!(inject(&body).unwrap(), thread::Facts::Drill(Facts::Inject(expected)));
        assert_eq!(inject(&v1::DrillInject::default()).unwrap_err().field, "inject_id");

        let item = v1::Improvement {
            item_id: "371300-AI-2027-08".into(),
            recurrence_of: "371300-AI-2026-03".into(),
            ..v1::Improvement::default()
        };
        let body = v1::DrillEvaluation {
            drill_id: "D".into(),
            stage: v1::EvaluationStage::ReviewDraft.into(),
            improvements: vec![item],
            ..v1::DrillEvaluation::default()
        };
        let thread::Facts::Drill(Facts::Evaluation(facts)) = evaluation(&body).unwrap() else { unreachable!() };
        assert_eq!((facts.stage, facts.improvements.len()), (Review::Draft, 1));
        assert_eq!(facts.improvements[0].recurrence_of, Some("371300-AI-2026-03".parse().unwrap()));
    }
}
