//! Ids that people read: jurisdictions, agents, regions, documents and the rest.

use std::{fmt, str::FromStr, sync::Arc};

use crate::{invalid::Invalid, limits};

fn is_plain(text: &str) -> bool {
    text.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-'))
}

/// Letters and digits of any script and `-_.:@/`: no blanks and no control characters.
fn is_name(text: &str) -> bool {
    text.chars().all(|c| c.is_alphanumeric() || matches!(c, '-' | '_' | '.' | ':' | '@' | '/'))
}

macro_rules! text_id {
    ($(#[$outer:meta])* $name:ident, $field:literal, $most:expr, $rule:literal, $fits:expr) => {
        $(#[$outer])*
        #[derive(Clone, Eq, Hash, Ord, PartialEq, PartialOrd)]
        pub struct $name(Arc<str>);

        impl $name {
            /// As text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = Invalid;

            fn from_str(text: &str) -> Result<Self, Invalid> {
                let fits: fn(&str) -> bool = $fits;
                let good = text.len() <= $most && !text.is_empty() && fits(text);
                if good { Ok(Self(text.into())) } else { Err(Invalid::code($field, $rule).detail(shown(text))) }
            }
        }

        shown_as_text!($name);
    };
}

macro_rules! shown_as_text {
    ($name:ident) => {
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(self.as_str())
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(self.as_str())
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                self.as_str()
            }
        }
    };
}

/// What a wrong id looked like: its beginning, with nothing in it that a log or a screen would obey.
fn shown(text: &str) -> String {
    text.chars().take(40).flat_map(char::escape_default).collect()
}

text_id! {
    /// An alliance that one broker serves: `[a-z0-9-]`, 2 to 32.
    RegionId, "region", limits::JURISDICTION_ID_BYTES_MAX, "id.plain", |text| text.len() >= 2 && is_plain(text)
}
text_id! {
    /// A group of the directory.
    GroupId, "group_id", limits::ID_BYTES_MAX, "id.name", is_name
}
text_id! {
    /// One item of a document.
    ItemId, "item_id", limits::ID_BYTES_MAX, "id.name", is_name
}
text_id! {
    /// A cooperation agreement. `NONE` is no agreement; see [`crate::header::Cover`].
    AgreementId, "agreement_id", limits::ID_BYTES_MAX, "id.name", |text| is_name(text) && text != "NONE"
}
text_id! {
    /// A drill, as its invitation names it.
    DrillId, "drill_id", limits::ID_BYTES_MAX, "id.name", is_name
}
text_id! {
    /// A line of the policy, which every decision names.
    GrantId, "grant", limits::ID_BYTES_MAX, "id.name", is_name
}

/// Who takes part: a division code such as `371300`, or a short name. `[a-z0-9-]`, 2 to 32. A dash means "inside":
/// `371300-jingkai` lies in `371300`. Parsing takes members only; `broker` is reserved for the broker's own messages.
#[derive(Clone, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct JurisdictionId(Arc<str>);

impl JurisdictionId {
    /// The reserved id under which the broker speaks.
    pub fn broker() -> Self {
        Self("broker".into())
    }

    /// A member's id or the broker's: for senders and for authors of receipts.
    pub fn member_or_broker(text: &str) -> Result<Self, Invalid> {
        if text == "broker" { Ok(Self::broker()) } else { text.parse() }
    }

    /// Whether this is the reserved id of the broker.
    pub fn is_broker(&self) -> bool {
        &*self.0 == "broker"
    }

    /// As text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Its division code, if it is one: six digits.
    fn digits(&self) -> Option<&str> {
        (self.0.len() == 6 && self.0.bytes().all(|byte| byte.is_ascii_digit())).then_some(&*self.0)
    }

    /// The superior that the digits or the dash name: xxyyzz → xxyy00 → xx0000, and `371300-x` → `371300`. None for a
    /// province and for names. A directory entry may say otherwise.
    pub fn superior(&self) -> Option<Self> {
        if let Some((outer, _)) = self.0.rsplit_once('-') {
            return outer.parse().ok();
        }
        let code = self.digits()?;
        let (city, county) = code.split_at(4);
        let (province, prefecture) = city.split_at(2);
        match (prefecture, county) {
            ("00", "00") => None,
            (_, "00") => Some(Self(format!("{province}0000").into())),
            _ => Some(Self(format!("{city}00").into())),
        }
    }

