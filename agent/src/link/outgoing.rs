//! What the reader has to say to the broker. The reader never waits for the wire: if it did, and the broker's reader too,
//! both could wait for each other for ever. So it leaves its words here, and one task carries them out in order.
//!
//! What waits here is bounded by what the broker may send: confirms and declines by the credit that we gave, which is
//! renewed by a word that waits here too; of what was seen of the line only the newest counts.

use std::{
    collections::VecDeque,
    sync::{Mutex, MutexGuard, PoisonError},
};

use model::invalid::Invalid;
use proto::v1::{ReceiptsSeen, session_request::Frame as Tell};
use tokio::sync::Notify;

use super::session::Session;

/// Words beyond which whoever can wait does.
const ROOM: usize = 64;

/// Words for the broker, in order.
#[derive(Debug, Default)]
pub(super) struct Outgoing {
    waiting: Mutex<Waiting>,
    more: Notify,
    room: Notify,
}

#[derive(Debug, Default)]
struct Waiting {
    frames: VecDeque<Tell>,
    seen: Option<ReceiptsSeen>,
}

impl Outgoing {
    /// Leaves a word.
    pub fn say(&self, frame: Tell) {
        self.lock().frames.push_back(frame);
        self.more.notify_one();
    }

    /// The line of receipts is stored up to here.
    pub fn seen(&self, through: ReceiptsSeen) {
        self.lock().seen = Some(through);
        self.more.notify_one();
    }

    /// Waits until few words wait.
    pub async fn room(&self) {
        loop {
            let room = self.room.notified();
            if self.lock().frames.len() < ROOM {
                return;
            }
            room.await;
        }
    }

    async fn next(&self) -> Tell {
        loop {
            let more = self.more.notified();
            if let Some(frame) = self.take() {
                return frame;
            }
            more.await;
        }
    }

    fn take(&self) -> Option<Tell> {
        let mut waiting = self.lock();
        let frame = waiting.frames.pop_front();
        if waiting.frames.len() < ROOM {
            self.room.notify_one();
        }
        frame.or_else(|| waiting.seen.take().map(Tell::ReceiptsSeen))
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Session {
    /// Carries the reader's words to the wire.
    pub(super) async fn carry(&self) -> Result<(), Invalid> {
        loop {
            let frame = self.outgoing.next().await;
            self.tell(frame).await?;
        }
    }
}
