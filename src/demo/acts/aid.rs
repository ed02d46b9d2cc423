//! Resources are asked for while a line is cut and the broker dies; what is offered, ordered and sent adds up.

use anyhow::Context as _;
use proto::v1::{self, Kind, body::Body};

use crate::demo::{
    board::Id,
    drafts::{self, Draft, example},
    region::{LY, LYG, XZ},
    stage::{PATIENCE, Stage},
};

/// What 临沂 needs: two foam engines, twenty suits, one plugging team.
const NEEDED: [(u32, &str, v1::ResourceKind, u32, &str); 3] = [
    (1, "泡沫消防车", v1::ResourceKind::Vehicle, 2, "辆"),
    (2, "重型防化服", v1::ResourceKind::Equipment, 20, "套"),
    (3, "液氯堵漏队", v1::ResourceKind::Team, 1, "支"),
];
/// What 连云港 can spare, by item.
const LYG_OFFERS: [u32; 3] = [1, 10, 0];
/// What 徐州 can spare, by item.
const XZ_OFFERS: [u32; 3] = [1, 10, 1];

fn urgent(draft: Draft) -> v1::Draft {
    let draft = draft.precedence(v1::Precedence::Flash).incident(&drafts::incident(), v1::EventLevel::L2);
    draft.under_agreement().signed_off().done()
}

/// 徐州's line is cut; 临沂 asks both all the same.
pub async fn request(stage: &mut Stage) -> anyhow::Result<()> {
    stage.line(XZ)?.cut();
    stage.teller.say("✂ 徐州线路中断", "✂ Xuzhou's line is cut");
    stage.teller.say(
        "临沂 → 徐州、连云港  ◆ 特提  资源请求：泡沫消防车 2 辆、防化服 20 套、堵漏队 1 支",
        "Linyi → Xuzhou, Lianyungang  ◆ FLASH  resource request: 2 foam engines, 20 suits, 1 plugging team",
    );
    let mut request = example!(ResourceRequest);
    let pattern = request.items.first().cloned().context("the example asks for something")?;
    request.items = NEEDED
        .iter()
        .map(|(item_no, name, kind, quantity, unit)| v1::RequestedItem {
            item_no: *item_no,
            description: (*name).to_owned(),
            kind: (*kind).into(),
            quantity: *quantity,
            unit: (*unit).to_owned(),
            capabilities: Vec::new(),
            ..pattern.clone()
        })
        .collect();
    request.broadcast = v1::Broadcast::All.into();
    let id = stage.desk(LY)?.send(urgent(drafts::to(&[XZ, LYG], Body::ResourceRequest(request)))).await?;
    let came = stage.board.until(PATIENCE, |seen| seen.times(LYG, &id) == 1).await;
    let waits = stage.board.look().times(XZ, &id) == 0;
    stage.teller.check(
        came && waits,
        "连云港已收到；给徐州的一份在信箱中等待",
        "Lianyungang has it; Xuzhou's waits in its mailbox",
    );
    Ok(())
}

/// 连云港 offers half.
pub async fn first_offer(stage: &mut Stage) -> anyhow::Result<()> {
    offer(stage, LYG, LYG_OFFERS).await?;
    stage.teller.say(
        "连云港 → 临沂  资源答复：消防车 1、防化服 10，无堵漏队",
        "Lianyungang → Linyi  offers 1 engine, 10 suits, no team",
    );
    Ok(())
}

async fn offer(stage: &mut Stage, city: &'static str, quantities: [u32; 3]) -> anyhow::Result<Id> {
    let request = stage.board.look().first(city, LY, Kind::ResourceRequest).map(|header| header.message_id.to_vec());
    let request = request.context("the request came")?;
    stage.desk(city)?.acknowledge(&request).await?;
    let mut offer = example!(ResourceOffer);
    let pattern = offer.lines.first().cloned().context("the example offers something")?;
    let line = |(needed, quantity): (&(u32, &str, v1::ResourceKind, u32, &str), u32)| {
        let answer = match quantity {
            0 => v1::OfferAnswer::Decline,
            some if some < needed.3 => v1::OfferAnswer::Partial,
            _ => v1::OfferAnswer::Offer,
        };
        let whole = answer == v1::OfferAnswer::Offer;
        let reason = if whole { v1::OfferReason::Unspecified } else { v1::OfferReason::NoneAvailable };
        v1::OfferLine {
            line_no: needed.0,
            item_no: needed.0,
            answer: answer.into(),
            description: needed.1.to_owned(),
            quantity,
            unit: needed.4.to_owned(),
            kind: needed.2.into(),
            resource_ids: Vec::new(),
            reason: reason.into(),
            ..pattern.clone()
        }
    };
    offer.solicited = v1::YesNo::Yes.into();
    offer.lines = NEEDED.iter().zip(quantities).map(line).collect();
    let draft = drafts::to(&[LY], Body::ResourceOffer(offer)).follows(&request);
    let id = stage.desk(city)?.send(urgent(draft)).await?;
    stage.board.until(PATIENCE, |seen| seen.times(LY, &id) == 1).await;
    Ok(id)
}

