//! Receipts: signed proofs of one stage. A statement says what is true; who may say it and what it must carry is
//! judged here, its signature in [`crate::seal`].

use std::{fmt, str::FromStr};

use crate::{
    ids::{AgentId, Digest, JurisdictionId, MessageId},
    invalid::Invalid,
    position::{EpochId, Position},
    precedence::Precedence,
    reason::Reason,
    role::Role,
    time::Timestamp,
};

pub use crate::stage::{As, Flag, Stage, Transport};

/// Who wrote a receipt: `371300/desk`, or `broker`.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Author {
    /// The broker of the region.
    Broker,
    /// An agent.
    Agent(AgentId),
}

impl Author {
    /// The jurisdiction whose evidence key signs: the agent's, or the broker's reserved id.
    pub fn jurisdiction(&self) -> JurisdictionId {
        match self {
            Self::Broker => JurisdictionId::broker(),
            Self::Agent(agent) => agent.jurisdiction.clone(),
        }
    }
}

impl fmt::Display for Author {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Broker => f.write_str("broker"),
            Self::Agent(agent) => agent.fmt(f),
        }
    }
}

impl FromStr for Author {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        if text == "broker" { Ok(Self::Broker) } else { text.parse().map(Self::Agent) }
    }
}

/// A person at a desk.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct Officer {
    /// Full name.
    pub name: String,
    /// Role in which the person acted.
    pub role: Role,
}

/// What the broker adds beside an envelope, never inside.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Stamp {
    /// When the broker took charge: the time of its journal record.
    pub accepted_at: Timestamp,
    /// What the addresses resolved to.
    pub touched: Vec<JurisdictionId>,
    /// Who gets it, and as what.
    pub deliveries: Vec<(JurisdictionId, As)>,
    /// Superiors that should have been copied and are not in the directory.
    pub superior_absent: Vec<JurisdictionId>,
    /// Acknowledge by, as the broker counts.
    pub ack_by: Option<Timestamp>,
    /// Reply by, as the broker counts.
    pub reply_by: Option<Timestamp>,
    /// What the broker noticed.
    pub flags: Vec<Flag>,
    /// The precedence it travels with; lower than the header's only over the FLASH budget.
    pub carried_as: Precedence,
    /// Revisions of the same chain that were replaced before this recipient saw them.
    pub skipped: Vec<MessageId>,
}

/// What a receipt says.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Statement {
    /// The envelope.
    pub message_id: MessageId,
    /// SHA-256 of its content.
    pub content_hash: Digest,
    /// The recipient it is about; none for ACCEPTED.
    pub recipient: Option<JurisdictionId>,
    /// The stage reached.
    pub stage: Stage,
    /// When, by the author's clock.
    pub at: Timestamp,
    /// Error of that clock in milliseconds, as far as its owner knows.
    pub at_error_ms: u32,
    /// Who wrote the receipt.
    pub by: Author,
    /// The person, where one acted.
    pub officer: Option<Officer>,
    /// Why, for REFUSED and DEAD.
    pub reason: Option<Reason>,
    /// The rule, where one decided; else empty.
    pub rule: String,
    /// A remark of the officer; may be empty.
    pub note: String,
    /// What the author noticed.
    pub flags: Vec<Flag>,
    /// How the envelope came.
    pub transport: Transport,
    /// Epoch of the author's journal.
    pub epoch: EpochId,
    /// Position in the author's journal.
    pub position: Position,
    /// SHA-256 of the statement of the last receipt for this message that the author had.
    pub previous_receipt_hash: Option<Digest>,
    /// For ANSWERED the reply; for RECALLED by replacement the newer revision.
    pub related_message_id: Option<MessageId>,
    /// For ACCEPTED: the broker's stamp.
    pub stamp: Option<Stamp>,
    /// The sender's jurisdiction, so that a receipt finds its way without the envelope.
    pub sender: JurisdictionId,
}

impl Statement {
    /// Checks what every reader may check without other state: who may sign this stage, about whom, and what must
    /// stand beside it.
    pub fn judge(&self) -> Result<(), Invalid> {
        self.judge_author()?;
        let required = |needed: bool, there: bool, field: &'static str| {
            if needed && !there { Err(Invalid::missing(field)) } else { Ok(()) }
        };
        required(self.stage != Stage::Accepted, self.recipient.is_some(), "recipient")?;
        required(self.stage == Stage::Accepted, self.stamp.is_some(), "stamp")?;
        required(self.stage.needs_officer(), self.officer.is_some(), "officer")?;
        required(matches!(self.stage, Stage::Refused | Stage::Dead), self.reason.is_some(), "reason")?;
        required(self.stage == Stage::Answered, self.related_message_id.is_some(), "related_message_id")?;
        if self.stage == Stage::Accepted && self.recipient.is_some() {
            return Err(Invalid::schema("recipient", "receipt.accepted_is_for_all"));
        }
        Ok(())
    }

    /// A stage is proved by whoever can know it: acceptance and most ends by the broker, hand-over and everything that
    /// people do by an agent of the recipient, a refusal by either.
    fn judge_author(&self) -> Result<(), Invalid> {
        let of_recipient =
            matches!(&self.by, Author::Agent(agent) if Some(&agent.jurisdiction) == self.recipient.as_ref());
        let lawful = match self.stage {
            Stage::Accepted | Stage::Answered | Stage::Expired | Stage::Dead | Stage::Recalled => {
                self.by == Author::Broker
            }
            Stage::Delivered | Stage::Opened | Stage::Acknowledged | Stage::WillAnswer => of_recipient,
            Stage::Refused => of_recipient || self.by == Author::Broker,
        };
        if lawful {
            return Ok(());
        }
        let invalid = Invalid::new(Reason::SenderMismatch, "by", "receipt.author");
        Err(invalid.detail(format!("{} by {}", self.stage, self.by)))
    }

    /// Whether `other` says the same, whenever and by whichever record it was written: a repeat is answered with a
    /// receipt of equal content.
    pub fn says_the_same_as(&self, other: &Self) -> bool {
        let key =
            |s: &Self| (s.message_id, s.content_hash, s.recipient.clone(), s.stage, s.reason, s.related_message_id);
        key(self) == key(other)
    }
}

