//! Missions: milestones in their order, recall at any time, what one side asks of the other, and the bill.

use super::*;

/// A request with one mission of Xuzhou's, and the message to follow.
fn with_mission() -> (Thread, Message) {
    let first = request(1, &[XZ]);
    let mut thread = opened(&first);
    let good = offer(2, XZ, vec![line(1, 1, Line::Offer, 2)], &first);
    let decision = order(3, "O1", &good, &[(1, Some(2))], &good);
    let mission = commit(4, XZ, "M1", "O1", &[(1, 2)], &decision);
    for message in [&good, &decision, &mission] {
        says(&mut thread, message).unwrap();
    }
    (thread, mission)
}

fn report(
    n: u8,
    by: &str,
    milestones: &[(Milestone, Timestamp)],
    state: Option<MissionState>,
    to: &Message,
) -> Message {
    let reported = Reported { mission_id: "M1".to_owned(), milestones: milestones.to_vec(), state, late_entry: false };
    message(n, Kind::DeploymentStatus, by, Facts::Report(reported)).follows(to, Action::Reply)
}

fn at(minute: u8) -> Timestamp {
    china(5, 12, 10, minute)
}

fn state(thread: &Thread) -> MissionState {
    machine(thread).missions["M1"].state
}

/// Brings the mission to a state by the shortest way.
fn brought_to(wanted: MissionState) -> (Thread, Message) {
    let (mut thread, to) = with_mission();
    let way = [
        (Milestone::Departure, MissionState::EnRoute),
        (Milestone::Arrival, MissionState::Arrived),
        (Milestone::BeginAvailable, MissionState::InUse),
        (Milestone::EndAvailable, MissionState::Releasing),
        (Milestone::ReturnDeparture, MissionState::Returning),
        (Milestone::ReturnArrival, MissionState::Returned),
    ];
    for (n, (milestone, state)) in (0_u8..).zip(way) {
        if state <= wanted {
            says(&mut thread, &report(20 + n, XZ, &[(milestone, at(n))], None, &to)).unwrap();
        }
    }
    if matches!(wanted, MissionState::Mobilising | MissionState::Recalled | MissionState::Aborted | MissionState::Lost)
    {
        let (mut thread, to) = with_mission();
        says(&mut thread, &report(30, XZ, &[], Some(wanted), &to)).unwrap();
        return (thread, to);
    }
    if wanted == MissionState::Settled {
        let claim = Facts::Claim(Claim { mission_id: "M1".to_owned(), lines: vec![5], total: 5 });
        says(&mut thread, &message(31, Kind::CostStatement, XZ, claim).to(&[LY]).follows(&to, Action::Reply)).unwrap();
        for (n, word) in [(32, Settled::Agreed), (33, Settled::Paid)] {
            let word = Facts::Settlement("M1".to_owned(), word);
            says(&mut thread, &message(n, Kind::CostStatement, LY, word).follows(&to, Action::Reply)).unwrap();
        }
    }
    (thread, to)
}

#[test]
fn every_milestone_and_every_named_state_at_every_state() {
    let mut table = Vec::new();
    for from in MissionState::ALL {
        let mut row = Vec::new();
        for milestone in Milestone::ALL {
            let (mut thread, to) = brought_to(*from);
            assert_eq!(state(&thread), *from);
            let said = says(&mut thread, &report(40, XZ, &[(*milestone, at(30))], None, &to));
            row.push(said.map_or_else(|(_, rule)| rule, |_| format!("{} → {}", milestone.name(), state(&thread))));
        }
        for named in MissionState::ALL {
            let (mut thread, to) = brought_to(*from);
            let said = says(&mut thread, &report(40, XZ, &[], Some(*named), &to));
            row.push(said.map_or_else(|(_, rule)| rule, |_| format!("say {named}")));
        }
        table.push(format!("{from}\n  {}", row.join("\n  ")));
    }
    assert_eq!(table.join("\n"), include_str!("missions.txt").trim_end());
}

#[test]
fn an_arrival_without_a_departure_is_entered_afterwards_or_not_at_all() {
    let (mut thread, to) = with_mission();
    let arrival = report(5, XZ, &[(Milestone::Arrival, at(0))], None, &to);
    assert_eq!(says(&mut thread, &arrival), Err(wrong("K15.milestone_order")));
    let Any::Resource(Facts::Report(reported)) = &arrival.facts else { unreachable!() };
    let late = Reported { late_entry: true, ..reported.clone() };
    let late = message(6, Kind::DeploymentStatus, XZ, Facts::Report(late)).follows(&to, Action::Reply);
    assert_eq!(says(&mut thread, &late).unwrap()[0].mark, Mark::LateEntry);
    assert_eq!(state(&thread), MissionState::Arrived);
}

#[test]
fn milestones_of_one_report_are_taken_in_their_own_order_and_times_do_not_run_back() {
    let (mut thread, to) = with_mission();
    let both = [(Milestone::Arrival, at(11)), (Milestone::Departure, at(2))];
    says(&mut thread, &report(5, XZ, &both, None, &to)).unwrap();
    assert_eq!(state(&thread), MissionState::Arrived);
    let (mut thread, to) = with_mission();
    let back = [(Milestone::Departure, at(11)), (Milestone::Arrival, at(2))];
    assert_eq!(says(&mut thread, &report(5, XZ, &back, None, &to)), Err(wrong("K15.milestone_order")));
}

