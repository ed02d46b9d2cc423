//! Decisions of the policy.
#![allow(clippy::unwrap_used)]

use std::time::Duration;

use super::*;
use crate::{
    header::{Action, Signatory},
    ids::{DocumentId, ItemId},
    judge::sample::{NOON, header, member},
    role::Role,
};

const YEAR: Duration = Duration::from_hours(365 * 24);

fn demo() -> Policy {
    Policy::parse(&demo_text(&"linyi".parse().unwrap(), 1, NOON.plus(YEAR), &["LY-XZ-2026".parse().unwrap()])).unwrap()
}

fn narrow(extra: &str) -> Policy {
    let text = format!(
        "version = 2\nregion = \"linyi\"\nexpires = 2099-01-01T00:00:00+08:00\n[[grant]]\nid = \"one\"\n\
         from = [\"371300\"]\nto = [\"320300\"]\nkinds = [\"K01\", \"RESOURCE_REQUEST\"]\n{extra}"
    );
    Policy::parse(&text).unwrap()
}

fn ask<'a>(header: &'a Header, to: &'a JurisdictionId) -> Ask<'a> {
    Ask { header, to: Some(to), content_bytes: 1_000, now: NOON }
}

fn rule(policy: &Policy, header: &Header, to: &str) -> (Reason, String) {
    let invalid = policy.judge(ask(header, &member(to))).unwrap_err();
    (invalid.reason, invalid.rule)
}

#[test]
fn between_members_information_is_allowed_by_default() {
    let allowed = demo().judge(ask(&header(Kind::IncidentReport), &member("320300")));
    assert_eq!(allowed.unwrap().as_str(), "information");
}

#[test]
fn resources_need_an_agreement_that_the_grant_names_or_none() {
    let mut request = header(Kind::ResourceRequest);
    let to = member("320300");
    let with = |request: &mut Header, cover| {
        request.agreement_id = cover;
        demo().judge(ask(request, &to)).map_err(|invalid| invalid.rule)
    };
    let granted = Ok("resources-and-action".parse().unwrap());

    assert_eq!(with(&mut request, Some(Cover::Agreement("LY-XZ-2026".parse().unwrap()))), granted);
    assert_eq!(with(&mut request, Some(Cover::Outside)), granted);
    assert_eq!(with(&mut request, Some(Cover::Agreement("other".parse().unwrap()))), Err("grant.agreement".into()));
    assert_eq!(with(&mut request, None), Err("grant.agreement".into()));
}

#[test]
fn what_no_line_allows_is_refused_and_the_nearest_line_says_why() {
    let policy = narrow("precedence = \"PRIORITY\"\nconfidentiality = \"INTERNAL\"\ncontent_bytes_max = 1000");
    let mut report = header(Kind::IncidentReport);
    report.precedence = Precedence::Priority;
    assert_eq!(policy.judge(ask(&report, &member("320300"))).unwrap().as_str(), "one");

    assert_eq!(rule(&policy, &report, "320700"), (Reason::NoAgreement, "grant.none".into()));
    assert_eq!(rule(&policy, &header(Kind::Alert), "320300"), (Reason::NoAgreement, "grant.kind".into()));
    let mut flash = report.clone();
    flash.precedence = Precedence::Flash;
    assert_eq!(rule(&policy, &flash, "320300"), (Reason::NoAgreement, "grant.precedence".into()));
    let mut sensitive = report.clone();
    sensitive.confidentiality = Confidentiality::Sensitive;
    assert_eq!(rule(&policy, &sensitive, "320300"), (Reason::Confidentiality, "grant.confidentiality".into()));
    let to = member("320300");
    let large = Ask { content_bytes: 1_001, ..ask(&report, &to) };
    assert_eq!(policy.judge(large).unwrap_err().reason, Reason::TooLarge);
}

#[test]
fn a_grant_speaks_in_one_direction_only() {
    let mut back = header(Kind::IncidentReport);
    back.sender.jurisdiction = member("320300");
    assert!(narrow("").judge(ask(&back, &member("371300"))).is_err());
}

#[test]
fn a_grant_applies_within_its_time_alone() {
    let policy = narrow("valid_from = 2026-07-18\nvalid_until = 2026-07-19T00:00:00+08:00");
    let report = header(Kind::IncidentReport);
    let to = member("320300");
    let at = |now: Timestamp| policy.judge(Ask { now, ..ask(&report, &to) }).map_err(|invalid| invalid.rule);
    let grant = policy.grants().first().unwrap();
    let (from, until) = (grant.valid_from.unwrap(), grant.valid_until.unwrap());
    assert_eq!(until.rfc3339(), "2026-07-18T16:00:00.000Z");

    assert!(at(from).is_ok() && at(until).is_ok());
    let moment = Duration::from_millis(1);
    assert_eq!(at(from.minus(moment)), Err("grant.validity".into()));
    assert_eq!(at(until.plus(moment)), Err("grant.validity".into()));
}

#[test]
fn the_broker_needs_no_grant() {
    let mut notice = header(Kind::DeadlineNotice);
    notice.sender.jurisdiction = JurisdictionId::broker();
    assert_eq!(narrow("").judge(ask(&notice, &member("320300"))).unwrap().as_str(), "broker");
}

