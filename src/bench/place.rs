//! Where it is measured: a region of this run's own with a real broker, or a broker that runs already.

use std::{
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::Context as _;
use certs::region::{MemberSpec, Spec};
use model::time::Timestamp;

use super::member::Member;
use crate::{
    clock,
    demo::{programs::Program, region::free_port},
};

/// The bench's own region.
const REGION: &str = "bench";
/// How long its signed files hold.
const LIFE: Duration = Duration::from_hours(24 * 20);

/// A region on disk whose broker is a child process of this one.
#[derive(Debug)]
pub struct Place {
    /// Where agents reach the broker.
    pub broker_address: SocketAddr,
    /// The broker.
    pub broker: Program,
    folder: PathBuf,
    ids: Vec<String>,
}

impl Place {
    /// Makes a region of `members` in the empty `folder` and starts its broker. When this returns, it listens.
    pub async fn raise(folder: &Path, members: usize) -> anyhow::Result<Self> {
        journal::file::create_dir(folder)?;
        let ids: Vec<String> = (0..members).map(|number| format!("{}", 370_000 + number)).collect();
        let now = clock::system().now();
        let members = ids.iter().map(|id| member(id)).collect::<anyhow::Result<_>>()?;
        let spec = Spec {
            region: REGION.parse()?,
            broker_hosts: vec!["127.0.0.1".to_owned()],
            members,
            agreements: Vec::new(),
        };
        let mut region = certs::region::create(&folder.join("trust"), &spec, now)?;
        region.publish_grants(&wide_grants(now))?;
        let broker_address = free_port()?;
        let config = folder.join("broker.toml");
        fs::write(&config, broker_toml(folder, broker_address)?)?;
        let mut broker = Program::new("broker", &config);
        broker.start().await?;
        Ok(Self { broker_address, broker, folder: folder.to_owned(), ids })
    }

    /// The member with this number, from 0.
    pub fn member(&self, number: usize) -> anyhow::Result<Member> {
        let id = self.ids.get(number).context("a member of the bench's region")?;
        Member::load(REGION.parse()?, id, &self.folder.join("trust").join(id))
    }

    /// The id of the member with this number, from 0.
    pub fn id(&self, number: usize) -> anyhow::Result<&str> {
        Ok(self.ids.get(number).context("a member of the bench's region")?)
    }

    /// The configuration of a member's agent and its desk socket.
    pub fn agent(&self, number: usize) -> anyhow::Result<(Program, PathBuf)> {
        let id = self.id(number)?;
        let (state, trust) = (self.folder.join(id), self.folder.join("trust").join(id));
        let config = self.folder.join(format!("{id}.toml"));
        let broker = self.broker_address;
        let toml = format!(
            "region = \"{REGION}\"\njurisdiction = \"{id}\"\nstate = \"{}\"\ntrust = \"{}\"\nbroker = [\"{broker}\"]\n\
             allow_unsafe_filesystem = true\n\n[officer]\nname = \"bench\"\nduty_phone = \"0\"\n",
            state.display(),
            trust.display()
        );
        fs::write(&config, toml)?;
        Ok((Program::new("agent", &config), state.join("desk.sock")))
    }

    /// What the broker keeps on disk, in bytes that are in use.
    pub fn disk(&self) -> anyhow::Result<u64> {
        used(&self.folder.join("broker"))
    }

    /// Ends the broker and removes everything.
    pub async fn strike(mut self) -> anyhow::Result<()> {
        self.broker.stop().await?;
        Ok(fs::remove_dir_all(&self.folder)?)
    }
}

/// Records of the journal and files of the store: the journal's preallocated zeros are not counted, for they are no cost of
/// a message.
fn used(folder: &Path) -> anyhow::Result<u64> {
    let mut bytes = 0;
    for entry in fs::read_dir(folder)? {
        let (path, about) = entry.and_then(|entry| entry.metadata().map(|about| (entry.path(), about)))?;
        bytes += match () {
            () if about.is_dir() && path.ends_with("journal") => written(&path)?,
            () if about.is_dir() => used(&path)?,
            () => about.len(),
        };
    }
    Ok(bytes)
}

/// What was written into segments: up to the last byte of each that is not zero.
fn written(journal: &Path) -> anyhow::Result<u64> {
    let mut bytes = 0;
    for entry in fs::read_dir(journal)? {
        let path = entry?.path();
        if path.is_file() {
            let whole = fs::read(&path)?;
            bytes += whole.iter().rposition(|byte| *byte != 0).map_or(0, |last| last as u64 + 1);
        }
    }
    Ok(bytes)
}

fn member(id: &str) -> anyhow::Result<MemberSpec> {
    Ok(MemberSpec {
        id: id.parse()?,
        name_zh: format!("测速{id}"),
        name_en: format!("Bench {id}"),
        province: None,
        by_area: false,
        centroid: None,
        territory: Vec::new(),
    })
}

/// Everybody may tell everybody, as fast as it goes: what is measured is the broker and not its policy.
fn wide_grants(now: Timestamp) -> String {
    format!(
        "version = 2\nregion = \"{REGION}\"\nexpires = {}\n\n[[grant]]\nid = \"bench\"\nfrom = [\"*\"]\nto = [\"*\"]\n\
         families = [\"A0\", \"A1\", \"A5\"]\nconfidentiality = \"SENSITIVE\"\nflash_per_hour = 4000000\nper_second = 4000000\n\
         bytes_per_second = 4000000000\nstored_bytes = 40000000000\nstored_envelopes = 40000000\n",
        now.plus(LIFE).rfc3339()
    )
}

fn broker_toml(folder: &Path, listen: SocketAddr) -> anyhow::Result<String> {
    let (state, trust) = (folder.join("broker"), folder.join("trust").join("broker"));
    let (admin, metrics) = (free_port()?, free_port()?);
    Ok(format!(
        "state = \"{}\"\ntrust = \"{}\"\nlisten = \"{listen}\"\nadmin_listen = \"{admin}\"\n\
         metrics_listen = \"{metrics}\"\nallow_unsafe_filesystem = true\n",
        state.display(),
        trust.display()
    ))
}
