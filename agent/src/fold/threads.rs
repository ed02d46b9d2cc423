//! Threads: every message stands in the thread of its first one, and a thread stands where its newest message does.

use model::{
    header::Header,
    ids::{IncidentId, MessageId},
};
use proto::record::{ListRow, ThreadRow};
use store::FoldError;

use super::{Folding, bytes_of, keys};

impl Folding<'_, '_> {
    /// Files a message of ours or of another in its thread.
    pub(super) fn file(&mut self, header: &Header, cursor: u64, sent: bool) -> Result<(), FoldError> {
        let (id, thread) = (header.message_id, header.thread());
        self.put(&keys::thread(thread, cursor), &ListRow { message_id: bytes_of(id), sent })?;
        let mut head: ThreadRow = self.row(&keys::thread_head(thread))?.unwrap_or_default();
        self.unlist(&head)?;
        head.newest = head.newest.max(cursor);
        if let Some(incident) = &header.incident_id {
            head.incident = incident.to_string();
        }
        self.list(thread, &head)?;
        self.put(&keys::thread_head(thread), &head)
    }

    fn unlist(&mut self, head: &ThreadRow) -> Result<(), FoldError> {
        if head.newest == 0 {
            return Ok(());
        }
        self.rows.remove(&keys::listed(keys::table::THREAD_LIST, head.newest))?;
        match incident_of(head) {
            Some(incident) => self.rows.remove(&keys::incident(&incident, head.newest)),
            None => Ok(()),
        }
    }

    fn list(&mut self, thread: MessageId, head: &ThreadRow) -> Result<(), FoldError> {
        let row = ListRow { message_id: bytes_of(thread), sent: false };
        self.put(&keys::listed(keys::table::THREAD_LIST, head.newest), &row)?;
        match incident_of(head) {
            Some(incident) => self.put(&keys::incident(&incident, head.newest), &row),
            None => Ok(()),
        }
    }
}

fn incident_of(head: &ThreadRow) -> Option<IncidentId> {
    head.incident.parse().ok()
}
