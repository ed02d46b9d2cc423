//! Which programs may send events, and what their events leave out: the `[[source]]` tables of the rules file.

use std::collections::BTreeSet;

use model::{ids::JurisdictionId, invalid::Invalid, kind::Kind, limits, reason::Reason, role::Role};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{
    Rules,
    file::{check_name, within},
};
use crate::{
    desk::programs::{PER_HOUR, Program},
    fold::keys::RULE_NAME,
    formats::draft_file,
};

/// Sources of a file at most.
const SOURCES_MAX: usize = 100;
/// Characters of a source at most.
const URI_CHARS_MAX: usize = 256;

/// One program, as the rules file lets it in.
#[derive(Clone, Debug)]
pub struct Source {
    /// Under which name it speaks, and how much.
    pub program: Program,
    /// `source` of its events, to the letter.
    pub source: String,
    /// Kinds that it may send.
    pub kinds: Vec<Kind>,
    /// What its events leave out: fields of a header, as a draft file has them.
    pub header: Map<String, Value>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Entry {
    name: String,
    source: String,
    kinds: Vec<String>,
    #[serde(default)]
    to: Vec<String>,
    #[serde(default)]
    header: toml::Table,
    #[serde(default)]
    per_hour: Option<u32>,
}

impl Rules {
    /// The program that sends events of this source and kind, if one may.
    pub fn source(&self, source: &str, kind: Kind) -> Option<&Source> {
        self.sources.iter().find(|known| known.source == source && known.kinds.contains(&kind))
    }
}

/// The sources of a file, checked.
pub(super) fn all(entries: Vec<Entry>, role: Role) -> Result<Vec<Source>, Invalid> {
    if entries.len() > SOURCES_MAX {
        return Err(Invalid::too_large("source", entries.len(), SOURCES_MAX));
    }
    let mut names = BTreeSet::new();
    let mut sources = Vec::with_capacity(entries.len());
    for entry in entries {
        let at = format!("source[{}]", entry.name.chars().take(RULE_NAME).collect::<String>());
        if !names.insert(entry.name.clone()) {
            return Err(refused(&format!("{at}.name"), "source.name", "two sources have this name"));
        }
        sources.push(source(entry, role).map_err(|invalid| invalid.within(&at))?);
    }
    Ok(sources)
}

fn refused(field: &str, rule: &str, detail: &str) -> Invalid {
    Invalid::new(Reason::BadCode, field, rule).detail(detail)
}

fn source(entry: Entry, role: Role) -> Result<Source, Invalid> {
    check_name(&entry.name, "source.name")?;
    if entry.name == "drop" {
        return Err(refused("name", "source.name", "the drop folder has this name"));
    }
    let chars = entry.source.chars().count();
    if chars == 0 || chars > URI_CHARS_MAX || entry.source.chars().any(char::is_control) {
        return Err(refused("source", "source.uri", &format!("{chars} characters")));
    }
    let per_hour = within(entry.per_hour.unwrap_or(PER_HOUR.0), PER_HOUR.1, "per_hour")?;
    let kinds = kinds(&entry.kinds)?;
    let header = header(&entry.to, entry.header, &kinds)?;
    Ok(Source { program: Program { name: entry.name, role, per_hour }, source: entry.source, kinds, header })
}

fn kinds(names: &[String]) -> Result<Vec<Kind>, Invalid> {
    if names.is_empty() {
        return Err(Invalid::missing("kinds"));
    }
    let known = |name: &String| {
        let info = proto::rules::kind(name).map(|info| info.kind);
        info.ok_or_else(|| Invalid::code("kinds", "kind.known").detail(name.as_str()))
    };
    names.iter().map(known).collect()
}

/// What the table says, read once as a draft of each kind would be. Nobody signs off in it.
fn header(to: &[String], table: toml::Table, kinds: &[Kind]) -> Result<Map<String, Value>, Invalid> {
    let Value::Object(mut header) = draft_file::json(toml::Value::Table(table)) else { return Ok(Map::new()) };
    if to.len() > limits::RECIPIENTS_MAX {
        return Err(Invalid::too_large("to", to.len(), limits::RECIPIENTS_MAX));
    }
    if !to.is_empty() {
        let to: Result<Vec<JurisdictionId>, Invalid> = to.iter().map(|id| id.parse()).collect();
        let to = to.map_err(|invalid| invalid.within("to"))?;
        let addresses: Value = to.iter().map(|id| json!({ "jurisdiction": { "id": id.as_str() } })).collect();
        header.insert("recipients".to_owned(), addresses);
    }
    for kind in kinds {
        let draft = proto::rules::draft_from_json(Some(*kind), &json!({ "header": header, "body": {} }))?;
        if draft.header.is_some_and(|header| header.signed_off_by.is_some()) {
            return Err(Invalid::new(Reason::RoleForbidden, "header.signed_off_by", "program.sign_off"));
        }
    }
    Ok(header)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::file::parse;
    use super::*;

    const RIVER: &str = "[[source]]\nname = \"river\"\nsource = \"//river/1\"\nkinds = [\"K07\"]\nto = [\"320300\"]\n";

    #[test]
    fn a_source_is_found_by_its_letters_and_its_kind() {
        let rules = parse(&format!("{RIVER}header = {{ precedence = \"ROUTINE\" }}\n")).unwrap();
        let river = rules.source("//river/1", Kind::Bulletin).unwrap();
        assert_eq!((river.program.signature().as_str(), river.program.per_hour), ("program:river", 60));
        assert_eq!(river.header["recipients"][0]["jurisdiction"]["id"], "320300");
        assert!(
            rules.source("//river/1", Kind::Alert).is_none() && rules.source("//river/10", Kind::Bulletin).is_none()
        );
    }

    #[test]
    fn the_documents_show_a_source_and_every_name_of_a_type_in_both_languages() {
        let documents =
            [include_str!("../../../docs/automation.md"), include_str!("../../../docs/automation.zh-CN.md")];
        for text in documents {
            let shown = text.split("```toml\n").nth(2).unwrap().split("```").next().unwrap();
            assert!(parse(shown).unwrap().source("//sensors.linyi/river/1", Kind::Bulletin).is_some());
            for kind in Kind::ALL {
                let name = crate::formats::cloud_event::name_of(*kind);
                assert!(text.contains(&format!("`{name}`")), "{name}");
            }
        }
    }

    #[test]
    fn every_fault_names_the_source_and_the_key() {
        for (text, field) in [
            (RIVER.replace("\"river\"", "\"drop\""), "source[drop].name"),
            (RIVER.replace("\"river\"", "\"A b\""), "source[A b].name"),
            (format!("{RIVER}{RIVER}"), "source[river].name"),
            (RIVER.replace("//river/1", ""), "source[river].source"),
            (RIVER.replace("\"K07\"", "\"K99\""), "source[river].kinds"),
            (RIVER.replace("\"K07\"", ""), "source[river].kinds"),
            (RIVER.replace("320300", "X"), "source[river].to.jurisdiction"),
            (format!("{RIVER}per_hour = 9999\n"), "source[river].per_hour"),
            (format!("{RIVER}header = {{ precedens = \"ROUTINE\" }}\n"), "source[river].header.precedens"),
            (
                format!("{RIVER}header = {{ signed_off_by = {{ name = \"a\", role = \"COMMANDER\" }} }}\n"),
                "source[river].header.signed_off_by",
            ),
        ] {
            assert_eq!(parse(&text).unwrap_err().field, field, "{text}");
        }
    }
}
