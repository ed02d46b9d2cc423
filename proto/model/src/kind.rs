//! The catalogue at a glance: every kind with what its header must keep, as one table.

mod table;

use std::time::Duration;

pub use self::table::TABLE;

use crate::{
    deadline::DeadlineName,
    level::{EventLevel, WarningLevel},
    numbered::numbered,
    precedence::Precedence,
    stage::Stage,
};

numbered! {
    /// Which message of the catalogue. The number is the catalogue's: K01 is 1, K58 is 58.
    pub enum Kind as "kind" {
        /// K01.
        IncidentReport = 1, "INCIDENT_REPORT", "突发事件信息报告";
        /// K02.
        VerificationRequest = 2, "VERIFICATION_REQUEST", "核报要求";
        /// K03.
        VerificationReply = 3, "VERIFICATION_REPLY", "核报反馈";
        /// K04.
        Alert = 4, "ALERT", "预警";
        /// K05.
        SituationReport = 5, "SITUATION_REPORT", "态势专报";
        /// K06.
        DutyReport = 6, "DUTY_REPORT", "零报告、日报告";
        /// K07.
        Bulletin = 7, "BULLETIN", "信息通报";
        /// K10.
        CatalogueChange = 10, "CATALOGUE_CHANGE", "应急资源目录修改";
        /// K11.
        ResourceRequest = 11, "RESOURCE_REQUEST", "资源请求";
        /// K12.
        ResourceOffer = 12, "RESOURCE_OFFER", "资源答复";
        /// K13.
        ResourceDecision = 13, "RESOURCE_DECISION", "资源采用决定";
        /// K14.
        ResourceCommitment = 14, "RESOURCE_COMMITMENT", "派遣承诺";
        /// K15.
        DeploymentStatus = 15, "DEPLOYMENT_STATUS", "派遣动态";
        /// K16.
        Extension = 16, "EXTENSION", "延期";
        /// K17.
        ReleaseReturn = 17, "RELEASE_RETURN", "归建与撤回";
        /// K18.
        CostStatement = 18, "COST_STATEMENT", "费用结算";
        /// K20.
        ActionRequest = 20, "ACTION_REQUEST", "联动请求";
        /// K21.
        ActionResponse = 21, "ACTION_RESPONSE", "联动答复";
        /// K22.
        ActionStatus = 22, "ACTION_STATUS", "联动进展";
        /// K23.
        ConsultationCall = 23, "CONSULTATION_CALL", "会商";
        /// K24.
        ConsultationConclusion = 24, "CONSULTATION_CONCLUSION", "会商结论";
        /// K30.
        DrillInvitation = 30, "DRILL_INVITATION", "联合演练邀请";
        /// K31.
        DrillReply = 31, "DRILL_REPLY", "演练回复";
        /// K32.
        DrillPlan = 32, "DRILL_PLAN", "演练脚本";
        /// K33.
        DrillControl = 33, "DRILL_CONTROL", "导调指令";
        /// K34.
        DrillInject = 34, "DRILL_INJECT", "情景注入";
        /// K35.
        DrillEvaluation = 35, "DRILL_EVALUATION", "演练评估";
        /// K40.
        MeetingNotice = 40, "MEETING_NOTICE", "联席会议通知";
        /// K41.
        MeetingReply = 41, "MEETING_REPLY", "会议回执";
        /// K42.
        AgendaChange = 42, "AGENDA_CHANGE", "议程修改";
        /// K43.
        AgendaChanged = 43, "AGENDA_CHANGED", "议程变更提示";
        /// K44.
        Minutes = 44, "MINUTES", "会议纪要";
        /// K45.
        ActionItem = 45, "ACTION_ITEM", "任务督办";
        /// K46.
        Handover = 46, "HANDOVER", "轮值交接";
        /// K51.
        Error = 51, "ERROR", "差错";
        /// K54.
        Agreement = 54, "AGREEMENT", "合作协议";
        /// K55.
        DirectoryChange = 55, "DIRECTORY_CHANGE", "通讯录与值班表修改";
        /// K56.
        AuditCheckpoint = 56, "AUDIT_CHECKPOINT", "审计核对";
        /// K58.
        DeadlineNotice = 58, "DEADLINE_NOTICE", "时限提示";
    }
}

