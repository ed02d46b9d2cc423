//! Stand-in for `proto::rules` until it lands.
#![allow(dead_code, unused_variables, clippy::unnecessary_wraps, missing_docs)]
use model::{header::Header, invalid::Invalid, kind::Kind, time::Timestamp};
use proto::{status::Lang, v1};
use serde_json::{Value, json};

#[derive(Debug)]
pub struct KindInfo {
    pub kind: Kind,
    pub zh: &'static str,
    pub en: &'static str,
}
#[derive(Debug, Default)]
pub struct FieldInfo {
    pub path: String,
    pub zh: String,
    pub en: String,
    pub help: String,
    pub type_name: String,
    pub unit: String,
    pub required: bool,
    pub when: Vec<String>,
    pub values: Vec<(String, String, String)>,
    pub source: String,
    pub example_zh: String,
    pub example_en: String,
}
#[derive(Debug)]
pub struct ViewLine {
    pub indent: usize,
    pub label: String,
    pub value: String,
    pub personal: bool,
}

static KINDS: &[KindInfo] = &[KindInfo { kind: Kind::Bulletin, zh: "信息通报", en: "Bulletin" }];
pub fn kinds() -> &'static [KindInfo] {
    KINDS
}
pub fn kind(text: &str) -> Option<&'static KindInfo> {
    KINDS.iter().find(|k| k.kind.name().eq_ignore_ascii_case(text) || k.zh == text)
}
pub fn fields(kind: Kind) -> Vec<FieldInfo> {
    vec![FieldInfo {
        path: "headline".into(),
        zh: "标题".into(),
        en: "Headline".into(),
        required: true,
        type_name: "text".into(),
        ..Default::default()
    }]
}
fn body(headline: &str) -> Option<v1::Body> {
    Some(v1::Body { body: Some(v1::body::Body::Bulletin(v1::Bulletin { headline: headline.into() })) })
}
pub fn example(kind: Kind, lang: Lang, now: Timestamp) -> v1::Draft {
    v1::Draft {
        header: Some(v1::Header {
            recipients: vec![v1::Address {
                to: Some(v1::address::To::Jurisdiction(v1::JurisdictionAddress { id: "320700".into(), role: 0 })),
            }],
            ..Default::default()
        }),
        body: body("沂河大桥北侧危化品槽车侧翻"),
        inline: vec![],
    }
}
pub fn draft_to_json(draft: &v1::Draft) -> Value {
    let v1::body::Body::Bulletin(b) = draft.body.clone().unwrap().body.unwrap();
    json!({"kind": "BULLETIN", "body": {"headline": b.headline}})
}
pub fn draft_from_json(kind: Option<Kind>, value: &Value) -> Result<v1::Draft, Invalid> {
    let headline = value["body"]["headline"].as_str().ok_or_else(|| Invalid::missing("body.headline"))?;
    Ok(v1::Draft { header: None, body: body(headline), inline: vec![] })
}
pub fn set(value: &mut Value, path: &str, text: &str, kind: Kind) -> Result<(), Invalid> {
    value["body"][path] = text.into();
    Ok(())
}
pub fn view(body: &v1::Body, lang: Lang) -> Vec<ViewLine> {
    let Some(v1::body::Body::Bulletin(b)) = &body.body else { return vec![] };
    vec![ViewLine { indent: 0, label: "标题".into(), value: b.headline.clone(), personal: false }]
}
pub fn title(body: &v1::Body, lang: Lang) -> String {
    String::new()
}
