//! The index of what is closed: id to outcome. The newest entries in memory, older ones in immutable files; a fresh
//! id asks none of them.

mod file;
#[cfg(test)]
mod tests;

use std::{
    collections::{BTreeMap, HashMap},
    fs, io,
    path::{Path, PathBuf},
    sync::Arc,
};

use bytes::Bytes;
use model::position::Position;

use self::file::IndexFile;
use crate::fault::{Fault, Faults};

/// What an entry is kept under: a UUIDv7, whose first 48 bits are its time.
pub(crate) type Id = [u8; 16];

/// What an entry costs in memory besides its bytes.
const ENTRY_BYTES: usize = 96;

/// The time in an id, ms since 1970.
pub(crate) fn id_time(id: &Id) -> u64 {
    u64::from_be_bytes(*id.first_chunk().unwrap_or(&[0; 8])) >> 16
}

/// A range of positions, both ends within.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Span {
    pub first: Position,
    pub last: Position,
}

impl Span {
    fn file_name(self) -> String {
        format!("{:020}-{:020}.idx", self.first.0, self.last.0)
    }

    fn of_file(name: &str) -> Option<Self> {
        let (first, last) = name.strip_suffix(".idx")?.split_once('-')?;
        let span = Self { first: Position(first.parse().ok()?), last: Position(last.parse().ok()?) };
        (span.file_name() == name).then_some(span)
    }
}

/// Whether a file's entries are in memory too.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Kind {
    /// Small; its entries are in memory.
    Run = 0,
    /// Read only when asked.
    Closed = 1,
}

impl Kind {
    fn of(number: u8) -> Option<Self> {
        [Self::Run, Self::Closed].into_iter().find(|kind| *kind as u8 == number)
    }
}

/// When runs become a closed file.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds {
    pub entries: usize,
    pub bytes: usize,
}

/// Entries of one span, in memory.
#[derive(Debug)]
pub(crate) struct Run {
    span: Span,
    entries: BTreeMap<Id, Bytes>,
    bytes: usize,
}

impl Run {
    fn new(span: Span, entries: BTreeMap<Id, Bytes>) -> Self {
        let bytes = entries.values().map(|value| ENTRY_BYTES + value.len()).sum();
        Self { span, entries, bytes }
    }

    /// Both, the newer one's entries before the older's.
    fn merged(older: &Self, newer: &Self) -> Self {
        let mut entries = older.entries.clone();
        entries.extend(newer.entries.iter().map(|(id, value)| (*id, value.clone())));
        Self::new(Span { first: older.span.first, last: newer.span.last }, entries)
    }
}

/// The index: fresh entries, runs, closed files; the newest entry of an id counts.
#[derive(Debug, Default)]
pub(crate) struct Closed {
    fresh: HashMap<Id, Bytes>,
    fresh_bytes: usize,
    runs: Vec<Arc<Run>>,
    files: Arc<Vec<IndexFile>>,
    faults: Faults,
}

/// What a spill writes of the index, and what the index becomes then.
#[derive(Debug)]
pub(crate) struct Plan {
    kind: Kind,
    run: Arc<Run>,
    kept_runs: usize,
}

impl Closed {
    /// Keeps `value` under `id`, in place of an earlier one.
    pub fn settle(&mut self, id: Id, value: Bytes) {
        self.fresh_bytes += ENTRY_BYTES + value.len();
        if let Some(before) = self.fresh.insert(id, value) {
            self.fresh_bytes -= ENTRY_BYTES + before.len();
        }
    }

    /// The newest entry of `id`.
    pub fn find(&self, id: &Id) -> Result<Option<Bytes>, Fault> {
        let in_runs = || self.runs.iter().rev().find_map(|run| run.entries.get(id));
        if let Some(value) = self.fresh.get(id).or_else(in_runs) {
            return Ok(Some(value.clone()));
        }
        for file in self.files.iter().rev() {
            if let Some(value) = file.find(id).map_err(|fault| self.faults.note(fault))? {
                return Ok(Some(value));
            }
        }
        Ok(None)
    }

    /// What is in memory and not yet in a file, about.
    pub fn fresh_bytes(&self) -> usize {
        self.fresh_bytes
    }

    /// Sets the fresh entries aside as a run of `indexed + 1 … through`; false if there are none.
    pub fn freeze(&mut self, indexed: Position, through: Position) -> bool {
        if self.fresh.is_empty() {
            return false;
        }
        let entries = std::mem::take(&mut self.fresh).into_iter().collect();
        self.fresh_bytes = 0;
        self.runs.push(Arc::new(Run::new(Span { first: indexed.next(), last: through }, entries)));
        true
    }

    /// The runs, to plan with outside the lock.
    pub fn runs(&self) -> Vec<Arc<Run>> {
        self.runs.clone()
    }

    /// Takes over what was written as planned; gives the files that it covers, to be removed after the checkpoint.
    pub fn replace(&mut self, plan: &Plan, written: IndexFile, folder: &Path) -> Vec<PathBuf> {
        let mut replaced = self.runs.split_off(plan.kept_runs);
        replaced.pop(); // the newest run was never a file of its own
        match plan.kind {
            Kind::Run => self.runs.push(plan.run.clone()),
            Kind::Closed => Arc::make_mut(&mut self.files).push(written),
        }
        replaced.iter().map(|run| folder.join(run.span.file_name())).collect()
    }

