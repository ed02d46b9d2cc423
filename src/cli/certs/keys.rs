//! The own certificates: issued, renewed, revoked.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, anyhow};
use certs::{
    ca::{Authority, LEAF_LIFE_MAX, LeafTerms},
    files::name,
    profile::{Name, Who},
    region::{self as area, Revoked},
    signed, trust,
};
use clap::Args;
use model::ids::{AgentId, JurisdictionId};

use super::{Context, Done, now, open, out, print, region};

/// Where the authority is, if not in the trust directory.
#[derive(Args, Debug)]
struct Issuer {
    /// Certificate of the authority, if it does not lie in the trust directory
    #[arg(long, value_name = "FILE", requires = "ca_key")]
    ca: Option<PathBuf>,
    /// Its key
    #[arg(long, value_name = "FILE", requires = "ca")]
    ca_key: Option<PathBuf>,
}

impl Issuer {
    /// The authority that was named, the one in the trust directory, or the broker's beside it.
    fn find(&self, folder: &Path) -> anyhow::Result<Authority> {
        if let (Some(ca), Some(key)) = (&self.ca, &self.ca_key) {
            return Ok(trust::authority_at(ca, key)?);
        }
        let offline = folder.join("../offline");
        if !folder.join(name::CA_KEY).exists() && offline.join("broker-ca.key").exists() {
            return Ok(trust::authority_at(&offline.join("broker-ca.pem"), &offline.join("broker-ca.key"))?);
        }
        Ok(trust::authority(folder)?)
    }
}

/// `certs issue`
#[derive(Args, Debug)]
pub struct Issue {
    /// The trust directory of the jurisdiction (or of the broker, for an operator)
    #[arg(long, value_name = "DIR", default_value = ".")]
    dir: PathBuf,
    /// Name of the other agent
    #[arg(long, value_name = "NAME", required_unless_present = "operator", conflicts_with = "operator")]
    name: Option<String>,
    /// Name of an operator
    #[arg(long, value_name = "NAME")]
    operator: Option<String>,
    /// A new trust directory for it
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Good for so many days
    #[arg(long, default_value_t = 21, value_parser = clap::value_parser!(u16).range(1..=90))]
    days: u16,
    #[command(flatten)]
    issuer: Issuer,
}

impl Issue {
    pub(super) fn run(self, context: Context) -> anyhow::Result<()> {
        let (own, _) = trust::identity_of(&self.dir)?;
        let who = match (&self.operator, &self.name, &own.who) {
            (Some(operator), ..) => format!("spiffe://{}/operator/{operator}", own.region).parse::<Name>()?.who,
            (None, Some(name), Who::Agent(agent)) => Who::Agent(AgentId::new(agent.jurisdiction.clone(), name)?),
            (None, ..) => {
                let text =
                    context.say("只有单位的信任目录能签发代理证书", "agents are issued from a jurisdiction's trust");
                return Err(anyhow!(text));
            }
        };
        if self.out.join(name::LEAF).exists() {
            return Err(anyhow!(
                "{}: {}",
                self.out.display(),
                context.say("已有证书", "there is a certificate already")
            ));
        }
        let (authority, now) = (self.issuer.find(&self.dir)?, now());
        let days = std::time::Duration::from_hours(24 * u64::from(self.days)).min(LEAF_LIFE_MAX);
        let terms = LeafTerms { until: now.plus(days), ..LeafTerms::client(now) };
        let name = Name { region: own.region, who };
        trust::issue(&self.out, &name, &authority, &terms)?;
        if self.dir.join(name::DIRECTORY).exists() {
            trust::put(&self.out, &certs::files::load(&self.dir)?)?;
        }
        print(context, &[Done::new(&name.uri(), &self.out, context.say("已签发", "issued"))])
    }
}

/// `certs renew`
#[derive(Args, Debug)]
pub struct Renew {
    /// The trust directory
    #[arg(value_name = "DIR", default_value = ".")]
    dir: PathBuf,
    #[command(flatten)]
    issuer: Issuer,
}

