//! A draft as TOML for a person to fill in: fields in the order of the contract, each with its name beside it.

use std::collections::HashMap;

use model::kind::Kind;
use proto::rules::{self, FieldInfo};
use serde_json::{Map, Value};

use crate::lang::{Lang, say};

/// Values of a list that have room beside a field.
const VALUES_MAX: usize = 12;

/// The lines of a sheet.
pub struct Sheet {
    /// Place in the contract, and what stands beside the field, by path without indices.
    known: HashMap<String, (usize, String)>,
    text: String,
}

/// Writes `draft`, as `rules::draft_to_json` gives it.
pub fn write(draft: &Value, kind: Kind, lang: Lang) -> String {
    let mut sheet = Sheet { known: HashMap::new(), text: String::new() };
    sheet.learn("header", rules::header_fields(), lang);
    let field = rules::kinds().iter().find(|info| info.kind == kind).map(|info| info.field.clone());
    sheet.learn(&format!("body.{}", field.unwrap_or_default()), rules::fields(kind), lang);
    if let Some(whole) = draft.as_object() {
        let tables = ["header", "body"];
        let others = whole.iter().filter(|(key, _)| !tables.contains(&key.as_str()));
        sheet.values(&others.map(|(key, value)| (key.clone(), value.clone())).collect::<Vec<_>>(), "");
        for key in tables {
            if let Some(table) = whole.get(key).and_then(Value::as_object) {
                sheet.table(table, key);
            }
        }
    }
    sheet.text.trim_start().to_owned()
}

impl Sheet {
    fn learn(&mut self, within: &str, fields: Vec<FieldInfo>, lang: Lang) {
        for (at, field) in fields.into_iter().enumerate() {
            let name = say(lang, &field.zh, &field.en);
            let unit = if field.unit.is_empty() { String::new() } else { format!(" {}", field.unit) };
            let optional =
                if field.required || !field.when.is_empty() { "" } else { say(lang, "（选填）", " (optional)") };
            let few = if field.values.len() <= VALUES_MAX { field.values.as_slice() } else { &[] };
            let values: Vec<&str> = few.iter().map(|value| value.name.as_str()).collect();
            let values = if values.is_empty() { String::new() } else { format!(" {}", values.join(" | ")) };
            let path = format!("{within}.{}", field.path.replace("[]", ""));
            self.known.insert(path, (at, format!("{name}{unit}{optional}{values}")));
        }
    }

    /// A table whose own values come first, as TOML wants it.
    fn table(&mut self, table: &Map<String, Value>, path: &str) {
        let nested = |value: &Value| value.is_object() || is_tables(value);
        if table.values().any(|value| !nested(value)) {
            self.head(&format!("[{path}]"), path);
        }
        self.inside(table, path);
    }

    fn inside(&mut self, table: &Map<String, Value>, path: &str) {
        let nested = |value: &Value| value.is_object() || is_tables(value);
        let (deeper, own): (Vec<_>, Vec<_>) = table.clone().into_iter().partition(|(_, value)| nested(value));
        self.values(&own, path);
        for (key, value) in self.in_order(deeper, path) {
            let path = format!("{path}.{key}");
            match value {
                Value::Object(table) => self.table(&table, &path),
                Value::Array(tables) => {
                    for table in tables.iter().filter_map(Value::as_object) {
                        self.head(&format!("[[{path}]]"), &path);
                        self.inside(table, &path);
                    }
                }
                _ => {}
            }
        }
    }

    fn head(&mut self, head: &str, path: &str) {
        self.text.push('\n');
        self.line(head, path);
    }

    fn values(&mut self, own: &[(String, Value)], path: &str) {
        for (key, value) in self.in_order(own.to_vec(), path) {
            let Ok(value) = toml::Value::try_from(&value) else { continue };
            let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
            self.line(&format!("{key} = {value}"), &path);
        }
    }

    fn line(&mut self, line: &str, path: &str) {
        let name = self.known.get(path).map(|(_, name)| format!("  # {name}")).unwrap_or_default();
        // a text of several lines has no room beside it
        let name = if line.contains('\n') { String::new() } else { name };
        self.text.extend([line, &name, "\n"]);
    }

    fn in_order(&self, mut fields: Vec<(String, Value)>, path: &str) -> Vec<(String, Value)> {
        fields.sort_by_key(|(key, _)| self.known.get(&format!("{path}.{key}")).map_or(usize::MAX, |(at, _)| *at));
        fields
    }
}

fn is_tables(value: &Value) -> bool {
    value.as_array().is_some_and(|all| !all.is_empty() && all.iter().all(Value::is_object))
}

#[cfg(test)]
mod tests {
    use model::time::Timestamp;

    use super::*;
    use crate::cli::compose::file;

    #[test]
    fn the_sheet_of_every_example_is_read_back_equal() {
        for info in rules::kinds() {
            for lang in [Lang::Zh, Lang::En] {
                let now = Timestamp::from_millis(1_796_000_000_000);
                let draft = rules::draft_to_json(&rules::example(info.kind, lang, now));

                let sheet = write(&draft, info.kind, lang);

                assert_eq!(file::parse(&sheet).expect(&sheet), draft, "{}\n{sheet}", info.en);
            }
        }
    }

    #[test]
    fn fields_stand_in_the_order_of_the_contract_with_their_names() {
        let now = Timestamp::from_millis(1_796_000_000_000);
        let draft = rules::draft_to_json(&rules::example(Kind::Bulletin, Lang::Zh, now));

        let sheet = write(&draft, Kind::Bulletin, Lang::Zh);

        assert!(sheet.starts_with("[header]\n"), "{sheet}");
        assert!(sheet.contains("# 标题"), "{sheet}");
        assert!(sheet.find("[[header.recipients]]") < sheet.find("[body.bulletin]"), "{sheet}");
    }
}
