//! Every page as people see it, in both languages.

use proto::v1;

use super::browser::Browser;
use super::{desks, told};
use crate::world::drafts::INCIDENT;
use crate::world::region::{LY, XZ};

/// A page without what differs from run to run: ids, digests, tokens.
fn settled(page: &str) -> String {
    let mut text = String::new();
    let mut run = String::new();
    for c in page.chars().chain(['\n']) {
        if c.is_ascii_hexdigit() || c == '-' {
            run.push(c);
            continue;
        }
        text.push_str(if run.len() >= 16 { "…" } else { &run });
        run.clear();
        text.push(c);
    }
    let text = without_port(&text);
    let shown = text.lines().map(str::trim_end).filter(|line| !line.is_empty() && !is_dump(line));
    shown.collect::<Vec<_>>().join("\n")
}

/// The address of the broker without its port, which is another one in each run.
fn without_port(text: &str) -> String {
    let mut parts = text.split("127.0.0.1:");
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |all, part| all + "127.0.0.1:…" + part.trim_start_matches(|c: char| c.is_ascii_digit()))
}

/// A line of the raw bytes, which are others in each run.
fn is_dump(line: &str) -> bool {
    let is_place = |place: &str| place.bytes().all(|b| b.is_ascii_hexdigit());
    line.get(..6).is_some_and(is_place) && line.get(6..8) == Some("  ") || line.contains("class=\"raw\"")
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_are_as_they_were_in_both_languages() {
    let world = desks().await;
    for lang in ["zh-CN", "en"] {
        let mut ly = Browser::at(&world, LY).with_cookie("ld-lang", lang);
        insta::assert_snapshot!(format!("login_{lang}"), settled(&ly.get("/login").await.body));
        ly.sign_in("officer", "DUTY_OFFICER").await;
        insta::assert_snapshot!(format!("inbox_empty_{lang}"), settled(&ly.get("/inbox").await.body));
    }
    let id = told(&world, v1::Precedence::Flash, "槽车侧翻").await;
    world.agent(XZ).stage(id, LY, v1::Stage::Delivered).await;
    for lang in ["zh-CN", "en"] {
        let mut ly = Browser::at(&world, LY).with_cookie("ld-lang", lang);
        ly.sign_in("officer", "DUTY_OFFICER").await;
        insta::assert_snapshot!(format!("inbox_{lang}"), settled(&ly.get(&format!("/inbox?m={id}")).await.body));
        let mut xz = Browser::at(&world, XZ).with_cookie("ld-lang", lang);
        xz.sign_in("officer", "DUTY_OFFICER").await;
        insta::assert_snapshot!(format!("sent_{lang}"), settled(&xz.get("/inbox?tab=sent").await.body));
        insta::assert_snapshot!(format!("trace_{lang}"), settled(&xz.get(&format!("/m/{id}/trace")).await.body));
        insta::assert_snapshot!(format!("failure_{lang}"), settled(&ly.get("/nothing").await.body));
    }
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_to_work_with_are_as_they_were_in_both_languages() {
    let world = desks().await;
    let id = told(&world, v1::Precedence::Immediate, "沂河水位超警戒").await;
    let places = [
        ("compose", "/compose".to_owned()),
        ("resources_empty", "/resources".to_owned()),
        ("incidents", "/incidents".to_owned()),
        ("incident", format!("/incidents/{INCIDENT}")),
        ("duty", "/duty".to_owned()),
        ("meetings", "/meetings".to_owned()),
        ("neighbours", "/neighbours".to_owned()),
        ("catalogue", "/catalogue?q=x&kind=TEAM".to_owned()),
        ("wall", "/wall".to_owned()),
    ];
    for lang in ["zh-CN", "en"] {
        let mut ly = Browser::at(&world, LY).with_cookie("ld-lang", lang);
        ly.sign_in("officer", "DUTY_OFFICER").await;
        for (name, path) in &places {
            let page = ly.get(path).await;
            assert_eq!(page.code, 200, "{path}: {}", page.body);
            insta::assert_snapshot!(format!("{name}_{lang}"), settled(&page.body));
        }
        let draft = ly.act("/compose", &[("begin", "bulletin")]).await.location();
        ly.act(&draft, &[("to-shown", "1"), ("body.valid_until", "soon"), ("review", "1")]).await;
        insta::assert_snapshot!(format!("draft_{lang}"), settled(&ly.get(&draft).await.body));
        let whole = [
            ("to-shown", "1"),
            ("to", XZ),
            ("header.precedence", "FLASH"),
            ("header.event_level", "L2"),
            ("header.category", "NATURAL"),
            ("header.incident_id", INCIDENT),
            ("body.headline", "沂河水位超警戒"),
            ("body.subtype", "NOTICE"),
            ("body.body", "请沿河单位注意。"),
            ("body.valid_until", "2027-05-13T09:00"),
            ("review", "1"),
        ];
        ly.act(&draft, &whole).await;
        let review = ly.get(&format!("{draft}/review")).await;
        insta::assert_snapshot!(format!("review_{lang}"), settled(&review.body));
        ly.act(&draft, &[("discard", "1")]).await;
        assert_eq!(ly.get(&draft).await.code, 404, "what is thrown away is gone");
    }
    assert!(world.agent(LY).inside().summary(id).is_ok());
    world.end().await;
}
