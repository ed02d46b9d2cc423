//! Records leave a journal in files, week by week, and the rows can be made again all the same, exactly.

use std::{
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use journal::{FileJournal, Journal as _, Lane, Record};
use model::{clock::Clock, position::Position, time::Timestamp};
use tempfile::TempDir;

use super::{
    toy::{OPS, Op, Toy, id, record},
    world::block_on,
};
use crate::{
    Dump, Engine, OpenError, Opened, Options,
    base::{Retention, RetireError},
    tasks::Tasks,
};

const WEEK: i64 = 7 * 24 * 3_600 * 1_000;
const GRACE: Duration = Duration::from_mins(1);

struct World {
    folder: TempDir,
    now: Arc<AtomicI64>,
    running: Option<(Engine<Toy, FileJournal>, Tasks)>,
    /// The journal is not what it was.
    damaged: bool,
}

impl World {
    fn new() -> Self {
        let now = Arc::new(AtomicI64::new(1_800_000_000_000));
        Self { folder: tempfile::tempdir().unwrap(), now, running: None, damaged: false }
    }

    fn at(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn clock(&self) -> Clock {
        let now = self.now.clone();
        Clock::new(move || Timestamp::from_millis(now.load(Ordering::SeqCst)))
    }

    fn try_start(&mut self) -> Result<Opened, OpenError> {
        let tasks = Tasks::new();
        let options = journal::Options {
            segment_bytes: Some(1 << 16),
            ..journal::Options::new(self.at("journal"), self.clock())
        };
        let journal = FileJournal::open(options).unwrap();
        assert_eq!(journal.report().damaged.is_empty(), !self.damaged);
        let options = Options { index_entries_max: 8, ..Options::new(self.folder.path()) };
        match Engine::open(options, journal.clone(), Toy::default(), &tasks, self.clock()) {
            Ok((engine, opened)) => {
                self.running = Some((engine, tasks));
                Ok(opened)
            }
            Err(error) => {
                journal.stop();
                block_on(tasks.stop(GRACE)).unwrap();
                Err(error)
            }
        }
    }

    fn engine(&self) -> &Engine<Toy, FileJournal> {
        &self.running.as_ref().unwrap().0
    }

    /// One record in each of so many weeks: rows that come, change and go, counters, and ids that are settled.
    fn weeks(&self, count: u8) {
        for number in 0..count {
            self.now.fetch_add(WEEK, Ordering::SeqCst);
            let ops = [
                Op::Put { table: number % 3, key: number % 7, bytes: u16::from(number) },
                Op::Count { counter: number % 2 },
                Op::Settle { id: number, bytes: 9 },
                Op::Recall { id: number / 2, key: 40 },
                Op::Remove { table: (number + 1) % 3, key: number % 5 },
            ];
            let at = Timestamp::from_millis(self.now.load(Ordering::SeqCst));
            let record = Record::new(OPS, at, record(&ops).bytes);
            block_on(self.engine().append(vec![record], Lane::Normal)).unwrap();
        }
    }

    fn retire(&self) -> Result<Option<Position>, RetireError> {
        let (engine, tasks) = self.running.as_ref().unwrap();
        let aged = |_| Record::new(OPS, Timestamp::from_millis(self.now.load(Ordering::SeqCst)), Vec::new());
        block_on(engine.retire(Retention::default(), Toy::default, aged, tasks))
    }

    fn stop(&mut self) -> Dump {
        let (engine, tasks) = self.running.take().unwrap();
        let dump = engine.dump().unwrap();
        block_on(async {
            tokio::join!(tasks.stop(GRACE), async {
                engine.stop().await.unwrap();
                engine.journal().stop();
            })
            .0
            .unwrap();
        });
        dump
    }
}

#[test]
fn evidence_is_kept_a_hundred_and_eighty_days_at_least() {
    let read = |text: &str| serde_json::from_str::<Retention>(text);
    assert_eq!(read("{}").unwrap().age(), Duration::from_hours(180 * 24));
    assert_eq!(read("{\"evidence_days\": 400}").unwrap().evidence_days, 400);
    let told = read("{\"evidence_days\": 179}").unwrap_err().to_string();
    assert!(told.contains("180 days at least"), "{told}");
}

fn same(one: &Dump, other: &Dump) {
    assert_eq!((&one.rows, &one.settled), (&other.rows, &other.settled));
    assert!(!one.rows.is_empty());
}

#[test]
fn rows_are_made_again_exactly_after_their_oldest_records_have_left_again_and_again() {
    let mut world = World::new();
    world.try_start().unwrap();
    world.weeks(20);
    assert_eq!(world.retire().unwrap(), None, "nothing is old enough");
    let mut left = Position(0);
    for round in 0..4 {
        world.weeks(15);
        let now = world.retire().unwrap().unwrap();
        assert!(now > left, "round {round}");
        left = now;
        assert_eq!(world.engine().journal().first(), left.next());
        let live = world.stop();
        std::fs::remove_dir_all(world.at("store")).unwrap();
        assert!(matches!(world.try_start().unwrap(), Opened::Fresh { .. }));
        same(&live, &world.engine().dump().unwrap());
        assert!(
            world.engine().read(|_, rows| rows.settled(id(1))).unwrap().is_none(),
            "that id is older than is remembered"
        );
        let live = world.stop();
        assert!(matches!(world.try_start().unwrap(), Opened::Reopened { .. }));
        same(&live, &world.engine().dump().unwrap());
    }
    world.stop();
}

#[test]
fn without_its_base_a_store_goes_on_and_is_never_made_up_of_what_is_left() {
    let mut world = World::new();
    world.try_start().unwrap();
    world.weeks(40);
    world.retire().unwrap().unwrap();
    let live = world.stop();
    std::fs::remove_dir_all(world.at("base")).unwrap();

    world.try_start().unwrap();
    same(&live, &world.engine().dump().unwrap());
    world.weeks(10);
    let before = world.engine().journal().first();
    let told = world.retire().unwrap_err();
    assert!(matches!(&told, RetireError::Base(OpenError::BaseLost { .. })), "{told:?}");
    assert_eq!(world.engine().journal().first(), before, "and nothing more leaves");
    world.stop();

    std::fs::remove_dir_all(world.at("store")).unwrap();
    assert!(matches!(world.try_start(), Err(OpenError::BaseLost { .. })));
}

#[test]
fn a_base_that_is_damaged_is_not_believed() {
    let mut world = World::new();
    world.try_start().unwrap();
    world.weeks(40);
    world.retire().unwrap().unwrap();
    world.stop();
    let db = world.at("base/store/rows/db");
    let mut bytes = std::fs::read(&db).unwrap();
    for place in (0..bytes.len()).step_by(64) {
        bytes[place] ^= 0x55;
    }
    std::fs::write(&db, bytes).unwrap();
    std::fs::remove_dir_all(world.at("store")).unwrap();

    for _ in 0..2 {
        let told = world.try_start().unwrap_err();
        assert!(matches!(&told, OpenError::BaseLost { .. }), "{told:?}");
        assert!(!world.at("store").exists() && !world.at("quarantine").exists(), "nothing is made of it");
    }
}

#[test]
fn rows_are_made_again_of_the_base_where_the_journal_does_not_know_what_left() {
    let mut world = World::new();
    world.try_start().unwrap();
    world.weeks(40);
    world.retire().unwrap().unwrap();
    let live = world.stop();
    std::fs::remove_file(world.at("journal/retired")).unwrap();
    std::fs::remove_dir_all(world.at("store")).unwrap();

    world.damaged = true;
    world.try_start().unwrap();
    same(&live, &world.engine().dump().unwrap());
    world.stop();
}
