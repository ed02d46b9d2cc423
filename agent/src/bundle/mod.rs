//! Bundles: what is carried on a stick where no link reaches.
//!
//! | module | what |
//! |---|---|
//! | [`mod@file`] | the file: a line that names it, then parts behind their lengths |
//! | [`mod@write`] | what waits for a jurisdiction, and our receipts about what it sent |
//! | [`read`] | takes what is good of a bundle, and says what was not |
//!
//! Nothing in a bundle is believed because of the bundle: each message and each receipt stands on its own seal, so a damaged
//! stick costs what is damaged and no more. What the broker has not seen is handed up to it by whoever reads the bundle.

pub mod file;
pub mod read;
pub mod write;

#[cfg(test)]
mod tests;
