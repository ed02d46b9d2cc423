//! Time passes over what is owed: days begin, posts become vacant, rungs are raised when they are reached, and whoever is to
//! hear of it is told by a notice of the broker's own.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use journal::{Lane, Record};
use model::{ids::MessageId, reason::Reason, thread::duty};
use prost::Message as _;
use proto::record::{DayBegan, DayRow, NoticeRow, Submitted, kind};
use store::AppendError;
use tokio_util::sync::CancellationToken;

use super::{
    Relay,
    fold::{self, decode_row, keys},
    rosters::Rosters,
};

/// Rungs of one batch.
const RUNGS: usize = 128;
/// Notices of one batch.
const NOTICES: usize = 32;
/// How often the duties are looked at.
const PERIOD: Duration = Duration::from_millis(250);

/// Raises what time has reached and tells of it, until told to stop.
pub async fn run(relay: Arc<Relay>, stop: CancellationToken) {
    let (mut rosters, mut given_up) = (Rosters::default(), BTreeSet::new());
    while !stop.is_cancelled() {
        match escalate(&relay, &mut rosters, &mut given_up).await {
            Ok(true) => continue,
            Ok(false) => {}
            Err(error) => tracing::warn!(%error, "what is late is told later"),
        }
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(PERIOD) => {}
        }
    }
}

/// Begins the local day, once. Of a region's first day nobody owes a report, nor of one whose hour had come before the
/// broker could see it begin.
async fn begin_day(relay: &Relay) -> Result<(), AppendError> {
    let now = relay.clock.now();
    let day = now.civil(duty::REGION_OFFSET_MIN);
    let newest = relay.engine.read(|_, rows| rows.get(&[keys::table::DAY]).ok().flatten());
    let newest = newest.and_then(|row| decode_row::<DayRow>(row).ok());
    if newest.as_ref().is_some_and(|newest| newest.date >= day.date_number()) {
        return Ok(());
    }
    let directory = &relay.trust.view().directory;
    let due_at = duty::due_at(day, directory.window_on(day).is_some(), duty::REGION_OFFSET_MIN);
    let is_owed = newest.is_some() && now < due_at;
    let members = directory.reporters().filter(|_| is_owed).map(ToString::to_string).collect();
    let mut salt = vec![0; 16];
    if let Err(error) = getrandom::fill(&mut salt) {
        tracing::warn!(%error, "no random bytes: the day begins with the next round");
        return Ok(());
    }
    let began = DayBegan { date: day.date_number(), due_at: due_at.millis(), members, salt: salt.into() };
    relay.engine.append(vec![Record::new(kind::DAY_BEGAN, now, began.encode_to_vec())], Lane::Settling).await?;
    Ok(())
}

/// One round; true when there may be more to do at once.
async fn escalate(
    relay: &Relay,
    rosters: &mut Rosters,
    given_up: &mut BTreeSet<MessageId>,
) -> Result<bool, AppendError> {
    begin_day(relay).await?;
    rosters.turn(relay).await?;
    let raised = raise(relay).await?;
    let told = tell(relay, given_up).await?;
    Ok(raised == RUNGS || told)
}

/// Raises up to one batch of rungs; how many.
async fn raise(relay: &Relay) -> Result<usize, AppendError> {
    let now = relay.clock.now();
    let prefix = [keys::table::WAKE];
    let reached = relay.engine.read(|_, rows| {
        let due = rows.scan(&prefix, &prefix, RUNGS).unwrap_or_default();
        let due = due.iter().filter_map(|(key, _)| keys::wake_parts(key)).take_while(|(at, _)| *at <= now);
        let duties = due.filter_map(|(_, key)| fold::duty(rows, &key).ok().flatten());
        duties.filter_map(|duty| duty.reached(now)).collect::<Vec<_>>()
    });
    let records: Vec<_> = reached.iter().map(|rung| Record::new(kind::RUNG, now, rung.encode_to_vec())).collect();
    let count = records.len();
    if count > 0 {
        relay.engine.append(records, Lane::Settling).await?;
    }
    Ok(count)
}

/// Sends what is owed of notices, one batch; whether there was any. One that cannot be sent is left and said once.
async fn tell(relay: &Relay, given_up: &mut BTreeSet<MessageId>) -> Result<bool, AppendError> {
    let prefix = [keys::table::NOTICE];
    let owed = relay.engine.read(|_, rows| rows.scan(&prefix, &prefix, NOTICES + given_up.len())).unwrap_or_default();
    let owed = owed.iter().filter_map(|(key, row)| keys::notice_id(key).zip(decode_row::<NoticeRow>(row.clone()).ok()));
    let (mut seq, mut records) = (relay.last_own_seq(), Vec::new());
    for (id, notice) in owed.filter(|(id, _)| !given_up.contains(id)).collect::<Vec<_>>() {
        match relay.notice(id, &notice, seq + 1) {
            Ok(submitted) => {
                seq += submitted.len() as u64;
                let record = |one: &Submitted| Record::new(kind::SUBMITTED, relay.clock.now(), one.encode_to_vec());
                records.extend(submitted.iter().map(record));
            }
            Err(invalid) => {
                tracing::error!(%id, obligor = notice.jurisdiction, %invalid, "nobody can be told of a rung");
                given_up.insert(id);
            }
        }
    }
    if records.is_empty() {
        return Ok(false);
    }
    let (_, outcomes) = relay.engine.append(records, Lane::Normal).await?;
    for outcome in outcomes {
        match outcome {
            fold::Outcome::Refused(invalid) if matches!(invalid.reason, Reason::DrillNotLive | Reason::Expired) => {
                // its drill is over, or it waited for longer than it is of use
                tracing::info!(%invalid, "of a deadline nobody is told any more");
            }
            fold::Outcome::Refused(invalid) => {
                tracing::error!(%invalid, "a notice of the broker's own was refused");
            }
            _ => {}
        }
    }
    Ok(true)
}
