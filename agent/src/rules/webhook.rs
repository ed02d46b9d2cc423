//! Calls to programs on this machine: one POST, signed as Standard Webhooks has it, so that the program knows who calls and
//! that nothing was changed or said again.

use std::{fmt, net::SocketAddr, path::Path, time::Duration};

use bytes::Bytes;
use http_body_util::Full;
use hyper::{Request, client::conn::http1, header};
use hyper_util::rt::TokioIo;
use model::{invalid::Invalid, reason::Reason};
use sha2::{Digest as _, Sha256};
use tokio::net::TcpStream;

use super::cloud::{CloudEvent, MEDIA_TYPE};

/// How long a call may take.
const CALL: Duration = Duration::from_secs(10);
/// Bytes of a secret at least.
const SECRET_MIN: usize = 16;
/// What a secret as Standard Webhooks writes it begins with.
const SECRET_PREFIX: &str = "whsec_";

/// Where to call: an address of this machine and a path.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Target {
    address: SocketAddr,
    path: String,
}

impl Target {
    /// Reads `http://127.0.0.1:8080/path`. Bodies are in the clear, so they never leave the machine.
    ///
    /// # Errors
    /// It is no such address, or not of this machine.
    pub fn parse(url: &str) -> Result<Self, Invalid> {
        let refused =
            || Invalid::new(Reason::BadCode, "", "rules.url").detail(url.chars().take(200).collect::<String>());
        let rest = url.strip_prefix("http://").ok_or_else(refused)?;
        let (host, path) = rest.split_once('/').map_or((rest, ""), |(host, path)| (host, path));
        let address: SocketAddr = host.replace("localhost:", "127.0.0.1:").parse().map_err(|_| refused())?;
        let plain = path.bytes().all(|b| b.is_ascii_graphic());
        if !address.ip().is_loopback() || !plain {
            return Err(refused());
        }
        Ok(Self { address, path: format!("/{path}") })
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "http://{}{}", self.address, self.path)
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
fn hmac_sha256(key: &[u8], message: &[u8]) -> [u8; 32] {
    let mut block = [0_u8; 64];
    let key: Vec<u8> = if key.len() > block.len() { Sha256::digest(key).to_vec() } else { key.to_vec() };
    block.iter_mut().zip(key).for_each(|(to, from)| *to = from);
    let pad = |with: u8| block.map(|byte| byte ^ with);
    let inner = Sha256::new().chain_update(pad(0x36)).chain_update(message).finalize();
    Sha256::new().chain_update(pad(0x5c)).chain_update(inner).finalize().into()
}

/// Hands an event over. When this returns, the program has taken it.
///
/// # Errors
/// Nobody answers, the answer is no success, or it does not come in time; may be tried again.
pub async fn call(target: &Target, secret: &[u8], event: &CloudEvent, seconds: i64) -> Result<(), Invalid> {
    let refused =
        |detail: String| Invalid::new(Reason::PeerOffline, target.to_string(), "rules.webhook").detail(detail);
    let body = Bytes::from(event.json.to_string());
    let request = Request::post(&target.path)
        .header(header::HOST, target.address.to_string())
        .header(header::CONTENT_TYPE, MEDIA_TYPE)
        .header("webhook-id", &event.id)
        .header("webhook-timestamp", seconds)
        .header("webhook-signature", signature(secret, &event.id, seconds, &body))
        .body(Full::new(body))
        .map_err(|error| refused(error.to_string()))?;
    match tokio::time::timeout(CALL, post(target.address, request)).await {
        Ok(Ok(status)) if (200..300).contains(&status) => Ok(()),
        Ok(Ok(status)) => Err(refused(format!("HTTP {status}"))),
        Ok(Err(error)) => Err(refused(error)),
        Err(_late) => Err(refused(format!("no answer within {} s", CALL.as_secs()))),
    }
}

/// One request on a connection of its own, which ends with it.
async fn post(address: SocketAddr, request: Request<Full<Bytes>>) -> Result<u16, String> {
    let stream = TcpStream::connect(address).await.map_err(|error| error.to_string())?;
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
    fn a_webhook_is_on_this_machine() {
        assert_eq!(
            Target::parse("http://127.0.0.1:8080/hook?x=1").unwrap().to_string(),
            "http://127.0.0.1:8080/hook?x=1"
        );
        assert_eq!(Target::parse("http://localhost:1").unwrap().to_string(), "http://127.0.0.1:1/");
        assert!(Target::parse("http://[::1]:8080/").is_ok());
        for url in ["https://127.0.0.1:1/", "http://10.0.0.1:80/", "http://example.org/", "http://127.0.0.1/", "x"] {
            assert_eq!(Target::parse(url).unwrap_err().rule, "rules.url", "{url}");
        }
    }
}
