//! The joint full-scale drill 沂沭郯新 2027, with a real emergency inside: invited, moved, planned, played, aborted and
//! reviewed, at the desks of its organiser, two participants and a city that takes no part. What the acceptance table asks
//! of screens is asked of desk and program here: there is no console. The table answers the drill's K11 after 41 minutes and
//! aborts it at E+41: the 41 minutes are scored in a drill that runs to its end.

use std::collections::BTreeSet;
use std::time::Duration;

use agent::formats::ics::write::{Invitation, Occasion};
use bytes::Bytes;
use model::ids::MessageId;
use model::invalid::Invalid;
use model::time::Timestamp;
use proto::v1;
use proto::v1::body::Body;
use proto::v1::{DrillControlVerb as Verb, Stage};

use crate::chlorine::papers::{commitment, resource_decision, resource_offer};
use crate::world::drafts::officer;
use crate::world::live::{MORNING, World};
use crate::world::papers::Paper;
use crate::world::region::{LY, LYG, Lands, RZ, XZ};

mod papers;
mod real;
mod review;
use papers::{DRILL, EARLIER, OFFSETS, OVERDUE, played};

const CAST: [&str; 4] = [LY, XZ, LYG, RZ];
const SIDES: [&str; 3] = [LY, XZ, LYG];
const DAY: Duration = Duration::from_hours(24);

/// E, as it was first announced: a Thursday.
fn first_start() -> Timestamp {
    MORNING.plus(DAY * 127)
}

/// E.
fn start() -> Timestamp {
    first_start().plus(DAY)
}

fn minutes(minutes: u64) -> Duration {
    Duration::from_mins(minutes)
}

fn bytes_of(id: MessageId) -> Bytes {
    Bytes::copy_from_slice(&id.0)
}

fn by(name: &str, role: v1::Role) -> v1::Officer {
    v1::Officer { name: name.into(), role: role.into() }
}

/// What a refusal says to a person: code and rule.
fn said(refused: &Invalid) -> (&str, &str) {
    (refused.reason.code(), &refused.rule)
}

/// The region around the drill.
struct Joint {
    world: World,
    invited: MessageId,
    /// What 连云港 had before its computer stood still.
    received_before: usize,
}

impl Joint {
    /// E−40 d, in the terms of its first announcement.
    async fn begins() -> Self {
        let mut world = World::without_agents(&CAST, Lands::Unknown).await;
        world.pass(first_start().minus(DAY * 40).since(world.clock.now())).await;
        let mut joint = Self { world, invited: MessageId([0; 16]), received_before: 0 };
        joint.desks_open().await;
        joint
    }

    async fn desks_open(&mut self) {
        for city in CAST {
            self.world.start_agent(city).await;
        }
        for city in CAST {
            self.world.agent(city).linked().await;
        }
    }

    fn now(&self) -> Timestamp {
        self.world.clock.now()
    }

    /// Time passes until then. What is longer than signed files live, programs are not asked to sit through.
    async fn until(&mut self, at: Timestamp) {
        let time = at.since(self.now());
        if time < DAY * 14 {
            return self.world.clock.advance(time);
        }
        for city in CAST {
            self.world.agent_mut(city).stop().await;
        }
        self.world.pass(time).await;
        self.desks_open().await;
    }

    /// Sends, and waits until each of those whom the broker stamped it for has it.
    async fn send(&self, from: &str, paper: Paper) -> MessageId {
        let agent = self.world.agent(from);
        let id = agent.send(paper.0).await;
        for delivery in agent.accepted(id).await.deliveries {
            agent.stage(id, &delivery.jurisdiction, Stage::Delivered).await;
        }
        id
    }

    /// The same, and everybody acknowledges it.
    async fn sends(&self, from: &str, paper: Paper) -> MessageId {
        let id = self.send(from, paper).await;
        for delivery in self.world.agent(from).accepted(id).await.deliveries {
            self.acknowledge(&delivery.jurisdiction, from, id).await;
        }
        id
    }

    async fn acknowledge(&self, at: &str, from: &str, id: MessageId) {
        self.world.desk(at).acknowledge(&bytes_of(id), officer()).await.unwrap();
        self.world.agent(from).stage(id, at, Stage::Acknowledged).await;
    }

