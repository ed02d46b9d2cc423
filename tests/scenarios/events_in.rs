//! Events that another program sends over HTTP: each is a message once, under the rules file's terms; strangers and browsers
//! are kept out.

use std::net::SocketAddr;

use agent::desk::programs::{EventName, Program};
use model::ids::MessageId;
use proto::v1;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::world::drafts::{INCIDENT, bulletin};
use crate::world::live::{World, hangs_up, within};
use crate::world::region::{LY, XZ};

const RULES: &str = r#"
[[source]]
name = "river"
source = "//river/1"
kinds = ["K07"]
to = ["320300"]
header = { category = "NATURAL", event_level = "L0" }
per_hour = 5

[[source]]
name = "quake"
source = "//quake"
kinds = ["K04"]
to = ["320300"]
header = { category = "NATURAL", event_level = "L1" }
"#;

const ONE: &str = "application/cloudevents+json";
const MANY: &str = "application/cloudevents-batch+json";

/// A world in which LY takes events.
struct Desk {
    world: World,
    kept: tempfile::TempDir,
}

/// What was answered.
struct Answered {
    code: u16,
    head: String,
    body: Value,
}

impl Desk {
    async fn with(rules: &str) -> Self {
        let kept = tempfile::tempdir().unwrap();
        let (file, token_file) = (kept.path().join("rules.toml"), kept.path().join("events.token"));
        std::fs::write(&file, rules).unwrap();
        let mut world = World::of(&[LY, XZ]).await;
        let change = |config: &mut agent::config::Config| {
            config.rules = Some(file);
            config.events.listen = Some(SocketAddr::from(([127, 0, 0, 1], 0)));
            config.events.token_file = Some(token_file);
        };
        world.agent_mut(LY).restart_with(change).await;
        world.agent(LY).linked().await;
        Self { world, kept }
    }

    fn token(&self) -> String {
        std::fs::read_to_string(self.kept.path().join("events.token")).unwrap().trim().to_owned()
    }

    /// One request as it stands, and what came back.
    async fn raw(&self, request: &[u8]) -> Answered {
        let mut stream = TcpStream::connect(self.world.agent(LY).events()).await.unwrap();
        stream.write_all(request).await.unwrap();
        let mut answer = Vec::new();
        within("an answer", stream.read_to_end(&mut answer)).await.unwrap();
        let text = String::from_utf8(answer).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        let code = head.split(' ').nth(1).unwrap().parse().unwrap();
        Answered { code, head: head.to_ascii_lowercase(), body: serde_json::from_str(body).unwrap_or_default() }
    }

    async fn request(&self, first: &str, headers: &[(&str, &str)], body: &str) -> Answered {
        let head: Vec<String> = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
        let request = format!("{first} HTTP/1.1\r\ncontent-length: {}\r\n{}", body.len(), head.concat());
        self.raw(format!("{request}\r\n{body}").as_bytes()).await
    }

    /// A request that lacks nothing.
    async fn post(&self, media_type: &str, body: &Value, more: &[(&str, &str)]) -> Answered {
        let token = format!("Bearer {}", self.token());
        let mut headers = vec![("host", "127.0.0.1"), ("authorization", &token), ("content-type", media_type)];
        headers.extend(more);
        self.request("POST /events", &headers, &body.to_string()).await
    }
}

fn event(id: &str, headline: &str) -> Value {
    json!({
        "specversion": "1.0", "id": id, "source": "//river/1", "type": "cn.liandong.info.bulletin.v1",
        "subject": INCIDENT,
        "data": {
            "headline": headline, "subtype": "NOTICE", "body": "自动监测", "valid_until": "2027-05-13T00:00:00+08:00",
        },
    })
}

