#![allow(clippy::unwrap_used)]

use model::{reason::Reason, time::Civil};
use proto::{v1, v1::body::Body};

use super::*;
use crate::formats::ics::write::{Invitation, Occasion};

/// A calendar with these lines in its event.
fn calendar(method: &str, lines: &[&str]) -> String {
    let lines = lines.join("\r\n");
    format!(
        "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//x//y//EN\r\nMETHOD:{method}\r\nBEGIN:VEVENT\r\nUID:371300-M-2027\r\nSEQUENCE:2\r\nDTSTAMP:20271109T020000Z\r\n{lines}\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n"
    )
}

fn replied(partstat: &str) -> String {
    let attendee = format!("ATTENDEE;PARTSTAT={partstat};CN=徐州:urn:liandong:j:320300");
    calendar("REPLY", &[&attendee, "ORGANIZER:urn:liandong:j:371300", "COMMENT:与防汛会商冲突\\, 抱歉"])
}

fn read(text: &str) -> Answer {
    answer(text.as_bytes()).unwrap().0
}

fn refusal(text: &str) -> String {
    answer(text.as_bytes()).unwrap_err().rule
}

fn header() -> v1::Header {
    let sender = v1::Party { jurisdiction: "371300".into(), ..v1::Party::default() };
    v1::Header { sender: Some(sender), message_id: vec![1; 16].into(), ..v1::Header::default() }
}

fn notice() -> v1::MeetingNotice {
    v1::MeetingNotice {
        meeting_id: "371300-M-2027".into(),
        sequence: 2,
        place: "临沂".into(),
        ..v1::MeetingNotice::default()
    }
}

/// What the meeting's answer becomes at `us`.
fn drafted(answer: &Answer, us: &str) -> Result<v1::MeetingReply, Invalid> {
    let (header, notice) = (header(), notice());
    let invitation = Invitation { header: &header, occasion: Occasion::Meeting(&notice), agenda: None };
    let draft = answer.draft(&invitation, us)?;
    assert_eq!(draft.header.unwrap().preceding_message_id, header.message_id);
    match draft.body.unwrap().body.unwrap() {
        Body::MeetingReply(reply) => Ok(reply),
        _ => unreachable!(),
    }
}

#[test]
fn a_reply_says_whether_one_comes() {
    let comes = [
        ("ACCEPTED", Said::Attend, v1::MeetingAnswer::Attend),
        ("TENTATIVE", Said::Tentative, v1::MeetingAnswer::Tentative),
        ("DECLINED", Said::Decline, v1::MeetingAnswer::Decline),
    ];
    for (partstat, said, wire) in comes {
        let answer = read(&replied(partstat));
        assert_eq!((&answer.said, answer.by.as_deref(), answer.sequence), (&said, Some("320300"), Some(2)));
        let reply = drafted(&answer, "320300").unwrap();
        assert_eq!((reply.answer(), reply.sequence), (wire, 2));
        assert_eq!(reply.reason, "与防汛会商冲突, 抱歉");
    }
    assert_eq!(refusal(&replied("NEEDS-ACTION")), "ics.partstat");
}

#[test]
fn a_delegate_is_one_of_the_region() {
    let to = |address: &str| {
        let line = format!("ATTENDEE;PARTSTAT=DELEGATED;DELEGATED-TO=\"{address}\":urn:liandong:j:320300");
        drafted(&read(&calendar("REPLY", &[&line])), "320300")
    };
    assert_eq!(to("urn:liandong:j:370000").unwrap().delegate.unwrap().jurisdiction, "370000");
    assert_eq!(to("mailto:somebody@example.com").unwrap_err().reason, Reason::MissingField);
}

#[test]
fn a_counter_proposes_times() {
    let lines = [
        "DTSTART;TZID=China Standard Time:20271113T090000",
        "DTEND:20271113T040000Z",
        "LOCATION:徐州市应急管理局",
        "COMMENT:当日在省里开会",
        "ATTENDEE:urn:liandong:j:320300",
    ];
    let reply = drafted(&read(&calendar("COUNTER", &lines)), "320300").unwrap();
    let counter = reply.counter.unwrap();
    let start = Civil::date(2027, 11, 13).unwrap().at(9, 0).timestamp(480);
    assert_eq!(counter.start.unwrap().seconds * 1_000, start.millis());
    assert_eq!((counter.place.as_str(), counter.reason.as_str()), ("徐州市应急管理局", "当日在省里开会"));
    assert_eq!(refusal(&calendar("COUNTER", &lines[1..])), "ics.counter_times");
    let (_, warnings) = answer(calendar("COUNTER", &["DTSTART:20271113T090000", lines[1]]).as_bytes()).unwrap();
    assert_eq!(warnings[0].rule, "ics.floating_time");
}

