//! Counters for `/metrics`, one registry an instance, so that many brokers may live in one process of tests.

mod audit;
mod calls;
mod trust;

use std::{
    fmt::Write as _,
    path::Path,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
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

use self::calls::Calls;
use crate::relay::{Relay, fold::Tallies};

/// The commit that was built, where the builder said so.
const COMMIT: &str = match option_env!("LIANDONG_COMMIT") {
    Some(commit) => commit,
    None => "unknown",
};

#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
struct ReasonLabel {
    reason: String,
}

#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
struct LimitLabel {
    limit: &'static str,
}

/// What happened at the door; everything else is read from the relay when asked.
#[derive(Debug)]
pub struct Metrics {
    refused: Family<ReasonLabel, Counter>,
    limits: Family<LimitLabel, Counter>,
    /// From the judged envelope to its answer, in microseconds.
    accept_us: PerPrecedence<Histogram>,
    calls: Calls,
    rebuilds: Counter,
    text: Mutex<()>,
}

impl Default for Metrics {
    fn default() -> Self {
        let accept_us = PerPrecedence::from_fn(|_| Histogram::new(DURATIONS_US));
        let (calls, rebuilds) = (Calls::default(), Counter::default());
        let (refused, limits) = (Family::default(), Family::default());
        Self { refused, limits, accept_us, calls, rebuilds, text: Mutex::default() }
    }
}

impl Metrics {
    /// A submission was refused.
    pub fn refused(&self, reason: Reason) {
        self.refused.get_or_create(&ReasonLabel { reason: reason.code().to_owned() }).inc();
    }

    /// A connection or a call passed the limit of this name.
    pub fn limited(&self, limit: &'static str) {
        self.limits.get_or_create(&LimitLabel { limit }).inc();
    }

    /// Envelopes of these precedences were answered together, after so long.
    pub fn answered(&self, precedences: impl Iterator<Item = Precedence>, took: Duration) {
        let took = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        precedences.for_each(|precedence| self.accept_us.get(precedence).add(took));
    }

    /// A call of `method` was answered with `code`, after so long.
    pub fn called(&self, method: &str, code: &str, took: Duration) {
        self.calls.add(method, code, took);
    }

    /// The store was given up and made anew from the journal.
    pub fn rebuilt(&self) {
        self.rebuilds.inc();
    }

    /// The whole page, in OpenMetrics text.
    pub fn page(&self, relay: &Relay) -> Result<String, std::fmt::Error> {
        // one page at a time: scrapes are rare, and each reads counters of the fold
        let _one = self.text.lock().unwrap_or_else(PoisonError::into_inner);
        let mut registry = Registry::with_prefix("liandong");
        registry.register("messages_refused", "Submissions that were refused", self.refused.clone());
        let limits = self.limits.clone();
        registry.register("limits_reached", "Connections and calls that were refused or ended by a limit", limits);
        registry.register("store_rebuilds", "Stores given up and made anew from the journal", self.rebuilds.clone());
        self.calls.register(&mut registry);
        trust::register(&mut registry, relay);
        audit::register(&mut registry, relay);
        register_places(&mut registry, relay);
        register_links(&mut registry, relay);
        register_gaps(&mut registry, relay);
        let mut page = String::new();
        encode(&mut page, &registry)?;
        let tallies = relay.engine.read(|fold, _| fold.state().tallies.clone());
        // before the end mark
        page.truncate(page.len().saturating_sub("# EOF\n".len()));
        write_tallies(&mut page, &tallies)?;
        write_damage(&mut page, relay.engine.journal().damaged().len())?;
        for_each_precedence(&mut page, "delivery_duration_seconds", DELIVERY, &tallies.delivered_ms, MILLIS)?;
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
        histogram_head(page, "grpc_request_duration_seconds", "From a call to its answer, or to the beginning of it")?;
        histogram(page, "grpc_request_duration_seconds", "", &self.calls.took_us, MICROS)?;
        let help = "From a judged envelope to its durable answer";
        for_each_precedence(page, "accept_duration_seconds", help, &self.accept_us, MICROS)
    }
}

/// Microseconds in a second: collectors read base units.
const MICROS: f64 = 1_000_000.0;
/// Milliseconds in a second.
const MILLIS: f64 = 1_000.0;

const DELIVERY: &str = "From ACCEPTED to DELIVERED, by the precedence it was carried with";

/// One histogram for each precedence.
fn for_each_precedence(
    page: &mut String,
    name: &str,
    help: &str,
    all: &PerPrecedence<Histogram>,
    unit: f64,
) -> std::fmt::Result {
    histogram_head(page, name, help)?;
    all.iter().try_for_each(|(precedence, values)| {
        histogram(page, name, &format!("precedence=\"{}\"", precedence.name()), values, unit)
    })
}

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
    for (name, folder, help) in [
        ("journal_size", "journal", "Bytes of the journal's files"),
        ("store_size", "store", "Bytes of the store's files"),
    ] {
        let bytes = Gauge::<i64>::default();
        bytes.set(i64::try_from(folder_bytes(&relay.state.join(folder))).unwrap_or(i64::MAX));
        registry.register_with_unit(name, help, Unit::Bytes, bytes);
    }
    let suspected = relay.engine.journal().report().data_loss_suspected.is_some();
    gauge(registry, "data_loss_suspected", "1 if the last opening suspected that records are lost", suspected.into());
    let build = Family::<BuildLabel, Gauge>::default();
    build
        .get_or_create(&BuildLabel { version: env!("CARGO_PKG_VERSION").to_owned(), commit: COMMIT.to_owned() })
        .set(1);
    registry.register("build_info", "The version that runs", build);
}

