//! What is owed in a matter: by whom, until when, and what became of it. A deadline runs once for each name, obligor and
//! subject; it is met by a message, breached by time, waived by a person or void with its matter. A breach is never
//! taken back: what comes later stands beside it.

use std::{collections::BTreeMap, time::Duration};

use serde::{Deserialize, Serialize};

use crate::{
    calendar::WorkingDays,
    deadline::{DeadlineName, Rung, event_id, lapse_id},
    ids::{JurisdictionId, MessageId},
    level::EventLevel,
    numbered::numbered,
    role::Role,
    time::Timestamp,
};

/// Who owes: whoever is on duty in this role.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd, Serialize, Deserialize)]
pub struct Obligor {
    /// Of which jurisdiction.
    pub jurisdiction: JurisdictionId,
    /// In which role.
    pub role: Role,
}

numbered! {
    /// Where a deadline stands.
    pub enum Standing as "standing" {
        /// Time runs.
        Running = 1, "RUNNING", "计时中";
        /// More than half of it is gone.
        Warned = 2, "WARNED", "过半";
        /// Met in time.
        Met = 3, "MET", "按时完成";
        /// Not met in time; `met_at` says when it was done all the same.
        Breached = 4, "BREACHED", "超时";
        /// A shift leader waived it, with a reason.
        Waived = 5, "WAIVED", "已豁免";
        /// Its matter ended.
        Void = 6, "VOID", "已失效";
    }
}

impl Standing {
    /// Time still counts.
    pub const fn is_running(self) -> bool {
        matches!(self, Self::Running | Self::Warned)
    }
}

/// One thing that is owed.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub struct Deadline {
    /// Which of the catalogue.
    pub name: DeadlineName,
    /// By whom.
    pub obligor: Obligor,
    /// About which part of the matter: an item, a mission, an occurrence; empty for all of it.
    pub subject: String,
    /// The message that started it.
    pub cause: MessageId,
    /// Since when it runs.
    pub starts_at: Timestamp,
    /// Until when.
    pub due_at: Timestamp,
    /// Its due time is a date of its own, not so long after its start.
    #[serde(default)]
    pub dated: bool,
    /// Where it stands.
    pub standing: Standing,
    /// When what was owed came, in time or late.
    pub met_at: Option<Timestamp>,
    /// The message that did it; none for a telephone call.
    pub met_by: Option<MessageId>,
    /// The highest rung that was raised.
    pub rung: Option<Rung>,
    /// Why it was waived.
    pub reason: String,
}

impl Deadline {
    /// What makes it one.
    pub fn key(&self) -> Key {
        let (jurisdiction, subject) = (self.obligor.jurisdiction.clone(), self.subject.clone());
        Key { name: self.name, jurisdiction, subject }
    }

    /// Nothing has met, waived or voided it, in time or late.
    pub fn is_owed(&self) -> bool {
        self.met_at.is_none() && (self.standing.is_running() || self.standing == Standing::Breached)
    }

    /// It begins to run; `dated` where its due time is a date of its own.
    pub fn begin(start: Start, dated: bool) -> Self {
        let Start { key: Key { name, jurisdiction, subject }, role, cause, starts_at, due_at } = start;
        Self {
            name,
            obligor: Obligor { jurisdiction, role },
            subject,
            cause,
            starts_at,
            due_at,
            dated,
            standing: Standing::Running,
            met_at: None,
            met_by: None,
            rung: None,
            reason: String::new(),
        }
    }

    /// A rung was reached: half way warns, the due time breaches. What does not run any more stays as it is.
    pub fn raise(&mut self, rung: Rung) {
        if !self.is_owed() || self.rung.is_some_and(|raised| raised >= rung) {
            return;
        }
        self.rung = Some(rung);
        self.standing = if rung == Rung::Reminder { Standing::Warned } else { Standing::Breached };
    }

    /// The id of one of its rungs, the same for whoever raises it.
    pub fn event_id(&self, rung: Rung) -> [u8; 16] {
        event_id(self.cause, self.name, (&self.obligor.jurisdiction, Some(self.obligor.role)), rung)
    }

