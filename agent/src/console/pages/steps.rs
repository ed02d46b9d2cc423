//! The steps that a person may take on a message: a button each, which begins its draft.

use model::{ids::MessageId, invalid::Invalid};

use crate::console::{Console, gate::Seated, words::Words};

/// A step as a page offers it.
#[derive(Clone, Debug)]
pub struct StepItem {
    /// Its name.
    pub name: &'static str,
    /// Its word.
    pub word: String,
    /// Its key on the keyboard; empty where it has none.
    pub letter: &'static str,
}

impl Console {
    /// What this person may do on a message now; nothing for who only watches.
    pub(in crate::console) fn step_items(&self, by: &Seated, id: MessageId) -> Result<Vec<StepItem>, Invalid> {
        let Some(role) = by.role().filter(|_| by.person.acting) else { return Ok(Vec::new()) };
        let w = by.visitor.words;
        let steps = self.desk.steps(id, role)?;
        let mut items: Vec<StepItem> = steps.iter().map(|step| item(step.name, w)).collect();
        // of several that answer, the first has the key
        let mut taken: Vec<&str> = Vec::new();
        for item in &mut items {
            if taken.contains(&item.letter) {
                item.letter = "";
            } else if !item.letter.is_empty() {
                taken.push(item.letter);
            }
        }
        Ok(items)
    }
}

fn item(name: &'static str, w: Words) -> StepItem {
    StepItem { name, word: w.t(key(name)), letter: letter(name) }
}

/// `o` offers, `x` cannot help, `f` reports on, `r` answers.
fn letter(name: &str) -> &'static str {
    match name {
        "offer" => "o",
        "cannot" => "x",
        "follow-up" => "f",
        "accept" | "commit" | "verify-reply" | "respond" | "consult-reply" | "consult-confirm" | "drill-reply"
        | "meeting-reply" | "minutes-confirm" | "task-report" | "agreement-reply" | "extend-word" | "release-word"
        | "settle-word" => "r",
        _ => "",
    }
}

/// The key of a step's word.
pub fn key(name: &str) -> &'static str {
    match name {
        "offer" => "step-offer",
        "cannot" => "step-cannot",
        "take-back" => "step-take-back",
        "accept" => "step-accept",
        "turn-down" => "step-turn-down",
        "commit" => "step-commit",
        "departed" => "step-departed",
        "arrived" => "step-arrived",
        "returning" => "step-returning",
        "returned" => "step-returned",
        "status" => "step-status",
        "extend" => "step-extend",
        "release" => "step-release",
        "call-back" => "step-call-back",
        "extend-word" | "release-word" | "settle-word" | "consult-reply" | "verify-reply" | "respond"
        | "drill-reply" | "meeting-reply" | "agreement-reply" => "step-reply",
        "settle" => "step-settle",
        "verify-confirm" => "step-verify-confirm",
        "verify-reopen" => "step-verify-reopen",
        "follow-up" => "step-follow-up",
        "final" => "step-final",
        "change" | "alert-update" | "drill-move" | "meeting-move" => "step-change",
        "alert-upgrade" => "step-upgrade",
        "alert-downgrade" => "step-downgrade",
        "alert-cancel" | "drill-cancel" | "meeting-cancel" => "step-cancel",
        "progress" | "task-report" => "step-progress",
        "conclude" => "step-conclude",
        "consult-confirm" | "minutes-confirm" => "step-confirm",
        "drill-plan" => "step-plan",
        "drill-evaluate" => "step-evaluate",
        "minutes" => "step-minutes",
        "task" => "step-task",
        // beginnings
        "report" => "begin-report",
        "bulletin" => "begin-bulletin",
        "alert" => "begin-alert",
        "verify" => "begin-verify",
        "situation" => "begin-situation",
        "request" => "begin-request",
        "volunteer" => "begin-volunteer",
        "action" => "begin-action",
        "consult" => "begin-consult",
        "zero" => "begin-zero",
        "daily" => "begin-daily",
        "drill" => "begin-drill",
        "meeting" => "begin-meeting",
        "handover" => "begin-handover",
        "agreement" => "begin-agreement",
        _ => "step-other",
    }
}

#[cfg(test)]
mod tests {
    use crate::desk::steps::{BEGINNINGS, STEPS};

    #[test]
    fn every_step_has_a_word() {
        let names = STEPS.iter().map(|step| step.name).chain(BEGINNINGS.iter().map(|one| one.name));
        for name in names {
            assert_ne!(super::key(name), "step-other", "{name}");
        }
    }
}
