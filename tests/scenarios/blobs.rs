//! Files beside messages: inline in the content or as blobs, whole by their digest, brought on from where they broke off.

use bytes::Bytes;
use proto::v1;
use proto::v1::Stage;
use sha2::{Digest as _, Sha256};

use crate::world::bare::{Bare, reason};
use crate::world::drafts::{bulletin, jurisdiction};
use crate::world::live::{World, id_of};
use crate::world::region::{LY, LYG, Lands, RZ, XZ};

const CHUNK: usize = 64 * 1024;

fn file(seed: u8, bytes: usize) -> Bytes {
    (0..bytes).map(|at| seed.wrapping_add((at / 7) as u8)).collect::<Vec<_>>().into()
}

fn digest(bytes: &Bytes) -> Bytes {
    Sha256::digest(bytes).to_vec().into()
}

fn listed(name: &str, placement: v1::Placement, bytes: &Bytes) -> v1::Attachment {
    v1::Attachment {
        name: name.into(),
        mime: "image/jpeg".into(),
        bytes: bytes.len() as u64,
        sha256: digest(bytes),
        placement: placement.into(),
    }
}

fn with_blob(precedence: v1::Precedence, blob: &Bytes) -> v1::Draft {
    let mut draft = bulletin(&[XZ], precedence, "附现场照片");
    draft.header.get_or_insert_default().attachments = vec![listed("现场.jpg", v1::Placement::Blob, blob)];
    draft
}

