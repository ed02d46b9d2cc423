//! The sealer: gives drafts their place in our sequence, seals a burst with one signature, and makes it durable. One
//! task does it, so the sequence has no holes.

use std::sync::Arc;

use bytes::Bytes;
use journal::{Lane, Record};
use model::{
    header::Header, ids::Incarnation, invalid::Invalid, limits, position::Position, precedence::Precedence,
    reason::Reason,
};
use prost::Message as _;
use proto::{
    border,
    record::{Incarnated, OfProgram, Queued, Resealed, kind},
    v1,
};
use store::AppendError;
use tokio::sync::{OwnedMutexGuard, mpsc, oneshot};
use tokio_util::sync::CancellationToken;

use crate::{
    desk::{AgentEngine, decode, internal},
    message,
    signer::Signer,
};

/// Drafts that wait for the sealer; beyond it a caller waits.
const WAITING: usize = 1_024;

/// A message that only lacks its place in our sequence.
#[derive(Clone, Debug)]
pub struct Unsealed {
    /// Its header; sequence and incarnation are the sealer's.
    pub header: Header,
    /// The encoded `Body`.
    pub body: Bytes,
    /// Bytes of inline attachments, in the header's order.
    pub inline: Vec<Bytes>,
    /// The act of a rule that it carries out; empty where no rule sends it.
    pub act: Bytes,
    /// The program beside this agent that has it sent; none where a person, a rule or the desk does.
    pub program: Option<OfProgram>,
}

/// The rule's act and the program behind a message.
type Origin = (Bytes, Option<OfProgram>);

/// What became of a draft.
pub type Sealed = Result<Header, Invalid>;

/// Locks of whoever looked at the rows before: held until what came of it is a row too, also where the caller goes away.
pub type Alone = Vec<OwnedMutexGuard<()>>;

struct Waiting {
    draft: Unsealed,
    alone: Alone,
    answer: oneshot::Sender<Sealed>,
}

/// What only the owner of the sequence may do, besides sealing drafts.
enum Act {
    /// Take a new incarnation: nothing is sealed under the old one any more.
    Rename,
    /// Seal again a message of an earlier incarnation, by its record.
    SealAgain(Position),
    /// Write a record for whoever holds these locks.
    Write(Record, Alone),
}

struct Asked {
    act: Act,
    answer: oneshot::Sender<Result<(), Invalid>>,
}

/// The door of the sealer. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Outbox {
    drafts: mpsc::Sender<Waiting>,
    acts: mpsc::Sender<Asked>,
}

/// The sealer's side.
#[derive(Debug)]
pub struct Sealer {
    drafts: mpsc::Receiver<Waiting>,
    acts: mpsc::Receiver<Asked>,
    engine: AgentEngine,
    signer: Arc<Signer>,
    clock: model::clock::Clock,
}

impl Outbox {
    /// A door and the sealer behind it.
    pub fn new(engine: AgentEngine, signer: Arc<Signer>, clock: model::clock::Clock) -> (Self, Sealer) {
        let ((door, drafts), (side_door, acts)) = (mpsc::channel(WAITING), mpsc::channel(1));
        (Self { drafts: door, acts: side_door }, Sealer { drafts, acts, engine, signer, clock })
    }

    /// Seals and queues a draft. When this returns its header, the message survives a power cut here.
    pub async fn queue(&self, draft: Unsealed) -> Sealed {
        self.queue_alone(draft, Alone::new()).await
    }

    /// The same for whoever holds locks: they are free when the message is a row, or none will come of it.
    pub async fn queue_alone(&self, draft: Unsealed, alone: Alone) -> Sealed {
        let (answer, sealed) = oneshot::channel();
        self.drafts.send(Waiting { draft, alone, answer }).await.map_err(|_| stopping())?;
        sealed.await.map_err(|_| stopping())?
    }

    /// Makes a record durable for whoever holds locks: they are free when the rows know of it.
    pub async fn write_alone(&self, record: Record, alone: Alone) -> Result<(), Invalid> {
        self.ask(Act::Write(record, alone)).await
    }

    /// Seals the message at `at` again, if it was sealed under an earlier incarnation: the same id, with a place in the
    /// sequence of this one.
    pub async fn seal_again(&self, at: Position) -> Result<(), Invalid> {
        self.ask(Act::SealAgain(at)).await
    }

