//! A certificate as people look at it.

use std::net::{Ipv4Addr, Ipv6Addr};

use rustls_pki_types::{CertificateDer, pem::PemObject as _};
use x509_parser::{certificate::X509Certificate, extensions::GeneralName, prelude::FromDer as _};

use crate::{
    profile::{self, Side},
    signed,
    words::{Of, Words},
};

/// What a certificate is for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Use {
    /// Issues others.
    Authority,
    /// Calls.
    Client,
    /// Is called.
    Server,
}

/// What a certificate says.
#[derive(Clone, Debug)]
pub struct Seen {
    /// Common name.
    pub subject: String,
    /// Common name of the issuer.
    pub issuer: String,
    /// URI name.
    pub uri: Option<String>,
    /// DNS names and addresses.
    pub hosts: Vec<String>,
    /// Hexadecimal, without leading zeros.
    pub serial: String,
    /// Unix seconds.
    pub not_before: i64,
    /// Unix seconds.
    pub not_after: i64,
    /// What it is for.
    pub usage: Use,
    /// Fingerprint: of an authority that of its key, whoever certified it.
    pub words: Words,
}

/// Reads the first certificate of a PEM text.
pub fn first(pem: &str) -> Option<Seen> {
    let der = CertificateDer::from_pem_slice(pem.as_bytes()).ok()?;
    let (_, certificate) = X509Certificate::from_der(&der).ok()?;
    let names = certificate.subject_alternative_name().ok().flatten();
    let names: &[GeneralName<'_>] = names.as_ref().map_or(&[], |names| &names.value.general_names);
    let uri = names.iter().find_map(|name| match name {
        GeneralName::URI(uri) => Some((*uri).to_owned()),
        _ => None,
    });
    let usage = match profile::check(&der, Side::Server) {
        _ if certificate.is_ca() => Use::Authority,
        Ok(_) => Use::Server,
        Err(_) => Use::Client,
    };
    Some(Seen {
        subject: common_name(certificate.subject()),
        issuer: common_name(certificate.issuer()),
        uri,
        hosts: names.iter().filter_map(host).collect(),
        serial: signed::hex(&profile::plain_serial(certificate.raw_serial())),
        not_before: certificate.validity().not_before.timestamp(),
        not_after: certificate.validity().not_after.timestamp(),
        usage,
        words: if certificate.is_ca() {
            Words::of(Of::Key, &certificate.public_key().subject_public_key.data)
        } else {
            Words::of(Of::Certificate, &der)
        },
    })
}

fn common_name(name: &x509_parser::x509::X509Name<'_>) -> String {
    let common = name.iter_common_name().next().and_then(|name| name.as_str().ok());
    common.map_or_else(|| name.to_string(), str::to_owned)
}

fn host(name: &GeneralName<'_>) -> Option<String> {
    match name {
        GeneralName::DNSName(name) => Some((*name).to_owned()),
        GeneralName::IPAddress(bytes) => {
            let v4 = <[u8; 4]>::try_from(*bytes).map(|bytes| Ipv4Addr::from(bytes).to_string());
            v4.or_else(|_| <[u8; 16]>::try_from(*bytes).map(|bytes| Ipv6Addr::from(bytes).to_string())).ok()
        }
        _ => None,
    }
}
