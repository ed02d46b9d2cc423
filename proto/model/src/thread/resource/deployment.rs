//! What each message of K14 to K18 does to the request: missions are promised, reported on, ended and paid.

use std::collections::BTreeMap;

use super::{
    Agreed, Asked, Claim, Committed, Milestone, Mission, MissionState, Reported, Request, Settled, mismatch,
    mission::Ask, owed,
};
use crate::{
    header::Action,
    ids::MessageId,
    invalid::Invalid,
    thread::{Ledger, Mark, Marked, Marks, Step, chain::Chain, no_part, not_author, owe, wrong_sequence},
};

impl Request {
    /// K14: the supplier promises what was ordered, or less.
    pub(super) fn committed(
        &mut self,
        step: &Step<'_>,
        committed: &Committed,
        ledger: &mut Ledger,
    ) -> Result<Marks, Invalid> {
        let Some(order) = self.orders.get(&committed.order_id) else {
            return Err(wrong_sequence("body.order_id", "K14.order_id", committed.order_id.clone()));
        };
        let supplier = order.supplier.clone();
        if supplier != *step.by() {
            return Err(not_author("K14.supplier", supplier.as_str()));
        }
        let before = self.missions.get(&committed.mission_id);
        if let Some(other) = before.filter(|mission| !mission.chain.is_by(step)) {
            return Err(not_author("K14.supplier", other.supplier.as_str()));
        }
        let amends = step.header.action == Action::Update;
        if let Some(overtaken) = before.filter(|_| amends).and_then(|mission| mission.chain.overtaken(step)) {
            return Ok(overtaken);
        }
        let other_order = before.is_some_and(|mission| mission.order_id != committed.order_id);
        if before.is_some() != amends || other_order || before.is_some_and(|mission| !mission.is_live()) {
            return Err(wrong_sequence("body.mission_id", "K14.mission_id", committed.mission_id.clone()));
        }
        let mut lines = BTreeMap::new();
        for (line, count) in &committed.lines {
            *lines.entry(*line).or_insert(0_u32) = lines.get(line).copied().unwrap_or(0).saturating_add(*count);
        }
        let mut less = false;
        for (line, ordered) in &order.lines {
            let others = self.promised(&committed.order_id, *line, Some(&committed.mission_id));
            let broken = self.broken_off(&committed.order_id, *line);
            let promised = others + broken + u64::from(lines.get(line).copied().unwrap_or(0));
            if promised > u64::from(*ordered) {
                return Err(mismatch("body.resources.quantity", "K14.quantity", format!("{promised} of {ordered}")));
            }
            less |= promised < u64::from(*ordered);
        }
        if let Some(line) = lines.keys().find(|line| !order.lines.contains_key(line)) {
            return Err(mismatch("body.resources.line_no", "K14.line_no", line.to_string()));
        }
        ledger.meet(&owed::commitment(&supplier, &committed.order_id), step.at, Some(step.id()));
        let mut mission = match before.cloned() {
            Some(mut mission) => {
                mission.lines = lines;
                mission.chain.moves_to(step);
                mission
            }
            None => Mission::new(Chain::of(step), (committed.order_id.clone(), order), lines),
        };
        mission.resources.clone_from(&committed.resources);
        if !amends {
            owed::next_report(step, &committed.mission_id, &mut mission, ledger);
        }
        self.missions.insert(committed.mission_id.clone(), mission);
        Ok(if less { vec![Marked::new(Mark::LessThanOrdered, committed.order_id.clone())] } else { Marks::new() })
    }

    fn mission(&mut self, id: &str) -> Result<&mut Mission, Invalid> {
        let known = self.missions.get_mut(id);
        known.ok_or_else(|| wrong_sequence("body.mission_id", "mission.known", id))
    }

    /// K15: the requester asks.
    pub(super) fn queried(&mut self, step: &Step<'_>, mission: &str) -> Result<Marks, Invalid> {
        let requester = self.mission(mission)?.requester == *step.by();
        if requester { Ok(Marks::new()) } else { Err(no_part("K15.query", step.by().as_str())) }
    }

    /// K15: the supplier reports; that it is there the requester may say too.
    pub(super) fn reported(
        &mut self,
        step: &Step<'_>,
        reported: &Reported,
        ledger: &mut Ledger,
    ) -> Result<Marks, Invalid> {
        let mission = self.mission(&reported.mission_id)?;
        let requester = mission.requester == *step.by();
        let by_supplier = mission.supplier == *step.by();
        let arrival_alone = reported.milestones.iter().all(|(milestone, _)| *milestone == Milestone::Arrival)
            && reported.state.is_none_or(|state| state == MissionState::Arrived);
        if !(by_supplier || requester && arrival_alone) {
            return Err(no_part("K15.supplier", mission.supplier.as_str()));
        }
        let was_live = mission.is_live();
        mission.report(reported)?;
        if by_supplier {
            owed::next_report(step, &reported.mission_id, mission, ledger);
        }
        if was_live && !mission.is_live() {
            owed::nothing_asked(mission, ledger);
            owed::settle(step, owed::claim(&mission.supplier, &reported.mission_id), ledger);
        }
        let late = reported.late_entry && !reported.milestones.is_empty();
        Ok(if late { vec![Marked::new(Mark::LateEntry, reported.mission_id.clone())] } else { Marks::new() })
    }

