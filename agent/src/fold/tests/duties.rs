//! What is owed by when: acknowledgements run, warn, are met, breached, waived or void, and a dead link is a task.

use model::{
    deadline::{DeadlineName, Rung},
    stage::Stage,
    task::TaskKind,
    thread::{Deadline, Matter, ledger::Standing},
    time::Timestamp,
};
use proto::{
    border,
    record::{CardRow, DeskAct, PeerSeen, PeersSeen, PhoneCall, TaskRow, Waiver, desk_act, kind},
    v1,
};

use super::{
    super::{keys, matters, query},
    desk::{Draft, LIANYUNGANG, LINYI, NOON, Table, XUZHOU},
};

const MINUTE: i64 = 60_000;

impl Table {
    /// A bulletin at L2 that asks for an acknowledgement.
    fn grave(&mut self, from: &str, to: &[&str]) -> Draft {
        self.draft(from, to).with(|header| {
            header.incident_id = format!("{from}-20270115-0001");
            header.event_level = v1::EventLevel::L2 as i32;
            header.category = v1::Category::Accident as i32;
            header.precedence = v1::Precedence::Immediate as i32;
            header.receipt_required = v1::Stage::Acknowledged as i32;
        })
    }

    /// A neighbour's message comes; we owe an acknowledgement in ten minutes.
    fn receive_owing(&mut self, draft: &Draft) {
        let stamp = self.stamp(draft, 10 * MINUTE);
        self.receive_stamped(draft, stamp);
    }

    fn duties(&mut self, draft: &Draft) -> Vec<Deadline> {
        let key = keys::matter(&Matter::Message(draft.id()));
        let state = self.read(|_, rows| matters::read_matter(rows, &key)).unwrap();
        state.map(|state| state.ledger().all().cloned().collect()).unwrap_or_default()
    }

    fn standing(&mut self, draft: &Draft) -> Vec<Standing> {
        self.duties(draft).iter().map(|deadline| deadline.standing).collect()
    }

    /// Lets the clerk do its work at this time.
    pub(super) fn raise(&mut self, draft: &Draft) {
        let key = keys::matter(&Matter::Message(draft.id()));
        let now = Timestamp::from_millis(self.now);
        let Some(state) = self.read(|_, rows| matters::read_matter(rows, &key)).unwrap() else { return };
        for rung in state.rungs(&key, now) {
            self.fold(kind::RUNG, &rung);
        }
    }

    /// Open tasks by kind and whom they are about.
    pub(super) fn open_tasks(&mut self) -> Vec<(TaskKind, String)> {
        let tasks = self.read(|_, rows| query::tasks(rows)).unwrap();
        let mut open: Vec<TaskRow> = tasks.into_iter().map(|(_, row)| row).filter(|row| row.closed_at == 0).collect();
        open.sort_by_key(|row| (row.at, row.kind));
        let kind = |row: &TaskRow| TaskKind::from_number(i32::try_from(row.kind).unwrap()).unwrap();
        open.iter().map(|row| (kind(row), row.about.clone())).collect()
    }

    fn card(&mut self, of: &str) -> CardRow {
        let cards = self.read(|_, rows| query::cards(rows)).unwrap();
        let found = cards.into_iter().find(|((who, name), _)| who.as_str() == of && *name == DeadlineName::D01);
        found.map(|(_, card)| card).unwrap_or_default()
    }

    fn wakes(&mut self) -> Option<i64> {
        self.read(|_, rows| query::first_wake(rows)).unwrap().map(|(at, _)| at.millis())
    }

    fn linked(&mut self, peer: &str, linked: bool) {
        let peers = vec![PeerSeen { jurisdiction: peer.to_owned(), linked, phone: "0516-1234".to_owned() }];
        self.fold(kind::PEERS_SEEN, &PeersSeen { peers });
    }
}

fn counts(card: &CardRow) -> (u64, u64, u64, u64) {
    (card.on_time, card.late, card.missing, card.waived)
}

#[test]
fn an_acknowledgement_in_time_is_counted_and_leaves_the_rows() {
    let mut desk = Table::new();
    let draft = desk.grave(LINYI, &[XUZHOU]);
    desk.queue(&draft);
    desk.accept_by(&draft, 10 * MINUTE);
    assert_eq!(desk.standing(&draft), [Standing::Running]);
    assert_eq!(desk.wakes(), Some(NOON + 5 * MINUTE), "half way");

    desk.now += 6 * MINUTE;
    desk.raise(&draft);
    assert_eq!(desk.standing(&draft), [Standing::Warned]);
    assert_eq!(desk.open_tasks(), [], "the reminder is theirs");
    desk.receipt(&draft, XUZHOU, Stage::Acknowledged);

    assert_eq!(desk.standing(&draft), []);
    assert_eq!(desk.wakes(), None);
    assert_eq!(counts(&desk.card(XUZHOU)), (1, 0, 0, 0));
    desk.replay();
}

