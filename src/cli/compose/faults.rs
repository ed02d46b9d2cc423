//! What else is wrong with a draft that a desk refused: a person mends all of it at once.

use model::{invalid::Invalid, kind::Kind};
use prost::Message as _;
use proto::{rules, v1};
use tonic::{Code, Status};

use crate::cli::out::Context;

/// The desk's word, and below it every further fault of the body.
pub fn all(status: Status, draft: &v1::Draft, kind: Kind, context: Context) -> Status {
    if status.code() != Code::InvalidArgument {
        return status;
    }
    let more: Vec<String> = further(draft, kind)
        .iter()
        .map(proto::status::texts)
        .map(|(zh, en)| context.say(&zh, &en).to_owned())
        .filter(|text| !status.message().contains(text.as_str()))
        .collect();
    if more.is_empty() {
        return status;
    }
    let head = context.say("此外：", "besides:");
    let message = format!("{}\n{head}\n  {}", status.message(), more.join("\n  "));
    let details = bytes::Bytes::copy_from_slice(status.details());
    Status::with_details_and_metadata(status.code(), message, details, status.metadata().clone())
}

/// Every fault of the body, one a field, by what is said of the header; what the desk fills in by itself is filled in.
fn further(draft: &v1::Draft, kind: Kind) -> Vec<Invalid> {
    let body = draft.body.clone().unwrap_or_default().encode_to_vec().into();
    let mut header = draft.header.clone().unwrap_or_default();
    header.kind = kind.number();
    if header.status == 0 {
        header.status = v1::Status::Actual.into();
    }
    let mut faults = rules::check_all(&body, &header);
    faults.dedup_by(|later, first| later.field == first.field);
    faults
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        cli::out::{Format, Talk},
        lang::Lang,
    };

    #[test]
    fn every_field_that_is_missing_is_named_once() {
        let body = v1::Body { body: Some(v1::body::Body::Bulletin(v1::Bulletin::default())) };
        let draft = v1::Draft { header: None, body: Some(body), inline: Vec::new() };
        let (first, _) = proto::status::texts(&further(&draft, Kind::Bulletin)[0]);

        let context = Context { lang: Lang::Zh, format: Format::Table, talk: Talk::Full };
        let told = all(Status::invalid_argument(&first), &draft, Kind::Bulletin, context);
        for field in ["headline", "subtype", "valid_until"] {
            assert_eq!(told.message().matches(&format!("body.{field}")).count(), 1, "{field}: {}", told.message());
        }
        assert_eq!(all(Status::unavailable("link"), &draft, Kind::Bulletin, context).message(), "link");
    }
}
