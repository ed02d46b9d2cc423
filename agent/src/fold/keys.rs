//! Keys of the agent's rows. The first byte names the table; every part is fixed in width and big-endian, so byte
//! order is the order people mean. Lists that people read from the newest on count their cursor downwards.

use model::{
    deadline::DeadlineName,
    ids::{Digest, DocumentId, IncidentId, ItemId, JurisdictionId, MessageId},
    position::{EpochId, Position},
    precedence::Precedence,
    stage::Stage,
    thread::Matter,
    time::Timestamp,
};
use prost::Message as _;
use proto::v1;

/// One byte a table. A byte never changes its meaning.
pub mod table {
    /// The agent itself: one row.
    pub const AGENT: u8 = b'A';
    /// Envelopes that wait for the broker, by precedence and place in the journal.
    pub const OUTBOX: u8 = b'o';
    /// Messages of ours, by id.
    pub const SENT: u8 = b'm';
    /// Their recipients.
    pub const SENT_DELIVERY: u8 = b'd';
    /// Messages received, by id.
    pub const RECEIVED: u8 = b'v';
    /// What was sent, newest first.
    pub const SENT_LIST: u8 = b's';
    /// What was received, newest first.
    pub const INBOX: u8 = b'i';
    /// What was received and not opened, newest first.
    pub const UNOPENED: u8 = b'u';
    /// Messages of a thread, oldest first.
    pub const THREAD: u8 = b't';
    /// Threads by id.
    pub const THREAD_HEAD: u8 = b'h';
    /// Threads, that of the newest message first.
    pub const THREAD_LIST: u8 = b'T';
    /// Threads of an incident, that of the newest message first.
    pub const INCIDENT_LIST: u8 = b'n';
    /// Receipts by message and place in this journal.
    pub const RECEIPT: u8 = b'r';
    /// Records of ours whose receipts the broker does not keep yet.
    pub const KEEP: u8 = b'k';
    /// Records of ours whose receipts the broker keeps.
    pub const KEPT: u8 = b'c';
    /// Messages of ours by their place in the broker's journal.
    pub const ACCEPTED: u8 = b'a';
    /// Epochs of the broker's journal.
    pub const EPOCH: u8 = b'e';
    /// CANCELs that came before what they cancel.
    pub const EARLY_CANCEL: u8 = b'x';
    /// Copies of documents.
    pub const DOCUMENT: u8 = b'D';
    /// Matters: machine and ledger, in pieces.
    pub const MATTER: u8 = b'M';
    /// When time next reaches a rung in a matter.
    pub const WAKE: u8 = b'w';
    /// What the machine of its matter said to a message.
    pub const JUDGED: u8 = b'j';
    /// Messages that follow one which has not come.
    pub const ORPHAN: u8 = b'f';
    /// Unlawful steps of others whose senders are not told yet.
    pub const OBJECTION: u8 = b'q';
    /// Tasks by id.
    pub const TASK: u8 = b'y';
    /// Neighbours as the broker last told.
    pub const PEER: u8 = b'p';
    /// Grave messages of ours that a recipient has not acknowledged.
    pub const GRAVE: u8 = b'g';
    /// How deadlines were kept.
    pub const CARD: u8 = b'z';
    /// Breaches of ours that the broker tells of, on messages that are not here.
    pub const BREACH_TOLD: u8 = b'B';
    /// Incidents that were learned of here.
    pub const LEARNED: u8 = b'l';
    /// How far rules have looked: one row.
    pub const RULES: u8 = b'R';
    /// Acts that rules ask for, by lane and in the order of their events.
    pub const ACT: u8 = b'O';
    /// Acts that were given up or held, newest first.
    pub const DEAD_ACT: u8 = b'X';
    /// How rules do.
    pub const RULE: u8 = b'F';
    /// What people did with a message after somebody else had.
    pub const OTHER_ACT: u8 = b'b';
    /// What matters do to resources of ours, in pieces.
    pub const USES: u8 = b'U';
    /// Matters in which the chair of the joint meetings is handed over.
    pub const CHAIR: u8 = b'C';
    /// How programs beside this agent do.
    pub const PROGRAM: u8 = b'P';
    /// Events of programs that were made messages.
    pub const EVENT: u8 = b'E';
    /// Messages of a drill, real talk about it and what is played in it, oldest first.
    pub const DRILL: u8 = b'L';
    /// Tasks that were set (K45), by their id.
    pub const ITEM: u8 = b'I';
    /// What is known of the evidence trees of others.
    pub const WITNESS: u8 = b'W';
}

