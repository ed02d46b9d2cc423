//! A trust directory: what an agent, a broker or an operator holds. Signed files are put in force here, the own leaf is
//! renewed, and an office joins a region from here.

mod install;
mod join;
mod renew;

use std::{io, path::Path};

use crate::{
    ca::Authority,
    files::{FilesError, name},
    handover::{HandoverError, WriteError},
    keys::{self, KeyError},
    profile::Refusal,
    succession::NotNext,
};

pub(crate) use self::renew::next_list;
pub use self::{
    install::{Installed, install, put},
    join::{Change, Joined, join, request},
    renew::{Renewed, identity_of, issue, keep_fresh, own_list, put_leaf, renew, revoke},
};

/// Why a trust directory is as it was.
#[derive(Debug, thiserror::Error)]
pub enum TrustError {
    /// Disk.
    #[error("{0}")]
    Disk(#[from] io::Error),
    /// A key file.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// Signed files.
    #[error(transparent)]
    Files(#[from] FilesError),
    /// Good files that may not follow those in force.
    #[error(transparent)]
    NotNext(#[from] NotNext),
    /// A file that was handed over.
    #[error(transparent)]
    Handover(#[from] HandoverError),
    /// A request that could not be written.
    #[error(transparent)]
    Write(#[from] WriteError),
    /// Certificates.
    #[error("certificate: {0}")]
    Certificate(#[from] rcgen::Error),
    /// Text of a file.
    #[error("text of a file")]
    Text(#[from] toml::ser::Error),
    /// A name that is none.
    #[error(transparent)]
    Name(#[from] model::invalid::Invalid),
    /// Nothing is pinned here.
    #[error("{0} has no pinned root of trust: join with an invitation first")]
    NotPinned(String),
    /// It belongs to somebody else.
    #[error("{0} is of {1} already: join in another directory")]
    Taken(String, String),
    /// No leaf to renew.
    #[error("{file}: {source}")]
    Leaf {
        /// Which file.
        file: String,
        /// What is wrong with it.
        source: Refusal,
    },
    /// Certificate and key of the authority.
    #[error("{0}: certificate and key of the authority do not belong together")]
    Mismatch(String),
    /// An evidence key or a serial that is none.
    #[error("`{0}` is not hexadecimal")]
    Hex(String),
}

/// The authority whose certificate and key lie in `folder`.
pub fn authority(folder: &Path) -> Result<Authority, TrustError> {
    authority_at(&folder.join(name::CA), &folder.join(name::CA_KEY))
}

/// The authority in two files.
pub fn authority_at(certificate: &Path, key: &Path) -> Result<Authority, TrustError> {
    let key = keys::read(key)?;
    let pem = read(certificate)?;
    Authority::load(&pem, &key)?.ok_or_else(|| TrustError::Mismatch(certificate.display().to_string()))
}

/// Writes an authority's certificate and key.
pub fn put_authority(folder: &Path, authority: &Authority) -> Result<(), TrustError> {
    crate::disk::private_dir(folder)?;
    keys::write(&folder.join(name::CA_KEY), &authority.key_pem())?;
    Ok(crate::disk::replace(&folder.join(name::CA), authority.pem().as_bytes())?)
}

fn read(path: &Path) -> Result<String, TrustError> {
    std::fs::read_to_string(path)
        .map_err(|error| io::Error::new(error.kind(), format!("{}: {error}", path.display())).into())
}
