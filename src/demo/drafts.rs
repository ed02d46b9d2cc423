//! What the cities say, as their officers would write it. The agent fills in ids, times, sender and sequence.

use anyhow::Context as _;
use model::kind::Kind;
use proto::{
    rules,
    v1::{self, body::Body},
};

use super::region::LY;
use crate::{clock, lang::Lang};

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
            id.clone_into(&mut header.incident_id);
            header.event_level = level.into();
            header.category = v1::Category::Accident.into();
        })
    }

    /// Under the cities' agreement.
    pub fn under_agreement(self) -> Self {
        self.header(|header| "AG-1".clone_into(&mut header.agreement_id))
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

    /// Spoken by whoever holds another post than the duty officer.
    pub fn role(self, role: v1::Role) -> Self {
        self.header(|header| {
            header.sender.get_or_insert_default().role = role.into();
            header.prepared_by.get_or_insert_default().role = role.into();
        })
    }

    /// About a drill, with what its controller orders, if anything.
    pub fn drill(self, drill_id: &str, control: v1::DrillControlVerb) -> Self {
        let drill = v1::DrillRef { drill_id: drill_id.to_owned(), control: control.into() };
        self.header(|header| header.drill = Some(drill))
    }

    /// Part of a drill.
    pub fn exercise(self) -> Self {
        self.header(|header| header.status = v1::Status::Exercise.into())
    }

    /// Changes an item of a shared document; the empty item is its head.
    pub fn document(self, id: &str, item: &str, members: v1::MemberRights) -> Self {
        let op = v1::DocumentOp::Put.into();
        let change = v1::DocumentChange {
            document_id: id.to_owned(),
            item_id: item.to_owned(),
            op,
            members: members.into(),
            ..v1::DocumentChange::default()
        };
        self.header(|header| header.document = Some(change))
    }

    /// With a file that the agent holds.
    pub fn attached(self, name: &str, sha256: &[u8], bytes: usize) -> Self {
        let file = v1::Attachment {
            name: name.to_owned(),
            mime: "text/markdown".to_owned(),
            bytes: bytes as u64,
            sha256: sha256.to_vec().into(),
            placement: v1::Placement::Blob.into(),
        };
        self.header(|header| header.attachments.push(file))
    }

    /// Ready to be sent.
    pub fn done(self) -> v1::Draft {
        self.0
    }
}

/// The body of a kind as the contract's own example says it in Chinese; the story changes what it is about.
pub fn example_body(kind: Kind) -> anyhow::Result<Body> {
    let draft = rules::example(kind, Lang::Zh, clock::system().now());
    draft.body.and_then(|body| body.body).with_context(|| format!("no example of {kind}"))
}

/// The example body of a kind, as the type of that kind.
macro_rules! example {
    ($kind:ident) => {
        match $crate::demo::drafts::example_body(::model::kind::Kind::$kind)? {
            ::proto::v1::body::Body::$kind(body) => body,
            other => ::anyhow::bail!("the example of {} is {other:?}", stringify!($kind)),
        }
    };
}
pub(crate) use example;

/// Some minutes from now, as the contract says it.
pub fn in_minutes(minutes: i64) -> prost_types::Timestamp {
    let now = clock::system().now();
    let at = model::time::Timestamp::from_millis(now.millis() + minutes * 60_000);
    proto::border::time::to_wire(at)
}

/// Today, as incident ids say it.
pub fn today() -> String {
    let now = jiff::Timestamp::from_millisecond(clock::system().now().millis()).unwrap_or_default();
    now.to_zoned(jiff::tz::TimeZone::fixed(jiff::tz::offset(8))).strftime("%Y%m%d").to_string()
}

/// The incident of the story, as its city numbers it.
pub fn incident() -> String {
    format!("{LY}-{}-0001", today())
}
