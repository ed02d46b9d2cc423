//! K01: the reports of one incident, 初报, 续报, 终报, 补报. Their author alone reports on; a number of dead is not lowered
//! without a reason, and what nobody knows is unknown, never zero.

mod facts;
mod owed;
mod phase;
#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};

pub use self::{
    facts::{Facts, ReportType},
    phase::Phase,
};
pub use crate::{
    count::{Casualties, Count, proposed_level},
    place::Place,
};

use super::{
    Ledger, Machine, Mark, Marked, Marks, Part, StateName, Step, chain::Chain, closed, not_author, owe::level,
    wrong_sequence,
};
use crate::{
    contradiction::Figures,
    deadline::SUPPLEMENTS_FOR,
    header::Action,
    ids::{Digest, IncidentId, JurisdictionId},
    invalid::Invalid,
    level::EventLevel,
    reason::Reason,
    time::Timestamp,
};

/// The reports of one incident.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub struct Incident {
    chain: Chain,
    phase: Phase,
    newest: Newest,
    /// Numbers of the newest follow-up and of the newest supplement.
    follow_ups: u32,
    supplements: u32,
    /// The earliest time at which the author says it knew.
    known_at: Timestamp,
    /// The incident under which it is reported now.
    merged_into: Option<IncidentId>,
    /// When the newest message came.
    seen_at: Timestamp,
}

/// What stays of the report in force.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
struct Newest {
    level: EventLevel,
    occurred_at: Timestamp,
    sent_at: Timestamp,
    place: Place,
    casualties: Casualties,
    loss_yuan: Option<u64>,
    course: Option<Digest>,
    substance: Digest,
}

impl Newest {
    fn of(step: &Step<'_>, facts: &Facts) -> Self {
        Self {
            level: level(step),
            occurred_at: facts.occurred_at,
            sent_at: step.header.sent_at,
            place: facts.place.clone(),
            casualties: facts.casualties,
            loss_yuan: facts.loss_yuan,
            course: facts.course,
            substance: facts.substance,
        }
    }
}

impl Machine for Incident {
    fn open(step: &Step<'_>, ledger: &mut Ledger) -> Result<(Self, Marks), Invalid> {
        let super::Facts::Incident(facts) = step.facts else {
            return Err(wrong_sequence("header.kind", "K01.opens", "no report of an incident"));
        };
        let phase = opens(step, facts)?;
        let mut incident = Self {
            chain: Chain::of(step),
            phase,
            newest: Newest::of(step, facts),
            follow_ups: 0,
            supplements: 0,
            known_at: facts.known_at,
            merged_into: None,
            seen_at: step.at,
        };
        incident.count(facts);
        if facts.report_type == ReportType::Initial && !step.cancels() {
            owed::first(step, facts, ledger);
        }
        owed::telephoned(step, facts, ledger);
        incident.owe_next(step, ledger);
        Ok((incident, proposal(step, facts).into_iter().collect()))
    }

    fn step(&mut self, step: &Step<'_>, ledger: &mut Ledger) -> Result<Marks, Invalid> {
        let super::Facts::Incident(facts) = step.facts else { return Ok(Marks::new()) };
        if !self.chain.is_by(step) {
            return Err(not_author("K01.author", self.chain.author.as_str()));
        }
        if matches!(step.header.action, Action::Reply | Action::Error) {
            return Err(wrong_sequence("header.action", "K01.updated", step.header.action.name()));
        }
        if let Some(overtaken) = self.chain.overtaken(step) {
            self.filed(step, facts, ledger);
            return Ok(overtaken);
        }
        let phase = self.phase_at(step.at);
        // what is said after the window is kept and marked
        let supplements = phase == Phase::Closed && facts.report_type == ReportType::Supplement && !step.cancels();
        if phase.shown().over && !supplements {
            return Err(closed(phase.shown()));
        }
        if step.cancels() {
            self.ends(Phase::Cancelled, ledger);
            self.moves_to(step);
            return Ok(Marks::new());
        }
        let next = self.phase.reported(facts)?;
        self.numbered(facts)?;
        self.justified(facts)?;
        let marks = self.marks(step, facts);
        self.take(step, facts, next, ledger);
        Ok(marks)
    }

    /// The author knows of all its reports, so it skips no number.
    fn may_send(&self, step: &Step<'_>) -> Result<(), Invalid> {
        let super::Facts::Incident(facts) = step.facts else { return Ok(()) };
        match self.next_number(facts.report_type) {
            Some(next) if facts.sequence_no != next && !step.cancels() => {
                let detail = format!("{}, and {next} is next", facts.sequence_no);
                Err(wrong_sequence("body.sequence_no", "K01.sequence_no", detail))
            }
            Some(_) | None => Ok(()),
        }
    }

