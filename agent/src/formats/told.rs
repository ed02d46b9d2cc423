//! What programs are told: that a message is queued, or why it was refused, with what a person reads about it in both
//! languages.

use model::{header::Header, invalid::Invalid};
use proto::status;
use serde_json::{Value, json};

/// A message that is queued, as JSON.
pub fn queued(header: &Header, link_up: bool) -> Value {
    json!({
        "outcome": "queued",
        "message_id": header.message_id.to_string(),
        "thread_id": header.thread().to_string(),
        "sender_seq": header.sender_seq,
        "link_up": link_up,
    })
}

/// Why something was refused, as JSON.
pub fn problem(invalid: &Invalid) -> Value {
    let (text_zh, text_en) = status::texts(invalid);
    let (remedy_zh, remedy_en) = status::remedy(invalid);
    json!({
        "code": invalid.reason.code(),
        "field": invalid.field,
        "rule": invalid.rule,
        "may_repeat": invalid.reason.may_repeat(),
        "text_zh": text_zh,
        "text_en": text_en,
        "remedy_zh": remedy_zh,
        "remedy_en": remedy_en,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_says_code_field_and_remedy_in_both_languages() {
        let problem = problem(&Invalid::missing("header.recipients").detail("none"));

        assert_eq!((&problem["code"], &problem["field"]), (&"LD202_MISSING_FIELD".into(), &"header.recipients".into()));
        for (text, remedy) in [("text_zh", "remedy_zh"), ("text_en", "remedy_en")] {
            let [text, remedy] = [text, remedy].map(|key| problem[key].as_str().unwrap_or_default());
            assert!(!remedy.is_empty() && text.ends_with(remedy), "{text} · {remedy}");
        }
    }
}
