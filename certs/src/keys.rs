//! Key files: 0600 or stricter, owned by us, never in a log.

use std::{
    fs, io,
    os::unix::fs::{MetadataExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
};

use ed25519_dalek::{
    SigningKey,
    pkcs8::{DecodePrivateKey as _, EncodePrivateKey as _, KeypairBytes, spki::der::pem::LineEnding},
};
use zeroize::Zeroizing;

use crate::disk;

/// Why a key could not be used.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The file cannot be read or written.
    #[error("{path}")]
    Disk {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Others may read it.
    #[error("{0} can be read by others; mend it with: chmod 600 {0}")]
    Mode(PathBuf),
    /// Others may put another key in its place.
    #[error("{0} can be changed by others; mend it with: chmod 700 {0}")]
    Folder(PathBuf),
    /// It belongs to somebody else.
    #[error("{0} belongs to another user; mend it with: chown $(id -u) {0}")]
    Owner(PathBuf),
    /// Not a key.
    #[error("{0} holds no key of the expected sort")]
    Form(PathBuf),
}

/// The text of a key file that only its owner can read, in a folder that only its owner can change.
pub fn read(path: &Path) -> Result<Zeroizing<String>, KeyError> {
    let disk = |source| KeyError::Disk { path: path.to_owned(), source };
    let meta = fs::metadata(path).map_err(disk)?;
    if meta.permissions().mode() & 0o077 != 0 {
        return Err(KeyError::Mode(path.to_owned()));
    }
    if meta.uid() != rustix::process::geteuid().as_raw() {
        return Err(KeyError::Owner(path.to_owned()));
    }
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    if fs::metadata(folder).map_err(disk)?.permissions().mode() & 0o022 != 0 {
        return Err(KeyError::Folder(folder.to_owned()));
    }
    fs::read_to_string(path).map(Zeroizing::new).map_err(disk)
}

/// Checks that a folder is ours and that nobody else may enter it.
pub fn check_folder(path: &Path) -> Result<(), KeyError> {
    let meta = fs::metadata(path).map_err(|source| KeyError::Disk { path: path.to_owned(), source })?;
    if meta.uid() != rustix::process::geteuid().as_raw() {
        return Err(KeyError::Owner(path.to_owned()));
    }
    if meta.permissions().mode() & 0o077 != 0 {
        return Err(KeyError::Folder(path.to_owned()));
    }
    Ok(())
}

/// Writes a key file, 0600, in the place of the one that is there.
pub fn write(path: &Path, text: &str) -> Result<(), KeyError> {
    disk::replace(path, text.as_bytes()).map_err(|source| KeyError::Disk { path: path.to_owned(), source })
}

/// An evidence or root key from its file.
pub fn signing(path: &Path) -> Result<SigningKey, KeyError> {
    let pem = read(path)?;
    SigningKey::from_pkcs8_pem(&pem).map_err(|_| KeyError::Form(path.to_owned()))
}

/// Makes a new signing key and writes it.
pub fn new_signing(path: &Path) -> Result<SigningKey, KeyError> {
    let form = || KeyError::Form(path.to_owned());
    let mut seed = Zeroizing::new([0; 32]);
    getrandom::fill(seed.as_mut()).map_err(|_| form())?;
    let key = SigningKey::from_bytes(&seed);
    // without the public half: the form that every tool reads
    let plain = KeypairBytes { secret_key: *seed, public_key: None };
    write(path, &plain.to_pkcs8_pem(LineEnding::LF).map_err(|_| form())?)?;
    Ok(key)
}
