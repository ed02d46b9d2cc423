#![allow(clippy::unwrap_used)]

mod any_order;
mod binding;
mod missions;
mod uses;

use super::*;
use crate::{
    deadline::DeadlineName,
    header::{Action, Answer},
    judge::sample::member,
    kind::Kind,
    level::EventLevel,
    reason::Reason,
    thread::{
        AnyMachine, Facts as Any, Mark, Thread,
        talk::{Message, china, opened, owed, refused, says, wrong},
    },
};

const LY: &str = "371300";
const XZ: &str = "320300";
const LYG: &str = "320700";
const ZZ: &str = "370400";
const RZ: &str = "371100";

fn message(n: u8, kind: Kind, by: &str, facts: Facts) -> Message {
    let mut message = Message::new(n, kind, by, Any::Resource(facts)).at(china(5, 12, 9, 18));
    message.header.event_level = Some(EventLevel::L3);
    message
}

fn wanted() -> Wanted {
    let item =
        |item_no, quantity, type_level_min, substitutes_ok| Item { item_no, quantity, type_level_min, substitutes_ok };
    Wanted {
        items: vec![item(1, 2, Some(2), true), item(2, 6, None, false)],
        lapse_at: Some(china(5, 13, 9, 0)),
        funding_unknown: false,
    }
}

fn request(n: u8, to: &[&str]) -> Message {
    message(n, Kind::ResourceRequest, LY, Facts::Request(wanted())).to(to)
}

fn line(line_no: u32, item_no: u32, line: Line, quantity: u32) -> OfferedLine {
    OfferedLine { line_no, item_no, line, quantity, type_level: None, resources: BTreeSet::new() }
}

fn offer(n: u8, by: &str, lines: Vec<OfferedLine>, to: &Message) -> Message {
    let defers = lines.iter().all(|line| line.line == Line::Defer);
    let offered = Offered { solicited: true, lines, valid_until: Some(china(5, 12, 13, 30)) };
    let mut message = message(n, Kind::ResourceOffer, by, Facts::Offer(offered)).follows(to, Action::Reply);
    message.header.answer = Some(if defers { Answer::Defer } else { Answer::Definite });
    message
}

fn order(n: u8, order_id: &str, offer: &Message, lines: &[(u32, Option<u32>)], to: &Message) -> Message {
    let of = offer.header.message_id;
    let lines = lines.iter().map(|(line_no, order)| DecidedLine { offer: of, line_no: *line_no, order: *order });
    let decided = Decided { order_id: order_id.to_owned(), lines: lines.collect() };
    message(n, Kind::ResourceDecision, LY, Facts::Decision(decided)).follows(to, Action::Reply)
}

fn commit(n: u8, by: &str, mission: &str, order_id: &str, lines: &[(u32, u32)], to: &Message) -> Message {
    let (mission_id, order_id) = (mission.to_owned(), order_id.to_owned());
    let committed = Committed { mission_id, order_id, lines: lines.to_vec(), resources: BTreeSet::new() };
    message(n, Kind::ResourceCommitment, by, Facts::Commitment(committed)).follows(to, Action::Reply)
}

fn machine(thread: &Thread) -> &Request {
    let AnyMachine::Resource(request) = &thread.machine else { unreachable!() };
    request
}

/// Offered, ordered, committed, uncovered, remaining.
fn figures(thread: &Thread, item: u32, at: Timestamp) -> [u64; 5] {
    let tally = machine(thread).tally(item, at);
    [tally.offered, tally.ordered, tally.committed, tally.uncovered(), tally.remaining()]
}

