//! Whether the broker can do its work: the journal takes records, and the last record it took was folded.

use std::{pin::pin, sync::Arc, time::Duration};

use journal::{Damage, Lane, OpenReport, Record};
use model::ids::JurisdictionId;
use prost::Message as _;
use proto::{
    record::{WitnessRow, kind},
    v1,
};
use store::AppendError;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tonic_health::{ServingStatus, server::HealthReporter};

use crate::relay::{Relay, quota::DiskStage};

/// A probe goes through journal and fold this often.
const PERIOD: Duration = Duration::from_secs(20);
/// A probe that is not through by then says that the broker does not serve: a sync that hangs is no slow disk.
const PROBE_TIME_MAX: Duration = Duration::from_secs(3);
/// A journal that is full for the moment, or has just failed, is asked again after this.
const AGAIN: Duration = Duration::from_millis(500);
/// Draining and the disk are looked at this often.
const GLANCE: Duration = Duration::from_secs(1);

/// What the standard health protocol calls us; the empty name is the whole program.
const SERVICES: [&str; 6] = [
    "",
    "liandong.v1.Exchange",
    "liandong.v1.Documents",
    "liandong.v1.Directory",
    "liandong.v1.Blobs",
    "liandong.v1.Audit",
];

/// Where the probe stands.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Probe {
    /// The first is not through yet.
    Starting,
    /// The last went through.
    Through,
    /// One does not come back.
    Late,
}

/// Whether the broker works, for everybody who asks.
#[derive(Clone, Debug)]
pub struct Health(Arc<watch::Sender<Probe>>);

impl Default for Health {
    fn default() -> Self {
        Self(Arc::new(watch::Sender::new(Probe::Starting)))
    }
}

impl Health {
    /// Why the broker is not ready, or none.
    pub fn problem(&self, relay: &Relay) -> Option<&'static str> {
        if relay.engine.failed().is_some() {
            return Some("the journal has failed; the program stops");
        }
        match *self.0.borrow() {
            Probe::Starting => Some("starting"),
            Probe::Late => Some("a record does not come through journal and fold: the disk may hang"),
            Probe::Through if relay.sessions.are_draining() => Some("draining"),
            Probe::Through if relay.quotas.disk() == DiskStage::Reserve => {
                Some("the disk is full: FLASH alone is taken")
            }
            Probe::Through => None,
        }
    }

    /// What opening the journal found, or reading it since, that a person should look at. The broker serves all the
    /// same.
    pub fn notes(&self, relay: &Relay) -> Vec<String> {
        let journal = relay.engine.journal();
        let mut notes = notes(journal.report(), &journal.damaged());
        let now = relay.clock.now();
        notes.extend(relay.endings(now).iter().map(|ending| ending.texts(now).1));
        let trees = relay.all_witnessed().unwrap_or_default();
        notes.extend(trees.iter().filter(|(_, row)| row.divergences > 0).map(|(owner, row)| diverged(owner, row)));
        notes
    }
}

fn diverged(owner: &JurisdictionId, row: &WitnessRow) -> String {
    let size = |head: &Option<v1::TreeHead>| head.as_ref().map_or(0, |head| head.size);
    let (known, other) = (size(&row.known), size(&row.other));
    format!(
        "AUDIT_DIVERGENCE: the evidence tree of {owner} with {other} records does not continue the one with {known}"
    )
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
    tokio::select! {
        () = stop.cancelled() => {}
        () = keep_probing(&health.0, PROBE_TIME_MAX, || probe(&relay)) => {}
        () = keep_telling(&health, &relay, &reporter) => {}
    }
    tell(&reporter, ServingStatus::NotServing).await;
}

/// Probes again and again. Whoever asks learns of a probe that does not come back while it is still awaited.
async fn keep_probing<P>(state: &watch::Sender<Probe>, late: Duration, mut probe: impl FnMut() -> P)
where
    P: Future<Output = ()>,
{
    loop {
        let mut through = pin!(probe());
        if tokio::time::timeout(late, &mut through).await.is_err() {
            state.send_replace(Probe::Late);
            through.await;
        }
        state.send_replace(Probe::Through);
        tokio::time::sleep(PERIOD).await;
    }
}

/// Tells the health service of every change, and the log.
async fn keep_telling(health: &Health, relay: &Relay, reporter: &HealthReporter) {
    let mut probes = health.0.subscribe();
    let mut told = Some("starting");
    tell(reporter, ServingStatus::NotServing).await;
    loop {
        relay.look_at_disk();
        let problem = health.problem(relay);
        if problem != told {
            match problem {
                None => tracing::info!("serving"),
                Some("draining") => tracing::info!("not serving: draining"),
                Some(problem) => tracing::error!(problem, "not serving"),
            }
            let serves = if problem.is_none() { ServingStatus::Serving } else { ServingStatus::NotServing };
            tell(reporter, serves).await;
            told = problem;
        }
        let _ = tokio::time::timeout(GLANCE, probes.changed()).await; // whichever is first: we look again
    }
}

async fn tell(reporter: &HealthReporter, status: ServingStatus) {
    for service in SERVICES {
        reporter.set_service_status(service, status).await;
    }
}

/// Sends one record of our own through journal and fold; ends when it is through.
async fn probe(relay: &Relay) {
    let probe =
        proto::record::AdminAct { operator: "broker".to_owned(), act: "probe".to_owned(), ..Default::default() };
    let bytes = probe.encode_to_vec();
    loop {
        let record = Record::new(kind::ADMIN_ACT, relay.clock.now(), bytes.clone());
        match relay.engine.append(vec![record], Lane::Settling).await {
            Ok(_) => return,
            Err(AppendError::Busy) => {}
            Err(error) => tracing::error!(%error, "the broker's own record did not go through"),
        }
        tokio::time::sleep(AGAIN).await;
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use journal::{DataLoss, Position};
    use tokio::sync::oneshot;

    use super::*;

    #[tokio::test]
    async fn a_probe_that_hangs_is_told_while_it_hangs_and_over_when_it_comes_back() {
        let health = Health::default();
        let mut seen = health.0.subscribe();
        let (sync, hangs) = oneshot::channel::<()>();
        let hangs = RefCell::new(Some(hangs));
        let probing = keep_probing(&health.0, Duration::ZERO, || {
            let hangs = hangs.borrow_mut().take();
            async move { hangs.expect("one probe").await.expect("it comes back") }
        });

        let watching = async {
            assert_eq!(*seen.wait_for(|probe| *probe != Probe::Starting).await.unwrap(), Probe::Late);
            sync.send(()).unwrap();
            assert_eq!(*seen.wait_for(|probe| *probe != Probe::Late).await.unwrap(), Probe::Through);
        };

        tokio::select! {
            () = probing => unreachable!("it probes for ever"),
            () = watching => {}
        }
    }

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
