//! What one matter means for another: nobody reports zero with an incident open, and two incidents become one.

use std::collections::BTreeSet;

use model::{kind::Kind, time::Timestamp};
use proto::{record, v1};
use serde_json::json;

use super::{
    super::query,
    desk::{Draft, LIANYUNGANG, LINYI, Table, XUZHOU},
};

const OF_XUZHOU: &str = "320300-20270115-0001";
const OF_LIANYUNGANG: &str = "320700-20270115-0001";

impl Table {
    /// A neighbour's first report of an incident.
    fn reported(&mut self, from: &str, incident: &str) {
        let report = self.example(Kind::IncidentReport, from, |_| {}).unwrap();
        let report = report.with(|header| incident.clone_into(&mut header.incident_id));
        self.receive(&[(&report, "")]);
        assert_eq!(self.rule(&report), "");
    }

    /// A neighbour's report of the day: its form, and the incidents it names.
    fn duty(&mut self, from: &str, form: &str, incidents: &[&str]) -> Draft {
        let report = self.example(Kind::DutyReport, from, |body| {
            body["report"] = json!(form);
            body["open_incident_ids"] = json!(incidents);
        });
        let report = report.unwrap();
        self.receive(&[(&report, "")]);
        report
    }

    fn merged(&mut self, by: &str, from: &str, into: &str) -> Draft {
        let bulletin = self.example(Kind::Bulletin, by, |body| {
            body["subtype"] = json!("INCIDENT_MERGE");
            body["merged"] = json!({"from": from, "into": into});
        });
        let bulletin = bulletin.unwrap();
        self.receive(&[(&bulletin, "")]);
        bulletin
    }

    /// The rule that a message breaks; empty for none.
    pub(super) fn rule(&mut self, draft: &Draft) -> String {
        self.read(|_, rows| query::judged(rows, draft.id())).unwrap().map(|row| row.rule).unwrap_or_default()
    }

    fn incident(&mut self, id: &str) -> &'static str {
        let reports = self.read(|_, rows| query::reports(rows, &id.parse().unwrap())).unwrap();
        let [(_, report)] = reports.as_slice() else { panic!("{} threads", reports.len()) };
        report.thread.as_ref().unwrap().state().name
    }
}

#[test]
fn nobody_reports_zero_while_an_incident_of_theirs_is_open() {
    let mut desk = Table::new();
    desk.reported(XUZHOU, OF_XUZHOU);

    let zero = desk.duty(XUZHOU, "ZERO", &[]);
    assert_eq!(desk.rule(&zero), "K06.zero_with_open_incident");
    let daily = desk.duty(XUZHOU, "DAILY", &[OF_XUZHOU]);
    assert_eq!(desk.rule(&daily), "");
    let neighbour = desk.duty(LIANYUNGANG, "ZERO", &[]);
    assert_eq!(desk.rule(&neighbour), "", "it is not their incident");
    desk.replay();
}

#[test]
fn the_author_of_either_makes_one_incident_of_two() {
    let mut desk = Table::new();
    desk.reported(XUZHOU, OF_XUZHOU);
    desk.reported(LIANYUNGANG, OF_LIANYUNGANG);

    desk.merged("371100", OF_XUZHOU, OF_LIANYUNGANG);
    assert_eq!(desk.incident(OF_XUZHOU), "REPORTED", "a third city says nothing about it");
    desk.merged(LIANYUNGANG, OF_XUZHOU, OF_LIANYUNGANG);
    assert_eq!((desk.incident(OF_XUZHOU), desk.incident(OF_LIANYUNGANG)), ("MERGED", "REPORTED"));
    let zero = desk.duty(XUZHOU, "ZERO", &[]);
    assert_eq!(desk.rule(&zero), "", "it is reported elsewhere now");
    let unknown = desk.merged(XUZHOU, "320300-20270115-0009", OF_LIANYUNGANG);
    assert_eq!(desk.rule(&unknown), "");
    assert_eq!(desk.read(|_, rows| query::open_incidents(rows, &LINYI.parse().unwrap())).unwrap(), []);
    desk.replay();
}

