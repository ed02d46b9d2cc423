//! Times taken in a drill against times allowed: acknowledgements by their receipts, everything else by what was owed in
//! the matters that were played.

use std::collections::BTreeSet;

use model::{
    ids::{JurisdictionId, MessageId},
    invalid::Invalid,
    kind::Kind,
    role::Role,
    thread::{
        Ledger, Matter,
        drill::{Observed, observed},
        ledger::{Key, Start},
    },
};
use proto::{border, v1};

use super::{score::Seen, seen::Said};
use crate::{
    desk::Desk,
    fold::{keys, keys::MatterKey},
};

impl Desk {
    /// Everything that was timed, in the order in which it was owed.
    pub(super) fn times(&self, seen: &Seen) -> Result<Vec<v1::TimeSeen>, Invalid> {
        let mut all = Vec::new();
        for key in matters_played(seen) {
            let state = self.matter_at(&key)?;
            all.extend(state.map(|state| observed(state.ledger(), seen.until)).unwrap_or_default());
        }
        for said in seen.said.iter().filter(|said| is_timed(said)) {
            all.extend(observed(&self.acknowledgements(said)?, seen.until));
        }
        all.sort_by(|a, b| (a.starts_at, &a.obligor, a.deadline).cmp(&(b.starts_at, &b.obligor, b.deadline)));
        Ok(all.into_iter().map(|one| time_seen(seen, &one)).collect())
    }

    /// Who owed an acknowledgement of a message and when it came, as the stamp and the receipts say.
    fn acknowledgements(&self, said: &Said) -> Result<Ledger, Invalid> {
        let mut ledger = Ledger::default();
        let (_, Some(stamp)) = self.stamped(said.id)? else { return Ok(ledger) };
        let time = |at| border::time::optional(at, "").ok().flatten();
        let (Some(from), Some(until)) = (time(stamp.accepted_at), time(stamp.ack_by)) else { return Ok(ledger) };
        let reached = self.reached(said.id)?;
        let us = self.names.jurisdiction().as_str();
        for to in stamp.deliveries.iter().filter(|to| to.r#as() == v1::DeliveryAs::To) {
            let arrival = reached.get(&to.jurisdiction);
            let came = arrival.and_then(|arrival| time(arrival.acknowledged_at));
            let handed = came.is_some() || arrival.is_some_and(|arrival| arrival.delivered_at.is_some());
            let Ok(id) = to.jurisdiction.parse::<JurisdictionId>() else { continue };
            // of what others got beside us nothing is known here
            if handed && (said.ours || to.jurisdiction == us) {
                let key = Key { name: model::deadline::DeadlineName::D01, jurisdiction: id, subject: String::new() };
                let role = Role::DutyOfficer;
                ledger.start(Start { key: key.clone(), role, cause: said.id, starts_at: from, due_at: until });
                if let Some(came) = came {
                    ledger.meet(&key, came, None);
                }
            }
        }
        Ok(ledger)
    }
}

/// The matters of what was played, each once: those of threads, and those that an inject holds.
fn matters_played(seen: &Seen) -> BTreeSet<MatterKey> {
    let threads = seen.played().filter_map(|said| MessageId::checked(&said.header.originating_message_id).ok());
    threads.map(|thread| keys::matter(&Matter::Thread(thread))).collect()
}

fn time_seen(seen: &Seen, one: &Observed) -> v1::TimeSeen {
    let cause = seen.find(one.message);
    let thread = cause.and_then(|said| MessageId::checked(&said.header.originating_message_id).ok());
    let inject = thread.and_then(|thread| seen.injects.get(&thread)).cloned().unwrap_or_default();
    let planned = seen.planned.get(&inject);
    v1::TimeSeen {
        text_zh: one.deadline.zh().to_owned(),
        starts_at: Some(border::time::to_wire(one.starts_at)),
        objective_ids: planned.map(|planned| planned.objective_ids.clone()).unwrap_or_default(),
        time: Some(v1::ObservedTime {
            deadline: one.deadline.name().to_owned(),
            message_id: one.message.0.to_vec().into(),
            kind: cause.map_or(0, |said| said.header.kind),
            inject_id: inject,
            obligor: Some(v1::Seat {
                jurisdiction: one.obligor.jurisdiction.to_string(),
                role: one.obligor.role.number(),
                name: String::new(),
            }),
            allowed_s: seconds(one.score.allowed).max(1),
            taken_s: one.score.taken.map(seconds),
            met: if one.score.met { v1::YesNo::Yes } else { v1::YesNo::No }.into(),
        }),
    }
}

/// What is played, and the orders by which it is: those are acknowledged within minutes.
fn is_timed(said: &Said) -> bool {
    said.header.status() == v1::Status::Exercise || said.header.kind == Kind::DrillControl.number()
}

/// Whole seconds, of which one that has begun counts.
fn seconds(of: std::time::Duration) -> u32 {
    u32::try_from(of.as_millis().div_ceil(1_000)).unwrap_or(u32::MAX)
}
