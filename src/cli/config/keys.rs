//! Every key of both configurations: what it means, its default, its unit. Written once, for `config explain`, for
//! suggestions, and held against what the programs read by a test.

use super::Program::{self, Agent, Broker};

/// In place of a default: the key must be given.
pub const REQUIRED: &str = "\u{0}";

/// One key.
#[derive(Clone, Copy, Debug)]
pub struct Key {
    /// Whose configuration.
    pub program: Program,
    /// Its name with the tables around it.
    pub path: &'static str,
    /// Its default; `REQUIRED` if there is none, empty if it is unset unless given.
    pub default: &'static str,
    /// Its unit; empty where a number is no amount.
    pub unit: &'static str,
    /// In Chinese.
    pub zh: &'static str,
    /// In English.
    pub en: &'static str,
}

impl Key {
    /// Whether a person who typed `text` means this key: `socket`, `desk.socket`, `agent.desk.socket`.
    pub fn is_meant_by(&self, text: &str) -> bool {
        let whole = match self.program {
            Broker => format!("broker.{}", self.path),
            Agent => format!("agent.{}", self.path),
        };
        whole == text || whole.ends_with(&format!(".{text}"))
    }
}

/// The keys of one program.
pub fn of(program: Program) -> impl Iterator<Item = &'static Key> {
    KEYS.iter().filter(move |key| key.program == program)
}

const fn key(program: Program, path: &'static str, default: &'static str, zh: &'static str, en: &'static str) -> Key {
    Key { program, path, default, unit: "", zh, en }
}

const fn amount(key: Key, unit: &'static str) -> Key {
    Key { unit, ..key }
}

const SEGMENT_ZH: &str = "日志分段的大小；不设时为文件系统的六十四分之一，1 至 64 MiB";
const SEGMENT_EN: &str = "size of a journal segment; unset: a 64th of the file system, 1 to 64 MiB";
const QUANTUM_ZH: &str = "密钥交换：\"preferred\" 优先抗量子混合算法，\"required\" 只接受它，对方不支持即不能连接";
const QUANTUM_EN: &str = "key exchange: \"preferred\" takes the hybrid post-quantum one first, \"required\" nothing else: who lacks it has no link";
const RETENTION_ZH: &str = "证据留存的天数，不得少于 180；到期后整段清除，仍需要的除外";
const RETENTION_EN: &str =
    "how long evidence is kept, 180 days at least; then whole segments leave, but for what is still needed";
const VERIFY_ZH: &str = "启动时校验日志的范围：recent 最近一次标记之后的部分；all 全部记录，耗时相当于通读日志";
const VERIFY_EN: &str =
    "how much of the journal is checked at a start: recent, what came after the last mark; all, every record";
const UNSAFE_ZH: &str = "允许把状态放在不保证落盘的文件系统上（tmpfs 等）；仅供测试";
const UNSAFE_EN: &str = "accept file systems whose syncs mean nothing (tmpfs and such); for tests";

