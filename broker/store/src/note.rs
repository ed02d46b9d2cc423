//! `store/note`: what one start tells the next. Losing it does no harm.

use std::{fmt::Write as _, fs, io, path::Path, time::Duration};

use model::time::Timestamp;

use crate::fault::Fault;

/// A second fault within this time gives the rows up.
const FAULTS_APART: Duration = Duration::from_mins(10);
/// So many starts may die while the rows are being opened; then the rows are given up.
const ATTEMPTS_MAX: u32 = 5;
/// Its name in the store's folder.
pub(crate) const NAME: &str = "note";
const FIRST_LINE: &str = "liandong store note 1";

/// What is known about earlier starts.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(crate) struct Note {
    /// Openings that began since the last one that ended.
    pub attempts: u32,
    /// When the rows failed last.
    pub fault_at: Option<Timestamp>,
    /// Why the next start must rebuild.
    pub rebuild: Option<String>,
}

impl Note {
    /// Reads the note; none if there is none that can be read.
    pub fn read(store: &Path) -> Option<Self> {
        let text = fs::read_to_string(store.join(NAME)).ok()?;
        let mut lines = text.lines();
        (lines.next() == Some(FIRST_LINE)).then_some(())?;
        let mut note = Self::default();
        for line in lines {
            match line.split_once(' ')? {
                ("attempts", count) => note.attempts = count.parse().ok()?,
                ("fault", ms) => note.fault_at = Some(Timestamp::from_millis(ms.parse().ok()?)),
                ("rebuild", why) => note.rebuild = Some(why.to_owned()),
                _ => return None,
            }
        }
        Some(note)
    }

    /// Writes the note: it survives a power cut.
    pub fn write(&self, store: &Path) -> io::Result<()> {
        let mut text = format!("{FIRST_LINE}\nattempts {}\n", self.attempts);
        if let Some(at) = self.fault_at {
            let _ = writeln!(text, "fault {}", at.millis()); // a String takes everything
        }
        if let Some(why) = &self.rebuild {
            let _ = writeln!(text, "rebuild {}", why.replace('\n', " "));
        }
        crate::disk::write(&store.join(NAME), text.as_bytes())
    }

    /// Why the rows must be given up without looking at them.
    pub fn gives_up(&self) -> Option<String> {
        let attempts = || {
            (self.attempts >= ATTEMPTS_MAX)
                .then(|| format!("{} starts in a row did not get through opening", self.attempts))
        };
        self.rebuild.clone().or_else(attempts)
    }

    /// After `fault` at `now`: damage is rebuilt at the next start, a failure only if it is the second in ten minutes.
    #[must_use]
    pub fn after(mut self, fault: &Fault, now: Timestamp) -> Self {
        let again = self.fault_at.is_some_and(|at| now.distance(at) < FAULTS_APART);
        if again || matches!(fault, Fault::Damaged(_)) {
            self.rebuild = Some(fault.to_string());
        }
        self.fault_at = Some(now);
        self
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_note_is_read_as_it_was_written() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(Note::read(folder.path()), None);

        let note =
            Note { attempts: 2, fault_at: Some(Timestamp::from_millis(17)), rebuild: Some("two\nlines".to_owned()) };
        note.write(folder.path()).unwrap();

        assert_eq!(Note::read(folder.path()).unwrap(), Note { rebuild: Some("two lines".to_owned()), ..note });
    }

    #[test]
    fn the_second_failure_within_ten_minutes_gives_the_rows_up() {
        let (failed, minute) = (Fault::Failed("EIO".to_owned()), Duration::from_mins(1));
        let noon = Timestamp::from_millis(1_800_000_000_000);

        let once = Note::default().after(&failed, noon);
        assert_eq!(once.gives_up(), None);
        assert_eq!(once.clone().after(&failed, noon.plus(11 * minute)).gives_up(), None);
        assert!(once.after(&failed, noon.plus(9 * minute)).gives_up().is_some());
    }

    #[test]
    fn damage_gives_the_rows_up_at_once() {
        let note = Note::default().after(&Fault::Damaged("row".to_owned()), Timestamp::EPOCH);
        assert!(note.gives_up().is_some());
    }
}
