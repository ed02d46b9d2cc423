//! K33 and K34: the drill while it is played. The organiser steers, whoever takes part may stop it for a real emergency.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::{Control, Drill, DrillClock, Inject, Phase, owed, phase};
use crate::{
    header::{Action, Address, DrillControl},
    ids::{JurisdictionId, MessageId},
    invalid::Invalid,
    reason::Reason,
    thread::{Ledger, Mark, Marked, Marks, Part, StateName, Step, no_part, wrong_sequence},
    time::Timestamp,
};

/// What STARTEX began.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub(super) struct Play {
    pub(super) startex: MessageId,
    pub(super) clock: DrillClock,
    pub(super) participants: BTreeSet<JurisdictionId>,
    /// Those who have not acknowledged STARTEX, as far as is known here.
    pub(super) awaited: BTreeSet<JurisdictionId>,
    pub(super) injects: usize,
    pub(super) aborted: Option<Aborted>,
}

/// Who ended it for a real emergency, and when.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub struct Aborted {
    /// Who.
    pub by: JurisdictionId,
    /// When.
    pub at: Timestamp,
}

impl Drill {
    /// K33.
    pub(super) fn ordered(&mut self, step: &Step<'_>, control: Control, ledger: &mut Ledger) -> Result<Marks, Invalid> {
        let order = step.header.drill.as_ref().and_then(|drill| drill.control);
        let order = order.ok_or_else(|| Invalid::missing("header.drill.control"))?;
        if !matches!(step.header.action, Action::Originate | Action::Update) {
            return Err(wrong_sequence(
                "header.action",
                "K33.order",
                "an order is followed by another, not taken back",
            ));
        }
        self.may_order(step, order)?;
        if order == DrillControl::Endex && self.phase == Phase::Aborted {
            return Ok(vec![Marked::new(Mark::Overtaken, "")]);
        }
        let next = self.phase.ordered(order);
        let next =
            next.ok_or_else(|| wrong_sequence("header.drill.control", phase::rule_of(order), self.phase.name()))?;
        self.follow(step, order, control)?;
        if matches!(order, DrillControl::Endex | DrillControl::AbortRealEmergency) {
            owed::review(self.organiser(), step, ledger);
        }
        self.phase = next;
        Ok(Vec::new())
    }

    /// The organiser's controllers steer; whoever takes part may stop it for a real emergency.
    fn may_order(&self, step: &Step<'_>, order: DrillControl) -> Result<(), Invalid> {
        let takes_part = self.play.as_ref().is_some_and(|play| play.participants.contains(step.by()));
        match order {
            _ if self.invitation.is_by(step) => Ok(()),
            DrillControl::AbortRealEmergency if takes_part => Ok(()),
            DrillControl::AbortRealEmergency => Err(no_part("K33.participant", step.by().as_str())),
            _ => Err(no_part("K33.organiser", step.by().as_str())),
        }
    }

    fn follow(&mut self, step: &Step<'_>, order: DrillControl, control: Control) -> Result<(), Invalid> {
        if order == DrillControl::Startex {
            self.play = Some(self.start(step));
            return Ok(());
        }
        let Some(play) = &mut self.play else { return Ok(()) };
        match order {
            DrillControl::Startex => {}
            DrillControl::Pausex | DrillControl::Endex => play.clock.stop(step.at),
            DrillControl::Resume => play.clock.resume(step.at),
            DrillControl::TimeJump => {
                let jump = control
                    .jump
                    .ok_or_else(|| Invalid::new(Reason::MissingField, "body.time_jump_min", "K33.time_jump"))?;
                play.clock.jump(jump);
            }
            DrillControl::AbortRealEmergency => {
                play.clock.stop(step.at);
                play.aborted = Some(Aborted { by: step.by().clone(), at: step.at });
            }
        }
        Ok(())
    }

    /// Those whom STARTEX names take part; where it names groups or areas, those who said that they come.
    fn start(&self, step: &Step<'_>) -> Play {
        let named = step.header.recipients.iter().map(|to| match to {
            Address::Jurisdiction { id, .. } => Some(id.clone()),
            Address::Group(_) | Address::Area(_) => None,
        });
        let named: Option<BTreeSet<JurisdictionId>> = named.collect();
        let mut awaited = named.unwrap_or_else(|| self.round.attending().cloned().collect());
        awaited.remove(step.by());
        let mut participants = awaited.clone();
        participants.insert(step.by().clone());
        Play { startex: step.id(), clock: DrillClock::start(step.at), participants, awaited, injects: 0, aborted: None }
    }

    /// K34.
    pub(super) fn injected(&mut self, step: &Step<'_>, inject: &Inject) -> Result<Marks, Invalid> {
        let not_live = |rule: &'static str, detail: &str| {
            Err(Invalid::new(Reason::DrillNotLive, "header.drill.drill_id", rule).detail(detail))
        };
        let Some(play) = self.play.as_mut().filter(|_| self.phase.is_live()) else {
            return not_live("K34.live", self.phase.name());
        };
        if !play.participants.contains(step.by()) {
            return not_live("K34.participant", step.by().as_str());
        }
        if self.phase == Phase::Pausex {
            return Err(wrong_sequence("header.drill.drill_id", "K34.paused", self.phase.name()));
        }
        let known = self.plan.map(|plan| plan.version);
        if inject.plan_version.is_some() && inject.plan_version != known {
            return Err(wrong_sequence("body.plan_version", "K34.plan_version", "it is not the plan that is played"));
        }
        if step.header.action == Action::Originate {
            play.injects += 1;
        }
        Ok(Vec::new())
    }

    pub(super) fn play_part(&self) -> Option<Part> {
        let play = self.play.as_ref()?;
        let planned = self.plan.map_or(0, |plan| plan.injects);
        let detail = format!("{}/{planned}", play.injects);
        let state = match (self.phase, &play.aborted) {
            (_, Some(_)) => StateName { name: "ABORTED", zh: "因真实险情中止", over: true },
            (phase, None) if phase.is_live() => phase.shown(),
            (_, None) => StateName { name: "ENDEX", zh: "已结束", over: true },
        };
        Some(Part { name: "injects".to_owned(), state, detail })
    }
}
