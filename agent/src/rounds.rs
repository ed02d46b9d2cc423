//! What is done with the broker's documents without a person: copies are kept fresh, and what came too late is put off.
//! Each round begins when the link comes up, when a bell rings, and now and then while the link is up.

use std::{sync::Arc, time::Duration};

use model::{invalid::Invalid, reason::Reason};
use tokio::sync::{Notify, watch};
use tokio_util::sync::CancellationToken;

use crate::{
    desk::Desk,
    link::{LinkState, Phase},
};

/// How long one round may take.
const ROUND_TIME_MAX: Duration = Duration::from_secs(50);

/// Something that is looked after in rounds.
#[derive(Debug)]
pub struct Rounds<'a> {
    /// Its name, for logs.
    pub what: &'static str,
    /// How often it is looked after without a sign that anything is new.
    pub every: Duration,
    /// What rings when something is.
    pub bell: Option<&'a Notify>,
}

/// Makes rounds until told to stop. What could not be done is tried again with the next, and told once.
pub async fn run<F>(desk: &Arc<Desk>, stop: CancellationToken, rounds: Rounds<'_>, work: impl Fn(Arc<Desk>) -> F)
where
    F: Future<Output = Result<(), Invalid>>,
{
    let (mut link, mut told) = (desk.link.watch(), None);
    loop {
        if link.borrow_and_update().phase == Phase::Up {
            let problem = tokio::select! {
                () = stop.cancelled() => return,
                done = tokio::time::timeout(ROUND_TIME_MAX, work(desk.clone())) => match done {
                    Ok(done) => done.err(),
                    Err(_) => Some(Invalid::new(Reason::Busy, "", "link.no_answer")),
                },
            };
            if let Some(problem) = problem.as_ref().filter(|problem| told.as_ref() != Some(*problem)) {
                tracing::warn!(%problem, what = rounds.what, "what lies here may be old; it is tried again");
            }
            told = problem;
        }
        tokio::select! {
            () = stop.cancelled() => return,
            () = rung(rounds.bell) => {}
            () = comes_up(&mut link) => {}
            () = tokio::time::sleep(rounds.every) => {}
        }
    }
}

async fn rung(bell: Option<&Notify>) {
    match bell {
        Some(bell) => bell.notified().await,
        None => std::future::pending().await,
    }
}

/// Returns when the link comes up that was down; never, when nobody can say any more.
async fn comes_up(link: &mut watch::Receiver<LinkState>) {
    loop {
        let was_up = link.borrow_and_update().phase == Phase::Up;
        if link.changed().await.is_err() {
            return std::future::pending().await;
        }
        if !was_up && link.borrow().phase == Phase::Up {
            return;
        }
    }
}
