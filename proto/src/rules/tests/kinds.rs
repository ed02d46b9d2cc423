//! Rules of more than one field, each broken once on the contract's own examples.

use model::reason::Reason;
use serde_json::{Value, json};

use super::*;
use crate::rules;

/// The example of a kind as JSON with these changes, each at its path; the rules that it then breaks.
fn broken(kind: Kind, changes: &[(&str, Value)]) -> Vec<Invalid> {
    let mut draft = rules::draft_to_json(&rules::example(kind, Lang::Zh, NOON));
    let member = rules::kinds().iter().find(|info| info.kind == kind).unwrap().field.clone();
    for (path, value) in changes {
        let path = path.replacen("/body", &format!("/body/{member}"), 1);
        let (outer, name) = path.rsplit_once('/').unwrap();
        let outer = draft.pointer_mut(outer).unwrap_or_else(|| panic!("{path}"));
        outer.as_object_mut().unwrap().insert(name.to_owned(), value.clone());
    }
    let draft = rules::draft_from_json(Some(kind), &draft).unwrap();
    rules::check_all(&draft.body.unwrap().encode_to_vec().into(), &draft.header.unwrap())
}

#[track_caller]
fn breaks(kind: Kind, changes: &[(&str, Value)], rule: &str, field: &str) {
    let faults = broken(kind, changes);
    let fault = faults.iter().find(|fault| fault.rule == rule).unwrap_or_else(|| panic!("{rule}: {faults:?}"));
    assert_eq!(fault.field, field);
    let (zh, en) = crate::status::texts(fault);
    assert!(zh.contains('「') && en.contains('“'), "{zh} {en}");
}

#[test]
fn incident_reports_hang_together() {
    let k01 = Kind::IncidentReport;
    let follow = ("/body/report_type", json!("FOLLOW_UP"));
    breaks(k01, std::slice::from_ref(&follow), "K01.follow_up_brief_course", "body.brief_course");
    breaks(k01, &[("/body/resolved", json!(true))], "K01.resolved_in_follow_up", "body.resolved");
    breaks(k01, &[follow, ("/body/sequence_no", json!(0))], "K01.sequence_no", "body.sequence_no");
    breaks(k01, &[("/body/report_type", json!("FINAL"))], "K01.final_has_no_next", "body.next_report_due");
    breaks(k01, &[("/body/known_at", json!("2020-01-01T00:00:00Z"))], "K01.known_after_occurred", "body.known_at");
    breaks(k01, &[("/body/report_type", json!("FINAL"))], "K01.cause.required", "body.cause");
}

#[test]
fn a_zero_report_with_an_open_incident_is_a_wrong_step() {
    let zero = [("/body/report", json!("ZERO")), ("/body/open_incident_ids", json!(["371300-20260718-0001"]))];

    let faults = broken(Kind::DutyReport, &zero);

    let fault = faults.iter().find(|fault| fault.rule == "K06.zero_with_open_incident").unwrap();
    assert_eq!(fault.reason, Reason::WrongSequence);
}

#[test]
fn verification_alerts_and_bulletins_hang_together() {
    let update = ("/header/action", json!("ORIGINATE"));
    breaks(
        Kind::VerificationRequest,
        &[update, ("/body/verdict", json!("CONFIRMED"))],
        "K02.verdict_in_update",
        "body.verdict",
    );
    let grave = [
        ("/header/event_level", json!("L2")),
        ("/body/finding", json!("TRUE")),
        ("/body/linked_incident_id", Value::Null),
    ];
    breaks(Kind::VerificationReply, &grave, "K03.linked_incident", "body.linked_incident_id");
    let still = [("/header/answer", json!("DEFINITE")), ("/body/finding", json!("STILL_CHECKING"))];
    breaks(Kind::VerificationReply, &still, "K03.answer", "header.answer");
    let none = [("/body/effective", Value::Null), ("/body/onset", Value::Null)];
    breaks(Kind::Alert, &none, "K04.effective_or_onset", "body.effective");
    breaks(
        Kind::Alert,
        &[("/header/warning_level", json!("BLUE")), ("/body/color", json!("RED"))],
        "K04.color_of_header",
        "body.color",
    );
    breaks(Kind::Bulletin, &[("/header/incident_id", Value::Null)], "K07.incident", "header.incident_id");
}

