//! The file: one line that names it, then parts, each behind its length.

use bytes::{Buf as _, Bytes, BytesMut};
use model::{invalid::Invalid, limits};
use prost::Message as _;
use proto::v1;

/// The first line of every bundle.
pub const MAGIC: &[u8] = b"LIANDONG-BUNDLE-1\n";
/// Longest length that a varint may take here.
const LENGTH_BYTES_MAX: usize = 10;

/// What begins every bundle.
pub fn beginning() -> Bytes {
    Bytes::from_static(MAGIC)
}

/// A part as it stands in the file.
pub fn part(part: v1::bundle_part::Part) -> Bytes {
    v1::BundlePart { part: Some(part) }.encode_length_delimited_to_vec().into()
}

/// Takes a file apart, however it is cut into pieces on the way.
#[derive(Debug, Default)]
pub struct Parts {
    held: BytesMut,
    named: bool,
    taken: u64,
}

impl Parts {
    /// Adds the next bytes of the file.
    ///
    /// # Errors
    /// When the file is longer than a bundle may be.
    pub fn push(&mut self, bytes: &[u8]) -> Result<(), Invalid> {
        self.taken += bytes.len() as u64;
        if self.taken > limits::BUNDLE_BYTES_MAX {
            return Err(Invalid::too_large("bundle", self.taken, limits::BUNDLE_BYTES_MAX));
        }
        self.held.extend_from_slice(bytes);
        Ok(())
    }

    /// The next part, if the whole of it is here.
    ///
    /// # Errors
    /// When it is no bundle, or nothing can be read from here on.
    pub fn take(&mut self) -> Result<Option<v1::bundle_part::Part>, Invalid> {
        if !self.named {
            let Some(line) = self.held.get(..MAGIC.len()) else { return self.may_begin() };
            if line != MAGIC {
                return Err(no_bundle());
            }
            self.held.advance(MAGIC.len());
            self.named = true;
        }
        let Some((length, behind)) = self.length()? else { return Ok(None) };
        if self.held.len() < behind + length {
            return Ok(None);
        }
        self.held.advance(behind);
        let bytes = self.held.split_to(length).freeze();
        let part = v1::BundlePart::decode(bytes).map_err(|_| unreadable())?.part;
        // a part of a later version is passed over
        part.map_or_else(|| self.take(), |part| Ok(Some(part)))
    }

    /// Whether the file ended behind a part.
    pub fn is_at_an_end(&self) -> bool {
        self.named && self.held.is_empty()
    }

    /// What is here so far may be the beginning of a bundle.
    fn may_begin(&self) -> Result<Option<v1::bundle_part::Part>, Invalid> {
        if MAGIC.starts_with(&self.held) { Ok(None) } else { Err(no_bundle()) }
    }

    /// The length of the next part, and how many bytes say it.
    fn length(&self) -> Result<Option<(usize, usize)>, Invalid> {
        let mut ahead: &[u8] = &self.held;
        let before = ahead.len();
        match prost::decode_length_delimiter(&mut ahead) {
            Ok(length) if length > limits::BUNDLE_PART_BYTES_MAX => Err(unreadable()),
            Ok(length) => Ok(Some((length, before - ahead.len()))),
            Err(_) if before < LENGTH_BYTES_MAX => Ok(None),
            Err(_) => Err(unreadable()),
        }
    }
}

fn no_bundle() -> Invalid {
    Invalid::schema("bundle", "bundle.magic")
}

fn unreadable() -> Invalid {
    Invalid::schema("bundle", "bundle.part")
}
