//! What the machine of a drill needs of K30 to K35.

use std::time::Duration;

use super::{clock::Planned, phase::Review};
use crate::{
    ids::{DrillId, ItemId},
    thread::{
        Obligor,
        invitation::{Period, Reply},
    },
    time::Timestamp,
};

/// What the machine needs of K30 to K35.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Facts {
    /// K30.
    Invitation(Invitation),
    /// K31, and the drill that it names.
    Reply(DrillId, Reply),
    /// K32.
    Plan(Plan),
    /// K33; drill and order stand in the header.
    Control(Control),
    /// K34; the drill stands in the header.
    Inject(Inject),
    /// K35.
    Evaluation(Evaluation),
}

impl Facts {
    /// The drill that the body names; orders and injects name it in the header alone.
    pub const fn drill_id(&self) -> Option<&DrillId> {
        match self {
            Self::Invitation(Invitation { drill_id, .. })
            | Self::Reply(drill_id, _)
            | Self::Plan(Plan { drill_id, .. })
            | Self::Evaluation(Evaluation { drill_id, .. }) => Some(drill_id),
            Self::Control(_) | Self::Inject(_) => None,
        }
    }
}

/// K30: when, and who is asked.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Invitation {
    /// The drill.
    pub drill_id: DrillId,
    /// Rises whenever dates or participants change.
    pub sequence: u32,
    /// When it is held.
    pub period: Period,
    /// Who is asked.
    pub wanted: Vec<Obligor>,
    /// By when an answer is asked for.
    pub rsvp_by: Option<Timestamp>,
}

/// K32: a version of the plan.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Plan {
    /// The drill.
    pub drill_id: DrillId,
    /// The round of invitations that it is for.
    pub sequence: u32,
    /// Rises with each change.
    pub version: u32,
    /// It is played as it is.
    pub frozen: bool,
    /// What it wants sent, and when.
    pub injects: Vec<Planned>,
}

/// K33: what the body adds to the order.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Control {
    /// How far the clock jumps.
    pub jump: Option<Duration>,
}

/// K34: one inject.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Inject {
    /// Which.
    pub inject_id: String,
    /// The version of the plan that it stands in; none when it was made up on the day.
    pub plan_version: Option<u32>,
}

/// K35: how far the review is, and what shall be better.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Evaluation {
    /// The drill.
    pub drill_id: DrillId,
    /// How far.
    pub stage: Review,
    /// What follows from it.
    pub improvements: Vec<Improvement>,
}

/// Something that shall be better next time.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Improvement {
    /// The task that follows.
    pub item_id: ItemId,
    /// The earlier item that comes back with it.
    pub recurrence_of: Option<ItemId>,
}