impl Renew {
    pub(super) fn run(self, context: Context) -> anyhow::Result<()> {
        let (authority, now) = (self.issuer.find(&self.dir)?, now());
        trust::renew(&self.dir, &authority, now)?;
        trust::own_list(&self.dir, &authority, now)?;
        let (identity, facts) = trust::identity_of(&self.dir)?;
        let until = super::show::date(facts.not_after);
        print(context, &[Done::new(&identity.uri(), &self.dir.join(name::LEAF), &until)])?;
        out::note(context.say(
            "运行中的代理或中心会自行重新加载，无需重启",
            "A running agent or broker reloads it by itself; no restart",
        ));
        Ok(())
    }
}

/// `certs revoke`
#[derive(Args, Debug)]
pub struct Revoke {
    /// The own trust directory (own certificates), or the region's folder
    #[arg(long, value_name = "DIR", default_value = ".")]
    dir: PathBuf,
    /// A certificate, by its serial as `certs show` prints it
    #[arg(long, value_name = "HEX", conflicts_with_all = ["evidence", "jurisdiction"],
          required_unless_present_any = ["evidence", "jurisdiction"])]
    serial: Option<String>,
    /// Whose authority issued it, in the region's folder: a jurisdiction, or `broker`
    #[arg(long, value_name = "ID", requires = "serial")]
    of: Option<String>,
    /// An evidence key, by its id
    #[arg(long, value_name = "KEY", conflicts_with = "jurisdiction")]
    evidence: Option<String>,
    /// A member with all its keys
    #[arg(long, value_name = "ID")]
    jurisdiction: Option<String>,
    /// A signer's key that does not lie in the folder
    #[arg(long = "key", value_name = "FILE")]
    keys: Vec<PathBuf>,
    #[command(flatten)]
    issuer: Issuer,
}

impl Revoke {
    pub(super) fn run(self, context: Context) -> anyhow::Result<()> {
        if self.dir.join("region.toml").exists() { self.in_region(context) } else { self.own(context) }
    }

    fn in_region(self, context: Context) -> anyhow::Result<()> {
        let what = match (self.serial, self.of, self.evidence, self.jurisdiction) {
            (Some(serial), Some(of), None, None) => Revoked::Serial(JurisdictionId::member_or_broker(&of)?, serial),
            (None, None, Some(key), None) => Revoked::Evidence(key),
            (None, None, None, Some(id)) => Revoked::Member(id.parse()?),
            _ => {
                let text = context.say(
                    "请指定 --serial 与 --of、--evidence 或 --jurisdiction 之一",
                    "name --serial with --of, or --evidence, or --jurisdiction",
                );
                return Err(anyhow!(text));
            }
        };
        let mut region: area::Region = open(&self.dir, &self.keys)?;
        let proposal = region.revoke(&what, now())?;
        region::told(context, &proposal, &self.dir)?;
        out::note(context.say(
            "下一步：`liandong certs publish > 区域.trust`，先交中心，再交各单位",
            "Next: `liandong certs publish > region.trust`; to the broker first, then to every office",
        ));
        Ok(())
    }

    fn own(self, context: Context) -> anyhow::Result<()> {
        let text = context.say(
            "在本单位信任目录中只能按序列号吊销本单位证书；其余由秘书处在区域目录中吊销",
            "in a trust directory only own certificates are revoked, by serial; the rest is for the region's folder",
        );
        let serial = self.serial.as_deref().ok_or_else(|| anyhow!(text))?;
        let bytes = signed::unhex(serial).filter(|bytes| !bytes.is_empty());
        let bytes = bytes.ok_or_else(|| trust::TrustError::Hex(serial.to_owned()))?;
        let plain = certs::profile::plain_serial(&bytes);
        let (identity, _) = trust::identity_of(&self.dir)?;
        trust::revoke(&self.dir, &self.issuer.find(&self.dir)?, &[plain], now())?;
        let owner = identity.agent().map_or_else(|| "broker".to_owned(), |agent| agent.jurisdiction.to_string());
        let list = self.dir.join(name::CRLS).join(format!("{owner}.pem"));
        fs::metadata(&list).with_context(|| list.display().to_string())?;
        print(context, &[Done::new(serial, &list, context.say("已吊销", "revoked"))])?;
        out::note(context.say(
            "下一步：把吊销列表交秘书处 `liandong certs publish --list FILE`，在此之前中心仍会接受该证书",
            "Next: hand the list to the secretariat, `liandong certs publish --list FILE`; until then the broker takes the certificate",
        ));
        Ok(())
    }
}
