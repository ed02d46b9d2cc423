//! Rules that say more than their reason: why there is no link, and why nothing is taken just now. Their words replace
//! the reason's own, which tell of the usual case.

mod audit;
mod console;
mod programs;
mod rules;
mod tables;

use std::{collections::HashMap, sync::LazyLock};

/// What happened, and who holds the message now and what to do; in Chinese and in English.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Words {
    pub(super) what: (&'static str, &'static str),
    pub(super) remedy: (&'static str, &'static str),
}

/// The words of a rule, if it has its own.
pub(super) fn of(rule: &str) -> Option<Words> {
    let own = link(rule).or_else(|| here(rule)).or_else(|| broker(rule)).or_else(|| desk(rule));
    let own = own.or_else(|| row(rules::WORDS, rule)).or_else(|| row(programs::WORDS, rule));
    let own = own.or_else(|| row(console::WORDS, rule)).or_else(|| row(audit::WORDS, rule));
    let own = own.or_else(|| tables::of(rule));
    let listed = || OF_MATTERS.get(rule).or_else(|| OF_CAP.get(rule)).copied();
    let (what, remedy) = own.or_else(listed)?;
    Some(Words { what, remedy })
}

/// Whether it is the link that is missing: the broker was not asked, or its answer is not known.
pub(super) fn is_link(rule: &str) -> bool {
    link(rule).is_some()
}

type Pair = (&'static str, &'static str);

