//! Keys of the broker's rows. The first byte names the table; every part is fixed in width and big-endian, so byte
//! order is the order people mean. `docs/formats.md` lists the tables.

use model::{
    deadline::DeadlineName,
    ids::{Digest, DocumentId, DrillId, Incarnation, ItemId, JurisdictionId, MessageId},
    position::Position,
    precedence::Precedence,
    role::Role,
    time::Timestamp,
};

/// One byte a table. A byte never changes its meaning.
pub mod table {
    /// Messages that are not closed, by id.
    pub const MESSAGE: u8 = b'm';
    /// Further pieces of messages whose row is long, by id.
    pub const PIECE: u8 = b'n';
    /// What waits, by mailbox and schedule.
    pub const WAITING: u8 = b'q';
    /// Open messages by the time they expire.
    pub const EXPIRY: u8 = b'x';
    /// Dead letters, by mailbox.
    pub const DEAD: u8 = b'd';
    /// Lines of receipts, by jurisdiction.
    pub const LINE: u8 = b'l';
    /// Newest revision of a chain, by author and first message.
    pub const CHAIN: u8 = b'c';
    /// Sequences, by agent and incarnation.
    pub const SEQUENCE: u8 = b's';
    /// What a sender has unsettled.
    pub const SENDER: u8 = b'u';
    /// Drills.
    pub const DRILL: u8 = b'g';
    /// Items of documents; the head has an empty item id.
    pub const ITEM: u8 = b'i';
    /// Changes of documents, by position.
    pub const CHANGE: u8 = b'j';
    /// Blobs.
    pub const BLOB: u8 = b'b';
    /// Who may read a blob, by blob and jurisdiction.
    pub const READER: u8 = b'r';
    /// What is owed on messages, by message.
    pub const DUTY: u8 = b'o';
    /// Duties of exercises, by drill.
    pub const DRILL_DUTY: u8 = b'h';
    /// Duties by when time next means something for them.
    pub const WAKE: u8 = b'w';
    /// How members kept their deadlines, by member and deadline.
    pub const CARD: u8 = b'k';
    /// The newest day.
    pub const DAY: u8 = b'y';
    /// Notices that the broker has not sent yet.
    pub const NOTICE: u8 = b'e';
    /// Posts that must be filled and are not, by jurisdiction.
    pub const VACANCY: u8 = b'v';
    /// What is known of the evidence trees of members.
    pub const WITNESS: u8 = b't';
}

/// Width of a jurisdiction in a key; ids are at most 32 bytes and padded with zeros.
const JURISDICTION: usize = 32;
/// Width of a document id in a key.
const DOCUMENT: usize = 96;

/// Builds one key.
struct Key(Vec<u8>);

impl Key {
    fn new(table: u8) -> Self {
        let mut bytes = Vec::with_capacity(96);
        bytes.push(table);
        Self(bytes)
    }

    fn padded(mut self, text: &str, width: usize) -> Self {
        let end = self.0.len() + width;
        self.0.extend(text.bytes().take(width));
        self.0.resize(end, 0);
        self
    }

    fn jurisdiction(self, id: &JurisdictionId) -> Self {
        self.padded(id.as_str(), JURISDICTION)
    }

    fn bytes(mut self, bytes: &[u8]) -> Self {
        self.0.extend_from_slice(bytes);
        self
    }

    fn byte(self, byte: u8) -> Self {
        self.bytes(&[byte])
    }

    fn position(self, at: Position) -> Self {
        self.bytes(&at.0.to_be_bytes())
    }

    /// Times before 1970 sort as 1970.
    fn time(self, at: Timestamp) -> Self {
        self.bytes(&u64::try_from(at.millis()).unwrap_or(0).to_be_bytes())
    }
}

/// What is known of a member's evidence tree.
pub fn witness(owner: &JurisdictionId) -> Vec<u8> {
    Key::new(table::WITNESS).jurisdiction(owner).0
}

/// A message by its id.
pub fn message(id: MessageId) -> Vec<u8> {
    Key::new(table::MESSAGE).bytes(&id.0).0
}