#[test]
fn the_requester_says_that_it_is_there_and_no_more() {
    let (mut thread, to) = with_mission();
    says(&mut thread, &report(5, XZ, &[(Milestone::Departure, at(0))], None, &to)).unwrap();
    says(&mut thread, &report(6, LY, &[(Milestone::Arrival, at(9))], None, &to)).unwrap();
    assert_eq!(state(&thread), MissionState::Arrived);
    let other = report(7, LY, &[(Milestone::ReturnDeparture, at(20))], None, &to);
    assert_eq!(says(&mut thread, &other).unwrap_err(), (Reason::RoleForbidden, "K15.supplier".to_owned()));
}

#[test]
fn a_recall_is_never_blocked_and_opens_the_item_again() {
    let (mut thread, to) = with_mission();
    assert_eq!(figures(&thread, 1, at(0)), [2, 2, 2, 0, 0]);
    says(&mut thread, &report(5, XZ, &[(Milestone::Departure, at(0))], None, &to)).unwrap();
    says(&mut thread, &report(6, XZ, &[], Some(MissionState::Recalled), &to)).unwrap();
    assert_eq!(figures(&thread, 1, at(1)), [0, 0, 0, 2, 2]);
    assert_eq!(thread.state_at(at(1)).name, "OPEN");
    let again = report(7, XZ, &[(Milestone::Arrival, at(9))], None, &to);
    assert_eq!(says(&mut thread, &again), Err(wrong("K15.mission_over")));
}

#[test]
fn each_report_owes_the_next_by_where_the_mission_is() {
    let (mut thread, to) = with_mission();
    let due = |thread: &Thread| owed(&thread.ledger).into_iter().rfind(|line| line.starts_with("D14")).unwrap();
    assert_eq!(due(&thread), "D14 320300 M1 1 · due 2027-05-12 11:18 · Running", "two hours on the way at L3");
    let both = [(Milestone::Departure, at(0)), (Milestone::Arrival, at(20))];
    says(&mut thread, &report(5, XZ, &both, None, &to).at(at(20))).unwrap();
    assert_eq!(due(&thread), "D14 320300 M1 2 · due 2027-05-12 22:20 · Running", "twelve on site");
    let home = [(Milestone::ReturnDeparture, at(30)), (Milestone::ReturnArrival, at(50))];
    says(&mut thread, &report(6, XZ, &home, None, &to).at(at(50))).unwrap();
    assert!(due(&thread).ends_with("Met"), "nothing is owed once it is home: {}", due(&thread));
    assert!(owed(&thread.ledger).contains(&"D20 320300 M1 · due 2027-06-11 10:50 · Running".to_owned()));
}

#[test]
fn one_side_asks_and_the_other_answers_within_its_time() {
    let (mut thread, to) = brought_to(MissionState::InUse);
    let release =
        message(50, Kind::ReleaseReturn, LY, Facts::Ask("M1".to_owned(), Asked::Release)).follows(&to, Action::Reply);
    says(&mut thread, &release.clone().at(at(10))).unwrap();
    let line = owed(&thread.ledger).into_iter().find(|line| line.starts_with("D19")).unwrap();
    assert!(line.starts_with("D19 320300") && line.contains("11:10"), "{line}");
    let own = message(51, Kind::ReleaseReturn, LY, Facts::Answer("M1".to_owned(), Agreed::Yes))
        .follows(&release, Action::Reply);
    assert_eq!(says(&mut thread, &own).unwrap_err().1, "K17.other_side");
    let yes = message(52, Kind::ReleaseReturn, XZ, Facts::Answer("M1".to_owned(), Agreed::Yes))
        .follows(&release, Action::Reply);
    says(&mut thread, &yes.clone().at(at(30))).unwrap();
    assert_eq!(state(&thread), MissionState::Releasing);
    assert_eq!(says(&mut thread, &yes), Err(wrong("K17.nothing_asked")));
    let theirs =
        message(53, Kind::ReleaseReturn, XZ, Facts::Ask("M1".to_owned(), Asked::Release)).follows(&to, Action::Reply);
    assert_eq!(says(&mut thread, &theirs).unwrap_err().1, "K17.side");
}

/// Lines of the deadline to answer a question.
fn words(thread: &Thread) -> Vec<String> {
    owed(&thread.ledger).into_iter().filter(|line| line.starts_with("D19")).collect()
}

