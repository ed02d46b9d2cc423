//! A sheet: a message in the making as a person fills it in, field by field. What can be read stands as JSON, as the command
//! line's drafts do; what cannot be read yet is kept as it was typed, so that nobody types anything twice.

mod contract;
mod pieces;
mod texts;

use std::collections::BTreeMap;

use model::{invalid::Invalid, status::Action};
use proto::{rules, v1};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

pub use self::{
    contract::Contract,
    pieces::{Choice, Field, Piece, Showing, Suggested, anchor},
};

/// Times as they are typed.
pub mod moment {
    pub use super::texts::{local_of, of_local};
}

/// Entries of a list that a sheet makes room for.
const ENTRIES_MAX: usize = 64;
/// Fields whose text cannot be read yet that a sheet keeps.
const UNREAD_MAX: usize = 256;

/// What a person has filled in so far.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Sheet {
    /// What can be read: `{"header": {…}, "body": {"bulletin": {…}}}`.
    value: Value,
    /// What was typed and cannot be read yet, by the path of its field.
    unread: BTreeMap<String, String>,
}

impl Sheet {
    /// A sheet that begins with a draft.
    pub fn of(draft: Value, contract: &Contract) -> Self {
        let mut sheet = Self { value: draft, unread: BTreeMap::new() };
        sheet.body_mut(contract);
        sheet
    }

    /// Makes room for the first entry of every list that must have one; where a matter begins, it is the first.
    pub fn begin(&mut self, contract: &Contract) {
        for field in contract.below("body") {
            let list = format!("body.{}", contract::name(field));
            let lacks = field.repeated && field.required && self.entries(contract, &list) == 0;
            if lacks && contract.is_group(&list, field) {
                self.make_room(contract, &format!("{list}[0]"));
                if contract.action == Action::Originate {
                    self.number(contract, &format!("{list}[0]"), 1);
                }
            }
        }
    }

    /// Writes what was typed into a field; nothing typed empties it. What cannot be read is kept as it is. Fields that the
    /// contract does not know are left out, and those for which a sheet makes no room.
    pub fn put(&mut self, contract: &Contract, path: &str, typed: &[&str]) {
        let Some(field) = contract.field(path).filter(|_| has_room(path)) else { return };
        let parts = texts::parts(field, typed);
        if self.text(contract, path) == parts.join("\n") {
            return;
        }
        self.unread.remove(path);
        self.clear(contract, path);
        if parts.is_empty() {
            return;
        }
        if let Err(_kept) = self.write(contract, path, &parts) {
            self.clear(contract, path);
            if self.unread.len() < UNREAD_MAX {
                self.unread.insert(path.to_owned(), parts.join("\n"));
            }
        }
    }

    fn write(&mut self, contract: &Contract, path: &str, parts: &[String]) -> Result<(), Invalid> {
        let Some(field) = contract.field(path) else { return Ok(()) };
        self.make_room(contract, path);
        for (at, part) in parts.iter().enumerate() {
            let place = if field.repeated { format!("{path}[{at}]") } else { path.to_owned() };
            let text = texts::read(field, part, contract.offset_min);
            rules::set(&mut self.value, &place, &text, contract.kind)?;
        }
        Ok(())
    }

    /// What stands in a field, as it is typed.
    pub fn text(&self, contract: &Contract, path: &str) -> String {
        if let Some(typed) = self.unread.get(path) {
            return typed.clone();
        }
        let Some(field) = contract.field(path) else { return String::new() };
        self.at(contract, path).map(|value| texts::shown(field, value, contract.offset_min)).unwrap_or_default()
    }

    /// Why what was typed cannot be read.
    pub fn unread(&self, contract: &Contract) -> Vec<Invalid> {
        let mut scratch = Self { value: self.value.clone(), unread: BTreeMap::new() };
        let fault = |(path, typed): (&String, &String)| {
            let parts: Vec<String> = typed.lines().map(str::to_owned).collect();
            scratch.write(contract, path, &parts).err()
        };
        self.unread.iter().filter_map(fault).collect()
    }

    /// One more entry of a list. What is numbered there gets the next number where the message begins a matter.
    pub fn add(&mut self, contract: &Contract, list: &str) {
        let Some(field) = contract.field(list).filter(|field| field.repeated) else { return };
        let most = field.max.unwrap_or(ENTRIES_MAX).min(ENTRIES_MAX);
        // a required list shows its first entry before there is one
        let first = usize::from(field.required && contract.is_group(list, field));
        let count = self.entries(contract, list).max(first);
        if count >= most {
            return;
        }
        self.make_room(contract, &format!("{list}[{count}]"));
        if contract.action == Action::Originate {
            for at in 0..=count {
                self.number(contract, &format!("{list}[{at}]"), at + 1);
            }
        }
    }

