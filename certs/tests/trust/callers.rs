//! Callers that are not exactly ours are turned away with a reason, and no call of theirs is served.

use std::time::Duration;

use certs::{
    ca,
    tls::{Identity, Listener, PostQuantum},
};
use rcgen::{
    BasicConstraints, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose, PKCS_ECDSA_P384_SHA384,
    PKCS_ECDSA_P521_SHA512, PKCS_ED25519, PKCS_RSA_SHA256,
};

use crate::line::{bare_call, classical_call};
use crate::office::{DAY, LY, Leaf, NOW, Office, XZ, agent, call, dns, serial, uri};

const ISSUER: &str = "the certificate was not issued by the authority bound to its name";
const NAME: &str = "the certificate must have exactly one URI name of our form";
const USAGE: &str = "the certificate's extended key usage is not the one for this listener";

#[tokio::test]
async fn an_agent_of_a_member_is_served_and_known_by_its_certificate() {
    let office = Office::new();

    let call = office.call(XZ, Listener::Agents).await;

    assert_eq!(call.answer.unwrap().0, b'?' + 1);
    let facts = call.seen.unwrap().facts;
    assert_eq!((facts.name.uri(), facts.serial), (agent("linyi", XZ), serial(&office.folder(XZ))));
}

#[tokio::test]
async fn the_keys_of_the_profile_are_p_256_p_384_and_ed25519() {
    let office = Office::new();

    for algorithm in [&PKCS_ECDSA_P384_SHA384, &PKCS_ED25519] {
        let leaf = Leaf { key: KeyPair::generate_for(algorithm).unwrap(), ..Leaf::default() };
        office.put(XZ, &leaf, office.authority(XZ));
        assert!(office.call(XZ, Listener::Agents).await.answer.is_ok());
    }
}

#[tokio::test]
async fn an_authority_of_the_same_name_with_another_key_is_another_authority() {
    let office = Office::new();
    let other = ca::own("linyi 320300 CA", NOW).unwrap();

    office.put(XZ, &Leaf::default(), &other);

    assert_eq!(office.refusal(XZ).await, ISSUER);
}

#[tokio::test]
async fn another_jurisdictions_name_under_the_own_authority_is_refused() {
    let office = Office::new();

    office.put(LY, &Leaf::default(), office.authority(LY));

    assert_eq!(office.refusal(LY).await, ISSUER);
}

#[tokio::test]
async fn an_authority_between_the_bound_one_and_the_leaf_is_refused() {
    let office = Office::new();
    let above = office.authority(XZ);
    let between = Leaf {
        names: Vec::new(),
        usage: Vec::new(),
        key_usage: vec![KeyUsagePurpose::KeyCertSign],
        is_ca: IsCa::Ca(BasicConstraints::Unconstrained),
        ..Leaf::default()
    };
    let chain = between.issue(above).chain;
    let issuer = Issuer::from_ca_cert_pem(&chain, KeyPair::from_pem(&between.key.serialize_pem()).unwrap()).unwrap();

    let issued = Leaf::default().issue_by(&issuer, &chain);
    certs::trust::put_leaf(&office.folder(XZ), &issued).unwrap();

    assert_eq!(office.refusal(XZ).await, ISSUER);
}

#[tokio::test]
async fn an_expired_leaf_is_refused() {
    let office = Office::new();

    office.put(XZ, &Leaf { from: NOW.minus(DAY * 22), ..Leaf::default() }, office.authority(XZ));

    assert_eq!(office.refusal(XZ).await, "the certificate has expired");
}

#[tokio::test]
async fn a_leaf_of_tomorrow_is_refused() {
    let office = Office::new();

    office.put(XZ, &Leaf { from: NOW.plus(DAY), ..Leaf::default() }, office.authority(XZ));

    assert_eq!(office.refusal(XZ).await, "the certificate is not yet valid");
}

#[tokio::test]
async fn a_leaf_that_lives_longer_than_ninety_days_is_refused() {
    let office = Office::new();

    office.put(XZ, &Leaf { life: DAY * 91, ..Leaf::default() }, office.authority(XZ));

    assert_eq!(office.refusal(XZ).await, "the certificate's life is longer than 90 days");
}

#[tokio::test]
async fn a_revoked_leaf_is_refused() {
    let mut office = Office::new();
    let revoked = serial(&office.folder(XZ));

    office.region.publish_revocations(&[revoked], NOW.plus(Duration::from_secs(1))).unwrap();

    assert_eq!(office.refusal(XZ).await, "the certificate is revoked");
    assert!(office.call(LY, Listener::Agents).await.answer.is_ok(), "another's leaf is not");
}

