//! What is owed on messages: when it begins, what time and answers make of it, and when nobody waits for it any more.

use model::{
    deadline::{DeadlineName, Rung},
    ids::MessageId,
    stage::Stage,
    time::Timestamp,
};
use prost::Message as _;
use proto::{
    record::{DutyRow, NoticeRow, kind},
    v1,
};

use super::{
    super::{duty, keys},
    exchange::{DAY, Draft, Exchange, HOUR, LIANYUNGANG, LINYI, XUZHOU},
};

const MINUTE: i64 = 60_000;

/// Of level 3: acknowledge in 15 minutes, answer a request for action in 120.
fn of_kind(exchange: &mut Exchange, kind: v1::Kind, to: &[&str]) -> Draft {
    exchange.draft(LINYI, to).with(|header| {
        header.kind = kind.into();
        header.event_level = v1::EventLevel::L3.into();
        header.receipt_required = v1::Stage::Acknowledged.into();
    })
}

fn report(exchange: &mut Exchange) -> Draft {
    of_kind(exchange, v1::Kind::IncidentReport, &[XUZHOU])
}

fn reply(exchange: &mut Exchange, to: &Draft, kind: v1::Kind, answer: v1::Answer) -> Draft {
    let (thread, before) = (to.header.originating_message_id.clone(), to.header.message_id.clone());
    exchange.draft(XUZHOU, &[LINYI]).with(|header| {
        (header.originating_message_id, header.preceding_message_id) = (thread, before);
        header.kind = kind.into();
        (header.action, header.answer) = (v1::Action::Reply.into(), answer.into());
        header.event_level = v1::EventLevel::L3.into();
    })
}

impl Exchange {
    /// Time passes, and whatever it reaches is raised as the broker's task does.
    pub fn pass(&mut self, minutes: i64) {
        self.now += minutes * MINUTE;
        let now = Timestamp::from_millis(self.now);
        let prefix = [keys::table::WAKE];
        loop {
            let due = self.read(|_, rows| {
                let wakes = rows.scan(&prefix, &prefix, 100).unwrap();
                let parts = wakes.iter().map(|(key, _)| keys::wake_parts(key).unwrap());
                let due = parts.take_while(|(at, _)| *at <= now);
                due.filter_map(|(_, key)| duty(rows, &key).unwrap().unwrap().reached(now)).collect::<Vec<_>>()
            });
            if due.is_empty() {
                return;
            }
            for rung in due {
                self.fold(kind::RUNG, &rung);
            }
        }
    }

    /// The notices that are owed: deadline, rung, obligor, and whether they tell of an answer.
    pub fn notices(&mut self) -> Vec<(u32, u32, String, bool)> {
        let prefix = [keys::table::NOTICE];
        let rows = self.read(|_, rows| rows.scan(&prefix, &prefix, 1_000)).unwrap();
        let notices = rows.iter().map(|(_, row)| NoticeRow::decode(&row[..]).unwrap());
        let mut notices: Vec<_> = notices.map(|row| (row.at, row)).collect();
        notices.sort_by_key(|(at, row)| (*at, row.deadline, row.rung, row.met_at));
        notices.into_iter().map(|(_, row)| (row.deadline, row.rung, row.jurisdiction, row.met_at != 0)).collect()
    }

    /// Rungs of one deadline that somebody is told of.
    fn rungs(&mut self, deadline: u32) -> Vec<u32> {
        let told = self.notices().into_iter();
        told.filter(|(name, _, _, met)| *name == deadline && !met).map(|(_, rung, ..)| rung).collect()
    }

    /// What is owed: deadline and obligor.
    pub fn owed(&mut self) -> Vec<(i32, String)> {
        let prefix = [keys::table::DUTY];
        let rows = self.read(|_, rows| rows.scan(&prefix, &prefix, 1_000)).unwrap();
        let owed = rows.iter().filter(|(_, row)| DutyRow::decode(&row[..]).unwrap().met_at == 0);
        let keys = owed.map(|(key, _)| keys::DutyKey::decode(key).unwrap());
        keys.map(|key| (key.name.number(), key.obligor.to_string())).collect()
    }

