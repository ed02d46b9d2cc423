//! Invitations for calendar programs, and the answers that these write.

use std::{
    fs,
    io::Write as _,
    path::{Path, PathBuf},
};

use agent::formats::ics::{
    Warning, read,
    write::{Invitation, Occasion},
};
use anyhow::Context as _;
use clap::Subcommand;
use model::kind::Kind;
use proto::{rules, v1, v1::body::Body};
use serde_json::json;

use super::{
    compose::attach,
    desk::{Client, Where, ask},
    exit::{BadInput, NotFound},
    ids,
    out::{self, Context},
    words,
};

/// A page of a list.
const PAGE: u32 = 1_000;
/// Pages of each list that are looked through for an invitation.
const PAGES: usize = 10;

/// What to do with a calendar.
#[derive(Debug, Subcommand)]
pub enum Calendar {
    /// Write an invitation to a meeting or a drill as an .ics file
    Export {
        /// The invitation's id, or the last 6 or more digits of it
        #[arg(value_name = "ID")]
        id: String,
        /// Where to write it; unset: standard output
        #[arg(short = 'O', long, value_name = "FILE")]
        to: Option<PathBuf>,
    },
    /// Read an answer that a calendar program wrote, and print it as a draft
    Import {
        /// The .ics file with the answer
        #[arg(value_name = "FILE")]
        file: PathBuf,
        /// Send it, with the file, instead of printing the draft
        #[arg(long)]
        send: bool,
    },
}

impl Calendar {
    /// Does it.
    pub async fn run(self, place: &Where, context: Context) -> anyhow::Result<()> {
        let mut desk = place.client(context.lang).await?;
        match self {
            Self::Export { id, to } => export(&mut desk, &id, to.as_deref(), context).await,
            Self::Import { file, send } => Box::pin(import(&mut desk, &file, send, context)).await,
        }
    }
}

/// A message that invites, as it is here.
struct Inviting {
    header: v1::Header,
    body: Body,
}

impl Inviting {
    fn of(shown: v1::ShowResponse) -> Option<Self> {
        let content = shown.content?;
        let body = content.body?.body?;
        let invites = matches!(body, Body::MeetingNotice(_) | Body::DrillInvitation(_));
        invites.then_some(Self { header: content.header?, body })
    }

    fn occasion(&self) -> Option<Occasion<'_>> {
        match &self.body {
            Body::MeetingNotice(notice) => Some(Occasion::Meeting(notice)),
            Body::DrillInvitation(drill) => Some(Occasion::Drill(drill)),
            _ => None,
        }
    }

    fn uid(&self) -> &str {
        match &self.body {
            Body::MeetingNotice(notice) => &notice.meeting_id,
            Body::DrillInvitation(drill) => &drill.drill_id,
            _ => "",
        }
    }
}

async fn show(desk: &mut Client, message_id: bytes::Bytes) -> anyhow::Result<v1::ShowResponse> {
    Ok(desk.show(ask(v1::ShowRequest { message_id, ..Default::default() })).await?.into_inner())
}

async fn export(desk: &mut Client, id: &str, to: Option<&Path>, context: Context) -> anyhow::Result<()> {
    let id = ids::resolve(desk, id, context).await?;
    let inviting = Inviting::of(show(desk, id.0.to_vec().into()).await?).ok_or_else(|| no_invitation(context))?;
    let agenda = match &inviting.body {
        Body::MeetingNotice(notice) => agenda(desk, notice, context).await,
        _ => None,
    };
    let Some(occasion) = inviting.occasion() else { return Err(no_invitation(context).into()) };
    let text = Invitation { header: &inviting.header, occasion, agenda: agenda.as_ref() }.write()?;
    if let Some(to) = to {
        context.write(to, text.as_bytes())?;
        context.next(
            "liandong calendar import answer.ics",
            "导入日历程序生成的回执",
            "bring in the answer that a calendar program writes",
        );
        return Ok(());
    }
    if context.is_table() {
        // every byte as it is: lines end in CR LF
        return Ok(std::io::stdout().lock().write_all(text.as_bytes())?);
    }
    context.value(&json!({"uid": inviting.uid(), "media_type": agent::formats::ics::MEDIA_TYPE, "ics": text}), |_| {
        String::new()
    })
}

/// The meeting's agenda as it is now. Without it the invitation is whole all the same.
async fn agenda(desk: &mut Client, notice: &v1::MeetingNotice, context: Context) -> Option<v1::Document> {
    let named = notice.agenda.as_ref().map(|agenda| agenda.document_id.clone());
    let document_id = named.unwrap_or_else(|| format!("agenda/{}", notice.meeting_id));
    let pull = v1::PullDocumentRequest { document_id, ..v1::PullDocumentRequest::default() };
    let document = desk.pull_document(ask(pull)).await.ok()?.into_inner().document;
    if document.is_none() {
        context.tell("没有取到议程，文件中不含议程。", "There is no agenda here; the file goes without.");
    }
    document
}

