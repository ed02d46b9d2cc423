//! How the broker behind the mailboxes is, and what makes it read its signed files again.

use proto::v1;
use serde::Serialize;

use super::super::{
    admin::Client,
    desk::ask,
    out::{self, Context},
    words,
};

#[derive(Serialize)]
struct Status {
    state: String,
    problems: Vec<String>,
    software: String,
    region: String,
    started_at: Option<String>,
    directory_version: u64,
    grants_version: u64,
    links_up: usize,
    links: usize,
    committed: u64,
    folded: u64,
    disk_free_bytes: u64,
}

impl Status {
    fn of(status: v1::StatusResponse) -> Self {
        Self {
            links_up: status.links.iter().filter(|link| link.up).count(),
            links: status.links.len(),
            started_at: out::rfc3339(status.started_at),
            state: status.state,
            problems: status.degraded,
            software: status.software,
            region: status.region,
            directory_version: status.directory_version,
            grants_version: status.grants_version,
            committed: status.committed,
            folded: status.folded,
            disk_free_bytes: status.disk_free_bytes,
        }
    }

    /// State and problems in one line.
    fn state(&self, context: Context) -> String {
        let state = match self.state.as_str() {
            "SERVING" => context.say("● 正常", "● serving"),
            "DRAINING" => {
                context.say("◌ 排空中：不接收新消息，也不投递", "◌ draining: nothing new is taken or delivered")
            }
            "DEGRADED" => context.say("▲ 降级", "▲ degraded"),
            other => other,
        };
        let between = context.say("；", "; ");
        std::iter::once(state).chain(self.problems.iter().map(String::as_str)).collect::<Vec<_>>().join(between)
    }

    fn facts(&self, started: Option<prost_types::Timestamp>, context: Context) -> String {
        let facts = [
            (("中心", "broker"), self.state(context)),
            (("区域", "region"), self.region.clone()),
            (("版本", "version"), self.software.clone()),
            (("启动", "started"), out::full_time(started)),
            (("链路", "links"), format!("{}/{}", self.links_up, self.links)),
            (("名录", "directory"), self.directory_version.to_string()),
            (("授权", "grants"), self.grants_version.to_string()),
            (("日志", "journal"), format!("{} / {}", self.folded, self.committed)),
            (("磁盘余量", "disk free"), words::size(self.disk_free_bytes)),
        ];
        out::facts(facts.into_iter().map(|((zh, en), value)| (context.say(zh, en).to_owned(), value)))
    }
}

async fn asked(broker: &mut Client) -> anyhow::Result<v1::StatusResponse> {
    Ok(broker.status(ask(v1::StatusRequest {})).await?.into_inner())
}

/// Prints how the broker is.
pub async fn status(broker: &mut Client, context: Context) -> anyhow::Result<()> {
    let status = asked(broker).await?;
    let started = status.started_at;
    let status = Status::of(status);
    context.value(&status, |status| status.facts(started, context))?;
    if status.state == "DRAINING" {
        context.next("liandong mailbox drain --undo", "恢复接收", "take work again");
    } else {
        context.next("liandong mailbox ls", "各信箱的积压", "what waits in the mailboxes");
    }
    Ok(())
}

/// Says in one line that the broker does not simply serve, if it does not.
pub async fn tell_state(broker: &mut Client, context: Context) -> anyhow::Result<()> {
    let status = Status::of(asked(broker).await?);
    if status.state != "SERVING" {
        let state = status.state(context);
        context.tell(&format!("中心：{state}"), &format!("broker: {state}"));
    }
    Ok(())
}

#[derive(Serialize)]
struct Reloaded {
    changes: Vec<String>,
    problems: Vec<String>,
}

/// Has the signed files read again, and prints what changed.
pub async fn reload(broker: &mut Client, context: Context) -> anyhow::Result<()> {
    let v1::ReloadResponse { changes, problems } = broker.reload(ask(v1::ReloadRequest {})).await?.into_inner();
    let reloaded = Reloaded { changes, problems };
    context.value(&reloaded, |reloaded| match reloaded.changes.as_slice() {
        [] => context.say("没有变化", "nothing changed").to_owned(),
        changes => changes.join("\n"),
    })?;
    for problem in &reloaded.problems {
        out::note(&format!(
            "{}{problem}",
            context.say("未采用，原有的继续有效：", "not taken, the old stays in force: ")
        ));
    }
    context.next("liandong mailbox status", "现行版本", "the versions in force");
    if reloaded.problems.is_empty() { Ok(()) } else { Err(super::super::exit::Said(super::super::exit::DATA).into()) }
}
