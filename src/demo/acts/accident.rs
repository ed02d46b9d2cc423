//! A tanker overturns at the border: the neighbours are told, and somebody is answerable.

use anyhow::Context as _;
use proto::v1::{self, body::Body};

use crate::demo::{
    drafts::{self, example},
    region::{LY, LYG, XZ},
    stage::{PATIENCE, Stage},
};

/// Where it happened: inside 临沂, 2.5 km from 徐州, 4 km from 连云港.
const PLACE: (f64, f64) = (34.45, 118.36);

/// 连云港 tells everybody whom a circle of five kilometres touches.
pub async fn bulletin(stage: &mut Stage) -> anyhow::Result<()> {
    stage.teller.say(
        "连云港 → 半径 5 公里触及的各市  ▲ 特急  通报：危化品罐车在交界处侧翻",
        "Lianyungang → whoever a circle of 5 km touches  ▲ IMMEDIATE  bulletin: a tanker with dangerous goods overturned at the border",
    );
    let bulletin = v1::Bulletin {
        headline: "危化品罐车在郯城南部交界处侧翻".to_owned(),
        subtype: v1::BulletinSubtype::Notice.into(),
        body: "过路司机报警称一辆危化品罐车侧翻，罐体可能泄漏。请临沂、徐州核实并注意下风向。".to_owned(),
        valid_until: Some(drafts::in_minutes(360)),
        ..v1::Bulletin::default()
    };
    let lead = format!("{LYG}-{}-0001", drafts::today());
    let draft = drafts::to_circle(PLACE, 5_000, Body::Bulletin(bulletin)).incident(&lead, v1::EventLevel::L0);
    let draft = draft.precedence(v1::Precedence::Immediate);
    let id = stage.desk(LYG)?.send(draft.done()).await?;
    let came = stage.board.until(PATIENCE, |seen| seen.times(LY, &id) > 0 && seen.times(XZ, &id) > 0).await;
    let teller = &mut stage.teller;
    teller.check(came, "临沂、徐州已收到；连云港不收自己的消息", "Linyi and Xuzhou have it; the sender gets no copy");
    Ok(())
}

/// 临沂 acknowledges, opens the incident, and reports.
pub async fn report(stage: &mut Stage) -> anyhow::Result<()> {
    let id = stage.board.look().first(LY, LYG, v1::Kind::Bulletin).map(|header| header.message_id.to_vec());
    let id = id.context("the bulletin came to Linyi")?;
    let desk = stage.desk(LY)?;
    desk.open_message(&id).await?;
    desk.acknowledge(&id).await?;
    let told = stage.board.until(PATIENCE, |seen| seen.has_receipt(&id, LY, v1::Stage::Acknowledged)).await;
    stage.teller.say("临沂 王明 打开并签收", "Wang Ming in Linyi opens and acknowledges");
    stage.teller.check(told, "连云港看到是谁、何时签收", "Lianyungang sees who acknowledged, and when");

    stage.teller.say(
        "临沂 → 徐州、连云港  ◆ 特提  突发事件初报，Ⅱ 级，拟稿与签发分开",
        "Linyi → Xuzhou, Lianyungang  ◆ FLASH  first incident report, level II, drafted by one and signed off by another",
    );
    let report = example!(IncidentReport);
    let draft = drafts::to(&[XZ, LYG], Body::IncidentReport(report));
    let draft = draft.precedence(v1::Precedence::Flash).incident(&drafts::incident(), v1::EventLevel::L2).signed_off();
    let id = desk.send(draft.done()).await?;
    let came = stage.board.until(PATIENCE, |seen| seen.times(XZ, &id) > 0 && seen.times(LYG, &id) > 0).await;
    stage.teller.check(came, "两市已收到初报", "both have the first report");
    Ok(())
}
