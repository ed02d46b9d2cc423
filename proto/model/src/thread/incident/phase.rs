//! Where the reports of an incident stand, and which report leads where.

use super::{Facts, ReportType};
use crate::{
    invalid::Invalid,
    numbered::numbered,
    thread::{StateName, wrong_sequence},
};

numbered! {
    /// Where the reports of an incident stand. On no wire; the number is its place in the catalogue's row.
    pub enum Phase as "phase" {
        /// The first report is there.
        Reported = 1, "REPORTED", "已初报";
        /// It goes on.
        Open = 2, "OPEN", "续报中";
        /// The emergency is over; the final report is owed.
        Resolved = 3, "RESOLVED", "险情已解除";
        /// The final report is there.
        Final = 4, "FINAL", "已终报";
        /// Casualties changed after it.
        Supplemented = 5, "SUPPLEMENTED", "已补报";
        /// The time for changes of casualties is over.
        Closed = 6, "CLOSED", "已结案";
        /// It was not true.
        Refuted = 7, "REFUTED", "不属实";
        /// It is reported under another id.
        Merged = 8, "MERGED", "已并入";
        /// Its author took it back.
        Cancelled = 9, "CANCELLED", "已撤销";
    }
}

impl Phase {
    /// Whether an emergency lasts, as far as was reported.
    pub const fn is_ongoing(self) -> bool {
        matches!(self, Self::Reported | Self::Open)
    }

    /// The state that a report presumes which arrives before all others: those before it gave way to it on their way.
    pub(super) const fn before(report: ReportType) -> Self {
        match report {
            ReportType::Initial | ReportType::FollowUp => Self::Reported,
            ReportType::Final => Self::Resolved,
            ReportType::Supplement => Self::Final,
        }
    }

    /// Where a report leads, in the order of the law: first, follow-ups, final, supplements. A follow-up after the
    /// emergency that does not say it is over says that it goes on.
    pub(super) fn reported(self, facts: &Facts) -> Result<Self, Invalid> {
        let wrong = |field: &'static str, rule: &'static str| {
            Err(wrong_sequence(field, rule, format!("{} in {}", facts.report_type, self)))
        };
        match (facts.report_type, self) {
            (ReportType::Initial, _) => wrong("body.report_type", "K01.initial_once"),
            (ReportType::Final | ReportType::Supplement, _) if facts.resolved => {
                wrong("body.resolved", "K01.resolved_by_follow_up")
            }
            (ReportType::FollowUp, Self::Reported | Self::Open) if facts.refuted => Ok(Self::Refuted),
            _ if facts.refuted => wrong("body.verification_state", "K01.refuted_while_open"),
            (ReportType::FollowUp, Self::Reported | Self::Open | Self::Resolved) => {
                Ok(if facts.resolved { Self::Resolved } else { Self::Open })
            }
            (ReportType::FollowUp, _) => wrong("body.report_type", "K01.follow_up_before_final"),
            (ReportType::Final, Self::Resolved) => Ok(Self::Final),
            (ReportType::Final, _) => wrong("body.report_type", "K01.final_after_resolved"),
            (ReportType::Supplement, Self::Final | Self::Supplemented) => Ok(Self::Supplemented),
            (ReportType::Supplement, _) => wrong("body.report_type", "K01.supplement_after_final"),
        }
    }

    pub(super) const fn shown(self) -> StateName {
        let over = matches!(self, Self::Closed | Self::Refuted | Self::Merged | Self::Cancelled);
        StateName { name: self.name(), zh: self.zh(), over }
    }
}
