//! Messages as the console shows them: a line of a list, what is owed about it, who has it. Whatever came from outside is made
//! inert here; templates escape it.

use std::collections::BTreeMap;

use bytes::Bytes;
use model::{
    deadline::DeadlineName, ids::MessageId, invalid::Invalid, precedence::Precedence, stage::Stage, status::Status,
    time::Timestamp,
};
use prost::Message as _;
use proto::{rules, status::Lang, v1};

use super::{
    Console,
    clock::{self, Zone},
    words::Words,
};

/// The mark and class of a precedence.
pub const fn badge(precedence: Option<Precedence>) -> (&'static str, &'static str) {
    match precedence {
        Some(Precedence::Flash) => ("◆", "flash"),
        Some(Precedence::Immediate) => ("▲", "immediate"),
        Some(Precedence::Priority) => ("■", "priority"),
        Some(Precedence::Routine) | None => ("●", "routine"),
    }
}

/// A deadline as it counts down.
#[derive(Clone, Debug)]
pub struct Ring {
    /// `running`, `warned`, `late`.
    pub class: &'static str,
    /// Since when and until when, in ms.
    pub starts: i64,
    /// See above.
    pub due: i64,
    /// What is left, of 100.
    pub left: u64,
    /// `1:12`, `超时 +02:10`.
    pub text: String,
    /// What is owed.
    pub what: String,
    /// Since when, until when, by whom, and what comes then.
    pub why: String,
}

impl Ring {
    /// A deadline that is still owed.
    pub fn of(owed: &v1::DeadlineSeen, w: Words, zone: Zone) -> Option<Self> {
        let (starts, due) = (clock::of_wire(owed.starts_at)?, clock::of_wire(owed.due_at)?);
        let (whole, gone) = (due.since(starts).as_millis(), zone.now.since(starts).as_millis());
        let left = u64::try_from(100 - (gone * 100).checked_div(whole.max(1)).unwrap_or(100).min(100)).unwrap_or(0);
        let late = zone.now >= due;
        let class = if late {
            "late"
        } else if left <= 50 {
            "warned"
        } else {
            "running"
        };
        let text = if late {
            w.with("ring-late", "by", clock::span(zone.now.since(due), w))
        } else {
            clock::span(due.since(zone.now), w)
        };
        let name = owed.name.parse::<DeadlineName>().ok();
        let said = name.map(|name| if w.lang == Lang::Zh { name.zh() } else { name.en() });
        let what = said.map_or_else(|| owed.name.clone(), str::to_owned);
        let first = name == Some(DeadlineName::D01);
        let then = w.t(if first { "ring-then-acknowledge" } else { "ring-then-answer" });
        let why = [
            w.with("ring-since", "at", zone.second(starts)),
            w.with("ring-due", "at", zone.second(due)),
            w.with("ring-owner", "who", w.role(owed.role)),
            then,
        ];
        Some(Self { class, starts: starts.millis(), due: due.millis(), left, text, what, why: why.join(" · ") })
    }
}

/// How far one recipient is.
#[derive(Clone, Debug)]
pub struct Reached {
    /// Whose name.
    pub who: String,
    /// The stage's word.
    pub stage: String,
    /// `waiting`, `reached`, `done`, `negative`.
    pub class: &'static str,
    /// What the recipient owes.
    pub ring: Option<Ring>,
}

