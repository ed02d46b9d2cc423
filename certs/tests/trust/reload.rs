//! What changes on disk comes into force without a restart; what is bad leaves the old in force.

use std::{fs, os::unix::fs::PermissionsExt as _};

use certs::{files::name, tls::Listener, trust};
use model::time::Timestamp;

use crate::office::{DAY, LY, Leaf, NOW, Office, XZ, call, serial};

const LATER: Timestamp = Timestamp::from_millis(NOW.millis() + 60_000);

#[tokio::test]
async fn a_renewed_leaf_is_shown_after_a_reload() {
    let office = Office::new();
    let (broker, caller) = (office.identity("broker"), office.identity(XZ));
    let before = call(&broker, Listener::Agents, &caller).await.seen.unwrap().facts;

    trust::renew(&office.folder(XZ), office.authority(XZ), LATER).unwrap();
    caller.reload().unwrap();

    let after = call(&broker, Listener::Agents, &caller).await.seen.unwrap().facts;
    assert_eq!(after.name, before.name);
    assert_ne!(after.serial, before.serial);
    assert_eq!(broker.still_trusts(&before), Ok(()), "the old one is good until its end");
}

#[tokio::test]
async fn a_renewed_brokers_leaf_is_shown_after_a_reload_under_the_same_hosts() {
    let office = Office::new();
    let (broker, caller) = (office.identity("broker"), office.identity(XZ));
    let before = serial(&office.folder("broker"));

    trust::renew(&office.folder("broker"), office.region.broker.as_ref().unwrap(), LATER).unwrap();
    broker.reload().unwrap();

    assert_ne!(serial(&office.folder("broker")), before);
    assert!(call(&broker, Listener::Agents, &caller).await.answer.is_ok());
}

#[tokio::test]
async fn a_renewal_that_was_cut_between_its_files_still_loads() {
    let office = Office::new();
    let (folder, old_key) = (office.folder(XZ), fs::read(office.folder(XZ).join(name::LEAF_KEY)).unwrap());

    trust::renew(&folder, office.authority(XZ), LATER).unwrap();
    // as if the power had gone before the last step
    fs::rename(folder.join(name::LEAF_KEY), folder.join(name::LEAF_KEY_NEXT)).unwrap();
    fs::write(folder.join(name::LEAF_KEY), old_key).unwrap();
    fs::set_permissions(folder.join(name::LEAF_KEY), fs::Permissions::from_mode(0o600)).unwrap();

    assert!(office.call(XZ, Listener::Agents).await.answer.is_ok());
}

#[tokio::test]
async fn a_revocation_takes_effect_on_new_and_on_living_connections() {
    let mut office = Office::new();
    let (broker, caller) = (office.identity("broker"), office.identity(XZ));
    let living = call(&broker, Listener::Agents, &caller).await.seen.unwrap().facts;

    office.region.publish_revocations(&[serial(&office.folder(XZ))], LATER).unwrap();
    broker.reload().unwrap();

    assert_eq!(broker.still_trusts(&living).unwrap_err().to_string(), "the certificate is revoked");
    assert_eq!(call(&broker, Listener::Agents, &caller).await.refusal(), "the certificate is revoked");
}

#[tokio::test]
async fn what_was_revoked_stays_so_whatever_a_later_list_says() {
    let mut office = Office::new();
    let (broker, caller) = (office.identity("broker"), office.identity(XZ));
    let serial = serial(&office.folder(XZ));
    office.region.publish_revocations(&[serial], LATER).unwrap();
    broker.reload().unwrap();

    let empty = certs::ca::revocations(office.authority(XZ), &[], u64::MAX / 2, LATER).unwrap();
    fs::write(office.folder("broker").join("crls/320300.pem"), empty).unwrap();
    broker.reload().unwrap();

    assert_eq!(call(&broker, Listener::Agents, &caller).await.refusal(), "the certificate is revoked");
}

