//! What both verifiers share: an authority that leaves must come from directly, its revocation list, our clock.

use std::{sync::Arc, time::Duration};

use model::{clock::Clock, ids::JurisdictionId};
use rustls::{
    CertificateError, Error, OtherError, PeerIncompatible, RootCertStore, client::danger::HandshakeSignatureValid,
};
use rustls_pki_types::{CertificateRevocationListDer, UnixTime};

use super::TlsError;
use crate::{
    bound::Bound,
    files::Trusted,
    profile::{Facts, Refusal},
    revocation::List,
};

/// An authority as the only anchor.
pub(super) fn anchor(bound: &Bound) -> Result<Arc<RootCertStore>, TlsError> {
    let mut roots = RootCertStore::empty();
    roots.add(bound.certificate.clone())?;
    Ok(Arc::new(roots))
}

/// The revocation list of an authority. Without one the status of its leaves is unknown.
pub(super) fn list(trusted: &Trusted, id: &JurisdictionId) -> Option<CertificateRevocationListDer<'static>> {
    trusted.revocations.lists.get(id).and_then(|list| List::der(&list.pem))
}

/// Checks that an authority is in date; the library takes an anchor as it is.
pub(super) fn in_date(bound: &Bound, clock: &Clock) -> Result<(), Refusal> {
    if clock.now().millis() / 1_000 > bound.not_after { Err(Refusal::AuthorityExpired) } else { Ok(()) }
}

/// Checks what the library does not: whose key issued the leaf, and what is remembered as revoked.
pub(super) fn judge(trusted: &Trusted, id: &JurisdictionId, bound: &Bound, facts: &Facts) -> Result<(), Refusal> {
    if facts.issuer_key != bound.key_id {
        return Err(Refusal::Issuer);
    }
    if trusted.revocations.revokes(id, &facts.serial) {
        return Err(Refusal::Revoked);
    }
    Ok(())
}

/// What our clock says, for the library.
pub(super) fn unix_time(clock: &Clock) -> UnixTime {
    let seconds = u64::try_from(clock.now().millis() / 1_000).unwrap_or(0);
    UnixTime::since_unix_epoch(Duration::from_secs(seconds))
}

/// A refusal on its way through the library: the peer sees one alert for all of them.
pub(super) fn refused(refusal: Refusal) -> Error {
    Error::InvalidCertificate(CertificateError::Other(OtherError(Arc::new(refusal))))
}

/// The refusal that the library carried.
pub(super) fn refusal_in(error: &Error) -> Option<&Refusal> {
    match error {
        Error::InvalidCertificate(CertificateError::Other(OtherError(inner))) => inner.downcast_ref(),
        _ => None,
    }
}

/// There is no TLS 1.2 here.
pub(super) const fn no_tls12() -> Result<HandshakeSignatureValid, Error> {
    Err(Error::PeerIncompatible(PeerIncompatible::Tls12NotOffered))
}
