//! Is it still the same file?

use std::fmt;
use std::str::FromStr;

use sha2::{Digest, Sha256};
use thiserror::Error;

/// SHA-256 and length of the raw bytes of a file: equal for the same file, whatever its name.
///
/// Its text is 64 hex digits, a dash and the length in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Fingerprint {
    sha256: [u8; 32],
    length: u64,
}

impl Fingerprint {
    /// The fingerprint of bytes at hand, such as the message file's.
    pub fn of(bytes: &[u8]) -> Self {
        let mut hash = Hasher::default();
        hash.update(bytes);
        hash.fingerprint()
    }

    /// The first 8 bytes, which is what a batch is compared by.
    pub(crate) fn digest(&self) -> [u8; 8] {
        let [a, b, c, d, e, f, g, h, ..] = self.sha256;
        [a, b, c, d, e, f, g, h]
    }

    /// How many bytes it covers.
    pub fn length(&self) -> u64 {
        self.length
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for byte in self.sha256 {
            write!(f, "{byte:02x}")?;
        }
        write!(f, "-{}", self.length)
    }
}

/// A text that is no fingerprint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("a fingerprint is 64 hex digits, a dash and a length")]
pub struct BadFingerprint;

impl FromStr for Fingerprint {
    type Err = BadFingerprint;

    fn from_str(text: &str) -> Result<Self, BadFingerprint> {
        let (hex, length) = text.split_once('-').ok_or(BadFingerprint)?;
        if hex.len() != 64 || !hex.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(BadFingerprint);
        }
        if !length.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(BadFingerprint);
        }
        let mut sha256 = [0; 32];
        for (byte, at) in sha256.iter_mut().zip((0..).step_by(2)) {
            *byte = u8::from_str_radix(&hex[at..at + 2], 16).map_err(|_| BadFingerprint)?;
        }
        Ok(Self { sha256, length: length.parse().map_err(|_| BadFingerprint)? })
    }
}

/// A fingerprint in the making.
#[derive(Clone, Default)]
pub(crate) struct Hasher {
    hash: Sha256,
    length: u64,
}

impl Hasher {
    pub(crate) fn update(&mut self, bytes: &[u8]) {
        self.hash.update(bytes);
        self.length += bytes.len() as u64;
    }

    pub(crate) fn fingerprint(&self) -> Fingerprint {
        Fingerprint { sha256: self.hash.clone().finalize().into(), length: self.length }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_read_back() {
        let abc = Fingerprint::of(b"abc");
        let text = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad-3";
        assert_eq!(abc.to_string(), text);
        assert_eq!(text.parse(), Ok(abc));
        assert_eq!(text.to_uppercase().parse(), Ok(abc));
    }

    #[test]
    fn other_texts_are_refused() {
        let sha256 = "b".repeat(64);
        for text in ["", "-3", &sha256, &format!("{sha256}-"), &format!("{sha256}-+3"), &format!("{}é-3", &sha256[2..])]
        {
            assert_eq!(text.parse::<Fingerprint>(), Err(BadFingerprint), "{text}");
        }
    }
}