/// The broker is killed while 临沂 goes on writing, and starts again.
pub async fn kill(stage: &mut Stage) -> anyhow::Result<()> {
    stage.broker.kill().await?;
    stage.teller.say("☠ 中心进程被 SIGKILL 强杀", "☠ the broker is killed with SIGKILL");
    let mut report = example!(IncidentReport);
    report.report_type = v1::ReportType::FollowUp.into();
    report.sequence_no = Some(1);
    report.brief_course = String::new();
    report.title = format!("{} 续报一", report.title);
    let first = stage
        .board
        .look()
        .sent
        .iter()
        .find(|(_, sent)| sent.kind == i32::from(Kind::IncidentReport))
        .map(|(id, _)| id.clone());
    let draft = drafts::to(&[XZ, LYG], Body::IncidentReport(report)).follows(&first.context("the first report")?);
    let draft = draft.precedence(v1::Precedence::Flash).incident(&drafts::incident(), v1::EventLevel::L2).signed_off();
    let id = stage.desk(LY)?.send(draft.done()).await?;
    stage
        .teller
        .say("临沂照常写续报一：已排队，尚未受理", "Linyi goes on writing: follow-up 1 is queued, not yet accepted");
    stage.broker.start().await?;
    stage.teller.say("中心重新启动，按日志恢复", "the broker starts again from its journal");
    let came = stage.board.until(PATIENCE, |seen| seen.times(LYG, &id) == 1).await;
    stage.teller.check(came, "续报一已受理并送达连云港", "follow-up 1 was accepted and came to Lianyungang");
    Ok(())
}

/// 徐州 comes back to everything it missed, once, and offers.
pub async fn second_offer(stage: &mut Stage) -> anyhow::Result<()> {
    stage.line(XZ)?.mend();
    stage.teller.say("徐州线路恢复，值班员测试链路", "Xuzhou's line is mended, and its officer tests the link");
    stage.desk(XZ)?.link_test().await?;
    let back = stage
        .board
        .until(PATIENCE, |seen| seen.first(XZ, LY, Kind::ResourceRequest).is_some() && reports(seen, XZ) == 2);
    let back = back.await;
    let once = stage.board.look().received.iter().filter(|received| received.city == XZ).count();
    let ids: std::collections::BTreeSet<_> = stage
        .board
        .look()
        .received
        .iter()
        .filter(|received| received.city == XZ)
        .map(|received| received.header.message_id.clone())
        .collect();
    stage.teller.check(
        back && once == ids.len(),
        "徐州收到请求与两份报告，各一次",
        "Xuzhou has the request and both reports, each once",
    );
    offer(stage, XZ, XZ_OFFERS).await?;
    stage.teller.say(
        "徐州 → 临沂  资源答复：消防车 1、防化服 10、堵漏队 1",
        "Xuzhou → Linyi  offers 1 engine, 10 suits, 1 team",
    );
    let filled = offered(&offers(stage).await?) == NEEDED.map(|needed| needed.3);
    stage.teller.check(
        filled,
        "两份答复合计正好满足：2/2、20/20、1/1",
        "together the two offers fill it: 2/2, 20/20, 1/1",
    );
    Ok(())
}

/// The offers as they came to 临沂.
async fn offers(stage: &Stage) -> anyhow::Result<Vec<v1::ResourceOffer>> {
    let mut offers = Vec::new();
    for city in [LYG, XZ] {
        let offer = stage.board.look().first(LY, city, Kind::ResourceOffer).map(|header| header.message_id.clone());
        let body = stage.desk(LY)?.body(&offer.context("the offer came")?).await?;
        if let Some(Body::ResourceOffer(offer)) = body.body {
            offers.push(offer);
        }
    }
    Ok(offers)
}

/// How much of each item is offered in all.
fn offered(offers: &[v1::ResourceOffer]) -> [u32; 3] {
    NEEDED.map(|(item_no, ..)| {
        let lines = offers.iter().flat_map(|offer| &offer.lines).filter(|line| line.item_no == item_no);
        lines.map(|line| line.quantity).sum()
    })
}

fn reports(seen: &crate::demo::board::Seen, city: &str) -> usize {
    let here = seen.received.iter().filter(|received| received.city == city);
    here.filter(|received| received.header.kind == i32::from(Kind::IncidentReport)).count()
}

