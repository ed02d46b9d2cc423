//! R7 as the checker of the whole system judges it: submits, answers, a power cut at every write index, and what stands
//! afterwards, written down as a history. Here a record is a message and the journal its only recipient.

use std::collections::BTreeMap;

use model::position::{EpochId, Position};

use super::{
    SimDisk,
    dice::Dice,
    start,
    world::{World, script},
};
use crate::{
    checker::{
        Violation,
        event::{Accepted, Event, Fault, FaultKind, Line, Stage, Stands, Submit},
        history::History,
        rules::ack_is_true,
    },
    open::Opened,
};

const JOURNAL: &str = "journal";

/// The name of a record: where it was put.
type Name = (EpochId, Position);

/// Writes a history down.
#[derive(Clone, Debug, Default)]
pub(super) struct Witness {
    lines: Vec<Line>,
    answered: Vec<Name>,
}

impl Witness {
    /// Records are about to be written.
    pub fn submitted(&mut self, names: &[Name]) {
        for name in names {
            let (id, call) = (id(name), self.lines.len() as u64);
            let (from, to, digest) = (String::new(), vec![JOURNAL.to_owned()], String::new());
            self.tell(Event::Submit(Submit { call, id, from, to, precedence: 1, digest, expires: None }));
        }
    }

    /// Their positions were told to whoever appended them.
    pub fn answered(&mut self, names: &[Name]) {
        for (epoch, position) in names {
            let (id, epoch) = (id(&(*epoch, *position)), epoch.to_string());
            let (position, resolved) = (position.0, vec![JOURNAL.to_owned()]);
            self.tell(Event::Ok(Accepted { call: 0, id, epoch, position, receipt: String::new(), resolved }));
        }
        self.answered.extend(names);
    }

    /// The power went, and this was found: everything that was answered is looked for.
    fn recovered(&mut self, opened: &Opened) {
        let victim = JOURNAL.to_owned();
        self.tell(Event::Fault(Fault { name: "cut".to_owned(), kind: FaultKind::Kill, victim }));
        for name in self.answered.clone() {
            let there = stands(opened, &name).then(|| (JOURNAL.to_owned(), Stage::Accepted));
            self.tell(Event::Stands(Stands { id: id(&name), at: there.into_iter().collect::<BTreeMap<_, _>>() }));
        }
    }

    fn tell(&mut self, event: Event) {
        self.lines.push(Line { t: self.lines.len() as u64, event });
    }

    fn judged(&self) -> Vec<Violation> {
        ack_is_true(&History::of(&self.lines))
    }
}

fn id((epoch, position): &Name) -> String {
    format!("{epoch} {position}")
}

fn stands(opened: &Opened, (epoch, position): &Name) -> bool {
    let shelf = &opened.writer.shelf;
    *position <= shelf.committed() && shelf.batch(*position).is_ok_and(|batch| batch.epoch == *epoch)
}

fn witnessed() -> World {
    let mut world = World::default();
    world.witness = Some(Witness::default());
    world
}

/// Plays a script until the cut `at`, recovers, and gives what the witness saw.
fn cut(seed: u64, at: u64, dice: &mut Dice) -> Witness {
    let (mut world, disk) = (witnessed(), SimDisk::default());
    disk.cut_at(at);
    assert!(world.play(&disk, &script(&mut Dice::new(seed))).is_err(), "the cut happens");
    let opened = world.start(&disk.after_cut(dice)).unwrap();
    let mut witness = world.witness.take().unwrap();
    witness.recovered(&opened);
    witness
}

#[test]
fn what_was_answered_stands_after_a_cut_at_every_write() {
    let (mut cuts, mut asked) = (0, 0);
    for seed in 0..40 {
        let (mut dice, disk) = (Dice::new(seed), SimDisk::default());
        World::default().play(&disk, &script(&mut Dice::new(seed))).unwrap();
        for at in 1..=disk.operations() {
            let witness = cut(seed, at, &mut dice);
            let found = witness.judged();
            assert!(found.is_empty(), "seed {seed}, cut at {at}: {}", crate::checker::report(&found, 3));
            cuts += 1;
            asked += witness.answered.len();
        }
    }
    assert!(cuts > 1_000 && asked > 4 * cuts, "not vacuous: {cuts} cuts, asked {asked} times");
}

#[test]
fn an_answer_that_the_disk_never_got_is_found() {
    let (mut world, disk) = (witnessed(), SimDisk::default());
    let record = || vec![vec![crate::Record::new(2, model::time::Timestamp::EPOCH, vec![7; 100])]];
    let mut opened = world.start(&disk).unwrap();
    world.commit(&mut opened, record()).unwrap();
    let before = disk.copy();
    world.commit(&mut opened, record()).unwrap();
    let mut witness = world.witness.take().unwrap();

    // as if the second answer had left before its sync
    witness.recovered(&start(&before.after_cut(&mut Dice::new(1)), 2).unwrap());

    assert_eq!(witness.judged().len(), 1);
}
