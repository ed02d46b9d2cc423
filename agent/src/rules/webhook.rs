//! Calls to other programs, on this machine or over https: one POST, signed as Standard Webhooks has it, so that the program knows who calls and
//! that nothing was changed or said again.

use std::{
    fmt,
    net::IpAddr,
    path::{Path, PathBuf},
    time::Duration,
};

use bytes::Bytes;
use certs::tls::web::Authorities;
use hmac::{Hmac, KeyInit as _, Mac as _};
use http_body_util::Full;
use hyper::{Request, client::conn::http1, header};
use hyper_util::rt::TokioIo;
use model::{clock::Clock, invalid::Invalid, reason::Reason};
use sha2::Sha256;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
};

use super::cloud::{CloudEvent, MEDIA_TYPE};

/// How long a call may take.
const CALL: Duration = Duration::from_secs(10);
/// Bytes of a secret at least.
const SECRET_MIN: usize = 16;
/// What a secret as Standard Webhooks writes it begins with.
const SECRET_PREFIX: &str = "whsec_";

/// Where to call: a program on this machine, or a server of which the operator names the authority.
#[derive(Clone, Debug)]
pub struct Target {
    host: String,
    port: u16,
    path: String,
    /// File of those under whose certificates the server's is, read at each call; none on this machine.
    ca_file: Option<PathBuf>,
}

impl Target {
    /// Reads `http://127.0.0.1:8080/path`, or `https://host/path` with a file of authorities. Bodies never leave the machine
    /// in the clear.
    ///
    /// # Errors
    /// It is no such address; by http, not of this machine; by https, without a file of authorities that can be read.
    pub fn parse(url: &str, ca_file: Option<&Path>) -> Result<Self, Invalid> {
        let refused =
            || Invalid::new(Reason::BadCode, "url", "rules.url").detail(url.chars().take(200).collect::<String>());
        let (secure, rest) = match (url.strip_prefix("http://"), url.strip_prefix("https://")) {
            (Some(rest), _) => (false, rest),
            (None, Some(rest)) => (true, rest),
            (None, None) => return Err(refused()),
        };
        let (place, path) = rest.split_once('/').map_or((rest, ""), |(place, path)| (place, path));
        let (host, port) = host_port(place, secure).ok_or_else(refused)?;
        let here = host == "localhost" || host.parse().is_ok_and(|ip: IpAddr| ip.is_loopback());
        if !path.bytes().all(|b| b.is_ascii_graphic()) || (!secure && !here) {
            return Err(refused());
        }
        match (secure, ca_file) {
            (false, None) => {}
            (false, Some(_)) => return Err(no_authority("http")),
            (true, None) => return Err(no_authority("https")),
            (true, Some(file)) => drop(authorities(file)?),
        }
        Ok(Self { host, port, path: format!("/{path}"), ca_file: ca_file.map(Path::to_owned) })
    }
}

/// Splits `host:port`, of https also without a port.
fn host_port(place: &str, secure: bool) -> Option<(String, u16)> {
    let bare = |host: &str| host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host).to_owned();
    let split = place.rsplit_once(':').filter(|(host, _)| !host.contains(':') || host.ends_with(']'));
    let (host, port) = match split {
        Some((host, port)) => (bare(host), port.parse().ok()?),
        None if secure => (bare(place), 443),
        None => return None,
    };
    let plain = !host.is_empty() && host.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b':'));
    plain.then_some((host, port))
}

fn authorities(file: &Path) -> Result<Authorities, Invalid> {
    Authorities::read(file).map_err(|error| no_authority(&error.to_string()))
}

fn no_authority(why: &str) -> Invalid {
    Invalid::new(Reason::BadCode, "ca_file", "rules.authority").detail(why)
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.ca_file.is_some() { "https" } else { "http" };
        write!(f, "{scheme}://{}{}", self.place(), self.path)
    }
}

impl Target {
    /// Host and port as an address names them.
    fn place(&self) -> String {
        if self.host.contains(':') {
            format!("[{}]:{}", self.host, self.port)
        } else {
            format!("{}:{}", self.host, self.port)
        }
    }
}

/// The secret in a file that only its owner can read: `whsec_` and base64, or at least 16 bytes as they stand.
///
/// # Errors
/// The file cannot be read, others may read it, or the secret is too short.
pub fn secret(file: &Path) -> Result<Vec<u8>, Invalid> {
    let refused = |detail: &str| Invalid::new(Reason::BadCode, "", "rules.secret").detail(detail);
    let text = certs::keys::read(file).map_err(|error| refused(&error.to_string()))?;
    let text = text.trim();
    let secret = match text.strip_prefix(SECRET_PREFIX) {
        Some(encoded) => proto::rules::base64::decode(encoded).ok_or_else(|| refused("whsec_ and no base64"))?,
        None => text.as_bytes().to_vec(),
    };
    if secret.len() < SECRET_MIN {
        return Err(refused(&format!("a secret has at least {SECRET_MIN} bytes")));
    }
    Ok(secret)
}

/// The signature of one call: `v1,` and base64 of HMAC-SHA256 over id, time and body.
pub fn signature(secret: &[u8], id: &str, timestamp: i64, body: &[u8]) -> String {
    let signed = [format!("{id}.{timestamp}.").as_bytes(), body].concat();
    format!("v1,{}", proto::rules::base64::encode(&hmac_sha256(secret, &signed)))
}

