//! XML read safely: a tree of elements within limits. No document type, no entity but the five of XML itself, nothing
//! fetched. What stands inside a signature is skipped.

use quick_xml::{
    Reader,
    events::{BytesRef, BytesStart, Event},
};

use super::{findings::Finding, rule::Rule, text};

/// Elements of one file.
pub const ELEMENTS_MAX: usize = 65_536;
/// Elements within each other, those of a signature included.
pub const DEPTH_MAX: usize = 32;
/// Names for namespaces that hold at one place.
const BINDINGS_MAX: usize = 64;

/// Whose element it is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Space {
    /// CAP 1.0.
    V10,
    /// CAP 1.1.
    V11,
    /// CAP 1.2.
    V12,
    /// An XML signature.
    Signature,
    /// Somebody else's.
    Other,
}

impl Space {
    fn of(uri: &str) -> Self {
        match uri {
            "http://www.incident.com/cap/1.0" => Self::V10,
            "urn:oasis:names:tc:emergency:cap:1.1" => Self::V11,
            "urn:oasis:names:tc:emergency:cap:1.2" => Self::V12,
            "http://www.w3.org/2000/09/xmldsig#" => Self::Signature,
            _ => Self::Other,
        }
    }
}

/// An element with what stands in it.
#[derive(Debug)]
pub struct Node {
    /// Its name without prefix.
    pub name: String,
    /// Whose it is.
    pub space: Space,
    /// The line on which it begins, from 1.
    pub line: u32,
    /// Its own text, without that of its children.
    pub text: String,
    /// The elements in it, in their order; none of a signature's.
    pub children: Vec<Node>,
    /// A signature with something in it.
    pub filled: bool,
}

impl Node {
    /// Its text is not only white space.
    pub fn says_something(&self) -> bool {
        !self.text.trim_ascii().is_empty()
    }

    /// Its children of this name.
    pub fn all<'n>(&'n self, name: &'n str) -> impl Iterator<Item = &'n Self> {
        self.children.iter().filter(move |child| child.name == name)
    }

    /// The line of the element at a path such as `info[0].area[1]`; this one's where there is none.
    pub fn line_at(&self, path: &str) -> u32 {
        let mut here = self;
        for part in path.split('.') {
            let (name, at) = part
                .split_once('[')
                .map_or((part, 0), |(name, at)| (name, at.trim_end_matches(']').parse().unwrap_or(0)));
            match here.all(name).nth(at) {
                Some(next) => here = next,
                None => break,
            }
        }
        here.line
    }
}

/// The root of the document in `text`.
///
/// # Errors
/// One finding: C17 for a document type or an entity, XSD for what is no well-formed XML or passes a limit.
pub fn tree(text: &str) -> Result<Node, Finding> {
    let mut grower = Grower::new(text);
    let mut reader = Reader::from_str(text);
    loop {
        let at = usize::try_from(reader.buffer_position()).unwrap_or(usize::MAX);
        grower.moves_to(at);
        let event = reader.read_event().map_err(|error| grower.broken(&error.to_string()))?;
        match event {
            Event::Start(tag) => grower.begin(&tag)?,
            Event::Empty(tag) => grower.begin(&tag).and_then(|()| grower.end())?,
            Event::End(_) => grower.end()?,
            Event::Text(words) => grower.say(&words)?,
            Event::CData(words) => grower.say(&words)?,
            Event::GeneralRef(name) => grower.refer(&name)?,
            Event::DocType(_) => return Err(Finding::new(Rule::C17, "", grower.line, "DOCTYPE")),
            Event::Comment(_) | Event::Decl(_) | Event::PI(_) => {}
            Event::Eof => return grower.whole(),
        }
    }
}

/// What a prefix means from a depth on.
struct Binding {
    depth: usize,
    prefix: String,
    space: Space,
}

struct Grower<'t> {
    source: &'t str,
    counted_to: usize,
    line: u32,
    open: Vec<Node>,
    /// Elements that are open inside a signature.
    skipped: usize,
    count: usize,
    bindings: Vec<Binding>,
    root: Option<Node>,
}

impl<'t> Grower<'t> {
    fn new(source: &'t str) -> Self {
        let (open, bindings) = (Vec::new(), Vec::new());
        Self { source, counted_to: 0, line: 1, open, skipped: 0, count: 0, bindings, root: None }
    }

