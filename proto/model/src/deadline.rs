//! What is owed by when: the catalogue's tables by level, the ladder that a late answer climbs, and the names of its
//! rungs. Broker and agents run the same deadlines from the same stored facts.

use std::time::Duration;

use sha2::{Digest as _, Sha256};

use crate::{
    header::Header,
    ids::{Digest, JurisdictionId, MessageId},
    kind::{Kind, OwedWhen, Owes},
    level::EventLevel,
    numbered::numbered,
    role::Role,
    stage::Stage,
    status::{Action, Answer},
    time::Timestamp,
};

numbered! {
    /// The deadlines of the catalogue, section 4.
    pub enum DeadlineName as "deadline" {
        /// Acknowledge 签收.
        D01 = 1, "D01", "签收";
        /// Telephone report.
        D02 = 2, "D02", "电话报告";
        /// Written first report.
        D03 = 3, "D03", "书面初报";
        /// Tell neighbours who may be touched.
        D04 = 4, "D04", "通报相邻地区";
        /// Follow-ups while open.
        D05 = 5, "D05", "续报";
        /// Follow-up on a change.
        D06 = 6, "D06", "变化续报";
        /// Final report.
        D07 = 7, "D07", "终报";
        /// Casualty supplements.
        D08 = 8, "D08", "伤亡补报";
        /// Verification, in writing.
        D09 = 9, "D09", "核报";
        /// First answer to a resource request.
        D10 = 10, "D10", "资源请求答复";
        /// Definite answer after an interim one.
        D11 = 11, "D11", "暂缓后的明确答复";
        /// Decision on an offer.
        D12 = 12, "D12", "采用决定";
        /// Commitment after an order.
        D13 = 13, "D13", "派遣承诺";
        /// Deployment reports.
        D14 = 14, "D14", "派遣动态";
        /// Decision on joint action.
        D15 = 15, "D15", "联动答复";
        /// Answer to a consultation call.
        D16 = 16, "D16", "会商答复";
        /// Pass an alert on.
        D17 = 17, "D17", "预警转发";
        /// Duty report.
        D18 = 18, "D18", "零报告";
        /// Answer to a release or return.
        D19 = 19, "D19", "归建答复";
        /// Cost statement and its answer.
        D20 = 20, "D20", "结算";
        /// Drill dates.
        D21 = 21, "D21", "演练";
        /// Meeting dates.
        D22 = 22, "D22", "会议";
        /// A sign of life.
        D23 = 23, "D23", "在线";
    }
}

impl DeadlineName {
    /// What it is about, in English.
    pub const fn en(self) -> &'static str {
        match self {
            Self::D01 => "acknowledge",
            Self::D02 => "report by phone",
            Self::D03 => "first report in writing",
            Self::D04 => "tell neighbours",
            Self::D05 => "follow-up report",
            Self::D06 => "report a change",
            Self::D07 => "final report",
            Self::D08 => "casualty supplement",
            Self::D09 => "verify a lead",
            Self::D10 => "answer a resource request",
            Self::D11 => "definite answer",
            Self::D12 => "decide on an offer",
            Self::D13 => "commit to an order",
            Self::D14 => "deployment report",
            Self::D15 => "answer an action request",
            Self::D16 => "answer a consultation call",
            Self::D17 => "pass an alert on",
            Self::D18 => "duty report",
            Self::D19 => "answer a release or return",
            Self::D20 => "cost statement",
            Self::D21 => "drill date",
            Self::D22 => "meeting date",
            Self::D23 => "sign of life",
        }
    }
}

const fn minutes(minutes: u64) -> Duration {
    Duration::from_mins(minutes)
}

const fn hours(hours: u64) -> Duration {
    Duration::from_hours(hours)
}

impl DeadlineName {
    /// How long a message of this level leaves for what is owed, where the catalogue gives a fixed time from its
    /// acceptance. None for the others: those count from times in a body, from a calendar, or in working days.
    pub const fn within(self, level: EventLevel) -> Option<Duration> {
        let row: [u64; 4] = match self {
            Self::D01 => [3, 5, 15, 60],
            Self::D09 => [60, 60, 60, 120],
            Self::D10 | Self::D15 => [30, 60, 120, 120],
            Self::D12 => [30, 60, 120, 240],
            Self::D11 => [60, 60, 120, 240],
            Self::D13 | Self::D19 => [30, 30, 60, 120],
            Self::D16 => [10, 15, 30, 60],
            Self::D17 => [5, 5, 10, 30],
            Self::D20 => [43_200; 4],
            Self::D22 => [4_320; 4],
            _ => return None,
        };
        Some(minutes(level.in_row(row)))
    }

