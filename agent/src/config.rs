//! What an operator decides: one TOML file, every key known, every default stated here.

use std::{net::SocketAddr, path::PathBuf, time::Duration};

use certs::tls::PostQuantum;
use model::{
    ids::{AgentId, JurisdictionId, RegionId},
    invalid::Invalid,
    limits,
    role::Role,
};
use serde::Deserialize;
use store::base::Retention;

use crate::desk::programs::{PER_HOUR, Program};

/// Configuration of `liandong agent`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The region, as its root of trust names it.
    pub region: String,
    /// Whose agent this is: a division code or short name.
    pub jurisdiction: String,
    /// The agent's name within its jurisdiction, as in its certificate.
    #[serde(default = "name")]
    pub name: String,
    /// State directory: journal, store, blobs, documents, quarantine.
    pub state: PathBuf,
    /// Directory with the agent's keys and certificates and the signed files of the region.
    pub trust: PathBuf,
    /// The broker, one or more `host:port`; they are tried in turn.
    pub broker: Vec<String>,
    /// The link.
    #[serde(default)]
    pub link: LinkConfig,
    /// Where local systems and the command line call.
    #[serde(default)]
    pub desk: DeskConfig,
    /// What a draft leaves out.
    #[serde(default)]
    pub officer: OfficerConfig,
    /// File with rules for what the agent does by itself; unset: nothing.
    #[serde(default)]
    pub rules: Option<PathBuf>,
    /// A folder into which other programs put what is to be sent.
    #[serde(default)]
    pub drop: DropConfig,
    /// Events of other programs, over HTTP.
    #[serde(default)]
    pub events: EventsConfig,
    /// The duty desk in a browser.
    #[serde(default)]
    pub console: ConsoleConfig,
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
    /// Error of this machine's clock in milliseconds, as far as the operator knows; it stands in every receipt.
    #[serde(default = "clock_error_ms")]
    pub clock_error_ms: u32,
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

/// How the link behaves.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LinkConfig {
    /// What sort of line it is.
    pub profile: Profile,
}

/// What sort of line leads to the broker.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "lowercase")]
pub enum Profile {
    /// Wire or good mobile network.
    #[default]
    Normal,
    /// Some tens of kilobits a second.
    Slow,
    /// Seconds of delay, and each byte is paid for.
    Satellite,
}

impl Profile {
    /// As the contract names it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Normal => "normal",
            Self::Slow => "slow",
            Self::Satellite => "satellite",
        }
    }

    /// How often an idle link gives a sign of life.
    pub const fn heartbeat(self) -> Duration {
        match self {
            Self::Normal | Self::Slow => limits::HEARTBEAT,
            Self::Satellite => limits::HEARTBEAT_SATELLITE,
        }
    }

    /// Bytes of content that may always be on their way to the broker, however slow the line turns out to be.
    pub const fn least_in_flight(self) -> u64 {
        match self {
            Self::Normal => limits::IN_FLIGHT_BYTES_LEAST,
            Self::Slow | Self::Satellite => limits::IN_FLIGHT_BYTES_LEAST_SLOW,
        }
    }

    /// Bytes of content that may be on their way to this agent, for each precedence.
    pub const fn window_bytes(self) -> u64 {
        match self {
            Self::Normal => 4 * 1024 * 1024,
            Self::Slow | Self::Satellite => 1024 * 1024,
        }
    }
}

/// Where local systems call.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct DeskConfig {
    /// Unix socket, mode 0600; unset: `desk.sock` in the state directory.
    pub socket: Option<PathBuf>,
    /// A loopback address for systems that cannot use the socket; needs `token_file`.
    pub listen: Option<SocketAddr>,
    /// File with the bearer token that callers of `listen` show; only its owner may read it.
    pub token_file: Option<PathBuf>,
    /// gRPC reflection on the desk's faces.
    pub reflection: bool,
}

/// A folder into which other programs put what is to be sent.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct DropConfig {
    /// The folder, ours alone; unset: none is watched.
    pub folder: Option<PathBuf>,
    /// In which role the program speaks: one that signs nothing off.
    pub role: String,
    /// Files that are sent within an hour at most.
    pub per_hour: u32,
}

impl Default for DropConfig {
    fn default() -> Self {
        Self { folder: None, role: Role::DutyOfficer.name().to_owned(), per_hour: PER_HOUR.0 }
    }
}

impl DropConfig {
    /// The program that puts files there, checked.
    pub fn program(&self) -> Result<Program, Invalid> {
        if self.per_hour > PER_HOUR.1 {
            return Err(Invalid::too_large("per_hour", self.per_hour, PER_HOUR.1));
        }
        Ok(Program { name: "drop".to_owned(), role: Program::role(&self.role)?, per_hour: self.per_hour })
    }
}

/// Events of other programs, over HTTP. Which programs, stands in the rules file.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct EventsConfig {
    /// A loopback address; unset: no events are taken. Needs `token_file`.
    pub listen: Option<SocketAddr>,
    /// File with the bearer token that programs show; made at the first start, only its owner may read it.
    pub token_file: Option<PathBuf>,
}

/// The duty desk in a browser.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ConsoleConfig {
    /// A loopback address; unset: no console is served.
    pub listen: Option<SocketAddr>,
}

/// What a draft leaves out about who speaks.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct OfficerConfig {
    /// Name of whoever is on duty, where the draft does not say it.
    pub name: String,
    /// Role, where the draft does not say it.
    pub role: String,
    /// Telephone of the desk.
    pub duty_phone: String,
    /// Language of bodies, BCP 47.
    pub language: String,
    /// Minutes ahead of UTC.
    pub utc_offset_min: i32,
}

