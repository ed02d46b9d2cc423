//! K40, K41, K43 and K44: one meeting from its notice to its confirmed minutes. All its threads are one matter, by the
//! meeting's id.
//!
//! Notices, the agenda's news and minutes move it on; that it is being held, and that nobody's word on the minutes is
//! waited for any more, is the time's doing.

pub mod minutes;
mod owed;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::{
    Ledger, Machine, Marks, Obligor, Part, StateName, Step,
    chain::Chain,
    closed,
    invitation::{self, Invited, OF_MEETINGS, Period, Reply, Round, Word},
    no_part, not_author, wrong_sequence,
};
use crate::{
    agenda::AgendaStatus, header::Action, ids::JurisdictionId, invalid::Invalid, numbered::numbered, time::Timestamp,
};

pub use self::minutes::{Minutes, MinutesWord, Record};

/// What the machine needs of K40, K41, K43 and K44.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Facts {
    /// K40.
    Notice(Notice),
    /// K41, and the meeting that it names.
    Reply(String, Reply),
    /// K43, of the agenda that bears the meeting's id; what becomes of single items moves no meeting on.
    Agenda(String, Option<AgendaStatus>),
    /// K44: the minutes.
    Record(String, Record),
    /// K44: a member's word on them.
    Word(String, MinutesWord),
}

impl Facts {
    /// The meeting.
    pub fn meeting_id(&self) -> &str {
        match self {
            Self::Notice(Notice { meeting_id, .. })
            | Self::Reply(meeting_id, _)
            | Self::Agenda(meeting_id, _)
            | Self::Record(meeting_id, _)
            | Self::Word(meeting_id, _) => meeting_id,
        }
    }
}

/// K40: when, and who is asked.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Notice {
    /// The meeting.
    pub meeting_id: String,
    /// Rises whenever the date changes.
    pub sequence: u32,
    /// Invites or calls off.
    pub method: Method,
    /// When it is held.
    pub period: Period,
    /// Who has the chair.
    pub chair: JurisdictionId,
    /// Who must come.
    pub required: Vec<Obligor>,
    /// Who may come.
    pub optional: Vec<Obligor>,
    /// By when an answer is asked for.
    pub rsvp_by: Option<Timestamp>,
}

numbered! {
    /// What a notice does.
    pub enum Method as "method" {
        /// Invites, or says anew when and where.
        Request = 1, "REQUEST", "邀请";
        /// Calls it off.
        Cancel = 2, "CANCEL", "取消";
    }
}

numbered! {
    /// Where a meeting stands. On no wire; the number is its place in the catalogue's row.
    pub enum Phase as "phase" {
        /// Its agenda is being prepared; nobody is invited yet.
        Planned = 1, "PLANNED", "筹备中";
        /// Invited.
        Noticed = 2, "NOTICED", "已通知";
        /// Proposals are welcome.
        Open = 3, "OPEN", "征集议题";
        /// The agenda stands.
        Locked = 4, "LOCKED", "议程已锁定";
        /// It has been held; minutes are owed.
        Held = 5, "HELD", "已召开";
        /// Minutes are there; words on them are awaited.
        Minuted = 6, "MINUTED", "纪要待确认";
        /// Everybody has confirmed them.
        Confirmed = 7, "CONFIRMED", "纪要已确认";
        /// Confirmed, and the time for words on them is over.
        Closed = 8, "CLOSED", "已结案";
        /// Called off.
        Cancelled = 9, "CANCELLED", "已取消";
    }
}

/// One meeting.
#[derive(Clone, Debug, Default, Eq, PartialEq, Serialize, Deserialize)]
pub struct Meeting {
    notice: Option<Chain>,
    round: Option<Round>,
    agenda: Option<AgendaStatus>,
    /// Who asked for the newest notice since it was sent.
    refresh: BTreeSet<JurisdictionId>,
    minutes: Option<Minutes>,
    cancelled: bool,
    /// When the newest message came.
    seen_at: Timestamp,
}

