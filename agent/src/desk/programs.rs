//! What programs beside the agent have sent: files of the drop folder, and events. They go through the same door as what
//! a person says, in the name of the program, and a program never speaks for a person: it signs nothing off.

use model::{header::Header, ids::MessageId, invalid::Invalid, limits, reason::Reason, role::Role};
use proto::{record::OfProgram, v1};

use super::{Desk, internal, rows};
use crate::fold::{HOUR_MS, query};

/// How many messages a program has sent within an hour, and on how many events a rule acts, where nobody says it; and at
/// most.
pub const PER_HOUR: (u32, u32) = (60, 3_600);

/// A program as an operator let it in.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Program {
    /// Its name: `a-z 0-9 -`.
    pub name: String,
    /// In which role it speaks: one that signs nothing off.
    pub role: Role,
    /// Messages that it has sent within an hour at most.
    pub per_hour: u32,
}

/// Which event a message is made of.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct EventName {
    /// Its `source`.
    pub source: String,
    /// Its `id`, unique within the source.
    pub id: String,
    /// Digest of what it says.
    pub digest: [u8; 32],
}

impl Program {
    /// The name under which it speaks.
    pub fn signature(&self) -> String {
        format!("program:{}", self.name)
    }

    /// A role for a program.
    ///
    /// # Errors
    /// The role signs off, is the system's own, or is none.
    pub fn role(name: &str) -> Result<Role, Invalid> {
        let role: Role = name.parse().map_err(|invalid: Invalid| invalid.within("role"))?;
        if role.signs_off() || role == Role::System {
            return Err(Invalid::code("role", "program.may_not_sign").detail(role.name()));
        }
        Ok(role)
    }

    /// The draft in the program's name: one step further from whoever wrote what it follows.
    fn speaks(&self, mut draft: v1::Draft, before: u32) -> Result<v1::Draft, Invalid> {
        let header = draft.header.get_or_insert_default();
        let role = self.role.number();
        let said = header.sender.as_ref().map_or(0, |sender| sender.role);
        if header.signed_off_by.is_some() {
            return Err(Invalid::new(Reason::RoleForbidden, "header.signed_off_by", "program.sign_off"));
        }
        if said != 0 && said != role {
            let detail = Role::from_number(said).map_or_else(|| said.to_string(), |role| role.name().to_owned());
            return Err(Invalid::new(Reason::RoleForbidden, "header.sender.role", "program.role").detail(detail));
        }
        header.sender = Some(v1::Party { name: self.signature(), role, ..header.sender.take().unwrap_or_default() });
        header.prepared_by = Some(v1::Signatory { name: self.signature(), role, at: None });
        header.hops = header.hops.max(before).saturating_add(1);
        if header.hops > limits::HOPS_MAX {
            let detail = format!("{} > {}", header.hops, limits::HOPS_MAX);
            return Err(Invalid::new(Reason::RateLimited, "header.hops", "program.hops").detail(detail));
        }
        Ok(draft)
    }
}

impl Desk {
    /// Queues what a program says. A draft whose id is queued already is that message, and so is an event that was told
    /// before.
    ///
    /// # Errors
    /// The desk's rules or the program's limits stand against it; then nothing is stored.
    pub async fn send_for_program(
        &self,
        program: &Program,
        draft: v1::Draft,
        event: Option<EventName>,
    ) -> Result<Header, Invalid> {
        let alone = vec![self.programs.clone().lock_owned().await];
        if let Some(header) = self.told_before(&draft, event.as_ref())? {
            return Ok(header);
        }
        self.has_its_share(program)?;
        let before = self.hops_before(&draft)?;
        let draft = program.speaks(draft, before)?;
        let sent = Box::pin(self.queue(draft, bytes::Bytes::new(), Some(record_of(program, event)), alone)).await?;
        tracing::info!(program = %program.name, message = %sent.message_id, "a program has a message sent");
        Ok(sent)
    }

    /// The message that came of the same draft or event before.
    fn told_before(&self, draft: &v1::Draft, event: Option<&EventName>) -> Result<Option<Header>, Invalid> {
        let Some(event) = event else { return self.queued_before(draft) };
        let row = self.engine.read(|_, found| query::event(found, &event.source, &event.id)).map_err(rows)?;
        let Some(row) = row else { return self.queued_before(draft) };
        if row.digest.as_ref() != event.digest {
            return Err(Invalid::new(Reason::ConflictId, "id", "event.taken").detail(event.id.clone()));
        }
        let id = MessageId::checked(&row.message_id).map_err(|error| internal(&error))?;
        self.own_header(id)
    }

    fn has_its_share(&self, program: &Program) -> Result<(), Invalid> {
        let row = self.engine.read(|_, found| query::program(found, &program.name)).map_err(rows)?;
        let counted = if row.hour == self.clock.now().millis() / HOUR_MS { row.counted } else { 0 };
        if counted < program.per_hour {
            return Ok(());
        }
        Err(Invalid::new(Reason::RateLimited, "per_hour", "program.rate").detail(program.per_hour.to_string()))
    }

    /// Through how many rules and programs came what a draft follows.
    fn hops_before(&self, draft: &v1::Draft) -> Result<u32, Invalid> {
        let before = draft.header.as_ref().map(|header| header.preceding_message_id.clone()).unwrap_or_default();
        let Ok(id) = MessageId::checked(&before) else { return Ok(0) };
        let Some((envelope, _)) = self.envelope(id)? else { return Ok(0) };
        Ok(crate::message::read(&envelope)?.header.hops)
    }
}

fn record_of(program: &Program, event: Option<EventName>) -> OfProgram {
    let of = OfProgram { name: program.name.clone(), ..OfProgram::default() };
    match event {
        None => of,
        Some(EventName { source, id, digest }) => OfProgram { source, event: id, digest: digest.to_vec().into(), ..of },
    }
}
