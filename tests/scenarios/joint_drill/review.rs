//! What the drill showed: scored from its evidence, reviewed, and mended.

use model::ids::MessageId;
use proto::v1;
use proto::v1::DrillControlVerb as Verb;
use proto::v1::body::Body;

use super::papers::{DRILL, EARLIER, played};
use super::{DAY, Joint, SIDES, bytes_of, minutes, papers, start};
use crate::chlorine::papers::resource_offer;
use crate::world::papers::Paper;
use crate::world::region::{LY, LYG, XZ};

impl Joint {
    /// The evidence of what was played, at the organiser's desk.
    pub(super) fn is_scored(&self, injects: &[MessageId]) {
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
        let times = score.times.iter().filter_map(|seen| seen.time.as_ref());
        let late: Vec<_> = times.filter(|time| time.met() != v1::YesNo::Yes).collect();
        let [late] = late[..] else { panic!("{late:?}: the others were in time") };
        let who = &*late.obligor.as_ref().unwrap().jurisdiction;
        assert_eq!((&*late.deadline, who, &*late.inject_id), ("D01", LYG, "INJ-02"));
        assert_eq!((late.allowed_s, late.taken_s), (5 * 60, None), "an abort does not make it done");
    }

    /// E+1 d: the review as the desk drafts it, rated by a person, with two items of which one comes back.
    pub(super) async fn is_reviewed(&mut self, earlier: MessageId) {
        self.until(start().plus(DAY)).await;
        let mut form = self.form(v1::Kind::DrillEvaluation, self.invited);
        let Some(Body::DrillEvaluation(body)) = form.body.as_mut().and_then(|body| body.body.as_mut()) else {
            panic!("a review")
        };
        let times: Vec<_> = self.score(LY).times.into_iter().filter_map(|seen| seen.time).collect();
        assert_eq!(body.observed, times, "computed from receipts, not typed");
        let [late] = &body.improvements[..] else { panic!("one was late: {:?}", body.improvements) };
        assert_eq!(late.owner.as_ref().unwrap().jurisdiction, LYG);
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
    pub(super) fn form(&self, kind: v1::Kind, about: MessageId) -> v1::Draft {
        let action = v1::Action::Originate.into();
        let ask = v1::FormRequest { kind: kind.into(), message_id: bytes_of(about), action };
        self.world.agent(LY).inside().form(&ask).unwrap()
    }

    /// What the next task out of a review says by itself.
    pub(super) fn task_of(&self, review: MessageId) -> v1::ActionTask {
        match self.form(v1::Kind::ActionItem, review).body.unwrap().body {
            Some(Body::ActionItem(v1::ActionItem { part: Some(v1::action_item::Part::Task(task)) })) => task,
            other => panic!("a task, not {other:?}"),
        }
    }

    /// A task that comes back is flagged at all three, and leads to the earlier one.
    pub(super) fn is_flagged(&self, task: MessageId, recurrence_of: &str, earlier: MessageId) {
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

/// A drill that is played to its end: what was late is proposed for improvement, and it is closed when that is done.
#[tokio::test(flavor = "multi_thread")]
async fn a_drill_that_runs_to_its_end_is_scored_to_the_minute_and_closed_when_its_items_are_done() {
    let mut joint = Joint::begins().await;
    Box::pin(joint.is_agreed()).await;
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
    pub(super) async fn is_closed_when_its_items_are_done(&mut self) {
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
            let in_force = self.score(LYG).evaluation.unwrap();
            assert!(in_force.stage().as_str_name().ends_with(state), "{in_force:?}");
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
