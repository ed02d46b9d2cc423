//! The demo's last table: what was sent, what arrived, how long it took.

use std::{collections::BTreeMap, time::Duration};

use proto::v1;
use serde::Serialize;

use super::board::Seen;

/// Figures over the whole demo.
#[derive(Clone, Debug, Serialize)]
pub struct Figures {
    /// Messages that desks sent.
    pub messages: usize,
    /// Of these, those that no broker took charge of, or for nobody.
    pub unaccepted: usize,
    /// Deliveries that the broker took charge of: each message times its recipients.
    pub owed: usize,
    /// Of these, handed over at least once.
    pub delivered: usize,
    /// Of these, never handed over.
    pub lost: usize,
    /// Handed over more than once.
    pub duplicates: usize,
    /// Deliveries whose DELIVERED receipt the sender holds.
    pub receipts: usize,
    /// From the desk's call to the other desk's event, in milliseconds: the middle one.
    pub p50_ms: f64,
    /// The slowest but one in a hundred.
    pub p99_ms: f64,
    /// The longest: it waited for a cut line or a killed broker.
    pub longest_ms: f64,
    /// For each city: messages sent, and handed over there.
    pub cities: BTreeMap<String, City>,
}

/// What one city did.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct City {
    /// Messages sent.
    pub sent: usize,
    /// Messages that came.
    pub received: usize,
}

impl Figures {
    /// Counts.
    pub fn of(seen: &Seen) -> Self {
        let owed: Vec<_> = seen.owed().collect();
        let times: Vec<usize> = owed.iter().map(|(id, _, to)| seen.times(to, id)).collect();
        let delivered = times.iter().filter(|times| **times > 0).count();
        let confirmed = owed.iter().filter(|(id, _, to)| seen.has_receipt(id, to, v1::Stage::Delivered));
        let mut took: Vec<Duration> = owed
            .iter()
            .filter_map(|(id, sent, to)| {
                let mut here = seen.received.iter().filter(|received| received.city == *to);
                let first = here.find(|received| received.header.message_id == id.as_slice())?;
                Some(first.at.saturating_duration_since(sent.at))
            })
            .collect();
        took.sort_unstable();
        Self {
            messages: seen.sent.len(),
            unaccepted: seen.unaccepted(),
            owed: owed.len(),
            delivered,
            lost: owed.len() - delivered,
            duplicates: times.iter().filter(|times| **times > 1).count(),
            receipts: confirmed.count(),
            p50_ms: at(&took, 50),
            p99_ms: at(&took, 99),
            longest_ms: at(&took, 100),
            cities: cities(seen),
        }
    }
}

fn cities(seen: &Seen) -> BTreeMap<String, City> {
    let mut cities: BTreeMap<String, City> = BTreeMap::new();
    for sent in seen.sent.values() {
        cities.entry(sent.city.to_owned()).or_default().sent += 1;
    }
    for received in &seen.received {
        cities.entry(received.city.to_owned()).or_default().received += 1;
    }
    cities
}

/// The value below which so many per cent lie, in milliseconds.
fn at(sorted: &[Duration], percent: usize) -> f64 {
    let index = (sorted.len() * percent).div_ceil(100).saturating_sub(1);
    let micros = sorted.get(index).map_or(0, Duration::as_micros);
    f64::from(u32::try_from(micros).unwrap_or(u32::MAX)) / 1_000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_nearest_ranks() {
        let ms: Vec<Duration> = (1..=200).map(Duration::from_millis).collect();

        let ms_of = |sorted: &[Duration], percent| format!("{:.1}", at(sorted, percent));
        assert_eq!([ms_of(&ms, 50), ms_of(&ms, 99), ms_of(&ms, 100)], ["100.0", "198.0", "200.0"]);
        assert_eq!(ms_of(&ms[..1], 50), "1.0");
        assert_eq!(ms_of(&[], 99), "0.0");
    }
}