#[test]
fn a_late_acknowledgement_stands_beside_the_breach() {
    let mut desk = Table::new();
    let draft = desk.grave(LINYI, &[XUZHOU, LIANYUNGANG]);
    desk.queue(&draft);
    desk.accept_by(&draft, 10 * MINUTE);
    desk.receipt(&draft, LIANYUNGANG, Stage::Acknowledged);
    desk.now += 11 * MINUTE;
    desk.raise(&draft);
    desk.raise(&draft);
    assert_eq!(desk.open_tasks(), [(TaskKind::CallByPhone, XUZHOU.to_owned())]);
    assert_eq!(counts(&desk.card(XUZHOU)), (0, 0, 1, 0));

    desk.now += MINUTE;
    desk.receipt(&draft, XUZHOU, Stage::Acknowledged);

    let duties = desk.duties(&draft);
    let late = duties.iter().find(|deadline| deadline.obligor.jurisdiction.as_str() == XUZHOU).unwrap();
    assert_eq!((late.standing, late.late_by().unwrap().as_secs()), (Standing::Breached, 120));
    assert_eq!(desk.open_tasks(), []);
    assert_eq!(counts(&desk.card(XUZHOU)), (0, 1, 0, 0));
    assert_eq!(counts(&desk.card(LIANYUNGANG)), (1, 0, 0, 0));
    assert_eq!(desk.wakes(), None, "what was done climbs no further");
    desk.replay();
}

#[test]
fn what_we_owe_reminds_us_and_then_our_leader() {
    let mut desk = Table::new();
    let draft = desk.grave(XUZHOU, &[LINYI]);
    desk.receive_owing(&draft);
    desk.now += 5 * MINUTE;
    desk.raise(&draft);
    assert_eq!(desk.open_tasks(), [(TaskKind::Remind, LINYI.to_owned())]);
    desk.now += 5 * MINUTE;
    desk.raise(&draft);
    assert_eq!(desk.open_tasks().len(), 2);
    desk.raise(&draft);
    assert_eq!(desk.open_tasks().len(), 2, "each rung once");

    desk.attest(&draft, Stage::Acknowledged).unwrap();

    assert_eq!(desk.open_tasks(), []);
    desk.replay();
}

#[test]
fn whoever_is_only_opened_has_not_acknowledged() {
    let mut desk = Table::new();
    let draft = desk.grave(XUZHOU, &[LINYI]);
    desk.receive_owing(&draft);
    desk.attest(&draft, Stage::Opened).unwrap();
    assert_eq!(desk.standing(&draft), [Standing::Running]);
}

#[test]
fn a_recalled_message_owes_nothing_and_an_expired_grave_one_is_a_breach() {
    let mut desk = Table::new();
    let [recalled, expired] = [(); 2].map(|()| desk.grave(LINYI, &[XUZHOU]));
    for draft in [&recalled, &expired] {
        desk.queue(draft);
        desk.accept_by(draft, 10 * MINUTE);
    }
    desk.receipt(&recalled, XUZHOU, Stage::Recalled);
    desk.receipt(&expired, XUZHOU, Stage::Expired);
    assert_eq!(desk.standing(&recalled), []);
    assert_eq!(desk.standing(&expired), [Standing::Breached]);
    assert_eq!(counts(&desk.card(XUZHOU)), (0, 0, 1, 0));
    desk.replay();
}

#[test]
fn the_ladder_of_a_mild_message_ends_at_the_second_rung() {
    let mut desk = Table::new();
    let mild = desk.draft(LINYI, &[XUZHOU]).with(|header| header.receipt_required = v1::Stage::Acknowledged as i32);
    let grave = desk.grave(LINYI, &[XUZHOU]);
    for draft in [&mild, &grave] {
        desk.queue(draft);
        desk.accept_by(draft, 10 * MINUTE);
    }
    desk.now += 60 * MINUTE;
    for _ in Rung::ALL {
        desk.raise(&mild);
        desk.raise(&grave);
    }
    assert_eq!(desk.duties(&mild)[0].rung, Some(Rung::Breach));
    assert_eq!(desk.duties(&grave)[0].rung, Some(Rung::Superior));
}

