//! A fold that does a little of everything, and the sorted map that it is held against.

use std::{cell::Cell, collections::BTreeMap};

use bytes::Bytes;
use journal::Record;
use model::{position::Position, time::Timestamp};
use proptest::prelude::*;

use super::memory::EPOCH_BEGAN;
use crate::{At, Dump, Fold, FoldError, Rows};

/// The kind of a record of operations.
pub const OPS: u16 = 2;
/// The kind of a record that cannot be folded: it changes rows and then fails.
pub const UNFOLDABLE: u16 = 3;
/// The kind of a record over which the fold panics.
pub const PANICS: u16 = 4;
/// Tables of the toy's rows.
pub const TABLES: u8 = 4;
const COUNTERS: u8 = 200;

/// What one record does, one after the other.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Op {
    /// Puts a row of so many bytes.
    Put { table: u8, key: u8, bytes: u16 },
    /// Removes a row that may be there.
    Remove { table: u8, key: u8 },
    /// Reads a counter and writes it back.
    Count { counter: u8 },
    /// An owed act is done: the first row of the table is removed and settled under an id.
    Done { table: u8, id: u8 },
    /// Settles an id with so many bytes, in place of what was settled before.
    Settle { id: u8, bytes: u8 },
    /// Puts what was settled under an id into a row.
    Recall { id: u8, key: u8 },
}

impl Op {
    fn encode(self) -> [u8; 5] {
        match self {
            Self::Put { table, key, bytes } => [0, table, key, (bytes >> 8) as u8, bytes as u8],
            Self::Remove { table, key } => [1, table, key, 0, 0],
            Self::Count { counter } => [2, counter, 0, 0, 0],
            Self::Done { table, id } => [3, table, id, 0, 0],
            Self::Settle { id, bytes } => [4, id, bytes, 0, 0],
            Self::Recall { id, key } => [5, id, key, 0, 0],
        }
    }

    fn decode(bytes: [u8; 5]) -> Self {
        let [op, a, b, c, d] = bytes;
        match op {
            0 => Self::Put { table: a, key: b, bytes: u16::from_be_bytes([c, d]) },
            1 => Self::Remove { table: a, key: b },
            2 => Self::Count { counter: a },
            3 => Self::Done { table: a, id: b },
            4 => Self::Settle { id: a, bytes: b },
            _ => Self::Recall { id: a, key: b },
        }
    }
}

/// Any operation, with keys that meet often.
pub fn any_op() -> impl Strategy<Value = Op> {
    let (table, key, id) = (0..TABLES, 0..48_u8, 0..40_u8);
    prop_oneof![
        6 => (table.clone(), key.clone(), prop_oneof![0..200_u16, Just(4_096)]).prop_map(|(table, key, bytes)| Op::Put { table, key, bytes }),
        3 => (table.clone(), key.clone()).prop_map(|(table, key)| Op::Remove { table, key }),
        2 => (0..3_u8).prop_map(|counter| Op::Count { counter }),
        2 => (table, id.clone()).prop_map(|(table, id)| Op::Done { table, id }),
        2 => (id.clone(), any::<u8>()).prop_map(|(id, bytes)| Op::Settle { id, bytes }),
        1 => (id, key).prop_map(|(id, key)| Op::Recall { id, key }),
    ]
}

/// A record of operations.
pub fn record(ops: &[Op]) -> Record {
    Record::new(OPS, Timestamp::EPOCH, ops.iter().flat_map(|op| op.encode()).collect::<Vec<u8>>())
}

/// The id of a number, as a UUIDv7 of its own second.
pub fn id(number: u8) -> [u8; 16] {
    let time = 1_700_000_000_000_u64 + 1_000 * u64::from(number);
    let mut id = [number; 16];
    id[..6].copy_from_slice(&time.to_be_bytes()[2..]);
    id
}