    async fn refuses(&self, from: &str, paper: Paper) -> Invalid {
        self.world.agent(from).inside().send(paper.0).await.unwrap_err()
    }

    fn matter(&self, at: &str, id: MessageId) -> v1::MatterResponse {
        self.world.agent(at).inside().matter(id).unwrap()
    }

    /// Where the drill stands at a desk.
    fn stands(&self, at: &str) -> String {
        self.matter(at, self.invited).state.unwrap().name
    }

    fn score(&self, at: &str) -> v1::DrillScoreResponse {
        let ask = v1::DrillScoreRequest { drill_id: DRILL.into(), ..v1::DrillScoreRequest::default() };
        self.world.agent(at).inside().drill_score(&ask).unwrap()
    }

    /// Every deadline of a matter about the drill, as its organiser sees it: who, which, and where it stands.
    fn planned(&self) -> Vec<String> {
        let owed = self.matter(LY, self.invited).deadlines;
        let one = |seen: &v1::DeadlineSeen| format!("{} {} {:?}", seen.jurisdiction, seen.subject, seen.standing());
        owed.iter().map(one).collect()
    }

    /// E−40 d to E−35 d.
    async fn is_agreed(&mut self) {
        let first = papers::invitation(self.now(), 1, first_start());
        invites_calendars(&first.0);
        let first = self.sends(LY, first).await;
        self.invited = first;

        self.until(first_start().minus(DAY * 38)).await;
        self.sends(LYG, papers::counter(self.now(), first, start())).await;
        let parts = self.matter(LY, first).parts;
        let proposed = parts.iter().find(|part| part.name == LYG).unwrap();
        assert_eq!(proposed.state.as_ref().unwrap().name, "COUNTER");
        assert_eq!(proposed.detail, "2027-09-17 09:00 – 2027-09-17 17:00", "beside the date of the invitation");

        self.until(first_start().minus(DAY * 37)).await;
        let moved = self.sends(LY, papers::invitation(self.now(), 2, start()).follows(first)).await;
        let states: Vec<_> = self.matter(LY, moved).parts.into_iter().map(|part| part.state.unwrap().name).collect();
        assert_eq!(states, ["AWAITED", "AWAITED"], "earlier answers count no longer");

        self.until(first_start().minus(DAY * 36)).await;
        let stale = self.refuses(XZ, papers::reply(self.now(), moved, 1, v1::DrillAnswer::Attend)).await;
        assert_eq!(said(&stale), ("LD302_WRONG_SEQUENCE", "K31.stale_sequence"));
        let ask = v1::FormRequest { message_id: bytes_of(moved), ..v1::FormRequest::default() };
        let form = self.world.agent(XZ).inside().form(&ask).unwrap().body.unwrap().body;
        assert!(matches!(form, Some(Body::DrillReply(reply)) if reply.sequence == 2), "the form is of the newest one");

        self.until(first_start().minus(DAY * 35)).await;
        for city in [XZ, LYG] {
            self.sends(city, papers::reply(self.now(), moved, 2, v1::DrillAnswer::Attend)).await;
        }
        assert_eq!(self.stands(LY), "CONFIRMED");
    }

    /// E−3 d.
    async fn is_planned(&mut self) {
        self.until(start().minus(DAY * 3).minus(minutes(60))).await;
        let plan = self.send(LY, papers::plan(self.now())).await;
        for city in SIDES {
            assert_eq!(self.stands(city), "PLAN_FROZEN");
        }
        for city in [XZ, LYG] {
            self.is_read_by_those_who_steer_and_judge(city, plan).await;
        }
        assert_eq!(
            self.planned(),
            [
                "320300 reply 1 Void",
                "320300 reply 2 Met",
                "320700 reply 1 Met",
                "320700 reply 2 Met",
                "371300 invite 1 Met",
                "371300 invite 2 Met",
                "371300 plan 1 Void",
                "371300 plan 2 Met",
            ]
        );
    }

