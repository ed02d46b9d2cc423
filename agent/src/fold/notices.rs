//! Notices of the broker (K58): the rungs that it raised, and the answers that came after them. What our own clerk raises
//! has the same event id, so whoever is first makes the task, and nothing is counted twice.

use model::{
    deadline::{DeadlineName, Rung},
    kind::Kind,
    role::Role,
    stage::As,
    thread::{
        Deadline, Ledger, Matter,
        ledger::{Key, Start},
    },
    time::Timestamp,
};
use prost::Message as _;
use proto::{record::ReceivedRow, v1};
use store::FoldError;

use super::{Folding, duties::time_of, id_of, keys, keys::MatterKey, number};
use crate::message::Read;

/// A rung of somebody's deadline, as a notice tells it.
struct Told {
    rung: Rung,
    /// The deadline as far as the notice knows it.
    deadline: Deadline,
    met_at: Option<Timestamp>,
}

impl Folding<'_, '_> {
    /// The broker tells of a deadline; of other messages this says nothing.
    pub(super) fn noticed(&mut self, read: &Read) -> Result<(), FoldError> {
        if read.header.kind != Kind::DeadlineNotice {
            return Ok(());
        }
        let Some(told) = told(&read.parts.body) else { return Ok(()) };
        match told.met_at {
            Some(at) => self.met_elsewhere(told.deadline, at),
            None => self.rung_told(&told),
        }
    }

    /// Where the deadline runs here too its ledger goes up by this rung; where it ran and is met, nothing is asked of
    /// anybody; whoever has no part in it but to be told gets the task alone.
    fn rung_told(&mut self, told: &Told) -> Result<(), FoldError> {
        let matters = self.matters_of(&told.deadline)?;
        for key in &matters {
            let Some(state) = self.matter(key)? else { continue };
            if let Some(known) = the_same(state.ledger(), &told.deadline) {
                return self.change(key, |state| state.ledger_mut().raise(&known, told.rung));
            }
        }
        let over = told.deadline.name == DeadlineName::D01 && !matters.is_empty();
        if over { Ok(()) } else { self.rung_task(&told.deadline, told.rung) }
    }

    /// The matters in which the deadline runs here: none where we are only told of it.
    fn matters_of(&self, deadline: &Deadline) -> Result<Vec<MatterKey>, FoldError> {
        let cause = deadline.cause;
        let (sent, received) = (self.sent(cause)?, self.row::<ReceivedRow>(&keys::received(cause))?);
        let received = received.filter(|row| row.r#as == number(As::To.number()));
        if deadline.name == DeadlineName::D01 {
            let ours = sent.is_some() || (received.is_some() && deadline.obligor.jurisdiction == *self.us);
            return Ok(ours.then(|| keys::matter(&Matter::Message(cause))).into_iter().collect());
        }
        let matters = sent.map(|row| row.matter).into_iter().chain(received.map(|row| row.matter));
        Ok(matters.filter_map(|key| MatterKey::try_from(key.as_ref()).ok()).collect())
    }

    /// What was owed came, as the broker saw it: nobody need do anything any more.
    fn met_elsewhere(&mut self, mut deadline: Deadline, at: Timestamp) -> Result<(), FoldError> {
        deadline.meet(at, None);
        self.close_rungs(&deadline)
    }
}

/// The deadline as it runs here. Of those that one message starts for one obligor it is the one that is due at about the
/// same time: a place owes its word by telephone before it owes it in writing.
fn the_same(ledger: &Ledger, told: &Deadline) -> Option<Key> {
    let same = |known: &&Deadline| (known.cause, known.name, &known.obligor) == (told.cause, told.name, &told.obligor);
    ledger.all().filter(same).min_by_key(|known| known.due_at.distance(told.due_at)).map(Deadline::key)
}

fn told(body: &[u8]) -> Option<Told> {
    let Some(v1::body::Body::DeadlineNotice(notice)) = v1::Body::decode(body).ok()?.body else { return None };
    if notice.what() != v1::DeadlineEvent::Rung {
        return None;
    }
    let obligor = notice.obligor.as_ref()?;
    let due_at = time_of(notice.due_at)?;
    let start = Start {
        key: key(&notice, &obligor.jurisdiction)?,
        role: Role::from_number(obligor.role)?,
        cause: id_of(&notice.message_id)?,
        starts_at: due_at,
        due_at,
    };
    Some(Told {
        rung: Rung::from_number(i32::try_from(notice.rung).ok()?)?,
        deadline: Deadline::begin(start, false),
        met_at: time_of(notice.met_at),
    })
}

fn key(notice: &v1::DeadlineNotice, obligor: &str) -> Option<Key> {
    let (name, jurisdiction) = (DeadlineName::from_number(notice.deadline)?, obligor.parse().ok()?);
    Some(Key { name, jurisdiction, subject: String::new() })
}