/// The key of a row: keys of one table differ in length too.
pub fn key(table: u8, key: u8) -> Vec<u8> {
    let mut bytes = vec![table, key];
    bytes.resize(2 + usize::from(key % 7) * 11, 0xAB);
    bytes
}

/// Bytes that say which record wrote them.
pub fn value(at: Position, bytes: usize) -> Vec<u8> {
    at.0.to_be_bytes().into_iter().cycle().take(bytes).collect()
}

/// What an operation needs of rows.
trait Place {
    fn get(&self, key: &[u8]) -> Result<Option<Bytes>, FoldError>;
    fn put(&mut self, key: &[u8], value: &[u8]) -> Result<(), FoldError>;
    fn remove(&mut self, key: &[u8]) -> Result<(), FoldError>;
    fn first(&self, table: u8) -> Result<Option<(Bytes, Bytes)>, FoldError>;
    fn settle(&mut self, id: [u8; 16], entry: &[u8]) -> Result<(), FoldError>;
    fn settled(&self, id: [u8; 16]) -> Result<Option<Bytes>, FoldError>;
}

impl Place for Rows<'_> {
    fn get(&self, key: &[u8]) -> Result<Option<Bytes>, FoldError> {
        Rows::get(self, key)
    }

    fn put(&mut self, key: &[u8], value: &[u8]) -> Result<(), FoldError> {
        Rows::put(self, key, value.to_vec())
    }

    fn remove(&mut self, key: &[u8]) -> Result<(), FoldError> {
        Rows::remove(self, key)
    }

    fn first(&self, table: u8) -> Result<Option<(Bytes, Bytes)>, FoldError> {
        Ok(self.scan(&[table], &[], 1)?.pop())
    }

    fn settle(&mut self, id: [u8; 16], entry: &[u8]) -> Result<(), FoldError> {
        Rows::settle(self, id, entry.to_vec())
    }

    fn settled(&self, id: [u8; 16]) -> Result<Option<Bytes>, FoldError> {
        Rows::settled(self, id)
    }
}

fn perform(op: Op, at: Position, place: &mut impl Place) -> Result<(), FoldError> {
    match op {
        Op::Put { table, key: number, bytes } => place.put(&key(table, number), &value(at, usize::from(bytes))),
        Op::Remove { table, key: number } => place.remove(&key(table, number)),
        Op::Count { counter } => {
            let key = [COUNTERS, counter];
            let before = place.get(&key)?.map_or(0, |value| u64::from_be_bytes(value[..].try_into().unwrap()));
            place.put(&key, &(before + 1).to_be_bytes())
        }
        Op::Done { table, id: number } => match place.first(table)? {
            Some((key, value)) => {
                place.remove(&key)?;
                place.settle(id(number), &[&key[..], &value[..value.len().min(64)]].concat())
            }
            None => Ok(()),
        },
        Op::Settle { id: number, bytes } => place.settle(id(number), &value(at, usize::from(bytes))),
        Op::Recall { id: number, key: row } => match place.settled(id(number))? {
            Some(entry) => place.put(&key(0, row), &entry),
            None => Ok(()),
        },
    }
}

/// The toy's fold; in memory it counts the rows of each table.
#[derive(Debug, Default)]
pub struct Toy {
    counts: BTreeMap<u8, u64>,
    loads: Cell<u32>,
}

impl Toy {
    /// Rows by table.
    pub fn counts(&self) -> &BTreeMap<u8, u64> {
        &self.counts
    }
}

fn counted(rows: &Rows<'_>) -> Result<BTreeMap<u8, u64>, FoldError> {
    let mut counts = BTreeMap::new();
    rows.each(&[], |key, _| {
        *counts.entry(key[0]).or_default() += 1;
        Ok(())
    })?;
    Ok(counts)
}

