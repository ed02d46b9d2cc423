//! TLS for broker and agents: 1.3 only, X25519MLKEM768 preferred, no resumption, both sides judged by our own
//! verifiers, everything reloadable without a restart. The accept loop is ours, with its limits.

use std::{
    collections::BTreeMap,
    io,
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use arc_swap::ArcSwap;
use model::{clock::Clock, ids::JurisdictionId, limits, time::Timestamp};
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, DistinguishedName, Error, RootCertStore, ServerConfig,
    SignatureScheme,
    client::{
        WebPkiServerVerifier,
        danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    },
    crypto::{CryptoProvider, aws_lc_rs},
    server::{
        NoServerSessionStorage, WebPkiClientVerifier,
        danger::{ClientCertVerified, ClientCertVerifier},
    },
    version::TLS13,
};
use rustls_pki_types::{
    CertificateDer, CertificateRevocationListDer, PrivateKeyDer, ServerName, UnixTime, pem::PemObject as _,
};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::{TlsAcceptor, TlsConnector};

use crate::{
    files::{self, FilesError, Trusted},
    keys::{self, KeyError},
    profile::{self, Facts, Name, Refusal, Side, Who},
};

/// Why a TLS identity could not be made; what was in force stays so.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// The signed files.
    #[error(transparent)]
    Files(#[from] FilesError),
    /// A key file.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// A certificate that cannot be read.
    #[error("{0}")]
    Pem(String),
    /// The library refuses the set.
    #[error("TLS")]
    Rustls(#[from] Error),
}

/// The other side of a connection, as its certificate says and our verifier found good.
#[derive(Clone, Debug)]
pub struct Peer {
    /// Who it is.
    pub facts: Facts,
    /// Key exchange of the connection, for people.
    pub group: String,
    /// Where it came from.
    pub address: SocketAddr,
}

/// Everything that a program needs to speak TLS, as one set that is swapped whole.
pub struct Identity {
    folder: PathBuf,
    clock: Clock,
    current: ArcSwap<Current>,
}

struct Current {
    trusted: Arc<Trusted>,
    agents: Arc<ServerConfig>,
    operators: Arc<ServerConfig>,
    client: Arc<ClientConfig>,
    verifier: Arc<CallerVerifier>,
}

impl std::fmt::Debug for Identity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Identity").field("folder", &self.folder).finish_non_exhaustive()
    }
}

impl Identity {
    /// Loads the trust directory `folder`: signed files, leaf, key, revocation lists.
    pub fn load(folder: &Path, clock: Clock) -> Result<Self, TlsError> {
        let current = Current::load(folder, &clock, (0, 0))?;
        Ok(Self { folder: folder.to_owned(), clock, current: ArcSwap::from_pointee(current) })
    }

    /// Loads it again. When this fails, what was in force stays so.
    pub fn reload(&self) -> Result<(), TlsError> {
        let now = self.current.load();
        let known = (now.trusted.directory.version, now.trusted.policy.version);
        self.current.store(Arc::new(Current::load(&self.folder, &self.clock, known)?));
        Ok(())
    }

    /// What the signed files say.
    pub fn trusted(&self) -> Arc<Trusted> {
        self.current.load().trusted.clone()
    }

    /// The trust directory.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Whether a peer of a living connection would still be let in.
    pub fn still_trusts(&self, facts: &Facts) -> Result<(), Refusal> {
        self.current.load().verifier.still_trusts(facts, self.clock.now())
    }
}

impl Current {
    fn load(folder: &Path, clock: &Clock, known: (u64, u64)) -> Result<Self, TlsError> {
        let trusted = files::load(folder, known)?;
        let chain = certificates(
            &std::fs::read_to_string(folder.join(files::name::LEAF))
                .map_err(|error| TlsError::Pem(error.to_string()))?,
        )?;
        let key = keys::read(&folder.join(files::name::LEAF_KEY))?;
        let key = PrivateKeyDer::from_pem_slice(key.as_bytes())
            .map_err(|error| TlsError::Pem(format!("{}: {error}", files::name::LEAF_KEY)))?;
        let provider = Arc::new(aws_lc_rs::default_provider());
        let verifier = Arc::new(CallerVerifier::new(&trusted, &provider, clock.clone(), Listener::Agents)?);
        let operators = Arc::new(CallerVerifier::new(&trusted, &provider, clock.clone(), Listener::Operators)?);
        Ok(Self {
            agents: Arc::new(server(&provider, verifier.clone(), chain.clone(), key.clone_key())?),
            operators: Arc::new(server(&provider, operators, chain.clone(), key.clone_key())?),
            client: Arc::new(client(&provider, &trusted, clock, chain, key)?),
            verifier,
            trusted: Arc::new(trusted),
        })
    }
}