#[tokio::test]
async fn an_older_list_does_not_take_the_place_of_a_newer() {
    let mut office = Office::new();
    let list = office.folder("broker").join("crls/320300.pem");
    let old = fs::read(&list).unwrap();
    let broker = office.identity("broker");
    office.region.publish_revocations(&[], LATER).unwrap();
    broker.reload().unwrap();
    let newest = broker.trusted().revocations.clone();

    fs::write(&list, old).unwrap();
    broker.reload().unwrap();

    assert_eq!(broker.trusted().revocations, newest);
}

#[tokio::test]
async fn a_list_that_has_grown_old_cuts_no_living_connection() {
    let office = Office::new();
    office.put(XZ, &Leaf { life: DAY * 60, ..Leaf::default() }, office.authority(XZ));
    let (broker, caller) = (office.identity("broker"), office.identity(XZ));
    let living = call(&broker, Listener::Agents, &caller).await.seen.unwrap().facts;

    office.advance(DAY * 31);
    assert_eq!(broker.still_trusts(&living), Ok(()));

    office.advance(DAY * 30);
    assert_eq!(broker.still_trusts(&living).unwrap_err().to_string(), "the certificate has expired");
}

#[tokio::test]
async fn a_bad_file_keeps_the_old_in_force() {
    let office = Office::new();
    let (broker, caller) = (office.identity("broker"), office.identity(XZ));
    let folder = office.folder("broker");

    for file in [name::ROOT, name::DIRECTORY, name::GRANTS, name::LEAF, name::LEAF_KEY] {
        let path = folder.join(file);
        let good = fs::read(&path).unwrap();
        for bad in [&good[..good.len() / 2], b"", b"\xff\xfe\x00"] {
            fs::write(&path, bad).unwrap();
            assert!(broker.reload().is_err(), "{file} was taken");
            assert!(call(&broker, Listener::Agents, &caller).await.answer.is_ok(), "{file}");
        }
        fs::write(&path, good).unwrap();
    }
    broker.reload().unwrap();
}

#[tokio::test]
async fn a_key_that_does_not_fit_its_chain_keeps_the_old_in_force() {
    let office = Office::new();
    let broker = office.identity("broker");

    fs::copy(office.folder(LY).join(name::LEAF_KEY), office.folder("broker").join(name::LEAF_KEY)).unwrap();

    assert!(broker.reload().is_err());
    assert!(call(&broker, Listener::Agents, &office.identity(XZ)).await.answer.is_ok());
}

#[test]
fn a_key_file_that_others_can_read_is_refused_with_the_command_that_mends_it() {
    let office = Office::new();
    let key = office.folder(XZ).join(name::LEAF_KEY);

    for mode in [0o640, 0o604, 0o660, 0o777] {
        fs::set_permissions(&key, fs::Permissions::from_mode(mode)).unwrap();
        let error = certs::tls::Identity::load(&office.folder(XZ), office.clock()).unwrap_err().to_string();
        assert!(error.ends_with(&format!("mend it with: chmod 600 {}", key.display())), "{error}");
    }

    fs::set_permissions(&key, fs::Permissions::from_mode(0o400)).unwrap();
    assert!(certs::tls::Identity::load(&office.folder(XZ), office.clock()).is_ok());
}

#[test]
fn a_folder_in_which_others_can_put_a_key_is_refused_with_the_command_that_mends_it() {
    let office = Office::new();
    let folder = office.folder(XZ);

    fs::set_permissions(&folder, fs::Permissions::from_mode(0o770)).unwrap();

    let error = certs::tls::Identity::load(&folder, office.clock()).unwrap_err().to_string();
    assert!(error.ends_with(&format!("mend it with: chmod 700 {}", folder.display())), "{error}");
}

#[tokio::test]
async fn a_member_that_was_put_out_is_cut_and_not_let_in_again() {
    let mut office = Office::new();
    let (broker, caller) = (office.identity("broker"), office.identity(XZ));
    let living = call(&broker, Listener::Agents, &caller).await.seen.unwrap().facts;

    office.region.revoke(&certs::region::Revoked::Member(XZ.parse().unwrap()), LATER).unwrap();
    broker.reload().unwrap();

    let gone = "320300/desk is not in the directory";
    assert_eq!(broker.still_trusts(&living).unwrap_err().to_string(), gone);
    assert_eq!(call(&broker, Listener::Agents, &caller).await.refusal(), gone);
    assert!(!broker.trusted().evidence.is_empty());
    let kept = broker.trusted().evidence.values().any(|key| key.owner.as_str() == XZ && key.until == Some(LATER));
    assert!(kept, "what it sealed until then still verifies");
}

