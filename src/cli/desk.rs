//! The agent that the command line talks to.

use std::{path::PathBuf, time::Duration};

use clap::Args;
use hyper_util::rt::TokioIo;
use proto::v1::desk_client::DeskClient;
use tokio::net::UnixStream;
use tonic::{
    Request, Status,
    metadata::MetadataValue,
    service::{Interceptor, interceptor::InterceptedService},
    transport::{Channel, Endpoint},
};

use super::exit::Unreachable;
use crate::lang::{self, Lang, say};

/// How long a call may take.
const CALL: Duration = Duration::from_secs(10);

/// Where the agent is.
#[derive(Args, Clone, Debug)]
pub struct Where {
    /// The agent's desk socket (`desk.sock` in its state directory)
    #[arg(
        long,
        global = true,
        env = "LIANDONG_DESK",
        value_name = "SOCKET",
        default_value = "/var/lib/liandong/desk.sock"
    )]
    desk: PathBuf,
}

/// Says in which language to answer.
#[derive(Clone, Copy, Debug)]
pub struct Speaking(pub Lang);

impl Interceptor for Speaking {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        request.metadata_mut().insert("accept-language", MetadataValue::from_static(lang::tag(self.0)));
        Ok(request)
    }
}

/// A client of the agent's desk.
pub type Client = DeskClient<InterceptedService<Channel, Speaking>>;

impl Where {
    /// Connects to the desk.
    pub async fn client(&self, lang: Lang) -> anyhow::Result<Client> {
        let path = self.desk.clone();
        let connector = tower::service_fn(move |_| {
            let path = path.clone();
            async move { UnixStream::connect(path).await.map(TokioIo::new) }
        });
        let channel = Endpoint::from_static("http://desk").connect_with_connector(connector).await;
        let channel = channel.map_err(|_| {
            let text = say(
                lang,
                "代理没有应答。请确认 `liandong agent` 正在运行，并用 --desk（或环境变量 LIANDONG_DESK）指定其状态目录中的 desk.sock",
                "no agent answers. Check that `liandong agent` runs, and name the desk.sock of its state directory with --desk (or LIANDONG_DESK)",
            );
            Unreachable(format!("{}: {text}", self.desk.display()))
        })?;
        let wide = 32 * 1024 * 1024;
        Ok(DeskClient::with_interceptor(channel, Speaking(lang))
            .max_decoding_message_size(wide)
            .max_encoding_message_size(wide))
    }
}

/// A question that must be answered within ten seconds.
pub fn ask<T>(message: T) -> Request<T> {
    within(CALL, message)
}

/// A question that may take longer.
pub fn within<T>(limit: Duration, message: T) -> Request<T> {
    let mut request = Request::new(message);
    request.set_timeout(limit);
    request
}
