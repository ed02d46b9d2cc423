//! The whole of an accident at the border, in real papers: a chlorine tanker overturns in 临沂, 徐州 and 连云港 are
//! told, asked, ordered and released, and both provinces read along.

use std::time::Duration;

use bytes::Bytes;
use model::ids::MessageId;
use model::time::Timestamp;
use prost::Message as _;
use proto::v1;
use proto::v1::Stage::{Accepted, Acknowledged, Answered, Delivered, Opened, WillAnswer};

use crate::world::bare::reason;
use crate::world::drafts::{INCIDENT, officer};
use crate::world::live::{World, id_of};
use crate::world::papers::Paper;
use crate::world::region::{JS, LY, LYG, Lands, SD, XZ};

mod carried;
pub mod papers;

const CITIES: [&str; 3] = [LY, XZ, LYG];

/// The region on that morning.
struct Story {
    world: World,
    /// Who sent what, in the order of the day.
    sent: Vec<(&'static str, MessageId)>,
}

impl Story {
    async fn begins() -> Self {
        let cast = [LY, XZ, LYG, SD, JS];
        let mut world = World::without_agents(&cast, Lands::Known).await;
        for city in cast {
            world.start_agent(city).await;
        }
        for city in cast {
            world.agent(city).linked().await;
        }
        Self { world, sent: Vec::new() }
    }

    fn minutes(&self, minutes: u64) {
        self.world.clock.advance(Duration::from_mins(minutes));
    }

    fn now(&self) -> Timestamp {
        self.world.clock.now()
    }

    /// Sends from a city's desk and waits until everybody whom the broker stamped it for has it.
    async fn send(&mut self, from: &'static str, paper: Paper) -> MessageId {
        let answer = Box::pin(self.world.desk(from).send(paper.0)).await.unwrap();
        let id = id_of(&answer.message_id);
        let stamp = self.world.agent(from).accepted(id).await;
        for delivery in &stamp.deliveries {
            let what = format!("{} has {id}", delivery.jurisdiction);
            let receipts = || self.world.agent(from).receipts(id);
            let proof = (Delivered, delivery.jurisdiction.clone());
            self.world.agent(from).until(&what, |_| receipts().contains(&proof).then_some(())).await;
        }
        self.sent.push((from, id));
        id
    }

    /// A desk refuses a draft, and nothing leaves.
    async fn refuses(&self, from: &str, paper: Paper) -> String {
        let before = self.world.desk(from).list(true).await.unwrap().len();
        let refused = reason(&Box::pin(self.world.desk(from).send(paper.0)).await.unwrap_err());
        assert_eq!(self.world.desk(from).list(true).await.unwrap().len(), before);
        refused
    }

    fn stamp(&self, from: &str, id: MessageId) -> v1::Stamp {
        self.world.agent(from).inside().show(id).unwrap().stamp.unwrap()
    }

    /// A person opens and acknowledges 签收; the sender then has both proofs.
    async fn acknowledge(&self, at: &str, from: &str, id: MessageId) {
        self.open(at, from, id).await;
        self.world.desk(at).acknowledge(&bytes_of(id), officer()).await.unwrap();
        self.world.agent(from).stage(id, at, Acknowledged).await;
    }

    async fn open(&self, at: &str, from: &str, id: MessageId) {
        self.world.desk(at).open(&bytes_of(id), officer()).await.unwrap();
        self.world.agent(from).stage(id, at, Opened).await;
    }

    /// 研究中: an answer will come.
    async fn promise(&self, at: &str, from: &str, id: MessageId) {
        let promise = v1::AcknowledgeRequest {
            message_id: bytes_of(id),
            officer: Some(officer()),
            will_answer: true,
            note: "研究中".into(),
        };
        self.world.agent(at).inside().acknowledge(promise).await.unwrap();
        self.world.agent(from).stage(id, at, WillAnswer).await;
    }

    /// Who stands where with a message, as its sender knows.
    fn states(&self, from: &str, id: MessageId) -> Vec<(String, v1::Stage)> {
        let states = self.world.agent(from).inside().summary(id).unwrap().states;
        states.iter().map(|state| (state.jurisdiction.clone(), state.stage())).collect()
    }

