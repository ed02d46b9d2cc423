//! Segments.
use crate::{Committed, Epoch, EpochId, Journal, JournalError, Lane, Position, Record, RecordBatch, Ticket, file};
use bytes::Bytes;
use model::{
    clock::Clock,
    merkle::{self, Frontier},
    time::Timestamp,
};
use std::{
    collections::{BTreeMap, VecDeque},
    fs, io,
    os::unix::fs::FileExt as _,
    path::{Path, PathBuf},
    sync::{Arc, Condvar, Mutex, PoisonError, mpsc},
};
use tokio::sync::oneshot;

/// Options.
#[derive(Clone, Debug)]
pub struct Options {
    /// Folder.
    pub folder: PathBuf,
    /// Segment bytes.
    pub segment_bytes: u64,
    /// Clock.
    pub clock: Clock,
}
/// Why it did not open.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Disk.
    #[error("journal folder")]
    Disk(#[from] io::Error),
    /// Damage.
    #[error("journal is damaged: {0}")]
    Damaged(String),
}

const MAGIC: &[u8; 8] = b"LDJRNL01";
const HEADER: u64 = 4096;
/// Batch header: magic u32, bytes u32, count u32, first u64, crc u32.
const BATCH: usize = 24;
const BATCH_MAGIC: u32 = 0x4C44_4231;
const HOT: usize = 32 << 20;

pub(crate) struct Waiting {
    pub batch: RecordBatch,
    pub done: oneshot::Sender<Result<Position, JournalError>>,
}
#[derive(Default)]
pub(crate) struct Queue {
    pub lanes: [VecDeque<Waiting>; 3],
    pub bytes: usize,
    pub stop: bool,
    pub failed: Option<Arc<str>>,
}
#[derive(Default)]
pub(crate) struct Tail {
    pub end: Position,
    pub recent: VecDeque<Arc<Committed>>,
    pub recent_bytes: usize,
    pub stopped: bool,
    pub places: BTreeMap<u64, (u32, u64)>,
    pub epochs: Vec<Epoch>,
}
pub(crate) struct Shared {
    pub queue: Mutex<Queue>,
    pub more: Condvar,
    pub tail: Mutex<Tail>,
    pub grown: Condvar,
    pub folder: PathBuf,
}
/// A journal in files.
#[derive(Clone)]
pub struct FileJournal {
    pub(crate) shared: Arc<Shared>,
}
impl std::fmt::Debug for FileJournal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("FileJournal")
    }
}
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

pub(crate) struct Writer {
    folder: PathBuf,
    number: u32,
    file: fs::File,
    at: u64,
    segment_bytes: u64,
    next: Position,
    tree: Frontier,
    spare: mpsc::Receiver<io::Result<(u32, fs::File)>>,
    ask: mpsc::Sender<u32>,
    pub epoch: EpochId,
    shared: Arc<Shared>,
}

fn path(folder: &Path, number: u32) -> PathBuf {
    folder.join(format!("{number:010}.seg"))
}

