//! A member reduced to its wire: it seals, sends and confirms as agents do and keeps nothing on disk. What it sends is a
//! TEST, which nobody acts on.

use std::{net::SocketAddr, path::Path, sync::Arc, time::Duration};

use anyhow::{Context as _, bail};
use bytes::Bytes;
use certs::tls::Identity;
use ed25519_dalek::SigningKey;
use hyper_util::rt::TokioIo;
use model::{
    ids::{Digest, MessageId, RegionId},
    seal::{self, SealKind},
};
use prost::Message as _;
use proto::{
    border,
    v1::{self, exchange_client::ExchangeClient},
};
use tonic::transport::{Channel, Endpoint};

use crate::clock;

/// Envelopes of one frame and of one signature.
pub const BURST: usize = 64;
/// What an envelope's content holds beside its filling, about.
const CONTENT_LEAST: usize = 400;
const WEEK: Duration = Duration::from_hours(7 * 24);

/// A member.
pub struct Member {
    /// Its jurisdiction.
    pub id: String,
    region: RegionId,
    identity: Arc<Identity>,
    key: SigningKey,
    incarnation: Bytes,
    seq: u64,
    boots: u64,
}

impl Member {
    /// The member `id` with the certificate and keys of its trust directory.
    pub fn load(region: RegionId, id: &str, trust: &Path) -> anyhow::Result<Self> {
        let key = certs::keys::signing(&trust.join(certs::files::name::EVIDENCE_KEY))?;
        let identity = Arc::new(Identity::load(trust, clock::system())?);
        let incarnation = random::<8>()?.to_vec().into();
        Ok(Self { id: id.to_owned(), region, identity, key, incarnation, seq: 0, boots: 0 })
    }

    /// Whoever a trust directory belongs to.
    pub fn of_trust(trust: &Path) -> anyhow::Result<Self> {
        let (name, _) = certs::trust::identity_of(trust).with_context(|| format!("--trust {}", trust.display()))?;
        let Some(agent) = name.agent() else { bail!("--trust {}: not an agent's directory", trust.display()) };
        Self::load(name.region.clone(), agent.jurisdiction.as_str(), trust)
    }

    /// Envelopes with this many bytes of content, in order, whole bursts under one signature.
    pub fn envelopes(
        &mut self,
        to: &[&str],
        precedence: v1::Precedence,
        bytes: usize,
        count: usize,
    ) -> anyhow::Result<Vec<v1::Envelope>> {
        let contents = (0..count).map(|_| self.content(to, precedence, bytes)).collect::<anyhow::Result<Vec<_>>>()?;
        let mut sealed = Vec::with_capacity(count);
        for burst in contents.chunks(BURST) {
            let leaves: Vec<_> = burst.iter().map(|content| seal::leaf(SealKind::Envelope, content)).collect();
            let signed = seal::sign(SealKind::Envelope, &self.region, &self.key, &leaves)?;
            let seals = seal::seals_for(&signed, &leaves).into_iter().map(|seal| Some(border::seal::to_wire(&seal)));
            let contents = burst.iter().cloned();
            sealed.extend(contents.zip(seals).map(|(content, seal)| v1::Envelope { content, seal }));
        }
        Ok(sealed)
    }

    fn content(&mut self, to: &[&str], precedence: v1::Precedence, bytes: usize) -> anyhow::Result<Bytes> {
        self.seq += 1;
        let mut content = v1::Content {
            header: Some(self.header(to, precedence)?),
            body: Some(notice(String::new())),
            inline: Vec::new(),
        };
        // five bytes of lengths, about: a content is as long as asked for but for one or two
        let filling = bytes.saturating_sub(content.encoded_len() + 8);
        content.body = Some(notice("x".repeat(filling)));
        Ok(content.encode_to_vec().into())
    }

    fn header(&self, to: &[&str], precedence: v1::Precedence) -> anyhow::Result<v1::Header> {
        let now = clock::system().now();
        let id: Bytes = MessageId::new(now, random()?).0.to_vec().into();
        let recipients = to.iter().map(|id| {
            let to = v1::JurisdictionAddress { id: (*id).to_owned(), role: 0 };
            v1::Address { to: Some(v1::address::To::Jurisdiction(to)) }
        });
        Ok(v1::Header {
            originating_message_id: id.clone(),
            message_id: id,
            schema_version: 1,
            region: self.region.to_string(),
            sender: Some(v1::Party {
                jurisdiction: self.id.clone(),
                role: v1::Role::DutyOfficer.into(),
                name: "bench".to_owned(),
                duty_phone: "0".to_owned(),
            }),
            recipients: recipients.collect(),
            incarnation: self.incarnation.clone(),
            sender_seq: self.seq,
            sent_at: Some(border::time::to_wire(now)),
            expires_at: Some(border::time::to_wire(now.plus(WEEK))),
            utc_offset_min: 480,
            revision: 1,
            kind: v1::Kind::AgendaChanged.into(),
            action: v1::Action::Originate.into(),
            status: v1::Status::Test.into(),
            event_level: v1::EventLevel::L0.into(),
            category: v1::Category::Natural.into(),
            precedence: precedence.into(),
            confidentiality: v1::Confidentiality::Internal.into(),
            receipt_required: receipt_of(precedence).into(),
            prepared_by: Some(v1::Signatory { name: "bench".to_owned(), role: v1::Role::DutyOfficer.into(), at: None }),
            language: "zh-CN".to_owned(),
            ..v1::Header::default()
        })
    }

