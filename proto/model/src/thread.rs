//! What messages do to the matter they are about. One machine for each family of kinds: a step is lawful and moves the
//! matter on, or it is refused with its rule and changes nothing. Both sides run the same machines over the same
//! messages, so a sender's agent refuses an unlawful step and a recipient's agent marks one that came all the same.
//!
//! A machine reads [`Facts`], what it needs of a body; the border takes them out of the wire. It keeps what it needs to
//! judge the next step, and what is owed by when in its [`ledger`]. It reads no clock: a step carries its time.

pub mod action;
pub mod agreement;
pub mod alert;
pub mod bulletin;
pub mod card;
pub mod chain;
pub mod consultation;
pub mod drill;
pub mod duty;
pub mod handover;
pub mod incident;
pub mod invitation;
pub mod item;
pub mod learned;
pub mod ledger;
pub mod meeting;
pub mod owe;
pub mod resource;
pub mod situation;
#[cfg(test)]
mod talk;
pub mod verification;

use serde::{Deserialize, Serialize};

use crate::{
    calendar::WorkingDays,
    header::{Action, Header},
    ids::{DrillId, IncidentId, JurisdictionId, MessageId},
    invalid::Invalid,
    numbered::numbered,
    reason::Reason,
    time::Timestamp,
};

pub use self::ledger::{Deadline, Ledger, Obligor};

/// What the machines need of a body; the rest of it is shown, not judged.
#[derive(Clone, Debug, PartialEq)]
pub enum Facts {
    /// K01.
    Incident(Box<incident::Facts>),
    /// K02, K03.
    Verification(verification::Facts),
    /// K04.
    Alert(alert::Facts),
    /// K05.
    Situation(situation::Facts),
    /// K06.
    Duty(duty::Facts),
    /// K07.
    Bulletin(bulletin::Facts),
    /// K11 to K18.
    Resource(resource::Facts),
    /// K20 to K22.
    Action(action::Facts),
    /// K23, K24.
    Consultation(consultation::Facts),
    /// K30 to K35.
    Drill(drill::Facts),
    /// K40, K41, K43, K44: a meeting, what becomes of its agenda, and its minutes.
    Meeting(meeting::Facts),
    /// K45.
    Item(item::Facts),
    /// K46.
    Handover(handover::Facts),
    /// K54.
    Agreement(agreement::Facts),
    /// Documents and system: nothing that a machine decides on.
    Nothing,
}

/// One message as a machine sees it.
#[derive(Clone, Copy, Debug)]
pub struct Step<'a> {
    /// Its header.
    pub header: &'a Header,
    /// What its body says.
    pub facts: &'a Facts,
    /// When the broker took charge of it; for a message of our own that it has not seen yet, when it was queued.
    pub at: Timestamp,
}

impl Step<'_> {
    /// Who speaks.
    pub const fn by(&self) -> &JurisdictionId {
        &self.header.sender.jurisdiction
    }

    /// Its id.
    pub const fn id(&self) -> MessageId {
        self.header.message_id
    }

    /// Takes the matter, or a part of it, back.
    pub fn cancels(&self) -> bool {
        self.header.action == Action::Cancel
    }
}

/// The matter a message belongs to: most stand in the thread of their first message, a drill and a meeting are made of
/// several threads.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize, Deserialize)]
pub enum Matter {
    /// The thread that this message opened.
    Thread(MessageId),
    /// What the recipients of one message owe it, whatever it is about.
    Message(MessageId),
    /// An incident that was learned of here and not reported yet.
    Incident(IncidentId),
    /// Everything about one drill.
    Drill(DrillId),
    /// Everything about one meeting, by its id.
    Meeting(String),
    /// What one jurisdiction owes on one local day, as YYYYMMDD.
    Duty(JurisdictionId, u32),
}

impl Matter {
    /// The matter of a message.
    pub fn of(header: &Header, facts: &Facts) -> Self {
        match facts {
            Facts::Drill(facts) => Self::of_drill(header, facts),
            Facts::Meeting(facts) => Self::Meeting(facts.meeting_id().to_owned()),
            Facts::Duty(facts) => Self::Duty(header.sender.jurisdiction.clone(), facts.date),
            _ => Self::Thread(header.thread()),
        }
    }

    /// The drill that the body names, else the one in the header: orders and injects name it there alone.
    fn of_drill(header: &Header, facts: &drill::Facts) -> Self {
        let told = || header.drill.as_ref().map(|drill| &drill.drill_id);
        facts.drill_id().or_else(told).map_or(Self::Thread(header.thread()), |drill| Self::Drill(drill.clone()))
    }
}

