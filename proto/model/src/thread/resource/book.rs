//! The book of a request: what is offered, ordered and promised, and how much of an item that makes.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::{ItemState, Line, Mission, MissionState, Request, Tally};
use crate::{
    catalogue::Use,
    ids::{JurisdictionId, MessageId},
    invalid::Invalid,
    thread::{chain::Chain, wrong_sequence},
    time::Timestamp,
};

/// One offer with its revisions.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub struct Offer {
    /// What names it here: the first of its messages that came.
    pub id: MessageId,
    /// Its revisions, as the author counts them.
    pub chain: Chain,
    /// Every message of it: decisions name any.
    pub messages: BTreeSet<MessageId>,
    /// It stands until then.
    pub valid_until: Option<Timestamp>,
    /// Its lines by number.
    pub lines: BTreeMap<u32, OfferLine>,
}

/// A line of an offer.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub struct OfferLine {
    /// The item it answers; 0 for none.
    pub item_no: u32,
    /// What it says.
    pub line: Line,
    /// How many.
    pub quantity: u32,
    /// Which resources, if it names them.
    pub resources: BTreeSet<String>,
    /// The requester does not want it.
    pub declined: bool,
}

impl OfferLine {
    /// Something may still be ordered from it.
    pub const fn stands(&self) -> bool {
        self.line.offers() && !self.declined
    }
}

/// One order: how many of which line of which offer, and how many of those are promised.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub struct Order {
    /// Who ordered them.
    pub by: JurisdictionId,
    /// Who is to send them.
    pub supplier: JurisdictionId,
    /// The order's own revisions.
    pub chain: Chain,
    /// The offer, by its first message.
    pub offer: MessageId,
    /// How many of which line.
    pub lines: BTreeMap<u32, u32>,
}

impl Offer {
    /// Whether its time is over.
    pub fn is_over(&self, at: Timestamp) -> bool {
        self.valid_until.is_some_and(|until| at > until)
    }
}

impl Request {
    /// The offer that a message belongs to.
    pub(super) fn offer_of(&self, message: MessageId) -> Option<usize> {
        self.offers.iter().position(|offer| offer.messages.contains(&message))
    }

    /// How many of a line of an offer are ordered, by all orders but one.
    pub(super) fn ordered(&self, offer: MessageId, line: u32, but: Option<&str>) -> u64 {
        let others = self.orders.iter().filter(|(id, order)| Some(id.as_str()) != but && order.offer == offer);
        others.filter_map(|(_, order)| order.lines.get(&line)).map(|count| u64::from(*count)).sum()
    }

    /// How many of a line of an offer this order has already.
    pub(super) fn ordered_by(&self, order_id: &str, offer: MessageId, line: u32) -> u64 {
        let order = self.orders.get(order_id).filter(|order| order.offer == offer);
        order.and_then(|order| order.lines.get(&line)).map_or(0, |count| u64::from(*count))
    }

    /// How many of a line of an order are promised, by all missions but one. What was called back is promised no more.
    pub(super) fn promised(&self, order_id: &str, line: u32, but: Option<&str>) -> u64 {
        let stands = |(id, mission): &(&String, &Mission)| {
            Some(id.as_str()) != but && mission.order_id == order_id && !mission.is_broken_off()
        };
        let missions = self.missions.iter().filter(stands);
        missions.filter_map(|(_, mission)| mission.lines.get(&line)).map(|count| u64::from(*count)).sum()
    }

    /// How many of a line of an order were called back, or lost.
    pub(super) fn broken_off(&self, order_id: &str, line: u32) -> u64 {
        let of_order = self.missions.values().filter(|mission| mission.order_id == order_id && mission.is_broken_off());
        of_order.filter_map(|mission| mission.lines.get(&line)).map(|count| u64::from(*count)).sum()
    }

    /// How many of a line of an order were promised, whatever became of them.
    pub(super) fn used(&self, order_id: &str, line: u32) -> u64 {
        self.promised(order_id, line, None) + self.broken_off(order_id, line)
    }

