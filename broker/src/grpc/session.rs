//! One session: a reader that never waits for the writer's mailbox work, a pump that sends what is due, and one
//! bounded channel in front of the wire. The promises are in `docs/protocol.md`.

use std::{
    pin::{Pin, pin},
    sync::Arc,
    time::Duration,
};

use futures_util::{FutureExt as _, Stream, StreamExt as _, stream::FuturesOrdered};
use journal::{Lane, Record};
use model::{
    ids::{JurisdictionId, MessageId},
    invalid::Invalid,
    judge::SenderClock,
    limits,
    position::Position,
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

use super::{guard::Usage, opening, peer::Caller};
use crate::relay::{
    Relay,
    accept::{Answer, Judged, Refusal},
    deliver::{Amount, Pump},
    line::LineCursor,
    sessions::Session,
};

/// Frames that wait for the wire.
const OUT_FRAMES: usize = 16;
/// Frames of submissions whose commit is awaited at a time; beyond it the reader waits.
const COMMITS_IN_FLIGHT: usize = 64;
/// Credit that an agent begins with, for each precedence; renewed when half of it is used.
pub(super) const CREDIT: Amount = Amount { bytes: 16 * 1024 * 1024, envelopes: 4_096 };

/// How long the last word may wait for the wire.
const GOODBYE: Duration = Duration::from_secs(1);

type Out = mpsc::Sender<Result<v1::SessionResponse, Status>>;

/// Who opens a session, and over what.
pub struct Calls {
    /// The agent.
    pub caller: Caller,
    /// In which language it is answered.
    pub lang: Lang,
    /// Its connection.
    pub usage: Arc<Usage>,
}

/// Serves one session; the stream ends with it.
pub async fn serve<S>(
    relay: Arc<Relay>,
    tasks: Tasks,
    Calls { caller, lang, usage }: Calls,
    mut asks: S,
) -> Result<mpsc::Receiver<Result<v1::SessionResponse, Status>>, Status>
where
    S: Stream<Item = Result<v1::SessionRequest, Status>> + Send + Unpin + 'static,
{
    let first = tokio::time::timeout(limits::FIRST_REQUEST_TIME_MAX, asks.next()).await;
    let Ok(Some(Ok(v1::SessionRequest { frame: Some(Ask::Hello(hello)) }))) = first else {
        return Err(status::of(&Invalid::schema("frame", "session.hello_first"), lang));
    };
    let opening = opening::open(&relay, &caller, &hello).await.map_err(|invalid| status::of(&invalid, lang))?;
    if hello.profile != "normal" {
        usage.is_slow();
    }
    let caller = caller.jurisdiction;
    let (out, wire) = mpsc::channel(OUT_FRAMES);
    let _ = out.try_send(Ok(tell(Tell::Welcome(opening.welcome))));
    let session = opening.session;
    let mut pump = Pump::new(caller.clone(), session.credit.clone(), least_in_flight(&hello.profile));
    let heartbeat = opening.heartbeat;
    grant(&mut pump, hello.credit.as_ref());
    let desk = Arc::new(Desk {
        relay,
        session,
        caller,
        pump: Arc::new(Mutex::new(pump)),
        lang,
        heartbeat,
        rolled_back: opening.rolled_back,
    });
    let (reader, sender) = (desk.clone(), desk.clone());
    tasks.task("session reader", {
        let out = out.clone();
        move |stop| async move { reader.read(asks, out, stop).await }
    });
    tasks.task("session sender", move |stop| async move { sender.send(out, stop).await });
    Ok(wire)
}

/// What reader and sender of one session share.
struct Desk {
    relay: Arc<Relay>,
    session: Arc<Session>,
    caller: JurisdictionId,
    pump: Arc<Mutex<Pump>>,
    lang: Lang,
    heartbeat: Duration,
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
    /// Reads until the agent leaves, falls silent or is fenced, and says in the log why that was the end.
    async fn read<S>(&self, asks: S, out: Out, stop: tokio_util::sync::CancellationToken)
    where
        S: Stream<Item = Result<v1::SessionRequest, Status>> + Send + Unpin,
    {
        let why = self.listen(asks, out, stop).await;
        self.relay.sessions.over(&self.session);
        let (jurisdiction, session) = (&self.caller, self.session.number);
        let reason = self.session.reason().map(Reason::code).unwrap_or_default();
        tracing::info!(%jurisdiction, session, why, reason, "a session ended");
    }

    /// Reads until the session is over: why it is.
    async fn listen<S>(&self, mut asks: S, out: Out, stop: tokio_util::sync::CancellationToken) -> &'static str
    where
        S: Stream<Item = Result<v1::SessionRequest, Status>> + Send + Unpin,
    {
        let silence = self.heartbeat.mul_f32(2.5);
        let mut reading = Reading { granted: PerPrecedence::from_fn(|_| CREDIT), ..Reading::default() };
        let mut commits: FuturesOrdered<Measured> = FuturesOrdered::new();
        let mut in_flight = 0;
        loop {
            let room = commits.len() < COMMITS_IN_FLIGHT && in_flight < limits::FLIGHT_BYTES_MAX;
            tokio::select! {
                () = stop.cancelled() => return "the broker stops",
                () = self.session.stop().cancelled() => return self.told_to_stop(),
                Some((bytes, done)) = commits.next(), if !commits.is_empty() => {
                    in_flight -= bytes;
                    let Ok(answer) = done else { return "what it sent could not be journalled" };
                    let credit = renew(&mut reading).map(Tell::Credit);
                    let told = self.tell_all(&out, answer.into_iter().chain(credit)).await;
                    if told.is_err() { return self.told_to_stop() }
                }
                ask = tokio::time::timeout(silence, asks.next()), if room => {
                    let frame = match ask {
                        Ok(Some(Ok(v1::SessionRequest { frame }))) => frame,
                        Ok(Some(Err(_))) => return "the connection broke",
                        Ok(None) => return "the agent left",
                        Err(_) => return "the agent fell silent",
                    };
                    self.session.heard(self.relay.clock.now());
                    // a frame that we do not know yet says nothing but that the agent lives
                    let Some(frame) = frame else { continue };
                    let bytes = frame.encoded_len();
                    let asked = self.ask(frame, &mut reading, &out).await;
                    let Ok(mut commit) = asked else { return "it broke the rules of a session" };
                    // first polled here, in the order of the wire: that is the order in which the journal takes them
                    let begun = commit.as_mut().now_or_never();
                    in_flight += bytes;
                    commits.push_back(match begun {
                        Some(done) => Box::pin(std::future::ready((bytes, done))),
                        None => Box::pin(async move { (bytes, commit.await) }),
                    });
                }
            }
        }
    }

    /// Why the session was to stop, or nothing can be said to the agent any more.
    fn told_to_stop(&self) -> &'static str {
        match self.session.reason() {
            Some(Reason::Superseded) => "a newer session fenced it",
            Some(_) => "it is not trusted any more",
            None if self.session.draining().is_cancelled() => "drained",
            None => "nothing could be sent to the agent any more",
        }
    }

    /// What a frame asks for: a future that ends when that is durable, with the answer.
    async fn ask(&self, frame: Ask, reading: &mut Reading, out: &Out) -> Result<Commit, Gone> {
        match frame {
            Ask::Submissions(submissions) => Ok(self.submissions(submissions, reading)),
            Ask::Confirm(confirm) => self.confirm(confirm, out).await,
            Ask::ReceiptsSeen(seen) => Ok(self.seen(&seen)),
            Ask::Declines(declines) => Ok(self.declines(declines).await),
            Ask::Credit(credit) => {
                grant(&mut *self.pump.lock().await, Some(&credit));
                self.relay.wakes.bell(&self.caller).notify_one();
                Ok(nothing())
            }
            Ask::GapRequest(gap) => Ok(self.has_no_more(&gap)),
            Ask::Heartbeat(_) => Ok(nothing()),
            Ask::Hello(_) => Err(Gone),
        }
    }

    /// Judges a frame of submissions at once; the returned future ends when all of it is durable and answered.
    fn submissions(&self, frame: v1::Submissions, reading: &mut Reading) -> Commit {
        let mut refused: Vec<Refusal> = Vec::new();
        let mut judged: Vec<Judged> = Vec::new();
        for (at, submission) in frame.submissions.into_iter().enumerate() {
            let admitted = if at < limits::COMMIT_RECORDS_MAX {
                self.admit(submission, reading)
            } else {
                let invalid = Invalid::too_large("submissions", at + 1, limits::COMMIT_RECORDS_MAX);
                Err(Box::new(refusal_of(&submission, invalid)))
            };
            match admitted {
                Ok(one) => judged.push(one),
                Err(refusal) => refused.push(*refusal),
            }
        }
        let relay = self.relay.clone();
        let mending: Vec<_> = judged.iter().filter(|one| one.mends()).map(|one| one.header.message_id).collect();
        let mut charge = Box::pin(async move { take_charge(&relay, judged).await });
        // a full journal refuses at once, before anything that follows is taken
        let first = charge.as_mut().now_or_never();
        let refusals = first.iter().flatten().filter_map(Answer::refusal);
        refusals.filter(|refusal| !is_of(&mending, refusal)).for_each(|refusal| halt(refusal, reading));
        let (relay, caller) = (self.relay.clone(), self.caller.clone());
        Box::pin(async move {
            let answers = match first {
                Some(answers) => answers,
                None => charge.await,
            };
            for refusal in answers.iter().filter_map(Answer::refusal).filter(|refusal| is_of(&mending, refusal)) {
                ask_again(&relay, &caller, refusal);
            }
            Ok(Some(Tell::Answers(finish(&relay, &caller, answers, refused).await)))
        })
    }

    fn admit(&self, submission: v1::Submission, reading: &mut Reading) -> Result<Judged, Box<Refusal>> {
        if self.rolled_back {
            let invalid = Invalid::new(Reason::RolledBack, "incarnation", "session.incarnation");
            return Err(Box::new(refusal_of(&submission, invalid)));
        }
        let bytes = submission.envelope.as_ref().map_or(0, |envelope| envelope.content.len() as u64);
        let clock = SenderClock::Off(Duration::from_millis(self.session.skew_ms.unsigned_abs()));
        let judged = self.relay.judge(&self.caller, submission, clock);
        let place = match &judged {
            Ok(judged) => Some((judged.header.precedence, judged.header.sender_seq)),
            Err(refusal) => refusal.place,
        };
        // it came on our credit, whatever becomes of it
        if let Some((precedence, _)) = place {
            let used = reading.used.get_mut(precedence);
            used.bytes += bytes;
            used.envelopes += 1;
        }
        let judged = judged.inspect_err(|refusal| {
            if !ask_again(&self.relay, &self.caller, refusal) {
                halt(refusal, reading);
            }
        })?;
        if judged.mends() || judged.is_carried() {
            return Ok(judged); // beside the sequence: it had its place in it long ago, or stands in another's
        }
        let (precedence, seq) = (judged.header.precedence, judged.header.sender_seq);
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

    /// Verifies receipts, journals them, and says where they stand.
    async fn confirm(&self, confirm: v1::Confirm, out: &Out) -> Result<Commit, Gone> {
        self.pump.lock().await.confirmed(confirm.cumulative_tag, &confirm.selective_tags);
        self.relay.wakes.bell(&self.caller).notify_one(); // there may be room on the line again
        let receipts = confirm.receipts.filter(|batch| !batch.statements.is_empty());
        if receipts.is_none() && confirm.carried.is_empty() {
            return Ok(nothing());
        }
        let verify = |batch| self.relay.verify_receipts(&self.caller, batch);
        let verified = receipts.as_ref().map_or(Ok(()), verify);
        let news = verified.and_then(|()| self.relay.news_in(&self.caller, receipts.as_ref()));
        let news = match news {
            Ok(news) => news,
            Err(invalid) => {
                self.relay.audit_refusal(&self.caller, &Refusal::of_receipts(invalid.clone())).await;
                let _ = out.send(Err(status::of(&invalid, self.lang))).await;
                return Err(Gone);
            }
        };
        let carried = self.carried(confirm.carried).await;
        if !news && carried.is_empty() {
            return Ok(self.stored_before(confirm.number));
        }
        let receipts = receipts.filter(|_| news);
        let confirmed = record::Confirmed { by: self.caller.to_string(), receipts, carried };
        let record = Record::new(kind::CONFIRMED, self.relay.clock.now(), confirmed.encode_to_vec());
        let relay = self.relay.clone();
        Ok(Box::pin(async move {
            let (at, _) = relay.engine.append(vec![record], Lane::Settling).await.map_err(|_| Gone)?;
            let epoch = crate::relay::line::epoch_of(&relay.engine, at);
            let place = v1::JournalPlace { epoch: epoch.0.to_vec().into(), position: at.0 };
            Ok(Some(Tell::ConfirmStored(v1::ConfirmStored { number: confirm.number, place: Some(place) })))
        }))
    }

    /// What was brought again stands in the journal already: at the latest where it ends now.
    fn stored_before(&self, number: u64) -> Commit {
        let at = self.relay.engine.journal_end();
        let epoch = crate::relay::line::epoch_of(&self.relay.engine, at);
        let place = v1::JournalPlace { epoch: epoch.0.to_vec().into(), position: at.0 };
        Box::pin(std::future::ready(Ok(Some(Tell::ConfirmStored(v1::ConfirmStored { number, place: Some(place) })))))
    }

    /// Those of others' receipts that hold. One that does not is told to the operator and left out: the caller could only
    /// bring it again and again.
    async fn carried(&self, receipts: Vec<v1::Receipt>) -> Vec<v1::Receipt> {
        let mut good = Vec::with_capacity(receipts.len().min(limits::SEAL_LEAVES_MAX));
        for receipt in receipts.into_iter().take(limits::SEAL_LEAVES_MAX) {
            match self.relay.verify_carried(&self.caller, &receipt) {
                Ok(()) => good.push(receipt),
                Err(invalid) => self.relay.audit_refusal(&self.caller, &Refusal::of_receipts(invalid)).await,
            }
        }
        good
    }

    fn seen(&self, seen: &v1::ReceiptsSeen) -> Commit {
        let row = record::ReceiptsSeen { jurisdiction: self.caller.to_string(), position: seen.position };
        let epoch = crate::relay::line::epoch_of(&self.relay.engine, Position(seen.position));
        if epoch.0.as_slice() != seen.epoch.as_ref() {
            return nothing(); // a place in a journal that was lost
        }
        let record = Record::new(kind::RECEIPTS_SEEN, self.relay.clock.now(), row.encode_to_vec());
        let relay = self.relay.clone();
        Box::pin(async move { relay.engine.append(vec![record], Lane::Settling).await.map(|_| None).map_err(|_| Gone) })
    }

    /// Counts failed hand-overs; what is not dead is sent again.
    async fn declines(&self, declines: v1::Declines) -> Commit {
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
        if tries.is_empty() {
            return nothing();
        }
        let record = self.tried(tries);
        let (relay, pump) = (self.relay.clone(), self.pump.clone());
        let bell = self.relay.wakes.bell(&self.caller);
        Box::pin(async move {
            relay.engine.append(vec![record], Lane::Settling).await.map_err(|_| Gone)?;
            pump.lock().await.again();
            bell.notify_one();
            Ok(None)
        })
    }

    fn tried(&self, tries: Vec<record::FailedTry>) -> Record {
        let tried = record::Tried { jurisdiction: self.caller.to_string(), tries };
        Record::new(kind::TRIED, self.relay.clock.now(), tried.encode_to_vec())
    }

    async fn tell(&self, out: &Out, frame: Tell) -> Result<(), Gone> {
        // fenced: nothing is sent any more, also not what waited for a slow wire
        tokio::select! {
            biased;
            () = self.session.stop().cancelled() => Err(Gone),
            sent = out.send(Ok(tell(frame))) => sent.map_err(|_| Gone),
        }
    }

    async fn tell_all(&self, out: &Out, frames: impl Iterator<Item = Tell>) -> Result<(), Gone> {
        for frame in frames {
            self.tell(out, frame).await?;
        }
        Ok(())
    }

    /// Sends what is due until the session ends or drains, then says why; who drains is still heard for a while.
    async fn send(&self, out: Out, stop: tokio_util::sync::CancellationToken) {
        let bell = self.relay.wakes.bell(&self.caller);
        let mut line = LineCursor::new(self.caller.clone());
        let mut idle = pin!(tokio::time::sleep(self.heartbeat));
        let mut heads = self.relay.heads.watch();
        loop {
            match self.due(&out, &mut line).await {
                Ok(true) => idle.as_mut().reset(tokio::time::Instant::now() + self.heartbeat),
                Ok(false) => {}
                Err(Gone) => break,
            }
            tokio::select! {
                () = stop.cancelled() => break,
                () = self.session.stop().cancelled() => break,
                () = self.session.draining().cancelled() => break,
                () = out.closed() => break,
                () = bell.notified() => {}
                Ok(()) = heads.changed() => {
                    if self.tell(&out, Tell::Heartbeat(self.beat())).await.is_err() { break }
                    idle.as_mut().reset(tokio::time::Instant::now() + self.heartbeat);
                }
                () = &mut idle => {
                    if self.tell(&out, Tell::Heartbeat(self.beat())).await.is_err() { break }
                    idle.as_mut().reset(tokio::time::Instant::now() + self.heartbeat);
                }
            }
        }
        let goodbye = out.send(Ok(tell(Tell::GoAway(self.go_away()))));
        let said = tokio::time::timeout(GOODBYE, goodbye).await.is_ok_and(|said| said.is_ok());
        if said && !self.session.is_over() {
            tokio::select! {
                () = stop.cancelled() => {}
                () = self.session.stop().cancelled() => {}
                () = out.closed() => {}
                () = tokio::time::sleep(self.session.grace()) => {}
            }
        }
        self.session.end(None);
    }

    /// Sends receipts and deliveries until nothing is due; true when anything was sent.
    async fn due(&self, out: &Out, line: &mut LineCursor) -> Result<bool, Gone> {
        let mut any = false;
        while !self.session.draining().is_cancelled() {
            let receipts = line.frame(&self.relay.engine, &self.relay.signer).map_err(|error| self.broken(&error))?;
            let (deliveries, lost) = {
                let mut pump = self.pump.lock().await;
                (pump.frame(&self.relay.engine).map_err(|error| self.broken(&error))?, pump.take_lost())
            };
            self.relay.miss(&lost);
            let asks = self.relay.asks(&self.caller, self.session.number);
            if lost.is_empty() && asks.is_empty() && receipts.is_none() && deliveries.is_none() {
                return Ok(any);
            }
            if !asks.is_empty() {
                self.tell(out, Tell::GapRequest(self.gap(&asks))).await?;
            }
            if let Some(receipts) = receipts {
                self.tell(out, Tell::ReceiptLine(receipts)).await?;
            }
            if let Some(deliveries) = deliveries {
                self.tell(out, Tell::Deliveries(deliveries)).await?;
            }
            any = true;
        }
        Ok(any)
    }

    /// Asks the agent for envelopes of its own that the broker has lost.
    fn gap(&self, ids: &[MessageId]) -> v1::GapRequest {
        let message_ids = ids.iter().map(|id| id.0.to_vec().into()).collect();
        v1::GapRequest { jurisdiction: self.caller.to_string(), message_ids, ..v1::GapRequest::default() }
    }

    /// The agent misses envelopes of its own that it was asked for: nobody has them any more.
    fn has_no_more(&self, gap: &v1::GapRequest) -> Commit {
        let ids = gap.message_ids.iter().take(limits::COMMIT_RECORDS_MAX);
        let ids: Vec<_> = ids.filter_map(|id| id.as_ref().try_into().ok().map(MessageId)).collect();
        let (relay, caller) = (self.relay.clone(), self.caller.clone());
        Box::pin(async move { relay.bury(&caller, ids).await.map(|()| None).map_err(|_| Gone) })
    }

    fn broken(&self, error: &dyn std::error::Error) -> Gone {
        tracing::error!(%error, jurisdiction = %self.caller, "the mailbox cannot be read; the session ends");
        Gone
    }

    fn beat(&self) -> v1::Heartbeat {
        let head = self.relay.heads.newest();
        v1::Heartbeat { at: Some(border::time::to_wire(self.relay.clock.now())), head, ..v1::Heartbeat::default() }
    }

    fn go_away(&self) -> v1::GoAway {
        let reason = self.session.reason();
        let (text_zh, text_en) = reason.map(|reason| status::texts(&Invalid::new(reason, "", ""))).unwrap_or_default();
        v1::GoAway {
            reason: reason.map(|reason| reason.code().to_owned()).unwrap_or_default(),
            retry_after: Some(border::time::duration(Duration::from_secs(1))),
            grace: Some(border::time::duration(self.session.grace())),
            text_zh,
            text_en,
            ..v1::GoAway::default()
        }
    }
}

/// The other side is gone, or the session is over.
struct Gone;

/// Whether a refusal is of one of `ids`.
fn is_of(ids: &[MessageId], refusal: &Refusal) -> bool {
    ids.iter().any(|id| id.0.as_slice() == refusal.message_id)
}

/// Whether the refused envelope was asked for. If it may be repeated it is asked for again; it holds up nothing.
fn ask_again(relay: &Relay, caller: &JurisdictionId, refusal: &Refusal) -> bool {
    let id = refusal.message_id.as_slice().try_into().map(MessageId);
    let Some(id) = id.ok().filter(|id| relay.mending.wants(caller, *id)) else { return false };
    if refusal.invalid.reason.may_repeat() {
        relay.mending.ask_again(caller, id);
    }
    true
}

/// A refusal that may be repeated halts its precedence, so that order holds when it comes again.
fn halt(refusal: &Refusal, reading: &mut Reading) {
    let counts = refusal.invalid.reason.may_repeat() && !refusal.carried;
    let Some((precedence, seq)) = refusal.place.filter(|_| counts) else { return };
    let halted = reading.halted.get_mut(precedence);
    if halted.as_ref().is_none_or(|(at, _)| seq <= *at) {
        *halted = Some((seq, refusal.clone()));
    }
}

/// Journals what was judged, in order.
async fn take_charge(relay: &Relay, judged: Vec<Judged>) -> Vec<Answer> {
    let (flash, rest): (Vec<_>, Vec<_>) =
        judged.into_iter().partition(|one| one.header.precedence == Precedence::Flash);
    // both lanes are entered before either is awaited
    let (mut flash, rest) = tokio::join!(relay.take_charge(flash, Lane::Flash), relay.take_charge(rest, Lane::Normal));
    flash.extend(rest);
    flash
}

/// The answer to a frame; refusals that somebody may look for are journalled first.
async fn finish(
    relay: &Relay,
    caller: &JurisdictionId,
    answers: Vec<Answer>,
    mut refused: Vec<Refusal>,
) -> v1::Answers {
    let mut accepted = Vec::new();
    for answer in answers {
        match answer {
            Answer::Accepted(statement) => accepted.push(*statement),
            Answer::Refused(refusal) => refused.push(refusal),
        }
    }
    for refusal in &refused {
        relay.metrics.refused(refusal.invalid.reason);
        relay.audit_refusal(caller, refusal).await;
    }
    v1::Answers {
        accepted: (!accepted.is_empty()).then(|| relay.signer.batch(&accepted)),
        refused: refused.iter().map(Refusal::to_wire).collect(),
    }
}

/// Something that must be durable before it is answered, if it is answered at all.
type Commit = Pin<Box<dyn Future<Output = Result<Option<Tell>, Gone>> + Send>>;

/// The same, with the length of the frame that asked for it.
type Measured = Pin<Box<dyn Future<Output = (usize, Result<Option<Tell>, Gone>)> + Send>>;

fn nothing() -> Commit {
    Box::pin(std::future::ready(Ok(None)))
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

pub(super) fn credit_frame(granted: &PerPrecedence<Amount>) -> v1::Credit {
    let lines = granted.iter().map(|(precedence, amount)| v1::CreditLine {
        precedence: precedence.number(),
        bytes: amount.bytes,
        envelopes: amount.envelopes,
    });
    v1::Credit { lines: lines.collect() }
}

/// What may always be on its way, by what the agent says of its line.
fn least_in_flight(profile: &str) -> u64 {
    match profile {
        "slow" | "satellite" => limits::IN_FLIGHT_BYTES_LEAST_SLOW,
        _ => limits::IN_FLIGHT_BYTES_LEAST,
    }
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
