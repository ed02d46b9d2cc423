//! The agent's fold as arithmetic: records in, outbox, inbox and receipts out, no journal and no disk.

mod across;
mod any_order;
mod automation;
mod desk;
mod drills;
mod duties;
mod posts;
mod programs;
mod received;
mod sent;
mod swollen;
