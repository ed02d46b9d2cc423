//! How much may be on its way over a line at a time: what it carries in two seconds, so that something urgent never waits
//! longer than that behind what was sent before it.

use std::time::{Duration, Instant};

use crate::{limits, precedence::Precedence};

/// For how long a rate that was seen counts as what the line carries; after twice that it is forgotten.
const PERIOD: Duration = Duration::from_secs(5);
/// Shorter times between two looks at a clock say nothing about a rate.
const INSTANT: Duration = Duration::from_micros(100);

/// Bytes that were sent and are not confirmed yet, and how many there may be.
///
/// The rate of a line is the greatest at which bytes were confirmed within the last seconds. It is measured over the whole
/// time from the confirmation before a thing was sent to its own, so that many confirmations in one moment after a silence
/// do not look like a fast line; and a receiver that is slow for a moment does not look like a slow one. FLASH has a bound
/// of its own, as wide: it does not wait for room, and it takes none from what stands behind it.
#[derive(Clone, Copy, Debug)]
pub struct InFlight {
    least: u64,
    flash: u64,
    other: u64,
    confirmed: u64,
    confirmed_at: Instant,
    /// The best rate of this period and of the one before, in bytes a second.
    best: [u64; 2],
    period_began: Instant,
}

/// Something that was sent; whoever keeps it says what became of it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[must_use = "it stays in flight until it is confirmed or forgotten"]
pub struct Sent {
    bytes: u64,
    precedence: Precedence,
    confirmed_before: u64,
    since: Instant,
}

impl InFlight {
    /// Nothing is on its way, and nothing is known of the line but that `least` bytes may always be; at `now`, on a clock
    /// that never goes back.
    pub const fn new(least: u64, now: Instant) -> Self {
        Self { least, flash: 0, other: 0, confirmed: 0, confirmed_at: now, best: [0; 2], period_began: now }
    }

    /// True when more of `precedence` may be sent. One thing may pass the bound, so that none is ever too long.
    pub fn has_room(&self, precedence: Precedence) -> bool {
        let on_its_way = if precedence == Precedence::Flash { self.flash } else { self.other };
        on_its_way < self.most()
    }

    /// How many bytes may be on their way, of FLASH and of the rest each.
    pub fn most(&self) -> u64 {
        let rate = self.best.into_iter().max().unwrap_or_default();
        rate.saturating_mul(limits::IN_FLIGHT_FOR.as_secs())
            .clamp(self.least, limits::IN_FLIGHT_BYTES_MAX.max(self.least))
    }

    /// Counts `bytes` as sent at `now`.
    pub fn send(&mut self, bytes: u64, precedence: Precedence, now: Instant) -> Sent {
        self.turn(now);
        if self.flash == 0 && self.other == 0 {
            self.confirmed_at = now; // nothing was awaited until now: silence says nothing about the line
        }
        *self.of(precedence) += bytes;
        Sent { bytes, precedence, confirmed_before: self.confirmed, since: self.confirmed_at }
    }

    /// It has arrived, as was heard at `now`.
    pub fn confirm(&mut self, sent: Sent, now: Instant) {
        self.forget(sent);
        self.turn(now);
        self.confirmed = self.confirmed.saturating_add(sent.bytes);
        self.confirmed_at = now;
        let took = now.saturating_duration_since(sent.since).max(INSTANT);
        let rate = u128::from(self.confirmed - sent.confirmed_before) * 1_000_000_000 / took.as_nanos();
        let [best, _] = &mut self.best;
        *best = (*best).max(u64::try_from(rate).unwrap_or(u64::MAX));
    }

    /// It is not on its way any more, and nothing is known of how it fared.
    pub fn forget(&mut self, sent: Sent) {
        let of = self.of(sent.precedence);
        *of = of.saturating_sub(sent.bytes);
    }

    fn of(&mut self, precedence: Precedence) -> &mut u64 {
        if precedence == Precedence::Flash { &mut self.flash } else { &mut self.other }
    }

