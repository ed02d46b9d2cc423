//! Writes an alert as CAP 1.2; one that came as a file is given back as it came.

use std::{io::Write as _, path::PathBuf};

use agent::formats::cap;
use clap::Args;
use proto::v1;
use serde_json::json;

use crate::cli::{
    desk::{Where, ask},
    ids,
    out::Context,
    words,
};

/// Which alert, and where to.
#[derive(Args, Debug)]
#[command(after_help = "  liandong alert export 8f3a2c1d --to warning.cap")]
pub struct Export {
    /// The alert: its id, or the last 6 or more digits of it
    #[arg(value_name = "ID")]
    id: String,
    /// Where to write it; unset: standard output
    #[arg(short = 'O', long, value_name = "FILE")]
    to: Option<PathBuf>,
}

impl Export {
    /// Does it.
    pub async fn run(self, place: &Where, context: Context) -> anyhow::Result<()> {
        let mut desk = place.client(context.lang).await?;
        let id = ids::resolve(&mut desk, &self.id, context).await?;
        let message_id: bytes::Bytes = id.0.to_vec().into();
        let written = desk.write_cap(ask(v1::WriteCapRequest { message_id: message_id.clone() })).await?.into_inner();
        if let Some(to) = &self.to {
            context.write(to, &written.file)?;
        } else if context.is_table() {
            // every byte as it is
            std::io::stdout().lock().write_all(&written.file)?;
        } else {
            context.value(
                &json!({
                    "message_id": words::whole(&message_id),
                    "media_type": cap::MEDIA_TYPE,
                    "original": written.original,
                    "left_out": written.left_out,
                    "cap": String::from_utf8_lossy(&written.file),
                }),
                |_| String::new(),
            )?;
        }
        say(&written, context);
        Ok(())
    }
}

fn say(written: &v1::WriteCapResponse, context: Context) {
    if written.original {
        context.tell("这是收到时的原始文件，逐字节未改。", "This is the file that came, byte for byte.");
    }
    if !written.left_out.is_empty() {
        let fields = written.left_out.join(" ");
        context.tell(
            &format!("CAP 中没有位置、未写入的内容：{fields}"),
            &format!("What CAP has no place for was left out: {fields}"),
        );
    }
}
