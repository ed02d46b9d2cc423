//! Times: the contract's Timestamp, which accepts nonsense, and the model's, which does not.

use model::{invalid::Invalid, time::Timestamp};

/// Seconds of the year 1970 and of the end of 9999.
const SECONDS: std::ops::Range<i64> = 0..253_402_300_800;

/// A time that must be there.
pub fn required(wire: Option<prost_types::Timestamp>, field: &'static str) -> Result<Timestamp, Invalid> {
    optional(wire, field)?.ok_or_else(|| Invalid::missing(field))
}

/// A time that may be absent; whole milliseconds between 1970 and 9999.
pub fn optional(wire: Option<prost_types::Timestamp>, field: &'static str) -> Result<Option<Timestamp>, Invalid> {
    let Some(prost_types::Timestamp { seconds, nanos }) = wire else { return Ok(None) };
    if !SECONDS.contains(&seconds) || !(0..1_000_000_000).contains(&nanos) {
        return Err(Invalid::schema(field, "time.range"));
    }
    Ok(Some(Timestamp::from_millis(seconds * 1_000 + i64::from(nanos / 1_000_000))))
}

/// A time for the wire.
pub fn to_wire(time: Timestamp) -> prost_types::Timestamp {
    let (millis, nanos) = (time.millis(), 1_000_000);
    let part = i32::try_from(millis.rem_euclid(1_000)).unwrap_or(0);
    prost_types::Timestamp { seconds: millis.div_euclid(1_000), nanos: part * nanos }
}

/// A length of time for the wire.
pub fn duration(length: std::time::Duration) -> prost_types::Duration {
    prost_types::Duration {
        seconds: i64::try_from(length.as_secs()).unwrap_or(i64::MAX),
        nanos: i32::try_from(length.subsec_nanos()).unwrap_or(0),
    }
}

/// A length of time from the wire; negative and absurd ones count as none.
pub fn length(wire: prost_types::Duration) -> std::time::Duration {
    let (seconds, nanos) = (u64::try_from(wire.seconds).unwrap_or(0), u32::try_from(wire.nanos).unwrap_or(0));
    std::time::Duration::new(seconds.min(10 * 365 * 86_400), nanos.min(999_999_999))
}
