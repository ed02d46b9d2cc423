//! The files of a region in a directory of the test: trust, and a configuration for every program.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::time::Duration;

use certs::ca;
use certs::files::{Degrees, DirectoryFile, WindowEntry, name};
use certs::region::{MemberSpec, Spec};
use model::ids::JurisdictionId;
use model::seal::SealKind;
use model::time::Timestamp;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;

/// The region of the exercises.
pub const REGION: &str = "linyi";
/// 临沂, seat of the secretariat.
pub const LY: &str = "371300";
/// 徐州.
pub const XZ: &str = "320300";
/// 连云港.
pub const LYG: &str = "320700";
/// 日照.
pub const RZ: &str = "371100";
/// 枣庄.
pub const ZZ: &str = "370400";
/// 济宁.
pub const JN: &str = "370800";
/// 泰安.
pub const TA: &str = "370900";
/// 淄博.
pub const ZB: &str = "370300";
/// 潍坊.
pub const WF: &str = "370700";
/// 山东省.
pub const SD: &str = "370000";
/// 江苏省.
pub const JS: &str = "320000";

/// How large the segments of every journal are: small, so that tests cross from one to the next.
pub const SEGMENT_BYTES: u64 = 1 << 20;

/// Everybody who may take part: id, names, province.
const CAST: [(&str, &str, &str, Option<&str>); 11] = [
    (LY, "临沂", "Linyi", Some(SD)),
    (XZ, "徐州", "Xuzhou", Some(JS)),
    (LYG, "连云港", "Lianyungang", Some(JS)),
    (RZ, "日照", "Rizhao", Some(SD)),
    (ZZ, "枣庄", "Zaozhuang", Some(SD)),
    (JN, "济宁", "Jining", Some(SD)),
    (TA, "泰安", "Tai'an", Some(SD)),
    (ZB, "淄博", "Zibo", Some(SD)),
    (WF, "潍坊", "Weifang", Some(SD)),
    (SD, "山东省", "Shandong", None),
    (JS, "江苏省", "Jiangsu", None),
];

/// A region on disk, ready to be started.
pub struct Region {
    /// Authorities and signed files; publishes new ones.
    pub trust: certs::region::Region,
    /// Where agents call.
    pub broker_address: SocketAddr,
    /// Where operators call.
    pub admin_address: SocketAddr,
    /// Where the broker tells how it is.
    pub metrics_address: SocketAddr,
    pub broker_config: PathBuf,
    directory: PathBuf,
    agents: BTreeMap<String, AgentFiles>,
}

/// One agent on disk.
pub struct AgentFiles {
    pub config: PathBuf,
    pub desk_socket: PathBuf,
}

/// What the directory says about the land.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Lands {
    /// Nothing: nobody is reached by an area, and superiors are named only where they take part.
    Unknown,
    /// Rectangles about where LY, XZ and LYG meet; every city names its province, whether that takes part or not.
    Known,
}

impl Region {
    /// Makes keys, certificates, directory, grants and configurations for a broker and an agent in each of `cities`.
    pub fn create(directory: &Path, cities: &[&str], now: Timestamp) -> anyhow::Result<Self> {
        Self::create_on(directory, cities, Lands::Unknown, now)
    }

    /// The same on known or unknown land.
    pub fn create_on(directory: &Path, cities: &[&str], lands: Lands, now: Timestamp) -> anyhow::Result<Self> {
        Self::create_at(LOOPBACK, directory, cities, lands, now)
    }

    /// The same with a broker that agents call at this address of the machine.
    pub fn create_at(
        host: IpAddr,
        directory: &Path,
        cities: &[&str],
        lands: Lands,
        now: Timestamp,
    ) -> anyhow::Result<Self> {
        let (broker_address, admin_address, metrics_address) =
            (free_port(host)?, free_port(LOOPBACK)?, free_port(LOOPBACK)?);
        let members = CAST.iter().filter(|(id, ..)| cities.contains(id)).map(|member| spec(member, cities, lands));
        let spec = Spec {
            region: REGION.parse()?,
            broker_hosts: [LOOPBACK, host].iter().map(IpAddr::to_string).collect::<BTreeSet<_>>().into_iter().collect(),
            members: members.collect::<anyhow::Result<_>>()?,
            agreements: vec!["AG-1".parse()?],
        };
        let trust = certs::region::create(&directory.join("trust"), &spec, now)?;
        let broker_config = directory.join("broker.toml");
        let (directory, agents) = (directory.into(), BTreeMap::new());
        let mut region =
            Self { trust, broker_address, admin_address, metrics_address, broker_config, directory, agents };
        std::fs::write(&region.broker_config, region.broker_toml())?;
        for city in cities {
            region.write_agent(city, broker_address)?;
        }
        Ok(region)
    }

