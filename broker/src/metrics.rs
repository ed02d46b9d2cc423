//! Counters for `/metrics`, one registry an instance, so that many brokers may live in one process of tests.

use std::{
    fmt::Write as _,
    sync::{Mutex, PoisonError, atomic::AtomicU64},
    time::Duration,
};

use model::{
    histogram::{DURATIONS_US, Histogram, Snapshot},
    kind::Kind,
    precedence::{PerPrecedence, Precedence},
    reason::Reason,
    stage::Stage,
    status::Status,
};
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
#[derive(Debug)]
pub struct Metrics {
    refused: Family<ReasonLabel, Counter>,
    /// From the judged envelope to its answer, in microseconds.
    accept_us: PerPrecedence<Histogram>,
    text: Mutex<()>,
}

impl Default for Metrics {
    fn default() -> Self {
        let accept_us = PerPrecedence::from_fn(|_| Histogram::new(DURATIONS_US));
        Self { refused: Family::default(), accept_us, text: Mutex::default() }
    }
}

impl Metrics {
    /// A submission was refused.
    pub fn refused(&self, reason: Reason) {
        self.refused.get_or_create(&ReasonLabel { reason: reason.code().to_owned() }).inc();
    }

    /// Envelopes of these precedences were answered together, after so long.
    pub fn answered(&self, precedences: impl Iterator<Item = Precedence>, took: Duration) {
        let took = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        precedences.for_each(|precedence| self.accept_us.get(precedence).add(took));
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
        relay.mending.write(&mut page)?;
        self.write_histograms(&mut page, relay)?;
        page.push_str("# EOF\n");
        Ok(page)
    }
}

impl Metrics {
    fn write_histograms(&self, page: &mut String, relay: &Relay) -> std::fmt::Result {
        let figures = relay.engine.journal().figures();
        histogram_head(page, "journal_sync_duration_seconds", "One fdatasync of a commit")?;
        histogram(page, "journal_sync_duration_seconds", "", &figures.sync_us, MICROS)?;
        histogram_head(page, "journal_batch_records", "Records of one commit")?;
        histogram(page, "journal_batch_records", "", &figures.records, 1.0)?;
        histogram_head(page, "accept_duration_seconds", "From a judged envelope to its durable answer")?;
        for (precedence, values) in self.accept_us.iter() {
            let label = format!("precedence=\"{}\"", precedence.name());
            histogram(page, "accept_duration_seconds", &label, values, MICROS)?;
        }
        Ok(())
    }
}

/// Microseconds in a second: collectors read base units.
const MICROS: f64 = 1_000_000.0;

fn histogram_head(page: &mut String, name: &str, help: &str) -> std::fmt::Result {
    writeln!(page, "# HELP liandong_{name} {help}.\n# TYPE liandong_{name} histogram")
}

/// One histogram of a family, its values divided by `unit`.
fn histogram(page: &mut String, name: &str, label: &str, values: &Histogram, unit: f64) -> std::fmt::Result {
    let Snapshot { upto, total, sum } = values.snapshot();
    let comma = if label.is_empty() { "" } else { "," };
    for (bound, count) in upto {
        writeln!(page, "liandong_{name}_bucket{{{label}{comma}le=\"{:?}\"}} {count}", scaled(bound, unit))?;
    }
    writeln!(page, "liandong_{name}_bucket{{{label}{comma}le=\"+Inf\"}} {total}")?;
    let label = if label.is_empty() { String::new() } else { format!("{{{label}}}") };
    writeln!(page, "liandong_{name}_sum{label} {:?}", scaled(sum, unit))?;
    writeln!(page, "liandong_{name}_count{label} {total}")
}

#[allow(clippy::cast_precision_loss, reason = "figures for people")]
fn scaled(value: u64, unit: f64) -> f64 {
    value as f64 / unit
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
    gauge(
        registry,
        "journal_damage",
        "Ranges of the journal that cannot be read",
        relay.engine.journal().damaged().len() as u64,
    );
    let suspected = relay.engine.journal().report().data_loss_suspected.is_some();
    gauge(registry, "data_loss_suspected", "1 if the last opening suspected that records are lost", suspected.into());
    let build = Family::<BuildLabel, Gauge>::default();
    build.get_or_create(&BuildLabel { version: env!("CARGO_PKG_VERSION").to_owned() }).set(1);
    registry.register("build_info", "The version that runs", build);
}

#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
struct BuildLabel {
    version: String,
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
    let skew = Family::<JurisdictionLabel, Gauge<f64, AtomicU64>>::default();
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
            #[allow(clippy::cast_precision_loss, reason = "figures for people")]
            skew.get_or_create(&label).set(session.skew_ms as f64 / 1_000.0);
        }
    }
    registry.register("mailbox_deliveries", "Deliveries that wait", depth);
    registry.register_with_unit("mailbox_oldest_age", "Age of the oldest delivery that waits", Unit::Seconds, age);
    registry.register("link_up", "1 while a session lives", up);
    registry.register_with_unit("clock_skew", "An agent's clock minus the broker's", Unit::Seconds, skew);
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
