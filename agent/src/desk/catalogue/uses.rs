//! What offers and missions of ours do to our resources, as the desk tells and judges it.

use std::collections::BTreeMap;

use model::{
    catalogue::{Readiness, Use},
    invalid::Invalid,
    status::Status,
    time::Timestamp,
};
use proto::{border, v1};

use crate::{
    desk::{Desk, rows},
    fold::{query, uses::use_of},
};

/// What is done to one resource, and in which matter.
#[derive(Clone, Debug)]
pub(super) struct Doing {
    what: Use,
    status: Status,
    originating: bytes::Bytes,
}

/// What is done to resources of ours, by id.
pub(super) type Doings = BTreeMap<String, Vec<Doing>>;

impl Desk {
    /// What goes on with resources of ours.
    pub(super) fn doings(&self) -> Result<Doings, Invalid> {
        let mut doings = Doings::new();
        for (_, row) in self.engine.read(|_, found| query::uses(found)).map_err(rows)? {
            let status = i32::try_from(row.status).ok().and_then(Status::from_number);
            let Some(status) = status else { continue };
            for used in &row.uses {
                let doing = use_of(used).map(|what| Doing { what, status, originating: row.originating.clone() });
                doings.entry(used.resource_id.clone()).or_default().extend(doing);
            }
        }
        Ok(doings)
    }
}

/// What stands of a resource of ours: an exercise changes nothing real.
pub(super) fn readiness_at(published: Readiness, doings: &[Doing], at: Timestamp) -> Readiness {
    let real = doings.iter().filter(|doing| doing.status == Status::Actual).map(|doing| doing.what);
    model::catalogue::readiness_at(published, &real.collect::<Vec<_>>(), at)
}

/// What goes on with it, for people: what is over is not told.
pub(super) fn seen(doings: &[Doing], at: Timestamp) -> Vec<v1::ResourceUse> {
    let one = |doing: &Doing| {
        let (until, mission) = match doing.what {
            Use::Held(until) => (until, ""),
            Use::Sent(state) => (None, state.name()),
        };
        Some(v1::ResourceUse {
            readiness: doing.what.readiness_at(at)?.number(),
            originating_message_id: doing.originating.clone(),
            until: until.map(border::time::to_wire),
            mission: mission.to_owned(),
            status: doing.status.number(),
        })
    };
    doings.iter().filter_map(one).collect()
}
