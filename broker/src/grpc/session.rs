//! One session: a reader that never waits for the writer's mailbox work, a pump that sends what is due, and one
//! bounded channel in front of the wire. The promises are in `docs/protocol.md`.

use std::{pin::pin, sync::Arc, time::Duration};

use futures_util::{FutureExt as _, Stream, StreamExt as _, future::Either, stream::FuturesOrdered};
use journal::{Lane, Record};
use model::{
    ids::{Incarnation, JurisdictionId},
    invalid::Invalid,
    judge::SenderClock,
    limits,
    precedence::{PerPrecedence, Precedence},
    reason::Reason,
};
use prost::Message as _;
use proto::{
    border,
    record::{self, kind},
    status::{self, Lang},
    v1::{self, session_request::Frame as Ask, session_response::Frame as Tell},
};
use store::tasks::Tasks;
use tokio::sync::{Mutex, mpsc};
use tonic::Status;

use super::peer::Caller;
use crate::relay::{
    Relay,
    accept::{Answer, Judged, Refusal},
    deliver::{Amount, Pump},
    fold::Outcome,
    line::LineCursor,
    sessions::Session,
};

/// Protocol versions that this broker speaks.
pub const PROTOCOL: std::ops::RangeInclusive<u32> = 1..=1;
/// Frames that wait for the wire.
const OUT_FRAMES: usize = 16;
/// Frames of submissions whose commit is awaited at a time; beyond it the reader waits.
const COMMITS_IN_FLIGHT: usize = 64;
/// Credit that an agent begins with, for each precedence; renewed when half of it is used.
const CREDIT: Amount = Amount { bytes: 16 * 1024 * 1024, envelopes: 4_096 };

type Out = mpsc::Sender<Result<v1::SessionResponse, Status>>;

/// Serves one session; the stream ends with it.
pub async fn serve<S>(
    relay: Arc<Relay>,
    tasks: Tasks,
    caller: Caller,
    lang: Lang,
    mut asks: S,
) -> Result<mpsc::Receiver<Result<v1::SessionResponse, Status>>, Status>
where
    S: Stream<Item = Result<v1::SessionRequest, Status>> + Send + Unpin + 'static,
{
    let first = tokio::time::timeout(limits::FIRST_REQUEST_TIME_MAX, asks.next()).await;
    let Ok(Some(Ok(v1::SessionRequest { frame: Some(Ask::Hello(hello)) }))) = first else {
        return Err(status::of(&Invalid::schema("frame", "session.hello_first"), lang));
    };
    let opening = open(&relay, &caller, &hello).await.map_err(|invalid| status::of(&invalid, lang))?;
    let caller = caller.jurisdiction;
    let (out, wire) = mpsc::channel(OUT_FRAMES);
    let _ = out.try_send(Ok(tell(Tell::Welcome(opening.welcome))));
    let session = opening.session;
    let mut pump = Pump::new(caller.clone());
    grant(&mut pump, hello.credit.as_ref());
    let desk =
        Arc::new(Desk { relay, session, caller, pump: Mutex::new(pump), lang, rolled_back: opening.rolled_back });
    let (reader, sender) = (desk.clone(), desk.clone());
    tasks.task("session reader", {
        let out = out.clone();
        move |stop| async move { reader.read(asks, out, stop).await }
    });
    tasks.task("session sender", move |stop| async move { sender.send(out, stop).await });
    Ok(wire)
}

struct Opening {
    welcome: v1::Welcome,
    session: Arc<Session>,
    rolled_back: bool,
}

