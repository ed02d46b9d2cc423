//! Judges a file of evidence. Nothing is believed but the region's root: signed files by its keys, seals and receipts by the
//! evidence keys that those name, records and heads by hashes and seals. Whatever does not hold is a fault with its place.

mod sorts;
mod trees;

use std::collections::BTreeSet;

use bytes::Bytes;
use certs::{
    files::{self, Bytes3, Trusted},
    signed, succession,
    words::{self, Words},
};
use model::{
    ids::{Digest, JurisdictionId, KeyId, MessageId},
    seal::{self, SealKind},
    stage::Stage,
    time::Timestamp,
};
use prost::Message as _;
use proto::{
    border,
    v1::{self, evidence_part::Part},
};

pub use self::{sorts::Sort, trees::Tree};
use super::file::{self, Placed, Unreadable};
use crate::message::{self, Read};

/// Something that does not hold, and where.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Fault {
    /// What.
    pub sort: Sort,
    /// Which part of the file, the summary being 0; none where it is about the whole.
    pub part: Option<usize>,
    /// Where that part begins in the file.
    pub at: Option<u64>,
    /// What exactly, for people who look into it.
    pub detail: String,
}

/// A stage that is proved by a receipt whose signature holds.
#[derive(Clone, Debug)]
pub struct Step {
    /// What the receipt says.
    pub statement: v1::ReceiptStatement,
    /// The stage.
    pub stage: Stage,
    /// When.
    pub at: Timestamp,
    /// When it had to be there at the latest, if that is known.
    pub due: Option<Timestamp>,
    /// Journals in whose trees it lies, and its place there.
    pub trees: Vec<(String, u64)>,
    /// Digest of the statement.
    hash: Digest,
}

impl Step {
    /// Whether it came after its due time.
    pub fn is_late(&self) -> bool {
        self.due.is_some_and(|due| self.at > due)
    }
}

/// The message that the file is about.
#[derive(Clone, Debug)]
pub struct About {
    /// Header, parts and digest.
    pub read: Read,
    /// Its title, in its own language.
    pub title: String,
    /// Journals in whose trees its envelope lies, and its place there.
    pub trees: Vec<(String, u64)>,
}

/// What a file of evidence proves.
#[derive(Debug, Default)]
pub struct Verdict {
    /// What does not hold; nothing, if the file is good.
    pub faults: Vec<Fault>,
    /// What the file says of itself.
    pub summary: Option<v1::EvidenceSummary>,
    /// The root under which it was judged, in six words.
    pub root: Option<Words>,
    /// Whether the caller named that root, or a root from which it follows.
    pub root_given: bool,
    /// The message.
    pub message: Option<About>,
    /// The stages that are proved, in the order of time.
    pub steps: Vec<Step>,
    /// The trees whose heads are in the file.
    pub trees: Vec<Tree>,
}

impl Verdict {
    /// Nothing is wrong with the file.
    pub fn holds(&self) -> bool {
        self.faults.is_empty()
    }

    /// The fault that stands first in the file.
    pub fn first(&self) -> Option<&Fault> {
        self.faults.iter().min_by_key(|fault| fault.part.unwrap_or(usize::MAX))
    }

    fn fault(&mut self, sort: Sort, place: Option<(usize, u64)>, detail: impl Into<String>) {
        let (part, at) = (place.map(|(part, _)| part), place.map(|(_, at)| at));
        self.faults.push(Fault { sort, part, at, detail: detail.into() });
    }
}

/// Judges `bytes`. With `root`, the text of a `root.toml`, the file's root must be that one or follow from it; without, it is
/// judged by the root that it brings, whose words a person must compare.
pub fn verify(bytes: &Bytes, root: Option<&str>) -> Verdict {
    let mut verdict = Verdict { root_given: root.is_some(), ..Verdict::default() };
    let (parts, unreadable) = file::decode(bytes);
    if let Some(why) = unreadable {
        tell_unreadable(&mut verdict, why, parts.len());
        if why == Unreadable::NoEvidence {
            return verdict;
        }
    }
    let Some(trusted) = trusted(&mut verdict, &parts, root) else { return verdict };
    let sealed_by = summary(&mut verdict, &trusted, &parts);
    if sealed_by {
        compare(&mut verdict, &parts, bytes.len() as u64);
    }
    let judge = Judge { trusted: &trusted, parts: &parts };
    judge.message(&mut verdict);
    judge.receipts(&mut verdict);
    judge.trees(&mut verdict);
    verdict.steps.sort_by_key(|step| (step.at, step.stage.number()));
    verdict
}

