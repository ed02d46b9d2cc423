//! Heads of evidence trees: our own, signed as our journal grows, and the broker's and the neighbours', held against what
//! was known of them. Whatever continues what we knew we countersign, so that nobody can be shown another history; what
//! does not is AUDIT_DIVERGENCE.

use std::{
    collections::BTreeMap,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use journal::{Journal as _, JournalError, Lane, Record};
use model::{
    head::Head,
    ids::JurisdictionId,
    invalid::Invalid,
    limits,
    merkle::{self, Hash},
    position::Position,
    reason::Reason,
};
use prost::Message as _;
use proto::{
    border::head::{self, Sealed},
    record::{HeadSigned, HeadVerdict, HeadWitnessed, kind},
    v1::{self, audit_client::AuditClient},
    witness,
};
use store::tasks::Tasks;
use tokio::sync::Notify;
use tonic::transport::Channel;

use crate::{
    desk::{AgentEngine, Desk, internal, rows},
    fold::heads as fold,
};

/// How long a question about heads may take.
const ASK_TIME_MAX: Duration = Duration::from_secs(10);
/// Heads of others that one answer may bring.
const WITNESSED_MAX: usize = 1_024;

/// What this desk knows of trees beside its rows.
#[derive(Debug, Default)]
pub struct Witness {
    /// Rings when the broker has shown a head.
    pub bell: Notify,
    growth: tokio::sync::Mutex<Growth>,
    /// Heads are exchanged by one at a time, so that none overtakes another.
    exchanging: tokio::sync::Mutex<()>,
    own: Mutex<Option<v1::TreeHead>>,
    /// The size at which the broker knows our tree.
    known_at_broker: AtomicU64,
    /// The broker's head that we countersigned last.
    countersigned: Mutex<Option<v1::TreeHead>>,
    /// Our newest head that the broker countersigned, under our seal and under its.
    own_countersigned: Mutex<Option<(v1::TreeHead, v1::TreeHead)>>,
    /// What other witnesses countersigned last, and the newest heads of their own trees.
    others: Mutex<BTreeMap<(String, String), v1::TreeHead>>,
}

/// How far our tree was looked at since the last head.
#[derive(Debug, Default)]
struct Growth {
    looked: Position,
}

impl Growth {
    /// Whether something was added that is worth a head: heads are not, else two trees would make each other grow for ever.
    fn has_news(&mut self, engine: &AgentEngine) -> bool {
        let end = engine.journal_end();
        self.looked = self.looked.max(engine.journal().retired());
        while self.looked < end {
            let next = self.looked.next();
            let record = engine.journal().record(next);
            if record.is_ok_and(|record| !matches!(record.kind, kind::HEAD_SIGNED | kind::HEAD_WITNESSED)) {
                return true;
            }
            self.looked = next;
        }
        false
    }
}

impl Witness {
    /// Our newest head; none before the first is signed.
    pub fn own(&self) -> Option<v1::TreeHead> {
        locked(&self.own).clone()
    }

    /// Our newest head that the broker countersigned, under our seal and under the broker's.
    pub fn own_countersigned(&self) -> Option<(v1::TreeHead, v1::TreeHead)> {
        locked(&self.own_countersigned).clone()
    }

    /// What witnesses countersigned of the broker's heads, ourselves included.
    pub fn countersigned(&self) -> Vec<v1::TreeHead> {
        let others = locked(&self.others);
        let theirs = others.values().filter(|head| head.owner == JurisdictionId::broker().as_str());
        theirs.cloned().chain(locked(&self.countersigned).clone()).collect()
    }

    /// The newest head of a neighbour's own tree that was heard since the start.
    fn heard_of(&self, owner: &str) -> Option<v1::TreeHead> {
        locked(&self.others).get(&(owner.to_owned(), String::new())).cloned()
    }
}

fn locked<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Desk {
    /// Signs a head of our own tree if it has grown by more than heads. When this returns the newest covers everything that
    /// was stored before, but for heads.
    ///
    /// # Errors
    /// No head was signed.
    pub async fn sign_head(&self, tasks: &Tasks) -> Result<(), Invalid> {
        let mut growth = self.witness.growth.lock().await;
        if !growth.has_news(&self.engine) {
            return Ok(());
        }
        let journal = self.engine.journal().clone();
        let tree = proof(tasks, move || journal.newest_tree()).await?;
        let (owner, at) = (self.names.jurisdiction().clone(), self.clock.now());
        let head = Head { owner, epoch: tree.epoch, size: tree.size, root: tree.root, at };
        let signed = self.signer.head(&head, None);
        self.write(kind::HEAD_SIGNED, &HeadSigned { head: Some(signed.clone()) }, Lane::Settling).await?;
        growth.looked = Position(tree.size);
        *locked(&self.witness.own) = Some(signed);
        Ok(())
    }

    /// Shows the broker our newest head, and holds what it shows of its own tree and of others against what we know.
    /// Returns when what was new is durable.
    ///
    /// # Errors
    /// The broker did not answer, or proved nothing: what was known stays known.
    pub async fn exchange_heads(&self, tasks: &Tasks) -> Result<(), Invalid> {
        let _one_at_a_time = self.witness.exchanging.lock().await;
        self.sign_head(tasks).await?;
        let Some(channel) = self.link.channel() else { return Ok(()) };
        let mut broker = AuditClient::new(channel);
        let mut answer = self.show_heads(&mut broker, tasks).await?;
        let countersigned = self.take_brokers(&mut broker, answer.head.as_ref()).await?;
        let own = self.witness.own().map_or(0, |head| head.size);
        if countersigned || answer.known_size < own {
            answer = self.show_heads(&mut broker, tasks).await?;
        }
        for head in answer.witnessed.into_iter().take(WITNESSED_MAX) {
            self.take_witnessed(&mut broker, head).await?;
        }
        Ok(())
    }

    async fn show_heads(&self, broker: &mut AuditClient<Channel>, tasks: &Tasks) -> Result<v1::HeadResponse, Invalid> {
        let (own, from) = (self.witness.own(), self.witness.known_at_broker.load(Ordering::Relaxed));
        let to = own.as_ref().map_or(0, |head| head.size);
        let mut ask = v1::HeadRequest { own, own_from: from, ..v1::HeadRequest::default() };
        if (1..to).contains(&from) {
            let journal = self.engine.journal().clone();
            let path = proof(tasks, move || journal.consistency(from, to)).await?;
            ask.own_proof = head::hashes_to_wire(&path);
        }
        ask.countersigned.clone_from(&*locked(&self.witness.countersigned));
        let shown = ask.own.clone();
        let answer = asked(broker.head(ask)).await?;
        self.witness.known_at_broker.store(answer.known_size, Ordering::Relaxed);
        if let (Some(own), Some(seen)) = (shown, answer.countersigned.clone())
            && (own.size, &own.root) == (seen.size, &seen.root)
            && self.is_brokers_word(&seen)
        {
            *locked(&self.witness.own_countersigned) = Some((own, seen));
        }
        Ok(answer)
    }

    /// Whether the broker has countersigned a head of ours.
    fn is_brokers_word(&self, wire: &v1::TreeHead) -> bool {
        let sealed = head::parse(wire.clone());
        sealed.is_ok_and(|sealed| {
            let ours = sealed.head.owner == *self.names.jurisdiction() && sealed.signer.is_broker();
            ours && self.trust.verify_head(&sealed).is_ok()
        })
    }

    /// The broker's newest head: joined, kept and countersigned. Whether our countersignature is new.
    async fn take_brokers(
        &self,
        broker: &mut AuditClient<Channel>,
        shown: Option<&v1::TreeHead>,
    ) -> Result<bool, Invalid> {
        let Some(wire) = shown else { return Ok(false) };
        let sealed = head::parse(wire.clone())?;
        if !sealed.head.owner.is_broker() || !sealed.signer.is_broker() {
            return Err(Invalid::new(Reason::SenderMismatch, "head.owner", "audit.own_head"));
        }
        self.trust.verify_head(&sealed)?;
        let known = self.witnessed(&sealed.head.owner)?;
        let proof = match known.as_ref().map(|known| head::parse(known.clone())).transpose()? {
            Some(known) => self.asked_proof(broker, sealed.head.needs_proof(&known.head)).await?,
            None => Vec::new(),
        };
        if let Some(record) = witness::held_against(known.as_ref(), &sealed, wire, &proof)? {
            let diverges = witness::diverges(&record);
            self.keep(&sealed.head.owner, record).await?;
            if diverges {
                *locked(&self.witness.countersigned) = None; // that was another history
                return Ok(false);
            }
        }
        let mut countersigned = locked(&self.witness.countersigned);
        let is_new = countersigned.as_ref().is_none_or(|mine| (mine.size, &mine.root) != (wire.size, &wire.root));
        let is_newest = self.witnessed(&sealed.head.owner)?.is_some_and(|row| row.size == sealed.head.size);
        if is_new && is_newest {
            *countersigned = Some(self.signer.head(&sealed.head, Some(self.names.jurisdiction())));
        }
        Ok(is_new && is_newest)
    }

    async fn asked_proof(
        &self,
        broker: &mut AuditClient<Channel>,
        sizes: Option<(u64, u64)>,
    ) -> Result<Vec<Hash>, Invalid> {
        let Some((from_size, to_size)) = sizes else { return Ok(Vec::new()) };
        let answer = asked(broker.consistency(v1::ConsistencyRequest { from_size, to_size })).await?;
        // what is no proof by its length alone proves nothing, which is what it then is judged as
        Ok(head::hashes(&answer.path, "path").unwrap_or_default())
    }

    /// A head that the broker passes on: its own under a witness's seal, or the newest of a member's own tree.
    async fn take_witnessed(&self, broker: &mut AuditClient<Channel>, wire: v1::TreeHead) -> Result<(), Invalid> {
        let place = (wire.owner.clone(), wire.witness.clone());
        if locked(&self.witness.others).get(&place) == Some(&wire) || wire.witness == self.names.jurisdiction().as_str()
        {
            return Ok(());
        }
        let sealed = head::parse(wire.clone())?;
        // of its own tree a member speaks itself: nobody accuses another by a seal of his own
        if !sealed.head.owner.is_broker() && sealed.signer != sealed.head.owner {
            return Ok(());
        }
        if let Err(invalid) = self.trust.verify_head(&sealed) {
            tracing::warn!(%invalid, owner = %sealed.head.owner, by = %sealed.signer, "a head that was passed on does not count");
            return Ok(());
        }
        if sealed.head.owner.is_broker() {
            self.hold_against_witness(broker, &sealed, &wire).await?;
        } else {
            self.hold_against_neighbour(&sealed, &wire).await?;
        }
        locked(&self.witness.others).insert(place, wire);
        Ok(())
    }

    /// What a neighbour saw of the broker's tree and what we saw must be one tree, whichever of them is larger.
    async fn hold_against_witness(
        &self,
        broker: &mut AuditClient<Channel>,
        seen: &Sealed,
        wire: &v1::TreeHead,
    ) -> Result<(), Invalid> {
        let Some(known) = self.witnessed(&seen.head.owner)? else { return Ok(()) };
        let ours = head::parse(known.clone())?.head;
        let (old, new) = if seen.head.size <= ours.size { (&seen.head, &ours) } else { (&ours, &seen.head) };
        let proof = self.asked_proof(broker, new.needs_proof(old)).await?;
        if merkle::joins((old.size, old.root), (new.size, new.root), &proof) {
            return Ok(());
        }
        if self.is_told(&seen.head.owner, &wire.witness)? {
            return Ok(()); // every newer head of that history diverges as well
        }
        tracing::error!(witness = %seen.signer, "AUDIT_DIVERGENCE: the broker has shown a neighbour another history");
        let record = HeadWitnessed {
            head: Some(wire.clone()),
            verdict: HeadVerdict::Forked.into(),
            proof: head::hashes_to_wire(&proof),
            known: Some(known),
        };
        self.keep(&seen.head.owner, record).await
    }

    /// Whether the last divergence of a tree was told from what this witness saw.
    fn is_told(&self, owner: &JurisdictionId, witness: &str) -> Result<bool, Invalid> {
        let row = self.engine.read(|_, found| fold::witnessed(found, owner)).map_err(rows)?;
        Ok(row.is_some_and(|row| row.other.is_some_and(|other| other.witness == witness)))
    }

    /// The newest head of a neighbour's own tree. The broker has its proofs; here two roots of one size, and a tree that
    /// shrank, are seen.
    async fn hold_against_neighbour(&self, sealed: &Sealed, wire: &v1::TreeHead) -> Result<(), Invalid> {
        let last = locked(&self.witness.others).get(&(wire.owner.clone(), wire.witness.clone())).cloned();
        let known = match last {
            Some(last) => Some(last),
            None => self.witnessed(&sealed.head.owner)?,
        };
        if known.as_ref().is_some_and(|known| known.size < wire.size) {
            return Ok(());
        }
        match witness::held_against(known.as_ref(), sealed, wire, &[])? {
            Some(record) => self.keep(&sealed.head.owner, record).await,
            None => Ok(()),
        }
    }

    fn witnessed(&self, owner: &JurisdictionId) -> Result<Option<v1::TreeHead>, Invalid> {
        let row = self.engine.read(|_, found| fold::witnessed(found, owner)).map_err(rows)?;
        Ok(row.and_then(|row| row.head))
    }

    async fn keep(&self, owner: &JurisdictionId, record: HeadWitnessed) -> Result<(), Invalid> {
        if witness::diverges(&record) {
            let size = |head: &Option<v1::TreeHead>| head.as_ref().map_or(0, |head| head.size);
            let (known, other, verdict) = (size(&record.known), size(&record.head), record.verdict().as_str_name());
            tracing::error!(%owner, known, other, verdict, "AUDIT_DIVERGENCE: a head does not continue the tree that was known");
        }
        self.write_all(
            vec![Record::new(kind::HEAD_WITNESSED, self.clock.now(), record.encode_to_vec())],
            Lane::Settling,
        )
        .await
    }

    /// Trees that did not continue what was known of them.
    pub fn diverged(&self) -> Vec<v1::WitnessedTree> {
        let trees = self.trees().unwrap_or_default();
        trees.into_iter().filter(|tree| tree.divergences > 0).collect()
    }

    /// What is known of the trees of others.
    ///
    /// # Errors
    /// The rows cannot be read.
    pub fn trees(&self) -> Result<Vec<v1::WitnessedTree>, Invalid> {
        let all = self.engine.read(|_, found| fold::all_witnessed(found)).map_err(rows)?;
        let newest = |mut tree: v1::WitnessedTree| {
            tree.head = self.witness.heard_of(&tree.owner).or(tree.head);
            tree
        };
        Ok(all.into_iter().map(|(owner, row)| newest(witness::shown(&owner, row))).collect())
    }
}

pub(crate) async fn asked<T>(
    answer: impl Future<Output = Result<tonic::Response<T>, tonic::Status>>,
) -> Result<T, Invalid> {
    let answer = tokio::time::timeout(ASK_TIME_MAX, answer).await;
    let answer = answer.map_err(|_| Invalid::new(Reason::Busy, "", "link.no_answer"))?;
    answer.map(tonic::Response::into_inner).map_err(|status| crate::desk::documents::told(&status, "head"))
}

/// Makes a proof of our own tree on a thread of its own.
pub(crate) async fn proof<T: Send + 'static>(
    tasks: &Tasks,
    make: impl FnOnce() -> Result<T, JournalError> + Send + 'static,
) -> Result<T, Invalid> {
    match tasks.blocking("proof", make).await {
        Ok(Ok(made)) => Ok(made),
        Ok(Err(error)) => {
            tracing::error!(%error, "a proof of the own tree could not be made");
            Err(Invalid::new(Reason::Internal, "", "audit.unproved").detail(error.to_string()))
        }
        Err(error) => Err(internal(&error)),
    }
}

/// So often heads are exchanged, and our own signed while the link is down.
pub const EVERY: Duration = limits::HEAD_EVERY;
