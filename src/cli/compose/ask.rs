//! Asking a person at a terminal for what a message still lacks, one field after another: whatever the desk would refuse
//! is asked for, in the words of the contract.

use std::{
    collections::BTreeMap,
    io::{self, BufRead as _, Write as _},
};

use model::{invalid::Invalid, reason::Reason, time::Timestamp};
use proto::{
    rules::{self, FieldInfo, KindInfo},
    status, v1,
};
use serde_json::Value;

use super::{Content, Form, set};
use crate::{
    cli::{
        desk::{Client, ask as call},
        out::Context,
    },
    clock,
};

/// How often the same field is asked for before the desk's own words are left to speak.
const ASKED_MAX: u32 = 4;

/// Asks until the desk would take the message, and then whether to send it.
///
/// # Errors
/// What a person cannot mend by filling in a field; that the person leaves.
pub async fn rest(
    desk: &mut Client,
    kind: &KindInfo,
    content: &Content,
    form: &Form,
    value: &mut Value,
    context: Context,
) -> anyhow::Result<()> {
    let mut asking = Asking { kind, context, asked: BTreeMap::new(), answer: read_line };
    loop {
        let now = clock::system().now();
        let draft = content.filled(kind.kind, value, form, None, now, context).await?;
        let taken = desk.send(call(v1::SendRequest { draft: Some(draft), dry_run: true })).await;
        let Err(refused) = taken else { return asking.confirm(content.dry_run) };
        let Some(fault) = status::invalid(&refused) else { return Err(refused.into()) };
        if !asking.mend(&fault, value, now)? {
            return Ok(()); // the desk says it again, with everything else that is wrong
        }
    }
}

/// Asks, and remembers what was asked.
struct Asking<'a, F> {
    kind: &'a KindInfo,
    context: Context,
    asked: BTreeMap<String, u32>,
    answer: F,
}

impl<F: FnMut() -> io::Result<Option<String>>> Asking<'_, F> {
    /// Asks for the field that is at fault. False where asking does not help.
    fn mend(&mut self, fault: &Invalid, value: &mut Value, now: Timestamp) -> anyhow::Result<bool> {
        let Some((path, field)) = leaf(self.kind, &fault.field) else { return Ok(false) };
        let times = self.asked.entry(path.clone()).or_default();
        *times += 1;
        if *times > ASKED_MAX {
            return Ok(false);
        }
        if fault.reason != Reason::MissingField {
            self.say_fault(fault);
        }
        self.show(&path, &field);
        loop {
            let Some(text) = (self.answer)()? else { return Err(crate::cli::exit::Said(1).into()) };
            if text.trim().is_empty() {
                self.context.tell("必填；Ctrl-C 放弃，什么也不发送。", "Required; Ctrl-C leaves, and nothing is sent.");
                continue;
            }
            match set::field(value, &path, chosen(&field, text.trim()), self.kind.kind, now) {
                Ok(()) => return Ok(true),
                Err(refused) => self.say_fault(&refused),
            }
        }
    }

    fn say_fault(&self, fault: &Invalid) {
        let (zh, en) = status::texts(fault);
        self.context.tell(&zh, &en);
    }

    /// The field's name, where it stands if in a list, what it means, and what it may say.
    fn show(&self, path: &str, field: &FieldInfo) {
        let unit = if field.unit.is_empty() { String::new() } else { format!(" ({})", field.unit) };
        let place = if path.contains('[') { format!("  {path}") } else { String::new() };
        let name = self.context.say(&field.zh, &field.en);
        let example = self.context.say(&field.example_zh, &field.example_en);
        let example = match (example, field.type_name.as_str()) {
            ("", "time") => "2h | 2026-12-03 08:40".to_owned(),
            (example, _) => example.to_owned(),
        };
        let values = field.values.iter().enumerate().map(|(at, value)| {
            let label = self.context.say(&value.zh, &value.en);
            format!("\n    {}  {label}  {}", at + 1, value.name)
        });
        let values: String = values.collect();
        let example =
            if values.is_empty() && !example.is_empty() { format!("\n    {} {example}", self.context.say("例", "e.g.")) } else { values };
        anstream::eprint!("\n{name}{unit}{place}{example}\n> ");
        let _ = io::stderr().flush();
    }

    /// Whether to send what is complete now. Where nothing was asked, the command has said it all.
    fn confirm(mut self, dry_run: bool) -> anyhow::Result<()> {
        if self.asked.is_empty() || dry_run {
            return Ok(());
        }
        anstream::eprint!("\n{} [Y/n] > ", self.context.say("填写完整。发送？", "Complete. Send it?"));
        let _ = io::stderr().flush();
        let said = (self.answer)()?.unwrap_or_else(|| "n".to_owned()).trim().to_ascii_lowercase();
        if said.is_empty() || ["y", "yes", "是", "发送"].contains(&said.as_str()) {
            return Ok(());
        }
        self.context.tell("未发送。", "Not sent.");
        Err(crate::cli::exit::Said(1).into())
    }
}

