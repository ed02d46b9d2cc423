//! K40, K41 and K43 to K46: what the machines of meetings, tasks and handovers need of their bodies; and of K42 what the
//! desks judge.

use model::{
    agenda::{self, AgendaStatus, ItemState},
    ids::Digest,
    invalid::Invalid,
    thread::{
        self, handover,
        invitation::{Reply, Word},
        item::{self, Origin, Report, Status, Task},
        meeting::{Facts, Method, MinutesWord, Notice, Record},
    },
};
use prost::Message as _;

use super::pieces::{counted, day, delegate, listed, named, period, seat};
use crate::{
    border::{must, optional, parsed, parts, time},
    v1::{self, agenda_change::Change, body::Body},
};

/// K40.
pub fn notice(body: &v1::MeetingNotice) -> Result<thread::Facts, Invalid> {
    Ok(thread::Facts::Meeting(Facts::Notice(Notice {
        meeting_id: meeting(&body.meeting_id)?,
        sequence: counted(body.sequence, "sequence")?,
        method: must(body.method, Method::from_number, "method")?,
        period: period(body.start, body.end)?,
        chair: parsed(&body.chair, "chair")?,
        required: listed("required_attendees", &body.required_attendees, seat)?,
        optional: listed("optional_attendees", &body.optional_attendees, seat)?,
        rsvp_by: time::optional(body.rsvp_by, "rsvp_by")?,
    })))
}

/// K41.
pub fn reply(body: &v1::MeetingReply) -> Result<thread::Facts, Invalid> {
    let word = match body.answer() {
        v1::MeetingAnswer::Unspecified => must(body.answer, |_| None, "answer")?,
        v1::MeetingAnswer::Attend => Word::Attend,
        v1::MeetingAnswer::Tentative => Word::Tentative,
        v1::MeetingAnswer::Decline => Word::Decline,
        v1::MeetingAnswer::Delegate => Word::Delegate,
        v1::MeetingAnswer::Counter => Word::Counter,
        v1::MeetingAnswer::Refresh => Word::Refresh,
        v1::MeetingAnswer::DeclineCounter => Word::DeclineCounter,
    };
    let counter = body.counter.as_ref().map(|counter| period(counter.start, counter.end));
    let reply = Reply {
        sequence: counted(body.sequence, "sequence")?,
        word,
        delegate: delegate(body.delegate.as_ref())?,
        counter: counter.transpose().map_err(|invalid| invalid.within("counter"))?,
    };
    Ok(thread::Facts::Meeting(Facts::Reply(meeting(&body.meeting_id)?, reply)))
}

/// K43. The agenda of a meeting bears the meeting's id.
pub fn agenda_changed(body: &v1::AgendaChanged) -> Result<thread::Facts, Invalid> {
    let id = body.document_id.strip_prefix("agenda/").unwrap_or(&body.document_id);
    let status = match body.what() {
        v1::AgendaNews::Unspecified => must(body.what, |_| None, "what")?,
        v1::AgendaNews::Opened => Some(AgendaStatus::OpenForProposals),
        v1::AgendaNews::ItemDecided => None,
        v1::AgendaNews::Locked => Some(AgendaStatus::Locked),
        v1::AgendaNews::Final => Some(AgendaStatus::Final),
    };
    Ok(thread::Facts::Meeting(Facts::Agenda(named(id, "document_id")?, status)))
}

/// K44.
pub fn minutes(body: &v1::Minutes) -> Result<thread::Facts, Invalid> {
    let facts = match &body.part {
        Some(v1::minutes::Part::Record(written)) => record(written).map_err(|invalid| invalid.within("record"))?,
        Some(v1::minutes::Part::Reply(reply)) => {
            let word = must(reply.answer, MinutesWord::from_number, "reply.answer")?;
            Facts::Word(meeting(&reply.meeting_id).map_err(|invalid| invalid.within("reply"))?, word)
        }
        None => return Err(Invalid::missing("record")),
    };
    Ok(thread::Facts::Meeting(facts))
}

fn record(body: &v1::MeetingRecord) -> Result<Facts, Invalid> {
    let named = listed("attendance", &body.attendance, |one| parsed(&one.jurisdiction, "jurisdiction"))?;
    // objections are about the text; to write them down is not to change it
    let substance = v1::MeetingRecord { objections: Vec::new(), ..body.clone() };
    let record = Record { substance: Digest::of(&substance.encode_to_vec()), named: named.into_iter().collect() };
    Ok(Facts::Record(meeting(&body.meeting_id)?, record))
}

/// K45.
pub fn item(body: &v1::ActionItem) -> Result<thread::Facts, Invalid> {
    let facts = match &body.part {
        Some(v1::action_item::Part::Task(body)) => {
            item::Facts::Task(task(body).map_err(|invalid| invalid.within("task"))?)
        }
        Some(v1::action_item::Part::Report(body)) => {
            item::Facts::Report(report(body).map_err(|invalid| invalid.within("report"))?)
        }
        None => return Err(Invalid::missing("task")),
    };
    Ok(thread::Facts::Item(facts))
}

fn task(body: &v1::ActionTask) -> Result<Task, Invalid> {
    let owner = body.owner.as_ref().ok_or_else(|| Invalid::missing("owner"))?;
    Ok(Task {
        item_id: parsed(&body.item_id, "item_id")?,
        origin: must(body.origin, Origin::from_number, "origin")?,
        origin_id: Some(body.origin_id.clone()).filter(|id| !id.is_empty()),
        owner: seat(owner).map_err(|invalid| invalid.within("owner"))?,
        due: time::required(body.due, "due")?,
        status: must(body.status, Status::from_number, "status")?,
        recurrence_of: optional(&body.recurrence_of, "recurrence_of")?,
    })
}

fn report(body: &v1::ActionReport) -> Result<Report, Invalid> {
    Ok(Report {
        item_id: parsed(&body.item_id, "item_id")?,
        status: must(body.status, Status::from_number, "status")?,
        evidence: body.evidence.len(),
    })
}

/// K46.
pub fn handover(body: &v1::Handover) -> Result<thread::Facts, Invalid> {
    Ok(thread::Facts::Handover(handover::Facts {
        from: parsed(&body.from, "from")?,
        to: parsed(&body.to, "to")?,
        from_date: day(&body.from_date, "from_date")?,
        open_items: listed("open_items", &body.open_items, |item| parsed(&item.item_id, "item_id"))?,
    }))
}

/// K42: what stands in an item as its author sealed it; the head is an item too.
pub fn agenda_change(item: &v1::DocumentItem) -> Option<Change> {
    agenda_change_of(&parts(&item.envelope.as_ref()?.content).ok()?.body)
}

/// K42: what a body changes.
pub fn agenda_change_of(body: &[u8]) -> Option<Change> {
    match v1::Body::decode(body).ok()?.body? {
        Body::AgendaChange(change) => change.change,
        _ => None,
    }
}

/// K42: the status that a head says.
pub fn agenda_head(body: &v1::AgendaHead) -> Result<AgendaStatus, Invalid> {
    must(body.status, AgendaStatus::from_number, "head.status")
}

/// K42: an item, as far as the desks judge it.
pub fn agenda_item(body: &v1::AgendaItem) -> Result<agenda::Item, Invalid> {
    Ok(agenda::Item {
        proposed_by: parsed(&body.proposed_by, "item.proposed_by")?,
        state: must(body.state, ItemState::from_number, "item.state")?,
    })
}

fn meeting(id: &str) -> Result<String, Invalid> {
    named(id, "meeting_id")
}

#[cfg(test)]
mod tests;
