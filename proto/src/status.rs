//! Reasons as gRPC statuses: the one place that knows codes. Every status carries the stable reason, the field and the
//! rule, and a text in the caller's language; our own faults say "try again" and nothing more.

mod words;

use std::{collections::HashMap, time::Duration};

use model::{
    invalid::Invalid,
    reason::{Reason, ReasonClass},
};
use tonic::{Code, Status, metadata::MetadataMap};
use tonic_types::{ErrorDetails, StatusExt as _};

use crate::rules;

/// The domain of every reason.
pub const DOMAIN: &str = "liandong";

/// A language that people are answered in.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Lang {
    /// Simplified Chinese.
    Zh,
    /// English.
    #[default]
    En,
}

impl Lang {
    /// What the caller asks for in `accept-language`; Chinese if it comes first, else English.
    pub fn of(metadata: &MetadataMap) -> Self {
        let asked = metadata.get("accept-language").and_then(|value| value.to_str().ok()).unwrap_or_default();
        Self::from_tag(asked)
    }

    /// By a tag or locale: `zh-CN`, `zh_CN.UTF-8`.
    pub fn from_tag(tag: &str) -> Self {
        if tag.trim_start().to_ascii_lowercase().starts_with("zh") { Self::Zh } else { Self::En }
    }
}

/// The status for an invalid value.
pub fn of(invalid: &Invalid, lang: Lang) -> Status {
    with_retry(invalid, lang, None)
}

/// The same, with the time after which the same bytes may be sent again.
pub fn with_retry(invalid: &Invalid, lang: Lang, retry_after: Option<Duration>) -> Status {
    let (zh, en) = texts(invalid);
    let text = if lang == Lang::Zh { zh } else { en };
    let mut metadata = HashMap::new();
    metadata.insert("field".to_owned(), invalid.field.clone());
    metadata.insert("rule".to_owned(), invalid.rule.clone());
    let mut details = ErrorDetails::with_error_info(invalid.reason.code(), DOMAIN, metadata);
    let code = code_of(invalid);
    if code == Code::InvalidArgument {
        details.add_bad_request_violation(invalid.field.clone(), text.clone());
    }
    if invalid.reason.may_repeat() || code == Code::Unavailable {
        details.set_retry_info(retry_after);
    }
    if invalid.reason == Reason::RateLimited {
        details.add_quota_failure_violation(invalid.field.clone(), text.clone());
    }
    details.set_localized_message(if lang == Lang::Zh { "zh-CN" } else { "en" }, text.clone());
    Status::with_error_details(code, text, details)
}

/// What a person reads about an invalid value: what happened, where, and what to do, in Chinese and in English. A field
/// that the contract knows is named as people call it, and its rule is said in words; a rule with words of its own says
/// those instead of its reason's.
pub fn texts(invalid: &Invalid) -> (String, String) {
    let usual = invalid.reason.texts();
    let (what_zh, what_en) = words::of(&invalid.rule).map_or((usual.what.zh, usual.what.en), |own| own.what);
    let (remedy_zh, remedy_en) = remedy(invalid);
    let detail = if invalid.detail.is_empty() { String::new() } else { format!(": {}", invalid.detail) };
    let place = match (invalid.field.as_str(), invalid.rule.as_str()) {
        ("", "") => String::new(),
        ("", rule) => format!(" [{rule}{detail}]"),
        (field, rule) => format!(" [{field} · {rule}{detail}]"),
    };
    let (zh, en) = rules::words(invalid).map_or_else(Default::default, |words| (words.zh, format!(" {}", words.en)));
    (
        format!(
            "{} {}{zh}{place}{}{}",
            invalid.reason.code(),
            what_zh,
            if zh.is_empty() { "" } else { "。" },
            remedy_zh
        ),
        format!(
            "{} {}{en}{place}{} {}",
            invalid.reason.code(),
            what_en,
            if en.is_empty() { "" } else { "." },
            remedy_en
        ),
    )
}

/// What to do about an invalid value, in Chinese and in English: the end of its texts.
pub fn remedy(invalid: &Invalid) -> (&'static str, &'static str) {
    let usual = invalid.reason.texts().remedy;
    words::of(&invalid.rule).map_or((usual.zh, usual.en), |own| own.remedy)
}

