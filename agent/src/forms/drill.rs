//! K31, K32 and K35, from the invitation.

use std::time::Duration;

use model::{deadline::DeadlineName, limits::LIST_MAX, thread::drill};
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

/// By when an improvement is done if nobody says otherwise: when it is looked at for the first time.
const IMPROVED_WITHIN: Duration = drill::LOOK_EVERY;

/// The next stage of the review: what the last one said, a result for each objective, the times that were taken, and an
/// improvement for each that was not kept. How it went, a person says.
pub fn evaluation(ground: &Ground<'_>) -> Option<Body> {
    let (drill_id, objectives) = match (ground.score, invitation(ground)) {
        (Some(score), _) => (&score.drill_id, &score.objectives),
        (None, Some(drill)) => (&drill.drill_id, &drill.objectives),
        (None, None) => return None,
    };
    let last = ground.score.and_then(|score| score.evaluation.clone()).unwrap_or_default();
    let result = |objective: &v1::DrillObjective| {
        let objective_id = objective.objective_id.clone();
        let rated = last.results.iter().find(|result| result.objective_id == objective_id);
        rated.cloned().unwrap_or(v1::ObjectiveResult { objective_id, ..v1::ObjectiveResult::default() })
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
        improvements: if last.improvements.is_empty() { improvements(ground, times) } else { last.improvements },
        evaluators: if last.evaluators.is_empty() { vec![ground.seat()] } else { last.evaluators },
        observations: last.observations,
        review: last.review,
    }))
}

/// The times, in the order in which they were owed. Where there are more than a review holds, those that were not kept
/// come before those that were.
fn observed(times: &[v1::TimeSeen]) -> Vec<v1::ObservedTime> {
    let mut chosen: Vec<(usize, &v1::ObservedTime)> =
        times.iter().filter_map(|seen| seen.time.as_ref()).enumerate().collect();
    chosen.sort_by_key(|(at, time)| (time.met() == v1::YesNo::Yes, *at));
    chosen.truncate(LIST_MAX);
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
    missed.into_iter().take(LIST_MAX).enumerate().map(proposal).collect()
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn time(deadline: &str, by: &str, taken_s: Option<u32>, met: v1::YesNo) -> v1::TimeSeen {
        v1::TimeSeen {
            text_zh: "答复资源请求".to_owned(),
            time: Some(v1::ObservedTime {
                deadline: deadline.to_owned(),
                obligor: Some(v1::Seat { jurisdiction: by.to_owned(), ..v1::Seat::default() }),
                allowed_s: 3_600,
                taken_s,
                met: met.into(),
                ..v1::ObservedTime::default()
            }),
            objective_ids: vec!["OBJ-2".to_owned()],
            ..v1::TimeSeen::default()
        }
    }

    fn drafted(score: &v1::DrillScoreResponse, lang: Lang) -> v1::DrillEvaluation {
        let us = "371300".parse().unwrap();
        let officer = v1::Officer::default();
        let ground = Ground {
            us: &us,
            officer: &officer,
            phone: "",
            now: model::time::Timestamp::from_millis(1_810_083_600_000),
            fresh: model::ids::MessageId([9; 16]),
            link_up: true,
            open_incidents: &[],
            before: None,
            find: &|_| None,
            score: Some(score),
            is_set: &|_| false,
            lang,
        };
        let Some(Body::DrillEvaluation(review)) = evaluation(&ground) else { panic!("a review") };
        review
    }

    #[test]
    fn each_deadline_that_somebody_missed_is_proposed_once_and_what_was_kept_is_not() {
        let times = vec![
            time("D10", "320300", Some(2_460), v1::YesNo::Yes),
            time("D10", "320700", Some(4_500), v1::YesNo::No),
            time("D10", "320700", None, v1::YesNo::No),
            time("D15", "320700", None, v1::YesNo::No),
        ];
        let score = v1::DrillScoreResponse { times, ..v1::DrillScoreResponse::default() };

        let review = drafted(&score, Lang::Zh);

        let texts: Vec<_> = review.improvements.iter().map(|item| item.text.as_str()).collect();
        let late = "按时完成答复资源请求（D10）：演练中用时 75 分钟，允许 60 分钟";
        assert_eq!(texts, [late, "按时完成答复资源请求（D15）：演练中未完成，允许 60 分钟"]);
        let item = &review.improvements[0];
        assert_eq!((&*item.objective_id, &*item.owner.as_ref().unwrap().jurisdiction), ("OBJ-2", "320700"));
        assert_ne!(item.item_id, review.improvements[1].item_id);
        assert_eq!((review.observed.len(), review.stage()), (4, v1::EvaluationStage::Hotwash));
        let english = drafted(&score, Lang::En).improvements.remove(0).text;
        assert!(english.starts_with("Keep D10 (") && english.contains("75 min taken"), "{english}");
    }

    #[test]
    fn of_more_times_than_a_review_holds_those_that_were_not_kept_are_all_there() {
        let kept = (0..70).map(|at| time("D01", "320300", Some(at), v1::YesNo::Yes));
        let missed = (0..10).map(|_| time("D10", "320300", None, v1::YesNo::No));
        let times: Vec<_> = kept.chain(missed).collect();
        let review = drafted(&v1::DrillScoreResponse { times, ..v1::DrillScoreResponse::default() }, Lang::Zh);
        assert_eq!(review.observed.len(), LIST_MAX);
        assert_eq!(review.observed.iter().filter(|time| time.met() == v1::YesNo::No).count(), 10);
        assert_eq!(review.observed[0].taken_s, Some(0), "in the order in which they were owed");
    }

    #[test]
    fn the_next_stage_begins_with_what_the_last_one_said() {
        let improvement = v1::Improvement { item_id: "AI-7".to_owned(), ..v1::Improvement::default() };
        let last = v1::DrillEvaluation {
            review: "总体顺利".to_owned(),
            improvements: vec![improvement.clone()],
            results: vec![v1::ObjectiveResult {
                objective_id: "OBJ-2".to_owned(),
                rating: v1::ObjectiveRating::S.into(),
                ..v1::ObjectiveResult::default()
            }],
            ..v1::DrillEvaluation::default()
        };
        let objective = |id: &str| v1::DrillObjective { objective_id: id.to_owned(), ..v1::DrillObjective::default() };
        let score = v1::DrillScoreResponse {
            state: "HOTWASH".to_owned(),
            evaluation: Some(last),
            objectives: vec![objective("OBJ-1"), objective("OBJ-2")],
            times: vec![time("D10", "320700", None, v1::YesNo::No)],
            ..v1::DrillScoreResponse::default()
        };

        let review = drafted(&score, Lang::Zh);

        assert_eq!(review.stage(), v1::EvaluationStage::ReviewDraft);
        let ratings: Vec<_> = review.results.iter().map(v1::ObjectiveResult::rating).collect();
        assert_eq!(ratings, [v1::ObjectiveRating::Unspecified, v1::ObjectiveRating::S]);
        assert_eq!((review.improvements, review.review.as_str()), (vec![improvement], "总体顺利"));
    }
}
