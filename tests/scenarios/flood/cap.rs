//! The same warnings in the words of CAP: exported, imported, and held against the chains that are here.

use agent::formats::cap::{self, Reading};
use model::ids::Digest;

use super::*;
use crate::world::live::hangs_up;

/// What a message of LY's says as a CAP file that others would take.
async fn exported(flood: &Flood, id: MessageId) -> v1::CapAlert {
    let written = flood.0.agent(LY).inside().write_cap(id).await.unwrap();
    assert!(!written.original);
    let Reading { alert, findings } = cap::read(&written.file).unwrap();
    assert_eq!(findings, [], "what we write breaks no rule");
    alert.unwrap()
}

fn value<'a>(values: &'a [v1::CapNamedValue], name: &str) -> &'a str {
    values.iter().find(|known| known.value_name == name).map_or("", |known| &known.value)
}

/// What a desk says to a file: the rules that it breaks, and the draft.
fn read(flood: &Flood, city: &str, file: &str) -> (Vec<String>, v1::ReadCapResponse) {
    let ask = v1::ReadCapRequest { file: file.to_owned().into(), name: "warning.xml".into(), as_new: false };
    let read = flood.0.agent(city).inside().read_cap(&ask).unwrap();
    (read.findings.iter().map(|finding| finding.rule.clone()).collect(), read)
}

/// What a desk made of a file, with the file, ready to be sent.
fn by_file(flood: &Flood, answer: v1::ReadCapResponse, file: &str) -> Paper {
    let (header, file) = (answer.header.unwrap(), Bytes::copy_from_slice(file.as_bytes()));
    let mut paper = flood.warning(v1::AlertAction::Issue, v1::WarningLevel::Yellow, 12);
    (paper.0.body, paper.0.inline) = (answer.body, vec![file.clone()]);
    paper.header(|wire| {
        (wire.action, wire.warning_level) = (header.action, header.warning_level);
        (wire.preceding_message_id, wire.recipients) = (header.preceding_message_id, header.recipients);
        wire.attachments = vec![v1::Attachment {
            name: "warning.xml".into(),
            mime: cap::MEDIA_TYPE.into(),
            bytes: file.len() as u64,
            sha256: Digest::of(&file).0.to_vec().into(),
            placement: v1::Placement::Inline.into(),
        }];
    })
}

