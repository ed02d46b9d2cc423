//! Tests the way to the broker step by step, each with a remedy for when it fails.

use std::time::Duration;

use certs::tls;
use model::{invalid::Invalid, limits, reason::Reason};
use proto::{border, v1};
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    sync::mpsc,
    time::Instant,
};

use super::{Phase, dial};
use crate::desk::Desk;

/// A step and what it came to.
struct Step {
    name: &'static str,
    began: Instant,
}

impl Step {
    fn begin(name: &'static str) -> Self {
        Self { name, began: Instant::now() }
    }

    fn good(self, zh: String, en: String) -> v1::LinkTestResponse {
        v1::LinkTestResponse {
            step: self.name.to_owned(),
            ok: true,
            text_zh: zh,
            text_en: en,
            took: Some(border::time::duration(self.began.elapsed())),
            ..v1::LinkTestResponse::default()
        }
    }

    fn bad(self, what: (&str, &str), (remedy_zh, remedy_en): (&str, &str)) -> v1::LinkTestResponse {
        v1::LinkTestResponse {
            step: self.name.to_owned(),
            ok: false,
            text_zh: what.0.to_owned(),
            text_en: what.1.to_owned(),
            remedy_zh: remedy_zh.to_owned(),
            remedy_en: remedy_en.to_owned(),
            took: Some(border::time::duration(self.began.elapsed())),
        }
    }
}

/// Tests the way to every endpoint, each until a step fails; if any can be reached, then clock and echo, and whether
/// `neighbour` (if one is named) is linked too. Sends what it finds to `steps`: the last one tells whether all is well that
/// must be, for one endpoint is enough.
pub async fn run(desk: &Desk, endpoints: &[String], neighbour: &str, steps: &mpsc::Sender<v1::LinkTestResponse>) {
    let mut reached = false;
    for endpoint in endpoints {
        reached |= reach(desk, endpoint, steps).await.is_some();
    }
    if reached && over_the_session(desk, steps).await.is_some() && !neighbour.is_empty() {
        let _ = steps.send(linked(desk, neighbour).await).await; // nobody listens any more
    }
}

/// The broker can be reached: whoever waits to dial again need not, and has a moment for it.
async fn over_the_session(desk: &Desk, steps: &mpsc::Sender<v1::LinkTestResponse>) -> Option<()> {
    desk.link.hurry();
    let mut link = desk.link.watch();
    drop(tokio::time::timeout(limits::HANDSHAKE_TIME_MAX, link.wait_for(|state| state.phase == Phase::Up)).await);
    clock(desk, steps).await?;
    echo(desk, steps).await
}

/// Whether a neighbour's agent is connected to the broker.
async fn linked(desk: &Desk, neighbour: &str) -> v1::LinkTestResponse {
    let step = Step::begin("PEER");
    let members = desk.link.members().await;
    match members.iter().find(|member| member.jurisdiction == neighbour) {
        Some(member) if member.up => step.good(format!("{neighbour} 已连接"), format!("{neighbour} is linked")),
        Some(_) => step.bad(
            (&format!("{neighbour} 未连接"), &format!("{neighbour} is not linked")),
            (
                "请电话通知对方值班室；消息会在中心信箱等候，恢复后自动送达",
                "telephone its desk; messages wait in its mailbox and leave by themselves when it is back",
            ),
        ),
        None => step.bad(
            (&format!("{neighbour} 不是本区域成员"), &format!("{neighbour} is no member of this region")),
            (
                "检查单位代码；新成员须先签入区域目录",
                "check the code; a new member must first be signed into the directory",
            ),
        ),
    }
}

/// The way to one endpoint; nothing when a step failed or nobody listens any more.
async fn reach(desk: &Desk, endpoint: &str, steps: &mpsc::Sender<v1::LinkTestResponse>) -> Option<()> {
    let (host, port) = said(steps, config(endpoint)).await?;
    let step = Step::begin("DNS");
    let found = tokio::net::lookup_host((host.as_str(), port)).await.map(Iterator::collect::<Vec<_>>);
    let Some(address) = found.ok().and_then(|found| found.first().copied()) else {
        let remedy = ("检查配置项 broker 的主机名和本机 DNS", "check the host name in `broker` and this machine's DNS");
        tell(steps, step.bad((&format!("{host} 无法解析"), &format!("{host}: no address")), remedy)).await?;
        return None;
    };
    tell(steps, step.good(format!("{host} 解析为 {}", address.ip()), format!("{host} is {}", address.ip()))).await?;
    let step = Step::begin("TCP");
    let reached = tokio::time::timeout(limits::HANDSHAKE_TIME_MAX, TcpStream::connect(address)).await;
    let Ok(Ok(stream)) = reached else {
        let remedy =
            ("检查线路、防火墙，以及中心是否已启动", "check the line, the firewall, and whether the broker runs");
        tell(steps, step.bad((&format!("{address} 没有应答"), &format!("{address} does not answer")), remedy)).await?;
        return None;
    };
    tell(steps, step.good(format!("{address} 可连接"), format!("{address} answers"))).await?;
    handshake(desk, &host, stream, steps).await
}

#[expect(clippy::result_large_err, reason = "a step that failed is what is told, once")]
fn config(endpoint: &str) -> Result<(String, u16), v1::LinkTestResponse> {
    let step = Step::begin("DNS");
    dial::host_port(endpoint).map_err(|_| {
        step.bad(
            (&format!("`{endpoint}` 应为 主机:端口"), &format!("`{endpoint}` is not host:port")),
            ("改正配置项 broker", "correct `broker` in the configuration"),
        )
    })
}

