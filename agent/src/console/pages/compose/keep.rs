//! Drafts as they are kept, judged and sent: one request at a time changes one.

use std::sync::{Arc, atomic::Ordering};

use model::{header::Header, ids::MessageId, invalid::Invalid, reason::Reason, role::Role, thread::drill};
use prost::Message as _;
use proto::{border, rules, v1};
use tokio::sync::{OwnedMutexGuard, oneshot};

use crate::console::{
    Console, Noted,
    drafts::{DRAFTS_MAX, Draft, Drafts},
    failure::Failure,
    gate::Seated,
    sheet::{Contract, Sheet},
};

/// Ids that are made for one message at most, and how fresh the last one is.
const MINTED_MAX: usize = 5;
const FRESH: std::time::Duration = std::time::Duration::from_millis(500);
/// Stands for the second person while everything else is judged.
const SOMEBODY: &str = "——";

/// What is said to a draft.
#[derive(Debug)]
pub struct Judged {
    /// What is wrong, one a field.
    pub faults: Vec<Invalid>,
    /// The message as it would leave, where nothing is wrong.
    pub whole: Option<(Header, v1::Draft)>,
    /// A second person must sign it off.
    pub needs_second: bool,
}

/// Why nothing was done to a draft.
#[derive(Debug)]
pub enum Undone {
    /// It has left already, as this message.
    Sent(MessageId),
    /// It may not be.
    Refused(Invalid),
}

impl Undone {
    /// As the person sees it: whoever comes too late is led to the message.
    pub fn failure(self, by: &Seated) -> Failure {
        match self {
            Self::Sent(id) => Failure::Elsewhere(format!("/m/{id}")),
            Self::Refused(invalid) => by.refused(invalid),
        }
    }
}

impl From<Invalid> for Undone {
    fn from(invalid: Invalid) -> Self {
        Self::Refused(invalid)
    }
}

/// A message on its way to the desk.
#[derive(Debug)]
pub struct Leaving {
    /// Its draft.
    pub id: MessageId,
    /// What leaves.
    pub outgoing: v1::Draft,
    /// The version of the draft that was shown.
    pub seen: String,
    /// As what it is written down.
    pub what: &'static str,
}

impl Console {
    /// Does something to the drafts, one at a time, and to its end: also when whoever asked goes away meanwhile.
    async fn alone<T, F>(
        self: &Arc<Self>,
        work: impl FnOnce(Arc<Self>, OwnedMutexGuard<Drafts>) -> F + Send + 'static,
    ) -> Result<T, Undone>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, Undone>> + Send + 'static,
    {
        let (console, (tell, told)) = (Arc::clone(self), oneshot::channel());
        self.tasks.task("draft", move |_stop| async move {
            let drafts = Arc::clone(&console.drafts).lock_owned().await;
            // nobody may be left who wants to know
            drop(tell.send(work(console, drafts).await));
        });
        told.await.map_err(|error| crate::console::broken(&error.to_string()))?
    }

    /// The draft of this id and what the contract says about it, for somebody who may read it.
    pub(super) async fn draft(self: &Arc<Self>, by: &Seated, id: MessageId) -> Result<(Draft, Contract), Undone> {
        let by = by.clone();
        let reads = move |console: Arc<Self>, drafts: OwnedMutexGuard<Drafts>| async move {
            let found = console.found(&drafts, id).await?;
            may_see(&by, &found.0)?;
            Ok(found)
        };
        self.alone(reads).await
    }

    /// Every draft, the one that was kept last first.
    pub(super) async fn all_drafts(self: &Arc<Self>) -> Result<Vec<Draft>, Undone> {
        let reads = move |console: Arc<Self>, drafts: OwnedMutexGuard<Drafts>| async move {
            Ok(console.read_drafts(&drafts, Drafts::all).await?)
        };
        self.alone(reads).await
    }

