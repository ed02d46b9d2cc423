//! What options of a message may say: names of the contract in both languages, addresses, people, times.

use std::{str::FromStr, time::Duration};

use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};
use model::{
    catalogue::{Readiness, ResourceKind},
    ids::JurisdictionId,
    level::{Category, Confidentiality, EventLevel, WarningLevel},
    precedence::Precedence,
    role::Role,
    status::{Answer, Status},
    time::Timestamp,
};
use proto::v1;

/// A list of the contract whose values have a name and a Chinese name.
pub trait Listed: Copy + Send + Sync + 'static {
    /// Every value.
    const ALL: &'static [Self];
    /// As options say it.
    fn option(self) -> String;
    /// Other ways to say it.
    fn others(self) -> Vec<String>;
}

macro_rules! listed {
    ($($name:ty),+) => {$(
        impl Listed for $name {
            const ALL: &'static [Self] = <$name>::ALL;

            fn option(self) -> String {
                self.name().to_ascii_lowercase().replace('_', "-")
            }

            fn others(self) -> Vec<String> {
                // `重大（Ⅱ级）` may be said as `Ⅱ` and `重大` too
                let zh = self.zh();
                let parts = zh.split(['（', '）']).map(|part| part.trim_end_matches('级')).filter(|part| !part.is_empty());
                let mut others: Vec<String> = std::iter::once(zh).chain(parts).map(str::to_owned).collect();
                others.push(self.name().to_owned());
                others.push(self.number().to_string());
                others.sort();
                others.dedup();
                others.retain(|other| *other != self.option());
                others
            }
        }
    )+};
}
listed!(Precedence, EventLevel, WarningLevel, Category, Confidentiality, Role, Answer, Status, ResourceKind, Readiness);

/// The value that a text means.
pub fn named<T: Listed>(text: &str) -> Option<T> {
    let wanted = text.trim().to_ascii_lowercase().replace('_', "-");
    let fits = |value: &T| {
        value.option() == wanted || value.others().iter().any(|other| other.to_ascii_lowercase() == text.trim())
    };
    T::ALL.iter().copied().find(fits)
}

/// Reads a value of a list; completions and help show the names.
pub fn list<T: Listed>() -> impl TypedValueParser<Value = T> {
    let values = T::ALL.iter().map(|value| PossibleValue::new(value.option()).aliases(value.others()));
    PossibleValuesParser::new(values).try_map(|text| named::<T>(&text).ok_or_else(|| text.clone()))
}

/// Where a message goes: `371300`, `371300/commander`, `group:lunan`, `circle:34.45,118.36,5000`.
pub fn address(text: &str) -> Result<v1::Address, String> {
    let to = if let Some(group) = text.strip_prefix("group:") {
        v1::address::To::GroupId(group.to_owned())
    } else if let Some(circle) = text.strip_prefix("circle:") {
        v1::address::To::Area(circle_of(circle)?)
    } else {
        let (id, role) = text.split_once('/').unwrap_or((text, ""));
        let known = id.parse::<JurisdictionId>();
        known.map_err(|_| "371300 | 371300/commander | group:ID | circle:LAT,LON,METRES".to_owned())?;
        let role = if role.is_empty() { 0 } else { role_of(role)?.number() };
        v1::address::To::Jurisdiction(v1::JurisdictionAddress { id: id.to_owned(), role })
    };
    Ok(v1::Address { to: Some(to) })
}

fn circle_of(text: &str) -> Result<v1::Area, String> {
    let wrong = || "circle:LAT,LON,METRES (circle:34.45,118.36,5000)".to_owned();
    let parts: Vec<&str> = text.split(',').map(str::trim).collect();
    let [lat, lon, metres] = parts.as_slice() else { return Err(wrong()) };
    let center = v1::Point { lat_e7: e7(lat, 90.0).ok_or_else(wrong)?, lon_e7: e7(lon, 180.0).ok_or_else(wrong)? };
    let radius_m = metres.parse().map_err(|_| wrong())?;
    let circle = v1::Circle { center: Some(center), radius_m };
    Ok(v1::Area { shape: Some(v1::area::Shape::Circle(circle)), buffer_m: 0 })
}

pub fn e7(degrees: &str, most: f64) -> Option<i32> {
    let degrees: f64 = degrees.parse().ok()?;
    // at most 180e7, which fits
    (degrees.abs() <= most).then(|| (degrees * 1e7).round() as i32)
}

/// A count from 1 on.
pub fn up_to(most: u32) -> impl Fn(&str) -> Result<u32, String> + Clone + Send + Sync + 'static {
    move |text| {
        let number = text.parse::<u32>().ok().filter(|number| (1..=most).contains(number));
        number.ok_or_else(|| format!("1 – {most}"))
    }
}

/// A person and a post: `李敏/shift-leader`, `李敏/带班领导`.
pub fn signatory(text: &str) -> Result<v1::Signatory, String> {
    let (name, role) = text.rsplit_once('/').ok_or("NAME/ROLE (李敏/shift-leader)")?;
    if name.trim().is_empty() {
        return Err("NAME/ROLE (李敏/shift-leader)".to_owned());
    }
    Ok(v1::Signatory { name: name.trim().to_owned(), role: role_of(role)?.number(), at: None })
}

