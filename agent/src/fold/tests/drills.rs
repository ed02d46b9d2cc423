//! Drills at the desk of a participant: what an abort leaves of what was played, and which tasks a settled review awaits.

use model::{
    ids::MessageId,
    kind::Kind,
    thread::{AnyMachine, Matter, drill::Phase},
    time::Timestamp,
};
use prost::Message as _;
use proto::{
    border::time::to_wire,
    v1::{self, DrillControlVerb as Verb, body::Body},
};

use super::{
    super::{keys, keys::MatterKey, matters, matters::MatterState, query},
    desk::{DAY, Draft, LIANYUNGANG, LINYI, NOON, Table, XUZHOU},
};

const MINUTE: i64 = 60_000;
const DRILL: &str = "320300-DR-2027-01";
const ITEM: &str = "320300-AI-2027-01";

/// A desk in a drill of 徐州 that has started.
fn live() -> Table {
    let mut desk = Table::new();
    let invitation = desk.about(Kind::DrillInvitation, XUZHOU, |body| {
        let Body::DrillInvitation(body) = body else { unreachable!() };
        (body.drill_id, body.sequence) = (DRILL.into(), 1);
    });
    let plan = desk.about(Kind::DrillPlan, XUZHOU, |body| {
        let Body::DrillPlan(body) = body else { unreachable!() };
        (body.drill_id, body.sequence, body.version) = (DRILL.into(), 1, 1);
        body.state = v1::PlanState::Frozen.into();
    });
    for draft in [invitation, plan] {
        desk.receive(&[(&draft, "")]);
        assert_eq!(desk.rule(&draft), "");
    }
    desk.ordered(Verb::Startex);
    assert_eq!(desk.phase(), Phase::Startex);
    desk
}

fn played(draft: Draft) -> Draft {
    draft.with(|header| {
        header.status = v1::Status::Exercise.into();
        header.drill = Some(v1::DrillRef { drill_id: DRILL.into(), control: 0 });
    })
}

/// The next revision of a message.
fn revised(draft: Draft, of: &Draft) -> Draft {
    draft.with(|header| {
        header.originating_message_id = of.header.originating_message_id.clone();
        header.preceding_message_id = of.header.message_id.clone();
        (header.action, header.revision) = (v1::Action::Update.into(), of.header.revision + 1);
    })
}

fn thread(draft: &Draft) -> MatterKey {
    keys::matter(&Matter::Thread(draft.id()))
}

impl Table {
    /// The example of a kind with other words.
    fn about(&mut self, kind: Kind, from: &str, change: impl FnOnce(&mut Body)) -> Draft {
        let mut draft = self.example(kind, from, |_| {}).unwrap();
        let mut body = v1::Body::decode(draft.body.clone()).unwrap().body.unwrap();
        change(&mut body);
        draft.body = v1::Body { body: Some(body) }.encode_to_vec().into();
        let others = [LINYI, XUZHOU, LIANYUNGANG].into_iter().filter(|city| *city != from);
        let to = |id: &str| v1::Address {
            to: Some(v1::address::To::Jurisdiction(v1::JurisdictionAddress { id: id.to_owned(), role: 0 })),
        };
        draft.with(|header| header.recipients = others.map(to).collect())
    }

    /// An order of the organiser.
    fn ordered(&mut self, control: Verb) {
        let order = self.about(Kind::DrillControl, XUZHOU, |_| {}).with(|header| {
            header.drill = Some(v1::DrillRef { drill_id: DRILL.into(), control: control.into() });
        });
        self.receive(&[(&order, "")]);
        assert_eq!(self.rule(&order), "");
    }

    /// An inject that holds a request for resources.
    fn inject(&mut self, from: &str) -> Draft {
        let inner = self.example(Kind::ResourceRequest, from, |_| {}).unwrap();
        let inject = self.about(Kind::DrillInject, from, |body| {
            let Body::DrillInject(body) = body else { unreachable!() };
            (body.inject_id, body.plan_version) = ("INJ-01".into(), Some(1));
            body.message = Some(v1::drill_inject::Message::Inner(inner.body.clone()));
        });
        played(inject)
    }

