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

const SD: &str = "370000";
const LY: &str = "371300";
const XZ: &str = "320300";

fn asked(n: u8, verdict: Option<Verdict>) -> Message {
    Message::new(n, Kind::VerificationRequest, SD, Any::Verification(Facts::Request(verdict))).to(&[LY])
}

fn reply(n: u8, by: &str, finding: Finding, to: &Message) -> Message {
    let facts = Any::Verification(Facts::Reply(finding));
    let mut message = Message::new(n, Kind::VerificationReply, by, facts).follows(to, Action::Reply);
    let checking = finding == Finding::StillChecking;
    message.header.answer = Some(if checking { Answer::StillChecking } else { Answer::Definite });
    message
}

fn states() -> Vec<(&'static str, Vec<Message>)> {
    let first = asked(1, None);
    let word = |verdict| asked(3, Some(verdict)).follows(&first, Action::Update);
    let answer = || reply(2, LY, Finding::True, &first);
    vec![
        ("ASKED", vec![]),
        ("CHECKING", vec![reply(2, LY, Finding::StillChecking, &first)]),
        ("ANSWERED", vec![answer()]),
        ("CONFIRMED", vec![answer(), word(Verdict::Confirmed)]),
        ("REOPENED", vec![answer(), word(Verdict::Reopened)]),
        ("CANCELLED", vec![asked(2, None).follows(&first, Action::Cancel)]),
    ]
}

#[test]
fn every_step_at_every_state_leads_on_or_breaks_its_rule() {
    let first = asked(1, None);
    let newest = asked(5, None).follows(&first, Action::Update);
    let mut foreign = asked(9, None).follows(&newest, Action::Update);
    foreign.header.sender.jurisdiction = member(XZ);
    let mut steps = vec![
        ("ask again".to_owned(), asked(9, None).follows(&newest, Action::Update)),
        ("ask again by another".to_owned(), foreign),
        ("confirm".to_owned(), asked(9, Some(Verdict::Confirmed)).follows(&newest, Action::Update)),
        ("reopen".to_owned(), asked(9, Some(Verdict::Reopened)).follows(&newest, Action::Update)),
        ("cancel".to_owned(), asked(9, None).follows(&newest, Action::Cancel)),
        ("reply of a stranger".to_owned(), reply(9, XZ, Finding::True, &first)),
    ];
    steps.extend(Finding::ALL.iter().map(|finding| (finding.name().to_owned(), reply(9, LY, *finding, &first))));
    let mut table = Vec::new();
    for (state, path) in states() {
        for (name, message) in &steps {
            let mut thread = opened(&first);
            for before in &path {
                says(&mut thread, before).unwrap();
            }
            assert_eq!(thread.state().name, state);
            let said = says(&mut thread, message).map(|_| thread.state().name.to_owned());
            table.push(format!("{state} {name}: {}", said.unwrap_or_else(|(_, rule)| rule)));
        }
    }
    assert_eq!(table.join("\n"), include_str!("table.txt").trim_end());
}

#[test]
fn an_interim_answer_meets_the_phone_half_alone() {
    let first = asked(1, None);
    let mut thread = opened(&first);
    let within: Vec<_> = thread.ledger.all().map(|owed| owed.due_at.since(owed.starts_at)).collect();
    assert_eq!(within, [minutes(120), minutes(60)], "no level is the mildest");
    says(&mut thread, &reply(2, LY, Finding::StillChecking, &first).at(NOON.plus(minutes(9)))).unwrap();
    let met = |thread: &Thread| owed(&thread.ledger).iter().map(|line| line.ends_with("Met")).collect::<Vec<_>>();
    assert_eq!(met(&thread), [false, true]);
    says(&mut thread, &reply(3, LY, Finding::False, &first).at(NOON.plus(minutes(50)))).unwrap();
    assert_eq!(met(&thread), [true, true]);
}

#[test]
fn a_lead_handed_on_begins_anew_for_the_next_place_and_stays_as_old_as_it_is() {
    let first = asked(1, None);
    let mut thread = opened(&first);
    says(&mut thread, &reply(2, LY, Finding::NotOurArea, &first)).unwrap();
    assert_eq!(thread.state().name, "ASKED", "nobody has answered the question");
    let on = asked(3, None).to(&[XZ]).follows(&first, Action::Update).at(NOON.plus(minutes(20)));
    says(&mut thread, &on).unwrap();
    let starts: Vec<_> = thread.ledger.all().map(|owed| owed.starts_at.since(NOON)).collect();
    assert_eq!(starts, [minutes(20), minutes(20), minutes(0), minutes(0)]);
    assert_eq!(parts(&thread, NOON), ["320300 ASKED", "371300 NOT_OUR_AREA"]);
    let super::super::AnyMachine::Verification(lead) = &thread.machine else { unreachable!() };
    assert_eq!(lead.open_for(NOON.plus(minutes(45))), minutes(45));
}

#[test]
fn the_answer_in_the_header_fits_the_finding() {
    let first = asked(1, None);
    let mut thread = opened(&first);
    let mut lie = reply(2, LY, Finding::True, &first);
    lie.header.answer = Some(Answer::StillChecking);
    assert_eq!(says(&mut thread, &lie).unwrap_err(), (Reason::BadSchema, "K03.answer".to_owned()));
}

#[test]
fn nothing_but_a_question_opens_one() {
    let reply = reply(1, LY, Finding::True, &asked(2, None));
    assert_eq!(Thread::open(&reply.step()).map_err(refused).unwrap_err(), wrong("K02.opens"));
    let verdict = asked(1, Some(Verdict::Confirmed));
    assert_eq!(Thread::open(&verdict.step()).map_err(refused).unwrap_err(), wrong("K02.verdict"));
}
