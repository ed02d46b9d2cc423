//! `liandong join FILE`: takes an invitation or a trust bundle into the own trust directory.

use std::{fs, path::PathBuf};

use anyhow::{Context as _, anyhow};
use certs::{
    handover::{self, Bundle, Sort},
    trust::{self, Joined},
};
use clap::Args;
use serde::Serialize;

use super::{
    certs::{read, words},
    out::{self, Context},
};
use crate::clock;

/// `join`
#[derive(Args, Debug)]
pub struct Join {
    /// An invitation, or a trust bundle
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// The own trust directory
    #[arg(long, value_name = "DIR", default_value = "trust")]
    dir: PathBuf,
    /// Where the request goes; default: JURISDICTION.request here
    #[arg(long, value_name = "FILE")]
    request: Option<PathBuf>,
    /// Name of the agent within the jurisdiction
    #[arg(long, default_value = "desk")]
    name: String,
    /// The six words (or numbers) of the root of trust that the secretariat read to you; others are refused
    #[arg(long, value_name = "WORDS")]
    words: Option<String>,
}

/// What joining has made.
#[derive(Serialize)]
struct Asked {
    region: String,
    jurisdiction: String,
    broker: Vec<String>,
    root_words: String,
    root_numbers: String,
    request: String,
    request_words: String,
    request_numbers: String,
    trust: String,
}

/// What a bundle has changed.
#[derive(Serialize)]
struct Took {
    region: String,
    directory_version: u64,
    grants_version: u64,
    members: Vec<String>,
    bound: bool,
    new_authority: bool,
    new_evidence: bool,
}

impl Join {
    /// Does what was asked.
    pub fn run(self, context: Context) -> anyhow::Result<()> {
        let text = read(&self.file)?;
        match handover::sort(&text)? {
            Sort::Invitation => self.invited(&text, context),
            Sort::Bundle => self.take(&text, context),
            Sort::Request => Err(anyhow!(context.say(
                "这是申请文件：请交秘书处运行 `liandong certs admit`",
                "this is a request: it is for `liandong certs admit` at the secretariat"
            ))),
        }
    }

    fn invited(self, text: &str, context: Context) -> anyhow::Result<()> {
        let now = clock::system().now();
        self.compare(text, now, context)?;
        let joined = trust::join(&self.dir, text, &self.name, now)?;
        let id = joined.invitation.jurisdiction.clone();
        let file = self.request.unwrap_or_else(|| PathBuf::from(format!("{id}.request")));
        fs::write(&file, &joined.request).with_context(|| file.display().to_string())?;
        let asked = asked(&joined, &file, &self.dir);
        context.value(&asked, |asked| said(asked, context))?;
        words(
            context,
            context.say("信任根口令（对方读给您听）", "Words of the root (they read them to you)"),
            &joined.root_words,
        );
        words(
            context,
            context.say("申请口令（您读给对方听）", "Words of the request (you read them)"),
            &joined.request_words,
        );
        Ok(())
    }

    /// Refuses an invitation with another root than the one that was heard, before anything is pinned.
    fn compare(&self, text: &str, now: model::time::Timestamp, context: Context) -> anyhow::Result<()> {
        let Some(heard) = &self.words else { return Ok(()) };
        let (invitation, _) = handover::Invitation::read(text, now)?;
        if handover::root_words(&invitation.root).are(heard) {
            return Ok(());
        }
        Err(anyhow!(context.say(
            "口令与邀请中的信任根不符：文件可能被换过，什么都没有写入",
            "these are not the words of the root in the invitation: the file may be a forgery; nothing was written"
        )))
    }

    fn take(self, text: &str, context: Context) -> anyhow::Result<()> {
        let bundle = Bundle::read(text)?;
        let installed = trust::install(&self.dir, &bundle.bytes(), &bundle.lists(), clock::system().now())?;
        let took = Took {
            region: installed.trusted.region.to_string(),
            directory_version: installed.trusted.directory.version,
            grants_version: installed.trusted.policy.version,
            members: installed.trusted.authorities.keys().map(ToString::to_string).collect(),
            bound: installed.bound,
            new_authority: installed.new_authority,
            new_evidence: installed.new_evidence,
        };
        context.value(&took, |took| {
            let members = took.members.join(" ");
            let (directory, grants) = (took.directory_version, took.grants_version);
            if context.lang == crate::lang::Lang::Zh {
                format!("{}：名录第 {directory} 版，授权第 {grants} 版，成员 {members}", took.region)
            } else {
                format!("{}: directory {directory}, grants {grants}, members {members}", took.region)
            }
        })?;
        out::note(match (installed.bound, installed.new_evidence) {
            (false, _) => context.say(
                "注意：名录尚未绑定本单位 CA，中心会拒绝本代理",
                "Note: the directory does not bind the own authority yet; the broker will refuse this agent",
            ),
            (true, true) => {
                context.say("新存证密钥已启用：请重启代理", "The new evidence key is in place: restart the agent")
            }
            (true, false) => context.say(
                "已生效；运行中的代理会自行重新加载。下一步：`liandong link test`",
                "In force; a running agent reloads it by itself. Next: `liandong link test`",
            ),
        });
        Ok(())
    }
}

fn asked(joined: &Joined, file: &std::path::Path, trust: &std::path::Path) -> Asked {
    Asked {
        region: joined.invitation.region.clone(),
        jurisdiction: joined.invitation.jurisdiction.clone(),
        broker: joined.invitation.endpoints.clone(),
        root_words: joined.root_words.to_string(),
        root_numbers: joined.root_words.numbers(),
        request: file.display().to_string(),
        request_words: joined.request_words.to_string(),
        request_numbers: joined.request_words.numbers(),
        trust: trust.display().to_string(),
    }
}

fn said(asked: &Asked, context: Context) -> String {
    let quoted = asked.broker.iter().map(|place| format!("\"{place}\"")).collect::<Vec<_>>().join(", ");
    let configuration = format!(
        "region = \"{}\"\njurisdiction = \"{}\"\ntrust = \"{}\"\nbroker = [{quoted}]",
        asked.region, asked.jurisdiction, asked.trust
    );
    let (made, next) = if context.lang == crate::lang::Lang::Zh {
        (format!("已生成申请 {}，请交秘书处。", asked.request), "代理配置（agent.toml）：")
    } else {
        (format!("The request is in {}: hand it to the secretariat.", asked.request), "For the agent's configuration:")
    };
    format!("{made}\n{next}\n{configuration}")
}
