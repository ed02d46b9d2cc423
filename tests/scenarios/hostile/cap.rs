//! Files of other houses that want to do harm: refused by rule, and nothing is opened.

use std::fmt::Write as _;
use std::io::ErrorKind;
use std::net::TcpListener;

use agent::formats::cap;
use model::ids::Digest;

use super::*;
use crate::world::region::LYG;

/// A small warning that breaks no rule.
const FLOOD: &str = include_str!("../../../agent/src/formats/cap/tests/flood.cap");

async fn two_cities() -> World {
    let mut world = World::without_agents(&[LY, XZ, LYG], Lands::Known).await;
    for city in [LY, XZ] {
        world.start_agent(city).await;
    }
    for city in [LY, XZ] {
        world.agent(city).linked().await;
    }
    world
}

fn asked(file: &str) -> v1::ReadCapRequest {
    v1::ReadCapRequest { file: Bytes::copy_from_slice(file.as_bytes()), name: "alert.xml".into(), as_new: false }
}

/// A draft of an alert that came as this file, which goes with it.
fn imported(world: &World, file: &[u8], placement: v1::Placement) -> v1::Draft {
    let paper = paper!(Alert, world.clock.now(), |body| {
        body.origin = v1::AlertOrigin::Imported.into();
        body.cn_identifier.clear();
        body.received_xml = "alert.xml".into();
    });
    let draft = paper.header(|header| {
        header.attachments = vec![v1::Attachment {
            name: "alert.xml".into(),
            mime: cap::MEDIA_TYPE.into(),
            bytes: file.len() as u64,
            sha256: Digest::of(file).0.to_vec().into(),
            placement: placement.into(),
        }];
    });
    let inline = if placement == v1::Placement::Inline { vec![Bytes::copy_from_slice(file)] } else { Vec::new() };
    v1::Draft { inline, ..draft.0 }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_names_others_reaches_nobody_and_is_refused_however_it_comes() {
    let world = two_cities().await;
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let port = listener.local_addr().unwrap().port();
    let doctype = format!(
        "<!DOCTYPE alert PUBLIC \"-//A/B/EN\" \"http://127.0.0.1:{port}/a.dtd\" [<!ENTITY % r SYSTEM \
         \"http://127.0.0.1:{port}/b\"> %r; <!ENTITY x SYSTEM \"file:///etc/passwd\">]>"
    );
    let evil = FLOOD.replacen("<!--", &format!("{doctype}<!--"), 1).replace("预计", "&x;预计");

    let read = world.agent(LY).inside().read_cap(&asked(&evil)).unwrap();
    assert_eq!((read.findings[0].rule.as_str(), read.findings[0].level()), ("CAP.C17", v1::CapLevel::Refuse));
    assert_eq!((read.header, read.body), (None, None));
    let attached = imported(&world, evil.as_bytes(), v1::Placement::Inline);
    let refused = world.agent(LY).inside().send(attached).await.unwrap_err();
    assert_eq!((refused.reason.code(), refused.rule.as_str()), ("LD208_CAP_INVALID", "CAP.C17"));

    assert_eq!(listener.accept().unwrap_err().kind(), ErrorKind::WouldBlock, "nobody called");
    assert_eq!(world.accepted_count(), 0);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_schema_lets_through_is_refused_by_its_rule() {
    let world = two_cities().await;
    let (from, to) = (FLOOD.find("<references>").unwrap() + 12, FLOOD.find("</references>").unwrap());
    let without = format!("{}{}", &FLOOD[..from], &FLOOD[to..]);
    let letter = FLOOD.replacen("names:tc:emergency:cap:1.2", "names:tc:emergenci:cap:1.2", 1);
    for (file, rule) in [(without, "CAP.C02"), (letter, "CAP.XSD"), (FLOOD[..900].to_owned(), "CAP.XSD")] {
        let read = world.agent(LY).inside().read_cap(&asked(&file)).unwrap();
        assert_eq!(read.findings[0].rule, rule);
        let attached = imported(&world, file.as_bytes(), v1::Placement::Inline);
        let refused = world.agent(LY).inside().send(attached).await.unwrap_err();
        assert_eq!((refused.reason.code(), refused.rule.as_str()), ("LD208_CAP_INVALID", rule));
    }
    assert_eq!(world.accepted_count(), 0);
    world.end().await;
}

/// A warning of one area with 400 polygons of 64 pairs on the lands of LY and its neighbours.
fn large() -> String {
    let mut polygons = String::new();
    for n in 0..400_u32 {
        let (lat, lon) = (34.42 + f64::from(n / 20) * 0.015, 118.17 + f64::from(n % 20) * 0.02);
        let pair = |k: u32| {
            let angle = f64::from(k % 63) * std::f64::consts::TAU / 63.0;
            format!("{:.6},{:.6}", lat + 0.006 * angle.sin(), lon + 0.006 * angle.cos())
        };
        let pairs: Vec<String> = (0..64).map(pair).collect();
        writeln!(polygons, "<polygon>{}</polygon>", pairs.join(" ")).unwrap();
    }
    let (from, to) = (FLOOD.find("<polygon>").unwrap(), FLOOD.find("<circle>").unwrap());
    let whole = format!("{}{polygons}{}", &FLOOD[..from], &FLOOD[to..]);
    let (from, to) = (whole.find("<references>").unwrap(), whole.find("<incidents>").unwrap());
    format!("{}{}", &whole[..from], &whole[to..]).replace("<msgType>Update", "<msgType>Alert")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_warning_of_four_hundred_polygons_is_taken_and_not_one_byte_of_it_changes() {
    let world = two_cities().await;
    let file = large();
    assert!(file.len() > 460_000, "{} bytes", file.len());
    let begun = tokio::time::Instant::now();
    let read = world.agent(LY).inside().read_cap(&asked(&file)).unwrap();
    let took = begun.elapsed();
    println!("{} bytes read, judged and resolved in {took:?}", file.len());
    assert!(took < Duration::from_secs(5), "{took:?} in a program that is not optimised");
    let reached = read.header.unwrap().recipients;
    assert_eq!(reached, [XZ, LYG].map(crate::world::drafts::jurisdiction));

    let digest = world.desk(LY).put_blob(file.clone().into()).await.unwrap().sha256;
    let mut draft = imported(&world, file.as_bytes(), v1::Placement::Blob);
    let header = draft.header.as_mut().unwrap();
    header.recipients = reached;
    let life = model::kind::Kind::Alert.facts().life;
    header.expires_at = Some(proto::border::time::to_wire(world.clock.now().plus(life)));
    assert_eq!(header.attachments[0].sha256, digest);
    draft.body = read.body;
    header.warning_level = v1::WarningLevel::Orange.into();
    let id = world.agent(LY).send(draft).await;
    world.agent(LY).stage(id, XZ, v1::Stage::Delivered).await;

    let back = world.agent(XZ).inside().write_cap(id).await.unwrap();
    assert_eq!((back.original, back.file.as_ref()), (true, file.as_bytes()));
    let shown = world.desk(XZ).show(&Bytes::copy_from_slice(&id.0)).await.unwrap().content.unwrap().body.unwrap();
    let Some(v1::body::Body::Alert(alert)) = shown.body else { panic!("an alert") };
    let polygons = &alert.cap.as_ref().unwrap().infos[0].areas[0].polygons;
    assert_eq!((polygons.len(), polygons.iter().all(|polygon| polygon.points.len() == 64)), (400, true));
    let again = cap::read(cap::write(alert.cap.as_ref().unwrap()).as_bytes()).unwrap().alert.unwrap();
    assert_eq!(Some(&again), alert.cap.as_ref());
    world.end().await;
}
