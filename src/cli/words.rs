//! The words of the contract as people read them: precedence with its mark, kinds, stages, roles, addresses.

use comfy_table::{Attribute, Cell, Color};
use model::{
    deadline::DeadlineName,
    ids::MessageId,
    level,
    precedence::Precedence,
    role::Role,
    stage::As,
    stage::Stage,
    status::Status,
    thread::{Mark, ledger::Standing},
};
use proto::{rules, v1};

use crate::lang::{Lang, say};

/// The mark of a precedence: its shape tells it without colour.
pub const fn mark(precedence: Precedence) -> &'static str {
    match precedence {
        Precedence::Flash => "◆",
        Precedence::Immediate => "▲",
        Precedence::Priority => "■",
        Precedence::Routine => "●",
    }
}

/// Mark and word of a precedence.
pub fn precedence(number: i32, lang: Lang) -> String {
    Precedence::from_number(number).map_or_else(
        || unknown(number),
        |precedence| format!("{} {}", mark(precedence), said(lang, precedence.zh(), precedence.name())),
    )
}

/// The same in its colour, which is never the only sign.
pub fn precedence_cell(number: i32, lang: Lang) -> Cell {
    let cell = Cell::new(precedence(number, lang));
    match Precedence::from_number(number) {
        Some(Precedence::Flash) => cell.fg(Color::Red).add_attribute(Attribute::Bold),
        Some(Precedence::Immediate) => cell.fg(Color::Yellow).add_attribute(Attribute::Bold),
        Some(Precedence::Priority | Precedence::Routine) | None => cell,
    }
}

/// A kind by its name.
pub fn kind(number: i32, lang: Lang) -> String {
    let known = rules::kinds().iter().find(|known| known.kind.number() == number);
    known.map_or_else(|| unknown(number), |known| said(lang, &known.zh, &known.en))
}

/// A stage.
pub fn stage(number: i32, lang: Lang) -> String {
    Stage::from_number(number).map_or_else(|| unknown(number), |stage| said(lang, stage.zh(), stage.name()))
}

/// Real, exercise, system or test.
pub fn status(number: i32, lang: Lang) -> String {
    Status::from_number(number).map_or_else(|| unknown(number), |status| said(lang, status.zh(), status.name()))
}

/// What must stand out in front of a title: that it is not real.
pub fn not_real(number: i32, lang: Lang) -> String {
    match Status::from_number(number) {
        Some(Status::Exercise) => say(lang, "【演练】", "[EXERCISE] ").to_owned(),
        Some(Status::Test) => say(lang, "【测试】", "[TEST] ").to_owned(),
        Some(Status::Actual | Status::System) | None => String::new(),
    }
}

/// Event level.
pub fn event_level(number: i32, lang: Lang) -> String {
    let level = level::EventLevel::from_number(number);
    level.map_or_else(|| unknown(number), |level| said(lang, level.zh(), level.name()))
}

/// Colour of an alert.
pub fn warning_level(number: i32, lang: Lang) -> String {
    let level = level::WarningLevel::from_number(number);
    level.map_or_else(|| unknown(number), |level| said(lang, level.zh(), level.name()))
}

/// Sort of event.
pub fn category(number: i32, lang: Lang) -> String {
    let category = level::Category::from_number(number);
    category.map_or_else(|| unknown(number), |category| said(lang, category.zh(), category.name()))
}

/// Who may read it.
pub fn confidentiality(number: i32, lang: Lang) -> String {
    let value = level::Confidentiality::from_number(number);
    value.map_or_else(|| unknown(number), |value| said(lang, value.zh(), value.name()))
}

/// A post.
pub fn role(number: i32, lang: Lang) -> String {
    Role::from_number(number).map_or_else(|| unknown(number), |role| said(lang, role.zh(), role.name()))
}

/// A post by its name in the catalogue.
pub fn role_named(name: &str, lang: Lang) -> String {
    name.parse().map_or_else(|_| name.to_owned(), |known: Role| role(known.number(), lang))
}

/// A remark on a receipt; that somebody was not on duty is said in words.
pub fn note(note: &str, lang: Lang) -> String {
    match note.strip_prefix("OFF_DUTY") {
        Some(rest) => format!("{}{rest}", say(lang, "（非当班）", "(off duty)")),
        None => note.to_owned(),
    }
}

/// Name and post of a person.
pub fn person(name: &str, number: i32, lang: Lang) -> String {
    match (name, number) {
        ("", 0) => String::new(),
        (name, 0) => name.to_owned(),
        ("", number) => role(number, lang),
        (name, number) => say(lang, "{n}（{r}）", "{n} ({r})").replace("{n}", name).replace("{r}", &role(number, lang)),
    }
}

