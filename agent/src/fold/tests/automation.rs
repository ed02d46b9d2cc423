//! What rules ask for: owed once, done once, listed when it is given up.

use proto::record::{ActEnded, ActOwed, ActProblem, ActTried, Queued, RuleMark, RulesLooked, kind};

use super::{
    super::{keys, query},
    desk::{LINYI, Table, XUZHOU},
};
use crate::rules::Action;

const HOUR: i64 = 3_600_000;

fn owed(cursor: u64, rule: &str, action: Action) -> ActOwed {
    ActOwed {
        act: keys::act_id(cursor, rule, action.number()).to_vec().into(),
        rule: rule.to_owned(),
        action: action.number(),
        expires_at: i64::MAX,
        ..ActOwed::default()
    }
}

fn problem(rule: &str) -> ActProblem {
    ActProblem { reason: "LD503_PEER_OFFLINE".to_owned(), rule: rule.to_owned(), ..ActProblem::default() }
}

fn look(desk: &mut Table, through: u64, owed: Vec<ActOwed>) {
    desk.fold(kind::RULES_LOOKED, &RulesLooked { through, owed, ..RulesLooked::default() });
}

/// The first act of each lane: its cursor and how often it was tried.
fn first(desk: &mut Table) -> Vec<(u64, u32)> {
    let acts = desk.read(|_, rows| query::acts(rows)).unwrap();
    acts.into_iter().map(|(id, row)| (keys::act_cursor(&id), row.tries)).collect()
}

fn dead(desk: &mut Table) -> Vec<String> {
    let acts = desk.read(|_, rows| query::dead_acts(rows)).unwrap();
    acts.into_iter().map(|row| row.problem.unwrap().rule).collect()
}

#[test]
fn acts_of_one_action_wait_for_each_other_and_those_of_others_do_not() {
    let mut desk = Table::new();
    look(&mut desk, 7, vec![owed(5, "map", Action::Webhook), owed(7, "map", Action::Webhook)]);
    look(&mut desk, 8, vec![owed(8, "map", Action::Write), owed(8, "other", Action::Webhook)]);

    let mut cursors = first(&mut desk);
    cursors.sort_unstable();
    assert_eq!(cursors, [(5, 0), (8, 0), (8, 0)]);

    let act = keys::act_id(5, "map", Action::Webhook.number()).to_vec();
    desk.fold(kind::ACT_TRIED, &ActTried { act: act.clone().into(), next_at: 1, problem: Some(problem("x")) });
    assert!(first(&mut desk).contains(&(5, 1)));
    desk.fold(kind::ACT_ENDED, &ActEnded { act: act.into(), problem: None });
    assert!(first(&mut desk).contains(&(7, 0)), "the next of the lane");
    assert_eq!(desk.read(|_, rows| query::rule(rows, "map")).unwrap().done, 1);
    desk.replay();
}

#[test]
fn a_message_that_a_rule_sent_settles_its_act_in_the_record_that_queues_it() {
    let mut desk = Table::new();
    look(&mut desk, 5, vec![owed(5, "water", Action::Forward)]);
    let draft = desk.draft(LINYI, &[XUZHOU]);
    let act: bytes::Bytes = keys::act_id(5, "water", Action::Forward.number()).to_vec().into();

    desk.fold(kind::QUEUED, &Queued { envelope: Some(draft.envelope()), act, program: None });

    assert_eq!(first(&mut desk), []);
    assert_eq!(desk.outbox(), [draft.id()]);
    assert_eq!(desk.read(|_, rows| query::rule(rows, "water")).unwrap().done, 1);
    desk.replay();
}

#[test]
fn a_look_that_is_told_again_later_owes_nothing() {
    let mut desk = Table::new();
    look(&mut desk, 9, vec![]);
    look(&mut desk, 5, vec![owed(5, "map", Action::Webhook)]);
    assert_eq!(first(&mut desk), []);
    desk.fold(kind::RULES_LOOKED, &RulesLooked { off: true, ..RulesLooked::default() });
    assert_eq!(desk.read(|_, rows| query::rules(rows)).unwrap().through, 0, "and begins anew where it was off");
    desk.replay();
}

#[test]
fn what_is_given_up_or_held_is_listed_newest_first_and_a_notice_is_a_task_at_once() {
    let mut desk = Table::new();
    let held = ActOwed { held: Some(problem("rules.hops")), ..owed(5, "water", Action::Forward) };
    let notice = ActOwed { text: "请注意".to_owned(), ..owed(5, "tell", Action::Notify) };
    look(&mut desk, 5, vec![held, notice, owed(5, "map", Action::Webhook)]);
    let act = keys::act_id(5, "map", Action::Webhook.number()).to_vec().into();
    desk.fold(kind::ACT_ENDED, &ActEnded { act, problem: Some(problem("rules.webhook")) });

    assert_eq!(dead(&mut desk), ["rules.webhook", "rules.hops"]);
    assert_eq!(desk.read(|_, rows| query::rules(rows)).unwrap().dead, 2);
    let tasks = desk.read(|_, rows| query::tasks(rows)).unwrap();
    assert_eq!(tasks.iter().map(|(_, row)| row.detail.as_str()).collect::<Vec<_>>(), ["请注意"]);
    assert_eq!(first(&mut desk), []);
    desk.replay();
}

#[test]
fn the_list_of_the_dead_has_an_end_and_the_oldest_leave_it() {
    let mut desk = Table::new();
    for cursor in 1..=1_003 {
        let held = ActOwed { held: Some(problem(&format!("n{cursor}"))), ..owed(cursor, "a", Action::Forward) };
        look(&mut desk, cursor, vec![held]);
    }
    let listed = dead(&mut desk);
    assert_eq!((listed.len(), listed[0].as_str(), listed[999].as_str()), (1_000, "n1003", "n4"));
    assert_eq!(desk.read(|_, rows| query::rule(rows, "a")).unwrap().dead, 1_003, "counted still");
}

#[test]
fn matches_are_counted_by_the_hour() {
    let mut desk = Table::new();
    let mark = |desk: &mut Table, through| {
        let mark = RuleMark { rule: "a".to_owned(), matched: 2, counted: 2, ..RuleMark::default() };
        desk.fold(kind::RULES_LOOKED, &RulesLooked { through, marks: vec![mark], ..RulesLooked::default() });
        let row = desk.read(|_, rows| query::rule(rows, "a")).unwrap();
        (row.matched, row.counted)
    };
    assert_eq!([mark(&mut desk, 1), mark(&mut desk, 2)], [(2, 2), (4, 4)]);
    desk.now += HOUR;
    assert_eq!(mark(&mut desk, 3), (6, 2));
    desk.replay();
}
