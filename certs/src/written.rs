//! The root of trust and the directory as people and programs write them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// The root of trust: who signs the directory and the grants.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct RootFile {
    /// Which region.
    pub region: String,
    /// Counts up.
    pub version: u64,
    /// Root keys, hexadecimal.
    pub root_keys: Vec<String>,
    /// So many of them sign the next root.
    pub root_threshold: usize,
    /// Keys that sign the directory.
    pub directory_keys: Vec<String>,
    /// So many of them.
    pub directory_threshold: usize,
    /// Keys that sign the grants.
    pub grants_keys: Vec<String>,
    /// So many of them.
    pub grants_threshold: usize,
}

/// The directory as it is written.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct DirectoryFile {
    /// Which region.
    pub region: String,
    /// Counts up.
    pub version: u64,
    /// Unix milliseconds.
    pub issued: i64,
    /// Unix milliseconds; stale after this.
    pub expires: i64,
    /// SHA-256 of the text of the version before, hexadecimal; empty in the first.
    #[serde(default)]
    pub previous: String,
    /// Certificate of the broker's authority, PEM.
    pub broker_ca: String,
    /// How the broker's authority came to its key, if it had others.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub broker_ca_endorsed_by: Vec<Endorsement>,
    /// Evidence keys of the broker.
    pub broker_evidence: Vec<EvidenceEntry>,
    /// Groups by id.
    #[serde(default)]
    pub groups: BTreeMap<String, Vec<String>>,
    /// Holidays and sensitive periods.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub windows: Vec<WindowEntry>,
    /// The member that has the chair until a handover (K46) gives it on; unset: whoever hands over first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub chair: Option<String>,
    /// Members.
    #[serde(default)]
    pub members: Vec<MemberEntry>,
    /// Who was a member once: its keys still verify what it sealed, and its id is not free for a stranger.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub former: Vec<FormerEntry>,
    /// Certificates revoked by the directory's signers, beside what the authorities' lists say.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub revoked: Vec<RevokedEntry>,
}

/// Somebody who left, or was put out.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct FormerEntry {
    /// Its id.
    pub id: String,
    /// Key of its last authority, hexadecimal: who comes back under this id shows this one's endorsement.
    pub ca_key: String,
    /// Its evidence keys, each with an end.
    pub evidence: Vec<EvidenceEntry>,
}

/// A holiday or a sensitive period.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct WindowEntry {
    /// Its id, as duty reports name it.
    pub id: String,
    /// Its first day, `2027-10-01`.
    pub from: String,
    /// Its last day.
    pub to: String,
}

/// A revoked certificate.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct RevokedEntry {
    /// Whose authority issued it.
    pub jurisdiction: String,
    /// Its serial, hexadecimal.
    pub serial: String,
}

/// An authority key's word that another key follows it.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Endorsement {
    /// The older key, hexadecimal.
    pub from: String,
    /// The newer key, hexadecimal.
    pub to: String,
    /// By the older key, hexadecimal.
    pub signature: String,
}

/// An evidence key.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct EvidenceEntry {
    /// Ed25519 public key, hexadecimal.
    pub key: String,
    /// The owner's authority's signature that this is its key, hexadecimal: the directory's signers alone give nobody
    /// another one.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub certified: String,
    /// Unix milliseconds; seals made later are refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<i64>,
}

/// A member.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct MemberEntry {
    /// Division code or id.
    pub id: String,
    /// In Chinese.
    pub name_zh: String,
    /// In English.
    pub name_en: String,
    /// Certificate of its authority, PEM: leaves of this member are issued by exactly this one.
    pub ca: String,
    /// How its authority came to its key, if it had others: from each key to the next.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ca_endorsed_by: Vec<Endorsement>,
    /// Evidence keys.
    pub evidence: Vec<EvidenceEntry>,
    /// Superiors, nearest first.
    #[serde(default)]
    pub superiors: Vec<String>,
    /// Its province.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub province: Option<String>,
    /// Reached by area addresses.
    #[serde(default = "yes")]
    pub by_area: bool,
    /// `[lat, lon]` in degrees, by name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub centroid: Option<Degrees>,
    /// Polygons of points; entered by the directory's signers.
    #[serde(default)]
    pub territory: Vec<Vec<Degrees>>,
}

const fn yes() -> bool {
    true
}

/// A point in degrees.
#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Degrees {
    /// North positive.
    pub lat: f64,
    /// East positive.
    pub lon: f64,
}
