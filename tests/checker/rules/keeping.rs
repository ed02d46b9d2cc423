//! R7: what was told as accepted is still there after a recovery.

use crate::checker::event::{Line, Stands};
use crate::checker::history::{History, Message, Seen};
use crate::checker::{Rule, Violation};

/// R7: whenever the broker is asked about a message that was told as accepted, it knows it, at least as accepted for each
/// recipient; unless its state was lost as a whole since.
pub fn ack_is_true(history: &History<'_>) -> Vec<Violation> {
    let mut found = Vec::new();
    for (id, message) in &history.messages {
        found.extend(message.stands.iter().filter_map(|stands| forgotten(history, id, message, stands)));
    }
    found
}

fn forgotten(
    history: &History<'_>,
    id: &str,
    message: &Message<'_>,
    (at, line, stands): &Seen<'_, Stands>,
) -> Option<Violation> {
    let (told_at, told, ok) = message.oks.iter().find(|(told_at, _, _)| told_at < at)?;
    if history.losses_before(*at) > history.losses_before(*told_at) {
        return None;
    }
    let says = if stands.at.is_empty() {
        format!("{id} was told as accepted, and the broker does not know it")
    } else {
        let missing = ok.resolved.iter().find(|to| !stands.at.contains_key(*to))?;
        format!("{id} was told as accepted for {missing}, and the broker has no delivery to it")
    };
    let killed = history.faults.iter().rev().find(|(killed_at, _, _)| killed_at < at && killed_at > told_at);
    let lines: [Option<&Line>; 3] = [Some(told), killed.map(|(_, line, _)| *line), Some(line)];
    Some(Violation::new(Rule::R7AckIsTrue, says, message.submit_lines().chain(lines.into_iter().flatten())))
}
