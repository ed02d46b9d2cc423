//! Whom a message is for: members by name, a post there, groups, an area as text.

use proto::rules;
use serde_json::{Value, json};

use crate::console::{
    Console,
    gate::Form,
    sheet::{Choice, Contract, Sheet},
    words::Words,
};

/// The addresses of a draft, as a form shows them.
#[derive(Clone, Debug, Default)]
pub struct To {
    /// Members of the region but us.
    pub members: Vec<Choice>,
    /// The post there; none means whoever is on duty.
    pub roles: Vec<Choice>,
    /// Groups that our directory knows.
    pub groups: Vec<Choice>,
    /// The middle of an area, and its radius in metres.
    pub circle: (String, String),
    /// The corners of an area, one a line.
    pub polygon: String,
    /// What is wrong.
    pub fault: String,
}

impl To {
    /// Whether an area is written here.
    pub fn has_area(&self) -> bool {
        !self.circle.0.is_empty() || !self.polygon.is_empty()
    }
}

impl Console {
    /// The addresses of a draft.
    pub(super) fn to(&self, sheet: &Sheet, w: Words) -> To {
        let all = sheet.addresses();
        let text = |value: Option<&Value>| value.map(plain).unwrap_or_default();
        let ids: Vec<String> = all.iter().filter_map(|to| to.pointer("/jurisdiction/id")).map(plain).collect();
        let named: Vec<String> = all.iter().filter_map(|to| to.get("group_id")).map(plain).collect();
        let role = text(all.iter().find_map(|to| to.pointer("/jurisdiction/role")));
        let trusted = self.desk.trust.now();
        let us = self.desk.names.jurisdiction();
        let mut members: Vec<Choice> = Vec::new();
        for member in trusted.directory.members().filter(|member| member.id != *us) {
            let id = member.id.to_string();
            let label = self.name_of(&id, w);
            members.push(Choice { chosen: ids.contains(&id), value: id, label });
        }
        let unknown = ids.iter().filter(|id| members.iter().all(|known| known.value != **id));
        let unknown: Vec<Choice> = unknown.map(|id| choice(id, true)).collect();
        members.extend(unknown);
        let mut groups: Vec<Choice> =
            trusted.directory.groups().map(|(id, _)| choice(id.as_ref(), named.contains(&id.to_string()))).collect();
        let others: Vec<Choice> = named
            .iter()
            .filter(|id| groups.iter().all(|known| known.value != **id))
            .map(|id| choice(id, true))
            .collect();
        groups.extend(others);
        let area = |pointer: &str| all.iter().find_map(|to| to.pointer(pointer));
        let corners = area("/area/polygon/points").and_then(Value::as_array);
        let corners = corners.map(|points| points.iter().map(point).collect::<Vec<_>>().join("\n"));
        To {
            members,
            roles: roles(&role, w),
            groups,
            circle: (area("/area/circle/center").map(point).unwrap_or_default(), text(area("/area/circle/radius_m"))),
            polygon: corners.unwrap_or_default(),
            fault: String::new(),
        }
    }
}

fn choice(id: &str, chosen: bool) -> Choice {
    Choice { value: id.to_owned(), label: rules::inert(id), chosen }
}

fn roles(chosen: &str, w: Words) -> Vec<Choice> {
    use model::role::Role;
    let all = Role::ALL.iter().filter(|role| **role != Role::System);
    let choice = |role: &Role| Choice {
        value: role.name().to_owned(),
        label: w.role(role.number()),
        chosen: role.name() == chosen,
    };
    all.map(choice).collect()
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// A point as it is typed; what cannot be read stands as it was.
fn point(value: &Value) -> String {
    let degrees = |name: &str| {
        let number = value.get(name).and_then(|number| number.as_i64().or_else(|| number.as_str()?.parse().ok()))?;
        let (sign, size) = (if number < 0 { "-" } else { "" }, number.unsigned_abs());
        let rest = format!("{:07}", size % 10_000_000);
        let rest = rest.trim_end_matches('0');
        let dot = if rest.is_empty() { "" } else { "." };
        Some(format!("{sign}{}{dot}{rest}", size / 10_000_000))
    };
    match (degrees("lat_e7"), degrees("lon_e7")) {
        (Some(lat), Some(lon)) => format!("{lat},{lon}"),
        _ => plain(value),
    }
}

/// Takes the addresses of a form into a draft, if the form has them.
pub fn take(sheet: &mut Sheet, contract: &Contract, form: &Form) {
    if form.get("to-shown").is_empty() {
        return;
    }
    let (role, groups) = (form.get("to-role"), form.get("to-groups"));
    let jurisdiction = |id: &str| {
        let post = if role.is_empty() { json!({"id": id}) } else { json!({"id": id, "role": role}) };
        json!({ "jurisdiction": post })
    };
    let mut to: Vec<Value> = form.all("to").map(jurisdiction).collect();
    let more = groups.split([',', '，', '、', ' ', '\n']).map(str::trim).filter(|id| !id.is_empty());
    to.extend(form.all("to-group").chain(more).map(|id| json!({"group_id": id})));
    let (middle, radius) = (form.get("to-middle").trim(), form.get("to-radius").trim());
    if !middle.is_empty() || !radius.is_empty() {
        let circle = json!({"center": read_point(contract, middle), "radius_m": radius});
        to.push(json!({"area": {"circle": circle}}));
    }
    let corners: Vec<&str> = form.get("to-polygon").lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    if !corners.is_empty() {
        let points: Vec<Value> = corners.iter().map(|corner| read_point(contract, corner)).collect();
        to.push(json!({"area": {"polygon": {"points": points}}}));
    }
    sheet.address(to);
}

/// A point that was typed; what cannot be read stays a text, which the contract then refuses by its place.
fn read_point(contract: &Contract, text: &str) -> Value {
    let (mut scratch, place) = (json!({}), "header.recipients[0].area.circle.center");
    match rules::set(&mut scratch, place, text, contract.kind) {
        Ok(()) => scratch.pointer("/header/recipients/0/area/circle/center").cloned().unwrap_or_default(),
        Err(_kept) => Value::from(text),
    }
}

#[cfg(test)]
mod tests {
    use model::{kind::Kind, status::Action};

    use super::*;

    #[test]
    fn members_groups_and_areas_are_addresses_and_what_cannot_be_read_is_refused_where_it_stands() {
        let contract = Contract::of(Kind::Bulletin, Action::Originate, 480);
        let mut sheet = Sheet::of(json!({}), &contract);
        let typed = "to-shown=1&to=320300&to-role=COMMANDER&to-groups=lunan&to-middle=34.45,118.36&to-radius=5000";
        take(&mut sheet, &contract, &Form::read(typed.as_bytes()));
        let to = sheet.draft(&contract).unwrap().header.unwrap().recipients;
        assert_eq!(to.len(), 3);

        take(&mut sheet, &contract, &Form::read(b"to-shown=1&to-middle=here&to-radius=5000"));
        let refused = sheet.draft(&contract).unwrap_err();
        assert!(refused.field.starts_with("header.recipients"), "{refused}");
        take(&mut sheet, &contract, &Form::read(b"title=x"));
        assert_eq!(sheet.addresses().len(), 1, "a form without them changes none");
    }
}
