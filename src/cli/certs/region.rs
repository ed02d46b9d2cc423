//! A region: made, signed, published.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, anyhow};
use certs::{
    handover,
    region::{self, MemberSpec, Proposal, Replaced, Spec},
};
use clap::Args;

use super::{Context, Done, names, now, open, out, print, read, words};

/// `certs init`
#[derive(Args, Debug)]
pub struct Init {
    /// A new folder for the region
    #[arg(value_name = "DIR")]
    folder: PathBuf,
    /// Name of the region: a-z, 0-9, -
    #[arg(long)]
    region: String,
    /// A jurisdiction whose keys are made here: 371300=临沂/Linyi, or 371300=临沂/Linyi@370000 with its province
    #[arg(long = "member", value_name = "ID=ZH/EN", required = true)]
    members: Vec<String>,
    /// Name or address by which agents call the broker
    #[arg(long = "broker-host", value_name = "HOST", required = true)]
    hosts: Vec<String>,
    /// Where agents call the broker, if not at port 7443 of its hosts
    #[arg(long = "endpoint", value_name = "HOST:PORT")]
    endpoints: Vec<String>,
    /// An agreement that the first grants name
    #[arg(long = "agreement", value_name = "ID")]
    agreements: Vec<String>,
}

impl Init {
    pub(super) fn run(self, context: Context) -> anyhow::Result<()> {
        let spec = Spec {
            region: self.region.parse()?,
            broker_hosts: self.hosts,
            members: self.members.iter().map(|text| member(text)).collect::<anyhow::Result<_>>()?,
            agreements: self.agreements.iter().map(|id| id.parse()).collect::<Result<_, _>>()?,
        };
        let mut made = region::create(&self.folder, &spec, now())?;
        if !self.endpoints.is_empty() {
            made.set_endpoints(self.endpoints)?;
        }
        print(context, &rows(context, &made, &spec))?;
        let root = read(&self.folder.join("signed/root.toml"))?;
        words(context, context.say("信任根口令", "Words of the root of trust"), &handover::root_words(&root));
        out::note(context.say(
            "下一步：把 offline/ 移到离线介质，两个签名人各持一把 signer 密钥；然后 `liandong certs invite`",
            "Next: move offline/ to media that are kept offline, one signer key for each signer; then `liandong certs invite`",
        ));
        Ok(())
    }
}

fn rows(context: Context, made: &region::Region, spec: &Spec) -> Vec<Done> {
    let keep = context.say("离线保存，两人分持", "keep offline, with different people");
    let offline = made.folder.join("offline");
    let mut rows: Vec<Done> = (1..=3)
        .map(|number| {
            Done::new(context.say("信任根密钥", "root key"), &offline.join(format!("root-{number}.key")), keep)
        })
        .collect();
    rows.extend((1..=3).map(|number| {
        Done::new(context.say("签名人密钥", "signer key"), &offline.join(format!("signer-{number}.key")), keep)
    }));
    let offline_only = context.say("离线保存", "keep offline");
    rows.push(Done::new(context.say("区域根 CA", "region root CA"), &offline.join("root-ca.key"), offline_only));
    rows.push(Done::new(context.say("中心 CA", "broker CA"), &offline.join("broker-ca.key"), offline_only));
    rows.push(Done::new(context.say("中心信任目录", "broker's trust"), &made.trust("broker"), "broker.toml: trust"));
    let admin = context.say("运维人员使用", "for an operator");
    rows.push(Done::new(context.say("运维信任目录", "operator's trust"), &made.trust("operator"), admin));
    for member in &spec.members {
        rows.push(Done::new(
            &format!("{} {}", member.id, context.say(&member.name_zh, &member.name_en)),
            &made.trust(member.id.as_str()),
            "agent.toml: trust",
        ));
    }
    rows
}

/// `371300=临沂/Linyi@370000`
fn member(text: &str) -> anyhow::Result<MemberSpec> {
    let (id, rest) = text.split_once('=').ok_or_else(|| anyhow!("`{text}`: ID=ZH/EN"))?;
    let (said, province) = rest.split_once('@').map_or((rest, None), |(said, province)| (said, Some(province)));
    spec(id, said, province)
}

pub(super) fn spec(id: &str, said: &str, province: Option<&str>) -> anyhow::Result<MemberSpec> {
    let (name_zh, name_en) = names(said);
    Ok(MemberSpec {
        id: id.parse()?,
        name_zh,
        name_en,
        province: province.map(str::parse).transpose()?,
        by_area: true,
        centroid: None,
        territory: Vec::new(),
    })
}

