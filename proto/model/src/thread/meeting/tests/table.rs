//! Every state and every step: where it leads, or the rule that it breaks.

use super::*;
use crate::thread::talk::opened;

/// A meeting in each phase, when it is so, with its notice and minutes.
fn in_phase(phase: Phase) -> (Thread, Timestamp, Message, Message) {
    let before = start().minus(days(5));
    let first = notice(1, 1, start()).at(start().minus(days(30)));
    let minutes = record(2, "v1").at(start().plus(days(1)));
    let said = |message: Message| {
        let mut thread = opened(&first);
        says(&mut thread, &message.at(before)).unwrap();
        thread
    };
    let (thread, at) = match phase {
        Phase::Planned => (opened(&agenda(3, Some(AgendaStatus::OpenForProposals)).at(before)), before),
        Phase::Noticed => (opened(&first), before),
        Phase::Open => (said(agenda(3, Some(AgendaStatus::OpenForProposals))), before),
        Phase::Locked => (said(agenda(3, Some(AgendaStatus::Locked))), before),
        Phase::Held => (opened(&first), end_of(start())),
        Phase::Minuted => (minuted(&first, &minutes, &[]), minutes.at),
        Phase::Confirmed => (minuted(&first, &minutes, &MEMBERS), minutes.at),
        Phase::Closed => (minuted(&first, &minutes, &MEMBERS), start().plus(days(30))),
        Phase::Cancelled => (said(notice_of(3, 1, Method::Cancel, start()).follows(&first, Action::Update)), before),
    };
    assert_eq!(meeting(&thread).phase_at(at), phase);
    (thread, at, first, minutes)
}

fn minuted(first: &Message, minutes: &Message, confirming: &[&str]) -> Thread {
    let mut thread = opened(first);
    says(&mut thread, minutes).unwrap();
    for (n, member) in (10..).zip(confirming) {
        says(&mut thread, &word(n, member, MinutesWord::Confirmed, minutes).at(minutes.at)).unwrap();
    }
    thread
}

/// Every sort of step, by name.
fn steps(first: &Message, minutes: &Message) -> Vec<(&'static str, Message)> {
    let again = |sequence, at| notice(90, sequence, at).follows(first, Action::Update);
    let by = |id: &str, mut message: Message| {
        message.header.sender.jurisdiction = member(id);
        message
    };
    let off = || notice_of(90, 2, Method::Cancel, start()).follows(first, Action::Update);
    let later = start().plus(days(2));
    let corrected = |text| record(90, text).follows(minutes, Action::Update);
    let status = |status| agenda(90, Some(status));
    vec![
        ("K40 first", notice(90, 1, start())),
        ("K40 first, method CANCEL", notice_of(90, 1, Method::Cancel, start())),
        ("K40 other words", again(1, start())),
        ("K40 other date, same sequence", again(1, later)),
        ("K40 next sequence", again(2, later)),
        ("K40 stale", again(0, start())),
        ("K40 by another", by(XZ, again(2, later))),
        ("K40 method CANCEL", off()),
        ("K40 CANCEL", off().follows(first, Action::Cancel)),
        ("K40 REPLY", again(1, start()).follows(first, Action::Reply)),
        ("K41 ATTEND", reply(90, XZ, 1, Word::Attend, first)),
        ("K41 TENTATIVE", reply(90, XZ, 1, Word::Tentative, first)),
        ("K41 DECLINE", reply(90, XZ, 1, Word::Decline, first)),
        ("K41 DELEGATE", reply(90, XZ, 1, Word::Delegate, first)),
        ("K41 COUNTER", reply(90, XZ, 1, Word::Counter, first)),
        ("K41 REFRESH, stale", reply(90, XZ, 0, Word::Refresh, first)),
        ("K41 REFRESH by another", reply(90, "321300", 1, Word::Refresh, first)),
        ("K41 DECLINE_COUNTER to none", reply(90, LY, 1, Word::DeclineCounter, first)),
        ("K41 DECLINE_COUNTER by another", reply(90, XZ, 1, Word::DeclineCounter, first)),
        ("K41 stale", reply(90, XZ, 0, Word::Attend, first)),
        ("K41 unknown", reply(90, XZ, 2, Word::Attend, first)),
        ("K41 uninvited", reply(90, "321300", 1, Word::Attend, first)),
        ("K41 optional", reply(90, "370000", 1, Word::Attend, first)),
        ("K41 CANCEL", reply(90, XZ, 1, Word::Attend, first).follows(first, Action::Cancel)),
        ("K41 ORIGINATE", reply(90, XZ, 1, Word::Attend, first).follows(first, Action::Originate)),
        ("K43 OPENED", status(AgendaStatus::OpenForProposals)),
        ("K43 ITEM_DECIDED", agenda(90, None)),
        ("K43 LOCKED", status(AgendaStatus::Locked)),
        ("K43 FINAL", status(AgendaStatus::Final)),
        ("K43 by another", by(XZ, status(AgendaStatus::Locked))),
        ("K44 record", record(90, "v1")),
        ("K44 record, other text", corrected("v2")),
        ("K44 record, same text", corrected("v1")),
        ("K44 record by another", by(XZ, corrected("v2"))),
        ("K44 record CANCEL", corrected("v1").follows(minutes, Action::Cancel)),
        ("K44 CONFIRMED", word(90, XZ, MinutesWord::Confirmed, minutes)),
        ("K44 CONFIRMED_WITH_NOTE", word(90, XZ, MinutesWord::ConfirmedWithNote, minutes)),
        ("K44 OBJECTED", word(90, XZ, MinutesWord::Objected, minutes)),
        ("K44 CONFIRMED, other text", word(90, XZ, MinutesWord::Confirmed, first)),
        ("K44 CONFIRMED by another", word(90, "321300", MinutesWord::Confirmed, minutes)),
        ("K44 word CANCEL", word(90, XZ, MinutesWord::Confirmed, minutes).follows(minutes, Action::Cancel)),
        ("K44 word ORIGINATE", word(90, XZ, MinutesWord::Confirmed, minutes).follows(minutes, Action::Originate)),
    ]
}

/// Equal outcomes of neighbouring states stand once: `NOTICED OPEN LOCKED: → CANCELLED`.
fn row(step: &'static str) -> String {
    let mut groups: Vec<(Vec<&str>, String)> = Vec::new();
    for phase in Phase::ALL {
        let (mut thread, at, first, minutes) = in_phase(*phase);
        let message = steps(&first, &minutes).into_iter().find(|(name, _)| *name == step).unwrap().1.at(at);
        let outcome = match says(&mut thread, &message) {
            Ok(_) => format!("→ {}", thread.state_at(at).name),
            Err((reason, rule)) => format!("{} {rule}", reason.name()),
        };
        match groups.iter_mut().find(|(_, known)| *known == outcome) {
            Some((phases, _)) => phases.push(phase.name()),
            None => groups.push((vec![phase.name()], outcome)),
        }
    }
    let line = |(phases, outcome): (Vec<&str>, String)| format!("  {}: {outcome}", phases.join(" "));
    let lines: Vec<String> = groups.into_iter().map(line).collect();
    format!("{step}\n{}", lines.join("\n"))
}

#[test]
fn every_step_in_every_state_leads_where_the_catalogue_says_or_breaks_its_rule() {
    let (_, _, first, minutes) = in_phase(Phase::Noticed);
    let rows: Vec<String> = steps(&first, &minutes).into_iter().map(|(name, _)| row(name)).collect();
    assert_eq!(rows.join("\n"), include_str!("table.txt").trim_end());
}
