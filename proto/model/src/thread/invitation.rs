//! Who was asked and what they said: what drills (K30, K31) and meetings (K40, K41) have in common. Each new date is a
//! round with a sequence of its own, and an answer counts for its round alone.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Ledger, Obligor, Part, StateName, Step, ledger, no_part, owe, wrong_sequence};
use crate::{
    deadline::DeadlineName,
    ids::{JurisdictionId, MessageId},
    invalid::Invalid,
    numbered::numbered,
    role::Role,
    time::Timestamp,
};

numbered! {
    /// An answer to an invitation. The numbers are those of a drill's; a meeting's last two are the other way round.
    pub enum Word as "answer" {
        /// Comes.
        Attend = 1, "ATTEND", "参加";
        /// Comes unless something comes up.
        Tentative = 2, "TENTATIVE", "暂定";
        /// Does not come.
        Decline = 3, "DECLINE", "不参加";
        /// Somebody else comes.
        Delegate = 4, "DELEGATE", "委托他人";
        /// Comes if it is changed.
        Counter = 5, "COUNTER", "建议调整";
        /// The organiser's word to whoever countered: it stays as it is.
        DeclineCounter = 6, "DECLINE_COUNTER", "维持原安排";
        /// Asks for the newest invitation; meetings only.
        Refresh = 7, "REFRESH", "请求最新通知";
    }
}

/// A stretch of time.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub struct Period {
    /// From when.
    pub start: Timestamp,
    /// Until when.
    pub end: Timestamp,
}

/// What an answer says.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Reply {
    /// Which round it answers.
    pub sequence: u32,
    /// What it says.
    pub word: Word,
    /// Who comes instead, for DELEGATE.
    pub delegate: Option<Obligor>,
    /// What is proposed instead, for COUNTER.
    pub counter: Option<Period>,
}

/// Names of the rules by which one family takes answers, and its deadline.
#[derive(Debug)]
pub(super) struct Manner {
    pub(super) deadline: DeadlineName,
    pub(super) stale: &'static str,
    pub(super) unknown: &'static str,
    pub(super) uninvited: &'static str,
    pub(super) organiser: &'static str,
    pub(super) no_counter: &'static str,
}

/// K31.
pub(super) const OF_DRILLS: Manner = Manner {
    deadline: DeadlineName::D21,
    stale: "K31.stale_sequence",
    unknown: "K31.unknown_sequence",
    uninvited: "K31.invited",
    organiser: "K31.organiser",
    no_counter: "K31.counter_to_decline",
};

/// K41.
pub(super) const OF_MEETINGS: Manner = Manner {
    deadline: DeadlineName::D22,
    stale: "K41.stale_sequence",
    unknown: "K41.unknown_sequence",
    uninvited: "K41.invited",
    organiser: "K41.organiser",
    no_counter: "K41.counter_to_decline",
};

/// How much somebody is needed.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub enum Need {
    /// Asked for, and owes an answer.
    Required,
    /// May come, and owes nothing.
    Optional,
    /// Comes in the place of another.
    Delegate,
}

/// One who was asked.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub struct Invited {
    /// In which role.
    pub role: Role,
    /// How much it is needed.
    pub need: Need,
    /// What it said in this round, newest last said.
    pub said: Option<Said>,
}

/// What one said.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub struct Said {
    /// The answer.
    pub word: Word,
    /// The message that said it.
    pub message: MessageId,
    /// Who comes instead.
    pub delegate: Option<JurisdictionId>,
    /// The dates that it proposes.
    pub counter: Option<Period>,
    /// The organiser kept the date.
    #[serde(default)]
    pub kept: bool,
}

/// One round of an invitation: its date, and what those who were asked said to it.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub struct Round {
    /// Rises with each new date.
    pub sequence: u32,
    /// When it is held.
    pub period: Period,
    /// By when all answers are owed.
    pub reply_by: Timestamp,
    /// By the organiser's clock, for people.
    pub utc_offset_min: i32,
    /// Who was asked.
    pub invited: BTreeMap<JurisdictionId, Invited>,
}

