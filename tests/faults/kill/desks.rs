//! The people's side: one desk that sends without pause, and one whose program takes what it is given.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use prost::Message as _;
use proto::v1;
use tokio_util::sync::CancellationToken;
use tonic::Streaming;

use super::book::{Book, digest_of, hex, sha256, statement};
use super::cargo::{Cargo, Load};
use crate::checker::event::{Accepted, Done, Event, Fault, FaultKind, Hand, Receipt, Stage};
use crate::world::desk::{Desk, surely_failed};
use crate::world::dice::Dice;
use crate::world::drafts::{bulletin, officer};

/// How long a killed agent may take to come back.
const BACK_WITHIN: Duration = Duration::from_mins(1);
/// Before the first event: a cursor of 0 would mean "from now on".
const BEGINNING: u64 = 1;
/// One hand-over in so many is followed by the death of the desk's program.
const DESK_DIES_ONE_IN: u64 = 60;

const PRECEDENCES: [v1::Precedence; 4] =
    [v1::Precedence::Flash, v1::Precedence::Immediate, v1::Precedence::Priority, v1::Precedence::Routine];

/// A desk that sends.
#[derive(Clone)]
pub struct Sender {
    pub desk: Desk,
    pub book: Arc<Book>,
    pub from: &'static str,
    pub to: &'static str,
    pub stop: CancellationToken,
    pub load: Load,
}

impl Sender {
    /// Sends until told to stop, as fast as the window lets it. Retries nothing.
    pub async fn send_all(self, mut dice: Dice) {
        while !self.stop.is_cancelled() {
            tokio::select! {
                () = self.turn() => {}
                () = self.stop.cancelled() => return,
            }
            let precedence = *dice.pick(&PRECEDENCES);
            self.send_with(precedence, self.load.throw(&mut dice)).await;
        }
    }

    /// Waits until few enough calls wait, and few enough messages.
    async fn turn(&self) {
        while !self.book.until(BACK_WITHIN, |book| book.backlog() < self.load.backlog_most()).await {}
        self.book.window.acquire().await.unwrap().forget();
    }

    /// Sends one small message.
    pub async fn send(&self, precedence: v1::Precedence) {
        self.send_with(precedence, Cargo::Nothing).await;
    }

    /// Sends one message with what it carries.
    async fn send_with(&self, precedence: v1::Precedence, cargo: Cargo) {
        if let Cargo::Beside(file) = &cargo
            && self.desk.put_blob(file.clone()).await.is_err()
        {
            // nothing was said yet that names it
            self.book.window.add_permits(1);
            return drop(self.desk.ready(BACK_WITHIN).await);
        }
        let draft = |id: &str| cargo.on(bulletin(&[self.to], precedence, &format!("联动演习 {id}")));
        let (id, call, draft) = self.book.submit(self.from, draft);
        match self.desk.send(draft).await {
            Ok(answer) => self.book.queued(&id, call, &answer),
            Err(status) if surely_failed(&status) => self.book.failed(&id, call, status.message().into()),
            Err(_) => {
                self.book.unknown(&id, call);
                drop(self.desk.ready(BACK_WITHIN).await);
            }
        }
    }

    /// Hears what becomes of what was sent, until told to stop.
    pub async fn hear_all(self) {
        let mut cursor = BEGINNING;
        while !self.stop.is_cancelled() {
            self.hear(&mut cursor).await;
        }
    }

    async fn hear(&self, cursor: &mut u64) {
        drop(self.desk.ready(BACK_WITHIN).await);
        let Ok(mut events) = self.desk.events(*cursor).await else { return };
        while let Some(event) = next(&mut events, &self.stop).await {
            match event.event {
                Some(v1::subscribe_response::Event::Receipt(receipt)) => self.hear_receipt(&receipt).await,
                Some(v1::subscribe_response::Event::Refused(refusal)) => {
                    let id = self.name(&refusal.message_id).await;
                    self.book.refused(&id, refusal.reason);
                }
                Some(v1::subscribe_response::Event::Received(_) | v1::subscribe_response::Event::LinkUp(_)) | None => {}
            }
            *cursor = event.cursor;
        }
    }

    async fn hear_receipt(&self, receipt: &v1::Receipt) {
        let said = statement(receipt);
        let id = self.name(&said.message_id).await;
        let event = receipt_event(&id, receipt, self.book.notary.vouches_for_receipt(receipt));
        self.book.history.record(Event::Receipt(event.clone()));
        self.book.tell_once(&event.hash);
        if event.stage == Stage::Accepted {
            let deliveries = said.stamp.unwrap_or_default().deliveries;
            self.book.history.record(Event::Ok(Accepted {
                call: id.trim_start_matches('m').parse().unwrap_or_default(),
                id: id.clone(),
                epoch: hex(&said.epoch),
                position: said.position,
                receipt: event.hash,
                resolved: deliveries.into_iter().map(|delivery| delivery.jurisdiction).collect(),
            }));
            self.book.accepted(&id);
        }
    }

    /// The harness's name of a message; asks the agent if the call that made it had no answer.
    async fn name(&self, message_id: &Bytes) -> String {
        if let Some(id) = self.book.name(message_id) {
            return id;
        }
        let shown = show(&self.desk, message_id).await;
        self.book.learn(&shown).unwrap_or_else(|| format!("stranger {}", hex(message_id)))
    }
}

/// The next event, unless the stream breaks or everything stops.
async fn next(
    events: &mut Streaming<v1::SubscribeResponse>,
    stop: &CancellationToken,
) -> Option<v1::SubscribeResponse> {
    tokio::select! {
        event = events.message() => event.ok().flatten(),
        () = stop.cancelled() => None,
    }
}

