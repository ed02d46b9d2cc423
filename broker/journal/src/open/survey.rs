//! The second look: every frame from the mark on, in a stream, and from all of it one picture of what there is.

use std::{io, sync::Arc};

use model::{
    merkle::{Frontier, Hash},
    position::{Epoch, EpochId, Position},
    time::Timestamp,
};

use super::{
    Plan,
    conclude::{Last, Surveyed},
    heads::{Head, Heads},
};
use crate::{
    disk::DiskFile,
    format::{self, Found, Header, Known, Mark, Met, Retired, Seed, Tail},
    quarantine,
    record::lost_leaf,
    report::{Damage, DataLoss},
    shelf::{Contents, Entry, OPEN_SEGMENTS_MAX, Segment},
};

/// What was found so far.
#[derive(Debug)]
pub(super) struct Survey<'p> {
    pub plan: &'p Plan,
    pub heads: &'p Heads,
    pub mark: Option<&'p Mark>,
    pub segments: Vec<Segment>,
    pub epochs: Vec<Epoch>,
    pub tree: Frontier,
    pub broken: bool,
    /// The last position that was found or given up.
    pub end: Position,
    pub synced_to: Position,
    pub last: Option<Last>,
    pub damaged: Vec<Damage>,
    pub headers_repaired: Vec<u32>,
    /// Ends of the segments that were read.
    pub tails: Vec<(u32, Tail)>,
    pub data_loss: Option<DataLoss>,
    /// Whether `end` and `tree` mean anything yet.
    begun: bool,
    pub clock_floor: Timestamp,
}

impl<'p> Survey<'p> {
    pub fn new(plan: &'p Plan, heads: &'p Heads, mark: Option<&'p Mark>, retired: &Retired) -> Self {
        Self {
            plan,
            heads,
            mark,
            segments: Vec::new(),
            epochs: retired.epochs.clone(),
            tree: retired.tree.clone(),
            broken: false,
            end: retired.through(),
            synced_to: mark.map_or(Position(0), Mark::position).max(retired.through()),
            last: None,
            damaged: Vec::new(),
            headers_repaired: Vec::new(),
            tails: Vec::new(),
            data_loss: None,
            begun: false,
            clock_floor: mark.map_or(Timestamp::EPOCH, |mark| mark.clock_floor),
        }
    }

    /// Looks at everything.
    pub fn run(mut self) -> io::Result<Surveyed> {
        self.begin();
        let (unread, read) = self.heads.all.split_at_checked(self.heads.from).unwrap_or((&[], &self.heads.all));
        for (head, next) in unread.iter().zip(self.heads.all.iter().skip(1)) {
            self.skip(head, next);
        }
        let nexts = read.iter().skip(1).map(Head::header).chain([None]);
        for (head, next) in read.iter().zip(nexts) {
            let begun = next.map_or(Position(0), |next| Position(next.first.0.saturating_sub(1)));
            let promised = begun.max(self.mark.map_or(Position(0), Mark::position));
            match head.header() {
                Some(header) => self.good(head, header, promised)?,
                None => self.bad(head, promised)?,
            }
        }
        Ok(self.conclude())
    }

    /// A journal begins with record 1, or behind what has left.
    fn begin(&mut self) {
        self.begun = self.heads.from == 0;
        let should = self.end.next();
        let first = self.heads.all.first().and_then(Head::header).map_or(should, |header| header.first);
        if !self.begun && first > should {
            self.damage(should, Position(first.0 - 1));
        }
    }

    /// A segment that is read when somebody asks. It ends where the next begins.
    fn skip(&mut self, head: &Head, next: &Head) {
        let (Some(header), Some(after)) = (head.header(), next.header()) else { return };
        self.know_epoch(header);
        let last = Position(after.first.0.saturating_sub(1));
        let Header { number, epoch, first, .. } = *header;
        self.segments.push(Segment { number, epoch, first, last, contents: None });
    }

    /// A segment with a good header.
    fn good(&mut self, head: &Head, header: &Header, promised: Position) -> io::Result<()> {
        self.join(header);
        self.know_epoch(header);
        let file = head.open(&self.plan.place)?;
        self.segments.push(opened(file.clone(), header));
        let seed = Seed::new(head.number, header.epoch);
        let known = Known { first: Some(header.first), promised };
        let tail = format::scan(&*file, seed, known, |met| self.meet(header, &met))?;
        self.leave(head, tail);
        Ok(())
    }

    /// A segment whose header tells nothing: it may still have good frames of an epoch that we know.
    fn bad(&mut self, head: &Head, promised: Position) -> io::Result<()> {
        let file = head.open(&self.plan.place)?;
        if let Some(epoch) = format::epoch_of(&*file, head.number, &self.heads.epochs)? {
            return self.repair(head, &file, epoch, promised);
        }
        let known = Known { first: None, promised };
        let tail = format::scan(&*file, Seed::new(head.number, self.plan.epoch), known, |_| {})?;
        self.leave(head, Tail { at: 0, is_torn: tail.is_torn || head.read != format::Read::Blank, ..tail });
        Ok(())
    }

    fn repair(&mut self, head: &Head, file: &Arc<dyn DiskFile>, epoch: EpochId, promised: Position) -> io::Result<()> {
        let first = format::first_of(&**file, Seed::new(head.number, epoch))?.unwrap_or(self.end.next());
        self.begun = true;
        self.headers_repaired.push(head.number);
        if first > self.end.next() {
            self.lose(self.end.next(), Position(first.0 - 1));
        }
        let header = self.header_for(head.number, epoch, self.end.next());
        self.know_epoch(&header);
        self.segments.push(opened(file.clone(), &header));
        let known = Known { first: None, promised };
        let tail = format::scan(&**file, Seed::new(head.number, epoch), known, |met| match met {
            Met::Batch(found, _) if found.last <= self.end => {} // we have it from the segment before
            met => self.meet(&header, &met),
        })?;
        self.leave(head, tail);
        Ok(())
    }

