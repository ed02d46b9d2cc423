//! What a copy says of itself.

use std::{fs, io, path::Path};

use journal::inspect::Inspection;
use model::time::Timestamp;
use serde::{Deserialize, Serialize};

use super::{BackupError, MANIFEST};

/// The form of the manifest that this program writes and reads.
const FORMAT: u32 = 1;

/// A file of a copy.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Entry {
    /// Its path within the state directory.
    pub name: String,
    /// Its length.
    pub bytes: u64,
    /// The SHA-256 of its bytes, in hexadecimal.
    pub sha256: String,
}

/// A whole copy, as its manifest has it.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    format: u32,
    /// Whose state it is: the region, or region and jurisdiction.
    pub owner: String,
    /// When copying began, UTC.
    pub made_at: String,
    /// The life of the journal that was copied last.
    pub epoch: String,
    /// The last record in it.
    pub end: u64,
    /// The root of the tree over all records, in hexadecimal.
    pub root: String,
    /// Every file.
    pub files: Vec<Entry>,
}

impl Manifest {
    pub(super) fn of(found: &Inspection, made: Timestamp, files: Vec<Entry>) -> Self {
        Self {
            format: FORMAT,
            owner: found.owner.clone(),
            made_at: made.rfc3339(),
            epoch: found.epoch.to_string(),
            end: found.end.0,
            root: hex(&found.root),
            files,
        }
    }

    /// All bytes of all files.
    pub fn bytes(&self) -> u64 {
        self.files.iter().map(|entry| entry.bytes).sum()
    }

    pub(super) fn says_of(&self, found: &Inspection) -> bool {
        let of_it = (&*found.owner, found.epoch.to_string(), found.end.0, hex(&found.root));
        of_it == (&*self.owner, self.epoch.clone(), self.end, self.root.clone())
    }

    pub(super) fn encode(&self) -> Vec<u8> {
        serde_json::to_vec_pretty(self).unwrap_or_default() // strings and numbers always have a form
    }

    pub(super) fn read(folder: &Path) -> Result<Self, BackupError> {
        let none = |why: String| BackupError::NoBackup { folder: folder.to_owned(), why };
        let bytes = fs::read(folder.join(MANIFEST)).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => none(format!("there is no {MANIFEST}")),
            _ => super::at(&folder.join(MANIFEST))(error),
        })?;
        let manifest: Self = serde_json::from_slice(&bytes).map_err(|error| none(format!("{MANIFEST}: {error}")))?;
        if manifest.format != FORMAT {
            return Err(none(format!("{MANIFEST}: its form is {}, this program reads {FORMAT}", manifest.format)));
        }
        let leads_out = |entry: &&Entry| !super::walk::is_within(&entry.name);
        match manifest.files.iter().find(leads_out) {
            Some(entry) => Err(none(format!("{MANIFEST}: {:?} leads out of the copy", entry.name))),
            None => Ok(manifest),
        }
    }
}

pub(super) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}"); // a String takes everything
        text
    })
}
