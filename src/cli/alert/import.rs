//! Reads a CAP file, holds it against the alerts that are here, and prints it as a draft or sends it with the file.

use std::path::PathBuf;

use clap::Args;
use model::kind::Kind;
use proto::{rules, v1, v1::body::Body};
use serde_json::json;

use super::findings::{self, Row};
use crate::{
    cli::{
        compose::{Content, Form, attach},
        desk::{Client, Where, ask},
        exit::{DATA, Said},
        kinds,
        out::{self, Context},
        send, words,
    },
    clock,
};

/// Which file, and what the alert says beyond it.
#[derive(Args, Debug)]
#[command(
    after_help = "  liandong alert import warning.cap\n  liandong alert import warning.cap --send --warning orange --sign-off LiMin/shift-leader"
)]
pub struct Import {
    /// The CAP file
    #[arg(value_name = "CAP")]
    cap: PathBuf,
    /// Send it, with the file, instead of printing the draft
    #[arg(long)]
    send: bool,
    /// As a new alert here, though it updates one that is not here
    #[arg(long)]
    as_new: bool,
    #[command(flatten)]
    content: Content,
}

impl Import {
    /// Does it.
    pub async fn run(self, place: &Where, context: Context) -> anyhow::Result<()> {
        let file = super::read(&self.cap)?.into();
        let mut desk = place.client(context.lang).await?;
        let name = self.cap.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let asked = v1::ReadCapRequest { file, name, as_new: self.as_new };
        let read = desk.read_cap(ask(asked)).await?.into_inner();
        let rows: Vec<Row> = read.findings.iter().map(|seen| Row::seen(seen, context)).collect();
        if rows.iter().any(Row::refuses) {
            findings::print(&rows, context)?;
            context.tell("结论：不予采用，什么也没有保存。", "Verdict: not taken; nothing was stored.");
            return Err(Said(DATA).into());
        }
        if !read.known_message_id.is_empty() {
            return known(&read.known_message_id, context);
        }
        if context.is_table() {
            findings::print(&rows, context)?;
        }
        let (Some(header), Some(body)) = (read.header, read.body) else {
            context.tell(
                "这是确认或差错（Ack、Error），不是预警，无可导入。",
                "It is an Ack or an Error and no alert: there is nothing to import.",
            );
            return Ok(());
        };
        let draft = v1::Draft { header: Some(header), body: Some(body), inline: Vec::new() };
        Box::pin(self.go_on(&mut desk, draft, context)).await
    }

    async fn go_on(&self, desk: &mut Client, mut draft: v1::Draft, context: Context) -> anyhow::Result<()> {
        let kind = kinds::named(Kind::Alert.name(), context)?;
        let stored = if self.send && !self.content.dry_run { Some(&mut *desk) } else { None };
        attach::add(&mut draft, &self.cap, stored, context).await?;
        if let (Some(colour), Some(Body::Alert(alert))) =
            (self.content.colour(), draft.body.as_mut().and_then(|body| body.body.as_mut()))
            && alert.color == 0
        {
            alert.color = colour.number();
        }
        let form = Form { draft, says: &[] };
        if self.send {
            return Box::pin(send::deliver(desk, kind, &self.content, &form, context)).await;
        }
        let now = clock::system().now();
        let writing = Box::pin(self.content.begin(kind, &form, now, context)).await?;
        let draft = self.content.filled(kind.kind, &writing.value, &form, None, now, context).await?;
        out::line(&serde_json::to_string_pretty(&rules::draft_to_json(&draft))?)?;
        let command = format!("liandong alert import {} --send", self.cap.display());
        context.next(
            &command,
            "补全（--warning、--set）后连同文件发出",
            "complete it (--warning, --set) and send it with the file",
        );
        Ok(())
    }
}

/// It came before: twice is once.
fn known(message_id: &[u8], context: Context) -> anyhow::Result<()> {
    context.value(&json!({"known_message_id": words::whole(message_id)}), |_| words::whole(message_id))?;
    context.tell("这份预警已在本机，无需再次导入。", "This alert is here already; it is not taken twice.");
    context.next(&format!("liandong show {}", words::short(message_id)), "查看", "look at it");
    Ok(())
}
