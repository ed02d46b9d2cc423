//! One session, from Hello to its end. One task reads frames in the order of the wire and starts what they ask for;
//! what must be durable before it is answered is awaited in the same order.

use std::{error::Error as _, future::Future, pin::Pin, sync::Arc, time::Duration};

use futures_util::{StreamExt as _, stream::FuturesOrdered};
use journal::Lane;
use model::{
    invalid::Invalid,
    limits,
    precedence::{PerPrecedence, Precedence},
    reason::Reason,
};
use proto::{
    border,
    record::{EpochsKnown, kind},
    v1::{self, exchange_client::ExchangeClient, session_request::Frame as Tell, session_response::Frame as Heard},
};
use tokio::sync::{Mutex, mpsc};
use tokio_stream::wrappers::ReceiverStream;

use super::{
    Ended, Phase, Plan, blobs::Uploads, carry, dial::Line, keep::Keeping, outgoing::Outgoing, rollback,
    submit::Submitting,
};
use crate::desk::Desk;

/// Frames that wait for the wire.
const OUT_FRAMES: usize = 16;
/// Frames whose commit is awaited at a time.
const COMMITS_IN_FLIGHT: usize = 32;
/// Envelopes of one precedence that may be on their way to us.
pub(super) const WINDOW_ENVELOPES: u64 = 4_096;

/// Where frames for the broker go.
pub(super) type Out = mpsc::Sender<v1::SessionRequest>;
/// Something that must be durable before the next frame counts.
pub(super) type Work = Pin<Box<dyn Future<Output = Result<(), Invalid>> + Send>>;

/// What the parts of one session share.
pub(super) struct Session {
    pub desk: Arc<Desk>,
    pub plan: Plan,
    pub out: Out,
    pub submitting: Mutex<Submitting>,
    pub submit_bell: tokio::sync::Notify,
    pub uploads: Uploads,
    pub outgoing: Outgoing,
    pub keeping: std::sync::Mutex<Keeping>,
    pub window: std::sync::Mutex<Window>,
}

/// Envelopes and bytes, in all since the session began.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Amount {
    pub bytes: u64,
    pub envelopes: u64,
}

/// What we let the broker send, and what came of it.
#[derive(Debug)]
pub(super) struct Window {
    taken: PerPrecedence<Amount>,
    granted: PerPrecedence<Amount>,
    size: Amount,
}

impl Window {
    fn new(size: Amount) -> Self {
        Self { taken: PerPrecedence::from_fn(|_| Amount::default()), granted: PerPrecedence::from_fn(|_| size), size }
    }

    /// Counts what is stored; more credit when half of a window is used.
    pub fn stored(&mut self, precedence: Precedence, bytes: u64) -> bool {
        let taken = self.taken.get_mut(precedence);
        taken.bytes += bytes;
        taken.envelopes += 1;
        let (taken, granted) = (*taken, self.granted.get_mut(precedence));
        let low = granted.bytes.saturating_sub(taken.bytes) < self.size.bytes / 2
            || granted.envelopes.saturating_sub(taken.envelopes) < self.size.envelopes / 2;
        if low {
            *granted =
                Amount { bytes: taken.bytes + self.size.bytes, envelopes: taken.envelopes + self.size.envelopes };
        }
        low
    }

    pub fn credit(&self) -> v1::Credit {
        let line = |(precedence, amount): (Precedence, &Amount)| v1::CreditLine {
            precedence: precedence.number(),
            bytes: amount.bytes,
            envelopes: amount.envelopes,
        };
        v1::Credit { lines: self.granted.iter().map(line).collect() }
    }
}

