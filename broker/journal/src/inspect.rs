//! Looks through a journal that somebody else has, or had, open: reads everything, changes nothing, and names every place
//! where it is not what was written.

use std::{collections::VecDeque, fs, io, path::Path, sync::Arc};

use bytes::Bytes;
use model::{
    merkle::{Frontier, Hash},
    position::{EpochId, Position},
};

use crate::{
    disk::{self, DiskFile},
    format::{self, Found, HEADER_BYTES, Header, Known, Mark, Met, Read, Retired, Seed},
    kept::{self, Kept},
    record::Record,
    retire, segment,
};

/// Roots at the ends of commits that are remembered, for heads that were signed a while before they were recorded.
const ROOTS_KEPT: usize = 65_536;
const HASH_BYTES: u64 = 32;

/// What is wrong with a place.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum FlawKind {
    /// A segment file is missing.
    SegmentMissing,
    /// A segment's header cannot be read, or is another segment's.
    Header,
    /// Records cannot be read: their bytes were changed, moved or damaged.
    Unreadable,
    /// Records that were there are not there any more.
    Missing,
    /// Records can be read, and are not those over which the tree was made.
    OtherRecords,
    /// A record can be read, and is not the one whose hash was taken.
    OtherLeaf,
    /// The journal ends before the last record that was synced.
    EndsEarly,
}

/// A place that is not what was written.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Flaw {
    /// What is wrong.
    pub kind: FlawKind,
    /// In which segment file.
    pub segment: Option<u32>,
    /// From which byte of it on.
    pub at: Option<u64>,
    /// The first record concerned.
    pub first: Position,
    /// The last record concerned.
    pub last: Position,
}

/// Roots of the tree at the ends of the last commits.
#[derive(Debug, Default)]
pub struct Roots {
    /// Size and root, oldest first.
    known: VecDeque<(u64, Hash)>,
    /// Smaller trees are over nothing but what has left.
    retired: u64,
}

impl Roots {
    /// The root at `size`, if a commit ended there lately.
    pub fn at(&self, size: u64) -> Option<Hash> {
        let place = self.known.binary_search_by_key(&size, |(size, _)| *size).ok()?;
        self.known.get(place).map(|(_, root)| *root)
    }

    /// Whether the records of a tree of this size have left, so that nothing here says what its root was.
    pub const fn has_left(&self, size: u64) -> bool {
        size < self.retired
    }

    fn push(&mut self, size: u64, root: Hash) {
        while self.known.back().is_some_and(|(last, _)| *last >= size) {
            self.known.pop_back();
        }
        self.known.push_back((size, root));
        if self.known.len() > ROOTS_KEPT {
            self.known.pop_front();
        }
    }
}

/// What was found.
#[derive(Debug, Default)]
pub struct Inspection {
    /// Everything that is wrong, in the order in which it was met.
    pub flaws: Vec<Flaw>,
    /// Everything up to here has left on purpose, as the journal says.
    pub retired: Position,
    /// The last record that can be read.
    pub end: Position,
    /// Records that were read.
    pub records: u64,
    /// Segment files that were read.
    pub segments: u32,
    /// The root over everything; of a journal with flaws it means nothing.
    pub root: Hash,
    /// The epoch of the last segment.
    pub epoch: EpochId,
    /// Whose journal it is, as its headers say.
    pub owner: String,
    /// Bytes behind the last commit that were never promised: the end of a write that a power cut or we ourselves cut short.
    pub torn: bool,
}

/// Reads the journal in `folder` and calls `each` with every record in order, with the roots so far.
///
/// # Errors
/// The folder cannot be read, or holds no journal.
pub fn inspect(folder: &Path, each: impl FnMut(Position, &Record, &Roots)) -> io::Result<Inspection> {
    let mut numbers: Vec<u32> =
        fs::read_dir(folder)?.filter_map(|entry| segment::number_of(entry.ok()?.file_name().to_str()?)).collect();
    numbers.sort_unstable();
    let state = folder.parent().unwrap_or(Path::new("."));
    let tiles = disk::read_only(&state.join("tree").join("0")).ok();
    let mut looking = Looking {
        mark: newest_mark(folder),
        leaves: tiles.as_ref().and_then(|tiles| tiles.len().ok()).unwrap_or(0) / HASH_BYTES,
        tiles,
        tree: Frontier::default(),
        before: VecDeque::new(),
        roots: Roots::default(),
        found: Inspection::default(),
        broken: false,
        each,
    };
    let mut heads = numbers.iter().map(|number| head(folder, *number)).collect::<io::Result<Vec<_>>>()?;
    if let Some(retired) = fs::read(folder.join(retire::NAME)).ok().and_then(|bytes| Retired::decode(&bytes)) {
        // what was to leave when the power went may still be there in parts
        heads.retain(|(_, _, read)| good(read).is_none_or(|header| header.first > retired.through()));
        looking.found.retired = retired.through();
        looking.roots.retired = retired.through().0;
        looking.tree = retired.tree;
        looking.kept(folder);
    }
    if heads.iter().all(|(_, _, read)| !matches!(read, Read::Good(_))) && looking.mark.is_none() {
        return Err(io::Error::new(io::ErrorKind::NotFound, "there is no journal"));
    }
    for (place, (number, file, read)) in heads.iter().enumerate() {
        if let Some((before, ..)) = place.checked_sub(1).and_then(|before| heads.get(before))
            && *number != before + 1
        {
            let next = looking.end().next();
            looking.flaw(FlawKind::SegmentMissing, Some(before + 1), None, (next, next));
            looking.broken = true;
        }
        let next = heads.iter().skip(place + 1).find_map(|(_, _, read)| good(read)).map(|header| header.first);
        match read {
            Read::Blank => {}
            Read::Good(header) if header.number == *number => looking.segment(header, file, next)?,
            Read::Good(_) | Read::Unknown(_) | Read::Bad => {
                let first = looking.end().next();
                let last = next.map_or(first, |next| Position(next.0.saturating_sub(1)).max(first));
                looking.flaw(FlawKind::Header, Some(*number), Some(0), (first, last));
                looking.broken = true;
            }
        }
    }
    Ok(looking.conclude())
}