/// One line of a list.
#[derive(Clone, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "what a template asks, one by one")]
pub struct Line {
    /// The message.
    pub id: String,
    /// The mark of its precedence.
    pub mark: &'static str,
    /// The class of its precedence.
    pub class: &'static str,
    /// The word of its precedence.
    pub precedence: String,
    /// From whom, or to whom.
    pub who: String,
    /// Its kind.
    pub kind: String,
    /// Its title.
    pub title: String,
    /// When it came or went, short and whole.
    pub at: (String, String),
    /// Nobody here has opened it.
    pub unread: bool,
    /// What is owed about it, by us.
    pub ring: Option<Ring>,
    /// Since when somebody owes something on what we sent, in ms.
    pub owed_since: Option<i64>,
    /// `✓ 王磊`: who has it; or how far it is.
    pub result: String,
    /// Who acted on it here.
    pub held_by: String,
    /// How far every recipient is, for what we sent.
    pub reached: Vec<Reached>,
    /// 演练, 测试: not real.
    pub unreal: String,
    /// An exercise: striped, silent.
    pub exercise: bool,
    /// Withdrawn by its author.
    pub recalled: bool,
    /// The event level, as a chip.
    pub level: String,
    /// The incident.
    pub incident: String,
    /// Cursor, for older ones.
    pub cursor: u64,
    /// May be acknowledged now.
    pub to_acknowledge: bool,
    /// Its precedence.
    pub of: Option<Precedence>,
}

/// What is owed, by message.
pub type Owed = BTreeMap<Vec<u8>, Vec<v1::DeadlineSeen>>;

/// What is owed, by the message that started it.
pub fn by_message(all: Vec<v1::DeadlineSeen>) -> Owed {
    let mut owed = Owed::new();
    for one in all {
        owed.entry(one.message_id.to_vec()).or_default().push(one);
    }
    owed
}

/// Whether an acknowledgement is what is owed.
pub fn is_acknowledgement(owed: &v1::DeadlineSeen) -> bool {
    owed.name == DeadlineName::D01.name()
}

/// The stage that a receipt proves, by whom and when.
#[derive(Clone, Debug)]
pub struct Signed {
    /// Which.
    pub stage: Stage,
    /// Whose delivery.
    pub recipient: String,
    /// Who signed.
    pub by: String,
    /// The person, where one acted.
    pub officer: String,
    /// A remark.
    pub note: String,
    /// When.
    pub at: Timestamp,
}

/// The facts of a receipt.
pub fn signed(receipt: &v1::Receipt) -> Option<Signed> {
    let statement = v1::ReceiptStatement::decode(receipt.statement.clone()).ok()?;
    Some(Signed {
        stage: Stage::from_number(statement.stage)?,
        recipient: statement.recipient,
        by: statement.by,
        officer: rules::inert(&statement.officer.unwrap_or_default().name),
        note: rules::inert(&statement.note),
        at: clock::of_wire(statement.at)?,
    })
}

impl Console {
    /// A line of a list about a message that came.
    pub(super) fn received_line(&self, of: &v1::MessageSummary, owed: &Owed, w: Words) -> Result<Line, Invalid> {
        let (header, zone) = (of.header.clone().unwrap_or_default(), self.zone());
        let stage = of.states.first().and_then(|state| Stage::from_number(state.stage));
        let id = MessageId::try_from(header.message_id.as_ref())?;
        let held = if stage.is_some_and(|stage| stage >= Stage::Opened) { self.held_by(id)? } else { None };
        let due = owed.get(header.message_id.as_ref()).map_or(&[][..], Vec::as_slice);
        let from = header.sender.as_ref().map(|sender| sender.jurisdiction.clone()).unwrap_or_default();
        let unread = stage.is_none_or(|stage| stage < Stage::Opened);
        Ok(Line {
            who: self.name_of(&from, w),
            unread,
            ring: due.first().and_then(|owed| Ring::of(owed, w, zone)),
            result: stage.filter(|_| !unread).map(|stage| w.stage(stage.number())).unwrap_or_default(),
            held_by: held.map(|held| held.officer).unwrap_or_default(),
            to_acknowledge: due.iter().any(is_acknowledgement) && stage.is_none_or(|stage| !stage.acknowledges()),
            ..line(of, &header, w, zone)
        })
    }

