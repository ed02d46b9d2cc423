//! A sheet as a page shows it, piece after piece: what must be there first, the rest folded.

use std::collections::BTreeMap;

use proto::{rules::FieldInfo, status::Lang, v1::Format};

use super::{Contract, Sheet, contract};

/// Characters beyond which a text gets more than one line.
const LINE_CHARS_MAX: usize = 100;

/// One piece of a sheet.
#[derive(Clone, Debug)]
pub enum Piece {
    /// Fields that belong together.
    Open(Group),
    /// The end of them.
    Close,
    /// Fields that may stay empty, folded; open where something stands in them.
    Fold(bool),
    /// The end of them.
    EndFold,
    /// One field.
    Field(Box<Field>),
    /// Makes room for one more entry of a list.
    Add(Button),
    /// One of several parts: those that are not chosen.
    Pick(Vec<Button>),
}

/// Fields that belong together.
#[derive(Clone, Debug)]
pub struct Group {
    /// Names it on the page.
    pub anchor: String,
    /// What it is, with its place in a list.
    pub label: String,
    /// What the contract says about it.
    pub help: String,
    /// Something of it must be there.
    pub required: bool,
    /// What is wrong with it as a whole.
    pub fault: String,
    /// Where it is taken out; empty where it is not.
    pub remove: String,
}

/// What a button of a sheet does: the place it is about, and its word.
#[derive(Clone, Debug)]
pub struct Button {
    /// Which place.
    pub path: String,
    /// What is there.
    pub label: String,
}

/// A value to choose.
#[derive(Clone, Debug)]
pub struct Choice {
    /// As the contract writes it.
    pub value: String,
    /// As people call it.
    pub label: String,
    /// It stands there.
    pub chosen: bool,
}

/// Values that a field proposes, by its path.
pub type Suggested = BTreeMap<&'static str, Vec<Choice>>;

/// One field.
#[derive(Clone, Debug)]
pub struct Field {
    /// Its path, which is its name in the form.
    pub path: String,
    /// Names it on the page.
    pub anchor: String,
    /// What it is called.
    pub label: String,
    /// What the contract says about it.
    pub help: String,
    /// How it is filled in: `line`, `area`, `time`, `date`, `number`, `tel`, `choice`, `many`, `yesno`, `list`.
    pub input: &'static str,
    /// What stands there.
    pub text: String,
    /// What may be chosen.
    pub choices: Vec<Choice>,
    /// What is proposed.
    pub suggested: Vec<Choice>,
    /// Unit of a number.
    pub unit: String,
    /// An example.
    pub example: String,
    /// It must be there.
    pub required: bool,
    /// When it must be there though it need not always.
    pub when: String,
    /// What is wrong with it, and what to do.
    pub fault: String,
    /// Holds personal data.
    pub personal: bool,
    /// Which other fields must be there follows from it.
    pub leads: bool,
}

/// How the place of a path is named on the page.
pub fn anchor(path: &str) -> String {
    let plain: String = path.chars().map(|c| if c.is_ascii_alphanumeric() || c == '_' { c } else { '-' }).collect();
    format!("f-{}", plain.trim_end_matches('-'))
}

/// What a sheet is shown with.
#[derive(Debug)]
pub struct Showing<'a> {
    /// The contract of its kind.
    pub contract: &'a Contract,
    /// The reader's language.
    pub lang: Lang,
    /// What is wrong, by path.
    pub faults: &'a BTreeMap<String, String>,
    /// What is proposed, by path.
    pub suggested: &'a Suggested,
}

impl Sheet {
    /// The pieces of the body.
    pub fn pieces(&self, showing: &Showing<'_>) -> Vec<Piece> {
        let mut made = Making { sheet: self, showing, pieces: Vec::new() };
        made.below("body");
        made.pieces
    }

    /// Fields of the header, in this order; whether each must be there is said by the kind.
    pub fn header(&self, showing: &Showing<'_>, fields: &[(&str, bool)]) -> Vec<Field> {
        let made = Making { sheet: self, showing, pieces: Vec::new() };
        let field = |(path, required): &(&str, bool)| {
            let path = format!("header.{path}");
            let info = showing.contract.field(&path)?;
            Some(Field { required: *required, when: String::new(), ..made.field(&path, info) })
        };
        fields.iter().filter_map(field).collect()
    }
}

