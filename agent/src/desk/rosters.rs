//! Who is on duty where, by the copies of rosters that lie here: so it is known with the link down too. Whom to call, and
//! which post owes, follow from the roster at the instant of the question, so a change of shift needs no message.

use std::collections::BTreeMap;

use model::{
    ids::{DocumentClass, DocumentId, JurisdictionId},
    invalid::Invalid,
    reason::Reason,
    role::Role,
    roster::{MUST_BE_FILLED, Roster, Shift},
    task::TaskKind,
    time::Timestamp,
};
use proto::{
    border::{self, facts::roster},
    v1,
};

use super::{Desk, documents::READ_TIME_MAX, rows};
use crate::{fold::query, message};

/// What the note of a receipt begins with when the person was not on duty.
pub const OFF_DUTY: &str = "OFF_DUTY";

/// A roster, and when the broker accepted it.
#[derive(Clone, Debug)]
pub(super) struct Known {
    pub roster: Roster,
    written_at: Option<prost_types::Timestamp>,
}

/// The rosters that one answer needs, each read once.
pub(super) struct Rosters<'d> {
    desk: &'d Desk,
    now: Timestamp,
    read: BTreeMap<JurisdictionId, Option<Known>>,
}

impl Rosters<'_> {
    /// The roster of a jurisdiction, if it is known here.
    pub fn of(&mut self, whose: &JurisdictionId) -> Option<&Roster> {
        let desk = self.desk;
        let known = self.read.entry(whose.clone()).or_insert_with(|| desk.roster(whose));
        known.as_ref().map(|known| &known.roster)
    }

    /// Lets what is still owed be owed by the post that stands for the duty officer's now.
    pub fn follow(&mut self, deadlines: &mut [v1::DeadlineSeen]) {
        let now = self.now;
        for seen in deadlines.iter_mut().filter(|seen| is_owed(seen)) {
            let (Ok(whose), Some(role)) = (seen.jurisdiction.parse(), Role::from_number(seen.role)) else { continue };
            if let Some(roster) = self.of(&whose) {
                seen.role = roster.stands_for(role, now).number();
            }
        }
    }

    /// Says whom to call about a task that is open: who is on duty there now, whoever was when it began.
    pub fn call(&mut self, task: &mut v1::TaskSeen) {
        let (now, Ok(whose)) = (self.now, task.jurisdiction.parse()) else { return };
        let answers = self.of(&whose).and_then(|roster| roster.answers(called(task), now));
        let Some((role, shift)) = answers.filter(|_| task.closed_at.is_none()) else { return };
        (task.person, task.role) = (shift.name.clone(), role.number());
        shift.phone().clone_into(&mut task.phone);
    }
}

/// Whose post is called about a task: what is overdue here is the shift leader's, and who leads fills a vacant post.
fn called(task: &v1::TaskSeen) -> Role {
    let of_leader = task.detail == Role::ShiftLeader.name();
    match task.kind.parse() {
        Ok(TaskKind::Overdue) => Role::ShiftLeader,
        Ok(TaskKind::NobodyOnDuty) if !of_leader => Role::ShiftLeader,
        _ => Role::DutyOfficer,
    }
}

/// Still owed: running, or late and not done.
pub(super) fn is_owed(seen: &v1::DeadlineSeen) -> bool {
    use v1::DeadlineStanding::{Breached, Running, Warned};
    seen.met_at.is_none() && matches!(seen.standing(), Running | Warned | Breached)
}