    /// Takes a new incarnation. When this returns it is durable, and whatever was sealed before it is in the outbox.
    pub async fn rename(&self) -> Result<(), Invalid> {
        self.ask(Act::Rename).await
    }

    async fn ask(&self, act: Act) -> Result<(), Invalid> {
        let (answer, done) = oneshot::channel();
        self.acts.send(Asked { act, answer }).await.map_err(|_| stopping())?;
        done.await.map_err(|_| stopping())?
    }
}

fn stopping() -> Invalid {
    Invalid::new(Reason::Busy, "", "agent.stopping")
}

impl Sealer {
    /// Seals until told to stop; what is taken by then is answered.
    pub async fn run(mut self, stop: CancellationToken) {
        let mut waiting = Vec::with_capacity(limits::SEAL_LEAVES_MAX);
        loop {
            let taken = tokio::select! {
                () = stop.cancelled() => return,
                Some(Asked { act, answer }) = self.acts.recv() => {
                    drop(answer.send(self.act(act).await)); // who asked may have gone
                    continue;
                }
                taken = self.drafts.recv_many(&mut waiting, limits::SEAL_LEAVES_MAX) => taken,
            };
            if taken == 0 {
                return;
            }
            // what is urgent goes first, within one burst too
            waiting.sort_by_key(|waiting| waiting.draft.header.precedence.number());
            while !waiting.is_empty() {
                let end = burst(&waiting);
                self.seal(waiting.drain(..end).collect()).await;
            }
        }
    }

    async fn act(&self, act: Act) -> Result<(), Invalid> {
        match act {
            Act::Rename => self.rename().await,
            Act::SealAgain(at) => self.seal_old(at).await,
            Act::Write(record, _alone) => self.append(record).await,
        }
    }

    /// One burst: one signature, one commit.
    async fn seal(&self, burst: Vec<Waiting>) {
        let (incarnation, last) = self.place();
        let flash = burst.iter().any(|waiting| waiting.draft.header.precedence == Precedence::Flash);
        let (mut contents, mut origins, mut headers, mut answers) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        let (mut seq, mut held) = (last, Vec::new());
        for Waiting { draft, alone, answer } in burst {
            let header = Header { incarnation, sender_seq: seq + 1, ..draft.header };
            match content(&header, &draft.body, draft.inline) {
                Ok(content) => {
                    seq += 1;
                    contents.push(content);
                    origins.push((draft.act, draft.program));
                    headers.push(header);
                    answers.push(answer);
                    held.push(alone);
                }
                Err(invalid) => drop(answer.send(Err(invalid))),
            }
        }
        if contents.is_empty() {
            return;
        }
        if store::seeded::has("ack-before-append") {
            answers = answer_early(&headers, answers).await;
        }
        let stored = self.store(contents, origins, if flash { Lane::Flash } else { Lane::Normal }).await;
        drop(held);
        for (header, answer) in headers.into_iter().zip(answers) {
            // who asked may have gone; the message is queued all the same
            drop(answer.send(stored.clone().map(|()| header)));
        }
    }

    async fn rename(&self) -> Result<(), Invalid> {
        let mut id = [0; 8];
        getrandom::fill(&mut id).map_err(|error| internal(&error))?;
        let incarnated = Incarnated { incarnation: id.to_vec().into(), boot_count: 1, why: "rolled back".to_owned() };
        self.append(self.record(kind::INCARNATED, &incarnated)).await
    }

    fn record(&self, kind: u16, said: &impl prost::Message) -> Record {
        Record::new(kind, self.clock.now(), said.encode_to_vec())
    }

    async fn append(&self, record: Record) -> Result<(), Invalid> {
        self.engine.append(vec![record], Lane::Normal).await.map(|_| ()).map_err(|error| not_stored(&error))
    }

