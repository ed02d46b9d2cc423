//! Sorts of faults, with their words.

/// What may be wrong with evidence. The names are stable: programs read them.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Sort {
    /// It is no file of evidence.
    NoEvidence,
    /// It is longer than any.
    TooLong,
    /// A part cannot be read.
    Unreadable,
    /// It ends too early.
    Truncated,
    /// A part is not the one that was written.
    Edited,
    /// A part that was written is not there.
    Deleted,
    /// A part that was not written is there.
    Added,
    /// The parts do not stand in the order in which they were written.
    Reordered,
    /// There is no summary.
    NoSummary,
    /// There are no signed files.
    NoTrust,
    /// The signed files do not hold.
    Untrusted,
    /// The signed files hold, under another root than the one that was named.
    OtherRoot,
    /// There is no message.
    NoMessage,
    /// It is about another message.
    OtherMessage,
    /// It is about this message with another content.
    OtherContent,
    /// A signature does not hold.
    BadSeal,
    /// A receipt says what its author may not say.
    NotTheirs,
    /// A receipt names one before it that is not there.
    Unchained,
    /// A record is not under the head that it is said to be under.
    NotInTree,
    /// A record holds nothing of what the file is about.
    OtherRecord,
    /// Two heads of one tree do not join.
    Forked,
}

impl Sort {
    /// Its name, for programs.
    pub const fn name(self) -> &'static str {
        self.row().0
    }

    /// What it means, in Chinese and in English.
    pub const fn texts(self) -> (&'static str, &'static str) {
        let (_, zh, en) = self.row();
        (zh, en)
    }

    const fn row(self) -> (&'static str, &'static str, &'static str) {
        match self {
            Self::NoEvidence => ("NO_EVIDENCE", "这不是证据文件", "this is no file of evidence"),
            Self::TooLong => {
                ("TOO_LONG", "文件过大，不是本系统写出的证据文件", "the file is longer than any file of evidence")
            }
            Self::Unreadable => (
                "UNREADABLE",
                "此处内容无法读取，已被改动或损坏",
                "what stands here cannot be read: it was changed or damaged",
            ),
            Self::Truncated => {
                ("TRUNCATED", "文件不完整，后面的部分缺失", "the file ends too early: what follows is missing")
            }
            Self::Edited => {
                ("EDITED", "此处内容与写出时不同，已被改动", "what stands here is not what was written: it was changed")
            }
            Self::Deleted => ("DELETED", "写出时此处的内容已被删去", "what was written here was taken out"),
            Self::Added => ("ADDED", "此处多出写出时没有的内容", "what stands here was not written: it was put in"),
            Self::Reordered => (
                "REORDERED",
                "各部分的顺序与写出时不同",
                "the parts do not stand in the order in which they were written",
            ),
            Self::NoSummary => ("NO_SUMMARY", "缺少文件摘要", "the summary is missing"),
            Self::NoTrust => (
                "NO_TRUST",
                "缺少签名的信任文件，无法核验",
                "the signed files of the region are missing: nothing can be checked",
            ),
            Self::Untrusted => (
                "UNTRUSTED",
                "所附信任文件的签名不成立，无法核验",
                "the signed files of the region do not hold: nothing can be checked",
            ),
            Self::OtherRoot => {
                ("OTHER_ROOT", "所附信任文件不属于指定的根", "the signed files are not under the root that was named")
            }
            Self::NoMessage => ("NO_MESSAGE", "缺少消息原文", "the message is missing"),
            Self::OtherMessage => ("OTHER_MESSAGE", "属于另一条消息", "this is about another message"),
            Self::OtherContent => (
                "OTHER_CONTENT",
                "回执所指的内容与消息原文不同",
                "this receipt is about another content of the message",
            ),
            Self::BadSeal => ("BAD_SEAL", "签名不成立", "the signature does not hold"),
            Self::NotTheirs => ("NOT_THEIRS", "出具回执的单位无权证明这一环节", "its author has no right to say this"),
            Self::Unchained => ("UNCHAINED", "回执所接续的上一份回执缺失", "the receipt before this one is missing"),
            Self::NotInTree => {
                ("NOT_IN_TREE", "记录不在所称的审计树中", "the record is not in the evidence tree that is named")
            }
            Self::OtherRecord => ("OTHER_RECORD", "记录内容与本消息无关", "the record holds nothing of this message"),
            Self::Forked => (
                "FORKED",
                "同一审计树的两个树头不一致，历史记录被改动",
                "two heads of one evidence tree do not join: history was changed",
            ),
        }
    }
}
