//! What was found wrong with a file: which rule, where, and what stood there.

use model::{invalid::Invalid, reason::Reason};

use super::rule::{Level, Rule};

/// Findings of one file that are told; a file with more of them is not told apart by the rest.
pub const FINDINGS_MAX: usize = 100;
/// Characters of what stood there.
const DETAIL_CHARS: usize = 80;

/// One rule broken at one place.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Finding {
    /// Which rule.
    pub rule: Rule,
    /// The element, as `info[0].area[1].polygon[0]`, counted from 0; empty for the whole file.
    pub element: String,
    /// The line on which it stands, from 1; 0 where there is no file.
    pub line: u32,
    /// What stood there, in a few words; may be empty.
    pub detail: String,
}

impl Finding {
    /// `rule` is broken here.
    pub fn new(rule: Rule, element: impl Into<String>, line: u32, detail: impl AsRef<str>) -> Self {
        Self { rule, element: element.into(), line, detail: cut(detail.as_ref()) }
    }

    /// The same as a refusal of the field `outer`.
    pub fn invalid(&self, outer: &str) -> Invalid {
        let field = if self.element.is_empty() { outer.to_owned() } else { format!("{outer}.{}", self.element) };
        let line = if self.line == 0 { String::new() } else { format!("line {}", self.line) };
        let gap = if line.is_empty() || self.detail.is_empty() { "" } else { ": " };
        let detail = format!("{line}{gap}{}", self.detail);
        Invalid::new(Reason::CapInvalid, field, self.rule.name()).detail(detail)
    }
}

fn cut(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(DETAIL_CHARS).collect()
}

/// Everything that was found so far, in the order of the file.
#[derive(Clone, Debug, Default)]
pub struct Findings {
    all: Vec<Finding>,
    refuses: bool,
}

impl Findings {
    /// `rule` is broken at `element`.
    pub fn add(&mut self, rule: Rule, element: impl Into<String>, line: u32, detail: impl AsRef<str>) {
        self.push(Finding::new(rule, element, line, detail));
    }

    /// The same, made already. Beyond the limit only the first of a rule is kept.
    pub fn push(&mut self, finding: Finding) {
        self.refuses |= finding.rule.level() == Level::Refuse;
        let known = || self.all.iter().any(|known| known.rule == finding.rule);
        if self.all.len() < FINDINGS_MAX || !known() {
            self.all.push(finding);
        }
    }

    /// The same, one after the other.
    pub fn push_all(&mut self, findings: impl IntoIterator<Item = Finding>) {
        findings.into_iter().for_each(|finding| self.push(finding));
    }

    /// Whether the file is not taken.
    pub const fn refuses(&self) -> bool {
        self.refuses
    }

    /// All of them, the one that decides first.
    pub fn sorted(mut self) -> Vec<Finding> {
        self.all.sort_by_key(|finding| (finding.rule.level(), finding.rule.rank()));
        self.all
    }

    /// Those without a line get the line of their element.
    pub fn place(&mut self, line_of: impl Fn(&str) -> u32) {
        for finding in self.all.iter_mut().filter(|finding| finding.line == 0) {
            finding.line = line_of(&finding.element);
        }
    }
}