#[test]
fn requests_offers_and_orders_hang_together() {
    breaks(Kind::ResourceRequest, &[("/header/incident_id", Value::Null)], "K11.incident", "header.incident_id");
    let late = [("/header/sent_at", json!("2026-07-18T03:00:00Z")), ("/body/lapse_at", json!("2027-07-18T03:00:00Z"))];
    breaks(Kind::ResourceRequest, &late, "K11.lapse", "body.lapse_at");
    let unasked = [("/header/action", json!("ORIGINATE")), ("/body/solicited", json!("YES"))];
    breaks(Kind::ResourceOffer, &unasked, "K12.solicited", "body.solicited");
    let offer = [("/body/lines", json!([{"answer": "OFFER"}]))];
    breaks(Kind::ResourceOffer, &offer, "K12.lines.eta.required", "body.lines[0].eta");
    let decline = [("/body/lines", json!([{"answer": "DECLINE"}]))];
    breaks(Kind::ResourceOffer, &decline, "K12.lines.reason.required", "body.lines[0].reason");
    let reply = ("/header/action", json!("REPLY"));
    let defers = [reply, ("/header/answer", json!("DEFINITE")), ("/body/lines", json!([{"answer": "DEFER"}]))];
    breaks(Kind::ResourceOffer, &defers, "K12.answer", "header.answer");
    let twice = [("/body/lines", json!([{"answer": "OFFER", "line_no": 1}, {"answer": "OFFER", "line_no": 1}]))];
    breaks(Kind::ResourceOffer, &twice, "K12.line_no_unique", "body.lines[1].line_no");
    breaks(Kind::ResourceDecision, &[("/body/order_id", Value::Null)], "K13.order_complete", "body.order_id");
    breaks(
        Kind::ResourceCommitment,
        &[("/body/operational_control", json!("SUPPLIER"))],
        "K14.operational_control",
        "body.operational_control",
    );
    breaks(Kind::CostStatement, &[("/body/claim/total", json!({"fen": 1}))], "K18.total", "body.claim.total.fen");
    let more = [("/body/record/quantity_total", json!(1)), ("/body/record/quantity_available", json!(2))];
    breaks(Kind::CatalogueChange, &more, "K10.available_of_total", "body.record.quantity_available");
}

#[test]
fn actions_drills_and_meetings_hang_together() {
    let pending = [
        ("/header/action", json!("REPLY")),
        ("/header/answer", json!("DEFINITE")),
        ("/body/decisions", json!([{"answer": "NEED_APPROVAL"}])),
    ];
    breaks(Kind::ActionResponse, &pending, "K21.answer", "header.answer");
    breaks(Kind::DrillInvitation, &[("/body/end", json!("2020-01-01T00:00:00Z"))], "K30.end_after_start", "body.end");
    breaks(Kind::DrillInvitation, &[("/body/drill_id", json!("another"))], "K30.drill_of_header", "body.drill_id");
    breaks(
        Kind::DrillControl,
        &[("/header/drill/control", json!("TIME_JUMP")), ("/body/time_jump_min", Value::Null)],
        "K33.time_jump",
        "body.time_jump_min",
    );
    breaks(Kind::DrillInject, &[("/body/text", Value::Null)], "K34.message", "body.text");
    breaks(
        Kind::DrillInject,
        &[("/body/text", Value::Null), ("/body/inner", json!("QUFB"))],
        "K34.inner.body",
        "body.inner",
    );
    breaks(
        Kind::MeetingNotice,
        &[("/body/place", Value::Null), ("/body/bridge", Value::Null)],
        "K40.place_or_bridge",
        "body.place",
    );
    breaks(
        Kind::Handover,
        &[("/body/to", json!("371300")), ("/body/from", json!("371300"))],
        "K46.to_another",
        "body.to",
    );
    breaks(Kind::Agreement, &[("/body/terms/parties", json!(["371300"]))], "K54.parties", "body.terms.parties");
    breaks(Kind::AgendaChange, &[("/header/document/op", json!("REMOVE"))], "K42.content", "body.item");
    breaks(Kind::DirectoryChange, &[("/header/document/document_id", json!("agenda/1"))], "K55.content", "body.entry");
    breaks(Kind::ConsultationCall, &[("/header/action", json!("REPLY"))], "K23.part", "body.call");
    breaks(Kind::Extension, &[("/body/request", Value::Null)], "K16.part", "body.request");
    breaks(Kind::ReleaseReturn, &[("/body/release", Value::Null)], "K17.part", "body.release");
}