    /// Gives an entry its number, if it has none.
    fn number(&mut self, contract: &Contract, entry: &str, number: usize) {
        let Some(path) = contract.numbered(entry) else { return };
        if self.text(contract, &path).is_empty() {
            self.put(contract, &path, &[&number.to_string()]);
        }
    }

    /// Takes an entry out of its list; those behind it move up.
    pub fn remove(&mut self, contract: &Contract, entry: &str) {
        let Some((list, at)) = entry_of(entry) else { return };
        if let Some(entries) = self.at_mut(contract, list).and_then(Value::as_array_mut)
            && at < entries.len()
        {
            entries.remove(at);
        }
        let before = std::mem::take(&mut self.unread);
        for (path, typed) in before {
            match moved_up(&path, list, at) {
                Moved::Stays => drop(self.unread.insert(path, typed)),
                Moved::To(path) => drop(self.unread.insert(path, typed)),
                Moved::Gone => {}
            }
        }
    }

    /// Chooses one of several parts of which a message has one.
    pub fn pick(&mut self, contract: &Contract, path: &str) {
        let others = contract.rivals(path);
        for other in others {
            self.clear(contract, &other);
            self.unread.retain(|path, _| !is_within(path, &other));
        }
        self.make_room(contract, &format!("{path}.it"));
    }

    /// How many entries a list has.
    pub fn entries(&self, contract: &Contract, list: &str) -> usize {
        self.at(contract, list).and_then(Value::as_array).map_or(0, Vec::len)
    }

    /// Whether anything stands at a place.
    pub fn has(&self, contract: &Contract, path: &str) -> bool {
        self.at(contract, path).is_some_and(|value| !is_empty(value))
            || self.unread.keys().any(|typed| is_within(typed, path))
    }

    /// Whether a place is there, be it empty.
    pub fn is_there(&self, contract: &Contract, path: &str) -> bool {
        self.at(contract, path).is_some()
    }

    /// A line about it, for lists.
    pub fn title(&self, contract: &Contract) -> String {
        let leads = ["title", "headline", "topic", "effect_wanted", "summary", "text"];
        let found = leads.iter().map(|name| self.text(contract, &format!("body.{name}"))).find(|text| !text.is_empty());
        found.unwrap_or_default()
    }

    /// The draft as it stands, without what was left empty.
    ///
    /// # Errors
    /// Something in it cannot be read.
    pub fn draft(&self, contract: &Contract) -> Result<v1::Draft, Invalid> {
        let mut value = self.value.clone();
        for part in ["header", "body"] {
            if let Some(place) = value.get_mut(part) {
                prune(contract, place, if part == "body" { "" } else { "header" });
            }
        }
        rules::draft_from_json(Some(contract.kind), &value)
    }

    /// The addresses, as JSON.
    pub fn addresses(&self) -> Vec<Value> {
        self.value.pointer("/header/recipients").and_then(Value::as_array).cloned().unwrap_or_default()
    }

    /// Other addresses.
    pub fn address(&mut self, to: Vec<Value>) {
        let header = self.value.as_object_mut().map(|whole| whole.entry("header").or_insert_with(|| json!({})));
        if let Some(header) = header.and_then(Value::as_object_mut) {
            header.insert("recipients".to_owned(), Value::Array(to));
        }
    }

    fn body_mut(&mut self, contract: &Contract) -> Option<&mut Value> {
        if !self.value.is_object() {
            self.value = json!({});
        }
        let body = self.value.as_object_mut()?.entry("body").or_insert_with(|| json!({}));
        if !body.is_object() {
            *body = json!({});
        }
        Some(body.as_object_mut()?.entry(&contract.member).or_insert_with(|| json!({})))
    }

    fn at(&self, contract: &Contract, path: &str) -> Option<&Value> {
        let (mut place, path) = match path.strip_prefix("header.") {
            Some(path) => (self.value.get("header")?, path),
            None => (self.value.get("body")?.get(&contract.member)?, path.strip_prefix("body.")?),
        };
        for step in path.split('.') {
            let (name, at) = indexed(step);
            place = place.get(name)?;
            if let Some(at) = at {
                place = place.get(at)?;
            }
        }
        Some(place)
    }

    fn at_mut(&mut self, contract: &Contract, path: &str) -> Option<&mut Value> {
        let (mut place, path) = match path.strip_prefix("header.") {
            Some(path) => (self.value.get_mut("header")?, path),
            None => (self.body_mut(contract)?, path.strip_prefix("body.")?),
        };
        for step in path.split('.') {
            let (name, at) = indexed(step);
            place = place.get_mut(name)?;
            if let Some(at) = at {
                place = place.get_mut(at)?;
            }
        }
        Some(place)
    }