/// Width of a jurisdiction in a key; ids are at most 32 bytes and padded with zeros.
const JURISDICTION: usize = 32;
/// Width of an incident id in a key: a jurisdiction, a dash, and 13 more.
const INCIDENT: usize = 48;

/// Bits of a cursor below the position: a record holds at most this many events.
const EVENT_BITS: u32 = 10;

/// The cursor of an event: its record's position, then its place in the record. Cursors never repeat.
pub const fn cursor(at: Position, index: u32) -> u64 {
    (at.0 << EVENT_BITS) | (index as u64 & ((1 << EVENT_BITS) - 1))
}

/// The position in a cursor.
pub const fn cursor_position(cursor: u64) -> Position {
    Position(cursor >> EVENT_BITS)
}

/// The place within its record in a cursor.
pub const fn cursor_index(cursor: u64) -> u32 {
    (cursor & ((1 << EVENT_BITS) - 1)) as u32
}

/// Builds one key.
struct Key(Vec<u8>);

impl Key {
    fn new(table: u8) -> Self {
        let mut bytes = Vec::with_capacity(64);
        bytes.push(table);
        Self(bytes)
    }

    fn bytes(mut self, bytes: &[u8]) -> Self {
        self.0.extend_from_slice(bytes);
        self
    }

    fn padded(mut self, text: &str, width: usize) -> Self {
        let end = self.0.len() + width;
        self.0.extend(text.bytes().take(width));
        self.0.resize(end, 0);
        self
    }

    fn number(self, number: u64) -> Self {
        self.bytes(&number.to_be_bytes())
    }

    /// Counts downwards: the newest cursor comes first.
    fn newest_first(self, cursor: u64) -> Self {
        self.number(!cursor)
    }
}

/// The agent's one row.
pub fn agent() -> Vec<u8> {
    vec![table::AGENT]
}

/// A place in the outbox.
pub fn outbox(precedence: Precedence, at: Position) -> Vec<u8> {
    Key::new(table::OUTBOX).bytes(&[number(precedence)]).number(at.0).0
}

/// Everything of one precedence in the outbox begins so.
pub fn outbox_prefix(precedence: Precedence) -> Vec<u8> {
    vec![table::OUTBOX, number(precedence)]
}

/// The place of its Queued record in an outbox key.
pub fn outbox_position(key: &[u8]) -> Option<Position> {
    Some(Position(tail(key.get(2..)?)?))
}

fn number(precedence: Precedence) -> u8 {
    u8::try_from(precedence.number()).unwrap_or(u8::MAX)
}

fn tail(bytes: &[u8]) -> Option<u64> {
    Some(u64::from_be_bytes(bytes.try_into().ok()?))
}

/// A message of ours.
pub fn sent(id: MessageId) -> Vec<u8> {
    Key::new(table::SENT).bytes(&id.0).0
}

/// One recipient of a message of ours.
pub fn sent_delivery(id: MessageId, recipient: &JurisdictionId) -> Vec<u8> {
    Key::new(table::SENT_DELIVERY).bytes(&id.0).padded(recipient.as_str(), JURISDICTION).0
}

/// All recipients of a message of ours begin so.
pub fn sent_delivery_prefix(id: MessageId) -> Vec<u8> {
    Key::new(table::SENT_DELIVERY).bytes(&id.0).0
}

/// The recipient in such a key.
pub fn sent_delivery_recipient(key: &[u8]) -> Option<JurisdictionId> {
    let padded = key.get(17..)?;
    let end = padded.iter().position(|byte| *byte == 0).unwrap_or(padded.len());
    std::str::from_utf8(padded.get(..end)?).ok()?.parse().ok()
}

/// A message received.
pub fn received(id: MessageId) -> Vec<u8> {
    Key::new(table::RECEIVED).bytes(&id.0).0
}

/// A line of one of the lists that are read from the newest on.
pub fn listed(list: u8, cursor: u64) -> Vec<u8> {
    Key::new(list).newest_first(cursor).0
}

/// The cursor in such a line.
pub fn listed_cursor(key: &[u8]) -> Option<u64> {
    Some(!tail(key.get(key.len().checked_sub(8)?..)?)?)
}

