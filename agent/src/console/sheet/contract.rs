//! What the contract says about the fields of one kind, for one sheet.

use model::{kind::Kind, status::Action};
use proto::{
    rules::{self, FieldInfo},
    status::Lang,
};

/// Types whose values are written as one text.
const WRITTEN_AS_ONE: [&str; 3] = ["time", "Point", "Money"];

/// The fields of a kind's message.
#[derive(Clone, Debug)]
pub struct Contract {
    /// Which.
    pub kind: Kind,
    /// How its message follows another.
    pub action: Action,
    /// Minutes ahead of UTC in which times are typed.
    pub offset_min: i32,
    /// The member of the body.
    pub member: String,
    header: Vec<FieldInfo>,
    body: Vec<FieldInfo>,
}

impl Contract {
    /// Of this kind.
    pub fn of(kind: Kind, action: Action, offset_min: i32) -> Self {
        let known = rules::kinds().iter().find(|known| known.kind == kind);
        Self {
            kind,
            action,
            offset_min,
            member: known.map(|known| known.field.clone()).unwrap_or_default(),
            header: rules::header_fields(),
            body: rules::fields(kind),
        }
    }

    /// The field at a path such as `body.items[0].quantity`.
    pub fn field(&self, path: &str) -> Option<&FieldInfo> {
        let (fields, path) = match path.strip_prefix("header.") {
            Some(path) => (&self.header, path),
            None => (&self.body, path.strip_prefix("body.")?),
        };
        let wanted = plain(path);
        fields.iter().find(|field| plain(&field.path) == wanted)
    }

    /// How people call the field at a path, with everything that it stands in.
    pub fn label(&self, path: &str, lang: Lang) -> String {
        let steps: Vec<&str> = path.split('.').collect();
        let name = |end: usize| {
            let outer = steps.get(..=end)?.join(".");
            let field = self.field(&outer)?;
            let at = outer.strip_suffix(']').and_then(|outer| outer.rsplit_once('[')?.1.parse::<usize>().ok());
            let at = at.map(|at| format!(" {}", at + 1)).unwrap_or_default();
            Some(format!("{}{at}", if lang == Lang::Zh { &field.zh } else { &field.en }))
        };
        (1..steps.len()).filter_map(name).collect::<Vec<_>>().join(" › ")
    }

    /// The fields that stand directly below a place: `body`, `header`, `body.items[0]`.
    pub fn below(&self, path: &str) -> Vec<&FieldInfo> {
        let (fields, path) = match path.strip_prefix("header") {
            Some(path) => (&self.header, path),
            None => (&self.body, path.strip_prefix("body").unwrap_or(path)),
        };
        let outer = plain(path.trim_start_matches('.'));
        let own = |field: &&FieldInfo| {
            let inner = plain(&field.path);
            let rest = if outer.is_empty() { Some(inner.as_str()) } else { inner.strip_prefix(&outer) };
            let rest = rest.map(|rest| if outer.is_empty() { rest } else { rest.strip_prefix('.').unwrap_or(".") });
            rest.is_some_and(|rest| !rest.is_empty() && !rest.contains('.'))
        };
        fields.iter().filter(own).collect()
    }

    /// Whether a field has fields of its own on a sheet.
    pub fn is_group(&self, path: &str, field: &FieldInfo) -> bool {
        !WRITTEN_AS_ONE.contains(&field.type_name.as_str()) && !self.below(path).is_empty()
    }

    /// Where the number of an entry stands, if it has one that must be there.
    pub fn numbered(&self, entry: &str) -> Option<String> {
        let fields = self.below(entry);
        let found = fields.into_iter().find(|field| field.required && field.path.ends_with("_no"))?;
        Some(format!("{entry}.{}", name(found)))
    }

    /// The other members of the group of which a message has one.
    pub fn rivals(&self, path: &str) -> Vec<String> {
        let Some(field) = self.field(path).filter(|field| !field.oneof.is_empty()) else { return Vec::new() };
        let outer = path.rsplit_once('.').map_or("", |(outer, _)| outer);
        let others =
            self.below(outer).into_iter().filter(|other| other.oneof == field.oneof && other.path != field.path);
        others.map(|other| format!("{outer}.{}", name(other))).collect()
    }

    /// Whether a place is one of several parts of which a message has one.
    pub fn is_chosen(&self, path: &str) -> bool {
        self.field(path).is_some_and(|field| !field.oneof.is_empty())
    }
}

/// The last step of a field's path.
pub fn name(field: &FieldInfo) -> &str {
    field.path.rsplit('.').next().unwrap_or(&field.path).trim_end_matches("[]")
}

/// A path without its indices.
fn plain(path: &str) -> String {
    path.split('.').map(|step| step.split('[').next().unwrap_or(step)).collect::<Vec<_>>().join(".")
}
