//! Routes in a schematic region: two provinces, three cities and a county in a row of squares.
#![allow(clippy::unwrap_used)]

use super::*;
use crate::{
    directory::{ByArea, Member},
    geometry::{
        Point,
        tests::{circle, square},
    },
    header::{DrillRef, EventLevel},
    ids::GroupId,
    judge::sample::{header, member},
    kind::Kind,
};

/// 371300 | 320300 | 320700 from west to east, one degree each at 35° north.
fn directory() -> Directory {
    let city = |id: &str, west: f64| Member {
        territory: vec![square(35.0, west, 36.0, west + 1.0)],
        centroid: Some(Point::from_degrees(35.5, west + 0.5).unwrap()),
        ..Member::new(member(id), id, id)
    };
    let province = |id: &str| Member { by_area: ByArea::NotReached, ..city(id, 118.0) };
    let members = [
        city("371300", 118.0),
        city("320300", 119.0),
        city("320700", 120.0),
        Member::new(member("371302"), "兰山区", "Lanshan"),
        province("370000"),
        province("320000"),
    ];
    let groups = [("jiangsu", ["320300", "320700"].as_slice()), ("gone", &["999999"])];
    let groups = groups.map(|(id, ids)| (id.parse().unwrap(), ids.iter().map(|id| member(id)).collect()));
    Directory::new(1, members, groups)
}

fn to(id: &str) -> Address {
    Address::Jurisdiction { id: member(id), role: None }
}

fn group(id: &str) -> Address {
    Address::Group(id.parse::<GroupId>().unwrap())
}

/// A report at L2 from 371300.
fn report(recipients: Vec<Address>) -> Header {
    Header { recipients, ..header(Kind::IncidentReport) }
}

/// The same at L4, which no superior needs to see.
fn mild(recipients: Vec<Address>) -> Header {
    Header { event_level: Some(EventLevel::L4), ..report(recipients) }
}

fn names(ids: &[JurisdictionId]) -> Vec<&str> {
    ids.iter().map(JurisdictionId::as_str).collect()
}

