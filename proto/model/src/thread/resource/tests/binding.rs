//! What binds: nobody orders beyond an offer's time or more than is asked for, nobody touches another's mission, and a
//! lower revision never comes into force after a higher.

use super::*;

fn at(hour: u8, minute: u8) -> Timestamp {
    china(5, 12, hour, minute)
}

/// Two teams are offered by Xuzhou.
fn with_offer() -> (Thread, Message) {
    let first = request(1, &[XZ, LYG]);
    let mut thread = opened(&first);
    let two = offer(2, XZ, vec![line(1, 1, Line::Offer, 2)], &first);
    says(&mut thread, &two).unwrap();
    (thread, two)
}

fn quantity(n: u8, quantity: u32, first: &Message) -> Message {
    let mut changed = wanted();
    changed.items[0].quantity = quantity;
    message(n, Kind::ResourceRequest, LY, Facts::Request(changed)).to(&[XZ, LYG]).follows(first, Action::Update)
}

#[test]
fn the_rest_of_an_offer_whose_time_is_over_is_ordered_by_nobody() {
    let (mut thread, two) = with_offer();
    let one = order(3, "O1", &two, &[(1, Some(1))], &two);
    says(&mut thread, &one).unwrap();
    let more = order(4, "O1", &two, &[(1, Some(2))], &two).follows(&one, Action::Update).at(at(13, 31));
    assert_eq!(says(&mut thread, &more), Err(wrong("K13.offer_over")));
    let other = order(5, "O2", &two, &[(1, Some(1))], &two).at(at(13, 31));
    assert_eq!(says(&mut thread, &other), Err(wrong("K13.offer_over")));
    let the_same = order(6, "O1", &two, &[(1, Some(1))], &two).follows(&one, Action::Update).at(at(13, 31));
    says(&mut thread, &the_same).unwrap();
    assert_eq!(figures(&thread, 1, at(13, 31)), [1, 1, 0, 1, 2]);
}

#[test]
fn a_request_that_is_cancelled_orders_no_more_and_may_order_less() {
    let (mut thread, two) = with_offer();
    let one = order(3, "O1", &two, &[(1, Some(1))], &two);
    says(&mut thread, &one).unwrap();
    let first = request(1, &[XZ, LYG]);
    says(&mut thread, &request(4, &[XZ, LYG]).follows(&first, Action::Cancel)).unwrap();
    let more = order(5, "O2", &two, &[(1, Some(1))], &two);
    assert_eq!(says(&mut thread, &more).unwrap_err().0, Reason::ThreadClosed);
    let none = order(6, "O1", &two, &[(1, Some(0))], &two).follows(&one, Action::Update);
    says(&mut thread, &none).unwrap();
    assert_eq!(figures(&thread, 1, at(9, 30))[1], 0);
}

#[test]
fn nobody_orders_more_than_is_asked_for_and_nobody_asks_for_less_than_is_ordered() {
    let first = request(1, &[XZ, LYG]);
    let mut thread = opened(&first);
    let xz = offer(2, XZ, vec![line(1, 1, Line::Offer, 2)], &first);
    let lyg = offer(3, LYG, vec![line(1, 1, Line::Partial, 1)], &first);
    let both = order(4, "O1", &xz, &[(1, Some(2))], &xz);
    for message in [&xz, &lyg, &both] {
        says(&mut thread, message).unwrap();
    }
    let third = order(5, "O2", &lyg, &[(1, Some(1))], &lyg);
    assert_eq!(says(&mut thread, &third), Err((Reason::OfferMismatch, "K13.asked".to_owned())));
    assert_eq!(says(&mut thread, &quantity(6, 1, &first)), Err((Reason::OfferMismatch, "K11.item_ordered".to_owned())));
    says(&mut thread, &quantity(7, 3, &first)).unwrap();
    says(&mut thread, &third).unwrap();
    assert_eq!(figures(&thread, 1, at(9, 30)), [3, 3, 0, 0, 3]);
}

