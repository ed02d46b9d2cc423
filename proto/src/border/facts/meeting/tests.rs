#![allow(clippy::unwrap_used)]

use model::{
    role::Role,
    time::{Civil, Timestamp},
};

use super::*;

fn at(seconds: i64) -> prost_types::Timestamp {
    prost_types::Timestamp { seconds, nanos: 0 }
}

fn sits(jurisdiction: &str) -> v1::Seat {
    v1::Seat { jurisdiction: jurisdiction.into(), role: v1::Role::ShiftLeader.into(), ..v1::Seat::default() }
}

fn called() -> v1::MeetingNotice {
    v1::MeetingNotice {
        meeting_id: "371300-M-2027".into(),
        sequence: 1,
        method: v1::MeetingMethod::Request.into(),
        start: Some(at(1_000)),
        end: Some(at(9_000)),
        chair: "371300".into(),
        required_attendees: vec![sits("320300"), sits("320700")],
        optional_attendees: vec![sits("370000")],
        rsvp_by: Some(at(500)),
        ..v1::MeetingNotice::default()
    }
}

fn of(facts: thread::Facts) -> Facts {
    let thread::Facts::Meeting(facts) = facts else { unreachable!() };
    facts
}

#[test]
fn a_notice_says_when_and_who() {
    let Facts::Notice(facts) = of(notice(&called()).unwrap()) else { unreachable!() };
    assert_eq!((facts.meeting_id.as_str(), facts.sequence, facts.method), ("371300-M-2027", 1, Method::Request));
    assert_eq!(facts.period.end, Timestamp::from_millis(9_000_000));
    assert_eq!((facts.required.len(), facts.optional.len()), (2, 1));
    assert_eq!(facts.required[0].role, Role::ShiftLeader);
    let calling_off = v1::MeetingNotice { method: v1::MeetingMethod::Cancel.into(), rsvp_by: None, ..called() };
    let Facts::Notice(facts) = of(notice(&calling_off).unwrap()) else { unreachable!() };
    assert_eq!((facts.method, facts.rsvp_by), (Method::Cancel, None));
}

#[test]
fn what_the_machine_cannot_do_without_is_named_where_it_lacks() {
    let field = |change: &dyn Fn(&mut v1::MeetingNotice)| {
        let mut body = called();
        change(&mut body);
        notice(&body).unwrap_err().field
    };
    assert_eq!(field(&|body| body.meeting_id.clear()), "meeting_id");
    assert_eq!(field(&|body| body.sequence = 0), "sequence");
    assert_eq!(field(&|body| body.method = 0), "method");
    assert_eq!(field(&|body| body.start = None), "start");
    assert_eq!(field(&|body| body.chair.clear()), "chair");
    assert_eq!(field(&|body| body.required_attendees[1] = v1::Seat::default()), "required_attendees[1].jurisdiction");
    assert_eq!(field(&|body| body.optional_attendees[0].role = 77), "optional_attendees[0].role");
}

#[test]
fn every_answer_of_the_contract_has_its_word() {
    let body =
        |answer: i32| v1::MeetingReply { meeting_id: "M".into(), sequence: 1, answer, ..v1::MeetingReply::default() };
    for number in 1..=7 {
        let Facts::Reply(_, said) = of(reply(&body(number)).unwrap()) else { unreachable!() };
        let name = v1::MeetingAnswer::try_from(number).unwrap().as_str_name();
        assert_eq!(format!("MEETING_ANSWER_{}", said.word), name);
    }
    for unknown in [0, 99] {
        assert_eq!(reply(&body(unknown)).unwrap_err().field, "answer");
    }
}

#[test]
fn the_news_of_an_agenda_belong_to_its_meeting() {
    let told = |what: v1::AgendaNews| {
        let body = v1::AgendaChanged {
            document_id: "agenda/371300-M-2027".into(),
            what: what.into(),
            ..v1::AgendaChanged::default()
        };
        agenda_changed(&body).map(of)
    };
    let facts = |status| Ok(Facts::Agenda("371300-M-2027".to_owned(), status));
    assert_eq!(told(v1::AgendaNews::Opened), facts(Some(AgendaStatus::OpenForProposals)));
    assert_eq!(told(v1::AgendaNews::ItemDecided), facts(None));
    assert_eq!(told(v1::AgendaNews::Locked), facts(Some(AgendaStatus::Locked)));
    assert_eq!(told(v1::AgendaNews::Final), facts(Some(AgendaStatus::Final)));
    assert_eq!(told(v1::AgendaNews::Unspecified).unwrap_err().field, "what");
}

#[test]
fn an_objection_that_is_written_down_leaves_the_substance_as_it_is() {
    let attendance = ["371300", "320300"].map(|id| v1::Attendance { jurisdiction: id.into(), ..Default::default() });
    let written = v1::MeetingRecord {
        meeting_id: "M".into(),
        text: "会议审议通过".into(),
        attendance: attendance.into(),
        ..v1::MeetingRecord::default()
    };
    let read = |record: &v1::MeetingRecord| {
        let body = v1::Minutes { part: Some(v1::minutes::Part::Record(record.clone())) };
        let Facts::Record(_, record) = of(minutes(&body).unwrap()) else { unreachable!() };
        record
    };
    let first = read(&written);
    assert_eq!(first.named.iter().map(AsRef::as_ref).collect::<Vec<&str>>(), ["320300", "371300"]);
    let objection =
        v1::MinutesObjection { jurisdiction: "320300".into(), text: "不同意".into(), ..Default::default() };
    let with_objection = v1::MeetingRecord { objections: vec![objection], ..written.clone() };
    assert_eq!(read(&with_objection).substance, first.substance);
    let other = v1::MeetingRecord { text: "会议未通过".into(), ..written };
    assert_ne!(read(&other).substance, first.substance);
}

