//! Times as people read them: by the desk's own offset, in 24 hours; spans as clocks count down.

use std::time::Duration;

use model::time::Timestamp;

use super::words::Words;

/// The offset in which a page shows times.
#[derive(Clone, Copy, Debug)]
pub struct Zone {
    /// Minutes ahead of UTC.
    pub offset_min: i32,
    /// The time of the page.
    pub now: Timestamp,
}

impl Zone {
    /// `08:42` today, `12-03 08:42` on another day, with the year in another year.
    pub fn short(self, at: Timestamp) -> String {
        let (then, now) = (at.civil(self.offset_min), self.now.civil(self.offset_min));
        let minutes = then.ms_of_day / 60_000;
        let clock = format!("{:02}:{:02}", minutes / 60, minutes % 60);
        if (then.year, then.month, then.day) == (now.year, now.month, now.day) {
            clock
        } else if then.year == now.year {
            format!("{:02}-{:02} {clock}", then.month, then.day)
        } else {
            format!("{}-{:02}-{:02} {clock}", then.year, then.month, then.day)
        }
    }

    /// `08:42:17` today, with the day before it on another day.
    pub fn second(self, at: Timestamp) -> String {
        format!("{}:{:02}", self.short(at), at.civil(self.offset_min).ms_of_day / 1_000 % 60)
    }

    /// The whole time with its offset, for machines and for hovering.
    pub fn whole(self, at: Timestamp) -> String {
        let then = at.civil(self.offset_min);
        let (minutes, sign) = (then.ms_of_day / 60_000, if self.offset_min < 0 { '-' } else { '+' });
        let offset = self.offset_min.unsigned_abs();
        format!(
            "{}-{:02}-{:02} {:02}:{:02}:{:02} {sign}{:02}:{:02}",
            then.year,
            then.month,
            then.day,
            minutes / 60,
            minutes % 60,
            then.ms_of_day / 1_000 % 60,
            offset / 60,
            offset % 60
        )
    }
}

/// A wire time.
pub fn of_wire(at: Option<prost_types::Timestamp>) -> Option<Timestamp> {
    proto::border::time::optional(at, "at").ok().flatten()
}

/// `4:07`, `1:04:07`, `2 d` (`2 天`) beyond two days.
pub fn span(time: Duration, w: Words) -> String {
    let seconds = time.as_secs();
    let (hours, minutes, rest) = (seconds / 3_600, seconds / 60 % 60, seconds % 60);
    match hours {
        0 => format!("{minutes}:{rest:02}"),
        1..48 => format!("{hours}:{minutes:02}:{rest:02}"),
        _ => w.count("span-days", hours / 24),
    }
}

/// `0.3 s`, `4:07`: how much later one thing was than another.
pub fn later(time: Duration, w: Words) -> String {
    if time < Duration::from_mins(1) {
        format!("+{}.{} s", time.as_secs(), time.subsec_millis() / 100)
    } else {
        format!("+{}", span(time, w))
    }
}

#[cfg(test)]
mod tests {
    use proto::status::Lang;

    use super::*;

    #[test]
    fn times_say_as_much_as_is_needed() {
        // 2027-05-12 09:00 in Linyi
        let now = Timestamp::from_millis(1_810_083_600_000);
        let zone = Zone { offset_min: 480, now };
        let before = |hours: u64| now.minus(Duration::from_hours(hours));
        assert_eq!((zone.short(now), zone.second(now)), ("09:00".into(), "09:00:00".into()));
        assert_eq!(zone.short(before(12)), "05-11 21:00");
        assert_eq!(zone.short(before(24 * 200)), "2026-10-24 09:00");
        assert_eq!(zone.whole(now), "2027-05-12 09:00:00 +08:00");
        assert_eq!(Zone { offset_min: -210, now }.whole(now), "2027-05-11 21:30:00 -03:30");
    }

    #[test]
    fn spans_count_like_clocks() {
        let (zh, en) = (Words { lang: Lang::Zh }, Words { lang: Lang::En });
        let seconds = |n| span(Duration::from_secs(n), en);
        assert_eq!([seconds(0), seconds(72), seconds(3_847)], ["0:00", "1:12", "1:04:07"]);
        assert_eq!(seconds(3_600 * 24 * 3), "3 d");
        assert_eq!(span(Duration::from_hours(72), zh), "3 天");
        assert_eq!(
            (later(Duration::from_millis(340), en), later(Duration::from_secs(90), en)),
            ("+0.3 s".into(), "+1:30".into())
        );
    }
}
