//! The set that a program speaks TLS with, loaded from its trust directory and swapped whole.

use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::Arc,
};

use arc_swap::ArcSwap;
use model::{clock::Clock, ids::JurisdictionId};
use rustls::{
    ClientConfig, ServerConfig,
    crypto::{CryptoProvider, aws_lc_rs},
    server::NoServerSessionStorage,
    version::TLS13,
};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _};
use serde::Deserialize;

use super::{Listener, TlsError, broker::BrokerVerifier, caller::CallerVerifier};
use crate::{
    disk,
    files::{self, FilesError, Trusted, name},
    keys,
    profile::{Facts, Refusal, Who},
    revocation::Revocations,
};

/// Which key exchanges a program agrees to.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "lowercase")]
pub enum PostQuantum {
    /// The hybrid one before all others.
    #[default]
    Preferred,
    /// The hybrid one or none.
    Required,
}

impl PostQuantum {
    fn provider(self) -> CryptoProvider {
        let provider = aws_lc_rs::default_provider();
        match self {
            Self::Preferred => provider,
            Self::Required => CryptoProvider { kx_groups: vec![aws_lc_rs::kx_group::X25519MLKEM768], ..provider },
        }
    }
}

/// Everything that a program needs to speak TLS, as one set that is swapped whole.
pub struct Identity {
    folder: PathBuf,
    clock: Clock,
    post_quantum: PostQuantum,
    current: ArcSwap<Current>,
}

pub(super) struct Current {
    pub(super) trusted: Arc<Trusted>,
    pub(super) agents: Arc<ServerConfig>,
    pub(super) operators: Arc<ServerConfig>,
    pub(super) client: Arc<ClientConfig>,
    /// Judges agents.
    verifier: Arc<CallerVerifier>,
    /// Judges operators.
    operator: Arc<CallerVerifier>,
}

impl std::fmt::Debug for Identity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Identity").field("folder", &self.folder).finish_non_exhaustive()
    }
}

impl Identity {
    /// Loads the trust directory `folder`: signed files, leaf, key, revocation lists.
    pub fn load(folder: &Path, clock: Clock) -> Result<Self, TlsError> {
        Self::load_with(folder, clock, PostQuantum::default())
    }

    /// The same for a program that agrees to these key exchanges.
    pub fn load_with(folder: &Path, clock: Clock, post_quantum: PostQuantum) -> Result<Self, TlsError> {
        let current = Current::of(folder, &clock, files::load(folder)?, post_quantum)?;
        Ok(Self { folder: folder.to_owned(), clock, post_quantum, current: ArcSwap::from_pointee(current) })
    }

    /// Loads it again. When this fails, or the files may not follow those in force, what was in force stays so.
    pub fn reload(&self) -> Result<(), TlsError> {
        let trusted = files::load_after(&self.folder, &self.trusted())?;
        self.current.store(Arc::new(Current::of(&self.folder, &self.clock, trusted, self.post_quantum)?));
        Ok(())
    }

    /// What the signed files say.
    pub fn trusted(&self) -> Arc<Trusted> {
        self.current.load().trusted.clone()
    }

    /// Whether any of these lists is newer than the one in force.
    pub fn lacks(&self, pems: &[String]) -> bool {
        let trusted = self.trusted();
        let newest = Revocations::of(trusted.bound(), pems);
        let ours = |id| trusted.revocations.lists.get(id).map(|list| list.number);
        newest.lists.iter().any(|(id, list)| ours(id).is_none_or(|number| number < list.number))
    }

    /// Takes the revocation list that a member offers of its own authority, if it is newer than the one here. It comes
    /// into force with the next reload, and stays after a restart.
    pub fn take_list(&self, of: &JurisdictionId, pem: &str) -> Result<bool, TlsError> {
        let trusted = self.trusted();
        let list = trusted.authorities.get(of).and_then(|bound| bound.list(pem));
        let Some(list) = list else { return Ok(false) };
        if trusted.revocations.lists.get(of).is_some_and(|known| known.number >= list.number) {
            return Ok(false);
        }
        let lists = self.folder.join(name::CRLS);
        let path = lists.join(format!("{of}.pem"));
        let written = disk::private_dir(&lists).and_then(|()| disk::replace(&path, list.pem.as_bytes()));
        written.map_err(|source| FilesError::Disk { file: path.display().to_string(), source })?;
        Ok(true)
    }

