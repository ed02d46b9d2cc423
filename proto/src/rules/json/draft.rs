//! Drafts as JSON: `{"header": {…}, "body": {"resource_request": {…}}}`.

use model::{invalid::Invalid, kind::Kind};
use prost::Message as _;
use prost_reflect::DynamicMessage;
use serde_json::{Map, Value};

use super::{
    super::{
        info,
        schema::{MessageRules, Schema},
    },
    read::{self, Reading},
};
use crate::v1;

/// A draft with its present fields.
pub fn write(schema: &Schema, draft: &v1::Draft) -> Value {
    super::message(schema, "Draft", &draft.encode_to_vec(), super::Fields::Present)
}

/// A draft from JSON.
pub fn read(schema: &Schema, kind: Option<Kind>, value: &Value) -> Result<v1::Draft, Invalid> {
    let mut object = value.as_object().cloned().ok_or_else(|| Invalid::schema("draft", "json.object"))?;
    // a bulletin has a text called `body`
    let parts = object.contains_key("header") || object.get("body").is_some_and(Value::is_object);
    let alone = kind.is_some() && !parts && !object.contains_key("inline");
    if alone {
        object = Map::from_iter([("body".to_owned(), Value::Object(object))]);
    }
    let named = named_kind(schema, &mut object)?;
    let kind = kind.or(named).or_else(|| kind_in_header(schema, &object)).or_else(|| kind_of_body(schema, &object));
    let reading = Reading { schema, code: kind.map(Kind::code).unwrap_or_default() };
    let rules = schema.named("Draft").ok_or_else(|| Invalid::schema("draft", "json.object"))?;
    if let (Some(kind), Some(body)) = (kind, object.get_mut("body")) {
        wrap(schema, kind, body);
    }
    let whole = reading.draft(rules, kind, &object)?;
    let mut draft: v1::Draft = whole.transcode_to().map_err(|_| Invalid::schema("draft", "content.readable"))?;
    if let Some(kind) = kind {
        let header = draft.header.get_or_insert_default();
        if header.kind == 0 {
            header.kind = kind.number();
        }
    }
    Ok(draft)
}

impl Reading<'_> {
    /// Paths inside a body leave out the member of `Body`, as those of `check` do.
    fn draft(
        &self,
        rules: &MessageRules,
        kind: Option<Kind>,
        object: &Map<String, Value>,
    ) -> Result<DynamicMessage, Invalid> {
        let mut draft = DynamicMessage::new(rules.descriptor.clone());
        for (key, value) in object.iter().filter(|(_, value)| !value.is_null()) {
            let field = rules.field(key).ok_or_else(|| read::unknown_key(rules, key, ""))?;
            let wire = match (key.as_str(), kind) {
                ("body", Some(kind)) => self.body(kind, value)?,
                _ => self.field(field, value, key)?,
            };
            let unfit = |_| Invalid::schema(key.as_str(), "json.value");
            draft.try_set_field(&field.descriptor, wire).map_err(unfit)?;
        }
        Ok(draft)
    }

    fn body(&self, kind: Kind, value: &Value) -> Result<prost_reflect::Value, Invalid> {
        let unknown = || Invalid::code("body", "kind.known").detail(kind.code());
        let outer = self.schema.body().ok_or_else(unknown)?;
        let field = self.schema.body_field(kind).ok_or_else(unknown)?;
        let object = value.as_object().ok_or_else(|| Invalid::schema("body", "json.object"))?;
        let mut body = DynamicMessage::new(outer.descriptor.clone());
        for (key, inner) in object {
            if read::find(outer, key).is_none_or(|found| found.name != field.name) {
                return Err(Invalid::schema("body", "content.kind_matches").detail(key.as_str()));
            }
            let wire = self.field(field, inner, "body")?;
            body.try_set_field(&field.descriptor, wire).map_err(|_| Invalid::schema("body", "json.value"))?;
        }
        Ok(prost_reflect::Value::Message(body))
    }
}

/// A key `kind` beside header and body.
fn named_kind(schema: &Schema, object: &mut Map<String, Value>) -> Result<Option<Kind>, Invalid> {
    let Some(named) = object.remove("kind") else { return Ok(None) };
    let unknown = || Invalid::code("kind", "kind.known").detail(named.to_string());
    kind_named(schema, &named).map(Some).ok_or_else(unknown)
}

fn kind_named(schema: &Schema, value: &Value) -> Option<Kind> {
    let name = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    info::find(schema.kinds(), &name).map(|info| info.kind)
}

fn kind_in_header(schema: &Schema, object: &Map<String, Value>) -> Option<Kind> {
    kind_named(schema, object.get("header")?.get("kind")?)
}

/// A body that is wrapped says by its only key what it is.
fn kind_of_body(schema: &Schema, object: &Map<String, Value>) -> Option<Kind> {
    let key = object.get("body")?.as_object()?.keys().next()?;
    read::find(schema.body()?, key).and_then(|field| schema.kind_of(field))
}

/// Puts a body that stands alone into its member of `Body`.
pub fn wrap(schema: &Schema, kind: Kind, body: &mut Value) {
    let Some((outer, field)) = schema.body().zip(schema.body_field(kind)) else { return };
    let Some(object) = body.as_object_mut() else { return };
    let only = (object.len() == 1).then(|| object.keys().next()).flatten();
    let member = only.and_then(|key| read::find(outer, key));
    let own = schema.inside(field).is_some_and(|rules| only.is_some_and(|key| read::find(rules, key).is_some()));
    if member.is_some() && !own {
        return;
    }
    let inner = Value::Object(std::mem::take(object));
    object.insert(field.name.clone(), inner);
}
