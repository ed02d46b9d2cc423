//! A mission: what was promised, how far it is, what one side asked of the other, and what it cost.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::{
    book::Order,
    facts::{Asked, Milestone, MissionState, Reported, Settled},
};
use crate::{
    ids::{JurisdictionId, MessageId},
    invalid::Invalid,
    thread::{chain::Chain, wrong_sequence},
    time::Timestamp,
};

/// One mission.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub struct Mission {
    /// The revisions of its commitment.
    pub chain: Chain,
    /// Who sends it.
    pub supplier: JurisdictionId,
    /// Who ordered it.
    pub requester: JurisdictionId,
    /// The order that it fulfils.
    pub order_id: String,
    /// How many for which line of the offer.
    pub lines: BTreeMap<u32, u32>,
    /// Which resources go; missions that were folded by earlier versions name none.
    #[serde(default)]
    pub resources: BTreeSet<String>,
    /// Where it stands.
    pub state: MissionState,
    reached: BTreeMap<Milestone, Timestamp>,
    /// Reports so far: each is owed after the one before.
    pub reports: u32,
    /// What is asked and not answered.
    pub asks: Vec<Ask>,
    /// Claims so far, and the payer's word on the last.
    pub claims: u32,
    /// The payer's word.
    pub settled: Option<Settled>,
}

/// A question about a mission, with its revisions.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub struct Ask {
    /// What is asked.
    pub asked: Asked,
    /// What names it: the first of its messages that came.
    pub id: MessageId,
    /// Its revisions, as the author counts them.
    pub chain: Chain,
    /// Every message of it: answers name any.
    pub messages: BTreeSet<MessageId>,
}

/// What must have been reached before.
const fn before(milestone: Milestone) -> Option<Milestone> {
    match milestone {
        Milestone::Departure => None,
        Milestone::Arrival => Some(Milestone::Departure),
        Milestone::BeginAvailable | Milestone::ReturnDeparture => Some(Milestone::Arrival),
        Milestone::EndAvailable => Some(Milestone::BeginAvailable),
        Milestone::ReturnArrival => Some(Milestone::ReturnDeparture),
    }
}

/// Where a mission stands that has reached it.
const fn state_after(milestone: Milestone) -> MissionState {
    match milestone {
        Milestone::Departure => MissionState::EnRoute,
        Milestone::Arrival => MissionState::Arrived,
        Milestone::BeginAvailable => MissionState::InUse,
        Milestone::EndAvailable => MissionState::Releasing,
        Milestone::ReturnDeparture => MissionState::Returning,
        Milestone::ReturnArrival => MissionState::Returned,
    }
}

impl Mission {
    /// A mission that was promised.
    pub fn new(chain: Chain, (order_id, order): (String, &Order), lines: BTreeMap<u32, u32>) -> Self {
        Self {
            chain,
            supplier: order.supplier.clone(),
            requester: order.by.clone(),
            order_id,
            lines,
            resources: BTreeSet::new(),
            state: MissionState::Committed,
            reached: BTreeMap::new(),
            reports: 0,
            asks: Vec::new(),
            claims: 0,
            settled: None,
        }
    }

    /// The other of its two sides.
    pub fn other(&self, side: &JurisdictionId) -> JurisdictionId {
        if *side == self.supplier { self.requester.clone() } else { self.supplier.clone() }
    }

    /// It is on its way, there, or going home.
    pub const fn is_live(&self) -> bool {
        !matches!(self.state, MissionState::Returned | MissionState::Settled) && !self.is_broken_off()
    }

    /// It ended before it was home.
    pub const fn is_broken_off(&self) -> bool {
        matches!(self.state, MissionState::Recalled | MissionState::Aborted | MissionState::Lost)
    }

    /// Its people are at the place.
    pub const fn is_on_site(&self) -> bool {
        matches!(self.state, MissionState::Arrived | MissionState::InUse | MissionState::Releasing)
    }

    /// Takes a report, or says what it lacks. A milestone that was entered afterwards needs nothing before it.
    pub fn report(&mut self, reported: &Reported) -> Result<(), Invalid> {
        if self.state == MissionState::Settled || (self.is_broken_off() && reported.state != Some(self.state)) {
            return Err(wrong_sequence("body.mission_id", "K15.mission_over", self.state.name()));
        }
        let mut milestones = reported.milestones.clone();
        // in the order in which they are reached, whatever order they are listed in
        milestones.sort_by_key(|(milestone, _)| state_after(*milestone));
        for (milestone, at) in &milestones {
            self.reach(*milestone, *at, reported.late_entry)?;
        }
        if let Some(state) = reported.state {
            self.enter(state)?;
        }
        Ok(())
    }

    fn reach(&mut self, milestone: Milestone, at: Timestamp, late_entry: bool) -> Result<(), Invalid> {
        let in_order = before(milestone).is_none_or(|before| self.reached.get(&before).is_some_and(|then| *then <= at));
        if !in_order && !late_entry {
            let lacks = before(milestone).map_or("", Milestone::name);
            let detail = format!("{} before {lacks}", milestone.name());
            return Err(wrong_sequence("body.milestones", "K15.milestone_order", detail));
        }
        self.reached.insert(milestone, at);
        let next = state_after(milestone);
        if next > self.state {
            self.state = next;
        }
        Ok(())
    }

    /// A state that a report names. A recall is never blocked while there is something to recall.
    fn enter(&mut self, state: MissionState) -> Result<(), Invalid> {
        let lawful = match state {
            MissionState::Recalled | MissionState::Aborted | MissionState::Lost => {
                self.is_live() || self.state == state
            }
            MissionState::Mobilising => matches!(self.state, MissionState::Committed | MissionState::Mobilising),
            MissionState::InUse => matches!(self.state, MissionState::Arrived | MissionState::InUse),
            MissionState::Releasing => self.is_on_site(),
            // the others are reached by a milestone; naming where it stands says nothing new
            MissionState::Committed
            | MissionState::EnRoute
            | MissionState::Arrived
            | MissionState::Returning
            | MissionState::Returned
            | MissionState::Settled => state == self.state,
        };
        if !lawful {
            let detail = format!("{} → {}", self.state.name(), state.name());
            return Err(wrong_sequence("body.state", "K15.state", detail));
        }
        self.state = state;
        Ok(())
    }
}
