//! Values longer than one row: cut into pieces that count on behind their key.

use store::{FoldError, Rows};

/// Bytes of one piece; a row holds 4,096.
const PIECE: usize = 4_000;
/// Pieces of one value at most: half a megabyte.
const PIECES_MAX: usize = 128;

/// The value whose pieces stand behind `key`. Keys of one table are of one width, so none begins with another.
pub fn get(rows: &Rows<'_>, key: &[u8]) -> Result<Option<Vec<u8>>, FoldError> {
    let mut value = None;
    rows.each(key, |_, piece| {
        value.get_or_insert_with(Vec::new).extend_from_slice(piece);
        Ok(())
    })?;
    Ok(value)
}

/// Whether there is one.
pub fn exists(rows: &Rows<'_>, key: &[u8]) -> Result<bool, FoldError> {
    Ok(!rows.scan(key, key, 1)?.is_empty())
}

/// Puts `value` in the place of an earlier one. False when it is too long; then nothing has changed.
pub fn put(rows: &mut Rows<'_>, key: &[u8], value: &[u8]) -> Result<bool, FoldError> {
    if value.len() > PIECE * PIECES_MAX {
        return Ok(false);
    }
    let old = rows.scan(key, key, PIECES_MAX)?;
    let mut count = 0;
    for (at, piece) in (0_u16..).zip(value.chunks(PIECE)) {
        if old.get(count).is_none_or(|(_, before)| before.as_ref() != piece) {
            rows.put(&numbered(key, at), piece.to_vec())?;
        }
        count += 1;
    }
    for (key, _) in old.iter().skip(count) {
        rows.remove(key)?;
    }
    Ok(true)
}

/// Removes the value.
pub fn remove(rows: &mut Rows<'_>, key: &[u8]) -> Result<(), FoldError> {
    rows.scan(key, key, PIECES_MAX)?.iter().try_for_each(|(key, _)| rows.remove(key))
}

fn numbered(key: &[u8], at: u16) -> Vec<u8> {
    [key, &at.to_be_bytes()].concat()
}