    /// Deadlines of which a sender is told that they lapsed.
    fn lapsed(&mut self) -> Vec<u32> {
        let prefix = [keys::table::NOTICE];
        let rows = self.read(|_, rows| rows.scan(&prefix, &prefix, 1_000)).unwrap();
        let notices = rows.iter().map(|(_, row)| NoticeRow::decode(&row[..]).unwrap());
        notices.filter(|row| row.what() == v1::DeadlineEvent::Lapsed).map(|row| row.deadline).collect()
    }

    /// In time, late and not done, of acknowledgements.
    fn card(&mut self, of: &str) -> (u64, u64, u64) {
        let cards = self.read(|_, rows| super::super::cards(rows)).unwrap();
        let found = cards.into_iter().find(|((who, name), _)| who.as_str() == of && *name == DeadlineName::D01);
        found.map(|(_, card)| (card.on_time, card.late, card.missing)).unwrap_or_default()
    }

    pub fn wakes(&mut self) -> usize {
        let prefix = [keys::table::WAKE];
        self.read(|_, rows| rows.scan(&prefix, &prefix, 1_000)).unwrap().len()
    }
}

#[test]
fn who_does_not_acknowledge_climbs_the_ladder_rung_by_rung() {
    let mut exchange = Exchange::new();
    let draft = report(&mut exchange);
    exchange.accept(&draft);
    exchange.confirm(XUZHOU, draft.id(), Stage::Delivered);
    for (minutes, rungs) in [(7, 0), (1, 1), (6, 1), (1, 2), (7, 2), (1, 3), (6, 3), (1, 4), (600, 4)] {
        exchange.pass(minutes);
        assert_eq!(exchange.rungs(1).len(), rungs);
    }
    assert_eq!(exchange.rungs(1), [1, 2, 3, 4]);
    exchange.pass(24 * 60);
    assert_eq!((exchange.owed(), exchange.wakes()), (vec![], 0), "the message has expired");
    exchange.replay();
}

#[test]
fn who_acknowledges_in_time_owes_nothing_and_nobody_is_told() {
    let mut exchange = Exchange::new();
    let draft = report(&mut exchange);
    exchange.accept(&draft);
    exchange.pass(8);
    exchange.confirm(XUZHOU, draft.id(), Stage::Acknowledged);
    exchange.pass(60);
    assert_eq!(exchange.rungs(1), [1]);
    assert_eq!((exchange.owed(), exchange.wakes()), (vec![], 0));
    assert!(!exchange.notices().iter().any(|(.., met)| *met), "who was reminded knows what it did");
    exchange.replay();
}

#[test]
fn what_became_of_a_duty_counts_once_on_the_card_of_whoever_owed_it() {
    let mut exchange = Exchange::new();
    let [in_time, late, never, heard_late] = [(); 4].map(|()| report(&mut exchange));
    for draft in [&in_time, &late, &never, &heard_late] {
        exchange.accept(draft);
        exchange.confirm(XUZHOU, draft.id(), Stage::Delivered);
    }
    exchange.confirm(XUZHOU, in_time.id(), Stage::Acknowledged);
    let signed = exchange.now;
    exchange.pass(16);
    assert_eq!(exchange.card(XUZHOU), (1, 0, 3));
    exchange.confirm(XUZHOU, late.id(), Stage::Acknowledged);
    assert_eq!(exchange.card(XUZHOU), (1, 1, 2));
    exchange.confirm_at(XUZHOU, heard_late.id(), Stage::Acknowledged, signed);
    assert_eq!(exchange.card(XUZHOU), (2, 1, 1), "it was signed in time, and its way was long");
    exchange.pass(10 * 24 * 60);
    assert_eq!((exchange.card(XUZHOU), exchange.card(LINYI)), ((2, 1, 1), (0, 0, 0)));
    exchange.replay();
}

