//! A flood on the Yi and Shu: warned of by polygon, raised to red, a sluice asked of the city upstream, two cities that
//! count differently, and a warning that ends by itself.

use std::time::Duration;

use bytes::Bytes;
use model::ids::MessageId;
use proto::border::time::to_wire;
use proto::v1;
use proto::v1::Stage;

use crate::world::bare::header_of;
use crate::world::drafts::{INCIDENT, following, lawful, officer, point, polygon};
use crate::world::live::World;
use crate::world::papers::{Paper, paper};
use crate::world::region::{LY, LYG, Lands, RZ, XZ};

mod cap;

const CITIES: [&str; 4] = [LY, XZ, LYG, RZ];
/// 沂河、沭河 below the reservoirs.
const REACHES: [(f64, f64); 5] = [(34.40, 118.15), (34.40, 118.60), (34.75, 118.60), (34.75, 118.15), (34.40, 118.15)];

/// The region on that day.
struct Flood(World);

impl Flood {
    async fn begins() -> Self {
        let mut world = World::without_agents(&CITIES, Lands::Known).await;
        for city in CITIES {
            world.start_agent(city).await;
        }
        for city in CITIES {
            world.agent(city).linked().await;
        }
        Self(world)
    }

    fn minutes(&self, minutes: u64) {
        self.0.clock.advance(Duration::from_mins(minutes));
    }

    /// Sends, and waits until each of those whom the broker stamped it for has it.
    async fn send(&self, from: &str, paper: Paper) -> (MessageId, v1::Stamp) {
        let id = self.0.agent(from).send(paper.0).await;
        let stamp = self.0.agent(from).accepted(id).await;
        for delivery in &stamp.deliveries {
            self.0.agent(from).stage(id, &delivery.jurisdiction, Stage::Delivered).await;
        }
        (id, stamp)
    }

    async fn refuses(&self, from: &str, paper: Paper) -> String {
        self.0.agent(from).inside().send(paper.0).await.unwrap_err().reason.code().to_owned()
    }

    async fn acknowledge(&self, at: &str, from: &str, id: MessageId) {
        self.0.desk(at).acknowledge(&bytes_of(id), officer()).await.unwrap();
        self.0.agent(from).stage(id, at, Stage::Acknowledged).await;
    }

    /// A warning for the reaches, for so many hours.
    fn warning(&self, action: v1::AlertAction, colour: v1::WarningLevel, hours: u64) -> Paper {
        let now = self.0.clock.now();
        let paper = paper!(Alert, now, |body| {
            (body.alert_action, body.color) = (action.into(), colour.into());
            body.expires = Some(to_wire(now.plus(Duration::from_hours(hours))));
            body.cn_identifier.clear();
            let points = REACHES.iter().map(|(lat, lon)| point(*lat, *lon)).collect();
            let area = v1::CapArea { polygons: vec![v1::CapPolygon { points }], ..body.areas[0].clone() };
            body.areas = vec![v1::CapArea { circles: Vec::new(), ..area }];
        });
        let paper = paper.header(|header| {
            header.warning_level = colour.into();
            header.category = v1::Category::Natural.into();
            header.incident_id = INCIDENT.into();
            header.event_level = v1::EventLevel::L3.into();
            header.precedence = 0;
            header.expires_at = Some(to_wire(now.plus(Duration::from_hours(hours))));
        });
        paper.at(polygon(&REACHES))
    }

    /// What the bridge cost, as one city counts.
    fn situation(&self, number: u32, missing: u32, as_of_min_ago: u64, to: &str) -> Paper {
        let now = self.0.clock.now();
        let as_of = Some(to_wire(now.minus(Duration::from_mins(as_of_min_ago))));
        let known = |count| Some(v1::Count { count: Some(count), certainty: v1::Certainty::Confirmed.into(), as_of });
        let paper = paper!(SituationReport, now, |body| {
            body.report_number = number;
            let pattern = body.casualties[0].clone();
            let counts = v1::Casualties { dead: known(0), missing: known(missing), ..pattern.counts.unwrap() };
            body.casualties =
                vec![v1::PlaceCasualties { name: "沂河大桥".into(), counts: Some(counts), ..pattern }];
        });
        paper.to(&[to])
    }

