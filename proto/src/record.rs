//! Journal records made from `liandong/record/v1/record.proto`, and the numbers of their kinds.

pub use made::*;

#[allow(missing_docs, clippy::all, clippy::pedantic, clippy::restriction)]
mod made {
    tonic::include_proto!("liandong.record.v1");
}

/// Numbers of record kinds. A number never changes its meaning.
pub mod kind {
    /// The journal's own: a new epoch.
    pub const EPOCH_BEGAN: u16 = 1;
    /// [`super::Submitted`].
    pub const SUBMITTED: u16 = 2;
    /// [`super::Confirmed`].
    pub const CONFIRMED: u16 = 3;
    /// [`super::Expired`].
    pub const EXPIRED: u16 = 4;
    /// [`super::Tried`].
    pub const TRIED: u16 = 5;
    /// [`super::TrustChanged`].
    pub const TRUST_CHANGED: u16 = 6;
    /// [`super::AdminAct`].
    pub const ADMIN_ACT: u16 = 7;
    /// [`super::BlobStored`].
    pub const BLOB_STORED: u16 = 8;
    /// [`super::Refused`].
    pub const REFUSED: u16 = 9;
    /// [`super::Submitted`]: the envelope of an open message, written anew because its record was damaged.
    pub const CARRIED: u16 = 10;
    /// [`super::ReceiptsSeen`].
    pub const RECEIPTS_SEEN: u16 = 12;
    /// [`super::SessionBegan`].
    pub const SESSION_BEGAN: u16 = 13;
    /// [`super::DayBegan`].
    pub const DAY_BEGAN: u16 = 14;
    /// [`super::PostTurned`].
    pub const POST_TURNED: u16 = 15;
    /// [`super::Incarnated`].
    pub const INCARNATED: u16 = 32;
    /// [`super::Queued`].
    pub const QUEUED: u16 = 33;
    /// [`super::BrokerAccepted`].
    pub const BROKER_ACCEPTED: u16 = 34;
    /// [`super::BrokerRefused`].
    pub const BROKER_REFUSED: u16 = 35;
    /// [`super::Received`].
    pub const RECEIVED: u16 = 36;
    /// [`super::ReceiptsReceived`].
    pub const RECEIPTS_RECEIVED: u16 = 37;
    /// [`super::Attested`].
    pub const ATTESTED: u16 = 38;
    /// [`super::ConfirmKept`].
    pub const CONFIRM_KEPT: u16 = 39;
    /// [`super::EpochsKnown`].
    pub const EPOCHS_KNOWN: u16 = 40;
    /// [`super::DocumentCached`].
    pub const DOCUMENT_CACHED: u16 = 41;
    /// [`super::Resealed`].
    pub const RESEALED: u16 = 42;
    /// [`super::Rung`].
    pub const RUNG: u16 = 43;
    /// [`super::DeskAct`].
    pub const DESK_ACT: u16 = 44;
    /// [`super::Followed`].
    pub const FOLLOWED: u16 = 45;
    /// [`super::PeersSeen`].
    pub const PEERS_SEEN: u16 = 46;
    /// [`super::RulesLooked`].
    pub const RULES_LOOKED: u16 = 47;
    /// [`super::ActTried`].
    pub const ACT_TRIED: u16 = 48;
    /// [`super::ActEnded`].
    pub const ACT_ENDED: u16 = 49;
    /// [`super::LinkTurned`].
    pub const LINK_TURNED: u16 = 50;
    /// [`super::HeadSigned`].
    pub const HEAD_SIGNED: u16 = 60;
    /// [`super::HeadWitnessed`].
    pub const HEAD_WITNESSED: u16 = 61;
    /// [`super::EvidenceAged`].
    pub const EVIDENCE_AGED: u16 = 62;
}