fn server(
    provider: &Arc<CryptoProvider>,
    verifier: Arc<CallerVerifier>,
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
) -> Result<ServerConfig, Error> {
    let mut config = ServerConfig::builder_with_provider(provider.clone())
        .with_protocol_versions(&[&TLS13])?
        .with_client_cert_verifier(verifier)
        .with_single_cert(chain, key)?;
    config.alpn_protocols = vec![b"h2".to_vec()];
    // a resumed handshake shows and checks no certificate
    config.send_tls13_tickets = 0;
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.max_early_data_size = 0;
    Ok(config)
}

fn client(
    provider: &Arc<CryptoProvider>,
    trusted: &Trusted,
    clock: &Clock,
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
) -> Result<ClientConfig, TlsError> {
    let verifier = BrokerVerifier::new(trusted, provider, clock.clone())?;
    let mut config = ClientConfig::builder_with_provider(provider.clone())
        .with_protocol_versions(&[&TLS13])?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier))
        .with_client_auth_cert(chain, key)?;
    config.alpn_protocols = vec![b"h2".to_vec()];
    config.resumption = rustls::client::Resumption::disabled();
    Ok(config)
}

fn certificates(pem: &str) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    CertificateDer::pem_slice_iter(pem.as_bytes())
        .collect::<Result<_, _>>()
        .map_err(|error| TlsError::Pem(error.to_string()))
}

fn roots(pem: &str) -> Result<Arc<RootCertStore>, TlsError> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(pem)? {
        roots.add(certificate)?;
    }
    Ok(Arc::new(roots))
}

fn lists(trusted: &Trusted) -> Result<Vec<CertificateRevocationListDer<'static>>, TlsError> {
    let pem = trusted.crls.iter().map(|crl| CertificateRevocationListDer::from_pem_slice(crl.as_bytes()));
    pem.collect::<Result<_, _>>().map_err(|error| TlsError::Pem(format!("revocation list: {error}")))
}

/// For whom a listener is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Listener {
    /// Agents of members, each under the authority that the directory binds.
    Agents,
    /// Operators, under the broker's authority.
    Operators,
}

/// Judges callers: the profile first, then the chain to exactly the authority bound to whom the certificate names.
struct CallerVerifier {
    region: model::ids::RegionId,
    listener: Listener,
    authorities: BTreeMap<JurisdictionId, Arc<dyn ClientCertVerifier>>,
    broker: Arc<dyn ClientCertVerifier>,
    revoked: Mutex<std::collections::BTreeSet<Vec<u8>>>,
    clock: Clock,
    refused: Mutex<Option<Refusal>>,
}

impl std::fmt::Debug for CallerVerifier {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CallerVerifier").field("listener", &self.listener).finish_non_exhaustive()
    }
}

impl CallerVerifier {
    fn new(
        trusted: &Trusted,
        provider: &Arc<CryptoProvider>,
        clock: Clock,
        listener: Listener,
    ) -> Result<Self, TlsError> {
        let crls = lists(trusted)?;
        let under = |pem: &str| -> Result<Arc<dyn ClientCertVerifier>, TlsError> {
            let builder = WebPkiClientVerifier::builder_with_provider(roots(pem)?, provider.clone());
            let builder = if crls.is_empty() {
                builder
            } else {
                builder
                    .with_crls(crls.iter().cloned())
                    .enforce_revocation_expiration()
                    .only_check_end_entity_revocation()
            };
            builder
                .build()
                .map(|verifier| verifier as Arc<dyn ClientCertVerifier>)
                .map_err(|error| TlsError::Pem(error.to_string()))
        };
        let authorities = trusted
            .authorities
            .iter()
            .map(|(id, pem)| Ok((id.clone(), under(pem)?)))
            .collect::<Result<_, TlsError>>()?;
        Ok(Self {
            region: trusted.region.clone(),
            listener,
            authorities,
            broker: under(&trusted.broker_authority)?,
            revoked: Mutex::new(revoked_serials(&trusted.crls)),
            clock,
            refused: Mutex::new(None),
        })
    }