fn tell_unreadable(verdict: &mut Verdict, why: Unreadable, part: usize) {
    match why {
        Unreadable::NoEvidence => verdict.fault(Sort::NoEvidence, None, ""),
        Unreadable::TooLong => verdict.fault(Sort::TooLong, None, ""),
        Unreadable::Ends(at) => verdict.fault(Sort::Truncated, Some((part, at)), ""),
        Unreadable::Part(at) => verdict.fault(Sort::Unreadable, Some((part, at)), ""),
    }
}

/// The signed files, verified under the root.
fn trusted(verdict: &mut Verdict, parts: &[Placed], root: Option<&str>) -> Option<Trusted> {
    let found = parts.iter().enumerate().find_map(|(number, placed)| match &placed.part {
        Some(Part::Trust(trust)) => Some(((number, placed.at), trust)),
        _ => None,
    });
    let Some((place, carried)) = found else {
        verdict.fault(Sort::NoTrust, None, "");
        return None;
    };
    let text = |bytes: &Bytes| String::from_utf8_lossy(bytes).into_owned();
    let bytes =
        Bytes3 { root: text(&carried.root), directory: text(&carried.directory), grants: text(&carried.grants) };
    let lists: Vec<String> = carried.crls.iter().map(text).collect();
    let trusted = match files::verify(&bytes, &lists) {
        Ok(trusted) => trusted,
        Err(error) => {
            verdict.fault(Sort::Untrusted, Some(place), error.to_string());
            return None;
        }
    };
    if let Some(pinned) = root
        && let Err(error) = succession::root_may_follow(pinned, &bytes.root)
    {
        verdict.fault(Sort::OtherRoot, Some(place), error.to_string());
        return None;
    }
    let root_text = signed::split(SealKind::Root, &bytes.root).map_or("", |(text, _)| text);
    verdict.root = Some(Words::of(words::Of::Root, root_text.as_bytes()));
    Some(trusted)
}

/// Reads the summary; whether its author's seal holds.
fn summary(verdict: &mut Verdict, trusted: &Trusted, parts: &[Placed]) -> bool {
    let Some(Placed { at, part: Some(Part::Summary(sealed)), .. }) = parts.first() else {
        verdict.fault(Sort::NoSummary, Some((0, file::MAGIC.len() as u64)), "");
        return false;
    };
    let place = Some((0, *at));
    let Ok(said) = v1::EvidenceSummary::decode(sealed.summary.clone()) else {
        verdict.fault(Sort::Unreadable, place, "summary");
        return false;
    };
    let holds = (|| {
        let from: JurisdictionId = said.from.parse().ok()?;
        let at = border::time::required(said.at, "at").ok()?;
        let seal = border::seal::parse(sealed.seal.clone()).ok()?;
        let key = trusted.evidence_key(seal.key_id, &from, at).ok()?;
        seal::verify(SealKind::Evidence, &trusted.region, &key, &sealed.summary, &seal).ok()
    })()
    .is_some();
    if !holds {
        verdict.fault(Sort::BadSeal, place, "summary");
    }
    if said.region != trusted.region.as_str() {
        verdict.fault(Sort::Untrusted, place, format!("{} / {}", said.region, trusted.region));
    }
    verdict.summary = Some(said);
    holds
}

