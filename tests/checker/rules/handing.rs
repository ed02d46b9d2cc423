//! R2, R3, R4 and R10: what is handed over, to whom, how often and in which order.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::checker::event::{Hand, Line};
use crate::checker::history::{History, Message, Seen};
use crate::checker::{Rule, Violation};

/// So many may overtake whatever happens: what was on the wire.
const OVERTAKES_AT_MOST: usize = 2;
/// One in so many may be of a lower precedence: three of them, each with one frame in 48.
const STARVATION_SHARE: usize = 16;

/// R2: after the first confirm no further hand-over; before it only the same one again, with a growing try, and only
/// after the death of whoever held it. An inbox lists it once.
pub fn no_duplicate(history: &History<'_>) -> Vec<Violation> {
    let mut found = Vec::new();
    for (id, message) in &history.messages {
        let handed: BTreeSet<&str> = message.hands.iter().map(|(_, _, hand)| hand.to.as_str()).collect();
        for to in handed {
            let hands: Vec<_> = message.hands.iter().filter(|(_, _, hand)| hand.to == to).collect();
            let again = hands.windows(2).filter_map(|pair| duplicate(history, id, message, pair[0], pair[1]));
            found.extend(again);
        }
        found.extend(listed_twice(id, message));
    }
    found
}

fn duplicate(
    history: &History<'_>,
    id: &str,
    message: &Message<'_>,
    first: &Seen<'_, Hand>,
    next: &Seen<'_, Hand>,
) -> Option<Violation> {
    let to = &next.2.to;
    let confirmed = message.confirm(to).filter(|(at, _, _)| *at < next.0);
    let says = match confirmed {
        Some(_) => format!("{id} was handed to {to} again after it was confirmed"),
        None if next.2.cursor != first.2.cursor => format!("{id} stands twice in the line of {to}"),
        None if next.2.attempt <= first.2.attempt => format!("{id} was handed to {to} again without a growing try"),
        None if !history.holder_died(to, first.0, next.0) => {
            format!("{id} was handed to {to} again though its holder lived")
        }
        None => return None,
    };
    let lines = [Some(first.1), confirmed.map(|(_, line, _)| line), Some(next.1)];
    Some(Violation::new(Rule::R2NoDuplicate, says, lines.into_iter().flatten()))
}

fn listed_twice(id: &str, message: &Message<'_>) -> Vec<Violation> {
    let mut seen: HashMap<&str, &Line> = HashMap::new();
    let mut found = Vec::new();
    for (_, line, listed) in &message.listed {
        if let Some(first) = seen.insert(&listed.to, line) {
            let says = format!("{id} stands twice in the inbox of {}", listed.to);
            found.push(Violation::new(Rule::R2NoDuplicate, says, [first, line]));
        }
    }
    found
}

/// R3: every hand-over has an earlier submit with the same digest that did not fail, and its seal is good.
pub fn no_phantom(history: &History<'_>) -> Vec<Violation> {
    let mut found = Vec::new();
    for (id, message) in &history.messages {
        found.extend(message.hands.iter().filter_map(|hand| phantom(id, message, hand)));
    }
    found
}

fn phantom(id: &str, message: &Message<'_>, (at, line, hand): &Seen<'_, Hand>) -> Option<Violation> {
    let mut earlier = message.submits.iter().filter(|(submit_at, _, _)| submit_at < at).peekable();
    let says = if earlier.peek().is_none() {
        format!("{id} was handed to {} and nobody had sent it", hand.to)
    } else if !earlier.any(|(_, _, submit)| submit.digest == hand.digest) {
        format!("{id} was handed to {} with other bytes than were sent", hand.to)
    } else if message.is_failed() {
        format!("{id} was refused, and handed to {}", hand.to)
    } else if hand.verified == Some(false) {
        format!("{id} was handed to {} under a seal that is not the sender's", hand.to)
    } else {
        return None;
    };
    Some(Violation::new(Rule::R3NoPhantom, says, message.submit_lines().chain([*line])))
}

