//! The stable reasons of the catalogue: one number and one name each, what happened, who holds the message now, and
//! what to do about it, in Chinese and English.

mod rows;

use std::{fmt, str::FromStr};

use crate::invalid::Invalid;

/// A text for people in both languages.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Text {
    /// Chinese.
    pub zh: &'static str,
    /// English.
    pub en: &'static str,
}

/// What people are told about a reason.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Texts {
    /// What happened.
    pub what: Text,
    /// Who holds the message now.
    pub holder: Text,
    /// What to do about it.
    pub remedy: Text,
}

/// The class by which the face chooses a gRPC code; the model knows no codes.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum ReasonClass {
    /// Nobody knows who speaks.
    Unauthenticated,
    /// Who speaks may not do this.
    PermissionDenied,
    /// A quota or a resource is used up; may pass.
    ResourceExhausted,
    /// The message itself is wrong.
    InvalidArgument,
    /// The state of things does not allow it.
    FailedPrecondition,
    /// Somebody else was first.
    Aborted,
    /// The name is taken by other content.
    AlreadyExists,
    /// There is nothing there.
    NotFound,
    /// Too late.
    DeadlineExceeded,
    /// Too far back.
    OutOfRange,
    /// Bytes are not what they should be.
    DataLoss,
    /// Our fault.
    Internal,
    /// Information only: never the answer to a call.
    Information,
}

/// Who has the message after a refusal.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
enum Holder {
    Nobody,
    Sender,
    Broker,
    Recipient,
}

impl Holder {
    const fn text(self) -> Text {
        match self {
            Self::Nobody => Text { zh: "不涉及消息。", en: "No message is concerned." },
            Self::Sender => Text { zh: "消息仍在发送方发件箱。", en: "The sender still holds the message." },
            Self::Broker => Text { zh: "消息由中心保管。", en: "The broker holds the message." },
            Self::Recipient => Text {
                zh: "消息已由接收方保存，未生效。",
                en: "The recipient has filed the message; it has no effect.",
            },
        }
    }
}

struct Row {
    number: u16,
    code: &'static str,
    class: ReasonClass,
    again: Again,
    holder: Holder,
    what: Text,
    remedy: Text,
}

#[derive(Clone, Copy, Eq, PartialEq)]
enum Again {
    Yes,
    No,
}

/// Why something was refused or set aside. Numbers and names never change their meaning.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Reason {
    /// 101 UNAUTHENTICATED: No certificate that this region knows was shown.
    Unauthenticated,
    /// 102 SENDER_MISMATCH: The sender named in the header is not the one of the certificate or the seal.
    SenderMismatch,
    /// 103 CERT_REVOKED: The certificate, its issuer or the evidence key was revoked.
    CertRevoked,
    /// 104 RATE_LIMITED: Your jurisdiction sent or holds more than its grant allows.
    RateLimited,
    /// 105 TOO_LARGE: The message, an attachment, a list or a text is over its limit.
    TooLarge,
    /// 106 STORE_FULL: The disk of the broker is too full for this precedence.
    StoreFull,
    /// 107 BUSY: Too much is being written just now.
    Busy,
    /// 108 SUPERSEDED: A newer session of the same agent has taken over.
    Superseded,
    /// 109 ROLLED_BACK: The agent's state is older than what the broker has already recorded from it.
    RolledBack,
    /// 110 CLONED: Two living copies of one agent speak at the same time.
    Cloned,
    /// 111 NO_COMMON_PROTOCOL: The two programs share no protocol version.
    NoCommonProtocol,
    /// 201 BAD_SCHEMA: The message cannot be read, or its parts do not fit each other.
    BadSchema,
    /// 202 MISSING_FIELD: A required field is empty.
    MissingField,
    /// 203 BAD_CODE: A code, number or id is not known or badly written.
    BadCode,
    /// 204 BAD_GEOMETRY: A place or area is impossible: out of range, open, or crossing itself.
    BadGeometry,
    /// 205 BAD_SEAL: The seal does not belong to these bytes.
    BadSeal,
    /// 206 CLOCK_SKEW: The sender's clock is off by more than an hour.
    ClockSkew,
    /// 207 HASH_MISMATCH: An attachment is not the file that the message names.
    HashMismatch,
    /// 208 CAP_INVALID: The alert breaks a rule of the Common Alerting Protocol.
    CapInvalid,
    /// 209 PRECEDENCE_FLOOR: The precedence is below what the level or colour demands.
    PrecedenceFloor,
    /// 210 DEADLINE_LOOSENED: The asked time limit is later than the rules allow.
    DeadlineLoosened,
    /// 301 UNKNOWN_REFERENCE: The message this one refers to is not known to the recipient.
    UnknownReference,
    /// 302 WRONG_SEQUENCE: The state of the matter does not allow this step.
    WrongSequence,
    /// 303 CONFLICT_ID: The same message number was used for other content.
    ConflictId,
    /// 304 CONFLICT_REVISION: A revision is missing, or its number was used for other content.
    ConflictRevision,
    /// 305 NOT_AUTHOR: Only the author may change or cancel a message.
    NotAuthor,
    /// 306 THREAD_CLOSED: The matter is cancelled, expired or closed.
    ThreadClosed,
    /// 307 DRILL_NOT_LIVE: The drill is not running, or not everyone addressed takes part.
    DrillNotLive,
    /// 308 STATUS_MIX: Exercise and reality were mixed.
    StatusMix,
    /// 401 NO_AGREEMENT: No grant allows this, or the agreement does not cover it.
    NoAgreement,
    /// 402 ROLE_FORBIDDEN: This role may not do that.
    RoleForbidden,
    /// 403 SIGNOFF_MISSING: The sign-off is missing, by the drafter, or by a role that may not sign.
    SignoffMissing,
    /// 404 CONFIDENTIALITY: The content is more confidential than may travel here.
    Confidentiality,
    /// 405 RETENTION: Personal data is sent without saying until when it is kept.
    Retention,
    /// 406 OFFER_MISMATCH: Offer, order and commitment do not fit each other.
    OfferMismatch,
    /// 501 UNROUTABLE: An address reaches nobody.
    Unroutable,
    /// 502 EXPIRED: Its time had passed before it was taken.
    Expired,
    /// 503 PEER_OFFLINE: The recipient's agent is not connected.
    PeerOffline,
    /// 504 REFUSED_BY_PEER: The recipient's agent could not take it.
    RefusedByPeer,
    /// 601 TOKEN_EXPIRED: The sync token is older than deletions are remembered.
    TokenExpired,
    /// 602 ETAG_MISMATCH: Somebody changed the item in the meantime.
    EtagMismatch,
    /// 603 DOCUMENT_LOCKED: The document is locked for members.
    DocumentLocked,
    /// 604 NOT_FOUND: It is not there, or not yours.
    NotFound,
    /// 901 INTERNAL: This is our fault; it was logged.
    Internal,
}

