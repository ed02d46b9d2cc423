//! The exercises of the whole: one file a theme, each acceptance a sentence.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
#![allow(clippy::result_large_err, reason = "tests do not mind a large status")]

#[path = "../checker/mod.rs"]
mod checker;
#[path = "../world/mod.rs"]
mod world;

mod admin;
mod automation;
mod blobs;
mod catalogue;
mod chlorine;
mod console;
mod cut_off;
mod desk_door;
mod documents;
mod drill;
mod drop_folder;
mod duty_report;
mod escalation;
mod events_in;
mod every_kind;
mod evidence;
mod exchange;
mod flood;
mod handover;
mod histories;
mod hostile;
mod joint_drill;
mod line;
mod logs;
mod meeting;
mod outage;
mod retention;
mod rules;
mod sessions;
mod slow_line;
mod trust_life;
