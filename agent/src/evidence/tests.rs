//! What a hostile file can do to its reader: nothing.
#![allow(clippy::indexing_slicing)]

use bytes::Bytes;
use model::limits;
use proptest::prelude::*;
use proto::v1::{self, evidence_part::Part};

use super::{
    file::{self, MAGIC, Unreadable},
    pieces,
    verify::{Sort, verify},
};

fn some_parts() -> Vec<Bytes> {
    let receipt = v1::Receipt { statement: Bytes::from_static(b"said"), ..v1::Receipt::default() };
    let envelope = v1::Envelope { content: Bytes::from_static(b"content"), ..v1::Envelope::default() };
    vec![
        file::part(Part::Summary(v1::SealedSummary::default())),
        file::part(Part::Trust(v1::BundleTrust::default())),
        file::part(Part::Envelope(envelope)),
        file::part(Part::Receipt(receipt)),
        file::part(Part::Head(v1::TreeHead { size: 7, ..v1::TreeHead::default() })),
    ]
}

#[test]
fn a_file_is_read_as_it_was_written_with_the_place_of_every_part() {
    let whole = file::encode(&some_parts());
    let (parts, unreadable) = file::decode(&whole);
    assert_eq!((parts.len(), unreadable), (5, None));
    assert_eq!(parts[0].at, MAGIC.len() as u64);
    assert!(parts.windows(2).all(|pair| pair[0].at < pair[1].at));
    assert!(matches!(parts[4].part, Some(Part::Head(_))));
    let again: Vec<Bytes> = pieces(&whole).collect();
    assert_eq!(again.concat(), whole);
}

#[test]
fn what_is_no_file_of_evidence_is_called_so() {
    for text in [&b""[..], b"LIANDONG", b"LIANDONG-BUNDLE-1\n", b"LIANDONG-EVIDENCE-2\n"] {
        assert_eq!(file::decode(&Bytes::from_static(text)).1, Some(Unreadable::NoEvidence));
        let verdict = verify(&Bytes::from_static(text), None);
        assert_eq!(verdict.faults[0].sort, Sort::NoEvidence);
    }
}

#[test]
fn a_length_that_is_longer_than_any_part_allocates_nothing() {
    let mut bytes = MAGIC.to_vec();
    prost::encode_length_delimiter(limits::BUNDLE_PART_BYTES_MAX + 1, &mut bytes).unwrap();
    let (parts, unreadable) = file::decode(&bytes.clone().into());
    assert_eq!((parts.len(), unreadable), (0, Some(Unreadable::Part(MAGIC.len() as u64))));
    let mut bytes = MAGIC.to_vec();
    bytes.extend([0xff; 10]);
    assert!(matches!(file::decode(&bytes.into()).1, Some(Unreadable::Part(_))));
}

#[test]
fn more_parts_than_any_file_has_end_the_reading() {
    let part = file::part(Part::Head(v1::TreeHead::default()));
    let many = vec![part; limits::EVIDENCE_PARTS_MAX + 1];
    let (parts, unreadable) = file::decode(&file::encode(&many));
    assert_eq!((parts.len(), unreadable), (limits::EVIDENCE_PARTS_MAX, Some(Unreadable::TooLong)));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn no_bytes_bring_the_reader_down(bytes in prop::collection::vec(any::<u8>(), 0..600)) {
        let mut file = MAGIC.to_vec();
        file.extend_from_slice(&bytes);
        let verdict = verify(&file.into(), None);
        prop_assert!(!verdict.holds());
    }

    #[test]
    fn no_change_of_a_file_brings_the_reader_down(
        at in any::<prop::sample::Index>(),
        put in prop::collection::vec(any::<u8>(), 0..12),
        cut in 0_usize..12,
    ) {
        let whole = file::encode(&some_parts()).to_vec();
        let at = at.index(whole.len());
        let behind = (at + cut).min(whole.len());
        let changed = [&whole[..at], &put, &whole[behind..]].concat();
        let verdict = verify(&changed.into(), None);
        prop_assert!(!verdict.holds());
        prop_assert!(verdict.faults.len() <= 64);
    }
}
