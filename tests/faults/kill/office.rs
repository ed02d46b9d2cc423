//! Whoever asks the broker itself: what it knows of a message, and what waits. And what the programs use.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::{StreamExt as _, stream};
use model::clock::Clock;
use proto::v1;
use proto::v1::admin_client::AdminClient;
use proto::v1::audit_client::AuditClient;
use proto::v1::exchange_client::ExchangeClient;
use tonic::transport::Channel;
use tonic::{Code, Status};

use crate::checker::event::{Sample, Stage, Stands, Sum};
use crate::world::bare::channel;
use crate::world::clock::system_now;
use crate::world::region::Region;

/// Questions that are asked at a time.
const ASKED_AT_A_TIME: usize = 16;
/// Entries of a mailbox that one question shows; when everything is counted, less waits.
const PEEK_MAX: u32 = 256;
/// How often a question is put whose line was broken: it was dialled before the broker died.
const TRIES: usize = 3;

/// A city's view of the broker, and an operator's.
pub struct Office {
    exchange: ExchangeClient<Channel>,
    admin: AdminClient<Channel>,
    audit: AuditClient<Channel>,
}

impl Office {
    /// With the certificates of `city` and of an operator; dials at the first question.
    pub fn of(region: &Region, city: &str) -> Self {
        let identity = |who: &str| {
            let clock = Clock::new(system_now);
            Arc::new(certs::tls::Identity::load(&region.trust.trust(who), clock).unwrap())
        };
        let exchange = ExchangeClient::new(channel(&identity(city), region.broker_address));
        let audit = AuditClient::new(channel(&identity(city), region.broker_address));
        let admin = AdminClient::new(channel(&identity("operator"), region.admin_address));
        Self { exchange, admin, audit }
    }

    /// The broker's newest head, and the proof that it continues its tree of `before` records. None while nobody answers.
    pub async fn head(&self, before: u64) -> Option<(v1::TreeHead, Vec<Bytes>)> {
        for _ in 0..TRIES {
            let Ok(answer) = self.audit.clone().head(v1::HeadRequest::default()).await else { continue };
            let Some(head) = answer.into_inner().head else { continue };
            let ask = v1::ConsistencyRequest { from_size: before, to_size: head.size };
            if let Ok(proof) = self.audit.clone().consistency(ask).await {
                return Some((head, proof.into_inner().path));
            }
        }
        None
    }

    /// The record at `position` with its path to a head.
    pub async fn inclusion(&self, position: u64) -> Result<v1::InclusionResponse, Status> {
        self.audit.clone().inclusion(v1::InclusionRequest { position, size: 0 }).await.map(tonic::Response::into_inner)
    }

    /// What the broker says of each; those to which it gave no answer are left out.
    pub async fn stands(&self, messages: Vec<(Bytes, String)>) -> Vec<Stands> {
        let asked = messages.into_iter().map(|(message_id, id)| self.one(message_id, id));
        let answers: Vec<Option<Stands>> = stream::iter(asked).buffer_unordered(ASKED_AT_A_TIME).collect().await;
        answers.into_iter().flatten().collect()
    }

    async fn one(&self, message_id: Bytes, id: String) -> Option<Stands> {
        for _ in 0..TRIES {
            let ask = v1::TraceRequest { message_id: message_id.clone() };
            match self.exchange.clone().trace(ask).await {
                Ok(answer) => return Some(Stands { id, at: states(answer.into_inner().states) }),
                Err(status) if status.code() == Code::NotFound => return Some(Stands { id, at: BTreeMap::new() }),
                Err(_) => {}
            }
        }
        None
    }

    /// The deliveries of these messages by where they are, and what waits in the mailboxes.
    pub async fn sum(&self, stands: &[Stands]) -> Result<Sum, Status> {
        let reached = |wanted: fn(&Stage) -> bool| {
            stands.iter().flat_map(|stands| stands.at.values()).filter(|stage| wanted(stage)).count() as u64
        };
        let mailboxes = self.admin.clone().mailboxes(v1::MailboxesRequest {}).await?.into_inner().mailboxes;
        let mut waiting: u64 = mailboxes.iter().flat_map(|mailbox| &mailbox.depths).map(|depth| depth.deliveries).sum();
        for mailbox in mailboxes {
            waiting -= self.notices(mailbox.jurisdiction).await?;
        }
        Ok(Sum {
            handed: reached(|stage| *stage >= Stage::Delivered && !stage.is_negative()),
            negative: reached(|stage| stage.is_negative()),
            waiting,
        })
    }

    /// How many of those that wait the broker wrote itself, about deadlines: nobody handed them in.
    async fn notices(&self, jurisdiction: String) -> Result<u64, Status> {
        let ask = v1::PeekRequest { jurisdiction, limit: PEEK_MAX, ..Default::default() };
        let entries = self.admin.clone().peek(ask).await?.into_inner().entries;
        Ok(entries.iter().filter(|entry| entry.kind() == v1::Kind::DeadlineNotice).count() as u64)
    }
}

fn states(states: Vec<v1::DeliveryState>) -> BTreeMap<String, Stage> {
    states.into_iter().filter_map(|state| Some((state.jurisdiction, Stage::from_wire(state.stage)?))).collect()
}

/// What the process `pid` uses, as `/proc` tells it; of memory the most that it ever held. None when it is gone.
pub fn sample(program: &str, pid: u32) -> Option<Sample> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let field = |name: &str| -> Option<u64> {
        status.lines().find_map(|line| line.strip_prefix(name))?.split_whitespace().next()?.parse().ok()
    };
    let descriptors = std::fs::read_dir(format!("/proc/{pid}/fd")).ok()?.count() as u64;
    let (peak_bytes, threads) = (field("VmHWM:")? * 1024, field("Threads:")?);
    Some(Sample { program: program.into(), peak_bytes, descriptors, threads })
}
