//! Damaged segments are copied aside before anything else is done, and never twice.

use std::{io, path::PathBuf};

use model::time::Timestamp;

use crate::{
    disk::{DiskFile, Place},
    segment,
};

const PIECE_BYTES: usize = 1 << 20;

/// Copies a segment to `quarantine/<utc>-segment-<number>/` unless a copy is there; says where it lies. That there is no
/// copy is no reason not to start: the damaged segment itself is left as it is.
pub(crate) fn keep(place: &Place, number: u32, now: Timestamp) -> Option<PathBuf> {
    match copy(place, number, now) {
        Ok(path) => Some(path),
        Err(error) => {
            tracing::warn!(%error, segment = number, "a damaged segment could not be copied to quarantine; it stays in place");
            None
        }
    }
}

fn copy(place: &Place, number: u32, now: Timestamp) -> io::Result<PathBuf> {
    let reason = format!("-segment-{number:010}");
    let name = segment::name(number);
    for folder in place.disk.list(&place.quarantine)?.iter().filter(|folder| folder.ends_with(&reason)) {
        let folder = place.quarantine.join(folder);
        if place.disk.list(&folder)?.contains(&name) {
            return Ok(folder);
        }
    }
    let stamp = now.rfc3339().replace([':', '.'], "");
    let folder = place.quarantine.join(format!("{stamp}{reason}"));
    place.disk.create_dir(&folder)?;
    let source = place.disk.open(&place.folder.join(&name))?;
    let fresh = folder.join(format!("{name}.new"));
    let copy = place.disk.create(&fresh)?;
    pour(&*source, &*copy)?;
    copy.sync()?;
    place.disk.rename(&fresh, &folder.join(&name))?;
    place.disk.sync_dir(&folder)?;
    place.disk.sync_dir(&place.quarantine)?;
    Ok(folder)
}

/// Copies what can be read; blocks that cannot become zeros.
fn pour(from: &dyn DiskFile, to: &dyn DiskFile) -> io::Result<()> {
    let length = from.len()?;
    let mut at = 0;
    while at < length {
        let mut piece = vec![0; usize::try_from(length - at).unwrap_or(usize::MAX).min(PIECE_BYTES)];
        if let Err(error) = from.read_at(&mut piece, at) {
            tracing::warn!(%error, at, "a piece of a damaged segment cannot be read");
        }
        to.write_at(&piece, at)?;
        at += piece.len() as u64;
    }
    Ok(())
}
