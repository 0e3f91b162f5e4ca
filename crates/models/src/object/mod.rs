//! One macro for every JSON object of the wire, one for objects that hold one of several kinds, and
//! one for objects whose kind stands in a field.
//!
//! What they write is what serde's derive would, with three differences: unknown fields are kept
//! without the buffering of `flatten`, every error is raised where the reader still knows its place,
//! and each type can name the fields it does not know.

mod kinds;
mod one_of;
mod tagged;

use std::borrow::Cow;
use std::fmt;

use serde::de::{Error, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::Value;

use crate::wire::inside;

/// A key, borrowed from the text where it has no escapes.
pub(crate) struct Key<'de>(Cow<'de, str>);

impl<'de> Key<'de> {
    pub(crate) fn is(&self, name: &str) -> bool {
        self.0 == name
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    pub(crate) fn into_string(self) -> String {
        self.0.into_owned()
    }

    pub(crate) fn into_text(self) -> Cow<'de, str> {
        self.0
    }
}

impl<'de> Deserialize<'de> for Key<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct PrivateText;
        impl<'de> Visitor<'de> for PrivateText {
            type Value = Key<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a key")
            }
            fn visit_borrowed_str<E>(self, key: &'de str) -> Result<Key<'de>, E> {
                Ok(Key(Cow::Borrowed(key)))
            }
            fn visit_str<E>(self, key: &str) -> Result<Key<'de>, E> {
                Ok(Key(Cow::Owned(key.to_owned())))
            }
        }
        deserializer.deserialize_str(PrivateText)
    }
}

/// What stands in for a field that is not there: nothing for an optional one, else an error.
pub(crate) fn missing<'de, T: Deserialize<'de>, E: Error>(name: &'static str) -> Result<T, E> {
    struct Missing<E>(&'static str, std::marker::PhantomData<E>);
    impl<'de, E: Error> Deserializer<'de> for Missing<E> {
        type Error = E;
        fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, E> {
            Err(E::missing_field(self.0))
        }
        fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, E> {
            visitor.visit_none()
        }
        serde::forward_to_deserialize_any! {
            bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit
            unit_struct newtype_struct seq tuple tuple_struct map struct enum identifier ignored_any
        }
    }
    T::deserialize(Missing(name, std::marker::PhantomData))
}

/// Reads a typed value out of a buffered one. Its errors name the path inside of it.
pub(crate) fn from_value<T: serde::de::DeserializeOwned, E: Error>(path: &str, value: &Value) -> Result<T, E> {
    T::deserialize(value).or_else(|_| {
        // Read once more from text: only a text has places.
        crate::wire::parse(value.to_string().as_bytes())
            .map_err(|error| inside(&format!("{path}{}", error.path()), error.message()))
    })
}

/// The name on the wire of a field: its own, or the one given.
macro_rules! key {
    ($field:ident) => {
        stringify!($field)
    };
    ($field:ident $key:literal) => {
        $key
    };
}

/// Defines a JSON object.
///
/// Optional fields are `Option`s, or maps for which absent is the same as empty; all others are
/// required. `=> with_x(T)` adds a method that sets the field. `check` names a function that sees
/// the object after it was read and may refuse it.
macro_rules! object {
    (
        $(#[$meta:meta])*
        pub struct $name:ident {
            $(
                $(#[$fmeta:meta])*
                pub $field:ident $(as $key:literal)?: $ty:ty $(=> $with:ident($arg:ty))?,
            )*
        }
        $(check $check:ident;)?
    ) => {
        $(#[$meta])*
        #[derive(Clone, Debug, PartialEq)]
        #[non_exhaustive]
        pub struct $name {
            $( $(#[$fmeta])* pub $field: $ty, )*
            /// Fields that this release does not know; they are written back unchanged.
            pub unknown_fields: $crate::UnknownFields,
        }

        impl $name {
            $($(
                #[doc = concat!("Sets [`", stringify!($field), "`](Self::", stringify!($field), ").")]
                #[must_use]
                pub fn $with(mut self, $field: impl Into<$arg>) -> Self {
                    self.$field = Some($field.into());
                    self
                }
            )?)*

            /// JSON pointers, from here, of the fields that this release does not know.
            pub fn unknown_fields(&self) -> Vec<String> {
                $crate::unknown::unknown_fields(self)
            }

            pub(crate) fn write_fields<M: serde::ser::SerializeMap>(&self, map: &mut M) -> Result<(), M::Error> {
                $(
                    if !$crate::unknown::Part::is_absent(&self.$field) {
                        map.serialize_entry($crate::object::key!($field $($key)?), &self.$field)?;
                    }
                )*
                self.unknown_fields.write(map)
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                let mut map = serializer.serialize_map(None)?;
                self.write_fields(&mut map)?;
                serde::ser::SerializeMap::end(map)
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                struct Fields;
                impl<'de> serde::de::Visitor<'de> for Fields {
                    type Value = $name;
                    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                        f.write_str(concat!("an object (", stringify!($name), ")"))
                    }
                    fn visit_map<A: serde::de::MapAccess<'de>>(self, mut map: A) -> Result<$name, A::Error> {
                        $( let mut $field: Option<$ty> = None; )*
                        let mut unknown_fields = $crate::UnknownFields::default();
                        while let Some(key) = map.next_key::<$crate::object::Key<'de>>()? {
                            $(
                                if key.is($crate::object::key!($field $($key)?)) {
                                    $field = Some(map.next_value()?);
                                    continue;
                                }
                            )*
                            unknown_fields.read(key, &mut map)?;
                        }
                        let read = $name {
                            $(
                                $field: match $field {
                                    Some(value) => value,
                                    None => $crate::object::missing($crate::object::key!($field $($key)?))?,
                                },
                            )*
                            unknown_fields,
                        };
                        $( $check(&read)?; )?
                        Ok(read)
                    }
                }
                deserializer.deserialize_map(Fields)
            }
        }

        impl $crate::unknown::Part for $name {
            fn walk(&self, at: &mut $crate::unknown::Pointer) {
                $( at.enter($crate::object::key!($field $($key)?), &self.$field); )*
                at.unknown_fields(&self.unknown_fields);
            }
        }
    };
}

pub(crate) use kinds::{KindSlot, Kinds, no_kind};
pub(crate) use one_of::{List, conversions, found, none, one_of};
pub use tagged::UnknownObject;
pub(crate) use tagged::{rest, tagged, take_tag};
pub(crate) use {key, object};
