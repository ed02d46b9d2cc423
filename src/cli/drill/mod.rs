//! How a drill went: times against deadlines, and the after-action report that is drafted from them.

mod report;
mod score;

use proto::v1;

use super::{
    desk::{Client, ask},
    exit::NotFound,
    ids,
    out::Context,
};

pub use self::{report::Report, score::Score};

/// The score of the drill that `named` means: any message of it, or the drill's own id.
async fn scored(desk: &mut Client, named: &str, context: Context) -> anyhow::Result<v1::DrillScoreResponse> {
    let by_id = v1::DrillScoreRequest { drill_id: named.to_owned(), ..v1::DrillScoreRequest::default() };
    if is_drill_id(named)
        && let Ok(score) = desk.drill_score(ask(by_id)).await
    {
        return Ok(score.into_inner());
    }
    let id = ids::resolve(desk, named, context).await.map_err(|error| unknown(error, named, context))?;
    let message_id = id.0.to_vec().into();
    let by_message = v1::DrillScoreRequest { message_id, ..v1::DrillScoreRequest::default() };
    Ok(desk.drill_score(ask(by_message)).await?.into_inner())
}

/// A drill's id begins with a member's; a part of a message's id is hexadecimal alone.
fn is_drill_id(named: &str) -> bool {
    named.contains('-') && named.parse::<model::ids::MessageId>().is_err()
}

/// What is neither a drill nor a message is told once, for both.
fn unknown(error: anyhow::Error, named: &str, context: Context) -> anyhow::Error {
    if !is_drill_id(named) {
        return error;
    }
    let zh = format!("本机没有编号为 {named} 的演练；也可以用演练中任一条消息的编号");
    let en = format!("no drill {named} is known here; the id of any message of the drill will do as well");
    NotFound(context.say(&zh, &en).to_owned()).into()
}
