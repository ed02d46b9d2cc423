//! Counters for `/metrics`, one registry an instance, so that many brokers may live in one process of tests.

use std::{
    fmt::Write as _,
    sync::{Mutex, PoisonError},
};

use model::{kind::Kind, precedence::Precedence, reason::Reason, stage::Stage, status::Status};
use prometheus_client::{
    encoding::{EncodeLabelSet, text::encode},
    metrics::{counter::Counter, family::Family, gauge::Gauge},
    registry::{Registry, Unit},
};

use crate::relay::{Relay, fold::Tallies};

#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
struct ReasonLabel {
    reason: String,
}

/// What happened at the door; everything else is read from the relay when asked.
#[derive(Debug, Default)]
pub struct Metrics {
    refused: Family<ReasonLabel, Counter>,
    text: Mutex<()>,
}

impl Metrics {
    /// A submission was refused.
    pub fn refused(&self, reason: Reason) {
        self.refused.get_or_create(&ReasonLabel { reason: reason.code().to_owned() }).inc();
    }

    /// The whole page, in OpenMetrics text.
    pub fn page(&self, relay: &Relay) -> Result<String, std::fmt::Error> {
        // one page at a time: scrapes are rare, and each reads counters of the fold
        let _one = self.text.lock().unwrap_or_else(PoisonError::into_inner);
        let mut registry = Registry::with_prefix("liandong");
        registry.register("messages_refused", "Submissions that were refused", self.refused.clone());
        register_places(&mut registry, relay);
        register_links(&mut registry, relay);
        let mut page = String::new();
        encode(&mut page, &registry)?;
        let tallies = relay.engine.read(|fold, _| fold.state().tallies.clone());
        // before the end mark
        page.truncate(page.len().saturating_sub("# EOF\n".len()));
        write_tallies(&mut page, &tallies)?;
        page.push_str("# EOF\n");
        Ok(page)
    }
}

fn gauge(registry: &mut Registry, name: &str, help: &str, value: u64) {
    let gauge = Gauge::<i64>::default();
    gauge.set(i64::try_from(value).unwrap_or(i64::MAX));
    registry.register(name, help, gauge);
}

fn register_places(registry: &mut Registry, relay: &Relay) {
    gauge(registry, "journal_position", "Last committed position", relay.engine.journal_end().0);
    gauge(registry, "store_applied_position", "Last folded position", relay.engine.folded().borrow().0);
    gauge(registry, "disk_free_bytes", "Free bytes on the disk of the state directory", relay.disk_free());
}

#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
struct MailboxLabel {
    jurisdiction: String,
    precedence: String,
}

#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
struct JurisdictionLabel {
    jurisdiction: String,
}

fn register_links(registry: &mut Registry, relay: &Relay) {
    let (depth, age) = (Family::<MailboxLabel, Gauge>::default(), Family::<MailboxLabel, Gauge>::default());
    let (up, heard) = (Family::<JurisdictionLabel, Gauge>::default(), Family::<JurisdictionLabel, Gauge>::default());
    for mailbox in relay.mailboxes().unwrap_or_default() {
        for line in &mailbox.depths {
            let precedence = Precedence::from_number(line.precedence).map_or("", Precedence::name).to_owned();
            let label = MailboxLabel { jurisdiction: mailbox.jurisdiction.clone(), precedence };
            depth.get_or_create(&label).set(i64::try_from(line.deliveries).unwrap_or(i64::MAX));
            age.get_or_create(&label).set(line.oldest.as_ref().map_or(0, |oldest| oldest.seconds));
        }
        let label = JurisdictionLabel { jurisdiction: mailbox.jurisdiction.clone() };
        up.get_or_create(&label).set(i64::from(mailbox.linked));
        let session = mailbox.jurisdiction.parse().ok().and_then(|id| relay.sessions.of(&id));
        if let Some(session) = session {
            heard.get_or_create(&label).set(session.last_heard().millis() / 1_000);
        }
    }
    registry.register("mailbox_deliveries", "Deliveries that wait", depth);
    registry.register_with_unit("mailbox_oldest_age", "Age of the oldest delivery that waits", Unit::Seconds, age);
    registry.register("link_up", "1 while a session lives", up);
    registry.register_with_unit("link_last_heard_timestamp", "When the last byte was heard", Unit::Seconds, heard);
}

/// Totals that the fold keeps, written by hand: they are counters already.
fn write_tallies(page: &mut String, tallies: &Tallies) -> std::fmt::Result {
    let number = |value: u32| i32::try_from(value).unwrap_or(0);
    page.push_str("# HELP liandong_messages_accepted Envelopes accepted since the start.\n# TYPE liandong_messages_accepted counter\n");
    for ((kind, precedence, status), count) in &tallies.accepted {
        let kind = Kind::from_number(number(*kind)).map_or("", Kind::name);
        let precedence = Precedence::from_number(number(*precedence)).map_or("", Precedence::name);
        let status = Status::from_number(number(*status)).map_or("", Status::name);
        writeln!(
            page,
            "liandong_messages_accepted_total{{kind=\"{kind}\",precedence=\"{precedence}\",status=\"{status}\"}} {count}"
        )?;
    }
    page.push_str("# HELP liandong_receipts Receipts for senders since the start.\n# TYPE liandong_receipts counter\n");
    for stage in Stage::ALL {
        let count = u32::try_from(stage.number()).ok().and_then(|number| tallies.receipts.get(&number)).unwrap_or(&0);
        writeln!(page, "liandong_receipts_total{{stage=\"{}\"}} {count}", stage.name())?;
    }
    page.push_str("# HELP liandong_duplicates Duplicates of accepted envelopes.\n# TYPE liandong_duplicates counter\n");
    writeln!(page, "liandong_duplicates_total{{side=\"broker\"}} {}", tallies.duplicates)
}