impl Table {
    /// A request for action to us and to the other neighbour.
    pub(super) fn asked_of_both(&mut self) -> Draft {
        let to = [LINYI, LIANYUNGANG].map(|id| v1::Address {
            to: Some(v1::address::To::Jurisdiction(v1::JurisdictionAddress { id: id.to_owned(), role: 0 })),
        });
        let request = self.example(Kind::ActionRequest, XUZHOU, |_| {}).unwrap();
        request.with(|header| header.recipients = to.to_vec())
    }

    /// A neighbour's answer to a message, by the example of its kind.
    pub(super) fn answered(&mut self, kind: Kind, from: &str, to: &Draft) -> Draft {
        let (thread, before) = (to.header.originating_message_id.clone(), to.header.message_id.clone());
        let incident = to.header.incident_id.clone();
        self.example(kind, from, |_| {}).unwrap().with(|header| {
            (header.originating_message_id, header.preceding_message_id) = (thread, before);
            header.action = v1::Action::Reply.into();
            header.incident_id = incident;
        })
    }

    /// What the clerk does: whatever need wait no longer takes its step.
    pub(super) fn follow(&mut self, drafts: &[&Draft]) -> usize {
        let now = Timestamp::from_millis(self.now);
        let ready = self.read(|_, rows| query::followers(rows, now)).unwrap();
        for (row, may_step) in &ready {
            let draft = drafts.iter().find(|draft| draft.header.message_id == row.message_id).unwrap();
            let content = if *may_step { draft.envelope().content } else { bytes::Bytes::new() };
            let message_id = row.message_id.clone();
            self.fold(
                record::kind::FOLLOWED,
                &record::Followed { message_id, content, at: row.accepted_at, stamp: None },
            );
        }
        ready.len()
    }

    /// Whether its sender is to be told that it was unlawful.
    pub(super) fn objected(&mut self, draft: &Draft) -> bool {
        let owed = self.read(|_, rows| query::objections(rows, &BTreeSet::new(), 10)).unwrap();
        owed.contains(&draft.id())
    }

    pub(super) fn waits(&mut self, draft: &Draft) -> bool {
        self.read(|_, rows| query::judged(rows, draft.id())).unwrap().is_some_and(|judged| judged.orphan)
    }
}

#[test]
fn a_step_that_overtakes_the_one_it_follows_waits_for_it_and_nobody_objects() {
    let mut desk = Table::new();
    let request = desk.asked_of_both();
    let agreed = desk.answered(Kind::ActionResponse, LIANYUNGANG, &request);
    let status = desk.answered(Kind::ActionStatus, LIANYUNGANG, &agreed);
    let all = [&request, &agreed, &status];

    desk.receive(&[(&request, "")]);
    desk.receive(&[(&status, "")]);
    assert!(desk.waits(&status), "{}", desk.rule(&status));
    assert_eq!((desk.follow(&all), desk.objected(&status)), (0, false));

    let next = desk.answered(Kind::ActionStatus, LIANYUNGANG, &status);
    desk.receive(&[(&next, "")]);
    assert!(desk.waits(&next), "what it follows is here, and waits itself");

    desk.receive(&[(&agreed, "")]);
    let all = [&request, &agreed, &status, &next];
    assert_eq!((desk.follow(&all), desk.follow(&all), desk.follow(&all)), (1, 1, 0), "one after the other");
    for step in [&status, &next] {
        assert_eq!((desk.waits(step), desk.rule(step).as_str(), desk.objected(step)), (false, "", false));
    }
    desk.replay();
}

#[test]
fn who_waits_in_vain_is_told_after_ten_minutes() {
    let mut desk = Table::new();
    let request = desk.asked_of_both();
    let agreed = desk.answered(Kind::ActionResponse, LIANYUNGANG, &request);
    let status = desk.answered(Kind::ActionStatus, LIANYUNGANG, &agreed);
    desk.receive(&[(&request, "")]);
    desk.receive(&[(&status, "")]);

    desk.now += 10 * 60 * 1_000 - 1;
    assert_eq!(desk.follow(&[&status]), 0);
    desk.now += 1;
    assert_eq!(desk.follow(&[&status]), 1);
    assert_eq!(
        (desk.waits(&status), desk.rule(&status).as_str(), desk.objected(&status)),
        (false, "thread.unknown", true)
    );
    assert_eq!(desk.follow(&[&status]), 0);
    desk.replay();
}
