//! Words about programs beside an agent: files of the drop folder, events over HTTP, and what a program may not do.

use super::Pair;

/// Rule, what happened and what to do in Chinese, then both in English.
const WORDS: &[(&str, &str, &str, &str, &str)] = &[
    (
        "program.may_not_sign",
        "程序不能以这个岗位发言。",
        "请用值班员等没有签发权的岗位；须签发的由人办理。",
        "A program cannot speak in this role.",
        "Give it a role that signs nothing off, such as DUTY_OFFICER; what needs a sign-off is done by people.",
    ),
    (
        "program.sign_off",
        "程序不能替人签发。",
        "请去掉签发人；须签发的由人办理：liandong send 类别 -f 文件 --sign-off 姓名/岗位。",
        "A program does not sign off for a person.",
        "Leave signed_off_by out. What needs a sign-off is sent by a person: liandong send KIND -f FILE --sign-off NAME/ROLE.",
    ),
    (
        "program.role",
        "程序只能以配置给它的岗位发言。",
        "请去掉发送人的岗位，或在配置中改岗位。",
        "A program speaks in the role that its configuration gives it.",
        "Leave the sender's role out, or change the role in the configuration.",
    ),
    (
        "program.hops",
        "这件事已经由规则和程序接连处理了太多次。",
        "可能在循环：请检查各处的规则和程序；需要时由人发送。",
        "Too many rules and programs in a row led to this.",
        "It may go in a circle: look at the rules and programs on both sides; a person sends it where it is needed.",
    ),
    (
        "program.rate",
        "这个程序本小时的条数已用完，此项没有发送。",
        "下一个整点后再送，或在配置中调高 per_hour；急事由人发送。",
        "The program has had its share of this hour; this was not sent.",
        "Give it again after the full hour, or raise per_hour; what is urgent a person sends.",
    ),
    (
        "drop.folder",
        "投放文件夹现在不能用。",
        "文件留在原处，会自动再试；请检查该文件夹的权限和磁盘空间。",
        "The drop folder cannot be used just now.",
        "Files stay where they are and are tried again; check the rights of the folder and the space of its disk.",
    ),
    (
        "drop.ours_alone",
        "投放文件夹须是绝对路径，属于代理的用户，他人不能进入。",
        "请执行 chown 和 chmod 700；以其他用户运行的程序请用事件接口。",
        "A drop folder has a whole path, belongs to the agent's user, and lets nobody else in.",
        "Mend it with chown and chmod 700; let programs of other users send events instead.",
    ),
    (
        "drop.name",
        "文件名太长。",
        "文件名不超过200字节。",
        "The name of the file is too long.",
        "A name has at most 200 bytes.",
    ),
    (
        "drop.plain_file",
        "这不是可以读的普通文件。",
        "请放入普通文件，不要放链接、管道或设备，并让代理能够读取。",
        "This is no plain file that can be read.",
        "Put a plain file there, no link, pipe or device, and let the agent read it.",
    ),
    (
        "drop.unreadable",
        "文件不是完整的 JSON 或 TOML。",
        "请按所示位置改正；先写成点号开头的临时文件，写完再改名放入；`liandong send 类别 --example` 给出示例。",
        "The file is no whole JSON or TOML.",
        "Correct it where the detail says. Write it under a name that begins with a dot and rename it when it is whole; `liandong send KIND --example` shows one.",
    ),
    (
        "event.attribute",
        "事件的属性不对。",
        "属性名只用小写字母和数字，值为文字、整数或真假，并符合 CloudEvents 1.0。",
        "An attribute of the event is not one.",
        "Names are small letters and digits, values are texts, whole numbers or truths, as CloudEvents 1.0 has it.",
    ),
    (
        "event.version",
        "只接收 CloudEvents 1.0 版的事件。",
        "请写 specversion 为 1.0。",
        "Events are of CloudEvents 1.0.",
        "Write specversion 1.0.",
    ),
    (
        "event.type",
        "事件类型不是本系统的消息类别。",
        "请写 cn.liandong.名称.v1，演练为 cn.liandong.exercise.名称.v1；名称见 docs/automation.zh-CN.md。",
        "The type of the event is no kind of message.",
        "Write cn.liandong.NAME.v1, for exercises cn.liandong.exercise.NAME.v1; docs/automation.md lists the names.",
    ),
    (
        "event.source",
        "规则文件没有准许这个来源送这类事件。",
        "请在规则文件中以 [[source]] 写明来源和类别。",
        "The rules file lets no such source send events of this type.",
        "Name the source and the kind as a [[source]] of the rules file.",
    ),
    (
        "event.rules",
        "规则文件读不出来，事件没有接收。",
        "请稍后重送；`liandong rules ls` 说明原因。",
        "The rules file cannot be used; the event was not taken.",
        "Send it again later; `liandong rules ls` says why.",
    ),
    (
        "event.differs",
        "事件的两处说法不一致。",
        "请使类型、ldkind、ldstatus 一致。",
        "Two parts of the event contradict each other.",
        "Let type, ldkind and ldstatus say the same.",
    ),
    (
        "event.causation",
        "causationid 不是消息编号。",
        "写所答复的消息的编号；不是答复的不写。",
        "causationid is no message id.",
        "Write the id of the message that it answers, or leave it out.",
    ),
    (
        "event.severity",
        "severitytext 不是预警颜色或事件级别。",
        "请写红、橙、黄、蓝。",
        "severitytext is no colour or level.",
        "Write 红, 橙, 黄 or 蓝 (RED, ORANGE, YELLOW, BLUE).",
    ),
    (
        "event.data",
        "事件的数据不是 JSON 对象。",
        "data 写该类别的正文各项；`liandong kinds 类别` 列出各项。",
        "The data of the event is no JSON object.",
        "Let data hold the fields of the kind; `liandong kinds KIND` lists them.",
    ),
    (
        "event.taken",
        "这个来源的同一编号已经用于另一内容。",
        "新的事件请用新的编号；重送须与原来一样。",
        "This id of this source was used for other content.",
        "Give each event an id of its own; told again it says the same.",
    ),
    (
        "event.media",
        "不接收这种内容类型。",
        "请用 application/cloudevents+json、application/cloudevents-batch+json，或带 ce- 头的 application/json。",
        "This content type is not taken.",
        "Use application/cloudevents+json, application/cloudevents-batch+json, or application/json with ce- headers.",
    ),
    (
        "event.batch",
        "批量中有事件没有接收。",
        "各事件的结果见 results；改正后整批重送也不会重复。",
        "Some events of the batch were not taken.",
        "results tells of each; the whole batch may be sent again, for nothing is taken twice.",
    ),
    (
        "event.token",
        "没有出示正确的令牌。",
        "请在 Authorization 头中写 Bearer 和 events.token_file 中的令牌。",
        "The right token was not shown.",
        "Send the header Authorization: Bearer TOKEN; the token stands in events.token_file.",
    ),
    (
        "event.host",
        "请求不是直接发给本机回环地址的。",
        "请用配置中的地址直接连接；浏览器和改写主机名的代理不能使用。",
        "The request was not made to this machine's own loopback address.",
        "Connect to the configured address directly; browsers and proxies that rename the host may not.",
    ),
    (
        "event.path",
        "没有这个地址，或方法不对。",
        "请以 POST 发往 /events。",
        "There is nothing here, or not for this method.",
        "POST to /events.",
    ),
    (
        "event.slow",
        "请求没有在时限内发完。",
        "请在10秒内发完；同一编号重送不会重复。",
        "The request did not arrive in time.",
        "Send the whole within 10 seconds; the same id told again is not taken twice.",
    ),
    (
        "source.uri",
        "来源须是 CloudEvents 的 source，不超过256个字符。",
        "写程序实际发送的 source，一字不差。",
        "A source is the source of CloudEvents, at most 256 characters.",
        "Write it exactly as the program sends it.",
    ),
    (
        "source.name",
        "来源的名字不对。",
        "用小写字母、数字和连字符，各取一名，不用 drop。",
        "The name of a source is not one.",
        "Use small letters, digits and hyphens, another name for each source, and not drop.",
    ),
];

/// The words of a rule about programs.
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