/// The value that a number in the list means, or what was typed.
fn chosen<'t>(field: &'t FieldInfo, text: &'t str) -> &'t str {
    let at = text.parse::<usize>().ok().and_then(|at| at.checked_sub(1));
    at.and_then(|at| field.values.get(at)).map_or(text, |value| value.name.as_str())
}

/// The field to ask for where `path` is at fault: itself, or the first part of it that must be there. An entry of a list
/// that is not there yet is the first.
fn leaf(kind: &KindInfo, path: &str) -> Option<(String, FieldInfo)> {
    let (within, fields, path) = match path.strip_prefix("header.") {
        Some(path) => ("header.", rules::header_fields(), path),
        None => ("", rules::fields(kind.kind), path.strip_prefix("body.")?),
    };
    let mut path = path.to_owned();
    loop {
        let known = plain(&path);
        let field = fields.iter().find(|field| plain(&field.path) == known)?;
        let inside: Vec<&FieldInfo> = fields.iter().filter(|inner| is_child(&inner.path, &field.path)).collect();
        let Some(first) = inside.iter().find(|inner| inner.required).or_else(|| inside.first()) else {
            return Some((format!("{within}{path}"), field.clone()));
        };
        let name = first.path.rsplit('.').next()?.trim_end_matches("[]");
        let entry = if field.repeated && !path.ends_with(']') { "[0]" } else { "" };
        path = format!("{path}{entry}.{name}");
    }
}

/// A path without its indices.
fn plain(path: &str) -> String {
    path.split('.').map(|step| step.split('[').next().unwrap_or(step)).collect::<Vec<_>>().join(".")
}

fn is_child(inner: &str, outer: &str) -> bool {
    let (inner, outer) = (plain(inner), plain(outer));
    inner.strip_prefix(&outer).and_then(|rest| rest.strip_prefix('.')).is_some_and(|name| !name.contains('.'))
}

fn read_line() -> io::Result<Option<String>> {
    let mut line = String::new();
    let read = io::stdin().lock().read_line(&mut line)?;
    Ok((read > 0).then_some(line))
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use serde_json::json;

    use super::*;
    use crate::{
        cli::out::{Format, Talk},
        lang::Lang,
    };

    const NOW: Timestamp = Timestamp::from_millis(1_800_000_000_000);

    fn kind(name: &str) -> &'static KindInfo {
        rules::kind(name).unwrap()
    }

    fn mended(kind: &KindInfo, fault: &Invalid, value: &mut Value, said: &[&str]) -> anyhow::Result<bool> {
        let mut said: VecDeque<String> = said.iter().map(|text| (*text).to_owned()).collect();
        let context = Context { lang: Lang::Zh, format: Format::Table, talk: Talk::Quiet };
        let answer = || Ok(said.pop_front());
        Asking { kind, context, asked: BTreeMap::new(), answer }.mend(fault, value, NOW)
    }

    #[test]
    fn a_missing_list_is_asked_for_by_the_first_thing_that_its_entries_must_say() {
        let (path, field) = leaf(kind("resource-offer"), "body.lines").unwrap();
        assert_eq!((path.as_str(), field.type_name.as_str()), ("lines[0].answer", "OfferAnswer"));
        assert_eq!(leaf(kind("resource-offer"), "body.lines[2].eta").unwrap().0, "lines[2].eta");
        assert_eq!(leaf(kind("bulletin"), "header.signed_off_by").unwrap().0, "header.signed_off_by.name");
        assert!(leaf(kind("bulletin"), "inline").is_none());
    }

    #[test]
    fn every_field_that_must_be_there_can_be_asked_for() {
        for kind in rules::kinds() {
            for field in rules::fields(kind.kind).iter().filter(|field| field.required) {
                let path = format!("body.{}", field.path.replace("[]", "[0]"));
                let path = path.strip_suffix("[0]").unwrap_or(&path);
                assert!(leaf(kind, path).is_some(), "{} {path}", kind.en);
            }
        }
    }

    #[test]
    fn a_number_chooses_and_what_cannot_be_read_is_asked_again() {
        let (offer, mut value) = (kind("resource-offer"), json!({}));
        assert!(mended(offer, &Invalid::missing("body.lines"), &mut value, &["", "perhaps", "3"]).unwrap());
        assert!(mended(offer, &Invalid::missing("body.valid_until"), &mut value, &["4h"]).unwrap());

        let draft = rules::draft_from_json(Some(offer.kind), &value).unwrap();
        let Some(v1::body::Body::ResourceOffer(said)) = draft.body.unwrap().body else { panic!("an offer") };
        assert_eq!(said.lines[0].answer(), v1::OfferAnswer::Decline);
        assert_eq!(said.valid_until, Some(proto::border::time::to_wire(NOW.plus(std::time::Duration::from_hours(4)))));
    }

    #[test]
    fn who_leaves_sends_nothing() {
        assert!(mended(kind("bulletin"), &Invalid::missing("body.headline"), &mut json!({}), &[]).is_err());
    }
}
