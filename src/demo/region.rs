//! The demo's region on disk: keys, certificates, signed files and configurations of a broker and three cities.

use std::{
    fs, io,
    net::{SocketAddr, TcpListener},
    path::{Path, PathBuf},
};

use anyhow::Context as _;
use certs::{
    files::Degrees,
    region::{MemberSpec, Spec},
};
use model::time::Timestamp;

/// 临沂, seat of the secretariat.
pub const LY: &str = "371300";
/// 连云港.
pub const LYG: &str = "320700";
/// 徐州.
pub const XZ: &str = "320300";
/// The cities that the demo plays.
pub const CITIES: [&str; 3] = [LY, LYG, XZ];

/// A line of points, `(latitude, longitude)`.
type Outline = &'static [(f64, f64)];

/// Three cities with outlines drawn by hand for this demo. They are schematic: no map, no boundary of anything real, and
/// not for publication. Around the place of the accident (34.45, 118.36) they lie as the story needs it: inside 临沂,
/// 2.5 km from 徐州, 4 km from 连云港.
const MEMBERS: [(&str, &str, &str, Outline); 3] = [
    (
        LY,
        "临沂",
        "Linyi",
        &[
            (34.43, 118.333),
            (34.43, 118.4036),
            (34.60, 118.4036),
            (34.75, 118.6),
            (35.10, 118.95),
            (36.2, 119.0),
            (36.2, 117.4),
            (34.60, 117.4),
            (34.60, 118.333),
            (34.43, 118.333),
        ],
    ),
    (
        LYG,
        "连云港",
        "Lianyungang",
        &[
            (33.98, 118.4036),
            (34.60, 118.4036),
            (34.75, 118.6),
            (35.10, 118.95),
            (35.10, 119.45),
            (34.2, 119.9),
            (33.98, 119.5),
            (33.98, 118.4036),
        ],
    ),
    (
        XZ,
        "徐州",
        "Xuzhou",
        &[
            (34.60, 118.333),
            (34.60, 117.4),
            (34.60, 116.9),
            (33.98, 116.9),
            (33.98, 118.4036),
            (34.43, 118.4036),
            (34.43, 118.333),
            (34.60, 118.333),
        ],
    ),
];

/// The name of a city in Chinese and English.
pub fn name(city: &str) -> (&'static str, &'static str) {
    MEMBERS.iter().find(|(id, ..)| *id == city).map_or(("?", "?"), |(_, zh, en, _)| (zh, en))
}

/// Where the files of one city are.
#[derive(Clone, Debug)]
pub struct CityFiles {
    /// Division code.
    pub city: &'static str,
    /// Its agent's configuration.
    pub config: PathBuf,
    /// Its agent's desk socket.
    pub socket: PathBuf,
}

/// A region on disk, ready to be started.
#[derive(Debug)]
pub struct Files {
    /// Where agents reach the broker.
    pub broker_address: SocketAddr,
    /// The broker's configuration.
    pub broker_config: PathBuf,
    /// One for each city.
    pub cities: Vec<CityFiles>,
    directory: PathBuf,
}

impl Files {
    /// Makes everything but the agents' configurations, which need to know by which line they reach the broker.
    pub fn create(directory: &Path, now: Timestamp) -> anyhow::Result<Self> {
        let spec = Spec {
            region: "linyi".parse()?,
            broker_hosts: vec!["127.0.0.1".to_owned()],
            members: MEMBERS.iter().map(member).collect::<anyhow::Result<_>>()?,
            agreements: vec!["AG-1".parse()?],
        };
        certs::region::create(&directory.join("trust"), &spec, now).context("certificates of the demo region")?;
        let files = Self {
            broker_address: free_port()?,
            broker_config: directory.join("broker.toml"),
            cities: CITIES.iter().map(|city| CityFiles::of(directory, city)).collect(),
            directory: directory.to_owned(),
        };
        fs::write(&files.broker_config, files.broker_toml()?)?;
        Ok(files)
    }

    /// Writes the configuration of a city's agent, which dials `broker`.
    pub fn write_agent(&self, city: &CityFiles, broker: SocketAddr) -> io::Result<()> {
        let id = city.city;
        let (state, trust) = (self.directory.join(id), self.directory.join("trust").join(id));
        let (state, trust) = (state.display(), trust.display());
        let (officer, phone) = officer(id);
        let toml = format!(
            "region = \"linyi\"\njurisdiction = \"{id}\"\nstate = \"{state}\"\ntrust = \"{trust}\"\nbroker = [\"{broker}\"]\n\
             segment_bytes = 4194304\nallow_unsafe_filesystem = true\n\n[officer]\nname = \"{officer}\"\nduty_phone = \"{phone}\"\n"
        );
        fs::write(&city.config, toml)
    }

    /// Makes the files such that the region comes up without the demo: agents dial the broker itself.
    pub fn leave(&self) -> io::Result<()> {
        self.cities.iter().try_for_each(|city| self.write_agent(city, self.broker_address))
    }

    fn broker_toml(&self) -> io::Result<String> {
        let (state, trust) = (self.directory.join("broker"), self.directory.join("trust").join("broker"));
        let (state, trust) = (state.display(), trust.display());
        let (listen, admin, metrics) = (self.broker_address, free_port()?, free_port()?);
        Ok(format!(
            "state = \"{state}\"\ntrust = \"{trust}\"\nlisten = \"{listen}\"\nadmin_listen = \"{admin}\"\n\
             metrics_listen = \"{metrics}\"\nsegment_bytes = 4194304\nallow_unsafe_filesystem = true\n"
        ))
    }
}

impl CityFiles {
    fn of(directory: &Path, city: &'static str) -> Self {
        let config = directory.join(format!("{city}.toml"));
        Self { city, config, socket: directory.join(city).join("desk.sock") }
    }
}

/// Who is on duty in a city, and the telephone of the desk. Invented people.
pub fn officer(city: &str) -> (&'static str, &'static str) {
    match city {
        LY => ("王明", "0539-8000000"),
        LYG => ("陈海", "0518-8000000"),
        _ => ("李强", "0516-8000000"),
    }
}

fn member((id, zh, en, outline): &(&str, &str, &str, Outline)) -> anyhow::Result<MemberSpec> {
    let territory = outline.iter().map(|(lat, lon)| Degrees { lat: *lat, lon: *lon }).collect();
    Ok(MemberSpec {
        id: id.parse()?,
        name_zh: (*zh).to_owned(),
        name_en: (*en).to_owned(),
        province: None,
        by_area: true,
        centroid: None,
        territory: vec![territory],
    })
}

/// A port of loopback that nobody uses now; a program that is killed and started again finds the same.
pub fn free_port() -> io::Result<SocketAddr> {
    TcpListener::bind(("127.0.0.1", 0))?.local_addr()
}
