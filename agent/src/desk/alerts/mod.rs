//! Alerts and the files of other houses: CAP read against the chains that are here, alerts written as CAP, and what the
//! desk sees to when an alert is composed.

pub mod chains;
mod compose;
mod reached;

pub(super) use self::compose::lacks_identifier;

use bytes::Bytes;
use model::{
    header::{Header, Placement},
    ids::{Digest, MessageId},
    invalid::Invalid,
    reason::Reason,
};
use prost::Message as _;
use proto::{v1, v1::body::Body};

use self::chains::Chains;
use super::{Desk, internal, rows, unknown};
use crate::{
    fold::query,
    formats::cap::{self, Reading, draft, findings::Finding, own::Own, rule::Level, rule::Rule},
    message,
};

impl Desk {
    /// Reads a CAP file, by itself and against the alerts that are here. Nothing is stored.
    ///
    /// # Errors
    /// TOO_LARGE for a file beyond the limit; what is wrong with its content is found, not refused.
    pub fn read_cap(&self, ask: &v1::ReadCapRequest) -> Result<v1::ReadCapResponse, Invalid> {
        let Reading { alert, mut findings } = cap::read(&ask.file)?;
        let Some(alert) = alert else { return Ok(answer(&findings)) };
        let chains = self.alert_chains()?;
        if let Some((_, _, known)) = chains.of_name(&alert.sender, &alert.identifier) {
            let known_message_id = known.message.0.to_vec().into();
            return Ok(v1::ReadCapResponse { known_message_id, ..answer(&findings) });
        }
        let said = chains.judge(&alert, self.clock.now(), ask.as_new);
        findings.extend(said.findings);
        if let Some(answered) = said.answers {
            findings.extend(self.answers_as_recipient(&alert, answered)?);
        }
        findings.sort_by_key(|finding| (finding.rule.level(), finding.rule.rank()));
        let refused = findings.iter().any(|finding| finding.rule.level() == Level::Refuse);
        let warns = !matches!(alert.message_type(), v1::CapMessageType::Ack | v1::CapMessageType::Error);
        if refused || !warns {
            return Ok(answer(&findings));
        }
        let recipients = self.reached_by(&alert);
        let follows = said.follows.map(|follows| (follows.newest.0, follows.colour));
        let follows = follows.as_ref().map(|(id, colour)| draft::Following { message_id: id, colour: *colour });
        let (header, body) = draft::draft(alert, &ask.name, follows);
        let header = v1::Header { recipients, ..header };
        Ok(v1::ReadCapResponse { header: Some(header), body: Some(body), ..answer(&findings) })
    }

    /// Writes an alert as CAP; one that came as a file is given back as it came.
    ///
    /// # Errors
    /// NOT_FOUND for a message that is not here, BAD_SCHEMA for one that is no alert, CAP_INVALID for an alert of which
    /// the standard asks more than it says.
    pub async fn write_cap(&self, id: MessageId) -> Result<v1::WriteCapResponse, Invalid> {
        let (envelope, _) = self.envelope(id)?.ok_or_else(|| unknown(id))?;
        let read = message::read(&envelope)?;
        let body = v1::Body::decode(read.parts.body.clone()).map_err(|error| internal(&error))?;
        let Some(Body::Alert(alert)) = body.body else {
            return Err(Invalid::schema("message_id", "alert.is_one").detail(read.header.kind.code()));
        };
        if alert.origin() == v1::AlertOrigin::Imported {
            let file = self.original(&read.header, &read.parts.inline, &alert.received_xml).await?;
            return Ok(v1::WriteCapResponse { file, original: true, left_out: Vec::new() });
        }
        let wire = v1::Header::decode(read.parts.header.clone()).map_err(|error| internal(&error))?;
        let own = Own { header: &read.header, wire: &wire, alert: &alert, inline: &read.parts.inline };
        let file = cap::write(&own.complete());
        // what we hand out is what we would take
        cap::read(file.as_bytes())?.taken("cap")?;
        let left_out = own.left_out().into_iter().map(str::to_owned).collect();
        Ok(v1::WriteCapResponse { file: file.into(), original: false, left_out })
    }

    pub(super) fn alert_chains(&self) -> Result<Chains, Invalid> {
        self.engine.read(|_, found| query::matters(found, false)).map(Chains::of).map_err(rows)
    }

    /// An Ack or Error must come from somebody to whom the alert went (C25).
    fn answers_as_recipient(&self, alert: &v1::CapAlert, answered: MessageId) -> Result<Option<Finding>, Invalid> {
        let by = alert.sender.split('@').next().unwrap_or_default();
        let deliveries = self.engine.read(|_, found| query::deliveries(found, answered)).map_err(rows)?;
        let addressed = deliveries.iter().any(|(recipient, _)| recipient.as_str() == by);
        Ok((!addressed).then(|| Finding::new(Rule::C25, "sender", 0, &alert.sender)))
    }

    /// The bytes of the file that came, from here or from the broker.
    async fn original(&self, header: &Header, inline: &[Bytes], name: &str) -> Result<Bytes, Invalid> {
        match attached(header, inline, name)? {
            Attached::Inline(bytes) => Ok(bytes),
            Attached::Blob(digest, length) => {
                self.fetch_blob(digest).await?;
                self.whole_blob(digest, length)
            }
        }
    }

    /// A file that is here, whole.
    fn whole_blob(&self, digest: Digest, length: u64) -> Result<Bytes, Invalid> {
        if length > cap::FILE_BYTES_MAX as u64 {
            return Err(Invalid::too_large("header.attachments", length, cap::FILE_BYTES_MAX));
        }
        let (bytes, _) = self.blobs.read(digest, 0, cap::FILE_BYTES_MAX).map_err(|error| internal(&error))?;
        Ok(bytes.into())
    }
}

/// Where the bytes of an attachment are.
enum Attached {
    Inline(Bytes),
    Blob(Digest, u64),
}

/// The attachment of this name.
fn attached(header: &Header, inline: &[Bytes], name: &str) -> Result<Attached, Invalid> {
    let mut parts = inline.iter();
    for file in &header.attachments {
        let part = if file.placement == Placement::Inline { parts.next() } else { None };
        if file.name == name {
            return Ok(part.cloned().map_or(Attached::Blob(file.sha256, file.bytes), Attached::Inline));
        }
    }
    Err(Invalid::new(Reason::NotFound, "body.received_xml", "attachment.listed").detail(name))
}

fn answer(findings: &[Finding]) -> v1::ReadCapResponse {
    v1::ReadCapResponse { findings: findings.iter().map(seen).collect(), ..v1::ReadCapResponse::default() }
}

fn seen(finding: &Finding) -> v1::CapFinding {
    let level = match finding.rule.level() {
        Level::Refuse => v1::CapLevel::Refuse,
        Level::Warn => v1::CapLevel::Warn,
        Level::Note => v1::CapLevel::Note,
    };
    v1::CapFinding {
        rule: finding.rule.name().to_owned(),
        level: level.into(),
        element: finding.element.clone(),
        line: finding.line,
        detail: finding.detail.clone(),
    }
}
