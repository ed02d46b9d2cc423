//! What a connection may do below its calls: how long it may wait with its first request, with its headers, without any
//! call, and with reading what we say; and how many frames it may send that carry nothing. Each limit ends the connection.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering},
    },
    task::Context,
    time::Duration,
};

use model::limits;
use tokio::time::{Instant, Interval, MissedTickBehavior};

use super::frames::{Frames, Seen};

/// How often each connection is looked at, also while nothing happens.
const LOOK: Duration = Duration::from_secs(1);
/// Answers to what we said that may come late, all at once.
const OWED_MAX: u32 = 1 << 15;

/// Which limit a connection passed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Breach {
    /// No request came.
    NoRequest,
    /// Headers began and did not end.
    SlowHeaders,
    /// It has been without any call for too long.
    Idle,
    /// Too many frames that carry nothing.
    Control,
    /// Too many calls begun.
    Calls,
    /// It does not read what we say.
    Stalled,
    /// Nobody trusts it any more.
    Untrusted,
}

impl Breach {
    /// The limit's name in the metrics.
    pub const fn limit(self) -> &'static str {
        match self {
            Self::NoRequest => "first_request",
            Self::SlowHeaders => "headers",
            Self::Idle => "idle",
            Self::Control => "control_frames",
            Self::Calls => "calls",
            Self::Stalled => "stalled",
            Self::Untrusted => "untrusted",
        }
    }

    /// For the audit: the same words for the same cause.
    pub const fn why(self) -> &'static str {
        match self {
            Self::NoRequest => "no request came in time",
            Self::SlowHeaders => "the headers of a request did not end in time",
            Self::Idle => "the connection was without a call for too long",
            Self::Control => "too many control frames",
            Self::Calls => "too many calls begun",
            Self::Stalled => "the other side did not read in time",
            Self::Untrusted => "the certificate is not trusted any more",
        }
    }

    /// Whether it speaks against whoever called; being idle does not.
    pub const fn is_fault(self) -> bool {
        !matches!(self, Self::Idle)
    }
}

/// What the calls of a connection and its frames know of each other.
#[derive(Debug, Default)]
pub(super) struct Usage {
    calls: AtomicUsize,
    /// A call began since the last look: it may have ended since.
    begun: AtomicBool,
    data: AtomicU64,
    slow: AtomicBool,
}

/// A call that is under way; it ends when this is dropped.
#[derive(Debug)]
pub(super) struct Call(Arc<Usage>);

