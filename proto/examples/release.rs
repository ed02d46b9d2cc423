//! Writes the contract as it is now to `proto/released`, against which every later one is held: `cargo run -p proto
//! --example release`. A release does that, and whoever adds to the contract once the addition is settled; nobody does it to
//! make a breaking change pass.

use std::{error::Error, fs, path::Path};

fn main() -> Result<(), Box<dyn Error>> {
    let released = Path::new(env!("CARGO_MANIFEST_DIR")).join("released");
    fs::create_dir_all(&released)?;
    Ok(fs::write(released.join("liandong.binpb"), proto::rules::released())?)
}
