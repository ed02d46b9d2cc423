//! Whatever comes in whatever order: counters agree with rows after each record, and a replay comes to the same.

use model::stage::Stage;
use proptest::prelude::*;

use super::desk::{DAY, Draft, LIANYUNGANG, LINYI, Table, XUZHOU};

/// What happens next; numbers choose among what is there.
#[derive(Clone, Debug)]
enum Event {
    Queue,
    Requeue(usize),
    Accept { of: usize, epoch: u8, position: u64 },
    Refuse(usize),
    Receipt { of: usize, by: usize, stage: i32, unverified: bool },
    Receive(Vec<usize>),
    Attest { of: usize, stage: i32 },
    Kept { of: usize, epoch: u8, position: u64 },
    Epochs(Vec<(u8, u64)>),
    Wait,
    Replay,
}

fn any_event() -> impl Strategy<Value = Event> {
    let (of, epoch, position) = (0..30_usize, 1..4_u8, 1..60_u64);
    let stage = 1..=10_i32;
    prop_oneof![
        5 => Just(Event::Queue),
        1 => of.clone().prop_map(Event::Requeue),
        5 => (of.clone(), epoch.clone(), position.clone())
            .prop_map(|(of, epoch, position)| Event::Accept { of, epoch, position }),
        1 => of.clone().prop_map(Event::Refuse),
        6 => (of.clone(), 0..2_usize, stage.clone(), any::<bool>())
            .prop_map(|(of, by, stage, unverified)| Event::Receipt { of, by, stage, unverified }),
        4 => prop::collection::vec(of.clone(), 1..4).prop_map(Event::Receive),
        4 => (of.clone(), stage).prop_map(|(of, stage)| Event::Attest { of, stage }),
        2 => (of, epoch.clone(), position).prop_map(|(of, epoch, position)| Event::Kept { of, epoch, position }),
        2 => prop::collection::vec((epoch, 0..60_u64), 0..3).prop_map(Event::Epochs),
        1 => Just(Event::Wait),
        1 => Just(Event::Replay),
    ]
}

fn happen(desk: &mut Table, ours: &mut Vec<Draft>, theirs: &[Draft], event: Event) {
    let chosen = |of: usize, drafts: &[Draft]| drafts.get(of % drafts.len().max(1)).cloned();
    match event {
        Event::Queue => {
            let draft = desk.draft(LINYI, &[XUZHOU, LIANYUNGANG]);
            desk.queue(&draft);
            ours.push(draft);
        }
        Event::Requeue(of) => {
            if let Some(draft) = chosen(of, ours) {
                desk.queue(&draft);
            }
        }
        Event::Accept { of, epoch, position } => {
            if let Some(draft) = chosen(of, ours) {
                desk.accept(&draft, epoch, position);
            }
        }
        Event::Refuse(of) => {
            if let Some(draft) = chosen(of, ours) {
                desk.refuse(&draft);
            }
        }
        Event::Receipt { of, by, stage, unverified } => {
            if let (Some(draft), Some(stage)) = (chosen(of, ours), Stage::from_number(stage)) {
                let statement = desk.statement(&draft, [XUZHOU, LIANYUNGANG][by], stage);
                desk.receipts(&[statement], if unverified { &[0] } else { &[] });
            }
        }
        Event::Receive(of) => {
            let drafts: Vec<_> = of.into_iter().filter_map(|of| chosen(of, theirs)).collect();
            desk.receive(&drafts.iter().map(|draft| (draft, "")).collect::<Vec<_>>());
        }
        Event::Attest { of, stage } => {
            if let (Some(draft), Some(stage)) = (chosen(of, theirs), Stage::from_number(stage)) {
                desk.attest(&draft, stage);
            }
        }
        Event::Kept { of, epoch, position } => {
            let records = desk.unkept();
            if let Some(at) = records.get(of % records.len().max(1)) {
                desk.kept(&[*at], epoch, position);
            }
        }
        Event::Epochs(ends) => {
            let epochs: Vec<_> = ends.into_iter().map(|(epoch, last)| (epoch, 1, last)).collect();
            desk.epochs(&epochs);
        }
        Event::Wait => desk.now += DAY / 2,
        Event::Replay => desk.replay(),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

    #[test]
    fn the_counters_agree_whatever_happens(events in prop::collection::vec(any_event(), 1..90)) {
        let mut desk = Table::new();
        let theirs: Vec<_> = (0..12).map(|_| desk.draft(XUZHOU, &[LINYI])).collect();
        let mut ours = Vec::new();
        for event in events {
            happen(&mut desk, &mut ours, &theirs, event);
        }
        desk.replay();
    }
}