    fn state(&self) -> StateName {
        self.state_at(self.seen_at)
    }

    fn state_at(&self, at: Timestamp) -> StateName {
        self.phase_at(at).shown()
    }

    /// The counts in force, at the level in force.
    fn parts(&self) -> Vec<Part> {
        let level = self.newest.level;
        let state = StateName { name: level.name(), zh: level.zh(), over: false };
        let part = |(name, count): (&str, Count)| Part { name: name.to_owned(), state, detail: count.to_string() };
        self.newest.casualties.named().into_iter().map(part).collect()
    }
}

impl Incident {
    /// Where it stands at a time.
    pub fn phase_at(&self, at: Timestamp) -> Phase {
        match self.phase {
            Phase::Final | Phase::Supplemented if at > self.supplements_until() => Phase::Closed,
            phase => phase,
        }
    }

    /// Until when a change of casualties is a supplement. Event types are an open list that tells neither road nor fire,
    /// so the longer window holds for all.
    pub fn supplements_until(&self) -> Timestamp {
        self.newest.occurred_at.plus(SUPPLEMENTS_FOR)
    }

    /// The level in force.
    pub const fn level(&self) -> EventLevel {
        self.newest.level
    }

    /// The counts in force.
    pub const fn casualties(&self) -> &Casualties {
        &self.newest.casualties
    }

    /// The level that the counts in force propose.
    pub fn proposed_level(&self) -> Option<EventLevel> {
        proposed_level(&self.newest.casualties, self.newest.loss_yuan)
    }

    /// Who reports.
    pub const fn author(&self) -> &JurisdictionId {
        &self.chain.author
    }

    /// What is compared with the figures of others.
    pub fn figures(&self) -> Figures {
        let Casualties { dead, missing, .. } = self.newest.casualties;
        Figures { place: self.newest.place.clone(), dead, missing }
    }

    /// Something is still expected of its author before the emergency is over.
    pub const fn is_ongoing(&self) -> bool {
        self.phase.is_ongoing()
    }

    /// The place of occurrence says, in a thread of its own, that this is another incident. Only what still goes on is
    /// merged; anything else stays as it is.
    pub fn merged(&mut self, into: IncidentId, ledger: &mut Ledger) {
        if self.is_ongoing() {
            self.merged_into = Some(into);
            self.ends(Phase::Merged, ledger);
        }
    }

    /// Under which id it is reported now.
    pub const fn merged_into(&self) -> Option<&IncidentId> {
        self.merged_into.as_ref()
    }

    /// An earlier report that came late changes nothing, but the first one tells since when duties ran.
    fn filed(&mut self, step: &Step<'_>, facts: &Facts, ledger: &mut Ledger) {
        if facts.report_type == ReportType::Initial {
            self.known_at = self.known_at.min(facts.known_at);
            owed::first(step, facts, ledger);
            owed::telephoned(step, facts, ledger);
        }
        if self.state().over {
            ledger.void_all();
        }
    }

    fn ends(&mut self, phase: Phase, ledger: &mut Ledger) {
        self.phase = phase;
        ledger.void_all();
    }

    fn moves_to(&mut self, step: &Step<'_>) {
        self.seen_at = self.seen_at.max(step.at);
        self.chain.moves_to(step);
    }

    const fn next_number(&self, report: ReportType) -> Option<u32> {
        match report {
            ReportType::FollowUp => Some(self.follow_ups.saturating_add(1)),
            ReportType::Supplement => Some(self.supplements.saturating_add(1)),
            ReportType::Initial | ReportType::Final => None,
        }
    }

    /// Numbers rise. One that was skipped may have been overtaken.
    fn numbered(&self, facts: &Facts) -> Result<(), Invalid> {
        match self.next_number(facts.report_type) {
            Some(next) if facts.sequence_no < next => {
                let detail = format!("{} after {}", facts.sequence_no, next.saturating_sub(1));
                Err(wrong_sequence("body.sequence_no", "K01.sequence_no", detail))
            }
            Some(_) | None => Ok(()),
        }
    }

    const fn count(&mut self, facts: &Facts) {
        match facts.report_type {
            ReportType::FollowUp => self.follow_ups = facts.sequence_no,
            ReportType::Supplement => self.supplements = facts.sequence_no,
            ReportType::Initial | ReportType::Final => {}
        }
    }

    /// A number of dead that falls, or that nobody knows any more, is explained.
    fn justified(&self, facts: &Facts) -> Result<(), Invalid> {
        let falls = self.newest.casualties.dead.falls_to(facts.casualties.dead);
        if falls && !facts.corrects {
            return Err(Invalid::new(Reason::MissingField, "body.correction_reason", "K01.correction_reason"));
        }
        Ok(())
    }

