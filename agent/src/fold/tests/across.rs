//! What one matter means for another: nobody reports zero with an incident open, and two incidents become one.

use model::kind::Kind;
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
    fn rule(&mut self, draft: &Draft) -> String {
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
