//! Drills: exercise traffic passes only inside a live one and between its participants, and an abort ends all of it.

use model::{
    header::{DrillControl, Header},
    ids::JurisdictionId,
    invalid::Invalid,
    kind::Kind,
    reason::Reason,
    stage::Stage,
    status::Status,
    thread::drill::AFTERMATH,
};
use proto::record::{DrillRow, MessageRow, Submitted, WaitingRow};
use store::{FoldError, rows::VALUE_BYTES_MAX};

use super::{
    Folding, decode_row, keys,
    keys::WaitingKey,
    state::time,
    submitted::{Verdict, id_of},
};

impl Folding<'_, '_> {
    /// Refuses exercise traffic outside a live drill or by anybody who takes no part.
    pub(super) fn drill_allows(&mut self, header: &Header, record: &Submitted) -> Result<(), Verdict> {
        if header.status != Status::Exercise {
            return Ok(());
        }
        let refused = |rule: &str| Verdict::from(Invalid::new(Reason::DrillNotLive, "drill.drill_id", rule));
        let drill = header.drill.as_ref().ok_or_else(|| refused("must name a drill"))?;
        let row = self
            .row::<DrillRow>(&keys::drill(&drill.drill_id))?
            .ok_or_else(|| refused("must be a drill that has started"))?;
        let over = row.ended != 0 && time(row.ended).plus(AFTERMATH) < self.at.time;
        if over || row.aborted {
            return Err(refused("must be a drill that is live"));
        }
        let broker = header.sender.jurisdiction.is_broker();
        let part = |jurisdiction: &str| row.participants.iter().any(|participant| participant == jurisdiction);
        if !(broker || part(header.sender.jurisdiction.as_str()))
            || !record.deliveries.iter().all(|to| part(&to.jurisdiction))
        {
            return Err(refused("sender and recipients must take part in the drill"));
        }
        Ok(())
    }

    /// Follows a controller's order.
    pub(super) fn steer_drill(&mut self, header: &Header, row: &MessageRow) -> Result<(), FoldError> {
        let (Kind::DrillControl, Some(drill)) = (header.kind, &header.drill) else { return Ok(()) };
        let key = keys::drill(&drill.drill_id);
        let known = self.row::<DrillRow>(&key)?;
        let now = self.at.time.millis();
        match (drill.control, known) {
            (Some(DrillControl::Startex), None) => {
                let to = row.deliveries.iter().map(|delivery| delivery.jurisdiction.clone());
                let participants = std::iter::once(row.sender.clone()).chain(to).collect();
                self.put(&key, &DrillRow { participants, from: now, ended: 0, aborted: false })
            }
            (Some(DrillControl::Endex), Some(live)) if takes_part(&live, row) && !live.aborted => {
                self.put(&key, &DrillRow { ended: now, ..live })
            }
            (Some(DrillControl::AbortRealEmergency), Some(live)) if takes_part(&live, row) && !live.aborted => {
                self.recall_drill(drill.drill_id.as_str(), &live, &header.message_id.0)?;
                self.void_drill(drill.drill_id.as_str())?;
                self.put(&key, &DrillRow { ended: now, aborted: true, ..live })
            }
            _ => Ok(()),
        }
    }

    /// Takes back everything of a drill that still waits.
    fn recall_drill(&mut self, drill: &str, live: &DrillRow, by: &[u8]) -> Result<(), FoldError> {
        for participant in live.participants.iter().filter_map(|id| id.parse::<JurisdictionId>().ok()) {
            let mut waiting = Vec::new();
            self.rows.each(&keys::mailbox_prefix(&participant), |key, value| {
                if WaitingKey::decode(key).is_some_and(|key| key.exercise) {
                    waiting.extend(id_of(&decode_row::<WaitingRow>(value)?.message_id));
                }
                Ok(())
            })?;
            for id in waiting {
                if let Some((mut row, true)) = self.message(id)?
                    && row.drill_id == drill
                {
                    self.end_all(id, &mut row, Stage::Recalled, "DRILL_ABORTED", by)?;
                }
            }
        }
        Ok(())
    }
}

/// Refuses to start a drill with more participants than its row holds.
pub(super) fn drill_fits(header: &Header, record: &Submitted) -> Result<(), Invalid> {
    let starts = header.drill.as_ref().is_some_and(|drill| drill.control == Some(DrillControl::Startex));
    // each name with its tag and length; what else the row says takes less than 64 bytes
    let names = record.deliveries.iter().map(|to| to.jurisdiction.len() + 2).sum::<usize>();
    let bytes = names + header.sender.jurisdiction.as_str().len() + 2 + 64;
    if starts && bytes > VALUE_BYTES_MAX {
        return Err(Invalid::too_large("recipients", bytes, VALUE_BYTES_MAX));
    }
    Ok(())
}

fn takes_part(live: &DrillRow, row: &MessageRow) -> bool {
    live.participants.contains(&row.sender)
}
