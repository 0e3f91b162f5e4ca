//! A string that keeps short values in place.

use std::cmp::Ordering;
use std::hash::{Hash, Hasher};

/// How many bytes fit: a phone number, a name, most parameter values. The whole is as large as a `String`.
const HERE: usize = 22;

/// A string of any length; up to [`HERE`] bytes cost no allocation, which a batch would make by the
/// thousand.
#[derive(Clone)]
pub(super) enum Short {
    Here(Here),
    There(Box<str>),
}

/// The bytes begin where a word begins, and the length tells the two kinds apart: so a text is moved as
/// three words, however it was written.
#[derive(Clone, Copy)]
#[repr(C)]
pub(super) struct Here {
    bytes: [u8; HERE],
    length: Length,
}

/// 0 to [`HERE`]. The compiler knows that there is nothing beyond.
#[derive(Clone, Copy)]
#[repr(u16)]
#[rustfmt::skip]
enum Length { L0, L1, L2, L3, L4, L5, L6, L7, L8, L9, L10, L11, L12, L13, L14, L15, L16, L17, L18, L19, L20, L21, L22 }

impl Length {
    #[rustfmt::skip]
    const ALL: [Self; HERE + 1] = {
        use Length::*;
        [L0, L1, L2, L3, L4, L5, L6, L7, L8, L9, L10, L11, L12, L13, L14, L15, L16, L17, L18, L19, L20, L21, L22]
    };
}

impl Here {
    #[inline(always)]
    fn new(text: &str) -> Option<Self> {
        let length = *Length::ALL.get(text.len())?;
        // Three words rather than a copy of any length: they stay in registers until they have a place.
        let [first, second, third] = words(text.as_bytes());
        let mut bytes = [0; HERE];
        bytes[..8].copy_from_slice(&first.to_le_bytes());
        bytes[8..16].copy_from_slice(&second.to_le_bytes());
        bytes[16..].copy_from_slice(&third.to_le_bytes()[..HERE - 16]);
        Some(Self { bytes, length })
    }

    fn as_bytes(&self) -> &[u8] {
        &self.bytes[..self.length as usize]
    }
}

impl Short {
    #[inline(always)]
    pub(super) fn new(text: &str) -> Self {
        match Here::new(text) {
            Some(here) => Self::Here(here),
            None => Self::There(text.into()),
        }
    }

    pub(super) fn as_str(&self) -> &str {
        match self {
            // They were copied from a string, so they are one.
            Self::Here(here) => std::str::from_utf8(here.as_bytes()).unwrap_or_default(),
            Self::There(text) => text,
        }
    }

    /// The bytes of the text, without a look at whether they are one.
    pub(super) fn as_bytes(&self) -> &[u8] {
        match self {
            Self::Here(here) => here.as_bytes(),
            Self::There(text) => text.as_bytes(),
        }
    }

    /// Appends the bytes of the text.
    pub(super) fn append_to(&self, out: &mut Vec<u8>) {
        match self {
            // A copy of fixed length and a cut cost less than a copy of any length.
            Self::Here(here) => {
                let end = out.len() + here.length as usize;
                out.extend_from_slice(&here.bytes);
                out.truncate(end);
            }
            Self::There(text) => out.extend_from_slice(text.as_bytes()),
        }
    }

    pub(super) fn into_string(self) -> String {
        match self {
            Self::Here(_) => self.as_str().to_owned(),
            Self::There(text) => text.into_string(),
        }
    }
}

/// Up to [`HERE`] bytes as words, least byte first, with zeros behind them.
#[inline(always)]
fn words(bytes: &[u8]) -> [u64; 3] {
    let count = bytes.len();
    let word = |bytes: &[u8]| bytes.first_chunk().map_or(0, |word| u64::from_le_bytes(*word));
    let Some(last) = bytes.last_chunk().map(|last| u64::from_le_bytes(*last)) else {
        return [less_than_a_word(bytes), 0, 0];
    };
    // The last eight bytes overlap those before them; what is there already is shifted out.
    match count {
        8 => [last, 0, 0],
        9..=16 => [word(bytes), last >> (8 * (16 - count)), 0],
        _ => [word(bytes), word(&bytes[8..]), last >> (8 * (24 - count))],
    }
}

#[inline]
fn less_than_a_word(bytes: &[u8]) -> u64 {
    let count = bytes.len();
    if let (Some(first), Some(last)) = (bytes.first_chunk(), bytes.last_chunk()) {
        // Where they overlap they say the same.
        return u64::from(u32::from_le_bytes(*first)) | u64::from(u32::from_le_bytes(*last)) << (8 * (count - 4));
    }
    bytes.iter().rev().fold(0, |word, byte| word << 8 | u64::from(*byte))
}

impl From<String> for Short {
    fn from(text: String) -> Self {
        match Here::new(&text) {
            Some(here) => Self::Here(here),
            None => Self::There(text.into_boxed_str()),
        }
    }
}

impl Default for Short {
    fn default() -> Self {
        Self::Here(Here { bytes: [0; HERE], length: Length::L0 })
    }
}

impl PartialEq for Short {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}

impl Eq for Short {}

impl PartialOrd for Short {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Short {
    fn cmp(&self, other: &Self) -> Ordering {
        self.as_str().cmp(other.as_str())
    }
}

impl Hash for Short {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.as_str().hash(state);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn it_is_no_larger_than_a_string() {
        assert_eq!(size_of::<Short>(), size_of::<String>());
    }

    #[test]
    fn every_length_comes_back() {
        for length in 0..30 {
            let text: String = ('a'..='z').cycle().take(length).collect();
            assert_eq!(Short::new(&text).as_str(), text);
        }
    }

    proptest! {
        #[test]
        fn any_text_comes_back(text in "\\PC{0,24}", other in "\\PC{0,24}") {
            let (short, second) = (Short::new(&text), Short::new(&other));
            prop_assert_eq!(short.as_str(), &text);
            prop_assert_eq!(short.as_bytes(), text.as_bytes());
            let mut written = b"before ".to_vec();
            short.append_to(&mut written);
            prop_assert_eq!(String::from_utf8(written).unwrap(), format!("before {text}"));
            prop_assert_eq!(matches!(short, Short::Here(_)), text.len() <= HERE);
            prop_assert!(Short::from(text.clone()) == short);
            prop_assert_eq!(short.cmp(&second), text.cmp(&other));
            prop_assert_eq!(short.into_string(), text);
        }
    }
}
