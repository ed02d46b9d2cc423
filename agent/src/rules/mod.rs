//! What the agent does by itself: rules that an operator wrote. A rule looks at what happens here, and where its condition
//! holds it acknowledges, answers, forwards, tells a person, calls a webhook, runs a command or writes a file.
//!
//! | module | what |
//! |---|---|
//! | `file` | the rules file, read and checked |
//! | [`condition`], `template` | when a rule acts, and what it says; the only code that knows CEL |
//! | `event`, `facts` | what happened, and what a condition may ask about it |
//! | `plan` | which rules match, what each would do, and what speaks against it |
//! | [`look`] | looks at everything that happens, once, and writes down what is owed |
//! | [`work`], `act` | does what is owed, tries again, gives up |
//! | `draft`, `cloud`, `webhook`, `place` | messages, CloudEvents, calls, files and commands |
//! | [`source`] | which programs may send events of their own |
//! | `show` | what a person may ask about all this |
//!
//! Absent on purpose: any way to sign off, to speak as a shift leader, or to send without the rules of the desk. What a rule
//! says goes through the same door as what a person says.

mod act;
mod cloud;
pub mod condition;
mod draft;
pub mod event;
mod facts;
pub mod file;
pub mod look;
mod place;
mod plan;
mod show;
pub mod source;
mod template;
pub mod webhook;
pub mod work;

use std::{path::PathBuf, sync::Arc, time::Duration};

use arc_swap::ArcSwap;
use model::{
    ids::JurisdictionId,
    invalid::Invalid,
    kind::Kind,
    role::Role,
    status::{Answer as Interim, Status},
};

use self::{condition::Condition, template::Template};

/// Which sort of event a rule looks at.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum On {
    /// A message came.
    Received,
    /// A message of ours was queued; not one that a rule sent.
    Sent,
    /// A receipt came, or one was signed here.
    Receipt,
    /// The broker refused a message of ours.
    Refused,
    /// Time reached a rung of a deadline.
    Deadline,
    /// The link came or went.
    Link,
}

impl On {
    /// All of them.
    pub const ALL: [Self; 6] = [Self::Received, Self::Sent, Self::Receipt, Self::Refused, Self::Deadline, Self::Link];

    /// As the rules file writes it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Received => "received",
            Self::Sent => "sent",
            Self::Receipt => "receipt",
            Self::Refused => "refused",
            Self::Deadline => "deadline",
            Self::Link => "link",
        }
    }
}

/// What a rule can do. A number never changes its meaning: it stands in the journal.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Action {
    /// Acknowledges the message, or says that an answer will come.
    Acknowledge,
    /// Answers it from a template.
    Answer,
    /// Sends it on to others.
    Forward,
    /// Tells a person, by a task.
    Notify,
    /// Calls a webhook.
    Webhook,
    /// Runs a command.
    Run,
    /// Writes a file.
    Write,
}

impl Action {
    /// All of them.
    pub const ALL: [Self; 7] =
        [Self::Acknowledge, Self::Answer, Self::Forward, Self::Notify, Self::Webhook, Self::Run, Self::Write];

    /// As journals number it.
    pub const fn number(self) -> u32 {
        match self {
            Self::Acknowledge => 1,
            Self::Answer => 2,
            Self::Forward => 3,
            Self::Notify => 4,
            Self::Webhook => 5,
            Self::Run => 6,
            Self::Write => 7,
        }
    }

    /// The action with this number.
    pub fn from_number(number: u32) -> Option<Self> {
        Self::ALL.into_iter().find(|action| action.number() == number)
    }

    /// As the rules file writes it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Acknowledge => "acknowledge",
            Self::Answer => "answer",
            Self::Forward => "forward",
            Self::Notify => "notify",
            Self::Webhook => "webhook",
            Self::Run => "run",
            Self::Write => "write",
        }
    }

    /// Whether it is counted against the rule's rate. What only leaves this desk for a program of its own is not: every
    /// event is to reach it.
    pub const fn is_counted(self) -> bool {
        !matches!(self, Self::Webhook | Self::Write)
    }
}

/// A rules file, read and checked.
#[derive(Clone, Debug)]
pub struct Rules {
    /// In which role rules speak: one that signs nothing off.
    pub role: Role,
    /// The rules, in the order of the file.
    pub rules: Vec<Rule>,
    /// Programs that may send events, in the order of the file.
    pub sources: Vec<source::Source>,
}

