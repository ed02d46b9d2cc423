//! The index of what is closed: what is written is found, what is not asks little, and files join without gaps.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

fn id(time: u64, tail: u64) -> Id {
    let mut id = [0; 16];
    id[..6].copy_from_slice(&time.to_be_bytes()[2..]);
    id[8..].copy_from_slice(&tail.to_be_bytes());
    id
}

fn span(first: u64, last: u64) -> Span {
    Span { first: Position(first), last: Position(last) }
}

fn entries(count: u64, bytes: usize) -> BTreeMap<Id, Bytes> {
    (0..count).map(|n| (id(1_000 + n / 10, n), Bytes::from(vec![n as u8; bytes]))).collect()
}

fn written(folder: &Path, kind: Kind, span: Span, entries: BTreeMap<Id, Bytes>) -> IndexFile {
    write(&Plan { kind, run: Arc::new(Run::new(span, entries)), kept_runs: 0 }, folder).unwrap()
}

/// Turns one byte of every page from `from` on.
fn spoil_pages(path: &Path, from: usize) {
    let mut bytes = fs::read(path).unwrap();
    bytes.chunks_mut(4_096).skip(from).for_each(|page| page[100] ^= 1);
    fs::write(path, bytes).unwrap();
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, ..ProptestConfig::default() })]

    #[test]
    fn what_is_written_is_found_and_nothing_else(
        written_entries in prop::collection::btree_map(
            (1_000..1_050_u64, 0..40_u64).prop_map(|(time, tail)| id(time, tail)),
            prop::collection::vec(any::<u8>(), 0..1_024).prop_map(Bytes::from),
            0..80,
        ),
        asked in prop::collection::vec((995..1_055_u64, 0..44_u64).prop_map(|(time, tail)| id(time, tail)), 50),
    ) {
        let folder = tempfile::tempdir().unwrap();
        let file = written(folder.path(), Kind::Closed, span(3, 9), written_entries.clone());

        for id in written_entries.keys().chain(&asked) {
            prop_assert_eq!(file.find(id).unwrap(), written_entries.get(id).cloned());
        }
        prop_assert_eq!(file.load().unwrap(), written_entries.clone());
        let again = IndexFile::open(folder.path().join("00000000000000000003-00000000000000000009.idx"), span(3, 9)).unwrap();
        prop_assert_eq!(again.load().unwrap(), written_entries);
    }

    #[test]
    fn names_of_files_sort_as_their_positions_do(a in any::<(u64, u64)>(), b in any::<(u64, u64)>()) {
        let (one, other) = (span(a.0, a.1), span(b.0, b.1));
        prop_assert_eq!(Span::of_file(&one.file_name()), Some(one));
        prop_assert_eq!(one.file_name().cmp(&other.file_name()), a.cmp(&b));
    }

    #[test]
    fn the_newest_entry_counts_wherever_the_older_ones_lie(
        settled in prop::collection::vec((0..12_u64, any::<u8>()), 1..60),
        spill_every in 1..20_usize,
        bound in 2..30_usize,
    ) {
        let folder = tempfile::tempdir().unwrap();
        let bounds = Bounds { entries: bound, bytes: usize::MAX };
        let (mut closed, mut reference, mut indexed) = (Closed::default(), BTreeMap::new(), Position(0));
        for (nth, (number, byte)) in settled.iter().enumerate() {
            let (id, value) = (id(*number, *number), Bytes::from(vec![*byte; 5]));
            closed.settle(id, value.clone());
            reference.insert(id, value);
            if nth % spill_every == 0 {
                indexed = spill(&mut closed, indexed, Position(nth as u64 + 1), bounds, folder.path());
            }
            prop_assert_eq!(&closed.dump().unwrap(), &reference);
        }
        spill(&mut closed, indexed, Position(settled.len() as u64), bounds, folder.path());
        let (reopened, useless) = open(folder.path(), Position(1), Position(settled.len() as u64), Faults::default()).unwrap();
        prop_assert_eq!(reopened.dump().unwrap(), reference.clone());
        prop_assert!(useless.is_empty(), "what others cover was removed");
        for (id, value) in &reference {
            prop_assert_eq!(reopened.find(id).unwrap(), Some(value.clone()));
        }
    }
}

