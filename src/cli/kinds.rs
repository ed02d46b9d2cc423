//! Which kinds of message there are, and what one of them says field by field.

use clap::Args;
use proto::rules::{self, FieldInfo, KindInfo};
use serde::Serialize;

use crate::lang::Lang;

use super::{
    exit::NotFound,
    out::{Cell, Context, cell, muted},
    suggest,
};

/// Kinds, or the fields of one.
#[derive(Args, Debug)]
pub struct Kinds {
    /// A kind: bulletin, K07, 7 or 信息通报; none lists all
    #[arg(value_name = "KIND")]
    kind: Option<String>,
}

impl Kinds {
    /// Prints them.
    pub fn run(&self, context: Context) -> anyhow::Result<()> {
        let Some(text) = &self.kind else { return all(context) };
        let kind = named(text, context)?;
        fields(kind, context)
    }
}

/// The kind that a person means.
pub fn named(text: &str, context: Context) -> anyhow::Result<&'static KindInfo> {
    if let Some(kind) = rules::kind(text) {
        return Ok(kind);
    }
    let names = rules::kinds().iter().flat_map(|kind| [option(kind), kind.zh.clone()]);
    let (zh, en) = match suggest::nearest(text, names) {
        Some(near) => (format!("。是否指 `{near}`？"), format!("; did you mean `{near}`?")),
        None => ("。".to_owned(), ";".to_owned()),
    };
    let zh = format!("没有名为 `{text}` 的类别{zh}`liandong kinds` 列出全部");
    let en = format!("no kind is called `{text}`{en} `liandong kinds` lists them all");
    Err(NotFound(context.say(&zh, &en).to_owned()).into())
}

/// As commands say it: `resource-request`.
pub fn option(kind: &KindInfo) -> String {
    kind.kind.name().to_ascii_lowercase().replace('_', "-")
}

#[derive(Serialize)]
struct Row {
    code: String,
    name: String,
    zh: String,
    en: String,
    family: String,
    answered_by: Option<String>,
}

fn all(context: Context) -> anyhow::Result<()> {
    let rows = rules::kinds().iter().map(|kind| Row {
        code: kind.kind.code(),
        name: option(kind),
        zh: kind.zh.clone(),
        en: kind.en.clone(),
        family: kind.kind.family().name().to_owned(),
        answered_by: kind.kind.facts().owes.map(|owes| owes.reply.name().to_ascii_lowercase().replace('_', "-")),
    });
    let header = [("编号", "CODE"), ("命令中写作", "NAME"), ("名称", "WHAT"), ("答复用", "ANSWERED BY")];
    context.rows(&rows.collect::<Vec<_>>(), &header, |row| {
        let what = context.say(&row.zh, &row.en);
        vec![cell(&row.code), cell(&row.name), cell(what), muted(row.answered_by.as_deref().unwrap_or(""))]
    })?;
    context.next("liandong kinds KIND", "某一类的字段", "the fields of one");
    Ok(())
}

/// A text in both languages.
#[derive(Serialize)]
struct Words {
    zh: String,
    en: String,
}

/// What a field of a list may say.
#[derive(Serialize)]
struct Value {
    name: String,
    zh: String,
    en: String,
}

#[derive(Serialize)]
struct Field {
    path: String,
    zh: String,
    en: String,
    help: Words,
    #[serde(rename = "type")]
    type_name: String,
    unit: Option<String>,
    required: bool,
    /// When it is required though it is not always.
    when: Option<Words>,
    values: Vec<Value>,
    source: String,
}

fn fields(kind: &KindInfo, context: Context) -> anyhow::Result<()> {
    if context.is_table() {
        let name = context.say(&kind.zh, &kind.en);
        context.tell(&format!("{} {name}", kind.kind.code()), &format!("{} {name}", kind.kind.code()));
    }
    let rows: Vec<Field> = rules::fields(kind.kind).into_iter().map(Field::from).collect();
    let header = [("字段", "FIELD"), ("名称", "WHAT"), ("必填", "REQUIRED"), ("类型", "TYPE"), ("可选值", "VALUES")];
    context.rows(&rows, &header, |field| field.cells(context))?;
    let command = format!("liandong send {} --example", option(kind));
    context.next(&command, "完整示例", "a complete example");
    Ok(())
}

impl From<FieldInfo> for Field {
    fn from(field: FieldInfo) -> Self {
        Self {
            path: field.path,
            zh: field.zh,
            en: field.en,
            help: Words { zh: field.help.zh, en: field.help.en },
            type_name: field.type_name,
            unit: (!field.unit.is_empty()).then_some(field.unit),
            required: field.required,
            when: (!field.when.is_empty()).then_some(Words { zh: field.when_zh, en: field.when_en }),
            values: field
                .values
                .into_iter()
                .map(|value| Value { name: value.name, zh: value.zh, en: value.en })
                .collect(),
            source: field.source,
        }
    }
}

impl Field {
    fn cells(&self, context: Context) -> Vec<Cell> {
        let required = match (self.required, &self.when) {
            (true, _) => context.say("必填", "yes"),
            (false, None) => "",
            (false, Some(when)) => context.say(&when.zh, &when.en),
        };
        let unit = self.unit.as_deref().map(|unit| format!(" {unit}")).unwrap_or_default();
        let values = self.values.iter().map(|value| match context.lang {
            Lang::Zh => format!("{} {}", value.name, value.zh),
            Lang::En => value.name.clone(),
        });
        let values: Vec<String> = values.collect();
        vec![
            cell(&self.path),
            cell(context.say(&self.zh, &self.en)),
            cell(required),
            muted(&format!("{}{unit}", self.type_name)),
            muted(&values.join(context.say("，", ", "))),
        ]
    }
}
