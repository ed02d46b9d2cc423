//! The duty desk in a browser, asked as a browser asks: who may sign in and act, what every answer carries, what people see.

mod browser;
mod compose;
mod pages;
mod resources;

use std::time::Duration;

use agent::console::{
    accounts::{Account, Accounts, NewAccount},
    post::Post,
    totp,
};
use model::position::Position;
use model::role::Role;
use prost::Message as _;
use proto::{record, v1};

use self::browser::{Browser, PASSWORD};
use crate::world::drafts::bulletin;
use crate::world::live::World;
use crate::world::region::{LY, XZ};

/// A world in which both desks have a console, and 王磊 and 李敏 accounts at each.
async fn desks() -> World {
    let mut world = World::of(&[LY, XZ]).await;
    for city in [LY, XZ] {
        let accounts = Accounts::of(&world.state(city));
        let officer = &[Post::Desk(Role::DutyOfficer), Post::Desk(Role::ShiftLeader)];
        let person = if city == LY { "王磊" } else { "李敏" };
        accounts.add(account("officer", person, officer)).unwrap();
        accounts.add(account("auditor", "周岚", &[Post::Auditor])).unwrap();
        let change = |config: &mut agent::config::Config| {
            config.console.listen = Some(std::net::SocketAddr::from(([127, 0, 0, 1], 0)));
        };
        world.agent_mut(city).restart_with(change).await;
        world.agent(city).linked().await;
    }
    world
}

fn account(name: &str, person: &str, posts: &[Post]) -> Account {
    NewAccount { name, person, posts, password: PASSWORD }.made().unwrap()
}

/// XZ tells LY something, and it has come.
async fn told(world: &World, precedence: v1::Precedence, headline: &str) -> model::ids::MessageId {
    let sent = world.desk(XZ).send(bulletin(&[LY], precedence, headline)).await.unwrap();
    let id = model::ids::MessageId::try_from(sent.message_id.as_ref()).unwrap();
    world.agent(LY).until("it came", |desk| desk.summary(id).ok()).await;
    id
}

#[tokio::test(flavor = "multi_thread")]
async fn an_officer_opens_and_acknowledges_in_a_browser_and_the_sender_sees_who() {
    let world = desks().await;
    let id = told(&world, v1::Precedence::Flash, "槽车侧翻").await;
    let mut ly = Browser::at(&world, LY);
    assert_eq!(ly.get("/inbox").await.location(), "/login?to=%2Finbox");
    ly.sign_in("officer", "DUTY_OFFICER").await;

    let list = ly.get("/inbox").await;
    assert!(list.body.contains("槽车侧翻") && list.body.contains("打开即以王磊名义回执"), "{}", list.body);
    let closed = ly.get(&format!("/m/{id}")).await;
    assert!(closed.body.contains("打开后显示正文"));
    assert_eq!(ly.act(&format!("/m/{id}/open"), &[]).await.code, 303);
    assert!(ly.get(&format!("/m/{id}")).await.body.contains("签收 <kbd>A</kbd>"));
    assert_eq!(ly.act(&format!("/m/{id}/acknowledge"), &[]).await.code, 303);

    world.agent(XZ).stage(id, LY, v1::Stage::Acknowledged).await;
    let mut xz = Browser::at(&world, XZ);
    xz.sign_in("officer", "DUTY_OFFICER").await;
    let trace = xz.get(&format!("/m/{id}/trace")).await.body;
    for word in ["临沂", "ACKNOWLEDGED".to_lowercase().as_str(), "王磊", "印鉴有效"] {
        assert!(trace.to_lowercase().contains(word), "{word} in {trace}");
    }
    world.end().await;
}

/// A word of the body of a bulletin, as a page has it.
const BODY: &str = "&#34;bulletin&#34;";

