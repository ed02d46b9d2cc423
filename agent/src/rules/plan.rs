//! Which rules match an event, what each would do, and what speaks against it. The looker writes down what comes of it; a
//! dry run shows the same and writes nothing.

use std::collections::BTreeMap;

use model::{
    header::Precedence,
    invalid::Invalid,
    level::{EventLevel, WarningLevel},
    limits,
    reason::Reason,
    status::Status,
    time::Timestamp,
};
use proto::v1;
use serde_json::Value;

use super::{
    Action, Rule, Rules,
    condition::Outcome,
    event::{Event, What},
    facts,
};
use crate::{
    desk::{Desk, rows},
    fold::{HOUR_MS, query},
};

/// What came of one rule.
#[derive(Debug)]
pub struct Tried<'r> {
    /// Which.
    pub rule: &'r Rule,
    /// What came of its condition.
    pub verdict: Verdict,
    /// What it would do; empty where it does not match.
    pub acts: Vec<Planned>,
}

/// What came of a condition.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Verdict {
    /// It holds.
    Matches,
    /// It does not.
    Differs,
    /// The rule looks at events of another sort, or at messages of another status.
    OtherEvent,
    /// It cannot be evaluated, which counts as no match.
    Failed(String),
}

/// One act, and what speaks against it.
#[derive(Debug)]
pub struct Planned {
    /// What.
    pub action: Action,
    /// What it comes to, for people; the text of a notice.
    pub detail: String,
    /// Why it is not to be done.
    pub held: Option<Invalid>,
}

/// How often rules have acted in this hour, with what is planned and not written down yet.
#[derive(Debug, Default)]
pub struct Rates(BTreeMap<String, u32>);

impl Rates {
    /// Counts one more, unless the rule has had its share of this hour.
    fn take(&mut self, desk: &Desk, rule: &Rule, now: Timestamp) -> Result<bool, Invalid> {
        let counted = if let Some(counted) = self.0.get(&rule.name) {
            *counted
        } else {
            let row = desk.engine.read(|_, found| query::rule(found, &rule.name)).map_err(rows)?;
            if row.hour == now.millis() / HOUR_MS { row.counted } else { 0 }
        };
        let free = counted < rule.per_hour;
        self.0.insert(rule.name.clone(), counted + u32::from(free));
        Ok(free)
    }
}

/// What every rule makes of an event, in the order of the file.
///
/// # Errors
/// The desk's own rows cannot be read.
pub fn plan<'r>(
    desk: &Desk,
    rules: &'r Rules,
    event: &Event,
    rates: &mut Rates,
    now: Timestamp,
) -> Result<Vec<Tried<'r>>, Invalid> {
    let facts = facts::of(desk, event, now)?;
    let planning = Planning { desk, rules, event, facts: &facts };
    rules.rules.iter().map(|rule| planning.rule(rule, rates, now)).collect()
}

struct Planning<'p> {
    desk: &'p Desk,
    rules: &'p Rules,
    event: &'p Event,
    facts: &'p Value,
}

