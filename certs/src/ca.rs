//! Authorities and what they issue: region root → one authority for each jurisdiction and one for the broker → leaves
//! of days. Keys are P-256.

use std::time::Duration;

use model::{
    ids::{JurisdictionId, RegionId},
    time::Timestamp,
};
use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, CertifiedIssuer, DnType,
    ExtendedKeyUsagePurpose, IsCa, KeyIdMethod, KeyPair, KeyUsagePurpose, RevokedCertParams, SanType, SerialNumber,
};

use crate::profile::Name;

/// Life of an agent's or broker's leaf.
pub const LEAF_LIFE: Duration = Duration::from_secs(21 * 86_400);
/// Longest life that a leaf may have.
pub const LEAF_LIFE_MAX: Duration = Duration::from_secs(90 * 86_400);
/// Life of an authority.
pub const CA_LIFE: Duration = Duration::from_secs(730 * 86_400);
/// Life of a revocation list.
pub const CRL_LIFE: Duration = Duration::from_secs(30 * 86_400);
/// Certificates begin a little earlier, for clocks that are behind.
const BACKDATED: Duration = Duration::from_secs(300);

/// An authority with its key.
pub type Authority = CertifiedIssuer<'static, KeyPair>;

/// A certificate chain with the key of its first certificate, both PEM.
#[derive(Debug)]
pub struct Issued {
    /// Leaf first, then its authority.
    pub chain: String,
    /// PKCS#8.
    pub key: zeroize::Zeroizing<String>,
}

/// The region's root authority.
pub fn root(region: &RegionId, now: Timestamp) -> Result<Authority, rcgen::Error> {
    let params = authority_params(&format!("{region} root"), 1, now)?;
    CertifiedIssuer::self_signed(params, KeyPair::generate()?)
}

/// An authority below the root, for a jurisdiction or for the broker; it issues leaves only.
pub fn authority(name: &str, parent: &Authority, now: Timestamp) -> Result<Authority, rcgen::Error> {
    CertifiedIssuer::signed_by(authority_params(name, 0, now)?, KeyPair::generate()?, parent)
}

/// Life and use of a leaf.
#[derive(Clone, Debug)]
pub struct LeafTerms {
    /// First moment.
    pub from: Timestamp,
    /// Last moment.
    pub until: Timestamp,
    /// Client or server.
    pub usage: Vec<ExtendedKeyUsagePurpose>,
    /// DNS names and addresses, for a broker.
    pub hosts: Vec<String>,
}

impl LeafTerms {
    /// For somebody who calls.
    pub fn client(now: Timestamp) -> Self {
        Self {
            from: now.minus(BACKDATED),
            until: now.plus(LEAF_LIFE),
            usage: vec![ExtendedKeyUsagePurpose::ClientAuth],
            hosts: Vec::new(),
        }
    }

    /// For the broker, which is called.
    pub fn server(now: Timestamp, hosts: &[String]) -> Self {
        Self { usage: vec![ExtendedKeyUsagePurpose::ServerAuth], hosts: hosts.to_vec(), ..Self::client(now) }
    }
}

/// A leaf for `name`, issued by `authority`.
pub fn leaf(name: &Name, authority: &Authority, terms: &LeafTerms) -> Result<Issued, rcgen::Error> {
    let key = KeyPair::generate()?;
    let mut params = CertificateParams::new(terms.hosts.clone())?;
    params.subject_alt_names.push(SanType::URI(name.uri().try_into()?));
    params.distinguished_name.push(DnType::CommonName, name.to_string());
    params.is_ca = IsCa::ExplicitNoCa;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages.clone_from(&terms.usage);
    params.use_authority_key_identifier_extension = true;
    (params.not_before, params.not_after) = (offset(terms.from), offset(terms.until));
    let certificate = params.signed_by(&key, authority)?;
    Ok(Issued { chain: format!("{}{}", certificate.pem(), authority.pem()), key: key.serialize_pem().into() })
}

/// A revocation list of `authority`.
pub fn revocations(
    authority: &Authority,
    serials: &[Vec<u8>],
    number: u64,
    now: Timestamp,
) -> Result<String, rcgen::Error> {
    let revoked = serials.iter().map(|serial| RevokedCertParams {
        serial_number: SerialNumber::from_slice(serial),
        revocation_time: offset(now),
        reason_code: None,
        invalidity_date: None,
    });
    let params = CertificateRevocationListParams {
        this_update: offset(now.minus(BACKDATED)),
        next_update: offset(now.plus(CRL_LIFE)),
        crl_number: SerialNumber::from(number),
        issuing_distribution_point: None,
        revoked_certs: revoked.collect(),
        key_identifier_method: KeyIdMethod::Sha256,
    };
    params.signed_by(authority)?.pem()
}

/// The common name of a jurisdiction's authority.
pub fn authority_name(region: &RegionId, jurisdiction: &JurisdictionId) -> String {
    format!("{region} {jurisdiction} CA")
}

fn authority_params(name: &str, below: u8, now: Timestamp) -> Result<CertificateParams, rcgen::Error> {
    let mut params = CertificateParams::new(Vec::new())?;
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(below));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    (params.not_before, params.not_after) = (offset(now.minus(BACKDATED)), offset(now.plus(CA_LIFE)));
    Ok(params)
}

fn offset(at: Timestamp) -> time::OffsetDateTime {
    time::OffsetDateTime::from_unix_timestamp(at.millis().div_euclid(1_000)).unwrap_or(time::OffsetDateTime::UNIX_EPOCH)
}
