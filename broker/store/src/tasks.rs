//! Every task and thread of the process has an owner, a name and an end: this is the owner, and the one place that spawns.

use std::{
    collections::BTreeMap,
    io,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio_util::{
    sync::{CancellationToken, DropGuard},
    task::{TaskTracker, task_tracker::TaskTrackerToken},
};
use tracing::{Instrument, info_span};

/// Owns the tasks and threads of a process. Cheap to clone; all clones are one.
#[derive(Clone, Debug, Default)]
pub struct Tasks {
    stop: CancellationToken,
    tracker: TaskTracker,
    running: Arc<Running>,
}

#[derive(Debug, Default)]
struct Running {
    next: AtomicU64,
    names: Mutex<BTreeMap<u64, &'static str>>,
    ended: Mutex<Option<&'static str>>,
}

/// These still ran when the grace period was over.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("still running: {}", names.join(", "))]
pub struct StillRunning {
    /// Their names, sorted; a name as often as it runs.
    pub names: Vec<&'static str>,
}

/// What a thread's work did not live to say: it panicked, or the process stops.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("the work ended without a result")]
pub struct NoResult;

impl Tasks {
    /// Nothing runs yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// A token that fires when the process stops.
    pub fn token(&self) -> CancellationToken {
        self.stop.child_token()
    }

    /// Whether everything has been told to stop.
    pub fn is_stopping(&self) -> bool {
        self.stop.is_cancelled()
    }

    /// Returns once everything has been told to stop.
    pub async fn stopping(&self) {
        self.stop.cancelled().await;
    }

    /// The essential task or thread that ended by itself and so stopped the process, if one did.
    pub fn ended(&self) -> Option<&'static str> {
        *self.running.ended.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Names of what runs now, sorted.
    pub fn names(&self) -> Vec<&'static str> {
        let mut names: Vec<_> =
            self.running.names.lock().unwrap_or_else(PoisonError::into_inner).values().copied().collect();
        names.sort_unstable();
        names
    }

    /// Starts a task the process cannot do without: when it ends, by return or by panic, everything stops. `task` gets
    /// the token to watch.
    pub fn essential<F>(&self, name: &'static str, task: impl FnOnce(CancellationToken) -> F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let presence = self.present(name, true);
        spawn_named(presence, name, task(self.token()));
    }

    /// Starts a task that may end at any time. `task` gets the token to watch.
    pub fn task<F>(&self, name: &'static str, task: impl FnOnce(CancellationToken) -> F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let presence = self.present(name, false);
        spawn_named(presence, name, task(self.token()));
    }

    /// Starts a thread the process cannot do without: when `work` ends, by return or by panic, everything stops. It
    /// must end soon after its token fires.
    pub fn thread(&self, name: &'static str, work: impl FnOnce(CancellationToken) + Send + 'static) -> io::Result<()> {
        let presence = self.present(name, true);
        let token = self.token();
        start_thread(name, move || {
            let _presence = presence;
            let _span = info_span!("thread", name).entered();
            work(token);
        })
    }

    /// Does `work`, which blocks, on a thread of its own and returns what it gives. For files and slow sums.
    pub async fn blocking<T: Send + 'static>(
        &self,
        name: &'static str,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, NoResult> {
        let presence = self.present(name, false);
        let work = move || {
            let _presence = presence;
            work()
        };
        spawn_blocking(work).await.map_err(|_panicked| NoResult)
    }

    /// Tells everything to stop and returns at once; what ends from now on has not ended by itself.
    pub fn begin_stop(&self) {
        self.stop.cancel();
    }

    /// Tells everything to stop and waits at most `grace` for it.
    pub async fn stop(&self, grace: Duration) -> Result<(), StillRunning> {
        self.stop.cancel();
        self.tracker.close();
        let all = tokio::time::timeout(grace, self.tracker.wait()).await;
        all.map_err(|_elapsed| StillRunning { names: self.names() })
    }

    fn present(&self, name: &'static str, essential: bool) -> Presence {
        let number = self.running.next.fetch_add(1, Ordering::Relaxed);
        self.running.names.lock().unwrap_or_else(PoisonError::into_inner).insert(number, name);
        Presence {
            number,
            name,
            running: self.running.clone(),
            stop_all: essential.then(|| self.stop.clone().drop_guard()),
            _tracked: self.tracker.token(),
        }
    }
}

