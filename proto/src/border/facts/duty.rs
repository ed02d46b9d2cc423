//! K06: what the machine of a duty day needs of its body.

use model::{
    ids::IncidentId,
    invalid::Invalid,
    thread::{
        self,
        duty::{Facts, Form},
    },
};

use super::pieces::day;
use crate::{
    border::{must, parsed},
    v1,
};

/// K06.
pub fn report(body: &v1::DutyReport) -> Result<thread::Facts, Invalid> {
    let date = day(&body.date, "date")?;
    let open: Result<Vec<IncidentId>, Invalid> =
        body.open_incident_ids.iter().map(|id| parsed(id, "open_incident_ids")).collect();
    Ok(thread::Facts::Duty(Facts {
        date: date.date_number(),
        day: date,
        in_window: !body.window_id.is_empty(),
        form: must(body.report, Form::from_number, "report")?,
        open_incidents: open?,
        link_works: body.link_test() != v1::LinkTestOutcome::Failed,
    }))
}
