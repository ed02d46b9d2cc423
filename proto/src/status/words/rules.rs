//! Words about the rules by which an agent acts by itself: what is wrong with a file, and what stood against an act.

use super::Pair;

/// Rule, what happened and what to do in Chinese, then both in English.
const WORDS: &[(&str, &str, &str, &str, &str)] = &[
    (
        "rules.file",
        "规则文件读不出来。",
        "请按所示位置改正；`liandong rules print` 给出示例。",
        "The rules file cannot be read.",
        "Correct it where the detail says; `liandong rules print` shows an example.",
    ),
    (
        "rules.name",
        "规则的名字不对。",
        "用小写字母、数字和连字符，每条规则各取一名。",
        "The name of a rule is not one.",
        "Use small letters, digits and hyphens, and another name for each rule.",
    ),
    (
        "rules.on",
        "没有这类事件。",
        "请改为所列的一种。",
        "There is no such sort of event.",
        "Write one of those that are listed.",
    ),
    (
        "rules.condition",
        "条件读不懂。",
        "请按所示的行、列改正；可用的名字见 docs/automation.zh-CN.md。",
        "The condition cannot be read.",
        "Correct it at the line and column shown; docs/automation.md lists the names.",
    ),
    (
        "rules.template",
        "文字中的占位填不上。",
        "请检查双花括号内的表达式，以及消息里有没有这一项。",
        "A place in the text cannot be filled.",
        "Check what stands between the braces, and whether the message has that field.",
    ),
    (
        "rules.action",
        "这条规则的动作不成立。",
        "每条规则至少一个动作；签收、答复、转发只用于收到的消息。",
        "The rule cannot act so.",
        "A rule has at least one action; only what was received is acknowledged, answered or forwarded.",
    ),
    (
        "rules.role",
        "规则不能以有签发权的岗位发言。",
        "请用值班员等岗位；须签发的由人办理。",
        "A rule cannot speak in a role that signs off.",
        "Give it a role such as DUTY_OFFICER; what needs a sign-off is done by people.",
    ),
    (
        "rules.recipients",
        "转发对象的数量不对。",
        "请写1至64个单位编号。",
        "A forward needs recipients.",
        "Name 1 to 64 jurisdictions.",
    ),
    (
        "rules.command",
        "要运行的程序不在。",
        "请写程序的完整路径，并确认文件存在。",
        "The program to run is not there.",
        "Write its whole path, and check that the file exists.",
    ),
    (
        "rules.folder",
        "要写入的文件夹不在。",
        "请写完整路径，并先建好文件夹。",
        "The folder to write into is not there.",
        "Write its whole path, and make the folder first.",
    ),
    (
        "rules.url",
        "网络回调的地址不能用。",
        "本机用 http，如 http://127.0.0.1:8080/hook；别处用 https，如 https://map.example/hook，并写 ca_file。",
        "The webhook's address cannot be used.",
        "On this machine it is http, such as http://127.0.0.1:8080/hook; elsewhere https, such as https://map.example/hook, with a ca_file.",
    ),
    (
        "rules.authority",
        "https 回调的证书文件不能用。",
        "https 须以 ca_file 写明对方证书的颁发机构（PEM 文件）；http 不写。",
        "The authority of an https webhook cannot be used.",
        "Let ca_file name a PEM file with the authority of the server's certificate; http has none.",
    ),
    (
        "rules.secret",
        "签名密钥文件不能用。",
        "文件须只有属主可读（0600），内容至少16字节。",
        "The file with the signing secret cannot be used.",
        "Only its owner may read it (0600), and it holds at least 16 bytes.",
    ),
    (
        "rules.grave",
        "重大、紧急消息须由人签收，规则没有签收。",
        "请值班员打开并签收：`liandong ack`。",
        "A grave or urgent message is acknowledged by a person; the rule did not.",
        "Open and acknowledge it: `liandong ack`.",
    ),
    (
        "rules.hops",
        "这条消息已由规则自动转过，为防循环不再自动处理。",
        "需要时由人答复或转发。",
        "Rules have passed this message on already; to end no loop, nothing more is done by itself.",
        "A person answers or forwards it where that is needed.",
    ),
    (
        "rules.rate",
        "这条规则一小时内动作过多，已停手。",
        "请查明原因；确需更多的，调高规则的 per_hour。",
        "The rule has acted too often within an hour, and holds.",
        "Find out why; raise its per_hour if that many are right.",
    ),
    (
        "rules.gone",
        "规则文件里已没有这条规则或这个动作。",
        "需要时由人办理，或恢复该规则。",
        "The rule or its action is in the rules file no more.",
        "A person does it where that is needed, or put the rule back.",
    ),
    (
        "rules.forward_kind",
        "规则只转发一般通报、辟谣、道路封闭和绿色通道。",
        "其他消息由人转发。",
        "Rules forward notices, corrections of rumours, road closures and green lanes alone.",
        "A person passes on anything else.",
    ),
    (
        "rules.forward_confidential",
        "敏感或涉及个人信息的消息不自动转发。",
        "确需转发的，由有权的人办理。",
        "What is sensitive or names people is not forwarded by itself.",
        "Somebody who may decides and sends it.",
    ),
    (
        "rules.forward_files",
        "带附件的通报不自动转发。",
        "请由人转发，连同附件。",
        "A bulletin with attachments is not forwarded by itself.",
        "A person forwards it together with the files.",
    ),
    (
        "rules.forward_seen",
        "这份通报本机早已见过，转了一圈又回来，不再转发。",
        "无需办理；规则若互相转发，请改其中一条。",
        "This bulletin was here before and has gone round: it is not forwarded again.",
        "Nothing to do. Where rules forward to each other, change one of them.",
    ),
    (
        "rules.forward_nobody",
        "要转发的单位都已收到。",
        "无需办理。",
        "Everybody it would go to has it already.",
        "Nothing to do.",
    ),
    (
        "rules.webhook",
        "网络回调没有成功。",
        "请检查该程序是否在运行；事件过期前自动重试。",
        "The webhook did not take the event.",
        "Check that the program runs; it is tried again until the event expires.",
    ),
    (
        "rules.write",
        "文件没有写成。",
        "请检查文件夹的权限与空间；事件过期前自动重试。",
        "The file was not written.",
        "Check the folder's permissions and space; it is tried again until the event expires.",
    ),
    (
        "rules.run",
        "命令没有成功，不再重试。",
        "请查看该命令自己的日志；需要时由人补做。",
        "The command did not succeed, and is not run again.",
        "Look at its own log; do by hand what it did not.",
    ),
    (
        "rules.expired",
        "还没轮到就已过期。",
        "需要时由人办理。",
        "It expired before its turn came.",
        "A person does it where that is still needed.",
    ),
];

/// The words of a rule about rules.
pub(super) fn of(rule: &str) -> Option<(Pair, Pair)> {
    let found = WORDS.iter().find(|(known, ..)| *known == rule);
    found.map(|(_, zh, remedy_zh, en, remedy_en)| ((*zh, *en), (*remedy_zh, *remedy_en)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_text_is_a_sentence_and_stands_once() {
        for (at, (rule, zh, remedy_zh, en, remedy_en)) in WORDS.iter().enumerate() {
            assert!([zh, remedy_zh].iter().all(|text| text.ends_with('。')), "{rule}");
            assert!([en, remedy_en].iter().all(|text| text.ends_with('.')), "{rule}");
            assert_eq!(WORDS.iter().position(|(known, ..)| known == rule), Some(at), "{rule}");
        }
    }
}
