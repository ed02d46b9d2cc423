//! Evidence: what was said to whom and when is proved to anybody who has the region's root, and history that is changed,
//! cut or shown in two versions is seen.

use std::collections::BTreeMap;
use std::time::Duration;

use agent::evidence::file::{self, MAGIC};
use agent::evidence::verify::{Sort, Verdict, verify};
use bytes::Bytes;
use journal::Journal as _;
use model::ids::MessageId;
use model::merkle;
use model::stage::Stage as Proved;
use prost::Message as _;
use proto::v1::audit_client::AuditClient;
use proto::v1::evidence_part::Part;
use proto::v1::{self, Stage};
use proto::{border, record};
use store::tasks::Tasks;

use crate::world::bare::reason;
use crate::world::dice::Dice;
use crate::world::drafts::{bulletin, officer};
use crate::world::live::{World, until, within};
use crate::world::region::{LY, LYG, XZ};

const BROKER: &str = "broker";

fn bytes_of(id: MessageId) -> Bytes {
    Bytes::copy_from_slice(&id.0)
}

/// A bulletin of 临沂 that 徐州 has opened and acknowledged, within minutes.
async fn acknowledged(world: &World) -> MessageId {
    let id = world.agent(LY).send(bulletin(&[XZ, LYG], v1::Precedence::Priority, "沂河水位上涨")).await;
    world.agent(LY).stage(id, XZ, Stage::Delivered).await;
    world.agent(LY).stage(id, LYG, Stage::Delivered).await;
    world.clock.advance(Duration::from_mins(3));
    world.desk(XZ).open(&bytes_of(id), officer()).await.unwrap();
    world.agent(LY).stage(id, XZ, Stage::Opened).await;
    world.clock.advance(Duration::from_mins(1));
    world.desk(XZ).acknowledge(&bytes_of(id), officer()).await.unwrap();
    world.agent(LY).stage(id, XZ, Stage::Acknowledged).await;
    id
}

async fn exchange(world: &World, city: &str) {
    let tasks = Tasks::new();
    world.agent(city).inside().exchange_heads(&tasks).await.unwrap();
}

/// The evidence that a desk writes, after every desk has seen the newest heads.
async fn exported(world: &World, city: &str, id: MessageId) -> Bytes {
    let tasks = Tasks::new();
    world.relay().sign_head(&tasks).await.unwrap();
    for each in [XZ, LYG, LY] {
        exchange(world, each).await;
    }
    world.agent(city).inside().export_evidence(id, &tasks).await.unwrap()
}

fn root(world: &World) -> String {
    world.agent(LY).inside().tls.trusted().bytes.root.clone()
}

fn sorts(verdict: &Verdict) -> Vec<Sort> {
    verdict.faults.iter().map(|fault| fault.sort).collect()
}

/// S1, the last line: accepted, delivered, opened (who), acknowledged (who), each before its due time.
#[tokio::test(flavor = "multi_thread")]
async fn the_way_of_a_message_is_proved_stage_by_stage_to_whoever_has_the_root() {
    let world = World::of(&[LY, XZ, LYG]).await;
    let id = acknowledged(&world).await;

    for city in [LY, XZ] {
        let file = exported(&world, city, id).await;
        let verdict = verify(&file, Some(&root(&world)));

        assert_eq!(verdict.faults, [], "by {city}");
        let about = verdict.message.as_ref().unwrap();
        assert_eq!(about.read.header.message_id, id);
        assert!(about.trees.iter().any(|(tree, _)| tree == BROKER), "{city}: {:?}", about.trees);
        let at_xz: Vec<_> = verdict.steps.iter().filter(|step| step.statement.recipient == XZ).collect();
        let stages: Vec<Proved> = at_xz.iter().map(|step| step.stage).collect();
        assert_eq!(stages, [Proved::Delivered, Proved::Opened, Proved::Acknowledged], "by {city}");
        for step in &verdict.steps {
            assert!(step.due.is_some() && !step.is_late(), "{city}: {step:?}");
        }
        for step in at_xz.iter().filter(|step| step.stage != Proved::Delivered) {
            assert_eq!(step.statement.officer.as_ref().unwrap().name, officer().name);
        }
        let accepted = verdict.steps.iter().find(|step| step.stage == Proved::Accepted).unwrap();
        assert!(accepted.trees.iter().any(|(tree, _)| tree == BROKER), "{city}: {:?}", accepted.trees);
        let brokers = verdict.trees.iter().find(|tree| tree.owner == BROKER).unwrap();
        let witnesses: Vec<&str> = brokers.witnesses.iter().map(String::as_str).collect();
        assert_eq!(witnesses, [XZ, LYG, LY], "by {city}: every desk has countersigned");
        let own = verdict.trees.iter().find(|tree| tree.owner == city).unwrap();
        assert!(own.witnesses.contains(BROKER), "{city}: {own:?}");
    }
    world.end().await;
}