    /// What stands of an item at a time. What is ordered stands though its offer's time is over.
    pub fn tally(&self, item: u32, at: Timestamp) -> Tally {
        let mut tally =
            Tally { quantity: self.items.get(&item).map_or(0, |item| item.quantity.into()), ..Tally::default() };
        for offer in &self.offers {
            let id = offer.id;
            for (line_no, line) in offer.lines.iter().filter(|(_, line)| line.item_no == item && line.line.offers()) {
                let ordered = self.ordered(id, *line_no, None);
                let open = line.stands() && !offer.is_over(at);
                tally.offered += if open { u64::from(line.quantity) } else { ordered };
                tally.ordered += ordered;
            }
        }
        for (order_id, order) in &self.orders {
            let Some(at) = self.offer_of(order.offer) else { continue };
            let Some(offer) = self.offers.get(at) else { continue };
            for line_no in order.lines.keys() {
                if offer.lines.get(line_no).is_some_and(|line| line.item_no == item) {
                    tally.committed += self.promised(order_id, *line_no, None);
                    // what was called back is offered and ordered no more: the item is open again
                    let broken = self.broken_off(order_id, *line_no);
                    tally.offered = tally.offered.saturating_sub(broken);
                    tally.ordered = tally.ordered.saturating_sub(broken);
                }
            }
        }
        tally
    }

    /// Where an item stands at a time.
    pub fn item_state(&self, item: u32, at: Timestamp) -> ItemState {
        let tally = self.tally(item, at);
        if tally.remaining() == 0 && tally.quantity > 0 {
            if self.all_home() { ItemState::Closed } else { ItemState::Filled }
        } else if tally.committed > 0 {
            ItemState::PartlyCommitted
        } else if tally.uncovered() == 0 {
            ItemState::Offered
        } else if tally.offered > 0 {
            ItemState::PartlyOffered
        } else {
            ItemState::Open
        }
    }

    /// An offer that nobody asked for stands until somebody orders, and is closed when what was ordered is home.
    pub(super) fn unsolicited_state(&self, at: Timestamp) -> ItemState {
        let stands = |offer: &Offer| offer.lines.values().any(OfferLine::stands) && !offer.is_over(at);
        if !self.missions.is_empty() && !self.all_home() {
            ItemState::Filled
        } else if self.missions.is_empty() && self.offers.iter().any(stands) {
            ItemState::Offered
        } else {
            ItemState::Closed
        }
    }

    /// Every mission has come home or was broken off.
    pub(super) fn all_home(&self) -> bool {
        self.missions.values().all(|mission| !mission.is_live() || mission.state == MissionState::Settled)
    }
}

/// What an offer or a mission of one supplier does to one of its resources.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Used {
    /// Which resource.
    pub resource_id: String,
    /// The mission that takes it; none where an offer holds it.
    pub mission_id: Option<String>,
    /// What is done to it.
    pub what: Use,
}

impl Request {
    /// What it does to the resources of `supplier`: which lines of offers hold, and which missions take. A line of which
    /// everything is promised holds nothing any more: its missions do.
    pub fn uses(&self, supplier: &JurisdictionId) -> Vec<Used> {
        let own = self.offers.iter().filter(|offer| offer.chain.author == *supplier && !self.cancelled);
        let held = own.flat_map(|offer| {
            let open = offer.lines.iter().filter(|(line_no, line)| line.stands() && !self.is_used_up(offer, **line_no));
            let what = Use::Held(offer.valid_until);
            open.flat_map(move |(_, line)| line.resources.iter().map(move |id| used(id, None, what)))
        });
        let missions = self.missions.iter().filter(|(_, mission)| mission.supplier == *supplier && mission.is_live());
        let sent = missions.flat_map(|(mission_id, mission)| {
            mission.resources.iter().map(|id| used(id, Some(mission_id), Use::Sent(mission.state)))
        });
        held.chain(sent).collect()
    }

    fn is_used_up(&self, offer: &Offer, line_no: u32) -> bool {
        let orders = self.orders.iter().filter(|(_, order)| order.offer == offer.id);
        let promised: u64 = orders.map(|(id, _)| self.used(id, line_no)).sum();
        offer.lines.get(&line_no).is_some_and(|line| promised >= u64::from(line.quantity))
    }
}

fn used(resource_id: &str, mission_id: Option<&String>, what: Use) -> Used {
    Used { resource_id: resource_id.to_owned(), mission_id: mission_id.cloned(), what }
}

/// The refusal of a commitment that names a resource which another live mission has already.
pub fn sent_already(resource_id: &str, mission_id: &str) -> Invalid {
    wrong_sequence("body.resources.resource_id", "K14.one_mission", format!("{resource_id}: {mission_id}"))
}
