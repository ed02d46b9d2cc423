//! A program at a desk: calls an agent's Desk API over its Unix socket.

use std::path::{Path, PathBuf};
use std::time::Duration;

use bytes::Bytes;
use hyper_util::rt::TokioIo;
use proto::v1;
use proto::v1::desk_client::DeskClient;
use tokio::net::UnixStream;
use tonic::transport::{Channel, Endpoint, Uri};
use tonic::{Status, Streaming};

/// How long a call may take before nobody knows what became of it.
const CALL: Duration = Duration::from_secs(10);
/// Bytes of a file in one message.
const BLOB_CHUNK: usize = 64 * 1024;
/// How often somebody who waits for a program looks again.
const LOOK_AGAIN: Duration = Duration::from_millis(20);

/// An agent's Desk API. Cheap to clone; dials again by itself.
#[derive(Clone)]
pub struct Desk {
    client: DeskClient<Channel>,
    socket: PathBuf,
}

impl Desk {
    /// The desk behind `socket`; dials at the first call.
    pub fn at(socket: &Path) -> Self {
        let path = socket.to_owned();
        let dial = tower::service_fn(move |_: Uri| {
            let path = path.clone();
            async move { UnixStream::connect(path).await.map(TokioIo::new) }
        });
        let channel = Endpoint::from_static("http://desk.invalid").connect_with_connector_lazy(dial);
        let client = DeskClient::new(channel).max_decoding_message_size(8 << 20);
        Self { client, socket: socket.to_owned() }
    }

    /// Seals and queues a draft. `Err` of the transport means that nobody knows.
    pub async fn send(&self, draft: v1::Draft) -> Result<v1::SendResponse, Status> {
        let request = timed(v1::SendRequest { draft: Some(draft), dry_run: false });
        Ok(self.client.clone().send(request).await?.into_inner())
    }

    /// What happens at the agent after `cursor`.
    pub async fn events(&self, cursor: u64) -> Result<Streaming<v1::SubscribeResponse>, Status> {
        Ok(self.client.clone().subscribe(v1::SubscribeRequest { after: cursor }).await?.into_inner())
    }

    /// What people here should do.
    pub async fn tasks(&self) -> Result<Vec<v1::TaskSeen>, Status> {
        Ok(self.client.clone().tasks(timed(v1::TasksRequest::default())).await?.into_inner().tasks)
    }

    /// The same with those that are done.
    pub async fn all_tasks(&self) -> Result<Vec<v1::TaskSeen>, Status> {
        let request = timed(v1::TasksRequest { all: true, ..Default::default() });
        Ok(self.client.clone().tasks(request).await?.into_inner().tasks)
    }

    /// The way to the broker, step by step.
    pub async fn link_test(&self) -> Result<Vec<v1::LinkTestResponse>, Status> {
        let mut steps = self.client.clone().link_test(timed(v1::LinkTestRequest::default())).await?.into_inner();
        let mut all = Vec::new();
        while let Some(step) = steps.message().await? {
            all.push(step);
        }
        Ok(all)
    }

    /// One message with all that is known of it, for whoever may read everything.
    pub async fn show_to_a_controller(&self, message_id: &Bytes) -> Result<v1::ShowResponse, Status> {
        let officer = Some(v1::Officer { name: "周敏".into(), role: v1::Role::DrillController.into() });
        let request = timed(v1::ShowRequest { message_id: message_id.clone(), officer });
        Ok(self.client.clone().show(request).await?.into_inner())
    }

    /// One message with all that is known of it.
    pub async fn show(&self, message_id: &Bytes) -> Result<v1::ShowResponse, Status> {
        let request = timed(v1::ShowRequest { message_id: message_id.clone(), ..Default::default() });
        Ok(self.client.clone().show(request).await?.into_inner())
    }

    /// The whole inbox (or what was sent), oldest first.
    pub async fn list(&self, sent: bool) -> Result<Vec<v1::MessageSummary>, Status> {
        let mut all = Vec::new();
        let mut before = 0;
        loop {
            let request = timed(v1::InboxRequest { sent, limit: 500, before, ..Default::default() });
            let page = self.client.clone().inbox(request).await?.into_inner();
            all.extend(page.messages);
            before = page.next;
            if before == 0 {
                all.reverse();
                return Ok(all);
            }
        }
    }

    /// An officer opens a message.
    pub async fn open(&self, message_id: &Bytes, officer: v1::Officer) -> Result<v1::Receipt, Status> {
        let request = timed(v1::OpenRequest { message_id: message_id.clone(), officer: Some(officer) });
        Ok(self.client.clone().open(request).await?.into_inner().receipt.unwrap_or_default())
    }

