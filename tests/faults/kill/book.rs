//! What the harness remembers beside its history: whose message is whose, and what is still open.

use std::collections::{HashMap, HashSet};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use prost::Message as _;
use proto::v1;
use sha2::{Digest, Sha256};
use tokio::sync::{Notify, Semaphore};

use super::notary::Notary;
use crate::checker::event::{Event, Failed, Queued, Refused, Submit, Unanswered};
use crate::checker::recorder::Recorder;

/// The history, and an index of it that the harness itself needs. Shared by all its tasks.
pub struct Book {
    pub history: Recorder,
    /// Checks what the programs hand out.
    pub notary: Notary,
    /// One permit for each call that may still wait for an answer.
    pub window: Semaphore,
    calls: AtomicU64,
    open: Mutex<Open>,
    changed: Notify,
}

#[derive(Default)]
struct Open {
    names: HashMap<Bytes, String>,
    /// Calls without an outcome.
    waiting: HashSet<String>,
    /// Queued, and neither accepted nor refused.
    queued: HashSet<String>,
    /// Accepted, and not handed over.
    accepted: HashSet<String>,
    handed: HashSet<String>,
    /// Receipts that are in the history.
    told: HashSet<String>,
    /// Accepted so far.
    count: u64,
    /// Accepted, and the broker was not asked about them since it began last.
    unasked: Vec<String>,
}

impl Book {
    /// A book that lets `window` calls wait at a time, and counts them from `first`.
    pub fn begin(history: Recorder, notary: Notary, window: usize, first: u64) -> Self {
        let (calls, open) = (AtomicU64::new(first), Mutex::default());
        Self { history, notary, window: Semaphore::new(window), calls, open, changed: Notify::new() }
    }

    /// Writes a submit down and gives its name and number.
    pub fn submit(&self, from: &str, draft: impl FnOnce(&str) -> v1::Draft) -> (String, u64, v1::Draft) {
        let call = self.calls.fetch_add(1, Ordering::SeqCst);
        let id = format!("m{call}");
        let draft = draft(&id);
        let header = draft.header.clone().unwrap_or_default();
        self.open.lock().unwrap().waiting.insert(id.clone());
        self.history.record(Event::Submit(Submit {
            call,
            id: id.clone(),
            from: from.into(),
            to: header.recipients.iter().filter_map(recipient).collect(),
            precedence: u8::try_from(header.precedence).unwrap_or_default(),
            digest: digest_of(draft.body.as_ref()),
            expires: None,
        }));
        self.changed.notify_waiters();
        (id, call, draft)
    }

    /// The sender's agent has it.
    pub fn queued(&self, id: &str, call: u64, answer: &v1::SendResponse) {
        let mut open = self.open.lock().unwrap();
        open.names.insert(answer.message_id.clone(), id.into());
        if open.waiting.contains(id) {
            open.queued.insert(id.into());
        }
        drop(open);
        let (id, message, seq) = (id.to_owned(), hex(&answer.message_id), answer.sender_seq);
        self.history.record(Event::Queued(Queued { call, id, message, seq }));
    }

    /// The call surely failed.
    pub fn failed(&self, id: &str, call: u64, code: String) {
        self.history.record(Event::Fail(Failed { call, id: id.into(), code }));
        self.answered(id);
    }

    /// Nobody knows what became of the call.
    pub fn unknown(&self, id: &str, call: u64) {
        self.history.record(Event::Unknown(Unanswered { call, id: id.into() }));
        self.answered(id);
    }

    /// The broker refused what was queued.
    pub fn refused(&self, id: &str, code: String) {
        self.history.record(Event::Refuse(Refused { id: id.into(), code }));
        self.open.lock().unwrap().queued.remove(id);
        self.answered(id);
    }

    /// The ACCEPTED receipt is in the history.
    pub fn accepted(&self, id: &str) {
        let mut open = self.open.lock().unwrap();
        open.count += 1;
        open.unasked.push(id.into());
        open.queued.remove(id);
        if !open.handed.contains(id) {
            open.accepted.insert(id.into());
        }
        drop(open);
        self.answered(id);
    }

