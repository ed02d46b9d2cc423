//! The verdict on an envelope, and what an accepted one sets in motion.

use model::{reason::Reason, stage::Stage};
use proto::{
    record::{BlobStored, SessionBegan, kind},
    v1,
};

use super::{
    super::{Outcome, keys},
    exchange::{DAY, Exchange, HOUR, LIANYUNGANG, LINYI, XUZHOU},
};

#[test]
fn an_accepted_envelope_waits_for_each_of_its_recipients() {
    let mut exchange = Exchange::new();
    let draft = exchange.draft(LINYI, &[XUZHOU, LIANYUNGANG]);

    let row = exchange.accept(&draft);

    assert_eq!((row.position, row.sender.as_str(), row.carried_as), (1, LINYI, v1::Precedence::Priority as u32));
    assert_eq!([exchange.mailbox(XUZHOU), exchange.mailbox(LIANYUNGANG)], [[draft.id()], [draft.id()]]);
    assert_eq!(exchange.account(LINYI).envelopes, 1, "one envelope, however many recipients");
    assert_eq!(exchange.told(LINYI), [], "the answer is the receipt");
}

#[test]
fn a_duplicate_gets_the_row_of_the_first_and_changes_nothing() {
    let mut exchange = Exchange::new();
    let draft = exchange.draft(LINYI, &[XUZHOU]);
    let first = exchange.accept(&draft);
    exchange.now += HOUR;

    let Outcome::Accepted { row, duplicate: true } = exchange.submit(&draft) else { panic!("not a duplicate") };

    assert_eq!(*row, first);
    assert_eq!(exchange.mailbox(XUZHOU), [draft.id()]);
    assert_eq!(exchange.account(LINYI).envelopes, 1);
    exchange.replay();
}

#[test]
fn a_duplicate_of_a_closed_envelope_is_known_from_the_index() {
    let mut exchange = Exchange::new();
    let draft = exchange.draft(LINYI, &[XUZHOU]);
    exchange.accept(&draft);
    exchange.confirm(XUZHOU, draft.id(), Stage::Delivered);
    assert!(!exchange.is_open(draft.id()));

    assert!(matches!(exchange.submit(&draft), Outcome::Accepted { duplicate: true, .. }));
    assert_eq!(exchange.refuse(&draft.clone().saying("something else")), Reason::ConflictId);
    assert_eq!(exchange.mailbox(XUZHOU), []);
}

#[test]
fn the_same_id_with_other_bytes_is_a_conflict() {
    let mut exchange = Exchange::new();
    let draft = exchange.draft(LINYI, &[XUZHOU]);
    exchange.accept(&draft);

    assert_eq!(exchange.refuse(&draft.clone().saying("something else")), Reason::ConflictId);
    assert!(matches!(exchange.submit(&draft), Outcome::Accepted { duplicate: true, .. }), "the first still counts");
}

#[test]
fn a_sequence_number_serves_once_and_holes_may_be_filled() {
    let mut exchange = Exchange::new();
    let [first, second, third] = [(); 3].map(|()| exchange.draft(LINYI, &[XUZHOU]));
    exchange.accept(&first);
    exchange.accept(&third); // the second is late
    exchange.accept(&second);
    let again = exchange.draft(LINYI, &[XUZHOU]).with(|header| header.sender_seq = 2);

    assert_eq!(exchange.refuse(&again), Reason::RolledBack);

    let other_directory = again.with(|header| header.incarnation = vec![1; 8].into());
    exchange.accept(&other_directory);
}

#[test]
fn what_has_expired_is_refused_unless_it_was_accepted_once() {
    let mut exchange = Exchange::new();
    let draft = exchange.draft(LINYI, &[XUZHOU, LIANYUNGANG]);
    exchange.now += DAY;
    assert_eq!(exchange.refuse(&draft), Reason::Expired);

    let evidence = |recipient: &str, stage: Stage| v1::Receipt {
        statement: prost::Message::encode_to_vec(&v1::ReceiptStatement {
            recipient: recipient.to_owned(),
            stage: stage.number(),
            ..v1::ReceiptStatement::default()
        })
        .into(),
        seal: None,
    };
    let mut offered = draft.clone();
    offered.evidence = vec![
        evidence(XUZHOU, Stage::Recalled),
        evidence(XUZHOU, Stage::Delivered),
        evidence(LIANYUNGANG, Stage::Expired),
        evidence("nobody", Stage::Expired),
    ];
    exchange.accept(&offered);

    assert!(!exchange.is_open(draft.id()), "all of it is settled by what its sender holds");
    assert_eq!(exchange.stage(draft.id(), LIANYUNGANG), Stage::Expired);
    assert_eq!(exchange.mailbox(XUZHOU), []);
    assert_eq!(exchange.account(LINYI).envelopes, 0);
}

