//! Honest traffic beside every attack that a member or a stranger can bring to the doors of a running region.

use std::time::Duration;

use super::*;
use crate::world::clock::HandClock;
use crate::world::honest::{Honest, Took, p99};
use crate::world::region::{JN, TA};

/// How long each attack goes on at least.
const ATTACKED: Duration = Duration::from_millis(1_200);
/// How long nothing happens before each.
const CALM: Duration = Duration::from_millis(600);
/// What the programs and the attackers of this test, one process, may grow by while they run.
const GROWTH_MAX: u64 = 128 << 20;
/// Below this nobody is judged by the ratio of two times on a machine that does other things: what a FLASH may take.
const NOTICED: Duration = Duration::from_secs(1);

/// A region under attack.
struct Field {
    world: World,
    ly: Bare,
    rz: Bare,
    stranger: Stranger,
    /// An envelope that LY sent before, and the content of one that RZ sent.
    old: v1::Envelope,
    known: v1::Content,
}

impl Field {
    async fn prepared() -> Self {
        let mut world = World::without_agents(&[LY, XZ, RZ, JN, TA], Lands::Unknown).await;
        world.region.publish_terms("per_second = 100", world.clock.now()).unwrap();
        world.relay().reload_trust().await;
        world.start_agent(XZ).await;
        world.agent(XZ).linked().await;
        let (ly, rz, stranger) = (world.bare(LY), world.bare(RZ), Stranger::beside(&world));
        let old = ly.envelope(bulletin(&[XZ], PRIORITY, "旧消息"));
        let known = rz.content(bulletin(&[XZ], PRIORITY, "原文"));
        ly.submit(world.broker_address(), old.clone()).await.unwrap();
        rz.submit(world.broker_address(), rz.seal(&known)).await.unwrap();
        Self { world, ly, rz, stranger, old, known }
    }

    async fn refused(&self, by: &Bare, envelope: v1::Envelope, reason: &str) {
        assert_eq!(by.refused(self.world.broker_address(), envelope).await.0, reason);
    }

    async fn another_name(&self) {
        self.refused(&self.rz, self.old.clone(), "LD102_SENDER_MISMATCH").await;
        let mut content = self.rz.content(bulletin(&[XZ], PRIORITY, "冒名"));
        content.header.as_mut().unwrap().sender.as_mut().unwrap().jurisdiction = LY.into();
        let seal = self.old.seal.clone();
        self.refused(&self.rz, v1::Envelope { seal, ..self.rz.seal(&content) }, "LD102_SENDER_MISMATCH").await;
    }

    async fn known_id(&self) {
        let body = bulletin(&[XZ], PRIORITY, "改过的").body;
        let other = self.rz.seal(&v1::Content { body, ..self.known.clone() });
        self.refused(&self.rz, other, "LD303_CONFLICT_ID").await;
    }

    async fn revoked_in_session(&self) {
        let (world, ly) = (&self.world, self.world.bare(LY));
        let mut session = ly.session(world.broker_address()).await.unwrap();
        world.region.revoke_leaf(LY, world.clock.now()).unwrap();
        world.relay().reload_trust().await;
        assert_eq!(session.ended().await, "LD103_CERT_REVOKED");
        world.region.issue_leaf(LY, world.clock.now()).unwrap();
    }

    async fn clock_ahead(&self) {
        let ahead = HandClock::at(self.world.clock.now().plus(Duration::from_hours(2)));
        let far = Bare::of(RZ, &self.world.region.trust.trust(RZ), &ahead.clock()).unwrap();
        self.refused(&self.rz, far.envelope(bulletin(&[XZ], PRIORITY, "时钟")), "LD206_CLOCK_SKEW").await;
    }

    async fn flood(&self) {
        let one = self.rz.seal(&self.known);
        let mut session = self.rz.session(self.world.broker_address()).await.unwrap();
        for _ in 0..100 {
            let answers = session.submit(vec![one.clone(); 100]).await.unwrap();
            assert!(answers.refused.iter().all(|refusal| refusal.reason == "LD104_RATE_LIMITED"));
        }
    }

