//! Bugs that a program is told to have, so that the checker of the faults can be seen to find them. They exist only in
//! programs built with `--cfg seeded_bugs`, which no release is; elsewhere every question is answered at compile time.

/// Whether this program was told to have `bug`.
#[cfg(seeded_bugs)]
pub fn has(bug: &str) -> bool {
    std::env::var("LIANDONG_SEEDED_BUG").is_ok_and(|told| told == bug)
}

/// Never.
#[cfg(not(seeded_bugs))]
pub const fn has(_bug: &str) -> bool {
    false
}
