//! What a harness writes down: one JSON line an event, with the harness's own monotonic time.
//!
//! `id` is the harness's name for one act of sending (it stands in the body, so that it is known even when the answer
//! of a call is lost); `message` is the id that the agent made for it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// One line of a history.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Line {
    /// Microseconds since the harness began.
    pub t: u64,
    /// What happened.
    #[serde(flatten)]
    pub event: Event,
}

/// What happened.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    /// What the run set out to do.
    Plan(Plan),
    /// A call that sends began.
    Submit(Submit),
    /// The sender's agent has it on its disk: queued, not yet accepted.
    Queued(Queued),
    /// The ACCEPTED receipt reached the sender.
    Ok(Accepted),
    /// The call failed; it was surely not accepted.
    Fail(Failed),
    /// Nobody knows: time limit, reset, death.
    Unknown(Unanswered),
    /// Given to the desk's program of a recipient.
    Hand(Hand),
    /// That program says that it is done with it.
    Confirm(Done),
    /// And its word is kept.
    ConfirmOk(Done),
    /// Nobody knows whether its word is kept.
    ConfirmUnknown(Done),
    /// A receipt, as the sender saw it.
    Receipt(Receipt),
    /// A state, as somebody read it.
    Read(Read),
    /// The broker refused what was queued; its sender was told.
    Refuse(Refused),
    /// A line of a recipient's inbox, read at the end.
    Listed(Listed),
    /// What the broker says of an accepted message when it is asked.
    Stands(Stands),
    /// What somebody counted while nothing moved.
    Sum(Sum),
    /// A signed head of an evidence tree.
    Head(Head),
    /// A proof about an evidence tree was asked for.
    Proof(Proof),
    /// What a program used at one instant.
    Sample(Sample),
    /// A fault began.
    Fault(Fault),
    /// What a power cut took.
    Lost(Lost),
    /// An attachment of what was handed over was asked for.
    Attached(Attached),
    /// What a fault broke works again.
    Healed(Healed),
    /// Everything is healed; from here on the rest must settle.
    Quiet,
    /// Nothing is recorded after this.
    End,
}

/// What the run set out to do.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub struct Plan {
    /// Gives the same schedule again.
    pub seed: u64,
    /// Names of the faults that must fire.
    #[serde(default)]
    pub faults: Vec<String>,
    /// Expiry, recall or poison belong to the run; otherwise only a hand-over settles.
    #[serde(default)]
    pub negative_ends: bool,
    /// Messages are of all sizes: a lane of the line that large urgent ones fill lets smaller ones of the next pass.
    #[serde(default)]
    pub all_sizes: bool,
}

/// A call that sends.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Submit {
    /// Counts calls; two calls with one `id` are a retry.
    pub call: u64,
    pub id: String,
    pub from: String,
    pub to: Vec<String>,
    /// 1 FLASH to 4 ROUTINE.
    pub precedence: u8,
    /// SHA-256 of what the caller gave.
    pub digest: String,
    /// When it expires, on the scale of `t`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<u64>,
}

/// Durable at the sender.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Queued {
    pub call: u64,
    pub id: String,
    pub message: String,
    pub seq: u64,
}

/// Durable at the broker.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Accepted {
    pub call: u64,
    pub id: String,
    pub epoch: String,
    pub position: u64,
    /// SHA-256 of the receipt's statement.
    pub receipt: String,
    /// Whom the addresses resolved to.
    pub resolved: Vec<String>,
}

/// Surely not accepted.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Failed {
    pub call: u64,
    pub id: String,
    pub code: String,
}

/// Perhaps accepted.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Unanswered {
    pub call: u64,
    pub id: String,
}

/// Given to the desk's program.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Hand {
    pub id: String,
    pub to: String,
    /// 1 at first; the program counts what it is given again.
    #[serde(rename = "try")]
    pub attempt: u32,
    /// Where the hand-over stands in the line of the recipient's events.
    pub cursor: u64,
    pub message: String,
    pub incarnation: String,
    pub seq: u64,
    /// As carried.
    pub precedence: u8,
    /// SHA-256 of what arrived, by the same rule as `Submit::digest`.
    pub digest: String,
    /// SHA-256 of the sealed content.
    pub content: String,
    /// Its seal was checked under the sender's key, with this result.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verified: Option<bool>,
}

/// A recipient's program is done with it.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Done {
    pub id: String,
    pub to: String,
}

/// A receipt.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Receipt {
    pub id: String,
    /// The recipient it is about; empty for ACCEPTED.
    pub to: String,
    pub stage: Stage,
    /// SHA-256 of the statement.
    pub hash: String,
    /// The content hash that it names.
    pub content: String,
    /// Hash of the receipt before, as the author knew it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous: Option<String>,
    /// Its signature was checked, with this result.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verified: Option<bool>,
    /// For negative ends.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub reason: String,
}

/// A state that somebody read.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Read {
    pub id: String,
    pub to: String,
    pub stage: Stage,
}

/// Refused by the broker.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Refused {
    pub id: String,
    pub code: String,
}

/// A line of an inbox.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Listed {
    pub id: String,
    pub to: String,
    pub message: String,
    pub cursor: u64,
}

