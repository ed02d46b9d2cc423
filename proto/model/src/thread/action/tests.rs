#![allow(clippy::unwrap_used)]

use super::*;
use crate::{
    judge::sample::member,
    kind::Kind,
    reason::Reason,
    status::Answer,
    thread::{
        Facts as Any, Thread,
        talk::{Message, minutes, opened, owed, parts, refused, says, wrong},
    },
};

const LY: &str = "371300";
const XZ: &str = "320300";
const LYG: &str = "320700";

fn request(n: u8) -> Message {
    Message::new(n, Kind::ActionRequest, LY, Any::Action(Facts::Request(vec![1, 2]))).to(&[XZ, LYG])
}

fn response(n: u8, by: &str, said: &[(u32, Progress)], to: &Message, answer: Answer) -> Message {
    let facts = Any::Action(Facts::Response(said.to_vec()));
    let mut message = Message::new(n, Kind::ActionResponse, by, facts).follows(to, Action::Reply);
    message.header.answer = Some(answer);
    message
}

fn report(n: u8, by: &str, action: u32, progress: Progress, to: &Message) -> Message {
    Message::new(n, Kind::ActionStatus, by, Any::Action(Facts::Report(action, progress))).follows(to, Action::Reply)
}

/// A request of which Xuzhou's action 1 stands so.
fn standing(progress: Progress) -> (Thread, Message) {
    let first = request(1);
    let mut thread = opened(&first);
    let word = match progress {
        Progress::Started | Progress::Done | Progress::Failed | Progress::Stopped => Progress::Agreed,
        other => other,
    };
    if word != Progress::Asked {
        let answer = if word == Progress::PendingApproval { Answer::NeedApproval } else { Answer::Definite };
        let said = response(2, XZ, &[(1, word), (2, Progress::Declined)], &first, answer);
        says(&mut thread, &said).unwrap();
    }
    if word != progress {
        let started = report(3, XZ, 1, Progress::Started, &first);
        says(&mut thread, &started).unwrap();
    }
    if word != progress && progress != Progress::Started {
        says(&mut thread, &report(4, XZ, 1, progress, &first)).unwrap();
    }
    (thread, first)
}

#[test]
fn every_report_at_every_state_moves_the_action_or_breaks_the_order() {
    let reports = [Progress::Started, Progress::Done, Progress::Failed, Progress::Stopped];
    let lawful = |from: Progress| {
        let moved = |to: &&Progress| {
            let (mut thread, first) = standing(from);
            match says(&mut thread, &report(9, XZ, 1, **to, &first)) {
                Ok(_) => true,
                Err(refused) => {
                    assert_eq!(refused, wrong("K22.order"), "{from} → {to}");
                    false
                }
            }
        };
        reports.iter().filter(moved).map(|to| to.name()).collect::<Vec<_>>().join(" ")
    };
    let table: Vec<String> = Progress::ALL.iter().map(|from| format!("{from}: {}", lawful(*from))).collect();
    let expected = [
        "ASKED: ",
        "AGREED: STARTED DONE FAILED STOPPED",
        "CHANGED: STARTED DONE FAILED STOPPED",
        "DECLINED: ",
        "PENDING_APPROVAL: ",
        "STARTED: STARTED DONE FAILED STOPPED",
        "DONE: ",
        "FAILED: ",
        "STOPPED: ",
    ];
    assert_eq!(table, expected);
}

#[test]
fn an_answer_is_definite_when_it_decides_the_last_action() {
    let first = request(1);
    let mut thread = opened(&first);
    let half = [(1, Progress::Agreed), (2, Progress::PendingApproval)];
    let early = response(2, XZ, &half, &first, Answer::Definite);
    assert_eq!(says(&mut thread, &early), Err((Reason::BadSchema, "K21.answer".to_owned())));

    let interim = response(2, XZ, &half, &first, Answer::NeedApproval).at(first.at.plus(minutes(16)));
    says(&mut thread, &interim).unwrap();
    assert!(owed(&thread.ledger)[0].ends_with("Running"), "an interim answer meets nothing");
    let late = response(3, XZ, &[(2, Progress::Agreed)], &first, Answer::NeedApproval);
    assert_eq!(says(&mut thread, &late).unwrap_err().1, "K21.answer");
    let last = response(3, XZ, &[(2, Progress::Agreed)], &first, Answer::Definite).at(first.at.plus(minutes(43)));
    says(&mut thread, &last).unwrap();

    let of_xuzhou = thread.ledger.all().find(|owed| owed.obligor.jurisdiction == member(XZ)).unwrap();
    assert_eq!(of_xuzhou.met_at.unwrap().since(of_xuzhou.starts_at), minutes(43));
    assert_eq!(parts(&thread, last.at), ["320300 1 AGREED", "320300 2 AGREED", "320700 1 ASKED", "320700 2 ASKED"]);
}