    /// It was handed over.
    pub fn handed(&self, id: &str) {
        let mut open = self.open.lock().unwrap();
        open.handed.insert(id.into());
        open.accepted.remove(id);
        drop(open);
        self.changed.notify_waiters();
    }

    fn answered(&self, id: &str) {
        if self.open.lock().unwrap().waiting.remove(id) {
            self.window.add_permits(1);
        }
        self.changed.notify_waiters();
    }

    /// True the first time a receipt is told.
    pub fn tell_once(&self, receipt: &str) -> bool {
        self.open.lock().unwrap().told.insert(receipt.into())
    }

    /// The harness's name of a message, if it is known yet.
    pub fn name(&self, message_id: &Bytes) -> Option<String> {
        self.open.lock().unwrap().names.get(message_id).cloned()
    }

    /// Learns a name from a message that was shown.
    pub fn learn(&self, shown: &v1::ShowResponse) -> Option<String> {
        let content = shown.content.as_ref()?;
        let id = name_in(content.body.as_ref()?)?;
        let message_id = content.header.as_ref()?.message_id.clone();
        self.open.lock().unwrap().names.insert(message_id, id.clone());
        Some(id)
    }

    /// Every message whose name is known.
    pub fn messages(&self) -> Vec<(Bytes, String)> {
        self.open.lock().unwrap().names.iter().map(|(message, id)| (message.clone(), id.clone())).collect()
    }

    /// What was accepted since this was asked last.
    pub fn unasked(&self) -> Vec<(Bytes, String)> {
        let unasked: HashSet<String> = std::mem::take(&mut self.open.lock().unwrap().unasked).into_iter().collect();
        self.messages().into_iter().filter(|(_, id)| unasked.contains(id)).collect()
    }

    /// How many were accepted so far.
    pub fn count(&self) -> u64 {
        self.open.lock().unwrap().count
    }

    /// How many are accepted and not handed over.
    pub fn backlog(&self) -> usize {
        self.open.lock().unwrap().accepted.len()
    }

    /// A call waits for its answer now.
    pub fn in_flight(&self) -> bool {
        !self.open.lock().unwrap().waiting.is_empty()
    }

    /// Every call was answered by the sender's agent, or never will be.
    pub fn is_answered(&self) -> bool {
        let open = self.open.lock().unwrap();
        open.waiting.is_subset(&open.queued)
    }

    /// Nothing is queued or accepted and not settled.
    pub fn is_settled(&self) -> bool {
        let open = self.open.lock().unwrap();
        open.queued.is_empty() && open.accepted.is_empty()
    }

    /// Waits until the claim holds, at most `within`; says whether it does.
    pub async fn until(&self, within: Duration, claim: impl Fn(&Self) -> bool) -> bool {
        let holds = async {
            loop {
                let changed = self.changed.notified();
                if claim(self) {
                    return;
                }
                changed.await;
            }
        };
        tokio::time::timeout(within, holds).await.is_ok()
    }
}

fn recipient(address: &v1::Address) -> Option<String> {
    match address.to.as_ref()? {
        v1::address::To::Jurisdiction(jurisdiction) => Some(jurisdiction.id.clone()),
        v1::address::To::GroupId(_) | v1::address::To::Area(_) => None,
    }
}

/// The harness's name of a message stands at the end of its headline.
fn name_in(body: &v1::Body) -> Option<String> {
    let Some(v1::body::Body::Bulletin(bulletin)) = &body.body else { return None };
    bulletin.headline.split(' ').next_back().map(str::to_owned)
}

/// SHA-256 of a body as this harness encodes it.
pub fn digest_of(body: Option<&v1::Body>) -> String {
    sha256(&body.map(prost::Message::encode_to_vec).unwrap_or_default())
}

/// SHA-256 in hexadecimal.
pub fn sha256(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

/// Hexadecimal digits.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
}

/// What a receipt says.
pub fn statement(receipt: &v1::Receipt) -> v1::ReceiptStatement {
    v1::ReceiptStatement::decode(receipt.statement.clone()).unwrap_or_default()
}
