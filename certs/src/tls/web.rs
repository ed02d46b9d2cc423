//! Lines to programs on other machines: https to a server whose certificate was issued under an authority that the operator
//! names for it. The authorities of the public web are not asked.

use std::{path::Path, sync::Arc};

use model::{clock::Clock, limits};
use rustls::{ClientConfig, RootCertStore, crypto::aws_lc_rs, time_provider::TimeProvider, version::TLS13};
use rustls_pki_types::{CertificateDer, ServerName, UnixTime, pem::PemObject as _};
use tokio::net::TcpStream;
use tokio_rustls::{TlsConnector, client::TlsStream};

use super::{ConnectError, TlsError};

/// The authorities of one file.
#[derive(Clone, Debug)]
pub struct Authorities(Arc<RootCertStore>);

/// Our clock, as the library asks for it.
#[derive(Debug)]
struct Now(Clock);

impl TimeProvider for Now {
    fn current_time(&self) -> Option<UnixTime> {
        let seconds = u64::try_from(self.0.now().millis() / 1_000).ok()?;
        Some(UnixTime::since_unix_epoch(std::time::Duration::from_secs(seconds)))
    }
}

impl Authorities {
    /// Reads a file of certificates in PEM.
    ///
    /// # Errors
    /// It cannot be read, or holds no authority.
    pub fn read(file: &Path) -> Result<Self, TlsError> {
        let at = |what: &dyn std::fmt::Display| TlsError::Pem(format!("{}: {what}", file.display()));
        let pem = std::fs::read(file).map_err(|error| at(&error))?;
        let mut roots = RootCertStore::empty();
        for certificate in CertificateDer::pem_slice_iter(&pem) {
            roots.add(certificate.map_err(|error| at(&error))?)?;
        }
        if roots.is_empty() { Err(at(&"no certificate in it")) } else { Ok(Self(Arc::new(roots))) }
    }

    /// A line to `host`, whose certificate names it and is good now; TLS 1.3.
    ///
    /// # Errors
    /// Nobody answers, or who answers is another.
    pub async fn connect(&self, host: &str, port: u16, clock: &Clock) -> Result<TlsStream<TcpStream>, ConnectError> {
        let name = ServerName::try_from(host.to_owned()).map_err(|_| ConnectError::Host(host.to_owned()))?;
        let provider = Arc::new(aws_lc_rs::default_provider());
        let config = ClientConfig::builder_with_details(provider, Arc::new(Now(clock.clone())))
            .with_protocol_versions(&[&TLS13])
            .map_err(|error| ConnectError::Tls(std::io::Error::other(error)))?
            .with_root_certificates(self.0.clone())
            .with_no_client_auth();
        let stream = TcpStream::connect((host, port)).await.map_err(ConnectError::Tcp)?;
        let handshake = TlsConnector::from(Arc::new(config)).connect(name, stream);
        let late = || std::io::Error::from(std::io::ErrorKind::TimedOut);
        let shaken = tokio::time::timeout(limits::HANDSHAKE_TIME_MAX, handshake).await;
        shaken.map_err(|_| ConnectError::Tls(late()))?.map_err(ConnectError::Tls)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
    use rustls::ServerConfig;
    use tokio::{io::AsyncReadExt as _, net::TcpListener};
    use tokio_rustls::TlsAcceptor;

    use super::*;

    fn authority() -> CertifiedIssuer<'static, KeyPair> {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
    }

    fn server(authority: &CertifiedIssuer<'static, KeyPair>) -> ServerConfig {
        let key = KeyPair::generate().unwrap();
        let leaf = CertificateParams::new(vec!["localhost".to_owned()]).unwrap().signed_by(&key, authority).unwrap();
        let key = rustls_pki_types::PrivateKeyDer::try_from(key.serialize_der()).unwrap();
        let provider = Arc::new(aws_lc_rs::default_provider());
        let config = ServerConfig::builder_with_provider(provider).with_protocol_versions(&[&TLS13]).unwrap();
        config.with_no_client_auth().with_single_cert(vec![leaf.der().clone()], key).unwrap()
    }

    #[tokio::test]
    async fn only_a_server_under_the_named_authority_and_of_this_name_is_spoken_to() {
        let (ours, other) = (authority(), authority());
        let folder = tempfile::tempdir().unwrap();
        let file = |name: &str, text: &str| {
            std::fs::write(folder.path().join(name), text).unwrap();
            Authorities::read(&folder.path().join(name))
        };
        let (ours_file, other_file) = (file("ours", &ours.pem()).unwrap(), file("other", &other.pem()).unwrap());
        assert!(file("empty", "").is_err() && Authorities::read(Path::new("/nowhere")).is_err());
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let acceptor = TlsAcceptor::from(Arc::new(server(&ours)));
        let serving = async {
            for _ in 0..3 {
                let (stream, _) = listener.accept().await.unwrap();
                if let Ok(mut stream) = acceptor.accept(stream).await {
                    drop(stream.read_u8().await);
                }
            }
        };
        let clock = Clock::new(|| model::time::Timestamp::from_millis(1_800_000_000_000));
        let calling = async {
            let good = ours_file.connect("localhost", port, &clock).await.map(|_| ());
            let named = ours_file.connect("127.0.0.1", port, &clock).await.map(|_| ());
            let strange = other_file.connect("localhost", port, &clock).await.map(|_| ());
            (good.is_ok(), matches!(named, Err(ConnectError::Tls(_))), matches!(strange, Err(ConnectError::Tls(_))))
        };
        let ((), told) = tokio::join!(serving, calling);
        assert_eq!(told, (true, true, true));
    }
}
