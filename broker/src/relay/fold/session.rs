//! Sessions: what an agent says about its past, and how far it has stored its line of receipts.

use model::{
    ids::{Incarnation, JurisdictionId},
    position::Position,
};
use proto::record::{ReceiptsSeen, SequenceRow, SessionBegan};
use store::FoldError;

use super::{Folding, Outcome, keys};

/// Rows of a line that are looked at in one go.
const PAGE: usize = 256;

impl Folding<'_, '_> {
    /// Judges whether the agent's state was put back from a copy: it used less of its sequence, or was started less
    /// often, than this journal knows of the same incarnation.
    pub(super) fn session_began(&mut self, record: &SessionBegan) -> Result<Outcome, FoldError> {
        let (Ok(jurisdiction), Ok(incarnation)) =
            (record.jurisdiction.parse::<JurisdictionId>(), record.incarnation.as_ref().try_into().map(Incarnation))
        else {
            return Ok(Outcome::Session { rolled_back: false });
        };
        let key = keys::sequence(&jurisdiction, incarnation);
        let mut row = self.row::<SequenceRow>(&key)?.unwrap_or_default();
        let known = row.highest.max(row.announced);
        let rolled_back = record.last_sender_seq < known || record.boot_count < row.boot_count;
        if !rolled_back {
            row.announced = record.last_sender_seq;
            row.boot_count = record.boot_count;
            row.at = self.at.time.millis();
            self.put(&key, &row)?;
        }
        Ok(Outcome::Session { rolled_back })
    }

    /// Drops what an agent has stored of its line. What comes after it is not looked at: a line may be long, and every
    /// frame of it is answered by one of these.
    pub(super) fn receipts_seen(&mut self, record: &ReceiptsSeen) -> Result<Outcome, FoldError> {
        let Ok(jurisdiction) = record.jurisdiction.parse::<JurisdictionId>() else { return Ok(Outcome::Done) };
        let (prefix, through) = (keys::line_prefix(&jurisdiction), Position(record.position));
        let mut from = prefix.clone();
        loop {
            let page = self.rows.scan(&prefix, &from, PAGE)?;
            let seen = |key: &[u8]| keys::line_position(key).is_some_and(|at| at <= through);
            for (key, _) in page.iter().take_while(|(key, _)| seen(key)) {
                self.rows.remove(key)?;
            }
            match page.last() {
                Some((last, _)) if page.len() == PAGE && seen(last) => from = [&last[..], &[0]].concat(),
                Some(_) | None => return Ok(Outcome::Done),
            }
        }
    }
}
