#![allow(clippy::unwrap_used)]

use proptest::prelude::*;

use super::*;
use crate::{
    contradiction::differences,
    count::Count,
    judge::sample::member,
    kind::Kind,
    thread::{
        AnyMachine, Facts as Any, Mark, Thread,
        talk::{Message, china, opened, owed, parts, refused, says, wrong},
    },
    time::Timestamp,
};

const LY: &str = "371300";
const XZ: &str = "320300";

fn known(count: u32, as_of: Timestamp) -> Count {
    Count { count: Some(count), as_of: Some(as_of) }
}

fn at(name: &str, missing: Count) -> At {
    let place = Place { division: member("371322"), name: name.to_owned(), point: None };
    At { place, casualties: Casualties { missing, ..Casualties::default() } }
}

fn report(n: u8, by: &str, number: u32, places: Vec<At>) -> Message {
    Message::new(n, Kind::SituationReport, by, Any::Situation(Facts { number, places, corrects: false }))
}

/// With a reason.
fn because(mut message: Message) -> Message {
    if let Any::Situation(facts) = &mut message.facts {
        facts.corrects = true;
    }
    message
}

fn situation(thread: &Thread) -> &Situation {
    let AnyMachine::Situation(situation) = &thread.machine else { unreachable!() };
    situation
}

fn situation_mut(thread: &mut Thread) -> &mut Situation {
    let AnyMachine::Situation(situation) = &mut thread.machine else { unreachable!() };
    situation
}

fn figures(thread: &Thread) -> Vec<Figures> {
    situation(thread).figures().collect()
}

/// 2027-07-20, the day of the flood.
fn flood(hour: u8, minute: u8) -> Timestamp {
    china(7, 20, hour, minute)
}

#[test]
fn the_flood_two_cities_count_differently_until_one_corrects() {
    let first = report(1, LY, 1, vec![at("沂河大桥", known(2, flood(11, 30)))]).at(flood(12, 0));
    let mut linyi = opened(&first);
    let theirs = report(2, XZ, 1, vec![at("沂河大桥", known(4, flood(11, 40)))]).at(flood(12, 0));
    let mut xuzhou = opened(&theirs);

    let found = differences(&figures(&linyi), &figures(&xuzhou));
    let said: Vec<_> = found.iter().map(|found| (found.to_string(), found.one.as_of, found.other.as_of)).collect();
    assert_eq!(said, [("沂河大桥 MISSING 2 / 4".to_owned(), Some(flood(11, 30)), Some(flood(11, 40)))]);

    let places = vec![at("沂河大桥", known(4, flood(12, 50)))];
    let corrected = because(report(3, LY, 1, places)).follows(&first, Action::Update).at(flood(13, 0));
    assert_eq!(says(&mut linyi, &corrected), Ok(Vec::new()));

    assert_eq!(linyi.state().name, "CORRECTED");
    assert_eq!(parts(&linyi, flood(13, 0)), ["沂河大桥 CORRECTED 不明 unknown / 4"], "the dead are unknown, not zero");
    assert_eq!(differences(&figures(&linyi), &figures(&xuzhou)), []);
    assert!(owed(&linyi.ledger).is_empty(), "nothing is owed for it");

    for thread in [&mut linyi, &mut xuzhou] {
        situation_mut(thread).followed(2);
        assert_eq!((thread.state().name, thread.state().over), ("FOLLOWED", true));
    }
}

#[test]
fn a_count_that_falls_is_explained() {
    let noon = flood(12, 0);
    let first = report(1, LY, 1, vec![at("沂河大桥", known(4, noon)), at("红花镇", known(0, noon))]);
    let unknown = Count::default();
    let village = || at("红花镇", known(0, noon));
    let lower = [
        vec![at("沂河大桥", known(3, noon)), village()],
        vec![at("沂河大桥", unknown), village()],
        vec![village()],
        vec![at("沭河大桥", known(4, noon)), village()],
    ];
    for places in lower {
        let mut thread = opened(&first);
        let message = report(2, LY, 1, places).follows(&first, Action::Update);
        let missing = (Reason::MissingField, "K05.correction_reason".to_owned());
        assert_eq!(says(&mut thread, &message), Err(missing));
        assert_eq!(thread.step(&message.step()).unwrap_err().field, "body.correction_reason");
        assert_eq!(says(&mut thread, &because(message)), Ok(Vec::new()));
    }
    let mut thread = opened(&first);
    let as_before = report(2, LY, 1, vec![at("沂河大桥", known(4, noon))]).follows(&first, Action::Update);
    assert_eq!(says(&mut thread, &as_before), Ok(Vec::new()), "where nobody was missing nothing falls");
}