fn spawn_named(presence: Presence, name: &'static str, work: impl Future<Output = ()> + Send + 'static) {
    let work = work.instrument(info_span!("task", name));
    spawn(async move {
        let _presence = presence; // goes on return, panic and drop alike
        work.await;
    });
}

/// How wide a wide stack is. Only what is used of it takes memory.
const WIDE_STACK_BYTES: usize = 32 * 1024 * 1024;

/// Does `work` on a stack of its own that is wide enough for what recurses deeply, and waits for it: it ends before this
/// returns. A panic in it ends it without a result and goes no further.
pub fn on_a_wide_stack<T: Send>(work: impl FnOnce() -> T + Send) -> Result<T, NoResult> {
    std::thread::scope(|scope| {
        let thread = start_scoped(scope, work).map_err(|_no_thread| NoResult)?;
        thread.join().map_err(|_panicked| NoResult)
    })
}

/// Says that a task runs for as long as it does.
#[derive(Debug)]
struct Presence {
    number: u64,
    name: &'static str,
    running: Arc<Running>,
    stop_all: Option<DropGuard>,
    _tracked: TaskTrackerToken,
}

impl Drop for Presence {
    fn drop(&mut self) {
        self.running.names.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.number);
        let Some(stop_all) = self.stop_all.take() else { return };
        let stop = stop_all.disarm();
        if !stop.is_cancelled() {
            tracing::error!(name = self.name, "ended by itself; everything stops");
            self.running.ended.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(self.name);
            stop.cancel();
        }
    }
}

#[allow(clippy::disallowed_methods, reason = "the one place that spawns")]
fn spawn(work: impl Future<Output = ()> + Send + 'static) {
    tokio::spawn(work);
}

#[allow(clippy::disallowed_methods, reason = "the one place that spawns")]
fn spawn_blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> tokio::task::JoinHandle<T> {
    tokio::task::spawn_blocking(work)
}

#[allow(clippy::disallowed_methods, reason = "the one place that spawns")]
fn start_thread(name: &'static str, work: impl FnOnce() + Send + 'static) -> io::Result<()> {
    std::thread::Builder::new().name(name.to_owned()).spawn(work).map(drop)
}

