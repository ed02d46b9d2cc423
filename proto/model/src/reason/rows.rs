//! The catalogue's table of reasons, one row each: number, class, again, holder, what happened, what to do.

use super::{
    Again::{self, No, Yes},
    Holder::{self, Broker, Nobody, Recipient, Sender},
    ReasonClass::{
        self, Aborted, AlreadyExists, DataLoss, DeadlineExceeded, FailedPrecondition, Information, Internal,
        InvalidArgument, NotFound, OutOfRange, PermissionDenied, ResourceExhausted, Unauthenticated,
    },
    Row, Text,
};

const EMPTY: Text = Text { zh: "", en: "" };

const fn row(number: u16, code: &'static str, class: ReasonClass, again: Again, holder: Holder) -> Row {
    Row { number, code, class, again, holder, what: EMPTY, remedy: EMPTY }
}

impl Row {
    const fn what(mut self, zh: &'static str, en: &'static str) -> Self {
        self.what = Text { zh, en };
        self
    }

    const fn remedy(mut self, zh: &'static str, en: &'static str) -> Self {
        self.remedy = Text { zh, en };
        self
    }
}

pub(super) const UNAUTHENTICATED: Row = row(101, "LD101_UNAUTHENTICATED", Unauthenticated, No, Nobody)
    .what("没有出示本区域认可的证书。", "No certificate that this region knows was shown.")
    .remedy("请先加入本区域或更新证书，再重新连接。", "Join the region or renew the certificate, then connect again.");

pub(super) const SENDER_MISMATCH: Row = row(102, "LD102_SENDER_MISMATCH", PermissionDenied, No, Sender)
    .what(
        "消息头中的发送方与证书或签章的单位不一致。",
        "The sender named in the header is not the one of the certificate or the seal.",
    )
    .remedy(
        "请以本单位名义发送；若已如此，请检查代理使用的证书。",
        "Send as your own jurisdiction; if that is what you did, check which certificate the agent uses.",
    );

pub(super) const CERT_REVOKED: Row = row(103, "LD103_CERT_REVOKED", Unauthenticated, No, Sender)
    .what("证书、签发机构或存证密钥已被吊销。", "The certificate, its issuer or the evidence key was revoked.")
    .remedy("请向秘书处了解原因，再用新密钥重新登记。", "Ask the secretariat why, then enrol with a new key.");

pub(super) const RATE_LIMITED: Row = row(104, "LD104_RATE_LIMITED", ResourceExhausted, Yes, Sender)
    .what("本单位的发送量或占用量超过授权额度。", "Your jurisdiction sent or holds more than its grant allows.")
    .remedy(
        "无需操作，将在提示的间隔后自动重发；如经常出现，请申请提高额度。",
        "Nothing to do: it is sent again after the stated pause. Ask for a higher grant if this repeats.",
    );

pub(super) const TOO_LARGE: Row = row(105, "LD105_TOO_LARGE", InvalidArgument, No, Sender)
    .what("消息、附件、列表或文本超过上限。", "The message, an attachment, a list or a text is over its limit.")
    .remedy("请精简所指字段，或将大文件作为附件发送。", "Shorten the named field, or send large files as attachments.");

pub(super) const STORE_FULL: Row = row(106, "LD106_STORE_FULL", ResourceExhausted, Yes, Sender)
    .what("中心磁盘剩余空间不足，暂不接收该紧急程度的消息。", "The disk of the broker is too full for this precedence.")
    .remedy(
        "系统会自动重发；请联系中心运维人员，紧急事项请先电话通知。",
        "It is sent again by itself; call the operator of the broker, and use the telephone for what cannot wait.",
    );

pub(super) const BUSY: Row = row(107, "LD107_BUSY", ResourceExhausted, Yes, Sender)
    .what("系统正忙，暂时无法写入。", "Too much is being written just now.")
    .remedy("无需操作，将在提示的间隔后自动重发。", "Nothing to do: it is sent again after the stated pause.");

pub(super) const SUPERSEDED: Row = row(108, "LD108_SUPERSEDED", Aborted, No, Sender)
    .what("同一代理的新会话已接管。", "A newer session of the same agent has taken over.")
    .remedy(
        "请确认本单位只有一个代理在运行；新会话会自行继续。",
        "Check that only one agent runs for this jurisdiction; the newer one goes on by itself.",
    );

