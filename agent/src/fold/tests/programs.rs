//! What programs had sent: counted by the hour, and each event kept with its message.

use proto::record::{OfProgram, Queued, kind};

use super::{
    super::query,
    desk::{LINYI, Table, XUZHOU},
};

const HOUR: i64 = 3_600_000;

fn send(desk: &mut Table, event: &str) -> model::ids::MessageId {
    let draft = desk.draft(LINYI, &[XUZHOU]);
    let of = OfProgram {
        name: "river".to_owned(),
        source: if event.is_empty() { String::new() } else { "//river".to_owned() },
        event: event.to_owned(),
        digest: vec![7; 32].into(),
    };
    let queued = Queued { envelope: Some(draft.envelope()), program: Some(of), ..Queued::default() };
    desk.fold(kind::QUEUED, &queued);
    desk.fold(kind::QUEUED, &queued); // told again: the message is queued already
    draft.id()
}

#[test]
fn messages_of_a_program_count_within_their_hour_and_an_event_leads_to_its_message() {
    let mut desk = Table::new();
    let first = send(&mut desk, "e-1");
    send(&mut desk, "");
    let row = desk.read(|_, rows| query::program(rows, "river")).unwrap();
    assert_eq!((row.sent, row.counted, row.hour), (2, 2, desk.now / HOUR));

    desk.now += HOUR;
    send(&mut desk, "e-2");
    let row = desk.read(|_, rows| query::program(rows, "river")).unwrap();
    assert_eq!((row.sent, row.counted), (3, 1));

    let event = |desk: &mut Table, source: &str, id: &str| {
        desk.read(|_, rows| query::event(rows, source, id)).unwrap().map(|row| row.message_id.to_vec())
    };
    assert_eq!(event(&mut desk, "//river", "e-1"), Some(first.0.to_vec()));
    assert_eq!(event(&mut desk, "//rive", "re-1"), None, "source and id do not run into each other");
    assert_eq!(event(&mut desk, "", ""), None, "a file is no event");
    desk.replay();
}
