//! Evidence: heads of the trees, proofs of one message, files of evidence, and journals that are looked through.

pub mod journal;
mod verdict;

use std::{
    fs,
    path::{Path, PathBuf},
};

use agent::evidence::verify;
use anyhow::Context as _;
use bytes::Bytes;
use clap::Subcommand;
use model::{ids::MessageId, limits};
use proto::v1;
use serde::Serialize;

use super::{
    desk::{Client, Where, ask},
    exit::{self, BadInput, Said},
    ids,
    out::{self, Cell, Context, bad, cell, good, muted},
    words,
};

/// What to do with evidence.
#[derive(Debug, Subcommand)]
pub enum Audit {
    /// Write the evidence of a message to one file that anybody can check
    Export {
        /// The message
        #[arg(value_name = "ID")]
        id: String,
        /// Where to write it; unset: the message's id
        #[arg(short = 'O', long, value_name = "FILE")]
        file: Option<PathBuf>,
    },
    /// Check a file of evidence, or the whole journal in a state directory; needs no agent and no network
    Verify {
        /// The file, or the state directory of an agent or broker
        #[arg(value_name = "FILE|DIR")]
        path: PathBuf,
        /// The region's root of trust that the evidence must stand on: a root.toml
        #[arg(long, value_name = "FILE")]
        root: Option<PathBuf>,
        /// For a state directory: the trust directory by whose keys its heads are checked
        #[arg(long, value_name = "DIR")]
        trust: Option<PathBuf>,
    },
    /// Show what is proved about a message: who had it when, by which signatures and trees
    Prove {
        /// The message
        #[arg(value_name = "ID")]
        id: String,
        /// Only what is about this recipient
        #[arg(long, value_name = "JURISDICTION")]
        at: Option<String>,
    },
    /// Heads of the evidence trees: our own, those of others, and what does not join
    Heads,
}

impl Audit {
    /// Does it. Evidence that does not hold ends with 74.
    pub async fn run(self, place: &Where, context: Context) -> anyhow::Result<()> {
        match self {
            Self::Export { id, file } => {
                let mut desk = place.client(context.lang).await?;
                export(&mut desk, &id, file, context).await
            }
            Self::Verify { path, root, trust } if path.is_dir() => {
                if root.is_some() {
                    let text = context.say(
                        "核查状态目录用 --trust 指定信任目录，不用 --root",
                        "a state directory is checked with --trust DIR, not with --root",
                    );
                    return Err(BadInput(text.to_owned()).into());
                }
                journal::verify(&path, trust.as_deref(), context)
            }
            Self::Verify { path, root, .. } => file(&path, root.as_deref(), context),
            Self::Prove { id, at } => {
                let mut desk = place.client(context.lang).await?;
                let id = ids::resolve(&mut desk, &id, context).await?;
                let bytes = fetch(&mut desk, id).await?;
                let verdict = verify::verify(&bytes, None);
                verdict::print(&verdict, at.as_deref(), verdict::From::Desk, context)
            }
            Self::Heads => {
                let mut desk = place.client(context.lang).await?;
                heads(&mut desk, context).await
            }
        }
    }
}

async fn fetch(desk: &mut Client, id: MessageId) -> anyhow::Result<Bytes> {
    let request = v1::ExportEvidenceRequest { message_id: id.0.to_vec().into() };
    let mut pieces = desk.export_evidence(ask(request)).await?.into_inner();
    let mut file = Vec::new();
    while let Some(piece) = pieces.message().await? {
        file.extend_from_slice(&piece.chunk);
    }
    Ok(file.into())
}

#[derive(Serialize)]
struct Written {
    file: String,
    message_id: String,
    bytes: u64,
    holds: bool,
}

async fn export(desk: &mut Client, id: &str, to: Option<PathBuf>, context: Context) -> anyhow::Result<()> {
    let id = ids::resolve(desk, id, context).await?;
    let bytes = fetch(desk, id).await?;
    let to = to.unwrap_or_else(|| format!("{id}.evidence").into());
    let verdict = verify::verify(&bytes, None);
    super::bundle::private(&to, context)
        .and_then(|mut file| std::io::Write::write_all(&mut file, &bytes).with_context(|| to.display().to_string()))?;
    let written = Written {
        file: to.display().to_string(),
        message_id: id.to_string(),
        bytes: bytes.len() as u64,
        holds: verdict.holds(),
    };
    context.value(&written, |written| format!("{} ({})", written.file, words::size(written.bytes)))?;
    if !verdict.summary.as_ref().is_some_and(|summary| summary.from_broker) {
        context.tell(
            "中心未作证明（链路不通，或中心没有这条消息）：文件中只有本机能证明的部分。",
            "The broker proved nothing (the link is down, or it does not have the message): the file holds what this desk can prove alone.",
        );
    }
    context.tell(
        "文件含消息全文，未加密，只有本机用户可读：只交给应当知悉的人。",
        "The file holds the whole message, is not encrypted, and only you may read it: give it to nobody but those who may know.",
    );
    let command = format!("liandong audit verify {}", to.display());
    context.next(&command, "核验（不需要联网，也不需要代理）", "check it; that needs no network and no agent");
    if verdict.holds() { Ok(()) } else { Err(Said(exit::DAMAGE).into()) }
}

