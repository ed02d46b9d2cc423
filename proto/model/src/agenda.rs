//! What may still be done with an agenda, and what becomes of what members propose.
//!
//! An agenda is a document (see [`crate::document`]): the broker holds to its members' rights, which the owner's desk
//! sets from the status as it stands here. What stands inside an item (its state, who proposed it) no broker reads:
//! the desks judge it.

use crate::{document::MemberRights, ids::JurisdictionId, invalid::Invalid, numbered::numbered, reason::Reason};

numbered! {
    /// What may still be done with an agenda.
    pub enum AgendaStatus as "status" {
        /// The owner is writing it.
        Draft = 1, "DRAFT", "草案";
        /// Members add and edit.
        OpenForProposals = 2, "OPEN_FOR_PROPOSALS", "征集议题";
        /// Members may add, and what they add is deferred; nothing is edited.
        Locked = 3, "LOCKED", "已锁定";
        /// As it was held.
        Final = 4, "FINAL", "定稿";
    }
}

numbered! {
    /// What became of a proposed item.
    pub enum ItemState as "state" {
        /// Proposed by a member.
        Proposed = 1, "PROPOSED", "已提出";
        /// On the agenda.
        Placed = 2, "PLACED", "已列入";
        /// Not taken.
        Declined = 3, "DECLINED", "不列入";
        /// Put off to another meeting.
        Deferred = 4, "DEFERRED", "延期";
    }
}

/// An item, as far as its state is judged.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Item {
    /// Who proposed it.
    pub proposed_by: JurisdictionId,
    /// What became of it.
    pub state: ItemState,
}

impl AgendaStatus {
    /// What members other than the owner may do with its items. The head that says the status says these rights too.
    pub const fn members(self) -> MemberRights {
        match self {
            Self::Draft | Self::Final => MemberRights::None,
            Self::OpenForProposals => MemberRights::AddAndEdit,
            Self::Locked => MemberRights::Add,
        }
    }

    /// The owner may move it to `next`: back and forth while it is prepared, and nowhere once it is final.
    ///
    /// # Errors
    /// DOCUMENT_LOCKED.
    pub fn may_become(self, next: Self) -> Result<(), Invalid> {
        if self == Self::Final && next != Self::Final {
            return Err(locked("body.head.status", "K42.final"));
        }
        Ok(())
    }

    /// Items may still be put and removed.
    ///
    /// # Errors
    /// DOCUMENT_LOCKED.
    pub fn may_change(self) -> Result<(), Invalid> {
        if self == Self::Final { Err(locked("header.document.item_id", "K42.final")) } else { Ok(()) }
    }

    /// What the owner's desk makes of an item that a member has just added; none where it stays as it was proposed.
    pub const fn takes_in(self) -> Option<ItemState> {
        match self {
            Self::Locked => Some(ItemState::Deferred),
            Self::Draft | Self::OpenForProposals | Self::Final => None,
        }
    }
}

/// Judges an item as `by` would have it, against what is there. Only the owner moves an item on from PROPOSED; nobody
/// changes who proposed it; a final agenda stays as it was held.
///
/// # Errors
/// DOCUMENT_LOCKED or ROLE_FORBIDDEN.
pub fn may_put(
    status: AgendaStatus,
    owner: &JurisdictionId,
    by: &JurisdictionId,
    before: Option<&Item>,
    after: &Item,
) -> Result<(), Invalid> {
    status.may_change()?;
    let proposer = before.map_or(by, |item| &item.proposed_by);
    if by != owner && after.proposed_by != *proposer {
        return Err(forbidden("body.item.proposed_by", "K42.proposed_by"));
    }
    let state = before.map_or(ItemState::Proposed, |item| item.state);
    if by != owner && after.state != state {
        return Err(forbidden("body.item.state", "K42.state_of_owner").detail(after.state.name()));
    }
    Ok(())
}

fn locked(field: &'static str, rule: &'static str) -> Invalid {
    Invalid::new(Reason::DocumentLocked, field, rule)
}

