//! R0, R5 and R9: one effect for one call, one meaning for one name, one answer for one question.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::checker::event::{Accepted, Event, Line, Submit};
use crate::checker::history::{History, Message, Seen};
use crate::checker::{Rule, Violation};

/// R0: a call may take effect once, at any time, or never; so one act of sending never becomes two messages.
pub fn indeterminate(history: &History<'_>) -> Vec<Violation> {
    let mut found = Vec::new();
    for (id, message) in &history.messages {
        let queued = message.queued.iter().map(|(_, line, queued)| (queued.message.as_str(), *line));
        let handed = message.hands.iter().map(|(_, line, hand)| (hand.message.as_str(), *line));
        let names: BTreeMap<&str, &Line> = queued.chain(handed).collect();
        if names.len() > 1 {
            let says = format!("{id} became {} messages", names.len());
            found.push(Violation::new(Rule::R0Indeterminate, says, names.into_values()));
        }
    }
    found
}

/// R5: what is sent after another's acceptance was seen gets a later position; no (epoch, position) and no
/// (sender, incarnation, sequence) names two things; holes in a sequence are explained by calls without an answer.
pub fn names(history: &History<'_>) -> Vec<Violation> {
    let mut found = positions_grow(history);
    found.extend(places_are_unique(history));
    found.extend(sequences_are_unique(history));
    found
}

fn positions_grow(history: &History<'_>) -> Vec<Violation> {
    let mut found = Vec::new();
    // what a state said that is lost since may be heard late; lives of one state go on counting
    let lost = history.losses_before(history.lines.len()) > 0;
    let of = |ok: &Accepted| if lost { ok.epoch.clone() } else { String::new() };
    let mut highest: BTreeMap<String, (u64, &Line)> = BTreeMap::new();
    let mut floors: HashMap<u64, BTreeMap<String, (u64, &Line)>> = HashMap::new();
    let mut counted: BTreeSet<&str> = BTreeSet::new();
    for line in history.lines {
        match &line.event {
            // the retry of an older call may be answered with the older place
            Event::Submit(submit) if counted.insert(&submit.id) => drop(floors.insert(submit.call, highest.clone())),
            Event::Ok(ok) => {
                if let Some((floor, before)) = floors.get(&ok.call).and_then(|seen| seen.get(&of(ok)))
                    && ok.position <= *floor
                {
                    let says = format!("{} got position {}, below {floor} that was told before", ok.id, ok.position);
                    found.push(Violation::new(Rule::R5Names, says, [before, line]));
                }
                let highest = highest.entry(of(ok)).or_insert((ok.position, line));
                if ok.position > highest.0 {
                    *highest = (ok.position, line);
                }
            }
            _ => {}
        }
    }
    found
}

fn places_are_unique(history: &History<'_>) -> Vec<Violation> {
    let oks = history.messages.iter().flat_map(|(id, message)| message.oks.iter().map(|ok| (*id, ok)));
    let named = oks.map(|(id, (_, line, ok))| (format!("position {} of epoch {}", ok.position, ok.epoch), id, *line));
    two_meanings(named)
}

fn sequences_are_unique(history: &History<'_>) -> Vec<Violation> {
    let mut named = Vec::new();
    let mut used: BTreeMap<(String, String), BTreeSet<u64>> = BTreeMap::new();
    for (id, message) in &history.messages {
        let Some((_, _, submit)) = message.submits.first() else { continue };
        for (_, line, hand) in &message.hands {
            let name = format!("number {} of {} in incarnation {}", hand.seq, submit.from, hand.incarnation);
            named.push((name, *id, *line));
            used.entry((submit.from.clone(), hand.incarnation.clone())).or_default().insert(hand.seq);
        }
    }
    let mut found = two_meanings(named.into_iter());
    found.extend(used.into_iter().filter_map(|((from, incarnation), used)| holes(history, &from, &incarnation, &used)));
    found
}

