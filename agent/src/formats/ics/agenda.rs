//! An agenda in a calendar, which has no element for it: the document itself for those who know us, and a list that
//! everybody reads.

use model::{
    agenda::{AgendaStatus, ItemState},
    ids::Digest,
};
use proto::{border, border::facts::meeting::agenda_change, rules, status::Lang, v1, v1::agenda_change::Change};
use serde_json::{Value, json};

use super::line::Line;

/// Bytes of a document that still stands in the calendar.
const INLINE_MAX: usize = 64 * 1024;

/// The document as an attachment; none when it is too long to stand in a calendar.
pub fn attachment(document: &v1::Document) -> Option<Line> {
    let text = as_json(document).to_string();
    let line = Line::new("ATTACH", rules::base64::encode(text.as_bytes()))
        .with("FMTTYPE", "application/json")
        .with("ENCODING", "BASE64")
        .with("VALUE", "BINARY")
        .with("X-LIANDONG-ETAG", hex(&document.etag))
        .with("X-LIANDONG-SHA256", Digest::of(text.as_bytes()).to_string());
    (text.len() <= INLINE_MAX).then_some(line)
}

fn as_json(document: &v1::Document) -> Value {
    let item = |item: &v1::DocumentItem| {
        let body = sealed(item).map(|body| rules::message_to_json("Body", &body));
        json!({"item_id": item.item_id, "etag": hex(&item.etag), "author": item.author, "body": body})
    };
    json!({
        "document_id": document.document_id,
        "owner": document.owner,
        "etag": hex(&document.etag),
        "head": document.head.as_ref().map(item),
        "items": document.items.iter().map(item).collect::<Vec<_>>(),
    })
}

/// The items as people read them, in the order in which they are taken; what was declined or put off is left out.
pub fn list(document: &v1::Document, lang: Lang, name: &dyn Fn(&v1::Seat) -> String) -> Vec<String> {
    let head = document.head.as_ref().and_then(agenda_change);
    let (order, status) = match head {
        Some(Change::Head(head)) => (head.order, AgendaStatus::from_number(head.status)),
        Some(Change::Item(_)) | None => (Vec::new(), None),
    };
    let place = |id: &str| order.iter().position(|known| known == id).unwrap_or(usize::MAX);
    let mut items: Vec<&v1::DocumentItem> = document.items.iter().collect();
    items.sort_by_key(|item| (place(&item.item_id), item.item_id.clone()));
    let taken = items.into_iter().filter_map(|item| match agenda_change(item) {
        Some(Change::Item(item)) if is_taken(&item) => Some(item),
        Some(_) | None => None,
    });
    let title = match (lang, status) {
        (Lang::Zh, Some(status)) => format!("议程（{}）：", status.zh()),
        (Lang::Zh, None) => "议程：".to_owned(),
        (Lang::En, Some(status)) => format!("Agenda ({}):", status.name()),
        (Lang::En, None) => "Agenda:".to_owned(),
    };
    let lines = taken.enumerate().map(|(at, item)| line(at + 1, &item, lang, name));
    std::iter::once(title).chain(lines).collect()
}

fn is_taken(item: &v1::AgendaItem) -> bool {
    !matches!(ItemState::from_number(item.state), Some(ItemState::Declined | ItemState::Deferred))
}

fn line(number: usize, item: &v1::AgendaItem, lang: Lang, name: &dyn Fn(&v1::Seat) -> String) -> String {
    let presenter = item.presenter.as_ref().map(name).unwrap_or_default();
    let (title, minutes) = (&item.title, item.minutes);
    match lang {
        Lang::Zh => {
            let kind = match item.r#type() {
                v1::AgendaItemType::Info => "通报",
                v1::AgendaItemType::Discuss => "讨论",
                v1::AgendaItemType::Decide => "审议",
                v1::AgendaItemType::Unspecified => "议题",
            };
            format!("{number}. {title}（{kind}）　{presenter}　{minutes} 分钟")
        }
        Lang::En => {
            let kind = match item.r#type() {
                v1::AgendaItemType::Info => "information",
                v1::AgendaItemType::Discuss => "discussion",
                v1::AgendaItemType::Decide => "decision",
                v1::AgendaItemType::Unspecified => "item",
            };
            format!("{number}. {title} ({kind}) · {presenter} · {minutes} min")
        }
    }
}

fn sealed(item: &v1::DocumentItem) -> Option<bytes::Bytes> {
    Some(border::parts(&item.envelope.as_ref()?.content).ok()?.body)
}

fn hex(bytes: &[u8]) -> String {
    Digest::try_from(bytes).map(|digest| digest.to_string()).unwrap_or_default()
}
