//! Messages of a drill and what became of each at those to whom it went, by the receipts that are known here.

use std::collections::BTreeMap;

use model::{ids::MessageId, invalid::Invalid, stage::Stage, time::Timestamp};
use prost::Message as _;
use proto::{
    border,
    v1::{self, body::Body},
};

use super::score::Seen;
use crate::{
    desk::{Desk, rows},
    fold::{id_of, query, stage_of},
};

/// A message of a drill.
pub(super) struct Said {
    pub id: MessageId,
    pub ours: bool,
    /// Its matter took it as a step: what was unlawful or still waits says nothing about the drill.
    pub stepped: bool,
    pub header: v1::Header,
    pub body: Option<Body>,
}

impl Said {
    /// Who said it.
    pub fn by(&self) -> &str {
        self.header.sender.as_ref().map_or("", |sender| &sender.jurisdiction)
    }

    /// The thread in which it stands.
    pub fn thread(&self) -> MessageId {
        id_of(&self.header.originating_message_id).unwrap_or(self.id)
    }

    /// The lawful inject that it is.
    pub const fn inject(&self) -> Option<&v1::DrillInject> {
        match &self.body {
            Some(Body::DrillInject(inject)) if self.stepped => Some(inject),
            _ => None,
        }
    }
}

impl Desk {
    pub(super) fn said(&self, id: MessageId, ours: bool) -> Result<Option<Said>, Invalid> {
        let Some((content, _)) = self.content_of(id)? else { return Ok(None) };
        let v1::Content { header, body, inline: _ } = content;
        let stepped = self.engine.read(|_, found| query::has_stepped(found, id)).map_err(rows)?;
        Ok(Some(Said { id, ours, stepped, header: header.unwrap_or_default(), body: body.and_then(|body| body.body) }))
    }

    /// How far a message came at each of those to whom it went: the first receipt of each stage.
    pub(super) fn reached(&self, id: MessageId) -> Result<BTreeMap<String, v1::InjectArrival>, Invalid> {
        let mut arrivals: BTreeMap<String, v1::InjectArrival> = BTreeMap::new();
        for receipt in self.receipts(id)? {
            let Ok(said) = v1::ReceiptStatement::decode(receipt.statement) else { continue };
            let Some(stage) = Stage::from_number(said.stage).filter(|_| !said.recipient.is_empty()) else { continue };
            let arrival = arrivals.entry(said.recipient.clone()).or_default();
            arrival.jurisdiction.clone_from(&said.recipient);
            note(arrival, stage, said);
        }
        Ok(arrivals)
    }

    /// Injects that were sent, in the order of their acceptance.
    pub(super) fn injects_seen(&self, seen: &Seen) -> Result<Vec<v1::InjectSeen>, Invalid> {
        let mut injects = Vec::new();
        for said in &seen.said {
            let Some(inject) = said.inject() else { continue };
            let planned = seen.planned.get(&inject.inject_id);
            injects.push(v1::InjectSeen {
                inject_id: inject.inject_id.clone(),
                message_id: said.id.0.to_vec().into(),
                title: self.summary(said.id)?.title,
                objective_ids: planned.map(|planned| planned.objective_ids.clone()).unwrap_or_default(),
                planned_offset_s: planned.and_then(|planned| planned.offset_s),
                sent_at: self.accepted_at(said.id)?.map(border::time::to_wire),
                arrivals: self.reached(said.id)?.into_values().collect(),
            });
        }
        injects.sort_by_key(|inject| inject.sent_at.map_or((i64::MAX, 0), |at| (at.seconds, at.nanos)));
        Ok(injects)
    }

    /// Exercise messages of ours that were taken back before they were handed over.
    pub(super) fn recalled(&self, seen: &Seen) -> Result<Vec<v1::RecalledSeen>, Invalid> {
        let mut recalled = Vec::new();
        for said in seen.played().filter(|said| said.ours) {
            let deliveries = self.engine.read(|_, found| query::deliveries(found, said.id)).map_err(rows)?;
            for (to, row) in deliveries {
                if stage_of(row.stage) == Some(Stage::Recalled) {
                    recalled.push(v1::RecalledSeen {
                        message_id: said.id.0.to_vec().into(),
                        kind: said.header.kind,
                        title: self.summary(said.id)?.title,
                        reason: self.recalled_for(said.id, to.as_str())?,
                        jurisdiction: to.to_string(),
                    });
                }
            }
        }
        Ok(recalled)
    }

    fn recalled_for(&self, id: MessageId, to: &str) -> Result<String, Invalid> {
        let said = self.receipts(id)?.into_iter().filter_map(|one| v1::ReceiptStatement::decode(one.statement).ok());
        let ours = said.filter(|said| said.recipient == to && said.stage == Stage::Recalled.number());
        Ok(ours.last().map(|said| said.reason).unwrap_or_default())
    }

    /// When the broker took charge of a message, by its stamp.
    pub(super) fn accepted_at(&self, id: MessageId) -> Result<Option<Timestamp>, Invalid> {
        let (_, stamp) = self.stamped(id)?;
        Ok(stamp.and_then(|stamp| border::time::optional(stamp.accepted_at, "").ok().flatten()))
    }
}

fn note(arrival: &mut v1::InjectArrival, stage: Stage, said: v1::ReceiptStatement) {
    let first = |place: &mut Option<prost_types::Timestamp>| {
        if place.is_none_or(|at| said.at.is_some_and(|new| (new.seconds, new.nanos) < (at.seconds, at.nanos))) {
            *place = said.at;
        }
    };
    match stage {
        Stage::Delivered => first(&mut arrival.delivered_at),
        Stage::Opened => first(&mut arrival.opened_at),
        Stage::Acknowledged | Stage::WillAnswer | Stage::Answered => first(&mut arrival.acknowledged_at),
        Stage::Recalled => arrival.recalled = true,
        _ => {}
    }
    if matches!(stage, Stage::Opened | Stage::Acknowledged | Stage::WillAnswer) {
        arrival.officer = said.officer;
    }
}
