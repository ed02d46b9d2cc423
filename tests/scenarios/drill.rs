//! Drills: exercise traffic passes inside a live drill and between its participants, and gives way to what is real.

use std::time::Duration;

use proto::v1;
use proto::v1::{DrillControlVerb as Verb, Stage};

use crate::world::bare::{Bare, header_of};
use crate::world::drafts::{following, lawful};
use crate::world::live::{World, id_of};
use crate::world::region::{LY, LYG, Lands, RZ, XZ};

const DRILL: &str = "371300-DR-2027-01";

/// LY, XZ and LYG may drill; RZ is no participant.
struct Drill {
    world: World,
    ly: Bare,
    xz: Bare,
    rz: Bare,
}

impl Drill {
    async fn prepare() -> Self {
        let world = World::without_agents(&[LY, XZ, LYG, RZ], Lands::Unknown).await;
        let (ly, xz, rz) = (world.bare(LY), world.bare(XZ), world.bare(RZ));
        Self { world, ly, xz, rz }
    }

    async fn order(&self, from: &Bare, to: &[&str], control: Verb) {
        let drill = v1::DrillRef { drill_id: DRILL.into(), control: control.into() };
        let order = v1::Header { drill: Some(drill), ..lawful(v1::Kind::DrillControl, to) };
        self.takes(from, &from.of_kind(order)).await;
    }

    /// A report of the exercise.
    fn report(from: &Bare, to: &[&str]) -> v1::Envelope {
        from.of_kind(exercise(lawful(v1::Kind::IncidentReport, to)))
    }

    async fn takes(&self, from: &Bare, envelope: &v1::Envelope) {
        from.submit(self.world.broker_address(), envelope.clone()).await.unwrap();
    }

    async fn refuses(&self, from: &Bare, envelope: v1::Envelope, reason: &str) {
        assert_eq!(from.refused(self.world.broker_address(), envelope).await.0, reason);
    }

    async fn end(self) {
        drop((self.ly, self.xz, self.rz));
        self.world.end().await;
    }
}

fn exercise(header: v1::Header) -> v1::Header {
    let drill = Some(v1::DrillRef { drill_id: DRILL.into(), control: 0 });
    v1::Header { status: v1::Status::Exercise.into(), drill, ..header }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_drill_is_live_from_startex_to_a_day_after_endex_and_between_its_participants_only() {
    let drill = Drill::prepare().await;
    drill.refuses(&drill.xz, Drill::report(&drill.xz, &[LY]), "LD307_DRILL_NOT_LIVE").await;

    drill.order(&drill.ly, &[XZ, LYG], Verb::Startex).await;
    drill.takes(&drill.xz, &Drill::report(&drill.xz, &[LY, LYG])).await;
    drill.refuses(&drill.rz, Drill::report(&drill.rz, &[LY]), "LD307_DRILL_NOT_LIVE").await;
    drill.refuses(&drill.xz, Drill::report(&drill.xz, &[LY, RZ]), "LD307_DRILL_NOT_LIVE").await;

    drill.order(&drill.ly, &[XZ, LYG], Verb::Endex).await;
    drill.world.clock.advance(Duration::from_hours(24));
    drill.takes(&drill.xz, &Drill::report(&drill.xz, &[LY])).await;
    drill.world.clock.advance(Duration::from_secs(1));
    drill.refuses(&drill.xz, Drill::report(&drill.xz, &[LY]), "LD307_DRILL_NOT_LIVE").await;
    drill.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_takes_no_part_cannot_end_a_drill() {
    let drill = Drill::prepare().await;
    drill.order(&drill.ly, &[XZ, LYG], Verb::Startex).await;

    drill.order(&drill.rz, &[LY], Verb::AbortRealEmergency).await;

    drill.takes(&drill.xz, &Drill::report(&drill.xz, &[LY])).await;
    drill.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn real_and_exercise_never_refer_to_each_other() {
    let drill = Drill::prepare().await;
    drill.order(&drill.ly, &[XZ, LYG], Verb::Startex).await;
    let request = || lawful(v1::Kind::ResourceRequest, &[XZ]);
    let played = drill.ly.of_kind(exercise(request()));
    let real = drill.ly.of_kind(request());
    drill.takes(&drill.ly, &played).await;
    drill.takes(&drill.ly, &real).await;
    let answer =
        |to: &v1::Envelope| following(lawful(v1::Kind::ResourceOffer, &[LY]), v1::Action::Reply, &header_of(to));

    drill.refuses(&drill.xz, drill.xz.of_kind(answer(&played)), "LD308_STATUS_MIX").await;
    drill.refuses(&drill.xz, drill.xz.of_kind(exercise(answer(&real))), "LD308_STATUS_MIX").await;
    drill.takes(&drill.xz, &drill.xz.of_kind(exercise(answer(&played)))).await;
    drill.takes(&drill.xz, &drill.xz.of_kind(answer(&real))).await;
    drill.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_real_comes_before_what_is_played_of_the_same_precedence() {
    let drill = Drill::prepare().await;
    drill.order(&drill.ly, &[XZ, LYG], Verb::Startex).await;
    let mut played = Vec::new();
    for _ in 0..5 {
        let report = Drill::report(&drill.xz, &[LYG]);
        drill.takes(&drill.xz, &report).await;
        played.push(report);
    }
    let real = drill.xz.of_kind(lawful(v1::Kind::IncidentReport, &[LYG]));
    drill.takes(&drill.xz, &real).await;

    let lyg = drill.world.bare(LYG);
    let mut session = lyg.session(drill.world.broker_address()).await.unwrap();
    let handed = session.take(7).await.unwrap();

    let ids: Vec<_> = handed.iter().map(|one| header_of(one.envelope.as_ref().unwrap()).message_id).collect();
    let id = |envelope| header_of(envelope).message_id;
    assert_eq!(ids[1], id(&real), "after STARTEX, which is FLASH");
    assert_eq!(ids[2..], played.iter().map(id).collect::<Vec<_>>());
    drop(session);
    drill.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_real_emergency_aborts_the_drill_and_takes_back_what_of_it_still_waits() {
    let mut drill = Drill::prepare().await;
    drill.order(&drill.ly, &[XZ, LYG], Verb::Startex).await;
    let mut line = drill.xz.session(drill.world.broker_address()).await.unwrap();
    let handed = line.take(1).await.unwrap();
    line.confirm(&handed).await.unwrap();
    let played = Drill::report(&drill.xz, &[LYG]);
    let real = drill.xz.of_kind(lawful(v1::Kind::IncidentReport, &[LYG]));
    line.submit(vec![played.clone(), real.clone()]).await.unwrap();

    drill.order(&drill.xz, &[LY, LYG], Verb::AbortRealEmergency).await;

    let mut told = Vec::new();
    while told.is_empty() {
        told.extend(line.receipts().await.unwrap());
    }
    assert_eq!(told[0].message_id, header_of(&played).message_id);
    assert_eq!((told[0].stage(), &*told[0].reason), (Stage::Recalled, "DRILL_ABORTED"));
    drill.refuses(&drill.ly, Drill::report(&drill.ly, &[XZ]), "LD307_DRILL_NOT_LIVE").await;
    drop(line);
    drill.world.start_agent(LYG).await;
    let lyg = drill.world.agent(LYG);
    let real = id_of(&header_of(&real).message_id);
    let inbox = lyg.has_received(3).await;
    assert_eq!(inbox.iter().filter(|id| **id == real).count(), 1, "what is real is untouched");
    assert!(!inbox.contains(&id_of(&header_of(&played).message_id)));
    drill.end().await;
}
