//! What the desk sees to when an alert is composed: its identifier, what it refers to, and the rules of the standard.

use std::collections::BTreeSet;

use bytes::Bytes;
use model::{header::Header, ids::MessageId, invalid::Invalid, kind::Kind, reason::Reason};
use prost::Message as _;
use proto::{border, v1, v1::body::Body};

use super::{Attached, attached};
use crate::{
    desk::Desk,
    formats::cap::{self, findings::Findings, judge::judge, own::Own},
};

/// GB/T 4657: the authority for emergencies (应急管理); then the unit's own level and its extension.
const ISSUER: &str = "45000000";
/// Identifiers of one unit in one second.
const OF_A_SECOND: u32 = 10;
/// Seconds that are looked through for a free identifier.
const SECONDS: i64 = 60;
/// By how much Chinese time is ahead.
const BEIJING_MIN: i32 = 480;

/// Whether a draft is an alert of our own that lacks its identifier.
pub fn lacks_identifier(draft: &v1::Draft) -> bool {
    let body = draft.body.as_ref().and_then(|body| body.body.as_ref());
    matches!(body, Some(Body::Alert(alert)) if is_own(alert) && alert.cn_identifier.is_empty())
}

fn is_own(alert: &v1::Alert) -> bool {
    alert.origin() == v1::AlertOrigin::Own
}

impl Desk {
    /// Fills in what the author of an own alert need not say: the next free identifier, and every revision that it
    /// replaces. Two drafts may get one identifier unless the caller composes and queues one at a time.
    pub(in crate::desk) fn fill_alert(&self, draft: &mut v1::Draft) -> Result<(), Invalid> {
        let lacks = lacks_identifier(draft);
        let before = draft.header.as_ref().map(|header| header.preceding_message_id.clone()).unwrap_or_default();
        let Some(Body::Alert(alert)) = draft.body.as_mut().and_then(|body| body.body.as_mut()) else { return Ok(()) };
        if !is_own(alert) {
            return Ok(());
        }
        if lacks {
            alert.cn_identifier = self.next_identifier()?.unwrap_or_default();
        }
        if let (Some(replaced), Some(cap)) = (self.replaced(&before)?, alert.cap.as_mut())
            && cap.references.is_empty()
        {
            cap.references = replaced;
        }
        Ok(())
    }

    /// The next identifier that no alert of ours has: at most ten a second, the eleventh takes the second after. Only a
    /// member whose id is a division code has identifiers of the standard.
    fn next_identifier(&self) -> Result<Option<String>, Invalid> {
        let us = self.names.jurisdiction();
        if us.as_str().len() != 6 || !us.as_str().bytes().all(|byte| byte.is_ascii_digit()) {
            return Ok(None);
        }
        let chains = self.alert_chains()?;
        let used: BTreeSet<&str> = chains.own_identifiers().collect();
        let now = self.clock.now();
        let named = |second: i64, n: u32| {
            let at = now.plus(std::time::Duration::from_secs(u64::try_from(second).unwrap_or(0)));
            let digits =
                at.civil(BEIJING_MIN).to_string().chars().filter(char::is_ascii_digit).take(14).collect::<String>();
            format!("{us}{ISSUER}_{digits}_{n}")
        };
        let all = (0..SECONDS).flat_map(|second| (0..OF_A_SECOND).map(move |n| (second, n)));
        Ok(all.map(|(second, n)| named(second, n)).find(|name| !used.contains(name.as_str())))
    }

    /// The triples of an own alert and of everything that it replaced, oldest first; nothing where the message is none.
    fn replaced(&self, before: &[u8]) -> Result<Option<Vec<v1::CapReference>>, Invalid> {
        let Ok(id) = MessageId::checked(before) else { return Ok(None) };
        let Some((content, true)) = self.content_of(id)? else { return Ok(None) };
        let (Some(wire), Some(Body::Alert(alert))) = (content.header, content.body.and_then(|body| body.body)) else {
            return Ok(None);
        };
        let header = border::header::from_wire(wire.clone())?;
        let own = Own { header: &header, wire: &wire, alert: &alert, inline: &[] };
        let mut all = alert.cap.as_ref().map(|cap| cap.references.clone()).unwrap_or_default();
        all.push(own.triple());
        Ok(Some(all))
    }

    /// Holds an alert to the standard: our own as it would be written, another's to the file that goes with it.
    pub(in crate::desk) fn check_alert(
        &self,
        header: &Header,
        wire: &v1::Header,
        body: &Bytes,
        inline: &[Bytes],
    ) -> Result<(), Invalid> {
        if header.kind != Kind::Alert {
            return Ok(());
        }
        let body = v1::Body::decode(body.clone()).map_err(|_| Invalid::schema("body", "content.readable"))?;
        let Some(Body::Alert(alert)) = body.body else { return Ok(()) };
        if alert.origin() == v1::AlertOrigin::Imported {
            return self.check_original(header, &alert, inline);
        }
        let own = Own { header, wire, alert: &alert, inline };
        let mut findings = Findings::default();
        judge(&own.complete(), &mut findings);
        if findings.refuses() {
            return findings.sorted().first().map_or(Ok(()), |first| Err(first.invalid("body.cap")));
        }
        Ok(())
    }

    /// What the body says is what the file says that goes with it, and the file breaks no rule.
    fn check_original(&self, header: &Header, alert: &v1::Alert, inline: &[Bytes]) -> Result<(), Invalid> {
        let file = match attached(header, inline, &alert.received_xml)? {
            Attached::Inline(bytes) => bytes,
            Attached::Blob(digest, length) => self.whole_blob(digest, length)?,
        };
        let (said, _) = cap::read(&file)?.taken("body.received_xml")?;
        if alert.cap.as_ref() == Some(&said) {
            Ok(())
        } else {
            Err(Invalid::new(Reason::CapInvalid, "body.cap", "CAP.ORIGINAL"))
        }
    }
}