    /// The broker watches it, from headers alone; the agents do the same beside it.
    pub const fn is_run_by_broker(self) -> bool {
        matches!(self, Self::D01 | Self::D09 | Self::D10 | Self::D11 | Self::D15 | Self::D16 | Self::D18 | Self::D19)
    }

    /// Whether an agreement may give more time than the catalogue: its rows marked ↕. Any may be tightened.
    pub const fn may_be_loosened(self) -> bool {
        matches!(
            self,
            Self::D01
                | Self::D06
                | Self::D07
                | Self::D09
                | Self::D11
                | Self::D12
                | Self::D13
                | Self::D14
                | Self::D16
                | Self::D18
                | Self::D19
                | Self::D20
                | Self::D21
                | Self::D22
        )
    }

    /// Whether a late answer climbs the ladder.
    pub const fn climbs(self) -> bool {
        matches!(self, Self::D01 | Self::D09 | Self::D10 | Self::D11 | Self::D15)
    }

    /// The rungs it climbs at this level, lowest first. D01 at L4 and L0 stops at rung 2.
    pub fn ladder(self, level: EventLevel) -> &'static [Rung] {
        let whole = &[Rung::Reminder, Rung::Breach, Rung::Leaders, Rung::Superior];
        match self {
            Self::D01 if !level.is_grave() => &[Rung::Reminder, Rung::Breach],
            _ if self.climbs() => whole,
            _ => &[],
        }
    }
}

/// How long a place has to say by telephone what it knows of a lead: the first half of D09. Source: O.
pub const fn verify_by_phone(level: EventLevel) -> Duration {
    minutes(level.in_row([15, 15, 30, 60]))
}

/// How long after a report the next one is due while an incident is open: D05. Source: L 令21.
pub const fn between_reports(level: EventLevel) -> Duration {
    hours(level.in_row([12, 12, 24, 24]))
}

/// How long after a change of deaths or of reach it is reported: D06. Source: O.
pub const fn on_change(level: EventLevel) -> Duration {
    minutes(level.in_row([30, 30, 60, 120]))
}

/// Where those who are sent are, as far as the pace of their reports goes.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Whereabouts {
    /// Getting ready, or on the way there or home.
    EnRoute,
    /// At the place.
    OnSite,
}

/// How long after a report on a mission the next is due: D14. Source: O.
pub const fn report_every(level: EventLevel, whereabouts: Whereabouts) -> Duration {
    hours(match whereabouts {
        Whereabouts::EnRoute => level.in_row([1, 1, 2, 4]),
        Whereabouts::OnSite => level.in_row([6, 6, 12, 24]),
    })
}

/// How long after the emergency the final report is due: D07. Source: O.
pub const fn after_resolved(level: EventLevel) -> Duration {
    hours(level.in_row([24, 24, 48, 72]))
}

/// How long after an incident a change of casualties is still reported: D08. Source: L 条例493 art. 13.
pub const SUPPLEMENTS_FOR: Duration = Duration::from_hours(30 * 24);

/// How soon after it is known such a change is reported: D08. Source: O.
pub const SUPPLEMENT_WITHIN: Duration = Duration::from_hours(24);

/// How long after an incident is known a duty of its author leaves, by the level it has: D02 to D04. None where nothing is
/// owed. Sources: L, the State Council duty office's notice of 2015 and 条例493; P for L3; O for D04.
pub const fn from_known(name: DeadlineName, level: EventLevel) -> Option<Duration> {
    let row: [Option<u64>; 4] = match name {
        DeadlineName::D02 => [Some(30), Some(30), Some(60), None],
        DeadlineName::D03 => [Some(60), Some(60), Some(60), Some(120)],
        DeadlineName::D04 => [Some(30), Some(30), Some(60), Some(120)],
        _ => return None,
    };
    match level.in_row(row) {
        Some(within) => Some(minutes(within)),
        None => None,
    }
}

