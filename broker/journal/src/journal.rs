//! A journal in files.

use std::{
    collections::BTreeSet,
    fmt, io,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use model::{
    merkle::Hash,
    position::{Epoch, EpochId, Position},
    time::Timestamp,
};

use crate::{
    Journal, JournalError, committer,
    committer::Queue,
    disk::{self, Place, RealDisk},
    figures::Figures,
    mark::Marker,
    open::{self, OpenError, Opened, Options, Plan},
    record::{Committed, Record, RecordBatch},
    report::{Damage, OpenReport},
    retire,
    shelf::Shelf,
    threads::Threads,
    tree::{Tree, TreeSize},
};

/// A journal in segment files. Cheap to clone; all clones are one. It ends by [`FileJournal::stop`], or when the last clone
/// goes; either waits until nothing more touches the files.
#[derive(Clone)]
pub struct FileJournal(Arc<Inner>);

struct Inner {
    queue: Arc<Queue>,
    shelf: Arc<Shelf>,
    tree: Tree,
    marker: Marker,
    threads: Threads,
    stopping: Mutex<()>,
    retiring: Mutex<()>,
    epochs: Vec<Epoch>,
    report: OpenReport,
    figures: Arc<Figures>,
}

impl fmt::Debug for FileJournal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FileJournal").field("committed", &self.0.shelf.committed()).finish_non_exhaustive()
    }
}

impl FileJournal {
    /// Opens the journal in a folder, makes it if there is none, puts right what a power cut left, and begins an epoch.
    /// What it found is in the report. Blocks.
    pub fn open(options: Options) -> Result<Self, OpenError> {
        let place = Place::new(Arc::new(RealDisk), &options.folder);
        Self::start(open::open(&Plan::new(place, options)?)?)
    }

    /// Starts the threads of an open journal.
    pub(crate) fn start(opened: Opened) -> Result<Self, OpenError> {
        let Opened { mut writer, tree, marker, epochs, report } = opened;
        let (queue, shelf, threads) = (Arc::new(Queue::default()), writer.shelf.clone(), Threads::default());
        let figures = writer.figures.clone();
        let journal = Inner {
            queue,
            shelf,
            tree,
            marker,
            threads,
            stopping: Mutex::default(),
            retiring: Mutex::default(),
            epochs,
            report,
            figures,
        };
        writer.spares.start(writer.number.saturating_add(1), &journal.threads)?;
        let (queue, shelf, marker) = (journal.queue.clone(), journal.shelf.clone(), journal.marker.clone());
        journal.threads.start("journal", move || committer::run(writer, &queue, &shelf, &marker))?;
        let (queue, marker) = (journal.queue.clone(), journal.marker.clone());
        journal.threads.start("journal mark", move || keep_marking(&marker, &queue))?;
        Ok(Self(Arc::new(journal)))
    }

    /// Writes what waits, then the mark, and ends. Everything later is answered "stopped". Blocks until all threads have
    /// ended; after a failure nothing is written.
    pub fn stop(&self) {
        let _one_at_a_time = self.0.stopping.lock().unwrap_or_else(PoisonError::into_inner);
        self.0.queue.stop();
        self.0.threads.join();
    }

    /// Why it has failed, if it has. The process should end: only a start finds out what the disk has.
    pub fn failed(&self) -> Option<Arc<str>> {
        self.0.queue.failed()
    }

    /// What opening found and did.
    pub fn report(&self) -> &OpenReport {
        &self.0.report
    }

    /// Figures since it was opened.
    pub fn figures(&self) -> &Figures {
        &self.0.figures
    }

    /// The newest size of the tree, with its root: everything that is committed. Blocks; the first time after a start it
    /// may read much.
    pub fn newest_tree(&self) -> Result<TreeSize, JournalError> {
        self.0.tree.newest(self.epoch())
    }

