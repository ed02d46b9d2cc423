//! Rules about who speaks, who drafted and who signed off.

use crate::{
    header::{Header, Role},
    invalid::Invalid,
    kind::{Cover, Kind, SignOff},
    reason::Reason,
    roster::same_name,
};

/// The broker speaks as SYSTEM and only in kinds of the system; its notices of deadlines are nobody else's.
pub(super) fn sender(header: &Header) -> Result<(), Invalid> {
    let (broker, system) = (header.sender.jurisdiction.is_broker(), header.sender.role == Role::System);
    let forbidden = |rule: &'static str| Err(Invalid::new(Reason::RoleForbidden, "sender.role", rule));
    if broker && !system {
        return forbidden("header.broker_is_system");
    }
    if system && !header.kind.is_of_the_system() {
        return forbidden("header.system_kinds");
    }
    if header.kind == Kind::DeadlineNotice && !broker {
        return forbidden("header.notices_are_the_brokers");
    }
    if !system && header.prepared_by.name.trim().is_empty() {
        return Err(Invalid::missing("prepared_by.name"));
    }
    Ok(())
}

/// The broker says nothing but K58 to agents today; whatever else comes in its name is not taken.
pub(super) fn broker_notices(header: &Header) -> Result<(), Invalid> {
    if header.sender.jurisdiction.is_broker() && header.kind != Kind::DeadlineNotice {
        return Err(Invalid::new(Reason::RoleForbidden, "sender.jurisdiction", "header.broker_notices"));
    }
    Ok(())
}

/// Column *agr*: an agreement, or NONE.
pub(super) fn agreement(header: &Header) -> Result<(), Invalid> {
    match (header.kind.facts().cover, &header.agreement_id) {
        (Cover::Required, None) => Err(Invalid::missing("agreement_id")),
        (Cover::Required, Some(_)) | (Cover::Free, _) => Ok(()),
    }
}

/// Column *sign*, and always outside any agreement: a shift leader or commander, and not the drafter.
pub(super) fn sign_off(header: &Header) -> Result<(), Invalid> {
    let by_kind = match header.kind.facts().sign_off {
        SignOff::Always => true,
        SignOff::Grave => header.is_grave(),
        SignOff::Never => false,
    };
    let refused = |rule: &'static str| Err(Invalid::new(Reason::SignoffMissing, "signed_off_by", rule));
    let Some(by) = &header.signed_off_by else {
        return match (by_kind, header.is_outside_agreement()) {
            (true, _) => refused("header.sign_off"),
            (false, true) => refused("header.sign_off_outside_agreement"),
            (false, false) => Ok(()),
        };
    };
    if by.name.trim().is_empty() {
        return refused("header.sign_off");
    }
    if !by.role.signs_off() {
        return refused("header.sign_off_role");
    }
    if same_name(&by.name, &header.prepared_by.name) { refused("header.sign_off_by_another") } else { Ok(()) }
}
