//! The pages, one file or folder each. A page has its own routes; one that stands in the rail has an entry there, and no
//! entry is without its page.

mod inbox;
mod login;
pub(super) mod message;
pub(super) mod trace;

use std::sync::Arc;

use axum::Router;

use super::{Console, frame::Entry};

/// The rail, in the order of duty.
pub(super) const RAIL: &[Entry] = &[inbox::ENTRY];

/// The routes of every page.
pub(super) fn routes() -> Router<Arc<Console>> {
    Router::new().merge(login::routes()).merge(inbox::routes()).merge(message::routes()).merge(trace::routes())
}
