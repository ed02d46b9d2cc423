//! What a person at the desk should do, as far as the program can tell.

use sha2::{Digest as _, Sha256};

use crate::{
    ids::{Digest, JurisdictionId, MessageId},
    numbered::numbered,
};

numbered! {
    /// A sort of task.
    pub enum TaskKind as "task" {
        /// Half of the time for something that we owe is gone.
        Remind = 1, "REMIND", "时限过半";
        /// Something that we owe is overdue: the shift leader's.
        Overdue = 2, "OVERDUE", "已超时";
        /// What we are owed is overdue: telephone.
        CallByPhone = 3, "CALL_BY_PHONE", "请电话催办";
        /// A grave message meets a dead link: telephone at once.
        VoiceFallback = 4, "VOICE_FALLBACK", "链路中断，请立即电话通知";
        /// Two jurisdictions give different figures, or the counts propose a graver level.
        Discrepancy = 5, "DISCREPANCY", "数据不一致";
        /// A duty report is missing.
        Missing = 6, "MISSING", "值班报告缺报";
        /// Nobody is on duty in a role.
        NobodyOnDuty = 7, "NOBODY_ON_DUTY", "无人值守";
        /// A neighbour's step was out of order and was marked.
        OutOfOrder = 8, "OUT_OF_ORDER", "收到次序不符的信息";
        /// What overdue duties of others came to: both leaders and the superior are told.
        Escalated = 9, "ESCALATED", "已逐级上报";
        /// The broker refused a message of ours: it reached nobody.
        Refused = 10, "REFUSED", "中心拒收，未送达任何单位";
        /// A rule of this desk tells a person of something.
        Notified = 11, "NOTIFIED", "规则提示";
        /// A message of ours expired while something was owed on it.
        Lapsed = 12, "LAPSED", "已过有效期，对方仍未处理";
        /// The evidence tree of the broker or of a neighbour does not continue what was known of it: history was changed.
        AuditDivergence = 13, "AUDIT_DIVERGENCE", "审计树头不一致，历史记录被改动";
    }
}

/// The id of a task about figures that differ, by a digest of who says what.
pub fn figures_task_id(said: &Digest) -> [u8; 16] {
    let mut hasher = Sha256::new();
    hasher.update(b"LIANDONG-V1-FIGURES");
    hasher.update(said.0);
    Digest(hasher.finalize().into()).half()
}

/// The id of the task about a head that does not join the one that was known.
pub fn divergence_task_id(known: &Digest, other: &Digest) -> [u8; 16] {
    let mut hasher = Sha256::new();
    hasher.update(b"LIANDONG-V1-DIVERGENCE");
    hasher.update(known.0);
    hasher.update(other.0);
    Digest(hasher.finalize().into()).half()
}

/// The id of a task that no deadline raised: the same for the same cause, so it exists once.
pub fn task_id(kind: TaskKind, message: MessageId, about: Option<&JurisdictionId>) -> [u8; 16] {
    let mut hasher = Sha256::new();
    hasher.update(b"LIANDONG-V1-TASK");
    hasher.update(kind.name());
    hasher.update(message.as_bytes());
    hasher.update(about.map_or("", JurisdictionId::as_str));
    Digest(hasher.finalize().into()).half()
}