/// Where a message goes.
pub fn address(address: &v1::Address, lang: Lang) -> String {
    match &address.to {
        Some(v1::address::To::Jurisdiction(to)) if to.role == 0 => to.id.clone(),
        Some(v1::address::To::Jurisdiction(to)) => format!("{}/{}", to.id, role(to.role, lang)),
        Some(v1::address::To::GroupId(group)) => format!("group:{group}"),
        Some(v1::address::To::Area(area)) => match &area.shape {
            Some(v1::area::Shape::Circle(circle)) => {
                let center = circle.center.unwrap_or_default();
                format!("circle:{},{},{}", degrees(center.lat_e7), degrees(center.lon_e7), circle.radius_m)
            }
            Some(v1::area::Shape::Polygon(polygon)) => {
                format!("{} {}", say(lang, "多边形", "polygon"), polygon.points.len())
            }
            None => "–".to_owned(),
        },
        None => "–".to_owned(),
    }
}

/// All addresses of a header.
pub fn addresses(header: &v1::Header, lang: Lang) -> String {
    let all: Vec<String> = header.recipients.iter().map(|to| address(to, lang)).collect();
    match &header.document {
        Some(document) if all.is_empty() => document.document_id.clone(),
        _ => all.join(say(lang, "、", ", ")),
    }
}

/// Where a deadline stands.
pub fn standing(number: i32, lang: Lang) -> String {
    let standing = Standing::from_number(number);
    standing.map_or_else(|| unknown(number), |standing| said(lang, standing.zh(), standing.name()))
}

/// What the rules draw attention to.
pub fn marked(name: &str, lang: Lang) -> String {
    name.parse().map_or_else(|_| name.to_owned(), |mark: Mark| said(lang, mark.zh(), mark.name()))
}

/// What a deadline of the catalogue is about.
pub fn deadline(name: &str, lang: Lang) -> String {
    name.parse().map_or_else(|_| String::new(), |name: DeadlineName| said(lang, name.zh(), name.en()))
}

/// How a task ended: a word of the program, or a person's remark as it stands.
pub fn outcome(text: &str, lang: Lang) -> String {
    if let Some(minutes) = text.strip_prefix("FILLED ") {
        return say(lang, "已有人在岗，无人值守 {n} 分钟", "filled after {n} min").replace("{n}", minutes);
    }
    let known = match text {
        "MET" => say(lang, "已办结", "met"),
        "MET_LATE" => say(lang, "已补办", "done late"),
        "WAIVED" => say(lang, "已豁免", "waived"),
        "VOID" => say(lang, "已失效", "void"),
        "REPORTED" => say(lang, "已转入报告", "carried on by the report"),
        "DONE" => say(lang, "已完成", "done"),
        other => {
            return Stage::ALL
                .iter()
                .find(|stage| stage.zh() == other)
                .map_or_else(|| other.to_owned(), |stage| said(lang, stage.zh(), stage.name()));
        }
    };
    known.to_owned()
}

/// How far a delivery is, for one recipient.
pub fn state(state: &v1::DeliveryState, lang: Lang) -> String {
    let copied = if state.r#as == As::CcSuperior.number() { say(lang, "（抄送）", " (cc)") } else { "" };
    format!("{}{copied} {}", state.jurisdiction, stage(state.stage, lang))
}

/// The last eight digits of a message id: what lists show and what commands take.
pub fn short(id: &[u8]) -> String {
    let mut whole = whole(id);
    whole.split_off(whole.len().saturating_sub(8))
}

/// A whole message id; empty when there is none.
pub fn whole(id: &[u8]) -> String {
    MessageId::try_from(id).map(|id| id.to_string()).unwrap_or_default()
}

/// Bytes as people say them.
pub fn size(bytes: u64) -> String {
    #[allow(clippy::cast_precision_loss, reason = "one digit behind the point")]
    let of = |unit: u64| bytes as f64 / unit as f64;
    match bytes {
        0..1_024 => format!("{bytes} B"),
        1_024..1_048_576 => format!("{:.1} KB", of(1_024)),
        1_048_576..1_073_741_824 => format!("{:.1} MB", of(1_048_576)),
        _ => format!("{:.1} GB", of(1_073_741_824)),
    }
}

fn degrees(e7: i32) -> String {
    format!("{:.5}", f64::from(e7) / 1e7)
}

fn said(lang: Lang, zh: &str, en: &str) -> String {
    say(lang, zh, en).to_owned()
}

/// A number that this version does not know is shown as it is.
fn unknown(number: i32) -> String {
    if number == 0 { "–".to_owned() } else { format!("#{number}") }
}

/// A part of a matter, as the machine names it: `item 1` is 第 1 项.
pub fn part(name: &str, lang: Lang) -> String {
    match name.strip_prefix("item ") {
        Some(number) if lang == Lang::Zh => format!("第 {number} 项"),
        _ => name.to_owned(),
    }
}

/// What is said beside a part: `1/2 uncovered 1`.
pub fn part_detail(detail: &str, lang: Lang) -> String {
    if lang == Lang::Zh {
        detail.replace(" uncovered ", "，无人应 ")
    } else {
        detail.replace(" uncovered ", ", nobody for ")
    }
}
