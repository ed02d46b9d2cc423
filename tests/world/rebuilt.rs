//! The rows are what the journal says: deleted and made anew, they are the same. Held at the end of every world.

use std::path::Path;
use std::time::Duration;

use journal::FileJournal;
use model::clock::Clock;
use store::tasks::Tasks;
use store::{Dump, Engine, Fold};

/// How long the threads of an engine may take to end.
const GRACE: Duration = Duration::from_secs(20);

/// What a program that has ended left: where its state lies, and whose it is.
pub struct Left<'a> {
    /// Its name in what a failing test says.
    pub who: &'a str,
    pub state: &'a Path,
    /// The owner that its journal names.
    pub owner: String,
    pub clock: Clock,
}

impl Left<'_> {
    /// Deletes the rows of a program that has ended, has them made anew from its journal, and finds in them what `live`
    /// saw at the end; without it, what stood on the disk.
    pub async fn is_rebuilt_equal<F: Fold>(&self, live: Option<Dump>, fold: impl Fn() -> F) {
        let before = match live {
            Some(live) => live,
            None => self.dump(fold()).await,
        };
        std::fs::remove_dir_all(self.state.join("store")).unwrap();
        let rebuilt = self.dump(fold()).await;
        let who = self.who;
        for (one, other) in before.rows.iter().zip(&rebuilt.rows) {
            assert_eq!(one, other, "{who}: a row is another once it is rebuilt");
        }
        assert_eq!(before.rows.len(), rebuilt.rows.len(), "{who}: rows");
        assert_eq!(before.settled, rebuilt.settled, "{who}: settled");
        // each opening of a journal writes down that a life begins, which changes no row
        assert!(before.folded < rebuilt.folded, "{who}: all that was folded is folded again");
    }

    /// What the rows say once everything in the journal is folded.
    async fn dump<F: Fold>(&self, fold: F) -> Dump {
        let tasks = Tasks::new();
        let journal = journal::Options {
            segment_bytes: Some(super::region::SEGMENT_BYTES),
            owner: self.owner.clone(),
            ..journal::Options::new(self.state.join("journal"), self.clock.clone())
        };
        let (options, threads, clock) = (store::Options::new(self.state), tasks.clone(), self.clock.clone());
        let opening = tasks.blocking("open", move || {
            let journal = FileJournal::open(journal).unwrap();
            Engine::open(options, journal, fold, &threads, clock).unwrap().0
        });
        let engine = opening.await.unwrap();
        let dump = engine.dump().unwrap();
        engine.stop().await.unwrap();
        engine.journal().stop();
        tasks.stop(GRACE).await.unwrap();
        dump
    }
}