/// Holds the parts against those that the author sealed: says which was changed, and how.
fn compare(verdict: &mut Verdict, parts: &[Placed], end: u64) {
    let Some(summary) = &verdict.summary else { return };
    let written: Vec<&[u8]> = summary.parts.iter().map(AsRef::as_ref).collect();
    let found: Vec<&[u8]> = parts.iter().skip(1).map(|placed| placed.digest.0.as_slice()).collect();
    if written == found {
        return;
    }
    let differs = written.iter().zip(&found).take_while(|(written, found)| written == found).count();
    let at = parts.get(differs + 1).map_or(end, |placed| placed.at);
    let sorted = |hashes: &[&[u8]]| {
        let mut hashes = hashes.iter().map(|hash| hash.to_vec()).collect::<Vec<_>>();
        hashes.sort_unstable();
        hashes
    };
    let sort = match found.len().cmp(&written.len()) {
        std::cmp::Ordering::Less if differs == found.len() => Sort::Truncated,
        std::cmp::Ordering::Less => Sort::Deleted,
        std::cmp::Ordering::Greater => Sort::Added,
        std::cmp::Ordering::Equal if sorted(&written) == sorted(&found) => Sort::Reordered,
        std::cmp::Ordering::Equal => Sort::Edited,
    };
    let detail = format!("{} / {}", found.len(), written.len());
    verdict.fault(sort, Some((differs + 1, at)), detail);
}

/// What everything is judged by.
struct Judge<'f> {
    trusted: &'f Trusted,
    parts: &'f [Placed],
}

