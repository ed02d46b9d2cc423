//! K30 to K35: one drill from its invitation to its last improvement. All its threads are one matter, by the drill's id.
//!
//! The organiser invites, plans and gives the orders; whoever takes part may abort for a real emergency. What is said
//! *in* the drill has machines of its own; this one knows when it may be said.

mod clock;
mod facts;
mod owed;
mod phase;
mod play;
mod scene;
mod score;
#[cfg(test)]
mod tests;

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use serde::{Deserialize, Serialize};

use self::play::Play;
use super::{
    Ledger, Machine, Mark, Marked, Marks, Obligor, Part, StateName, Step,
    chain::Chain,
    closed,
    invitation::{self, Invited, OF_DRILLS, Reply, Round, Word},
    no_part, not_author, wrong_sequence,
};
use crate::{
    header::{Action, Address, DrillControl},
    ids::{ItemId, JurisdictionId, MessageId},
    invalid::Invalid,
    role::Role,
    time::Timestamp,
};

pub use self::{
    clock::{DrillClock, InjectType, Planned, due, next},
    facts::{Control, Evaluation, Facts, Improvement, Inject, Invitation, Plan},
    owed::LOOK_EVERY,
    phase::{Phase, Review},
    play::Aborted,
    scene::{may_hold, may_read},
    score::{Observed, Score, observed},
};

/// How long after its end a drill's traffic still passes. Source: CATALOGUE §2, ENDEX + 24 h.
pub const AFTERMATH: Duration = Duration::from_hours(24);

/// One drill.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub struct Drill {
    phase: Phase,
    invitation: Chain,
    round: Round,
    plan: Option<PlanVersion>,
    play: Option<Play>,
    review: Option<Chain>,
    /// Improvement items, and whether each is over.
    items: BTreeMap<ItemId, bool>,
}

/// The plan of this round.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize, Deserialize)]
struct PlanVersion {
    version: u32,
    injects: usize,
}

impl Machine for Drill {
    fn open(step: &Step<'_>, ledger: &mut Ledger) -> Result<(Self, Marks), Invalid> {
        let super::Facts::Drill(Facts::Invitation(facts)) = step.facts else {
            return Err(wrong_sequence("header.drill.drill_id", "K30.opens", "no invitation to this drill is known"));
        };
        match step.header.action {
            Action::Originate if facts.sequence != 1 => {
                Err(wrong_sequence("body.sequence", "K30.sequence_from_1", facts.sequence.to_string()))
            }
            // the first one may have given way to it on its way here
            Action::Originate | Action::Update => Ok((Self::invite(step, facts, ledger), Vec::new())),
            Action::Cancel | Action::Reply | Action::Error => {
                Err(wrong_sequence("header.action", "K30.opens", step.header.action.name()))
            }
        }
    }

    fn step(&mut self, step: &Step<'_>, ledger: &mut Ledger) -> Result<Marks, Invalid> {
        let super::Facts::Drill(facts) = step.facts else { return Ok(Vec::new()) };
        // what is played in a drill that is over is told that it is not live
        if self.state().over && !matches!(facts, Facts::Inject(_)) {
            return Err(closed(self.state()));
        }
        match facts {
            Facts::Invitation(facts) => self.invited(step, facts, ledger),
            Facts::Reply(_, reply) => self.answered(step, reply, ledger),
            Facts::Plan(plan) => self.planned(step, plan, ledger),
            Facts::Control(control) => self.ordered(step, *control, ledger),
            Facts::Inject(inject) => self.injected(step, inject),
            Facts::Evaluation(evaluation) => self.evaluated(step, evaluation, ledger),
        }
    }

    /// The organiser freezes no plan while answers may still come: it alone has them all, so nobody else judges that. No
    /// inject leaves it before all have acknowledged STARTEX, nor another before it has itself.
    fn may_send(&self, step: &Step<'_>) -> Result<(), Invalid> {
        let play = match (step.facts, &self.play) {
            (super::Facts::Drill(Facts::Plan(plan)), _) if plan.frozen => return self.may_freeze(step.at),
            (super::Facts::Drill(Facts::Control(_)), _) => return self.may_end(step),
            (super::Facts::Drill(Facts::Inject(_)), Some(play)) => play,
            _ => return Ok(()),
        };
        let waits =
            if self.invitation.is_by(step) { !play.awaited.is_empty() } else { play.awaited.contains(step.by()) };
        if !waits {
            return Ok(());
        }
        let awaited: Vec<&str> = play.awaited.iter().map(JurisdictionId::as_str).collect();
        Err(wrong_sequence("header.drill", "K34.startex_acknowledged", awaited.join(" ")))
    }