#[test]
fn the_tanker_gets_its_teams_and_monitors() {
    let first = request(1, &[XZ, LYG]);
    let mut thread = opened(&first);
    assert_eq!(
        owed(&thread.ledger),
        ["D10 320300  · due 2027-05-12 11:18 · Running", "D10 320700  · due 2027-05-12 11:18 · Running",]
    );
    let low = OfferedLine { type_level: Some(3), ..line(1, 1, Line::Partial, 1) };
    let xz = offer(2, XZ, vec![low, line(2, 2, Line::Decline, 0)], &first).at(china(5, 12, 9, 30));
    let marks = says(&mut thread, &xz).unwrap();
    assert_eq!((marks[0].mark, marks[0].about.as_str()), (Mark::LowerType, "item 1"));
    let lyg =
        offer(3, LYG, vec![line(1, 1, Line::Decline, 0), line(2, 2, Line::Partial, 4)], &first).at(china(5, 12, 9, 30));
    says(&mut thread, &lyg).unwrap();
    let at = china(5, 12, 9, 31);
    assert_eq!((figures(&thread, 1, at)[3], figures(&thread, 2, at)[3]), (1, 2), "uncovered");
    assert_eq!(thread.state_at(at).name, "PARTLY_OFFERED");

    let mut wave = request(4, &[XZ, LYG, ZZ, RZ]).follows(&first, Action::Update).at(china(5, 12, 9, 31));
    wave.header.revision = 2;
    says(&mut thread, &wave).unwrap();
    let running: Vec<_> = thread.ledger.all().filter(|owed| owed.name == DeadlineName::D10).collect();
    let started = running.iter().filter(|owed| owed.starts_at == at).count();
    assert_eq!((running.len(), started), (4, 2), "the new ones alone");

    says(&mut thread, &order(5, "O1", &xz, &[(1, Some(1))], &xz).at(china(5, 12, 9, 40))).unwrap();
    says(&mut thread, &order(6, "O2", &lyg, &[(2, Some(4))], &lyg).at(china(5, 12, 9, 40))).unwrap();
    says(&mut thread, &commit(7, XZ, "M1", "O1", &[(1, 1)], &xz).at(china(5, 12, 9, 50))).unwrap();
    says(&mut thread, &commit(8, LYG, "M2", "O2", &[(2, 4)], &lyg).at(china(5, 12, 9, 50))).unwrap();
    let at = china(5, 12, 9, 50);
    assert_eq!((figures(&thread, 1, at)[4], figures(&thread, 2, at)[4]), (1, 2), "remaining");

    let zz = offer(9, ZZ, vec![line(1, 1, Line::Offer, 1)], &wave).at(china(5, 12, 9, 55));
    let rz = offer(10, RZ, vec![line(1, 2, Line::Offer, 2)], &wave).at(china(5, 12, 9, 55));
    for offer in [&zz, &rz] {
        says(&mut thread, offer).unwrap();
    }
    says(&mut thread, &order(11, "O3", &zz, &[(1, Some(1))], &zz).at(china(5, 12, 10, 0))).unwrap();
    says(&mut thread, &order(12, "O4", &rz, &[(1, Some(2))], &rz).at(china(5, 12, 10, 0))).unwrap();
    says(&mut thread, &commit(13, ZZ, "M3", "O3", &[(1, 1)], &zz).at(china(5, 12, 10, 10))).unwrap();
    says(&mut thread, &commit(14, RZ, "M4", "O4", &[(1, 2)], &rz).at(china(5, 12, 10, 10))).unwrap();
    let at = china(5, 12, 10, 10);
    assert_eq!((figures(&thread, 1, at), figures(&thread, 2, at)), ([2, 2, 2, 0, 0], [6, 6, 6, 0, 0]));
    assert_eq!(thread.state_at(at).name, "FILLED");
    let late = owed(&thread.ledger).into_iter().filter(|line| line.ends_with("Breached")).collect::<Vec<_>>();
    assert_eq!(late, Vec::<String>::new());
}

#[test]
fn a_deferred_answer_meets_the_first_deadline_and_begins_the_second() {
    let first = request(1, &[XZ]);
    let mut thread = opened(&first);
    let defer = offer(2, XZ, vec![line(1, 1, Line::Defer, 0)], &first).at(china(5, 12, 9, 30));
    says(&mut thread, &defer).unwrap();
    assert_eq!(
        owed(&thread.ledger),
        ["D10 320300  · due 2027-05-12 11:18 · Met", "D11 320300  · due 2027-05-12 11:30 · Running",]
    );
    let definite = offer(3, XZ, vec![line(1, 1, Line::Decline, 0)], &first).at(china(5, 12, 10, 0));
    says(&mut thread, &definite).unwrap();
    assert!(owed(&thread.ledger)[1].ends_with("Met"));
    let mut lie = offer(4, XZ, vec![line(1, 1, Line::Offer, 1)], &first);
    lie.header.answer = Some(Answer::Defer);
    assert_eq!(says(&mut thread, &lie).unwrap_err(), (Reason::BadSchema, "K12.answer".to_owned()));
}

