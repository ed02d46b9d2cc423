//! The one that writes: a commit is one write and one sync, and after the first error there is never another.

use std::{io, sync::Arc};

use tokio::time::Instant;

use model::{
    clock::Clock,
    merkle::{Frontier, Hash},
    position::{Epoch, Position},
    time::Timestamp,
};

use crate::{
    disk::{DiskFile, is_short},
    figures::Figures,
    format::{self, EPOCH_BEGAN, HEADER_BYTES, Header, Mark, Seed},
    record::{Committed, Record, Ticket},
    retire, segment,
    shelf::{Contents, Entry, Segment, Shelf},
    spare::Spares,
};

/// What one caller wants to append, with the leaves already made.
#[derive(Debug)]
pub(crate) struct Append {
    pub records: Vec<Record>,
    pub leaves: Vec<Hash>,
    pub ticket: Ticket,
}

impl Append {
    /// Makes the leaves, on the caller's thread.
    pub fn new(records: Vec<Record>, ticket: Ticket) -> Self {
        let leaves = records.iter().map(Record::leaf).collect();
        Self { records, leaves, ticket }
    }
}

/// Why a commit was not written.
#[derive(Debug, thiserror::Error)]
pub(crate) enum WriteError {
    /// There is no space, or no descriptor, for another segment. Nothing was written, and it may be tried again.
    #[error("no room for another segment")]
    NoSpace(#[source] io::Error),
    /// Nobody knows what the disk has. Nothing may be written any more.
    #[error("{0}")]
    Fatal(#[source] io::Error),
}

/// Which life this is, and after which.
#[derive(Clone, Debug)]
pub(crate) struct Life {
    pub epoch: Epoch,
    /// The epoch before and where it ended; zeros if there was none.
    pub previous: (model::position::EpochId, Position),
    pub owner: String,
}

/// The end of the journal.
#[derive(Debug)]
pub(crate) struct Writer {
    pub life: Life,
    pub shelf: Arc<Shelf>,
    pub spares: Spares,
    pub clock: Clock,
    /// The tree of everything that is synced.
    pub tree: Frontier,
    /// The greatest time of any record.
    pub clock_floor: Timestamp,
    /// The last segment number that is in use.
    pub number: u32,
    pub live: Option<Live>,
    pub buffer: Vec<u8>,
    pub figures: Arc<Figures>,
}

/// The segment that grows.
#[derive(Debug)]
pub(crate) struct Live {
    file: Arc<dyn DiskFile>,
    seed: Seed,
    at: u64,
    bytes: u64,
    /// When it was begun. What is written in a later week begins another, so that what is old can leave in small parts.
    week: i64,
}

impl Writer {
    /// Begins the life: its first record says which one this is.
    pub fn begin_epoch(&mut self) -> Result<(), WriteError> {
        let (previous, ended_at) = self.life.previous;
        let mut bytes = self.life.epoch.id.0.to_vec();
        bytes.extend_from_slice(&previous.0);
        bytes.extend_from_slice(&ended_at.0.to_be_bytes());
        bytes.extend_from_slice(&self.tree.root());
        let began = Record::new(EPOCH_BEGAN, self.now(), bytes);
        self.write(vec![Append::new(vec![began], Ticket(0))]).map(drop)
    }

    /// Commits all of `appends` as one batch; says where the first record lies. None of them may be empty of records.
    pub fn write(&mut self, appends: Vec<Append>) -> Result<Position, WriteError> {
        let first = Position(self.tree.size()).next();
        let (mut records, mut tickets, mut tree) = (Vec::new(), Vec::with_capacity(appends.len()), self.tree.clone());
        for append in appends {
            tickets.push((append.ticket, u32::try_from(append.records.len()).unwrap_or(u32::MAX)));
            append.leaves.into_iter().for_each(|leaf| tree.push(leaf));
            records.extend(append.records);
        }
        let entry = self.put(first, &records, &tree).inspect_err(|_| self.buffer = Vec::new())?;
        self.clock_floor = records.iter().map(|record| record.at).fold(self.clock_floor, Timestamp::max);
        self.tree = tree.clone();
        let committed = Committed { epoch: self.life.epoch.id, first, records: records.into(), tickets };
        self.shelf.commit(entry, committed, tree);
        Ok(first)
    }

    fn put(&mut self, first: Position, records: &[Record], after: &Frontier) -> Result<Entry, WriteError> {
        let length = format::encoded_bytes(records);
        let this_week = retire::week(self.now());
        let fits = |live: &Live| live.at + length as u64 <= live.bytes && this_week <= live.week;
        let fits = self.live.as_ref().is_some_and(fits);
        self.buffer.clear();
        if !fits {
            self.next_segment(first, (HEADER_BYTES + length) as u64)?;
        }
        let Some(live) = &mut self.live else { return Err(WriteError::Fatal(io::Error::other("no segment"))) };
        let synced_to = Position(first.0 - 1);
        let header = self.buffer.len() as u64;
        format::encode(&mut self.buffer, live.seed, first, records, (synced_to, after.root()));
        live.file.write_at(&self.buffer, live.at).map_err(WriteError::Fatal)?;
        let began = Instant::now();
        live.file.sync().map_err(WriteError::Fatal)?;
        self.figures.sync_us.add(u64::try_from(began.elapsed().as_micros()).unwrap_or(u64::MAX));
        self.figures.records.add(records.len() as u64);
        let count = u32::try_from(records.len()).unwrap_or(u32::MAX);
        let length = u32::try_from(length).unwrap_or(u32::MAX);
        let entry = Entry { first, at: live.at + header, length, count, has_trailer: true };
        live.at = entry.at + u64::from(length);
        if self.buffer.capacity() > 4 << 20 {
            self.buffer = Vec::new();
        }
        Ok(entry)
    }

    /// Takes the spare, and puts its header in front of what is to be written.
    fn next_segment(&mut self, first: Position, bytes_min: u64) -> Result<(), WriteError> {
        let number = self
            .number
            .checked_add(1)
            .ok_or_else(|| WriteError::Fatal(io::Error::other("no segment number is left")))?;
        let blank = self
            .spares
            .take(number, bytes_min)
            .map_err(|error| if is_short(&error) { WriteError::NoSpace(error) } else { WriteError::Fatal(error) })?;
        self.leave_segment();
        self.number = number;
        let header = self.header(number, first);
        self.buffer.extend_from_slice(&header.encode());
        let epoch = self.life.epoch.id;
        let contents = Some(Contents { file: blank.file.clone(), batches: Vec::new() });
        let last = Position(first.0 - 1);
        self.shelf.begin(Segment { number, epoch, first, last, contents });
        let week = retire::week(header.created);
        self.live = Some(Live { file: blank.file, seed: Seed::new(number, epoch), at: 0, bytes: blank.bytes, week });
        Ok(())
    }

    /// The time, never before that of a record: weeks only go on.
    fn now(&self) -> Timestamp {
        self.clock.now().max(self.clock_floor)
    }

    fn header(&self, number: u32, first: Position) -> Header {
        let (previous, previous_ended_at) = self.life.previous;
        Header {
            number,
            epoch: self.life.epoch.id,
            epoch_first: self.life.epoch.first,
            previous,
            previous_ended_at,
            first,
            created: self.now(),
            owner: self.life.owner.clone(),
            tree: self.tree.clone(),
        }
    }

    /// Gives back the zeros behind the last batch. That they are gone need not survive a power cut.
    fn leave_segment(&mut self) {
        let Some(live) = self.live.take() else { return };
        if let Err(error) = live.file.cut(live.at) {
            tracing::warn!(%error, "the end of a closed segment could not be given back");
        }
    }

    /// How far everything is synced.
    pub fn mark(&self) -> Mark {
        let (epoch, tree) = (self.life.epoch.id, self.tree.clone());
        Mark { generation: 0, epoch, tree, clock_floor: self.clock_floor }
    }

    /// Nothing more will be written: gives back what is not needed.
    pub fn close(mut self) {
        self.leave_segment();
        self.spares.stop();
        tracing::debug!(segment = segment::name(self.number), "the journal's last segment is closed");
    }
}