impl Machine for Meeting {
    fn open(step: &Step<'_>, ledger: &mut Ledger) -> Result<(Self, Marks), Invalid> {
        let mut meeting = Self::default();
        let marks = meeting.step(step, ledger)?;
        Ok((meeting, marks))
    }

    fn step(&mut self, step: &Step<'_>, ledger: &mut Ledger) -> Result<Marks, Invalid> {
        let super::Facts::Meeting(facts) = step.facts else { return Ok(Vec::new()) };
        let phase = self.phase_at(step.at);
        if matches!(phase, Phase::Cancelled | Phase::Closed) {
            return Err(closed(shown(phase)));
        }
        let marks = match facts {
            Facts::Notice(notice) => self.noticed(step, notice, ledger),
            Facts::Reply(_, reply) => self.answered(step, reply, ledger),
            Facts::Agenda(_, status) => self.agenda_is(step, *status, ledger),
            Facts::Record(_, record) => self.minuted(step, record, ledger),
            Facts::Word(_, word) => self.confirmed(step, *word, ledger),
        }?;
        self.seen_at = self.seen_at.max(step.at);
        Ok(marks)
    }

    fn state(&self) -> StateName {
        self.state_at(self.seen_at)
    }

    fn state_at(&self, at: Timestamp) -> StateName {
        shown(self.phase_at(at))
    }

    fn parts(&self) -> Vec<Part> {
        self.parts_at(self.seen_at)
    }

    fn parts_at(&self, at: Timestamp) -> Vec<Part> {
        let attendance = self.round.iter().flat_map(Round::parts);
        attendance.chain(self.minutes.iter().flat_map(|minutes| minutes.parts(at))).collect()
    }
}

impl Meeting {
    /// Where it stands at a time.
    pub fn phase_at(&self, at: Timestamp) -> Phase {
        let Some(round) = &self.round else { return Phase::Planned };
        match (&self.minutes, self.agenda) {
            _ if self.cancelled => Phase::Cancelled,
            (Some(minutes), _) if !minutes.is_confirmed() => Phase::Minuted,
            (Some(minutes), _) if at > minutes.confirm_by => Phase::Closed,
            (Some(_), _) => Phase::Confirmed,
            (None, _) if at >= round.period.end => Phase::Held,
            (None, Some(AgendaStatus::Locked | AgendaStatus::Final)) => Phase::Locked,
            (None, Some(AgendaStatus::OpenForProposals)) => Phase::Open,
            (None, Some(AgendaStatus::Draft) | None) => Phase::Noticed,
        }
    }

    /// The notice in force, and what was said to it: the attendance list.
    pub const fn round(&self) -> Option<&Round> {
        self.round.as_ref()
    }

    /// Until when members propose items; the agenda is locked two days later.
    pub fn proposals_until(&self) -> Option<Timestamp> {
        self.round.as_ref().map(|round| round.period.start.minus(owed::PROPOSALS_AHEAD))
    }

    /// Who called it.
    pub fn organiser(&self) -> Option<&JurisdictionId> {
        self.notice.as_ref().map(|notice| &notice.author)
    }

    /// Who asked for the newest notice since it was sent; the organiser's desk sends it again.
    pub fn wants_refresh(&self) -> impl Iterator<Item = &JurisdictionId> {
        self.refresh.iter()
    }

    /// Its minutes.
    pub const fn minutes(&self) -> Option<&Minutes> {
        self.minutes.as_ref()
    }

