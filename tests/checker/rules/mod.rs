//! The rules, one pure function each.

pub mod bounds;
mod evidence;
mod handing;
pub mod isolation;
mod keeping;
mod naming;
mod receipts;
mod settling;

pub use bounds::bounds;
pub use evidence::evidence;
pub use handing::{no_duplicate, no_phantom, order, rights, urgent_first};
pub use isolation::isolation;
pub use keeping::ack_is_true;
pub use naming::{idempotence, indeterminate, names};
pub use receipts::{forward_only, receipts_are_true};
pub use settling::{liveness, no_loss};

use super::{Violation, history::History};

/// One rule.
pub type RuleFn = fn(&History<'_>) -> Vec<Violation>;

/// Every rule, R0 first.
pub const ALL: [RuleFn; 16] = [
    indeterminate,
    no_loss,
    no_duplicate,
    no_phantom,
    order,
    urgent_first,
    names,
    forward_only,
    ack_is_true,
    receipts_are_true,
    idempotence,
    rights,
    evidence,
    liveness,
    bounds,
    isolation,
];