#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
struct BuildLabel {
    version: String,
    commit: String,
}

/// Bytes of all files below; what vanishes meanwhile counts for nothing.
fn folder_bytes(folder: &Path) -> u64 {
    let entries = std::fs::read_dir(folder).into_iter().flatten().filter_map(Result::ok);
    let bytes = entries.map(|entry| match entry.metadata() {
        Ok(meta) if meta.is_dir() => folder_bytes(&entry.path()),
        Ok(meta) => meta.len(),
        Err(_) => 0,
    });
    bytes.sum()
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
    let credit = Family::<MailboxLabel, Gauge>::default();
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
            for (precedence, bytes) in session.credit.iter() {
                let (jurisdiction, precedence) = (mailbox.jurisdiction.clone(), precedence.name().to_owned());
                let left = i64::try_from(bytes.load(Ordering::Relaxed)).unwrap_or(i64::MAX);
                credit.get_or_create(&MailboxLabel { jurisdiction, precedence }).set(left);
            }
        }
    }
    registry.register("mailbox_deliveries", "Deliveries that wait", depth);
    registry.register_with_unit("mailbox_oldest_age", "Age of the oldest delivery that waits", Unit::Seconds, age);
    registry.register_with_unit("link_credit", "What an agent will still take", Unit::Bytes, credit);
    registry.register("link_up", "1 while a session lives", up);
    registry.register_with_unit("clock_skew", "An agent's clock minus the broker's", Unit::Seconds, skew);
    registry.register_with_unit("link_last_heard_timestamp", "When the last byte was heard", Unit::Seconds, heard);
}

fn register_gaps(registry: &mut Registry, relay: &Relay) {
    let gaps = Family::<JurisdictionLabel, Gauge>::default();
    for (jurisdiction, count) in relay.gaps.old(relay.clock.now()) {
        let label = JurisdictionLabel { jurisdiction: jurisdiction.to_string() };
        gaps.get_or_create(&label).set(i64::try_from(count).unwrap_or(i64::MAX));
    }
    registry.register("sequence_gaps", "Runs of an agent's numbers that are missing for over two minutes", gaps);
}

fn write_damage(page: &mut String, ranges: usize) -> std::fmt::Result {
    page.push_str("# HELP liandong_journal_damage Ranges of the journal that cannot be read.\n");
    writeln!(page, "# TYPE liandong_journal_damage counter\nliandong_journal_damage_total {ranges}")
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
