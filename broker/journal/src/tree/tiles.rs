//! The files of the tree: hashes by level and place, read and written where they lie.

use std::{io, sync::Arc};

use model::merkle::{
    self, Hash,
    ranges::{self, Full, Range},
};

use crate::disk::{DiskFile, Place};

const HASH_BYTES: u64 = 32;
/// A level's hash stands for so many of the level below: 2⁸.
const BITS: u32 = 8;
const FAN: u64 = 1 << BITS;
/// More levels than any tree has.
const LEVELS: usize = 8;
const FOLDER: &str = "tree";

/// Hashes of leaves and of full subtrees.
#[derive(Debug)]
pub(super) struct Tiles {
    place: Place,
    files: [Option<Arc<dyn DiskFile>>; LEVELS],
    /// Leaves whose hashes are there; of every level what is full below it.
    leaves: u64,
}

impl Tiles {
    /// What lies there already, as far as `end`.
    pub fn open(place: &Place, end: u64) -> Self {
        let state = place.folder.parent().unwrap_or(std::path::Path::new("."));
        let place = Place { folder: state.join(FOLDER), ..place.clone() };
        let mut tiles = Self { place, files: Default::default(), leaves: 0 };
        for level in 0..LEVELS {
            if let Ok(file) = tiles.place.disk.open(&tiles.path(level))
                && let Some(slot) = tiles.files.get_mut(level)
            {
                *slot = Some(file);
            }
        }
        let there = |level: usize| {
            let file = tiles.files.get(level).and_then(Option::as_ref);
            file.and_then(|file| file.len().ok()).unwrap_or(0) / HASH_BYTES
        };
        let mut leaves = there(0).min(end);
        // a level that is short takes back what it should stand for
        for level in 1..LEVELS {
            let span = span(level);
            if there(level) < leaves / span {
                leaves = leaves.min(there(level) * span + span - 1);
            }
        }
        tiles.leaves = leaves;
        tiles
    }

    fn path(&self, level: usize) -> std::path::PathBuf {
        self.place.folder.join(level.to_string())
    }

    /// How many leaves there are.
    pub const fn leaves(&self) -> u64 {
        self.leaves
    }

    /// Forgets what comes after the first `leaves`: it is written again. Of records that have left nothing else is known.
    pub fn rewind(&mut self, leaves: u64) {
        self.leaves = self.leaves.min(leaves);
    }

    /// The hash of one leaf.
    pub fn leaf(&self, index: u64) -> io::Result<Hash> {
        self.read(0, index, 1)?.first().copied().ok_or_else(short)
    }

    /// Adds leaves, and what becomes full by them.
    pub fn push(&mut self, leaves: &[Hash]) -> io::Result<()> {
        let (mut from, mut to) = (self.leaves, self.leaves + leaves.len() as u64);
        self.write(0, from, leaves)?;
        for level in 1..LEVELS {
            (from, to) = (from / FAN, to / FAN);
            if from == to {
                break;
            }
            let mut made = Vec::new();
            for index in from..to {
                made.push(merkle::root(&self.read(level - 1, index * FAN, FAN)?));
            }
            self.write(level, from, &made)?;
        }
        self.leaves += leaves.len() as u64;
        Ok(())
    }

    /// Makes what was written survive a power cut.
    pub fn sync(&self) -> io::Result<()> {
        self.files.iter().flatten().try_for_each(|file| file.sync())
    }

    fn write(&mut self, level: usize, from: u64, hashes: &[Hash]) -> io::Result<()> {
        let path = self.path(level);
        let slot = self.files.get_mut(level).ok_or_else(too_high)?;
        let file = if let Some(file) = slot {
            file.clone()
        } else {
            self.place.disk.create_dir(&self.place.folder)?;
            let file = self.place.disk.create(&path)?;
            self.place.disk.sync_dir(&self.place.folder)?;
            slot.insert(file).clone()
        };
        file.write_at(hashes.as_flattened(), from * HASH_BYTES)
    }

    fn read(&self, level: usize, from: u64, count: u64) -> io::Result<Vec<Hash>> {
        let file = self.files.get(level).and_then(Option::as_ref).ok_or_else(short)?;
        let mut bytes = vec![0; usize::try_from(count * HASH_BYTES).unwrap_or(0)];
        if file.read_at(&mut bytes, from * HASH_BYTES)? < bytes.len() {
            return Err(short());
        }
        Ok(bytes.as_chunks().0.to_vec())
    }

    fn full(&self, full: Full) -> io::Result<Hash> {
        let (level, above) = (full.height / BITS, full.height % BITS);
        let level = usize::try_from(level).map_err(|_| too_high())?;
        Ok(merkle::root(&self.read(level, full.index << above, 1 << above)?))
    }

    fn range(&self, range: Range) -> io::Result<Hash> {
        let full: Vec<Hash> = range.full().map(|full| self.full(full)).collect::<io::Result<_>>()?;
        Ok(ranges::over(&full))
    }

    /// The roots of `ranges`, in order.
    pub fn hashes(&self, ranges: &[Range]) -> io::Result<Vec<Hash>> {
        ranges.iter().map(|range| self.range(*range)).collect()
    }

    /// The root of the first `size` leaves.
    pub fn root(&self, size: u64) -> io::Result<Hash> {
        self.range(Range::all(size))
    }
}

/// Leaves for which a hash of `level` stands.
fn span(level: usize) -> u64 {
    u32::try_from(level).ok().and_then(|level| 1_u64.checked_shl(level * BITS)).unwrap_or(u64::MAX)
}

fn short() -> io::Error {
    io::Error::new(io::ErrorKind::UnexpectedEof, "a file of the tree is too short")
}

fn too_high() -> io::Error {
    io::Error::other("the tree is too high")
}
