//! The clerk: does what is owed at this desk without a person. It raises rungs when their time has come, lets a message
//! that waited take its step when the one it follows has come, tells senders of unlawful steps, and asks who is linked
//! while a grave message waits.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use journal::{Lane, Record};
use model::{
    ids::{JurisdictionId, MessageId},
    invalid::Invalid,
};
use prost::Message as _;
use proto::record::{Followed, PeerSeen, PeersSeen, kind};
use tokio_util::sync::CancellationToken;

use crate::{
    desk::{Desk, rows},
    fold::{id_of, matters, query},
};

/// How often the clerk looks up without being called.
const ROUND: Duration = Duration::from_millis(500);
/// How often it asks who is linked while a grave message waits; without one, every tenth time.
const PEERS_EVERY: u32 = 4;
/// Objections of one round.
const OBJECTIONS: usize = 16;

/// Works until told to stop.
pub async fn run(desk: Arc<Desk>, stop: CancellationToken) {
    let (mut peers, mut given_up, mut round) = (BTreeMap::new(), BTreeSet::new(), 0_u32);
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            () = desk.bells.clerk.notified() => {}
            () = tokio::time::sleep(ROUND) => {}
        }
        if let Err(problem) = work(&desk, &mut given_up).await {
            tracing::warn!(%problem, "the clerk could not finish a round; it goes on with the next");
        }
        round = round.wrapping_add(1);
        if let Err(problem) = ask_peers(&desk, &mut peers, round).await {
            tracing::warn!(%problem, "who is linked could not be stored");
        }
    }
}

async fn work(desk: &Desk, given_up: &mut BTreeSet<MessageId>) -> Result<(), Invalid> {
    raise(desk).await?;
    follow(desk).await?;
    object(desk, given_up).await
}

/// Raises every rung whose time has come.
async fn raise(desk: &Desk) -> Result<(), Invalid> {
    loop {
        let now = desk.clock.now();
        let first = desk.engine.read(|_, found| query::first_wake(found)).map_err(rows)?;
        let Some((_, key)) = first.filter(|(at, _)| *at <= now) else { return Ok(()) };
        let state = desk.engine.read(|_, found| matters::read_matter(found, &key)).map_err(rows)?;
        let Some(state) = state else { return Ok(()) };
        let reached = state.rungs(&key, now);
        if reached.is_empty() {
            return Ok(());
        }
        let records = reached.iter().map(|rung| Record::new(kind::RUNG, now, rung.encode_to_vec()));
        desk.write_all(records.collect(), Lane::Settling).await?;
    }
}

/// Lets messages that waited take their step, or says that they have waited long enough.
async fn follow(desk: &Desk) -> Result<(), Invalid> {
    let now = desk.clock.now();
    for (row, may_step) in desk.engine.read(|_, found| query::followers(found, now)).map_err(rows)? {
        let (envelope, stamp) = match id_of(&row.message_id) {
            Some(id) if may_step => desk.stamped(id)?,
            _ => Default::default(),
        };
        let followed = Followed { message_id: row.message_id, content: envelope.content, at: row.accepted_at, stamp };
        desk.write(kind::FOLLOWED, &followed, Lane::Settling).await?;
    }
    Ok(())
}

/// Tells the senders of unlawful steps, with K51. The objection leaves the rows with the record that queues it.
async fn object(desk: &Desk, given_up: &mut BTreeSet<MessageId>) -> Result<(), Invalid> {
    for id in desk.engine.read(|_, found| query::objections(found, given_up, OBJECTIONS)).map_err(rows)? {
        let told = match desk.objection(id) {
            Ok(Some(draft)) => desk.send(draft).await.map(|_| ()),
            Ok(None) => Ok(()),
            Err(invalid) => Err(invalid),
        };
        match told {
            Ok(()) => {}
            Err(problem) if problem.reason.may_repeat() => return Err(problem),
            Err(problem) => tracing::warn!(%id, %problem, "the sender of an unlawful step cannot be told"),
        }
        given_up.insert(id); // what was told has left the rows; what cannot be told holds up nothing behind it
    }
    Ok(())
}

/// Asks the broker who is linked, and stores what changed.
async fn ask_peers(desk: &Desk, known: &mut BTreeMap<JurisdictionId, bool>, round: u32) -> Result<(), Invalid> {
    if !round.is_multiple_of(PEERS_EVERY) || !desk.link.is_up() {
        return Ok(());
    }
    let seldom = round.is_multiple_of(PEERS_EVERY * 10);
    if !seldom && !desk.engine.read(|_, found| query::any_grave(found)).map_err(rows)? {
        return Ok(());
    }
    let mut changed = Vec::new();
    for link in desk.link.members().await {
        let Ok(peer) = link.jurisdiction.parse::<JurisdictionId>() else { continue };
        if peer != *desk.names.jurisdiction() && known.insert(peer.clone(), link.up) != Some(link.up) {
            changed.push(PeerSeen { jurisdiction: peer.to_string(), linked: link.up, phone: String::new() });
        }
    }
    if changed.is_empty() {
        return Ok(());
    }
    desk.write(kind::PEERS_SEEN, &PeersSeen { peers: changed }, Lane::Settling).await
}