    /// The outermost division around it by digits and dashes: the province of a code, itself if there is none.
    #[must_use]
    pub fn province(&self) -> Self {
        self.superior().map_or_else(|| self.clone(), |superior| superior.province())
    }

    /// The prefecture it lies in: `371302` and `371300-x` lie in `371300`. A province, and a name, is its own.
    #[must_use]
    pub fn prefecture(&self) -> Self {
        match self.superior() {
            Some(superior) if superior.superior().is_some() || !superior.is_division() => superior.prefecture(),
            _ => self.clone(),
        }
    }

    /// Whether it is a six-digit division code.
    pub fn is_division(&self) -> bool {
        self.digits().is_some()
    }
}

impl FromStr for JurisdictionId {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let fits = (2..=limits::JURISDICTION_ID_BYTES_MAX).contains(&text.len());
        if !fits || !is_plain(text) {
            return Err(Invalid::code("jurisdiction", "id.plain").detail(shown(text)));
        }
        if text == "broker" {
            return Err(Invalid::code("jurisdiction", "id.reserved").detail(text));
        }
        Ok(Self(text.into()))
    }
}

shown_as_text!(JurisdictionId);

/// A program of a jurisdiction: `371300/desk`.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct AgentId {
    /// Whose.
    pub jurisdiction: JurisdictionId,
    name: Arc<str>,
}

impl AgentId {
    /// The agent `name` of `jurisdiction`; names are `[a-z0-9-]`, 1 to 32.
    pub fn new(jurisdiction: JurisdictionId, name: &str) -> Result<Self, Invalid> {
        let fits = (1..=limits::AGENT_NAME_BYTES_MAX).contains(&name.len()) && is_plain(name);
        if fits {
            Ok(Self { jurisdiction, name: name.into() })
        } else {
            Err(Invalid::code("agent", "id.plain").detail(shown(name)))
        }
    }

    /// Its name within the jurisdiction.
    pub fn name(&self) -> &str {
        &self.name
    }
}

impl fmt::Display for AgentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.jurisdiction, self.name)
    }
}

impl FromStr for AgentId {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let (jurisdiction, name) =
            text.split_once('/').ok_or_else(|| Invalid::code("agent", "id.agent").detail(shown(text)))?;
        Self::new(jurisdiction.parse()?, name)
    }
}

/// A shared document: `agenda/ID`, `catalogue/JURISDICTION`, `directory`, `roster/JURISDICTION`.
#[derive(Clone, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct DocumentId {
    text: Arc<str>,
    class: DocumentClass,
}

/// What sort of document an id names.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum DocumentClass {
    /// An agenda; its owner stands in its head.
    Agenda,
    /// The resources of one jurisdiction, which owns it.
    Catalogue,
    /// The region's directory, owned by the chair's jurisdiction.
    Directory,
    /// Who is on duty in one jurisdiction, which owns it.
    Roster,
}

impl DocumentId {
    /// The region's directory.
    pub fn directory() -> Self {
        Self { text: "directory".into(), class: DocumentClass::Directory }
    }

    /// The resources of `owner`.
    pub fn catalogue(owner: &JurisdictionId) -> Self {
        Self { text: format!("catalogue/{owner}").into(), class: DocumentClass::Catalogue }
    }

    /// Who is on duty in `owner`.
    pub fn roster(owner: &JurisdictionId) -> Self {
        Self { text: format!("roster/{owner}").into(), class: DocumentClass::Roster }
    }

    /// As text.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// What sort it is.
    pub const fn class(&self) -> DocumentClass {
        self.class
    }

    /// The jurisdiction in the id of a catalogue or roster, which owns it. An agenda's and the directory's owner is
    /// state, not name.
    pub fn owner(&self) -> Option<JurisdictionId> {
        match self.class {
            DocumentClass::Catalogue | DocumentClass::Roster => self.text.split_once('/')?.1.parse().ok(),
            DocumentClass::Agenda | DocumentClass::Directory => None,
        }
    }
}