    async fn too_large(&self) {
        let header = v1::Header { purpose: "长".repeat(6_000), ..lawful(v1::Kind::Bulletin, &[XZ]) };
        self.refused(&self.rz, self.rz.of_kind(header), "LD105_TOO_LARGE").await;
        let body = vec![b'x'; 960 * 1024 + 1];
        let large = self.rz.with_body(lawful(v1::Kind::Bulletin, &[XZ]), &body);
        self.refused(&self.rz, large, "LD105_TOO_LARGE").await;
    }

    async fn strangers(&self) {
        for shows in [Show::Nothing, Show::OtherRegion, Show::Server, Show::OldTls, Show::Expired, Show::OwnAuthority] {
            self.stranger.knock(&self.world, shows).await;
        }
    }

    async fn noise(&self) {
        let desk = self.world.region.agent(XZ).desk_socket.clone();
        let broker = self.world.broker();
        let words: Vec<u8> = (0..20_000_u32).map(|at| at.wrapping_mul(2_654_435_761).to_be_bytes()[0]).collect();
        for door in [self.world.broker_address(), broker.admin_address, broker.metrics_address] {
            shout(TcpStream::connect(door).await.unwrap(), &words).await;
        }
        shout(UnixStream::connect(&desk).await.unwrap(), &[PREFACE, &words].concat()).await;
        // after so much noise its address must wait a moment, whoever calls
        let port = self.world.broker_address().port();
        let inside = within("an address that was let in before waits for a second", async {
            loop {
                match certs::tls::connect(&self.ly_identity(), "127.0.0.1", port).await {
                    Ok((inside, _)) => break inside,
                    Err(_) => tokio::task::yield_now().await,
                }
            }
        });
        shout(inside.await, &[PREFACE, &words].concat()).await;
    }

    fn ly_identity(&self) -> certs::tls::Identity {
        certs::tls::Identity::load(&self.world.region.trust.trust(LY), self.world.clock.clock()).unwrap()
    }

    async fn steering_words(&self) {
        let (world, now) = (&self.world, self.world.clock.now());
        for title in ["\u{1b}[2J清屏", "绝密：方案"] {
            let draft = paper!(Bulletin, now, |body| title.clone_into(&mut body.headline)).0;
            world.desk(XZ).send(draft).await.unwrap_err();
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn honest_traffic_sees_nothing_of_any_attack() {
    let field = Field::prepared().await;
    let (honest, before) = (Honest::between(&field.world, JN, TA), resident());

    macro_rules! attack {
        ($($name:literal: $attack:ident,)*) => {$(
            honest.calm(CALM).await;
            honest.beside($name, ATTACKED, async || field.$attack().await).await;
        )*};
    }
    attack! {
        "another's name": another_name,
        "a known id with other bytes": known_id,
        "a leaf revoked within a session": revoked_in_session,
        "a clock two hours ahead": clock_ahead,
        "ten thousand duplicates": flood,
        "what is too large": too_large,
        "strangers": strangers,
        "noise": noise,
        "steering and secret words": steering_words,
    }

    let took = honest.end().await;
    let growth = resident().saturating_sub(before);
    say(&took, growth);
    let calm = p99(took["calm"].clone());
    for (beside, took) in took {
        assert!(p99(took.clone()) <= NOTICED.max(calm * 2), "{beside}: {:?} beside {calm:?}", p99(took));
    }
    assert!(growth < GROWTH_MAX, "{growth} bytes more");
    assert!(field.world.relay().engine.failed().is_none());
    assert_eq!(field.world.agent(XZ).has_received(2).await.len(), 2, "nothing that was refused is delivered");
    field.end().await;
}

impl Field {
    async fn end(self) {
        let Self { world, ly, rz, .. } = self;
        drop((ly, rz));
        world.end().await;
    }
}

fn say(took: &Took, growth: u64) {
    for (beside, took) in took {
        println!("p99 {:>7.1?} of {:>4} beside {beside}", p99(took.clone()), took.len());
    }
    println!("the process grew by {} KiB", growth / 1024);
}

/// What this process holds in memory, in bytes.
fn resident() -> u64 {
    let pages = std::fs::read_to_string("/proc/self/statm").unwrap();
    pages.split(' ').nth(1).unwrap().parse::<u64>().unwrap() * 4096
}