    /// DELIVERED for a whole frame under one signature.
    pub fn confirm(&self, deliveries: &[v1::Delivery]) -> anyhow::Result<v1::ReceiptBatch> {
        let at = Some(border::time::to_wire(clock::system().now()));
        let envelopes = deliveries.iter().filter_map(|delivery| delivery.envelope.as_ref());
        let statements = envelopes.map(|envelope| self.delivered(envelope, at)).collect::<anyhow::Result<_>>()?;
        Ok(border::receipt::sign_batch(&self.region, &self.key, statements)?)
    }

    fn delivered(&self, envelope: &v1::Envelope, at: Option<prost_types::Timestamp>) -> anyhow::Result<Bytes> {
        let parts = border::content::parts(&envelope.content)?;
        let header = v1::Header::decode(parts.header)?;
        let statement = v1::ReceiptStatement {
            message_id: header.message_id,
            content_hash: Digest::of(&envelope.content).0.to_vec().into(),
            recipient: self.id.clone(),
            stage: v1::Stage::Delivered.into(),
            at,
            by: format!("{}/bench", self.id),
            sender: header.sender.unwrap_or_default().jurisdiction,
            ..v1::ReceiptStatement::default()
        };
        Ok(statement.encode_to_vec().into())
    }

    /// What it says first: who it is, and that it takes whatever comes.
    pub fn hello(&mut self) -> v1::Hello {
        self.boots += 1;
        let line = |precedence| v1::CreditLine { precedence, bytes: 1 << 40, envelopes: 1 << 30 };
        v1::Hello {
            protocol_min: 1,
            protocol_max: 1,
            incarnation: self.incarnation.clone(),
            boot_count: self.boots,
            last_sender_seq: self.seq,
            clock: Some(border::time::to_wire(clock::system().now())),
            profile: "normal".to_owned(),
            software: "liandong bench".to_owned(),
            credit: Some(v1::Credit { lines: (1..=4).map(line).collect() }),
            ..v1::Hello::default()
        }
    }

    /// A client of the exchange at `broker` over mutual TLS, with the windows that agents ask for; dialled at the first call.
    pub fn client(&self, broker: SocketAddr) -> ExchangeClient<Channel> {
        let identity = self.identity.clone();
        let dial = tower::service_fn(move |_: tonic::transport::Uri| {
            let identity = identity.clone();
            async move {
                let connected = certs::tls::connect(&identity, &broker.ip().to_string(), broker.port()).await;
                connected.map(|(stream, _)| TokioIo::new(stream))
            }
        });
        let endpoint = Endpoint::from_static("http://broker.invalid")
            .initial_stream_window_size(8 << 20)
            .initial_connection_window_size(32 << 20);
        ExchangeClient::new(endpoint.connect_with_connector_lazy(dial)).max_decoding_message_size(4 << 20)
    }
}

/// A notice that is settled when it is delivered: nobody has to open it, as with the messages of other brokers.
fn notice(filling: String) -> v1::Body {
    let notice = v1::AgendaChanged { document_id: filling, ..v1::AgendaChanged::default() };
    v1::Body { body: Some(v1::body::Body::AgendaChanged(notice)) }
}

/// The least receipt that a notice of this precedence must ask for.
fn receipt_of(precedence: v1::Precedence) -> v1::Stage {
    match precedence {
        v1::Precedence::Flash | v1::Precedence::Immediate => v1::Stage::Acknowledged,
        _ => v1::Stage::Delivered,
    }
}

/// What a desk is asked to send: a bulletin of about so many bytes.
pub fn draft(to: &str, bytes: usize) -> v1::Draft {
    let incident_id = format!("{to}-20270101-0001");
    let to = v1::JurisdictionAddress { id: to.to_owned(), role: 0 };
    let recipients = vec![v1::Address { to: Some(v1::address::To::Jurisdiction(to)) }];
    let header = v1::Header {
        recipients,
        precedence: v1::Precedence::Priority.into(),
        incident_id,
        event_level: v1::EventLevel::L4.into(),
        category: v1::Category::Natural.into(),
        prepared_by: Some(signatory("bench", v1::Role::DutyOfficer)),
        signed_off_by: Some(signatory("bench leader", v1::Role::ShiftLeader)),
        ..v1::Header::default()
    };
    let bulletin = v1::Bulletin {
        headline: "bench".to_owned(),
        subtype: v1::BulletinSubtype::Notice.into(),
        body: "x".repeat(bytes.saturating_sub(CONTENT_LEAST)),
        valid_until: Some(border::time::to_wire(clock::system().now().plus(WEEK))),
        ..v1::Bulletin::default()
    };
    let body = v1::Body { body: Some(v1::body::Body::Bulletin(bulletin)) };
    v1::Draft { header: Some(header), body: Some(body), inline: Vec::new() }
}

fn signatory(name: &str, role: v1::Role) -> v1::Signatory {
    v1::Signatory { name: name.to_owned(), role: role.into(), at: None }
}

/// Whether a receipt is of this stage.
pub fn is_of_stage(receipt: &v1::Receipt, stage: v1::Stage) -> bool {
    v1::ReceiptStatement::decode(receipt.statement.clone()).is_ok_and(|said| said.stage == i32::from(stage))
}

fn random<const N: usize>() -> anyhow::Result<[u8; N]> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|error| anyhow::anyhow!("random bytes: {error}"))?;
    Ok(bytes)
}
