//! A roster in a file: one block a shift, so that a week is typed as it hangs on the wall.

use std::path::Path;

use anyhow::Context as _;
use model::{
    role::Role,
    roster::{Roster, Shift},
    time::Timestamp,
};
use proto::{border, v1};
use serde::Deserialize;

use super::{KEPT, Kind};
use crate::cli::{
    compose::{
        file,
        values::{self, TIME_FORMS, When},
    },
    exit::BadInput,
    out::{self, Context},
};

/// A roster as the model knows it.
pub type Plan = Roster;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Sheet {
    shift: Vec<Block>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Block {
    role: String,
    name: String,
    phones: Vec<String>,
    from: Option<String>,
    to: Option<String>,
}

/// Reads the shifts of a file. What the contract asks of names and numbers the desk checks.
pub fn read(path: &Path, now: Timestamp, context: Context) -> anyhow::Result<Plan> {
    let sheet: Sheet = serde_json::from_value(file::read(path)?)
        .map_err(|error| BadInput(error.to_string()))
        .with_context(|| path.display().to_string())?;
    let shifts = sheet.shift.into_iter().enumerate().map(|(at, block)| {
        block.shift(now).map_err(|problem| {
            let number = at + 1;
            let (zh, en) = (format!("第 {number} 个班次：{problem}"), format!("shift {number}: {problem}"));
            BadInput(context.say(&zh, &en).to_owned())
        })
    });
    let shifts: Result<Vec<_>, _> = shifts.collect();
    Ok(Roster::new(shifts.with_context(|| path.display().to_string())?))
}

impl Block {
    fn shift(self, now: Timestamp) -> Result<(Role, Shift), String> {
        let role = values::named::<Role>(&self.role).ok_or_else(|| {
            let all = Role::ALL.iter().map(|role| values::Listed::option(*role)).collect::<Vec<_>>();
            format!("role = \"{}\": {}", self.role, all.join(" | "))
        })?;
        let time = |name: &str, text: Option<String>| {
            text.map(|text| text.parse::<When>().map_err(|_| format!("{name} = \"{text}\": {TIME_FORMS}"))).transpose()
        };
        let from = time("from", self.from)?.map(|from| from.from(now));
        let to = time("to", self.to)?.map(|to| to.from(now));
        Ok((role, Shift { name: self.name, phones: self.phones, from, to }))
    }
}

/// Prints a complete file to begin with.
pub fn example(now: Timestamp, context: Context) -> anyhow::Result<()> {
    let day = out::date(now);
    let head = context.say(
        "# 值班表：每个班次一段。`to` 的时刻属于下一班；不写 `from` 为现在起，不写 `to` 为直到值班表修改。\n# 值班员（duty-officer）和带班领导（shift-leader）任何时候都须有人。",
        "# A roster: one block a shift. The instant of `to` belongs to whoever comes next; without `from` a shift has begun,\n# without `to` it lasts until the roster changes. At any time there must be a duty-officer and a shift-leader.",
    );
    let block = |role: &str, name: &str, phone: &str, times: &str| {
        format!("[[shift]]\nrole = \"{role}\"\nname = \"{name}\"\nphones = [\"{phone}\"]\n{times}")
    };
    let blocks = [
        block("duty-officer", "王明", "0539-8000001", &format!("to = \"{day} 20:00\"\n")),
        block("duty-officer", "李强", "0539-8000002", &format!("from = \"{day} 20:00\"\n")),
        block("shift-leader", "李敏", "0539-8000003", ""),
    ];
    out::line(&format!("{head}\n\n{}", blocks.join("\n")))?;
    context.next(
        "liandong roster set FILE --as 李敏/shift-leader",
        "改成实情后写入",
        "say what is true, then write it",
    );
    Ok(())
}

/// The change that writes a roster. It holds names and numbers, and says until when they are kept.
pub fn draft(plan: &Plan, change: v1::DocumentChange, officer: v1::Officer, now: Timestamp) -> v1::Draft {
    let roles = plan
        .posts()
        .map(|(role, shifts)| v1::RosterRole { role: role.number(), people: shifts.iter().map(person).collect() });
    let roster = v1::Roster { roles: roles.collect(), ..v1::Roster::default() };
    let ends = plan.posts().flat_map(|(_, shifts)| shifts).filter_map(|shift| shift.to).max();
    let body = v1::DirectoryChange { item: Some(v1::directory_change::Item::Roster(roster)) };
    let signatory = v1::Signatory { name: officer.name.clone(), role: officer.role, at: None };
    let header = v1::Header {
        kind: Kind::DirectoryChange.number(),
        document: Some(change),
        sender: Some(v1::Party { name: officer.name, role: officer.role, ..v1::Party::default() }),
        prepared_by: Some(signatory),
        personal_data: v1::PersonalData::Present.into(),
        retain_until: Some(border::time::to_wire(ends.unwrap_or(now).max(now).plus(KEPT))),
        ..v1::Header::default()
    };
    let body = v1::Body { body: Some(v1::body::Body::DirectoryChange(body)) };
    v1::Draft { header: Some(header), body: Some(body), inline: Vec::new() }
}

fn person(shift: &Shift) -> v1::RosterPerson {
    v1::RosterPerson {
        name: shift.name.clone(),
        phones: shift.phones.clone(),
        from: shift.from.map(border::time::to_wire),
        to: shift.to.map(border::time::to_wire),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn block(role: &str, from: Option<&str>) -> Result<(Role, Shift), String> {
        let (name, phones) = ("王明".to_owned(), vec!["0539-8000001".to_owned()]);
        let block = Block { role: role.to_owned(), name, phones, from: from.map(str::to_owned), to: None };
        block.shift(Timestamp::from_millis(1_800_000_000_000))
    }

    #[test]
    fn a_block_names_a_post_and_a_time_in_any_of_their_forms() {
        assert_eq!(block("值班员", None).unwrap().0, Role::DutyOfficer);
        let (role, shift) = block("SHIFT_LEADER", Some("2h")).unwrap();
        assert_eq!((role, shift.from), (Role::ShiftLeader, Some(Timestamp::from_millis(1_800_007_200_000))));
        assert!(block("boss", None).unwrap_err().contains("duty-officer | shift-leader"));
        assert!(block("duty-officer", Some("soon")).unwrap_err().contains("2026-12-03 08:40"));
    }
}
