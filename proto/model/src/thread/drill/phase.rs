//! Where a drill stands, and which order or review leads where.

use super::super::StateName;
use crate::{header::DrillControl, numbered::numbered};

numbered! {
    /// Where a drill stands. Before its first invitation it is PLANNED at the organiser's desk, and nothing has been
    /// said. On no wire; the number is its place in the catalogue's row.
    pub enum Phase as "phase" {
        /// Answers are awaited.
        Invited = 1, "INVITED", "已邀请";
        /// Everybody has said whether it comes.
        Confirmed = 2, "CONFIRMED", "已确认";
        /// It is played by this plan.
        PlanFrozen = 3, "PLAN_FROZEN", "脚本已冻结";
        /// Live.
        Startex = 4, "STARTEX", "演练中";
        /// Live, and its clock stands still.
        Pausex = 5, "PAUSEX", "已暂停";
        /// Live again.
        Resume = 6, "RESUME", "已恢复";
        /// Over; its traffic still passes for a day.
        Endex = 7, "ENDEX", "已结束";
        /// Talked over on the day.
        Hotwash = 8, "HOTWASH", "现场讲评";
        /// The review is written and open to remarks.
        ReviewDraft = 9, "REVIEW_DRAFT", "评估初稿";
        /// The review is settled.
        ReviewFinal = 10, "REVIEW_FINAL", "评估定稿";
        /// What it showed is being mended.
        Improving = 11, "IMPROVING", "整改中";
        /// Nothing is left to do.
        Closed = 12, "CLOSED", "已结案";
        /// A real emergency ended it; it may still be reviewed.
        Aborted = 13, "ABORTED", "因真实险情中止";
        /// Called off before it began.
        Cancelled = 14, "CANCELLED", "已取消";
    }
}

numbered! {
    /// How far a review is.
    pub enum Review as "stage" {
        /// Said on the day.
        Hotwash = 1, "HOTWASH", "现场讲评";
        /// Open to remarks.
        Draft = 2, "REVIEW_DRAFT", "评估初稿";
        /// Settled.
        Final = 3, "REVIEW_FINAL", "评估定稿";
    }
}

impl Phase {
    /// Exercise traffic is being played.
    pub const fn is_live(self) -> bool {
        matches!(self, Self::Startex | Self::Pausex | Self::Resume)
    }

    /// Dates and participants may still change.
    pub const fn is_ahead(self) -> bool {
        matches!(self, Self::Invited | Self::Confirmed | Self::PlanFrozen)
    }

    /// Where an order leads; none where it is not lawful.
    pub const fn ordered(self, control: DrillControl) -> Option<Self> {
        match (control, self) {
            (DrillControl::Startex, Self::PlanFrozen) => Some(Self::Startex),
            (DrillControl::Pausex, Self::Startex | Self::Resume) => Some(Self::Pausex),
            (DrillControl::Resume, Self::Pausex) => Some(Self::Resume),
            (DrillControl::Endex, Self::Startex | Self::Pausex | Self::Resume) => Some(Self::Endex),
            // an end and an abort may cross: whichever is first, the drill is aborted
            (DrillControl::AbortRealEmergency, Self::Startex | Self::Pausex | Self::Resume | Self::Endex) => {
                Some(Self::Aborted)
            }
            (DrillControl::TimeJump, Self::Startex | Self::Pausex | Self::Resume) => Some(self),
            _ => None,
        }
    }

    /// Where a review leads; none where it is not lawful. A stage may be corrected until the next one.
    pub const fn reviewed(self, review: Review) -> Option<Self> {
        match (review, self) {
            (Review::Hotwash, Self::Endex | Self::Aborted | Self::Hotwash) => Some(Self::Hotwash),
            (Review::Draft, Self::Endex | Self::Aborted | Self::Hotwash | Self::ReviewDraft) => Some(Self::ReviewDraft),
            (Review::Final, Self::ReviewDraft | Self::ReviewFinal) => Some(Self::ReviewFinal),
            _ => None,
        }
    }

    pub(super) const fn shown(self) -> StateName {
        let over = matches!(self, Self::Closed | Self::Cancelled);
        StateName { name: self.name(), zh: self.zh(), over }
    }
}

/// The rule that an order breaks where it is not lawful.
pub(super) const fn rule_of(control: DrillControl) -> &'static str {
    match control {
        DrillControl::Startex => "K33.startex",
        DrillControl::Pausex => "K33.pausex",
        DrillControl::Resume => "K33.resume",
        DrillControl::Endex => "K33.endex",
        DrillControl::AbortRealEmergency => "K33.abort",
        DrillControl::TimeJump => "K33.time_jump",
    }
}
