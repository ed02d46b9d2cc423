//! Receipts that tell the broker something. What stands in the journal already is not written again, so nobody fills it by
//! repeating itself; what is about messages that nobody knows is counted, for it goes into another member's line.

use model::{
    ids::{JurisdictionId, MessageId},
    invalid::Invalid,
    limits,
    reason::Reason,
    stage::Stage,
};
use prost::Message as _;
use proto::{record::MessageRow, v1};

use super::{Relay, fold};

impl Relay {
    /// Whether a batch that `by` signed says anything that is to be journalled. An error when it speaks of more unknown
    /// messages than a refilled broker is ever told of.
    pub fn news_in(&self, by: &JurisdictionId, batch: Option<&v1::ReceiptBatch>) -> Result<bool, Invalid> {
        let said = batch.into_iter().flat_map(|batch| &batch.statements).filter_map(|statement| {
            let said = v1::ReceiptStatement::decode(statement.clone()).ok()?;
            let id = said.message_id.as_ref().try_into().map(MessageId).ok()?;
            Some((said, id))
        });
        let said: Vec<_> = said.collect();
        // one look for all of them: whoever looks holds up the fold
        let (mut news, strange) = self.engine.read(|_, rows| {
            let (mut news, mut strange) = (false, Vec::new());
            for (said, id) in &said {
                match fold::message(rows, *id) {
                    Ok(Some((row, _open))) => news |= tells(by, said, &row),
                    Ok(None) => strange.push((said, *id)),
                    // the fold will say why
                    Err(_) => news = true,
                }
            }
            (news, strange)
        });
        let lost = strange.into_iter().filter(|(said, id)| self.may_be_lost(said, *id)).count() as u64;
        news |= lost > 0;
        match self.quotas.unknown_receipts(by, lost, self.clock.now()) {
            Ok(()) => Ok(news),
            Err(wait) => {
                let detail = format!("receipts about messages that nobody knows; again in {} s", wait.as_secs());
                Err(Invalid::new(Reason::RateLimited, "receipts", "receipt.unknown").detail(detail))
            }
        }
    }

    /// Whether a message may have been here before the broker's journal was lost: of a member, and young enough to come
    /// back.
    fn may_be_lost(&self, said: &v1::ReceiptStatement, id: MessageId) -> bool {
        let sender = said.sender.parse::<JurisdictionId>();
        let now = self.clock.now();
        let young = id.time().plus(limits::DEDUPE) >= now && id.time() <= now.plus(limits::CLOCK_SKEW_REFUSED);
        young && sender.is_ok_and(|sender| self.trust.view().directory.has(&sender))
    }
}

/// Whether a receipt moves the delivery to `by`, or proves a stage that was passed without proof.
fn tells(by: &JurisdictionId, said: &v1::ReceiptStatement, row: &MessageRow) -> bool {
    let delivery = row.deliveries.iter().find(|delivery| delivery.jurisdiction == by.as_str());
    let same = said.recipient == by.as_str() && said.content_hash == row.content_hash;
    let stage = Stage::from_number(said.stage);
    same && delivery.zip(stage).is_some_and(|(delivery, stage)| fold::tells(delivery, stage))
}
