//! What each message of K11 to K13 does to the request: it is asked, offered and ordered.

use std::collections::BTreeMap;

use super::{
    Decided, Line, Offered, Request, Wanted,
    book::{Offer, OfferLine, Order},
    facts::OfferedLine,
    mismatch, owed,
};
use crate::{
    header::{Action, Answer, Cover},
    ids::{JurisdictionId, MessageId},
    invalid::Invalid,
    reason::Reason,
    thread::{Ledger, Mark, Marked, Marks, Step, chain::Chain, closed, no_part, not_author, owe, wrong_sequence},
};

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
        let less = items.values().find(|item| self.tally(item.item_no, step.at).ordered > u64::from(item.quantity));
        if let Some(item) = less {
            return Err(mismatch("body.items.quantity", "K11.item_ordered", item.item_no.to_string()));
        }
        self.items = items;
        self.lapse_at = wanted.lapse_at;
        self.reach(step);
        for who in owe::addressed(step.header).filter(|who| *who != step.by()) {
            owe::owe_reply(step, ledger, owed::first_answer(who));
        }
        let mut marks = Marks::new();
        if wanted.funding_unknown {
            marks.push(Marked::new(Mark::FundingUnknown, ""));
        }
        if step.header.agreement_id == Some(Cover::Outside) {
            marks.push(Marked::new(Mark::OutsideAgreement, ""));
        }
        Ok(marks)
    }

    /// Who may answer it: whomever it names, and anybody once it goes to a group or an area.
    pub(super) fn reach(&mut self, step: &Step<'_>) {
        self.open |= owe::addressed(step.header).count() < step.header.recipients.len();
        self.asked.extend(owe::addressed(step.header).filter(|who| *who != step.by()).cloned());
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
        if own {
            self.reach(step);
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
        if let Some(overtaken) = offer.chain.overtaken(step).filter(|_| known.is_some() && revises) {
            return Ok(overtaken);
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
            marks.extend(doubled.map(|resource| Marked::new(Mark::DoublePromise, resource)));
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
            (true, true) => Ok(vec![Marked::new(Mark::LowerType, format!("item {}", line.item_no))]),
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
        let who = step.by();
        let may = if self.unsolicited {
            self.chain.author != *who && (self.open || self.asked.contains(who))
        } else {
            self.chain.author == *who
        };
        if !may {
            return Err(not_author("K13.requester", self.chain.author.as_str()));
        }
        let other = self.orders.get(&decided.order_id).filter(|order| order.by != *who);
        if let Some(other) = other {
            return Err(not_author("K13.requester", other.by.as_str()));
        }
        let revises = matches!(step.header.action, Action::Update | Action::Cancel);
        match self.orders.get(&decided.order_id).map(|before| before.chain.overtaken(step)) {
            Some(_) if !revises => {
                return Err(wrong_sequence("body.order_id", "K13.order_id", decided.order_id.clone()));
            }
            Some(Some(overtaken)) => return Ok(overtaken),
            Some(None) | None => {}
        }
        self.put_order(step, decided)?;
        for line in &decided.lines {
            let Some(offer) = self.offer_of(line.offer).and_then(|at| self.offers.get(at)) else { continue };
            let all = offer.lines.iter().filter(|(_, line)| line.line.offers());
            let said = all.into_iter().all(|(number, line)| line.declined || self.ordered(offer.id, *number, None) > 0);
            if said {
                ledger.meet(&owed::decision(&self.requester(step), offer), step.at, Some(step.id()));
            }
        }
        if let Some(order) = self.orders.get(&decided.order_id) {
            owe::owe_reply(step, ledger, owed::commitment(&order.supplier, &decided.order_id));
        }
        Ok(Marks::new())
    }

    fn put_order(&mut self, step: &Step<'_>, decided: &Decided) -> Result<(), Invalid> {
        let mut order: Option<Order> = None;
        let mut declined = Vec::new();
        let over = self.cancelled || self.state_at_step(step).name == "LAPSED";
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
            let same = self.orders.get(&decided.order_id).is_some_and(|order| order.offer == id);
            let promised = if same { self.promised(&decided.order_id, line.line_no, None) } else { 0 };
            match line.order {
                Some(count) => {
                    let count64 = u64::from(count);
                    let more = count64 > self.ordered_by(&decided.order_id, id, line.line_no);
                    if more && over {
                        return Err(closed(self.state_at_step(step)));
                    }
                    if more && offer.is_over(step.at) {
                        return Err(wrong_sequence("body.lines", "K13.offer_over", line.offer.to_string()));
                    }
                    if count64 + others > u64::from(written.quantity) || count64 < promised || written.declined {
                        let detail =
                            format!("{count} of {} with {others} ordered, {promised} promised", written.quantity);
                        return Err(mismatch("body.lines.quantity", "K13.quantity", detail));
                    }
                    let order = order.get_or_insert_with(|| Order {
                        by: step.by().clone(),
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
                None => declined.push((at, line.line_no)),
            }
        }
        self.keeps_promises(&decided.order_id, order.as_ref())?;
        let before = match order {
            Some(order) => self.orders.insert(decided.order_id.clone(), order),
            None => self.orders.remove(&decided.order_id),
        };
        let over_asked = self.items.keys().copied().find(|item| {
            let tally = self.tally(*item, step.at);
            tally.ordered > tally.quantity
        });
        if let Some(item) = over_asked {
            match before {
                Some(before) => drop(self.orders.insert(decided.order_id.clone(), before)),
                None => drop(self.orders.remove(&decided.order_id)),
            }
            return Err(mismatch("body.lines.quantity", "K13.asked", format!("item {item}")));
        }
        for (offer, line) in declined {
            self.decline(offer, line);
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
}

/// An answer is interim when every line that is open defers, and definite else.
fn fits(step: &Step<'_>, offered: &Offered) -> Result<bool, Invalid> {
    let mut open = offered.lines.iter().map(|line| line.line).filter(|line| line.is_open()).peekable();
    let defers = open.peek().is_some() && open.all(|line| line == Line::Defer);
    let Some(answer) = step.header.answer else { return Ok(defers) };
    if answer.is_interim() == defers && (!defers || answer == Answer::Defer) {
        return Ok(defers);
    }
    let detail = if defers { "every open line defers" } else { "no open line defers, or one does not" };
    Err(Invalid::new(Reason::BadSchema, "header.answer", "K12.answer").detail(detail))
}
