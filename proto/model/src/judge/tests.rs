//! Every rule, kept and broken.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::time::Duration;

use super::{
    sample::{NOON, header, message_id, person, to},
    *,
};
use crate::{
    header::{
        Action, Answer, Attachment, Cover, DocumentOp, DrillControl, DrillRef, EventLevel, PersonalData, Placement,
        Precedence, Role, Stage, Status, WarningLevel,
    },
    ids::{Digest, JurisdictionId, MessageId},
    kind::Kind,
    reason::Reason,
};

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_mins(1);
const HOUR: Duration = Duration::from_hours(1);

/// A lawful UPDATE, CANCEL, REPLY or ERROR that follows another message.
fn following(kind: Kind, action: Action) -> Header {
    let revision = if matches!(action, Action::Update | Action::Cancel) { 2 } else { 1 };
    let answer = (action == Action::Reply).then_some(Answer::Definite);
    let (first, before) = (message_id(8), message_id(9));
    Header {
        action,
        originating_message_id: first,
        preceding_message_id: Some(before),
        revision,
        answer,
        ..header(kind)
    }
}

/// The rule that `change` breaks in a lawful header of `kind`.
fn broken(kind: Kind, change: impl FnOnce(&mut Header)) -> (u16, String) {
    let mut header = header(kind);
    change(&mut header);
    refusal(&header)
}

fn refusal(header: &Header) -> (u16, String) {
    let invalid = judge_static(header).unwrap_err();
    (invalid.reason.number(), invalid.rule)
}

fn because(number: u16, rule: &str) -> (u16, String) {
    (number, rule.to_owned())
}

fn missing() -> (u16, String) {
    because(202, "field.required")
}

#[test]
fn a_sample_of_every_kind_is_lawful() {
    for kind in Kind::ALL {
        assert_eq!(judge_static(&header(*kind)), Ok(()), "{kind}");
    }
}

#[test]
fn every_action_has_a_lawful_form() {
    for action in [Action::Update, Action::Cancel, Action::Reply] {
        assert_eq!(judge_static(&following(Kind::ResourceOffer, action)), Ok(()), "{action}");
    }
    assert_eq!(judge_static(&following(Kind::Error, Action::Error)), Ok(()));
}

#[test]
fn id_and_time_agree_to_a_second() {
    let sent = |ms: i64| broken(Kind::IncidentReport, |h| h.sent_at = Timestamp::from_millis(NOON.millis() + ms));
    assert_eq!(sent(1_001), because(201, "header.id_time"));
    assert_eq!(sent(-1_001), because(201, "header.id_time"));
    let mut near = header(Kind::IncidentReport);
    near.sent_at = NOON.plus(SECOND);
    near.expires_at = near.sent_at.plus(HOUR);
    assert_eq!(judge_static(&near), Ok(()));
    let other = |h: &mut Header| h.message_id = MessageId([0; 16]);
    assert_eq!(broken(Kind::IncidentReport, other), because(203, "id.uuidv7"));
}

#[test]
fn a_life_ends_within_thirty_days_and_not_before_it_begins() {
    let expires = |at: Timestamp| broken(Kind::IncidentReport, |h| h.expires_at = at);
    assert_eq!(expires(NOON), because(201, "header.expires_after_sent"));
    assert_eq!(expires(NOON.plus(limits::LIFE_MAX + SECOND)), because(201, "header.life"));
    let mut longest = header(Kind::IncidentReport);
    longest.expires_at = NOON.plus(limits::LIFE_MAX);
    assert_eq!(judge_static(&longest), Ok(()));
}

#[test]
fn level_and_colour_set_the_floor() {
    let below = |h: &mut Header| h.precedence = Precedence::Priority;
    assert_eq!(broken(Kind::IncidentReport, below), because(209, "header.floor"));
    assert_eq!(broken(Kind::Alert, below), because(209, "header.floor"));
    let raised = Header { precedence: Precedence::Flash, ..header(Kind::IncidentReport) };
    assert_eq!(judge_static(&raised), Ok(()), "above the floor is lawful");
}

#[test]
fn a_colour_belongs_to_alerts_alone() {
    assert_eq!(broken(Kind::Alert, |h| h.warning_level = None), missing());
    let coloured = |h: &mut Header| h.warning_level = Some(WarningLevel::Blue);
    assert_eq!(broken(Kind::IncidentReport, coloured), because(201, "header.colour_of_alert"));
}

