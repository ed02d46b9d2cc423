//! A person acknowledges 签收, or says that an answer will come 研究中.

use clap::Args;
use model::{header::Action, ids::MessageId, kind::Kind};
use prost::Message as _;
use proto::v1;

use super::{
    compose::values,
    desk::{Client, Where, ask},
    ids, matters,
    out::{self, Context},
    receipts, words,
};

/// Which messages, and how.
#[derive(Args, Debug)]
pub struct Acknowledge {
    /// The message's id, or the last 6 or more digits of it; more than one may be given
    #[arg(value_name = "ID", required = true)]
    ids: Vec<String>,
    /// Say that an answer will come, instead of acknowledging
    #[arg(long)]
    will_answer: bool,
    /// A remark for the sender
    #[arg(long, value_name = "TEXT", default_value = "")]
    note: String,
    /// Who acknowledges; unset: whoever the agent's configuration names
    #[arg(long = "as", value_name = "NAME/ROLE", value_parser = values::officer)]
    officer: Option<v1::Officer>,
}

impl Acknowledge {
    /// Signs, one after the other.
    pub async fn run(self, place: &Where, context: Context) -> anyhow::Result<()> {
        let mut desk = place.client(context.lang).await?;
        // all ids are known before the first is signed
        let mut ids = Vec::new();
        for text in &self.ids {
            ids.push(ids::resolve(&mut desk, text, context).await?);
        }
        for id in &ids {
            let request = v1::AcknowledgeRequest {
                message_id: id.0.to_vec().into(),
                officer: self.officer.clone(),
                will_answer: self.will_answer,
                note: self.note.clone(),
            };
            let receipt = desk.acknowledge(ask(request)).await?.into_inner().receipt.unwrap_or_default();
            let statement = v1::ReceiptStatement::decode(receipt.statement)?;
            context.value(&receipts::row(&statement, None), |_| said(&statement, context))?;
        }
        if let Some(last) = ids.last() {
            next(&mut desk, *last, context).await?;
        }
        Ok(())
    }
}

/// What comes after: an answer where the kind owes one, else the next message.
async fn next(desk: &mut Client, id: MessageId, context: Context) -> anyhow::Result<()> {
    let shown =
        desk.show(ask(v1::ShowRequest { message_id: id.0.to_vec().into(), ..Default::default() })).await?.into_inner();
    let header = shown.summary.and_then(|summary| summary.header).unwrap_or_default();
    if owes_reply(&header) {
        let command = matters::answering(header.kind, &words::short(&id.0));
        context.next(&command, "答复", "answer it");
    } else {
        context.next("liandong inbox", "看其余来件", "what else came");
    }
    Ok(())
}

/// Whether a message asks for an answer: requests of a kind that owes one.
fn owes_reply(header: &v1::Header) -> bool {
    let asks = match Action::from_number(header.action) {
        Some(Action::Originate | Action::Update) => true,
        // an offer waits for an order, and an order for a mission
        Some(Action::Reply) => {
            [Kind::ResourceOffer, Kind::ResourceDecision].iter().any(|kind| kind.number() == header.kind)
        }
        Some(Action::Cancel | Action::Error) | None => false,
    };
    asks && Kind::from_number(header.kind).is_some_and(|kind| kind.facts().owes.is_some())
}

/// What was signed: the first time counts, so it may be another person's.
fn said(statement: &v1::ReceiptStatement, context: Context) -> String {
    let officer = statement.officer.clone().unwrap_or_default();
    let parts = [
        words::short(&statement.message_id),
        words::stage(statement.stage, context.lang),
        words::person(&officer.name, officer.role, context.lang),
        out::time(statement.at),
        words::note(&statement.note, context.lang),
    ];
    parts.join("  ").trim_end().to_owned()
}