numbered! {
    /// The five aspects of co-operation, and duty and system.
    pub enum Family as "family" {
        /// Information sharing 信息共享.
        A1 = 1, "A1", "信息共享";
        /// Resource sharing 资源共享.
        A2 = 2, "A2", "资源共享";
        /// Coordinated action 协作联动.
        A3 = 3, "A3", "协作联动";
        /// Joint drills 联合演练.
        A4 = 4, "A4", "联合演练";
        /// Joint meetings 联席会议.
        A5 = 5, "A5", "联席会议";
        /// Duty and system. On no wire; the number is its name here only.
        A0 = 6, "A0", "值班与系统";
    }
}

/// Whether a kind names an incident: column *inc*.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Incident {
    /// Always.
    Required,
    /// May; where only the body can tell that it must, the desk does.
    Optional,
    /// Never.
    Never,
}

/// Whether a kind names an agreement: column *agr*.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Cover {
    /// An agreement, or `NONE` with a sign-off.
    Required,
    /// Nothing is asked.
    Free,
}

/// When a kind needs a sign-off: column *sign*.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum SignOff {
    /// A: always.
    Always,
    /// L: at L1–L3, RED–YELLOW.
    Grave,
    /// –: not for its kind; outside any agreement it is needed all the same.
    Never,
}

/// With which precedence a kind usually travels: column *precedence*. The floor of the header binds; this proposes.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Urgency {
    /// As the event level says.
    ByLevel,
    /// As the warning colour says.
    ByColour,
    /// Always this one.
    Fixed(Precedence),
    /// As the message it is about.
    AsCause,
}

/// Whether the header alone tells that a reply is owed.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum OwedWhen {
    /// Every request of the kind owes one (ORIGINATE or UPDATE).
    Asked,
    /// The body decides, so the desks watch it (an offer that offers, a query).
    BodySays,
}

/// The reply that a message of a kind owes: column *owes*.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Owes {
    /// The kind that answers it.
    pub reply: Kind,
    /// By which deadline, where the catalogue has one.
    pub deadline: Option<DeadlineName>,
    /// Whether the header alone tells.
    pub when: OwedWhen,
}

/// Whether an undelivered message gives way to a newer revision of the same author.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Skipping {
    /// It is recalled and the newer one goes alone, with the list of what was skipped.
    Newest,
    /// Every revision is handed over.
    Never,
}

/// A row of the catalogue's table of kinds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct KindFacts {
    /// Which.
    pub kind: Kind,
    /// Which of the five aspects, or duty and system.
    pub family: Family,
    /// Column *inc*.
    pub incident: Incident,
    /// Column *agr*.
    pub cover: Cover,
    /// Column *sign*.
    pub sign_off: SignOff,
    /// Column *stage*: the floor of `receipt_required`; none for document changes, which reach readers by sync.
    pub stage: Option<Stage>,
    /// Column *owes*.
    pub owes: Option<Owes>,
    /// Column *precedence*.
    pub urgency: Urgency,
    /// Column *expires*: the life that a composer proposes, never over 30 days.
    pub life: Duration,
    /// Whether a newer revision may replace it before it is handed over.
    pub skipping: Skipping,
}

