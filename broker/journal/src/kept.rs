//! Records that somebody still needs though what lay around them has left: copies under their old positions, in a file
//! of their own that is written whole at each retirement.

use std::{collections::BTreeMap, io, sync::Arc};

use bytes::Bytes;
use model::{position::Position, time::Timestamp};

use crate::{
    disk::{DiskFile, Place},
    record::Record,
};

pub(crate) const NAME: &str = "kept";
const MAGIC: &[u8; 8] = b"LDKEPT01";
/// Position, length, CRC; then kind, flags and time, which the length counts.
const HEAD: usize = 16;
const FIXED: usize = 11;

/// Where the copies lie.
#[derive(Clone, Debug, Default)]
pub(crate) struct Kept {
    file: Option<Arc<dyn DiskFile>>,
    places: BTreeMap<Position, (u64, usize)>,
}

impl Kept {
    /// What the file holds. What is damaged in it is told and left out.
    pub fn open(place: &Place) -> io::Result<Self> {
        let file = match place.disk.open(&place.folder.join(NAME)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Self::default()),
            opened => opened?,
        };
        let (length, mut at) = (file.len()?, MAGIC.len() as u64);
        let mut kept = Self { file: Some(file.clone()), places: BTreeMap::new() };
        let mut magic = [0; 8];
        if file.read_at(&mut magic, 0)? < magic.len() || magic != *MAGIC {
            tracing::error!("the copies of records that outlive their segments cannot be read");
            return Ok(Self::default());
        }
        while at < length {
            let mut head = [0; HEAD];
            let whole = file.read_at(&mut head, at)? == HEAD;
            let (position, bytes) = (number(&head, 0), usize::try_from(number(&head, 8) >> 32).unwrap_or(0));
            if !whole || at + (HEAD + bytes) as u64 > length {
                tracing::error!(at, "the copies of records that outlive their segments end early");
                break;
            }
            kept.places.insert(Position(position), (at, HEAD + bytes));
            at += (HEAD + bytes) as u64;
        }
        let damaged: Vec<_> = kept.places.keys().copied().filter(|at| kept.get(*at).is_none()).collect();
        for at in damaged {
            tracing::error!(%at, "the copy of a record that outlives its segment is damaged");
            kept.places.remove(&at);
        }
        Ok(kept)
    }

    /// The copy of a record, checked; none if there is none that is good.
    pub fn get(&self, at: Position) -> Option<Record> {
        let (place, length) = *self.places.get(&at)?;
        let mut bytes = vec![0; length];
        let read = self.file.as_ref()?.read_at(&mut bytes, place).ok()?;
        let (head, body) = bytes.split_at_checked(HEAD)?;
        if read < length || number(head, 0) != at.0 || crc(at, body).to_be_bytes() != head[12..16] {
            return None;
        }
        let (fixed, content) = body.split_at_checked(FIXED)?;
        Some(Record {
            kind: u16::from_be_bytes([fixed[0], fixed[1]]),
            flags: fixed[2],
            at: Timestamp::from_millis(number(&fixed[3..], 0).cast_signed()),
            bytes: Bytes::copy_from_slice(content),
        })
    }
}

/// Writes these in place of what was there; when this returns they survive a power cut.
pub(crate) fn write(place: &Place, records: &BTreeMap<Position, Record>) -> io::Result<()> {
    let mut out = MAGIC.to_vec();
    for (at, record) in records {
        let mut body = record.kind.to_be_bytes().to_vec();
        body.push(record.flags);
        body.extend_from_slice(&record.at.millis().to_be_bytes());
        body.extend_from_slice(&record.bytes);
        out.extend_from_slice(&at.0.to_be_bytes());
        out.extend_from_slice(&u32::try_from(body.len()).unwrap_or(u32::MAX).to_be_bytes());
        out.extend_from_slice(&crc(*at, &body).to_be_bytes());
        out.extend_from_slice(&body);
    }
    place.write_whole(NAME, &out)
}

fn crc(at: Position, body: &[u8]) -> u32 {
    crc32c::crc32c_append(crc32c::crc32c(&at.0.to_be_bytes()), body)
}

/// Eight bytes as a number.
fn number(bytes: &[u8], from: usize) -> u64 {
    let eight = bytes.get(from..from + 8).and_then(|bytes| bytes.try_into().ok());
    eight.map_or(0, u64::from_be_bytes)
}
