//! What was lent goes home, the day is reported, and everything that was sent is held against everything that came.

use anyhow::Context as _;
use model::task::TaskKind;
use proto::v1::{self, Kind, body::Body};

use crate::demo::{
    drafts::{self, example},
    figures::Figures,
    region::{self, CITIES, LY, LYG, XZ},
    stage::{PATIENCE, Stage},
};

/// Both missions are released; both cities send their zero report.
pub async fn release(stage: &mut Stage) -> anyhow::Result<()> {
    stage
        .teller
        .say("临沂 → 徐州、连云港  归建；两市报零", "Linyi → Xuzhou, Lianyungang  missions released; both report zero");
    for (number, city) in [LYG, XZ].into_iter().enumerate() {
        let mission =
            stage.board.look().first(LY, city, Kind::ResourceCommitment).map(|header| header.message_id.clone());
        let mut body = example!(ReleaseReturn);
        if let Some(v1::release_return::Part::Release(release)) = &mut body.part {
            release.mission_id = format!("{}-M-{:02}", drafts::incident(), number + 1);
        }
        let draft = drafts::to(&[city], Body::ReleaseReturn(body)).follows(&mission.context("the commitment came")?);
        let draft = draft.incident(&drafts::incident(), v1::EventLevel::L2).under_agreement().signed_off();
        stage.desk(LY)?.send(draft.done()).await?;
    }
    for city in [LYG, XZ] {
        let mut zero = example!(DutyReport);
        zero.report = v1::DutyReportForm::Zero.into();
        (zero.open_incident_ids, zero.summary) = (Vec::new(), String::new());
        stage.desk(city)?.send(drafts::to(&[LY], Body::DutyReport(zero)).done()).await?;
    }
    let came = stage.board.until(PATIENCE, |seen| {
        let released = [LYG, XZ].into_iter().all(|city| seen.first(city, LY, Kind::ReleaseReturn).is_some());
        released && [LYG, XZ].into_iter().all(|city| seen.first(LY, city, Kind::DutyReport).is_some())
    });
    let came = came.await;
    stage.teller.check(came, "归建通知送达；临沂收齐两市零报告", "the releases arrived; Linyi has both zero reports");
    Ok(())
}

/// Waits for the last receipts, then counts.
pub async fn account(stage: &mut Stage) -> anyhow::Result<()> {
    let settled = stage.board.until(PATIENCE, |seen| {
        let mut owed = seen.owed().peekable();
        seen.unaccepted() == 0
            && owed.peek().is_some()
            && owed.all(|(id, _, to)| seen.has_receipt(id, to, v1::Stage::Delivered))
    });
    let settled = settled.await;
    let figures = Figures::of(&stage.board.look());
    let refused = stage.board.look().refused.len();
    table(stage, &figures);
    let teller = &mut stage.teller;
    teller.check(refused == 0, "无一被拒", "nothing was refused");
    teller.check(
        figures.unaccepted == 0,
        "各市所发均已受理，且均有收件方",
        "everything that the cities sent was accepted, and for somebody",
    );
    teller.check(figures.lost == 0, "丢失 0", "lost 0");
    teller.check(figures.duplicates == 0, "重复 0", "duplicates 0");
    teller.check(
        settled && figures.receipts == figures.owed,
        "每一份送达都有收件方签名的回执，且已回到发件方",
        "each delivery is proved by a receipt that the recipient signed and the sender holds",
    );
    unopposed(stage).await
}

/// Every step of the story is lawful: no agent marks one as out of order, and none objects to one.
async fn unopposed(stage: &mut Stage) -> anyhow::Result<()> {
    let mut out_of_order = 0;
    for city in CITIES {
        let tasks = stage.desk(city)?.tasks().await?;
        out_of_order += tasks.iter().filter(|task| task.kind == TaskKind::OutOfOrder.name()).count();
    }
    let objections = stage.board.look().of_kind(Kind::Error);
    stage.teller.check(
        out_of_order == 0 && objections == 0,
        &format!("无人提出异议（差错 K51 {objections}，次序不符 {out_of_order}）"),
        &format!("nobody objected (errors K51 {objections}, out of order {out_of_order})"),
    );
    Ok(())
}

fn table(stage: &Stage, figures: &Figures) {
    let teller = &stage.teller;
    teller.line("");
    for (city, counts) in &figures.cities {
        let (zh, en) = region::name(city);
        teller.line(&format!("   {zh} {en:<12} 发出 sent {:>3}   收到 received {:>3}", counts.sent, counts.received));
    }
    teller.line(&format!(
        "   应送达 owed {}  已送达 delivered {}  丢失 lost {}  重复 duplicates {}",
        figures.owed, figures.delivered, figures.lost, figures.duplicates
    ));
    teller.line(&format!(
        "   端到端 end to end: p50 {:.1} ms  p99 {:.1} ms  最长等待（断线、强杀）longest wait {:.1} s",
        figures.p50_ms,
        figures.p99_ms,
        figures.longest_ms / 1_000.0
    ));
}
