//! K44: the minutes of a meeting, and each member's word on them. Silence is never consent: who says nothing by D22 has
//! not confirmed.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::owed::{CONFIRM_WORKING_DAYS, key};
use crate::{
    header::Action,
    ids::{Digest, JurisdictionId, MessageId},
    invalid::Invalid,
    numbered::numbered,
    thread::{Ledger, Marks, Part, StateName, Step, chain::Chain, no_part, owe, wrong_sequence},
    time::Timestamp,
};

/// K44 as the chair writes it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Record {
    /// What members confirm: the digest of everything in it but the objections that are recorded with it. While it stays
    /// the same, so do their words.
    pub substance: Digest,
    /// Whom it names, present or not.
    pub named: BTreeSet<JurisdictionId>,
}

numbered! {
    /// A member's word on minutes.
    pub enum MinutesWord as "answer" {
        /// They are right.
        Confirmed = 1, "CONFIRMED", "确认";
        /// They are right, with a remark.
        ConfirmedWithNote = 2, "CONFIRMED_WITH_NOTE", "确认并说明";
        /// They are not.
        Objected = 3, "OBJECTED", "有异议";
    }
}

/// Minutes and the words on them.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub struct Minutes {
    chain: Chain,
    substance: Digest,
    /// The revision that first said this.
    asked: u32,
    /// The revisions that say it.
    revisions: BTreeSet<MessageId>,
    /// Until when words on them are owed.
    pub confirm_by: Timestamp,
    words: BTreeMap<JurisdictionId, Option<Heard>>,
}

/// A word that was said.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub struct Heard {
    /// Which.
    pub word: MinutesWord,
    /// The message that says it; an objection's text stands there.
    pub message: MessageId,
}

impl Minutes {
    pub(super) fn write(step: &Step<'_>, record: &Record, ledger: &mut Ledger) -> Self {
        let mut minutes = Self {
            chain: Chain::of(step),
            substance: record.substance,
            asked: step.header.revision,
            revisions: BTreeSet::new(),
            confirm_by: step.at,
            words: BTreeMap::new(),
        };
        minutes.ask(step, record, ledger);
        minutes
    }

    /// Everybody named but the chair owes a word on this text from now on.
    fn ask(&mut self, step: &Step<'_>, record: &Record, ledger: &mut Ledger) {
        self.substance = record.substance;
        self.asked = step.header.revision;
        self.revisions = [step.id()].into();
        self.confirm_by = ledger.working_days(CONFIRM_WORKING_DAYS, step.at, step.header.utc_offset_min);
        self.words =
            record.named.iter().filter(|member| *member != step.by()).map(|member| (member.clone(), None)).collect();
        for member in self.words.keys() {
            ledger.start_dated(owe::until(step, key(member, self.subject()), self.confirm_by));
        }
        self.chain.moves_to(step);
    }

    /// A later revision. Where its substance is another, it is confirmed anew; where only objections are recorded, every
    /// word stands.
    pub(super) fn correct(&mut self, step: &Step<'_>, record: &Record, ledger: &mut Ledger) -> Result<Marks, Invalid> {
        if step.header.thread() != self.chain.thread {
            return Err(wrong_sequence(
                "header.action",
                "K44.minuted_once",
                "a correction is an UPDATE of the minutes",
            ));
        }
        if let Some(overtaken) = self.chain.overtaken(step) {
            return Ok(overtaken);
        }
        if record.substance == self.substance {
            self.revisions.insert(step.id());
            self.chain.moves_to(step);
            return Ok(Vec::new());
        }
        for member in self.words.keys() {
            ledger.void(&key(member, self.subject()));
        }
        self.ask(step, record, ledger);
        Ok(Vec::new())
    }

    /// A member speaks; its last word counts.
    pub(super) fn hear(&mut self, step: &Step<'_>, word: MinutesWord, ledger: &mut Ledger) -> Result<Marks, Invalid> {
        let subject = self.subject();
        let about = step.header.preceding_message_id;
        let own = self.words.get(step.by()).and_then(Option::as_ref).map(|heard| heard.message);
        let spoken = self.words.get_mut(step.by());
        let spoken = spoken.ok_or_else(|| no_part("K44.named", step.by().as_str()))?;
        match step.header.action {
            Action::Reply if about.is_some_and(|about| self.revisions.contains(&about)) => {}
            Action::Update if about.is_some() && about == own => {}
            Action::Reply | Action::Update => {
                let detail = "it is about another text than the one in force";
                return Err(wrong_sequence("header.preceding_message_id", "K44.stale_revision", detail));
            }
            Action::Cancel => {
                *spoken = None;
                return Ok(Vec::new());
            }
            Action::Originate | Action::Error => {
                return Err(wrong_sequence("header.action", "K44.answers", step.header.action.name()));
            }
        }
        *spoken = Some(Heard { word, message: step.id() });
        ledger.meet(&key(step.by(), subject), step.at, Some(step.id()));
        Ok(Vec::new())
    }

    /// What a word is owed about: this text.
    fn subject(&self) -> String {
        format!("confirm {}", self.asked)
    }

    /// Everybody named has confirmed, with or without a note. Nobody is named: nobody has.
    pub fn is_confirmed(&self) -> bool {
        let confirms = |heard: &Option<Heard>| heard.is_some_and(|heard| heard.word != MinutesWord::Objected);
        !self.words.is_empty() && self.words.values().all(confirms)
    }

    /// Who said what; none for silence.
    pub fn words(&self) -> impl Iterator<Item = (&JurisdictionId, Option<Heard>)> {
        self.words.iter().map(|(member, heard)| (member, *heard))
    }

    pub(super) fn parts(&self, at: Timestamp) -> impl Iterator<Item = Part> {
        self.words().map(move |(member, heard)| Part {
            name: format!("minutes {member}"),
            state: match heard {
                Some(heard) => StateName {
                    name: heard.word.name(),
                    zh: heard.word.zh(),
                    over: heard.word != MinutesWord::Objected,
                },
                None if at > self.confirm_by => StateName { name: "NOT_CONFIRMED", zh: "未确认", over: true },
                None => StateName { name: "AWAITED", zh: "待确认", over: false },
            },
            detail: heard.map(|heard| heard.message.to_string()).unwrap_or_default(),
        })
    }
}
