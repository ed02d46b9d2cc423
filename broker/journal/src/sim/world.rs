//! A scripted life of a journal, and everything that must be true of it afterwards.

use std::{collections::BTreeMap, error::Error};

use model::{
    merkle::Frontier,
    position::{EpochId, Position},
    time::Timestamp,
};

use super::{SimDisk, dice::Dice, start, witness::Witness};
use crate::{
    JournalError,
    open::{OpenError, Opened},
    record::{Record, Ticket},
    report::OpenReport,
    writer::{Append, WriteError},
};

/// One step of a script.
#[derive(Clone, Debug)]
pub(super) enum Step {
    /// One commit of appends of records.
    Commit(Vec<Vec<Record>>),
    /// The high-water mark is written.
    Mark,
    /// Stopped in order and started again.
    Restart,
    /// Killed and started again.
    Kill,
}

/// A script from a seed.
pub(super) fn script(dice: &mut Dice) -> Vec<Step> {
    let steps = 6 + dice.below(6);
    let step = |number| match dice.below(10) {
        0 => Step::Restart,
        1 => Step::Kill,
        2 | 3 => Step::Mark,
        _ => Step::Commit(appends(dice, number)),
    };
    (0..steps).map(step).collect()
}

fn appends(dice: &mut Dice, number: u64) -> Vec<Vec<Record>> {
    let mut record = |of: u64| {
        let length = if dice.one_in(20) { 5000 } else { dice.below(500) };
        let bytes: Vec<_> = (0..length).map(|at| if dice.one_in(3) { 0 } else { (at ^ of) as u8 }).collect();
        Record { kind: 2 + dice.below(40) as u16, flags: dice.below(3) as u8, at: time(number), bytes: bytes.into() }
    };
    (0..=number % 2).map(|append| (0..=(number + append) % 3).map(|of| record(of + append)).collect()).collect()
}

fn time(number: u64) -> Timestamp {
    Timestamp::from_millis(1_800_000_000_000 + i64::try_from(number).unwrap())
}

/// What anybody was told, ever, about one journal.
#[derive(Clone, Debug, Default)]
pub(super) struct World {
    /// What each name has meant, whether it was answered or not.
    named: BTreeMap<(EpochId, Position), Record>,
    /// What was answered or shown: it must be there for ever.
    promised: BTreeMap<Position, EpochId>,
    /// Starts so far; each calls its life by another name.
    starts: u8,
    /// Writes a history of all this down, where somebody wants to judge one.
    pub witness: Option<Witness>,
}

impl World {
    /// Plays the script until the disk fails.
    pub fn play(&mut self, disk: &SimDisk, script: &[Step]) -> Result<(), Box<dyn Error>> {
        let mut opened = self.start(disk)?;
        for step in script {
            match step {
                Step::Commit(appends) => drop(self.commit(&mut opened, appends.clone())?),
                Step::Mark => mark(&opened)?,
                Step::Restart => {
                    mark(&opened)?;
                    let Opened { writer, .. } = opened;
                    writer.close();
                    opened = self.start(disk)?;
                }
                Step::Kill => opened = self.start(disk)?, // the page cache lives on
            }
        }
        Ok(())
    }

    /// Commits, and remembers what the names mean, answered or not.
    pub fn commit(&mut self, opened: &mut Opened, appends: Vec<Vec<Record>>) -> Result<Position, WriteError> {
        let (epoch, first) = (opened.writer.life.epoch.id, Position(opened.writer.tree.size()).next());
        let records: Vec<_> = appends.iter().flatten().cloned().collect();
        for (number, record) in records.iter().enumerate() {
            self.name(epoch, first.plus(number as u64), record);
        }
        let names: Vec<_> = (0..records.len() as u64).map(|number| (epoch, first.plus(number))).collect();
        if let Some(witness) = &mut self.witness {
            witness.submitted(&names);
        }
        let appends = appends.into_iter().map(|records| Append::new(records, Ticket(0))).collect();
        let answered = opened.writer.write(appends)?;
        assert_eq!(answered, first);
        opened.marker.note(opened.writer.mark());
        for number in 0..records.len() as u64 {
            self.promised.insert(first.plus(number), epoch);
        }
        if let Some(witness) = &mut self.witness {
            witness.answered(&names);
        }
        Ok(first)
    }

