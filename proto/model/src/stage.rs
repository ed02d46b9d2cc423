//! The stages of a delivery, and what is noted beside them.

use crate::numbered::numbered;

numbered! {
    /// A stage in the life of a delivery. The positive ones, `Accepted` to `Answered`, stand in their order.
    pub enum Stage as "stage" {
        /// The broker's journal has it.
        Accepted = 1, "ACCEPTED", "已受理";
        /// The recipient agent's journal has it.
        Delivered = 2, "DELIVERED", "已送达";
        /// A person has opened it.
        Opened = 3, "OPENED", "已打开";
        /// 签收: a person has it.
        Acknowledged = 4, "ACKNOWLEDGED", "已签收";
        /// 研究中: an answer will come either way.
        WillAnswer = 5, "WILL_ANSWER", "研究中";
        /// A definite reply was accepted.
        Answered = 6, "ANSWERED", "已答复";
        /// Its time passed before it could be handed over.
        Expired = 7, "EXPIRED", "已失效";
        /// The recipient or the broker refused it.
        Refused = 8, "REFUSED", "被拒收";
        /// Five hand-overs failed.
        Dead = 9, "DEAD", "投递失败";
        /// Cancelled or replaced by its author before it was handed over.
        Recalled = 10, "RECALLED", "已撤回";
    }
}

impl Stage {
    /// A negative end: it was never handed over.
    pub const fn is_negative(self) -> bool {
        matches!(self, Self::Expired | Self::Refused | Self::Dead | Self::Recalled)
    }

    /// Whether the stage is reached by a person, whose name then stands in the receipt.
    pub const fn needs_officer(self) -> bool {
        matches!(self, Self::Opened | Self::Acknowledged | Self::WillAnswer)
    }

    /// Whether a delivery at this stage meets the acknowledge deadline.
    pub const fn acknowledges(self) -> bool {
        matches!(self, Self::Acknowledged | Self::WillAnswer | Self::Answered)
    }
}

numbered! {
    /// Why a jurisdiction gets an envelope.
    pub enum As as "as" {
        /// Addressed.
        To = 1, "TO", "主送";
        /// Copied as a common superior; owes DELIVERED only.
        CcSuperior = 2, "CC_SUPERIOR", "抄送上级";
    }
}

numbered! {
    /// What the broker noticed about an envelope it accepted all the same.
    pub enum Flag as "flag" {
        /// The sender's clock was off by more than 120 s.
        ClockSkew = 1, "CLOCK_SKEW", "时钟偏差";
        /// A revision before this one has not arrived yet.
        RevisionGap = 2, "REVISION_GAP", "修订缺口";
        /// The message it refers to is unknown to the broker.
        Orphan = 3, "ORPHAN", "前序未知";
        /// Over the sender's FLASH budget: carried as IMMEDIATE.
        FlashBudget = 4, "FLASH_BUDGET", "特提超额";
        /// Outside any agreement.
        OutsideAgreement = 5, "OUTSIDE_AGREEMENT", "协议外";
        /// The directory in force is past its expiry.
        TrustStale = 6, "TRUST_STALE", "目录过期";
    }
}

numbered! {
    /// How an envelope came to its recipient.
    pub enum Transport as "transport" {
        /// Over the link; what an unset field means.
        Link = 1, "LINK", "链路";
        /// On a carried bundle.
        Carried = 2, "CARRIED", "携行";
    }
}