pub(super) const ROLLED_BACK: Row = row(109, "LD109_ROLLED_BACK", FailedPrecondition, No, Sender)
    .what(
        "代理的状态早于中心已记录的内容，可能由备份恢复。",
        "The agent's state is older than what the broker has already recorded from it.",
    )
    .remedy(
        "发件箱已暂停；请按控制台的恢复步骤操作。",
        "The outbox is held; follow the steps that the console shows after a restore.",
    );

pub(super) const CLONED: Row = row(110, "LD110_CLONED", FailedPrecondition, No, Sender)
    .what("同一代理有两个副本同时在线。", "Two living copies of one agent speak at the same time.")
    .remedy("请停止其中一个，再人工放行另一个。", "Stop one of the two, then release the other by hand.");

pub(super) const NO_COMMON_PROTOCOL: Row = row(111, "LD111_NO_COMMON_PROTOCOL", FailedPrecondition, No, Sender)
    .what("双方程序没有共同的协议版本。", "The two programs share no protocol version.")
    .remedy("请升级提示所指的一方。", "Upgrade the side that the text names.");

pub(super) const BAD_SCHEMA: Row = row(201, "LD201_BAD_SCHEMA", InvalidArgument, No, Sender)
    .what("消息无法解析，或各部分相互矛盾。", "The message cannot be read, or its parts do not fit each other.")
    .remedy(
        "请更正所指字段；若由程序生成，请修正该程序。",
        "Correct the named field; a program that built this message needs mending.",
    );

pub(super) const MISSING_FIELD: Row = row(202, "LD202_MISSING_FIELD", InvalidArgument, No, Sender)
    .what("缺少必填字段。", "A required field is empty.")
    .remedy("请补填所指字段后重新发送。", "Fill in the named field and send again.");

pub(super) const BAD_CODE: Row = row(203, "LD203_BAD_CODE", InvalidArgument, No, Sender)
    .what("代码或编号不存在或书写有误。", "A code, number or id is not known or badly written.")
    .remedy("请更正所指代码。", "Correct the named code.");

pub(super) const BAD_GEOMETRY: Row = row(204, "LD204_BAD_GEOMETRY", InvalidArgument, No, Sender)
    .what(
        "位置或区域不成立：超出范围、未闭合或自相交。",
        "A place or area is impossible: out of range, open, or crossing itself.",
    )
    .remedy(
        "请重新绘制区域，并检查经纬度是否颠倒。",
        "Draw the area again; check that latitude and longitude are not exchanged.",
    );

pub(super) const BAD_SEAL: Row = row(205, "LD205_BAD_SEAL", PermissionDenied, No, Sender)
    .what("签章与内容不符。", "The seal does not belong to these bytes.")
    .remedy(
        "请勿采信此件，要求原单位重发，并通知安全负责人。",
        "Do not rely on this copy; ask the origin to send it again and tell the security officer.",
    );

pub(super) const CLOCK_SKEW: Row = row(206, "LD206_CLOCK_SKEW", FailedPrecondition, Yes, Sender)
    .what("发送方时钟偏差超过一小时。", "The sender's clock is off by more than an hour.")
    .remedy(
        "请校准代理主机的时钟，之后会自动重发。",
        "Set the clock of the agent's machine; the message is then sent again by itself.",
    );

pub(super) const HASH_MISMATCH: Row = row(207, "LD207_HASH_MISMATCH", DataLoss, Yes, Sender)
    .what("附件与消息中登记的摘要不符。", "An attachment is not the file that the message names.")
    .remedy(
        "系统会重新获取；如反复出现，请向原单位索取。",
        "It is fetched again; if this repeats, ask the origin for the file.",
    );

pub(super) const CAP_INVALID: Row = row(208, "LD208_CAP_INVALID", InvalidArgument, No, Sender)
    .what("预警内容不符合通用预警协议规则。", "The alert breaks a rule of the Common Alerting Protocol.")
    .remedy("请按所指规则更正。", "Correct what the named rule says.");

pub(super) const PRECEDENCE_FLOOR: Row = row(209, "LD209_PRECEDENCE_FLOOR", InvalidArgument, No, Sender)
    .what("紧急程度低于事件级别或预警颜色的要求。", "The precedence is below what the level or colour demands.")
    .remedy("请提高紧急程度，或更正级别。", "Raise the precedence, or correct the level.");

