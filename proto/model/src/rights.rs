//! Which role may say what: section 8 of the catalogue, as the default that an agent's desk and the broker hold to.
//! Grants are between jurisdictions; this is about the people of one.

use crate::{
    directory::Directory,
    header::{Action, Address, Header, Role, Status},
    ids::{DocumentClass, JurisdictionId},
    invalid::Invalid,
    kind::Kind,
    reason::Reason,
};

/// What a role may do with a message.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Right {
    /// Nothing.
    None,
    /// Write it; it goes when another has signed it off.
    Drafts,
    /// Send it, with the sign-off that its kind needs anyway.
    Sends,
}

/// How the sender stands to the recipients.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Standing {
    /// A superior of every recipient in the directory.
    Superior,
    /// Anybody else.
    Neighbour,
}

impl Standing {
    /// How the sender of a message stands to those whom it names, by this directory.
    pub fn of(header: &Header, directory: &Directory) -> Self {
        let below = |to: &Address| match to {
            Address::Jurisdiction { id, .. } => directory.is_superior(&header.sender.jurisdiction, id),
            Address::Group(_) | Address::Area(_) => false,
        };
        let over_all = !header.recipients.is_empty() && header.recipients.iter().all(below);
        if over_all { Self::Superior } else { Self::Neighbour }
    }
}

/// Whether the role that stands in the header may send this message.
///
/// # Errors
/// ROLE_FORBIDDEN when it may not, SIGNOFF_MISSING when it may once somebody signs it off.
pub fn judge(header: &Header, standing: Standing) -> Result<(), Invalid> {
    let role = header.sender.role;
    match right(header, role, standing) {
        Right::Sends => Ok(()),
        Right::Drafts if header.signed_off_by.is_some() => Ok(()),
        Right::Drafts => {
            let detail = format!("{role} drafts {}, another signs it off", header.kind.code());
            Err(Invalid::new(Reason::SignoffMissing, "signed_off_by", "rights.drafts").detail(detail))
        }
        Right::None => {
            let detail = format!("{role} sends no {}", header.kind.code());
            Err(Invalid::new(Reason::RoleForbidden, "sender.role", "rights.role").detail(detail))
        }
    }
}

/// Whether `sender` may speak as the secretariat, which is the chair's alone; while nobody knows who has the chair, anybody.
///
/// # Errors
/// ROLE_FORBIDDEN with the member that has the chair.
pub fn judge_secretariat(header: &Header, chair: Option<&JurisdictionId>) -> Result<(), Invalid> {
    match chair.filter(|chair| header.sender.role == Role::Secretariat && header.sender.jurisdiction != **chair) {
        None => Ok(()),
        Some(chair) => {
            let detail = format!("{chair} has the chair");
            Err(Invalid::new(Reason::RoleForbidden, "sender.role", "rights.chair").detail(detail))
        }
    }
}

/// What `role` may do with this message.
pub fn right(header: &Header, role: Role, standing: Standing) -> Right {
    let of_superior = standing == Standing::Superior && superior_sends(header.kind);
    if of_superior && matches!(role, Role::DutyOfficer | Role::ShiftLeader | Role::Commander) {
        return Right::Sends;
    }
    match role {
        Role::DutyOfficer => duty_officer(header),
        Role::ShiftLeader => shift_leader(header),
        Role::Commander => commander(header.kind),
        Role::ResourceManager => resource_manager(header),
        Role::DrillController => drill_controller(header),
        Role::Secretariat => secretariat(header),
        Role::System => sends(header.kind.is_of_the_system()),
        Role::Expert | Role::Evaluator => sends(header.kind == Kind::AgendaChange),
    }
}

const fn sends(may: bool) -> Right {
    if may { Right::Sends } else { Right::None }
}

/// Row "of a superior".
const fn superior_sends(kind: Kind) -> bool {
    matches!(
        kind,
        Kind::VerificationRequest | Kind::Alert | Kind::ResourceRequest | Kind::ActionRequest | Kind::ConsultationCall
    )
}

/// A change of the own resources or roster; the directory itself belongs to the secretariat.
fn is_own_list(header: &Header) -> bool {
    let class = header.document.as_ref().map(|change| change.document_id.class());
    matches!(class, Some(DocumentClass::Catalogue | DocumentClass::Roster))
}