    /// What the header must have been, near enough to read on.
    fn header_for(&self, number: u32, epoch: EpochId, first: Position) -> Header {
        let last = self.epochs.last();
        let same = last.filter(|last| last.id == epoch);
        let before = if same.is_some() { self.epochs.iter().rev().nth(1) } else { last };
        Header {
            number,
            epoch,
            epoch_first: same.map_or(first, |same| same.first),
            previous: before.map_or_else(EpochId::default, |before| before.id),
            previous_ended_at: before.map_or(Position(0), |before| before.ended_at.unwrap_or(self.end)),
            first,
            created: self.plan.clock.now(),
            owner: self.plan.owner.clone(),
            tree: self.tree.clone(),
        }
    }

    /// What lies between the end so far and a segment that says where it begins.
    fn join(&mut self, header: &Header) {
        let before = Position(header.first.0 - 1);
        if !std::mem::replace(&mut self.begun, true) {
            // what was before is not read
        } else if before > self.end {
            self.damage(self.end.next(), before);
        } else if before < self.end {
            self.give_way(header.first);
        } else if !self.broken && self.tree.root() != header.tree.root() {
            self.data_loss.get_or_insert(DataLoss::OtherRoot { at: before });
        }
        self.end = before;
        self.tree = header.tree.clone();
        self.broken = false;
    }

    /// A segment ends where the one after it begins.
    fn give_way(&mut self, first: Position) {
        let before = Position(first.0 - 1);
        for segment in &mut self.segments {
            segment.last = segment.last.min(before);
            if let Some(contents) = &mut segment.contents {
                contents.batches.retain(|entry| entry.first < first);
            }
        }
        self.last = self.last.take().filter(|last| last.found.first < first);
    }

    fn meet(&mut self, header: &Header, met: &Met<'_>) {
        match met {
            Met::Lost(first, last) => self.lose(*first, *last),
            Met::Batch(found, leaves) => self.take(header, *found, leaves),
        }
    }

    fn take(&mut self, header: &Header, found: Found, leaves: &[Hash]) {
        let before = self.tree.clone();
        match &mut self.last {
            last if found.root.is_none() => *last = None, // promised, or the walk would not have told it
            Some(last) if last.header.number == header.number => (last.found, last.before) = (found, before),
            last => *last = Some(Last { header: header.clone(), found, before }),
        }
        for leaf in leaves {
            self.tree.push(*leaf);
        }
        self.end = found.last;
        self.synced_to = self.synced_to.max(if found.root.is_some() { found.synced_to } else { found.last });
        self.clock_floor = self.clock_floor.max(found.newest);
        if let Some(segment) = self.segments.last_mut() {
            segment.last = found.last;
            if let Some(contents) = &mut segment.contents {
                contents.batches.push(Entry::from(found));
            }
        }
        let marked = self.mark.filter(|mark| mark.position() == found.last);
        let is_other = !self.broken && found.root.is_some_and(|root| self.tree.root() != root);
        let is_other_than_marked = !self.broken && marked.is_some_and(|mark| mark.tree.root() != self.tree.root());
        if is_other || is_other_than_marked {
            self.data_loss.get_or_insert(DataLoss::OtherRoot { at: found.last });
        }
        if let Some(mark) = marked.filter(|_| self.broken) {
            (self.tree, self.broken) = (mark.tree.clone(), false);
        }
    }

    /// These positions are gone.
    fn damage(&mut self, first: Position, last: Position) {
        tracing::error!(%first, %last, "records of the journal are lost");
        let segment = self.segments.last().map(|segment| segment.number);
        let quarantined = segment.and_then(|number| quarantine::keep(&self.plan.place, number, self.plan.clock.now()));
        self.damaged.push(Damage { first, last, segment, quarantined });
        self.end = last;
    }

    /// These positions are gone, and no header says what the tree is behind them. It goes on from the mark if that lies
    /// among them, else over leaves that are nobody's.
    pub fn lose(&mut self, first: Position, last: Position) {
        self.damage(first, last);
        let marked = self.mark.filter(|mark| mark.position() >= first && mark.position() <= last);
        if let Some(mark) = marked {
            self.tree = mark.tree.clone();
        }
        self.broken = self.tree.size() < last.0;
        while self.tree.size() < last.0 {
            self.tree.push(lost_leaf());
        }
    }

    fn know_epoch(&mut self, header: &Header) {
        if self.epochs.iter().any(|known| known.id == header.epoch) {
            return;
        }
        if let Some(known) = self.epochs.last_mut() {
            known.ended_at = Some(if known.id == header.previous { header.previous_ended_at } else { self.end });
        }
        self.epochs.push(Epoch { id: header.epoch, first: header.epoch_first, ended_at: None });
    }

    fn leave(&mut self, head: &Head, tail: Tail) {
        self.synced_to = self.synced_to.max(tail.synced_to);
        self.tails.push((head.number, tail));
        let older = self.segments.len().checked_sub(OPEN_SEGMENTS_MAX);
        if let Some(segment) = older.and_then(|number| self.segments.get_mut(number)) {
            segment.contents = None; // it is read again when somebody asks
        }
    }
}

fn opened(file: Arc<dyn DiskFile>, header: &Header) -> Segment {
    let Header { number, epoch, first, .. } = *header;
    let contents = Some(Contents { file, batches: Vec::new() });
    Segment { number, epoch, first, last: Position(first.0 - 1), contents }
}
