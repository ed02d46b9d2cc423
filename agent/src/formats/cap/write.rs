//! An alert as CAP 1.2: every element under its name and in the standard's order. What is empty is left out.

use proto::v1;

use super::{
    place, text, value,
    words::{self, Words},
};

/// The namespace of what we write.
pub const NAMESPACE: &str = "urn:oasis:names:tc:emergency:cap:1.2";

/// The file. It is valid where the alert has what the standard asks for; [`super::read`] tells.
pub fn write(alert: &v1::CapAlert) -> String {
    let mut out = Writer { text: String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"), depth: 0 };
    for part in ["<alert xmlns=\"", NAMESPACE, "\">\n"] {
        out.text.push_str(part);
    }
    out.depth = 1;
    head(&mut out, alert);
    for one in &alert.infos {
        out.within("info", |out| info(out, one));
    }
    out.text.push_str("</alert>\n");
    out.text
}

struct Writer {
    text: String,
    depth: usize,
}

impl Writer {
    fn indent(&mut self) {
        for _ in 0..self.depth {
            self.text.push_str("  ");
        }
    }

    /// An element with text, unless it is empty.
    fn say(&mut self, name: &str, text: &str) {
        if !text.is_empty() {
            self.say_even_empty(name, text);
        }
    }

    fn say_even_empty(&mut self, name: &str, text: &str) {
        self.indent();
        self.begin(name);
        escape(&mut self.text, text);
        self.end(name);
    }

    fn word<E: Copy + PartialEq>(&mut self, name: &str, known: &Words<E>, value: E) {
        self.say(name, words::word(known, value));
    }

    fn within(&mut self, name: &str, inside: impl FnOnce(&mut Self)) {
        self.indent();
        self.begin(name);
        self.text.push('\n');
        self.depth += 1;
        inside(self);
        self.depth -= 1;
        self.indent();
        self.end(name);
    }

    fn begin(&mut self, name: &str) {
        for part in ["<", name, ">"] {
            self.text.push_str(part);
        }
    }

    fn end(&mut self, name: &str) {
        for part in ["</", name, ">\n"] {
            self.text.push_str(part);
        }
    }

    fn named_values(&mut self, name: &str, values: &[v1::CapNamedValue]) {
        for v1::CapNamedValue { value_name, value } in values {
            self.within(name, |out| {
                out.say_even_empty("valueName", value_name);
                out.say_even_empty("value", value);
            });
        }
    }
}

/// Text as XML holds it; characters that XML forbids become U+FFFD.
fn escape(out: &mut String, words: &str) {
    for c in words.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '\r' => out.push_str("&#13;"),
            c if text::forbidden(c) => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
}

fn head(out: &mut Writer, alert: &v1::CapAlert) {
    out.say("identifier", &alert.identifier);
    out.say("sender", &alert.sender);
    out.say("sent", &alert.sent);
    out.word("status", words::STATUS, alert.status());
    out.word("msgType", words::MESSAGE_TYPE, alert.message_type());
    out.say("source", &alert.source);
    out.word("scope", words::SCOPE, alert.scope());
    out.say("restriction", &alert.restriction);
    out.say("addresses", &value::listed(&alert.addresses));
    for code in &alert.codes {
        out.say("code", code);
    }
    out.say("note", &alert.note);
    out.say("references", &references(&alert.references));
    out.say("incidents", &value::listed(&alert.incidents));
}

/// Triples, in their order.
pub fn references(all: &[v1::CapReference]) -> String {
    let triple = |named: &v1::CapReference| format!("{},{},{}", named.sender, named.identifier, named.sent);
    all.iter().map(triple).collect::<Vec<_>>().join(" ")
}

fn info(out: &mut Writer, info: &v1::CapInfo) {
    out.say("language", &info.language);
    for category in info.categories() {
        out.word("category", words::CATEGORY, category);
    }
    out.say("event", &info.event);
    for response in info.response_types() {
        out.word("responseType", words::RESPONSE_TYPE, response);
    }
    out.word("urgency", words::URGENCY, info.urgency());
    out.word("severity", words::SEVERITY, info.severity());
    out.word("certainty", words::CERTAINTY, info.certainty());
    out.say("audience", &info.audience);
    out.named_values("eventCode", &info.event_codes);
    out.say("effective", &info.effective);
    out.say("onset", &info.onset);
    out.say("expires", &info.expires);
    out.say("senderName", &info.sender_name);
    out.say("headline", &info.headline);
    out.say("description", &info.description);
    out.say("instruction", &info.instruction);
    out.say("web", &info.web);
    out.say("contact", &info.contact);
    out.named_values("parameter", &info.parameters);
    for one in &info.resources {
        out.within("resource", |out| resource(out, one));
    }
    for one in &info.areas {
        out.within("area", |out| area(out, one));
    }
}

fn resource(out: &mut Writer, resource: &v1::CapResource) {
    out.say("resourceDesc", &resource.description);
    out.say("mimeType", &resource.mime_type);
    out.say("size", &resource.size.map(|size| size.to_string()).unwrap_or_default());
    out.say("uri", &resource.uri);
    out.say("derefUri", &resource.deref_uri);
    out.say("digest", &resource.digest);
}

fn area(out: &mut Writer, area: &v1::CapArea) {
    out.say("areaDesc", &area.description);
    for polygon in &area.polygons {
        out.say("polygon", &place::polygon_written(polygon));
    }
    for circle in &area.circles {
        out.say("circle", &place::circle_written(circle));
    }
    out.named_values("geocode", &area.geocodes);
    out.say("altitude", &area.altitude);
    out.say("ceiling", &area.ceiling);
}