    /// The trust directory.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Whether a peer of a living connection would still be let in.
    pub fn still_trusts(&self, facts: &Facts) -> Result<(), Refusal> {
        let current = self.current.load();
        let listener = if matches!(facts.name.who, Who::Operator(_)) { &current.operator } else { &current.verifier };
        listener.still_trusts(facts, self.clock.now())
    }

    pub(super) fn current(&self) -> Arc<Current> {
        self.current.load_full()
    }
}

impl Current {
    fn of(folder: &Path, clock: &Clock, trusted: Trusted, exchange: PostQuantum) -> Result<Self, TlsError> {
        let provider = Arc::new(exchange.provider());
        let trusted = Arc::new(trusted);
        let verifier =
            |listener| CallerVerifier::new(trusted.clone(), &provider, clock.clone(), listener).map(Arc::new);
        let (agents, operators) = (verifier(Listener::Agents)?, verifier(Listener::Operators)?);
        let leaf = leaf(folder, &provider)?;
        Ok(Self {
            agents: Arc::new(server(&provider, agents.clone(), &leaf)?),
            operators: Arc::new(server(&provider, operators.clone(), &leaf)?),
            client: Arc::new(client(&provider, &trusted, clock, &leaf)?),
            verifier: agents,
            operator: operators,
            trusted,
        })
    }
}

/// A chain with the key that fits it.
struct Leaf {
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
}

/// The own leaf. A renewal that was cut between its two files left the key of the new chain beside the old one.
fn leaf(folder: &Path, provider: &CryptoProvider) -> Result<Leaf, TlsError> {
    let pem = |source: io::Error| TlsError::Pem(format!("{}: {source}", folder.join(name::LEAF).display()));
    let chain = certificates(&fs::read_to_string(folder.join(name::LEAF)).map_err(pem)?)?;
    let read = |file: &str| -> Result<PrivateKeyDer<'static>, TlsError> {
        let text = keys::read(&folder.join(file))?;
        PrivateKeyDer::from_pem_slice(text.as_bytes()).map_err(|error| TlsError::Pem(format!("{file}: {error}")))
    };
    let fits = |key: &PrivateKeyDer<'static>| {
        rustls::sign::CertifiedKey::from_der(chain.clone(), key.clone_key(), provider).map(drop)
    };
    let key = read(name::LEAF_KEY)?;
    let Err(error) = fits(&key) else { return Ok(Leaf { chain, key }) };
    match read(name::LEAF_KEY_NEXT) {
        Ok(next) if fits(&next).is_ok() => Ok(Leaf { chain, key: next }),
        Ok(_) | Err(_) => Err(error.into()),
    }
}

fn server(
    provider: &Arc<CryptoProvider>,
    verifier: Arc<CallerVerifier>,
    leaf: &Leaf,
) -> Result<ServerConfig, TlsError> {
    let mut config = ServerConfig::builder_with_provider(provider.clone())
        .with_protocol_versions(&[&TLS13])?
        .with_client_cert_verifier(verifier)
        .with_single_cert(leaf.chain.clone(), leaf.key.clone_key())?;
    config.alpn_protocols = vec![b"h2".to_vec()];
    // a resumed handshake shows and checks no certificate
    config.send_tls13_tickets = 0;
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.max_early_data_size = 0;
    Ok(config)
}

fn client(
    provider: &Arc<CryptoProvider>,
    trusted: &Arc<Trusted>,
    clock: &Clock,
    leaf: &Leaf,
) -> Result<ClientConfig, TlsError> {
    let verifier = BrokerVerifier::new(trusted, provider, clock.clone())?;
    let mut config = ClientConfig::builder_with_provider(provider.clone())
        .with_protocol_versions(&[&TLS13])?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier))
        .with_client_auth_cert(leaf.chain.clone(), leaf.key.clone_key())?;
    config.alpn_protocols = vec![b"h2".to_vec()];
    config.resumption = rustls::client::Resumption::disabled();
    Ok(config)
}

fn certificates(pem: &str) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let read = CertificateDer::pem_slice_iter(pem.as_bytes()).collect::<Result<_, _>>();
    read.map_err(|error| TlsError::Pem(format!("{}: {error}", name::LEAF)))
}