/// A message in its thread.
pub fn thread(originating: MessageId, cursor: u64) -> Vec<u8> {
    Key::new(table::THREAD).bytes(&originating.0).number(cursor).0
}

/// The cursor in such a key.
pub fn thread_cursor(key: &[u8]) -> Option<u64> {
    tail(key.get(key.len().checked_sub(8)?..)?)
}

/// The messages of a thread begin so.
pub fn thread_prefix(originating: MessageId) -> Vec<u8> {
    Key::new(table::THREAD).bytes(&originating.0).0
}

/// A thread.
pub fn thread_head(originating: MessageId) -> Vec<u8> {
    Key::new(table::THREAD_HEAD).bytes(&originating.0).0
}

/// A thread in the list of an incident.
pub fn incident(incident: &IncidentId, cursor: u64) -> Vec<u8> {
    Key::new(table::INCIDENT_LIST).padded(&incident.to_string(), INCIDENT).newest_first(cursor).0
}

/// The threads of an incident begin so.
pub fn incident_prefix(incident: &IncidentId) -> Vec<u8> {
    Key::new(table::INCIDENT_LIST).padded(&incident.to_string(), INCIDENT).0
}

/// A receipt: the record that holds it and its place there.
pub fn receipt(id: MessageId, at: Position, index: u32) -> Vec<u8> {
    Key::new(table::RECEIPT).bytes(&id.0).number(at.0).bytes(&index.to_be_bytes()).0
}

/// The receipts of a message begin so.
pub fn receipt_prefix(id: MessageId) -> Vec<u8> {
    Key::new(table::RECEIPT).bytes(&id.0).0
}

/// Record and place in a receipt's key.
pub fn receipt_place(key: &[u8]) -> Option<(Position, u32)> {
    let at = tail(key.get(17..25)?)?;
    let index = u32::from_be_bytes(key.get(25..)?.try_into().ok()?);
    Some((Position(at), index))
}

/// A record of ours whose receipts the broker does not keep yet.
pub fn keep(at: Position) -> Vec<u8> {
    Key::new(table::KEEP).number(at.0).0
}

/// A record of ours whose receipts the broker keeps.
pub fn kept(at: Position) -> Vec<u8> {
    Key::new(table::KEPT).number(at.0).0
}

/// The record in a key of one of these two tables.
pub fn keep_position(key: &[u8]) -> Option<Position> {
    Some(Position(tail(key.get(1..)?)?))
}

/// A message of ours by its place in the broker's journal. One record of the broker holds one envelope.
pub fn accepted(epoch: EpochId, at: Position, id: MessageId) -> Vec<u8> {
    Key::new(table::ACCEPTED).bytes(&epoch.0).number(at.0).bytes(&id.0).0
}

/// Place and message in such a key.
pub fn accepted_parts(key: &[u8]) -> Option<(EpochId, Position, MessageId)> {
    let epoch = EpochId(key.get(1..17)?.try_into().ok()?);
    let at = Position(tail(key.get(17..25)?)?);
    Some((epoch, at, MessageId(key.get(25..)?.try_into().ok()?)))
}

/// An epoch of the broker's journal.
pub fn epoch(id: EpochId) -> Vec<u8> {
    Key::new(table::EPOCH).bytes(&id.0).0
}

/// The epoch in such a key.
pub fn epoch_id(key: &[u8]) -> Option<EpochId> {
    Some(EpochId(key.get(1..)?.try_into().ok()?))
}

/// A CANCEL that waits for what it cancels. Its author is in the key, so that nobody else's can hide it.
pub fn early_cancel(target: MessageId, author: &JurisdictionId) -> Vec<u8> {
    Key::new(table::EARLY_CANCEL).bytes(&target.0).padded(author.as_str(), JURISDICTION).0
}

/// Every CANCEL that waits for this message begins so.
pub fn early_cancel_prefix(target: MessageId) -> Vec<u8> {
    Key::new(table::EARLY_CANCEL).bytes(&target.0).0
}

/// A copy of a document.
pub fn document(id: &DocumentId) -> Vec<u8> {
    Key::new(table::DOCUMENT).bytes(id.as_str().as_bytes()).0
}

/// The document in such a key.
pub fn document_id(key: &[u8]) -> Option<&str> {
    std::str::from_utf8(key.get(1..)?).ok()
}