/// `certs sign`
#[derive(Args, Debug)]
pub struct Sign {
    /// The draft that waits
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// A signer's key, or a root key
    #[arg(long = "key", value_name = "FILE", required = true)]
    keys: Vec<PathBuf>,
}

impl Sign {
    pub(super) fn run(self, context: Context) -> anyhow::Result<()> {
        let kind = region::sign_file(&self.file, &region::signing_keys(&self.keys)?)?;
        print(context, &[Done::new(kind.name(), &self.file, context.say("已加签", "signed"))])?;
        out::note(context.say("下一步：`liandong certs publish`", "Next: `liandong certs publish`"));
        Ok(())
    }
}

/// `certs publish`
#[derive(Args, Debug)]
pub struct Publish {
    /// The region's folder
    #[arg(long, value_name = "DIR", default_value = ".")]
    dir: PathBuf,
    /// A revocation list that a member handed in
    #[arg(long = "list", value_name = "FILE")]
    lists: Vec<PathBuf>,
    /// New grants, with a higher version
    #[arg(long, value_name = "FILE", conflicts_with = "refresh")]
    grants: Option<PathBuf>,
    /// Make directory and grants good for another 30 days
    #[arg(long)]
    refresh: bool,
    /// A signer's key that does not lie in the folder
    #[arg(long = "key", value_name = "FILE")]
    keys: Vec<PathBuf>,
}

impl Publish {
    pub(super) fn run(self, context: Context) -> anyhow::Result<()> {
        let mut region = open(&self.dir, &self.keys)?;
        let lists = self.lists.iter().map(|file| read(file)).collect::<anyhow::Result<Vec<_>>>()?;
        if !lists.is_empty() {
            let newer = region.take_lists(&lists)?;
            out::note(&format!("{}: {newer}", context.say("更新的吊销列表", "newer revocation lists")));
        }
        let proposal = match (&self.grants, self.refresh) {
            (Some(file), _) => region.propose_grants(&read(file)?, now())?,
            (None, true) => region.refresh(now())?,
            (None, false) => region.enforce(now())?,
        };
        told(context, &proposal, &self.dir)?;
        out::line(&region.bundle()?).context("standard output")
    }
}

/// `certs rekey`
#[derive(Args, Debug)]
pub struct Rekey {
    /// The region's folder
    #[arg(long, value_name = "DIR", default_value = ".")]
    dir: PathBuf,
    /// Replace this signer's key: 1, 2, 3
    #[arg(long, value_name = "NUMBER", required_unless_present = "root", conflicts_with = "root")]
    signer: Option<usize>,
    /// Replace this root key: 1, 2, 3
    #[arg(long, value_name = "NUMBER")]
    root: Option<usize>,
    /// A root key, or a signer's key that does not lie in the folder
    #[arg(long = "key", value_name = "FILE")]
    keys: Vec<PathBuf>,
}

impl Rekey {
    pub(super) fn run(self, context: Context) -> anyhow::Result<()> {
        let which = match (self.signer, self.root) {
            (Some(number), _) => Replaced::Signer(number),
            (None, Some(number)) => Replaced::Root(number),
            (None, None) => return Err(anyhow!("--signer, --root")),
        };
        let mut region = open(&self.dir, &self.keys)?;
        let proposal = region.rekey(which, &region::signing_keys(&self.keys)?, now())?;
        told(context, &proposal, &self.dir)
    }
}

/// Says what came of a proposal; one that waits is an error, so that no script takes it for done.
pub(super) fn told(context: Context, proposal: &Proposal, folder: &Path) -> anyhow::Result<()> {
    match proposal {
        Proposal::InForce(version) => {
            let text = context.say("名录现行版本", "the directory is in force in version");
            out::note(&format!("{text} {version}"));
            Ok(())
        }
        Proposal::Waits { file, have, need } => Err(anyhow!(
            "{} ({have}/{need}): liandong certs sign {} --key FILE; liandong certs publish --dir {}",
            context.say("等待另一名签名人", "it waits for another signer"),
            file.display(),
            folder.display()
        )),
        Proposal::WaitsForRoot(file) => Err(anyhow!(
            "{}: liandong certs sign {} --key root-1.key --key root-2.key; liandong certs publish --dir {}",
            context.say(
                "该单位已有另一 CA，而申请未由其原 CA 背书：需信任根密钥加签，各单位将收到红色提示",
                "it is known with another authority, which did not endorse this one: the root keys must sign too"
            ),
            file.display(),
            folder.display()
        )),
    }
}
