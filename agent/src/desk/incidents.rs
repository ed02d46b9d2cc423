//! Incidents at this desk: learned of, reported, told by others.

use std::collections::BTreeMap;

use journal::Record;
use model::{
    header::Status,
    ids::IncidentId,
    invalid::Invalid,
    level::EventLevel,
    limits::TITLE_CHARS_MAX,
    reason::Reason,
    thread::{AnyMachine, Matter, StateName},
};
use prost::Message as _;
use proto::{
    border,
    record::{DeskAct, IncidentLearned, LearnedRow, desk_act, kind},
    v1,
};

use super::{Desk, LIST_MAX, limit_of, matters as seen, needed, rows};
use crate::fold::{keys, matters::MatterState, query};

/// Incidents that one jurisdiction may mint in a day.
const OF_A_DAY: u16 = 9_999;
/// Where an incident stands before its first report.
const LEARNED: StateName = StateName { name: "LEARNED", zh: "已接报，未书面报告", over: false };

impl Desk {
    /// An incident is learned of: mints its id and starts the time for its reports.
    pub async fn learn_incident(&self, ask: v1::LearnIncidentRequest) -> Result<v1::LearnIncidentResponse, Invalid> {
        needed(&ask.title, "title", TITLE_CHARS_MAX)?;
        let now = self.clock.now();
        let known_at = border::time::optional(ask.known_at, "known_at")?.unwrap_or(now);
        if known_at > now {
            return Err(Invalid::schema("known_at", "incident.not_in_the_future"));
        }
        let officer = self.officer_of(ask.officer)?;
        let one_at_a_time = self.minting.clone().lock_owned().await;
        let incident = self.mint(known_at)?;
        let learned = IncidentLearned {
            incident_id: incident.to_string(),
            known_at: known_at.millis(),
            event_level: u32::try_from(ask.event_level).unwrap_or(0),
            title: ask.title,
        };
        let learned = DeskAct { officer: Some(officer), act: Some(desk_act::Act::Incident(learned)) };
        let record = Record::new(kind::DESK_ACT, now, learned.encode_to_vec());
        self.outbox.write_alone(record, vec![one_at_a_time]).await?;
        let key = keys::matter(&Matter::Incident(incident.clone()));
        let deadlines = self.matter_at(&key)?.map(|state| seen::seen_all(&key, &state)).unwrap_or_default();
        Ok(v1::LearnIncidentResponse { incident_id: incident.to_string(), deadlines })
    }

    /// The next free id of the local day on which it was learned of.
    fn mint(&self, known_at: model::time::Timestamp) -> Result<IncidentId, Invalid> {
        let us = self.names.jurisdiction();
        let day = known_at.civil(self.officer.utc_offset_min);
        let used = self.engine.read(|_, found| query::incidents_of(found, us)).map_err(rows)?;
        let of_day = used.iter().filter(|incident| incident.date() == day.date_number());
        let next = of_day.map(IncidentId::number).max().unwrap_or(0) + 1;
        if next > OF_A_DAY {
            return Err(Invalid::new(Reason::WrongSequence, "incident_id", "incident.of_a_day"));
        }
        IncidentId::new(us.clone(), day, next)
    }

    /// Incidents, newest first.
    pub fn incidents(&self, ask: &v1::IncidentsRequest) -> Result<v1::IncidentsResponse, Invalid> {
        let (learned, states) = self.engine.read(|_, found| (query::learned(found), query::matters(found, false)));
        let mut all: BTreeMap<IncidentId, v1::IncidentSeen> = BTreeMap::new();
        for (incident, row) in learned.map_err(rows)? {
            all.insert(incident.clone(), of_learned(&incident, row));
        }
        for (_, state) in states.map_err(rows)?.into_iter().filter(is_report) {
            let Some(incident) = state.incident.clone() else { continue };
            let seen = self.of_reported(&incident, &state, all.remove(&incident));
            all.insert(incident, seen);
        }
        let over = |seen: &v1::IncidentSeen| seen.state.as_ref().is_some_and(|state| state.over);
        let mut found: Vec<_> = all.into_iter().filter(|(_, seen)| ask.all || !over(seen)).collect();
        found.sort_by_key(|(incident, _)| std::cmp::Reverse((incident.date(), incident.number())));
        found.truncate(limit_of(ask.limit, seen::LIST_DEFAULT));
        Ok(v1::IncidentsResponse { incidents: found.into_iter().map(|(_, seen)| seen).collect() })
    }

    fn of_reported(
        &self,
        incident: &IncidentId,
        state: &MatterState,
        learned: Option<v1::IncidentSeen>,
    ) -> v1::IncidentSeen {
        let newest = self.engine.read(|_, found| query::thread(found, state.opened_by, LIST_MAX)).unwrap_or_default();
        let newest = newest.last().and_then(|(_, line)| crate::fold::id_of(&line.message_id));
        let title = newest.and_then(|id| self.summary(id).ok()).map(|summary| summary.title);
        v1::IncidentSeen {
            incident_id: incident.to_string(),
            title: title.unwrap_or_default(),
            state: state.thread.as_ref().map(|thread| seen::state_seen(thread.state_at(self.clock.now()))),
            event_level: state.level.number(),
            known_at: learned.and_then(|learned| learned.known_at),
            opened_by: state.opened_by.0.to_vec().into(),
        }
    }
}

/// The reports of one incident, real ones.
fn is_report((_, state): &(keys::MatterKey, MatterState)) -> bool {
    let machine = state.thread.as_ref().map(|thread| &thread.machine);
    state.status == Status::Actual && matches!(machine, Some(AnyMachine::Incident(_)))
}

fn of_learned(incident: &IncidentId, row: LearnedRow) -> v1::IncidentSeen {
    v1::IncidentSeen {
        incident_id: incident.to_string(),
        title: row.title,
        state: Some(seen::state_seen(LEARNED)),
        event_level: EventLevel::L0.number(),
        known_at: Some(border::time::to_wire(model::time::Timestamp::from_millis(row.known_at))),
        opened_by: bytes::Bytes::new(),
    }
}