impl Planning<'_> {
    fn rule<'r>(&self, rule: &'r Rule, rates: &mut Rates, now: Timestamp) -> Result<Tried<'r>, Invalid> {
        let verdict = verdict(rule, self.event, self.facts);
        if verdict != Verdict::Matches {
            return Ok(Tried { rule, verdict, acts: Vec::new() });
        }
        let counted = rule.actions().any(Action::is_counted);
        let free = !counted || rates.take(self.desk, rule, now)?;
        let acts = rule.actions().map(|action| self.act(rule, action, free)).collect();
        Ok(Tried { rule, verdict, acts })
    }

    fn act(&self, rule: &Rule, action: Action, free: bool) -> Planned {
        let (detail, held) = match self.detail(rule, action) {
            Ok(detail) => (detail, self.guard(rule, action).err()),
            Err(problem) => (String::new(), Some(problem)),
        };
        let over = action.is_counted() && !free;
        let held = held.or_else(|| over.then(|| rate(rule)));
        Planned { action, detail, held }
    }

    /// What an act comes to, as people read it.
    fn detail(&self, rule: &Rule, action: Action) -> Result<String, Invalid> {
        let told = match action {
            Action::Acknowledge => rule.acknowledge.as_ref().map(|with| with.note.fill(self.facts)).transpose()?,
            Action::Notify => rule.notify.as_ref().map(|text| text.fill(self.facts)).transpose()?,
            Action::Answer => rule.answer.as_ref().map(|answer| answer.kind.code()),
            Action::Forward => rule
                .forward
                .as_ref()
                .map(|forward| forward.to.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")),
            Action::Webhook => rule.webhook.as_ref().map(|webhook| webhook.url.to_string()),
            Action::Run => rule.run.as_ref().map(|run| run.command.join(" ")),
            Action::Write => rule.write.as_ref().map(|folder| folder.display().to_string()),
        };
        Ok(told.unwrap_or_default())
    }

    /// What speaks against an act: never for a person where a person is needed, never in a loop.
    fn guard(&self, rule: &Rule, action: Action) -> Result<(), Invalid> {
        match action {
            Action::Acknowledge => self.event.message.as_ref().map_or(Ok(()), |letter| not_grave(&letter.header)),
            Action::Answer | Action::Forward => {
                self.event.message.as_ref().map_or(Ok(()), |letter| few_hops(rule, &letter.header))?;
                let draft = self.desk.draft_of(self.rules, rule, action, self.event, self.facts)?;
                self.desk.compose(draft).map(|_| ())
            }
            Action::Notify | Action::Webhook | Action::Run | Action::Write => Ok(()),
        }
    }
}

fn verdict(rule: &Rule, event: &Event, facts: &Value) -> Verdict {
    if rule.on != event.on() || !looks_at(rule, event) {
        return Verdict::OtherEvent;
    }
    match rule.when.as_ref().map(|when| when.evaluate(facts)) {
        None | Some(Ok(Outcome::Truth(true))) => Verdict::Matches,
        Some(Ok(Outcome::Truth(false))) => Verdict::Differs,
        Some(Ok(Outcome::Text(_))) => Verdict::Failed("it is neither true nor false".to_owned()),
        Some(Err(fault)) => Verdict::Failed(fault),
    }
}

/// Whether the rule looks at messages of this status. What is about no message is looked at by all.
fn looks_at(rule: &Rule, event: &Event) -> bool {
    let status = event.message.as_ref().and_then(|letter| Status::from_number(letter.header.status));
    matches!(event.what, What::Link(_)) || status.is_none_or(|status| rule.status.contains(&status))
}

/// The gravest messages are acknowledged by a person: until then somebody is rung.
fn not_grave(header: &v1::Header) -> Result<(), Invalid> {
    let level = EventLevel::from_number(header.event_level).is_some_and(EventLevel::is_gravest);
    let colour = WarningLevel::from_number(header.warning_level);
    let urgent = matches!(Precedence::from_number(header.precedence), Some(Precedence::Flash | Precedence::Immediate));
    if level || urgent || colour.is_some_and(|colour| colour.column().is_gravest()) {
        return Err(Invalid::new(Reason::RoleForbidden, "acknowledge", "rules.grave"));
    }
    Ok(())
}

fn few_hops(rule: &Rule, header: &v1::Header) -> Result<(), Invalid> {
    if header.hops > rule.hops.min(limits::HOPS_MAX - 1) {
        let detail = format!("{} > {}", header.hops, rule.hops);
        return Err(Invalid::new(Reason::RateLimited, "header.hops", "rules.hops").detail(detail));
    }
    Ok(())
}

fn rate(rule: &Rule) -> Invalid {
    Invalid::new(Reason::RateLimited, "per_hour", "rules.rate").detail(rule.per_hour.to_string())
}
