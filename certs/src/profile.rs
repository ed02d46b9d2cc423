//! Certificate ⇄ identity: exactly our profile or nothing.
//!
//! One URI name of our form, one extended key usage, no authority, digital signature, P-256 or Ed25519, at most 90
//! days. Chain and dates are checked by the TLS library against the one authority that the directory binds.

use std::{fmt, str::FromStr, time::Duration};

use model::ids::{AgentId, JurisdictionId, RegionId};
use x509_parser::{
    certificate::X509Certificate,
    extensions::{GeneralName, ParsedExtension},
    prelude::FromDer as _,
};

use crate::ca::LEAF_LIFE_MAX;

/// Who a certificate names.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct Name {
    /// Which region.
    pub region: RegionId,
    /// Who there.
    pub who: Who,
}

/// Somebody of a region.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub enum Who {
    /// `spiffe://REGION/j/JURISDICTION/a/NAME`.
    Agent(AgentId),
    /// `spiffe://REGION/broker/NAME`.
    Broker(String),
    /// `spiffe://REGION/operator/NAME`: calls the admin listener.
    Operator(String),
}

/// Why a certificate is not of our profile. For the audit; the peer gets no hint.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Refusal {
    /// Not readable.
    #[error("the certificate cannot be read")]
    Unreadable,
    /// Not exactly one URI of our form.
    #[error("the certificate must have exactly one URI name of our form")]
    Name,
    /// Client or server, and only what the listener is for.
    #[error("the certificate's extended key usage is not the one for this listener")]
    Usage,
    /// An authority.
    #[error("the certificate is an authority's")]
    Authority,
    /// Lives too long.
    #[error("the certificate's life is longer than 90 days")]
    Life,
    /// A key or signature that we do not take.
    #[error("the certificate's key must be P-256, P-384 or Ed25519")]
    Key,
    /// Another region.
    #[error("the certificate is of another region")]
    Region,
    /// Says something that our profile does not know.
    #[error("the certificate has an extension that is not of our profile")]
    Extension,
    /// Nobody of the directory.
    #[error("{0} is not in the directory")]
    Stranger(String),
    /// Signed by another authority than the one that is bound to whom it names.
    #[error("the certificate was not issued by the authority bound to its name")]
    Issuer,
    /// Good, but not for this listener: an operator at the agents', an agent at the operators', a broker anywhere.
    #[error("the certificate is not for this listener")]
    Listener,
    /// Ended.
    #[error("the certificate has expired")]
    Expired,
    /// Not begun.
    #[error("the certificate is not yet valid")]
    NotYetValid,
    /// On a revocation list, or in the directory's.
    #[error("the certificate is revoked")]
    Revoked,
    /// The authority has no revocation list here.
    #[error("no revocation list of the certificate's authority is known")]
    RevocationUnknown,
    /// The authority's revocation list is too old.
    #[error("the revocation list of the certificate's authority has expired")]
    RevocationStale,
    /// The authority itself has ended.
    #[error("the authority that issued the certificate has expired")]
    AuthorityExpired,
    /// Names another host than was called.
    #[error("the certificate is for another host name")]
    Host,
    /// Anything else that the TLS library found in the chain.
    #[error("the certificate does not verify: {0}")]
    Chain(String),
}

impl Refusal {
    /// What the TLS library found, in our words.
    pub fn of(error: &rustls::Error) -> Self {
        use rustls::{CertificateError as Found, Error};
        let Error::InvalidCertificate(found) = error else { return Self::Chain(error.to_string()) };
        match found {
            Found::Expired | Found::ExpiredContext { .. } => Self::Expired,
            Found::NotValidYet | Found::NotValidYetContext { .. } => Self::NotYetValid,
            Found::Revoked => Self::Revoked,
            Found::UnknownRevocationStatus => Self::RevocationUnknown,
            Found::ExpiredRevocationList | Found::ExpiredRevocationListContext { .. } => Self::RevocationStale,
            Found::UnknownIssuer | Found::BadSignature => Self::Issuer,
            Found::NotValidForName | Found::NotValidForNameContext { .. } => Self::Host,
            Found::InvalidPurpose | Found::InvalidPurposeContext { .. } => Self::Usage,
            other => Self::Chain(other.to_string()),
        }
    }
}

