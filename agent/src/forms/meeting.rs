//! K41, K44 and K45.

use proto::{
    v1,
    v1::body::Body,
    v1::{action_item, minutes},
};

use super::Ground;

/// An answer to the sequence that was read; who comes is whoever sits here.
pub fn reply(ground: &Ground<'_>) -> Option<Body> {
    let Body::MeetingNotice(notice) = ground.body()? else { return None };
    Some(Body::MeetingReply(v1::MeetingReply {
        meeting_id: notice.meeting_id.clone(),
        sequence: notice.sequence,
        attendees: vec![ground.seat()],
        ..v1::MeetingReply::default()
    }))
}

/// To a notice the minutes, to minutes our word on them.
pub fn minutes(ground: &Ground<'_>) -> Option<Body> {
    let part = match ground.body()? {
        Body::MeetingNotice(notice) => minutes::Part::Record(v1::MeetingRecord {
            meeting_id: notice.meeting_id.clone(),
            title: notice.title.clone(),
            held_from: notice.start,
            held_to: notice.end,
            ..v1::MeetingRecord::default()
        }),
        Body::Minutes(v1::Minutes { part: Some(minutes::Part::Record(record)) }) => {
            minutes::Part::Reply(v1::MinutesReply {
                meeting_id: record.meeting_id.clone(),
                ..v1::MinutesReply::default()
            })
        }
        _ => return None,
    };
    Some(Body::Minutes(v1::Minutes { part: Some(part) }))
}

/// To a task the report on it; to minutes a task that comes from them.
pub fn item(ground: &Ground<'_>) -> Option<Body> {
    let part = match ground.body()? {
        Body::ActionItem(v1::ActionItem { part: Some(action_item::Part::Task(task)) }) => {
            action_item::Part::Report(v1::ActionReport { item_id: task.item_id.clone(), ..v1::ActionReport::default() })
        }
        Body::Minutes(v1::Minutes { part: Some(minutes::Part::Record(record)) }) => {
            task(ground, v1::ActionOrigin::Meeting, &record.meeting_id)
        }
        Body::DrillEvaluation(review) => improvement(ground, review),
        _ => return None,
    };
    Some(Body::ActionItem(v1::ActionItem { part: Some(part) }))
}

/// The first improvement of a review for which no task was set yet; a task of its own where there is none.
fn improvement(ground: &Ground<'_>, review: &v1::DrillEvaluation) -> action_item::Part {
    let part = task(ground, v1::ActionOrigin::DrillReview, &review.drill_id);
    let next = review.improvements.iter().find(|improvement| !(ground.is_set)(&improvement.item_id));
    let (action_item::Part::Task(task), Some(next)) = (&part, next) else { return part };
    action_item::Part::Task(v1::ActionTask {
        item_id: next.item_id.clone(),
        text: next.text.clone(),
        owner: next.owner.clone(),
        due: next.due,
        recurrence_of: next.recurrence_of.clone(),
        ..task.clone()
    })
}

fn task(ground: &Ground<'_>, origin: v1::ActionOrigin, origin_id: &str) -> action_item::Part {
    action_item::Part::Task(v1::ActionTask {
        item_id: ground.number('T'),
        origin: origin.into(),
        origin_id: origin_id.to_owned(),
        status: v1::ActionItemStatus::Open.into(),
        ..v1::ActionTask::default()
    })
}
