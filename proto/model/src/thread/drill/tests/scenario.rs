//! The joint full-scale drill of the acceptance scenarios, with a real emergency inside, as its matter sees it.

use super::*;
use crate::{deadline::DeadlineName, reason::Reason};
use crate::{
    deadline::Rung,
    thread::{
        ledger::{Key, Standing},
        talk::{minutes, opened, owed, parts, refused, wrong},
    },
};

/// E, as it was first announced: a Thursday.
fn first_start() -> Timestamp {
    china(9, 16, 9, 0)
}

/// E−40 d to E−35 d: invited, countered, moved and confirmed. Gives the matter and its newest invitation.
fn confirmed() -> (Thread, Message) {
    let first = invitation(1, 1, first_start()).at(china(8, 7, 9, 0));
    let mut drill = opened(&first);
    let counter = reply(2, LYG, 1, Word::Counter, &first).at(china(8, 9, 9, 0));
    says(&mut drill, &counter).unwrap();
    let moved = invitation(3, 2, start()).follows(&first, Action::Update).at(china(8, 10, 9, 0));
    says(&mut drill, &moved).unwrap();
    for (n, city) in [(4, XZ), (5, LYG)] {
        says(&mut drill, &reply(n, city, 2, Word::Attend, &moved).at(china(8, 12, 9, 0))).unwrap();
    }
    (drill, moved)
}

/// The same to E+2: the plan is frozen, the drill runs.
fn live() -> Thread {
    let (mut drill, _) = confirmed();
    says(&mut drill, &plan(6, 2, 1, true).at(start().minus(days(3)))).unwrap();
    says(&mut drill, &order(7, LY, DrillControl::Startex).at(start())).unwrap();
    drill
}

fn acknowledge(thread: &mut Thread, by: &str) {
    let startex = order(7, LY, DrillControl::Startex).header.message_id;
    drill_mut(thread).acknowledged(startex, &member(by));
}

#[test]
fn a_new_date_asks_everybody_anew() {
    let first = invitation(1, 1, first_start()).at(china(8, 7, 9, 0));
    let mut drill = opened(&first);
    assert_eq!(drill.state().name, "INVITED");
    assert_eq!(
        owed(&drill.ledger),
        [
            "D21 320300 reply 1 · due 2027-08-14 00:00 · Running",
            "D21 320700 reply 1 · due 2027-08-14 00:00 · Running",
            "D21 371300 invite 1 · due 2027-09-01 09:00 · Met",
            "D21 371300 plan 1 · due 2027-09-13 09:00 · Running",
        ],
        "invited on a Saturday, so the fifth working day is the Friday after"
    );

    let counter = reply(2, LYG, 1, Word::Counter, &first).at(china(8, 9, 9, 0));
    says(&mut drill, &counter).unwrap();
    assert_eq!(parts(&drill, counter.at), ["320300 AWAITED", "320700 COUNTER 2027-09-17 09:00 – 2027-09-18 09:00"]);

    let moved = invitation(3, 2, start()).follows(&first, Action::Update).at(china(8, 10, 9, 0));
    says(&mut drill, &moved).unwrap();
    assert_eq!(parts(&drill, moved.at), ["320300 AWAITED", "320700 AWAITED"], "earlier answers count no longer");
    let stale = reply(4, XZ, 1, Word::Attend, &first).at(china(8, 11, 9, 0));
    assert_eq!(says(&mut drill, &stale), Err(wrong("K31.stale_sequence")));

    for (n, city) in [(5, XZ), (6, LYG)] {
        assert_eq!(drill.state().name, "INVITED");
        says(&mut drill, &reply(n, city, 2, Word::Attend, &moved).at(china(8, 12, 9, 0))).unwrap();
    }
    assert_eq!(drill.state().name, "CONFIRMED");
    assert_eq!(
        owed(&drill.ledger),
        [
            "D21 320300 reply 1 · due 2027-08-14 00:00 · Void",
            "D21 320300 reply 2 · due 2027-08-18 00:00 · Met",
            "D21 320700 reply 1 · due 2027-08-14 00:00 · Met",
            "D21 320700 reply 2 · due 2027-08-18 00:00 · Met",
            "D21 371300 invite 1 · due 2027-09-01 09:00 · Met",
            "D21 371300 invite 2 · due 2027-09-02 09:00 · Met",
            "D21 371300 plan 1 · due 2027-09-13 09:00 · Void",
            "D21 371300 plan 2 · due 2027-09-14 09:00 · Running",
        ]
    );
}

