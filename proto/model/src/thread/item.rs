//! K45: a task that a meeting, a review or a consultation left. The secretariat sets and changes it; its owner reports.

#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};

use super::{
    Ledger, Machine, Mark, Marked, Marks, Obligor, Part, StateName, Step,
    chain::Chain,
    closed,
    drill::LOOK_EVERY,
    ledger::{Key, Start},
    not_author, owe, wrong_sequence,
};
use crate::{
    deadline::DeadlineName,
    header::Action,
    ids::{ItemId, JurisdictionId},
    invalid::Invalid,
    numbered::numbered,
    reason::Reason,
    role::Role,
    time::Timestamp,
};

numbered! {
    /// How far a task is.
    pub enum Status as "status" {
        /// Not begun.
        Open = 1, "OPEN", "未开始";
        /// Begun.
        InProgress = 2, "IN_PROGRESS", "进行中";
        /// Done, with evidence.
        Done = 3, "DONE", "已完成";
        /// Not done when it was due.
        Overdue = 4, "OVERDUE", "已逾期";
        /// Given up.
        Cancelled = 5, "CANCELLED", "已取消";
    }
}

numbered! {
    /// What a task comes from.
    pub enum Origin as "origin" {
        /// A joint meeting.
        Meeting = 1, "MEETING", "联席会议";
        /// The review of a drill.
        DrillReview = 2, "DRILL_REVIEW", "演练评估";
        /// A consultation.
        Consultation = 3, "CONSULTATION", "会商";
        /// The review of a real event.
        RealReview = 4, "REAL_REVIEW", "实战复盘";
    }
}

/// What the machine needs of K45.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Facts {
    /// The secretariat sets or changes it.
    Task(Task),
    /// Its owner says how it goes.
    Report(Report),
}

/// What shall be done, by whom and by when.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub struct Task {
    /// Its id.
    pub item_id: ItemId,
    /// What it comes from.
    pub origin: Origin,
    /// The meeting, drill or incident that it comes from.
    pub origin_id: Option<String>,
    /// Who does it.
    pub owner: Obligor,
    /// By when.
    pub due: Timestamp,
    /// How far it is.
    pub status: Status,
    /// The earlier item that comes back with this one.
    pub recurrence_of: Option<ItemId>,
}

/// How it goes, by its owner.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Report {
    /// The task.
    pub item_id: ItemId,
    /// How far it is.
    pub status: Status,
    /// How many things prove it.
    pub evidence: usize,
}

/// One task.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub struct Item {
    chain: Chain,
    task: Task,
    /// Due dates it has had.
    dates: u32,
    /// Times that somebody has looked at it.
    looks: u32,
    /// When the newest message came.
    seen_at: Timestamp,
}

impl Machine for Item {
    fn open(step: &Step<'_>, ledger: &mut Ledger) -> Result<(Self, Marks), Invalid> {
        let super::Facts::Item(Facts::Task(task)) = step.facts else {
            return Err(wrong_sequence("body.report", "K45.opens", "a report on a task that nobody set"));
        };
        match (step.header.action, task.status) {
            (Action::Originate, Status::Done | Status::Cancelled) => {
                return Err(wrong_sequence("body.task.status", "K45.opens_open", task.status.name()));
            }
            // the first one may have given way to it on its way here; a new chair sets it again as far as it is
            (Action::Originate | Action::Update, _) => {}
            (Action::Cancel | Action::Reply | Action::Error, _) => {
                return Err(wrong_sequence("header.action", "K45.opens", step.header.action.name()));
            }
        }
        let mut item = Self { chain: Chain::of(step), task: task.clone(), dates: 0, looks: 0, seen_at: step.at };
        item.owe(step, ledger);
        item.look(step, ledger);
        Ok((item, recurring(task)))
    }

    fn step(&mut self, step: &Step<'_>, ledger: &mut Ledger) -> Result<Marks, Invalid> {
        let super::Facts::Item(facts) = step.facts else { return Ok(Vec::new()) };
        if self.task.status == Status::Cancelled {
            return Err(closed(self.state()));
        }
        let marks = match facts {
            Facts::Task(task) => self.set(step, task, ledger),
            Facts::Report(report) => self.reported(step, report, ledger),
        }?;
        self.look(step, ledger);
        self.seen_at = self.seen_at.max(step.at);
        Ok(marks)
    }

    fn state(&self) -> StateName {
        self.state_at(self.seen_at)
    }

    fn state_at(&self, at: Timestamp) -> StateName {
        let status = self.status_at(at);
        let over = matches!(status, Status::Done | Status::Cancelled);
        StateName { name: status.name(), zh: status.zh(), over }
    }

    fn parts(&self) -> Vec<Part> {
        self.parts_at(self.seen_at)
    }

    /// The task itself, with the earlier one that it repeats.
    fn parts_at(&self, at: Timestamp) -> Vec<Part> {
        let detail = self.task.recurrence_of.as_ref().map(ToString::to_string).unwrap_or_default();
        vec![Part { name: self.task.item_id.to_string(), state: self.state_at(at), detail }]
    }
}

