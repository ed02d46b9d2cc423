//! Writes the printed reference to `docs/reference`:
//! `cargo run -p proto --example reference`, from anywhere in the workspace.

use std::{error::Error, fs, path::Path};

use proto::{rules, status::Lang};

fn main() -> Result<(), Box<dyn Error>> {
    let home = Path::new(env!("CARGO_MANIFEST_DIR"));
    for (lang, folder) in [(Lang::Zh, "zh-CN"), (Lang::En, "en")] {
        let folder = home.join("../docs/reference").join(folder);
        fs::create_dir_all(&folder)?;
        for (name, text) in rules::reference(lang) {
            fs::write(folder.join(name), text)?;
        }
    }
    Ok(())
}
