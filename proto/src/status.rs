//! Reasons as gRPC statuses: the one place that knows codes. Every status carries the stable reason, the field and the
//! rule, and a text in the caller's language; our own faults say "try again" and nothing more.

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
    if code(invalid.reason) == Code::InvalidArgument {
        details.add_bad_request_violation(invalid.field.clone(), text.clone());
    }
    if invalid.reason.may_repeat() {
        details.set_retry_info(retry_after);
    }
    if invalid.reason == Reason::RateLimited {
        details.add_quota_failure_violation(invalid.field.clone(), text.clone());
    }
    details.set_localized_message(if lang == Lang::Zh { "zh-CN" } else { "en" }, text.clone());
    Status::with_error_details(code(invalid.reason), text, details)
}

/// What a person reads about an invalid value: what happened, where, and what to do, in Chinese and in English. A field
/// that the contract knows is named as people call it, and its rule is said in words.
pub fn texts(invalid: &Invalid) -> (String, String) {
    let texts = invalid.reason.texts();
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
            texts.what.zh,
            if zh.is_empty() { "" } else { "。" },
            texts.remedy.zh
        ),
        format!(
            "{} {}{en}{place}{} {}",
            invalid.reason.code(),
            texts.what.en,
            if en.is_empty() { "" } else { "." },
            texts.remedy.en
        ),
    )
}

/// Our fault: logged where it happened, answered "try again".
pub fn internal(lang: Lang) -> Status {
    of(&Invalid::new(Reason::Internal, "", "internal"), lang)
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
