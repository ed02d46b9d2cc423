//! The life of one envelope in one mailbox. A step consumes the delivery and gives it back further on, or says why the
//! step is not lawful. Time is an argument.

use crate::{
    ids::{JurisdictionId, MessageId},
    numbered::numbered,
    reason::Reason,
    receipt::{Officer, Statement},
    stage::Stage,
    time::Timestamp,
};

/// Where a delivery stands.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum State {
    /// It lies in the mailbox.
    Queued,
    /// It is being handed over; known in memory only.
    InFlight,
    /// The recipient agent's journal has it.
    Delivered {
        /// Since when.
        at: Timestamp,
    },
    /// A person has opened it.
    Opened {
        /// Since when.
        at: Timestamp,
        /// Who opened it first.
        officer: Officer,
    },
    /// 签收: a person has it.
    Acknowledged {
        /// Since when.
        at: Timestamp,
        /// Who acknowledged.
        officer: Officer,
    },
    /// 研究中: an answer will come either way.
    WillAnswer {
        /// Since when.
        at: Timestamp,
        /// Who said so; none when an interim reply said it.
        officer: Option<Officer>,
    },
    /// A definite reply of this recipient was accepted.
    Answered {
        /// Since when.
        at: Timestamp,
        /// The reply.
        reply: MessageId,
    },
    /// It was never handed over.
    Ended(Ended),
}

/// A negative end, and when.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Ended {
    /// How.
    pub how: End,
    /// When.
    pub at: Timestamp,
}

/// How a delivery ended without being handed over.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum End {
    /// `expires_at` passed.
    Expired,
    /// Header, seal or grant failed at the recipient, or the body could not be read.
    Refused {
        /// Why.
        reason: Reason,
        /// By which rule; may be empty.
        rule: String,
    },
    /// Five hand-overs failed.
    Dead {
        /// Why the last one did.
        reason: Reason,
    },
    /// Its author took it back.
    Recalled(Recall),
}

/// How an author takes a message back.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Recall {
    /// By a CANCEL, or because its drill was aborted.
    Cancelled,
    /// By this newer revision.
    ReplacedBy(MessageId),
}

numbered! {
    /// Why a queued delivery does not move; its sender sees it with owner and telephone.
    pub enum Blocked as "blocked" {
        /// The recipient's agent is not connected.
        Offline = 1, "OFFLINE", "对方不在线";
        /// The recipient takes no more for now.
        Credit = 2, "CREDIT", "对方暂不接收";
        /// Trust or grants do not allow it now.
        Trust = 3, "TRUST", "信任待确认";
        /// Exercise traffic is frozen.
        Frozen = 4, "FROZEN", "演练已冻结";
    }
}

/// Why a step is not lawful here. The delivery stays as it was.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum OutOfOrder {
    /// It has not been handed over yet. Whoever holds the proof of a later stage keeps it until DELIVERED is known.
    #[error("not delivered yet")]
    NotDelivered,
    /// It has been handed over, so no negative end can follow.
    #[error("already delivered")]
    AlreadyDelivered,
    /// It has ended.
    #[error("ended as {}", .0.how.stage())]
    Ended(Ended),
    /// Only a dead one can be put back.
    #[error("not dead")]
    NotDead,
    /// The statement is about somebody else, about all, or lacks what its stage needs.
    #[error("the receipt does not describe a step of this delivery")]
    NotAStep,
}

/// One envelope in one mailbox.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Delivery {
    state: State,
    /// Ends that stay as history: of earlier lives, or overtaken by a proof of hand-over.
    past: Vec<Past>,
    /// Set when the author took it back after it was handed over: struck through, never deleted.
    recalled: Option<Recall>,
    failed_tries: u32,
}

/// An end that is no longer how things stand.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Past {
    /// A DELIVERED receipt became known after it: the receipt stands.
    Overtaken(Ended),
    /// An operator put it back into the mailbox.
    Redriven(Ended),
}

impl End {
    /// The stage by which receipts prove it.
    pub const fn stage(&self) -> Stage {
        match self {
            Self::Expired => Stage::Expired,
            Self::Refused { .. } => Stage::Refused,
            Self::Dead { .. } => Stage::Dead,
            Self::Recalled(_) => Stage::Recalled,
        }
    }
}

impl Default for Delivery {
    fn default() -> Self {
        Self::queued()
    }
}

