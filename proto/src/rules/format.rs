//! The shapes of texts and ids.

use model::{
    ids::{IncidentId, JurisdictionId, MessageId},
    limits,
    time::Civil,
};

use crate::v1::Format;

/// Whether a text has the shape. An open code has any.
pub fn fits_text(format: Format, text: &str) -> bool {
    match format {
        Format::Unspecified | Format::OpenCode => true,
        Format::Jurisdiction => JurisdictionId::member_or_broker(text).is_ok(),
        Format::IncidentId => text.parse::<IncidentId>().is_ok(),
        Format::Phone => phone(text),
        Format::Uri => uri(text),
        Format::Date => Civil::from_iso(text).is_some(),
        Format::Id => id(text),
        Format::Sha256 => text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit()),
        Format::MessageId => text.parse::<MessageId>().is_ok(),
    }
}

/// Whether bytes have the shape.
pub fn fits_bytes(format: Format, bytes: &[u8]) -> bool {
    match format {
        Format::Sha256 => bytes.len() == 32,
        Format::MessageId => MessageId::checked(bytes).is_ok(),
        _ => true,
    }
}

fn phone(text: &str) -> bool {
    let plain = text.chars().all(|c| c.is_ascii_digit() || matches!(c, ' ' | '+' | '-' | '(' | ')'));
    plain && text.chars().filter(char::is_ascii_digit).count() >= 3
}

fn uri(text: &str) -> bool {
    let Some((scheme, rest)) = text.split_once(':') else { return false };
    let head = scheme.starts_with(|c: char| c.is_ascii_alphabetic());
    let tail = scheme.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.'));
    head && tail && !rest.is_empty() && !rest.chars().any(|c| c.is_whitespace() || c.is_control())
}

/// The length is the field's own limit, or that of ids.
fn id(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'/' | b'-');
    !text.is_empty() && text.bytes().all(plain)
}

/// The longest text of a shape, in characters, where its field says nothing.
pub const fn chars_max(format: Format) -> usize {
    match format {
        Format::Id => limits::ID_BYTES_MAX,
        _ => limits::TEXT_CHARS_MAX,
    }
}

/// The shape in words: what a text must be, in Chinese and in English.
pub const fn words(format: Format) -> (&'static str, &'static str) {
    match format {
        Format::Unspecified | Format::OpenCode => ("须为文本", "must be a text"),
        Format::Jurisdiction => (
            "须为行政区划代码或单位编号，如 371300、371300-jingkai",
            "must be a division code or jurisdiction id, such as 371300 or 371300-jingkai",
        ),
        Format::IncidentId => (
            "须为事件编号：单位-年月日-四位序号，如 371300-20260718-0001",
            "must be an incident id: jurisdiction, date and four digits, such as 371300-20260718-0001",
        ),
        Format::Phone => {
            ("须为电话号码，只含数字、空格和 + - ( )", "must be a telephone number of digits, spaces and + - ( )")
        }
        Format::Uri => {
            ("须为完整网址，如 https://example.org/a", "must be an absolute URI, such as https://example.org/a")
        }
        Format::Date => ("须为日期，如 2026-07-18", "must be a date, such as 2026-07-18"),
        Format::Id => ("须为编号，只含字母、数字和 . _ / -", "must be an id of letters, digits and . _ / -"),
        Format::Sha256 => {
            ("须为 SHA-256 摘要（64 位十六进制或 32 字节）", "must be a SHA-256: 64 hex digits or 32 bytes")
        }
        Format::MessageId => ("须为消息编号（UUIDv7）", "must be a message id (UUIDv7)"),
    }
}
