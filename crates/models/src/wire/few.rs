use std::fmt;
use std::ops::Deref;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use smallvec::SmallVec;

use crate::unknown::{Part, Pointer};

/// A list that nearly always has one entry, which then needs no allocation. It reads like a slice.
#[derive(Clone)]
pub struct Few<T>(SmallVec<[T; 1]>);

impl<T> Few<T> {
    /// A list with one entry.
    pub fn one(entry: T) -> Self {
        Self(SmallVec::from_buf([entry]))
    }

    /// All entries, in order.
    pub fn as_slice(&self) -> &[T] {
        &self.0
    }

    /// All entries, given away.
    pub fn into_vec(self) -> Vec<T> {
        self.0.into_vec()
    }
}

impl<T> Deref for Few<T> {
    type Target = [T];
    fn deref(&self) -> &[T] {
        self.as_slice()
    }
}

impl<T> From<Vec<T>> for Few<T> {
    fn from(entries: Vec<T>) -> Self {
        Self(entries.into_iter().collect())
    }
}

impl<T: PartialEq> PartialEq for Few<T> {
    fn eq(&self, other: &Self) -> bool {
        self.as_slice() == other.as_slice()
    }
}

impl<T: fmt::Debug> fmt::Debug for Few<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_slice().fmt(f)
    }
}

impl<T: Serialize> Serialize for Few<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.as_slice().serialize(serializer)
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Few<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Vec::deserialize(deserializer).map(Self::from)
    }
}

impl<T: Part> Part for Few<T> {
    fn walk(&self, at: &mut Pointer) {
        self.as_slice().walk(at);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_number_of_entries_comes_back_in_order() {
        for count in 0..4 {
            let entries: Vec<u64> = (0..count).collect();
            let few = Few::from(entries.clone());
            assert_eq!(*few, *entries);
            assert_eq!(few.0.spilled(), count > 1, "one entry costs no allocation");
            assert_eq!(serde_json::to_string(&few).unwrap(), serde_json::to_string(&entries).unwrap());
            assert_eq!(few.into_vec(), entries);
        }
    }
}
