//! The joint full-scale drill 沂沭郯新 2027, with a real emergency inside: invited, moved, planned, played, aborted and
//! reviewed, at the desks of its organiser, two participants and a city that takes no part. What the acceptance table asks
//! of screens is asked of desk and program here: there is no console. The table answers the drill's K11 after 41 minutes and
//! aborts it at E+41: the 41 minutes are scored in a drill that runs to its end.

use std::collections::BTreeSet;
use std::time::Duration;

use agent::formats::ics::write::{Invitation, Occasion};
use bytes::Bytes;
use futures_util::future::join_all;
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
use papers::{DRILL, EARLIER, OFFSETS, played};

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
            if [0, 1, 4, 7, 9].contains(&at) {
                self.acknowledge(to, LY, id).await;
            }
            sent.push(id);
            if *offset == 32 {
                self.is_answered(sent[0]).await;
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
    /// E+36: three hundred envelopes wait for 临沂 and for 连云港, whose computers stand still.
    async fn is_busy(&mut self) -> Vec<MessageId> {
        self.received_before = self.world.agent(LYG).inbox().len();
        for city in [LY, LYG] {
            self.world.agent_mut(city).stop().await;
        }
        let xz = self.world.agent(XZ);
        let sent = join_all((0..CHATTER).map(|number| xz.send(papers::chatter(number, &[LY, LYG]).0))).await;
        for id in &sent {
            xz.accepted(*id).await;
        }
        sent
    }

    /// E+40: a gas explosion in 新沂, of the same precedence as half of what waits. 连云港 is linked again: the report comes
    /// before everything that is played, but for one by the starvation bound. 临沂 is not yet.
    async fn is_broken_into(&mut self, waiting: &[MessageId]) -> MessageId {
        self.world.clock.set(start().plus(minutes(40)));
        let xz = self.world.agent(XZ);
        let real = xz.send(papers::explosion(self.now()).0).await;
        xz.accepted(real).await;
        self.world.start_agent(LYG).await;
        for id in waiting.iter().chain([&real]) {
            self.world.agent(XZ).stage(*id, LYG, Stage::Delivered).await;
        }
        let (before, came) = (self.received_before, self.world.agent(LYG).inbox());
        let place = came[before..].iter().position(|id| *id == real).expect("it came with them");
        assert!(place <= 1, "{place} exercise envelopes came before what is real");
        real
    }

    /// E+41: 徐州 ends the drill for it, before 临沂 has got anything that was played since.
    async fn is_aborted(&mut self, real: MessageId, waited: &[MessageId]) {
        self.world.clock.set(start().plus(minutes(41)));
        let owed = self.matter(XZ, real).deadlines;
        let xz = self.world.agent(XZ);
        let abort = xz.send(papers::order(self.now(), Verb::AbortRealEmergency, &[LY, LYG]).0).await;
        xz.accepted(abort).await;
        self.world.start_agent(LY).await;
        let (ly, xz) = (self.world.agent(LY), self.world.agent(XZ));
        for id in [real, abort] {
            for city in [LY, LYG] {
                xz.stage(id, city, Stage::Delivered).await;
                self.acknowledge(city, XZ, id).await;
            }
        }
        let came: BTreeSet<_> = ly.inbox().into_iter().rev().take(2).collect();
        assert_eq!(came, BTreeSet::from([real, abort]), "what was played and not delivered is taken back");
        for id in waited {
            xz.stage(*id, LY, Stage::Recalled).await;
        }
        let recalled = self.score(XZ).recalled;
        assert_eq!(recalled.len(), CHATTER);
        assert!(recalled.iter().all(|one| (&*one.jurisdiction, &*one.reason) == (LY, "DRILL_ABORTED")));
        for city in SIDES {
            assert_eq!(self.stands(city), "ABORTED");
        }
        assert_eq!(self.matter(XZ, real).deadlines, owed, "what is real is untouched");
        let further = self.refuses(LY, papers::inject(self.now(), 13, &[XZ])).await;
        assert_eq!(said(&further), ("LD307_DRILL_NOT_LIVE", "K34.live"));
        let further = self.refuses(XZ, papers::chatter(0, &[LY])).await;
        assert_eq!(said(&further), ("LD307_DRILL_NOT_LIVE", "K33.live"));
    }

    /// Nothing that was played is owed anywhere, and no resource is promised by it.
    async fn leaves_nothing_behind(&self, injects: &[MessageId]) {
        for city in SIDES {
            let inside = self.world.agent(city).inside();
            let states = inside.engine.read(|_, rows| agent::fold::query::matters(rows, false)).unwrap();
            for (_, state) in states.iter().filter(|(_, state)| state.status == model::status::Status::Exercise) {
                let owed: Vec<_> = state.ledger().all().filter(|one| one.standing.is_running()).collect();
                assert!(owed.is_empty(), "{city}: {owed:?}");
            }
        }
        assert_eq!(self.team().await, (v1::Readiness::Ready, Vec::new()));
        let mission = self.world.agent(LY).inside().threads(&thread_of(injects[0])).unwrap().messages.pop().unwrap();
        for city in [LY, XZ] {
            let matter = self.matter(city, crate::world::live::id_of(&mission.header.as_ref().unwrap().message_id));
            let states = matter.parts.iter().chain([]).map(|part| part.state.as_ref().unwrap().name.as_str());
            assert!(states.clone().count() > 0 && states.clone().all(|state| state == "ABORTED"), "{city}");
        }
    }

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

    /// The evidence of what was played, at the organiser's desk.
    fn is_scored(&self, injects: &[MessageId]) {
        let score = self.score(LY);
        assert_eq!((&*score.organiser, &*score.state, &*score.aborted_by), (LY, "ABORTED", XZ));
        assert_eq!((&*score.abort_reason, &*score.real_incident_id), ("新沂市发生燃气爆炸", papers::REAL));
        assert_eq!((score.injects_planned, score.injects.len()), (14, 14));
        let sent: Vec<_> = score.injects.iter().map(|inject| inject.message_id.clone()).collect();
        assert_eq!(sent, injects.iter().map(|id| bytes_of(*id)).collect::<Vec<_>>());
        let first = &score.injects[0];
        let arrival = &first.arrivals[0];
        assert_eq!((&*first.inject_id, &*arrival.jurisdiction), ("INJ-01", XZ));
        assert_eq!(arrival.acknowledged_at, Some(proto::border::time::to_wire(start().plus(minutes(2)))));
        assert_eq!((first.planned_offset_s, &*first.objective_ids), (Some(120), &["OBJ-1".to_owned()][..]));
        let d10: Vec<_> =
            score.times.iter().filter_map(|seen| seen.time.as_ref()).filter(|time| time.deadline == "D10").collect();
        let [d10] = d10[..] else { panic!("{d10:?}: the others were cut off before they were due") };
        assert_eq!((d10.allowed_s, d10.taken_s, d10.met()), (3_600, Some(30 * 60), v1::YesNo::Yes));
        assert_eq!((&*d10.inject_id, &*d10.obligor.as_ref().unwrap().jurisdiction), ("INJ-01", XZ));
        let starts: Vec<_> =
            score.sides.iter().map(|side| (&*side.jurisdiction, &*side.answer, side.took_part)).collect();
        assert_eq!(starts, [(LY, "", true), (XZ, "ATTEND", true), (LYG, "ATTEND", true)]);
        let after = |side: usize| score.sides[side].start_acknowledged_at.unwrap().seconds - start().millis() / 1_000;
        assert_eq!((after(1), after(2)), (60, 120));
        assert!(score.times.iter().all(|seen| seen.time.as_ref().unwrap().met() == v1::YesNo::Yes));
    }

    /// E+1 d: the review as the desk drafts it, rated by a person, with two items of which one comes back.
    async fn is_reviewed(&mut self, earlier: MessageId) {
        self.until(start().plus(DAY)).await;
        let mut form = self.form(v1::Kind::DrillEvaluation, self.invited);
        let Some(Body::DrillEvaluation(body)) = form.body.as_mut().and_then(|body| body.body.as_mut()) else {
            panic!("a review")
        };
        let times: Vec<_> = self.score(LY).times.into_iter().filter_map(|seen| seen.time).collect();
        assert_eq!(body.observed, times, "computed from receipts, not typed");
        assert_eq!(body.improvements, [], "nobody was late");
        body.stage = v1::EvaluationStage::ReviewDraft.into();
        body.review = "信息通报及时；演练因真实险情提前中止".into();
        let ratings = [v1::ObjectiveRating::P, v1::ObjectiveRating::S, v1::ObjectiveRating::M];
        for (result, rating) in body.results.iter_mut().zip(ratings) {
            result.rating = rating.into();
        }
        let items = [("371300-AI-2027-08", ""), ("371300-AI-2027-09", EARLIER)];
        let improvement = |(item_id, recurrence_of): (&str, &str)| v1::Improvement {
            item_id: item_id.into(),
            text: "疏散审批".into(),
            owner: Some(v1::Seat { jurisdiction: XZ.into(), ..v1::Seat::default() }),
            due: Some(proto::border::time::to_wire(start().plus(DAY * 61))),
            recurrence_of: recurrence_of.into(),
            objective_id: "OBJ-3".into(),
        };
        body.improvements = items.map(improvement).into();
        let review = self.send(LY, papers::about_drill(Paper(form))).await;
        assert_eq!(self.stands(XZ), "REVIEW_DRAFT");
        assert!(self.planned().contains(&"371300 review Met".to_owned()), "{:?}", self.planned());
        for (item_id, recurrence_of) in items {
            let task = self.task_of(review);
            assert_eq!((&*task.item_id, &*task.recurrence_of), (item_id, recurrence_of), "one after another");
            let task = self.send(LY, papers::task(self.now(), item_id, DRILL, recurrence_of)).await;
            self.is_flagged(task, recurrence_of, earlier);
        }
    }

    /// What 临沂's desk knows by itself of a message beside another.
    fn form(&self, kind: v1::Kind, about: MessageId) -> v1::Draft {
        let action = v1::Action::Originate.into();
        let ask = v1::FormRequest { kind: kind.into(), message_id: bytes_of(about), action };
        self.world.agent(LY).inside().form(&ask).unwrap()
    }

    /// What the next task out of a review says by itself.
    fn task_of(&self, review: MessageId) -> v1::ActionTask {
        match self.form(v1::Kind::ActionItem, review).body.unwrap().body {
            Some(Body::ActionItem(v1::ActionItem { part: Some(v1::action_item::Part::Task(task)) })) => task,
            other => panic!("a task, not {other:?}"),
        }
    }

    /// A task that comes back is flagged at all three, and leads to the earlier one.
    fn is_flagged(&self, task: MessageId, recurrence_of: &str, earlier: MessageId) {
        for city in SIDES {
            let inside = self.world.agent(city).inside();
            let judged = inside.summary(task).unwrap().judgement.unwrap_or_default();
            let told = inside.tasks(&v1::TasksRequest::default()).unwrap().tasks;
            let told: Vec<_> = told.iter().filter(|one| one.message_id == bytes_of(task)).collect();
            if recurrence_of.is_empty() {
                assert!(judged.marks.is_empty() && told.is_empty(), "{city}");
                continue;
            }
            let [mark] = &judged.marks[..] else { panic!("{city}: {judged:?}") };
            assert_eq!((&*mark.name, &*mark.earlier), ("RECURRING", EARLIER), "{city}");
            assert_eq!(mark.earlier_message_id, bytes_of(earlier), "{city}: the earlier one is linked");
            assert!(told.len() == 1 && told[0].detail.ends_with(&format!("← {EARLIER}")), "{city}: {told:?}");
        }
    }
}

