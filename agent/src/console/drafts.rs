//! Messages in the making: one small file each in `local/drafts/`, written whole. They are nobody's evidence, and outlive the
//! browser, the session and the program.

use std::{
    io,
    path::{Path, PathBuf},
};

use certs::signed::hex;
use model::{ids::MessageId, kind::Kind, status::Action};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::sheet::{Contract, Sheet};

/// Drafts at one time.
pub const DRAFTS_MAX: usize = 200;
/// Bytes of a draft at most: twice what a form may have.
const FILE_BYTES_MAX: u64 = 1 << 20;

/// One of them.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Draft {
    /// Its id.
    pub id: String,
    /// The id under which its message was given to the desk; empty before that.
    pub sent_as: String,
    /// The number of its kind.
    pub kind: i32,
    /// The number of its action.
    pub action: i32,
    /// The message that it follows; empty where it begins a matter.
    pub about: String,
    /// The step of the matter that it takes; empty for a message of one's own.
    pub step: String,
    /// Whose account writes it.
    pub account: String,
    /// Who writes it.
    pub person: String,
    /// In which role.
    pub role: i32,
    /// When it was begun and kept last, ms since 1970.
    pub began_at: i64,
    /// See above.
    pub kept_at: i64,
    /// What is wrong is shown beside its fields: it was looked through once.
    pub judged: bool,
    /// A second person is asked to sign it off.
    pub waits: bool,
    /// What a person has typed.
    pub sheet: Sheet,
}

impl Draft {
    /// Names what would leave as it stands, and in whose name; empty if that cannot be said.
    pub fn version(&self) -> String {
        let whole = serde_json::to_vec(&(&self.sheet, &self.account, &self.person, self.role));
        whole.map(|bytes| hex(&Sha256::digest(bytes))).unwrap_or_default()
    }

    /// Whether it still is this version.
    pub fn is_version(&self, version: &str) -> bool {
        !version.is_empty() && self.version() == version
    }

    /// Nobody has typed anything into it since it was begun.
    pub const fn is_untouched(&self) -> bool {
        self.kept_at == self.began_at
    }

    /// Another draft takes the same step on the same message, in the same name.
    pub fn is_same_step(&self, other: &Self) -> bool {
        let own = |draft: &Self| (draft.about.clone(), draft.step.clone(), draft.account.clone(), draft.role);
        !self.about.is_empty() && self.sent_as.is_empty() && own(self) == own(other)
    }

    /// The kind; none where a newer version wrote it.
    pub fn kind(&self) -> Option<Kind> {
        Kind::from_number(self.kind)
    }

    /// What the contract says about it.
    pub fn contract(&self, offset_min: i32) -> Option<Contract> {
        let action = Action::from_number(self.action).unwrap_or(Action::Originate);
        self.kind().map(|kind| Contract::of(kind, action, offset_min))
    }
}

/// The folder of drafts.
#[derive(Clone, Debug)]
pub struct Drafts {
    folder: PathBuf,
}

impl Drafts {
    /// The drafts of a state directory.
    pub fn of(state: &Path) -> Self {
        Self { folder: state.join("local").join("drafts") }
    }

    /// Every draft, the one that was kept last first. A file that is no draft is left where it is.
    ///
    /// # Errors
    /// The folder cannot be read.
    pub fn all(&self) -> io::Result<Vec<Draft>> {
        let found = match std::fs::read_dir(&self.folder) {
            Ok(found) => found,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(error),
        };
        let mut all = Vec::new();
        for entry in found {
            let path = entry?.path();
            if path.extension().is_some_and(|ending| ending == "json") {
                match read(&path) {
                    Ok(draft) => all.push(draft),
                    Err(error) => tracing::warn!(%error, path = %path.display(), "a draft cannot be read"),
                }
            }
        }
        all.sort_by_key(|draft| std::cmp::Reverse(draft.kept_at));
        Ok(all)
    }

    /// How many wait for a second person, as far as they can be read.
    pub fn waiting(&self) -> u64 {
        self.all().map_or(0, |all| all.iter().map(|draft| u64::from(draft.waits)).sum())
    }

