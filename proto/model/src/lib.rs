//! The domain, pure: values that are checked once when made, states that steps consume, rights, routes and the
//! arithmetic of seals. It does no I/O, reads no clock and rolls no dice; nothing here knows bytes on a wire.
//!
//! | module | what |
//! |---|---|
//! | [`ids`], [`time`], [`clock`], [`calendar`], [`position`] | names and times |
//! | [`reason`], [`invalid`], [`limits`] | why something was not taken, and every limit |
//! | [`status`], [`level`], [`precedence`], [`role`], [`stage`], [`document`] | the closed lists of the contract |
//! | [`kind`] | the catalogue's table of kinds |
//! | [`header`], [`judge`], [`secrecy`] | the part a broker reads, and what its fields must keep |
//! | [`deadline`] | what is owed by when, and the ladder |
//! | [`roster`] | who is on duty at an instant, and where nobody is |
//! | [`task`] | what a person should do, as far as the program can tell |
//! | [`agenda`] | what may still be done with an agenda |
//! | [`catalogue`] | how good a resource record is, what stands of it, and which ones a search finds |
//! | [`place`], [`count`], [`contradiction`] | where, how many people, and whether two sides differ about it |
//! | [`thread`] | what messages do to the matter they are about: one machine a family |
//! | [`merkle`], [`seal`] | trees, signatures over roots, paths |
//! | [`receipt`], [`delivery`] | the proof of a stage, and the life of one envelope in one mailbox |
//! | [`schedule`], [`in_flight`], [`bucket`] | what is sent next, how much at a time, and how fast |
//! | [`histogram`] | figures for a collector |
//! | [`geometry`], [`directory`], [`route`] | areas, who there is, and where a message goes |
//! | [`grant`], [`rights`] | who may send what to whom, and which role may say it |
//!
//! Every list of the contract is an enum with `number()`, `from_number()`, `name()` and `zh()`; 0, "not said", is
//! never a value. A rule that is broken is an [`invalid::Invalid`] with its stable [`reason::Reason`].

mod numbered;
mod text_form;

pub mod agenda;
pub mod bucket;
pub mod calendar;
pub mod catalogue;
pub mod clock;
pub mod contradiction;
pub mod count;
pub mod deadline;
pub mod delivery;
pub mod directory;
pub mod document;
pub mod escalation;
pub mod geometry;
pub mod grant;
pub mod head;
pub mod header;
pub mod histogram;
pub mod ids;
pub mod in_flight;
pub mod invalid;
pub mod judge;
pub mod kind;
pub mod level;
pub mod limits;
pub mod merkle;
pub mod place;
pub mod position;
pub mod precedence;
pub mod reason;
pub mod receipt;
pub mod rights;
pub mod role;
pub mod roster;
pub mod route;
pub mod schedule;
pub mod seal;
pub mod secrecy;
pub mod stage;
pub mod status;
pub mod task;
pub mod thread;
pub mod time;
pub mod wave;