/// A matter as keys and records name it: a byte for its sort, and the id or the digest of the name that makes it one.
pub fn matter(matter: &Matter) -> MatterKey {
    let named = |sort: u8, name: &str| (sort, Digest::of(name.as_bytes()).half());
    let (sort, id) = match matter {
        Matter::Thread(id) => (b't', id.0),
        Matter::Message(id) => (b'm', id.0),
        Matter::Incident(id) => named(b'i', &id.to_string()),
        Matter::Drill(id) => named(b'd', id.as_str()),
        Matter::Meeting(id) => named(b'k', id),
        Matter::Duty(jurisdiction, date) => named(b'z', &format!("{jurisdiction}/{date}")),
    };
    let mut key = [sort; 17];
    key.iter_mut().skip(1).zip(id).for_each(|(to, from)| *to = from);
    key
}

/// The width of every matter's name in a key.
pub type MatterKey = [u8; 17];

/// The row of a matter; its pieces follow.
pub fn matter_row(matter: &MatterKey) -> Vec<u8> {
    Key::new(table::MATTER).bytes(matter).0
}

/// The matter in the key of one of its pieces.
pub fn matter_in_row(key: &[u8]) -> Option<MatterKey> {
    key.get(1..18)?.try_into().ok()
}

/// What a matter does to resources of ours; its pieces follow.
pub fn uses(matter: &MatterKey) -> Vec<u8> {
    Key::new(table::USES).bytes(matter).0
}

/// That the chair is handed over in a matter.
pub fn chair(matter: &MatterKey) -> Vec<u8> {
    Key::new(table::CHAIR).bytes(matter).0
}

/// A message of the drill whose matter this is.
pub fn drill(drill: &MatterKey, cursor: u64) -> Vec<u8> {
    Key::new(table::DRILL).bytes(drill).number(cursor).0
}

/// Drill and place in such a key.
pub fn drill_parts(key: &[u8]) -> Option<(MatterKey, u64)> {
    Some((key.get(1..key.len().checked_sub(8)?)?.try_into().ok()?, tail(key.get(key.len() - 8..)?)?))
}

/// The messages of a drill begin so.
pub fn drill_prefix(drill: &MatterKey) -> Vec<u8> {
    Key::new(table::DRILL).bytes(drill).0
}

/// A task that was set; ids are of any length, so the beginning of their digest names them.
pub fn item(id: &ItemId) -> Vec<u8> {
    Key::new(table::ITEM).bytes(&Digest::of(id.as_str().as_bytes()).half()).0
}

/// The same, out of the review of this drill.
pub fn item_of(drill: &str, id: &ItemId) -> Vec<u8> {
    Key::new(table::ITEM).bytes(&Digest::of(format!("{drill}\n{id}").as_bytes()).half()).0
}

/// When time next reaches a rung in a matter. Times before 1970 count as 1970.
pub fn wake(at: Timestamp, matter: &MatterKey) -> Vec<u8> {
    Key::new(table::WAKE).number(u64::try_from(at.millis()).unwrap_or(0)).bytes(matter).0
}

/// Time and matter in such a key.
pub fn wake_parts(key: &[u8]) -> Option<(Timestamp, MatterKey)> {
    let at = i64::try_from(tail(key.get(1..9)?)?).ok()?;
    Some((Timestamp::from_millis(at), key.get(9..)?.try_into().ok()?))
}

/// What was said to a message.
pub fn judged(id: MessageId) -> Vec<u8> {
    Key::new(table::JUDGED).bytes(&id.0).0
}

/// A message that waits for the one it follows.
pub fn orphan(matter: &MatterKey, cursor: u64) -> Vec<u8> {
    Key::new(table::ORPHAN).bytes(matter).number(cursor).0
}

/// Messages that wait in a matter begin so.
pub fn orphan_prefix(matter: &MatterKey) -> Vec<u8> {
    Key::new(table::ORPHAN).bytes(matter).0
}

/// The matter in such a key.
pub fn orphan_matter(key: &[u8]) -> Option<MatterKey> {
    key.get(1..18)?.try_into().ok()
}

/// An unlawful step whose sender is not told yet.
pub fn objection(id: MessageId) -> Vec<u8> {
    Key::new(table::OBJECTION).bytes(&id.0).0
}

