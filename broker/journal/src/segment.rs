//! Segment files: their names, and how one is made before it is needed.

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use crate::disk::{DiskFile, Place};

const FILL_BYTES: usize = 1 << 20;

/// The name of a segment.
pub(crate) fn name(number: u32) -> String {
    format!("{number:010}.seg")
}

/// The number in the name of a segment.
pub(crate) fn number_of(name: &str) -> Option<u32> {
    let digits = name.strip_suffix(".seg")?;
    let number = digits.parse().ok()?;
    (digits.len() == 10 && number > 0 && digits.bytes().all(|byte| byte.is_ascii_digit())).then_some(number)
}

/// Whether a name is that of a file of ours which is no segment.
pub(crate) fn is_other(name: &str) -> bool {
    ["mark.0", "mark.1", crate::retire::NAME, crate::kept::NAME].contains(&name)
}

/// Whether a name is that of a file which we had not finished.
pub(crate) fn is_unfinished(name: &str) -> bool {
    name.strip_suffix(".new").is_some_and(|whole| number_of(whole).is_some() || is_other(whole))
}

/// A segment with nothing in it: zeros of full length under its own name, all synced.
#[derive(Debug)]
pub(crate) struct Blank {
    pub number: u32,
    pub file: Arc<dyn DiskFile>,
    pub bytes: u64,
}

impl Blank {
    /// Makes it. `give_up` ends the work early, with an error.
    pub fn make(place: &Place, number: u32, bytes: u64, give_up: &AtomicBool) -> io::Result<Self> {
        let path = place.folder.join(name(number));
        let fresh = path.with_extension("seg.new");
        let file = place.disk.create(&fresh)?;
        let made = fill(&*file, 0, bytes, give_up).and_then(|()| {
            place.disk.rename(&fresh, &path)?;
            place.disk.sync_dir(&place.folder)
        });
        if made.is_err()
            && let Err(error) = place.disk.remove(&fresh)
        {
            tracing::debug!(%error, "an unfinished segment stays until the next start");
        }
        made.map(|()| Self { number, file, bytes })
    }

    /// Makes it longer, for a batch that would not fit.
    pub fn lengthen(&mut self, bytes: u64) -> io::Result<()> {
        fill(&*self.file, self.bytes, bytes, &AtomicBool::new(false))?;
        self.bytes = bytes;
        Ok(())
    }
}

/// Writes zeros and syncs them as it goes, so that no great heap of them stands before somebody else's sync.
fn fill(file: &dyn DiskFile, from: u64, to: u64, give_up: &AtomicBool) -> io::Result<()> {
    let room = usize::try_from(to.saturating_sub(from)).unwrap_or(usize::MAX).min(FILL_BYTES);
    let zeros = vec![0; room];
    let mut at = from;
    while at < to {
        if give_up.load(Ordering::Relaxed) {
            return Err(io::Error::other("the journal stops"));
        }
        let count = usize::try_from(to - at).unwrap_or(usize::MAX).min(FILL_BYTES);
        file.write_at(zeros.get(..count).unwrap_or_default(), at)?;
        file.sync()?;
        at += count as u64;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_leads_to_its_number_and_back() {
        assert_eq!(number_of(&name(7)), Some(7));
        assert_eq!(number_of(&name(u32::MAX)), Some(u32::MAX));
    }

    #[test]
    fn other_names_are_not_ours() {
        for foreign in
            ["0000000000.seg", "1.seg", "+000000001.seg", "0000000001.seg.bak", "0000000001", "9999999999.seg"]
        {
            assert_eq!(number_of(foreign), None, "{foreign}");
        }
    }
}
