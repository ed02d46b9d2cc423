//! What bodies of several kinds are made of: seats, periods, days, lists whose broken entry is named by its place.

use model::{
    invalid::Invalid,
    reason::Reason,
    role::Role,
    thread::{Obligor, invitation::Period},
    time::Civil,
};

use crate::{
    border::{parsed, said, time},
    v1,
};

/// Who sits there: the duty officer unless another role is said.
pub(super) fn seat(wire: &v1::Seat) -> Result<Obligor, Invalid> {
    let v1::Seat { jurisdiction, role, name: _ } = wire;
    Ok(Obligor {
        jurisdiction: parsed(jurisdiction, "jurisdiction")?,
        role: said(*role, Role::from_number, "role")?.unwrap_or(Role::DutyOfficer),
    })
}

pub(super) fn period(
    start: Option<prost_types::Timestamp>,
    end: Option<prost_types::Timestamp>,
) -> Result<Period, Invalid> {
    Ok(Period { start: time::required(start, "start")?, end: time::required(end, "end")? })
}

/// Every entry of a list; a broken one is named by its place.
pub(super) fn listed<W, T>(name: &str, list: &[W], read: impl Fn(&W) -> Result<T, Invalid>) -> Result<Vec<T>, Invalid> {
    let entries = list.iter().enumerate();
    entries.map(|(at, entry)| read(entry).map_err(|invalid| invalid.within(format!("{name}[{at}]")))).collect()
}

pub(super) fn delegate(wire: Option<&v1::Seat>) -> Result<Option<Obligor>, Invalid> {
    wire.map(seat).transpose().map_err(|invalid| invalid.within("delegate"))
}

/// A day as `YYYY-MM-DD`.
pub(super) fn day(text: &str, field: &'static str) -> Result<Civil, Invalid> {
    if text.is_empty() {
        return Err(Invalid::missing(field));
    }
    Civil::from_iso(text).ok_or_else(|| Invalid::code(field, "time.date").detail(text))
}

/// A number that counts from 1.
pub(super) fn counted(number: u32, field: &'static str) -> Result<u32, Invalid> {
    if number == 0 { Err(Invalid::missing(field)) } else { Ok(number) }
}

/// Characters of a name that rows and keys are made of; the contract's own limit of such fields.
const NAME_CHARS_MAX: usize = 64;

/// A text that must be there.
pub(super) fn given(text: &str, field: &'static str) -> Result<String, Invalid> {
    if text.is_empty() { Err(Invalid::missing(field)) } else { Ok(text.to_owned()) }
}

/// A name that must be there.
pub(super) fn named(text: &str, field: &'static str) -> Result<String, Invalid> {
    given(text, field).and_then(|_| short(text, field))
}

/// A name that may be empty.
pub(super) fn short(text: &str, field: &'static str) -> Result<String, Invalid> {
    if text.chars().nth(NAME_CHARS_MAX).is_none() {
        Ok(text.to_owned())
    } else {
        Err(Invalid::new(Reason::TooLarge, field, "max"))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_name_is_as_long_as_the_contract_says_at_most() {
        assert_eq!(named(&"汛".repeat(64), "mission_id").unwrap().chars().count(), 64);
        let long = named(&"汛".repeat(65), "mission_id").unwrap_err();
        assert_eq!((long.reason, long.field.as_str()), (Reason::TooLarge, "mission_id"));
        assert_eq!(short("", "order_id").unwrap(), "");
        assert_eq!(short(&"x".repeat(65), "order_id").unwrap_err().field, "order_id");
    }
}
