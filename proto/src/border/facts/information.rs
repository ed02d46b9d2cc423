//! K01 and K05: what the machines of reports need of their bodies.

use model::{
    count::{Casualties, Count},
    ids::Digest,
    invalid::Invalid,
    place::Place,
    thread::{
        self,
        incident::{Facts, ReportType},
        situation::{self, At},
    },
};
use prost::Message as _;

use super::pieces::{counted, given, listed};
use crate::{
    border::{geometry, must, parsed, time},
    v1,
};

#[cfg(test)]
mod tests;

/// K01.
pub(super) fn report(body: &v1::IncidentReport) -> Result<thread::Facts, Invalid> {
    let happened = body.place.as_ref().ok_or_else(|| Invalid::missing("place"))?;
    let course = (!body.brief_course.is_empty()).then(|| Digest::of(body.brief_course.as_bytes()));
    Ok(thread::Facts::Incident(Box::new(Facts {
        report_type: must(body.report_type, ReportType::from_number, "report_type")?,
        sequence_no: body.sequence_no.ok_or_else(|| Invalid::missing("sequence_no"))?,
        occurred_at: time::required(body.occurred_at, "occurred_at")?,
        known_at: time::required(body.known_at, "known_at")?,
        phone_reported_at: time::optional(body.phone_reported_at, "phone_reported_at")?,
        place: place(&happened.division, (&happened.address, "address"), happened.point)
            .map_err(|invalid| invalid.within("place"))?,
        casualties: harmed(body.casualties.as_ref(), "casualties")?,
        loss_yuan: body.direct_loss_yuan,
        resolved: body.resolved,
        refuted: body.verification_state() == v1::VerificationState::Refuted,
        corrects: !body.correction_reason.is_empty(),
        course,
        substance: substance(body),
    })))
}

/// K05.
pub(super) fn situation(body: &v1::SituationReport) -> Result<thread::Facts, Invalid> {
    let places = listed("casualties", &body.casualties, |wire| {
        let v1::PlaceCasualties { division, name, point, counts } = wire;
        Ok(At { place: place(division, (name, "name"), *point)?, casualties: harmed(counts.as_ref(), "counts")? })
    })?;
    Ok(thread::Facts::Situation(situation::Facts {
        number: counted(body.report_number, "report_number")?,
        places,
        corrects: !body.correction_reason.is_empty(),
    }))
}

/// A place, and what its name is called in the body.
fn place(division: &str, (name, field): (&str, &'static str), point: Option<v1::Point>) -> Result<Place, Invalid> {
    let point = point.map(geometry::point).transpose().map_err(|invalid| invalid.within("point"))?;
    Ok(Place { division: parsed(division, "division")?, name: given(name, field)?, point })
}

fn harmed(wire: Option<&v1::Casualties>, field: &'static str) -> Result<Casualties, Invalid> {
    let wire = wire.ok_or_else(|| Invalid::missing(field))?;
    casualties(wire).map_err(|invalid| invalid.within(field))
}

fn casualties(wire: &v1::Casualties) -> Result<Casualties, Invalid> {
    let v1::Casualties { dead, missing, trapped, seriously_injured, lightly_injured, evacuated } = wire;
    Ok(Casualties {
        dead: count(*dead, "dead")?,
        missing: count(*missing, "missing")?,
        trapped: count(*trapped, "trapped")?,
        seriously_injured: count(*seriously_injured, "seriously_injured")?,
        lightly_injured: count(*lightly_injured, "lightly_injured")?,
        evacuated: count(*evacuated, "evacuated")?,
    })
}

fn count(wire: Option<v1::Count>, field: &'static str) -> Result<Count, Invalid> {
    let wire = wire.ok_or_else(|| Invalid::missing(field))?;
    number(wire).map_err(|invalid| invalid.within(field))
}

/// A number that is UNKNOWN is none, whatever stands beside it; one that is known says as of when.
fn number(wire: v1::Count) -> Result<Count, Invalid> {
    match wire.certainty() {
        v1::Certainty::Unspecified => must(wire.certainty, |_| None, "certainty"),
        v1::Certainty::Unknown => Ok(Count::default()),
        v1::Certainty::Confirmed | v1::Certainty::Estimated => Ok(Count {
            count: Some(wire.count.ok_or_else(|| Invalid::missing("count"))?),
            as_of: Some(time::required(wire.as_of, "as_of")?),
        }),
    }
}

/// A digest of what a report says about the incident. What names the report itself, the course, which has a digest of its
/// own, and the times and reasons of figures are left out: a report that differs in them alone says nothing new.
fn substance(body: &v1::IncidentReport) -> Digest {
    let said = v1::IncidentReport {
        report_type: 0,
        sequence_no: None,
        title: String::new(),
        known_at: None,
        brief_course: String::new(),
        casualties: body.casualties.as_ref().map(timeless),
        next_report_due: None,
        correction_reason: String::new(),
        ..body.clone()
    };
    Digest::of(&said.encode_to_vec())
}

fn timeless(wire: &v1::Casualties) -> v1::Casualties {
    let v1::Casualties { dead, missing, trapped, seriously_injured, lightly_injured, evacuated } = wire;
    let [dead, missing, trapped, seriously_injured, lightly_injured, evacuated] =
        [dead, missing, trapped, seriously_injured, lightly_injured, evacuated]
            .map(|count| count.map(|count| v1::Count { as_of: None, ..count }));
    v1::Casualties { dead, missing, trapped, seriously_injured, lightly_injured, evacuated }
}
