//! Calls at the doors: how many of which method were answered how, and after how long.

use std::time::Duration;

use model::histogram::{DURATIONS_US, Histogram};
use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family},
    registry::Registry,
};

#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
struct CallLabel {
    method: String,
    code: String,
}

/// Every call since the start.
#[derive(Debug)]
pub(super) struct Calls {
    count: Family<CallLabel, Counter>,
    /// To the answer, or to its beginning where it is a stream; in microseconds.
    pub took_us: Histogram,
}

impl Default for Calls {
    fn default() -> Self {
        Self { count: Family::default(), took_us: Histogram::new(DURATIONS_US) }
    }
}

impl Calls {
    /// One more was answered.
    pub fn add(&self, method: &str, code: &str, took: Duration) {
        self.count.get_or_create(&CallLabel { method: method.to_owned(), code: code.to_owned() }).inc();
        self.took_us.add(u64::try_from(took.as_micros()).unwrap_or(u64::MAX));
    }

    pub fn register(&self, registry: &mut Registry) {
        let help = "Calls that were answered; of streams, how they began";
        registry.register("grpc_requests", help, self.count.clone());
    }
}