fn good(read: &Read) -> Option<&Header> {
    if let Read::Good(header) = read { Some(header) } else { None }
}

type Head = (u32, Arc<dyn DiskFile>, Read);

fn head(folder: &Path, number: u32) -> io::Result<Head> {
    let file = disk::read_only(&folder.join(segment::name(number)))?;
    let mut block = vec![0; HEADER_BYTES];
    let there = file.read_at(&mut block, 0)?;
    let read = if there < HEADER_BYTES { Read::Bad } else { Header::decode(&block) };
    Ok((number, file, read))
}

fn newest_mark(folder: &Path) -> Option<Mark> {
    let marks = ["mark.0", "mark.1"].iter().filter_map(|name| Mark::decode(&fs::read(folder.join(name)).ok()?));
    marks.max_by_key(|mark| mark.generation)
}

struct Looking<F> {
    mark: Option<Mark>,
    /// Hashes of leaves that were taken as the journal grew, and how many.
    tiles: Option<Arc<dyn DiskFile>>,
    leaves: u64,
    tree: Frontier,
    /// The tree before each of the last commits: a segment ends where the one after it begins.
    before: VecDeque<Frontier>,
    roots: Roots,
    found: Inspection,
    /// Records are missing, so the tree is not known until something says it.
    broken: bool,
    each: F,
}

impl<F: FnMut(Position, &Record, &Roots)> Looking<F> {
    fn end(&self) -> Position {
        Position(self.tree.size())
    }

    fn flaw(&mut self, kind: FlawKind, segment: Option<u32>, at: Option<u64>, (first, last): (Position, Position)) {
        self.found.flaws.push(Flaw { kind, segment, at, first, last });
    }

    fn segment(&mut self, header: &Header, file: &Arc<dyn DiskFile>, next: Option<Position>) -> io::Result<()> {
        let number = header.number;
        self.found.segments += 1;
        self.found.epoch = header.epoch;
        self.found.owner.clone_from(&header.owner);
        self.join(header);
        let (met, mut unvouched) = (self.found.flaws.len(), None);
        let promised = next.map_or(Position(0), |next| Position(next.0.saturating_sub(1)));
        let promised = promised.max(self.mark.as_ref().map_or(Position(0), Mark::position));
        let known = Known { first: Some(header.first), promised };
        let seed = Seed::new(number, header.epoch);
        let reader = file.clone();
        let tail = format::scan(&**file, seed, known, |met| match met {
            Met::Lost(first, last) => {
                self.flaw(FlawKind::Unreadable, Some(number), None, (first, last));
                self.lose(last);
            }
            Met::Batch(found, _) => {
                unvouched = unvouched.or_else(|| found.root.is_none().then_some((found.at, (found.first, found.last))));
                self.batch(number, seed, &*reader, found);
            }
        })?;
        // all its records can be read: what was changed is the end of the commit, which vouches for them
        if let Some((at, records)) = unvouched.filter(|_| self.found.flaws.len() == met) {
            self.flaw(FlawKind::Unreadable, Some(number), Some(at), records);
        }
        if let Some(next) = next.filter(|next| self.end().next() < *next) {
            let kind = if tail.is_torn { FlawKind::Unreadable } else { FlawKind::Missing };
            let missing = (self.end().next(), Position(next.0 - 1));
            self.flaw(kind, Some(number), Some(tail.at), missing);
            self.broken = true;
        }
        self.found.torn = next.is_none() && tail.is_torn;
        Ok(())
    }

