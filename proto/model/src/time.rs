//! Points in time: milliseconds UTC since 1970, the only form in which the model knows time.

use std::{fmt, time::Duration};

/// A point in time, in milliseconds UTC since 1970-01-01.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd, serde::Serialize, serde::Deserialize)]
#[serde(transparent)]
pub struct Timestamp(i64);

impl Timestamp {
    /// The beginning of 1970.
    pub const EPOCH: Self = Self(0);

    /// The point `ms` milliseconds after the beginning of 1970.
    pub const fn from_millis(ms: i64) -> Self {
        Self(ms)
    }

    /// Milliseconds since the beginning of 1970.
    pub const fn millis(self) -> i64 {
        self.0
    }

    /// This much later; the far future stays the far future.
    #[must_use]
    pub fn plus(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)))
    }

    /// This much earlier.
    #[must_use]
    pub fn minus(self, duration: Duration) -> Self {
        Self(self.0.saturating_sub(i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)))
    }

    /// How far apart the two are, whichever is first.
    pub fn distance(self, other: Self) -> Duration {
        Duration::from_millis(self.0.abs_diff(other.0))
    }

    /// How long after `earlier` this is; zero if it is not.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}ms", self.0)
    }
}

/// A day and time of the calendar, without an offset: UTC, or local to whoever reads it.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Civil {
    /// Year of the Gregorian calendar.
    pub year: i32,
    /// 1 to 12.
    pub month: u8,
    /// 1 to 31.
    pub day: u8,
    /// Milliseconds since midnight.
    pub ms_of_day: u32,
}

const DAY_MS: i64 = 86_400_000;

impl Civil {
    /// Midnight of a day, if the calendar has it.
    pub fn date(year: i32, month: u8, day: u8) -> Option<Self> {
        let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
        let length = match month {
            1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
            4 | 6 | 9 | 11 => 30,
            2 if leap => 29,
            2 => 28,
            _ => return None,
        };
        (1..=length).contains(&day).then_some(Self { year, month, day, ms_of_day: 0 })
    }

    /// A day as `2027-01-31`, if the calendar has it.
    pub fn from_iso(text: &str) -> Option<Self> {
        let digits = text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-');
        let mut parts = text.split('-');
        let (year, month, day) = (parts.next()?, parts.next()?, parts.next()?);
        let shaped = parts.next().is_none() && year.len() == 4 && month.len() == 2 && day.len() == 2;
        if !shaped || !digits {
            return None;
        }
        Self::date(year.parse().ok()?, month.parse().ok()?, day.parse().ok()?)
    }

    /// The same day at this hour and minute; over-long values run on into the next day.
    #[must_use]
    pub fn at(self, hour: u8, minute: u8) -> Self {
        Self { ms_of_day: (u32::from(hour) * 60 + u32::from(minute)) * 60_000, ..self }
    }

    /// The day as the number YYYYMMDD.
    pub fn date_number(self) -> u32 {
        u32::try_from(self.year).unwrap_or(0) * 10_000 + u32::from(self.month) * 100 + u32::from(self.day)
    }

    /// The point in time at which a clock `utc_offset_min` minutes ahead of UTC shows this.
    pub fn timestamp(self, utc_offset_min: i32) -> Timestamp {
        // Days from civil, with the year beginning in March: after H. Hinnant's chrono-compatible date algorithms.
        let (month, day) = (i64::from(self.month), i64::from(self.day));
        let year = i64::from(self.year) - i64::from(month <= 2);
        let era = year.div_euclid(400);
        let year_of_era = year.rem_euclid(400);
        let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
        let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
        let days = era * 146_097 + day_of_era - 719_468;
        Timestamp(days * DAY_MS + i64::from(self.ms_of_day) - i64::from(utc_offset_min) * 60_000)
    }
}

impl fmt::Display for Civil {
    /// `2026-07-18 03:05:00.000`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (second, ms) = (self.ms_of_day / 1_000, self.ms_of_day % 1_000);
        let (hour, minute, second) = (second / 3_600, second / 60 % 60, second % 60);
        write!(f, "{:04}-{:02}-{:02} {hour:02}:{minute:02}:{second:02}.{ms:03}", self.year, self.month, self.day)
    }
}

impl Timestamp {
    /// What a clock `utc_offset_min` minutes ahead of UTC shows at this point. Years beyond the calendar are cut to it.
    pub fn civil(self, utc_offset_min: i32) -> Civil {
        const YEARS_MS: i64 = 9_000 * 365 * DAY_MS;
        let local = self.0.clamp(-YEARS_MS, YEARS_MS) + i64::from(utc_offset_min) * 60_000;
        let days = local.div_euclid(DAY_MS) + 719_468;
        let (era, day_of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
        let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let shifted = (5 * day_of_year + 2) / 153;
        let month = (shifted + 2) % 12 + 1;
        let year = era * 400 + year_of_era + i64::from(month <= 2);
        Civil {
            year: i32::try_from(year).unwrap_or(i32::MAX),
            month: u8::try_from(month).unwrap_or(1),
            day: u8::try_from(day_of_year - (153 * shifted + 2) / 5 + 1).unwrap_or(1),
            ms_of_day: u32::try_from(local.rem_euclid(DAY_MS)).unwrap_or(0),
        }
    }

    /// As RFC 3339 in UTC, for logs and files: `2026-07-18T03:05:00.000Z`.
    pub fn rfc3339(self) -> String {
        let mut text = self.civil(0).to_string().replace(' ', "T");
        text.push('Z');
        text
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn known_days_have_their_known_milliseconds() {
        let noon = Civil::date(2026, 7, 18).unwrap().at(11, 5);
        assert_eq!(noon.timestamp(480).rfc3339(), "2026-07-18T03:05:00.000Z");
        assert_eq!(Timestamp::from_millis(1_000_000_000_000).rfc3339(), "2001-09-09T01:46:40.000Z");
        assert_eq!(Timestamp::EPOCH.rfc3339(), "1970-01-01T00:00:00.000Z");
        assert_eq!(Civil::date(2000, 2, 29).unwrap().timestamp(0).millis(), 951_782_400_000);
        assert_eq!(Civil::date(1900, 2, 29), None);
        assert_eq!(Civil::date(2026, 7, 18).unwrap().date_number(), 20_260_718);
        assert_eq!(Civil::from_iso("2026-07-18"), Civil::date(2026, 7, 18));
        for wrong in ["2026-7-18", "2026-02-30", "2026-07-18-1", "20260718", "+026-07-18", ""] {
            assert_eq!(Civil::from_iso(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn the_ends_of_time_are_shown_without_panic() {
        let _ = Timestamp::from_millis(i64::MAX).rfc3339();
        let _ = Timestamp::from_millis(i64::MIN).rfc3339();
        assert_eq!(Timestamp::from_millis(i64::MAX).plus(Duration::MAX).millis(), i64::MAX);
    }

    proptest! {
        #[test]
        fn the_calendar_leads_there_and_back(ms in -60_000_000_000_000_i64..250_000_000_000_000, offset in -840..=840) {
            let time = Timestamp::from_millis(ms);
            prop_assert_eq!(time.civil(offset).timestamp(offset), time);
        }
    }
}
