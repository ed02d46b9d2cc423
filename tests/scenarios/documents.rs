//! A shared agenda: read whole or by what changed, changed by whoever may, each on the version that was read.

use std::time::Duration;

use bytes::Bytes;
use prost::Message as _;
use proto::v1;
use proto::v1::documents_client::DocumentsClient;
use tonic::transport::Channel;
use tonic::{Code, Status};

use crate::world::bare::{Bare, reason};
use crate::world::drafts::lawful;
use crate::world::live::{World, within};
use crate::world::region::{LY, Lands, RZ, XZ};

const AGENDA: &str = "agenda/371300-M-2027";

/// LY holds the chair; XZ and RZ are members.
struct Meeting {
    world: World,
    ly: Reader,
    xz: Reader,
    rz: Reader,
}

/// A member at the broker's documents.
struct Reader {
    bare: Bare,
    documents: DocumentsClient<Channel>,
}

fn change(item: &str, op: v1::DocumentOp, if_match: &[u8], members: v1::MemberRights) -> v1::DocumentChange {
    v1::DocumentChange {
        document_id: AGENDA.into(),
        item_id: item.into(),
        op: op.into(),
        if_match: Bytes::copy_from_slice(if_match),
        members: members.into(),
    }
}

impl Reader {
    fn of(world: &World, city: &str) -> Self {
        let bare = world.bare(city);
        let documents = bare.documents(world.broker_address());
        Self { bare, documents }
    }

    async fn change(&self, change: v1::DocumentChange, text: &str) -> Result<v1::ChangeResponse, Status> {
        let header = v1::Header { document: Some(change), ..lawful(v1::Kind::AgendaChange, &[]) };
        let envelope = Some(self.bare.with_body(header, text.as_bytes()));
        Ok(self.documents.clone().change(v1::ChangeRequest { envelope }).await?.into_inner())
    }

    /// Puts an item with the rights of its head; gives its new etag.
    async fn put(&self, item: &str, if_match: &[u8], text: &str) -> Result<Bytes, Status> {
        let put = change(item, v1::DocumentOp::Put, if_match, v1::MemberRights::Unspecified);
        Ok(self.change(put, text).await?.item_etag)
    }

    /// Puts the head, with what members may do.
    async fn put_head(&self, if_match: &[u8], members: v1::MemberRights, text: &str) -> Bytes {
        self.change(change("", v1::DocumentOp::Put, if_match, members), text).await.unwrap().item_etag
    }

    /// An agenda that is open for proposals, with items 1 to 3.
    async fn open_agenda(&self) {
        self.put_head(b"", v1::MemberRights::AddAndEdit, "OPEN_FOR_PROPOSALS").await;
        for item in ["1", "2", "3"] {
            self.put(item, b"", &format!("议题 {item}")).await.unwrap();
        }
    }

    async fn remove(&self, item: &str, if_match: &[u8]) -> Result<v1::ChangeResponse, Status> {
        self.change(change(item, v1::DocumentOp::Remove, if_match, v1::MemberRights::Unspecified), "").await
    }

    async fn get(&self, if_none_match: &[u8]) -> v1::GetResponse {
        let if_none_match = Bytes::copy_from_slice(if_none_match);
        let ask = v1::GetRequest { document_id: AGENDA.into(), if_none_match };
        self.documents.clone().get(ask).await.unwrap().into_inner()
    }

    async fn sync(&self, token: &str, limit: u32) -> Result<v1::SyncResponse, Status> {
        let ask = v1::SyncRequest { document_id: AGENDA.into(), token: token.into(), limit };
        Ok(self.documents.clone().sync(ask).await?.into_inner())
    }
}

impl Meeting {
    /// An agenda that is open for proposals, with items 1 to 3 of LY.
    async fn convene() -> Self {
        let world = World::without_agents(&[LY, XZ, RZ], Lands::Unknown).await;
        let (ly, xz, rz) = (Reader::of(&world, LY), Reader::of(&world, XZ), Reader::of(&world, RZ));
        ly.open_agenda().await;
        Self { world, ly, xz, rz }
    }

    async fn end(self) {
        drop((self.ly, self.xz, self.rz));
        self.world.end().await;
    }
}

