//! Wire in, wire out: each call of the desk's service, with errors in the caller's language.

use std::{pin::Pin, sync::Arc};

use futures_util::Stream;
use model::{
    ids::{Digest, MessageId},
    invalid::Invalid,
    limits,
    time::Timestamp,
};
use proto::{
    border,
    status::{self, Lang},
    v1::{self, desk_server::Desk as DeskService},
};
use store::tasks::Tasks;
use tokio::sync::mpsc;
use tokio_stream::{StreamExt as _, wrappers::ReceiverStream};
use tonic::{Request, Response, Status, Streaming};

use crate::{
    desk::{Desk, internal},
    fold::keys,
    link::{self, Phase},
};

/// The service.
#[derive(Debug)]
pub struct DeskFace {
    /// Does the work.
    pub desk: Arc<Desk>,
    /// Where the broker is, for the link test.
    pub endpoints: Vec<String>,
    /// Owns the tasks of streams.
    pub tasks: Tasks,
}

type Flow<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

/// Events that wait for a slow reader.
const EVENTS: usize = 64;

#[tonic::async_trait]
impl DeskService for DeskFace {
    async fn send(&self, request: Request<v1::SendRequest>) -> Result<Response<v1::SendResponse>, Status> {
        let lang = Lang::of(request.metadata());
        let v1::SendRequest { draft, dry_run } = request.into_inner();
        let draft = draft.unwrap_or_default();
        let header = if dry_run {
            self.desk.compose(draft).map(|unsealed| model::header::Header { sender_seq: 0, ..unsealed.header })
        } else {
            self.desk.send(draft).await
        };
        let header = header.map_err(|invalid| status::of(&invalid, lang))?;
        Ok(Response::new(v1::SendResponse {
            message_id: header.message_id.0.to_vec().into(),
            originating_message_id: header.originating_message_id.0.to_vec().into(),
            sender_seq: header.sender_seq,
            link_up: self.desk.link.is_up(),
        }))
    }

    async fn read_cap(&self, request: Request<v1::ReadCapRequest>) -> Result<Response<v1::ReadCapResponse>, Status> {
        let (lang, desk) = (Lang::of(request.metadata()), self.desk.clone());
        let read = self.tasks.blocking("read CAP", move || desk.read_cap(request.get_ref())).await;
        answer(read.map_err(|_| status::internal(lang))?, lang)
    }

    async fn write_cap(&self, request: Request<v1::WriteCapRequest>) -> Result<Response<v1::WriteCapResponse>, Status> {
        let lang = Lang::of(request.metadata());
        let id = message_id(&request.get_ref().message_id, lang)?;
        answer(self.desk.write_cap(id).await, lang)
    }

    async fn inbox(&self, request: Request<v1::InboxRequest>) -> Result<Response<v1::InboxResponse>, Status> {
        let lang = Lang::of(request.metadata());
        answer(self.desk.inbox(request.get_ref()), lang)
    }

    async fn show(&self, request: Request<v1::ShowRequest>) -> Result<Response<v1::ShowResponse>, Status> {
        let lang = Lang::of(request.metadata());
        let v1::ShowRequest { message_id: id, officer } = request.get_ref();
        answer(self.desk.show_to(message_id(id, lang)?, officer.as_ref()), lang)
    }

    async fn open(&self, request: Request<v1::OpenRequest>) -> Result<Response<v1::OpenResponse>, Status> {
        let lang = Lang::of(request.metadata());
        let ask = request.into_inner();
        let id = message_id(&ask.message_id, lang)?;
        answer(self.desk.open(id, ask.officer).await.map(|receipt| v1::OpenResponse { receipt: Some(receipt) }), lang)
    }

    async fn acknowledge(
        &self,
        request: Request<v1::AcknowledgeRequest>,
    ) -> Result<Response<v1::AcknowledgeResponse>, Status> {
        let lang = Lang::of(request.metadata());
        let receipt = self.desk.acknowledge(request.into_inner()).await;
        answer(receipt.map(|receipt| v1::AcknowledgeResponse { receipt: Some(receipt) }), lang)
    }

    async fn threads(&self, request: Request<v1::ThreadsRequest>) -> Result<Response<v1::ThreadsResponse>, Status> {
        let lang = Lang::of(request.metadata());
        answer(self.desk.threads(request.get_ref()), lang)
    }

