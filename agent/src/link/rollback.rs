//! The state directory was put back from a copy. What the lost one did since is asked of the broker; then the directory
//! takes a new name, so that no number of its sequence ever stands for two messages.

use std::sync::Arc;

use journal::Lane;
use model::{ids::MessageId, invalid::Invalid, reason::Reason};
use prost::Message as _;
use proto::{
    record::{BrokerAccepted, ReceiptsReceived, kind},
    status,
    v1::{self, exchange_client::ExchangeClient},
};
use tonic::transport::Channel;

use crate::{
    desk::{Desk, documents::told, rows},
    fold::query,
};

/// Learns what became of messages of ours, takes a new incarnation, and seals again what the broker does not know. May
/// be interrupted anywhere: until the new name is durable it begins from the start, after that [`seal_again`] goes on.
pub(super) async fn begin_again(desk: &Arc<Desk>, channel: Channel) -> Result<(), Invalid> {
    tracing::warn!("the state directory was put back from a copy; it learns what was done since, and takes a new name");
    let mut broker = ExchangeClient::new(channel);
    for id in unsettled(desk)? {
        learn(desk, &mut broker, id).await?;
    }
    desk.outbox.rename().await?;
    seal_again(desk).await
}

/// Gives whatever waits under an earlier name a place in the sequence of this one.
pub(crate) async fn seal_again(desk: &Desk) -> Result<(), Invalid> {
    for (_, at, _) in desk.waiting_ours()? {
        desk.outbox.seal_again(at).await?;
    }
    Ok(())
}

/// Messages of ours that wait for the broker, or were accepted and are not settled.
fn unsettled(desk: &Desk) -> Result<Vec<MessageId>, Invalid> {
    let mut ids: Vec<MessageId> = desk.waiting_ours()?.into_iter().map(|(.., id)| id).collect();
    ids.extend(desk.engine.read(|_, found| query::unsettled(found)).map_err(rows)?);
    Ok(ids)
}

/// Stores what the broker knows about one message of ours. One that it does not know is left as it is.
async fn learn(desk: &Desk, broker: &mut ExchangeClient<Channel>, id: MessageId) -> Result<(), Invalid> {
    let answer = match broker.trace(v1::TraceRequest { message_id: id.0.to_vec().into() }).await {
        Ok(answer) => answer.into_inner(),
        Err(refusal) if status::reason(&refusal) == Some(Reason::NotFound) => return Ok(()),
        Err(refusal) => return Err(told(&refusal, "message_id")),
    };
    let (accepted, rest): (Vec<_>, Vec<_>) = answer.receipts.into_iter().partition(is_accepted);
    for receipt in accepted {
        let batch = alone(receipt);
        desk.trust.verify_brokers(&batch, desk.clock.now())?;
        desk.write(kind::BROKER_ACCEPTED, &BrokerAccepted { receipts: Some(batch) }, Lane::Settling).await?;
    }
    let good = rest.into_iter().filter(|receipt| desk.trust.verify_receipt(receipt).is_ok());
    let received = ReceiptsReceived { receipts: good.collect(), ..ReceiptsReceived::default() };
    if received.receipts.is_empty() {
        return Ok(());
    }
    desk.write(kind::RECEIPTS_RECEIVED, &received, Lane::Settling).await
}

fn is_accepted(receipt: &v1::Receipt) -> bool {
    let statement = v1::ReceiptStatement::decode(receipt.statement.clone());
    statement.is_ok_and(|statement| statement.stage() == v1::Stage::Accepted)
}

/// A receipt under a signature of its own, as a batch of one.
fn alone(receipt: v1::Receipt) -> v1::ReceiptBatch {
    let seal = receipt.seal.unwrap_or_default();
    v1::ReceiptBatch { statements: vec![receipt.statement], key_id: seal.key_id, signature: seal.signature }
}
