//! Posts at which nobody is, as the broker tells of them, and what several people do with one message.

use model::{role::Role, roster::vacancy_id, stage::Stage, task::TaskKind, time::Timestamp};
use prost::Message as _;
use proto::{
    border,
    record::{Attested, TaskRow, kind},
    v1,
};

use super::{
    super::query,
    desk::{Draft, LINYI, NOON, Table, XUZHOU, batch},
};

const MINUTE: i64 = 60_000;

fn wire(at: i64) -> prost_types::Timestamp {
    border::time::to_wire(Timestamp::from_millis(at))
}

impl Table {
    /// The broker tells that nobody has been a duty officer of 徐州 since noon, or that somebody is again.
    fn vacancy(&mut self, until: Option<i64>) -> Draft {
        let event = vacancy_id(&XUZHOU.parse().unwrap(), Role::DutyOfficer, Timestamp::from_millis(NOON));
        let notice = v1::DeadlineNotice {
            event_id: event.to_vec().into(),
            what: v1::DeadlineEvent::NobodyOnDuty.into(),
            obligor: Some(v1::Obligor { jurisdiction: XUZHOU.to_owned(), role: v1::Role::DutyOfficer.into() }),
            due_at: Some(wire(NOON)),
            met_at: until.map(wire),
            ..v1::DeadlineNotice::default()
        };
        self.notice(notice)
    }

    /// A notice of the broker's to us.
    pub(super) fn notice(&mut self, notice: v1::DeadlineNotice) -> Draft {
        let body = v1::Body { body: Some(v1::body::Body::DeadlineNotice(notice)) }.encode_to_vec();
        let draft = self.draft("broker", &[LINYI]).with(|header| {
            header.kind = v1::Kind::DeadlineNotice.into();
            header.sender.get_or_insert_default().role = v1::Role::System.into();
        });
        Draft { body: body.into(), ..draft }
    }

    fn vacancy_tasks(&mut self) -> Vec<TaskRow> {
        let tasks = self.read(|_, rows| query::tasks(rows)).unwrap();
        let of_posts = TaskKind::NobodyOnDuty.number().unsigned_abs();
        tasks.into_iter().map(|(_, row)| row).filter(|row| row.kind == of_posts).collect()
    }

    fn signs(&mut self, draft: &Draft, stage: Stage, name: &str) -> bool {
        let officer = Some(v1::Officer { name: name.to_owned(), role: v1::Role::DutyOfficer.into() });
        let statement = v1::ReceiptStatement { officer, ..self.statement(draft, LINYI, stage) };
        let before = self.filed(draft).len();
        self.fold(kind::ATTESTED, &Attested { receipts: Some(batch(&[statement])) });
        self.filed(draft).len() > before
    }

    fn others(&mut self, draft: &Draft) -> Vec<(Stage, String, i64)> {
        let id = draft.id();
        let acts = self.read(|_, rows| query::other_acts(rows, id)).unwrap();
        acts.into_iter().map(|(stage, row)| (stage, row.name, row.at)).collect()
    }
}

#[test]
fn a_vacancy_is_one_task_that_ends_when_the_post_is_filled_whichever_is_told_first() {
    for end_first in [false, true] {
        let mut desk = Table::new();
        let (begins, ends) = (desk.vacancy(None), desk.vacancy(Some(NOON + 20 * MINUTE)));
        let order = if end_first { [&ends, &begins] } else { [&begins, &ends] };
        desk.receive(&[(order[0], "")]);
        assert_eq!(desk.vacancy_tasks().len(), 1);
        assert_eq!(desk.vacancy_tasks()[0].closed_at == 0, !end_first);
        desk.now += MINUTE;
        desk.receive(&[(order[1], ""), (order[1], "")]);

        let tasks = desk.vacancy_tasks();
        assert_eq!(tasks.len(), 1, "end first: {end_first}");
        assert_eq!((tasks[0].at, &*tasks[0].about, &*tasks[0].detail), (NOON, XUZHOU, "DUTY_OFFICER"));
        assert!(tasks[0].closed_at != 0 && tasks[0].outcome == "FILLED 20", "{:?}", tasks[0]);
        desk.replay();
    }
}

#[test]
fn a_notice_that_names_no_event_or_no_time_is_no_task() {
    let mut desk = Table::new();
    let notice = v1::DeadlineNotice { what: v1::DeadlineEvent::NobodyOnDuty.into(), ..v1::DeadlineNotice::default() };
    let body = v1::Body { body: Some(v1::body::Body::DeadlineNotice(notice)) }.encode_to_vec();
    let draft = Draft { body: body.into(), ..desk.vacancy(None) };
    desk.receive(&[(&draft, "")]);
    assert_eq!(desk.vacancy_tasks(), []);
}

#[test]
fn who_comes_second_stands_in_this_log_alone_and_once() {
    let mut desk = Table::new();
    let draft = desk.draft(XUZHOU, &[LINYI]);
    desk.receive(&[(&draft, "")]);
    assert!(desk.signs(&draft, Stage::Opened, "安平"));
    desk.now += MINUTE;
    assert!(!desk.signs(&draft, Stage::Opened, "白宁"), "no second receipt");
    desk.now += MINUTE;
    assert!(!desk.signs(&draft, Stage::Opened, "白宁"));
    assert!(desk.signs(&draft, Stage::Acknowledged, "白宁"));
    assert!(!desk.signs(&draft, Stage::Acknowledged, "安平"));

    let others = desk.others(&draft);
    let expected = [(Stage::Opened, "白宁", NOON + MINUTE), (Stage::Acknowledged, "安平", NOON + 2 * MINUTE)];
    assert_eq!(others, expected.map(|(stage, name, at)| (stage, name.to_owned(), at)));
    desk.replay();
}
