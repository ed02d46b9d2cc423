//! The annual joint meeting of nine cities: one agenda that all of them write, a date that moves, minutes that not everybody
//! confirms, tasks, and a chair that goes to another city.

use std::time::Duration;

use bytes::Bytes;
use model::ids::MessageId;
use model::invalid::Invalid;
use model::time::Timestamp;
use proto::border::time::to_wire;
use proto::v1;
use proto::v1::agenda_change::Change;
use proto::v1::{
    ActionItemStatus as ItemStatus, AgendaItemState as State, DeadlineStanding as Standing, MeetingAnswer as Answer,
    Role, Stage,
};

use crate::world::drafts::officer;
use crate::world::live::World;
use crate::world::papers::{Paper, paper};
use crate::world::region::{JN, LY, LYG, Lands, RZ, TA, WF, XZ, ZB, ZZ};

const CITIES: [&str; 9] = [LY, XZ, LYG, RZ, ZZ, JN, TA, ZB, WF];
const INVITED: [&str; 8] = [XZ, LYG, RZ, ZZ, JN, TA, ZB, WF];
const MEETING: &str = "371300-M-2027";
const AGENDA: &str = "agenda/371300-M-2027";

/// Nine cities; 临沂 has the chair.
struct Meeting(World);

impl Meeting {
    async fn convened() -> Self {
        let mut meeting = Self(World::without_agents(&CITIES, Lands::Unknown).await);
        meeting.everybody_starts().await;
        meeting.heads(v1::AgendaStatus::OpenForProposals, b"").await.unwrap();
        for item in ["1", "2", "3", "4", "5"] {
            meeting.puts(LY, item, b"", &format!("议题 {item}"), State::Placed).await.unwrap();
        }
        meeting
    }

    async fn everybody_starts(&mut self) {
        for city in CITIES {
            self.0.start_agent(city).await;
        }
        for city in CITIES {
            self.0.agent(city).linked().await;
        }
    }

    /// Days go by; certificates live for less than a month, so everybody starts again with new ones.
    async fn days(&mut self, days: u64) {
        for city in CITIES {
            self.0.agent_mut(city).stop().await;
        }
        self.0.pass(Duration::from_hours(24 * days)).await;
        for city in CITIES {
            self.0.agent_mut(city).start().await;
        }
        for city in CITIES {
            self.0.agent(city).linked().await;
        }
    }

    fn now(&self) -> Timestamp {
        self.0.clock.now()
    }

    async fn agenda(&self, city: &str) -> v1::PullDocumentResponse {
        let pull = v1::PullDocumentRequest { document_id: AGENDA.into(), ..v1::PullDocumentRequest::default() };
        self.0.agent(city).inside().pull(pull).await.unwrap()
    }

    async fn etag(&self, city: &str) -> Bytes {
        self.agenda(city).await.document.unwrap().etag
    }

    async fn item(&self, city: &str, id: &str) -> (Bytes, v1::AgendaItem) {
        let agenda = self.agenda(city).await.document.unwrap();
        let item = agenda.items.iter().find(|item| item.item_id == id).unwrap();
        match proto::border::facts::meeting::agenda_change(item).unwrap() {
            Change::Item(said) => (item.etag.clone(), said),
            Change::Head(_) => panic!("an item"),
        }
    }

    async fn changes(&self, city: &str, item: &str, if_match: &[u8], change: Change) -> Result<Bytes, Invalid> {
        let members = if item.is_empty() { v1::MemberRights::AddAndEdit } else { v1::MemberRights::Unspecified };
        let document = v1::DocumentChange {
            document_id: AGENDA.into(),
            item_id: item.into(),
            op: v1::DocumentOp::Put.into(),
            if_match: Bytes::copy_from_slice(if_match),
            members: members.into(),
        };
        let sender = Some(v1::Party { role: Role::Secretariat.into(), ..v1::Party::default() });
        let header = v1::Header { document: Some(document), sender, ..v1::Header::default() };
        let body = v1::body::Body::AgendaChange(v1::AgendaChange { change: Some(change) });
        let draft = v1::Draft { header: Some(header), body: Some(v1::Body { body: Some(body) }), inline: Vec::new() };
        Ok(self.0.agent(city).inside().change(draft).await?.item_etag)
    }

