//! Whatever is said in whatever order: no item is promised more often than it was ordered, or ordered more often than it
//! was offered, and a refused message changes nothing.

use proptest::prelude::*;

use super::*;

/// What somebody says next, by numbers that a seed throws.
#[derive(Clone, Debug)]
enum Said {
    Offer { by: bool, item: u32, quantity: u32, again: bool },
    Order { order: u8, offer: usize, quantity: Option<u32>, again: bool },
    Commit { mission: u8, order: u8, quantity: u32, again: bool },
    Recall { mission: u8 },
    Report { mission: u8, milestone: usize },
}

fn said() -> impl Strategy<Value = Said> {
    prop_oneof![
        (any::<bool>(), 1_u32..4, 0_u32..5, any::<bool>()).prop_map(|(by, item, quantity, again)| Said::Offer {
            by,
            item,
            quantity,
            again
        }),
        (0_u8..3, 0_usize..4, prop::option::of(0_u32..5), any::<bool>())
            .prop_map(|(order, offer, quantity, again)| Said::Order { order, offer, quantity, again }),
        (0_u8..3, 0_u8..3, 0_u32..5, any::<bool>()).prop_map(|(mission, order, quantity, again)| Said::Commit {
            mission,
            order,
            quantity,
            again
        }),
        (0_u8..3).prop_map(|mission| Said::Recall { mission }),
        (0_u8..3, 0_usize..6).prop_map(|(mission, milestone)| Said::Report { mission, milestone }),
    ]
}

proptest! {
    #[test]
    fn committed_is_within_ordered_and_ordered_within_offered(steps in prop::collection::vec(said(), 1..40)) {
        let first = request(1, &[XZ, LYG]);
        let mut thread = opened(&first);
        let (mut offers, mut n, mut revision) = (Vec::<Message>::new(), 10_u8, 2_u32);
        for step in steps {
            n += 1;
            let mut message = match step {
                Said::Offer { by, item, quantity, again } => {
                    let by = if by { XZ } else { LYG };
                    let message = offer(n, by, vec![line(1, item, Line::Partial, quantity)], &first);
                    let last = offers.iter().rfind(|offer| offer.header.sender.jurisdiction == member(by));
                    let message = match last.filter(|_| again) {
                        Some(last) => message.follows(last, Action::Update),
                        None => message,
                    };
                    offers.push(message.clone());
                    message
                }
                Said::Order { order: id, offer, quantity, again } => {
                    let Some(of) = offers.get(offer) else { continue };
                    let message = order(n, &format!("O{id}"), of, &[(1, quantity)], of);
                    if again { message.follows(of, Action::Update) } else { message }
                }
                Said::Commit { mission, order, quantity, again } => {
                    let by = machine(&thread).orders.get(&format!("O{order}")).map(|order| order.supplier.clone());
                    let by = by.map_or(XZ.to_owned(), |by| by.to_string());
                    let message = commit(n, &by, &format!("M{mission}"), &format!("O{order}"), &[(1, quantity)], &first);
                    if again { message.follows(&first, Action::Update) } else { message }
                }
                Said::Recall { mission } => reported(n, &thread, mission, &first, Vec::new(), Some(MissionState::Recalled)),
                Said::Report { mission, milestone } => {
                    let milestone = Milestone::ALL[milestone];
                    reported(n, &thread, mission, &first, vec![(milestone, first.at)], None)
                }
            };
            if message.header.action == Action::Update {
                revision += 1;
                message.header.revision = revision;
            }
            drop(says(&mut thread, &message)); // a refusal changes nothing, which `says` checks
            for item in [1, 2] {
                let [offered, ordered, committed, ..] = figures(&thread, item, first.at);
                prop_assert!(committed <= ordered && ordered <= offered, "item {item}: {committed} ≤ {ordered} ≤ {offered}");
            }
        }
    }
}

fn reported(
    n: u8,
    thread: &Thread,
    mission: u8,
    to: &Message,
    milestones: Vec<(Milestone, Timestamp)>,
    state: Option<MissionState>,
) -> Message {
    let mission_id = format!("M{mission}");
    let by = machine(thread).missions.get(&mission_id).map_or(XZ.to_owned(), |mission| mission.supplier.to_string());
    let reported = Reported { mission_id, milestones, state, late_entry: true };
    message(n, Kind::DeploymentStatus, &by, Facts::Report(reported)).follows(to, Action::Reply)
}
