//! CAP 1.2, the Common Alerting Protocol: files of it as alerts of ours (1.0 and 1.1 too), and alerts (K04) as files of
//! it. Bytes in, values out and back; nothing is fetched, opened or asked.
//!
//! | module | what |
//! |---|---|
//! | [`text`] | bytes as text, in the encoding that they declare |
//! | [`xml`] | text as a tree, within limits; no document type, no entities |
//! | [`shape`] | which elements stand where |
//! | [`lift`] | the tree as an alert, older versions lifted to 1.2 |
//! | [`mod@judge`] | what the standard asks beyond its elements, of one alert alone |
//! | [`mod@write`] | an alert as a file |
//! | [`own`] | an alert of our own as the standard says it |
//! | [`draft`] | a file as a draft of ours |
//! | [`rule`], [`findings`] | the rules, and what was found |
//! | [`place`], [`value`], [`words`] | places (latitude first), single values, enumerations |
//!
//! What needs to know other alerts (C21 to C25, C27) is asked of the desk's chains: `desk::alerts`.

pub mod draft;
pub mod findings;
pub mod judge;
pub mod lift;
pub mod own;
pub mod place;
pub mod rule;
pub mod shape;
#[cfg(test)]
mod tests;
pub mod text;
pub mod value;
pub mod words;
pub mod write;
pub mod xml;

use model::invalid::Invalid;
use proto::v1;

use self::findings::{Finding, Findings};
pub use self::write::write;

/// A file of at most this many bytes is read.
pub const FILE_BYTES_MAX: usize = 4 * 1024 * 1024;

/// The media type of a file.
pub const MEDIA_TYPE: &str = "application/cap+xml";

/// What became of a file.
#[derive(Clone, Debug, PartialEq)]
pub struct Reading {
    /// What it says; nothing where it is refused.
    pub alert: Option<v1::CapAlert>,
    /// Everything that was found, the gravest and what decides first.
    pub findings: Vec<Finding>,
}

impl Reading {
    /// The alert.
    ///
    /// # Errors
    /// CAP_INVALID with the rule that decides.
    pub fn taken(self, field: &str) -> Result<(v1::CapAlert, Vec<Finding>), Invalid> {
        let Self { alert, findings } = self;
        match alert {
            Some(alert) => Ok((alert, findings)),
            None => Err(findings.first().map_or_else(|| Invalid::schema(field, "CAP.XSD"), |one| one.invalid(field))),
        }
    }
}

/// Reads a file.
///
/// # Errors
/// TOO_LARGE when it has more than [`FILE_BYTES_MAX`] bytes: it is not looked at.
pub fn read(bytes: &[u8]) -> Result<Reading, Invalid> {
    if bytes.len() > FILE_BYTES_MAX {
        return Err(Invalid::too_large("file", bytes.len(), FILE_BYTES_MAX));
    }
    let mut findings = Findings::default();
    let alert = text::decode(bytes, &mut findings).and_then(|text| xml::tree(&text)).map(|root| {
        shape::judge(&root, &mut findings);
        let known = root.name == "alert" && !matches!(root.space, xml::Space::Other | xml::Space::Signature);
        let alert = known.then(|| lift::alert(&root, &mut findings));
        if let Some(alert) = &alert {
            judge::judge(alert, &mut findings);
        }
        findings.place(|path| root.line_at(path));
        alert
    });
    let alert = alert.unwrap_or_else(|finding| {
        findings.push(finding);
        None
    });
    let alert = alert.filter(|_| !findings.refuses());
    Ok(Reading { alert, findings: findings.sorted() })
}
