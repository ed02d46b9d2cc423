//! Revisions and cancels: what they take back, what is never skipped, and answers.

use model::{reason::Reason, stage::Stage};
use proto::v1::{self, Action};

use super::exchange::{Exchange, LIANYUNGANG, LINYI, XUZHOU};

fn flags(row: &proto::record::MessageRow) -> Vec<v1::Flag> {
    row.flags.iter().map(|flag| v1::Flag::try_from(*flag).unwrap()).collect()
}

#[test]
fn an_update_takes_back_what_still_waits_of_the_one_before() {
    let mut exchange = Exchange::new();
    let first = exchange.draft(LINYI, &[XUZHOU, LIANYUNGANG]);
    exchange.accept(&first);
    exchange.confirm(LIANYUNGANG, first.id(), Stage::Delivered);
    let second = exchange.following(&first, Action::Update, 2);

    let row = exchange.accept(&second);

    assert_eq!(exchange.mailbox(XUZHOU), [second.id()], "the newest alone");
    assert_eq!(exchange.mailbox(LIANYUNGANG), [second.id()]);
    assert_eq!(exchange.stage(first.id(), XUZHOU), Stage::Recalled);
    assert_eq!(exchange.stage(first.id(), LIANYUNGANG), Stage::Delivered, "what was handed over stays");
    assert_eq!(exchange.line(LINYI)[1], (Stage::Recalled, XUZHOU.to_owned(), "REPLACED".to_owned()));
    assert_eq!(row.skipped, std::slice::from_ref(&first.header.message_id));
    assert_eq!(flags(&row), []);
}

#[test]
fn a_kind_that_is_never_skipped_goes_in_every_revision() {
    for kind in [v1::Kind::IncidentReport, v1::Kind::Alert, v1::Kind::ResourceDecision] {
        let mut exchange = Exchange::new();
        let first = exchange.draft(LINYI, &[XUZHOU]).with(|header| header.kind = kind as i32);
        exchange.accept(&first);
        let second = exchange.following(&first, Action::Update, 2);
        let row = exchange.accept(&second);

        assert_eq!(exchange.mailbox(XUZHOU), [first.id(), second.id()]);
        assert!(row.skipped.is_empty());

        let cancel = exchange.following(&second, Action::Cancel, 3);
        exchange.accept(&cancel);
        assert!(exchange.mailbox(XUZHOU).contains(&cancel.id()));
        assert_eq!(exchange.stage(second.id(), XUZHOU), Stage::Recalled, "a cancel takes back all the same");
    }
}

#[test]
fn a_cancel_recalls_and_says_why() {
    let mut exchange = Exchange::new();
    let first = exchange.draft(LINYI, &[XUZHOU]);
    exchange.accept(&first);
    let cancel = exchange.following(&first, Action::Cancel, 2);
    exchange.accept(&cancel);

    assert_eq!(exchange.line(LINYI), [(Stage::Recalled, XUZHOU.to_owned(), "CANCELLED".to_owned())]);
    assert_eq!(exchange.mailbox(XUZHOU), [cancel.id()]);
    assert_eq!(exchange.account(LINYI).envelopes, 1, "the cancel itself");
    exchange.replay();
}

#[test]
fn a_gap_is_marked_and_the_late_revision_is_history() {
    let mut exchange = Exchange::new();
    let first = exchange.draft(LINYI, &[XUZHOU]);
    exchange.accept(&first);
    let second = exchange.following(&first, Action::Update, 2);
    let third = exchange.following(&second, Action::Update, 3);

    let row = exchange.accept(&third);
    assert!(flags(&row).contains(&v1::Flag::RevisionGap));
    assert!(flags(&row).contains(&v1::Flag::Orphan), "what it refers to is not here yet");
    assert_eq!(exchange.stage(first.id(), XUZHOU), Stage::Recalled, "the newest goes alone, whatever lies between");
    exchange.accept(&second);

    assert_eq!(
        exchange.stage(second.id(), XUZHOU),
        Stage::Recalled,
        "nobody is handed an older revision after a newer"
    );
    assert!(!exchange.mailbox(XUZHOU).contains(&second.id()));
    assert!(exchange.mailbox(XUZHOU).contains(&third.id()));
    let fourth = exchange.following(&third, Action::Update, 4);
    assert_eq!(flags(&exchange.accept(&fourth)), []);
}

#[test]
fn a_late_revision_of_a_kind_that_is_never_skipped_is_handed_over() {
    let mut exchange = Exchange::new();
    let first = exchange.draft(LINYI, &[XUZHOU]).with(|header| header.kind = v1::Kind::Alert as i32);
    exchange.accept(&first);
    let second = exchange.following(&first, Action::Update, 2);
    let third = exchange.following(&second, Action::Update, 3);
    exchange.accept(&third);
    exchange.accept(&second);

    assert_eq!(exchange.mailbox(XUZHOU), [first.id(), third.id(), second.id()]);
}

#[test]
fn one_revision_number_serves_one_message() {
    let mut exchange = Exchange::new();
    let first = exchange.draft(LINYI, &[XUZHOU]);
    exchange.accept(&first);
    let [second, other] = [2, 2].map(|revision| exchange.following(&first, Action::Update, revision));
    exchange.accept(&second);

    assert_eq!(exchange.refuse(&other), Reason::ConflictRevision);
    let again = exchange.following(&first, Action::Update, 1);
    exchange.accept(&again.with(|header| header.revision = 3));
}

