//! The program in a jurisdiction: it queues what people and systems send, keeps the link to the broker alive, takes
//! what comes, and signs what was done with it.
//!
//! | module | what |
//! |---|---|
//! | [`agent`] | builds every part and starts the tasks |
//! | [`config`] | what an operator decides |
//! | [`desk`] | what local systems may ask: compose, list, open, acknowledge, trace |
//! | [`api`] | the same as a gRPC service on a Unix socket |
//! | [`console`] | the same for people, in a browser |
//! | [`outbox`] | seals drafts, one signature a burst, and makes them durable |
//! | [`link`] | dials the broker, submits, takes deliveries, keeps receipts |
//! | [`bundle`] | what is carried on a stick where no link reaches |
//! | [`witness`], [`evidence`] | heads of evidence trees, ours and others'; the evidence of one message in one file |
//! | [`fold`] | what each record of the journal means |
//! | [`rules`] | what an operator lets the agent do by itself |
//! | [`clerk`], [`rounds`] | do what is owed without a person; keep copies of documents fresh |
//! | [`mod@drop`] | a folder into which other programs put what is to be sent |
//! | [`formats`] | files of other houses: calendars, tables, CAP, CloudEvents |
//! | [`trust`], [`signer`] | keys of others, and our own |
//! | [`message`] | an envelope read once |
//!
//! Absent on purpose: any clock but the one handed in; any answer to a sender before its record is durable.

pub mod agent;
pub mod api;
pub mod bundle;
pub mod clerk;
pub mod config;
pub mod console;
pub mod desk;
pub mod drop;
pub mod evidence;
pub mod fold;
pub mod formats;
pub mod forms;
pub mod link;
pub mod message;
pub mod outbox;
pub mod retention;
pub mod rounds;
pub mod rules;
pub mod signer;
pub mod trust;
pub mod witness;
