//! The policy as text: TOML that people write, read strictly. An unknown key is an error, not a silence.

use std::{
    collections::{BTreeMap, BTreeSet},
    str::FromStr,
    time::Duration,
};

use serde::Deserialize;

use super::{Admin, Grant, Members, OutsideAgreement, Policy, QuotaTerms};
use crate::{
    header::{Confidentiality, Status},
    invalid::Invalid,
    kind::{Family, Kind},
    limits,
    precedence::Precedence,
    time::{Civil, Timestamp},
};

/// Why a policy was not taken. The one in force stays in force.
#[derive(Debug, thiserror::Error)]
pub enum PolicyError {
    /// It is no TOML of the known keys; the text says line and column.
    #[error("policy cannot be read")]
    Text(#[from] Box<toml::de::Error>),
    /// A value in it is wrong.
    #[error("policy: grant {grant}")]
    Value {
        /// In which line; `policy` for the head.
        grant: String,
        /// What.
        source: Invalid,
    },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FileText {
    version: u64,
    region: String,
    expires: toml::value::Datetime,
    #[serde(default)]
    grant: Vec<GrantText>,
    #[serde(default)]
    admin: Vec<AdminText>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct GrantText {
    id: String,
    from: Vec<String>,
    to: Vec<String>,
    #[serde(default)]
    families: Vec<String>,
    #[serde(default)]
    kinds: Vec<String>,
    #[serde(default)]
    status: Vec<String>,
    precedence: Option<String>,
    confidentiality: Option<String>,
    #[serde(default)]
    agreements: Vec<String>,
    content_bytes_max: Option<u64>,
    per_second: Option<u32>,
    bytes_per_second: Option<u64>,
    flash_per_hour: Option<u32>,
    stored_bytes: Option<u64>,
    stored_envelopes: Option<u64>,
    #[serde(default)]
    deadline_minutes: BTreeMap<String, u64>,
    valid_from: Option<toml::value::Datetime>,
    valid_until: Option<toml::value::Datetime>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AdminText {
    id: String,
    who: Vec<String>,
    acts: Vec<String>,
}

pub(super) fn parse(text: &str) -> Result<Policy, PolicyError> {
    let file: FileText = toml::from_str(text).map_err(Box::new)?;
    let head = |source| PolicyError::Value { grant: "policy".into(), source };
    let region = file.region.parse().map_err(head)?;
    let expires = time("expires", &file.expires).map_err(head)?;
    let grants = each(file.grant, |grant| grant.id.clone(), GrantText::checked)?;
    let admins = each(file.admin, |admin| admin.id.clone(), AdminText::checked)?;
    let mut names = BTreeSet::new();
    for id in grants.iter().map(|grant| &grant.id).chain(admins.iter().map(|admin| &admin.id)) {
        if !names.insert(id.clone()) || id.as_str() == "broker" {
            let source = Invalid::code("id", "policy.id_once").detail(id.as_str());
            return Err(PolicyError::Value { grant: id.to_string(), source });
        }
    }
    Ok(Policy { version: file.version, region, expires, grants, admins })
}

/// Every entry checked; the error names the entry.
fn each<T, U>(
    texts: Vec<T>,
    name: impl Fn(&T) -> String,
    checked: impl Fn(T) -> Result<U, Invalid>,
) -> Result<Vec<U>, PolicyError> {
    let one = |text: T| {
        let grant = name(&text);
        checked(text).map_err(|source| PolicyError::Value { grant, source })
    };
    texts.into_iter().map(one).collect()
}

impl GrantText {
    fn checked(self) -> Result<Grant, Invalid> {
        let (agreements, outside) = agreements(&self.agreements)?;
        let deadline =
            |(name, minutes): (&String, &u64)| Ok((name.parse()?, Duration::from_secs(minutes.saturating_mul(60))));
        Ok(Grant {
            id: self.id.parse()?,
            from: members("from", &self.from)?,
            to: members("to", &self.to)?,
            kinds: kinds(&self.families, &self.kinds)?,
            status: statuses(&self.status)?,
            precedence: self.precedence.map_or(Ok(Precedence::Flash), |text| text.parse())?,
            confidentiality: self.confidentiality.map_or(Ok(Confidentiality::Internal), |text| text.parse())?,
            agreements,
            outside,
            content_bytes_max: self.content_bytes_max.unwrap_or(limits::CONTENT_BYTES_MAX as u64),
            quota: QuotaTerms {
                per_second: self.per_second,
                bytes_per_second: self.bytes_per_second,
                flash_per_hour: self.flash_per_hour,
                stored_bytes: self.stored_bytes,
                stored_envelopes: self.stored_envelopes,
            },
            deadlines: self.deadline_minutes.iter().map(deadline).collect::<Result<_, Invalid>>()?,
            valid_from: self.valid_from.map(|at| time("valid_from", &at)).transpose()?,
            valid_until: self.valid_until.map(|at| time("valid_until", &at)).transpose()?,
        })
    }
}

impl AdminText {
    fn checked(self) -> Result<Admin, Invalid> {
        let wild = self.who.iter().chain(&self.acts).any(|text| text.contains('*'));
        if wild || self.who.is_empty() || self.acts.is_empty() {
            return Err(Invalid::code("who", "policy.no_wildcard_admin"));
        }
        let set = |texts: Vec<String>| texts.into_iter().collect();
        Ok(Admin { id: self.id.parse()?, who: set(self.who), acts: set(self.acts) })
    }
}

fn members(field: &'static str, texts: &[String]) -> Result<Members, Invalid> {
    match texts {
        [] => Err(Invalid::missing(field)),
        [any] if any == "*" => Ok(Members::Any),
        ids => {
            let ids: Result<_, Invalid> = ids.iter().map(|id| id.parse()).collect();
            Ok(Members::These(ids.map_err(|invalid| invalid.within(field))?))
        }
    }
}

/// Kinds by family (`A1`), by code (`K11`) or by name (`RESOURCE_REQUEST`).
fn kinds(families: &[String], kinds: &[String]) -> Result<BTreeSet<Kind>, Invalid> {
    let mut found: BTreeSet<Kind> = kinds.iter().map(|text| kind(text)).collect::<Result<_, _>>()?;
    for text in families {
        let family: Family = text.parse()?;
        found.extend(Kind::ALL.iter().filter(|kind| kind.family() == family));
    }
    if found.is_empty() { Err(Invalid::missing("kinds")) } else { Ok(found) }
}

fn kind(text: &str) -> Result<Kind, Invalid> {
    Kind::ALL.iter().copied().find(|kind| kind.code() == text).map_or_else(|| Kind::from_str(text), Ok)
}

/// Not said means all: what an exercise may do is bounded by its drill, not here.
fn statuses(texts: &[String]) -> Result<BTreeSet<Status>, Invalid> {
    if texts.is_empty() {
        return Ok(Status::ALL.iter().copied().collect());
    }
    texts.iter().map(|text| text.parse()).collect()
}

fn agreements(texts: &[String]) -> Result<(BTreeSet<crate::ids::AgreementId>, OutsideAgreement), Invalid> {
    let none = texts.iter().any(|text| text == "NONE");
    let outside = if none { OutsideAgreement::Allowed } else { OutsideAgreement::Refused };
    let named = texts.iter().filter(|text| *text != "NONE").map(|text| text.parse());
    Ok((named.collect::<Result<_, _>>()?, outside))
}

/// A date with time and offset; without an offset it is read as UTC, a date alone as its midnight.
fn time(field: &'static str, at: &toml::value::Datetime) -> Result<Timestamp, Invalid> {
    let wrong = || Invalid::code(field, "policy.time").detail(at.to_string());
    let date = at.date.ok_or_else(wrong)?;
    let day = Civil::date(i32::from(date.year), date.month, date.day).ok_or_else(wrong)?;
    let offset = match at.offset {
        Some(toml::value::Offset::Custom { minutes }) => i32::from(minutes),
        Some(toml::value::Offset::Z) | None => 0,
    };
    let since_midnight = at.time.map_or(Duration::ZERO, |time| {
        let seconds = (u64::from(time.hour) * 60 + u64::from(time.minute)) * 60 + u64::from(time.second.unwrap_or(0));
        Duration::new(seconds, time.nanosecond.unwrap_or(0))
    });
    Ok(day.timestamp(offset).plus(since_midnight))
}
