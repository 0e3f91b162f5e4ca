//! One key, out of several, that names the kind of an object: the rule for all objects that have one.

use serde::de::{Error, MapAccess};
use serde_json::Value;

use super::{Key, List};
use crate::wire::UnknownFields;

/// The kinds of an object, each named by a key of its own.
pub(crate) trait Kinds: Sized {
    /// The keys on the wire; of several kinds the first in here wins, where one may win.
    const NAMES: &'static [&'static str];

    /// The key of this kind; `None` if it has none.
    fn name(&self) -> Option<&'static str>;

    /// Reads the value of one of the keys; `null` is not a kind.
    fn read<'de, A: MapAccess<'de>>(name: &str, map: &mut A) -> Result<Option<Self>, A::Error>;

    /// The kind without its key, as JSON.
    fn into_json(self) -> Value;
}

/// The kind found so far in an object that is being read.
pub(crate) struct KindSlot<K> {
    kind: Option<K>,
    several: bool,
}

impl<K: Kinds> KindSlot<K> {
    pub(crate) fn new() -> Self {
        Self { kind: None, several: false }
    }

    pub(crate) fn is_kind(key: &Key<'_>) -> bool {
        K::NAMES.contains(&key.as_str())
    }

    /// Reads a kind of an object that has at most one. Errors wait for the end of the object, so that
    /// their place is it.
    pub(crate) fn only<'de, A: MapAccess<'de>>(&mut self, key: &Key<'de>, map: &mut A) -> Result<(), A::Error> {
        if let Some(found) = K::read(key.as_str(), map)? {
            // The same key twice is not a second kind: the last one stands, as in every other object.
            self.several |= self.kind.as_ref().is_some_and(|had| had.name() != Some(key.as_str()));
            self.kind = Some(found);
        }
        Ok(())
    }

    /// Reads a kind of an object that the service writes: the first kind in the table wins, in whatever
    /// order they stand, and others are kept in `unknown_fields`.
    pub(crate) fn first<'de, A: MapAccess<'de>>(
        &mut self,
        key: Key<'de>,
        map: &mut A,
        unknown_fields: &mut UnknownFields,
    ) -> Result<(), A::Error> {
        let place = |name: Option<&str>| K::NAMES.iter().position(|known| Some(*known) == name);
        if self.kind.as_ref().is_some_and(|had| place(had.name()) <= place(Some(key.as_str()))) {
            return unknown_fields.read(key, map);
        }
        let Some(found) = K::read(key.as_str(), map)? else { return Ok(()) };
        if let Some(had) = self.kind.replace(found)
            && let Some(name) = had.name()
        {
            unknown_fields.insert(name, had.into_json());
        }
        Ok(())
    }

    /// The kind, if there is one.
    pub(crate) fn end<E: Error>(self) -> Result<Option<K>, E> {
        if self.several {
            return Err(E::custom(format_args!("more than one of {} is set", List(K::NAMES))));
        }
        Ok(self.kind)
    }
}

/// The error of an object that needs a kind and has none.
pub(crate) fn no_kind<K: Kinds, E: Error>() -> E {
    E::custom(format_args!("one of {} is required", List(K::NAMES)))
}
