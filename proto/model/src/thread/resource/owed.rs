//! D10 to D14, D19 and D20: what requester and suppliers owe each other.

use std::time::Duration;

use super::{Mission, book::Offer, mission::Ask};
use crate::{
    deadline::{DeadlineName, Whereabouts, report_every},
    ids::JurisdictionId,
    thread::{
        Ledger, Step,
        ledger::Key,
        owe::{self, key, level},
    },
};

/// A cost statement and its answer. Source: O.
const SETTLE_WITHIN: Duration = Duration::from_hours(24 * 30);

pub(super) fn first_answer(who: &JurisdictionId) -> Key {
    key(DeadlineName::D10, who, "")
}

/// The answer of one supplier: an interim one meets the first deadline and begins the second.
pub(super) fn answered(step: &Step<'_>, interim: bool, ledger: &mut Ledger) {
    let who = step.by();
    ledger.meet(&first_answer(who), step.at, Some(step.id()));
    let definite = key(DeadlineName::D11, who, "");
    if interim {
        owe::owe_reply(step, ledger, definite);
    } else {
        ledger.meet(&definite, step.at, Some(step.id()));
    }
}

pub(super) fn decision(requester: &JurisdictionId, offer: &Offer) -> Key {
    key(DeadlineName::D12, requester, offer.id.to_string())
}

pub(super) fn commitment(supplier: &JurisdictionId, order_id: &str) -> Key {
    key(DeadlineName::D13, supplier, order_id)
}

/// The next report on a mission: this one meets the one that was owed.
pub(super) fn next_report(step: &Step<'_>, id: &str, mission: &mut Mission, ledger: &mut Ledger) {
    let supplier = mission.supplier.clone();
    let owed = |mission: &Mission| key(DeadlineName::D14, &supplier, format!("{id} {}", mission.reports));
    ledger.meet(&owed(mission), step.at, Some(step.id()));
    mission.reports += 1;
    if mission.is_live() {
        let at = if mission.is_on_site() { Whereabouts::OnSite } else { Whereabouts::EnRoute };
        owe::owe(step, ledger, owed(mission), report_every(level(step), at));
    }
}

/// One side asked about a mission, the other owes its word.
pub(super) fn word(mission: &Mission, ask: &Ask) -> Key {
    key(DeadlineName::D19, &mission.other(&ask.chain.author), ask.id.to_string())
}

/// A mission that is over is asked nothing more.
pub(super) fn nothing_asked(mission: &mut Mission, ledger: &mut Ledger) {
    for ask in std::mem::take(&mut mission.asks) {
        ledger.void(&word(mission, &ask));
    }
}

/// The supplier owes its claim once the mission is over, the payer its word on each claim.
pub(super) fn claim(supplier: &JurisdictionId, mission: &str) -> Key {
    key(DeadlineName::D20, supplier, mission)
}

pub(super) fn settlement(payer: &JurisdictionId, mission: &str, claims: u32) -> Key {
    key(DeadlineName::D20, payer, format!("{mission} claim {claims}"))
}

pub(super) fn settle(step: &Step<'_>, key: Key, ledger: &mut Ledger) {
    owe::owe(step, ledger, key, SETTLE_WITHIN);
}
