//! What the machine needs of K01.

use crate::{count::Casualties, ids::Digest, numbered::numbered, place::Place, time::Timestamp};

numbered! {
    /// The four reports of one incident.
    pub enum ReportType as "report_type" {
        /// The first report, which may be short.
        Initial = 1, "INITIAL", "初报";
        /// What is new since then.
        FollowUp = 2, "FOLLOW_UP", "续报";
        /// The whole course, the cause and the totals.
        Final = 3, "FINAL", "终报";
        /// A change of casualties after that.
        Supplement = 4, "SUPPLEMENT", "补报";
    }
}

/// K01, as far as the machine goes by it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Facts {
    /// Which of the four.
    pub report_type: ReportType,
    /// Counts follow-ups from 1, and supplements on their own; 0 for the other two.
    pub sequence_no: u32,
    /// When it happened.
    pub occurred_at: Timestamp,
    /// When the author first learned of it.
    pub known_at: Timestamp,
    /// When it was telephoned upwards.
    pub phone_reported_at: Option<Timestamp>,
    /// Where.
    pub place: Place,
    /// People.
    pub casualties: Casualties,
    /// Direct loss.
    pub loss_yuan: Option<u64>,
    /// The emergency is over.
    pub resolved: bool,
    /// It is not true.
    pub refuted: bool,
    /// Somebody says why an earlier figure was wrong.
    pub corrects: bool,
    /// The course so far, as a digest; none when it is not told.
    pub course: Option<Digest>,
    /// Everything else that a reader learns, figures without their times included, as a digest: two reports with the same
    /// one say the same.
    pub substance: Digest,
}