impl Judge<'_> {
    /// The parts of one sort, with their places.
    fn all<'p, T: 'p>(
        &'p self,
        pick: impl Fn(&'p Part) -> Option<&'p T> + 'p,
    ) -> impl Iterator<Item = ((usize, u64), &'p T)> + 'p {
        let places = self.parts.iter().enumerate();
        places.filter_map(move |(number, placed)| Some(((number, placed.at), pick(placed.part.as_ref()?)?)))
    }

    fn message(&self, verdict: &mut Verdict) {
        let mut envelopes = self.all(|part| if let Part::Envelope(envelope) = part { Some(envelope) } else { None });
        let Some((place, envelope)) = envelopes.next() else {
            return verdict.fault(Sort::NoMessage, None, "");
        };
        if let Some((again, _)) = envelopes.next() {
            verdict.fault(Sort::Added, Some(again), "envelope");
        }
        let read = match message::read(envelope) {
            Ok(read) => read,
            Err(invalid) => return verdict.fault(Sort::Unreadable, Some(place), invalid.to_string()),
        };
        let named = verdict.summary.as_ref().and_then(|summary| summary.message_id.as_ref().try_into().ok());
        if named.map(MessageId).is_some_and(|named| named != read.header.message_id) {
            verdict.fault(Sort::OtherMessage, Some(place), read.header.message_id.to_string());
        }
        // the key was in force when the broker took charge, whatever the header claims; without a receipt the header counts
        let at = self.accepted_at().unwrap_or(read.header.sent_at);
        let sealed = border::seal::parse(envelope.seal.clone()).and_then(|seal| {
            let key = self.trusted.evidence_key(seal.key_id, &read.header.sender.jurisdiction, at)?;
            seal::verify(SealKind::Envelope, &self.trusted.region, &key, &envelope.content, &seal)
                .map_err(|error| model::invalid::Invalid::schema("seal", "seal.verify").detail(error.to_string()))
        });
        if let Err(invalid) = sealed {
            verdict.fault(Sort::BadSeal, Some(place), format!("envelope: {invalid}"));
        }
        let title = crate::desk::read::headed(envelope).map(|headed| headed.title).unwrap_or_default();
        verdict.message = Some(About { read, title, trees: Vec::new() });
    }

    fn accepted_at(&self) -> Option<Timestamp> {
        let receipts = self.all(|part| if let Part::Receipt(receipt) = part { Some(receipt) } else { None });
        let facts = receipts.filter_map(|(_, receipt)| {
            let facts = border::receipt::facts(&receipt.statement).ok()?;
            self.signed_by(receipt, &facts).then_some(facts)
        });
        let accepted = |facts: &border::receipt::Facts| facts.stage == Stage::Accepted && facts.author.is_broker();
        facts.filter(accepted).map(|facts| facts.at).min()
    }

    fn key(&self, id: KeyId, owner: &JurisdictionId, at: Timestamp) -> Option<ed25519_dalek::VerifyingKey> {
        self.trusted.evidence_key(id, owner, at).ok()
    }

    fn signed_by(&self, receipt: &v1::Receipt, facts: &border::receipt::Facts) -> bool {
        let seal = border::seal::parse(receipt.seal.clone()).ok();
        let key = seal.and_then(|seal| self.key(seal.key_id, &facts.author, facts.at));
        key.is_some_and(|key| border::receipt::verify_single(&self.trusted.region, &key, receipt).is_ok())
    }

    fn receipts(&self, verdict: &mut Verdict) {
        let receipts: Vec<_> =
            self.all(|part| if let Part::Receipt(receipt) = part { Some(receipt) } else { None }).collect();
        let (mut known, mut steps, mut stamp) = (BTreeSet::new(), Vec::new(), None);
        for (place, receipt) in &receipts {
            let Ok(facts) = border::receipt::facts(&receipt.statement) else {
                verdict.fault(Sort::Unreadable, Some(*place), "receipt");
                continue;
            };
            if !self.signed_by(receipt, &facts) {
                verdict.fault(Sort::BadSeal, Some(*place), format!("receipt {} {}", facts.author, facts.stage.name()));
                continue;
            }
            let hash = Digest::of(&receipt.statement);
            if !known.insert(hash) {
                verdict.fault(Sort::Added, Some(*place), format!("receipt {}", facts.stage.name()));
                continue;
            }
            if let Some((sort, detail)) = misplaced(verdict.message.as_ref(), &facts) {
                verdict.fault(sort, Some(*place), detail);
                continue;
            }
            let statement = v1::ReceiptStatement::decode(receipt.statement.clone()).unwrap_or_default();
            let (stage, at) = (facts.stage, facts.at);
            if facts.author.is_broker() && stage == Stage::Accepted {
                stamp = stamp.or_else(|| statement.stamp.clone()); // nobody else says what was due
            }
            steps.push((*place, Step { statement, stage, at, due: None, trees: Vec::new(), hash }));
        }
        for (place, step) in &steps {
            let before: Option<[u8; 32]> = step.statement.previous_receipt_hash.as_ref().try_into().ok();
            if before.is_some_and(|before| !known.contains(&Digest(before))) {
                verdict.fault(Sort::Unchained, Some(*place), step.stage.name());
            }
        }
        let stamp: v1::Stamp = stamp.unwrap_or_default();
        for (place, step) in
            steps.iter().filter(|(_, step)| !stamp.deliveries.is_empty() && step.stage != Stage::Accepted)
        {
            let recipient = &step.statement.recipient;
            if !stamp.deliveries.iter().any(|delivery| delivery.jurisdiction == *recipient) {
                verdict.fault(Sort::NotTheirs, Some(*place), format!("{recipient} {}", step.stage.name()));
            }
        }
        let expires = verdict.message.as_ref().map(|about| about.read.header.expires_at);
        verdict.steps =
            steps.into_iter().map(|(_, step)| Step { due: due(step.stage, &stamp, expires), ..step }).collect();
    }
}

/// Why a good receipt has no business in this file.
fn misplaced(about: Option<&About>, facts: &border::receipt::Facts) -> Option<(Sort, String)> {
    let about = about?;
    if facts.message_id != about.read.header.message_id {
        return Some((Sort::OtherMessage, format!("receipt {}", facts.message_id)));
    }
    if facts.content_hash != about.read.content_hash {
        return Some((Sort::OtherContent, format!("receipt {}", facts.stage.name())));
    }
    // the broker takes charge and ends; whatever a recipient did it says itself
    let may = match facts.stage {
        Stage::Accepted | Stage::Expired | Stage::Dead => facts.author.is_broker(),
        Stage::Answered | Stage::Recalled | Stage::Refused => {
            facts.author.is_broker() || facts.recipient.as_ref() == Some(&facts.author)
        }
        _ => facts.recipient.as_ref() == Some(&facts.author),
    };
    if may { None } else { Some((Sort::NotTheirs, format!("{} {}", facts.author, facts.stage.name()))) }
}

/// By when a stage was due.
fn due(stage: Stage, stamp: &v1::Stamp, expires: Option<Timestamp>) -> Option<Timestamp> {
    let time = |wire| border::time::optional(wire, "due").ok().flatten();
    match stage {
        Stage::Accepted | Stage::Delivered => expires,
        Stage::Opened | Stage::Acknowledged | Stage::WillAnswer => time(stamp.ack_by).or(expires),
        Stage::Answered => time(stamp.reply_by).or(expires),
        Stage::Expired | Stage::Refused | Stage::Dead | Stage::Recalled => None,
    }
}
