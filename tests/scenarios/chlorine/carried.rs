//! The same accident with 徐州's line cut: what it must know goes there on a stick, and its answers come back on one.

use bytes::Bytes;
use proto::v1::{CarriedOutcome, Transport};

use super::*;
use crate::world::drafts::bulletin;

/// What a desk says of a bundle: id and outcome of each message.
fn outcomes(taken: &v1::ImportBundleResponse) -> Vec<(MessageId, CarriedOutcome)> {
    taken.messages.iter().map(|line| (id_of(&line.message_id), line.outcome())).collect()
}

fn all(ids: &[MessageId], outcome: CarriedOutcome) -> Vec<(MessageId, CarriedOutcome)> {
    ids.iter().map(|id| (*id, outcome)).collect()
}

impl Story {
    /// Sends while the line of a recipient is cut: the broker takes charge, and keeps what it cannot hand over.
    async fn leave(&mut self, from: &'static str, paper: Paper) -> MessageId {
        let id = id_of(&Box::pin(self.world.desk(from).send(paper.0)).await.unwrap().message_id);
        self.world.agent(from).accepted(id).await;
        id
    }

    /// Sends with the own line cut: queued here, not accepted.
    async fn queue(&self, from: &str, paper: Paper) -> MessageId {
        let answer = Box::pin(self.world.desk(from).send(paper.0)).await.unwrap();
        assert!(!answer.link_up);
        id_of(&answer.message_id)
    }

    /// The request again, with another revision.
    async fn changes(&mut self, before: MessageId) -> MessageId {
        let changed = papers::resource_request(self.now()).follows(before);
        self.leave(LY, changed.header(|header| header.action = v1::Action::Update.into())).await
    }

    async fn export(&self, from: &str, to: &str) -> Vec<u8> {
        self.world.desk(from).export(to).await.unwrap()
    }

    async fn import(&self, at: &str, file: &[u8]) -> v1::ImportBundleResponse {
        Box::pin(self.world.desk(at).import(file)).await.unwrap()
    }

    fn stage_at(&self, from: &str, id: MessageId, recipient: &str) -> v1::Stage {
        let states = self.states(from, id);
        states.into_iter().find(|(one, _)| one == recipient).unwrap().1
    }

    fn statements(&self, at: &str, id: MessageId) -> Vec<v1::ReceiptStatement> {
        let receipts = self.world.agent(at).inside().receipts(id).unwrap();
        receipts.into_iter().map(|receipt| v1::ReceiptStatement::decode(receipt.statement).unwrap()).collect()
    }

    /// Report, warning, joint action, and a request for aid: 徐州 gets none of them over its line.
    async fn tells_an_island(&mut self) -> [MessageId; 4] {
        self.minutes(5);
        self.world.agent(XZ).cut().await;
        self.minutes(4);
        let report = self.leave(LY, papers::first_report(self.now(), 5_000)).await;
        self.minutes(1);
        let warning = self.leave(LY, papers::alert(self.now(), v1::AlertAction::Issue)).await;
        self.minutes(5);
        let action = self.leave(LY, papers::action_request(self.now())).await;
        self.minutes(3);
        let aid = self.leave(LY, papers::resource_request(self.now())).await;
        self.minutes(22);
        // the most urgent first, then in the order in which they were written
        [warning, report, action, aid]
    }

    /// Everybody reads, acknowledges and answers on the island.
    async fn answers_on_the_island(&mut self, [_, report, action, aid]: [MessageId; 4]) -> [MessageId; 2] {
        for id in [report, action, aid] {
            self.world.desk(XZ).open(&bytes_of(id), officer()).await.unwrap();
            self.world.desk(XZ).acknowledge(&bytes_of(id), officer()).await.unwrap();
        }
        let offer = self.queue(XZ, papers::resource_offer(self.now(), aid, true)).await;
        let response = papers::action_response(self.now(), action, v1::ActionAnswer::Agree);
        let response = self.queue(XZ, response.answer(v1::Answer::Definite)).await;
        for id in [offer, response] {
            assert!(!self.world.agent(XZ).inside().summary(id).unwrap().accepted, "queued, not yet accepted");
        }
        [offer, response]
    }

