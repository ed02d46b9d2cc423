//! Puts right what a power cut left: the last batch is written once more, what holds nothing goes.

use std::io;

use bytes::Bytes;
use model::position::Position;

use super::{
    Plan,
    conclude::{Last, Surveyed},
};
use crate::{
    disk::Place,
    format::{self, HEADER_BYTES, Header, Seed},
    record::Record,
    report::OpenReport,
    segment,
    shelf::{Contents, Entry, Segment},
};

/// Removes empty segments at the end, and writes the last batch once more if nobody knows whether it was ever synced.
pub(super) fn put_right(plan: &Plan, mut surveyed: Surveyed, report: &mut OpenReport) -> io::Result<Surveyed> {
    // the copy of the last batch takes the place of a segment that holds nothing else
    let replaced = surveyed.unsynced.as_ref().map(|last| last.header.number);
    for number in surveyed.empty.iter().filter(|number| Some(**number) != replaced) {
        plan.place.disk.remove(&plan.place.folder.join(segment::name(*number)))?;
    }
    if !surveyed.empty.is_empty() {
        plan.place.disk.sync_dir(&plan.place.folder)?;
    }
    if let Some(last) = surveyed.unsynced.take() {
        write_again(plan, &mut surveyed, &last)?;
        report.rewritten = Some((last.found.first, last.found.last));
    }
    Ok(surveyed)
}

/// The last batch in a segment of its own, of the same epoch. It is there whole or not at all.
fn write_again(plan: &Plan, surveyed: &mut Surveyed, last: &Last) -> io::Result<()> {
    let records = read(plan, last)?;
    let number = surveyed.number.checked_add(1).ok_or_else(|| io::Error::other("no segment number is left"))?;
    let (first, tree) = (last.found.first, last.before.clone());
    let header = Header { number, first, tree, created: plan.clock.now(), ..last.header.clone() };
    let mut bytes = header.encode();
    let root = last.found.root.ok_or_else(|| io::Error::other("the last batch has no trailer"))?;
    let known = (Position(first.0 - 1), root);
    format::encode(&mut bytes, Seed::new(number, header.epoch), first, &records, known);
    let name = segment::name(number);
    plan.place.write_whole(&name, &bytes)?;
    let length = bytes.len() - HEADER_BYTES;
    let count = u32::try_from(records.len()).unwrap_or(u32::MAX);
    let (at, length) = (HEADER_BYTES as u64, u32::try_from(length).unwrap_or(u32::MAX));
    let entry = Entry { first, at, length, count, has_trailer: true };
    let file = plan.place.disk.open(&plan.place.folder.join(&name))?;
    replace(
        surveyed,
        last,
        Segment {
            number,
            epoch: header.epoch,
            first,
            last: last.found.last,
            contents: Some(Contents { file, batches: vec![entry] }),
        },
    );
    surveyed.number = number;
    Ok(())
}

fn read(plan: &Plan, last: &Last) -> io::Result<Vec<Record>> {
    let file = plan.place.disk.open(&plan.place.folder.join(segment::name(last.header.number)))?;
    let mut bytes = vec![0; last.found.length as usize];
    file.read_at(&mut bytes, last.found.at)?;
    let seed = Seed::new(last.header.number, last.header.epoch);
    let records = format::decode(seed, last.found.first, &Bytes::from(bytes));
    records.ok_or_else(|| io::Error::other("the last batch reads otherwise than a moment ago"))
}

/// The batch counts in its new place and no more in the old one, which may be cut before it.
fn replace(surveyed: &mut Surveyed, last: &Last, segment: Segment) {
    let before = Position(last.found.first.0 - 1);
    for old in surveyed.segments.iter_mut().filter(|old| old.number == last.header.number) {
        old.last = old.last.min(before);
        if let Some(contents) = &mut old.contents {
            contents.batches.retain(|entry| entry.first < last.found.first);
        }
    }
    for (_, at) in surveyed.cuts.iter_mut().filter(|(number, _)| *number == last.header.number) {
        *at = (*at).min(last.found.at);
    }
    surveyed.segments.push(segment);
}

/// Gives back what lies behind the good batches of the last life. It need not survive a power cut that it is gone.
pub(super) fn cut_tails(place: &Place, cuts: &[(u32, u64)]) {
    for (number, at) in cuts {
        let cut = place.disk.open(&place.folder.join(segment::name(*number))).and_then(|file| file.cut(*at));
        if let Err(error) = cut {
            tracing::warn!(%error, segment = number, "the end of a segment could not be given back");
        }
    }
}