impl Reason {
    /// Every reason, by number.
    pub const ALL: &'static [Self] = &[
        Self::Unauthenticated,
        Self::SenderMismatch,
        Self::CertRevoked,
        Self::RateLimited,
        Self::TooLarge,
        Self::StoreFull,
        Self::Busy,
        Self::Superseded,
        Self::RolledBack,
        Self::Cloned,
        Self::NoCommonProtocol,
        Self::BadSchema,
        Self::MissingField,
        Self::BadCode,
        Self::BadGeometry,
        Self::BadSeal,
        Self::ClockSkew,
        Self::HashMismatch,
        Self::CapInvalid,
        Self::PrecedenceFloor,
        Self::DeadlineLoosened,
        Self::UnknownReference,
        Self::WrongSequence,
        Self::ConflictId,
        Self::ConflictRevision,
        Self::NotAuthor,
        Self::ThreadClosed,
        Self::DrillNotLive,
        Self::StatusMix,
        Self::NoAgreement,
        Self::RoleForbidden,
        Self::SignoffMissing,
        Self::Confidentiality,
        Self::Retention,
        Self::OfferMismatch,
        Self::Unroutable,
        Self::Expired,
        Self::PeerOffline,
        Self::RefusedByPeer,
        Self::TokenExpired,
        Self::EtagMismatch,
        Self::DocumentLocked,
        Self::NotFound,
        Self::Internal,
    ];

    /// Its number, for example 302.
    pub const fn number(self) -> u16 {
        self.row().number
    }

    /// The reason with this number, if there is one.
    pub fn from_number(number: u16) -> Option<Self> {
        Self::ALL.iter().copied().find(|reason| reason.number() == number)
    }

    /// The stable code, for example `LD302_WRONG_SEQUENCE`.
    pub const fn code(self) -> &'static str {
        self.row().code
    }

    /// The name without number, for example `WRONG_SEQUENCE`.
    pub fn name(self) -> &'static str {
        self.code().split_once('_').map_or("", |(_, name)| name)
    }

    /// Whether the same bytes may be sent again unchanged.
    pub fn may_repeat(self) -> bool {
        self.row().again == Again::Yes
    }

    /// The class by which a face chooses its code.
    pub const fn class(self) -> ReasonClass {
        self.row().class
    }

    /// What people are told.
    pub const fn texts(self) -> Texts {
        let row = self.row();
        Texts { what: row.what, holder: row.holder.text(), remedy: row.remedy }
    }

    const fn row(self) -> &'static Row {
        match self {
            Self::Unauthenticated => &rows::UNAUTHENTICATED,
            Self::SenderMismatch => &rows::SENDER_MISMATCH,
            Self::CertRevoked => &rows::CERT_REVOKED,
            Self::RateLimited => &rows::RATE_LIMITED,
            Self::TooLarge => &rows::TOO_LARGE,
            Self::StoreFull => &rows::STORE_FULL,
            Self::Busy => &rows::BUSY,
            Self::Superseded => &rows::SUPERSEDED,
            Self::RolledBack => &rows::ROLLED_BACK,
            Self::Cloned => &rows::CLONED,
            Self::NoCommonProtocol => &rows::NO_COMMON_PROTOCOL,
            Self::BadSchema => &rows::BAD_SCHEMA,
            Self::MissingField => &rows::MISSING_FIELD,
            Self::BadCode => &rows::BAD_CODE,
            Self::BadGeometry => &rows::BAD_GEOMETRY,
            Self::BadSeal => &rows::BAD_SEAL,
            Self::ClockSkew => &rows::CLOCK_SKEW,
            Self::HashMismatch => &rows::HASH_MISMATCH,
            Self::CapInvalid => &rows::CAP_INVALID,
            Self::PrecedenceFloor => &rows::PRECEDENCE_FLOOR,
            Self::DeadlineLoosened => &rows::DEADLINE_LOOSENED,
            Self::UnknownReference => &rows::UNKNOWN_REFERENCE,
            Self::WrongSequence => &rows::WRONG_SEQUENCE,
            Self::ConflictId => &rows::CONFLICT_ID,
            Self::ConflictRevision => &rows::CONFLICT_REVISION,
            Self::NotAuthor => &rows::NOT_AUTHOR,
            Self::ThreadClosed => &rows::THREAD_CLOSED,
            Self::DrillNotLive => &rows::DRILL_NOT_LIVE,
            Self::StatusMix => &rows::STATUS_MIX,
            Self::NoAgreement => &rows::NO_AGREEMENT,
            Self::RoleForbidden => &rows::ROLE_FORBIDDEN,
            Self::SignoffMissing => &rows::SIGNOFF_MISSING,
            Self::Confidentiality => &rows::CONFIDENTIALITY,
            Self::Retention => &rows::RETENTION,
            Self::OfferMismatch => &rows::OFFER_MISMATCH,
            Self::Unroutable => &rows::UNROUTABLE,
            Self::Expired => &rows::EXPIRED,
            Self::PeerOffline => &rows::PEER_OFFLINE,
            Self::RefusedByPeer => &rows::REFUSED_BY_PEER,
            Self::TokenExpired => &rows::TOKEN_EXPIRED,
            Self::EtagMismatch => &rows::ETAG_MISMATCH,
            Self::DocumentLocked => &rows::DOCUMENT_LOCKED,
            Self::NotFound => &rows::NOT_FOUND,
            Self::Internal => &rows::INTERNAL,
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.code())
    }
}