    /// Forgets files of which the journal keeps no position from `first` on, and whose ids are all of before `asked_from`, so
    /// that nobody asks for them; gives them, to be removed. A fold that goes on where the journal now begins still asks for
    /// ids that were settled long before.
    pub fn retire(&mut self, first: Position, asked_from: i64) -> Vec<PathBuf> {
        let is_old = |file: &IndexFile| i64::try_from(file.newest_time()).is_ok_and(|newest| newest < asked_from);
        let gone = self.files.iter().take_while(|file| file.span().last < first && is_old(file)).count();
        Arc::make_mut(&mut self.files).drain(..gone).map(|file| file.path().to_owned()).collect()
    }

    /// Every entry that counts, in order of ids. Reads every file.
    pub fn dump(&self) -> Result<BTreeMap<Id, Bytes>, Fault> {
        let mut all = BTreeMap::new();
        for file in self.files.iter() {
            all.extend(file.load().map_err(|fault| self.faults.note(fault))?);
        }
        for run in &self.runs {
            all.extend(run.entries.iter().map(|(id, value)| (*id, value.clone())));
        }
        all.extend(self.fresh.iter().map(|(id, value)| (*id, value.clone())));
        Ok(all)
    }
}

/// What to write, the last run being new: one that is at most twice as large goes into it, and all go into one closed
/// file when they are too many for memory.
pub(crate) fn plan(runs: &[Arc<Run>], bounds: Bounds) -> Option<Plan> {
    const RUNS_MAX: usize = 16;
    let (newest, older) = runs.split_last()?;
    let (entries, bytes) =
        runs.iter().fold((0, 0), |(entries, bytes), run| (entries + run.entries.len(), bytes + run.bytes));
    let closes = entries >= bounds.entries || bytes >= bounds.bytes;
    let (mut run, mut kept_runs) = (newest.clone(), older.len());
    for next in older.iter().rev() {
        if !closes && next.entries.len() > 2 * run.entries.len() && kept_runs < RUNS_MAX {
            break;
        }
        run = Arc::new(Run::merged(next, &run));
        kept_runs -= 1;
    }
    Some(Plan { kind: if closes { Kind::Closed } else { Kind::Run }, run, kept_runs })
}

/// Writes what was planned: when this returns, the file survives a power cut.
pub(crate) fn write(plan: &Plan, folder: &Path) -> Result<IndexFile, Fault> {
    let path = folder.join(plan.run.span.file_name());
    let bytes = file::encode(plan.kind, plan.run.span, &plan.run.entries);
    crate::disk::write(&path, &bytes).map_err(|error| Fault::Failed(format!("{}: {error}", path.display())))?;
    IndexFile::open(path, plan.run.span)
}

/// Opens the index as it was at `applied`: files must join from the journal's first position, or before, to `indexed`.
/// Also gives the files that are of no use any more.
pub(crate) fn open(
    folder: &Path,
    first: Position,
    indexed: Position,
    faults: Faults,
) -> Result<(Closed, Vec<PathBuf>), Fault> {
    let spans = list(folder).map_err(|error| Fault::Failed(format!("{}: {error}", folder.display())))?;
    let (chosen, useless) = choose(spans, first, indexed)?;
    let (mut closed, mut files) = (Closed { faults, ..Closed::default() }, Vec::new());
    for span in chosen {
        let file = IndexFile::open(folder.join(span.file_name()), span)?;
        match file.kind() {
            Kind::Run => closed.runs.push(Arc::new(Run::new(span, file.load()?))),
            Kind::Closed if closed.runs.is_empty() => files.push(file),
            Kind::Closed => return Err(Fault::Damaged(format!("{} stands after a run", file.path().display()))),
        }
    }
    closed.files = Arc::new(files);
    Ok((closed, useless.into_iter().map(|span| folder.join(span.file_name())).collect()))
}

fn list(folder: &Path) -> io::Result<Vec<Span>> {
    let mut spans = Vec::new();
    for entry in fs::read_dir(folder)? {
        let name = entry?.file_name();
        let name = name.to_string_lossy();
        if let Some(span) = Span::of_file(&name) {
            spans.push(span);
        } else if let Some(half) =
            name.strip_suffix(".new").filter(|stem| Span::of_file(&format!("{stem}.idx")).is_some())
        {
            tracing::info!(%half, "removing an index file that was not written to its end");
            crate::disk::remove(&folder.join(&*name))?;
        } else {
            tracing::warn!(file = %name, "not a file of the index; left alone");
        }
    }
    Ok(spans)
}

/// The files that join to `indexed`, and those that others cover or that a spill left which did not end. The first of them
/// begins where the journal does, or before.
fn choose(mut spans: Vec<Span>, first: Position, indexed: Position) -> Result<(Vec<Span>, Vec<Span>), Fault> {
    spans.sort_by_key(|span| (span.first, std::cmp::Reverse(span.last)));
    let (mut chosen, mut useless) = (Vec::<Span>::new(), Vec::new());
    for span in spans {
        let through = chosen.last().map_or(span.first.0.saturating_sub(1), |last| last.last.0);
        if span.last > indexed || span.last.0 <= through {
            useless.push(span);
        } else if span.first.0 == through + 1 && (!chosen.is_empty() || span.first <= first) {
            chosen.push(span);
        } else {
            return Err(Fault::Damaged(format!("index files before {} are missing", span.first)));
        }
    }
    let through = chosen.last().map_or(Position::START, |span| span.last);
    if through == indexed || (chosen.is_empty() && indexed < first) {
        Ok((chosen, useless))
    } else {
        Err(Fault::Damaged(format!("index files reach to {through}, not to {indexed}")))
    }
}
