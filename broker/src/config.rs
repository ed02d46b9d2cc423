//! What an operator decides: one TOML file, every key known, every default stated here.

use std::{net::SocketAddr, path::PathBuf};

use certs::tls::PostQuantum;
use serde::Deserialize;
use store::base::Retention;

/// Configuration of `liandong broker`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// State directory: journal, store, blobs, quarantine.
    pub state: PathBuf,
    /// Directory with the broker's keys, certificates and the signed files of the region.
    pub trust: PathBuf,
    /// Where agents call.
    #[serde(default = "listen")]
    pub listen: SocketAddr,
    /// Where operators call, with operator certificates.
    #[serde(default = "admin_listen")]
    pub admin_listen: SocketAddr,
    /// `/metrics` and `/healthz`, plain HTTP; keep it on loopback.
    #[serde(default = "metrics_listen")]
    pub metrics_listen: SocketAddr,
    /// gRPC reflection for agents; on for loopback and demo, off where nobody needs it.
    #[serde(default = "yes")]
    pub reflection: bool,
    /// Size of a journal segment; unset: a 64th of the file system, 1 to 64 MiB.
    #[serde(default)]
    pub segment_bytes: Option<u64>,
    /// Which key exchanges are agreed to.
    #[serde(default)]
    pub post_quantum: PostQuantum,
    /// How much of the journal is checked at a start.
    #[serde(default)]
    pub verify: Verify,
    /// How long evidence is kept.
    #[serde(default)]
    pub retention: Retention,
    /// Accept file systems whose syncs mean nothing. For tests.
    #[serde(default)]
    pub allow_unsafe_filesystem: bool,
}

/// How much of the journal is read and checked at a start.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "lowercase")]
pub enum Verify {
    /// What came after the last high-water mark; older segments when somebody reads them.
    #[default]
    Recent,
    /// Every record.
    All,
}

fn listen() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 7443))
}

fn admin_listen() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 7444))
}

fn metrics_listen() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 7445))
}

const fn yes() -> bool {
    true
}

/// A commented example, shown by `liandong config print broker`.
pub const EXAMPLE: &str = include_str!("broker.example.toml");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_is_a_valid_configuration() {
        assert!(toml::from_str::<Config>(EXAMPLE).is_ok());
    }

    #[test]
    fn all_is_verified_where_the_operator_says_so() {
        let of = |text: &str| toml::from_str::<Config>(&format!("{text}\n{EXAMPLE}")).map(|config| config.verify);
        assert_eq!((of("").unwrap(), of("verify = \"all\"").unwrap()), (Verify::Recent, Verify::All));
        assert!(of("verify = \"some\"").is_err());
    }

    #[test]
    fn evidence_is_kept_long_enough() {
        let of = |days: u32| toml::from_str::<Config>(&format!("{EXAMPLE}\nevidence_days = {days}\n"));
        assert_eq!(of(400).unwrap().retention.evidence_days, 400);
        let told = of(90).unwrap_err().to_string();
        assert!(told.contains("evidence_days") && told.contains("180 days at least"), "{told}");
    }

    #[test]
    fn an_unknown_key_is_an_error() {
        let text = format!("{EXAMPLE}\nlisten_addr = \"127.0.0.1:1\"\n");
        assert!(toml::from_str::<Config>(&text).is_err());
    }
}