#[test]
fn an_answer_is_interim_when_every_line_that_is_open_defers() {
    let first = request(1, &[XZ]);
    let mut thread = opened(&first);
    let mixed = vec![line(1, 1, Line::Defer, 0), line(2, 2, Line::Decline, 0)];
    let mut deferred = offer(2, XZ, mixed, &first);
    assert_eq!(says(&mut thread, &deferred).unwrap_err(), (Reason::BadSchema, "K12.answer".to_owned()), "not definite");
    deferred.header.answer = Some(Answer::Defer);
    says(&mut thread, &deferred).unwrap();
    assert!(owed(&thread.ledger).iter().any(|line| line.starts_with("D11 320300") && line.ends_with("Running")));
    let mut declined = offer(3, XZ, vec![line(1, 1, Line::Decline, 0)], &first);
    declined.header.answer = Some(Answer::Defer);
    assert_eq!(says(&mut thread, &declined).unwrap_err().1, "K12.answer", "nothing is open");
}

#[test]
fn a_lower_type_is_refused_where_nothing_else_will_do() {
    let mut facts = wanted();
    facts.items[0].substitutes_ok = false;
    let first = message(1, Kind::ResourceRequest, LY, Facts::Request(facts)).to(&[XZ]);
    let mut thread = opened(&first);
    let low = OfferedLine { type_level: Some(3), ..line(1, 1, Line::Offer, 1) };
    let refused = says(&mut thread, &offer(2, XZ, vec![low], &first)).unwrap_err();
    assert_eq!(refused, (Reason::OfferMismatch, "K12.type_level".to_owned()));
}

#[test]
fn nobody_orders_more_than_is_offered_or_promises_more_than_is_ordered() {
    let first = request(1, &[XZ]);
    let mut thread = opened(&first);
    let four = offer(2, XZ, vec![line(1, 2, Line::Partial, 4)], &first);
    says(&mut thread, &four).unwrap();
    let too_many = says(&mut thread, &order(3, "O1", &four, &[(1, Some(5))], &four)).unwrap_err();
    assert_eq!(too_many, (Reason::OfferMismatch, "K13.quantity".to_owned()));
    let three = order(3, "O1", &four, &[(1, Some(3))], &four);
    says(&mut thread, &three).unwrap();
    assert_eq!(says(&mut thread, &order(4, "O2", &four, &[(1, Some(2))], &four)).unwrap_err().1, "K13.quantity");
    assert_eq!(says(&mut thread, &order(4, "O1", &four, &[(1, Some(1))], &four)).unwrap_err(), wrong("K13.order_id"));
    assert_eq!(says(&mut thread, &commit(5, XZ, "M1", "O1", &[(1, 4)], &three)).unwrap_err().1, "K14.quantity");
    assert_eq!(says(&mut thread, &commit(5, XZ, "M1", "O9", &[(1, 1)], &three)).unwrap_err(), wrong("K14.order_id"));
    let some = says(&mut thread, &commit(5, XZ, "M1", "O1", &[(1, 2)], &three)).unwrap();
    assert_eq!(some[0].mark, Mark::LessThanOrdered);
    let fewer = offer(6, XZ, vec![line(1, 2, Line::Partial, 2)], &first).follows(&four, Action::Update);
    assert_eq!(says(&mut thread, &fewer).unwrap_err().1, "K12.ordered", "what is ordered is not taken back");
    let mut foreign = commit(7, LYG, "M2", "O1", &[(1, 1)], &three);
    foreign.header.sender.jurisdiction = member(LYG);
    assert_eq!(says(&mut thread, &foreign).unwrap_err().0, Reason::NotAuthor);
}

#[test]
fn an_offer_stands_until_its_time_and_what_is_ordered_beyond_it() {
    let first = request(1, &[XZ]);
    let mut thread = opened(&first);
    let two = offer(2, XZ, vec![line(1, 1, Line::Offer, 2)], &first);
    says(&mut thread, &two).unwrap();
    let after = china(5, 12, 13, 31);
    assert_eq!((figures(&thread, 1, china(5, 12, 13, 30))[0], figures(&thread, 1, after)[0]), (2, 0));
    assert_eq!(says(&mut thread, &order(3, "O1", &two, &[(1, Some(1))], &two).at(after)), Err(wrong("K13.offer_over")));
    says(&mut thread, &order(3, "O1", &two, &[(1, Some(1))], &two)).unwrap();
    assert_eq!(figures(&thread, 1, after)[0], 1);
}