pub(super) const DEADLINE_LOOSENED: Row = row(210, "LD210_DEADLINE_LOOSENED", InvalidArgument, No, Sender)
    .what("要求的时限晚于规定时限。", "The asked time limit is later than the rules allow.")
    .remedy("请留空或填写更早的时限。", "Leave the field empty or name an earlier time.");

pub(super) const UNKNOWN_REFERENCE: Row = row(301, "LD301_UNKNOWN_REFERENCE", FailedPrecondition, Yes, Recipient)
    .what("接收方没有所引用的前序消息。", "The message this one refers to is not known to the recipient.")
    .remedy("请先补发前序消息，再重发此件。", "Send the earlier message, then this one again.");

pub(super) const WRONG_SEQUENCE: Row = row(302, "LD302_WRONG_SEQUENCE", FailedPrecondition, No, Sender)
    .what("当前办理状态不允许这一步。", "The state of the matter does not allow this step.")
    .remedy("请查看最新办理状态，选择允许的步骤。", "Read the newest state of the thread and choose a lawful step.");

pub(super) const CONFLICT_ID: Row = row(303, "LD303_CONFLICT_ID", AlreadyExists, No, Sender)
    .what("同一消息编号对应了不同内容。", "The same message number was used for other content.")
    .remedy(
        "请作为新消息发送；此事已作为安全事件记录。",
        "Send the content as a new message; this is recorded as a security event.",
    );

pub(super) const CONFLICT_REVISION: Row = row(304, "LD304_CONFLICT_REVISION", Aborted, No, Sender)
    .what(
        "修订号缺失，或同一修订号对应了不同内容。",
        "A revision is missing, or its number was used for other content.",
    )
    .remedy("请查看最新修订，在其基础上重新发送。", "Read the newest revision and send the change again on top of it.");

pub(super) const NOT_AUTHOR: Row = row(305, "LD305_NOT_AUTHOR", PermissionDenied, No, Sender)
    .what("只有原作者可以更新或取消消息。", "Only the author may change or cancel a message.")
    .remedy("请改用答复，或联系原作者。", "Answer it instead, or ask its author.");

pub(super) const THREAD_CLOSED: Row = row(306, "LD306_THREAD_CLOSED", FailedPrecondition, No, Sender)
    .what("该事项已取消、失效或办结。", "The matter is cancelled, expired or closed.")
    .remedy("请另行首发，并注明原事项。", "Start a new thread and name the old one.");

pub(super) const DRILL_NOT_LIVE: Row = row(307, "LD307_DRILL_NOT_LIVE", FailedPrecondition, No, Sender)
    .what("演练未在进行，或收件方并非参演单位。", "The drill is not running, or not everyone addressed takes part.")
    .remedy(
        "请核对演练编号与参演单位；真实险情请按实战发送。",
        "Check the drill number and its participants; a real emergency is sent as ACTUAL.",
    );

pub(super) const STATUS_MIX: Row = row(308, "LD308_STATUS_MIX", InvalidArgument, No, Sender)
    .what("演练与实战混用。", "Exercise and reality were mixed.")
    .remedy(
        "演练消息只能涉及演练事项，实战消息只能涉及实战事项。",
        "Send exercise traffic only about exercise threads, and real traffic only about real ones.",
    );

pub(super) const NO_AGREEMENT: Row = row(401, "LD401_NO_AGREEMENT", PermissionDenied, No, Sender)
    .what("没有相应授权，或协议未覆盖此事。", "No grant allows this, or the agreement does not cover it.")
    .remedy(
        "请填写适用的协议编号，或按协议外事项经签发后发送。",
        "Name an agreement that covers it, or send it outside any agreement with a sign-off.",
    );

pub(super) const ROLE_FORBIDDEN: Row = row(402, "LD402_ROLE_FORBIDDEN", PermissionDenied, No, Sender)
    .what("该岗位无权进行此操作。", "This role may not do that.")
    .remedy("请由有权岗位办理。", "Ask the role that may.");