    /// The files of one city's agent.
    pub fn agent(&self, city: &str) -> &AgentFiles {
        &self.agents[city]
    }

    /// The broker's state directory.
    pub fn broker_state(&self) -> PathBuf {
        self.directory.join("broker")
    }

    /// Writes the configuration of `city`'s agent, which then dials `broker`: the broker itself, or a line to it.
    pub fn write_agent(&mut self, city: &str, broker: SocketAddr) -> anyhow::Result<()> {
        let (state, trust) = (self.directory.join(city), self.trust.trust(city));
        let files =
            AgentFiles { config: self.directory.join(format!("{city}.toml")), desk_socket: state.join("desk.sock") };
        let (state, trust) = (state.display(), trust.display());
        let toml = format!(
            "region = \"{REGION}\"\njurisdiction = \"{city}\"\nstate = \"{state}\"\ntrust = \"{trust}\"\n\
             broker = [\"{broker}\"]\nsegment_bytes = {SEGMENT_BYTES}\nallow_unsafe_filesystem = true\n\
             [officer]\nname = \"王明\"\nduty_phone = \"0539-8000000\"\n"
        );
        std::fs::write(&files.config, toml)?;
        self.agents.insert(city.to_owned(), files);
        Ok(())
    }

    /// Publishes a directory that names a group too.
    pub fn publish_group(&self, id: &str, members: &[&str]) -> anyhow::Result<()> {
        let members = members.iter().map(|member| (*member).to_owned()).collect();
        self.publish_directory(|file| drop(file.groups.insert(id.to_owned(), members)))
    }

    /// Publishes a directory with a window: a holiday or a sensitive period, by its first and last day.
    pub fn publish_window(&self, id: &str, from: &str, to: &str) -> anyhow::Result<()> {
        let window = WindowEntry { id: id.into(), from: from.into(), to: to.into() };
        self.publish_directory(|file| file.windows.push(window))
    }

    /// Publishes a directory in which the evidence keys of `city` end now.
    pub fn revoke_evidence(&self, city: &str, now: Timestamp) -> anyhow::Result<()> {
        self.publish_directory(|file| {
            for key in file.members.iter_mut().filter(|entry| entry.id == city).flat_map(|entry| &mut entry.evidence) {
                key.until = Some(now.millis());
            }
        })
    }

    fn publish_directory(&self, change: impl FnOnce(&mut DirectoryFile)) -> anyhow::Result<()> {
        let signers = (1..=2).map(|n| certs::keys::signing(&self.trust.folder.join(format!("offline/signer-{n}.key"))));
        let signers = signers.collect::<Result<Vec<_>, _>>()?;
        let text = std::fs::read_to_string(self.trust.trust("broker").join(name::DIRECTORY))?;
        let (before, _) = certs::signed::split(SealKind::Directory, &text).expect("a signed file");
        let mut file: DirectoryFile = toml::from_str(before)?;
        (file.version, file.previous) = (file.version + 1, certs::files::hash(before));
        change(&mut file);
        let region = REGION.parse()?;
        let signed = certs::signed::sign(SealKind::Directory, &region, &toml::to_string(&file)?, &signers);
        for of in self.agents.keys().map(String::as_str).chain(["broker"]) {
            std::fs::write(self.trust.trust(of).join(name::DIRECTORY), &signed)?;
        }
        Ok(())
    }

    /// The region as whoever holds its keys opens it: to publish, without borrowing the world for it.
    fn secretariat(&self) -> anyhow::Result<certs::region::Region> {
        Ok(certs::region::open(&self.directory.join("trust"))?)
    }

