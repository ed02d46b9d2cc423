//! What happens, act by act. Each says what it does in both languages and asserts what must be true then.

pub mod accident;
pub mod aid;
pub mod closing;
pub mod drill;
pub mod meeting;
pub mod region;
