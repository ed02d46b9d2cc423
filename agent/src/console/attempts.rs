//! Who guesses passwords waits. An attempt counts before it is judged, so that many at once are no way around, and is
//! forgotten when all of it was right.
//!
//! On one machine every caller has the same address. So whoever signed in at a browser before is counted there by
//! themselves, and whoever goes on after a pause by their session: strangers' failures keep neither of them out.

use std::{
    collections::BTreeMap,
    net::IpAddr,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use certs::signed::hex;
use hmac::{Hmac, KeyInit as _, Mac as _};
use model::{invalid::Invalid, reason::Reason, time::Timestamp};
use sha2::Sha256;
use tokio::sync::{Semaphore, SemaphorePermit};

use super::{accounts::random, sessions::Key};
use crate::api::token;

/// Attempts before somebody is kept out, and for how long.
pub const FAILURES: (u32, Duration) = (5, Duration::from_mins(15));
/// Whoever is counted at one time.
const COUNTED_MAX: usize = 1_024;
/// Passwords that are looked at beside each other: each takes 19 MiB and a core.
const HASHES_MAX: usize = 2;
/// How long one waits for that.
const HASH_WAIT: Duration = Duration::from_secs(10);
/// Refusals that are written down at once, and the time in which one more may be.
const TOLD: (u32, Duration) = (30, Duration::from_mins(1));

/// Whose attempts are counted together.
#[derive(Clone, Debug)]
pub enum Whose<'a> {
    /// Anybody who says to be `account`, at an address.
    Stranger(&'a str, IpAddr),
    /// Whoever says to be `account` at a browser where that account has signed in before.
    Known(&'a str, String),
    /// Whoever sits at a session that watches.
    Session(Key),
}

impl Whose<'_> {
    fn name(&self) -> String {
        let short = |account: &str| account.chars().take(64).collect::<String>();
        match self {
            Self::Stranger(account, source) => format!("stranger {} {source}", short(account)),
            Self::Known(account, device) => format!("known {} {device}", short(account)),
            Self::Session(key) => format!("session {}", hex(key)),
        }
    }
}

/// Whether an attempt is looked at.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Turn {
    /// It is.
    Judged,
    /// It is, and is the last before whoever fails is kept out.
    Last,
    /// It is not.
    KeptOut,
}

/// All attempts that were not forgotten.
#[derive(Debug)]
pub struct Attempts {
    counted: Mutex<BTreeMap<String, (u32, Timestamp)>>,
    /// Refusals that may still be written down, and since when.
    told: Mutex<(u32, Timestamp)>,
    hashes: Semaphore,
    /// Under which browsers are known again; another after each start.
    key: [u8; 32],
}

impl Attempts {
    /// Nobody is counted yet.
    ///
    /// # Errors
    /// The machine gives no random bytes.
    pub fn new() -> Result<Self, Invalid> {
        Ok(Self {
            counted: Mutex::default(),
            told: Mutex::new((TOLD.0, Timestamp::EPOCH)),
            hashes: Semaphore::new(HASHES_MAX),
            key: random()?,
        })
    }

    /// Counts an attempt. What was counted before `forgiven` does not count any more.
    pub fn begin(&self, whose: &Whose<'_>, now: Timestamp, forgiven: Timestamp) -> Turn {
        let (most, span) = FAILURES;
        let mut counted = locked(&self.counted);
        counted.retain(|_, (_, last)| now.since(*last) < span);
        let name = whose.name();
        if counted.get(&name).is_some_and(|(_, last)| *last <= forgiven) {
            counted.remove(&name);
        }
        if counted.len() >= COUNTED_MAX && !counted.contains_key(&name) {
            let oldest = counted.iter().min_by_key(|(_, (_, last))| *last).map(|(name, _)| name.clone());
            oldest.and_then(|name| counted.remove(&name));
        }
        let (n, last) = counted.entry(name).or_insert((0, now));
        if *n >= most {
            return Turn::KeptOut; // for as long as since the last that was looked at
        }
        (*n, *last) = (*n + 1, now);
        if *n == most { Turn::Last } else { Turn::Judged }
    }

    /// All of it was right: what failed before is forgotten.
    pub fn succeeded(&self, whose: &Whose<'_>) {
        locked(&self.counted).remove(&whose.name());
    }

    /// Whether one more refusal may be written down: strangers do not fill the journal.
    pub fn may_be_told(&self, now: Timestamp) -> bool {
        let (most, each) = TOLD;
        let mut told = locked(&self.told);
        let more = now.since(told.1).as_millis() / each.as_millis();
        if more > 0 {
            *told = (told.0.saturating_add(u32::try_from(more).unwrap_or(u32::MAX)).min(most), now);
        }
        let may = told.0 > 0;
        told.0 = told.0.saturating_sub(1);
        may
    }

