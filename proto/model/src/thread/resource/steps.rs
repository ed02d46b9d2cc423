//! What each message of K11 to K18 does to the request.

use std::collections::BTreeMap;

use super::{
    Agreed, Asked, Claim, Committed, Decided, Line, Mission, MissionState, Offered, Reported, Request, Settled, Wanted,
    book::{Offer, OfferLine, Order},
    facts::OfferedLine,
    owed,
};
use crate::{
    header::{Action, Answer, Cover},
    ids::{JurisdictionId, MessageId},
    invalid::Invalid,
    reason::Reason,
    thread::{Ledger, Mark, Marked, Marks, Step, chain::Chain, closed, no_part, not_author, owe, wrong_sequence},
};

fn mismatch(field: &'static str, rule: &'static str, detail: impl Into<String>) -> Invalid {
    Invalid::new(Reason::OfferMismatch, field, rule).detail(detail)
}

fn marked(mark: Mark, about: impl Into<String>) -> Marked {
    Marked { mark, about: about.into() }
}

impl Request {
    /// K11, and who owes an answer from it on.
    pub(super) fn ask(&mut self, step: &Step<'_>, wanted: &Wanted, ledger: &mut Ledger) -> Result<Marks, Invalid> {
        let mut items = BTreeMap::new();
        for item in &wanted.items {
            if items.insert(item.item_no, *item).is_some() {
                return Err(Invalid::schema("body.items", "K11.item_no").detail(item.item_no.to_string()));
            }
        }
        let gone = self
            .offers
            .iter()
            .flat_map(|offer| offer.lines.values())
            .find(|line| line.item_no != 0 && line.line.offers() && !items.contains_key(&line.item_no));
        if let Some(line) = gone {
            return Err(wrong_sequence("body.items", "K11.item_offered", line.item_no.to_string()));
        }
        self.items = items;
        self.lapse_at = wanted.lapse_at;
        self.open = owe::addressed(step.header).count() < step.header.recipients.len();
        for who in owe::addressed(step.header).filter(|who| *who != step.by()) {
            self.asked.insert(who.clone());
            owe::owe_reply(step, ledger, owed::first_answer(who));
        }
        let mut marks = Marks::new();
        if wanted.funding_unknown {
            marks.push(marked(Mark::FundingUnknown, ""));
        }
        if step.header.agreement_id == Some(Cover::Outside) {
            marks.push(marked(Mark::OutsideAgreement, ""));
        }
        Ok(marks)
    }

    /// The requester changes it, asks further, or takes it back. What is on its way goes on.
    pub(super) fn ask_again(
        &mut self,
        step: &Step<'_>,
        wanted: &Wanted,
        ledger: &mut Ledger,
    ) -> Result<Marks, Invalid> {
        if self.unsolicited || !self.chain.is_by(step) {
            return Err(not_author("K11.author", self.chain.author.as_str()));
        }
        if let Some(overtaken) = self.chain.overtaken(step) {
            return Ok(overtaken);
        }
        if self.cancelled {
            return Err(closed(self.state_at_step(step)));
        }
        let marks = match step.header.action {
            Action::Cancel => {
                self.cancelled = true;
                if self.missions.is_empty() {
                    ledger.void_all();
                } else {
                    self.asked.iter().for_each(|who| ledger.void(&owed::first_answer(who)));
                }
                Marks::new()
            }
            Action::Update => self.ask(step, wanted, ledger)?,
            Action::Originate | Action::Reply | Action::Error => {
                return Err(wrong_sequence("header.action", "K11.updated", step.header.action.name()));
            }
        };
        self.chain.moves_to(step);
        Ok(marks)
    }

    fn state_at_step(&self, step: &Step<'_>) -> super::StateName {
        use super::Machine as _;
        self.state_at(step.at)
    }

