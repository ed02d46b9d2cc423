//! The way to the broker: dials, keeps one session alive, and begins again when it ends. Whoever asks sees one state.

mod blobs;
pub mod carry;
pub mod dial;
mod keep;
mod mend;
mod outgoing;
pub(crate) mod rollback;
mod session;
mod submit;
mod take;
pub mod test;

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use arc_swap::ArcSwapOption;
use model::{ids::MessageId, invalid::Invalid, limits, reason::Reason, time::Timestamp};
use proto::v1::{
    self, blobs_client::BlobsClient, directory_client::DirectoryClient, documents_client::DocumentsClient,
    exchange_client::ExchangeClient,
};
use tokio::{
    sync::{Notify, watch},
    time::Instant,
};
use tokio_util::sync::CancellationToken;
use tonic::transport::Channel;

use crate::{config::Config, desk::Desk};

/// The first pause after a failure; it doubles up to [`PAUSE_MAX`].
const PAUSE_MIN: Duration = Duration::from_secs(1);
/// The longest pause.
const PAUSE_MAX: Duration = Duration::from_mins(1);
/// How long a question to the broker may take: a link that is silent is not known to be dead at once.
const ASK_TIME_MAX: Duration = Duration::from_secs(5);

/// Where the link stands.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Phase {
    /// A session lives.
    Up,
    /// On the way to the broker.
    Dialing,
    /// Waits before it dials again.
    Waiting,
}

impl Phase {
    /// As the contract names it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Up => "UP",
            Self::Dialing => "DIALING",
            Self::Waiting => "WAITING",
        }
    }
}

/// What is known of the link now.
#[derive(Clone, Debug)]
pub struct LinkState {
    /// Where it stands.
    pub phase: Phase,
    /// The endpoint in use or tried last.
    pub endpoint: String,
    /// Why it is not up; or, while it is, why the broker takes some messages only later.
    pub problem: Option<Invalid>,
    /// Since when it is so.
    pub since: Timestamp,
    /// When it will dial again.
    pub retry_at: Option<Timestamp>,
    /// The broker's clock minus ours, in milliseconds.
    pub skew_ms: i64,
    /// Key exchange of the connection.
    pub tls_group: String,
}

/// The link, for whoever asks. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Link {
    state: Arc<watch::Sender<LinkState>>,
    channel: Arc<ArcSwapOption<Channel>>,
    hurry: Arc<Notify>,
    asked_for_trust: Arc<Mutex<Option<Instant>>>,
}

/// How the link is to behave.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Endpoints, tried in turn.
    pub endpoints: Vec<String>,
    /// What sort of line.
    pub profile: crate::config::Profile,
}

impl Plan {
    /// What the configuration says.
    pub fn of(config: &Config) -> Self {
        Self { endpoints: config.broker.clone(), profile: config.link.profile }
    }
}

impl Link {
    /// A link that is down.
    pub fn new(now: Timestamp) -> Self {
        let state = LinkState {
            phase: Phase::Dialing,
            endpoint: String::new(),
            problem: None,
            since: now,
            retry_at: None,
            skew_ms: 0,
            tls_group: String::new(),
        };
        Self {
            state: Arc::new(watch::Sender::new(state)),
            channel: Arc::default(),
            hurry: Arc::default(),
            asked_for_trust: Arc::default(),
        }
    }

    /// Where it stands, and a bell for changes.
    pub fn watch(&self) -> watch::Receiver<LinkState> {
        self.state.subscribe()
    }

    /// Somebody has seen that the broker can be reached: an agent that waits before it dials again dials now.
    pub fn hurry(&self) {
        if self.state.borrow().phase == Phase::Waiting {
            self.hurry.notify_one();
        }
    }

    /// Whether it is so long since a message made us ask for signed files; from now on it is not.
    fn may_ask_for_trust(&self, pause: Duration) -> bool {
        let mut asked = self.asked_for_trust.lock().unwrap_or_else(PoisonError::into_inner);
        let may = asked.is_none_or(|at| at.elapsed() >= pause);
        if may {
            *asked = Some(Instant::now());
        }
        may
    }

    /// Whether a session lives.
    pub fn is_up(&self) -> bool {
        self.state.borrow().phase == Phase::Up
    }

    /// The channel to the broker while the link is up.
    pub fn channel(&self) -> Option<Channel> {
        self.channel.load().as_deref().cloned()
    }

    /// The broker's documents while the link is up.
    pub fn documents(&self) -> Option<DocumentsClient<Channel>> {
        let wide = usize::try_from(limits::ATTACHMENTS_BYTES_MAX).unwrap_or(usize::MAX);
        self.channel().map(|channel| DocumentsClient::new(channel).max_decoding_message_size(wide))
    }

    /// The broker's blobs while the link is up.
    pub fn blobs(&self) -> Option<BlobsClient<Channel>> {
        self.channel().map(BlobsClient::new)
    }

    /// Who else is linked, as the broker says.
    pub async fn members(&self) -> Vec<v1::LinkState> {
        let Some(channel) = self.channel() else { return Vec::new() };
        let mut directory = DirectoryClient::new(channel);
        let answer = tokio::time::timeout(ASK_TIME_MAX, directory.links(v1::LinksRequest {})).await;
        answer.ok().and_then(Result::ok).map(|answer| answer.into_inner().links).unwrap_or_default()
    }

