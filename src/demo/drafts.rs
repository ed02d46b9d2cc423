//! What the cities say, as their officers would write it. The agent fills in ids, times, sender and sequence.

use proto::v1::{self, body::Body};

/// A draft to jurisdictions.
pub fn to(recipients: &[&str], body: Body) -> Draft {
    let recipients = recipients.iter().map(|id| {
        let to = v1::JurisdictionAddress { id: (*id).to_owned(), role: 0 };
        v1::Address { to: Some(v1::address::To::Jurisdiction(to)) }
    });
    Draft(draft(recipients.collect(), body))
}

/// A draft to whoever the circle touches.
pub fn to_circle(center: (f64, f64), radius_m: u32, body: Body) -> Draft {
    let center = Some(point(center));
    let shape = Some(v1::area::Shape::Circle(v1::Circle { center, radius_m }));
    let area = v1::Area { shape, buffer_m: 0 };
    Draft(draft(vec![v1::Address { to: Some(v1::address::To::Area(area)) }], body))
}

fn draft(recipients: Vec<v1::Address>, body: Body) -> v1::Draft {
    let header = v1::Header { recipients, ..v1::Header::default() };
    v1::Draft { header: Some(header), body: Some(v1::Body { body: Some(body) }), inline: Vec::new() }
}

/// A point on the ground, from degrees.
pub fn point((lat, lon): (f64, f64)) -> v1::Point {
    #[allow(clippy::cast_possible_truncation, reason = "degrees of this demo fit")]
    let e7 = |degrees: f64| (degrees * 1e7).round() as i32;
    v1::Point { lat_e7: e7(lat), lon_e7: e7(lon) }
}

/// A draft in the making.
#[derive(Clone, Debug)]
pub struct Draft(v1::Draft);

impl Draft {
    fn header(mut self, change: impl FnOnce(&mut v1::Header)) -> Self {
        change(self.0.header.get_or_insert_default());
        self
    }

    /// With a precedence of its own.
    pub fn precedence(self, precedence: v1::Precedence) -> Self {
        self.header(|header| header.precedence = precedence.into())
    }

    /// About an incident of a level.
    pub fn incident(self, id: &str, level: v1::EventLevel) -> Self {
        self.header(|header| {
            header.incident_id = id.to_owned();
            header.event_level = level.into();
            header.category = v1::Category::Accident.into();
        })
    }

    /// Under the cities' agreement.
    pub fn under_agreement(self) -> Self {
        self.header(|header| header.agreement_id = "AG-1".to_owned())
    }

    /// Signed off by the shift leader.
    pub fn signed_off(self) -> Self {
        let signatory = v1::Signatory { name: "赵立".to_owned(), role: v1::Role::ShiftLeader.into(), at: None };
        self.header(|header| header.signed_off_by = Some(signatory))
    }

    /// Answers, updates or cancels an earlier message.
    pub fn follows(self, id: &[u8]) -> Self {
        self.header(|header| header.preceding_message_id = id.to_vec().into())
    }

    /// Ready to be sent.
    pub fn done(self) -> v1::Draft {
        self.0
    }
}
