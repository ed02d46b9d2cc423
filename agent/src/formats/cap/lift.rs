//! A tree of elements as an alert of ours, with a finding for each value that cannot be one. Older versions are lifted
//! to what 1.2 would say.

use proto::v1;

use super::{
    findings::Findings,
    place,
    rule::Rule,
    shape::join,
    value::{self, NoTime},
    words::{self, Words},
    xml::{Node, Space},
};

/// What a file says without a media type counts as.
const ANY_BYTES: &str = "application/octet-stream";

/// The alert in the tree. With a finding that refuses, it is not whole.
pub fn alert(root: &Node, findings: &mut Findings) -> v1::CapAlert {
    let mut lift = Lift { space: root.space, findings };
    let scope = lift.word(root, "", "scope", words::SCOPE).unwrap_or_default();
    v1::CapAlert {
        version_read: version(root.space).to_owned(),
        identifier: token(root, "identifier"),
        sender: token(root, "sender"),
        sent: lift.time(root, "", "sent"),
        status: lift.word(root, "", "status", words::STATUS).unwrap_or_default().into(),
        message_type: lift.word(root, "", "msgType", words::MESSAGE_TYPE).unwrap_or_default().into(),
        source: text(root, "source"),
        // what 1.0 leaves out is public
        scope: if scope == v1::CapScope::Unspecified { v1::CapScope::Public } else { scope }.into(),
        restriction: text(root, "restriction"),
        addresses: value::list(&text(root, "addresses")),
        codes: texts(root, "code"),
        note: text(root, "note"),
        references: lift.references(root),
        incidents: value::list(&text(root, "incidents")),
        infos: root.all("info").enumerate().map(|(at, node)| lift.info(node, &format!("info[{at}]"))).collect(),
        signature: signature(root).into(),
    }
}

const fn version(space: Space) -> &'static str {
    match space {
        Space::V10 => "1.0",
        Space::V11 => "1.1",
        Space::V12 | Space::Signature | Space::Other => "1.2",
    }
}

fn signature(root: &Node) -> v1::CapSignature {
    let signed = || root.children.iter().filter(|child| child.space == Space::Signature);
    match (signed().next(), signed().any(|signature| signature.filled)) {
        (None, _) => v1::CapSignature::Absent,
        (Some(_), true) => v1::CapSignature::Present,
        (Some(_), false) => v1::CapSignature::Stub,
    }
}

/// The text of the first such child as it stands; nothing where it is blank.
fn text(node: &Node, name: &str) -> String {
    let said = node.children.iter().find(|child| child.name == name).filter(|child| child.says_something());
    said.map(|child| child.text.clone()).unwrap_or_default()
}

/// The same without white space around it, for what is one word.
fn token(node: &Node, name: &str) -> String {
    text(node, name).trim_ascii().to_owned()
}

fn texts(node: &Node, name: &str) -> Vec<String> {
    node.all(name).filter(|child| child.says_something()).map(|child| child.text.clone()).collect()
}

struct Lift<'f> {
    space: Space,
    findings: &'f mut Findings,
}

