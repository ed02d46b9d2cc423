//! K06.

use model::thread::duty::REGION_OFFSET_MIN;
use proto::{v1, v1::body::Body};

use super::Ground;

/// The report of today: zero where nothing is open here. Who leads the shift, a person says.
pub fn report(ground: &Ground<'_>) -> Body {
    let (form, link) = (
        if ground.open_incidents.is_empty() { v1::DutyReportForm::Zero } else { v1::DutyReportForm::Daily },
        if ground.link_up { v1::LinkTestOutcome::Ok } else { v1::LinkTestOutcome::Failed },
    );
    let today = ground.now.civil(REGION_OFFSET_MIN);
    Body::DutyReport(v1::DutyReport {
        date: format!("{:04}-{:02}-{:02}", today.year, today.month, today.day),
        report: form.into(),
        duty_officer: Some(v1::DutyPerson { name: ground.officer.name.clone(), phone: ground.phone.to_owned() }),
        open_incident_ids: ground.open_incidents.iter().map(ToString::to_string).collect(),
        link_test: link.into(),
        ..v1::DutyReport::default()
    })
}
