//! A tanker overturns at the border: the neighbours are told, and somebody is answerable.

use std::time::Duration;

use proto::{
    border,
    v1::{self, body::Body},
};

use crate::{
    clock,
    demo::{
        drafts,
        region::{LY, LYG, XZ},
        stage::{PATIENCE, Stage},
    },
};

/// How long the bulletin holds.
const VALID: Duration = Duration::from_hours(24);

/// Where it happened: inside 临沂, 2.5 km from 徐州, 4 km from 连云港.
const PLACE: (f64, f64) = (34.45, 118.36);

/// 连云港 tells everybody whom a circle of five kilometres touches.
pub async fn bulletin(stage: &mut Stage) -> anyhow::Result<()> {
    stage.teller.say(
        "连云港 → 半径 5 公里触及的各市  ▲ 特急  通报：危化品罐车在交界处侧翻",
        "Lianyungang → whoever a circle of 5 km touches  ▲ IMMEDIATE  bulletin: a tanker with dangerous goods has overturned at the border",
    );
    let valid_until = clock::system().now().plus(VALID);
    let bulletin = v1::Bulletin {
        headline: "危化品罐车在郯城南部交界处侧翻".to_owned(),
        subtype: v1::BulletinSubtype::Notice.into(),
        body: "205 国道苏鲁交界处一辆罐车侧翻，疑似液氯，现场有刺激性气味。".to_owned(),
        valid_until: Some(border::time::to_wire(valid_until)),
        ..v1::Bulletin::default()
    };
    let incident = format!("{LYG}-{:08}-0001", clock::system().now().civil(480).date_number());
    let draft = drafts::to_circle(PLACE, 5_000, Body::Bulletin(bulletin))
        .incident(&incident, v1::EventLevel::L0)
        .precedence(v1::Precedence::Immediate);
    let id = stage.desk(LYG)?.send(draft.done()).await?;
    let came = stage.board.until(PATIENCE, |seen| seen.times(LY, &id) > 0 && seen.times(XZ, &id) > 0).await;
    stage.teller.check(
        came,
        "临沂、徐州已收到；连云港不收自己的消息",
        "Linyi and Xuzhou have it; the sender gets no copy",
    );
    Ok(())
}
