//! How rows, undo rows and the meta row look in sled. FORMAT.md says the same in words.

use std::fmt::Write as _;

use model::{
    position::{EpochId, Position},
    time::Timestamp,
};

use crate::{fault::Fault, hash::Tally};

/// The key of the meta row.
pub(crate) const META_KEY: &[u8] = &[0];
/// First byte of undo rows.
pub(crate) const UNDO: u8 = 1;
/// First byte of the fold's rows.
pub(crate) const ROW: u8 = 2;

const MAGIC: &[u8; 8] = b"LDSTORE1";
const FORMAT: u16 = 1;
/// An undo row is begun anew when it would grow beyond this.
const UNDO_BYTES: usize = 4 * 1024;

/// The key in sled of a key of the fold.
pub(crate) fn stored_key(key: &[u8]) -> Vec<u8> {
    let mut stored = Vec::with_capacity(1 + key.len());
    stored.push(ROW);
    stored.extend_from_slice(key);
    stored
}

/// A row's value in sled.
pub(crate) fn encode(stored_key: &[u8], position: Position, payload: &[u8]) -> Vec<u8> {
    let position = position.0.to_be_bytes();
    let crc = crc(&[stored_key, &position, payload]);
    [&position[..], &crc.to_be_bytes(), payload].concat()
}

/// A row's position and payload, if its bytes are what was written.
pub(crate) fn decode<'v>(stored_key: &[u8], value: &'v [u8]) -> Result<(Position, &'v [u8]), Fault> {
    let damaged = || Fault::Damaged(format!("row {}", hex(stored_key)));
    let (position, rest) = value.split_first_chunk::<8>().ok_or_else(damaged)?;
    let (written, payload) = rest.split_first_chunk::<4>().ok_or_else(damaged)?;
    if crc(&[stored_key, position, payload]) != u32::from_be_bytes(*written) {
        return Err(damaged());
    }
    Ok((Position(u64::from_be_bytes(*position)), payload))
}

/// CRC-32C over `parts`, one after the other.
pub(crate) fn crc(parts: &[&[u8]]) -> u32 {
    parts.iter().fold(0, |crc, part| crc32c::crc32c_append(crc, part))
}

/// The first bytes of a key, for a message.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().take(24).fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}"); // a String takes everything
        text
    })
}

/// What the meta row says about the whole.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) struct Meta {
    /// The rows are the fold of everything up to here.
    pub applied: Position,
    /// The epoch of that record.
    pub epoch: EpochId,
    /// The greatest record time up to there.
    pub time: Timestamp,
    /// Index files reach to here.
    pub indexed: Position,
    /// Every row but the meta row.
    pub tally: Tally,
}

impl Meta {
    /// The meta row's value.
    pub fn encode(&self) -> Vec<u8> {
        let mut value = Vec::with_capacity(70);
        value.extend_from_slice(MAGIC);
        value.extend_from_slice(&FORMAT.to_be_bytes());
        value.extend_from_slice(&self.applied.0.to_be_bytes());
        value.extend_from_slice(&self.epoch.0);
        value.extend_from_slice(&self.time.millis().to_be_bytes());
        value.extend_from_slice(&self.indexed.0.to_be_bytes());
        value.extend_from_slice(&self.tally.count.to_be_bytes());
        value.extend_from_slice(&self.tally.sum.to_be_bytes());
        let crc = crc(&[&value]);
        value.extend_from_slice(&crc.to_be_bytes());
        value
    }

    /// Reads the meta row, or says why it is not ours.
    pub fn decode(value: &[u8]) -> Result<Self, Fault> {
        let damaged = |why: &str| Fault::Damaged(format!("meta row: {why}"));
        let (body, written) = value.split_last_chunk::<4>().ok_or_else(|| damaged("too short"))?;
        let mut fields = Fields(body);
        if fields.take::<8>().as_ref() != Some(MAGIC) {
            return Err(damaged("wrong magic"));
        }
        match fields.take().map(u16::from_be_bytes) {
            Some(FORMAT) => {}
            other => return Err(damaged(&format!("format {}, this program reads {FORMAT}", other.unwrap_or(0)))),
        }
        if crc(&[body]) != u32::from_be_bytes(*written) {
            return Err(damaged("wrong CRC"));
        }
        fields.meta().ok_or_else(|| damaged("wrong length"))
    }
}

/// Fixed-width fields, one after the other.
pub(crate) struct Fields<'b>(pub &'b [u8]);

impl Fields<'_> {
    /// The next `N` bytes.
    pub fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (field, rest) = self.0.split_first_chunk::<N>()?;
        self.0 = rest;
        Some(*field)
    }

    /// The next eight bytes as a number.
    pub fn number(&mut self) -> Option<u64> {
        self.take().map(u64::from_be_bytes)
    }

    fn meta(&mut self) -> Option<Meta> {
        let meta = Meta {
            applied: Position(self.number()?),
            epoch: EpochId(self.take()?),
            time: Timestamp::from_millis(i64::from_be_bytes(self.take()?)),
            indexed: Position(self.number()?),
            tally: Tally { count: self.number()?, sum: self.number()? },
        };
        self.0.is_empty().then_some(meta)
    }
}

