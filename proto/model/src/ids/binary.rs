//! Ids of fixed width: messages, digests, keys, incarnations. Shown as lower hex, parsed from the same.

use std::{fmt, str::FromStr};

use sha2::{Digest as _, Sha256};

use crate::{invalid::Invalid, time::Timestamp};

/// The bytes of a text of exactly `2 * N` hex digits, in either case.
fn hex<const N: usize>(text: &str) -> Option<[u8; N]> {
    let mut bytes = [0; N];
    if text.len() != 2 * N {
        return None;
    }
    for (byte, pair) in bytes.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
        let [high, low] = pair else { return None };
        let digit = |c: u8| char::from(c).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
        *byte = digit(*high)? << 4 | digit(*low)?;
    }
    Some(bytes)
}

fn write_hex(f: &mut fmt::Formatter<'_>, bytes: &[u8]) -> fmt::Result {
    bytes.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
}

macro_rules! bytes_id {
    ($(#[$outer:meta])* $name:ident, $width:literal, $field:literal) => {
        $(#[$outer])*
        #[derive(Clone, Copy, Eq, Hash, Ord, PartialEq, PartialOrd)]
        pub struct $name(pub [u8; $width]);

        impl $name {
            /// The id of these bytes.
            pub const fn from_bytes(bytes: [u8; $width]) -> Self {
                Self(bytes)
            }

            /// Its bytes.
            pub const fn as_bytes(&self) -> &[u8; $width] {
                &self.0
            }

            /// Its bytes, by value.
            pub const fn to_bytes(self) -> [u8; $width] {
                self.0
            }
        }

        impl TryFrom<&[u8]> for $name {
            type Error = Invalid;

            fn try_from(bytes: &[u8]) -> Result<Self, Invalid> {
                let fits = <[u8; $width]>::try_from(bytes);
                fits.map(Self).map_err(|_| {
                    Invalid::code($field, "id.width").detail(format!("{} bytes, not {}", bytes.len(), $width))
                })
            }
        }

        impl AsRef<[u8]> for $name {
            fn as_ref(&self) -> &[u8] {
                &self.0
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }
    };
}

macro_rules! shown_as_hex {
    ($name:ident, $field:literal) => {
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write_hex(f, &self.0)
            }
        }

        impl FromStr for $name {
            type Err = Invalid;

            fn from_str(text: &str) -> Result<Self, Invalid> {
                hex(text).map(Self).ok_or_else(|| Invalid::code($field, "id.hex"))
            }
        }
    };
}

bytes_id! {
    /// A message: a UUIDv7, so ids sort by the time they were made. Shown as lower-case hyphenated text. The id of its
    /// first message is the id of a thread.
    MessageId, 16, "message_id"
}

/// In rows an id is its bytes in hex, whatever they are: what was written is read again.
impl serde::Serialize for MessageId {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&Hex(&self.0))
    }
}

impl<'de> serde::Deserialize<'de> for MessageId {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str> as serde::Deserialize>::deserialize(deserializer)?;
        hex(&text).map(Self).ok_or_else(|| serde::de::Error::custom("32 hex digits"))
    }
}

struct Hex<'b>(&'b [u8]);

impl fmt::Display for Hex<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_hex(f, self.0)
    }
}

bytes_id! {
    /// A SHA-256 hash of content: what dedupe, etags and attachments go by.
    Digest, 32, "sha256"
}
shown_as_hex!(Digest, "sha256");

bytes_id! {
    /// An evidence key: the first 16 bytes of the SHA-256 of its public key.
    KeyId, 16, "key_id"
}
shown_as_hex!(KeyId, "key_id");

bytes_id! {
    /// An agent's state directory: random, new whenever one is made or restored.
    Incarnation, 8, "incarnation"
}
shown_as_hex!(Incarnation, "incarnation");

impl MessageId {
    /// A new id made at `time` from ten random bytes (six bits of them give way to version and variant).
    pub fn new(time: Timestamp, random: [u8; 10]) -> Self {
        let [_, _, t0, t1, t2, t3, t4, t5] = time.millis().max(0).to_be_bytes();
        let [r0, r1, r2, r3, r4, r5, r6, r7, r8, r9] = random;
        Self([t0, t1, t2, t3, t4, t5, 0x70 | r0 & 0x0f, r1, 0x80 | r2 & 0x3f, r3, r4, r5, r6, r7, r8, r9])
    }

