//! A message's row in one piece or in several: a row and an index entry have their bounds, and a message to a whole
//! province has more recipients than fit one.
//!
//! What fits is kept as it is. What does not begins with a zero byte, which no encoded row does, and the number of
//! further pieces (2, big-endian). Pieces of an open row lie in a table of their own, those of a closed one under ids of
//! their own, of the same time, which no message can have: anybody may ask for any id, in a receipt or a reference, and
//! must never meet a piece as if it were a row.

use model::ids::{Digest, MessageId};
use prost::Message as _;
use proto::record::MessageRow;
use store::{
    FoldError, Rows,
    rows::{ENTRY_BYTES_MAX, VALUE_BYTES_MAX},
};

use super::{decode_row, keys};

/// Zero, and the number of further pieces.
const HEAD: usize = 3;
/// The byte of an id in whose upper half its version stands; that of a message's id is 7.
const VERSION: usize = 6;
const PIECE_VERSION: u8 = 0xf;

/// The row of a message, open or closed; the flag says whether it is open.
pub fn message(rows: &Rows<'_>, id: MessageId) -> Result<Option<(MessageRow, bool)>, FoldError> {
    if id.0[VERSION] >> 4 == PIECE_VERSION {
        return Ok(None);
    }
    if let Some(first) = rows.get(&keys::message(id))? {
        let row = whole(&first, |piece| rows.get(&keys::piece(id, piece)))?;
        return Ok(Some((row, true)));
    }
    let Some(first) = rows.settled(id.0)? else { return Ok(None) };
    let row = whole(&first, |piece| rows.settled(piece_id(id, piece)))?;
    Ok(Some((row, false)))
}

/// Writes an open row, in place of an earlier one.
pub(super) fn put(rows: &mut Rows<'_>, id: MessageId, row: &MessageRow) -> Result<(), FoldError> {
    let pieces = cut(row.encode_to_vec(), VALUE_BYTES_MAX);
    forget_pieces(rows, id, pieces.len())?;
    for (number, piece) in (0_u16..).zip(pieces) {
        let key = if number == 0 { keys::message(id) } else { keys::piece(id, number) };
        rows.put(&key, piece)?;
    }
    Ok(())
}

/// Removes an open row.
pub(super) fn remove(rows: &mut Rows<'_>, id: MessageId) -> Result<(), FoldError> {
    forget_pieces(rows, id, 1)?;
    rows.remove(&keys::message(id))
}

/// Puts a row into the index of what is closed, in place of an earlier one.
pub(super) fn settle(rows: &mut Rows<'_>, id: MessageId, row: &MessageRow) -> Result<(), FoldError> {
    for (number, piece) in (0_u16..).zip(cut(row.encode_to_vec(), ENTRY_BYTES_MAX)) {
        rows.settle(if number == 0 { id.0 } else { piece_id(id, number) }, piece)?;
    }
    Ok(())
}

/// Removes the pieces of an open row from number `kept` on.
fn forget_pieces(rows: &mut Rows<'_>, id: MessageId, kept: usize) -> Result<(), FoldError> {
    let Some(first) = rows.get(&keys::message(id))? else { return Ok(()) };
    for number in (1..=further(&first)).filter(|number| usize::from(*number) >= kept) {
        rows.remove(&keys::piece(id, number))?;
    }
    Ok(())
}

/// How many pieces follow the first.
fn further(first: &[u8]) -> u16 {
    match first {
        [0, high, low, ..] => u16::from_be_bytes([*high, *low]),
        _ => 0,
    }
}

fn cut(bytes: Vec<u8>, bytes_max: usize) -> Vec<Vec<u8>> {
    if bytes.len() <= bytes_max {
        return vec![bytes];
    }
    let (first, rest) = bytes.split_at(bytes_max - HEAD);
    let rest: Vec<_> = rest.chunks(bytes_max).map(<[u8]>::to_vec).collect();
    let [high, low] = u16::try_from(rest.len()).unwrap_or(u16::MAX).to_be_bytes();
    std::iter::once([&[0, high, low], first].concat()).chain(rest).collect()
}

fn whole(
    first: &bytes::Bytes,
    piece: impl Fn(u16) -> Result<Option<bytes::Bytes>, FoldError>,
) -> Result<MessageRow, FoldError> {
    let further = further(first);
    if further == 0 {
        return decode_row(first.clone());
    }
    let mut all = first.get(HEAD..).unwrap_or_default().to_vec();
    for number in 1..=further {
        let next = piece(number)?.ok_or_else(|| FoldError::new(format!("piece {number} of a row is missing")))?;
        all.extend_from_slice(&next);
    }
    decode_row(bytes::Bytes::from(all))
}

/// The id under which a further piece of a closed row lies: of the same time, so the same index files are asked, and of a
/// version that no message's id has.
pub(super) fn piece_id(id: MessageId, number: u16) -> [u8; 16] {
    let digest = Digest::of(&[&id.0[..], &number.to_be_bytes()].concat());
    let mut derived = id.0;
    derived.iter_mut().skip(6).zip(digest.0).for_each(|(byte, made)| *byte = made);
    derived[VERSION] = PIECE_VERSION << 4 | derived[VERSION] & 0x0f;
    derived
}
