//! Message ids as people type them: whole, or as much of the beginning or the end as tells them apart.

use model::ids::MessageId;
use proto::v1;

use super::{
    desk::{Client, ask},
    exit::{BadInput, NotFound},
    out::{self, Context},
    words,
};

/// Digits of a beginning that are enough to ask. Ids made within a minute begin alike, so the end is better.
const PREFIX: usize = 8;
/// Digits of an end that are enough to ask.
const SUFFIX: usize = 6;
/// A page of a list.
const PAGE: u32 = 1_000;
/// Pages of each list that are looked through.
const PAGES: usize = 10;

/// What a person typed for an id.
#[derive(Debug, Eq, PartialEq)]
enum Typed {
    Whole(MessageId),
    /// Hex digits without hyphens, in lower case.
    Part(String),
    Wrong,
}

fn typed(text: &str) -> Typed {
    let text = text.trim().trim_start_matches('…');
    if let Ok(id) = text.parse() {
        return Typed::Whole(id);
    }
    let digits = text.replace('-', "").to_ascii_lowercase();
    let hex = digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    if hex && (SUFFIX..32).contains(&digits.len()) { Typed::Part(digits) } else { Typed::Wrong }
}

/// Whether a person who typed `text` may mean this message.
pub fn may_mean(text: &str, id: &[u8]) -> bool {
    match typed(text) {
        Typed::Whole(whole) => whole.as_ref() == id,
        Typed::Part(part) => fits(id, &part),
        Typed::Wrong => false,
    }
}

fn fits(id: &[u8], part: &str) -> bool {
    let digits = words::whole(id).replace('-', "");
    digits.ends_with(part) || part.len() >= PREFIX && digits.starts_with(part)
}

/// The message that `text` means. Of several candidates none is taken: the error lists them.
pub async fn resolve(client: &mut Client, text: &str, context: Context) -> anyhow::Result<MessageId> {
    let part = match typed(text) {
        Typed::Whole(id) => return Ok(id),
        Typed::Part(part) => part,
        Typed::Wrong => {
            let text = match context.lang {
                crate::lang::Lang::Zh => format!(
                    "`{text}` 不是消息编号：请写完整编号，或其末尾至少 {SUFFIX} 位、开头至少 {PREFIX} 位；`liandong inbox` 列出编号"
                ),
                crate::lang::Lang::En => format!(
                    "`{text}` is no message id: give the whole, at least {SUFFIX} digits of its end or {PREFIX} of its beginning; `liandong inbox` lists them"
                ),
            };
            return Err(BadInput(text).into());
        }
    };
    let mut found = Vec::new();
    for sent in [false, true] {
        collect(client, sent, &part, &mut found).await?;
    }
    chosen(&found, text, context)
}

async fn collect(
    client: &mut Client,
    sent: bool,
    part: &str,
    found: &mut Vec<v1::MessageSummary>,
) -> anyhow::Result<()> {
    // a list leaves TEST out unless it is asked for
    for status in [v1::Status::Unspecified, v1::Status::Test] {
        let mut before = 0;
        for _ in 0..PAGES {
            let page = v1::InboxRequest { sent, limit: PAGE, before, status: status.into(), ..Default::default() };
            let page = client.inbox(ask(page)).await?.into_inner();
            found.extend(page.messages.into_iter().filter(|line| fits(&id_of(line), part)));
            before = page.next;
            if before == 0 {
                break;
            }
        }
    }
    Ok(())
}

fn chosen(found: &[v1::MessageSummary], text: &str, context: Context) -> anyhow::Result<MessageId> {
    match found {
        [] => {
            let zh = format!("本机没有编号为 `{text}` 的消息；`liandong inbox`、`liandong inbox --sent` 列出编号");
            let en = format!(
                "no message here has the id `{text}`; `liandong inbox` and `liandong inbox --sent` list the ids"
            );
            Err(NotFound(context.say(&zh, &en).to_owned()).into())
        }
        [one] => Ok(MessageId::checked(&id_of(one))?),
        many => {
            let lines: Vec<String> = many.iter().map(|line| candidate(line, context)).collect();
            let zh = format!("`{text}` 不止指一条消息，请多写几位：\n{}", lines.join("\n"));
            let en = format!("`{text}` means more than one message; give more digits:\n{}", lines.join("\n"));
            Err(BadInput(context.say(&zh, &en).to_owned()).into())
        }
    }
}

fn candidate(line: &v1::MessageSummary, context: Context) -> String {
    let header = line.header.clone().unwrap_or_default();
    let sender = header.sender.map(|sender| sender.jurisdiction).unwrap_or_default();
    let kind = words::kind(header.kind, context.lang);
    format!("  {}  {}  {sender}  {kind}", words::whole(&header.message_id), out::time(line.at))
}

fn id_of(line: &v1::MessageSummary) -> bytes::Bytes {
    line.header.as_ref().map(|header| header.message_id.clone()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        cli::out::{Format, Talk},
        lang::Lang,
    };

    const ID: &str = "01975f0a-1234-7abc-8def-0123456789ab";

    fn summary(id: &str) -> v1::MessageSummary {
        let message_id = id.parse::<MessageId>().unwrap().0.to_vec().into();
        let header = v1::Header { message_id, ..Default::default() };
        v1::MessageSummary { header: Some(header), ..Default::default() }
    }

    #[test]
    fn six_digits_of_the_end_or_eight_of_the_beginning_mean_a_message() {
        let id = ID.parse::<MessageId>().unwrap();

        assert_eq!(typed(ID), Typed::Whole(id));
        assert!(fits(&id.0, "6789ab") && fits(&id.0, "01975f0a") && fits(&id.0, "01975f0a1234"));
        assert!(!fits(&id.0, "01975f"));
        assert_eq!(typed("89ab"), Typed::Wrong);
        assert_eq!(typed("report"), Typed::Wrong);
    }

    #[test]
    fn an_ambiguous_id_is_refused_with_the_candidates() {
        let context = Context { lang: Lang::En, format: Format::Table, talk: Talk::Full };
        let other = "01975f0a-9999-7abc-8def-0123456789ab";

        let refused = chosen(&[summary(ID), summary(other)], "6789ab", context).unwrap_err().to_string();

        assert!(refused.contains(ID) && refused.contains(other), "{refused}");
        assert_eq!(chosen(&[summary(ID)], "6789ab", context).unwrap(), ID.parse().unwrap());
        assert!(chosen(&[], "6789ab", context).is_err());
    }
}