/// Journals that the session began, and makes the answer to Hello.
async fn open(relay: &Relay, caller: &Caller, hello: &v1::Hello) -> Result<Opening, Invalid> {
    let protocol = (*PROTOCOL.end()).min(hello.protocol_max);
    if protocol < hello.protocol_min || !PROTOCOL.contains(&protocol) {
        let ours = format!("the broker speaks {}–{}", PROTOCOL.start(), PROTOCOL.end());
        return Err(Invalid::new(Reason::NoCommonProtocol, "protocol_max", "session.protocol").detail(ours));
    }
    let incarnation: [u8; 8] =
        hello.incarnation.as_ref().try_into().map_err(|_| Invalid::schema("incarnation", "bytes.exact"))?;
    let now = relay.clock.now();
    let theirs = border::time::optional(hello.clock, "clock")?.unwrap_or(now);
    let rolled_back = began(relay, caller, hello, Incarnation(incarnation)).await?;
    let session = relay.sessions.begin(
        &caller.jurisdiction,
        caller.facts.clone(),
        hello.software.chars().take(64).collect(),
        theirs.millis() - now.millis(),
        now,
    );
    let trust = relay.trust.view();
    let welcome = v1::Welcome {
        protocol,
        session: session.number,
        epochs: relay
            .engine
            .epochs()
            .iter()
            .map(|epoch| v1::EpochEnd {
                epoch: epoch.id.0.to_vec().into(),
                first: epoch.first.0,
                last: epoch.ended_at.map_or(0, |at| at.0),
            })
            .collect(),
        clock: Some(border::time::to_wire(now)),
        credit: Some(credit_frame(&PerPrecedence::from_fn(|_| CREDIT))),
        directory_version: trust.directory.version,
        grants_version: trust.policy.version,
        features: Vec::new(),
        software: env!("CARGO_PKG_VERSION").to_owned(),
        heartbeat: Some(border::time::duration(limits::HEARTBEAT)),
        rolled_back,
    };
    Ok(Opening { welcome, session, rolled_back })
}

async fn began(relay: &Relay, caller: &Caller, hello: &v1::Hello, incarnation: Incarnation) -> Result<bool, Invalid> {
    let began = record::SessionBegan {
        jurisdiction: caller.jurisdiction.to_string(),
        incarnation: incarnation.0.to_vec().into(),
        boot_count: hello.boot_count,
        last_sender_seq: hello.last_sender_seq,
        certificate: certs::signed::hex(&caller.facts.serial),
    };
    let record = Record::new(kind::SESSION_BEGAN, relay.clock.now(), began.encode_to_vec());
    let outcome = relay.engine.append(vec![record], Lane::Settling).await;
    let (_, outcomes) = outcome.map_err(|error| {
        tracing::warn!(%error, jurisdiction = %caller.jurisdiction, "a session could not begin");
        Invalid::new(Reason::Busy, "", "journal")
    })?;
    Ok(matches!(outcomes.first(), Some(Outcome::Session { rolled_back: true })))
}

/// What reader and sender of one session share.
struct Desk {
    relay: Arc<Relay>,
    session: Arc<Session>,
    caller: JurisdictionId,
    pump: Mutex<Pump>,
    lang: Lang,
    rolled_back: bool,
}

/// What the reader remembers.
#[derive(Default)]
struct Reading {
    /// For each precedence: the sequence that was refused and must come again first, and why.
    halted: PerPrecedence<Option<(u64, Refusal)>>,
    used: PerPrecedence<Amount>,
    granted: PerPrecedence<Amount>,
}

impl Desk {
    /// Reads until the agent leaves, falls silent or is fenced.
    async fn read<S>(&self, mut asks: S, out: Out, stop: tokio_util::sync::CancellationToken)
    where
        S: Stream<Item = Result<v1::SessionRequest, Status>> + Send + Unpin,
    {
        let silence = limits::HEARTBEAT.mul_f32(2.5);
        let mut reading = Reading { granted: PerPrecedence::from_fn(|_| CREDIT), ..Reading::default() };
        let mut commits = FuturesOrdered::new();
        loop {
            let room = commits.len() < COMMITS_IN_FLIGHT;
            tokio::select! {
                () = stop.cancelled() => break,
                () = self.session.stop().cancelled() => break,
                Some(done) = commits.next(), if !commits.is_empty() => {
                    let done: Done = done;
                    if self.tell(&out, Tell::Answers(done.answers)).await.is_err() { break }
                    if let Some(credit) = renew(&mut reading)
                        && self.tell(&out, Tell::Credit(credit)).await.is_err() { break }
                }
                ask = tokio::time::timeout(silence, asks.next()), if room => {
                    let Ok(Some(Ok(v1::SessionRequest { frame: Some(frame) }))) = ask else { break };
                    self.session.heard(self.relay.clock.now());
                    if let Ask::Submissions(submissions) = frame {
                        // first polled here, in the order of the wire: that is the order in which the journal takes them
                        let mut commit = Box::pin(self.submissions(submissions, &mut reading));
                        let first = commit.as_mut().now_or_never();
                        // a full journal refuses at once, before anything that follows is taken
                        first.iter().flat_map(|done| &done.refused).for_each(|refusal| halt(refusal, &mut reading));
                        commits.push_back(match first {
                            Some(done) => Either::Left(std::future::ready(done)),
                            None => Either::Right(commit),
                        });
                    } else if self.other(frame, &out).await.is_err() { break }
                }
            }
        }
        self.relay.sessions.over(&self.session);
    }

