//! Judges callers: the profile first, then the chain to exactly the authority bound to whom the certificate names.

use std::{collections::BTreeMap, sync::Arc};

use model::{clock::Clock, ids::JurisdictionId, time::Timestamp};
use rustls::{
    DigitallySignedStruct, DistinguishedName, Error, SignatureScheme,
    client::danger::HandshakeSignatureValid,
    crypto::CryptoProvider,
    server::{
        WebPkiClientVerifier,
        danger::{ClientCertVerified, ClientCertVerifier},
    },
};
use rustls_pki_types::{CertificateDer, UnixTime};

use super::{Listener, TlsError, chain};
use crate::{
    bound::Bound,
    files::Trusted,
    profile::{self, Facts, Name, Refusal, Side, Who},
};

/// Judges who calls a listener.
pub(super) struct CallerVerifier {
    trusted: Arc<Trusted>,
    provider: Arc<CryptoProvider>,
    listener: Listener,
    /// For each authority with a revocation list.
    chains: BTreeMap<JurisdictionId, Arc<dyn ClientCertVerifier>>,
    clock: Clock,
}

impl std::fmt::Debug for CallerVerifier {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CallerVerifier").field("listener", &self.listener).finish_non_exhaustive()
    }
}

impl CallerVerifier {
    pub(super) fn new(
        trusted: Arc<Trusted>,
        provider: &Arc<CryptoProvider>,
        clock: Clock,
        listener: Listener,
    ) -> Result<Self, TlsError> {
        let mut chains = BTreeMap::new();
        for (id, bound) in trusted.bound() {
            let Some(list) = chain::list(&trusted, &id) else { continue };
            let verifier = WebPkiClientVerifier::builder_with_provider(chain::anchor(bound)?, provider.clone())
                .with_crls([list])
                .enforce_revocation_expiration()
                .only_check_end_entity_revocation()
                .build()
                .map_err(|error| TlsError::Pem(format!("{id}: {error}")))?;
            chains.insert(id, verifier);
        }
        Ok(Self { trusted, provider: provider.clone(), listener, chains, clock })
    }

    fn judge(&self, leaf: &CertificateDer<'_>) -> Result<ClientCertVerified, Refusal> {
        let facts = profile::check(leaf, Side::Client)?;
        let (id, bound) = self.authority_of(&facts.name)?;
        self.is_for(&facts.name.who)?;
        let chain = self.chains.get(&id).ok_or(Refusal::RevocationUnknown)?;
        // nothing between: an authority of ours issues leaves itself
        let verified = chain.verify_client_cert(leaf, &[], chain::unix_time(&self.clock));
        let verified = verified.map_err(|error| Refusal::of(&error))?;
        chain::in_date(bound, &self.clock)?;
        chain::judge(&self.trusted, &id, bound, &facts)?;
        Ok(verified)
    }

    /// The authority that must have issued a leaf with this name.
    fn authority_of(&self, name: &Name) -> Result<(JurisdictionId, &Bound), Refusal> {
        if name.region != self.trusted.region {
            return Err(Refusal::Region);
        }
        match &name.who {
            Who::Agent(agent) => {
                let bound = self.trusted.authorities.get(&agent.jurisdiction);
                let bound = bound.ok_or_else(|| Refusal::Stranger(name.to_string()))?;
                Ok((agent.jurisdiction.clone(), bound))
            }
            Who::Operator(_) | Who::Broker(_) => Ok((JurisdictionId::broker(), &self.trusted.broker_authority)),
        }
    }

    /// Whether this listener is for them.
    fn is_for(&self, who: &Who) -> Result<(), Refusal> {
        match (who, self.listener) {
            (Who::Agent(_), Listener::Agents) | (Who::Operator(_), Listener::Operators) => Ok(()),
            (Who::Agent(_) | Who::Operator(_) | Who::Broker(_), _) => Err(Refusal::Listener),
        }
    }

    /// Whether one who was let in would still be: a revocation list that has become old cuts nobody.
    pub(super) fn still_trusts(&self, facts: &Facts, now: Timestamp) -> Result<(), Refusal> {
        let (id, bound) = self.authority_of(&facts.name)?;
        chain::judge(&self.trusted, &id, bound, facts)?;
        if now.millis() / 1_000 > facts.not_after { Err(Refusal::Expired) } else { Ok(()) }
    }
}

impl ClientCertVerifier for CallerVerifier {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        leaf: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        self.judge(leaf).map_err(chain::refused)
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        chain::no_tls12()
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        rustls::crypto::verify_tls13_signature(message, certificate, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
