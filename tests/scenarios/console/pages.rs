//! Every page as people see it, in both languages.

use proto::v1;

use super::browser::Browser;
use super::{desks, told};
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
    let shown = text.lines().map(str::trim_end).filter(|line| !line.is_empty() && !is_dump(line));
    shown.collect::<Vec<_>>().join("\n")
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
