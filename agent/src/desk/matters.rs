//! Matters, what is owed in them, and what people do about it: states and parts, deadlines, waivers, telephone calls,
//! tasks, report cards.

use journal::Lane;
use model::{
    deadline::DeadlineName,
    header::Header,
    ids::{IncidentId, JurisdictionId, MessageId},
    invalid::Invalid,
    limits::TEXT_CHARS_MAX,
    reason::Reason,
    role::Role,
    task::TaskKind,
    thread::{Deadline, Mark, Matter, Part, StateName, ledger::Standing},
    time::Timestamp,
};
use proto::{
    border,
    record::{CardRow, DeskAct, JudgedRow, PhoneCall, TaskDone, TaskRow, Waiver, desk_act, kind},
    v1,
};

use super::{Desk, lawful, limit_of, needed, rosters, rows, unknown};
use crate::fold::{keys, keys::MatterKey, matters, matters::MatterState, query};

/// Entries of a list when nobody says how many.
pub(super) const LIST_DEFAULT: usize = 100;

/// Where everything stands that was played in a drill which a real emergency ended.
const ABORTED: StateName = StateName { name: "ABORTED", zh: "因真实险情中止", over: true };

impl Desk {
    /// Whether a message of ours is a lawful step of its matter; nothing changes.
    ///
    /// # Errors
    /// The rule it breaks, before anything leaves.
    pub(super) fn check_step(&self, header: &Header, body: &bytes::Bytes) -> Result<(), Invalid> {
        self.engine.read(|_, found| lawful::judge(found, header, body, self.clock.now()))
    }

    pub(super) fn matter_at(&self, key: &MatterKey) -> Result<Option<MatterState>, Invalid> {
        self.engine.read(|_, found| matters::read_matter(found, key)).map_err(rows)
    }

    /// Where the matter of a message stands.
    pub fn matter(&self, id: MessageId) -> Result<v1::MatterResponse, Invalid> {
        let (sent, received) = self.engine.read(|_, found| (query::sent(found, id), query::received(found, id)));
        let named = match (sent.map_err(rows)?, received.map_err(rows)?) {
            (Some(row), _) => row.matter,
            (None, Some(row)) => row.matter,
            (None, None) => return Err(unknown(id)),
        };
        let acks = keys::matter(&Matter::Message(id));
        let mut acks = self.matter_at(&acks)?.map(|state| seen_all(&acks, &state)).unwrap_or_default();
        let mut rosters = self.rosters();
        rosters.follow(&mut acks);
        let key = MatterKey::try_from(named.as_ref()).ok();
        let state = key.map(|key| self.matter_at(&key)).transpose()?.flatten();
        let (Some(key), Some(state)) = (key, state) else {
            return Ok(v1::MatterResponse { acknowledgements: acks, ..v1::MatterResponse::default() });
        };
        let now = self.clock.now();
        let mut deadlines = seen_all(&key, &state);
        rosters.follow(&mut deadlines);
        let stands = |shown: StateName| state_seen(if state.dropped { ABORTED } else { shown });
        let part = |part: Part| v1::PartSeen { name: part.name, state: Some(stands(part.state)), detail: part.detail };
        Ok(v1::MatterResponse {
            state: state.thread.as_ref().map(|thread| stands(thread.state_at(now))),
            parts: state.thread.iter().flat_map(|thread| thread.parts_at(now)).map(part).collect(),
            deadlines,
            acknowledgements: acks,
            incident_id: incident_text(state.incident.as_ref()),
            opened_by: state.opened_by.0.to_vec().into(),
        })
    }

    /// What is owed, the next due first.
    pub fn deadlines(&self, ask: &v1::DeadlinesRequest) -> Result<v1::DeadlinesResponse, Invalid> {
        let limit = limit_of(ask.limit, LIST_DEFAULT);
        let states = self.engine.read(|_, found| query::matters(found, !ask.all)).map_err(rows)?;
        let mut found: Vec<v1::DeadlineSeen> =
            states.iter().flat_map(|(key, state)| seen_all(key, state)).filter(|seen| wanted(seen, ask)).collect();
        found.sort_by_key(|seen| seen.due_at.map(|at| (at.seconds, at.nanos)));
        found.truncate(limit);
        self.rosters().follow(&mut found);
        Ok(v1::DeadlinesResponse { deadlines: found })
    }