fn parts(blob: &Bytes, from: usize, to: usize) -> Vec<v1::PutRequest> {
    let chunks = (from..to).step_by(CHUNK);
    let part = |at: usize| v1::PutRequest {
        sha256: digest(blob),
        bytes: blob.len() as u64,
        offset: at as u64,
        chunk: blob.slice(at..(at + CHUNK).min(to)),
        ..Default::default()
    };
    chunks.map(part).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn files_inline_and_beside_arrive_as_they_were_sent() {
    let world = World::of(&[LY, XZ]).await;
    let (inline, blob) = (file(1, 10_000), file(2, 300_000));
    let put = world.desk(LY).put_blob(blob.clone()).await.unwrap();
    assert_eq!(put.sha256, digest(&blob));
    let mut draft = with_blob(v1::Precedence::Priority, &blob);
    let listed = listed("简图.jpg", v1::Placement::Inline, &inline);
    draft.header.get_or_insert_default().attachments.push(listed);
    draft.inline = vec![inline.clone()];

    let sent = world.desk(LY).send(draft).await.unwrap();

    world.agent(LY).stage(id_of(&sent.message_id), XZ, Stage::Delivered).await;
    let shown = world.desk(XZ).show(&sent.message_id).await.unwrap().content.unwrap();
    assert_eq!(shown.inline, [inline]);
    let header = shown.header.unwrap();
    assert_eq!(world.desk(XZ).get_blob(&header.attachments[0].sha256).await.unwrap(), blob);
    world.agent(XZ).cut().await;
    assert_eq!(world.desk(XZ).get_blob(&digest(&blob)).await.unwrap(), blob, "once here it stays here");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_draft_that_names_a_file_nobody_put_is_not_queued() {
    let mut world = World::without_agents(&[LY, XZ], Lands::Unknown).await;
    world.start_agent(LY).await;

    let refused = world.desk(LY).send(with_blob(v1::Precedence::Priority, &file(3, 1_000))).await.unwrap_err();

    assert_eq!(reason(&refused), "LD604_NOT_FOUND");
    assert!(world.desk(LY).list(true).await.unwrap().is_empty());
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_broke_off_goes_on_from_there() {
    let world = World::without_agents(&[LY, XZ], Lands::Unknown).await;
    let ly = world.bare(LY);
    let blob = file(4, 3 * CHUNK + 17);
    let offer = v1::OfferRequest { sha256: digest(&blob), bytes: blob.len() as u64, ..Default::default() };
    let mut client = ly.blobs(world.broker_address());
    assert_eq!(client.offer(offer.clone()).await.unwrap().into_inner().offset, 0);

    let half = client.put(tokio_stream::iter(parts(&blob, 0, 2 * CHUNK))).await.unwrap_err();
    assert_eq!(reason(&half), "LD201_BAD_SCHEMA");
    let offset = client.offer(offer.clone()).await.unwrap().into_inner().offset;
    assert_eq!(offset, 2 * CHUNK as u64);
    let gap = client.put(tokio_stream::iter(parts(&blob, 3 * CHUNK, blob.len()))).await.unwrap_err();
    assert_eq!(reason(&gap), "LD107_BUSY", "begun where nothing ends: it is offered anew");
    let mut torn = parts(&blob, 2 * CHUNK, blob.len());
    torn[1].offset += 1;
    let torn = client.put(tokio_stream::iter(torn)).await.unwrap_err();
    assert_eq!(reason(&torn), "LD201_BAD_SCHEMA", "a part that does not follow");
    assert_eq!(client.offer(offer.clone()).await.unwrap().into_inner().offset, 3 * CHUNK as u64);
    let again = client.put(tokio_stream::iter(parts(&blob, 2 * CHUNK, blob.len()))).await.unwrap_err();
    assert_eq!(reason(&again), "LD107_BUSY", "more came since it was offered");
    client.put(tokio_stream::iter(parts(&blob, 3 * CHUNK, blob.len()))).await.unwrap();

    assert_eq!(client.offer(offer).await.unwrap().into_inner().offset, blob.len() as u64);
    let ask = v1::BlobsGetRequest { sha256: digest(&blob), offset: CHUNK as u64 };
    let mut rest = client.get(ask).await.unwrap().into_inner();
    let mut got = Vec::new();
    while let Some(part) = rest.message().await.unwrap() {
        got.extend_from_slice(&part.chunk);
    }
    assert_eq!(got, blob[CHUNK..]);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_with_another_digest_is_refused_and_nothing_of_it_stays() {
    let world = World::without_agents(&[LY, XZ], Lands::Unknown).await;
    let ly = world.bare(LY);
    let (blob, other) = (file(5, 1_000), file(6, 1_000));
    let mut client = ly.blobs(world.broker_address());
    let lie = v1::PutRequest { sha256: digest(&blob), bytes: 1_000, offset: 0, chunk: other, ..Default::default() };

    let refused = client.put(tokio_stream::iter([lie])).await.unwrap_err();

    assert_eq!((&*reason(&refused), refused.code()), ("LD207_HASH_MISMATCH", tonic::Code::DataLoss));
    let offer = v1::OfferRequest { sha256: digest(&blob), bytes: 1_000, ..Default::default() };
    assert_eq!(client.offer(offer).await.unwrap().into_inner().offset, 0);
    let ask = v1::BlobsGetRequest { sha256: digest(&blob), offset: 0 };
    let missing = client.get(ask).await.map(tonic::Response::into_inner);
    let missing = match missing {
        Ok(mut parts) => parts.message().await.unwrap_err(),
        Err(refused) => refused,
    };
    assert_eq!(reason(&missing), "LD604_NOT_FOUND");
    let huge = v1::OfferRequest { sha256: digest(&blob), bytes: (20 << 20) + 1, ..Default::default() };
    assert_eq!(reason(&client.offer(huge).await.unwrap_err()), "LD105_TOO_LARGE");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_bytes_of_a_neighbour_do_not_spoil_the_file_of_another() {
    let world = World::without_agents(&[LY, XZ], Lands::Unknown).await;
    let (ly, xz) = (world.bare(LY), world.bare(XZ));
    let blob = file(10, 2 * CHUNK);
    let (sha256, bytes) = (digest(&blob), blob.len() as u64);
    let lie = v1::PutRequest { sha256: sha256.clone(), bytes, offset: 0, chunk: file(11, CHUNK), ..Default::default() };
    let (mut liar, mut honest) = (xz.blobs(world.broker_address()), ly.blobs(world.broker_address()));
    liar.put(tokio_stream::iter([lie])).await.unwrap_err(); // half of it, and the half is wrong

    let offer = v1::OfferRequest { sha256, bytes, ..Default::default() };
    assert_eq!(honest.offer(offer.clone()).await.unwrap().into_inner().offset, 0);
    honest.put(tokio_stream::iter(parts(&blob, 0, blob.len()))).await.unwrap();

    assert_eq!(liar.offer(offer.clone()).await.unwrap().into_inner().offset, CHUNK as u64, "it has shown no more");
    let put = liar.put(tokio_stream::iter(parts(&blob, CHUNK, blob.len()))).await.unwrap_err();
    assert_eq!(reason(&put), "LD107_BUSY", "what it brought is not this file");
    assert_eq!(liar.offer(offer).await.unwrap().into_inner().offset, 0);
    let put = liar.put(tokio_stream::iter(parts(&blob, 0, blob.len()))).await.unwrap();
    assert_eq!(put.into_inner().bytes, bytes, "now it has shown that it has it");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_resumed_and_does_not_fit_comes_once_more_from_the_beginning() {
    let world = World::without_agents(&[LY, XZ], Lands::Unknown).await;
    let mut client = world.bare(LY).blobs(world.broker_address());
    let blob = file(12, 2 * CHUNK);
    let mut spoilt = parts(&blob, 0, CHUNK);
    spoilt[0].chunk = file(13, CHUNK);
    client.put(tokio_stream::iter(spoilt)).await.unwrap_err(); // as after a power cut

    let resumed = client.put(tokio_stream::iter(parts(&blob, CHUNK, blob.len()))).await.unwrap_err();

    assert_eq!(reason(&resumed), "LD107_BUSY");
    let offer = v1::OfferRequest { sha256: digest(&blob), bytes: blob.len() as u64, ..Default::default() };
    assert_eq!(client.offer(offer).await.unwrap().into_inner().offset, 0, "all of it was thrown away");
    client.put(tokio_stream::iter(parts(&blob, 0, blob.len()))).await.unwrap();
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_uploads_of_one_file_the_first_goes_on_and_the_second_comes_again() {
    let world = World::without_agents(&[LY, XZ], Lands::Unknown).await;
    let ly = world.bare(LY);
    let blob = file(14, 2 * CHUNK);
    let (mut first, mut second) = (ly.blobs(world.broker_address()), ly.blobs(world.broker_address()));
    let (more, stream) = tokio::sync::mpsc::channel(4);
    let [begin, end] = parts(&blob, 0, blob.len()).try_into().unwrap();
    more.send(begin).await.unwrap();
    let slow = async { first.put(tokio_stream::wrappers::ReceiverStream::new(stream)).await };
    let other = async {
        let offer = v1::OfferRequest { sha256: digest(&blob), bytes: blob.len() as u64, ..Default::default() };
        while second.offer(offer.clone()).await.unwrap().into_inner().offset == 0 {
            tokio::task::yield_now().await;
        }
        let refused = second.put(tokio_stream::iter(parts(&blob, CHUNK, blob.len()))).await.unwrap_err();
        more.send(end).await.unwrap();
        drop(more);
        refused
    };

    let (slow, refused) = tokio::join!(slow, other);

    assert_eq!(slow.unwrap().into_inner().bytes, blob.len() as u64);
    assert_eq!(reason(&refused), "LD107_BUSY");
    assert!(tonic_types::StatusExt::get_details_retry_info(&refused).is_some());
    let put = second.put(tokio_stream::iter(parts(&blob, CHUNK, blob.len()))).await.unwrap();
    assert_eq!(put.into_inner().bytes, blob.len() as u64, "it is complete now");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_line_that_breaks_during_a_file_delays_its_message_and_loses_nothing() {
    let world = World::of(&[LY, XZ]).await;
    let ly = world.agent(LY);
    let blob = file(7, 2 << 20);
    world.desk(LY).put_blob(blob.clone()).await.unwrap();
    ly.line.change(|weather| weather.up.reset_after = Some(1 << 20));

    let id = ly.send(with_blob(v1::Precedence::Priority, &blob)).await;
    ly.unlinked().await;
    ly.line.mend();

    ly.stage(id, XZ, Stage::Delivered).await;
    assert_eq!(world.desk(XZ).get_blob(&digest(&blob)).await.unwrap(), blob);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn flash_does_not_wait_for_the_files_of_a_routine_message() {
    let world = World::of(&[LY, XZ]).await;
    let (ly, xz) = (world.agent(LY), world.agent(XZ));
    let blob = file(8, 16 << 20);
    world.desk(LY).put_blob(blob.clone()).await.unwrap();

    let slow = ly.send(with_blob(v1::Precedence::Routine, &blob)).await;
    let flash = ly.send(bulletin(&[XZ], v1::Precedence::Flash, "溃坝")).await;

    assert_eq!(xz.has_received(2).await, [flash, slow]);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_was_damaged_at_its_origin_ends_its_message_and_holds_up_nothing() {
    let world = World::of(&[LY, XZ]).await;
    let ly = world.agent(LY);
    let blob = file(9, 1_000);
    world.desk(LY).put_blob(blob.clone()).await.unwrap();
    ly.cut().await;
    let id = ly.send(with_blob(v1::Precedence::Priority, &blob)).await;
    let after = ly.send(bulletin(&[XZ], v1::Precedence::Priority, "随后的消息")).await;
    world.damage_blob(LY, &digest(&blob));

    ly.mend().await;

    let refusal = ly.refused(id).await;
    assert_eq!((&*refusal.reason, &*refusal.field), ("LD207_HASH_MISMATCH", "header.attachments"));
    ly.stage(after, XZ, Stage::Delivered).await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_is_read_by_whoever_has_its_message_and_by_nobody_who_only_knows_its_digest() {
    let world = World::without_agents(&[LY, XZ, RZ, LYG], Lands::Unknown).await;
    let (ly, xz, rz) = (world.bare(LY), world.bare(XZ), world.bare(RZ));
    let blob = file(15, CHUNK + 1);
    ly.blobs(world.broker_address()).put(tokio_stream::iter(parts(&blob, 0, blob.len()))).await.unwrap();
    let read = async |by: &Bare| {
        let ask = v1::BlobsGetRequest { sha256: digest(&blob), offset: 0 };
        let mut parts = by.blobs(world.broker_address()).get(ask).await.map_err(|status| reason(&status))?.into_inner();
        let mut got = Vec::new();
        while let Some(part) = parts.message().await.map_err(|status| reason(&status))? {
            got.extend_from_slice(&part.chunk);
        }
        Ok::<_, String>(Bytes::from(got))
    };
    let nowhere = Err("LD604_NOT_FOUND".to_owned());
    assert_eq!((read(&ly).await, read(&xz).await), (Ok(blob.clone()), nowhere.clone()), "nobody was sent it yet");

    ly.submit(world.broker_address(), ly.envelope(with_blob(v1::Precedence::Priority, &blob))).await.unwrap();

    assert_eq!((read(&xz).await, read(&rz).await), (Ok(blob.clone()), nowhere.clone()));
    let mut to_itself = with_blob(v1::Precedence::Priority, &blob);
    to_itself.header.get_or_insert_default().recipients = [XZ, LYG].map(jurisdiction).to_vec();
    rz.submit(world.broker_address(), rz.envelope(to_itself)).await.unwrap();
    let lyg = world.bare(LYG);
    assert_eq!((read(&rz).await, read(&lyg).await), (nowhere.clone(), nowhere), "naming a digest opens nothing");
    let offer = v1::OfferRequest { sha256: digest(&blob), bytes: blob.len() as u64, ..Default::default() };
    let offset = rz.blobs(world.broker_address()).offer(offer).await.unwrap().into_inner().offset;
    assert_eq!(offset, 0, "nor does asking tell whether it is here");
    let empty = v1::PutRequest { sha256: digest(&blob), bytes: blob.len() as u64, ..Default::default() };
    rz.blobs(world.broker_address()).put(tokio_stream::iter([empty])).await.unwrap_err();
    assert!(read(&rz).await.is_err());
    world.end().await;
}
