//! K31, K32 and K35, from the invitation.

use std::time::Duration;

use model::{deadline::DeadlineName, thread::drill};
use proto::{border, status::Lang, v1, v1::body::Body};

use super::Ground;

fn invitation<'a>(ground: &Ground<'a>) -> Option<&'a v1::DrillInvitation> {
    match ground.body()? {
        Body::DrillInvitation(drill) => Some(drill),
        _ => None,
    }
}

/// An answer to the sequence that was read.
pub fn reply(ground: &Ground<'_>) -> Option<Body> {
    let drill = invitation(ground)?;
    let contact = v1::Contact {
        name: ground.officer.name.clone(),
        role: ground.officer.role,
        phone: ground.phone.to_owned(),
        ..v1::Contact::default()
    };
    Some(Body::DrillReply(v1::DrillReply {
        drill_id: drill.drill_id.clone(),
        sequence: drill.sequence,
        contact: Some(contact),
        ..v1::DrillReply::default()
    }))
}

/// The first draft of a script.
pub fn plan(ground: &Ground<'_>) -> Option<Body> {
    let drill = invitation(ground)?;
    Some(Body::DrillPlan(v1::DrillPlan {
        drill_id: drill.drill_id.clone(),
        sequence: drill.sequence,
        version: 1,
        state: v1::PlanState::Draft.into(),
        ..v1::DrillPlan::default()
    }))
}

/// Entries of one list of a body at most, as the contract says.
const ENTRIES_MAX: usize = 64;
/// By when an improvement is done if nobody says otherwise: when it is looked at for the first time.
const IMPROVED_WITHIN: Duration = drill::LOOK_EVERY;

/// The next stage of the review: a result for each objective, the times that were taken, and an improvement for each that
/// was not kept. How it went, a person says.
pub fn evaluation(ground: &Ground<'_>) -> Option<Body> {
    let (drill_id, objectives) = match (ground.score, invitation(ground)) {
        (Some(score), _) => (&score.drill_id, &score.objectives),
        (None, Some(drill)) => (&drill.drill_id, &drill.objectives),
        (None, None) => return None,
    };
    let result = |objective: &v1::DrillObjective| v1::ObjectiveResult {
        objective_id: objective.objective_id.clone(),
        ..v1::ObjectiveResult::default()
    };
    let stage = match ground.score.map_or("", |score| &score.state) {
        "HOTWASH" => v1::EvaluationStage::ReviewDraft,
        "REVIEW_DRAFT" | "REVIEW_FINAL" => v1::EvaluationStage::ReviewFinal,
        _ => v1::EvaluationStage::Hotwash,
    };
    let times: &[v1::TimeSeen] = ground.score.map_or(&[], |score| &score.times);
    Some(Body::DrillEvaluation(v1::DrillEvaluation {
        drill_id: drill_id.clone(),
        stage: stage.into(),
        results: objectives.iter().map(result).collect(),
        observed: observed(times),
        improvements: improvements(ground, times),
        evaluators: vec![ground.seat()],
        ..v1::DrillEvaluation::default()
    }))
}

/// The times, in the order in which they were owed. Where there are more than a review holds, those that were not kept
/// come before those that were.
fn observed(times: &[v1::TimeSeen]) -> Vec<v1::ObservedTime> {
    let mut chosen: Vec<(usize, &v1::ObservedTime)> =
        times.iter().filter_map(|seen| seen.time.as_ref()).enumerate().collect();
    chosen.sort_by_key(|(at, time)| (time.met() == v1::YesNo::Yes, *at));
    chosen.truncate(ENTRIES_MAX);
    chosen.sort_by_key(|(at, _)| *at);
    chosen.into_iter().map(|(_, time)| time.clone()).collect()
}

/// One proposal for each deadline that somebody did not keep, however often; a person edits it, or strikes it out.
fn improvements(ground: &Ground<'_>, times: &[v1::TimeSeen]) -> Vec<v1::Improvement> {
    let mut missed: Vec<(&v1::TimeSeen, &v1::ObservedTime)> = Vec::new();
    for seen in times {
        let Some(time) = seen.time.as_ref().filter(|time| time.met() == v1::YesNo::No) else { continue };
        let same = |(_, other): &(_, &v1::ObservedTime)| other.deadline == time.deadline && whose(other) == whose(time);
        if !missed.iter().any(same) {
            missed.push((seen, time));
        }
    }
    let due = border::time::to_wire(ground.now.plus(IMPROVED_WITHIN));
    let proposal = |(at, (seen, time)): (usize, (&v1::TimeSeen, &v1::ObservedTime))| v1::Improvement {
        item_id: format!("{}-{}", ground.number('A'), at + 1),
        objective_id: seen.objective_ids.first().cloned().unwrap_or_default(),
        text: missed_text(ground.lang, seen, time),
        owner: time.obligor.clone(),
        due: Some(due),
        recurrence_of: String::new(),
    };
    missed.into_iter().take(ENTRIES_MAX).enumerate().map(proposal).collect()
}

fn whose(time: &v1::ObservedTime) -> &str {
    time.obligor.as_ref().map_or("", |obligor| &obligor.jurisdiction)
}

fn missed_text(lang: Lang, seen: &v1::TimeSeen, time: &v1::ObservedTime) -> String {
    let (deadline, allowed) = (&time.deadline, time.allowed_s.div_ceil(60));
    let name = deadline.parse::<DeadlineName>().map_or("", DeadlineName::en);
    match (lang, time.taken_s.map(|taken| taken.div_ceil(60))) {
        (Lang::Zh, Some(taken)) => {
            format!("按时完成{}（{deadline}）：演练中用时 {taken} 分钟，允许 {allowed} 分钟", seen.text_zh)
        }
        (Lang::Zh, None) => format!("按时完成{}（{deadline}）：演练中未完成，允许 {allowed} 分钟", seen.text_zh),
        (Lang::En, Some(taken)) => {
            format!("Keep {deadline} ({name}): {taken} min taken in the drill, {allowed} min allowed")
        }
        (Lang::En, None) => format!("Keep {deadline} ({name}): not done in the drill, {allowed} min allowed"),
    }
}