/// Each name with what it was said to mean; more than one meaning is a violation.
fn two_meanings<'a>(named: impl Iterator<Item = (String, &'a str, &'a Line)>) -> Vec<Violation> {
    let mut meanings: HashMap<String, (&str, &Line)> = HashMap::new();
    let mut found = Vec::new();
    for (name, id, line) in named {
        match meanings.get(&name) {
            Some((first, before)) if *first != id => {
                found.push(Violation::new(Rule::R5Names, format!("{name} means {first} and {id}"), [*before, line]));
            }
            Some(_) => {}
            None => drop(meanings.insert(name, (id, line))),
        }
    }
    found
}

fn holes(history: &History<'_>, from: &str, incarnation: &str, used: &BTreeSet<u64>) -> Option<Violation> {
    let span = used.last()? - used.first()? + 1;
    let missing = span - used.len() as u64;
    let unexplained = |message: &&Message<'_>| {
        let sent_by = message.submits.iter().any(|(_, _, submit)| submit.from == from);
        // what was accepted and ended negatively is not handed over, and what is unknown may never be
        sent_by && message.hands.is_empty()
    };
    let explained = history.messages.values().filter(unexplained).count() as u64;
    (missing > explained).then(|| {
        let says =
            format!("{from} used numbers in incarnation {incarnation} with {missing} holes, {explained} explained");
        Violation::new(Rule::R5Names, says, [])
    })
}

/// R9: the same id and bytes get the same receipt; the same id with other bytes is refused as a conflict and only so;
/// what was accepted is not refused as well.
pub fn idempotence(history: &History<'_>) -> Vec<Violation> {
    let mut found = Vec::new();
    for (id, message) in &history.messages {
        found.extend(message.oks.windows(2).filter_map(|pair| other_answer(history, id, &pair[0], &pair[1])));
        found.extend(conflicts(id, message));
        if let (Some((_, ok, _)), Some((_, refused, _))) = (message.oks.first(), message.refusals.first()) {
            found.push(Violation::new(Rule::R9Idempotence, format!("{id} was accepted and refused"), [*ok, *refused]));
        }
    }
    found
}

fn other_answer(
    history: &History<'_>,
    id: &str,
    first: &Seen<'_, Accepted>,
    next: &Seen<'_, Accepted>,
) -> Option<Violation> {
    let same =
        first.2.receipt == next.2.receipt && first.2.position == next.2.position && first.2.epoch == next.2.epoch;
    // the word of a state that is lost since may be heard after the loss
    let broker_forgot = history.losses_before(next.0) > 0 && first.2.epoch != next.2.epoch;
    (!same && !broker_forgot)
        .then(|| Violation::new(Rule::R9Idempotence, format!("{id} was answered with two receipts"), [first.1, next.1]))
}

fn conflicts(id: &str, message: &Message<'_>) -> Vec<Violation> {
    let Some((_, first, original)) = message.submits.first() else { return Vec::new() };
    let other: Vec<&Seen<'_, Submit>> =
        message.submits.iter().filter(|(_, _, submit)| submit.digest != original.digest).collect();
    let taken = other.iter().filter_map(|(_, line, submit)| {
        let ok = message.oks.iter().find(|(_, _, ok)| ok.call == submit.call)?;
        let says = format!("{id} was accepted a second time with other bytes");
        Some(Violation::new(Rule::R9Idempotence, says, [*first, *line, ok.1]))
    });
    let misnamed = other.iter().filter_map(|(_, line, submit)| {
        let (_, fail, _) = message
            .fails
            .iter()
            .find(|(_, _, fail)| fail.call == submit.call && !fail.code.ends_with("CONFLICT_ID"))?;
        let says = format!("other bytes under {id} were refused for another reason than a conflict");
        Some(Violation::new(Rule::R9Idempotence, says, [*first, *line, *fail]))
    });
    taken.chain(misnamed).collect()
}
