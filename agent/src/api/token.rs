//! The token that callers over loopback show: whoever has it speaks as this jurisdiction.

use std::path::Path;

use certs::keys;

/// Characters of a token at least.
const CHARS_MIN: usize = 16;
/// Bytes of a token that is made here.
const MADE_BYTES: usize = 32;

/// The token in a file that only its owner can read.
///
/// # Errors
/// For people: the file cannot be read, others may read it, or the token is too short.
pub fn read(file: &Path) -> Result<String, String> {
    let token = keys::read(file).map_err(|error| error.to_string())?.trim().to_owned();
    if token.len() < CHARS_MIN { Err(format!("a token has at least {CHARS_MIN} characters")) } else { Ok(token) }
}

/// The same; a file that is not there is made, mode 0600.
///
/// # Errors
/// As above, or the file cannot be made.
pub fn read_or_make(file: &Path) -> Result<String, String> {
    if !file.exists() {
        let mut bytes = [0; MADE_BYTES];
        getrandom::fill(&mut bytes).map_err(|error| error.to_string())?;
        keys::write(file, &format!("{}\n", certs::signed::hex(&bytes))).map_err(|error| error.to_string())?;
        tracing::info!(file = %file.display(), "a token is made");
    }
    read(file)
}

/// Whether a call shows the token in `authorization`.
pub fn is_shown(authorization: Option<&str>, token: &str) -> bool {
    let shown = authorization.and_then(|value| value.strip_prefix("Bearer ")).unwrap_or_default();
    same(shown.as_bytes(), token.as_bytes())
}

/// Whether two secrets are the same; it takes the same time wherever they differ.
pub(crate) fn same(one: &[u8], other: &[u8]) -> bool {
    let differ = one.iter().zip(other).fold(0, |differ, (a, b)| differ | (a ^ b));
    differ == 0 && one.len() == other.len()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn a_token_is_made_once_for_its_owner_alone() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("token");
        let made = read_or_make(&file).unwrap();
        assert_eq!((made.len(), read_or_make(&file).unwrap()), (64, made));
        assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);

        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o640)).unwrap();
        assert!(read_or_make(&file).unwrap_err().contains("chmod 600"));
        std::fs::write(&file, "short").unwrap();
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();
        assert!(read(&file).unwrap_err().contains("16"));
    }

    #[test]
    fn the_whole_token_is_shown_or_none() {
        let shows = |value| is_shown(value, "0123456789abcdef");
        assert!(shows(Some("Bearer 0123456789abcdef")));
        let wrong = ["Bearer 0123456789abcdeg", "Bearer 0123456789abcde", "Bearer ", "0123456789abcdef", "Basic x"];
        assert!(wrong.into_iter().all(|value| !shows(Some(value))) && !shows(None));
        assert!(!shows(Some("Bearer 0123456789abcdef0")));
    }
}
