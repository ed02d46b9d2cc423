//! Heads and proofs of evidence trees.

use super::Row;

pub(super) const WORDS: &[Row] = &[
    (
        "audit.busy",
        "中心正在为其他单位计算证明。",
        "未作任何更改；稍后自动再试。",
        "The broker is making proofs for others.",
        "Nothing was changed; it is asked again by itself.",
    ),
    (
        "evidence.left",
        "这条消息超过留存期限，正文和回执已按期清除。",
        "如有副本（`audit export` 的证据文件、备份），在那里查阅；其他单位可能留存更久。",
        "This message is older than evidence is kept: what it said and its receipts have left.",
        "Look into what was exported (`audit export`) or backed up; others may keep it longer.",
    ),
    (
        "audit.own_head",
        "所示树头不是其所有者签署的。",
        "该树头不作数；检查证据密钥是否属于本单位（`liandong certs show`）。",
        "The head that was shown is not its owner's.",
        "It does not count; check whose evidence key is used (`liandong certs show`).",
    ),
    (
        "audit.record",
        "没有这条记录，或它与本单位无关。",
        "核对位置；只能证明本单位发出、收到或报送的记录。",
        "There is no such record, or it does not concern you.",
        "Check the position; only records of what you sent, got or handed in are proved to you.",
    ),
    (
        "audit.size",
        "审计树没有这样的大小。",
        "先用 `liandong audit heads` 查看树头，再按其中的记录数查询。",
        "The evidence tree has no such size.",
        "Look at the heads with `liandong audit heads`, and ask for a size that one of them names.",
    ),
    (
        "audit.unproved",
        "日志有记录缺失或损坏，无法给出证明。",
        "用 `liandong audit verify DIR` 找出缺失之处，保全状态目录。",
        "Records of the journal are lost or damaged, so no proof can be given.",
        "`liandong audit verify DIR` names the place; keep the state directory.",
    ),
    (
        "audit.witness",
        "会签只能由会签单位自己提交，且只针对中心的树头。",
        "该会签不作数；升级程序后再试。",
        "A countersignature is brought by the witness itself, and only under a head of the broker.",
        "It does not count; upgrade the program and try again.",
    ),
];
