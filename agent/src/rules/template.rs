//! Texts with places in them: `收到{{ header.sender.jurisdiction }}的通报`. Each place is one CEL expression.

use model::{invalid::Invalid, reason::Reason};
use serde_json::{Map, Value};

use super::condition::{Condition, Outcome};

/// A text with places in it.
#[derive(Clone, Debug, Default)]
pub struct Template {
    text: String,
    parts: Vec<Part>,
}

#[derive(Clone, Debug)]
enum Part {
    Text(String),
    Place(Condition),
}

impl Template {
    /// Reads a template.
    ///
    /// # Errors
    /// A place that is not closed, or whose expression cannot be read.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        let (mut parts, mut rest) = (Vec::new(), text);
        while let Some((before, after)) = rest.split_once("{{") {
            let open = || Invalid::new(Reason::BadCode, "", "rules.template").detail("{{ is not closed");
            let (place, behind) = after.split_once("}}").ok_or_else(open)?;
            parts.push(Part::Text(before.to_owned()));
            parts.push(Part::Place(Condition::parse(place.trim())?));
            rest = behind;
        }
        parts.push(Part::Text(rest.to_owned()));
        Ok(Self { text: text.to_owned(), parts })
    }

    /// As it was written.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The text with these facts.
    ///
    /// # Errors
    /// The place that cannot be evaluated, and why.
    pub fn fill(&self, facts: &Value) -> Result<String, Invalid> {
        let mut text = String::new();
        for part in &self.parts {
            match part {
                Part::Text(plain) => text.push_str(plain),
                Part::Place(place) => match place.evaluate(facts) {
                    Ok(Outcome::Text(value)) => text.push_str(&value),
                    Ok(Outcome::Truth(truth)) => text.push_str(if truth { "true" } else { "false" }),
                    Err(fault) => {
                        let detail = format!("{}: {fault}", place.text());
                        return Err(Invalid::new(Reason::BadCode, "", "rules.template").detail(detail));
                    }
                },
            }
        }
        Ok(text)
    }
}

/// A body as JSON whose texts are templates.
#[derive(Clone, Debug)]
pub enum Body {
    /// A text.
    Text(Template),
    /// A number, a truth, nothing.
    Plain(Value),
    /// A list.
    List(Vec<Body>),
    /// An object.
    Object(Vec<(String, Body)>),
}

impl Body {
    /// Reads every text of it.
    pub fn parse(value: &Value) -> Result<Self, Invalid> {
        Ok(match value {
            Value::String(text) => Self::Text(Template::parse(text)?),
            Value::Array(all) => Self::List(all.iter().map(Self::parse).collect::<Result<_, _>>()?),
            Value::Object(all) => {
                let entry = |(key, value): (&String, &Value)| {
                    Self::parse(value).map(|body| (key.clone(), body)).map_err(|invalid| invalid.within(key))
                };
                Self::Object(all.iter().map(entry).collect::<Result<_, _>>()?)
            }
            plain => Self::Plain(plain.clone()),
        })
    }

    /// The body with these facts.
    pub fn fill(&self, facts: &Value) -> Result<Value, Invalid> {
        Ok(match self {
            Self::Text(template) => Value::String(template.fill(facts)?),
            Self::Plain(value) => value.clone(),
            Self::List(all) => Value::Array(all.iter().map(|entry| entry.fill(facts)).collect::<Result<_, _>>()?),
            Self::Object(all) => {
                let entry = |(key, body): &(String, Self)| {
                    body.fill(facts).map(|value| (key.clone(), value)).map_err(|invalid| invalid.within(key))
                };
                Value::Object(all.iter().map(entry).collect::<Result<Map<_, _>, _>>()?)
            }
        })
    }
}

/// Lays `over` on `under`: objects are joined key by key, everything else is replaced.
pub fn lay(under: &mut Value, over: Value) {
    match (under, over) {
        (Value::Object(under), Value::Object(over)) => {
            for (key, value) in over {
                lay(under.entry(key).or_insert(Value::Null), value);
            }
        }
        (under, over) => *under = over,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use serde_json::json;

    use super::*;

    #[test]
    fn places_are_filled_and_the_rest_stays() {
        let facts = json!({"from": "320300", "body": {"count": 3}, "link": {"up": true}});
        let filled = Template::parse("收到{{ from }}的 {{body.count}} 条，{{ link.up }}").unwrap().fill(&facts);
        assert_eq!(filled.unwrap(), "收到320300的 3 条，true");
        assert_eq!(Template::parse("").unwrap().fill(&facts).unwrap(), "");
        assert!(Template::parse("{{ from").is_err());
        assert!(Template::parse("{{ frm }}").unwrap_err().detail.contains("did you mean from?"));
        let fault = Template::parse("{{ body.nothing }}").unwrap().fill(&facts).unwrap_err();
        assert!(fault.detail.starts_with("body.nothing: "), "{}", fault.detail);
    }

    #[test]
    fn a_body_is_filled_throughout_and_laid_over_what_is_known() {
        let body = Body::parse(&json!({"a": "{{ from }}", "b": [1, "x"], "c": {"d": true}})).unwrap();
        let mut known = json!({"a": "old", "c": {"e": 1}});
        lay(&mut known, body.fill(&json!({"from": "320300"})).unwrap());
        assert_eq!(known, json!({"a": "320300", "b": [1, "x"], "c": {"d": true, "e": 1}}));
        assert_eq!(Body::parse(&json!({"a": {"b": "{{"}})).unwrap_err().field, "a.b");
    }
}
