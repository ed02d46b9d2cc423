//! Working days: Monday to Friday, less public holidays, plus the weekend days that are worked in their place 调休.

use std::{collections::BTreeSet, time::Duration};

use crate::time::{Civil, Timestamp};

const DAY: Duration = Duration::from_hours(24);

/// Days of a week, from Monday on.
const WEEK: i64 = 7;

/// Which days are worked. Nothing but weekends is known here: the holidays and the days made up for them come from the
/// yearly notice of the State Council, and whoever counts hands them in.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct WorkingDays {
    holidays: BTreeSet<u32>,
    made_up: BTreeSet<u32>,
}

impl WorkingDays {
    /// Monday to Friday but for `holidays`, and `made_up` besides. A day in both lists is worked.
    pub fn new(holidays: impl IntoIterator<Item = Civil>, made_up: impl IntoIterator<Item = Civil>) -> Self {
        let numbers = |days: &mut dyn Iterator<Item = Civil>| days.map(Civil::date_number).collect();
        Self { holidays: numbers(&mut holidays.into_iter()), made_up: numbers(&mut made_up.into_iter()) }
    }

    /// Whether people work on this day.
    pub fn has(&self, day: Civil) -> bool {
        let number = day.date_number();
        self.made_up.contains(&number) || (day.is_weekday() && !self.holidays.contains(&number))
    }

    /// The end of the `days`th working day after the local day of `from`, at 24:00 of a clock `utc_offset_min` minutes
    /// ahead of UTC. The day itself is not counted (民法典 art. 201), and the last one counts to its end (art. 203).
    pub fn end_of(&self, days: u32, from: Timestamp, utc_offset_min: i32) -> Timestamp {
        let mut day = from.midnight(utc_offset_min);
        let mut left = days;
        while left > 0 {
            day = day.plus(DAY);
            if self.has(day.civil(utc_offset_min)) {
                left -= 1;
            }
        }
        day.plus(DAY)
    }
}

impl Civil {
    /// Monday to Friday.
    pub fn is_weekday(self) -> bool {
        // 1970 began on a Thursday, the fourth day of its week
        let midnight = Self { ms_of_day: 0, ..self }.timestamp(0).millis();
        let days = midnight.div_euclid(i64::try_from(DAY.as_millis()).unwrap_or(i64::MAX));
        (days + 3).rem_euclid(WEEK) < 5
    }
}

impl Timestamp {
    /// The beginning of its day, by a clock `utc_offset_min` minutes ahead of UTC.
    #[must_use]
    pub fn midnight(self, utc_offset_min: i32) -> Self {
        Civil { ms_of_day: 0, ..self.civil(utc_offset_min) }.timestamp(utc_offset_min)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use proptest::prelude::*;

    use super::*;

    const CHINA: i32 = 480;

    fn day(month: u8, day: u8) -> Civil {
        Civil::date(2027, month, day).unwrap()
    }

    fn at(month: u8, d: u8, hour: u8) -> Timestamp {
        day(month, d).at(hour, 0).timestamp(CHINA)
    }

    /// The week of National Day 2027 as a notice might give it: seven days off, two Saturdays and Sundays worked.
    fn national_day() -> WorkingDays {
        WorkingDays::new((1..=7).map(|d| day(10, d)), [day(9, 26), day(10, 9)])
    }

    #[test]
    fn a_week_is_worked_from_monday_to_friday() {
        let plain = WorkingDays::default();
        let worked: Vec<u8> = (8..=14).filter(|d| plain.has(day(11, *d))).collect();
        assert_eq!(worked, [8, 9, 10, 11, 12], "2027-11-08 is a Monday");
    }

    #[test]
    fn holidays_are_off_and_days_made_up_are_worked() {
        let notice = national_day();
        assert!(!notice.has(day(10, 1)), "a Friday off");
        assert!(notice.has(day(9, 26)), "a Sunday worked");
        assert!(notice.has(day(10, 8)));
        assert!(notice.has(day(10, 9)), "a Saturday worked");
        assert!(!notice.has(day(10, 10)));
    }

    #[test]
    fn the_first_day_is_not_counted_and_the_last_counts_to_its_end() {
        let plain = WorkingDays::default();
        assert_eq!(plain.end_of(5, at(11, 12, 17), CHINA), at(11, 20, 0), "Friday to the Friday after");
        assert_eq!(plain.end_of(5, at(11, 13, 9), CHINA), at(11, 20, 0), "Saturday does not count");
        assert_eq!(plain.end_of(1, at(11, 12, 0), CHINA), at(11, 16, 0), "Friday to Monday");
        assert_eq!(plain.end_of(0, at(11, 12, 9), CHINA), at(11, 13, 0), "today, to its end");
    }

    #[test]
    fn working_days_run_around_a_holiday() {
        let from = at(9, 29, 10);
        assert_eq!(WorkingDays::default().end_of(5, from, CHINA), at(10, 7, 0));
        assert_eq!(national_day().end_of(5, from, CHINA), at(10, 13, 0), "30th, then 8th, 9th, 11th and 12th");
    }

    #[test]
    fn the_local_day_decides_not_that_of_utc() {
        // 23:30 UTC on Thursday is Friday morning in China
        let from = Civil::date(2027, 11, 11).unwrap().at(23, 30).timestamp(0);
        let plain = WorkingDays::default();
        assert_eq!(plain.end_of(1, from, CHINA), at(11, 16, 0));
        assert_eq!(plain.end_of(1, from, 0), day(11, 13).timestamp(0));
    }

    proptest! {
        #[test]
        fn n_working_days_hold_n_days_that_are_worked(
            ms in 0_i64..250_000_000_000_000,
            days in 0_u32..40,
            offset in -840..=840,
            off in proptest::collection::vec(0_u64..60, 0..20),
        ) {
            let from = Timestamp::from_millis(ms);
            let off = off.into_iter().map(|n| from.plus(DAY * u32::try_from(n).unwrap()).civil(offset));
            let calendar = WorkingDays::new(off, []);

            let end = calendar.end_of(days, from, offset);

            let mut at = from.midnight(offset).plus(DAY);
            let mut counted = 0;
            while at < end {
                counted += u32::from(calendar.has(at.civil(offset)));
                at = at.plus(DAY);
            }
            prop_assert_eq!(counted, days);
            prop_assert_eq!(end.midnight(offset), end);
        }
    }
}