#[test]
fn an_incident_says_its_level_and_category() {
    assert_eq!(broken(Kind::IncidentReport, |h| h.incident_id = None), missing());
    assert_eq!(broken(Kind::IncidentReport, |h| h.event_level = None), missing());
    assert_eq!(broken(Kind::IncidentReport, |h| h.category = None), missing());
    assert_eq!(broken(Kind::Alert, |h| h.category = None), missing());
    let named = |h: &mut Header| h.incident_id = Some("371300-20260718-0001".parse().unwrap());
    assert_eq!(broken(Kind::MeetingNotice, named), because(201, "header.incident_of_kind"));
}

#[test]
fn an_agreement_or_none_is_named_where_one_is_needed() {
    assert_eq!(broken(Kind::ResourceRequest, |h| h.agreement_id = None), missing());
    let unsigned = |h: &mut Header| {
        h.agreement_id = Some(Cover::Outside);
        h.signed_off_by = None;
    };
    assert_eq!(broken(Kind::ActionStatus, unsigned), because(403, "header.sign_off_outside_agreement"));
    let signed = Header { agreement_id: Some(Cover::Outside), ..header(Kind::ResourceRequest) };
    assert_eq!(judge_static(&signed), Ok(()));
    let arrival = Arrival { now: NOON, clock: SenderClock::BySentAt };
    assert_eq!(judge(&signed, arrival), Ok(vec![Flag::OutsideAgreement]));
}

#[test]
fn a_leader_signs_off_who_is_not_the_drafter() {
    let unsigned = |h: &mut Header| h.signed_off_by = None;
    assert_eq!(broken(Kind::IncidentReport, unsigned), because(403, "header.sign_off"), "L at L2");
    assert_eq!(broken(Kind::MeetingNotice, unsigned), because(403, "header.sign_off"), "A");
    assert_eq!(judge_static(&Header { signed_off_by: None, ..header(Kind::DutyReport) }), Ok(()), "–");
    let mild = Header {
        signed_off_by: None,
        event_level: Some(EventLevel::L4),
        receipt_required: Stage::Acknowledged,
        ..header(Kind::IncidentReport)
    };
    assert_eq!(judge_static(&mild), Ok(()), "L at L4");
    let by = |name: &str, role| {
        let who = person(name, role);
        broken(Kind::IncidentReport, |h| h.signed_off_by = Some(who))
    };
    assert_eq!(by("王 明", Role::ShiftLeader), because(403, "header.sign_off_by_another"));
    assert_eq!(by("李华", Role::Expert), because(403, "header.sign_off_role"));
    assert_eq!(by(" ", Role::Commander), because(403, "header.sign_off"));
}

#[test]
fn an_alert_is_signed_off_whatever_its_colour() {
    let blue = |h: &mut Header| {
        h.warning_level = Some(WarningLevel::Blue);
        h.signed_off_by = None;
    };
    assert_eq!(broken(Kind::Alert, blue), because(403, "header.sign_off"));
}

#[test]
fn the_receipt_asked_for_is_a_stage_of_people_and_not_below_the_floor() {
    let asked = |stage| broken(Kind::IncidentReport, |h| h.receipt_required = stage);
    assert_eq!(asked(Stage::Opened), because(201, "header.receipt_floor"));
    assert_eq!(asked(Stage::Accepted), because(203, "header.receipt_stage"));
    assert_eq!(asked(Stage::Answered), because(203, "header.receipt_stage"));
    let urgent = |h: &mut Header| {
        h.precedence = Precedence::Immediate;
        h.receipt_required = Stage::Opened;
    };
    assert_eq!(broken(Kind::Bulletin, urgent), because(201, "header.receipt_floor"), "urgent means acknowledged");
}

#[test]
fn at_most_eight_rules_in_a_row_lead_to_a_message() {
    assert_eq!(broken(Kind::IncidentReport, |h| h.hops = 9), because(105, "limit"));
    let far = Header { hops: 8, ..header(Kind::IncidentReport) };
    assert_eq!(judge_static(&far), Ok(()));
}

#[test]
fn recipients_are_one_to_sixty_four_and_none_for_documents() {
    assert_eq!(broken(Kind::IncidentReport, |h| h.recipients.clear()), missing());
    let many = |h: &mut Header| h.recipients = vec![to("320300"); 65];
    assert_eq!(broken(Kind::IncidentReport, many), because(105, "limit"));
    let addressed = |h: &mut Header| h.recipients = vec![to("320300")];
    assert_eq!(broken(Kind::AgendaChange, addressed), because(201, "header.recipients_of_document"));
}

