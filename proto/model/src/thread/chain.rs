//! The revisions of one author's message: they take effect in order, and a lower one that comes after a higher is filed
//! as history.

use serde::{Deserialize, Serialize};

use super::{Mark, Marked, Marks, Step};
use crate::ids::{JurisdictionId, MessageId};

/// The newest revision of one message.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub struct Chain {
    /// Whose it is.
    pub author: JurisdictionId,
    /// The thread it stands in.
    pub thread: MessageId,
    /// The revision in force.
    pub message: MessageId,
    /// Its number.
    pub revision: u32,
}

impl Chain {
    /// A chain begins with its first message; where that was skipped, with a later one.
    pub fn of(step: &Step<'_>) -> Self {
        Self {
            author: step.by().clone(),
            thread: step.header.thread(),
            message: step.id(),
            revision: step.header.revision,
        }
    }

    /// Whether the author of the chain speaks.
    pub fn is_by(&self, step: &Step<'_>) -> bool {
        self.author == *step.by()
    }

    /// The mark of a revision that a later one has overtaken; none when it is the next. A message that starts another
    /// thread is never overtaken.
    pub fn overtaken(&self, step: &Step<'_>) -> Option<Marks> {
        let late = step.header.thread() == self.thread && step.header.revision <= self.revision;
        late.then(|| vec![Marked::new(Mark::Overtaken, "")])
    }

    /// This message is in force from now on.
    pub fn moves_to(&mut self, step: &Step<'_>) {
        *self = Self::of(step);
    }
}