pub(crate) fn encode(first: Position, records: &[Record]) -> Vec<u8> {
    let size: usize = records.iter().map(|r| r.bytes.len() + 16).sum();
    let mut out = Vec::with_capacity(BATCH + size);
    out.resize(BATCH, 0);
    for r in records {
        out.extend_from_slice(&u32::try_from(r.bytes.len()).unwrap_or(0).to_le_bytes());
        out.extend_from_slice(&r.kind.to_le_bytes());
        out.push(r.flags);
        out.push(0);
        out.extend_from_slice(&r.at.millis().to_le_bytes());
        out.extend_from_slice(&r.bytes);
    }
    let (length, count) = (u32::try_from(out.len() - BATCH).unwrap_or(0), u32::try_from(records.len()).unwrap_or(0));
    let mut head = Vec::with_capacity(BATCH);
    head.extend_from_slice(&BATCH_MAGIC.to_le_bytes());
    head.extend_from_slice(&length.to_le_bytes());
    head.extend_from_slice(&count.to_le_bytes());
    head.extend_from_slice(&first.0.to_le_bytes());
    let crc = crc32c::crc32c_append(crc32c::crc32c(&head), out.get(BATCH..).unwrap_or_default());
    head.extend_from_slice(&crc.to_le_bytes());
    if let Some(place) = out.get_mut(..BATCH) {
        place.copy_from_slice(&head);
    }
    out
}
fn u32_at(b: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(b.get(at..at + 4)?.try_into().ok()?))
}
fn u64_at(b: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_le_bytes(b.get(at..at + 8)?.try_into().ok()?))
}
/// A batch at the start of `bytes`: first position, records, length.
fn decode(bytes: &Bytes) -> Option<(Position, Vec<Record>, usize)> {
    let (magic, length, count, first, crc) =
        (u32_at(bytes, 0)?, u32_at(bytes, 4)? as usize, u32_at(bytes, 8)?, u64_at(bytes, 12)?, u32_at(bytes, 20)?);
    if magic != BATCH_MAGIC || bytes.len() < BATCH + length {
        return None;
    }
    if crc32c::crc32c_append(crc32c::crc32c(&bytes[..20]), &bytes[BATCH..BATCH + length]) != crc {
        return None;
    }
    let (mut at, mut records) = (BATCH, Vec::with_capacity(count as usize));
    for _ in 0..count {
        let len = u32_at(bytes, at)? as usize;
        let kind = u16::from_le_bytes(bytes.get(at + 4..at + 6)?.try_into().ok()?);
        let time = i64::from_le_bytes(bytes.get(at + 8..at + 16)?.try_into().ok()?);
        if at + 16 + len > BATCH + length {
            return None;
        }
        records.push(Record {
            kind,
            flags: *bytes.get(at + 6)?,
            at: Timestamp::from_millis(time),
            bytes: bytes.slice(at + 16..at + 16 + len),
        });
        at += 16 + len;
    }
    Some((Position(first), records, BATCH + length))
}

