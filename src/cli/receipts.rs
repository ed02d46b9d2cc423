//! Receipts as they come in: for `send --watch`.

use std::collections::BTreeMap;

use model::{
    invalid::Invalid,
    reason::Reason,
    stage::{As, Stage},
};
use prost::Message as _;
use proto::v1::{self, subscribe_response::Event};
use serde::Serialize;
use tonic::Streaming;

use super::{
    desk::{Client, ask},
    exit::{self, Said},
    out::{self, Context},
    words,
};

/// What happens at the agent from now on.
pub async fn listen(desk: &mut Client) -> anyhow::Result<Streaming<v1::SubscribeResponse>> {
    Ok(desk.subscribe(v1::SubscribeRequest::default()).await?.into_inner())
}

/// What is still to come.
struct Waiting {
    needed: Stage,
    /// Last stage of each recipient; filled by the ACCEPTED receipt.
    recipients: BTreeMap<String, (As, Option<Stage>)>,
    accepted: bool,
    failed: bool,
}

impl Waiting {
    fn note(&mut self, statement: &v1::ReceiptStatement) {
        let Some(stage) = Stage::from_number(statement.stage) else { return };
        if stage == Stage::Accepted {
            self.accepted = true;
            for delivery in statement.stamp.iter().flat_map(|stamp| &stamp.deliveries) {
                let r#as = As::from_number(delivery.r#as).unwrap_or(As::To);
                self.recipients.entry(delivery.jurisdiction.clone()).or_insert((r#as, None));
            }
        } else if let Some((_, last)) = self.recipients.get_mut(&statement.recipient) {
            *last = Some(stage);
            self.failed |= stage.is_negative();
        }
    }

    fn is_over(&self) -> bool {
        let done = |(r#as, stage): &(As, Option<Stage>)| {
            let needed = if *r#as == As::CcSuperior { Stage::Delivered } else { self.needed };
            stage.is_some_and(|stage| stage.is_negative() || stage >= needed)
        };
        self.accepted && self.recipients.values().all(done)
    }
}

/// Shows receipts about a message until every recipient has done what it asks for.
pub async fn follow(
    desk: &mut Client,
    mut events: Streaming<v1::SubscribeResponse>,
    id: &[u8],
    context: Context,
) -> anyhow::Result<()> {
    let shown =
        desk.show(ask(v1::ShowRequest { message_id: id.to_vec().into(), ..Default::default() })).await?.into_inner();
    let header = shown.summary.and_then(|summary| summary.header).unwrap_or_default();
    let needed = Stage::from_number(header.receipt_required).unwrap_or(Stage::Delivered);
    let mut waiting = Waiting { needed, recipients: BTreeMap::new(), accepted: false, failed: false };
    let until = words::stage(needed.number(), context.lang);
    context.tell(
        &format!("等待回执，直到每个接收方{until}；Ctrl-C 不再等待，消息照常送达。"),
        &format!("Waiting for receipts until every recipient is {until}; Ctrl-C stops waiting, the message goes on."),
    );
    while let Some(event) = events.message().await? {
        match event.event {
            Some(Event::Receipt(receipt)) => {
                let statement = v1::ReceiptStatement::decode(receipt.statement)?;
                if statement.message_id == id {
                    print(&statement, &header, context)?;
                    waiting.note(&statement);
                }
            }
            Some(Event::Refused(refusal)) if refusal.message_id == id => return Err(refused(&refusal).into()),
            Some(Event::Refused(_) | Event::Received(_) | Event::LinkUp(_)) | None => {}
        }
        if waiting.is_over() {
            return if waiting.failed { Err(Said(exit::DATA).into()) } else { Ok(()) };
        }
    }
    Err(tonic::Status::unavailable(context.say("代理已停止", "the agent has stopped")).into())
}

fn refused(refusal: &v1::Refusal) -> Invalid {
    let reason = refusal.reason.parse().unwrap_or(Reason::Internal);
    Invalid::new(reason, refusal.field.clone(), refusal.rule.clone())
}

/// A receipt as programs read it.
#[derive(Serialize)]
pub struct Row {
    at: Option<String>,
    after_ms: Option<i64>,
    stage: String,
    recipient: String,
    by: String,
    officer: Option<String>,
    role: Option<String>,
    reason: Option<String>,
    note: Option<String>,
}

/// What a receipt says.
pub fn row(statement: &v1::ReceiptStatement, sent_at: Option<prost_types::Timestamp>) -> Row {
    let given = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    let officer = statement.officer.clone().unwrap_or_default();
    Row {
        at: out::rfc3339(statement.at),
        after_ms: out::at(statement.at).zip(out::at(sent_at)).map(|(at, sent)| at.millis() - sent.millis()),
        stage: Stage::from_number(statement.stage).map(|stage| stage.name().to_owned()).unwrap_or_default(),
        recipient: statement.recipient.clone(),
        by: statement.by.clone(),
        officer: given(&officer.name),
        role: model::role::Role::from_number(officer.role).map(|role| role.name().to_owned()),
        reason: given(&statement.reason),
        note: given(&statement.note),
    }
}

fn print(statement: &v1::ReceiptStatement, header: &v1::Header, context: Context) -> anyhow::Result<()> {
    if !context.is_table() {
        return out::line(&serde_json::to_string(&row(statement, header.sent_at))?);
    }
    let officer = statement.officer.clone().unwrap_or_default();
    let whose = whose(statement, context);
    let parts = [
        out::time(statement.at),
        since(statement.at, header.sent_at, context),
        whose,
        words::stage(statement.stage, context.lang),
        words::person(&officer.name, officer.role, context.lang),
        statement.reason.clone(),
        words::note(&statement.note, context.lang),
    ];
    out::line(&parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("  "))
}

/// Whom a receipt is about: a recipient, or the broker itself.
pub fn whose(statement: &v1::ReceiptStatement, context: Context) -> String {
    match (statement.recipient.as_str(), statement.by.as_str()) {
        ("", "broker") => context.say("中心", "broker").to_owned(),
        ("", by) => by.to_owned(),
        (recipient, _) => recipient.to_owned(),
    }
}

/// `+0.3 s` after another time; empty where one is unknown.
pub fn since(at: Option<prost_types::Timestamp>, from: Option<prost_types::Timestamp>, context: Context) -> String {
    let both = out::at(at).zip(out::at(from));
    both.map(|(at, from)| format!("+{}", out::length(at.since(from), context.lang))).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn statement(stage: v1::Stage, recipient: &str) -> v1::ReceiptStatement {
        v1::ReceiptStatement { stage: stage.into(), recipient: recipient.into(), ..Default::default() }
    }

    fn accepted(to: &[(&str, v1::DeliveryAs)]) -> v1::ReceiptStatement {
        let delivery = |(id, r#as): &(&str, v1::DeliveryAs)| v1::StampedDelivery {
            jurisdiction: (*id).into(),
            r#as: (*r#as).into(),
        };
        let stamp = v1::Stamp { deliveries: to.iter().map(delivery).collect(), ..Default::default() };
        v1::ReceiptStatement { stamp: Some(stamp), ..statement(v1::Stage::Accepted, "") }
    }

    fn waiting() -> Waiting {
        Waiting { needed: Stage::Acknowledged, recipients: BTreeMap::new(), accepted: false, failed: false }
    }

    #[test]
    fn waiting_ends_when_all_acknowledged_and_the_superior_has_it() {
        let mut waiting = waiting();
        waiting.note(&accepted(&[("320700", v1::DeliveryAs::To), ("370000", v1::DeliveryAs::CcSuperior)]));
        waiting.note(&statement(v1::Stage::Acknowledged, "320700"));
        assert!(!waiting.is_over());

        waiting.note(&statement(v1::Stage::Delivered, "370000"));
        assert!(waiting.is_over() && !waiting.failed);
    }

    #[test]
    fn an_end_that_is_no_success_ends_waiting_too_and_is_told() {
        let mut waiting = waiting();
        assert!(!waiting.is_over());
        waiting.note(&accepted(&[("320700", v1::DeliveryAs::To)]));
        waiting.note(&statement(v1::Stage::Expired, "320700"));

        assert!(waiting.is_over() && waiting.failed);
    }

    #[test]
    fn a_document_change_has_no_recipients_and_ends_when_it_is_accepted() {
        let mut waiting = waiting();
        waiting.note(&accepted(&[]));
        assert!(waiting.is_over());
    }
}
