//! How far a record may be relied on: a hundred less what is wrong with it, and what that is.

use super::{PHONE_STALE_AFTER, Phone, Record, STALE_AFTER};
use crate::{numbered::numbered, time::Timestamp};

numbered! {
    /// What is wrong with a record. What each costs: O, K10.
    pub enum Flaw as "flaw" {
        /// Its owner has not looked for more than 90 days.
        Stale = 1, "STALE", "超过90天未核实";
        /// Nobody has called the number for more than 180 days, or ever.
        PhoneUnverified = 2, "PHONE_UNVERIFIED", "电话超过180天未核实";
        /// There is no number to call.
        NoPhone = 3, "NO_PHONE", "无联系电话";
        /// Nobody knows where it stands.
        NoPoint = 4, "NO_POINT", "无坐标";
        /// Nobody knows how many there are.
        NoQuantity = 5, "NO_QUANTITY", "无数量";
    }
}

impl Flaw {
    /// What it costs.
    pub const fn costs(self) -> u32 {
        match self {
            Self::Stale => 40,
            Self::PhoneUnverified | Self::NoPhone => 30,
            Self::NoPoint | Self::NoQuantity => 15,
        }
    }

    /// As English people say it.
    pub const fn en(self) -> &'static str {
        match self {
            Self::Stale => "not verified for more than 90 days",
            Self::PhoneUnverified => "telephone not verified for more than 180 days",
            Self::NoPhone => "no telephone",
            Self::NoPoint => "no point on the map",
            Self::NoQuantity => "no quantity",
        }
    }
}

/// How good a record is, and why not better.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Quality {
    /// From 0 to 100.
    pub score: u32,
    /// What is wrong with it, in the order of the list.
    pub flaws: Vec<Flaw>,
}

impl Record {
    /// Its owner has not looked for too long.
    pub fn is_stale_at(&self, at: Timestamp) -> bool {
        self.verified_at.plus(STALE_AFTER) < at
    }

    /// How good it is at a time.
    pub fn quality_at(&self, at: Timestamp) -> Quality {
        let phone = match self.phone {
            Phone::None => Some(Flaw::NoPhone),
            Phone::Known(called) if called.is_none_or(|called| called.plus(PHONE_STALE_AFTER) < at) => {
                Some(Flaw::PhoneUnverified)
            }
            Phone::Known(_) => None,
        };
        let stale = self.is_stale_at(at).then_some(Flaw::Stale);
        let (point, quantity) = (self.point.is_none(), self.quantity.is_none());
        let flaws = [stale, phone, point.then_some(Flaw::NoPoint), quantity.then_some(Flaw::NoQuantity)];
        let flaws: Vec<Flaw> = flaws.into_iter().flatten().collect();
        let lost = flaws.iter().map(|flaw| flaw.costs()).sum();
        Quality { score: 100_u32.saturating_sub(lost), flaws }
    }
}
