//! What the machine needs of K01, and what counts say about a level.

use std::{fmt, time::Duration};

use serde::{Deserialize, Serialize};

use crate::{geometry::Point, level::EventLevel, numbered::numbered, time::Timestamp};

numbered! {
    /// The four reports of one incident.
    pub enum ReportType as "report_type" {
        /// 初报.
        Initial = 1, "INITIAL", "初报";
        /// 续报.
        FollowUp = 2, "FOLLOW_UP", "续报";
        /// 终报.
        Final = 3, "FINAL", "终报";
        /// 补报.
        Supplement = 4, "SUPPLEMENT", "补报";
    }
}

/// A number of people and as of when. Unknown is not zero.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, Serialize, Deserialize)]
pub struct Count {
    /// How many; none while nobody knows.
    pub count: Option<u32>,
    /// As of when.
    pub as_of: Option<Timestamp>,
}

impl Count {
    /// Known before and smaller after.
    pub fn falls_to(&self, after: &Self) -> bool {
        matches!((self.count, after.count), (Some(before), Some(after)) if after < before)
    }
}

impl fmt::Display for Count {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.count {
            Some(count) => write!(f, "{count}"),
            None => f.write_str("不明 unknown"),
        }
    }
}

/// People harmed or moved.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, Serialize, Deserialize)]
pub struct Casualties {
    /// Dead.
    pub dead: Count,
    /// Missing 下落不明.
    pub missing: Count,
    /// Trapped 涉险.
    pub trapped: Count,
    /// Seriously injured, acutely poisoned.
    pub seriously_injured: Count,
    /// Lightly injured.
    pub lightly_injured: Count,
    /// Moved to safety.
    pub evacuated: Count,
}

impl Casualties {
    /// Each with its name, as forms show them.
    pub fn named(&self) -> [(&'static str, Count); 6] {
        [
            ("dead", self.dead),
            ("missing", self.missing),
            ("trapped", self.trapped),
            ("seriously_injured", self.seriously_injured),
            ("lightly_injured", self.lightly_injured),
            ("evacuated", self.evacuated),
        ]
    }

    fn numbers(&self) -> [Option<u32>; 6] {
        self.named().map(|(_, count)| count.count)
    }
}

/// K01, as far as the machine goes by it.
#[derive(Clone, Debug, PartialEq)]
pub struct Facts {
    /// Which of the four.
    pub report_type: ReportType,
    /// Counts follow-ups, and supplements on their own.
    pub sequence_no: u32,
    /// When it happened.
    pub occurred_at: Timestamp,
    /// When the author learned of it.
    pub known_at: Timestamp,
    /// When it was telephoned upwards.
    pub phone_reported_at: Option<Timestamp>,
    /// Where.
    pub place: Place,
    /// An open code.
    pub event_type_code: String,
    /// People.
    pub casualties: Casualties,
    /// Direct loss.
    pub loss_yuan: Option<u64>,
    /// Jurisdictions that it may reach.
    pub toward: Vec<String>,
    /// The emergency is over.
    pub resolved: bool,
    /// It is not true.
    pub refuted: bool,
    /// Why an earlier figure was wrong; empty when not said.
    pub correction_reason: String,
    /// A digest of everything else that is said, so that a report which says nothing new is seen.
    pub rest: u64,
}

/// A place, as two sides would name it.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub struct Place {
    /// Division code.
    pub division: String,
    /// In words.
    pub name: String,
    /// The point, if it is one.
    pub point: Option<Point>,
}

/// What stays of the newest report.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub struct Known {
    /// When it happened.
    pub occurred_at: Timestamp,
    /// Where.
    pub place: Place,
    /// People.
    pub casualties: Casualties,
    /// Direct loss.
    pub loss_yuan: Option<u64>,
    toward: Vec<String>,
    road_or_fire: bool,
    rest: u64,
}

/// Casualties are reported so long after an incident on the road or by fire. Source: L 条例493 art. 13.
const ROAD_OR_FIRE: Duration = Duration::from_hours(24 * 7);
/// After all others. Source: L 条例493 art. 13.
const ALL_OTHERS: Duration = Duration::from_hours(24 * 30);

impl Facts {
    /// What stays of it.
    pub(super) fn known(&self) -> Known {
        Known {
            occurred_at: self.occurred_at,
            place: self.place.clone(),
            casualties: self.casualties,
            loss_yuan: self.loss_yuan,
            toward: self.toward.clone(),
            road_or_fire: is_road_or_fire(&self.event_type_code),
            rest: self.rest,
        }
    }
}

impl Known {
    /// Until when a change of casualties is a supplement.
    pub fn supplements_until(&self) -> Timestamp {
        self.occurred_at.plus(if self.road_or_fire { ROAD_OR_FIRE } else { ALL_OTHERS })
    }

    /// Says the same; times of figures do not count.
    pub(super) fn says_as(&self, other: &Self) -> bool {
        self.casualties.numbers() == other.casualties.numbers()
            && (self.loss_yuan, &self.toward, self.rest) == (other.loss_yuan, &other.toward, other.rest)
    }

    /// Since when a change of deaths was known that asks for word at once; none when there is no change, or when the
    /// report does not say since when.
    pub(super) fn deaths_changed_at(&self, before: &Self) -> Option<Timestamp> {
        let (now, then) = (self.casualties.dead, before.casualties.dead);
        now.as_of.filter(|_| now.count.is_some() && now.count != then.count)
    }
}

/// The codes of GB/T 35561 for traffic on the road (accident 12A03 and what is under it) and for fire (12A02). An open
/// list: another code has the longer window.
fn is_road_or_fire(code: &str) -> bool {
    ["12A02", "12A03"].iter().any(|prefix| code.starts_with(prefix))
}

/// The level that the counts propose: the gravest that any column reaches; none while no column reaches one. Source: L
/// 条例493 art. 3, where 以上 includes the number.
pub fn proposed_level(casualties: &Casualties, loss_yuan: Option<u64>) -> Option<EventLevel> {
    let dead = casualties.dead.count.map(|dead| (u64::from(dead), [30, 10, 3, 1]));
    let injured = casualties.seriously_injured.count.map(|injured| (u64::from(injured), [100, 50, 10, 1]));
    let loss = loss_yuan.map(|loss| (loss, [100_000_000, 50_000_000, 10_000_000, 1]));
    let levels = [EventLevel::L1, EventLevel::L2, EventLevel::L3, EventLevel::L4];
    let reached = |(number, row): (u64, [u64; 4])| {
        row.into_iter().zip(levels).find(|(least, _)| number >= *least).map(|(_, level)| level)
    };
    [dead, injured, loss].into_iter().flatten().filter_map(reached).min()
}