/// R4: for one sender, recipient and precedence the first hand-overs come in the order of the sender's sequence. What
/// is carried lower than it was sent (over the FLASH budget) is a line of its own.
pub fn order(history: &History<'_>) -> Vec<Violation> {
    let mut firsts: Vec<(Seen<'_, Hand>, (&str, u8))> = Vec::new();
    for message in history.messages.values() {
        let Some((_, _, submit)) = message.submits.first() else { continue };
        let handed: BTreeSet<&str> = message.hands.iter().map(|(_, _, hand)| hand.to.as_str()).collect();
        firsts.extend(
            handed
                .into_iter()
                .filter_map(|to| Some((message.first_hand(to)?, (submit.from.as_str(), submit.precedence)))),
        );
    }
    firsts.sort_by_key(|((at, _, _), _)| *at);
    let mut latest: BTreeMap<_, (u64, &Line)> = BTreeMap::new();
    let mut found = Vec::new();
    for ((_, line, hand), (from, sent_as)) in firsts {
        let key = (from, hand.to.as_str(), hand.incarnation.as_str(), sent_as, hand.precedence);
        match latest.get(&key) {
            Some((seq, before)) if *seq > hand.seq => {
                let says = format!("{from} → {}: number {} was handed over after {seq}", hand.to, hand.seq);
                found.push(Violation::new(Rule::R4Order, says, [before, line]));
            }
            _ => {
                latest.insert(key, (hand.seq, line));
            }
        }
    }
    found
}

/// R4, between precedences: what is sent only after something more urgent was accepted does not overtake it, but for
/// the few frames that keep a lower precedence from starving. Not judged where messages are of all sizes: there the bound is one of
/// bytes on their way, which a history does not tell.
pub fn urgent_first(history: &History<'_>) -> Vec<Violation> {
    if history.plan.all_sizes {
        return Vec::new();
    }
    let mut lines: BTreeMap<&str, Vec<Handed<'_>>> = BTreeMap::new();
    for message in history.messages.values() {
        for to in message.recipients() {
            if let (Some(hand), Some((submitted, _, _))) = (message.first_hand(to), message.submits.first()) {
                let accepted = message.oks.first().map(|(at, _, _)| *at);
                lines.entry(to).or_default().push(Handed { hand, submitted: *submitted, accepted });
            }
        }
    }
    lines.into_values().flat_map(overtaken).collect()
}

/// A first hand-over, and on which lines its message was submitted and accepted.
struct Handed<'a> {
    hand: Seen<'a, Hand>,
    submitted: usize,
    accepted: Option<usize>,
}

fn overtaken(mut line: Vec<Handed<'_>>) -> Vec<Violation> {
    line.sort_by_key(|handed| handed.hand.0);
    let mut found = Vec::new();
    for (at, urgent) in line.iter().enumerate() {
        let Some(accepted) = urgent.accepted else { continue };
        let since: Vec<&Handed<'_>> = line[..at].iter().rev().take_while(|other| other.hand.0 > accepted).collect();
        let lower = |other: &&&Handed<'_>| other.hand.2.precedence > urgent.hand.2.precedence;
        let overtakers: Vec<&&Handed<'_>> = since.iter().filter(lower).filter(|o| o.submitted > accepted).collect();
        if overtakers.len() > OVERTAKES_AT_MOST + since.len() / STARVATION_SHARE {
            let Hand { id, to, .. } = urgent.hand.2;
            let says =
                format!("{} less urgent ones, sent after {id} was accepted, reached {to} first", overtakers.len());
            let lines = overtakers.iter().rev().map(|other| other.hand.1).chain([urgent.hand.1]);
            found.push(Violation::new(Rule::R4Order, says, lines));
        }
    }
    found
}

/// R10: nothing is handed to anybody it was not resolved to.
pub fn rights(history: &History<'_>) -> Vec<Violation> {
    let mut found = Vec::new();
    for (id, message) in history.messages.iter().filter(|(_, message)| !message.submits.is_empty()) {
        let recipients = message.recipients();
        for (_, line, hand) in message.hands.iter().filter(|(_, _, hand)| !recipients.contains(hand.to.as_str())) {
            let says = format!("{id} was handed to {}, who is no recipient", hand.to);
            found.push(Violation::new(Rule::R10Rights, says, message.submit_lines().chain([*line])));
        }
    }
    found
}
