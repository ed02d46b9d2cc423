//! What the machine needs of K11 to K18.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::{ids::MessageId, numbered::numbered, time::Timestamp};

/// One of K11 to K18.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Facts {
    /// K11.
    Request(Wanted),
    /// K12.
    Offer(Offered),
    /// K13.
    Decision(Decided),
    /// K14.
    Commitment(Committed),
    /// K15: the requester asks how a mission goes.
    Query(String),
    /// K15: how a mission goes.
    Report(Reported),
    /// K16 and K17: one side asks for more time, a release or a return.
    Ask(String, Asked),
    /// K16 and K17: the other side's word.
    Answer(String, Agreed),
    /// K18: a claim.
    Claim(Claim),
    /// K18: the payer's word.
    Settlement(String, Settled),
}

/// K11.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Wanted {
    /// What is asked for.
    pub items: Vec<Item>,
    /// After this nobody need answer any more.
    pub lapse_at: Option<Timestamp>,
    /// Nobody has said who pays.
    pub funding_unknown: bool,
}

/// One thing that is asked for.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub struct Item {
    /// Its number in the request.
    pub item_no: u32,
    /// How many.
    pub quantity: u32,
    /// The least capable type that will do; 1 is the most capable.
    pub type_level_min: Option<u32>,
    /// A lower type will do too.
    pub substitutes_ok: bool,
}

numbered! {
    /// What a line of an offer says.
    pub enum Line as "answer" {
        /// As much as is asked for.
        Offer = 1, "OFFER", "提供";
        /// A part of it.
        Partial = 2, "PARTIAL", "部分提供";
        /// Nothing.
        Decline = 3, "DECLINE", "不提供";
        /// An answer follows.
        Defer = 4, "DEFER", "暂缓答复";
        /// Taken back.
        Withdrawn = 5, "WITHDRAWN", "撤回";
    }
}

impl Line {
    /// It says more than that nothing comes.
    pub const fn is_open(self) -> bool {
        !matches!(self, Self::Decline | Self::Withdrawn)
    }

    /// Something can be ordered from it.
    pub const fn offers(self) -> bool {
        matches!(self, Self::Offer | Self::Partial)
    }
}

/// K12.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Offered {
    /// It answers a request.
    pub solicited: bool,
    /// Its lines.
    pub lines: Vec<OfferedLine>,
    /// It stands until then.
    pub valid_until: Option<Timestamp>,
}

/// A line of an offer.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct OfferedLine {
    /// Its number in the offer.
    pub line_no: u32,
    /// The item it answers; 0 for none.
    pub item_no: u32,
    /// What it says.
    pub line: Line,
    /// How many.
    pub quantity: u32,
    /// Of which type.
    pub type_level: Option<u32>,
    /// Which resources, if it names them.
    pub resources: BTreeSet<String>,
}

/// K13.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Decided {
    /// The order.
    pub order_id: String,
    /// What is said to which line.
    pub lines: Vec<DecidedLine>,
}

/// What is said to one line of an offer.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct DecidedLine {
    /// Any message of the offer.
    pub offer: MessageId,
    /// Its line.
    pub line_no: u32,
    /// How many are ordered; none declines it.
    pub order: Option<u32>,
}

/// K14.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Committed {
    /// The mission.
    pub mission_id: String,
    /// The order that it fulfils.
    pub order_id: String,
    /// How many for which line of the offer.
    pub lines: Vec<(u32, u32)>,
    /// Which resources go.
    pub resources: BTreeSet<String>,
}

numbered! {
    /// A milestone that moves a mission on. Estimates and wishes do not.
    pub enum Milestone as "type" {
        /// It has left.
        Departure = 6, "ACTUAL_DEPARTURE", "已出发";
        /// It is there.
        Arrival = 3, "ACTUAL_ARRIVAL", "已到达";
        /// It can be used.
        BeginAvailable = 13, "BEGIN_AVAILABLE", "投入使用";
        /// It is used no more.
        EndAvailable = 14, "END_AVAILABLE", "停止使用";
        /// It goes home.
        ReturnDeparture = 9, "ACTUAL_RETURN_DEPARTURE", "已返程";
        /// It is home.
        ReturnArrival = 12, "ACTUAL_RETURN_ARRIVAL", "已返回";
    }
}

numbered! {
    /// Where a mission stands.
    pub enum MissionState as "state" {
        /// Promised.
        Committed = 1, "COMMITTED", "已承诺";
        /// Getting ready.
        Mobilising = 2, "MOBILISING", "集结中";
        /// On its way.
        EnRoute = 3, "EN_ROUTE", "在途";
        /// There.
        Arrived = 4, "ARRIVED", "已到达";
        /// At work.
        InUse = 5, "IN_USE", "使用中";
        /// Being released.
        Releasing = 6, "RELEASING", "归建中";
        /// On its way home.
        Returning = 7, "RETURNING", "返程中";
        /// Home.
        Returned = 8, "RETURNED", "已返回";
        /// Paid for.
        Settled = 9, "SETTLED", "已结算";
        /// Called back by its supplier.
        Recalled = 10, "RECALLED", "已撤回";
        /// Broken off.
        Aborted = 11, "ABORTED", "已中止";
        /// Lost.
        Lost = 12, "LOST", "失联";
    }
}

/// K15.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Reported {
    /// The mission.
    pub mission_id: String,
    /// What was reached, and when.
    pub milestones: Vec<(Milestone, Timestamp)>,
    /// A state that it names besides.
    pub state: Option<MissionState>,
    /// Entered afterwards.
    pub late_entry: bool,
}

numbered! {
    /// What one side asks about a mission.
    pub enum Asked as "ask" {
        /// More time, by the requester.
        Extension = 1, "EXTENSION", "延期";
        /// It may go, by the requester.
        Release = 2, "RELEASE", "归建";
        /// It must come home, by the supplier.
        Return = 3, "RETURN", "撤回";
    }
}

numbered! {
    /// The other side's word.
    pub enum Agreed as "answer" {
        /// Yes, or until a time.
        Yes = 1, "AGREE", "同意";
        /// No.
        No = 2, "DECLINE", "不同意";
    }
}

/// K18.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Claim {
    /// The mission.
    pub mission_id: String,
    /// What each line comes to, in fen.
    pub lines: Vec<i64>,
    /// What all of it comes to, in fen.
    pub total: i64,
}

numbered! {
    /// What the payer says.
    pub enum Settled as "answer" {
        /// Right.
        Agreed = 1, "AGREED", "已认可";
        /// Not right.
        Disputed = 2, "DISPUTED", "有争议";
        /// Paid.
        Paid = 3, "PAID", "已支付";
    }
}
