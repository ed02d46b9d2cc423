//! One kind: what its header must keep, its fields, its lists.

use std::fmt::Write as _;

use model::kind::{Cover, Incident, Kind, KindFacts, SignOff, Urgency};

use super::{
    super::{
        info::{self, FieldInfo},
        schema::{Class, EnumRules, MessageRules},
        text,
        view::unit,
    },
    Printer, Table, table,
};
use crate::status::Lang;

/// The table of kinds.
pub fn glance(printer: &Printer<'_>) -> Table {
    let mut rows = match printer.lang {
        Lang::Zh => table(&["编号", "名称", "英文名", "事件", "协议", "签发", "回执", "应答", "紧急程度", "有效期"]),
        Lang::En => table(&[
            "no.",
            "name",
            "中文",
            "incident",
            "agreement",
            "sign-off",
            "stage",
            "owes",
            "precedence",
            "expires",
        ]),
    };
    for kind in Kind::ALL {
        let facts = kind.facts();
        let (first, second) = match printer.lang {
            Lang::Zh => (kind.zh(), kind.name()),
            Lang::En => (kind.name(), kind.zh()),
        };
        let [incident, cover, sign_off, stage, owes, precedence, life] = Cells::of(printer, facts).0;
        rows.row([&*kind.code(), first, second, &incident, &cover, &sign_off, &stage, &owes, &precedence, &life]);
    }
    rows
}

/// What the table of kinds says, in words.
struct Cells([String; 7]);

impl Cells {
    fn of(printer: &Printer<'_>, facts: &KindFacts) -> Self {
        let say = |zh: &str, en: &str| printer.say(zh, en).to_owned();
        let incident = match facts.incident {
            Incident::Required => say("必填", "required"),
            Incident::Optional => say("可填", "optional"),
            Incident::Never => say("–", "–"),
        };
        let cover = match facts.cover {
            Cover::Required => say("必填", "required"),
            Cover::Free => say("–", "–"),
        };
        let sign_off = match facts.sign_off {
            SignOff::Always => say("总是", "always"),
            SignOff::Grave => say("Ⅰ–Ⅲ 级", "L1–L3"),
            SignOff::Never => say("–", "–"),
        };
        let stage = facts.stage.map_or_else(|| say("文档", "document"), |stage| say(stage.zh(), stage.name()));
        let owes = facts.owes.map_or_else(
            || "–".to_owned(),
            |owes| match owes.deadline {
                Some(deadline) => format!("{} {deadline:?}", owes.reply.code()),
                None => owes.reply.code(),
            },
        );
        let precedence = match facts.urgency {
            Urgency::ByLevel => say("按级别", "by level"),
            Urgency::ByColour => say("按预警颜色", "by colour"),
            Urgency::AsCause => say("同起因", "as its cause"),
            Urgency::Fixed(precedence) => say(precedence.zh(), precedence.name()),
        };
        let hours = facts.life.as_secs() / 3_600;
        let life = match (hours, facts.life.as_secs() / 60) {
            (0, minutes) => format!("{minutes} {}", unit("min", printer.lang)),
            (hours, _) if hours > 72 && hours % 24 == 0 => format!("{} {}", hours / 24, unit("d", printer.lang)),
            (hours, _) => format!("{hours} {}", unit("h", printer.lang)),
        };
        Self([incident, cover, sign_off, stage, owes, precedence, life])
    }
}

/// The section of a kind; none while it has no body.
pub fn section(printer: &Printer<'_>, kind: Kind) -> Option<String> {
    let body = printer.schema.body_of(kind)?;
    let rule = body.kind.as_ref()?;
    let (name, other) = match printer.lang {
        Lang::Zh => (&rule.zh, &rule.en),
        Lang::En => (&rule.en, &rule.zh),
    };
    let [incident, cover, sign_off, stage, owes, precedence, life] = Cells::of(printer, kind.facts()).0;
    let facts = match printer.lang {
        Lang::Zh => format!(
            "事件编号 {incident} · 协议 {cover} · 签发 {sign_off} · 回执 {stage} · 应答 {owes} · 紧急程度 {precedence} · 有效期 {life}"
        ),
        Lang::En => format!(
            "Incident {incident} · agreement {cover} · sign-off {sign_off} · stage {stage} · owes {owes} · precedence {precedence} · expires {life}"
        ),
    };
    let fields = fields(printer, &info::fields(printer.schema, kind), body);
    Some(format!(
        "## {} {name} · {other} · `{}`\n\n{}\n\n{facts}\n\n{fields}",
        kind.code(),
        kind.name(),
        body.help.text(printer.lang)
    ))
}