    /// Moves one message to this incarnation, unless it is there already.
    async fn seal_old(&self, at: Position) -> Result<(), Invalid> {
        let record = self.engine.record(at).map_err(|error| internal(&error))?;
        let envelope = match record.kind {
            kind::QUEUED => decode::<Queued>(&record)?.envelope,
            kind::RESEALED => decode::<Resealed>(&record)?.envelope,
            _ => None,
        };
        let read = message::read(&envelope.unwrap_or_default())?;
        let (incarnation, last) = self.place();
        if read.header.incarnation == incarnation {
            return Ok(());
        }
        let header = Header { incarnation, sender_seq: last + 1, ..read.header };
        let content = content(&header, &read.parts.body, read.parts.inline)?;
        let envelope = self.signer.envelopes(vec![content]).map_err(|error| internal(&error))?.pop();
        self.append(self.record(kind::RESEALED, &Resealed { envelope })).await
    }

    /// Who we are, and the last number that was used.
    fn place(&self) -> (Incarnation, u64) {
        self.engine.read(|fold, _| {
            let agent = fold.agent();
            (agent.incarnation.as_ref().try_into().map_or(Incarnation([0; 8]), Incarnation), agent.last_seq)
        })
    }

    async fn store(&self, contents: Vec<Bytes>, origins: Vec<Origin>, lane: Lane) -> Result<(), Invalid> {
        let envelopes = self.signer.envelopes(contents).map_err(|error| {
            tracing::error!(%error, "a burst could not be sealed");
            Invalid::new(Reason::Internal, "seal", "seal.sign")
        })?;
        let now = self.clock.now();
        let queued = |(envelope, (act, program))| Queued { envelope: Some(envelope), act, program }.encode_to_vec();
        let records =
            envelopes.into_iter().zip(origins).map(|queue| Record::new(kind::QUEUED, now, queued(queue))).collect();
        self.engine.append(records, lane).await.map(|_| ()).map_err(|error| not_stored(&error))
    }
}

/// What must never be: everybody hears that it is queued, and only then it is.
async fn answer_early(headers: &[Header], answers: Vec<oneshot::Sender<Sealed>>) -> Vec<oneshot::Sender<Sealed>> {
    for (header, answer) in headers.iter().zip(answers) {
        drop(answer.send(Ok(header.clone())));
    }
    tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    Vec::new()
}

/// How many of the waiting make one burst: at least one, and no more bytes than one commit takes.
fn burst(waiting: &[Waiting]) -> usize {
    let mut bytes = 0;
    let fits = |waiting: &&Waiting| {
        bytes += waiting.draft.body.len() + waiting.draft.inline.iter().map(Bytes::len).sum::<usize>() + 1_024;
        bytes <= limits::COMMIT_BYTES_MAX
    };
    waiting.iter().take(limits::SEAL_LEAVES_MAX).take_while(fits).count().max(1)
}

/// The bytes of a message, as they travel.
pub fn content(header: &Header, body: &Bytes, inline: Vec<Bytes>) -> Result<Bytes, Invalid> {
    let wire = border::header::to_wire(header);
    if wire.encoded_len() > limits::HEADER_BYTES_MAX {
        return Err(Invalid::too_large("header", wire.encoded_len(), limits::HEADER_BYTES_MAX));
    }
    let rest = v1::Content { header: Some(wire), body: None, inline: Vec::new() };
    let mut bytes = Vec::with_capacity(rest.encoded_len() + body.len() + 16);
    rest.encode(&mut bytes).map_err(|_| Invalid::new(Reason::Internal, "header", "content.readable"))?;
    // the body as it came, field 2, so that nothing in it is lost that this version does not know
    prost::encoding::bytes::encode(2, body, &mut bytes);
    for part in inline {
        prost::encoding::bytes::encode(3, &part, &mut bytes);
    }
    if bytes.len() > limits::CONTENT_BYTES_MAX {
        return Err(Invalid::too_large("content", bytes.len(), limits::CONTENT_BYTES_MAX));
    }
    Ok(bytes.into())
}

/// Why something was not stored, for whoever asked.
pub fn not_stored(error: &AppendError) -> Invalid {
    match error {
        AppendError::Busy => Invalid::new(Reason::Busy, "", "journal.busy"),
        AppendError::Stopped => Invalid::new(Reason::Busy, "", "agent.stopping"),
        AppendError::Failed(_) | AppendError::Journal(_) => {
            tracing::error!(%error, "a record could not be stored");
            Invalid::new(Reason::Internal, "", "journal")
        }
    }
}
