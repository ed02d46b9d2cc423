//! An answer out of a calendar as a draft of ours, to the invitation that it is about. A person looks at it and sends it.

use model::{header::Action, invalid::Invalid, reason::Reason};
use proto::{border, v1, v1::body::Body};

use super::{
    read::{Answer, Counter, Said},
    write::{Invitation, Occasion},
};

impl Answer {
    /// The draft of K41 or K31 by `us`. The contract asks more of an answer than a calendar says (who answers the
    /// telephone); a person fills that in.
    ///
    /// # Errors
    /// WRONG_SEQUENCE for another sequence than the invitation's, NOT_AUTHOR for somebody else's answer, MISSING_FIELD
    /// where nobody of the region comes instead.
    pub fn draft(&self, to: &Invitation<'_>, us: &str) -> Result<v1::Draft, Invalid> {
        let organiser = to.header.sender.as_ref().map_or("", |sender| &sender.jurisdiction);
        let asked = if self.said == Said::DeclineCounter { organiser } else { us };
        if self.by.as_deref().is_some_and(|by| by != us) || asked != us {
            let detail = self.by.clone().unwrap_or_else(|| organiser.to_owned());
            return Err(Invalid::new(Reason::NotAuthor, "ics.attendee", "ics.own_answer").detail(detail));
        }
        let body = match to.occasion {
            Occasion::Meeting(notice) => Body::MeetingReply(self.to_meeting(notice)?),
            Occasion::Drill(drill) => Body::DrillReply(self.to_drill(drill)?),
        };
        let header = v1::Header {
            action: Action::Reply.number(),
            preceding_message_id: to.header.message_id.clone(),
            drill: to.header.drill.clone(),
            ..v1::Header::default()
        };
        Ok(v1::Draft { header: Some(header), body: Some(v1::Body { body: Some(body) }), inline: Vec::new() })
    }

    fn to_meeting(&self, notice: &v1::MeetingNotice) -> Result<v1::MeetingReply, Invalid> {
        let answer = match &self.said {
            Said::Attend => v1::MeetingAnswer::Attend,
            Said::Tentative => v1::MeetingAnswer::Tentative,
            Said::Decline => v1::MeetingAnswer::Decline,
            Said::Delegate(_) => v1::MeetingAnswer::Delegate,
            Said::Counter(_) => v1::MeetingAnswer::Counter,
            Said::Refresh => v1::MeetingAnswer::Refresh,
            Said::DeclineCounter => v1::MeetingAnswer::DeclineCounter,
        };
        Ok(v1::MeetingReply {
            meeting_id: notice.meeting_id.clone(),
            sequence: self.answers(notice.sequence, "K41.stale_sequence")?,
            answer: answer.into(),
            reason: self.comment.clone(),
            delegate: self.delegate()?,
            counter: self.counter().map(|counter| v1::MeetingCounter {
                start: Some(border::time::to_wire(counter.period.start)),
                end: Some(border::time::to_wire(counter.period.end)),
                place: if counter.place == notice.place { String::new() } else { counter.place.clone() },
                reason: self.comment.clone(),
            }),
            attendees: Vec::new(),
        })
    }

    fn to_drill(&self, drill: &v1::DrillInvitation) -> Result<v1::DrillReply, Invalid> {
        let answer = match &self.said {
            Said::Attend => v1::DrillAnswer::Attend,
            Said::Tentative => v1::DrillAnswer::Tentative,
            Said::Decline => v1::DrillAnswer::Decline,
            Said::Delegate(_) => v1::DrillAnswer::Delegate,
            Said::Counter(_) => v1::DrillAnswer::Counter,
            Said::DeclineCounter => v1::DrillAnswer::DeclineCounter,
            Said::Refresh => {
                let detail = "a drill is not asked for anew";
                return Err(Invalid::schema("ics", "ics.method").detail(detail));
            }
        };
        Ok(v1::DrillReply {
            drill_id: drill.drill_id.clone(),
            sequence: self.answers(drill.sequence, "K31.stale_sequence")?,
            answer: answer.into(),
            delegate: self.delegate()?,
            counter: self.counter().map(|counter| v1::DrillCounter {
                start: Some(border::time::to_wire(counter.period.start)),
                end: Some(border::time::to_wire(counter.period.end)),
                changes: counter.place.clone(),
            }),
            reason: self.comment.clone(),
            ..v1::DrillReply::default()
        })
    }

    /// The sequence that it answers; one that only asks for the newest answers whatever is here.
    fn answers(&self, current: u32, rule: &'static str) -> Result<u32, Invalid> {
        match self.sequence {
            Some(other) if other != current && self.said != Said::Refresh => {
                let detail = format!("{other}, and {current} is in force");
                Err(Invalid::new(Reason::WrongSequence, "ics.sequence", rule).detail(detail))
            }
            Some(_) | None => Ok(current),
        }
    }

    fn delegate(&self) -> Result<Option<v1::Seat>, Invalid> {
        match &self.said {
            Said::Delegate(None) => Err(Invalid::missing("ics.delegated-to").detail("nobody of this region")),
            Said::Delegate(Some(to)) => Ok(Some(v1::Seat { jurisdiction: to.clone(), ..v1::Seat::default() })),
            _ => Ok(None),
        }
    }

    const fn counter(&self) -> Option<&Counter> {
        match &self.said {
            Said::Counter(counter) => Some(counter),
            _ => None,
        }
    }
}