/// The message in such a key.
pub fn objection_id(key: &[u8]) -> Option<MessageId> {
    Some(MessageId(key.get(1..)?.try_into().ok()?))
}

/// A task.
pub fn task(id: &[u8; 16]) -> Vec<u8> {
    Key::new(table::TASK).bytes(id).0
}

/// A neighbour.
pub fn peer(jurisdiction: &JurisdictionId) -> Vec<u8> {
    Key::new(table::PEER).padded(jurisdiction.as_str(), JURISDICTION).0
}

/// What is known of the evidence tree of `owner`.
pub fn witness(owner: &JurisdictionId) -> Vec<u8> {
    Key::new(table::WITNESS).padded(owner.as_str(), JURISDICTION).0
}

/// A grave message that this recipient has not acknowledged.
pub fn grave(recipient: &JurisdictionId, id: MessageId) -> Vec<u8> {
    Key::new(table::GRAVE).padded(recipient.as_str(), JURISDICTION).bytes(&id.0).0
}

/// Grave messages for this recipient begin so.
pub fn grave_prefix(recipient: &JurisdictionId) -> Vec<u8> {
    Key::new(table::GRAVE).padded(recipient.as_str(), JURISDICTION).0
}

/// The message in such a key.
pub fn grave_id(key: &[u8]) -> Option<MessageId> {
    Some(MessageId(key.get(1 + JURISDICTION..)?.try_into().ok()?))
}

/// What somebody did with a message after somebody else had: once for each person and stage.
pub fn other_act(id: MessageId, stage: Stage, officer: &v1::Officer) -> Vec<u8> {
    let person = Digest::of(&officer.encode_to_vec()).half();
    let stage = u8::try_from(stage.number()).unwrap_or(u8::MAX);
    Key::new(table::OTHER_ACT).bytes(&id.0).bytes(&[stage]).bytes(&person).0
}

/// All that people did with a message after somebody else had begins so.
pub fn other_act_prefix(id: MessageId) -> Vec<u8> {
    Key::new(table::OTHER_ACT).bytes(&id.0).0
}

/// The stage in such a key.
pub fn other_act_stage(key: &[u8]) -> Option<Stage> {
    Stage::from_number(i32::from(*key.get(17)?))
}

/// An incident that was learned of here.
pub fn learned(incident: &IncidentId) -> Vec<u8> {
    Key::new(table::LEARNED).padded(&incident.to_string(), INCIDENT).0
}

/// The incident in such a key.
pub fn learned_incident(key: &[u8]) -> Option<IncidentId> {
    let padded = key.get(1..)?;
    let end = padded.iter().position(|byte| *byte == 0).unwrap_or(padded.len());
    std::str::from_utf8(padded.get(..end)?).ok()?.parse().ok()
}

/// How far rules have looked.
pub fn rules() -> Vec<u8> {
    vec![table::RULES]
}

/// An act's id: its lane, and the cursor of its event.
pub type ActId = [u8; 16];

/// The acts of one action of one rule, which are done in the order of their events: the beginning of a digest of both.
pub type Lane = [u8; 8];

/// The act that `rule` asks for by this `action` on the event at `cursor`: always the same, so it is owed once.
pub fn act_id(cursor: u64, rule: &str, action: u32) -> ActId {
    let mut id = [0; 16];
    let lane = Digest::of(format!("{rule}/{action}").as_bytes()).half().into_iter().take(8);
    id.iter_mut().zip(lane.chain(cursor.to_be_bytes())).for_each(|(to, from)| *to = from);
    id
}

/// The cursor of the event for which an act is owed.
pub fn act_cursor(act: &ActId) -> u64 {
    act.last_chunk().map_or(0, |cursor| u64::from_be_bytes(*cursor))
}

/// The lane of an act.
pub fn act_lane(act: &ActId) -> Lane {
    act.first_chunk().copied().unwrap_or_default()
}

/// Every act of this lane comes before this key.
pub fn behind_lane(lane: &Lane) -> Vec<u8> {
    Key::new(table::ACT).bytes(lane).bytes(&[u8::MAX; 9]).0
}

/// An act that a rule asks for.
pub fn act(id: &ActId) -> Vec<u8> {
    Key::new(table::ACT).bytes(id).0
}