/// Judges a file.
fn file(path: &Path, root: Option<&Path>, context: Context) -> anyhow::Result<()> {
    let name = path.display().to_string();
    let length = fs::metadata(path).with_context(|| name.clone())?.len();
    if length > limits::EVIDENCE_BYTES_MAX {
        return Err(model::invalid::Invalid::too_large("evidence", length, limits::EVIDENCE_BYTES_MAX).into());
    }
    let bytes: Bytes = fs::read(path).with_context(|| name)?.into();
    let root = root.map(|root| fs::read_to_string(root).with_context(|| root.display().to_string())).transpose()?;
    let verdict = verify::verify(&bytes, root.as_deref());
    verdict::print(&verdict, None, verdict::From::File, context)
}

#[derive(Serialize)]
struct Heads {
    own: Option<Head>,
    trees: Vec<Tree>,
    countersigned: Vec<Head>,
}

#[derive(Serialize)]
struct Head {
    owner: String,
    size: u64,
    root: String,
    at: Option<String>,
    signed_by: String,
}

#[derive(Serialize)]
struct Tree {
    head: Option<Head>,
    divergences: u32,
    known: Option<Head>,
    other: Option<Head>,
}

fn head(head: &v1::TreeHead) -> Head {
    Head {
        owner: head.owner.clone(),
        size: head.size,
        root: certs::signed::hex(&head.root),
        at: out::rfc3339(head.at),
        signed_by: if head.witness.is_empty() { head.owner.clone() } else { head.witness.clone() },
    }
}

async fn heads(desk: &mut Client, context: Context) -> anyhow::Result<()> {
    let answer = desk.heads(ask(v1::HeadsRequest {})).await?.into_inner();
    let known = |tree: &v1::WitnessedTree| Tree {
        head: tree.head.as_ref().map(head),
        divergences: tree.divergences,
        known: tree.known.as_ref().map(head),
        other: tree.other.as_ref().map(head),
    };
    let all = Heads {
        own: answer.own.as_ref().map(head),
        trees: answer.trees.iter().map(known).collect(),
        countersigned: answer.countersigned.iter().map(head).collect(),
    };
    if context.is_table() {
        table(&answer, context)?;
    } else {
        context.value(&all, |_| String::new())?;
    }
    let diverged = answer.trees.iter().filter(|tree| tree.divergences > 0).count();
    if diverged == 0 {
        return Ok(());
    }
    context.tell(
        "AUDIT_DIVERGENCE：有审计树与此前所知不一致，历史记录被改动、截短，或中心由旧备份恢复。立即电话告知对方，保全双方状态目录，用 `liandong audit verify DIR` 核查。",
        "AUDIT_DIVERGENCE: a tree does not continue what was known of it. Its history was changed or cut, or it was put back from an old copy. Telephone its owner at once, keep both state directories, and check them with `liandong audit verify DIR`.",
    );
    Err(Said(exit::DAMAGE).into())
}

fn table(answer: &v1::HeadsResponse, context: Context) -> anyhow::Result<()> {
    let header =
        [("审计树", "TREE"), ("记录数", "RECORDS"), ("签署时间", "SIGNED"), ("状态", "STATE"), ("会签", "WITNESSES")];
    let own = answer.own.iter().map(|head| (head, good(context.say("● 本机", "● our own"))));
    let others = answer.trees.iter().filter_map(|tree| {
        let state = if tree.divergences == 0 {
            good(context.say("✓ 前后一致", "✓ joins"))
        } else {
            bad(context.say("✕ 不一致", "✕ DIVERGED"))
        };
        Some((tree.head.as_ref()?, state))
    });
    let rows: Vec<Vec<Cell>> = own
        .chain(others)
        .map(|(head, state)| {
            let signed = answer.countersigned.iter().filter(|seen| seen.owner == head.owner);
            let witnesses: Vec<&str> = signed.map(|seen| seen.witness.as_str()).collect();
            let size = out::number(head.size);
            vec![cell(&head.owner), size, muted(&context.time(head.at)), state, cell(witnesses.join(" "))]
        })
        .collect();
    context.table(&header, rows.into_iter())
}
