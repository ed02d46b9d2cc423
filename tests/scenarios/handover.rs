//! Shifts change, and the duty stays: who is called, who is late and who has opened what follows the roster, not the person
//! who stood there before. Where nobody stands everybody sees it.

use std::time::Duration;

use broker::relay::fold::keys;
use bytes::Bytes;
use model::ids::MessageId;
use model::reason::Reason;
use model::time::{Civil, Timestamp};
use prost::Message as _;
use proto::v1;
use proto::v1::Stage;

use crate::world::drafts::bulletin;
use crate::world::live::{World, logged};
use crate::world::papers::paper;
use crate::world::region::{LY, LYG, Lands, SD, XZ};

/// The officers of 临沂 and their telephones, which are in no log.
const A: (&str, &str) = ("安平", "0539-6660001");
const B: (&str, &str) = ("白宁", "0539-6660002");
const C: (&str, &str) = ("程立", "0539-6660003");
const D: (&str, &str) = ("丁宜", "0539-6660004");

const NOBODY: &str = "NOBODY_ON_DUTY";

/// 3 June 2027, local time.
fn at(hour: u8, minute: u8) -> Timestamp {
    Civil::date(2027, 6, 3).unwrap().at(hour, minute).timestamp(480)
}

fn wire(at: Timestamp) -> prost_types::Timestamp {
    proto::border::time::to_wire(at)
}

fn officer(who: (&str, &str), role: v1::Role) -> v1::Officer {
    v1::Officer { name: who.0.into(), role: role.into() }
}

fn on_duty(who: (&str, &str)) -> v1::Officer {
    officer(who, v1::Role::DutyOfficer)
}

fn stands(who: (&str, &str), from: Option<Timestamp>, to: Option<Timestamp>) -> v1::RosterPerson {
    let (from, to) = (from.map(wire), to.map(wire));
    v1::RosterPerson { name: who.0.into(), phones: vec![who.1.into()], from, to }
}

/// A region whose 临沂 has a roster: A until eight, B from then until ten at night, C leads all day.
struct Watch(World);

impl Watch {
    async fn begins(cities: &[&str]) -> Self {
        let mut world = World::without_agents(cities, Lands::Known).await;
        world.pass(at(7, 0).since(crate::world::live::MORNING)).await;
        for city in cities {
            world.start_agent(city).await;
        }
        for city in cities {
            world.agent(city).linked().await;
        }
        let watch = Self(world);
        watch.writes(vec![stands(A, None, Some(at(8, 0))), stands(B, Some(at(8, 0)), Some(at(22, 0)))]).await;
        watch.everybody_syncs(cities).await;
        watch
    }

    /// C writes the roster of 临沂.
    async fn writes(&self, officers: Vec<v1::RosterPerson>) {
        let post = |role: v1::Role, people| v1::RosterRole { role: role.into(), people };
        let roles =
            vec![post(v1::Role::DutyOfficer, officers), post(v1::Role::ShiftLeader, vec![stands(C, None, None)])];
        let roster = v1::Roster { roles, ..v1::Roster::default() };
        self.changes(Some(v1::directory_change::Item::Roster(roster))).await;
    }

    async fn changes(&self, item: Option<v1::directory_change::Item>) {
        let desk = self.0.agent(LY).inside();
        let document_id = format!("roster/{LY}");
        let pull = v1::PullDocumentRequest { document_id: document_id.clone(), ..v1::PullDocumentRequest::default() };
        let head = desk.pull(pull).await.ok().and_then(|pulled| pulled.document).and_then(|document| document.head);
        let op = if item.is_some() { v1::DocumentOp::Put } else { v1::DocumentOp::Remove };
        let change = v1::DocumentChange {
            document_id,
            op: op.into(),
            if_match: head.map(|head| head.etag).unwrap_or_default(),
            ..v1::DocumentChange::default()
        };
        let header = v1::Header {
            document: Some(change),
            sender: Some(v1::Party { role: v1::Role::ShiftLeader.into(), ..v1::Party::default() }),
            ..v1::Header::default()
        };
        let body = v1::Body { body: Some(v1::body::Body::DirectoryChange(v1::DirectoryChange { item })) };
        let draft = v1::Draft { header: Some(header), body: Some(body), inline: Vec::new() };
        let written = desk.change(draft).await;
        // an emptied document is not found any more; the change stands all the same
        assert!(written.is_ok() || op == v1::DocumentOp::Remove, "{written:?}");
    }