/// The table of fields, and below it the lists that they choose from.
pub fn fields(printer: &Printer<'_>, fields: &[FieldInfo], message: &MessageRules) -> String {
    let mut rows = match printer.lang {
        Lang::Zh => table(&["字段", "名称", "类型", "必填", "限制", "说明", "依据"]),
        Lang::En => table(&["field", "name", "type", "required", "limits", "meaning", "source"]),
    };
    for field in fields {
        let name = printer.say(&field.zh, &field.en);
        rows.row([
            format!("`{}`", field.path).as_str(),
            name,
            &type_of(printer, field),
            &required(printer, field),
            &limits(printer, field),
            field.help.text(printer.lang),
            &field.source,
        ]);
    }
    format!("{}{}", rows.markdown(), lists(printer, message))
}

fn type_of(printer: &Printer<'_>, field: &FieldInfo) -> String {
    let name = match field.type_name.as_str() {
        "text" => printer.say("文本", "text"),
        "integer" => printer.say("整数", "integer"),
        "number" => printer.say("数", "number"),
        "boolean" => printer.say("是否", "yes or no"),
        "bytes" => printer.say("字节", "bytes"),
        "time" => printer.say("时间", "time"),
        "duration" => printer.say("时长", "duration"),
        other => other,
    };
    let many = if field.repeated { printer.say("（多个）", " (list)") } else { "" };
    format!("{name}{many}")
}

fn required(printer: &Printer<'_>, field: &FieldInfo) -> String {
    match (field.required, field.oneof.is_empty()) {
        (true, true) => printer.say("是", "yes").to_owned(),
        (true, false) => printer.say("其一", "one of these").to_owned(),
        (false, _) => printer.say(&field.when_zh, &field.when_en).to_owned(),
    }
}

fn limits(printer: &Printer<'_>, field: &FieldInfo) -> String {
    let unit = unit(&field.unit, printer.lang);
    let count = match (field.type_name.as_str(), field.repeated) {
        (_, true) => printer.say("项", "entries"),
        ("bytes", false) => printer.say("字节", "bytes"),
        (_, false) => printer.say("字", "characters"),
    };
    let range = match (field.least, field.most) {
        (None, None) => None,
        (Some(least), None) => Some(format!("≥ {least}")),
        (None, Some(most)) => Some(format!("≤ {most}")),
        (Some(least), Some(most)) => Some(format!("{least}–{most}")),
    };
    let shape = text::shape(field.format, printer.lang);
    let parts = [
        range,
        field.max.map(|max| format!("≤ {max} {count}")),
        Some(unit.to_owned()),
        Some(shape.to_owned()),
        field.personal.then(|| printer.say("个人信息", "personal data").to_owned()),
    ];
    let said: Vec<String> = parts.into_iter().flatten().filter(|part| !part.is_empty()).collect();
    said.join(printer.say("；", "; "))
}

/// Every list that the fields of a message choose from, once.
fn lists(printer: &Printer<'_>, message: &MessageRules) -> String {
    let mut found: Vec<&EnumRules> = Vec::new();
    let mut seen: Vec<&str> = Vec::new();
    collect(printer, message, &mut seen, &mut found);
    found.sort_by(|a, b| a.name.cmp(&b.name));
    let mut text = String::new();
    for list in found {
        // writing to a String does not fail
        let _ = write!(text, "\n**{}**: {}\n\n", list.name, list.help.text(printer.lang));
        for value in &list.values {
            let _ =
                writeln!(text, "- `{}` {}: {}", value.short, value.label(printer.lang), value.help.text(printer.lang));
        }
    }
    text
}

fn collect<'a>(
    printer: &Printer<'a>,
    message: &'a MessageRules,
    seen: &mut Vec<&'a str>,
    found: &mut Vec<&'a EnumRules>,
) {
    if seen.contains(&message.descriptor.full_name()) || message.is("Body") {
        return;
    }
    seen.push(message.descriptor.full_name());
    for field in &message.fields {
        match &field.class {
            Class::Enum(list) if found.iter().all(|known| known.name != list.name) => found.push(list),
            Class::Message(key) => {
                if let Some(inner) = printer.schema.message(*key) {
                    collect(printer, inner, seen, found);
                }
            }
            _ => {}
        }
    }
}