#[test]
fn an_answer_between_rungs_stops_the_climb_and_is_told() {
    let mut exchange = Exchange::new();
    let draft = report(&mut exchange);
    exchange.accept(&draft);
    exchange.pass(16);
    exchange.confirm(XUZHOU, draft.id(), Stage::Acknowledged);
    exchange.pass(60);
    let expected = [(1, 1, false), (1, 2, false), (1, 2, true)];
    let told: Vec<_> = exchange.notices().into_iter().map(|(name, rung, _, met)| (name, rung, met)).collect();
    assert_eq!(told, expected);
    exchange.replay();
}

#[test]
fn copies_and_what_needs_no_acknowledgement_owe_nothing() {
    let mut exchange = Exchange::new();
    let mut draft = report(&mut exchange);
    draft.copied = vec!["320000".to_owned()];
    exchange.accept(&draft);
    assert_eq!(exchange.owed(), [(1, XUZHOU.to_owned())]);
    let plain = exchange.draft(LINYI, &[LIANYUNGANG]);
    exchange.accept(&plain);
    assert_eq!(exchange.owed().len(), 1);
}

#[test]
fn what_is_taken_back_or_expires_is_owed_no_more_but_a_grave_one_that_expired_is_a_breach() {
    let mut exchange = Exchange::new();
    let first = report(&mut exchange);
    exchange.accept(&first);
    let cancel = exchange.following(&first, v1::Action::Cancel, 2);
    exchange.accept(&cancel.with(|header| header.receipt_required = v1::Stage::Delivered.into()));
    assert_eq!((exchange.owed(), exchange.wakes()), (vec![], 0));

    let grave = |header: &mut v1::Header| {
        header.event_level = v1::EventLevel::L2.into();
        header.expires_at.as_mut().unwrap().seconds -= (DAY - 2 * MINUTE) / 1_000;
    };
    let (mild, grave) = (
        report(&mut exchange).with(|header| header.expires_at.as_mut().unwrap().seconds -= (DAY - 2 * MINUTE) / 1_000),
        report(&mut exchange).with(grave),
    );
    exchange.accept(&mild);
    exchange.accept(&grave);
    exchange.now += 2 * MINUTE;
    exchange.expire(&[mild.id(), grave.id()]);
    let told: Vec<_> = exchange.notices().into_iter().map(|(_, rung, ..)| rung).collect();
    assert_eq!(told, [Rung::Breach.number().unsigned_abs()]);
    exchange.pass(0);
    assert_eq!((exchange.owed(), exchange.wakes()), (vec![], 0));
    exchange.replay();
}

#[test]
fn a_grave_message_that_expired_is_a_breach_whoever_sees_its_end_first() {
    for expired_first in [true, false] {
        let mut exchange = Exchange::new();
        let grave = report(&mut exchange).with(|header| {
            header.event_level = v1::EventLevel::L2.into();
            header.expires_at.as_mut().unwrap().seconds -= (DAY - 2 * MINUTE) / 1_000;
        });
        exchange.accept(&grave);
        exchange.now += 2 * MINUTE;
        if expired_first {
            exchange.expire(&[grave.id()]);
        }
        exchange.pass(0);
        if !expired_first {
            exchange.expire(&[grave.id()]);
        }
        let told: Vec<_> = exchange.notices().into_iter().map(|(_, rung, ..)| rung).collect();
        assert_eq!(told, [Rung::Breach.number().unsigned_abs()], "{expired_first}");
        assert_eq!((exchange.owed(), exchange.wakes()), (vec![], 0), "{expired_first}");
        exchange.replay();
    }
}

