//! Known roots, every small tree, and wrong paths.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]
use proptest::prelude::*;

use super::*;
use crate::ids::Digest;

/// The eight inputs that implementations of Certificate Transparency test with, and the roots over the first one
/// to eight of them.
const INPUTS: [&[u8]; 8] = [
    b"",
    b"\x00",
    b"\x10",
    b"\x20\x21",
    b"\x30\x31",
    b"\x40\x41\x42\x43",
    b"\x50\x51\x52\x53\x54\x55\x56\x57",
    b"\x60\x61\x62\x63\x64\x65\x66\x67\x68\x69\x6a\x6b\x6c\x6d\x6e\x6f",
];
const ROOTS: [&str; 8] = [
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
];

fn leaves(n: usize) -> Vec<Hash> {
    (0..n).map(|i| leaf(&i.to_be_bytes())).collect()
}

/// RFC 6962 §2.1 as it is written, to compare with.
fn root_as_written(leaves: &[Hash]) -> Hash {
    match leaves.len() {
        0 => empty_root(),
        1 => leaves[0],
        n => {
            let k = n.next_power_of_two() / 2;
            node(&root_as_written(&leaves[..k]), &root_as_written(&leaves[k..]))
        }
    }
}

#[test]
fn the_standard_inputs_have_their_known_roots() {
    let hashes: Vec<Hash> = INPUTS.iter().map(|input| leaf(input)).collect();
    for (at, known) in ROOTS.iter().enumerate() {
        assert_eq!(Digest(root(&hashes[..=at])).to_string(), *known, "{} leaves", at + 1);
    }
    assert_eq!(Digest(empty_root()), Digest::of(b""));
}

#[test]
fn the_standard_inputs_have_their_known_paths() {
    let hashes: Vec<Hash> = INPUTS.iter().map(|input| leaf(input)).collect();
    let shown = |size: usize, index: usize| -> Vec<String> {
        path(&hashes[..size], index).into_iter().map(|hash| Digest(hash).to_string()).collect()
    };
    let first = [
        "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
    ];
    assert_eq!(shown(8, 0), first);
    let sixth = [
        "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
        "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    ];
    assert_eq!(shown(8, 5), sixth);
    assert_eq!(shown(3, 2), ["fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"]);
}

#[test]
fn every_leaf_of_every_small_tree_leads_to_the_root() {
    for size in 1..=70 {
        let leaves = leaves(size);
        let (root, paths) = (root(&leaves), paths(&leaves));
        assert_eq!(root, root_as_written(&leaves));
        for (index, leaf) in leaves.iter().enumerate() {
            let path = path(&leaves, index);
            assert_eq!(paths[index], path, "{index} of {size}");
            assert_eq!(root_by_path(*leaf, index as u64, size as u64, &path), Some(root), "{index} of {size}");
        }
    }
}

#[test]
fn a_path_of_another_length_is_refused() {
    for size in 1..=40 {
        let leaves = leaves(size);
        for index in 0..size {
            let path = path(&leaves, index);
            let refused = |path: &[Hash]| root_by_path(leaves[index], index as u64, size as u64, path).is_none();
            let longer: Vec<Hash> = path.iter().copied().chain([[7; 32]]).collect();
            assert!(refused(&longer), "{index} of {size}, longer");
            if let Some((_, shorter)) = path.split_last() {
                assert!(refused(shorter), "{index} of {size}, shorter");
            }
        }
    }
    assert_eq!(root_by_path([0; 32], 0, 0, &[]), None);
    assert_eq!(root_by_path([0; 32], 3, 3, &[]), None);
    assert!(path(&leaves(3), 3).is_empty() && paths(&[]).is_empty());
}

#[test]
fn a_path_holds_at_its_own_place_alone() {
    let leaves = leaves(13);
    let root = root(&leaves);
    for index in 0..13 {
        let path = path(&leaves, index);
        for other in (0..13).filter(|other| *other != index) {
            assert_ne!(root_by_path(leaves[index], other as u64, 13, &path), Some(root), "{index} as {other}");
        }
    }
}

#[test]
fn a_frontier_goes_on_from_its_parts() {
    let leaves = leaves(37);
    let mut tree = Frontier::default();
    for (at, leaf) in leaves.iter().enumerate() {
        assert_eq!(tree.root(), root(&leaves[..at]));
        tree = Frontier::from_parts(tree.size(), tree.peaks().to_vec()).unwrap();
        tree.push(*leaf);
    }
    assert_eq!((tree.size(), tree.root()), (37, root(&leaves)));
    assert_eq!(Frontier::from_parts(3, vec![[0; 32]]), None);
}

#[test]
fn every_head_of_a_growing_tree_joins_every_later_one() {
    for second in 1..=40 {
        let leaves = leaves(second);
        let new = root(&leaves);
        for first in 1..=second {
            let (old, proof) = (root(&leaves[..first]), consistency(&leaves, first));
            assert!(joins((first as u64, old), (second as u64, new), &proof), "{first} in {second}");
            if first < second {
                assert!(!joins((first as u64, [9; 32]), (second as u64, new), &proof), "a forged old head");
                assert!(!joins((first as u64, old), (second as u64, [9; 32]), &proof), "a forged new head");
                let longer: Vec<Hash> = proof.iter().copied().chain([[7; 32]]).collect();
                assert!(!joins((first as u64, old), (second as u64, new), &longer), "a longer proof");
            }
        }
    }
}

#[test]
fn a_tree_never_shrinks_and_anything_joins_the_empty_one() {
    let leaves = leaves(5);
    let head = |n: usize| (n as u64, root(&leaves[..n]));
    assert!(!joins(head(5), head(4), &[]));
    assert!(joins(head(0), head(4), &[]));
    assert!(!joins(head(4), head(4), &[[0; 32]]));
    assert!(!joins((4, [1; 32]), (4, [2; 32]), &[]), "two heads of one size are a fork");
}

proptest! {
    #[test]
    fn no_path_makes_the_walk_panic(
        index: u64, size: u64, path in prop::collection::vec(any::<[u8; 32]>(), 0..70),
    ) {
        let _ = root_by_path([0; 32], index, size, &path);
        let _ = joins((index, [0; 32]), (size, [1; 32]), &path);
    }
}
