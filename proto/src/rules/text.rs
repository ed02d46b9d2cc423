//! Faults in words: the field by its name, the rule as a sentence. Looked up by the rule's name, so that a fault can
//! travel as a code and be explained anywhere.

use model::{invalid::Invalid, kind::Kind, limits};

use super::{
    check, format, kinds,
    schema::{Class, FieldRules, MessageRules, Schema},
};
use crate::{
    status::Lang,
    v1::{self, Format},
};

/// Values that a sentence names before it breaks off.
const VALUES_MAX: usize = 12;

/// A fault of a field in words, in both languages.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Words {
    /// `「需求项 3 › 数量」必填`.
    pub zh: String,
    /// `“Items 3 › Quantity” is required`.
    pub en: String,
}

/// What a fault says about its field, where the contract knows the field.
pub fn words(invalid: &Invalid) -> Option<Words> {
    of(Schema::contract(), invalid)
}

/// The same by any schema.
pub fn of(schema: &Schema, invalid: &Invalid) -> Option<Words> {
    let (start, path) = beginning(schema, invalid)?;
    let way = Way::along(schema, start, path)?;
    let said = |lang| sentence(schema, &way, invalid, lang);
    Some(Words {
        zh: format!("「{}」{}", way.label(Lang::Zh), said(Lang::Zh)),
        en: format!("“{}” {}", way.label(Lang::En), said(Lang::En)).trim_end().to_owned(),
    })
}

/// The message in which a fault's path begins, and the path from there.
fn beginning<'a, 'b>(schema: &'a Schema, invalid: &'b Invalid) -> Option<(&'a MessageRules, &'b str)> {
    if let Some(path) = invalid.field.strip_prefix("header.") {
        return Some((schema.named("Header")?, path));
    }
    let path = invalid.field.strip_prefix("body.")?;
    Some((schema.body_of(kind_of(invalid)?)?, path))
}

/// The kind whose rule is broken, by the rule's first part.
fn kind_of(invalid: &Invalid) -> Option<Kind> {
    let number = invalid.rule.split('.').next()?.strip_prefix('K')?.parse().ok()?;
    Kind::from_number(number)
}

/// A path through fields, each with its place in its list.
struct Way<'a> {
    steps: Vec<(&'a FieldRules, Option<usize>)>,
    holder: &'a MessageRules,
}

impl<'a> Way<'a> {
    fn along(schema: &'a Schema, start: &'a MessageRules, path: &str) -> Option<Self> {
        let (mut steps, mut holder, mut inside) = (Vec::new(), start, Some(start));
        for step in path.split('.') {
            let (name, at) = indexed(step);
            holder = inside?;
            let field = holder.field(name)?;
            inside = schema.inside(field);
            steps.push((field, at));
        }
        Some(Self { steps, holder })
    }

    fn last(&self) -> Option<&'a FieldRules> {
        self.steps.last().map(|(field, _)| *field)
    }

    /// The names on the way; entries of lists are counted from 1.
    fn label(&self, lang: Lang) -> String {
        let step = |(field, at): &(&FieldRules, Option<usize>)| match at {
            Some(at) => format!("{} {}", field.label(lang), at + 1),
            None => field.label(lang).to_owned(),
        };
        self.steps.iter().map(step).collect::<Vec<_>>().join(" › ")
    }
}

/// A step of a path: `items[2]` is `items` and 2.
pub fn indexed(step: &str) -> (&str, Option<usize>) {
    match step.split_once('[') {
        Some((name, at)) => (name, at.trim_end_matches(']').parse().ok()),
        None => (step, None),
    }
}

/// What the rule asks of the field.
fn sentence(schema: &Schema, way: &Way<'_>, invalid: &Invalid, lang: Lang) -> String {
    if let Some(text) = kinds::words(&invalid.rule) {
        return pick(lang, text).to_owned();
    }
    let Some(field) = way.last() else { return String::new() };
    match invalid.rule.rsplit('.').next().unwrap_or_default() {
        "required" => required(schema, way, field, lang),
        "max" | "limit" => at_most(field, way.steps.last().is_some_and(|(_, at)| at.is_some()), lang),
        "least" | "most" => range(field, lang),
        "format" => pick(lang, format::words(field.rule.format())).to_owned(),
        "known" => one_of(field, lang),
        other => pick(lang, other_words(other)).to_owned(),
    }
}

fn pick<'a>(lang: Lang, (zh, en): (&'a str, &'a str)) -> &'a str {
    match lang {
        Lang::Zh => zh,
        Lang::En => en,
    }
}

fn required(schema: &Schema, way: &Way<'_>, field: &FieldRules, lang: Lang) -> String {
    let when = if field.rule.required {
        String::new()
    } else {
        conditions_in_words(schema, way.holder, &field.rule.when, lang)
    };
    match (lang, when.is_empty()) {
        (Lang::Zh, true) => "必填".to_owned(),
        (Lang::Zh, false) => format!("必填（{when}）"),
        (Lang::En, true) => "is required".to_owned(),
        (Lang::En, false) => format!("is required {when}"),
    }
}

/// `entry` says that one entry of a list is meant, whose length is not the list's limit.
fn at_most(field: &FieldRules, entry: bool, lang: Lang) -> String {
    let most = match (entry, &field.class) {
        (true, _) => format::chars_max(field.rule.format()),
        (false, _) => check::most_of(field).unwrap_or(limits::TEXT_CHARS_MAX),
    };
    match (lang, field.repeated && !entry, &field.class) {
        (Lang::Zh, true, _) => format!("不超过 {most} 项"),
        (Lang::En, true, _) => format!("takes at most {most} entries"),
        (Lang::Zh, false, Class::Bytes) => format!("不超过 {most} 字节"),
        (Lang::En, false, Class::Bytes) => format!("takes at most {most} bytes"),
        (Lang::Zh, false, _) => format!("不超过 {most} 字"),
        (Lang::En, false, _) => format!("takes at most {most} characters"),
    }
}

