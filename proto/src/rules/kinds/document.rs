//! Documents: what a PUT brings fits what the header says it changes, and a REMOVE brings nothing.

use model::{agenda::AgendaStatus, document::MemberRights};

use super::{Judge, Rule, rule};
use crate::v1;

const AGENDA: Rule = rule(
    "K42.content",
    "修改条目时填条目，修改议程本身时填议程头，删除时都不填",
    "is given when an item is put, the head when the agenda itself is put, and neither when something is removed",
);
const STATUS: Rule = rule(
    "K42.members_of_status",
    "须与消息头中的成员权限一致：征集议题为可新增和修改，已锁定为可新增，草案和定稿为只读",
    "must go with the rights of members in the header: add and edit while it is open for proposals, add while it is locked, none in a draft and a final one",
);
const DIRECTORY: Rule = rule(
    "K55.content",
    "写入时恰好填一项（值班表填在 roster/ 文档中），删除时都不填",
    "or another item is given when something is put (a roster in a document roster/…), and none when it is removed",
);

const SHIFT: Rule = rule("K55.shift_ends_after_start", "须晚于该班次的开始时间", "must be after the shift begins");

/// Every rule about documents.
pub const RULES: &[&Rule] = &[&AGENDA, &STATUS, &DIRECTORY, &SHIFT];

/// What a change of a document brings.
enum Change<'a> {
    Put { document: &'a str, item: &'a str },
    Remove,
}

impl Judge<'_> {
    fn change(&self) -> Option<Change<'_>> {
        let change = self.header.document.as_ref()?;
        match change.op() {
            v1::DocumentOp::Put => Some(Change::Put { document: &change.document_id, item: &change.item_id }),
            v1::DocumentOp::Remove => Some(Change::Remove),
            v1::DocumentOp::Unspecified => None,
        }
    }
}

impl Judge<'_> {
    /// The broker reads no body: it holds to the rights that the header says, so they are those of the status.
    fn gives_rights_of(&self, status: i32) -> bool {
        let told = self.header.document.as_ref().and_then(|change| MemberRights::from_number(change.members));
        AgendaStatus::from_number(status).is_none_or(|status| told == Some(status.members()))
    }
}

pub fn agenda(judge: &mut Judge<'_>, body: &v1::AgendaChange) {
    use v1::agenda_change::Change::{Head, Item};
    let keeps = match (judge.change(), &body.change) {
        (None, _) | (Some(Change::Remove), None) => true,
        (Some(Change::Put { item: "", .. }), change) => matches!(change, Some(Head(_))),
        (Some(Change::Put { .. }), change) => matches!(change, Some(Item(_))),
        (Some(Change::Remove), Some(_)) => false,
    };
    judge.holds(&AGENDA, "body.item", keeps);
    if let Some(Head(head)) = &body.change {
        judge.holds(&STATUS, "body.head.status", judge.gives_rights_of(head.status));
    }
}

pub fn directory(judge: &mut Judge<'_>, body: &v1::DirectoryChange) {
    use v1::directory_change::Item::Roster;
    let keeps = match (judge.change(), &body.item) {
        (None, _) | (Some(Change::Remove), None) => true,
        (Some(Change::Put { document, .. }), Some(item)) => {
            document.starts_with("roster/") == matches!(item, Roster(_))
        }
        (Some(Change::Put { .. }), None) | (Some(Change::Remove), Some(_)) => false,
    };
    judge.holds(&DIRECTORY, "body.entry", keeps);
    if let Some(Roster(roster)) = &body.item {
        shifts(judge, roster);
    }
}

/// A shift that ended before it began would leave its post vacant without a word.
fn shifts(judge: &mut Judge<'_>, roster: &v1::Roster) {
    let ends = |person: &v1::RosterPerson| match (person.from, person.to) {
        (Some(from), Some(to)) => (from.seconds, from.nanos) < (to.seconds, to.nanos),
        _ => true,
    };
    for (at, post) in roster.roles.iter().enumerate() {
        for (nth, person) in post.people.iter().enumerate() {
            judge.holds(&SHIFT, format!("body.roster.roles[{at}].people[{nth}].to"), ends(person));
        }
    }
    judge.holds(&SHIFT, "body.roster.shift_leader.to", roster.shift_leader.as_ref().is_none_or(ends));
}