#[test]
fn each_who_is_asked_owes_an_answer_once_and_an_update_asks_only_the_new_ones() {
    let first = request(1).to(&[XZ]);
    let mut thread = opened(&first);
    let more = request(2).to(&[XZ, LYG]).follows(&first, Action::Update).at(first.at.plus(minutes(30)));
    says(&mut thread, &more).unwrap();
    let times: Vec<_> = thread.ledger.all().map(|owed| owed.starts_at.since(first.at)).collect();
    assert_eq!(times, [minutes(0), minutes(30)]);
}

#[test]
fn only_the_requester_changes_it_and_only_who_was_asked_answers() {
    let first = request(1);
    let mut thread = opened(&first);
    let mut foreign = request(2).follows(&first, Action::Update);
    foreign.header.sender.jurisdiction = member(XZ);
    assert_eq!(says(&mut thread, &foreign).unwrap_err().0, Reason::NotAuthor);
    let stranger = response(3, "371100", &[(1, Progress::Agreed)], &first, Answer::Definite);
    assert_eq!(says(&mut thread, &stranger).unwrap_err(), (Reason::RoleForbidden, "K21.asked".to_owned()));
    let own = response(4, LY, &[(1, Progress::Agreed)], &first, Answer::Definite);
    assert_eq!(says(&mut thread, &own).unwrap_err().1, "K21.asked");
    let unknown = response(5, XZ, &[(7, Progress::Agreed)], &first, Answer::Definite);
    assert_eq!(says(&mut thread, &unknown), Err(wrong("K21.action_no")));
    let opens = response(6, XZ, &[(1, Progress::Agreed)], &first, Answer::Definite);
    assert_eq!(Thread::open(&opens.step()).map_err(refused).unwrap_err(), wrong("K20.opens"));
}

#[test]
fn what_was_declined_or_done_is_not_decided_again() {
    for progress in [Progress::Declined, Progress::Done, Progress::Started] {
        let (mut thread, first) = standing(progress);
        let again = response(9, XZ, &[(1, Progress::Agreed)], &first, Answer::Definite);
        assert_eq!(says(&mut thread, &again), Err(wrong("K21.decided")), "{progress}");
    }
}

#[test]
fn a_cancelled_request_is_over_and_owes_nothing() {
    let first = request(1);
    let mut thread = opened(&first);
    let cancel = request(2).follows(&first, Action::Cancel);
    says(&mut thread, &cancel).unwrap();
    assert_eq!((thread.state().name, thread.state().over), ("CANCELLED", true));
    assert!(owed(&thread.ledger).iter().all(|line| line.ends_with("Void")));
    let late = response(3, XZ, &[(1, Progress::Agreed)], &first, Answer::NeedApproval);
    assert_eq!(says(&mut thread, &late).unwrap_err().0, Reason::ThreadClosed);
    assert_eq!(says(&mut thread, &request(4).follows(&cancel, Action::Update)).unwrap_err().0, Reason::ThreadClosed);
}

#[test]
fn all_done_closes_it() {
    let first = request(1).to(&[XZ]);
    let mut thread = opened(&first);
    let said = [(1, Progress::Agreed), (2, Progress::Declined)];
    says(&mut thread, &response(2, XZ, &said, &first, Answer::Definite)).unwrap();
    assert_eq!(thread.state().name, "DECIDED");
    says(&mut thread, &report(3, XZ, 1, Progress::Started, &first)).unwrap();
    assert_eq!(thread.state().name, "UNDER_WAY");
    says(&mut thread, &report(4, XZ, 1, Progress::Done, &first)).unwrap();
    assert_eq!((thread.state().name, thread.state().over), ("CLOSED", true));
}