impl Name {
    /// The URI that a certificate carries.
    pub fn uri(&self) -> String {
        match &self.who {
            Who::Agent(agent) => format!("spiffe://{}/j/{}/a/{}", self.region, agent.jurisdiction, agent.name()),
            Who::Broker(name) => format!("spiffe://{}/broker/{name}", self.region),
            Who::Operator(name) => format!("spiffe://{}/operator/{name}", self.region),
        }
    }

    /// The agent, if it is one.
    pub fn agent(&self) -> Option<&AgentId> {
        match &self.who {
            Who::Agent(agent) => Some(agent),
            Who::Broker(_) | Who::Operator(_) => None,
        }
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.who {
            Who::Agent(agent) => write!(f, "{agent}"),
            Who::Broker(name) => write!(f, "broker/{name}"),
            Who::Operator(name) => write!(f, "operator/{name}"),
        }
    }
}

impl FromStr for Name {
    type Err = Refusal;

    fn from_str(uri: &str) -> Result<Self, Refusal> {
        let path = uri.strip_prefix("spiffe://").ok_or(Refusal::Name)?;
        let parts: Vec<&str> = path.split('/').collect();
        let (region, who) = match parts.as_slice() {
            [region, "j", jurisdiction, "a", name] => {
                let jurisdiction = jurisdiction.parse::<JurisdictionId>().map_err(|_| Refusal::Name)?;
                (region, Who::Agent(AgentId::new(jurisdiction, name).map_err(|_| Refusal::Name)?))
            }
            [region, "broker", name] => (region, Who::Broker(plain(name)?)),
            [region, "operator", name] => (region, Who::Operator(plain(name)?)),
            _ => return Err(Refusal::Name),
        };
        Ok(Self { region: region.parse().map_err(|_| Refusal::Name)?, who })
    }
}

fn plain(name: &str) -> Result<String, Refusal> {
    let fits =
        (1..=32).contains(&name.len()) && name.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-'));
    if fits { Ok(name.to_owned()) } else { Err(Refusal::Name) }
}

/// What a listener or caller expects of the other side.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Side {
    /// The other side calls: clientAuth alone.
    Client,
    /// The other side is called: serverAuth alone, with host names beside the URI.
    Server,
}

/// What a certificate says of its owner.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Facts {
    /// Whom it names.
    pub name: Name,
    /// Serial, as bytes without leading zeros.
    pub serial: Vec<u8>,
    /// Id of the authority's key, as the certificate says; a listener takes only its own.
    pub issuer_key: Vec<u8>,
    /// First second, Unix time.
    pub not_before: i64,
    /// Last second, Unix time.
    pub not_after: i64,
}

/// Checks a leaf field by field.
pub fn check(der: &[u8], side: Side) -> Result<Facts, Refusal> {
    let (rest, certificate) = X509Certificate::from_der(der).map_err(|_| Refusal::Unreadable)?;
    if !rest.is_empty() {
        return Err(Refusal::Unreadable);
    }
    let name = name(&certificate, side)?;
    usage(&certificate, side)?;
    plain_leaf(&certificate)?;
    only_ours(&certificate)?;
    let validity = certificate.validity();
    let (from, until) = (validity.not_before.timestamp(), validity.not_after.timestamp());
    let life = Duration::from_secs(u64::try_from(until.saturating_sub(from)).unwrap_or(0));
    // certificates are dated back a few minutes for clocks that are behind
    if life > LEAF_LIFE_MAX + Duration::from_mins(10) {
        return Err(Refusal::Life);
    }
    let issuer_key = issuer_key(&certificate).ok_or(Refusal::Issuer)?;
    Ok(Facts { name, serial: plain_serial(certificate.raw_serial()), issuer_key, not_before: from, not_after: until })
}

