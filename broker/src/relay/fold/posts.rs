//! Posts that must be filled: one becomes vacant, or is filled again. Who stands in a roster is read before, and written into
//! the record; here it becomes what everybody sees, and a notice that the broker owes.

use model::{ids::JurisdictionId, role::Role, roster, time::Timestamp};
use proto::{
    record::{NoticeRow, PostTurned, VacancyRow},
    v1::DeadlineEvent,
};
use store::FoldError;

use super::{Folding, Outcome, keys, state::time, submitted::positive};

/// A post of a jurisdiction.
struct Post {
    of: JurisdictionId,
    role: Role,
}

impl Folding<'_, '_> {
    /// A post that is vacant already, or filled already, is told of by nobody a second time.
    pub(super) fn post_turned(&mut self, record: &PostTurned) -> Result<Outcome, FoldError> {
        let role = i32::try_from(record.role).ok().and_then(Role::from_number);
        let (Ok(of), Some(role)) = (record.jurisdiction.parse(), role) else { return Ok(Outcome::Done) };
        let post = Post { of, role };
        let known = self.row::<VacancyRow>(&keys::vacancy(&post.of, role))?;
        match (known, record.vacant) {
            (None, true) => self.vacated(&post, time(record.at))?,
            (Some(vacancy), false) => self.filled(&post, time(vacancy.since), time(record.at))?,
            (None, false) | (Some(_), true) => {}
        }
        Ok(Outcome::Done)
    }

    fn vacated(&mut self, post: &Post, since: Timestamp) -> Result<(), FoldError> {
        self.put(&keys::vacancy(&post.of, post.role), &VacancyRow { since: since.millis() })?;
        self.tell_vacancy(post, since, None)
    }

    fn filled(&mut self, post: &Post, since: Timestamp, at: Timestamp) -> Result<(), FoldError> {
        self.rows.remove(&keys::vacancy(&post.of, post.role))?;
        self.tell_vacancy(post, since, Some(at.max(since)))
    }

    /// The beginning of a vacancy and its end are one event, told twice.
    fn tell_vacancy(&mut self, post: &Post, since: Timestamp, ended: Option<Timestamp>) -> Result<(), FoldError> {
        let notice = NoticeRow {
            what: DeadlineEvent::NobodyOnDuty.into(),
            jurisdiction: post.of.to_string(),
            role: positive(post.role.number()),
            due_at: since.millis(),
            at: self.at.time.millis(),
            met_at: ended.map_or(0, Timestamp::millis),
            ..NoticeRow::default()
        };
        self.put_notice(roster::vacancy_id(&post.of, post.role, since), &notice)
    }
}
