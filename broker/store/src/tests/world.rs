//! A store in a folder of its own, over a journal that outlives it: started, stopped and killed at will.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use journal::{Journal, Lane, Record};
use model::{clock::Clock, position::Position, time::Timestamp};
use tempfile::TempDir;

use super::{
    memory::Memory,
    toy::{Reference, Toy},
};
use crate::{AppendError, Engine, OpenError, Opened, Options, tasks::Tasks, watch::Watchdog};

const GRACE: Duration = Duration::from_mins(1);

/// The engine of a test.
pub type ToyEngine = Engine<Toy, Memory>;

/// One folder and one journal.
#[derive(Debug)]
pub struct World {
    folder: TempDir,
    /// The journal's life that runs, or the last.
    pub journal: Memory,
    /// What the next start is told.
    pub options: Options,
    running: Option<(ToyEngine, Tasks)>,
}

impl World {
    /// Nothing runs yet; sizes are small, so that little suffices for a spill.
    pub fn new() -> Self {
        Self::over(Memory::new())
    }

    /// The same, over a journal that has records.
    pub fn over(journal: Memory) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let patient = Watchdog { patience: GRACE, bark: Arc::new(|| panic!("sled hangs")) };
        let options = Options {
            overlay_bytes_max: 1 << 20,
            spill_bytes: 1 << 20,
            checkpoint_every: Duration::from_hours(1),
            chunk_keys: 8,
            chunk_pause: Duration::ZERO,
            index_entries_max: 24,
            watchdog: patient,
            ..Options::new(folder.path())
        };
        Self { folder, journal, options, running: None }
    }

    /// The state directory.
    pub fn state(&self) -> &Path {
        self.folder.path()
    }

    /// The store's folder.
    pub fn store(&self) -> PathBuf {
        self.state().join("store")
    }

    /// Puts `store` in the place of this world's own.
    pub fn adopt(&self, store: &Path) {
        if self.store().exists() {
            std::fs::remove_dir_all(self.store()).unwrap();
        }
        copy(store, &self.store());
    }

    /// Starts the engine on the journal's life that is there.
    pub fn try_start(&mut self) -> Result<Opened, OpenError> {
        let tasks = Tasks::new();
        let clock = Clock::new(|| Timestamp::from_millis(1_800_000_000_000));
        let opened = Engine::open(self.options.clone(), self.journal.clone(), Toy::default(), &tasks, clock);
        match opened {
            Ok((engine, opened)) => {
                self.running = Some((engine, tasks));
                Ok(opened)
            }
            Err(error) => {
                self.journal.stop();
                wait(&tasks);
                Err(error)
            }
        }
    }

    /// Starts the engine.
    pub fn start(&mut self) -> Opened {
        self.try_start().unwrap()
    }

    /// Starts the engine on a new life of the journal.
    pub fn restart(&mut self) -> Opened {
        self.journal = self.journal.next_life();
        self.start()
    }

    /// The engine that runs.
    pub fn engine(&self) -> &ToyEngine {
        &self.running.as_ref().unwrap().0
    }

    /// Who owns its threads.
    pub fn tasks(&self) -> &Tasks {
        &self.running.as_ref().unwrap().1
    }

    /// Appends and waits for the fold.
    pub fn append(&self, records: Vec<Record>) -> Position {
        block_on(self.engine().append(records, Lane::Normal)).unwrap().0
    }

    /// The same, but waits while the overlay is full: spilling goes on beside.
    pub fn append_patiently(&self, record: &Record) {
        loop {
            match block_on(self.engine().append(vec![record.clone()], Lane::Normal)) {
                Err(AppendError::Busy) => drop(block_on(self.engine().checkpoint()).unwrap()),
                taken => return drop(taken.unwrap()),
            }
        }
    }

    /// Stops in good order.
    pub fn stop(&mut self) {
        block_on(self.engine().stop()).unwrap();
        self.end();
    }

    /// Dies: no last spill.
    pub fn kill(&mut self) {
        self.engine().kill();
        self.end();
    }

    /// Lets go of an engine that has stopped or failed.
    pub fn end(&mut self) {
        let (engine, tasks) = self.running.take().unwrap();
        self.journal.stop();
        wait(&tasks);
        drop(engine);
    }

    /// What the rows must be after all that the journal holds.
    pub fn reference(&self) -> Reference {
        Reference::of((1..=self.journal.committed().0).map(|at| self.journal.record(Position(at)).unwrap()))
    }

    /// Fails the test unless rows and counters are what the journal says.
    pub fn assert_equal(&self) {
        let reference = self.reference();
        assert_eq!(self.engine().dump().unwrap(), reference.dump());
        assert_eq!(self.engine().read(|fold, _| fold.counts().clone()), reference.counts());
    }

    /// Names in the quarantine.
    pub fn quarantined(&self) -> Vec<PathBuf> {
        let listed = std::fs::read_dir(self.state().join("quarantine"));
        listed.map_or(Vec::new(), |listed| listed.map(|entry| entry.unwrap().path()).collect())
    }
}

impl Drop for World {
    fn drop(&mut self) {
        if self.running.is_some() && !std::thread::panicking() {
            self.kill();
        }
    }
}

fn wait(tasks: &Tasks) {
    block_on(tasks.stop(GRACE)).unwrap();
}

/// Waits for `work` on this thread.
pub fn block_on<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(work)
}

/// Copies a folder and all that is in it.
pub fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let (path, target) = (entry.as_ref().unwrap().path(), to.join(entry.unwrap().file_name()));
        if path.is_dir() {
            copy(&path, &target);
        } else {
            std::fs::copy(&path, &target).unwrap();
        }
    }
}

/// Every file in a folder and below, sorted.
pub fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { found.extend(files(&path)) } else { found.push(path) }
    }
    found.sort();
    found
}