/// One spill of the index; gives the position that files reach to.
fn spill(closed: &mut Closed, indexed: Position, through: Position, bounds: Bounds, folder: &Path) -> Position {
    if !closed.freeze(indexed, through) {
        return indexed;
    }
    let plan = plan(&closed.runs(), bounds).unwrap();
    let file = write(&plan, folder).unwrap();
    closed.replace(&plan, file, folder).iter().for_each(|path| fs::remove_file(path).unwrap());
    through
}

#[test]
fn the_same_entries_make_the_same_bytes() {
    let all = entries(500, 60);
    let folders = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let bytes = folders.each_ref().map(|folder| {
        let file = written(
            folder.path(),
            Kind::Closed,
            span(1, 500),
            all.iter().rev().map(|(id, v)| (*id, v.clone())).collect(),
        );
        fs::read(file.path()).unwrap()
    });
    assert_eq!(bytes[0], bytes[1]);
}

#[test]
fn an_id_outside_the_files_times_asks_no_disk() {
    let folder = tempfile::tempdir().unwrap();
    let file = written(folder.path(), Kind::Closed, span(1, 100), entries(100, 10)); // times 1,000 to 1,009
    fs::remove_file(file.path()).unwrap();

    assert_eq!(file.find(&id(999, 1)), Ok(None));
    assert_eq!(file.find(&id(1_010, 1)), Ok(None));
    assert!(matches!(file.find(&id(1_005, 1)), Err(Fault::Damaged(_))), "within its times the file is needed");
}

#[test]
fn the_filter_keeps_strangers_from_the_entries() {
    let folder = tempfile::tempdir().unwrap();
    let all = entries(5_000, 10);
    let file = written(folder.path(), Kind::Closed, span(1, 5_000), all.clone());
    let filter_pages = 1 + crate::sieve::blocks_for(5_000).div_ceil(63);
    spoil_pages(file.path(), filter_pages); // whoever reads an entry page hears of it

    assert!(all.keys().all(|id| file.find(id).is_err()), "what is there must be read");
    let strangers = (0..2_000_u64).map(|n| id(1_000 + n % 500, 1_000_000 + n));
    let asked = strangers.filter(|id| file.find(id).is_err()).count();
    assert!(asked < 40, "{asked} of 2,000 strangers got past the filter");
}

#[test]
fn a_damaged_page_is_damage_and_no_answer() {
    let folder = tempfile::tempdir().unwrap();
    let all = entries(300, 30);
    let file = written(folder.path(), Kind::Closed, span(1, 300), all.clone());
    spoil_pages(file.path(), 1);

    assert!(all.keys().all(|id| matches!(file.find(id), Err(Fault::Damaged(_)))));
    assert!(matches!(file.load(), Err(Fault::Damaged(_))));
    spoil_pages(file.path(), 0);
    assert!(IndexFile::open(file.path().to_owned(), span(1, 300)).is_err(), "the header is checked at opening");
}

#[test]
fn each_entry_is_written_a_few_times_and_memory_holds_few_runs() {
    let bounds = Bounds { entries: 10_000, bytes: usize::MAX };
    let (mut runs, mut written, mut settled) = (Vec::<Arc<Run>>::new(), 0, 0);
    for nth in 0..2_000_u64 {
        let fresh: BTreeMap<_, _> = (0..=nth % 7).map(|n| (id(nth, n), Bytes::new())).collect();
        settled += fresh.len();
        runs.push(Arc::new(Run::new(span(nth + 1, nth + 1), fresh)));
        let plan = plan(&runs, bounds).unwrap();
        written += plan.run.entries.len();
        runs.truncate(plan.kept_runs);
        runs.extend((plan.kind == Kind::Run).then(|| plan.run.clone()));
        assert!(runs.len() <= 17, "{} runs", runs.len());
    }
    assert!(written < 8 * settled, "{written} written for {settled}");
}

