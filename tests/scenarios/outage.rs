//! Lines that break, programs that die, disks that are lost or put back: nothing is lost, nothing comes twice.

use std::time::Duration;

use model::ids::MessageId;
use proto::v1;
use proto::v1::Stage;

use crate::world::bare::header_of;
use crate::world::drafts::{bulletin, following, lawful, officer};
use crate::world::live::{World, id_of};
use crate::world::region::{LY, Lands, XZ};

const FLASH: v1::Precedence = v1::Precedence::Flash;
const PRIORITY: v1::Precedence = v1::Precedence::Priority;
const ROUTINE: v1::Precedence = v1::Precedence::Routine;

fn sorted(mut ids: Vec<MessageId>) -> Vec<MessageId> {
    ids.sort_unstable();
    ids
}

fn id_bytes(id: MessageId) -> bytes::Bytes {
    bytes::Bytes::copy_from_slice(&id.0)
}

/// Sends `count` bulletins of every precedence in turn from one city to another.
async fn send_some(world: &World, from: &str, to: &str, count: usize) -> Vec<MessageId> {
    let turn = [ROUTINE, PRIORITY, v1::Precedence::Immediate, FLASH];
    let mut sent = Vec::new();
    for at in 0..count {
        sent.push(world.agent(from).send(bulletin(&[to], turn[at % turn.len()], "汛情通报")).await);
    }
    sent
}

