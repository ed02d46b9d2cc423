//! Time passes: an index of its own finds what has expired, wherever it stands in a mailbox.

use std::{sync::Arc, time::Duration};

use journal::{Lane, Record};
use prost::Message as _;
use proto::record::{Expired, kind};
use tokio_util::sync::CancellationToken;

use super::{Relay, fold::keys};

/// Messages that one record ends.
const BATCH: usize = 256;
/// How often the index is looked at.
const PERIOD: Duration = Duration::from_millis(250);

/// Ends what has expired, until told to stop.
pub async fn run(relay: Arc<Relay>, stop: CancellationToken) {
    while !stop.is_cancelled() {
        match expire_once(&relay).await {
            Ok(BATCH) => continue,
            Ok(_) => {}
            Err(error) => tracing::warn!(%error, "expired envelopes are ended later"),
        }
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(PERIOD) => {}
        }
    }
}

/// Ends up to one batch of expired messages; how many.
async fn expire_once(relay: &Relay) -> Result<usize, store::AppendError> {
    let now = relay.clock.now();
    let prefix = [keys::table::EXPIRY];
    let due = relay.engine.read(|_, rows| rows.scan(&prefix, &prefix, BATCH));
    let message_ids: Vec<bytes::Bytes> = due
        .unwrap_or_default()
        .iter()
        .filter_map(|(key, _)| keys::expiry_parts(key))
        .take_while(|(at, _)| *at <= now)
        .map(|(_, id)| id.0.to_vec().into())
        .collect();
    let count = message_ids.len();
    if count > 0 {
        let record = Record::new(kind::EXPIRED, now, Expired { message_ids }.encode_to_vec());
        relay.engine.append(vec![record], Lane::Settling).await?;
    }
    Ok(count)
}
