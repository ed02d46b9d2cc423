//! Files that programs put there: whole ones and torn ones, and those that nobody should follow.

#![allow(clippy::unwrap_used)]

use std::{
    ffi::OsStr,
    fs,
    os::unix::{ffi::OsStrExt as _, fs::PermissionsExt as _, fs::symlink},
    path::PathBuf,
};

use model::{ids::MessageId, time::Timestamp};
use serde_json::json;

use super::{
    folder::{Claimed, Folder, Look, check},
    settle,
};

const ID: MessageId = MessageId([0x01, 0x98, 0, 0, 0, 0, 0x70, 1, 0x80, 0, 0, 0, 0, 0, 0, 1]);

struct Place {
    folder: Folder,
    path: PathBuf,
    _kept: tempfile::TempDir,
}

fn place() -> Place {
    let kept = tempfile::tempdir().unwrap();
    let path = kept.path().join("drop");
    Place { folder: Folder::open(&path).unwrap(), path, _kept: kept }
}

impl Place {
    fn put(&self, name: &OsStr, text: &str) {
        fs::write(self.path.join("in").join(name), text).unwrap();
    }

    /// What two looks after each other find whole.
    fn ready(&self) -> Vec<std::ffi::OsString> {
        let (look, _) = self.folder.look(&Look::new()).unwrap();
        self.folder.look(&look).unwrap().1
    }

    fn names(&self, part: &str) -> Vec<String> {
        let entries = fs::read_dir(self.path.join(part)).unwrap();
        let mut names: Vec<_> =
            entries.map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned()).collect();
        names.sort();
        names
    }

    fn claim(&self, name: &OsStr) -> Claimed {
        self.folder.claim(name, ID).unwrap().unwrap()
    }
}

#[test]
fn a_file_is_whole_when_two_looks_find_it_the_same_and_drafts_of_writers_are_left_alone() {
    let place = place();
    for name in [".a.json", "a.json.tmp", "a.json.result.json", "note.txt"] {
        place.put(OsStr::new(name), "{}");
    }
    fs::create_dir(place.path.join("in/folder.json")).unwrap();
    place.put(OsStr::new("b.toml"), "kind =");
    let (look, ready) = place.folder.look(&Look::new()).unwrap();
    assert!(ready.is_empty() && look.len() == 1, "only b.toml is looked at: {look:?}");

    place.put(OsStr::new("b.toml"), "kind = \"K07\"");
    let (look, ready) = place.folder.look(&look).unwrap();
    assert!(ready.is_empty(), "it has grown meanwhile");
    assert_eq!(place.folder.look(&look).unwrap().1, [OsStr::new("b.toml")]);
}

#[test]
fn what_was_taken_is_found_again_under_its_id_and_filed_with_its_result() {
    let place = place();
    let odd = OsStr::from_bytes(b"\xff\n-\xe6\xb0\xb4.json");
    place.put(odd, "{}");
    assert_eq!(place.ready(), [odd]);

    let file = place.claim(odd);
    assert!(place.names("in").is_empty());
    assert_eq!(place.folder.claimed().unwrap().as_slice(), std::slice::from_ref(&file));
    assert_eq!(place.folder.claim(odd, ID).unwrap(), None, "it is gone");
    assert_eq!(place.folder.read(&file, 9).unwrap().unwrap().unwrap(), b"{}");

    place.folder.done(&file, &json!({ "outcome": "queued" })).unwrap();
    assert!(place.folder.claimed().unwrap().is_empty() && place.names("refused").is_empty());
    assert_eq!(fs::read(place.path.join("done").join(odd)).unwrap(), b"{}");
    assert_eq!(place.names("done").len(), 2);
}