    /// How far a deadline of 徐州's is at 临沂's desk.
    fn deadline(&self, name: &str, about: MessageId) -> v1::DeadlineSeen {
        let ask = v1::DeadlinesRequest { all: true, jurisdiction: XZ.into(), ..Default::default() };
        let seen = self.world.agent(LY).inside().deadlines(&ask).unwrap().deadlines;
        let mut seen = seen.into_iter().filter(|one| one.name == name && id_of(&one.message_id) == about);
        let one = seen.next().unwrap_or_else(|| panic!("{name} about {about}"));
        assert!(seen.next().is_none());
        one
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_island_must_know_goes_there_on_a_stick_and_its_answers_come_back_on_one() {
    let mut story = Story::begins().await;
    let told = story.tells_an_island().await;

    // T+40: for 徐州 and nobody else
    let there = story.export(LY, XZ).await;

    // T+60: taken without any network
    story.minutes(20);
    let taken = story.import(XZ, &there).await;
    assert_eq!(outcomes(&taken), all(&told, CarriedOutcome::Taken));
    assert!(taken.index_sealed && !taken.cut_short && taken.missing.is_empty());
    assert_eq!(taken.handed_up, 0, "the broker has all of it");
    assert_eq!(story.world.agent(XZ).inbox(), told);
    let proof = &story.statements(XZ, told[1])[0];
    assert_eq!((proof.stage(), proof.transport()), (Delivered, Transport::Carried));
    let again = story.import(XZ, &there).await;
    assert_eq!(outcomes(&again), all(&told, CarriedOutcome::Known));
    assert_eq!((story.world.agent(XZ).inbox(), story.statements(XZ, told[1]).len()), (told.to_vec(), 1));
    let answers = story.answers_on_the_island(told).await;

    // T+78: the request changes; the broker replaces what it could not hand over
    story.minutes(18);
    let second = story.changes(told[3]).await;
    story.world.agent(LY).stage(told[3], XZ, v1::Stage::Recalled).await;

    // T+90: the return bundle
    story.minutes(12);
    let back = story.export(XZ, LY).await;
    let taken = story.import(LY, &back).await;
    let mut brought = outcomes(&taken);
    brought.sort_unstable();
    assert_eq!(brought, sorted(all(&answers, CarriedOutcome::Taken)));
    assert_eq!((taken.receipts_refused, taken.handed_up), (0, 2));
    assert_eq!(taken.receipts_taken, 4 + 3 + 3, "of delivery, of opening, and 签收 of three");
    for id in &told[1..3] {
        assert_eq!(story.stage_at(LY, *id, XZ), Acknowledged);
    }
    assert_eq!(story.stage_at(LY, told[3], XZ), Acknowledged, "whom it reached, it was not taken back from");
    story.broker_has_it_too(told, answers).await;
    let d10 = story.deadline("D10", told[3]);
    assert_eq!(d10.standing(), v1::DeadlineStanding::Met);

    // T+110: it changes once more
    story.minutes(20);
    let third = story.changes(second).await;
    story.world.agent(LY).stage(second, XZ, v1::Stage::Recalled).await;

    // T+365: the line is mended
    story.minutes(255);
    story.world.agent(XZ).mend().await;
    let inbox = story.world.agent(XZ).has_received(5).await;
    assert_eq!(inbox, [told[0], told[1], told[2], told[3], third], "nothing twice, and the newest revision last");
    assert_eq!(story.stamp(XZ, third).skipped, [bytes_of(second)], "the first had come on the stick");
    for id in answers {
        story.world.agent(XZ).accepted(id).await;
        story.world.agent(XZ).stage(id, LY, Delivered).await;
        let copies = story.world.agent(LY).inbox().into_iter().filter(|one| *one == id).count();
        assert_eq!(copies, 1);
    }
    for city in [LY, XZ] {
        let what = format!("nothing of {city} waits");
        story
            .world
            .agent(city)
            .until(&what, |desk| (desk.engine.read(|fold, _| fold.agent().queued) == 0).then_some(()))
            .await;
    }
    story.ends().await;
}

impl Story {
    /// 临沂 hands up receipts and replies: the broker knows what 徐州 did, and takes charge of what 徐州 wrote.
    async fn broker_has_it_too(&self, told: [MessageId; 4], answers: [MessageId; 2]) {
        for id in answers {
            let stamp = self.stamped_at_broker(id).await;
            assert_eq!(stamp.deliveries.iter().filter(|delivery| delivery.jurisdiction == LY).count(), 1);
        }
        let handed_up = |desk: &agent::desk::Desk| (desk.engine.read(|fold, _| fold.agent().queued) == 0).then_some(());
        self.world.agent(LY).until("what was carried is handed up", handed_up).await;
        for id in told {
            let what = format!("the broker knows of {id} at {XZ}");
            let proofs = || {
                let row = self.world.relay().engine.read(|_, rows| broker::relay::fold::message(rows, id)).unwrap();
                let (row, _) = row.unwrap();
                let delivery = row.deliveries.into_iter().find(|delivery| delivery.jurisdiction == XZ).unwrap();
                let stage = v1::Stage::try_from(i32::try_from(delivery.stage).unwrap()).unwrap();
                let wanted = if id == told[0] { Delivered } else { Acknowledged };
                (stage >= wanted).then_some(delivery.overtaken)
            };
            let overtaken = self.world.at_broker(&what, |_| proofs()).await;
            let was_recalled = overtaken == u32::try_from(i32::from(v1::Stage::Recalled)).unwrap();
            assert_eq!(was_recalled, id == told[3], "the recall stays as history");
        }
    }

    async fn stamped_at_broker(&self, id: MessageId) -> v1::Stamp {
        let known = |relay: &broker::relay::Relay| {
            relay.engine.read(|_, rows| broker::relay::fold::message(rows, id)).unwrap().map(|(row, _)| row)
        };
        let row = self.world.at_broker(&format!("{id} is accepted"), known).await;
        assert!(row.carried && row.sender == XZ, "under its own seal, carried");
        broker::relay::accept::stamp(&row)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_stick_costs_what_is_damaged_and_a_stranger_s_stick_costs_nothing() {
    let mut story = Story::begins().await;
    story.world.agent(XZ).cut().await;
    let paper = |title| Paper(bulletin(&[XZ], v1::Precedence::Priority, title));
    let (spoilt, good) = (story.leave(LY, paper("甲路中断")).await, story.leave(LY, paper("乙桥限行")).await);
    let file = story.export(LY, XZ).await;
    let place = |words: &str| file.windows(words.len()).position(|window| window == words.as_bytes()).unwrap();

    // one byte of one message
    let mut damaged = file.clone();
    damaged[place("甲路中断")] ^= 1;
    let taken = story.import(XZ, &damaged).await;
    assert_eq!(outcomes(&taken), [(spoilt, CarriedOutcome::Refused), (good, CarriedOutcome::Taken)]);
    assert_eq!((&*taken.messages[0].reason, &*taken.messages[0].rule), ("LD205_BAD_SEAL", "seal.verify"));
    let records = story.world.agent(XZ).refusals();
    assert_eq!(records.iter().map(|kept| &*kept.reason).collect::<Vec<_>>(), ["LD205_BAD_SEAL"]);
    assert_eq!((&*records[0].source, &*records[0].claimed), ("bundle 371300", LY));

    // a file that ends early
    let taken = story.import(XZ, &file[..place("乙桥限行")]).await;
    assert_eq!(
        outcomes(&taken),
        [(spoilt, CarriedOutcome::Taken)],
        "the id of a forgery is not spoilt for the genuine one"
    );
    assert!(taken.cut_short && taken.missing == [bytes_of(good)]);

    // an index that is not its author's costs the certainty that all is there, and nothing else
    let mut other_index = file.clone();
    other_index[place(LY)] ^= 1;
    let taken = story.import(XZ, &other_index).await;
    assert!(!taken.index_sealed);
    assert_eq!(outcomes(&taken), all(&[spoilt, good], CarriedOutcome::Known));

    // somebody else's
    let elsewhere = story.world.desk(LYG).import(&file).await.unwrap_err();
    assert_eq!(reason(&elsewhere), "LD501_UNROUTABLE");
    for no_bundle in [&b"PK\x03\x04"[..], b""] {
        assert_eq!(reason(&story.world.desk(XZ).import(no_bundle).await.unwrap_err()), "LD201_BAD_SCHEMA");
    }
    assert!(story.world.agent(LYG).inbox().is_empty());
    for nobody in [LY, "broker", "999999"] {
        assert!(story.world.desk(LY).export(nobody).await.is_err());
    }
    story.world.agent(XZ).mend().await;
    story.world.agent(LY).stage(good, XZ, Delivered).await;
    assert_eq!(story.world.agent(XZ).inbox(), [good, spoilt]);
    story.ends().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_attachment_travels_with_its_message_and_reaches_the_broker_from_the_other_side() {
    let story = Story::begins().await;
    story.world.agent(XZ).cut().await;
    let picture = Bytes::from(vec![7; 200_000]);
    let stored = story.world.desk(XZ).put_blob(picture.clone()).await.unwrap();
    let mut draft = bulletin(&[LY], v1::Precedence::Priority, "现场照片");
    draft.header.get_or_insert_default().attachments = vec![v1::Attachment {
        name: "现场.jpg".into(),
        mime: "image/jpeg".into(),
        bytes: stored.bytes,
        sha256: stored.sha256.clone(),
        placement: v1::Placement::Blob.into(),
    }];
    let id = story.queue(XZ, Paper(draft)).await;

    let file = story.export(XZ, LY).await;
    story.world.agent(LY).cut().await;
    let taken = story.import(LY, &file).await;

    assert_eq!((outcomes(&taken), taken.files, taken.handed_up), (all(&[id], CarriedOutcome::Taken), 1, 1));
    assert_eq!(story.world.desk(LY).get_blob(&stored.sha256).await.unwrap(), picture, "with the link down");
    story.world.agent(LY).mend().await;
    story.stamped_at_broker(id).await;
    let digest = model::ids::Digest(stored.sha256.as_ref().try_into().unwrap());
    assert_eq!(story.world.relay().blobs.read(digest, 0, 1 << 20).unwrap().0, picture);
    story.ends().await;
}
