//! What may be played, while it may be, and who may read the plan of it.

use super::{AFTERMATH, Drill, Phase};
use crate::{
    invalid::Invalid,
    kind::{Family, Kind},
    reason::Reason,
    role::Role,
    time::Timestamp,
};

impl Drill {
    /// When it was ended, by order or by a real emergency. A pause is no end.
    pub fn ended_at(&self) -> Option<Timestamp> {
        self.clock().and_then(|clock| clock.stopped_at).filter(|_| self.phase != Phase::Pausex)
    }

    /// Exercise traffic of it passes at this time, as the broker judges: from STARTEX until a day after its end, and not a
    /// moment longer once it was aborted.
    ///
    /// # Errors
    /// `DRILL_NOT_LIVE` when it does not.
    pub fn hears(&self, at: Timestamp) -> Result<(), Invalid> {
        let in_time = self.ended_at().is_none_or(|ended_at| at <= ended_at.plus(AFTERMATH));
        if self.play.is_some() && in_time && self.aborted().is_none() {
            return Ok(());
        }
        Err(Invalid::new(Reason::DrillNotLive, "header.drill.drill_id", "K33.live").detail(self.phase.name()))
    }

    /// Until when what it showed counts: what came later says nothing about anybody.
    pub fn counts_until(&self, now: Timestamp) -> Timestamp {
        match (self.aborted(), self.ended_at()) {
            (Some(aborted), _) => aborted.at.min(now),
            (None, Some(ended_at)) => ended_at.plus(AFTERMATH).min(now),
            (None, None) => now,
        }
    }
}

/// An inject may hold a whole message of this kind: one that is answered while a drill is played.
///
/// # Errors
/// `BAD_SCHEMA` for every other kind.
pub fn may_hold(kind: Kind) -> Result<(), Invalid> {
    let played = matches!(kind.family(), Family::A1 | Family::A2 | Family::A3) && !kind.is_document();
    played.then_some(()).ok_or_else(|| Invalid::schema("body.inner", "K34.inner").detail(kind.code()))
}

/// Whether `role` may read what a message of `kind` says. The plan of a drill is for those who steer and judge it:
/// whoever plays sees that there is one.
///
/// # Errors
/// `ROLE_FORBIDDEN` for a plan and any other role.
pub fn may_read(kind: Kind, role: Role) -> Result<(), Invalid> {
    if kind != Kind::DrillPlan || matches!(role, Role::DrillController | Role::Evaluator) {
        return Ok(());
    }
    Err(Invalid::new(Reason::RoleForbidden, "officer.role", "K32.readers").detail(role.name()))
}