#[allow(clippy::disallowed_methods, reason = "the one place that spawns")]
fn start_scoped<'scope, T: Send + 'scope>(
    scope: &'scope std::thread::Scope<'scope, '_>,
    work: impl FnOnce() -> T + Send + 'scope,
) -> io::Result<std::thread::ScopedJoinHandle<'scope, T>> {
    std::thread::Builder::new().stack_size(WIDE_STACK_BYTES).spawn_scoped(scope, work)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use super::*;

    const GRACE: Duration = Duration::from_mins(1);

    #[tokio::test]
    async fn stopping_waits_for_tasks_and_threads() {
        let tasks = Tasks::new();
        tasks.essential("essential", |stop| async move { stop.cancelled().await });
        tasks.task("short", |_| async {});
        let (told, hears) = std::sync::mpsc::channel::<()>();
        tasks.thread("thread", move |_| hears.recv().unwrap_or(())).unwrap();
        drop(told); // the thread ends, and with it everything

        tasks.stopping().await;
        tasks.stop(GRACE).await.unwrap();

        assert_eq!(tasks.ended(), Some("thread"));
        assert!(tasks.names().is_empty());
    }

    #[tokio::test]
    async fn an_essential_task_that_panics_stops_everything() {
        let tasks = Tasks::new();
        tasks.essential("brittle", |_| async { panic!("for the test") });
        tasks.stopping().await;
        assert_eq!(tasks.ended(), Some("brittle"));
    }

    #[tokio::test(start_paused = true)]
    async fn what_still_runs_after_the_grace_period_is_named() {
        let tasks = Tasks::new();
        tasks.task("deaf", |_| std::future::pending());
        assert_eq!(tasks.stop(GRACE).await, Err(StillRunning { names: vec!["deaf"] }));
    }

    #[tokio::test]
    async fn blocking_work_gives_its_result_or_says_that_it_has_none() {
        let tasks = Tasks::new();
        assert_eq!(tasks.blocking("sum", || 2 + 2).await, Ok(4));
        assert_eq!(tasks.blocking("brittle", || -> u8 { panic!("for the test") }).await, Err(NoResult));
    }

    #[test]
    fn a_wide_stack_takes_what_would_overflow_another_and_a_panic_goes_no_further() {
        fn deep(left: u32) -> u32 {
            let block = std::hint::black_box([left; 1_000]);
            if left == 0 { block[0] } else { deep(left - 1) + 1 }
        }
        assert_eq!(on_a_wide_stack(|| deep(2_000)), Ok(2_000));
        assert_eq!(on_a_wide_stack(|| -> u8 { panic!("for the test") }), Err(NoResult));
    }

    #[tokio::test]
    async fn an_orderly_stop_names_nobody() {
        let tasks = Tasks::new();
        tasks.essential("keeper", |stop| async move { stop.cancelled().await });
        let token = tasks.token();
        tasks.thread("worker", move |stop| while !stop.is_cancelled() {}).unwrap();
        assert_eq!(tasks.names(), ["keeper", "worker"]);
        assert!(!tasks.is_stopping());

        tasks.stop(GRACE).await.unwrap();

        assert!(tasks.is_stopping() && token.is_cancelled());
        assert_eq!(tasks.ended(), None, "whoever ends when told has not ended by itself");
    }

    #[tokio::test]
    async fn an_essential_task_that_returns_stops_everything_and_the_first_is_named() {
        let tasks = Tasks::new();
        tasks.essential("first", |_| async {});
        tasks.stopping().await;
        tasks.essential("second", |_| async {});
        tasks.stop(GRACE).await.unwrap();
        assert_eq!(tasks.ended(), Some("first"));
    }

    #[tokio::test]
    async fn a_thread_that_panics_stops_everything() {
        let tasks = Tasks::new();
        tasks.thread("brittle", |_| panic!("for the test")).unwrap();
        tasks.stopping().await;
        tasks.stop(GRACE).await.unwrap();
        assert_eq!(tasks.ended(), Some("brittle"));
    }

    #[tokio::test]
    async fn a_task_that_ends_stops_nothing() {
        let tasks = Tasks::new();
        let (tell, heard) = tokio::sync::oneshot::channel::<()>();
        tasks.task("short", |_| async move { drop(tell) });
        heard.await.unwrap_err();
        assert!(!tasks.is_stopping());
        tasks.stop(GRACE).await.unwrap();
    }

    #[tokio::test]
    async fn blocking_work_is_waited_for() {
        let tasks = Tasks::new();
        let (begun, begins) = std::sync::mpsc::channel();
        let (tell, hears) = std::sync::mpsc::channel::<()>();
        let work = tasks.clone();
        let sum = async move { work.blocking("slow", move || begun.send(()).and(Ok(hears.recv().is_err()))).await };
        let stopped = async {
            begins.recv().unwrap();
            assert_eq!(tasks.names(), ["slow"]);
            drop(tell);
            tasks.stop(GRACE).await
        };
        let (sum, stopped) = tokio::join!(sum, stopped);
        stopped.unwrap();
        assert!(sum.unwrap().unwrap());
    }
}