/// Orders, commitments, and the way to the place.
pub async fn missions(stage: &mut Stage) -> anyhow::Result<()> {
    stage.teller.say(
        "临沂采用两份答复；两市承诺派遣并报告动态",
        "Linyi orders both; each commits a mission and reports its way",
    );
    for (number, (city, quantities)) in [(LYG, LYG_OFFERS), (XZ, XZ_OFFERS)].into_iter().enumerate() {
        let order = order(stage, city, quantities, number + 1).await?;
        let mission = commit(stage, city, &order, quantities, number + 1).await?;
        for step in [v1::ScheduleType::ActualDeparture, v1::ScheduleType::ActualArrival] {
            report_milestone(stage, city, &mission, number + 1, step).await?;
        }
    }
    let arrived = stage.board.until(PATIENCE, |seen| {
        let status = |city| {
            let here = seen.received.iter().filter(|received| received.city == LY);
            let from = here
                .filter(|received| received.header.sender.as_ref().is_some_and(|sender| sender.jurisdiction == city));
            from.filter(|received| received.header.kind == i32::from(Kind::DeploymentStatus)).count()
        };
        status(LYG) == 2 && status(XZ) == 2
    });
    let arrived = arrived.await;
    stage.teller.check(arrived, "两支队伍：出动 → 到达", "both missions: departed → arrived");
    Ok(())
}

async fn order(stage: &mut Stage, city: &'static str, quantities: [u32; 3], number: usize) -> anyhow::Result<Id> {
    let offer = stage.board.look().first(LY, city, Kind::ResourceOffer).map(|header| header.message_id.clone());
    let offer = offer.context("the offer came")?;
    let mut decision = example!(ResourceDecision);
    decision.order_id = format!("{}-O-{number:02}", drafts::incident());
    decision.lines = (1..)
        .zip(quantities)
        .filter(|(_, quantity)| *quantity > 0)
        .map(|(item_no, quantity)| v1::DecisionLine {
            offer_message_id: offer.clone(),
            line_no: item_no,
            item_no,
            decision: v1::OfferDecision::Order.into(),
            quantity,
            reason: String::new(),
        })
        .collect();
    let draft = drafts::to(&[city], Body::ResourceDecision(decision)).follows(&offer);
    let id = stage.desk(LY)?.send(urgent(draft)).await?;
    stage.board.until(PATIENCE, |seen| seen.times(city, &id) == 1).await;
    Ok(id)
}

async fn commit(
    stage: &mut Stage,
    city: &'static str,
    order: &[u8],
    quantities: [u32; 3],
    number: usize,
) -> anyhow::Result<Id> {
    let mut commitment = example!(ResourceCommitment);
    let pattern = commitment.resources.first().cloned().context("the example commits something")?;
    let ordered = (1..).zip(quantities).filter(|(_, quantity)| *quantity > 0);
    commitment.resources = ordered
        .map(|(item_no, quantity)| v1::CommittedResource { item_no, line_no: item_no, quantity, ..pattern.clone() })
        .collect();
    commitment.mission_id = mission_id(number);
    commitment.order_id = format!("{}-O-{number:02}", drafts::incident());
    let draft = drafts::to(&[LY], Body::ResourceCommitment(commitment)).follows(order);
    let id = stage.desk(city)?.send(urgent(draft)).await?;
    stage.board.until(PATIENCE, |seen| seen.times(LY, &id) == 1).await;
    Ok(id)
}

fn mission_id(number: usize) -> String {
    format!("{}-M-{number:02}", drafts::incident())
}

async fn report_milestone(
    stage: &mut Stage,
    city: &'static str,
    mission: &[u8],
    number: usize,
    step: v1::ScheduleType,
) -> anyhow::Result<()> {
    let mut status = example!(DeploymentStatus);
    status.mode = v1::DeploymentMode::Report.into();
    status.mission_id = mission_id(number);
    status.question = String::new();
    status.state = v1::MissionState::Unspecified.into();
    status.milestones =
        vec![v1::MissionMilestone { r#type: step.into(), at: Some(drafts::in_minutes(0)), ..Default::default() }];
    let draft = drafts::to(&[LY], Body::DeploymentStatus(status)).follows(mission).role(v1::Role::Commander);
    stage.desk(city)?.send(urgent(draft)).await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_offered_is_the_sum_of_the_lines_that_came() {
        let offer = |quantities: &[(u32, u32)]| v1::ResourceOffer {
            lines: quantities
                .iter()
                .map(|(item_no, quantity)| v1::OfferLine {
                    item_no: *item_no,
                    quantity: *quantity,
                    ..v1::OfferLine::default()
                })
                .collect(),
            ..v1::ResourceOffer::default()
        };

        assert_eq!(offered(&[offer(&[(1, 1), (2, 10)]), offer(&[(3, 1), (2, 9)])]), [1, 19, 1]);
        assert_eq!(offered(&[]), [0; 3]);
    }
}
