//! The agent's own life: its state directory, and its copies of documents.

use model::ids::DocumentId;
use proto::record::{AgentRow, CachedRow, DocumentCached, Incarnated};
use store::FoldError;

use super::{Folding, Outcome, keys};

impl Folding<'_, '_> {
    /// A start, or a new name for the state directory; a new one counts its messages from 1 again.
    pub(super) fn incarnated(&mut self, record: &Incarnated) -> Outcome {
        if self.agent.incarnation != record.incarnation {
            *self.agent = AgentRow { incarnation: record.incarnation.clone(), last_seq: 0, ..self.agent.clone() };
        }
        self.agent.boot_count = record.boot_count;
        self.agent.started_at = self.at.position.0;
        Outcome::Done
    }

    pub(super) fn document_cached(&mut self, record: &DocumentCached) -> Result<Outcome, FoldError> {
        let Ok(id) = record.document_id.parse::<DocumentId>() else { return Ok(Outcome::Done) };
        if record.etag.len() != record.sha256.len() {
            return Ok(Outcome::Done); // no digest: it would not fit its row, and the copy is made again
        }
        let row = CachedRow { sha256: record.sha256.clone(), etag: record.etag.clone(), at: self.now_ms() };
        self.put(&keys::document(&id), &row)?;
        Ok(Outcome::Done)
    }
}
