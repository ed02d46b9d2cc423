//! What a code means: what happened, who holds the message now, what to do.

use clap::Args;
use model::reason::Reason;
use serde::Serialize;

use super::{
    exit::{self, NotFound},
    out::{self, Context, cell},
    suggest,
};

/// All codes, or one explained.
#[derive(Args, Debug)]
pub struct Errors {
    /// A code: LD502, LD502_EXPIRED, EXPIRED or 502; none lists all
    #[arg(value_name = "CODE")]
    code: Option<String>,
}

#[derive(Serialize)]
struct Row {
    code: &'static str,
    what: &'static str,
    holder: &'static str,
    remedy: &'static str,
    may_repeat: bool,
    grpc: String,
    exit: u8,
}

impl Row {
    fn of(reason: Reason, context: Context) -> Self {
        let texts = reason.texts();
        let code = proto::status::code(reason);
        Self {
            code: reason.code(),
            what: context.say(texts.what.zh, texts.what.en),
            holder: context.say(texts.holder.zh, texts.holder.en),
            remedy: context.say(texts.remedy.zh, texts.remedy.en),
            may_repeat: reason.may_repeat(),
            grpc: format!("{code:?}"),
            exit: exit::of(code),
        }
    }

    fn text(&self, context: Context) -> String {
        let again = if self.may_repeat {
            context.say(
                "可以原样重发；程序会自己重试。",
                "The same bytes may be sent again; programs do so by themselves.",
            )
        } else {
            context.say("不可原样重发。", "The same bytes will be refused again.")
        };
        let facts = [
            (("发生了什么", "what happened"), self.what.to_owned()),
            (("消息在哪里", "who holds it"), self.holder.to_owned()),
            (("如何处置", "what to do"), self.remedy.to_owned()),
            (("能否重发", "again"), again.to_owned()),
            (("供程序", "for programs"), format!("gRPC {}, exit {}", self.grpc, self.exit)),
        ];
        let facts = facts.into_iter().map(|((zh, en), value)| (context.say(zh, en).to_owned(), value));
        format!("{}\n{}", self.code, out::facts(facts))
    }
}

impl Errors {
    /// Prints them.
    pub fn run(&self, context: Context) -> anyhow::Result<()> {
        let Some(code) = &self.code else { return all(context) };
        let reason = parsed(code).ok_or_else(|| unknown(code, context))?;
        context.value(&Row::of(reason, context), |row| row.text(context))
    }
}

fn all(context: Context) -> anyhow::Result<()> {
    let rows: Vec<Row> = Reason::ALL.iter().map(|reason| Row::of(*reason, context)).collect();
    let header = [("代码", "CODE"), ("发生了什么", "WHAT HAPPENED")];
    context.rows(&rows, &header, |row| vec![cell(row.code), cell(row.what)])?;
    context.next("liandong errors CODE", "消息在哪里，如何处置", "who holds the message, and what to do");
    Ok(())
}

fn parsed(text: &str) -> Option<Reason> {
    let number = text.trim().parse().ok().and_then(Reason::from_number);
    number.or_else(|| text.parse().ok())
}

fn unknown(text: &str, context: Context) -> NotFound {
    let wanted = text.trim().to_ascii_uppercase();
    let names = Reason::ALL.iter().flat_map(|reason| [reason.code(), reason.name()]);
    let (zh, en) = match suggest::nearest(&wanted, names) {
        Some(near) => (format!("。是否指 {near}？"), format!("; did you mean {near}?")),
        None => ("。".to_owned(), ";".to_owned()),
    };
    let zh = format!("没有代码 `{text}`{zh}`liandong errors` 列出全部");
    let en = format!("there is no code `{text}`{en} `liandong errors` lists them all");
    NotFound(context.say(&zh, &en).to_owned())
}
