//! Checks seals and receipts as `docs/formats.md` says, under the keys of the region's directory, with nothing but SHA-256
//! and Ed25519: no code of the programs under test stands between a signature and the history.

use std::collections::HashMap;

use ed25519_dalek::{Signature, VerifyingKey};
use prost::Message as _;
use proto::v1;
use sha2::{Digest, Sha256};

use super::book::statement;

type Hash = [u8; 32];

/// Whoever knows the evidence keys of a region.
pub struct Notary {
    region: String,
    /// Owner and key, by the key's id.
    keys: HashMap<Vec<u8>, (String, VerifyingKey)>,
}

impl Notary {
    /// Reads the keys from the text of `directory.toml`.
    pub fn of(directory: &str) -> Self {
        let table: toml::Table = directory.parse().expect("the directory is TOML");
        let text = |value: &toml::Value, field: &str| value[field].as_str().expect("a text").to_owned();
        let mut keys = HashMap::new();
        let mut learn = |owner: String, entries: &toml::Value| {
            for entry in entries.as_array().expect("a list of keys") {
                let key = unhex(&text(entry, "key"));
                let id = Sha256::digest(&key)[..16].to_vec();
                let key = VerifyingKey::from_bytes(&key.try_into().expect("32 bytes")).expect("a key");
                keys.insert(id, (owner.clone(), key));
            }
        };
        learn("broker".into(), &table["broker_evidence"]);
        for member in table["members"].as_array().expect("members") {
            learn(text(member, "id"), &member["evidence"]);
        }
        Self { region: table["region"].as_str().expect("a region").into(), keys }
    }

    /// The envelope's bytes are sealed by the sender that they name.
    pub fn vouches_for(&self, envelope: &v1::Envelope) -> bool {
        let content = v1::Content::decode(envelope.content.clone()).unwrap_or_default();
        let sender = content.header.and_then(|header| header.sender).unwrap_or_default().jurisdiction;
        self.signed("envelope", &sender, &envelope.content, envelope.seal.as_ref())
    }

    /// The statement is signed by whoever alone can know that stage: the broker, or the recipient it is about.
    pub fn vouches_for_receipt(&self, receipt: &v1::Receipt) -> bool {
        use v1::Stage::{Acknowledged, Delivered, Opened, Refused, WillAnswer};
        let said = statement(receipt);
        let author = said.by.split('/').next().unwrap_or_default();
        let lawful = match said.stage() {
            Delivered | Opened | Acknowledged | WillAnswer => author == said.recipient,
            Refused => author == said.recipient || author == "broker",
            _ => author == "broker",
        };
        lawful && self.signed("receipt", author, &receipt.statement, receipt.seal.as_ref())
    }

    /// Whether the broker signed this head of its tree.
    pub fn vouches_for_head(&self, head: &v1::TreeHead) -> bool {
        let Some(at) = &head.at else { return false };
        let ms = at.seconds * 1_000 + i64::from(at.nanos / 1_000_000);
        let owner = head.owner.as_bytes();
        let (size, at) = (head.size.to_be_bytes(), ms.to_be_bytes());
        let parts: [&[u8]; 6] = [&length(&head.owner), owner, &head.epoch, &size, &head.root, &at];
        self.signed("head", "broker", &parts.concat(), head.seal.as_ref())
    }

    fn signed(&self, kind: &str, owner: &str, bytes: &[u8], seal: Option<&v1::Seal>) -> bool {
        let Some(v1::Seal { key_id, signature, path: Some(path) }) = seal else { return false };
        let Some((_, key)) = self.keys.get(key_id.as_ref()).filter(|(of, _)| of == owner) else { return false };
        let leaf = hash(&[&[0], b"LIANDONG-V1", &length(kind), kind.as_bytes(), bytes]);
        let (Some(root), Ok(signature)) = (root_along(leaf, path), Signature::from_slice(signature)) else {
            return false;
        };
        let (kind_length, region_length, size) = (length(kind), length(&self.region), path.size.to_be_bytes());
        let region = self.region.as_bytes();
        let parts: [&[u8]; 8] =
            [b"LIANDONG-V1-ROOT", &kind_length, kind.as_bytes(), &region_length, region, key_id, &size, &root];
        key.verify_strict(&parts.concat(), &signature).is_ok()
    }
}