#[test]
fn a_word_on_minutes_is_one_of_three() {
    for (number, word) in [(1, MinutesWord::Confirmed), (2, MinutesWord::ConfirmedWithNote), (3, MinutesWord::Objected)]
    {
        let reply = v1::MinutesReply { meeting_id: "M".into(), answer: number, ..v1::MinutesReply::default() };
        let body = v1::Minutes { part: Some(v1::minutes::Part::Reply(reply)) };
        assert_eq!(of(minutes(&body).unwrap()), Facts::Word("M".to_owned(), word));
    }
    let nothing = v1::Minutes { part: Some(v1::minutes::Part::Reply(v1::MinutesReply::default())) };
    assert_eq!(minutes(&nothing).unwrap_err().field, "reply.answer");
    assert_eq!(minutes(&v1::Minutes::default()).unwrap_err().field, "record");
}

#[test]
fn a_task_has_an_owner_and_a_date_and_a_report_its_evidence() {
    let set = v1::ActionTask {
        item_id: "371300-AI-2027-11".into(),
        origin: v1::ActionOrigin::DrillReview.into(),
        origin_id: "371300-DR-2027-01".into(),
        owner: Some(sits("320300")),
        due: Some(at(7)),
        status: v1::ActionItemStatus::Open.into(),
        recurrence_of: "371300-AI-2026-03".into(),
        ..v1::ActionTask::default()
    };
    let body = v1::ActionItem { part: Some(v1::action_item::Part::Task(set.clone())) };
    let thread::Facts::Item(item::Facts::Task(facts)) = item(&body).unwrap() else { unreachable!() };
    assert_eq!((facts.origin, facts.status), (Origin::DrillReview, Status::Open));
    assert_eq!((facts.due, facts.owner.jurisdiction.as_str()), (Timestamp::from_millis(7_000), "320300"));
    assert_eq!(facts.recurrence_of, Some("371300-AI-2026-03".parse().unwrap()));

    let ownerless = v1::ActionItem { part: Some(v1::action_item::Part::Task(v1::ActionTask { owner: None, ..set })) };
    assert_eq!(item(&ownerless).unwrap_err().field, "task.owner");
    let told = v1::ActionReport {
        item_id: "371300-AI-2027-11".into(),
        status: v1::ActionItemStatus::Done.into(),
        evidence: vec![v1::FileRef::default(); 2],
        ..v1::ActionReport::default()
    };
    let body = v1::ActionItem { part: Some(v1::action_item::Part::Report(told)) };
    let thread::Facts::Item(item::Facts::Report(facts)) = item(&body).unwrap() else { unreachable!() };
    assert_eq!((facts.status, facts.evidence), (Status::Done, 2));
}

#[test]
fn a_handover_has_a_first_day() {
    let moved = v1::HandoverItem { item_id: "371300-AI-2027-11".into(), ..v1::HandoverItem::default() };
    let body = v1::Handover {
        from: "371300".into(),
        to: "320300".into(),
        from_date: "2028-01-01".into(),
        open_items: vec![moved],
        ..v1::Handover::default()
    };
    let thread::Facts::Handover(facts) = handover(&body).unwrap() else { unreachable!() };
    assert_eq!(facts.from_date, Civil::date(2028, 1, 1).unwrap());
    assert_eq!((facts.from.as_str(), facts.to.as_str(), facts.open_items.len()), ("371300", "320300", 1));
    let wrong = v1::Handover { from_date: "2028-02-30".into(), ..body };
    assert_eq!(handover(&wrong).unwrap_err().field, "from_date");
}

#[test]
fn the_numbers_of_the_contract_are_those_of_the_model() {
    let heads = [
        (v1::AgendaStatus::Draft, AgendaStatus::Draft),
        (v1::AgendaStatus::OpenForProposals, AgendaStatus::OpenForProposals),
        (v1::AgendaStatus::Locked, AgendaStatus::Locked),
        (v1::AgendaStatus::Final, AgendaStatus::Final),
    ];
    for (wire, status) in heads {
        let head = v1::AgendaHead { status: wire.into(), ..v1::AgendaHead::default() };
        assert_eq!(agenda_head(&head), Ok(status));
    }
    let states = [
        (v1::AgendaItemState::Proposed, ItemState::Proposed),
        (v1::AgendaItemState::Placed, ItemState::Placed),
        (v1::AgendaItemState::Declined, ItemState::Declined),
        (v1::AgendaItemState::Deferred, ItemState::Deferred),
    ];
    for (wire, state) in states {
        let item = v1::AgendaItem { state: wire.into(), proposed_by: "370900".into(), ..v1::AgendaItem::default() };
        assert_eq!(agenda_item(&item).unwrap().state, state);
    }
    assert_eq!(agenda_item(&v1::AgendaItem::default()).unwrap_err().field, "item.proposed_by");
}
