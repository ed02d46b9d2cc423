//! 零报告: every city owes its report every day. Whoever is silent is reminded and then missing for all to see, and
//! silence is never zero.

use bytes::Bytes;
use model::ids::MessageId;
use model::time::{Civil, Timestamp};
use prost::Message as _;
use proto::record::DutyRow;
use proto::v1;

use crate::world::drafts::officer;
use crate::world::live::World;
use crate::world::papers::{Paper, paper};
use crate::world::region::{JN, JS, LY, LYG, Lands, RZ, SD, TA, WF, XZ, ZB, ZZ};

const CITIES: [&str; 9] = [LY, XZ, LYG, RZ, ZZ, JN, TA, ZB, WF];
const WINDOW: &str = "2027-wuyue";

/// Nine cities and two provinces in the days before and in a window.
struct Days(World);

impl Days {
    /// On the morning of 12 May; the window begins on the 13th.
    async fn begin() -> Self {
        let everybody: Vec<&str> = CITIES.into_iter().chain([SD, JS]).collect();
        let mut world = World::without_agents(&everybody, Lands::Known).await;
        world.region.publish_window(WINDOW, "2027-05-13", "2027-05-14").unwrap();
        world.relay().reload_trust().await;
        for city in &everybody {
            world.start_agent(city).await;
        }
        for city in &everybody {
            world.agent(city).linked().await;
        }
        Self(world)
    }

    fn at(day: u8, hour: u8, minute: u8) -> Timestamp {
        Civil::date(2027, 5, day).unwrap().at(hour, minute).timestamp(480)
    }

    /// The clock says so, and the broker has raised what that reaches.
    async fn is(&self, day: u8, hour: u8, minute: u8) {
        let now = Self::at(day, hour, minute);
        self.0.clock.set(now);
        let done = |relay: &broker::relay::Relay| {
            relay.engine.read(|_, rows| {
                let today = rows.get(b"y").unwrap().map(|row| proto::record::DayRow::decode(row).unwrap().date);
                let next = rows.scan(b"w", b"w", 1).unwrap();
                let wakes = next.first().map(|(key, _)| broker::relay::fold::keys::wake_parts(key).unwrap().0);
                let told = rows.scan(b"e", b"e", 1).unwrap().is_empty();
                let date = now.civil(480).date_number();
                (today == Some(date) && told && wakes.is_none_or(|at| at > now)).then_some(())
            })
        };
        self.0.at_broker("the broker has caught up", done).await;
    }

    /// Who owes a report today, and until when.
    fn owed(&self) -> Vec<(String, Timestamp)> {
        self.0.relay().engine.read(|_, rows| {
            let duties = rows.scan(b"o", b"o", 100).unwrap();
            let duty = |(key, row): &(Bytes, Bytes)| {
                let key = broker::relay::fold::keys::DutyKey::decode(key).unwrap();
                let row = DutyRow::decode(row.clone()).unwrap();
                let owed = key.name.name() == "D18" && row.met_at == 0;
                owed.then(|| (key.obligor.to_string(), Timestamp::from_millis(row.starts_at)))
            };
            duties.iter().filter_map(duty).collect()
        })
    }

    fn paper(&self, form: v1::DutyReportForm, open: &[&str]) -> Paper {
        let now = self.0.clock.now();
        let day = now.civil(480);
        let window = self.0.relay().trust.view().directory.window_on(day).is_some();
        paper!(DutyReport, now, |body| {
            body.date = format!("{:04}-{:02}-{:02}", day.year, day.month, day.day);
            body.window_id = if window { WINDOW.into() } else { String::new() };
            body.report = form.into();
            body.open_incident_ids = open.iter().map(ToString::to_string).collect();
            body.summary =
                if form == v1::DutyReportForm::Daily { "一起事件处置中".into() } else { String::new() };
        })
        .to(&[SD])
    }

    async fn reports(&self, city: &str, form: v1::DutyReportForm, open: &[&str]) -> MessageId {
        let id = self.0.agent(city).send(self.paper(form, open).0).await;
        self.0.agent(city).stage(id, SD, v1::Stage::Delivered).await;
        id
    }

    fn notices(&self, city: &str) -> Vec<v1::DeadlineNotice> {
        let inside = self.0.agent(city).inside();
        let body = |id| match inside.show(id).unwrap().content.unwrap().body.unwrap().body.unwrap() {
            v1::body::Body::DeadlineNotice(notice) => notice,
            other => panic!("{other:?}"),
        };
        self.0.agent(city).notices().into_iter().map(body).collect()
    }

    /// Waits until a city was told so often, and what of the newest.
    async fn told(&self, city: &str, times: usize) -> v1::DeadlineNotice {
        let what = format!("{times} notices");
        let mut all =
            self.0.agent(city).until(&what, |_| Some(self.notices(city)).filter(|all| all.len() >= times)).await;
        assert_eq!(all.len(), times, "{city}");
        all.pop().unwrap()
    }

