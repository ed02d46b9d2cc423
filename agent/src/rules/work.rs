//! Does what rules ask for. The acts of one action of one rule go in the order of their events, one at a time; others do not
//! wait for them. What fails is tried again until the event has expired, and is listed then.

use std::{collections::BTreeSet, pin::Pin, sync::Arc, time::Duration};

use futures_util::{StreamExt as _, stream::FuturesUnordered};
use model::{invalid::Invalid, reason::Reason, time::Timestamp};
use proto::record::{ActEnded, ActProblem, ActRow, ActTried, kind};
use store::tasks::Tasks;
use tokio_util::sync::CancellationToken;

use super::{
    Rules,
    act::{self, Done},
    look::problem,
};
use crate::{
    desk::{Desk, rows},
    fold::{
        keys::{self, ActId, Lane},
        query,
    },
};

/// How often it looks up without being called: whether the time for another try has come.
const ROUND: Duration = Duration::from_millis(500);

type Going = Pin<Box<dyn Future<Output = Lane> + Send>>;

/// Works until told to stop. What is cut off then is owed still.
pub async fn run(desk: Arc<Desk>, tasks: Tasks, stop: CancellationToken) {
    let (mut going, mut busy) = (FuturesUnordered::<Going>::new(), BTreeSet::new());
    loop {
        match due(&desk, &busy) {
            Ok(acts) => {
                for (rules, id, row) in acts {
                    busy.insert(keys::act_lane(&id));
                    going.push(Box::pin(one(desk.clone(), tasks.clone(), rules, id, row)));
                }
            }
            Err(problem) => tracing::warn!(%problem, "what rules ask for cannot be read; it is owed still"),
        }
        tokio::select! {
            () = stop.cancelled() => return,
            Some(lane) = going.next(), if !going.is_empty() => { busy.remove(&lane); }
            () = desk.bells.acts.notified() => {}
            () = tokio::time::sleep(ROUND) => {}
        }
    }
}

/// The first act of each lane whose time has come. While the rules file cannot be read and nothing is in force, all wait.
fn due(desk: &Desk, busy: &BTreeSet<Lane>) -> Result<Vec<(Arc<Rules>, ActId, ActRow)>, Invalid> {
    let state = desk.rules.now();
    let rules = match (&state.rules, &state.problem) {
        (Some(rules), _) => rules.clone(),
        (None, Some(_)) => return Ok(Vec::new()),
        (None, None) => Arc::new(Rules { role: desk.names.role, rules: Vec::new(), sources: Vec::new() }),
    };
    let now = desk.clock.now().millis();
    let acts = desk.engine.read(|_, found| query::acts(found)).map_err(rows)?;
    let free = acts.into_iter().filter(|(id, row)| row.next_at <= now && !busy.contains(&keys::act_lane(id)));
    Ok(free.map(|(id, row)| (rules.clone(), id, row)).collect())
}

async fn one(desk: Arc<Desk>, tasks: Tasks, rules: Arc<Rules>, id: ActId, row: ActRow) -> Lane {
    if let Err(problem) = settle(&desk, &tasks, &rules, &id, &row).await {
        tracing::warn!(rule = %row.rule, %problem, "what became of an act could not be stored; it is owed still");
    }
    keys::act_lane(&id)
}

/// Does an act, and writes down what became of it.
async fn settle(desk: &Desk, tasks: &Tasks, rules: &Rules, id: &ActId, row: &ActRow) -> Result<(), Invalid> {
    let expires = Timestamp::from_millis(row.expires_at);
    if desk.clock.now() >= expires {
        let last = row.problem.clone().unwrap_or_else(|| problem(&expired()));
        return ended(desk, id, row, Some(last)).await;
    }
    match act::carry_out(desk, tasks, rules, id, row).await {
        Done::Yes => ended(desk, id, row, None).await,
        Done::Recorded => Ok(()),
        Done::Never(invalid) => ended(desk, id, row, Some(problem(&invalid))).await,
        Done::Again(invalid) => {
            let next_at = desk.clock.now().plus(act::backoff(row.tries)).min(expires).millis();
            tracing::info!(rule = %row.rule, tries = row.tries + 1, problem = %invalid, "an act of a rule is tried again");
            let tried = ActTried { act: id.to_vec().into(), next_at, problem: Some(problem(&invalid)) };
            desk.write(kind::ACT_TRIED, &tried, journal::Lane::Normal).await
        }
    }
}

async fn ended(desk: &Desk, id: &ActId, row: &ActRow, problem: Option<ActProblem>) -> Result<(), Invalid> {
    if let Some(why) = &problem {
        tracing::warn!(rule = %row.rule, reason = %why.reason, why = %why.rule, "an act of a rule is given up");
    }
    desk.write(kind::ACT_ENDED, &ActEnded { act: id.to_vec().into(), problem }, journal::Lane::Settling).await
}

fn expired() -> Invalid {
    Invalid::new(Reason::Expired, "expires_at", "rules.expired")
}