    /// Every desk asks once for rosters that are new.
    async fn everybody_syncs(&self, cities: &[&str]) {
        for city in cities {
            self.0.agent(city).inside().bring_rosters().await.unwrap();
        }
    }

    fn is(&self, hour: u8, minute: u8) {
        self.0.clock.set(at(hour, minute));
    }

    /// 徐州 warns 临沂, in orange: to be acknowledged within five minutes.
    async fn warns(&self) -> MessageId {
        let id = self.warns_unheard().await;
        self.0.agent(XZ).stage(id, LY, Stage::Delivered).await;
        id
    }

    /// The same, whether it is delivered or not.
    async fn warns_unheard(&self) -> MessageId {
        let warning = paper!(Alert, self.0.clock.now(), |body| body.color = v1::WarningLevel::Orange.into());
        let warning = warning.header(|header| header.warning_level = v1::WarningLevel::Orange.into()).to(&[LY]);
        self.0.agent(XZ).send(warning.precedence(v1::Precedence::Immediate).0).await
    }

    async fn opens(&self, id: MessageId, who: (&str, &str)) -> v1::ReceiptStatement {
        said(&self.0.desk(LY).open(&Bytes::copy_from_slice(&id.0), on_duty(who)).await.unwrap())
    }

    async fn acknowledges(&self, id: MessageId, who: v1::Officer) -> v1::ReceiptStatement {
        said(&self.0.desk(LY).acknowledge(&Bytes::copy_from_slice(&id.0), who).await.unwrap())
    }

    /// The receipts of one stage about a message at its sender, as soon as there is one.
    async fn receipts(&self, id: MessageId, stage: Stage) -> Vec<v1::ReceiptStatement> {
        let xz = self.0.agent(XZ);
        xz.until("a receipt", |desk| {
            let all = desk.receipts(id).unwrap().iter().map(said).collect::<Vec<_>>();
            Some(all.into_iter().filter(|said| said.stage() == stage).collect::<Vec<_>>()).filter(|all| !all.is_empty())
        })
        .await
    }

    /// The task of a sort about a message, or about none, once it is there.
    async fn task(&self, city: &str, kind: &str, about: Option<MessageId>) -> v1::TaskSeen {
        let about = about.map(|id| id.0.to_vec()).unwrap_or_default();
        let ask = v1::TasksRequest { all: true, ..v1::TasksRequest::default() };
        let find = |desk: &agent::desk::Desk| {
            let tasks = desk.tasks(&ask).unwrap().tasks;
            tasks.into_iter().find(|task| task.kind == kind && task.message_id == about)
        };
        self.0.agent(city).until(&format!("a task {kind}"), find).await
    }

    /// Waits until the task of a sort is done, and says how it ended.
    async fn done(&self, city: &str, kind: &str, about: Option<MessageId>) -> v1::TaskSeen {
        let ask = v1::TasksRequest { all: true, ..v1::TasksRequest::default() };
        let about = about.map(|id| id.0.to_vec()).unwrap_or_default();
        let find = |desk: &agent::desk::Desk| {
            let tasks = desk.tasks(&ask).unwrap().tasks;
            tasks.into_iter().find(|task| task.kind == kind && task.message_id == about && task.closed_at.is_some())
        };
        self.0.agent(city).until(&format!("{kind} is done"), find).await
    }

