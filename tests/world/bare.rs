//! An agent reduced to its wire: a certificate, an evidence key, and a session in which a test says every word itself.
//! It keeps nothing on disk, and it may lie.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use hyper_util::rt::TokioIo;
use model::clock::Clock;
use model::ids::MessageId;
use model::seal::{Seal, SealKind};
use prost::Message as _;
use proto::v1::blobs_client::BlobsClient;
use proto::v1::documents_client::DocumentsClient;
use proto::v1::exchange_client::ExchangeClient;
use proto::v1::session_request::Frame as Ask;
use proto::v1::session_response::Frame as Tell;
use proto::{border, v1};
use sha2::{Digest, Sha256};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::transport::{Channel, Endpoint, Uri};
use tonic::{Status, Streaming};

use super::drafts::officer;
use super::region::REGION;

/// Longer than any answer takes.
const PATIENCE: Duration = Duration::from_secs(20);
const WEEK: Duration = Duration::from_hours(7 * 24);

/// Signs bytes with an evidence key.
type Signer = Box<dyn Fn(SealKind, &[u8]) -> Seal + Send + Sync>;

/// A bare agent.
pub struct Bare {
    pub city: String,
    pub incarnation: Bytes,
    identity: Arc<certs::tls::Identity>,
    sign: Signer,
    clock: Clock,
    seq: AtomicU64,
    boots: AtomicU64,
}

impl Bare {
    /// The agent of `city` with the certificate and key of its trust directory.
    pub fn of(city: &str, trust: &Path, clock: &Clock) -> anyhow::Result<Self> {
        let key = certs::keys::signing(&trust.join(certs::files::name::EVIDENCE_KEY))?;
        let region = REGION.parse()?;
        let mut incarnation = vec![0; 8];
        getrandom::fill(&mut incarnation)?;
        Ok(Self {
            city: city.into(),
            incarnation: incarnation.into(),
            identity: Arc::new(certs::tls::Identity::load(trust, clock.clone())?),
            sign: Box::new(move |kind, bytes| model::seal::seal_one(kind, &region, &key, bytes)),
            clock: clock.clone(),
            seq: AtomicU64::new(0),
            boots: AtomicU64::new(0),
        })
    }

    /// A complete content from a draft: the agent fills in what it knows better.
    pub fn content(&self, draft: v1::Draft) -> v1::Content {
        let v1::Draft { header, body, inline } = draft;
        v1::Content { header: Some(self.header(header.unwrap_or_default())), body, inline }
    }

    /// An envelope of any kind, whose body says nothing.
    pub fn of_kind(&self, header: v1::Header) -> v1::Envelope {
        self.with_body(header, b"")
    }

    /// An envelope of any kind with these bytes as its body.
    pub fn with_body(&self, header: v1::Header, body: &[u8]) -> v1::Envelope {
        let field = 100 + u32::try_from(header.kind).expect("a kind");
        let (mut bytes, mut wrapped) = (Vec::new(), Vec::new());
        prost::encoding::bytes::encode(field, &body.to_vec(), &mut wrapped);
        let header = Some(self.header(header));
        v1::Content { header, ..Default::default() }.encode(&mut bytes).expect("room");
        prost::encoding::bytes::encode(2, &wrapped, &mut bytes);
        self.seal_bytes(bytes.into())
    }

    /// A complete header: what the draft says, and what an agent fills in.
    pub fn header(&self, given: v1::Header) -> v1::Header {
        let now = self.clock.now();
        let message_id: Bytes = self.message_id().into();
        let at = Some(border::time::to_wire(now));
        let thread = Some(given.originating_message_id.clone()).filter(|thread| !thread.is_empty());
        v1::Header {
            originating_message_id: thread.unwrap_or_else(|| message_id.clone()),
            message_id,
            schema_version: 1,
            sender: Some(v1::Party {
                jurisdiction: self.city.clone(),
                role: speaks_as(given.kind()).into(),
                name: officer().name,
                duty_phone: "0539-8000000".into(),
            }),
            revision: given.revision.max(1),
            incarnation: self.incarnation.clone(),
            sender_seq: self.seq.fetch_add(1, Ordering::SeqCst) + 1,
            sent_at: at,
            utc_offset_min: 480,
            expires_at: given.expires_at.or(Some(border::time::to_wire(now.plus(WEEK)))),
            region: REGION.into(),
            ..given
        }
    }