numbered! {
    /// A rung of the ladder: who is told how late.
    pub enum Rung as "rung" {
        /// At half time: the obligor's duty officer is reminded.
        Reminder = 1, "REMINDER", "提醒";
        /// At the due time: the obligor's shift leader and the sender's duty officer learn of the breach; somebody
        /// telephones.
        Breach = 2, "BREACH", "超时";
        /// At one and a half: the shift leaders of both and the obligor's superior.
        Leaders = 3, "LEADERS", "通报双方带班领导";
        /// At twice the time: the common superior, or both; the thread is UNANSWERED.
        Superior = 4, "SUPERIOR", "通报共同上级";
    }
}

impl Rung {
    /// When it is due for something that began at `start` and is due at `due`.
    pub fn at(self, start: Timestamp, due: Timestamp) -> Timestamp {
        let half = due.since(start) / 2;
        match self {
            Self::Reminder => start.plus(half),
            Self::Breach => due,
            Self::Leaders => due.plus(half),
            Self::Superior => due.plus(due.since(start)),
        }
    }
}

/// The id of one rung's event, the same for whoever raises it: derived from message, deadline, obligor and rung.
pub fn event_id(
    message: MessageId,
    deadline: DeadlineName,
    obligor: (&JurisdictionId, Option<Role>),
    rung: Rung,
) -> [u8; 16] {
    event(message, deadline, obligor, u8::try_from(rung.number()).unwrap_or(0))
}

/// The id of the event that a message expired while this was owed on it.
pub fn lapse_id(message: MessageId, deadline: DeadlineName, obligor: (&JurisdictionId, Option<Role>)) -> [u8; 16] {
    event(message, deadline, obligor, u8::MAX) // no rung has this number
}

fn event(message: MessageId, deadline: DeadlineName, obligor: (&JurisdictionId, Option<Role>), number: u8) -> [u8; 16] {
    let (jurisdiction, role) = obligor;
    let mut hasher = Sha256::new();
    hasher.update(b"LIANDONG-V1-EVENT");
    hasher.update(message.as_bytes());
    hasher.update(deadline.name());
    hasher.update([u8::try_from(jurisdiction.as_str().len()).unwrap_or(u8::MAX)]);
    hasher.update(jurisdiction.as_str());
    hasher.update([role.map_or(0, |role| u8::try_from(role.number()).unwrap_or(0))]);
    hasher.update([number]);
    Digest(hasher.finalize().into()).half()
}

/// What the recipients of a message owe, as far as its header tells.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Due {
    /// Acknowledge within, from acceptance: wherever ACKNOWLEDGED is owed.
    pub ack_within: Option<Duration>,
    /// Reply within, from acceptance.
    pub reply_within: Option<Duration>,
    /// The reply that is owed and its deadline.
    pub reply: Option<Owes>,
}

impl Due {
    /// The due times of a message accepted at `accepted_at`, tightened by what its header asks.
    pub fn times(&self, header: &Header, accepted_at: Timestamp) -> DueTimes {
        let by = |within: Option<Duration>, asked: Option<Timestamp>| match (within, asked) {
            (Some(within), Some(asked)) => Some(asked.min(accepted_at.plus(within))),
            (Some(within), None) => Some(accepted_at.plus(within)),
            (None, asked) => asked,
        };
        DueTimes { ack_by: by(self.ack_within, header.ack_by), reply_by: by(self.reply_within, header.reply_by) }
    }
}

/// Due times of a message's recipients.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct DueTimes {
    /// Acknowledge by.
    pub ack_by: Option<Timestamp>,
    /// Reply by.
    pub reply_by: Option<Timestamp>,
}

/// What the recipients of a message owe: the table of section 4 for its kind and level. Copied superiors owe nothing
/// but DELIVERED.
pub fn due(header: &Header) -> Due {
    due_under(header, |_| None)
}

/// The same under an agreement whose `terms` say another time for some deadlines, as its grant line carries them.
pub fn due_under(header: &Header, terms: impl Fn(DeadlineName) -> Option<Duration>) -> Due {
    let level = header.level().unwrap_or(EventLevel::L0);
    let within = |deadline: DeadlineName| terms(deadline).or_else(|| deadline.within(level));
    let acknowledged = header.receipt_required >= Stage::Acknowledged;
    let ack_within = match header.kind {
        _ if !acknowledged => None,
        Kind::DrillControl => Some(minutes(3)),
        _ => within(DeadlineName::D01),
    };
    let reply = owed_reply(header);
    let reply_within = reply.and_then(|owes| owes.deadline).and_then(within);
    Due { ack_within, reply_within, reply }
}

