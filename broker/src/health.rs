//! Whether the broker can do its work: the journal takes records, and the last record it took was folded.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use journal::{Lane, Record};
use model::time::Timestamp;
use prost::Message as _;
use proto::record::kind;
use tokio_util::sync::CancellationToken;
use tonic_health::server::HealthReporter;

use crate::relay::{Relay, quota::DiskStage};

/// A probe goes through journal and fold this often when nothing else does.
const PERIOD: Duration = Duration::from_secs(20);
/// Ready means that a record went through this recently.
const FRESH: Duration = Duration::from_mins(1);

/// The last proof that the broker works.
#[derive(Clone, Debug, Default)]
pub struct Health(Arc<Mutex<Option<Timestamp>>>);

impl Health {
    /// Why the broker is not ready, or none.
    pub fn problem(&self, relay: &Relay) -> Option<String> {
        if relay.engine.failed().is_some() {
            return Some("the journal has failed; the program stops".to_owned());
        }
        let proved = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match proved {
            None => Some("starting".to_owned()),
            Some(at) if relay.clock.now().since(at) > FRESH => {
                Some("no record went through journal and fold for a minute".to_owned())
            }
            Some(_) if relay.quotas.disk() == DiskStage::Reserve => {
                Some("the disk is full: FLASH alone is taken".to_owned())
            }
            Some(_) => None,
        }
    }

    fn proved(&self, at: Timestamp) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(at);
    }
}

/// Probes until told to stop, and keeps the standard health service true.
pub async fn run(health: Health, relay: Arc<Relay>, reporter: HealthReporter, stop: CancellationToken) {
    loop {
        probe(&health, &relay).await;
        let serving = health.problem(&relay).is_none();
        let status =
            if serving { tonic_health::ServingStatus::Serving } else { tonic_health::ServingStatus::NotServing };
        for service in
            ["", "liandong.v1.Exchange", "liandong.v1.Documents", "liandong.v1.Directory", "liandong.v1.Blobs"]
        {
            reporter.set_service_status(service, status).await;
        }
        tokio::select! {
            () = stop.cancelled() => break,
            () = tokio::time::sleep(PERIOD) => {}
        }
    }
    reporter.set_service_status("", tonic_health::ServingStatus::NotServing).await;
}

/// Sends one record of our own through journal and fold.
async fn probe(health: &Health, relay: &Relay) {
    relay.look_at_disk();
    let probe =
        proto::record::AdminAct { operator: "broker".to_owned(), act: "probe".to_owned(), ..Default::default() };
    let record = Record::new(kind::ADMIN_ACT, relay.clock.now(), probe.encode_to_vec());
    match relay.engine.append(vec![record], Lane::Settling).await {
        Ok(_) => health.proved(relay.clock.now()),
        Err(error) => tracing::error!(%error, "the broker's own record did not go through"),
    }
}
