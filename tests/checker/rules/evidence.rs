//! R11: heads and proofs agree with each other, and so do the sums.

use std::collections::BTreeMap;

use crate::checker::event::{Event, FaultKind, Head, Line, Proof, Proved, Sum};
use crate::checker::history::{History, Message};
use crate::checker::{Rule, Violation};

/// R11: a tree never shrinks and no size of it has two roots; heads verify; every proof that was asked for holds and names
/// heads that were seen; whenever the deliveries were counted, accepted × recipients = handed + negative + waiting.
pub fn evidence(history: &History<'_>) -> Vec<Violation> {
    let mut found = heads(history);
    found.extend(proofs(history));
    found.extend(history.lines.iter().enumerate().filter_map(|(at, line)| differs(history, at, line)));
    found.extend(books_differ(history));
    found
}

fn violation<'a>(says: String, lines: impl IntoIterator<Item = &'a Line>) -> Violation {
    Violation::new(Rule::R11Evidence, says, lines)
}

fn heads(history: &History<'_>) -> Vec<Violation> {
    let mut last: BTreeMap<&str, (u64, &Line)> = BTreeMap::new();
    let mut roots: BTreeMap<(&str, u64), (&str, &Line)> = BTreeMap::new();
    let mut found = Vec::new();
    for line in history.lines {
        let Event::Head(Head { owner, size, root, verified }) = &line.event else { continue };
        if *verified == Some(false) {
            found.push(violation(format!("the signature of a head of {owner} is not good"), [line]));
        }
        match last.insert(owner, (*size, line)) {
            Some((before, seen)) if before > *size => {
                found.push(violation(format!("the tree of {owner} shrank from {before} to {size}"), [seen, line]));
            }
            _ => {}
        }
        match roots.insert((owner, *size), (root, line)) {
            Some((before, seen)) if before != root => {
                found.push(violation(format!("the tree of {owner} has two roots of size {size}"), [seen, line]));
            }
            _ => {}
        }
    }
    found
}

fn proofs(history: &History<'_>) -> Vec<Violation> {
    let seen = |owner: &str, size: u64| {
        let is_it = |line: &Line| matches!(&line.event, Event::Head(head) if head.owner == owner && head.size == size);
        history.lines.iter().any(is_it)
    };
    let known = |hash: &str| {
        let receipts = history.messages.values().flat_map(|message| &message.receipts);
        receipts.into_iter().any(|(_, _, receipt)| receipt.hash == hash)
    };
    let wrong = |line: &Line| {
        let Event::Proof(Proof { owner, of, holds }) = &line.event else { return None };
        let about_seen = match of {
            Proved::Continues { from, to } => seen(owner, *from) && seen(owner, *to) && from <= to,
            Proved::Contains { receipt, size } => seen(owner, *size) && known(receipt),
        };
        let says = match (holds, about_seen) {
            (false, _) => format!("a proof of {owner} does not hold: {of:?}"),
            (true, false) => format!("a proof of {owner} is about what nobody has seen: {of:?}"),
            (true, true) => return None,
        };
        Some(violation(says, [line]))
    };
    history.lines.iter().filter_map(wrong).collect()
}

/// Deliveries of what was told as accepted before line `at`.
fn accepted_before(history: &History<'_>, at: usize) -> u64 {
    let told = |message: &&Message<'_>| message.oks.iter().any(|(told_at, _, _)| *told_at < at);
    history.messages.values().filter(told).map(|message| message.recipients().len() as u64).sum()
}

fn differs(history: &History<'_>, at: usize, line: &Line) -> Option<Violation> {
    let Event::Sum(Sum { handed, negative, waiting }) = line.event else { return None };
    let (accepted, counted) = (accepted_before(history, at), handed + negative + waiting);
    let says = format!("{accepted} deliveries were accepted, {counted} were counted");
    (accepted != counted).then(|| violation(says, [line]))
}

/// Three books of three parties: what senders were told, what stands in the inboxes that were read, and what the broker
/// counted last. Judged where inboxes were read and no state was lost.
fn books_differ(history: &History<'_>) -> Option<Violation> {
    let all = || history.messages.values();
    let lost = history.faults.iter().any(|(_, _, fault)| fault.kind == FaultKind::StateLost);
    let line = history.lines.iter().rev().find(|line| matches!(line.event, Event::Sum(_)))?;
    let Event::Sum(Sum { handed, negative, .. }) = line.event else { return None };
    let listed: usize = all().map(|message| message.listed.len()).sum();
    if lost || listed == 0 {
        return None;
    }
    let ends =
        |message: &Message<'_>| message.recipients().iter().filter(|to| message.negative_end(to).is_some()).count();
    let ended: usize = all().map(ends).sum();
    let says = format!(
        "the broker counted {handed} handed over and {negative} ended; inboxes hold {listed}, senders were told of {ended}"
    );
    ((handed, negative) != (listed as u64, ended as u64)).then(|| violation(says, [line]))
}
