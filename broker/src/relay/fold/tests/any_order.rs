//! Whatever happens in whatever order: the books balance after each record, and a replay comes to the same.

use model::{limits::TRIES_MAX, stage::Stage};
use proptest::prelude::*;
use proto::v1;

use super::exchange::{DAY, Draft, Exchange, HOUR, LIANYUNGANG, LINYI, XUZHOU};

const WHO: [&str; 3] = [LINYI, XUZHOU, LIANYUNGANG];

/// What happens next; numbers choose among what is there.
#[derive(Clone, Debug)]
enum Event {
    Send { from: usize, both: bool, kind: usize, owed: usize },
    Repeat(usize),
    Follow { of: usize, cancel: bool, revision: u32 },
    Answer(usize),
    Confirm { by: usize, of: usize, stage: usize },
    Fail { by: usize, of: usize, times: u32 },
    Redrive { by: usize, of: usize },
    Expire(Vec<usize>),
    Wait(i64),
    Replay,
}

fn any_event() -> impl Strategy<Value = Event> {
    let (who, of) = (0..3_usize, 0..40_usize);
    prop_oneof![
        6 => (who.clone(), any::<bool>(), 0..3_usize, 0..3_usize)
            .prop_map(|(from, both, kind, owed)| Event::Send { from, both, kind, owed }),
        1 => of.clone().prop_map(Event::Repeat),
        4 => (of.clone(), any::<bool>(), 1..5_u32)
            .prop_map(|(of, cancel, revision)| Event::Follow { of, cancel, revision }),
        2 => of.clone().prop_map(Event::Answer),
        8 => (who.clone(), of.clone(), 0..7_usize).prop_map(|(by, of, stage)| Event::Confirm { by, of, stage }),
        3 => (who.clone(), of.clone(), 1..=TRIES_MAX).prop_map(|(by, of, times)| Event::Fail { by, of, times }),
        2 => (who, of.clone()).prop_map(|(by, of)| Event::Redrive { by, of }),
        1 => prop::collection::vec(of, 1..5).prop_map(Event::Expire),
        1 => prop_oneof![Just(HOUR), Just(DAY / 2)].prop_map(Event::Wait),
        1 => Just(Event::Replay),
    ]
}

fn others(from: usize, both: bool) -> Vec<&'static str> {
    let others = (1..3).map(|step| WHO[(from + step) % 3]);
    others.take(if both { 2 } else { 1 }).collect()
}

fn happen(exchange: &mut Exchange, drafts: &mut Vec<Draft>, event: Event) {
    let chosen = |of: usize, drafts: &[Draft]| drafts.get(of % drafts.len().max(1)).cloned();
    match event {
        Event::Send { from, both, kind, owed } => {
            let kind = [v1::Kind::Bulletin, v1::Kind::Alert, v1::Kind::ActionRequest][kind];
            let owed = [v1::Stage::Delivered, v1::Stage::Acknowledged, v1::Stage::Answered][owed];
            let draft = exchange.draft(WHO[from], &others(from, both)).with(|header| {
                (header.kind, header.receipt_required) = (kind as i32, owed as i32);
            });
            exchange.submit(&draft);
            drafts.push(draft);
        }
        Event::Repeat(of) => {
            if let Some(draft) = chosen(of, drafts) {
                exchange.submit(&draft);
            }
        }
        Event::Follow { of, cancel, revision } => {
            let action = if cancel { v1::Action::Cancel } else { v1::Action::Update };
            if let Some(before) = chosen(of, drafts) {
                let draft = exchange.following(&before, action, revision);
                exchange.submit(&draft);
                drafts.push(draft);
            }
        }
        Event::Answer(of) => {
            if let Some(asked) = chosen(of, drafts) {
                let from = asked.to[0].clone();
                let draft = exchange.draft(&from, &[LINYI]).with(|header| {
                    header.action = v1::Action::Reply as i32;
                    header.preceding_message_id = asked.header.message_id.clone();
                    header.originating_message_id = asked.header.originating_message_id.clone();
                    header.answer = v1::Answer::Definite as i32;
                });
                exchange.submit(&draft);
                drafts.push(draft);
            }
        }
        Event::Confirm { by, of, stage } => {
            let stages = [Stage::Delivered, Stage::Delivered, Stage::Opened, Stage::Acknowledged, Stage::WillAnswer];
            let stage = stages.get(stage).copied().unwrap_or(Stage::Refused);
            if let Some(draft) = chosen(of, drafts) {
                exchange.confirm(WHO[by], draft.id(), stage);
            }
        }
        Event::Fail { by, of, times } => {
            if let Some(draft) = chosen(of, drafts) {
                (0..times).for_each(|_| exchange.fail(WHO[by], draft.id()));
            }
        }
        Event::Redrive { by, of } => {
            if let Some(draft) = chosen(of, drafts) {
                exchange.redrive(WHO[by], draft.id());
            }
        }
        Event::Expire(of) => {
            let ids: Vec<_> = of.into_iter().filter_map(|of| chosen(of, drafts)).map(|draft| draft.id()).collect();
            exchange.expire(&ids);
        }
        Event::Wait(ms) => exchange.now += ms,
        Event::Replay => exchange.replay(),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

    #[test]
    fn the_books_balance_whatever_happens(events in prop::collection::vec(any_event(), 1..80)) {
        let (mut exchange, mut drafts) = (Exchange::new(), Vec::new());
        for event in events {
            happen(&mut exchange, &mut drafts, event);
        }
        exchange.replay();
        // and once all of their time has passed, nothing is open and nobody owes anything
        exchange.now += 3 * DAY;
        let ids: Vec<_> = drafts.iter().map(Draft::id).collect();
        exchange.expire(&ids);
        for who in WHO {
            prop_assert_eq!(exchange.mailbox(who), vec![]);
        }
    }
}
