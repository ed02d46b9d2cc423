//! Reading: from memory or disk, each batch checked each time.

use std::sync::{Arc, PoisonError};

use bytes::Bytes;
use model::position::{EpochId, Position};

use super::{
    Ended, Shelf,
    state::{Contents, Entry, Lookup, Segment},
};
use crate::{
    JournalError,
    disk::DiskFile,
    format::{self, Met, Seed},
    record::{Committed, Record},
    segment,
};

impl Shelf {
    /// The commit that has a position.
    pub fn batch(&self, at: Position) -> Result<Arc<Committed>, JournalError> {
        loop {
            let found = self.lock().look_up(at);
            match found {
                Lookup::Hot(committed) => return Ok(committed),
                Lookup::Cold { number, epoch, file, entry } => return self.cold(at, number, epoch, &*file, entry),
                Lookup::Unread(segment) => self.load(&segment).map_err(|error| failed(&error))?,
                Lookup::Damaged => return Err(JournalError::Damaged(at)),
                Lookup::Missing => return Err(JournalError::Missing(at)),
            }
        }
    }

    /// The record at a position.
    pub fn record(&self, at: Position) -> Result<Record, JournalError> {
        let committed = self.batch(at)?;
        let number = usize::try_from(at.0 - committed.first.0).unwrap_or(usize::MAX);
        committed.records.get(number).cloned().ok_or(JournalError::Missing(at))
    }

    fn cold(
        &self,
        at: Position,
        number: u32,
        epoch: EpochId,
        file: &dyn DiskFile,
        entry: Entry,
    ) -> Result<Arc<Committed>, JournalError> {
        let mut bytes = vec![0; entry.length as usize];
        if let Err(error) = file.read_at(&mut bytes, entry.at) {
            tracing::error!(%error, segment = number, "a batch cannot be read");
        }
        let first = entry.first;
        let Some(records) = format::decode(Seed::new(number, epoch), first, &Bytes::from(bytes)) else {
            self.report(number, &[(first, entry.last())]);
            return Err(JournalError::Damaged(at));
        };
        Ok(Arc::new(Committed { epoch, first, records: records.into(), tickets: Vec::new() }))
    }

    /// Reads where the batches of a closed segment lie, and checks them.
    fn load(&self, segment: &Segment) -> std::io::Result<()> {
        let Segment { number, epoch, first, last, .. } = *segment;
        let file = self.place.disk.open(&self.place.folder.join(segment::name(number)))?;
        let (mut batches, mut lost, mut end) = (Vec::new(), Vec::new(), Position(first.0.saturating_sub(1)));
        format::index(&*file, Seed::new(number, epoch), first, |met| match met {
            Met::Batch(found, _) if found.first <= last => {
                batches.push(Entry::from(found));
                end = found.last;
            }
            Met::Lost(from, to) if from <= last => lost.push((from, to.min(last))),
            Met::Batch(..) | Met::Lost(..) => {}
        })?;
        if end < last && lost.last().is_none_or(|(_, to)| *to < last) {
            lost.push((end.next(), last));
        }
        self.lock().fill(first, Contents { file, batches });
        if !lost.is_empty() {
            self.report(number, &lost);
        }
        Ok(())
    }

    /// The commit at `next` or, over damage, behind it, as soon as there is one; none when no more will come.
    fn next(&self, mut next: Position) -> Option<Result<Arc<Committed>, JournalError>> {
        loop {
            let mut state = self.lock();
            while state.end < next && matches!(state.ended, Ended::No) {
                state = self.grown.wait(state).unwrap_or_else(PoisonError::into_inner);
            }
            if state.end < next {
                return Option::from(&state.ended).map(Err);
            }
            drop(state);
            match self.batch(next) {
                Err(JournalError::Damaged(at)) => next = self.lock().behind(at),
                other => return Some(other),
            }
        }
    }

    /// Everything from `from` on; see [`crate::Journal::read`].
    pub fn commits(self: &Arc<Self>, from: Position) -> impl Iterator<Item = Result<Committed, JournalError>> + use<> {
        let (shelf, mut next, mut over) = (self.clone(), from.max(self.lock().first()), false);
        std::iter::from_fn(move || {
            if over {
                return None;
            }
            let met = shelf.next(next)?;
            match &met {
                Ok(committed) => next = committed.first.plus(committed.records.len() as u64),
                Err(_) => over = true,
            }
            Some(met.map(|committed| Committed::clone(&committed)))
        })
    }
}

fn failed(error: &std::io::Error) -> JournalError {
    JournalError::Failed(error.to_string().into())
}
