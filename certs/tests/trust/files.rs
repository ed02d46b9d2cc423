//! Signed files: what is not signed by enough is nothing, and what is signed may only follow what was before.

use std::fs;

use certs::{
    ca::{self, Authority},
    files::{self, Bytes3, DirectoryFile, RootFile, Trusted, name},
    keys, signed,
    succession::{self, NotNext},
    trust,
};
use ed25519_dalek::SigningKey;
use model::{ids::JurisdictionId, seal::SealKind};
use proptest::prelude::*;

use crate::office::{LY, NOW, Office, XZ, trusted};

const SIGNERS: [&str; 2] = ["signer-1", "signer-2"];

fn key(office: &Office, name: &str) -> SigningKey {
    keys::signing(&office.region.folder.join(format!("offline/{name}.key"))).unwrap()
}

fn bytes(office: &Office) -> Bytes3 {
    trusted(&office.folder("broker")).bytes
}

fn text(kind: SealKind, file: &str) -> &str {
    signed::split(kind, file).unwrap().0
}

fn sign(office: &Office, kind: SealKind, text: &str, names: &[&str]) -> String {
    let keys: Vec<SigningKey> = names.iter().map(|name| key(office, name)).collect();
    signed::sign(kind, &office.region.region, text, &keys)
}

/// The directory after `before`, edited, signed by these keys.
fn after(office: &Office, before: &Trusted, names: &[&str], edit: impl FnOnce(&mut DirectoryFile)) -> Bytes3 {
    let text = text(SealKind::Directory, &before.bytes.directory);
    let mut next: DirectoryFile = toml::from_str(text).unwrap();
    next.version += 1;
    next.previous = files::hash(text);
    edit(&mut next);
    let directory = sign(office, SealKind::Directory, &toml::to_string(&next).unwrap(), names);
    Bytes3 { directory, ..before.bytes.clone() }
}

/// Verifies the edited directory and asks whether it may follow the one in force.
fn follows(office: &Office, names: &[&str], edit: impl FnOnce(&mut DirectoryFile)) -> Result<Trusted, NotNext> {
    let before = trusted(&office.folder("broker"));
    let next = files::verify(&after(office, &before, names, edit), &[]).unwrap();
    succession::may_follow(&before, &next).map(|()| next)
}

fn xz(directory: &mut DirectoryFile) -> &mut files::MemberEntry {
    directory.members.iter_mut().find(|member| member.id == XZ).unwrap()
}

fn new_authority() -> Authority {
    ca::own("linyi 320300 CA", NOW).unwrap()
}

fn endorsed(office: &Office, old: &Authority, new: &Authority) -> files::Endorsement {
    let id: JurisdictionId = XZ.parse().unwrap();
    succession::endorse(&office.region.region, &id, old, new.public_key()).unwrap()
}

#[test]
fn a_directory_needs_two_signers() {
    let office = Office::new();
    let good = bytes(&office);
    let said = text(SealKind::Directory, &good.directory);

    for names in [&["signer-1"][..], &["signer-3", "signer-3"], &["root-1", "root-2"], &[]] {
        let directory = sign(&office, SealKind::Directory, said, names);
        let error = files::verify(&Bytes3 { directory, ..good.clone() }, &[]).unwrap_err().to_string();
        assert!(error.starts_with("directory.toml: the file has "), "{error}");
    }
    let directory = sign(&office, SealKind::Directory, said, &["signer-3", "signer-1"]);
    assert!(files::verify(&Bytes3 { directory, ..good }, &[]).is_ok());
}

#[test]
fn grants_need_two_signers_and_a_signature_for_grants() {
    let office = Office::new();
    let good = bytes(&office);
    let said = text(SealKind::Grants, &good.grants);

    let grants = sign(&office, SealKind::Grants, said, &["signer-1"]);
    assert!(files::verify(&Bytes3 { grants, ..good.clone() }, &[]).is_err());
    let as_directory = sign(&office, SealKind::Directory, said, &SIGNERS);
    let grants = as_directory.replace("signatures: directory", "signatures: grants");
    assert!(files::verify(&Bytes3 { grants, ..good }, &[]).is_err());
}

