//! `certs show`: what lies in a trust directory or a region's folder, and until when it is good.

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
};

use certs::{
    files::{self, Trusted, name},
    handover, keys, seen, signed,
    words::{Of, Words},
};
use clap::Args;
use serde::Serialize;

use super::{Context, now, out};
use crate::cli::exit::{BadInput, NotFound};

/// `certs show`
#[derive(Args, Debug)]
pub struct Show {
    /// A trust directory, or a region's folder
    #[arg(value_name = "DIR", default_value = ".")]
    dir: PathBuf,
}

/// What a row is about.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
enum What {
    Root,
    Directory,
    Grants,
    Leaf,
    Authority,
    List,
    Evidence,
}

#[derive(Debug, Serialize)]
struct Row {
    what: What,
    subject: String,
    uri: String,
    issuer: String,
    /// Serial of a certificate, version of a file, number of a list, id of a key.
    serial: String,
    valid_until: Option<String>,
    days_left: Option<i64>,
    state: &'static str,
    words: String,
    key_mode: Option<String>,
    file: String,
}

impl Show {
    pub(super) fn run(self, context: Context) -> anyhow::Result<()> {
        if !self.dir.exists() {
            let text = context.say("没有这个目录", "there is no such directory");
            return Err(NotFound(format!("{}: {text}", self.dir.display())).into());
        }
        let mut rows = Vec::new();
        let mut problems: Vec<anyhow::Error> = Vec::new();
        let region = self.dir.join("region.toml").exists();
        let signed = if region { self.dir.join("signed") } else { self.dir.clone() };
        match files::load(&signed) {
            Ok(trusted) => rows.extend(of_files(&trusted, &signed)),
            Err(_) if !signed.join(name::DIRECTORY).exists() => rows.extend(pinned(&signed)),
            Err(error) => problems.push(error.into()),
        }
        let folders = if region { inside(&self.dir)? } else { vec![self.dir.clone()] };
        for folder in &folders {
            of_folder(folder, &mut rows, &mut problems);
        }
        if rows.is_empty() && problems.is_empty() {
            let text = context.say("不是信任目录", "is no trust directory");
            return Err(BadInput(format!("{}: {text}", self.dir.display())).into());
        }
        context.rows(&rows, &HEADER, |row| cells(row, context))?;
        let mut problems = problems.into_iter();
        let Some(first) = problems.next() else { return Ok(()) };
        problems.for_each(|problem| out::error(&problem, context));
        Err(first)
    }
}

const HEADER: [(&str, &str); 9] = [
    ("项目", "what"),
    ("主体", "subject"),
    ("URI", "URI"),
    ("签发者", "issuer"),
    ("序列号/版本", "serial/version"),
    ("有效期至", "valid until"),
    ("剩余天数", "days"),
    ("指纹口令", "words"),
    ("密钥权限", "key mode"),
];

fn cells(row: &Row, context: Context) -> Vec<String> {
    let what = match row.what {
        What::Root => context.say("信任根", "root"),
        What::Directory => context.say("名录", "directory"),
        What::Grants => context.say("授权", "grants"),
        What::Leaf => context.say("证书", "certificate"),
        What::Authority => context.say("CA", "authority"),
        What::List => context.say("吊销列表", "revocation list"),
        What::Evidence => context.say("存证密钥", "evidence key"),
    };
    let state = match row.state {
        "expired" => context.say("已过期", "expired"),
        "soon" => context.say("将到期", "soon"),
        "ended" => context.say("已停用", "ended"),
        _ => "",
    };
    let days = row.days_left.map(|days| format!("{days} {state}").trim().to_owned());
    vec![
        what.to_owned(),
        row.subject.clone(),
        row.uri.clone(),
        row.issuer.clone(),
        row.serial.clone(),
        row.valid_until.clone().unwrap_or_else(|| "–".to_owned()),
        days.unwrap_or_else(|| "–".to_owned()),
        row.words.clone(),
        row.key_mode.clone().unwrap_or_default(),
    ]
}

/// The folders of a region in which certificates lie.
fn inside(folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let entries = fs::read_dir(folder)?.collect::<Result<Vec<_>, _>>()?;
    let mut folders: Vec<PathBuf> = entries.iter().map(fs::DirEntry::path).collect();
    folders.retain(|path| path.join(name::LEAF).exists());
    folders.sort();
    Ok(folders)
}

fn row(what: What, file: &Path, words: &Words) -> Row {
    Row {
        what,
        subject: String::new(),
        uri: String::new(),
        issuer: String::new(),
        serial: String::new(),
        valid_until: None,
        days_left: None,
        state: "ok",
        words: words.to_string(),
        key_mode: None,
        file: file.display().to_string(),
    }
}

/// Adds an end, in Unix seconds; `warn` days before it the state says so.
fn until(row: Row, end: i64, warn: i64) -> Row {
    let left = end - now().millis() / 1_000;
    let days = left.div_euclid(86_400);
    let state = if left <= 0 {
        "expired"
    } else if days < warn {
        "soon"
    } else {
        row.state
    };
    Row { valid_until: Some(date(end)), days_left: Some(days), state, ..row }
}