    /// The root of the tree over the first `size` records. Blocks.
    pub fn root(&self, size: u64) -> Result<Hash, JournalError> {
        self.0.tree.root(size)
    }

    /// The audit path of the record at `at` in the tree over the first `size` records, from the leaf upwards; it was
    /// checked against that tree's root. Blocks.
    pub fn inclusion(&self, at: Position, size: u64) -> Result<Vec<Hash>, JournalError> {
        self.0.tree.inclusion(at, size)
    }

    /// The proof that the tree over the first `from` records is the beginning of that over the first `to`; it was
    /// checked against both roots. Blocks.
    pub fn consistency(&self, from: u64, to: u64) -> Result<Vec<Hash>, JournalError> {
        self.0.tree.consistency(from, to)
    }

    /// The last record that may leave now: older than `age`, with a segment of its own for every week of it behind. None where
    /// nothing may.
    ///
    /// # Errors
    /// A header cannot be read.
    pub fn may_leave(&self, now: Timestamp, age: Duration) -> io::Result<Option<Position>> {
        retire::may_leave(self.0.shelf.place(), &self.0.shelf, now, age)
    }

    /// Whether the segment that grows was begun in an earlier week than `now`: what is written next begins another.
    ///
    /// # Errors
    /// Its header cannot be read.
    pub fn is_of_an_earlier_week(&self, now: Timestamp) -> io::Result<bool> {
        retire::is_of_an_earlier_week(self.0.shelf.place(), &self.0.shelf, now)
    }

    /// Lets whole segments leave that end at or before `through`; of what is in them, copies of the `needed` records stay and
    /// are found under their old positions. When this returns it is done for good. Says up to where everything has left.
    /// Blocks.
    pub fn retire(&self, through: Position, needed: &BTreeSet<Position>) -> Result<Position, JournalError> {
        let _one_at_a_time = self.0.retiring.lock().unwrap_or_else(PoisonError::into_inner);
        retire::retire(self.0.shelf.place(), &self.0.shelf, &self.0.tree, &self.0.epochs, (through, needed))
    }

    /// Everything up to here has left.
    pub fn retired(&self) -> Position {
        self.0.shelf.retired()
    }

    fn epoch(&self) -> EpochId {
        self.0.epochs.last().map_or_else(EpochId::default, |epoch| epoch.id)
    }

    /// What cannot be read any more: found when opening, or since.
    pub fn damaged(&self) -> Vec<Damage> {
        self.0.shelf.damaged()
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.queue.stop(); // nobody is left to append
        self.threads.join();
    }
}

/// The mark's thread. A mark that finds no space or no descriptor is only late; any other error is one of the journal.
fn keep_marking(marker: &Marker, queue: &Queue) {
    while let Err(error) = marker.run() {
        if !disk::is_short(&error) {
            queue.fail(&Arc::from(format!("high-water mark: {error}")));
            return;
        }
        tracing::warn!(%error, "the high-water mark is not written");
        if marker.stops() {
            return;
        }
        marker.pause();
    }
}

impl Journal for FileJournal {
    async fn append(&self, batch: RecordBatch) -> Result<Position, JournalError> {
        if batch.records.is_empty() {
            return Ok(self.committed());
        }
        let answered = self.0.queue.push(batch)?;
        answered.await.unwrap_or(Err(JournalError::Stopped))
    }

    fn read(
        &self,
        from: Position,
    ) -> Result<Box<dyn Iterator<Item = Result<Committed, JournalError>> + Send>, JournalError> {
        Ok(Box::new(self.0.shelf.commits(from)))
    }

    fn record(&self, at: Position) -> Result<Record, JournalError> {
        self.0.shelf.record(at)
    }

    fn committed(&self) -> Position {
        self.0.shelf.committed()
    }

    fn epochs(&self) -> Vec<Epoch> {
        self.0.epochs.clone()
    }

    fn first(&self) -> Position {
        self.0.shelf.first()
    }
}

#[cfg(test)]
mod tests;