    /// K12 of somebody who was asked.
    pub(super) fn offered(
        &mut self,
        step: &Step<'_>,
        offered: &Offered,
        ledger: &mut Ledger,
    ) -> Result<Marks, Invalid> {
        let who = step.by();
        let own = self.unsolicited && self.chain.author == *who;
        let may = own || (!self.unsolicited && self.chain.author != *who && (self.open || self.asked.contains(who)));
        if !may {
            return Err(no_part("K12.asked", who.as_str()));
        }
        let state = self.state_at_step(step);
        if self.cancelled || state.name == "LAPSED" {
            return Err(closed(state));
        }
        self.offer(step, offered, ledger)
    }

    /// A new offer, or a new revision of one.
    pub(super) fn offer(&mut self, step: &Step<'_>, offered: &Offered, ledger: &mut Ledger) -> Result<Marks, Invalid> {
        let known = step.header.preceding_message_id.and_then(|before| self.offer_of(before));
        let revises = matches!(step.header.action, Action::Update | Action::Cancel);
        let mut offer = match known.filter(|_| revises).and_then(|at| self.offers.get(at)) {
            Some(offer) if !offer.chain.is_by(step) => {
                return Err(not_author("K12.author", offer.chain.author.as_str()));
            }
            Some(offer) => offer.clone(),
            None => Offer {
                id: step.id(),
                chain: Chain::of(step),
                messages: [step.id()].into(),
                valid_until: None,
                lines: BTreeMap::new(),
            },
        };
        if known.is_some() && revises && step.header.revision <= offer.chain.revision {
            return Ok(vec![marked(Mark::Overtaken, "")]);
        }
        let interim = fits(step, offered)?;
        let marks = self.write(step, offered, &mut offer)?;
        offer.messages.insert(step.id());
        offer.chain.moves_to(step);
        let offers = offer.lines.values().any(OfferLine::stands);
        let decision = owed::decision(&self.requester(step), &offer);
        match known.filter(|_| revises).and_then(|at| self.offers.get_mut(at)) {
            Some(place) => *place = offer,
            None => self.offers.push(offer),
        }
        if !self.unsolicited {
            owed::answered(step, interim, ledger);
            if offers {
                owe::owe_reply(step, ledger, decision);
            } else {
                ledger.void(&decision);
            }
        }
        Ok(marks)
    }

    /// Whoever may order: who asked, or for an offer that nobody asked for, whoever it went to.
    fn requester(&self, step: &Step<'_>) -> JurisdictionId {
        if self.unsolicited { step.by().clone() } else { self.chain.author.clone() }
    }

    /// The lines of an offer, judged against what is asked and what is ordered already.
    fn write(&self, step: &Step<'_>, offered: &Offered, offer: &mut Offer) -> Result<Marks, Invalid> {
        let mut marks = Marks::new();
        let mut lines = BTreeMap::new();
        for line in &offered.lines {
            let ordered = self.ordered(offer.id, line.line_no, None);
            if (ordered > 0 && !line.line.offers()) || u64::from(line.quantity) < ordered {
                return Err(mismatch("body.lines.quantity", "K12.ordered", format!("{ordered} are ordered")));
            }
            marks.extend(self.judge(line)?);
            let doubled = line.resources.iter().find(|resource| self.is_promised(step.by(), offer.id, resource));
            marks.extend(doubled.map(|resource| marked(Mark::DoublePromise, resource)));
            let written = OfferLine {
                item_no: line.item_no,
                line: if step.cancels() { Line::Withdrawn } else { line.line },
                quantity: line.quantity,
                resources: line.resources.clone(),
                declined: false,
            };
            if lines.insert(line.line_no, written).is_some() {
                return Err(Invalid::schema("body.lines", "K12.line_no").detail(line.line_no.to_string()));
            }
        }
        let lost =
            offer.lines.keys().find(|line| !lines.contains_key(line) && self.ordered(offer.id, **line, None) > 0);
        if let Some(line) = lost {
            return Err(mismatch("body.lines", "K12.ordered", format!("line {line} is ordered")));
        }
        offer.lines = lines;
        offer.valid_until = offered.valid_until;
        Ok(marks)
    }