fn no_invitation(context: Context) -> BadInput {
    let text = context.say(
        "这条消息不是会议通知（K40）或演练邀请（K30），不能导出为日历",
        "this is neither a meeting notice (K40) nor a drill invitation (K30), and no calendar",
    );
    BadInput(text.to_owned())
}

async fn import(desk: &mut Client, file: &Path, send: bool, context: Context) -> anyhow::Result<()> {
    let bytes = fs::read(file).with_context(|| file.display().to_string())?;
    let (answer, warnings) = read::answer(&bytes).with_context(|| file.display().to_string())?;
    for warning in &warnings {
        tell(warning, context);
    }
    let inviting = find(desk, &answer.uid).await?.ok_or_else(|| unknown(&answer.uid, context))?;
    let us = desk.link_status(ask(v1::LinkStatusRequest {})).await?.into_inner().jurisdiction;
    let Some(occasion) = inviting.occasion() else { return Err(no_invitation(context).into()) };
    let draft = answer.draft(&Invitation { header: &inviting.header, occasion, agenda: None }, &us)?;
    if send { self::send(desk, draft, file, context).await } else { print(&draft, &inviting, file, context) }
}

/// The newest invitation with this id, received or sent.
async fn find(desk: &mut Client, uid: &str) -> anyhow::Result<Option<Inviting>> {
    for sent in [false, true] {
        let mut before = 0;
        for _ in 0..PAGES {
            let page = v1::InboxRequest { sent, limit: PAGE, before, ..v1::InboxRequest::default() };
            let page = desk.inbox(ask(page)).await?.into_inner();
            for header in page.messages.into_iter().filter_map(|line| line.header).filter(invites) {
                let inviting = Inviting::of(show(desk, header.message_id).await?);
                if let Some(inviting) = inviting.filter(|inviting| inviting.uid() == uid) {
                    return Ok(Some(inviting));
                }
            }
            before = page.next;
            if before == 0 {
                break;
            }
        }
    }
    Ok(None)
}

fn invites(header: &v1::Header) -> bool {
    matches!(Kind::from_number(header.kind), Some(Kind::MeetingNotice | Kind::DrillInvitation))
}

fn unknown(uid: &str, context: Context) -> NotFound {
    let zh = format!("本机没有编号为 {uid} 的会议通知或演练邀请");
    let en = format!("no meeting notice or drill invitation here has the id {uid}");
    NotFound(context.say(&zh, &en).to_owned())
}

fn tell(warning: &Warning, context: Context) {
    let (zh, en) = match warning.rule {
        "ics.line_feed" => ("行尾缺少回车符，仍已读取", "lines end without carriage return; read all the same"),
        "ics.floating_time" => ("时间未注明时区，按北京时间读取", "a time without a zone was read as China's"),
        other => (other, other),
    };
    context.tell(&format!("注意：{zh}（{}）", warning.detail), &format!("note: {en} ({})", warning.detail));
}

/// The draft in the form that `answer -f` takes.
fn print(draft: &v1::Draft, inviting: &Inviting, file: &Path, context: Context) -> anyhow::Result<()> {
    out::line(&serde_json::to_string_pretty(&rules::draft_to_json(draft))?)?;
    let short = words::short(&inviting.header.message_id);
    let command = format!("liandong answer {short} -f draft.json --attach {}", file.display());
    context.next(&command, "补全后发出", "complete it, and send it");
    Ok(())
}

/// Sends it, with the file as it came.
async fn send(desk: &mut Client, mut draft: v1::Draft, file: &Path, context: Context) -> anyhow::Result<()> {
    attach::add(&mut draft, file, Some(&mut *desk), context).await?;
    let kind = draft.body.as_ref().and_then(|body| match body.body {
        Some(Body::DrillReply(_)) => Some(Kind::DrillReply),
        Some(Body::MeetingReply(_)) => Some(Kind::MeetingReply),
        _ => None,
    });
    let sent = desk.send(ask(v1::SendRequest { draft: Some(draft), dry_run: false })).await?.into_inner();
    let id = words::whole(&sent.message_id);
    let name = kind.map(|kind| words::kind(kind.number(), context.lang)).unwrap_or_default();
    context.value(&json!({"message_id": id, "link_up": sent.link_up}), |_| id.clone())?;
    context.tell(&format!("{name}已存待发。"), &format!("{name}: queued, durable here."));
    let command = format!("liandong thread trace {}", words::short(&sent.message_id));
    context.next(&command, "走到了哪里", "how far it has come");
    Ok(())
}
