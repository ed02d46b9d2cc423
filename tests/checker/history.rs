//! A history, sorted by what it is about, so that a rule reads as its sentence.

use std::collections::{BTreeMap, BTreeSet};

use super::event::{
    Accepted, Attached, Done, Event, Fault, FaultKind, Hand, Line, Listed, Plan, Queued, Read, Receipt, Refused, Stage,
    Stands, Submit,
};

/// An event with the line on which it stands and that line's number.
pub type Seen<'a, E> = (usize, &'a Line, &'a E);

/// Everything that is recorded about one act of sending, each list in the order of the history.
#[derive(Default)]
pub struct Message<'a> {
    pub submits: Vec<Seen<'a, Submit>>,
    pub queued: Vec<Seen<'a, Queued>>,
    pub oks: Vec<Seen<'a, Accepted>>,
    pub fails: Vec<Seen<'a, super::event::Failed>>,
    pub refusals: Vec<Seen<'a, Refused>>,
    pub hands: Vec<Seen<'a, Hand>>,
    pub confirmed: Vec<Seen<'a, Done>>,
    pub receipts: Vec<Seen<'a, Receipt>>,
    pub reads: Vec<Seen<'a, Read>>,
    pub listed: Vec<Seen<'a, Listed>>,
    pub stands: Vec<Seen<'a, Stands>>,
    pub attached: Vec<Seen<'a, Attached>>,
}

/// A history and its index.
pub struct History<'a> {
    pub lines: &'a [Line],
    pub plan: Plan,
    pub messages: BTreeMap<&'a str, Message<'a>>,
    pub faults: Vec<Seen<'a, Fault>>,
    /// Time of the last `quiet`.
    pub quiet: Option<u64>,
    /// The history was closed.
    pub ended: bool,
}

impl<'a> History<'a> {
    /// Sorts the lines.
    pub fn of(lines: &'a [Line]) -> Self {
        let mut history = Self {
            lines,
            plan: Plan::default(),
            messages: BTreeMap::new(),
            faults: Vec::new(),
            quiet: None,
            ended: false,
        };
        for (at, line) in lines.iter().enumerate() {
            history.take(at, line);
        }
        history
    }

    fn take(&mut self, at: usize, line: &'a Line) {
        if let Some(id) = line.event.id() {
            self.messages.entry(id).or_default().take(at, line);
        }
        match &line.event {
            Event::Plan(plan) => self.plan = plan.clone(),
            Event::Fault(fault) => self.faults.push((at, line, fault)),
            Event::Quiet => self.quiet = Some(line.t),
            Event::End => self.ended = true,
            _ => {}
        }
    }

    /// How often a state directory was lost before line `at`.
    pub fn losses_before(&self, at: usize) -> usize {
        self.faults.iter().filter(|(line, _, fault)| fault.kind == FaultKind::StateLost && *line < at).count()
    }

    /// Somebody who held `to`'s hand-overs died between the two lines.
    pub fn holder_died(&self, to: &str, after: usize, before: usize) -> bool {
        let holders = [format!("agent:{to}"), format!("desk:{to}")];
        self.faults.iter().any(|(at, _, fault)| (after..before).contains(at) && holders.contains(&fault.victim))
    }
}

impl<'a> Message<'a> {
    fn take(&mut self, at: usize, line: &'a Line) {
        match &line.event {
            Event::Submit(what) => self.submits.push((at, line, what)),
            Event::Queued(what) => self.queued.push((at, line, what)),
            Event::Ok(what) => self.oks.push((at, line, what)),
            Event::Fail(what) => self.fails.push((at, line, what)),
            Event::Refuse(what) => self.refusals.push((at, line, what)),
            Event::Hand(what) => self.hands.push((at, line, what)),
            Event::ConfirmOk(what) => self.confirmed.push((at, line, what)),
            Event::Receipt(what) => self.receipts.push((at, line, what)),
            Event::Read(what) => self.reads.push((at, line, what)),
            Event::Listed(what) => self.listed.push((at, line, what)),
            Event::Stands(what) => self.stands.push((at, line, what)),
            Event::Attached(what) => self.attached.push((at, line, what)),
            _ => {}
        }
    }

    /// In A: its sender was told that the broker took charge.
    pub fn is_accepted(&self) -> bool {
        !self.oks.is_empty()
    }

    /// In X: surely not accepted. A retry that fails says nothing about the first call.
    pub fn is_failed(&self) -> bool {
        let fails = self.fails.len();
        !self.is_accepted() && (!self.refusals.is_empty() || (fails > 0 && fails == self.submits.len()))
    }

    /// R(m): whom it must reach; whom it names, while nobody knows what that resolved to.
    pub fn recipients(&self) -> BTreeSet<&'a str> {
        let resolved: BTreeSet<&str> =
            self.oks.iter().flat_map(|(_, _, ok)| &ok.resolved).map(String::as_str).collect();
        if !resolved.is_empty() {
            return resolved;
        }
        self.submits.iter().flat_map(|(_, _, submit)| &submit.to).map(String::as_str).collect()
    }

    /// The first hand-over to `to`.
    pub fn first_hand(&self, to: &str) -> Option<Seen<'a, Hand>> {
        self.hands.iter().find(|(_, _, hand)| hand.to == to).copied()
    }

    /// The first word of `to` that it is done.
    pub fn confirm(&self, to: &str) -> Option<Seen<'a, Done>> {
        self.confirmed.iter().find(|(_, _, done)| done.to == to).copied()
    }

    /// The first signed negative end at `to`.
    pub fn negative_end(&self, to: &str) -> Option<Seen<'a, Receipt>> {
        self.receipts.iter().find(|(_, _, receipt)| receipt.to == to && receipt.stage.is_negative()).copied()
    }

    /// Every stage that was seen or read about `to`, in the order of the history. ACCEPTED receipts are left out: they
    /// come by another way than the line of receipts and may be told late.
    pub fn stages(&self, to: &str) -> Vec<(usize, &'a Line, Stage)> {
        let receipts = self.receipts.iter().filter(|(_, _, r)| r.to == to && r.stage != Stage::Accepted);
        let mut all: Vec<_> = receipts.map(|(at, line, r)| (*at, *line, r.stage)).collect();
        all.extend(self.reads.iter().filter(|(_, _, r)| r.to == to).map(|(at, line, r)| (*at, *line, r.stage)));
        all.sort_by_key(|(at, _, _)| *at);
        all
    }

    /// When its sender was first told that the broker took charge.
    pub fn accepted_at(&self) -> Option<u64> {
        self.oks.first().map(|(_, line, _)| line.t)
    }

    /// The lines of its submits, to print beside a fault.
    pub fn submit_lines(&self) -> impl Iterator<Item = &'a Line> {
        self.submits.iter().map(|(_, line, _)| *line)
    }
}
