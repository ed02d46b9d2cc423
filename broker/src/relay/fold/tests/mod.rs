//! The broker's fold as arithmetic: records in, rows and receipts out, no journal and no disk.

mod any_order;
mod books;
mod carried;
mod chains;
mod days;
mod drills;
mod duties;
mod ends;
mod exchange;
mod keys;
mod pieces;
mod posts;
mod rates;
mod submitted;
