//! Heads of the broker's evidence tree, and what it knows of those of its agents. A head is signed when the tree has grown
//! by more than heads, and when somebody wants a proof of what none covers yet.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

use journal::{Journal as _, Lane, Record};
use model::{
    head::Head, ids::JurisdictionId, invalid::Invalid, limits, position::Position, reason::Reason, time::Timestamp,
};
use prost::Message as _;
use proto::{
    border::head::{self, Sealed},
    record::{AdminAct, HeadSigned, HeadWitnessed, WitnessRow, kind},
    v1, witness,
};
use store::tasks::Tasks;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::{
    BrokerEngine, Relay,
    fold::{decode_row, keys},
};

/// The newest head of our own, and what witnesses countersigned.
#[derive(Debug)]
pub struct Heads {
    newest: watch::Sender<Option<v1::TreeHead>>,
    growth: tokio::sync::Mutex<Growth>,
    countersigned: Mutex<BTreeMap<JurisdictionId, v1::TreeHead>>,
}

impl Default for Heads {
    fn default() -> Self {
        let newest = watch::Sender::new(None);
        Self { newest, growth: tokio::sync::Mutex::default(), countersigned: Mutex::default() }
    }
}

/// How far the tree was looked at since the last head.
#[derive(Debug, Default)]
struct Growth {
    looked: Position,
    signed_at: Option<Timestamp>,
}

impl Growth {
    /// Whether something was added that is worth a head: heads of our own and of others are not, else two trees would
    /// make each other grow for ever, nor are the broker's own probes.
    fn has_news(&mut self, engine: &BrokerEngine) -> bool {
        let end = engine.journal_end();
        self.looked = self.looked.max(engine.journal().retired());
        while self.looked < end {
            let next = self.looked.next();
            let is_news = engine.journal().record(next).is_ok_and(|record| is_news(&record));
            if is_news {
                return true;
            }
            self.looked = next;
        }
        false
    }
}

fn is_news(record: &Record) -> bool {
    match record.kind {
        kind::HEAD_SIGNED | kind::HEAD_WITNESSED => false,
        kind::ADMIN_ACT => AdminAct::decode(record.bytes.clone()).map_or(true, |act| act.act != "probe"),
        _ => true,
    }
}

