//! Sources whose handshakes failed wait longer and longer before they may begin another.

use std::{
    collections::HashMap,
    net::{IpAddr, Ipv6Addr},
    sync::{Mutex, PoisonError},
    time::Duration,
};

use model::limits;
use tokio::time::Instant;

/// Failed handshakes, by source.
#[derive(Debug, Default)]
pub(super) struct Failures(Mutex<HashMap<IpAddr, Failed>>);

#[derive(Clone, Copy, Debug)]
struct Failed {
    count: u32,
    last: Instant,
    /// Somebody was let in from there.
    known: bool,
}

impl Failed {
    fn wait(self) -> Duration {
        let Some(over) = self.count.checked_sub(limits::FAILED_FREE) else { return Duration::ZERO };
        let most = if self.known { limits::FAILED_WAIT_KNOWN } else { limits::FAILED_WAIT_MAX };
        Duration::from_secs(1 << over.min(10)).min(most)
    }

    fn is_old(self, now: Instant) -> bool {
        now - self.last >= limits::FAILED_FORGOTTEN
    }
}

/// Who shares a line shares its limits: of IPv6, whoever has one address has the 2⁶⁴ around it.
pub(super) fn source(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(_) => address.to_canonical(),
        IpAddr::V6(six) => IpAddr::V6(Ipv6Addr::from_bits(six.to_bits() & (u128::MAX << 64))),
    }
}

impl Failures {
    /// Whether a source may begin a handshake now.
    pub fn may_begin(&self, source: IpAddr) -> bool {
        let failed = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        failed.get(&source).is_none_or(|failed| failed.is_old(now) || now - failed.last >= failed.wait())
    }

    /// A handshake of this source failed.
    pub fn failed(&self, source: IpAddr) {
        let now = Instant::now();
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let before = all.get(&source).copied().filter(|failed| !failed.is_old(now));
        if before.is_none() {
            make_room(&mut all, now);
        }
        let (count, known) = before.map_or((0, false), |failed| (failed.count, failed.known));
        all.insert(source, Failed { count: count.saturating_add(1), last: now, known });
    }

    /// A handshake of this source was a good one.
    pub fn succeeded(&self, source: IpAddr) {
        let now = Instant::now();
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if !all.contains_key(&source) {
            make_room(&mut all, now);
        }
        all.insert(source, Failed { count: 0, last: now, known: true });
    }
}

/// The oldest leaves when the table is full.
fn make_room(all: &mut HashMap<IpAddr, Failed>, now: Instant) {
    if all.len() < limits::FAILED_SOURCES_MAX {
        return;
    }
    all.retain(|_, failed| !failed.is_old(now));
    if all.len() >= limits::FAILED_SOURCES_MAX
        && let Some(oldest) = all.iter().min_by_key(|(_, failed)| failed.last).map(|(source, _)| *source)
    {
        all.remove(&oldest);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOSTILE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(10, 0, 0, 1));
    const HONEST: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(10, 0, 0, 2));

    /// How many handshakes of a source begin within ten minutes when it tries each half second and always fails.
    async fn begun(failures: &Failures, source: IpAddr) -> usize {
        let mut begun = 0;
        for _ in 0..1_200 {
            if failures.may_begin(source) {
                begun += 1;
                failures.failed(source);
            }
            tokio::time::advance(Duration::from_millis(500)).await;
        }
        begun
    }

    #[tokio::test(start_paused = true)]
    async fn who_fails_again_and_again_waits_longer_and_longer_and_nobody_else_does() {
        let failures = Failures::default();
        let begun = begun(&failures, HOSTILE).await;
        assert!((25..=35).contains(&begun), "{begun} of 1,200");
        assert!(!failures.may_begin(HOSTILE) && failures.may_begin(HONEST));
        tokio::time::advance(limits::FAILED_FORGOTTEN).await;
        assert!(failures.may_begin(HOSTILE), "it is forgotten");
        failures.failed(HOSTILE);
        assert!(failures.may_begin(HOSTILE), "and begins anew");
    }

    #[tokio::test(start_paused = true)]
    async fn a_neighbours_noise_keeps_nobody_out_who_was_let_in_before() {
        let failures = Failures::default();
        failures.succeeded(HOSTILE);
        for _ in 0..1_000 {
            failures.failed(HOSTILE);
        }
        assert!(!failures.may_begin(HOSTILE));
        tokio::time::advance(limits::FAILED_WAIT_KNOWN).await;
        assert!(failures.may_begin(HOSTILE));
    }

    #[tokio::test(start_paused = true)]
    async fn the_table_does_not_grow_and_the_oldest_leaves() {
        let failures = Failures::default();
        let of = |number: u32| IpAddr::from(number.to_be_bytes());
        (0..limits::FAILED_FREE).for_each(|_| failures.failed(of(0)));
        assert!(!failures.may_begin(of(0)));
        for number in 1..=u32::try_from(limits::FAILED_SOURCES_MAX).unwrap() {
            tokio::time::advance(Duration::from_micros(1)).await;
            failures.failed(of(number));
        }
        assert_eq!(failures.0.lock().unwrap().len(), limits::FAILED_SOURCES_MAX);
        assert!(failures.may_begin(of(0)), "it left the table");
    }

    #[test]
    fn an_address_of_ipv6_is_its_network() {
        let of = |text: &str| source(text.parse().unwrap());
        assert_eq!(of("2001:db8::1"), of("2001:db8::ffff:1"));
        assert_ne!(of("2001:db8:0:1::1"), of("2001:db8:0:2::1"));
        assert_eq!(of("::ffff:10.0.0.1"), HOSTILE);
    }
}