/// A further piece of a long message row.
pub fn piece(id: MessageId, number: u16) -> Vec<u8> {
    Key::new(table::PIECE).bytes(&id.0).bytes(&number.to_be_bytes()).0
}

/// A place in a mailbox, in the order of the schedule.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct WaitingKey {
    /// Whose mailbox.
    pub mailbox: JurisdictionId,
    /// How it is carried.
    pub precedence: Precedence,
    /// Exercise traffic goes after real traffic of the same precedence.
    pub exercise: bool,
    /// Who sent it.
    pub origin: JurisdictionId,
    /// Where it was put in the line.
    pub position: Position,
}

impl WaitingKey {
    /// The key's bytes.
    pub fn encode(&self) -> Vec<u8> {
        waiting_of(&self.mailbox, self.precedence, self.exercise, &self.origin).position(self.position).0
    }

    /// The key behind `bytes`, or none when they are not a key of this table.
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let (table, rest) = bytes.split_first()?;
        let (mailbox, rest) = rest.split_at_checked(JURISDICTION)?;
        let (class, rest) = rest.split_at_checked(2)?;
        let (origin, position) = rest.split_at_checked(JURISDICTION)?;
        let [precedence, exercise] = class else { return None };
        (*table == table::WAITING).then_some(Self {
            mailbox: unpadded(mailbox)?,
            precedence: Precedence::from_number(i32::from(*precedence))?,
            exercise: *exercise != 0,
            origin: unpadded(origin)?,
            position: Position(u64::from_be_bytes(position.try_into().ok()?)),
        })
    }
}

fn waiting_of(mailbox: &JurisdictionId, precedence: Precedence, exercise: bool, origin: &JurisdictionId) -> Key {
    Key::new(table::WAITING)
        .jurisdiction(mailbox)
        .byte(u8::try_from(precedence.number()).unwrap_or(u8::MAX))
        .byte(u8::from(exercise))
        .jurisdiction(origin)
}

/// Everything that waits in one mailbox begins so.
pub fn mailbox_prefix(mailbox: &JurisdictionId) -> Vec<u8> {
    Key::new(table::WAITING).jurisdiction(mailbox).0
}

/// One origin's line in one mailbox begins so.
pub fn origin_prefix(
    mailbox: &JurisdictionId,
    precedence: Precedence,
    exercise: bool,
    origin: &JurisdictionId,
) -> Vec<u8> {
    waiting_of(mailbox, precedence, exercise, origin).0
}

fn unpadded(bytes: &[u8]) -> Option<JurisdictionId> {
    let end = bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len());
    JurisdictionId::member_or_broker(std::str::from_utf8(bytes.get(..end)?).ok()?).ok()
}

/// An open message in the order of its end.
pub fn expiry(at: Timestamp, id: MessageId) -> Vec<u8> {
    Key::new(table::EXPIRY).time(at).bytes(&id.0).0
}

/// The time and the message in an expiry key.
pub fn expiry_parts(key: &[u8]) -> Option<(Timestamp, MessageId)> {
    let (time, id) = key.strip_prefix(&[table::EXPIRY])?.split_at_checked(8)?;
    let millis = i64::try_from(u64::from_be_bytes(time.try_into().ok()?)).ok()?;
    Some((Timestamp::from_millis(millis), MessageId(id.try_into().ok()?)))
}

/// A dead letter.
pub fn dead(mailbox: &JurisdictionId, id: MessageId) -> Vec<u8> {
    Key::new(table::DEAD).jurisdiction(mailbox).bytes(&id.0).0
}

/// The dead letters of a mailbox begin so.
pub fn dead_prefix(mailbox: &JurisdictionId) -> Vec<u8> {
    Key::new(table::DEAD).jurisdiction(mailbox).0
}

/// The mailbox in a dead letter's key.
pub fn dead_mailbox(key: &[u8]) -> Option<JurisdictionId> {
    unpadded(key.strip_prefix(&[table::DEAD])?.get(..JURISDICTION)?)
}

/// A receipt in a line: the record that made it, and the place in that record.
pub fn line(jurisdiction: &JurisdictionId, at: Position, index: u32) -> Vec<u8> {
    Key::new(table::LINE).jurisdiction(jurisdiction).position(at).bytes(&index.to_be_bytes()).0
}