impl FileJournal {
    /// Opens the journal and begins an epoch.
    pub fn open(options: Options) -> Result<Self, OpenError> {
        let Options { folder, segment_bytes, clock } = options;
        file::create_dir(&folder)?;
        let mut numbers: Vec<u32> = fs::read_dir(&folder)?
            .filter_map(|e| e.ok()?.file_name().to_str()?.strip_suffix(".seg")?.parse().ok())
            .collect();
        numbers.sort_unstable();
        let (mut tail, mut tree) = (Tail::default(), Frontier::default());
        for number in &numbers {
            let bytes = Bytes::from(fs::read(path(&folder, *number))?);
            if bytes.get(..8) != Some(MAGIC) {
                return Err(OpenError::Damaged(format!("segment {number} has no header")));
            }
            let mut at = HEADER as usize;
            while let Some((first, records, length)) =
                bytes.len().checked_sub(at).filter(|l| *l > BATCH).and_then(|_| decode(&bytes.slice(at..)))
            {
                if first != tail.end.next() {
                    return Err(OpenError::Damaged(format!("segment {number}: position {first} after {}", tail.end)));
                }
                tail.places.insert(first.0, (*number, at as u64));
                for (i, r) in records.iter().enumerate() {
                    tree.push(merkle::leaf(&r.bytes));
                    if r.kind == 1
                        && let Ok(id) = r.bytes.as_ref()[..16].try_into()
                    {
                        let position = first.plus(i as u64);
                        if let Some(last) = tail.epochs.last_mut() {
                            last.ended_at = Some(Position(position.0 - 1));
                        }
                        tail.epochs.push(Epoch { id: EpochId(id), first: position, ended_at: None });
                    }
                }
                tail.end = first.plus(records.len() as u64 - 1);
                at += length;
            }
        }
        let number = numbers.last().map_or(1, |n| n + 1);
        let mut id = [0u8; 16];
        getrandom::fill(&mut id).map_err(|e| io::Error::other(e.to_string()))?;
        let shared = Arc::new(Shared {
            queue: Mutex::default(),
            more: Condvar::new(),
            tail: Mutex::new(tail),
            grown: Condvar::new(),
            folder: folder.clone(),
        });
        let (ask, asked) = mpsc::channel::<u32>();
        let (made, spare) = mpsc::channel();
        let f2 = folder.clone();
        #[expect(clippy::disallowed_methods)]
        std::thread::Builder::new().name("journal spare".into()).spawn(move || {
            while let Ok(n) = asked.recv() {
                if made.send(fresh(&f2, n, segment_bytes).map(|f| (n, f))).is_err() {
                    return;
                }
            }
        })?;
        let file = fresh(&folder, number, segment_bytes)?;
        let _ = ask.send(number + 1);
        let next = lock(&shared.tail).end.next();
        let mut writer = Writer {
            folder,
            number,
            file,
            at: HEADER,
            segment_bytes,
            next,
            tree,
            spare,
            ask,
            epoch: EpochId(id),
            shared: shared.clone(),
        };
        let began = Record::new(1, clock.now(), id.to_vec());
        writer.write(vec![(vec![began], Ticket(0))]).map_err(OpenError::Disk)?;
        {
            let mut tail = lock(&shared.tail);
            let end = tail.end;
            if let Some(last) = tail.epochs.last_mut() {
                last.ended_at = Some(Position(end.0 - 1));
            }
            tail.epochs.push(Epoch { id: EpochId(id), first: end, ended_at: None });
        }
        crate::committer::start(writer, shared.clone())?;
        Ok(Self { shared })
    }
    /// Ends the journal.
    pub fn stop(&self) {
        lock(&self.shared.queue).stop = true;
        self.shared.more.notify_all();
        lock(&self.shared.tail).stopped = true;
        self.shared.grown.notify_all();
    }
    /// Why it failed.
    pub fn failed(&self) -> Option<Arc<str>> {
        lock(&self.shared.queue).failed.clone()
    }
    fn batch(&self, at: Position) -> Result<Arc<Committed>, JournalError> {
        let place = {
            let tail = lock(&self.shared.tail);
            if at.0 == 0 || at > tail.end {
                return Err(JournalError::Missing(at));
            }
            if let Some(first) = tail.recent.front()
                && first.first <= at
            {
                let i = tail.recent.partition_point(|c| c.first <= at);
                if let Some(c) = tail.recent.get(i - 1) {
                    return Ok(c.clone());
                }
            }
            tail.places.range(..=at.0).next_back().map(|(_, p)| *p).ok_or(JournalError::Missing(at))?
        };
        let fail = |e: io::Error| JournalError::Failed(e.to_string().into());
        let f = fs::File::open(path(&self.shared.folder, place.0)).map_err(fail)?;
        let mut head = vec![0; BATCH];
        f.read_exact_at(&mut head, place.1).map_err(fail)?;
        let mut all = vec![0; BATCH + u32_at(&head, 4).unwrap_or(0) as usize];
        f.read_exact_at(&mut all, place.1).map_err(fail)?;
        let (first, records, _) =
            decode(&Bytes::from(all)).ok_or_else(|| JournalError::Failed(format!("record {at} is damaged").into()))?;
        let epoch =
            lock(&self.shared.tail).epochs.iter().rev().find(|e| e.first <= first).map(|e| e.id).unwrap_or_default();
        Ok(Arc::new(Committed { epoch, first, records: records.into(), tickets: Vec::new() }))
    }
}
fn fresh(folder: &Path, number: u32, bytes: u64) -> io::Result<fs::File> {
    let temp = folder.join(format!("{number:010}.new"));
    let file = file::zeroed(&temp, bytes.max(HEADER * 2))?;
    let mut head = MAGIC.to_vec();
    head.extend_from_slice(&number.to_le_bytes());
    file.write_all_at(&head, 0)?;
    file.sync_all()?;
    fs::rename(&temp, path(folder, number))?;
    file::sync_dir(folder)?;
    Ok(file)
}
impl Writer {
    pub(crate) fn write(&mut self, batches: Vec<(Vec<Record>, Ticket)>) -> io::Result<Position> {
        let first = self.next;
        let (mut records, mut tickets) = (Vec::new(), Vec::new());
        for (r, t) in batches {
            if t.0 != 0 {
                tickets.push((t, u32::try_from(r.len()).unwrap_or(0)));
            } else if !r.is_empty() {
                tickets.push((Ticket(0), u32::try_from(r.len()).unwrap_or(0)));
            }
            records.extend(r);
        }
        let bytes = encode(first, &records);
        if self.at + bytes.len() as u64 > self.segment_bytes.max(HEADER * 2) {
            let (number, file) = if bytes.len() as u64 + HEADER > self.segment_bytes {
                while self.spare.try_recv().is_ok() {}
                (self.number + 2, fresh(&self.folder, self.number + 2, bytes.len() as u64 + HEADER)?)
            } else {
                self.spare.recv().map_err(io::Error::other)??
            };
            self.number = number;
            self.file = file;
            self.at = HEADER;
            let _ = self.ask.send(number + 1);
        }
        self.file.write_all_at(&bytes, self.at)?;
        self.file.sync_data()?;
        let place = (self.number, self.at);
        self.at += bytes.len() as u64;
        self.next = first.plus(records.len() as u64);
        for r in &records {
            self.tree.push(merkle::leaf(&r.bytes));
        }
        let mut tail = lock(&self.shared.tail);
        tail.places.insert(first.0, place);
        tail.end = Position(self.next.0 - 1);
        tail.recent_bytes += bytes.len();
        tail.recent.push_back(Arc::new(Committed { epoch: self.epoch, first, records: records.into(), tickets }));
        while tail.recent_bytes > HOT && tail.recent.len() > 1 {
            if let Some(old) = tail.recent.pop_front() {
                tail.recent_bytes = tail
                    .recent_bytes
                    .saturating_sub(old.records.iter().map(|r| r.bytes.len() + 16).sum::<usize>() + BATCH);
            }
        }
        self.shared.grown.notify_all();
        Ok(first)
    }
}
impl Journal for FileJournal {
    async fn append(&self, batch: RecordBatch) -> Result<Position, JournalError> {
        let (done, wait) = oneshot::channel();
        {
            let mut queue = lock(&self.shared.queue);
            if let Some(why) = &queue.failed {
                return Err(JournalError::Failed(why.clone()));
            }
            if queue.stop {
                return Err(JournalError::Stopped);
            }
            let bytes: usize = batch.records.iter().map(|r| r.bytes.len() + 16).sum();
            if bytes > 8 << 20 {
                return Err(JournalError::TooLarge);
            }
            if batch.lane != Lane::Settling && queue.bytes + bytes > 12 << 20 {
                return Err(JournalError::Busy);
            }
            queue.bytes += bytes;
            let lane = batch.lane as usize;
            if let Some(l) = queue.lanes.get_mut(lane) {
                l.push_back(Waiting { batch, done });
            }
        }
        self.shared.more.notify_one();
        wait.await.map_err(|_| JournalError::Stopped)?
    }
    fn read(
        &self,
        from: Position,
    ) -> Result<Box<dyn Iterator<Item = Result<Committed, JournalError>> + Send>, JournalError> {
        let (journal, mut next) = (self.clone(), Position(from.0.max(1)));
        Ok(Box::new(std::iter::from_fn(move || {
            {
                let mut tail = lock(&journal.shared.tail);
                while tail.end < next && !tail.stopped {
                    tail = journal.shared.grown.wait(tail).unwrap_or_else(PoisonError::into_inner);
                }
                if tail.end < next {
                    return None;
                }
            }
            Some(journal.batch(next).map(|c| {
                let c = Committed::clone(&c);
                next = c.first.plus(c.records.len() as u64);
                c
            }))
        })))
    }
    fn record(&self, at: Position) -> Result<Record, JournalError> {
        let c = self.batch(at)?;
        c.records.get(usize::try_from(at.0 - c.first.0).unwrap_or(0)).cloned().ok_or(JournalError::Missing(at))
    }
    fn committed(&self) -> Position {
        lock(&self.shared.tail).end
    }
    fn epochs(&self) -> Vec<Epoch> {
        lock(&self.shared.tail).epochs.clone()
    }
}
