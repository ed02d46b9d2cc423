//! What stands around every page: rail, top bar, link pill, the person's name and post.

use std::sync::atomic::Ordering;

use proto::v1;

use super::{Console, assets, clock::Zone, gate::Seated, pages, words::Words};
use crate::link::Phase;

/// The colours that a person chose.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Theme {
    /// As the machine has it.
    Auto,
    /// Paper.
    Day,
    /// Night.
    Night,
}

impl Theme {
    /// By its name in the cookie.
    pub fn of(name: &str) -> Self {
        match name {
            "day" => Self::Day,
            "night" => Self::Night,
            _ => Self::Auto,
        }
    }

    /// Its name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Day => "day",
            Self::Night => "night",
        }
    }

    /// The one that the button leads to.
    pub const fn next(self) -> &'static str {
        match self {
            Self::Auto => "night",
            Self::Night => "day",
            Self::Day => "auto",
        }
    }
}

/// An entry of the rail: a page that there is.
#[derive(Clone, Copy, Debug)]
pub struct Entry {
    /// Where.
    pub path: &'static str,
    /// The key of its word.
    pub key: &'static str,
    /// Its picture in the sprite.
    pub icon: &'static str,
    /// The letter after `g` that leads there.
    pub letter: &'static str,
    /// The number beside it; 0 shows none.
    pub count: fn(&Console) -> u64,
}

/// The same, as a template shows it.
#[derive(Clone, Debug)]
pub struct RailItem {
    /// Where.
    pub path: &'static str,
    /// Its word.
    pub word: String,
    /// Its picture.
    pub icon: &'static str,
    /// The letter after `g`.
    pub letter: &'static str,
    /// The number; 0 shows none.
    pub count: u64,
    /// It is this page.
    pub here: bool,
}

/// How the link is, in a few words.
#[derive(Clone, Debug)]
pub struct Pill {
    /// `up`, `slow`, `down`.
    pub class: &'static str,
    /// Its sign.
    pub sign: &'static str,
    /// Its words.
    pub text: String,
    /// Why, for hovering.
    pub why: String,
}

/// Everything around a page.
#[derive(Clone, Debug)]
pub struct Frame {
    /// Colours.
    pub theme: Theme,
    /// Its post writes messages.
    pub writes: bool,
    /// Drafts that wait for a second person.
    pub waiting: u64,
    /// The page's title.
    pub title: String,
    /// Our own name.
    pub office: String,
    /// The person's full name.
    pub person: String,
    /// The post's word.
    pub post: String,
    /// May act; else watches.
    pub acting: bool,
    /// What every form carries.
    pub token: String,
    /// This page, to come back to.
    pub here: String,
    /// The rail.
    pub rail: Vec<RailItem>,
    /// The link.
    pub pill: Pill,
    /// The time as text and in ms.
    pub now: (String, i64),
    /// Minutes ahead of UTC.
    pub offset_min: i32,
}

impl Frame {
    /// Where an asset lies.
    #[expect(clippy::unused_self, reason = "templates call it")]
    pub fn asset(&self, name: &str) -> &'static str {
        assets::path(name)
    }
}

impl Console {
    /// The frame of a page below `path`.
    pub(super) fn frame(&self, by: &Seated, path: &str, title: String) -> Frame {
        let (w, zone) = (by.visitor.words, self.zone());
        let rail = pages::RAIL.iter().map(|entry| RailItem {
            path: entry.path,
            word: w.t(entry.key),
            icon: entry.icon,
            letter: entry.letter,
            count: (entry.count)(self),
            here: entry.path == path,
        });
        Frame {
            theme: by.visitor.theme,
            writes: by.role().is_some(),
            waiting: self.waiting.load(Ordering::Relaxed),
            title,
            office: self.name_of(self.desk.names.jurisdiction().as_str(), w),
            person: by.person.name.clone(),
            post: w.t(by.person.post.key()),
            acting: by.person.acting,
            token: by.person.token.clone(),
            here: by.visitor.to.clone(),
            rail: rail.collect(),
            pill: self.pill(w),
            now: (zone.second(zone.now), zone.now.millis()),
            offset_min: zone.offset_min,
        }
    }

    /// How the link is.
    pub(super) fn pill(&self, w: Words) -> Pill {
        let state = self.desk.link.watch().borrow().clone();
        let queued = self.desk.engine.read(|fold, _| fold.agent().queued);
        let why = state.problem.as_ref().map(proto::status::texts).unwrap_or_default();
        let why = if w.lang == proto::status::Lang::Zh { why.0 } else { why.1 };
        let waiting = if queued > 0 { format!(" · {}", w.count("link-waiting", queued)) } else { String::new() };
        let since = super::clock::span(self.desk.clock.now().since(state.since), w);
        let (class, sign, text) = match (state.phase, &state.problem) {
            (Phase::Up, None) => ("up", "●", format!("{}{waiting}", w.t("link-up"))),
            (Phase::Up, Some(_)) => ("slow", "▲", format!("{}{waiting}", w.t("link-slow"))),
            (Phase::Dialing | Phase::Waiting, _) => {
                ("down", "✕", format!("{}{waiting}", w.with("link-down", "since", &since)))
            }
        };
        Pill { class, sign, text, why }
    }

    /// The desk's own time.
    pub(super) fn zone(&self) -> Zone {
        Zone { offset_min: self.desk.officer.utc_offset_min, now: self.desk.clock.now() }
    }

    /// A jurisdiction as the directory names it; what it does not know is shown as it stands.
    pub(super) fn name_of(&self, id: &str, w: Words) -> String {
        if id == "broker" {
            return w.t("broker");
        }
        let trusted = self.desk.tls.trusted();
        let member = id.parse().ok().and_then(|id| trusted.directory.member(&id));
        let name = member.map(|member| if w.tag() == "en" { &member.name_en } else { &member.name_zh });
        name.filter(|name| !name.is_empty()).map_or_else(|| proto::rules::inert(id), Clone::clone)
    }

    /// Messages from others that nobody here has opened.
    pub(super) fn unopened(&self) -> u64 {
        self.desk.engine.read(|fold, _| fold.agent().unopened)
    }

    /// What we owe, the next due first.
    pub(super) fn owed_by_us(&self) -> Vec<v1::DeadlineSeen> {
        let us = self.desk.names.jurisdiction().to_string();
        self.owed(&us)
    }

    /// What a jurisdiction owes, or everybody, the next due first.
    pub(super) fn owed(&self, jurisdiction: &str) -> Vec<v1::DeadlineSeen> {
        let ask = v1::DeadlinesRequest { jurisdiction: jurisdiction.to_owned(), limit: 1_000, ..Default::default() };
        self.desk.deadlines(&ask).map(|answer| answer.deadlines).unwrap_or_default()
    }
}
