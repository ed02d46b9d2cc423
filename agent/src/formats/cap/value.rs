//! Single values: times, decimals, languages, addresses of the web, base64.

use model::time::{Civil, Timestamp};

/// Why a text is no time.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum NoTime {
    /// A comma where the sign of the offset belongs (C18).
    Comma,
    /// Anything else.
    Other,
}

/// Bytes of a time as CAP 1.2 writes it.
const TIME_BYTES: usize = "2027-05-12T09:10:00+08:00".len();

/// A time of CAP 1.2, as it stands.
pub fn time(text: &str) -> Result<String, NoTime> {
    if text.len() == TIME_BYTES && text.as_bytes().get(19) == Some(&b',') {
        return Err(NoTime::Comma);
    }
    instant(text).map(|_| text.to_owned()).ok_or(NoTime::Other)
}

/// A time of version 1.0 or 1.1 as 1.2 writes it: no fraction, no `Z`; without an offset it counts as UTC.
pub fn older_time(text: &str) -> Result<String, NoTime> {
    let whole = text.get(..19).ok_or(NoTime::Other)?;
    let rest = text.get(19..).unwrap_or_default();
    let offset = match rest.strip_prefix('.') {
        Some(fraction) => fraction.trim_start_matches(|c: char| c.is_ascii_digit()),
        None => rest,
    };
    let offset = if matches!(offset, "" | "Z") { "-00:00" } else { offset };
    time(&format!("{whole}{offset}"))
}

/// The moment of a time of CAP 1.2, if it is one.
pub fn instant(text: &str) -> Option<Timestamp> {
    let bytes = text.as_bytes();
    if bytes.len() != TIME_BYTES || !text.is_ascii() {
        return None;
    }
    let marks = [(10, b'T'), (13, b':'), (16, b':'), (22, b':')];
    let marked = marks.iter().all(|(at, mark)| bytes.get(*at) == Some(mark));
    let two = |at: usize| digits(text.get(at..at + 2)?).filter(|_| marked);
    let (hour, minute, second) = (two(11)?, two(14)?, two(17)?);
    let (offset_h, offset_min) = (two(20)?, two(23)?);
    let sign = match bytes.get(19)? {
        b'+' => 1,
        b'-' => -1,
        _ => return None,
    };
    if hour > 23 || minute > 59 || second > 59 || offset_h > 14 || offset_min > 59 {
        return None;
    }
    let day = Civil::from_iso(text.get(..10)?)?;
    let civil = Civil { ms_of_day: ((hour * 60 + minute) * 60 + second) * 1_000, ..day };
    Some(civil.timestamp(sign * i32::try_from(offset_h * 60 + offset_min).ok()?))
}

fn digits(text: &str) -> Option<u32> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok()).flatten()
}

/// A moment as CAP 1.2 writes it, on a clock so many minutes ahead of UTC.
pub fn written(at: Timestamp, utc_offset_min: i32) -> String {
    let civil = at.civil(utc_offset_min).to_string();
    let whole = civil.get(..19).unwrap_or_default().replace(' ', "T");
    let sign = if utc_offset_min > 0 { '+' } else { '-' };
    let minutes = utc_offset_min.unsigned_abs();
    format!("{whole}{sign}{:02}:{:02}", minutes / 60, minutes % 60)
}

/// A plain decimal as so many units of `10^-places`, rounded; nothing if it is none, or is longer than any of ours.
pub fn decimal(text: &str, places: usize) -> Option<i64> {
    let (negative, digits) = match text.as_bytes().first()? {
        b'-' => (true, text.get(1..)?),
        b'+' => (false, text.get(1..)?),
        _ => (false, text),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let plain = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    if (whole.is_empty() && fraction.is_empty()) || !plain(whole) || !plain(fraction) {
        return None;
    }
    let whole = whole.trim_start_matches('0');
    if whole.len() > 9 {
        return None;
    }
    let kept = fraction.bytes().chain(std::iter::repeat(b'0')).take(places);
    let number = whole.bytes().chain(kept).fold(0_i64, |sum, digit| sum * 10 + i64::from(digit - b'0'));
    let up = i64::from(fraction.as_bytes().get(places).is_some_and(|digit| *digit >= b'5'));
    Some(if negative { -(number + up) } else { number + up })
}

/// So many units of `10^-places` as the shortest plain decimal.
pub fn plain(number: i64, places: usize) -> String {
    let text = format!("{:0width$}", number.unsigned_abs(), width = places + 1);
    let (whole, fraction) = text.split_at(text.len() - places);
    let fraction = fraction.trim_end_matches('0');
    let sign = if number < 0 { "-" } else { "" };
    let point = if fraction.is_empty() { "" } else { "." };
    format!("{sign}{whole}{point}{fraction}")
}

/// A language tag, in any case.
pub fn is_language(text: &str) -> bool {
    let part = |part: &str| (1..=8).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_alphanumeric());
    let first = text.split('-').next().unwrap_or_default();
    text.split('-').all(part) && first.bytes().all(|byte| byte.is_ascii_alphabetic())
}

/// An absolute address: a scheme and something behind it.
pub fn is_absolute(text: &str) -> bool {
    let Some((scheme, rest)) = text.split_once(':') else { return false };
    let head = scheme.starts_with(|c: char| c.is_ascii_alphabetic());
    let tail = scheme.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.'));
    head && tail && !rest.is_empty() && is_reference(rest)
}

/// What may be an address at all, a relative one too.
pub fn is_reference(text: &str) -> bool {
    !text.chars().any(|c| {
        c.is_whitespace() || c.is_control() || matches!(c, '<' | '>' | '"' | '{' | '}' | '|' | '\\' | '^' | '`')
    })
}

