//! The public contract as a descriptor set: without comments and without what journals hold.

use prost_reflect::DescriptorPool;

/// Whatever is not ours alone: the public package and what it imports.
const PRIVATE: &str = "liandong/record/";

/// The encoded set, files in the order in which they import each other. Equal contracts give equal bytes.
pub fn descriptors(all: &[u8]) -> Vec<u8> {
    let Ok(pool) = DescriptorPool::decode(all) else { return Vec::new() };
    let mut public = DescriptorPool::new();
    for file in pool.files().filter(|file| !file.name().starts_with(PRIVATE)) {
        // the encoded form keeps our options, which the decoded one would drop
        let bytes = without_source(&file.encode_to_vec());
        if public.decode_file_descriptor_proto(&*bytes).is_err() {
            return Vec::new();
        }
    }
    public.encode_to_vec()
}

/// A file without field 9, its source code info.
fn without_source(file: &[u8]) -> Vec<u8> {
    let mut kept = Vec::with_capacity(file.len());
    let mut rest = file;
    while let Some((number, whole, next)) = field(rest) {
        if number != 9 {
            kept.extend_from_slice(whole);
        }
        rest = next;
    }
    kept
}

/// The first field: its number, its bytes, and what follows.
fn field(bytes: &[u8]) -> Option<(u32, &[u8], &[u8])> {
    use prost::encoding::{DecodeContext, decode_key, skip_field};
    let mut rest = bytes;
    if rest.is_empty() {
        return None;
    }
    let (number, wire) = decode_key(&mut rest).ok()?;
    skip_field(wire, number, &mut rest, DecodeContext::default()).ok()?;
    let (whole, next) = bytes.split_at_checked(bytes.len() - rest.len())?;
    Some((number, whole, next))
}