#[tokio::test]
async fn a_hundred_rotations_lose_no_call() {
    let office = Office::new();
    let (broker, caller) = (office.identity("broker"), office.identity(XZ));

    for rotation in 0..100 {
        office.advance(DAY);
        let now = office.clock().now();
        trust::renew(&office.folder(XZ), office.authority(XZ), now).unwrap();
        trust::renew(&office.folder("broker"), office.region.broker.as_ref().unwrap(), now).unwrap();
        for (id, authority) in &office.region.members {
            let list = certs::ca::revocations(authority, &[], u64::try_from(now.millis()).unwrap(), now).unwrap();
            fs::write(office.folder("broker").join(format!("crls/{id}.pem")), list).unwrap();
        }
        let own = certs::ca::revocations(
            office.region.broker.as_ref().unwrap(),
            &[],
            u64::try_from(now.millis()).unwrap(),
            now,
        )
        .unwrap();
        fs::write(office.folder(XZ).join("crls/broker.pem"), own).unwrap();
        caller.reload().unwrap();
        broker.reload().unwrap();
        assert!(call(&broker, Listener::Agents, &caller).await.answer.is_ok(), "rotation {rotation}");
    }
}

#[test]
fn a_leaf_is_renewed_once_a_third_of_its_life_has_passed_and_a_list_once_it_is_a_day_old() {
    use certs::trust::Renewed;
    let office = Office::new();
    let folder = office.folder(XZ);
    let after = |days: u32| trust::keep_fresh(&folder, NOW.plus(DAY * days)).unwrap();

    assert_eq!(after(0), Renewed::default());
    assert_eq!(after(2), Renewed { leaf: false, list: true });
    assert_eq!(after(2), Renewed::default());
    let before = serial(&folder);
    assert_eq!(after(7), Renewed { leaf: true, list: true });
    assert_ne!(serial(&folder), before);
    assert_eq!(after(7), Renewed::default());
}

#[test]
fn where_the_authority_is_elsewhere_nothing_is_renewed() {
    let office = Office::new();

    let renewed = trust::keep_fresh(&office.folder("broker"), NOW.plus(DAY * 20)).unwrap();

    assert_eq!(renewed, trust::Renewed::default());
}

#[tokio::test]
async fn what_ends_soon_is_named_with_what_to_do_before_it_ends() {
    use certs::ends::{What, endings};
    let office = Office::new();
    let trusted = office.identity(XZ).trusted();
    let leaf = certs::trust::identity_of(&office.folder(XZ)).unwrap().1.not_after;
    let named = |days: u32| {
        let now = NOW.plus(DAY * days);
        endings(&trusted, Some(leaf), now)
            .into_iter()
            .map(|ending| (ending.is_over(now), ending.what))
            .collect::<Vec<_>>()
    };

    assert!(named(0).is_empty(), "nothing in a fresh region");
    assert!(named(13).iter().all(|(_, what)| *what != What::Leaf), "a renewal at a third is in time");
    assert!(named(15).contains(&(false, What::Leaf)) && named(22).contains(&(true, What::Leaf)));
    assert!(named(16).contains(&(false, What::List(XZ.parse().unwrap()))));
    assert!(named(17).contains(&(false, What::Directory)) && named(31).contains(&(true, What::Directory)));
    assert!(named(650).contains(&(false, What::Authority(LY.parse().unwrap()))));
    let ending = endings(&trusted, Some(leaf), NOW.plus(DAY * 15)).remove(0);
    let (zh, en) = ending.texts(NOW.plus(DAY * 15));
    assert!(zh.starts_with("本机证书还有 6 天到期：") || zh.starts_with("本机证书还有 5 天到期："), "{zh}");
    assert!(en.starts_with("the own certificate ends in") && en.contains("certs renew"), "{en}");
}
