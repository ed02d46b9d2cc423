//! Alerts as files of other houses: CAP checked, read and written.

mod check;
mod export;
mod findings;
mod import;

use std::{fs, path::Path};

use agent::formats::cap;
use anyhow::Context as _;
use model::invalid::Invalid;

pub use self::{check::Check, export::Export, import::Import};

/// The bytes of a file, if it is not longer than one that is read.
fn read(file: &Path) -> anyhow::Result<Vec<u8>> {
    let named = || file.display().to_string();
    let size = fs::metadata(file).with_context(named)?.len();
    if size > cap::FILE_BYTES_MAX as u64 {
        return Err(Invalid::too_large("file", size, cap::FILE_BYTES_MAX).into());
    }
    fs::read(file).with_context(named)
}
