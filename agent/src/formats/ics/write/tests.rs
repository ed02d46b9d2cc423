#![allow(clippy::unwrap_used)]

use model::time::Civil;
use prost::Message as _;
use proto::v1::{agenda_change::Change, body::Body};

use super::*;
use crate::formats::ics::component::calendars;

fn at(day: u8, hour: u8) -> prost_types::Timestamp {
    border::time::to_wire(Civil::date(2027, 11, day).unwrap().at(hour, 0).timestamp(CHINA))
}

fn header() -> v1::Header {
    let sender = v1::Party { jurisdiction: "371300".into(), ..v1::Party::default() };
    v1::Header { sender: Some(sender), sent_at: Some(at(9, 9)), language: "zh-CN".into(), ..v1::Header::default() }
}

fn sits(jurisdiction: &str, name: &str) -> v1::Seat {
    v1::Seat { jurisdiction: jurisdiction.into(), name: name.into(), ..v1::Seat::default() }
}

/// The annual meeting, moved to the 12th.
fn notice() -> v1::MeetingNotice {
    v1::MeetingNotice {
        meeting_id: "371300-M-2027".into(),
        sequence: 2,
        method: v1::MeetingMethod::Request.into(),
        title: "2027 年度区域应急联动联席会议".into(),
        start: Some(at(12, 9)),
        end: Some(at(12, 12)),
        tz: "Asia/Shanghai".into(),
        place: "临沂市应急管理局三楼会议室".into(),
        bridge: Some(v1::Bridge { phone: "0539-8000800".into(), ..v1::Bridge::default() }),
        chair: "371300".into(),
        required_attendees: vec![sits("371300", ""), sits("320300", "周敏"), sits("320700", "")],
        optional_attendees: vec![sits("370000", "")],
        rsvp_by: Some(at(11, 18)),
        ..v1::MeetingNotice::default()
    }
}

fn sealed(item_id: &str, change: Change) -> v1::DocumentItem {
    let change = v1::AgendaChange { change: Some(change) };
    let content = v1::Content {
        header: Some(v1::Header::default()),
        body: Some(v1::Body { body: Some(Body::AgendaChange(change)) }),
        ..v1::Content::default()
    };
    let envelope = v1::Envelope { content: content.encode_to_vec().into(), ..v1::Envelope::default() };
    let etag = vec![7; 32].into();
    v1::DocumentItem { item_id: item_id.into(), etag, envelope: Some(envelope), ..v1::DocumentItem::default() }
}

fn item(id: &str, title: &str, state: v1::AgendaItemState) -> v1::DocumentItem {
    let item = v1::AgendaItem {
        title: title.into(),
        r#type: v1::AgendaItemType::Decide.into(),
        presenter: Some(sits("370900", "")),
        minutes: 20,
        proposed_by: "370900".into(),
        state: state.into(),
        ..v1::AgendaItem::default()
    };
    sealed(id, Change::Item(item))
}

fn agenda() -> v1::Document {
    use v1::AgendaItemState::{Deferred, Placed};
    let head = v1::AgendaHead {
        status: v1::AgendaStatus::Locked.into(),
        order: vec!["2".into(), "1".into()],
        ..v1::AgendaHead::default()
    };
    v1::Document {
        document_id: "agenda/371300-M-2027".into(),
        owner: "371300".into(),
        etag: vec![9; 32].into(),
        head: Some(sealed("", Change::Head(head))),
        items: vec![item("1", "其他", Placed), item("2", "危化品机制修订", Placed), item("6", "晚到的议题", Deferred)],
        ..v1::Document::default()
    }
}

fn written(occasion: Occasion<'_>, header: &v1::Header, agenda: Option<&v1::Document>) -> String {
    Invitation { header, occasion, agenda }.write().unwrap()
}

/// The event of a calendar, and the calendar's own lines.
fn event(text: &str) -> (Component, Vec<String>) {
    let (mut calendars, warnings) = calendars(text.as_bytes()).unwrap();
    assert!(warnings.is_empty());
    let calendar = calendars.remove(0);
    let own = calendar.lines.iter().map(|line| format!("{}:{}", line.name, line.value)).collect();
    (calendar.components[0].clone(), own)
}

fn value<'a>(event: &'a Component, name: &str) -> &'a str {
    &event.line(name).unwrap().value
}

#[test]
fn a_moved_meeting_is_the_same_event_with_the_next_sequence() {
    let text = written(Occasion::Meeting(&notice()), &header(), Some(&agenda()));

    let (event, calendar) = event(&text);
    assert_eq!(calendar, ["VERSION:2.0", "PRODID:-//Liandong//Liandong 1//ZH", "METHOD:REQUEST"]);
    let told =
        ["UID", "SEQUENCE", "DTSTAMP", "DTSTART", "DTEND", "STATUS", "ORGANIZER"].map(|name| value(&event, name));
    let expected = [
        "371300-M-2027",
        "2",
        "20271109T010000Z",
        "20271112T010000Z",
        "20271112T040000Z",
        "CONFIRMED",
        "urn:liandong:j:371300",
    ];
    assert_eq!(told, expected);
    assert_eq!(event.line("SUMMARY").unwrap().unescaped(), "2027 年度区域应急联动联席会议");
    assert!(text.lines().all(|line| line.len() <= 75), "folded");
    assert!(text.split_inclusive('\n').all(|line| line.ends_with("\r\n")));
}

