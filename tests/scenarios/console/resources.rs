//! Aid in the browser, on both sides: asked for, offered, ordered, promised, sent, and home again. Whoever may not send a step
//! alone writes it, and a leader signs it off from a session of their own.

use agent::console::accounts::Accounts;
use agent::console::post::Post;
use model::ids::MessageId;
use model::kind::Kind;
use model::role::Role;
use proto::rules;
use proto::status::Lang;
use serde_json::Value;

use super::browser::Browser;
use super::{account, desks};
use crate::world::drafts::INCIDENT;
use crate::world::live::World;
use crate::world::region::{LY, XZ};

/// The desks of both cities, person by person.
struct Desks {
    officer: Browser,
    leader: Browser,
    manager: Browser,
}

impl Desks {
    async fn of(world: &World, city: &str) -> Self {
        let accounts = Accounts::of(&world.state(city));
        accounts.add(account("leader", "赵强", &[Post::Desk(Role::ShiftLeader)])).unwrap();
        accounts.add(account("manager", "周涛", &[Post::Desk(Role::ResourceManager)])).unwrap();
        let (mut officer, mut manager) = (Browser::at(world, city), Browser::at(world, city));
        officer.sign_in("officer", "DUTY_OFFICER").await;
        manager.sign_in("manager", "RESOURCE_MANAGER").await;
        let mut leader = Browser::at(world, city);
        let code = leader.second_factor("leader");
        leader.sign_in_with("leader", "SHIFT_LEADER", &code).await;
        Self { officer, leader, manager }
    }
}

/// The fields of the example of a kind, as a person would type them, without those that follow from the message before.
fn typed(world: &World, kind: Kind) -> Vec<(String, String)> {
    let value = rules::draft_to_json(&rules::example(kind, Lang::Zh, world.clock.now()));
    let body = value["body"].as_object().unwrap().values().next().unwrap();
    let mut all = Vec::new();
    flat("body", body, &mut all);
    all
}