#[test]
fn files_are_chosen_so_that_they_join() {
    let chosen = |spans: &[(u64, u64)], first, indexed| {
        let spans = spans.iter().map(|(first, last)| span(*first, *last)).collect();
        let pairs = |spans: Vec<Span>| spans.iter().map(|span| (span.first.0, span.last.0)).collect::<Vec<_>>();
        choose(spans, Position(first), Position(indexed)).map(|(chosen, useless)| (pairs(chosen), pairs(useless)))
    };
    assert_eq!(chosen(&[], 1, 0), Ok((vec![], vec![])), "nothing was ever closed");
    assert_eq!(chosen(&[(1, 4), (5, 9)], 1, 9), Ok((vec![(1, 4), (5, 9)], vec![])));
    assert_eq!(chosen(&[(1, 4), (5, 9), (1, 9)], 1, 9), Ok((vec![(1, 9)], vec![(1, 4), (5, 9)])), "covered");
    assert_eq!(
        chosen(&[(1, 4), (5, 9), (5, 12)], 1, 9),
        Ok((vec![(1, 4), (5, 9)], vec![(5, 12)])),
        "a spill that did not end"
    );
    assert_eq!(chosen(&[(1, 4), (5, 9)], 7, 9), Ok((vec![(1, 4), (5, 9)], vec![])), "retired, and still asked for");
    assert_eq!(chosen(&[(5, 9)], 5, 9), Ok((vec![(5, 9)], vec![])), "retired");
    assert_eq!(chosen(&[(5, 9)], 7, 9), Ok((vec![(5, 9)], vec![])), "retired in part");
    assert_eq!(chosen(&[], 10, 9), Ok((vec![], vec![])), "all retired");
    assert!(chosen(&[(1, 4), (6, 9)], 1, 9).is_err(), "a gap");
    assert!(chosen(&[(5, 9)], 1, 9).is_err(), "the beginning is missing");
    assert!(chosen(&[(1, 4)], 1, 9).is_err(), "the end is missing");
    assert!(chosen(&[], 1, 9).is_err(), "all are missing");
    assert!(chosen(&[(1, 6), (5, 9)], 1, 9).is_err(), "they overlap");
}

#[test]
fn what_the_journal_retired_leaves_the_index() {
    let folder = tempfile::tempdir().unwrap();
    let bounds = Bounds { entries: 1, bytes: usize::MAX }; // each spill becomes a closed file
    let (mut closed, mut indexed) = (Closed::default(), Position(0));
    for nth in 1..=4_u64 {
        closed.settle(id(nth, nth), Bytes::from_static(b"entry"));
        indexed = spill(&mut closed, indexed, Position(nth * 10), bounds, folder.path());
    }

    assert_eq!(closed.retire(Position(21), 1), Vec::<PathBuf>::new(), "they are still asked for");
    let gone = closed.retire(Position(21), i64::MAX);

    let names: Vec<_> = gone.iter().map(|path| path.file_name().unwrap().to_string_lossy().into_owned()).collect();
    assert_eq!(
        names,
        ["00000000000000000001-00000000000000000010.idx", "00000000000000000011-00000000000000000020.idx"]
    );
    let found: Vec<_> = (1..=4).map(|nth| closed.find(&id(nth, nth)).unwrap().is_some()).collect();
    assert_eq!(found, [false, false, true, true]);
    assert_eq!(closed.retire(Position(21), i64::MAX), Vec::<PathBuf>::new());
}

#[test]
fn what_is_fresh_weighs_and_what_is_spilled_does_not() {
    let mut closed = Closed::default();
    closed.settle(id(1, 1), Bytes::from_static(b"0123456789"));
    closed.settle(id(1, 1), Bytes::from_static(b"01234"));
    assert_eq!(closed.fresh_bytes(), ENTRY_BYTES + 5, "replaced, not added");
    assert!(closed.freeze(Position(0), Position(1)));
    assert_eq!(closed.fresh_bytes(), 0);
    assert!(!closed.freeze(Position(1), Position(2)), "nothing is left to set aside");
}