    /// The notices of the broker that a city has, oldest first, with the role that each is addressed to there.
    fn notices(&self, city: &str) -> Vec<(v1::DeadlineNotice, v1::Role)> {
        let desk = self.0.agent(city).inside();
        let read = |id| {
            let content = desk.show(id).unwrap().content.unwrap();
            let to = content.header.unwrap().recipients.into_iter().find_map(|to| match to.to {
                Some(v1::address::To::Jurisdiction(to)) if to.id == city => Some(to.role()),
                _ => None,
            });
            match content.body.unwrap().body.unwrap() {
                v1::body::Body::DeadlineNotice(notice) => (notice, to.unwrap()),
                other => panic!("{other:?}"),
            }
        };
        self.0.agent(city).notices().into_iter().map(read).collect()
    }

    /// Waits until a city was told so often of a message: the rung, and whom it is addressed to.
    async fn told(&self, city: &str, about: MessageId, times: usize) -> Vec<(u32, v1::Role)> {
        let about = |notice: &v1::DeadlineNotice| notice.message_id == about.0.as_slice();
        let told = || {
            let all = self.notices(city).into_iter().filter(|(notice, _)| about(notice));
            Some(all.map(|(notice, to)| (notice.rung, to)).collect::<Vec<_>>()).filter(|all| all.len() >= times)
        };
        self.0.agent(city).until(&format!("told {times} times"), |_| told()).await
    }

    /// What 临沂 still owes on a message, as a desk shows it.
    fn owed(&self, city: &str, on: MessageId) -> Vec<v1::DeadlineSeen> {
        let ask = v1::DeadlinesRequest { jurisdiction: LY.into(), ..v1::DeadlinesRequest::default() };
        let all = self.0.agent(city).inside().deadlines(&ask).unwrap().deadlines;
        all.into_iter().filter(|owed| owed.message_id == on.0.as_slice()).collect()
    }

    /// The posts of 临沂 at which somebody must be and nobody is, as a desk shows them.
    fn unattended(&self, city: &str) -> Vec<v1::Role> {
        let ask = v1::OnDutyRequest { jurisdiction: LY.into(), at: None };
        let posts = self.0.agent(city).inside().on_duty(&ask).unwrap().posts;
        posts.iter().filter(|post| post.must_be_filled && post.people.is_empty()).map(v1::PostSeen::role).collect()
    }

    /// Everybody reports the day once it has begun, so that nobody is missing.
    async fn everybody_reports(&self, cities: &[&str]) {
        let today = |relay: &broker::relay::Relay| {
            let row = relay.engine.read(|_, rows| rows.get(&[keys::table::DAY]).unwrap());
            row.filter(|row| proto::record::DayRow::decode(row.clone()).unwrap().date == 20_270_603)
        };
        self.0.at_broker("the day begins", today).await;
        for city in cities {
            let day = paper!(DutyReport, self.0.clock.now(), |body| {
                body.date = "2027-06-03".into();
                body.window_id = String::new();
                body.report = v1::DutyReportForm::Zero.into();
                body.open_incident_ids = Vec::new();
                body.summary = String::new();
            });
            let id = self.0.agent(city).send(day.to(&[SD]).0).await;
            self.0.agent(city).stage(id, SD, Stage::Delivered).await;
        }
    }
}

fn said(receipt: &v1::Receipt) -> v1::ReceiptStatement {
    v1::ReceiptStatement::decode(receipt.statement.clone()).unwrap()
}

fn name(said: &v1::ReceiptStatement) -> (&str, v1::Role) {
    let officer = said.officer.as_ref().unwrap();
    (officer.name.as_str(), officer.role())
}