fn range(field: &FieldRules, lang: Lang) -> String {
    let unit = if field.rule.unit.is_empty() {
        String::new()
    } else {
        format!(" {}", super::view::unit(&field.rule.unit, lang))
    };
    match (lang, field.rule.least, field.rule.most) {
        (Lang::Zh, Some(least), Some(most)) => format!("须为 {least}–{most}{unit}"),
        (Lang::En, Some(least), Some(most)) => format!("must be {least}–{most}{unit}"),
        (Lang::Zh, Some(least), None) => format!("不小于 {least}{unit}"),
        (Lang::En, Some(least), None) => format!("must be at least {least}{unit}"),
        (Lang::Zh, None, Some(most)) => format!("不大于 {most}{unit}"),
        (Lang::En, None, Some(most)) => format!("must be at most {most}{unit}"),
        (_, None, None) => String::new(),
    }
}

fn one_of(field: &FieldRules, lang: Lang) -> String {
    let Class::Enum(list) = &field.class else { return String::new() };
    let shown = list.values.iter().take(VALUES_MAX).map(|value| match lang {
        Lang::Zh => format!("{} {}", value.short, value.zh),
        Lang::En => value.short.clone(),
    });
    let more = if list.values.len() > VALUES_MAX { pick(lang, ("等", ", …")) } else { "" };
    match lang {
        Lang::Zh => format!("须为下列之一：{}{more}", shown.collect::<Vec<_>>().join("、")),
        Lang::En => format!("must be one of {}{more}", shown.collect::<Vec<_>>().join(", ")),
    }
}

/// Rules that need no number.
fn other_words(rule: &str) -> (&'static str, &'static str) {
    match rule {
        "plain" | "control" => ("不得含控制字符", "must not hold control characters"),
        "time" | "range" => ("须为 1970 至 9999 年之间的时间", "must be a time between 1970 and 9999"),
        "duration" => ("须为非负时长", "must be a length of time that is not negative"),
        "finite" => ("须为有限的数", "must be a finite number"),
        "latitude" => ("纬度须在 −90° 至 90° 之间", "has a latitude that must lie between −90° and 90°"),
        "longitude" => ("经度须在 −180° 至 180° 之间", "has a longitude that must lie between −180° and 180°"),
        "points" => ("至少须有 4 个顶点", "must have at least 4 points"),
        "closed" => ("首尾顶点须相同", "must end with the point it begins with"),
        "crossing" => ("边线不得自相交", "must not cross itself"),
        "radius" => ("半径须为 1–1000000 米", "must have a radius of 1–1,000,000 m"),
        "buffer" => ("外扩不超过 100000 米", "may be grown by at most 100,000 m"),
        "value" => ("填写的内容无法识别", "cannot be read as such"),
        "unknown_count" => ("不明时不得填数", "must be absent while it is unknown"),
        "one_of_two" => ("与另一项至少填其一", "or its alternative is required"),
        "body" => ("须为可解析的消息正文", "must be a readable body"),
        "secrecy" => ("带有国家秘密标志", "carries the marking of a state secret"),
        _ => ("", ""),
    }
}

/// Conditions as the contract writes them: `certainty = CONFIRMED or header.incident_id present`.
pub fn conditions(when: &[v1::Condition]) -> String {
    let one = |condition: &v1::Condition| match condition.equals.as_str() {
        "" => format!("{} present", condition.field),
        value => format!("{} = {value}", condition.field),
    };
    when.iter().map(one).collect::<Vec<_>>().join(" or ")
}

/// Conditions as a person reads them; empty when there are none.
pub fn conditions_in_words(schema: &Schema, holder: &MessageRules, when: &[v1::Condition], lang: Lang) -> String {
    let one = |condition: &v1::Condition| {
        let field = subject(schema, holder, &condition.field);
        let name = field.map_or(condition.field.as_str(), |field| field.label(lang));
        let value = field.and_then(|field| match &field.class {
            Class::Enum(list) => list.values.iter().find(|value| value.short == condition.equals),
            _ => None,
        });
        let value = value.map_or(condition.equals.as_str(), |value| value.label(lang));
        match (lang, value.is_empty()) {
            (Lang::Zh, true) => format!("填有“{name}”"),
            (Lang::Zh, false) => format!("“{name}”为“{value}”"),
            (Lang::En, true) => format!("“{name}” is given"),
            (Lang::En, false) => format!("“{name}” is “{value}”"),
        }
    };
    let all = when.iter().map(one).collect::<Vec<_>>();
    match (lang, all.is_empty()) {
        (_, true) => String::new(),
        (Lang::Zh, false) => format!("当{}时", all.join("或")),
        (Lang::En, false) => format!("when {}", all.join(" or ")),
    }
}

/// The field that a condition is about.
pub fn subject<'a>(schema: &'a Schema, holder: &'a MessageRules, path: &str) -> Option<&'a FieldRules> {
    match path.strip_prefix("header.") {
        Some(path) => schema.named("Header")?.field(path),
        None => holder.field(path),
    }
}

/// The shape of a field in a few words, for tables; empty when there is none.
pub fn shape(field_format: Format, lang: Lang) -> &'static str {
    match field_format {
        Format::Unspecified => "",
        Format::OpenCode => pick(lang, ("开放代码表，未知代码照收", "open list: unknown codes are kept")),
        other => pick(lang, format::words(other)),
    }
}