    /// A task of the drill's review.
    fn task(&mut self, from: &str, change: impl FnOnce(&mut v1::ActionTask)) -> Draft {
        let due = Some(to_wire(Timestamp::from_millis(self.now + 60 * DAY)));
        self.about(Kind::ActionItem, from, |body| {
            let Body::ActionItem(body) = body else { unreachable!() };
            let mut task = v1::ActionTask {
                item_id: ITEM.into(),
                origin: v1::ActionOrigin::DrillReview.into(),
                origin_id: DRILL.into(),
                text: "疏散审批改为先行授权".into(),
                owner: Some(v1::Seat { jurisdiction: LINYI.into(), ..v1::Seat::default() }),
                due,
                status: v1::ActionItemStatus::Open.into(),
                ..v1::ActionTask::default()
            };
            change(&mut task);
            body.part = Some(v1::action_item::Part::Task(task));
        })
    }

    fn reviewed(&mut self, from: &str, stage: v1::EvaluationStage) -> Draft {
        let draft = self.about(Kind::DrillEvaluation, from, |body| {
            let Body::DrillEvaluation(body) = body else { unreachable!() };
            (body.drill_id, body.stage) = (DRILL.into(), stage.into());
            body.improvements = vec![v1::Improvement {
                item_id: ITEM.into(),
                text: "疏散审批改为先行授权".into(),
                owner: Some(v1::Seat { jurisdiction: LINYI.into(), ..v1::Seat::default() }),
                due: Some(to_wire(Timestamp::from_millis(NOON + 60 * DAY))),
                ..v1::Improvement::default()
            }];
        });
        self.receive(&[(&draft, "")]);
        draft
    }

    fn state(&mut self, key: &MatterKey) -> Option<MatterState> {
        self.read(|_, rows| matters::read_matter(rows, key)).unwrap()
    }

    fn phase(&mut self) -> Phase {
        let key = keys::matter(&Matter::Drill(DRILL.parse().unwrap()));
        match self.state(&key).unwrap().thread.unwrap().machine {
            AnyMachine::Drill(drill) => drill.phase(),
            _ => unreachable!(),
        }
    }

    /// Whether nothing is awaited of anybody in a matter.
    fn is_silent(&mut self, key: &MatterKey) -> bool {
        self.state(key).is_none_or(|state| state.wake.is_none() && state.dropped)
    }

    fn item(&mut self) -> Option<MessageId> {
        self.read(|_, rows| query::item(rows, &ITEM.parse().unwrap())).unwrap()
    }
}

#[test]
fn an_abort_ends_what_is_overdue_already() {
    let mut desk = live();
    let bulletin = played(desk.draft(XUZHOU, &[LINYI])).with(|header| {
        header.receipt_required = v1::Stage::Acknowledged.into();
        header.incident_id = "320300-20270115-0001".into();
        (header.event_level, header.category) = (v1::EventLevel::L2.into(), v1::Category::Accident.into());
    });
    let stamp = desk.stamp(&bulletin, 10 * MINUTE);
    desk.receive_stamped(&bulletin, stamp);
    desk.now += 11 * MINUTE;
    desk.raise(&bulletin);
    desk.raise(&bulletin);
    assert_eq!(desk.open_tasks().len(), 2, "reminded, then overdue");
    let key = keys::matter(&Matter::Message(bulletin.id()));
    let climbs = desk.state(&key).unwrap().rungs(&key, Timestamp::from_millis(desk.now + 600 * MINUTE));
    assert!(!climbs.is_empty());

    desk.ordered(Verb::AbortRealEmergency);

    let tasks = desk.read(|_, rows| query::tasks(rows)).unwrap();
    assert_eq!(tasks.iter().map(|(_, task)| &*task.outcome).collect::<Vec<_>>(), ["VOID", "VOID"]);
    assert!(desk.is_silent(&key));
    for rung in climbs {
        desk.fold(proto::record::kind::RUNG, &rung); // the clerk had written it already
    }
    assert_eq!(desk.open_tasks(), []);
    desk.replay();
}

