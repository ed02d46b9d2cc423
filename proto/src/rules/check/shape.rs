//! Points, circles, polygons and areas are judged by the model, which makes values of them.

use model::invalid::Invalid;
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

fn read<M: prost::Message + Default>(value: &DynamicMessage) -> Result<M, Invalid> {
    value.transcode_to().map_err(|_| Invalid::schema("", "content.readable"))
}
