//! Files that another program puts there: sent once whatever happens, in the program's name, with a result beside each.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use model::ids::MessageId;
use proto::v1;
use serde_json::Value;

use crate::world::drafts::{INCIDENT, bulletin};
use crate::world::live::{World, within};
use crate::world::region::{LY, XZ};

/// A world in which LY watches a drop folder.
struct Spool {
    world: World,
    kept: tempfile::TempDir,
}

impl Spool {
    async fn of(per_hour: u32) -> Self {
        let kept = tempfile::tempdir().unwrap();
        let mut world = World::of(&[LY, XZ]).await;
        let folder = kept.path().join("drop");
        let change = |config: &mut agent::config::Config| {
            (config.drop.folder, config.drop.per_hour) = (Some(folder), per_hour);
        };
        world.agent_mut(LY).restart_with(change).await;
        world.agent(LY).linked().await;
        Self { world, kept }
    }

    fn path(&self, part: &str) -> PathBuf {
        self.kept.path().join("drop").join(part)
    }

    /// Writes a file as a program should: under a name that nobody takes, and then renamed.
    fn put(&self, name: &str, text: impl AsRef<[u8]>) {
        let fresh = self.path("in").join(format!(".{name}"));
        std::fs::create_dir_all(self.path("in")).unwrap();
        std::fs::write(&fresh, text).unwrap();
        std::fs::rename(fresh, self.path("in").join(name)).unwrap();
    }

    /// Waits until a file is filed in `part`, and gives its result.
    async fn result(&self, part: &str, name: &str) -> Value {
        let file = self.path(part).join(name);
        within(&format!("{name} is in {part}"), appears(&file)).await;
        let text = std::fs::read_to_string(self.path(part).join(format!("{name}.result.json"))).unwrap();
        serde_json::from_str(&text).unwrap()
    }

    fn header(&self, city: &str, id: MessageId) -> v1::Header {
        self.world.agent(city).inside().summary(id).unwrap().header.unwrap()
    }
}

