//! K02, K03, K04 and K07: what the machines of leads, alerts and bulletins need of their bodies.

use model::{
    header::Header,
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
pub fn alert(header: &Header, body: &v1::Alert) -> Result<thread::Facts, Invalid> {
    let references = body.cap.iter().flat_map(|cap| &cap.references);
    Ok(thread::Facts::Alert(alert::Facts {
        act: must(body.alert_action, alert::Act::from_number, "alert_action")?,
        expires: time::required(body.expires, "expires")?,
        references: references.map(|named| named.identifier.clone()).collect(),
        identifier: identifier(header, body),
        issuer: issuer(header, body),
    }))
}

/// What CAP calls an alert: by its own name if it has one, by its number, else by its message.
pub fn identifier(header: &Header, body: &v1::Alert) -> String {
    let own = body.cap.as_ref().map(|cap| &cap.identifier).into_iter().chain([&body.cn_identifier]);
    own.into_iter().find(|name| !name.is_empty()).cloned().unwrap_or_else(|| header.message_id.to_string())
}

/// Whom CAP calls the sender of an alert: whoever it names, else the member and its region.
pub fn issuer(header: &Header, body: &v1::Alert) -> String {
    let named = body.cap.as_ref().map(|cap| cap.sender.clone()).filter(|sender| !sender.is_empty());
    named.unwrap_or_else(|| format!("{}@{}", header.sender.jurisdiction, header.region))
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
