//! Agreements as people read them, and the grants that one in force stands for.

use clap::Args;
use model::{
    grant::agreement::{self as grant, Terms},
    ids::{AgreementId, JurisdictionId},
    kind::Kind,
    level::EventLevel,
    thread::{Facts, agreement::Said},
};
use prost::Message as _;
use proto::{border, rules, v1, v1::body::Body};
use serde::Serialize;
use serde_json::json;

use super::known::{self, Known};
use crate::cli::{
    desk::{Client, Where, ask},
    exit::{DATA, Said as End},
    out::{self, Context, cell, muted},
    words,
};

/// Which agreements.
#[derive(Args, Debug)]
pub struct List {
    /// Those that are over as well
    #[arg(long)]
    all: bool,
}

/// Which agreement.
#[derive(Args, Debug)]
#[command(after_help = "  liandong agreements show AG-1")]
pub struct Show {
    /// The agreement's id (AG-1), or the last 6 or more digits of a message of it
    #[arg(value_name = "ID")]
    id: String,
}

/// Which agreement.
#[derive(Args, Debug)]
#[command(
    after_help = "  liandong agreements grants AG-1 >> grants.toml\n  liandong certs publish --grants grants.toml"
)]
pub struct Grants {
    /// The agreement's id (AG-1), or the last 6 or more digits of a message of it
    #[arg(value_name = "ID")]
    id: String,
}

#[derive(Serialize)]
struct Row {
    agreement_id: String,
    title: String,
    state: String,
    state_zh: String,
    signed: String,
    parties: Vec<String>,
    valid_from: String,
    valid_to: String,
    author: String,
    message_id: String,
}

impl Row {
    fn of(known: &Known) -> Self {
        let terms = known.agreement.terms.clone().unwrap_or_default();
        let state = known.matter.state.clone().unwrap_or_default();
        Self {
            agreement_id: known.agreement.agreement_id.clone(),
            title: terms.title,
            state: state.name,
            state_zh: state.text_zh,
            signed: known.signed().to_owned(),
            parties: terms.parties,
            valid_from: terms.valid_from,
            valid_to: terms.valid_to,
            author: known.header.sender.clone().unwrap_or_default().jurisdiction,
            message_id: words::whole(&known.header.message_id),
        }
    }
}

async fn us(desk: &mut Client) -> anyhow::Result<String> {
    Ok(desk.link_status(ask(v1::LinkStatusRequest {})).await?.into_inner().jurisdiction)
}

impl List {
    /// Shows them.
    pub async fn run(self, place: &Where, context: Context) -> anyhow::Result<()> {
        let mut desk = place.client(context.lang).await?;
        let known = known::all(&mut desk).await?;
        let over = |known: &&Known| known.matter.state.as_ref().is_some_and(|state| state.over);
        let rows: Vec<Row> = known.iter().filter(|known| self.all || !over(known)).map(Row::of).collect();
        let header = [
            ("协议", "AGREEMENT"),
            ("名称", "TITLE"),
            ("状态", "STATE"),
            ("已签署", "SIGNED"),
            ("有效期", "VALID"),
            ("起草", "AUTHOR"),
        ];
        context.rows(&rows, &header, |row| {
            vec![
                cell(&row.agreement_id),
                cell(&row.title),
                cell(context.say(&row.state_zh, &row.state)),
                cell(&row.signed),
                muted(&format!("{} – {}", row.valid_from, row.valid_to)),
                cell(&row.author),
            ]
        })?;
        match rows.first() {
            Some(row) => {
                let command = format!("liandong agreements show {}", row.agreement_id);
                context.next(&command, "条款、各方意见与下一步", "its terms, who has signed, and what comes next");
            }
            None => context.next("liandong agreements propose --example", "起草一份", "draft one"),
        }
        Ok(())
    }
}

impl Show {
    /// Shows it.
    pub async fn run(self, place: &Where, context: Context) -> anyhow::Result<()> {
        let mut desk = place.client(context.lang).await?;
        let known = known::one(&mut desk, &self.id, context).await?;
        let row = Row::of(&known);
        if context.is_table() {
            out::line(&text(&known, &row, context))?;
        } else {
            let words = known.parties().map(|part| {
                let word = part.state.as_ref().map(|state| state.name.clone());
                json!({"jurisdiction": part.name, "answer": word})
            });
            let mut value = serde_json::to_value(&row)?;
            if let Some(object) = value.as_object_mut() {
                object.insert("words".to_owned(), words.collect());
                object.insert("body".to_owned(), rules::message_to_json("Body", &body(&known)));
            }
            context.value(&value, |_| String::new())?;
        }
        next(&known, &us(&mut desk).await?, context);
        Ok(())
    }
}

