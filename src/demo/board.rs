//! What happened at every desk of the demo: the evidence from which its assertions and its last table are drawn.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use proto::v1;
use tokio::{
    sync::watch,
    time::{Instant, timeout},
};

/// A message's id.
pub type Id = Vec<u8>;
/// A city's code.
pub type City = &'static str;

/// One message as its sender knows it.
#[derive(Clone, Debug)]
pub struct Sent {
    /// By whom.
    pub city: City,
    /// Which kind.
    pub kind: i32,
    /// When the desk asked for it.
    pub at: Instant,
    /// Whom the broker will hand it to; known when it has taken charge.
    pub recipients: Option<BTreeSet<String>>,
}

/// A message that came to a desk.
#[derive(Clone, Debug)]
pub struct Received {
    /// Where.
    pub city: City,
    /// Its header.
    pub header: v1::Header,
    /// When.
    pub at: Instant,
}

/// Everything that was seen.
#[derive(Debug, Default)]
pub struct Seen {
    /// By id.
    pub sent: BTreeMap<Id, Sent>,
    /// In the order in which it came.
    pub received: Vec<Received>,
    /// Message, recipient, stage: how often a receipt was seen at the sender.
    pub receipts: BTreeMap<(Id, String, i32), u32>,
    /// What a broker refused.
    pub refused: Vec<(City, v1::Refusal)>,
}

impl Seen {
    /// How often a message came to a city.
    pub fn times(&self, city: &str, id: &[u8]) -> usize {
        self.received.iter().filter(|received| received.city == city && received.header.message_id == id).count()
    }

    /// The first message of a kind from a sender that came to a city.
    pub fn first(&self, city: &str, from: &str, kind: v1::Kind) -> Option<&v1::Header> {
        let from = |header: &v1::Header| header.sender.as_ref().is_some_and(|sender| sender.jurisdiction == from);
        let of_kind = |header: &v1::Header| header.kind == i32::from(kind);
        let here = self.received.iter().filter(|received| received.city == city);
        here.map(|received| &received.header).find(|header| of_kind(header) && from(header))
    }

    /// How many messages of a kind came, to all cities together.
    pub fn of_kind(&self, kind: v1::Kind) -> usize {
        self.received.iter().filter(|received| received.header.kind == i32::from(kind)).count()
    }

    /// Whether the sender holds the recipient's receipt of a stage.
    pub fn has_receipt(&self, id: &[u8], recipient: &str, stage: v1::Stage) -> bool {
        self.receipts.contains_key(&(id.to_vec(), recipient.to_owned(), stage.into()))
    }

    /// What desks sent and no broker took charge of, or for nobody. Left out is what agents write by themselves.
    pub fn unaccepted(&self) -> usize {
        let by_desks = self.sent.values().filter(|sent| sent.kind != 0);
        by_desks.filter(|sent| sent.recipients.as_ref().is_none_or(BTreeSet::is_empty)).count()
    }

    /// Message and recipient of each delivery that the broker took charge of.
    pub fn owed(&self) -> impl Iterator<Item = (&Id, &Sent, &str)> {
        self.sent.iter().flat_map(|(id, sent)| {
            sent.recipients.iter().flatten().map(move |recipient| (id, sent, recipient.as_str()))
        })
    }
}

/// Collects what every desk says. Cheap to clone; all clones are one.
#[derive(Clone, Debug)]
pub struct Board {
    seen: Arc<Mutex<Seen>>,
    changed: watch::Sender<u64>,
}

impl Board {
    /// Nothing has happened.
    pub fn new() -> Self {
        Self { seen: Arc::default(), changed: watch::Sender::new(0) }
    }

    fn change(&self, change: impl FnOnce(&mut Seen)) {
        change(&mut self.look());
        self.changed.send_modify(|count| *count += 1);
    }

    /// What was seen so far.
    pub fn look(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A desk has queued a message.
    pub fn sent(&self, city: City, id: Id, kind: i32, at: Instant) {
        self.change(|seen| {
            let sent = seen.sent.entry(id).or_insert(Sent { city, kind, at, recipients: None });
            // its ACCEPTED receipt may have come before the answer of the desk
            (sent.kind, sent.at) = (kind, at);
        });
    }

    /// A message came to a desk.
    pub fn received(&self, city: City, header: v1::Header) {
        self.change(|seen| seen.received.push(Received { city, header, at: Instant::now() }));
    }

    /// A receipt came to a desk. Only those about its own messages count.
    pub fn receipt(&self, city: City, statement: v1::ReceiptStatement) {
        if statement.sender != city {
            return;
        }
        self.change(|seen| {
            let id = statement.message_id.to_vec();
            if let Some(stamp) = &statement.stamp {
                let recipients = stamp.deliveries.iter().map(|delivery| delivery.jurisdiction.clone()).collect();
                let new = Sent { city, kind: 0, at: Instant::now(), recipients: None };
                seen.sent.entry(id.clone()).or_insert(new).recipients = Some(recipients);
            }
            *seen.receipts.entry((id, statement.recipient, statement.stage)).or_default() += 1;
        });
    }

    /// The broker refused a message of a desk.
    pub fn refused(&self, city: City, refusal: v1::Refusal) {
        self.change(|seen| seen.refused.push((city, refusal)));
    }

    /// Waits until something holds; false when it does not within the time.
    pub async fn until(&self, within: Duration, holds: impl Fn(&Seen) -> bool) -> bool {
        let mut changed = self.changed.subscribe();
        let waited = async {
            while !holds(&self.look()) {
                if changed.changed().await.is_err() {
                    return;
                }
            }
        };
        timeout(within, waited).await.is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::demo::{
        figures::Figures,
        region::{LY, XZ},
    };

    fn accepted(id: &[u8], deliveries: &[&str]) -> v1::ReceiptStatement {
        let deliveries = deliveries
            .iter()
            .map(|to| v1::StampedDelivery { jurisdiction: (*to).to_owned(), ..v1::StampedDelivery::default() })
            .collect();
        v1::ReceiptStatement {
            sender: LY.to_owned(),
            message_id: id.to_vec().into(),
            stage: v1::Stage::Accepted.into(),
            stamp: Some(v1::Stamp { deliveries, ..v1::Stamp::default() }),
            ..v1::ReceiptStatement::default()
        }
    }

    #[test]
    fn what_nobody_took_charge_of_is_counted_though_nothing_is_owed() {
        let board = Board::new();
        for id in [b"a", b"b", b"c"] {
            board.sent(LY, id.to_vec(), v1::Kind::Bulletin.into(), Instant::now());
        }
        board.receipt(LY, accepted(b"a", &[XZ]));
        board.receipt(LY, accepted(b"b", &[]));

        let figures = Figures::of(&board.look());
        assert_eq!((figures.messages, figures.owed, figures.unaccepted), (3, 1, 2));
    }

    #[test]
    fn an_objection_is_counted_wherever_it_comes() {
        let board = Board::new();
        for (city, kind) in [(LY, v1::Kind::Error), (XZ, v1::Kind::Error), (XZ, v1::Kind::Bulletin)] {
            board.received(city, v1::Header { kind: kind.into(), ..v1::Header::default() });
        }

        assert_eq!(board.look().of_kind(v1::Kind::Error), 2);
    }

    #[test]
    fn what_agents_write_by_themselves_may_be_for_nobody() {
        let board = Board::new();
        board.receipt(LY, accepted(b"document", &[]));

        assert_eq!(board.look().unaccepted(), 0);
    }
}