/// What a record of a message holds of others stays out, and so does everybody who has no part in it.
#[tokio::test(flavor = "multi_thread")]
async fn nothing_of_another_message_gets_into_the_file() {
    let world = World::of(&[LY, XZ, LYG]).await;
    let id = acknowledged(&world).await;
    world.agent(LYG).line.cut();
    world.agent(LYG).unlinked().await;
    let secret = "只给连云港";
    let others: Vec<_> = [secret, secret, secret].into_iter().collect();
    for text in others {
        world.agent(LY).send(bulletin(&[LYG], v1::Precedence::Routine, text)).await;
    }
    world.agent(LYG).mend().await;
    world.agent(LYG).has_received(4).await;

    for city in [LY, XZ] {
        let file = exported(&world, city, id).await;
        let found = file.windows(secret.len()).any(|window| window == secret.as_bytes());
        assert!(!found, "by {city}");
    }
    let tasks = Tasks::new();
    let unknown = MessageId([7; 16]);
    assert!(world.agent(XZ).inside().export_evidence(unknown, &tasks).await.is_err());
    world.end().await;
}

/// Changes of a file, each with what it must be called.
struct Mutations {
    parts: Vec<Bytes>,
    dice: Dice,
}

impl Mutations {
    fn of(file: &Bytes, dice: Dice) -> Self {
        let (mut rest, mut parts) = (file.slice(MAGIC.len()..), Vec::new());
        while !rest.is_empty() {
            let length = prost::decode_length_delimiter(&mut rest).unwrap();
            parts.push(rest.split_to(length));
        }
        Self { parts, dice }
    }

    fn pick(&mut self, below: usize) -> usize {
        usize::try_from(self.dice.below(below as u64)).unwrap()
    }

    /// One byte of one part is another.
    fn edited(&mut self) -> Vec<Bytes> {
        let mut parts = self.parts.clone();
        let part = self.pick(parts.len());
        let mut bytes = parts[part].to_vec();
        let at = self.pick(bytes.len());
        bytes[at] ^= 1 << self.pick(8);
        parts[part] = bytes.into();
        parts
    }

    fn deleted(&mut self) -> Vec<Bytes> {
        let mut parts = self.parts.clone();
        let part = 1 + self.pick(parts.len() - 2);
        parts.remove(part);
        parts
    }

    fn added(&mut self) -> Vec<Bytes> {
        let mut parts = self.parts.clone();
        let (from, to) = (self.pick(parts.len()), 1 + self.pick(parts.len()));
        parts.insert(to, parts[from].clone());
        parts
    }

    fn reordered(&mut self) -> Vec<Bytes> {
        let mut parts = self.parts.clone();
        let one = 1 + self.pick(parts.len() - 1);
        let other = 1 + (one + self.pick(parts.len() - 2)) % (parts.len() - 1);
        parts.swap(one, other);
        parts
    }

    /// The file ends anywhere behind its first line.
    fn truncated(&mut self) -> Bytes {
        let whole = file::encode(&self.parts);
        let at = MAGIC.len() + self.pick(whole.len() - MAGIC.len());
        whole.slice(..at)
    }
}

