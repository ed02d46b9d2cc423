//! The base: a second store, in `base/`, which is the fold of what the journal has let go. It lags behind the living one by
//! as long as evidence is kept, and moves on before segments leave. So rows that are lost can always be made again: from
//! the base and the journal that is there.

use std::{
    collections::BTreeSet,
    path::Path,
    sync::{Arc, Condvar, Mutex, PoisonError},
    time::Duration,
};

use journal::{Committed, Epoch, FileJournal, Journal, JournalError, Lane, Position, Record, RecordBatch};
use serde::Deserialize;
use tokio_util::sync::CancellationToken;

use crate::{
    AppendError, Engine, Failure, Fold, FoldError, OpenError, Options,
    tasks::{NoResult, StillRunning, Tasks},
};

/// Its folder in the state directory.
pub const FOLDER: &str = "base";
/// How often it is looked whether something is old enough.
const EVERY: Duration = Duration::from_hours(1);
/// How long its threads may take to end.
const GRACE: Duration = Duration::from_mins(2);

/// Why nothing left. What is there stays as it is, and it may be tried again.
#[derive(Debug, thiserror::Error)]
pub enum RetireError {
    /// A file could not be read or written.
    #[error("retirement")]
    Io(#[from] std::io::Error),
    /// The base could not be opened or moved on.
    #[error("base")]
    Base(#[from] OpenError),
    /// The engine has failed.
    #[error("store: {0}")]
    Failed(#[from] Failure),
    /// That something leaves could not be written down.
    #[error("record")]
    Append(#[from] AppendError),
    /// The rows could not be read.
    #[error("rows")]
    Rows(#[from] FoldError),
    /// The journal did not let go.
    #[error("journal")]
    Journal(#[from] JournalError),
    /// It was cut short.
    #[error("cut short")]
    CutShort(#[from] NoResult),
    /// The base's threads do not end.
    #[error("base: {0}")]
    Stuck(#[from] StillRunning),
}

/// Days that evidence is kept at least: network logs are kept six months (Cybersecurity Law of the PRC, article 21).
const DAYS_MIN: u16 = 180;

/// How long evidence is kept.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct Retention {
    /// In days; 180 at least.
    #[serde(default = "days_min", deserialize_with = "days")]
    pub evidence_days: u16,
}

impl Default for Retention {
    fn default() -> Self {
        Self { evidence_days: DAYS_MIN }
    }
}

const fn days_min() -> u16 {
    DAYS_MIN
}

fn days<'de, D: serde::Deserializer<'de>>(from: D) -> Result<u16, D::Error> {
    let days = u16::deserialize(from)?;
    let text =
        || format!("{days} days are too few: evidence is kept {DAYS_MIN} days at least; leave it out or raise it");
    if days < DAYS_MIN { Err(serde::de::Error::custom(text())) } else { Ok(days) }
}

impl Retention {
    /// The age at which records may leave.
    pub fn age(self) -> Duration {
        Duration::from_hours(24 * u64::from(self.evidence_days))
    }

    /// How long what was settled is found: a day less, so that a fold never misses what has left.
    pub fn settled_for(self) -> Duration {
        self.age().saturating_sub(Duration::from_hours(24))
    }
}

impl<F: Fold> Engine<F, FileJournal> {
    /// Lets everything leave that is older than is kept and may (see [`FileJournal::may_leave`]). `fresh` makes a fold without
    /// rows; `aged` is the record that says what leaves, and that a week has passed in which nothing else was written. Says up
    /// to where everything has left now; none where nothing more may. When this returns it is done for good, and at a power
    /// cut before, what was begun is finished at the next start or the next time.
    ///
    /// # Errors
    /// Something could not be read or written; nothing is lost.
    pub async fn retire(
        &self,
        kept: Retention,
        fresh: impl Fn() -> F,
        aged: impl Fn(Position) -> Record,
        tasks: &Tasks,
    ) -> Result<Option<Position>, RetireError> {
        let (journal, now) = (self.journal().clone(), self.now());
        let look =
            move || Ok::<_, std::io::Error>((journal.may_leave(now, kept.age())?, journal.is_of_an_earlier_week(now)?));
        let (found, is_new_week) = tasks.blocking("retirement", look).await??;
        if is_new_week {
            self.append(vec![aged(Position::START)], Lane::Settling).await?;
        }
        let Some(through) = found else { return Ok(None) };
        self.move_base_on(fresh(), through, tasks).await?;
        self.append(vec![aged(through)], Lane::Settling).await?;
        self.checkpoint().await?;
        let needed: BTreeSet<Position> = self.read(|fold, rows| fold.needs(rows, through))?;
        let journal = self.journal().clone();
        let left = tasks.blocking("retirement", move || journal.retire(through, &needed)).await??;
        self.retired(left.next())?;
        Ok(Some(left))
    }

    async fn move_base_on(&self, fresh: F, through: Position, tasks: &Tasks) -> Result<(), RetireError> {
        let (options, clock) = self.for_base();
        let upto = Upto { journal: self.journal().clone(), through, over: Arc::default() };
        let (own, reading) = (Tasks::new(), upto.clone());
        let opening = {
            let own = own.clone();
            tasks.blocking("base", move || {
                journal::file::create_dir(&options.state).map_err(|source| io(&options.state, source))?;
                let lock = journal::file::wait_for_lock(&options.state).map_err(|source| io(&options.state, source))?;
                Engine::open(options, reading, fresh, &own, clock).map(|(engine, _)| (engine, lock))
            })
        };
        let (engine, _lock) = match opening.await? {
            Ok(open) => open,
            Err(error) => {
                upto.end();
                own.stop(GRACE).await?;
                return Err(error.into());
            }
        };
        let ended = async {
            let kept = engine.retired(through.next());
            let stopped = engine.stop().await;
            upto.end();
            (kept, stopped)
        };
        let (all, (kept, stopped)) = tokio::join!(own.stop(GRACE), ended);
        all?;
        kept?;
        Ok(stopped?)
    }
}

/// Does `work` now and each hour until told to stop; what could not be done is told, and tried again.
pub async fn each_hour<F>(stop: CancellationToken, work: impl Fn() -> F)
where
    F: Future<Output = Result<Option<Position>, RetireError>>,
{
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            done = work() => {
                if let Err(error) = done {
                    tracing::error!(error = &error as &dyn std::error::Error, "what is old stays for now");
                }
            }
        }
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(EVERY) => {}
        }
    }
}

fn io(path: &Path, source: std::io::Error) -> OpenError {
    OpenError::Io { path: path.to_owned(), source }
}

/// The options of the base beside a store with these.
pub(crate) fn options(of: &Options) -> Options {
    Options { state: of.state.join(FOLDER), ballast_bytes: 0, ..of.clone() }
}

/// A journal up to a position. Whoever reads it waits at its end, as at that of any other.
#[derive(Clone, Debug)]
struct Upto<J> {
    journal: J,
    through: Position,
    over: Arc<(Mutex<bool>, Condvar)>,
}

impl<J> Upto<J> {
    /// Nobody waits any more.
    fn end(&self) {
        *self.over.0.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.over.1.notify_all();
    }
}

impl<J: Journal> Journal for Upto<J> {
    async fn append(&self, _: RecordBatch) -> Result<Position, JournalError> {
        Err(JournalError::Stopped)
    }

    fn read(
        &self,
        from: Position,
    ) -> Result<Box<dyn Iterator<Item = Result<Committed, JournalError>> + Send>, JournalError> {
        let (through, over) = (self.through, self.over.clone());
        // a segment ends where a commit does, and what leaves are segments
        let mut commits = (from <= through).then(|| self.journal.read(from)).transpose()?;
        let mut next = from;
        Ok(Box::new(std::iter::from_fn(move || {
            if next <= through
                && let Some(found) = commits.as_mut().and_then(Iterator::next)
            {
                if let Ok(committed) = &found {
                    next = committed.first.plus(committed.records.len() as u64);
                }
                return Some(found);
            }
            commits = None;
            let ended = over.0.lock().unwrap_or_else(PoisonError::into_inner);
            drop(over.1.wait_while(ended, |ended| !*ended).unwrap_or_else(PoisonError::into_inner));
            None
        })))
    }

    fn record(&self, at: Position) -> Result<Record, JournalError> {
        if at <= self.through { self.journal.record(at) } else { Err(JournalError::Missing(at)) }
    }

    fn committed(&self) -> Position {
        self.through
    }

    fn epochs(&self) -> Vec<Epoch> {
        self.journal.epochs().into_iter().filter(|epoch| epoch.first <= self.through).collect()
    }

    fn first(&self) -> Position {
        self.journal.first()
    }
}
