//! Asking a person at a terminal for what a message still lacks, one field after another: whatever the desk would refuse
//! is asked for, in the words of the contract.

use std::{
    collections::BTreeMap,
    io::{self, BufRead as _, Write as _},
};

use model::{invalid::Invalid, reason::Reason, status::Action, time::Timestamp};
use proto::{
    rules::{FieldInfo, KindInfo, ValueInfo},
    status, v1,
};
use serde_json::Value;

use super::{Content, Form, set, values};
use crate::{
    cli::{
        desk::{Client, ask as call},
        exit::Said,
        out::Context,
    },
    clock,
};

/// How often the same field is asked for before the desk's own words are left to speak.
const ASKED_MAX: u32 = 4;

/// Types whose values are written as one text, and how.
const WRITTEN_AS_ONE: [(&str, &str, &str); 3] = [
    ("time", "现在写 now；另如 2h、10m ago、2026-12-03 08:40", "now, 2h, 10m ago, 2026-12-03 08:40"),
    ("Point", "34.45,118.36（纬度,经度）", "34.45,118.36 (latitude, longitude)"),
    ("Money", "12000.50（元）", "12000.50 (yuan)"),
];

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
    let begins = form.draft.header.as_ref().is_none_or(|header| header.action == Action::Originate.number());
    let mut asking =
        Asking { kind, context, begins, asked: BTreeMap::new(), lists: BTreeMap::new(), answer: read_line };
    loop {
        let now = clock::system().now();
        let draft = content.filled(kind.kind, value, form, None, now, context).await?;
        let taken = desk.send(call(v1::SendRequest { draft: Some(draft), dry_run: true })).await;
        let Err(refused) = taken else {
            if asking.more(value, now)? {
                continue;
            }
            return asking.confirm(content.dry_run);
        };
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
    /// Nothing of what is numbered here was numbered before.
    begins: bool,
    /// How often each field was asked for.
    asked: BTreeMap<String, u32>,
    /// Lists of which entries were asked for: how many there are, or none any more.
    lists: BTreeMap<String, Option<usize>>,
    answer: F,
}

impl<F: FnMut() -> io::Result<Option<String>>> Asking<'_, F> {
    /// Asks for the field that is at fault. False where asking does not help.
    fn mend(&mut self, fault: &Invalid, value: &mut Value, now: Timestamp) -> anyhow::Result<bool> {
        let Some(question) = Question::about(self.kind, &fault.field) else { return Ok(false) };
        let times = self.asked.entry(fault.field.clone()).or_default();
        *times += 1;
        if *times > ASKED_MAX {
            return Ok(false);
        }
        let untold = matches!(question, Question::SignOff | Question::Recipients) && *times == 1;
        if fault.reason != Reason::MissingField && !untold {
            self.say_fault(fault);
        }
        self.put(&question, value, now)?;
        Ok(true)
    }

    /// Asks whether the lists that were begun go on. True where something was added.
    fn more(&mut self, value: &mut Value, now: Timestamp) -> anyhow::Result<bool> {
        let Some((list, count)) = self.lists.iter().find_map(|(list, count)| Some((list.clone(), (*count)?))) else {
            return Ok(false);
        };
        let name = names(self.kind, &list).pop().unwrap_or_default();
        let name = self.context.say(&name.0, &name.1);
        let zh = format!("已有 {count} 项{name}，再加一项？[y/N]");
        let en = format!("{name}: {count} so far. One more? [y/N]");
        let added = self.agrees(self.context.say(&zh, &en))?;
        self.lists.insert(list.clone(), added.then_some(count + 1));
        let entry = format!("body.{list}[{count}]");
        if let Some(question) = added.then(|| Question::about(self.kind, &entry)).flatten() {
            self.put(&question, value, now)?;
        }
        Ok(added)
    }

    /// A question that is answered with yes or with anything else.
    fn agrees(&mut self, question: &str) -> anyhow::Result<bool> {
        anstream::eprint!("\n{question} > ");
        let _ = io::stderr().flush();
        let said = (self.answer)()?.unwrap_or_default();
        Ok(["y", "yes", "是", "加"].contains(&said.trim().to_ascii_lowercase().as_str()))
    }

    /// Asks until the answer can be read.
    fn put(&mut self, question: &Question, value: &mut Value, now: Timestamp) -> anyhow::Result<()> {
        if let Question::Field { path, .. } = question
            && let Some((list, at)) = entry_of(path)
        {
            let count = self.lists.entry(list).or_insert(Some(0));
            *count = count.map(|count| count.max(at + 1));
            if self.begins && path.ends_with("_no") {
                return Ok(set::field(value, path, &(at + 1).to_string(), self.kind.kind, now)?);
            }
        }
        self.show(question);
        loop {
            let Some(text) = (self.answer)()? else { return Err(Said(1).into()) };
            if text.trim().is_empty() {
                self.context.tell("必填；Ctrl-C 放弃，什么也不发送。", "Required; Ctrl-C leaves, and nothing is sent.");
                continue;
            }
            match question.take(self.kind, text.trim(), value, now) {
                Ok(()) => return Ok(()),
                Err(Refused::Rule(refused)) => self.say_fault(&refused),
                Err(Refused::Form(form)) => self.context.tell(&form, &form),
            }
        }
    }

    fn say_fault(&self, fault: &Invalid) {
        let (zh, en) = status::texts(fault);
        self.context.tell(&zh, &en);
    }

    fn show(&self, question: &Question) {
        let text = question.text(self.kind, self.context);
        anstream::eprint!("\n{text}\n> ");
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
        Err(Said(1).into())
    }
}

