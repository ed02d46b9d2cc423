#![allow(clippy::unwrap_used)]

use super::*;
use crate::{
    judge::sample::{NOON, member},
    kind::Kind,
    reason::Reason,
    thread::{
        Facts as Any, Thread,
        talk::{Message, minutes, opened, owed, parts, refused, says, wrong},
    },
};

const LY: &str = "371300";
const XZ: &str = "320300";
const LYG: &str = "320700";

fn call(n: u8, at: Option<Timestamp>) -> Message {
    Message::new(n, Kind::ConsultationCall, LY, Any::Consultation(Facts::Call(at))).to(&[XZ, LYG])
}

fn reply(n: u8, by: &str, word: Word, to: &Message) -> Message {
    Message::new(n, Kind::ConsultationCall, by, Any::Consultation(Facts::Reply(word))).follows(to, Action::Reply)
}

fn conclusion(n: u8, to: &Message) -> Message {
    let facts = Any::Consultation(Facts::Conclusion(vec![member(XZ)]));
    Message::new(n, Kind::ConsultationConclusion, LY, facts).follows(to, Action::Reply)
}

fn verdict(n: u8, by: &str, verdict: Verdict, to: &Message) -> Message {
    let facts = Any::Consultation(Facts::Verdict(verdict));
    Message::new(n, Kind::ConsultationConclusion, by, facts).follows(to, Action::Reply)
}

/// Every step at every state: what follows, or the rule that is broken.
#[test]
fn every_step_at_every_state_leads_on_or_breaks_its_rule() {
    let first = call(1, None);
    let at = |state: &str| {
        let mut thread = opened(&first);
        let mut say = |message: Message| drop(says(&mut thread, &message).unwrap());
        match state {
            "LIVE" => {}
            "CANCELLED" => say(call(2, None).follows(&first, Action::Cancel)),
            _ => say(conclusion(2, &first)),
        }
        if state.starts_with("CONFIRMED") {
            let word = if state == "CONFIRMED" { Verdict::Confirm } else { Verdict::Object };
            say(verdict(3, XZ, Verdict::Confirm, &first));
            say(verdict(4, LYG, word, &first));
        }
        assert_eq!(thread.state().name, state);
        thread
    };
    let mut foreign = conclusion(9, &first);
    foreign.header.sender.jurisdiction = member(XZ);
    let steps = [
        ("update", call(9, None).follows(&first, Action::Update)),
        ("cancel", call(9, None).follows(&first, Action::Cancel)),
        ("reply", reply(9, XZ, Word::Join, &first)),
        ("reply of a stranger", reply(9, "371100", Word::Join, &first)),
        ("conclude", conclusion(9, &first)),
        ("conclude by another", foreign),
        ("confirm", verdict(9, XZ, Verdict::Confirm, &first)),
    ];
    let mut table = Vec::new();
    for state in ["LIVE", "CONCLUDED", "CONFIRMED", "CONFIRMED_WITH_OBJECTION", "CANCELLED"] {
        for (name, message) in &steps {
            let mut thread = at(state);
            let said = says(&mut thread, message).map(|_| thread.state().name.to_owned());
            table.push(format!("{state} {name}: {}", said.unwrap_or_else(|(_, rule)| rule)));
        }
    }
    assert_eq!(table.join("\n"), include_str!("table.txt").trim_end());
}

#[test]
fn the_invited_owe_a_word_within_the_time_of_the_level() {
    let first = call(1, None);
    let mut thread = opened(&first);
    let within: Vec<_> = thread.ledger.all().map(|owed| owed.due_at.since(owed.starts_at)).collect();
    assert_eq!(within, [minutes(15); 2], "L2");
    says(&mut thread, &reply(2, XZ, Word::Late, &first).at(NOON.plus(minutes(4)))).unwrap();
    let lines = owed(&thread.ledger);
    assert!(lines[0].ends_with("Met") && lines[1].ends_with("Running"), "{lines:?}");
    assert_eq!(parts(&thread, NOON), ["320300 LATE", "320700 CALLED"]);
}

#[test]
fn it_is_called_until_its_hour_and_not_concluded_before() {
    let hour = NOON.plus(minutes(60));
    let first = call(1, Some(hour));
    let mut thread = opened(&first);
    assert_eq!(thread.state().name, "CALLED");
    assert_eq!(says(&mut thread, &conclusion(2, &first)), Err(wrong("K24.not_held_yet")));
    assert_eq!(thread.state_at(hour).name, "LIVE");
    says(&mut thread, &conclusion(3, &first).at(hour)).unwrap();
}

#[test]
fn a_corrected_conclusion_is_judged_anew_and_who_declined_is_not_waited_for() {
    let first = call(1, None);
    let mut thread = opened(&first);
    says(&mut thread, &reply(2, LYG, Word::Decline, &first)).unwrap();
    let concluded = conclusion(3, &first);
    says(&mut thread, &concluded).unwrap();
    says(&mut thread, &verdict(4, XZ, Verdict::Object, &first)).unwrap();
    assert_eq!(thread.state().name, "CONFIRMED_WITH_OBJECTION");
    let mut better = conclusion(5, &first).follows(&concluded, Action::Update);
    better.header.originating_message_id = first.header.message_id;
    says(&mut thread, &better).unwrap();
    assert_eq!(thread.state().name, "CONCLUDED");
}

#[test]
fn nothing_but_a_call_opens_one() {
    let message = reply(1, XZ, Word::Join, &call(2, None));
    assert_eq!(
        Thread::open(&message.step()).map_err(refused).unwrap_err(),
        (Reason::WrongSequence, "K23.opens".into())
    );
}