/// The root to which a leaf leads: the walk of RFC 9162 §2.1.3.2.
fn root_along(leaf: Hash, path: &v1::MerklePath) -> Option<Hash> {
    if path.index >= path.size || path.size > 256 {
        return None;
    }
    let (mut at, mut last, mut root) = (path.index, path.size - 1, leaf);
    for sibling in &path.hashes {
        if last == 0 || sibling.len() != 32 {
            return None;
        }
        if at & 1 == 1 || at == last {
            root = hash(&[&[1], sibling, &root]);
            while at & 1 == 0 && at != 0 {
                (at, last) = (at >> 1, last >> 1);
            }
        } else {
            root = hash(&[&[1], &root, sibling]);
        }
        (at, last) = (at >> 1, last >> 1);
    }
    (last == 0).then_some(root)
}

fn hash(parts: &[&[u8]]) -> Hash {
    Sha256::digest(parts.concat()).into()
}

fn length(text: &str) -> [u8; 1] {
    [u8::try_from(text.len()).expect("a short name")]
}

fn unhex(text: &str) -> Vec<u8> {
    let digits = |at: usize| u8::from_str_radix(&text[at..at + 2], 16).expect("hexadecimal digits");
    (0..text.len()).step_by(2).map(digits).collect()
}

mod tests {
    use ed25519_dalek::SigningKey;
    use model::seal::{SealKind, seals_for, sign};

    use super::*;
    use crate::kill::book::hex;

    fn key(of: u8) -> SigningKey {
        SigningKey::from_bytes(&[of; 32])
    }

    fn notary() -> Notary {
        let line = |of: u8| format!("key = \"{}\"\n", hex(key(of).verifying_key().as_bytes()));
        Notary::of(&format!(
            "region = \"linyi\"\n[[broker_evidence]]\n{}[[members]]\nid = \"371300\"\n[[members.evidence]]\n{}",
            line(1),
            line(2)
        ))
    }

    /// Contents of a burst of 371300, each sealed by `signer`.
    fn burst(count: usize, kind: SealKind, signer: &SigningKey) -> Vec<v1::Envelope> {
        let sender = Some(v1::Party { jurisdiction: "371300".into(), ..Default::default() });
        let header = |n: u64| v1::Header { sender_seq: n, sender: sender.clone(), ..Default::default() };
        let content = |n| v1::Content { header: Some(header(n)), ..Default::default() }.encode_to_vec();
        let contents: Vec<Vec<u8>> = (1..=count as u64).map(content).collect();
        let leaves: Vec<_> = contents.iter().map(|bytes| model::seal::leaf(kind, bytes)).collect();
        let signed = sign(kind, &"linyi".parse().unwrap(), signer, &leaves).unwrap();
        let seals = seals_for(&signed, &leaves).into_iter().map(|seal| Some(proto::border::seal::to_wire(&seal)));
        contents.into_iter().zip(seals).map(|(bytes, seal)| v1::Envelope { content: bytes.into(), seal }).collect()
    }

    #[test]
    fn the_notary_and_the_programs_agree_about_bursts_of_every_size() {
        let notary = notary();
        for count in (1..=20).chain([127, 128, 255, 256]) {
            assert!(burst(count, SealKind::Envelope, &key(2)).iter().all(|one| notary.vouches_for(one)), "{count}");
        }
    }

    #[test]
    fn the_notary_vouches_for_nothing_else() {
        let notary = notary();
        let good = burst(3, SealKind::Envelope, &key(2)).remove(1);
        let changed = v1::Envelope { content: [&good.content[..], &[0]].concat().into(), ..good.clone() };
        let unsealed = v1::Envelope { seal: None, ..good.clone() };
        let another = burst(3, SealKind::Envelope, &key(2)).remove(2);
        let misplaced = v1::Envelope { seal: another.seal, ..good };

        for envelope in [changed, unsealed, misplaced] {
            assert!(!notary.vouches_for(&envelope));
        }
        assert!(!notary.vouches_for(&burst(1, SealKind::Envelope, &key(1)).remove(0)), "the broker's key");
        assert!(!notary.vouches_for(&burst(1, SealKind::Receipt, &key(2)).remove(0)), "another sort of bytes");
    }
}