#[test]
fn precedence_then_real_before_exercise_then_origin_then_order() {
    let mut exchange = Exchange::new();
    let urgent = |header: &mut v1::Header| header.precedence = v1::Precedence::Flash as i32;
    let routine = exchange.draft(LINYI, &[XUZHOU]).with(|header| header.precedence = v1::Precedence::Routine as i32);
    let first = exchange.draft(LINYI, &[XUZHOU]);
    let second = exchange.draft(LINYI, &[XUZHOU]);
    let flash = exchange.draft(LIANYUNGANG, &[XUZHOU]).with(urgent);
    for draft in [&routine, &first, &second, &flash] {
        exchange.accept(draft);
    }
    assert_eq!(exchange.mailbox(XUZHOU), [&flash, &first, &second, &routine].map(super::exchange::Draft::id));
}

#[test]
fn flash_over_the_budget_is_carried_as_immediate_and_the_budget_comes_back_with_time() {
    let mut exchange = Exchange::new();
    let mut carried = |minutes: i64| {
        exchange.now += minutes * 60_000;
        let mut draft =
            exchange.draft(LINYI, &[XUZHOU]).with(|header| header.precedence = v1::Precedence::Flash as i32);
        draft.flash_budget = 2;
        let row = exchange.accept(&draft);
        (row.carried_as.cast_signed(), row.flags.contains(&(v1::Flag::FlashBudget as i32)))
    };
    let (flash, late) = ((v1::Precedence::Flash as i32, false), (v1::Precedence::Immediate as i32, true));
    assert_eq!([0, 0, 0, 10, 20, 5].map(&mut carried), [flash, flash, late, late, flash, late]);
}

#[test]
fn a_steady_stream_of_flash_gains_its_budget_all_the_same() {
    let mut exchange = Exchange::new();
    exchange.careful = false;
    let mut flash = 0;
    for _ in 0..1_800 {
        exchange.now += 1_000;
        let mut draft =
            exchange.draft(LINYI, &[XUZHOU]).with(|header| header.precedence = v1::Precedence::Flash as i32);
        draft.flash_budget = 60;
        let row = exchange.accept(&draft);
        flash += usize::from(row.carried_as == v1::Precedence::Flash as u32);
        exchange.confirm(XUZHOU, draft.id(), Stage::Delivered);
    }
    assert!((88..=90).contains(&flash), "{flash}: sixty at once, and thirty in half an hour");
}

#[test]
fn a_refused_document_change_costs_no_flash() {
    let mut exchange = Exchange::new();
    let change = |header: &mut v1::Header| {
        header.precedence = v1::Precedence::Flash as i32;
        header.document = Some(v1::DocumentChange {
            document_id: "catalogue/320300".to_owned(),
            item_id: "boats".to_owned(),
            op: v1::DocumentOp::Put as i32,
            ..v1::DocumentChange::default()
        });
    };
    let mut foreign = exchange.draft(LINYI, &[]).with(change);
    foreign.flash_budget = 1;
    assert_eq!(exchange.refuse(&foreign), Reason::RoleForbidden);
    let mut flash = exchange.draft(LINYI, &[XUZHOU]).with(|header| header.precedence = v1::Precedence::Flash as i32);
    flash.flash_budget = 1;

    assert_eq!(exchange.accept(&flash).carried_as, v1::Precedence::Flash as u32);
}

#[test]
fn a_restored_agent_is_seen_by_its_sequence_and_its_boots() {
    let mut exchange = Exchange::new();
    let began = |exchange: &mut Exchange, last_sender_seq, boot_count| {
        let record = SessionBegan {
            jurisdiction: LINYI.to_owned(),
            incarnation: vec![9; 8].into(),
            last_sender_seq,
            boot_count,
            ..SessionBegan::default()
        };
        matches!(exchange.fold(kind::SESSION_BEGAN, &record), Outcome::Session { rolled_back: true })
    };
    let draft = exchange.draft(LINYI, &[XUZHOU]).with(|header| header.sender_seq = 7);
    exchange.accept(&draft);

    assert!(began(&mut exchange, 6, 1), "seven is known");
    assert!(!began(&mut exchange, 9, 2));
    assert!(began(&mut exchange, 8, 3), "nine was announced");
    assert!(began(&mut exchange, 9, 1), "fewer boots than before");
    assert!(!began(&mut exchange, 9, 2), "the same boot again");
}

#[test]
fn a_stored_blob_is_remembered() {
    let mut exchange = Exchange::new();
    let digest = model::ids::Digest::of(b"map");
    let stored = BlobStored { sha256: digest.0.to_vec().into(), bytes: 3, by: LINYI.to_owned() };
    exchange.fold(kind::BLOB_STORED, &stored);
    assert!(exchange.read(|_, rows| rows.get(&keys::blob(digest))).unwrap().is_some());
    let mut reader =
        |who: &str| exchange.read(|_, rows| rows.get(&keys::reader(digest, &who.parse().unwrap()))).unwrap();
    assert!(reader(LINYI).is_some() && reader("320300").is_none(), "whoever brought it has it, and nobody else");
}
