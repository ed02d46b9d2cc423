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
    format::{self, Known, Met, Seed},
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
                Lookup::Cold { number, epoch, file, entry } => {
                    if let Some(committed) = self.cold(number, epoch, &*file, entry)? {
                        return Ok(committed);
                    }
                }
                Lookup::Unread(segment) => self.load(&segment).map_err(|error| failed(&error))?,
                Lookup::Damaged => return Err(JournalError::Damaged(at)),
                Lookup::Missing => return Err(JournalError::Missing(at)),
                Lookup::Retired => return Err(JournalError::Retired(at)),
            }
        }
    }

    /// The record at a position.
    pub fn record(&self, at: Position) -> Result<Record, JournalError> {
        let committed = match self.batch(at) {
            Err(JournalError::Retired(_)) => return self.kept(at).ok_or(JournalError::Retired(at)),
            found => found?,
        };
        let number = usize::try_from(at.0 - committed.first.0).unwrap_or(usize::MAX);
        committed.records.get(number).cloned().ok_or(JournalError::Missing(at))
    }

    /// A batch from disk; none if it is damaged, which is then reported, and only what is good of it can be looked up. An error
    /// where the whole disk is gone: that damages no record, and whoever reads must not go on behind it.
    fn cold(
        &self,
        number: u32,
        epoch: EpochId,
        file: &dyn DiskFile,
        entry: Entry,
    ) -> Result<Option<Arc<Committed>>, JournalError> {
        let mut bytes = vec![0; entry.length as usize];
        if let Err(error) = file.read_at(&mut bytes, entry.at) {
            tracing::error!(%error, segment = number, "a batch cannot be read");
            self.place.disk.sync_dir(&self.place.folder).map_err(|gone| failed(&gone))?;
        }
        let (first, seed) = (entry.first, Seed::new(number, epoch));
        let decode = if entry.has_trailer { format::decode } else { format::decode_frames };
        let Some(records) = decode(seed, first, &Bytes::from(bytes)) else {
            self.found_damaged(number, seed, file, entry);
            return Ok(None);
        };
        Ok(Some(Arc::new(Committed { epoch, first, records: records.into(), tickets: Vec::new() })))
    }

    /// A batch that was good is no more: what is good of it stays, the rest is reported.
    fn found_damaged(&self, number: u32, seed: Seed, file: &dyn DiskFile, entry: Entry) {
        let range = (entry.at, entry.at + u64::from(entry.length));
        let remains = format::remains(file, seed, entry.first, range).unwrap_or_else(|error| {
            tracing::error!(%error, segment = number, "a damaged batch cannot be searched");
            Vec::new()
        });
        let rest: Vec<_> = remains.into_iter().map(Entry::from).collect();
        self.lock().shrink(entry, &rest);
        self.report(number, &gaps(entry, &rest));
    }

    /// Reads where the batches of a closed segment lie, and checks them.
    fn load(&self, segment: &Segment) -> std::io::Result<()> {
        let Segment { number, epoch, first, last, .. } = *segment;
        let file = self.place.disk.open(&self.place.folder.join(segment::name(number)))?;
        let (mut batches, mut lost, mut end) = (Vec::new(), Vec::new(), Position(first.0.saturating_sub(1)));
        let known = Known { first: Some(first), promised: last };
        format::index(&*file, Seed::new(number, epoch), known, |met| match met {
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

/// Positions of `entry` that are not in `rest`.
fn gaps(entry: Entry, rest: &[Entry]) -> Vec<(Position, Position)> {
    let (mut gaps, mut next) = (Vec::new(), entry.first);
    for good in rest {
        if next < good.first {
            gaps.push((next, Position(good.first.0 - 1)));
        }
        next = good.last().next();
    }
    if next <= entry.last() {
        gaps.push((next, entry.last()));
    }
    gaps
}

fn failed(error: &std::io::Error) -> JournalError {
    JournalError::Failed(error.to_string().into())
}