    fn message_id(&self) -> Vec<u8> {
        let mut random = [0; 10];
        getrandom::fill(&mut random).expect("the system gives random bytes");
        MessageId::new(self.clock.now(), random).0.to_vec()
    }

    /// Seals a content as it is.
    pub fn seal(&self, content: &v1::Content) -> v1::Envelope {
        self.seal_bytes(content.encode_to_vec().into())
    }

    /// Seals any bytes.
    pub fn seal_bytes(&self, content: Bytes) -> v1::Envelope {
        let seal = (self.sign)(SealKind::Envelope, &content);
        v1::Envelope { content, seal: Some(border::seal::to_wire(&seal)) }
    }

    /// Completes and seals a draft.
    pub fn envelope(&self, draft: v1::Draft) -> v1::Envelope {
        self.seal(&self.content(draft))
    }

    /// A client of the exchange over mutual TLS; every call judges the certificates of both sides anew.
    pub fn client(&self, broker: SocketAddr) -> ExchangeClient<Channel> {
        ExchangeClient::new(self.channel(broker)).max_decoding_message_size(2 << 20)
    }

    /// A client of the documents.
    pub fn documents(&self, broker: SocketAddr) -> DocumentsClient<Channel> {
        DocumentsClient::new(self.channel(broker))
    }

    /// A client of the blobs.
    pub fn blobs(&self, broker: SocketAddr) -> BlobsClient<Channel> {
        BlobsClient::new(self.channel(broker))
    }

    /// A line to any door of the broker, dialled at the first call.
    pub fn channel(&self, broker: SocketAddr) -> Channel {
        channel(&self.identity, broker)
    }

    /// Submits one envelope by itself: its ACCEPTED statement, or the refusal's stable code.
    pub async fn submit(&self, broker: SocketAddr, envelope: v1::Envelope) -> Result<v1::ReceiptStatement, String> {
        let submission = Some(v1::Submission { envelope: Some(envelope), ..Default::default() });
        let answer = self.client(broker).submit(v1::SubmitRequest { submission }).await;
        let receipt = answer.map_err(|status| reason(&status))?.into_inner().receipt.unwrap_or_default();
        Ok(v1::ReceiptStatement::decode(receipt.statement).unwrap_or_default())
    }

    /// Submits one envelope that is refused: the stable code, and the field that it names.
    pub async fn refused(&self, broker: SocketAddr, envelope: v1::Envelope) -> (String, String) {
        use tonic_types::StatusExt as _;
        let submission = Some(v1::Submission { envelope: Some(envelope), ..Default::default() });
        let answer = self.client(broker).submit(v1::SubmitRequest { submission }).await;
        let info = answer.expect_err("a refusal").get_details_error_info().expect("details");
        (info.reason, info.metadata.get("field").cloned().unwrap_or_default())
    }

    /// Opens a session with ample credit.
    pub async fn session(&self, broker: SocketAddr) -> Result<Session<'_>, Status> {
        self.session_with(broker, self.hello()).await
    }

    /// What it says first: who it is, and that it has ample credit.
    pub fn hello(&self) -> v1::Hello {
        v1::Hello {
            protocol_min: 1,
            protocol_max: 1,
            incarnation: self.incarnation.clone(),
            boot_count: self.boots.fetch_add(1, Ordering::SeqCst) + 1,
            last_sender_seq: self.seq.load(Ordering::SeqCst),
            clock: Some(border::time::to_wire(self.clock.now())),
            profile: "normal".into(),
            software: "bare".into(),
            credit: Some(ample_credit()),
            ..Default::default()
        }
    }

    /// Opens a session with these words.
    pub async fn session_with(&self, broker: SocketAddr, hello: v1::Hello) -> Result<Session<'_>, Status> {
        let (asks, wire) = mpsc::channel(64);
        asks.send(v1::SessionRequest { frame: Some(Ask::Hello(hello)) }).await.expect("a fresh channel");
        let tells = self.client(broker).session(ReceiverStream::new(wire)).await?.into_inner();
        let mut session =
            Session { agent: self, asks, tells, waiting: Vec::new(), confirms: 0, welcome: v1::Welcome::default() };
        session.welcome = session
            .next(|frame| match frame {
                Tell::Welcome(welcome) => Ok(welcome),
                other => Err(other),
            })
            .await?;
        Ok(session)
    }

    /// The DELIVERED statement about an envelope, as this agent would sign it.
    pub fn delivered(&self, envelope: &v1::Envelope) -> Bytes {
        self.statement(envelope, v1::Stage::Delivered)
    }

    /// A statement of any stage about an envelope.
    pub fn statement(&self, envelope: &v1::Envelope, stage: v1::Stage) -> Bytes {
        let header = header_of(envelope);
        let person = stage != v1::Stage::Delivered;
        let statement = v1::ReceiptStatement {
            message_id: header.message_id,
            content_hash: Sha256::digest(&envelope.content).to_vec().into(),
            recipient: self.city.clone(),
            stage: stage.into(),
            at: Some(border::time::to_wire(self.clock.now())),
            by: format!("{}/desk", self.city),
            officer: person.then(officer),
            sender: header.sender.unwrap_or_default().jurisdiction,
            ..Default::default()
        };
        statement.encode_to_vec().into()
    }

    /// One statement under one signature.
    pub fn batch(&self, statement: Bytes) -> v1::ReceiptBatch {
        let seal = border::seal::to_wire(&(self.sign)(SealKind::Receipt, &statement));
        v1::ReceiptBatch { statements: vec![statement], key_id: seal.key_id, signature: seal.signature }
    }
}