/// Runs a session over `line` until it ends.
pub(super) async fn run(desk: &Arc<Desk>, plan: &Plan, line: Line) -> Ended {
    let (out, asks) = mpsc::channel(OUT_FRAMES);
    let window = Window::new(Amount { bytes: plan.profile.window_bytes(), envelopes: WINDOW_ENVELOPES });
    let hello = hello(desk, plan, window.credit());
    if out.try_send(tell(Tell::Hello(hello))).is_err() {
        return Ended::never(Invalid::new(Reason::Internal, "", "session.hello"));
    }
    let wide = limits::WIRE_MESSAGE_BYTES_MAX * 2;
    let mut client = ExchangeClient::new(line.channel.clone()).max_decoding_message_size(wide);
    let opening = tokio::time::timeout(limits::FIRST_REQUEST_TIME_MAX, client.session(ReceiverStream::new(asks))).await;
    let mut frames = match opening {
        Ok(Ok(answer)) => answer.into_inner(),
        Ok(Err(status)) => return Ended::never(ended_early(&status)),
        Err(_) => return Ended::never(Invalid::new(Reason::PeerOffline, "broker", "session.no_answer")),
    };
    let first = tokio::time::timeout(limits::FIRST_REQUEST_TIME_MAX, frames.next()).await;
    let welcome = match first {
        Ok(Some(Ok(v1::SessionResponse { frame: Some(Heard::Welcome(welcome)) }))) => welcome,
        Ok(Some(Err(status))) => return Ended::never(ended_early(&status)),
        _ => return Ended::never(Invalid::new(Reason::PeerOffline, "broker", "session.no_welcome")),
    };
    if welcome.rolled_back {
        // the next session goes by the new name
        let renamed = rollback::begin_again(desk, line.channel).await;
        return Ended { problem: renamed.err(), was_alive: true, retry_after: Some(Duration::ZERO) };
    }
    carry::before(desk, line.channel.clone(), &welcome).await;
    let session = Arc::new(Session {
        desk: desk.clone(),
        plan: plan.clone(),
        out,
        submitting: Mutex::new(Submitting::new(welcome.credit.as_ref(), plan.profile.least_in_flight())),
        submit_bell: tokio::sync::Notify::new(),
        uploads: Uploads::default(),
        outgoing: Outgoing::default(),
        keeping: std::sync::Mutex::default(),
        window: std::sync::Mutex::new(window),
    });
    if let Err(problem) = session.welcome(&welcome).await {
        return Ended { problem: Some(problem), was_alive: true, retry_after: None };
    }
    up(desk, &line, &welcome);
    let ended = tokio::select! {
        ended = session.read(frames) => ended,
        failed = session.submit() => Ended { problem: failed.err(), was_alive: true, retry_after: None },
        failed = session.keep() => Ended { problem: failed.err(), was_alive: true, retry_after: None },
        failed = session.carry() => Ended { problem: failed.err(), was_alive: true, retry_after: None },
        failed = session.beat() => Ended { problem: failed.err(), was_alive: true, retry_after: None },
    };
    Ended { was_alive: true, ..ended }
}

/// Why no session began: what the broker said, or that it left without a word. In TLS 1.3 a certificate that the broker
/// refuses shows itself only so, for its handshake ends after ours.
fn ended_early(status: &tonic::Status) -> Invalid {
    proto::status::invalid(status).unwrap_or_else(|| {
        let mut cause: &dyn std::error::Error = status;
        while let Some(deeper) = cause.source() {
            cause = deeper;
        }
        let detail = if status.source().is_some() { cause.to_string() } else { status.message().to_owned() };
        Invalid::new(Reason::PeerOffline, "broker", "session.ended_early").detail(detail)
    })
}

fn hello(desk: &Desk, plan: &Plan, credit: v1::Credit) -> v1::Hello {
    desk.engine.read(|fold, _| {
        let agent = fold.agent();
        v1::Hello {
            protocol_min: 1,
            protocol_max: 1,
            incarnation: agent.incarnation.clone(),
            boot_count: agent.boot_count,
            last_sender_seq: agent.last_seq,
            receipts_seen: Some(v1::ReceiptsSeen { epoch: agent.line_epoch.clone(), position: agent.line_position }),
            highest_seen: Some(v1::JournalPlace {
                epoch: agent.highest_epoch.clone(),
                position: agent.highest_position,
            }),
            clock: Some(border::time::to_wire(desk.clock.now())),
            clock_error_ms: desk.clock_error_ms,
            profile: plan.profile.name().to_owned(),
            features: Vec::new(),
            software: env!("CARGO_PKG_VERSION").to_owned(),
            credit: Some(credit),
            head: desk.witness.own(),
        }
    })
}

fn up(desk: &Desk, line: &Line, welcome: &v1::Welcome) {
    let now = desk.clock.now();
    let theirs = border::time::optional(welcome.clock, "clock").ok().flatten().unwrap_or(now);
    tracing::info!(session = welcome.session, "the link is up");
    desk.link.channel.store(Some(Arc::new(line.channel.clone())));
    desk.link.set(|state| {
        state.phase = Phase::Up;
        state.problem = None;
        state.since = now;
        state.retry_at = None;
        state.skew_ms = theirs.millis() - now.millis();
        state.tls_group.clone_from(&line.tls_group);
    });
}

impl Session {
    /// What the broker's journal went through; whatever it lost goes back to where it waits.
    async fn welcome(&self, welcome: &v1::Welcome) -> Result<(), Invalid> {
        let known = EpochsKnown { epochs: welcome.epochs.clone() };
        // in the lane of deliveries: what an earlier session was still storing is folded before this, so that its receipts
        // count as left over and are sent before whatever a person signs about them
        self.desk.write(kind::EPOCHS_KNOWN, &known, Lane::Settling).await
    }

