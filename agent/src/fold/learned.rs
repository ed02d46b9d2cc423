//! Incidents that were learned of at this desk. Until the first report is written their duties stand alone; then the
//! report carries them on, with what time has done to them.

use model::{
    ids::{Digest, IncidentId, MessageId},
    level::EventLevel,
    status::Status,
    thread::{Ledger, Matter, learned},
    time::Timestamp,
};
use proto::record::{IncidentLearned, LearnedRow};
use store::FoldError;

use super::{Folding, keys, matters::MatterState};

impl Folding<'_, '_> {
    /// An incident was learned of: its reports are owed.
    pub(super) fn learned(&mut self, record: &IncidentLearned) -> Result<(), FoldError> {
        let Ok(incident) = record.incident_id.parse::<IncidentId>() else { return Ok(()) };
        if self.rows.get(&keys::learned(&incident))?.is_some() {
            return Ok(());
        }
        let title = record.title.chars().take(100).collect();
        self.put(&keys::learned(&incident), &LearnedRow { known_at: record.known_at, title, reported: false })?;
        let level = i32::try_from(record.event_level).ok().and_then(EventLevel::from_number);
        let level = level.unwrap_or(EventLevel::L0);
        let known_at = Timestamp::from_millis(record.known_at);
        let mut duties = Ledger::default();
        learned::start(&mut duties, self.us, level, known_at, cause_of(&incident));
        let matter = Matter::Incident(incident.clone());
        let key = keys::matter(&matter);
        let state = MatterState {
            matter,
            status: Status::Actual,
            level,
            incident: Some(incident.clone()),
            opened_by: cause_of(&incident),
            thread: None,
            duties,
            wake: None,
            dropped: false,
        };
        self.put_matter(&key, None, state).map(|_| ())
    }

    /// The first report is written: what was owed until then, so that the report's own ledger goes on from it.
    pub(super) fn reported(&mut self, incident: &IncidentId) -> Result<Ledger, FoldError> {
        let row: Option<LearnedRow> = self.row(&keys::learned(incident))?;
        let Some(row) = row.filter(|row| !row.reported) else { return Ok(Ledger::default()) };
        self.put(&keys::learned(incident), &LearnedRow { reported: true, ..row })?;
        let key = keys::matter(&Matter::Incident(incident.clone()));
        let Some(state) = self.matter(&key)? else { return Ok(Ledger::default()) };
        self.drop_matter(&key, &state)?;
        self.close_all_rungs(state.ledger(), "REPORTED")?;
        Ok(state.duties)
    }
}

/// What stands for the report until there is one: derived from the incident, so that it is the same after a replay.
fn cause_of(incident: &IncidentId) -> MessageId {
    MessageId(Digest::of(incident.to_string().as_bytes()).half())
}
