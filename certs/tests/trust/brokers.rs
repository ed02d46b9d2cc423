//! A broker that is not exactly ours is not called.

use std::time::Duration;

use certs::{
    ca::{self, LeafTerms},
    tls::Listener,
    trust,
};
use rcgen::ExtendedKeyUsagePurpose;

use crate::office::{DAY, LY, NOW, Office, XZ, broker_leaf, serial};

fn hosts() -> Vec<String> {
    vec!["localhost".to_owned()]
}

/// What a caller says of a broker with this leaf.
async fn said(office: &Office, issued: &ca::Issued) -> String {
    trust::put_leaf(&office.folder("broker"), issued).unwrap();
    let call = office.call(XZ, Listener::Agents).await;
    assert!(call.seen.is_err(), "the caller went on");
    call.answer.unwrap_err()
}

#[tokio::test]
async fn a_broker_of_another_authority_is_refused() {
    let office = Office::new();
    let terms = LeafTerms::server(NOW, &hosts());

    let other = ca::own("linyi broker CA", NOW).unwrap();
    assert_eq!(
        said(&office, &broker_leaf("linyi", &other, &terms)).await,
        "the certificate was not issued by the authority bound to its name"
    );
    let members = office.authority(LY);
    assert_eq!(
        said(&office, &broker_leaf("linyi", members, &terms)).await,
        "the certificate was not issued by the authority bound to its name"
    );
}

#[tokio::test]
async fn a_leaf_for_callers_is_no_brokers() {
    let office = Office::new();
    let authority = office.region.broker.as_ref().unwrap();
    let terms = LeafTerms { usage: vec![ExtendedKeyUsagePurpose::ClientAuth], ..LeafTerms::server(NOW, &hosts()) };

    let why = said(&office, &broker_leaf("linyi", authority, &terms)).await;

    assert_eq!(why, "the certificate's extended key usage is not the one for this listener");
}

#[tokio::test]
async fn a_broker_of_another_region_or_under_another_host_is_refused() {
    let office = Office::new();
    let authority = office.region.broker.as_ref().unwrap();

    let elsewhere = LeafTerms::server(NOW, &["elsewhere.example".to_owned()]);
    assert_eq!(
        said(&office, &broker_leaf("linyi", authority, &elsewhere)).await,
        "the certificate is for another host name"
    );
    let terms = LeafTerms::server(NOW, &hosts());
    assert_eq!(said(&office, &broker_leaf("huaihai", authority, &terms)).await, "the certificate is of another region");
}

#[tokio::test]
async fn an_expired_or_future_broker_is_refused() {
    let office = Office::new();
    let authority = office.region.broker.as_ref().unwrap();

    let old = LeafTerms::server(NOW.minus(DAY * 22), &hosts());
    assert_eq!(said(&office, &broker_leaf("linyi", authority, &old)).await, "the certificate has expired");
    let future = LeafTerms::server(NOW.plus(DAY), &hosts());
    assert_eq!(said(&office, &broker_leaf("linyi", authority, &future)).await, "the certificate is not yet valid");
}

#[tokio::test]
async fn a_broker_that_the_directory_revokes_is_refused() {
    let mut office = Office::new();
    let stolen = serial(&office.folder("broker"));

    let revoked = certs::region::Revoked::Serial(model::ids::JurisdictionId::broker(), certs::signed::hex(&stolen));
    office.region.revoke(&revoked, NOW.plus(Duration::from_secs(1))).unwrap();

    let call = office.call(XZ, Listener::Agents).await;
    assert_eq!(call.answer.unwrap_err(), "the certificate is revoked");
}

#[tokio::test]
async fn an_operator_is_no_broker() {
    let office = Office::new();
    let authority = office.region.broker.as_ref().unwrap();
    let who = certs::profile::Who::Operator("admin".to_owned());
    let name = certs::profile::Name { region: "linyi".parse().unwrap(), who };

    let issued = ca::leaf(&name, authority, &LeafTerms::server(NOW, &hosts())).unwrap();

    assert_eq!(said(&office, &issued).await, "the certificate is not for this listener");
}
