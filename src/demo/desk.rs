//! What a program at a desk does: calls the agent on its Unix socket, and listens to what happens there.

use std::path::Path;

use anyhow::{Context as _, anyhow};
use hyper_util::rt::TokioIo;
use prost::Message as _;
use proto::{
    border,
    v1::{self, desk_client::DeskClient, subscribe_response::Event},
};
use store::tasks::Tasks;
use tokio::net::UnixStream;
use tonic::transport::{Channel, Endpoint};

use super::{board::Board, region};

/// Cursor before the first event of an agent.
const BEGINNING: u64 = 1;

/// Tasks that are asked for: more than the story makes.
const TASKS_MAX: u32 = 1_000;

/// The desk of one city. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Desk {
    /// Whose.
    pub city: &'static str,
    client: DeskClient<Channel>,
    board: Board,
}

/// A line to the agent behind a desk socket, dialled at the first call.
pub fn channel(socket: &Path) -> Channel {
    let path = socket.to_owned();
    let dial = tower::service_fn(move |_| {
        let path = path.clone();
        async move { UnixStream::connect(path).await.map(TokioIo::new) }
    });
    Endpoint::from_static("http://desk").connect_with_connector_lazy(dial)
}

impl Desk {
    /// The desk behind `socket`; everything that happens there is put on `board`.
    pub fn open(city: &'static str, socket: &Path, board: &Board, tasks: &Tasks) -> Self {
        let client = DeskClient::new(channel(socket)).max_decoding_message_size(8 << 20);
        let desk = Self { city, client, board: board.clone() };
        let listener = desk.clone();
        tasks.task("desk listener", move |stop| async move {
            tokio::select! {
                () = stop.cancelled() => {}
                ended = listener.listen() => if let Err(error) = ended {
                    tracing::warn!(%error, "a desk's stream ended");
                }
            }
        });
        desk
    }

    async fn listen(&self) -> anyhow::Result<()> {
        let ask = v1::SubscribeRequest { after: BEGINNING };
        let mut events = self.client.clone().subscribe(ask).await?.into_inner();
        while let Some(event) = events.message().await? {
            match event.event {
                Some(Event::Received(summary)) => {
                    let header = summary.header.unwrap_or_default();
                    self.board.received(self.city, header);
                }
                Some(Event::Receipt(receipt)) => {
                    self.board.receipt(self.city, v1::ReceiptStatement::decode(receipt.statement)?);
                }
                Some(Event::Refused(refusal)) => self.board.refused(self.city, refusal),
                Some(Event::LinkUp(_)) | None => {}
            }
        }
        Ok(())
    }

    /// Sends a draft; the id of the message. When this returns, the message is durable here.
    pub async fn send(&self, draft: v1::Draft) -> anyhow::Result<Vec<u8>> {
        let body = draft.body.clone().unwrap_or_default().encode_to_vec().into();
        let kind = i32::try_from(border::content::kind_of(&body).unwrap_or_default()).unwrap_or_default();
        let began = tokio::time::Instant::now();
        let answer = self.client.clone().send(v1::SendRequest { draft: Some(draft), dry_run: false }).await;
        let answer =
            answer.map_err(|status| anyhow!("{} K{kind:02}: {}", region::name(self.city).1, status.message()))?;
        let id = answer.into_inner().message_id.to_vec();
        self.board.sent(self.city, id.clone(), kind, began);
        Ok(id)
    }

    /// What a message here says, from the bytes that its sender sealed.
    pub async fn body(&self, id: &[u8]) -> anyhow::Result<v1::Body> {
        let ask = v1::ShowRequest { message_id: id.to_vec().into(), ..Default::default() };
        let shown = self.client.clone().show(ask).await.context("show")?.into_inner();
        let parts = border::parts(&shown.envelope.context("the envelope")?.content)?;
        Ok(v1::Body::decode(parts.body)?)
    }

    /// A person opens a message.
    pub async fn open_message(&self, id: &[u8]) -> anyhow::Result<()> {
        let ask = v1::OpenRequest { message_id: id.to_vec().into(), officer: Some(self.officer()) };
        self.client.clone().open(ask).await.context("open")?;
        Ok(())
    }

    /// 签收: a person has it.
    pub async fn acknowledge(&self, id: &[u8]) -> anyhow::Result<()> {
        let officer = Some(self.officer());
        let ask = v1::AcknowledgeRequest { message_id: id.to_vec().into(), officer, ..Default::default() };
        self.client.clone().acknowledge(ask).await.context("acknowledge")?;
        Ok(())
    }

    fn officer(&self) -> v1::Officer {
        v1::Officer { name: region::officer(self.city).0.to_owned(), role: v1::Role::DutyOfficer.into() }
    }

    /// The officer tests the way to the broker; an agent that waits before it dials again dials at once.
    pub async fn link_test(&self) -> anyhow::Result<()> {
        let mut steps = self.client.clone().link_test(v1::LinkTestRequest::default()).await?.into_inner();
        while steps.message().await?.is_some() {}
        Ok(())
    }

    /// How the link is: `UP` and so on.
    pub async fn link_state(&self) -> anyhow::Result<String> {
        Ok(self.client.clone().link_status(v1::LinkStatusRequest {}).await?.into_inner().state)
    }

    /// Everything that a person here should do, or should have done.
    pub async fn tasks(&self) -> anyhow::Result<Vec<v1::TaskSeen>> {
        let ask = v1::TasksRequest { all: true, limit: TASKS_MAX };
        Ok(self.client.clone().tasks(ask).await?.into_inner().tasks)
    }

    /// A shared document as the agent gives it.
    pub async fn pull(&self, document_id: &str) -> anyhow::Result<v1::PullDocumentResponse> {
        let ask = v1::PullDocumentRequest { document_id: document_id.to_owned(), ..Default::default() };
        Ok(self.client.clone().pull_document(ask).await?.into_inner())
    }

    /// Changes one item of a shared document; its new etag.
    pub async fn change(&self, draft: v1::Draft) -> anyhow::Result<v1::ChangeDocumentResponse> {
        Ok(self.client.clone().change_document(v1::ChangeDocumentRequest { draft: Some(draft) }).await?.into_inner())
    }

    /// Stores a file here; its digest.
    pub async fn put_blob(&self, bytes: &[u8]) -> anyhow::Result<Vec<u8>> {
        let chunks: Vec<_> = bytes
            .chunks(model::limits::BLOB_CHUNK_BYTES_MAX)
            .map(|chunk| v1::PutBlobRequest { bytes: bytes.len() as u64, chunk: chunk.to_vec().into() })
            .collect();
        let answer = self.client.clone().put_blob(tokio_stream::iter(chunks)).await?;
        Ok(answer.into_inner().sha256.to_vec())
    }

    /// Brings a file, from the broker if it is not here.
    pub async fn get_blob(&self, sha256: &[u8]) -> anyhow::Result<Vec<u8>> {
        let ask = v1::GetBlobRequest { sha256: sha256.to_vec().into() };
        let mut parts = self.client.clone().get_blob(ask).await?.into_inner();
        let mut bytes = Vec::new();
        while let Some(part) = parts.message().await? {
            bytes.extend_from_slice(&part.chunk);
        }
        Ok(bytes)
    }
}
