//! The posts at a desk.

use crate::numbered::numbered;

numbered! {
    /// A post at a desk.
    pub enum Role as "role" {
        /// 值班员.
        DutyOfficer = 1, "DUTY_OFFICER", "值班员";
        /// 带班领导.
        ShiftLeader = 2, "SHIFT_LEADER", "带班领导";
        /// 现场指挥.
        Commander = 3, "COMMANDER", "现场指挥";
        /// 资源管理.
        ResourceManager = 4, "RESOURCE_MANAGER", "资源管理";
        /// 专家.
        Expert = 5, "EXPERT", "专家";
        /// 导调.
        DrillController = 6, "DRILL_CONTROLLER", "导调";
        /// 评估.
        Evaluator = 7, "EVALUATOR", "评估";
        /// 联席会议秘书处; valid only in the chair's jurisdiction.
        Secretariat = 8, "SECRETARIAT", "联席会议秘书处";
        /// The program itself.
        System = 9, "SYSTEM", "系统";
    }
}

impl Role {
    /// May put a name under what needs a sign-off 签发.
    pub const fn signs_off(self) -> bool {
        matches!(self, Self::ShiftLeader | Self::Commander)
    }
}
