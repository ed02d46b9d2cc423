//! One step of a matter: a message whose form is filled in by the desk, and sent by a person.

use clap::Args;
use model::{kind::Kind, status::Action, status::Answer};
use proto::v1;

use crate::{
    cli::{
        compose::{Content, Form, values},
        desk::{Where, ask},
        ids, kinds,
        out::Context,
        send,
    },
    clock,
};

/// What a step sends.
#[derive(Clone, Copy, Debug)]
pub struct Step {
    /// Of which kind.
    pub kind: Kind,
    /// How it follows.
    pub action: Action,
    /// What it says from the beginning, field by field as `--set` does.
    pub says: &'static [(&'static str, &'static str)],
}

/// A step that begins a matter.
#[derive(Args, Debug)]
pub struct Begin {
    #[command(flatten)]
    content: Content,
}

/// A step that follows a message, or stands beside it.
#[derive(Args, Debug)]
pub struct On {
    /// The message that this is about: its id, or the last 6 or more digits of it
    #[arg(value_name = "ID")]
    id: String,
    /// Whether an answer settles the matter; unset: it does
    #[arg(long, value_name = "ANSWER", value_parser = values::list::<Answer>(), ignore_case = true)]
    answer: Option<Answer>,
    #[command(flatten)]
    content: Content,
}

impl Begin {
    /// Sends it.
    pub async fn run(self, step: &Step, place: &Where, context: Context) -> anyhow::Result<()> {
        run(step, None, None, self.content, place, context).await
    }
}

impl On {
    /// Sends it.
    pub async fn run(self, step: &Step, place: &Where, context: Context) -> anyhow::Result<()> {
        run(step, Some(&self.id), self.answer, self.content, place, context).await
    }
}

async fn run(
    step: &Step,
    about: Option<&str>,
    answer: Option<Answer>,
    content: Content,
    place: &Where,
    context: Context,
) -> anyhow::Result<()> {
    let kind = kinds::named(step.kind.name(), context)?;
    if let Some(shown) = content.show_example(kind, clock::system().now(), context) {
        return shown;
    }
    let mut desk = place.client(context.lang).await?;
    let message_id: bytes::Bytes = match about {
        Some(id) => ids::resolve(&mut desk, id, context).await?.0.to_vec().into(),
        None => bytes::Bytes::new(),
    };
    let ask_for = v1::FormRequest { kind: step.kind.number(), message_id, action: step.action.number() };
    let mut form = desk.form(ask(ask_for)).await?.into_inner().draft.unwrap_or_default();
    if let Some(answer) = answer {
        form.header.get_or_insert_default().answer = answer.number();
    }
    let form = Form { draft: form, says: step.says };
    Box::pin(send::deliver(&mut desk, kind, &content, &form, context)).await
}
