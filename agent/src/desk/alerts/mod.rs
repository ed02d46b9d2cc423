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

use self::chains::{Chains, Known};
use super::{Desk, internal, rows, unknown};
use crate::{
    fold::query,
    formats::cap::{
        self, Reading, draft,
        findings::{Finding, Findings},
        own::Own,
        rule::Level,
        rule::Rule,
    },
    message,
};

impl Desk {
    /// Reads a CAP file, by itself and against the alerts that are here. Nothing is stored.
    ///
    /// # Errors
    /// TOO_LARGE for a file beyond the limit; what is wrong with its content is found, not refused.
    pub fn read_cap(&self, ask: &v1::ReadCapRequest) -> Result<v1::ReadCapResponse, Invalid> {
        let Reading { alert, findings: broken } = cap::read(&ask.file)?;
        let Some(alert) = alert else { return Ok(answer(&broken)) };
        let chains = self.alert_chains()?;
        let said = chains.judge(&alert, self.clock.now(), ask.as_new);
        if let Some(known) = self.known_as(&chains, &alert, said.follows.is_none())? {
            return Ok(v1::ReadCapResponse { known_message_id: known.0.to_vec().into(), ..answer(&broken) });
        }
        let mut findings = Findings::default();
        findings.push_all(broken);
        findings.push_all(said.findings.sorted());
        if let Some(answered) = said.answers {
            findings.push_all(self.answers_as_recipient(&alert, answered)?);
        }
        let warns = !matches!(alert.message_type(), v1::CapMessageType::Ack | v1::CapMessageType::Error);
        if findings.refuses() || !warns {
            return Ok(answer(&findings.sorted()));
        }
        let recipients = self.reached_by(&alert, &mut findings);
        let findings = findings.sorted();
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
        let (read, alert) = self.alert_of(id)?;
        if alert.origin() == v1::AlertOrigin::Imported {
            let file = self.original(&read.header, &read.parts.inline, &alert.received_xml).await?;
            return Ok(v1::WriteCapResponse { file, original: true, left_out: Vec::new() });
        }
        let (file, _, left_out) = written(&read, &alert)?;
        Ok(v1::WriteCapResponse { file: file.into(), original: false, left_out })
    }

    /// The message that carries this alert already: one of ours by its name, one of a neighbour's only if it says the
    /// same, because a neighbour may send us what another house never said. `neighbours` is false where the file goes on
    /// with a chain of ours, which a neighbour's message does not do.
    fn known_as(&self, chains: &Chains, alert: &v1::CapAlert, neighbours: bool) -> Result<Option<MessageId>, Invalid> {
        let named: Vec<Known<'_>> = chains.named_as(alert).collect();
        if let Some(own) = named.iter().find(|known| known.ours) {
            return Ok(Some(own.revision.message));
        }
        for known in named.into_iter().filter(|_| neighbours) {
            let (read, body) = match self.alert_of(known.revision.message) {
                Err(gone) if gone.reason == Reason::NotFound => continue,
                found => found?,
            };
            let same = match body.origin() {
                v1::AlertOrigin::Imported => body.cap.as_ref() == Some(alert),
                _ => written(&read, &body).is_ok_and(|(_, said, _)| said == *alert),
            };
            if same {
                return Ok(Some(known.revision.message));
            }
        }
        Ok(None)
    }

    /// A message that is an alert, with what it says.
    fn alert_of(&self, id: MessageId) -> Result<(message::Read, v1::Alert), Invalid> {
        let (envelope, _) = self.envelope(id)?.ok_or_else(|| unknown(id))?;
        let read = message::read(&envelope)?;
        let body = v1::Body::decode(read.parts.body.clone()).map_err(|error| internal(&error))?;
        match body.body {
            Some(Body::Alert(alert)) => Ok((read, alert)),
            _ => Err(Invalid::schema("message_id", "alert.is_one").detail(read.header.kind.code())),
        }
    }

    pub(super) fn alert_chains(&self) -> Result<Chains, Invalid> {
        self.engine
            .read(|_, found| query::matters(found, false))
            .map_err(rows)
            .map(|matters| Chains::of(self.names.jurisdiction().clone(), matters))
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

/// An own alert as a file, what is read in it again, and what is left out.
fn written(read: &message::Read, alert: &v1::Alert) -> Result<(String, v1::CapAlert, Vec<String>), Invalid> {
    let wire = v1::Header::decode(read.parts.header.clone()).map_err(|error| internal(&error))?;
    let own = Own { header: &read.header, wire: &wire, alert, inline: &read.parts.inline };
    let file = cap::write(&own.complete());
    // what we hand out is what we would take
    let (said, _) = cap::read(file.as_bytes())?.taken("cap")?;
    let left_out = own.left_out().into_iter().map(str::to_owned).collect();
    Ok((file, said, left_out))
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
