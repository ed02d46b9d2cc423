//! Turns the .proto files into Rust with no compiler but ours, and keeps their descriptors, options and comments.

use std::{env, error::Error, fs, path::PathBuf};

/// Everything that is not reached by an import from another.
const ROOTS: [&str; 7] = [
    "liandong/v1/bundle.proto",
    "liandong/v1/desk.proto",
    "liandong/v1/services.proto",
    "liandong/v1/system.proto",
    "liandong/record/v1/record.proto",
    "liandong/record/v1/agent_rows.proto",
    "liandong/record/v1/broker_rows.proto",
];

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo:rerun-if-changed=liandong");
    let mut schema = protox::Compiler::new(["."])?;
    schema.include_imports(true).include_source_info(true);
    schema.open_files(ROOTS)?;

    let out = PathBuf::from(env::var("OUT_DIR")?);
    fs::write(out.join("liandong.binpb"), schema.encode_file_descriptor_set())?;
    let code = tonic_prost_build::configure()
        .btree_map(".")
        .bytes(".")
        // generated code is documented by the contract, and its oneofs hold whole bodies by value
        .type_attribute(".", "#[allow(clippy::all, clippy::pedantic)]");
    Ok(code.compile_fds(schema.file_descriptor_set())?)
}