    fn moves_to(&mut self, at: usize) {
        let passed = self.source.get(self.counted_to..at).unwrap_or_default();
        self.line += text::line_of(passed, passed.len()) - 1;
        self.counted_to = at;
    }

    fn broken(&self, detail: &str) -> Finding {
        Finding::new(Rule::Xsd, "", self.line, detail)
    }

    fn depth(&self) -> usize {
        self.open.len() + self.skipped
    }

    fn begin(&mut self, tag: &BytesStart<'_>) -> Result<(), Finding> {
        self.count += 1;
        if self.count > ELEMENTS_MAX || self.depth() >= DEPTH_MAX {
            let limit = format!("more than {ELEMENTS_MAX} elements, or {DEPTH_MAX} within each other");
            return Err(self.broken(&limit));
        }
        if self.open.is_empty() && self.root.is_some() {
            return Err(self.broken("a second root element"));
        }
        self.bind(tag)?;
        let name = tag.name();
        let (prefix, local) = name.as_ref().split_once(':').unwrap_or(("", name.as_ref()));
        let space = self.space_of(prefix);
        if let Some(signature) = self.open.last_mut().filter(|open| open.space == Space::Signature) {
            signature.filled = true;
            self.skipped += 1;
            return Ok(());
        }
        let name = local.to_owned();
        self.open.push(Node { name, space, line: self.line, text: String::new(), children: Vec::new(), filled: false });
        Ok(())
    }

    fn bind(&mut self, tag: &BytesStart<'_>) -> Result<(), Finding> {
        let depth = self.depth();
        for attribute in tag.attributes().with_checks(false) {
            let attribute = attribute.map_err(|error| self.broken(&error.to_string()))?;
            let key = attribute.key.as_ref();
            let prefix = if key == "xmlns" { Some("") } else { key.strip_prefix("xmlns:") };
            let Some(prefix) = prefix else { continue };
            let (prefix, space) = (prefix.to_owned(), Space::of(&attribute.value));
            self.bindings.push(Binding { depth, prefix, space });
            if self.bindings.len() > BINDINGS_MAX {
                return Err(self.broken(&format!("more than {BINDINGS_MAX} namespaces")));
            }
        }
        Ok(())
    }

    fn space_of(&self, prefix: &str) -> Space {
        let bound = self.bindings.iter().rev().find(|binding| binding.prefix == prefix);
        bound.map_or(Space::Other, |binding| binding.space)
    }

    fn end(&mut self) -> Result<(), Finding> {
        if self.skipped > 0 {
            self.skipped -= 1;
        } else {
            let done = self.open.pop().ok_or_else(|| self.broken("an end without a beginning"))?;
            match self.open.last_mut() {
                Some(parent) => parent.children.push(done),
                None => self.root = Some(done),
            }
        }
        let depth = self.depth();
        self.bindings.retain(|binding| binding.depth < depth);
        Ok(())
    }

    fn say(&mut self, words: &str) -> Result<(), Finding> {
        match self.open.last_mut() {
            Some(open) if open.space == Space::Signature => {}
            Some(open) => open.text.push_str(words),
            None if words.trim_ascii().is_empty() => {}
            None => return Err(self.broken("text outside the root element")),
        }
        Ok(())
    }

    fn refer(&mut self, name: &BytesRef<'_>) -> Result<(), Finding> {
        let told = match name.resolve_char_ref() {
            Ok(Some(c)) if !text::forbidden(c) => c,
            Ok(None) => named(name).ok_or_else(|| {
                let entity: String = name.chars().take(40).collect();
                Finding::new(Rule::C17, "", self.line, format!("entity {entity}"))
            })?,
            Ok(Some(_)) | Err(_) => return Err(self.broken("a character that XML does not allow")),
        };
        self.say(told.encode_utf8(&mut [0; 4]))
    }

    fn whole(self) -> Result<Node, Finding> {
        if !self.open.is_empty() {
            return Err(self.broken("the file ends in the middle"));
        }
        let line = self.line;
        self.root.ok_or_else(|| Finding::new(Rule::Xsd, "", line, "no element"))
    }
}

/// The five entities that every XML document knows.
fn named(name: &str) -> Option<char> {
    match name {
        "lt" => Some('<'),
        "gt" => Some('>'),
        "amp" => Some('&'),
        "quot" => Some('"'),
        "apos" => Some('\''),
        _ => None,
    }
}
