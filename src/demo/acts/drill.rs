//! The joint drill: invited, answered, started; its traffic is marked and touches nothing real.

use anyhow::Context as _;
use proto::v1::{self, Kind, body::Body};

use crate::demo::{
    board::Seen,
    drafts::{self, example},
    region::{LY, LYG, XZ},
    stage::{PATIENCE, Stage},
};

/// An invitation, two answers, the plan, STARTEX and who acknowledges it, one inject.
pub async fn invite(stage: &mut Stage) -> anyhow::Result<()> {
    stage.teller.say("临沂 → 徐州、连云港  联合演练邀请", "Linyi → Xuzhou, Lianyungang  invitation to the joint drill");
    let mut invitation = example!(DrillInvitation);
    let wanted = invitation.wanted.first().cloned().unwrap_or_default();
    let of = |city: &str| v1::DrillWanted { jurisdiction: city.to_owned(), ..wanted.clone() };
    invitation.wanted = vec![of(LYG), of(XZ)];
    let drill_id = invitation.drill_id.clone();
    let sequence = invitation.sequence;
    let draft = drafts::to(&[LYG, XZ], Body::DrillInvitation(invitation)).role(v1::Role::DrillController).signed_off();
    let id = stage.desk(LY)?.send(draft.drill(&drill_id, v1::DrillControlVerb::Unspecified).done()).await?;
    let came = stage.board.until(PATIENCE, |seen| seen.times(LYG, &id) == 1 && seen.times(XZ, &id) == 1).await;
    stage.teller.check(came, "两市已收到邀请", "both have the invitation");
    for city in [LYG, XZ] {
        let mut reply = example!(DrillReply);
        (reply.drill_id, reply.sequence) = (drill_id.clone(), sequence);
        reply.answer = v1::DrillAnswer::Attend.into();
        (reply.delegate, reply.counter, reply.reason) = (None, None, String::new());
        let draft = drafts::to(&[LY], Body::DrillReply(reply)).follows(&id).role(v1::Role::DrillController);
        stage.desk(city)?.send(draft.drill(&drill_id, v1::DrillControlVerb::Unspecified).done()).await?;
    }
    let answered = stage
        .board
        .until(PATIENCE, |seen| [LYG, XZ].into_iter().all(|city| seen.first(LY, city, Kind::DrillReply).is_some()));
    let answered = answered.await;
    stage.teller.check(answered, "两市答复参加", "both will attend");
    let mut plan = example!(DrillPlan);
    (plan.drill_id, plan.sequence, plan.state) = (drill_id.clone(), sequence, v1::PlanState::Frozen.into());
    let draft = drafts::to(&[LYG, XZ], Body::DrillPlan(plan)).role(v1::Role::DrillController);
    let plan = stage.desk(LY)?.send(draft.drill(&drill_id, v1::DrillControlVerb::Unspecified).done()).await?;
    // the order to start is FLASH and would overtake the plan, which is ROUTINE
    let came = stage.board.until(PATIENCE, |seen| seen.times(LYG, &plan) == 1 && seen.times(XZ, &plan) == 1).await;
    stage.teller.check(came, "两市已收到定稿脚本", "both have the frozen script");
    play(stage, &drill_id).await
}

async fn play(stage: &mut Stage, drill_id: &str) -> anyhow::Result<()> {
    let mut control = example!(DrillControl);
    (control.time_jump_min, control.reason) = (None, String::new());
    let draft = drafts::to(&[LYG, XZ], Body::DrillControl(control)).role(v1::Role::DrillController);
    let startex = draft.drill(drill_id, v1::DrillControlVerb::Startex).precedence(v1::Precedence::Flash).done();
    let started = stage.desk(LY)?.send(startex).await?;
    stage.board.until(PATIENCE, |seen| seen.times(XZ, &started) == 1 && seen.times(LYG, &started) == 1).await;
    for city in [LYG, XZ] {
        stage.desk(city)?.acknowledge(&started).await?;
    }
    let ready = |seen: &Seen| [LYG, XZ].iter().all(|city| seen.has_receipt(&started, city, v1::Stage::Acknowledged));
    let ready = stage.board.until(PATIENCE, ready).await;
    stage.teller.check(ready, "两市均已签收演练开始，方可注入", "both have acknowledged the start; no inject before");
    let inject = example!(DrillInject);
    let draft = drafts::to(&[XZ], Body::DrillInject(inject)).role(v1::Role::DrillController);
    let draft = draft.drill(drill_id, v1::DrillControlVerb::Unspecified).exercise();
    let id = stage.desk(LY)?.send(draft.done()).await?;
    stage.board.until(PATIENCE, |seen| seen.times(XZ, &id) == 1).await;
    stage.teller.say("演练 演练 演练  情景注入 → 徐州", "EXERCISE EXERCISE EXERCISE  an inject → Xuzhou");
    let status =
        stage.board.look().first(XZ, LY, Kind::DrillInject).map(|header| header.status).context("the inject came")?;
    let marked = status == i32::from(v1::Status::Exercise);
    stage.teller.check(marked, "演练消息带演练标记，与实战分开", "drill traffic is marked, apart from what is real");
    Ok(())
}
