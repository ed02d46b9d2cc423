//! Drafts as they are kept, judged and sent: one request at a time changes one.

use std::sync::atomic::Ordering;

use model::{header::Header, ids::MessageId, invalid::Invalid, reason::Reason, role::Role};
use prost::Message as _;
use proto::{border, rules, v1};

use crate::console::{
    Console,
    drafts::{DRAFTS_MAX, Draft, Drafts},
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

impl Console {
    /// The draft of this id and what the contract says about it.
    pub(super) async fn draft(&self, id: MessageId) -> Result<(Draft, Contract), Invalid> {
        found(&*self.drafts.lock().await, id, self.desk.officer.utc_offset_min)
    }

    /// Every draft, the one that was kept last first.
    pub(super) async fn all_drafts(&self) -> Result<Vec<Draft>, Invalid> {
        self.drafts.lock().await.all().map_err(unkept)
    }

    /// Begins a draft.
    pub(super) async fn begin(&self, by: &Seated, draft: Begun) -> Result<MessageId, Invalid> {
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
            role: by.role().map_or(0, Role::number),
            began_at: now.millis(),
            kept_at: now.millis(),
            judged: false,
            waits: false,
            sheet,
        };
        let drafts = self.drafts.lock().await;
        if drafts.all().map_err(unkept)?.len() >= DRAFTS_MAX {
            return Err(Invalid::new(Reason::StoreFull, "", "console.drafts_full"));
        }
        self.write_draft(&drafts, id, draft).await?;
        Ok(id)
    }

    /// Changes a draft of this person.
    pub(super) async fn change_draft(
        &self,
        by: &Seated,
        id: MessageId,
        change: impl FnOnce(&mut Draft, &Contract),
    ) -> Result<Draft, Invalid> {
        let drafts = self.drafts.lock().await;
        let (mut draft, contract) = found(&drafts, id, self.desk.officer.utc_offset_min)?;
        if draft.account != by.person.account {
            return Err(of_another(&draft));
        }
        change(&mut draft, &contract);
        draft.kept_at = self.desk.clock.now().millis();
        self.write_draft(&drafts, id, draft.clone()).await?;
        Ok(draft)
    }

    /// Another person of the desk goes on with a draft, in their own name.
    pub(super) async fn take_over(&self, by: &Seated, id: MessageId) -> Result<(), Invalid> {
        let drafts = self.drafts.lock().await;
        let (mut draft, _) = found(&drafts, id, self.desk.officer.utc_offset_min)?;
        draft.account.clone_from(&by.person.account);
        draft.person.clone_from(&by.person.name);
        draft.role = by.role().map_or(0, Role::number);
        draft.waits = false;
        self.write_draft(&drafts, id, draft).await
    }

    async fn write_draft(&self, drafts: &Drafts, id: MessageId, draft: Draft) -> Result<(), Invalid> {
        self.with_drafts(drafts, move |own| own.keep(id, &draft)).await
    }

    /// Writes, and counts anew how many wait.
    async fn with_drafts(
        &self,
        drafts: &Drafts,
        write: impl FnOnce(&Drafts) -> std::io::Result<()> + Send + 'static,
    ) -> Result<(), Invalid> {
        let own = drafts.clone();
        let written = move || write(&own).map(|()| own.waiting());
        let written = self.tasks.blocking("drafts", written).await;
        let waiting = written.map_err(|error| crate::console::broken(&error.to_string()))?.map_err(unkept)?;
        self.waiting.store(waiting, Ordering::Relaxed);
        Ok(())
    }

    /// Forgets a draft.
    pub(super) async fn forget_draft(&self, id: MessageId) -> Result<(), Invalid> {
        let drafts = self.drafts.lock().await;
        self.with_drafts(&drafts, move |own| own.forget(id)).await
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

    /// Gives a draft that was judged to the desk, and forgets it. One at a time: whoever presses twice sends once, and a
    /// message that was given to the desk before the machine stopped is not given again.
    pub(super) async fn give(&self, id: MessageId, outgoing: v1::Draft) -> Result<MessageId, Invalid> {
        let drafts = self.drafts.lock().await;
        let (mut draft, _) = found(&drafts, id, self.desk.officer.utc_offset_min)?;
        let before = draft.sent_as.parse::<MessageId>().ok();
        let known = before.map(|id| self.desk.own_header(id)).transpose()?.flatten();
        let sent = if let Some(header) = known {
            header.message_id
        } else {
            let fresh = self.minted(&drafts, id, &mut draft).await?;
            let mut outgoing = outgoing;
            outgoing.header.get_or_insert_default().message_id = fresh.0.to_vec().into();
            self.desk.send(outgoing).await?.message_id
        };
        self.with_drafts(&drafts, move |own| own.forget(id)).await?;
        Ok(sent)
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
        let sender = header.sender.get_or_insert_default();
        (sender.role, sender.name) = (draft.role, draft.person.clone());
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

fn found(drafts: &Drafts, id: MessageId, offset_min: i32) -> Result<(Draft, Contract), Invalid> {
    let none = || Invalid::new(Reason::NotFound, "draft", "console.draft");
    let draft = drafts.find(id).map_err(unkept)?.ok_or_else(none)?;
    let contract = draft.contract(offset_min).ok_or_else(none)?;
    Ok((draft, contract))
}

#[expect(clippy::needless_pass_by_value, reason = "handed to map_err")]
fn unkept(error: std::io::Error) -> Invalid {
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
