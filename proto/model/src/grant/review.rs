//! A policy before it is put in force: what looks wrong, and what would change.

use std::{collections::BTreeSet, fmt};

use super::{Grant, Members, OutsideAgreement, Policy};
use crate::{header::Confidentiality, kind, time::Timestamp};

/// How grave a finding is.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Gravity {
    /// Worth a look.
    Note,
    /// The policy is not put in force.
    Error,
}

/// Something that looks wrong in a policy.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Finding {
    /// How grave.
    pub gravity: Gravity,
    /// In which line; `policy` for the head.
    pub grant: String,
    /// A stable name of what was found.
    pub rule: &'static str,
    /// The same in words.
    pub text: String,
}

/// One difference between two policies, in words.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Change {
    /// A line that was not there before.
    Added(String),
    /// A line that is no longer there.
    Removed(String),
    /// A line whose field says something else: line, field, before, after.
    Changed {
        /// The line.
        grant: String,
        /// The field.
        field: &'static str,
        /// What it said.
        before: String,
        /// What it says.
        after: String,
    },
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Added(line) => write!(f, "+ {line}"),
            Self::Removed(line) => write!(f, "- {line}"),
            Self::Changed { grant, field, before, after } => write!(f, "~ {grant} {field}: {before} -> {after}"),
        }
    }
}

impl Policy {
    /// What looks wrong, gravest first. A policy with an `Error` is not put in force.
    pub fn lint(&self, now: Timestamp) -> Vec<Finding> {
        let mut findings = Vec::new();
        let mut found = |gravity, grant: &str, rule, text: &str| {
            findings.push(Finding { gravity, grant: grant.to_owned(), rule, text: text.to_owned() });
        };
        if self.is_stale(now) {
            found(Gravity::Error, "policy", "policy.expired", "the policy has expired");
        }
        if self.grants.is_empty() {
            found(Gravity::Note, "policy", "policy.empty", "nothing is allowed");
        }
        for grant in &self.grants {
            grant.lint(now, |gravity, rule, text| found(gravity, grant.id.as_str(), rule, text));
        }
        findings.sort_by_key(|finding| std::cmp::Reverse(finding.gravity));
        findings
    }

    /// What putting `next` in force instead of this one would change, line by line.
    pub fn diff(&self, next: &Self) -> Vec<Change> {
        let mut changes = Vec::new();
        let head = [
            ("version", self.version.to_string(), next.version.to_string()),
            ("region", self.region.to_string(), next.region.to_string()),
            ("expires", self.expires.rfc3339(), next.expires.rfc3339()),
        ];
        changed("policy", head, &mut changes);
        for before in &self.grants {
            match next.grant(&before.id) {
                None => changes.push(Change::Removed(before.to_string())),
                Some(after) => {
                    let fields = before.fields().into_iter().zip(after.fields());
                    let pairs = fields.map(|((field, before), (_, after))| (field, before, after));
                    changed(before.id.as_str(), pairs, &mut changes);
                }
            }
        }
        let new = next.grants.iter().filter(|grant| self.grant(&grant.id).is_none());
        changes.extend(new.map(|grant| Change::Added(grant.to_string())));
        changes.extend(self.admin_changes(next));
        changes
    }

    fn admin_changes(&self, next: &Self) -> Vec<Change> {
        let lines = |policy: &Self| -> BTreeSet<String> {
            let line = |admin: &super::Admin| format!("{} admin {:?} may {:?}", admin.id, admin.who, admin.acts);
            policy.admins.iter().map(line).collect()
        };
        let (before, after) = (lines(self), lines(next));
        let removed = before.difference(&after).cloned().map(Change::Removed);
        removed.chain(after.difference(&before).cloned().map(Change::Added)).collect()
    }
}

fn changed(grant: &str, fields: impl IntoIterator<Item = (&'static str, String, String)>, changes: &mut Vec<Change>) {
    let differing = fields.into_iter().filter(|(_, before, after)| before != after);
    changes.extend(differing.map(|(field, before, after)| Change::Changed {
        grant: grant.to_owned(),
        field,
        before,
        after,
    }));
}

impl Grant {
    fn lint(&self, now: Timestamp, mut found: impl FnMut(Gravity, &'static str, &str)) {
        if let (Some(from), Some(until)) = (self.valid_from, self.valid_until)
            && until < from
        {
            found(Gravity::Error, "grant.never_valid", "it ends before it begins");
        }
        if self.valid_until.is_some_and(|until| until < now) {
            found(Gravity::Note, "grant.over", "its time is over");
        }
        let needs = self.kinds.iter().any(|kind| kind.facts().cover == kind::Cover::Required);
        let covered = !self.agreements.is_empty() || self.outside == OutsideAgreement::Allowed;
        if needs && !covered {
            found(Gravity::Note, "grant.no_agreement", "it names kinds that need an agreement, and no agreement");
        }
        if self.to == Members::Any && self.confidentiality == Confidentiality::Sensitive {
            found(Gravity::Note, "grant.sensitive_to_all", "sensitive content may go to every member");
        }
        if self.kinds.iter().any(|kind| kind.is_document()) && self.to != Members::Any {
            found(Gravity::Note, "grant.document_to_some", "document changes have no recipient and need to = [\"*\"]");
        }
    }

    /// Its fields in words, always in the same order.
    fn fields(&self) -> Vec<(&'static str, String)> {
        let set = |values: &mut dyn Iterator<Item = String>| values.collect::<Vec<_>>().join(" ");
        let members = |members: &Members| match members {
            Members::Any => "*".to_owned(),
            Members::These(ids) => set(&mut ids.iter().map(ToString::to_string)),
        };
        let time = |at: Option<Timestamp>| at.map_or_else(|| "-".to_owned(), Timestamp::rfc3339);
        let none = (self.outside == OutsideAgreement::Allowed).then(|| "NONE".to_owned());
        vec![
            ("from", members(&self.from)),
            ("to", members(&self.to)),
            ("kinds", set(&mut self.kinds.iter().map(|kind| kind.code()))),
            ("status", set(&mut self.status.iter().map(ToString::to_string))),
            ("precedence", self.precedence.to_string()),
            ("confidentiality", self.confidentiality.to_string()),
            ("agreements", set(&mut self.agreements.iter().map(ToString::to_string).chain(none))),
            ("content_bytes_max", self.content_bytes_max.to_string()),
            ("quota", format!("{:?}", self.quota)),
            ("deadlines", format!("{:?}", self.deadlines)),
            ("valid_from", time(self.valid_from)),
            ("valid_until", time(self.valid_until)),
        ]
    }
}

impl fmt::Display for Grant {
    /// `A1 allow * -> * kinds K01 K02 …`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let fields = self.fields();
        let of = |name: &str| fields.iter().find(|(field, _)| *field == name).map_or("", |(_, text)| text.as_str());
        write!(f, "{} allow {} -> {} kinds {}", self.id, of("from"), of("to"), of("kinds"))?;
        write!(f, " status {} conf <= {} precedence <= {}", of("status"), self.confidentiality, self.precedence)?;
        if of("agreements").is_empty() { Ok(()) } else { write!(f, " agreement {}", of("agreements")) }
    }
}
