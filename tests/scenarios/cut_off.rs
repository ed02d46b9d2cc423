//! A city that is cut off for hours while its neighbour has an accident at their border, in real papers.

use std::time::Duration;

use bytes::Bytes;
use model::ids::MessageId;
use proto::v1;
use proto::v1::Stage;

use crate::world::drafts::INCIDENT;
use crate::world::live::{Agent, World};
use crate::world::papers::{Paper, paper};
use crate::world::region::{LY, LYG, XZ};

/// What 临沂 writes of the accident at the border, to both neighbours.
fn of_the_accident(paper: Paper, precedence: v1::Precedence) -> v1::Draft {
    let paper = paper.level(v1::EventLevel::L3).precedence(precedence).to(&[XZ, LYG]);
    paper.header(|header| header.incident_id = INCIDENT.into()).0
}

fn report(world: &World, before: Option<MessageId>, number: u32) -> Paper {
    let paper = paper!(IncidentReport, world.clock.now(), |body| {
        if before.is_some() {
            body.report_type = v1::ReportType::FollowUp.into();
            body.sequence_no = Some(number);
            body.brief_course.clear();
        }
    });
    before.into_iter().fold(paper, Paper::follows)
}

fn warning(world: &World, colour: v1::WarningLevel, before: Option<MessageId>) -> Paper {
    let paper = paper!(Alert, world.clock.now(), |body| {
        let action = if before.is_some() { v1::AlertAction::Upgrade } else { v1::AlertAction::Issue };
        (body.color, body.alert_action) = (colour.into(), action.into());
        body.cn_identifier.clear(); // each alert has its own
    });
    let paper = paper.header(|header| header.warning_level = colour.into());
    before.into_iter().fold(paper, Paper::follows)
}

fn request(world: &World, before: Option<MessageId>, quantity: u32) -> Paper {
    let paper = paper!(ResourceRequest, world.clock.now(), |body| body.items[0].quantity = quantity);
    before.into_iter().fold(paper, Paper::follows)
}

#[tokio::test(flavor = "multi_thread")]
async fn after_an_outage_of_hours_a_city_reads_the_gravest_first_and_each_request_in_its_last_form() {
    let world = World::of(&[LY, XZ, LYG]).await;
    let (ly, xz, lyg) = (world.agent(LY), world.agent(XZ), world.agent(LYG));
    xz.cut().await;
    let send = async |minutes, precedence, paper| {
        world.clock.advance(Duration::from_mins(minutes));
        let id = ly.send(of_the_accident(paper, precedence)).await;
        ly.accepted(id).await;
        ly.stage(id, LYG, Stage::Delivered).await;
        id
    };
    let priority = v1::Precedence::Priority;
    let (flash, immediate) = (v1::Precedence::Flash, v1::Precedence::Immediate);
    let first_report = send(9, priority, report(&world, None, 0)).await;
    let orange = send(1, immediate, warning(&world, v1::WarningLevel::Orange, None)).await;
    let first_request = send(8, priority, request(&world, None, 2)).await;
    let second_request = send(60, priority, request(&world, Some(first_request), 3)).await;
    ly.stage(first_request, XZ, Stage::Recalled).await;
    let third_request = send(32, priority, request(&world, Some(second_request), 4)).await;
    ly.stage(second_request, XZ, Stage::Recalled).await;
    let follow_up = send(10, immediate, report(&world, Some(first_report), 1)).await;
    let second_follow_up = send(10, immediate, report(&world, Some(follow_up), 2)).await;
    let red = send(70, flash, warning(&world, v1::WarningLevel::Red, Some(orange))).await;

    xz.mend().await;

    let expected = [red, orange, follow_up, second_follow_up, first_report, third_request];
    assert_eq!(xz.has_received(expected.len()).await, expected);
    for id in expected {
        ly.stage(id, XZ, Stage::Delivered).await;
    }
    let skipped = |at: &Agent| at.inside().show(third_request).unwrap().stamp.unwrap().skipped;
    assert_eq!(skipped(xz), [first_request, second_request].map(|id| Bytes::copy_from_slice(&id.0)));
    assert_eq!(skipped(lyg), Vec::<Bytes>::new(), "who got every revision skipped none");
    let all = [first_report, orange, first_request, second_request, third_request, follow_up, second_follow_up, red];
    assert_eq!(lyg.inbox(), all);
    assert_eq!(world.desk(LY).link().await.unwrap().unsettled, 0, "the mailbox is empty");
    world.end().await;
}