#[test]
fn whoever_has_a_message_and_lets_it_expire_lets_it_lapse_and_its_sender_is_told_once() {
    // of a request the acknowledgement lapses, or the reply where that was given, or nothing where it never came
    for (stage, expected) in [(None, vec![]), (Some(Stage::Delivered), vec![1]), (Some(Stage::Acknowledged), vec![15])]
    {
        let mut exchange = Exchange::new();
        let request = of_kind(&mut exchange, v1::Kind::ActionRequest, &[XUZHOU]);
        exchange.accept(&request);
        if let Some(stage) = stage {
            exchange.confirm(XUZHOU, request.id(), stage);
        }
        exchange.pass(25 * 60);
        exchange.expire(&[request.id()]);
        assert_eq!(exchange.lapsed(), expected, "{stage:?}");
        assert_eq!((exchange.owed(), exchange.wakes()), (vec![], 0));
        exchange.replay();
    }
}

#[test]
fn a_request_that_was_revised_lapses_when_its_newest_revision_does() {
    let mut exchange = Exchange::new();
    let first = of_kind(&mut exchange, v1::Kind::ActionRequest, &[XUZHOU]);
    exchange.accept(&first);
    exchange.pass(60);
    let second = exchange.following(&first, v1::Action::Update, 2).with(|header| {
        header.event_level = v1::EventLevel::L3.into();
        header.receipt_required = v1::Stage::Acknowledged.into();
    });
    exchange.accept(&second);
    exchange.confirm(XUZHOU, second.id(), Stage::Acknowledged);

    exchange.pass(23 * 60 + 30);
    assert_eq!(exchange.lapsed(), Vec::<u32>::new(), "the first has expired, and the second has not");
    exchange.pass(60);
    assert_eq!(exchange.lapsed(), [15]);
    assert_eq!((exchange.owed(), exchange.wakes()), (vec![], 0));
    exchange.replay();
}

#[test]
fn a_cancel_takes_back_what_is_owed_on_every_revision_and_nothing_that_is_owed_to_others() {
    let mut exchange = Exchange::new();
    let first = report(&mut exchange);
    let second = exchange.following(&first, v1::Action::Update, 2);
    let third = exchange.following(&second, v1::Action::Update, 3);
    for revision in [&first, &second, &third] {
        let asks = |header: &mut v1::Header| header.receipt_required = v1::Stage::Acknowledged.into();
        exchange.accept(&revision.clone().with(asks));
    }
    let others = report(&mut exchange);
    exchange.accept(&others);
    assert_eq!(exchange.owed().len(), 4);

    let stranger = exchange.draft(LIANYUNGANG, &[XUZHOU]).with(|header| {
        (header.originating_message_id, header.preceding_message_id) =
            (others.header.message_id.clone(), vec![9; 16].into());
        (header.action, header.revision) = (v1::Action::Cancel.into(), 2);
    });
    exchange.submit(&stranger);
    assert_eq!(exchange.owed().len(), 4, "it is not theirs to take back");

    let cancel = exchange.following(&third, v1::Action::Cancel, 4);
    exchange.accept(&cancel.with(|header| header.receipt_required = v1::Stage::Delivered.into()));
    assert_eq!(exchange.owed().len(), 1, "what another message owes stays");
    exchange.replay();
}

#[test]
fn a_request_owes_a_reply_and_a_definite_one_meets_it() {
    let mut exchange = Exchange::new();
    let request = of_kind(&mut exchange, v1::Kind::ActionRequest, &[XUZHOU, LIANYUNGANG]);
    exchange.accept(&request);
    for who in [XUZHOU, LIANYUNGANG] {
        exchange.confirm(who, request.id(), Stage::Acknowledged);
    }
    assert_eq!(exchange.owed(), [(15, XUZHOU.to_owned()), (15, LIANYUNGANG.to_owned())]);
    let waits = reply(&mut exchange, &request, v1::Kind::ActionResponse, v1::Answer::NeedApproval);
    exchange.accept(&waits);
    assert_eq!(exchange.owed().len(), 2, "an interim word meets nothing here");
    let definite = reply(&mut exchange, &request, v1::Kind::ActionResponse, v1::Answer::Definite);
    exchange.accept(&definite);
    assert_eq!(exchange.owed(), [(15, LIANYUNGANG.to_owned())]);
    exchange.pass(120);
    assert_eq!(exchange.rungs(15), [1, 2]);
    exchange.replay();
}