#[test]
fn a_refresh_needs_no_sequence_and_the_organiser_keeps_the_date() {
    let bare =
        "BEGIN:VCALENDAR\r\nMETHOD:REFRESH\r\nBEGIN:VEVENT\r\nUID:371300-M-2027\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n";
    let refresh = read(bare);
    assert_eq!((refresh.sequence, &refresh.by), (None, &None));
    let reply = drafted(&refresh, "320300").unwrap();
    assert_eq!((reply.answer(), reply.sequence), (v1::MeetingAnswer::Refresh, 2));

    let kept = read(&calendar("DECLINECOUNTER", &[]));
    assert_eq!(drafted(&kept, "371300").unwrap().answer(), v1::MeetingAnswer::DeclineCounter);
    assert_eq!(drafted(&kept, "320300").unwrap_err().reason, Reason::NotAuthor, "the organiser alone");
}

#[test]
fn an_answer_to_an_older_invitation_is_stale() {
    let old = replied("ACCEPTED").replace("SEQUENCE:2", "SEQUENCE:1");
    let stale = drafted(&read(&old), "320300").unwrap_err();
    assert_eq!((stale.reason, stale.rule.as_str()), (Reason::WrongSequence, "K41.stale_sequence"));
}

#[test]
fn nobody_answers_for_another() {
    let refused = drafted(&read(&replied("ACCEPTED")), "320700").unwrap_err();
    assert_eq!((refused.reason, refused.rule.as_str()), (Reason::NotAuthor, "ics.own_answer"));
    let by_mail = replied("ACCEPTED").replace("urn:liandong:j:320300", "MAILTO:zhou@example.com");
    assert!(drafted(&read(&by_mail), "320700").is_ok(), "whose mail box that is, nobody here knows");
}

#[test]
fn an_answer_to_a_drill_becomes_one_of_its_kind() {
    let drill = v1::DrillInvitation { drill_id: "371300-M-2027".into(), sequence: 2, ..v1::DrillInvitation::default() };
    let header = header();
    let invitation = Invitation { header: &header, occasion: Occasion::Drill(&drill), agenda: None };
    let draft = read(&replied("ACCEPTED")).draft(&invitation, "320300").unwrap();
    let Some(Body::DrillReply(reply)) = draft.body.unwrap().body else { unreachable!() };
    assert_eq!((reply.answer(), reply.sequence), (v1::DrillAnswer::Attend, 2));
}

#[test]
fn what_is_no_single_answer_is_refused_by_its_rule() {
    assert_eq!(refusal(&calendar("REQUEST", &[])), "ics.method");
    assert_eq!(refusal(&calendar("", &[])), "ics.method");
    assert_eq!(refusal(&replied("ACCEPTED").replace("UID:371300-M-2027\r\n", "")), "ics.uid");
    assert_eq!(refusal(&replied("ACCEPTED").replace("SEQUENCE:2", "SEQUENCE:two")), "ics.sequence");
    assert_eq!(refusal(&replied("ACCEPTED").replace("VEVENT", "VTODO")), "ics.event");
    let two = ["ATTENDEE;PARTSTAT=ACCEPTED:urn:liandong:j:320300", "ATTENDEE;PARTSTAT=ACCEPTED:urn:liandong:j:320700"];
    assert_eq!(refusal(&calendar("REPLY", &two)), "ics.one_attendee");
    assert_eq!(refusal(&calendar("REPLY", &[])), "ics.one_attendee");
    assert_eq!(refusal(&[replied("ACCEPTED"), replied("ACCEPTED")].concat()), "ics.one_calendar");
    let event = "BEGIN:VEVENT\r\nUID:2\r\nEND:VEVENT\r\nEND:VCALENDAR";
    assert_eq!(refusal(&replied("ACCEPTED").replace("END:VCALENDAR", event)), "ics.one_uid");
}

/// Calendars of others, where a folder with them is named.
#[test]
fn old_calendars_of_others_are_read_or_refused_and_never_break_anything() {
    let Ok(folder) = std::env::var("LIANDONG_TESTDATA") else {
        eprintln!("skipped: LIANDONG_TESTDATA is not set");
        return;
    };
    let folder = std::path::Path::new(&folder).join("ical");
    let table = std::fs::read_to_string(folder.join("methods.tsv")).unwrap();
    let mut seen = 0;
    for row in table.lines().skip(1) {
        let fields: Vec<&str> = row.split('\t').collect();
        let [file, method, components, uid, sequence, ..] = fields[..] else { unreachable!() };
        let bytes = std::fs::read(folder.join(file)).unwrap();
        let answer = match answer(&bytes) {
            Ok((answer, _)) => answer,
            Err(refused) => {
                let answers = ["REPLY", "COUNTER", "REFRESH", "DECLINECOUNTER"].contains(&method);
                // one of them replies without saying what
                assert!(!answers || components != "VEVENT" || refused.rule == "ics.partstat", "{file}: {refused}");
                continue;
            }
        };
        seen += 1;
        assert_eq!((answer.uid.as_str(), answer.by), (uid, None), "{file}");
        assert_eq!(answer.sequence.map_or("-".to_owned(), |number| number.to_string()), sequence, "{file}");
    }
    assert!(seen >= 9, "{seen}");
}