impl Default for OfficerConfig {
    fn default() -> Self {
        Self {
            name: String::new(),
            role: Role::DutyOfficer.name().to_owned(),
            duty_phone: String::new(),
            language: "zh-CN".to_owned(),
            utc_offset_min: 480,
        }
    }
}

fn name() -> String {
    "desk".to_owned()
}

const fn clock_error_ms() -> u32 {
    500
}

/// A commented example, shown by `liandong config print agent`.
pub const EXAMPLE: &str = include_str!("agent.example.toml");

/// Who an agent is: the names of its configuration, checked.
#[derive(Clone, Debug)]
pub struct Identity {
    /// The region.
    pub region: RegionId,
    /// Jurisdiction and name.
    pub agent: AgentId,
    /// The role of whoever is on duty.
    pub role: Role,
}

impl Identity {
    /// Whose agent it is.
    pub fn jurisdiction(&self) -> &JurisdictionId {
        &self.agent.jurisdiction
    }
}

impl Config {
    /// The names in it, checked.
    pub fn identity(&self) -> Result<Identity, Invalid> {
        let within = |key: &'static str| move |invalid: Invalid| Invalid { field: key.to_owned(), ..invalid };
        let jurisdiction: JurisdictionId = self.jurisdiction.parse().map_err(within("jurisdiction"))?;
        if self.broker.is_empty() {
            return Err(Invalid::missing("broker"));
        }
        on_loopback(self.desk.listen, self.desk.token_file.is_some()).map_err(|invalid| invalid.within("desk"))?;
        on_loopback(self.events.listen, self.events.token_file.is_some())
            .map_err(|invalid| invalid.within("events"))?;
        on_loopback(self.console.listen, true).map_err(|invalid| invalid.within("console"))?;
        self.check_drop()?;
        Ok(Identity {
            region: self.region.parse().map_err(within("region"))?,
            agent: AgentId::new(jurisdiction, &self.name).map_err(within("name"))?,
            role: self.officer.role.parse().map_err(within("officer.role"))?,
        })
    }

    fn check_drop(&self) -> Result<(), Invalid> {
        self.drop.program().map_err(|invalid| invalid.within("drop"))?;
        match &self.drop.folder {
            Some(folder) if !folder.is_absolute() => {
                Err(Invalid::code("drop.folder", "drop.ours_alone").detail(folder.display().to_string()))
            }
            Some(_) | None => Ok(()),
        }
    }

    /// Where the desk's socket is.
    pub fn socket(&self) -> PathBuf {
        self.desk.socket.clone().unwrap_or_else(|| self.state.join("desk.sock"))
    }
}

/// Whoever may reach the desk over TCP speaks as this jurisdiction: loopback only, and never without a token.
fn on_loopback(listen: Option<SocketAddr>, has_token: bool) -> Result<(), Invalid> {
    match listen {
        Some(address) if !address.ip().is_loopback() => {
            Err(Invalid::code("listen", "config.loopback").detail(address.to_string()))
        }
        Some(_) if !has_token => Err(Invalid::missing("token_file")),
        Some(_) | None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn the_example_is_a_valid_configuration() {
        let config: Config = toml::from_str(EXAMPLE).unwrap();

        assert_eq!(config.identity().unwrap().agent.to_string(), "371300/desk");
        assert_eq!(config.link.profile, Profile::Normal);
    }

    #[test]
    fn an_unknown_key_is_an_error() {
        assert!(toml::from_str::<Config>(&format!("brokers = []\n{EXAMPLE}")).is_err());
        assert!(toml::from_str::<Config>(&format!("{EXAMPLE}\nphone = \"1\"\n")).is_err());
    }

    #[test]
    fn the_desk_listens_on_loopback_alone_and_asks_for_a_token() {
        let mut config: Config = toml::from_str(EXAMPLE).unwrap();
        config.desk.listen = Some("0.0.0.0:7450".parse().unwrap());
        config.desk.token_file = Some("/etc/liandong/token".into());
        assert_eq!(config.identity().unwrap_err().rule, "config.loopback");

        config.desk.listen = Some("127.0.0.1:7450".parse().unwrap());
        config.desk.token_file = None;
        assert_eq!(config.identity().unwrap_err().field, "desk.token_file");
    }

    #[test]
    fn a_program_signs_nothing_off_and_its_folder_has_a_whole_path() {
        let mut config: Config = toml::from_str(EXAMPLE).unwrap();
        for role in ["SHIFT_LEADER", "COMMANDER", "SYSTEM"] {
            config.drop.role = role.to_owned();
            let refused = config.identity().unwrap_err();
            assert_eq!((refused.field.as_str(), refused.rule.as_str()), ("drop.role", "program.may_not_sign"));
        }
        config.drop = DropConfig { folder: Some("spool/drop".into()), ..DropConfig::default() };
        assert_eq!(config.identity().unwrap_err().field, "drop.folder");
        config.drop = DropConfig { per_hour: 4_000, ..DropConfig::default() };
        assert_eq!(config.identity().unwrap_err().field, "drop.per_hour");
    }

    #[test]
    fn events_are_taken_on_loopback_alone_and_with_a_token() {
        let mut config: Config = toml::from_str(EXAMPLE).unwrap();
        config.events.listen = Some("192.0.2.1:7451".parse().unwrap());
        assert_eq!(config.identity().unwrap_err().field, "events.listen");
        config.events.listen = Some("127.0.0.1:7451".parse().unwrap());
        assert_eq!(config.identity().unwrap_err().field, "events.token_file");
    }

    #[test]
    fn the_console_is_served_on_loopback_alone() {
        let mut config: Config = toml::from_str(EXAMPLE).unwrap();
        config.console.listen = Some("192.0.2.1:7460".parse().unwrap());
        assert_eq!(config.identity().unwrap_err().field, "console.listen");
    }
}