#[test]
fn only_the_first_message_starts_a_thread() {
    let follows = |h: &mut Header| h.preceding_message_id = Some(message_id(9));
    assert_eq!(broken(Kind::IncidentReport, follows), because(201, "header.originate_follows_nothing"));
    let foreign = |h: &mut Header| h.originating_message_id = message_id(9);
    assert_eq!(broken(Kind::IncidentReport, foreign), because(201, "header.originate_is_own_thread"));

    let reply = following(Kind::VerificationReply, Action::Reply);
    assert_eq!(refusal(&Header { preceding_message_id: None, ..reply.clone() }), missing());
    let itself = Header { preceding_message_id: Some(reply.message_id), ..reply.clone() };
    assert_eq!(refusal(&itself), because(201, "header.follows_itself"));
    let own_thread = Header { originating_message_id: reply.message_id, ..reply };
    assert_eq!(refusal(&own_thread), because(201, "header.thread_of_another"));
}

#[test]
fn revisions_begin_at_one_and_count_on_from_two() {
    assert_eq!(broken(Kind::IncidentReport, |h| h.revision = 2), because(201, "header.revision"));
    assert_eq!(broken(Kind::IncidentReport, |h| h.revision = 0), because(201, "header.revision"));
    for action in [Action::Update, Action::Cancel] {
        let first = Header { revision: 1, ..following(Kind::IncidentReport, action) };
        assert_eq!(refusal(&first), because(201, "header.revision"));
        let later = Header { revision: 17, ..following(Kind::IncidentReport, action) };
        assert_eq!(judge_static(&later), Ok(()));
    }
}

#[test]
fn a_reply_says_whether_it_settles_and_its_update_may() {
    assert_eq!(refusal(&Header { answer: None, ..following(Kind::ActionResponse, Action::Reply) }), missing());
    let answered = Some(Answer::Definite);
    let update = Header { answer: answered, ..following(Kind::ActionResponse, Action::Update) };
    assert_eq!(judge_static(&update), Ok(()));
    assert_eq!(broken(Kind::IncidentReport, |h| h.answer = answered), because(201, "header.answer_of_reply"));
}

#[test]
fn error_is_the_action_of_k51() {
    assert_eq!(refusal(&following(Kind::Bulletin, Action::Error)), because(201, "header.error_is_k51"));
}

#[test]
fn a_sender_counts_from_one() {
    assert_eq!(broken(Kind::Bulletin, |h| h.sender_seq = 0), missing());
}

fn drill(control: Option<DrillControl>) -> DrillRef {
    DrillRef { drill_id: "flood-26".parse().unwrap(), control }
}

#[test]
fn exercise_and_reality_are_never_mixed() {
    assert_eq!(broken(Kind::IncidentReport, |h| h.status = Status::Exercise), missing());
    assert_eq!(broken(Kind::IncidentReport, |h| h.drill = Some(drill(None))), because(308, "header.drill_of_exercise"));
    let exercise = Header { status: Status::Exercise, drill: Some(drill(None)), ..header(Kind::IncidentReport) };
    assert_eq!(judge_static(&exercise), Ok(()));
    let staged = |h: &mut Header| {
        h.status = Status::Exercise;
        h.drill = Some(drill(None));
    };
    assert_eq!(broken(Kind::DrillInvitation, staged), because(308, "header.drill_is_real_talk"));
    let real = |h: &mut Header| {
        h.status = Status::Actual;
        h.drill = None;
    };
    assert_eq!(broken(Kind::DrillInject, real), because(308, "header.inject_is_exercise"));
    for kind in [Kind::DrillInvitation, Kind::DrillReply, Kind::DrillPlan, Kind::DrillEvaluation] {
        assert_eq!(
            judge_static(&Header { drill: Some(drill(None)), ..header(kind) }),
            Ok(()),
            "{kind} is about a drill"
        );
    }
}

#[test]
fn orders_of_a_drill_stand_in_k33_alone() {
    assert_eq!(broken(Kind::DrillControl, |h| h.drill = Some(drill(None))), missing());
    assert_eq!(broken(Kind::DrillControl, |h| h.drill = None), missing());
    let ordering = |h: &mut Header| h.drill = Some(drill(Some(DrillControl::Endex)));
    assert_eq!(broken(Kind::DrillPlan, ordering), because(201, "header.control_of_k33"));
}

