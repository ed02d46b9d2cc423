//! K11 to K18: a request for resources with everything that follows in its thread: offers, decisions, commitments, the
//! missions they begin, and their costs. Quantities are whole numbers, and of every item
//! Σ committed ≤ Σ ordered ≤ Σ offered at every time.

mod book;
mod deployment;
mod facts;
mod mission;
mod owed;
mod steps;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

pub use self::{
    book::{Used, sent_already},
    facts::{
        Agreed, Asked, Claim, Committed, Decided, DecidedLine, Facts, Item, Line, Milestone, MissionState, Offered,
        OfferedLine, Reported, Settled, Wanted,
    },
    mission::Mission,
};

use self::book::Offer;
use super::{Ledger, Machine, Marks, Part, StateName, Step, chain::Chain, wrong_sequence};
use crate::{ids::JurisdictionId, invalid::Invalid, numbered::numbered, reason::Reason, time::Timestamp};

numbered! {
    /// Where an item stands.
    pub enum ItemState as "item" {
        /// Nobody offers any.
        Open = 1, "OPEN", "待响应";
        /// Somebody offers some.
        PartlyOffered = 2, "PARTLY_OFFERED", "部分响应";
        /// As many are offered as are asked for.
        Offered = 3, "OFFERED", "已响应";
        /// Some are promised.
        PartlyCommitted = 4, "PARTLY_COMMITTED", "部分落实";
        /// All are promised.
        Filled = 5, "FILLED", "已落实";
        /// All have come home.
        Closed = 6, "CLOSED", "已结束";
    }
}

/// What stands of one item.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Tally {
    /// Asked for.
    pub quantity: u64,
    /// Offered, as far as it stands.
    pub offered: u64,
    /// Ordered.
    pub ordered: u64,
    /// Promised.
    pub committed: u64,
}

impl Tally {
    /// What nobody offers.
    pub const fn uncovered(&self) -> u64 {
        self.quantity.saturating_sub(self.offered)
    }

    /// What nobody has promised.
    pub const fn remaining(&self) -> u64 {
        self.quantity.saturating_sub(self.committed)
    }
}

/// One request, or an offer that nobody asked for.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub struct Request {
    chain: Chain,
    /// It began with an offer.
    unsolicited: bool,
    items: BTreeMap<u32, Item>,
    lapse_at: Option<Timestamp>,
    /// Anybody may be reached by group or area.
    open: bool,
    asked: BTreeSet<JurisdictionId>,
    offers: Vec<Offer>,
    /// Orders with their supplier: how many of which line of which offer.
    orders: BTreeMap<String, book::Order>,
    missions: BTreeMap<String, Mission>,
    cancelled: bool,
    seen_at: Timestamp,
}

impl Machine for Request {
    fn open(step: &Step<'_>, ledger: &mut Ledger) -> Result<(Self, Marks), Invalid> {
        let mut request = Self {
            chain: Chain::of(step),
            unsolicited: false,
            items: BTreeMap::new(),
            lapse_at: None,
            open: false,
            asked: BTreeSet::new(),
            offers: Vec::new(),
            orders: BTreeMap::new(),
            missions: BTreeMap::new(),
            cancelled: false,
            seen_at: step.at,
        };
        let super::Facts::Resource(facts) = step.facts else {
            return Err(wrong_sequence("header.kind", "K11.opens", "no request"));
        };
        let marks = match facts {
            Facts::Request(wanted) => request.ask(step, wanted, ledger)?,
            Facts::Offer(offered) if !offered.solicited => {
                request.unsolicited = true;
                request.reach(step);
                request.offer(step, offered, ledger)?
            }
            _ => return Err(wrong_sequence("header.kind", "K11.opens", "an answer to nothing")),
        };
        Ok((request, marks))
    }

    fn step(&mut self, step: &Step<'_>, ledger: &mut Ledger) -> Result<Marks, Invalid> {
        let super::Facts::Resource(facts) = step.facts else { return Ok(Marks::new()) };
        let marks = match facts {
            Facts::Request(wanted) => self.ask_again(step, wanted, ledger),
            Facts::Offer(offered) => self.offered(step, offered, ledger),
            Facts::Decision(decided) => self.decided(step, decided, ledger),
            Facts::Commitment(committed) => self.committed(step, committed, ledger),
            Facts::Query(mission) => self.queried(step, mission),
            Facts::Report(reported) => self.reported(step, reported, ledger),
            Facts::Ask(mission, asked) => self.asked_about(step, mission, *asked, ledger),
            Facts::Answer(mission, agreed) => self.answered(step, mission, *agreed, ledger),
            Facts::Claim(claim) => self.claimed(step, claim, ledger),
            Facts::Settlement(mission, settled) => self.settled(step, mission, *settled, ledger),
        }?;
        self.seen_at = self.seen_at.max(step.at);
        Ok(marks)
    }

    fn state(&self) -> StateName {
        self.state_at(self.seen_at)
    }

    fn state_at(&self, at: Timestamp) -> StateName {
        let lapsed = self.lapse_at.is_some_and(|lapse| at > lapse) && self.missions.is_empty();
        if self.cancelled {
            return StateName { name: "CANCELLED", zh: "已取消", over: self.all_home() };
        }
        if lapsed {
            return StateName { name: "LAPSED", zh: "已逾期失效", over: true };
        }
        let least = self.items.keys().map(|item| self.item_state(*item, at)).min();
        let state = least.unwrap_or_else(|| self.unsolicited_state(at));
        StateName { name: state.name(), zh: state.zh(), over: state == ItemState::Closed }
    }

    fn parts(&self) -> Vec<Part> {
        self.parts_at(self.seen_at)
    }

    /// Items with promised of asked, then missions.
    fn parts_at(&self, at: Timestamp) -> Vec<Part> {
        let item = |item: &u32| {
            let (state, tally) = (self.item_state(*item, at), self.tally(*item, at));
            Part {
                name: format!("item {item}"),
                state: StateName { name: state.name(), zh: state.zh(), over: state == ItemState::Closed },
                detail: format!("{}/{} uncovered {}", tally.committed, tally.quantity, tally.uncovered()),
            }
        };
        let mission = |(id, mission): (&String, &Mission)| Part {
            name: id.clone(),
            state: StateName { name: mission.state.name(), zh: mission.state.zh(), over: !mission.is_live() },
            detail: mission.supplier.to_string(),
        };
        self.items.keys().map(item).chain(self.missions.iter().map(mission)).collect()
    }
}

/// The refusal of quantities or types that do not fit what stands.
fn mismatch(field: &'static str, rule: &'static str, detail: impl Into<String>) -> Invalid {
    Invalid::new(Reason::OfferMismatch, field, rule).detail(detail)
}