    /// One line against the item that it answers.
    fn judge(&self, line: &OfferedLine) -> Result<Marks, Invalid> {
        if !line.line.offers() || self.unsolicited {
            return Ok(Marks::new());
        }
        let Some(item) = self.items.get(&line.item_no) else {
            return Err(wrong_sequence("body.lines.item_no", "K12.item_no", line.item_no.to_string()));
        };
        let lower = matches!((item.type_level_min, line.type_level), (Some(least), Some(level)) if level > least);
        match (lower, item.substitutes_ok) {
            (true, false) => Err(mismatch("body.lines.type_level", "K12.type_level", format!("item {}", line.item_no))),
            (true, true) => Ok(vec![marked(Mark::LowerType, format!("item {}", line.item_no))]),
            (false, _) => Ok(Marks::new()),
        }
    }

    /// The same resource of the same supplier stands in another offer of this thread.
    fn is_promised(&self, supplier: &JurisdictionId, but: MessageId, resource: &str) -> bool {
        let others = self.offers.iter().filter(|offer| offer.chain.author == *supplier && offer.id != but);
        others.flat_map(|offer| offer.lines.values()).any(|line| line.stands() && line.resources.contains(resource))
    }

    /// K13: the requester orders and declines. Each order with its commitment is the binding pair.
    pub(super) fn decided(
        &mut self,
        step: &Step<'_>,
        decided: &Decided,
        ledger: &mut Ledger,
    ) -> Result<Marks, Invalid> {
        let by_author = self.chain.author == *step.by();
        if by_author == self.unsolicited {
            return Err(not_author("K13.requester", self.chain.author.as_str()));
        }
        let before = self.orders.get(&decided.order_id);
        match (before, step.header.action) {
            (Some(order), Action::Update | Action::Cancel) if order.chain.overtaken(step).is_some() => {
                return Ok(vec![marked(Mark::Overtaken, "")]);
            }
            (Some(_), Action::Update | Action::Cancel) | (None, _) => {}
            (Some(_), _) => return Err(wrong_sequence("body.order_id", "K13.order_id", decided.order_id.clone())),
        }
        self.put_order(step, decided)?;
        for line in &decided.lines {
            let Some(offer) = self.offer_of(line.offer).and_then(|at| self.offers.get(at)) else { continue };
            let all = offer.lines.iter().filter(|(_, line)| line.line.offers());
            let said = all.into_iter().all(|(number, line)| line.declined || self.ordered(offer.id, *number, None) > 0);
            if said {
                let requester = if self.unsolicited { step.by().clone() } else { self.chain.author.clone() };
                ledger.meet(&owed::decision(&requester, offer), step.at, Some(step.id()));
            }
        }
        if let Some(order) = self.orders.get(&decided.order_id) {
            owe::owe_reply(step, ledger, owed::commitment(&order.supplier, &decided.order_id));
        }
        Ok(Marks::new())
    }

