//! Resource catalogues: how good a record is, whether a resource does what is wanted, what stands of it now, and which
//! records a search finds, the nearest first.
//!
//! A catalogue is a document (see [`crate::document`]) of one record an item, written by its owner alone. What is
//! computed here is computed by each reader anew and stands in no record.

mod quality;
mod search;
#[cfg(test)]
mod tests;

use std::time::Duration;

pub use self::{
    quality::{Flaw, Quality},
    search::{Found, Lack, Need, Search},
};
use crate::{geometry::Point, numbered::numbered, thread::resource::MissionState, time::Timestamp};

/// After so long without a look by its owner a record is stale. Source: O, K10.
pub const STALE_AFTER: Duration = Duration::from_hours(90 * 24);
/// After so long without a call a telephone number is not to be relied on. Source: O, K10.
pub const PHONE_STALE_AFTER: Duration = Duration::from_hours(180 * 24);

numbered! {
    /// What sort of resource.
    pub enum ResourceKind as "kind" {
        /// People with their gear.
        Team = 1, "TEAM", "队伍";
        /// What is used and comes back.
        Equipment = 2, "EQUIPMENT", "装备";
        /// What is used up.
        Supply = 3, "SUPPLY", "物资";
        /// A person who knows.
        Expert = 4, "EXPERT", "专家";
        /// A hospital, a depot, a landing ground.
        Facility = 5, "FACILITY", "场所";
        /// A place that takes people in.
        Shelter = 6, "SHELTER", "避难场所";
        /// A vehicle, vessel or aircraft.
        Vehicle = 7, "VEHICLE", "车辆";
    }
}

numbered! {
    /// What a resource could do now; later in order is farther from being sent.
    pub enum Readiness as "readiness" {
        /// It can be sent.
        Ready = 1, "READY", "可用";
        /// It is held for an offer that is still good.
        Standby = 2, "STANDBY", "预留";
        /// It is promised to a mission and has not left.
        Committed = 3, "COMMITTED", "已承诺";
        /// It is out on a mission.
        Deployed = 4, "DEPLOYED", "已派出";
        /// It cannot be sent.
        OutOfService = 5, "OUT_OF_SERVICE", "停用";
    }
}

impl ResourceKind {
    /// As English people say it.
    pub const fn en(self) -> &'static str {
        match self {
            Self::Team => "Team",
            Self::Equipment => "Equipment",
            Self::Supply => "Supply",
            Self::Expert => "Expert",
            Self::Facility => "Facility",
            Self::Shelter => "Shelter",
            Self::Vehicle => "Vehicle",
        }
    }
}

/// One measure of what a resource does.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Measure {
    /// Which.
    pub code: String,
    /// The least it does.
    pub min: Option<i64>,
    /// The most it does.
    pub max: Option<i64>,
    /// The unit of both.
    pub unit: String,
}

/// Whom to call about a resource.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Phone {
    /// Nobody is named.
    None,
    /// A number, and when somebody last called it and was answered.
    Known(Option<Timestamp>),
}

/// A record, as far as it is judged.
#[derive(Clone, Debug, PartialEq)]
pub struct Record {
    /// Its id.
    pub id: String,
    /// What people call it.
    pub name: String,
    /// What sort.
    pub kind: ResourceKind,
    /// Its class of the supplies standard: an open list.
    pub category: String,
    /// How capable it is, 1 being the most.
    pub type_level: Option<u32>,
    /// What it does.
    pub measures: Vec<Measure>,
    /// How many there are, or could be sent now.
    pub quantity: Option<u32>,
    /// Where it stands.
    pub point: Option<Point>,
    /// Where it stands, in words.
    pub address: String,
    /// Whom to call.
    pub phone: Phone,
    /// What its owner says it could do now.
    pub readiness: Readiness,
    /// After this it no longer counts as true.
    pub valid_until: Option<Timestamp>,
    /// When its owner last looked.
    pub verified_at: Timestamp,
}

impl Record {
    /// Whether its owner still stands by it.
    pub fn is_valid_at(&self, at: Timestamp) -> bool {
        self.valid_until.is_none_or(|until| at <= until)
    }
}

/// What an offer or a mission does to a resource.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Use {
    /// A line of an offer that stands names it, until then if the offer says so.
    Held(Option<Timestamp>),
    /// A mission names it.
    Sent(MissionState),
}

impl Use {
    /// What it makes of the resource at a time; none where it is over.
    pub fn readiness_at(self, at: Timestamp) -> Option<Readiness> {
        match self {
            Self::Held(until) => until.is_none_or(|until| at <= until).then_some(Readiness::Standby),
            Self::Sent(MissionState::Committed | MissionState::Mobilising) => Some(Readiness::Committed),
            Self::Sent(
                MissionState::EnRoute
                | MissionState::Arrived
                | MissionState::InUse
                | MissionState::Releasing
                | MissionState::Returning,
            ) => Some(Readiness::Deployed),
            Self::Sent(
                MissionState::Returned
                | MissionState::Settled
                | MissionState::Recalled
                | MissionState::Aborted
                | MissionState::Lost,
            ) => None,
        }
    }
}

/// What stands of a resource at a time: what its owner published, unless an offer or a mission says that it is farther
/// from being sent.
pub fn readiness_at(published: Readiness, uses: &[Use], at: Timestamp) -> Readiness {
    uses.iter().filter_map(|one| one.readiness_at(at)).fold(published, Readiness::max)
}