#[tokio::test(flavor = "multi_thread")]
async fn with_its_line_cut_a_desk_answers_at_once_and_what_is_queued_goes_when_it_is_mended() {
    let world = World::of(&[LY, XZ]).await;
    let (ly, xz) = (world.agent(LY), world.agent(XZ));
    let before = ly.send(bulletin(&[XZ], PRIORITY, "线路中断前")).await;
    ly.stage(before, XZ, Stage::Delivered).await;
    ly.cut().await;

    let answer = world.desk(LY).send(bulletin(&[XZ], PRIORITY, "线路中断后")).await.unwrap();
    let queued = id_of(&answer.message_id);

    assert!(!answer.link_up);
    assert_eq!(world.desk(LY).link().await.unwrap().queued, 1);
    assert!(!ly.inside().summary(queued).unwrap().accepted);
    assert_eq!(world.desk(LY).list(true).await.unwrap().len(), 2, "the desk goes on working from what it has");
    ly.mend().await;
    ly.stage(queued, XZ, Stage::Delivered).await;
    assert_eq!(xz.inbox(), [before, queued]);
    assert_eq!(world.desk(LY).link().await.unwrap().queued, 0);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_comes_back_gets_flash_first_then_by_precedence_and_never_misses_a_report() {
    let mut world = World::without_agents(&[LY, XZ], Lands::Unknown).await;
    world.start_agent(XZ).await;
    let (ly, xz) = (world.bare(LY), world.agent(XZ));
    xz.linked().await;
    xz.cut().await;
    let at = |kind, precedence: v1::Precedence| v1::Header {
        precedence: precedence.into(),
        receipt_required: v1::Stage::Acknowledged.into(),
        ..lawful(kind, &[XZ])
    };
    let routine = ly.of_kind(at(v1::Kind::Bulletin, ROUTINE));
    let report = ly.of_kind(at(v1::Kind::IncidentReport, PRIORITY));
    let first_follow_up =
        ly.of_kind(following(at(v1::Kind::IncidentReport, PRIORITY), v1::Action::Update, &header_of(&report)));
    let second_follow_up =
        ly.of_kind(following(at(v1::Kind::IncidentReport, PRIORITY), v1::Action::Update, &header_of(&first_follow_up)));
    let alert = ly.of_kind(at(v1::Kind::Alert, FLASH));
    let all = [&routine, &report, &first_follow_up, &second_follow_up, &alert];
    for envelope in all {
        ly.submit(world.broker_address(), envelope.clone()).await.unwrap();
    }

    xz.mend().await;

    let expected = [&alert, &report, &first_follow_up, &second_follow_up, &routine];
    let expected: Vec<_> = expected.map(|envelope| id_of(&header_of(envelope).message_id)).into();
    assert_eq!(xz.has_received(5).await, expected);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_newest_revision_of_a_request_waits_and_it_lists_what_was_skipped() {
    let mut world = World::without_agents(&[LY, XZ], Lands::Unknown).await;
    world.start_agent(XZ).await;
    let ly = world.bare(LY);
    let mut line = ly.session(world.broker_address()).await.unwrap();
    world.agent(XZ).linked().await;
    world.agent(XZ).cut().await;
    let request = || lawful(v1::Kind::ResourceRequest, &[XZ]);
    let first = ly.of_kind(request());
    let second = ly.of_kind(following(request(), v1::Action::Update, &header_of(&first)));
    let third = ly.of_kind(following(request(), v1::Action::Update, &header_of(&second)));
    for envelope in [&first, &second, &third] {
        assert!(line.submit(vec![envelope.clone()]).await.unwrap().refused.is_empty());
    }

    let mut told = Vec::new();
    while told.len() < 2 {
        told.extend(line.receipts().await.unwrap());
    }
    let id = |envelope| header_of(envelope).message_id;
    let of = |receipt: &v1::ReceiptStatement| {
        (receipt.message_id.clone(), receipt.stage(), receipt.reason.clone(), receipt.related_message_id.clone())
    };
    let replaced = |old, by| (id(old), Stage::Recalled, "REPLACED".to_owned(), id(by));
    assert_eq!([of(&told[0]), of(&told[1])], [replaced(&first, &second), replaced(&second, &third)]);

    world.agent(XZ).mend().await;
    let xz = world.agent(XZ);
    assert_eq!(xz.has_received(1).await, [id_of(&id(&third))]);
    let stamp = xz.inside().show(id_of(&id(&third))).unwrap().stamp.unwrap();
    assert_eq!(stamp.skipped, [id(&first), id(&second)]);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_cancelled_before_delivery_is_recalled_and_its_sender_told_so() {
    let world = World::of(&[LY, XZ]).await;
    let (ly, xz) = (world.agent(LY), world.agent(XZ));
    xz.cut().await;
    let id = ly.send(bulletin(&[XZ], PRIORITY, "国道中断")).await;
    ly.accepted(id).await;
    let mut cancel = bulletin(&[XZ], PRIORITY, "国道已通");
    let header = cancel.header.get_or_insert_default();
    header.action = v1::Action::Cancel.into();
    header.preceding_message_id = id_bytes(id);

    let cancel = ly.send(cancel).await;

    ly.stage(id, XZ, Stage::Recalled).await;
    xz.mend().await;
    assert_eq!(xz.has_received(1).await, [cancel]);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_expires_while_it_waits_is_told_to_its_sender_and_never_handed_over() {
    let world = World::of(&[LY, XZ]).await;
    let (ly, xz) = (world.agent(LY), world.agent(XZ));
    xz.cut().await;
    let mut short = bulletin(&[XZ], PRIORITY, "十分钟内有效");
    let ends = world.clock.now().plus(Duration::from_mins(10));
    short.header.get_or_insert_default().expires_at = Some(proto::border::time::to_wire(ends));
    let short = ly.send(short).await;
    let lasting = ly.send(bulletin(&[XZ], PRIORITY, "一周内有效")).await;
    ly.accepted(lasting).await;

    world.clock.advance(Duration::from_mins(11));

    ly.stage(short, XZ, Stage::Expired).await;
    xz.mend().await;
    assert_eq!(xz.has_received(1).await, [lasting]);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_whose_disk_is_lost_is_refilled_by_its_agents() {
    let mut world = World::of(&[LY, XZ]).await;
    let handed = send_some(&world, LY, XZ, 8).await;
    for id in &handed {
        world.agent(LY).stage(*id, XZ, Stage::Delivered).await;
    }
    world.agent(XZ).cut().await;
    let waiting = send_some(&world, LY, XZ, 8).await;
    for id in &waiting {
        world.agent(LY).accepted(*id).await;
    }

    world.kill_broker().await;
    world.lose_state("broker");
    world.start_broker().await;
    world.agent(XZ).line.mend();

    for id in &waiting {
        world.agent(LY).stage(*id, XZ, Stage::Delivered).await;
    }
    let all = sorted(handed.iter().chain(&waiting).copied().collect());
    assert_eq!(sorted(world.agent(XZ).inbox()), all, "0 lost, 0 twice");
    let link = world.desk(LY).link().await.unwrap();
    assert_eq!((link.queued, link.unsettled), (0, 0));
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn receipts_that_the_lost_broker_had_not_passed_on_reach_their_sender_all_the_same() {
    let mut world = World::of(&[LY, XZ]).await;
    let id = world.agent(LY).send(bulletin(&[XZ], PRIORITY, "沂河水位上涨")).await;
    world.agent(LY).accepted(id).await;
    world.agent(LY).cut().await;
    world.agent(XZ).has_received(1).await;
    world.desk(XZ).open(&id_bytes(id), officer()).await.unwrap();
    world.desk(XZ).acknowledge(&id_bytes(id), officer()).await.unwrap();

    world.kill_broker().await;
    world.lose_state("broker");
    world.start_broker().await;
    world.agent(LY).line.mend();

    world.agent(LY).stage(id, XZ, Stage::Acknowledged).await;
    assert_eq!(world.agent(XZ).inbox(), [id]);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_that_restarts_goes_on_where_it_was() {
    let mut world = World::of(&[LY, XZ]).await;
    let before = send_some(&world, LY, XZ, 4).await;
    world.agent(XZ).has_received(4).await;
    world.agent(XZ).cut().await;
    let waiting = send_some(&world, LY, XZ, 4).await;
    for id in &waiting {
        world.agent(LY).accepted(*id).await;
    }

    world.stop_broker().await;
    let meanwhile = send_some(&world, LY, XZ, 4).await;
    world.start_broker().await;
    world.agent(XZ).line.mend();

    let all = sorted([before, waiting, meanwhile].concat());
    assert_eq!(sorted(world.agent(XZ).has_received(12).await), all);
    for id in &all {
        world.agent(LY).stage(*id, XZ, Stage::Delivered).await;
    }
    assert_eq!(world.relay().engine.epochs().len(), 2);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_that_were_deleted_are_folded_again_to_the_same_bytes() {
    let mut world = World::of(&[LY, XZ]).await;
    for id in send_some(&world, LY, XZ, 8).await {
        world.agent(LY).stage(id, XZ, Stage::Delivered).await;
    }
    world.agent(XZ).cut().await;
    for id in send_some(&world, LY, XZ, 8).await {
        world.agent(LY).accepted(id).await;
    }
    world.agent(LY).cut().await;
    let [kept, anew] = rows_as_they_are_and_folded_anew(&mut world).await;
    assert_eq!(anew, kept);
    world.agent(XZ).line.mend();
    assert_eq!(world.agent(XZ).has_received(16).await.len(), 16);
    world.end().await;
}

/// What the broker's rows are when they are read from disk, and when they are folded anew from its journal.
async fn rows_as_they_are_and_folded_anew(world: &mut World) -> [store::Dump; 2] {
    world.stop_broker().await;
    let copy = world.copy_of("broker");
    world.start_broker().await;
    let kept = world.relay().engine.dump().unwrap();
    world.stop_broker().await;
    world.put_back("broker", copy.path());
    world.lose_rows_of_broker();
    world.start_broker().await;
    [kept, world.relay().engine.dump().unwrap()]
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_that_are_deleted_while_messages_come_in_are_folded_again_and_nothing_is_lost_or_doubled() {
    let mut world = World::of(&[LY, XZ]).await;
    let (desk, mut all) = (world.desk(LY), Vec::new());
    for _ in 0..5 {
        let sending = async {
            let mut sent = Vec::new();
            for n in 0..60 {
                sent.push(id_of(&desk.send(bulletin(&[XZ], PRIORITY, &format!("第{n}号"))).await.unwrap().message_id));
            }
            sent
        };
        let losing = async {
            tokio::time::sleep(Duration::from_millis(60)).await;
            world.kill_broker().await;
            world.lose_rows_of_broker();
            world.start_broker().await;
        };
        let (sent, ()) = tokio::join!(sending, losing);
        all.extend(sent);
    }
    for id in &all {
        world.agent(LY).stage(*id, XZ, Stage::Delivered).await;
    }
    assert_eq!(world.agent(XZ).has_received(all.len()).await.len(), 300);

    world.agent(XZ).cut().await;
    for id in send_some(&world, LY, XZ, 40).await {
        world.agent(LY).accepted(id).await;
    }
    world.agent(LY).cut().await;
    let [kept, anew] = rows_as_they_are_and_folded_anew(&mut world).await;
    assert_eq!(anew, kept);
    assert!(kept.rows.len() > 40, "forty messages wait: {}", kept.rows.len());
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_that_is_killed_loses_nothing_that_it_accepted() {
    let mut world = World::of(&[LY, XZ]).await;
    let mut all = Vec::new();
    for _ in 0..3 {
        all.extend(send_some(&world, LY, XZ, 5).await);
        all.extend(send_some(&world, XZ, LY, 1).await);
        world.kill_broker().await;
        world.start_broker().await;
    }
    for id in all.iter().filter(|id| world.agent(LY).inside().envelope(**id).unwrap().is_some_and(|(_, ours)| ours)) {
        world.agent(LY).stage(*id, XZ, Stage::Delivered).await;
    }
    assert_eq!(world.agent(XZ).has_received(15).await.len(), 15);
    assert_eq!(world.agent(LY).has_received(3).await.len(), 3);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_that_was_put_back_from_a_copy_gets_from_its_agents_what_the_copy_lacks() {
    let mut world = World::of(&[LY, XZ]).await;
    let old = send_some(&world, LY, XZ, 4).await;
    for id in &old {
        world.agent(LY).stage(*id, XZ, Stage::Delivered).await;
    }
    world.stop_broker().await;
    let copy = world.copy_of("broker");
    world.start_broker().await;
    world.agent(XZ).linked().await;
    let handed = send_some(&world, LY, XZ, 4).await;
    for id in &handed {
        world.agent(LY).stage(*id, XZ, Stage::Delivered).await;
    }
    world.agent(XZ).cut().await;
    let waiting = send_some(&world, LY, XZ, 4).await;
    for id in &waiting {
        world.agent(LY).accepted(*id).await;
    }

    world.stop_broker().await;
    world.put_back("broker", copy.path());
    world.start_broker().await;
    world.agent(XZ).line.mend();

    for id in &waiting {
        world.agent(LY).stage(*id, XZ, Stage::Delivered).await;
    }
    assert_eq!(sorted(world.agent(XZ).inbox()), sorted([old, handed, waiting].concat()));
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_that_is_killed_sends_what_it_had_queued_and_takes_nothing_twice() {
    let mut world = World::of(&[LY, XZ]).await;
    world.agent(LY).cut().await;
    let queued = send_some(&world, LY, XZ, 8).await;
    let to_ly = send_some(&world, XZ, LY, 4).await;

    world.agent_mut(LY).kill().await;
    world.agent(LY).line.mend();
    world.agent_mut(LY).start().await;

    assert_eq!(sorted(world.agent(XZ).has_received(8).await), sorted(queued));
    assert_eq!(sorted(world.agent(LY).has_received(4).await), sorted(to_ly));
    world.agent_mut(XZ).kill().await;
    world.agent_mut(XZ).start().await;
    world.agent(XZ).linked().await;
    let more = world.agent(LY).send(bulletin(&[XZ], FLASH, "恢复")).await;
    world.agent(LY).stage(more, XZ, Stage::Delivered).await;
    assert_eq!(world.agent(XZ).inbox().len(), 9);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_that_was_put_back_from_a_copy_takes_a_new_name_and_doubles_nothing() {
    let mut world = World::of(&[LY, XZ]).await;
    let old = world.agent(LY).send(bulletin(&[XZ], PRIORITY, "备份之前")).await;
    world.agent(LY).stage(old, XZ, Stage::Delivered).await;
    world.agent(LY).cut().await;
    let delivered_later = world.agent(LY).send(bulletin(&[XZ], PRIORITY, "备份时在发件箱")).await;
    world.agent_mut(LY).stop().await;
    let copy = world.copy_of(LY);
    world.agent(LY).line.mend();
    world.agent_mut(LY).start().await;
    world.agent(LY).stage(delivered_later, XZ, Stage::Delivered).await;
    let forgotten = world.agent(LY).send(bulletin(&[XZ], PRIORITY, "备份之后")).await;
    world.agent(LY).stage(forgotten, XZ, Stage::Delivered).await;
    let name = |world: &World| world.agent(LY).inside().engine.read(|fold, _| fold.agent().incarnation.clone());
    let before = name(&world);

    world.agent_mut(LY).stop().await;
    world.put_back(LY, copy.path());
    world.agent_mut(LY).start().await;

    let ly = world.agent(LY);
    ly.stage(delivered_later, XZ, Stage::Delivered).await;
    let new = ly.send(bulletin(&[XZ], PRIORITY, "恢复之后")).await;
    ly.stage(new, XZ, Stage::Delivered).await;
    assert_eq!(world.agent(XZ).inbox(), [old, delivered_later, forgotten, new]);
    assert_ne!(name(&world), before);
    let link = world.desk(LY).link().await.unwrap();
    assert_eq!((link.queued, link.unsettled), (0, 0));
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_waited_in_a_copy_and_never_went_is_sealed_again_under_the_new_name() {
    let mut world = World::of(&[LY, XZ]).await;
    world.agent(LY).cut().await;
    let waiting = world.agent(LY).send(bulletin(&[XZ], ROUTINE, "备份时在发件箱")).await;
    world.agent_mut(LY).stop().await;
    world.agent(LY).line.mend();
    // the directory is a copy: the one that is lost went on to other numbers
    let bare = world.bare(LY);
    let hello = v1::Hello {
        protocol_min: 1,
        protocol_max: 1,
        incarnation: world.named(LY),
        boot_count: 9,
        last_sender_seq: 9,
        ..v1::Hello::default()
    };
    drop(bare.session_with(world.broker_address(), hello).await.unwrap());

    world.agent_mut(LY).start().await;

    let ly = world.agent(LY);
    ly.stage(waiting, XZ, Stage::Delivered).await;
    assert_eq!(world.agent(XZ).inbox(), [waiting]);
    let sealed = ly.inside().envelope(waiting).unwrap().unwrap().0;
    assert_eq!(header_of(&sealed).sender_seq, 1);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_delivery_in_flight_when_its_line_falls_silent_waits_again_and_comes_once() {
    let mut world = World::without_agents(&[LY, XZ], Lands::Unknown).await;
    let (ly, xz) = (world.bare(LY), world.bare(XZ));
    let mut silent = xz.session(world.broker_address()).await.unwrap();
    let alert = ly.of_kind(lawful(v1::Kind::Alert, &[XZ]));
    ly.submit(world.broker_address(), alert.clone()).await.unwrap();
    let in_flight = silent.take(1).await.unwrap();
    assert_eq!(in_flight[0].failed_tries, 0);
    drop(silent); // nothing was confirmed

    world.start_agent(XZ).await;

    let id = id_of(&header_of(&alert).message_id);
    assert_eq!(world.agent(XZ).has_received(1).await, [id]);
    world
        .at_broker("the delivery is settled", |relay| {
            let trace = relay.trace(&LY.parse().unwrap(), id).ok()?;
            (trace.states[0].stage() == Stage::Delivered && trace.states[0].failed_tries == 0).then_some(())
        })
        .await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_sessions_that_overlap_hand_over_once() {
    let world = World::of(&[LY, XZ]).await;
    let mut events = world.desk(XZ).events(1).await.unwrap();
    let mut dice = world.dice.clone();
    let mut sent = Vec::new();
    for _ in 0..12 {
        sent.extend(send_some(&world, LY, XZ, 3).await);
        match dice.below(3) {
            0 => {
                world.agent(XZ).line.cut();
                world.agent(XZ).line.mend();
            }
            1 => {
                world.agent(LY).line.cut();
                world.agent(LY).line.mend();
            }
            _ => {}
        }
    }
    world.agent(XZ).has_received(36).await;
    for id in &sent {
        world.agent(LY).stage(*id, XZ, Stage::Delivered).await;
    }

    let last = world.agent(LY).send(bulletin(&[XZ], ROUTINE, "最后一件")).await;
    let mut handed = Vec::new();
    while handed.last() != Some(&last) {
        let event = events.message().await.unwrap().unwrap();
        if let Some(v1::subscribe_response::Event::Received(summary)) = event.event {
            handed.push(id_of(&summary.header.unwrap().message_id));
        }
    }
    sent.push(last);
    assert_eq!(sorted(handed), sorted(sent));
    world.end().await;
}