    fn state(&self) -> StateName {
        self.phase.shown()
    }

    fn parts(&self) -> Vec<Part> {
        self.round.parts().chain(self.plan_part()).chain(self.play_part()).collect()
    }
}

impl Drill {
    /// Where it stands.
    pub const fn phase(&self) -> Phase {
        self.phase
    }

    /// Who invited.
    pub const fn organiser(&self) -> &JurisdictionId {
        &self.invitation.author
    }

    /// The invitation in force, and what was said to it.
    pub const fn round(&self) -> &Round {
        &self.round
    }

    /// Its clock, once it has started.
    pub fn clock(&self) -> Option<&DrillClock> {
        self.play.as_ref().map(|play| &play.clock)
    }

    /// Who ended it for a real emergency. From then on its exercise deadlines are void and its commitments dropped.
    pub fn aborted(&self) -> Option<&Aborted> {
        self.play.as_ref().and_then(|play| play.aborted.as_ref())
    }

    /// Who takes part, once it has started; the organiser is among them.
    pub fn participants(&self) -> impl Iterator<Item = &JurisdictionId> {
        self.play.iter().flat_map(|play| &play.participants)
    }

    /// The order with which it started.
    pub fn startex(&self) -> Option<MessageId> {
        self.play.as_ref().map(|play| play.startex)
    }

    /// How many injects its plan has; none while there is no plan.
    pub fn injects_planned(&self) -> Option<usize> {
        self.plan.map(|plan| plan.injects)
    }

    /// The message with the review in force.
    pub fn review(&self) -> Option<MessageId> {
        self.review.as_ref().map(|review| review.message)
    }

    /// The message with the invitation in force.
    pub const fn invitation(&self) -> MessageId {
        self.invitation.message
    }

    /// Who has not acknowledged STARTEX, as far as is known here.
    pub fn awaited(&self) -> impl Iterator<Item = &JurisdictionId> {
        self.play.iter().flat_map(|play| &play.awaited)
    }

    /// A participant has acknowledged an order: `of` is the message of the receipt. Only STARTEX is waited for.
    pub fn acknowledged(&mut self, of: MessageId, by: &JurisdictionId) {
        if let Some(play) = self.play.as_mut().filter(|play| play.startex == of) {
            play.awaited.remove(by);
        }
    }