fn texts(document: &v1::Document) -> Vec<(String, String)> {
    let of = |item: &v1::DocumentItem| (item.item_id.clone(), text(item));
    document.items.iter().map(of).collect()
}

/// What an item says: its body is opaque to the broker.
fn text(item: &v1::DocumentItem) -> String {
    let content = item.envelope.as_ref().unwrap().content.clone();
    let mut body = proto::border::parts(&content).unwrap().body;
    prost::encoding::decode_key(&mut body).unwrap();
    let length = prost::encoding::decode_varint(&mut body).unwrap();
    String::from_utf8(body[..usize::try_from(length).unwrap()].to_vec()).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_document_is_read_whole_once_and_then_only_when_it_changed() {
    let meeting = Meeting::convene().await;

    let whole = meeting.xz.get(b"").await.document.unwrap();
    assert_eq!((&*whole.owner, whole.items.len()), (LY, 3));
    let unchanged = meeting.xz.get(&whole.etag).await;
    assert!(unchanged.not_modified && unchanged.document.is_none());
    meeting.xz.put("4", b"", "议题 4").await.unwrap();
    let changed = meeting.xz.get(&whole.etag).await.document.unwrap();

    assert_ne!(changed.etag, whole.etag);
    assert_eq!(changed.items[3].author, XZ);
    let list = v1::ListRequest { prefix: "agenda/".into() };
    let listed = meeting.rz.documents.clone().list(list).await.unwrap().into_inner().documents;
    assert_eq!(listed.len(), 1);
    assert_eq!((&*listed[0].document_id, &listed[0].etag), (AGENDA, &changed.etag));
    meeting.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_changes_of_one_version_the_second_is_shown_the_first() {
    let meeting = Meeting::convene().await;
    let read = meeting.xz.get(b"").await.document.unwrap().items[2].etag.clone();

    let first = meeting.xz.put("3", &read, "徐州的文字").await.unwrap();
    let refused = meeting.rz.put("3", &read, "日照的文字").await.unwrap_err();

    assert_eq!((refused.code(), &*reason(&refused)), (Code::Aborted, "LD602_ETAG_MISMATCH"));
    let current = refused.metadata().get_bin("liandong-item-bin").unwrap().to_bytes().unwrap();
    let current = v1::DocumentItem::decode(current).unwrap();
    assert_eq!((&current.etag, &*current.author, &*text(&current)), (&first, XZ, "徐州的文字"));
    meeting.rz.put("3", &current.etag, "合并的文字").await.unwrap();
    assert_eq!(texts(&meeting.ly.get(b"").await.document.unwrap())[2], ("3".into(), "合并的文字".into()));
    let refusals = meeting.world.refusals();
    assert_eq!(refusals.last().unwrap().reason, "LD602_ETAG_MISMATCH");
    meeting.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_names_the_version_it_means_and_only_the_owner_removes() {
    let meeting = Meeting::convene().await;
    let items = meeting.xz.get(b"").await.document.unwrap().items;

    let blind = meeting.xz.put("3", b"", "没有版本").await.unwrap_err();
    assert_eq!(reason(&blind), "LD202_MISSING_FIELD");
    let foreign = meeting.xz.remove("2", &items[1].etag).await.unwrap_err();
    assert_eq!(reason(&foreign), "LD402_ROLE_FORBIDDEN");
    let head = change("", v1::DocumentOp::Put, b"", v1::MemberRights::None);
    let seized = meeting.xz.change(head, "LOCKED").await.unwrap_err();
    assert_eq!(reason(&seized), "LD402_ROLE_FORBIDDEN");

    meeting.ly.remove("2", &items[1].etag).await.unwrap();
    let left = meeting.xz.get(b"").await.document.unwrap().items;
    assert_eq!(left.iter().map(|item| &*item.item_id).collect::<Vec<_>>(), ["1", "3"]);
    meeting.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_locked_agenda_takes_new_items_and_no_edits() {
    let meeting = Meeting::convene().await;
    let document = meeting.ly.get(b"").await.document.unwrap();
    meeting.ly.put_head(&document.head.unwrap().etag, v1::MemberRights::Add, "LOCKED").await;

    let edit = meeting.xz.put("2", &document.items[1].etag, "晚到的修改").await.unwrap_err();

    assert_eq!(reason(&edit), "LD603_DOCUMENT_LOCKED");
    meeting.xz.put("6", b"", "晚到的议题").await.unwrap();
    meeting.ly.put("2", &document.items[1].etag, "主席的修改").await.unwrap();
    meeting.end().await;
}

/// Pages from a token to the end: what changed, what was removed, the last etag.
async fn pages(reader: &Reader, mut token: String, limit: u32) -> (Vec<String>, Vec<String>, Bytes, u32) {
    let (mut changed, mut removed, mut count) = (Vec::new(), Vec::new(), 0);
    loop {
        let page = reader.sync(&token, limit).await.unwrap();
        changed.extend(page.changed.into_iter().map(|item| item.item_id));
        removed.extend(page.removed.into_iter().map(|stone| stone.item_id));
        (token, count) = (page.next_token, count + 1);
        if !page.truncated {
            return (changed, removed, page.etag, count);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_who_was_away_gets_what_changed_and_one_tombstone_in_pages() {
    let meeting = Meeting::convene().await;
    let before = meeting.rz.get(b"").await.document.unwrap();
    let items = &before.items;
    meeting.ly.put("1", &items[0].etag, "议题 1 改").await.unwrap();
    meeting.ly.remove("2", &items[1].etag).await.unwrap();
    for item in ["4", "5", "6"] {
        meeting.xz.put(item, b"", &format!("议题 {item}")).await.unwrap();
    }

    let (changed, removed, etag, count) = pages(&meeting.rz, before.token, 2).await;

    assert_eq!((changed.join(" "), removed.join(" "), count), ("1 4 5 6".into(), "2".into(), 3));
    assert_eq!(etag, meeting.ly.get(b"").await.document.unwrap().etag);
    meeting.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_works_although_the_brokers_rows_were_lost_between_two_pages() {
    let mut meeting = Meeting::convene().await;
    let first = meeting.rz.sync("", 2).await.unwrap();
    assert!(first.truncated);

    meeting.world.stop_broker().await;
    meeting.world.lose_rows_of_broker();
    meeting.world.start_broker().await;
    meeting.rz = Reader::of(&meeting.world, RZ);

    let (changed, _, etag, _) = pages(&meeting.rz, first.next_token, 2).await;
    assert_eq!(changed.join(" "), "2 3");
    assert_eq!(etag, meeting.rz.get(b"").await.document.unwrap().etag);
    meeting.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_older_than_tombstones_is_refused_and_a_full_sync_gives_the_same_document() {
    let mut meeting = Meeting::convene().await;
    let token = meeting.rz.sync("", 0).await.unwrap().next_token;

    meeting.world.pass(Duration::from_hours(36 * 24)).await;
    meeting.rz = Reader::of(&meeting.world, RZ);

    let expired = meeting.rz.sync(&token, 0).await.unwrap_err();
    assert_eq!((expired.code(), &*reason(&expired)), (Code::OutOfRange, "LD601_TOKEN_EXPIRED"));
    let (changed, _, etag, _) = pages(&meeting.rz, String::new(), 0).await;
    assert_eq!(changed.len(), 4, "head and three items");
    assert_eq!(etag, meeting.rz.get(b"").await.document.unwrap().etag);
    meeting.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_of_a_journal_that_was_lost_is_refused_although_the_new_one_is_longer() {
    let mut meeting = Meeting::convene().await;
    let token = meeting.rz.sync("", 0).await.unwrap().next_token;
    let end = meeting.world.relay().engine.journal_end();
    meeting.world.kill_broker().await;
    meeting.world.lose_state("broker");
    meeting.world.start_broker().await;
    (meeting.ly, meeting.rz) = (Reader::of(&meeting.world, LY), Reader::of(&meeting.world, RZ));
    meeting.ly.open_agenda().await;
    for item in 4.. {
        meeting.ly.put(&item.to_string(), b"", "补录").await.unwrap();
        if meeting.world.relay().engine.journal_end() > end {
            break;
        }
    }

    let expired = meeting.rz.sync(&token, 0).await.unwrap_err();

    assert_eq!(reason(&expired), "LD601_TOKEN_EXPIRED");
    let bare = meeting.rz.sync(&end.to_string(), 0).await.unwrap_err();
    assert_eq!(reason(&bare), "LD601_TOKEN_EXPIRED", "a position alone, as older brokers gave it");
    assert_eq!(reason(&meeting.rz.sync("here", 0).await.unwrap_err()), "LD203_BAD_CODE");
    let whole = meeting.rz.sync("", 0).await.unwrap();
    meeting.rz.sync(&whole.next_token, 0).await.unwrap();
    meeting.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_watches_hears_of_each_change() {
    let meeting = Meeting::convene().await;
    let ask = v1::WatchRequest { document_id: AGENDA.into(), token: String::new() };
    let mut steps = meeting.rz.documents.clone().watch(ask).await.unwrap().into_inner();
    let mut next = async || within("a step", steps.message()).await.unwrap().unwrap().step.unwrap();

    assert_eq!(next().await.changed.len(), 4, "first what is there");
    meeting.xz.put("4", b"", "议题 4").await.unwrap();
    assert_eq!(next().await.changed[0].item_id, "4");
    let etag = meeting.ly.get(b"").await.document.unwrap().items[0].etag.clone();
    meeting.ly.remove("1", &etag).await.unwrap();
    assert_eq!(next().await.removed[0].item_id, "1");
    meeting.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn with_its_line_cut_an_agent_reads_its_copy_and_says_how_old_it_is() {
    let mut meeting = Meeting::convene().await;
    meeting.world.start_agent(XZ).await;
    let xz = meeting.world.agent(XZ);
    xz.linked().await;
    let pull = |etag: &Bytes| v1::PullDocumentRequest { document_id: AGENDA.into(), if_none_match: etag.clone() };
    let fresh = xz.inside().pull(pull(&Bytes::new())).await.unwrap();
    assert!(!fresh.from_cache);
    let document = fresh.document.unwrap();
    let read_at = proto::border::time::to_wire(meeting.world.clock.now());

    xz.cut().await;
    meeting.ly.put("4", b"", "断线后的议题").await.unwrap();
    meeting.world.clock.advance(Duration::from_mins(10));

    let copy = xz.inside().pull(pull(&Bytes::new())).await.unwrap();
    assert!(copy.from_cache);
    assert_eq!((copy.document.as_ref(), copy.as_of), (Some(&document), Some(read_at)));
    assert!(xz.inside().pull(pull(&document.etag)).await.unwrap().not_modified);
    assert!(xz.inside().list_documents("agenda/").await.unwrap().from_cache);
    xz.mend().await;
    let fresh = xz.inside().pull(pull(&document.etag)).await.unwrap();
    assert_eq!(fresh.document.unwrap().items.len(), 4);
    meeting.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn with_a_silent_line_an_agent_reads_its_copy_without_waiting_for_it_to_break() {
    let mut meeting = Meeting::convene().await;
    meeting.world.start_agent(XZ).await;
    let xz = meeting.world.agent(XZ);
    xz.linked().await;
    let pull = || v1::PullDocumentRequest { document_id: AGENDA.into(), ..v1::PullDocumentRequest::default() };
    assert!(!xz.inside().pull(pull()).await.unwrap().from_cache);

    xz.line.change(|weather| weather.down.flow = crate::world::proxy::Flow::Held);

    assert!(xz.inside().pull(pull()).await.unwrap().from_cache);
    xz.line.mend();
    meeting.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_document_that_is_not_there_is_not_found() {
    let world = World::without_agents(&[LY], Lands::Unknown).await;
    let ly = Reader::of(&world, LY);
    let ask = v1::GetRequest { document_id: AGENDA.into(), ..v1::GetRequest::default() };

    let missing = ly.documents.clone().get(ask).await.unwrap_err();
    assert_eq!((missing.code(), &*reason(&missing)), (Code::NotFound, "LD604_NOT_FOUND"));
    let headless = ly.put("1", b"", "没有首部").await.unwrap_err();
    assert_eq!(reason(&headless), "LD604_NOT_FOUND");
    drop(ly);
    world.end().await;
}