    fn marks(&self, step: &Step<'_>, facts: &Facts) -> Marks {
        let whole = |mark| Marked::new(mark, "");
        let mut marks: Marks = proposal(step, facts).into_iter().chain(self.late(facts)).collect();
        if facts.report_type == ReportType::Supplement && step.at > self.supplements_until() {
            marks.push(whole(Mark::OutOfWindow));
        }
        if facts.report_type == ReportType::FollowUp {
            if facts.substance == self.newest.substance && level(step) == self.newest.level {
                marks.push(whole(Mark::NothingNew));
            }
            if facts.course.is_some() && facts.course == self.newest.course {
                marks.push(Marked::new(Mark::NothingNew, "brief_course"));
            }
        }
        marks
    }

    /// What was known before the report before was sent, and did not stand in it 疑似漏报: more people, or an earlier
    /// knowledge of the whole.
    fn late(&self, facts: &Facts) -> impl Iterator<Item = Marked> {
        let before = &self.newest;
        let counts = before
            .casualties
            .against(&facts.casualties)
            .filter(|(_, then, now)| then.rises_to(*now) && now.as_of.is_some_and(|as_of| as_of < before.sent_at));
        let counts = counts.map(|(name, _, _)| format!("casualties.{name}"));
        let known = (facts.known_at < self.known_at).then(|| "known_at".to_owned());
        counts.chain(known).map(|about| Marked::new(Mark::LateKnown, about))
    }

    fn take(&mut self, step: &Step<'_>, facts: &Facts, next: Phase, ledger: &mut Ledger) {
        owed::telephoned(step, facts, ledger);
        match facts.report_type {
            ReportType::Initial => {}
            ReportType::FollowUp => {
                owed::followed_up(step, self.follow_ups.saturating_add(1), ledger);
                owed::deaths_changed(step, facts, &self.newest, ledger);
            }
            ReportType::Final => owed::final_reported(step, ledger),
            ReportType::Supplement => owed::supplemented(step, facts, &self.newest, ledger),
        }
        let before = std::mem::replace(&mut self.phase, next);
        self.known_at = self.known_at.min(facts.known_at);
        let course = facts.course.or(self.newest.course);
        self.newest = Newest { course, ..Newest::of(step, facts) };
        self.count(facts);
        self.moves_to(step);
        match (before, next) {
            (_, Phase::Refuted) => ledger.void_all(),
            (Phase::Resolved, Phase::Resolved) => {}
            (Phase::Resolved, Phase::Open) => {
                owed::reopened(step, ledger);
                self.owe_next(step, ledger);
            }
            _ => self.owe_next(step, ledger),
        }
    }

    /// What is owed after a report: the next one while it is open, the final one after the emergency.
    fn owe_next(&self, step: &Step<'_>, ledger: &mut Ledger) {
        match self.phase {
            Phase::Reported | Phase::Open => owed::follow_up(step, self.follow_ups.saturating_add(1), ledger),
            Phase::Resolved => owed::final_report(step, self.follow_ups, ledger),
            Phase::Final | Phase::Supplemented | Phase::Closed | Phase::Refuted | Phase::Merged | Phase::Cancelled => {}
        }
    }
}

/// The state that the first message to arrive leads to. A first report opens; a later one may have overtaken it.
fn opens(step: &Step<'_>, facts: &Facts) -> Result<Phase, Invalid> {
    let wrong = |field: &'static str, rule: &'static str| Err(wrong_sequence(field, rule, facts.report_type.name()));
    match (step.header.action, facts.report_type) {
        (Action::Cancel, _) => Ok(Phase::Cancelled),
        (Action::Update, report) => Phase::before(report).reported(facts),
        (Action::Originate, ReportType::Initial) if facts.resolved => {
            wrong("body.resolved", "K01.resolved_by_follow_up")
        }
        (Action::Originate, ReportType::Initial) if facts.refuted => {
            wrong("body.verification_state", "K01.refuted_while_open")
        }
        (Action::Originate, ReportType::Initial) => Ok(Phase::Reported),
        (Action::Originate, _) => wrong("body.report_type", "K01.initial_opens"),
        (Action::Reply | Action::Error, _) => {
            Err(wrong_sequence("header.action", "K01.opens", step.header.action.name()))
        }
    }
}

/// The counts propose a graver level than the declared one.
fn proposal(step: &Step<'_>, facts: &Facts) -> Option<Marked> {
    let proposed = proposed_level(&facts.casualties, facts.loss_yuan).filter(|proposed| *proposed < level(step))?;
    Some(Marked::new(Mark::LevelProposal, proposed.name()))
}
