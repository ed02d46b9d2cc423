//! K55: the duty roster of a jurisdiction, as its plan of shifts. Broker and desks read it alike.

use model::{
    invalid::Invalid,
    role::Role,
    roster::{Roster, Shift},
};
use prost::Message as _;

use super::pieces::{given, listed};
use crate::{
    border::{must, parts, time},
    v1::{self, body::Body, directory_change::Item},
};

/// The roster in a document's head as its author sealed it. A head that is not there, or that cannot be read, is a roster
/// in which nobody is.
pub fn of_head(head: Option<&v1::DocumentItem>) -> Roster {
    let content = head.and_then(|head| head.envelope.as_ref()).map(|envelope| &envelope.content);
    content.and_then(of_content).unwrap_or_default()
}

/// The roster that a sealed change writes; none where it writes something else, or nothing that can be read.
pub fn of_content(content: &bytes::Bytes) -> Option<Roster> {
    roster(&wire_of(content)?).ok()
}

/// The same as the contract has it.
pub fn wire_of(content: &bytes::Bytes) -> Option<v1::Roster> {
    match v1::Body::decode(parts(content).ok()?.body).ok()?.body? {
        Body::DirectoryChange(v1::DirectoryChange { item: Some(Item::Roster(roster)) }) => Some(roster),
        _ => None,
    }
}

/// A post that plans shifts is decided by them alone. One that plans none is decided by who was on duty when the roster was
/// written, for as long as that was said to last.
///
/// # Errors
/// The first shift that cannot be read, named by its place.
pub fn roster(wire: &v1::Roster) -> Result<Roster, Invalid> {
    let v1::Roster { roles, on_duty, shift_leader } = wire;
    let planned = listed("roles", roles, |post| {
        let role = must(post.role, Role::from_number, "role")?;
        Ok(listed("people", &post.people, shift)?.into_iter().map(|shift| (role, shift)).collect::<Vec<_>>())
    })?;
    let planned: Vec<(Role, Shift)> = planned.into_iter().flatten().collect();
    let leader = shift_leader.as_ref().map(|person| shift(person).map_err(|invalid| invalid.within("shift_leader")));
    let leader = leader.transpose()?.map(|shift| (Role::ShiftLeader, shift));
    let written = listed("on_duty", on_duty, written)?.into_iter().chain(leader);
    let unplanned = |(role, _): &(Role, Shift)| planned.iter().all(|(planned, _)| planned != role);
    let written: Vec<_> = written.filter(unplanned).collect();
    Ok(Roster::new(planned.into_iter().chain(written)))
}

fn shift(wire: &v1::RosterPerson) -> Result<Shift, Invalid> {
    let v1::RosterPerson { name, phones, from, to } = wire;
    Ok(Shift {
        name: given(name, "name")?,
        phones: phones.clone(),
        from: time::optional(*from, "from")?,
        to: time::optional(*to, "to")?,
    })
}

fn written(wire: &v1::PersonOnDuty) -> Result<(Role, Shift), Invalid> {
    let v1::PersonOnDuty { role, name, phone, since, until } = wire;
    let shift = Shift {
        name: given(name, "name")?,
        phones: vec![phone.clone()],
        from: time::optional(*since, "since")?,
        to: time::optional(*until, "until")?,
    };
    Ok((must(*role, Role::from_number, "role")?, shift))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use model::time::Timestamp;

    use super::*;

    const NOON: Timestamp = Timestamp::from_millis(1_800_000_000_000);

    fn person(name: &str, to: Option<i64>) -> v1::RosterPerson {
        let to = to.map(|seconds| prost_types::Timestamp { seconds, nanos: 0 });
        v1::RosterPerson { name: name.into(), phones: vec!["0539-1".into()], from: None, to }
    }

    fn post(role: v1::Role, people: Vec<v1::RosterPerson>) -> v1::RosterRole {
        v1::RosterRole { role: role.into(), people }
    }

    fn on_duty(role: v1::Role, name: &str) -> v1::PersonOnDuty {
        v1::PersonOnDuty { role: role.into(), name: name.into(), phone: "0539-2".into(), since: None, until: None }
    }

    #[test]
    fn a_plan_decides_and_what_was_written_beside_it_only_where_there_is_none() {
        let over = NOON.millis() / 1_000 - 1;
        let wire = v1::Roster {
            roles: vec![post(v1::Role::DutyOfficer, vec![person("A", Some(over))]), post(v1::Role::Expert, vec![])],
            on_duty: vec![on_duty(v1::Role::DutyOfficer, "A"), on_duty(v1::Role::Expert, "E")],
            shift_leader: Some(person("C", None)),
        };
        let roster = roster(&wire).unwrap();
        assert!(roster.is_vacant(Role::DutyOfficer, NOON), "A was there when it was written, and the shift is over");
        assert_eq!(roster.answers(Role::Expert, NOON).unwrap().1.name, "E");
        assert_eq!(roster.answers(Role::DutyOfficer, NOON).unwrap().1.name, "C");
    }

    #[test]
    fn what_cannot_be_read_is_named_by_its_place_and_as_a_head_is_empty() {
        let broken = v1::Roster {
            roles: vec![post(v1::Role::DutyOfficer, vec![person("A", None), person("", None)])],
            ..v1::Roster::default()
        };
        assert_eq!(roster(&broken).unwrap_err().field, "roles[0].people[1].name");
        let unsaid = v1::Roster { roles: vec![post(v1::Role::Unspecified, vec![])], ..v1::Roster::default() };
        assert_eq!(roster(&unsaid).unwrap_err().field, "roles[0].role");
        assert_eq!(of_head(None), Roster::default());
        assert_eq!(of_head(Some(&v1::DocumentItem::default())), Roster::default());
    }

    #[test]
    fn a_sealed_change_brings_its_roster() {
        let wire =
            v1::Roster { roles: vec![post(v1::Role::DutyOfficer, vec![person("A", None)])], ..v1::Roster::default() };
        let change = v1::DirectoryChange { item: Some(Item::Roster(wire.clone())) };
        let content = v1::Content {
            header: Some(v1::Header::default()),
            body: Some(v1::Body { body: Some(Body::DirectoryChange(change)) }),
            inline: Vec::new(),
        };
        let content = bytes::Bytes::from(content.encode_to_vec());
        assert_eq!(wire_of(&content), Some(wire));
        assert_eq!(of_content(&content).unwrap().on_duty(Role::DutyOfficer, NOON).count(), 1);
    }
}
