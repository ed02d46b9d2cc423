//! One field by `--set`: what the contract takes, and lengths of time from now on as `--expires` takes them.

use model::{invalid::Invalid, kind::Kind, time::Timestamp};
use proto::rules::{self, FieldInfo};
use serde_json::Value;

use super::values::{TIME_FORMS, When};

/// Sets the field at `path` to what `text` says; `2h` in a time is two hours after `now`.
///
/// # Errors
/// Those of [`rules::set`]; one about a time names the forms that are taken.
pub fn field(value: &mut Value, path: &str, text: &str, kind: Kind, now: Timestamp) -> Result<(), Invalid> {
    if !is_time(path, kind) {
        return rules::set(value, path, text, kind);
    }
    let later = match text.parse() {
        Ok(when @ (When::In(_) | When::Ago(_))) => Some(when.from(now).rfc3339()),
        Ok(When::At(_)) | Err(_) => None,
    };
    rules::set(value, path, later.as_deref().unwrap_or(text), kind)
        .map_err(|invalid| invalid.detail(format!("{text}; {TIME_FORMS}")))
}

fn is_time(path: &str, kind: Kind) -> bool {
    let (_, fields, path) = fields_around(path, kind);
    let wanted = plain(path);
    fields.iter().any(|field| field.type_name == "time" && plain(&field.path) == wanted)
}

/// The fields among which `path` names one: those of the header or of the body, with what stands before the name of one in
/// the header, and the path from there on.
pub fn fields_around(path: &str, kind: Kind) -> (&'static str, Vec<FieldInfo>, &str) {
    match path.strip_prefix("header.") {
        Some(path) => ("header.", rules::header_fields(), path),
        None => ("", rules::fields(kind), path.strip_prefix("body.").unwrap_or(path)),
    }
}

/// A path without its indices.
pub fn plain(path: &str) -> String {
    path.split('.').map(|step| step.split('[').next().unwrap_or(step)).collect::<Vec<_>>().join(".")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const NOW: Timestamp = Timestamp::from_millis(1_800_000_000_000);

    #[test]
    fn a_length_in_a_time_counts_from_now_and_stays_what_it_is_elsewhere() {
        let mut value = json!({});
        field(&mut value, "valid_until", "2h", Kind::Bulletin, NOW).unwrap();
        field(&mut value, "header.ack_by", "+30m", Kind::Bulletin, NOW).unwrap();
        field(&mut value, "headline", "2h", Kind::Bulletin, NOW).unwrap();

        let text = value.to_string();
        let at = |minutes| NOW.plus(std::time::Duration::from_mins(minutes)).rfc3339();
        assert!(text.contains(&at(120)) && text.contains(&at(30)) && text.contains("\"headline\":\"2h\""), "{text}");
    }

    #[test]
    fn a_time_that_cannot_be_read_is_told_with_the_forms() {
        let refused = field(&mut json!({}), "valid_until", "soon", Kind::Bulletin, NOW).unwrap_err();

        let (zh, en) = proto::status::texts(&refused);
        for text in [zh, en] {
            assert!(text.contains("soon") && text.contains("2h | 3d | 10m ago | 2026-12-03 08:40"), "{text}");
        }
    }
}