impl Delivery {
    /// A new delivery: the journal has it.
    pub const fn queued() -> Self {
        Self { state: State::Queued, past: Vec::new(), recalled: None, failed_tries: 0 }
    }

    /// Where it stands.
    pub const fn state(&self) -> &State {
        &self.state
    }

    /// Ends that stay as history, oldest first.
    pub fn past(&self) -> &[Past] {
        &self.past
    }

    /// How its author took it back after it was handed over.
    pub const fn recalled(&self) -> Option<Recall> {
        self.recalled
    }

    /// Hand-overs that failed in this life; lost links do not count.
    pub const fn failed_tries(&self) -> u32 {
        self.failed_tries
    }

    /// The stage that receipts have proved: ACCEPTED while it waits.
    pub const fn stage(&self) -> Stage {
        match &self.state {
            State::Queued | State::InFlight => Stage::Accepted,
            State::Delivered { .. } => Stage::Delivered,
            State::Opened { .. } => Stage::Opened,
            State::Acknowledged { .. } => Stage::Acknowledged,
            State::WillAnswer { .. } => Stage::WillAnswer,
            State::Answered { .. } => Stage::Answered,
            State::Ended(ended) => ended.how.stage(),
        }
    }

    /// Nothing has to be handed over any more: it was delivered or came to a negative end.
    pub const fn is_settled(&self) -> bool {
        !matches!(self.state, State::Queued | State::InFlight)
    }

    /// It reached the stage that it owes.
    pub fn is_fulfilled(&self, owed: Stage) -> bool {
        let stage = self.stage();
        !stage.is_negative() && stage >= owed
    }

    /// Delivered, but not fulfilled when its time passed: the sender is told LAPSED, the state stays.
    pub fn has_lapsed(&self, owed: Stage, expires_at: Timestamp, now: Timestamp) -> bool {
        let delivered = self.is_settled() && !self.stage().is_negative();
        delivered && !self.is_fulfilled(owed) && now > expires_at
    }

    fn to(mut self, state: State) -> Self {
        self.state = state;
        self
    }

    /// The link takes it; credit was left.
    pub fn take(self) -> Result<Self, OutOfOrder> {
        match self.state {
            State::Queued | State::InFlight => Ok(self.to(State::InFlight)),
            State::Ended(ended) => Err(OutOfOrder::Ended(ended)),
            _ => Err(OutOfOrder::AlreadyDelivered),
        }
    }

    /// The session ended before a confirmation: back to the mailbox, at its old place, and no failed try.
    #[must_use]
    pub fn give_back(self) -> Self {
        if self.state == State::InFlight { self.to(State::Queued) } else { self }
    }

    /// A hand-over failed. After the fifth the delivery is dead.
    pub fn fail(mut self, reason: Reason, at: Timestamp) -> Result<Self, OutOfOrder> {
        match self.state {
            State::Queued | State::InFlight => {
                self.failed_tries += 1;
                if self.failed_tries >= crate::limits::TRIES_MAX {
                    self.end(End::Dead { reason }, at)
                } else {
                    Ok(self.to(State::Queued))
                }
            }
            State::Ended(ended) => Err(OutOfOrder::Ended(ended)),
            _ => Err(OutOfOrder::AlreadyDelivered),
        }
    }

    /// The recipient agent's journal has it. A proof of that overtakes every negative end, which stays as history; a
    /// repeat changes nothing.
    #[must_use]
    pub fn deliver(mut self, at: Timestamp) -> Self {
        match self.state {
            State::Queued | State::InFlight => self.to(State::Delivered { at }),
            State::Ended(ended) => {
                self.recalled = match ended.how {
                    End::Recalled(recall) => Some(recall),
                    End::Expired | End::Refused { .. } | End::Dead { .. } => self.recalled,
                };
                self.past.push(Past::Overtaken(ended));
                self.state = State::Delivered { at };
                self
            }
            _ => self,
        }
    }

    /// A person has opened it. The first opening counts; a later one changes nothing.
    pub fn open(self, officer: Officer, at: Timestamp) -> Result<Self, OutOfOrder> {
        self.forward(State::Opened { at, officer })
    }

    /// 签收. The first one counts, and nothing after it is undone.
    pub fn acknowledge(self, officer: Officer, at: Timestamp) -> Result<Self, OutOfOrder> {
        self.forward(State::Acknowledged { at, officer })
    }

