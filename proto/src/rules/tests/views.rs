//! What people see, on the small contract.

use serde_json::json;

use super::*;
use crate::rules::{secret, view};

fn shown(kind: Kind, value: &serde_json::Value, lang: Lang) -> Vec<String> {
    let line = |line: view::ViewLine| format!("{}{}: {}", "  ".repeat(line.indent.into()), line.label, line.value);
    view::lines(sample(), &body(kind, value), lang).into_iter().map(line).collect()
}

#[test]
fn a_body_is_shown_by_names_and_values_in_the_language_of_its_reader() {
    let value = plus(request(), "needed_for", json!("5400s"));
    let value = with(value, "/items/0", json!({"quantity": 2, "necessity": "NICE", "balance_fen": 1_250_050}));

    let zh = [
        "目标: 排涝",
        "需求项 1: ",
        "  数量: 2 吨",
        "  必要性: 可选",
        "  金额: 12500.50 元",
        "需求项 2: ",
        "  数量: 100 吨",
        "  必要性: 必需",
        "  原因: 断电",
        "需用时间: 2026-07-18 12:00 +08:00",
        "需用时长: 1 小时 30 分钟",
        "公路: ",
        "  编号: G2",
    ];
    assert_eq!(shown(Kind::ResourceRequest, &value, Lang::Zh), zh);
    assert_eq!(shown(Kind::ResourceRequest, &value, Lang::En)[2], "  Quantity: 2 t");
}

#[test]
fn nothing_that_a_text_says_acts_on_the_screen_that_shows_it() {
    let hostile = "\u{1b}[2J<b>全部\u{202e}解除</b>\r\n第二行\r第三行";
    let body = body(Kind::IncidentReport, &json!({ "title": hostile }));

    let lines = view::lines(sample(), &body, Lang::Zh);
    assert_eq!(lines[0].value, "⟨U+001B⟩[2J<b>全部⟨U+202E⟩解除</b>\n第二行⟨U+000D⟩第三行");
    let title = view::title(sample(), &body, Lang::Zh);
    assert_eq!(title, "⟨U+001B⟩[2J<b>全部⟨U+202E⟩解除</b> 第二行 第三行");
}

#[test]
fn an_unknown_count_is_never_shown_as_zero() {
    let count = |dead, lang| shown(Kind::IncidentReport, &with(report(), "/dead", dead), lang)[1].clone();

    assert_eq!(count(json!({"certainty": "UNKNOWN"}), Lang::Zh), "死亡: 不明");
    assert_eq!(count(json!({"certainty": "UNKNOWN", "count": 0}), Lang::En), "Dead: unknown");
    assert_eq!(count(json!({}), Lang::En), "Dead: unknown");
    let confirmed = json!({"certainty": "CONFIRMED", "count": 2, "as_of": "2026-07-18T03:05:09Z"});
    assert_eq!(count(confirmed, Lang::Zh), "死亡: 2（已核实，截至 2026-07-18 11:05:09 +08:00）");
    assert_eq!(count(json!({"certainty": "ESTIMATED", "count": 3}), Lang::En), "Dead: about 3 (estimated)");
}

#[test]
fn places_ids_and_bytes_are_short_and_personal_data_is_marked() {
    let value = json!({
        "title": "a", "point": {"lat_e7": 346_283_000, "lon_e7": 1_183_164_000}, "phone": "0539-8000000",
        "follows": "01981a30-25a0-7000-8000-000000000001", "blob": "AAECAwQFBgcICQ==", "public": true, "share": 12.5,
    });
    let lines = view::lines(sample(), &body(Kind::IncidentReport, &value), Lang::En);
    let values: Vec<&str> = lines.iter().map(|line| line.value.as_str()).collect();
    let id = "01981a30-25a0-7000-8000-000000000001";
    let expected = ["a", "34.62830°N 118.31640°E", "0539-8000000", id, "0001020304050607…", "12.5%", "yes"];
    assert_eq!(values, expected);
    assert_eq!(
        lines.iter().map(|line| line.personal).collect::<Vec<_>>(),
        [false, false, true, false, false, false, false]
    );
}

#[test]
fn a_title_is_the_bodys_own_or_its_kind_with_the_first_text() {
    let title = |kind, value: &serde_json::Value, lang| view::title(sample(), &body(kind, value), lang);

    assert_eq!(title(Kind::IncidentReport, &report(), Lang::En), "沂河超警");
    assert_eq!(title(Kind::ResourceRequest, &request(), Lang::Zh), "资源请求：排涝");
    assert_eq!(title(Kind::ResourceRequest, &json!({}), Lang::En), "Resource request");
    let long = with(report(), "/title", json!("水".repeat(80)));
    assert_eq!(title(Kind::IncidentReport, &long, Lang::Zh).chars().count(), 60);
    assert_eq!(view::title(sample(), &Bytes::new(), Lang::Zh), "");
}

#[test]
fn the_marking_of_a_state_secret_is_found_at_any_depth() {
    let marked = |value| secret::marking(sample(), &body(Kind::ResourceRequest, &value));

    assert_eq!(marked(request()), None);
    assert_eq!(marked(with(request(), "/items/1/why", json!("机密★1年"))), Some("body.items[1].why".to_owned()));
    assert_eq!(marked(plus(request(), "toward", json!(["a", "绝 密"]))), Some("body.toward[1]".to_owned()));
    assert_eq!(marked(with(request(), "/effect", json!("涉及商业秘密"))), None);
}
