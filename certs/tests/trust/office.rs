//! A region in a temporary folder, a clock that moves when told, and one call over real TLS.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use certs::{
    ca::{self, Authority, LeafTerms},
    files,
    profile::{Name, Who},
    region::{self, MemberSpec, Region, Spec},
    tls::{self, Identity, Listener, Peer},
    trust,
};
use model::{clock::Clock, ids::AgentId, time::Timestamp};
use rcgen::{CertificateParams, ExtendedKeyUsagePurpose, Issuer, KeyPair, KeyUsagePurpose, SanType};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpListener,
};

pub const LY: &str = "371300";
pub const XZ: &str = "320300";
/// 2026-11-26T00:00:00Z.
pub const NOW: Timestamp = Timestamp::from_millis(1_795_651_200_000);
pub const DAY: Duration = Duration::from_hours(24);

/// A region, and the time in it.
pub struct Office {
    pub region: Region,
    time: Arc<AtomicI64>,
    _folder: tempfile::TempDir,
}

impl Office {
    pub fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let spec = Spec {
            region: "linyi".parse().unwrap(),
            broker_hosts: vec!["localhost".to_owned(), "127.0.0.1".to_owned()],
            members: vec![member(LY, "临沂", "Linyi"), member(XZ, "徐州", "Xuzhou")],
            agreements: Vec::new(),
        };
        let region = region::create(folder.path(), &spec, NOW).unwrap();
        Self { region, time: Arc::new(AtomicI64::new(NOW.millis())), _folder: folder }
    }

    pub fn clock(&self) -> Clock {
        let time = self.time.clone();
        Clock::new(move || Timestamp::from_millis(time.load(Ordering::SeqCst)))
    }

    pub fn advance(&self, by: Duration) {
        self.time.fetch_add(i64::try_from(by.as_millis()).unwrap(), Ordering::SeqCst);
    }

    pub fn folder(&self, who: &str) -> PathBuf {
        self.region.trust(who)
    }

    pub fn identity(&self, who: &str) -> Identity {
        Identity::load(&self.folder(who), self.clock()).unwrap()
    }

    /// Puts other files in force at the broker.
    pub fn authority(&self, of: &str) -> &Authority {
        &self.region.members.iter().find(|(id, _)| id.as_str() == of).unwrap().1
    }

    /// Gives `who` a leaf of this sort.
    pub fn put(&self, who: &str, leaf: &Leaf, authority: &Authority) {
        let issued = leaf.issue(authority);
        trust::put_leaf(&self.folder(who), &issued).unwrap();
    }

    /// `who` calls the broker's `listener`: what each side came to.
    pub async fn call(&self, who: &str, listener: Listener) -> Call {
        call(&self.identity("broker"), listener, &self.identity(who)).await
    }

    /// What the broker's door says to `who`, who must not be served.
    pub async fn refusal(&self, who: &str) -> String {
        self.call(who, Listener::Agents).await.refusal()
    }
}

/// What a call came to.
pub struct Call {
    /// Whom the broker saw, or why it turned away.
    pub seen: Result<Peer, String>,
    /// What the caller got back, and the key exchange.
    pub answer: Result<(u8, String), String>,
}

impl Call {
    pub fn refusal(self) -> String {
        assert!(self.answer.is_err(), "a caller that was turned away got an answer");
        self.seen.unwrap_err()
    }
}

/// One byte there and back.
pub async fn call(broker: &Identity, listener: Listener, caller: &Identity) -> Call {
    let (socket, address) = listen().await;
    let serving = async {
        let (stream, from) = socket.accept().await.unwrap();
        serve(broker, listener, stream, from).await
    };
    let calling = async {
        let (mut stream, group) =
            tls::connect(caller, "localhost", address.port()).await.map_err(|error| error.to_string())?;
        stream.write_all(b"?").await.map_err(|error| error.to_string())?;
        Ok((stream.read_u8().await.map_err(|error| error.to_string())?, group))
    };
    let (seen, answer) = tokio::join!(serving, calling);
    Call { seen, answer }
}

