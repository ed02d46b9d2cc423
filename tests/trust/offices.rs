//! Two offices on one disk, and the program as people call it.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    process::Command,
    sync::{Mutex, PoisonError},
};

use certs::tls::{self, Identity, Listener};
use model::{clock::Clock, time::Timestamp};
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

/// What a call of the program said.
pub struct Said {
    pub code: i32,
    pub out: String,
    pub err: String,
}

impl Said {
    /// It went well.
    pub fn good(self) -> Self {
        assert_eq!(self.code, 0, "{}{}", self.out, self.err);
        self
    }

    pub fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap()
    }
}

/// The secretariat and 连云港, each with its own folder.
pub struct Offices {
    folder: tempfile::TempDir,
    heard: Mutex<String>,
}

impl Offices {
    pub fn new() -> Self {
        let offices = Self { folder: tempfile::tempdir().unwrap(), heard: Mutex::default() };
        for place in ["ly", "lyg", "courier"] {
            fs::create_dir(offices.folder.path().join(place)).unwrap();
        }
        offices
    }

    /// With a region at the secretariat.
    pub fn with_region() -> Self {
        let offices = Self::new();
        let members = ["--member", "371300=临沂/Linyi", "--broker-host", "localhost"];
        offices.ly(&[&["certs", "init", "R", "--region", "linyi"][..], &members].concat()).good();
        offices
    }

    pub fn ly_path(&self, file: &str) -> PathBuf {
        self.folder.path().join("ly").join(file)
    }

    pub fn lyg_path(&self, file: &str) -> PathBuf {
        self.folder.path().join("lyg").join(file)
    }

    /// Runs the program at the secretariat.
    pub fn ly(&self, args: &[&str]) -> Said {
        self.run("ly", "en", args)
    }

    /// Runs the program at 连云港.
    pub fn lyg(&self, args: &[&str]) -> Said {
        self.run("lyg", "en", args)
    }

    pub fn run(&self, place: &str, lang: &str, args: &[&str]) -> Said {
        let output = Command::new(env!("CARGO_BIN_EXE_liandong"))
            .args(args)
            .current_dir(self.folder.path().join(place))
            .env("LIANDONG_LANG", lang)
            .env("TZ", "UTC")
            .output()
            .unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        let said = Said { code: output.status.code().unwrap(), out: text(output.stdout), err: text(output.stderr) };
        let mut heard = self.heard.lock().unwrap_or_else(PoisonError::into_inner);
        heard.push_str(&said.out);
        heard.push_str(&said.err);
        said
    }

    /// Invites 连云港 and carries the invitation there.
    pub fn invite(&self) {
        let said = self.ly(&["certs", "invite", "320700", "--name", "连云港/Lianyungang", "--dir", "R"]).good();
        fs::write(self.lyg_path("lyg.invite"), said.out).unwrap();
    }

    /// 连云港 joins; its request is carried to the secretariat, its words are read on the phone.
    pub fn join(&self) -> String {
        let said = self.lyg(&["join", "lyg.invite", "--dir", "trust", "-o", "json"]).good().json();
        fs::copy(self.lyg_path("320700.request"), self.ly_path("320700.request")).unwrap();
        said["request_words"].as_str().unwrap().to_owned()
    }

    pub fn admit(&self, words: &str) -> Said {
        self.ly(&["certs", "admit", "320700.request", "--words", words, "--dir", "R"])
    }

    /// Publishes at the secretariat and carries the bundle to 连云港.
    pub fn publish(&self, more: &[&str]) {
        let said = self.ly(&[&["certs", "publish", "--dir", "R"], more].concat()).good();
        fs::write(self.lyg_path("linyi.trust"), said.out).unwrap();
    }

    pub fn take(&self) -> Said {
        self.lyg(&["join", "linyi.trust", "--dir", "trust", "-o", "json"])
    }

    /// 连云港 is a member.
    pub fn joined() -> Self {
        let offices = Self::with_region();
        offices.invite();
        let words = offices.join();
        offices.admit(&words).good();
        offices.publish(&[]);
        offices.take().good();
        offices
    }

    /// Rows of `certs show`.
    pub fn show(&self, place: &str, folder: &str) -> Vec<Value> {
        let said = self.run(place, "en", &["certs", "show", folder, "-o", "json"]).good();
        said.json().as_array().unwrap().clone()
    }

    /// 连云港 calls the broker over real TLS: whom the broker saw, or why it turned away.
    pub async fn call(&self) -> Result<String, String> {
        call(&self.ly_path("R/broker"), Listener::Agents, &self.lyg_path("trust")).await
    }

    /// No line of any key file was ever printed, and no key of one office lies at the other.
    pub fn no_secret_was_told(&self) {
        let heard = self.heard.lock().unwrap_or_else(PoisonError::into_inner);
        assert!(!heard.contains("PRIVATE KEY"));
        let (ly, lyg) = (secrets(&self.ly_path("")), secrets(&self.lyg_path("")));
        assert!(ly.len() > 10 && lyg.len() >= 3);
        assert!(ly.is_disjoint(&lyg));
        for secret in ly.union(&lyg) {
            assert!(!heard.contains(secret.as_str()));
        }
    }
}

/// Every line of base64 in a private key below `folder`.
fn secrets(folder: &Path) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(secrets(&path));
        } else if let Some(key) = fs::read_to_string(&path).unwrap().split("PRIVATE KEY-----\n").nth(1) {
            // the first line of P-256 is the same for all; the second is not
            found.extend(
                key.lines()
                    .filter(|line| !line.starts_with('-'))
                    .skip(usize::from(key.lines().count() > 2))
                    .map(str::to_owned),
            );
        }
    }
    found
}

/// The system's time, as the program under test has it.
#[allow(clippy::disallowed_methods, reason = "the program under test reads the system's clock")]
pub fn clock() -> Clock {
    Clock::new(|| {
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
        Timestamp::from_millis(i64::try_from(since.as_millis()).unwrap())
    })
}

/// One byte there and back.
pub async fn call(broker: &Path, listener: Listener, caller: &Path) -> Result<String, String> {
    let (broker, caller) = (Identity::load(broker, clock()).unwrap(), Identity::load(caller, clock()).unwrap());
    let socket = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let port = socket.local_addr().unwrap().port();
    let serving = async {
        let (stream, from) = socket.accept().await.unwrap();
        let mut incoming = tls::accept(&broker, listener, stream, from).await.map_err(|away| away.why)?;
        let byte = incoming.stream.read_u8().await.unwrap();
        incoming.stream.write_u8(byte).await.unwrap();
        incoming.stream.flush().await.unwrap();
        Ok(incoming.peer.facts.name.uri())
    };
    let calling = async {
        let (mut stream, _) = tls::connect(&caller, "localhost", port).await.unwrap();
        stream.write_u8(7).await?;
        stream.read_u8().await
    };
    let (seen, answer) = tokio::join!(serving, calling);
    assert_eq!(seen.is_ok(), answer.is_ok());
    seen
}
