//! The work of the exchange, free of transport: take charge of envelopes, keep mailboxes and lines, let things expire.
//! The relay never sees a connection or a status code; the faces in `grpc` and `admin` do.

pub mod accept;
pub mod deliver;
pub mod documents;
pub mod escalate;
pub mod expire;
pub mod fold;
pub mod gaps;
pub mod heads;
pub mod line;
pub mod mailboxes;
pub mod mend;
pub mod news;
pub mod notice;
pub mod quota;
pub mod retention;
pub mod rosters;
pub mod sessions;
pub mod signer;
pub mod trace;

use std::{
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
};

use certs::tls::{Identity, TurnedAway};

use journal::FileJournal;
use model::{
    clock::Clock,
    ids::{JurisdictionId, RegionId},
    invalid::Invalid,
};
use proto::v1;
use store::{Engine, blobs::Blobs};

use self::{
    fold::{BrokerFold, Wakes},
    gaps::Gaps,
    heads::Heads,
    mend::Mending,
    quota::{DiskStage, Quotas},
    sessions::Sessions,
    signer::Signer,
};
use crate::{grpc::doors::Turned, metrics::Metrics, trust::Trust};

/// The broker's engine: its journal and the fold of it.
pub type BrokerEngine = Engine<BrokerFold, FileJournal>;

/// Everything that the faces ask. Cheap to share.
#[derive(Debug)]
pub struct Relay {
    /// Which region.
    pub region: RegionId,
    /// Journal and rows.
    pub engine: BrokerEngine,
    /// Directory, grants and evidence keys in force.
    pub trust: Arc<Trust>,
    /// Signs the broker's receipts.
    pub signer: Signer,
    /// Sessions that live.
    pub sessions: Sessions,
    /// Bells of mailboxes and lines.
    pub wakes: Arc<Wakes>,
    /// Rates of senders.
    pub quotas: Quotas,
    /// What is missing in the sequences of agents.
    pub gaps: Gaps,
    /// Heads of the evidence tree.
    pub heads: Heads,
    /// Attachments on disk.
    pub blobs: Blobs,
    /// Envelopes whose records are damaged.
    pub mending: Mending,
    /// Counters.
    pub metrics: Arc<Metrics>,
    /// The source of time.
    pub clock: Clock,
    /// State directory.
    pub state: PathBuf,
    /// Certificates and signed files.
    pub identity: Arc<Identity>,
    /// Whom the doors refused since the last record.
    pub turned: Mutex<Turned>,
}

impl Relay {
    /// Verifies receipts that `by` hands in.
    pub fn verify_receipts(&self, by: &JurisdictionId, batch: &v1::ReceiptBatch) -> Result<(), Invalid> {
        self.trust.verify_receipts(&self.trust.view(), by, batch)
    }

    /// Verifies a receipt of another that `by` hands in: it came to it on a bundle.
    pub fn verify_carried(&self, by: &JurisdictionId, receipt: &v1::Receipt) -> Result<(), Invalid> {
        self.trust.verify_carried(&self.trust.view(), by, receipt)
    }

    /// Free bytes on the disk of the state directory.
    pub fn disk_free(&self) -> u64 {
        journal::file::space(&self.state).map_or(0, |(free, _)| free)
    }

    /// Looks how full the disk is.
    pub fn look_at_disk(&self) {
        if let Ok((free, total)) = journal::file::space(&self.state) {
            // at least 64 MiB are kept back, less on a small disk
            self.quotas.disk_is(DiskStage::of(free, total, (64 << 20).min(total / 20)));
        }
    }

    /// A door refused somebody.
    pub fn turned_away(&self, away: &TurnedAway) {
        tracing::warn!(address = %away.address, why = away.why, "a connection was refused");
        self.turned.lock().unwrap_or_else(PoisonError::into_inner).add(away);
    }
}
