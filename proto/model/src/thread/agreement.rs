//! K54: what members have agreed to do for each other. It holds once every party has signed and its first day has come,
//! until its last day is over, unless it is suspended.

#[cfg(test)]
mod tests;

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use serde::{Deserialize, Serialize};

use super::{Ledger, Machine, Marks, Part, StateName, Step, chain::Chain, closed, no_part, not_author, wrong_sequence};
use crate::{
    deadline::DeadlineName,
    header::Action,
    ids::{AgreementId, Digest, JurisdictionId, MessageId},
    invalid::Invalid,
    level::EventLevel,
    numbered::numbered,
    reason::Reason,
    time::{Civil, Timestamp},
};

/// What the machine needs of K54.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Facts {
    /// Which agreement.
    pub agreement_id: AgreementId,
    /// What is said about it.
    pub said: Said,
}

/// What K54 says.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Said {
    /// Its author puts it up, suspends it or resumes it.
    Terms(Standing, Terms),
    /// A party's word on it.
    Reply(Word),
    /// Nothing but what the header says: its author ends it.
    Nothing,
}

/// What the parties agree on, as far as it is judged.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Terms {
    /// The digest of all of it: other terms are signed anew.
    pub substance: Digest,
    /// Who takes part.
    pub parties: BTreeSet<JurisdictionId>,
    /// The first day, in the sender's offset.
    pub valid_from: Civil,
    /// The last day.
    pub valid_to: Civil,
    /// Deadlines that differ from the catalogue's.
    pub overrides: Vec<Override>,
}

/// A deadline that the parties agreed on among themselves.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub struct Override {
    /// Which.
    pub deadline: DeadlineName,
    /// At which level; none means at every level.
    pub level: Option<EventLevel>,
    /// The new time.
    pub within: Duration,
}

numbered! {
    /// Where an agreement stands by its author's word.
    pub enum Standing as "standing" {
        /// Put up for signing.
        Proposed = 1, "PROPOSED", "提请签署";
        /// Suspended until resumed.
        Suspended = 2, "SUSPENDED", "中止";
        /// In force again on the signatures there are.
        Resumed = 3, "RESUMED", "恢复";
    }
}

numbered! {
    /// What a party says to it.
    pub enum Word as "answer" {
        /// Signs.
        Signed = 1, "SIGNED", "签署";
        /// Does not sign.
        Declined = 2, "DECLINED", "不签署";
        /// Having signed, asks to suspend it; its author does.
        Suspended = 3, "SUSPENDED", "提请中止";
    }
}

/// One agreement.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub struct Agreement {
    id: AgreementId,
    chain: Chain,
    deal: Deal,
    /// The messages that put up these terms.
    revisions: BTreeSet<MessageId>,
    words: BTreeMap<JurisdictionId, Option<Word>>,
    suspended: bool,
    cancelled: bool,
    /// What was in force when these terms were put up; it holds until they are signed.
    former: Option<Deal>,
    /// When the newest message came.
    seen_at: Timestamp,
}

/// Terms with their days as times.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub struct Deal {
    substance: Digest,
    /// From when.
    pub from: Timestamp,
    /// Until when: the end of the last day.
    pub until: Timestamp,
    /// Deadlines that differ from the catalogue's.
    pub overrides: Vec<Override>,
}

impl Deal {
    fn of(step: &Step<'_>, terms: &Terms) -> Self {
        let offset = step.header.utc_offset_min;
        Self {
            substance: terms.substance,
            from: terms.valid_from.timestamp(offset),
            until: terms.valid_to.timestamp(offset).plus(Duration::from_hours(24)),
            overrides: terms.overrides.clone(),
        }
    }

    fn holds_at(&self, at: Timestamp) -> bool {
        self.from <= at && at < self.until
    }

    /// The time that it gives for a deadline at a level; one that names the level goes before one for every level.
    pub fn within(&self, deadline: DeadlineName, level: EventLevel) -> Option<Duration> {
        let of = |wanted| self.overrides.iter().find(|one| one.deadline == deadline && one.level == wanted);
        of(Some(level)).or_else(|| of(None)).map(|one| one.within)
    }
}

impl Machine for Agreement {
    fn open(step: &Step<'_>, _ledger: &mut Ledger) -> Result<(Self, Marks), Invalid> {
        let super::Facts::Agreement(facts) = step.facts else {
            return Err(wrong_sequence("header.kind", "K54.opens", step.header.kind.name()));
        };
        match (&facts.said, step.header.action) {
            (Said::Terms(Standing::Proposed, terms), Action::Originate | Action::Update) => {
                overrides_are_lawful(&terms.overrides)?;
                Ok((Self::proposed(step, &facts.agreement_id, terms), Vec::new()))
            }
            (Said::Terms(standing, _), _) => Err(wrong_sequence("body.standing", "K54.opens", standing.name())),
            (Said::Reply(word), _) => Err(wrong_sequence("body.reply", "K54.opens", word.name())),
            (Said::Nothing, action) => Err(wrong_sequence("header.action", "K54.opens", action.name())),
        }
    }