pub(super) const SIGNOFF_MISSING: Row = row(403, "LD403_SIGNOFF_MISSING", PermissionDenied, No, Sender)
    .what(
        "缺少签发，或签发人与拟稿人相同，或岗位无权签发。",
        "The sign-off is missing, by the drafter, or by a role that may not sign.",
    )
    .remedy(
        "请由拟稿人以外的带班领导或现场指挥签发。",
        "Have a shift leader or commander other than the drafter sign it off.",
    );

pub(super) const CONFIDENTIALITY: Row = row(404, "LD404_CONFIDENTIALITY", PermissionDenied, No, Sender)
    .what("内容的知悉范围或密级超出允许。", "The content is more confidential than may travel here.")
    .remedy(
        "请删除相关内容；国家秘密不得在本网络传输。",
        "Take the content out. State secrets never travel on this network.",
    );

pub(super) const RETENTION: Row = row(405, "LD405_RETENTION", InvalidArgument, No, Sender)
    .what("包含个人信息但未注明保存期限。", "Personal data is sent without saying until when it is kept.")
    .remedy("请填写保存期限。", "Fill in how long it may be kept.");

pub(super) const OFFER_MISMATCH: Row = row(406, "LD406_OFFER_MISMATCH", FailedPrecondition, No, Sender)
    .what("提供、采用与派遣数量或类型不符。", "Offer, order and commitment do not fit each other.")
    .remedy("请与最新答复核对数量与类型。", "Compare the quantities and types with the newest offer.");

pub(super) const UNROUTABLE: Row = row(501, "LD501_UNROUTABLE", NotFound, No, Sender)
    .what("收件地址没有对应单位。", "An address reaches nobody.")
    .remedy("请从通讯录选择单位，或扩大区域。", "Choose recipients from the directory, or widen the area.");

pub(super) const EXPIRED: Row = row(502, "LD502_EXPIRED", DeadlineExceeded, No, Sender)
    .what("在受理前已超过失效时间。", "Its time had passed before it was taken.")
    .remedy("如仍需发送，请作为新消息发送。", "If it still matters, send it as a new message.");

pub(super) const PEER_OFFLINE: Row = row(503, "LD503_PEER_OFFLINE", Information, No, Broker)
    .what("接收方代理不在线。", "The recipient's agent is not connected.")
    .remedy(
        "无需操作，消息已在信箱等候；紧急时请电话联系。",
        "Nothing to do: it waits in the mailbox. Telephone if it cannot wait.",
    );

pub(super) const REFUSED_BY_PEER: Row = row(504, "LD504_REFUSED_BY_PEER", Information, No, Sender)
    .what("接收方代理拒收。", "The recipient's agent could not take it.")
    .remedy(
        "请查看拒收原因，并电话联系接收方。",
        "Read the reason that came with the refusal; telephone the recipient.",
    );

pub(super) const TOKEN_EXPIRED: Row = row(601, "LD601_TOKEN_EXPIRED", OutOfRange, No, Nobody)
    .what("同步令牌已过期。", "The sync token is older than deletions are remembered.")
    .remedy("请用空令牌重新同步。", "Start again with an empty token.");

pub(super) const ETAG_MISMATCH: Row = row(602, "LD602_ETAG_MISMATCH", Aborted, No, Sender)
    .what("该条目已被他人修改。", "Somebody changed the item in the meantime.")
    .remedy(
        "请查看随附的当前条目，再重新修改。",
        "Look at the current item, which came with this error, and make the change again.",
    );

pub(super) const DOCUMENT_LOCKED: Row = row(603, "LD603_DOCUMENT_LOCKED", FailedPrecondition, No, Sender)
    .what("文档已锁定，成员不可修改。", "The document is locked for members.")
    .remedy("请联系文档主责单位，或提出新条目。", "Ask its owner, or propose a new item.");

pub(super) const NOT_FOUND: Row = row(604, "LD604_NOT_FOUND", NotFound, No, Nobody)
    .what("不存在，或不属于本单位。", "It is not there, or not yours.")
    .remedy("请核对编号。", "Check the number.");

pub(super) const INTERNAL: Row = row(901, "LD901_INTERNAL", Internal, Yes, Sender)
    .what("系统内部错误，已记录。", "This is our fault; it was logged.")
    .remedy("请重试；重复发送同一消息不会产生重复效果。", "Try again; it is safe to send the same message twice.");