#[test]
fn due_times_are_tightened_and_never_loosened() {
    let ack = |by: Duration| broken(Kind::IncidentReport, |h| h.ack_by = Some(NOON.plus(by)));
    assert_eq!(ack(5 * MINUTE + SECOND), because(210, "header.tightened"));
    let tight = Header { ack_by: Some(NOON.plus(5 * MINUTE)), ..header(Kind::IncidentReport) };
    assert_eq!(judge_static(&tight), Ok(()));
    let reply = |h: &mut Header| {
        h.event_level = Some(EventLevel::L1);
        h.precedence = Precedence::Flash;
        h.reply_by = Some(NOON.plus(31 * MINUTE));
    };
    assert_eq!(broken(Kind::ActionRequest, reply), because(210, "header.tightened"));
    assert_eq!(broken(Kind::ActionRequest, |h| h.reply_by = Some(NOON)), because(201, "header.due_after_sent"));
}

#[test]
fn personal_data_says_until_when_it_is_kept() {
    let present = |h: &mut Header| h.personal_data = PersonalData::Present;
    assert_eq!(broken(Kind::IncidentReport, present), because(405, "header.retention"));
    let past = |h: &mut Header| h.retain_until = Some(NOON);
    assert_eq!(broken(Kind::IncidentReport, past), because(405, "header.retention_past"));
    let kept = Header {
        personal_data: PersonalData::Present,
        retain_until: Some(NOON.plus(HOUR)),
        ..header(Kind::IncidentReport)
    };
    assert_eq!(judge_static(&kept), Ok(()));
}

fn file(bytes: u64, placement: Placement) -> Attachment {
    Attachment { name: "现场.jpg".into(), mime: "image/jpeg".into(), bytes, sha256: Digest::of(b""), placement }
}

#[test]
fn attachments_keep_their_limits() {
    let with = |files: Vec<Attachment>| broken(Kind::Bulletin, |h| h.attachments = files);
    let too_large = || because(105, "limit");
    assert_eq!(with(vec![file(1, Placement::Blob); 33]), too_large());
    assert_eq!(with(vec![file(256 * 1024 + 1, Placement::Inline)]), too_large());
    assert_eq!(with(vec![file(11 << 20, Placement::Blob); 2]), too_large());
    assert_eq!(with(vec![file(u64::MAX, Placement::Blob); 2]), too_large());
    let lawful = Header { attachments: vec![file(10 << 20, Placement::Blob); 2], ..header(Kind::Bulletin) };
    assert_eq!(judge_static(&lawful), Ok(()));
}

#[test]
fn a_file_name_is_no_path_and_a_media_type_is_one() {
    let named = |name: &str| {
        let attachment = Attachment { name: name.into(), ..file(1, Placement::Blob) };
        broken(Kind::Bulletin, |h| h.attachments = vec![attachment])
    };
    for name in ["../etc/passwd", "a\\b", "..", "a\nb"] {
        assert_eq!(named(name), because(203, "attachment.file_name"), "{name:?}");
    }
    assert_eq!(named(""), missing());
    for mime in ["jpeg", "/", "image/", "a b/c"] {
        let attachment = Attachment { mime: mime.into(), ..file(1, Placement::Blob) };
        let refused = broken(Kind::Bulletin, |h| h.attachments = vec![attachment]);
        assert_eq!(refused, because(203, "attachment.mime"), "{mime:?}");
    }
}

#[test]
fn texts_keep_their_limits_and_hold_no_control_characters() {
    assert_eq!(broken(Kind::Bulletin, |h| h.sender.name = "王".repeat(101)), because(105, "limit"));
    assert_eq!(broken(Kind::Bulletin, |h| h.sender.name = "a\u{1b}[2J".into()), because(201, "text.control"));
    assert_eq!(broken(Kind::Bulletin, |h| h.purpose = "x".repeat(401)), because(105, "limit"));
    assert_eq!(broken(Kind::Bulletin, |h| h.language = String::new()), missing());
    assert_eq!(broken(Kind::Bulletin, |h| h.language = "中文".into()), because(203, "header.language"));
    assert_eq!(broken(Kind::Bulletin, |h| h.utc_offset_min = 900), because(203, "header.offset"));
}

#[test]
fn an_unknown_version_is_refused() {
    assert_eq!(broken(Kind::Bulletin, |h| h.schema_version = 0), because(201, "header.version"));
    assert_eq!(broken(Kind::Bulletin, |h| h.schema_version = 2), because(201, "header.version"));
}