    async fn is_read_by_those_who_steer_and_judge(&self, city: &str, plan: MessageId) {
        let inside = self.world.agent(city).inside();
        let player = self.world.desk(city).show(&bytes_of(plan)).await.unwrap();
        assert!(player.withheld && player.envelope.is_none());
        assert_eq!(player.content.unwrap().body, None, "a duty officer sees that it exists, not what it says");
        assert_eq!(player.summary.unwrap().title, format!("演练脚本 {DRILL}"));
        let refused = inside.open(plan, Some(by("王明", v1::Role::DutyOfficer))).await.unwrap_err();
        assert_eq!(said(&refused), ("LD402_ROLE_FORBIDDEN", "K32.readers"));
        for role in [v1::Role::DrillController, v1::Role::Evaluator] {
            let shown = inside.show_to(plan, Some(&by("周敏", role))).unwrap();
            let Some(Body::DrillPlan(plan)) = shown.content.unwrap().body.unwrap().body else { panic!("the plan") };
            assert_eq!(plan.injects.len(), 14);
        }
        inside.open(plan, Some(by("周敏", v1::Role::Evaluator))).await.unwrap();
        self.world.agent(LY).stage(plan, city, Stage::Opened).await;
    }

    /// E−10 min.
    async fn is_not_live_yet(&mut self) {
        self.until(start().minus(minutes(10))).await;
        let early = self.refuses(XZ, papers::chatter(0, &[LY])).await;
        assert_eq!(said(&early), ("LD307_DRILL_NOT_LIVE", "K33.live"));
        // the broker says the same to whoever does not ask a desk
        let xz = self.world.bare(XZ);
        let early = xz.envelope(papers::chatter(0, &[LY]).0);
        assert_eq!(xz.refused(self.world.broker_address(), early).await.0, "LD307_DRILL_NOT_LIVE");
    }

    /// E+0 to E+2.
    async fn starts(&mut self) {
        self.until(start()).await;
        let startex = self.send(LY, papers::order(self.now(), Verb::Startex, &[XZ, LYG])).await;
        for city in [XZ, LYG] {
            let early = self.refuses(LY, papers::inject(self.now(), 0, &[XZ])).await;
            assert_eq!(said(&early), ("LD302_WRONG_SEQUENCE", "K34.startex_acknowledged"), "{city} has not");
            self.world.clock.advance(minutes(1));
            self.acknowledge(city, LY, startex).await;
        }
        assert_eq!(self.now(), start().plus(minutes(2)));
    }

    /// E+2 to E+36: every inject by its offset, to each of the two in turn.
    async fn is_played(&self) -> Vec<MessageId> {
        let mut sent = Vec::new();
        for (at, offset) in OFFSETS.iter().enumerate() {
            self.world.clock.set(start().plus(minutes(*offset)));
            let to = if at.is_multiple_of(2) { XZ } else { LYG };
            let id = self.send(LY, papers::inject(self.now(), at, &[to])).await;
            if [0, 4, 7, 9].contains(&at) {
                self.acknowledge(to, LY, id).await;
            }
            sent.push(id);
            if at == OVERDUE + 4 {
                self.is_overdue(sent[OVERDUE]).await;
            }
            if *offset == 32 {
                Box::pin(self.is_answered(sent[0])).await;
            }
        }
        sent
    }

    /// 徐州 offers a team to the drill's request, 临沂 orders it, 徐州 promises the mission.
    async fn is_answered(&self, request: MessageId) {
        let offer = || resource_offer(self.now(), request, true);
        let mixed = self.refuses(XZ, offer().header(|header| header.status = v1::Status::Actual.into())).await;
        assert_eq!(mixed.reason.code(), "LD308_STATUS_MIX");
        let offer = self.sends(XZ, played(offer())).await;
        let ordered = self.sends(LY, played(resource_decision(self.now(), offer, true, "371300-O-1").to(&[XZ]))).await;
        let mut mission = played(commitment(self.now(), ordered, true, "320300-M-1", "371300-O-1"));
        if let Body::ResourceCommitment(body) = mission.body() {
            body.resources[0].resource_id = TEAM.into();
        }
        let mission = self.sends(XZ, mission).await;
        for city in [LY, XZ] {
            let parts = self.matter(city, mission).parts;
            assert!(parts.iter().any(|part| part.state.as_ref().unwrap().name == "COMMITTED"), "{city}: {parts:?}");
        }
        assert_eq!(self.team().await, (v1::Readiness::Ready, vec![v1::Readiness::Committed]), "nothing real is taken");
    }

