//! Liandong.
fn main() {}