#[test]
fn whoever_gets_the_invitation_is_asked() {
    let first = invitation(1, 1, start()).to(&[XZ, LYG, "370000"]);
    let mut drill = opened(&first);
    assert_eq!(parts(&drill, first.at), ["320300 AWAITED", "320700 AWAITED", "370000 AWAITED"]);
    let fewer = invitation(2, 1, start()).follows(&first, Action::Update);
    assert_eq!(says(&mut drill, &fewer), Err(wrong("K30.next_sequence")), "who takes part is asked anew");
}

#[test]
fn the_organiser_may_keep_the_date() {
    let first = invitation(1, 1, start()).at(china(8, 7, 9, 0));
    let mut drill = opened(&first);
    let counter = reply(2, LYG, 1, Word::Counter, &first);
    says(&mut drill, &counter.clone().at(china(8, 9, 9, 0))).unwrap();

    let kept = reply(3, LY, 1, Word::DeclineCounter, &counter).at(china(8, 10, 9, 0));
    says(&mut drill, &kept).unwrap();

    let shown = parts(&drill, kept.at);
    assert_eq!(shown, ["320300 AWAITED", "320700 COUNTER 2027-09-17 09:00 – 2027-09-18 09:00 DECLINE_COUNTER"]);
    says(&mut drill, &reply(4, LYG, 1, Word::Attend, &first).at(china(8, 11, 9, 0))).unwrap();
    says(&mut drill, &reply(5, XZ, 1, Word::Decline, &first).at(china(8, 11, 9, 0))).unwrap();
    assert_eq!(drill.state().name, "CONFIRMED", "one comes and one does not");
}

#[test]
fn whoever_comes_in_the_place_of_another_answers_too() {
    let first = invitation(1, 1, start()).at(china(8, 7, 9, 0));
    let mut drill = opened(&first);
    says(&mut drill, &reply(2, XZ, 1, Word::Delegate, &first)).unwrap();
    says(&mut drill, &reply(3, LYG, 1, Word::Attend, &first)).unwrap();
    assert_eq!(drill.state().name, "INVITED");
    assert_eq!(parts(&drill, first.at), ["320300 DELEGATE 371100", "320700 ATTEND", "371100 AWAITED"]);

    says(&mut drill, &reply(4, "371100", 1, Word::Attend, &first)).unwrap();

    assert_eq!(drill.state().name, "CONFIRMED");
    let attending: Vec<_> = super::drill(&drill).round().attending().map(JurisdictionId::as_str).collect();
    assert_eq!(attending, [LYG, "371100"]);
}

#[test]
fn a_plan_is_frozen_when_all_have_answered_or_let_their_time_pass() {
    let first = invitation(1, 1, start()).at(china(8, 9, 9, 0));
    let mut drill = opened(&first);
    says(&mut drill, &reply(2, LYG, 1, Word::Attend, &first).at(china(8, 10, 9, 0))).unwrap();
    says(&mut drill, &plan(3, 1, 1, false).at(china(8, 10, 9, 0))).unwrap();
    assert_eq!(parts(&drill, first.at), ["320300 AWAITED", "320700 ATTEND", "plan 1 DRAFT 14"]);
    assert_eq!(says(&mut drill, &plan(4, 1, 1, true).at(china(8, 10, 9, 0))), Err(wrong("K32.version_rises")));

    let early = plan(4, 1, 2, true).at(china(8, 17, 0, 0));
    let leaves = |message: &Message| drill.may_send(&message.step()).map(|_| ()).map_err(refused);
    assert_eq!(leaves(&early), Err(wrong("K32.all_answered")), "the fifth working day ends now");
    let late = early.at(china(8, 17, 0, 1));
    assert_eq!(leaves(&late), Ok(()));
    says(&mut drill, &late).unwrap();

    assert_eq!(drill.state().name, "PLAN_FROZEN");
    let moved = invitation(5, 2, start().plus(days(7))).follows(&first, Action::Update).at(china(8, 18, 9, 0));
    says(&mut drill, &moved).unwrap();
    assert_eq!(drill.state().name, "INVITED");
    assert_eq!(parts(&drill, moved.at), ["320300 AWAITED", "320700 AWAITED"], "no plan stands for the new date");
}