#[test]
fn a_file_changed_in_one_place_is_refused() {
    type Edit = fn(&mut Bytes3);
    let office = Office::new();
    let good = bytes(&office);
    let edits: [(&str, Edit); 5] = [
        ("a name", |bytes| bytes.directory = bytes.directory.replace("Xuzhou", "Xuzhov")),
        ("a grant", |bytes| bytes.grants = bytes.grants.replace("[\"A0\"]", "[\"A1\"]")),
        ("a threshold", |bytes| bytes.root = bytes.root.replace("directory_threshold = 2", "directory_threshold = 1")),
        ("a space", |bytes| bytes.directory = format!(" {}", bytes.directory)),
        ("no mark", |bytes| bytes.grants = bytes.grants.replace("# ---", "# --")),
    ];

    for (what, edit) in edits {
        let mut bad = good.clone();
        edit(&mut bad);
        assert_ne!((&bad.root, &bad.directory, &bad.grants), (&good.root, &good.directory, &good.grants), "{what}");
        assert!(files::verify(&bad, &[]).is_err(), "{what}");
    }
}

#[test]
fn files_of_another_region_are_refused() {
    let (office, other) = (Office::new(), Office::new());
    let (ours, theirs) = (bytes(&office), bytes(&other));

    let mixed = Bytes3 { directory: theirs.directory, ..ours };

    assert!(files::verify(&mixed, &[]).is_err());
}

#[test]
fn an_older_directory_or_older_grants_are_refused_and_the_newer_stay() {
    let mut office = Office::new();
    let (folder, old) = (office.folder(XZ), bytes(&office));
    office.region.publish(NOW).unwrap();
    let new = trusted(&folder);

    for back in [
        Bytes3 { directory: old.directory.clone(), ..new.bytes.clone() },
        Bytes3 { grants: old.grants.clone(), ..new.bytes.clone() },
    ] {
        let error = trust::install(&folder, &back, &[], NOW).unwrap_err().to_string();
        assert!(error.ends_with("version 1 is lower than 2, which is in force"), "{error}");
    }

    let identity = office.identity(XZ);
    fs::write(folder.join(name::DIRECTORY), &old.directory).unwrap();
    let error = identity.reload().unwrap_err().to_string();
    assert_eq!(error, "directory.toml: version 1 is lower than 2, which is in force");
    assert_eq!(identity.trusted().directory.version, 2);
}

#[test]
fn two_texts_of_one_version_are_a_fork() {
    let office = Office::new();

    let same = follows(&office, &SIGNERS, |directory| {
        directory.version -= 1;
        directory.expires += 1;
    });
    assert_eq!(same.unwrap_err(), NotNext::Forked { file: name::DIRECTORY, version: 1 });

    let torn = follows(&office, &SIGNERS, |directory| directory.previous = files::hash("another history"));
    assert_eq!(torn.unwrap_err(), NotNext::Forked { file: name::DIRECTORY, version: 2 });
}

#[test]
fn a_known_member_gets_no_new_authority_by_the_signers_alone() {
    let office = Office::new();

    let next = follows(&office, &SIGNERS, |directory| xz(directory).ca = new_authority().pem());

    assert_eq!(next.unwrap_err(), NotNext::Authority(XZ.parse().unwrap()));
}

#[test]
fn a_new_authority_that_the_old_one_endorses_is_taken() {
    let office = Office::new();
    let new = new_authority();

    let next = follows(&office, &SIGNERS, |directory| {
        let step = endorsed(&office, office.authority(XZ), &new);
        let entry = xz(directory);
        entry.ca = new.pem();
        entry.ca_endorsed_by.push(step);
    });

    assert_eq!(next.unwrap().authorities[&XZ.parse().unwrap()].public_key, new.public_key());
}

#[test]
fn who_slept_through_two_changes_follows_both_endorsements() {
    let office = Office::new();
    let (second, third) = (new_authority(), new_authority());

    let next = follows(&office, &SIGNERS, |directory| {
        let steps = [endorsed(&office, &second, &third), endorsed(&office, office.authority(XZ), &second)];
        directory.version += 5;
        let entry = xz(directory);
        entry.ca = third.pem();
        entry.ca_endorsed_by.extend(steps);
    });

    assert!(next.is_ok());
}