    /// Begins a draft. The same step on the same message goes on with the draft of it that nobody has touched yet; where there
    /// are too many, the oldest of those makes room.
    pub(super) async fn begin(self: &Arc<Self>, by: &Seated, draft: Begun) -> Result<MessageId, Undone> {
        let now = self.desk.clock.now();
        let id = crate::desk::compose::new_id(now)?;
        let Begun { kind, action, about, step, value } = draft;
        let contract = Contract::of(kind, action, self.desk.officer.utc_offset_min);
        let mut sheet = Sheet::of(value, &contract);
        sheet.begin(&contract);
        let draft = Draft {
            id: id.to_string(),
            sent_as: String::new(),
            kind: kind.number(),
            action: action.number(),
            about: about.map(|id| id.to_string()).unwrap_or_default(),
            step,
            account: by.person.account.clone(),
            person: by.person.name.clone(),
            role: role_of(by),
            began_at: now.millis(),
            kept_at: now.millis(),
            judged: false,
            waits: false,
            sheet,
        };
        let begins = move |console: Arc<Self>, drafts: OwnedMutexGuard<Drafts>| async move {
            let all = console.read_drafts(&drafts, Drafts::all).await?;
            if let Some(known) = all.iter().find(|known| known.is_untouched() && known.is_same_step(&draft)) {
                return Ok(known.id.parse()?);
            }
            if all.len() >= DRAFTS_MAX {
                // the one that was kept last stands first
                let oldest = all.iter().rev().find(|known| known.is_untouched());
                let full = || Invalid::new(Reason::StoreFull, "", "console.drafts_full");
                console.forget(&drafts, oldest.ok_or_else(full)?.id.parse()?).await?;
            }
            console.write_draft(&drafts, id, draft).await?;
            Ok(id)
        };
        self.alone(begins).await
    }

