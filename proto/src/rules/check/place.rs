//! Where a value stands, written out only when something is wrong there.

use std::fmt::Write as _;

use model::{invalid::Invalid, reason::Reason};

/// A field on the way from the body to a value.
#[derive(Clone, Copy)]
pub struct Place<'a> {
    outer: Option<&'a Place<'a>>,
    name: &'a str,
    at: Option<usize>,
}

impl<'a> Place<'a> {
    /// The beginning of a way.
    pub const fn root(name: &'a str) -> Self {
        Place { outer: None, name, at: None }
    }

    /// A field of what stands here.
    pub const fn field<'b>(&'b self, name: &'b str) -> Place<'b>
    where
        'a: 'b,
    {
        Place { outer: Some(self), name, at: None }
    }

    /// An entry of a list of what stands here.
    pub const fn entry<'b>(&'b self, name: &'b str, at: usize) -> Place<'b>
    where
        'a: 'b,
    {
        Place { outer: Some(self), name, at: Some(at) }
    }

    /// The path with indices: `body.items[2].quantity`.
    fn path(&self) -> String {
        let mut path = self.outer.map(Place::path).unwrap_or_default();
        if !path.is_empty() {
            path.push('.');
        }
        path.push_str(self.name);
        if let Some(at) = self.at {
            let _ = write!(path, "[{at}]"); // writing to a String does not fail
        }
        path
    }

    /// The rule's name: kind and path without indices, `K11.items.quantity`.
    fn rule(&self, code: &str) -> String {
        match self.outer {
            None => code.to_owned(),
            Some(outer) => format!("{}.{}", outer.rule(code), self.name),
        }
    }

    /// A fault of what stands here.
    pub fn fault(&self, code: &str, reason: Reason, rule: &str) -> Invalid {
        Invalid::new(reason, self.path(), format!("{}.{rule}", self.rule(code)))
    }

    /// What the model says about a place or an area, as a fault here: `geometry.closed` becomes `….closed`.
    pub fn geometry(&self, code: &str, invalid: Invalid) -> Invalid {
        let rule = match (invalid.reason, invalid.rule.rsplit('.').next()) {
            (Reason::TooLarge, _) => "max",
            (_, Some(rule)) => rule,
            (_, None) => "geometry",
        };
        let rule = format!("{}.{rule}", self.rule(code));
        Invalid { rule, ..invalid.within(self.path()) }
    }
}