fn body(known: &Known) -> bytes::Bytes {
    v1::Body { body: Some(Body::Agreement(known.agreement.clone())) }.encode_to_vec().into()
}

fn text(known: &Known, row: &Row, context: Context) -> String {
    let head =
        format!("{}  {}  {} {}", row.agreement_id, row.title, context.say(&row.state_zh, &row.state), row.signed);
    let parties = known.parties().map(|part| {
        let word = part.state.as_ref().map(|state| context.say(&state.text_zh, &state.name)).unwrap_or_default();
        vec![cell(&part.name), cell(word)]
    });
    let lines = rules::view(&body(known), context.lang).into_iter().map(|line| {
        let label = format!("{}{}", "  ".repeat(line.indent.into()), line.label);
        vec![muted(&label), cell(out::local_text(line.value))]
    });
    format!("{head}\n\n{}\n\n{}", out::table(None, parties), out::table(None, lines))
}

/// What comes next, for whoever sits here.
fn next(known: &Known, us: &str, context: Context) {
    let (id, short) = (&known.agreement.agreement_id, words::short(&known.header.message_id));
    let ours = known.header.sender.as_ref().is_some_and(|sender| sender.jurisdiction == us);
    let say = |command: String, zh: &str, en: &str| context.next(&command, zh, en);
    match known.state() {
        _ if known.awaits(us) => say(
            format!("liandong agreements sign {short} --sign-off NAME/shift-leader"),
            "代表本单位签署",
            "sign it for our jurisdiction",
        ),
        "ACTIVE" => {
            say(format!("liandong agreements grants {id}"), "交给运维的授权条目", "the grants for the operator");
        }
        "SUSPENDED" if ours => say(format!("liandong agreements resume {short}"), "恢复执行", "put it in force again"),
        _ => say(format!("liandong thread show {short}"), "全部往来", "everything that was said about it"),
    }
}

impl Grants {
    /// Prints them.
    pub async fn run(self, place: &Where, context: Context) -> anyhow::Result<()> {
        let mut desk = place.client(context.lang).await?;
        let known = known::one(&mut desk, &self.id, context).await?;
        if known.state() != "ACTIVE" {
            let state = known.matter.state.clone().unwrap_or_default();
            let word = context.say(&state.text_zh, &state.name);
            let (zh, en) = (
                format!("协议 {} 尚未生效（{word}，已签署 {}）：没有可交付的授权。", self.id, known.signed()),
                format!(
                    "agreement {} is not in force ({word}, {} signed): there is nothing to grant.",
                    self.id,
                    known.signed()
                ),
            );
            out::note(context.say(&zh, &en));
            let command = format!("liandong agreements show {}", known.agreement.agreement_id);
            context.next(&command, "还差谁", "who has not signed");
            return Err(End(DATA).into());
        }
        let toml = lines(&known)?;
        let value = json!({"agreement_id": known.agreement.agreement_id, "grants_toml": toml});
        context.value(&value, |_| toml.clone())?;
        context.tell(
            "由区域运维追加到 grants.toml，提高 version 后签名发布；代理和中心都不会自行采用。",
            "The region's operator adds this to grants.toml, raises its version and has it signed; no program applies it by itself.",
        );
        context.next("liandong certs publish --grants grants.toml", "由签名人发布", "for the signers to publish");
        Ok(())
    }
}

/// The grant that the terms stand for.
fn lines(known: &Known) -> anyhow::Result<String> {
    let wire = known.agreement.terms.clone().unwrap_or_default();
    let facts = border::facts::agreement::agreement(&known.agreement)?;
    let Facts::Agreement(facts) = facts else { anyhow::bail!("no agreement") };
    let Said::Terms(_, terms) = facts.said else { anyhow::bail!("no terms") };
    let id: AgreementId = facts.agreement_id;
    let parties: Vec<JurisdictionId> = terms.parties.iter().cloned().collect();
    let kinds: Vec<Kind> = wire.kinds.iter().filter_map(|kind| Kind::from_number(*kind)).collect();
    let levels: Vec<EventLevel> = wire.levels.iter().filter_map(|level| EventLevel::from_number(*level)).collect();
    let offset = known.header.utc_offset_min;
    let day = std::time::Duration::from_hours(24);
    Ok(grant::text(&Terms {
        id: &id,
        parties: &parties,
        kinds: &kinds,
        levels: &levels,
        from: terms.valid_from.timestamp(offset),
        until: terms.valid_to.timestamp(offset).plus(day),
        overrides: &terms.overrides,
    }))
}
