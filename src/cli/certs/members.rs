//! Who comes in, at the secretariat and at the neighbour.

use std::{path::PathBuf, time::Duration};

use certs::trust::{self, Change};
use clap::Args;

use super::{Context, now, open, out, read, region, words};

/// `certs invite`
#[derive(Args, Debug)]
pub struct Invite {
    /// Division code or id of who is invited
    id: String,
    /// Its name: 连云港/Lianyungang
    #[arg(long, value_name = "ZH/EN")]
    name: String,
    /// Its province, if that is a member
    #[arg(long, value_name = "ID")]
    province: Option<String>,
    /// Reached by id and group only, not by area
    #[arg(long)]
    not_by_area: bool,
    /// Good for so many days
    #[arg(long, value_name = "DAYS", default_value_t = 14, value_parser = clap::value_parser!(u16).range(1..=90))]
    days: u16,
    /// The region's folder
    #[arg(long, value_name = "DIR", default_value = ".")]
    dir: PathBuf,
    /// A signer's key that does not lie in the folder
    #[arg(long = "key", value_name = "FILE")]
    keys: Vec<PathBuf>,
}

impl Invite {
    pub(super) fn run(self, context: Context) -> anyhow::Result<()> {
        let mut spec = region::spec(&self.id, &self.name, self.province.as_deref())?;
        spec.by_area = !self.not_by_area;
        let life = Duration::from_hours(24 * u64::from(self.days));
        let invited = open(&self.dir, &self.keys)?.invite(&spec, life, now())?;
        out::line(&invited.file)?;
        words(context, context.say("信任根口令", "Words of the root of trust"), &invited.words);
        out::note(context.say(
            "下一步：把文件交给对方，对方运行 `liandong join`",
            "Next: hand the file over; there: `liandong join`",
        ));
        Ok(())
    }
}

/// `certs admit`
#[derive(Args, Debug)]
pub struct Admit {
    /// The request
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// The six words (or numbers) that the sender read to you on the phone
    #[arg(long, value_name = "WORDS")]
    words: String,
    /// The region's folder
    #[arg(long, value_name = "DIR", default_value = ".")]
    dir: PathBuf,
    /// A signer's key that does not lie in the folder
    #[arg(long = "key", value_name = "FILE")]
    keys: Vec<PathBuf>,
}

impl Admit {
    pub(super) fn run(self, context: Context) -> anyhow::Result<()> {
        let mut region = open(&self.dir, &self.keys)?;
        let admission = region.admit(&read(&self.file)?, &self.words, now())?;
        let Some(proposal) = admission.proposal else {
            let text = context.say("名录已是如此，无需更改", "the directory says so already; nothing changes");
            out::note(&format!("{}: {text}", admission.jurisdiction));
            return Ok(());
        };
        region::told(context, &proposal, &self.dir)?;
        out::note(context.say(
            "下一步：`liandong certs publish > 区域.trust`，交各单位 `liandong join`",
            "Next: `liandong certs publish > region.trust`; every office takes it with `liandong join`",
        ));
        Ok(())
    }
}

/// `certs request`
#[derive(Args, Debug)]
pub struct Request {
    /// The own trust directory
    #[arg(long, value_name = "DIR", default_value = ".")]
    dir: PathBuf,
    /// Make a new authority, which the old one endorses
    #[arg(long)]
    new_ca: bool,
    /// Make a new evidence key
    #[arg(long)]
    new_evidence: bool,
}

impl Request {
    pub(super) fn run(self, context: Context) -> anyhow::Result<()> {
        let change = match (self.new_ca, self.new_evidence) {
            (false, false) => Change::Nothing,
            (true, false) => Change::Authority,
            (false, true) => Change::Evidence,
            (true, true) => Change::Both,
        };
        let (file, said) = trust::request(&self.dir, change, now())?;
        out::line(&file)?;
        words(context, context.say("申请口令", "Words of the request"), &said);
        Ok(())
    }
}
