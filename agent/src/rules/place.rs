//! Files for other programs, and commands: an event is written as one file that is whole or not there, or handed to a
//! command on its standard input.

use std::{path::Path, process::Stdio};

use model::{invalid::Invalid, reason::Reason};
use store::tasks::Tasks;
use tokio::{io::AsyncWriteExt as _, process::Command};

use super::{Run, cloud::CloudEvent};
use crate::desk::internal;

/// Writes an event into a folder. The same event has the same name, so writing it again changes nothing.
///
/// # Errors
/// The disk refuses; may be tried again.
pub async fn write(tasks: &Tasks, folder: &Path, event: &CloudEvent, cursor: u64) -> Result<(), Invalid> {
    let plain: String = event.id.chars().map(|c| if c.is_ascii_alphanumeric() || c == '-' { c } else { '_' }).collect();
    let path = folder.join(format!("{cursor:020}-{plain}.json"));
    let text = event.json.to_string();
    let at = path.display().to_string();
    let written = tasks.blocking("write", move || journal::file::write_atomic(&path, text.as_bytes())).await;
    let refused = |detail: String| Invalid::new(Reason::StoreFull, at.clone(), "rules.write").detail(detail);
    written.map_err(|error| internal(&error))?.map_err(|error| refused(error.to_string()))
}

/// Runs a command with the event on its standard input, and waits for it. One that takes too long is ended.
///
/// # Errors
/// It did not begin, did not end in time, or ended without success. Nobody knows what it did, so it is not run again.
pub async fn run(run: &Run, event: &CloudEvent) -> Result<(), Invalid> {
    let program = run.command.first().cloned().unwrap_or_default();
    let refused = |detail: String| Invalid::new(Reason::Internal, program.clone(), "rules.run").detail(detail);
    let mut command = Command::new(&program);
    command
        .args(run.command.iter().skip(1))
        .env_clear()
        .env("PATH", "/usr/local/bin:/usr/bin:/bin")
        .env("LIANDONG_EVENT_ID", &event.id)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .kill_on_drop(true);
    let mut child = command.spawn().map_err(|error| refused(error.to_string()))?;
    let told = async {
        if let Some(mut stdin) = child.stdin.take() {
            // a command need not read what it is told
            drop(stdin.write_all(event.json.to_string().as_bytes()).await);
        }
        child.wait().await
    };
    match tokio::time::timeout(run.timeout, told).await {
        Ok(Ok(status)) if status.success() => Ok(()),
        Ok(Ok(status)) => Err(refused(status.to_string())),
        Ok(Err(error)) => Err(refused(error.to_string())),
        Err(_late) => Err(refused(format!("no end within {} s", run.timeout.as_secs()))),
    }
}
