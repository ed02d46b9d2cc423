//! One program of a region without disk and wire: its fold, and every record that it took.

use journal::Record;
use model::position::Position;
use model::time::Timestamp;
use prost::Message;
use store::trial::Trial;
use store::{Fingerprint, Fold, Rows};

/// A fold that remembers what it folded.
pub struct Side<F: Fold> {
    trial: Trial<F>,
    records: Vec<Record>,
    anew: Box<dyn Fn() -> F>,
}

impl<F: Fold> Side<F> {
    pub fn new(anew: impl Fn() -> F + 'static) -> Self {
        Self { trial: Trial::new(anew()).unwrap(), records: Vec::new(), anew: Box::new(anew) }
    }

    /// Folds a record; what cannot be folded would stop the program at every start.
    pub fn fold(&mut self, kind: u16, at: Timestamp, message: &impl Message) -> F::Outcome {
        let record = Record::new(kind, at, message.encode_to_vec());
        let outcome = self.trial.apply(&record).unwrap();
        self.records.push(record);
        outcome
    }

    pub fn read<R>(&mut self, ask: impl FnOnce(&F, &Rows<'_>) -> R) -> R {
        self.trial.read(ask)
    }

    pub fn record(&self, at: Position) -> &Record {
        &self.records[usize::try_from(at.0).unwrap() - 1]
    }

    /// What all of its rows come to, whatever records made them.
    pub fn rows(&mut self) -> Fingerprint {
        self.trial.fingerprint().unwrap().contents()
    }

    /// The program dies and starts again. Its rows are lost now and then; the same journal makes the same ones (I7).
    pub fn restarts(&mut self) {
        let mut again = Trial::new((self.anew)()).unwrap();
        for record in &self.records {
            again.apply(record).unwrap();
        }
        assert_eq!(again.fingerprint().unwrap().contents(), self.rows(), "the same records made other rows");
        self.trial.reopen((self.anew)()).unwrap();
    }
}