/// The toy's own record of what a key's table gains by `op`.
fn recount(counts: &mut BTreeMap<u8, u64>, rows: &Rows<'_>, tables: impl Iterator<Item = u8>) -> Result<(), FoldError> {
    for table in tables {
        let mut count = 0;
        rows.each(&[table], |_, _| {
            count += 1;
            Ok(())
        })?;
        counts.insert(table, count);
        counts.retain(|_, count| *count > 0);
    }
    Ok(())
}

impl Fold for Toy {
    type Outcome = Position;

    fn apply(&mut self, at: At, record: &Record, rows: &mut Rows<'_>) -> Result<Position, FoldError> {
        match record.kind {
            EPOCH_BEGAN => return Ok(at.position),
            OPS => {}
            UNFOLDABLE => {
                rows.put(&key(0, 0), &b"half of it"[..])?;
                return Err(FoldError::new("for the test"));
            }
            _ => panic!("for the test"),
        }
        let ops: Vec<_> = record.bytes.as_chunks::<5>().0.iter().map(|op| Op::decode(*op)).collect();
        for op in &ops {
            perform(*op, at.position, rows)?;
        }
        recount(&mut self.counts, rows, (0..TABLES).chain([COUNTERS]))?;
        Ok(at.position)
    }

    fn load(&mut self, rows: &Rows<'_>) -> Result<(), FoldError> {
        self.loads.set(self.loads.get() + 1);
        self.counts = counted(rows)?;
        Ok(())
    }
}

/// What the rows must be: two sorted maps.
#[derive(Clone, Debug, Default)]
pub struct Reference {
    rows: BTreeMap<Vec<u8>, (Position, Bytes)>,
    settled: BTreeMap<[u8; 16], Bytes>,
    folded: Position,
}

impl Reference {
    /// The fold of all that `records` says.
    pub fn of(records: impl IntoIterator<Item = Record>) -> Self {
        let mut reference = Self::default();
        records.into_iter().for_each(|record| reference.apply(&record));
        reference
    }

    fn apply(&mut self, record: &Record) {
        let at = self.folded.next();
        self.folded = at;
        if record.kind == OPS {
            record.bytes.as_chunks::<5>().0.iter().for_each(|op| perform(Op::decode(*op), at, self).unwrap());
        }
    }

    /// As the engine would show it.
    pub fn dump(&self) -> Dump {
        let rows =
            self.rows.iter().map(|(key, (at, value))| (Bytes::copy_from_slice(key), *at, value.clone())).collect();
        let settled = self.settled.iter().map(|(id, entry)| (*id, entry.clone())).collect();
        Dump { folded: self.folded, rows, settled }
    }

    /// Rows by table.
    pub fn counts(&self) -> BTreeMap<u8, u64> {
        self.rows.keys().fold(BTreeMap::new(), |mut counts, key| {
            *counts.entry(key[0]).or_default() += 1;
            counts
        })
    }
}

impl Place for Reference {
    fn get(&self, key: &[u8]) -> Result<Option<Bytes>, FoldError> {
        Ok(self.rows.get(key).map(|(_, value)| value.clone()))
    }

    fn put(&mut self, key: &[u8], value: &[u8]) -> Result<(), FoldError> {
        self.rows.insert(key.to_vec(), (self.folded, Bytes::copy_from_slice(value)));
        Ok(())
    }

    fn remove(&mut self, key: &[u8]) -> Result<(), FoldError> {
        self.rows.remove(key);
        Ok(())
    }

    fn first(&self, table: u8) -> Result<Option<(Bytes, Bytes)>, FoldError> {
        let first = self.rows.iter().find(|(key, _)| key.first() == Some(&table));
        Ok(first.map(|(key, (_, value))| (Bytes::copy_from_slice(key), value.clone())))
    }

    fn settle(&mut self, id: [u8; 16], entry: &[u8]) -> Result<(), FoldError> {
        self.settled.insert(id, Bytes::copy_from_slice(entry));
        Ok(())
    }

    fn settled(&self, id: [u8; 16]) -> Result<Option<Bytes>, FoldError> {
        Ok(self.settled.get(&id).cloned())
    }
}
