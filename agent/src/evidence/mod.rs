//! The evidence of one message in one file: written by a desk that was party to it, judged by anybody who has the region's
//! root, without a network and without believing whoever wrote it.

pub mod file;
pub mod verify;
mod write;

use bytes::Bytes;
use model::limits;

/// The file in pieces that a stream carries.
pub fn pieces(file: &Bytes) -> impl Iterator<Item = Bytes> + '_ {
    (0..file.len()).step_by(limits::BLOB_CHUNK_BYTES_MAX).map(|from| {
        let to = file.len().min(from + limits::BLOB_CHUNK_BYTES_MAX);
        file.slice(from..to)
    })
}

#[cfg(test)]
mod tests;
