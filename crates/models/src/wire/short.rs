//! A string that keeps short values in place.

use std::cmp::Ordering;
use std::hash::{Hash, Hasher};

/// How many bytes fit: a phone number, a name, most parameter values. The whole is as large as a `String`.
const HERE: usize = 22;

/// A string of any length; up to [`HERE`] bytes cost no allocation, which a batch would make by the
/// thousand.
#[derive(Clone)]
pub(super) enum Short {
    Here { length: u8, bytes: [u8; HERE] },
    There(Box<str>),
}

impl Short {
    pub(super) fn new(text: &str) -> Self {
        match Self::here(text) {
            Some(here) => here,
            None => Self::There(text.into()),
        }
    }

    fn here(text: &str) -> Option<Self> {
        let mut bytes = [0; HERE];
        bytes.get_mut(..text.len())?.copy_from_slice(text.as_bytes());
        Some(Self::Here { length: u8::try_from(text.len()).ok()?, bytes })
    }

    pub(super) fn as_str(&self) -> &str {
        match self {
            // They were copied from a string, so they are one.
            Self::Here { length, bytes } => std::str::from_utf8(&bytes[..usize::from(*length)]).unwrap_or_default(),
            Self::There(text) => text,
        }
    }

    pub(super) fn into_string(self) -> String {
        match self {
            Self::Here { .. } => self.as_str().to_owned(),
            Self::There(text) => text.into_string(),
        }
    }
}

impl From<String> for Short {
    fn from(text: String) -> Self {
        match Self::here(&text) {
            Some(here) => here,
            None => Self::There(text.into_boxed_str()),
        }
    }
}

impl Default for Short {
    fn default() -> Self {
        Self::Here { length: 0, bytes: [0; HERE] }
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

    proptest! {
        #[test]
        fn any_text_comes_back(text in "\\PC{0,24}", other in "\\PC{0,24}") {
            let (short, second) = (Short::new(&text), Short::new(&other));
            prop_assert_eq!(short.as_str(), &text);
            prop_assert_eq!(matches!(short, Short::Here { .. }), text.len() <= HERE);
            prop_assert!(Short::from(text.clone()) == short);
            prop_assert_eq!(short.cmp(&second), text.cmp(&other));
            prop_assert_eq!(short.into_string(), text);
        }
    }
}