#[test]
fn what_was_called_back_may_be_ordered_from_somebody_else() {
    let (mut thread, two) = with_offer();
    let decision = order(3, "O1", &two, &[(1, Some(2))], &two);
    let mission = commit(4, XZ, "M1", "O1", &[(1, 2)], &decision);
    let recalled = Reported {
        mission_id: "M1".to_owned(),
        milestones: Vec::new(),
        state: Some(MissionState::Recalled),
        late_entry: false,
    };
    let recall = message(5, Kind::DeploymentStatus, XZ, Facts::Report(recalled)).follows(&mission, Action::Reply);
    let first = request(1, &[XZ, LYG]);
    let instead = offer(6, LYG, vec![line(1, 1, Line::Offer, 2)], &first);
    let again = order(7, "O2", &instead, &[(1, Some(2))], &instead);
    for message in [&decision, &mission, &recall, &instead, &again] {
        says(&mut thread, message).unwrap();
    }
    assert_eq!(figures(&thread, 1, at(9, 30)), [2, 2, 0, 0, 2]);
}

#[test]
fn a_mission_is_changed_by_its_own_supplier_in_the_order_of_its_revisions() {
    let first = request(1, &[XZ, LYG]);
    let mut thread = opened(&first);
    let xz = offer(2, XZ, vec![line(1, 2, Line::Partial, 3)], &first);
    let lyg = offer(3, LYG, vec![line(1, 2, Line::Partial, 3)], &first);
    let of_xz = order(4, "O1", &xz, &[(1, Some(3))], &xz);
    let of_lyg = order(5, "O2", &lyg, &[(1, Some(3))], &lyg);
    let mission = commit(6, XZ, "M1", "O1", &[(1, 3)], &of_xz);
    for message in [&xz, &lyg, &of_xz, &of_lyg, &mission] {
        says(&mut thread, message).unwrap();
    }
    let another = commit(7, LYG, "M1", "O2", &[(1, 3)], &of_lyg).follows(&mission, Action::Update);
    assert_eq!(says(&mut thread, &another), Err((Reason::NotAuthor, "K14.supplier".to_owned())));
    let second = commit(8, XZ, "M1", "O1", &[(1, 2)], &of_xz).follows(&mission, Action::Update);
    let third = commit(9, XZ, "M1", "O1", &[(1, 1)], &of_xz).follows(&second, Action::Update);
    says(&mut thread, &third).unwrap();
    let marks = says(&mut thread, &second).unwrap();
    assert_eq!(marks[0].mark, Mark::Overtaken);
    assert_eq!(figures(&thread, 2, at(9, 30))[2], 1, "the third is in force");
}

#[test]
fn an_offer_that_nobody_asked_for_is_ordered_by_those_alone_to_whom_it_went() {
    let offered = Offered { solicited: false, lines: vec![line(1, 0, Line::Offer, 3)], valid_until: None };
    let first = message(1, Kind::ResourceOffer, XZ, Facts::Offer(offered)).to(&[LY, LYG]);
    let mut thread = opened(&first);
    let by = |n: u8, id: &str, who: &str, count| {
        let mut order = order(n, id, &first, &[(1, Some(count))], &first);
        order.header.sender.jurisdiction = member(who);
        order
    };
    assert_eq!(says(&mut thread, &by(2, "O1", RZ, 1)).unwrap_err().0, Reason::NotAuthor);
    let ours = by(3, "O1", LY, 2);
    says(&mut thread, &ours).unwrap();
    let theirs = by(4, "O1", LYG, 1).follows(&ours, Action::Update);
    assert_eq!(says(&mut thread, &theirs).unwrap_err().0, Reason::NotAuthor, "the order is ours");
    says(&mut thread, &by(5, "O2", LYG, 1)).unwrap();
    let mission = commit(6, XZ, "M1", "O1", &[(1, 2)], &ours);
    says(&mut thread, &mission).unwrap();
    let release = |n: u8, who: &str| {
        message(n, Kind::ReleaseReturn, who, Facts::Ask("M1".to_owned(), Asked::Release))
            .follows(&mission, Action::Reply)
    };
    assert_eq!(says(&mut thread, &release(7, LYG)).unwrap_err().1, "K17.side", "theirs is another order");
    says(&mut thread, &release(8, LY)).unwrap();
    assert!(owed(&thread.ledger).iter().any(|line| line.starts_with("D19 320300")));
}