    /// 研究中, or an interim reply was accepted (then no officer is named).
    pub fn will_answer(self, officer: Option<Officer>, at: Timestamp) -> Result<Self, OutOfOrder> {
        self.forward(State::WillAnswer { at, officer })
    }

    /// A definite reply of this recipient was accepted. The first one counts.
    pub fn answer(self, reply: MessageId, at: Timestamp) -> Result<Self, OutOfOrder> {
        self.forward(State::Answered { at, reply })
    }

    /// Positive stages only go forward: to an earlier or the same stage, nothing changes.
    fn forward(self, next: State) -> Result<Self, OutOfOrder> {
        let stage = self.stage();
        match self.state {
            State::Queued | State::InFlight => Err(OutOfOrder::NotDelivered),
            State::Ended(ended) => Err(OutOfOrder::Ended(ended)),
            _ => {
                let further = self.clone().to(next);
                Ok(if further.stage() > stage { further } else { self })
            }
        }
    }

    /// `expires_at` has passed for certain.
    pub fn expire(self, at: Timestamp) -> Result<Self, OutOfOrder> {
        self.end(End::Expired, at)
    }

    /// The recipient or the broker cannot take it.
    pub fn refuse(self, reason: Reason, rule: &str, at: Timestamp) -> Result<Self, OutOfOrder> {
        self.end(End::Refused { reason, rule: rule.to_owned() }, at)
    }

    /// Its author takes it back. If it was handed over, the state stays and it is marked.
    pub fn recall(mut self, recall: Recall, at: Timestamp) -> Result<Self, OutOfOrder> {
        match self.state {
            State::Queued | State::InFlight | State::Ended(_) => self.end(End::Recalled(recall), at),
            _ => {
                self.recalled = self.recalled.or(Some(recall));
                Ok(self)
            }
        }
    }

    /// Comes to a negative end, once.
    fn end(self, how: End, at: Timestamp) -> Result<Self, OutOfOrder> {
        match self.state {
            State::Queued | State::InFlight => Ok(self.to(State::Ended(Ended { how, at }))),
            State::Ended(ended) if ended.how == how => Ok(Self { state: State::Ended(ended), ..self }),
            State::Ended(ended) => Err(OutOfOrder::Ended(ended)),
            _ => Err(OutOfOrder::AlreadyDelivered),
        }
    }

    /// An operator puts a dead one back: a new life, the first stays in the history.
    pub fn redrive(mut self) -> Result<Self, OutOfOrder> {
        match self.state {
            State::Ended(ended) if matches!(ended.how, End::Dead { .. }) => {
                self.past.push(Past::Redriven(ended));
                self.failed_tries = 0;
                self.state = State::Queued;
                Ok(self)
            }
            State::Ended(ended) => Err(OutOfOrder::Ended(ended)),
            _ => Err(OutOfOrder::NotDead),
        }
    }

    /// The step that a receipt about `recipient`'s delivery proves. ACCEPTED is no step: it made the delivery.
    pub fn prove(self, recipient: &JurisdictionId, receipt: &Statement) -> Result<Self, OutOfOrder> {
        if receipt.recipient.as_ref() != Some(recipient) {
            return Err(OutOfOrder::NotAStep);
        }
        let (at, officer) = (receipt.at, || receipt.officer.clone().ok_or(OutOfOrder::NotAStep));
        let related = || receipt.related_message_id.ok_or(OutOfOrder::NotAStep);
        match receipt.stage {
            Stage::Accepted => Err(OutOfOrder::NotAStep),
            Stage::Delivered => Ok(self.deliver(at)),
            Stage::Opened => self.open(officer()?, at),
            Stage::Acknowledged => self.acknowledge(officer()?, at),
            Stage::WillAnswer => self.will_answer(receipt.officer.clone(), at),
            Stage::Answered => self.answer(related()?, at),
            Stage::Expired => self.expire(at),
            Stage::Refused => self.refuse(receipt.reason.ok_or(OutOfOrder::NotAStep)?, &receipt.rule, at),
            Stage::Dead => self.end(End::Dead { reason: receipt.reason.ok_or(OutOfOrder::NotAStep)? }, at),
            Stage::Recalled => {
                self.recall(receipt.related_message_id.map_or(Recall::Cancelled, Recall::ReplacedBy), at)
            }
        }
    }
}

#[cfg(test)]
mod tests;