/// Who may say it: the broker asks that too.
fn speaks_as(kind: v1::Kind) -> v1::Role {
    if kind == v1::Kind::DrillControl { v1::Role::DrillController } else { v1::Role::DutyOfficer }
}

/// One session of a bare agent.
pub struct Session<'a> {
    pub welcome: v1::Welcome,
    agent: &'a Bare,
    asks: mpsc::Sender<v1::SessionRequest>,
    tells: Streaming<v1::SessionResponse>,
    /// Frames that came while another was awaited.
    waiting: Vec<Tell>,
    confirms: u64,
}

impl Session<'_> {
    /// Says one frame.
    pub async fn say(&self, frame: Ask) -> Result<(), Status> {
        let said = self.asks.send(v1::SessionRequest { frame: Some(frame) }).await;
        said.map_err(|_| Status::cancelled("the session is over"))
    }

    /// Submits envelopes in one frame and waits for the answer to all of them.
    pub async fn submit(&mut self, envelopes: Vec<v1::Envelope>) -> Result<v1::Answers, Status> {
        let expected = envelopes.len();
        let submission = |envelope| v1::Submission { envelope: Some(envelope), ..Default::default() };
        let submissions = envelopes.into_iter().map(submission).collect();
        self.say(Ask::Submissions(v1::Submissions { submissions })).await?;
        let mut all = v1::Answers { accepted: Some(v1::ReceiptBatch::default()), refused: Vec::new() };
        while all.accepted.as_ref().map_or(0, |batch| batch.statements.len()) + all.refused.len() < expected {
            let answers = self
                .next(|frame| match frame {
                    Tell::Answers(answers) => Ok(answers),
                    other => Err(other),
                })
                .await?;
            all.refused.extend(answers.refused);
            if let (Some(all), Some(more)) = (&mut all.accepted, answers.accepted) {
                all.statements.extend(more.statements);
            }
        }
        Ok(all)
    }

    /// The next deliveries.
    pub async fn deliveries(&mut self) -> Result<Vec<v1::Delivery>, Status> {
        self.next(|frame| match frame {
            Tell::Deliveries(deliveries) => Ok(deliveries.deliveries),
            other => Err(other),
        })
        .await
    }

    /// The next ids that the broker asks for.
    pub async fn asked_for(&mut self) -> Result<Vec<Bytes>, Status> {
        self.next(|frame| match frame {
            Tell::GapRequest(gap) => Ok(gap.message_ids),
            other => Err(other),
        })
        .await
    }

    /// Exactly `count` deliveries, unconfirmed, in the order in which they came.
    pub async fn take(&mut self, count: usize) -> Result<Vec<v1::Delivery>, Status> {
        let mut taken = Vec::new();
        while taken.len() < count {
            taken.extend(self.deliveries().await?);
        }
        Ok(taken)
    }

    /// Signs DELIVERED for each and waits until the broker has stored that.
    pub async fn confirm(&mut self, deliveries: &[v1::Delivery]) -> Result<(), Status> {
        for delivery in deliveries {
            let statement = self.agent.delivered(delivery.envelope.as_ref().unwrap_or(&v1::Envelope::default()));
            self.confirm_with(vec![delivery.tag], self.agent.batch(statement)).await?;
        }
        Ok(())
    }

    /// Hands in receipts, for tags or for none, and waits until they are stored.
    pub async fn confirm_with(&mut self, selective_tags: Vec<u64>, receipts: v1::ReceiptBatch) -> Result<(), Status> {
        self.confirms += 1;
        let number = self.confirms;
        let confirm = v1::Confirm { number, selective_tags, receipts: Some(receipts), ..v1::Confirm::default() };
        self.say(Ask::Confirm(confirm)).await?;
        self.next(move |frame| match frame {
            Tell::ConfirmStored(stored) if stored.number >= number => Ok(()),
            other => Err(other),
        })
        .await
    }

    /// The next receipts of the agent's line.
    pub async fn receipts(&mut self) -> Result<Vec<v1::ReceiptStatement>, Status> {
        let line = self
            .next(|frame| match frame {
                Tell::ReceiptLine(line) => Ok(line),
                other => Err(other),
            })
            .await?;
        let statement = |receipt: v1::Receipt| v1::ReceiptStatement::decode(receipt.statement).unwrap_or_default();
        Ok(line.receipts.into_iter().map(statement).collect())
    }

    /// Waits until the broker ends the session, and gives the reason.
    pub async fn ended(&mut self) -> String {
        let gone = self.next(|frame| match frame {
            Tell::GoAway(gone) => Ok(gone.reason),
            other => Err(other),
        });
        gone.await.unwrap_or_else(|status| reason(&status))
    }

    /// The first frame that `choose` takes; the others stay in their order.
    async fn next<T>(&mut self, mut choose: impl FnMut(Tell) -> Result<T, Tell>) -> Result<T, Status> {
        let mut kept = Vec::new();
        let mut chosen = None;
        for frame in std::mem::take(&mut self.waiting) {
            match chosen {
                None => match choose(frame) {
                    Ok(found) => chosen = Some(found),
                    Err(other) => kept.push(other),
                },
                Some(_) => kept.push(frame),
            }
        }
        self.waiting = kept;
        while chosen.is_none() {
            let frame = self.frame().await?;
            match choose(frame) {
                Ok(found) => chosen = Some(found),
                Err(other) => self.waiting.push(other),
            }
        }
        chosen.ok_or_else(|| Status::internal("nothing was chosen"))
    }

    async fn frame(&mut self) -> Result<Tell, Status> {
        let late = |_| Status::deadline_exceeded("no frame came");
        let next = tokio::time::timeout(PATIENCE, self.tells.message()).await.map_err(late)??;
        next.and_then(|response| response.frame).ok_or_else(|| Status::cancelled("the session is over"))
    }
}

