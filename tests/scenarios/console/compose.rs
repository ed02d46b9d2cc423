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

    let answer = xz.release(&draft, &[]).await;

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

    let refused = xz.release(&draft, &all[..4]).await;
    assert_eq!(refused.code, 422);
    assert!(refused.body.contains("逐项核对并勾选"), "{}", refused.body);
    let id = sent(&xz.release(&draft, &all).await);

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
    assert_eq!(xz.release(&draft, &[]).await.code, 422, "nobody signed");
    let own = [("account", "officer"), ("password", PASSWORD), ("post", "SHIFT_LEADER")];
    let code = xz.second_factor("officer");
    assert_eq!(xz.release(&draft, &with(&own, &[("code", &code)])).await.code, 422, "nobody signs for themselves");
    let code = xz.second_factor("leader");
    let second = [("account", "leader"), ("password", PASSWORD), ("post", "SHIFT_LEADER"), ("code", &code)];
    let id = sent(&xz.release(&draft, &second).await);
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
    let id = sent(&leader.release(&draft, &[]).await);
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
    let id = sent(&other.release(&draft, &[]).await);
    let prepared = world.agent(XZ).inside().summary(id).unwrap().header.unwrap().prepared_by.unwrap();
    assert_eq!(prepared.name, "周涛");
    world.end().await;
}

/// Adds 赵强, who leads a shift, and signs him in.
async fn leader(world: &World) -> Browser {
    Accounts::of(&world.state(XZ)).add(account("leader", "赵强", &[Post::Desk(Role::ShiftLeader)])).unwrap();
    let mut leader = Browser::at(world, XZ);
    let code = leader.second_factor("leader");
    leader.sign_in_with("leader", "SHIFT_LEADER", &code).await;
    leader
}