    fn name(&mut self, epoch: EpochId, at: Position, record: &Record) {
        let known = self.named.entry((epoch, at)).or_insert_with(|| record.clone());
        assert_eq!(known, record, "R5: ({epoch}, {at}) names two things");
    }

    /// Starts, and checks that an honest disk is never called a damaged one and that everything is as promised.
    pub fn start(&mut self, disk: &SimDisk) -> Result<Opened, OpenError> {
        self.starts += 1;
        let opened = start(disk, self.starts)?;
        let report = &opened.report;
        let OpenReport { damaged, headers_repaired, data_loss_suspected, evidence_broken, marks_damaged, .. } = report;
        let is_whole = damaged.is_empty() && headers_repaired.is_empty() && data_loss_suspected.is_none();
        assert!(is_whole && !evidence_broken && *marks_damaged == 0, "a power cut is no damage: {report:?}");
        self.check(&opened);
        check_tree(&opened)?;
        Ok(opened)
    }

    /// R1, R3, R5, R7: all that was promised is there, in its place, and nothing else.
    fn check(&mut self, opened: &Opened) {
        let (mut tree, mut next) = (Frontier::default(), Position(1));
        let shelf = &opened.writer.shelf;
        while next <= shelf.committed() {
            let committed = shelf.batch(next).unwrap();
            assert_eq!(committed.first, next);
            for record in committed.records.iter() {
                let known = self.named.contains_key(&(committed.epoch, next));
                assert!(known || record.kind == 1, "R3: nobody wrote {record:?} at {next}");
                self.name(committed.epoch, next, record);
                let promised = self.promised.insert(next, committed.epoch);
                assert!(
                    promised.is_none_or(|epoch| epoch == committed.epoch),
                    "R7: {next} was promised in {promised:?}"
                );
                let lives = opened.epochs.iter().filter(|epoch| epoch.id == committed.epoch);
                let is_listed = |epoch: &model::position::Epoch| {
                    epoch.first <= next && epoch.ended_at.is_none_or(|end| next <= end)
                };
                assert_eq!(lives.filter(|epoch| is_listed(epoch)).count(), 1, "{next} in {:?}", opened.epochs);
                tree.push(record.leaf());
                next = next.next();
            }
        }
        let last = self.promised.last_key_value().map(|(last, _)| *last);
        assert_eq!(last, Some(shelf.committed()), "R1: everything promised is there");
        assert_eq!(tree, opened.writer.tree, "the tree is that of the records");
    }
}

/// R11: proofs lead to the root of the records, wherever the files of the tree were cut. When the disk is cut meanwhile
/// there is none.
fn check_tree(opened: &Opened) -> Result<(), OpenError> {
    let cut = |error: JournalError| OpenError::Disk(std::io::Error::other(error.to_string()));
    let (tree, end) = (&opened.tree, opened.writer.tree.size());
    let newest = tree.newest(opened.writer.life.epoch.id).map_err(cut)?;
    assert_eq!((newest.size, newest.root), (end, opened.writer.tree.root()), "R11: the files lead to the root");
    for size in [1, end / 2, end.saturating_sub(1)] {
        let proof = tree.consistency(size, end).map_err(cut)?;
        let old = (size, tree.root(size).map_err(cut)?);
        assert!(model::merkle::joins(old, (end, newest.root), &proof), "R11: {size} joins {end}");
    }
    Ok(())
}

fn mark(opened: &Opened) -> std::io::Result<()> {
    opened.marker.note(opened.writer.mark());
    opened.marker.write()
}
