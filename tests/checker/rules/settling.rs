//! R1 and R12: what was accepted settles, and soon.

use std::collections::BTreeSet;

use crate::checker::event::{Line, Stage};
use crate::checker::history::{History, Message};
use crate::checker::{Rule, Violation};

/// How long the rest may take once everything is healed.
const SETTLES_WITHIN_US: u64 = 30_000_000;

/// R1: every accepted message is, for every recipient, handed over and confirmed, or came to a negative end that the run
/// allows; and what a sender's agent called queued is accepted or refused. Attachments that were asked for are whole.
pub fn no_loss(history: &History<'_>) -> Vec<Violation> {
    let mut found = Vec::new();
    for (id, message) in &history.messages {
        if let Some(forgotten) = forgotten(id, message) {
            found.push(forgotten);
        }
        if message.is_accepted() {
            found.extend(message.recipients().into_iter().filter_map(|to| lost(history, id, message, to)));
        }
    }
    found.extend(missing_from_inboxes(history));
    found.extend(history.messages.iter().flat_map(|(id, message)| broken_attachments(id, message)));
    found
}

fn broken_attachments(id: &str, message: &Message<'_>) -> Vec<Violation> {
    let broken = message.attached.iter().filter(|(_, _, attached)| !attached.whole);
    let says = |to: &str| format!("an attachment of {id} is not whole at {to}");
    let violation = |line, to| Violation::new(Rule::R1NoLoss, says(to), message.submit_lines().chain([line]));
    broken.map(|(_, line, attached)| violation(*line, &attached.to)).collect()
}

/// What was handed over stands in the inbox, where the run read it.
fn missing_from_inboxes(history: &History<'_>) -> Vec<Violation> {
    let all = || history.messages.values();
    let read: BTreeSet<&str> = all().flat_map(|m| m.listed.iter().map(|(_, _, listed)| listed.to.as_str())).collect();
    let missing = |(id, message): (&&str, &Message<'_>)| {
        let listed = |to: &str| message.listed.iter().any(|(_, _, listed)| listed.to == to);
        let gone = message.hands.iter().find(|(_, _, hand)| read.contains(hand.to.as_str()) && !listed(&hand.to));
        gone.map(|(_, line, hand)| {
            let says = format!("{id} was handed to {} and is not in its inbox", hand.to);
            Violation::new(Rule::R1NoLoss, says, message.submit_lines().chain([*line]))
        })
    };
    history.messages.iter().filter_map(missing).collect()
}

fn forgotten(id: &str, message: &Message<'_>) -> Option<Violation> {
    let waits = !message.queued.is_empty() && !message.is_accepted() && message.refusals.is_empty();
    waits.then(|| {
        let lines = message.submit_lines().chain(message.queued.iter().map(|(_, line, _)| *line));
        Violation::new(Rule::R1NoLoss, format!("{id} was queued, and neither accepted nor refused by the end"), lines)
    })
}

fn lost(history: &History<'_>, id: &str, message: &Message<'_>, to: &str) -> Option<Violation> {
    let says = match (message.first_hand(to), message.negative_end(to)) {
        (Some(_), _) if message.confirm(to).is_some() => return None,
        (Some(_), _) => format!("{id} was handed to {to} and never confirmed"),
        (None, None) => format!("{id} was accepted for {to}, and neither handed over nor ended"),
        (None, Some(_)) if !history.plan.negative_ends => {
            format!("{id} ended negatively at {to}, in a run in which nothing should")
        }
        (None, Some((_, line, end))) => match too_early(message, line, end.stage) {
            true => format!("{id} expired at {to} before its time"),
            false if end.reason.is_empty() => format!("{id} ended at {to} without a reason"),
            false => return None,
        },
    };
    let receipts = message.receipts.iter().filter(|(_, _, r)| r.to == to).map(|(_, line, _)| *line);
    let oks = message.oks.iter().map(|(_, line, _)| *line);
    Some(Violation::new(Rule::R1NoLoss, says, message.submit_lines().chain(oks).chain(receipts)))
}

fn too_early(message: &Message<'_>, line: &Line, stage: Stage) -> bool {
    let expires = message.submits.iter().filter_map(|(_, _, submit)| submit.expires).min();
    stage == Stage::Expired && expires.is_none_or(|at| line.t < at)
}

/// R12: the history ends, and everything in A settled within 30 s after the last `quiet`.
pub fn liveness(history: &History<'_>) -> Vec<Violation> {
    let Some(quiet) = history.quiet.filter(|_| history.ended) else {
        return vec![Violation::new(Rule::R12Liveness, "the history has no quiet or no end", history.lines.last())];
    };
    let late = |(id, message): (&&str, &Message<'_>)| slow(id, message, quiet.saturating_add(SETTLES_WITHIN_US));
    history.messages.iter().filter(|(_, message)| message.is_accepted()).flat_map(late).collect()
}

fn slow(id: &str, message: &Message<'_>, until: u64) -> Vec<Violation> {
    let mut found = Vec::new();
    for to in message.recipients() {
        let hand = message.first_hand(to).map(|(_, line, _)| line);
        let settled =
            hand.into_iter().chain(message.negative_end(to).map(|(_, line, _)| line)).min_by_key(|line| line.t);
        if settled.is_none_or(|line| line.t > until) {
            let says = format!("{id} had not settled at {to} 30 s after quiet");
            found.push(Violation::new(Rule::R12Liveness, says, message.submit_lines().chain(settled)));
        }
    }
    found
}
