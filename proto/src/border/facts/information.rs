//! K01 and K05: what the machines of reports need of their bodies.

use std::hash::{Hash as _, Hasher as _};

use model::{
    geometry::Point,
    invalid::Invalid,
    thread::{
        self,
        incident::{Casualties, Count, Facts, Place, ReportType},
        situation::{self, Figures},
    },
};
use prost::Message as _;

use crate::{
    border::{must, time},
    v1,
};

/// K01.
pub fn report(body: &v1::IncidentReport) -> Result<thread::Facts, Invalid> {
    Ok(thread::Facts::Incident(Facts {
        report_type: must(body.report_type, ReportType::from_number, "report_type")?,
        sequence_no: body.sequence_no.unwrap_or(0),
        occurred_at: time::required(body.occurred_at, "occurred_at")?,
        known_at: time::required(body.known_at, "known_at")?,
        phone_reported_at: time::optional(body.phone_reported_at, "phone_reported_at")?,
        place: body.place.as_ref().map(place).unwrap_or_else(|| named("", "", None)),
        event_type_code: body.event_type_code.clone(),
        casualties: body.casualties.as_ref().map(casualties).transpose()?.unwrap_or_default(),
        loss_yuan: body.direct_loss_yuan,
        toward: body.cross_border.as_ref().map(|border| border.toward.clone()).unwrap_or_default(),
        resolved: body.resolved,
        refuted: body.verification_state() == v1::VerificationState::Refuted,
        correction_reason: body.correction_reason.clone(),
        rest: rest(body),
    }))
}

/// K05.
pub fn situation(body: &v1::SituationReport) -> Result<thread::Facts, Invalid> {
    let figures = |at: &v1::PlaceCasualties| {
        let counts = at.counts.as_ref().map(casualties).transpose()?.unwrap_or_default();
        Ok(Figures {
            division: at.division.clone(),
            name: at.name.clone(),
            point: point(at.point.as_ref()),
            dead: counts.dead,
            missing: counts.missing,
        })
    };
    let places: Result<Vec<Figures>, Invalid> = body.casualties.iter().map(figures).collect();
    Ok(thread::Facts::Situation(situation::Facts {
        number: body.report_number,
        places: places?,
        correction_reason: body.correction_reason.clone(),
    }))
}

fn place(place: &v1::IncidentPlace) -> Place {
    named(&place.division, &place.address, place.point.as_ref())
}

fn named(division: &str, name: &str, at: Option<&v1::Point>) -> Place {
    Place { division: division.to_owned(), name: name.to_owned(), point: point(at) }
}

/// A point that is none is shown to people and compared by nobody.
fn point(wire: Option<&v1::Point>) -> Option<Point> {
    wire.and_then(|point| Point::new(point.lat_e7, point.lon_e7).ok())
}

fn casualties(wire: &v1::Casualties) -> Result<Casualties, Invalid> {
    Ok(Casualties {
        dead: count(wire.dead.as_ref())?,
        missing: count(wire.missing.as_ref())?,
        trapped: count(wire.trapped.as_ref())?,
        seriously_injured: count(wire.seriously_injured.as_ref())?,
        lightly_injured: count(wire.lightly_injured.as_ref())?,
        evacuated: count(wire.evacuated.as_ref())?,
    })
}

/// A number that is UNKNOWN is no number, whatever stands beside it.
fn count(wire: Option<&v1::Count>) -> Result<Count, Invalid> {
    let Some(wire) = wire else { return Ok(Count::default()) };
    let known = matches!(wire.certainty(), v1::Certainty::Confirmed | v1::Certainty::Estimated);
    Ok(Count { count: wire.count.filter(|_| known), as_of: time::optional(wire.as_of, "casualties.as_of")? })
}

/// A digest of what a report says besides its figures, its number and its times. Within one program alone: it is
/// compared, never sent.
fn rest(body: &v1::IncidentReport) -> u64 {
    let said = v1::IncidentReport {
        report_type: 0,
        sequence_no: None,
        title: String::new(),
        casualties: None,
        direct_loss_yuan: None,
        next_report_due: None,
        resolved: false,
        correction_reason: String::new(),
        ..body.clone()
    };
    let mut hasher = Fnv(0xcbf2_9ce4_8422_2325);
    said.encode_to_vec().hash(&mut hasher);
    hasher.finish()
}

/// A hash that is the same on every machine, for rows that are.
struct Fnv(u64);

impl std::hash::Hasher for Fnv {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
    }

    fn write_usize(&mut self, number: usize) {
        self.write(&(number as u64).to_be_bytes());
    }
}
