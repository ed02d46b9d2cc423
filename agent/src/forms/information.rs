//! K01, K03 and K04.

use proto::{v1, v1::body::Body};

use super::Ground;

/// A finding by whoever sits here.
pub fn verified(ground: &Ground<'_>) -> Option<Body> {
    let Body::VerificationRequest(_) = ground.body()? else { return None };
    let verifier = v1::Verifier { name: ground.officer.name.clone(), role: ground.officer.role };
    Some(Body::VerificationReply(v1::VerificationReply {
        verifier: Some(verifier),
        ..v1::VerificationReply::default()
    }))
}

/// The next report of an incident: numbered on, and without the course of events, which is told once.
pub fn follow_up(report: &mut v1::IncidentReport) {
    report.report_type = v1::ReportType::FollowUp.into();
    report.sequence_no = Some(report.sequence_no.unwrap_or(0).saturating_add(1));
    report.brief_course.clear();
    report.correction_reason.clear();
    report.next_report_due = None;
}

/// The next revision of an alert: with an identifier of its own, and referring to what the desk says it replaces.
pub fn next_alert(alert: &mut v1::Alert) {
    alert.cn_identifier.clear();
    if let Some(cap) = &mut alert.cap {
        cap.identifier.clear();
        cap.references.clear();
    }
}