#[test]
fn an_interim_offer_meets_the_first_answer_and_starts_the_definite_one() {
    let mut exchange = Exchange::new();
    let request = of_kind(&mut exchange, v1::Kind::ResourceRequest, &[XUZHOU]);
    exchange.accept(&request);
    exchange.confirm(XUZHOU, request.id(), Stage::Acknowledged);
    exchange.pass(100);
    let deferred = reply(&mut exchange, &request, v1::Kind::ResourceOffer, v1::Answer::Defer);
    exchange.accept(&deferred);
    assert!(exchange.owed().contains(&(11, XUZHOU.to_owned())) && !exchange.owed().contains(&(10, XUZHOU.to_owned())));
    exchange.pass(119);
    assert_eq!(exchange.rungs(11), [1], "it runs from the interim answer");
    let offer = reply(&mut exchange, &request, v1::Kind::ResourceOffer, v1::Answer::Definite);
    exchange.accept(&offer);
    assert!(exchange.owed().iter().all(|(name, _)| *name == 1), "{:?}", exchange.owed());
    exchange.replay();
}

#[test]
fn an_update_starts_a_reply_for_whom_it_reaches_first_and_for_nobody_else() {
    let mut exchange = Exchange::new();
    let request = of_kind(&mut exchange, v1::Kind::ResourceRequest, &[XUZHOU]);
    exchange.accept(&request);
    exchange.pass(40);
    let mut second = exchange.following(&request, v1::Action::Update, 2);
    second.header.event_level = v1::EventLevel::L3.into();
    second.to.push(LIANYUNGANG.to_owned());
    exchange.accept(&second);
    let due = |exchange: &mut Exchange, who: &str| {
        let (on, obligor) = (request.id(), who.parse().unwrap());
        let key = keys::DutyKey { on, name: model::deadline::DeadlineName::D10, obligor };
        let row = exchange.read(|_, rows| rows.get(&key.encode())).unwrap().unwrap();
        proto::record::DutyRow::decode(row).unwrap().due_at
    };
    assert_eq!(due(&mut exchange, LIANYUNGANG) - due(&mut exchange, XUZHOU), 40 * MINUTE);
    let offer = reply(&mut exchange, &second, v1::Kind::ResourceOffer, v1::Answer::Definite);
    exchange.accept(&offer);
    let third = exchange.following(&second, v1::Action::Update, 3);
    exchange.accept(&third);
    let replies: Vec<_> = exchange.owed().into_iter().filter(|(name, _)| *name == 10).collect();
    assert_eq!(replies, [(10, LIANYUNGANG.to_owned())], "who has answered is not asked again");
    exchange.replay();
}

#[test]
fn a_notice_is_owed_until_the_brokers_message_has_its_id() {
    let mut exchange = Exchange::new();
    let draft = report(&mut exchange);
    exchange.accept(&draft);
    exchange.pass(8);
    let prefix = [keys::table::NOTICE];
    let (key, _) = exchange.read(|_, rows| rows.scan(&prefix, &prefix, 1)).unwrap().remove(0);
    let id: MessageId = keys::notice_id(&key).unwrap();
    assert!(id.is_v7() && id.time() == Timestamp::from_millis(exchange.now));
    let notice = exchange.draft("broker", &[XUZHOU]).with(|header| {
        header.kind = v1::Kind::DeadlineNotice.into();
        header.message_id = id.0.to_vec().into();
        header.originating_message_id = header.message_id.clone();
        header.precedence = v1::Precedence::Flash.into();
    });
    let row = exchange.accept(&notice);
    assert_eq!(row.carried_as, v1::Precedence::Flash as u32, "no budget binds the broker");
    assert!(exchange.notices().is_empty());
    assert!(exchange.mailbox(XUZHOU).contains(&id));
    exchange.confirm(XUZHOU, id, Stage::Delivered);
    assert!(!exchange.mailbox(XUZHOU).contains(&id) && !exchange.is_open(id));
    exchange.now += HOUR;
    exchange.replay();
}