fn with(mut event: Value, key: &str, value: Value) -> Value {
    event[key] = value;
    event
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_becomes_a_message_once_and_told_again_it_is_that_message_also_after_a_kill() {
    let mut desk = Desk::with(RULES).await;

    let first = desk.post(ONE, &event("e-1", "沂河水位"), &[]).await;

    assert_eq!((first.code, &first.body["outcome"]), (202, &"queued".into()), "{}", first.body);
    let id: MessageId = first.body["message_id"].as_str().unwrap().parse().unwrap();
    assert_eq!(desk.world.agent(XZ).has_received(1).await, [id]);
    let header = desk.world.agent(XZ).inside().summary(id).unwrap().header.unwrap();
    assert_eq!((header.prepared_by.unwrap().name.as_str(), header.hops), ("program:river", 1));

    let later = with(event("e-1", "沂河水位"), "time", json!("2027-05-12T09:00:01+08:00"));
    assert_eq!(desk.post(ONE, &later, &[]).await.body["message_id"], id.to_string());
    desk.world.agent_mut(LY).kill().await;
    desk.world.agent_mut(LY).start().await;
    assert_eq!(desk.post(ONE, &event("e-1", "沂河水位"), &[]).await.body["message_id"], id.to_string());

    let other = desk.post(ONE, &event("e-1", "另一句话"), &[("accept-language", "zh-CN")]).await;
    assert_eq!((other.code, &other.body["rule"], &other.body["field"]), (409, &"event.taken".into(), &"id".into()));
    assert!(other.body["detail"].as_str().unwrap().contains("同一编号"), "{}", other.body);
    assert!(other.head.contains("application/problem+json"));
    assert_eq!(desk.world.agent(XZ).inbox(), [id]);
    desk.world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_caller_told_before_it_hung_up_is_not_told_twice() {
    let desk = Desk::with(RULES).await;
    let inside = desk.world.agent(LY).inside();
    let program = Program { name: "river".into(), role: model::role::Role::DutyOfficer, per_hour: 60 };
    let tell = |id: &str| {
        let name = EventName { source: "//river/1".into(), id: id.into(), digest: [1; 32] };
        inside.send_for_program(&program, bulletin(&[XZ], v1::Precedence::Routine, id), Some(name))
    };

    for at in 1..=10 {
        let id = format!("e-{at}");
        hangs_up(tell(&id)).await;
        let again = tell(&id).await.unwrap().message_id;
        assert_eq!(tell(&id).await.unwrap().message_id, again);
        desk.world.agent(XZ).has_received(at).await;
    }

    assert_eq!(desk.world.agent(XZ).inbox().len(), 10);
    desk.world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_incident_learned_of_by_a_caller_that_hung_up_keeps_its_number() {
    let desk = Desk::with(RULES).await;
    let inside = desk.world.agent(LY).inside();
    let learn = |title: &str| {
        let officer = Some(crate::world::drafts::officer());
        inside.learn_incident(v1::LearnIncidentRequest { title: title.into(), officer, ..Default::default() })
    };

    hangs_up(learn("先")).await;
    let second = learn("后").await.unwrap().incident_id;

    let all = inside.incidents(&v1::IncidentsRequest::default()).unwrap().incidents;
    let titles: Vec<_> = all.iter().map(|seen| (seen.incident_id == second, seen.title.as_str())).collect();
    assert_eq!(titles, [(true, "后"), (false, "先")]);
    desk.world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn headers_and_lists_are_taken_too_and_a_program_has_its_share_of_the_hour() {
    let desk = Desk::with(RULES).await;
    let whole = event("e-1", "一");
    let binary = [
        ("ce-specversion", "1.0"),
        ("ce-id", "e-1"),
        ("ce-source", "//river/1"),
        ("ce-type", "cn.liandong.info.bulletin.v1"),
        ("ce-subject", INCIDENT),
    ];
    let first = desk.post("application/json", &whole["data"], &binary).await;
    assert_eq!(first.code, 202, "{}", first.body);
    let same = desk.post(ONE, &whole, &[]).await;
    assert_eq!(same.body["message_id"], first.body["message_id"], "both modes say the same");

    let batch = json!([event("e-1", "一"), event("e-2", "二"), event("e-2", "二")]);
    let taken = desk.post(MANY, &batch, &[]).await;
    assert_eq!((taken.code, taken.body["results"].as_array().unwrap().len()), (202, 3), "{}", taken.body);
    assert_eq!(taken.body["results"][1], taken.body["results"][2]);
    let some = desk.post(MANY, &json!([event("e-3", "三"), with(event("e-4", "四"), "type", json!("x"))]), &[]).await;
    assert_eq!((some.code, &some.body["rule"]), (400, &"event.batch".into()), "{}", some.body);
    assert_eq!(some.body["results"][0]["outcome"], "queued");
    assert_eq!(some.body["results"][1]["problem"]["field"], "type");
    assert_eq!(desk.world.agent(XZ).has_received(3).await.len(), 3);

    for at in [5, 6] {
        assert_eq!(desk.post(ONE, &event(&format!("e-{at}"), "五"), &[]).await.code, 202);
    }
    let over = desk.post(ONE, &event("e-7", "七"), &[]).await;
    assert_eq!((over.code, &over.body["rule"]), (429, &"program.rate".into()));
    assert!(over.head.contains("retry-after: 3601"), "the clock stands at a full hour: {}", over.head);
    let over = desk.post(MANY, &json!([event("e-7", "七")]), &[]).await;
    assert_eq!((over.code, &over.body["rule"]), (429, &"event.batch".into()));
    assert!(over.head.contains("retry-after: 3601"), "of a batch too: {}", over.head);
    desk.world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn strangers_browsers_and_other_names_of_this_machine_are_kept_out() {
    let desk = Desk::with(RULES).await;
    let body = event("e-1", "一").to_string();
    let token = format!("Bearer {}", desk.token());
    let (host, shown, json) = (("host", "127.0.0.1"), ("authorization", token.as_str()), ("content-type", ONE));
    let wrong = ("authorization", "Bearer 0000000000000000000000000000000000000000000000000000000000000000");
    for (first, headers, code, field) in [
        ("POST /events", vec![host, json], 401, "authorization"),
        ("POST /events", vec![host, wrong, json], 401, "authorization"),
        ("POST /events", vec![("host", "evil.example:7451"), shown, json], 403, "host"),
        ("POST /events", vec![shown, json], 403, "host"),
        ("POST /events", vec![host, shown, json, ("origin", "http://127.0.0.1")], 403, "origin"),
        ("POST /events", vec![host, shown, json, ("sec-fetch-site", "same-origin")], 403, "sec-fetch-site"),
        ("POST /events", vec![host, shown], 415, "content-type"),
        ("POST /events", vec![host, shown, ("content-type", "text/plain")], 415, "content-type"),
        ("POST /events", vec![host, shown, ("content-type", "application/json")], 415, "content-type"),
        ("GET /events", vec![host, shown], 405, "path"),
        ("POST /other", vec![host, shown, json], 404, "path"),
    ] {
        let refused = desk.request(first, &headers, &body).await;
        assert_eq!(
            (refused.code, refused.body["field"].as_str()),
            (code, Some(field)),
            "{first} {headers:?} {}",
            refused.body
        );
        assert!(["text_zh", "text_en", "remedy_zh", "remedy_en"].iter().all(|key| refused.body[key] != ""));
    }
    assert!(desk.world.agent(XZ).inbox().is_empty());
    desk.world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_no_source_may_say_and_what_needs_a_person_is_refused_with_its_field() {
    let desk = Desk::with(RULES).await;
    let alert = proto::rules::example(model::kind::Kind::Alert, proto::status::Lang::Zh, desk.world.clock.now());
    let alert = proto::rules::draft_to_json(&alert)["body"]["alert"].clone();
    let alert = json!({
        "specversion": "1.0", "id": "a-1", "source": "//quake", "type": "cn.liandong.info.alert.v1",
        "subject": INCIDENT, "severitytext": "红", "data": alert,
    });
    for (event, code, field) in [
        (with(event("e-1", "x"), "source", json!("//stranger")), 403, "source"),
        (with(event("e-1", "x"), "type", json!("cn.liandong.info.alert.v1")), 403, "source"),
        (with(event("e-1", "x"), "data", json!({ "headline": "x" })), 400, "body.subtype"),
        (
            with(event("e-1", "x"), "causationid", json!("01980000-0000-7001-8000-000000000001")),
            422,
            "header.preceding.message_id",
        ),
        (with(event("e-1", "x"), "ldhops", json!(8)), 429, "header.hops"),
        (alert, 400, "header.signed_off_by"),
    ] {
        let refused = desk.post(ONE, &event, &[]).await;
        assert_eq!(refused.body["field"], field, "{}", refused.body);
        assert!(code == refused.code || field == "header.signed_off_by", "{} {}", refused.code, refused.body);
    }
    assert!(desk.world.agent(XZ).inbox().is_empty());
    desk.world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn large_torn_and_endless_requests_end_and_others_are_answered() {
    let desk = Desk::with(RULES).await;
    let token = desk.token();
    let head =
        format!("POST /events HTTP/1.1\r\nhost: 127.0.0.1\r\nauthorization: Bearer {token}\r\ncontent-type: {ONE}\r\n");
    let large = desk.raw(format!("{head}content-length: 2000000\r\n\r\n{}", " ".repeat(1_048_577)).as_bytes()).await;
    assert_eq!((large.code, &large.body["field"]), (413, &"body".into()));

    let many = "x-many: y\r\n".repeat(200);
    assert_eq!(desk.raw(format!("{head}{many}\r\n").as_bytes()).await.code, 431);
    assert_eq!(desk.raw(b"\x00\x01 nonsense\r\n\r\n").await.code, 400);
    let deep = "[".repeat(100_000);
    let deep = desk.raw(format!("{head}content-length: {}\r\n\r\n{deep}", deep.len()).as_bytes()).await;
    assert_eq!((deep.code, &deep.body["rule"]), (400, &"event.data".into()));

    // as many as there is room for hold their line and say nothing
    let mut silent = Vec::new();
    for _ in 0..16 {
        let mut stream = TcpStream::connect(desk.world.agent(LY).events()).await.unwrap();
        stream.write_all(b"POST /ev").await.unwrap();
        silent.push(stream);
    }
    assert_eq!(desk.post(ONE, &event("e-1", "一"), &[]).await.code, 202);
    desk.world.agent(XZ).has_received(1).await;
    drop(silent);
    desk.world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn while_the_rules_file_cannot_be_used_events_are_to_come_again() {
    let desk = Desk::with("[[source]\n").await;
    let refused = desk.post(ONE, &event("e-1", "一"), &[]).await;
    assert_eq!((refused.code, &refused.body["rule"]), (503, &"event.rules".into()), "{}", refused.body);
    assert!(refused.head.contains("retry-after: 5"));
    desk.world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_neighbours_rule_that_takes_no_hops_passes_nothing_on_that_a_program_sent() {
    let kept = tempfile::tempdir().unwrap();
    let Desk { mut world, kept: of_ly } = Desk::with(RULES).await;
    let rules = kept.path().join("xz.toml");
    std::fs::write(&rules, "[[rule]]\nname = \"on\"\non = \"received\"\nforward = { to = [\"371300\"] }\n").unwrap();
    world.agent_mut(XZ).restart_with(|config| config.rules = Some(rules)).await;
    world.agent(XZ).linked().await;
    let desk = Desk { world, kept: of_ly };

    assert_eq!(desk.post(ONE, &event("e-1", "一"), &[]).await.code, 202);

    let xz = desk.world.agent(XZ);
    let acts = |desk: &agent::desk::Desk| desk.dead_acts(&v1::DeadActsRequest::default()).unwrap().acts;
    let dead = xz.until("the rule holds", |desk| acts(desk).pop()).await;
    assert_eq!(dead.act.unwrap().rule, "rules.hops");
    desk.world.end().await;
}
