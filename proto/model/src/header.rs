//! The header of a message: the part a broker reads. A value of these types is well formed field by field; whether its
//! fields fit each other is judged in [`crate::judge`].

use crate::{
    deadline::{self, DueTimes},
    geometry::Area,
    ids::{
        AgreementId, Digest, DocumentId, DrillId, GroupId, Incarnation, IncidentId, ItemId, JurisdictionId, MessageId,
        RegionId,
    },
    kind::Kind,
    numbered::numbered,
    time::Timestamp,
};

pub use crate::{
    document::{DocumentOp, MemberRights},
    level::{Category, Confidentiality, EventLevel, PersonalData, WarningLevel},
    precedence::Precedence,
    role::Role,
    stage::Stage,
    status::{Action, Answer, Status},
};

/// The version of the contract that this program writes. It reads this and the one before.
pub const SCHEMA_VERSION: u32 = 1;

/// Everything a rule needs on the way. The fields are the catalogue's, section 1, under the same names.
#[derive(Clone, Debug, PartialEq)]
pub struct Header {
    /// Made at the origin before the first send; its time is `sent_at` ± 1 s.
    pub message_id: MessageId,
    /// Version of the contract that the origin used.
    pub schema_version: u32,
    /// Which of the catalogue.
    pub kind: Kind,
    /// What this message does to its thread.
    pub action: Action,
    /// Real, exercise, system or test.
    pub status: Status,
    /// The drill, for EXERCISE traffic and for real talk about a drill.
    pub drill: Option<DrillRef>,
    /// Who speaks.
    pub sender: Party,
    /// To whom; empty for document changes alone.
    pub recipients: Vec<Address>,
    /// The incident this is about.
    pub incident_id: Option<IncidentId>,
    /// First message of the thread; the own id when the action is ORIGINATE.
    pub originating_message_id: MessageId,
    /// What this updates, cancels, answers or objects to.
    pub preceding_message_id: Option<MessageId>,
    /// 1 for ORIGINATE, REPLY and ERROR; UPDATE and CANCEL count on.
    pub revision: u32,
    /// The sender's state directory.
    pub incarnation: Incarnation,
    /// Counts the sender's messages in this incarnation, from 1 and without holes.
    pub sender_seq: u64,
    /// When the origin sealed it.
    pub sent_at: Timestamp,
    /// The sender's offset from UTC in minutes; people see times in it.
    pub utc_offset_min: i32,
    /// After this nobody is handed the message.
    pub expires_at: Timestamp,
    /// How urgently it travels.
    pub precedence: Precedence,
    /// What happened, by size.
    pub event_level: Option<EventLevel>,
    /// What may come, by colour; K04 alone.
    pub warning_level: Option<WarningLevel>,
    /// What sort of event.
    pub category: Option<Category>,
    /// Who may read it.
    pub confidentiality: Confidentiality,
    /// What the message may be used for; empty when not said.
    pub purpose: String,
    /// After this the desk hides the body.
    pub retain_until: Option<Timestamp>,
    /// Whether the body names people.
    pub personal_data: PersonalData,
    /// Which stage every recipient owes.
    pub receipt_required: Stage,
    /// Acknowledge by; tighter than the catalogue or absent.
    pub ack_by: Option<Timestamp>,
    /// Reply by; tighter than the catalogue or absent.
    pub reply_by: Option<Timestamp>,
    /// Whether a reply settles the matter.
    pub answer: Option<Answer>,
    /// Which agreement covers this, or that none does.
    pub agreement_id: Option<Cover>,
    /// Who drafted it 拟稿.
    pub prepared_by: Signatory,
    /// Who signed it off 签发.
    pub signed_off_by: Option<Signatory>,
    /// What a document change does to which item.
    pub document: Option<DocumentChange>,
    /// Language of the body, BCP 47.
    pub language: String,
    /// The files that belong to it.
    pub attachments: Vec<Attachment>,
    /// W3C traceparent of the message's creation; empty when there is none.
    pub trace_context: String,
    /// The region in which the message was sealed.
    pub region: RegionId,
    /// How many rules of agents in a row led to this message; 0 where a person wrote it.
    pub hops: u32,
}

impl Header {
    /// The thread it belongs to, named by its first message.
    pub const fn thread(&self) -> MessageId {
        self.originating_message_id
    }

    /// The column of the deadline tables: the event level, for K04 that of the warning colour. None when neither is
    /// said, which counts as L0.
    pub fn level(&self) -> Option<EventLevel> {
        match self.kind {
            Kind::Alert => self.warning_level.map(WarningLevel::column).or(self.event_level),
            _ => self.event_level,
        }
    }