impl Drop for Call {
    fn drop(&mut self) {
        self.0.calls.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Usage {
    /// A call begins.
    pub fn begin(self: &Arc<Self>) -> Call {
        self.begun.store(true, Ordering::Relaxed);
        self.calls.fetch_add(1, Ordering::Relaxed);
        Call(self.clone())
    }

    /// The agent said that its line is a slow one.
    pub fn is_slow(&self) {
        self.slow.store(true, Ordering::Relaxed);
    }

    /// How many bytes of content must come within which time while a request is waited for.
    pub fn pace(&self) -> (u64, Duration) {
        if self.slow.load(Ordering::Relaxed) { limits::REQUEST_PACE_SLOW } else { limits::REQUEST_PACE }
    }

    /// More bytes of content came.
    pub fn counts(&self, bytes: u64) {
        self.data.fetch_add(bytes, Ordering::Relaxed);
    }

    /// Bytes of content that came, in all.
    pub fn data(&self) -> u64 {
        self.data.load(Ordering::Relaxed)
    }
}

/// Frames of one sort that may still come.
#[derive(Debug)]
struct Budget {
    per_second: u32,
    left: f64,
    /// Answers to what we said: a window for each frame of content, a reset for each answer.
    owed: u32,
    at: Instant,
}

impl Budget {
    /// Twice what comes in a second may come at once.
    fn of(per_second: u32, now: Instant) -> Self {
        Self { per_second, left: 2.0 * f64::from(per_second), owed: 0, at: now }
    }

    fn owe(&mut self, said: Seen) {
        let more = said.data_frames.saturating_mul(2).saturating_add(said.blocks);
        self.owed = self.owed.saturating_add(more).min(OWED_MAX);
    }

    fn take(&mut self, count: u32, now: Instant) -> bool {
        let paid = count.min(self.owed);
        self.owed -= paid;
        let passed = now.saturating_duration_since(self.at).as_secs_f64();
        self.at = now;
        let rate = f64::from(self.per_second);
        self.left = (self.left + passed * rate).min(2.0 * rate);
        self.left -= f64::from(count - paid);
        self.left >= 0.0
    }
}

/// Watches one connection.
#[derive(Debug)]
pub(super) struct Guard {
    heard: Frames,
    said: Frames,
    control: Budget,
    begun: Budget,
    /// Until the first request came: since when it is waited for.
    unasked: Option<Instant>,
    /// Since when headers are under way.
    headers: Option<Instant>,
    /// Since when there is no call.
    quiet: Option<Instant>,
    /// Since when nothing that we say gets away.
    stuck: Option<Instant>,
    next_look: Interval,
    usage: Arc<Usage>,
}

impl Guard {
    /// Watches a connection that begins now.
    pub fn new(usage: Arc<Usage>) -> Self {
        let now = Instant::now();
        let mut next_look = tokio::time::interval_at(now + LOOK, LOOK);
        next_look.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Self {
            heard: Frames::of_client(),
            said: Frames::of_server(),
            control: Budget::of(limits::CONTROL_FRAMES_PER_SECOND, now),
            begun: Budget::of(limits::CALLS_PER_SECOND, now),
            unasked: Some(now),
            headers: None,
            quiet: None,
            stuck: None,
            next_look,
            usage,
        }
    }

    /// These bytes came.
    pub fn hears(&mut self, bytes: &[u8]) -> Result<(), Breach> {
        let seen = self.heard.take(bytes);
        let now = Instant::now();
        self.usage.counts(seen.data);
        if seen.blocks > 0 {
            self.unasked = None;
        }
        self.headers = match self.headers {
            // one block after another is progress; the same one is not
            Some(since) if self.heard.in_headers() && seen.blocks == 0 => Some(since),
            _ => self.heard.in_headers().then_some(now),
        };
        if !self.control.take(seen.control, now) {
            return Err(Breach::Control);
        }
        if self.begun.take(seen.blocks, now) { Ok(()) } else { Err(Breach::Calls) }
    }

    /// These bytes got away.
    pub fn says(&mut self, bytes: &[u8]) {
        self.stuck = None;
        let said = self.said.take(bytes);
        self.control.owe(said);
    }

    /// Nothing gets away just now.
    pub fn is_stuck(&mut self) {
        self.stuck.get_or_insert_with(Instant::now);
    }

    /// Everything got away.
    pub fn is_free(&mut self) {
        self.stuck = None;
    }

    /// Whether it is time to look; the task is woken when it is again.
    pub fn is_time(&mut self, cx: &mut Context<'_>) -> bool {
        self.next_look.poll_tick(cx).is_ready()
    }

    /// Looks at what did not happen.
    pub fn look(&mut self) -> Result<(), Breach> {
        let now = Instant::now();
        let begun = self.usage.begun.swap(false, Ordering::Relaxed);
        let idle = self.usage.calls.load(Ordering::Relaxed) == 0;
        self.quiet = if idle { self.quiet.filter(|_| !begun).or(Some(now)) } else { None };
        let over = |since: Option<Instant>, most: Duration| since.is_some_and(|since| now - since >= most);
        for (since, most, breach) in [
            (self.unasked, limits::FIRST_REQUEST_TIME_MAX, Breach::NoRequest),
            (self.headers, limits::HEADERS_TIME_MAX, Breach::SlowHeaders),
            (self.quiet, limits::IDLE_TIME_MAX, Breach::Idle),
            (self.stuck, limits::STALLED_TIME_MAX, Breach::Stalled),
        ] {
            if over(since, most) {
                return Err(breach);
            }
        }
        Ok(())
    }

    /// The last frame for somebody who is sent away: which stream was the last that counts, and "be calm". None in the
    /// middle of another.
    pub fn go_away(&self) -> Option<[u8; 17]> {
        const ENHANCE_YOUR_CALM: u8 = 0x0b;
        let [a, b, c, d] = self.heard.last_stream().to_be_bytes();
        let frame = [0, 0, 8, 7, 0, 0, 0, 0, 0, a, b, c, d, 0, 0, 0, ENHANCE_YOUR_CALM];
        self.said.at_boundary().then_some(frame)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
    const PING: [u8; 17] = [0, 0, 8, 6, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    const HEADERS: [u8; 10] = [0, 0, 1, 1, 4, 0, 0, 0, 1, 0x82];

    fn guard() -> (Guard, Arc<Usage>) {
        let usage = Arc::new(Usage::default());
        let mut guard = Guard::new(usage.clone());
        guard.hears(PREFACE).unwrap();
        (guard, usage)
    }

    /// What is found within two minutes of looking each second, and after how many of them.
    async fn found(guard: &mut Guard) -> Option<(u64, Breach)> {
        for second in 1..=120 {
            tokio::time::advance(LOOK).await;
            if let Err(breach) = guard.look() {
                return Some((second, breach));
            }
        }
        None
    }

    #[tokio::test(start_paused = true)]
    async fn who_asks_nothing_is_sent_away_after_ten_seconds_whatever_else_it_says() {
        let (mut guard, _) = guard();
        assert_eq!(found(&mut guard).await, Some((10, Breach::NoRequest)));
        guard.hears(&PING).unwrap();
        assert_eq!(guard.look(), Err(Breach::NoRequest), "a ping is no request");
    }

    #[tokio::test(start_paused = true)]
    async fn headers_that_never_end_are_not_waited_for_though_they_trickle() {
        let (mut guard, usage) = guard();
        guard.hears(&HEADERS).unwrap();
        let _call = usage.begin();
        assert_eq!(found(&mut guard).await, None, "a call may last");

        guard.hears(&[0, 0, 1, 1, 0, 0, 0, 0, 3, 0x82]).unwrap();
        for _ in 0..9 {
            tokio::time::advance(LOOK).await;
            guard.hears(&[0, 0, 1, 9, 0, 0, 0, 0, 3, 0x84]).unwrap();
            guard.look().unwrap();
        }
        tokio::time::advance(LOOK).await;
        assert_eq!(guard.look(), Err(Breach::SlowHeaders));
        guard.hears(&[0, 0, 0, 9, 4, 0, 0, 0, 3]).unwrap();
        assert_eq!(guard.look(), Ok(()), "they ended");
    }

    #[tokio::test(start_paused = true)]
    async fn a_connection_without_a_call_is_closed_after_half_a_minute() {
        let (mut guard, usage) = guard();
        guard.hears(&HEADERS).unwrap();
        drop(usage.begin());
        guard.look().unwrap();
        assert_eq!(found(&mut guard).await, Some((30, Breach::Idle)));
        let _call = usage.begin();
        assert_eq!(guard.look(), Ok(()), "it has work again");
    }

    #[tokio::test(start_paused = true)]
    async fn who_does_not_read_is_waited_for_a_minute() {
        let (mut guard, usage) = guard();
        guard.hears(&HEADERS).unwrap();
        let _call = usage.begin();
        guard.is_stuck();
        tokio::time::advance(LOOK * 59).await;
        guard.look().unwrap();
        guard.is_stuck();
        tokio::time::advance(LOOK).await;
        assert_eq!(guard.look(), Err(Breach::Stalled));
        guard.says(&PING);
        assert_eq!(guard.look(), Ok(()), "something got away");
    }

    #[tokio::test(start_paused = true)]
    async fn two_hundred_control_frames_a_second_pass_and_more_do_not() {
        let (mut steady, _) = guard();
        for _ in 0..600 {
            tokio::time::advance(Duration::from_millis(100)).await;
            steady.hears(&PING.repeat(20)).unwrap();
        }
        let (mut flood, _) = guard();
        let said = (0..1_000).find(|_| flood.hears(&PING).is_err());
        assert_eq!(said, Some(400), "twice a second's worth may come at once");
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_reads_much_may_open_its_window_as_often() {
        let (mut guard, _) = guard();
        let content = [&[0, 0, 4, 0, 0, 0, 0, 0, 1][..], b"data"].concat();
        let window = [0, 0, 4, 8, 0, 0, 0, 0, 0, 0, 0, 1, 0];
        for _ in 0..5_000 {
            guard.says(&content);
            guard.hears(&window).unwrap();
            guard.hears(&window).unwrap();
        }
        assert!((0..500).any(|_| guard.hears(&window).is_err()), "and not more often");
    }

    #[tokio::test(start_paused = true)]
    async fn the_last_word_names_the_last_stream_and_never_falls_into_another_frame() {
        let (mut guard, _) = guard();
        guard.hears(&[0, 0, 1, 1, 4, 0, 0, 1, 7, 0x82]).unwrap();
        let [.., a, b, c, d, _, _, _, why] = guard.go_away().unwrap();
        assert_eq!(([a, b, c, d], why), ([0, 0, 1, 7], 0x0b));
        guard.says(&PING[..12]);
        assert_eq!(guard.go_away(), None);
    }
}
