//! The pages, one file or folder each. A page has its own routes; one that stands in the rail has an entry there, and no
//! entry is without its page.

mod catalogue;
mod compose;
mod duty;
mod inbox;
mod incidents;
mod login;
mod meetings;
pub(super) mod message;
mod neighbours;
mod resources;
pub(super) mod steps;
pub(super) mod trace;
mod wall;

use std::sync::Arc;

use axum::Router;

use super::{Console, frame::Entry};

/// The rail, in the order of duty.
pub(super) const RAIL: &[Entry] = &[
    inbox::ENTRY,
    incidents::ENTRY,
    resources::ENTRY,
    meetings::ENTRY,
    duty::ENTRY,
    neighbours::ENTRY,
    catalogue::ENTRY,
];

/// The routes of every page.
pub(super) fn routes() -> Router<Arc<Console>> {
    Router::new()
        .merge(login::routes())
        .merge(inbox::routes())
        .merge(message::routes())
        .merge(trace::routes())
        .merge(compose::routes())
        .merge(incidents::routes())
        .merge(resources::routes())
        .merge(duty::routes())
        .merge(meetings::routes())
        .merge(neighbours::routes())
        .merge(catalogue::routes())
        .merge(wall::routes())
}