    /// A turn to look at a password.
    ///
    /// # Errors
    /// Too many are looked at.
    pub async fn hashing(&self) -> Result<SemaphorePermit<'_>, Invalid> {
        let turn = tokio::time::timeout(HASH_WAIT, self.hashes.acquire()).await;
        turn.ok().and_then(Result::ok).ok_or_else(|| Invalid::new(Reason::Busy, "password", "console.form"))
    }

    /// What a browser keeps of an account's signing in.
    ///
    /// # Errors
    /// The machine gives no random bytes.
    pub fn device(&self, account: &str) -> Result<String, Invalid> {
        let device = hex(&random::<16>()?);
        let seal = self.seal(account, &device);
        Ok(format!("{device}.{seal}"))
    }

    /// Whose attempt this is, by what the browser keeps.
    pub fn whose<'a>(&self, account: &'a str, source: IpAddr, kept: &str) -> Whose<'a> {
        match kept.split_once('.') {
            Some((device, seal)) if self.is_seal(seal, account, device) => Whose::Known(account, device.to_owned()),
            _ => Whose::Stranger(account, source),
        }
    }

    fn is_seal(&self, seal: &str, account: &str, device: &str) -> bool {
        !seal.is_empty() && token::same(seal.as_bytes(), self.seal(account, device).as_bytes())
    }

    fn seal(&self, account: &str, device: &str) -> String {
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(&self.key) else { return String::new() };
        mac.update(account.as_bytes());
        mac.update(&[0]);
        mac.update(device.as_bytes());
        hex(&mac.finalize().into_bytes())
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOON: Timestamp = Timestamp::from_millis(1_810_094_400_000);
    const HERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

    fn after(minutes: u64) -> Timestamp {
        NOON.plus(Duration::from_mins(minutes))
    }

    #[test]
    fn five_attempts_keep_out_whoever_made_them_for_a_quarter_of_an_hour() {
        let attempts = Attempts::new().unwrap();
        let stranger = Whose::Stranger("wanglei", HERE);
        let turns: Vec<Turn> = (0..7).map(|_| attempts.begin(&stranger, NOON, Timestamp::EPOCH)).collect();
        assert_eq!(turns[..4], [Turn::Judged; 4]);
        assert_eq!(turns[4..], [Turn::Last, Turn::KeptOut, Turn::KeptOut]);

        for other in [Whose::Stranger("liming", HERE), Whose::Session([7; 32]), Whose::Known("wanglei", "aa".into())] {
            assert_eq!(attempts.begin(&other, NOON, Timestamp::EPOCH), Turn::Judged, "{other:?}");
        }
        assert_eq!(attempts.begin(&stranger, after(14), Timestamp::EPOCH), Turn::KeptOut);
        assert_eq!(attempts.begin(&stranger, after(15), Timestamp::EPOCH), Turn::Judged);
    }

    #[test]
    fn what_was_right_is_forgotten_and_so_is_what_an_administrator_forgives() {
        let attempts = Attempts::new().unwrap();
        let stranger = Whose::Stranger("wanglei", HERE);
        let begin = |at, forgiven| attempts.begin(&stranger, at, forgiven);
        for _ in 0..4 {
            begin(NOON, Timestamp::EPOCH);
        }
        attempts.succeeded(&stranger);
        for _ in 0..6 {
            begin(NOON, Timestamp::EPOCH);
        }
        assert_eq!(begin(after(1), Timestamp::EPOCH), Turn::KeptOut);
        assert_eq!(begin(after(2), after(1)), Turn::Judged);
    }

    #[test]
    fn a_browser_is_known_for_the_account_that_signed_in_there_alone() {
        let attempts = Attempts::new().unwrap();
        let kept = attempts.device("wanglei").unwrap();
        assert!(matches!(attempts.whose("wanglei", HERE, &kept), Whose::Known("wanglei", _)));
        for (account, kept) in [("liming", kept.as_str()), ("wanglei", ""), ("wanglei", "."), ("wanglei", "aa.bb")] {
            assert!(matches!(attempts.whose(account, HERE, kept), Whose::Stranger(..)), "{account} {kept}");
        }
        let elsewhere = Attempts::new().unwrap();
        assert!(matches!(elsewhere.whose("wanglei", HERE, &kept), Whose::Stranger(..)));
    }

    #[test]
    fn refusals_do_not_fill_the_journal() {
        let attempts = Attempts::new().unwrap();
        let told = |at, tries: u32| (0..tries).filter(|_| attempts.may_be_told(at)).count();
        assert_eq!((told(NOON, 1_000), told(after(1), 1_000), told(after(11), 1_000)), (30, 1, 10));
        assert_eq!(told(after(1_000), 1_000), 30);
    }
}