#[test]
fn everybody_who_is_asked_can_answer() {
    let (event, _) = event(&written(Occasion::Meeting(&notice()), &header(), None));
    let attendees: Vec<String> = event
        .all("ATTENDEE")
        .map(|line| {
            let param = |name| line.param(name).unwrap_or("-");
            [&line.value, param("CN"), param("ROLE"), param("PARTSTAT"), param("RSVP")].join(" ")
        })
        .collect();
    let expected = [
        "urn:liandong:j:371300 371300 CHAIR ACCEPTED -",
        "urn:liandong:j:320300 320300 周敏 REQ-PARTICIPANT NEEDS-ACTION TRUE",
        "urn:liandong:j:320700 320700 REQ-PARTICIPANT NEEDS-ACTION TRUE",
        "urn:liandong:j:370000 370000 OPT-PARTICIPANT NEEDS-ACTION TRUE",
    ];
    assert_eq!(attendees, expected);
}

#[test]
fn the_agenda_is_there_for_those_who_know_us_and_for_everybody_else() {
    let (event, _) = event(&written(Occasion::Meeting(&notice()), &header(), Some(&agenda())));

    let description = event.line("DESCRIPTION").unwrap().unescaped();
    let lines: Vec<&str> = description.lines().collect();
    let expected = [
        "议程（已锁定）：",
        "1. 危化品机制修订（审议）　370900　20 分钟",
        "2. 其他（审议）　370900　20 分钟",
        "远程接入：0539-8000800",
        "回执截止：2027-11-11 18:00（+08:00）",
    ];
    assert_eq!(lines, expected, "in order, without what is deferred");

    let attached = event.line("ATTACH").unwrap();
    assert_eq!(attached.param("X-LIANDONG-ETAG"), Some("09".repeat(32).as_str()));
    let json = proto::rules::base64::decode(&attached.value).unwrap();
    let digest = model::ids::Digest::of(&json).to_string();
    assert_eq!(attached.param("X-LIANDONG-SHA256"), Some(digest.as_str()));
    let json: serde_json::Value = serde_json::from_slice(&json).unwrap();
    assert_eq!(json["document_id"], "agenda/371300-M-2027");
    assert_eq!(json["items"][1]["body"]["agenda_change"]["item"]["title"], "危化品机制修订");
}

#[test]
fn an_agenda_too_long_for_a_calendar_is_listed_and_not_attached() {
    let mut long = agenda();
    long.items.extend((10..200).map(|n| item(&n.to_string(), &"议".repeat(100), v1::AgendaItemState::Placed)));
    let (event, _) = event(&written(Occasion::Meeting(&notice()), &header(), Some(&long)));
    assert!(event.line("ATTACH").is_none());
    assert_eq!(event.line("DESCRIPTION").unwrap().unescaped().lines().count(), 195);
}

#[test]
fn a_meeting_that_is_called_off_says_so_to_the_calendar() {
    let by_body = v1::MeetingNotice { method: v1::MeetingMethod::Cancel.into(), sequence: 3, ..notice() };
    let by_header = v1::Header { action: Action::Cancel.number(), ..header() };
    for text in
        [written(Occasion::Meeting(&by_body), &header(), None), written(Occasion::Meeting(&notice()), &by_header, None)]
    {
        let (event, calendar) = event(&text);
        assert_eq!(calendar[2], "METHOD:CANCEL");
        assert_eq!((value(&event, "UID"), value(&event, "STATUS")), ("371300-M-2027", "CANCELLED"));
    }
}

#[test]
fn a_drill_is_marked_as_one_wherever_it_is_read() {
    let drill = v1::DrillInvitation {
        drill_id: "371300-DR-2027-01".into(),
        sequence: 1,
        title: "沂沭郯新 2027 联合演练".into(),
        scenario_summary: "液氯罐车侧翻".into(),
        start: Some(at(17, 9)),
        end: Some(at(17, 17)),
        wanted: vec![v1::DrillWanted { jurisdiction: "320300".into(), ..v1::DrillWanted::default() }],
        places: vec![v1::Place { address: "郯城县".into(), ..v1::Place::default() }],
        ..v1::DrillInvitation::default()
    };
    let (event, calendar) = event(&written(Occasion::Drill(&drill), &header(), None));
    assert_eq!(calendar[2], "METHOD:REQUEST");
    assert_eq!((value(&event, "SEQUENCE"), value(&event, "STATUS")), ("1", "TENTATIVE"));
    assert_eq!(value(&event, "CATEGORIES"), "EXERCISE");
    assert_eq!(value(&event, "SUMMARY"), "【演练】沂沭郯新 2027 联合演练");
    let description = event.line("DESCRIPTION").unwrap().unescaped();
    assert_eq!(description, "演练 演练 演练\n情景：液氯罐车侧翻\n演练 演练 演练");
    assert_eq!(event.all("ATTENDEE").count(), 2);
}

#[test]
fn an_english_sender_is_read_in_english() {
    let english = v1::Header { language: "en".into(), ..header() };
    let (event, _) = event(&written(Occasion::Meeting(&notice()), &english, Some(&agenda())));
    let description = event.line("DESCRIPTION").unwrap().unescaped();
    assert!(
        description.starts_with("Agenda (LOCKED):\n1. 危化品机制修订 (decision) · 370900 · 20 min"),
        "{description}"
    );
}

#[test]
fn an_invitation_without_times_is_no_event() {
    let timeless = v1::MeetingNotice { start: None, ..notice() };
    let refused = Invitation { header: &header(), occasion: Occasion::Meeting(&timeless), agenda: None }.write();
    assert_eq!(refused.unwrap_err().field, "body.start");
}
