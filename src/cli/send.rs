//! Sends a message, a new one or an answer: queued when this returns, and on its way by itself.

use clap::Args;
use model::{header::Action, ids::MessageId, kind::Kind, status::Answer};
use proto::rules::KindInfo;
use proto::v1;
use serde::Serialize;
use tonic::Streaming;

use super::{
    compose::{Content, Form, ask, faults, values},
    desk::{Client, Where, ask as call},
    exit::BadInput,
    ids, kinds,
    out::Context,
    receipts, words,
};
use crate::clock;

/// A new message, or a newer revision of one.
#[derive(Args, Debug)]
pub struct Send {
    /// What to send: bulletin, K07, 信息通报; `liandong kinds` lists them
    #[arg(value_name = "KIND")]
    kind: String,
    /// A newer revision of this message of ours
    #[arg(long, value_name = "ID", conflicts_with = "cancel")]
    update: Option<String>,
    /// Takes this message of ours back
    #[arg(long, value_name = "ID")]
    cancel: Option<String>,
    #[command(flatten)]
    content: Content,
}

/// An answer to a message that was received.
#[derive(Args, Debug)]
pub struct Reply {
    /// The message to answer: its id, or the last 6 or more digits of it
    #[arg(value_name = "ID")]
    id: String,
    /// Kind of the answer; unset: the one that the message asks for
    #[arg(value_name = "KIND")]
    kind: Option<String>,
    /// Whether this settles the matter
    #[arg(long, value_name = "ANSWER", value_parser = values::list::<Answer>(), ignore_case = true, default_value = "definite")]
    answer: Answer,
    #[command(flatten)]
    content: Content,
}

impl Send {
    /// Sends it.
    pub async fn run(self, place: &Where, context: Context) -> anyhow::Result<()> {
        let (kind, now) = (kinds::named(&self.kind, context)?, clock::system().now());
        if let Some(shown) = self.content.show_example(kind, now, context) {
            return shown;
        }
        let mut desk = place.client(context.lang).await?;
        let (action, before) = match (&self.update, &self.cancel) {
            (Some(id), _) => (Action::Update, Some(id)),
            (None, Some(id)) => (Action::Cancel, Some(id)),
            (None, None) => (Action::Originate, None),
        };
        let mut head = v1::Header { action: action.number(), ..v1::Header::default() };
        if let Some(id) = before {
            head.preceding_message_id = ids::resolve(&mut desk, id, context).await?.0.to_vec().into();
        }
        Box::pin(deliver(&mut desk, kind, &self.content, &Form::of(head), context)).await
    }
}

impl Reply {
    /// Sends it to whoever asked.
    pub async fn run(self, place: &Where, context: Context) -> anyhow::Result<()> {
        let now = clock::system().now();
        if let Some(kind) = &self.kind
            && let Some(shown) = self.content.show_example(kinds::named(kind, context)?, now, context)
        {
            return shown;
        }
        let mut desk = place.client(context.lang).await?;
        let id = ids::resolve(&mut desk, &self.id, context).await?;
        let kind = match &self.kind {
            Some(kind) => kinds::named(kind, context)?,
            None => asked_for(&mut desk, id, context).await?,
        };
        if let Some(shown) = self.content.show_example(kind, now, context) {
            return shown;
        }
        let head = v1::Header {
            action: Action::Reply.number(),
            preceding_message_id: id.0.to_vec().into(),
            answer: self.answer.number(),
            ..v1::Header::default()
        };
        Box::pin(deliver(&mut desk, kind, &self.content, &Form::of(head), context)).await
    }
}

/// The kind that answers a message, where the catalogue knows one.
async fn asked_for(desk: &mut Client, id: MessageId, context: Context) -> anyhow::Result<&'static KindInfo> {
    let shown =
        desk.show(call(v1::ShowRequest { message_id: id.0.to_vec().into(), ..Default::default() })).await?.into_inner();
    let number = shown.summary.and_then(|summary| summary.header).unwrap_or_default().kind;
    if let Some(owes) = Kind::from_number(number).and_then(|kind| kind.facts().owes) {
        return kinds::named(owes.reply.name(), context);
    }
    let (what, short) = (words::kind(number, context.lang), words::short(&id.0));
    let zh = format!("{what} 没有规定的答复类别，请写明：liandong answer {short} 类别 …");
    let en = format!("{what} has no fixed kind of answer; name one: liandong answer {short} KIND …");
    Err(BadInput(context.say(&zh, &en).to_owned()).into())
}

#[derive(Serialize)]
struct Sent {
    message_id: String,
    thread_id: String,
    sender_seq: u64,
    link_up: bool,
    dry_run: bool,
}

/// Composes, asks a person for what is missing, queues, says so, and stays if that was asked for.
pub async fn deliver(
    desk: &mut Client,
    kind: &KindInfo,
    content: &Content,
    form: &Form,
    context: Context,
) -> anyhow::Result<()> {
    let dry_run = content.dry_run;
    let mut writing = Box::pin(content.begin(kind, form, clock::system().now(), context)).await?;
    if content.may_ask(context) {
        Box::pin(ask::rest(desk, kind, content, form, &mut writing.value, context)).await?;
    }
    let sent = Box::pin(queue(desk, kind, content, form, &writing.value, context)).await;
    let (sent, events) = writing.after(sent, context)?;
    say(&sent, dry_run, context)?;
    if let Some(events) = events {
        return receipts::follow(desk, events, &sent.message_id, context).await;
    }
    if !dry_run {
        let command = format!("liandong thread trace {}", words::short(&sent.message_id));
        context.next(&command, "走到了哪里", "how far it has come");
    }
    Ok(())
}

/// Listening begins before sending, so that no receipt is missed.
async fn queue(
    desk: &mut Client,
    kind: &KindInfo,
    content: &Content,
    form: &Form,
    value: &serde_json::Value,
    context: Context,
) -> anyhow::Result<(v1::SendResponse, Option<Streaming<v1::SubscribeResponse>>)> {
    let (dry_run, now) = (content.dry_run, clock::system().now());
    let draft = content.filled(kind.kind, value, form, (!dry_run).then_some(&mut *desk), now, context).await?;
    let events = if content.watch && !dry_run { Some(receipts::listen(desk).await?) } else { None };
    let sent = desk.send(call(v1::SendRequest { draft: Some(draft.clone()), dry_run })).await;
    let sent = sent.map_err(|status| anyhow::Error::new(faults::all(status, &draft, kind.kind, context)))?;
    Ok((sent.into_inner(), events))
}

fn say(sent: &v1::SendResponse, dry_run: bool, context: Context) -> anyhow::Result<()> {
    let value = Sent {
        message_id: words::whole(&sent.message_id),
        thread_id: words::whole(&sent.originating_message_id),
        sender_seq: sent.sender_seq,
        link_up: sent.link_up,
        dry_run,
    };
    if dry_run {
        context.tell("检查通过；未保存，未发送。", "All checks passed; nothing was stored or sent.");
        return if context.is_table() { Ok(()) } else { context.value(&value, |_| String::new()) };
    }
    context.value(&value, |value| value.message_id.clone())?;
    if sent.link_up {
        context.tell("已存待发：本机已落盘，正送往中心。", "Queued: durable here, and on its way to the broker.");
    } else {
        context.tell(
            "已存待发：本机已落盘；到中心的链路不通，恢复后自动送出，不必重发。",
            "Queued: durable here; the link to the broker is down. It leaves by itself when the link is back: do not send it again.",
        );
    }
    Ok(())
}
