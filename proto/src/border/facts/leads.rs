//! K02, K03, K04 and K07: what the machines of leads, alerts and bulletins need of their bodies.

use model::{
    ids::IncidentId,
    invalid::Invalid,
    thread::{
        self, alert, bulletin,
        verification::{Facts, Finding, Verdict},
    },
};

use crate::{
    border::{must, parsed, said, time},
    v1,
};

/// K02.
pub fn request(body: &v1::VerificationRequest) -> Result<thread::Facts, Invalid> {
    Ok(thread::Facts::Verification(Facts::Request(said(body.verdict, Verdict::from_number, "verdict")?)))
}

/// K03.
pub fn reply(body: &v1::VerificationReply) -> Result<thread::Facts, Invalid> {
    Ok(thread::Facts::Verification(Facts::Reply(must(body.finding, Finding::from_number, "finding")?)))
}

/// K04.
pub fn alert(body: &v1::Alert) -> Result<thread::Facts, Invalid> {
    let cap = body.cap.clone().unwrap_or_default();
    Ok(thread::Facts::Alert(alert::Facts {
        act: must(body.alert_action, alert::Act::from_number, "alert_action")?,
        expires: time::required(body.expires, "expires")?,
        references: cap.references.iter().map(|named| named.identifier.clone()).collect(),
        identifier: cap.identifier,
    }))
}

/// K07.
pub fn bulletin(body: &v1::Bulletin) -> Result<thread::Facts, Invalid> {
    let merge = |merge: &v1::IncidentMerge| {
        let from: IncidentId = parsed(&merge.from, "merged.from")?;
        let into: IncidentId = parsed(&merge.into, "merged.into")?;
        Ok::<_, Invalid>((from, into))
    };
    Ok(thread::Facts::Bulletin(bulletin::Facts {
        valid_until: time::optional(body.valid_until, "valid_until")?,
        merged: body.merged.as_ref().map(merge).transpose()?,
    }))
}