struct Making<'a> {
    sheet: &'a Sheet,
    showing: &'a Showing<'a>,
    pieces: Vec<Piece>,
}

impl<'a> Making<'a> {
    /// Everything below a place.
    fn below(&mut self, outer: &str) {
        let contract: &'a Contract = self.showing.contract;
        let fields = contract.below(outer);
        let (first, rest): (Vec<&FieldInfo>, Vec<&FieldInfo>) = fields
            .into_iter()
            .filter(|field| self.is_shown(outer, field))
            .partition(|field| self.is_first(outer, field));
        for field in &first {
            self.one(outer, field);
        }
        self.parts(outer);
        if rest.is_empty() {
            return;
        }
        let used = rest.iter().any(|field| {
            let path = path_of(outer, field);
            self.sheet.has(contract, &path) || self.showing.faults.keys().any(|fault| super::is_within(fault, &path))
        });
        self.pieces.push(Piece::Fold(used));
        for field in rest {
            self.one(outer, field);
        }
        self.pieces.push(Piece::EndFold);
    }

    /// What a person sees at once: what must be there, always or as the sheet stands now, and the part that was chosen.
    fn is_first(&self, outer: &str, field: &FieldInfo) -> bool {
        field.required || !field.oneof.is_empty() || conditions(&field.when).any(|one| self.holds(outer, one))
    }

    fn holds(&self, outer: &str, (field, wanted): (&str, Option<&str>)) -> bool {
        let (contract, path) = (self.showing.contract, format!("{outer}.{field}"));
        match (field, wanted) {
            ("header.action", Some(action)) => contract.action.name() == action,
            (field, Some(value)) if field.starts_with("header.") => self.sheet.text(contract, field) == value,
            (_, Some(value)) => self.sheet.text(contract, &path) == value,
            (field, None) => self.sheet.has(contract, if field.starts_with("header.") { field } else { &path }),
        }
    }

    /// Whether other fields beside this one must be there or not by what it says.
    fn leads(&self, path: &str) -> bool {
        let (outer, name) = path.rsplit_once('.').unwrap_or(("", path));
        let asks = |field: &&FieldInfo| conditions(&field.when).any(|(asked, value)| asked == name && value.is_some());
        self.showing.contract.below(outer).iter().any(asks)
    }

    /// Bytes are not typed, and a body within a body is not written here; of several parts the chosen one is shown.
    fn is_shown(&self, outer: &str, field: &FieldInfo) -> bool {
        let path = path_of(outer, field);
        let typed = match field.type_name.as_str() {
            "Body" => false,
            "bytes" => field.required && !self.sheet.has(self.showing.contract, &path),
            _ => true,
        };
        typed && (field.oneof.is_empty() || self.sheet.is_there(self.showing.contract, &path))
    }

    /// Of which parts one may be chosen instead.
    fn parts(&mut self, outer: &str) {
        let contract: &'a Contract = self.showing.contract;
        let fields = contract.below(outer);
        let open = fields.into_iter().filter(|field| {
            !field.oneof.is_empty()
                && !self.sheet.is_there(contract, &path_of(outer, field))
                && field.type_name != "Body"
        });
        let lang = self.showing.lang;
        let button = |field: &FieldInfo| Button { path: path_of(outer, field), label: label(field, lang) };
        let buttons: Vec<Button> = open.map(button).collect();
        if !buttons.is_empty() {
            self.pieces.push(Piece::Pick(buttons));
        }
    }

    fn one(&mut self, outer: &str, field: &'a FieldInfo) {
        let path = path_of(outer, field);
        let contract: &'a Contract = self.showing.contract;
        if !contract.is_group(&path, field) {
            let field = self.field(&path, field);
            self.pieces.push(Piece::Field(Box::new(field)));
        } else if field.repeated {
            self.list(&path, field);
        } else {
            self.group(&path, field, "", String::new());
        }
    }

    fn list(&mut self, path: &str, field: &'a FieldInfo) {
        let count = self.sheet.entries(self.showing.contract, path).max(usize::from(field.required));
        let fault = self.fault(path);
        if !fault.is_empty() && count == 0 {
            self.pieces.push(Piece::Open(Group { fault, ..self.heading(path, field, "") }));
            self.pieces.push(Piece::Close);
        }
        for at in 0..count {
            let remove = if field.required && count == 1 { String::new() } else { format!("{path}[{at}]") };
            self.group(&format!("{path}[{at}]"), field, &format!(" {}", at + 1), remove);
        }
        let label = label(field, self.showing.lang);
        self.pieces.push(Piece::Add(Button { path: path.to_owned(), label }));
    }

