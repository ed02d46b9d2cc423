//! The folders on disk: what lies there, what is taken, and where it goes. Names are bytes and are never read as paths.

use std::{
    collections::BTreeMap,
    ffi::{OsStr, OsString},
    fs::{self, Metadata},
    io,
    os::unix::{
        ffi::{OsStrExt as _, OsStringExt as _},
        fs::MetadataExt as _,
    },
    path::{Path, PathBuf},
    sync::Arc,
};

use model::{ids::MessageId, invalid::Invalid, reason::Reason};
use serde_json::Value;

const IN: &str = "in";
const SENDING: &str = "sending";
const DONE: &str = "done";
const REFUSED: &str = "refused";
/// What the name of a result ends with.
const RESULT: &[u8] = b".result.json";
/// Names that are taken end with one of these.
const TAKEN: [&str; 2] = [".json", ".toml"];
/// Bytes of a name at most, so that the id before it and the ending behind it fit.
const NAME_BYTES_MAX: usize = 200;
/// Files of a folder that are looked at in one round.
const FILES_MAX: usize = 10_000;
/// The rule of a folder that cannot be used.
pub const UNUSABLE: &str = "drop.folder";

/// The drop folder, ours alone.
#[derive(Clone, Debug)]
pub struct Folder {
    path: PathBuf,
    _lock: Arc<journal::file::Lock>,
}

/// A file that was taken: it lies in `sending` under the id of the message that it becomes.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Claimed {
    /// The message.
    pub id: MessageId,
    /// As the program named it.
    pub name: OsString,
}

/// What lay in `in`, by name.
pub type Look = BTreeMap<OsString, Mark>;

/// Whether as many files were found as are looked at, so that there may be more.
pub fn is_full(found: usize) -> bool {
    found >= FILES_MAX
}

/// What tells a file that is still written from one that is whole.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Mark {
    file: u64,
    bytes: u64,
    changed: (i64, i64),
}

/// Why the folder cannot be used.
pub fn unusable(at: String, why: &str) -> Invalid {
    Invalid::new(Reason::StoreFull, at, UNUSABLE).detail(why)
}

/// Checks a drop folder that is there: that it is ours alone.
///
/// # Errors
/// Others may enter it, it belongs to somebody else, or its path is not a whole one.
pub fn check(path: &Path) -> Result<(), Invalid> {
    let refused = |why: &str| Invalid::code("drop.folder", "drop.ours_alone").detail(why);
    if !path.is_absolute() {
        return Err(refused(&path.display().to_string()));
    }
    if !path.exists() {
        return Ok(()); // it is made at the start
    }
    certs::keys::check_folder(path).map_err(|error| refused(&error.to_string()))
}

impl Folder {
    /// Opens it, and makes it where it is not there.
    ///
    /// # Errors
    /// It is not ours alone, another agent watches it, or the disk refuses.
    pub fn open(path: &Path) -> Result<Self, Invalid> {
        let failed = |error: io::Error| unusable(path.display().to_string(), &error.to_string());
        check(path)?;
        for part in [IN, SENDING, DONE, REFUSED] {
            let part = path.join(part);
            journal::file::create_dir(&part).map_err(failed)?;
            check(&part)?;
        }
        let lock = journal::file::lock(path).map_err(failed)?;
        Ok(Self { path: path.to_owned(), _lock: Arc::new(lock) })
    }

    /// What lies in `in`, and what is whole: the same as at the look before. What came first comes first. A folder that has
    /// been opened to others is looked at no more.
    pub fn look(&self, before: &Look) -> io::Result<(Look, Vec<OsString>)> {
        for part in [self.path.clone(), self.path.join(IN)] {
            certs::keys::check_folder(&part).map_err(io::Error::other)?;
        }
        let (mut look, mut ready) = (Look::new(), Vec::new());
        for entry in fs::read_dir(self.path.join(IN))? {
            if is_full(look.len()) {
                break;
            }
            let name = entry?.file_name();
            let Some(meta) = self.wanted(&name)? else { continue };
            let mark = Mark { file: meta.ino(), bytes: meta.size(), changed: (meta.mtime(), meta.mtime_nsec()) };
            if before.get(&name) == Some(&mark) {
                ready.push((mark.changed, name.clone()));
            }
            look.insert(name, mark);
        }
        ready.sort();
        Ok((look, ready.into_iter().map(|(_, name)| name).collect()))
    }

