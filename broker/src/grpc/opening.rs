//! How a session begins: what the agent says of its past is judged and journalled, then it is welcomed.

use std::{sync::Arc, time::Duration};

use journal::{Lane, Record};
use model::{ids::Incarnation, invalid::Invalid, limits, precedence::PerPrecedence, reason::Reason};
use prost::Message as _;
use proto::{
    border,
    record::{self, kind},
    v1,
};

use super::{
    peer::Caller,
    session::{CREDIT, credit_frame},
};
use crate::relay::{Relay, fold::Outcome, sessions::Session};

/// Protocol versions that this broker speaks.
pub const PROTOCOL: std::ops::RangeInclusive<u32> = 1..=1;

/// A session that may begin.
pub(super) struct Opening {
    /// The answer to Hello.
    pub welcome: v1::Welcome,
    /// The session.
    pub session: Arc<Session>,
    /// How often an idle side gives a sign of life on this sort of line.
    pub heartbeat: Duration,
    /// The agent must take a new incarnation first.
    pub rolled_back: bool,
}

/// Journals that the session began, and makes the answer to Hello.
pub(super) async fn open(relay: &Relay, caller: &Caller, hello: &v1::Hello) -> Result<Opening, Invalid> {
    if relay.sessions.are_draining() {
        return Err(Invalid::new(Reason::Busy, "", "broker.draining"));
    }
    let protocol = (*PROTOCOL.end()).min(hello.protocol_max);
    if protocol < hello.protocol_min || !PROTOCOL.contains(&protocol) {
        let ours = format!("the broker speaks {}–{}", PROTOCOL.start(), PROTOCOL.end());
        return Err(Invalid::new(Reason::NoCommonProtocol, "protocol_max", "session.protocol").detail(ours));
    }
    let incarnation: [u8; 8] =
        hello.incarnation.as_ref().try_into().map_err(|_| Invalid::schema("incarnation", "bytes.exact"))?;
    let now = relay.clock.now();
    let theirs = border::time::optional(hello.clock, "clock")?.unwrap_or(now);
    let rolled_back = began(relay, caller, hello, Incarnation(incarnation)).await?;
    if let Some(head) = hello.head.clone()
        && let Err(invalid) = relay.shown_head(&caller.jurisdiction, head, (0, &[])).await
    {
        tracing::warn!(jurisdiction = %caller.jurisdiction, %invalid, "the head that an agent shows does not count");
    }
    let session = relay.sessions.begin(
        &caller.jurisdiction,
        caller.facts.clone(),
        hello.software.chars().take(64).collect(),
        theirs.millis() - now.millis(),
        now,
    );
    tracing::info!(
        jurisdiction = %caller.jurisdiction,
        session = session.number,
        certificate = %certs::signed::hex(&caller.facts.serial),
        software = ?session.software,
        profile = ?hello.profile.chars().take(64).collect::<String>(),
        skew_ms = session.skew_ms,
        rolled_back,
        "a session began"
    );
    let trust = relay.trust.view();
    let heartbeat = if hello.profile == "satellite" { limits::HEARTBEAT_SATELLITE } else { limits::HEARTBEAT };
    let welcome = v1::Welcome {
        protocol,
        session: session.number,
        epochs: relay
            .engine
            .epochs()
            .iter()
            .map(|epoch| v1::EpochEnd {
                epoch: epoch.id.0.to_vec().into(),
                first: epoch.first.0,
                last: epoch.ended_at.map_or(0, |at| at.0),
            })
            .collect(),
        clock: Some(border::time::to_wire(now)),
        credit: Some(credit_frame(&PerPrecedence::from_fn(|_| CREDIT))),
        directory_version: trust.directory.version,
        grants_version: trust.policy.version,
        features: Vec::new(),
        software: env!("CARGO_PKG_VERSION").to_owned(),
        heartbeat: Some(border::time::duration(heartbeat)),
        rolled_back,
        head: relay.heads.newest(),
    };
    Ok(Opening { welcome, session, heartbeat, rolled_back })
}

async fn began(relay: &Relay, caller: &Caller, hello: &v1::Hello, incarnation: Incarnation) -> Result<bool, Invalid> {
    let began = record::SessionBegan {
        jurisdiction: caller.jurisdiction.to_string(),
        incarnation: incarnation.0.to_vec().into(),
        boot_count: hello.boot_count,
        last_sender_seq: hello.last_sender_seq,
        certificate: certs::signed::hex(&caller.facts.serial),
    };
    let record = Record::new(kind::SESSION_BEGAN, relay.clock.now(), began.encode_to_vec());
    let outcome = relay.engine.append(vec![record], Lane::Settling).await;
    let (_, outcomes) = outcome.map_err(|error| {
        tracing::warn!(%error, jurisdiction = %caller.jurisdiction, "a session could not begin");
        Invalid::new(Reason::Busy, "", "journal")
    })?;
    Ok(matches!(outcomes.first(), Some(Outcome::Session { rolled_back: true })))
}