#[tokio::test]
async fn without_a_revocation_list_of_its_authority_a_leaf_is_refused() {
    let office = Office::new();

    std::fs::remove_file(office.folder("broker").join("crls/320300.pem")).unwrap();

    assert_eq!(office.refusal(XZ).await, "no revocation list of the certificate's authority is known");
    assert!(office.call(LY, Listener::Agents).await.answer.is_ok(), "only this authority's leaves are");
}

#[tokio::test]
async fn a_list_that_another_authority_signed_is_no_list() {
    let office = Office::new();
    let lists = office.folder("broker").join("crls");

    std::fs::copy(lists.join("371300.pem"), lists.join("320300.pem")).unwrap();

    assert_eq!(office.refusal(XZ).await, "no revocation list of the certificate's authority is known");
}

#[tokio::test]
async fn with_an_expired_revocation_list_a_leaf_is_refused() {
    let office = Office::new();
    office.put(XZ, &Leaf { life: DAY * 60, ..Leaf::default() }, office.authority(XZ));
    let broker = office.identity("broker");

    office.advance(DAY * 31);

    // the broker's own leaf is as old: this caller does not mind
    let seen = bare_call(&broker, &office.folder(XZ)).await;
    assert_eq!(seen.unwrap_err(), "the revocation list of the certificate's authority has expired");
}

#[tokio::test]
async fn an_authority_that_has_ended_issues_nothing() {
    let office = Office::new();
    let later = NOW.plus(DAY * 731);
    office.put(XZ, &Leaf { from: later.minus(DAY), ..Leaf::default() }, office.authority(XZ));
    let list = ca::revocations(office.authority(XZ), &[], u64::MAX / 2, later).unwrap();
    std::fs::write(office.folder("broker").join("crls/320300.pem"), list).unwrap();
    let broker = office.identity("broker");

    office.advance(DAY * 731);

    let seen = bare_call(&broker, &office.folder(XZ)).await;
    assert_eq!(seen.unwrap_err(), "the authority that issued the certificate has expired");
}

#[tokio::test]
async fn a_leaf_for_servers_is_no_callers() {
    let office = Office::new();

    for usage in [
        vec![ExtendedKeyUsagePurpose::ServerAuth],
        vec![ExtendedKeyUsagePurpose::ClientAuth, ExtendedKeyUsagePurpose::ServerAuth],
        vec![ExtendedKeyUsagePurpose::Any],
        Vec::new(),
    ] {
        office.put(XZ, &Leaf { usage, ..Leaf::default() }, office.authority(XZ));
        assert_eq!(office.refusal(XZ).await, USAGE);
    }
}

#[tokio::test]
async fn a_leaf_whose_key_may_not_sign_is_refused() {
    let office = Office::new();

    for key_usage in [
        Vec::new(),
        vec![KeyUsagePurpose::KeyEncipherment],
        vec![KeyUsagePurpose::DigitalSignature, KeyUsagePurpose::KeyCertSign],
        vec![KeyUsagePurpose::DigitalSignature, KeyUsagePurpose::CrlSign],
        vec![KeyUsagePurpose::DigitalSignature, KeyUsagePurpose::KeyEncipherment],
    ] {
        office.put(XZ, &Leaf { key_usage, ..Leaf::default() }, office.authority(XZ));
        assert_eq!(office.refusal(XZ).await, USAGE);
    }
}

#[tokio::test]
async fn a_key_of_another_sort_is_refused() {
    let office = Office::new();

    for key in [
        KeyPair::generate_for(&PKCS_ECDSA_P521_SHA512).unwrap(),
        KeyPair::generate_rsa_for(&PKCS_RSA_SHA256, rcgen::RsaKeySize::_2048).unwrap(),
    ] {
        office.put(XZ, &Leaf { key, ..Leaf::default() }, office.authority(XZ));
        assert_eq!(office.refusal(XZ).await, "the certificate's key must be P-256, P-384 or Ed25519");
    }
}

