//! Whether a neighbour counts the dead and missing of an incident otherwise than we do. Each difference is a task at either
//! desk until one of them says something else.

use std::collections::BTreeMap;

use model::{
    contradiction::{Difference, Figures, differences, newest},
    count::Count,
    header::{Header, Status},
    ids::{Digest, IncidentId, JurisdictionId},
    kind::Kind,
    task::{TaskKind, figures_task_id},
    thread::{AnyMachine, Thread, situation::Situation},
};
use proto::record::TaskRow;
use store::FoldError;

use super::{
    Folding, bytes_of,
    matters::{MatterState, TEXT_BYTES, cut},
    number, query,
};

/// What a neighbour says otherwise.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Contradiction {
    with: JurisdictionId,
    difference: Difference,
}

impl Contradiction {
    /// The same for the same figures: they are one task, whoever says them again.
    fn task(&self, incident: &IncidentId) -> [u8; 16] {
        let Difference { figure, place, one, other } = &self.difference;
        let said = format!("{incident} {} {} {} {figure} {one} {other}", self.with, place.division, place.name);
        figures_task_id(&Digest::of(said.as_bytes()))
    }

    fn detail(&self, us: &JurisdictionId, utc_offset_min: i32) -> String {
        let Difference { figure, place, one, other } = &self.difference;
        let said = |who: &JurisdictionId, count: Count| {
            let at = count.as_of.map(|at| at.civil(utc_offset_min).to_string());
            let at = at.and_then(|at| at.get(5..16).map(str::to_owned)).unwrap_or_default();
            format!("{who} {count} ({at})")
        };
        let (ours, theirs) = (said(us, *one), said(&self.with, *other));
        format!("{} {} {figure}: {ours} / {theirs}", place.name, figure.zh())
    }
}

impl Folding<'_, '_> {
    /// What neighbours say otherwise about the incident of a report that is about to take its step; nothing for other kinds.
    pub(super) fn contradicted(&self, header: &Header) -> Result<Vec<Contradiction>, FoldError> {
        let counts = matches!(header.kind, Kind::IncidentReport | Kind::SituationReport);
        match &header.incident_id {
            Some(incident) if counts && header.status == Status::Actual => self.contradictions(incident),
            Some(_) | None => Ok(Vec::new()),
        }
    }

    /// The report has taken its step: what nobody says any more is no task any more, and what is new is one.
    pub(super) fn compare(&mut self, header: &Header, before: &[Contradiction]) -> Result<(), FoldError> {
        let Some(incident) = &header.incident_id else { return Ok(()) };
        self.number_reports(header, incident)?;
        let now = self.contradicted(header)?;
        for gone in before.iter().filter(|one| !now.contains(one)) {
            self.close_task(&gone.task(incident), "AGREED")?;
        }
        for new in now.iter().filter(|one| !before.contains(one)) {
            let row = TaskRow {
                kind: number(TaskKind::Discrepancy.number()),
                message_id: bytes_of(header.message_id),
                about: new.with.to_string(),
                detail: cut(&new.detail(self.us, header.utc_offset_min), TEXT_BYTES),
                ..TaskRow::default()
            };
            self.raise_task(new.task(incident), &row)?;
        }
        Ok(())
    }

    fn contradictions(&self, incident: &IncidentId) -> Result<Vec<Contradiction>, FoldError> {
        let mut said: BTreeMap<JurisdictionId, Vec<Figures>> = BTreeMap::new();
        for (_, state) in query::counted(self.rows, incident)? {
            if let Some((author, figures)) = figures(&state) {
                said.entry(author).or_default().extend(figures);
            }
        }
        let Some(ours) = said.remove(self.us).map(newest) else { return Ok(Vec::new()) };
        let differ = |(with, theirs): (JurisdictionId, Vec<Figures>)| {
            let found = differences(&ours, &newest(theirs));
            found.into_iter().map(move |difference| Contradiction { with: with.clone(), difference })
        };
        Ok(said.into_iter().flat_map(differ).collect())
    }

    /// A situation report with a higher number of the same author is there: the earlier ones are followed.
    fn number_reports(&mut self, header: &Header, incident: &IncidentId) -> Result<(), FoldError> {
        if header.kind != Kind::SituationReport {
            return Ok(());
        }
        let author = &header.sender.jurisdiction;
        let all = query::counted(self.rows, incident)?;
        let of_author = all.iter().filter(|(_, state)| state.status == header.status).filter_map(|(key, state)| {
            situation(state).filter(|report| report.author() == author).map(|report| (key, report.number()))
        });
        let of_author: Vec<_> = of_author.collect();
        let Some(newest) = of_author.iter().map(|(_, number)| *number).max() else { return Ok(()) };
        for (key, _) in of_author.iter().filter(|(_, number)| *number < newest) {
            self.change(key, |state| {
                if let Some(Thread { machine: AnyMachine::Situation(report), .. }) = &mut state.thread {
                    report.followed(newest);
                }
            })?;
        }
        Ok(())
    }
}

/// Who counted, and what.
fn figures(state: &MatterState) -> Option<(JurisdictionId, Vec<Figures>)> {
    if state.status != Status::Actual {
        return None;
    }
    match &state.thread.as_ref()?.machine {
        AnyMachine::Incident(report) => Some((report.author().clone(), vec![report.figures()])),
        AnyMachine::Situation(report) => Some((report.author().clone(), report.figures().collect())),
        _ => None,
    }
}

fn situation(state: &MatterState) -> Option<&Situation> {
    match &state.thread.as_ref()?.machine {
        AnyMachine::Situation(report) => Some(report),
        _ => None,
    }
}
