//! Looks at everything that happens, once and in order, and writes down what the rules that match ask for. The record that
//! says how far it has looked is the one that holds what is owed, so after a kill nothing is owed twice and nothing missed.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use journal::Lane;
use model::{invalid::Invalid, position::Position};
use proto::record::{ActOwed, ActProblem, LinkTurned, RuleMark, RulesLooked, kind};
use store::tasks::Tasks;
use tokio_util::sync::CancellationToken;

use super::{
    Action, On, Rules,
    event::Event,
    plan::{self, Rates, Tried, Verdict},
};
use crate::{
    desk::{Desk, internal, rows},
    fold::{keys, query},
    link::Phase,
};

/// What one look may come to, in events times rules: it is one record, and a record has its bound.
const LOOK_MAX: usize = 64;
/// Characters of a notice that are kept.
const TEXT_CHARS: usize = 400;
/// Records that are read for one look at most.
const RECORDS: u64 = 1_024;
/// How often it looks up without being called: whether there are other rules now.
const ROUND: Duration = Duration::from_millis(500);

/// Looks until told to stop.
pub async fn run(desk: Arc<Desk>, tasks: Tasks, stop: CancellationToken) {
    let (mut folded, mut link) = (desk.bells.folded.subscribe(), desk.link.watch());
    let (mut at, mut up) = (None, false);
    loop {
        folded.borrow_and_update();
        let now_up = link.borrow_and_update().phase == Phase::Up;
        let looked = match turn(&desk, now_up, &mut up).await {
            Ok(()) => look(&desk, &tasks, &mut at).await,
            Err(problem) => Err(problem),
        };
        let more = looked.unwrap_or_else(|problem| {
            tracing::warn!(%problem, "rules could not be looked at; nothing is missed, it is done again");
            false
        });
        if more && !stop.is_cancelled() {
            continue;
        }
        tokio::select! {
            () = stop.cancelled() => return,
            changed = folded.changed() => if changed.is_err() { return },
            changed = link.changed() => if changed.is_err() { return },
            () = tokio::time::sleep(ROUND) => {}
        }
    }
}

/// Writes down that the link came or went, where a rule wants to know: it stands in no other record.
async fn turn(desk: &Desk, now: bool, before: &mut bool) -> Result<(), Invalid> {
    if now == *before {
        return Ok(());
    }
    let state = desk.rules.now();
    if state.rules.as_ref().is_some_and(|rules| rules.rules.iter().any(|rule| rule.on == On::Link)) {
        desk.write(kind::LINK_TURNED, &LinkTurned { up: now }, Lane::Normal).await?;
    }
    *before = now;
    Ok(())
}

/// One look. True when there may be more to look at. `at` is the next record to read, once that is known.
async fn look(desk: &Arc<Desk>, tasks: &Tasks, at: &mut Option<Position>) -> Result<bool, Invalid> {
    let state = desk.rules.now();
    let through = desk.engine.read(|_, found| query::rules(found)).map_err(rows)?.through;
    let Some(rules) = &state.rules else {
        *at = None;
        // a file that cannot be read keeps its place: what happens meanwhile is looked at once it can
        if through != 0 && state.problem.is_none() {
            looked(desk, RulesLooked { off: true, ..RulesLooked::default() }).await?;
        }
        return Ok(false);
    };
    if through == 0 {
        // rules say nothing to what happened before there were any
        looked(desk, RulesLooked { through: desk.newest_cursor(), ..RulesLooked::default() }).await?;
        return Ok(true);
    }
    let from = at.unwrap_or_else(|| keys::cursor_position(through));
    let most = (LOOK_MAX / rules.rules.len().max(1)).max(1);
    let (events, next) = happened(desk, from, through, most);
    if let Some(last) = events.last().map(|event| event.cursor) {
        let record = judge(desk, tasks, rules, events, last).await?;
        looked(desk, record).await?;
    }
    *at = Some(next);
    Ok(next <= desk.folded())
}