    async fn trace(&self, request: Request<v1::DeskTraceRequest>) -> Result<Response<v1::DeskTraceResponse>, Status> {
        let lang = Lang::of(request.metadata());
        let id = message_id(&request.get_ref().message_id, lang)?;
        answer(self.desk.trace(id).await, lang)
    }

    type SubscribeStream = Flow<v1::SubscribeResponse>;

    async fn subscribe(
        &self,
        request: Request<v1::SubscribeRequest>,
    ) -> Result<Response<Self::SubscribeStream>, Status> {
        let (desk, after) = (self.desk.clone(), request.get_ref().after);
        let after = if after == 0 { desk.newest_cursor() } else { after };
        let (events, wire) = mpsc::channel(EVENTS);
        self.tasks.task("subscriber", move |stop| async move {
            tokio::select! {
                () = stop.cancelled() => {}
                () = events.closed() => {}
                () = follow(&desk, after, &events) => {}
            }
        });
        Ok(Response::new(Box::pin(ReceiverStream::new(wire))))
    }

    async fn pull_document(
        &self,
        request: Request<v1::PullDocumentRequest>,
    ) -> Result<Response<v1::PullDocumentResponse>, Status> {
        let lang = Lang::of(request.metadata());
        answer(self.desk.pull(request.into_inner()).await, lang)
    }

    async fn change_document(
        &self,
        request: Request<v1::ChangeDocumentRequest>,
    ) -> Result<Response<v1::ChangeDocumentResponse>, Status> {
        let lang = Lang::of(request.metadata());
        answer(self.desk.change(request.into_inner().draft.unwrap_or_default()).await, lang)
    }

    async fn list_documents(
        &self,
        request: Request<v1::ListDocumentsRequest>,
    ) -> Result<Response<v1::ListDocumentsResponse>, Status> {
        let lang = Lang::of(request.metadata());
        answer(self.desk.list_documents(&request.get_ref().prefix).await, lang)
    }

    async fn put_blob(
        &self,
        request: Request<Streaming<v1::PutBlobRequest>>,
    ) -> Result<Response<v1::PutBlobResponse>, Status> {
        let lang = Lang::of(request.metadata());
        let mut parts = request.into_inner();
        let mut bytes = Vec::new();
        while let Some(part) = parts.next().await {
            bytes.extend_from_slice(&part?.chunk);
            if bytes.len() as u64 > limits::ATTACHMENTS_BYTES_MAX {
                let invalid = Invalid::too_large("chunk", bytes.len(), limits::ATTACHMENTS_BYTES_MAX);
                return Err(status::of(&invalid, lang));
            }
        }
        let (digest, length) = (Digest::of(&bytes), bytes.len() as u64);
        let blobs = self.desk.blobs.clone();
        let stored = self.tasks.blocking("put blob", move || blobs.put(digest, &bytes)).await;
        stored.map_err(|_| status::internal(lang))?.map_err(|error| status::of(&internal(&error), lang))?;
        Ok(Response::new(v1::PutBlobResponse { sha256: digest.0.to_vec().into(), bytes: length }))
    }

    type GetBlobStream = Flow<v1::GetBlobResponse>;

    async fn get_blob(&self, request: Request<v1::GetBlobRequest>) -> Result<Response<Self::GetBlobStream>, Status> {
        let lang = Lang::of(request.metadata());
        let digest = request.get_ref().sha256.as_ref().try_into().map(Digest);
        let digest = digest.map_err(|_| status::of(&Invalid::schema("sha256", "bytes.exact"), lang))?;
        self.desk.fetch_blob(digest).await.map_err(|invalid| status::of(&invalid, lang))?;
        let blobs = self.desk.blobs.clone();
        let chunks = futures_util::stream::unfold(Some(0), move |at| {
            let blobs = blobs.clone();
            async move {
                let at = at?;
                match blobs.read(digest, at, limits::BLOB_CHUNK_BYTES_MAX) {
                    Ok((chunk, bytes)) => {
                        let next = at + chunk.len() as u64;
                        Some((Ok(v1::GetBlobResponse { bytes, chunk: chunk.into() }), (next < bytes).then_some(next)))
                    }
                    Err(error) => Some((Err(status::of(&internal(&error), lang)), None)),
                }
            }
        });
        Ok(Response::new(Box::pin(chunks)))
    }