    /// A shift leader waives a deadline of our own matters.
    pub async fn waive(&self, ask: v1::WaiveRequest) -> Result<v1::WaiveResponse, Invalid> {
        let officer = self.officer_of(ask.officer)?;
        if Role::from_number(officer.role).is_none_or(|role| !role.signs_off()) {
            return Err(Invalid::new(Reason::RoleForbidden, "officer.role", "deadline.waiver"));
        }
        needed(&ask.reason, "reason", TEXT_CHARS_MAX)?;
        let name: DeadlineName = ask.name.parse().map_err(|invalid: Invalid| invalid.within("name"))?;
        let key = MatterKey::try_from(ask.matter.as_ref()).map_err(|_| Invalid::schema("matter", "deadline.matter"))?;
        let (jurisdiction, subject) = (ask.jurisdiction, ask.subject);
        let before = self.one_deadline(&key, name, &jurisdiction, &subject)?;
        if !before.standing.is_running() {
            let invalid = Invalid::new(Reason::WrongSequence, "name", "deadline.running");
            return Err(invalid.detail(before.standing.name()));
        }
        let waiver = Waiver {
            matter: ask.matter,
            deadline: u32::try_from(name.number()).unwrap_or(0),
            jurisdiction: jurisdiction.clone(),
            subject: subject.clone(),
            reason: ask.reason,
        };
        self.act(officer, desk_act::Act::Waiver(waiver)).await?;
        let deadline = self.one_deadline(&key, name, &jurisdiction, &subject).ok();
        let gone = Deadline { standing: Standing::Waived, ..before };
        Ok(v1::WaiveResponse { deadline: Some(seen(&key, &deadline.unwrap_or(gone), None)) })
    }

    /// A telephone call about a message of ours, or about one that came.
    pub async fn record_call(&self, ask: v1::RecordCallRequest) -> Result<v1::RecordCallResponse, Invalid> {
        let id = MessageId::checked(&ask.message_id)?;
        let _known = self.summary(id)?;
        needed(&ask.spoke_with, "spoke_with", TEXT_CHARS_MAX)?;
        needed(&ask.gist, "gist", TEXT_CHARS_MAX)?;
        let with: JurisdictionId =
            ask.jurisdiction.parse().map_err(|invalid: Invalid| invalid.within("jurisdiction"))?;
        let now = self.clock.now();
        let at = border::time::optional(ask.at, "at")?.unwrap_or(now);
        if at > now {
            return Err(Invalid::new(Reason::BadSchema, "at", "call.not_in_the_future"));
        }
        let officer = self.officer_of(ask.officer)?;
        let call = PhoneCall {
            message_id: ask.message_id,
            jurisdiction: with.to_string(),
            spoke_with: ask.spoke_with,
            at: at.millis(),
            gist: ask.gist,
        };
        let key = keys::matter(&Matter::Message(id));
        let owed = self.one_deadline(&key, DeadlineName::D01, with.as_str(), "").ok();
        self.act(officer, desk_act::Act::Call(call)).await?;
        let after = self.one_deadline(&key, DeadlineName::D01, with.as_str(), "").ok();
        let met = after.or_else(|| owed.map(|owed| met_by_call(owed, at)));
        Ok(v1::RecordCallResponse { deadline: met.map(|deadline| seen(&key, &deadline, None)) })
    }

