//! What a person may ask about rules: which are in force and how they do, what a file would do, what was not done.

use model::{ids::MessageId, invalid::Invalid, reason::Reason, time::Timestamp};
use proto::{
    border,
    record::{ActProblem, DeadActRow},
    status, v1,
};

use super::{
    Action, Rule, draft,
    event::{Event, Letter, What},
    file,
    plan::{self, Planned, Rates, Tried, Verdict},
};
use crate::{
    desk::{Desk, compose, rows, unknown},
    fold::query,
};

/// Dead acts of a list when nobody says how many.
const LIST_DEFAULT: usize = 100;

impl Desk {
    /// The rules in force, and how each of them does.
    pub fn rules_seen(&self) -> Result<v1::RulesResponse, Invalid> {
        let state = self.rules.now();
        let (row, owed) = self.engine.read(|_, found| (query::rules(found), query::acts_owed(found)));
        let (text_zh, text_en) = state.problem.as_ref().map(status::texts).unwrap_or_default();
        let rules = state.rules.iter().flat_map(|rules| &rules.rules);
        Ok(v1::RulesResponse {
            file: self.rules.file().map(|file| file.display().to_string()).unwrap_or_default(),
            problem: state.problem.as_ref().map(|problem| problem.reason.code().to_owned()).unwrap_or_default(),
            text_zh,
            text_en,
            rules: rules.map(|rule| self.rule_seen(rule)).collect::<Result<_, _>>()?,
            owed: owed.map_err(rows)?,
            dead: row.map_err(rows)?.dead,
        })
    }

    fn rule_seen(&self, rule: &Rule) -> Result<v1::RuleSeen, Invalid> {
        let row = self.engine.read(|_, found| query::rule(found, &rule.name)).map_err(rows)?;
        let last_at = (row.last_at != 0).then(|| border::time::to_wire(Timestamp::from_millis(row.last_at)));
        Ok(v1::RuleSeen {
            name: rule.name.clone(),
            on: rule.on.name().to_owned(),
            when: rule.when.as_ref().map(|when| when.text().to_owned()).unwrap_or_default(),
            actions: rule.actions().map(|action| action.name().to_owned()).collect(),
            matched: row.matched,
            done: row.done,
            dead: row.dead.saturating_sub(row.held),
            held: row.held,
            failed: row.failed,
            fault: row.fault,
            last_at,
        })
    }

    /// What the rules of a file would make of a message. Nothing is stored and nothing is done.
    ///
    /// # Errors
    /// The file cannot be read, or the message is not known here.
    pub fn test_rules(&self, ask: v1::TestRulesRequest) -> Result<v1::TestRulesResponse, Invalid> {
        let rules = file::parse(&ask.rules).map_err(|invalid| Invalid { field: named(&invalid.field), ..invalid })?;
        let now = self.clock.now();
        let event = match ask.what {
            Some(v1::test_rules_request::What::MessageId(id)) => self.event_of(MessageId::checked(&id)?, now)?,
            Some(v1::test_rules_request::What::Draft(given)) => {
                received(draft::as_received(self, given, compose::new_id(now)?), now)
            }
            None => return Err(Invalid::missing("what")),
        };
        let tried = plan::plan(self, &rules, &event, &mut Rates::default(), now)?;
        Ok(v1::TestRulesResponse { rules: tried.iter().map(told).collect() })
    }

    /// A message as what happened when it came or went.
    fn event_of(&self, id: MessageId, now: Timestamp) -> Result<Event, Invalid> {
        let letter = self.letter(id)?.ok_or_else(|| unknown(id))?;
        let ours = self.engine.read(|_, found| query::sent(found, id)).map_err(rows)?.is_some();
        let event = received(letter, now);
        Ok(if ours { Event { what: What::Sent, ..event } } else { event })
    }

    /// Acts that were given up or held, newest first.
    pub fn dead_acts(&self, ask: &v1::DeadActsRequest) -> Result<v1::DeadActsResponse, Invalid> {
        let limit = if ask.limit == 0 { LIST_DEFAULT } else { ask.limit as usize };
        let all = self.engine.read(|_, found| query::dead_acts(found)).map_err(rows)?;
        let acts = all.into_iter().map(dead).filter(|act| ask.rule.is_empty() || act.rule == ask.rule);
        Ok(v1::DeadActsResponse { acts: acts.take(limit).collect() })
    }
}

fn named(field: &str) -> String {
    if field.is_empty() { "rules".to_owned() } else { field.to_owned() }
}

fn received(letter: Letter, at: Timestamp) -> Event {
    Event { cursor: 0, at, what: What::Received, message: Some(letter) }
}

fn told(tried: &Tried<'_>) -> v1::RuleTried {
    let (verdict, fault) = match &tried.verdict {
        Verdict::Matches => (v1::RuleVerdict::Matches, ""),
        Verdict::Differs => (v1::RuleVerdict::Differs, ""),
        Verdict::OtherEvent => (v1::RuleVerdict::OtherEvent, ""),
        Verdict::Failed(fault) => (v1::RuleVerdict::Failed, fault.as_str()),
    };
    v1::RuleTried {
        name: tried.rule.name.clone(),
        verdict: verdict.into(),
        fault: fault.to_owned(),
        acts: tried.acts.iter().map(planned).collect(),
    }
}

fn planned(act: &Planned) -> v1::ActTold {
    let held = act.held.as_ref();
    v1::ActTold { detail: act.detail.clone(), ..held.map_or_else(|| of(act.action), |held| with(act.action, held)) }
}

fn of(action: Action) -> v1::ActTold {
    v1::ActTold { action: action.name().to_owned(), ..v1::ActTold::default() }
}

fn with(action: Action, problem: &Invalid) -> v1::ActTold {
    let (text_zh, text_en) = status::texts(problem);
    v1::ActTold {
        problem: problem.reason.code().to_owned(),
        field: problem.field.clone(),
        rule: problem.rule.clone(),
        text_zh,
        text_en,
        ..of(action)
    }
}

fn dead(row: DeadActRow) -> v1::DeadAct {
    let asked = row.asked.unwrap_or_default();
    let problem = invalid(&row.problem.unwrap_or_default());
    let action = Action::from_number(asked.action).unwrap_or(Action::Notify);
    v1::DeadAct {
        rule: asked.rule,
        act: Some(with(action, &problem)),
        message_id: asked.message_id,
        tries: asked.tries,
        at: Some(border::time::to_wire(Timestamp::from_millis(row.at))),
    }
}

/// Why, as it was when it was written down.
fn invalid(problem: &ActProblem) -> Invalid {
    let known = Reason::ALL.iter().copied().find(|reason| reason.code() == problem.reason);
    let reason = known.unwrap_or(Reason::Internal);
    Invalid::new(reason, problem.field.clone(), problem.rule.clone()).detail(problem.detail.clone())
}
