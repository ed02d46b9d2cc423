//! A token bucket on the time of records: the FLASH budget, and rates of messages and bytes. Whole numbers only, so the
//! same records give the same answers on every machine.

use std::time::Duration;

use crate::time::Timestamp;

/// Tokens that refill evenly: at most `most` at a time, `most` more in every `period`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Bucket {
    /// What is in it, in parts of 1 / `period_ms` token, so that nothing is rounded away.
    level: u128,
    at: Timestamp,
}

/// The size of a bucket and the time in which it fills.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Rate {
    /// Tokens in a full bucket, and tokens per period.
    pub most: u64,
    /// In which an empty bucket fills; at least one millisecond.
    pub period: Duration,
}

impl Rate {
    /// `most` a second.
    pub const fn per_second(most: u64) -> Self {
        Self { most, period: Duration::from_secs(1) }
    }

    /// `most` an hour.
    pub const fn per_hour(most: u64) -> Self {
        Self { most, period: Duration::from_hours(1) }
    }

    fn period_ms(self) -> u128 {
        self.period.as_millis().max(1)
    }

    fn full(self) -> u128 {
        u128::from(self.most) * self.period_ms()
    }
}

impl Bucket {
    /// A full bucket.
    pub fn full(rate: Rate, at: Timestamp) -> Self {
        Self { level: rate.full(), at }
    }

    /// A bucket as it was kept: its [`Bucket::level`] and [`Bucket::at`].
    pub const fn from_parts(level: u128, at: Timestamp) -> Self {
        Self { level, at }
    }

    /// What is in it, in parts of a token; to be kept and handed to [`Bucket::from_parts`].
    pub const fn level(&self) -> u128 {
        self.level
    }

    /// When it was last looked at.
    pub const fn at(&self) -> Timestamp {
        self.at
    }

    /// Takes `tokens` at `now` if they are there. If not, it takes nothing and says after how long they will be; more
    /// than a full bucket holds are let through when it is full, so that nothing waits for ever. Time that runs
    /// backwards refills nothing.
    pub fn take(&mut self, rate: Rate, tokens: u64, now: Timestamp) -> Result<(), Duration> {
        let refill = now.since(self.at).as_millis() * u128::from(rate.most);
        self.level = self.level.saturating_add(refill).min(rate.full());
        self.at = self.at.max(now);
        let asked = u128::from(tokens.min(rate.most)) * rate.period_ms();
        if rate.most == 0 {
            return Err(rate.period);
        }
        if let Some(left) = self.level.checked_sub(asked) {
            self.level = left;
            return Ok(());
        }
        let missing = (asked - self.level).div_ceil(u128::from(rate.most));
        Err(Duration::from_millis(u64::try_from(missing).unwrap_or(u64::MAX)))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use proptest::prelude::*;

    use super::*;

    const NOON: Timestamp = Timestamp::from_millis(1_784_000_000_000);

    #[test]
    fn a_full_bucket_gives_its_size_and_then_one_each_share_of_the_period() {
        let rate = Rate::per_hour(60);
        let mut bucket = Bucket::full(rate, NOON);
        (0..60).for_each(|_| bucket.take(rate, 1, NOON).unwrap());

        assert_eq!(bucket.take(rate, 1, NOON), Err(Duration::from_mins(1)));
        assert_eq!(bucket.take(rate, 1, NOON.plus(Duration::from_secs(59))), Err(Duration::from_secs(1)));
        assert_eq!(bucket.take(rate, 1, NOON.plus(Duration::from_mins(1))), Ok(()));
    }

    #[test]
    fn what_is_larger_than_the_bucket_waits_until_it_is_full() {
        let rate = Rate::per_second(10);
        let mut bucket = Bucket::full(rate, NOON);

        assert_eq!(bucket.take(rate, 1_000, NOON), Ok(()));
        assert_eq!(bucket.take(rate, 1_000, NOON), Err(Duration::from_secs(1)));
    }

    #[test]
    fn time_that_runs_backwards_gives_nothing() {
        let rate = Rate::per_second(1);
        let mut bucket = Bucket::full(rate, NOON);
        bucket.take(rate, 1, NOON).unwrap();

        assert!(bucket.take(rate, 1, NOON.minus(Duration::from_mins(1))).is_err());
        assert!(bucket.take(rate, 1, NOON).is_err());
    }

    proptest! {
        #[test]
        fn no_more_passes_than_a_bucket_and_its_refill(steps in prop::collection::vec(0_u64..5_000, 1..200), most in 1_u64..50) {
            let rate = Rate { most, period: Duration::from_secs(10) };
            let (mut bucket, mut now, mut passed) = (Bucket::full(rate, NOON), NOON, 0);
            for step in steps {
                now = now.plus(Duration::from_millis(step));
                passed += u128::from(bucket.take(rate, 1, now).is_ok());
            }
            let refill = now.since(NOON).as_millis() * u128::from(most) / 10_000;
            prop_assert!(passed <= u128::from(most) + refill);
        }
    }
}
