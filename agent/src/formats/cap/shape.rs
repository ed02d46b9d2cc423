//! Which elements stand where, how often and in which order, in each version of the standard.

use super::{
    findings::Findings,
    rule::Rule,
    xml::{Node, Space},
};

/// How often an element stands there.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Times {
    Once,
    Perhaps,
    Many,
    /// At least once from 1.1 on, any number before.
    Some11,
    /// Once from 1.1 on, perhaps before.
    Once11,
    /// Once from 1.2 on, perhaps before.
    Once12,
}

/// What stands in an element.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Holds {
    Text,
    /// A text that may be empty where it must be there, and whose own rule speaks where it is empty.
    Any,
    Elements,
}

use Holds::{Any, Elements, Text};
use Times::{Many, Once, Once11, Once12, Perhaps, Some11};

type Row = (&'static str, Times, Holds);

/// `alert`, in the order of the standard.
const ALERT: &[Row] = &[
    ("identifier", Once, Text),
    ("sender", Once, Text),
    ("sent", Once, Text),
    ("status", Once, Text),
    ("msgType", Once, Text),
    ("password", Perhaps, Any),
    ("source", Perhaps, Text),
    ("scope", Once11, Text),
    ("restriction", Perhaps, Text),
    ("addresses", Perhaps, Text),
    ("code", Many, Text),
    ("note", Perhaps, Text),
    ("references", Perhaps, Any),
    ("incidents", Perhaps, Text),
    ("info", Many, Elements),
];

const INFO: &[Row] = &[
    ("language", Perhaps, Text),
    ("category", Some11, Text),
    ("event", Once, Text),
    ("responseType", Many, Text),
    ("urgency", Once, Text),
    ("severity", Once, Text),
    ("certainty", Once, Text),
    ("audience", Perhaps, Text),
    ("eventCode", Many, Elements),
    ("effective", Perhaps, Text),
    ("onset", Perhaps, Text),
    ("expires", Perhaps, Text),
    ("senderName", Perhaps, Text),
    ("headline", Perhaps, Text),
    ("description", Perhaps, Text),
    ("instruction", Perhaps, Text),
    ("web", Perhaps, Text),
    ("contact", Perhaps, Text),
    ("parameter", Many, Elements),
    ("resource", Many, Elements),
    ("area", Many, Elements),
];

const NAMED_VALUE: &[Row] = &[("valueName", Once, Any), ("value", Once, Any)];

const RESOURCE: &[Row] = &[
    ("resourceDesc", Once, Text),
    ("mimeType", Once12, Text),
    ("size", Perhaps, Text),
    ("uri", Perhaps, Text),
    ("derefUri", Perhaps, Text),
    ("digest", Perhaps, Text),
];

const AREA: &[Row] = &[
    ("areaDesc", Once, Text),
    ("polygon", Many, Text),
    ("circle", Many, Any),
    ("geocode", Many, Elements),
    ("altitude", Perhaps, Text),
    ("ceiling", Perhaps, Text),
];

/// What stands in an element of this name; nothing where it holds text.
fn rows_of(name: &str) -> Option<&'static [Row]> {
    match name {
        "alert" => Some(ALERT),
        "info" => Some(INFO),
        "eventCode" | "parameter" | "geocode" => Some(NAMED_VALUE),
        "resource" => Some(RESOURCE),
        "area" => Some(AREA),
        _ => None,
    }
}

/// Looks at every element of an alert.
pub fn judge(root: &Node, findings: &mut Findings) {
    let known = matches!(root.space, Space::V10 | Space::V11 | Space::V12);
    if root.name != "alert" || !known {
        return findings.add(Rule::Xsd, "", root.line, format!("root element {}", root.name));
    }
    judge_node(root, "", root.space, findings);
}

/// `path` is the element's own, empty for the root.
fn judge_node(node: &Node, path: &str, space: Space, findings: &mut Findings) {
    let Some(rows) = rows_of(&node.name) else { return };
    // version 1.0 writes NAME=VALUE as text
    if space == Space::V10 && std::ptr::eq(rows, NAMED_VALUE) {
        return;
    }
    if node.says_something() {
        findings.add(Rule::Xsd, path, node.line, "text between elements");
    }
    let mut counts = vec![0_usize; rows.len()];
    let mut last = 0;
    for child in &node.children {
        if child.space == Space::Signature && node.name == "alert" {
            last = rows.len();
            continue;
        }
        let row = rows.iter().position(|(name, ..)| *name == child.name).filter(|_| child.space == space);
        let Some(at) = row else {
            findings.add(Rule::Xsd, path, child.line, format!("unknown element {}", child.name));
            continue;
        };
        let Some(((name, times, holds), count)) = rows.get(at).zip(counts.get_mut(at)) else { continue };
        let place = join(path, name, *count, *times == Many || *times == Some11);
        if at < last {
            findings.add(Rule::C13, &*place, child.line, format!("{name} comes too late"));
        }
        last = last.max(at);
        *count += 1;
        if *count == 2 && !matches!(times, Many | Some11) {
            findings.add(Rule::C13, &*place, child.line, format!("{name} twice"));
        }
        judge_child(child, &place, (*times, *holds), space, findings);
    }
    for ((name, times, _), count) in rows.iter().zip(counts) {
        if count == 0 && is_required(*times, space) {
            findings.add(Rule::Xsd, join(path, name, 0, false), node.line, format!("{name} is missing"));
        }
    }
}

fn judge_child(child: &Node, place: &str, (times, holds): (Times, Holds), space: Space, findings: &mut Findings) {
    if child.name == "password" && space != Space::V10 {
        findings.add(Rule::C16, place, child.line, "password");
    }
    if holds == Elements {
        return judge_node(child, place, space, findings);
    }
    if !child.children.is_empty() {
        findings.add(Rule::Xsd, place, child.line, "elements where text belongs");
    }
    if holds == Text && !child.says_something() {
        let rule = if is_required(times, space) { Rule::Xsd } else { Rule::W04 };
        findings.add(rule, place, child.line, format!("{} is empty", child.name));
    }
}

const fn is_required(times: Times, space: Space) -> bool {
    match times {
        Once => true,
        Some11 | Once11 => !matches!(space, Space::V10),
        Once12 => matches!(space, Space::V12),
        Perhaps | Many => false,
    }
}

/// The path of a child; those that may come often are counted.
pub fn join(path: &str, name: &str, at: usize, counted: bool) -> String {
    let dot = if path.is_empty() { "" } else { "." };
    if counted { format!("{path}{dot}{name}[{at}]") } else { format!("{path}{dot}{name}") }
}