/// RFC 2104 over SHA-256.
#[expect(clippy::expect_used, reason = "HMAC takes a key of any length")]
fn hmac_sha256(key: &[u8], message: &[u8]) -> [u8; 32] {
    let mac = Hmac::<Sha256>::new_from_slice(key).expect("a key of any length");
    mac.chain_update(message).finalize().into_bytes().into()
}

/// Hands an event over. When this returns, the program has taken it.
///
/// # Errors
/// The file of authorities cannot be read, nobody answers, who answers is another, the answer is no success, or it does not
/// come in time; may be tried again.
pub async fn call(target: &Target, secret: &[u8], event: &CloudEvent, clock: &Clock) -> Result<(), Invalid> {
    let refused =
        |detail: String| Invalid::new(Reason::PeerOffline, target.to_string(), "rules.webhook").detail(detail);
    let authorities = target.ca_file.as_deref().map(authorities).transpose()?;
    let (body, seconds) = (Bytes::from(event.json.to_string()), clock.now().millis() / 1_000);
    let request = Request::post(&target.path)
        .header(header::HOST, target.place())
        .header(header::CONTENT_TYPE, MEDIA_TYPE)
        .header("webhook-id", &event.id)
        .header("webhook-timestamp", seconds)
        .header("webhook-signature", signature(secret, &event.id, seconds, &body))
        .body(Full::new(body))
        .map_err(|error| refused(error.to_string()))?;
    match tokio::time::timeout(CALL, reach(target, authorities.as_ref(), request, clock)).await {
        Ok(Ok(status)) if (200..300).contains(&status) => Ok(()),
        Ok(Ok(status)) => Err(refused(format!("HTTP {status}"))),
        Ok(Err(error)) => Err(refused(error)),
        Err(_late) => Err(refused(format!("no answer within {} s", CALL.as_secs()))),
    }
}

async fn reach(
    target: &Target,
    authorities: Option<&Authorities>,
    request: Request<Full<Bytes>>,
    clock: &Clock,
) -> Result<u16, String> {
    if let Some(authorities) = authorities {
        let line = authorities.connect(&target.host, target.port, clock).await;
        return post(line.map_err(|error| error.to_string())?, request).await;
    }
    // `localhost` by number, so that nothing on the machine can lead it elsewhere
    let host = if target.host == "localhost" { "127.0.0.1" } else { &target.host };
    post(TcpStream::connect((host, target.port)).await.map_err(|error| error.to_string())?, request).await
}

/// One request on a connection of its own, which ends with it.
async fn post<S>(stream: S, request: Request<Full<Bytes>>) -> Result<u16, String>
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(|error| error.to_string())?;
    let answered = async { sender.send_request(request).await.map(|answer| answer.status().as_u16()) };
    tokio::pin!(answered);
    let answer = tokio::select! {
        biased;
        answer = &mut answered => answer,
        // a connection that ends with its answer has handed it over before
        ended = connection => match ended {
            Ok(()) => answered.await,
            Err(error) => Err(error),
        },
    };
    answer.map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn the_signature_is_that_of_the_published_vectors() {
        // RFC 4231, test cases 1 and 6
        let hex = |mac: [u8; 32]| certs::signed::hex(&mac);
        let first = hmac_sha256(&[0x0b; 20], b"Hi There");
        assert_eq!(hex(first), "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
        let sixth = hmac_sha256(&[0xaa; 131], b"Test Using Larger Than Block-Size Key - Hash Key First");
        assert_eq!(hex(sixth), "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
    }

    #[test]
    fn the_signature_is_that_of_standard_webhooks() {
        // the example of the Standard Webhooks specification
        let secret = proto::rules::base64::decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
        let body = br#"{"test": 2432232314}"#;
        let signed = signature(&secret, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, body);
        assert_eq!(signed, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn a_webhook_is_on_this_machine_or_under_a_named_authority() {
        let parse = |url: &str| Target::parse(url, None);
        assert_eq!(parse("http://127.0.0.1:8080/hook?x=1").unwrap().to_string(), "http://127.0.0.1:8080/hook?x=1");
        assert_eq!(parse("http://localhost:1").unwrap().to_string(), "http://localhost:1/");
        assert_eq!(parse("http://[::1]:8080/").unwrap().to_string(), "http://[::1]:8080/");
        for url in
            ["http://10.0.0.1:80/", "http://example.org/", "http://127.0.0.1/", "x", "http://a b:1/", "http://:1/"]
        {
            assert_eq!(parse(url).unwrap_err().rule, "rules.url", "{url}");
        }
        let folder = tempfile::tempdir().unwrap();
        let empty = folder.path().join("ca.pem");
        std::fs::write(&empty, "").unwrap();
        for (url, file) in [
            ("https://map.linyi.example/hook", None),
            ("https://map.linyi.example/hook", Some(empty.as_path())),
            ("http://127.0.0.1:1/", Some(empty.as_path())),
        ] {
            let refused = Target::parse(url, file).unwrap_err();
            assert_eq!((refused.rule.as_str(), refused.field.as_str()), ("rules.authority", "ca_file"), "{url}");
        }
    }
}
