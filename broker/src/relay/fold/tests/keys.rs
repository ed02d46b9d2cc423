//! Keys there and back, and their order: bytes sort as people mean it.

use model::{
    deadline::DeadlineName,
    ids::{Digest, Incarnation, JurisdictionId, MessageId},
    position::Position,
    precedence::Precedence,
    time::Timestamp,
};
use proptest::prelude::*;
use store::rows::KEY_BYTES_MAX;

use super::super::keys::{self, DutyKey, WaitingKey};

fn any_jurisdiction() -> impl Strategy<Value = JurisdictionId> {
    "[a-z0-9][a-z0-9-]{1,31}".prop_filter_map("not an id", |text| text.parse().ok())
}

fn any_precedence() -> impl Strategy<Value = Precedence> {
    (1..=4).prop_filter_map("a precedence", Precedence::from_number)
}

fn any_waiting() -> impl Strategy<Value = WaitingKey> {
    (any_jurisdiction(), any_precedence(), any::<bool>(), any_jurisdiction(), any::<u64>()).prop_map(
        |(mailbox, precedence, exercise, origin, position)| WaitingKey {
            mailbox,
            precedence,
            exercise,
            origin,
            position: Position(position),
        },
    )
}

fn order(key: &WaitingKey) -> (&str, i32, bool, &str, u64) {
    (key.mailbox.as_str(), key.precedence.number(), key.exercise, key.origin.as_str(), key.position.0)
}

proptest! {
    #[test]
    fn a_place_in_a_mailbox_comes_back_as_it_was(key in any_waiting()) {
        let bytes = key.encode();
        prop_assert_eq!(WaitingKey::decode(&bytes), Some(key.clone()));
        prop_assert!(bytes.starts_with(&keys::mailbox_prefix(&key.mailbox)));
        prop_assert!(bytes.starts_with(&keys::origin_prefix(&key.mailbox, key.precedence, key.exercise, &key.origin)));
        prop_assert!((0..bytes.len()).all(|end| WaitingKey::decode(&bytes[..end]).is_none()), "a part of a key is no key");
    }

    #[test]
    fn places_sort_by_mailbox_precedence_exercise_origin_and_position(a in any_waiting(), b in any_waiting()) {
        prop_assert_eq!(a.encode().cmp(&b.encode()), order(&a).cmp(&order(&b)));
    }

    #[test]
    fn expiry_sorts_by_time(a in (0..i64::MAX, any::<[u8; 16]>()), b in (0..i64::MAX, any::<[u8; 16]>())) {
        let key = |(at, id): (i64, [u8; 16])| keys::expiry(Timestamp::from_millis(at), MessageId(id));
        prop_assert_eq!(keys::expiry_parts(&key(a)), Some((Timestamp::from_millis(a.0), MessageId(a.1))));
        prop_assert_eq!(key(a).cmp(&key(b)), a.cmp(&b));
    }

    #[test]
    fn a_line_sorts_by_record_and_place_in_it(who in any_jurisdiction(), a in any::<(u64, u32)>(), b in any::<(u64, u32)>()) {
        let key = |(at, index): (u64, u32)| keys::line(&who, Position(at), index);
        prop_assert_eq!(keys::line_position(&key(a)), Some(Position(a.0)));
        prop_assert_eq!(key(a).cmp(&key(b)), a.cmp(&b));
        prop_assert!(key(a).starts_with(&keys::line_prefix(&who)));
    }

    #[test]
    fn nobodys_prefix_begins_anothers_keys(a in any_jurisdiction(), b in any_jurisdiction(), id: [u8; 16]) {
        prop_assume!(a != b);
        prop_assert!(!keys::dead(&a, MessageId(id)).starts_with(&keys::dead_prefix(&b)));
        prop_assert!(!keys::line(&a, Position(1), 0).starts_with(&keys::line_prefix(&b)));
        prop_assert_eq!(keys::dead_mailbox(&keys::dead(&a, MessageId(id))), Some(a));
    }

    #[test]
    fn changes_of_a_document_sort_by_position(a: u64, b: u64) {
        let document = "catalogue/320300".parse().unwrap();
        let key = |at| keys::change(&document, Position(at));
        prop_assert_eq!(keys::change_position(&key(a)), Some(Position(a)));
        prop_assert_eq!(key(a).cmp(&key(b)), a.cmp(&b));
        prop_assert!(key(a).starts_with(&keys::change_prefix(&document)));
    }
}

#[test]
fn items_come_back_with_their_document_and_the_head_sorts_first() {
    let (document, item) = ("catalogue/320300".parse().unwrap(), "boats".parse().unwrap());
    let (head, boats) = (keys::item(&document, None), keys::item(&document, Some(&item)));
    assert_eq!(keys::item_parts(&head), Some(("catalogue/320300", "")));
    assert_eq!(keys::item_parts(&boats), Some(("catalogue/320300", "boats")));
    assert!(head < boats && boats.starts_with(&keys::item_prefix(Some(&document))));
    assert!(boats.starts_with(&keys::item_prefix(None)));
}

#[test]
fn no_key_is_longer_than_the_store_takes() {
    let longest: JurisdictionId = "a".repeat(32).parse().unwrap();
    let id = MessageId([255; 16]);
    let all = [
        keys::message(id),
        keys::piece(id, u16::MAX),
        WaitingKey {
            mailbox: longest.clone(),
            precedence: Precedence::Routine,
            exercise: true,
            origin: longest.clone(),
            position: Position(u64::MAX),
        }
        .encode(),
        keys::expiry(Timestamp::from_millis(i64::MAX), id),
        keys::dead(&longest, id),
        keys::line(&longest, Position(u64::MAX), u32::MAX),
        keys::chain(&longest, id),
        keys::sequence(&longest, Incarnation([255; 8])),
        keys::sender(&longest),
        keys::drill(&"d".repeat(64).parse().unwrap()),
        keys::item(&"catalogue/320300".parse().unwrap(), Some(&"i".repeat(64).parse().unwrap())),
        keys::blob(Digest([255; 32])),
    ];
    assert!(all.iter().all(|key| key.len() <= KEY_BYTES_MAX));
    let tables: std::collections::BTreeSet<u8> = all.iter().map(|key| key[0]).collect();
    assert_eq!(tables.len(), all.len(), "each in a table of its own");
}

proptest! {
    #[test]
    fn a_duty_comes_back_as_it_was_and_wakes_in_the_order_of_time(
        obligor in any_jurisdiction(),
        on: [u8; 16],
        name in (1..=23).prop_filter_map("a deadline", DeadlineName::from_number),
        a in 0..i64::MAX,
        b in 0..i64::MAX,
    ) {
        let key = DutyKey { on: MessageId(on), name, obligor };
        prop_assert_eq!(DutyKey::decode(&key.encode()), Some(key.clone()));
        prop_assert!(key.encode().starts_with(&keys::duty_prefix(key.on)));
        let wake = |at| keys::wake(Timestamp::from_millis(at), &key);
        prop_assert_eq!(keys::wake_parts(&wake(a)), Some((Timestamp::from_millis(a), key.clone())));
        prop_assert_eq!(wake(a).cmp(&wake(b)), a.cmp(&b));
        let of_drill = keys::drill_duty("371300-DR-2027-01", &key);
        prop_assert!(of_drill.starts_with(&keys::drill_duty_prefix("371300-DR-2027-01")));
        prop_assert_eq!(keys::drill_duty_key(&of_drill), Some(key.clone()));
        prop_assert_eq!(keys::notice_id(&keys::notice(key.on)), Some(key.on));
    }
}