    /// K16 and K17: one side asks, and the other owes its word; a question is changed or taken back by whoever asked.
    pub(super) fn asked_about(
        &mut self,
        step: &Step<'_>,
        id: &str,
        asked: Asked,
        ledger: &mut Ledger,
    ) -> Result<Marks, Invalid> {
        let mission = self.mission(id)?;
        let side = match asked {
            Asked::Extension | Asked::Release => &mission.requester,
            Asked::Return => &mission.supplier,
        };
        if side != step.by() {
            return Err(no_part("K17.side", asked.name()));
        }
        if !mission.is_live() {
            return Err(wrong_sequence("body.mission_id", "K17.mission_over", mission.state.name()));
        }
        if matches!(step.header.action, Action::Update | Action::Cancel) {
            return asks_anew(step, mission, asked, ledger);
        }
        let ask = Ask { asked, id: step.id(), chain: Chain::of(step), messages: [step.id()].into() };
        owe::owe_reply(step, ledger, owed::word(mission, &ask));
        mission.asks.push(ask);
        Ok(Marks::new())
    }

    /// K16 and K17: the other side's word. A declined return escalates by its deadline's own ladder of people; recall is
    /// the supplier's right all the same.
    pub(super) fn answered(
        &mut self,
        step: &Step<'_>,
        id: &str,
        agreed: Agreed,
        ledger: &mut Ledger,
    ) -> Result<Marks, Invalid> {
        let mission = self.mission(id)?;
        if ![&mission.supplier, &mission.requester].contains(&step.by()) {
            return Err(no_part("K17.other_side", step.by().as_str()));
        }
        let named = step.header.preceding_message_id.and_then(|before| asked_by(mission, before));
        let open = named.or_else(|| mission.asks.len().checked_sub(1));
        let Some(ask) = open.and_then(|at| mission.asks.get(at)) else {
            return Err(wrong_sequence("body.response", "K17.nothing_asked", id));
        };
        if ask.chain.is_by(step) {
            return Err(no_part("K17.other_side", step.by().as_str()));
        }
        let (word, asked, ask) = (owed::word(mission, ask), ask.asked, ask.id);
        mission.asks.retain(|open| open.id != ask);
        if agreed == Agreed::Yes && asked != Asked::Extension && mission.is_on_site() {
            mission.state = MissionState::Releasing;
        }
        ledger.meet(&word, step.at, Some(step.id()));
        Ok(Marks::new())
    }

    /// K18: what a mission cost. The total is the sum of its lines to the fen.
    pub(super) fn claimed(&mut self, step: &Step<'_>, claim: &Claim, ledger: &mut Ledger) -> Result<Marks, Invalid> {
        let mission = self.mission(&claim.mission_id)?;
        if mission.supplier != *step.by() {
            return Err(not_author("K18.supplier", mission.supplier.as_str()));
        }
        if mission.is_live() {
            return Err(wrong_sequence("body.claim.mission_id", "K18.before_return", mission.state.name()));
        }
        if matches!(mission.settled, Some(Settled::Agreed | Settled::Paid)) {
            return Err(wrong_sequence("body.claim", "K18.settled", claim.mission_id.clone()));
        }
        let sum = claim.lines.iter().try_fold(0_i64, |sum, line| sum.checked_add(*line));
        if sum != Some(claim.total) {
            let detail = sum.map_or_else(|| "too large".to_owned(), |sum| format!("{} is not {sum}", claim.total));
            return Err(Invalid::schema("body.claim.total", "K18.total").detail(detail));
        }
        mission.claims += 1;
        mission.settled = None;
        ledger.meet(&owed::claim(&mission.supplier, &claim.mission_id), step.at, Some(step.id()));
        owed::settle(step, owed::settlement(&mission.requester, &claim.mission_id, mission.claims), ledger);
        Ok(Marks::new())
    }

    /// K18: the payer's word; what is paid settles the mission.
    pub(super) fn settled(
        &mut self,
        step: &Step<'_>,
        id: &str,
        settled: Settled,
        ledger: &mut Ledger,
    ) -> Result<Marks, Invalid> {
        let mission = self.mission(id)?;
        if mission.requester != *step.by() {
            return Err(no_part("K18.payer", step.by().as_str()));
        }
        let lawful = match settled {
            Settled::Agreed | Settled::Disputed => mission.claims > 0 && mission.settled.is_none(),
            Settled::Paid => mission.settled == Some(Settled::Agreed),
        };
        if !lawful {
            let now = mission.settled.map_or(if mission.claims > 0 { "SUBMITTED" } else { "DRAFT" }, Settled::name);
            return Err(wrong_sequence("body.answer", "K18.order", format!("{now} → {}", settled.name())));
        }
        mission.settled = Some(settled);
        ledger.meet(&owed::settlement(step.by(), id, mission.claims), step.at, Some(step.id()));
        if settled == Settled::Paid && mission.state == MissionState::Returned {
            mission.state = MissionState::Settled;
        }
        Ok(Marks::new())
    }
}

/// The open question that a message belongs to.
fn asked_by(mission: &Mission, message: MessageId) -> Option<usize> {
    mission.asks.iter().position(|ask| ask.messages.contains(&message))
}

/// A question is put otherwise, and its time goes on; or it is taken back, and no word is owed.
fn asks_anew(step: &Step<'_>, mission: &mut Mission, asked: Asked, ledger: &mut Ledger) -> Result<Marks, Invalid> {
    let named = step.header.preceding_message_id.and_then(|before| asked_by(mission, before));
    let Some(at) = named else {
        return Err(wrong_sequence("header.preceding_message_id", "K17.nothing_asked", step.header.action.name()));
    };
    if let Some(overtaken) = mission.asks.get(at).and_then(|ask| ask.chain.overtaken(step)) {
        return Ok(overtaken);
    }
    if step.cancels() {
        let ask = mission.asks.remove(at);
        ledger.void(&owed::word(mission, &ask));
    } else if let Some(ask) = mission.asks.get_mut(at) {
        ask.asked = asked;
        ask.messages.insert(step.id());
        ask.chain.moves_to(step);
    }
    Ok(Marks::new())
}
