//! What offers and missions do to the resources that they name.

use super::*;
use crate::catalogue::{Readiness, Use, readiness_at};

const TEAM: &str = "320300-T-0007";

fn naming(line: &OfferedLine, ids: &[&str]) -> OfferedLine {
    OfferedLine { resources: ids.iter().map(|id| (*id).to_owned()).collect(), ..line.clone() }
}

/// An offer of two teams, both named.
fn offered() -> (Thread, Message) {
    let first = request(1, &[XZ, LYG]);
    let mut thread = opened(&first);
    let both = offer(2, XZ, vec![naming(&line(1, 1, Line::Offer, 2), &[TEAM, "320300-T-0008"])], &first);
    says(&mut thread, &both).unwrap();
    (thread, both)
}

fn committed(n: u8, mission: &str, lines: &[(u32, u32)], ids: &[&str], to: &Message) -> Message {
    let mut message = commit(n, XZ, mission, "O1", lines, to);
    let Any::Resource(Facts::Commitment(committed)) = &mut message.facts else { unreachable!() };
    committed.resources = ids.iter().map(|id| (*id).to_owned()).collect();
    message
}

/// Each resource of a supplier with what stands of it.
fn stands(thread: &Thread, supplier: &str, at: Timestamp) -> BTreeMap<String, Readiness> {
    let mut uses: BTreeMap<String, Vec<Use>> = BTreeMap::new();
    for used in machine(thread).uses(&member(supplier)) {
        uses.entry(used.resource_id).or_default().push(used.what);
    }
    uses.into_iter().map(|(id, uses)| (id, readiness_at(Readiness::Ready, &uses, at))).collect()
}

fn all(readiness: Readiness) -> BTreeMap<String, Readiness> {
    [TEAM, "320300-T-0008"].map(|id| (id.to_owned(), readiness)).into()
}

#[test]
fn an_offer_holds_what_it_names_until_its_time_and_nobody_elses() {
    let (thread, _) = offered();
    assert_eq!(stands(&thread, XZ, china(5, 12, 13, 30)), all(Readiness::Standby));
    assert_eq!(stands(&thread, XZ, china(5, 12, 13, 31)), all(Readiness::Ready), "its time is over");
    assert_eq!(stands(&thread, LYG, china(5, 12, 9, 30)), BTreeMap::new());
}

#[test]
fn what_is_declined_withdrawn_or_cancelled_holds_nothing() {
    let (mut thread, both) = offered();
    says(&mut thread, &order(3, "O1", &both, &[(1, None)], &both)).unwrap();
    assert_eq!(machine(&thread).uses(&member(XZ)), []);

    let (mut thread, both) = offered();
    let none =
        offer(3, XZ, vec![naming(&line(1, 1, Line::Withdrawn, 0), &[TEAM])], &both).follows(&both, Action::Update);
    says(&mut thread, &none).unwrap();
    assert_eq!(machine(&thread).uses(&member(XZ)), []);

    let (mut thread, _) = offered();
    says(&mut thread, &request(3, &[XZ, LYG]).follows(&request(1, &[XZ, LYG]), Action::Cancel)).unwrap();
    assert_eq!(machine(&thread).uses(&member(XZ)), []);
}

#[test]
fn a_mission_takes_what_it_names_and_the_offer_holds_the_rest() {
    let (mut thread, both) = offered();
    let ordered = order(3, "O1", &both, &[(1, Some(2))], &both);
    says(&mut thread, &ordered).unwrap();
    says(&mut thread, &committed(4, "M1", &[(1, 1)], &[TEAM], &ordered)).unwrap();
    let at = china(5, 12, 9, 40);
    let team = (TEAM.to_owned(), Readiness::Committed);
    assert_eq!(stands(&thread, XZ, at), [team, ("320300-T-0008".to_owned(), Readiness::Standby)].into());

    says(&mut thread, &committed(5, "M2", &[(1, 1)], &["320300-T-0008"], &ordered)).unwrap();
    assert_eq!(stands(&thread, XZ, china(5, 12, 20, 0)), all(Readiness::Committed), "whatever becomes of the offer");
    let ids: Vec<_> = machine(&thread).uses(&member(XZ)).into_iter().map(|used| used.mission_id).collect();
    assert_eq!(ids, [Some("M1".to_owned()), Some("M2".to_owned())], "all is promised: the offer holds nothing");
}

#[test]
fn a_mission_is_away_from_departure_to_return() {
    let (mut thread, both) = offered();
    let ordered = order(3, "O1", &both, &[(1, Some(2))], &both);
    let mission = committed(4, "M1", &[(1, 2)], &[TEAM], &ordered);
    for message in [&ordered, &mission] {
        says(&mut thread, message).unwrap();
    }
    let at = |hour| china(5, 12, hour, 0);
    let mut report = |n: u8, milestone, hour| {
        let reported = Reported {
            mission_id: "M1".to_owned(),
            milestones: vec![(milestone, at(hour))],
            state: None,
            late_entry: false,
        };
        let report = message(n, Kind::DeploymentStatus, XZ, Facts::Report(reported)).follows(&mission, Action::Reply);
        says(&mut thread, &report.at(at(hour))).unwrap();
        stands(&thread, XZ, at(20)).get(TEAM).copied()
    };
    assert_eq!(report(5, Milestone::Departure, 10), Some(Readiness::Deployed));
    assert_eq!(report(6, Milestone::Arrival, 11), Some(Readiness::Deployed));
    assert_eq!(report(7, Milestone::ReturnDeparture, 15), Some(Readiness::Deployed));
    assert_eq!(report(8, Milestone::ReturnArrival, 17), None, "it is home");
}

#[test]
fn a_mission_of_an_earlier_version_names_no_resource_and_is_still_read() {
    let (mut thread, both) = offered();
    let ordered = order(3, "O1", &both, &[(1, Some(2))], &both);
    says(&mut thread, &ordered).unwrap();
    says(&mut thread, &committed(4, "M1", &[(1, 2)], &[TEAM], &ordered)).unwrap();
    let mut row = serde_json::to_value(&machine(&thread).missions["M1"]).unwrap();
    row.as_object_mut().unwrap().remove("resources");
    let mission: Mission = serde_json::from_value(row).unwrap();
    assert_eq!((mission.state, mission.resources), (MissionState::Committed, BTreeSet::new()));
}
