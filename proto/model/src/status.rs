//! What a message is in its thread, and whether it is real.

use crate::numbered::numbered;

numbered! {
    /// Real or not. There is no draft on the wire.
    pub enum Status as "status" {
        /// Real.
        Actual = 1, "ACTUAL", "实战";
        /// Part of a drill; never touches anything real.
        Exercise = 2, "EXERCISE", "演练";
        /// About the system itself.
        System = 3, "SYSTEM", "系统";
        /// Tests a line; nobody acts on it.
        Test = 4, "TEST", "测试";
    }
}

numbered! {
    /// What a message does to its thread.
    pub enum Action as "action" {
        /// Starts a thread.
        Originate = 1, "ORIGINATE", "首发";
        /// A newer revision by the same author.
        Update = 2, "UPDATE", "更新";
        /// Takes it back, by the same author.
        Cancel = 3, "CANCEL", "取消";
        /// Answers another's message.
        Reply = 4, "REPLY", "答复";
        /// Objects to a message that was not lawful.
        Error = 5, "ERROR", "差错";
    }
}

numbered! {
    /// Whether a reply settles the matter.
    pub enum Answer as "answer" {
        /// A final word.
        Definite = 1, "DEFINITE", "明确答复";
        /// Not yet: still checking.
        StillChecking = 2, "STILL_CHECKING", "正在核实";
        /// Not yet: deferred to a stated time.
        Defer = 3, "DEFER", "暂缓答复";
        /// Not yet: an authority must approve.
        NeedApproval = 4, "NEED_APPROVAL", "待批准";
    }
}

impl Answer {
    /// Not the final word.
    pub const fn is_interim(self) -> bool {
        !matches!(self, Self::Definite)
    }
}