    fn group(&mut self, path: &str, field: &'a FieldInfo, place: &str, remove: String) {
        let group = Group { fault: self.fault(path), remove, ..self.heading(path, field, place) };
        self.pieces.push(Piece::Open(group));
        self.below(path);
        self.pieces.push(Piece::Close);
    }

    fn heading(&self, path: &str, field: &FieldInfo, place: &str) -> Group {
        Group {
            anchor: anchor(path),
            label: label(field, self.showing.lang) + place,
            help: help(field, self.showing.lang),
            required: field.required,
            fault: String::new(),
            remove: String::new(),
        }
    }

    fn fault(&self, path: &str) -> String {
        self.showing.faults.get(path).cloned().unwrap_or_default()
    }

    fn field(&self, path: &str, field: &FieldInfo) -> Field {
        let (contract, lang) = (self.showing.contract, self.showing.lang);
        let text = self.sheet.text(contract, path);
        let chosen = |value: &str| text.lines().any(|line| line == value);
        let choice = |value: &proto::rules::ValueInfo| Choice {
            value: value.name.clone(),
            label: pick(lang, &value.zh, &value.en).to_owned(),
            chosen: chosen(&value.name),
        };
        let input = input(field);
        Field {
            path: path.to_owned(),
            anchor: anchor(path),
            label: label(field, lang),
            help: help(field, lang),
            choices: field.values.iter().map(choice).collect(),
            suggested: self.showing.suggested.get(path).cloned().unwrap_or_default(),
            unit: field.unit.clone(),
            example: example(field, input, lang),
            required: field.required,
            when: pick(lang, &field.when_zh, &field.when_en).to_owned(),
            fault: self.fault(path),
            personal: field.personal,
            leads: self.leads(path),
            input,
            text,
        }
    }
}

fn path_of(outer: &str, field: &FieldInfo) -> String {
    format!("{outer}.{}", contract::name(field))
}

/// The conditions of a field, each with the field that it asks and the value that it wants; none where any will do.
fn conditions(when: &str) -> impl Iterator<Item = (&str, Option<&str>)> {
    when.split(" or ").filter(|condition| !condition.is_empty()).map(condition)
}

fn condition(text: &str) -> (&str, Option<&str>) {
    match text.split_once(" = ") {
        Some((field, value)) => (field, Some(value)),
        None => (text.trim_end_matches(" present"), None),
    }
}

fn input(field: &FieldInfo) -> &'static str {
    let kind = field.type_name.as_str();
    match (kind, field.format, field.repeated) {
        (_, _, true) if !field.values.is_empty() => "many",
        (_, _, true) => "list",
        ("time", ..) => "time",
        ("boolean", ..) => "yesno",
        ("integer", ..) => "number",
        ("text", Format::Date, _) => "date",
        ("text", Format::Phone, _) => "tel",
        ("text", Format::Unspecified, _) if field.max.is_none_or(|max| max > LINE_CHARS_MAX) => "area",
        _ if !field.values.is_empty() => "choice",
        _ => "line",
    }
}

fn example(field: &FieldInfo, input: &str, lang: Lang) -> String {
    match (field.type_name.as_str(), input) {
        (_, "choice" | "many" | "time" | "date" | "yesno") => String::new(),
        ("Point", _) => "34.45,118.36".to_owned(),
        ("Money", _) => "12000.50".to_owned(),
        _ => pick(lang, &field.example_zh, &field.example_en).to_owned(),
    }
}

fn label(field: &FieldInfo, lang: Lang) -> String {
    pick(lang, &field.zh, &field.en).to_owned()
}

/// The first sentence of what the contract says: the rest says again what the form shows by itself.
fn help(field: &FieldInfo, lang: Lang) -> String {
    let (text, end) = match lang {
        Lang::Zh => (&field.help.zh, '。'),
        Lang::En => (&field.help.en, '.'),
    };
    text.split_inclusive(end).next().unwrap_or_default().trim().replace('`', "")
}

fn pick<'t>(lang: Lang, zh: &'t str, en: &'t str) -> &'t str {
    if lang == Lang::Zh { zh } else { en }
}
