//! What the broker never takes: each refusal names its field, nothing of it is stored, and it can be found afterwards.

use std::time::Duration;

use bytes::Bytes;
use prost::Message as _;
use proto::v1;
use sha2::{Digest as _, Sha256};

use crate::world::bare::{Bare, header_of};
use crate::world::clock::HandClock;
use crate::world::drafts::{bulletin, circle, following, jurisdiction, lawful, polygon};
use crate::world::live::{MORNING, World};
use crate::world::region::{LY, Lands, RZ, XZ};

const PRIORITY: v1::Precedence = v1::Precedence::Priority;

/// A broker with three members, and LY at its door.
struct Door {
    world: World,
    ly: Bare,
}

impl Door {
    async fn open() -> Self {
        let world = World::without_agents(&[LY, XZ, RZ], Lands::Known).await;
        let ly = world.bare(LY);
        Self { world, ly }
    }

    /// LY is refused for this reason at this field; nothing is stored, and the refusal is in the journal.
    async fn refuses(&self, envelope: v1::Envelope, reason: &str, field: &str) {
        self.refuses_from(&self.ly, envelope, reason, field).await;
    }

    async fn refuses_from(&self, from: &Bare, envelope: v1::Envelope, reason: &str, field: &str) {
        let (stored, hash) = (self.world.accepted_count(), Sha256::digest(&envelope.content).to_vec());

        let said = from.refused(self.world.broker_address(), envelope).await;

        assert_eq!((&*said.0, &*said.1), (reason, field));
        assert_eq!(self.world.accepted_count(), stored, "nothing is stored");
        let kept = self.world.refusals().pop().expect("a record of the refusal");
        assert_eq!((&*kept.reason, &*kept.source), (reason, &*from.city));
        assert!(kept.rule.starts_with(field), "{}", kept.rule);
        assert_eq!(kept.content_hash.as_ref(), hash);
    }

    /// A report of LY's with one thing changed is refused.
    async fn refuses_report(&self, reason: &str, field: &str, change: impl FnOnce(&mut v1::Header)) {
        let mut header = lawful(v1::Kind::IncidentReport, &[XZ]);
        change(&mut header);
        self.refuses(self.ly.of_kind(header), reason, field).await;
    }

    async fn takes(&self, envelope: &v1::Envelope) -> v1::ReceiptStatement {
        self.ly.submit(self.world.broker_address(), envelope.clone()).await.unwrap()
    }

