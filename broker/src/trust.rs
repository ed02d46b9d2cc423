//! Directory, grants and evidence keys in force, and what is judged by them: seals, routes, rights. Swapped as a whole
//! when the signed files change; who is in the middle of a judgement keeps the view with which it began.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

use arc_swap::ArcSwap;
use certs::files::{EvidenceKey, Trusted};
use ed25519_dalek::VerifyingKey;
use model::{
    directory::Directory,
    grant::{Ask, Policy, Quota},
    header::Header,
    ids::{Digest, JurisdictionId, KeyId, RegionId},
    invalid::Invalid,
    reason::Reason,
    receipt::Flag,
    route::{self, Participants, Routed},
    seal::{RootCache, SealKind},
    stage::Stage,
    time::Timestamp,
};
use proto::{border, v1};

/// Roots whose signature verified, kept so that a burst costs one verification.
const ROOTS_KEPT: usize = 4_096;

/// What is trusted, and by which version of which file.
#[derive(Debug)]
pub struct Trust {
    region: RegionId,
    view: ArcSwap<TrustView>,
    roots: Mutex<RootCache>,
}

/// One consistent set of the signed files.
#[derive(Debug)]
pub struct TrustView {
    /// Members, territories, superiors, groups.
    pub directory: Directory,
    /// After this the directory is stale.
    pub directory_expires: Timestamp,
    /// Who may send what to whom.
    pub policy: Policy,
    /// Evidence keys of members and of the broker.
    pub keys: BTreeMap<KeyId, EvidenceKey>,
    /// The files exactly as signed.
    pub files: Files,
}

/// The signed files as bytes, for agents to check themselves.
#[derive(Clone, Debug, Default)]
pub struct Files {
    /// The directory.
    pub directory: Vec<u8>,
    /// The grants.
    pub grants: Vec<u8>,
    /// The root of trust.
    pub root: Vec<u8>,
    /// Version of the root.
    pub root_version: u64,
    /// Revocation lists, PEM.
    pub crls: Vec<Vec<u8>>,
}

/// What a sender was allowed.
#[derive(Clone, Debug)]
pub struct Granted {
    /// The grant that allowed it.
    pub id: String,
    /// The sender's quota.
    pub quota: Quota,
}

impl Trust {
    /// Trust in `region` by `view`.
    pub fn new(region: RegionId, view: TrustView) -> Self {
        Self { region, view: ArcSwap::from_pointee(view), roots: Mutex::new(RootCache::new(ROOTS_KEPT)) }
    }

    /// What is in force now.
    pub fn view(&self) -> Arc<TrustView> {
        self.view.load_full()
    }

    /// Puts `view` in force.
    pub fn swap(&self, view: TrustView) {
        self.view.store(Arc::new(view));
    }

    /// Verifies the seal over the exact content bytes, under a key that the directory certifies for `sender` and that was in
    /// force at `at`, by which the envelope is known to have existed.
    pub fn verify_envelope(
        &self,
        view: &TrustView,
        envelope: &v1::Envelope,
        sender: &JurisdictionId,
        at: Timestamp,
    ) -> Result<(), Invalid> {
        let seal = border::seal::parse(envelope.seal.clone())?;
        let key = view.key_of(seal.key_id, sender, at)?;
        let mut roots = self.roots.lock().unwrap_or_else(PoisonError::into_inner);
        let verified = roots.verify(SealKind::Envelope, &self.region, &key, &envelope.content, &seal);
        verified
            .map(|_| ())
            .map_err(|error| Invalid::new(Reason::BadSeal, "seal", "seal.verify").detail(error.to_string()))
    }

    /// Verifies a batch of receipts that `by` hands in: readable, signed by its key, about itself, of stages an agent signs.
    /// The key must have been in force when they were signed, not now: an agent that was an island while its key was
    /// replaced still brings them, and would else never get through a session.
    pub fn verify_receipts(
        &self,
        view: &TrustView,
        by: &JurisdictionId,
        batch: &v1::ReceiptBatch,
    ) -> Result<(), Invalid> {
        let facts = batch.statements.iter().map(border::receipt::facts).collect::<Result<Vec<_>, _>>()?;
        let signed = facts.iter().map(|facts| facts.at).max().unwrap_or(Timestamp::EPOCH);
        let key = view.key_of(border::receipt::batch_key(batch)?, by, signed)?;
        border::receipt::verify_batch(&self.region, &key, batch)?;
        facts.iter().try_for_each(|facts| {
            let own = facts.author == *by && facts.recipient.as_ref() == Some(by);
            if own && an_agent_signs(facts.stage) { Ok(()) } else { Err(not_own("receipts")) }
        })
    }

    /// Verifies a receipt that came to `by` on a bundle: what another agent signed about itself and a message of `by`'s, by
    /// a key that was in force then.
    pub fn verify_carried(&self, view: &TrustView, by: &JurisdictionId, receipt: &v1::Receipt) -> Result<(), Invalid> {
        let facts = border::receipt::facts(&receipt.statement)?;
        let seal = border::seal::parse(receipt.seal.clone())?;
        let key = view.key_of(seal.key_id, &facts.author, facts.at)?;
        border::receipt::verify_single(&self.region, &key, receipt)?;
        let own = facts.recipient.as_ref() == Some(&facts.author) && facts.sender == *by;
        if own && an_agent_signs(facts.stage) { Ok(()) } else { Err(not_own("carried")) }
    }