fn call(task: &v1::TaskSeen) -> (&str, &str) {
    (task.person.as_str(), task.phone.as_str())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_duty_moves_with_the_shift_and_an_empty_post_is_seen_by_all() {
    let cities = [LY, XZ, LYG, SD];
    let watch = Watch::begins(&cities).await;
    watch.everybody_reports(&[LY, XZ, LYG]).await;

    watch.is(7, 50);
    let notice = bulletin(&[LY], v1::Precedence::Immediate, "界河水位上涨");
    let earlier = watch.0.agent(XZ).send(notice).await;
    watch.0.agent(XZ).stage(earlier, LY, Stage::Delivered).await;
    watch.opens(earlier, A).await;

    watch.is(7, 57);
    let warning = watch.warns().await;
    watch.is(7, 58);
    watch.opens(warning, A).await;
    let opened = watch.receipts(warning, Stage::Opened).await;
    assert_eq!((opened.len(), name(&opened[0])), (1, (A.0, v1::Role::DutyOfficer)));

    watch.0.clock.advance(Duration::from_secs(90));
    assert_eq!(watch.told(LY, warning, 1).await, [(1, v1::Role::DutyOfficer)], "half of five minutes");
    assert_eq!(call(&watch.task(LY, "REMIND", Some(warning)).await), A);

    watch.is(8, 0);
    let list = watch.0.agent(LY).inside().handover().unwrap();
    let open = list.items.iter().find(|item| {
        let header = item.message.as_ref().and_then(|message| message.header.as_ref());
        header.is_some_and(|header| header.message_id == warning.0.as_slice())
    });
    let open = open.expect("the warning is handed over");
    let acts: Vec<_> = open.acts.iter().map(|act| (act.stage(), act.officer.clone().unwrap().name, act.at)).collect();
    assert_eq!(acts, [(Stage::Opened, A.0.to_owned(), Some(wire(at(7, 58))))]);
    let owed = |owed: &v1::DeadlineSeen| (owed.name.clone(), owed.due_at, owed.role());
    let d01 = ("D01".to_owned(), Some(wire(at(8, 2))), v1::Role::DutyOfficer);
    assert_eq!(open.owed.iter().map(owed).collect::<Vec<_>>(), std::slice::from_ref(&d01));
    let officers = list.posts.iter().find(|post| post.role() == v1::Role::DutyOfficer).unwrap();
    assert_eq!(officers.people.iter().map(|person| person.name.as_str()).collect::<Vec<_>>(), [B.0]);
    assert_eq!(
        watch.owed(LY, warning).iter().map(owed).collect::<Vec<_>>(),
        [d01],
        "it follows the role; due as before"
    );
    assert_eq!(call(&watch.task(LY, "REMIND", Some(warning)).await), B, "the reminder is B's by now");

    watch.is(8, 2);
    let told = watch.told(LY, warning, 2).await;
    assert_eq!(told, [(1, v1::Role::DutyOfficer), (2, v1::Role::ShiftLeader)], "and no second reminder");
    assert_eq!(watch.told(XZ, warning, 1).await, [(2, v1::Role::DutyOfficer)]);
    assert_eq!(call(&watch.task(LY, "OVERDUE", Some(warning)).await), C);
    assert_eq!(call(&watch.task(XZ, "CALL_BY_PHONE", Some(warning)).await), B, "not A's number");

    watch.is(8, 3);
    watch.acknowledges(warning, on_duty(B)).await;
    let acknowledged = watch.receipts(warning, Stage::Acknowledged).await;
    assert_eq!((name(&acknowledged[0]), &*acknowledged[0].note), ((B.0, v1::Role::DutyOfficer), ""));
    let task = watch.done(XZ, "CALL_BY_PHONE", Some(warning)).await;
    assert_eq!(task.outcome, "MET_LATE");
    let ask = v1::DeadlinesRequest { all: true, jurisdiction: LY.into(), ..v1::DeadlinesRequest::default() };
    let all = watch.0.agent(XZ).inside().deadlines(&ask).unwrap().deadlines;
    let late = all.iter().find(|owed| owed.message_id == warning.0.as_slice()).unwrap();
    assert_eq!((late.standing(), late.late_by.unwrap().seconds), (v1::DeadlineStanding::Breached, 60));

    watch.is(8, 4);
    let second = watch.opens(earlier, B).await;
    assert_eq!(name(&second).0, A.0, "the receipt is the first one's");
    let opened = watch.receipts(earlier, Stage::Opened).await;
    assert_eq!((opened.len(), name(&opened[0]).0), (1, A.0));
    let others = watch.0.agent(LY).inside().show(earlier).unwrap().others;
    let others: Vec<_> = others.iter().map(|act| (act.officer.clone().unwrap().name, act.at)).collect();
    assert_eq!(others, [(B.0.to_owned(), Some(wire(at(8, 4))))], "who came second stands in their own log");

    watch.is(8, 5);
    watch.acknowledges(earlier, on_duty(A)).await;
    let off_duty = watch.receipts(earlier, Stage::Acknowledged).await;
    assert_eq!((name(&off_duty[0]).0, &*off_duty[0].note, off_duty[0].at), (A.0, "OFF_DUTY", Some(wire(at(8, 5)))));
    assert!(watch.owed(XZ, earlier).is_empty(), "it counts");

    watch.is(8, 6);
    let report = paper!(IncidentReport, watch.0.clock.now(), |_| {}).level(v1::EventLevel::L3).to(&[XZ]);
    let one = v1::Signatory { name: B.0.into(), role: v1::Role::ShiftLeader.into(), at: None };
    let report = report.header(|header| {
        (header.prepared_by, header.signed_off_by) = (Some(one.clone()), Some(one.clone()));
    });
    let refused = watch.0.agent(LY).inside().send(report.0).await.unwrap_err();
    assert_eq!((refused.reason, &*refused.rule), (Reason::SignoffMissing, "header.sign_off_by_another"));

    watch.is(22, 0);
    for city in cities {
        let task = watch.task(city, NOBODY, None).await;
        assert_eq!((&*task.jurisdiction, call(&task), task.at), (LY, C, Some(wire(at(22, 0)))), "{city}");
        assert_eq!(watch.unattended(city), [v1::Role::DutyOfficer], "{city}");
    }
    assert_eq!(watch.notices(LY).last().unwrap().1, v1::Role::ShiftLeader);
    watch.is(22, 5);
    let night = watch.warns().await;
    for city in [LY, XZ] {
        let roles: Vec<_> = watch.owed(city, night).iter().map(v1::DeadlineSeen::role).collect();
        assert_eq!(roles, [v1::Role::ShiftLeader], "{city}: runs against the leader");
    }
    watch.0.clock.advance(Duration::from_secs(150));
    assert_eq!(watch.told(LY, night, 1).await, [(1, v1::Role::ShiftLeader)]);
    assert_eq!(call(&watch.task(LY, "REMIND", Some(night)).await), C);
    watch.acknowledges(night, officer(C, v1::Role::ShiftLeader)).await;

    watch.is(22, 20);
    watch.writes(vec![stands(D, Some(at(22, 20)), None)]).await;
    for city in cities {
        let ended = watch.done(city, NOBODY, None).await;
        assert_eq!((ended.at, &*ended.outcome), (Some(wire(at(22, 0))), "FILLED 20"), "{city}");
    }
    watch.everybody_syncs(&cities).await;
    for city in cities {
        assert_eq!(watch.unattended(city), [], "{city}");
        let told =
            watch.notices(city).into_iter().filter(|(notice, _)| notice.what() == v1::DeadlineEvent::NobodyOnDuty);
        let told: Vec<_> = told.map(|(notice, _)| notice.late_by.map_or(0, |late| late.seconds)).collect();
        assert_eq!(told, [0, 20 * 60], "{city}: the beginning and the end, once each");
    }

    for city in [LY, XZ] {
        let lines = watch.0.agent(city).inside().report_card(&v1::ReportCardRequest::default()).unwrap().lines;
        let missed: Vec<_> = lines
            .iter()
            .filter(|line| line.late + line.missing > 0)
            .map(|line| (&*line.jurisdiction, &*line.deadline))
            .collect();
        assert_eq!(missed, [(LY, "D01")], "{city}: nothing else was late");
    }
    assert!(!logged().contains("0539-666"), "no number is in the log");
    watch.0.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_that_dies_tells_of_an_empty_post_once_and_of_one_that_passed_meanwhile_not_at_all() {
    let mut watch = Watch::begins(&[LY, XZ]).await;
    watch.0.kill_broker().await;
    watch.is(22, 10);
    watch.0.start_broker().await;
    for city in [LY, XZ] {
        watch.0.agent(city).linked().await;
    }
    let task = watch.task(XZ, NOBODY, None).await;
    assert_eq!(task.at, Some(wire(at(22, 0))), "since when, not since it was seen");

    watch.0.kill_broker().await;
    watch.0.lose_rows_of_broker();
    watch.0.start_broker().await;
    for city in [LY, XZ] {
        watch.0.agent(city).linked().await;
    }
    watch.is(22, 20);
    watch.writes(vec![stands(D, Some(at(22, 15)), Some(at(23, 0))), stands(B, Some(at(23, 30)), None)]).await;
    assert_eq!(watch.done(XZ, NOBODY, None).await.outcome, "FILLED 20", "not before it was written");
    let told = watch.notices(XZ).into_iter().filter(|(notice, _)| notice.what() == v1::DeadlineEvent::NobodyOnDuty);
    assert_eq!(told.count(), 2);

    watch.0.stop_broker().await;
    watch.0.clock.set(at(23, 45));
    watch.0.start_broker().await;
    for city in [LY, XZ] {
        watch.0.agent(city).linked().await;
    }
    let later = watch.warns().await;
    watch.acknowledges(later, on_duty(B)).await;
    watch.receipts(later, Stage::Acknowledged).await;
    let told = watch.notices(XZ).into_iter().filter(|(notice, _)| notice.what() == v1::DeadlineEvent::NobodyOnDuty);
    assert_eq!(told.count(), 2, "half an hour passed while nobody watched");
    watch.0.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_roster_that_is_taken_away_is_an_empty_one_and_its_copy_serves_while_the_line_is_cut() {
    let watch = Watch::begins(&[LY, XZ]).await;
    watch.is(8, 30);
    let xz = watch.0.agent(XZ);
    xz.cut().await;
    let ask = v1::OnDutyRequest { jurisdiction: LY.into(), at: None };
    let known = xz.inside().on_duty(&ask).unwrap().posts;
    assert_eq!(known[0].people[0].name, B.0, "known with the link down");

    watch.changes(None).await;
    xz.mend().await;

    for city in [LY, XZ] {
        let both = |desk: &agent::desk::Desk| {
            let tasks = desk.tasks(&v1::TasksRequest::default()).unwrap().tasks;
            let mut posts: Vec<_> =
                tasks.into_iter().filter(|task| task.kind == NOBODY).map(|task| task.detail).collect();
            posts.sort();
            (posts.len() == 2).then_some(posts)
        };
        let both = watch.0.agent(city).until("both posts are vacant", both).await;
        assert_eq!(both, ["DUTY_OFFICER", "SHIFT_LEADER"], "{city}");
    }
    watch.everybody_syncs(&[LY, XZ]).await;
    for city in [LY, XZ] {
        assert_eq!(watch.unattended(city), [v1::Role::DutyOfficer, v1::Role::ShiftLeader], "{city}");
    }
    watch.0.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_grave_message_that_meets_a_dead_link_names_whoever_is_on_duty_there() {
    let watch = Watch::begins(&[LY, XZ]).await;
    watch.is(9, 0);
    watch.0.agent(LY).cut().await;
    let warning = watch.warns_unheard().await;
    assert_eq!(call(&watch.task(XZ, "VOICE_FALLBACK", Some(warning)).await), B);

    watch.is(22, 0);
    assert_eq!(call(&watch.task(XZ, "VOICE_FALLBACK", Some(warning)).await), C, "nobody is on duty: the leader");
    watch.0.agent(LY).mend().await;
    watch.0.end().await;
}