numbered! {
    /// What a step draws attention to, without being refused for it.
    pub enum Mark as "mark" {
        /// The counts propose a graver level than the declared one.
        LevelProposal = 1, "LEVEL_PROPOSAL", "伤亡达到更高等级";
        /// Known earlier and reported later.
        LateKnown = 2, "LATE_KNOWN", "疑似漏报";
        /// A supplement after its window.
        OutOfWindow = 3, "OUT_OF_WINDOW", "超出补报期限";
        /// A follow-up that changes nothing.
        NothingNew = 4, "NOTHING_NEW", "内容无变化";
        /// A lower type than asked is offered, and may be.
        LowerType = 5, "LOWER_TYPE", "类型低于要求";
        /// One resource stands in two live offers.
        DoublePromise = 6, "DOUBLE_PROMISE", "同一资源重复承诺";
        /// A milestone entered afterwards.
        LateEntry = 7, "LATE_ENTRY", "补录";
        /// Less is committed than was ordered.
        LessThanOrdered = 8, "LESS_THAN_ORDERED", "承诺少于需求";
        /// An item of work that comes back.
        Recurring = 9, "RECURRING", "重复出现";
        /// Nobody says who pays.
        FundingUnknown = 10, "FUNDING_UNKNOWN", "费用未明确";
        /// A report of a link that does not work.
        LinkFailed = 11, "LINK_FAILED", "链路测试未通过";
        /// An earlier revision that came after a later one: filed, not in force.
        Overtaken = 12, "OVERTAKEN", "已被更新版本取代";
        /// Two heads of one chain.
        TwoHeads = 13, "TWO_HEADS", "预警链出现分叉";
        /// Outside any agreement.
        OutsideAgreement = 14, "OUTSIDE_AGREEMENT", "协议外";
    }
}

/// A mark and what it is about: an item, a mission, a field; empty for the whole message.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub struct Marked {
    /// What.
    pub mark: Mark,
    /// About which part.
    pub about: String,
}

impl Marked {
    /// This mark about this part.
    pub fn new(mark: Mark, about: impl Into<String>) -> Self {
        Self { mark, about: about.into() }
    }
}

/// What a lawful step came to.
pub type Marks = Vec<Marked>;

/// A state as people read it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct StateName {
    /// As in the catalogue.
    pub name: &'static str,
    /// In Chinese.
    pub zh: &'static str,
    /// Nothing is expected any more.
    pub over: bool,
}

/// One machine. `step` returns what it draws attention to, or the rule that the step breaks; then nothing has changed.
pub trait Machine: Sized {
    /// The matter that this message opens.
    ///
    /// # Errors
    /// WRONG_SEQUENCE and others when it cannot open one.
    fn open(step: &Step<'_>, ledger: &mut Ledger) -> Result<(Self, Marks), Invalid>;

    /// The next message of the matter.
    ///
    /// # Errors
    /// The reason and rule of an unlawful step. Machine and ledger are then as before.
    fn step(&mut self, step: &Step<'_>, ledger: &mut Ledger) -> Result<Marks, Invalid>;

    /// What the sender's own agent asks besides, before the message leaves: what the others cannot know, such as who
    /// has acknowledged.
    ///
    /// # Errors
    /// The reason and rule for which it must not leave yet.
    fn may_send(&self, _step: &Step<'_>) -> Result<(), Invalid> {
        Ok(())
    }

    /// Where the matter stands after its newest message.
    fn state(&self) -> StateName;

    /// Where it stands at a time, when time alone moves it on: a meeting is over, an agreement has run out.
    fn state_at(&self, _at: Timestamp) -> StateName {
        self.state()
    }

    /// Where each part of it stands, in a stable order: items, missions, actions, invited.
    fn parts(&self) -> Vec<Part> {
        Vec::new()
    }

    /// The same at a time.
    fn parts_at(&self, _at: Timestamp) -> Vec<Part> {
        self.parts()
    }
}

/// A part of a matter that has a state of its own.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Part {
    /// Which: `item 1`, a mission's id, a jurisdiction.
    pub name: String,
    /// Where it stands.
    pub state: StateName,
    /// Figures and names about it that a list shows, such as `2/3`.
    pub detail: String,
}

macro_rules! machines {
    ($($variant:ident($facts:ident) = $type:path;)+) => {
        /// A matter's machine, whichever it is.
        #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
        pub enum AnyMachine {
            $(
                #[allow(missing_docs)]
                $variant($type),
            )+
        }

        impl AnyMachine {
            fn open(step: &Step<'_>, ledger: &mut Ledger) -> Result<Option<(Self, Marks)>, Invalid> {
                match step.facts {
                    $(Facts::$facts(_) => {
                        let (machine, marks) = <$type as Machine>::open(step, ledger)?;
                        Ok(Some((Self::$variant(machine), marks)))
                    })+
                    Facts::Nothing => Ok(None),
                }
            }

            fn step(&mut self, step: &Step<'_>, ledger: &mut Ledger) -> Result<Marks, Invalid> {
                match self { $(Self::$variant(machine) => machine.step(step, ledger),)+ }
            }

            fn may_send(&self, step: &Step<'_>) -> Result<(), Invalid> {
                match self { $(Self::$variant(machine) => machine.may_send(step),)+ }
            }

            fn state(&self) -> StateName {
                match self { $(Self::$variant(machine) => machine.state(),)+ }
            }

            fn state_at(&self, at: Timestamp) -> StateName {
                match self { $(Self::$variant(machine) => machine.state_at(at),)+ }
            }

            fn parts(&self) -> Vec<Part> {
                match self { $(Self::$variant(machine) => machine.parts(),)+ }
            }

            fn parts_at(&self, at: Timestamp) -> Vec<Part> {
                match self { $(Self::$variant(machine) => machine.parts_at(at),)+ }
            }
        }
    };
}

machines! {
    Incident(Incident) = incident::Incident;
    Verification(Verification) = verification::Verification;
    Alert(Alert) = alert::Alert;
    Situation(Situation) = situation::Situation;
    Duty(Duty) = duty::Day;
    Bulletin(Bulletin) = bulletin::Bulletin;
    Resource(Resource) = resource::Request;
    Action(Action) = action::Actions;
    Consultation(Consultation) = consultation::Consultation;
    Drill(Drill) = drill::Drill;
    Meeting(Meeting) = meeting::Meeting;
    Item(Item) = item::Item;
    Handover(Handover) = handover::Handover;
    Agreement(Agreement) = agreement::Agreement;
}

/// A matter: its machine and what is owed in it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Thread {
    /// The machine.
    pub machine: AnyMachine,
    /// What is owed by when, and what became of it.
    pub ledger: Ledger,
}

