//! Segments leave: at every cut of it nothing else is lost, and what was begun is finished at the next start.

use std::{
    collections::BTreeSet,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use model::{
    clock::Clock,
    position::{Epoch, Position},
    time::Timestamp,
};

use super::{SimDisk, dice::Dice, plan};
use crate::{
    JournalError,
    open::{self, Opened, Plan},
    record::{Record, Ticket},
    retire,
    writer::Append,
};

const WEEK: Duration = Duration::from_hours(7 * 24);
const AGE: Duration = Duration::from_hours(180 * 24);
const BEGAN: i64 = 1_800_000_000_000;

/// A journal whose clock a test moves.
struct World {
    disk: SimDisk,
    now: Arc<AtomicI64>,
    lives: u8,
}

impl World {
    fn new(disk: SimDisk) -> Self {
        Self { disk, now: Arc::new(AtomicI64::new(BEGAN)), lives: 0 }
    }

    fn at(&self) -> Timestamp {
        Timestamp::from_millis(self.now.load(Ordering::SeqCst))
    }

    fn passes(&self, time: Duration) {
        self.now.fetch_add(i64::try_from(time.as_millis()).unwrap(), Ordering::SeqCst);
    }

    fn plan(&mut self) -> Plan {
        self.lives += 1;
        let now = self.now.clone();
        let clock = Clock::new(move || Timestamp::from_millis(now.load(Ordering::SeqCst)));
        Plan { clock, ..plan(&self.disk, self.lives) }
    }

    fn start(&mut self) -> Opened {
        let plan = self.plan();
        open::open(&plan).unwrap()
    }

    /// One record in each of so many weeks.
    fn weeks(&self, opened: &mut Opened, count: u64) -> std::io::Result<()> {
        for _ in 0..count {
            self.passes(WEEK);
            let records = vec![Record::new(7, self.at(), self.now.load(Ordering::SeqCst).to_be_bytes().to_vec())];
            let written = opened.writer.write(vec![Append::new(records, Ticket(0))]);
            written.map_err(|error| std::io::Error::other(error.to_string()))?;
        }
        Ok(())
    }

    fn may_leave(&self, opened: &Opened) -> Option<Position> {
        retire::may_leave(opened.writer.shelf.place(), &opened.writer.shelf, self.at(), AGE).unwrap()
    }
}

fn leave(opened: &Opened, through: Position, needed: &[u64]) -> Result<Position, JournalError> {
    let needed: BTreeSet<Position> = needed.iter().copied().map(Position).collect();
    let shelf = &opened.writer.shelf;
    retire::retire(shelf.place(), shelf, &opened.tree, &opened.epochs, (through, &needed))
}

fn read(opened: &Opened, at: u64) -> Result<Record, JournalError> {
    opened.writer.shelf.record(Position(at))
}

#[test]
fn what_is_older_than_its_age_leaves_whole_and_nothing_earlier() {
    let mut world = World::new(SimDisk::default());
    let mut opened = world.start();
    world.weeks(&mut opened, 26).unwrap();
    assert_eq!(world.may_leave(&opened), None, "175 days after the first segment ended");
    world.weeks(&mut opened, 1).unwrap();
    assert_eq!(world.may_leave(&opened), Some(Position(1)));
    world.weeks(&mut opened, 4).unwrap();
    let through = world.may_leave(&opened).unwrap();
    assert_eq!(through, Position(5));
    let before = read(&opened, 3).unwrap();
    let path = opened.tree.inclusion(Position(2), 20).unwrap();

    assert_eq!(leave(&opened, through, &[3, 9]).unwrap(), through);

    for _ in 0..2 {
        for gone in [1, 2, 4, 5] {
            assert!(matches!(read(&opened, gone), Err(JournalError::Retired(_))), "{gone}");
        }
        assert_eq!(read(&opened, 3).unwrap(), before, "a record that is needed stays under its position");
        assert_eq!(read(&opened, 6).unwrap().kind, 7);
        assert_eq!(opened.writer.shelf.first(), Position(6));
        assert_eq!(opened.tree.inclusion(Position(2), 20).unwrap(), path, "its place in the tree is proved for ever");
        assert!(opened.tree.consistency(4, 25).is_ok());
        drop(opened);
        opened = world.start();
        assert_eq!(opened.report.damaged, []);
        assert_eq!(opened.report.data_loss_suspected, None);
        assert_eq!(opened.epochs.first().map(|epoch: &Epoch| epoch.first), Some(Position(1)), "lives stay known");
    }
    assert_eq!(world.may_leave(&opened), None);
}

#[test]
fn a_clock_that_jumps_ahead_makes_nothing_old() {
    let mut world = World::new(SimDisk::default());
    let mut opened = world.start();
    world.weeks(&mut opened, 4).unwrap();
    world.passes(WEEK * 60);
    world.weeks(&mut opened, 1).unwrap();
    assert_eq!(world.may_leave(&opened), None);
    world.weeks(&mut opened, 21).unwrap();
    assert_eq!(world.may_leave(&opened), Some(Position(1)), "26 weeks have passed indeed");
}

#[test]
fn segments_that_are_missing_beyond_what_left_are_damage() {
    let mut world = World::new(SimDisk::default());
    let mut opened = world.start();
    world.weeks(&mut opened, 40).unwrap();
    let through = world.may_leave(&opened).unwrap();
    leave(&opened, through, &[]).unwrap();
    let (number, first, last) = opened.writer.shelf.segments()[0];
    let place = opened.writer.shelf.place().clone();
    drop(opened);
    place.disk.remove(&place.folder.join(crate::segment::name(number))).unwrap();

    let opened = world.start();
    let told: Vec<_> = opened.report.damaged.iter().map(|damage| (damage.first, damage.last)).collect();
    assert_eq!(told, [(first, last)]);
    assert!(matches!(read(&opened, 1), Err(JournalError::Retired(_))));
}

#[test]
fn a_note_of_what_left_that_is_damaged_is_told_as_damage_and_nothing_else_is_lost() {
    for name in [retire::NAME, crate::kept::NAME] {
        let mut world = World::new(SimDisk::default());
        let mut opened = world.start();
        world.weeks(&mut opened, 40).unwrap();
        let through = world.may_leave(&opened).unwrap();
        leave(&opened, through, &[2]).unwrap();
        let place = opened.writer.shelf.place().clone();
        drop(opened);
        let file = place.disk.open(&place.folder.join(name)).unwrap();
        let mut bytes = vec![0; usize::try_from(file.len().unwrap()).unwrap()];
        file.read_at(&mut bytes, 0).unwrap();
        let middle = bytes.len() - 6;
        file.write_at(&[bytes[middle] ^ 1], u64::try_from(middle).unwrap()).unwrap();
        file.sync().unwrap();

        let opened = world.start();
        assert_eq!(opened.report.damaged.is_empty(), name != retire::NAME, "{name}");
        assert!(read(&opened, 2).is_err(), "{name}");
        assert_eq!(read(&opened, through.0 + 1).unwrap().kind, 7, "{name}");
    }
}

/// The power goes at every write of a retirement, and at every write of the start after it.
#[test]
fn whatever_the_power_cuts_short_is_finished_or_was_never_begun() {
    let mut dice = Dice::new(41);
    let mut cuts = 0;
    for at in 1.. {
        let mut world = World::new(SimDisk::default());
        let mut opened = world.start();
        world.weeks(&mut opened, 31).unwrap();
        let through = world.may_leave(&opened).unwrap();
        opened.tree.newest(opened.epochs[0].id).unwrap();
        world.disk.cut_at(at);
        if leave(&opened, through, &[3]).is_ok() {
            break;
        }
        cuts += 1;
        let found = world.disk.after_cut(&mut dice);
        for second in 0.. {
            let again = found.copy();
            let mut world = World { disk: again.clone(), now: world.now.clone(), lives: 9 };
            if second > 0 {
                again.cut_at(second);
                if open::open(&world.plan()).is_ok() {
                    break; // it needs no more writes than that
                }
                world.disk = again.after_cut(&mut dice);
            }
            let opened = world.start();
            let first = opened.writer.shelf.first().0;
            assert!(first == 1 || first == through.0 + 1, "cut {at} {second}: whole segments or none: {first}");
            assert_eq!(opened.report.damaged, [], "cut {at} {second}");
            for position in first..=32 {
                assert!(read(&opened, position).is_ok(), "cut {at} {second}: {position}");
            }
            assert!(read(&opened, 3).is_ok(), "cut {at} {second}: what is needed is there");
            assert!(opened.tree.inclusion(Position(2), 30).is_ok(), "cut {at} {second}");
        }
    }
    println!("{cuts} cuts");
    assert!(cuts > 8);
}