    /// Of the receipts that a re-offered envelope brings, those that verify and speak of it; the others are nothing.
    /// Without one of the broker's all are nothing: only it can say that the envelope was accepted once, and anybody may
    /// sign a receipt in its own name.
    pub fn verified_evidence(
        &self,
        view: &TrustView,
        evidence: Vec<v1::Receipt>,
        header: &Header,
        content_hash: &Digest,
    ) -> Vec<v1::Receipt> {
        let mut accepted = false;
        let mut good = |receipt: &v1::Receipt| {
            let facts = border::receipt::facts(&receipt.statement).ok()?;
            let seal = border::seal::parse(receipt.seal.clone()).ok()?;
            let key = view.key_of(seal.key_id, &facts.author, facts.at).ok()?;
            border::receipt::verify_single(&self.region, &key, receipt).ok()?;
            let by_recipient = facts.recipient.as_ref() == Some(&facts.author) || facts.author.is_broker();
            let same = facts.message_id == header.message_id && facts.content_hash == *content_hash;
            accepted |= same && facts.author.is_broker();
            (same && by_recipient).then_some(())
        };
        let mut good: Vec<_> = evidence.into_iter().filter(|receipt| good(receipt).is_some()).collect();
        if !accepted {
            good.clear();
        }
        good
    }

    /// The signed files that a caller with these versions lacks.
    pub fn lacking(&self, directory: u64, grants: u64, root: u64) -> v1::FetchResponse {
        let view = self.view();
        let file = |has: u64, is: u64, bytes: &[u8]| if has >= is { Vec::new() } else { bytes.to_vec() };
        v1::FetchResponse {
            directory: file(directory, view.directory.version, &view.files.directory).into(),
            grants: file(grants, view.policy.version, &view.files.grants).into(),
            root: file(root, view.files.root_version, &view.files.root).into(),
            crls: view.files.crls.iter().map(|crl| crl.clone().into()).collect(),
        }
    }
}

impl From<&Trusted> for TrustView {
    fn from(trusted: &Trusted) -> Self {
        let bytes = |text: &String| text.as_bytes().to_vec();
        Self {
            directory: trusted.directory.clone(),
            directory_expires: trusted.directory_expires,
            policy: trusted.policy.clone(),
            keys: trusted.evidence.clone(),
            files: Files {
                directory: bytes(&trusted.bytes.directory),
                grants: bytes(&trusted.bytes.grants),
                root: bytes(&trusted.bytes.root),
                root_version: trusted.root.version,
                crls: trusted.crls.iter().map(bytes).collect(),
            },
        }
    }
}

impl TrustView {
    /// The key with `id` if the directory certifies it for `owner` and it was in force at `at`.
    fn key_of(&self, id: KeyId, owner: &JurisdictionId, at: Timestamp) -> Result<VerifyingKey, Invalid> {
        let bad = |rule: &'static str| Invalid::new(Reason::BadSeal, "seal.key_id", rule).detail(id.to_string());
        let known = self.keys.get(&id).ok_or_else(|| bad("seal.key_known"))?;
        if known.owner != *owner {
            let detail = format!("the key is {}'s, not {}'s", known.owner, owner);
            return Err(Invalid::new(Reason::SenderMismatch, "seal.key_id", "seal.key_owner").detail(detail));
        }
        if known.until.is_some_and(|until| at > until) {
            return Err(bad("seal.key_in_force"));
        }
        Ok(known.key)
    }

    /// Verifies a head by the key of who says to have signed it, which was in force then.
    pub fn verify_head(&self, region: &RegionId, sealed: &border::head::Sealed) -> Result<(), Invalid> {
        let key = self.key_of(sealed.seal.key_id, &sealed.signer, sealed.head.at)?;
        sealed.verify(region, &key)
    }

    /// Where a message goes.
    pub fn route(&self, header: &Header, drill: Option<&Participants>) -> Result<Routed, Invalid> {
        route::resolve(header, &self.directory, drill)
    }

    /// The grant for each recipient, and the sender's quota.
    pub fn granted(
        &self,
        header: &Header,
        routed: &Routed,
        content_bytes: u64,
        now: Timestamp,
    ) -> Result<Granted, Invalid> {
        let ask = |to| self.policy.judge(Ask { header, to, content_bytes, now });
        let mut id = None;
        for (to, r#as) in &routed.deliveries {
            // a copied superior is the broker's act, not the sender's
            if *r#as == model::stage::As::To {
                id = Some(ask(Some(to))?);
            }
        }
        let id = id.map_or_else(|| ask(None), Ok)?;
        Ok(Granted { id: id.to_string(), quota: self.policy.quota(&header.sender.jurisdiction, now) })
    }

    /// What the state of trust adds to every stamp.
    pub fn flags(&self, now: Timestamp) -> Option<Flag> {
        (now > self.directory_expires).then_some(Flag::TrustStale)
    }

    /// Every member.
    pub fn members(&self) -> Vec<JurisdictionId> {
        self.directory.members().map(|member| member.id.clone()).collect()
    }
}

/// Stages that an agent's own receipts may say.
fn an_agent_signs(stage: Stage) -> bool {
    matches!(stage, Stage::Delivered | Stage::Opened | Stage::Acknowledged | Stage::WillAnswer | Stage::Refused)
}

fn not_own(field: &'static str) -> Invalid {
    Invalid::new(Reason::SenderMismatch, field, "receipt.own")
}
