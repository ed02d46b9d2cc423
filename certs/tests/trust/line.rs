//! The line itself: versions, groups, tickets, protocols; callers without a certificate.

use std::{path::Path, sync::Arc};

use certs::tls::{Identity, Listener, Peer};
use rustls::{
    ClientConfig, DigitallySignedStruct, Error, SignatureScheme,
    client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    crypto::{CryptoProvider, aws_lc_rs},
};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime, pem::PemObject as _};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};
use tokio_rustls::TlsConnector;

use crate::office::{Office, XZ, listen, serve};

#[tokio::test]
async fn two_of_ours_agree_on_the_hybrid_post_quantum_group() {
    let office = Office::new();

    let call = office.call(XZ, Listener::Agents).await;

    assert_eq!(call.answer.unwrap().1, "X25519MLKEM768");
    assert_eq!(call.seen.unwrap().group, "X25519MLKEM768");
}

#[tokio::test]
async fn a_caller_without_a_certificate_is_turned_away() {
    let office = Office::new();

    let (seen, answer) = call_with(&office.identity("broker"), Arc::new(bare(None))).await;

    assert_eq!(seen.unwrap_err(), "no certificate was shown");
    assert!(answer.is_err());
}

#[tokio::test]
async fn a_caller_that_does_not_speak_h2_is_turned_away() {
    let office = Office::new();
    let mut config = bare(Some(&office.folder(XZ)));

    config.alpn_protocols.clear();
    let (seen, answer) = call_with(&office.identity("broker"), Arc::new(config.clone())).await;
    assert_eq!((seen.unwrap_err().as_str(), answer.is_err()), ("ALPN h2 was not agreed", true));

    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    let (seen, answer) = call_with(&office.identity("broker"), Arc::new(config)).await;
    assert_eq!((seen.unwrap_err().as_str(), answer.is_err()), ("ALPN h2 was not agreed", true));
}

#[tokio::test]
async fn no_ticket_is_sent_and_the_second_handshake_is_a_full_one() {
    let office = Office::new();
    let broker = office.identity("broker");
    // this caller would resume if it could
    let config = Arc::new(bare(Some(&office.folder(XZ))));

    for _ in 0..2 {
        let (seen, answer) = call_with(&broker, config.clone()).await;
        let said = answer.unwrap();
        assert_eq!(said.tickets, 0);
        assert_eq!(said.kind, Some(rustls::HandshakeKind::Full));
        assert!(seen.is_ok());
    }
}

#[tokio::test]
async fn tls_1_2_is_refused_with_an_alert() {
    let office = Office::new();
    let broker = office.identity("broker");
    let (socket, address) = listen().await;

    let serving = async {
        let (stream, from) = socket.accept().await.unwrap();
        serve(&broker, Listener::Agents, stream, from).await
    };
    let calling = async {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(&hello_1_2()).await.unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await.unwrap();
        answer
    };
    let (seen, answer) = tokio::join!(serving, calling);

    assert_eq!(seen.unwrap_err(), "TLS 1.3 was not offered");
    // one record: alert, fatal, protocol_version
    assert_eq!((answer.first(), answer.get(5..)), (Some(&21), Some([2, 70].as_slice())));
}

#[tokio::test]
async fn bytes_that_are_no_handshake_are_turned_away() {
    let office = Office::new();
    let broker = office.identity("broker");
    let (socket, address) = listen().await;

    let serving = async {
        let (stream, from) = socket.accept().await.unwrap();
        serve(&broker, Listener::Agents, stream, from).await
    };
    let calling = async {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").await.unwrap();
        stream.shutdown().await.unwrap();
    };
    let (seen, ()) = tokio::join!(serving, calling);

    assert_eq!(seen.unwrap_err(), "the handshake was not a good one");
}

/// What a caller of the test's own making saw.
pub struct Said {
    tickets: u32,
    kind: Option<rustls::HandshakeKind>,
}

