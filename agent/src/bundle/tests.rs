use bytes::Bytes;
use model::{limits, reason::Reason};
use proptest::prelude::*;
use proto::v1::{self, bundle_part::Part};

use super::file::{self, Parts};

fn chunk(of: &[u8]) -> Part {
    Part::Chunk(v1::BundleChunk { chunk: Bytes::copy_from_slice(of), ..v1::BundleChunk::default() })
}

fn file_of(parts: &[Part]) -> Vec<u8> {
    let parts = parts.iter().cloned().map(file::part);
    std::iter::once(file::beginning()).chain(parts).flatten().collect()
}

/// Everything that can be read, and how it ended.
fn read(pieces: &[&[u8]]) -> (Vec<Part>, Result<bool, Reason>) {
    let (mut parts, mut found) = (Parts::default(), Vec::new());
    for piece in pieces {
        parts.push(piece).unwrap();
        loop {
            match parts.take() {
                Ok(Some(part)) => found.push(part),
                Ok(None) => break,
                Err(invalid) => return (found, Err(invalid.reason)),
            }
        }
    }
    (found, Ok(parts.is_at_an_end()))
}

#[test]
fn what_is_no_bundle_is_told_from_its_first_bytes() {
    for no_bundle in [&b"PK\x03\x04"[..], b"LIANDONG-BUNDLE-2\n", b"\x00"] {
        assert_eq!(read(&[no_bundle]), (Vec::new(), Err(Reason::BadSchema)));
    }
    assert_eq!(read(&[b"LIANDONG"]), (Vec::new(), Ok(false)), "it may go on as one");
}

#[test]
fn a_length_beyond_the_limit_is_refused_before_anything_is_held_for_it() {
    let long = (limits::BUNDLE_PART_BYTES_MAX + 1) as u64;
    let mut bytes = file::beginning().to_vec();
    prost::encoding::encode_varint(long, &mut bytes);

    assert_eq!(read(&[&bytes]).1, Err(Reason::BadSchema));
    assert_eq!(read(&[file::MAGIC, &[0xff; 11]]).1, Err(Reason::BadSchema), "nor is a length that never ends");
}

#[test]
fn a_part_of_a_later_version_is_passed_over() {
    let mut bytes = file_of(&[chunk(b"a")]);
    bytes.extend([3, 0xfa, 0x01, 0x00]); // field 31, empty
    bytes.extend(file::part(chunk(b"b")));

    assert_eq!(read(&[&bytes]), (vec![chunk(b"a"), chunk(b"b")], Ok(true)));
}

proptest! {
    #[test]
    fn a_file_is_read_alike_however_it_is_cut(
        contents in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..300), 0..8),
        at in any::<prop::sample::Index>(),
        step in 1_usize..64,
    ) {
        let parts: Vec<Part> = contents.iter().map(|content| chunk(content)).collect();
        let bytes = file_of(&parts);

        let pieces: Vec<&[u8]> = bytes.chunks(step).collect();
        prop_assert_eq!(read(&pieces), (parts.clone(), Ok(true)));

        let end = at.index(bytes.len());
        let (found, whole) = read(&[&bytes[..end]]);
        prop_assert!(parts.starts_with(&found));
        prop_assert_eq!(whole, Ok(file_of(&parts[..found.len()]).len() == end && end >= file::MAGIC.len()));
    }

    #[test]
    fn noise_ends_in_an_error_or_an_end_and_never_in_a_panic(
        noise in proptest::collection::vec(any::<u8>(), 0..2_000),
        named in any::<bool>(),
    ) {
        let bytes = if named { [file::MAGIC, &noise].concat() } else { noise };
        let (found, _) = read(&[&bytes]);
        prop_assert!(found.len() <= bytes.len());
    }
}