    /// A line of a list about a message of ours.
    pub(super) fn sent_line(&self, of: &v1::MessageSummary, owed: &Owed, w: Words) -> Line {
        let (header, zone) = (of.header.clone().unwrap_or_default(), self.zone());
        let due = owed.get(header.message_id.as_ref()).map_or(&[][..], Vec::as_slice);
        let reached = of.states.iter().map(|state| {
            let stage = Stage::from_number(state.stage);
            let class = match stage {
                None => "waiting",
                Some(stage) if stage.is_negative() => "negative",
                Some(stage) if stage.acknowledges() => "done",
                Some(_) => "reached",
            };
            let ring = due.iter().find(|owed| owed.jurisdiction == state.jurisdiction);
            Reached {
                who: self.name_of(&state.jurisdiction, w),
                stage: stage.map_or_else(|| w.t("stage-under-way"), |stage| w.stage(stage.number())),
                class,
                ring: ring.and_then(|owed| Ring::of(owed, w, zone)),
            }
        });
        let reached: Vec<Reached> = reached.collect();
        let who: Vec<&str> = reached.iter().map(|one| one.who.as_str()).collect();
        let to: Vec<String> = header.recipients.iter().map(|to| self.address(to, w)).collect();
        let between = if w.lang == Lang::Zh { "、" } else { ", " };
        let result = match (&of.refusal, of.accepted) {
            (Some(refusal), _) => {
                let text = if w.lang == Lang::Zh { &refusal.text_zh } else { &refusal.text_en };
                format!("✕ {} {}", w.stage(Stage::Refused.number()), rules::inert(text))
            }
            (None, false) => w.t("stage-queued"),
            (None, true) => w.stage(Stage::Accepted.number()),
        };
        Line {
            who: if who.is_empty() { to.join(between) } else { who.join(between) },
            owed_since: due.first().and_then(|owed| clock::of_wire(owed.starts_at)).map(Timestamp::millis),
            result,
            reached,
            ..line(of, &header, w, zone)
        }
    }

    /// Whom a message is for, as its header says it.
    pub(super) fn address(&self, to: &v1::Address, w: Words) -> String {
        match &to.to {
            Some(v1::address::To::Jurisdiction(one)) => self.name_of(&one.id, w),
            Some(v1::address::To::GroupId(group)) => w.with("to-group", "name", rules::inert(group)),
            Some(v1::address::To::Area(_)) => w.t("to-area"),
            None => String::new(),
        }
    }

    /// The furthest thing that a person here did with a message.
    fn held_by(&self, id: MessageId) -> Result<Option<Signed>, Invalid> {
        let us = self.desk.names.jurisdiction().to_string();
        let receipts = self.desk.receipts(id)?;
        let own = receipts.iter().filter_map(signed).filter(|one| one.recipient == us && !one.officer.is_empty());
        Ok(own.max_by_key(|one| (one.stage, std::cmp::Reverse(one.at))))
    }
}

fn line(of: &v1::MessageSummary, header: &v1::Header, w: Words, zone: Zone) -> Line {
    let precedence = Precedence::from_number(header.precedence);
    let (mark, class) = badge(precedence);
    let at = clock::of_wire(of.at).unwrap_or(zone.now);
    let exercise = header.status == Status::Exercise.number();
    Line {
        id: id_text(&header.message_id),
        mark,
        class,
        precedence: w.precedence(header.precedence),
        who: String::new(),
        kind: w.kind(header.kind),
        title: rules::inert(&of.title),
        at: (zone.short(at), zone.whole(at)),
        unread: false,
        ring: None,
        owed_since: None,
        result: String::new(),
        held_by: String::new(),
        reached: Vec::new(),
        unreal: w.unreal(header.status),
        exercise,
        recalled: of.recalled,
        level: w.level(header.event_level),
        incident: rules::inert(&header.incident_id),
        cursor: of.cursor,
        to_acknowledge: false,
        of: precedence,
    }
}

/// The text of an id; empty where there is none.
pub fn id_text(id: &Bytes) -> String {
    MessageId::try_from(id.as_ref()).map(|id| id.to_string()).unwrap_or_default()
}