    async fn ends(self) {
        self.world.end().await;
    }
}

fn bytes_of(id: MessageId) -> Bytes {
    Bytes::copy_from_slice(&id.0)
}

fn reached(stamp: &v1::Stamp) -> Vec<(&str, v1::DeliveryAs)> {
    stamp.deliveries.iter().map(|delivery| (&*delivery.jurisdiction, delivery.r#as())).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_report_to_a_circle_reaches_the_neighbours_copies_both_provinces_and_not_its_sender() {
    let mut story = Story::begins().await;
    story.minutes(9);

    let five_km = papers::first_report(story.now(), 5_000);
    let id = story.send(LY, five_km).await;
    let stamp = story.stamp(LY, id);
    assert_eq!(stamp.touched, [XZ, LYG, LY], "by id");
    let (to, cc) = (v1::DeliveryAs::To, v1::DeliveryAs::CcSuperior);
    assert_eq!(reached(&stamp), [(XZ, to), (LYG, to), (JS, cc), (SD, cc)]);
    assert!(story.world.agent(LY).inbox().is_empty());
    let shown = story.world.desk(XZ).show(&bytes_of(id)).await.unwrap().content.unwrap();
    let Some(v1::body::Body::IncidentReport(report)) = shown.body.unwrap().body else { panic!("a report") };
    assert_eq!(report.casualties.unwrap().dead, Some(papers::unknown()), "不明 is not 0");

    let three_km =
        papers::first_report(story.now(), 3_000).header(|header| header.incident_id = "371300-20270512-0002".into());
    let id = story.send(LY, three_km).await;
    assert_eq!(story.stamp(LY, id).touched, [XZ, LY]);
    story.ends().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_grave_report_that_nobody_else_signed_off_or_that_is_too_slow_never_leaves_the_desk() {
    let story = Story::begins().await;
    let report = || papers::first_report(story.now(), 5_000);

    let unsigned = report().header(|header| header.signed_off_by = None);
    assert_eq!(story.refuses(LY, unsigned).await, "LD403_SIGNOFF_MISSING");
    let by_the_drafter = report().header(|header| header.signed_off_by.as_mut().unwrap().name = officer().name);
    assert_eq!(story.refuses(LY, by_the_drafter).await, "LD403_SIGNOFF_MISSING");
    let routine = report().precedence(v1::Precedence::Routine);
    assert_eq!(story.refuses(LY, routine).await, "LD209_PRECEDENCE_FLOOR");

    assert_eq!(story.world.accepted_count(), 0);
    story.ends().await;
}

impl Story {
    /// 预警, orange: acknowledged by both neighbours, and both provinces have it.
    async fn reports_and_warns(&mut self) -> (MessageId, MessageId) {
        self.minutes(9);
        let report = self.send(LY, papers::first_report(self.now(), 5_000)).await;
        self.minutes(1);
        let warning = self.send(LY, papers::alert(self.now(), v1::AlertAction::Issue)).await;
        let stamp = self.stamp(LY, warning);
        let five = stamp.ack_by.unwrap().seconds - stamp.accepted_at.unwrap().seconds;
        assert_eq!(five, 5 * 60, "orange counts as L2");
        let file = self.world.agent(LY).inside().write_cap(warning).await.unwrap().file;
        let text = std::str::from_utf8(&file).unwrap();
        for said in ["<severity>Severe</severity>", "<value>Orange</value>", "<circle>34.45,118.36 5</circle>"] {
            assert!(text.contains(said), "{said} in {text}");
        }
        self.minutes(2);
        for id in [report, warning] {
            self.open(XZ, LY, id).await;
            assert_eq!(self.opened_by(LY, id), [officer()]);
        }
        self.minutes(1);
        for id in [report, warning] {
            self.acknowledge(XZ, LY, id).await;
            self.acknowledge(LYG, LY, id).await;
            let at = |city: &str, stage| (city.to_owned(), stage);
            let both = [at(XZ, Acknowledged), at(LYG, Acknowledged), at(JS, Delivered), at(SD, Delivered)];
            assert_eq!(sorted(self.states(LY, id)), sorted(both.into()));
        }
        assert_eq!(self.world.desk(LY).link().await.unwrap().unsettled, 0, "a province owes no more than delivery");
        (report, warning)
    }

    /// Who opened a message, as its sender can prove.
    fn opened_by(&self, from: &str, id: MessageId) -> Vec<v1::Officer> {
        let receipts = self.world.agent(from).inside().receipts(id).unwrap();
        let statements = receipts.into_iter().map(|receipt| v1::ReceiptStatement::decode(receipt.statement).unwrap());
        statements.filter(|statement| statement.stage() == Opened).filter_map(|statement| statement.officer).collect()
    }

    /// 联动: four actions on the neighbour's ground, one of which an authority must approve first.
    async fn asks_the_neighbour_to_act(&mut self) {
        let request = self.send(LY, papers::action_request(self.now())).await;
        let stamp = self.stamp(LY, request);
        assert_eq!(stamp.reply_by.unwrap().seconds - stamp.accepted_at.unwrap().seconds, 120 * 60, "D15 at L3");
        self.acknowledge(XZ, LY, request).await;
        self.promise(XZ, LY, request).await;
        self.minutes(14);
        let interim = papers::action_response(self.now(), request, v1::ActionAnswer::NeedApproval);
        let interim = self.send(XZ, interim.answer(v1::Answer::NeedApproval)).await;
        assert!(self.states(LY, request).contains(&(XZ.to_owned(), WillAnswer)), "an interim answer settles nothing");
        let early = papers::action_response(self.now(), request, v1::ActionAnswer::NeedApproval);
        assert_eq!(self.refuses(XZ, early.answer(v1::Answer::Definite)).await, "LD201_BAD_SCHEMA");
        self.minutes(27);
        let definite = papers::action_response(self.now(), interim, v1::ActionAnswer::Agree);
        let definite = self.send(XZ, definite.answer(v1::Answer::Definite)).await;
        self.world.agent(LY).stage(request, XZ, Answered).await;
        for action in 1..=4 {
            self.send(XZ, papers::action_status(self.now(), definite, action)).await;
        }
    }

    /// 增援: asked of both, offered by both, ordered, committed, on the way, and on site.
    async fn asks_for_aid(&mut self) -> [(&'static str, MessageId, &'static str); 2] {
        let request = self.send(LY, papers::resource_request(self.now())).await;
        let mut missions = [(XZ, request, "320300-20270512-M-01"), (LYG, request, "320700-20270512-M-01")];
        for (city, _, _) in missions {
            self.acknowledge(city, LY, request).await;
        }
        self.minutes(12);
        for (city, mission, mission_id) in &mut missions {
            let offer = self.send(city, papers::resource_offer(self.now(), request, *city == XZ)).await;
            self.world.agent(LY).stage(request, city, Answered).await;
            let order_id = format!("371300-20270512-O-{city}");
            let order = papers::resource_decision(self.now(), offer, *city == XZ, &order_id).to(&[city]);
            let order = self.send(LY, order).await;
            self.world.agent(city).stage(offer, LY, Answered).await;
            *mission = self.send(city, papers::commitment(self.now(), order, *city == XZ, mission_id, &order_id)).await;
            self.world.agent(LY).stage(order, city, Answered).await;
        }
        missions
    }

    /// 动态: written while 徐州's line is cut, so both wait together; neither takes the other's place.
    async fn reports_the_way(&mut self, city: &'static str, mission: MessageId, mission_id: &str) {
        self.world.agent(city).cut().await;
        let before = self.world.agent(LY).inbox().len();
        let mut ids = Vec::new();
        for step in [v1::ScheduleType::ActualDeparture, v1::ScheduleType::ActualArrival] {
            let paper = papers::milestone(self.now(), mission, mission_id, step);
            ids.push(id_of(&Box::pin(self.world.desk(city).send(paper.0)).await.unwrap().message_id));
        }
        self.world.agent(city).mend().await;
        for id in &ids {
            self.world.agent(city).stage(*id, LY, Delivered).await;
            self.sent.push((city, *id));
        }
        assert_eq!(self.world.agent(LY).inbox()[before..], ids);
    }

    /// 延期、归建、结算 of one mission.
    async fn brings_home(&mut self, city: &'static str, mission: MessageId, mission_id: &str) {
        let longer = self.send(LY, papers::extension(self.now(), mission, mission_id)).await;
        self.send(city, papers::extension_agreed(self.now(), longer, mission_id)).await;
        self.world.agent(LY).stage(longer, city, Answered).await;
        let release = self.send(LY, papers::release(self.now(), mission, mission_id)).await;
        self.send(city, papers::release_agreed(self.now(), release, mission_id)).await;
        self.world.agent(LY).stage(release, city, Answered).await;
        for step in [v1::ScheduleType::ActualReturnDeparture, v1::ScheduleType::ActualReturnArrival] {
            self.send(city, papers::milestone(self.now(), mission, mission_id, step)).await;
        }
        let claim = self.send(city, papers::cost_claim(self.now(), mission_id).follows(mission).to(&[LY])).await;
        let disputed = papers::cost_reply(self.now(), claim, mission_id, v1::CostAnswer::Disputed);
        self.send(LY, disputed.answer(v1::Answer::StillChecking)).await;
        let corrected = self.send(city, papers::cost_claim(self.now(), mission_id).follows(claim).to(&[LY])).await;
        self.send(LY, papers::cost_reply(self.now(), corrected, mission_id, v1::CostAnswer::Agreed)).await;
        self.world.agent(city).stage(corrected, LY, Answered).await;
        self.send(LY, papers::cost_reply(self.now(), corrected, mission_id, v1::CostAnswer::Paid)).await;
    }

    /// 续报, 解除, 终报.
    async fn ends_the_event(&mut self, report: MessageId, warning: MessageId) {
        let first = papers::follow_up(self.now(), report, 1, false).level(v1::EventLevel::L3);
        let first = self.send(LY, first).await;
        assert_eq!(self.states(LY, report).len(), 4, "the report before stands beside it");
        let graver = papers::follow_up(self.now(), first, 2, false).level(v1::EventLevel::L2);
        let second = self.send(LY, graver).await;
        let stamp = self.stamp(LY, second);
        assert_eq!(stamp.ack_by.unwrap().seconds - stamp.accepted_at.unwrap().seconds, 5 * 60, "D01 at L2");
        self.minutes(295);
        let cancel = papers::alert(self.now(), v1::AlertAction::Cancel).follows(warning);
        self.send(LY, cancel.header(|header| header.action = v1::Action::Cancel.into())).await;
        assert!(self.world.agent(XZ).inside().summary(warning).unwrap().recalled, "over, and kept");
        let resolved = papers::follow_up(self.now(), second, 3, true).level(v1::EventLevel::L2);
        let resolved = self.send(LY, resolved).await;
        self.minutes(600);
        let without_cause = papers::final_report(self.now(), resolved, "");
        assert_eq!(self.refuses(LY, without_cause).await, "LD202_MISSING_FIELD");
        self.send(LY, papers::final_report(self.now(), resolved, "避让前车时转向过急，安全阀撞击受损")).await;
    }

    /// What a desk shows of the event: the messages of all its threads, in the order in which they came there.
    fn told_at(&self, city: &str) -> Vec<MessageId> {
        let inside = self.world.agent(city).inside();
        let heads = v1::ThreadsRequest { incident_id: INCIDENT.into(), limit: 100, ..Default::default() };
        let mut messages = Vec::new();
        for newest in inside.threads(&heads).unwrap().messages {
            let thread = newest.header.unwrap().originating_message_id;
            let ask = v1::ThreadsRequest { originating_message_id: thread, ..Default::default() };
            let of_thread = inside.threads(&ask).unwrap().messages;
            assert!(of_thread.is_sorted_by_key(|message| message.cursor), "oldest first");
            messages.extend(of_thread);
        }
        messages.sort_by_key(|message| message.cursor);
        messages.into_iter().map(|message| id_of(&message.header.unwrap().message_id)).collect()
    }

    /// Each desk shows what it wrote and what it was sent, in one order; each message was accepted once and settled
    /// once for each recipient.
    async fn adds_up(&self) {
        for city in CITIES {
            let concerns =
                |from: &str, id| from == city || self.states(from, id).iter().any(|(recipient, _)| recipient == city);
            let expected = self.sent.iter().filter(|(from, id)| concerns(from, *id)).map(|(_, id)| *id);
            assert_eq!(self.told_at(city), expected.collect::<Vec<_>>(), "{city}");
        }
        for (from, id) in &self.sent {
            let mut proofs = self.world.agent(from).receipts(*id);
            let of = |stage| proofs.iter().filter(|(proved, _)| *proved == stage).count();
            assert_eq!(of(Accepted), 1);
            assert_eq!(of(Delivered), self.states(from, *id).len(), "{proofs:?}");
            let all = proofs.len();
            proofs.sort_unstable();
            proofs.dedup();
            assert_eq!(proofs.len(), all, "no stage of a recipient is proved twice");
        }
        for city in CITIES {
            assert_eq!(self.world.desk(city).link().await.unwrap().unsettled, 0, "{city}");
        }
        assert!(self.world.refusals().is_empty());
    }
}

fn sorted<T: Ord>(mut list: Vec<T>) -> Vec<T> {
    list.sort_unstable();
    list
}

#[tokio::test(flavor = "multi_thread")]
async fn from_first_report_to_settlement_every_paper_comes_once_and_every_desk_tells_one_story() {
    let mut story = Story::begins().await;

    let (report, warning) = story.reports_and_warns().await;
    story.asks_the_neighbour_to_act().await;
    let missions = story.asks_for_aid().await;
    for (city, mission, mission_id) in missions {
        story.reports_the_way(city, mission, mission_id).await;
    }
    story.ends_the_event(report, warning).await;
    for (city, mission, mission_id) in missions {
        story.brings_home(city, mission, mission_id).await;
    }

    story.adds_up().await;
    story.ends().await;
}
