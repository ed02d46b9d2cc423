//! What the pages say, in the reader's language: one Fluent file a page and language. A text that is missing shows its key,
//! and a test finds it first.

use std::{borrow::Cow, collections::HashMap};

use fluent_templates::{LanguageIdentifier, Loader as _, fluent_bundle::FluentValue, langid};
use model::{
    level::{EventLevel, WarningLevel},
    precedence::Precedence,
    role::Role,
    stage::Stage,
    status::Status,
};
use proto::{rules, status::Lang};

fluent_templates::static_loader! {
    static TEXTS = {
        locales: "./src/console/locales",
        fallback_language: "zh-CN",
        // marks around what is put in would end up in copied telephone numbers
        customise: |bundle| bundle.set_use_isolating(false),
    };
}

static ZH: LanguageIdentifier = langid!("zh-CN");
static EN: LanguageIdentifier = langid!("en");

/// The texts of one language. Templates call it `w`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Words {
    /// Which.
    pub lang: Lang,
}

impl Words {
    fn id(self) -> &'static LanguageIdentifier {
        match self.lang {
            Lang::Zh => &ZH,
            Lang::En => &EN,
        }
    }

    /// As HTML names the language.
    pub const fn tag(self) -> &'static str {
        match self.lang {
            Lang::Zh => "zh-CN",
            Lang::En => "en",
        }
    }

    /// A text.
    pub fn t(self, key: &str) -> String {
        TEXTS.try_lookup(self.id(), key).unwrap_or_else(|| key.to_owned())
    }

    /// A text with something put in its place.
    pub fn with(self, key: &str, name: &'static str, value: impl AsRef<str>) -> String {
        self.args(key, &[(name, FluentValue::from(value.as_ref().to_owned()))])
    }

    /// A text with a number.
    pub fn count(self, key: &str, n: impl std::borrow::Borrow<u64>) -> String {
        self.args(key, &[("n", FluentValue::from(*n.borrow()))])
    }

    fn args(self, key: &str, args: &[(&'static str, FluentValue<'static>)]) -> String {
        let args: HashMap<Cow<'static, str>, FluentValue<'static>> =
            args.iter().map(|(name, value)| (Cow::Borrowed(*name), value.clone())).collect();
        TEXTS.try_lookup_with_args(self.id(), key, &args).unwrap_or_else(|| key.to_owned())
    }

    fn pick(self, zh: &str, en: &str) -> String {
        if self.lang == Lang::Zh { zh.to_owned() } else { en.to_owned() }
    }

    /// A kind by its number; one that this version does not know is shown raw.
    pub fn kind(self, number: i32) -> String {
        let known = rules::kinds().iter().find(|known| known.kind.number() == number);
        known.map_or_else(|| format!("K{number}"), |known| self.pick(&known.zh, &known.en))
    }

    /// A precedence.
    pub fn precedence(self, number: i32) -> String {
        Precedence::from_number(number).map_or_else(|| number.to_string(), |known| self.pick(known.zh(), known.name()))
    }

    /// A stage of a delivery.
    pub fn stage(self, number: i32) -> String {
        Stage::from_number(number).map_or_else(|| number.to_string(), |known| self.pick(known.zh(), known.name()))
    }

    /// A role.
    pub fn role(self, number: i32) -> String {
        Role::from_number(number).map_or_else(String::new, |role| self.t(super::post::Post::Desk(role).key()))
    }

    /// An event level; empty where none is said.
    pub fn level(self, number: i32) -> String {
        EventLevel::from_number(number).map_or_else(String::new, |known| self.pick(known.zh(), known.name()))
    }

    /// A warning colour; empty where none is said.
    pub fn warning(self, number: i32) -> String {
        let known = WarningLevel::from_number(number);
        known.map_or_else(String::new, |known| self.pick(&format!("{}预警", known.zh()), known.name()))
    }

    /// Exercise, test, system; empty where it is real.
    pub fn unreal(self, number: i32) -> String {
        match Status::from_number(number) {
            Some(Status::Exercise) => self.t("exercise"),
            Some(Status::Test) => self.t("status-test"),
            Some(Status::System) => self.t("status-system"),
            Some(Status::Actual) | None => String::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{
        collections::{BTreeMap, BTreeSet},
        fs,
        path::{Path, PathBuf},
    };

    use super::*;

    fn here() -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("src/console")
    }

    fn files(folder: &Path, ending: &str) -> Vec<PathBuf> {
        let mut found = Vec::new();
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                found.extend(files(&path, ending));
            } else if path.extension().is_some_and(|own| own == ending) {
                found.push(path);
            }
        }
        found
    }

    /// Every key of a language and what it says.
    fn keys(lang: &str) -> BTreeMap<String, String> {
        let mut all = BTreeMap::new();
        for file in files(&here().join("locales").join(lang), "ftl") {
            for line in fs::read_to_string(&file).unwrap().lines() {
                let Some((key, text)) = line.split_once(" =").filter(|_| !line.starts_with(['#', ' '])) else {
                    continue;
                };
                let twice = all.insert(key.to_owned(), text.to_owned());
                assert!(twice.is_none(), "{key} stands twice in {lang}");
            }
        }
        all
    }

    #[test]
    fn each_text_stands_in_both_languages_and_is_used() {
        let (zh, en) = (keys("zh-CN"), keys("en"));
        assert_eq!(zh.keys().collect::<Vec<_>>(), en.keys().collect::<Vec<_>>());

        let mut used = String::new();
        for ending in ["html", "rs", "js"] {
            for file in files(&here(), ending) {
                used.push_str(&fs::read_to_string(file).unwrap());
            }
        }
        for key in zh.keys() {
            assert!(used.contains(&format!("\"{key}\"")), "{key} is used nowhere");
        }
    }

    #[test]
    fn templates_ask_for_texts_that_there_are() {
        let known: BTreeSet<String> = keys("zh-CN").into_keys().collect();
        for file in files(&here().join("templates"), "html") {
            let text = fs::read_to_string(&file).unwrap();
            for call in ["w.t(\"", "w.count(\"", "w.with(\""] {
                for asked in text.split(call).skip(1).filter_map(|rest| rest.split('"').next()) {
                    assert!(known.contains(asked), "{}: {asked}", file.display());
                }
            }
        }
    }

    #[test]
    fn what_is_put_into_a_text_gets_no_marks() {
        let words = Words { lang: Lang::En };
        assert_eq!(words.with("inbox-opens-as", "name", "王磊"), "Opening is signed as 王磊");
        assert_eq!(
            (words.count("link-waiting", 1_u64), words.count("link-waiting", 2_u64)),
            ("1 to send".into(), "2 to send".into())
        );
    }
}