/// What is asked, and how the answer is read.
enum Question {
    /// To whom, as `--to` takes it.
    Recipients,
    /// Who signs off, as `--sign-off` takes it; without a post, a shift leader.
    SignOff,
    /// One field.
    Field { path: String, field: Box<FieldInfo> },
}

/// Why an answer was not taken.
enum Refused {
    Rule(Invalid),
    /// How it is to be written.
    Form(String),
}

impl From<Invalid> for Refused {
    fn from(invalid: Invalid) -> Self {
        Self::Rule(invalid)
    }
}

impl Question {
    fn about(kind: &KindInfo, at_fault: &str) -> Option<Self> {
        if at_fault.starts_with("header.recipients") {
            return Some(Self::Recipients);
        }
        if at_fault.starts_with("header.signed_off_by") {
            return Some(Self::SignOff);
        }
        let (path, field) = leaf(kind, at_fault)?;
        Some(Self::Field { path, field: Box::new(field) })
    }

    /// The field's name within what it belongs to, and what it may say.
    fn text(&self, kind: &KindInfo, context: Context) -> String {
        let (path, field) = match self {
            Self::Recipients => return context.say(RECIPIENTS.0, RECIPIENTS.1).to_owned(),
            Self::SignOff => return context.say(SIGN_OFF.0, SIGN_OFF.1).to_owned(),
            Self::Field { path, field } => (path, field),
        };
        let unit = if field.unit.is_empty() { String::new() } else { format!(" ({})", field.unit) };
        let names = names(kind, path).into_iter().map(|(zh, en)| context.say(&zh, &en).to_owned());
        let name = names.collect::<Vec<_>>().join(" › ");
        let value = |(at, value): (usize, &ValueInfo)| {
            format!("\n    {}  {}  {}", at + 1, context.say(&value.zh, &value.en), value.name)
        };
        let values: String = field.values.iter().enumerate().map(value).collect();
        let form = WRITTEN_AS_ONE.iter().find(|(name, ..)| *name == field.type_name);
        let example = match (form, context.say(&field.example_zh, &field.example_en)) {
            _ if !values.is_empty() => "",
            (Some((_, zh, en)), _) => context.say(zh, en),
            (None, example) => example,
        };
        let example =
            if example.is_empty() { values } else { format!("\n    {} {example}", context.say("例", "e.g.")) };
        format!("{name}{unit}{example}")
    }