    /// Judges a frame of submissions at once; the returned future ends when all of it is durable and answered.
    fn submissions(&self, frame: v1::Submissions, reading: &mut Reading) -> impl Future<Output = Done> + Send + use<> {
        let mut refused: Vec<Refusal> = Vec::new();
        let mut judged: Vec<Judged> = Vec::new();
        for submission in frame.submissions.into_iter().take(limits::COMMIT_RECORDS_MAX) {
            match self.admit(submission, reading) {
                Ok(one) => judged.push(one),
                Err(refusal) => refused.push(*refusal),
            }
        }
        let (relay, caller) = (self.relay.clone(), self.caller.clone());
        async move { commit(&relay, &caller, judged, refused).await }
    }

    fn admit(&self, submission: v1::Submission, reading: &mut Reading) -> Result<Judged, Box<Refusal>> {
        if self.rolled_back {
            let invalid = Invalid::new(Reason::RolledBack, "incarnation", "session.incarnation");
            return Err(Box::new(refusal_of(&submission, invalid)));
        }
        let judged = self.relay.judge(
            &self.caller,
            submission,
            SenderClock::Off(Duration::from_millis(self.session.skew_ms.unsigned_abs())),
        );
        let Ok(judged) = judged else {
            return judged.inspect_err(|refusal| halt(refusal, reading));
        };
        let (precedence, seq) = (judged.header.precedence, judged.header.sender_seq);
        let used = reading.used.get_mut(precedence);
        used.bytes += judged.content_bytes();
        used.envelopes += 1;
        match reading.halted.get(precedence) {
            Some((halted, refusal)) if seq > *halted => Err(Box::new(Refusal {
                message_id: judged.header.message_id.0.to_vec(),
                content_hash: judged.content_hash,
                ..refusal.clone()
            })),
            _ => {
                *reading.halted.get_mut(precedence) = None;
                Ok(judged)
            }
        }
    }

    async fn other(&self, frame: Ask, out: &Out) -> Result<(), Gone> {
        match frame {
            Ask::Confirm(confirm) => self.confirm(confirm, out).await,
            Ask::ReceiptsSeen(seen) => self.seen(&seen).await,
            Ask::Credit(credit) => {
                grant(&mut *self.pump.lock().await, Some(&credit));
                self.relay.wakes.bell(&self.caller).notify_one();
                Ok(())
            }
            Ask::Declines(declines) => self.declines(declines).await,
            Ask::Heartbeat(_) | Ask::GapRequest(_) => Ok(()),
            Ask::Hello(_) | Ask::Submissions(_) => Err(Gone),
        }
    }

    /// Verifies receipts, journals them, and says where they stand.
    async fn confirm(&self, confirm: v1::Confirm, out: &Out) -> Result<(), Gone> {
        self.pump.lock().await.confirmed(confirm.cumulative_tag, &confirm.selective_tags);
        let Some(receipts) = confirm.receipts.filter(|batch| !batch.statements.is_empty()) else { return Ok(()) };
        if let Err(invalid) = self.relay.verify_receipts(&self.caller, &receipts) {
            self.relay.audit_refusal(&self.caller, &Refusal::of_receipts(invalid.clone())).await;
            let _ = out.send(Err(status::of(&invalid, self.lang))).await;
            return Err(Gone);
        }
        let confirmed = record::Confirmed { by: self.caller.to_string(), receipts: Some(receipts) };
        let record = Record::new(kind::CONFIRMED, self.relay.clock.now(), confirmed.encode_to_vec());
        let Ok((at, _)) = self.relay.engine.append(vec![record], Lane::Settling).await else { return Err(Gone) };
        let epoch = crate::relay::line::epoch_of(&self.relay.engine, at);
        let place = v1::JournalPlace { epoch: epoch.0.to_vec().into(), position: at.0 };
        self.tell(out, Tell::ConfirmStored(v1::ConfirmStored { number: confirm.number, place: Some(place) })).await
    }

