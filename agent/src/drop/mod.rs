//! The drop folder: another program puts a draft into `in/`, and it is sent as if somebody had said it at the desk, in the
//! name of the program. What became of it stands beside it afterwards, in `done/` or in `refused/`.
//!
//! A file is moved to `sending/` under the id of the message that it becomes before anything is sent, and a message whose id
//! is queued is never queued again: so a file is sent once, wherever the process was killed. `folder` knows the disk,
//! `settle` what a file says.

mod folder;
mod settle;

#[cfg(test)]
mod tests;

use std::{collections::BTreeMap, ffi::OsString, io, path::PathBuf, sync::Arc, time::Duration};

use model::{invalid::Invalid, limits};
use store::tasks::Tasks;
use tokio_util::sync::CancellationToken;

use self::folder::{Claimed, Look};
pub use self::folder::{Folder, check};
use crate::desk::{Desk, compose::new_id, internal, programs::Program};

/// How often it looks. A file is taken when two looks find it the same.
const ROUND: Duration = Duration::from_secs(1);
/// Files that are taken in one round.
const FILES: usize = 64;
/// An id that was given a file longer ago than this is given anew: a message and its id are of one time.
const ID_IS_FRESH: Duration = Duration::from_mins(5);

/// What is watched, and who speaks.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The folder with `in`, `sending`, `done` and `refused`.
    pub folder: PathBuf,
    /// The program that puts files there.
    pub program: Program,
}

/// Watches until told to stop. A folder that cannot be used is looked at again: messages matter more than it.
pub async fn run(desk: Arc<Desk>, tasks: Tasks, plan: Plan, stop: CancellationToken) {
    let mut watch = Watch::new(desk, tasks, plan);
    loop {
        let round = watch.round(&stop).await;
        watch.end_round(round);
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(ROUND) => {}
        }
    }
}

struct Watch {
    desk: Arc<Desk>,
    tasks: Tasks,
    plan: Plan,
    folder: Option<Folder>,
    /// What lay in `in` at the last look.
    look: Look,
    /// What is wrong and has been said, by file; no name for the folder itself.
    told: BTreeMap<OsString, Invalid>,
    /// Whether the last round could use the folder.
    watched: bool,
    /// Whether there were more files than are looked at.
    full: bool,
}

impl Watch {
    fn new(desk: Arc<Desk>, tasks: Tasks, plan: Plan) -> Self {
        let (look, told) = (Look::default(), BTreeMap::new());
        Self { desk, tasks, plan, folder: None, look, told, watched: false, full: false }
    }

    /// A folder that could not be used is opened anew: it may be another by then, or be gone.
    fn end_round(&mut self, round: Result<(), Invalid>) {
        let could = round.is_ok();
        match round {
            Ok(()) => drop(self.told.remove(&OsString::new())),
            Err(problem) => {
                self.folder = None;
                self.tell(OsString::new(), &problem);
            }
        }
        if could && !self.watched {
            tracing::info!(folder = %self.plan.folder.display(), "the drop folder is watched");
        }
        self.watched = could;
    }

    /// What was taken before comes first, then what has come whole. While something that was taken waits, nothing more is
    /// taken.
    async fn round(&mut self, stop: &CancellationToken) -> Result<(), Invalid> {
        let folder = self.open().await?;
        let claimed = self.disk(&folder, Folder::claimed).await?;
        self.told.retain(|name, _| name.is_empty() || claimed.iter().any(|file| file.name == *name));
        let (taken, mut free) = (claimed.len(), true);
        for file in claimed {
            if stop.is_cancelled() {
                return Ok(());
            }
            free &= self.settle(&folder, file).await;
        }
        let before = std::mem::take(&mut self.look);
        let (look, ready) = self.disk(&folder, move |folder| folder.look(&before)).await?;
        self.look = look;
        self.tell_full(folder::is_full(taken.max(self.look.len())));
        for name in ready.into_iter().take(FILES) {
            if !free || stop.is_cancelled() {
                return Ok(());
            }
            let id = new_id(self.desk.clock.now())?;
            let claimed = self.disk(&folder, move |folder| folder.claim(&name, id)).await?;
            if let Some(file) = claimed {
                free = self.settle(&folder, file).await;
            }
        }
        Ok(())
    }