impl FromStr for Reason {
    type Err = Invalid;

    /// Takes `LD302`, `LD302_WRONG_SEQUENCE` or `WRONG_SEQUENCE`, in any case.
    fn from_str(text: &str) -> Result<Self, Invalid> {
        let wanted = text.trim().to_ascii_uppercase();
        let fits = |reason: &Self| {
            let code = reason.code();
            code == wanted || code.get(..5) == Some(wanted.as_str()) || reason.name() == wanted
        };
        Self::ALL.iter().copied().find(fits).ok_or_else(|| Invalid::code("reason", "reason.known").detail(text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_is_found_by_number_code_and_name() {
        for reason in Reason::ALL {
            assert_eq!(Reason::from_number(reason.number()), Some(*reason));
            assert_eq!(reason.code().parse(), Ok(*reason));
            assert_eq!(reason.name().parse(), Ok(*reason));
            assert_eq!(format!("ld{}", reason.number()).parse(), Ok(*reason));
            assert_eq!(reason.code(), format!("LD{}_{}", reason.number(), reason.name()));
        }
    }

    #[test]
    fn numbers_rise_and_the_catalogue_has_every_row() {
        assert!(Reason::ALL.is_sorted_by(|a, b| a.number() < b.number()));
        assert_eq!(Reason::ALL.len(), 44);
    }

    #[test]
    fn every_reason_is_explained_in_both_languages() {
        for reason in Reason::ALL {
            let Texts { what, holder, remedy } = reason.texts();
            for text in [what, holder, remedy] {
                assert!(!text.zh.is_empty() && !text.en.is_empty(), "{reason}");
                assert!(text.zh.ends_with('。') && text.en.ends_with('.'), "{reason}");
            }
        }
    }

    #[test]
    fn only_what_may_pass_by_itself_may_be_repeated() {
        let again: Vec<u16> = Reason::ALL.iter().filter(|r| r.may_repeat()).map(|r| r.number()).collect();
        assert_eq!(again, [104, 106, 107, 206, 207, 301, 901]);
    }

    #[test]
    fn an_unknown_reason_is_refused() {
        assert!("LD999".parse::<Reason>().is_err());
        assert!("LD".parse::<Reason>().is_err());
        assert!("".parse::<Reason>().is_err());
    }
}
