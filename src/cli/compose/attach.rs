//! Files that go with a message: small ones inside, others stored at the agent first.

use std::{fs, path::Path};

use anyhow::Context as _;
use model::{ids::Digest, invalid::Invalid, limits};
use proto::v1;

use crate::cli::{blob, desk::Client, out::Context};

/// Longest file that travels inside a message.
const INLINE_MAX: u64 = 256 * 1024;
/// Bytes of all files inside one message.
const INLINE_TOTAL_MAX: u64 = 512 * 1024;

/// Adds a file to a draft. With a desk, a large one is stored there now; without, it is only described.
pub async fn add(
    draft: &mut v1::Draft,
    path: &Path,
    desk: Option<&mut Client>,
    context: Context,
) -> anyhow::Result<()> {
    let bytes = fs::read(path).with_context(|| path.display().to_string())?;
    let length = bytes.len() as u64;
    if length > limits::ATTACHMENTS_BYTES_MAX {
        return Err(Invalid::too_large("attachments", length, limits::ATTACHMENTS_BYTES_MAX).into());
    }
    let inside: u64 = draft.inline.iter().map(|part| part.len() as u64).sum();
    let inline = length <= INLINE_MAX && inside + length <= INLINE_TOTAL_MAX;
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let attachment = v1::Attachment {
        mime: mime(&name).to_owned(),
        name,
        bytes: length,
        sha256: Digest::of(&bytes).0.to_vec().into(),
        placement: if inline { v1::Placement::Inline } else { v1::Placement::Blob }.into(),
    };
    if inline {
        draft.inline.push(bytes.into());
    } else if let Some(desk) = desk {
        blob::store(desk, &attachment.name, bytes.into(), context).await?;
    }
    draft.header.get_or_insert_default().attachments.push(attachment);
    Ok(())
}

fn mime(name: &str) -> &'static str {
    let ending = name.rsplit_once('.').map(|(_, ending)| ending.to_ascii_lowercase()).unwrap_or_default();
    match ending.as_str() {
        "jpg" | "jpeg" => "image/jpeg",
        "png" => "image/png",
        "gif" => "image/gif",
        "pdf" => "application/pdf",
        "txt" | "log" => "text/plain",
        "csv" => "text/csv",
        "json" => "application/json",
        "geojson" => "application/geo+json",
        "xml" => "application/xml",
        "kml" => "application/vnd.google-earth.kml+xml",
        "ics" => "text/calendar",
        "doc" => "application/msword",
        "docx" => "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
        "xls" => "application/vnd.ms-excel",
        "xlsx" => "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
        "mp3" => "audio/mpeg",
        "mp4" => "video/mp4",
        "zip" => "application/zip",
        _ => "application/octet-stream",
    }
}
