//! The second factor: six figures that an authenticator shows for half a minute (RFC 6238, SHA-1, six digits, thirty
//! seconds, because that is what every authenticator reads).

use hmac::{Hmac, KeyInit as _, Mac as _};
use model::time::Timestamp;
use sha1::Sha1;

/// How long one code stands.
const STEP_MS: i64 = 30_000;
/// Bytes of a secret, as RFC 4226 recommends.
pub const SECRET_BYTES: usize = 20;
const ALPHABET: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/// The step in which `code` is right: now, or one step before or after, for clocks differ; none where it is wrong. A step
/// that was used, or one before it, is not right again.
pub fn step_of(secret: &[u8], code: &str, now: Timestamp, used: i64) -> Option<i64> {
    let this = now.millis().div_euclid(STEP_MS);
    let code = code.trim();
    (this - 1..=this + 1).filter(|step| *step > used).find(|step| self::code(secret, *step) == code)
}

/// The code of the step in which `now` lies.
pub fn code_at(secret: &[u8], now: Timestamp) -> String {
    code(secret, now.millis().div_euclid(STEP_MS))
}

fn code(secret: &[u8], step: i64) -> String {
    let Ok(mut mac) = Hmac::<Sha1>::new_from_slice(secret) else { return String::new() };
    mac.update(&step.to_be_bytes());
    let sum = mac.finalize().into_bytes();
    let at = usize::from(sum.last().copied().unwrap_or(0) & 0x0f);
    let word = sum.iter().skip(at).take(4).fold(0_u32, |word, byte| (word << 8) | u32::from(*byte));
    format!("{:06}", (word & 0x7fff_ffff) % 1_000_000)
}

/// A secret as authenticators take it.
pub fn base32(bytes: &[u8]) -> String {
    let (mut text, mut held, mut bits) = (String::new(), 0_u32, 0_u32);
    for byte in bytes {
        (held, bits) = ((held << 8) | u32::from(*byte), bits + 8);
        while bits >= 5 {
            bits -= 5;
            let place = (held >> bits) & 31;
            text.extend(ALPHABET.get(place as usize).map(|c| char::from(*c)));
        }
        held &= (1 << bits) - 1;
    }
    if bits > 0 {
        text.extend(ALPHABET.get(((held << (5 - bits)) & 31) as usize).map(|c| char::from(*c)));
    }
    text
}

/// The bytes of such a text; none where it is no base32.
pub fn from_base32(text: &str) -> Option<Vec<u8>> {
    let (mut bytes, mut held, mut bits) = (Vec::new(), 0_u32, 0_u32);
    for c in text.bytes().filter(|c| *c != b' ') {
        let place = ALPHABET.iter().position(|known| *known == c.to_ascii_uppercase())?;
        (held, bits) = ((held << 5) | u32::try_from(place).ok()?, bits + 5);
        if bits >= 8 {
            bits -= 8;
            bytes.push(u8::try_from((held >> bits) & 0xff).ok()?);
            held &= (1 << bits) - 1;
        }
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_those_of_the_rfc() {
        let secret = b"12345678901234567890";
        for (seconds, code) in [(59, "287082"), (1_111_111_109, "081804"), (2_000_000_000, "279037")] {
            assert_eq!(code_at(secret, Timestamp::from_millis(seconds * 1_000)), code);
        }
    }

    #[test]
    fn a_code_is_good_once_and_for_a_clock_that_is_half_a_minute_off() {
        let (secret, now) = (b"12345678901234567890", Timestamp::from_millis(59_000));
        let step = step_of(secret, " 287082 ", now, 0).unwrap();
        assert_eq!((step, step_of(secret, "287082", now, step)), (1, None));
        assert_eq!(step_of(secret, "287082", Timestamp::from_millis(89_000), 0), Some(1));
        assert_eq!(step_of(secret, "287082", Timestamp::from_millis(120_000), 0), None);
        assert_eq!(step_of(secret, "", now, 0), None);
    }

    #[test]
    fn base32_there_and_back() {
        assert_eq!(base32(b"12345678901234567890"), "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ");
        for length in 0..24_u8 {
            let bytes: Vec<u8> = (0..length).map(|n| n.wrapping_mul(37)).collect();
            assert_eq!(from_base32(&base32(&bytes)), Some(bytes));
        }
        assert_eq!(from_base32("1"), None);
    }
}