    /// Changes a draft of this person, who writes it in the present post from then on. What changes waits for nobody any more:
    /// what a second person was asked for is another text.
    pub(super) async fn change_draft<T: Send + 'static>(
        self: &Arc<Self>,
        by: &Seated,
        id: MessageId,
        change: impl FnOnce(&mut Draft, &Contract) -> T + Send + 'static,
    ) -> Result<(Draft, T), Undone> {
        let by = by.clone();
        let changes = move |console: Arc<Self>, drafts: OwnedMutexGuard<Drafts>| async move {
            let (mut draft, contract) = console.own(&by, &drafts, id).await?;
            let before = draft.version();
            let waited = std::mem::take(&mut draft.waits);
            draft.role = role_of(&by);
            let done = change(&mut draft, &contract);
            draft.waits |= waited && draft.is_version(&before);
            // later than it was begun, whatever the clock says: it is not untouched any more
            draft.kept_at = console.desk.clock.now().millis().max(draft.began_at.saturating_add(1));
            console.write_draft(&drafts, id, draft.clone()).await?;
            Ok((draft, done))
        };
        self.alone(changes).await
    }

    /// Throws a draft of this person away.
    pub(super) async fn discard(self: &Arc<Self>, by: &Seated, id: MessageId) -> Result<(), Undone> {
        let by = by.clone();
        let forgets = move |console: Arc<Self>, drafts: OwnedMutexGuard<Drafts>| async move {
            console.own(&by, &drafts, id).await?;
            Ok(console.forget(&drafts, id).await?)
        };
        self.alone(forgets).await
    }

    /// Another person of the desk goes on with a draft, in their own name.
    pub(super) async fn take_over(self: &Arc<Self>, by: &Seated, id: MessageId) -> Result<(), Undone> {
        let by = by.clone();
        let takes = move |console: Arc<Self>, drafts: OwnedMutexGuard<Drafts>| async move {
            let (mut draft, _) = console.found(&drafts, id).await?;
            may_see(&by, &draft)?;
            draft.account.clone_from(&by.person.account);
            draft.person.clone_from(&by.person.name);
            draft.role = role_of(&by);
            draft.waits = false;
            Ok(console.write_draft(&drafts, id, draft).await?)
        };
        self.alone(takes).await
    }

    /// The draft of this id; one that has left is forgotten here, if a stop of the machine came before that.
    async fn found(&self, drafts: &Drafts, id: MessageId) -> Result<(Draft, Contract), Undone> {
        let none = || Invalid::new(Reason::NotFound, "draft", "console.draft");
        let draft = self.read_drafts(drafts, move |own| own.find(id)).await?.ok_or_else(none)?;
        let before = draft.sent_as.parse::<MessageId>().ok();
        if let Some(header) = before.map(|id| self.desk.own_header(id)).transpose()?.flatten() {
            self.forget(drafts, id).await?;
            return Err(Undone::Sent(header.message_id));
        }
        let contract = draft.contract(self.desk.officer.utc_offset_min).ok_or_else(none)?;
        Ok((draft, contract))
    }

    /// The same, if this person writes it.
    async fn own(&self, by: &Seated, drafts: &Drafts, id: MessageId) -> Result<(Draft, Contract), Undone> {
        let found = self.found(drafts, id).await?;
        if found.0.account == by.person.account { Ok(found) } else { Err(of_another(&found.0).into()) }
    }

    async fn read_drafts<T: Send + 'static>(
        &self,
        drafts: &Drafts,
        read: impl FnOnce(&Drafts) -> std::io::Result<T> + Send + 'static,
    ) -> Result<T, Invalid> {
        let own = drafts.clone();
        let read = self.tasks.blocking("drafts", move || read(&own)).await;
        read.map_err(|error| crate::console::broken(&error.to_string()))?.map_err(unkept)
    }

    async fn write_draft(&self, drafts: &Drafts, id: MessageId, draft: Draft) -> Result<(), Invalid> {
        self.with_drafts(drafts, move |own| own.keep(id, &draft)).await
    }

    async fn forget(&self, drafts: &Drafts, id: MessageId) -> Result<(), Invalid> {
        self.with_drafts(drafts, move |own| own.forget(id)).await
    }

    /// Writes, and counts anew how many wait.
    async fn with_drafts(
        &self,
        drafts: &Drafts,
        write: impl FnOnce(&Drafts) -> std::io::Result<()> + Send + 'static,
    ) -> Result<(), Invalid> {
        let waiting = self.read_drafts(drafts, move |own| write(own).map(|()| own.waiting())).await?;
        self.waiting.store(waiting, Ordering::Relaxed);
        Ok(())
    }

    /// Everything that is said to a draft, by its fields and by the desk: the same that the command line is told.
    pub(super) fn judge(&self, draft: &Draft, contract: &Contract) -> Judged {
        let mut faults = draft.sheet.unread(contract);
        let missing = |(field, required): &(&str, bool)| {
            let path = format!("header.{field}");
            (*required && !draft.sheet.has(contract, &path)).then(|| Invalid::missing(path))
        };
        faults.extend(super::header_fields(contract).0.iter().filter_map(missing));
        let outgoing = match self.outgoing(draft, contract) {
            Ok(outgoing) => outgoing,
            Err(fault) => {
                faults.push(fault);
                return Judged { faults, whole: None, needs_second: false };
            }
        };
        faults.extend(further(&outgoing, contract));
        let (composed, needs_second) = match self.desk.compose(outgoing.clone()) {
            Err(fault) if fault.reason == Reason::SignoffMissing => {
                let second = v1::Signatory { name: SOMEBODY.to_owned(), role: Role::ShiftLeader.number(), at: None };
                (self.desk.compose(signed(outgoing.clone(), second)), true)
            }
            composed => (composed, false),
        };
        let header = match composed {
            Ok(unsealed) => Some(unsealed.header),
            Err(fault) => {
                if faults.iter().all(|known| known.field != fault.field) {
                    faults.push(fault);
                }
                None
            }
        };
        faults.dedup_by(|later, first| later.field == first.field);
        let whole = header.filter(|_| faults.is_empty()).map(|header| (header, outgoing));
        Judged { faults, whole, needs_second }
    }

    /// Gives a draft that was judged to the desk, and forgets it, if it is still the one that was shown. One at a time, and to
    /// the end: whoever presses twice sends once, also whoever went away between, and a message that was given to the desk before
    /// the machine stopped is not given again. When this returns an id, the message is queued; what could not be written down or
    /// forgotten after that is in the log.
    pub(super) async fn give(self: &Arc<Self>, by: &Seated, leaving: Leaving) -> Result<MessageId, Undone> {
        let by = by.clone();
        let gives = move |console: Arc<Self>, drafts: OwnedMutexGuard<Drafts>| async move {
            let Leaving { id, mut outgoing, seen, what } = leaving;
            let (mut draft, _) = console.found(&drafts, id).await?;
            if !draft.is_version(&seen) {
                return Err(changed().into());
            }
            let fresh = console.minted(&drafts, id, &mut draft).await?;
            outgoing.header.get_or_insert_default().message_id = fresh.0.to_vec().into();
            let sent = Box::pin(console.desk.send(outgoing)).await?.message_id;
            if let Err(problem) = console.forget(&drafts, id).await {
                tracing::error!(%problem, %id, "a draft that has left is not forgotten yet");
            }
            drop(drafts);
            if let Err(problem) = console.note(Noted { about: Some(sent), ..Noted::by(what, &by) }).await {
                tracing::error!(%problem, %sent, what, "who sent a message at the console is not in the journal");
            }
            Ok(sent)
        };
        self.alone(gives).await
    }

    /// A fresh id for a draft that leaves, durable with it. An id is good for a second from when it was made: where keeping it
    /// took long, another is made.
    async fn minted(&self, drafts: &Drafts, id: MessageId, draft: &mut Draft) -> Result<MessageId, Invalid> {
        for _ in 0..MINTED_MAX {
            let began = self.desk.clock.now();
            let fresh = crate::desk::compose::new_id(began)?;
            draft.sent_as = fresh.to_string();
            self.write_draft(drafts, id, draft.clone()).await?;
            if self.desk.clock.now().since(began) < FRESH {
                return Ok(fresh);
            }
        }
        Err(Invalid::new(Reason::Busy, "draft", "console.drafts"))
    }

    /// The draft as the desk takes it, in the name of who wrote it.
    fn outgoing(&self, draft: &Draft, contract: &Contract) -> Result<v1::Draft, Invalid> {
        let mut outgoing = draft.sheet.draft(contract)?;
        let header = outgoing.header.get_or_insert_default();
        header.action = draft.action;
        // who speaks and who signs is never what a form says
        header.sender = Some(v1::Party { role: draft.role, name: draft.person.clone(), ..Default::default() });
        header.signed_off_by = None;
        let at = Some(border::time::to_wire(self.desk.clock.now()));
        header.prepared_by = Some(v1::Signatory { name: draft.person.clone(), role: draft.role, at });
        Ok(outgoing)
    }
}