    fn step(&mut self, step: &Step<'_>, _ledger: &mut Ledger) -> Result<Marks, Invalid> {
        let super::Facts::Agreement(facts) = step.facts else { return Ok(Vec::new()) };
        if self.state_at(step.at).over {
            return Err(closed(self.state_at(step.at)));
        }
        if facts.agreement_id != self.id {
            return Err(wrong_sequence("body.agreement_id", "K54.agreement_id", self.id.as_str()));
        }
        let marks = match &facts.said {
            Said::Terms(standing, terms) => self.stands(step, Some((*standing, terms))),
            Said::Reply(word) => self.answered(step, *word),
            Said::Nothing => self.stands(step, None),
        }?;
        self.seen_at = self.seen_at.max(step.at);
        Ok(marks)
    }

    fn state(&self) -> StateName {
        self.state_at(self.seen_at)
    }

    fn state_at(&self, at: Timestamp) -> StateName {
        let state = |name, zh, over| StateName { name, zh, over };
        let held = self.former.as_ref().unwrap_or(&self.deal);
        match self.words.values().filter(|word| has_signed(**word)).count() {
            _ if self.cancelled => state("CANCELLED", "已终止", true),
            _ if at >= self.deal.until && at >= held.until => state("EXPIRED", "已到期", true),
            _ if self.suspended => state("SUSPENDED", "已中止", false),
            _ if self.is_signed() && at >= self.deal.from => state("ACTIVE", "生效中", false),
            // its author's signature alone is the proposal
            0 | 1 if !self.others_signed() => state("PROPOSED", "待签署", false),
            _ => state("SIGNED", "签署中", false),
        }
    }

    fn parts(&self) -> Vec<Part> {
        let signed = self.words.values().filter(|word| has_signed(**word)).count();
        let detail = format!("{signed}/{}", self.words.len());
        let state = self.state();
        std::iter::once(Part { name: "signatures".to_owned(), state, detail }).chain(self.parties()).collect()
    }
}

impl Agreement {
    /// What is in force at a time; while other terms are being signed, those from before.
    pub fn in_force_at(&self, at: Timestamp) -> Option<&Deal> {
        if self.cancelled || self.suspended {
            return None;
        }
        let newest = Some(&self.deal).filter(|deal| self.is_signed() && deal.holds_at(at));
        newest.or_else(|| self.former.as_ref().filter(|deal| deal.holds_at(at)))
    }

    /// Every party has signed these terms.
    pub fn is_signed(&self) -> bool {
        !self.words.is_empty() && self.words.values().all(|word| has_signed(*word))
    }

    fn others_signed(&self) -> bool {
        self.words.iter().any(|(party, word)| *party != self.chain.author && has_signed(*word))
    }

    fn proposed(step: &Step<'_>, agreement_id: &AgreementId, terms: &Terms) -> Self {
        let mut agreement = Self {
            id: agreement_id.clone(),
            chain: Chain::of(step),
            deal: Deal::of(step, terms),
            revisions: BTreeSet::new(),
            words: BTreeMap::new(),
            suspended: false,
            cancelled: false,
            former: None,
            seen_at: step.at,
        };
        agreement.put_up(step, terms);
        agreement
    }

    /// Every party signs anew. Whoever puts the terms up has signed them: its leader's name stands under them.
    fn put_up(&mut self, step: &Step<'_>, terms: &Terms) {
        self.deal = Deal::of(step, terms);
        self.revisions = [step.id()].into();
        let own = |party: &JurisdictionId| (party == step.by()).then_some(Word::Signed);
        self.words = terms.parties.iter().map(|party| (party.clone(), own(party))).collect();
    }

    /// Its author speaks again.
    fn stands(&mut self, step: &Step<'_>, said: Option<(Standing, &Terms)>) -> Result<Marks, Invalid> {
        if !self.chain.is_by(step) {
            return Err(not_author("K54.author", self.chain.author.as_str()));
        }
        if matches!(step.header.action, Action::Reply | Action::Error) {
            return Err(wrong_sequence("header.action", "K54.updated", step.header.action.name()));
        }
        if let Some(overtaken) = self.chain.overtaken(step) {
            return Ok(overtaken);
        }
        match said {
            _ if step.header.action == Action::Cancel => self.cancelled = true,
            Some((standing, terms)) => {
                self.restated(step, standing, terms)?;
                self.revisions.insert(step.id());
            }
            None => return Err(Invalid::missing("body.terms")),
        }
        self.chain.moves_to(step);
        Ok(Vec::new())
    }

