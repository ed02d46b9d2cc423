//! The evidence tree: how far it is signed, and whether the trees of others join.

use std::sync::atomic::AtomicU64;

use prometheus_client::{
    metrics::{family::Family, gauge::Gauge},
    registry::{Registry, Unit},
};
use proto::border;

use super::JurisdictionLabel;
use crate::relay::Relay;

/// The newest head, and heads of members that did not join.
pub(super) fn register(registry: &mut Registry, relay: &Relay) {
    let (size, signed) = (Gauge::<i64>::default(), Gauge::<f64, AtomicU64>::default());
    if let Some(head) = relay.heads.newest() {
        size.set(i64::try_from(head.size).unwrap_or(i64::MAX));
        let at = border::time::optional(head.at, "at").ok().flatten();
        #[allow(clippy::cast_precision_loss, reason = "seconds for a collector")]
        signed.set(at.map_or(0.0, |at| at.millis() as f64 / 1_000.0));
    }
    let diverged = Family::<JurisdictionLabel, Gauge>::default();
    for (owner, row) in relay.all_witnessed().unwrap_or_default() {
        let label = JurisdictionLabel { jurisdiction: owner.to_string() };
        diverged.get_or_create(&label).set(i64::from(row.divergences));
    }
    registry.register("audit_tree_size", "Records under the newest signed head", size);
    registry.register_with_unit("audit_head_timestamp", "When the newest head was signed", Unit::Seconds, signed);
    registry.register("audit_divergences", "Heads of a member's tree that did not join the one before", diverged);
}