    /// Tasks, newest first.
    pub fn tasks(&self, ask: &v1::TasksRequest) -> Result<v1::TasksResponse, Invalid> {
        let mut found = self.engine.read(|_, found| query::tasks(found)).map_err(rows)?;
        found.retain(|(_, row)| ask.all || row.closed_at == 0);
        found.sort_by_key(|(id, row)| (std::cmp::Reverse(row.at), *id));
        found.truncate(limit_of(ask.limit, LIST_DEFAULT));
        let mut rosters = self.rosters();
        let seen = |(id, row)| {
            let mut seen = self.task_seen(id, row);
            rosters.call(&mut seen);
            seen
        };
        Ok(v1::TasksResponse { tasks: found.into_iter().map(seen).collect() })
    }

    /// A person says that a task is done.
    pub async fn close_task(&self, ask: v1::CloseTaskRequest) -> Result<v1::CloseTaskResponse, Invalid> {
        let id = <[u8; 16]>::try_from(ask.task_id.as_ref()).map_err(|_| Invalid::schema("task_id", "id.width"))?;
        let missing = || Invalid::new(Reason::NotFound, "task_id", "task.known");
        self.task_row(id)?.ok_or_else(missing)?;
        let officer = self.officer_of(ask.officer)?;
        self.act(officer, desk_act::Act::Task(TaskDone { task_id: ask.task_id, note: ask.note })).await?;
        let row = self.task_row(id)?.ok_or_else(missing)?;
        Ok(v1::CloseTaskResponse { task: Some(self.task_seen(id, row)) })
    }

    fn task_row(&self, id: [u8; 16]) -> Result<Option<TaskRow>, Invalid> {
        self.engine.read(|_, found| query::task(found, &id)).map_err(rows)
    }

    /// How each jurisdiction kept its deadlines.
    pub fn report_card(&self, ask: &v1::ReportCardRequest) -> Result<v1::ReportCardResponse, Invalid> {
        let mut cards = self.engine.read(|_, found| query::cards(found)).map_err(rows)?;
        cards.retain(|((jurisdiction, _), _)| ask.jurisdiction.is_empty() || jurisdiction.as_str() == ask.jurisdiction);
        let line = |((jurisdiction, name), card): ((JurisdictionId, DeadlineName), CardRow)| v1::CardLine {
            jurisdiction: jurisdiction.to_string(),
            deadline: name.name().to_owned(),
            text_zh: name.zh().to_owned(),
            on_time: card.on_time,
            late: card.late,
            missing: card.missing,
            waived: card.waived,
        };
        Ok(v1::ReportCardResponse { lines: cards.into_iter().map(line).collect() })
    }

    /// What the rules said to a message, where there is something to say.
    pub(super) fn judgement(&self, id: MessageId) -> Result<Option<v1::Judgement>, Invalid> {
        let row = self.engine.read(|_, found| query::judged(found, id)).map_err(rows)?;
        let mut judged = row.map(judgement_seen);
        judged.as_mut().map_or(Ok(()), |judged| self.link_earlier(id, judged))?;
        Ok(judged)
    }

    /// Writes down what a person did. Signing in and acknowledging must go on when little is left of the disk.
    pub(crate) async fn act(&self, officer: v1::Officer, act: desk_act::Act) -> Result<(), Invalid> {
        self.write(kind::DESK_ACT, &DeskAct { officer: Some(officer), act: Some(act) }, Lane::Settling).await
    }

    fn one_deadline(
        &self,
        key: &MatterKey,
        name: DeadlineName,
        jurisdiction: &str,
        subject: &str,
    ) -> Result<Deadline, Invalid> {
        let missing = || Invalid::new(Reason::NotFound, "name", "deadline.known").detail(name.name());
        let state = self.matter_at(key)?.ok_or_else(missing)?;
        let fits = |deadline: &&Deadline| {
            deadline.name == name
                && deadline.obligor.jurisdiction.as_str() == jurisdiction
                && deadline.subject == subject
        };
        state.ledger().all().find(fits).cloned().ok_or_else(missing)
    }