#[test]
fn an_agenda_gives_its_members_the_rights_of_its_status() {
    let head = |status: &str, members: &str| {
        let document = json!({"document_id": "agenda/M", "op": "PUT", "members": members});
        let draft = json!({"header": {"document": document}, "body": {"head": {"status": status, "meeting_id": "M"}}});
        let draft = rules::draft_from_json(Some(Kind::AgendaChange), &draft).unwrap();
        let faults = rules::check_all(&draft.body.unwrap().encode_to_vec().into(), &draft.header.unwrap());
        faults.into_iter().map(|fault| fault.rule).collect::<Vec<_>>()
    };
    let lawful = [("DRAFT", "NONE"), ("OPEN_FOR_PROPOSALS", "ADD_AND_EDIT"), ("LOCKED", "ADD"), ("FINAL", "NONE")];
    for (status, members) in lawful {
        assert!(head(status, members).is_empty(), "{status}");
        let other = if members == "ADD" { "ADD_AND_EDIT" } else { "ADD" };
        assert_eq!(head(status, other), ["K42.members_of_status"], "{status}");
    }
}

#[test]
fn a_removal_from_a_document_carries_an_empty_body() {
    for kind in [Kind::CatalogueChange, Kind::AgendaChange, Kind::DirectoryChange] {
        let removal = json!({"header": {"document": {"op": "REMOVE"}}, "body": {}});
        let draft = rules::draft_from_json(Some(kind), &removal).unwrap();
        let body: Bytes = draft.body.unwrap().encode_to_vec().into();
        assert_eq!(rules::check_all(&body, &draft.header.unwrap()), [], "{kind}");

        let put = v1::Header { kind: kind.number(), ..v1::Header::default() };
        let put = v1::Header {
            document: Some(v1::DocumentChange { op: v1::DocumentOp::Put.into(), ..v1::DocumentChange::default() }),
            ..put
        };
        assert_ne!(rules::check_all(&body, &put), [], "{kind}");
    }
}

#[test]
fn a_body_within_a_body_is_written_as_json_shown_and_searched() {
    let inner = rules::draft_to_json(&rules::example(Kind::Bulletin, Lang::Zh, NOON))["body"].clone();
    let inject = json!({"inject_id": "i-1", "from_simulated": "119", "inner": inner});
    let draft = rules::draft_from_json(Some(Kind::DrillInject), &inject).unwrap();
    let body: Bytes = draft.body.clone().unwrap().encode_to_vec().into();

    assert_eq!(rules::check_all(&body, &header(Kind::DrillInject)), []);
    assert_eq!(rules::draft_to_json(&draft)["body"]["drill_inject"]["inner"], inner);
    let lines = rules::view(&body, Lang::Zh);
    assert!(
        lines.iter().any(|line| line.value == "信息通报" && line.indent == 0)
            && lines.iter().any(|line| line.indent == 1)
    );

    let mut marked = inject;
    marked["inner"]["bulletin"]["headline"] = json!("机密★一年");
    let draft = rules::draft_from_json(Some(Kind::DrillInject), &marked).unwrap();
    let found = rules::secret_marking(&draft.body.unwrap().encode_to_vec().into());
    assert_eq!(found.as_deref(), Some("body.inner.headline"));
}

#[test]
fn every_rule_has_its_words_and_the_number_of_its_kind() {
    for rule in rules::kinds::names() {
        let (zh, en) = rules::kinds::words(rule).unwrap();
        assert!(!zh.is_empty() && !en.is_empty(), "{rule}");
        let code = rule.split('.').next().unwrap();
        assert!(rules::kind(code).is_some(), "{rule}");
    }
    let mut names: Vec<&str> = rules::kinds::names().collect();
    names.sort_unstable();
    assert!(names.windows(2).all(|pair| pair[0] != pair[1]));
}

#[test]
fn a_shift_ends_after_it_begins() {
    let roster = |from: &str, to: &str| {
        let person = json!({"name": "王明", "phones": ["0539-8000001"], "from": from, "to": to});
        let document = json!({"document_id": "roster/371300", "op": "PUT"});
        let roster = json!({"roles": [{"role": "DUTY_OFFICER", "people": [person]}]});
        let draft = json!({"header": {"document": document}, "body": {"roster": roster}});
        let draft = rules::draft_from_json(Some(Kind::DirectoryChange), &draft).unwrap();
        let faults = rules::check_all(&draft.body.unwrap().encode_to_vec().into(), &draft.header.unwrap());
        faults.into_iter().map(|fault| (fault.field, fault.rule)).collect::<Vec<_>>()
    };
    let (eight, ten) = ("2027-06-03T08:00:00+08:00", "2027-06-03T10:00:00+08:00");
    assert_eq!(roster(eight, ten), []);
    let place = "body.roster.roles[0].people[0].to".to_owned();
    for to in [eight, "2027-06-03T07:00:00+08:00"] {
        assert_eq!(roster(eight, to), [(place.clone(), "K55.shift_ends_after_start".to_owned())]);
    }
}
