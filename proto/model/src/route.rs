//! Where a message goes: its addresses resolved against the directory, and the superiors that are copied.

use std::collections::BTreeSet;

use crate::{
    directory::Directory,
    header::{Address, Header, Status},
    ids::JurisdictionId,
    invalid::Invalid,
    kind::Family,
    reason::Reason,
    stage::As,
};

/// What the addresses of a message came to. Frozen in its record: a later directory changes nothing about it.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Routed {
    /// Every jurisdiction that the addresses name or meet, the sender's own included, by id.
    pub touched: Vec<JurisdictionId>,
    /// Who gets it and as what: the addressed first, then copied superiors, each by id.
    pub deliveries: Vec<(JurisdictionId, As)>,
    /// Superiors that should have been copied and are not in the directory.
    pub superior_absent: Vec<JurisdictionId>,
}

/// Who takes part in the drill of an EXERCISE message; superiors outside it are not copied.
pub type Participants = BTreeSet<JurisdictionId>;

/// Resolves the addresses of `header`. `drill` is whom the live drill names, for EXERCISE traffic.
///
/// Refused as UNROUTABLE when an address reaches nobody, or when nobody but the sender is reached. A document change
/// has no addresses and no deliveries.
pub fn resolve(header: &Header, directory: &Directory, drill: Option<&Participants>) -> Result<Routed, Invalid> {
    if header.kind.is_document() {
        return Ok(Routed::default());
    }
    let mut touched = BTreeSet::new();
    for (at, address) in header.recipients.iter().enumerate() {
        touched.extend(reached(address, directory).map_err(|invalid| invalid.within(format!("recipients[{at}]")))?);
    }
    let sender = &header.sender.jurisdiction;
    let addressed: BTreeSet<_> = touched.iter().filter(|id| *id != sender).cloned().collect();
    if addressed.is_empty() {
        return Err(nobody("recipients", "route.only_sender", ""));
    }
    let copied = superiors(header, directory, &addressed, drill);
    let (present, superior_absent) = copied.into_iter().partition::<Vec<_>, _>(|id| directory.has(id));
    let to = addressed.into_iter().map(|id| (id, As::To));
    let cc = present.into_iter().map(|id| (id, As::CcSuperior));
    Ok(Routed { touched: touched.into_iter().collect(), deliveries: to.chain(cc).collect(), superior_absent })
}

fn nobody(field: &str, rule: &str, detail: &str) -> Invalid {
    Invalid::new(Reason::Unroutable, field, rule).detail(detail)
}

/// The members that one address names or meets.
fn reached(address: &Address, directory: &Directory) -> Result<Vec<JurisdictionId>, Invalid> {
    let found: Vec<JurisdictionId> = match address {
        Address::Jurisdiction { id, .. } if directory.has(id) => vec![id.clone()],
        Address::Jurisdiction { id, .. } => return Err(nobody("jurisdiction.id", "route.member", id.as_str())),
        Address::Group(group) => {
            let members = directory.group(group).ok_or_else(|| nobody("group_id", "route.group", group.as_str()))?;
            members.iter().filter(|id| directory.has(id)).cloned().collect()
        }
        Address::Area(area) => {
            directory.members().filter(|member| member.is_met_by(area)).map(|member| member.id.clone()).collect()
        }
    };
    if found.is_empty() { Err(nobody("", "route.nobody", "the address reaches nobody")) } else { Ok(found) }
}

/// The superiors that are copied: at L1–L3 in families A1–A3, for each recipient in another prefecture, the common
/// province or both provinces. In an exercise only those who take part.
fn superiors(
    header: &Header,
    directory: &Directory,
    addressed: &BTreeSet<JurisdictionId>,
    drill: Option<&Participants>,
) -> BTreeSet<JurisdictionId> {
    let shared = matches!(header.kind.family(), Family::A1 | Family::A2 | Family::A3);
    let takes_part = |id: &JurisdictionId| match header.status {
        Status::Actual => true,
        Status::Exercise => drill.is_some_and(|participants| participants.contains(id)),
        Status::System | Status::Test => false,
    };
    if !shared || !header.is_grave() {
        return BTreeSet::new();
    }
    let sender = &header.sender.jurisdiction;
    let elsewhere = addressed.iter().filter(|id| id.prefecture() != sender.prefecture());
    let provinces = elsewhere.flat_map(|id| [directory.province(sender), directory.province(id)]).flatten();
    provinces.filter(|id| id != sender && !addressed.contains(id) && takes_part(id)).collect()
}

#[cfg(test)]
mod tests;
