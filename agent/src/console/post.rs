//! The posts in which a person may sit at the console: the catalogue's roles, and three that keep the house and never act
//! for the desk.

use std::{fmt, str::FromStr};

use model::{invalid::Invalid, role::Role};

/// A post.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Post {
    /// One of the desk's.
    Desk(Role),
    /// 系统管理.
    SystemAdmin,
    /// 安全管理.
    SecurityAdmin,
    /// 审计.
    Auditor,
}

impl Post {
    /// All of them, in the order in which people choose.
    pub const ALL: [Self; 11] = [
        Self::Desk(Role::DutyOfficer),
        Self::Desk(Role::ShiftLeader),
        Self::Desk(Role::Commander),
        Self::Desk(Role::ResourceManager),
        Self::Desk(Role::Expert),
        Self::Desk(Role::DrillController),
        Self::Desk(Role::Evaluator),
        Self::Desk(Role::Secretariat),
        Self::SystemAdmin,
        Self::SecurityAdmin,
        Self::Auditor,
    ];

    /// Its stable name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Desk(role) => role.name(),
            Self::SystemAdmin => "SYSTEM_ADMIN",
            Self::SecurityAdmin => "SECURITY_ADMIN",
            Self::Auditor => "AUDITOR",
        }
    }

    /// Whether it may do something in the jurisdiction's name.
    pub const fn acts_for_the_desk(self) -> bool {
        matches!(self, Self::Desk(_))
    }

    /// Whether a password is not enough: whoever signs off, and whoever keeps the house.
    pub const fn needs_second_factor(self) -> bool {
        match self {
            Self::Desk(role) => role.signs_off(),
            Self::SystemAdmin | Self::SecurityAdmin | Self::Auditor => true,
        }
    }

    /// The key of its name among the texts.
    pub const fn key(self) -> &'static str {
        match self {
            Self::Desk(Role::DutyOfficer) => "post-duty-officer",
            Self::Desk(Role::ShiftLeader) => "post-shift-leader",
            Self::Desk(Role::Commander) => "post-commander",
            Self::Desk(Role::ResourceManager) => "post-resource-manager",
            Self::Desk(Role::Expert) => "post-expert",
            Self::Desk(Role::DrillController) => "post-drill-controller",
            Self::Desk(Role::Evaluator) => "post-evaluator",
            Self::Desk(Role::Secretariat) => "post-secretariat",
            Self::Desk(Role::System) => "post-system",
            Self::SystemAdmin => "post-system-admin",
            Self::SecurityAdmin => "post-security-admin",
            Self::Auditor => "post-auditor",
        }
    }
}

impl fmt::Display for Post {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Post {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let known = Self::ALL.into_iter().find(|post| post.name().eq_ignore_ascii_case(text));
        known.ok_or_else(|| Invalid::code("post", "console.post").detail(text.chars().take(60).collect::<String>()))
    }
}
