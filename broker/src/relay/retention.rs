//! Evidence is kept as long as it must be, and then leaves, whole segments at a time.

use std::sync::Arc;

use journal::{Position, Record};
use prost::Message as _;
use proto::record::{EvidenceAged, kind};
use store::{
    base::{self, Retention, RetireError},
    tasks::Tasks,
};
use tokio_util::sync::CancellationToken;

use super::{
    Relay,
    fold::{BrokerFold, Wakes},
};

/// Looks now and each hour, until told to stop.
pub async fn run(relay: Arc<Relay>, kept: Retention, tasks: Tasks, stop: CancellationToken) {
    base::each_hour(stop, || relay.retire(kept, &tasks)).await;
}

impl Relay {
    /// Lets leave what is older than is kept. Says up to where everything has left.
    ///
    /// # Errors
    /// See [`store::Engine::retire`]; nothing is lost.
    pub async fn retire(&self, kept: Retention, tasks: &Tasks) -> Result<Option<Position>, RetireError> {
        let fresh = || BrokerFold::new(Arc::new(Wakes::default()));
        let aged = |through: Position| {
            let aged = EvidenceAged { through: through.0, kept_days: u32::from(kept.evidence_days) };
            Record::new(kind::EVIDENCE_AGED, self.engine.now(), aged.encode_to_vec())
        };
        self.engine.retire(kept, fresh, aged, tasks).await
    }
}