    fn task_seen(&self, id: [u8; 16], row: TaskRow) -> v1::TaskSeen {
        let kind = i32::try_from(row.kind).ok().and_then(TaskKind::from_number);
        let deadline = i32::try_from(row.deadline).ok().and_then(DeadlineName::from_number);
        let rung = i32::try_from(row.rung).ok().and_then(model::deadline::Rung::from_number);
        let about = crate::fold::id_of(&row.message_id).and_then(|id| self.summary(id).ok());
        v1::TaskSeen {
            task_id: id.to_vec().into(),
            kind: kind.map_or("", TaskKind::name).to_owned(),
            text_zh: kind.map_or("", TaskKind::zh).to_owned(),
            message_id: row.message_id,
            title: about.map(|summary| summary.title).unwrap_or_default(),
            jurisdiction: row.about,
            deadline: deadline.map_or("", DeadlineName::name).to_owned(),
            subject: row.subject,
            at: Some(wire(Timestamp::from_millis(row.at))),
            closed_at: (row.closed_at != 0).then(|| wire(Timestamp::from_millis(row.closed_at))),
            outcome: row.outcome,
            detail: row.detail,
            phone: row.phone,
            rung: rung.map_or("", model::deadline::Rung::name).to_owned(),
            ..v1::TaskSeen::default()
        }
    }
}

fn wanted(seen: &v1::DeadlineSeen, ask: &v1::DeadlinesRequest) -> bool {
    (ask.all || rosters::is_owed(seen))
        && (ask.jurisdiction.is_empty() || ask.jurisdiction == seen.jurisdiction)
        && (ask.incident_id.is_empty() || ask.incident_id == seen.incident_id)
}

fn met_by_call(mut deadline: Deadline, at: Timestamp) -> Deadline {
    deadline.meet(at, None);
    deadline
}

pub(super) fn seen_all(key: &MatterKey, state: &MatterState) -> Vec<v1::DeadlineSeen> {
    state.ledger().all().map(|deadline| seen(key, deadline, state.incident.as_ref())).collect()
}

fn seen(key: &MatterKey, deadline: &Deadline, incident: Option<&IncidentId>) -> v1::DeadlineSeen {
    v1::DeadlineSeen {
        name: deadline.name.name().to_owned(),
        text_zh: deadline.name.zh().to_owned(),
        jurisdiction: deadline.obligor.jurisdiction.to_string(),
        role: deadline.obligor.role.number(),
        subject: deadline.subject.clone(),
        message_id: deadline.cause.0.to_vec().into(),
        starts_at: Some(wire(deadline.starts_at)),
        due_at: Some(wire(deadline.due_at)),
        standing: deadline.standing.number(),
        met_at: deadline.met_at.map(wire),
        met_by: deadline.met_by.map(|id| id.0.to_vec().into()).unwrap_or_default(),
        late_by: deadline.late_by().map(border::time::duration),
        rung: deadline.rung.map_or("", model::deadline::Rung::name).to_owned(),
        reason: deadline.reason.clone(),
        matter: key.to_vec().into(),
        incident_id: incident_text(incident),
    }
}

fn incident_text(incident: Option<&IncidentId>) -> String {
    incident.map(ToString::to_string).unwrap_or_default()
}

fn wire(at: Timestamp) -> prost_types::Timestamp {
    border::time::to_wire(at)
}

pub(super) fn state_seen(state: StateName) -> v1::StateSeen {
    v1::StateSeen { name: state.name.to_owned(), text_zh: state.zh.to_owned(), over: state.over }
}

fn judgement_seen(row: JudgedRow) -> v1::Judgement {
    let mark = |row: proto::record::MarkRow| {
        let mark = i32::try_from(row.mark).ok().and_then(Mark::from_number)?;
        let (name, text_zh) = (mark.name().to_owned(), mark.zh().to_owned());
        Some(v1::MarkSeen { name, text_zh, about: row.about, ..v1::MarkSeen::default() })
    };
    v1::Judgement {
        marks: row.marks.into_iter().filter_map(mark).collect(),
        reason: row.reason,
        field: row.field,
        rule: row.rule,
        detail: row.detail,
        orphan: row.orphan,
    }
}