fn duty_officer(header: &Header) -> Right {
    match header.kind {
        Kind::VerificationRequest
        | Kind::VerificationReply
        | Kind::DutyReport
        | Kind::Bulletin
        | Kind::ConsultationCall
        | Kind::ConsultationConclusion
        | Kind::MeetingReply
        | Kind::ActionStatus
        | Kind::AgendaChange
        | Kind::Error => Right::Sends,
        Kind::IncidentReport
        | Kind::SituationReport
        | Kind::ResourceRequest
        | Kind::Extension
        | Kind::ReleaseReturn => {
            if header.is_grave() {
                Right::Drafts
            } else {
                Right::Sends
            }
        }
        Kind::Alert
        | Kind::ResourceOffer
        | Kind::ResourceDecision
        | Kind::ResourceCommitment
        | Kind::ActionRequest
        | Kind::ActionResponse => Right::Drafts,
        Kind::MeetingNotice | Kind::Minutes | Kind::Handover | Kind::ActionItem => {
            sends(header.action == Action::Reply)
        }
        Kind::CatalogueChange
        | Kind::DeploymentStatus
        | Kind::CostStatement
        | Kind::DrillInvitation
        | Kind::DrillReply
        | Kind::DrillPlan
        | Kind::DrillControl
        | Kind::DrillInject
        | Kind::DrillEvaluation
        | Kind::AgendaChanged
        | Kind::Agreement
        | Kind::DirectoryChange
        | Kind::AuditCheckpoint
        | Kind::DeadlineNotice => Right::None,
    }
}

/// Sends what a duty officer may send or draft, and signs off what needs it; never what only the program says.
fn shift_leader(header: &Header) -> Right {
    match header.kind {
        Kind::DeploymentStatus | Kind::AgendaChanged | Kind::AuditCheckpoint | Kind::DeadlineNotice => Right::None,
        Kind::CatalogueChange | Kind::DirectoryChange => sends(is_own_list(header)),
        Kind::IncidentReport
        | Kind::SituationReport
        | Kind::VerificationRequest
        | Kind::VerificationReply
        | Kind::DutyReport
        | Kind::Bulletin
        | Kind::ResourceRequest
        | Kind::Extension
        | Kind::ReleaseReturn
        | Kind::ActionRequest
        | Kind::ConsultationCall
        | Kind::ConsultationConclusion
        | Kind::ActionStatus
        | Kind::DrillReply
        | Kind::MeetingReply
        | Kind::ActionItem
        | Kind::AgendaChange
        | Kind::Error => Right::Sends,
        Kind::Alert
        | Kind::ResourceOffer
        | Kind::ResourceDecision
        | Kind::ResourceCommitment
        | Kind::CostStatement
        | Kind::ActionResponse
        | Kind::DrillInvitation
        | Kind::DrillPlan
        | Kind::DrillControl
        | Kind::DrillInject
        | Kind::DrillEvaluation
        | Kind::MeetingNotice
        | Kind::Minutes
        | Kind::Handover
        | Kind::Agreement => Right::Drafts,
    }
}

const fn commander(kind: Kind) -> Right {
    sends(matches!(
        kind,
        Kind::IncidentReport
            | Kind::SituationReport
            | Kind::Bulletin
            | Kind::ResourceRequest
            | Kind::Extension
            | Kind::ReleaseReturn
            | Kind::DeploymentStatus
            | Kind::ActionRequest
            | Kind::ActionStatus
            | Kind::ConsultationCall
            | Kind::ConsultationConclusion
            | Kind::AgendaChange
            | Kind::Error
    ))
}

fn resource_manager(header: &Header) -> Right {
    match header.kind {
        Kind::ResourceRequest
        | Kind::ResourceOffer
        | Kind::ResourceDecision
        | Kind::ResourceCommitment
        | Kind::Extension
        | Kind::ReleaseReturn => Right::Drafts,
        Kind::DeploymentStatus | Kind::CostStatement | Kind::AgendaChange => Right::Sends,
        _ => sends(is_own_list(header)),
    }
}

fn drill_controller(header: &Header) -> Right {
    let plays = matches!(
        header.kind,
        Kind::IncidentReport
            | Kind::SituationReport
            | Kind::VerificationRequest
            | Kind::Alert
            | Kind::ResourceRequest
            | Kind::ActionRequest
    );
    let drills = matches!(
        header.kind,
        Kind::DrillInvitation
            | Kind::DrillReply
            | Kind::DrillPlan
            | Kind::DrillControl
            | Kind::DrillInject
            | Kind::DrillEvaluation
    );
    sends(drills || header.kind == Kind::AgendaChange || (plays && header.status == Status::Exercise))
}

