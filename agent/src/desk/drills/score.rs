//! How a drill went, as far as this desk saw it: out of receipts and of what was owed, typed by nobody.

use std::collections::{BTreeMap, BTreeSet};

use model::{
    header::Status,
    ids::{DrillId, JurisdictionId, MessageId},
    invalid::Invalid,
    kind::Kind,
    reason::Reason,
    thread::{Matter, drill::Drill},
    time::Timestamp,
};
use proto::{
    border,
    v1::{self, body::Body},
};

use super::{machine, seen::Said};
use crate::{
    desk::{Desk, rows, unknown},
    fold::{id_of, keys, keys::MatterKey, query},
};

/// A drill with everything that was said about it and played in it.
pub(super) struct Seen {
    pub drill: Drill,
    /// What came and went, oldest first.
    pub said: Vec<Said>,
    /// Injects that were sent, by message and by the thread in which what they hold is answered.
    pub injects: BTreeMap<MessageId, String>,
    /// The objectives of each inject of the plan, and when it is due.
    pub planned: BTreeMap<String, v1::PlannedInject>,
    /// Until when what was done counts.
    pub until: Timestamp,
}

impl Desk {
    /// How a drill went.
    ///
    /// # Errors
    /// `NOT_FOUND` for a drill or a message that is not known here, `BAD_SCHEMA` for a message of no drill.
    pub fn drill_score(&self, ask: &v1::DrillScoreRequest) -> Result<v1::DrillScoreResponse, Invalid> {
        let (key, drill_id) = self.drill_named(ask)?;
        let seen = self.seen_of(&key, &drill_id)?;
        let times = self.times(&seen)?;
        let state = seen.drill.phase();
        let clock = seen.drill.clock();
        let (invitation_id, invitation) = seen.invitation().unzip();
        let mut score = v1::DrillScoreResponse {
            drill_id,
            title: invitation.map(|one| one.title.clone()).unwrap_or_default(),
            organiser: seen.drill.organiser().to_string(),
            state: state.name().to_owned(),
            state_zh: state.zh().to_owned(),
            started_at: clock.map(|clock| border::time::to_wire(clock.started_at)),
            ended_at: seen.drill.ended_at().map(border::time::to_wire),
            sides: self.sides(&seen, &times)?,
            objectives: invitation.map(|one| one.objectives.clone()).unwrap_or_default(),
            injects_planned: seen.drill.injects_planned().and_then(|many| u32::try_from(many).ok()).unwrap_or(0),
            injects: self.injects_seen(&seen)?,
            recalled: self.recalled(&seen)?,
            evaluation: seen.evaluation().cloned(),
            invitation_id: invitation_id.map(|id| id.0.to_vec().into()).unwrap_or_default(),
            played: u32::try_from(seen.played().count()).unwrap_or(u32::MAX),
            times,
            ..v1::DrillScoreResponse::default()
        };
        seen.tell_abort(&mut score);
        Ok(score)
    }

    fn drill_named(&self, ask: &v1::DrillScoreRequest) -> Result<(MatterKey, String), Invalid> {
        if ask.message_id.is_empty() {
            let id: DrillId = ask.drill_id.parse().map_err(|invalid: Invalid| invalid.within("drill_id"))?;
            return Ok((keys::matter(&Matter::Drill(id.clone())), id.to_string()));
        }
        let id = MessageId::checked(&ask.message_id).map_err(|invalid| invalid.within("message_id"))?;
        let (content, _) = self.content_of(id)?.ok_or_else(|| unknown(id))?;
        let named = content.header.as_ref().and_then(|header| header.drill.as_ref()).map(|drill| &drill.drill_id);
        let body = content.body.as_ref().and_then(|body| body.body.as_ref());
        let drill = named.or_else(|| body.and_then(drill_of_body)).and_then(|id| id.parse::<DrillId>().ok());
        let drill = drill.ok_or_else(|| Invalid::schema("message_id", "drill.of_message"))?;
        Ok((keys::matter(&Matter::Drill(drill.clone())), drill.to_string()))
    }

    fn seen_of(&self, key: &MatterKey, drill_id: &str) -> Result<Seen, Invalid> {
        let missing = || Invalid::new(Reason::NotFound, "drill_id", "drill.known").detail(drill_id);
        let state = self.matter_at(key)?.ok_or_else(missing)?;
        let drill = machine(&state).ok_or_else(missing)?.clone();
        let lines = self.engine.read(|_, found| query::drill(found, key)).map_err(rows)?;
        let ids = lines.iter().filter_map(|line| Some((id_of(&line.message_id)?, line.sent)));
        let said = ids.map(|(id, ours)| self.said(id, ours)).filter_map(Result::transpose).collect::<Result<_, _>>()?;
        let until = drill.counts_until(self.clock.now());
        let mut seen = Seen { drill, said, injects: BTreeMap::new(), planned: BTreeMap::new(), until };
        let injects = seen.said.iter().filter_map(|said| Some((said, said.inject()?.inject_id.clone())));
        seen.injects =
            injects.flat_map(|(said, inject)| [(said.id, inject.clone()), (said.thread(), inject)]).collect();
        seen.planned = seen.plan().into_iter().flatten().map(|one| (one.inject_id.clone(), one.clone())).collect();
        Ok(seen)
    }

