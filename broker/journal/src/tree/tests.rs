//! Proofs from files, over every size, across lives, and over files that say something else.

use std::{fs, path::Path};

use model::{clock::Clock, merkle::Frontier, time::Timestamp};
use proptest::prelude::*;

use crate::{FileJournal, Journal as _, JournalError, Lane, Options, Position, Record, RecordBatch, Ticket};

use super::*;

fn open(folder: &Path) -> FileJournal {
    let clock = Clock::new(|| Timestamp::from_millis(1_800_000_000_000));
    let options = Options { segment_bytes: Some(16 << 10), ..Options::new(folder.join("journal"), clock) };
    FileJournal::open(options).unwrap()
}

fn fill(journal: &FileJournal, records: u64) {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let made = |number: u64| Record::new(7, Timestamp::from_millis(5), number.to_be_bytes().to_vec());
    let mut number = 0;
    while number < records {
        let some: Vec<Record> = (number..records.min(number + 50)).map(made).collect();
        number += some.len() as u64;
        let batch = RecordBatch { records: some, lane: Lane::Normal, ticket: Ticket(0) };
        runtime.block_on(journal.append(batch)).unwrap();
    }
}

/// The leaves as the records themselves say.
fn leaves(journal: &FileJournal) -> Vec<Hash> {
    (1..=journal.committed().0).map(|at| journal.record(Position(at)).unwrap().leaf()).collect()
}

fn root_of(leaves: &[Hash]) -> Hash {
    let mut tree = Frontier::default();
    for leaf in leaves {
        tree.push(*leaf);
    }
    tree.root()
}

/// Holds proofs at these sizes against those that the leaves in memory give.
fn agrees(journal: &FileJournal, leaves: &[Hash], pairs: impl IntoIterator<Item = (usize, usize)>) {
    for (old, new) in pairs {
        let (from, to) = (old as u64, new as u64);
        assert_eq!(journal.root(to).unwrap(), root_of(&leaves[..new]), "root at {new}");
        assert_eq!(journal.consistency(from, to).unwrap(), merkle::consistency(&leaves[..new], old), "{old} to {new}");
        if old < new {
            let path = journal.inclusion(Position(from + 1), to).unwrap();
            assert_eq!(path, merkle::path(&leaves[..new], old), "leaf {old} of {new}");
        }
    }
}

fn pairs(size: usize) -> impl Iterator<Item = (usize, usize)> {
    (0..=size).flat_map(move |new| (0..=new).map(move |old| (old, new)))
}

#[test]
fn every_proof_of_a_small_journal_is_the_one_that_its_records_give_after_any_number_of_starts() {
    let folder = tempfile::tempdir().unwrap();
    for life in 0..3 {
        let journal = open(folder.path());
        fill(&journal, 9);
        let leaves = leaves(&journal);
        assert_eq!(leaves.len(), 10 * (life + 1), "with the first record of each life");
        agrees(&journal, &leaves, pairs(leaves.len()));
        let newest = journal.newest_tree().unwrap();
        assert_eq!((newest.size, newest.root), (leaves.len() as u64, root_of(&leaves)));
        assert_eq!(newest.epoch, journal.epochs().last().unwrap().id);
        journal.stop();
    }
}

#[test]
fn what_is_not_there_yet_has_no_proof() {
    let folder = tempfile::tempdir().unwrap();
    let journal = open(folder.path());
    fill(&journal, 3);
    assert!(matches!(journal.root(5), Err(JournalError::Missing(Position(5)))));
    assert!(matches!(journal.consistency(3, 2), Err(JournalError::Missing(_))));
    assert!(matches!(journal.consistency(3, u64::MAX), Err(JournalError::Missing(_))));
    assert!(matches!(journal.inclusion(Position(0), 4), Err(JournalError::Missing(_))));
    assert!(matches!(journal.inclusion(Position(4), 3), Err(JournalError::Missing(Position(4)))));
    assert_eq!(journal.consistency(0, 4).unwrap(), Vec::<Hash>::new());
    journal.stop();
}

/// Files that were lost, cut, or say something else: the proofs are those of the records all the same.
#[test]
fn files_that_lie_are_made_anew() {
    type Harm = fn(&Path);
    let harms: [(&str, Harm); 6] = [
        ("nothing", |_| {}),
        ("no files", |tree| fs::remove_dir_all(tree).unwrap()),
        ("a file is gone", |tree| fs::remove_file(tree.join("1")).unwrap()),
        ("short", |tree| fs::File::options().write(true).open(tree.join("0")).unwrap().set_len(32 * 300 + 5).unwrap()),
        ("a leaf is another", |tree| flip(&tree.join("0"), 32 * 700 + 3)),
        ("a node is another", |tree| flip(&tree.join("1"), 32 + 3)),
    ];
    for (what, harm) in harms {
        let folder = tempfile::tempdir().unwrap();
        let journal = open(folder.path());
        fill(&journal, 1000);
        journal.newest_tree().unwrap();
        journal.stop();
        harm(&folder.path().join("tree"));
        let journal = open(folder.path());
        fill(&journal, 30);
        let leaves = leaves(&journal);
        let some = [(0, 1), (700, 701), (256, 512), (255, 1000), (700, 1032), (3, 900), (512, 1001), (701, 702)];
        agrees(&journal, &leaves, some);
        assert_eq!(journal.newest_tree().unwrap().root, root_of(&leaves), "{what}");
        journal.stop();
    }
}

fn flip(path: &Path, at: usize) {
    let mut bytes = fs::read(path).unwrap();
    bytes[at] ^= 1;
    fs::write(path, bytes).unwrap();
}

/// One record is damaged after its hash was taken: everything else is as provable as before.
#[test]
fn a_record_that_is_lost_later_takes_no_other_proof_with_it() {
    let folder = tempfile::tempdir().unwrap();
    let journal = open(folder.path());
    fill(&journal, 600);
    let leaves = leaves(&journal);
    journal.newest_tree().unwrap();
    journal.stop();
    let segment = folder.path().join("journal").join(crate::segment::name(1));
    flip(&segment, 4096 + 28 + 60);
    let journal = open(folder.path());
    fill(&journal, 20);
    let lost: Vec<u64> = (1..=601).filter(|at| journal.record(Position(*at)).is_err()).collect();
    assert_eq!(lost.len(), 1, "{lost:?}");
    for at in (1..=601).filter(|at| !lost.contains(at)) {
        let path = journal.inclusion(Position(at), 610).unwrap();
        let size = usize::try_from(at - 1).unwrap();
        assert_eq!(merkle::root_by_path(leaves[size], at - 1, 610, &path), Some(journal.root(610).unwrap()));
    }
    assert!(matches!(journal.inclusion(Position(lost[0]), 610), Err(JournalError::Damaged(_))));
    let proof = journal.consistency(601, 620).unwrap();
    assert!(merkle::joins((601, root_of(&leaves)), (620, journal.root(620).unwrap()), &proof));
    journal.stop();
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    #[test]
    fn proofs_of_larger_trees_are_those_of_their_leaves(
        sizes in prop::collection::vec(1_u64..900, 1..4),
        picks in prop::collection::vec((any::<prop::sample::Index>(), any::<prop::sample::Index>()), 40),
    ) {
        let folder = tempfile::tempdir().unwrap();
        for records in sizes {
            let journal = open(folder.path());
            fill(&journal, records);
            let leaves = leaves(&journal);
            let picked = picks.iter().map(|(old, new)| {
                let new = new.index(leaves.len()) + 1;
                (old.index(new + 1), new)
            });
            agrees(&journal, &leaves, picked);
            journal.stop();
        }
    }
}
