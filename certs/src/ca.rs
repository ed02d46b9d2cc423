//! Authorities and what they issue: region root → one authority for each jurisdiction and one for the broker → leaves
//! of days. Keys are P-256.

use std::time::Duration;

use model::{
    ids::{JurisdictionId, RegionId},
    time::Timestamp,
};
use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, DnType, ExtendedKeyUsagePurpose, IsCa,
    Issuer, KeyIdMethod, KeyPair, KeyUsagePurpose, RevokedCertParams, SanType, SerialNumber, SigningKey as _,
    SubjectPublicKeyInfo,
};
use rustls_pki_types::{CertificateDer, pem::PemObject as _};
use x509_parser::{certificate::X509Certificate, prelude::FromDer as _};
use zeroize::Zeroizing;

use crate::{bound::Bound, profile::Name};

/// Life of an agent's or broker's leaf.
pub const LEAF_LIFE: Duration = Duration::from_hours(21 * 24);
/// Longest life that a leaf may have.
pub const LEAF_LIFE_MAX: Duration = Duration::from_hours(90 * 24);
/// Life of an authority.
pub const CA_LIFE: Duration = Duration::from_hours(730 * 24);
/// Life of a revocation list.
pub const CRL_LIFE: Duration = Duration::from_hours(30 * 24);
/// Certificates begin a little earlier, for clocks that are behind.
const BACKDATED: Duration = Duration::from_mins(5);

/// An authority with its key.
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pem: String,
}

impl std::fmt::Debug for Authority {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Authority").field("pem", &self.pem).finish_non_exhaustive()
    }
}

impl Authority {
    /// An authority from its certificate and key; none if they do not belong together.
    pub fn load(certificate: &str, key: &str) -> Result<Option<Self>, rcgen::Error> {
        let key = KeyPair::from_pem(key)?;
        let fits = Bound::read(certificate).is_ok_and(|bound| bound.public_key == key.public_key_raw());
        let issuer = Issuer::from_ca_cert_pem(certificate, key)?;
        Ok(fits.then_some(Self { issuer, pem: certificate.to_owned() }))
    }

    /// The region's root authority from its files.
    pub fn load_root(certificate: &str, key: &str) -> Result<Self, rcgen::Error> {
        let issuer = Issuer::from_ca_cert_pem(certificate, KeyPair::from_pem(key)?)?;
        Ok(Self { issuer, pem: certificate.to_owned() })
    }

    /// Its certificate.
    pub fn pem(&self) -> String {
        self.pem.clone()
    }

    /// Its key, PKCS#8 in PEM.
    pub fn key_pem(&self) -> Zeroizing<String> {
        self.issuer.key().serialize_pem().into()
    }

    /// Its public key as bare bytes.
    pub fn public_key(&self) -> &[u8] {
        self.issuer.key().public_key_raw()
    }

    /// Signs bytes that are no certificate; callers put a context before them.
    pub fn sign(&self, message: &[u8]) -> Result<Vec<u8>, rcgen::Error> {
        self.issuer.key().sign(message)
    }

    /// A certificate by this authority for another authority's key, under the name that it gave itself.
    pub fn certify(&self, name: &str, other: &str, now: Timestamp) -> Result<String, rcgen::Error> {
        let der =
            CertificateDer::from_pem_slice(other.as_bytes()).map_err(|_| rcgen::Error::CouldNotParseCertificate)?;
        let (_, parsed) = X509Certificate::from_der(&der).map_err(|_| rcgen::Error::CouldNotParseCertificate)?;
        let key = SubjectPublicKeyInfo::from_der(parsed.public_key().raw)?;
        let mut params = authority_params(name, 0, now)?;
        params.use_authority_key_identifier_extension = true;
        Ok(params.signed_by(&key, &self.issuer)?.pem())
    }
}

/// A certificate chain with the key of its first certificate, both PEM.
pub struct Issued {
    /// Leaf first, then its authority.
    pub chain: String,
    /// PKCS#8.
    pub key: Zeroizing<String>,
}

impl std::fmt::Debug for Issued {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Issued").field("chain", &self.chain).finish_non_exhaustive()
    }
}

/// The region's root authority.
pub fn root(region: &RegionId, now: Timestamp) -> Result<Authority, rcgen::Error> {
    self_signed(&format!("{region} root"), 1, now)
}

/// An authority that signs itself, as a jurisdiction makes it at its own place; it issues leaves only.
pub fn own(name: &str, now: Timestamp) -> Result<Authority, rcgen::Error> {
    self_signed(name, 0, now)
}

/// An authority below the root, for a jurisdiction or for the broker; it issues leaves only.
pub fn authority(name: &str, parent: &Authority, now: Timestamp) -> Result<Authority, rcgen::Error> {
    let (key, params) = (KeyPair::generate()?, authority_params(name, 0, now)?);
    let pem = params.signed_by(&key, &parent.issuer)?.pem();
    Ok(Authority { issuer: Issuer::new(params, key), pem })
}

fn self_signed(name: &str, below: u8, now: Timestamp) -> Result<Authority, rcgen::Error> {
    let (key, params) = (KeyPair::generate()?, authority_params(name, below, now)?);
    let pem = params.self_signed(&key)?.pem();
    Ok(Authority { issuer: Issuer::new(params, key), pem })
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
    let certificate = params.signed_by(&key, &authority.issuer)?;
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
    params.signed_by(&authority.issuer)?.pem()
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
