//! Resource records as the model judges them: what a reader needs of K10.

use model::{
    catalogue::{Measure, Need, Phone, Readiness, Record, ResourceKind},
    invalid::Invalid,
};
use prost::Message as _;

use super::{geometry, must, parts, time};
use crate::v1::{self, body::Body};

/// The record of an item of a catalogue; none where the item holds something else.
pub fn record_of(item: &v1::DocumentItem) -> Option<v1::ResourceRecord> {
    let envelope = item.envelope.as_ref()?;
    let body = v1::Body::decode(parts(&envelope.content).ok()?.body).ok()?;
    match body.body? {
        Body::CatalogueChange(change) => change.record,
        _ => None,
    }
}

/// What is judged of a record. A reader takes what is there: a place that is none is no place.
///
/// # Errors
/// Where kind, readiness or the time of the last look are not said, or are of a newer version.
pub fn record(wire: &v1::ResourceRecord) -> Result<Record, Invalid> {
    let v1::ResourceRecord {
        resource_id,
        home_division: _,
        kind,
        category_code,
        name,
        type_level,
        capabilities,
        quantity_total,
        quantity_available,
        unit: _,
        place,
        contact_24h,
        readiness,
        mobilise_minutes: _,
        self_sufficient_hours: _,
        limiting_factors: _,
        support_needed: _,
        rate: _,
        shareable_with: _,
        valid_until,
        last_verified_at,
        facility: _,
    } = wire;
    Ok(Record {
        id: resource_id.clone(),
        name: name.clone(),
        kind: must(*kind, ResourceKind::from_number, "kind")?,
        category: category_code.clone(),
        type_level: *type_level,
        measures: capabilities.iter().map(measure).collect(),
        quantity: quantity_available.or(*quantity_total),
        point: place.as_ref().and_then(|place| geometry::point(place.point?).ok()),
        address: place.as_ref().map(|place| place.address.clone()).unwrap_or_default(),
        phone: phone(contact_24h.as_ref())?,
        readiness: must(*readiness, Readiness::from_number, "readiness")?,
        valid_until: time::optional(*valid_until, "valid_until")?,
        verified_at: time::required(*last_verified_at, "last_verified_at")?,
    })
}

fn measure(wire: &v1::Capability) -> Measure {
    let v1::Capability { code, min, max, unit } = wire.clone();
    Measure { code, min, max, unit }
}

/// What a search asks of one measure: the most that is of use excludes nothing.
pub fn need(wire: &v1::Capability) -> Need {
    let v1::Capability { code, min, max: _, unit } = wire.clone();
    Need { code, least: min, unit }
}

fn phone(contact: Option<&v1::Contact>) -> Result<Phone, Invalid> {
    match contact.filter(|contact| !contact.phone.trim().is_empty()) {
        None => Ok(Phone::None),
        Some(contact) => Ok(Phone::Known(time::optional(contact.verified_at, "contact_24h.verified_at")?)),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use model::{kind::Kind, time::Timestamp};

    use super::*;
    use crate::{rules, status::Lang};

    const NOW: Timestamp = Timestamp::from_millis(1_810_083_600_000);

    fn example() -> v1::ResourceRecord {
        let draft = rules::example(Kind::CatalogueChange, Lang::Zh, NOW);
        let Some(Body::CatalogueChange(change)) = draft.body.unwrap().body else { panic!("a record") };
        let measure =
            v1::Capability { code: "leak-sealing-pressure".into(), min: Some(1), max: Some(2), unit: "MPa".into() };
        let called = Some(time::to_wire(NOW));
        let contact = v1::Contact { phone: "138-0000-0119".into(), verified_at: called, ..v1::Contact::default() };
        let point = Some(v1::Point { lat_e7: 344_500_000, lon_e7: 1_183_600_000 });
        v1::ResourceRecord {
            capabilities: vec![measure],
            contact_24h: Some(contact),
            place: Some(v1::Place { point, ..v1::Place::default() }),
            quantity_total: Some(2),
            quantity_available: Some(1),
            ..change.record.unwrap()
        }
    }

    #[test]
    fn the_example_is_judged_by_what_it_says() {
        let wire = example();
        let record = record(&wire).unwrap();

        assert_eq!((record.id.as_str(), record.kind), ("371322-T-0003", ResourceKind::Team));
        assert_eq!((record.type_level, record.quantity), (Some(2), Some(1)), "what could be sent, not what there is");
        assert_eq!(record.measures.first().map(|measure| measure.max), Some(Some(2)));
        assert!(record.point.is_some() && matches!(record.phone, Phone::Known(Some(_))), "{record:?}");
    }

    #[test]
    fn a_reader_takes_what_lacks_and_not_what_cannot_be_judged() {
        let bare = v1::ResourceRecord { place: None, contact_24h: None, quantity_available: None, ..example() };
        let read = record(&bare).unwrap();
        assert_eq!((read.point, read.phone, read.quantity), (None, Phone::None, bare.quantity_total));

        let wrong = v1::Place { point: Some(v1::Point { lat_e7: i32::MAX, lon_e7: 0 }), ..v1::Place::default() };
        assert_eq!(record(&v1::ResourceRecord { place: Some(wrong), ..example() }).unwrap().point, None);

        let newer = v1::ResourceRecord { kind: 99, ..example() };
        assert_eq!(record(&newer).unwrap_err().field, "kind");
        assert!(record(&v1::ResourceRecord { last_verified_at: None, ..example() }).is_err());
    }

    #[test]
    fn the_lists_of_contract_and_model_are_the_same() {
        for kind in ResourceKind::ALL {
            let wire = v1::ResourceKind::try_from(kind.number()).unwrap();
            assert_eq!(wire.as_str_name(), format!("RESOURCE_KIND_{kind}"));
        }
        for readiness in Readiness::ALL {
            let wire = v1::Readiness::try_from(readiness.number()).unwrap();
            assert_eq!(wire.as_str_name(), format!("READINESS_{readiness}"));
        }
        assert!(v1::ResourceKind::try_from(8).is_err() && v1::Readiness::try_from(6).is_err(), "none is missing");
    }
}
