//! The rules, one pure function each.

mod handing;
mod naming;
mod receipts;
mod settling;

pub use handing::{no_duplicate, no_phantom, order, rights, urgent_first};
pub use naming::{idempotence, indeterminate, names};
pub use receipts::{forward_only, receipts_are_true};
pub use settling::{liveness, no_loss};

use super::{Violation, history::History};

/// One rule.
pub type RuleFn = fn(&History<'_>) -> Vec<Violation>;

/// Every rule, R0 first.
pub const ALL: [RuleFn; 12] = [
    indeterminate,
    no_loss,
    no_duplicate,
    no_phantom,
    order,
    urgent_first,
    names,
    forward_only,
    receipts_are_true,
    idempotence,
    rights,
    liveness,
];
