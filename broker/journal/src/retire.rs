//! Segments leave whole, oldest first, once nobody needs what is in them. What is known of them stays: the hashes of the
//! tree, the lives, the tree behind them, and copies of single records that are still in use.

use std::{
    collections::{BTreeMap, BTreeSet},
    io,
    sync::Arc,
    time::Duration,
};

use model::{
    position::{Epoch, Position},
    time::Timestamp,
};

use crate::{
    JournalError,
    disk::Place,
    format::{HEADER_BYTES, Header, RETIRED_BYTES_MAX, Read, Retired},
    kept::{self, Kept},
    segment,
    shelf::Shelf,
    tree::Tree,
};

pub(crate) const NAME: &str = "retired";
const WEEK_MS: i64 = 7 * 24 * 3_600 * 1_000;

/// The week in which a time lies, counted from 1970.
pub(crate) fn week(at: Timestamp) -> i64 {
    at.millis().div_euclid(WEEK_MS)
}

/// What has left. A file that cannot be read says nothing: the beginning is reported as damage then.
pub(crate) fn read(place: &Place) -> io::Result<Option<Retired>> {
    let Some(bytes) = place.read_whole(NAME, RETIRED_BYTES_MAX)? else { return Ok(None) };
    let retired = Retired::decode(&bytes);
    if retired.is_none() {
        tracing::error!("the note of what was retired is damaged");
    }
    Ok(retired)
}

/// The last record that may leave: everything up to it is older than `age`, and as many weeks as `age` has passed behind it,
/// each with a segment of its own. So a clock that jumps ahead makes nothing old.
pub(crate) fn may_leave(place: &Place, shelf: &Shelf, now: Timestamp, age: Duration) -> io::Result<Option<Position>> {
    let segments = shelf.segments();
    let begun = segments.iter().map(|(number, ..)| header(place, *number).map(|header| header.map(|of| of.created)));
    let begun: Vec<Option<Timestamp>> = begun.collect::<io::Result<_>>()?;
    let weeks_min = age.as_millis().div_ceil(u128::from(WEEK_MS.unsigned_abs()));
    let mut found = None;
    for (place, (_, _, last)) in segments.iter().enumerate() {
        let Some(Some(next)) = begun.get(place + 1).copied() else { break };
        let later: BTreeSet<i64> = begun.iter().skip(place + 1).flatten().map(|at| week(*at)).collect();
        if now.since(next) < age || (later.len() as u128) < weeks_min {
            break;
        }
        found = Some(*last);
    }
    Ok(found)
}

/// Whether the newest segment was begun in an earlier week than `now`.
pub(crate) fn is_of_an_earlier_week(place: &Place, shelf: &Shelf, now: Timestamp) -> io::Result<bool> {
    let newest = shelf.segments().last().map(|(number, ..)| *number);
    let header = newest.map(|number| header(place, number)).transpose()?.flatten();
    Ok(header.is_some_and(|header| week(header.created) < week(now)))
}

fn header(place: &Place, number: u32) -> io::Result<Option<Header>> {
    let file = place.disk.open(&place.folder.join(segment::name(number)))?;
    let mut block = vec![0; HEADER_BYTES];
    file.read_at(&mut block, 0)?;
    match Header::decode(&block) {
        Read::Good(header) if header.number == number => Ok(Some(*header)),
        Read::Good(_) | Read::Blank | Read::Unknown(_) | Read::Bad => Ok(None),
    }
}

/// Lets every segment leave that ends at or before `through`, with copies of what is `needed` of them. When this returns it
/// is done for good; at a power cut before, it is done or not, and opening finishes what was begun. Says how far.
///
/// # Errors
/// A file could not be read or written, or nothing says what the tree is behind the last segment that would leave.
pub(crate) fn retire(
    place: &Place,
    shelf: &Arc<Shelf>,
    tree: &Tree,
    epochs: &[Epoch],
    (through, needed): (Position, &BTreeSet<Position>),
) -> Result<Position, JournalError> {
    let failed = |error: io::Error| JournalError::Failed(error.to_string().into());
    let segments = shelf.segments();
    let leaving =
        segments.iter().take_while(|(_, _, last)| *last <= through).count().min(segments.len().saturating_sub(1));
    let (leaving, staying) = segments.split_at_checked(leaving).unwrap_or_default();
    let (Some((.., last)), Some((next, ..))) = (leaving.last(), staying.first()) else { return Ok(shelf.retired()) };
    let behind = header(place, *next).map_err(failed)?.map(|header| header.tree).filter(|tree| tree.size() == last.0);
    let behind =
        behind.ok_or_else(|| JournalError::Failed("the header behind what would leave cannot be read".into()))?;
    // the hashes of what leaves are taken now or never
    match tree.newest(epochs.last().map_or_else(Default::default, |epoch| epoch.id)) {
        Ok(_) | Err(JournalError::Unproved(_)) => {}
        Err(error) => return Err(error),
    }
    let mut copies = BTreeMap::new();
    for at in needed.iter().copied().filter(|at| at <= last) {
        match shelf.record(at) {
            Ok(record) => drop(copies.insert(at, record)),
            Err(error) => tracing::error!(%at, %error, "a record that is still in use cannot be kept"),
        }
    }
    kept::write(place, &copies).map_err(failed)?;
    let epochs = epochs.iter().filter(|epoch| epoch.first <= *last).copied().collect();
    place.write_whole(NAME, &Retired { tree: behind, epochs }.encode()).map_err(failed)?;
    shelf.retire(*last, Kept::open(place).map_err(failed)?);
    remove(place, leaving.iter().map(|(number, ..)| *number)).map_err(failed)?;
    tracing::info!(through = %last, segments = leaving.len(), "the oldest segments have left");
    Ok(*last)
}

/// Removes segments, oldest first.
pub(crate) fn remove(place: &Place, numbers: impl Iterator<Item = u32>) -> io::Result<()> {
    for number in numbers {
        place.disk.remove(&place.folder.join(segment::name(number)))?;
    }
    place.disk.sync_dir(&place.folder)
}
