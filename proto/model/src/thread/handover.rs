//! K46: the chair goes to another member. From the first day on, the rights of the secretariat are the new chair's.

use serde::{Deserialize, Serialize};

use super::{Ledger, Machine, Marks, Part, StateName, Step, chain::Chain, closed, not_author, wrong_sequence};
use crate::{
    header::Action,
    ids::{ItemId, JurisdictionId},
    invalid::Invalid,
    time::{Civil, Timestamp},
};

/// What the machine needs of K46.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Facts {
    /// Who hands over.
    pub from: JurisdictionId,
    /// Who takes over.
    pub to: JurisdictionId,
    /// The first day of the new chair, in the sender's offset.
    pub from_date: Civil,
    /// Tasks that move along.
    pub open_items: Vec<ItemId>,
}

/// One handover.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub struct Handover {
    chain: Chain,
    to: JurisdictionId,
    from_when: Timestamp,
    open_items: Vec<ItemId>,
    cancelled: bool,
    /// When the newest message came.
    seen_at: Timestamp,
}

impl Machine for Handover {
    fn open(step: &Step<'_>, _ledger: &mut Ledger) -> Result<(Self, Marks), Invalid> {
        let super::Facts::Handover(facts) = step.facts else {
            return Err(wrong_sequence("header.kind", "K46.opens", step.header.kind.name()));
        };
        if !matches!(step.header.action, Action::Originate | Action::Update) {
            return Err(wrong_sequence("header.action", "K46.opens", step.header.action.name()));
        }
        Ok((Self::announced(step, facts)?, Vec::new()))
    }

    fn step(&mut self, step: &Step<'_>, _ledger: &mut Ledger) -> Result<Marks, Invalid> {
        let super::Facts::Handover(facts) = step.facts else { return Ok(Vec::new()) };
        if self.cancelled {
            return Err(closed(self.state()));
        }
        if !self.chain.is_by(step) {
            return Err(not_author("K46.from", self.chain.author.as_str()));
        }
        if matches!(step.header.action, Action::Reply | Action::Error) {
            return Err(wrong_sequence("header.action", "K46.updated", step.header.action.name()));
        }
        if let Some(overtaken) = self.chain.overtaken(step) {
            return Ok(overtaken);
        }
        if step.at >= self.from_when {
            return Err(wrong_sequence("header.action", "K46.before_from_date", "the chair has changed"));
        }
        if step.header.action == Action::Cancel {
            self.cancelled = true;
        } else {
            *self = Self::announced(step, facts)?;
        }
        Ok(Vec::new())
    }

    fn state(&self) -> StateName {
        self.state_at(self.seen_at)
    }

    fn state_at(&self, at: Timestamp) -> StateName {
        match self.cancelled {
            true => StateName { name: "CANCELLED", zh: "已取消", over: true },
            false if at >= self.from_when => StateName { name: "IN_FORCE", zh: "已生效", over: true },
            false => StateName { name: "ANNOUNCED", zh: "已宣布", over: false },
        }
    }

    fn parts(&self) -> Vec<Part> {
        let moved = |item: &ItemId| Part { name: item.to_string(), state: self.state(), detail: self.to.to_string() };
        self.open_items.iter().map(moved).collect()
    }
}

impl Handover {
    /// Whoever has the chair gives it.
    fn announced(step: &Step<'_>, facts: &Facts) -> Result<Self, Invalid> {
        if *step.by() != facts.from {
            return Err(not_author("K46.from", facts.from.as_str()));
        }
        let from_when = facts.from_date.timestamp(step.header.utc_offset_min);
        if from_when <= step.at {
            // nobody gives away what went from hand to hand since
            return Err(wrong_sequence("body.from_date", "K46.from_date_ahead", "the chair changes on a day to come"));
        }
        Ok(Self {
            chain: Chain::of(step),
            to: facts.to.clone(),
            from_when,
            open_items: facts.open_items.clone(),
            cancelled: false,
            seen_at: step.at,
        })
    }

    /// Who has the chair by this handover at a time; none once it was called off.
    pub fn chair_at(&self, at: Timestamp) -> Option<&JurisdictionId> {
        let chair = if at >= self.from_when { &self.to } else { &self.chain.author };
        (!self.cancelled).then_some(chair)
    }

    /// Who has the chair at a time after these handovers, if `first` had it in the beginning. Whoever does not have the chair
    /// has none to give; where nobody is known to have had it, the earliest to hand it over did.
    pub fn chair(first: Option<JurisdictionId>, mut handovers: Vec<Self>, at: Timestamp) -> Option<JurisdictionId> {
        handovers.sort_by_key(|handover| (handover.from_when, handover.chain.message));
        let gives = |chair: Option<JurisdictionId>, handover: Self| match handover.chair_at(at).cloned() {
            Some(next) if chair.as_ref().is_none_or(|chair| *chair == handover.chain.author) => Some(next),
            Some(_) | None => chair,
        };
        handovers.into_iter().fold(first, gives)
    }