    /// K40.
    fn noticed(&mut self, step: &Step<'_>, notice: &Notice, ledger: &mut Ledger) -> Result<Marks, Invalid> {
        if *step.by() != notice.chair {
            return Err(not_author("K40.chair", notice.chair.as_str()));
        }
        if matches!(step.header.action, Action::Reply | Action::Error) {
            return Err(wrong_sequence("header.action", "K40.updated", step.header.action.name()));
        }
        match (&self.notice, &self.round) {
            (Some(before), _) if !before.is_by(step) => Err(not_author("K40.organiser", before.author.as_str())),
            (Some(before), _) if before.thread != step.header.thread() => {
                Err(wrong_sequence("body.meeting_id", "K40.noticed_once", "a change is an UPDATE of the notice"))
            }
            (Some(before), Some(round)) => {
                if let Some(overtaken) = before.overtaken(step) {
                    return Ok(overtaken);
                }
                let round = round.clone();
                self.noticed_again(step, notice, &round, ledger)
            }
            _ => self.first_notice(step, notice, ledger),
        }
    }

    fn first_notice(&mut self, step: &Step<'_>, notice: &Notice, ledger: &mut Ledger) -> Result<Marks, Invalid> {
        match (step.header.action, notice.method) {
            (Action::Originate, _) if notice.sequence != 1 => {
                Err(wrong_sequence("body.sequence", "K40.sequence_from_1", notice.sequence.to_string()))
            }
            // the first one may have given way to it on its way here
            (Action::Originate | Action::Update, Method::Request) => {
                self.call(step, notice, ledger);
                Ok(Vec::new())
            }
            (action, method) => {
                Err(wrong_sequence("body.method", "K40.opens", format!("{} {}", action.name(), method.name())))
            }
        }
    }

    /// Another date, other words, or the end of it.
    fn noticed_again(
        &mut self,
        step: &Step<'_>,
        notice: &Notice,
        round: &Round,
        ledger: &mut Ledger,
    ) -> Result<Marks, Invalid> {
        let phase = self.phase_at(step.at);
        if !matches!(phase, Phase::Noticed | Phase::Open | Phase::Locked) {
            return Err(wrong_sequence("header.action", "K40.before_it_is_held", phase.name()));
        }
        if step.header.action == Action::Cancel || notice.method == Method::Cancel {
            self.cancelled = true;
            ledger.void_all();
        } else {
            self.moved(step, notice, round, ledger)?;
        }
        if let Some(chain) = &mut self.notice {
            chain.moves_to(step);
        }
        self.refresh.clear();
        Ok(Vec::new())
    }

    /// A new date or others asked begin a new round; answers to the old one count no longer.
    fn moved(&mut self, step: &Step<'_>, notice: &Notice, round: &Round, ledger: &mut Ledger) -> Result<(), Invalid> {
        let detail = || format!("{}, and {} is in force", notice.sequence, round.sequence);
        if notice.sequence < round.sequence {
            return Err(wrong_sequence("body.sequence", "K40.stale_sequence", detail()));
        }
        if notice.sequence == round.sequence {
            let same = round.is_same(notice.period, &asked(step, notice)).then_some(());
            return same.ok_or_else(|| wrong_sequence("body.sequence", "K40.next_sequence", detail()));
        }
        owed::void_round(round, step.by(), ledger);
        self.call(step, notice, ledger);
        Ok(())
    }

    fn call(&mut self, step: &Step<'_>, notice: &Notice, ledger: &mut Ledger) {
        let round = owed::round(step, notice, asked(step, notice), ledger);
        if matches!(self.agenda, Some(AgendaStatus::Locked | AgendaStatus::Final)) {
            owed::agenda_is_locked(&round, step, ledger);
        }
        self.round = Some(round);
        self.notice = Some(Chain::of(step));
    }

