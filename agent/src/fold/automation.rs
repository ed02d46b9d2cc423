//! What rules ask for. A look at what happened is one record with everything that is owed for it, so nothing is owed twice;
//! an act leaves the rows with the record that did it, or that gave it up.

use model::{
    ids::MessageId,
    task::{TaskKind, task_id},
};
use proto::record::{
    ActEnded, ActOwed, ActProblem, ActRow, ActTried, DeadActRow, Queued, RuleMark, RuleRow, RulesLooked, RulesRow,
    TaskRow,
};
use store::FoldError;

use super::{
    Folding, Outcome, bytes_of, id_of, keys,
    keys::ActId,
    matters::{TEXT_BYTES, cut},
    number,
};
use crate::rules::Action;

/// Dead acts that are listed; older ones are forgotten, and counted still.
pub const DEAD_MAX: u64 = 1_000;
/// An hour, in ms.
pub const HOUR_MS: i64 = 3_600_000;

impl Folding<'_, '_> {
    pub(super) fn rules_looked(&mut self, record: &RulesLooked) -> Result<Outcome, FoldError> {
        let before: Option<RulesRow> = self.row(&keys::rules())?;
        let dead = before.as_ref().map_or(0, |row| row.dead);
        if record.off {
            self.put(&keys::rules(), &RulesRow { through: 0, dead })?;
            return Ok(Outcome::Done);
        }
        if before.is_some_and(|row| record.through < row.through) {
            return Ok(Outcome::Done); // told again after a later look
        }
        self.put(&keys::rules(), &RulesRow { through: record.through, dead })?;
        for (at, owed) in record.owed.iter().enumerate() {
            self.owe_act(owed, super::index(at))?;
        }
        for mark in &record.marks {
            self.note_rule(mark)?;
        }
        Ok(Outcome::Done)
    }

    fn owe_act(&mut self, owed: &ActOwed, at: u32) -> Result<(), FoldError> {
        let Ok(id) = ActId::try_from(owed.act.as_ref()) else { return Ok(()) };
        let row = ActRow {
            rule: cut(&owed.rule, keys::RULE_NAME),
            action: owed.action,
            message_id: owed.message_id.clone(),
            expires_at: owed.expires_at,
            at: self.now_ms(),
            ..ActRow::default()
        };
        match &owed.held {
            Some(problem) => self.bury(&id, row, problem, at),
            None if owed.action == Action::Notify.number() => self.notify(&id, &row, &owed.text),
            None => {
                self.rung.acts = true;
                self.put(&keys::act(&id), &row)
            }
        }
    }

    /// A task is all that a notice asks for: it is done as soon as it is owed.
    fn notify(&mut self, act: &ActId, row: &ActRow, text: &str) -> Result<(), FoldError> {
        let of = id_of(&row.message_id).unwrap_or(MessageId(*act));
        let about = id_of(&row.message_id).map(bytes_of).unwrap_or_default();
        let task = TaskRow {
            kind: number(TaskKind::Notified.number()),
            message_id: about,
            subject: row.rule.clone(),
            detail: cut(text, TEXT_BYTES),
            ..TaskRow::default()
        };
        let mut id = task_id(TaskKind::Notified, of, None);
        // one for each rule, where more than one speaks of the same message
        id.iter_mut().zip(act.iter().take(8)).for_each(|(to, from)| *to ^= from);
        self.raise_task(id, &task)?;
        self.count_rule(&row.rule, |rule| rule.done += 1)
    }

    pub(super) fn act_tried(&mut self, record: &ActTried) -> Result<Outcome, FoldError> {
        if let Some((id, row)) = self.act(&record.act)? {
            let problem = record.problem.as_ref().map(short);
            self.put(&keys::act(&id), &ActRow { tries: row.tries + 1, next_at: record.next_at, problem, ..row })?;
            self.rung.acts = true;
        }
        Ok(Outcome::Done)
    }

    pub(super) fn act_ended(&mut self, record: &ActEnded) -> Result<Outcome, FoldError> {
        let Some((id, row)) = self.act(&record.act)? else { return Ok(Outcome::Done) };
        self.rows.remove(&keys::act(&id))?;
        self.rung.acts = true;
        match &record.problem {
            Some(problem) => self.bury(&id, row, problem, 0)?,
            None => self.count_rule(&row.rule, |rule| rule.done += 1)?,
        }
        Ok(Outcome::Done)
    }

    /// A message that a rule sent carries its act out.
    pub(super) fn sent_by_rule(&mut self, record: &Queued) -> Result<(), FoldError> {
        if let Some((id, row)) = self.act(&record.act)? {
            self.rows.remove(&keys::act(&id))?;
            self.rung.acts = true;
            self.count_rule(&row.rule, |rule| rule.done += 1)?;
        }
        Ok(())
    }

    fn act(&self, id: &[u8]) -> Result<Option<(ActId, ActRow)>, FoldError> {
        let Ok(id) = ActId::try_from(id) else { return Ok(None) };
        Ok(self.row(&keys::act(&id))?.map(|row| (id, row)))
    }

    /// Lists an act that is not done, in the place of the oldest where the list is full.
    fn bury(&mut self, id: &ActId, asked: ActRow, problem: &ActProblem, at: u32) -> Result<(), FoldError> {
        let rule = asked.rule.clone();
        let row = DeadActRow {
            act: id.to_vec().into(),
            asked: Some(ActRow { problem: None, ..asked }),
            problem: Some(short(problem)),
            at: self.now_ms(),
        };
        let key = keys::listed(keys::table::DEAD_ACT, keys::cursor(self.at.position, at));
        if self.rows.get(&key)?.is_none() {
            self.one_more_dead()?;
        }
        self.put(&key, &row)?;
        self.count_rule(&rule, |rule| rule.dead += 1)
    }

    fn one_more_dead(&mut self) -> Result<(), FoldError> {
        let row: RulesRow = self.row(&keys::rules())?.unwrap_or_default();
        if row.dead < DEAD_MAX {
            return self.put(&keys::rules(), &RulesRow { dead: row.dead + 1, ..row });
        }
        let mut oldest = None;
        self.rows.each(&[keys::table::DEAD_ACT], |key, _| {
            oldest = Some(key.to_vec());
            Ok(())
        })?;
        oldest.map_or(Ok(()), |key| self.rows.remove(&key))
    }

    fn note_rule(&mut self, mark: &RuleMark) -> Result<(), FoldError> {
        let (now, hour) = (self.now_ms(), self.now_ms() / HOUR_MS);
        self.count_rule(&mark.rule, |rule| {
            rule.matched += u64::from(mark.matched);
            rule.held += u64::from(mark.held);
            rule.failed += u64::from(mark.failed);
            if !mark.fault.is_empty() {
                rule.fault = cut(&mark.fault, TEXT_BYTES);
            }
            if mark.matched > 0 {
                rule.last_at = now;
            }
            let before = if rule.hour == hour { rule.counted } else { 0 };
            (rule.hour, rule.counted) = (hour, before + mark.counted);
        })
    }

    fn count_rule(&mut self, name: &str, count: impl FnOnce(&mut RuleRow)) -> Result<(), FoldError> {
        let mut row: RuleRow = self.row(&keys::rule(name))?.unwrap_or_default();
        count(&mut row);
        self.put(&keys::rule(name), &row)
    }
}

/// A problem that fits a row.
fn short(problem: &ActProblem) -> ActProblem {
    ActProblem {
        reason: cut(&problem.reason, 64),
        field: cut(&problem.field, 200),
        rule: cut(&problem.rule, 100),
        detail: cut(&problem.detail, TEXT_BYTES),
    }
}