async fn appears(file: &Path) {
    while std::fs::symlink_metadata(file).is_err() {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// A bulletin to XZ as a program writes it.
fn draft(headline: &str) -> Value {
    let mut draft = bulletin(&[XZ], v1::Precedence::Routine, headline);
    draft.header.as_mut().unwrap().prepared_by = None;
    proto::rules::draft_to_json(&draft)
}

fn with(mut draft: Value, key: &str, value: Value) -> String {
    draft["header"][key] = value;
    draft.to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_is_sent_in_the_name_of_the_program_and_its_result_stands_beside_it() {
    let spool = Spool::of(60).await;
    let toml = "kind = \"K07\"\n[header]\nincident_id = \"INCIDENT\"\nevent_level = \"L0\"\ncategory = \"NATURAL\"\nrecipients = [{ jurisdiction = { id = \"320300\" } }]\n\
                [body]\nheadline = \"沂河水位\"\nsubtype = \"NOTICE\"\nbody = \"自动监测\"\nvalid_until = 2027-05-13T00:00:00+08:00\n";

    spool.put("水位 1.toml", toml.replace("INCIDENT", INCIDENT));

    let result = spool.result("done", "水位 1.toml").await;
    assert_eq!((&result["outcome"], &result["link_up"]), (&"queued".into(), &true.into()));
    assert_eq!(result["file"], "水位 1.toml");
    let id: MessageId = result["message_id"].as_str().unwrap().parse().unwrap();
    assert_eq!(spool.world.agent(XZ).has_received(1).await, [id]);
    let header = spool.header(XZ, id);
    assert_eq!(header.prepared_by.unwrap().name, "program:drop");
    assert_eq!((header.sender.unwrap().role(), header.hops), (v1::Role::DutyOfficer, 1));
    assert!(std::fs::read_dir(spool.path("sending")).unwrap().next().is_none());
    spool.world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_refused_says_field_and_remedy_in_both_languages_and_nothing_is_sent() {
    let spool = Spool::of(60).await;
    let signed = serde_json::json!({ "name": "张建国", "role": "SHIFT_LEADER" });
    let files = [
        ("torn.json", "{\"kind\": \"K07\", ".to_owned(), "file", "drop.unreadable"),
        ("bytes.json", "\u{1}\u{2}".to_owned(), "file", "drop.unreadable"),
        ("large.json", " ".repeat(1024 * 1024 + 1), "file", "limit"),
        ("signed.json", with(draft("a"), "signed_off_by", signed), "header.signed_off_by", "program.sign_off"),
        (
            "leader.json",
            with(draft("b"), "sender", serde_json::json!({ "role": "COMMANDER" })),
            "header.sender.role",
            "program.role",
        ),
        ("round.json", with(draft("c"), "hops", 8.into()), "header.hops", "program.hops"),
        ("nobody.json", with(draft("d"), "recipients", Value::Null), "header.recipients", ""),
    ];
    for (name, text, ..) in &files {
        spool.put(name, text);
    }
    std::os::unix::fs::symlink("/etc/hostname", spool.path("in").join("link.json")).unwrap();
    for (name, _, field, rule) in &files {
        let result = spool.result("refused", name).await;
        let problem = &result["problem"];
        assert_eq!((&result["outcome"], &problem["field"]), (&"refused".into(), &(*field).into()), "{result}");
        assert!(rule.is_empty() || problem["rule"] == *rule, "{result}");
        assert!(["text_zh", "text_en", "remedy_zh", "remedy_en"].iter().all(|key| problem[key] != ""), "{result}");
    }
    assert_eq!(spool.result("refused", "link.json").await["problem"]["rule"], "drop.plain_file");

    // an alert is signed off by a person, and a program is none
    let alert = proto::rules::example(model::kind::Kind::Alert, proto::status::Lang::Zh, spool.world.clock.now());
    let mut alert = proto::rules::draft_to_json(&alert);
    alert["header"]["recipients"] = serde_json::json!([{ "jurisdiction": { "id": XZ } }]);
    for given in ["signed_off_by", "sender", "prepared_by"] {
        alert["header"].as_object_mut().unwrap().remove(given);
    }
    spool.put("alert.json", alert.to_string());
    let result = spool.result("refused", "alert.json").await;
    assert_eq!(result["problem"]["field"], "header.signed_off_by", "{result}");

    assert!(spool.world.agent(XZ).inbox().is_empty());
    spool.world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_is_sent_once_however_often_the_agent_is_killed() {
    const FILES: usize = 24;
    let mut spool = Spool::of(600).await;
    for at in 0..FILES {
        spool.put(&format!("{at:02}.json"), draft(&format!("第{at}号")).to_string());
    }
    for kill in 1..=4 {
        spool.world.agent(XZ).has_received(kill * 3).await;
        spool.world.agent_mut(LY).kill().await;
        spool.world.agent_mut(LY).start().await;
    }
    for at in 0..FILES {
        spool.result("done", &format!("{at:02}.json")).await;
    }
    let received = spool.world.agent(XZ).has_received(FILES).await;
    let title = |id: &MessageId| spool.world.agent(XZ).inside().summary(*id).unwrap().title;
    let titles: BTreeSet<String> = received.iter().map(title).collect();
    assert_eq!((received.len(), titles.len()), (FILES, FILES));
    spool.world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_was_journalled_before_the_kill_is_not_sent_again_and_one_that_was_not_is_sent_late() {
    let mut spool = Spool::of(60).await;
    let journalled = spool.world.agent(LY).send(bulletin(&[XZ], v1::Precedence::Routine, "已入日志")).await;
    spool.world.agent_mut(LY).kill().await;
    let taken = |id: MessageId, name: &str, headline: &str| {
        std::fs::write(spool.path("sending").join(format!("{id}.{name}")), draft(headline).to_string()).unwrap();
    };
    taken(journalled, "before.json", "已入日志");
    let only_taken = MessageId::new(spool.world.clock.now(), [7; 10]);
    taken(only_taken, "between.json", "只取走了");
    spool.world.clock.advance(Duration::from_hours(2));

    spool.world.agent_mut(LY).start().await;

    let before = spool.result("done", "before.json").await;
    assert_eq!(before["message_id"], journalled.to_string());
    let between = spool.result("done", "between.json").await;
    assert_ne!(between["message_id"], only_taken.to_string(), "a message and its id are of one time");
    let received = spool.world.agent(XZ).has_received(2).await;
    assert_eq!(received.len(), 2);
    spool.world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_program_has_its_share_of_each_hour_and_a_restart_gives_no_new_one() {
    let mut spool = Spool::of(2).await;
    for name in ["1.json", "2.json"] {
        spool.put(name, draft(name).to_string());
        spool.result("done", name).await;
    }
    spool.world.agent_mut(LY).kill().await;
    spool.world.agent_mut(LY).start().await;
    spool.put("3.json", draft("3").to_string());
    let result = spool.result("refused", "3.json").await;
    assert_eq!((&result["problem"]["rule"], &result["problem"]["field"]), (&"program.rate".into(), &"per_hour".into()));

    spool.world.clock.advance(Duration::from_hours(1));
    spool.put("4.json", draft("4").to_string());
    spool.result("done", "4.json").await;
    spool.world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_stays_where_results_cannot_be_written_and_is_sent_once_when_they_can() {
    let spool = Spool::of(60).await;
    spool.put("first.json", draft("先").to_string());
    spool.result("done", "first.json").await;
    // nothing can be filed where a file stands in the place of the folder: as on a disk that is full, also for root
    std::fs::rename(spool.path("done"), spool.path("aside")).unwrap();
    std::fs::write(spool.path("done"), "").unwrap();
    spool.put("second.json", draft("后").to_string());
    spool.put("third.json", draft("再后").to_string());
    let received = spool.world.agent(XZ).has_received(2).await;
    assert!(spool.path("in").join("third.json").exists(), "nothing is taken while something waits");

    std::fs::remove_file(spool.path("done")).unwrap();
    std::fs::rename(spool.path("aside"), spool.path("done")).unwrap();

    let result = spool.result("done", "second.json").await;
    assert!(received.iter().any(|id| result["message_id"] == id.to_string()));
    spool.result("done", "third.json").await;
    assert_eq!(spool.world.agent(XZ).has_received(3).await.len(), 3);
    spool.world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_that_was_removed_is_made_again_and_watched() {
    let spool = Spool::of(60).await;
    spool.put("first.json", draft("先").to_string());
    spool.result("done", "first.json").await;

    std::fs::remove_dir_all(spool.path("")).unwrap();

    within("the folder is made again", appears(&spool.path("refused"))).await;
    spool.put("second.json", draft("后").to_string());
    spool.result("done", "second.json").await;
    assert_eq!(spool.world.agent(XZ).has_received(2).await.len(), 2);
    spool.world.end().await;
}