#[tokio::test]
async fn a_leaf_that_says_more_than_ours_or_does_not_name_its_issuer_is_refused() {
    let office = Office::new();
    // certificate policies, name constraints, and something that nobody knows
    for oid in [&[2, 5, 29, 32][..], &[2, 5, 29, 30], &[1, 3, 6, 1, 4, 1, 99_999, 1]] {
        let more = vec![rcgen::CustomExtension::from_oid_content(oid, vec![0x30, 0])];
        office.put(XZ, &Leaf { more, ..Leaf::default() }, office.authority(XZ));
        let refusal = office.refusal(XZ).await;
        assert!(refusal.ends_with("an extension that is not of our profile"), "{oid:?}: {refusal}");
    }
    office.put(XZ, &Leaf { names_issuer: false, ..Leaf::default() }, office.authority(XZ));
    assert_eq!(office.refusal(XZ).await, ISSUER);
}

#[tokio::test]
async fn an_authority_is_no_leaf() {
    let office = Office::new();

    let leaf = Leaf { is_ca: IsCa::Ca(BasicConstraints::Constrained(0)), ..Leaf::default() };
    office.put(XZ, &leaf, office.authority(XZ));

    assert_eq!(office.refusal(XZ).await, "the certificate is an authority's");
}

#[tokio::test]
async fn any_name_beside_the_one_uri_is_refused() {
    let office = Office::new();
    let ours = agent("linyi", XZ);

    for names in [
        vec![uri(&ours), uri(&agent("linyi", LY))],
        vec![uri(&ours), uri(&ours)],
        vec![uri(&ours), dns("agent.example")],
        vec![uri(&ours), rcgen::SanType::IpAddress("127.0.0.1".parse().unwrap())],
        vec![uri(&ours), rcgen::SanType::Rfc822Name("a@example.org".try_into().unwrap())],
        vec![dns("agent.example")],
        vec![uri("https://linyi/j/320300/a/desk")],
        vec![uri(&format!("{ours}/more"))],
        vec![uri("spiffe://linyi/j/broker/a/desk")],
        Vec::new(),
    ] {
        office.put(XZ, &Leaf { names, ..Leaf::default() }, office.authority(XZ));
        assert_eq!(office.refusal(XZ).await, NAME);
    }
}

#[tokio::test]
async fn an_agent_of_another_region_is_refused() {
    let office = Office::new();

    office.put(XZ, &Leaf { names: vec![uri(&agent("huaihai", XZ))], ..Leaf::default() }, office.authority(XZ));

    assert_eq!(office.refusal(XZ).await, "the certificate is of another region");
}

#[tokio::test]
async fn an_agent_of_nobody_in_the_directory_is_refused() {
    let office = Office::new();

    office.put(XZ, &Leaf { names: vec![uri(&agent("linyi", "320700"))], ..Leaf::default() }, office.authority(XZ));

    assert_eq!(office.refusal(XZ).await, "320700/desk is not in the directory");
}

#[tokio::test]
async fn each_listener_takes_only_those_it_is_for() {
    let office = Office::new();

    let operator = office.call("operator", Listener::Operators).await;
    assert!(operator.answer.is_ok());
    assert_eq!(office.identity("broker").still_trusts(&operator.seen.unwrap().facts), Ok(()));
    let wrong = "the certificate is not for this listener";
    assert_eq!(office.call("operator", Listener::Agents).await.refusal(), wrong);
    assert_eq!(office.call(XZ, Listener::Operators).await.refusal(), wrong);
}

#[tokio::test]
async fn refusals_of_two_callers_at_once_are_not_mixed_up() {
    let office = Office::new();
    office.put(XZ, &Leaf { from: NOW.plus(DAY), ..Leaf::default() }, office.authority(XZ));
    office.put(LY, &Leaf::default(), office.authority(LY));

    let (one, two) = tokio::join!(office.refusal(XZ), office.refusal(LY));

    assert_eq!((one.as_str(), two.as_str()), ("the certificate is not yet valid", ISSUER));
}

#[tokio::test]
async fn where_post_quantum_is_required_a_caller_without_it_is_turned_away() {
    let office = Office::new();
    let broker = Identity::load_with(&office.folder("broker"), office.clock(), PostQuantum::Required).unwrap();

    let call = call(&broker, Listener::Agents, &office.identity(XZ)).await;
    assert_eq!(call.answer.unwrap().1, "X25519MLKEM768");
    let old = classical_call(&broker, &office.folder(XZ)).await;
    assert_eq!(old.unwrap_err(), "nothing that both sides speak was offered");
    assert!(
        classical_call(&office.identity("broker"), &office.folder(XZ)).await.is_ok(),
        "where it is preferred it is let in"
    );
}
