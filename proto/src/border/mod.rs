//! The border between wire and model: wire messages are taken apart by name, and a value that comes out is good.
//! Bodies stay closed here; `rules` reads them through their descriptors.

pub mod catalogue;
pub mod content;
pub mod facts;
pub mod geometry;
pub mod head;
pub mod header;
pub mod receipt;
pub mod seal;
pub mod stamp;
pub mod time;

pub use content::parts;

use model::invalid::Invalid;

/// An enum value of the contract as a value of the model; 0 is "not said".
pub(crate) fn said<T>(number: i32, of: impl Fn(i32) -> Option<T>, field: &'static str) -> Result<Option<T>, Invalid> {
    match number {
        0 => Ok(None),
        number => of(number).map(Some).ok_or_else(|| Invalid::code(field, "code.known").detail(number.to_string())),
    }
}

/// The same where a value must be said.
pub(crate) fn must<T>(number: i32, of: impl Fn(i32) -> Option<T>, field: &'static str) -> Result<T, Invalid> {
    said(number, of, field)?.ok_or_else(|| Invalid::missing(field))
}

/// A text that may be empty, parsed when it is not.
pub(crate) fn optional<T: std::str::FromStr<Err = Invalid>>(
    text: &str,
    field: &'static str,
) -> Result<Option<T>, Invalid> {
    if text.is_empty() { Ok(None) } else { parsed(text, field).map(Some) }
}

/// A text that must be there, parsed.
pub(crate) fn parsed<T: std::str::FromStr<Err = Invalid>>(text: &str, field: &'static str) -> Result<T, Invalid> {
    if text.is_empty() {
        return Err(Invalid::missing(field));
    }
    text.parse().map_err(|invalid: Invalid| Invalid { field: field.into(), ..invalid })
}

/// Exactly so many bytes.
pub(crate) fn exact<const N: usize>(bytes: &[u8], field: &'static str) -> Result<[u8; N], Invalid> {
    if bytes.is_empty() {
        return Err(Invalid::missing(field));
    }
    bytes
        .try_into()
        .map_err(|_| Invalid::schema(field, "bytes.exact").detail(format!("{} bytes, not {N}", bytes.len())))
}

/// A text of at most so many characters and without control characters.
pub(crate) fn short(text: String, most: usize, field: &'static str) -> Result<String, Invalid> {
    let chars = text.chars().count();
    if chars > most {
        return Err(Invalid::too_large(field, chars, most));
    }
    if text.chars().any(char::is_control) {
        return Err(Invalid::schema(field, "text.plain"));
    }
    Ok(text)
}
