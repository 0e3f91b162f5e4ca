//! What stands for a person in a list of opt-outs: a digest that only the holder of a key can make.

use std::borrow::Cow;
use std::fmt;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use sinch_batch_models::Channel;
use thiserror::Error;

use crate::identity::{comparable, comparable_of_any};

/// The secret under which identities become digests: 32 bytes.
///
/// There are so few phone numbers that a hash without a key is a list of people: anybody can try them all.
#[derive(Clone)]
pub struct IdentityKey([u8; 32]);

/// A text that is not an identity key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("an identity key is 32 bytes, as 64 hex digits or in base64")]
pub struct BadIdentityKey;

/// An identity as a list of opt-outs keeps it: the first 16 bytes of HMAC-SHA-256.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct IdentityDigest(pub(crate) [u8; 16]);

impl IdentityKey {
    /// A key of random bytes.
    pub fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// Reads 64 hex digits, or 44 characters of base64 (43 without padding), in either alphabet.
    ///
    /// # Errors
    /// [`BadIdentityKey`]: make one with `openssl rand -hex 32`.
    pub fn parse(text: &str) -> Result<Self, BadIdentityKey> {
        let text = text.trim();
        let bytes = if text.len() == 64 { of_hex(text) } else { of_base64(text) };
        bytes.and_then(|bytes| bytes.try_into().ok()).map(Self).ok_or(BadIdentityKey)
    }

    /// The digest of an identity on a channel, or wherever it comes up.
    pub(crate) fn digest(&self, channel: Option<&Channel>, identity: &str) -> IdentityDigest {
        let identity = match channel {
            Some(channel) => comparable(Some(channel), identity),
            None => comparable_of_any(identity).into(),
        };
        self.digest_of_comparable(&identity)
    }

    pub(crate) fn digest_of_comparable(&self, identity: &str) -> IdentityDigest {
        let mut first = [0; 16];
        first.copy_from_slice(&self.mac(b"identity\0", identity.as_bytes())[..16]);
        IdentityDigest(first)
    }

    /// By this a list knows the key it was written under.
    pub(crate) fn mark(&self) -> [u8; 8] {
        let mut mark = [0; 8];
        mark.copy_from_slice(&self.mac(b"mark\0", b"")[..8]);
        mark
    }

    fn mac(&self, about: &[u8], bytes: &[u8]) -> [u8; 32] {
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(&self.0) else {
            unreachable!("HMAC takes keys of any length")
        };
        mac.update(about);
        mac.update(bytes);
        mac.finalize().into_bytes().into()
    }
}

impl fmt::Debug for IdentityKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("IdentityKey(…)")
    }
}

impl fmt::Debug for IdentityDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("IdentityDigest(…)")
    }
}

/// An identity that is comparable on its channel, as it is compared on any.
pub(crate) fn comparable_on_any(comparable: &str) -> Cow<'_, str> {
    if !comparable.is_empty() && comparable.bytes().all(|byte| byte.is_ascii_digit()) {
        return comparable.into();
    }
    comparable_of_any(comparable).into()
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

pub(crate) fn of_hex(text: &str) -> Option<Vec<u8>> {
    if !text.len().is_multiple_of(2) || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).ok()).collect()
}

/// Bytes in base64, in either alphabet, padded or not.
fn of_base64(text: &str) -> Option<Vec<u8>> {
    let digits = text.trim_end_matches('=');
    let (mut bytes, mut bits, mut n_bits) = (Vec::new(), 0_u32, 0);
    for byte in digits.bytes() {
        let six = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' | b'-' => 62,
            b'/' | b'_' => 63,
            _ => return None,
        };
        bits = (bits << 6 | u32::from(six)) & 0xFFFF;
        n_bits += 6;
        if n_bits >= 8 {
            n_bits -= 8;
            bytes.push((bits >> n_bits) as u8);
        }
    }
    // What is left over of the last digit is zero, or a digit was lost.
    (bits & ((1 << n_bits) - 1) == 0).then_some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn key_is_hex_or_base64() {
        let bytes: [u8; 32] = std::array::from_fn(|index| (index * 37 + 200) as u8);
        let hexed = hex(&bytes);
        for text in [
            hexed.as_str(),
            &hexed.to_uppercase(),
            " yO0SN1yBpsvwFTpfhKnO8xg9Yoes0fYbQGWKr9T5HkM=\n",
            "yO0SN1yBpsvwFTpfhKnO8xg9Yoes0fYbQGWKr9T5HkM",
        ] {
            assert_eq!(IdentityKey::parse(text).unwrap().0, bytes, "{text}");
        }
        for bad in ["", "secret", &hexed[..62], &format!("{hexed}00"), &hexed.replace('c', "x"), "yO0SN1yBpsvwFTpf"] {
            assert!(IdentityKey::parse(bad).is_err(), "{bad}");
        }
        assert_eq!(format!("{:?}", IdentityKey::new(bytes)), "IdentityKey(…)");
    }

    #[test]
    fn digest_is_of_the_comparable_identity() {
        let key = IdentityKey::new([7; 32]);
        let sms = key.digest(Some(&Channel::Sms), "+1 555 010-0001");
        assert_eq!(sms, key.digest(None, "15550100001"));
        assert_ne!(sms, key.digest(None, "15550100002"));
        assert_ne!(sms, IdentityKey::new([8; 32]).digest(None, "15550100001"));
    }
}