#[test]
fn a_result_of_which_the_move_is_missing_is_written_again() {
    let place = place();
    place.put(OsStr::new("a.json"), "{}");
    let file = place.claim(OsStr::new("a.json"));
    fs::write(place.path.join("done/a.json.result.json"), "{\"half").unwrap();

    place.folder.done(&file, &json!({ "outcome": "queued" })).unwrap();

    let result = fs::read_to_string(place.path.join("done/a.json.result.json")).unwrap();
    assert!(result.contains("queued") && place.names("done").len() == 2, "{result}");
}

#[test]
fn a_file_that_stands_in_done_already_under_another_name_of_its_own_leaves_sending() {
    let place = place();
    place.put(OsStr::new("a.json"), "{}");
    let file = place.claim(OsStr::new("a.json"));
    fs::hard_link(place.path.join("sending").join(format!("{ID}.a.json")), place.path.join("done/a.json")).unwrap();

    place.folder.done(&file, &json!({ "outcome": "queued" })).unwrap();

    assert!(place.names("sending").is_empty() && place.names("done").len() == 2);
}

#[test]
fn what_is_left_alone_hides_no_file() {
    let place = place();
    for at in 0..10_500 {
        place.put(OsStr::new(&format!("{at}.tmp")), "");
    }
    place.put(OsStr::new("a.json"), "{}");
    assert_eq!(place.ready(), [OsStr::new("a.json")]);
}

#[test]
fn no_link_is_followed_no_pipe_waited_for_and_a_name_that_is_too_long_gets_another() {
    let place = place();
    fs::write(place.path.join("secret"), "{}").unwrap();
    symlink(place.path.join("secret"), place.path.join("in/link.json")).unwrap();
    symlink("/nowhere", place.path.join("in/broken.json")).unwrap();
    drop(std::os::unix::net::UnixListener::bind(place.path.join("in/socket.json")).unwrap());
    for name in ["link.json", "broken.json", "socket.json"] {
        let file = place.claim(OsStr::new(name));
        let refused = place.folder.read(&file, 9).unwrap().unwrap().unwrap_err();
        assert_eq!(refused.rule, "drop.plain_file", "{name}");
        place.folder.refused(&file, &settle::refused(&file, &refused, Timestamp::EPOCH)).unwrap();
    }
    assert_eq!(place.names("refused").len(), 6);
    assert_eq!(fs::read(place.path.join("secret")).unwrap(), b"{}");

    let long = "x".repeat(240) + ".json";
    place.put(OsStr::new(&long), "{}");
    let file = place.claim(OsStr::new(&long));
    assert!(file.is_renamed());
    assert_eq!(place.folder.claimed().unwrap(), [file]);
}

#[test]
fn a_file_that_claims_a_name_with_a_path_in_it_stays_in_its_folder() {
    let place = place();
    for name in ["..json", "a..json", "%2e%2e%2fx.json"] {
        place.put(OsStr::new(name), "{}");
    }
    let taken: Vec<_> = place.ready();
    assert_eq!(taken, [OsStr::new("%2e%2e%2fx.json"), OsStr::new("a..json")].map(OsStr::to_owned).as_slice().to_vec());
}

#[test]
fn a_folder_that_others_may_enter_is_refused_and_a_second_agent_too() {
    let place = place();
    assert_eq!(Folder::open(&place.path).unwrap_err().rule, "drop.folder", "it is watched already");

    fs::set_permissions(place.path.join("in"), fs::Permissions::from_mode(0o770)).unwrap();
    assert!(
        place.folder.look(&Look::new()).unwrap_err().to_string().contains("chmod 700"),
        "opened to others meanwhile"
    );
    fs::set_permissions(&place.path, fs::Permissions::from_mode(0o750)).unwrap();
    let refused = check(&place.path).unwrap_err();
    assert!(refused.rule == "drop.ours_alone" && refused.detail.contains("chmod 700"), "{refused}");
    assert_eq!(check("spool".as_ref()).unwrap_err().rule, "drop.ours_alone");
    assert_eq!(check("/nowhere/at/all".as_ref()), Ok(()), "it is made at the start");
}
