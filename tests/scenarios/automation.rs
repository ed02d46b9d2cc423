//! What agents do by themselves: rules that acknowledge, answer, forward, tell and call; and what rules never do.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use agent::fold::query;
use model::ids::MessageId;
use prost::Message as _;
use proto::record::ActRow;
use proto::v1;

use crate::world::drafts::bulletin;
use crate::world::hook::Hook;
use crate::world::live::World;
use crate::world::papers::paper;
use crate::world::region::{LY, LYG, XZ};

const ROUTINE: v1::Precedence = v1::Precedence::Routine;
const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const SECRET_BYTES: &str = "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

/// A world in which some agents have rules.
struct Desks {
    world: World,
    folder: tempfile::TempDir,
}

impl Desks {
    async fn of(cities: &[&str]) -> Self {
        Self { world: World::of(cities).await, folder: tempfile::tempdir().unwrap() }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A file with the signing secret, for its owner alone.
    fn secret(&self) -> PathBuf {
        let path = self.path("hook.secret");
        std::fs::write(&path, SECRET).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
        path
    }

    /// Starts the agent of `city` anew with these rules, and waits until they are in force.
    async fn rule(&mut self, city: &str, rules: &str) {
        let file = self.path(&format!("{city}.rules.toml"));
        std::fs::write(&file, rules).unwrap();
        self.world.agent_mut(city).restart_with(|config| config.rules = Some(file)).await;
        let agent = self.world.agent(city);
        assert_eq!(agent.inside().rules.now().problem, None);
        agent.until("rules are in force", |desk| (through(desk) > 0).then_some(())).await;
        agent.linked().await;
    }

    fn dead(&self, city: &str) -> Vec<v1::DeadAct> {
        self.world.agent(city).inside().dead_acts(&v1::DeadActsRequest::default()).unwrap().acts
    }

    /// Waits until so many acts were not done, and gives the reason and the rule of each, oldest first.
    async fn has_dead(&self, city: &str, count: usize) -> Vec<(String, String)> {
        let agent = self.world.agent(city);
        agent.until(&format!("{count} dead acts"), |_| (self.dead(city).len() >= count).then_some(())).await;
        let acts = self.dead(city).into_iter().rev().map(|dead| dead.act.unwrap());
        acts.map(|act| (act.problem, act.rule)).collect()
    }

    /// Waits until everything that happened at a city was looked at and nothing is owed there.
    async fn quiet(&self, city: &str) {
        let settled = |desk: &agent::desk::Desk| {
            let owed = desk.engine.read(|_, found| query::acts_owed(found)).unwrap();
            let newest =
                desk.inbox(&v1::InboxRequest::default()).unwrap().messages.first().map_or(0, |line| line.cursor);
            (owed == 0 && through(desk) >= newest).then_some(())
        };
        self.world.agent(city).until("everything is looked at and done", settled).await;
    }
}

fn through(desk: &agent::desk::Desk) -> u64 {
    desk.engine.read(|_, found| query::rules(found)).unwrap().through
}

/// The first act of the one lane that is not done.
fn owed(desk: &agent::desk::Desk) -> Option<ActRow> {
    desk.engine.read(|_, found| query::acts(found)).unwrap().pop().map(|(_, row)| row)
}

fn header(desk: &agent::desk::Desk, id: MessageId) -> v1::Header {
    desk.summary(id).unwrap().header.unwrap()
}

fn webhook(hook: &Hook, secret: &Path) -> String {
    format!("webhook = {{ url = \"{}\", secret_file = \"{}\" }}\n", hook.url(), secret.display())
}

const TAKE_NOTE: &str = r#"
[[rule]]
name = "take-note"
on = "received"
when = 'kind == "K07" && header.precedence == "ROUTINE"'
acknowledge = { note = "收到 {{ body.headline }}" }
notify = { text = "{{ from }}：{{ body.headline }}" }
"#;

const PASS_ON: &str = r#"
[[rule]]
name = "water"
on = "received"
when = 'body.headline.contains("水位")'
forward = { to = ["371300", "320300", "320700"] }
"#;

const ANSWER: &str = r#"
[[rule]]
name = "thanks"
on = "received"
when = 'kind == "K07" && from == "371300"'
[rule.answer]
kind = "K07"
body = { headline = "已收到：{{ body.headline }}", subtype = "NOTICE", body = "自动答复", valid_until = 2100-01-01T00:00:00Z }
"#;

#[tokio::test(flavor = "multi_thread")]
async fn neighbours_acknowledge_forward_and_answer_by_themselves_and_say_that_a_rule_did() {
    let mut desks = Desks::of(&[LY, XZ, LYG]).await;
    desks.rule(XZ, &format!("{TAKE_NOTE}{PASS_ON}{ANSWER}")).await;

    let sent = desks.world.agent(LY).send(bulletin(&[XZ], ROUTINE, "沂河水位上涨")).await;

    let ly = desks.world.agent(LY);
    ly.stage(sent, XZ, v1::Stage::Answered).await;
    // the answer may overtake the receipt of what was acknowledged before it
    let proof = (v1::Stage::Acknowledged, XZ.to_owned());
    ly.until("an acknowledgement", |_| ly.receipts(sent).contains(&proof).then_some(())).await;
    let receipts = ly.inside().receipts(sent).unwrap();
    let statements = receipts.iter().map(|receipt| v1::ReceiptStatement::decode(receipt.statement.clone()).unwrap());
    let acknowledged: Vec<_> = statements.filter(|said| said.stage() == v1::Stage::Acknowledged).collect();
    assert_eq!(acknowledged.len(), 1);
    assert_eq!(acknowledged[0].officer.as_ref().unwrap().name, "rule:take-note");
    assert_eq!(acknowledged[0].note, "收到 沂河水位上涨");

    let answer = header(ly.inside(), ly.has_received(1).await[0]);
    assert_eq!((answer.hops, answer.prepared_by.unwrap().name.as_str()), (1, "rule:thanks"));
    assert_eq!(answer.preceding_message_id.as_ref(), sent.0);

    let lyg = desks.world.agent(LYG);
    let copy = lyg.has_received(1).await[0];
    let copied = header(lyg.inside(), copy);
    assert_eq!((copied.hops, copied.confidentiality()), (1, v1::Confidentiality::Internal));
    assert_eq!(lyg.inside().summary(copy).unwrap().title, "转发371300：沂河水位上涨");

    let tasks = desks.world.desk(XZ).tasks().await.unwrap();
    let told: Vec<_> = tasks.iter().filter(|task| task.kind == "NOTIFIED").map(|task| task.detail.as_str()).collect();
    assert_eq!(told, ["371300：沂河水位上涨"]);
    desks.quiet(XZ).await;
    assert!(desks.dead(XZ).is_empty());
    desks.world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_webhook_gets_each_event_signed_and_one_that_refuses_is_called_again_until_the_event_expires() {
    let mut desks = Desks::of(&[LY, XZ]).await;
    let hook = Hook::start().await;
    let rule = format!("[[rule]]\nname = \"map\"\non = \"received\"\n{}", webhook(&hook, &desks.secret()));
    desks.rule(XZ, &rule).await;

    let sent = desks.world.agent(LY).send(bulletin(&[XZ], ROUTINE, "道路封闭")).await;
    let call = hook.has_taken(1).await.remove(0);
    let key = proto::rules::base64::decode(SECRET_BYTES).unwrap();
    assert_eq!(call.signature, agent::rules::webhook::signature(&key, &call.id, call.timestamp, &call.body));
    assert_eq!(call.timestamp, desks.world.clock.now().millis() / 1_000);
    let event = call.event();
    assert_eq!(event["id"], sent.to_string());
    assert_eq!(
        (&event["source"], &event["type"]),
        (&"//linyi/j/371300".into(), &"cn.liandong.info.bulletin.v1".into())
    );
    assert_eq!((&event["ldkind"], &event["dataclassification"]), (&"K07".into(), &"内部".into()));
    assert_eq!(event["data"]["headline"], "道路封闭");
    assert_eq!(event["sequence"].as_str().unwrap().len(), 20);

    hook.answer(503);
    let mut short = bulletin(&[XZ], ROUTINE, "很快过期");
    let expires = desks.world.clock.now().plus(Duration::from_secs(10));
    short.header.get_or_insert_default().expires_at = Some(proto::border::time::to_wire(expires));
    desks.world.agent(LY).send(short).await;
    let xz = desks.world.agent(XZ);
    for (tries, seconds) in [(1, 1), (2, 2), (3, 4), (4, 3)] {
        xz.until(&format!("{tries} tries"), |desk| owed(desk).filter(|row| row.tries == tries)).await;
        desks.world.clock.advance(Duration::from_secs(seconds));
    }
    assert_eq!(desks.has_dead(XZ, 1).await, [("LD503_PEER_OFFLINE".to_owned(), "rules.webhook".to_owned())]);
    assert_eq!(desks.dead(XZ)[0].tries, 4);
    assert_eq!(hook.calls().len(), 5, "1, 2, 4 seconds apart, and never after it expired");
    desks.world.end().await;
}

/// A server's side for `localhost`, and the certificate of its authority.
fn secure() -> (tokio_rustls::TlsAcceptor, String) {
    use rustls::crypto::aws_lc_rs::default_provider;
    let mut params = rcgen::CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let authority = rcgen::CertifiedIssuer::self_signed(params, rcgen::KeyPair::generate().unwrap()).unwrap();
    let key = rcgen::KeyPair::generate().unwrap();
    let leaf =
        rcgen::CertificateParams::new(vec!["localhost".to_owned()]).unwrap().signed_by(&key, &authority).unwrap();
    let key = rustls::pki_types::PrivateKeyDer::try_from(key.serialize_der()).unwrap();
    let config = rustls::ServerConfig::builder_with_provider(std::sync::Arc::new(default_provider()))
        .with_protocol_versions(&[&rustls::version::TLS13])
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![leaf.der().clone()], key)
        .unwrap();
    (std::sync::Arc::new(config).into(), authority.pem())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_webhook_over_https_reaches_a_server_under_the_named_authority_alone() {
    let mut desks = Desks::of(&[LY, XZ]).await;
    let ((acceptor, authority), (_, other)) = (secure(), secure());
    let hook = Hook::secure(acceptor).await;
    let (good, strange) = (desks.path("good.pem"), desks.path("strange.pem"));
    std::fs::write(&good, &authority).unwrap();
    std::fs::write(&strange, other).unwrap();
    let rule = |name: &str, ca: &Path| {
        let (url, secret, ca) = (hook.url(), desks.secret(), ca.display());
        let call =
            format!("webhook = {{ url = \"{url}\", secret_file = \"{}\", ca_file = \"{ca}\" }}", secret.display());
        format!("[[rule]]\nname = \"{name}\"\non = \"received\"\n{call}\n")
    };
    let rules = format!("{}{}", rule("map", &good), rule("stranger", &strange));
    desks.rule(XZ, &rules).await;

    let sent = desks.world.agent(LY).send(bulletin(&[XZ], ROUTINE, "道路封闭")).await;

    assert_eq!(hook.has_taken(1).await[0].event()["id"], sent.to_string());
    let tried = |desk: &agent::desk::Desk| owed(desk).filter(|row| row.rule == "stranger" && row.tries > 0);
    let row = desks.world.agent(XZ).until("the stranger is not spoken to", tried).await;
    assert_eq!(row.problem.unwrap().rule, "rules.webhook");
    assert_eq!(hook.calls().len(), 1);

    // a renewed authority counts at the next call
    std::fs::write(&strange, authority).unwrap();
    desks.world.clock.advance(Duration::from_mins(2));
    assert_eq!(hook.has_taken(2).await.len(), 2);
    desks.world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_that_is_killed_owes_nothing_twice_and_misses_nothing() {
    let mut desks = Desks::of(&[LY, XZ, LYG]).await;
    let hook = Hook::start().await;
    hook.answer(500);
    let call = format!("[[rule]]\nname = \"map\"\non = \"received\"\n{}", webhook(&hook, &desks.secret()));
    desks.rule(XZ, &format!("{TAKE_NOTE}{PASS_ON}{call}")).await;
    let before = through(desks.world.agent(XZ).inside());

    let sent = desks.world.agent(LY).send(bulletin(&[XZ], ROUTINE, "沂河水位上涨")).await;
    desks.world.agent(XZ).until("it was looked at", |desk| (through(desk) > before).then_some(())).await;
    desks.world.agent_mut(XZ).kill().await;
    hook.answer(200);
    desks.world.agent_mut(XZ).start().await;
    desks.world.agent(XZ).linked().await;
    desks.world.clock.advance(Duration::from_mins(1));

    let taken = hook.has_taken(1).await;
    assert!(taken.iter().all(|call| call.id == sent.to_string()));
    desks.world.agent(LY).stage(sent, XZ, v1::Stage::Acknowledged).await;
    desks.world.agent(LYG).has_received(1).await;
    desks.quiet(XZ).await;
    assert_eq!(hook.calls().iter().filter(|call| call.answered == 200).count(), 1, "taken once");
    assert_eq!(desks.world.agent(LYG).inbox().len(), 1, "forwarded once");
    let acknowledged = |(stage, _): &(v1::Stage, String)| *stage == v1::Stage::Acknowledged;
    assert_eq!(desks.world.agent(LY).receipts(sent).into_iter().filter(acknowledged).count(), 1);
    desks.world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn rules_that_forward_to_each_other_end_where_the_message_has_been() {
    let mut desks = Desks::of(&[LY, XZ, LYG]).await;
    let far = format!("{PASS_ON}hops = 7\n");
    for city in [LY, XZ, LYG] {
        desks.rule(city, &far).await;
    }

    desks.world.agent(LY).send(bulletin(&[XZ], ROUTINE, "沂河水位上涨")).await;

    // XZ tells LYG, and LYG has nobody left but LY, which wrote it
    let lyg = desks.world.agent(LYG);
    lyg.has_received(1).await;
    let ly = desks.world.agent(LY);
    let back = ly.has_received(1).await[0];
    assert_eq!(header(ly.inside(), back).hops, 2);
    assert_eq!(desks.has_dead(LY, 1).await, [("LD104_RATE_LIMITED".to_owned(), "rules.forward_seen".to_owned())]);
    for city in [LY, XZ, LYG] {
        desks.quiet(city).await;
    }
    assert_eq!([LY, XZ, LYG].map(|city| desks.world.agent(city).inbox().len()), [1, 1, 1], "once round, and no more");
    desks.world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_came_through_a_rule_is_not_answered_by_a_rule_unless_it_says_so() {
    let mut desks = Desks::of(&[LY, XZ]).await;
    desks.rule(LY, &ANSWER.replace("371300", "320300")).await;
    desks.rule(XZ, ANSWER).await;

    let sent = desks.world.agent(LY).send(bulletin(&[XZ], ROUTINE, "请复")).await;

    desks.world.agent(LY).stage(sent, XZ, v1::Stage::Answered).await;
    let held = desks.has_dead(LY, 1).await;
    assert_eq!(held, [("LD104_RATE_LIMITED".to_owned(), "rules.hops".to_owned())], "an answer of a rule gets none");
    desks.quiet(XZ).await;
    assert_eq!((desks.world.agent(LY).inbox().len(), desks.world.agent(XZ).inbox().len()), (1, 1));
    desks.world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rule_signs_nothing_off_acknowledges_nothing_grave_and_holds_when_it_acts_too_often() {
    let mut desks = Desks::of(&[LY, XZ]).await;
    let rules = r#"
[[rule]]
name = "yes-to-all"
on = "received"
when = 'kind == "K20"'
answer = { kind = "K21" }
[[rule]]
name = "sign"
on = "received"
when = 'kind == "K07"'
acknowledge = {}
[[rule]]
name = "twice"
on = "received"
when = 'kind == "K07" && header.precedence == "ROUTINE"'
per_hour = 2
notify = { text = "{{ body.headline }}" }
"#;
    desks.rule(XZ, rules).await;
    let now = desks.world.clock.now();

    let asked = paper!(ActionRequest, now, |_body| {}).to(&[XZ]);
    let asked = desks.world.agent(LY).send(asked.0).await;
    assert_eq!(desks.has_dead(XZ, 1).await[0].0, "LD403_SIGNOFF_MISSING");
    let flash = desks.world.agent(LY).send(bulletin(&[XZ], v1::Precedence::Flash, "溃坝")).await;
    assert_eq!(desks.has_dead(XZ, 2).await[1], ("LD402_ROLE_FORBIDDEN".to_owned(), "rules.grave".to_owned()));
    for headline in ["一", "二", "三"] {
        desks.world.agent(LY).send(bulletin(&[XZ], ROUTINE, headline)).await;
    }
    assert_eq!(desks.has_dead(XZ, 3).await[2], ("LD104_RATE_LIMITED".to_owned(), "rules.rate".to_owned()));

    desks.quiet(XZ).await;
    let sent = v1::InboxRequest { sent: true, ..v1::InboxRequest::default() };
    assert!(desks.world.agent(XZ).inside().inbox(&sent).unwrap().messages.is_empty(), "nothing was answered");
    for id in [asked, flash] {
        let stage = desks.world.agent(XZ).inside().summary(id).unwrap().states[0].stage();
        assert_eq!(stage, v1::Stage::Delivered, "a person has not seen it");
    }
    desks.world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn files_are_written_commands_are_run_and_the_link_is_told() {
    let mut desks = Desks::of(&[LY, XZ]).await;
    let (folder, told) = (desks.path("out"), desks.path("told.json"));
    std::fs::create_dir(&folder).unwrap();
    let rules = format!(
        "[[rule]]\nname = \"out\"\non = \"received\"\nwrite = {{ folder = \"{}\" }}\n\
         run = {{ command = [\"/bin/sh\", \"-c\", \"cat > {}\"] }}\n\
         [[rule]]\nname = \"link\"\non = \"link\"\nwhen = '!link.up'\nnotify = {{ text = \"链路中断\" }}\n\
         [[rule]]\nname = \"bad\"\non = \"received\"\nrun = {{ command = [\"/bin/false\"] }}\n",
        folder.display(),
        told.display()
    );
    desks.rule(XZ, &rules).await;

    let sent = desks.world.agent(LY).send(bulletin(&[XZ], ROUTINE, "抄存")).await;
    assert_eq!(desks.has_dead(XZ, 1).await, [("LD901_INTERNAL".to_owned(), "rules.run".to_owned())]);
    desks.quiet(XZ).await;
    let files: Vec<_> = std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert_eq!(files.len(), 1, "{files:?}");
    for file in [&files[0], &told] {
        let event: serde_json::Value = serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
        assert_eq!(event["id"], sent.to_string());
    }

    let xz = desks.world.agent(XZ);
    xz.cut().await;
    let is_told = |desk: &agent::desk::Desk| {
        let tasks = desk.tasks(&v1::TasksRequest::default()).unwrap().tasks;
        tasks.iter().any(|task| task.detail == "链路中断").then_some(())
    };
    xz.until("a task about the link", is_told).await;
    desks.world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dry_run_says_what_each_rule_would_do_and_does_nothing() {
    let mut desks = Desks::of(&[LY, XZ]).await;
    desks.rule(XZ, "").await;
    let sent = desks.world.agent(LY).send(bulletin(&[XZ], ROUTINE, "沂河水位上涨")).await;
    let xz = desks.world.agent(XZ);
    xz.has_received(1).await;
    let inside = xz.inside();
    let rules = format!(
        "{TAKE_NOTE}{PASS_ON}[[rule]]\nname = \"typo\"\non = \"received\"\nwhen = 'body.nothing == 1'\nnotify = {{ text = \"x\" }}\n"
    );
    let what = v1::test_rules_request::What::MessageId(sent.0.to_vec().into());

    let tried = inside.test_rules(v1::TestRulesRequest { rules, what: Some(what) }).unwrap().rules;

    let verdicts: Vec<_> = tried.iter().map(v1::RuleTried::verdict).collect();
    assert_eq!(verdicts, [v1::RuleVerdict::Matches, v1::RuleVerdict::Matches, v1::RuleVerdict::Failed]);
    assert_eq!(tried[0].acts[1].detail, "371300：沂河水位上涨");
    assert_eq!(tried[1].acts[0].problem, "LD501_UNROUTABLE", "LYG is no member here: {:?}", tried[1].acts[0]);
    assert!(tried[2].fault.contains("nothing"), "{}", tried[2].fault);
    assert_eq!(inside.engine.read(|_, found| query::acts_owed(found)).unwrap(), 0, "nothing is owed");
    assert!(inside.tasks(&v1::TasksRequest::default()).unwrap().tasks.is_empty(), "nobody is told");
    assert!(desks.dead(XZ).is_empty(), "and nothing counts as held");
    assert_eq!(inside.summary(sent).unwrap().states[0].stage(), v1::Stage::Delivered);
    let refused = inside.test_rules(v1::TestRulesRequest { rules: "[[rule]]\n".into(), what: None }).unwrap_err();
    assert_eq!((refused.rule.as_str(), refused.field.as_str()), ("rules.file", "rules"));
    desks.world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_cannot_be_used_leaves_in_force_what_was_and_a_better_one_takes_over() {
    let mut desks = Desks::of(&[LY, XZ]).await;
    desks.rule(XZ, TAKE_NOTE).await;
    let file = desks.path(&format!("{XZ}.rules.toml"));
    let inside = desks.world.agent(XZ).inside().clone();

    std::fs::write(&file, "[[rule]]\nname = \"x\"\n").unwrap();
    inside.rules.reload();
    let seen = inside.rules_seen().unwrap();
    assert_eq!((seen.problem.as_str(), seen.rules.len()), ("LD203_BAD_CODE", 1), "{seen:?}");
    assert!(seen.text_en.contains("missing field `on`"), "{}", seen.text_en);

    std::fs::write(&file, PASS_ON).unwrap();
    inside.rules.reload();
    let seen = inside.rules_seen().unwrap();
    assert_eq!((seen.problem.as_str(), seen.rules[0].name.as_str()), ("", "water"));
    drop(inside);
    desks.world.end().await;
}