fn flat(path: &str, value: &Value, all: &mut Vec<(String, String)>) {
    match value {
        Value::Object(object) if object.contains_key("lat_e7") => {
            let degrees = |name: &str| object[name].as_f64().unwrap() / 1e7;
            all.push((path.to_owned(), format!("{},{}", degrees("lat_e7"), degrees("lon_e7"))));
        }
        Value::Object(object) if object.contains_key("fen") => {
            all.push((path.to_owned(), format!("{}", object["fen"].as_i64().unwrap() / 100)));
        }
        Value::Object(object) => object.iter().for_each(|(name, inner)| flat(&format!("{path}.{name}"), inner, all)),
        Value::Array(list) if list.iter().all(Value::is_object) => {
            list.iter().enumerate().for_each(|(at, inner)| flat(&format!("{path}[{at}]"), inner, all));
        }
        Value::Array(list) => all.push((path.to_owned(), list.iter().map(plain).collect::<Vec<_>>().join("\n"))),
        other => all.push((path.to_owned(), plain(other))),
    }
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// Writes a draft that a button begins; its message, sent by whoever may, once `signer` has signed it if that is needed.
async fn write(
    writer: &mut Browser,
    signer: Option<&mut Browser>,
    begin: &[(&str, &str)],
    fields: &[(String, String)],
) -> MessageId {
    let begun = writer.act("/compose", begin).await;
    assert_eq!(begun.code, 303, "{begin:?}: {}", begun.body);
    let draft = begun.location();
    let mut form: Vec<(&str, &str)> = fields.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
    form.push(("review", "1"));
    let reviewed = writer.act(&draft, &form).await;
    if reviewed.location() != format!("{draft}/review") {
        let page = writer.get(&draft).await.body;
        let faults = page.split("id=\"faults\"").nth(1).and_then(|rest| rest.split("</section>").next());
        panic!("{begin:?}: {faults:?}");
    }
    let send = format!("{draft}/send");
    let sent = match signer {
        None => writer.release(&draft, &[]).await,
        Some(signer) => {
            assert_eq!(writer.act(&send, &[("ask", "1")]).await.code, 303);
            assert!(signer.get(&format!("{draft}/review")).await.body.contains("由你签发"));
            signer.release(&draft, &[]).await
        }
    };
    let to = sent.location();
    let id = to.strip_prefix("/m/").and_then(|rest| rest.strip_suffix("/trace"));
    id.unwrap_or_else(|| panic!("{begin:?} {}: {}", sent.code, sent.body)).parse().unwrap()
}

/// The step of this name on a message, once that has come and is open.
async fn step<'n>(
    world: &World,
    city: &str,
    reader: &mut Browser,
    id: MessageId,
    name: &'n str,
) -> [(&'n str, String); 2] {
    world.agent(city).until("it came", |desk| desk.summary(id).ok()).await;
    reader.act(&format!("/m/{id}/open"), &[]).await;
    let page = reader.get(&format!("/m/{id}")).await.body;
    assert!(page.contains(&format!("name=\"step\" value=\"{name}\"")), "{name} on {page}");
    [("step", name.to_owned()), ("about", id.to_string())]
}

fn said<'n>(pairs: &'n [(&'n str, String); 2]) -> [(&'n str, &'n str); 2] {
    [(pairs[0].0, pairs[0].1.as_str()), (pairs[1].0, pairs[1].1.as_str())]
}

/// In which column of the board something stands.
async fn column(browser: &mut Browser, what: &str) -> String {
    let board = browser.get("/resources?incident=&all=1").await.body;
    let columns = board.split("<section class=\"column ").skip(1);
    let found = columns.filter(|column| column.contains(what)).filter_map(|column| column.split('"').next());
    found.collect::<Vec<_>>().join(" ")
}

#[tokio::test(flavor = "multi_thread")]
async fn aid_is_asked_for_offered_ordered_sent_and_comes_home() {
    let world = desks().await;
    let mut ly = Desks::of(&world, LY).await;
    let mut xz = Desks::of(&world, XZ).await;

    let mut request = typed(&world, Kind::ResourceRequest);
    request.extend(
        [
            ("to-shown", "1"),
            ("to", XZ),
            ("header.incident_id", INCIDENT),
            ("header.event_level", "L4"),
            ("header.category", "ACCIDENT"),
            ("header.agreement_id", "AG-1"),
        ]
        .map(|(name, text)| (name.to_owned(), text.to_owned())),
    );
    let request = write(&mut ly.officer, None, &[("begin", "request")], &request).await;

    // the form of an offer stands on the request: only what a person must decide is typed
    let on = step(&world, XZ, &mut xz.officer, request, "offer").await;
    let offer: Vec<(String, String)> = typed(&world, Kind::ResourceOffer)
        .into_iter()
        .filter(|(name, _)| {
            name.starts_with("body.lines[0]") && !name.ends_with("_no") && !name.contains("resource_ids")
        })
        .collect();
    let items = world.agent(XZ).inside().matter(request).unwrap().parts.len();
    let mut whole = offer.clone();
    for at in 1..items {
        whole.extend(offer.iter().map(|(name, text)| (name.replace("[0]", &format!("[{at}]")), text.clone())));
    }
    for at in 0..items {
        for (name, text) in
            [("answer", "PARTIAL"), ("quantity", "1"), ("reason", "NONE_AVAILABLE"), ("type_level", "1")]
        {
            let path = format!("body.lines[{at}].{name}");
            whole.retain(|(known, _)| *known != path);
            whole.push((path, text.to_owned()));
        }
    }
    let offer = write(&mut xz.officer, Some(&mut xz.leader), &said(&on), &whole).await;

    let on = step(&world, LY, &mut ly.officer, offer, "accept").await;
    assert_eq!(column(&mut ly.officer, "card-item").await.split(' ').next(), Some("requested"));
    let order = typed(&world, Kind::ResourceDecision);
    let order: Vec<_> = order
        .into_iter()
        .filter(|(name, _)| name.contains("funding") || name.contains("mission_brief") || name.contains("report_to"))
        .collect();
    let order = write(&mut ly.officer, Some(&mut ly.leader), &said(&on), &order).await;
    let page = ly.officer.get(&format!("/m/{offer}")).await.body;
    assert!(!page.contains("value=\"accept\""), "what is ordered is not ordered again: {page}");

    let on = step(&world, XZ, &mut xz.officer, order, "commit").await;
    let commitment: Vec<_> = typed(&world, Kind::ResourceCommitment)
        .into_iter()
        .filter(|(name, _)| !name.contains("_id") && !name.contains("resources") || name.ends_with("resource_id"))
        .collect();
    let mut whole = commitment.clone();
    for at in 0..items {
        whole.retain(|(name, _)| !name.starts_with(&format!("body.resources[{at}]")));
        whole.push((format!("body.resources[{at}].resource_id"), format!("320300-T-000{at}")));
    }
    let mission = write(&mut xz.officer, Some(&mut xz.leader), &said(&on), &whole).await;

    for (name, wanted) in
        [("departed", "moving"), ("arrived", "arrived"), ("returning", "returned"), ("returned", "returned")]
    {
        let on = step(&world, XZ, &mut xz.manager, mission, name).await;
        let report = write(&mut xz.manager, None, &said(&on), &[]).await;
        world.agent(LY).until("the report came", |desk| desk.summary(report).ok()).await;
        for browser in [&mut ly.officer, &mut xz.officer] {
            assert!(column(browser, "320300-").await.contains(wanted), "{name}: {wanted}");
        }
    }
    let page = xz.manager.get(&format!("/m/{mission}")).await.body;
    assert!(!page.contains("value=\"departed\""), "who is home does not leave: {page}");
    let story = ly.officer.get(&format!("/resources/{request}")).await.body;
    for word in ["提供", "采用", "派遣承诺", "徐州"] {
        assert!(story.contains(word), "{word}");
    }
    let course = ly.officer.get(&format!("/incidents/{INCIDENT}")).await.body;
    assert!(course.contains("资源请求") && course.contains("派遣动态"), "{course}");
    world.end().await;
}