    type ExportBundleStream = Flow<v1::ExportBundleResponse>;

    async fn export_bundle(
        &self,
        request: Request<v1::ExportBundleRequest>,
    ) -> Result<Response<Self::ExportBundleStream>, Status> {
        let lang = Lang::of(request.metadata());
        let to = request.get_ref().to.parse().map_err(|invalid: Invalid| status::of(&invalid.within("to"), lang))?;
        let desk = self.desk.clone();
        let bundle = self.tasks.blocking("write a bundle", move || desk.bundle_for(&to)).await;
        let bundle = bundle.map_err(|_| status::internal(lang))?.map_err(|invalid| status::of(&invalid, lang))?;
        let pieces = bundle.bytes(self.desk.clone()).map(move |piece| {
            let piece = piece.map(|chunk| v1::ExportBundleResponse { chunk });
            piece.map_err(|invalid| status::of(&invalid, lang))
        });
        Ok(Response::new(Box::pin(tokio_stream::iter(pieces))))
    }

    async fn import_bundle(
        &self,
        request: Request<Streaming<v1::ImportBundleRequest>>,
    ) -> Result<Response<v1::ImportBundleResponse>, Status> {
        let lang = Lang::of(request.metadata());
        let pieces = request.into_inner().map(|piece| match piece {
            Ok(piece) => Ok(piece.chunk),
            Err(status) => Err(internal(&status)),
        });
        answer(self.desk.take_bundle(pieces).await, lang)
    }

    type ExportEvidenceStream = Flow<v1::ExportEvidenceResponse>;

    async fn export_evidence(
        &self,
        request: Request<v1::ExportEvidenceRequest>,
    ) -> Result<Response<Self::ExportEvidenceStream>, Status> {
        let lang = Lang::of(request.metadata());
        let id = message_id(&request.get_ref().message_id, lang)?;
        let file = self.desk.export_evidence(id, &self.tasks).await.map_err(|invalid| status::of(&invalid, lang))?;
        let pieces = crate::evidence::pieces(&file).map(|chunk| Ok(v1::ExportEvidenceResponse { chunk }));
        Ok(Response::new(Box::pin(tokio_stream::iter(pieces.collect::<Vec<_>>()))))
    }

    async fn heads(&self, request: Request<v1::HeadsRequest>) -> Result<Response<v1::HeadsResponse>, Status> {
        let lang = Lang::of(request.metadata());
        let trees = self.desk.trees().map_err(|invalid| status::of(&invalid, lang))?;
        let witness = &self.desk.witness;
        let mut countersigned = witness.countersigned();
        countersigned.extend(witness.own_countersigned().map(|(_, brokers)| brokers));
        Ok(Response::new(v1::HeadsResponse { own: witness.own(), trees, countersigned }))
    }

    async fn link_status(&self, _: Request<v1::LinkStatusRequest>) -> Result<Response<v1::LinkStatusResponse>, Status> {
        let state = self.desk.link.watch().borrow().clone();
        let (text_zh, text_en) = state.problem.as_ref().map(status::texts).unwrap_or_default();
        let now = self.desk.clock.now();
        let (queued, unsettled, unopened) = self.desk.engine.read(|fold, _| {
            let agent = fold.agent();
            (agent.queued, agent.unsettled, agent.unopened)
        });
        Ok(Response::new(v1::LinkStatusResponse {
            jurisdiction: self.desk.names.jurisdiction().to_string(),
            state: state.phase.name().to_owned(),
            endpoint: state.endpoint,
            problem: state.problem.map(|problem| problem.reason.code().to_owned()).unwrap_or_default(),
            text_zh,
            text_en,
            since: Some(border::time::to_wire(state.since)),
            retry_in: state.retry_at.map(|at| border::time::duration(at.since(now))),
            queued,
            unsettled,
            unopened,
            skew: Some(skew(state.skew_ms)),
            tls_group: state.tls_group,
            members: self.desk.link.members().await,
            endings: self.desk.endings(now).iter().map(|ending| told(ending, now)).collect(),
            diverged: self.desk.diverged(),
        }))
    }