/// A line begins so.
pub fn line_prefix(jurisdiction: &JurisdictionId) -> Vec<u8> {
    Key::new(table::LINE).jurisdiction(jurisdiction).0
}

/// The position in a line's key.
pub fn line_position(key: &[u8]) -> Option<Position> {
    let at = key.get(1 + JURISDICTION..1 + JURISDICTION + 8)?;
    Some(Position(u64::from_be_bytes(at.try_into().ok()?)))
}

/// One author's chain, which begins with this message. A thread may hold several of one author.
pub fn chain(author: &JurisdictionId, root: MessageId) -> Vec<u8> {
    Key::new(table::CHAIN).jurisdiction(author).bytes(&root.0).0
}

/// One agent's sequence.
pub fn sequence(jurisdiction: &JurisdictionId, incarnation: Incarnation) -> Vec<u8> {
    Key::new(table::SEQUENCE).jurisdiction(jurisdiction).bytes(&incarnation.0).0
}

/// Agent and incarnation in a sequence's key.
pub fn sequence_parts(key: &[u8]) -> Option<(JurisdictionId, Incarnation)> {
    let (jurisdiction, incarnation) = key.strip_prefix(&[table::SEQUENCE])?.split_at_checked(JURISDICTION)?;
    Some((unpadded(jurisdiction)?, Incarnation(incarnation.try_into().ok()?)))
}

/// One sender's account.
pub fn sender(jurisdiction: &JurisdictionId) -> Vec<u8> {
    Key::new(table::SENDER).jurisdiction(jurisdiction).0
}

/// A drill.
pub fn drill(id: &DrillId) -> Vec<u8> {
    Key::new(table::DRILL).bytes(id.as_str().as_bytes()).0
}

/// An item of a document; no item is the head.
pub fn item(document: &DocumentId, item: Option<&ItemId>) -> Vec<u8> {
    let key = Key::new(table::ITEM).padded(document.as_str(), DOCUMENT);
    key.bytes(item.map_or(b"".as_slice(), |item| item.as_str().as_bytes())).0
}

/// All items of a document begin so; without a document, all documents do.
pub fn item_prefix(document: Option<&DocumentId>) -> Vec<u8> {
    let key = Key::new(table::ITEM);
    document.map_or(Key::new(table::ITEM), |document| key.padded(document.as_str(), DOCUMENT)).0
}

/// Document and item in an item's key; the head has an empty item.
pub fn item_parts(key: &[u8]) -> Option<(&str, &str)> {
    let (document, item) = key.strip_prefix(&[table::ITEM])?.split_at_checked(DOCUMENT)?;
    let document = std::str::from_utf8(document).ok()?.trim_end_matches('\0');
    Some((document, std::str::from_utf8(item).ok()?))
}

/// A change of a document.
pub fn change(document: &DocumentId, at: Position) -> Vec<u8> {
    Key::new(table::CHANGE).padded(document.as_str(), DOCUMENT).position(at).0
}

/// The changes of a document begin so.
pub fn change_prefix(document: &DocumentId) -> Vec<u8> {
    Key::new(table::CHANGE).padded(document.as_str(), DOCUMENT).0
}

/// The position in a change's key.
pub fn change_position(key: &[u8]) -> Option<Position> {
    Some(Position(u64::from_be_bytes(key.get(1 + DOCUMENT..)?.try_into().ok()?)))
}

/// A post that must be filled and is not.
pub fn vacancy(jurisdiction: &JurisdictionId, role: Role) -> Vec<u8> {
    Key::new(table::VACANCY).jurisdiction(jurisdiction).byte(u8::try_from(role.number()).unwrap_or(0)).0
}

/// Whose post, and which, in a vacancy's key.
pub fn vacancy_parts(key: &[u8]) -> Option<(JurisdictionId, Role)> {
    let (jurisdiction, role) = key.strip_prefix(&[table::VACANCY])?.split_at_checked(JURISDICTION)?;
    let [role] = role else { return None };
    Some((unpadded(jurisdiction)?, Role::from_number(i32::from(*role))?))
}

