//! An incident's id: who minted it, on which day, and a number of that day.

use std::{fmt, str::FromStr};

use crate::{ids::JurisdictionId, invalid::Invalid, time::Civil};

/// `{jurisdiction}-{YYYYMMDD}-{NNNN}`. The jurisdiction may hold dashes itself, so it is read from the right: the last
/// fourteen characters are date and number.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct IncidentId {
    jurisdiction: JurisdictionId,
    date: u32,
    number: u16,
}

impl IncidentId {
    /// The incident `number` (1 to 9999) that `jurisdiction` minted on `day`, its local date.
    pub fn new(jurisdiction: JurisdictionId, day: Civil, number: u16) -> Result<Self, Invalid> {
        let date = day.date_number();
        Self::of(jurisdiction, date, number).ok_or_else(|| Self::wrong(&number.to_string()))
    }

    fn of(jurisdiction: JurisdictionId, date: u32, number: u16) -> Option<Self> {
        let (year, month, day) = (date / 10_000, date / 100 % 100, date % 100);
        let real = Civil::date(i32::try_from(year).ok()?, u8::try_from(month).ok()?, u8::try_from(day).ok()?).is_some();
        let counted = (1..=9_999).contains(&number) && (1900..=9999).contains(&year);
        (real && counted).then_some(Self { jurisdiction, date, number })
    }

    /// Who minted it: the author of the first report.
    pub fn jurisdiction(&self) -> &JurisdictionId {
        &self.jurisdiction
    }

    /// The day, as the number YYYYMMDD.
    pub const fn date(&self) -> u32 {
        self.date
    }

    /// The number within the day.
    pub const fn number(&self) -> u16 {
        self.number
    }

    fn wrong(text: &str) -> Invalid {
        Invalid::code("incident_id", "id.incident").detail(text.escape_default().take(60).collect::<String>())
    }
}

impl fmt::Display for IncidentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{:08}-{:04}", self.jurisdiction, self.date, self.number)
    }
}

impl FromStr for IncidentId {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let wrong = || Self::wrong(text);
        let cut = text.len().checked_sub(14).ok_or_else(wrong)?;
        let (jurisdiction, tail) = text.split_at_checked(cut).ok_or_else(wrong)?;
        let (date, number) = tail.strip_prefix('-').and_then(|tail| tail.split_once('-')).ok_or_else(wrong)?;
        let digits = |text: &str, len: usize| text.len() == len && text.bytes().all(|byte| byte.is_ascii_digit());
        if !digits(date, 8) || !digits(number, 4) {
            return Err(wrong());
        }
        let (Ok(date), Ok(number)) = (date.parse(), number.parse()) else { return Err(wrong()) };
        Self::of(jurisdiction.parse()?, date, number).ok_or_else(wrong)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn an_incident_is_read_from_the_right() {
        let plain: IncidentId = "371300-20260718-0001".parse().unwrap();
        assert_eq!((plain.jurisdiction().as_str(), plain.date(), plain.number()), ("371300", 20_260_718, 1));

        let dashed: IncidentId = "371300-jingkai-20260718-0042".parse().unwrap();
        assert_eq!(dashed.jurisdiction().as_str(), "371300-jingkai");
        assert_eq!(dashed.to_string(), "371300-jingkai-20260718-0042");
    }

    #[test]
    fn a_day_that_is_not_in_the_calendar_is_refused() {
        for bad in ["371300-20260230-0001", "371300-20261301-0001", "371300-20260718-0000", "371300-2026071-00001"] {
            assert!(bad.parse::<IncidentId>().is_err(), "{bad}");
        }
        for bad in ["", "-20260718-0001", "371300-20260718-00a1", "37130020260718-0001", "临沂-20260718-0001"] {
            assert!(bad.parse::<IncidentId>().is_err(), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_an_incident_that_shows_itself_or_is_refused(text in "[0-9a-z-]{0,6}-?[0-9]{8}-[0-9]{4}|.{0,30}") {
            if let Ok(id) = text.parse::<IncidentId>() {
                prop_assert_eq!(id.to_string(), text);
            }
        }
    }
}