    /// Reads until the broker leaves or falls silent.
    async fn read(self: &Arc<Self>, mut frames: tonic::Streaming<v1::SessionResponse>) -> Ended {
        let silence = self.plan.profile.heartbeat().mul_f32(2.5);
        let mut works: FuturesOrdered<Work> = FuturesOrdered::new();
        let mut retry_after = None;
        loop {
            tokio::select! {
                Some(done) = works.next(), if !works.is_empty() => {
                    if let Err(problem) = done {
                        return Ended { problem: Some(problem), retry_after, ..Ended::default() };
                    }
                }
                heard = tokio::time::timeout(silence, frames.next()), if works.len() < COMMITS_IN_FLIGHT => {
                    let frame = match heard {
                        Ok(Some(Ok(v1::SessionResponse { frame: Some(frame) }))) => frame,
                        Ok(Some(Ok(v1::SessionResponse { frame: None }))) => continue, // a frame that we do not know yet
                        Ok(Some(Err(status))) => return Ended { problem: Some(crate::desk::documents::told(&status, "broker")), retry_after, ..Ended::default() },
                        Ok(None) => return Ended { retry_after, ..Ended::default() },
                        Err(_) => return Ended::never(Invalid::new(Reason::PeerOffline, "broker", "link.silent")),
                    };
                    if let Heard::GoAway(away) = &frame {
                        retry_after = away.retry_after.map(border::time::length);
                        if !away.reason.is_empty() {
                            let reason = away.reason.parse().unwrap_or(Reason::Busy);
                            return Ended { problem: Some(Invalid::new(reason, "broker", "session.go_away")), retry_after, ..Ended::default() };
                        }
                    }
                    if let Some(mut work) = self.heard(frame).await {
                        // first polled here, in the order of the wire: the journal takes it in that order
                        match futures_util::FutureExt::now_or_never(work.as_mut()) {
                            Some(Err(problem)) => return Ended { problem: Some(problem), retry_after, ..Ended::default() },
                            Some(Ok(())) => {}
                            None => works.push_back(work),
                        }
                    }
                }
            }
        }
    }

    async fn heard(self: &Arc<Self>, frame: Heard) -> Option<Work> {
        match frame {
            Heard::Answers(answers) => Some(self.answers(answers).await),
            Heard::Deliveries(deliveries) => Some(self.take(deliveries).await),
            Heard::ReceiptLine(line) => Some(self.receipt_line(line)),
            Heard::ConfirmStored(stored) => self.confirm_stored(stored),
            Heard::Credit(credit) => {
                self.submitting.lock().await.credit(&credit);
                self.submit_bell.notify_one();
                None
            }
            Heard::GapRequest(gap) => {
                self.offer_asked(&gap).await;
                None
            }
            Heard::Heartbeat(beat) => {
                if beat.head.is_some() {
                    self.desk.witness.bell.notify_one();
                }
                None
            }
            Heard::Welcome(_) | Heard::GoAway(_) | Heard::Chunk(_) => None,
        }
    }

    /// A sign of life whenever the interval has passed.
    async fn beat(&self) -> Result<(), Invalid> {
        loop {
            tokio::time::sleep(self.plan.profile.heartbeat()).await;
            let waiting = self.desk.engine.read(|fold, _| fold.agent().queued);
            let beat = v1::Heartbeat {
                at: Some(border::time::to_wire(self.desk.clock.now())),
                waiting,
                head: self.desk.witness.own(),
                ..v1::Heartbeat::default()
            };
            self.tell(Tell::Heartbeat(beat)).await?;
        }
    }

    pub(super) async fn tell(&self, frame: Tell) -> Result<(), Invalid> {
        let gone = |_| Invalid::new(Reason::PeerOffline, "broker", "link.lost");
        self.out.send(tell(frame)).await.map_err(gone)
    }
}

fn tell(frame: Tell) -> v1::SessionRequest {
    v1::SessionRequest { frame: Some(frame) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_broker_that_leaves_before_the_session_may_not_accept_our_certificate() {
        let left = ended_early(&tonic::Status::cancelled("operation was canceled"));
        assert_eq!((left.reason, left.rule.as_str()), (Reason::PeerOffline, "session.ended_early"));
        assert!(proto::status::texts(&left).1.contains("it may not accept our certificate"));

        let said = Invalid::new(Reason::NoCommonProtocol, "protocol_max", "session.protocol");
        let told = ended_early(&proto::status::of(&said, proto::status::Lang::En));
        assert_eq!(told.reason, Reason::NoCommonProtocol, "what the broker says counts");
    }
}