/// At most so much of what happened from a record on, behind a cursor; and the record to go on with.
fn happened(desk: &Desk, from: Position, through: u64, most: usize) -> (Vec<Event>, Position) {
    let (mut events, mut at) = (Vec::new(), from.max(Position(1)));
    let end = desk.folded().0.min(at.0.saturating_add(RECORDS));
    while at.0 <= end && events.len() < most {
        match desk.happened(at) {
            Ok(found) => events.extend(found.into_iter().filter(|event| event.cursor > through)),
            // whoever waited for it to become readable would never get past it
            Err(problem) => tracing::error!(%at, %problem, "what happened in a record cannot be told to rules"),
        }
        if events.len() > most {
            events.truncate(most); // the rest of the record is the next look's
            break;
        }
        at = at.next();
    }
    (events, at)
}

/// What the rules make of these events, on a thread of its own: conditions take what time they take.
async fn judge(
    desk: &Arc<Desk>,
    tasks: &Tasks,
    rules: &Arc<Rules>,
    events: Vec<Event>,
    through: u64,
) -> Result<RulesLooked, Invalid> {
    let (desk, rules) = (desk.clone(), rules.clone());
    let judged = tasks.blocking("rules", move || {
        let (mut rates, mut written) = (Rates::default(), Written::default());
        let now = desk.clock.now();
        for event in &events {
            let tried = plan::plan(&desk, &rules, event, &mut rates, now)?;
            for tried in &tried {
                written.note(event, tried);
            }
        }
        Ok(RulesLooked { through, owed: written.owed, marks: written.marks.into_values().collect(), off: false })
    });
    judged.await.map_err(|error| internal(&error))?
}

/// What a look comes to.
#[derive(Default)]
struct Written {
    owed: Vec<ActOwed>,
    marks: BTreeMap<String, RuleMark>,
}

impl Written {
    fn note(&mut self, event: &Event, tried: &Tried<'_>) {
        let rule = &tried.rule.name;
        let mark = match &tried.verdict {
            Verdict::Differs | Verdict::OtherEvent => return,
            Verdict::Failed(fault) => RuleMark { failed: 1, fault: fault.clone(), ..RuleMark::default() },
            Verdict::Matches => RuleMark { matched: 1, ..RuleMark::default() },
        };
        if !mark.fault.is_empty() {
            tracing::warn!(%rule, fault = %mark.fault, "a condition cannot be evaluated, and so does not hold");
        }
        let counts = tried.acts.iter().any(|act| act.action.is_counted() && act.held.is_none());
        let held = tried.acts.iter().filter(|act| act.held.is_some()).count();
        let sum =
            self.marks.entry(rule.clone()).or_insert_with(|| RuleMark { rule: rule.clone(), ..RuleMark::default() });
        sum.matched += mark.matched;
        sum.failed += mark.failed;
        sum.held += u32::try_from(held).unwrap_or(u32::MAX);
        sum.counted += u32::from(counts);
        if !mark.fault.is_empty() {
            sum.fault = mark.fault;
        }
        self.owed.extend(tried.acts.iter().map(|act| ActOwed {
            act: keys::act_id(event.cursor, rule, act.action.number()).to_vec().into(),
            rule: rule.clone(),
            action: act.action.number(),
            message_id: event.message.as_ref().map(|letter| letter.id.0.to_vec().into()).unwrap_or_default(),
            expires_at: event.expires_at().millis(),
            text: if act.action == Action::Notify {
                act.detail.chars().take(TEXT_CHARS).collect()
            } else {
                String::new()
            },
            held: act.held.as_ref().map(problem),
        }));
    }
}

/// Why an act is not done, as journals keep it.
pub fn problem(invalid: &Invalid) -> ActProblem {
    ActProblem {
        reason: invalid.reason.code().to_owned(),
        field: invalid.field.clone(),
        rule: invalid.rule.clone(),
        detail: invalid.detail.clone(),
    }
}

async fn looked(desk: &Desk, record: RulesLooked) -> Result<(), Invalid> {
    desk.write(kind::RULES_LOOKED, &record, Lane::Normal).await
}