    fn turn(&mut self, now: Instant) {
        let passed = now.saturating_duration_since(self.period_began);
        if passed >= PERIOD {
            let [best, _] = self.best;
            self.best = [0, if passed < 2 * PERIOD { best } else { 0 }];
            self.period_began = now;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use proptest::prelude::*;

    use super::*;

    const KIB: u64 = 1024;
    const LEAST: u64 = 4 * KIB;
    const FRAME: u64 = 512;

    /// Where a played clock begins; it is not looked at again.
    #[expect(clippy::disallowed_methods, reason = "an instant cannot be made of nothing")]
    fn some_time() -> Instant {
        Instant::now()
    }

    /// A line with a queue in front of it, played in steps of a millisecond.
    struct Line {
        in_flight: InFlight,
        begin: Instant,
        ms: u64,
        /// Bytes that it carries in a millisecond.
        carries: u64,
        /// How long a confirmation takes after a frame was carried.
        delay_ms: u64,
        queue: VecDeque<(u64, Sent)>,
        carried: u64,
        confirming: VecDeque<(u64, Sent)>,
        delivered: u64,
    }

    impl Line {
        fn new(carries: u64, delay_ms: u64) -> Self {
            let begin = some_time();
            let in_flight = InFlight::new(LEAST, begin);
            let (queue, confirming) = (VecDeque::new(), VecDeque::new());
            Self { in_flight, begin, ms: 0, carries, delay_ms, queue, carried: 0, confirming, delivered: 0 }
        }

        fn now(&self) -> Instant {
            self.begin + Duration::from_millis(self.ms)
        }

        fn send(&mut self, precedence: Precedence) {
            let sent = self.in_flight.send(FRAME, precedence, self.now());
            self.queue.push_back((FRAME, sent));
        }

        /// A millisecond in which as much is sent as may be.
        fn busy(&mut self) {
            while self.in_flight.has_room(Precedence::Routine) {
                self.send(Precedence::Routine);
            }
            self.step();
        }

        fn step(&mut self) {
            self.ms += 1;
            let mut may = self.carries;
            while let Some((left, sent)) = self.queue.front_mut() {
                let part = may.min(*left);
                may -= part;
                *left -= part;
                if *left > 0 {
                    break;
                }
                self.confirming.push_back((self.ms + self.delay_ms, *sent));
                self.queue.pop_front();
            }
            while let Some((at, sent)) = self.confirming.front().copied().filter(|(at, _)| *at <= self.ms) {
                assert!(at <= self.ms);
                self.in_flight.confirm(sent, self.now());
                self.delivered += sent.bytes;
                self.confirming.pop_front();
            }
            self.carried += self.carries - may;
        }

        /// How long a FLASH takes now.
        fn flash_takes(&mut self) -> Duration {
            let (before, at) = (self.queue.len() + self.confirming.len(), self.ms);
            assert!(self.in_flight.has_room(Precedence::Flash), "it does not wait for room");
            self.send(Precedence::Flash);
            let mut left = before + 1;
            while left > 0 {
                let awaited = self.queue.len() + self.confirming.len();
                self.step();
                left -= awaited - (self.queue.len() + self.confirming.len());
            }
            Duration::from_millis(self.ms - at)
        }
    }

    #[test]
    fn a_line_is_filled_and_flash_waits_for_two_seconds_at_most() {
        for (carries, delay_ms) in [(1, 10), (1, 600), (10, 200), (100, 1), (100, 400), (1_000, 40)] {
            let mut line = Line::new(carries, delay_ms);
            (0..20_000).for_each(|_| line.busy());
            let (before, at) = (line.carried, line.ms);
            (0..10_000).for_each(|_| line.busy());
            let used = (line.carried - before) * 100 / ((line.ms - at) * carries);
            assert!(used >= 95, "{carries} bytes a ms, {delay_ms} ms: {used} % used");
            let frame = Duration::from_millis(FRAME / carries);
            // what may always be on its way is more than two seconds of the slowest
            let ahead = limits::IN_FLIGHT_FOR.mul_f64(1.05).max(Duration::from_millis(LEAST / carries));
            let bound = ahead + 3 * frame + Duration::from_millis(delay_ms);
            let took = line.flash_takes();
            assert!(took <= bound, "{carries} bytes a ms, {delay_ms} ms: {took:?} > {bound:?}");
        }
    }

    #[test]
    fn a_fast_line_is_not_held_back_for_long() {
        let mut line = Line::new(10_000, 2);
        (0..200).for_each(|_| line.busy());
        assert!(line.in_flight.most() > 8 * 1024 * KIB, "{}", line.in_flight.most());
    }

    #[test]
    fn a_receiver_that_stands_still_and_then_confirms_all_at_once_does_not_widen_the_line() {
        let mut line = Line::new(10, 20);
        (0..20_000).for_each(|_| line.busy());
        let most = line.in_flight.most();
        // it confirms nothing for four seconds, then everything in one moment
        line.confirming.iter_mut().for_each(|(at, _)| *at += 4_000);
        let silent_until = line.ms + 4_000;
        while line.ms < silent_until {
            line.busy();
            line.confirming.iter_mut().for_each(|(at, _)| *at = (*at).max(silent_until + 1));
        }
        (0..100).for_each(|_| line.busy());
        assert!(line.in_flight.most() <= most * 12 / 10, "{} after {most}", line.in_flight.most());
        assert!(line.in_flight.most() >= most * 8 / 10, "{} after {most}", line.in_flight.most());
    }

    #[test]
    fn a_line_that_became_slow_is_noticed_within_ten_seconds() {
        let mut line = Line::new(100, 20);
        (0..20_000).for_each(|_| line.busy());
        line.carries = 2;
        (0..200_000).for_each(|_| line.busy());
        let most = limits::IN_FLIGHT_FOR.as_millis() as u64 * line.carries;
        assert!(line.in_flight.most() <= most * 11 / 10, "{}", line.in_flight.most());
    }

    #[test]
    fn what_was_seen_before_a_long_silence_is_forgotten() {
        let mut line = Line::new(1_000, 1);
        (0..5_000).for_each(|_| line.busy());
        assert!(line.in_flight.most() > LEAST);
        (0..5_000).for_each(|_| line.step());
        line.ms += 60_000;
        line.send(Precedence::Routine);
        assert_eq!(line.in_flight.most(), LEAST);
    }

    #[test]
    fn many_flash_have_a_bound_too_and_take_no_room_from_the_rest() {
        let mut line = Line::new(0, 1);
        while line.in_flight.has_room(Precedence::Flash) {
            line.send(Precedence::Flash);
        }
        assert_eq!(line.in_flight.flash, LEAST);
        assert!(line.in_flight.has_room(Precedence::Routine));
    }

    proptest! {
        #[test]
        fn all_that_was_sent_is_accounted_for(
            steps in prop::collection::vec((0u8..4, 0u64..2_000_000, 0usize..4, 0u64..20_000), 1..200),
        ) {
            let begin = some_time();
            let (mut in_flight, mut now) = (InFlight::new(LEAST, begin), begin);
            let mut on_its_way: VecDeque<Sent> = VecDeque::new();
            for (what, bytes, precedence, ms) in steps {
                now += Duration::from_millis(ms);
                match what {
                    0 | 1 => on_its_way.push_back(in_flight.send(bytes, Precedence::ALL[precedence], now)),
                    2 => {
                        if let Some(sent) = on_its_way.pop_front() {
                            in_flight.confirm(sent, now);
                        }
                    }
                    _ => {
                        if let Some(sent) = on_its_way.pop_back() {
                            in_flight.forget(sent);
                        }
                    }
                }
                let of = |flash| on_its_way.iter().filter(|sent| (sent.precedence == Precedence::Flash) == flash).map(|sent| sent.bytes).sum::<u64>();
                prop_assert_eq!((in_flight.flash, in_flight.other), (of(true), of(false)));
                prop_assert!((LEAST..=limits::IN_FLIGHT_BYTES_MAX).contains(&in_flight.most()));
                prop_assert_eq!(in_flight.has_room(Precedence::Immediate), in_flight.other < in_flight.most());
            }
        }
    }
}