/// A rule, what happened and what to do in Chinese, then both in English.
type Row = (&'static str, &'static str, &'static str, &'static str, &'static str);

fn row(rows: &[Row], rule: &str) -> Option<(Pair, Pair)> {
    let found = rows.iter().find(|(known, ..)| *known == rule);
    found.map(|(_, zh, remedy_zh, en, remedy_en)| ((*zh, *en), (*remedy_zh, *remedy_en)))
}

/// The rules of matters, which are many: from a file that people who know the work can read and correct.
static OF_MATTERS: LazyLock<HashMap<&str, (Pair, Pair)>> =
    LazyLock::new(|| listed(include_str!("../../liandong/rules.txt")));

/// The rules of CAP, in the same way.
static OF_CAP: LazyLock<HashMap<&str, (Pair, Pair)>> = LazyLock::new(|| listed(include_str!("../../liandong/cap.txt")));

fn listed(text: &'static str) -> HashMap<&'static str, (Pair, Pair)> {
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    let row = |line: &'static str| {
        let mut parts = line.split(" | ");
        let mut next = || parts.next();
        let (rule, zh, remedy_zh, en, remedy_en) = (next()?, next()?, next()?, next()?, next()?);
        Some((rule, ((zh, en), (remedy_zh, remedy_en))))
    };
    lines.filter_map(row).collect()
}

fn link(rule: &str) -> Option<(Pair, Pair)> {
    Some(match rule {
        "link.connect" => (
            ("连不上中心。", "The broker cannot be reached."),
            (
                "消息存在本机，恢复后自动送出，无需重发；用 `liandong link test` 逐步检查线路、防火墙，以及中心是否已启动。",
                "Messages wait here and leave by themselves: do not send them again. `liandong link test` checks the line, the firewall and whether the broker runs, step by step.",
            ),
        ),
        "link.needed" => (
            ("此项操作须连接中心，而链路未通。", "This needs the broker, and the link is down."),
            (
                "未作任何更改；已存的消息在本机等候。用 `liandong link status` 查看原因，连通后再做一次。",
                "Nothing was changed; stored messages wait here. `liandong link status` tells why; do it again when the link is up.",
            ),
        ),
        "link.lost" => (
            ("链路中途断开，中心的答复没有收到。", "The link broke before the broker's answer came."),
            (
                "消息存在本机，恢复后自动送出，无需重发；读取类操作请在连通后再做一次（`liandong link status`）。",
                "Messages wait here and leave by themselves: do not send them again. What was only read, ask again when the link is up (`liandong link status`).",
            ),
        ),
        "link.no_answer" => (
            ("中心没有在时限内答复。", "The broker did not answer in time."),
            (
                "可能已经生效：先查看再决定，不要立即重做；消息存在本机，会自动送出。用 `liandong link test` 检查。",
                "It may have been done: look before doing it again. Messages wait here and leave by themselves. `liandong link test` checks the way.",
            ),
        ),
        "link.silent" => (
            ("中心不再发来任何信号，链路已按断开处理。", "The broker fell silent, and the link was taken for broken."),
            (
                "消息存在本机，会自动重连并送出，无需重发；若反复出现，用 `liandong link test` 检查线路。",
                "Messages wait here; it is dialled again and they leave by themselves. If this comes back, check the line with `liandong link test`.",
            ),
        ),
        "link.tls" => (
            ("与中心的加密握手失败。", "The TLS handshake with the broker failed."),
            (
                "消息存在本机，恢复后自动送出；用 `liandong certs show` 检查证书是否到期、信任文件是否最新，并核对中心地址。",
                "Messages wait here and leave by themselves. Look with `liandong certs show` whether a certificate ended or the trust files are old, and check the broker's address.",
            ),
        ),
        "session.no_answer" | "session.no_welcome" => (
            ("已连上中心，但它没有开始会话。", "The broker was reached, but it began no session."),
            (
                "消息存在本机，会自动重试并送出；若持续出现，请中心值班查看其日志。",
                "Messages wait here; it is tried again by itself. If this goes on, ask the broker's operator to look at its log.",
            ),
        ),
        "session.ended_early" => (
            (
                "中心在会话开始前断开了连接：它可能不接受我方证书。",
                "The broker ended the connection before the session began: it may not accept our certificate.",
            ),
            (
                "消息存在本机，恢复后自动送出；请中心值班在其日志中查找我方名称，并用 `liandong certs show` 检查证书。",
                "Messages wait here and leave by themselves. Ask its operator to look for our name in its log; check `liandong certs show`.",
            ),
        ),
        _ => return None,
    })
}

fn here(rule: &str) -> Option<(Pair, Pair)> {
    Some(match rule {
        "agent.stopping" => (
            ("本机代理正在停止，此项未存下。", "The agent here is stopping; this was not stored."),
            (
                "代理重新启动后再做一次，用同一消息号不会重复。",
                "Do it again when the agent runs; the same message id is never taken twice.",
            ),
        ),
        "journal.busy" => (
            ("本机正在写入的内容太多，此项未存下。", "Too much is being written here just now; this was not stored."),
            (
                "稍候再做一次，用同一消息号不会重复；若持续出现，检查本机磁盘。",
                "Do it again shortly; the same message id is never taken twice. If this goes on, look at the disk here.",
            ),
        ),
        _ => return None,
    })
}

/// What people at the desk may and may not do.
fn desk(rule: &str) -> Option<(Pair, Pair)> {
    Some(match rule {
        "rights.role" => (
            ("这个岗位不能发出这类消息。", "This role may not send this kind of message."),
            (
                "用 --role 指明有权的岗位，或请有权的人发出。",
                "Say with --role who speaks, if that role may, or let somebody who may send it.",
            ),
        ),
        "rights.drafts" => (
            ("这个岗位只能拟稿，须由他人签发。", "This role drafts it; somebody else signs it off."),
            (
                "加上 --sign-off 姓名/岗位（带班领导或现场指挥）。",
                "Add --sign-off NAME/ROLE of a shift leader or commander.",
            ),
        ),
        "rights.chair" => (
            ("联席会议秘书处由轮值单位担任。", "The secretariat is the chair's."),
            (
                "请轮值单位发出，或用 --role 指明本单位的岗位；`liandong show` 交接（K46）可见何时轮到谁。",
                "Let the chair send it, or say another role of yours with --role; the handover (K46) says who has the chair from when.",
            ),
        ),
        "thread.status" => (
            ("演练消息与实战消息不能混在一件事里。", "An exercise message and a real matter do not mix."),
            (
                "演练中的答复用 --exercise 发出；真实事务另起一件。",
                "Answer a drill with --exercise; begin a matter of its own for what is real.",
            ),
        ),
        "thread.over" => (
            ("这件事已经结束，不能再改。", "The matter is over and takes nothing more."),
            ("需要时另起一件新的。", "Begin a new one if there is something to say."),
        ),
        "thread.unknown" => (
            ("所跟随的那条消息 10 分钟内没有到。", "The message it follows did not come within ten minutes."),
            ("请对方补发前一条；本条已留存。", "Ask its sender for the one before; this one is kept."),
        ),
        "thread.size" => (
            ("这件事的往来已超过本机能跟踪的数量。", "The matter has grown beyond what is followed here."),
            ("消息已留存；请另起一件继续。", "The message is kept; go on in a new matter."),
        ),
        "deadline.waiver" => (
            ("只有带班领导或现场指挥可以豁免时限。", "Only a shift leader or commander waives a deadline."),
            ("用 --as 姓名/shift-leader。", "Use --as NAME/shift-leader."),
        ),
        "deadline.running" => (
            ("这项时限已不在计时，不能豁免。", "This deadline runs no more and cannot be waived."),
            (
                "用 `liandong deadlines ls --all` 查看结果。",
                "See what became of it with `liandong deadlines ls --all`.",
            ),
        ),
        "call.not_in_the_future" | "incident.not_in_the_future" => (
            ("时间在将来。", "The time lies in the future."),
            ("写已经发生的时间，或不写（即现在）。", "Give a time that has passed, or none, which means now."),
        ),
        _ => return None,
    })
}

fn broker(rule: &str) -> Option<(Pair, Pair)> {
    Some(match rule {
        "broker.draining" => (
            ("中心即将维护，暂不接收新消息。", "The broker drains for maintenance and takes nothing new."),
            (
                "消息存在发送方，维护结束后自动送出，无需重发；紧急时请电话联系。",
                "The sender holds its messages; they leave by themselves afterwards. Telephone if it cannot wait.",
            ),
        ),
        "broker.not_serving" => (
            (
                "中心有应答，但未在服务：正在维护，或无法写入其日志。",
                "The broker answers, but does not serve: it is being maintained, or cannot write its journal.",
            ),
            (
                "消息存在发送方，恢复后自动送出；请中心值班查看 broker 日志与磁盘。",
                "The sender holds its messages; they leave by themselves afterwards. Ask the broker's operator to look at its log and disk.",
            ),
        ),
        "disk.stage" => (
            (
                "中心磁盘将满，只接收更紧急的消息，不接收新附件。",
                "The broker's disk is nearly full: it takes only what is more urgent, and no new attachments.",
            ),
            (
                "消息存在发送方，有空间后自动送出；紧急时提高等级或电话联系，并请中心值班清理磁盘。",
                "The sender holds its messages; they leave by themselves when there is room. Raise the precedence or telephone if it cannot wait, and ask the broker's operator to make room.",
            ),
        ),
        "submission.carried" => (
            (
                "代为转交的消息须来自携行包：由他单位签发，且收件单位中有转交的单位。",
                "What is handed up for another must come from a bundle: sealed by another member, and addressed to the one who hands it up.",
            ),
            (
                "本单位的消息由本单位的代理直接送出；不是给本单位的，请送到收件单位去。",
                "Let the own agent send what is its own; take what is for others to those it is for.",
            ),
        ),
        "bundle.magic" => (
            ("这不是携行包文件。", "This is no bundle."),
            (
                "核对文件；携行包由 liandong bundle export 写出。",
                "Check the file; bundles are written by `liandong bundle export`.",
            ),
        ),
        "bundle.part" => (
            ("文件已损坏，从这里起读不出来。", "The file is damaged: nothing can be read from here on."),
            ("请对方重新导出，换一个介质再带来。", "Have it exported again and carried on another medium."),
        ),
        "bundle.to" => (
            (
                "这份携行包是给另一个单位的，没有收下任何内容。",
                "The bundle is for another jurisdiction; nothing of it was taken.",
            ),
            ("送到它写明的单位去。", "Take it to the jurisdiction that it names."),
        ),
        "bundle.member" => (
            ("目录中没有这个单位，或者它就是本单位。", "It is no member of the directory, or it is ourselves."),
            ("核对单位编号。", "Check the jurisdiction's id."),
        ),
        "bundle.not_ours" => (
            ("这条消息不是发给本单位的，没有收下。", "The message is not addressed to us and was not taken."),
            (
                "送到它的收件单位去，或请发送单位重新导出。",
                "Take it to those it is for, or have its sender export again.",
            ),
        ),
        "bundle.ours" => (
            (
                "这条消息写的发送单位是本单位，但本单位没有发过。",
                "The message names us as its sender, and we never sent it.",
            ),
            (
                "可能有人冒名，或本机状态目录被恢复到旧备份：保留介质，报告运维。",
                "Somebody may speak in our name, or the state directory was put back from a copy: keep the medium and tell your operator.",
            ),
        ),
        "bundle.receipt" => (
            ("这份回执说的不是本单位发出的消息。", "The receipt is about no message of ours."),
            ("无需操作；若反复出现，报告运维。", "Nothing to do; tell your operator if it repeats."),
        ),
        "blob.uploading" => (
            (
                "本单位正在另一处上传同一附件。",
                "The same attachment is being brought by the same jurisdiction in another call.",
            ),
            (
                "无需操作：前一次上传结束后自动继续；若持续出现，检查是否有两个代理在运行。",
                "Nothing to do: it goes on by itself when the other has ended. If this repeats, check that only one agent runs.",
            ),
        ),
        "blob.day" => (
            (
                "本单位今天上传的附件已达上限（每天 2 GiB）。",
                "Your jurisdiction has brought as many attachments today as it may: 2 GiB.",
            ),
            (
                "无需操作，稍后自动继续；急需的内容请直接写入正文或电话告知。",
                "Nothing to do: it goes on by itself later. Write what cannot wait into the message, or telephone.",
            ),
        ),
        "receipt.unknown" => (
            (
                "本单位的回执提到太多中心没有的消息。",
                "Your jurisdiction's receipts speak of too many messages that the broker does not know.",
            ),
            (
                "无需操作，稍后自动继续；中心的日志没有丢失过的，请检查代理主机是否被他人控制。",
                "Nothing to do: it goes on by itself later. If the broker has not lost its journal, look who is on the agent's machine.",
            ),
        ),
        "request.pace" => (
            ("请求的内容来得太慢，没有等完。", "The content of a request came too slowly and was not waited for."),
            (
                "检查线路；线路确实慢的，在代理配置中写 `profile = \"slow\"`，之后自动重发。",
                "Look at the line; if it is a slow one, write `profile = \"slow\"` in the agent's configuration. It is sent again by itself.",
            ),
        ),
        "blob.moved" => (
            (
                "中心已有的部分与续传的起点不符。",
                "What the broker holds of this attachment does not end where this upload goes on.",
            ),
            (
                "无需操作：重新询问起点后自动继续；自编程序须再次调用 Offer。",
                "Nothing to do: it is asked anew where to go on. A program of your own calls Offer again.",
            ),
        ),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing)]
    use std::{collections::BTreeSet, fs, path::Path};

    use super::*;

    /// Every `"K13.offer_over"` and `"mission.known"` of the machines, tests left out.
    fn rules_of(folder: &Path, found: &mut BTreeSet<String>) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            if path.is_dir() && name != "tests" {
                rules_of(&path, found);
            } else if path.extension().is_some_and(|end| end == "rs") && name != "tests.rs" {
                let text = fs::read_to_string(&path).unwrap();
                let code = text.split("#[cfg(test)]\nmod tests {").next().unwrap();
                found.extend(code.split('"').filter(|text| is_rule(text)).map(str::to_owned));
            }
        }
    }

    fn is_rule(text: &str) -> bool {
        let Some((kind, rule)) = text.split_once('.') else { return false };
        let of_kind = kind.len() == 3 && kind.starts_with('K') && kind[1..].bytes().all(|byte| byte.is_ascii_digit());
        let named = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
        (of_kind || text == "mission.known") && !rule.is_empty() && rule.bytes().all(named)
    }

    #[test]
    fn every_text_of_a_list_is_a_sentence_and_stands_once() {
        let all = rules::WORDS.iter().chain(programs::WORDS).chain(console::WORDS).chain(audit::WORDS);
        let all: Vec<&Row> = all.collect();
        for (at, (rule, zh, remedy_zh, en, remedy_en)) in all.iter().enumerate() {
            assert!([zh, remedy_zh].iter().all(|text| text.ends_with('。')), "{rule}");
            assert!([en, remedy_en].iter().all(|text| text.ends_with('.')), "{rule}");
            assert_eq!(all.iter().position(|(known, ..)| known == rule), Some(at), "{rule}");
        }
    }

    #[test]
    fn every_rule_of_a_matter_has_words_of_its_own_and_no_words_are_left_over() {
        let mut rules = BTreeSet::new();
        rules_of(&Path::new(env!("CARGO_MANIFEST_DIR")).join("model/src/thread"), &mut rules);
        assert!(rules.len() > 150, "only {} rules were found", rules.len());
        let worded: BTreeSet<String> = OF_MATTERS.keys().map(|rule| (*rule).to_owned()).collect();
        let lacking: Vec<_> = rules.iter().filter(|rule| of(rule).is_none()).collect();
        assert!(lacking.is_empty(), "{lacking:?}");
        let left_over: Vec<_> = worded.difference(&rules).collect();
        assert!(left_over.is_empty(), "{left_over:?}");
        for ((zh, en), (remedy_zh, remedy_en)) in OF_MATTERS.values() {
            assert!([zh, remedy_zh].iter().all(|text| text.ends_with('。')), "{zh} {remedy_zh}");
            assert!([en, remedy_en].iter().all(|text| text.ends_with('.')), "{en} {remedy_en}");
        }
    }
}
