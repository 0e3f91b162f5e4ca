//! Is it still the same content?

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// SHA-256 and length of bytes: equal for equal content, whatever it is called and wherever it lies.
///
/// Its text is 64 hex digits, a dash and the length in bytes. This crate hashes nothing; the crate
/// `recipients` does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Fingerprint {
    sha256: [u8; 32],
    length: u64,
}

impl Fingerprint {
    /// The fingerprint of so many bytes with this SHA-256.
    pub fn new(sha256: [u8; 32], length: u64) -> Self {
        Self { sha256, length }
    }

    /// The SHA-256 of the bytes.
    pub fn sha256(&self) -> &[u8; 32] {
        &self.sha256
    }

    /// Number of bytes it covers.
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

/// A text that is not a fingerprint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FingerprintError(());

impl fmt::Display for FingerprintError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a fingerprint is 64 hex digits, a dash and a length")
    }
}

impl std::error::Error for FingerprintError {}

impl FromStr for Fingerprint {
    type Err = FingerprintError;

    fn from_str(text: &str) -> Result<Self, FingerprintError> {
        let not_one = || FingerprintError(());
        let (hex, length) = text.split_once('-').ok_or_else(not_one)?;
        let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        if hex.len() != 64 || !hex.bytes().all(|byte| byte.is_ascii_hexdigit()) || !digits(length) {
            return Err(not_one());
        }
        let mut sha256 = [0; 32];
        for (byte, at) in sha256.iter_mut().zip((0..).step_by(2)) {
            *byte = u8::from_str_radix(&hex[at..at + 2], 16).map_err(|_| not_one())?;
        }
        Ok(Self { sha256, length: length.parse().map_err(|_| not_one())? })
    }
}

impl Serialize for Fingerprint {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Fingerprint {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        crate::wire::try_from_str(deserializer, "a string (fingerprint)", str::parse)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fingerprint_reads_back_as_it_is_written() {
        let one = Fingerprint::new(std::array::from_fn(|at| at as u8 * 8), u64::MAX);
        let text = one.to_string();
        assert!(text.starts_with("0008101820") && text.ends_with("-18446744073709551615"), "{text}");
        assert_eq!(text.parse(), Ok(one));
        assert_eq!(text.to_uppercase().parse(), Ok(one));
        let json = serde_json::to_string(&one).unwrap();
        assert_eq!(json, format!("{text:?}"));
        assert_eq!(serde_json::from_str::<Fingerprint>(&json).unwrap(), one);
    }

    #[test]
    fn fingerprint_refuses_other_texts() {
        let sha256 = "b".repeat(64);
        for text in ["", "-3", &sha256, &format!("{sha256}-"), &format!("{sha256}-+3"), &format!("{}é-3", &sha256[2..])]
        {
            assert_eq!(text.parse::<Fingerprint>(), Err(FingerprintError(())), "{text}");
            assert!(serde_json::from_value::<Fingerprint>(text.into()).is_err(), "{text}");
        }
    }
}