/// The broker's side: lets in, or says why not; echoes a byte plus one.
pub async fn serve(
    broker: &Identity,
    listener: Listener,
    stream: tokio::net::TcpStream,
    from: SocketAddr,
) -> Result<Peer, String> {
    let mut incoming = tls::accept(broker, listener, stream, from).await.map_err(|away| away.why)?;
    let byte = incoming.stream.read_u8().await.map_err(|error| error.to_string())?;
    incoming.stream.write_u8(byte + 1).await.unwrap();
    incoming.stream.flush().await.unwrap();
    Ok(incoming.peer)
}

pub async fn listen() -> (TcpListener, SocketAddr) {
    let socket = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let address = socket.local_addr().unwrap();
    (socket, address)
}

pub fn member(id: &str, zh: &str, en: &str) -> MemberSpec {
    MemberSpec {
        id: id.parse().unwrap(),
        name_zh: zh.to_owned(),
        name_en: en.to_owned(),
        province: None,
        by_area: true,
        centroid: None,
        territory: Vec::new(),
    }
}

pub fn agent(region: &str, jurisdiction: &str) -> String {
    let agent = AgentId::new(jurisdiction.parse().unwrap(), "desk").unwrap();
    Name { region: region.parse().unwrap(), who: Who::Agent(agent) }.uri()
}

/// A leaf as somebody might forge it: by default a good one of 徐州.
pub struct Leaf {
    pub names: Vec<SanType>,
    pub usage: Vec<ExtendedKeyUsagePurpose>,
    pub key_usage: Vec<KeyUsagePurpose>,
    pub from: Timestamp,
    pub life: Duration,
    pub is_ca: rcgen::IsCa,
    pub key: KeyPair,
    pub more: Vec<rcgen::CustomExtension>,
    pub names_issuer: bool,
}

impl Default for Leaf {
    fn default() -> Self {
        Self {
            names: vec![uri(&agent("linyi", XZ))],
            usage: vec![ExtendedKeyUsagePurpose::ClientAuth],
            key_usage: vec![KeyUsagePurpose::DigitalSignature],
            from: NOW.minus(Duration::from_mins(5)),
            life: DAY * 21,
            is_ca: rcgen::IsCa::ExplicitNoCa,
            key: KeyPair::generate().unwrap(),
            more: Vec::new(),
            names_issuer: true,
        }
    }
}

pub fn uri(text: &str) -> SanType {
    SanType::URI(text.try_into().unwrap())
}

pub fn dns(text: &str) -> SanType {
    SanType::DnsName(text.try_into().unwrap())
}

fn offset(at: Timestamp) -> time::OffsetDateTime {
    time::OffsetDateTime::from_unix_timestamp(at.millis() / 1_000).unwrap()
}

impl Leaf {
    pub fn issue(&self, authority: &Authority) -> ca::Issued {
        let issuer =
            Issuer::from_ca_cert_pem(&authority.pem(), KeyPair::from_pem(&authority.key_pem()).unwrap()).unwrap();
        self.issue_by(&issuer, &authority.pem())
    }

    pub fn issue_by(&self, issuer: &Issuer<'_, KeyPair>, above: &str) -> ca::Issued {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.subject_alt_names.clone_from(&self.names);
        params.extended_key_usages.clone_from(&self.usage);
        params.key_usages.clone_from(&self.key_usage);
        params.is_ca = self.is_ca;
        params.use_authority_key_identifier_extension = self.names_issuer;
        params.custom_extensions.clone_from(&self.more);
        (params.not_before, params.not_after) = (offset(self.from), offset(self.from.plus(self.life)));
        let pem = params.signed_by(&self.key, issuer).unwrap().pem();
        ca::Issued { chain: format!("{pem}{above}"), key: self.key.serialize_pem().into() }
    }
}

/// Serial of the leaf in a trust directory.
pub fn serial(folder: &Path) -> Vec<u8> {
    trust::identity_of(folder).unwrap().1.serial
}

/// Reads what a trust directory says.
pub fn trusted(folder: &Path) -> files::Trusted {
    files::load(folder).unwrap()
}

/// A broker's leaf with these terms.
pub fn broker_leaf(region: &str, authority: &Authority, terms: &LeafTerms) -> ca::Issued {
    let name = Name { region: region.parse().unwrap(), who: Who::Broker("main".to_owned()) };
    ca::leaf(&name, authority, terms).unwrap()
}