    /// An officer acknowledges a message.
    pub async fn acknowledge(&self, message_id: &Bytes, officer: v1::Officer) -> Result<v1::Receipt, Status> {
        let message_id = message_id.clone();
        let request = v1::AcknowledgeRequest { message_id, officer: Some(officer), ..Default::default() };
        Ok(self.client.clone().acknowledge(timed(request)).await?.into_inner().receipt.unwrap_or_default())
    }

    /// Puts a file, which a draft may then name.
    pub async fn put_blob(&self, bytes: Bytes) -> Result<v1::PutBlobResponse, Status> {
        let length = bytes.len() as u64;
        let chunks = (0..bytes.len()).step_by(BLOB_CHUNK).map(|at| bytes.slice(at..(at + BLOB_CHUNK).min(bytes.len())));
        let parts: Vec<_> = chunks.map(|chunk| v1::PutBlobRequest { bytes: length, chunk }).collect();
        Ok(self.client.clone().put_blob(tokio_stream::iter(parts)).await?.into_inner())
    }

    /// A file, from here or from the broker.
    pub async fn get_blob(&self, sha256: &Bytes) -> Result<Vec<u8>, Status> {
        let request = timed(v1::GetBlobRequest { sha256: sha256.clone() });
        let mut parts = self.client.clone().get_blob(request).await?.into_inner();
        let mut bytes = Vec::new();
        while let Some(part) = parts.message().await? {
            bytes.extend_from_slice(&part.chunk);
        }
        Ok(bytes)
    }

    /// The file of a bundle for `to`.
    pub async fn export(&self, to: &str) -> Result<Vec<u8>, Status> {
        let request = timed(v1::ExportBundleRequest { to: to.into() });
        let mut pieces = self.client.clone().export_bundle(request).await?.into_inner();
        let mut file = Vec::new();
        while let Some(piece) = pieces.message().await? {
            file.extend_from_slice(&piece.chunk);
        }
        Ok(file)
    }

    /// Takes the file of a bundle.
    pub async fn import(&self, file: &[u8]) -> Result<v1::ImportBundleResponse, Status> {
        let pieces = file.chunks(BLOB_CHUNK).map(|chunk| v1::ImportBundleRequest { chunk: chunk.to_vec().into() });
        let pieces: Vec<_> = pieces.collect();
        Ok(self.client.clone().import_bundle(tokio_stream::iter(pieces)).await?.into_inner())
    }

    /// The way of a message.
    pub async fn trace(&self, message_id: &Bytes) -> Result<v1::DeskTraceResponse, Status> {
        let request = timed(v1::DeskTraceRequest { message_id: message_id.clone() });
        Ok(self.client.clone().trace(request).await?.into_inner())
    }

    /// How agent and link are.
    pub async fn link(&self) -> Result<v1::LinkStatusResponse, Status> {
        Ok(self.client.clone().link_status(timed(v1::LinkStatusRequest {})).await?.into_inner())
    }

    /// Waits until the agent is linked to its broker, at most `within`.
    pub async fn linked(&self, within: Duration) -> Result<(), String> {
        let linked = async {
            while self.link().await.map_or(true, |link| link.state != "UP") {
                tokio::time::sleep(LOOK_AGAIN).await;
            }
        };
        let late = |_| format!("{} is not linked within {within:?}", self.socket.display());
        tokio::time::timeout(within, linked).await.map_err(late)
    }

    /// Waits until nothing is queued for the broker, at most `within`.
    pub async fn all_sent(&self, within: Duration) {
        let sent = async {
            while self.link().await.is_ok_and(|link| link.queued > 0) {
                tokio::time::sleep(LOOK_AGAIN).await;
            }
        };
        // whoever judges the history sees what is still queued
        drop(tokio::time::timeout(within, sent).await);
    }

    /// Waits until the agent answers, at most `within`.
    pub async fn ready(&self, within: Duration) -> Result<(), String> {
        let answered = async {
            while self.link().await.is_err() {
                tokio::time::sleep(LOOK_AGAIN).await;
            }
        };
        let late = |_| format!("no answer at {} within {within:?}", self.socket.display());
        tokio::time::timeout(within, answered).await.map_err(late)
    }
}

fn timed<T>(message: T) -> tonic::Request<T> {
    let mut request = tonic::Request::new(message);
    request.set_timeout(CALL);
    request
}

/// The status says that the program itself judged the call: nothing was stored.
pub fn surely_failed(status: &Status) -> bool {
    use tonic::Code;
    matches!(
        status.code(),
        Code::InvalidArgument
            | Code::FailedPrecondition
            | Code::PermissionDenied
            | Code::AlreadyExists
            | Code::ResourceExhausted
            | Code::Unimplemented
            | Code::NotFound
    )
}