#[test]
fn a_participant_that_sees_no_answers_but_its_own_takes_the_plan_and_the_start() {
    let first = invitation(1, 1, start());
    let mut drill = opened(&first);
    says(&mut drill, &reply(2, LYG, 1, Word::Attend, &first)).unwrap();
    says(&mut drill, &plan(3, 1, 1, true)).unwrap();
    assert_eq!(drill.state().name, "PLAN_FROZEN");
    says(&mut drill, &order(4, LY, DrillControl::Startex).to(&[XZ, LYG])).unwrap();
    assert_eq!(drill.state().name, "STARTEX");
}

#[test]
fn a_plan_frozen_late_is_a_breach_that_stays() {
    let (mut drill, _) = confirmed();
    let key = Key { name: DeadlineName::D21, jurisdiction: member(LY), subject: "plan 2".to_owned() };
    let due = start().minus(days(3));
    drill.ledger.raise(&key, Rung::Breach);
    says(&mut drill, &plan(6, 2, 1, true).at(due.plus(minutes(90)))).unwrap();

    let deadline = drill.ledger.get(&key).unwrap();
    assert_eq!((deadline.standing, deadline.due_at, deadline.late_by()), (Standing::Breached, due, Some(minutes(90))));
}

#[test]
fn no_inject_leaves_before_all_have_acknowledged_the_start() {
    let mut drill = live();
    let planned = match plan(6, 2, 1, true).facts {
        Any::Drill(Facts::Plan(plan)) => plan.injects,
        _ => unreachable!(),
    };
    let none = BTreeSet::new();
    let early = inject(8, LY).at(start().plus(minutes(1)));
    let waits = |drill: &Thread| drill.may_send(&early.step()).map_err(refused);
    assert_eq!(waits(&drill), Err(wrong("K34.startex_acknowledged")));

    acknowledge(&mut drill, XZ);
    assert_eq!(waits(&drill), Err(wrong("K34.startex_acknowledged")));
    assert!(super::drill(&drill).due(&planned, &none, start().plus(minutes(1))).is_empty());
    let theirs = inject(9, XZ).at(start().plus(minutes(1)));
    assert!(drill.may_send(&theirs.step()).is_ok(), "XZ knows its own acknowledgement alone");

    acknowledge(&mut drill, LYG);
    assert_eq!(waits(&drill), Ok(Vec::new()));
    let due = super::drill(&drill).due(&planned, &none, start().plus(minutes(2)));
    let due: Vec<_> = due.into_iter().map(|inject| inject.inject_id.as_str()).collect();
    assert_eq!(due, ["INJ-00", "INJ-01", "INJ-02"], "everything up to E+2 at once");

    says(&mut drill, &early).unwrap();
    assert_eq!(parts(&drill, start()).last().unwrap(), "injects STARTEX 1/14");
}

#[test]
fn only_the_receipt_of_the_start_counts() {
    let mut drill = live();
    let other = drill_mut(&mut drill);
    other.acknowledged(plan(6, 2, 1, true).header.message_id, &member(XZ));
    assert_eq!(other.awaited().count(), 2);
}

#[test]
fn the_receiving_side_takes_an_inject_whose_acknowledgements_it_cannot_know() {
    let mut drill = live();
    assert_eq!(says(&mut drill, &inject(8, LY).at(start().plus(minutes(3)))), Ok(Vec::new()));
}