#[test]
fn one_resource_in_two_offers_is_told_to_its_supplier() {
    let first = request(1, &[XZ]);
    let mut thread = opened(&first);
    let named = |n: u8, item| {
        let resources = BTreeSet::from(["XZ-T-7".to_owned()]);
        offer(n, XZ, vec![OfferedLine { resources, ..line(1, item, Line::Partial, 1) }], &first)
    };
    assert_eq!(says(&mut thread, &named(2, 1)).unwrap(), []);
    assert_eq!(says(&mut thread, &named(3, 2)).unwrap()[0].mark, Mark::DoublePromise);
}

#[test]
fn only_who_was_asked_offers_and_only_the_requester_decides() {
    let first = request(1, &[XZ]);
    let mut thread = opened(&first);
    let stranger = offer(2, RZ, vec![line(1, 1, Line::Offer, 1)], &first);
    assert_eq!(says(&mut thread, &stranger).unwrap_err(), (Reason::RoleForbidden, "K12.asked".to_owned()));
    let good = offer(3, XZ, vec![line(1, 1, Line::Offer, 1)], &first);
    says(&mut thread, &good).unwrap();
    let mut by_supplier = order(4, "O1", &good, &[(1, Some(1))], &good);
    by_supplier.header.sender.jurisdiction = member(XZ);
    assert_eq!(says(&mut thread, &by_supplier).unwrap_err().0, Reason::NotAuthor);
    let unknown = offer(5, XZ, vec![line(1, 9, Line::Offer, 1)], &first);
    assert_eq!(says(&mut thread, &unknown), Err(wrong("K12.item_no")));
    let opens = offer(6, XZ, vec![line(1, 1, Line::Offer, 1)], &first);
    assert_eq!(Thread::open(&opens.step()).map_err(refused).unwrap_err(), wrong("K11.opens"));
}

#[test]
fn a_cancelled_request_takes_no_offer_and_lets_what_is_on_its_way_go_on() {
    let first = request(1, &[XZ, LYG]);
    let mut thread = opened(&first);
    let good = offer(2, XZ, vec![line(1, 1, Line::Offer, 2)], &first);
    let decision = order(3, "O1", &good, &[(1, Some(2))], &good);
    let mission = commit(4, XZ, "M1", "O1", &[(1, 2)], &decision);
    for message in [&good, &decision, &mission] {
        says(&mut thread, message).unwrap();
    }
    says(&mut thread, &request(5, &[XZ, LYG]).follows(&first, Action::Cancel)).unwrap();
    assert_eq!((thread.state().name, thread.state().over), ("CANCELLED", false), "a team is on its way");
    let late = offer(6, LYG, vec![line(1, 1, Line::Offer, 1)], &first);
    assert_eq!(says(&mut thread, &late).unwrap_err().0, Reason::ThreadClosed);
    assert!(owed(&thread.ledger).iter().any(|line| line.starts_with("D14") && line.ends_with("Running")));
}

#[test]
fn a_request_that_nobody_answered_lapses() {
    let thread = opened(&request(1, &[XZ]));
    assert_eq!(thread.state_at(china(5, 13, 9, 1)).name, "LAPSED");
}

#[test]
fn an_offer_that_nobody_asked_for_is_ordered_by_whom_it_went_to() {
    let offered = Offered { solicited: false, lines: vec![line(1, 0, Line::Offer, 3)], valid_until: None };
    let first = message(1, Kind::ResourceOffer, XZ, Facts::Offer(offered)).to(&[LY]);
    let mut thread = opened(&first);
    assert_eq!(thread.state().name, "OFFERED");
    says(&mut thread, &order(2, "O1", &first, &[(1, Some(2))], &first)).unwrap();
    says(&mut thread, &commit(3, XZ, "M1", "O1", &[(1, 2)], &first)).unwrap();
    assert_eq!(thread.state().name, "FILLED");
}

#[test]
fn an_item_that_somebody_offered_does_not_vanish() {
    let first = request(1, &[XZ]);
    let mut thread = opened(&first);
    says(&mut thread, &offer(2, XZ, vec![line(1, 2, Line::Offer, 1)], &first)).unwrap();
    let fewer = Wanted { items: vec![wanted().items[0]], ..wanted() };
    let update = message(3, Kind::ResourceRequest, LY, Facts::Request(fewer)).to(&[XZ]).follows(&first, Action::Update);
    assert_eq!(says(&mut thread, &update), Err(wrong("K11.item_offered")));
}