#[test]
fn an_endorsement_by_another_key_or_for_another_one_counts_for_nothing() {
    let office = Office::new();
    let (new, other) = (new_authority(), new_authority());
    let old = office.authority(XZ);
    let mut forged = endorsed(&office, &other, &new);
    forged.from = signed::hex(old.public_key());
    let mut cut = endorsed(&office, old, &new);
    cut.signature.truncate(100);
    let theirs = succession::endorse(&office.region.region, &LY.parse().unwrap(), old, new.public_key()).unwrap();

    for step in [forged, cut, theirs, endorsed(&office, old, &other), endorsed(&office, &other, &new)] {
        let next = follows(&office, &SIGNERS, |directory| {
            let entry = xz(directory);
            entry.ca = new.pem();
            entry.ca_endorsed_by.push(step);
        });
        assert_eq!(next.unwrap_err(), NotNext::Authority(XZ.parse().unwrap()));
    }
}

#[test]
fn the_root_threshold_vouches_for_a_new_authority_and_one_root_key_does_not() {
    let office = Office::new();
    let new = new_authority();

    let one = follows(&office, &["signer-1", "signer-2", "root-1"], |directory| xz(directory).ca = new.pem());
    assert_eq!(one.unwrap_err(), NotNext::Authority(XZ.parse().unwrap()));

    let two = ["signer-1", "signer-2", "root-1", "root-3"];
    assert!(follows(&office, &two, |directory| xz(directory).ca = new.pem()).is_ok());
}

#[test]
fn the_brokers_authority_is_held_to_the_same_rule() {
    let office = Office::new();
    let new = ca::own("linyi broker CA", NOW).unwrap();

    let next = follows(&office, &SIGNERS, |directory| directory.broker_ca = new.pem());
    assert_eq!(next.unwrap_err(), NotNext::Authority(JurisdictionId::broker()));

    let broker = JurisdictionId::broker();
    let old = office.region.broker.as_ref().unwrap();
    let step = succession::endorse(&office.region.region, &broker, old, new.public_key()).unwrap();
    let next = follows(&office, &SIGNERS, |directory| {
        directory.broker_ca = new.pem();
        directory.broker_ca_endorsed_by.push(step);
    });
    assert!(next.is_ok());
}

#[test]
fn nobody_gets_a_new_authority_by_leaving_and_coming_back() {
    let mut office = Office::new();
    let before = trusted(&office.folder("broker"));
    let came_back = |office: &Office, before: &Trusted| {
        let next = after(office, before, &SIGNERS, |directory| {
            let mut entry: DirectoryFile = toml::from_str(text(SealKind::Directory, &before.bytes.directory)).unwrap();
            let former = directory.former.pop();
            let mut again = entry.members.remove(0);
            again.id = XZ.to_owned();
            again.ca = new_authority().pem();
            again.evidence = former.map(|former| former.evidence).unwrap_or_default();
            directory.members.push(again);
        });
        files::verify(&next, &[]).unwrap()
    };

    office.region.revoke(&certs::region::Revoked::Member(XZ.parse().unwrap()), NOW).unwrap();
    let gone = trusted(&office.folder("broker"));
    succession::may_follow(&before, &gone).unwrap();

    let back = came_back(&office, &gone);
    assert_eq!(succession::may_follow(&gone, &back), Err(NotNext::Authority(XZ.parse().unwrap())));
    assert_eq!(succession::may_follow(&before, &back), Err(NotNext::Authority(XZ.parse().unwrap())));
}

#[test]
fn a_member_is_not_forgotten() {
    let office = Office::new();

    let next = follows(&office, &SIGNERS, |directory| directory.members.retain(|member| member.id != XZ));

    assert_eq!(next.unwrap_err(), NotNext::Forgotten(XZ.parse().unwrap()));
}

#[test]
fn an_evidence_key_does_not_vanish_nor_live_again() {
    let mut office = Office::new();
    let bad = NotNext::Evidence(XZ.parse().unwrap());

    assert_eq!(follows(&office, &SIGNERS, |directory| xz(directory).evidence.clear()).unwrap_err(), bad);

    let id =
        trusted(&office.folder(XZ)).evidence.iter().find(|(_, key)| key.owner.as_str() == XZ).unwrap().0.to_string();
    office.region.revoke(&certs::region::Revoked::Evidence(id), NOW).unwrap();
    assert_eq!(follows(&office, &SIGNERS, |directory| xz(directory).evidence[0].until = None).unwrap_err(), bad);
    let later = |directory: &mut DirectoryFile| xz(directory).evidence[0].until = Some(NOW.millis() + 1);
    assert_eq!(follows(&office, &SIGNERS, later).unwrap_err(), bad);
    assert!(follows(&office, &SIGNERS, |_| ()).is_ok());
}

