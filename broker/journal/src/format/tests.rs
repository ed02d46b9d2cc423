use bytes::Bytes;
use model::{
    merkle::Frontier,
    position::{EpochId, Position},
    time::Timestamp,
};
use proptest::prelude::*;

use super::*;
use crate::record::Record;

const EPOCH: EpochId = EpochId([7; 16]);

fn any_record() -> impl Strategy<Value = Record> {
    let body = prop::collection::vec(any::<u8>(), 0..200);
    (any::<u16>(), any::<u8>(), any::<i64>(), body).prop_map(|(kind, flags, ms, bytes)| Record {
        kind,
        flags,
        at: Timestamp::from_millis(ms),
        bytes: bytes.into(),
    })
}

fn any_batch() -> impl Strategy<Value = (Position, Vec<Record>)> {
    (1..u64::MAX / 2, prop::collection::vec(any_record(), 1..6)).prop_map(|(first, records)| (Position(first), records))
}

fn encoded(first: Position, records: &[Record]) -> Vec<u8> {
    let mut bytes = Vec::new();
    encode(&mut bytes, Seed::new(3, EPOCH), first, records, (Position(first.0 - 1), [9; 32]));
    bytes
}

fn any_tree() -> impl Strategy<Value = Frontier> {
    (any::<u64>(), any::<[u8; 32]>())
        .prop_map(|(size, peak)| Frontier::from_parts(size, vec![peak; size.count_ones() as usize]).unwrap())
}

proptest! {
    #[test]
    fn a_batch_is_read_back_and_has_the_length_foretold((first, records) in any_batch()) {
        let bytes = encoded(first, &records);
        prop_assert_eq!(bytes.len(), encoded_bytes(&records));
        prop_assert_eq!(decode(Seed::new(3, EPOCH), first, &Bytes::from(bytes)), Some(records));
    }

    #[test]
    fn a_batch_with_a_flipped_bit_or_in_a_wrong_place_is_none((first, records) in any_batch(), at in any::<prop::sample::Index>()) {
        let good = encoded(first, &records);
        let mut flipped = good.clone();
        let bit = at.index(good.len() * 8);
        flipped[bit / 8] ^= 1 << (bit % 8);
        prop_assert_eq!(decode(Seed::new(3, EPOCH), first, &Bytes::from(flipped)), None);
        let good = Bytes::from(good);
        prop_assert_eq!(decode(Seed::new(3, EPOCH), first.next(), &good), None);
        prop_assert_eq!(decode(Seed::new(4, EPOCH), first, &good), None);
        prop_assert_eq!(decode(Seed::new(3, EpochId([8; 16])), first, &good), None);
    }

    #[test]
    fn a_header_is_read_back(number in any::<u32>(), tree in any_tree(), owner in "[a-z/]{0,128}", previous in any::<[u8; 16]>()) {
        prop_assume!(tree.size() < u64::MAX);
        let header = Header {
            number,
            epoch: EPOCH,
            epoch_first: Position(5),
            previous: EpochId(previous),
            previous_ended_at: Position(4),
            first: Position(tree.size()).next(),
            created: Timestamp::from_millis(-1),
            owner,
            tree,
        };
        prop_assert_eq!(Header::decode(&header.encode()), Read::Good(Box::new(header)));
    }

    #[test]
    fn a_mark_is_read_back_and_a_flipped_one_is_none(tree in any_tree(), at in any::<prop::sample::Index>()) {
        let mark = Mark { generation: 3, epoch: EPOCH, tree, clock_floor: Timestamp::from_millis(12) };
        let mut bytes = mark.encode();
        prop_assert_eq!(Mark::decode(&bytes), Some(mark));
        let bit = at.index(bytes.len() * 8);
        bytes[bit / 8] ^= 1 << (bit % 8);
        prop_assert_eq!(Mark::decode(&bytes), None);
    }

    #[test]
    fn no_bytes_make_a_reader_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let _ = Mark::decode(&bytes);
        let _ = Header::decode(&bytes);
        let _ = decode(Seed::new(1, EPOCH), Position(1), &Bytes::from(bytes));
    }
}

#[test]
fn the_bytes_of_a_small_batch_are_those_of_the_format() {
    let record = Record { kind: 0x0102, flags: 3, at: Timestamp::from_millis(4), bytes: Bytes::from_static(b"hello") };
    let bytes = encoded(Position(0x0A), &[record]);
    let crcs = [&bytes[4..8], &bytes[37..41]].map(|crc| u32::from_be_bytes(crc.try_into().unwrap()));
    let mut expected = vec![0, 0, 0, 5];
    expected.extend(crcs[0].to_be_bytes());
    expected.extend([0, 0, 0, 0, 0, 0, 0, 0x0A, 0, 0, 0, 0, 0, 0, 0, 4, 1, 2, 3, 0]);
    expected.extend(*b"helloLDBT");
    expected.extend(crcs[1].to_be_bytes());
    expected.extend([0, 0, 0, 0, 0, 0, 0, 0x0A, 0, 0, 0, 1, 0, 0, 0, 33, 0, 0, 0, 0, 0, 0, 0, 9]);
    expected.extend([9; 32]);
    assert_eq!(bytes, expected);
    let seed = crc32c::crc32c(&[&b"LDSEED01"[..], &[0, 0, 0, 3], &[7; 16]].concat());
    let frame = [&bytes[..4], &bytes[8..33]].concat();
    let trailer = [&bytes[33..37], &bytes[41..]].concat();
    assert_eq!(crcs, [frame, trailer].map(|of| crc32c::crc32c_append(seed, &of)));
}
