//! The options of the contract, read once from the descriptors into plain values.

use std::{
    collections::HashMap,
    sync::{Arc, LazyLock},
};

use model::kind::Kind;
use prost_reflect::{
    DescriptorPool, DynamicMessage, EnumDescriptor, ExtensionDescriptor, FieldDescriptor, FileDescriptor,
    Kind as WireKind, MessageDescriptor,
};

use super::info::KindInfo;
use crate::{DESCRIPTORS, v1};

const PACKAGE: &str = "liandong.v1";

static CONTRACT: LazyLock<Schema> = LazyLock::new(|| {
    let pool = DescriptorPool::decode(DESCRIPTORS).unwrap_or_default();
    Schema::of(&pool, "liandong.v1.Body")
});

/// The Chinese of the comments, by what they speak of. It stands beside the contract, not within it: wording is no change of
/// the contract.
pub static HELP_ZH: LazyLock<HashMap<&str, &str>> = LazyLock::new(|| {
    let lines = include_str!("../../liandong/help.zh-CN.txt").lines();
    lines.filter(|line| !line.starts_with('#')).filter_map(|line| line.split_once(' ')).collect()
});

/// Every message of a set of descriptors with its rules.
#[derive(Debug, Default)]
pub struct Schema {
    messages: Vec<MessageRules>,
    by_name: HashMap<String, MessageKey>,
    body: Option<MessageKey>,
    kinds: Vec<KindInfo>,
}

/// Where a message stands in its schema.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct MessageKey(usize);

/// What something of the contract means.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Help {
    /// In Chinese, from the language file; the comment where that says nothing.
    pub zh: String,
    /// The comment in the contract.
    pub en: String,
}

/// A message.
#[derive(Debug)]
pub struct MessageRules {
    /// For reading and making values.
    pub descriptor: MessageDescriptor,
    /// Its name without package.
    pub name: String,
    /// What it is.
    pub help: Help,
    /// For a body: what it is the body of.
    pub kind: Option<v1::KindRule>,
    /// Its fields, as declared.
    pub fields: Vec<FieldRules>,
}

/// A field with its rule.
#[derive(Debug)]
pub struct FieldRules {
    /// For reading and making values.
    pub descriptor: FieldDescriptor,
    /// Its name in the contract.
    pub name: String,
    /// What the contract says about it; names are never empty.
    pub rule: v1::FieldRule,
    /// What it means.
    pub help: Help,
    /// What one value of it is.
    pub class: Class,
    /// Many values.
    pub repeated: bool,
    /// The group of which one member may be set.
    pub oneof: Option<String>,
}

/// What a value is.
#[derive(Clone, Debug)]
pub enum Class {
    /// Text.
    Text,
    /// Bytes.
    Bytes,
    /// True or false.
    Bool,
    /// A whole number.
    Integer(Integer),
    /// A fraction; wide or narrow.
    Real(Real),
    /// One of a list.
    Enum(Arc<EnumRules>),
    /// A point in time.
    Time,
    /// A length of time.
    Length,
    /// Another message.
    Message(MessageKey),
    /// A whole encoded `Body`, as bytes because a body within a body would make the contract depend on itself.
    Encoded,
}

/// How wide a whole number is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Integer {
    /// 32 bits with sign.
    I32,
    /// 64 bits with sign.
    I64,
    /// 32 bits without.
    U32,
    /// 64 bits without.
    U64,
}

/// How wide a fraction is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Real {
    /// 32 bits.
    F32,
    /// 64 bits.
    F64,
}

/// A closed list.
#[derive(Debug)]
pub struct EnumRules {
    /// Its name without package.
    pub name: String,
    /// What it lists.
    pub help: Help,
    /// Its values but 0, as declared.
    pub values: Vec<EnumValue>,
    prefix: String,
}