/// The reply that the header alone shows to be owed: requests owe one, answers, cancellations and errors none. Where
/// the body decides (an offer that offers) the desks watch, and this says nothing.
pub fn owed_reply(header: &Header) -> Option<Owes> {
    let asks = matches!(header.action, Action::Originate | Action::Update) && header.answer.is_none();
    header.kind.facts().owes.filter(|owes| asks && owes.when == OwedWhen::Asked)
}

/// The reply that the broker's stamp gives a time for, where the broker runs its deadline: every recipient owes it, however
/// it was reached.
pub fn stamped_reply(kind: Kind) -> Option<DeadlineName> {
    let owes = kind.facts().owes.filter(|owes| owes.when == OwedWhen::Asked)?;
    // a release or a return is asked within a mission, and its own machine says who owes the answer
    owes.deadline.filter(|name| name.is_run_by_broker() && *name != DeadlineName::D19)
}

/// What a reply means for the deadline that its request runs.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Meets {
    /// The matter is settled.
    Whole,
    /// It is met, and this one begins: D11 after an interim answer to a resource request.
    Then(DeadlineName),
    /// It runs on.
    Nothing,
}

/// Whether `answer` meets `deadline`. An interim answer meets D10 alone, and starts D11.
pub const fn meets(deadline: DeadlineName, answer: Answer) -> Meets {
    match (deadline, answer.is_interim()) {
        (_, false) => Meets::Whole,
        (DeadlineName::D10, true) => Meets::Then(DeadlineName::D11),
        (_, true) => Meets::Nothing,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::judge::sample::{NOON, header, member, message_id};

    fn row(deadline: DeadlineName) -> Vec<Option<u64>> {
        use EventLevel::{L0, L1, L2, L3, L4};
        let levels = [L1, L2, L3, L4, L0];
        levels.iter().map(|level| deadline.within(*level).map(|within| within.as_secs() / 60)).collect()
    }

    #[test]
    fn the_tables_are_the_catalogues() {
        use DeadlineName::{D01, D09, D10, D11, D12, D13, D15, D16, D17, D19};
        let expected = [
            (D01, [3, 5, 15, 60]),
            (D09, [60, 60, 60, 120]),
            (D10, [30, 60, 120, 120]),
            (D11, [60, 60, 120, 240]),
            (D12, [30, 60, 120, 240]),
            (D13, [30, 30, 60, 120]),
            (D15, [30, 60, 120, 120]),
            (D16, [10, 15, 30, 60]),
            (D17, [5, 5, 10, 30]),
            (D19, [30, 30, 60, 120]),
        ];
        for (deadline, [l1, l2, l3, rest]) in expected {
            assert_eq!(row(deadline), [l1, l2, l3, rest, rest].map(Some), "{deadline}");
        }
        assert_eq!(row(DeadlineName::D05), [None; 5], "what a body or a calendar decides has no row");
    }

    #[test]
    fn those_who_are_sent_report_more_often_on_the_way() {
        use EventLevel::{L0, L1, L2, L3, L4};
        let hours = |at| [L1, L2, L3, L4, L0].map(|level| report_every(level, at).as_secs() / 3_600);
        assert_eq!(hours(Whereabouts::EnRoute), [1, 1, 2, 4, 4]);
        assert_eq!(hours(Whereabouts::OnSite), [6, 6, 12, 24, 24]);
    }

    #[test]
    fn the_broker_runs_what_a_header_can_express() {
        let run: Vec<_> = DeadlineName::ALL.iter().filter(|name| name.is_run_by_broker()).map(|n| n.name()).collect();
        assert_eq!(run, ["D01", "D09", "D10", "D11", "D15", "D16", "D18", "D19"]);
        let climbing: Vec<_> = DeadlineName::ALL.iter().filter(|name| name.climbs()).map(|n| n.name()).collect();
        assert_eq!(climbing, ["D01", "D09", "D10", "D11", "D15"]);
    }

    #[test]
    fn requests_owe_replies_and_replies_owe_none() {
        let request = header(Kind::ResourceRequest);
        let owed = due(&request);
        assert_eq!((owed.ack_within, owed.reply_within), (Some(minutes(60)), Some(minutes(120))), "no level is L0");
        assert_eq!(owed.reply.unwrap().reply, Kind::ResourceOffer);
        assert_eq!(request.owed_stage(), Stage::Answered);

        let reply = Header { action: Action::Reply, answer: Some(Answer::Definite), ..header(Kind::Extension) };
        assert_eq!(owed_reply(&reply), None);
        assert_eq!(reply.owed_stage(), Stage::Acknowledged);
        assert_eq!(owed_reply(&header(Kind::ResourceOffer)), None, "whether it offers stands in its body");
        let cancelled = Header { action: Action::Cancel, ..request };
        assert_eq!(owed_reply(&cancelled), None);
    }

    #[test]
    fn a_drill_order_is_acknowledged_within_three_minutes() {
        assert_eq!(due(&header(Kind::DrillControl)).ack_within, Some(minutes(3)));
        assert_eq!(due(&header(Kind::DeadlineNotice)).ack_within, None, "no ladder about a ladder");
    }

    #[test]
    fn an_agreement_may_say_another_time() {
        let request = header(Kind::ActionRequest);
        let terms = |deadline| (deadline == DeadlineName::D15).then_some(minutes(20));
        let owed = due_under(&request, terms);
        assert_eq!((owed.ack_within, owed.reply_within), (Some(minutes(5)), Some(minutes(20))));
    }

    #[test]
    fn due_times_count_from_acceptance_and_take_the_tighter() {
        let mut report = header(Kind::IncidentReport);
        assert_eq!(report.due(NOON).ack_by, Some(NOON.plus(minutes(5))));
        report.ack_by = Some(NOON.plus(minutes(2)));
        assert_eq!(report.due(NOON).ack_by, Some(NOON.plus(minutes(2))));
        report.ack_by = Some(NOON.plus(minutes(9)));
        assert_eq!(report.due(NOON).ack_by, Some(NOON.plus(minutes(5))));
    }

    #[test]
    fn an_interim_answer_meets_the_first_answer_alone() {
        use DeadlineName::{D09, D10, D11, D15};
        assert_eq!(meets(D10, Answer::Defer), Meets::Then(D11));
        assert_eq!(meets(D15, Answer::NeedApproval), Meets::Nothing);
        assert_eq!(meets(D09, Answer::StillChecking), Meets::Nothing);
        assert_eq!(meets(D11, Answer::Defer), Meets::Nothing);
        assert_eq!(meets(D15, Answer::Definite), Meets::Whole);
    }

    #[test]
    fn the_ladder_stands_at_half_whole_one_and_a_half_and_twice() {
        let due = NOON.plus(minutes(10));
        let at: Vec<u64> = Rung::ALL.iter().map(|rung| rung.at(NOON, due).since(NOON).as_secs() / 60).collect();
        assert_eq!(at, [5, 10, 15, 20]);
    }

    #[test]
    fn a_mild_acknowledgement_stops_at_the_second_rung() {
        assert_eq!(DeadlineName::D01.ladder(EventLevel::L4).len(), 2);
        assert_eq!(DeadlineName::D01.ladder(EventLevel::L0).len(), 2);
        assert_eq!(DeadlineName::D01.ladder(EventLevel::L3).len(), 4);
        assert_eq!(DeadlineName::D10.ladder(EventLevel::L4).len(), 4);
        assert_eq!(DeadlineName::D16.ladder(EventLevel::L1), []);
    }

    #[test]
    fn one_rung_of_one_duty_has_one_id_whoever_raises_it() {
        let of = |message, deadline, obligor: &str, rung| event_id(message, deadline, (&member(obligor), None), rung);
        let base = of(message_id(1), DeadlineName::D01, "320300", Rung::Breach);
        assert_eq!(base, of(message_id(1), DeadlineName::D01, "320300", Rung::Breach));
        for other in [
            of(message_id(2), DeadlineName::D01, "320300", Rung::Breach),
            of(message_id(1), DeadlineName::D10, "320300", Rung::Breach),
            of(message_id(1), DeadlineName::D01, "320700", Rung::Breach),
            of(message_id(1), DeadlineName::D01, "320300", Rung::Leaders),
            event_id(message_id(1), DeadlineName::D01, (&member("320300"), Some(Role::ShiftLeader)), Rung::Breach),
        ] {
            assert_ne!(base, other);
        }
    }
}