    /// The id of these bytes if they are a UUIDv7.
    pub fn checked(bytes: &[u8]) -> Result<Self, Invalid> {
        let id = Self::try_from(bytes)?;
        if id.is_v7() { Ok(id) } else { Err(Invalid::code("message_id", "id.uuidv7").detail(id.to_string())) }
    }

    /// Whether version and variant are those of UUIDv7.
    pub const fn is_v7(&self) -> bool {
        self.0[6] >> 4 == 7 && self.0[8] >> 6 == 0b10
    }

    /// The time in the id.
    pub fn time(&self) -> Timestamp {
        let [t0, t1, t2, t3, t4, t5, ..] = self.0;
        Timestamp::from_millis(i64::from_be_bytes([0, 0, t0, t1, t2, t3, t4, t5]))
    }
}

impl fmt::Display for MessageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, byte) in self.0.iter().enumerate() {
            let hyphen = if matches!(at, 4 | 6 | 8 | 10) { "-" } else { "" };
            write!(f, "{hyphen}{byte:02x}")?;
        }
        Ok(())
    }
}

impl FromStr for MessageId {
    type Err = Invalid;

    /// Takes the hyphenated text, or 32 hex digits. It must be a UUIDv7.
    fn from_str(text: &str) -> Result<Self, Invalid> {
        let hyphens: Vec<usize> = text.match_indices('-').map(|(at, _)| at).collect();
        let placed = hyphens.is_empty() || hyphens == [8, 13, 18, 23];
        let bytes = hex::<16>(&text.replace('-', "")).filter(|_| placed);
        bytes.map(Self).filter(Self::is_v7).ok_or_else(|| Invalid::code("message_id", "id.uuidv7").detail(text))
    }
}

impl Digest {
    /// The SHA-256 of `bytes`.
    pub fn of(bytes: &[u8]) -> Self {
        Self(Sha256::digest(bytes).into())
    }

    /// Its first 16 bytes: an id that is derived.
    pub fn half(&self) -> [u8; 16] {
        let mut half = [0; 16];
        half.iter_mut().zip(self.0).for_each(|(to, from)| *to = from);
        half
    }
}

impl KeyId {
    /// The id of an Ed25519 public key.
    pub fn of(public_key: &[u8; 32]) -> Self {
        Self(Digest::of(public_key).half())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_message_id_carries_its_time_and_is_written_with_hyphens() {
        let id = MessageId::new(Timestamp::from_millis(0x0123_4567_89ab), [0xff; 10]);

        assert_eq!(id.time().millis(), 0x0123_4567_89ab);
        assert_eq!(id.to_string(), "01234567-89ab-7fff-bfff-ffffffffffff");
        assert_eq!(id.to_string().parse(), Ok(id));
        assert_eq!("01234567-89AB-7FFF-BFFF-FFFFFFFFFFFF".parse(), Ok(id));
    }

    #[test]
    fn an_id_of_another_version_width_or_shape_is_refused() {
        assert!("01234567-89ab-4fff-bfff-ffffffffffff".parse::<MessageId>().is_err());
        assert!("01234567-89ab-7fff-3fff-ffffffffffff".parse::<MessageId>().is_err());
        assert!("0123456789ab-7fff-bfff-ffffffffffff-".parse::<MessageId>().is_err());
        assert!("0123456789ab7fffbfffffffffffff".parse::<MessageId>().is_err());
        assert!(MessageId::checked(&[0; 16]).is_err());
        assert!(MessageId::checked(&[0; 15]).is_err());
    }

    #[test]
    fn the_digest_of_nothing_is_the_known_one() {
        let nothing = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        assert_eq!(Digest::of(b"").to_string(), nothing);
        assert_eq!(nothing.parse(), Ok(Digest::of(b"")));
        assert!("é3b0".parse::<Digest>().is_err());
    }

    proptest! {
        #[test]
        fn message_ids_sort_by_time(a in 0_i64..1 << 48, b in 0_i64..1 << 48, r: [u8; 10], s: [u8; 10]) {
            let (x, y) = (MessageId::new(Timestamp::from_millis(a), r), MessageId::new(Timestamp::from_millis(b), s));
            prop_assume!(a != b);
            prop_assert_eq!(x.cmp(&y), a.cmp(&b));
            prop_assert!(x.is_v7());
            prop_assert_eq!(MessageId::checked(x.as_bytes()), Ok(x));
        }

        #[test]
        fn any_text_is_parsed_or_refused_without_panic(text in ".{0,80}") {
            let _ = text.parse::<MessageId>();
            let _ = text.parse::<Digest>();
        }
    }
}