    /// What a desk is asked to look into, open or not.
    async fn discrepancies(&self, city: &str) -> Vec<v1::TaskSeen> {
        let tasks = self.0.desk(city).all_tasks().await.unwrap();
        tasks.into_iter().filter(|task| task.kind == "DISCREPANCY").collect()
    }

    fn state(&self, at: &str, id: MessageId) -> String {
        self.0.agent(at).inside().matter(id).unwrap().state.unwrap().name
    }

    fn minutes_between(from: Option<prost_types::Timestamp>, to: Option<prost_types::Timestamp>) -> i64 {
        (to.unwrap().seconds - from.unwrap().seconds) / 60
    }
}

fn bytes_of(id: MessageId) -> Bytes {
    Bytes::copy_from_slice(&id.0)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_warning_by_polygon_is_raised_to_red_and_ends_by_itself() {
    use v1::{AlertAction, WarningLevel};
    let flood = Flood::begins().await;

    let (yellow, stamp) = flood.send(LY, flood.warning(AlertAction::Issue, WarningLevel::Yellow, 12)).await;
    let reached: Vec<&str> = stamp.deliveries.iter().map(|delivery| &*delivery.jurisdiction).collect();
    assert_eq!(reached, [XZ, LYG], "no city that it does not touch");
    assert_eq!(stamp.touched, [XZ, LYG, LY]);
    assert_eq!(Flood::minutes_between(stamp.accepted_at, stamp.ack_by), 15);
    flood.minutes(15);
    for city in [XZ, LYG] {
        flood.acknowledge(city, LY, yellow).await;
    }

    flood.minutes(105);
    let raised = flood.warning(AlertAction::Upgrade, WarningLevel::Red, 28).follows(yellow);
    let (red, stamp) = flood.send(LY, raised).await;
    assert_eq!(stamp.carried_as(), v1::Precedence::Flash);
    assert_eq!(Flood::minutes_between(stamp.accepted_at, stamp.ack_by), 3);
    assert_eq!(flood.0.agent(XZ).inbox(), [yellow, red], "both were delivered, both stay");
    flood.minutes(2);
    for city in [XZ, LYG] {
        flood.acknowledge(city, LY, red).await;
        assert_eq!(flood.state(city, yellow), "UPDATED");
    }
    flood.a_forged_step_changes_nothing(yellow, red).await;

    flood.minutes(26 * 60 - 3);
    assert_eq!(flood.state(XZ, red), "UPDATED", "to its last minute");
    flood.minutes(122);
    for city in [LY, XZ, LYG] {
        assert_eq!(flood.state(city, red), "EXPIRED");
    }
    let late = flood.warning(AlertAction::Update, WarningLevel::Red, 2).follows(red);
    assert_eq!(flood.refuses(LY, late).await, "LD306_THREAD_CLOSED");
    flood.send(LY, flood.warning(AlertAction::Issue, WarningLevel::Blue, 2)).await;
    flood.0.end().await;
}

impl Flood {
    /// A second revision 2 and an update by another city: the broker takes neither.
    async fn a_forged_step_changes_nothing(&self, yellow: MessageId, red: MessageId) {
        let shown = self.0.agent(LY).inside().show(yellow).unwrap();
        let first = shown.content.unwrap().header.unwrap();
        let alert = || v1::Header {
            warning_level: v1::WarningLevel::Red.into(),
            precedence: v1::Precedence::Flash.into(),
            ..lawful(v1::Kind::Alert, &[XZ])
        };
        let by = |city: &str| {
            let bare = self.0.bare(city);
            let forged = bare.of_kind(following(alert(), v1::Action::Update, &first));
            (bare, forged)
        };
        let (ly, again) = by(LY);
        assert_eq!(header_of(&again).revision, 2);
        let refused = ly.submit(self.0.broker_address(), again).await.unwrap_err();
        assert_eq!(refused, "LD304_CONFLICT_REVISION");
        let (rz, foreign) = by(RZ);
        let refused = rz.submit(self.0.broker_address(), foreign).await.unwrap_err();
        assert_eq!(refused, "LD305_NOT_AUTHOR");
        assert_eq!(self.0.agent(XZ).inbox(), [yellow, red]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_city_downstream_asks_for_the_sluices_and_is_answered_with_changes() {
    let flood = Flood::begins().await;
    let request = paper!(ActionRequest, flood.0.clock.now(), |body| {
        let pattern = body.actions[0].clone();
        let asked = [v1::ActionType::UpstreamGate, v1::ActionType::Monitor];
        let action = |(action_no, r#type): (u32, v1::ActionType)| v1::RequestedAction {
            action_no,
            r#type: r#type.into(),
            effect_wanted: "港上站流量不超过 1,500 m³/s".into(),
            ..pattern.clone()
        };
        body.actions = (1..).zip(asked).map(action).collect();
    });
    let request = request.level(v1::EventLevel::L2).to(&[LY]);
    let (asked, stamp) = flood.send(XZ, request).await;
    assert_eq!(Flood::minutes_between(stamp.accepted_at, stamp.reply_by), 60, "D15 at L2");
    flood.minutes(2);
    flood.acknowledge(LY, XZ, asked).await;

    flood.minutes(38);
    let response = paper!(ActionResponse, flood.0.clock.now(), |body| {
        let pattern = body.decisions[0].clone();
        let decide = |(action_no, answer): (u32, v1::ActionAnswer)| v1::ActionDecision {
            action_no,
            answer: answer.into(),
            details: "不超过 1,800 m³/s".into(),
            ..pattern.clone()
        };
        body.decisions = [(1, v1::ActionAnswer::AgreeWithChanges), (2, v1::ActionAnswer::Agree)].map(decide).into();
    });
    flood.send(LY, response.follows(asked).answer(v1::Answer::Definite).to(&[XZ])).await;

    let matter = flood.0.agent(XZ).inside().matter(asked).unwrap();
    let states: Vec<String> = matter.parts.iter().map(|part| part.state.as_ref().unwrap().name.clone()).collect();
    assert_eq!(states, ["CHANGED", "AGREED"]);
    let d15 = matter.deadlines.iter().find(|one| one.name == "D15").unwrap();
    assert_eq!(d15.standing(), v1::DeadlineStanding::Met);
    flood.0.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_cities_that_count_differently_are_told_until_one_corrects() {
    let flood = Flood::begins().await;
    let (first, _) = flood.send(LY, flood.situation(1, 2, 30, XZ)).await;
    for city in [LY, XZ] {
        assert_eq!(flood.discrepancies(city).await, [], "one count contradicts nobody");
    }
    flood.send(XZ, flood.situation(1, 4, 20, LY)).await;

    let told = [(LY, XZ, "371300 2", "320300 4"), (XZ, LY, "320300 4", "371300 2")];
    for (city, with, ours, theirs) in told {
        let tasks = flood.discrepancies(city).await;
        let [task] = tasks.as_slice() else { panic!("{tasks:?}") };
        assert_eq!((&*task.jurisdiction, task.closed_at.is_none()), (with, true));
        let said = format!("沂河大桥 下落不明 MISSING: {ours} (");
        assert!(task.detail.starts_with(&said) && task.detail.contains(&format!("/ {theirs} (")), "{}", task.detail);
    }

    flood.minutes(60);
    let mut corrected = flood.situation(1, 4, 5, XZ);
    if let v1::body::Body::SituationReport(body) = corrected.body() {
        body.correction_reason = "又有两人家属报告失联".into();
    }
    let (corrected, _) = flood.send(LY, corrected.follows(first)).await;
    for city in [LY, XZ] {
        let tasks = flood.discrepancies(city).await;
        assert!(tasks.len() == 1 && tasks[0].closed_at.is_some(), "{tasks:?}");
        let shown = flood.0.desk(city).show(&bytes_of(first)).await.unwrap().content.unwrap().body.unwrap();
        let Some(v1::body::Body::SituationReport(old)) = shown.body else { panic!("a situation report") };
        let old = old.casualties[0].counts.as_ref().unwrap().missing.as_ref().unwrap().count;
        assert_eq!(old, Some(2), "what was said stays to be read");
    }

    flood.minutes(660);
    flood.send(LY, flood.situation(2, 4, 5, XZ)).await;
    flood.send(XZ, flood.situation(2, 4, 3, LY)).await;
    for city in [LY, XZ] {
        assert_eq!(flood.discrepancies(city).await.len(), 1, "nothing new while the figures agree");
        assert_eq!(flood.state(city, corrected), "FOLLOWED");
    }
    flood.0.end().await;
}