    /// Who is missing at a desk.
    async fn missing(&self, city: &str) -> Vec<String> {
        let tasks = self.0.desk(city).tasks().await.unwrap();
        let missing = tasks.into_iter().filter(|task| task.kind == "MISSING" || task.kind == "OVERDUE");
        missing.map(|task| task.jurisdiction).collect()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn on_a_day_of_a_window_silence_is_reminded_at_half_past_five_and_missing_at_six() {
    let days = Days::begin().await;
    days.is(12, 12, 0).await;
    assert_eq!(days.owed(), [], "the region's first day begins with nobody missing");

    days.is(13, 0, 0).await;
    let owed = days.owed();
    let mut who: Vec<_> = owed.iter().map(|(who, _)| who.as_str()).collect();
    who.sort_unstable();
    let mut cities = CITIES;
    cities.sort_unstable();
    assert_eq!(who, cities, "the provinces read, and owe none");
    assert!(owed.iter().all(|(_, at)| *at == Days::at(13, 17, 0)), "in the window none at half past eight");

    days.is(13, 16, 40).await;
    let incident = "320300-20270513-0001";
    let own = paper!(IncidentReport, days.0.clock.now(), |_| {}).level(v1::EventLevel::L4).to(&[LY]);
    let own = own.header(|header| header.incident_id = incident.into());
    let own = days.0.agent(XZ).send(own.0).await;
    days.0.agent(XZ).stage(own, LY, v1::Stage::Delivered).await;
    days.0.desk(LY).acknowledge(&Bytes::copy_from_slice(&own.0), officer()).await.unwrap();
    let zero = days.0.agent(XZ).inside().send(days.paper(v1::DutyReportForm::Zero, &[]).0).await.unwrap_err();
    assert_eq!(zero.rule, "K06.zero_with_open_incident");
    days.reports(XZ, v1::DutyReportForm::Daily, &[incident]).await;
    for city in CITIES.into_iter().filter(|city| ![XZ, JN].contains(city)) {
        days.reports(city, v1::DutyReportForm::Zero, &[]).await;
    }

    days.is(13, 17, 0).await;
    assert_eq!(days.owed(), [(JN.to_owned(), Days::at(13, 17, 0))]);
    days.is(13, 17, 30).await;
    let reminder = days.told(JN, 1).await;
    assert_eq!((reminder.rung, reminder.deadline()), (1, v1::DeadlineName::D18));
    assert!(days.notices(SD).is_empty(), "a reminder is the obligor's own");
    days.is(13, 18, 0).await;
    for city in CITIES.into_iter().chain([SD, JS]) {
        let told = days.told(city, if city == JN { 2 } else { 1 }).await;
        assert_eq!((told.what(), told.obligor.unwrap().jurisdiction.as_str()), (v1::DeadlineEvent::Missing, JN));
        assert_eq!(days.missing(city).await, [JN], "{city}");
    }

    days.is(13, 19, 10).await;
    days.reports(JN, v1::DutyReportForm::Zero, &[]).await;
    for city in [LY, SD, JS] {
        let told = days.told(city, 2).await;
        assert_eq!((told.late_by.unwrap().seconds, told.met_at.is_some()), (130 * 60, true));
        assert!(days.missing(city).await.is_empty(), "gone from the views");
        assert!(days.0.desk(city).all_tasks().await.unwrap().iter().any(|task| task.kind == "MISSING"), "and kept");
        let ask = v1::ReportCardRequest { jurisdiction: JN.into() };
        let card = days.0.agent(city).inside().report_card(&ask).unwrap();
        let line = card.lines.iter().find(|line| line.deadline == "D18").unwrap();
        assert_eq!((line.late, line.missing, line.on_time), (1, 0, 0), "{city}: each counts once");
    }
    days.is(13, 23, 59).await;
    assert_eq!(days.told(LY, 2).await.what(), v1::DeadlineEvent::Missing, "exactly once");
    days.0.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whose_agent_is_down_all_day_is_missing_and_a_broker_that_begins_the_day_late_knows_it() {
    let mut world = World::without_agents(&[LY, ZB, SD], Lands::Known).await;
    for city in [LY, SD] {
        world.start_agent(city).await;
    }
    for city in [LY, SD] {
        world.agent(city).linked().await;
    }
    let mut days = Days(world);
    days.is(12, 23, 50).await;
    days.0.stop_broker().await;
    days.0.clock.set(Days::at(13, 7, 0));
    days.0.start_broker().await;
    for city in [LY, SD] {
        days.0.agent(city).linked().await;
    }
    days.is(13, 7, 0).await;
    assert_eq!(days.owed().len(), 2, "the hour has not come");
    assert!(days.owed().iter().all(|(_, at)| *at == Days::at(13, 8, 30)), "outside a window in the morning");
    days.reports(LY, v1::DutyReportForm::Zero, &[]).await;

    days.is(13, 9, 30).await;

    let told = days.told(SD, 1).await;
    assert_eq!((told.what(), told.obligor.unwrap().jurisdiction.as_str()), (v1::DeadlineEvent::Missing, ZB));
    days.told(LY, 1).await;
    assert_eq!(days.missing(LY).await, [ZB]);

    days.0.stop_broker().await;
    days.0.clock.set(Days::at(14, 12, 0));
    days.0.start_broker().await;
    days.is(14, 12, 0).await;
    assert_eq!(days.owed(), [], "nobody could report by half past eight, so nobody is missing");
    days.0.end().await;
}