/// A draft as its file says it, changed by hand.
fn mend(world: &World, draft: &str, change: impl FnOnce(&mut serde_json::Value)) {
    let id = draft.rsplit('/').next().unwrap();
    let path = world.state(XZ).join("local/drafts").join(format!("{id}.json"));
    let mut value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    change(&mut value);
    std::fs::write(&path, value.to_string()).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn no_form_says_who_signs_or_who_speaks() {
    let world = desks().await;
    let mut xz = officer(&world, XZ).await;
    let forged = [
        ("header.event_level", "L2"),
        ("header.signed_off_by.name", "赵强"),
        ("header.signed_off_by.role", "SHIFT_LEADER"),
        ("header.sender.duty_phone", "0539-1234567"),
        ("review", "1"),
    ];
    let draft = begun(&mut xz, &[("begin", "bulletin")]).await;
    assert_eq!(xz.act(&draft, &with(BULLETIN, &forged)).await.location(), format!("{draft}/review"));

    let refused = xz.release(&draft, &forged).await;

    assert!(refused.code == 422 && refused.body.contains("复核没有通过"), "{} {}", refused.code, refused.body);
    // nor does a draft that says so already
    mend(&world, &draft, |value| {
        value["sheet"]["value"]["header"]["signed_off_by"] =
            serde_json::json!({"name": "赵强", "role": "SHIFT_LEADER"});
    });
    assert_eq!(xz.release(&draft, &[]).await.code, 422);
    xz.act(&draft, &[("header.event_level", "L0")]).await;
    let id = sent(&xz.release(&draft, &[]).await);
    let header = world.agent(XZ).inside().summary(id).unwrap().header.unwrap();
    assert_eq!(header.signed_off_by, None);
    assert_ne!(header.sender.unwrap().duty_phone, "0539-1234567");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_leader_signs_what_was_offered_as_it_was_read() {
    let world = desks().await;
    let mut xz = officer(&world, XZ).await;
    let mut leader = leader(&world).await;
    let grave = with(BULLETIN, &[("header.event_level", "L2"), ("review", "1")]);
    let draft = begun(&mut xz, &[("begin", "bulletin")]).await;
    xz.act(&draft, &grave).await;
    let send = format!("{draft}/send");

    // nobody was asked
    let seen = xz.seen(&draft).await;
    let refused = leader.act(&send, &[("seen", &seen)]).await;
    assert!(refused.code == 422 && refused.body.contains("没有提请签发"), "{} {}", refused.code, refused.body);
    // what was offered is another text by now, and is offered no more
    xz.act(&send, &[("ask", "1")]).await;
    let seen = leader.seen(&draft).await;
    assert!(!seen.is_empty());
    xz.act(&format!("{draft}/keep"), &[("body.headline", "G30 槽车起火")]).await;
    assert_eq!(leader.act(&send, &[("seen", &seen)]).await.code, 422);
    // offered anew, it is read anew
    xz.act(&send, &[("ask", "1")]).await;
    let refused = leader.act(&send, &[("seen", &seen)]).await;
    assert!(refused.code == 422 && refused.body.contains("又有改动"), "{} {}", refused.code, refused.body);
    assert!(refused.body.contains("G30 槽车起火"), "the text as it stands: {}", refused.body);
    assert_eq!(leader.act(&send, &[]).await.code, 422, "who does not say what was read");
    let id = sent(&leader.release(&draft, &[]).await);
    assert_eq!(world.agent(XZ).inside().summary(id).unwrap().title, "G30 槽车起火");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_changed_while_a_second_person_is_looked_at_does_not_leave_as_it_was() {
    let world = desks().await;
    let mut xz = officer(&world, XZ).await;
    let mut again = officer(&world, XZ).await;
    drop(leader(&world).await);
    world.clock.advance(std::time::Duration::from_mins(1));
    let draft = begun(&mut xz, &[("begin", "bulletin")]).await;
    xz.act(&draft, &with(BULLETIN, &[("header.event_level", "L2"), ("review", "1")])).await;
    let code = xz.second_factor("leader");
    let second = [("account", "leader"), ("password", PASSWORD), ("post", "SHIFT_LEADER"), ("code", &code)];

    let keep = format!("{draft}/keep");
    let (left, kept) = tokio::join!(xz.release(&draft, &second), async {
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        again.act(&keep, &[("body.headline", "G30 槽车起火")]).await
    });

    // whichever came first: what was shown has left, or what was typed is there
    if left.code == 303 {
        assert!(kept.code == 404 || kept.code == 409 || left.location().contains("/m/"));
        assert_eq!(world.agent(XZ).inside().summary(sent(&left)).unwrap().title, "G30 槽车侧翻");
        assert_ne!(kept.code, 200);
    } else {
        assert!(left.body.contains("又有改动"), "{}", left.body);
        assert!(xz.get(&draft).await.body.contains("G30 槽车起火"));
    }
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_draft_leaves_in_the_post_of_who_sends_it() {
    let world = desks().await;
    let mut chief = Browser::at(&world, XZ);
    let code = chief.second_factor("officer");
    chief.sign_in_with("officer", "SHIFT_LEADER", &code).await;
    let draft = begun(&mut chief, &[("begin", "bulletin")]).await;
    chief.act(&draft, &with(BULLETIN, &[("review", "1")])).await;
    let mut xz = officer(&world, XZ).await;

    let refused = xz.release(&draft, &[]).await;
    assert!(refused.code == 422 && refused.body.contains("另一个岗位"), "{} {}", refused.code, refused.body);
    xz.act(&draft, &[("review", "1")]).await;
    let id = sent(&xz.release(&draft, &[]).await);

    let header = world.agent(XZ).inside().summary(id).unwrap().header.unwrap();
    assert_eq!(header.prepared_by.unwrap().role(), v1::Role::DutyOfficer);
    assert_eq!(header.sender.unwrap().role(), v1::Role::DutyOfficer);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_has_left_is_not_written_in_any_more() {
    let world = desks().await;
    let id = told(&world, v1::Precedence::Routine, "值班安排").await;
    let mut xz = officer(&world, XZ).await;
    for keeps in [true, false] {
        let draft = begun(&mut xz, &[("begin", "bulletin")]).await;
        mend(&world, &draft, |value| value["sent_as"] = id.to_string().into());
        if keeps {
            let kept = xz.act(&format!("{draft}/keep"), BULLETIN).await;
            assert!(kept.code == 409 && kept.body.contains("已经发出"), "{} {}", kept.code, kept.body);
        } else {
            let led = xz.act(&draft, BULLETIN).await;
            assert_eq!((led.code, led.location()), (303, format!("/m/{id}")));
        }
        assert_eq!(xz.get(&draft).await.code, 404, "it is forgotten");
    }
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn drafts_are_read_at_the_desk_and_plans_of_drills_by_who_steers() {
    let world = desks().await;
    Accounts::of(&world.state(XZ)).add(account("second", "周涛", &[Post::Desk(Role::DutyOfficer)])).unwrap();
    let mut xz = officer(&world, XZ).await;
    let draft = begun(&mut xz, &[("begin", "bulletin")]).await;
    xz.act(&draft, BULLETIN).await;
    let mut auditor = Browser::at(&world, XZ);
    let code = auditor.second_factor("auditor");
    auditor.sign_in_with("auditor", "AUDITOR", &code).await;

    assert!(!auditor.get("/compose").await.body.contains("G30"));
    for path in [draft.clone(), format!("{draft}/review")] {
        assert_eq!(auditor.get(&path).await.code, 403, "{path}");
    }
    let mut other = Browser::at(&world, XZ);
    other.sign_in("second", "DUTY_OFFICER").await;
    assert!(other.get("/compose").await.body.contains("G30"));
    mend(&world, &draft, |value| value["kind"] = model::kind::Kind::DrillPlan.number().into());
    for path in [draft.clone(), format!("{draft}/review")] {
        assert_eq!(other.get(&path).await.code, 403, "{path}");
    }
    assert_eq!(other.act(&draft, &[("take-over", "1")]).await.code, 403);
    assert_eq!(xz.get(&draft).await.code, 200, "its writer reads it");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_goes_away_while_a_message_leaves_and_presses_again_has_sent_one() {
    let world = desks().await;
    let mut xz = officer(&world, XZ).await;
    let queued = || {
        let engine = &world.agent(XZ).inside().engine;
        let all = (1..=engine.journal_end().0).map(|at| engine.record(model::position::Position(at)).unwrap());
        all.filter(|record| record.kind == proto::record::kind::QUEUED).count()
    };
    let before = queued();
    let mut drafts = 0;
    for patience in [0, 1, 2, 4, 8] {
        let draft = begun(&mut xz, &[("begin", "bulletin")]).await;
        xz.act(&draft, &with(BULLETIN, &[("review", "1")])).await;
        let seen = xz.seen(&draft).await;
        let patience = std::time::Duration::from_millis(patience);
        xz.abandons(&format!("{draft}/send"), &[("seen", &seen)], patience).await;
        let again = xz.act(&format!("{draft}/send"), &[("seen", &seen)]).await;
        assert!(matches!(again.code, 303 | 404), "{}: {}", again.code, again.body);
        assert_eq!(xz.get(&draft).await.code, 404);
        drafts += 1;
    }

    tokio::time::sleep(std::time::Duration::from_millis(300)).await;
    assert_eq!(queued() - before, drafts);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_page_keeps_by_itself_is_no_hand_on_it() {
    let world = desks().await;
    let mut xz = officer(&world, XZ).await;
    let draft = begun(&mut xz, &[("begin", "bulletin")]).await;
    let token = xz.token().await;
    let keep = format!("{draft}/keep");
    let fields = [("body.headline", "G30"), ("token", token.as_str())];
    world.clock.advance(std::time::Duration::from_mins(10));
    assert_eq!(xz.post(&keep, &fields, &[]).await.code, 200);
    world.clock.advance(std::time::Duration::from_mins(6));

    let refused = xz.post(&keep, &fields, &[]).await;

    assert_eq!(refused.code, 403);
    assert!(
        refused.header("content-type").starts_with("text/plain") && refused.body.contains("只看"),
        "{}",
        refused.body
    );
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_person_who_failed_too_often_is_told_to_wait() {
    let world = desks().await;
    let mut xz = officer(&world, XZ).await;
    drop(leader(&world).await);
    let draft = begun(&mut xz, &[("begin", "bulletin")]).await;
    xz.act(&draft, &with(BULLETIN, &[("header.event_level", "L2"), ("review", "1")])).await;
    let wrong = [("account", "leader"), ("password", "wrong password"), ("post", "SHIFT_LEADER")];
    for _ in 0..4 {
        assert!(xz.release(&draft, &wrong).await.body.contains("复核没有通过"));
    }
    let kept_out = xz.release(&draft, &wrong).await;
    assert!(kept_out.code == 422 && kept_out.body.contains("15 分钟后再试"), "{}", kept_out.body);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn where_there_are_too_many_drafts_one_that_nobody_touched_makes_room() {
    let world = desks().await;
    let mut xz = officer(&world, XZ).await;
    let draft = begun(&mut xz, &[("begin", "bulletin")]).await;
    let folder = world.state(XZ).join("local/drafts");
    let file = folder.join(format!("{}.json", draft.rsplit('/').next().unwrap()));
    let mut value: serde_json::Value = serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
    value["kept_at"] = (value["kept_at"].as_i64().unwrap() + 1).into();
    for number in 0..199 {
        let id = MessageId::new(world.clock.now(), [number; 10]);
        value["id"] = id.to_string().into();
        std::fs::write(folder.join(format!("{id}.json")), value.to_string()).unwrap();
    }

    let next = begun(&mut xz, &[("begin", "bulletin")]).await;

    assert_eq!(xz.get(&draft).await.code, 404, "nobody had touched it");
    xz.act(&next, BULLETIN).await;
    let full = xz.act("/compose", &[("begin", "bulletin")]).await;
    assert!(full.code != 303 && full.body.contains("草稿太多"), "{} {}", full.code, full.body);
    assert_eq!(xz.get(&next).await.code, 200);
    world.end().await;
}
