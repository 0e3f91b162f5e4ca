use std::fmt;
use std::hash::{Hash, Hasher};
use std::marker::PhantomData;
use std::sync::Arc;

use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::object::Key;
use crate::unknown::{Part, Pointer};

/// A JSON object whose values are all of one type, kept sorted by key.
///
/// Made for the few short entries of a recipient: one allocation for the list, keys that all recipients
/// may share (insert clones of one `Arc<str>`, in order), a binary search to find, equality that does not
/// depend on the order in which entries were read. On repeated keys the last one wins. A map read from `{}` is written as `{}`; an empty one that was not there, or was
/// made here, is left out. `Debug` shows keys, not values.
#[derive(Clone)]
pub struct WireMap<V> {
    entries: Vec<(Arc<str>, V)>,
    /// Whether the map stood on the wire: `{}` is not absence.
    stood: bool,
}

impl<V> WireMap<V> {
    /// A map without entries.
    pub const fn new() -> Self {
        Self { entries: Vec::new(), stood: false }
    }

    /// A map without entries, with room for so many.
    pub fn with_capacity(entries: usize) -> Self {
        Self { entries: Vec::with_capacity(entries), stood: false }
    }

    /// Sets the value of a key, and gives back the value that was there.
    pub fn insert(&mut self, key: impl Into<Arc<str>>, value: V) -> Option<V> {
        let key = key.into();
        // Entries come mostly in order.
        if self.entries.last().is_none_or(|(last, _)| is_before(last, &key)) {
            self.entries.push((key, value));
            return None;
        }
        match self.find(&key) {
            Ok(at) => Some(std::mem::replace(&mut self.entries[at].1, value)),
            Err(at) => {
                self.entries.insert(at, (key, value));
                None
            }
        }
    }

    /// The value of a key.
    pub fn get(&self, key: &str) -> Option<&V> {
        self.find(key).ok().map(|at| &self.entries[at].1)
    }

    /// Takes the value of a key out.
    pub fn remove(&mut self, key: &str) -> Option<V> {
        self.find(key).ok().map(|at| self.entries.remove(at).1)
    }

    /// Whether the key is there.
    pub fn contains_key(&self, key: &str) -> bool {
        self.find(key).is_ok()
    }

    /// Number of entries.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// All entries, by key.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&str, &V)> {
        self.entries.iter().map(|(key, value)| (&**key, value))
    }

    /// All keys, in order.
    pub fn keys(&self) -> impl ExactSizeIterator<Item = &str> {
        self.entries.iter().map(|(key, _)| &**key)
    }

    fn find(&self, key: &str) -> Result<usize, usize> {
        self.entries.binary_search_by(|(have, _)| (**have).cmp(key))
    }
}

/// Whether a key comes before another. The first letter nearly always decides.
fn is_before(one: &str, other: &str) -> bool {
    match (one.as_bytes().first(), other.as_bytes().first()) {
        (Some(one), Some(other)) if one != other => one < other,
        _ => one < other,
    }
}

impl<V> Default for WireMap<V> {
    fn default() -> Self {
        Self::new()
    }
}

impl<V: PartialEq> PartialEq for WireMap<V> {
    fn eq(&self, other: &Self) -> bool {
        self.entries == other.entries
    }
}

impl<V: Eq> Eq for WireMap<V> {}

impl<V: Hash> Hash for WireMap<V> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.entries.hash(state);
    }
}

impl<V: Part> Part for WireMap<V> {
    fn is_absent(&self) -> bool {
        self.entries.is_empty() && !self.stood
    }
    fn walk(&self, at: &mut Pointer) {
        for (key, value) in self.iter() {
            at.enter(key, value);
        }
    }
}

impl<V> fmt::Debug for WireMap<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.keys()).finish()
    }
}

impl<K: Into<Arc<str>>, V> FromIterator<(K, V)> for WireMap<V> {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(entries: I) -> Self {
        let entries = entries.into_iter();
        let mut map = Self::with_capacity(entries.size_hint().0);
        map.extend(entries);
        map
    }
}

impl<K: Into<Arc<str>>, V> Extend<(K, V)> for WireMap<V> {
    fn extend<I: IntoIterator<Item = (K, V)>>(&mut self, entries: I) {
        for (key, value) in entries {
            self.insert(key, value);
        }
    }
}

impl<V: Serialize> Serialize for WireMap<V> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.iter())
    }
}

impl<'de, V: Deserialize<'de>> Deserialize<'de> for WireMap<V> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Entries<V>(PhantomData<V>);
        impl<'de, V: Deserialize<'de>> Visitor<'de> for Entries<V> {
            type Value = WireMap<V>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }
            fn visit_none<E>(self) -> Result<WireMap<V>, E> {
                Ok(WireMap::new())
            }
            fn visit_unit<E>(self) -> Result<WireMap<V>, E> {
                Ok(WireMap::new())
            }
            fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<WireMap<V>, D::Error> {
                deserializer.deserialize_map(self)
            }
            fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<WireMap<V>, A::Error> {
                let mut map = WireMap { entries: Vec::new(), stood: true };
                while let Some((key, value)) = entries.next_entry::<Key<'de>, V>()? {
                    map.insert(key.as_str(), value);
                }
                Ok(map)
            }
        }
        // Nothing and `null` are an empty map.
        deserializer.deserialize_option(Entries(PhantomData))
    }
}