/// The act in such a key.
pub fn act_in(key: &[u8]) -> Option<ActId> {
    key.get(1..)?.try_into().ok()
}

/// Characters of a rule's name at most, all of them plain.
pub const RULE_NAME: usize = 40;

/// How a rule does.
pub fn rule(name: &str) -> Vec<u8> {
    Key::new(table::RULE).padded(name, RULE_NAME).0
}

/// How a program beside this agent does.
pub fn program(name: &str) -> Vec<u8> {
    Key::new(table::PROGRAM).padded(name, RULE_NAME).0
}

/// An event of a program: `id` is unique within `source`.
pub fn event(source: &str, id: &str) -> Vec<u8> {
    let of = Digest::of(format!("{}\n{source}{id}", source.len()).as_bytes());
    Key::new(table::EVENT).bytes(&of.0).0
}

/// How one jurisdiction kept one deadline.
pub fn card(jurisdiction: &JurisdictionId, deadline: DeadlineName) -> Vec<u8> {
    let number = u8::try_from(deadline.number()).unwrap_or(u8::MAX);
    Key::new(table::CARD).padded(jurisdiction.as_str(), JURISDICTION).bytes(&[number]).0
}

/// A breach of ours, as the broker tells it, on a message that is not here.
pub fn breach_told(cause: MessageId, deadline: DeadlineName) -> Vec<u8> {
    let number = u8::try_from(deadline.number()).unwrap_or(u8::MAX);
    [breaches_told(cause), vec![number]].concat()
}

/// Every breach of ours that was told on a message begins so.
pub fn breaches_told(cause: MessageId) -> Vec<u8> {
    Key::new(table::BREACH_TOLD).bytes(&cause.0).0
}

/// The deadline in such a key.
pub fn breach_told_deadline(key: &[u8]) -> Option<DeadlineName> {
    DeadlineName::from_number(i32::from(*key.last()?))
}

/// Jurisdiction and deadline in such a key.
pub fn card_parts(key: &[u8]) -> Option<(JurisdictionId, DeadlineName)> {
    let (padded, number) = key.get(1..)?.split_at_checked(JURISDICTION)?;
    let end = padded.iter().position(|byte| *byte == 0).unwrap_or(padded.len());
    let jurisdiction = std::str::from_utf8(padded.get(..end)?).ok()?.parse().ok()?;
    Some((jurisdiction, DeadlineName::from_number(i32::from(*number.first()?))?))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn the_outbox_sorts_by_precedence_and_then_by_place(a in 0_u64..1 << 60, b in 0_u64..1 << 60) {
            let key = |precedence, at| outbox(precedence, Position(at));
            prop_assert_eq!(key(Precedence::Flash, a).cmp(&key(Precedence::Flash, b)), a.cmp(&b));
            prop_assert!(key(Precedence::Flash, a) < key(Precedence::Routine, b));
            prop_assert_eq!(outbox_position(&key(Precedence::Flash, a)), Some(Position(a)));
        }

        #[test]
        fn lists_have_the_newest_first(a in 0_u64..1 << 50, b in 0_u64..1 << 50) {
            prop_assert_eq!(listed(table::INBOX, a).cmp(&listed(table::INBOX, b)), b.cmp(&a));
            prop_assert_eq!(listed_cursor(&listed(table::INBOX, a)), Some(a));
        }

        #[test]
        fn a_cursor_leads_back_to_its_event(at in 0_u64..1 << 50, index in 0_u32..1_024) {
            let cursor = cursor(Position(at), index);
            prop_assert_eq!((cursor_position(cursor), cursor_index(cursor)), (Position(at), index));
        }
    }

    #[test]
    fn keys_lead_back_to_their_parts() {
        let id = MessageId::new(Timestamp::from_millis(7), [3; 10]);
        let (epoch, at) = (EpochId([5; 16]), Position(9));
        let recipient: JurisdictionId = "320300".parse().unwrap();

        assert_eq!(accepted_parts(&accepted(epoch, at, id)), Some((epoch, at, id)));
        assert_eq!(receipt_place(&receipt(id, at, 4)), Some((at, 4)));
        assert_eq!(sent_delivery_recipient(&sent_delivery(id, &recipient)), Some(recipient));
        assert_eq!(keep_position(&keep(at)), Some(at));
        assert_eq!(epoch_id(&super::epoch(epoch)), Some(epoch));
    }
}
