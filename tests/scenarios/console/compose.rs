//! Writing in the browser: what is typed stays, what leaves is what the other side sees, and red messages leave by two hands.

use agent::console::accounts::Accounts;
use agent::console::post::Post;
use model::ids::MessageId;
use model::role::Role;
use proto::v1;

use super::browser::{Answer, Browser, PASSWORD};
use super::{account, acts, desks, told};
use crate::world::drafts::INCIDENT;
use crate::world::live::World;
use crate::world::region::{LY, XZ};

/// A bulletin of XZ to LY, field by field.
const BULLETIN: &[(&str, &str)] = &[
    ("to-shown", "1"),
    ("to", LY),
    ("header.incident_id", INCIDENT),
    ("header.event_level", "L0"),
    ("header.category", "ACCIDENT"),
    ("body.headline", "G30 槽车侧翻"),
    ("body.subtype", "NOTICE"),
    ("body.body", "请沿线单位注意。"),
    ("body.valid_until", "2100-01-01T08:00"),
];

/// Begins a draft; where it is.
async fn begun(browser: &mut Browser, what: &[(&str, &str)]) -> String {
    let answer = browser.act("/compose", what).await;
    assert_eq!(answer.code, 303, "{}", answer.body);
    answer.location()
}

/// The fields of a form with some of them said otherwise.
fn with<'a>(form: &[(&'a str, &'a str)], other: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    let kept = form.iter().filter(|(name, _)| other.iter().all(|(own, _)| own != name));
    kept.chain(other).copied().collect()
}

/// The message that an answer leads to the trace of.
fn sent(answer: &Answer) -> MessageId {
    let to = answer.location();
    let id = to.strip_prefix("/m/").and_then(|rest| rest.strip_suffix("/trace"));
    id.unwrap_or_else(|| panic!("{} {to}: {}", answer.code, answer.body)).parse().unwrap()
}

