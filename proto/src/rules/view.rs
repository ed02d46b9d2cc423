//! A body for people: names and values in their language, present fields only.

mod value;

use bytes::Bytes;
use model::kind::Kind;
use prost_reflect::{DynamicMessage, Value};

pub use self::value::{hex, inert, unit};
use super::{
    check::open,
    schema::{Class, FieldRules, MessageRules, Schema},
};
use crate::{border, status::Lang, v1::Format};

/// Fields that are a title where a body has one.
const TITLES: [&str; 3] = ["title", "headline", "topic"];
/// Fields that say best what a body without a title is about, the best first.
const LEADS: [&str; 7] = ["effect_wanted", "mission_brief", "text", "facts", "summary", "review", "description"];
/// Characters of a line about a body.
const TITLE_CHARS_MAX: usize = 60;

/// How deep bodies within bodies are shown: a plan's inject holds one, which holds none.
const INDENT_MAX: u8 = 16;

/// One line of a body.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ViewLine {
    /// How deep it stands.
    pub indent: u8,
    /// What it is, in the reader's language.
    pub label: String,
    /// What it says; empty above lines that stand deeper.
    pub value: String,
    /// Holds personal data.
    pub personal: bool,
}

/// Every line of a body. What cannot be read has none.
pub fn lines(schema: &Schema, body: &Bytes, lang: Lang) -> Vec<ViewLine> {
    let mut view = View { schema, lang, lines: Vec::new() };
    if let Ok(opened) = open(schema, body) {
        view.message(opened.rules, &opened.value, At { indent: 0, personal: false });
    }
    view.lines
}

struct View<'a> {
    schema: &'a Schema,
    lang: Lang,
    lines: Vec<ViewLine>,
}

#[derive(Clone, Copy)]
struct At {
    indent: u8,
    personal: bool,
}

impl At {
    const fn deeper(self) -> Self {
        Self { indent: self.indent.saturating_add(1), ..self }
    }
}

impl View<'_> {
    fn message(&mut self, rules: &MessageRules, message: &DynamicMessage, at: At) {
        for field in rules.fields.iter().filter(|field| message.has_field(&field.descriptor)) {
            let at = At { personal: at.personal || field.rule.personal, ..at };
            let value = message.get_field(&field.descriptor);
            match (value.as_list(), &field.class) {
                (None, _) => self.value(field, field.label(self.lang).to_owned(), &value, at),
                (Some(list), Class::Message(_)) => {
                    for (n, value) in list.iter().enumerate() {
                        self.value(field, format!("{} {}", field.label(self.lang), n + 1), value, at);
                    }
                }
                (Some(list), _) => {
                    let all: Vec<String> = list.iter().map(|value| value::shown(field, value, self.lang)).collect();
                    let between = if self.lang == Lang::Zh { "、" } else { ", " };
                    self.line(field.label(self.lang).to_owned(), all.join(between), at);
                }
            }
        }
    }

    fn value(&mut self, field: &FieldRules, label: String, value: &Value, at: At) {
        if let (Class::Encoded, Some(bytes)) = (&field.class, value.as_bytes()) {
            return self.encoded(label, bytes, at);
        }
        let (Some(rules), Some(inner)) = (self.schema.inside(field), value.as_message()) else {
            return self.line(label, value::shown(field, value, self.lang), at);
        };
        if let Some(whole) = value::at_a_glance(rules, inner, self.lang) {
            return self.line(label, whole, at);
        }
        self.line(label, String::new(), at);
        self.message(rules, inner, at.deeper());
    }

    /// A body within a body: its kind, and its lines below.
    fn encoded(&mut self, label: String, bytes: &Bytes, at: At) {
        let Ok(opened) = open(self.schema, bytes) else { return self.line(label, "?".to_owned(), at) };
        let name =
            opened.rules.kind.as_ref().map_or("", |rule| if self.lang == Lang::Zh { &rule.zh } else { &rule.en });
        self.line(label, name.to_owned(), at);
        if at.indent < INDENT_MAX {
            self.message(opened.rules, &opened.value, at.deeper());
        }
    }

    fn line(&mut self, label: String, value: String, at: At) {
        self.lines.push(ViewLine { indent: at.indent, label, value: value::inert(value), personal: at.personal });
    }
}

/// One line about a body, at most 60 characters: its title, else its kind and its first text.
pub fn title(schema: &Schema, body: &Bytes, lang: Lang) -> String {
    let Ok(opened) = open(schema, body) else { return kind_only(body, lang) };
    let said = |name: &&str| found(schema, opened.rules, &opened.value, &|field| field.name == **name);
    if let Some(title) = TITLES.iter().find_map(said) {
        return short(&title);
    }
    let name = opened.rules.kind.as_ref().map_or("", |rule| if lang == Lang::Zh { &rule.zh } else { &rule.en });
    let any = || found(schema, opened.rules, &opened.value, &|_| true);
    match LEADS.iter().find_map(said).or_else(any) {
        Some(text) if lang == Lang::Zh => short(&format!("{name}：{text}")),
        Some(text) => short(&format!("{name}: {text}")),
        None => name.to_owned(),
    }
}

/// For a body that this version cannot read: the catalogue's number is all there is.
fn kind_only(body: &Bytes, lang: Lang) -> String {
    let number = border::content::kind_of(body).ok().and_then(|number| i32::try_from(number).ok());
    match (number.and_then(Kind::from_number), lang) {
        (Some(kind), Lang::Zh) => kind.zh().to_owned(),
        (Some(kind), Lang::En) => kind.name().to_owned(),
        (None, _) => String::new(),
    }
}

/// The first free text among the fields that are `wanted`, the message's own before those within. What is about a person
/// or a file is passed over.
fn found(
    schema: &Schema,
    rules: &MessageRules,
    message: &DynamicMessage,
    wanted: &dyn Fn(&FieldRules) -> bool,
) -> Option<String> {
    if rules.is("FileRef") || rules.fields.iter().any(|field| field.rule.personal) && rules.kind.is_none() {
        return None;
    }
    let present = || rules.fields.iter().filter(|field| !field.rule.personal && message.has_field(&field.descriptor));
    let own = present().filter(|field| wanted(field) && field.rule.format() == Format::Unspecified).find_map(|field| {
        let value = message.get_field(&field.descriptor);
        let first = value.as_list().map_or(Some(&*value), <[Value]>::first)?;
        first.as_str().map(one_line).filter(|text| !text.is_empty())
    });
    own.or_else(|| {
        present().find_map(|field| {
            let value = message.get_field(&field.descriptor);
            let first = value.as_list().map_or(Some(&*value), <[Value]>::first)?;
            found(schema, schema.inside(field)?, first.as_message()?, wanted)
        })
    })
}

fn one_line(text: &str) -> String {
    value::inert(text.split_whitespace().collect::<Vec<_>>().join(" "))
}

fn short(text: &str) -> String {
    if text.chars().count() <= TITLE_CHARS_MAX {
        return text.to_owned();
    }
    let mut cut: String = text.chars().take(TITLE_CHARS_MAX - 1).collect();
    cut.push('…');
    cut
}