#[tokio::test(flavor = "multi_thread")]
async fn whoever_looks_without_opening_reads_no_body_and_an_auditor_opens_nothing() {
    let world = desks().await;
    let id = told(&world, v1::Precedence::Routine, "值班安排").await;
    let mut auditor = Browser::at(&world, LY);
    let code = auditor.second_factor("auditor");
    auditor.sign_in_with("auditor", "AUDITOR", &code).await;

    let refused = auditor.act(&format!("/m/{id}/open"), &[]).await;

    assert_eq!(refused.code, 403);
    assert!(refused.body.contains("不能替值班席办理"), "{}", refused.body);
    let body_of = async |browser: &mut Browser| browser.get(&format!("/m/{id}/trace")).await.body;
    assert!(!body_of(&mut auditor).await.contains(BODY));
    let mut ly = Browser::at(&world, LY);
    ly.sign_in("officer", "DUTY_OFFICER").await;
    assert!(!body_of(&mut ly).await.contains(BODY), "nobody has opened it");
    assert!(!acts(&world).contains(&"BODY_VIEWED".to_owned()));
    ly.act(&format!("/m/{id}/open"), &[]).await;
    for _ in 0..2 {
        assert!(body_of(&mut ly).await.contains(BODY));
    }
    assert!(!body_of(&mut auditor).await.contains(BODY));
    let viewed = acts(&world).iter().filter(|what| *what == "BODY_VIEWED").count();
    assert_eq!(viewed, 1, "that the trace shows a body is written down, once a session");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_changes_something_needs_a_token_a_page_of_ours_and_a_session_that_acts() {
    let world = desks().await;
    let id = told(&world, v1::Precedence::Priority, "通报").await;
    let mut ly = Browser::at(&world, LY);
    ly.sign_in("officer", "DUTY_OFFICER").await;
    let acts = [
        format!("/m/{id}/open"),
        format!("/m/{id}/acknowledge"),
        format!("/m/{id}/will-answer"),
        "/inbox/acknowledge".to_owned(),
        "/compose".to_owned(),
        format!("/compose/{id}"),
        format!("/compose/{id}/keep"),
        format!("/compose/{id}/send"),
        "/incidents".to_owned(),
        "/duty/call".to_owned(),
        "/duty/waive".to_owned(),
        "/duty/tasks/00".to_owned(),
        "/meetings".to_owned(),
        "/meetings/371300-M-1/agenda".to_owned(),
        "/meetings/371300-M-1/agenda/head".to_owned(),
        "/neighbours/test".to_owned(),
        "/logout".to_owned(),
        "/resume".to_owned(),
    ];
    for path in &acts {
        assert_eq!(ly.post(path, &[("token", "0".repeat(32).as_str())], &[]).await.code, 403, "{path}: token");
        assert_eq!(ly.post(path, &[], &[]).await.code, 403, "{path}: no token");
        let token = ly.token().await;
        let elsewhere = ly.post(path, &[("token", &token)], &[("origin", "http://evil.example")]).await;
        assert_eq!(elsewhere.code, 403, "{path}: origin");
        let mut stranger = Browser::at(&world, LY);
        // a page that keeps by itself is followed by nobody
        let nobody = if path.ends_with("/keep") { 401 } else { 303 };
        assert_eq!(stranger.post(path, &[("token", &token)], &[]).await.code, nobody, "{path}: nobody");
    }
    world.clock.advance(Duration::from_mins(16));
    for path in acts.iter().take(16) {
        let idle = ly.act(path, &[("back", "/inbox")]).await;
        if path.ends_with("/keep") {
            assert_eq!(idle.code, 403, "{path}: idle");
            continue;
        }
        assert_eq!((idle.code, idle.location()), (303, "/resume?to=%2Finbox".to_owned()), "{path}: idle");
    }
    assert!(ly.get("/inbox").await.body.contains("画面继续更新和响铃"), "watching goes on");
    assert_eq!(world.agent(LY).inside().summary(id).unwrap().states[0].stage, i32::from(v1::Stage::Delivered));

    ly.act("/resume", &[("password", PASSWORD)]).await;
    assert_eq!(ly.act(&acts[0], &[]).await.code, 303);
    world.agent(XZ).stage(id, LY, v1::Stage::Opened).await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn five_failures_close_the_door_and_leaders_show_a_second_factor() {
    let world = desks().await;
    let mut ly = Browser::at(&world, LY);
    assert_eq!(ly.try_sign_in("officer", "SHIFT_LEADER", PASSWORD, "").await.code, 422, "no second factor");
    let code = ly.second_factor("officer");
    assert_eq!(ly.try_sign_in("officer", "SHIFT_LEADER", PASSWORD, &code).await.code, 303);
    assert_eq!(ly.try_sign_in("officer", "SHIFT_LEADER", PASSWORD, &code).await.code, 422, "a code is good once");
    assert_eq!(ly.try_sign_in("officer", "AUDITOR", PASSWORD, "").await.code, 422, "another's post");
    for _ in 0..3 {
        assert_eq!(ly.try_sign_in("officer", "DUTY_OFFICER", "wrong password", "").await.code, 422);
    }
    let kept_out = ly.try_sign_in("officer", "DUTY_OFFICER", PASSWORD, "").await;
    assert!(kept_out.code == 422 && kept_out.body.contains("15 分钟后再试"), "{}", kept_out.body);
    world.clock.advance(Duration::from_mins(15));
    assert_eq!(ly.try_sign_in("officer", "DUTY_OFFICER", PASSWORD, "").await.code, 303);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn strangers_who_guess_keep_out_neither_who_is_known_here_nor_who_sits_here() {
    let world = desks().await;
    let mut ly = Browser::at(&world, LY);
    ly.sign_in("officer", "DUTY_OFFICER").await;

    // many at once are no way around: five are judged
    let guesses = (0..12).map(|_| async {
        let guess = Browser::at(&world, LY).try_sign_in("officer", "DUTY_OFFICER", "wrong password", "").await;
        assert_eq!(guess.code, 422);
    });
    futures_util::future::join_all(guesses).await;
    let told = acts(&world);
    let count = |what: &str| told.iter().filter(|one| *one == what).count();
    assert_eq!((count("REFUSED"), count("LOCKED_OUT")), (4, 1), "{told:?}");
    let stranger = async || {
        let answer = Browser::at(&world, LY).try_sign_in("officer", "DUTY_OFFICER", PASSWORD, "").await;
        (answer.code, answer.body.contains("15 分钟后再试"))
    };
    assert_eq!(stranger().await, (422, true));

    // the officer goes on after a pause, and signs in anew at this browser
    world.clock.advance(Duration::from_mins(16));
    for _ in 0..5 {
        Browser::at(&world, LY).try_sign_in("officer", "DUTY_OFFICER", "wrong password", "").await;
    }
    assert_eq!(ly.act("/resume", &[("password", "wrong password")]).await.code, 422);
    assert_eq!(ly.act("/resume", &[("password", PASSWORD)]).await.code, 303);
    assert_eq!(acts(&world).last().unwrap(), "RESUMED");
    assert_eq!(ly.act("/logout", &[]).await.location(), "/login");
    ly.sign_in("officer", "DUTY_OFFICER").await;

    // an administrator lets everybody in again
    assert_eq!(stranger().await, (422, true));
    let now = world.clock.now().millis();
    Accounts::of(&world.state(LY)).change("officer", |account| account.unlocked_at = now).unwrap().unwrap();
    assert_eq!(stranger().await, (303, false));
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_in_which_somebody_guesses_acts_no_more_and_its_streams_say_when_it_ends() {
    let world = desks().await;
    let mut ly = Browser::at(&world, LY);
    ly.sign_in("officer", "DUTY_OFFICER").await;
    let mut alarms = ly.stream("/alarms", None).await;
    alarms.until("desk.state").await;
    world.clock.advance(Duration::from_mins(16));
    for _ in 0..5 {
        assert_eq!(ly.act("/resume", &[("password", "wrong password")]).await.code, 422);
    }
    let kept_out = ly.act("/resume", &[("password", PASSWORD)]).await;
    assert!(kept_out.code == 422 && kept_out.body.contains("15 分钟后再试"), "{}", kept_out.body);

    let mut again = Browser::at(&world, LY);
    again.sign_in("officer", "DUTY_OFFICER").await;
    ly.act("/logout", &[]).await;
    told(&world, v1::Precedence::Routine, "值班安排").await;
    alarms.until("session.ended").await;
    ly.stream("/alarms", None).await.until("session.ended").await;
    assert_eq!(ly.get("/events/inbox?tab=all").await.code, 401, "no page follows a stream to the signing in");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_answer_carries_the_headers_and_loads_nothing_from_elsewhere() {
    let world = desks().await;
    let id = told(&world, v1::Precedence::Flash, "通报").await;
    let mut ly = Browser::at(&world, LY);
    let places = |id| {
        [
            "/".to_owned(),
            "/login".to_owned(),
            "/inbox".to_owned(),
            "/inbox?tab=sent".to_owned(),
            format!("/inbox?m={id}"),
            format!("/m/{id}"),
            format!("/m/{id}/trace"),
            "/resume".to_owned(),
            "/compose".to_owned(),
            "/resources".to_owned(),
            "/incidents".to_owned(),
            "/duty".to_owned(),
            "/meetings".to_owned(),
            "/neighbours".to_owned(),
            "/nothing".to_owned(),
            "/assets/0/console.js".to_owned(),
        ]
    };
    for signed_in in [false, true] {
        if signed_in {
            ly.sign_in("officer", "DUTY_OFFICER").await;
        }
        for path in places(id) {
            let answer = ly.get(&path).await;
            for (name, part) in [
                ("content-security-policy", "default-src 'none'"),
                ("x-content-type-options", "nosniff"),
                ("referrer-policy", "no-referrer"),
                ("cross-origin-opener-policy", "same-origin"),
                ("cross-origin-resource-policy", "same-origin"),
                ("permissions-policy", "camera=()"),
                ("cache-control", "no-store"),
            ] {
                assert!(answer.header(name).contains(part), "{path}: {name}");
            }
            for outside in ["http://", "https://", "style=\"", "onclick", "<script>"] {
                assert!(!answer.body.contains(outside), "{path}: {outside}");
            }
        }
    }
    let page = ly.get("/inbox").await.body;
    for asset in page.split('"').filter(|text| text.starts_with("/assets/")) {
        let answer = ly.get(asset).await;
        assert_eq!(answer.code, 200, "{asset}");
        assert!(answer.header("cache-control").contains("immutable"));
        assert!(answer.header("content-security-policy").contains("default-src 'none'"));
    }
    assert_eq!(ly.asked("GET", "/inbox", "", &[("host", "evil.example")]).await.code, 403);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hostile_subject_stays_text() {
    let world = desks().await;
    let hostile = "<script>alert(1)</script>\u{202e}gnp.exe\" onmouseover=\"x";
    let id = told(&world, v1::Precedence::Flash, hostile).await;
    let mut ly = Browser::at(&world, LY);
    ly.sign_in("officer", "DUTY_OFFICER").await;
    ly.act(&format!("/m/{id}/open"), &[]).await;
    for path in ["/inbox".to_owned(), format!("/inbox?m={id}"), format!("/m/{id}/trace")] {
        let body = ly.get(&path).await.body;
        assert!(!body.contains("<script>") && !body.contains("\u{202e}"), "{path}");
        assert!(!body.contains("\" onmouseover"), "{path}");
        assert!(body.contains("⟨U+202E⟩"), "{path}: the mark stands there by number");
    }
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn streams_tell_what_comes_and_a_page_that_comes_back_misses_nothing_and_hears_nothing_twice() {
    let world = desks().await;
    let mut ly = Browser::at(&world, LY);
    ly.sign_in("officer", "DUTY_OFFICER").await;
    let mut alarms = ly.stream("/alarms", None).await;
    alarms.until("desk.state").await;
    let mut list = ly.stream("/events/inbox?tab=all", None).await;
    list.until("还没有来文").await;

    told(&world, v1::Precedence::Flash, "第一件").await;
    let first = alarms.until("delivery.new").await;
    assert!(first.data.contains("第一件") && first.data.contains("FLASH"), "{first:?}");
    assert!(list.until("第一件").await.data.contains("band-flash"));
    drop(alarms);
    told(&world, v1::Precedence::Routine, "第二件").await;

    let mut again = ly.stream("/alarms", Some(&first.id)).await;
    let next = again.until("delivery.new").await;
    assert!(next.data.contains("第二件"), "{next:?}");
    world.end().await;
}

/// What people did at LY's console, as its journal has it.
fn acts(world: &World) -> Vec<String> {
    let engine = &world.agent(LY).inside().engine;
    let all = (1..=engine.journal_end().0).map(|at| engine.record(Position(at)).unwrap());
    let acts = all.filter(|record| record.kind == record::kind::DESK_ACT);
    let console = acts.filter_map(|found| match record::DeskAct::decode(found.bytes).unwrap().act? {
        record::desk_act::Act::Console(act) => Some(act.what),
        _ => None,
    });
    console.collect()
}

/// The code that an authenticator shows now.
fn code_now(world_now: model::time::Timestamp, account: &Account) -> String {
    totp::code_at(&totp::from_base32(&account.totp).unwrap(), world_now)
}
