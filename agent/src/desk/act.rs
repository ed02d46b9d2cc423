//! What a person does with a message: opens it, acknowledges it 签收, says that an answer will come 研究中. Each is a
//! receipt, signed here, durable here, and on its way to the sender.

use journal::{Lane, Record};
use model::{
    ids::{Digest, MessageId},
    invalid::Invalid,
    limits,
    position::Position,
    reason::Reason,
    stage::Stage,
};
use prost::Message as _;
use proto::{
    border,
    record::{Attested, ReceivedRow, kind},
    v1,
};

use super::{Desk, fits, internal, rows, unknown};
use crate::{
    fold::{Outcome, query},
    outbox::not_stored,
};

impl Desk {
    /// A person opens a message. The receipt is the first opening's.
    pub async fn open(&self, id: MessageId, officer: Option<v1::Officer>) -> Result<v1::Receipt, Invalid> {
        self.attest(id, Stage::Opened, officer, String::new()).await
    }

    /// A person acknowledges, or says that an answer will come. Who is not on duty by our roster may do so all the same, and
    /// the note says it.
    pub async fn acknowledge(&self, ask: v1::AcknowledgeRequest) -> Result<v1::Receipt, Invalid> {
        let id = MessageId::checked(&ask.message_id)?;
        let stage = if ask.will_answer { Stage::WillAnswer } else { Stage::Acknowledged };
        fits(&ask.note, "note", limits::TEXT_CHARS_MAX)?;
        let officer = self.officer_of(ask.officer)?;
        let note = self.duty_note(&officer.name, ask.note);
        self.attest(id, stage, Some(officer), note).await
    }

    async fn attest(
        &self,
        id: MessageId,
        stage: Stage,
        officer: Option<v1::Officer>,
        note: String,
    ) -> Result<v1::Receipt, Invalid> {
        let row = self.engine.read(|_, found| query::received(found, id)).map_err(rows)?.ok_or_else(|| unknown(id))?;
        if !row.refused.is_empty() {
            return Err(Invalid::new(Reason::WrongSequence, "message_id", "receipt.of_refused").detail(row.refused));
        }
        let officer = self.officer_of(officer)?;
        self.check_reader(row.kind, &officer)?;
        let statement = v1::ReceiptStatement { note, ..self.attestation(id, &row, stage, officer) };
        let receipts =
            self.signer.receipts(vec![statement.encode_to_vec().into()]).map_err(|error| internal(&error))?;
        let record =
            Record::new(kind::ATTESTED, self.clock.now(), Attested { receipts: Some(receipts) }.encode_to_vec());
        let (_, outcomes) =
            self.engine.append(vec![record], Lane::Settling).await.map_err(|error| not_stored(&error))?;
        match outcomes.first() {
            Some(Outcome::Attested(places)) => {
                let (at, index) = places.first().copied().flatten().ok_or_else(|| unknown(id))?;
                self.receipt(at, index)
            }
            Some(Outcome::Done) | None => Err(internal(&"an attested record came to nothing")),
        }
    }

    fn attestation(
        &self,
        id: MessageId,
        row: &ReceivedRow,
        stage: Stage,
        officer: v1::Officer,
    ) -> v1::ReceiptStatement {
        v1::ReceiptStatement {
            message_id: id.0.to_vec().into(),
            content_hash: row.content_hash.clone(),
            recipient: self.names.jurisdiction().to_string(),
            stage: stage.number(),
            at: Some(border::time::to_wire(self.clock.now())),
            at_error_ms: self.clock_error_ms,
            by: self.names.agent.to_string(),
            officer: Some(officer),
            previous_receipt_hash: row.last_receipt.clone(),
            sender: row.sender.clone(),
            ..v1::ReceiptStatement::default()
        }
    }

    /// The person who acts; what is not said is the officer of the configuration.
    pub(super) fn officer_of(&self, officer: Option<v1::Officer>) -> Result<v1::Officer, Invalid> {
        let mut officer = officer.unwrap_or_default();
        if officer.name.is_empty() {
            officer.name.clone_from(&self.officer.name);
        }
        if officer.name.is_empty() {
            return Err(Invalid::missing("officer.name"));
        }
        if officer.role == 0 {
            officer.role = self.names.role.number();
        }
        Ok(officer)
    }

    /// Where a statement of ours stands, for whoever files it.
    pub fn digest(statement: &[u8]) -> Digest {
        Digest::of(statement)
    }

    /// The place of a record.
    pub fn folded(&self) -> Position {
        *self.bells.folded.borrow()
    }
}
