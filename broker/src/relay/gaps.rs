//! Numbers of an agent's sequence that never came. What is late overtakes within minutes; what is missing for longer
//! was refused, has ended at its agent, or was lost, and somebody should ask.
//!
//! Only the incarnation of which was heard last is looked at: numbers under an older name can come no more.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use model::{
    ids::{Incarnation, JurisdictionId},
    limits,
    time::Timestamp,
};
use proto::record::SequenceRow;
use tokio_util::sync::CancellationToken;

use super::{
    Relay,
    fold::{decode_row, keys, missing},
};

/// How often the sequences are looked at.
const PERIOD: Duration = Duration::from_secs(5);

/// First and last number of a gap.
type Numbers = (u64, u64);

/// Every gap that is open, and since when.
#[derive(Debug, Default)]
pub struct Gaps(Mutex<BTreeMap<JurisdictionId, Vec<Gap>>>);

#[derive(Clone, Debug)]
struct Gap {
    of: Incarnation,
    numbers: Numbers,
    since: Timestamp,
    told: bool,
}

impl Gap {
    /// What is left of a gap, or the gap it is a part of, is no new one.
    fn overlaps(&self, of: Incarnation, (first, last): Numbers) -> bool {
        self.of == of && self.numbers.0 <= last && first <= self.numbers.1
    }

    /// Its numbers, which nobody needs to be told again.
    const fn tell(&mut self) -> Numbers {
        self.told = true;
        self.numbers
    }

    fn is_old(&self, now: Timestamp) -> bool {
        now.since(self.since) > limits::SEQUENCE_GAP
    }
}

impl Gaps {
    /// How many gaps of each agent are older than a message may be late.
    pub fn old(&self, now: Timestamp) -> Vec<(JurisdictionId, usize)> {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.iter().map(|(id, gaps)| (id.clone(), gaps.iter().filter(|gap| gap.is_old(now)).count())).collect()
    }

    /// Takes what is missing now, and gives what has become old since the last time.
    fn look(&self, missing: Sequences, now: Timestamp) -> Vec<(JurisdictionId, Vec<Numbers>)> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut before = std::mem::take(&mut *all);
        let mut told = Vec::new();
        for (id, Sequence { of, gaps, .. }) in missing {
            let known = before.remove(&id).unwrap_or_default();
            let mut open: Vec<Gap> = gaps.into_iter().map(|numbers| again(&known, of, numbers, now)).collect();
            let fresh = open.iter_mut().filter(|gap| gap.is_old(now) && !gap.told);
            let fresh: Vec<Numbers> = fresh.map(Gap::tell).collect();
            if !fresh.is_empty() {
                told.push((id.clone(), fresh));
            }
            all.insert(id, open);
        }
        told
    }
}

/// A gap as it is now: as old as what it is left of.
fn again(known: &[Gap], of: Incarnation, numbers: Numbers, now: Timestamp) -> Gap {
    let same = known.iter().filter(|gap| gap.overlaps(of, numbers)).min_by_key(|gap| gap.since);
    let (since, told) = same.map_or((now, false), |gap| (gap.since, gap.told));
    Gap { of, numbers, since, told }
}

/// The sequence of which was heard last, of each agent.
type Sequences = BTreeMap<JurisdictionId, Sequence>;

struct Sequence {
    of: Incarnation,
    heard: i64,
    gaps: Vec<Numbers>,
}

/// Looks for gaps until told to stop.
pub async fn run(relay: Arc<Relay>, stop: CancellationToken) {
    loop {
        relay.look_for_gaps();
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(PERIOD) => {}
        }
    }
}

impl Relay {
    /// Looks what is missing in the sequences of agents, and says once of each gap that it has become old.
    pub fn look_for_gaps(&self) {
        let sequences = match self.sequences() {
            Ok(sequences) => sequences,
            Err(error) => return tracing::error!(%error, "the sequences of agents cannot be read"),
        };
        for (jurisdiction, gaps) in self.gaps.look(sequences, self.clock.now()) {
            let (first, last) = gaps.first().copied().unwrap_or_default();
            let gaps = gaps.len();
            tracing::warn!(%jurisdiction, gaps, first, last, "messages of an agent did not come: refused, ended or lost");
        }
    }

    fn sequences(&self) -> Result<Sequences, store::FoldError> {
        let mut all = Sequences::new();
        self.engine.read(|_, rows| {
            rows.each(&[keys::table::SEQUENCE], |key, value| {
                let Some((id, of)) = keys::sequence_parts(key) else { return Ok(()) };
                let row = decode_row::<SequenceRow>(value)?;
                if all.get(&id).is_none_or(|known| known.heard <= row.at) {
                    all.insert(id, Sequence { of, heard: row.at, gaps: missing(&row).collect() });
                }
                Ok(())
            })
        })?;
        Ok(all)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOON: Timestamp = Timestamp::from_millis(1_800_000_000_000);
    const NEW: Incarnation = Incarnation([2; 8]);
    const OLD: Incarnation = Incarnation([1; 8]);

    fn ly() -> JurisdictionId {
        "371300".parse().unwrap()
    }

    fn missing(of: Incarnation, gaps: &[Numbers]) -> Sequences {
        [(ly(), Sequence { of, heard: 0, gaps: gaps.to_vec() })].into()
    }

    fn minutes(minutes: u64) -> Timestamp {
        NOON.plus(Duration::from_mins(minutes))
    }

    #[test]
    fn a_gap_is_told_once_when_it_is_old_and_what_is_left_of_it_is_as_old() {
        let gaps = Gaps::default();
        assert_eq!(gaps.look(missing(NEW, &[(3, 9)]), NOON), []);
        assert_eq!(gaps.look(missing(NEW, &[(3, 9)]), minutes(2)), [], "it may be late");
        assert_eq!(gaps.old(minutes(2)), [(ly(), 0)]);

        let told = gaps.look(missing(NEW, &[(3, 4), (6, 9), (20, 20)]), minutes(3));

        assert_eq!(told, [(ly(), vec![(3, 4), (6, 9)])], "5 came, 20 is missing since a moment ago");
        assert_eq!(gaps.old(minutes(3)), [(ly(), 2)]);
        assert_eq!(gaps.look(missing(NEW, &[(3, 4), (20, 20)]), minutes(4)), [], "said already");
        assert_eq!(gaps.look(missing(NEW, &[]), minutes(9)), [], "all came");
        assert_eq!(gaps.old(minutes(9)), [(ly(), 0)]);
    }

    #[test]
    fn the_gaps_of_an_old_name_are_nobodys() {
        let gaps = Gaps::default();
        gaps.look(missing(OLD, &[(3, 9)]), NOON);

        assert_eq!(gaps.look(missing(NEW, &[(3, 9)]), minutes(3)), [], "the same numbers of another name");
        assert_eq!(gaps.old(minutes(3)), [(ly(), 0)]);
    }
}
