//! What the standard asks of an alert beyond its elements, of one alert alone. Elements are named as they stand in a
//! file.

use std::collections::BTreeMap;

use model::geometry::outline::Budget;
use proto::v1;

use super::{
    findings::Findings,
    place::{self, CROSSING_PAIRS_MAX},
    rule::Rule,
    shape::join,
    value,
};

/// Looks at an alert that was read or is about to be written.
pub fn judge(alert: &v1::CapAlert, findings: &mut Findings) {
    let mut judge = Judge { alert, findings, budget: Budget(CROSSING_PAIRS_MAX) };
    judge.head();
    judge.references();
    judge.times_in_utc();
    for (at, info) in alert.infos.iter().enumerate() {
        judge.info(info, &format!("info[{at}]"));
    }
    judge.languages();
    if matches!(alert.signature(), v1::CapSignature::Present | v1::CapSignature::Stub) {
        judge.findings.add(Rule::W05, "Signature", 0, "");
    }
}

struct Judge<'a> {
    alert: &'a v1::CapAlert,
    findings: &'a mut Findings,
    budget: Budget,
}

impl Judge<'_> {
    fn holds(&mut self, rule: Rule, element: &str, keeps: bool, detail: &str) {
        if !keeps {
            self.findings.add(rule, element, 0, detail);
        }
    }

    fn head(&mut self) {
        let alert = self.alert;
        for (name, text) in [("identifier", &alert.identifier), ("sender", &alert.sender)] {
            let wrong = |c: char| c.is_whitespace() || matches!(c, ',' | '<' | '&');
            self.holds(Rule::C01, name, !text.contains(wrong), text);
        }
        let restricted = alert.scope() == v1::CapScope::Restricted;
        self.holds(Rule::C05, "restriction", alert.restriction.is_empty() || restricted, &alert.restriction);
        self.holds(Rule::C28, "status", alert.status() != v1::CapStatus::Draft, "Draft");
        if alert.version_read == "1.0" || alert.version_read == "1.1" {
            self.findings.add(Rule::W01, "", 0, &alert.version_read);
        }
    }

    fn references(&mut self) {
        let alert = self.alert;
        let refers = !matches!(alert.message_type(), v1::CapMessageType::Alert | v1::CapMessageType::Unspecified);
        let missing = refers && alert.references.is_empty();
        self.holds(Rule::C20, "msgType", !missing, words_of(alert));
        let sent = value::instant(&alert.sent);
        for named in &alert.references {
            let own = named.sender == alert.sender && named.identifier == alert.identifier;
            self.holds(Rule::C03, "references", !own, &named.identifier);
            let earlier = sent.zip(value::instant(&named.sent)).is_none_or(|(sent, named)| named <= sent);
            self.holds(Rule::C04, "references", earlier, &named.sent);
        }
    }

    /// UTC is written `-00:00`; a note, once a file.
    fn times_in_utc(&mut self) {
        let infos = self.alert.infos.iter().flat_map(|info| [&info.effective, &info.onset, &info.expires]);
        let utc = std::iter::once(&self.alert.sent).chain(infos).any(|time| time.ends_with("-00:00"));
        self.holds(Rule::W03, "sent", !utc, "-00:00");
    }

    fn info(&mut self, info: &v1::CapInfo, path: &str) {
        let at = |name: &str| join(path, name, 0, false);
        let language = info.language.is_empty() || value::is_language(&info.language);
        self.holds(Rule::C12, &at("language"), language, &info.language);
        self.holds(Rule::C10, &at("web"), info.web.is_empty() || value::is_absolute(&info.web), &info.web);
        let sent = value::instant(&self.alert.sent);
        let (effective, expires) = (value::instant(&info.effective), value::instant(&info.expires));
        let after = |earlier: Option<_>| expires.zip(earlier);
        let lives = after(sent).is_none_or(|(expires, sent)| expires > sent);
        let begins = after(effective).is_none_or(|(expires, effective)| expires >= effective);
        self.holds(Rule::C26, &at("expires"), lives && begins, &info.expires);
        for (name, text) in texts(info) {
            self.holds(Rule::C15, &at(name), !value::has_markup(text), "");
        }
        for (n, resource) in info.resources.iter().enumerate() {
            self.resource(resource, &join(path, "resource", n, true));
        }
        for (n, area) in info.areas.iter().enumerate() {
            self.area(area, &join(path, "area", n, true));
        }
    }

    fn resource(&mut self, resource: &v1::CapResource, path: &str) {
        let (uri, inside) = (&resource.uri, &resource.deref_uri);
        let relative = value::is_reference(uri) && !inside.is_empty();
        let known = uri.is_empty() || value::is_absolute(uri) || relative;
        self.holds(Rule::C10, &join(path, "uri", 0, false), known, uri);
        let readable = inside.is_empty() || value::is_base64(inside);
        self.holds(Rule::C11, &join(path, "derefUri", 0, false), readable, "base64");
        let mime = &resource.mime_type;
        self.holds(Rule::C11, &join(path, "mimeType", 0, false), value::is_media_type(mime), mime);
    }

    fn area(&mut self, area: &v1::CapArea, path: &str) {
        for (n, polygon) in area.polygons.iter().enumerate() {
            if let Err((rule, detail)) = place::judge_polygon(polygon, &mut self.budget) {
                self.findings.add(rule, join(path, "polygon", n, true), 0, detail);
            }
        }
        let feet = |text: &str| value::decimal(text, 3);
        let (low, high) = (feet(&area.altitude), feet(&area.ceiling));
        let altitude = area.altitude.is_empty() || low.is_some_and(|feet| feet >= 0);
        self.holds(Rule::C09, &join(path, "altitude", 0, false), altitude, &area.altitude);
        let above = low.zip(high).is_some_and(|(low, high)| high >= low);
        self.holds(Rule::C09, &join(path, "ceiling", 0, false), area.ceiling.is_empty() || above, &area.ceiling);
    }

    /// Two languages that say the same: somebody forgot to translate.
    fn languages(&mut self) {
        let mut said: BTreeMap<&str, &str> = BTreeMap::new();
        let mut twice = Vec::new();
        for (at, info) in self.alert.infos.iter().enumerate() {
            let text = info.description.as_str();
            let language = if info.language.is_empty() { "en-US" } else { &info.language };
            match said.insert(text, language) {
                Some(other) if !text.is_empty() && !other.eq_ignore_ascii_case(language) => twice.push(at),
                _ => {}
            }
        }
        for at in twice {
            self.findings.add(Rule::C14, format!("info[{at}].description"), 0, "");
        }
    }
}

fn words_of(alert: &v1::CapAlert) -> &'static str {
    super::words::word(super::words::MESSAGE_TYPE, alert.message_type())
}

/// Texts that people read.
fn texts(info: &v1::CapInfo) -> [(&'static str, &str); 6] {
    [
        ("event", &info.event),
        ("senderName", &info.sender_name),
        ("headline", &info.headline),
        ("description", &info.description),
        ("instruction", &info.instruction),
        ("contact", &info.contact),
    ]
}
