//! The first look: which files there are, what their headers say, and from where on they have to be read.

use std::{io, sync::Arc};

use model::position::{EpochId, Position};

use super::{OpenError, Plan};
use crate::{
    disk::{DiskFile, Place},
    format::{HEADER_BYTES, Header, Mark, Read},
    retire, segment,
};

/// A segment file and its first block.
#[derive(Debug)]
pub(super) struct Head {
    pub number: u32,
    pub read: Read,
    /// The first bytes, for what has no header.
    magic: [u8; 8],
}

impl Head {
    /// Opens the file. There may be more segments than a process may have files open.
    pub fn open(&self, place: &Place) -> io::Result<Arc<dyn DiskFile>> {
        place.disk.open(&place.folder.join(segment::name(self.number)))
    }

    /// The header, if it is good.
    pub fn header(&self) -> Option<&Header> {
        match &self.read {
            Read::Good(header) => Some(header),
            Read::Blank | Read::Unknown(_) | Read::Bad => None,
        }
    }
}

/// All segment files, by number.
#[derive(Debug)]
pub(super) struct Heads {
    pub all: Vec<Head>,
    /// Every epoch that any header or the mark names.
    pub epochs: Vec<EpochId>,
    /// Which of `all` is the first that has to be read now.
    pub from: usize,
    pub strays: Vec<String>,
}

impl Heads {
    /// Reads the headers, refuses what is not ours, and removes files that we had not finished.
    pub fn read(plan: &Plan, mark: Option<&Mark>, retired: Position) -> Result<Self, OpenError> {
        let (numbers, strays) = list(&plan.place)?;
        let mut all = Vec::with_capacity(numbers.len());
        for number in numbers {
            let head = head(&plan.place, number)?;
            check(plan, &head)?;
            all.push(head);
        }
        leave(plan, &mut all, retired)?;
        if mark.is_none() && all.iter().all(|head| head.header().is_none()) {
            all.iter().try_for_each(|head| no_journal(plan, head))?;
        }
        let mut epochs: Vec<_> =
            all.iter().filter_map(Head::header).flat_map(|header| [header.epoch, header.previous]).collect();
        epochs.extend(mark.map(|mark| mark.epoch));
        epochs.sort_unstable();
        epochs.dedup();
        epochs.retain(|epoch| *epoch != EpochId::default());
        let from = if plan.verify_all { 0 } else { read_from(&all, mark) };
        Ok(Self { all, epochs, from, strays })
    }
}

/// Segments that were to leave when the power went: nobody knows which of them it left.
fn leave(plan: &Plan, all: &mut Vec<Head>, retired: Position) -> io::Result<()> {
    let leaves = |head: &mut Head| head.header().is_some_and(|header| header.first <= retired);
    let leaving: Vec<u32> = all.extract_if(.., leaves).map(|head| head.number).collect();
    if leaving.is_empty() { Ok(()) } else { retire::remove(&plan.place, leaving.into_iter()) }
}

/// Numbers of segments in order, and names that are not ours.
fn list(place: &Place) -> io::Result<(Vec<u32>, Vec<String>)> {
    let (mut numbers, mut strays) = (Vec::new(), Vec::new());
    for name in place.disk.list(&place.folder)? {
        if let Some(number) = segment::number_of(&name) {
            numbers.push(number);
        } else if segment::is_unfinished(&name) {
            place.disk.remove(&place.folder.join(&name))?;
        } else if !segment::is_other(&name) {
            tracing::warn!(name, "a file in the journal's folder is not ours; it is left alone");
            strays.push(name);
        }
    }
    numbers.sort_unstable();
    strays.sort_unstable();
    Ok((numbers, strays))
}

fn head(place: &Place, number: u32) -> io::Result<Head> {
    let file = place.disk.open(&place.folder.join(segment::name(number)))?;
    let mut block = vec![0; HEADER_BYTES];
    if let Err(error) = file.read_at(&mut block, 0) {
        tracing::error!(%error, segment = number, "a header cannot be read");
        block.fill(0xFF);
    }
    let magic = block.first_chunk().copied().unwrap_or_default();
    let read = match Header::decode(&block) {
        Read::Good(header) if header.number != number => Read::Bad,
        read => read,
    };
    Ok(Head { number, read, magic })
}

fn check(plan: &Plan, head: &Head) -> Result<(), OpenError> {
    let path = plan.place.folder.join(segment::name(head.number));
    match &head.read {
        Read::Unknown(format) => Err(OpenError::Format { path, format: *format }),
        Read::Good(header) if !header.owner.is_empty() && !plan.owner.is_empty() && header.owner != plan.owner => {
            let why = format!("it belongs to {}, not to {}", header.owner, plan.owner);
            Err(OpenError::Foreign { path, why })
        }
        Read::Good(_) | Read::Blank | Read::Bad => Ok(()),
    }
}

/// Where nothing says that there ever was a journal, a file that begins with something else is somebody else's.
fn no_journal(plan: &Plan, head: &Head) -> Result<(), OpenError> {
    if head.magic == *b"LDJOURNL" || head.magic == [0; 8] {
        return Ok(());
    }
    let path = plan.place.folder.join(segment::name(head.number));
    Err(OpenError::Foreign { path, why: "it does not begin as one does".to_owned() })
}

/// The first that has to be read: the one that holds the mark, or the last good one before anything strange.
fn read_from(all: &[Head], mark: Option<&Mark>) -> usize {
    let Some(mark) = mark.map(Mark::position) else { return 0 };
    let beyond_mark = |head: &Head| head.header().is_some_and(|header| header.first > mark);
    let strange = all.windows(2).position(|pair| match pair {
        [head, next] => {
            let (Some(before), Some(after)) = (head.header(), next.header()) else { return true };
            next.number != head.number + 1 || after.first < before.first
        }
        _ => false,
    });
    let before_strange = strange.unwrap_or(all.len());
    let before_mark = all.iter().position(beyond_mark).unwrap_or(all.len());
    let good = |(_, head): &(usize, &Head)| head.header().is_some();
    let mut candidates = all.iter().enumerate().take(before_mark.min(before_strange.saturating_add(1)));
    candidates.rfind(good).map_or(0, |(number, _)| number)
}
