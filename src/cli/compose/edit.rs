//! Writing a message in the person's own editor. What was typed is never thrown away.

use std::{
    env, fs,
    io::Write as _,
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, anyhow};
use tokio::process::Command;

use crate::cli::{exit::Said, out::Context};

/// A text in a file of its own, being edited.
#[derive(Debug)]
pub struct Sheet {
    path: PathBuf,
    /// What the person wrote.
    pub text: String,
}

impl Sheet {
    /// Opens `$VISUAL`, `$EDITOR` or `vi` on `text` and waits. A text that was left as it was is not sent.
    pub async fn edit(text: &str, name: &str, context: Context) -> anyhow::Result<Self> {
        let mut random = [0; 4];
        getrandom::fill(&mut random).map_err(|error| anyhow!("{error}"))?;
        let path = env::temp_dir().join(format!("liandong-{name}-{:08x}.toml", u32::from_be_bytes(random)));
        write(&path, text)?;
        run(&path).await?;
        let edited = fs::read_to_string(&path).with_context(|| path.display().to_string())?;
        if edited == text || edited.trim().is_empty() {
            let _ = fs::remove_file(&path);
            context.tell("没有改动，未发送。", "Nothing was changed, so nothing was sent.");
            return Err(Said(0).into());
        }
        Ok(Self { path, text: edited })
    }

    /// Sent: the file is no longer needed.
    pub fn done(self) {
        let _ = fs::remove_file(self.path);
    }

    /// Not sent: says where the text is.
    pub fn keep(&self, context: Context) {
        let path = self.path.display();
        context.tell(
            &format!("您写的内容保存在 {path}，改正后用 -f {path} 重发。"),
            &format!("What you wrote is in {path}; correct it and send it with -f {path}."),
        );
    }
}

/// Only its owner may read what is not yet sent.
fn write(path: &Path, text: &str) -> anyhow::Result<()> {
    let file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
    let written = file.and_then(|mut file| file.write_all(text.as_bytes()));
    written.with_context(|| path.display().to_string())
}

async fn run(path: &Path) -> anyhow::Result<()> {
    let said = ["VISUAL", "EDITOR"].into_iter().find_map(|name| env::var(name).ok().filter(|value| !value.is_empty()));
    let editor = said.unwrap_or_else(|| "vi".to_owned());
    // an editor may come with arguments, as in `code --wait`
    let mut words = editor.split_whitespace();
    let program = words.next().unwrap_or("vi");
    let status = Command::new(program).args(words).arg(path).status().await;
    let status = status.with_context(|| format!("{editor} (VISUAL, EDITOR)"))?;
    if status.success() { Ok(()) } else { Err(anyhow!("{editor}: {status}")) }
}
