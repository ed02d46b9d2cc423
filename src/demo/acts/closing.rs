//! The account: everything that was sent against everything that came.

use proto::v1;

use crate::demo::{
    figures::Figures,
    region,
    stage::{PATIENCE, Stage},
};

/// Waits for the last receipts, then counts.
pub async fn account(stage: &mut Stage) -> anyhow::Result<()> {
    let settled = stage.board.until(PATIENCE, |seen| {
        let mut owed = seen.owed().peekable();
        owed.peek().is_some() && owed.all(|(id, _, to)| seen.has_receipt(id, to, v1::Stage::Delivered))
    });
    let settled = settled.await;
    let figures = Figures::of(&stage.board.look());
    let refused = stage.board.look().refused.len();
    table(stage, &figures);
    let teller = &mut stage.teller;
    teller.check(refused == 0, "无一被拒", "nothing was refused");
    teller.check(figures.lost == 0, "丢失 0", "lost 0");
    teller.check(figures.duplicates == 0, "重复 0", "duplicates 0");
    teller.check(
        settled && figures.receipts == figures.owed,
        "每一份送达都有收件方签名的回执，且已回到发件方",
        "each delivery is proved by a receipt that the recipient signed and the sender holds",
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