    async fn matter(&self, request: Request<v1::MatterRequest>) -> Result<Response<v1::MatterResponse>, Status> {
        let lang = Lang::of(request.metadata());
        let id = message_id(&request.get_ref().message_id, lang)?;
        answer(self.desk.matter(id), lang)
    }

    async fn deadlines(
        &self,
        request: Request<v1::DeadlinesRequest>,
    ) -> Result<Response<v1::DeadlinesResponse>, Status> {
        let lang = Lang::of(request.metadata());
        answer(self.desk.deadlines(request.get_ref()), lang)
    }

    async fn waive(&self, request: Request<v1::WaiveRequest>) -> Result<Response<v1::WaiveResponse>, Status> {
        let lang = Lang::of(request.metadata());
        answer(self.desk.waive(request.into_inner()).await, lang)
    }

    async fn record_call(
        &self,
        request: Request<v1::RecordCallRequest>,
    ) -> Result<Response<v1::RecordCallResponse>, Status> {
        let lang = Lang::of(request.metadata());
        answer(self.desk.record_call(request.into_inner()).await, lang)
    }

    async fn tasks(&self, request: Request<v1::TasksRequest>) -> Result<Response<v1::TasksResponse>, Status> {
        let lang = Lang::of(request.metadata());
        answer(self.desk.tasks(request.get_ref()), lang)
    }

    async fn close_task(
        &self,
        request: Request<v1::CloseTaskRequest>,
    ) -> Result<Response<v1::CloseTaskResponse>, Status> {
        let lang = Lang::of(request.metadata());
        answer(self.desk.close_task(request.into_inner()).await, lang)
    }

    async fn learn_incident(
        &self,
        request: Request<v1::LearnIncidentRequest>,
    ) -> Result<Response<v1::LearnIncidentResponse>, Status> {
        let lang = Lang::of(request.metadata());
        answer(self.desk.learn_incident(request.into_inner()).await, lang)
    }

    async fn incidents(
        &self,
        request: Request<v1::IncidentsRequest>,
    ) -> Result<Response<v1::IncidentsResponse>, Status> {
        let lang = Lang::of(request.metadata());
        answer(self.desk.incidents(request.get_ref()), lang)
    }

    async fn form(&self, request: Request<v1::FormRequest>) -> Result<Response<v1::FormResponse>, Status> {
        let lang = Lang::of(request.metadata());
        answer(self.desk.form(request.get_ref()).map(|draft| v1::FormResponse { draft: Some(draft) }), lang)
    }

    async fn report_card(
        &self,
        request: Request<v1::ReportCardRequest>,
    ) -> Result<Response<v1::ReportCardResponse>, Status> {
        let lang = Lang::of(request.metadata());
        answer(self.desk.report_card(request.get_ref()), lang)
    }

    async fn rules(&self, request: Request<v1::RulesRequest>) -> Result<Response<v1::RulesResponse>, Status> {
        let lang = Lang::of(request.metadata());
        answer(self.desk.rules_seen(), lang)
    }

    async fn test_rules(
        &self,
        request: Request<v1::TestRulesRequest>,
    ) -> Result<Response<v1::TestRulesResponse>, Status> {
        let (lang, desk) = (Lang::of(request.metadata()), self.desk.clone());
        let tried = self.tasks.blocking("test rules", move || desk.test_rules(request.into_inner())).await;
        answer(tried.map_err(|_| status::internal(lang))?, lang)
    }

    async fn dead_acts(&self, request: Request<v1::DeadActsRequest>) -> Result<Response<v1::DeadActsResponse>, Status> {
        let lang = Lang::of(request.metadata());
        answer(self.desk.dead_acts(request.get_ref()), lang)
    }

    async fn on_duty(&self, request: Request<v1::OnDutyRequest>) -> Result<Response<v1::OnDutyResponse>, Status> {
        let lang = Lang::of(request.metadata());
        answer(self.desk.on_duty(request.get_ref()), lang)
    }

    async fn handover(&self, request: Request<v1::HandoverRequest>) -> Result<Response<v1::HandoverResponse>, Status> {
        let lang = Lang::of(request.metadata());
        answer(self.desk.handover(), lang)
    }

