#![allow(clippy::unwrap_used)]

use model::{kind::Kind, reason::Reason, time::Timestamp};

use super::*;
use crate::{rules, status::Lang};

const NOW: Timestamp = Timestamp::from_millis(1_784_347_500_000);

/// The contract's own example of a kind.
fn example(kind: Kind) -> v1::body::Body {
    rules::example(kind, Lang::Zh, NOW).body.unwrap().body.unwrap()
}

fn tanker() -> v1::IncidentReport {
    let v1::body::Body::IncidentReport(body) = example(Kind::IncidentReport) else { unreachable!() };
    body
}

fn stands() -> v1::SituationReport {
    let v1::body::Body::SituationReport(body) = example(Kind::SituationReport) else { unreachable!() };
    body
}

fn read(body: &v1::IncidentReport) -> Facts {
    let thread::Facts::Incident(facts) = report(body).unwrap() else { unreachable!() };
    *facts
}

fn read_situation(body: &v1::SituationReport) -> situation::Facts {
    let thread::Facts::Situation(facts) = situation(body).unwrap() else { unreachable!() };
    facts
}

/// The same report with one thing changed.
fn with(change: impl Fn(&mut v1::IncidentReport)) -> v1::IncidentReport {
    let mut body = tanker();
    change(&mut body);
    body
}

fn dead(body: &mut v1::IncidentReport) -> &mut v1::Count {
    body.casualties.as_mut().unwrap().dead.as_mut().unwrap()
}

#[test]
fn the_examples_of_the_contract_are_read() {
    let facts = read(&tanker());
    assert_eq!((facts.report_type, facts.sequence_no), (ReportType::Initial, 0));
    assert_eq!((facts.resolved, facts.refuted, facts.corrects), (false, false, false));
    assert_eq!(facts.place.division.as_str(), "371322");
    assert!(facts.place.name.contains("红花镇") && facts.place.point.is_some() && facts.course.is_some());
    assert_eq!((facts.casualties.dead.count, facts.loss_yuan), (Some(2), Some(1_500_000)));
    assert!(facts.phone_reported_at.is_some());

    let facts = read_situation(&stands());
    assert_eq!((facts.number, facts.corrects, facts.places.len()), (1, false, 1));
    assert_eq!((facts.places[0].place.name.as_str(), facts.places[0].casualties.dead.count), ("红花镇", Some(2)));
}

#[test]
fn an_unknown_number_is_none_whatever_stands_beside_it() {
    let unknown = with(|body| dead(body).certainty = v1::Certainty::Unknown.into());
    assert_eq!(read(&unknown).casualties.dead, Count::default());
    let zero = with(|body| dead(body).count = Some(0));
    assert_eq!(read(&zero).casualties.dead.count, Some(0), "and a known zero is zero");
}

#[test]
fn what_a_report_tells_beside_its_figures_is_read() {
    let facts = read(&with(|body| {
        body.report_type = v1::ReportType::FollowUp.into();
        body.sequence_no = Some(4);
        body.resolved = true;
        body.verification_state = v1::VerificationState::Refuted.into();
        body.correction_reason = "重复统计".into();
        body.brief_course.clear();
        body.phone_reported_at = None;
        body.direct_loss_yuan = None;
    }));
    assert_eq!((facts.report_type, facts.sequence_no), (ReportType::FollowUp, 4));
    assert_eq!((facts.resolved, facts.refuted, facts.corrects), (true, true, true));
    assert_eq!((facts.course, facts.phone_reported_at, facts.loss_yuan), (None, None, None));
}