/// F31: evidence that was edited, deleted, truncated, reordered: a thousand times and more, each seen and called by its name.
#[tokio::test(flavor = "multi_thread")]
async fn of_a_thousand_changes_to_a_file_of_evidence_none_goes_unseen_and_each_is_called_by_its_name() {
    let mut world = World::of(&[LY, XZ, LYG]).await;
    let id = acknowledged(&world).await;
    let file = exported(&world, LY, id).await;
    let pinned = root(&world);
    let dice = std::mem::replace(&mut world.dice, Dice::of(0));
    let mut mutations = Mutations::of(&file, dice);
    assert_eq!(verify(&file, Some(&pinned)).faults, []);
    let mut seen: BTreeMap<Sort, usize> = BTreeMap::new();
    let mut judge = |what: &str, changed: Bytes, named: &dyn Fn(&[Sort]) -> bool| {
        let verdict = verify(&changed, Some(&pinned));
        let sorts = sorts(&verdict);
        assert!(named(&sorts), "{what}: {:?}", verdict.faults);
        *seen.entry(verdict.first().unwrap().sort).or_default() += 1;
    };
    for _ in 0..210 {
        judge("edited", file::encode(&mutations.edited()), &|sorts| !sorts.is_empty());
        judge("deleted", file::encode(&mutations.deleted()), &|sorts| {
            sorts.contains(&Sort::Deleted) || sorts.contains(&Sort::NoTrust)
        });
        judge("added", file::encode(&mutations.added()), &|sorts| sorts.contains(&Sort::Added));
        let (whole, reordered) = (mutations.parts.clone(), mutations.reordered());
        if reordered != whole {
            judge("reordered", file::encode(&reordered), &|sorts| sorts.contains(&Sort::Reordered));
        }
        judge("truncated", mutations.truncated(), &|sorts| {
            [Sort::Truncated, Sort::NoTrust, Sort::NoSummary].iter().any(|sort| sorts.contains(sort))
        });
    }
    println!("mutations by first fault: {seen:?}");
    assert!(seen.values().sum::<usize>() >= 1_000, "{seen:?}");
    world.end().await;
}

