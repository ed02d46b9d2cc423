//! Gaps and overlaps of a roster, before they happen.

use std::time::Duration;

use model::{
    role::Role,
    roster::{MUST_BE_FILLED, Span},
    time::Timestamp,
};
use serde::Serialize;

use super::{file::Plan, view};
use crate::cli::{
    exit::{self, Said},
    out::{self, Context, bad, cell, muted},
    words,
};

/// What was found, as programs read it.
#[derive(Serialize)]
struct Row {
    role: &'static str,
    found: &'static str,
    from: String,
    to: String,
    #[serde(skip)]
    span: Span,
}

const GAP: &str = "GAP";
const OVERLAP: &str = "OVERLAP";

/// Prints what is found between now and so many days later.
///
/// # Errors
/// Exit code 65 where somebody must be and nobody is.
pub fn run(plan: &Plan, days: u32, now: Timestamp, context: Context) -> anyhow::Result<()> {
    let within = Span { from: now, to: now.plus(Duration::from_hours(u64::from(days) * 24)) };
    let rows = found(plan, within);
    let header = [("岗位", "POST"), ("情况", "FOUND"), ("起", "FROM"), ("止", "TO"), ("多久", "LENGTH")];
    if rows.is_empty() && context.is_table() {
        let (zh, en) =
            (format!("✓ {days} 天内无空档、无重叠。"), format!("✓ no gap and no overlap within {days} days."));
        out::line(context.say(&zh, &en))?;
    } else {
        context.rows(&rows, &header, |row| {
            let [from, to, length] = view::span(row.span, context);
            vec![
                cell(words::role_named(row.role, context.lang)),
                if row.found == GAP {
                    bad(context.say("✕ 空档，无人值守", "✕ gap: nobody on duty"))
                } else {
                    cell(context.say("重叠，按先后呼叫", "overlap: called in order"))
                },
                cell(from),
                cell(to),
                muted(&length),
            ]
        })?;
    }
    if rows.iter().any(|row| row.found == GAP) {
        context.next("liandong roster set FILE --as NAME/shift-leader", "补上空档", "fill the gap");
        return Err(Said(exit::DATA).into());
    }
    Ok(())
}

fn found(plan: &Plan, within: Span) -> Vec<Row> {
    let gaps =
        MUST_BE_FILLED.into_iter().flat_map(|role| plan.gaps(role, within).into_iter().map(move |gap| (role, gap)));
    let overlaps =
        plan.posts().flat_map(|(role, _)| plan.overlaps(role, within).into_iter().map(move |span| (role, span)));
    let row = |found: &'static str| {
        move |(role, span): (Role, Span)| Row {
            role: role.name(),
            found,
            from: span.from.rfc3339(),
            to: span.to.rfc3339(),
            span,
        }
    };
    let mut rows: Vec<Row> = gaps.map(row(GAP)).chain(overlaps.map(row(OVERLAP))).collect();
    rows.sort_by_key(|row| row.span);
    rows
}