impl Thread {
    /// The matter that a message opens; none for kinds that no machine follows.
    ///
    /// # Errors
    /// The rule the message breaks.
    pub fn open(step: &Step<'_>) -> Result<Option<(Self, Marks)>, Invalid> {
        Self::open_by(step, &WorkingDays::default())
    }

    /// The same where people work on the days of `calendar`.
    ///
    /// # Errors
    /// The rule the message breaks.
    pub fn open_by(step: &Step<'_>, calendar: &WorkingDays) -> Result<Option<(Self, Marks)>, Invalid> {
        let mut ledger = Ledger::default();
        ledger.count_by(calendar.clone());
        let opened = AnyMachine::open(step, &mut ledger)?;
        ledger.count_by(WorkingDays::default());
        Ok(opened.map(|(machine, marks)| (Self { machine, ledger }, marks)))
    }

    /// The next message. On an error nothing has changed.
    ///
    /// # Errors
    /// The rule the message breaks.
    pub fn step(&mut self, step: &Step<'_>) -> Result<Marks, Invalid> {
        self.step_by(step, &WorkingDays::default())
    }

    /// The same where people work on the days of `calendar`.
    ///
    /// # Errors
    /// The rule the message breaks.
    pub fn step_by(&mut self, step: &Step<'_>, calendar: &WorkingDays) -> Result<Marks, Invalid> {
        let mut next = self.clone();
        next.ledger.count_by(calendar.clone());
        let marks = next.machine.step(step, &mut next.ledger)?;
        next.ledger.count_by(WorkingDays::default());
        *self = next;
        Ok(marks)
    }

    /// Whether the sender's own agent lets the next message leave. Nothing changes.
    ///
    /// # Errors
    /// The rule the message breaks.
    pub fn may_send(&self, step: &Step<'_>) -> Result<Marks, Invalid> {
        let marks = self.clone().step(step)?;
        self.machine.may_send(step)?;
        Ok(marks)
    }

    /// Where it stands after its newest message.
    pub fn state(&self) -> StateName {
        self.machine.state()
    }

    /// Where it stands at a time.
    pub fn state_at(&self, at: Timestamp) -> StateName {
        self.machine.state_at(at)
    }

    /// Where its parts stand after the newest message.
    pub fn parts(&self) -> Vec<Part> {
        self.machine.parts()
    }

    /// Where its parts stand at a time.
    pub fn parts_at(&self, at: Timestamp) -> Vec<Part> {
        self.machine.parts_at(at)
    }
}

/// The refusal of a step that the state does not allow. `rule` is `K15.milestone_order` or the like.
pub fn wrong_sequence(field: &'static str, rule: &'static str, detail: impl Into<String>) -> Invalid {
    Invalid::new(Reason::WrongSequence, field, rule).detail(detail)
}

/// The refusal of a change by somebody who is not its author.
pub fn not_author(rule: &'static str, detail: impl Into<String>) -> Invalid {
    Invalid::new(Reason::NotAuthor, "header.sender.jurisdiction", rule).detail(detail)
}

/// The refusal of a word by somebody who has none in the matter.
pub fn no_part(rule: &'static str, detail: impl Into<String>) -> Invalid {
    Invalid::new(Reason::RoleForbidden, "header.sender.jurisdiction", rule).detail(detail)
}

/// The refusal of a step in a matter that is over.
pub fn closed(state: StateName) -> Invalid {
    Invalid::new(Reason::ThreadClosed, "header.originating_message_id", "thread.over").detail(state.name)
}