#[test]
fn the_signers_alone_give_nobody_another_evidence_key() {
    let office = Office::new();
    let key = SigningKey::from_bytes(&[3; 32]).verifying_key();
    let (region, id): (_, JurisdictionId) = (&office.region.region, XZ.parse().unwrap());
    let add = |certified: String| {
        let entry = files::EvidenceEntry { key: signed::hex(key.as_bytes()), certified, until: None };
        move |directory: &mut DirectoryFile| xz(directory).evidence.push(entry)
    };
    let by = |of: &str, id: &JurisdictionId| succession::certify(region, id, office.authority(of), &key).unwrap();

    let bad = Err(NotNext::Uncertified(id.clone()));
    assert_eq!(follows(&office, &SIGNERS, add(String::new())).map(drop), bad);
    assert_eq!(follows(&office, &SIGNERS, add(by(LY, &id))).map(drop), bad);
    assert_eq!(follows(&office, &SIGNERS, add(by(XZ, &LY.parse().unwrap()))).map(drop), bad);
    assert!(follows(&office, &SIGNERS, add(by(XZ, &id))).is_ok());
    assert!(follows(&office, &["signer-1", "signer-2", "root-1", "root-2"], add(String::new())).is_ok());
}

#[test]
fn who_slept_through_a_new_evidence_key_and_a_new_authority_follows_both() {
    let office = Office::new();
    let (second, id) = (new_authority(), XZ.parse().unwrap());
    let key = SigningKey::from_bytes(&[3; 32]).verifying_key();
    let certified = succession::certify(&office.region.region, &id, office.authority(XZ), &key).unwrap();

    let next = follows(&office, &SIGNERS, |directory| {
        let step = endorsed(&office, office.authority(XZ), &second);
        directory.version += 1;
        let entry = xz(directory);
        entry.evidence.push(files::EvidenceEntry { key: signed::hex(key.as_bytes()), certified, until: None });
        entry.ca = second.pem();
        entry.ca_endorsed_by.push(step);
    });

    assert!(next.is_ok());
}

#[test]
fn what_the_directory_revoked_stays_revoked() {
    let mut office = Office::new();
    office.region.revoke(&certs::region::Revoked::Serial(XZ.parse().unwrap(), "00c0ffee".to_owned()), NOW).unwrap();

    let next = follows(&office, &SIGNERS, |directory| directory.revoked.clear());

    assert_eq!(next.unwrap_err(), NotNext::Unrevoked(XZ.parse().unwrap()));
    assert!(trusted(&office.folder(LY)).revocations.revokes(&XZ.parse().unwrap(), &[0xc0, 0xff, 0xee]));
}

#[test]
fn one_authority_cannot_be_bound_to_two_members() {
    let office = Office::new();
    let before = trusted(&office.folder("broker"));
    let ly = office.authority(LY).pem();

    let next = after(&office, &before, &SIGNERS, |directory| xz(directory).ca = ly);

    let error = files::verify(&next, &[]).unwrap_err().to_string();
    assert!(error.contains("bound to another member too"), "{error}");
}

#[test]
fn an_authority_that_is_none_of_ours_is_not_bound() {
    let office = Office::new();
    let before = trusted(&office.folder("broker"));
    let root = office.region.root.as_ref().unwrap().pem();
    let leaf = fs::read_to_string(office.folder(XZ).join(name::LEAF)).unwrap();

    for pem in [root, leaf, "nothing".to_owned()] {
        let next = after(&office, &before, &SIGNERS, |directory| xz(directory).ca = pem);
        assert!(files::verify(&next, &[]).is_err());
    }
}

/// A root with other signers, signed by these root keys.
fn other_root(office: &Office, names: &[&str]) -> Bytes3 {
    let before = bytes(office);
    let mut root: RootFile = toml::from_str(text(SealKind::Root, &before.root)).unwrap();
    root.version += 1;
    root.directory_keys.swap(0, 1);
    root.root_keys[2] = signed::hex(SigningKey::from_bytes(&[9; 32]).verifying_key().as_bytes());
    Bytes3 { root: sign(office, SealKind::Root, &toml::to_string(&root).unwrap(), names), ..before }
}

