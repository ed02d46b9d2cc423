//! Attachments: puts a file where a message can name it, and brings one back.

use std::{
    fs,
    io::{IsTerminal as _, Write as _},
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::Context as _;
use bytes::Bytes;
use clap::Subcommand;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use model::{ids::Digest, invalid::Invalid, limits};
use proto::v1;
use serde::Serialize;

use super::{
    desk::{Client, Where},
    exit::BadInput,
    out::{Context, Talk},
    words,
};

/// What to do with a file.
#[derive(Debug, Subcommand)]
pub enum Blob {
    /// Store a file at the agent; prints its SHA-256
    Put {
        /// The file
        #[arg(value_name = "FILE")]
        file: PathBuf,
    },
    /// Bring a file, from the broker if it is not here
    Get {
        /// Its SHA-256, as `liandong show` prints it
        #[arg(value_name = "SHA256")]
        sha256: String,
        /// Where to write it; `-` is standard output
        #[arg(short = 'O', long, value_name = "FILE")]
        to: PathBuf,
    },
}

impl Blob {
    /// Does it.
    pub async fn run(self, place: &Where, context: Context) -> anyhow::Result<()> {
        match self {
            Self::Put { file } => put(place, &file, context).await,
            Self::Get { sha256, to } => get(place, &sha256, &to, context).await,
        }
    }
}

#[derive(Serialize)]
struct Stored {
    sha256: String,
    bytes: u64,
}

async fn put(place: &Where, file: &Path, context: Context) -> anyhow::Result<()> {
    let bytes = fs::read(file).with_context(|| file.display().to_string())?;
    if bytes.len() as u64 > limits::ATTACHMENTS_BYTES_MAX {
        return Err(Invalid::too_large("file", bytes.len(), limits::ATTACHMENTS_BYTES_MAX).into());
    }
    let mut desk = place.client(context.lang).await?;
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    let digest = store(&mut desk, &name, bytes.into(), context).await?;
    let length = fs::metadata(file)?.len();
    context.value(&Stored { sha256: digest.to_string(), bytes: length }, |stored| stored.sha256.clone())?;
    let command = format!("liandong blob get {digest} -O {name}");
    context.next(&command, "在任一收到它的单位取回", "bring it back, at any desk whose message names it");
    Ok(())
}

/// Stores a file at the agent, showing how far it is.
pub async fn store(desk: &mut Client, name: &str, bytes: Bytes, context: Context) -> anyhow::Result<Digest> {
    let length = bytes.len() as u64;
    let bar = bar(length, name, context);
    let moving = bar.clone();
    let chunks = chunks(bytes).map(move |chunk| {
        moving.inc(chunk.len() as u64);
        v1::PutBlobRequest { bytes: length, chunk }
    });
    let stored = desk.put_blob(tokio_stream::iter(chunks)).await;
    bar.finish_and_clear();
    Ok(Digest::try_from(stored?.into_inner().sha256.as_ref())?)
}

/// Chunks of the length that the contract allows; at least one, so that an empty file is a file too.
fn chunks(bytes: Bytes) -> impl Iterator<Item = Bytes> + Send + 'static {
    let most = limits::BLOB_CHUNK_BYTES_MAX.max(1);
    let count = bytes.len().div_ceil(most).max(1);
    (0..count).map(move |at| bytes.slice(at * most..bytes.len().min((at + 1) * most)))
}

async fn get(place: &Where, sha256: &str, to: &Path, context: Context) -> anyhow::Result<()> {
    let digest: Digest = sha256.trim().parse()?;
    let mut desk = place.client(context.lang).await?;
    let mut parts = desk.get_blob(v1::GetBlobRequest { sha256: digest.0.to_vec().into() }).await?.into_inner();
    let (mut bytes, mut bar) = (Vec::new(), None);
    while let Some(part) = parts.message().await? {
        let bar = bar.get_or_insert_with(|| self::bar(part.bytes, &to.to_string_lossy(), context));
        bar.inc(part.chunk.len() as u64);
        bytes.extend_from_slice(&part.chunk);
    }
    if let Some(bar) = bar {
        bar.finish_and_clear();
    }
    if Digest::of(&bytes) != digest {
        let text =
            context.say("收到的内容与摘要不符，未写入", "the bytes are not those of the SHA-256; nothing was written");
        return Err(BadInput(text.to_owned()).into());
    }
    if to.as_os_str() == "-" {
        return Ok(std::io::stdout().lock().write_all(&bytes)?);
    }
    fs::write(to, &bytes).with_context(|| to.display().to_string())?;
    let size = words::size(bytes.len() as u64);
    let file = to.display();
    context.tell(&format!("已写入 {file}（{size}），摘要相符"), &format!("wrote {file} ({size}), as its SHA-256 says"));
    Ok(())
}

/// Moves on a terminal only.
fn bar(length: u64, name: &str, context: Context) -> ProgressBar {
    let shown = std::io::stderr().is_terminal() && context.talk == Talk::Full && length > 1_000_000;
    let target = if shown { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
    let bar = ProgressBar::with_draw_target(Some(length), target).with_message(name.to_owned());
    let style = "{msg}  {wide_bar}  {bytes}/{total_bytes}  {bytes_per_sec}  {eta}";
    if let Ok(style) = ProgressStyle::with_template(style) {
        bar.set_style(style);
    }
    bar.enable_steady_tick(Duration::from_millis(200));
    bar
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_are_the_whole_and_none_is_too_long() {
        for length in [0, 1, limits::BLOB_CHUNK_BYTES_MAX, limits::BLOB_CHUNK_BYTES_MAX + 1] {
            let all: Vec<Bytes> = chunks(vec![7; length].into()).collect();
            assert_eq!(all.concat().len(), length);
            assert!(!all.is_empty() && all.iter().all(|chunk| chunk.len() <= limits::BLOB_CHUNK_BYTES_MAX));
        }
    }
}
