//! Whether the broker can do its work: the journal takes records, and the last record it took was folded.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use journal::{Damage, Lane, OpenReport, Record};
use model::time::Timestamp;
use prost::Message as _;
use proto::record::kind;
use tokio_util::sync::CancellationToken;
use tonic_health::server::HealthReporter;

use crate::relay::{Relay, quota::DiskStage};

/// A probe goes through journal and fold this often when nothing else does.
const PERIOD: Duration = Duration::from_secs(20);
/// Ready means that a record went through this recently.
const FRESH: Duration = Duration::from_mins(1);

/// The last proof that the broker works.
#[derive(Clone, Debug, Default)]
pub struct Health(Arc<Mutex<Option<Timestamp>>>);

impl Health {
    /// Why the broker is not ready, or none.
    pub fn problem(&self, relay: &Relay) -> Option<String> {
        if relay.engine.failed().is_some() {
            return Some("the journal has failed; the program stops".to_owned());
        }
        let proved = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match proved {
            None => Some("starting".to_owned()),
            Some(at) if relay.clock.now().since(at) > FRESH => {
                Some("no record went through journal and fold for a minute".to_owned())
            }
            Some(_) if relay.quotas.disk() == DiskStage::Reserve => {
                Some("the disk is full: FLASH alone is taken".to_owned())
            }
            Some(_) => None,
        }
    }

    /// What opening the journal found, or reading it since, that a person should look at. The broker serves all the
    /// same.
    pub fn notes(&self, relay: &Relay) -> Vec<String> {
        let journal = relay.engine.journal();
        notes(journal.report(), &journal.damaged())
    }

    fn proved(&self, at: Timestamp) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(at);
    }
}

fn notes(report: &OpenReport, damaged: &[Damage]) -> Vec<String> {
    let loss =
        report.data_loss_suspected.map(|loss| format!("DATA LOSS SUSPECTED: {loss}; see the log and quarantine/"));
    let ranges = damaged.iter().map(|Damage { first, last, segment, .. }| {
        let segment = segment.map(|number| format!(" (segment {number:010})")).unwrap_or_default();
        format!(
            "records {first} to {last} of the journal{segment} cannot be read; what waits in them is asked for again"
        )
    });
    let broken = report.evidence_broken.then(|| "the evidence tree is broken over lost records".to_owned());
    let headers = report.headers_repaired.iter();
    let headers = headers.map(|number| format!("the header of segment {number:010} is damaged; its records are good"));
    let marks = (report.marks_damaged > 0).then(|| "a high-water mark could not be read at the start".to_owned());
    loss.into_iter().chain(ranges).chain(broken).chain(headers).chain(marks).collect()
}

/// Probes until told to stop, and keeps the standard health service true.
pub async fn run(health: Health, relay: Arc<Relay>, reporter: HealthReporter, stop: CancellationToken) {
    loop {
        probe(&health, &relay).await;
        let serving = health.problem(&relay).is_none();
        let status =
            if serving { tonic_health::ServingStatus::Serving } else { tonic_health::ServingStatus::NotServing };
        for service in
            ["", "liandong.v1.Exchange", "liandong.v1.Documents", "liandong.v1.Directory", "liandong.v1.Blobs"]
        {
            reporter.set_service_status(service, status).await;
        }
        tokio::select! {
            () = stop.cancelled() => break,
            () = tokio::time::sleep(PERIOD) => {}
        }
    }
    reporter.set_service_status("", tonic_health::ServingStatus::NotServing).await;
}

/// Sends one record of our own through journal and fold.
async fn probe(health: &Health, relay: &Relay) {
    relay.look_at_disk();
    let probe =
        proto::record::AdminAct { operator: "broker".to_owned(), act: "probe".to_owned(), ..Default::default() };
    let record = Record::new(kind::ADMIN_ACT, relay.clock.now(), probe.encode_to_vec());
    match relay.engine.append(vec![record], Lane::Settling).await {
        Ok(_) => health.proved(relay.clock.now()),
        Err(error) => tracing::error!(%error, "the broker's own record did not go through"),
    }
}

#[cfg(test)]
mod tests {
    use journal::{DataLoss, Position};

    use super::*;

    #[test]
    fn a_journal_without_damage_has_nothing_to_say() {
        assert_eq!(notes(&OpenReport::default(), &[]), Vec::<String>::new());
    }

    #[test]
    fn suspected_loss_comes_first_and_every_range_is_named() {
        let loss = DataLoss::EndsEarly { end: Position(7), mark: Position(9) };
        let report = OpenReport { data_loss_suspected: Some(loss), evidence_broken: true, ..OpenReport::default() };
        let damage =
            |first, last, segment| Damage { first: Position(first), last: Position(last), segment, quarantined: None };

        let notes = notes(&report, &[damage(8, 9, Some(2)), damage(3, 3, None)]);

        assert_eq!(
            notes,
            [
                "DATA LOSS SUSPECTED: the journal ends at 7, but was synced up to 9; see the log and quarantine/",
                "records 8 to 9 of the journal (segment 0000000002) cannot be read; what waits in them is asked for again",
                "records 3 to 3 of the journal cannot be read; what waits in them is asked for again",
                "the evidence tree is broken over lost records",
            ]
        );
    }
}
