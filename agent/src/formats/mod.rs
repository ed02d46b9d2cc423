//! Formats of other houses: our messages as their files, and their files as drafts of ours. Everything here turns text
//! into values and back; nothing reads a file, asks anybody or knows the time.

pub mod cap;
pub mod cloud_event;
pub mod draft_file;
pub mod ics;
pub mod sheet;
pub mod told;