    /// At L1–L3, RED–YELLOW: a leader signs off, superiors are copied.
    pub fn is_grave(&self) -> bool {
        self.level().is_some_and(EventLevel::is_grave)
    }

    /// The precedence below which it may not travel.
    pub fn precedence_floor(&self) -> Precedence {
        Precedence::floor(self.event_level, self.warning_level)
    }

    /// Part of a drill.
    pub fn is_exercise(&self) -> bool {
        self.status == Status::Exercise
    }

    /// Sent outside any agreement.
    pub fn is_outside_agreement(&self) -> bool {
        self.agreement_id == Some(Cover::Outside)
    }

    /// When its recipients must have acknowledged and replied if the broker took charge at `accepted_at`.
    pub fn due(&self, accepted_at: Timestamp) -> DueTimes {
        deadline::due(self).times(self, accepted_at)
    }

    /// The stage that makes a delivery of it fulfilled, for an addressed recipient: ANSWERED where the header alone
    /// shows that a reply is owed, else what the sender asked for. A copied superior owes DELIVERED.
    pub fn owed_stage(&self) -> Stage {
        if deadline::owed_reply(self).is_some() { Stage::Answered } else { self.receipt_required }
    }
}

numbered! {
    /// What a drill controller orders.
    pub enum DrillControl as "control" {
        /// The drill starts.
        Startex = 1, "STARTEX", "演练开始";
        /// The drill pauses.
        Pausex = 2, "PAUSEX", "演练暂停";
        /// The drill goes on.
        Resume = 3, "RESUME", "演练继续";
        /// The drill ends.
        Endex = 4, "ENDEX", "演练结束";
        /// A real emergency ends the drill at once.
        AbortRealEmergency = 5, "ABORT_REAL_EMERGENCY", "因真实险情中止";
        /// The drill's clock jumps.
        TimeJump = 6, "TIME_JUMP", "时间跳转";
    }
}

numbered! {
    /// Where an attachment's bytes are.
    pub enum Placement as "placement" {
        /// In the content after the body.
        Inline = 1, "INLINE", "随文";
        /// Fetched by its digest.
        Blob = 2, "BLOB", "另取";
    }
}

/// Who speaks.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Party {
    /// The jurisdiction; `broker` for the broker's own messages.
    pub jurisdiction: JurisdictionId,
    /// In which role.
    pub role: Role,
    /// The person's name; empty for the program.
    pub name: String,
    /// The telephone of the desk on duty; may be empty.
    pub duty_phone: String,
}

/// Where a message goes.
#[derive(Clone, Debug, PartialEq)]
pub enum Address {
    /// One jurisdiction, and the role whose desk list rings there (the duty officer when not said).
    Jurisdiction {
        /// Which.
        id: JurisdictionId,
        /// Whose list rings.
        role: Option<Role>,
    },
    /// A group of the directory.
    Group(GroupId),
    /// Every jurisdiction whose territory the area meets.
    Area(Area),
}

/// Which drill, and what its controller orders.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct DrillRef {
    /// The drill, as its invitation names it.
    pub drill_id: DrillId,
    /// For K33 only: the broker steers by it.
    pub control: Option<DrillControl>,
}

/// A person who drafted or signed.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Signatory {
    /// Full name.
    pub name: String,
    /// Role in which the person acted.
    pub role: Role,
    /// When, if it was noted.
    pub at: Option<Timestamp>,
}

/// Which agreement covers a message.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub enum Cover {
    /// This one.
    Agreement(AgreementId),
    /// `NONE`: outside any agreement, under the sign-off of both sides.
    Outside,
}

/// One change of one item of a shared document. The new content is the body.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct DocumentChange {
    /// Which document.
    pub document_id: DocumentId,
    /// Which item; none means the document's head.
    pub item_id: Option<ItemId>,
    /// Put or remove.
    pub op: DocumentOp,
    /// Etag of the item as the author last saw it; none for a new item.
    pub if_match: Option<Digest>,
    /// What members other than the owner may do; set by the owner, else as before.
    pub members: Option<MemberRights>,
}

/// A file that belongs to a message.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Attachment {
    /// File name without a path.
    pub name: String,
    /// Media type.
    pub mime: String,
    /// Length in bytes.
    pub bytes: u64,
    /// SHA-256 of the file, checked before DELIVERED is signed.
    pub sha256: Digest,
    /// In the content or as a blob.
    pub placement: Placement,
}
