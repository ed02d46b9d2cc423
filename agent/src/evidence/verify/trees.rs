//! Heads, the links between them, and the records under them.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use model::{
    ids::Digest,
    merkle::{self, Hash},
    time::Timestamp,
};
use prost::Message;
use proto::{
    border::head,
    record::{Attested, BrokerAccepted, Queued, ReceiptsReceived, Received, Resealed, Submitted, kind},
    v1::{self, evidence_part::Part},
};

use super::{Judge, Sort, Verdict};

/// A tree whose heads are in the file and are one tree.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Tree {
    /// Whose journal.
    pub owner: String,
    /// The newest size that is in the file.
    pub size: u64,
    /// When that head was signed.
    pub at: Timestamp,
    /// Others who have signed heads of it.
    pub witnesses: BTreeSet<String>,
}

/// Heads by owner and size: root, whether the owner signed it, when.
type Heads = BTreeMap<(String, u64), (Hash, bool, Timestamp)>;

impl Judge<'_> {
    pub(super) fn trees(&self, verdict: &mut Verdict) {
        let heads = self.heads(verdict);
        let joined = self.links(verdict, &heads);
        unjoined(verdict, &heads, &joined);
        self.records(verdict, &heads);
    }

    fn heads(&self, verdict: &mut Verdict) -> Heads {
        let (mut heads, mut witnesses) = (Heads::new(), BTreeMap::<String, BTreeSet<String>>::new());
        for (place, wire) in self.all(|part| if let Part::Head(head) = part { Some(head) } else { None }) {
            let Ok(sealed) = head::parse(wire.clone()) else {
                verdict.fault(Sort::Unreadable, Some(place), "head");
                continue;
            };
            let key = self.key(sealed.seal.key_id, &sealed.signer, sealed.head.at);
            if key.is_none_or(|key| sealed.verify(&self.trusted.region, &key).is_err()) {
                verdict.fault(Sort::BadSeal, Some(place), format!("head {} {}", sealed.signer, sealed.head.size));
                continue;
            }
            let (owner, by_owner) = (sealed.head.owner.to_string(), sealed.signer == sealed.head.owner);
            if !by_owner {
                witnesses.entry(owner.clone()).or_default().insert(sealed.signer.to_string());
            }
            let known = heads.entry((owner, sealed.head.size)).or_insert((sealed.head.root, by_owner, sealed.head.at));
            if known.0 != sealed.head.root {
                verdict.fault(Sort::Forked, Some(place), format!("{} {}", sealed.head.owner, sealed.head.size));
            }
            known.1 |= by_owner;
        }
        let newest: BTreeMap<&String, (u64, Timestamp)> =
            heads.iter().map(|((owner, size), (_, _, at))| (owner, (*size, *at))).collect();
        verdict.trees = newest
            .into_iter()
            .map(|(owner, (size, at))| Tree {
                owner: owner.clone(),
                size,
                at,
                witnesses: witnesses.remove(owner).unwrap_or_default(),
            })
            .collect();
        heads
    }

    /// Which heads are shown to be of one tree.
    fn links(&self, verdict: &mut Verdict, heads: &Heads) -> BTreeSet<(String, u64, u64)> {
        let mut joined = BTreeSet::new();
        for (place, link) in self.all(|part| if let Part::Link(link) = part { Some(link) } else { None }) {
            let root = |size: u64| heads.get(&(link.owner.clone(), size)).map(|(root, ..)| *root);
            let (Some(old), Some(new)) = (root(link.from_size), root(link.to_size)) else {
                verdict.fault(Sort::NotInTree, Some(place), format!("{} {}", link.owner, link.from_size));
                continue;
            };
            let path = head::hashes(&link.path, "path").unwrap_or_default();
            if merkle::joins((link.from_size, old), (link.to_size, new), &path) {
                joined.insert((link.owner.clone(), link.from_size, link.to_size));
            } else {
                let sizes = format!("{} {} {}", link.owner, link.from_size, link.to_size);
                verdict.fault(Sort::Forked, Some(place), sizes);
            }
        }
        joined
    }

    fn records(&self, verdict: &mut Verdict, heads: &Heads) {
        for (place, evidence) in self.all(|part| if let Part::Record(record) = part { Some(record) } else { None }) {
            let record = evidence.record.clone().unwrap_or_default();
            let named = format!("{} {}", evidence.owner, evidence.position);
            if !is_under(evidence, &record, heads) {
                verdict.fault(Sort::NotInTree, Some(place), named);
                continue;
            }
            if !attach(verdict, evidence, &record) {
                verdict.fault(Sort::OtherRecord, Some(place), named);
            }
        }
    }
}