    async fn drill_score(
        &self,
        request: Request<v1::DrillScoreRequest>,
    ) -> Result<Response<v1::DrillScoreResponse>, Status> {
        let lang = Lang::of(request.metadata());
        answer(self.desk.drill_score(request.get_ref()), lang)
    }

    async fn search_catalogue(
        &self,
        request: Request<v1::SearchCatalogueRequest>,
    ) -> Result<Response<v1::SearchCatalogueResponse>, Status> {
        let lang = Lang::of(request.metadata());
        answer(self.desk.search_catalogue(request.get_ref()).await, lang)
    }

    async fn publish_catalogue(
        &self,
        request: Request<v1::PublishCatalogueRequest>,
    ) -> Result<Response<v1::PublishCatalogueResponse>, Status> {
        let lang = Lang::of(request.metadata());
        answer(self.desk.publish_catalogue(request.into_inner()).await, lang)
    }

    type LinkTestStream = Flow<v1::LinkTestResponse>;

    async fn link_test(&self, request: Request<v1::LinkTestRequest>) -> Result<Response<Self::LinkTestStream>, Status> {
        let neighbour = request.into_inner().jurisdiction;
        let (steps, wire) = mpsc::channel(EVENTS);
        let (desk, endpoints) = (self.desk.clone(), self.endpoints.clone());
        self.tasks.task("link test", move |stop| async move {
            tokio::select! {
                () = stop.cancelled() => {}
                () = link::test::run(&desk, &endpoints, &neighbour, &steps) => {}
            }
        });
        Ok(Response::new(Box::pin(ReceiverStream::new(wire).map(Ok))))
    }
}

/// Sends what happened after the cursor, then what happens, and whenever the link comes or goes. A record that cannot be
/// read is left out and logged: a listener that asks again from the same cursor would never get past it.
async fn follow(desk: &Desk, mut after: u64, events: &mpsc::Sender<Result<v1::SubscribeResponse, Status>>) {
    let (mut folded, mut link) = (desk.bells.folded.subscribe(), desk.link.watch());
    let mut at = keys::cursor_position(after);
    let mut up = link.borrow_and_update().phase == Phase::Up;
    loop {
        let through = *folded.borrow_and_update();
        while at <= through {
            let found = if at.0 == 0 { Ok(Vec::new()) } else { desk.events(at, after) };
            let found = found.unwrap_or_else(|problem| {
                tracing::error!(%at, %problem, "the events of a record cannot be told");
                Vec::new()
            });
            for event in found {
                after = event.cursor;
                if events.send(Ok(event)).await.is_err() {
                    return;
                }
            }
            at = at.next();
        }
        tokio::select! {
            more = folded.changed() => if more.is_err() { return },
            changed = link.changed() => {
                let now = link.borrow_and_update().phase == Phase::Up;
                if changed.is_err() || (now != up && events.send(Ok(link_event(now, after))).await.is_err()) {
                    return;
                }
                up = now;
            }
        }
    }
}

/// That the link came or went, under the cursor of what was told last: it stands in no journal.
fn link_event(up: bool, after: u64) -> v1::SubscribeResponse {
    v1::SubscribeResponse { cursor: after, event: Some(v1::subscribe_response::Event::LinkUp(up)) }
}

fn answer<T>(result: Result<T, Invalid>, lang: Lang) -> Result<Response<T>, Status> {
    result.map(Response::new).map_err(|invalid| status::of(&invalid, lang))
}

fn message_id(bytes: &[u8], lang: Lang) -> Result<MessageId, Status> {
    MessageId::checked(bytes).map_err(|invalid| status::of(&invalid, lang))
}

fn told(ending: &certs::ends::Ending, now: Timestamp) -> v1::TrustEnding {
    let (text_zh, text_en) = ending.texts(now);
    v1::TrustEnding { at: Some(border::time::to_wire(ending.at)), text_zh, text_en }
}

fn skew(ms: i64) -> prost_types::Duration {
    let ms = Timestamp::from_millis(ms).millis();
    prost_types::Duration { seconds: ms / 1_000, nanos: i32::try_from(ms % 1_000).unwrap_or(0) * 1_000_000 }
}