/// A line to one of the broker's doors over mutual TLS, dialled at the first call.
pub fn channel(identity: &Arc<certs::tls::Identity>, door: SocketAddr) -> Channel {
    let identity = identity.clone();
    let dial = tower::service_fn(move |_: Uri| {
        let identity = identity.clone();
        async move {
            let connected = certs::tls::connect(&identity, &door.ip().to_string(), door.port()).await;
            connected.map(|(stream, _)| TokioIo::new(stream))
        }
    });
    Endpoint::from_static("http://broker.invalid").connect_with_connector_lazy(dial)
}

/// Credit for more than any test sends.
fn ample_credit() -> v1::Credit {
    let line = |precedence| v1::CreditLine { precedence, bytes: 1 << 40, envelopes: 1 << 30 };
    v1::Credit { lines: (1..=4).map(line).collect() }
}

/// The header of an envelope that can be read.
pub fn header_of(envelope: &v1::Envelope) -> v1::Header {
    v1::Content::decode(envelope.content.clone()).ok().and_then(|content| content.header).unwrap_or_default()
}

/// The stable code in a status, `LD303_CONFLICT_ID`; its message where there is none.
pub fn reason(status: &Status) -> String {
    use tonic_types::StatusExt as _;
    status.get_details_error_info().map_or_else(|| status.message().to_owned(), |info| info.reason)
}