/// A value of a closed list.
#[derive(Debug)]
pub struct EnumValue {
    /// On the wire.
    pub number: i32,
    /// Its name without the list's prefix.
    pub short: String,
    /// In Chinese.
    pub zh: String,
    /// In English.
    pub en: String,
    /// What it means.
    pub help: Help,
}

impl Schema {
    /// The contract's.
    pub fn contract() -> &'static Self {
        &CONTRACT
    }

    /// The schema of a pool of descriptors whose bodies are the members of the message `body`.
    pub fn of(pool: &DescriptorPool, body: &str) -> Self {
        let reader = Reader::new(pool);
        let by_name: HashMap<String, MessageKey> =
            pool.all_messages().enumerate().map(|(at, found)| (found.full_name().to_owned(), MessageKey(at))).collect();
        let messages = pool.all_messages().map(|found| reader.message(found, &by_name)).collect();
        let mut schema = Self { messages, body: by_name.get(body).copied(), by_name, kinds: Vec::new() };
        schema.kinds = schema.body_fields().filter_map(|field| schema.kind_info(field)).collect();
        schema.kinds.sort_by_key(|info| info.kind.number());
        schema
    }

    /// The message that stands there.
    pub fn message(&self, key: MessageKey) -> Option<&MessageRules> {
        self.messages.get(key.0)
    }

    /// Every message.
    #[cfg(test)]
    pub fn messages(&self) -> &[MessageRules] {
        &self.messages
    }

    /// A message by its name, with or without the package of the contract.
    pub fn named(&self, name: &str) -> Option<&MessageRules> {
        let found = self.by_name.get(name).or_else(|| self.by_name.get(&format!("{PACKAGE}.{name}")));
        found.and_then(|key| self.message(*key))
    }

    /// The message that holds one of all bodies.
    pub fn body(&self) -> Option<&MessageRules> {
        self.body.and_then(|key| self.message(key))
    }

    /// Every kind that has a body.
    pub fn kinds(&self) -> &[KindInfo] {
        &self.kinds
    }

    /// The body of a kind.
    pub fn body_of(&self, kind: Kind) -> Option<&MessageRules> {
        self.body_field(kind).and_then(|field| self.inside(field))
    }

    /// The field of `Body` that holds the body of a kind.
    pub fn body_field(&self, kind: Kind) -> Option<&FieldRules> {
        self.body_fields().find(|field| self.kind_of(field) == Some(kind))
    }

    /// The message that a field holds, if it holds one.
    pub fn inside(&self, field: &FieldRules) -> Option<&MessageRules> {
        match field.class {
            Class::Message(key) => self.message(key),
            _ => None,
        }
    }

    /// The kind whose body a field of `Body` holds.
    pub fn kind_of(&self, field: &FieldRules) -> Option<Kind> {
        let number = self.inside(field)?.kind.as_ref()?.number;
        i32::try_from(number).ok().and_then(Kind::from_number)
    }

    fn body_fields(&self) -> impl Iterator<Item = &FieldRules> {
        self.body().into_iter().flat_map(|body| &body.fields)
    }

    fn kind_info(&self, field: &FieldRules) -> Option<KindInfo> {
        let message = self.inside(field)?;
        let rule = message.kind.as_ref()?;
        Some(KindInfo {
            kind: self.kind_of(field)?,
            zh: rule.zh.clone(),
            en: rule.en.clone(),
            message: message.name.clone(),
            field: field.name.clone(),
            help: message.help.clone(),
        })
    }
}

impl Help {
    /// In a language.
    pub fn text(&self, lang: crate::status::Lang) -> &str {
        match lang {
            crate::status::Lang::Zh => &self.zh,
            crate::status::Lang::En => &self.en,
        }
    }
}

impl MessageRules {
    /// A field by its name.
    pub fn field(&self, name: &str) -> Option<&FieldRules> {
        self.fields.iter().find(|field| field.name == name)
    }

    /// Whether this is that message of the contract.
    pub fn is(&self, name: &str) -> bool {
        self.descriptor.package_name() == PACKAGE && self.name == name
    }
}