/// Until when answers of a round are owed.
#[derive(Clone, Copy, Debug)]
pub(super) struct ReplyBy {
    /// What the catalogue gives.
    pub(super) catalogue: Timestamp,
    /// Whether that is a date, or so long after the invitation.
    pub(super) dated: bool,
    /// What the organiser asks, where it asks.
    pub(super) asked: Option<Timestamp>,
}

impl Round {
    /// Whether the same are asked to the same date.
    pub(super) fn is_same(&self, period: Period, asked: &BTreeMap<JurisdictionId, Invited>) -> bool {
        let as_asked = |(id, one): (&JurisdictionId, &Invited)| (id.clone(), one.role, one.need);
        let mine = self.invited.iter().filter(|(_, one)| one.need != Need::Delegate).map(as_asked);
        self.period == period && mine.eq(asked.iter().map(as_asked))
    }

    /// Those who must answer owe it from now on.
    pub(super) fn owe(&mut self, step: &Step<'_>, ledger: &mut Ledger, manner: &Manner, by: ReplyBy) {
        let asked = by.asked.into_iter().chain(step.header.reply_by).min();
        let tighter = asked.filter(|asked| *asked < by.catalogue);
        self.reply_by = tighter.unwrap_or(by.catalogue);
        for (jurisdiction, one) in self.invited.iter().filter(|(_, one)| one.need == Need::Required) {
            let until = owe::until(step, self.key(manner, jurisdiction), self.reply_by);
            let start = ledger::Start { role: one.role, ..until };
            if by.dated || tighter.is_some() { ledger.start_dated(start) } else { ledger.start(start) }
        }
    }

    /// Answers to this round are not owed any more: a newer one asks.
    pub(super) fn void(&self, ledger: &mut Ledger, manner: &Manner) {
        for jurisdiction in self.invited.keys() {
            ledger.void(&self.key(manner, jurisdiction));
        }
    }

    fn key(&self, manner: &Manner, jurisdiction: &JurisdictionId) -> ledger::Key {
        owe::key(manner.deadline, jurisdiction, format!("reply {}", self.sequence))
    }

    /// An answer is about this round, not an older one or one that nobody here has seen.
    pub(super) fn is_answered_by(&self, reply: &Reply, manner: &Manner) -> Result<(), Invalid> {
        let rule = match reply.sequence.cmp(&self.sequence) {
            std::cmp::Ordering::Equal => return Ok(()),
            std::cmp::Ordering::Less => manner.stale,
            std::cmp::Ordering::Greater => manner.unknown,
        };
        let detail = format!("{}, and {} is in force", reply.sequence, self.sequence);
        Err(wrong_sequence("body.sequence", rule, detail))
    }

    /// Somebody who was asked, or came in for another, answers; a later answer takes the place of the first.
    pub(super) fn answer(
        &mut self,
        step: &Step<'_>,
        reply: &Reply,
        ledger: &mut Ledger,
        manner: &Manner,
    ) -> Result<(), Invalid> {
        self.is_answered_by(reply, manner)?;
        let delegate = reply.delegate.as_ref().map(|seat| seat.jurisdiction.clone());
        let one = self.invited.get_mut(step.by());
        let one = one.ok_or_else(|| no_part(manner.uninvited, step.by().as_str()))?;
        let counter = reply.counter;
        one.said = Some(Said { word: reply.word, message: step.id(), delegate, counter, kept: false });
        ledger.meet(&self.key(manner, step.by()), step.at, Some(step.id()));
        if let Some(seat) = &reply.delegate {
            let newcomer = Invited { role: seat.role, need: Need::Delegate, said: None };
            self.invited.entry(seat.jurisdiction.clone()).or_insert(newcomer);
        }
        Ok(())
    }