    /// The id of the event that its message expired while this was owed.
    pub fn lapse_id(&self) -> [u8; 16] {
        lapse_id(self.cause, self.name, (&self.obligor.jurisdiction, Some(self.obligor.role)))
    }

    /// What was owed came: in time it is met, later it stands beside the breach. What is not owed stays as it is.
    pub fn meet(&mut self, at: Timestamp, by: Option<MessageId>) {
        if !self.is_owed() {
            return;
        }
        self.met_at = Some(at);
        self.met_by = by;
        let late = at > self.due_at || self.standing == Standing::Breached;
        self.standing = if late { Standing::Breached } else { Standing::Met };
    }

    /// What met it was taken back: it is owed again. A breach stays one.
    pub fn reopen(&mut self) {
        if self.met_at.take().is_some() && self.standing == Standing::Met {
            self.standing = if self.rung.is_some() { Standing::Warned } else { Standing::Running };
        }
        self.met_by = None;
    }

    /// When it warns: half way.
    pub fn warn_at(&self) -> Timestamp {
        Rung::Reminder.at(self.starts_at, self.due_at)
    }

    /// When it was owed. A duty report is owed at its hour; only its reminder and its absence come later.
    pub const fn owed_at(&self) -> Timestamp {
        match self.name {
            DeadlineName::D18 => self.starts_at,
            _ => self.due_at,
        }
    }

    /// By how much it was late, once it was done; none when it was in time.
    pub fn late_by(&self) -> Option<Duration> {
        let met_at = self.met_at.filter(|at| *at > self.owed_at() || self.standing == Standing::Breached)?;
        Some(met_at.since(self.owed_at()))
    }
}

/// What makes a deadline one: its name, who owes, and about what.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd, Serialize, Deserialize)]
pub struct Key {
    /// Which of the catalogue.
    pub name: DeadlineName,
    /// Who owes.
    pub jurisdiction: JurisdictionId,
    /// About what.
    pub subject: String,
}

/// A deadline to begin.
#[derive(Clone, Debug)]
pub struct Start {
    /// Which, by whom, and about which part of the matter.
    pub key: Key,
    /// In which role.
    pub role: Role,
    /// The message that starts it.
    pub cause: MessageId,
    /// Since when.
    pub starts_at: Timestamp,
    /// Until when.
    pub due_at: Timestamp,
}

/// Every deadline of one matter.
#[derive(Clone, Debug, Default, Eq, PartialEq, Serialize, Deserialize)]
pub struct Ledger {
    #[serde(with = "as_list")]
    deadlines: BTreeMap<Key, Deadline>,
    /// Handed in with each step, never kept: what was counted once stays counted.
    #[serde(skip)]
    calendar: WorkingDays,
}

/// Rows hold a list: its entries name their keys themselves.
mod as_list {
    use std::collections::BTreeMap;

    use serde::{Deserialize, Deserializer, Serializer};

    use super::{Deadline, Key};

    pub(super) fn serialize<S: Serializer>(of: &BTreeMap<Key, Deadline>, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(of.values())
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<BTreeMap<Key, Deadline>, D::Error> {
        let list = Vec::<Deadline>::deserialize(deserializer)?;
        Ok(list.into_iter().map(|deadline| (deadline.key(), deadline)).collect())
    }
}

impl Ledger {
    /// Every deadline, running or not, in a stable order.
    pub fn all(&self) -> impl Iterator<Item = &Deadline> {
        self.deadlines.values()
    }

    /// One of them.
    pub fn get(&self, key: &Key) -> Option<&Deadline> {
        self.deadlines.get(key)
    }

    /// Counts working days by `calendar` from now on; plain weeks until it is told.
    pub fn count_by(&mut self, calendar: WorkingDays) {
        self.calendar = calendar;
    }

    /// The end of the `days`th working day after `from`, as [`WorkingDays::end_of`] counts.
    pub fn working_days(&self, days: u32, from: Timestamp, utc_offset_min: i32) -> Timestamp {
        self.calendar.end_of(days, from, utc_offset_min)
    }

    /// Begins one, unless the same already runs or ran: an update does not start it again.
    pub fn start(&mut self, start: Start) {
        self.begin(start, false);
    }