    /// The draft of this id.
    ///
    /// # Errors
    /// Its file cannot be read, or is no draft.
    pub fn find(&self, id: MessageId) -> io::Result<Option<Draft>> {
        match read(&self.path(id)) {
            Ok(draft) => Ok(Some(draft)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Keeps a draft. When this returns, it is durable.
    ///
    /// # Errors
    /// It is larger than what can be read again (`FileTooLarge`), or the file cannot be written.
    pub fn keep(&self, id: MessageId, draft: &Draft) -> io::Result<()> {
        let bytes = serde_json::to_vec_pretty(draft)?;
        if u64::try_from(bytes.len()).is_ok_and(|size| size > FILE_BYTES_MAX) {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        journal::file::create_dir(&self.folder)?;
        journal::file::write_atomic(&self.path(id), &bytes)
    }

    /// Forgets a draft.
    ///
    /// # Errors
    /// The file cannot be removed.
    pub fn forget(&self, id: MessageId) -> io::Result<()> {
        match journal::file::remove(&self.path(id)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            done => done,
        }
    }

    fn path(&self, id: MessageId) -> PathBuf {
        self.folder.join(format!("{id}.json"))
    }
}

fn read(path: &Path) -> io::Result<Draft> {
    Ok(serde_json::from_slice(&journal::file::read_plain(path, FILE_BYTES_MAX)?)?)
}

#[cfg(test)]
mod tests {
    use model::time::Timestamp;
    use serde_json::json;

    use super::*;

    fn draft(id: MessageId, kept_at: i64) -> Draft {
        let contract = Contract::of(Kind::Bulletin, Action::Originate, 480);
        let mut sheet = Sheet::of(json!({}), &contract);
        sheet.put(&contract, "body.headline", &["槽车侧翻"]);
        sheet.put(&contract, "body.valid_until", &["明天"]);
        Draft {
            id: id.to_string(),
            sent_as: String::new(),
            kind: Kind::Bulletin.number(),
            action: Action::Originate.number(),
            about: String::new(),
            step: String::new(),
            account: "officer".into(),
            person: "王磊".into(),
            role: 1,
            began_at: 1,
            kept_at,
            judged: false,
            waits: false,
            sheet,
        }
    }

    #[test]
    fn drafts_are_kept_as_they_were_typed_and_the_newest_stands_first() {
        let folder = tempfile::tempdir().unwrap();
        let drafts = Drafts::of(folder.path());
        assert!(drafts.all().unwrap().is_empty());
        let (one, two) = (MessageId::new(Timestamp::EPOCH, [1; 10]), MessageId::new(Timestamp::EPOCH, [2; 10]));
        drafts.keep(one, &draft(one, 10)).unwrap();
        drafts.keep(two, &draft(two, 20)).unwrap();
        std::fs::write(folder.path().join("local/drafts/broken.json"), "{").unwrap();

        let all = drafts.all().unwrap();
        assert_eq!(all.iter().map(|draft| draft.kept_at).collect::<Vec<_>>(), [20, 10]);
        let again = drafts.find(one).unwrap().unwrap();
        let contract = again.contract(480).unwrap();
        assert_eq!(again.sheet.text(&contract, "body.headline"), "槽车侧翻");
        assert_eq!(again.sheet.text(&contract, "body.valid_until"), "明天", "what cannot be read yet is kept too");

        let contract = again.contract(480).unwrap();
        let mut large = draft(two, 30);
        large.sheet.put(&contract, "body.valid_until", &["天".repeat(400_000).as_str()]);
        assert_eq!(drafts.keep(two, &large).unwrap_err().kind(), io::ErrorKind::FileTooLarge);
        assert_eq!(drafts.find(two).unwrap().unwrap().kept_at, 20, "what was kept before stays");

        drafts.forget(one).unwrap();
        drafts.forget(one).unwrap();
        assert!(drafts.find(one).unwrap().is_none());
    }

    #[test]
    fn the_same_step_on_the_same_message_in_the_same_name_is_one_draft() {
        let id = MessageId::new(Timestamp::EPOCH, [1; 10]);
        let answer = Draft { about: id.to_string(), step: "offer".into(), ..draft(id, 1) };
        assert!(answer.is_untouched() && answer.is_same_step(&answer.clone()));
        assert!(!Draft { kept_at: 2, ..answer.clone() }.is_untouched());
        let alone = draft(id, 1);
        assert!(!alone.is_same_step(&alone.clone()), "what one writes of oneself is new each time");
        for other in [
            Draft { step: "cannot".into(), ..answer.clone() },
            Draft { account: "second".into(), ..answer.clone() },
            Draft { role: 2, ..answer.clone() },
        ] {
            assert!(!answer.is_same_step(&other));
        }
        assert!(!Draft { sent_as: id.to_string(), ..answer.clone() }.is_same_step(&answer));
    }

    #[test]
    fn a_version_is_of_the_text_and_the_name_under_it() {
        let id = MessageId::new(Timestamp::EPOCH, [1; 10]);
        let one = draft(id, 1);
        assert!(one.is_version(&one.version()) && !one.is_version(""));
        let kept = Draft { kept_at: 5, judged: true, waits: true, sent_as: id.to_string(), ..one.clone() };
        assert!(kept.is_version(&one.version()));
        let mut typed = one.clone();
        typed.sheet.put(&one.contract(480).unwrap(), "body.valid_until", &["后天"]);
        for other in [typed, Draft { role: 2, ..one.clone() }, Draft { account: "second".into(), ..one.clone() }] {
            assert!(!other.is_version(&one.version()));
        }
    }
}
