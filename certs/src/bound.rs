//! An authority as others know it: its certificate, read once, and what can be checked with it.

use rustls::crypto::aws_lc_rs;
use rustls_pki_types::{CertificateDer, pem::PemObject as _};
use x509_parser::{
    certificate::X509Certificate, extensions::ParsedExtension, prelude::FromDer as _,
    revocation_list::CertificateRevocationList,
};

use crate::{ca, profile, revocation::List};

/// Why a certificate is no authority of ours.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum NoAuthority {
    /// Not readable.
    #[error("the authority's certificate cannot be read")]
    Unreadable,
    /// Not an authority that issues leaves only.
    #[error("the authority's certificate must be a CA's with path length 0, for signing certificates and lists")]
    Profile,
    /// A key that we do not take.
    #[error("the authority's key must be P-256, P-384 or Ed25519")]
    Key,
    /// Lives too long.
    #[error("the authority's life is longer than two years")]
    Life,
}

/// An authority that the directory binds to somebody.
#[derive(Clone, Debug)]
pub struct Bound {
    /// Its certificate.
    pub certificate: CertificateDer<'static>,
    /// Id of its key, as its leaves name it.
    pub key_id: Vec<u8>,
    /// Its public key, as bare bytes: the binding is to this, whatever certificate carries it.
    pub public_key: Vec<u8>,
    /// Last second, Unix time.
    pub not_after: i64,
    subject: Vec<u8>,
}

impl Bound {
    /// Reads and checks a certificate in PEM.
    pub fn read(pem: &str) -> Result<Self, NoAuthority> {
        let certificate = CertificateDer::from_pem_slice(pem.as_bytes()).map_err(|_| NoAuthority::Unreadable)?;
        let (_, parsed) = X509Certificate::from_der(&certificate).map_err(|_| NoAuthority::Unreadable)?;
        if !profile::is_strong(&parsed) {
            return Err(NoAuthority::Key);
        }
        let key_id = issues_leaves(&parsed).ok_or(NoAuthority::Profile)?;
        let life = parsed.validity().not_after.timestamp() - parsed.validity().not_before.timestamp();
        // a day more, for dating back
        if life > i64::try_from(ca::CA_LIFE.as_secs()).unwrap_or(0) + 86_400 {
            return Err(NoAuthority::Life);
        }
        let public_key = parsed.public_key().subject_public_key.data.to_vec();
        let (subject, not_after) = (parsed.subject().as_raw().to_vec(), parsed.validity().not_after.timestamp());
        Ok(Self { key_id, public_key, not_after, subject, certificate: certificate.into_owned() })
    }

    /// Whether `signature` is this authority's over `message`.
    pub fn has_signed(&self, message: &[u8], signature: &[u8]) -> bool {
        verifies(&self.public_key, message, signature)
    }

    /// The revocation list in `pem`, if it is this authority's.
    pub fn list(&self, pem: &str) -> Option<List> {
        let der = List::der(pem)?;
        let (_, list) = CertificateRevocationList::from_der(&der).ok()?;
        let (_, certificate) = X509Certificate::from_der(&self.certificate).ok()?;
        if list.issuer().as_raw() != self.subject || list.verify_signature(certificate.public_key()).is_err() {
            return None;
        }
        let number = list.crl_number().and_then(|number| u64::try_from(number).ok()).unwrap_or(0);
        let serials = list.iter_revoked_certificates().map(|revoked| profile::plain_serial(revoked.raw_serial()));
        Some(List {
            number,
            serials: serials.collect(),
            issued: list.last_update().timestamp(),
            expires: list.next_update().map_or(0, |next| next.timestamp()),
            pem: pem.to_owned(),
        })
    }
}

/// Whether `signature` over `message` is by the authority key `public_key`, whichever of our algorithms it is for.
pub(crate) fn verifies(public_key: &[u8], message: &[u8], signature: &[u8]) -> bool {
    use rustls::SignatureScheme::{ECDSA_NISTP256_SHA256, ECDSA_NISTP384_SHA384, ED25519};
    let provider = aws_lc_rs::default_provider();
    let ours = [ECDSA_NISTP256_SHA256, ECDSA_NISTP384_SHA384, ED25519];
    let mapping = provider.signature_verification_algorithms.mapping.iter();
    mapping
        .filter(|(scheme, _)| ours.contains(scheme))
        .flat_map(|(_, algorithms)| algorithms.iter())
        .any(|algorithm| algorithm.verify_signature(public_key, message, signature).is_ok())
}

/// The id of the key, if the certificate is an authority's that issues leaves and nothing else.
fn issues_leaves(certificate: &X509Certificate<'_>) -> Option<Vec<u8>> {
    let basic = certificate.basic_constraints().ok()??.value;
    let usage = certificate.key_usage().ok()??.value;
    let fits = basic.ca && basic.path_len_constraint == Some(0) && usage.key_cert_sign() && usage.crl_sign();
    if !fits {
        return None;
    }
    certificate.extensions().iter().find_map(|extension| match extension.parsed_extension() {
        ParsedExtension::SubjectKeyIdentifier(id) => Some(id.0.to_vec()),
        _ => None,
    })
}