/// A rule in words.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct RuleWords {
    /// What is wrong.
    pub what: &'static str,
    /// What to do.
    pub remedy: &'static str,
}

/// The words of a rule that has its own, in Chinese and in English.
pub fn rule_words(rule: &str) -> Option<(RuleWords, RuleWords)> {
    let words::Words { what, remedy } = words::of(rule)?;
    Some((RuleWords { what: what.0, remedy: remedy.0 }, RuleWords { what: what.1, remedy: remedy.1 }))
}

/// Our fault: logged where it happened, answered "try again".
pub fn internal(lang: Lang) -> Status {
    of(&Invalid::new(Reason::Internal, "", "internal"), lang)
}

/// The gRPC code of an invalid value: that of its reason, but UNAVAILABLE where it is the link that is missing.
pub fn code_of(invalid: &Invalid) -> Code {
    if words::is_link(&invalid.rule) { Code::Unavailable } else { code(invalid.reason) }
}

/// The gRPC code of a reason.
pub fn code(reason: Reason) -> Code {
    match reason.class() {
        ReasonClass::Unauthenticated => Code::Unauthenticated,
        ReasonClass::PermissionDenied => Code::PermissionDenied,
        ReasonClass::ResourceExhausted => Code::ResourceExhausted,
        ReasonClass::InvalidArgument => Code::InvalidArgument,
        ReasonClass::FailedPrecondition => Code::FailedPrecondition,
        ReasonClass::Aborted => Code::Aborted,
        ReasonClass::AlreadyExists => Code::AlreadyExists,
        ReasonClass::NotFound => Code::NotFound,
        ReasonClass::DeadlineExceeded => Code::DeadlineExceeded,
        ReasonClass::OutOfRange => Code::OutOfRange,
        ReasonClass::DataLoss => Code::DataLoss,
        ReasonClass::Internal => Code::Internal,
        ReasonClass::Information => Code::Unknown,
    }
}

/// What a status of ours was made of: reason, field and rule, so that it can be said anew in another language.
pub fn invalid(status: &Status) -> Option<Invalid> {
    let info = status.get_details_error_info()?;
    let told = |key| info.metadata.get(key).cloned().unwrap_or_default();
    Some(Invalid::new(reason(status)?, told("field"), told("rule")))
}

/// The reason that a status carries, if it is one of ours.
pub fn reason(status: &Status) -> Option<Reason> {
    let info = status.get_details_error_info()?;
    (info.domain == DOMAIN).then(|| info.reason.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_link_says_that_messages_wait_here_and_is_unavailable() {
        let down = Invalid::new(Reason::PeerOffline, "broker", "link.connect").detail("connection refused");
        let (zh, en) = texts(&down);
        assert_eq!(code_of(&down), Code::Unavailable);
        assert!(zh.starts_with("LD503_PEER_OFFLINE 连不上中心。 [broker · link.connect: connection refused]"), "{zh}");
        assert!(en.contains("The broker cannot be reached.") && en.contains("Messages wait here"), "{en}");
        assert!(!en.contains("mailbox") && !zh.contains("信箱"), "it never came as far as the mailbox: {en} {zh}");

        let lost = of(&Invalid::new(Reason::Busy, "", "link.lost"), Lang::En);
        assert_eq!(lost.code(), Code::Unavailable);
        assert_eq!(reason(&lost), Some(Reason::Busy), "the stable reason stays");
    }

    #[test]
    fn a_reason_without_such_a_rule_keeps_its_words_and_its_code() {
        let usual = Invalid::new(Reason::PeerOffline, "", "");
        assert!(texts(&usual).1.contains("The recipient's agent is not connected."));
        assert_eq!(code_of(&usual), code(Reason::PeerOffline));

        let full = Invalid::new(Reason::StoreFull, "precedence", "disk.stage");
        assert_eq!(code_of(&full), Code::ResourceExhausted);
        assert!(texts(&full).1.contains("no new attachments"));
    }
}