impl FromStr for DocumentId {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let wrong = || Invalid::code("document_id", "id.document").detail(shown(text));
        let class = match text.split_once('/') {
            None if text == "directory" => DocumentClass::Directory,
            Some(("agenda", id)) if !id.is_empty() && !id.contains('/') && is_name(id) => DocumentClass::Agenda,
            Some(("catalogue", owner)) if owner.parse::<JurisdictionId>().is_ok() => DocumentClass::Catalogue,
            Some(("roster", owner)) if owner.parse::<JurisdictionId>().is_ok() => DocumentClass::Roster,
            _ => return Err(wrong()),
        };
        if text.len() > limits::DOCUMENT_ID_BYTES_MAX { Err(wrong()) } else { Ok(Self { text: text.into(), class }) }
    }
}

shown_as_text!(DocumentId);

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use proptest::prelude::*;

    use super::*;

    fn id(text: &str) -> JurisdictionId {
        text.parse().unwrap()
    }

    #[test]
    fn a_jurisdiction_is_a_code_or_a_short_plain_name() {
        for good in ["371300", "ab", "371300-jingkai", &"x".repeat(32)] {
            assert_eq!(good.parse::<JurisdictionId>().unwrap().as_str(), good);
        }
        for bad in ["", "a", "Ab", "a b", "临沂", "371300\n", &"x".repeat(33), "broker"] {
            assert!(bad.parse::<JurisdictionId>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn the_broker_is_a_sender_but_no_member() {
        assert!(JurisdictionId::member_or_broker("broker").unwrap().is_broker());
        assert_eq!(JurisdictionId::member_or_broker("371300"), Ok(id("371300")));
        assert!("broker/desk".parse::<AgentId>().is_err());
    }

    #[test]
    fn superiors_follow_the_digits_and_the_dash() {
        assert_eq!(id("371302").superior(), Some(id("371300")));
        assert_eq!(id("371371").superior(), Some(id("371300")));
        assert_eq!(id("371300").superior(), Some(id("370000")));
        assert_eq!(id("370000").superior(), None);
        assert_eq!(id("371300-lingang").superior(), Some(id("371300")));
        assert_eq!(id("harbour").superior(), None);
    }

    #[test]
    fn prefecture_and_province_are_found_from_anywhere_inside() {
        for inside in ["371302", "371300", "371300-lingang", "371371", "371302-park"] {
            assert_eq!(id(inside).prefecture(), id("371300"), "{inside}");
            assert_eq!(id(inside).province(), id("370000"), "{inside}");
        }
        assert_eq!(id("370000").prefecture(), id("370000"));
        assert_eq!(id("harbour-east").prefecture(), id("harbour"));
        assert_eq!(id("harbour").province(), id("harbour"));
    }

    #[test]
    fn an_agent_is_written_with_its_jurisdiction() {
        let agent: AgentId = "371300/desk".parse().unwrap();

        assert_eq!((agent.jurisdiction.as_str(), agent.name()), ("371300", "desk"));
        assert_eq!(agent.to_string(), "371300/desk");
        for bad in ["371300", "371300/", "371300/Desk", "371300/a/b", "/desk"] {
            assert!(bad.parse::<AgentId>().is_err(), "{bad}");
        }
    }

    #[test]
    fn a_document_names_its_class_and_where_it_can_its_owner() {
        let catalogue: DocumentId = "catalogue/371300".parse().unwrap();
        assert_eq!((catalogue.class(), catalogue.owner()), (DocumentClass::Catalogue, Some(id("371300"))));
        assert_eq!("directory".parse(), Ok(DocumentId::directory()));
        assert_eq!("agenda/2026-annual".parse::<DocumentId>().unwrap().class(), DocumentClass::Agenda);
        for bad in ["agenda/", "agenda/a/b", "roster/X", "catalogue/broker", "minutes/1", ""] {
            assert!(bad.parse::<DocumentId>().is_err(), "{bad}");
        }
    }

    #[test]
    fn no_agreement_is_called_none() {
        assert!("NONE".parse::<AgreementId>().is_err());
        assert_eq!("苏鲁-2026-01".parse::<AgreementId>().unwrap().as_str(), "苏鲁-2026-01");
    }

    proptest! {
        #[test]
        fn any_text_is_an_id_that_shows_itself_or_is_refused(text in "\\PC{0,40}|.{0,40}") {
            if let Ok(id) = text.parse::<ItemId>() {
                prop_assert_eq!(id.to_string(), text.clone());
                prop_assert!(!text.contains(char::is_control));
            }
            if let Ok(id) = text.parse::<JurisdictionId>() {
                prop_assert_eq!(id.as_str(), text);
            }
        }
    }
}