#[test]
fn a_document_change_names_a_document_of_its_kind() {
    assert_eq!(broken(Kind::AgendaChange, |h| h.document = None), missing());
    let other = |h: &mut Header| h.document = header(Kind::AgendaChange).document;
    assert_eq!(broken(Kind::CatalogueChange, other), because(201, "header.document_kind"));
    assert_eq!(broken(Kind::Bulletin, other), because(201, "header.document"));
    let removed = |h: &mut Header| {
        if let Some(document) = &mut h.document {
            document.op = DocumentOp::Remove;
        }
    };
    assert_eq!(broken(Kind::AgendaChange, removed), missing());
}

#[test]
fn the_broker_speaks_as_the_system_and_in_its_kinds() {
    let broker = |kind| {
        let mut header = header(kind);
        header.sender.jurisdiction = JurisdictionId::broker();
        header.sender.role = Role::System;
        header.prepared_by.name = String::new();
        header.signed_off_by = None;
        header
    };
    assert_eq!(judge_static(&broker(Kind::DeadlineNotice)), Ok(()));
    assert_eq!(refusal(&broker(Kind::Bulletin)), because(402, "header.system_kinds"));
    let officer = |h: &mut Header| h.sender.role = Role::DutyOfficer;
    assert_eq!(broken(Kind::DeadlineNotice, officer), because(402, "header.broker_is_system"));
    let forged = Header { sender: header(Kind::Bulletin).sender, ..broker(Kind::DeadlineNotice) };
    let of_a_program =
        Header { sender: crate::header::Party { role: Role::System, ..forged.sender.clone() }, ..forged };
    assert_eq!(refusal(&of_a_program), because(402, "header.notices_are_the_brokers"));
}

#[test]
fn a_recipient_takes_notices_alone_of_the_broker() {
    let mut notice = header(Kind::DeadlineNotice);
    notice.sender =
        crate::header::Party { jurisdiction: JurisdictionId::broker(), role: Role::System, ..notice.sender };
    assert_eq!(judge_speaker(&notice), Ok(()));
    assert_eq!(judge_speaker(&header(Kind::Bulletin)), Ok(()));
    let other = Header { kind: Kind::AuditCheckpoint, ..notice };
    assert_eq!(judge_speaker(&other).unwrap_err().rule, "header.broker_notices");
}

#[test]
fn a_clock_is_flagged_above_two_minutes_and_refused_above_an_hour() {
    let at = |off: Duration, clock| judge_clock(NOON, Arrival { now: NOON.plus(off), clock });
    let by = SenderClock::BySentAt;
    assert_eq!(at(120 * SECOND, by), Ok(None));
    assert_eq!(at(121 * SECOND, by), Ok(Some(Flag::ClockSkew)));
    assert_eq!(at(HOUR, by), Ok(Some(Flag::ClockSkew)));
    assert_eq!(at(HOUR + SECOND, by).unwrap_err().reason, Reason::ClockSkew);
    let early = Arrival { now: NOON.minus(HOUR + SECOND), clock: by };
    assert!(judge_clock(NOON, early).is_err(), "ahead is off as well");
}

#[test]
fn an_outbox_that_was_cut_off_is_judged_by_its_session_and_a_bundle_not_at_all() {
    let late = |clock| judge_clock(NOON, Arrival { now: NOON.plus(40 * HOUR), clock });
    assert_eq!(late(SenderClock::Off(Duration::ZERO)), Ok(None));
    assert_eq!(late(SenderClock::Off(3 * MINUTE)), Ok(Some(Flag::ClockSkew)));
    assert!(late(SenderClock::Off(2 * HOUR)).is_err());
    assert_eq!(late(SenderClock::Carried), Ok(None));
}

#[test]
fn what_has_expired_is_not_accepted() {
    let report = header(Kind::IncidentReport);
    assert_eq!(judge_not_expired(&report, report.expires_at), Ok(()));
    let after = judge_not_expired(&report, report.expires_at.plus(Duration::from_millis(1)));
    assert_eq!(after.unwrap_err().reason, Reason::Expired);
}

#[test]
fn sizes_and_markings_are_judged_beside_the_header() {
    assert_eq!(judge_sizes(limits::HEADER_BYTES_MAX, limits::CONTENT_BYTES_MAX), Ok(()));
    assert_eq!(judge_sizes(limits::HEADER_BYTES_MAX + 1, 0).unwrap_err().field, "header");
    assert_eq!(judge_sizes(0, limits::CONTENT_BYTES_MAX + 1).unwrap_err().field, "content");
    assert_eq!(judge_secrecy("body.title", "机密★").unwrap_err().reason, Reason::Confidentiality);
    assert_eq!(judge_secrecy("body.title", "公开"), Ok(()));
}
