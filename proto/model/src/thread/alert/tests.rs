#![allow(clippy::unwrap_used)]

use super::*;
use crate::{
    judge::sample::{NOON, member},
    kind::Kind,
    thread::{
        Facts as Any, Thread,
        talk::{Message, minutes, opened, owed, parts, refused, says, wrong},
    },
};

const LY: &str = "371300";

fn said(n: u8, act: Act, colour: WarningLevel) -> Message {
    let facts = Facts {
        act,
        expires: NOON.plus(minutes(360)),
        references: (1..n).map(|before| format!("id-{before}")).collect(),
        identifier: format!("id-{n}"),
        issuer: "371300@linyi".to_owned(),
    };
    let mut message = Message::new(n, Kind::Alert, LY, Any::Alert(facts)).to(&["320300", "320700"]);
    message.header.warning_level = Some(colour);
    message
}

fn next(n: u8, act: Act, colour: WarningLevel, to: &Message) -> Message {
    let action = if act == Act::Cancel { Action::Cancel } else { Action::Update };
    said(n, act, colour).follows(to, action)
}

#[test]
fn every_act_at_every_state_leads_on_or_breaks_its_rule() {
    let first = said(1, Act::Issue, WarningLevel::Orange);
    let colours = [("same", WarningLevel::Orange), ("graver", WarningLevel::Red), ("milder", WarningLevel::Yellow)];
    let mut table = Vec::new();
    for state in ["ISSUED", "UPDATED", "CANCELLED", "EXPIRED"] {
        for act in Act::ALL {
            for (name, colour) in colours {
                let mut thread = opened(&first);
                let mut newest = first.clone();
                if matches!(state, "UPDATED" | "CANCELLED") {
                    let act = if state == "UPDATED" { Act::Update } else { Act::Cancel };
                    newest = next(2, act, WarningLevel::Orange, &first);
                    says(&mut thread, &newest).unwrap();
                }
                let at = if state == "EXPIRED" { NOON.plus(minutes(361)) } else { NOON.plus(minutes(30)) };
                assert_eq!(thread.state_at(at).name, state);
                let message = next(3, *act, colour, &newest).at(at);
                let said = says(&mut thread, &message).map(|_| thread.state().name.to_owned());
                table.push(format!("{state} {act} {name}: {}", said.unwrap_or_else(|(_, rule)| rule)));
            }
        }
    }
    assert_eq!(table.join("\n"), include_str!("table.txt").trim_end());
}

#[test]
fn an_alert_is_passed_on_as_it_is_issued_and_leaves_by_itself() {
    let first = said(1, Act::Issue, WarningLevel::Orange);
    let thread = opened(&first);
    assert_eq!(owed(&thread.ledger).len(), 1);
    assert!(owed(&thread.ledger)[0].ends_with("Met"));
    assert_eq!(thread.state_at(NOON.plus(minutes(360))).name, "ISSUED");
    assert_eq!(
        (thread.state_at(NOON.plus(minutes(361))).name, thread.state_at(NOON.plus(minutes(361))).over),
        ("EXPIRED", true)
    );
}

#[test]
fn a_graver_colour_supersedes_the_milder() {
    let first = said(1, Act::Issue, WarningLevel::Yellow);
    let mut thread = opened(&first);
    says(&mut thread, &next(2, Act::Upgrade, WarningLevel::Red, &first).at(NOON.plus(minutes(120)))).unwrap();
    let super::super::AnyMachine::Alert(alert) = &thread.machine else { unreachable!() };
    assert_eq!(alert.colour(), Some(WarningLevel::Red));
}

fn refers_to(mut message: Message, names: &[&str]) -> Message {
    let Any::Alert(facts) = &mut message.facts else { unreachable!() };
    facts.references = names.iter().map(|name| (*name).to_owned()).collect();
    message
}

#[test]
fn an_update_of_what_is_superseded_leaves_two_heads_until_one_joins_them() {
    let first = said(1, Act::Issue, WarningLevel::Yellow);
    let mut thread = opened(&first);
    let second = next(2, Act::Upgrade, WarningLevel::Red, &first);
    assert_eq!(says(&mut thread, &second).unwrap(), []);
    let stray = refers_to(next(3, Act::Update, WarningLevel::Yellow, &second), &["id-1"]);
    let marks = says(&mut thread, &stray).unwrap();
    assert_eq!((marks[0].mark, marks[0].about.as_str()), (Mark::TwoHeads, "id-2"));
    assert_eq!(parts(&thread, NOON), ["id-2 IN_FORCE RED", "id-3 IN_FORCE YELLOW"]);

    let one = refers_to(next(4, Act::Cancel, WarningLevel::Yellow, &stray), &["id-3"]);
    let mut half = thread.clone();
    says(&mut half, &one).unwrap();
    assert_eq!((half.state().name, parts(&half, NOON)), ("UPDATED", vec![]), "the red one stands");

    let joined = refers_to(next(4, Act::Update, WarningLevel::Yellow, &stray), &["id-2", "id-3"]);
    assert_eq!(says(&mut thread, &joined).unwrap(), []);
    assert_eq!(parts(&thread, NOON), [] as [String; 0]);
    let end = next(5, Act::Cancel, WarningLevel::Yellow, &joined);
    says(&mut thread, &end).unwrap();
    assert_eq!(thread.state().name, "CANCELLED");
    let super::super::AnyMachine::Alert(alert) = &thread.machine else { unreachable!() };
    let names: Vec<&str> = alert.messages().map(|said| said.identifier.as_str()).collect();
    assert_eq!(names, ["id-1", "id-2", "id-3", "id-4", "id-5"], "what took it back has a name too");
}

#[test]
fn an_update_that_refers_to_nothing_supersedes_what_stands() {
    let first = said(1, Act::Issue, WarningLevel::Orange);
    let mut thread = opened(&first);
    let silent = refers_to(next(2, Act::Update, WarningLevel::Orange, &first), &[]);
    assert_eq!(says(&mut thread, &silent).unwrap(), []);
}

#[test]
fn another_sender_of_cap_does_not_change_the_chain() {
    let first = said(1, Act::Issue, WarningLevel::Orange);
    let mut thread = opened(&first);
    let mut foreign = next(2, Act::Update, WarningLevel::Orange, &first);
    let Any::Alert(facts) = &mut foreign.facts else { unreachable!() };
    facts.issuer = "371100@linyi".to_owned();
    assert_eq!(says(&mut thread, &foreign).unwrap_err(), (Reason::CapInvalid, "CAP.C22".to_owned()));
}

#[test]
fn only_the_issuer_changes_it_and_a_lower_revision_is_history() {
    let first = said(1, Act::Issue, WarningLevel::Orange);
    let mut thread = opened(&first);
    let mut foreign = next(2, Act::Update, WarningLevel::Orange, &first);
    foreign.header.sender.jurisdiction = member("371100");
    assert_eq!(says(&mut thread, &foreign).unwrap_err(), (Reason::NotAuthor, "K04.author".to_owned()));
    let second = next(2, Act::Update, WarningLevel::Orange, &first);
    let third = next(3, Act::Upgrade, WarningLevel::Red, &second);
    says(&mut thread, &third).unwrap();
    assert_eq!(says(&mut thread, &second).unwrap()[0].mark, Mark::Overtaken);
}

#[test]
fn nothing_but_an_issue_begins_a_chain() {
    let update = said(1, Act::Update, WarningLevel::Orange);
    assert_eq!(Thread::open(&update.step()).map_err(refused).unwrap_err(), wrong("K04.issue_opens"));
}