/// A serial number as everybody writes it: without the leading zeros of its encoding.
pub fn plain_serial(raw: &[u8]) -> Vec<u8> {
    raw.iter().copied().skip_while(|byte| *byte == 0).collect()
}

fn issuer_key(certificate: &X509Certificate<'_>) -> Option<Vec<u8>> {
    certificate.extensions().iter().find_map(|extension| match extension.parsed_extension() {
        ParsedExtension::AuthorityKeyIdentifier(id) => id.key_identifier.as_ref().map(|id| id.0.to_vec()),
        _ => None,
    })
}

fn name(certificate: &X509Certificate<'_>, side: Side) -> Result<Name, Refusal> {
    let names = certificate.subject_alternative_name().map_err(|_| Refusal::Name)?.ok_or(Refusal::Name)?;
    let mut uri = None;
    for general in &names.value.general_names {
        match (general, side) {
            (GeneralName::URI(text), _) if uri.is_none() => uri = Some(text.parse()?),
            (GeneralName::DNSName(_) | GeneralName::IPAddress(_), Side::Server) => {}
            _ => return Err(Refusal::Name),
        }
    }
    uri.ok_or(Refusal::Name)
}

fn usage(certificate: &X509Certificate<'_>, side: Side) -> Result<(), Refusal> {
    let usage = certificate.extended_key_usage().map_err(|_| Refusal::Usage)?.ok_or(Refusal::Usage)?.value;
    let (client, server) = (usage.client_auth, usage.server_auth);
    let others = usage.any
        || usage.code_signing
        || usage.email_protection
        || usage.time_stamping
        || usage.ocsp_signing
        || !usage.other.is_empty();
    let fits = match side {
        Side::Client => client && !server,
        Side::Server => server && !client,
    };
    if fits && !others { Ok(()) } else { Err(Refusal::Usage) }
}

fn plain_leaf(certificate: &X509Certificate<'_>) -> Result<(), Refusal> {
    if certificate.is_ca() {
        return Err(Refusal::Authority);
    }
    let signs = certificate.extensions().iter().any(|extension| {
        matches!(extension.parsed_extension(), ParsedExtension::KeyUsage(usage) if usage.flags == SIGNATURE_ALONE)
    });
    if !signs {
        return Err(Refusal::Usage);
    }
    if is_strong(certificate) { Ok(()) } else { Err(Refusal::Key) }
}

/// Key usage with digitalSignature and nothing else.
const SIGNATURE_ALONE: u16 = 1;

/// Subject key, key usage, names, basic constraints, authority's key, extended usage: what our certificates have.
const OURS: [&str; 6] = ["2.5.29.14", "2.5.29.15", "2.5.29.17", "2.5.29.19", "2.5.29.35", "2.5.29.37"];

/// A word that we do not read might limit or widen what the certificate is for.
fn only_ours(certificate: &X509Certificate<'_>) -> Result<(), Refusal> {
    let ours = certificate.extensions().iter().all(|extension| OURS.contains(&extension.oid.to_id_string().as_str()));
    if ours { Ok(()) } else { Err(Refusal::Extension) }
}

/// Whether the key is P-256, P-384 or Ed25519.
pub(crate) fn is_strong(certificate: &X509Certificate<'_>) -> bool {
    let algorithm = &certificate.public_key().algorithm;
    let curve = algorithm.parameters.as_ref().and_then(|curve| curve.as_oid().ok()).map(|oid| oid.to_id_string());
    match algorithm.algorithm.to_id_string().as_str() {
        "1.2.840.10045.2.1" => matches!(curve.as_deref(), Some("1.2.840.10045.3.1.7" | "1.3.132.0.34")),
        "1.3.101.112" => true,
        _ => false,
    }
}
