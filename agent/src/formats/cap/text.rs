//! Bytes as text: a byte-order mark, the encoding that the file declares, and nothing that XML forbids.

use std::borrow::Cow;

use encoding_rs::{Encoding, UTF_8};

use super::{
    findings::{Finding, Findings},
    rule::Rule,
};

/// A file is looked at for its declaration this far.
const DECLARATION_BYTES: usize = 256;

/// The text of a file, with its lines ending in LF. Another encoding than UTF-8 is read, and noted.
///
/// # Errors
/// One finding: bytes that are no text of the encoding that the file names, or characters that XML does not allow.
pub fn decode<'a>(bytes: &'a [u8], findings: &mut Findings) -> Result<Cow<'a, str>, Finding> {
    let marked = Encoding::for_bom(bytes);
    let (encoding, body) = match marked {
        Some((encoding, length)) => (encoding, bytes.get(length..).unwrap_or_default()),
        None => (declared(bytes)?, bytes),
    };
    if encoding != UTF_8 {
        findings.add(Rule::W02, "", 1, encoding.name());
    }
    let text = encoding
        .decode_without_bom_handling_and_without_replacement(body)
        .ok_or_else(|| Finding::new(Rule::Xsd, "", 1, format!("the bytes are not {}", encoding.name())))?;
    if let Some(at) = text.find(forbidden) {
        let line = line_of(&text, at);
        return Err(Finding::new(Rule::Xsd, "", line, "a control character"));
    }
    Ok(if text.contains('\r') { text.replace("\r\n", "\n").replace('\r', "\n").into() } else { text })
}

/// The encoding that the declaration names; UTF-8 where it names none.
fn declared(bytes: &[u8]) -> Result<&'static Encoding, Finding> {
    let head = bytes.get(..bytes.len().min(DECLARATION_BYTES)).unwrap_or_default();
    let head = String::from_utf8_lossy(head);
    let declaration = head.trim_start().strip_prefix("<?xml").and_then(|rest| rest.split_once("?>"));
    let Some((_, name)) = declaration.and_then(|(text, _)| text.split_once("encoding")) else { return Ok(UTF_8) };
    let name = name.trim_start().trim_start_matches('=').trim_start();
    let quote = name.chars().next().unwrap_or('"');
    let name = name.trim_start_matches(quote).split(quote).next().unwrap_or_default();
    Encoding::for_label(name.as_bytes()).ok_or_else(|| {
        let shown: String = name.chars().filter(|c| !c.is_control()).take(40).collect();
        Finding::new(Rule::Xsd, "", 1, format!("unknown encoding {shown}"))
    })
}

/// The line, from 1, on which the byte at `at` stands.
pub fn line_of(text: &str, at: usize) -> u32 {
    let before = text.as_bytes().get(..at).unwrap_or_default();
    u32::try_from(before.split(|byte| *byte == b'\n').count()).unwrap_or(u32::MAX)
}

/// Characters that no XML 1.0 document holds.
pub fn forbidden(c: char) -> bool {
    matches!(c, '\0'..='\u{8}' | '\u{b}' | '\u{c}' | '\u{e}'..='\u{1f}' | '\u{fffe}' | '\u{ffff}')
}