async fn handshake(
    desk: &Desk,
    host: &str,
    stream: TcpStream,
    steps: &mpsc::Sender<v1::LinkTestResponse>,
) -> Option<()> {
    let step = Step::begin("TLS");
    match tls::connect_over(&desk.tls, host, stream).await {
        Ok((mut stream, group)) => {
            tell(
                steps,
                step.good(
                    format!("TLS 1.3，{group}，中心证书有效"),
                    format!("TLS 1.3, {group}, the broker's certificate is good"),
                ),
            )
            .await?;
            let accepted = identity(desk, &mut stream, steps).await;
            drop(stream.shutdown().await); // a line that just ends looks like an attack
            accepted
        }
        Err(error) => {
            let remedy = (
                "运行 certs show 检查证书有效期；过期则续签（certs renew）",
                "look with `certs show` whether a certificate ended; renew with `certs renew`",
            );
            tell(steps, step.bad((&error.to_string(), &error.to_string()), remedy)).await?;
            None
        }
    }
}

/// Whether the broker lets us in. In TLS 1.3 our handshake ends before the broker has judged our certificate: what it
/// sends next is either its first frame or the end.
async fn identity(
    desk: &Desk,
    stream: &mut (impl AsyncRead + Unpin),
    steps: &mpsc::Sender<v1::LinkTestResponse>,
) -> Option<()> {
    let (step, us) = (Step::begin("IDENTITY"), desk.names.agent.to_string());
    match tokio::time::timeout(limits::FIRST_REQUEST_TIME_MAX, stream.read_u8()).await {
        Ok(Ok(_)) => {
            let zh = format!("本端身份 {us}，中心接受我方证书");
            tell(steps, step.good(zh, format!("we are {us}, and the broker lets us in"))).await
        }
        Ok(Err(_)) => {
            let what = (
                &*format!("中心在会话开始前断开了连接，可能不接受我方证书（{us}）"),
                &*format!(
                    "the broker ended the connection before the session began: it may not accept our certificate ({us})"
                ),
            );
            let remedy = (
                "请中心值班在其日志中查找我方名称；用 `liandong certs show` 检查证书是否到期或已吊销",
                "ask its operator to look for our name in its log; check `liandong certs show`",
            );
            tell(steps, step.bad(what, remedy)).await?;
            None
        }
        Err(_) => {
            let what = ("握手之后中心没有应答", "the broker says nothing after the handshake");
            let remedy = ("请中心值班查看 broker 日志", "ask the broker's operator to look at its log");
            tell(steps, step.bad(what, remedy)).await?;
            None
        }
    }
}

async fn clock(desk: &Desk, steps: &mpsc::Sender<v1::LinkTestResponse>) -> Option<()> {
    let step = Step::begin("CLOCK");
    let state = desk.link.watch().borrow().clone();
    let skew = Duration::from_millis(state.skew_ms.unsigned_abs());
    if skew > limits::CLOCK_SKEW_FLAGGED {
        let remedy = ("校准本机时钟（NTP）", "set this machine's clock (NTP)");
        let off = (format!("与中心相差 {} 毫秒", state.skew_ms), format!("{} ms from the broker's", state.skew_ms));
        return tell(steps, step.bad((&off.0, &off.1), remedy)).await;
    }
    tell(
        steps,
        step.good(format!("与中心相差 {} 毫秒", state.skew_ms), format!("{} ms from the broker's", state.skew_ms)),
    )
    .await
}

/// The broker answers over the living session's connection, and only while its journal is writable.
async fn echo(desk: &Desk, steps: &mpsc::Sender<v1::LinkTestResponse>) -> Option<()> {
    let step = Step::begin("ECHO");
    if desk.link.channel().is_none() {
        let problem = desk.link.watch().borrow().problem.as_ref().map(proto::status::texts);
        let (zh, en) = problem.unwrap_or_default();
        let (zh, en) = (format!("到中心的会话尚未建立 {zh}"), format!("no session with the broker lives yet {en}"));
        let what = (zh.trim_end(), en.trim_end());
        let remedy = (
            "用 `liandong link status` 查看原因和下次重试时间",
            "`liandong link status` tells why, and when it is tried again",
        );
        tell(steps, step.bad(what, remedy)).await?;
        return None;
    }
    match health(desk).await {
        Ok(()) => {
            tell(
                steps,
                step.good(
                    "中心可写入日志，会话正常".to_owned(),
                    "the broker's journal is writable and the session lives".to_owned(),
                ),
            )
            .await
        }
        Err(invalid) => {
            let remedy = ("请中心值班查看 broker 日志与磁盘", "ask the broker's operator to look at its log and disk");
            let (zh, en) = proto::status::texts(&invalid);
            tell(steps, step.bad((&zh, &en), remedy)).await?;
            None
        }
    }
}

async fn health(desk: &Desk) -> Result<(), Invalid> {
    use tonic_health::pb::{HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient};
    let needed = || Invalid::new(Reason::PeerOffline, "broker", "link.needed");
    let channel = desk.link.channel().ok_or_else(needed)?;
    let answer = HealthClient::new(channel).check(HealthCheckRequest::default()).await;
    let status = answer.map_err(|status| crate::desk::documents::told(&status, "broker"))?.into_inner().status();
    if status == ServingStatus::Serving {
        Ok(())
    } else {
        Err(Invalid::new(Reason::Busy, "broker", "broker.not_serving"))
    }
}

async fn said<T>(steps: &mpsc::Sender<v1::LinkTestResponse>, result: Result<T, v1::LinkTestResponse>) -> Option<T> {
    match result {
        Ok(value) => Some(value),
        Err(step) => {
            tell(steps, step).await;
            None
        }
    }
}

async fn tell(steps: &mpsc::Sender<v1::LinkTestResponse>, step: v1::LinkTestResponse) -> Option<()> {
    steps.send(step).await.ok()
}
