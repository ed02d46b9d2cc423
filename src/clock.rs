//! The one place that asks the system for the time.

use std::time::{SystemTime, UNIX_EPOCH};

use model::{clock::Clock, time::Timestamp};

/// The system's clock.
#[allow(clippy::disallowed_methods, reason = "the one home of the system clock")]
pub fn system() -> Clock {
    Clock::new(|| {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Timestamp::from_millis(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
    })
}
