//! Which language people read, and how a line is said in it.

use std::env;

pub use proto::status::Lang;

/// The reader's language: `LIANDONG_LANG`, else `LC_ALL`, `LC_MESSAGES`, `LANG`.
pub fn of_environment() -> Lang {
    let said = ["LIANDONG_LANG", "LC_ALL", "LC_MESSAGES", "LANG"]
        .into_iter()
        .find_map(|name| env::var(name).ok().filter(|value| !value.is_empty()));
    Lang::from_tag(said.as_deref().unwrap_or("en"))
}

/// One of two texts.
pub const fn say<'t>(lang: Lang, zh: &'t str, en: &'t str) -> &'t str {
    match lang {
        Lang::Zh => zh,
        Lang::En => en,
    }
}

/// The language as gRPC metadata says it.
pub const fn tag(lang: Lang) -> &'static str {
    match lang {
        Lang::Zh => "zh-CN",
        Lang::En => "en",
    }
}