impl Item {
    /// The task as it stands.
    pub const fn task(&self) -> &Task {
        &self.task
    }

    /// Who set it.
    pub const fn author(&self) -> &JurisdictionId {
        &self.chain.author
    }

    /// How far it is at a time: what is not done when it is due is overdue, whatever was said last.
    pub fn status_at(&self, at: Timestamp) -> Status {
        match self.task.status {
            Status::Open | Status::InProgress if at > self.task.due => Status::Overdue,
            status => status,
        }
    }

    /// The secretariat changes it, or gives it up.
    fn set(&mut self, step: &Step<'_>, task: &Task, ledger: &mut Ledger) -> Result<Marks, Invalid> {
        if !self.chain.is_by(step) {
            return Err(not_author("K45.secretariat", self.chain.author.as_str()));
        }
        self.is_about(&task.item_id, "body.task.item_id")?;
        if matches!(step.header.action, Action::Reply | Action::Error) {
            return Err(wrong_sequence("header.action", "K45.updated", step.header.action.name()));
        }
        if let Some(overtaken) = self.chain.overtaken(step) {
            return Ok(overtaken);
        }
        let mut next = task.clone();
        if step.header.action == Action::Cancel {
            next.status = Status::Cancelled;
        }
        let before = std::mem::replace(&mut self.task, next);
        self.chain.moves_to(step);
        if self.task.status == Status::Cancelled {
            ledger.void_all();
            return Ok(Vec::new());
        }
        if before.due != self.task.due || before.owner != self.task.owner {
            ledger.void(&self.due_key(&before.owner));
            self.owe(step, ledger);
        }
        self.settle(step, ledger);
        let again = before.recurrence_of == self.task.recurrence_of;
        Ok(if again { Vec::new() } else { recurring(task) })
    }

    /// Its owner reports.
    fn reported(&mut self, step: &Step<'_>, report: &Report, ledger: &mut Ledger) -> Result<Marks, Invalid> {
        if *step.by() != self.task.owner.jurisdiction {
            return Err(not_author("K45.owner", self.task.owner.jurisdiction.as_str()));
        }
        self.is_about(&report.item_id, "body.report.item_id")?;
        if !matches!(step.header.action, Action::Reply | Action::Update) {
            return Err(wrong_sequence("header.action", "K45.reported", step.header.action.name()));
        }
        match (self.task.status, report.status) {
            (_, Status::Cancelled) => {
                Err(wrong_sequence("body.report.status", "K45.secretariat_cancels", "its owner cannot give it up"))
            }
            (Status::Done, Status::Open | Status::InProgress | Status::Overdue) => {
                Err(wrong_sequence("body.report.status", "K45.done", "the secretariat opens it again"))
            }
            (_, Status::Done) if report.evidence == 0 => {
                Err(Invalid::new(Reason::MissingField, "body.report.evidence", "K45.evidence"))
            }
            (_, status) => {
                self.task.status = status;
                self.settle(step, ledger);
                Ok(Vec::new())
            }
        }
    }

    fn is_about(&self, item: &ItemId, field: &'static str) -> Result<(), Invalid> {
        let same = *item == self.task.item_id;
        same.then_some(()).ok_or_else(|| wrong_sequence(field, "K45.item_id", self.task.item_id.as_str()))
    }

    fn owe(&mut self, step: &Step<'_>, ledger: &mut Ledger) {
        self.dates += 1;
        let owner = &self.task.owner;
        let until = owe::until(step, self.due_key(owner), self.task.due);
        ledger.start_dated(Start { role: owner.role, ..until });
    }

    /// What is done is not owed any more.
    fn settle(&self, step: &Step<'_>, ledger: &mut Ledger) {
        if self.task.status == Status::Done {
            ledger.meet(&self.due_key(&self.task.owner), step.at, Some(step.id()));
        }
    }

    /// What a drill's review left is looked at again and again until it is done.
    fn look(&mut self, step: &Step<'_>, ledger: &mut Ledger) {
        if self.task.origin != Origin::DrillReview || self.task.status == Status::Cancelled {
            return;
        }
        ledger.meet(&self.look_key(), step.at, Some(step.id()));
        if self.task.status == Status::Done {
            return;
        }
        self.looks += 1;
        let until = owe::until(step, self.look_key(), step.at.plus(LOOK_EVERY));
        ledger.start(Start { role: Role::Secretariat, ..until });
    }

    /// The due date of a drill's items is among its dates, that of all others among a meeting's.
    fn deadline(&self) -> DeadlineName {
        if self.task.origin == Origin::DrillReview { DeadlineName::D21 } else { DeadlineName::D22 }
    }

    fn due_key(&self, owner: &Obligor) -> Key {
        owe::key(self.deadline(), &owner.jurisdiction, format!("due {}", self.dates))
    }

    fn look_key(&self) -> Key {
        owe::key(DeadlineName::D21, &self.chain.author, format!("look {}", self.looks))
    }
}

fn recurring(task: &Task) -> Marks {
    let marked = |_| Marked::new(Mark::Recurring, task.item_id.to_string());
    task.recurrence_of.iter().map(marked).collect()
}
