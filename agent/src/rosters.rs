//! Keeps the copies of rosters fresh while the link is up, so that whom to call is known when it is down.

use std::{sync::Arc, time::Duration};

use tokio_util::sync::CancellationToken;

use crate::{desk::Desk, link::Phase};

/// How often the broker is asked for what is new without a sign that anything is.
const ROUND: Duration = Duration::from_secs(5);

/// Works until told to stop.
pub async fn run(desk: Arc<Desk>, stop: CancellationToken) {
    let (mut link, mut told) = (desk.link.watch(), None);
    loop {
        if link.borrow_and_update().phase == Phase::Up {
            let problem = desk.bring_rosters().await.err();
            if let Some(problem) = problem.as_ref().filter(|problem| told.as_ref() != Some(*problem)) {
                tracing::warn!(%problem, "a roster here may be old");
            }
            told = problem;
        }
        tokio::select! {
            () = stop.cancelled() => return,
            () = desk.bells.rosters.notified() => {}
            () = tokio::time::sleep(ROUND) => {}
            changed = link.changed() => if changed.is_err() { return },
        }
    }
}
