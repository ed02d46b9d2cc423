//! What pages load: part of the program, each under a name that its content decides, so that a browser may keep it for a year.

use std::{collections::BTreeMap, sync::LazyLock};

use certs::signed::hex;
use model::{ids::Digest, precedence::Precedence};

use super::tone;

/// One file.
#[derive(Debug)]
pub struct Asset {
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// Its media type.
    pub mime: &'static str,
    /// Where it lies.
    pub path: String,
}

/// Names and bytes of the files that stand in the repository.
const FILES: &[(&str, &str, &[u8])] = &[
    ("console.css", "text/css; charset=utf-8", include_bytes!("assets/console.css")),
    ("console.js", "text/javascript; charset=utf-8", include_bytes!("assets/console.js")),
    ("htmx.min.js", "text/javascript; charset=utf-8", include_bytes!("assets/vendor/htmx.min.js")),
    ("hx-sse.min.js", "text/javascript; charset=utf-8", include_bytes!("assets/vendor/hx-sse.min.js")),
    ("mark.svg", "image/svg+xml", include_bytes!("assets/mark.svg")),
];

static ASSETS: LazyLock<BTreeMap<String, Asset>> = LazyLock::new(|| {
    let files = FILES.iter().map(|(name, mime, bytes)| ((*name).to_owned(), *mime, bytes.to_vec()));
    let tones = Precedence::ALL.iter().map(|of| (tone::file(*of).to_owned(), "audio/wav", tone::wav(*of)));
    files.chain(tones).map(|(name, mime, bytes)| (name.clone(), asset(&name, mime, bytes))).collect()
});

fn asset(name: &str, mime: &'static str, bytes: Vec<u8>) -> Asset {
    let digest: String = hex(&Digest::of(&bytes).0).chars().take(16).collect();
    Asset { path: format!("/assets/{digest}/{name}"), bytes, mime }
}

/// The file of this name.
pub fn get(name: &str) -> Option<&'static Asset> {
    ASSETS.get(name)
}

/// Where a page finds it; empty where there is none, which a test finds.
pub fn path(name: &str) -> &'static str {
    get(name).map_or("", |asset| &asset.path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_follows_from_the_content() {
        for (name, asset) in ASSETS.iter() {
            let hash: String = hex(&Digest::of(&asset.bytes).0).chars().take(16).collect();
            assert_eq!(asset.path, format!("/assets/{hash}/{name}"));
        }
        assert_eq!(path("nothing.js"), "");
    }

    #[test]
    fn scripts_stay_small_and_say_nothing_of_others_hosts() {
        let own = std::str::from_utf8(&get("console.js").unwrap().bytes).unwrap();
        assert!(own.lines().count() < 600);
        for bad in ["innerHTML", "insertAdjacentHTML", "document.write", "eval(", "new Function", "http://", "https://"]
        {
            assert!(!own.contains(bad), "console.js says {bad}");
        }
    }
}