/// Every head of a tree must be linked to its newest, over whatever heads lie between.
fn unjoined(verdict: &mut Verdict, heads: &Heads, joined: &BTreeSet<(String, u64, u64)>) {
    for tree in verdict.trees.clone() {
        let (mut reached, mut open) = (BTreeSet::from([tree.size]), vec![tree.size]);
        while let Some(size) = open.pop() {
            let linked = joined.iter().filter(|(owner, ..)| *owner == tree.owner);
            let next = linked.filter_map(|(_, from, to)| match size {
                _ if *from == size => Some(*to),
                _ if *to == size => Some(*from),
                _ => None,
            });
            open.extend(next.filter(|next| reached.insert(*next)).collect::<Vec<_>>());
        }
        let all = heads.keys().filter(|(owner, _)| *owner == tree.owner);
        for (_, size) in all.filter(|(_, size)| !reached.contains(size)) {
            verdict.fault(Sort::Forked, None, format!("{} {size} {}", tree.owner, tree.size));
        }
    }
}

/// Whether the record's path leads to a head that its owner signed.
fn is_under(evidence: &v1::EvidenceRecord, record: &v1::LeafRecord, heads: &Heads) -> bool {
    let head = heads.get(&(evidence.owner.clone(), evidence.size)).filter(|(_, by_owner, _)| *by_owner);
    let (Some((root, ..)), Ok(kind), Ok(flags)) = (head, u16::try_from(record.kind), u8::try_from(record.flags)) else {
        return false;
    };
    let leaf = merkle::leaf_of_parts(&[&kind.to_be_bytes(), &[flags], &record.at.to_be_bytes(), &record.bytes]);
    let path = head::hashes(&evidence.path, "path").unwrap_or_default();
    let index = evidence.position.checked_sub(1);
    index.and_then(|index| merkle::root_by_path(leaf, index, evidence.size, &path)) == Some(*root)
}

/// What a record holds of envelopes and statements.
#[derive(Default)]
struct Holds {
    contents: Vec<Bytes>,
    statements: Vec<Bytes>,
    accepted_here: bool,
}

/// Notes at message and steps that a tree holds them; whether it holds anything of them.
fn attach(verdict: &mut Verdict, evidence: &v1::EvidenceRecord, record: &v1::LeafRecord) -> bool {
    let holds = holds(record, evidence.owner == "broker").unwrap_or_default();
    let place = (evidence.owner.clone(), evidence.position);
    let mut any = false;
    if let Some(about) = &mut verdict.message
        && holds.contents.iter().any(|content| Digest::of(content) == about.read.content_hash)
    {
        about.trees.push(place.clone());
        any = true;
    }
    let statements: BTreeSet<Digest> = holds.statements.iter().map(|statement| Digest::of(statement)).collect();
    for step in &mut verdict.steps {
        let accepted = holds.accepted_here
            && step.stage == model::stage::Stage::Accepted
            && step.statement.position == evidence.position;
        if statements.contains(&step.hash) || (accepted && any) {
            step.trees.push(place.clone());
            any = true;
        }
    }
    any
}

fn holds(record: &v1::LeafRecord, brokers: bool) -> Option<Holds> {
    let kind = u16::try_from(record.kind).ok()?;
    let mut holds = Holds::default();
    match (kind, brokers) {
        (kind::SUBMITTED | kind::CARRIED, true) => {
            let of: Submitted = decoded(record)?;
            holds.contents.extend(of.envelope.map(|envelope| envelope.content));
            holds.statements.extend(of.evidence.into_iter().map(|receipt| receipt.statement));
            holds.accepted_here = kind == kind::SUBMITTED;
        }
        (kind::QUEUED, false) => holds.contents.extend(decoded::<Queued>(record)?.envelope.map(|of| of.content)),
        (kind::RESEALED, false) => holds.contents.extend(decoded::<Resealed>(record)?.envelope.map(|of| of.content)),
        (kind::RECEIVED, false) => {
            let of: Received = decoded(record)?;
            holds.contents.extend(of.deliveries.into_iter().filter_map(|one| Some(one.envelope?.content)));
            holds.statements.extend(of.receipts.into_iter().flat_map(|batch| batch.statements));
        }
        (kind::BROKER_ACCEPTED, false) => {
            let of: BrokerAccepted = decoded(record)?;
            holds.statements.extend(of.receipts.into_iter().flat_map(|batch| batch.statements));
        }
        (kind::ATTESTED, false) => {
            let of: Attested = decoded(record)?;
            holds.statements.extend(of.receipts.into_iter().flat_map(|batch| batch.statements));
        }
        (kind::RECEIPTS_RECEIVED, false) => {
            let of: ReceiptsReceived = decoded(record)?;
            holds.statements.extend(of.receipts.into_iter().map(|receipt| receipt.statement));
        }
        _ => return None,
    }
    Some(holds)
}

fn decoded<M: Message + Default>(record: &v1::LeafRecord) -> Option<M> {
    M::decode(record.bytes.clone()).ok()
}