    fn take(&self, kind: &KindInfo, text: &str, value: &mut Value, now: Timestamp) -> Result<(), Refused> {
        let mut put = |path: &str, text: &str| set::field(value, path, text, kind.kind, now);
        match self {
            Self::Recipients => recipients(text, put),
            Self::SignOff => {
                let whole = if text.contains('/') { text.to_owned() } else { format!("{text}/shift-leader") };
                let signed = values::signatory(&whole).map_err(Refused::Form)?;
                put("header.signed_off_by.name", &signed.name)?;
                Ok(put("header.signed_off_by.role", v1::Role::try_from(signed.role).unwrap_or_default().as_str_name())?)
            }
            Self::Field { path, field } => Ok(put(path, chosen(field, text))?),
        }
    }
}

const RECIPIENTS: (&str, &str) = (
    "发给谁（单位编号，多个用逗号分隔；组写 group:编号）\n    例 320300,320700",
    "To whom (ids of jurisdictions, with commas between; a group as group:ID)\n    e.g. 320300,320700",
);
const SIGN_OFF: (&str, &str) = (
    "签发人（姓名，或 姓名/岗位；不写岗位为带班领导）\n    例 李敏",
    "Who signs it off (NAME, or NAME/ROLE; without a role, a shift leader)\n    e.g. Li Min",
);

fn recipients(text: &str, mut put: impl FnMut(&str, &str) -> Result<(), Invalid>) -> Result<(), Refused> {
    let all = text.split([',', '，', '、', ' ']).filter(|part| !part.is_empty());
    for (at, address) in all.enumerate() {
        match values::address(address).map_err(Refused::Form)?.to {
            Some(v1::address::To::Jurisdiction(to)) => {
                put(&format!("header.recipients[{at}].jurisdiction.id"), &to.id)?;
                if to.role != 0 {
                    let role = v1::Role::try_from(to.role).unwrap_or_default().as_str_name();
                    put(&format!("header.recipients[{at}].jurisdiction.role"), role)?;
                }
            }
            Some(v1::address::To::GroupId(group)) => put(&format!("header.recipients[{at}].group_id"), &group)?,
            Some(v1::address::To::Area(_)) | None => {
                return Err(Refused::Form("--to circle:LAT,LON,METRES".to_owned()));
            }
        }
    }
    Ok(())
}

/// The value that a number in the list means, or what was typed.
fn chosen<'t>(field: &'t FieldInfo, text: &'t str) -> &'t str {
    let at = text.parse::<usize>().ok().and_then(|at| at.checked_sub(1));
    at.and_then(|at| field.values.get(at)).map_or(text, |value| value.name.as_str())
}

/// The field to ask for where `path` is at fault: itself, or the first part of it that must be there. An entry of a list
/// that is not there yet is the first.
fn leaf(kind: &KindInfo, path: &str) -> Option<(String, FieldInfo)> {
    if !["header.", "body."].iter().any(|part| path.starts_with(part)) {
        return None;
    }
    let (within, fields, path) = set::fields_around(path, kind.kind);
    let mut path = path.to_owned();
    loop {
        let known = set::plain(&path);
        let field = fields.iter().find(|field| set::plain(&field.path) == known)?;
        if WRITTEN_AS_ONE.iter().any(|(name, ..)| *name == field.type_name) {
            return Some((format!("{within}{path}"), field.clone()));
        }
        let inside: Vec<&FieldInfo> = fields.iter().filter(|inner| is_child(&inner.path, &field.path)).collect();
        let Some(first) = inside.iter().find(|inner| inner.required).or_else(|| inside.first()) else {
            return Some((format!("{within}{path}"), field.clone()));
        };
        let name = first.path.rsplit('.').next()?.trim_end_matches("[]");
        let entry = if field.repeated && !path.ends_with(']') { "[0]" } else { "" };
        path = format!("{path}{entry}.{name}");
    }
}

