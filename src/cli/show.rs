//! One message with its receipts. Looking is not opening: only `--open` signs OPENED.

use clap::Args;
use model::{header::Action, stage::Stage};
use prost::Message as _;
use proto::rules;
use proto::{border, v1};
use serde::Serialize;
use serde_json::Value;

use super::{
    compose::values,
    desk::{Where, ask},
    handover, ids, inbox, matters,
    out::{self, Cell, Context, bad, cell, muted},
    receipts, words,
};
use crate::clock;

/// Which message, and how to look at it.
#[derive(Args, Debug)]
pub struct Show {
    /// The message's id, or the last 6 or more digits of it
    #[arg(value_name = "ID")]
    id: String,
    /// A person opens it here: signs OPENED, which its sender gets
    #[arg(long)]
    open: bool,
    /// Who looks, or opens it; unset: whoever the agent's configuration names
    #[arg(long = "as", value_name = "NAME/ROLE", value_parser = values::officer)]
    officer: Option<v1::Officer>,
    /// Every field of header and body, as JSON
    #[arg(long)]
    raw: bool,
}

impl Show {
    /// Prints it.
    pub async fn run(self, place: &Where, context: Context) -> anyhow::Result<()> {
        let mut desk = place.client(context.lang).await?;
        let id = ids::resolve(&mut desk, &self.id, context).await?;
        let message_id: bytes::Bytes = id.0.to_vec().into();
        if self.open {
            let open = v1::OpenRequest { message_id: message_id.clone(), officer: self.officer.clone() };
            desk.open(ask(open)).await?;
        }
        let shown = desk.show(ask(v1::ShowRequest { message_id, officer: self.officer })).await?.into_inner();
        if self.raw {
            return out::line(&serde_json::to_string_pretty(&content(&shown))?);
        }
        context.value(&Whole::from(&shown), |_| text(&shown, context))?;
        hint(&shown, context);
        Ok(())
    }
}

/// Header and body in the form that `send -f` takes.
fn content(shown: &v1::ShowResponse) -> Value {
    let content = shown.content.clone().unwrap_or_default();
    rules::draft_to_json(&v1::Draft { header: content.header, body: content.body, inline: Vec::new() })
}

/// The whole for programs.
#[derive(Serialize)]
struct Whole {
    summary: inbox::Row,
    content: Value,
    receipts: Vec<receipts::Row>,
    others: Vec<handover::ActRow>,
}

impl From<&v1::ShowResponse> for Whole {
    fn from(shown: &v1::ShowResponse) -> Self {
        let sent_at = header(shown).sent_at;
        Self {
            summary: inbox::row(&shown.summary.clone().unwrap_or_default()),
            content: content(shown),
            receipts: statements(shown).iter().map(|statement| receipts::row(statement, sent_at)).collect(),
            others: shown.others.iter().map(handover::act_row).collect(),
        }
    }
}

fn header(shown: &v1::ShowResponse) -> v1::Header {
    shown.content.as_ref().and_then(|content| content.header.clone()).unwrap_or_default()
}

fn statements(shown: &v1::ShowResponse) -> Vec<v1::ReceiptStatement> {
    let read = |receipt: &v1::Receipt| v1::ReceiptStatement::decode(receipt.statement.clone()).ok();
    shown.receipts.iter().filter_map(read).collect()
}

fn text(shown: &v1::ShowResponse, context: Context) -> String {
    let header = header(shown);
    let summary = shown.summary.clone().unwrap_or_default();
    let mut parts = vec![
        format!("{}  {}", words::precedence(header.precedence, context.lang), inbox::title(&summary, context)),
        refused(&summary, context),
        marks(&summary, context),
        out::facts(head(&header, context)),
        body(shown, &header, context),
    ];
    if !header.attachments.is_empty() {
        parts.push(attachments(&header, context));
    }
    parts.push(receipt_lines(shown, &header, context));
    parts.push(others(shown, context));
    parts.retain(|part| !part.is_empty());
    parts.join("\n\n")
}

