//! Every kind of the catalogue goes its whole way: from a draft at one desk to the very same bytes at another.

use bytes::Bytes;
use model::ids::MessageId;
use model::kind::Kind;
use model::rights::{self, Standing};
use model::role::Role;
use prost::Message as _;
use proto::rules;
use proto::status::Lang;
use proto::v1;

use crate::world::bare::reason;
use crate::world::live::World;
use crate::world::papers::{Paper, paper};
use crate::world::region::{LY, XZ};

/// The contract's example as 临沂 sends it, an officer or for what only programs say the program, and the bytes of its
/// body.
fn example(world: &World, kind: Kind) -> (v1::Draft, Bytes) {
    let paper = Paper::of(kind, world.clock.now());
    let Paper(draft) = match kind {
        kind if kind.is_of_the_system() => by_the_program(paper),
        kind if kind.is_document() => of_documents(paper),
        _ => paper,
    };
    let body = draft.body.clone().unwrap_or_default().encode_to_vec().into();
    (draft, body)
}

/// The role that may say it: the owner of resources, or the secretariat.
fn of_documents(paper: Paper) -> Paper {
    paper.header(|header| {
        let document = header.document.as_ref().map(|change| change.document_id.as_str()).unwrap_or_default();
        let own = document.starts_with("catalogue/") || document.starts_with("roster/");
        let role = if own { v1::Role::ResourceManager } else { v1::Role::Secretariat };
        header.sender.get_or_insert_default().role = role.into();
    })
}

fn by_the_program(paper: Paper) -> Paper {
    paper.header(|header| header.sender.get_or_insert_default().role = v1::Role::System.into())
}

/// The kinds of the catalogue that `belongs` picks.
fn kinds(belongs: impl Fn(Kind) -> bool) -> impl Iterator<Item = Kind> {
    rules::kinds().iter().map(|info| info.kind).filter(move |kind| belongs(*kind))
}

/// People can tell in a list what it is, in either language.
fn has_titles(kind: Kind, body: &Bytes) {
    for lang in [Lang::Zh, Lang::En] {
        assert!(!rules::title(body, lang).trim().is_empty(), "{kind} {lang:?}");
    }
}

fn body_of(envelope: &v1::Envelope) -> Bytes {
    proto::border::parts(&envelope.content).unwrap().body
}

/// Both desks show one message, sealed over the very body that was drafted.
async fn shown_alike(world: &World, kind: Kind, id: MessageId, body: &Bytes) {
    let id = Bytes::copy_from_slice(&id.0);
    let at_origin = world.desk(LY).show_to_a_controller(&id).await.unwrap();
    let at_recipient = world.desk(XZ).show_to_a_controller(&id).await.unwrap();
    let envelope = at_recipient.envelope.unwrap();
    assert_eq!(Some(&envelope), at_origin.envelope.as_ref(), "{kind}");
    assert_eq!(body_of(&envelope), body, "{kind}: not one byte changed");
    assert_eq!(at_recipient.content.unwrap().encode_to_vec(), envelope.content, "{kind}: shown as it was sealed");
    let summary = at_recipient.summary.unwrap();
    assert_eq!(summary.header.unwrap().kind, kind.number());
    assert!(!summary.title.trim().is_empty(), "{kind}");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_kind_that_has_recipients_is_accepted_delivered_once_and_shown_as_it_was_sealed() {
    let world = World::of(&[LY, XZ]).await;
    let mut sent = Vec::new();
    // a drill goes live with K33, before its inject K34; K58 is the broker's alone
    for kind in kinds(|kind| !kind.is_document() && kind != Kind::DeadlineNotice) {
        let (draft, body) = example(&world, kind);
        // below the rules of matters, which have tests of their own: an answer travels without its question too
        let inside = world.agent(LY).inside();
        let in_role = |role: &Role| {
            let mut draft = draft.clone();
            draft.header.get_or_insert_default().sender.get_or_insert_default().role = role.number();
            inside.whole(draft).ok().filter(|whole| rights::judge(&whole.header, Standing::Neighbour).is_ok())
        };
        let whole = Role::ALL.iter().find_map(in_role).unwrap_or_else(|| panic!("{kind}: nobody may say it"));
        let header = inside.outbox.queue(whole).await.unwrap_or_else(|invalid| panic!("{kind}: {invalid}"));
        let id = header.message_id;
        let stamp = world.agent(LY).accepted(id).await;
        assert_eq!(stamp.deliveries.len(), 1, "{kind}");
        world.agent(LY).stage(id, XZ, v1::Stage::Delivered).await;
        has_titles(kind, &body);
        shown_alike(&world, kind, id, &body).await;
        sent.push(id);
    }

    assert_eq!(world.agent(XZ).inbox(), sent, "each once");
    for id in sent {
        let proofs = world.agent(LY).receipts(id);
        assert_eq!(proofs, [(v1::Stage::Accepted, String::new()), (v1::Stage::Delivered, XZ.to_owned())]);
    }
    assert!(world.refusals().is_empty());
    world.end().await;
}

/// An agenda begins with its head; the example is an item.
fn agenda_head(world: &World) -> v1::Draft {
    let head = v1::AgendaHead {
        status: v1::AgendaStatus::OpenForProposals.into(),
        order: vec!["item-1".into()],
        meeting_id: "LY-2026-01".into(),
        title: "应急联动联席会议".into(),
    };
    let paper = paper!(AgendaChange, world.clock.now(), |body| {
        body.change = Some(v1::agenda_change::Change::Head(head));
    });
    let fit = |header: &mut v1::Header| {
        let document = header.document.as_mut().unwrap();
        document.item_id.clear();
        document.members = v1::MemberRights::AddAndEdit.into();
    };
    paper.header(fit).0
}

#[tokio::test(flavor = "multi_thread")]
async fn every_kind_that_changes_a_document_reaches_readers_as_it_was_sealed() {
    let world = World::of(&[LY, XZ]).await;
    world.agent(LY).inside().change(agenda_head(&world)).await.unwrap();
    for kind in kinds(Kind::is_document) {
        let (draft, body) = example(&world, kind);
        let change = draft.header.as_ref().unwrap().document.clone().unwrap();

        let answer = world.agent(LY).inside().change(draft).await.unwrap_or_else(|invalid| panic!("{kind}: {invalid}"));

        let ask = v1::PullDocumentRequest { document_id: change.document_id.clone(), ..Default::default() };
        let document = world.agent(XZ).inside().pull(ask).await.unwrap().document.unwrap();
        assert_eq!(document.etag, answer.document_etag, "{kind}");
        let read = document.items.iter().chain(&document.head).find(|item| item.item_id == change.item_id).unwrap();
        let own = world.desk(LY).show(&answer.message_id).await.unwrap().envelope;
        assert_eq!(read.envelope, own, "{kind}");
        assert_eq!(body_of(read.envelope.as_ref().unwrap()), body, "{kind}");
        has_titles(kind, &body);
    }
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_program_says_nothing_that_people_must_answer_for() {
    let world = World::of(&[LY, XZ]).await;
    for kind in kinds(|kind| !kind.is_document() && !kind.is_of_the_system()) {
        let Paper(draft) = by_the_program(Paper::of(kind, world.clock.now()));

        let refused = world.desk(LY).send(draft).await.unwrap_err();

        assert_eq!(reason(&refused), "LD402_ROLE_FORBIDDEN", "{kind}");
    }
    assert!(world.desk(LY).list(true).await.unwrap().is_empty());
    world.end().await;
}