    async fn end(self) {
        drop(self.ly);
        self.world.end().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_speaks_in_anothers_name_is_refused_and_both_are_named() {
    let door = Door::open().await;
    let rz = door.world.bare(RZ);
    let old = door.ly.envelope(bulletin(&[XZ], PRIORITY, "旧消息"));
    door.takes(&old).await;

    let mut forged = rz.content(bulletin(&[XZ], PRIORITY, "冒名"));
    forged.header.as_mut().unwrap().sender.as_mut().unwrap().jurisdiction = LY.into();
    let own_seal = rz.seal(&forged);
    let stolen_seal = v1::Envelope { seal: old.seal.clone(), ..own_seal.clone() };

    for envelope in [own_seal, stolen_seal, old] {
        door.refuses_from(&rz, envelope, "LD102_SENDER_MISMATCH", "header.sender.jurisdiction").await;
        let kept = door.world.refusals().pop().unwrap();
        assert_eq!((&*kept.source, &*kept.claimed), (RZ, LY));
    }
    door.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_known_id_with_other_bytes_is_a_conflict_and_the_first_stays_in_force() {
    let door = Door::open().await;
    let content = door.ly.content(bulletin(&[XZ], PRIORITY, "原文"));
    let first = door.ly.seal(&content);
    let accepted = door.takes(&first).await;
    let body = bulletin(&[XZ], PRIORITY, "改过的").body;
    let other = door.ly.seal(&v1::Content { body, ..content });

    door.refuses(other, "LD303_CONFLICT_ID", "header.message_id").await;

    let kept = door.world.refusals().pop().unwrap();
    assert_eq!(kept.stored_hash.as_ref(), Sha256::digest(&first.content).to_vec());
    assert_eq!(door.takes(&first).await, accepted, "a repeat gets the receipt of the first");
    door.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_from_two_hours_ahead_is_refused_and_one_from_150_seconds_ahead_is_flagged() {
    let door = Door::open().await;
    let trust = door.world.region.trust.trust(LY);
    let ahead = |by| Bare::of(LY, &trust, &HandClock::at(MORNING.plus(by)).clock()).unwrap();
    let (far, near) = (ahead(Duration::from_hours(2)), ahead(Duration::from_secs(150)));
    // its clock was right when the session began
    let mut session = door.ly.session(door.world.broker_address()).await.unwrap();
    let draft = || bulletin(&[XZ], PRIORITY, "时钟偏差");

    let refused = session.submit(vec![far.envelope(draft())]).await.unwrap().refused;
    assert_eq!((&*refused[0].reason, &*refused[0].field), ("LD206_CLOCK_SKEW", "header.sent_at"));

    drop(session);
    let flagged = near.submit(door.world.broker_address(), near.envelope(draft())).await.unwrap();
    assert_eq!(flagged.stamp.unwrap().flags, [i32::from(v1::Flag::ClockSkew)]);
    let mut session = door.ly.session(door.world.broker_address()).await.unwrap();
    let answers = session.submit(vec![near.envelope(draft())]).await.unwrap();
    let statement = &answers.accepted.unwrap().statements[0];
    let flags = v1::ReceiptStatement::decode(statement.clone()).unwrap().stamp.unwrap().flags;
    assert_eq!(flags, [i32::from(v1::Flag::ClockSkew)], "also on a living session");
    drop(session);
    door.refuses_from(&far, far.envelope(draft()), "LD206_CLOCK_SKEW", "header.sent_at").await;
    door.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_asks_a_day_later_about_a_message_that_stands_is_told_what_was_answered() {
    let door = Door::open().await;
    let first = door.ly.envelope(bulletin(&[XZ], PRIORITY, "昨日的消息"));
    let answered = door.takes(&first).await;

    door.world.clock.advance(Duration::from_hours(25));

    assert_eq!(door.takes(&first).await, answered, "it is neither too old nor expired: it stands");
    door.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_too_large_is_refused_by_the_part_that_is() {
    let door = Door::open().await;
    let long = |chars: usize| "长".repeat(chars);
    let header = v1::Header { purpose: long(17 * 1024 / 3), ..lawful(v1::Kind::Bulletin, &[XZ]) };
    door.refuses(door.ly.of_kind(header), "LD105_TOO_LARGE", "header").await;

    let body = vec![b'x'; 960 * 1024 + 1];
    door.refuses(door.ly.with_body(lawful(v1::Kind::Bulletin, &[XZ]), &body), "LD105_TOO_LARGE", "content").await;

    let file = |at: usize| attachment(&format!("{at}.jpg"), v1::Placement::Blob, b"");
    let header = v1::Header { attachments: (0..33).map(file).collect(), ..lawful(v1::Kind::Bulletin, &[XZ]) };
    door.refuses(door.ly.of_kind(header), "LD105_TOO_LARGE", "header.attachments").await;

    let header = v1::Header { purpose: long(401), ..lawful(v1::Kind::Bulletin, &[XZ]) };
    door.refuses(door.ly.of_kind(header), "LD105_TOO_LARGE", "header.purpose").await;
    door.end().await;
}

fn attachment(name: &str, placement: v1::Placement, bytes: &[u8]) -> v1::Attachment {
    v1::Attachment {
        name: name.into(),
        mime: "image/jpeg".into(),
        bytes: bytes.len() as u64,
        sha256: Sha256::digest(bytes).to_vec().into(),
        placement: placement.into(),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_inline_file_with_another_digest_is_refused() {
    let door = Door::open().await;
    let mut draft = bulletin(&[XZ], PRIORITY, "附图");
    let listed = attachment("现场.jpg", v1::Placement::Inline, b"what was listed");
    draft.header.get_or_insert_default().attachments = vec![listed];
    draft.inline = vec![Bytes::from_static(b"what was sent")];

    door.refuses(door.ly.envelope(draft), "LD207_HASH_MISMATCH", "header.attachments[0].sha256").await;
    door.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn ground_that_is_none_is_refused() {
    let door = Door::open().await;
    let crossing = polygon(&[(34.4, 118.0), (34.6, 118.6), (34.4, 118.6), (34.6, 118.0), (34.4, 118.0)]);
    let mut swapped = circle(34.45, 90.0, 5_000);
    let Some(v1::address::To::Area(area)) = &mut swapped.to else { panic!("an area") };
    let Some(v1::area::Shape::Circle(round)) = &mut area.shape else { panic!("a circle") };
    round.center = Some(v1::Point { lat_e7: 1_183_500_000, lon_e7: 344_500_000 });
    let open = polygon(&[(34.4, 118.0), (34.6, 118.0), (34.6, 118.6), (34.4, 118.6)]);

    for (address, field) in [(crossing, "polygon"), (swapped, "lat"), (open, "polygon")] {
        let envelope = door.ly.of_kind(v1::Header { recipients: vec![address], ..lawful(v1::Kind::Bulletin, &[]) });
        let (reason, said) = door.ly.refused(door.world.broker_address(), envelope).await;
        assert_eq!(reason, "LD204_BAD_GEOMETRY");
        assert!(said.contains("recipients[0]") && said.contains(field), "{said}");
    }
    assert_eq!(door.world.refusals().len(), 3);
    door.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn level_and_sign_off_are_held_by_the_header_alone() {
    let door = Door::open().await;
    let grave = |header: &mut v1::Header| {
        header.event_level = v1::EventLevel::L3.into();
        header.precedence = PRIORITY.into();
    };

    door.refuses_report("LD403_SIGNOFF_MISSING", "header.signed_off_by", |header| {
        grave(header);
        header.signed_off_by = None;
    })
    .await;
    door.refuses_report("LD403_SIGNOFF_MISSING", "header.signed_off_by", |header| {
        grave(header);
        header.signed_off_by.as_mut().unwrap().name = "王明".into();
    })
    .await;
    door.refuses_report("LD209_PRECEDENCE_FLOOR", "header.precedence", |header| {
        grave(header);
        header.precedence = v1::Precedence::Routine.into();
    })
    .await;
    door.refuses_report("LD202_MISSING_FIELD", "header.incident_id", |header| header.incident_id.clear()).await;
    door.refuses_report("LD202_MISSING_FIELD", "header.recipients", |header| header.recipients.clear()).await;
    door.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_no_grant_covers_and_what_reaches_nobody_is_refused() {
    let door = Door::open().await;

    let request = v1::Header { agreement_id: "AG-9".into(), ..lawful(v1::Kind::ResourceRequest, &[XZ]) };
    door.refuses(door.ly.of_kind(request), "LD401_NO_AGREEMENT", "header.agreement_id").await;
    door.refuses_report("LD501_UNROUTABLE", "header.recipients[1].jurisdiction.id", |header| {
        header.recipients.push(jurisdiction("321300"));
    })
    .await;
    door.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_has_expired_before_it_came_is_refused() {
    let door = Door::open().await;
    let ends = Some(proto::border::time::to_wire(MORNING.plus(Duration::from_mins(5))));
    let late = door.ly.of_kind(v1::Header { expires_at: ends, ..lawful(v1::Kind::Bulletin, &[XZ]) });

    door.world.clock.advance(Duration::from_mins(6));

    door.refuses(late, "LD502_EXPIRED", "header.expires_at").await;
    door.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_altered_byte_or_a_forged_signature_breaks_the_seal() {
    let door = Door::open().await;
    let good = door.ly.envelope(bulletin(&[XZ], PRIORITY, "原文"));
    let mut content = good.content.to_vec();
    *content.last_mut().unwrap() ^= 1;
    let altered = v1::Envelope { content: content.into(), ..good.clone() };
    let mut seal = good.seal.clone().unwrap();
    seal.signature = vec![7; 64].into();
    let forged = v1::Envelope { seal: Some(seal), ..good.clone() };
    let strange = v1::Envelope { seal: None, ..good.clone() };

    door.refuses(altered, "LD205_BAD_SEAL", "seal").await;
    door.refuses(forged, "LD205_BAD_SEAL", "seal").await;
    door.refuses(strange, "LD205_BAD_SEAL", "seal").await;
    door.takes(&good).await;
    door.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn exercise_traffic_outside_a_live_drill_is_refused() {
    let door = Door::open().await;
    let drill = v1::DrillRef { drill_id: "371300-DR-2027-01".into(), control: 0 };
    let exercise = v1::Header {
        status: v1::Status::Exercise.into(),
        drill: Some(drill),
        ..lawful(v1::Kind::IncidentReport, &[XZ])
    };

    door.refuses(door.ly.of_kind(exercise), "LD307_DRILL_NOT_LIVE", "header.drill.drill_id").await;
    door.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_chain_is_its_authors_alone_and_no_revision_comes_twice() {
    let door = Door::open().await;
    let rz = door.world.bare(RZ);
    let alert = || lawful(v1::Kind::Alert, &[XZ]);
    let first = door.ly.of_kind(alert());
    door.takes(&first).await;

    let by_another = rz.of_kind(following(alert(), v1::Action::Update, &header_of(&first)));
    door.refuses_from(&rz, by_another, "LD305_NOT_AUTHOR", "header.preceding_message_id").await;

    let second = door.ly.of_kind(following(alert(), v1::Action::Update, &header_of(&first)));
    door.takes(&second).await;
    let again = door.ly.of_kind(following(alert(), v1::Action::Update, &header_of(&first)));
    door.refuses(again, "LD304_CONFLICT_REVISION", "header.revision").await;

    let ahead = v1::Header { revision: 7, ..following(alert(), v1::Action::Update, &header_of(&second)) };
    let flags = door.takes(&door.ly.of_kind(ahead)).await.stamp.unwrap().flags;
    assert_eq!(flags, [i32::from(v1::Flag::RevisionGap)], "a gap may be an overtaking: taken, and flagged");
    let unknown = door.ly.of_kind(alert());
    let orphan = door.ly.of_kind(following(alert(), v1::Action::Update, &header_of(&unknown)));
    assert_eq!(door.takes(&orphan).await.stamp.unwrap().flags, [i32::from(v1::Flag::Orphan)]);
    door.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_marked_as_a_state_secret_leaves_no_desk() {
    let mut world = World::without_agents(&[LY, XZ], Lands::Unknown).await;
    world.start_agent(LY).await;

    let refused = world.desk(LY).send(bulletin(&[XZ], PRIORITY, "绝密★启用前")).await.unwrap_err();

    assert_eq!(crate::world::bare::reason(&refused), "LD404_CONFIDENTIALITY");
    assert!(world.desk(LY).list(true).await.unwrap().is_empty(), "not even queued");
    assert_eq!(world.accepted_count(), 0);
    world.end().await;
}
