//! The broker's door for operators.

use std::{path::PathBuf, sync::Arc};

use certs::tls::{self, ConnectError};
use clap::Args;
use hyper_util::rt::TokioIo;
use proto::v1::{self, admin_client::AdminClient};
use tonic::{
    service::interceptor::InterceptedService,
    transport::{Channel, Endpoint},
};

use super::{
    desk::{Speaking, ask},
    exit::{BadInput, NotFound, Unreachable},
    out::Context,
    starts,
};
use crate::clock;

/// Where operators call, and as whom.
#[derive(Args, Clone, Debug)]
pub struct Door {
    /// The broker's `admin_listen`
    #[arg(long, env = "LIANDONG_ADMIN", value_name = "HOST:PORT", default_value = "127.0.0.1:7444")]
    admin: String,
    /// Trust directory with an operator's certificate, as `liandong certs` writes it
    #[arg(long, env = "LIANDONG_OPERATOR_TRUST", value_name = "DIR", default_value = "/etc/liandong/operator")]
    trust: PathBuf,
}

/// A client of the broker's operators' service.
pub type Client = AdminClient<InterceptedService<Channel, Speaking>>;

impl Door {
    /// Connects as the operator of the trust directory.
    pub async fn client(&self, context: Context) -> anyhow::Result<Client> {
        let identity = tls::Identity::load(&self.trust, clock::system()).map_err(|error| {
            if let Some((zh, en)) = starts::operator(&self.trust, &error) {
                return anyhow::Error::new(NotFound(context.say(&zh, &en).to_owned()));
            }
            let zh = format!("运维证书目录 {}：{error}", self.trust.display());
            let en = format!("the operator's trust directory {}: {error}", self.trust.display());
            BadInput(context.say(&zh, &en).to_owned()).into()
        })?;
        let (host, port) = self.host_port(context)?;
        // tonic keeps no cause, so the first try is made here
        tls::connect(&identity, &host, port).await.map_err(|error| self.turned_away(&error, context))?;
        let identity = Arc::new(identity);
        let connector = tower::service_fn(move |_| {
            let (identity, host) = (identity.clone(), host.clone());
            async move {
                let connected = tls::connect(&identity, &host, port).await;
                connected.map(|(stream, _)| TokioIo::new(stream)).map_err(std::io::Error::other)
            }
        });
        // the connector speaks TLS itself; for tonic the line is plain
        let channel = Endpoint::from_static("http://broker").connect_with_connector(connector).await;
        let channel = channel.map_err(|error| self.not_taken(root(&error), context))?;
        let mut client = AdminClient::with_interceptor(channel, Speaking(context.lang));
        // in TLS 1.3 a server says only after the handshake that it does not take our certificate
        match client.status(ask(v1::StatusRequest {})).await {
            Err(status) if proto::status::reason(&status).is_none() => Err(self.not_taken(root(&status), context)),
            Err(status) => Err(status.into()),
            Ok(_) => Ok(client),
        }
    }

    fn host_port(&self, context: Context) -> anyhow::Result<(String, u16)> {
        let split = self.admin.rsplit_once(':').and_then(|(host, port)| {
            let host = host.trim_matches(['[', ']']).to_owned();
            Some((host, port.parse::<u16>().ok()?))
        });
        let text = || format!("--admin {}: {}", self.admin, context.say("应为 主机:端口", "HOST:PORT is needed"));
        Ok(split.ok_or_else(|| BadInput(text()))?)
    }

    fn turned_away(&self, error: &ConnectError, context: Context) -> anyhow::Error {
        let (zh, en) = match error {
            ConnectError::Tcp(_) => (
                "请确认中心在运行，--admin 与其 admin_listen 一致",
                "check that the broker runs and that --admin is its admin_listen",
            ),
            ConnectError::Host(_) => ("请改正 --admin", "correct --admin"),
            ConnectError::Tls(_) => return self.not_taken(error, context),
        };
        Unreachable(format!("{}: {error}. {}", self.admin, context.say(zh, en))).into()
    }

    fn not_taken(&self, error: &dyn std::error::Error, context: Context) -> anyhow::Error {
        let text = context.say(
            "中心不接受这份证书：--trust 应是运维人员（operator）的证书目录，且未过期",
            "the broker does not take this certificate: --trust must be an operator's directory, and not expired",
        );
        tonic::Status::unauthenticated(format!("{}: {error}. {text}", self.admin)).into()
    }
}

/// What is at the bottom of an error: tonic's own text says nothing.
fn root<'e>(error: &'e (dyn std::error::Error + 'static)) -> &'e (dyn std::error::Error + 'static) {
    let mut root = error;
    while let Some(source) = root.source() {
        root = source;
    }
    root
}