    /// The same for one whose due time is a date: three days before a meeting, the end of a working day.
    pub fn start_dated(&mut self, start: Start) {
        self.begin(start, true);
    }

    fn begin(&mut self, start: Start, dated: bool) {
        self.deadlines.entry(start.key.clone()).or_insert_with(|| Deadline::begin(start, dated));
    }

    /// What was owed came, as [`Deadline::meet`] says.
    pub fn meet(&mut self, key: &Key, at: Timestamp, by: Option<MessageId>) {
        if let Some(deadline) = self.deadlines.get_mut(key) {
            deadline.meet(at, by);
        }
    }

    /// What met it was taken back, as [`Deadline::reopen`] says.
    pub fn reopen(&mut self, key: &Key) {
        if let Some(deadline) = self.deadlines.get_mut(key) {
            deadline.reopen();
        }
    }

    /// A rung was reached, as [`Deadline::raise`] says.
    pub fn raise(&mut self, key: &Key, rung: Rung) {
        if let Some(deadline) = self.deadlines.get_mut(key) {
            deadline.raise(rung);
        }
    }

    /// A shift leader waived it.
    pub fn waive(&mut self, key: &Key, reason: &str) {
        if let Some(deadline) = self.deadlines.get_mut(key).filter(|deadline| deadline.standing.is_running()) {
            deadline.standing = Standing::Waived;
            reason.clone_into(&mut deadline.reason);
        }
    }

    /// Ends one that nothing is owed for any more.
    pub fn void(&mut self, key: &Key) {
        if let Some(deadline) = self.deadlines.get_mut(key).filter(|deadline| deadline.standing.is_running()) {
            deadline.standing = Standing::Void;
        }
    }

    /// The matter is cancelled or aborted: nothing is owed in it any more.
    pub fn void_all(&mut self) {
        for deadline in self.deadlines.values_mut().filter(|deadline| deadline.standing.is_running()) {
            deadline.standing = Standing::Void;
        }
    }

    /// The broker took charge of a message of ours: what it started counts from then, unless something else was
    /// said at its start, and what it met counts as done then, unless it said when it was done. A date stays the date.
    pub fn accepted(&mut self, cause: MessageId, queued_at: Timestamp, at: Timestamp) {
        let began = |deadline: &&mut Deadline| deadline.cause == cause && deadline.starts_at == queued_at;
        for deadline in self.deadlines.values_mut().filter(began) {
            let within = deadline.due_at.since(deadline.starts_at);
            deadline.starts_at = at;
            if !deadline.dated {
                deadline.due_at = at.plus(within);
            }
        }
        let met = |deadline: &&mut Deadline| deadline.met_by == Some(cause) && deadline.met_at == Some(queued_at);
        for deadline in self.deadlines.values_mut().filter(met) {
            deadline.met_at = Some(at);
            if at > deadline.due_at {
                deadline.standing = Standing::Breached;
            }
        }
    }
}

impl Deadline {
    /// The next rung that time will reach, and when; none once it is met, waived or void. What does not climb warns at
    /// half time and is breached when due.
    pub fn next_rung(&self, level: EventLevel) -> Option<(Rung, Timestamp)> {
        if !self.is_owed() {
            return None;
        }
        let plain: &[Rung] = &[Rung::Reminder, Rung::Breach];
        let rungs = if self.name.climbs() { self.name.ladder(level) } else { plain };
        let next = rungs.iter().copied().find(|rung| self.rung.is_none_or(|raised| *rung > raised))?;
        Some((next, next.at(self.starts_at, self.due_at)))
    }
}

impl Ledger {
    /// When time will next reach a rung of any deadline here.
    pub fn wake(&self, level: EventLevel) -> Option<Timestamp> {
        self.all().filter_map(|deadline| deadline.next_rung(level)).map(|(_, at)| at).min()
    }

    /// Every rung that time has reached by `now` and nobody has raised, the lowest of each deadline first.
    pub fn reached(&self, level: EventLevel, now: Timestamp) -> Vec<(Key, Rung)> {
        let due = |deadline: &Deadline| deadline.next_rung(level).filter(|(_, at)| *at <= now);
        self.all().filter_map(|deadline| due(deadline).map(|(rung, _)| (deadline.key(), rung))).collect()
    }
}