/// Exercise envelopes that wait when something real happens.
const CHATTER: usize = 300;

fn thread_of(first: MessageId) -> v1::ThreadsRequest {
    v1::ThreadsRequest { originating_message_id: bytes_of(first), ..v1::ThreadsRequest::default() }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_joint_drill_is_agreed_played_aborted_for_what_is_real_and_reviewed_from_its_evidence() {
    let mut joint = Joint::begins().await;
    joint.publishes_its_team().await;
    let earlier = papers::task(joint.now(), EARLIER, "371300-DR-2026-01", "");
    let earlier = joint.send(LY, earlier).await;
    joint.is_agreed().await;
    joint.is_planned().await;
    joint.is_not_live_yet().await;
    joint.starts().await;
    let injects = joint.is_played().await;
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

/// A drill that is played to its end: what was late is proposed for improvement, and it is closed when that is done.
#[tokio::test(flavor = "multi_thread")]
async fn a_drill_that_runs_to_its_end_is_scored_to_the_minute_and_closed_when_its_items_are_done() {
    let mut joint = Joint::begins().await;
    joint.is_agreed().await;
    joint.is_planned().await;
    joint.starts().await;
    let requests = [(0, XZ), (4, LYG)];
    let mut sent = Vec::new();
    for (at, to) in requests {
        let id = joint.send(LY, papers::inject(joint.now(), at, &[to])).await;
        joint.acknowledge(to, LY, id).await;
        sent.push(id);
    }
    for (request, city, wait) in [(sent[0], XZ, 41), (sent[1], LYG, 34)] {
        joint.world.clock.advance(minutes(wait));
        joint.sends(city, played(resource_offer(joint.now(), request, city == XZ))).await;
    }
    joint.sends(LY, papers::order(joint.now(), Verb::Endex, &[XZ, LYG])).await;

    joint.until(start().plus(DAY * 2)).await;
    let score = joint.score(LY);
    let d10: Vec<_> =
        score.times.iter().filter_map(|seen| seen.time.as_ref()).filter(|time| time.deadline == "D10").collect();
    let told = |time: &&v1::ObservedTime| (time.taken_s, time.allowed_s, time.met());
    let expected = [(Some(41 * 60), 3_600, v1::YesNo::Yes), (Some(75 * 60), 3_600, v1::YesNo::No)];
    assert_eq!(d10.iter().map(told).collect::<Vec<_>>(), expected);
    joint.is_closed_when_its_items_are_done().await;
    joint.world.end().await;
}

impl Joint {
    async fn is_closed_when_its_items_are_done(&mut self) {
        let mut review = None;
        for state in ["HOTWASH", "REVIEW_DRAFT", "REVIEW_FINAL"] {
            let mut form = self.form(v1::Kind::DrillEvaluation, self.invited);
            let Some(Body::DrillEvaluation(body)) = form.body.as_mut().and_then(|body| body.body.as_mut()) else {
                panic!("a review")
            };
            body.review = "总体顺利".into();
            body.results.iter_mut().for_each(|result| result.rating = v1::ObjectiveRating::S.into());
            body.improvements.truncate(1);
            let [item] = &body.improvements[..] else { panic!("a proposal: {:?}", body.improvements) };
            assert_eq!(item.owner.as_ref().unwrap().jurisdiction, LYG);
            assert!(item.text.contains("D10") && item.text.contains("75"), "{}", item.text);
            let item_id = body.improvements[0].item_id.clone();
            review = Some((self.send(LY, papers::about_drill(Paper(form))).await, item_id));
            assert_eq!(self.stands(LYG), state);
        }
        let (review, item_id) = review.unwrap();
        assert_eq!(self.task_of(review).item_id, item_id, "as the review says");
        let task = self.sends(LY, papers::task(self.now(), &item_id, DRILL, "")).await;
        assert_eq!(self.stands(LY), "IMPROVING");
        self.send(XZ, papers::done(self.now(), task, &item_id)).await;
        for city in SIDES {
            assert_eq!(self.stands(city), "CLOSED");
        }
    }
}
