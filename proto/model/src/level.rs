//! How grave, of what colour, of what sort, and for whom: scales that are never merged.

use crate::numbered::numbered;

numbered! {
    /// What happened, by size 事件分级. Graver is smaller in order; `L0` comes last and counts as `L4`.
    pub enum EventLevel as "event_level" {
        /// 特别重大 Ⅰ.
        L1 = 1, "L1", "特别重大（Ⅰ级）";
        /// 重大 Ⅱ.
        L2 = 2, "L2", "重大（Ⅱ级）";
        /// 较大 Ⅲ.
        L3 = 3, "L3", "较大（Ⅲ级）";
        /// 一般 Ⅳ.
        L4 = 4, "L4", "一般（Ⅳ级）";
        /// Not yet graded.
        L0 = 5, "L0", "未定级";
    }
}

impl EventLevel {
    /// Ⅰ to Ⅲ: a leader signs off, and common superiors are copied.
    pub const fn is_grave(self) -> bool {
        matches!(self, Self::L1 | Self::L2 | Self::L3)
    }

    /// Ⅰ and Ⅱ: a dead link asks for a telephone call, and what expires unread is a breach.
    pub const fn is_gravest(self) -> bool {
        matches!(self, Self::L1 | Self::L2)
    }

    /// Its column in a row of the deadline tables: L1, L2, L3, and one for all others.
    pub const fn in_row<T: Copy>(self, row: [T; 4]) -> T {
        let [l1, l2, l3, rest] = row;
        match self {
            Self::L1 => l1,
            Self::L2 => l2,
            Self::L3 => l3,
            Self::L4 | Self::L0 => rest,
        }
    }
}

numbered! {
    /// What may come, by colour 预警级别.
    pub enum WarningLevel as "warning_level" {
        /// 红.
        Red = 1, "RED", "红色";
        /// 橙.
        Orange = 2, "ORANGE", "橙色";
        /// 黄.
        Yellow = 3, "YELLOW", "黄色";
        /// 蓝.
        Blue = 4, "BLUE", "蓝色";
    }
}

impl WarningLevel {
    /// The column of the deadline tables that belongs to the colour. The scales stay two scales all the same.
    pub const fn column(self) -> EventLevel {
        match self {
            Self::Red => EventLevel::L1,
            Self::Orange => EventLevel::L2,
            Self::Yellow => EventLevel::L3,
            Self::Blue => EventLevel::L4,
        }
    }
}

numbered! {
    /// What sort of event.
    pub enum Category as "category" {
        /// 自然灾害.
        Natural = 1, "NATURAL", "自然灾害";
        /// 事故灾难.
        Accident = 2, "ACCIDENT", "事故灾难";
        /// 公共卫生事件.
        PublicHealth = 3, "PUBLIC_HEALTH", "公共卫生";
        /// 社会安全事件.
        SocialSecurity = 4, "SOCIAL_SECURITY", "社会安全";
    }
}

numbered! {
    /// Who may read a message; later in order is narrower. State secrets never travel here.
    pub enum Confidentiality as "confidentiality" {
        /// 公开.
        Public = 1, "PUBLIC", "公开";
        /// 内部.
        Internal = 2, "INTERNAL", "内部";
        /// 敏感.
        Sensitive = 3, "SENSITIVE", "敏感";
    }
}

numbered! {
    /// Whether a body names people.
    pub enum PersonalData as "personal_data" {
        /// No personal data; what an unset field means.
        Absent = 1, "ABSENT", "不含";
        /// Personal data: the header says until when it is kept.
        Present = 2, "PRESENT", "包含";
    }
}
