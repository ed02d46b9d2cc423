//! K54.

use proto::{v1, v1::body::Body};

use super::Ground;

/// A party's word on the terms; which word is left to a person.
pub fn reply(ground: &Ground<'_>) -> Option<Body> {
    let Body::Agreement(terms) = ground.body()? else { return None };
    Some(Body::Agreement(v1::Agreement {
        agreement_id: terms.agreement_id.clone(),
        reply: Some(v1::AgreementReply::default()),
        ..v1::Agreement::default()
    }))
}