#[test]
fn every_step_in_every_state_leads_where_the_catalogue_says_or_breaks_its_rule() {
    let mut table = Vec::new();
    for phase in Phase::ALL {
        let first = report(1, LY, 1, Vec::new());
        let newest = match phase {
            Phase::Published => first.clone(),
            Phase::Corrected | Phase::Followed => report(2, LY, 1, Vec::new()).follows(&first, Action::Update),
            Phase::Cancelled => report(2, LY, 1, Vec::new()).follows(&first, Action::Cancel),
        };
        let next = |action| report(9, LY, 1, Vec::new()).follows(&newest, action);
        let other_number = report(9, LY, 2, Vec::new()).follows(&newest, Action::Update);
        let by_another = report(9, XZ, 1, Vec::new()).follows(&newest, Action::Update);
        let steps = [
            ("UPDATE", next(Action::Update)),
            ("UPDATE, other number", other_number),
            ("UPDATE by another", by_another),
            ("CANCEL", next(Action::Cancel)),
            ("REPLY", next(Action::Reply)),
            ("ERROR", next(Action::Error)),
            ("the first again", first.clone()),
        ];
        for (name, message) in steps {
            let mut thread = opened(&first);
            if newest.header.revision > 1 {
                says(&mut thread, &newest).unwrap();
            }
            if *phase == Phase::Followed {
                situation_mut(&mut thread).followed(2);
            }
            assert_eq!(situation(&thread).phase, *phase);
            let outcome = match says(&mut thread, &message) {
                Ok(marks) if marks.is_empty() => format!("→ {}", thread.state().name),
                Ok(marks) => format!("{} → {}", marks[0].mark, thread.state().name),
                Err((reason, rule)) => format!("{} {rule}", reason.name()),
            };
            table.push(format!("{phase} {name}: {outcome}"));
        }
    }
    assert_eq!(table.join("\n"), include_str!("table.txt").trim_end());
}

#[test]
fn a_report_opens_its_thread_and_a_reply_does_not() {
    let first = report(1, LY, 1, Vec::new());
    let reply = report(2, LY, 1, Vec::new()).follows(&first, Action::Reply);
    assert_eq!(Thread::open(&reply.step()).map_err(refused).map(|_| ()), Err(wrong("K05.opens")));
    let later = report(2, LY, 1, Vec::new()).follows(&first, Action::Update);
    assert_eq!(opened(&later).state().name, "CORRECTED");
}

#[test]
fn only_a_later_number_follows() {
    let mut thread = opened(&report(1, LY, 2, Vec::new()));
    for (number, state) in [(1, "PUBLISHED"), (2, "PUBLISHED"), (3, "FOLLOWED")] {
        situation_mut(&mut thread).followed(number);
        assert_eq!(thread.state().name, state);
    }
    assert_eq!(situation(&thread).number(), 2);
}

proptest! {
    #[test]
    fn the_highest_revision_is_in_force_in_whatever_order_they_come(
        order in Just((0_u8..5).collect::<Vec<_>>()).prop_shuffle(),
    ) {
        let first = report(1, LY, 1, vec![at("沂河大桥", known(0, flood(12, 0)))]);
        let revision = |n: u8| {
            let mut message = report(n + 1, LY, 1, vec![at("沂河大桥", known(n.into(), flood(12, n)))]);
            if n > 0 {
                message = message.follows(&first, Action::Update);
                message.header.revision = u32::from(n) + 1;
            }
            message
        };
        let mut thread = opened(&revision(order[0]));
        let mut highest = order[0];
        for n in &order[1..] {
            let marks = says(&mut thread, &revision(*n)).unwrap();
            prop_assert_eq!(marks.iter().any(|marked| marked.mark == Mark::Overtaken), *n < highest);
            highest = highest.max(*n);
        }
        prop_assert_eq!(figures(&thread)[0].missing.count, Some(4));
    }
}