/// That nobody has it, and what to do about it.
fn refused(summary: &v1::MessageSummary, context: Context) -> String {
    let said = |refusal: &v1::Refusal| {
        let text = context.say(&refusal.text_zh, &refusal.text_en);
        format!("✕ {}  {text}", context.say("中心拒收，未送达任何单位。", "Refused by the broker; it reached nobody."))
    };
    summary.refusal.as_ref().map(said).unwrap_or_default()
}

/// What the rules draw attention to; an item that comes back names the earlier one and the message that set it.
fn marks(summary: &v1::MessageSummary, context: Context) -> String {
    let judged = summary.judgement.clone().unwrap_or_default();
    let line = |mark: &v1::MarkSeen| {
        let earlier = if mark.earlier.is_empty() { String::new() } else { format!("← {}", mark.earlier) };
        let set_by = match words::short(&mark.earlier_message_id) {
            _ if mark.earlier_message_id.is_empty() => String::new(),
            short => format!("(liandong show {short})"),
        };
        let name = words::marked(&mark.name, context.lang);
        let parts = ["!", &*name, &*mark.about, &*earlier, &*set_by];
        parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ")
    };
    judged.marks.iter().map(line).collect::<Vec<_>>().join("\n")
}

/// What the header says to a person; what is not said is left out.
fn head(header: &v1::Header, context: Context) -> Vec<(String, String)> {
    let lang = context.lang;
    let sender = header.sender.clone().unwrap_or_default();
    let from = [sender.jurisdiction, words::person(&sender.name, sender.role, lang), sender.duty_phone];
    let signed = |signed: &Option<v1::Signatory>| {
        signed.as_ref().map(|signed| words::person(&signed.name, signed.role, lang)).unwrap_or_default()
    };
    let code = |number: i32, word: fn(i32, crate::lang::Lang) -> String| {
        if number == 0 { String::new() } else { word(number, lang) }
    };
    let time = |at: Option<prost_types::Timestamp>| at.map(|at| out::full_time(Some(at))).unwrap_or_default();
    let facts = [
        (("编号", "id"), words::whole(&header.message_id)),
        (("性质", "status"), code(header.status, words::status)),
        (("演练", "drill"), header.drill.as_ref().map(|drill| drill.drill_id.clone()).unwrap_or_default()),
        (("来自", "from"), from.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("  ")),
        (("发往", "to"), words::addresses(header, lang)),
        (("事件", "incident"), header.incident_id.clone()),
        (("事件级别", "level"), code(header.event_level, words::event_level)),
        (("预警颜色", "colour"), code(header.warning_level, words::warning_level)),
        (("事件类别", "category"), code(header.category, words::category)),
        (("知悉范围", "confidentiality"), code(header.confidentiality, words::confidentiality)),
        (("协议", "agreement"), header.agreement_id.clone()),
        (("发出", "sent"), time(header.sent_at)),
        (("签收时限", "acknowledge by"), time(header.ack_by)),
        (("答复时限", "reply by"), time(header.reply_by)),
        (("失效", "expires"), time(header.expires_at)),
        (("拟稿", "prepared by"), signed(&header.prepared_by)),
        (("签发", "signed off by"), signed(&header.signed_off_by)),
    ];
    let told = facts.into_iter().filter(|(_, value)| !value.is_empty());
    told.map(|((zh, en), value)| (context.say(zh, en).to_owned(), value)).collect()
}