#[test]
fn a_report_that_differs_in_its_own_name_and_times_alone_says_the_same() {
    let first = read(&tanker()).substance;
    let later = |at: &mut Option<prost_types::Timestamp>| at.as_mut().unwrap().seconds += 60;
    let same: [&dyn Fn(&mut v1::IncidentReport); 8] = [
        &|body| body.report_type = v1::ReportType::FollowUp.into(),
        &|body| body.sequence_no = Some(1),
        &|body| body.title.push_str("（续报一）"),
        &|body| body.brief_course.clear(),
        &|body| later(&mut body.next_report_due),
        &|body| later(&mut body.known_at),
        &|body| later(&mut dead(body).as_of),
        &|body| body.correction_reason = "重复统计".into(),
    ];
    for (at, change) in same.iter().enumerate() {
        assert_eq!(read(&with(change)).substance, first, "{at}");
    }
    let other: [&dyn Fn(&mut v1::IncidentReport); 7] = [
        &|body| dead(body).count = Some(3),
        &|body| dead(body).certainty = v1::Certainty::Estimated.into(),
        &|body| body.measures_taken.push('。'),
        &|body| body.trend = v1::Trend::Stable.into(),
        &|body| body.cross_border.as_mut().unwrap().toward.push("320700".into()),
        &|body| body.resolved = true,
        &|body| later(&mut body.occurred_at),
    ];
    for (at, change) in other.iter().enumerate() {
        assert_ne!(read(&with(change)).substance, first, "{at}");
    }
}

#[test]
fn what_is_broken_in_a_report_is_named_by_its_place() {
    let fault = |change: &dyn Fn(&mut v1::IncidentReport)| {
        let invalid = report(&with(change)).unwrap_err();
        (invalid.reason, invalid.field)
    };
    let missing = |field: &str| (Reason::MissingField, field.to_owned());
    assert_eq!(fault(&|body| body.report_type = 0), missing("report_type"));
    assert_eq!(fault(&|body| body.report_type = 9), (Reason::BadCode, "report_type".to_owned()));
    assert_eq!(fault(&|body| body.sequence_no = None), missing("sequence_no"));
    assert_eq!(fault(&|body| body.occurred_at = None), missing("occurred_at"));
    assert_eq!(fault(&|body| body.known_at = None), missing("known_at"));
    assert_eq!(fault(&|body| body.place = None), missing("place"));
    let place = |body: &mut v1::IncidentReport| body.place.take().unwrap();
    let with_place = |change: &dyn Fn(&mut v1::IncidentPlace)| {
        fault(&|body| {
            let mut at = place(body);
            change(&mut at);
            body.place = Some(at);
        })
    };
    assert_eq!(with_place(&|place| place.division.clear()), missing("place.division"));
    assert_eq!(with_place(&|place| place.address.clear()), missing("place.address"));
    let nowhere = v1::Point { lat_e7: 910_000_000, lon_e7: 0 };
    let off = with_place(&|place| place.point = Some(nowhere));
    assert_eq!(off, (Reason::BadGeometry, "place.point.lat_e7".to_owned()));
    assert_eq!(fault(&|body| body.casualties = None), missing("casualties"));
    assert_eq!(fault(&|body| body.casualties.as_mut().unwrap().evacuated = None), missing("casualties.evacuated"));
    assert_eq!(fault(&|body| dead(body).certainty = 0), missing("casualties.dead.certainty"));
    assert_eq!(fault(&|body| dead(body).count = None), missing("casualties.dead.count"));
    assert_eq!(fault(&|body| dead(body).as_of = None), missing("casualties.dead.as_of"));
}

#[test]
fn what_is_broken_in_a_situation_is_named_by_its_place() {
    let fault = |change: &dyn Fn(&mut v1::SituationReport)| {
        let mut body = stands();
        change(&mut body);
        situation(&body).unwrap_err().field
    };
    assert_eq!(fault(&|body| body.report_number = 0), "report_number");
    assert_eq!(fault(&|body| body.casualties[0].name.clear()), "casualties[0].name");
    assert_eq!(fault(&|body| body.casualties[0].counts = None), "casualties[0].counts");
    assert_eq!(
        fault(&|body| body.casualties[0].counts.as_mut().unwrap().missing = None),
        "casualties[0].counts.missing"
    );
    let mut corrected = stands();
    corrected.correction_reason = "重复统计".into();
    assert!(read_situation(&corrected).corrects);
}