    /// What the broker knows about a message.
    pub async fn trace(&self, id: MessageId) -> Result<v1::TraceResponse, Invalid> {
        let channel = self.channel().ok_or_else(|| Invalid::new(Reason::Busy, "", "link.needed"))?;
        let ask = v1::TraceRequest { message_id: id.0.to_vec().into() };
        let mut exchange = ExchangeClient::new(channel);
        let answer = tokio::time::timeout(ASK_TIME_MAX, exchange.trace(ask)).await;
        let answer = answer.map_err(|_| Invalid::new(Reason::Busy, "", "link.no_answer"))?;
        answer.map(tonic::Response::into_inner).map_err(|status| crate::desk::documents::told(&status, "message_id"))
    }

    /// Why the broker takes nothing of some precedence although the link is up, if so: for whoever asks how the link is.
    fn halted(&self, why: Option<&Invalid>) {
        let changed = self.state.send_if_modified(|state| {
            let changed = state.phase == Phase::Up && state.problem.as_ref() != why;
            if changed {
                state.problem = why.cloned();
            }
            changed
        });
        if let Some(why) = why.filter(|_| changed) {
            tracing::warn!(%why, "the broker takes some messages later; they wait here");
        }
    }

    fn set(&self, change: impl FnOnce(&mut LinkState)) {
        self.state.send_modify(change);
    }
}

/// Keeps the link alive until told to stop.
pub async fn run(desk: Arc<Desk>, plan: Plan, stop: CancellationToken) {
    let (mut failures, mut turn) = (0_u32, 0_usize);
    if let Err(problem) = rollback::seal_again(&desk).await {
        tracing::error!(%problem, "what waits under an earlier name could not be sealed again");
    }
    loop {
        let Some(endpoint) = plan.endpoints.get(turn % plan.endpoints.len().max(1)).cloned() else { return };
        let began = desk.clock.now();
        desk.link.set(|state| {
            state.phase = Phase::Dialing;
            state.endpoint.clone_from(&endpoint);
            state.since = began;
        });
        let ended = tokio::select! {
            () = stop.cancelled() => return down(&desk, None, None),
            ended = one_session(&desk, &plan, &endpoint) => ended,
        };
        desk.link.channel.store(None);
        // any sign of life begins the count anew
        failures = if ended.was_alive { 0 } else { failures.saturating_add(1) };
        turn += 1;
        let pause = ended.retry_after.map_or_else(|| pause(failures), politely);
        let retry_at = desk.clock.now().plus(pause);
        if let Some(problem) = &ended.problem {
            tracing::warn!(%problem, endpoint, ?pause, "the link is down");
        } else {
            tracing::info!(endpoint, ?pause, "the link was closed");
        }
        down(&desk, ended.problem, Some(retry_at));
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(pause) => {}
            () = desk.link.hurry.notified() => {}
        }
    }
}

/// How a session ended, or why none began.
#[derive(Debug, Default)]
pub(crate) struct Ended {
    problem: Option<Invalid>,
    was_alive: bool,
    retry_after: Option<Duration>,
}

impl Ended {
    fn never(problem: Invalid) -> Self {
        Self { problem: Some(problem), ..Self::default() }
    }
}

async fn one_session(desk: &Arc<Desk>, plan: &Plan, endpoint: &str) -> Ended {
    match dial::dial(&desk.tls, endpoint).await {
        Ok(line) => session::run(desk, plan, line).await,
        Err(problem) => Ended::never(problem),
    }
}

fn down(desk: &Desk, problem: Option<Invalid>, retry_at: Option<Timestamp>) {
    let now = desk.clock.now();
    desk.link.channel.store(None);
    desk.link.set(|state| {
        if state.phase != Phase::Waiting {
            state.since = now;
        }
        state.phase = Phase::Waiting;
        state.problem = problem;
        state.retry_at = retry_at;
    });
}

/// When the broker says when to come back: not all at that moment, and within a minute.
fn politely(after: Duration) -> Duration {
    if after.is_zero() { after } else { after.saturating_add(pause(0)).min(PAUSE_MAX) }
}

/// Full jitter: anything up to 1 s, doubled with each failure, 60 s at most. A broker that comes back is not stampeded.
fn pause(failures: u32) -> Duration {
    let most = PAUSE_MIN.saturating_mul(1 << failures.min(6)).min(PAUSE_MAX);
    let mut random = [0; 4];
    // without randomness the longest pause is the polite one
    let part =
        getrandom::fill(&mut random).map_or(1.0, |()| f64::from(u32::from_be_bytes(random)) / f64::from(u32::MAX));
    most.mul_f64(part)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn agents_that_are_sent_away_come_back_one_by_one_and_within_a_minute() {
        let second = Duration::from_secs(1);
        let times: std::collections::BTreeSet<_> = (0..32).map(|_| politely(second)).collect();
        assert!(times.len() > 16 && times.iter().all(|time| (second..=second * 2).contains(time)), "{times:?}");
        assert_eq!(politely(Duration::MAX / 2), PAUSE_MAX);
        assert_eq!(politely(Duration::ZERO), Duration::ZERO, "under a new name it begins at once");
    }

    #[test]
    fn pauses_double_and_never_pass_a_minute() {
        for failures in 0..100 {
            let most = PAUSE_MIN.saturating_mul(1 << failures.min(6)).min(PAUSE_MAX);
            assert!(pause(failures) <= most, "{failures}");
        }
        assert!(
            (0..64).any(|_| pause(20) > Duration::from_secs(10)),
            "sixty seconds of jitter give more than ten at times"
        );
    }
}