#[test]
fn the_next_root_is_signed_by_the_pinned_one() {
    let office = Office::new();
    let folder = office.folder(XZ);

    let next = other_root(&office, &["root-1", "root-2"]);

    assert_eq!(trust::install(&folder, &next, &[], NOW).unwrap().trusted.root.version, 2);
    let back = Bytes3 { root: bytes(&office).root, ..next };
    let error = trust::install(&folder, &back, &[], NOW).unwrap_err().to_string();
    assert_eq!(error, "root.toml: version 1 is lower than 2, which is in force");
}

#[test]
fn a_root_that_the_pinned_one_did_not_sign_is_refused_though_its_own_keys_did() {
    let (office, other) = (Office::new(), Office::new());
    let identity = office.identity(XZ);
    let mut foreign: RootFile = toml::from_str(text(SealKind::Root, &bytes(&other).root)).unwrap();
    foreign.version = 7;
    let theirs = sign(&other, SealKind::Root, &toml::to_string(&foreign).unwrap(), &["root-1", "root-2"]);
    let next = Bytes3 { root: theirs, ..bytes(&other) };

    let error = trust::install(&office.folder(XZ), &next, &[], NOW).unwrap_err().to_string();
    assert_eq!(error, "root.toml: the new root of trust is not signed by enough keys of the pinned one");

    for (file, text) in [(name::ROOT, &next.root), (name::DIRECTORY, &next.directory), (name::GRANTS, &next.grants)] {
        fs::write(office.folder(XZ).join(file), text).unwrap();
    }
    assert!(identity.reload().is_err());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn no_bytes_from_outside_panic(bytes in prop::collection::vec(any::<u8>(), 0..600), text in ".{0,400}") {
        prop_assert!(certs::profile::check(&bytes, certs::profile::Side::Client).is_err());
        prop_assert!(certs::bound::Bound::read(&text).is_err());
        prop_assert!(certs::handover::Request::read(&text).is_err());
        prop_assert!(certs::handover::Invitation::read(&text, NOW).is_err());
        prop_assert!(certs::handover::Bundle::read(&text).is_err());
        prop_assert!(files::root_of(&text).is_err());
    }

    #[test]
    fn hexadecimal_goes_there_and_back(bytes in prop::collection::vec(any::<u8>(), 0..80)) {
        prop_assert_eq!(signed::unhex(&signed::hex(&bytes)), Some(bytes));
    }
}

#[test]
fn a_certificate_that_is_cut_or_followed_by_something_is_unreadable() {
    use certs::profile::{Refusal, Side, check};
    use rustls_pki_types::{CertificateDer, pem::PemObject as _};
    let office = Office::new();
    let der = CertificateDer::from_pem_file(office.folder(XZ).join(name::LEAF)).unwrap();

    for cut in 0..der.len() {
        assert!(check(&der[..cut], Side::Client).is_err(), "cut at {cut}");
        // with one byte changed it may still be readable: it is for the signature to tell, and never a panic
        let mut changed = der.to_vec();
        changed[cut] ^= 0x40;
        assert!(check(&changed, Side::Server).is_err(), "changed at {cut}");
    }
    assert_eq!(check(&[&der[..], &[0]].concat(), Side::Client), Err(Refusal::Unreadable));
}

#[test]
fn windows_are_days_of_the_calendar_in_their_order() {
    let office = Office::new();
    let before = trusted(&office.folder("broker"));
    let window = |from: &str, to: &str| {
        let entry = files::WindowEntry { id: "2027-guoqing".to_owned(), from: from.to_owned(), to: to.to_owned() };
        let signed = after(&office, &before, &SIGNERS, |directory| directory.windows.push(entry));
        files::verify(&signed, &[])
    };
    let day = model::time::Civil::from_iso("2027-10-03").unwrap();
    let found = window("2027-10-01", "2027-10-07").unwrap();
    assert_eq!(found.directory.window_on(day).unwrap().id, "2027-guoqing");
    assert!(window("2027-10-07", "2027-10-01").is_err());
    assert!(window("2027-02-30", "2027-10-01").is_err());
}