#[cfg(test)]
pub(crate) mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use Stage::{Accepted, Acknowledged, Answered, Dead, Delivered, Expired, Opened, Recalled, Refused, WillAnswer};

    pub(crate) fn statement(stage: Stage, by: &str) -> Statement {
        Statement {
            message_id: MessageId::new(Timestamp::from_millis(1), [1; 10]),
            content_hash: Digest::of(b"content"),
            recipient: (stage != Stage::Accepted).then(|| "320300".parse().unwrap()),
            stage,
            at: Timestamp::from_millis(1_000),
            at_error_ms: 5,
            by: by.parse().unwrap(),
            officer: None,
            reason: None,
            rule: String::new(),
            note: String::new(),
            flags: Vec::new(),
            transport: Transport::Link,
            epoch: EpochId([7; 16]),
            position: Position(1),
            previous_receipt_hash: None,
            related_message_id: None,
            stamp: None,
            sender: "371300".parse().unwrap(),
        }
    }

    fn stamp() -> Stamp {
        Stamp {
            accepted_at: Timestamp::from_millis(1_000),
            touched: Vec::new(),
            deliveries: Vec::new(),
            superior_absent: Vec::new(),
            ack_by: None,
            reply_by: None,
            flags: Vec::new(),
            carried_as: Precedence::Routine,
            skipped: Vec::new(),
        }
    }

    /// Everything that any stage needs.
    fn complete(stage: Stage, by: &str) -> Statement {
        let mut statement = statement(stage, by);
        statement.officer = Some(Officer { name: "王明".into(), role: Role::DutyOfficer });
        statement.reason = Some(Reason::Expired);
        statement.related_message_id = Some(statement.message_id);
        statement.stamp = Some(stamp());
        statement
    }

    #[test]
    fn each_stage_is_proved_by_whoever_can_know_it() {
        let may = |by: &str| -> Vec<Stage> {
            Stage::ALL.iter().copied().filter(|stage| complete(*stage, by).judge().is_ok()).collect()
        };
        assert_eq!(may("broker"), [Accepted, Answered, Expired, Refused, Dead, Recalled]);
        assert_eq!(may("320300/desk"), [Delivered, Opened, Acknowledged, WillAnswer, Refused]);
        assert_eq!(may("371300/desk"), [], "an agent speaks for no other jurisdiction");
    }

    #[test]
    fn a_receipt_without_what_its_stage_needs_is_refused() {
        let lacking = |stage, by: &str| statement(stage, by).judge().unwrap_err().field;
        assert_eq!(lacking(Stage::Accepted, "broker"), "stamp");
        assert_eq!(lacking(Stage::Opened, "320300/desk"), "officer");
        assert_eq!(lacking(Stage::Acknowledged, "320300/desk"), "officer");
        assert_eq!(lacking(Stage::WillAnswer, "320300/desk"), "officer");
        assert_eq!(lacking(Stage::Refused, "broker"), "reason");
        assert_eq!(lacking(Stage::Dead, "broker"), "reason");
        assert_eq!(lacking(Stage::Answered, "broker"), "related_message_id");
        assert_eq!(statement(Stage::Delivered, "320300/desk").judge(), Ok(()));
        assert_eq!(statement(Stage::Expired, "broker").judge(), Ok(()));
    }

    #[test]
    fn an_acceptance_is_about_no_single_recipient() {
        let mut accepted = complete(Stage::Accepted, "broker");
        accepted.recipient = Some("320300".parse().unwrap());
        assert_eq!(accepted.judge().unwrap_err().rule, "receipt.accepted_is_for_all");
    }

    #[test]
    fn a_repeat_written_later_says_the_same() {
        let first = statement(Stage::Delivered, "320300/desk");
        let again = Statement { at: Timestamp::from_millis(9_000), position: Position(8), ..first.clone() };
        let other = Statement { content_hash: Digest::of(b"other"), ..first.clone() };

        assert!(first.says_the_same_as(&again));
        assert!(!first.says_the_same_as(&other));
    }
}