/// F31, forked: who owns a desk's key and rewrites its history cannot make witnesses agree.
#[tokio::test(flavor = "multi_thread")]
async fn whoever_rewrites_his_own_history_and_signs_it_anew_is_caught_by_the_brokers_countersignature() {
    let world = World::of(&[LY, XZ, LYG]).await;
    let id = acknowledged(&world).await;
    let file = exported(&world, LY, id).await;
    let pinned = root(&world);
    let (parts, _) = file::decode(&file);
    let inside = world.agent(LY).inside();

    // the head of our tree says another root, under our own good seal
    let forged: Vec<Part> = parts
        .into_iter()
        .skip(1)
        .filter_map(|placed| placed.part)
        .map(|part| match part {
            Part::Head(head) if head.owner == LY && head.witness.is_empty() => {
                let mut other = border::head::parse(head).unwrap().head;
                other.root = merkle::leaf(b"another history");
                Part::Head(inside.signer.head(&other, None))
            }
            other => other,
        })
        .collect();
    let parts: Vec<Bytes> = forged.into_iter().map(file::part).collect();
    let summary = v1::EvidenceSummary {
        parts: parts.iter().map(|part| Bytes::copy_from_slice(&model::ids::Digest::of(part).0)).collect(),
        ..verify(&file, Some(&pinned)).summary.unwrap()
    };
    let summary: Bytes = summary.encode_to_vec().into();
    let seal = Some(inside.signer.evidence(&summary));
    let first = file::part(Part::Summary(v1::SealedSummary { summary, seal }));
    let whole: Vec<Bytes> = std::iter::once(first).chain(parts).collect();

    let verdict = verify(&file::encode(&whole), Some(&pinned));
    assert!(sorts(&verdict).iter().any(|sort| [Sort::Forked, Sort::NotInTree].contains(sort)), "{:?}", verdict.faults);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn evidence_stands_on_the_root_that_was_named_and_on_no_other() {
    let world = World::of(&[LY, XZ, LYG]).await;
    let id = acknowledged(&world).await;
    let file = exported(&world, LY, id).await;
    let elsewhere = World::of(&[LY, XZ]).await;

    assert_eq!(sorts(&verify(&file, Some(&root(&elsewhere)))), [Sort::OtherRoot]);
    let by_itself = verify(&file, None);
    assert!(by_itself.holds() && !by_itself.root_given && by_itself.root.is_some());
    assert_eq!(sorts(&verify(&Bytes::from_static(b"nothing"), None))[0], Sort::NoEvidence);
    elsewhere.end().await;
    world.end().await;
}

/// S7 j: somebody with the broker's key and disk writes history anew. Every desk sees it at the next head; nobody
/// countersigns it, and it is told once.
#[tokio::test(flavor = "multi_thread")]
async fn a_broker_that_shows_another_history_is_found_out_by_every_desk_and_after_its_restart_too() {
    let mut world = World::of(&[LY, XZ, LYG]).await;
    acknowledged(&world).await;
    let before = world.copy_of(BROKER);
    let copied = world.relay().engine.journal().committed().0;
    // a head that the broker signed by itself before the copy would be part of both histories: there must be a later one
    acknowledged(&world).await;
    let tasks = Tasks::new();
    world.relay().sign_head(&tasks).await.unwrap();
    let mut size = 0;
    for city in [LY, XZ] {
        exchange(&world, city).await;
        assert_eq!(world.agent(city).inside().diverged(), [], "{city}");
        let known = world.agent(city).inside().trees().unwrap();
        let seen = known.iter().find(|tree| tree.owner == BROKER).unwrap().head.clone().unwrap().size;
        assert!(seen > copied, "{city} has seen what the copy does not hold: {seen} of {copied}");
        size = size.max(seen);
    }

    // the state of before is put back and goes on with other records: the same sizes, other roots
    world.stop_broker().await;
    world.put_back(BROKER, before.path());
    world.clock.advance(Duration::from_mins(1));
    world.start_broker().await;
    for city in [LY, XZ, LYG] {
        world.agent(city).linked_at_once().await;
    }
    let mut round = 0;
    while world.relay().engine.journal().committed().0 <= size {
        round += 1;
        let to = if round % 2 == 0 { XZ } else { LYG };
        let id = world.agent(LY).send(bulletin(&[to], v1::Precedence::Routine, "其后")).await;
        world.agent(LY).stage(id, to, Stage::Delivered).await;
    }
    world.relay().sign_head(&tasks).await.unwrap();

    for city in [LY, XZ] {
        let diverged = async || {
            exchange(&world, city).await;
            world.agent(city).inside().diverged()
        };
        let told = diverged().await;
        assert_eq!(told.iter().map(|tree| tree.owner.as_str()).collect::<Vec<_>>(), [BROKER], "{city}");
        let tasks = world.desk(city).tasks().await.unwrap();
        let alarms: Vec<_> = tasks.iter().filter(|task| task.kind == "AUDIT_DIVERGENCE").collect();
        assert!(!alarms.is_empty(), "{city}: {tasks:?}");
        let times = told[0].divergences;
        assert_eq!(diverged().await[0].divergences, times, "{city}: told once");
        let link = world.desk(city).link().await.unwrap();
        assert_eq!(link.diverged.len(), 1, "{city}: in the status");
    }
    // LYG had seen nothing of the other history, and learns of it from those who had
    exchange(&world, LYG).await;
    world.agent_mut(XZ).stop().await;
    world.start_agent(XZ).await;
    assert_eq!(world.agent(XZ).inside().diverged().len(), 1, "after a restart");
    world.end().await;
}

/// The broker, in its turn, is the witness of every desk.
#[tokio::test(flavor = "multi_thread")]
async fn a_desk_that_was_put_back_from_a_copy_and_went_another_way_is_seen_by_the_broker() {
    let mut world = World::of(&[LY, XZ, LYG]).await;
    acknowledged(&world).await;
    let before = world.copy_of(LY);
    for _ in 0..3 {
        let id = world.agent(LY).send(bulletin(&[XZ], v1::Precedence::Routine, "此后丢失")).await;
        world.agent(LY).stage(id, XZ, Stage::Delivered).await;
    }
    exchange(&world, LY).await;
    let ly = LY.parse().unwrap();
    let known = world.relay().witnessed(&ly).unwrap().unwrap();
    assert_eq!(known.divergences, 0);

    world.agent_mut(LY).stop().await;
    world.put_back(LY, before.path());
    world.clock.advance(Duration::from_mins(1));
    world.start_agent(LY).await;
    world.agent(LY).linked_at_once().await;
    within("the broker sees it", async {
        loop {
            Box::pin(exchange(&world, LY)).await;
            if world.relay().witnessed(&ly).unwrap().unwrap().divergences > 0 {
                break;
            }
            let id = world.agent(LY).send(bulletin(&[XZ], v1::Precedence::Routine, "另一段历史")).await;
            world.agent(LY).stage(id, XZ, Stage::Delivered).await;
        }
    })
    .await;
    world.end().await;
}

/// R11: heads join across restarts and kills, never shrink, and every accepted message is a leaf under them.
#[tokio::test(flavor = "multi_thread")]
async fn heads_join_across_stops_and_kills_and_every_accepted_message_lies_under_them() {
    let mut world = World::of(&[LY, XZ]).await;
    let tasks = Tasks::new();
    let mut ids = Vec::new();
    for round in 0..4 {
        let id = world.agent(LY).send(bulletin(&[XZ], v1::Precedence::Priority, "水情")).await;
        world.agent(LY).stage(id, XZ, Stage::Delivered).await;
        ids.push(id);
        world.relay().sign_head(&tasks).await.unwrap();
        exchange(&world, LY).await;
        exchange(&world, XZ).await;
        if round % 2 == 0 {
            world.kill_broker().await;
        } else {
            world.stop_broker().await;
        }
        world.clock.advance(Duration::from_mins(1));
        world.start_broker().await;
        for city in [LY, XZ] {
            world.agent(city).linked_at_once().await;
        }
    }
    exchange(&world, LY).await;
    let heads = heads_in_journal(&world);
    assert!(heads.len() >= 8, "one a start and one a round: {}", heads.len());
    let journal = world.relay().engine.journal().clone();
    for pair in heads.windows(2) {
        let (old, new) = (&pair[0], &pair[1]);
        assert!(old.size < new.size, "never shrinks");
        assert_eq!(journal.root(new.size).unwrap(), new.root);
        let proof = journal.consistency(old.size, new.size).unwrap();
        assert!(merkle::joins((old.size, old.root), (new.size, new.root), &proof), "{} {}", old.size, new.size);
    }
    for id in ids {
        let file = world.agent(LY).inside().export_evidence(id, &tasks).await.unwrap();
        assert_eq!(verify(&file, Some(&root(&world))).faults, []);
    }
    assert_eq!(world.agent(LY).inside().diverged(), []);
    world.end().await;
}

/// The heads that the broker has signed, oldest first.
fn heads_in_journal(world: &World) -> Vec<model::head::Head> {
    let engine = &world.relay().engine;
    let all = (1..=engine.journal_end().0).map(|at| engine.record(model::position::Position(at)).unwrap());
    let heads = all.filter(|record| record.kind == record::kind::HEAD_SIGNED);
    heads
        .map(|found| border::head::parse(record::HeadSigned::decode(found.bytes).unwrap().head.unwrap()).unwrap().head)
        .collect()
}

/// Questions that nobody should ask, and answers that tell nothing.
#[tokio::test(flavor = "multi_thread")]
async fn audit_answers_what_concerns_the_caller_and_nothing_else() {
    let world = World::of(&[LY, XZ, LYG]).await;
    let id = world.agent(LY).send(bulletin(&[XZ], v1::Precedence::Routine, "只给徐州")).await;
    world.agent(LY).stage(id, XZ, Stage::Delivered).await;
    let position = world.relay().message_row(id).unwrap().unwrap().position;
    let (xz, lyg) = (world.bare(XZ), world.bare(LYG));
    let of = |bare: &crate::world::bare::Bare| AuditClient::new(bare.channel(world.broker_address()));
    let ask = |position, size| v1::InclusionRequest { position, size };

    let proved = of(&xz).inclusion(ask(position, 0)).await.unwrap().into_inner();
    let head = border::head::parse(proved.head.unwrap()).unwrap().head;
    let (kind, flags) = (u16::try_from(proved.kind).unwrap(), u8::try_from(proved.flags).unwrap());
    let leaf = merkle::leaf_of_parts(&[&kind.to_be_bytes(), &[flags], &proved.at.to_be_bytes(), &proved.record]);
    let path = border::head::hashes(&proved.path, "path").unwrap();
    assert_eq!(merkle::root_by_path(leaf, position - 1, head.size, &path), Some(head.root));

    let not_yours = reason(&of(&lyg).inclusion(ask(position, 0)).await.unwrap_err());
    let not_there = reason(&of(&lyg).inclusion(ask(u64::MAX, 0)).await.unwrap_err());
    assert_eq!(not_yours, not_there, "one answer");
    for (from_size, to_size) in [(5, 3), (u64::MAX, 0), (1, u64::MAX), (u64::MAX, u64::MAX)] {
        let refused = of(&xz).consistency(v1::ConsistencyRequest { from_size, to_size }).await.unwrap_err();
        assert_eq!(reason(&refused), not_there, "{from_size} {to_size}");
    }

    // another's head, a head under a seal that is none, and a head of the broker that never was
    let own = world.agent(XZ).inside().witness.own().unwrap();
    let shown = |own| v1::HeadRequest { own: Some(own), ..v1::HeadRequest::default() };
    assert_eq!(reason(&of(&lyg).head(shown(own.clone())).await.unwrap_err()), "LD102_SENDER_MISMATCH");
    let mut unsealed = own.clone();
    unsealed.size += 1;
    assert_eq!(reason(&of(&xz).head(shown(unsealed)).await.unwrap_err()), "LD205_BAD_SEAL");
    let mut never = head.clone();
    never.root = merkle::leaf(b"never");
    let signer = &world.agent(XZ).inside().signer;
    let countersigned = Some(signer.head(&never, Some(&XZ.parse().unwrap())));
    of(&xz).head(v1::HeadRequest { countersigned: countersigned.clone(), ..v1::HeadRequest::default() }).await.unwrap();
    let passed_on = of(&lyg).head(v1::HeadRequest::default()).await.unwrap().into_inner().witnessed;
    assert!(passed_on.iter().all(|head| Some(head) != countersigned.as_ref()), "it is no head of the broker's");
    exchange(&world, XZ).await;
    let newest = of(&xz).head(v1::HeadRequest::default()).await.unwrap().into_inner();
    assert!(newest.head.is_some() && newest.known_size > 0, "{newest:?}");
    world.end().await;
}

/// A state directory that lives, and one in which somebody has changed a record.
#[tokio::test(flavor = "multi_thread")]
async fn a_whole_journal_is_looked_through_while_its_program_runs_and_a_changed_record_is_named() {
    let mut world = World::of(&[LY, XZ]).await;
    let id = world.agent(LY).send(bulletin(&[XZ], v1::Precedence::Routine, "水位 4.2 米")).await;
    world.agent(LY).stage(id, XZ, Stage::Delivered).await;
    let tasks = Tasks::new();
    world.relay().sign_head(&tasks).await.unwrap();
    let position = world.relay().message_row(id).unwrap().unwrap().position;
    let state = world.region.broker_state();
    let look = || journal::inspect::inspect(&state.join("journal"), |_, _, _| {}).unwrap();

    assert_eq!(look().flaws, [], "living");
    world.stop_broker().await;
    assert_eq!(look().flaws, [], "stopped");
    world.damage_journal("水位 4.2 米");
    let flaws = look().flaws;
    assert!(flaws.iter().any(|flaw| (flaw.first.0..=flaw.last.0).contains(&position)), "{flaws:?}");
    world.start_broker().await;
    until(world.relay().engine.folded(), "the broker works", || Some(())).await;
    world.end().await;
}
