//! Records that somebody still needs though what lay around them has left: copies under their old positions, in a file
//! of their own that is written whole at each retirement.

use std::{collections::BTreeMap, io, sync::Arc};

use bytes::Bytes;
use model::{position::Position, time::Timestamp};

use crate::{
    disk::{DiskFile, Place},
    format::Front,
    record::Record,
};

pub(crate) const NAME: &str = "kept";
const MAGIC: &[u8; 8] = b"LDKEPT01";
/// Position, length, CRC; then kind, flags, time and bytes, which the length counts.
const HEAD: usize = 16;

/// Where the copies lie.
#[derive(Debug, Default)]
pub(crate) struct Kept {
    file: Option<Arc<dyn DiskFile>>,
    places: BTreeMap<Position, (u64, usize)>,
}

impl Kept {
    /// What the file holds. What is damaged in it is told and left out.
    pub fn open(place: &Place) -> io::Result<Self> {
        match place.disk.open(&place.folder.join(NAME)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Self::default()),
            opened => Ok(Self::read(&opened?)?.0),
        }
    }

    /// The good copies in a file, and whether all of it is good.
    pub fn read(file: &Arc<dyn DiskFile>) -> io::Result<(Self, bool)> {
        let mut is_whole = true;
        let (length, mut at) = (file.len()?, MAGIC.len() as u64);
        let mut kept = Self { file: Some(file.clone()), places: BTreeMap::new() };
        let mut magic = [0; 8];
        if file.read_at(&mut magic, 0)? < magic.len() || magic != *MAGIC {
            tracing::error!("the copies of records that outlive their segments cannot be read");
            return Ok((Self::default(), false));
        }
        while at < length {
            let mut head = [0; HEAD];
            let whole = file.read_at(&mut head, at)? == HEAD;
            let mut front = Front(&head);
            let (position, bytes) = (front.u64().unwrap_or(0), front.u32().unwrap_or(0) as usize);
            if !whole || at + (HEAD + bytes) as u64 > length {
                tracing::error!(at, "the copies of records that outlive their segments end early");
                is_whole = false;
                break;
            }
            kept.places.insert(Position(position), (at, HEAD + bytes));
            at += (HEAD + bytes) as u64;
        }
        let damaged: Vec<_> = kept.places.keys().copied().filter(|at| kept.get(*at).is_none()).collect();
        for at in damaged {
            tracing::error!(%at, "the copy of a record that outlives its segment is damaged");
            kept.places.remove(&at);
            is_whole = false;
        }
        Ok((kept, is_whole))
    }

    /// Which there are.
    pub fn positions(&self) -> impl Iterator<Item = Position> + '_ {
        self.places.keys().copied()
    }

    /// The copy of a record, checked; none if there is none that is good.
    pub fn get(&self, at: Position) -> Option<Record> {
        let (place, length) = *self.places.get(&at)?;
        let mut bytes = vec![0; length];
        let read = self.file.as_ref()?.read_at(&mut bytes, place).ok()?;
        let (head, body) = bytes.split_at_checked(HEAD)?;
        let mut front = Front(head);
        let (position, _, sum) = (front.u64()?, front.u32()?, front.u32()?);
        if read < length || position != at.0 || crc(at, body) != sum {
            return None;
        }
        let mut front = Front(body);
        let (kind, flags) = (front.u16()?, front.u8()?);
        let at = Timestamp::from_millis(front.i64()?);
        Some(Record { kind, flags, at, bytes: Bytes::copy_from_slice(front.0) })
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
