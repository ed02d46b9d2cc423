//! Until when what everything stands on is good: certificates and revocation lists.

use std::path::Path;

use certs::{files::name, seen};
use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{family::Family, gauge::Gauge},
    registry::{Registry, Unit},
};

use crate::relay::Relay;

#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
struct SubjectLabel {
    subject: String,
}

#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
struct IssuerLabel {
    issuer: String,
}

/// Our own leaf, each member's authority, and the leaf of each agent that is linked; every list in force.
pub(super) fn register(registry: &mut Registry, relay: &Relay) {
    let (certificates, lists) = (Family::<SubjectLabel, Gauge>::default(), Family::<IssuerLabel, Gauge>::default());
    let ends = |subject: String, not_after: i64| certificates.get_or_create(&SubjectLabel { subject }).set(not_after);
    let trusted = relay.identity.trusted();
    if let Some((subject, not_after)) = own_leaf(relay.identity.folder()) {
        ends(subject, not_after);
    }
    ends("authority/broker".to_owned(), trusted.broker_authority.not_after);
    for (member, authority) in &trusted.authorities {
        ends(format!("authority/{member}"), authority.not_after);
    }
    for session in relay.sessions.all() {
        ends(session.facts.name.to_string(), session.facts.not_after);
    }
    for (issuer, list) in &trusted.revocations.lists {
        lists.get_or_create(&IssuerLabel { issuer: issuer.to_string() }).set(list.expires);
    }
    let (seconds, help) = (Unit::Seconds, "When a certificate ends");
    registry.register_with_unit("certificate_expiry_timestamp", help, seconds, certificates);
    let help = "When a revocation list ends: after it nothing of its issuer is taken";
    registry.register_with_unit("crl_expiry_timestamp", help, Unit::Seconds, lists);
}

/// The leaf on disk: it is read again whenever it is replaced.
fn own_leaf(folder: &Path) -> Option<(String, i64)> {
    let leaf = seen::first(&std::fs::read_to_string(folder.join(name::LEAF)).ok()?)?;
    Some((leaf.subject, leaf.not_after))
}
