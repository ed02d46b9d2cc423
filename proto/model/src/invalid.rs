//! Why a value was not taken: the stable reason, the field, the rule, and what stood there.

use std::fmt;

use crate::reason::Reason;

/// A value that breaks a rule. `field` is a path such as `recipients[2].jurisdiction.id`, `rule` a stable name such as
/// `header.floor`; both travel as metadata of the error, the detail is for people.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub struct Invalid {
    /// The stable reason, with its texts and its gRPC class.
    pub reason: Reason,
    /// Where it stands.
    pub field: String,
    /// The rule it breaks.
    pub rule: String,
    /// What stood there or what was asked, in a few words; may be empty. Never a body or a key.
    pub detail: String,
}

impl Invalid {
    /// `field` breaks `rule`, which is refused for `reason`.
    pub fn new(reason: Reason, field: impl Into<String>, rule: impl Into<String>) -> Self {
        Self { reason, field: field.into(), rule: rule.into(), detail: String::new() }
    }

    /// A required field is absent.
    pub fn missing(field: impl Into<String>) -> Self {
        Self::new(Reason::MissingField, field, "field.required")
    }

    /// A code, number or id has no meaning here.
    pub fn code(field: impl Into<String>, rule: impl Into<String>) -> Self {
        Self::new(Reason::BadCode, field, rule)
    }

    /// The parts do not fit each other, or cannot be read.
    pub fn schema(field: impl Into<String>, rule: impl Into<String>) -> Self {
        Self::new(Reason::BadSchema, field, rule)
    }

    /// A limit is passed; the detail says by how much.
    pub fn too_large(field: impl Into<String>, is: impl fmt::Display, most: impl fmt::Display) -> Self {
        Self::new(Reason::TooLarge, field, "limit").detail(format!("{is} > {most}"))
    }

    /// The same with a detail for people.
    #[must_use]
    pub fn detail(mut self, detail: impl Into<String>) -> Self {
        self.detail = detail.into();
        self
    }

    /// The same, one level further out: `within("recipients[2]")` turns `id` into `recipients[2].id`.
    #[must_use]
    pub fn within(mut self, outer: impl fmt::Display) -> Self {
        self.field = if self.field.is_empty() { outer.to_string() } else { format!("{outer}.{}", self.field) };
        self
    }
}

impl fmt::Display for Invalid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} ({})", self.reason.code(), self.field, self.rule)?;
        if self.detail.is_empty() { Ok(()) } else { write!(f, ": {}", self.detail) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_invalid_value_says_reason_place_and_rule() {
        let invalid = Invalid::missing("id").within("recipients[2].jurisdiction").detail("none given");

        let text = "LD202_MISSING_FIELD recipients[2].jurisdiction.id (field.required): none given";
        assert_eq!(invalid.to_string(), text);
    }
}