    /// The injects of the plan that may leave now; none while anybody has not acknowledged STARTEX, and none unless the
    /// drill runs.
    pub fn due<'a>(&self, plan: &'a [Planned], sent: &BTreeSet<String>, now: Timestamp) -> Vec<&'a Planned> {
        let runs = matches!(self.phase, Phase::Startex | Phase::Resume);
        match &self.play {
            Some(play) if runs && play.awaited.is_empty() => due(plan, &play.clock, sent, now),
            Some(_) | None => Vec::new(),
        }
    }

    /// An improvement item that the review names is over, or open again: the items have matters of their own.
    pub fn item(&mut self, item: &ItemId, is_over: bool) {
        if !matches!(self.phase, Phase::ReviewFinal | Phase::Improving | Phase::Closed) {
            return;
        }
        let Some(known) = self.items.get_mut(item) else { return };
        *known = is_over;
        self.phase = if self.items.values().all(|over| *over) { Phase::Closed } else { Phase::Improving };
    }

    fn invite(step: &Step<'_>, facts: &Invitation, ledger: &mut Ledger) -> Self {
        let invitation = Chain::of(step);
        let round = owed::round(step, facts, asked(step, facts), ledger);
        Self { phase: Phase::Invited, invitation, round, plan: None, play: None, review: None, items: BTreeMap::new() }
    }

    /// K30 again: another date, other words, or the end of it.
    fn invited(&mut self, step: &Step<'_>, facts: &Invitation, ledger: &mut Ledger) -> Result<Marks, Invalid> {
        if !self.invitation.is_by(step) {
            return Err(not_author("K30.organiser", self.organiser().as_str()));
        }
        if step.header.thread() != self.invitation.thread {
            return Err(wrong_sequence("body.drill_id", "K30.invited_once", "a change is an UPDATE of the invitation"));
        }
        if matches!(step.header.action, Action::Reply | Action::Error) {
            return Err(wrong_sequence("header.action", "K30.updated", step.header.action.name()));
        }
        if let Some(overtaken) = self.invitation.overtaken(step) {
            return Ok(overtaken);
        }
        if !self.phase.is_ahead() {
            return Err(wrong_sequence("header.action", "K30.before_startex", self.phase.name()));
        }
        if step.header.action == Action::Cancel {
            self.phase = Phase::Cancelled;
            ledger.void_all();
        } else {
            self.moved(step, facts, ledger)?;
        }
        self.invitation.moves_to(step);
        Ok(Vec::new())
    }

    /// A new date or other participants begin a new round; answers to the old one count no longer, and no plan stands.
    fn moved(&mut self, step: &Step<'_>, facts: &Invitation, ledger: &mut Ledger) -> Result<(), Invalid> {
        let current = self.round.sequence;
        let invited = asked(step, facts);
        let same = self.round.is_same(facts.period, &invited);
        let detail = || format!("{}, and {current} is in force", facts.sequence);
        if facts.sequence < current {
            return Err(wrong_sequence("body.sequence", "K30.stale_sequence", detail()));
        }
        if facts.sequence == current {
            let kept = same.then_some(());
            return kept.ok_or_else(|| wrong_sequence("body.sequence", "K30.next_sequence", detail()));
        }
        owed::void_round(&self.round, self.organiser(), ledger);
        self.round = owed::round(step, facts, invited, ledger);
        self.plan = None;
        self.phase = Phase::Invited;
        Ok(())
    }

    /// K31.
    fn answered(&mut self, step: &Step<'_>, reply: &Reply, ledger: &mut Ledger) -> Result<Marks, Invalid> {
        if !self.phase.is_ahead() {
            return Err(wrong_sequence("header.action", "K31.before_startex", self.phase.name()));
        }
        match (step.header.action, reply.word) {
            (Action::Originate | Action::Error, _) => {
                return Err(wrong_sequence("header.action", "K31.answers", step.header.action.name()));
            }
            (Action::Cancel, _) => self.round.withdraw(step, &OF_DRILLS)?,
            (Action::Reply | Action::Update, Word::DeclineCounter) if self.invitation.is_by(step) => {
                self.round.keep(step, reply, &OF_DRILLS)?;
            }
            (Action::Reply | Action::Update, Word::DeclineCounter) => {
                return Err(no_part(OF_DRILLS.organiser, step.by().as_str()));
            }
            (Action::Reply | Action::Update, _) => self.round.answer(step, reply, ledger, &OF_DRILLS)?,
        }
        if self.phase != Phase::PlanFrozen {
            let confirmed = self.round.is_settled() && self.round.attending().next().is_some();
            self.phase = if confirmed { Phase::Confirmed } else { Phase::Invited };
        }
        Ok(Vec::new())
    }

    /// K32.
    fn planned(&mut self, step: &Step<'_>, plan: &Plan, ledger: &mut Ledger) -> Result<Marks, Invalid> {
        if !self.invitation.is_by(step) {
            return Err(not_author("K32.organiser", self.organiser().as_str()));
        }
        if !matches!(step.header.action, Action::Originate | Action::Update) {
            return Err(wrong_sequence("header.action", "K32.next_version", "a plan changes by its next version"));
        }
        if !matches!(self.phase, Phase::Invited | Phase::Confirmed) {
            return Err(wrong_sequence("body.state", "K32.frozen", self.phase.name()));
        }
        if plan.sequence != self.round.sequence {
            let detail = format!("{}, and {} is in force", plan.sequence, self.round.sequence);
            return Err(wrong_sequence("body.sequence", "K32.stale_sequence", detail));
        }
        if let Some(before) = self.plan.filter(|before| plan.version <= before.version) {
            let detail = format!("{} after {}", plan.version, before.version);
            return Err(wrong_sequence("body.version", "K32.version_rises", detail));
        }
        if plan.frozen {
            self.phase = Phase::PlanFrozen;
            owed::plan_is_frozen(&self.round, self.organiser(), step, ledger);
        }
        self.plan = Some(PlanVersion { version: plan.version, injects: plan.injects.len() });
        Ok(Vec::new())
    }

    /// Everybody has said whether it comes, or has let its time for that pass; and somebody comes.
    fn may_freeze(&self, at: Timestamp) -> Result<(), Invalid> {
        if !self.round.is_settled() && at <= self.round.reply_by {
            return Err(wrong_sequence("body.state", "K32.all_answered", "not all have answered, and they still may"));
        }
        let comes = self.round.attending().next().is_some();
        comes.then_some(()).ok_or_else(|| wrong_sequence("body.state", "K32.somebody_comes", "nobody comes"))
    }

    /// Whoever knows of an abort orders no end any more; one that crossed with it changes nothing.
    fn may_end(&self, step: &Step<'_>) -> Result<(), Invalid> {
        let ends = step.header.drill.as_ref().is_some_and(|drill| drill.control == Some(DrillControl::Endex));
        if ends && self.phase == Phase::Aborted {
            return Err(wrong_sequence("header.drill.control", "K33.endex", self.phase.name()));
        }
        Ok(())
    }

    /// K35.
    fn evaluated(&mut self, step: &Step<'_>, facts: &Evaluation, ledger: &mut Ledger) -> Result<Marks, Invalid> {
        if !self.invitation.is_by(step) {
            return Err(not_author("K35.organiser", self.organiser().as_str()));
        }
        if !matches!(step.header.action, Action::Originate | Action::Update) {
            return Err(wrong_sequence("header.action", "K35.next_revision", "a review changes by its next revision"));
        }
        if let Some(overtaken) = self.review.as_ref().and_then(|review| review.overtaken(step)) {
            return Ok(overtaken);
        }
        let next = self.phase.reviewed(facts.stage);
        self.phase = next.ok_or_else(|| wrong_sequence("body.stage", "K35.stage", self.phase.name()))?;
        self.review = Some(Chain::of(step));
        if facts.stage != Review::Hotwash {
            owed::review_is_drafted(self.organiser(), step, ledger);
        }
        if facts.stage == Review::Final {
            self.items = facts.improvements.iter().map(|item| (item.item_id.clone(), false)).collect();
            if self.items.is_empty() {
                self.phase = Phase::Closed;
            }
        }
        let recurring = facts.improvements.iter().filter(|item| item.recurrence_of.is_some());
        Ok(recurring.map(|item| Marked::new(Mark::Recurring, item.item_id.to_string())).collect())
    }

    fn plan_part(&self) -> Option<Part> {
        let plan = self.plan?;
        let frozen = if matches!(self.phase, Phase::Invited | Phase::Confirmed) {
            StateName { name: "DRAFT", zh: "草案", over: false }
        } else {
            StateName { name: "FROZEN", zh: "已冻结", over: true }
        };
        Some(Part { name: format!("plan {}", plan.version), state: frozen, detail: plan.injects.to_string() })
    }
}

/// Those of whom something is wanted, and whoever else the invitation goes to: who gets it takes part.
fn asked(step: &Step<'_>, facts: &Invitation) -> Asked {
    let addressed = step.header.recipients.iter().filter_map(|to| match to {
        Address::Jurisdiction { id, role } => {
            Some(Obligor { jurisdiction: id.clone(), role: role.unwrap_or(Role::DutyOfficer) })
        }
        Address::Group(_) | Address::Area(_) => None,
    });
    let seats: Vec<Obligor> = facts.wanted.iter().cloned().chain(addressed).collect();
    invitation::asked(step.by(), &seats, &[])
}

/// Who is asked, by jurisdiction.
type Asked = BTreeMap<JurisdictionId, Invited>;