    /// The chair writes the head of the agenda; what members may do follows from its status.
    async fn heads(&self, status: v1::AgendaStatus, if_match: &[u8]) -> Result<Bytes, Invalid> {
        let head = v1::AgendaHead {
            status: status.into(),
            order: ["1", "2", "3", "4", "5"].map(str::to_owned).to_vec(),
            meeting_id: MEETING.into(),
            title: "应急联动联席会议".into(),
        };
        self.changes(LY, "", if_match, Change::Head(head)).await
    }

    async fn puts(&self, city: &str, item: &str, if_match: &[u8], title: &str, state: State) -> Result<Bytes, Invalid> {
        let said = v1::AgendaItem {
            title: title.into(),
            r#type: v1::AgendaItemType::Discuss.into(),
            presenter: Some(v1::Seat { jurisdiction: city.into(), ..v1::Seat::default() }),
            minutes: 20,
            proposed_by: if state == State::Placed { LY.into() } else { city.into() },
            state: state.into(),
            ..v1::AgendaItem::default()
        };
        self.changes(city, item, if_match, Change::Item(said)).await
    }

    /// A member says an item otherwise than it stands, on the version that it read.
    async fn rewords(&self, city: &str, item: &str, if_match: &[u8], title: &str) -> Result<Bytes, Invalid> {
        let (_, said) = self.item(LY, item).await;
        self.changes(city, item, if_match, Change::Item(v1::AgendaItem { title: title.into(), ..said })).await
    }

    async fn send(&self, from: &str, paper: Paper) -> MessageId {
        let id = self.0.agent(from).send(paper.0).await;
        let stamp = self.0.agent(from).accepted(id).await;
        for delivery in &stamp.deliveries {
            self.0.agent(from).stage(id, &delivery.jurisdiction, Stage::Delivered).await;
        }
        id
    }

    fn may_send(&self, from: &str, paper: Paper) -> Result<(), String> {
        let sent = self.0.agent(from).inside().compose(paper.0);
        sent.map(|_| ()).map_err(|invalid| format!("{} {}", invalid.reason.code(), invalid.rule))
    }

    /// A notice of the meeting, which begins at `start`.
    async fn notice(&self, from: &str, meeting_id: &str, sequence: u32, start: Timestamp) -> Paper {
        let etag = self.etag(LY).await;
        let others: Vec<&str> = CITIES.into_iter().filter(|city| *city != from).collect();
        let seat = |city: &&str| v1::Seat { jurisdiction: (*city).into(), ..v1::Seat::default() };
        let paper = paper!(MeetingNotice, self.now(), |body| {
            (body.meeting_id, body.sequence, body.chair) = (meeting_id.into(), sequence, from.into());
            (body.start, body.end) = (Some(to_wire(start)), Some(to_wire(start.plus(Duration::from_hours(3)))));
            (body.required_attendees, body.optional_attendees) = (others.iter().map(seat).collect(), Vec::new());
            body.rsvp_by = Some(to_wire(self.now().plus(Duration::from_hours(48))));
            body.agenda = Some(v1::AgendaRef { document_id: AGENDA.into(), etag });
        });
        let signed = v1::Signatory { name: "李华".into(), role: Role::ShiftLeader.into(), at: None };
        as_secretariat(paper.to(&others)).header(|header| header.signed_off_by = Some(signed))
    }

    fn answer(&self, notice: MessageId, sequence: u32, answer: Answer) -> Paper {
        let paper = paper!(MeetingReply, self.now(), |body| {
            (body.meeting_id, body.sequence, body.answer) = (MEETING.into(), sequence, answer.into());
            let deputy = v1::Seat { jurisdiction: ZB.into(), name: "赵岩".into(), ..v1::Seat::default() };
            body.delegate = Some(deputy).filter(|_| answer == Answer::Delegate);
            (body.counter, body.reason) = (None, String::new());
        });
        paper.to(&[LY]).follows(notice)
    }