    /// The organiser keeps the date although somebody proposed another: the message names the proposal.
    pub(super) fn keep(&mut self, step: &Step<'_>, reply: &Reply, manner: &Manner) -> Result<(), Invalid> {
        self.is_answered_by(reply, manner)?;
        let proposed = self
            .invited
            .values_mut()
            .filter_map(|one| one.said.as_mut())
            .find(|said| said.word == Word::Counter && step.header.preceding_message_id == Some(said.message));
        let said = proposed.ok_or_else(|| {
            wrong_sequence("header.preceding_message_id", manner.no_counter, "it names no proposal of this round")
        })?;
        said.kept = true;
        Ok(())
    }

    /// Somebody takes an answer back, and has not answered.
    pub(super) fn withdraw(&mut self, step: &Step<'_>, manner: &Manner) -> Result<(), Invalid> {
        let one = self.invited.get_mut(step.by());
        let one = one.ok_or_else(|| no_part(manner.uninvited, step.by().as_str()))?;
        one.said = None;
        Ok(())
    }

    /// Who comes: those who said so, in the order of their ids.
    pub fn attending(&self) -> impl Iterator<Item = &JurisdictionId> {
        self.invited.iter().filter(|(id, one)| one.said.as_ref().is_some_and(|said| said.comes(id))).map(|(id, _)| id)
    }

    /// Every one has said whether it comes: nobody is silent, undecided or waits for another date.
    pub fn is_settled(&self) -> bool {
        let settled = |one: &Invited| one.said.as_ref().is_some_and(Said::settles) || one.need == Need::Optional;
        self.invited.values().all(settled)
    }

    /// Those who were asked and what they said.
    pub(super) fn parts(&self) -> impl Iterator<Item = Part> {
        self.invited.iter().map(|(jurisdiction, one)| Part {
            name: jurisdiction.to_string(),
            state: one.said.as_ref().map_or(SILENT, |said| StateName {
                name: said.word.name(),
                zh: said.word.zh(),
                over: said.settles(),
            }),
            detail: one.said.as_ref().map(|said| self.detail(said)).unwrap_or_default(),
        })
    }

    fn detail(&self, said: &Said) -> String {
        let local = |at: Timestamp| at.civil(self.utc_offset_min).to_string().chars().take(16).collect::<String>();
        let counter = said.counter.map(|period| format!("{} – {}", local(period.start), local(period.end)));
        let kept = said.kept.then(|| Word::DeclineCounter.name().to_owned());
        let delegate = said.delegate.as_ref().map(ToString::to_string);
        delegate.into_iter().chain(counter).chain(kept).collect::<Vec<_>>().join(" ")
    }
}

/// Nothing was said yet.
const SILENT: StateName = StateName { name: "AWAITED", zh: "待回复", over: false };

impl Said {
    /// Comes itself, or sends somebody of its own.
    fn comes(&self, own: &JurisdictionId) -> bool {
        self.word == Word::Attend || (self.word == Word::Delegate && self.delegate.as_ref() == Some(own))
    }

    /// Nothing more is expected.
    const fn settles(&self) -> bool {
        matches!(self.word, Word::Attend | Word::Decline | Word::Delegate)
    }
}

/// The seats as those who were asked; of two seats of one jurisdiction the first gives the role, and whoever asks is
/// not asked.
pub(super) fn asked(
    organiser: &JurisdictionId,
    required: &[Obligor],
    optional: &[Obligor],
) -> BTreeMap<JurisdictionId, Invited> {
    let mut invited = BTreeMap::new();
    let required = required.iter().map(|seat| (seat, Need::Required));
    for (seat, need) in required.chain(optional.iter().map(|seat| (seat, Need::Optional))) {
        if seat.jurisdiction != *organiser {
            let one = Invited { role: seat.role, need, said: None };
            invited.entry(seat.jurisdiction.clone()).or_insert(one);
        }
    }
    invited
}