/// All of them.
pub const KEYS: &[Key] = &[
    key(
        Broker,
        "state",
        REQUIRED,
        "状态目录：日志、存储、附件、隔离区；本地磁盘，仅本用户可读（0700）",
        "state directory: journal, store, blobs, quarantine; on a local disk, mode 0700",
    ),
    key(
        Broker,
        "trust",
        REQUIRED,
        "证书目录：中心的密钥、证书和区域签名文件，由 `liandong certs init` 写出",
        "directory with the broker's keys, certificates and the signed files of the region, as `liandong certs init` writes it",
    ),
    key(
        Broker,
        "listen",
        "127.0.0.1:7443",
        "各单位代理连接的地址（双向 TLS 1.3）",
        "where agents call, over mutual TLS 1.3",
    ),
    key(
        Broker,
        "admin_listen",
        "127.0.0.1:7444",
        "运维人员连接的地址，须持运维证书",
        "where operators call, with operator certificates",
    ),
    key(
        Broker,
        "metrics_listen",
        "127.0.0.1:7445",
        "/metrics 与 /healthz，明文 HTTP；请只放在本机回环地址",
        "/metrics and /healthz, plain HTTP; keep it on loopback",
    ),
    key(
        Broker,
        "reflection",
        "true",
        "向代理开放 gRPC 反射；不需要时可关闭",
        "gRPC reflection for agents; off where nobody needs it",
    ),
    amount(key(Broker, "segment_bytes", "", SEGMENT_ZH, SEGMENT_EN), "B"),
    key(Broker, "post_quantum", "preferred", QUANTUM_ZH, QUANTUM_EN),
    key(Broker, "verify", "recent", VERIFY_ZH, VERIFY_EN),
    key(Broker, "allow_unsafe_filesystem", "false", UNSAFE_ZH, UNSAFE_EN),
    amount(key(Broker, "retention.evidence_days", "180", RETENTION_ZH, RETENTION_EN), "d"),
    key(Agent, "region", REQUIRED, "区域名，与信任根一致", "the region, as its root of trust names it"),
    key(
        Agent,
        "jurisdiction",
        REQUIRED,
        "本代理属于哪个单位：行政区划代码或简称",
        "whose agent this is: a division code or short name",
    ),
    key(
        Agent,
        "name",
        "desk",
        "代理在本单位内的名字，与证书一致",
        "the agent's name within its jurisdiction, as in its certificate",
    ),
    key(
        Agent,
        "state",
        REQUIRED,
        "状态目录：日志、存储、附件、共享文档、隔离区；请整体备份",
        "state directory: journal, store, blobs, documents, quarantine; back it up as a whole",
    ),
    key(
        Agent,
        "trust",
        REQUIRED,
        "证书目录：本代理的密钥、证书和区域签名文件，由 `liandong join` 写出",
        "directory with the agent's keys, certificates and the signed files of the region, as `liandong join` writes it",
    ),
    key(
        Agent,
        "broker",
        REQUIRED,
        "中心的地址，一个或多个 主机:端口，依次尝试",
        "the broker, one or more host:port; they are tried in turn",
    ),
    amount(
        key(
            Agent,
            "clock_error_ms",
            "500",
            "本机时钟的误差，写入每份回执",
            "error of this machine's clock, as far as the operator knows; it stands in every receipt",
        ),
        "ms",
    ),
    amount(key(Agent, "segment_bytes", "", SEGMENT_ZH, SEGMENT_EN), "B"),
    key(Agent, "post_quantum", "preferred", QUANTUM_ZH, QUANTUM_EN),
    key(Agent, "verify", "recent", VERIFY_ZH, VERIFY_EN),
    key(Agent, "allow_unsafe_filesystem", "false", UNSAFE_ZH, UNSAFE_EN),
    amount(key(Agent, "retention.evidence_days", "180", RETENTION_ZH, RETENTION_EN), "d"),
    key(
        Agent,
        "link.profile",
        "normal",
        "线路类型：normal 有线或良好移动网；slow 每秒几十千比特；satellite 延迟数秒且按流量计费",
        "what sort of line: normal; slow, some tens of kbit/s; satellite, seconds of delay and each byte is paid for",
    ),
    key(
        Agent,
        "desk.socket",
        "",
        "本地接口的 Unix 套接字，权限 0600；不设时为状态目录中的 desk.sock",
        "Unix socket of the desk, mode 0600; unset: desk.sock in the state directory",
    ),
    key(
        Agent,
        "desk.listen",
        "",
        "供不能用套接字的本地系统连接的回环地址；须同时设 desk.token_file",
        "a loopback address for systems that cannot use the socket; needs desk.token_file",
    ),
    key(
        Agent,
        "desk.token_file",
        "",
        "存放令牌的文件，连接 desk.listen 者须出示；仅属主可读",
        "file with the bearer token that callers of desk.listen show; only its owner may read it",
    ),
    key(Agent, "desk.reflection", "false", "本地接口的 gRPC 反射", "gRPC reflection on the desk's faces"),
    key(
        Agent,
        "rules",
        "",
        "规则文件：代理自动签收、答复、转发、提示等；不设则不自动处理",
        "file with rules for what the agent does by itself: acknowledge, answer, forward, tell; unset: nothing",
    ),
    key(
        Agent,
        "drop.folder",
        "",
        "其他程序投放待发文件的文件夹（绝对路径，0700，属主为代理的用户）；不设则不接收",
        "folder into which other programs put what is to be sent; a whole path, mode 0700, owned by the agent's user; unset: none",
    ),
    key(
        Agent,
        "drop.role",
        "DUTY_OFFICER",
        "投放文件的程序以何岗位发言；不得是有签发权的岗位",
        "in which role the program that puts files there speaks; never one that signs off",
    ),
    amount(
        key(
            Agent,
            "drop.per_hour",
            "60",
            "每个整点小时最多发出几个文件，至多3600",
            "files sent within a clock hour at most, up to 3600",
        ),
        "1/h",
    ),
    key(
        Agent,
        "events.listen",
        "",
        "接收其他程序 CloudEvents 的回环地址；须同时设 events.token_file；不设则不接收",
        "a loopback address for CloudEvents of other programs; needs events.token_file; unset: none are taken",
    ),
    key(
        Agent,
        "events.token_file",
        "",
        "存放令牌的文件，送事件的程序须出示；首次启动时自动生成，仅属主可读",
        "file with the bearer token that programs show; made at the first start, only its owner may read it",
    ),
    key(
        Agent,
        "console.listen",
        "",
        "浏览器值班台的回环地址；不设则不开；账户由 `liandong console add` 建立",
        "a loopback address for the duty desk in a browser; unset: none is served; accounts are made by `liandong console add`",
    ),
    key(
        Agent,
        "officer.name",
        "",
        "值班人姓名：草稿和签收未写明时使用",
        "name of whoever is on duty, where a draft or an acknowledgement does not say it",
    ),
    key(
        Agent,
        "officer.role",
        "DUTY_OFFICER",
        "值班人岗位：草稿未写明时使用",
        "role of whoever is on duty, where the draft does not say it",
    ),
    key(Agent, "officer.duty_phone", "", "值班电话，随每条消息发出", "telephone of the desk, sent with every message"),
    key(Agent, "officer.language", "zh-CN", "正文的语言（BCP 47）", "language of bodies, BCP 47"),
    amount(key(Agent, "officer.utc_offset_min", "480", "与协调世界时相差多少", "how far ahead of UTC"), "min"),
];
