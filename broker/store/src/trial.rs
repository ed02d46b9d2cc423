//! A fold without journal, threads or disk: for the tests of folds.

use journal::Record;
use model::position::{EpochId, Position};

use crate::{
    fold::{At, Fold, FoldError},
    rows::{Fingerprint, Held, Rows},
};

/// Folds records as the engine would, in memory.
#[derive(Debug)]
pub struct Trial<F> {
    fold: F,
    held: Held,
}

impl<F: Fold> Trial<F> {
    /// Begins with no rows, in the epoch of zeros.
    pub fn new(mut fold: F) -> Result<Self, FoldError> {
        let mut held = Held::default();
        fold.load(&held.rows())?;
        Ok(Self { fold, held })
    }

    /// Records from here on belong to `epoch`.
    pub fn begin_epoch(&mut self, epoch: EpochId) {
        self.held.epoch = epoch;
    }

    /// Folds the next record; says what it came to.
    pub fn apply(&mut self, record: &Record) -> Result<F::Outcome, FoldError> {
        let position = self.held.folded.next();
        self.held.time = self.held.time.max(record.at);
        let at = At { epoch: self.held.epoch, position, time: self.held.time };
        let outcome = self.fold.apply(at, record, &mut self.held.rows_at(position))?;
        self.held.folded = position;
        self.fold.folded(position);
        Ok(outcome)
    }

    /// Begins again with `fold`, which loads itself from the rows, as after a restart.
    pub fn reopen(&mut self, mut fold: F) -> Result<(), FoldError> {
        fold.load(&self.held.rows())?;
        self.fold = fold;
        Ok(())
    }

    /// Asks fold and rows.
    pub fn read<R>(&mut self, ask: impl FnOnce(&F, &Rows<'_>) -> R) -> R {
        let Self { fold, held } = self;
        ask(fold, &held.rows())
    }

    /// What two folds of the same records must agree on.
    pub fn fingerprint(&mut self) -> Result<Fingerprint, FoldError> {
        self.held.rows().fingerprint()
    }

    /// The last folded position.
    pub fn folded(&self) -> Position {
        self.held.folded
    }
}