/// Base64, white space aside.
pub fn is_base64(text: &str) -> bool {
    let (mut count, mut padding) = (0_usize, 0_usize);
    for byte in text.bytes().filter(|byte| !byte.is_ascii_whitespace()) {
        match byte {
            b'=' => padding += 1,
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'+' | b'/' if padding == 0 => {}
            _ => return false,
        }
        count += 1;
    }
    count > 0 && count % 4 == 0 && padding <= 2
}

/// Top types that are registered.
const TOP_TYPES: [&str; 11] =
    ["application", "audio", "example", "font", "haptics", "image", "message", "model", "multipart", "text", "video"];

/// `type/subtype` with a registered top type.
pub fn is_media_type(text: &str) -> bool {
    let Some((top, rest)) = text.split_once('/') else { return false };
    let sub = rest.split(';').next().unwrap_or_default().trim_end();
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '+' | '-' | '_' | '!' | '#' | '$' | '&' | '^');
    TOP_TYPES.contains(&&*top.to_ascii_lowercase()) && !sub.is_empty() && sub.chars().all(plain)
}

/// A text with tags or entities of HTML in it.
pub fn has_markup(text: &str) -> bool {
    let tag = text.split('<').skip(1).any(|rest| {
        let rest = rest.strip_prefix('/').unwrap_or(rest);
        rest.starts_with(|c: char| c.is_ascii_alphabetic()) && rest.contains('>')
    });
    let entity = text.split('&').skip(1).any(|rest| {
        let name: &str = rest.split(';').next().unwrap_or_default();
        let short = (2..=8).contains(&name.len()) && name.len() < rest.len();
        short && name.trim_start_matches('#').chars().all(|c| c.is_ascii_alphanumeric())
    });
    tag || entity
}

/// Texts of a list that is separated by blanks; one with blanks in it stands in quotes.
pub fn list(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut rest = text.trim_start();
    while !rest.is_empty() {
        let quoted = rest.strip_prefix('"').and_then(|inner| inner.split_once('"'));
        let (entry, after) = match quoted {
            Some(split) => split,
            None => rest.split_at(rest.find(char::is_whitespace).unwrap_or(rest.len())),
        };
        if !entry.trim().is_empty() {
            found.push(entry.to_owned());
        }
        rest = after.trim_start();
    }
    found
}

/// The same as a text.
pub fn listed(entries: &[String]) -> String {
    let quoted = |entry: &String| {
        let entry = entry.replace('"', "'");
        if entry.contains(char::is_whitespace) { format!("\"{entry}\"") } else { entry }
    };
    entries.iter().map(quoted).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn times_are_read_as_the_standard_writes_them_and_no_other_way() {
        let noon = instant("2027-05-12T09:10:00+08:00").unwrap();
        assert_eq!(instant("2027-05-12T01:10:00-00:00"), Some(noon));
        assert_eq!(
            (written(noon, 480).as_str(), written(noon, 0).as_str()),
            ("2027-05-12T09:10:00+08:00", "2027-05-12T01:10:00-00:00")
        );
        assert_eq!(written(noon, -570), "2027-05-11T15:40:00-09:30");
        assert_eq!(time("2027-05-12T09:10:00,08:00"), Err(NoTime::Comma));
        for wrong in ["2027-05-12T09:10:00Z", "2027-02-30T09:10:00+08:00", "2027-05-12T24:10:00+08:00", "", "今天"] {
            assert_eq!(time(wrong), Err(NoTime::Other), "{wrong}");
        }
        assert_eq!(older_time("2008-04-14T18:00:00.25Z").unwrap(), "2008-04-14T18:00:00-00:00");
        assert_eq!(older_time("2008-04-14T18:00:00").unwrap(), "2008-04-14T18:00:00-00:00");
        assert_eq!(older_time("2008-04-14T18:00:00-05:00").unwrap(), "2008-04-14T18:00:00-05:00");
    }

    #[test]
    fn decimals_go_there_and_back() {
        for (text, e7) in [("34.45", 344_500_000), ("-0.00000015", -2), ("+118.36", 1_183_600_000), (".5", 5_000_000)] {
            assert_eq!(decimal(text, 7), Some(e7), "{text}");
        }
        for wrong in ["", "-", ".", "1e3", "1,5", "٣", "12345678901", "1.2.3"] {
            assert_eq!(decimal(wrong, 7), None, "{wrong}");
        }
        assert_eq!(
            (plain(344_500_000, 7), plain(-2, 7), plain(0, 3), plain(5_000, 3)),
            ("34.45".into(), "-0.0000002".into(), "0".into(), "5".into())
        );
    }

    #[test]
    fn lists_keep_entries_with_blanks_together() {
        let entries = list("  371300 \"徐州 市\"\n\"\" 320300 ");
        assert_eq!(entries, ["371300", "徐州 市", "320300"]);
        assert_eq!(list(&listed(&entries)), entries);
    }

    #[test]
    fn small_values_are_told_apart() {
        assert!(is_language("zh-CN") && is_language("EN") && !is_language("zh_CN") && !is_language("1a"));
        assert!(is_base64("aGk=") && is_base64("aGkh\n") && !is_base64("aGk") && !is_base64("a=b=") && !is_base64(""));
        assert!(is_media_type("image/png") && is_media_type("TEXT/plain; charset=utf-8"));
        assert!(!is_media_type("cap/cap") && !is_media_type("image") && !is_media_type("image/"));
        assert!(is_absolute("https://a.example.cn/x") && is_absolute("blob:sha256:00") && !is_absolute("x/y"));
        assert!(has_markup("a<br />b") && has_markup("a&nbsp;b") && !has_markup("a < b & c; 5<6"));
    }
}