fn secretariat(header: &Header) -> Right {
    match header.kind {
        Kind::Agreement => Right::Drafts,
        Kind::DirectoryChange => sends(!is_own_list(header)),
        kind => sends(matches!(
            kind,
            Kind::VerificationRequest
                | Kind::DrillInvitation
                | Kind::DrillReply
                | Kind::DrillPlan
                | Kind::DrillControl
                | Kind::DrillInject
                | Kind::DrillEvaluation
                | Kind::MeetingNotice
                | Kind::MeetingReply
                | Kind::AgendaChange
                | Kind::AgendaChanged
                | Kind::Minutes
                | Kind::ActionItem
                | Kind::Handover
                | Kind::Error
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{header::EventLevel, judge::sample::header};

    /// The kinds of real messages at L2 that a role has this right to, by catalogue number.
    fn kinds(role: Role, wanted: Right) -> Vec<i32> {
        let has = |kind: &&Kind| right(&header(**kind), role, Standing::Neighbour) == wanted;
        Kind::ALL.iter().filter(has).map(|kind| kind.number()).collect()
    }

    #[test]
    fn the_rows_are_the_catalogues() {
        assert_eq!(kinds(Role::DutyOfficer, Right::Sends), [2, 3, 6, 7, 11, 22, 23, 24, 41, 42, 51]);
        assert_eq!(kinds(Role::DutyOfficer, Right::Drafts), [1, 4, 5, 12, 13, 14, 16, 17, 20, 21]);
        assert_eq!(kinds(Role::Commander, Right::Sends), [1, 5, 7, 11, 15, 16, 17, 20, 22, 23, 24, 42, 51]);
        assert_eq!(kinds(Role::ResourceManager, Right::Sends), [10, 15, 18, 42]);
        assert_eq!(kinds(Role::ResourceManager, Right::Drafts), [11, 12, 13, 14, 16, 17]);
        assert_eq!(kinds(Role::DrillController, Right::Sends), [30, 31, 32, 33, 34, 35, 42]);
        assert_eq!(kinds(Role::Secretariat, Right::Drafts), [54]);
        assert_eq!(kinds(Role::System, Right::Sends), [51, 56, 58]);
        assert_eq!(kinds(Role::Expert, Right::Sends), [42]);
    }

    #[test]
    fn a_duty_officer_sends_a_mild_report_and_drafts_a_grave_one() {
        let mut report = header(Kind::IncidentReport);
        report.signed_off_by = None;
        let refused = judge(&report, Standing::Neighbour).map_err(|invalid| invalid.reason);
        assert_eq!(refused, Err(Reason::SignoffMissing));

        report.event_level = Some(EventLevel::L4);
        assert_eq!(judge(&report, Standing::Neighbour), Ok(()));
        assert_eq!(judge(&header(Kind::IncidentReport), Standing::Neighbour), Ok(()), "signed off");
    }

    #[test]
    fn a_drill_controller_plays_in_exercises_alone() {
        let mut report = header(Kind::IncidentReport);
        report.sender.role = Role::DrillController;
        let refused = judge(&report, Standing::Neighbour).map_err(|invalid| invalid.reason);
        assert_eq!(refused, Err(Reason::RoleForbidden));

        report.status = Status::Exercise;
        assert_eq!(judge(&report, Standing::Neighbour), Ok(()));
    }

    #[test]
    fn a_superior_sends_what_a_neighbour_drafts() {
        let mut alert = header(Kind::Alert);
        alert.signed_off_by = None;
        assert!(judge(&alert, Standing::Neighbour).is_err());
        assert_eq!(judge(&alert, Standing::Superior), Ok(()));
        assert!(judge(&Header { kind: Kind::Agreement, ..alert }, Standing::Superior).is_err());
    }

    #[test]
    fn a_roster_belongs_to_its_people_and_the_directory_to_the_secretariat() {
        let directory = header(Kind::DirectoryChange);
        assert_eq!(right(&directory, Role::Secretariat, Standing::Neighbour), Right::Sends);
        assert_eq!(right(&directory, Role::ResourceManager, Standing::Neighbour), Right::None);
        let catalogue = header(Kind::CatalogueChange);
        assert_eq!(right(&catalogue, Role::ResourceManager, Standing::Neighbour), Right::Sends);
        assert_eq!(right(&catalogue, Role::DutyOfficer, Standing::Neighbour), Right::None);
    }
}