async fn officer(world: &World, city: &str) -> Browser {
    let mut browser = Browser::at(world, city);
    browser.sign_in("officer", "DUTY_OFFICER").await;
    browser
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_typed_is_kept_and_what_is_wrong_is_named_where_it_stands() {
    let world = desks().await;
    let mut xz = officer(&world, XZ).await;
    let draft = begun(&mut xz, &[("begin", "bulletin")]).await;

    let typed = with(BULLETIN, &[("body.valid_until", "明天中午"), ("body.headline", ""), ("review", "1")]);
    let back = xz.act(&draft, &typed).await;

    assert_eq!((back.code, back.location()), (303, format!("{draft}#faults")));
    let page = xz.get(&draft).await.body;
    for text in ["明天中午", "请沿线单位注意", "href=\"#f-body-headline\"", "href=\"#f-body-valid_until\"", "这里必填"]
    {
        assert!(page.contains(text), "{text}: {page}");
    }
    // another session of the same officer finds it
    let kept = xz.act(&format!("{draft}/keep"), &[("body.headline", "G30 槽")]).await;
    assert_eq!(kept.code, 200);
    assert!(officer(&world, XZ).await.get("/compose").await.body.contains("G30 槽"));
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_is_reviewed_leaves_once_and_is_what_was_shown() {
    let world = desks().await;
    let mut xz = officer(&world, XZ).await;
    let draft = begun(&mut xz, &[("begin", "bulletin")]).await;
    let to_review = xz.act(&draft, &with(BULLETIN, &[("review", "1")])).await;
    assert_eq!(to_review.location(), format!("{draft}/review"));
    let review = xz.get(&format!("{draft}/review")).await.body;
    for text in ["临沂", "G30 槽车侧翻", "信息通报", "李敏"] {
        assert!(review.contains(text), "{text}: {review}");
    }

    let answer = xz.act(&format!("{draft}/send"), &[]).await;

    let id = sent(&answer);
    world.agent(LY).until("it came", |desk| desk.summary(id).ok()).await;
    let header = world.agent(LY).inside().summary(id).unwrap().header.unwrap();
    let prepared = header.prepared_by.unwrap();
    assert_eq!((prepared.name.as_str(), prepared.role()), ("李敏", v1::Role::DutyOfficer));
    assert_eq!(xz.get(&draft).await.code, 404, "the draft is gone");
    assert_eq!(xz.act(&format!("{draft}/send"), &[]).await.code, 404, "and leaves once");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flash_leaves_when_each_point_is_checked() {
    let world = desks().await;
    let mut xz = officer(&world, XZ).await;
    let draft = begun(&mut xz, &[("begin", "bulletin")]).await;
    xz.act(&draft, &with(BULLETIN, &[("header.precedence", "FLASH"), ("review", "1")])).await;
    let all = ["place", "time", "effect", "figures", "files"].map(|name| ("check", name));

    let refused = xz.act(&format!("{draft}/send"), &all[..4]).await;
    assert_eq!(refused.code, 422);
    assert!(refused.body.contains("逐项核对并勾选"), "{}", refused.body);
    let id = sent(&xz.act(&format!("{draft}/send"), &all).await);

    assert_eq!(world.agent(XZ).inside().summary(id).unwrap().header.unwrap().precedence(), v1::Precedence::Flash);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_second_person_must_sign_off_waits_for_one_at_this_screen_or_their_own() {
    let world = desks().await;
    let leader = [Post::Desk(Role::ShiftLeader)];
    Accounts::of(&world.state(XZ)).add(account("leader", "赵强", &leader)).unwrap();
    let mut xz = officer(&world, XZ).await;
    let grave = with(BULLETIN, &[("header.event_level", "L2"), ("review", "1")]);

    // at this screen
    let draft = begun(&mut xz, &[("begin", "bulletin")]).await;
    assert_eq!(xz.act(&draft, &grave).await.location(), format!("{draft}/review"));
    let send = format!("{draft}/send");
    assert_eq!(xz.act(&send, &[]).await.code, 422, "nobody signed");
    let own = [("account", "officer"), ("password", PASSWORD), ("post", "SHIFT_LEADER")];
    let code = xz.second_factor("officer");
    assert_eq!(xz.act(&send, &with(&own, &[("code", &code)])).await.code, 422, "nobody signs for themselves");
    let code = xz.second_factor("leader");
    let second = [("account", "leader"), ("password", PASSWORD), ("post", "SHIFT_LEADER"), ("code", &code)];
    let id = sent(&xz.act(&send, &second).await);
    let signed = world.agent(XZ).inside().summary(id).unwrap().header.unwrap().signed_off_by.unwrap();
    assert_eq!((signed.name.as_str(), signed.role()), ("赵强", v1::Role::ShiftLeader));

    // in a session of their own
    let draft = begun(&mut xz, &[("begin", "bulletin")]).await;
    xz.act(&draft, &grave).await;
    xz.act(&format!("{draft}/send"), &[("ask", "1")]).await;
    world.clock.advance(std::time::Duration::from_mins(1));
    let mut leader = Browser::at(&world, XZ);
    let code = leader.second_factor("leader");
    leader.sign_in_with("leader", "SHIFT_LEADER", &code).await;
    assert!(leader.get("/compose").await.body.contains("待签发"));
    let review = leader.get(&format!("{draft}/review")).await;
    assert!(review.body.contains("李敏 拟稿，由你签发"), "{} {}: {}", review.code, review.location(), review.body);
    assert_eq!(leader.act(&draft, &grave).await.code, 403, "another's draft is not written in");
    let id = sent(&leader.act(&format!("{draft}/send"), &[]).await);
    let header = world.agent(XZ).inside().summary(id).unwrap().header.unwrap();
    assert_eq!((header.prepared_by.unwrap().name, header.signed_off_by.unwrap().name), ("李敏".into(), "赵强".into()));
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_offers_its_lawful_steps_alone_and_a_step_begins_with_what_is_known() {
    let world = desks().await;
    let id = told(&world, v1::Precedence::Routine, "值班安排").await;
    let mut ly = officer(&world, LY).await;
    ly.act(&format!("/m/{id}/open"), &[]).await;
    assert!(!ly.get(&format!("/m/{id}")).await.body.contains("name=\"step\""), "nothing answers a bulletin");
    let refused = ly.act("/compose", &[("about", &id.to_string()), ("step", "offer")]).await;
    assert_eq!(refused.code, 409, "{}", refused.body);
    let auditor = acts(&world);
    assert!(!auditor.contains(&"MESSAGE_SENT".to_owned()));
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_takes_a_draft_over_writes_it_in_their_own_name() {
    let world = desks().await;
    Accounts::of(&world.state(XZ)).add(account("second", "周涛", &[Post::Desk(Role::DutyOfficer)])).unwrap();
    let mut xz = officer(&world, XZ).await;
    let draft = begun(&mut xz, &[("begin", "bulletin")]).await;
    xz.act(&draft, BULLETIN).await;
    let mut other = Browser::at(&world, XZ);
    other.sign_in("second", "DUTY_OFFICER").await;
    assert!(other.get(&draft).await.body.contains("李敏 正在写这份草稿"));

    other.act(&draft, &[("take-over", "1")]).await;

    assert_eq!(xz.act(&format!("{draft}/keep"), BULLETIN).await.code, 403, "the first one writes no more");
    other.act(&draft, &[("review", "1")]).await;
    let id = sent(&other.act(&format!("{draft}/send"), &[]).await);
    let prepared = world.agent(XZ).inside().summary(id).unwrap().header.unwrap().prepared_by.unwrap();
    assert_eq!(prepared.name, "周涛");
    world.end().await;
}