/// `caller`'s leaf, without asking who the broker is: what the broker makes of it.
pub async fn bare_call(broker: &Identity, leaf: &Path) -> Result<Peer, String> {
    let (seen, answer) = call_with(broker, Arc::new(bare(Some(leaf)))).await;
    assert_eq!(seen.is_ok(), answer.is_ok());
    seen
}

/// The same of a caller that knows no post-quantum key exchange.
pub async fn classical_call(broker: &Identity, leaf: &Path) -> Result<Peer, String> {
    let provider = aws_lc_rs::default_provider();
    let provider = CryptoProvider { kx_groups: vec![aws_lc_rs::kx_group::X25519], ..provider };
    call_with(broker, Arc::new(bare_with(provider, Some(leaf)))).await.0
}

async fn call_with(broker: &Identity, config: Arc<ClientConfig>) -> (Result<Peer, String>, std::io::Result<Said>) {
    let (socket, address) = listen().await;
    let serving = async {
        let (stream, from) = socket.accept().await.unwrap();
        serve(broker, Listener::Agents, stream, from).await
    };
    let calling = async {
        let stream = TcpStream::connect(address).await?;
        let host = ServerName::try_from("localhost").unwrap();
        let mut stream = TlsConnector::from(config).connect(host, stream).await?;
        stream.write_all(b"?").await?;
        stream.read_u8().await?;
        let (_, connection) = stream.get_ref();
        Ok(Said { tickets: connection.tls13_tickets_received(), kind: connection.handshake_kind() })
    };
    tokio::join!(serving, calling)
}

/// A caller that takes any broker, remembers sessions, and shows the leaf in `folder`, if any.
fn bare(folder: Option<&Path>) -> ClientConfig {
    bare_with(aws_lc_rs::default_provider(), folder)
}

fn bare_with(provider: CryptoProvider, folder: Option<&Path>) -> ClientConfig {
    let builder = ClientConfig::builder_with_provider(Arc::new(provider))
        .with_protocol_versions(&[&rustls::version::TLS13])
        .unwrap()
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Anybody));
    let mut config = match folder {
        None => builder.with_no_client_auth(),
        Some(folder) => {
            let chain = CertificateDer::pem_file_iter(folder.join("leaf.pem")).unwrap().map(Result::unwrap).collect();
            let key = PrivateKeyDer::from_pem_file(folder.join("leaf.key")).unwrap();
            builder.with_client_auth_cert(chain, key).unwrap()
        }
    };
    config.alpn_protocols = vec![b"h2".to_vec()];
    config
}

#[derive(Debug)]
struct Anybody;

impl ServerCertVerifier for Anybody {
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
        aws_lc_rs::default_provider().signature_verification_algorithms.supported_schemes()
    }
}

/// A `ClientHello` that offers TLS 1.2 at most, as an old library sends it.
fn hello_1_2() -> Vec<u8> {
    let extensions = [
        // groups: x25519, secp256r1; point formats: uncompressed; signatures: ECDSA-SHA256, RSA-PSS-SHA256
        &[0x00, 0x0a, 0x00, 0x06, 0x00, 0x04, 0x00, 0x1d, 0x00, 0x17][..],
        &[0x00, 0x0b, 0x00, 0x02, 0x01, 0x00],
        &[0x00, 0x0d, 0x00, 0x06, 0x00, 0x04, 0x04, 0x03, 0x08, 0x04],
        // extended master secret
        &[0x00, 0x17, 0x00, 0x00],
    ]
    .concat();
    let length = |bytes: &[u8]| u16::try_from(bytes.len()).unwrap().to_be_bytes();
    let body = [
        &[0x03, 0x03][..],
        &[7; 32],
        // no session; ECDHE-ECDSA and ECDHE-RSA with AES-128-GCM; no compression
        &[0x00, 0x00, 0x04, 0xc0, 0x2b, 0xc0, 0x2f, 0x01, 0x00],
        &length(&extensions),
        &extensions,
    ]
    .concat();
    let handshake = [&[0x01, 0x00][..], &length(&body), &body].concat();
    [&[0x16, 0x03, 0x01][..], &length(&handshake), &handshake].concat()
}