#[test]
fn a_question_is_put_otherwise_without_a_new_deadline_or_taken_back() {
    let (mut thread, to) = brought_to(MissionState::InUse);
    let asks = |n, asked| {
        message(n, Kind::ReleaseReturn, LY, Facts::Ask("M1".to_owned(), asked)).follows(&to, Action::Reply).at(at(10))
    };
    let release = asks(50, Asked::Release);
    says(&mut thread, &release).unwrap();
    let second = asks(51, Asked::Release).follows(&release, Action::Update).at(at(20));
    let third = asks(52, Asked::Release).follows(&second, Action::Update).at(at(25));
    says(&mut thread, &third).unwrap_err();
    says(&mut thread, &second).unwrap();
    says(&mut thread, &third).unwrap();
    assert_eq!(says(&mut thread, &second).unwrap()[0].mark, Mark::Overtaken);
    assert_eq!(words(&thread).len(), 1);
    assert!(words(&thread)[0].contains("11:10") && words(&thread)[0].ends_with("Running"), "{:?}", words(&thread));

    let withdrawn = asks(53, Asked::Release).follows(&third, Action::Cancel);
    says(&mut thread, &withdrawn).unwrap();
    assert!(words(&thread)[0].ends_with("Void"), "{:?}", words(&thread));
    let yes = message(54, Kind::ReleaseReturn, XZ, Facts::Answer("M1".to_owned(), Agreed::Yes))
        .follows(&third, Action::Reply);
    assert_eq!(says(&mut thread, &yes), Err(wrong("K17.nothing_asked")));
    assert_eq!(state(&thread), MissionState::InUse);
}

#[test]
fn a_mission_that_is_called_back_is_asked_nothing_more() {
    let (mut thread, to) = brought_to(MissionState::InUse);
    let release =
        message(50, Kind::ReleaseReturn, LY, Facts::Ask("M1".to_owned(), Asked::Release)).follows(&to, Action::Reply);
    let back =
        message(51, Kind::ReleaseReturn, XZ, Facts::Ask("M1".to_owned(), Asked::Return)).follows(&to, Action::Reply);
    says(&mut thread, &release.at(at(10))).unwrap();
    says(&mut thread, &back.at(at(11))).unwrap();
    assert_eq!(words(&thread).len(), 2);
    says(&mut thread, &report(52, XZ, &[], Some(MissionState::Recalled), &to).at(at(12))).unwrap();
    assert!(words(&thread).iter().all(|line| line.ends_with("Void")), "{:?}", words(&thread));
    let word =
        message(53, Kind::ReleaseReturn, RZ, Facts::Answer("M1".to_owned(), Agreed::Yes)).follows(&to, Action::Reply);
    assert_eq!(says(&mut thread, &word).unwrap_err().1, "K17.other_side", "a stranger has no word");
}

#[test]
fn a_bill_is_right_to_the_fen_and_settles_the_mission_when_paid() {
    let (mut thread, to) = brought_to(MissionState::Returned);
    let claim = |n, lines: Vec<i64>, total| {
        let claim = Facts::Claim(Claim { mission_id: "M1".to_owned(), lines, total });
        message(n, Kind::CostStatement, XZ, claim).to(&[LY]).follows(&to, Action::Reply)
    };
    let word = |n, word| {
        let word = Facts::Settlement("M1".to_owned(), word);
        message(n, Kind::CostStatement, LY, word).follows(&to, Action::Reply)
    };
    for (lines, total) in [(vec![100, 1], 100), (vec![i64::MAX, 1], i64::MIN), (vec![], 1)] {
        assert_eq!(
            says(&mut thread, &claim(60, lines, total)).unwrap_err(),
            (Reason::BadSchema, "K18.total".to_owned())
        );
    }
    assert_eq!(says(&mut thread, &word(60, Settled::Agreed)), Err(wrong("K18.order")), "nothing was claimed");
    says(&mut thread, &claim(61, vec![100, 1], 101)).unwrap();
    assert_eq!(says(&mut thread, &word(62, Settled::Paid)), Err(wrong("K18.order")), "not agreed yet");
    says(&mut thread, &word(62, Settled::Disputed)).unwrap();
    says(&mut thread, &claim(63, vec![100], 100)).unwrap();
    says(&mut thread, &word(64, Settled::Agreed)).unwrap();
    assert_eq!(says(&mut thread, &claim(65, vec![200], 200)), Err(wrong("K18.settled")));
    says(&mut thread, &word(66, Settled::Paid)).unwrap();
    assert_eq!(state(&thread), MissionState::Settled);
    let (mut early, _) = brought_to(MissionState::InUse);
    assert_eq!(says(&mut early, &claim(67, vec![1], 1)), Err(wrong("K18.before_return")));
}

#[test]
fn an_amended_commitment_stays_within_its_order() {
    let (mut thread, to) = with_mission();
    let again = commit(5, XZ, "M1", "O1", &[(1, 1)], &to);
    assert_eq!(says(&mut thread, &again), Err(wrong("K14.mission_id")), "a second one of that name");
    let more = commit(5, XZ, "M1", "O1", &[(1, 3)], &to).follows(&to, Action::Update);
    assert_eq!(says(&mut thread, &more).unwrap_err().1, "K14.quantity");
    let fewer = commit(5, XZ, "M1", "O1", &[(1, 1)], &to).follows(&to, Action::Update);
    says(&mut thread, &fewer).unwrap();
    assert_eq!(figures(&thread, 1, at(0)), [2, 2, 1, 0, 1]);
}