    fn put_order(&mut self, step: &Step<'_>, decided: &Decided) -> Result<(), Invalid> {
        let mut order: Option<Order> = None;
        for line in &decided.lines {
            let unknown = || wrong_sequence("body.lines.offer_message_id", "K13.offer", line.offer.to_string());
            let at = self.offer_of(line.offer).ok_or_else(unknown)?;
            let offer = self.offers.get(at).ok_or_else(unknown)?;
            let (id, supplier) = (offer.id, offer.chain.author.clone());
            let written = offer
                .lines
                .get(&line.line_no)
                .filter(|written| written.line.offers())
                .ok_or_else(|| wrong_sequence("body.lines.line_no", "K13.line_no", line.line_no.to_string()))?;
            let others = self.ordered(id, line.line_no, Some(&decided.order_id));
            let promised = self.promised(&decided.order_id, line.line_no, None);
            match line.order {
                Some(count) => {
                    if offer.is_over(step.at) && others + promised == 0 {
                        return Err(wrong_sequence("body.lines", "K13.offer_over", line.offer.to_string()));
                    }
                    let count64 = u64::from(count);
                    if count64 + others > u64::from(written.quantity) || count64 < promised || written.declined {
                        let detail =
                            format!("{count} of {} with {others} ordered, {promised} promised", written.quantity);
                        return Err(mismatch("body.lines.quantity", "K13.quantity", detail));
                    }
                    let order = order.get_or_insert_with(|| Order {
                        supplier: supplier.clone(),
                        chain: Chain::of(step),
                        offer: id,
                        lines: BTreeMap::new(),
                    });
                    if order.offer != id {
                        return Err(Invalid::schema("body.lines", "K13.one_offer").detail(line.offer.to_string()));
                    }
                    order.lines.insert(line.line_no, count);
                }
                None if others + promised > 0 => {
                    return Err(wrong_sequence("body.lines.decision", "K13.ordered", line.line_no.to_string()));
                }
                None => self.decline(at, line.line_no),
            }
        }
        self.keeps_promises(&decided.order_id, order.as_ref())?;
        match order {
            Some(order) => drop(self.orders.insert(decided.order_id.clone(), order)),
            None => drop(self.orders.remove(&decided.order_id)),
        }
        Ok(())
    }

    /// What a supplier has promised under an order, or called back, stays in it when the order is changed.
    fn keeps_promises(&self, order_id: &str, next: Option<&Order>) -> Result<(), Invalid> {
        let Some(before) = self.orders.get(order_id) else { return Ok(()) };
        for line in before.lines.keys() {
            let used = self.used(order_id, *line);
            let kept = next.filter(|next| next.offer == before.offer).and_then(|next| next.lines.get(line));
            if used > u64::from(kept.copied().unwrap_or(0)) {
                return Err(mismatch("body.lines", "K13.promised", format!("{used} of line {line}")));
            }
        }
        Ok(())
    }