/// A person at the desk; the post may be left out.
pub fn officer(text: &str) -> Result<v1::Officer, String> {
    match text.rsplit_once('/') {
        Some((name, role)) => Ok(v1::Officer { name: name.trim().to_owned(), role: role_of(role)?.number() }),
        None => Ok(v1::Officer { name: text.trim().to_owned(), role: 0 }),
    }
}

fn role_of(text: &str) -> Result<Role, String> {
    named(text).ok_or_else(|| {
        let all = Role::ALL.iter().map(|role| format!("{} {}", role.option(), role.zh()));
        all.collect::<Vec<_>>().join(" | ")
    })
}

/// How a time may be written.
pub const TIME_FORMS: &str = "now | 2h | 3d | 10m ago | 2026-12-03 08:40 | 2026-12-03T08:40:00+08:00";

/// A point in time, or a length from now on.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum When {
    /// `2026-12-03T08:40:00+08:00`, `2026-12-03 08:40` by this machine's clock.
    At(Timestamp),
    /// `now`, `2h`, `+3d`, `1h30m`.
    In(Duration),
    /// `10m ago`.
    Ago(Duration),
}

impl When {
    /// The point in time.
    pub fn from(self, now: Timestamp) -> Timestamp {
        match self {
            Self::At(at) => at,
            Self::In(length) => now.plus(length),
            Self::Ago(length) => now.minus(length),
        }
    }
}

impl FromStr for When {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Ok(at) = text.parse::<jiff::Timestamp>() {
            return Ok(Self::At(Timestamp::from_millis(at.as_millisecond())));
        }
        if let Ok(civil) = text.parse::<jiff::civil::DateTime>() {
            let zoned = civil.to_zoned(jiff::tz::TimeZone::system()).map_err(|error| error.to_string())?;
            return Ok(Self::At(Timestamp::from_millis(zoned.timestamp().as_millisecond())));
        }
        if ["now", "现在"].contains(&text.trim()) {
            return Ok(Self::In(Duration::ZERO));
        }
        let span = text.trim_start_matches('+').parse::<jiff::Span>().ok();
        let length = span.and_then(|span| span.to_duration(jiff::SpanRelativeTo::days_are_24_hours()).ok());
        let wrong = || TIME_FORMS.to_owned();
        match length {
            Some(length) if length.is_negative() && text.ends_with("ago") => Ok(Self::Ago(length.unsigned_abs())),
            Some(length) => Duration::try_from(length).map(Self::In).map_err(|_| wrong()),
            None => Err(wrong()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_known_by_option_name_chinese_and_number() {
        for text in ["flash", "FLASH", "特提", "1"] {
            assert_eq!(named(text), Some(Precedence::Flash), "{text}");
        }
        for text in ["l2", "L2", "重大", "Ⅱ", "重大（Ⅱ级）"] {
            assert_eq!(named(text), Some(EventLevel::L2), "{text}");
        }
        assert_eq!(named("shift_leader"), Some(Role::ShiftLeader));
        assert_eq!(named::<Role>("boss"), None);
    }

    #[test]
    fn an_address_is_a_jurisdiction_a_group_or_a_circle() {
        assert_eq!(crate::cli::words::address(&address("371300").unwrap(), crate::lang::Lang::En), "371300");
        assert!(matches!(address("group:lunan").unwrap().to, Some(v1::address::To::GroupId(id)) if id == "lunan"));
        let area = address("circle:34.45,118.36,5000").unwrap();
        assert_eq!(crate::cli::words::address(&area, crate::lang::Lang::En), "circle:34.45000,118.36000,5000");
        for wrong in ["", "临沂", "circle:1,2", "circle:91,0,5", "371300/boss"] {
            assert!(address(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_time_is_a_point_or_a_length() {
        let hour = Duration::from_hours(1);
        assert_eq!("2h".parse(), Ok(When::In(hour * 2)));
        assert_eq!("+3d".parse(), Ok(When::In(hour * 72)));
        assert_eq!("1970-01-01T00:00:01Z".parse(), Ok(When::At(Timestamp::from_millis(1_000))));
        assert_eq!("now".parse(), Ok(When::In(Duration::ZERO)));
        assert_eq!(
            "10m ago".parse::<When>().unwrap().from(Timestamp::from_millis(700_000)),
            Timestamp::from_millis(100_000)
        );
        assert!("soon".parse::<When>().is_err());
        assert!("-2h".parse::<When>().is_err());
    }

    #[test]
    fn a_signatory_has_a_name_and_a_post() {
        let signed = signatory("李敏/带班领导").unwrap();
        assert_eq!((signed.name.as_str(), signed.role), ("李敏", Role::ShiftLeader.number()));
        assert!(signatory("李敏").is_err() && signatory("/commander").is_err());
    }
}