    /// Tasks that move along.
    pub fn open_items(&self) -> &[ItemId] {
        &self.open_items
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::time::Duration;

    use super::*;
    use crate::{
        header::Header,
        judge::sample::{header, member, message_id},
        kind::Kind,
        reason::Reason,
        thread,
    };

    fn january() -> Timestamp {
        Civil::date(2028, 1, 1).unwrap().timestamp(480)
    }

    fn days_before(days: u64) -> Timestamp {
        january().minus(Duration::from_hours(24 * days))
    }

    fn handover(by: &str, action: Action, revision: u32) -> Header {
        let mut header = Header { action, revision, ..header(Kind::Handover) };
        header.sender.jurisdiction = member(by);
        header
    }

    fn facts(to: &str) -> thread::Facts {
        let from_date = Civil::date(2028, 1, 1).unwrap();
        let open_items = vec!["371300-AI-2027-11".parse().unwrap()];
        thread::Facts::Handover(Facts { from: member("371300"), to: member(to), from_date, open_items })
    }

    fn announced() -> Handover {
        let header = handover("371300", Action::Originate, 1);
        let step = Step { header: &header, facts: &facts("320300"), at: days_before(20) };
        Handover::open(&step, &mut Ledger::default()).unwrap().0
    }

    fn step(handover: &mut Handover, header: &Header, to: &str, at: Timestamp) -> Result<Marks, (Reason, String)> {
        let facts = facts(to);
        let step = Step { header, facts: &facts, at };
        handover.step(&step, &mut Ledger::default()).map_err(|invalid| (invalid.reason, invalid.rule))
    }

    #[test]
    fn the_chair_changes_at_midnight_of_the_first_day() {
        let handover = announced();
        let before = january().minus(Duration::from_millis(1));
        assert_eq!((handover.state().name, handover.state_at(before).name), ("ANNOUNCED", "ANNOUNCED"));
        assert_eq!(handover.chair_at(before), Some(&member("371300")));
        assert_eq!(handover.state_at(january()).name, "IN_FORCE");
        assert_eq!(handover.chair_at(january()), Some(&member("320300")));
        assert_eq!(handover.open_items().len(), 1, "they move along");
    }

    #[test]
    fn the_chair_alone_gives_it_and_may_think_again_until_then() {
        let header = handover("320300", Action::Originate, 1);
        let stolen = Step { header: &header, facts: &facts("320300"), at: days_before(20) };
        let refused = Handover::open(&stolen, &mut Ledger::default()).unwrap_err();
        assert_eq!((refused.reason, refused.rule.as_str()), (Reason::NotAuthor, "K46.from"));

        let mut handover = announced();
        let other = super::tests::handover("320300", Action::Update, 2);
        assert_eq!(step(&mut handover, &other, "320300", days_before(9)), Err((Reason::NotAuthor, "K46.from".into())));
        let update = super::tests::handover("371300", Action::Update, 2);
        assert_eq!(step(&mut handover, &update, "320700", days_before(9)), Ok(Vec::new()));
        assert_eq!(handover.chair_at(january()), Some(&member("320700")));

        let late = Err((Reason::WrongSequence, "K46.before_from_date".to_owned()));
        let cancel = super::tests::handover("371300", Action::Cancel, 3);
        assert_eq!(step(&mut handover.clone(), &cancel, "320700", january()), late);
        assert_eq!(step(&mut handover, &cancel, "320700", days_before(1)), Ok(Vec::new()));
        assert_eq!((handover.state().name, handover.chair_at(january())), ("CANCELLED", None));
        let over = step(&mut handover, &update, "320700", days_before(1));
        assert_eq!(over.map_err(|(reason, _)| reason), Err(Reason::ThreadClosed));
    }

    fn given(from: &str, to: &str, day: Civil) -> Handover {
        let mut header = header(Kind::Handover);
        header.sender.jurisdiction = member(from);
        let facts = Facts { from: member(from), to: member(to), from_date: day, open_items: Vec::new() };
        let step = Step { header: &header, facts: &thread::Facts::Handover(facts), at: days_before(20) };
        Handover::open(&step, &mut Ledger::default()).unwrap().0
    }

    #[test]
    fn the_chair_goes_from_hand_to_hand_and_only_by_whoever_has_it() {
        let of = |year| Civil::date(year, 1, 1).unwrap();
        let years = [
            given("320700", "371100", of(2030)),
            given("371300", "320300", of(2028)),
            given("320300", "320700", of(2029)),
            given("370900", "370900", Civil::date(2027, 12, 31).unwrap()), // never had it
        ];
        let at = |year| Handover::chair(Some(member("371300")), years.to_vec(), of(year).timestamp(480));
        let had = [2027, 2028, 2029, 2030].map(|year| at(year).unwrap());
        assert_eq!(had, ["371300", "320300", "320700", "371100"].map(member));
        assert_eq!(Handover::chair(None, Vec::new(), january()), None, "nobody knows");
        let announced = vec![years[1].clone()];
        assert_eq!(Handover::chair(None, announced, days_before(1)), Some(member("371300")), "it still has it");
    }

    #[test]
    fn nobody_hands_over_as_of_a_day_that_has_passed() {
        let mut header = header(Kind::Handover);
        header.sender.jurisdiction = member("371300");
        let facts = facts("370900");
        for (at, expected) in [(january().minus(Duration::from_millis(1)), true), (january(), false)] {
            let opened = Handover::open(&Step { header: &header, facts: &facts, at }, &mut Ledger::default());
            assert_eq!(
                opened.map_err(|invalid| invalid.rule).err(),
                (!expected).then(|| "K46.from_date_ahead".to_owned())
            );
        }
    }

    #[test]
    fn a_row_keeps_it() {
        let handover = announced();
        let row = serde_json::to_string(&handover).unwrap();
        assert_eq!(serde_json::from_str::<Handover>(&row).unwrap(), handover);
        assert_eq!(handover.parts()[0].detail, "320300");
        assert_eq!(message_id(1), handover.chain.message);
    }
}