impl Desk {
    /// The rosters, for one answer.
    pub(super) fn rosters(&self) -> Rosters<'_> {
        Rosters { desk: self, now: self.clock.now(), read: BTreeMap::new() }
    }

    /// The copy of a roster. One that cannot be read is as if it were not here: it is brought again.
    pub(super) fn roster(&self, whose: &JurisdictionId) -> Option<Known> {
        let (document, _) = self.cached(&DocumentId::roster(whose)).ok().flatten()?;
        let written_at = document.head.as_ref().and_then(|head| head.changed_at);
        Some(Known { roster: roster::of_head(document.head.as_ref()), written_at })
    }

    /// Posts of the rosters that are known here.
    pub fn on_duty(&self, ask: &v1::OnDutyRequest) -> Result<v1::OnDutyResponse, Invalid> {
        let at = border::time::optional(ask.at, "at")?.unwrap_or_else(|| self.clock.now());
        let whose = if ask.jurisdiction.is_empty() {
            let copies = self.engine.read(|_, found| query::documents(found, "roster/")).map_err(rows)?;
            copies.iter().filter_map(|(id, _)| id.parse::<DocumentId>().ok()?.owner()).collect()
        } else {
            vec![ask.jurisdiction.parse().map_err(|invalid: Invalid| invalid.within("jurisdiction"))?]
        };
        let posts: Vec<_> = whose.iter().flat_map(|whose| self.posts(whose, at)).collect();
        if posts.is_empty() && !ask.jurisdiction.is_empty() {
            return Err(Invalid::new(Reason::NotFound, "jurisdiction", "document.no_copy").detail(&ask.jurisdiction));
        }
        Ok(v1::OnDutyResponse { posts })
    }

    /// Every post of a roster at an instant, and those that it must have and has not.
    pub(super) fn posts(&self, whose: &JurisdictionId, at: Timestamp) -> Vec<v1::PostSeen> {
        let Some(known) = self.roster(whose) else { return Vec::new() };
        let mut roles: Vec<Role> = known.roster.posts().map(|(role, _)| role).chain(MUST_BE_FILLED).collect();
        roles.sort_unstable();
        roles.dedup();
        roles.into_iter().map(|role| post(whose, role, &known, at)).collect()
    }

    /// The note of a receipt, which says so when whoever signs it is not on duty by our own roster.
    pub(super) fn duty_note(&self, officer: &str, note: String) -> String {
        let us = self.names.jurisdiction();
        match self.roster(us).map(|known| known.roster.has_on_duty(officer, self.clock.now())) {
            Some(false) if note.is_empty() => OFF_DUTY.to_owned(),
            Some(false) => format!("{OFF_DUTY} {note}"),
            Some(true) | None => note,
        }
    }

    /// A roster is taken only as its owner sealed it: people are called by it.
    pub(super) fn owner_sealed(&self, id: &DocumentId, document: &v1::Document) -> Result<(), Invalid> {
        let (Some(owner), Some(head)) = (id.owner(), document.head.as_ref()) else { return Ok(()) };
        if id.class() != DocumentClass::Roster {
            return Ok(());
        }
        let envelope = head.envelope.clone().unwrap_or_default();
        let header = message::read(&envelope)?.header;
        let named = header.document.as_ref().is_some_and(|change| change.document_id == *id);
        if header.sender.jurisdiction != owner || !named {
            return Err(Invalid::new(Reason::SenderMismatch, "document.owner", "document.head_of_owner"));
        }
        let accepted_at = border::time::required(head.changed_at, "changed_at")?;
        self.trust.verify_envelope(&envelope, &header, accepted_at)
    }

    /// Brings every roster that is new, and learns of those that were taken away. What cannot be asked now is asked again; one
    /// that cannot be taken holds up no other, and is told at the end.
    pub async fn bring_rosters(&self) -> Result<(), Invalid> {
        let Some(mut client) = self.link.documents() else { return Ok(()) };
        let list = client.list(v1::ListRequest { prefix: "roster/".to_owned() });
        let Ok(Ok(listed)) = tokio::time::timeout(READ_TIME_MAX, list).await else { return Ok(()) };
        let (listed, mut problem) = (listed.into_inner().documents, None);
        for document in &listed {
            problem = self.bring_roster(document).await.err().or(problem);
        }
        let copies = self.engine.read(|_, found| query::documents(found, "roster/")).map_err(rows)?;
        let gone = copies.iter().filter(|(id, _)| listed.iter().all(|document| document.document_id != *id));
        for (id, _) in gone {
            self.was_taken_away(&id.parse()?).await?;
        }
        problem.map_or(Ok(()), Err)
    }

    async fn bring_roster(&self, listed: &v1::Document) -> Result<(), Invalid> {
        let id: DocumentId = listed.document_id.parse()?;
        let known = self.engine.read(|_, found| query::document(found, &id)).map_err(rows)?;
        if known.is_some_and(|row| row.etag == listed.etag) {
            return Ok(());
        }
        let document_id = listed.document_id.clone();
        self.pull(v1::PullDocumentRequest { document_id, ..v1::PullDocumentRequest::default() }).await.map(|_| ())
    }

    /// A roster that its owner removed is empty from now on; one that the broker merely does not know stays as it is.
    async fn was_taken_away(&self, id: &DocumentId) -> Result<(), Invalid> {
        let has_head = self.cached(id)?.is_some_and(|(document, _)| document.head.is_some());
        let Some(mut client) = self.link.documents().filter(|_| has_head) else { return Ok(()) };
        let sync = client.sync(v1::SyncRequest { document_id: id.to_string(), ..v1::SyncRequest::default() });
        let Ok(Ok(answer)) = tokio::time::timeout(READ_TIME_MAX, sync).await else { return Ok(()) };
        let answer = answer.into_inner();
        if !answer.removed.iter().any(|tombstone| tombstone.item_id.is_empty()) {
            return Ok(());
        }
        let document = v1::Document { document_id: id.to_string(), etag: answer.etag, ..v1::Document::default() };
        self.cache(id, &document).await
    }
}

fn post(whose: &JurisdictionId, role: Role, known: &Known, at: Timestamp) -> v1::PostSeen {
    let roster = &known.roster;
    let people = |at| roster.on_duty(role, at).map(person).collect::<Vec<_>>();
    let changes = std::iter::successors(roster.next_change(at), |at| roster.next_change(*at));
    let now = people(at);
    let next_change = changes.map(|change| (change, people(change))).find(|(_, next)| *next != now);
    v1::PostSeen {
        jurisdiction: whose.to_string(),
        role: role.number(),
        must_be_filled: MUST_BE_FILLED.contains(&role),
        vacant_since: roster.vacant_since(role, at).map(border::time::to_wire),
        next_change: next_change.as_ref().map(|(change, _)| border::time::to_wire(*change)),
        next: next_change.map(|(_, next)| next).unwrap_or_default(),
        people: now,
        written_at: known.written_at,
    }
}

fn person(shift: &Shift) -> v1::RosterPerson {
    v1::RosterPerson {
        name: shift.name.clone(),
        phones: shift.phones.clone(),
        from: shift.from.map(border::time::to_wire),
        to: shift.to.map(border::time::to_wire),
    }
}