/// What the broker says of a message, one entry for each recipient.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Stands {
    pub id: String,
    /// Where each delivery is; empty where the broker does not know the message.
    pub at: BTreeMap<String, Stage>,
}

/// Deliveries, counted by the broker while nothing moved.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Sum {
    pub handed: u64,
    pub negative: u64,
    pub waiting: u64,
}

/// A signed head of an evidence tree.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Head {
    /// `broker` or a jurisdiction.
    pub owner: String,
    pub size: u64,
    pub root: String,
    /// Its signature was checked, with this result.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verified: Option<bool>,
}

/// A proof that an owner of an evidence tree gave, computed anew by the harness.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Proof {
    pub owner: String,
    pub of: Proved,
    /// It leads to the root of the head that it names.
    pub holds: bool,
}

/// What a proof is about.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Proved {
    /// The head of the greater size continues that of the smaller.
    Continues { from: u64, to: u64 },
    /// The receipt with this hash is a leaf of the tree of this size.
    Contains { receipt: String, size: u64 },
}

/// What a program used at one instant.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Sample {
    /// `broker`, `agent:320300`.
    pub program: String,
    /// The most memory that it has held since it began.
    pub peak_bytes: u64,
    pub descriptors: u64,
    pub threads: u64,
}

/// A fault.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Fault {
    /// Its name in the plan, `kill broker 17`.
    pub name: String,
    pub kind: FaultKind,
    /// `broker`, `agent:320300`, `desk:320300`, `link:320300`.
    pub victim: String,
}

/// What sort of fault.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum FaultKind {
    /// kill -9.
    Kill,
    /// kill -9 of a program that is just starting: it cannot have taken a call yet.
    KillStarting,
    /// The power of the disk goes, and the program with it.
    PowerCut,
    /// The same while it is just starting.
    PowerCutStarting,
    /// The link is cut.
    Cut,
    /// The state directory is gone or an older copy is back.
    StateLost,
    /// It dies, lives for a while under another clock, and dies again.
    ClockStep,
}

impl FaultKind {
    /// A program that worked died.
    pub fn is_death(self) -> bool {
        matches!(self, Self::Kill | Self::PowerCut | Self::StateLost | Self::ClockStep)
    }

    /// A program that was starting died.
    pub fn is_death_at_start(self) -> bool {
        matches!(self, Self::KillStarting | Self::PowerCutStarting)
    }
}

/// What a power cut took.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Lost {
    /// The fault's name.
    pub name: String,
    /// What the harness wrote to that disk and did not sync is gone: the power was really cut.
    pub canary: bool,
}

/// An attachment of what was handed over, read at its recipient.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Attached {
    pub id: String,
    pub to: String,
    /// It is there with the bytes that its digest names.
    pub whole: bool,
}

/// The end of a fault.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Healed {
    pub victim: String,
}

/// A stage, in the order in which a delivery may pass through; the last four are negative ends.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Stage {
    Accepted,
    Delivered,
    Opened,
    Acknowledged,
    WillAnswer,
    Answered,
    Expired,
    Refused,
    Dead,
    Recalled,
}

impl Stage {
    /// It never reached its recipient.
    pub fn is_negative(self) -> bool {
        self >= Self::Expired
    }

    /// The stage by its number on the wire.
    pub fn from_wire(number: i32) -> Option<Self> {
        const ALL: [Stage; 10] = [
            Stage::Accepted,
            Stage::Delivered,
            Stage::Opened,
            Stage::Acknowledged,
            Stage::WillAnswer,
            Stage::Answered,
            Stage::Expired,
            Stage::Refused,
            Stage::Dead,
            Stage::Recalled,
        ];
        ALL.get(usize::try_from(number - 1).ok()?).copied()
    }
}

impl Event {
    /// The act of sending that the event is about.
    pub fn id(&self) -> Option<&str> {
        match self {
            Self::Submit(Submit { id, .. })
            | Self::Queued(Queued { id, .. })
            | Self::Ok(Accepted { id, .. })
            | Self::Fail(Failed { id, .. })
            | Self::Unknown(Unanswered { id, .. })
            | Self::Hand(Hand { id, .. })
            | Self::Confirm(Done { id, .. })
            | Self::ConfirmOk(Done { id, .. })
            | Self::ConfirmUnknown(Done { id, .. })
            | Self::Receipt(Receipt { id, .. })
            | Self::Read(Read { id, .. })
            | Self::Refuse(Refused { id, .. })
            | Self::Listed(Listed { id, .. })
            | Self::Attached(Attached { id, .. })
            | Self::Stands(Stands { id, .. }) => Some(id),
            Self::Plan(_)
            | Self::Sum(_)
            | Self::Head(_)
            | Self::Proof(_)
            | Self::Sample(_)
            | Self::Fault(_)
            | Self::Lost(_)
            | Self::Healed(_)
            | Self::Quiet
            | Self::End => None,
        }
    }
}

/// A history from its JSON lines.
pub fn parse(text: &str) -> Result<Vec<Line>, serde_json::Error> {
    text.lines().filter(|line| !line.trim().is_empty()).map(serde_json::from_str).collect()
}

/// One line of a history as it is written.
pub fn print(line: &Line) -> String {
    serde_json::to_string(line).unwrap()
}
