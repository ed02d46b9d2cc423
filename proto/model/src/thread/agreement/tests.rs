#![allow(clippy::unwrap_used)]

use super::*;
use crate::{
    judge::sample::member,
    kind::Kind,
    thread::{
        AnyMachine, Facts as Any, Thread,
        talk::{Message, china, days, minutes, opened, parts, refused, says, wrong},
    },
};

const LY: &str = "371300";
const XZ: &str = "320300";
const LYG: &str = "320700";

fn first_day() -> Timestamp {
    china(2, 1, 0, 0)
}

fn after_last_day() -> Timestamp {
    china(7, 1, 0, 0)
}

fn terms(text: &str) -> Terms {
    Terms {
        substance: Digest::of(text.as_bytes()),
        parties: [LY, XZ, LYG].map(member).into(),
        valid_from: Civil::date(2027, 2, 1).unwrap(),
        valid_to: Civil::date(2027, 6, 30).unwrap(),
        overrides: vec![
            Override { deadline: DeadlineName::D10, level: None, within: minutes(30) },
            Override { deadline: DeadlineName::D01, level: Some(EventLevel::L3), within: minutes(20) },
        ],
    }
}

fn message(n: u8, by: &str, said: Said) -> Message {
    let facts = Any::Agreement(Facts { agreement_id: "AG-1".parse().unwrap(), said });
    Message::new(n, Kind::Agreement, by, facts).at(china(1, 4, 9, 0))
}

fn stands(n: u8, standing: Standing, text: &str) -> Message {
    message(n, LY, Said::Terms(standing, terms(text)))
}

fn word(n: u8, by: &str, word: Word, to: &Message) -> Message {
    message(n, by, Said::Reply(word)).follows(to, Action::Reply)
}

fn agreement(thread: &Thread) -> &Agreement {
    let AnyMachine::Agreement(agreement) = &thread.machine else { unreachable!() };
    agreement
}

fn signed() -> (Thread, Message) {
    let first = stands(1, Standing::Proposed, "v1");
    let mut thread = opened(&first);
    for (n, party) in [(2, XZ), (3, LYG)] {
        says(&mut thread, &word(n, party, Word::Signed, &first)).unwrap();
    }
    (thread, first)
}

/// An agreement in each state, when it is so, with its newest terms.
fn in_state(state: &str) -> (Thread, Timestamp, Message) {
    let now = china(3, 1, 9, 0);
    let first = stands(1, Standing::Proposed, "v1");
    let (whole, _) = signed();
    let said = |message: Message| {
        let mut thread = whole.clone();
        says(&mut thread, &message.clone().at(now)).unwrap();
        (thread, now, message)
    };
    let (thread, at, newest) = match state {
        "PROPOSED" => (opened(&first), first.at, first),
        "SIGNED" => (whole.clone(), first.at, first),
        "ACTIVE" => (whole.clone(), now, first),
        "SUSPENDED" => said(stands(9, Standing::Suspended, "v1").follows(&first, Action::Update)),
        "EXPIRED" => (whole.clone(), after_last_day(), first),
        _ => said(stands(9, Standing::Proposed, "v1").follows(&first, Action::Cancel)),
    };
    assert_eq!(thread.state_at(at).name, state);
    (thread, at, newest)
}

const STATES: [&str; 6] = ["PROPOSED", "SIGNED", "ACTIVE", "SUSPENDED", "EXPIRED", "CANCELLED"];

fn steps(newest: &Message) -> Vec<(&'static str, Message)> {
    let by = |id: &str, mut message: Message| {
        message.header.sender.jurisdiction = member(id);
        message
    };
    let update = |standing, text| stands(90, standing, text).follows(newest, Action::Update);
    let mut other = update(Standing::Proposed, "v1");
    let Any::Agreement(facts) = &mut other.facts else { unreachable!() };
    facts.agreement_id = "AG-2".parse().unwrap();
    let mut loose = terms("v2");
    loose.overrides.push(Override { deadline: DeadlineName::D15, level: None, within: minutes(121) });
    let loosened = message(90, LY, Said::Terms(Standing::Proposed, loose)).follows(newest, Action::Update);
    vec![
        ("PROPOSED, same terms", update(Standing::Proposed, "v1")),
        ("PROPOSED, other terms", update(Standing::Proposed, "v2")),
        ("PROPOSED, loosened by law", loosened),
        ("SUSPENDED", update(Standing::Suspended, "v1")),
        ("SUSPENDED, other terms", update(Standing::Suspended, "v2")),
        ("RESUMED", update(Standing::Resumed, "v1")),
        ("by another", by(XZ, update(Standing::Proposed, "v2"))),
        ("another agreement", other),
        ("by REPLY", stands(90, Standing::Proposed, "v1").follows(newest, Action::Reply)),
        ("says nothing", message(90, LY, Said::Nothing).follows(newest, Action::Update)),
        ("CANCEL without a word", message(90, LY, Said::Nothing).follows(newest, Action::Cancel)),
        ("CANCEL", update(Standing::Proposed, "v1").follows(newest, Action::Cancel)),
        ("signs", word(90, XZ, Word::Signed, newest)),
        ("declines", word(90, XZ, Word::Declined, newest)),
        ("asks to suspend", word(90, XZ, Word::Suspended, newest)),
        ("signs without a part", word(90, "371100", Word::Signed, newest)),
        ("signs other terms", word(90, XZ, Word::Signed, &stands(99, Standing::Proposed, "v0"))),
        ("signs by ORIGINATE", word(90, XZ, Word::Signed, newest).follows(newest, Action::Originate)),
    ]
}

