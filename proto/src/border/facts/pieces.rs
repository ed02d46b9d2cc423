//! What bodies of several kinds are made of: seats, periods, days, lists whose broken entry is named by its place.

use model::{
    invalid::Invalid,
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

/// A name that must be there.
pub(super) fn named(text: &str, field: &'static str) -> Result<String, Invalid> {
    if text.is_empty() { Err(Invalid::missing(field)) } else { Ok(text.to_owned()) }
}