/// With what a draft begins.
#[derive(Debug)]
pub struct Begun {
    /// Of which kind.
    pub kind: model::kind::Kind,
    /// How it follows.
    pub action: model::status::Action,
    /// What it follows.
    pub about: Option<MessageId>,
    /// As which step.
    pub step: String,
    /// What stands in it already.
    pub value: serde_json::Value,
}

/// The draft, signed off.
pub fn signed(mut draft: v1::Draft, by: v1::Signatory) -> v1::Draft {
    draft.header.get_or_insert_default().signed_off_by = Some(by);
    draft
}

/// Whose a draft is.
pub fn of_another(draft: &Draft) -> Invalid {
    Invalid::new(Reason::RoleForbidden, "draft", "console.draft_of_another").detail(rules::inert(&draft.person))
}

/// It is another text than the one that was shown.
pub fn changed() -> Invalid {
    Invalid::new(Reason::EtagMismatch, "draft", "console.draft_changed")
}

/// Whether this person may read a draft: who acts for the desk, but for the plan of a drill, which is its writer's and theirs who
/// steer and judge.
///
/// # Errors
/// `ROLE_FORBIDDEN` for everybody else.
pub fn may_see(by: &Seated, draft: &Draft) -> Result<(), Invalid> {
    let none = || Invalid::new(Reason::RoleForbidden, "post", "console.keeps_house");
    let role = by.role().ok_or_else(none)?;
    match draft.kind() {
        Some(kind) if draft.account != by.person.account => drill::may_read(kind, role),
        _ => Ok(()),
    }
}

fn role_of(by: &Seated) -> i32 {
    by.role().map_or(0, Role::number)
}

#[expect(clippy::needless_pass_by_value, reason = "handed to map_err")]
fn unkept(error: std::io::Error) -> Invalid {
    if error.kind() == std::io::ErrorKind::FileTooLarge {
        return Invalid::new(Reason::TooLarge, "draft", "console.draft_size");
    }
    tracing::error!(%error, "drafts cannot be read or written");
    Invalid::new(Reason::Busy, "draft", "console.drafts")
}

/// Every fault of the body.
fn further(draft: &v1::Draft, contract: &Contract) -> Vec<Invalid> {
    let body = draft.body.clone().unwrap_or_default().encode_to_vec().into();
    let mut header = draft.header.clone().unwrap_or_default();
    header.kind = contract.kind.number();
    if header.status == 0 {
        header.status = v1::Status::Actual.into();
    }
    rules::check_all(&body, &header)
}
