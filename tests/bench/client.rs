//! The bench's side of a session: envelopes sealed in bursts, frames of whatever is ready, confirms for whole frames.

use std::{net::SocketAddr, time::Duration};

use bytes::Bytes;
use ed25519_dalek::SigningKey;
use model::seal::{self, SealKind};
use prost::Message as _;
use proto::{border, v1, v1::session_request::Frame as Ask, v1::session_response::Frame as Tell};
use tokio::{net::TcpStream, sync::mpsc};
use tokio_stream::wrappers::ReceiverStream;
use tonic::Streaming;

use crate::{
    place::Place,
    world::{
        bare::Bare,
        drafts::bulletin,
        region::{REGION, XZ},
    },
};

/// Envelopes of one frame and of one signature.
pub const BURST: usize = 64;

/// Waits until somebody listens.
pub async fn listening(address: SocketAddr) {
    let dialled = async {
        while TcpStream::connect(address).await.is_err() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), dialled).await.expect("the broker starts");
}

/// Seals whole bursts at once.
pub struct Sealer(SigningKey);

impl Sealer {
    /// With the evidence key of a city.
    pub fn of(place: &Place, city: &str) -> Self {
        let trust = place.region.trust.trust(city);
        Self(certs::keys::signing(&trust.join(certs::files::name::EVIDENCE_KEY)).unwrap())
    }

    /// Envelopes of 1 KiB of content each, to 徐州, in order.
    pub fn envelopes(&self, bare: &Bare, precedence: v1::Precedence, count: usize) -> Vec<v1::Envelope> {
        let region = REGION.parse().unwrap();
        let contents: Vec<Bytes> = (0..count).map(|number| content(bare, precedence, number)).collect();
        let mut sealed = Vec::with_capacity(count);
        for burst in contents.chunks(BURST) {
            let leaves: Vec<_> = burst.iter().map(|content| seal::leaf(SealKind::Envelope, content)).collect();
            let signed = seal::sign(SealKind::Envelope, &region, &self.0, &leaves).unwrap();
            let seals = seal::seals_for(&signed, &leaves).into_iter().map(|seal| Some(border::seal::to_wire(&seal)));
            sealed
                .extend(burst.iter().zip(seals).map(|(content, seal)| v1::Envelope { content: content.clone(), seal }));
        }
        sealed
    }

    /// DELIVERED for a whole frame under one signature.
    pub fn confirm(&self, bare: &Bare, deliveries: &[v1::Delivery]) -> v1::ReceiptBatch {
        let region = REGION.parse().unwrap();
        let envelopes = deliveries.iter().filter_map(|delivery| delivery.envelope.as_ref());
        let statements: Vec<Bytes> = envelopes.map(|envelope| bare.delivered(envelope)).collect();
        let leaves: Vec<_> = statements.iter().map(|statement| seal::leaf(SealKind::Receipt, statement)).collect();
        let signed = seal::sign(SealKind::Receipt, &region, &self.0, &leaves).unwrap();
        let (key_id, signature) = (signed.key_id.as_bytes().to_vec().into(), signed.signature.to_vec().into());
        v1::ReceiptBatch { statements, key_id, signature }
    }
}

fn content(bare: &Bare, precedence: v1::Precedence, number: usize) -> Bytes {
    let headline = format!("第 {number} 号通报：{}", "罐车侧翻".repeat(50));
    let mut content = bare.content(bulletin(&[XZ], precedence, &headline));
    let missing = 1_024_usize.saturating_sub(content.encoded_len());
    if let Some(header) = &mut content.header {
        header.purpose = "x".repeat(missing.saturating_sub(4));
    }
    content.encode_to_vec().into()
}

/// One session: a line to say things on, and what comes back.
pub struct Line {
    pub asks: mpsc::Sender<v1::SessionRequest>,
    pub tells: Streaming<v1::SessionResponse>,
}

impl Line {
    /// Opens a session; the welcome is read.
    pub async fn open(bare: &Bare, broker: SocketAddr) -> Self {
        let (asks, wire) = mpsc::channel(64);
        asks.send(v1::SessionRequest { frame: Some(Ask::Hello(bare.hello())) }).await.unwrap();
        let mut tells = bare.client(broker).session(ReceiverStream::new(wire)).await.unwrap().into_inner();
        let welcome = tells.message().await.unwrap().unwrap();
        assert!(matches!(welcome.frame, Some(Tell::Welcome(_))));
        Self { asks, tells }
    }

    pub async fn next(&mut self) -> Tell {
        self.tells.message().await.unwrap().and_then(|response| response.frame).expect("the session lives")
    }
}

/// Says one frame.
pub async fn say(asks: &mpsc::Sender<v1::SessionRequest>, frame: Ask) {
    asks.send(v1::SessionRequest { frame: Some(frame) }).await.unwrap();
}

/// A frame of submissions.
pub fn submissions(envelopes: &[v1::Envelope]) -> Ask {
    let submission =
        |envelope: &v1::Envelope| v1::Submission { envelope: Some(envelope.clone()), ..Default::default() };
    Ask::Submissions(v1::Submissions { submissions: envelopes.iter().map(submission).collect() })
}