    /// Publishes grants under which everybody has these terms too, for example `per_second = 2`.
    pub fn publish_terms(&self, terms: &str, now: Timestamp) -> anyhow::Result<()> {
        let (region, agreements) = (REGION.parse()?, ["AG-1".parse()?]);
        let text = model::grant::demo_text(&region, 2, now.plus(Duration::from_hours(24 * 30)), &agreements);
        let budget = format!("flash_per_hour = {}", model::limits::FLASH_PER_HOUR);
        let text = text.replace(&budget, terms);
        anyhow::ensure!(text.contains(terms), "the demo's grants name a FLASH budget");
        Ok(self.secretariat()?.publish_grants(&text)?)
    }

    /// Publishes grants that allow duty traffic alone.
    pub fn publish_narrow_grants(&self, now: Timestamp) -> anyhow::Result<()> {
        let expires = now.plus(Duration::from_hours(24 * 30)).rfc3339();
        let text = format!(
            "version = 2\nregion = \"{REGION}\"\nexpires = {expires}\n\n[[grant]]\nid = \"duty\"\nfrom = [\"*\"]\n\
             to = [\"*\"]\nfamilies = [\"A0\"]\nconfidentiality = \"SENSITIVE\"\n"
        );
        Ok(self.secretariat()?.publish_grants(&text)?)
    }

    /// Revokes the leaf with which the agent of `city` calls.
    pub fn revoke_leaf(&self, city: &str, now: Timestamp) -> anyhow::Result<()> {
        let chain = std::fs::read(self.trust.trust(city).join(name::LEAF))?;
        let leaf = CertificateDer::from_pem_slice(&chain)?;
        let facts = certs::profile::check(&leaf, certs::profile::Side::Client)?;
        Ok(self.secretariat()?.publish_revocations(&[facts.serial], now)?)
    }

    /// Issues a new leaf for the agent of `city`.
    pub fn issue_leaf(&self, city: &str, now: Timestamp) -> anyhow::Result<()> {
        let id: JurisdictionId = city.parse()?;
        let (_, authority) = self.trust.members.iter().find(|(member, _)| *member == id).expect("a member");
        let leaf = ca::leaf(&self.trust.agent_name(&id)?, authority, &ca::LeafTerms::client(now))?;
        Ok(certs::region::put_leaf(&self.trust.trust(city), &leaf)?)
    }

    fn broker_toml(&self) -> String {
        let (state, trust) = (self.broker_state(), self.trust.trust("broker"));
        let (state, trust) = (state.display(), trust.display());
        let (listen, admin, metrics) = (self.broker_address, self.admin_address, self.metrics_address);
        format!(
            "state = \"{state}\"\ntrust = \"{trust}\"\nlisten = \"{listen}\"\nadmin_listen = \"{admin}\"\n\
             metrics_listen = \"{metrics}\"\nsegment_bytes = {SEGMENT_BYTES}\nallow_unsafe_filesystem = true\n"
        )
    }
}

fn spec(
    (id, zh, en, province): &(&str, &str, &str, Option<&str>),
    cities: &[&str],
    lands: Lands,
) -> anyhow::Result<MemberSpec> {
    // a superior that is no member would be reported as absent
    let province = province.filter(|province| lands == Lands::Known || cities.contains(province));
    let territory: Vec<Vec<Degrees>> = match lands {
        Lands::Known => land(id).into_iter().collect(),
        Lands::Unknown => Vec::new(),
    };
    Ok(MemberSpec {
        id: id.parse()?,
        name_zh: (*zh).into(),
        name_en: (*en).into(),
        province: province.map(str::parse).transpose()?,
        by_area: !territory.is_empty(),
        centroid: None,
        territory,
    })
}

/// The rectangle of a city. LY's southern border is 34.43; south of it XZ ends and LYG begins near 118.4.
fn land(city: &str) -> Option<Vec<Degrees>> {
    let (south, west, north, east) = match city {
        LY => (34.43, 117.50, 36.20, 119.20),
        XZ => (33.90, 116.40, 34.43, 118.39),
        LYG => (33.90, 118.40, 34.43, 119.60),
        _ => return None,
    };
    let at = |lat, lon| Degrees { lat, lon };
    Some(vec![at(south, west), at(north, west), at(north, east), at(south, east), at(south, west)])
}

/// Where everybody calls unless a test wants it otherwise.
const LOOPBACK: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

/// A port that nobody uses now; a program that is killed must find the same again.
fn free_port(host: IpAddr) -> std::io::Result<SocketAddr> {
    TcpListener::bind((host, 0))?.local_addr()
}