    async fn seen(&self, seen: &v1::ReceiptsSeen) -> Result<(), Gone> {
        let row = record::ReceiptsSeen { jurisdiction: self.caller.to_string(), position: seen.position };
        let known = self.relay.engine.epochs().iter().any(|epoch| epoch.id.0.as_slice() == seen.epoch.as_ref());
        if !known {
            return Ok(());
        }
        let record = Record::new(kind::RECEIPTS_SEEN, self.relay.clock.now(), row.encode_to_vec());
        self.relay.engine.append(vec![record], Lane::Settling).await.map(|_| ()).map_err(|_| Gone)
    }

    /// Counts failed hand-overs; what is not dead is sent again.
    async fn declines(&self, declines: v1::Declines) -> Result<(), Gone> {
        let mut tries = Vec::new();
        let mut pump = self.pump.lock().await;
        for decline in declines.declines {
            if let Some(id) = pump.declined(decline.tag) {
                tries.push(record::FailedTry {
                    message_id: id.0.to_vec().into(),
                    reason: decline.reason.chars().take(64).collect(),
                });
            }
        }
        drop(pump);
        let tried = record::Tried { jurisdiction: self.caller.to_string(), tries };
        let record = Record::new(kind::TRIED, self.relay.clock.now(), tried.encode_to_vec());
        self.relay.engine.append(vec![record], Lane::Settling).await.map_err(|_| Gone)?;
        self.pump.lock().await.again();
        self.relay.wakes.bell(&self.caller).notify_one();
        Ok(())
    }

    async fn tell(&self, out: &Out, frame: Tell) -> Result<(), Gone> {
        // fenced: nothing is sent any more
        if self.session.is_over() {
            return Err(Gone);
        }
        out.send(Ok(tell(frame))).await.map_err(|_| Gone)
    }

    /// Sends what is due until the session ends, then says why.
    async fn send(&self, out: Out, stop: tokio_util::sync::CancellationToken) {
        let bell = self.relay.wakes.bell(&self.caller);
        let mut line = LineCursor::new(self.caller.clone());
        let mut idle = pin!(tokio::time::sleep(limits::HEARTBEAT));
        loop {
            match self.due(&out, &mut line).await {
                Ok(true) => idle.as_mut().reset(tokio::time::Instant::now() + limits::HEARTBEAT),
                Ok(false) => {}
                Err(Gone) => break,
            }
            tokio::select! {
                () = stop.cancelled() => break,
                () = self.session.stop().cancelled() => break,
                () = out.closed() => break,
                () = bell.notified() => {}
                () = &mut idle => {
                    if self.tell(&out, Tell::Heartbeat(self.heartbeat())).await.is_err() { break }
                    idle.as_mut().reset(tokio::time::Instant::now() + limits::HEARTBEAT);
                }
            }
        }
        self.session.end(None);
        let _ = tokio::time::timeout(Duration::from_secs(1), out.send(Ok(tell(Tell::GoAway(self.go_away()))))).await;
    }

    /// Sends receipts and deliveries until nothing is due; true when anything was sent.
    async fn due(&self, out: &Out, line: &mut LineCursor) -> Result<bool, Gone> {
        let mut any = false;
        loop {
            let receipts = line.frame(&self.relay.engine, &self.relay.signer).map_err(|error| self.broken(&error))?;
            let deliveries = self.pump.lock().await.frame(&self.relay.engine).map_err(|error| self.broken(&error))?;
            if receipts.is_none() && deliveries.is_none() {
                return Ok(any);
            }
            if let Some(receipts) = receipts {
                self.tell(out, Tell::ReceiptLine(receipts)).await?;
            }
            if let Some(deliveries) = deliveries {
                self.tell(out, Tell::Deliveries(deliveries)).await?;
            }
            any = true;
        }
    }

    fn broken(&self, error: &dyn std::error::Error) -> Gone {
        tracing::error!(%error, jurisdiction = %self.caller, "the mailbox cannot be read; the session ends");
        Gone
    }