/// Why there is no head.
#[derive(Debug, thiserror::Error)]
pub enum HeadError {
    /// The tree.
    #[error(transparent)]
    Journal(#[from] journal::JournalError),
    /// The record of the head was not taken.
    #[error(transparent)]
    Append(#[from] store::AppendError),
    /// The program stops.
    #[error(transparent)]
    Stopping(#[from] store::tasks::NoResult),
}

impl Heads {
    /// The newest head; none before the first is signed.
    pub fn newest(&self) -> Option<v1::TreeHead> {
        self.newest.borrow().clone()
    }

    /// Changes with every head.
    pub fn watch(&self) -> watch::Receiver<Option<v1::TreeHead>> {
        self.newest.subscribe()
    }

    /// What witnesses countersigned last, one each.
    pub fn countersigned(&self) -> Vec<v1::TreeHead> {
        self.countersigned.lock().unwrap_or_else(PoisonError::into_inner).values().cloned().collect()
    }
}

/// Signs a head at once, and then whenever the tree has grown, until told to stop.
pub async fn run(relay: Arc<Relay>, tasks: Tasks, stop: CancellationToken) {
    loop {
        if let Err(error) = relay.sign_head(&tasks).await {
            tracing::warn!(%error, "a head of the evidence tree is signed later");
        }
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(limits::HEAD_EVERY) => {}
        }
    }
}

impl Relay {
    /// Signs a head if the tree has grown by more than heads. When this returns, the newest head covers everything that was
    /// journalled before, but for heads and probes.
    ///
    /// # Errors
    /// No head was signed.
    pub async fn sign_head(&self, tasks: &Tasks) -> Result<(), HeadError> {
        let mut growth = self.heads.growth.lock().await;
        if !growth.has_news(&self.engine) {
            return Ok(());
        }
        let journal = self.engine.journal().clone();
        let tree = tasks.blocking("head", move || journal.newest_tree()).await??;
        let at = self.clock.now();
        let head = Head { owner: JurisdictionId::broker(), epoch: tree.epoch, size: tree.size, root: tree.root, at };
        let signed = self.signer.head(&head);
        let record = HeadSigned { head: Some(signed.clone()) };
        let record = Record::new(kind::HEAD_SIGNED, at, record.encode_to_vec());
        self.engine.append(vec![record], Lane::Settling).await?;
        *growth = Growth { looked: Position(tree.size), signed_at: Some(at) };
        tracing::debug!(size = tree.size, "a head of the evidence tree is signed");
        self.heads.newest.send_replace(Some(signed));
        Ok(())
    }

    /// The newest head, which covers `at` if that is in the journal. Heads that are asked for are signed some time apart.
    ///
    /// # Errors
    /// No head covers it, and none can be signed.
    pub async fn head_over(&self, tasks: &Tasks, at: Position) -> Result<v1::TreeHead, HeadError> {
        let covers = |head: &Option<v1::TreeHead>| head.as_ref().is_some_and(|head| head.size >= at.0);
        if !covers(&self.heads.newest()) && at <= self.engine.journal_end() {
            let signed_at = self.heads.growth.lock().await.signed_at;
            let since = signed_at.map_or(limits::HEAD_APART, |signed| self.clock.now().since(signed));
            tokio::time::sleep(limits::HEAD_APART.saturating_sub(since)).await;
            self.sign_head(tasks).await?;
        }
        let head = self.heads.newest();
        Ok(head.ok_or(journal::JournalError::Missing(at))?)
    }

    /// What is known of the tree of `owner`.
    ///
    /// # Errors
    /// The rows cannot be read.
    pub fn witnessed(&self, owner: &JurisdictionId) -> Result<Option<WitnessRow>, store::FoldError> {
        let row = self.engine.read(|_, rows| rows.get(&keys::witness(owner)))?;
        row.map(decode_row).transpose()
    }

    /// What is known of the tree of every member.
    ///
    /// # Errors
    /// The rows cannot be read.
    pub fn all_witnessed(&self) -> Result<Vec<(JurisdictionId, WitnessRow)>, store::FoldError> {
        let members = self.trust.view().members();
        let rows = members.into_iter().map(|member| Ok((member.clone(), self.witnessed(&member)?)));
        let rows: Vec<_> = rows.collect::<Result<_, store::FoldError>>()?;
        Ok(rows.into_iter().filter_map(|(member, row)| Some((member, row?))).collect())
    }

    /// A member shows the head of its own tree, with the proof that leads to it from `from`. Returns when what was new
    /// about it is durable.
    ///
    /// # Errors
    /// It is not the member's, its seal does not hold, or it could not be kept.
    pub async fn shown_head(
        &self,
        caller: &JurisdictionId,
        wire: v1::TreeHead,
        (from, proof): (u64, &[bytes::Bytes]),
    ) -> Result<(), Invalid> {
        let sealed = self.verified(&wire)?;
        if sealed.head.owner != *caller || sealed.signer != *caller {
            return Err(Invalid::new(Reason::SenderMismatch, "own.owner", "audit.own_head"));
        }
        let proof = head::hashes(proof, "own_proof")?;
        let row = self.witnessed(caller).map_err(|error| ours(&error))?;
        let known = row.and_then(|row| row.head);
        let needs = known.as_ref().filter(|known| sealed.head.size > known.size).map(|known| known.size);
        if needs.is_some_and(|size| size != from) {
            return Ok(()); // it does not know yet from where to prove
        }
        let kept = witness::held_against(known.as_ref(), &sealed, &wire, &proof)?;
        match kept {
            Some(record) => self.keep_witnessed(caller, record).await,
            None => Ok(()),
        }
    }

    async fn keep_witnessed(&self, owner: &JurisdictionId, record: HeadWitnessed) -> Result<(), Invalid> {
        if witness::diverges(&record) {
            let size = record.head.as_ref().map_or(0, |head| head.size);
            let known = record.known.as_ref().map_or(0, |head| head.size);
            tracing::error!(%owner, size, known, verdict = record.verdict().as_str_name(), "AUDIT_DIVERGENCE: a head of this member does not join the one that was known");
        }
        let record = Record::new(kind::HEAD_WITNESSED, self.clock.now(), record.encode_to_vec());
        let kept = self.engine.append(vec![record], Lane::Settling).await;
        kept.map(|_| ()).map_err(|_| Invalid::new(Reason::Busy, "", "journal"))
    }

    /// Our seal under the newest head that was kept of a member's tree; none if that tree once did not join.
    pub fn countersign(&self, kept: v1::TreeHead) -> Option<v1::TreeHead> {
        let owner: JurisdictionId = kept.owner.parse().ok()?;
        let joined = self.witnessed(&owner).ok()?.is_some_and(|row| row.divergences == 0);
        let sealed = head::parse(kept).ok()?;
        joined.then(|| self.signer.countersign(&sealed.head))
    }

    /// A witness countersigns a head of ours. It counts if `root` is that of the tree here at this size: a witness of
    /// another history, which is told here and judged by the witness itself, is answered all the same.
    ///
    /// # Errors
    /// It is another's, or its seal does not hold.
    pub fn countersigned_by(
        &self,
        caller: &JurisdictionId,
        wire: v1::TreeHead,
        root: Option<model::merkle::Hash>,
    ) -> Result<(), Invalid> {
        let sealed = self.verified(&wire)?;
        if sealed.signer != *caller || !sealed.head.owner.is_broker() {
            return Err(Invalid::new(Reason::SenderMismatch, "countersigned.witness", "audit.witness"));
        }
        if root != Some(sealed.head.root) {
            tracing::error!(witness = %caller, size = sealed.head.size, "AUDIT_DIVERGENCE: a witness countersigned a head that is none of this tree");
            return Ok(());
        }
        let mut all = self.heads.countersigned.lock().unwrap_or_else(PoisonError::into_inner);
        all.insert(caller.clone(), wire);
        Ok(())
    }

    fn verified(&self, wire: &v1::TreeHead) -> Result<Sealed, Invalid> {
        let sealed = head::parse(wire.clone())?;
        self.trust.view().verify_head(&self.region, &sealed)?;
        Ok(sealed)
    }

    /// Heads for a member: what witnesses countersigned, and the newest of every other's own tree.
    ///
    /// # Errors
    /// The rows cannot be read.
    pub fn heads_for(&self, caller: &JurisdictionId) -> Result<Vec<v1::TreeHead>, store::FoldError> {
        let others = self.all_witnessed()?.into_iter().filter(|(owner, _)| owner != caller);
        let mut heads = self.heads.countersigned();
        heads.extend(others.filter_map(|(_, row)| row.head));
        Ok(heads)
    }
}

fn ours(error: &dyn std::error::Error) -> Invalid {
    tracing::error!(%error, "what is known of a tree cannot be read");
    Invalid::new(Reason::Internal, "", "broker.internal")
}