fn deliveries(routed: &Routed) -> Vec<(&str, As)> {
    routed.deliveries.iter().map(|(id, r#as)| (id.as_str(), *r#as)).collect()
}

fn route(header: &Header) -> Routed {
    resolve(header, &directory(), None).unwrap()
}

fn refusal(header: &Header) -> (Reason, String) {
    let invalid = resolve(header, &directory(), None).unwrap_err();
    (invalid.reason, invalid.rule)
}

#[test]
fn ids_and_groups_reach_whom_they_name_once_each() {
    let routed = route(&mild(vec![to("320300"), group("jiangsu"), to("320300")]));
    assert_eq!(names(&routed.touched), ["320300", "320700"]);
    assert_eq!(deliveries(&routed), [("320300", As::To), ("320700", As::To)]);
    assert!(routed.superior_absent.is_empty());
}

#[test]
fn an_area_reaches_whose_ground_it_meets_but_no_province() {
    let routed = route(&mild(vec![Address::Area(circle(35.5, 119.0, 5_000))]));
    assert_eq!(names(&routed.touched), ["320300", "371300"]);
    assert_eq!(deliveries(&routed), [("320300", As::To)], "the sender is touched and gets no delivery");
}

#[test]
fn an_address_that_reaches_nobody_is_refused_with_its_place() {
    let rule = |rule: &str| (Reason::Unroutable, rule.to_owned());
    assert_eq!(refusal(&mild(vec![to("110000")])), rule("route.member"));
    assert_eq!(refusal(&mild(vec![group("nobody")])), rule("route.group"));
    assert_eq!(refusal(&mild(vec![group("gone")])), rule("route.nobody"));
    assert_eq!(refusal(&mild(vec![Address::Area(circle(39.9, 116.4, 1_000))])), rule("route.nobody"));
    assert_eq!(refusal(&mild(vec![to("371300")])), rule("route.only_sender"));

    let second = mild(vec![to("320300"), to("110000")]);
    assert_eq!(resolve(&second, &directory(), None).unwrap_err().field, "recipients[1].jurisdiction.id");
}

#[test]
fn at_l1_to_l3_both_provinces_are_copied() {
    let routed = route(&report(vec![to("320300")]));
    let expected = [("320300", As::To), ("320000", As::CcSuperior), ("370000", As::CcSuperior)];
    assert_eq!(deliveries(&routed), expected);
    assert_eq!(names(&routed.touched), ["320300"], "copied, not touched");
}

#[test]
fn a_common_province_is_copied_once() {
    let mut inside = report(vec![to("320700")]);
    inside.sender.jurisdiction = member("320300");
    assert_eq!(deliveries(&route(&inside)), [("320700", As::To), ("320000", As::CcSuperior)]);
}

#[test]
fn within_one_prefecture_nobody_is_copied() {
    assert_eq!(deliveries(&route(&report(vec![to("371302")]))), [("371302", As::To)]);
}

#[test]
fn a_superior_that_is_addressed_or_speaks_itself_is_not_copied() {
    let addressed = route(&report(vec![to("370000"), to("320300")]));
    let expected = [("320300", As::To), ("370000", As::To), ("320000", As::CcSuperior)];
    assert_eq!(deliveries(&addressed), expected);

    let mut speaks = report(vec![to("320300")]);
    speaks.sender.jurisdiction = member("320000");
    assert_eq!(deliveries(&route(&speaks)), [("320300", As::To)]);
}

#[test]
fn a_superior_outside_the_directory_is_named_and_never_skipped_silently() {
    let without = Directory::new(2, directory().members().filter(|m| m.id != member("320000")).cloned(), []);
    let routed = resolve(&report(vec![to("320300")]), &without, None).unwrap();
    assert_eq!(names(&routed.superior_absent), ["320000"]);
    assert_eq!(deliveries(&routed), [("320300", As::To), ("370000", As::CcSuperior)]);
}

#[test]
fn mild_events_and_other_families_copy_nobody() {
    assert_eq!(route(&mild(vec![to("320300")])).deliveries.len(), 1);
    let meeting = Header { recipients: vec![to("320300")], ..header(Kind::MeetingNotice) };
    assert_eq!(route(&meeting).deliveries.len(), 1);
    let test = Header { status: Status::Test, ..report(vec![to("320300")]) };
    assert_eq!(route(&test).deliveries.len(), 1);
}

#[test]
fn an_alert_counts_by_its_colour() {
    let alert = Header { recipients: vec![to("320300")], ..header(Kind::Alert) };
    assert_eq!(route(&alert).deliveries.len(), 3);
}

#[test]
fn in_an_exercise_only_superiors_who_take_part_are_copied() {
    let drill = Some(DrillRef { drill_id: "flood-26".parse().unwrap(), control: None });
    let exercise = Header { status: Status::Exercise, drill, ..report(vec![to("320300")]) };
    let participants: Participants = ["371300", "320300", "320000"].map(member).into();

    let routed = resolve(&exercise, &directory(), Some(&participants)).unwrap();
    assert_eq!(deliveries(&routed), [("320300", As::To), ("320000", As::CcSuperior)]);
    assert!(routed.superior_absent.is_empty());
    assert_eq!(route(&exercise).deliveries.len(), 1);
}

#[test]
fn a_document_change_goes_to_nobody() {
    assert_eq!(route(&header(Kind::AgendaChange)), Routed::default());
}

#[test]
fn an_entry_may_name_another_province_and_other_superiors() {
    let harbour = Member {
        province: Some(member("370000")),
        superiors: vec![member("371302")],
        ..Member::new(member("harbour"), "港区", "Harbour")
    };
    let directory = Directory::new(3, directory().members().cloned().chain([harbour]), []);
    assert_eq!(directory.province(&member("harbour")), Some(member("370000")));
    assert_eq!(directory.province(&member("nowhere")), None);
    for above in ["371302", "371300", "370000"] {
        assert!(directory.is_superior(&member(above), &member("harbour")), "{above}");
    }
    assert!(!directory.is_superior(&member("320000"), &member("harbour")));

    let routed = resolve(&report(vec![to("harbour")]), &directory, None).unwrap();
    assert_eq!(deliveries(&routed), [("harbour", As::To), ("370000", As::CcSuperior)]);
}

#[test]
fn superiors_that_name_each_other_end_the_search() {
    let loops = |id: &str, above: &str| Member { superiors: vec![member(above)], ..Member::new(member(id), id, id) };
    let directory = Directory::new(4, [loops("aa", "bb"), loops("bb", "aa")], []);
    assert!(!directory.is_superior(&member("cc"), &member("aa")));
}

#[test]
fn the_nearest_centroid_comes_first() {
    let place = Point::from_degrees(35.5, 119.4).unwrap();
    let ids = ["371302", "371300", "320700", "320300"].map(member);
    assert_eq!(names(&directory().nearest(place, ids)), ["320300", "371300", "320700", "371302"]);
}