#[test]
fn what_waited_when_a_drill_was_aborted_owes_nothing_and_is_no_objection() {
    let mut desk = live();
    let request = played(desk.asked_of_both());
    let agreed = played(desk.answered(Kind::ActionResponse, LIANYUNGANG, &request));
    let status = played(desk.answered(Kind::ActionStatus, LIANYUNGANG, &agreed));
    let other = played(desk.asked_of_both());
    let vain = played(desk.answered(Kind::ActionResponse, LIANYUNGANG, &other));
    for draft in [&request, &status, &vain] {
        desk.receive(&[(draft, "")]);
    }
    assert!(desk.waits(&status) && desk.waits(&vain));
    desk.ordered(Verb::AbortRealEmergency);

    desk.receive(&[(&agreed, "")]);
    assert_eq!(desk.follow(&[&status, &vain]), 1);
    assert!(!desk.waits(&status) && desk.is_silent(&thread(&request)));
    let owed: Vec<_> =
        desk.state(&thread(&request)).unwrap().ledger().all().filter(|one| one.is_owed()).cloned().collect();
    assert_eq!(owed, []);

    desk.now += 10 * MINUTE;
    assert_eq!(desk.follow(&[&vain]), 1);
    assert!(!desk.waits(&vain) && !desk.objected(&vain), "nobody need be told");
    desk.replay();
}

#[test]
fn an_abort_ends_what_a_revised_inject_began() {
    let mut desk = live();
    let first = desk.inject(XUZHOU);
    let second = revised(desk.inject(XUZHOU), &first); // the first gave way to it while we were away
    desk.receive(&[(&second, "")]);
    assert_eq!(desk.rule(&second), "");
    assert!(desk.state(&thread(&first)).unwrap().wake.is_some(), "an answer is owed");

    desk.ordered(Verb::AbortRealEmergency);

    assert!(desk.is_silent(&thread(&first)));
    desk.replay();
}

#[test]
fn what_a_revised_inject_of_ours_began_counts_from_the_brokers_time() {
    let mut desk = live();
    let first = desk.inject(LINYI);
    let second = revised(desk.inject(LINYI), &first);
    desk.queue(&second);
    assert_eq!(desk.rule(&second), "");
    desk.now += MINUTE;
    desk.accept_by(&second, 10 * MINUTE);
    let owed = desk.state(&thread(&first)).unwrap();
    let starts: Vec<_> = owed.ledger().all().map(|one| one.starts_at.millis()).collect();
    assert!(!starts.is_empty() && starts.iter().all(|at| *at == desk.now), "{starts:?}");
}

#[test]
fn a_task_that_was_not_lawful_is_no_task() {
    let mut desk = live();
    let given_up = desk.task(LIANYUNGANG, |task| task.status = v1::ActionItemStatus::Cancelled.into());
    desk.receive(&[(&given_up, "")]);
    assert_eq!((desk.rule(&given_up).as_str(), desk.item()), ("K45.opens_open", None));
    let set = desk.task(XUZHOU, |_| {});
    desk.receive(&[(&set, "")]);
    assert_eq!(desk.item(), Some(set.id()));
}

#[test]
fn a_drill_is_closed_by_the_task_that_its_review_names_whoever_set_it() {
    let mut desk = live();
    desk.ordered(Verb::Endex);
    desk.reviewed(XUZHOU, v1::EvaluationStage::ReviewDraft);
    let set = desk.task(LIANYUNGANG, |_| {});
    let foreign = desk.task(LIANYUNGANG, |task| task.origin_id = "320300-DR-2026-01".into());
    desk.receive(&[(&foreign, ""), (&set, "")]);
    let of_another = desk.reviewed(LIANYUNGANG, v1::EvaluationStage::ReviewFinal);
    assert_eq!((desk.rule(&of_another).as_str(), desk.phase()), ("K35.organiser", Phase::ReviewDraft));
    desk.reviewed(XUZHOU, v1::EvaluationStage::ReviewFinal);
    assert_eq!(desk.phase(), Phase::Improving);

    // the chair is handed over, and the task set again; it comes before what the old chair said before
    let older = desk.task(LIANYUNGANG, |_| {});
    let again = desk.task(XUZHOU, |_| {});
    desk.receive(&[(&again, ""), (&older, "")]);
    assert_eq!(desk.item(), Some(again.id()), "the later one stands");
    let done = desk.task(XUZHOU, |task| task.status = v1::ActionItemStatus::Done.into());
    desk.receive(&[(&revised(done, &again), "")]);
    assert_eq!(desk.phase(), Phase::Closed);
    desk.replay();
}
