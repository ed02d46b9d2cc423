//! The rows of the catalogue's table of kinds.

use std::time::Duration;

use super::{
    Cover,
    Family::{self, A0, A1, A2, A3, A4, A5},
    Incident::{self, Optional, Required},
    Kind, KindFacts,
    OwedWhen::{self, Asked, BodySays},
    Owes,
    SignOff::{self, Always, Grave},
    Skipping,
    Urgency::{self, AsCause, ByColour, ByLevel},
};
use crate::{
    deadline::DeadlineName::{self, D09, D10, D12, D13, D15, D16, D19, D20, D21, D22},
    limits,
    precedence::Precedence,
    stage::Stage,
};

const HOUR: u64 = 3600;
const DAY: u64 = 24 * HOUR;
const LONGEST: u64 = limits::LIFE_MAX.as_secs();

const DELIVERED: Option<Stage> = Some(Stage::Delivered);
const OPENED: Option<Stage> = Some(Stage::Opened);
const ACKNOWLEDGED: Option<Stage> = Some(Stage::Acknowledged);
const ROUTINE: Urgency = Urgency::Fixed(Precedence::Routine);
const IMMEDIATE: Urgency = Urgency::Fixed(Precedence::Immediate);

/// A kind that owes nothing and asks for nothing but its stage.
const fn row(kind: Kind, family: Family, stage: Option<Stage>, urgency: Urgency, life_seconds: u64) -> KindFacts {
    KindFacts {
        kind,
        family,
        incident: Incident::Never,
        cover: Cover::Free,
        sign_off: SignOff::Never,
        stage,
        owes: None,
        urgency,
        life: Duration::from_secs(life_seconds),
        skipping: Skipping::Newest,
    }
}

impl KindFacts {
    const fn incident(mut self, incident: Incident) -> Self {
        self.incident = incident;
        self
    }

    const fn covered(mut self) -> Self {
        self.cover = Cover::Required;
        self
    }

    const fn signed(mut self, sign_off: SignOff) -> Self {
        self.sign_off = sign_off;
        self
    }

    const fn owes(mut self, reply: Kind, deadline: Option<DeadlineName>, when: OwedWhen) -> Self {
        self.owes = Some(Owes { reply, deadline, when });
        self
    }

    const fn never_skipped(mut self) -> Self {
        self.skipping = Skipping::Never;
        self
    }
}

pub(super) const FIRST: KindFacts =
    row(Kind::IncidentReport, A1, ACKNOWLEDGED, ByLevel, 72 * HOUR).incident(Required).signed(Grave).never_skipped();