impl Lift<'_> {
    fn bad(&mut self, rule: Rule, element: String, detail: impl AsRef<str>) {
        self.findings.add(rule, element, 0, detail);
    }

    /// A word of an enumeration; a blank one was told already.
    fn word<E: Copy>(&mut self, node: &Node, path: &str, name: &str, known: &Words<E>) -> Option<E> {
        let said = token(node, name);
        if said.is_empty() {
            return None;
        }
        let found = words::value(known, &said);
        if found.is_none() {
            self.bad(Rule::Xsd, join(path, name, 0, false), said);
        }
        found
    }

    fn words<E: Copy + Into<i32>>(&mut self, node: &Node, path: &str, name: &str, known: &Words<E>) -> Vec<i32> {
        let mut found = Vec::new();
        for (at, child) in node.all(name).enumerate().filter(|(_, child)| child.says_something()) {
            let said = child.text.trim_ascii();
            match words::value(known, said) {
                Some(value) => found.push(value.into()),
                None => self.bad(Rule::Xsd, join(path, name, at, true), said),
            }
        }
        found
    }

    fn time(&mut self, node: &Node, path: &str, name: &str) -> String {
        let said = token(node, name);
        if said.is_empty() {
            return said;
        }
        let read = if self.space == Space::V12 { value::time(&said) } else { value::older_time(&said) };
        read.unwrap_or_else(|wrong| {
            let rule = if wrong == NoTime::Comma { Rule::C18 } else { Rule::Xsd };
            self.bad(rule, join(path, name, 0, false), &said);
            said
        })
    }

    fn references(&mut self, root: &Node) -> Vec<v1::CapReference> {
        let Some(node) = root.all("references").next() else { return Vec::new() };
        let mut found = Vec::new();
        for triple in node.text.split_whitespace() {
            let Some(reference) = reference(triple) else {
                self.bad(Rule::C02, "references".to_owned(), triple);
                return found;
            };
            found.push(reference);
        }
        if !node.says_something() {
            self.bad(Rule::C02, "references".to_owned(), "");
        }
        found
    }

    fn info(&mut self, node: &Node, path: &str) -> v1::CapInfo {
        let mut categories = self.words(node, path, "category", words::CATEGORY);
        if categories.is_empty() && self.space == Space::V10 {
            categories.push(v1::CapCategory::Other.into());
        }
        v1::CapInfo {
            language: token(node, "language"),
            categories,
            event: text(node, "event"),
            response_types: self.words(node, path, "responseType", words::RESPONSE_TYPE),
            urgency: self.word(node, path, "urgency", words::URGENCY).unwrap_or_default().into(),
            severity: self.word(node, path, "severity", words::SEVERITY).unwrap_or_default().into(),
            certainty: self.certainty(node, path).into(),
            audience: text(node, "audience"),
            event_codes: self.named_values(node, path, "eventCode"),
            effective: self.time(node, path, "effective"),
            onset: self.time(node, path, "onset"),
            expires: self.time(node, path, "expires"),
            sender_name: text(node, "senderName"),
            headline: text(node, "headline"),
            description: text(node, "description"),
            instruction: text(node, "instruction"),
            web: token(node, "web"),
            contact: text(node, "contact"),
            parameters: self.named_values(node, path, "parameter"),
            resources: each(node, "resource", path, |node, path| self.resource(node, path)),
            areas: each(node, "area", path, |node, path| self.area(node, path)),
        }
    }

    /// `Very Likely` is lawful in 1.0 alone, and is `Likely` since.
    fn certainty(&mut self, node: &Node, path: &str) -> v1::CapCertainty {
        if token(node, "certainty") != "Very Likely" {
            return self.word(node, path, "certainty", words::CERTAINTY).unwrap_or_default();
        }
        if self.space != Space::V10 {
            self.bad(Rule::C16, join(path, "certainty", 0, false), "Very Likely");
        }
        v1::CapCertainty::Likely
    }

    fn named_values(&mut self, node: &Node, path: &str, name: &str) -> Vec<v1::CapNamedValue> {
        let mut found = Vec::new();
        for (at, child) in node.all(name).enumerate() {
            let pair = if self.space == Space::V10 { old_pair(&child.text) } else { pair(child) };
            match pair {
                pair if !pair.value_name.is_empty() => found.push(pair),
                pair if pair.value.is_empty() => self.bad(Rule::W04, join(path, name, at, true), "valueName"),
                pair => self.bad(Rule::Xsd, join(path, name, at, true), format!("valueName: {}", pair.value)),
            }
        }
        found
    }

    fn resource(&mut self, node: &Node, path: &str) -> v1::CapResource {
        let size = token(node, "size");
        let read = size.trim_start_matches('+').parse().ok();
        if read.is_none() && !size.is_empty() {
            self.bad(Rule::Xsd, join(path, "size", 0, false), size);
        }
        let mime = token(node, "mimeType");
        v1::CapResource {
            description: text(node, "resourceDesc"),
            mime_type: if mime.is_empty() { ANY_BYTES.to_owned() } else { mime },
            size: read,
            uri: token(node, "uri"),
            deref_uri: token(node, "derefUri"),
            digest: token(node, "digest"),
        }
    }

    fn area(&mut self, node: &Node, path: &str) -> v1::CapArea {
        let (mut polygons, mut circles) = (Vec::new(), Vec::new());
        for (at, child) in node.all("polygon").enumerate().filter(|(_, child)| child.says_something()) {
            match place::polygon(&child.text) {
                Ok(polygon) => polygons.push(polygon),
                Err((rule, detail)) => self.bad(rule, join(path, "polygon", at, true), detail),
            }
        }
        for (at, child) in node.all("circle").enumerate() {
            match place::circle(&child.text) {
                Ok(circle) => circles.push(circle),
                Err((rule, detail)) => self.bad(rule, join(path, "circle", at, true), detail),
            }
        }
        v1::CapArea {
            description: text(node, "areaDesc"),
            polygons,
            circles,
            geocodes: self.named_values(node, path, "geocode"),
            altitude: token(node, "altitude"),
            ceiling: token(node, "ceiling"),
        }
    }
}

fn each<T>(node: &Node, name: &str, path: &str, mut read: impl FnMut(&Node, &str) -> T) -> Vec<T> {
    node.all(name).enumerate().map(|(at, child)| read(child, &join(path, name, at, true))).collect()
}

fn pair(node: &Node) -> v1::CapNamedValue {
    v1::CapNamedValue { value_name: token(node, "valueName"), value: text(node, "value") }
}

/// `NAME=VALUE` of version 1.0.
fn old_pair(text: &str) -> v1::CapNamedValue {
    let (name, value) = text.split_once('=').unwrap_or((text, ""));
    v1::CapNamedValue { value_name: name.trim_ascii().to_owned(), value: value.trim_ascii().to_owned() }
}

/// `sender,identifier,sent`.
fn reference(text: &str) -> Option<v1::CapReference> {
    let mut parts = text.split(',');
    let (sender, identifier, sent) = (parts.next()?, parts.next()?, parts.next()?);
    let whole = parts.next().is_none() && !sender.is_empty() && !identifier.is_empty();
    let sent = value::older_time(sent).ok().filter(|_| whole)?;
    Some(v1::CapReference { sender: sender.to_owned(), identifier: identifier.to_owned(), sent })
}