    /// What is owed in the meeting as a desk sees it: who, what, and how it stands.
    fn owed(&self, at: &str, id: MessageId, subject: &str) -> Vec<(String, Standing)> {
        let matter = self.0.agent(at).inside().matter(id).unwrap();
        let about = matter.deadlines.iter().filter(|seen| seen.subject == subject);
        about.map(|seen| (seen.jurisdiction.clone(), seen.standing())).collect()
    }

    fn part(&self, at: &str, id: MessageId, name: &str) -> String {
        let matter = self.0.agent(at).inside().matter(id).unwrap();
        let part = matter.parts.into_iter().find(|part| part.name == name).unwrap();
        part.state.unwrap().name
    }
}

fn as_secretariat(paper: Paper) -> Paper {
    paper.header(|header| header.sender.get_or_insert_default().role = Role::Secretariat.into())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agenda_that_all_edit_at_once_one_of_them_cut_off_is_equal_in_the_end() {
    let meeting = Meeting::convened().await;
    let (read, _) = meeting.item(TA, "3").await;
    assert_eq!(meeting.item(RZ, "3").await.0, read);
    meeting.0.agent(RZ).cut().await;

    meeting.rewords(TA, "3", &read, "危化品运输联防，泰安文本").await.unwrap();
    let late = meeting.rewords(ZB, "3", &read, "危化品运输联防，淄博文本").await.unwrap_err();
    assert_eq!(late.reason.code(), "LD602_ETAG_MISMATCH");
    let (theirs, said) = meeting.item(ZB, "3").await;
    assert_eq!(said.title, "危化品运输联防，泰安文本", "whoever is late reads what stands there now");
    meeting.rewords(ZB, "3", &theirs, "危化品运输联防，泰安与淄博文本").await.unwrap();

    let copy = meeting.agenda(RZ).await;
    assert!(copy.from_cache);
    assert_eq!(meeting.item(RZ, "3").await.0, read, "who is cut off reads its copy");
    let cut = meeting.rewords(RZ, "3", &read, "日照文本").await.unwrap_err();
    assert_eq!(cut.rule, "link.needed", "nothing is queued that would be refused later");
    meeting.0.agent(RZ).mend().await;
    meeting.0.agent(RZ).linked().await;
    let stale = meeting.rewords(RZ, "3", &read, "日照文本").await.unwrap_err();
    assert_eq!(stale.reason.code(), "LD602_ETAG_MISMATCH");
    let (both, said) = meeting.item(RZ, "3").await;
    meeting.rewords(RZ, "3", &both, &format!("{}；日照补充", said.title)).await.unwrap();

    let ends = meeting.etag(LY).await;
    for city in CITIES {
        assert_eq!(meeting.etag(city).await, ends, "{city}");
    }
    assert_eq!(meeting.item(JN, "3").await.1.title, "危化品运输联防，泰安与淄博文本；日照补充");
    meeting.0.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_added_after_the_lock_is_put_off_and_its_proposer_is_told() {
    let meeting = Meeting::convened().await;
    let agenda = meeting.agenda(LY).await.document.unwrap();
    meeting.puts(ZZ, "6", b"", "锁定前提出", State::Proposed).await.unwrap();
    meeting.locks(&agenda.head.unwrap().etag).await;

    let (read, _) = meeting.item(ZZ, "2").await;
    let edit = meeting.rewords(ZZ, "2", &read, "锁定后修改").await.unwrap_err();
    assert_eq!(edit.reason.code(), "LD603_DOCUMENT_LOCKED");
    meeting.puts(WF, "7", b"", "锁定后提出", State::Proposed).await.unwrap();
    meeting.0.agent(LY).inside().put_off_late_items().await.unwrap();

    let told = meeting.0.agent(WF).has_received(1).await;
    let news = meeting.0.agent(WF).inside().show(told[0]).unwrap().content.unwrap().body.unwrap().body.unwrap();
    let v1::body::Body::AgendaChanged(news) = news else { panic!("{news:?}") };
    assert_eq!((news.what(), &*news.item_ids), (v1::AgendaNews::ItemDecided, &["7".to_owned()][..]));
    assert_eq!(news.etag, meeting.etag(WF).await);
    assert_eq!(meeting.item(WF, "7").await.1.state(), State::Deferred);
    assert_eq!(meeting.item(WF, "6").await.1.state(), State::Proposed, "what came in time waits for the chair");
    meeting.0.agent(LY).inside().put_off_late_items().await.unwrap();
    assert_eq!(meeting.0.agent(WF).inbox().len(), 1, "once");
    meeting.0.end().await;
}

impl Meeting {
    /// The chair locks the agenda: members may add, and edit nothing.
    async fn locks(&self, if_match: &[u8]) {
        let document = v1::DocumentChange {
            document_id: AGENDA.into(),
            op: v1::DocumentOp::Put.into(),
            if_match: Bytes::copy_from_slice(if_match),
            members: v1::MemberRights::Add.into(),
            ..v1::DocumentChange::default()
        };
        let head = v1::AgendaHead {
            status: v1::AgendaStatus::Locked.into(),
            meeting_id: MEETING.into(),
            title: "应急联动联席会议".into(),
            ..v1::AgendaHead::default()
        };
        let sender = Some(v1::Party { role: Role::Secretariat.into(), ..v1::Party::default() });
        let header = v1::Header { document: Some(document), sender, ..v1::Header::default() };
        let body = v1::body::Body::AgendaChange(v1::AgendaChange { change: Some(Change::Head(head)) });
        let draft = v1::Draft { header: Some(header), body: Some(v1::Body { body: Some(body) }), inline: Vec::new() };
        self.0.agent(LY).inside().change(draft).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_meeting_is_called_moved_held_and_minuted_and_silence_confirms_nothing() {
    let mut meeting = Meeting::convened().await;
    let start = meeting.now().plus(Duration::from_hours(24 * 30));
    let first = meeting.send(LY, meeting.notice(LY, MEETING, 1, start).await).await;
    let replies = meeting.owed(LY, first, "reply 1");
    assert_eq!(replies.len(), 8, "{replies:?}");
    assert!(replies.iter().all(|(_, standing)| *standing == Standing::Running));
    meeting.send(XZ, meeting.answer(first, 1, Answer::Attend)).await;

    meeting.days(2).await;
    let moved = start.plus(Duration::from_hours(48));
    let second = meeting.send(LY, meeting.notice(LY, MEETING, 2, moved).await.follows(first)).await;
    let stale = meeting.may_send(XZ, meeting.answer(second, 1, Answer::Attend));
    assert_eq!(stale.unwrap_err(), "LD302_WRONG_SEQUENCE K41.stale_sequence");
    meeting.send(WF, meeting.answer(second, 2, Answer::Refresh)).await;
    for city in INVITED {
        let answer = if city == ZB { Answer::Delegate } else { Answer::Attend };
        meeting.send(city, meeting.answer(second, 2, answer)).await;
    }
    let replies = meeting.owed(LY, second, "reply 2");
    assert!(replies.len() == 8 && replies.iter().all(|(_, standing)| *standing == Standing::Met), "{replies:?}");

    meeting.days(31).await;
    let minutes = meeting.send(LY, meeting.minutes(moved)).await;
    for city in [XZ, LYG, RZ, ZZ, ZB, WF] {
        meeting.send(city, meeting.word(minutes, v1::MinutesAnswer::Confirmed, "")).await;
    }
    meeting.send(JN, meeting.word(minutes, v1::MinutesAnswer::Objected, "第三项应写明由两市各半承担")).await;
    meeting.days(9).await;
    meeting
        .0
        .agent(LY)
        .until("TA is late", |_| {
            let owed = meeting.owed(LY, minutes, "confirm 1");
            owed.iter().any(|(who, standing)| who == TA && *standing == Standing::Breached).then_some(())
        })
        .await;
    assert_eq!(meeting.part(LY, minutes, &format!("minutes {TA}")), "NOT_CONFIRMED");
    assert_eq!(meeting.part(LY, minutes, &format!("minutes {JN}")), "OBJECTED");
    assert_eq!(meeting.part(LY, minutes, &format!("minutes {XZ}")), "CONFIRMED");
    let state = meeting.0.agent(LY).inside().matter(minutes).unwrap().state.unwrap();
    assert_eq!(state.name, "MINUTED", "never confirmed");
    meeting.0.end().await;
}

impl Meeting {
    fn minutes(&self, held: Timestamp) -> Paper {
        let paper = paper!(Minutes, self.now(), |body| {
            let Some(v1::minutes::Part::Record(record)) = &mut body.part else { panic!("{body:?}") };
            record.meeting_id = MEETING.into();
            record.held_from = Some(to_wire(held));
            record.held_to = Some(to_wire(held.plus(Duration::from_hours(3))));
            let present = |city: &&str| v1::Attendance {
                jurisdiction: (*city).into(),
                presence: v1::Presence::Present.into(),
                people: Vec::new(),
            };
            (record.attendance, record.objections) = (CITIES.iter().map(present).collect(), Vec::new());
        });
        let signed = v1::Signatory { name: "李华".into(), role: Role::ShiftLeader.into(), at: None };
        as_secretariat(paper.to(&INVITED)).header(|header| header.signed_off_by = Some(signed))
    }

    fn word(&self, minutes: MessageId, answer: v1::MinutesAnswer, text: &str) -> Paper {
        let paper = paper!(Minutes, self.now(), |body| {
            let (meeting_id, text) = (MEETING.into(), text.into());
            let reply = v1::MinutesReply { meeting_id, answer: answer.into(), text, ..v1::MinutesReply::default() };
            body.part = Some(v1::minutes::Part::Reply(reply));
        });
        paper.to(&[LY]).follows(minutes)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn with_the_chair_the_secretariat_goes_to_the_next_city() {
    let meeting = Meeting::convened().await;
    let month = meeting.now().plus(Duration::from_hours(24 * 30));
    let call = async |city: &str, id: &str| meeting.may_send(city, meeting.notice(city, id, 1, month).await);
    let forbidden = Err("LD402_ROLE_FORBIDDEN rights.chair".to_owned());
    assert_eq!(call(XZ, "320300-M-2028").await, Ok(()), "nobody has said who has the chair");

    let first_day = meeting.now().plus(Duration::from_hours(24)).civil(480);
    let handover = paper!(Handover, meeting.now(), |body| {
        (body.from, body.to) = (LY.into(), XZ.into());
        body.from_date = format!("{:04}-{:02}-{:02}", first_day.year, first_day.month, first_day.day);
    });
    let signed = v1::Signatory { name: "李华".into(), role: Role::ShiftLeader.into(), at: None };
    let handover = as_secretariat(handover.to(&INVITED)).header(|header| header.signed_off_by = Some(signed));
    let handover = meeting.send(LY, handover).await;
    assert_eq!((call(LY, "371300-M-2028").await, call(XZ, "320300-M-2028").await), (Ok(()), forbidden.clone()));

    let midnight = first_day.at(0, 0).timestamp(480);
    meeting.0.clock.set(midnight);
    assert_eq!((call(LY, "371300-M-2028").await, call(XZ, "320300-M-2028").await), (forbidden, Ok(())));
    assert_eq!(meeting.agenda(WF).await.document.unwrap().items.len(), 5, "the old agenda stays readable");
    let id = Bytes::copy_from_slice(&handover.0);
    meeting.0.desk(XZ).acknowledge(&id, officer()).await.unwrap();
    meeting.0.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn tasks_of_a_meeting_remind_their_owners_and_are_overdue_for_all() {
    let mut meeting = Meeting::convened().await;
    let in_days = |days: u64| meeting.now().plus(Duration::from_hours(24 * days));
    let (done, week, late) = (
        meeting.task("371300-AI-2027-01", XZ, in_days(30)),
        meeting.task("371300-AI-2027-02", LYG, in_days(7)),
        meeting.task("371300-AI-2027-03", RZ, in_days(2)),
    );
    let done = meeting.send(LY, done).await;
    let week = meeting.send(LY, week).await;
    let late = meeting.send(LY, late).await;

    let report = |item: &str, status, proofs| meeting.report(item, status, proofs);
    let bare = meeting.may_send(XZ, report("371300-AI-2027-01", ItemStatus::Done, 0).follows(done));
    assert_eq!(bare.unwrap_err(), "LD202_MISSING_FIELD K45.evidence");
    meeting.send(XZ, report("371300-AI-2027-01", ItemStatus::Done, 1).follows(done)).await;
    let meddled = meeting.may_send(ZZ, report("371300-AI-2027-03", ItemStatus::Done, 1).follows(late));
    assert_eq!(meddled.unwrap_err(), "LD305_NOT_AUTHOR K45.owner");
    for city in CITIES {
        meeting.0.agent(city).until("the first is done", |_| (meeting.state(city, done) == "DONE").then_some(())).await;
    }

    // half of the week, and all of the two days
    meeting.days(4).await;
    meeting.asked(LYG, week, "REMIND").await;
    meeting.asked(RZ, late, "OVERDUE").await;
    for city in CITIES {
        let stand = [done, week, late].map(|task| meeting.state(city, task));
        assert_eq!(stand, ["DONE", "OPEN", "OVERDUE"], "at {city}");
    }
    assert!(meeting.tasks_about(XZ, done).is_empty(), "what is done reminds nobody");

    meeting.days(4).await;
    meeting.asked(LYG, week, "OVERDUE").await;
    meeting.send(LYG, meeting.report("371300-AI-2027-02", ItemStatus::Done, 1).follows(week)).await;
    let closed = |_: &_| meeting.tasks_about(LYG, week).is_empty().then_some(());
    meeting.0.agent(LYG).until("nothing is asked any more", closed).await;
    meeting.0.end().await;
}

impl Meeting {
    fn task(&self, item: &str, owner: &str, due: Timestamp) -> Paper {
        let paper = paper!(ActionItem, self.now(), |body| {
            let Some(v1::action_item::Part::Task(task)) = &mut body.part else { panic!("{body:?}") };
            (task.item_id, task.due) = (item.into(), Some(to_wire(due)));
            task.owner = Some(v1::Seat { jurisdiction: owner.into(), ..v1::Seat::default() });
            (task.status, task.evidence, task.recurrence_of) = (ItemStatus::Open.into(), Vec::new(), String::new());
        });
        as_secretariat(paper.to(&INVITED))
    }

    fn report(&self, item: &str, status: ItemStatus, proofs: usize) -> Paper {
        let paper = paper!(ActionItem, self.now(), |body| {
            let proof = v1::FileRef { title: "验收单".into(), sha256: vec![7; 32].into(), ..v1::FileRef::default() };
            let report = v1::ActionReport {
                item_id: item.into(),
                status: status.into(),
                note: "已完成".into(),
                evidence: vec![proof; proofs],
                ..v1::ActionReport::default()
            };
            body.part = Some(v1::action_item::Part::Report(report));
        });
        let others: Vec<&str> = CITIES.to_vec();
        paper.to(&others)
    }

    /// How a task of the meeting stands at a desk.
    fn state(&self, at: &str, task: MessageId) -> String {
        self.0.agent(at).inside().matter(task).unwrap().state.unwrap().name
    }

    /// What a desk is asked to do because a task of the meeting has a due date.
    fn tasks_about(&self, at: &str, task: MessageId) -> Vec<String> {
        let tasks = self.0.agent(at).inside().tasks(&v1::TasksRequest::default()).unwrap().tasks;
        let due = tasks.into_iter().filter(|seen| seen.message_id == task.0.as_slice() && seen.deadline == "D22");
        due.map(|seen| seen.kind).collect()
    }

    /// Waits until a desk is asked to do something about a task.
    async fn asked(&self, at: &str, task: MessageId, what: &str) {
        let asked = |_: &_| self.tasks_about(at, task).iter().any(|kind| kind == what).then_some(());
        self.0.agent(at).until(what, asked).await;
    }
}
