//! The files that people carry between offices: an invitation, a request, a bundle of the signed files. None holds a
//! secret; what each proves stands at its type.

use std::collections::BTreeMap;

use ed25519_dalek::{Signature, Signer as _, SigningKey, VerifyingKey};
use model::{
    ids::{JurisdictionId, RegionId},
    invalid::Invalid,
    seal::SealKind,
    time::Timestamp,
};
use serde::{Deserialize, Serialize};

use crate::{
    bound::{Bound, NoAuthority},
    ca::Authority,
    files::{self, Bytes3, FilesError, RootFile},
    revocation::List,
    signed::{self, SignedError},
    succession,
    words::{Of, Words},
    written::Endorsement,
};

const INVITATION: &str = "# Liandong invitation: give it to `liandong join`. It holds no secret.\n";
const REQUEST: &str = "# Liandong request: for `liandong certs admit` at the secretariat. It holds no secret.\n";
const BUNDLE: &str =
    "# Liandong trust bundle: the signed files of a region, for `liandong join`. It holds no secret.\n";
const PROOF: &str = "# --- proof ---\n";
const PROOF_CONTEXT: &[u8] = b"LIANDONG-V1-REQUEST\0";

/// Why a file that was handed over is not taken.
#[derive(Debug, thiserror::Error)]
pub enum HandoverError {
    /// None of ours.
    #[error("the file is no invitation, request or trust bundle of ours")]
    Sort,
    /// Not readable.
    #[error("the file cannot be read: {0}")]
    Form(#[from] toml::de::Error),
    /// A name that is none.
    #[error(transparent)]
    Name(#[from] Invalid),
    /// The root of trust in it.
    #[error(transparent)]
    Root(#[from] FilesError),
    /// Signatures of an invitation.
    #[error("invitation: {0}")]
    Signed(#[from] SignedError),
    /// Too late.
    #[error("the invitation has expired; ask for another")]
    Expired,
    /// The requester does not hold the keys that it shows.
    #[error("the request does not prove that its sender holds the keys in it")]
    Proof,
    /// The authority in a request.
    #[error(transparent)]
    Authority(#[from] NoAuthority),
    /// The revocation list in a request.
    #[error("the request holds no revocation list of its authority")]
    List,
}

/// What a file is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Sort {
    /// From the secretariat to one who is to join.
    Invitation,
    /// Back.
    Request,
    /// From the secretariat to everybody.
    Bundle,
}

/// Tells what a file is by its first line.
pub fn sort(file: &str) -> Result<Sort, HandoverError> {
    let known = [(INVITATION, Sort::Invitation), (REQUEST, Sort::Request), (BUNDLE, Sort::Bundle)];
    known.iter().find(|(line, _)| file.starts_with(line)).map(|(_, sort)| *sort).ok_or(HandoverError::Sort)
}

/// An invitation. The directory's signers have signed it, under the root that it holds; that the root is the right one,
/// two people make sure by comparing its words.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Invitation {
    /// Into which region.
    pub region: String,
    /// Who is invited.
    pub jurisdiction: String,
    /// In Chinese.
    pub name_zh: String,
    /// In English.
    pub name_en: String,
    /// Good for one admission. Not a secret: who joins is made sure by comparing the request's words.
    pub number: String,
    /// Where the broker is: `host:port`.
    pub endpoints: Vec<String>,
    /// Unix milliseconds.
    pub issued: i64,
    /// Unix milliseconds.
    pub expires: i64,
    /// The root file.
    pub root: String,
}

/// The words of a root file: of its text, whoever has signed it.
pub fn root_words(file: &str) -> Words {
    let text = signed::split(SealKind::Root, file).map_or(file, |(text, _)| text);
    Words::of(Of::Root, text.as_bytes())
}

impl Invitation {
    /// The file.
    pub fn sign(&self, region: &RegionId, keys: &[SigningKey]) -> Result<String, toml::ser::Error> {
        let text = format!("{INVITATION}{}", toml::to_string(self)?);
        Ok(signed::sign(SealKind::Invitation, region, &text, keys))
    }

    /// Reads a file: signed under its own root, and not too old.
    pub fn read(file: &str, now: Timestamp) -> Result<(Self, RootFile), HandoverError> {
        let (text, _) = signed::split(SealKind::Invitation, file).ok_or(HandoverError::Sort)?;
        let said: Self = toml::from_str(text)?;
        let (root, region) = files::root_of(&said.root)?;
        said.jurisdiction.parse::<JurisdictionId>()?;
        let keys = files::verifying(&root.directory_keys).ok_or(HandoverError::Proof)?;
        signed::verify(SealKind::Invitation, &region, file, &keys, root.directory_threshold)?;
        if said.region != root.region {
            return Err(HandoverError::Sort);
        }
        if now.millis() > said.expires {
            return Err(HandoverError::Expired);
        }
        Ok((said, root))
    }
}

/// A request to join, or to be given another authority or evidence key. Signed by both keys that it shows, so the
/// authority certifies the evidence key; that they are the right ones, two people make sure by comparing its words.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Request {
    /// In which region.
    pub region: String,
    /// Whose.
    pub jurisdiction: String,
    /// Of the invitation; empty from a member that changes keys.
    #[serde(default)]
    pub number: String,
    /// Unix milliseconds.
    pub issued: i64,
    /// Evidence key, hexadecimal.
    pub evidence: String,
    /// The authority's signature that it is its key, for the directory, hexadecimal.
    pub evidence_certified: String,
    /// Certificate of the authority, PEM.
    pub ca: String,
    /// Its revocation list, PEM.
    pub crl: String,
    /// The word of the authority before, if this is a new one and the old key is at hand.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca_endorsed_by: Option<Endorsement>,
}

/// A request whose sender holds the keys in it.
#[derive(Clone, Debug)]
pub struct Proved {
    /// What it says.
    pub request: Request,
    /// Whose.
    pub jurisdiction: JurisdictionId,
    /// The authority.
    pub bound: Bound,
    /// Its revocation list.
    pub list: List,
    /// To compare by phone.
    pub words: Words,
}

/// Why a request could not be written.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// Text.
    #[error("request")]
    Text(#[from] toml::ser::Error),
    /// Signature.
    #[error("signature of the authority")]
    Signature(#[from] rcgen::Error),
}

impl Request {
    /// The file, and the words to compare.
    pub fn prove(&self, authority: &Authority, evidence: &SigningKey) -> Result<(String, Words), WriteError> {
        let text = format!("{REQUEST}{}", toml::to_string(self)?);
        let message = [PROOF_CONTEXT, text.as_bytes()].concat();
        let (ca, seal) = (authority.sign(&message)?, evidence.sign(&message).to_bytes());
        let words = Words::of(Of::Request, text.as_bytes());
        Ok((format!("{text}{PROOF}# ca {}\n# evidence {}\n", signed::hex(&ca), signed::hex(&seal)), words))
    }

    /// Reads a file and checks its proofs.
    pub fn read(file: &str) -> Result<Proved, HandoverError> {
        let (text, proofs) = file.split_once(PROOF).ok_or(HandoverError::Sort)?;
        let request: Self = toml::from_str(text)?;
        let jurisdiction = request.jurisdiction.parse()?;
        let bound = Bound::read(&request.ca)?;
        let message = [PROOF_CONTEXT, text.as_bytes()].concat();
        let proof = |name: &str| {
            let line = proofs.lines().find_map(|line| line.strip_prefix(&format!("# {name} ")));
            line.and_then(signed::unhex).ok_or(HandoverError::Proof)
        };
        let key = files::verifying_key(&request.evidence).ok_or(HandoverError::Proof)?;
        let region = request.region.parse()?;
        if !succession::certifies(&region, &jurisdiction, &bound.public_key, &key, &request.evidence_certified) {
            return Err(HandoverError::Proof);
        }
        if !bound.has_signed(&message, &proof("ca")?) || !sealed(&key, &message, &proof("evidence")?) {
            return Err(HandoverError::Proof);
        }
        let list = bound.list(&request.crl).ok_or(HandoverError::List)?;
        let words = Words::of(Of::Request, text.as_bytes());
        Ok(Proved { request, jurisdiction, bound, list, words })
    }
}

fn sealed(key: &VerifyingKey, message: &[u8], signature: &[u8]) -> bool {
    let signature = <[u8; 64]>::try_from(signature).map(|bytes| Signature::from_bytes(&bytes));
    signature.is_ok_and(|signature| key.verify_strict(message, &signature).is_ok())
}

/// The signed files of a region in one file. Each part carries its own signatures, so the bundle needs none.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Bundle {
    /// The root file.
    pub root: String,
    /// The directory.
    pub directory: String,
    /// The grants.
    pub grants: String,
    /// Revocation lists by whose they are.
    #[serde(default)]
    pub crls: BTreeMap<String, String>,
}

impl Bundle {
    /// The file.
    pub fn write(&self) -> Result<String, toml::ser::Error> {
        Ok(format!("{BUNDLE}{}", toml::to_string(self)?))
    }

    /// Reads a file; nothing in it is verified yet.
    pub fn read(file: &str) -> Result<Self, HandoverError> {
        if sort(file)? == Sort::Bundle { Ok(toml::from_str(file)?) } else { Err(HandoverError::Sort) }
    }

    /// The signed files in it.
    pub fn bytes(&self) -> Bytes3 {
        Bytes3 { root: self.root.clone(), directory: self.directory.clone(), grants: self.grants.clone() }
    }

    /// The lists in it.
    pub fn lists(&self) -> Vec<String> {
        self.crls.values().cloned().collect()
    }
}
