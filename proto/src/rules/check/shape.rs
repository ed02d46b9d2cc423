//! Points, circles, polygons and areas are judged by the model, which makes values of them.

use model::{invalid::Invalid, reason::Reason};
use prost_reflect::DynamicMessage;

use super::super::schema::MessageRules;
use crate::{border::geometry, v1};

/// What the model says about a message of geometry; none for any other message.
pub fn geometry(rules: &MessageRules, value: &DynamicMessage) -> Option<Result<(), Invalid>> {
    if rules.is("Area") {
        Some(read::<v1::Area>(value).and_then(|wire| geometry::area(wire).map(drop)))
    } else if rules.is("Polygon") {
        Some(read::<v1::Polygon>(value).and_then(|wire| geometry::polygon(wire).map(drop)))
    } else if rules.is("Circle") {
        Some(read::<v1::Circle>(value).and_then(|wire| geometry::circle(wire).map(drop)))
    } else if rules.is("Point") {
        Some(read::<v1::Point>(value).and_then(|wire| geometry::point(wire).map(drop)))
    } else {
        None
    }
}

/// What the fields of a small message must keep together: the field, the reason and the rule that it breaks.
pub fn together(rules: &MessageRules, value: &DynamicMessage) -> Option<(&'static str, Reason, &'static str)> {
    let has = |name: &str| rules.field(name).is_some_and(|field| super::is_present(field, value));
    let neither = |one: &'static str, other: &str| {
        (!has(one) && !has(other)).then_some((one, Reason::MissingField, "one_of_two"))
    };
    if rules.is("Count") {
        let wire = read::<v1::Count>(value).ok()?;
        let both = wire.certainty() == v1::Certainty::Unknown && wire.count.is_some();
        both.then_some(("count", Reason::BadSchema, "unknown_count"))
    } else if rules.is("Bridge") {
        neither("phone", "video_uri")
    } else if rules.is("FileRef") {
        neither("sha256", "uri")
    } else if rules.is("RelatedMatter") {
        neither("incident_id", "message_id")
    } else {
        None
    }
}

fn read<M: prost::Message + Default>(value: &DynamicMessage) -> Result<M, Invalid> {
    value.transcode_to().map_err(|_| Invalid::schema("", "content.readable"))
}