impl<'b> Fields<'b> {
    /// The next bytes with their length in two bytes before them.
    pub fn bytes(&mut self) -> Option<&'b [u8]> {
        let length = usize::from(u16::from_be_bytes(self.take()?));
        let (field, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(field)
    }
}

/// Gathers old values into undo rows.
#[derive(Debug)]
pub(crate) struct UndoRows {
    tag: Position,
    next: u32,
    open: Vec<u8>,
}

impl UndoRows {
    /// Undo rows of the spill that starts at `tag`.
    pub fn new(tag: Position) -> Self {
        Self { tag, next: 0, open: Vec::new() }
    }

    /// Keeps the old value of a key; gives a finished row when one is full.
    pub fn keep(&mut self, stored_key: &[u8], value: &[u8]) -> Option<(Vec<u8>, Vec<u8>)> {
        let grown = self.open.len() + stored_key.len() + value.len() + 4;
        let full = if grown > UNDO_BYTES { self.finish() } else { None };
        for part in [stored_key, value] {
            self.open.extend_from_slice(&(part.len() as u16).to_be_bytes());
            self.open.extend_from_slice(part);
        }
        full
    }

    /// The row begun, if any: every batch ends with this.
    pub fn finish(&mut self) -> Option<(Vec<u8>, Vec<u8>)> {
        if self.open.is_empty() {
            return None;
        }
        let key = [&[UNDO][..], &self.tag.0.to_be_bytes(), &self.next.to_be_bytes()].concat();
        self.next += 1;
        let kept = std::mem::take(&mut self.open);
        let crc = crc(&[&key, &kept]);
        Some((key, [&crc.to_be_bytes()[..], &kept].concat()))
    }
}

/// The tag of an undo row.
pub(crate) fn undo_tag(key: &[u8]) -> Option<Position> {
    let mut fields = Fields(key.strip_prefix(&[UNDO])?);
    fields.number().map(Position)
}

/// A key and its value, borrowed.
pub(crate) type Pair<'v> = (&'v [u8], &'v [u8]);

/// The keys and old values in an undo row.
pub(crate) fn undone<'v>(key: &[u8], value: &'v [u8]) -> Result<Vec<Pair<'v>>, Fault> {
    let damaged = || Fault::Damaged(format!("undo row {}", hex(key)));
    let (written, kept) = value.split_first_chunk::<4>().ok_or_else(damaged)?;
    if crc(&[key, kept]) != u32::from_be_bytes(*written) {
        return Err(damaged());
    }
    let (mut fields, mut pairs) = (Fields(kept), Vec::new());
    while !fields.0.is_empty() {
        pairs.push(fields.bytes().zip(fields.bytes()).ok_or_else(damaged)?);
    }
    Ok(pairs)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing)]
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_row_read_under_another_key_is_damaged() {
        let value = encode(b"\x02a", Position(7), b"payload");
        assert_eq!(decode(b"\x02a", &value).unwrap(), (Position(7), &b"payload"[..]));
        assert!(decode(b"\x02b", &value).is_err());
    }

    #[test]
    fn a_meta_row_of_another_format_is_not_read() {
        let meta =
            Meta { applied: Position(9), indexed: Position(3), time: Timestamp::from_millis(-4), ..Meta::default() };
        let value = meta.encode();
        assert_eq!(Meta::decode(&value).unwrap(), meta);
        let mut newer = value.clone();
        newer[9] = 2;
        assert!(Meta::decode(&newer).unwrap_err().to_string().contains("format 2"));
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

        #[test]
        fn a_flipped_bit_is_seen_in_any_row(payload: Vec<u8>, bit: prop::sample::Index) {
            let mut value = encode(b"\x02key", Position(5), &payload);
            let bit = bit.index(value.len() * 8);
            value[bit / 8] ^= 1 << (bit % 8);
            prop_assert!(decode(b"\x02key", &value).is_err());
        }

        #[test]
        fn undo_rows_give_back_what_they_were_given(pairs in prop::collection::vec((prop::collection::vec(any::<u8>(), 1..40), prop::collection::vec(any::<u8>(), 0..3_000)), 0..30)) {
            let mut undo = UndoRows::new(Position(3));
            let mut rows: Vec<_> = pairs.iter().filter_map(|(key, value)| undo.keep(key, value)).collect();
            rows.extend(undo.finish());

            let mut back = Vec::new();
            for (key, value) in &rows {
                prop_assert_eq!(undo_tag(key), Some(Position(3)));
                back.extend(undone(key, value).unwrap().into_iter().map(|(key, value)| (key.to_vec(), value.to_vec())));
            }
            prop_assert_eq!(back, pairs);
        }
    }
}
