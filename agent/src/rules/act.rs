//! One act, carried out.

use std::time::Duration;

use model::{invalid::Invalid, reason::Reason};
use proto::{record::ActRow, v1};
use store::tasks::Tasks;

use super::{Action, Rule, Rules, cloud, event::Event, facts, place, webhook};
use crate::{desk::Desk, fold::keys, fold::keys::ActId};

/// What became of an act.
#[derive(Debug)]
pub enum Done {
    /// It is done, and is owed until that is written down.
    Yes,
    /// It is done, and the record that did it says so.
    Recorded,
    /// It is not, and is tried again.
    Again(Invalid),
    /// It is not, and never will be.
    Never(Invalid),
}

/// How long after so many tries without success the next one comes: 1, 2, 4 … 60 s.
pub fn backoff(tries: u32) -> Duration {
    const MOST: u64 = 60;
    Duration::from_secs(1_u64.checked_shl(tries).unwrap_or(MOST).min(MOST))
}

/// Does it, as the rules say now how it is done.
pub async fn carry_out(desk: &Desk, tasks: &Tasks, rules: &Rules, id: &ActId, row: &ActRow) -> Done {
    let action = Action::from_number(row.action);
    let rule = rules.rules.iter().find(|rule| rule.name == row.rule);
    let named = rule.zip(action).filter(|(rule, action)| rule.actions().any(|has| has == *action));
    let Some((rule, action)) = named else { return Done::Never(gone(row)) };
    match desk.event_at(keys::act_cursor(id)) {
        Ok(Some(event)) => Acting { desk, tasks, rules, rule, event: &event, id }.act(action).await,
        Ok(None) => Done::Never(gone(row)),
        Err(problem) => Done::Again(problem),
    }
}

fn gone(row: &ActRow) -> Invalid {
    Invalid::new(Reason::NotFound, format!("rule[{}]", row.rule), "rules.gone")
}

struct Acting<'a> {
    desk: &'a Desk,
    tasks: &'a Tasks,
    rules: &'a Rules,
    rule: &'a Rule,
    event: &'a Event,
    id: &'a ActId,
}

impl Acting<'_> {
    async fn act(&self, action: Action) -> Done {
        match action {
            Action::Acknowledge => judged(self.acknowledge().await, Done::Yes),
            Action::Answer | Action::Forward => judged(self.send(action).await, Done::Recorded),
            // a notice is a task as soon as it is owed
            Action::Notify => Done::Yes,
            Action::Webhook => again(self.call().await),
            Action::Write => again(self.write().await),
            Action::Run => match self.run().await {
                Ok(()) => Done::Yes,
                Err(problem) => Done::Never(problem),
            },
        }
    }

    /// Acknowledges in the name of the rule: whoever reads the receipt sees that no person did.
    async fn acknowledge(&self) -> Result<(), Invalid> {
        let now = self.desk.clock.now();
        let (Some(letter), Some(with)) = (&self.event.message, &self.rule.acknowledge) else { return Ok(()) };
        let note = with.note.fill(&facts::of(self.desk, self.event, now)?)?;
        let officer = v1::Officer { name: self.rule.signature(), role: self.rules.role.number() };
        let ask = v1::AcknowledgeRequest {
            message_id: letter.id.0.to_vec().into(),
            officer: Some(officer),
            will_answer: with.will_answer,
            note,
        };
        self.desk.acknowledge(ask).await.map(|_| ())
    }

    async fn send(&self, action: Action) -> Result<(), Invalid> {
        let facts = facts::of(self.desk, self.event, self.desk.clock.now())?;
        let draft = self.desk.draft_of(self.rules, self.rule, action, self.event, &facts)?;
        let sent = self.desk.send_for(draft, self.id.to_vec().into()).await?;
        tracing::info!(rule = %self.rule.name, message = %sent.message_id, "a rule sent a message");
        Ok(())
    }

    async fn call(&self) -> Result<(), Invalid> {
        let Some(to) = &self.rule.webhook else { return Ok(()) };
        let secret = webhook::secret(&to.secret_file)?;
        let event = cloud::of(self.desk, self.event)?;
        webhook::call(&to.url, &secret, &event, &self.desk.clock).await
    }

    async fn write(&self) -> Result<(), Invalid> {
        let Some(folder) = &self.rule.write else { return Ok(()) };
        let event = cloud::of(self.desk, self.event)?;
        place::write(self.tasks, folder, &event, self.event.cursor).await
    }

    async fn run(&self) -> Result<(), Invalid> {
        let Some(run) = &self.rule.run else { return Ok(()) };
        place::run(run, &cloud::of(self.desk, self.event)?).await
    }
}

/// What the desk said: what may pass is tried again.
fn judged(said: Result<(), Invalid>, done: Done) -> Done {
    match said {
        Ok(()) => done,
        Err(problem) if problem.reason.may_repeat() => Done::Again(problem),
        Err(problem) => Done::Never(problem),
    }
}

/// Other programs and disks come back.
fn again(said: Result<(), Invalid>) -> Done {
    said.map_or_else(Done::Again, |()| Done::Yes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tries_come_after_1_2_4_and_at_most_60_seconds() {
        let seconds = [0, 1, 2, 5, 6, 63, 64, 900].map(|tries| backoff(tries).as_secs());
        assert_eq!(seconds, [1, 2, 4, 32, 60, 60, 60, 60]);
    }
}
