//! Bundles: messages and receipts on a stick, where no link reaches.

use std::{
    fs::{File, OpenOptions},
    io::{ErrorKind, Read as _, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
};

use agent::bundle::file::Parts;
use anyhow::Context as _;
use bytes::Bytes;
use clap::Subcommand;
use model::{ids::JurisdictionId, invalid::Invalid, limits};
use prost::Message as _;
use proto::v1::{self, CarriedOutcome, bundle_part::Part};
use serde::Serialize;

use super::{
    desk::{Client, Where, ask},
    exit::{self, BadInput, Exists, Said},
    out::{self, Cell, Context, bad, cell, good, muted},
    words,
};

/// What to do with a bundle.
#[derive(Debug, Subcommand)]
pub enum Bundle {
    /// Write what waits for a jurisdiction, and our receipts about what it sent, to a file
    Export {
        /// The jurisdiction that will read it
        #[arg(long, value_name = "JURISDICTION")]
        to: JurisdictionId,
        /// Where to write it; unset: a name with both jurisdictions and the time
        #[arg(short = 'O', long, value_name = "FILE")]
        file: Option<PathBuf>,
    },
    /// Take a bundle that was carried here
    Import {
        /// The file
        #[arg(value_name = "FILE")]
        file: PathBuf,
    },
    /// Say what a file holds and for whom it is; needs no agent and takes nothing
    Show {
        /// The file
        #[arg(value_name = "FILE")]
        file: PathBuf,
    },
}

impl Bundle {
    /// Does it.
    pub async fn run(self, place: &Where, context: Context) -> anyhow::Result<()> {
        match self {
            Self::Export { to, file } => {
                let mut desk = place.client(context.lang).await?;
                export(&mut desk, &to, file, context).await
            }
            Self::Import { file } => {
                let mut desk = place.client(context.lang).await?;
                import(&mut desk, &file, context).await
            }
            Self::Show { file } => Contents::of(&file)?.print(context),
        }
    }
}

#[derive(Serialize)]
struct Written {
    file: Option<String>,
    to: String,
    messages: usize,
    receipts: u32,
    files: usize,
    left_out: u32,
    bytes: u64,
}

async fn export(desk: &mut Client, to: &JurisdictionId, file: Option<PathBuf>, context: Context) -> anyhow::Result<()> {
    let mut pieces = desk.export_bundle(ask(v1::ExportBundleRequest { to: to.to_string() })).await?.into_inner();
    let (mut parts, mut held) = (Parts::default(), Vec::new());
    // the index comes first: where it promises nothing, no file is begun
    let index = loop {
        let Some(piece) = pieces.message().await? else { return Err(ended_early(context)) };
        parts.push(&piece.chunk)?;
        held.extend_from_slice(&piece.chunk);
        if let Some(Part::Index(sealed)) = parts.take()? {
            break v1::BundleIndex::decode(sealed.index)?;
        }
    };
    let mut written = Written {
        file: None,
        to: to.to_string(),
        messages: index.envelopes.len(),
        receipts: index.receipts,
        files: index.files.len(),
        left_out: index.left_out,
        bytes: 0,
    };
    if index.envelopes.is_empty() && index.receipts == 0 {
        let nothing = context.say(
            "没有等待送达该单位的消息，也没有要带给它的回执；未写文件",
            "nothing waits for it, and there is no receipt for it; no file was written",
        );
        return context.value(&written, |_| nothing.to_owned());
    }
    let file = file.unwrap_or_else(|| named_after(&index));
    let mut stick = private(&file, context)?;
    stick.write_all(&held)?;
    written.bytes = held.len() as u64;
    while let Some(piece) = pieces.message().await? {
        stick.write_all(&piece.chunk)?;
        written.bytes += piece.chunk.len() as u64;
    }
    stick.sync_all().with_context(|| file.display().to_string())?;
    written.file = Some(file.display().to_string());
    context.value(&written, |written| written.text(context))?;
    written.tell(context);
    Ok(())
}

impl Written {
    fn text(&self, context: Context) -> String {
        let (messages, receipts, files) = (self.messages, self.receipts, self.files);
        let (file, size) = (self.file.as_deref().unwrap_or_default(), words::size(self.bytes));
        let zh = format!("{file}（{size}）：消息 {messages} 条，回执 {receipts} 份，附件 {files} 个");
        let en = format!("{file} ({size}): {messages} messages, {receipts} receipts, {files} attachments");
        context.say(&zh, &en).to_owned()
    }

    fn tell(&self, context: Context) {
        if self.left_out > 0 {
            let more = self.left_out;
            context.tell(
                &format!("另有 {more} 条放不下，等这一批送到后再导出一次"),
                &format!("{more} more found no room: export again once these have arrived"),
            );
        }
        context.tell(
            "文件未加密，只有本机用户可读：请由专人携带，用后清除。对方的回执和答复用同样的办法带回。",
            "The file is not encrypted, and only you may read it: have somebody you trust carry it, and wipe it afterwards. Receipts and answers come back the same way.",
        );
        let file = self.file.as_deref().unwrap_or_default();
        let command = format!("liandong bundle import {file}");
        context.next(&command, "在对方那里运行", "to be run over there");
    }
}

/// `371300-320300-20270512T0940.bundle`: from, to, and when, in UTC.
fn named_after(index: &v1::BundleIndex) -> PathBuf {
    let at = out::rfc3339(index.at).unwrap_or_default();
    let at: String = at.chars().filter(|c| c.is_ascii_digit() || *c == 'T').take("20270512T094000".len()).collect();
    format!("{}-{}-{at}.bundle", index.from, index.to).into()
}

/// A new file that nobody else may read. One that is there already is not overwritten.
pub(super) fn private(file: &Path, context: Context) -> anyhow::Result<File> {
    match OpenOptions::new().write(true).create_new(true).mode(0o600).open(file) {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {
            let text = context.say(
                "文件已存在，未覆盖：换个名字，或先移走它",
                "the file is there already and was left as it is: take another name, or move it away first",
            );
            Err(Exists(format!("{}: {text}", file.display())).into())
        }
        opened => opened.with_context(|| file.display().to_string()),
    }
}

fn ended_early(context: Context) -> anyhow::Error {
    BadInput(context.say("代理没有给出文件", "the agent gave no file").to_owned()).into()
}

/// One message of the file, as programs read it.
#[derive(Serialize)]
struct Line {
    message_id: String,
    sender: String,
    title: String,
    outcome: &'static str,
    reason: Option<String>,
    rule: Option<String>,
}

#[derive(Serialize)]
struct Outcome {
    from: String,
    at: Option<String>,
    messages: Vec<Line>,
    receipts_taken: u32,
    receipts_known: u32,
    receipts_refused: u32,
    files: u32,
    index_sealed: bool,
    missing: Vec<String>,
    cut_short: bool,
    handed_up: u32,
}

async fn import(desk: &mut Client, file: &Path, context: Context) -> anyhow::Result<()> {
    let stick = File::open(file).with_context(|| file.display().to_string())?;
    let length = stick.metadata()?.len();
    if length > limits::BUNDLE_BYTES_MAX {
        return Err(Invalid::too_large("bundle", length, limits::BUNDLE_BYTES_MAX).into());
    }
    // what cannot be read ends the file: the agent then says how far it came
    let pieces = Pieces(stick).map(|chunk| v1::ImportBundleRequest { chunk });
    let taken = desk.import_bundle(tokio_stream::iter(pieces)).await?.into_inner();
    // of receipts alone everything is said below
    if !context.is_table() {
        context.value(&as_json(&taken), |_| String::new())?;
    } else if !taken.messages.is_empty() {
        print(&taken, context)?;
    }
    tell(&taken, context);
    let whole = taken.missing.is_empty() && !taken.cut_short && taken.receipts_refused == 0;
    let refused = taken.messages.iter().any(|line| line.outcome() == CarriedOutcome::Refused);
    if whole && !refused { Ok(()) } else { Err(Said(exit::DATA).into()) }
}

/// A file in pieces that one frame carries.
struct Pieces(File);

impl Iterator for Pieces {
    type Item = Bytes;

    fn next(&mut self) -> Option<Bytes> {
        let mut piece = vec![0; limits::BLOB_CHUNK_BYTES_MAX];
        let read = self.0.read(&mut piece).unwrap_or(0);
        piece.truncate(read);
        (read > 0).then(|| piece.into())
    }
}

fn print(taken: &v1::ImportBundleResponse, context: Context) -> anyhow::Result<()> {
    let header = [("编号", "ID"), ("来自", "FROM"), ("标题", "TITLE"), ("结果", "OUTCOME")];
    context.table(&header, taken.messages.iter().map(|line| cells(line, context)))
}

fn cells(line: &v1::CarriedMessage, context: Context) -> Vec<Cell> {
    let outcome = match line.outcome() {
        CarriedOutcome::Taken => good(context.say("✓ 已收", "✓ taken")),
        CarriedOutcome::Known => muted(context.say("= 已有", "= known")),
        CarriedOutcome::Refused => bad(&format!("✕ {}", context.say(&line.text_zh, &line.text_en))),
        CarriedOutcome::Unspecified => cell("–"),
    };
    let id = if line.message_id.is_empty() { "–".to_owned() } else { context.id(&line.message_id) };
    vec![cell(id), cell(&line.sender), cell(&line.title), outcome]
}

fn tell(taken: &v1::ImportBundleResponse, context: Context) {
    let count = |wanted| taken.messages.iter().filter(|line| line.outcome() == wanted).count();
    let (new, known, refused) =
        (count(CarriedOutcome::Taken), count(CarriedOutcome::Known), count(CarriedOutcome::Refused));
    let (from, files) = (&taken.from, taken.files);
    let (receipts, old) = (taken.receipts_taken, taken.receipts_known);
    let zh = format!("来自 {from}：消息新收 {new} 条，已有 {known} 条，未收 {refused} 条");
    let en = format!("from {from}: {new} messages new, {known} known, {refused} not taken");
    context.tell(
        &format!("{zh}；回执新收 {receipts} 份，已有 {old} 份；附件 {files} 个"),
        &format!("{en}; {receipts} receipts new, {old} known; {files} attachments"),
    );
    for (zh, en) in warnings(taken) {
        context.tell(&zh, &en);
    }
    if taken.handed_up > 0 {
        let count = taken.handed_up;
        context.tell(
            &format!("其中 {count} 条中心还没有：本机链路一通就代为转交"),
            &format!("{count} of them the broker does not have: they are handed up to it as soon as our link is up"),
        );
    }
    if new > 0 {
        context.next("liandong inbox", "阅读并签收", "read and acknowledge");
    }
    if new + known > 0 {
        let command = format!("liandong bundle export --to {from}");
        context.next(&command, "回执和答复带回", "take receipts and answers back");
    }
}

/// What is not as it should be.
fn warnings(taken: &v1::ImportBundleResponse) -> Vec<(String, String)> {
    let mut warnings = Vec::new();
    if !taken.index_sealed {
        warnings.push((
            "目录的签名不成立：无法确认这份文件是否完整；各条消息以各自的签名为准".to_owned(),
            "the index is not under its author's seal: whether the file is complete cannot be told; each message stands on its own seal".to_owned(),
        ));
    }
    if !taken.missing.is_empty() {
        let count = taken.missing.len();
        warnings.push((
            format!("目录列有而文件中没有的消息 {count} 条：请对方重新导出"),
            format!("{count} messages that the index lists are not in the file: have it exported again"),
        ));
    }
    if taken.cut_short {
        warnings.push((
            "文件不完整，读到损坏处为止；之前的都已收下：请对方重新导出".to_owned(),
            "the file is damaged or ends early; what stood before that was taken: have it exported again".to_owned(),
        ));
    }
    if taken.receipts_refused > 0 {
        let count = taken.receipts_refused;
        warnings
            .push((format!("回执 {count} 份不成立，未收"), format!("{count} receipts do not hold and were not taken")));
    }
    warnings
}

fn as_json(taken: &v1::ImportBundleResponse) -> Outcome {
    let some = |text: &String| (!text.is_empty()).then(|| text.clone());
    let line = |line: &v1::CarriedMessage| Line {
        message_id: words::whole(&line.message_id),
        sender: line.sender.clone(),
        title: line.title.clone(),
        outcome: match line.outcome() {
            CarriedOutcome::Taken => "TAKEN",
            CarriedOutcome::Known => "KNOWN",
            CarriedOutcome::Refused => "REFUSED",
            CarriedOutcome::Unspecified => "UNSPECIFIED",
        },
        reason: some(&line.reason),
        rule: some(&line.rule),
    };
    Outcome {
        from: taken.from.clone(),
        at: out::rfc3339(taken.at),
        messages: taken.messages.iter().map(line).collect(),
        receipts_taken: taken.receipts_taken,
        receipts_known: taken.receipts_known,
        receipts_refused: taken.receipts_refused,
        files: taken.files,
        index_sealed: taken.index_sealed,
        missing: taken.missing.iter().map(|id| words::whole(id)).collect(),
        cut_short: taken.cut_short,
        handed_up: taken.handed_up,
    }
}

/// What a file says of itself; nothing of it is checked.
#[derive(Serialize)]
struct Contents {
    region: String,
    from: String,
    to: String,
    at: Option<String>,
    messages: usize,
    receipts: u32,
    files: usize,
    left_out: u32,
    whole: bool,
    #[serde(skip)]
    written: Option<prost_types::Timestamp>,
}

impl Contents {
    fn of(file: &Path) -> anyhow::Result<Self> {
        let mut stick = Pieces(File::open(file).with_context(|| file.display().to_string())?);
        let (mut parts, mut found) = (Parts::default(), None);
        let (mut messages, mut receipts) = (0, 0);
        'file: for piece in &mut stick {
            parts.push(&piece)?;
            loop {
                match parts.take() {
                    Ok(Some(Part::Index(sealed))) => found = Some(v1::BundleIndex::decode(sealed.index)?),
                    Ok(Some(Part::Envelope(_))) => messages += 1,
                    Ok(Some(Part::Receipt(_))) => receipts += 1,
                    Ok(Some(_)) => {}
                    Ok(None) => break,
                    Err(invalid) if found.is_none() => return Err(invalid.into()),
                    Err(_) => break 'file,
                }
            }
        }
        let index = found.ok_or_else(|| Invalid::schema("bundle", "bundle.magic"))?;
        let whole = parts.is_at_an_end() && messages == index.envelopes.len() && receipts == index.receipts;
        Ok(Self {
            region: index.region,
            from: index.from,
            to: index.to,
            at: out::rfc3339(index.at),
            messages: index.envelopes.len(),
            receipts: index.receipts,
            files: index.files.len(),
            left_out: index.left_out,
            whole,
            written: index.at,
        })
    }

    fn print(&self, context: Context) -> anyhow::Result<()> {
        context.value(self, |contents| contents.text(context))?;
        if self.whole {
            context.next("liandong bundle import FILE", "在接收方收下", "to take it, where it is for");
        } else {
            context.tell("文件不完整：请重新导出", "the file is not whole: have it exported again");
        }
        Ok(())
    }

    fn text(&self, context: Context) -> String {
        let whole = if self.whole { context.say("是", "yes") } else { context.say("否", "no") };
        let fact = |zh, en, value: String| (context.say(zh, en).to_owned(), value);
        out::facts([
            fact("区域", "region", self.region.clone()),
            fact("来自", "from", self.from.clone()),
            fact("交给", "to", self.to.clone()),
            fact("导出时间", "written", out::full_time(self.written)),
            fact("消息", "messages", self.messages.to_string()),
            fact("回执", "receipts", self.receipts.to_string()),
            fact("附件", "attachments", self.files.to_string()),
            fact("未装下", "left out", self.left_out.to_string()),
            fact("完整", "whole", whole.to_owned()),
        ])
    }
}
