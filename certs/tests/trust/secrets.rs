//! No key shows itself: not to others' eyes on disk, not in what programs print of our types.

use std::{fs, os::unix::fs::PermissionsExt as _, path::Path};

use certs::{ca, files::name, keys, trust};

use crate::office::{NOW, Office, XZ};

fn walk(folder: &Path, seen: &mut dyn FnMut(&Path)) {
    seen(folder);
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { walk(&path, seen) } else { seen(&path) }
    }
}

#[test]
fn every_key_file_is_0600_and_every_folder_0700() {
    let office = Office::new();
    trust::renew(&office.folder(XZ), office.authority(XZ), NOW).unwrap();
    let mut keys = 0;

    walk(&office.region.folder, &mut |path| {
        let mode = fs::metadata(path).unwrap().permissions().mode() & 0o777;
        if path == office.region.folder {
            // the test made this one
        } else if path.is_dir() {
            assert_eq!(mode, 0o700, "{}", path.display());
        } else if path.to_string_lossy().contains(".key") {
            assert_eq!(mode, 0o600, "{}", path.display());
            keys += 1;
        }
    });

    // 3 root, 3 signer, 2 CA; broker 2, operator 1, members 3 each
    assert_eq!(keys, 17);
}

#[test]
fn debug_shows_no_key() {
    let office = Office::new();
    let authority = office.authority(XZ);
    let name = office.region.agent_name(&XZ.parse().unwrap()).unwrap();
    let issued = ca::leaf(&name, authority, &ca::LeafTerms::client(NOW)).unwrap();
    let identity = office.identity(XZ);

    let shown = format!("{authority:?} {issued:?} {identity:?} {:?} {:?}", office.region, identity.trusted());

    let secrets =
        [authority.key_pem(), issued.key.clone(), keys::read(&office.folder(XZ).join(name::LEAF_KEY)).unwrap()];
    for secret in &secrets {
        assert!(!shown.contains(secret.lines().nth(1).unwrap()));
    }
    assert!(!shown.contains("PRIVATE"));
}

#[test]
fn errors_about_keys_name_the_file_and_nothing_in_it() {
    let office = Office::new();
    let path = office.folder(XZ).join(name::EVIDENCE_KEY);
    keys::write(&path, "CANARY-7f3a").unwrap();

    let error = keys::signing(&path).unwrap_err();

    assert!(!format!("{error} {error:?}").contains("CANARY"));
}