/// A moment as the machine's people read it.
pub(super) fn date(seconds: i64) -> String {
    let stamp = jiff::Timestamp::from_second(seconds).unwrap_or_default();
    stamp.to_zoned(jiff::tz::TimeZone::system()).strftime("%Y-%m-%d %H:%M").to_string()
}

fn pinned(folder: &Path) -> Option<Row> {
    let path = folder.join(name::ROOT);
    let file = fs::read_to_string(&path).ok()?;
    let (root, region) = files::root_of(&file).ok()?;
    let row = row(What::Root, &path, &handover::root_words(&file));
    Some(Row { subject: region.to_string(), serial: format!("v{}", root.version), ..row })
}

fn of_files(trusted: &Trusted, folder: &Path) -> Vec<Row> {
    let mut rows: Vec<Row> = pinned(folder).into_iter().collect();
    let text = |file: &str| Words::of(Of::Certificate, file.as_bytes());
    let region = trusted.region.to_string();
    let version = |row: Row, version: u64| Row { subject: region.clone(), serial: format!("v{version}"), ..row };
    let directory = row(What::Directory, &folder.join(name::DIRECTORY), &text(&trusted.bytes.directory));
    let directory = version(directory, trusted.directory.version);
    rows.push(until(directory, trusted.directory_expires.millis() / 1_000, 15));
    let grants = row(What::Grants, &folder.join(name::GRANTS), &text(&trusted.bytes.grants));
    rows.push(until(version(grants, trusted.policy.version), trusted.policy.expires.millis() / 1_000, 15));
    rows.extend(trusted.bound().map(|(id, bound)| {
        let row = row(What::Authority, &folder.join(name::DIRECTORY), &Words::of(Of::Key, &bound.public_key));
        let row = Row { subject: id.to_string(), serial: signed::hex(&bound.key_id), ..row };
        until(row, bound.not_after, 90)
    }));
    rows.extend(trusted.revocations.lists.iter().map(|(id, list)| {
        let file = folder.join(name::CRLS).join(format!("{id}.pem"));
        let row = row(What::List, &file, &text(&list.pem));
        let subject = format!("{id} ({})", list.serials.len());
        until(Row { subject, issuer: id.to_string(), serial: list.number.to_string(), ..row }, list.expires, 15)
    }));
    rows.extend(trusted.evidence.iter().map(|(id, key)| {
        let row = row(What::Evidence, &folder.join(name::DIRECTORY), &Words::of(Of::Key, key.key.as_bytes()));
        let row = Row { subject: key.owner.to_string(), serial: id.to_string(), ..row };
        match key.until {
            None => row,
            Some(end) => {
                let row = until(row, end.millis() / 1_000, 0);
                let state = if row.state == "expired" { "ended" } else { row.state };
                Row { state, ..row }
            }
        }
    }));
    rows
}

/// Certificates and keys that lie in a trust directory.
fn of_folder(folder: &Path, rows: &mut Vec<Row>, problems: &mut Vec<anyhow::Error>) {
    let certificates = [
        (What::Leaf, name::LEAF, name::LEAF_KEY),
        (What::Authority, name::CA, name::CA_KEY),
        (What::Authority, name::CA_NEXT, name::CA_KEY_NEXT),
    ];
    for (what, file, key) in certificates {
        let path = folder.join(file);
        let Ok(pem) = fs::read_to_string(&path) else { continue };
        let Some(seen) = seen::first(&pem) else {
            problems.push(anyhow::anyhow!("{}: {}", path.display(), certs::profile::Refusal::Unreadable));
            continue;
        };
        let uri = [seen.uri.unwrap_or_default(), seen.hosts.join(" ")].join(" ").trim().to_owned();
        let row = Row {
            subject: seen.subject,
            uri,
            issuer: seen.issuer,
            serial: seen.serial,
            key_mode: mode(&folder.join(key), problems),
            ..row(what, &path, &seen.words)
        };
        rows.push(until(row, seen.not_after, if what == What::Leaf { 7 } else { 90 }));
    }
    for file in [name::EVIDENCE_KEY, name::EVIDENCE_KEY_NEXT] {
        let path = folder.join(file);
        let Some(key_mode) = mode(&path, problems) else { continue };
        if let Ok(key) = keys::signing(&path) {
            let key = key.verifying_key();
            let row = row(What::Evidence, &path, &Words::of(Of::Key, key.as_bytes()));
            let (subject, serial) = (owner(folder), model::seal::key_id(&key).to_string());
            rows.push(Row { subject, serial, key_mode: Some(key_mode), ..row });
        }
    }
}

/// Whose folder it is.
fn owner(folder: &Path) -> String {
    let identity = certs::trust::identity_of(folder).ok().map(|(identity, _)| identity);
    identity.map_or_else(String::new, |identity| {
        identity.agent().map_or_else(|| identity.to_string(), |agent| agent.jurisdiction.to_string())
    })
}

/// Mode of a key file; one that is not ours alone is a problem, with the command that mends it.
fn mode(path: &Path, problems: &mut Vec<anyhow::Error>) -> Option<String> {
    let meta = fs::metadata(path).ok()?;
    if let Err(error) = keys::read(path) {
        problems.push(error.into());
    }
    Some(format!("{:04o}", meta.permissions().mode() & 0o7777))
}