#[test]
fn a_real_emergency_ends_it_and_a_review_follows_all_the_same() {
    let mut drill = live();
    acknowledge(&mut drill, XZ);
    acknowledge(&mut drill, LYG);
    let abort = order(20, XZ, DrillControl::AbortRealEmergency).at(start().plus(minutes(41)));

    says(&mut drill, &abort).unwrap();

    assert_eq!(drill.state().name, "ABORTED");
    let aborted = Aborted { by: member(XZ), at: abort.at };
    assert_eq!(super::drill(&drill).aborted(), Some(&aborted));
    let further = inject(21, LY).at(start().plus(minutes(42)));
    assert_eq!(says(&mut drill, &further), Err((Reason::DrillNotLive, "K34.live".to_owned())));
    assert_eq!(owed(&drill.ledger).last().unwrap(), "D21 371300 review · due 2027-10-01 09:41 · Running");

    let items = [("371300-AI-2027-08", None), ("371300-AI-2027-09", Some("371300-AI-2026-03"))];
    let draft = evaluation(22, Review::Draft, &items).at(start().plus(days(1)));
    let marks = says(&mut drill, &draft).unwrap();
    assert_eq!(marks, [Marked { mark: Mark::Recurring, about: "371300-AI-2027-09".to_owned() }]);
    assert_eq!(drill.state().name, "REVIEW_DRAFT");
    assert_eq!(owed(&drill.ledger).last().unwrap(), "D21 371300 review · due 2027-10-01 09:41 · Met");
    assert!(super::drill(&drill).aborted().is_some(), "that it was aborted is not forgotten");
}

#[test]
fn an_end_and_an_abort_that_cross_leave_it_aborted_whichever_comes_first() {
    let endex = order(8, LY, DrillControl::Endex).at(start().plus(minutes(40)));
    let abort = order(9, XZ, DrillControl::AbortRealEmergency).at(start().plus(minutes(41)));
    let [mut ended, mut aborted] = [live(), live()];

    assert_eq!([&endex, &abort].map(|order| says(&mut ended, order)), [Ok(Vec::new()), Ok(Vec::new())]);
    let overtaken = vec![Marked { mark: Mark::Overtaken, about: String::new() }];
    assert_eq!([&abort, &endex].map(|order| says(&mut aborted, order)), [Ok(Vec::new()), Ok(overtaken)]);

    for drill in [&ended, &aborted] {
        assert_eq!(drill.state().name, "ABORTED");
        assert_eq!(super::drill(drill).aborted(), Some(&Aborted { by: member(XZ), at: abort.at }));
    }
    let later = order(10, LY, DrillControl::Endex).at(start().plus(minutes(42)));
    assert_eq!(aborted.may_send(&later.step()).map_err(refused).unwrap_err().1, "K33.endex", "who knows orders no end");
}

#[test]
fn an_item_that_the_review_does_not_name_changes_nothing() {
    let mut drill = live();
    says(&mut drill, &order(8, LY, DrillControl::Endex).at(start().plus(days(1)))).unwrap();
    says(&mut drill, &evaluation(9, Review::Draft, &[])).unwrap();
    says(&mut drill, &evaluation(10, Review::Final, &[("AI-1", None)])).unwrap();
    let states = [("AI-7", false), ("AI-7", true), ("AI-1", true), ("AI-7", false)].map(|(item, over)| {
        drill_mut(&mut drill).item(&item.parse().unwrap(), over);
        drill.state().name
    });
    assert_eq!(states, ["REVIEW_FINAL", "REVIEW_FINAL", "CLOSED", "CLOSED"]);
}

#[test]
fn it_is_closed_when_its_last_item_is_done() {
    let mut drill = live();
    says(&mut drill, &order(8, LY, DrillControl::Endex).at(start().plus(days(1)))).unwrap();
    says(&mut drill, &evaluation(9, Review::Draft, &[])).unwrap();
    says(&mut drill, &evaluation(10, Review::Final, &[("AI-1", None), ("AI-2", None)])).unwrap();
    let states = [("AI-1", false), ("AI-1", true), ("AI-2", true), ("AI-1", false)].map(|(item, over)| {
        drill_mut(&mut drill).item(&item.parse().unwrap(), over);
        drill.state().name
    });
    assert_eq!(states, ["IMPROVING", "IMPROVING", "CLOSED", "IMPROVING"]);
}