    /// How 徐州's team stands, and what is done to it.
    async fn team(&self) -> (v1::Readiness, Vec<v1::Readiness>) {
        let ask = v1::SearchCatalogueRequest { resource_id: TEAM.into(), ..v1::SearchCatalogueRequest::default() };
        let seen = self.world.agent(XZ).inside().search_catalogue(&ask).await.unwrap().resources.remove(0);
        (seen.readiness(), seen.uses.iter().map(v1::ResourceUse::readiness).collect())
    }

    async fn publishes_its_team(&self) {
        let Body::CatalogueChange(change) = Paper::of(model::kind::Kind::CatalogueChange, self.now()).body().clone()
        else {
            panic!("a record")
        };
        let record = v1::ResourceRecord { resource_id: TEAM.into(), valid_until: None, ..change.record.unwrap() };
        let role = v1::Role::ResourceManager.into();
        let precedence = v1::Precedence::Priority.into();
        let ask = v1::PublishCatalogueRequest { records: vec![record], role, precedence, ..Default::default() };
        let said = self.world.agent(XZ).inside().publish_catalogue(ask).await.unwrap().records;
        assert!(said.iter().all(|one| one.refused.is_empty()), "{said:?}");
    }
}

/// A team of 徐州 that comes to the drill and stays what it is.
const TEAM: &str = "320300-T-0007";

/// What a calendar program gets.
fn invites_calendars(draft: &v1::Draft) {
    let Some(Body::DrillInvitation(body)) = draft.body.clone().unwrap().body else { panic!("an invitation") };
    let header = draft.header.clone().unwrap();
    let header = v1::Header {
        message_id: vec![1; 16].into(),
        sender: Some(v1::Party { jurisdiction: LY.into(), ..v1::Party::default() }),
        sent_at: Some(prost_types::Timestamp { seconds: 1_800_000_000, nanos: 0 }),
        ..header
    };
    let ics = Invitation { header: &header, occasion: Occasion::Drill(&body), agenda: None }.write().unwrap();
    for line in ["METHOD:REQUEST", "SEQUENCE:1", "SUMMARY:【演练】"] {
        assert!(ics.contains(line), "{line} in {ics}");
    }
}

impl Joint {
    /// Who takes no part sends nothing into the drill, and hears nothing of it.
    async fn stays_among_its_participants(&self) {
        let rz = self.world.agent(RZ);
        assert_eq!(rz.inbox(), []);
        let outside = rz.send(papers::chatter(0, &[LY]).0).await;
        assert_eq!(rz.refused(outside).await.reason, "LD307_DRILL_NOT_LIVE");
    }

    /// What a person who looks at what is real sees of it.
    fn is_kept_apart(&self, injects: &[MessageId]) {
        for city in SIDES {
            let ask = v1::InboxRequest { status: v1::Status::Actual.into(), limit: 1_000, ..Default::default() };
            let shown = self.world.agent(city).inside().inbox(&ask).unwrap().messages;
            let ids: BTreeSet<_> = shown.iter().map(|one| one.header.as_ref().unwrap().message_id.clone()).collect();
            assert!(injects.iter().all(|id| !ids.contains(&bytes_of(*id))), "{city}");
            assert!(shown.iter().all(|one| one.header.as_ref().unwrap().status() == v1::Status::Actual));
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_joint_drill_is_agreed_played_aborted_for_what_is_real_and_reviewed_from_its_evidence() {
    let mut joint = Joint::begins().await;
    joint.publishes_its_team().await;
    let earlier = papers::task(joint.now(), EARLIER, "371300-DR-2026-01", "");
    let earlier = joint.send(LY, earlier).await;
    Box::pin(joint.is_agreed()).await;
    joint.is_planned().await;
    joint.is_not_live_yet().await;
    joint.starts().await;
    let injects = Box::pin(joint.is_played()).await;
    joint.is_kept_apart(&injects);
    joint.stays_among_its_participants().await;
    let waiting = joint.is_busy().await;
    let real = joint.is_broken_into(&waiting).await;
    joint.is_aborted(real, &waiting).await;
    joint.leaves_nothing_behind(&injects).await;
    joint.is_scored(&injects);
    joint.is_reviewed(earlier).await;
    joint.world.end().await;
}
