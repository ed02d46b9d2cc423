//! A caller who is no agent of the region, and shows what it has.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use certs::ca;
use certs::files::name;
use certs::region::{MemberSpec, Spec};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, Error, SignatureScheme};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use crate::world::live::{MORNING, World, within};
use crate::world::region::{LY, XZ};

/// What it shows at the door.
#[derive(Clone, Copy, Debug)]
pub enum Show {
    /// No certificate.
    Nothing,
    /// The certificate of an agent of another region.
    OtherRegion,
    /// A server's certificate: the broker's own.
    Server,
    /// TLS 1.2.
    OldTls,
    /// A certificate of LY's authority for LY's own agent, whose time is over.
    Expired,
    /// The same, whose time has not begun.
    NotYetValid,
    /// The same, for a server.
    WrongUsage,
    /// LY's name in a certificate that XZ's authority issued.
    OtherAuthority,
    /// LY's name in a certificate of an authority that nobody knows.
    OwnAuthority,
    /// The one with which LY's agent calls.
    Stolen,
}

/// It has another region's files, and has got hold of the broker's.
pub struct Stranger {
    other: certs::region::Region,
    broker: PathBuf,
    stolen: PathBuf,
    directory: tempfile::TempDir,
}

impl Stranger {
    /// A stranger to this world.
    pub fn beside(world: &World) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let member = MemberSpec {
            id: LY.parse().unwrap(),
            name_zh: "临沂".into(),
            name_en: "Linyi".into(),
            province: None,
            by_area: false,
            centroid: None,
            territory: Vec::new(),
        };
        let spec = Spec {
            region: "huaihai".parse().unwrap(),
            broker_hosts: vec!["127.0.0.1".into()],
            members: vec![member],
            agreements: Vec::new(),
        };
        let other = certs::region::create(&directory.path().join("trust"), &spec, MORNING).unwrap();
        let (broker, stolen) = (world.region.trust.trust("broker"), world.region.trust.trust(LY));
        Self { other, broker, stolen, directory }
    }

    /// A leaf in LY's name, with what is wrong about it.
    fn forged(&self, world: &World, shows: Show) -> PathBuf {
        let trust = &world.region.trust;
        let of = |city: &str| &trust.members.iter().find(|(id, _)| id.as_str() == city).unwrap().1;
        let now = world.clock.now();
        let (hour, mut terms) = (Duration::from_hours(1), ca::LeafTerms::client(now));
        let unknown = ca::own("LY", now).unwrap();
        let authority = match shows {
            Show::OtherAuthority => of(XZ),
            Show::OwnAuthority => &unknown,
            _ => of(LY),
        };
        match shows {
            Show::Expired => (terms.from, terms.until) = (now.minus(hour * 2), now.minus(hour)),
            Show::NotYetValid => (terms.from, terms.until) = (now.plus(hour), now.plus(hour * 2)),
            Show::WrongUsage => terms = ca::LeafTerms::server(now, &[]),
            _ => {}
        }
        let name = trust.agent_name(&LY.parse().unwrap()).unwrap();
        let folder = self.directory.path().join(format!("{shows:?}"));
        std::fs::create_dir_all(&folder).unwrap();
        certs::region::put_leaf(&folder, &ca::leaf(&name, authority, &terms).unwrap()).unwrap();
        folder
    }

    /// Knocks, and gives the words with which it is sent away.
    pub async fn knock(&self, world: &World, shows: Show) -> String {
        let door = world.broker_address();
        let mut stream = TcpStream::connect(door).await.unwrap();
        let told = match shows {
            Show::Stolen => self.handshake(stream, Some(&self.stolen)).await,
            Show::Expired | Show::NotYetValid | Show::WrongUsage | Show::OtherAuthority | Show::OwnAuthority => {
                self.handshake(stream, Some(&self.forged(world, shows))).await
            }
            Show::OldTls => speak(&mut stream, &old_hello()).await,
            Show::Nothing => self.handshake(stream, None).await,
            Show::OtherRegion => self.handshake(stream, Some(&self.other.trust(LY))).await,
            Show::Server => self.handshake(stream, Some(&self.broker)).await,
        };
        told.map_or_else(|error| error.to_string(), |bytes| format!("{bytes} bytes"))
    }

    async fn handshake(&self, stream: TcpStream, own: Option<&Path>) -> io::Result<usize> {
        let name = ServerName::try_from("127.0.0.1").unwrap();
        let connected = TlsConnector::from(Arc::new(config(own))).connect(name, stream).await;
        speak(&mut connected?, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").await
    }
}

/// Says something; an error, or the end, is all there may come.
async fn speak(
    stream: &mut (impl tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin),
    words: &[u8],
) -> io::Result<usize> {
    stream.write_all(words).await?;
    let mut answer = Vec::new();
    within("the door answers", stream.read_to_end(&mut answer)).await?;
    assert!(answer.len() < 16, "no more than an alert");
    Ok(answer.len())
}

fn config(own: Option<&Path>) -> ClientConfig {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let any = Arc::new(Credulous(provider.clone()));
    let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let builder = builder.dangerous().with_custom_certificate_verifier(any);
    let mut config = match own {
        None => builder.with_no_client_auth(),
        Some(folder) => {
            let chain = CertificateDer::pem_file_iter(folder.join(name::LEAF)).unwrap();
            let key = PrivateKeyDer::from_pem_file(folder.join(name::LEAF_KEY)).unwrap();
            builder.with_client_auth_cert(chain.collect::<Result<_, _>>().unwrap(), key).unwrap()
        }
    };
    config.alpn_protocols = vec![b"h2".to_vec()];
    config
}

/// Believes whatever the other side shows.
#[derive(Debug)]
struct Credulous(Arc<CryptoProvider>);

impl ServerCertVerifier for Credulous {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

/// A greeting of TLS 1.2: ECDHE over P-256, and no word of later versions.
fn old_hello() -> Vec<u8> {
    let groups = [0x00, 0x0a, 0, 4, 0, 2, 0x00, 0x17];
    let signatures = [0x00, 0x0d, 0, 6, 0, 4, 0x04, 0x03, 0x08, 0x04];
    let extensions = [&groups[..], &signatures].concat();
    let mut hello = vec![3, 3];
    hello.extend([7; 32]); // random
    hello.extend([0, 0, 2, 0xc0, 0x2b, 1, 0]); // no session, one suite, no compression
    hello.extend([0, u8::try_from(extensions.len()).unwrap()]);
    hello.extend(extensions);
    let length = u8::try_from(hello.len()).unwrap();
    [&[0x16, 3, 1, 0, length + 4, 1, 0, 0, length][..], &hello].concat()
}