    fn decline(&mut self, offer: usize, line: u32) {
        if let Some(line) = self.offers.get_mut(offer).and_then(|offer| offer.lines.get_mut(&line)) {
            line.declined = true;
        }
    }

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
        let amends = step.header.action == Action::Update;
        if before.is_some() != amends || before.is_some_and(|mission| !mission.is_live()) {
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
                mission
            }
            None => Mission::new(supplier, committed.order_id.clone(), lines),
        };
        if !amends {
            owed::next_report(step, &committed.mission_id, &mut mission, ledger);
        }
        self.missions.insert(committed.mission_id.clone(), mission);
        Ok(if less { vec![marked(Mark::LessThanOrdered, committed.order_id.clone())] } else { Marks::new() })
    }

    fn mission(&mut self, id: &str) -> Result<&mut Mission, Invalid> {
        let known = self.missions.get_mut(id);
        known.ok_or_else(|| wrong_sequence("body.mission_id", "mission.known", id))
    }

    fn is_requester(&self, who: &JurisdictionId) -> bool {
        (self.chain.author == *who) != self.unsolicited
    }

    /// K15: the requester asks.
    pub(super) fn queried(&mut self, step: &Step<'_>, mission: &str) -> Result<Marks, Invalid> {
        let requester = self.is_requester(step.by());
        self.mission(mission)?;
        if requester { Ok(Marks::new()) } else { Err(no_part("K15.query", step.by().as_str())) }
    }

    /// K15: the supplier reports; that it is there the requester may say too.
    pub(super) fn reported(
        &mut self,
        step: &Step<'_>,
        reported: &Reported,
        ledger: &mut Ledger,
    ) -> Result<Marks, Invalid> {
        let requester = self.is_requester(step.by());
        let mission = self.mission(&reported.mission_id)?;
        let by_supplier = mission.supplier == *step.by();
        let arrival_alone = reported.milestones.iter().all(|(milestone, _)| *milestone == super::Milestone::Arrival)
            && reported.state.is_none_or(|state| state == MissionState::Arrived);
        if !by_supplier && !(requester && arrival_alone) {
            return Err(no_part("K15.supplier", mission.supplier.as_str()));
        }
        let was_live = mission.is_live();
        mission.report(reported)?;
        if by_supplier {
            owed::next_report(step, &reported.mission_id, mission, ledger);
        }
        if was_live && !mission.is_live() {
            owed::settle(step, owed::claim(&mission.supplier, &reported.mission_id), ledger);
        }
        let late = reported.late_entry && !reported.milestones.is_empty();
        Ok(if late { vec![marked(Mark::LateEntry, reported.mission_id.clone())] } else { Marks::new() })
    }

    /// K16 and K17: one side asks; the other owes its word.
    pub(super) fn asked_about(
        &mut self,
        step: &Step<'_>,
        id: &str,
        asked: Asked,
        ledger: &mut Ledger,
    ) -> Result<Marks, Invalid> {
        let requester = self.is_requester(step.by());
        let payer = self.requester_of_record(step);
        let mission = self.mission(id)?;
        let by_supplier = mission.supplier == *step.by();
        let may = match asked {
            Asked::Extension | Asked::Release => requester,
            Asked::Return => by_supplier,
        };
        if !may {
            return Err(no_part("K17.side", asked.name()));
        }
        if !mission.is_live() {
            return Err(wrong_sequence("body.mission_id", "K17.mission_over", mission.state.name()));
        }
        let other = if by_supplier { payer } else { mission.supplier.clone() };
        mission.asks.insert(step.id(), (asked, step.by().clone()));
        owe::owe_reply(step, ledger, owed::word(&other, step.id()));
        Ok(Marks::new())
    }

    /// Who asked for what is on its way: its author, or for an offer that nobody asked for, who ordered.
    fn requester_of_record(&self, step: &Step<'_>) -> JurisdictionId {
        let addressed = owe::addressed(step.header).next();
        if self.unsolicited { addressed.unwrap_or(&self.chain.author).clone() } else { self.chain.author.clone() }
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
        let preceding = step.header.preceding_message_id.filter(|before| mission.asks.contains_key(before));
        let open = preceding.or_else(|| mission.asks.keys().next_back().copied());
        let Some((ask, (asked, by))) = open.and_then(|ask| Some((ask, mission.asks.get(&ask)?.clone()))) else {
            return Err(wrong_sequence("body.response", "K17.nothing_asked", id));
        };
        if by == *step.by() {
            return Err(no_part("K17.other_side", by.as_str()));
        }
        mission.asks.remove(&ask);
        if agreed == Agreed::Yes && asked != Asked::Extension && mission.is_on_site() {
            mission.state = MissionState::Releasing;
        }
        ledger.meet(&owed::word(step.by(), ask), step.at, Some(step.id()));
        Ok(Marks::new())
    }

    /// K18: what a mission cost. The total is the sum of its lines to the fen.
    pub(super) fn claimed(&mut self, step: &Step<'_>, claim: &Claim, ledger: &mut Ledger) -> Result<Marks, Invalid> {
        let payer = self.requester_of_record(step);
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
        owed::settle(step, owed::settlement(&payer, &claim.mission_id, mission.claims), ledger);
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
        let requester = self.is_requester(step.by());
        let mission = self.mission(id)?;
        if !requester {
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

/// An answer is interim when every line defers, and definite else.
fn fits(step: &Step<'_>, offered: &Offered) -> Result<bool, Invalid> {
    let defers = !offered.lines.is_empty() && offered.lines.iter().all(|line| line.line == Line::Defer);
    let Some(answer) = step.header.answer else { return Ok(defers) };
    if answer.is_interim() == defers && (!defers || answer == Answer::Defer) {
        return Ok(defers);
    }
    let detail = if defers { "every line defers" } else { "a line does not defer" };
    Err(Invalid::new(Reason::BadSchema, "header.answer", "K12.answer").detail(detail))
}