#[test]
fn a_document_change_needs_a_line_to_everybody() {
    let mut change = header(Kind::CatalogueChange);
    change.recipients.clear();
    change.action = Action::Originate;
    change.document = Some(crate::header::DocumentChange {
        document_id: DocumentId::catalogue(&member("371300")),
        item_id: Some("pump-1".parse::<ItemId>().unwrap()),
        op: crate::header::DocumentOp::Put,
        if_match: None,
        members: None,
    });
    let asked = Ask { header: &change, to: None, content_bytes: 10, now: NOON };

    assert_eq!(demo().judge(asked).unwrap().as_str(), "resources-and-action");
    assert!(narrow("").judge(asked).is_err());
}

#[test]
fn a_quota_is_what_the_grants_say_and_else_the_common_one() {
    let policy = narrow("per_second = 5\nflash_per_hour = 3\nstored_bytes = 1000");
    let quota = policy.quota(&member("371300"), NOON);

    assert_eq!((quota.per_second, quota.flash_per_hour, quota.stored_bytes), (5, 3, 1_000));
    assert_eq!(quota.stored_envelopes, limits::STORED_ENVELOPES_MAX);
    assert_eq!(policy.quota(&member("320300"), NOON), Quota::default());
}

#[test]
fn nobody_is_an_operator_by_wildcard() {
    let head = "version = 1\nregion = \"linyi\"\nexpires = 2099-01-01T00:00:00Z\n";
    let line = |who: &str| format!("{head}[[admin]]\nid = \"ops\"\nwho = [\"{who}\"]\nacts = [\"redrive\"]\n");

    let policy = Policy::parse(&line("operator-zhang")).unwrap();
    assert_eq!(policy.allows_admin("operator-zhang", "redrive").unwrap().as_str(), "ops");
    assert_eq!(policy.allows_admin("operator-zhang", "policy"), None);
    assert_eq!(policy.allows_admin("operator-li", "redrive"), None);
    assert!(Policy::parse(&line("*")).is_err());
}

#[test]
fn a_wrong_key_id_or_value_is_an_error_that_names_its_place() {
    for wrong in [
        "kindz = [\"K01\"]",
        "families = [\"A9\"]",
        "precedence = \"URGENT\"",
        "agreements = [\"a b\"]",
        "deadline_minutes = { D99 = 1 }",
        "[[grant]]\nid = \"one\"\nfrom = [\"*\"]\nto = [\"*\"]\nkinds = [\"K01\"]",
        "[[grant]]\nid = \"two\"\nfrom = []\nto = [\"*\"]\nkinds = [\"K01\"]",
        "[[grant]]\nid = \"two\"\nfrom = [\"*\"]\nto = [\"*\"]",
        "[[grant]]\nid = \"two\"\nfrom = [\"*\", \"371300\"]\nto = [\"*\"]\nkinds = [\"K01\"]",
    ] {
        let text = format!(
            "version = 2\nregion = \"linyi\"\nexpires = 2099-01-01T00:00:00Z\n[[grant]]\nid = \"one\"\n\
             from = [\"371300\"]\nto = [\"320300\"]\nkinds = [\"K01\"]\n{wrong}"
        );
        assert!(Policy::parse(&text).is_err(), "{wrong}");
    }
}

#[test]
fn deadlines_of_an_agreement_are_kept_by_name() {
    let policy = narrow("deadline_minutes = { D01 = 5, D10 = 45 }");
    let deadlines = &policy.grants().first().unwrap().deadlines;
    assert_eq!(deadlines.get(&DeadlineName::D10), Some(&Duration::from_mins(45)));
}

#[test]
fn the_demo_policy_has_nothing_to_correct() {
    let grave = demo().lint(NOON).into_iter().filter(|finding| finding.gravity == Gravity::Error).count();
    assert_eq!(grave, 0);
}

#[test]
fn lint_finds_what_can_never_apply() {
    let rules = |policy: Policy| policy.lint(NOON).into_iter().map(|finding| finding.rule).collect::<Vec<_>>();
    assert_eq!(rules(narrow("")), ["grant.no_agreement"]);
    let turned = narrow("agreements = [\"NONE\"]\nvalid_from = 2099-01-02\nvalid_until = 2099-01-01");
    assert_eq!(rules(turned), ["grant.never_valid"]);
    assert_eq!(demo().lint(NOON.plus(YEAR + YEAR)).first().unwrap().rule, "policy.expired");
}

#[test]
fn a_difference_reads_line_by_line() {
    let (before, after) = (narrow("per_second = 5"), narrow("per_second = 5\nconfidentiality = \"PUBLIC\""));
    let changes: Vec<_> = before.diff(&after).iter().map(ToString::to_string).collect();
    assert_eq!(changes, ["~ one confidentiality: INTERNAL -> PUBLIC"]);
    assert_eq!(before.diff(&before), []);

    let changes: Vec<_> = narrow("").diff(&demo()).iter().map(ToString::to_string).collect();
    assert!(changes.iter().any(|change| change.starts_with("- one allow 371300 -> 320300 kinds K01 K11")));
    assert!(changes.iter().any(|change| change.starts_with("+ information allow * -> * kinds K01 K02")));
}

#[test]
fn the_sample_header_is_signed_by_two() {
    let sample = header(Kind::IncidentReport);
    let by = |signatory: &Signatory| signatory.role;
    assert_eq!(
        (by(&sample.prepared_by), sample.signed_off_by.as_ref().map(by)),
        (Role::DutyOfficer, Some(Role::ShiftLeader))
    );
}