/// Every kind, in the catalogue's order. K03's incident is required only when its finding says so, which the desk
/// knows; K07's and K11's likewise.
pub static TABLE: &[KindFacts] = &[
    FIRST,
    row(Kind::VerificationRequest, A1, ACKNOWLEDGED, IMMEDIATE, 72 * HOUR).incident(Optional).signed(Grave).owes(
        Kind::VerificationReply,
        Some(D09),
        Asked,
    ),
    row(Kind::VerificationReply, A1, ACKNOWLEDGED, IMMEDIATE, 72 * HOUR)
        .incident(Optional)
        .signed(Grave)
        .never_skipped(),
    row(Kind::Alert, A1, ACKNOWLEDGED, ByColour, LONGEST).incident(Optional).signed(Always).never_skipped(),
    row(Kind::SituationReport, A1, OPENED, ByLevel, 24 * HOUR).incident(Required).signed(Grave),
    row(Kind::DutyReport, A0, DELIVERED, ROUTINE, 48 * HOUR),
    row(Kind::Bulletin, A1, OPENED, ByLevel, 7 * DAY).incident(Optional).signed(Grave),
    row(Kind::CatalogueChange, A2, None, ROUTINE, LONGEST),
    row(Kind::ResourceRequest, A2, ACKNOWLEDGED, ByLevel, LONGEST).incident(Optional).covered().signed(Grave).owes(
        Kind::ResourceOffer,
        Some(D10),
        Asked,
    ),
    row(Kind::ResourceOffer, A2, ACKNOWLEDGED, ByLevel, 28 * HOUR).incident(Optional).covered().signed(Grave).owes(
        Kind::ResourceDecision,
        Some(D12),
        BodySays,
    ),
    row(Kind::ResourceDecision, A2, ACKNOWLEDGED, ByLevel, 72 * HOUR)
        .incident(Required)
        .covered()
        .signed(Always)
        .owes(Kind::ResourceCommitment, Some(D13), BodySays)
        .never_skipped(),
    row(Kind::ResourceCommitment, A2, ACKNOWLEDGED, ByLevel, 72 * HOUR)
        .incident(Required)
        .covered()
        .signed(Always)
        .never_skipped(),
    row(Kind::DeploymentStatus, A2, DELIVERED, ByLevel, 72 * HOUR).incident(Required).covered().owes(
        Kind::DeploymentStatus,
        None,
        BodySays,
    ),
    row(Kind::Extension, A2, ACKNOWLEDGED, ByLevel, 72 * HOUR).incident(Required).covered().signed(Grave).owes(
        Kind::Extension,
        Some(D19),
        Asked,
    ),
    row(Kind::ReleaseReturn, A2, ACKNOWLEDGED, ByLevel, 72 * HOUR).incident(Required).covered().signed(Grave).owes(
        Kind::ReleaseReturn,
        Some(D19),
        Asked,
    ),
    row(Kind::CostStatement, A2, ACKNOWLEDGED, ROUTINE, LONGEST).incident(Required).covered().signed(Always).owes(
        Kind::CostStatement,
        Some(D20),
        BodySays,
    ),
    row(Kind::ActionRequest, A3, ACKNOWLEDGED, ByLevel, 72 * HOUR).incident(Required).covered().signed(Grave).owes(
        Kind::ActionResponse,
        Some(D15),
        Asked,
    ),
    row(Kind::ActionResponse, A3, ACKNOWLEDGED, ByLevel, 72 * HOUR).incident(Required).covered().signed(Always),
    row(Kind::ActionStatus, A3, DELIVERED, ByLevel, 72 * HOUR).incident(Required).covered(),
    row(Kind::ConsultationCall, A3, ACKNOWLEDGED, IMMEDIATE, 2 * HOUR).incident(Required).signed(Grave).owes(
        Kind::ConsultationCall,
        Some(D16),
        Asked,
    ),
    row(Kind::ConsultationConclusion, A3, ACKNOWLEDGED, ByLevel, 72 * HOUR).incident(Required).signed(Grave).owes(
        Kind::ConsultationConclusion,
        None,
        Asked,
    ),
    row(Kind::DrillInvitation, A4, ACKNOWLEDGED, ROUTINE, LONGEST).signed(Always).owes(
        Kind::DrillReply,
        Some(D21),
        Asked,
    ),
    row(Kind::DrillReply, A4, ACKNOWLEDGED, ROUTINE, LONGEST),
    row(Kind::DrillPlan, A4, OPENED, ROUTINE, LONGEST),
    row(Kind::DrillControl, A4, ACKNOWLEDGED, Urgency::Fixed(Precedence::Flash), HOUR / 2).never_skipped(),
    row(Kind::DrillInject, A4, DELIVERED, AsCause, HOUR / 2).incident(Optional),
    row(Kind::DrillEvaluation, A4, OPENED, ROUTINE, LONGEST).signed(Grave),
    row(Kind::MeetingNotice, A5, ACKNOWLEDGED, ROUTINE, LONGEST).signed(Always).owes(
        Kind::MeetingReply,
        Some(D22),
        Asked,
    ),
    row(Kind::MeetingReply, A5, DELIVERED, ROUTINE, LONGEST),
    row(Kind::AgendaChange, A5, None, ROUTINE, LONGEST),
    row(Kind::AgendaChanged, A5, DELIVERED, ROUTINE, LONGEST),
    row(Kind::Minutes, A5, ACKNOWLEDGED, ROUTINE, LONGEST).signed(Always).owes(Kind::Minutes, Some(D22), Asked),
    row(Kind::ActionItem, A5, OPENED, ROUTINE, LONGEST),
    row(Kind::Handover, A5, ACKNOWLEDGED, ROUTINE, LONGEST).signed(Always),
    row(Kind::Error, A0, DELIVERED, AsCause, 7 * DAY),
    row(Kind::Agreement, A0, ACKNOWLEDGED, ROUTINE, LONGEST).signed(Always).owes(Kind::Agreement, None, Asked),
    row(Kind::DirectoryChange, A0, None, ROUTINE, LONGEST),
    row(Kind::AuditCheckpoint, A0, DELIVERED, ROUTINE, LONGEST).owes(Kind::AuditCheckpoint, None, Asked),
    row(Kind::DeadlineNotice, A0, DELIVERED, AsCause, 72 * HOUR).incident(Optional),
];