#[test]
fn a_grave_message_and_a_dead_link_are_one_task_whichever_comes_first() {
    for down_first in [true, false] {
        let mut desk = Table::new();
        let [grave, mild] = [desk.grave(LINYI, &[XUZHOU]), desk.draft(LINYI, &[XUZHOU])];
        if down_first {
            desk.linked(XUZHOU, false);
        }
        for draft in [&grave, &mild] {
            desk.queue(draft);
            desk.accept_by(draft, 10 * MINUTE);
        }
        if !down_first {
            assert_eq!(desk.open_tasks(), []);
            desk.linked(XUZHOU, false);
        }
        desk.linked(XUZHOU, false);
        assert_eq!(desk.open_tasks(), [(TaskKind::VoiceFallback, XUZHOU.to_owned())], "down first: {down_first}");
        desk.now += 4 * MINUTE;
        let call = PhoneCall {
            message_id: grave.header.message_id.clone(),
            jurisdiction: XUZHOU.to_owned(),
            spoke_with: "王明".to_owned(),
            at: desk.now,
            gist: "已告知".to_owned(),
        };
        desk.fold(kind::DESK_ACT, &DeskAct { officer: None, act: Some(desk_act::Act::Call(call)) });
        assert_eq!(desk.open_tasks(), []);
        assert_eq!(counts(&desk.card(XUZHOU)), (1, 0, 0, 0), "a call meets the acknowledgement");
        assert_eq!(desk.stage(&grave, XUZHOU).0, Stage::Accepted, "and proves nothing about the delivery");
        desk.replay();
    }
}

#[test]
fn a_breach_that_is_told_of_a_message_that_never_came_counts_once_and_not_twice_if_it_comes() {
    let mut desk = Table::new();
    let draft = desk.grave(XUZHOU, &[LINYI]);
    let notice = v1::DeadlineNotice {
        event_id: vec![7; 16].into(),
        what: v1::DeadlineEvent::Rung.into(),
        message_id: draft.header.message_id.clone(),
        deadline: DeadlineName::D01.number(),
        rung: Rung::Breach.number().unsigned_abs(),
        obligor: Some(v1::Obligor { jurisdiction: LINYI.to_owned(), role: v1::Role::DutyOfficer.into() }),
        due_at: Some(border::time::to_wire(Timestamp::from_millis(NOON + 10 * MINUTE))),
        ..v1::DeadlineNotice::default()
    };
    let leaders = v1::DeadlineNotice { rung: Rung::Leaders.number().unsigned_abs(), ..notice.clone() };
    let theirs = v1::Obligor { jurisdiction: XUZHOU.to_owned(), role: v1::Role::DutyOfficer.into() };
    let of_others = v1::DeadlineNotice { obligor: Some(theirs), ..notice.clone() };
    for notice in [of_others, notice, leaders] {
        let told = desk.notice(notice);
        desk.receive(&[(&told, "")]);
    }
    assert_eq!(counts(&desk.card(LINYI)), (0, 0, 1, 0));
    assert_eq!(counts(&desk.card(XUZHOU)), (0, 0, 0, 0), "their desk counts theirs");

    desk.receive_owing(&draft);
    assert_eq!(counts(&desk.card(LINYI)), (0, 0, 0, 0), "its own duty runs now");
    desk.now += 11 * MINUTE;
    desk.raise(&draft);
    desk.raise(&draft);
    assert_eq!(counts(&desk.card(LINYI)), (0, 0, 1, 0));
    desk.replay();
}

#[test]
fn a_waived_deadline_runs_no_more() {
    let mut desk = Table::new();
    let draft = desk.grave(LINYI, &[XUZHOU]);
    desk.queue(&draft);
    desk.accept_by(&draft, 10 * MINUTE);
    let waiver = Waiver {
        matter: keys::matter(&Matter::Message(draft.id())).to_vec().into(),
        deadline: DeadlineName::D01.number().unsigned_abs(),
        jurisdiction: XUZHOU.to_owned(),
        subject: String::new(),
        reason: "已当面通报".to_owned(),
    };
    desk.fold(kind::DESK_ACT, &DeskAct { officer: None, act: Some(desk_act::Act::Waiver(waiver)) });
    assert_eq!(counts(&desk.card(XUZHOU)), (0, 0, 0, 1));
    assert_eq!(desk.wakes(), None);
    desk.replay();
}

#[test]
fn a_receipt_before_the_acceptance_meets_what_begins_later() {
    let mut desk = Table::new();
    let draft = desk.grave(LINYI, &[XUZHOU]);
    desk.queue(&draft);
    desk.receipt(&draft, XUZHOU, Stage::Acknowledged);
    desk.accept_by(&draft, 10 * MINUTE);
    assert!(desk.standing(&draft).iter().all(|standing| *standing == Standing::Met));
    assert_eq!(counts(&desk.card(XUZHOU)), (1, 0, 0, 0));
    assert_eq!(desk.wakes(), None);
}