fn forbidden(field: &'static str, rule: &'static str) -> Invalid {
    Invalid::new(Reason::RoleForbidden, field, rule)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::judge::sample::member;

    fn item(proposed_by: &str, state: ItemState) -> Item {
        Item { proposed_by: member(proposed_by), state }
    }

    fn put(status: AgendaStatus, by: &str, before: Option<&Item>, after: &Item) -> Result<(), (Reason, String)> {
        may_put(status, &member("371300"), &member(by), before, after).map_err(|invalid| (invalid.reason, invalid.rule))
    }

    #[test]
    fn members_may_what_the_status_says() {
        let rights: Vec<_> = AgendaStatus::ALL.iter().map(|status| (status.name(), status.members())).collect();
        let expected = [
            ("DRAFT", MemberRights::None),
            ("OPEN_FOR_PROPOSALS", MemberRights::AddAndEdit),
            ("LOCKED", MemberRights::Add),
            ("FINAL", MemberRights::None),
        ];
        assert_eq!(rights, expected);
    }

    #[test]
    fn what_is_added_to_a_locked_agenda_is_deferred() {
        let taken: Vec<_> = AgendaStatus::ALL.iter().map(|status| status.takes_in()).collect();
        assert_eq!(taken, [None, None, Some(ItemState::Deferred), None]);
    }

    #[test]
    fn an_agenda_is_opened_locked_and_opened_again_until_it_is_final() {
        for from in AgendaStatus::ALL {
            for to in AgendaStatus::ALL {
                let lawful = *from != AgendaStatus::Final || *to == AgendaStatus::Final;
                assert_eq!(from.may_become(*to).is_ok(), lawful, "{from} to {to}");
            }
        }
        let refused = AgendaStatus::Final.may_become(AgendaStatus::Draft).unwrap_err();
        assert_eq!((refused.reason, refused.rule.as_str()), (Reason::DocumentLocked, "K42.final"));
    }

    #[test]
    fn a_member_proposes_and_the_owner_decides() {
        use AgendaStatus::OpenForProposals as Open;
        use ItemState::{Deferred, Placed, Proposed};
        let proposed = item("370900", Proposed);
        assert_eq!(put(Open, "370900", None, &proposed), Ok(()));
        let decided = Err((Reason::RoleForbidden, "K42.state_of_owner".to_owned()));
        assert_eq!(put(Open, "370900", None, &item("370900", Placed)), decided);
        assert_eq!(put(Open, "370900", Some(&proposed), &item("370900", Placed)), decided);
        assert_eq!(put(Open, "371300", Some(&proposed), &item("370900", Deferred)), Ok(()));
        let placed = item("371300", Placed);
        assert_eq!(put(Open, "370900", Some(&placed), &placed), Ok(()), "its words may change, its state stays");
        assert_eq!(put(Open, "370900", Some(&placed), &item("371300", Proposed)), decided);
    }

    #[test]
    fn nobody_speaks_in_the_name_of_another() {
        let another = Err((Reason::RoleForbidden, "K42.proposed_by".to_owned()));
        let theirs = item("370300", ItemState::Proposed);
        assert_eq!(put(AgendaStatus::OpenForProposals, "370900", None, &theirs), another);
        let ours = item("370900", ItemState::Proposed);
        assert_eq!(put(AgendaStatus::OpenForProposals, "370900", Some(&theirs), &ours), another);
        assert_eq!(put(AgendaStatus::Draft, "371300", None, &theirs), Ok(()), "the owner writes for others");
    }

    #[test]
    fn a_final_agenda_stays_as_it_was_held() {
        let item = item("371300", ItemState::Placed);
        let held = Err((Reason::DocumentLocked, "K42.final".to_owned()));
        assert_eq!(put(AgendaStatus::Final, "371300", Some(&item), &item), held);
        assert_eq!(put(AgendaStatus::Final, "370900", None, &item), held);
    }
}