/// One rule.
#[derive(Clone, Debug)]
pub struct Rule {
    /// Its name: `a-z 0-9 -`.
    pub name: String,
    /// Which sort of event it looks at.
    pub on: On,
    /// Messages of which status it looks at.
    pub status: Vec<Status>,
    /// When it acts; always where it says nothing.
    pub when: Option<Condition>,
    /// It answers and forwards only what has come through at most so many rules.
    pub hops: u32,
    /// It acts at most so often within an hour.
    pub per_hour: u32,
    /// 签收.
    pub acknowledge: Option<Acknowledge>,
    /// A reply.
    pub answer: Option<Answer>,
    /// A copy to others.
    pub forward: Option<Forward>,
    /// A task for a person.
    pub notify: Option<Template>,
    /// A call.
    pub webhook: Option<Webhook>,
    /// A command.
    pub run: Option<Run>,
    /// A folder for files.
    pub write: Option<PathBuf>,
}

impl Rule {
    /// What it does, in a fixed order.
    pub fn actions(&self) -> impl Iterator<Item = Action> + '_ {
        Action::ALL.into_iter().filter(|action| match action {
            Action::Acknowledge => self.acknowledge.is_some(),
            Action::Answer => self.answer.is_some(),
            Action::Forward => self.forward.is_some(),
            Action::Notify => self.notify.is_some(),
            Action::Webhook => self.webhook.is_some(),
            Action::Run => self.run.is_some(),
            Action::Write => self.write.is_some(),
        })
    }

    /// The name under which it signs and speaks.
    pub fn signature(&self) -> String {
        format!("rule:{}", self.name)
    }
}

/// How a rule acknowledges.
#[derive(Clone, Debug)]
pub struct Acknowledge {
    /// A remark for the sender; may be empty.
    pub note: Template,
    /// It says 研究中 instead of 签收.
    pub will_answer: bool,
}

/// How a rule answers.
#[derive(Clone, Debug)]
pub struct Answer {
    /// With which kind.
    pub kind: Kind,
    /// A provisional answer; unset: a definite one.
    pub interim: Option<Interim>,
    /// The body as JSON, over what the desk knows by itself; its texts are templates.
    pub body: template::Body,
}

/// To whom a rule sends a copy.
#[derive(Clone, Debug)]
pub struct Forward {
    /// These, but for whoever has the message already.
    pub to: Vec<JurisdictionId>,
}

/// Where a webhook is.
#[derive(Clone, Debug)]
pub struct Webhook {
    /// On this machine by plain HTTP, elsewhere by https under a named authority.
    pub url: webhook::Target,
    /// File with the secret that signs what is sent; only its owner may read it.
    pub secret_file: PathBuf,
}

/// Which command a rule runs.
#[derive(Clone, Debug)]
pub struct Run {
    /// Program and arguments; no shell reads them.
    pub command: Vec<String>,
    /// After this it is ended.
    pub timeout: Duration,
}

/// The rules in force, and the file as it stands now.
#[derive(Debug)]
pub struct Board {
    file: Option<PathBuf>,
    now: ArcSwap<State>,
}

/// What is known of the rules file.
#[derive(Clone, Debug, Default)]
pub struct State {
    /// What is in force; none where no file could be read yet.
    pub rules: Option<Arc<Rules>>,
    /// Why the file as it stands now is not in force.
    pub problem: Option<Invalid>,
    /// Its text when it was looked at last.
    text: Option<String>,
}

impl Board {
    /// Reads the file that the configuration names, if it names one. A file that cannot be used puts no rules in force and
    /// says why: messages are carried without them.
    pub fn open(file: Option<PathBuf>) -> Self {
        let board = Self { file, now: ArcSwap::default() };
        board.reload();
        board
    }

    /// The file that the configuration names.
    pub fn file(&self) -> Option<&PathBuf> {
        self.file.as_ref()
    }

    /// What is in force now.
    pub fn now(&self) -> Arc<State> {
        self.now.load_full()
    }

    /// Reads the file again if it has changed, or could not be used. One that cannot be used leaves in force what was.
    pub fn reload(&self) {
        let Some(file) = &self.file else { return };
        let before = self.now();
        let text = file::text(file);
        if before.problem.is_none() && text.as_ref().is_ok_and(|text| before.text.as_ref() == Some(text)) {
            return;
        }
        let read = text.as_ref().map_err(Clone::clone).and_then(|text| file::parse(text));
        let state = match read {
            Ok(rules) => {
                tracing::info!(file = %file.display(), rules = rules.rules.len(), "rules are in force");
                State { rules: Some(Arc::new(rules)), problem: None, text: text.ok() }
            }
            Err(problem) if before.problem.as_ref() == Some(&problem) => return,
            Err(problem) => {
                tracing::error!(file = %file.display(), %problem, "the rules file cannot be used; what was in force stays");
                State { rules: before.rules.clone(), problem: Some(problem), text: text.ok() }
            }
        };
        self.now.store(Arc::new(state));
    }
}