    /// What is kept of what has left is what it was: its leaves are those over which the tree was made.
    fn kept(&mut self, folder: &Path) {
        let Ok(file) = disk::read_only(&folder.join(kept::NAME)) else { return };
        let through = self.found.retired;
        let (kept, is_whole) = Kept::read(&file).unwrap_or_default();
        if !is_whole {
            self.flaw(FlawKind::Unreadable, None, None, (Position(1), through));
        }
        for at in kept.positions().filter(|at| *at <= through) {
            let (known, record) = (self.kept_leaves(at, 1), kept.get(at));
            if known.first().zip(record).is_some_and(|(leaf, record)| *leaf != record.leaf()) {
                self.flaw(FlawKind::OtherLeaf, None, None, (at, at));
            }
        }
    }

    /// The tree goes on where the header says.
    fn join(&mut self, header: &Header) {
        let before = header.first.0.saturating_sub(1);
        if before < self.tree.size()
            && let Some(place) = self.before.iter().position(|tree| tree.size() == before)
        {
            // the last commit of a life was perhaps never synced, and was written again
            self.before.truncate(place + 1);
            self.tree = self.before.pop_back().unwrap_or_default();
        }
        if before > self.tree.size() && !self.broken {
            let missing = (self.end().next(), Position(before));
            self.flaw(FlawKind::Missing, Some(header.number), Some(0), missing);
        } else if !self.broken && self.tree != header.tree {
            let place = (header.first, header.first);
            self.flaw(FlawKind::OtherRecords, Some(header.number), Some(0), place);
        }
        self.tree = header.tree.clone();
        self.broken = false;
        self.roots.push(self.tree.size(), self.tree.root());
    }

    fn lose(&mut self, last: Position) {
        while self.tree.size() < last.0 {
            self.tree.push(crate::record::lost_leaf());
        }
        self.broken = true;
    }

    fn batch(&mut self, number: u32, seed: Seed, file: &dyn DiskFile, found: Found) {
        self.before.push_back(self.tree.clone());
        if self.before.len() > 2 {
            self.before.pop_front();
        }
        let mut bytes = vec![0; found.length as usize];
        let read = file.read_at(&mut bytes, found.at).is_ok_and(|there| there == bytes.len());
        let decode = if found.root.is_some() { format::decode } else { format::decode_frames };
        let records = if read { decode(seed, found.first, &Bytes::from(bytes)) } else { None };
        let Some(records) = records else {
            self.flaw(FlawKind::Unreadable, Some(number), Some(found.at), (found.first, found.last));
            return self.lose(found.last);
        };
        let kept = self.kept_leaves(found.first, records.len());
        for (record, position) in records.iter().zip(found.first.0..) {
            let leaf = record.leaf();
            self.tree.push(leaf);
            self.found.records += 1;
            let place = usize::try_from(position - found.first.0).unwrap_or(usize::MAX);
            if kept.get(place).is_some_and(|kept| *kept != leaf) {
                let position = Position(position);
                self.flaw(FlawKind::OtherLeaf, Some(number), Some(found.at), (position, position));
            }
            (self.each)(Position(position), record, &self.roots);
        }
        self.rooted(number, found);
    }

    /// Holds the tree against what the commit's trailer and the mark say.
    fn rooted(&mut self, number: u32, found: Found) {
        let marked = self.mark.as_ref().filter(|mark| mark.position() == found.last);
        let marked = marked.map(|mark| mark.tree.root());
        let known = found.root.or(marked);
        let root = self.tree.root();
        let differs = |known: Option<Hash>| known.is_some_and(|known| known != root);
        if !self.broken && (differs(found.root) || differs(marked)) {
            self.flaw(FlawKind::OtherRecords, Some(number), Some(found.at), (found.first, found.last));
            self.broken = true; // what follows is told by its own places, not by this one again
        }
        self.roots.push(self.tree.size(), known.unwrap_or(root));
    }

    fn kept_leaves(&self, first: Position, count: usize) -> Vec<Hash> {
        let from = first.0.saturating_sub(1);
        let there = usize::try_from(self.leaves.saturating_sub(from)).unwrap_or(usize::MAX).min(count);
        let mut bytes = vec![0; there * 32];
        let read = self.tiles.as_ref().map_or(Ok(0), |tiles| tiles.read_at(&mut bytes, from * HASH_BYTES));
        if read.is_ok_and(|read| read == bytes.len()) { bytes.as_chunks().0.to_vec() } else { Vec::new() }
    }

    fn conclude(mut self) -> Inspection {
        let end = self.end();
        let marked = self.mark.as_ref().map_or(Position(0), Mark::position);
        let promised = marked.max(Position(self.leaves));
        if promised > end {
            self.flaw(FlawKind::EndsEarly, None, None, (end.next(), promised));
        }
        self.found.end = end;
        self.found.root = self.tree.root();
        self.found
    }
}

#[cfg(test)]
mod tests;
