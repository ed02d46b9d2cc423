//! Rates of a sender, before anything is journalled.

use model::{
    grant::Quota, header::Header, ids::JurisdictionId, precedence::Precedence, reason::Reason, time::Timestamp,
};
use proto::border;

use super::exchange::{Exchange, LINYI, NOON, XUZHOU};
use crate::relay::quota::{DiskStage, Quotas};

const QUOTA: Quota =
    Quota { per_second: 4, bytes_per_second: 1_000, flash_per_hour: 6, stored_bytes: 1_000, stored_envelopes: 10 };

fn header() -> Header {
    border::header::from_wire(Exchange::new().draft(LINYI, &[XUZHOU]).header).unwrap()
}

fn admit(quotas: &Quotas, by: &str, bytes: u64, ms: i64) -> Result<(), Reason> {
    let by: JurisdictionId = by.parse().unwrap();
    quotas.admit(&by, &header(), bytes, &QUOTA, Timestamp::from_millis(NOON + ms)).map_err(|refused| refused.reason)
}

#[test]
fn a_sender_is_held_to_its_rate_and_another_is_not() {
    let quotas = Quotas::default();
    assert!((0..4).all(|_| admit(&quotas, LINYI, 10, 0).is_ok()));
    assert_eq!(admit(&quotas, LINYI, 10, 0), Err(Reason::RateLimited));
    assert_eq!(admit(&quotas, XUZHOU, 10, 0), Ok(()));
    assert_eq!(admit(&quotas, LINYI, 10, 250), Ok(()), "a quarter of a second later one more");
    assert_eq!(admit(&quotas, LINYI, 10, 250), Err(Reason::RateLimited));
}

#[test]
fn bytes_have_a_rate_of_their_own() {
    let quotas = Quotas::default();
    assert_eq!(admit(&quotas, LINYI, 900, 0), Ok(()));
    assert_eq!(admit(&quotas, LINYI, 200, 0), Err(Reason::RateLimited));
    assert_eq!(admit(&quotas, LINYI, 200, 300), Ok(()));
}

#[test]
fn a_full_disk_refuses_before_any_rate_is_charged() {
    let quotas = Quotas::default();
    quotas.disk_is(DiskStage::Reserve);
    let urgent = Header { precedence: Precedence::Flash, ..header() };
    let now = Timestamp::from_millis(NOON);
    for _ in 0..9 {
        assert_eq!(admit(&quotas, LINYI, 10, 0), Err(Reason::StoreFull));
    }
    quotas.admit(&LINYI.parse().unwrap(), &urgent, 10, &QUOTA, now).unwrap();
    quotas.disk_is(DiskStage::Free);
    assert_eq!(admit(&quotas, LINYI, 10, 0), Ok(()));
}