/// LY's yellow warning and the red one that replaced it, with what CAP says of the red one.
async fn raised() -> (Flood, [MessageId; 2], v1::CapAlert) {
    use v1::{AlertAction, WarningLevel};
    let flood = Flood::begins().await;
    let (yellow, _) = flood.send(LY, flood.warning(AlertAction::Issue, WarningLevel::Yellow, 12)).await;
    flood.minutes(120);
    let raised = flood.warning(AlertAction::Upgrade, WarningLevel::Red, 28).follows(yellow);
    let (red, _) = flood.send(LY, raised).await;
    let said = exported(&flood, red).await;
    (flood, [yellow, red], said)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_warning_is_exported_in_the_words_of_the_standard() {
    let (flood, [yellow, _], red) = raised().await;
    let first = exported(&flood, yellow).await;

    assert_eq!((first.message_type(), first.status()), (v1::CapMessageType::Alert, v1::CapStatus::Actual));
    assert_eq!((first.sender.as_str(), first.identifier.len()), ("371300@linyi", 31));
    assert!(
        first.identifier.starts_with("37130045000000_") && first.identifier.ends_with("_0"),
        "{}",
        first.identifier
    );
    let info = &first.infos[0];
    assert_eq!((info.severity(), info.language.as_str()), (v1::CapSeverity::Moderate, "zh-CN"));
    assert_eq!((value(&info.parameters, "CN:color"), value(&info.parameters, "CN:level")), ("Yellow", "3"));
    assert_eq!(value(&info.parameters, "CN:identifier"), first.identifier);
    let corner = info.areas[0].polygons[0].points[1];
    assert_eq!((corner.lat_e7, corner.lon_e7), (344_000_000, 1_186_000_000));

    assert_eq!((red.message_type(), red.infos[0].severity()), (v1::CapMessageType::Update, v1::CapSeverity::Extreme));
    let named = v1::CapReference { sender: first.sender, identifier: first.identifier, sent: first.sent };
    assert_eq!(red.references, [named], "one, and it is the yellow one");
    flood.0.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn identifiers_are_given_ten_a_second_and_none_twice() {
    let flood = Flood::begins().await;
    let mut given = Vec::new();
    let warning = || flood.warning(v1::AlertAction::Issue, v1::WarningLevel::Blue, 2).0;
    // the first is given to a caller that goes away
    hangs_up(flood.0.agent(LY).inside().send(warning())).await;
    for _ in 0..10 {
        let id = flood.0.agent(LY).send(warning()).await;
        given.push(exported(&flood, id).await.identifier);
    }
    let (second, rest): (Vec<_>, Vec<_>) =
        given.iter().map(|name| name.split_at(29)).partition(|(s, _)| *s == &given[0][..29]);
    assert_eq!(second.iter().map(|(_, n)| *n).collect::<String>(), "_1_2_3_4_5_6_7_8_9");
    assert!(rest.len() == 1 && rest[0].1 == "_0" && rest[0].0 > second[0].0, "{rest:?}");
    flood.0.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_update_by_file_of_what_is_superseded_leaves_two_heads_and_is_told() {
    let (flood, [yellow, red], said) = raised().await;
    let before = exported(&flood, yellow).await;
    let mut update = said;
    update.identifier = "37130045000000_20270720081000_7".into();
    update.infos[0].parameters.retain(|parameter| !parameter.value_name.starts_with("CN:"));
    update.infos[0].parameters.push(v1::CapNamedValue { value_name: "CN:color".into(), value: "Yellow".into() });
    let file = cap::write(&update);
    assert_eq!(update.references.len(), 1);

    let (rules, answer) = read(&flood, LY, &file);
    assert_eq!(rules, ["CAP.C23"]);
    let header = answer.header.clone().unwrap();
    assert_eq!(header.preceding_message_id, bytes_of(red), "the newest message goes before");
    assert_eq!(header.recipients, [XZ, LYG].map(crate::world::drafts::jurisdiction));

    let paper = by_file(&flood, answer, &file);
    let file = Bytes::from(file);
    let mut changed = paper.clone();
    let v1::body::Body::Alert(alert) = changed.body() else { panic!("an alert") };
    alert.cap.as_mut().unwrap().note = "改过".into();
    let refused = flood.0.agent(LY).inside().send(changed.0).await.unwrap_err();
    assert_eq!((refused.reason.code(), refused.rule.as_str()), ("LD208_CAP_INVALID", "CAP.ORIGINAL"));
    let (stray, _) = flood.send(LY, paper).await;

    for city in [LY, XZ] {
        let parts = flood.0.agent(city).inside().matter(stray).unwrap().parts;
        let colours: Vec<&str> = parts.iter().map(|part| part.detail.as_str()).collect();
        assert_eq!(colours, ["RED", "YELLOW"], "both heads are kept at {city}");
        let told = flood.discrepancies(city).await;
        assert!(told.iter().any(|task| task.detail.starts_with("预警链出现分叉")), "{told:?}");
    }
    let back = flood.0.agent(XZ).inside().write_cap(stray).await.unwrap();
    assert_eq!((back.original, back.file), (true, file.clone()), "not one byte is changed");
    let again = read(&flood, LY, std::str::from_utf8(&file).unwrap()).1;
    assert_eq!((again.known_message_id, again.header), (bytes_of(stray), None), "twice is once");
    assert_eq!(before.references, []);
    flood.0.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_may_do_to_a_chain_only_what_its_sender_may() {
    let (flood, _, red) = raised().await;
    let update = |change: fn(&mut v1::CapAlert)| {
        let mut update = v1::CapAlert { identifier: "LY-7".into(), ..red.clone() };
        update.references = vec![v1::CapReference {
            sender: red.sender.clone(),
            identifier: red.identifier.clone(),
            sent: red.sent.clone(),
        }];
        change(&mut update);
        cap::write(&update)
    };
    let lawful = update(|_| {});
    assert_eq!(read(&flood, LY, &lawful).0, [] as [&str; 0]);
    let foreign = update(|update| update.sender = "371100@linyi".into());
    for city in [LY, XZ] {
        assert_eq!(read(&flood, city, &foreign).0, ["CAP.C22"], "RZ speaks for itself alone");
    }
    assert_eq!(read(&flood, RZ, &foreign).0, ["CAP.C21"], "it never came there");
    let played = update(|update| update.status = v1::CapStatus::Exercise.into());
    assert_eq!(read(&flood, LY, &played).0, ["CAP.C27"]);
    for (by, broken) in [("320300@linyi", vec![]), ("371100@linyi", vec!["CAP.C25"])] {
        let mut ack = cap::read(lawful.as_bytes()).unwrap().alert.unwrap();
        (ack.sender, ack.message_type) = (by.into(), v1::CapMessageType::Ack.into());
        let (rules, answer) = read(&flood, LY, &cap::write(&ack));
        assert_eq!((rules, answer.header), (broken.into_iter().map(str::to_owned).collect(), None));
    }
    let as_new = v1::ReadCapRequest { file: foreign.into(), name: "w.xml".into(), as_new: true };
    let new = flood.0.agent(RZ).inside().read_cap(&as_new).unwrap().header.unwrap();
    assert_eq!((new.action(), new.preceding_message_id.len()), (v1::Action::Originate, 0));

    flood.minutes(31 * 60);
    assert_eq!(read(&flood, LY, &lawful).0, ["CAP.C24"], "it has expired");
    flood.0.end().await;
}

/// A warning of the weather office, which is no member: its first, or one that refers to that.
fn of_the_office(like: &v1::CapAlert, number: u8, message_type: v1::CapMessageType) -> v1::CapAlert {
    let named = |number: u8| (("office@weather".to_owned(), format!("W-{number}")), like.sent.clone());
    let ((sender, identifier), sent) = named(1);
    let before = v1::CapReference { sender, identifier, sent };
    let ((sender, identifier), _) = named(number);
    let references = if number == 1 { Vec::new() } else { vec![before] };
    v1::CapAlert { sender, identifier, references, message_type: message_type.into(), ..like.clone() }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_neighbour_says_of_another_house_never_stands_in_the_way_of_the_file_itself() {
    use v1::CapMessageType::{Alert, Cancel, Update};
    let (flood, _, like) = raised().await;
    let [first, update, end] = [(1, Alert), (2, Update), (3, Cancel)].map(|(n, what)| of_the_office(&like, n, what));
    let forged = cap::write(&v1::CapAlert { note: "改过".into(), ..first.clone() });
    let [first, update, end] = [first, update, end].map(|said| cap::write(&said));
    let take = async |city: &str, file: &str| {
        let (rules, answer) = read(&flood, city, file);
        assert_eq!((rules.as_slice(), answer.known_message_id.len()), ([].as_slice(), 0), "{city}");
        flood.send(city, by_file(&flood, answer, file)).await.0
    };
    let known = |city: &str, file: &str| read(&flood, city, file).1.known_message_id;

    let theirs = take(XZ, &forged).await;
    assert_eq!(known(LY, &forged), bytes_of(theirs), "the same file");
    assert_eq!(read(&flood, LY, &update).0, ["CAP.C21"], "a neighbour's chain is not ours to change");
    let ours = take(LY, &first).await;
    assert_eq!(known(LY, &first), bytes_of(ours));

    let ended = take(XZ, &end).await;
    assert_eq!(known(XZ, &end), bytes_of(ended), "a cancellation is not taken twice either");
    let follows = read(&flood, LY, &update).1.header.unwrap().preceding_message_id;
    assert_eq!(follows, bytes_of(ours), "though the older chain is theirs, and over");
    take(LY, &end).await;
    assert_eq!(flood.0.agent(LY).inside().matter(ours).unwrap().state.unwrap().name, "CANCELLED");
    flood.0.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_cancellations_in_one_second_have_two_identifiers() {
    use v1::{AlertAction, WarningLevel};
    let flood = Flood::begins().await;
    let mut given = std::collections::BTreeSet::new();
    for _ in 0..2 {
        let (id, _) = flood.send(LY, flood.warning(AlertAction::Issue, WarningLevel::Blue, 2)).await;
        let end = flood.warning(AlertAction::Cancel, WarningLevel::Blue, 2).follows(id);
        let end = flood.0.agent(LY).send(end.header(|header| header.action = v1::Action::Cancel.into()).0).await;
        given.extend([exported(&flood, id).await.identifier, exported(&flood, end).await.identifier]);
    }
    assert_eq!(given.len(), 4, "{given:?}");
    flood.0.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_alert_of_our_own_keeps_the_rules_of_the_standard_too() {
    let flood = Flood::begins().await;
    let send = async |change: fn(&mut v1::Alert)| {
        let mut paper = flood.warning(v1::AlertAction::Issue, v1::WarningLevel::Yellow, 12);
        let v1::body::Body::Alert(alert) = paper.body() else { panic!("an alert") };
        change(alert);
        let refused = flood.0.agent(LY).inside().send(paper.0).await.unwrap_err();
        (refused.reason.code().to_owned(), refused.rule, refused.field)
    };
    let (reason, rule, field) = send(|alert| alert.areas[0].polygons[0].points.swap(1, 2)).await;
    assert_eq!((&*reason, &*rule, &*field), ("LD208_CAP_INVALID", "CAP.C07", "body.cap.info[0].area[0].polygon[0]"));
    let (_, rule, _) = send(|alert| alert.cap.as_mut().unwrap().infos[0].web = "x.html".into()).await;
    assert!(rule.ends_with("web.format") || rule == "CAP.C10", "{rule}");
    let (_, rule, _) = send(|alert| {
        let before = prost_types::Timestamp { seconds: 1_000, nanos: 0 };
        (alert.effective, alert.expires) = (Some(before), Some(before));
    })
    .await;
    assert_eq!(rule, "CAP.C26");
    flood.0.end().await;
}
