//! R6 and R8: receipts go forward and are true.

use std::collections::{BTreeMap, BTreeSet};

use crate::checker::event::{Line, Receipt, Stage};
use crate::checker::history::{History, Message, Seen};
use crate::checker::{Rule, Violation};

/// R6: between two reads a delivery never goes back; a negative end is final, but for DELIVERED, which may overtake it
/// once.
pub fn forward_only(history: &History<'_>) -> Vec<Violation> {
    let mut found = Vec::new();
    for (id, message) in &history.messages {
        let receipts = message.receipts.iter().map(|(_, _, r)| r.to.as_str());
        let about: BTreeSet<&str> = receipts.chain(message.reads.iter().map(|(_, _, r)| r.to.as_str())).collect();
        found.extend(about.into_iter().filter_map(|to| went_back(id, to, &message.stages(to))));
    }
    found
}

fn went_back(id: &str, to: &str, stages: &[(usize, &Line, Stage)]) -> Option<Violation> {
    let mut overtaken = false;
    let mut now: Option<(&Line, Stage)> = None;
    for (_, line, stage) in stages {
        let Some((before, was)) = now.replace((line, *stage)) else { continue };
        let lawful = match (was.is_negative(), stage.is_negative()) {
            (true, true) => was == *stage,
            (true, false) => *stage >= Stage::Delivered && !std::mem::replace(&mut overtaken, true),
            (false, true) => was < Stage::Delivered,
            (false, false) => *stage >= was,
        };
        if !lawful {
            let says = format!("{id} at {to} went from {was:?} to {stage:?}");
            return Some(Violation::new(Rule::R6ForwardOnly, says, [before, line]));
        }
    }
    None
}

/// R8: DELIVERED only of what is in the inbox, OPENED and later only after the hand-over; each receipt verifies, names
/// the content; what a person signed follows a known receipt of an earlier stage; one of each stage, of equal content
/// when repeated.
pub fn receipts_are_true(history: &History<'_>) -> Vec<Violation> {
    let mut found = Vec::new();
    for (id, message) in &history.messages {
        found.extend(message.receipts.iter().filter_map(|receipt| untrue(id, message, receipt)));
        found.extend(contents_differ(id, message));
        found.extend(said_twice(history, id, message));
    }
    found
}

fn untrue(id: &str, message: &Message<'_>, (at, line, receipt): &Seen<'_, Receipt>) -> Option<Violation> {
    let to = &receipt.to;
    let hand = message.first_hand(to);
    let reached = !receipt.stage.is_negative() && receipt.stage != Stage::Accepted;
    let follows = |hash: &String| {
        let before = |other: &Receipt| {
            other.hash == *hash && other.stage < receipt.stage && (other.to.is_empty() || other.to == *to)
        };
        message.receipts.iter().any(|(_, _, other)| before(other))
    };
    let by_a_person = matches!(receipt.stage, Stage::Opened | Stage::Acknowledged | Stage::WillAnswer);
    let says = if receipt.verified == Some(false) {
        format!("the signature of a receipt about {id} is not good")
    } else if receipt.stage == Stage::Delivered && hand.is_none() {
        format!("{id} is said to be delivered to {to}, who never got it")
    } else if reached && receipt.stage > Stage::Delivered && hand.is_none_or(|(handed, _, _)| handed > *at) {
        format!("{id} is said to be {:?} at {to} before it was handed over", receipt.stage)
    } else if by_a_person && receipt.previous.is_none() {
        format!("a receipt about {id} follows none: {:?}", receipt.stage)
    } else if receipt.previous.as_ref().is_some_and(|hash| !follows(hash)) {
        format!("a receipt about {id} follows one that nobody has")
    } else {
        return None;
    };
    let lines = message.submit_lines().chain(hand.map(|(_, line, _)| line)).chain([*line]);
    Some(Violation::new(Rule::R8Receipts, says, lines))
}

fn contents_differ(id: &str, message: &Message<'_>) -> Option<Violation> {
    let receipts = message.receipts.iter().map(|(_, line, receipt)| (receipt.content.as_str(), *line));
    let hands = message.hands.iter().map(|(_, line, hand)| (hand.content.as_str(), *line));
    let contents: BTreeMap<&str, &Line> = receipts.chain(hands).collect();
    let says = format!("receipts and hand-overs of {id} name {} contents", contents.len());
    (contents.len() > 1).then(|| Violation::new(Rule::R8Receipts, says, contents.into_values()))
}

fn said_twice(history: &History<'_>, id: &str, message: &Message<'_>) -> Vec<Violation> {
    let mut first: BTreeMap<(&str, Stage), &Seen<'_, Receipt>> = BTreeMap::new();
    let mut found = Vec::new();
    for seen in &message.receipts {
        let Some(before) = first.insert((&seen.2.to, seen.2.stage), seen) else { continue };
        let broker_forgot = history.losses_before(seen.0) > 0;
        if before.2.hash != seen.2.hash && !(seen.2.stage == Stage::Accepted && broker_forgot) {
            let says = format!("two receipts say {:?} of {id} with other contents", seen.2.stage);
            found.push(Violation::new(Rule::R8Receipts, says, [before.1, seen.1]));
        }
    }
    found
}