    fn heartbeat(&self) -> v1::Heartbeat {
        v1::Heartbeat { at: Some(border::time::to_wire(self.relay.clock.now())), ..v1::Heartbeat::default() }
    }

    fn go_away(&self) -> v1::GoAway {
        let reason = self.session.reason();
        let (text_zh, text_en) = reason.map(|reason| status::texts(&Invalid::new(reason, "", ""))).unwrap_or_default();
        v1::GoAway {
            reason: reason.map(|reason| reason.code().to_owned()).unwrap_or_default(),
            retry_after: Some(border::time::duration(Duration::from_secs(1))),
            text_zh,
            text_en,
            ..v1::GoAway::default()
        }
    }
}

/// The other side is gone, or the session is over.
struct Gone;

/// A refusal that may be repeated halts its precedence, so that order holds when it comes again.
fn halt(refusal: &Refusal, reading: &mut Reading) {
    let Some((precedence, seq)) = refusal.place.filter(|_| refusal.invalid.reason.may_repeat()) else { return };
    let halted = reading.halted.get_mut(precedence);
    if halted.as_ref().is_none_or(|(at, _)| seq <= *at) {
        *halted = Some((seq, refusal.clone()));
    }
}

/// What a frame of submissions came to.
struct Done {
    answers: v1::Answers,
    refused: Vec<Refusal>,
}

/// Journals what was judged and answers for all of a frame.
async fn commit(relay: &Relay, caller: &JurisdictionId, judged: Vec<Judged>, mut refused: Vec<Refusal>) -> Done {
    let (flash, rest): (Vec<_>, Vec<_>) =
        judged.into_iter().partition(|one| one.header.precedence == Precedence::Flash);
    // both lanes are entered before either is awaited
    let (flash, rest) = tokio::join!(relay.take_charge(flash, Lane::Flash), relay.take_charge(rest, Lane::Normal));
    let mut accepted = Vec::new();
    for answer in flash.into_iter().chain(rest) {
        match answer {
            Answer::Accepted(statement) => accepted.push(*statement),
            Answer::Refused(refusal) => refused.push(refusal),
        }
    }
    for refusal in &refused {
        relay.metrics.refused(refusal.invalid.reason);
        relay.audit_refusal(caller, refusal).await;
    }
    let answers = v1::Answers {
        accepted: (!accepted.is_empty()).then(|| relay.signer.batch(&accepted)),
        refused: refused.iter().map(Refusal::to_wire).collect(),
    };
    Done { answers, refused }
}

fn refusal_of(submission: &v1::Submission, invalid: Invalid) -> Refusal {
    let content = submission.envelope.as_ref().map(|envelope| envelope.content.clone()).unwrap_or_default();
    Refusal::of_content(&content, invalid)
}

/// More credit when half of it is used.
fn renew(reading: &mut Reading) -> Option<v1::Credit> {
    let mut any = false;
    for precedence in Precedence::ALL {
        let used = *reading.used.get(*precedence);
        let granted = reading.granted.get_mut(*precedence);
        if granted.bytes - used.bytes.min(granted.bytes) < CREDIT.bytes / 2
            || granted.envelopes - used.envelopes.min(granted.envelopes) < CREDIT.envelopes / 2
        {
            *granted = Amount { bytes: used.bytes + CREDIT.bytes, envelopes: used.envelopes + CREDIT.envelopes };
            any = true;
        }
    }
    any.then(|| credit_frame(&reading.granted))
}

fn credit_frame(granted: &PerPrecedence<Amount>) -> v1::Credit {
    let lines = granted.iter().map(|(precedence, amount)| v1::CreditLine {
        precedence: precedence.number(),
        bytes: amount.bytes,
        envelopes: amount.envelopes,
    });
    v1::Credit { lines: lines.collect() }
}

fn grant(pump: &mut Pump, credit: Option<&v1::Credit>) {
    for line in credit.into_iter().flat_map(|credit| &credit.lines) {
        if let Some(precedence) = Precedence::from_number(line.precedence) {
            pump.credit(precedence, Amount { bytes: line.bytes, envelopes: line.envelopes });
        }
    }
}

fn tell(frame: Tell) -> v1::SessionResponse {
    v1::SessionResponse { frame: Some(frame) }
}