/// A blob.
pub fn blob(digest: Digest) -> Vec<u8> {
    Key::new(table::BLOB).bytes(&digest.0).0
}

/// That a jurisdiction may read a blob; the broker's own name stands for everybody.
pub fn reader(digest: Digest, who: &JurisdictionId) -> Vec<u8> {
    Key::new(table::READER).bytes(&digest.0).jurisdiction(who).0
}

/// One thing that somebody owes on a message.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct DutyKey {
    /// The message, for an answer the first of its author's chain; the day for a duty report.
    pub on: MessageId,
    /// Which deadline.
    pub name: DeadlineName,
    /// Who owes.
    pub obligor: JurisdictionId,
}

impl DutyKey {
    /// The key's bytes.
    pub fn encode(&self) -> Vec<u8> {
        self.after(Key::new(table::DUTY)).0
    }

    fn after(&self, key: Key) -> Key {
        key.bytes(&self.on.0).byte(u8::try_from(self.name.number()).unwrap_or(0)).jurisdiction(&self.obligor)
    }

    fn of(bytes: &[u8]) -> Option<Self> {
        let (on, rest) = bytes.split_at_checked(16)?;
        let (name, obligor) = rest.split_first()?;
        let name = DeadlineName::from_number(i32::from(*name))?;
        Some(Self { on: MessageId(on.try_into().ok()?), name, obligor: unpadded(obligor)? })
    }

    /// The key behind `bytes`, or none when they are not a key of this table.
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        Self::of(bytes.strip_prefix(&[table::DUTY])?)
    }
}

/// Everything that is owed on a message begins so.
pub fn duty_prefix(on: MessageId) -> Vec<u8> {
    Key::new(table::DUTY).bytes(&on.0).0
}

/// A duty of an exercise under its drill; ids of drills are of any length, so the beginning of their digest names them.
pub fn drill_duty(drill: &str, duty: &DutyKey) -> Vec<u8> {
    duty.after(drill_duties(drill)).0
}

/// Every duty of a drill begins so.
pub fn drill_duty_prefix(drill: &str) -> Vec<u8> {
    drill_duties(drill).0
}

fn drill_duties(drill: &str) -> Key {
    Key::new(table::DRILL_DUTY).bytes(&Digest::of(drill.as_bytes()).half())
}

/// The duty in such a key.
pub fn drill_duty_key(key: &[u8]) -> Option<DutyKey> {
    DutyKey::of(key.strip_prefix(&[table::DRILL_DUTY])?.get(16..)?)
}

/// A duty in the order of its next rung.
pub fn wake(at: Timestamp, duty: &DutyKey) -> Vec<u8> {
    duty.after(Key::new(table::WAKE).time(at)).0
}

/// The time and the duty in a wake's key.
pub fn wake_parts(key: &[u8]) -> Option<(Timestamp, DutyKey)> {
    let (time, duty) = key.strip_prefix(&[table::WAKE])?.split_at_checked(8)?;
    let millis = i64::try_from(u64::from_be_bytes(time.try_into().ok()?)).ok()?;
    Some((Timestamp::from_millis(millis), DutyKey::of(duty)?))
}

/// How a member kept one deadline.
pub fn card(of: &JurisdictionId, name: DeadlineName) -> Vec<u8> {
    Key::new(table::CARD).jurisdiction(of).byte(u8::try_from(name.number()).unwrap_or(u8::MAX)).0
}

/// Member and deadline in such a key.
pub fn card_parts(key: &[u8]) -> Option<(JurisdictionId, DeadlineName)> {
    let (padded, name) = key.strip_prefix(&[table::CARD])?.split_at_checked(JURISDICTION)?;
    let [name] = name else { return None };
    Some((unpadded(padded)?, DeadlineName::from_number(i32::from(*name))?))
}

/// A notice, by the id that its message will have.
pub fn notice(id: MessageId) -> Vec<u8> {
    Key::new(table::NOTICE).bytes(&id.0).0
}

/// The id in a notice's key.
pub fn notice_id(key: &[u8]) -> Option<MessageId> {
    Some(MessageId(key.strip_prefix(&[table::NOTICE])?.try_into().ok()?))
}