#[test]
fn only_the_author_updates_or_cancels() {
    let mut exchange = Exchange::new();
    let first = exchange.draft(LINYI, &[XUZHOU]);
    exchange.accept(&first);
    for action in [Action::Update, Action::Cancel] {
        let foreign = exchange.following(&first, action, 2);
        let seq = exchange.draft(XUZHOU, &[]).header.sender_seq;
        let foreign = foreign.with(|header| {
            header.sender.as_mut().unwrap().jurisdiction = XUZHOU.to_owned();
            header.sender_seq = seq;
        });
        assert_eq!(exchange.refuse(&foreign), Reason::NotAuthor);
    }
    assert_eq!(exchange.mailbox(XUZHOU), [first.id()]);
}

#[test]
fn a_thread_may_be_updated_as_often_as_its_event_wants() {
    let mut exchange = Exchange::new();
    let mut newest = exchange.draft(LINYI, &[XUZHOU]);
    exchange.accept(&newest);
    for revision in 2..=400 {
        newest = exchange.following(&newest, Action::Update, revision);
        let row = exchange.accept(&newest);
        assert!(row.skipped.len() <= 32, "the newest of what was skipped");
        assert_eq!(row.skipped.last(), Some(&newest.header.preceding_message_id));
    }
    assert_eq!(exchange.mailbox(XUZHOU), [newest.id()]);
}

#[test]
fn a_definite_answer_settles_what_was_asked() {
    let mut exchange = Exchange::new();
    let asked = exchange.draft(LINYI, &[XUZHOU]).with(|header| header.receipt_required = v1::Stage::Answered as i32);
    exchange.accept(&asked);
    exchange.confirm(XUZHOU, asked.id(), Stage::Delivered);
    assert!(exchange.is_open(asked.id()), "an answer is owed");
    let reply = |exchange: &mut Exchange, answer: v1::Answer| {
        let draft = exchange.draft(XUZHOU, &[LINYI]).with(|header| {
            header.action = Action::Reply as i32;
            header.preceding_message_id = asked.header.message_id.clone();
            header.originating_message_id = asked.header.message_id.clone();
            header.answer = answer as i32;
        });
        exchange.accept(&draft);
        draft
    };
    reply(&mut exchange, v1::Answer::StillChecking);
    assert_eq!(exchange.stage(asked.id(), XUZHOU), Stage::Delivered);

    reply(&mut exchange, v1::Answer::Definite);

    assert_eq!(exchange.stage(asked.id(), XUZHOU), Stage::Answered);
    assert!(!exchange.is_open(asked.id()));
    assert_eq!(exchange.told(LINYI), [Stage::Delivered, Stage::Answered]);
}

#[test]
fn an_update_that_makes_an_interim_answer_definite_settles_what_was_asked() {
    let mut exchange = Exchange::new();
    let asked = exchange.draft(LINYI, &[XUZHOU]).with(|header| header.receipt_required = v1::Stage::Answered as i32);
    exchange.accept(&asked);
    exchange.confirm(XUZHOU, asked.id(), Stage::Delivered);
    let interim = exchange.draft(XUZHOU, &[LINYI]).with(|header| {
        header.action = Action::Reply as i32;
        header.preceding_message_id = asked.header.message_id.clone();
        header.originating_message_id = asked.header.message_id.clone();
        header.answer = v1::Answer::NeedApproval as i32;
    });
    exchange.accept(&interim);
    let answered = |header: &mut v1::Header, answer: v1::Answer| header.answer = answer as i32;
    let second = exchange.following(&interim, Action::Update, 2);
    let second = second.with(|header| answered(header, v1::Answer::NeedApproval));
    exchange.accept(&second);
    assert_eq!(exchange.stage(asked.id(), XUZHOU), Stage::Delivered);

    let third = exchange.following(&second, Action::Update, 3);
    exchange.accept(&third.with(|header| answered(header, v1::Answer::Definite)));

    assert_eq!(exchange.stage(asked.id(), XUZHOU), Stage::Answered);
    exchange.replay();
}

#[test]
fn each_message_of_an_author_begins_a_chain_of_its_own_whatever_else_its_thread_holds() {
    let mut exchange = Exchange::new();
    let request = exchange.draft(LINYI, &[XUZHOU]);
    exchange.accept(&request);
    let wave = exchange.following(&request, Action::Update, 2);
    exchange.accept(&wave);
    let mut orders = [XUZHOU, LIANYUNGANG].map(|to| {
        exchange.draft(LINYI, &[to]).with(|header| {
            header.kind = v1::Kind::ResourceDecision as i32;
            header.action = Action::Reply as i32;
            header.preceding_message_id = wave.header.message_id.clone();
            header.originating_message_id = request.header.message_id.clone();
            header.answer = v1::Answer::Definite as i32;
        })
    });
    for order in &mut orders {
        exchange.accept(order);
        *order = exchange.following(order, Action::Update, 2);
        assert_eq!(flags(&exchange.accept(order)), []);
    }

    assert_eq!(exchange.stage(wave.id(), XUZHOU), Stage::Accepted, "the amended orders take back no request");
    let last = exchange.following(&wave, Action::Update, 3);
    assert_eq!(flags(&exchange.accept(&last)), []);
    assert_eq!(exchange.stage(wave.id(), XUZHOU), Stage::Recalled);
    exchange.replay();
}

#[test]
fn real_and_exercise_never_refer_to_each_other() {
    let mut exchange = Exchange::new();
    let real = exchange.draft(LINYI, &[XUZHOU]);
    exchange.accept(&real);
    let test = exchange.following(&real, Action::Update, 2).with(|header| header.status = v1::Status::Exercise as i32);
    assert!(matches!(exchange.refuse(&test), Reason::StatusMix | Reason::DrillNotLive));
}