    fn restated(&mut self, step: &Step<'_>, standing: Standing, terms: &Terms) -> Result<(), Invalid> {
        overrides_are_lawful(&terms.overrides)?;
        let same = terms.substance == self.deal.substance;
        match standing {
            Standing::Proposed if same => {}
            Standing::Proposed => {
                self.former = self.in_force_at(step.at).cloned();
                self.suspended = false;
                self.put_up(step, terms);
            }
            _ if !same => {
                return Err(wrong_sequence("body.terms", "K54.terms_stay", "other terms are put up and signed"));
            }
            Standing::Suspended if self.is_signed() && !self.suspended => self.suspended = true,
            Standing::Resumed if self.suspended => self.suspended = false,
            Standing::Suspended => return Err(self.out_of_order("K54.suspended", step.at)),
            Standing::Resumed => return Err(self.out_of_order("K54.resumed", step.at)),
        }
        Ok(())
    }

    fn out_of_order(&self, rule: &'static str, at: Timestamp) -> Invalid {
        wrong_sequence("body.standing", rule, self.state_at(at).name)
    }

    /// A party's word.
    fn answered(&mut self, step: &Step<'_>, word: Word) -> Result<Marks, Invalid> {
        if !matches!(step.header.action, Action::Reply | Action::Update) {
            return Err(wrong_sequence("header.action", "K54.answers", step.header.action.name()));
        }
        let about = step.header.preceding_message_id;
        let current = about.is_some_and(|about| self.revisions.contains(&about));
        let whole = self.is_signed();
        let said = self.words.get_mut(step.by()).ok_or_else(|| no_part("K54.party", step.by().as_str()))?;
        if step.header.action == Action::Reply && !current {
            let detail = "it is about other terms than those put up now";
            return Err(wrong_sequence("header.preceding_message_id", "K54.stale_revision", detail));
        }
        if word == Word::Suspended && !has_signed(*said) {
            return Err(wrong_sequence("body.reply.answer", "K54.signed_before", "only who has signed may ask for it"));
        }
        if word == Word::Declined && whole {
            return Err(wrong_sequence("body.reply.answer", "K54.all_signed", "who has signed may ask to suspend it"));
        }
        *said = Some(word);
        if self.is_signed() {
            self.former = self.former.take().filter(|_| step.at < self.deal.from);
        }
        Ok(Vec::new())
    }

    fn parties(&self) -> impl Iterator<Item = Part> {
        self.words.iter().map(|(party, word)| Part {
            name: party.to_string(),
            state: word.map_or(StateName { name: "AWAITED", zh: "待签署", over: false }, |word| StateName {
                name: word.name(),
                zh: word.zh(),
                over: word == Word::Signed,
            }),
            detail: String::new(),
        })
    }
}

/// A party that asks to suspend has signed all the same.
const fn has_signed(word: Option<Word>) -> bool {
    matches!(word, Some(Word::Signed | Word::Suspended))
}

/// Minutes that the law leaves at L1 to L4 for what counts from times in a body.
const BY_LAW: [(DeadlineName, [u64; 4]); 5] = [
    (DeadlineName::D02, [30, 30, 60, u64::MAX]),
    (DeadlineName::D03, [60, 60, 60, 120]),
    (DeadlineName::D04, [30, 30, 60, 120]),
    (DeadlineName::D05, [720, 720, 1_440, 1_440]),
    (DeadlineName::D08, [1_440; 4]),
];

/// An agreement may tighten any deadline, and loosen those of the catalogue that say so.
fn overrides_are_lawful(overrides: &[Override]) -> Result<(), Invalid> {
    for (at, one) in overrides.iter().enumerate() {
        let levels = one.level.as_ref().map_or(EventLevel::ALL, std::slice::from_ref);
        let most = levels.iter().filter_map(|level| most(one.deadline, *level)).min();
        if !one.deadline.may_be_loosened() && most.is_some_and(|most| one.within > most) {
            let field = format!("body.terms.deadline_overrides[{at}].minutes");
            let detail = format!("{}: {} min", one.deadline, one.within.as_secs() / 60);
            return Err(Invalid::new(Reason::DeadlineLoosened, field, "K54.loosened").detail(detail));
        }
    }
    Ok(())
}

fn most(deadline: DeadlineName, level: EventLevel) -> Option<Duration> {
    let by_law = BY_LAW.iter().find(|(name, _)| *name == deadline).map(|(_, [l1, l2, l3, rest])| match level {
        EventLevel::L1 => *l1,
        EventLevel::L2 => *l2,
        EventLevel::L3 => *l3,
        EventLevel::L4 | EventLevel::L0 => *rest,
    });
    deadline.within(level).or_else(|| by_law.map(|minutes| Duration::from_secs(minutes.saturating_mul(60))))
}