/// The body line by line; personal data is hidden once its time is over.
fn body(shown: &v1::ShowResponse, header: &v1::Header, context: Context) -> String {
    if shown.withheld {
        return context
            .say(
                "内容只供导调和评估岗位查看：--as 姓名/drill-controller 或 --as 姓名/evaluator",
                "for controllers and evaluators alone: --as NAME/drill-controller or --as NAME/evaluator",
            )
            .to_owned();
    }
    // as it was sealed, so that nothing unknown to this version is lost on the way
    let envelope = shown.envelope.clone().unwrap_or_default();
    let Ok(parts) = border::parts(&envelope.content) else { return String::new() };
    let over = out::at(header.retain_until).is_some_and(|until| until < clock::system().now());
    let lines = rules::view(&parts.body, context.lang).into_iter().map(|line| {
        let hidden = over && line.personal;
        let value = if hidden {
            context.say("（已过保存期）", "(no longer kept)").to_owned()
        } else {
            out::local_text(line.value)
        };
        vec![muted(&format!("{}{}", "  ".repeat(line.indent.into()), line.label)), cell(value)]
    });
    out::table(None, lines)
}

fn attachments(header: &v1::Header, context: Context) -> String {
    let rows = header.attachments.iter().map(|file| {
        let digest = model::ids::Digest::try_from(file.sha256.as_ref()).map(|digest| digest.to_string());
        vec![cell(&file.name), out::number(words::size(file.bytes)), muted(&digest.unwrap_or_default())]
    });
    format!("{}\n{}", context.say("附件", "attachments"), out::table(None, rows))
}

fn receipt_lines(shown: &v1::ShowResponse, header: &v1::Header, context: Context) -> String {
    let statements = statements(shown);
    if statements.is_empty() {
        return String::new();
    }
    let rows = statements.iter().map(|statement| receipt(statement, header, context));
    format!("{}\n{}", context.say("回执", "receipts"), out::table(None, rows))
}

/// Who did the same at this desk later: no receipt tells the sender of it.
fn others(shown: &v1::ShowResponse, context: Context) -> String {
    if shown.others.is_empty() {
        return String::new();
    }
    let lines = shown.others.iter().map(|act| handover::act(act, context)).collect::<Vec<_>>();
    let title = context.say("本单位其他人（仅记在本机）", "others at this desk (kept here alone)");
    format!("{title}\n{}", lines.join("\n"))
}

fn receipt(statement: &v1::ReceiptStatement, header: &v1::Header, context: Context) -> Vec<Cell> {
    let officer = statement.officer.clone().unwrap_or_default();
    let stage = words::stage(statement.stage, context.lang);
    let failed = Stage::from_number(statement.stage).is_some_and(Stage::is_negative);
    vec![
        cell(context.time(statement.at)),
        muted(&receipts::since(statement.at, header.sent_at, context)),
        cell(receipts::whose(statement, context)),
        if failed { bad(&format!("✕ {stage}")) } else { cell(stage) },
        cell(words::person(&officer.name, officer.role, context.lang)),
        cell([statement.reason.as_str(), &words::note(&statement.note, context.lang)].join(" ").trim()),
    ]
}

/// What is to be done with it next.
fn hint(shown: &v1::ShowResponse, context: Context) {
    let header = header(shown);
    let short = words::short(&header.message_id);
    let summary = shown.summary.clone().unwrap_or_default();
    let own = summary.accepted || summary.refusal.is_some() || summary.states.len() != 1;
    let stage = summary.states.first().and_then(|state| Stage::from_number(state.stage));
    let by_broker = header.sender.as_ref().is_some_and(|sender| sender.jurisdiction == "broker");
    match stage {
        Some(Stage::Delivered) if !own => context.next(
            &format!("liandong show {short} --open"),
            "以值班员身份打开（对方将看到“已打开”）",
            "open it as the officer on duty (its sender will see OPENED)",
        ),
        Some(Stage::Opened) if !own => context.next(&format!("liandong ack {short}"), "签收", "acknowledge it"),
        Some(_) if !own && !by_broker && Action::from_number(header.action) != Some(Action::Cancel) => {
            context.next(&matters::answering(header.kind, &short), "答复", "answer it");
        }
        _ => context.next(&format!("liandong thread trace {short}"), "走到了哪里", "how far it has come"),
    }
}