    fn judge(&self, leaf: &CertificateDer<'_>, between: &[CertificateDer<'_>]) -> Result<ClientCertVerified, Refusal> {
        let facts = profile::check(leaf, Side::Client)?;
        if facts.name.region != self.region {
            return Err(Refusal::Region);
        }
        let verifier = match (&facts.name.who, self.listener) {
            (Who::Agent(agent), Listener::Agents) => {
                self.authorities.get(&agent.jurisdiction).ok_or_else(|| Refusal::Stranger(facts.name.to_string()))?
            }
            (Who::Operator(_), Listener::Operators) => &self.broker,
            _ => return Err(Refusal::Name),
        };
        let ours = u64::try_from(self.clock.now().millis() / 1_000).unwrap_or(0);
        let now = UnixTime::since_unix_epoch(std::time::Duration::from_secs(ours));
        verifier.verify_client_cert(leaf, between, now).map_err(|error| Refusal::Chain(error.to_string()))
    }

    fn still_trusts(&self, facts: &Facts, now: Timestamp) -> Result<(), Refusal> {
        let Name { region, who } = &facts.name;
        if *region != self.region {
            return Err(Refusal::Region);
        }
        if let Who::Agent(agent) = who
            && !self.authorities.contains_key(&agent.jurisdiction)
        {
            return Err(Refusal::Stranger(facts.name.to_string()));
        }
        if self.revoked.lock().unwrap_or_else(PoisonError::into_inner).contains(&facts.serial) {
            return Err(Refusal::Chain("the certificate is revoked".to_owned()));
        }
        if now.millis() / 1_000 > facts.not_after {
            return Err(Refusal::Chain("the certificate has expired".to_owned()));
        }
        Ok(())
    }

    /// Why the last caller was refused.
    fn take_refusal(&self) -> Option<Refusal> {
        self.refused.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

fn revoked_serials(crls: &[String]) -> std::collections::BTreeSet<Vec<u8>> {
    use x509_parser::prelude::FromDer as _;
    let mut serials = std::collections::BTreeSet::new();
    for crl in crls {
        let Ok(der) = CertificateRevocationListDer::from_pem_slice(crl.as_bytes()) else { continue };
        if let Ok((_, list)) = x509_parser::revocation_list::CertificateRevocationList::from_der(&der) {
            serials.extend(list.iter_revoked_certificates().map(|revoked| revoked.raw_serial().to_vec()));
        }
    }
    serials
}

impl ClientCertVerifier for CallerVerifier {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        leaf: &CertificateDer<'_>,
        between: &[CertificateDer<'_>],
        _: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        self.judge(leaf, between).map_err(|refusal| {
            *self.refused.lock().unwrap_or_else(PoisonError::into_inner) = Some(refusal);
            Error::InvalidCertificate(CertificateError::ApplicationVerificationFailure)
        })
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Err(Error::PeerIncompatible(rustls::PeerIncompatible::Tls12NotOffered))
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.broker.verify_tls13_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.broker.supported_verify_schemes()
    }
}

/// Judges the broker: its authority is pinned by the directory, its certificate is exactly of our profile.
#[derive(Debug)]
struct BrokerVerifier {
    region: model::ids::RegionId,
    chain: Arc<WebPkiServerVerifier>,
    clock: Clock,
}

impl BrokerVerifier {
    fn new(trusted: &Trusted, provider: &Arc<CryptoProvider>, clock: Clock) -> Result<Self, TlsError> {
        let crls = lists(trusted)?;
        let builder = WebPkiServerVerifier::builder_with_provider(roots(&trusted.broker_authority)?, provider.clone());
        let builder = if crls.is_empty() {
            builder
        } else {
            builder.with_crls(crls).enforce_revocation_expiration().only_check_end_entity_revocation()
        };
        let chain = builder.build().map_err(|error| TlsError::Pem(error.to_string()))?;
        Ok(Self { region: trusted.region.clone(), chain, clock })
    }
}

impl ServerCertVerifier for BrokerVerifier {
    fn verify_server_cert(
        &self,
        leaf: &CertificateDer<'_>,
        between: &[CertificateDer<'_>],
        host: &ServerName<'_>,
        ocsp: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let facts = profile::check(leaf, Side::Server)
            .map_err(|_| Error::InvalidCertificate(CertificateError::ApplicationVerificationFailure))?;
        if facts.name.region != self.region || !matches!(facts.name.who, Who::Broker(_)) {
            return Err(Error::InvalidCertificate(CertificateError::ApplicationVerificationFailure));
        }
        let now = UnixTime::since_unix_epoch(std::time::Duration::from_secs(
            u64::try_from(self.clock.now().millis() / 1_000).unwrap_or(0),
        ));
        self.chain.verify_server_cert(leaf, between, host, ocsp, now)
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Err(Error::PeerIncompatible(rustls::PeerIncompatible::Tls12NotOffered))
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.chain.verify_tls13_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.chain.supported_verify_schemes()
    }
}

/// A connection that was let in.
#[derive(Debug)]
pub struct Incoming {
    /// The stream.
    pub stream: tokio_rustls::server::TlsStream<TcpStream>,
    /// Who is there.
    pub peer: Peer,
}

/// A connection that was not let in: for the audit.
#[derive(Debug)]
pub struct TurnedAway {
    /// Where it came from.
    pub address: SocketAddr,
    /// Why.
    pub why: String,
}

/// One handshake on `stream`; at most five seconds.
pub async fn accept(
    identity: &Identity,
    listener: Listener,
    stream: TcpStream,
    address: SocketAddr,
) -> Result<Incoming, TurnedAway> {
    let current = identity.current.load_full();
    let config = match listener {
        Listener::Agents => current.agents.clone(),
        Listener::Operators => current.operators.clone(),
    };
    let away = |why: String| TurnedAway { address, why };
    let handshake = tokio::time::timeout(limits::HANDSHAKE_TIME_MAX, TlsAcceptor::from(config).accept(stream)).await;
    let stream = match handshake {
        Err(_) => return Err(away("the handshake took too long".to_owned())),
        Ok(Err(error)) => {
            let refusal = current.verifier.take_refusal().map(|refusal| refusal.to_string());
            return Err(away(refusal.unwrap_or_else(|| error.to_string())));
        }
        Ok(Ok(stream)) => stream,
    };
    let (_, connection) = stream.get_ref();
    let leaf = connection
        .peer_certificates()
        .and_then(|chain| chain.first())
        .ok_or_else(|| away("no certificate".to_owned()))?;
    let facts = profile::check(leaf, Side::Client).map_err(|refusal| away(refusal.to_string()))?;
    if connection.alpn_protocol() != Some(b"h2") {
        return Err(away("ALPN h2 was not agreed".to_owned()));
    }
    let group =
        connection.negotiated_key_exchange_group().map(|group| format!("{:?}", group.name())).unwrap_or_default();
    Ok(Incoming { peer: Peer { facts, group, address }, stream })
}

/// Listens, with `TCP_NODELAY` on what is accepted, and backs off when descriptors run out.
pub async fn next_connection(listener: &TcpListener) -> (TcpStream, SocketAddr) {
    loop {
        match listener.accept().await {
            Ok((stream, address)) => {
                let _ = stream.set_nodelay(true);
                return (stream, address);
            }
            Err(error) => {
                tracing::warn!(%error, "accept failed; trying again shortly");
                tokio::time::sleep(std::time::Duration::from_millis(100)).await;
            }
        }
    }
}

/// Why the broker could not be reached.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// The name does not resolve, or nobody answers.
    #[error("{0}")]
    Tcp(#[source] io::Error),
    /// The name is none.
    #[error("{0} is no host name")]
    Host(String),
    /// The broker's certificate, or ours.
    #[error("{0}")]
    Tls(#[source] io::Error),
}

/// A connection to the broker, whose certificate was found good.
pub async fn connect(
    identity: &Identity,
    host: &str,
    port: u16,
) -> Result<(tokio_rustls::client::TlsStream<TcpStream>, String), ConnectError> {
    let name = ServerName::try_from(host.to_owned()).map_err(|_| ConnectError::Host(host.to_owned()))?;
    let stream = TcpStream::connect((host, port)).await.map_err(ConnectError::Tcp)?;
    stream.set_nodelay(true).map_err(ConnectError::Tcp)?;
    let config = identity.current.load().client.clone();
    let stream = TlsConnector::from(config).connect(name, stream).await.map_err(ConnectError::Tls)?;
    let group = stream
        .get_ref()
        .1
        .negotiated_key_exchange_group()
        .map(|group| format!("{:?}", group.name()))
        .unwrap_or_default();
    Ok((stream, group))
}
