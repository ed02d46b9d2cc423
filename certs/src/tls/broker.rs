//! Judges the broker: its authority is pinned by the directory, its certificate is exactly of our profile.

use std::sync::Arc;

use model::{clock::Clock, ids::JurisdictionId};
use rustls::{
    DigitallySignedStruct, Error, SignatureScheme,
    client::{
        WebPkiServerVerifier,
        danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    },
    crypto::CryptoProvider,
};
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};

use super::{TlsError, chain};
use crate::{
    files::Trusted,
    profile::{self, Refusal, Side, Who},
};

/// Judges whom an agent or operator has called.
pub(super) struct BrokerVerifier {
    trusted: Arc<Trusted>,
    provider: Arc<CryptoProvider>,
    /// None without a revocation list.
    chain: Option<Arc<WebPkiServerVerifier>>,
    clock: Clock,
}

impl std::fmt::Debug for BrokerVerifier {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("BrokerVerifier").finish_non_exhaustive()
    }
}

impl BrokerVerifier {
    pub(super) fn new(trusted: &Arc<Trusted>, provider: &Arc<CryptoProvider>, clock: Clock) -> Result<Self, TlsError> {
        let anchor = chain::anchor(&trusted.broker_authority)?;
        let under = |list| {
            WebPkiServerVerifier::builder_with_provider(anchor, provider.clone())
                .with_crls([list])
                .enforce_revocation_expiration()
                .only_check_end_entity_revocation()
                .build()
                .map_err(|error| TlsError::Pem(format!("broker: {error}")))
        };
        let chain = chain::list(trusted, &JurisdictionId::broker()).map(under).transpose()?;
        Ok(Self { trusted: trusted.clone(), provider: provider.clone(), chain, clock })
    }

    fn judge(&self, leaf: &CertificateDer<'_>, host: &ServerName<'_>) -> Result<ServerCertVerified, Refusal> {
        let facts = profile::check(leaf, Side::Server)?;
        if facts.name.region != self.trusted.region {
            return Err(Refusal::Region);
        }
        if !matches!(facts.name.who, Who::Broker(_)) {
            return Err(Refusal::Listener);
        }
        let chain = self.chain.as_ref().ok_or(Refusal::RevocationUnknown)?;
        let verified = chain.verify_server_cert(leaf, &[], host, &[], chain::unix_time(&self.clock));
        let verified = verified.map_err(|error| Refusal::of(&error))?;
        chain::in_date(&self.trusted.broker_authority, &self.clock)?;
        chain::judge(&self.trusted, &JurisdictionId::broker(), &self.trusted.broker_authority, &facts)?;
        Ok(verified)
    }
}

impl ServerCertVerifier for BrokerVerifier {
    fn verify_server_cert(
        &self,
        leaf: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        host: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        self.judge(leaf, host).map_err(chain::refused)
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
