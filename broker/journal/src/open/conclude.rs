//! What follows from the survey: what is missing, what was never promised, and what becomes of the ends of files.

use model::{
    merkle::Frontier,
    position::{Epoch, Position},
    time::Timestamp,
};

use super::survey::Survey;
use crate::{
    format::{Found, Header, Tail},
    quarantine,
    report::{Damage, DataLoss, OpenReport, Torn},
    shelf::Segment,
};

/// What the journal is.
#[derive(Debug)]
pub(super) struct Surveyed {
    pub segments: Vec<Segment>,
    pub epochs: Vec<Epoch>,
    /// The last position that can be read.
    pub end: Position,
    /// The tree of everything that was promised; its size is where the next life begins.
    pub tree: Frontier,
    pub evidence_broken: bool,
    pub damaged: Vec<Damage>,
    pub headers_repaired: Vec<u32>,
    pub torn: Option<Torn>,
    pub data_loss: Option<DataLoss>,
    /// The last batch, if nobody promised it, with the tree before it.
    pub unsynced: Option<Last>,
    /// Segments at the end that hold nothing.
    pub empty: Vec<u32>,
    /// Where segments end whose rest can be given back.
    pub cuts: Vec<(u32, u64)>,
    /// The last segment number that is in use.
    pub number: u32,
    /// The greatest time known.
    pub clock_floor: Timestamp,
}

/// The last good batch.
#[derive(Clone, Debug)]
pub(super) struct Last {
    pub header: Header,
    pub found: Found,
    pub before: Frontier,
}

impl Survey<'_> {
    /// What follows from everything that was found.
    pub fn conclude(mut self) -> Surveyed {
        let (end, synced_to) = (self.end, self.synced_to);
        let unsynced = self.last.take().filter(|last| last.found.last > synced_to);
        let ends_early = end < synced_to;
        if ends_early {
            self.lose(end.next(), synced_to);
            if self.mark.is_some_and(|mark| mark.position() > end) {
                self.data_loss.get_or_insert(DataLoss::EndsEarly { end, mark: synced_to });
            }
        } else {
            self.forget_empty_epochs();
        }
        let Ends { empty, cuts, torn } = self.ends(ends_early);
        self.segments.retain(|segment| segment.last >= segment.first && !empty.contains(&segment.number));
        self.headers_repaired.retain(|number| self.segments.iter().any(|segment| segment.number == *number));
        for number in &self.headers_repaired {
            tracing::error!(segment = number, "a header is damaged; its records are good");
            quarantine::keep(&self.plan.place, *number, self.plan.clock.now());
        }
        let numbers = self.heads.all.iter().map(|head| head.number).filter(|number| !empty.contains(number));
        Surveyed {
            number: numbers.max().unwrap_or(0),
            segments: self.segments,
            epochs: self.epochs,
            end,
            tree: self.tree,
            evidence_broken: self.broken,
            damaged: self.damaged,
            headers_repaired: self.headers_repaired,
            torn,
            data_loss: self.data_loss,
            unsynced,
            empty,
            cuts,
            clock_floor: self.clock_floor,
        }
    }

    /// An epoch whose first record was never whole was never there.
    fn forget_empty_epochs(&mut self) {
        while self.epochs.pop_if(|epoch| epoch.first > self.end).is_some() {
            if let Some(last) = self.epochs.last_mut() {
                last.ended_at = None;
            }
        }
    }

    /// What to do about the ends of segments. Where something is missing that was promised, nothing is removed but spares.
    fn ends(&self, ends_early: bool) -> Ends {
        let holds = |number: u32| self.segments.iter().any(|segment| segment.number == number && self.holds(segment));
        let last = self.tails.iter().rposition(|(number, _)| holds(*number));
        let is_spare = |tail: &Tail| tail.at == 0 && !tail.is_torn;
        let goes = |(number, tail): &&(u32, Tail)| !holds(*number) && (is_spare(tail) || !ends_early);
        let empty: Vec<_> = self.tails.iter().rev().take_while(goes).map(|(number, _)| *number).collect();
        let ends = self.tails.get(last.unwrap_or(0)..).unwrap_or_default();
        let torn = ends.iter().find(|(_, tail)| tail.is_torn && !ends_early);
        let is_damaged = |number: u32| self.damaged.iter().any(|damage| damage.segment == Some(number));
        let longer = |(number, tail): &&(u32, Tail)| holds(*number) && tail.at < tail.length && !is_damaged(*number);
        Ends {
            empty,
            cuts: ends.iter().filter(longer).map(|(number, tail)| (*number, tail.at)).collect(),
            torn: torn.map(|(segment, tail)| Torn { segment: *segment, from: tail.at }),
        }
    }

    /// Whether a segment has anything that was synced.
    fn holds(&self, segment: &Segment) -> bool {
        let batches = segment.contents.as_ref().map(|contents| &contents.batches);
        batches.is_none_or(|batches| batches.first().is_some_and(|entry| entry.first <= self.synced_to))
    }
}

/// What becomes of the files at the end.
struct Ends {
    empty: Vec<u32>,
    cuts: Vec<(u32, u64)>,
    torn: Option<Torn>,
}

impl Surveyed {
    /// Writes what was found into the report.
    pub fn tell(&self, report: &mut OpenReport) {
        report.end = self.end;
        report.damaged.clone_from(&self.damaged);
        report.headers_repaired.clone_from(&self.headers_repaired);
        report.torn = self.torn;
        report.data_loss_suspected = self.data_loss;
        report.evidence_broken = self.evidence_broken;
        if let Some(torn) = self.torn {
            tracing::warn!(segment = torn.segment, from = torn.from, "a torn end is cut; nothing in it was promised");
        }
        if let Some(loss) = self.data_loss {
            tracing::error!(%loss, "DATA LOSS SUSPECTED");
        }
    }
}