    async fn open(&mut self) -> Result<Folder, Invalid> {
        if let Some(folder) = &self.folder {
            return Ok(folder.clone());
        }
        let path = self.plan.folder.clone();
        let opened = self.tasks.blocking("open the drop folder", move || Folder::open(&path)).await;
        let folder = opened.map_err(|error| internal(&error))??;
        self.folder = Some(folder.clone());
        Ok(folder)
    }

    /// Sends what a file says and files it. False where it has to wait and stays where it is.
    async fn settle(&mut self, folder: &Folder, file: Claimed) -> bool {
        let name = file.name.clone();
        let Err(problem) = self.settled(folder, file).await else {
            self.told.remove(&name);
            return true;
        };
        if problem.rule == folder::UNUSABLE {
            self.folder = None;
        }
        self.tell(name, &problem);
        false
    }

    async fn settled(&self, folder: &Folder, file: Claimed) -> Result<(), Invalid> {
        let Some(file) = self.fresh(folder, file).await? else { return Ok(()) };
        let reads = file.clone();
        let read = self.disk(folder, move |folder| folder.read(&reads, limits::WIRE_MESSAGE_BYTES_MAX as u64)).await?;
        let said = match read {
            Some(Ok(bytes)) => settle::send(&self.desk, &self.plan.program, &file, &bytes).await,
            Some(Err(refused)) => Err(refused),
            None => return Ok(()),
        };
        let (at, link_up) = (self.desk.clock.now(), self.desk.link.is_up());
        match said {
            Ok(header) => {
                let result = settle::queued(&file, &header, link_up, at);
                self.disk(folder, move |folder| folder.done(&file, &result)).await
            }
            Err(problem) if settle::waits(&problem) => Err(problem),
            Err(problem) => {
                let result = settle::refused(&file, &problem, at);
                self.disk(folder, move |folder| folder.refused(&file, &result)).await
            }
        }
    }

    /// The file under an id of this time, unless the message is queued already.
    async fn fresh(&self, folder: &Folder, file: Claimed) -> Result<Option<Claimed>, Invalid> {
        let now = self.desk.clock.now();
        if file.id.time().distance(now) <= ID_IS_FRESH || self.desk.own_header(file.id)?.is_some() {
            return Ok(Some(file));
        }
        let id = new_id(now)?;
        self.disk(folder, move |folder| folder.claim_again(&file, id)).await
    }

    /// Work on the disk, on a thread of its own.
    async fn disk<T: Send + 'static>(
        &self,
        folder: &Folder,
        work: impl FnOnce(&Folder) -> io::Result<T> + Send + 'static,
    ) -> Result<T, Invalid> {
        let (folder, at) = (folder.clone(), self.plan.folder.display().to_string());
        let done = self.tasks.blocking("drop folder", move || work(&folder)).await.map_err(|error| internal(&error))?;
        done.map_err(|error| folder::unusable(at, &error.to_string()))
    }

    /// Says that there are more files than are looked at, once.
    fn tell_full(&mut self, full: bool) {
        if full && !self.full {
            let folder = self.plan.folder.display();
            tracing::warn!(%folder, "the drop folder holds more files than are looked at; the rest come when these are gone");
        }
        self.full = full;
    }

    /// Says what is wrong, once.
    fn tell(&mut self, name: OsString, problem: &Invalid) {
        if self.told.get(&name) == Some(problem) {
            return;
        }
        tracing::warn!(file = ?name, %problem, "the drop folder: it stays where it is and is tried again");
        self.told.insert(name, problem.clone());
    }
}