/// Which message an event hands over; what the system says about itself is not counted, nor what the broker says about
/// deadlines, which begin to be missed after half an hour.
fn received(event: &v1::SubscribeResponse) -> Option<Bytes> {
    let Some(v1::subscribe_response::Event::Received(summary)) = &event.event else { return None };
    let header = summary.header.as_ref().filter(|header| header.status() != v1::Status::System)?;
    (header.kind() != v1::Kind::DeadlineNotice).then(|| header.message_id.clone())
}

/// A receipt as a line of the history.
pub fn receipt_event(id: &str, receipt: &v1::Receipt, verified: bool) -> Receipt {
    let said = statement(receipt);
    let previous = Some(hex(&said.previous_receipt_hash)).filter(|hash| !hash.is_empty());
    Receipt {
        id: id.into(),
        to: said.recipient.clone(),
        stage: Stage::from_wire(said.stage).expect("a stage"),
        hash: sha256(&receipt.statement),
        content: hex(&said.content_hash),
        previous,
        verified: Some(verified),
        reason: said.reason,
    }
}

/// Shows a message, however often its agent dies meanwhile.
async fn show(desk: &Desk, message_id: &Bytes) -> v1::ShowResponse {
    loop {
        match desk.show(message_id).await {
            Ok(shown) => return shown,
            Err(status) if surely_failed(&status) => return v1::ShowResponse::default(),
            Err(_) => drop(desk.ready(BACK_WITHIN).await),
        }
    }
}

/// A desk that receives. Its cursor is written down only after a hand-over is in the history, so a second hand-over of
/// the same message would be seen; it removes no duplicate by itself.
pub struct Receiver {
    pub desk: Desk,
    pub book: Arc<Book>,
    pub to: &'static str,
    pub stop: CancellationToken,
    /// Where the program keeps its cursor.
    pub cursor: PathBuf,
    pub dice: Dice,
    pub tries: std::collections::HashMap<String, u32>,
}

impl Receiver {
    /// Takes what it is given, until told to stop.
    pub async fn take_all(mut self) {
        while !self.stop.is_cancelled() {
            self.take_until_broken().await;
        }
    }

    /// One life of the program: starts from the cursor it wrote down.
    async fn take_until_broken(&mut self) {
        drop(self.desk.ready(BACK_WITHIN).await);
        let Ok(mut events) = self.desk.events(self.kept_cursor()).await else { return };
        while let Some(event) = next(&mut events, &self.stop).await {
            let Some(message_id) = received(&event) else {
                self.keep_cursor(event.cursor);
                continue;
            };
            let id = self.take(&message_id, event.cursor).await;
            if self.dies() {
                return;
            }
            self.confirm(&id, event.cursor);
            self.act(&message_id).await;
        }
    }

    async fn take(&mut self, message_id: &Bytes, cursor: u64) -> String {
        let shown = show(&self.desk, message_id).await;
        let id = self.book.learn(&shown).unwrap_or_else(|| format!("stranger {}", hex(message_id)));
        let tries = self.tries.entry(id.clone()).or_default();
        *tries += 1;
        // what arrived counts, not what the agent reads out of it
        let envelope = shown.envelope.unwrap_or_default();
        let content = v1::Content::decode(envelope.content.clone()).unwrap_or_default();
        let header = content.header.unwrap_or_default();
        let carried = shown.stamp.map_or(0, |stamp| stamp.carried_as);
        let precedence = if carried == 0 { header.precedence } else { carried };
        self.book.history.record(Event::Hand(Hand {
            id: id.clone(),
            to: self.to.into(),
            attempt: *tries,
            cursor,
            message: hex(message_id),
            incarnation: hex(&header.incarnation),
            seq: header.sender_seq,
            precedence: u8::try_from(precedence).unwrap_or_default(),
            digest: digest_of(content.body.as_ref()),
            content: sha256(&envelope.content),
            verified: Some(self.book.notary.vouches_for(&envelope)),
        }));
        id
    }

    /// Now and then the program dies after it was given something and before it wrote its cursor down.
    fn dies(&mut self) -> bool {
        let dies = self.dice.below(DESK_DIES_ONE_IN) == 0;
        if dies {
            let victim = format!("desk:{}", self.to);
            let name = format!("{victim} {}", self.dice.throw());
            self.book.history.record(Event::Fault(Fault { name, kind: FaultKind::Kill, victim }));
        }
        dies
    }

    fn confirm(&self, id: &str, cursor: u64) {
        let done = || Done { id: id.into(), to: self.to.into() };
        self.book.history.record(Event::Confirm(done()));
        self.keep_cursor(cursor);
        self.book.history.record(Event::ConfirmOk(done()));
        self.book.handed(id);
    }

    /// A person opens some and acknowledges some of those.
    async fn act(&mut self, message_id: &Bytes) {
        if self.dice.below(4) != 0 {
            return;
        }
        let opened = self.desk.open(message_id, officer()).await.is_ok();
        if opened && self.dice.below(2) == 0 {
            drop(self.desk.acknowledge(message_id, officer()).await);
        }
    }

    fn kept_cursor(&self) -> u64 {
        std::fs::read_to_string(&self.cursor).map_or(BEGINNING, |text| text.parse().unwrap())
    }

    fn keep_cursor(&self, cursor: u64) {
        std::fs::write(&self.cursor, cursor.to_string()).unwrap();
    }
}
