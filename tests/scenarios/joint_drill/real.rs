//! A real emergency inside the drill: it comes first, and ends everything that was played.

use std::collections::BTreeSet;

use futures_util::future::join_all;
use model::ids::MessageId;
use proto::v1;
use proto::v1::{DrillControlVerb as Verb, Stage};

use super::{Joint, SIDES, bytes_of, minutes, papers, said, start};
use crate::world::live::id_of;
use crate::world::region::{LY, LYG, XZ};

/// Exercise envelopes that wait when something real happens.
const CHATTER: usize = 300;

impl Joint {
    /// E+10: a report of E+2 should have been acknowledged by E+7, and both sides are told.
    pub(super) async fn is_overdue(&self, report: MessageId) {
        for city in [LY, LYG] {
            let what = "something is asked about what is overdue";
            self.world.agent(city).until(what, |desk| open_tasks(desk, &[report]).pop()).await;
        }
    }

    /// E+36: three hundred envelopes wait for 临沂 and for 连云港, whose computers stand still.
    pub(super) async fn is_busy(&mut self) -> Vec<MessageId> {
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
    pub(super) async fn is_broken_into(&mut self, waiting: &[MessageId]) -> MessageId {
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
    pub(super) async fn is_aborted(&mut self, real: MessageId, waited: &[MessageId]) {
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
    pub(super) async fn leaves_nothing_behind(&self, injects: &[MessageId]) {
        for city in SIDES {
            let inside = self.world.agent(city).inside();
            let states = inside.engine.read(|_, rows| agent::fold::query::matters(rows, false)).unwrap();
            for (_, state) in states.iter().filter(|(_, state)| state.status == model::status::Status::Exercise) {
                let owed: Vec<_> = state.ledger().all().filter(|one| one.standing.is_running()).collect();
                assert!(owed.is_empty(), "{city}: {owed:?}");
                assert_eq!(state.wake, None, "{city}: what was broken before climbs no further");
            }
            assert_eq!(open_tasks(inside, injects), [], "{city}");
        }
        assert_eq!(self.team().await, (v1::Readiness::Ready, Vec::new()));
        let mission = self.world.agent(LY).inside().threads(&thread_of(injects[0])).unwrap().messages.pop().unwrap();
        for city in [LY, XZ] {
            let matter = self.matter(city, id_of(&mission.header.as_ref().unwrap().message_id));
            let states = matter.parts.iter().chain([]).map(|part| part.state.as_ref().unwrap().name.as_str());
            assert!(states.clone().count() > 0 && states.clone().all(|state| state == "ABORTED"), "{city}");
        }
    }
}

/// What people are still asked to do about these.
fn open_tasks(desk: &agent::desk::Desk, about: &[MessageId]) -> Vec<v1::TaskSeen> {
    let tasks = desk.tasks(&v1::TasksRequest::default()).unwrap().tasks.into_iter();
    tasks.filter(|task| about.iter().any(|id| task.message_id == bytes_of(*id)) && task.closed_at.is_none()).collect()
}

fn thread_of(first: MessageId) -> v1::ThreadsRequest {
    v1::ThreadsRequest { originating_message_id: bytes_of(first), ..v1::ThreadsRequest::default() }
}