impl FieldRules {
    /// Its name in a language.
    pub fn label(&self, lang: crate::status::Lang) -> &str {
        match lang {
            crate::status::Lang::Zh => &self.rule.zh,
            crate::status::Lang::En => &self.rule.en,
        }
    }
}

impl EnumRules {
    /// A value by its number.
    pub fn number(&self, number: i32) -> Option<&EnumValue> {
        self.values.iter().find(|value| value.number == number)
    }

    /// A value by what people write: its name, long or short, in any case and with dashes; its Chinese or English name.
    pub fn find(&self, text: &str) -> Option<&EnumValue> {
        let text = text.trim();
        let upper = text.to_ascii_uppercase().replace(['-', ' '], "_");
        let short = upper.strip_prefix(&self.prefix).unwrap_or(&upper);
        self.values.iter().find(|value| value.short == short || value.zh == text || value.en.eq_ignore_ascii_case(text))
    }
}

impl EnumValue {
    /// Its name in a language.
    pub fn label(&self, lang: crate::status::Lang) -> &str {
        match lang {
            crate::status::Lang::Zh => &self.zh,
            crate::status::Lang::En => &self.en,
        }
    }
}

/// Reads options and comments.
struct Reader {
    field: Option<ExtensionDescriptor>,
    kind: Option<ExtensionDescriptor>,
    value: Option<ExtensionDescriptor>,
    comments: HashMap<(String, Vec<i32>), String>,
    enums: HashMap<String, Arc<EnumRules>>,
}

impl Reader {
    fn new(pool: &DescriptorPool) -> Self {
        let extension =
            |name: &str| pool.all_extensions().find(|found| found.full_name() == format!("{PACKAGE}.{name}"));
        let mut reader = Self {
            field: extension("field"),
            kind: extension("kind"),
            value: extension("value"),
            comments: pool.files().flat_map(|file| comments(&file)).collect(),
            enums: HashMap::new(),
        };
        let enums = pool.all_enums().map(|found| (found.full_name().to_owned(), Arc::new(reader.list(&found))));
        reader.enums = enums.collect();
        reader
    }

    fn message(&self, descriptor: MessageDescriptor, keys: &HashMap<String, MessageKey>) -> MessageRules {
        // number order is the order of declaration nearly everywhere; the contract's own order reads better
        let mut fields: Vec<FieldDescriptor> = descriptor.fields().collect();
        fields.sort_by_key(|field| field.path().to_vec());
        MessageRules {
            name: descriptor.name().to_owned(),
            help: self.help(descriptor.name(), &descriptor.parent_file(), descriptor.path()),
            kind: option(&descriptor.options(), self.kind.as_ref()),
            fields: fields.into_iter().filter_map(|field| self.field(field, keys)).collect(),
            descriptor,
        }
    }

    fn field(&self, descriptor: FieldDescriptor, keys: &HashMap<String, MessageKey>) -> Option<FieldRules> {
        if descriptor.is_map() {
            return None; // the contract has none (a test says so): JSON and views would need a form of their own
        }
        let mut rule: v1::FieldRule = option(&descriptor.options(), self.field.as_ref()).unwrap_or_default();
        if rule.en.is_empty() {
            rule.en = descriptor.name().replace('_', " ");
        }
        if rule.zh.is_empty() {
            rule.zh.clone_from(&rule.en);
        }
        let file = descriptor.parent_message().parent_file();
        Some(FieldRules {
            name: descriptor.name().to_owned(),
            rule,
            help: self.help(&key(descriptor.parent_message().name(), descriptor.name()), &file, descriptor.path()),
            class: if is_encoded(&descriptor) { Class::Encoded } else { self.class(&descriptor.kind(), keys)? },
            repeated: descriptor.is_list(),
            oneof: descriptor.containing_oneof().filter(|one| !one.is_synthetic()).map(|one| one.name().to_owned()),
            descriptor,
        })
    }