impl Kind {
    /// Its row of the catalogue's table.
    pub fn facts(self) -> &'static KindFacts {
        // Every kind has its row (a test counts them); the first stands in so that no path can panic.
        TABLE.iter().find(|row| row.kind == self).unwrap_or(&table::FIRST)
    }

    /// Its number in the catalogue, for example `K01`.
    pub fn code(self) -> String {
        format!("K{:02}", self.number())
    }

    /// Its family.
    pub fn family(self) -> Family {
        self.facts().family
    }

    /// Changes a document (K10, K42, K55) and has no recipients; it reaches readers by sync.
    pub const fn is_document(self) -> bool {
        matches!(self, Self::CatalogueChange | Self::AgendaChange | Self::DirectoryChange)
    }

    /// Real talk *about* a drill, which travels as ACTUAL and may name the drill (K30–K33, K35).
    pub const fn is_about_drill(self) -> bool {
        matches!(
            self,
            Self::DrillInvitation | Self::DrillReply | Self::DrillPlan | Self::DrillControl | Self::DrillEvaluation
        )
    }

    /// May be recalled in favour of a newer revision while it waits. K01, K03, K04, K13, K14 and K33 never are.
    pub fn is_skippable(self) -> bool {
        self.facts().skipping == Skipping::Newest
    }

    /// The stage that every recipient owes at least, at this precedence. None for document changes.
    pub fn stage_floor(self, precedence: Precedence) -> Option<Stage> {
        let facts = self.facts();
        let urgent = precedence.is_urgent() && facts.family != Family::A0;
        facts.stage.map(|stage| if urgent { stage.max(Stage::Acknowledged) } else { stage })
    }

    /// The precedence that a composer proposes: the kind's own, but never below the floor of level and colour.
    pub fn usual_precedence(self, level: Option<EventLevel>, colour: Option<WarningLevel>) -> Precedence {
        let floor = Precedence::floor(level, colour);
        match self.facts().urgency {
            Urgency::ByLevel | Urgency::ByColour | Urgency::AsCause => floor,
            Urgency::Fixed(usual) => floor.min(usual),
        }
    }

    /// Only the broker says it (K51 comes from agents too).
    pub const fn is_of_the_system(self) -> bool {
        matches!(self, Self::Error | Self::AuditCheckpoint | Self::DeadlineNotice)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits;

    #[test]
    fn the_table_has_one_row_for_each_kind_in_the_same_order() {
        let rows: Vec<Kind> = TABLE.iter().map(|row| row.kind).collect();
        assert_eq!(rows, Kind::ALL);
        for kind in Kind::ALL {
            assert_eq!(kind.facts().kind, *kind);
        }
    }

    #[test]
    fn only_document_changes_have_no_stage_and_nothing_lives_over_thirty_days() {
        for row in TABLE {
            assert_eq!(row.stage.is_none(), row.kind.is_document(), "{}", row.kind);
            assert!(row.life <= limits::LIFE_MAX);
        }
    }

    #[test]
    fn six_kinds_are_never_skipped() {
        let never: Vec<i32> = Kind::ALL.iter().filter(|kind| !kind.is_skippable()).map(|kind| kind.number()).collect();
        assert_eq!(never, [1, 3, 4, 13, 14, 33]);
    }

    #[test]
    fn what_is_urgent_must_be_acknowledged_unless_it_is_about_the_system() {
        assert_eq!(Kind::Bulletin.stage_floor(Precedence::Flash), Some(Stage::Acknowledged));
        assert_eq!(Kind::Bulletin.stage_floor(Precedence::Routine), Some(Stage::Opened));
        assert_eq!(Kind::DeadlineNotice.stage_floor(Precedence::Flash), Some(Stage::Delivered));
        assert_eq!(Kind::AgendaChange.stage_floor(Precedence::Flash), None);
    }

    #[test]
    fn the_usual_precedence_never_lies_below_the_floor() {
        assert_eq!(Kind::VerificationRequest.usual_precedence(None, None), Precedence::Immediate);
        assert_eq!(Kind::VerificationRequest.usual_precedence(Some(EventLevel::L1), None), Precedence::Flash);
        assert_eq!(Kind::Alert.usual_precedence(None, Some(WarningLevel::Yellow)), Precedence::Priority);
        assert_eq!(Kind::DrillControl.usual_precedence(None, None), Precedence::Flash);
    }

    #[test]
    fn numbers_and_names_lead_back_to_their_kind() {
        for kind in Kind::ALL {
            assert_eq!(Kind::from_number(kind.number()), Some(*kind));
            assert_eq!(kind.name().parse(), Ok(*kind));
        }
        assert_eq!(Kind::from_number(0), None);
        assert_eq!(Kind::from_number(50), None);
        assert_eq!(Kind::IncidentReport.code(), "K01");
    }
}
