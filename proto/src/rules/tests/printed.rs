//! The printed reference and the released contract lie in the repository as the contract makes them.

use std::{env, fs, path::PathBuf};

use super::*;
use crate::rules;

fn check_or_write(path: PathBuf, made: &[u8]) -> Option<PathBuf> {
    if env::var_os("UPDATE_REFERENCE").is_some() {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, made).unwrap();
    }
    (fs::read(&path).unwrap_or_default() != made).then_some(path)
}

#[test]
fn the_printed_reference_is_what_the_contract_says() {
    let home = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    for (lang, folder) in [(Lang::Zh, "zh-CN"), (Lang::En, "en")] {
        let folder = home.join("../docs/reference").join(folder);
        let pages = rules::reference(lang);
        let stale: Vec<PathBuf> =
            pages.iter().filter_map(|(name, text)| check_or_write(folder.join(name), text.as_bytes())).collect();
        assert!(stale.is_empty(), "UPDATE_REFERENCE=1 writes what is stale: {stale:?}");
        let known = |name: &std::ffi::OsStr| pages.keys().any(|page| name == page.as_str());
        let strange: Vec<_> = fs::read_dir(&folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name())
            .filter(|name| !known(name))
            .collect();
        assert!(strange.is_empty(), "no page of the reference: {strange:?}");
    }
}

#[test]
fn the_printed_reference_names_every_kind_and_every_field() {
    let pages = rules::reference(Lang::En);
    let text: String = pages.values().flat_map(|page| [page.as_str(), "\n"]).collect();
    for info in rules::kinds() {
        assert!(text.contains(&format!("## {} {}", info.kind.code(), info.en)), "{info:?}");
        for field in rules::fields(info.kind) {
            assert!(text.contains(&format!("| `{}` |", field.path)), "{}", field.path);
        }
    }
}

#[test]
fn the_released_contract_is_whole_and_holds_nothing_private() {
    let bytes = rules::released();
    let pool = DescriptorPool::decode(&*bytes).unwrap();
    assert!(pool.get_message_by_name("liandong.v1.Envelope").is_some());
    assert!(
        pool.files()
            .all(|file| !file.name().contains("record") && file.file_descriptor_proto().source_code_info.is_none())
    );
    let schema = Schema::of(&pool, "liandong.v1.Body");
    let rule = &schema.body_of(Kind::ResourceRequest).unwrap().field("items").unwrap().rule;
    assert!(rule.required && !rule.zh.is_empty(), "our options are kept");
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("released/liandong.binpb");
    assert!(
        fs::metadata(path).is_ok_and(|found| found.len() > 10_000),
        "cargo run -p proto --example release writes it"
    );
}