fn row(step: &str) -> String {
    let outcome = |state: &&str| {
        let (mut thread, at, newest) = in_state(state);
        let message = steps(&newest).into_iter().find(|(name, _)| *name == step).unwrap().1.at(at);
        let shown = match says(&mut thread, &message) {
            Ok(_) => format!("→ {}", thread.state_at(at).name),
            Err((reason, rule)) => format!("{} {rule}", reason.name()),
        };
        format!("  {state}: {shown}")
    };
    format!("{step}\n{}", STATES.iter().map(outcome).collect::<Vec<_>>().join("\n"))
}

#[test]
fn every_step_in_every_state_leads_where_the_catalogue_says_or_breaks_its_rule() {
    let rows: Vec<String> =
        steps(&stands(1, Standing::Proposed, "v1")).into_iter().map(|(name, _)| row(name)).collect();
    assert_eq!(rows.join("\n"), include_str!("table.txt").trim_end());
}

#[test]
fn it_is_active_when_all_have_signed_and_its_first_day_has_come() {
    let first = stands(1, Standing::Proposed, "v1");
    let mut thread = opened(&first);
    assert_eq!(parts(&thread, first.at)[0], "signatures PROPOSED 1/3", "its author's leader has signed it off");
    says(&mut thread, &word(2, XZ, Word::Signed, &first)).unwrap();
    let waiting = ["signatures SIGNED 2/3", "320300 SIGNED", "320700 AWAITED", "371300 SIGNED"];
    assert_eq!(parts(&thread, first.at), waiting);
    assert_eq!(agreement(&thread).in_force_at(first_day()), None);
    says(&mut thread, &word(3, LYG, Word::Signed, &first)).unwrap();

    let states = [first.at, first_day().minus(minutes(1)), first_day(), after_last_day().minus(minutes(1))];
    assert_eq!(states.map(|at| thread.state_at(at).name), ["SIGNED", "SIGNED", "ACTIVE", "ACTIVE"]);
    assert_eq!(thread.state_at(after_last_day()).name, "EXPIRED", "the day after its last");
    assert_eq!(agreement(&thread).in_force_at(after_last_day()), None);
}

#[test]
fn its_deadlines_go_before_the_catalogues() {
    let (thread, _) = signed();
    let deal = agreement(&thread).in_force_at(first_day()).unwrap();
    assert_eq!(deal.within(DeadlineName::D10, EventLevel::L1), Some(minutes(30)), "at every level");
    assert_eq!(deal.within(DeadlineName::D01, EventLevel::L3), Some(minutes(20)));
    assert_eq!(deal.within(DeadlineName::D01, EventLevel::L4), None);
}

#[test]
fn other_terms_are_signed_anew_and_the_old_ones_hold_until_then() {
    let (mut thread, first) = signed();
    let now = china(3, 1, 9, 0);
    let second = stands(5, Standing::Proposed, "v2").follows(&first, Action::Update).at(now);
    says(&mut thread, &second).unwrap();
    assert_eq!(thread.state().name, "PROPOSED");
    assert_eq!(agreement(&thread).in_force_at(now).unwrap().substance, Digest::of(b"v1"));
    let old = word(6, XZ, Word::Signed, &first).at(now);
    assert_eq!(says(&mut thread, &old), Err(wrong("K54.stale_revision")));
    for (n, party) in [(7, XZ), (8, LYG)] {
        says(&mut thread, &word(n, party, Word::Signed, &second).at(now)).unwrap();
    }
    assert_eq!(thread.state().name, "ACTIVE");
    assert_eq!(agreement(&thread).in_force_at(now).unwrap().substance, Digest::of(b"v2"));
}

#[test]
fn a_suspended_agreement_holds_again_on_the_signatures_there_are() {
    let (mut thread, first) = signed();
    let now = china(3, 1, 9, 0);
    let suspended = stands(5, Standing::Suspended, "v1").follows(&first, Action::Update).at(now);
    says(&mut thread, &suspended).unwrap();
    assert_eq!((thread.state().name, agreement(&thread).in_force_at(now)), ("SUSPENDED", None));
    says(&mut thread, &stands(6, Standing::Resumed, "v1").follows(&suspended, Action::Update).at(now)).unwrap();
    assert_eq!(thread.state().name, "ACTIVE");
}

#[test]
fn what_the_law_gives_is_not_loosened_and_anything_is_tightened() {
    use DeadlineName::{D02, D03, D05, D10, D11, D15};
    let judged =
        |deadline, level, within| overrides_are_lawful(&[Override { deadline, level, within }]).map_err(refused);
    let loosened = Err((Reason::DeadlineLoosened, "K54.loosened".to_owned()));
    assert_eq!(judged(D10, Some(EventLevel::L2), minutes(60)), Ok(()));
    assert_eq!(judged(D10, Some(EventLevel::L2), minutes(61)), loosened);
    assert_eq!(judged(D10, None, minutes(31)), loosened, "at every level means at L1 too");
    assert_eq!(judged(D15, Some(EventLevel::L4), minutes(121)), loosened);
    assert_eq!(judged(D02, Some(EventLevel::L1), minutes(31)), loosened);
    assert_eq!(judged(D02, Some(EventLevel::L4), days(2)), Ok(()), "the law says nothing there");
    assert_eq!(judged(D03, None, minutes(45)), Ok(()));
    assert_eq!(judged(D05, Some(EventLevel::L3), minutes(1_441)), loosened);
    assert_eq!(judged(D11, None, days(2)), Ok(()), "marked as one that may be");
}

#[test]
fn nothing_but_terms_put_up_opens_an_agreement() {
    let first = stands(1, Standing::Proposed, "v1");
    let others = [stands(2, Standing::Suspended, "v1"), word(2, XZ, Word::Signed, &first)];
    for message in others {
        assert_eq!(Thread::open(&message.step()).map_err(refused).map(|_| ()), Err(wrong("K54.opens")));
    }
}