    fn class(&self, kind: &WireKind, keys: &HashMap<String, MessageKey>) -> Option<Class> {
        Some(match kind {
            WireKind::String => Class::Text,
            WireKind::Bytes => Class::Bytes,
            WireKind::Bool => Class::Bool,
            WireKind::Float => Class::Real(Real::F32),
            WireKind::Double => Class::Real(Real::F64),
            WireKind::Int32 | WireKind::Sint32 | WireKind::Sfixed32 => Class::Integer(Integer::I32),
            WireKind::Int64 | WireKind::Sint64 | WireKind::Sfixed64 => Class::Integer(Integer::I64),
            WireKind::Uint32 | WireKind::Fixed32 => Class::Integer(Integer::U32),
            WireKind::Uint64 | WireKind::Fixed64 => Class::Integer(Integer::U64),
            WireKind::Enum(list) => Class::Enum(self.enums.get(list.full_name())?.clone()),
            WireKind::Message(message) => match message.full_name() {
                "google.protobuf.Timestamp" => Class::Time,
                "google.protobuf.Duration" => Class::Length,
                name => Class::Message(*keys.get(name)?),
            },
        })
    }

    fn list(&self, descriptor: &EnumDescriptor) -> EnumRules {
        let zero = descriptor.get_value(0);
        let prefix =
            zero.and_then(|zero| zero.name().strip_suffix("UNSPECIFIED").map(str::to_owned)).unwrap_or_default();
        let file = descriptor.parent_file();
        let values = descriptor.values().filter(|value| value.number() != 0).map(|value| {
            let names: v1::ValueRule = option(&value.options(), self.value.as_ref()).unwrap_or_default();
            let short = value.name().strip_prefix(&prefix).unwrap_or(value.name()).to_owned();
            let or = |text: String, instead: &str| if text.is_empty() { instead.to_owned() } else { text };
            let en = or(names.en, &short);
            EnumValue {
                number: value.number(),
                zh: or(names.zh, &en),
                en,
                help: self.help(&key(descriptor.name(), &short), &file, value.path()),
                short,
            }
        });
        EnumRules {
            name: descriptor.name().to_owned(),
            help: self.help(descriptor.name(), &file, descriptor.path()),
            values: values.collect(),
            prefix,
        }
    }

    fn help(&self, key: &str, file: &FileDescriptor, path: &[i32]) -> Help {
        let comment = self.comments.get(&(file.name().to_owned(), path.to_vec()));
        let en = comment.cloned().unwrap_or_default();
        let zh = HELP_ZH.get(key).map_or_else(|| en.clone(), |text| (*text).to_owned());
        Help { zh, en }
    }
}

/// How the language file names a field of a message or a value of an enum.
fn key(owner: &str, name: &str) -> String {
    format!("{owner}.{name}")
}

/// The bytes `inner` of a drill's injects are a body.
fn is_encoded(descriptor: &FieldDescriptor) -> bool {
    let holder = matches!(descriptor.parent_message().name(), "PlannedInject" | "DrillInject");
    holder && descriptor.name() == "inner" && matches!(descriptor.kind(), WireKind::Bytes)
}

/// The leading comments of a file, as running text.
fn comments(file: &FileDescriptor) -> Vec<((String, Vec<i32>), String)> {
    let info = file.file_descriptor_proto().source_code_info.as_ref();
    let places = info.map(|info| info.location.as_slice()).unwrap_or_default().iter();
    places
        .filter_map(|place| {
            let text = place.leading_comments.as_deref()?.split_whitespace().collect::<Vec<_>>().join(" ");
            Some(((file.name().to_owned(), place.path.clone()), text))
        })
        .collect()
}

/// An option of ours, if it is set.
fn option<M: prost::Message + Default>(options: &DynamicMessage, extension: Option<&ExtensionDescriptor>) -> Option<M> {
    let extension = extension.filter(|extension| options.has_extension(extension))?;
    options.get_extension(extension).as_message()?.transcode_to().ok()
}