/// The fields on the way to `path`, in both languages, each with its place in a list.
fn names(kind: &KindInfo, path: &str) -> Vec<(String, String)> {
    let (_, fields, path) = set::fields_around(path, kind.kind);
    let steps: Vec<&str> = path.split('.').collect();
    let name = |end: usize| {
        let steps = steps.get(..=end)?;
        let known = set::plain(&steps.join("."));
        let field = fields.iter().find(|field| set::plain(&field.path) == known)?;
        let at = steps.last()?.split_once('[').and_then(|(_, at)| at.trim_end_matches(']').parse::<usize>().ok());
        let at = at.map(|at| format!(" {}", at + 1)).unwrap_or_default();
        Some((format!("{}{at}", field.zh), format!("{}{at}", field.en)))
    };
    (0..steps.len()).filter_map(name).collect()
}

/// The list of which `path` names a field of an entry, and which entry.
fn entry_of(path: &str) -> Option<(String, usize)> {
    let (entry, _field) = path.rsplit_once('.')?;
    let (list, at) = entry.strip_suffix(']')?.rsplit_once('[')?;
    Some((list.to_owned(), at.parse().ok()?))
}

fn is_child(inner: &str, outer: &str) -> bool {
    let (inner, outer) = (set::plain(inner), set::plain(outer));
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

    use proto::rules;
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
        let (asked, lists) = (BTreeMap::new(), BTreeMap::new());
        Asking { kind, context, begins: true, asked, lists, answer }.mend(fault, value, NOW)
    }

    #[test]
    fn a_missing_list_is_asked_for_by_the_first_thing_that_its_entries_must_say() {
        let (path, field) = leaf(kind("resource-offer"), "body.lines").unwrap();
        assert_eq!((path.as_str(), field.type_name.as_str()), ("lines[0].answer", "OfferAnswer"));
        assert_eq!(leaf(kind("resource-offer"), "body.lines[2].eta").unwrap().0, "lines[2].eta");
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
    fn recipients_and_signatures_are_read_as_their_options_read_them() {
        let (notice, mut value) = (kind("bulletin"), json!({}));
        assert!(
            mended(notice, &Invalid::missing("header.recipients"), &mut value, &["临沂", "320300，group:lunan"])
                .unwrap()
        );
        assert!(mended(notice, &Invalid::missing("header.signed_off_by"), &mut value, &["李敏"]).unwrap());
        value["body"] = json!({"bulletin": {}});

        let header = rules::draft_from_json(Some(notice.kind), &value).unwrap().header.unwrap();
        let to: Vec<_> = header.recipients.iter().map(|to| crate::cli::words::address(to, Lang::En)).collect();
        assert_eq!(to, ["320300", "group:lunan"]);
        let signed = header.signed_off_by.unwrap();
        assert_eq!((signed.name.as_str(), signed.role()), ("李敏", v1::Role::ShiftLeader));
    }

    #[test]
    fn entries_of_a_list_are_numbered_by_their_places_and_may_go_on() {
        let mut said = VecDeque::from(["y", "1", "n"].map(str::to_owned));
        let context = Context { lang: Lang::En, format: Format::Table, talk: Talk::Quiet };
        let answer = || Ok(said.pop_front());
        let (asked, lists) = (BTreeMap::new(), BTreeMap::new());
        let mut asking = Asking { kind: kind("action-request"), context, begins: true, asked, lists, answer };
        let mut value = json!({});

        assert!(asking.mend(&Invalid::missing("body.actions"), &mut value, NOW).unwrap());
        assert!(asking.more(&mut value, NOW).unwrap(), "one more");
        assert!(asking.mend(&Invalid::missing("body.actions[1].type"), &mut value, NOW).unwrap());
        assert!(!asking.more(&mut value, NOW).unwrap(), "and no more");
        assert!(!asking.more(&mut value, NOW).unwrap(), "which is not asked again");

        let actions = &value["body"]["action_request"]["actions"];
        assert_eq!((&actions[0]["action_no"], &actions[1]["action_no"]), (&json!("1"), &json!("2")), "{value}");
    }

    #[test]
    fn who_leaves_sends_nothing() {
        assert!(mended(kind("bulletin"), &Invalid::missing("body.headline"), &mut json!({}), &[]).is_err());
    }
}
