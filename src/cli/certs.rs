//! `liandong certs`: keys, certificates and the signed files of a region. `docs/trust.md` tells who does what, and when.

mod keys;
mod members;
mod region;
mod show;
pub mod texts;

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::Context as _;
use clap::Subcommand;
use model::time::Timestamp;
use serde::Serialize;

use super::out::{self, Context};
use crate::clock;

/// Verbs of `liandong certs`.
#[derive(Debug, Subcommand)]
pub enum Certs {
    /// Make a region: root of trust, authorities, broker, own jurisdiction
    Init(region::Init),
    /// Invite a neighbour; the invitation goes to standard output
    Invite(members::Invite),
    /// Admit who sent a request, if these are the words that it read to you
    Admit(members::Admit),
    /// Ask for another authority or evidence key; the request goes to standard output
    Request(members::Request),
    /// Sign what waits for another signature
    Sign(region::Sign),
    /// Put in force what enough have signed; the trust bundle goes to standard output
    Publish(region::Publish),
    /// Replace a root or signer key that was lost or whose holder has left
    Rekey(region::Rekey),
    /// Issue a certificate for another agent of the jurisdiction, or for an operator
    Issue(keys::Issue),
    /// Renew the certificate of a trust directory, and its revocation list
    Renew(keys::Renew),
    /// Revoke a certificate, an evidence key, or a member
    Revoke(keys::Revoke),
    /// Show certificates, keys and signed files, and until when they are good
    Show(show::Show),
}

impl Certs {
    /// Does what was asked.
    pub fn run(self, context: Context) -> anyhow::Result<()> {
        match self {
            Self::Init(verb) => verb.run(context),
            Self::Invite(verb) => verb.run(context),
            Self::Admit(verb) => verb.run(context),
            Self::Request(verb) => verb.run(context),
            Self::Sign(verb) => verb.run(context),
            Self::Publish(verb) => verb.run(context),
            Self::Rekey(verb) => verb.run(context),
            Self::Issue(verb) => verb.run(context),
            Self::Renew(verb) => verb.run(context),
            Self::Revoke(verb) => verb.run(context),
            Self::Show(verb) => verb.run(context),
        }
    }
}

/// Something that was made or changed.
#[derive(Debug, Serialize)]
struct Done {
    what: String,
    file: String,
    note: String,
}

impl Done {
    fn new(what: &str, file: &Path, note: &str) -> Self {
        Self { what: what.to_owned(), file: file.display().to_string(), note: note.to_owned() }
    }
}

fn print(context: Context, rows: &[Done]) -> anyhow::Result<()> {
    let header = [("项目", "what"), ("文件", "file"), ("说明", "note")];
    context.rows(rows, &header, |row| vec![row.what.clone(), row.file.clone(), row.note.clone()])
}

fn now() -> Timestamp {
    clock::system().now()
}

/// Reads a text file that somebody named. What is signed has bare line ends, whatever a mail program made of them.
pub fn read(file: &Path) -> anyhow::Result<String> {
    let text = fs::read_to_string(file).with_context(|| file.display().to_string())?;
    Ok(text.replace("\r\n", "\n"))
}

/// Six words in both forms, as two people compare them.
pub fn words(context: Context, whose: &str, words: &certs::words::Words) {
    out::note(&format!("{whose}:\n    {words}\n    {}", words.numbers()));
    out::note(context.say(
        "请通过已知的电话号码（不要用文件或邮件中的号码）逐词核对。",
        "Compare them word by word on the phone, by a number that you knew before (not one from a file or a mail).",
    ));
}

/// `中文/English`, or one name for both.
fn names(text: &str) -> (String, String) {
    let (zh, en) = text.split_once('/').unwrap_or((text, text));
    (zh.trim().to_owned(), en.trim().to_owned())
}

/// The region in a folder, with signing keys that were carried in.
fn open(folder: &Path, keys: &[PathBuf]) -> anyhow::Result<certs::region::Region> {
    let mut region = certs::region::open(folder)?;
    region.bring(certs::region::signing_keys(keys)?);
    Ok(region)
}
