//! Space that is set apart in a state directory, for the day on which its disk is full: given back, it lets a program open and
//! settle what it has.

use std::{
    fs,
    io::{self, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::Path,
};

use crate::file;

/// The file's name in the state directory.
const NAME: &str = "ballast";
/// What is written at once.
static PIECE: [u8; 1 << 16] = [0; 1 << 16];

/// Whether space is set apart in the state directory `state`.
pub fn is_there(state: &Path) -> bool {
    state.join(NAME).is_file()
}

/// Sets `bytes` apart, written with real zeros. When this returns they are there after a power cut too.
pub fn set_apart(state: &Path, bytes: u64) -> io::Result<()> {
    let (path, fresh) = (state.join(NAME), file::beside(&state.join(NAME)));
    let mut zeros = fs::OpenOptions::new().create(true).truncate(true).write(true).mode(0o600).open(&fresh)?;
    let mut left = bytes;
    while left > 0 {
        let piece = PIECE.get(..usize::try_from(left).unwrap_or(PIECE.len())).unwrap_or(&PIECE);
        if let Err(error) = zeros.write_all(piece) {
            file::remove(&fresh)?; // half of it would be in the way of others
            return Err(error);
        }
        left -= piece.len() as u64;
    }
    file::sync_and_rename(&fresh, &path)
}

/// Gives the space back; false if none was set apart. A power cut may set it apart again.
pub fn give_back(state: &Path) -> io::Result<bool> {
    let path = state.join(NAME);
    let half = is_removed(&file::beside(&path))?; // of a program that ended while it set it apart
    Ok(is_removed(&path)? || half)
}

fn is_removed(path: &Path) -> io::Result<bool> {
    match file::remove(path) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_set_apart_is_there_until_it_is_given_back() {
        let state = tempfile::tempdir().unwrap();
        assert!(!is_there(state.path()) && !give_back(state.path()).unwrap());

        set_apart(state.path(), 100_000).unwrap();
        assert_eq!(fs::metadata(state.path().join(NAME)).unwrap().len(), 100_000);
        set_apart(state.path(), 70_000).unwrap();
        assert!(is_there(state.path()));

        fs::write(file::beside(&state.path().join(NAME)), "half of it").unwrap();
        assert!(give_back(state.path()).unwrap());
        assert_eq!(fs::read_dir(state.path()).unwrap().count(), 0);
    }
}