#[test]
fn an_earlier_revision_that_comes_late_is_filed() {
    let first = invitation(1, 1, start()).at(china(8, 7, 9, 0));
    let second = invitation(2, 2, start().plus(days(1))).follows(&first, Action::Update);
    let mut drill = opened(&second);
    assert_eq!(super::drill(&drill).round().sequence, 2, "the first gave way on its way here");

    let marks = says(&mut drill, &first).unwrap();

    assert_eq!(marks, [Marked { mark: Mark::Overtaken, about: String::new() }]);
    assert_eq!(super::drill(&drill).round().sequence, 2);
}

#[test]
fn nothing_but_an_invitation_opens_a_drill() {
    let first = invitation(1, 1, start());
    let others = [
        (reply(2, XZ, 1, Word::Attend, &first), "K30.opens"),
        (plan(2, 1, 1, false), "K30.opens"),
        (order(2, LY, DrillControl::Startex), "K30.opens"),
        (inject(2, LY), "K30.opens"),
        (evaluation(2, Review::Hotwash, &[]), "K30.opens"),
        (invitation(2, 1, start()).follows(&first, Action::Cancel), "K30.opens"),
        (invitation(2, 2, start()), "K30.sequence_from_1"),
    ];
    for (message, rule) in others {
        assert_eq!(Thread::open(&message.step()).map_err(refused).map(|_| ()), Err(wrong(rule)));
    }
}

#[test]
fn orders_and_injects_belong_to_the_drill_of_their_header() {
    use crate::thread::Matter;
    for message in [invitation(1, 1, start()), plan(2, 1, 1, true), order(3, LY, DrillControl::Endex), inject(4, LY)] {
        assert_eq!(Matter::of(&message.header, &message.facts), Matter::Drill(drill_id()));
    }
}

#[test]
fn what_is_played_passes_from_the_start_until_a_day_after_the_end_and_not_after_an_abort() {
    let heard = |thread: &Thread, at: Timestamp| super::drill(thread).hears(at).map_err(refused);
    let silent = Err((Reason::DrillNotLive, "K33.live".to_owned()));
    let (before, _) = confirmed();
    assert_eq!(heard(&before, start()), silent);

    let mut ended = live();
    assert_eq!(heard(&ended, start()), Ok(()));
    says(&mut ended, &order(8, LY, DrillControl::Pausex).at(start().plus(minutes(5)))).unwrap();
    assert_eq!(heard(&ended, start().plus(days(3))), Ok(()), "a pause is no end");
    says(&mut ended, &order(9, LY, DrillControl::Endex).at(start().plus(minutes(60)))).unwrap();
    let last = start().plus(minutes(5)).plus(AFTERMATH);
    assert_eq!((heard(&ended, last), super::drill(&ended).counts_until(start().plus(days(9)))), (Ok(()), last));
    assert_eq!(heard(&ended, last.plus(minutes(1))), silent);

    let mut aborted = live();
    says(&mut aborted, &order(8, XZ, DrillControl::AbortRealEmergency).at(start().plus(minutes(41)))).unwrap();
    assert_eq!(heard(&aborted, start().plus(minutes(41))), silent);
    assert_eq!(super::drill(&aborted).counts_until(start().plus(days(9))), start().plus(minutes(41)));
}

#[test]
fn a_plan_is_read_by_controllers_and_evaluators_and_an_inject_holds_what_is_played() {
    use crate::kind::Kind;
    for role in Role::ALL {
        let reads = may_read(Kind::DrillPlan, *role).is_ok();
        assert_eq!(reads, matches!(role, Role::DrillController | Role::Evaluator), "{role}");
        assert!(may_read(Kind::DrillInvitation, *role).is_ok());
    }
    let held: Vec<i32> = Kind::ALL.iter().filter(|kind| may_hold(**kind).is_ok()).map(|kind| kind.number()).collect();
    assert_eq!(held, [1, 2, 3, 4, 5, 7, 11, 12, 13, 14, 15, 16, 17, 18, 20, 21, 22, 23, 24]);
}
