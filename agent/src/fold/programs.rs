//! What programs beside the agent had sent: counted by the hour, and each of their events kept with the message that it
//! was made, so that the same event told again is that message.

use model::ids::MessageId;
use proto::record::{EventRow, ProgramRow, Queued};
use store::FoldError;

use super::{Folding, HOUR_MS, bytes_of, keys};

impl Folding<'_, '_> {
    pub(super) fn sent_by_program(&mut self, id: MessageId, record: &Queued) -> Result<(), FoldError> {
        let Some(program) = &record.program else { return Ok(()) };
        let (now, hour) = (self.now_ms(), self.now_ms() / HOUR_MS);
        let row: ProgramRow = self.row(&keys::program(&program.name))?.unwrap_or_default();
        let counted = if row.hour == hour { row.counted + 1 } else { 1 };
        self.put(&keys::program(&program.name), &ProgramRow { sent: row.sent + 1, last_at: now, hour, counted })?;
        if program.event.is_empty() {
            return Ok(());
        }
        let row = EventRow { message_id: bytes_of(id), digest: program.digest.clone() };
        self.put(&keys::event(&program.source, &program.event), &row)
    }
}