    /// What is known of an entry that is to be taken. A folder, a name that begins with a dot, and one with another ending
    /// are left alone.
    fn wanted(&self, name: &OsStr) -> io::Result<Option<Metadata>> {
        let bytes = name.as_bytes();
        let ends = TAKEN.iter().any(|ending| bytes.ends_with(ending.as_bytes()));
        if bytes.starts_with(b".") || bytes.ends_with(RESULT) || !ends {
            return Ok(None);
        }
        match fs::symlink_metadata(self.path.join(IN).join(name)) {
            Ok(meta) => Ok(Some(meta).filter(|meta| !meta.is_dir())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Takes a file: when this returns it lies in `sending` for good. None where it is gone. One whose name is too long goes
    /// under its id.
    pub fn claim(&self, name: &OsStr, id: MessageId) -> io::Result<Option<Claimed>> {
        let kept = if name.len() <= NAME_BYTES_MAX {
            name.to_owned()
        } else {
            let ending = TAKEN.into_iter().find(|ending| name.as_bytes().ends_with(ending.as_bytes()));
            format!("{id}{}", ending.unwrap_or_default()).into()
        };
        let claimed = Claimed { id, name: kept };
        self.moved(&self.path.join(IN).join(name), claimed)
    }

    /// The same file under another id.
    pub fn claim_again(&self, file: &Claimed, id: MessageId) -> io::Result<Option<Claimed>> {
        let name = if file.is_renamed() { OsString::from(format!("{id}.json")) } else { file.name.clone() };
        self.moved(&self.sending(file), Claimed { id, name })
    }

    fn moved(&self, from: &Path, claimed: Claimed) -> io::Result<Option<Claimed>> {
        match journal::file::move_to(from, &self.sending(&claimed)) {
            Ok(()) => Ok(Some(claimed)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Everything that was taken and is not settled, oldest first.
    pub fn claimed(&self) -> io::Result<Vec<Claimed>> {
        let mut found = Vec::new();
        for entry in fs::read_dir(self.path.join(SENDING))? {
            if is_full(found.len()) {
                break;
            }
            found.extend(Claimed::of(&entry?.file_name()));
        }
        found.sort_by_key(|file| file.id);
        Ok(found)
    }

    /// What stands in a file, or why nobody may read it. None where it is gone.
    pub fn read(&self, file: &Claimed, most: u64) -> io::Result<Option<Result<Vec<u8>, Invalid>>> {
        let path = self.sending(file);
        let refused = |why: &str| Ok(Some(Err(Invalid::schema("file", "drop.plain_file").detail(why))));
        match fs::symlink_metadata(&path) {
            Ok(meta) if !meta.is_file() => return refused("a link, a pipe or a device"),
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        }
        match journal::file::read_plain(&path, most) {
            Ok(bytes) => Ok(Some(Ok(bytes))),
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => refused(&error.to_string()),
            Err(error) => Err(error),
        }
    }

    /// Files what was sent, with its result.
    pub fn done(&self, file: &Claimed, result: &Value) -> io::Result<()> {
        self.file_in(DONE, file, result)
    }

    /// Files what was refused, with the reason.
    pub fn refused(&self, file: &Claimed, result: &Value) -> io::Result<()> {
        self.file_in(REFUSED, file, result)
    }

    /// The result comes first: whoever sees the file has the result.
    fn file_in(&self, part: &str, file: &Claimed, result: &Value) -> io::Result<()> {
        let to = self.path.join(part).join(&file.name);
        let mut beside = to.clone().into_os_string();
        beside.push(OsStr::from_bytes(RESULT));
        let text = format!("{result:#}\n");
        journal::file::write_atomic(Path::new(&beside), text.as_bytes())?;
        journal::file::move_to(&self.sending(file), &to)
    }

    fn sending(&self, file: &Claimed) -> PathBuf {
        let mut name = OsString::from(format!("{}.", file.id));
        name.push(&file.name);
        self.path.join(SENDING).join(name)
    }
}

impl Claimed {
    /// By the name in `sending`.
    fn of(name: &OsStr) -> Option<Self> {
        let dot = name.as_bytes().iter().position(|byte| *byte == b'.')?;
        let (id, rest) = name.as_bytes().split_at_checked(dot)?;
        let id = std::str::from_utf8(id).ok()?.parse().ok()?;
        let name = OsString::from_vec(rest.get(1..)?.to_vec());
        (!name.is_empty()).then_some(Self { id, name })
    }

    /// Whether its own name was too long to be kept.
    pub fn is_renamed(&self) -> bool {
        self.name.as_bytes().starts_with(self.id.to_string().as_bytes())
    }

    /// Its name for people; bytes that are no text are shown as such.
    pub fn shown(&self) -> String {
        self.name.to_string_lossy().into_owned()
    }
}