    /// Everybody who was invited or took part, the organiser first.
    fn sides(&self, seen: &Seen, times: &[v1::TimeSeen]) -> Result<Vec<v1::DrillSide>, Invalid> {
        let organiser = seen.drill.organiser();
        let took: BTreeSet<&JurisdictionId> = seen.drill.participants().collect();
        let invited = &seen.drill.round().invited;
        let others: BTreeSet<&JurisdictionId> =
            invited.keys().chain(took.iter().copied()).filter(|one| *one != organiser).collect();
        let started = match seen.drill.startex() {
            Some(startex) => self.reached(startex)?,
            None => BTreeMap::new(),
        };
        let side = |id: &JurisdictionId| {
            let own = || times.iter().filter_map(|seen| seen.time.as_ref()).filter(|time| is_of(time, id));
            let said = invited.get(id).and_then(|invited| invited.said.as_ref());
            v1::DrillSide {
                jurisdiction: id.to_string(),
                answer: said.map(|said| said.word.name().to_owned()).unwrap_or_default(),
                took_part: took.contains(id),
                start_acknowledged_at: started.get(id.as_str()).and_then(|arrival| arrival.acknowledged_at),
                met: count(own().filter(|time| time.met() == v1::YesNo::Yes)),
                times: count(own()),
            }
        };
        Ok(std::iter::once(organiser).chain(others).map(side).collect())
    }
}

fn is_of(time: &v1::ObservedTime, id: &JurisdictionId) -> bool {
    time.obligor.as_ref().is_some_and(|obligor| obligor.jurisdiction == id.as_str())
}

fn count<T>(of: impl Iterator<Item = T>) -> u32 {
    u32::try_from(of.count()).unwrap_or(u32::MAX)
}

fn drill_of_body(body: &Body) -> Option<&String> {
    match body {
        Body::DrillInvitation(body) => Some(&body.drill_id),
        Body::DrillReply(body) => Some(&body.drill_id),
        Body::DrillPlan(body) => Some(&body.drill_id),
        Body::DrillEvaluation(body) => Some(&body.drill_id),
        _ => None,
    }
}

impl Seen {
    /// What was played, ours and others'.
    pub fn played(&self) -> impl Iterator<Item = &Said> {
        self.said.iter().filter(|said| said.header.status == Status::Exercise.number())
    }

    /// The message of a drill by its id.
    pub fn find(&self, id: MessageId) -> Option<&Said> {
        self.said.iter().find(|said| said.id == id)
    }

    /// The invitation in force.
    fn invitation(&self) -> Option<(MessageId, &v1::DrillInvitation)> {
        match self.find(self.drill.invitation()) {
            Some(Said { id, body: Some(Body::DrillInvitation(body)), .. }) => Some((*id, body)),
            Some(_) | None => None,
        }
    }

    /// The review in force.
    fn evaluation(&self) -> Option<&v1::DrillEvaluation> {
        match self.drill.review().and_then(|id| self.find(id)) {
            Some(Said { body: Some(Body::DrillEvaluation(body)), .. }) => Some(body),
            Some(_) | None => None,
        }
    }

    /// The injects of the plan that is played.
    fn plan(&self) -> Option<&[v1::PlannedInject]> {
        let lawful = |said: &&Said| said.stepped && said.by() == self.drill.organiser().as_str();
        let all = self.said.iter().filter(lawful).filter_map(|said| match &said.body {
            Some(Body::DrillPlan(body)) if body.sequence == self.drill.round().sequence => Some(body),
            _ => None,
        });
        all.max_by_key(|plan| plan.version).map(|plan| plan.injects.as_slice())
    }

    /// Who ended it for a real emergency, and in which words.
    fn tell_abort(&self, score: &mut v1::DrillScoreResponse) {
        let Some(aborted) = self.drill.aborted() else { return };
        score.aborted_by = aborted.by.to_string();
        let verb = v1::DrillControlVerb::AbortRealEmergency;
        let order = self.said.iter().find(|said| {
            said.header.kind == Kind::DrillControl.number()
                && said.header.drill.as_ref().is_some_and(|drill| drill.control() == verb)
                && said.by() == aborted.by.as_str()
        });
        if let Some(Body::DrillControl(body)) = order.and_then(|said| said.body.as_ref()) {
            score.abort_reason.clone_from(&body.reason);
            score.real_incident_id.clone_from(&body.real_incident_id);
        }
    }
}