    /// Takes away what stands at a place.
    fn clear(&mut self, contract: &Contract, path: &str) {
        let (outer, name) = path.rsplit_once('.').unwrap_or(("", path));
        let place = match outer {
            "header" => self.value.get_mut("header"),
            "body" => self.body_mut(contract),
            outer => self.at_mut(contract, outer),
        };
        if let Some(object) = place.and_then(Value::as_object_mut) {
            object.remove(name);
        }
    }

    /// Makes every list on the way to `path` long enough.
    fn make_room(&mut self, contract: &Contract, path: &str) {
        let (place, path) = match path.strip_prefix("header.") {
            Some(path) => {
                let whole = self.value.as_object_mut();
                (whole.map(|whole| whole.entry("header").or_insert_with(|| json!({}))), path)
            }
            None => (self.body_mut(contract), path.strip_prefix("body.").unwrap_or(path)),
        };
        let Some(mut place) = place else { return };
        let mut steps = path.split('.').peekable();
        while let Some(step) = steps.next() {
            let (name, at) = indexed(step);
            if at.is_none() && steps.peek().is_none() {
                return; // the field itself is written by the contract
            }
            let Some(object) = place.as_object_mut() else { return };
            let entry = object.entry(name).or_insert(Value::Null);
            place = if let Some(at) = at {
                let Some(place) = room(entry, at) else { return };
                place
            } else {
                if entry.is_null() {
                    *entry = json!({});
                }
                entry
            };
        }
    }
}

fn room(entry: &mut Value, at: usize) -> Option<&mut Value> {
    if entry.is_null() {
        *entry = Value::Array(Vec::new());
    }
    let entries = entry.as_array_mut().filter(|_| at < ENTRIES_MAX)?;
    while entries.len() <= at {
        entries.push(json!({}));
    }
    entries.get_mut(at)
}

/// `items[2]` is the third of `items`.
fn indexed(step: &str) -> (&str, Option<usize>) {
    match step.split_once('[') {
        Some((name, at)) => (name, at.trim_end_matches(']').parse().ok()),
        None => (step, None),
    }
}

/// Whether a sheet makes room for every entry that a path names.
fn has_room(path: &str) -> bool {
    let fits = |step: &str| !step.contains('[') || indexed(step).1.is_some_and(|at| at < ENTRIES_MAX);
    path.split('.').all(fits)
}

fn entry_of(path: &str) -> Option<(&str, usize)> {
    let (list, at) = path.strip_suffix(']')?.rsplit_once('[')?;
    Some((list, at.parse().ok()?))
}

/// Whether a path is `outer` or lies within it.
fn is_within(path: &str, outer: &str) -> bool {
    path.strip_prefix(outer).is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
}

enum Moved {
    Stays,
    To(String),
    Gone,
}

/// Where a path leads once the entry `at` of `list` is gone.
fn moved_up(path: &str, list: &str, at: usize) -> Moved {
    let own = path.strip_prefix(list).and_then(|rest| rest.strip_prefix('[')).and_then(|rest| rest.split_once(']'));
    let Some((number, rest)) = own else { return Moved::Stays };
    match number.parse::<usize>() {
        Ok(number) if number == at => Moved::Gone,
        Ok(number) if number > at => Moved::To(format!("{list}[{}]{rest}", number - 1)),
        _ => Moved::Stays,
    }
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Object(object) => object.values().all(is_empty),
        Value::Array(list) => list.iter().all(is_empty),
        Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
    }
}

/// Takes out what was left empty, but for the part that was chosen among several.
fn prune(contract: &Contract, value: &mut Value, path: &str) {
    match value {
        Value::Object(object) => {
            let names: Vec<String> = object.keys().cloned().collect();
            for name in names {
                let inner = path_of(path, &name, contract);
                let Some(place) = object.get_mut(&name) else { continue };
                prune(contract, place, &inner);
                if is_empty(place) && !contract.is_chosen(&inner) && inner != "body" {
                    object.remove(&name);
                }
            }
        }
        Value::Array(list) => {
            for entry in list.iter_mut() {
                prune(contract, entry, path);
            }
            list.retain(|entry| !is_empty(entry));
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// The path of a member: the body's own name is none of it.
fn path_of(path: &str, name: &str, contract: &Contract) -> String {
    if path.is_empty() && name == contract.member { "body".to_owned() } else { format!("{path}.{name}") }
}

#[cfg(test)]
mod tests;