    /// K41.
    fn answered(&mut self, step: &Step<'_>, reply: &Reply, ledger: &mut Ledger) -> Result<Marks, Invalid> {
        let phase = self.phase_at(step.at);
        let organiser = self.notice.as_ref().is_some_and(|notice| notice.is_by(step));
        let Some(round) = &mut self.round else { return Err(needs_notice()) };
        if !matches!(phase, Phase::Noticed | Phase::Open | Phase::Locked) {
            return Err(wrong_sequence("header.action", "K41.before_it_is_held", phase.name()));
        }
        match (step.header.action, reply.word) {
            (Action::Originate | Action::Error, _) => {
                return Err(wrong_sequence("header.action", "K41.answers", step.header.action.name()));
            }
            (Action::Cancel, _) => round.withdraw(step, &OF_MEETINGS)?,
            (Action::Reply | Action::Update, Word::Refresh) if round.invited.contains_key(step.by()) => {
                self.refresh.insert(step.by().clone());
            }
            (Action::Reply | Action::Update, Word::Refresh) => {
                return Err(no_part(OF_MEETINGS.uninvited, step.by().as_str()));
            }
            (Action::Reply | Action::Update, Word::DeclineCounter) if organiser => {
                round.keep(step, reply, &OF_MEETINGS)?;
            }
            (Action::Reply | Action::Update, Word::DeclineCounter) => {
                return Err(no_part(OF_MEETINGS.organiser, step.by().as_str()));
            }
            (Action::Reply | Action::Update, _) => round.answer(step, reply, ledger, &OF_MEETINGS)?,
        }
        Ok(Vec::new())
    }

    /// K43. An agenda may be open for proposals before anybody is invited.
    fn agenda_is(
        &mut self,
        step: &Step<'_>,
        status: Option<AgendaStatus>,
        ledger: &mut Ledger,
    ) -> Result<Marks, Invalid> {
        if let Some(notice) = self.notice.as_ref().filter(|notice| !notice.is_by(step)) {
            return Err(not_author("K43.owner", notice.author.as_str()));
        }
        let Some(next) = status else { return Ok(Vec::new()) };
        if let Some(now) = self.agenda {
            now.may_become(next).map_err(|_| wrong_sequence("body.what", "K43.final", next.name()))?;
        }
        self.agenda = Some(next);
        if let (Some(round), AgendaStatus::Locked | AgendaStatus::Final) = (&self.round, next) {
            owed::agenda_is_locked(round, step, ledger);
        }
        Ok(Vec::new())
    }

    /// K44: the minutes, or a correction of them.
    fn minuted(&mut self, step: &Step<'_>, record: &Record, ledger: &mut Ledger) -> Result<Marks, Invalid> {
        let (Some(notice), Some(round)) = (&self.notice, &self.round) else { return Err(needs_notice()) };
        if !notice.is_by(step) {
            return Err(not_author("K44.chair", notice.author.as_str()));
        }
        if step.at < round.period.start {
            return Err(wrong_sequence("header.action", "K44.after_it_is_held", self.phase_at(step.at).name()));
        }
        if !matches!(step.header.action, Action::Originate | Action::Update) {
            return Err(wrong_sequence("header.action", "K44.next_revision", "minutes change by their next revision"));
        }
        match &mut self.minutes {
            None => {
                owed::minutes_are_there(round, step, ledger);
                self.minutes = Some(Minutes::write(step, record, ledger));
                Ok(Vec::new())
            }
            Some(minutes) => minutes.correct(step, record, ledger),
        }
    }

    /// K44: a member's word.
    fn confirmed(&mut self, step: &Step<'_>, word: MinutesWord, ledger: &mut Ledger) -> Result<Marks, Invalid> {
        let minutes = self.minutes.as_mut();
        let minutes =
            minutes.ok_or_else(|| wrong_sequence("header.action", "K44.minutes", "there are no minutes yet"))?;
        minutes.hear(step, word, ledger)
    }
}

fn needs_notice() -> Invalid {
    wrong_sequence("body.meeting_id", "K40.opens", "no notice of this meeting is known")
}

fn asked(step: &Step<'_>, notice: &Notice) -> BTreeMap<JurisdictionId, Invited> {
    invitation::asked(step.by(), &notice.required, &notice.optional)
}

fn shown(phase: Phase) -> StateName {
    StateName { name: phase.name(), zh: phase.zh(), over: matches!(phase, Phase::Closed | Phase::Cancelled) }
}
