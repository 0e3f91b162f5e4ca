//! One macro for every JSON object of the wire, one for objects that hold one of several kinds, and
//! one for objects whose kind stands in a field.
//!
//! What they write is what serde's derive would, with three differences: unknown fields are kept
//! without the buffering of `flatten`, every error is raised where the reader still knows its place,
//! and each type can name the fields it does not know.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Error, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::Value;

/// A key, borrowed from the text where it has no escapes.
pub(crate) struct Key<'de>(Cow<'de, str>);

impl Key<'_> {
    pub(crate) fn is(&self, name: &str) -> bool {
        self.0 == name
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    pub(crate) fn into_string(self) -> String {
        self.0.into_owned()
    }
}

impl<'de> Deserialize<'de> for Key<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;
        impl<'de> Visitor<'de> for Text {
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
        deserializer.deserialize_str(Text)
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

/// An error about something inside the value at hand; [`crate::parse`] puts the two paths together.
pub(crate) fn inside<E: Error>(path: &str, message: impl fmt::Display) -> E {
    if path.is_empty() { E::custom(message) } else { E::custom(format_args!("at {path}: {message}")) }
}

/// Reads a typed value out of a buffered one. Its errors name the path inside of it.
pub(crate) fn from_value<T: serde::de::DeserializeOwned, E: Error>(path: &str, value: &Value) -> Result<T, E> {
    T::deserialize(value).or_else(|_| {
        // Read once more from text: only a text has places.
        crate::wire::parse(value.to_string().as_bytes())
            .map_err(|error| inside(&format!("{path}{}", error.path()), error.message()))
    })
}

/// Reads the rest of a map that was begun into a buffer, for kinds that are told by a field.
pub(crate) fn rest<'de, A: MapAccess<'de>>(mut map: A) -> Result<serde_json::Map<String, Value>, A::Error> {
    let mut all = serde_json::Map::new();
    while let Some((key, value)) = map.next_entry::<String, Value>()? {
        all.insert(key, value);
    }
    Ok(all)
}

/// Takes the name of the kind out of a buffered object.
pub(crate) fn take_tag<E: Error>(all: &mut serde_json::Map<String, Value>, tag: &'static str) -> Result<String, E> {
    match all.remove(tag) {
        Some(Value::String(kind)) => Ok(kind),
        None => Err(E::missing_field(tag)),
        Some(_) => Err(inside(&format!("/{tag}"), "expected a string that names the kind")),
    }
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
            /// Fields that this release does not know; they are written back as they came.
            pub extra: $crate::Extra,
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
                self.extra.write(map)
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
                        let mut extra = $crate::Extra::default();
                        while let Some(key) = map.next_key::<$crate::object::Key<'de>>()? {
                            $(
                                if key.is($crate::object::key!($field $($key)?)) {
                                    $field = Some(map.next_value()?);
                                    continue;
                                }
                            )*
                            extra.read(key, &mut map)?;
                        }
                        let read = $name {
                            $(
                                $field: match $field {
                                    Some(value) => value,
                                    None => $crate::object::missing($crate::object::key!($field $($key)?))?,
                                },
                            )*
                            extra,
                        };
                        $( $check(&read)?; )?
                        Ok(read)
                    }
                }
                deserializer.deserialize_map(Fields)
            }
        }

        impl $crate::unknown::Part for $name {
            fn unknown(&self, at: &mut $crate::unknown::Pointer) {
                $( at.enter($crate::object::key!($field $($key)?), &self.$field); )*
                at.extra(&self.extra);
            }
        }
    };
}

/// Defines a JSON object of which one key, out of several, tells what it is.
///
/// `strict` objects refuse a second kind and the lack of any, `some` ones a second kind; `open` ones,
/// which the service writes, keep a second kind in `extra`.
macro_rules! one_of {
    (
        $(#[$meta:meta])*
        pub struct $name:ident;
        $(#[$emeta:meta])*
        $mode:ident enum $body:ident {
            $( $(#[$vmeta:meta])* $variant:ident($vty:ty) = $vkey:literal, )+
        }
        beside {
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
            /// Which kind it is; `None` if the kind is newer than this release and stands in
            /// [`extra`](Self::extra), or is none at all.
            pub body: Option<$body>,
            $( $(#[$fmeta])* pub $field: $ty, )*
            /// Fields that this release does not know; they are written back as they came.
            pub extra: $crate::Extra,
        }

        $(#[$emeta])*
        #[derive(Clone, Debug, PartialEq)]
        #[non_exhaustive]
        pub enum $body {
            $( $(#[$vmeta])* $variant($vty), )+
        }

        impl $body {
            /// The keys on the wire that tell the kinds apart.
            pub const KEYS: &'static [&'static str] = &[$($vkey),+];

            /// The kind without its key, as JSON.
            pub fn value(&self) -> serde_json::Value {
                let value = match self {
                    $( Self::$variant(value) => serde_json::to_value(value), )+
                };
                // Writing a model into a value cannot fail: its keys are strings and its numbers finite.
                value.unwrap_or_default()
            }

            /// The key on the wire that tells this kind.
            pub fn key(&self) -> &'static str {
                match self {
                    $( Self::$variant(_) => $vkey, )+
                }
            }
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
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                let mut map = serializer.serialize_map(None)?;
                match &self.body {
                    $( Some($body::$variant(value)) => serde::ser::SerializeMap::serialize_entry(&mut map, $vkey, value)?, )+
                    None => {}
                }
                $(
                    if !$crate::unknown::Part::is_absent(&self.$field) {
                        serde::ser::SerializeMap::serialize_entry(
                            &mut map, $crate::object::key!($field $($key)?), &self.$field,
                        )?;
                    }
                )*
                self.extra.write(&mut map)?;
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
                        let mut body: Option<$body> = None;
                        let mut second = false;
                        $( let mut $field: Option<$ty> = None; )*
                        let mut extra = $crate::Extra::default();
                        while let Some(key) = map.next_key::<$crate::object::Key<'de>>()? {
                            $(
                                if key.is($vkey) {
                                    $crate::object::found!($mode, $body::$variant($vty) = $vkey, body, second, key, map, extra);
                                    continue;
                                }
                            )+
                            $(
                                if key.is($crate::object::key!($field $($key)?)) {
                                    $field = Some(map.next_value()?);
                                    continue;
                                }
                            )*
                            extra.read(key, &mut map)?;
                        }
                        let read = $name {
                            body,
                            $(
                                $field: match $field {
                                    Some(value) => value,
                                    None => $crate::object::missing($crate::object::key!($field $($key)?))?,
                                },
                            )*
                            extra,
                        };
                        if second {
                            return Err(serde::de::Error::custom(format_args!(
                                "a second kind where only one may stand: {}",
                                $crate::object::List($body::KEYS)
                            )));
                        }
                        $crate::object::none!($mode, $body, read);
                        $( $check(&read)?; )?
                        Ok(read)
                    }
                }
                deserializer.deserialize_map(Fields)
            }
        }

        impl $crate::unknown::Part for $name {
            fn unknown(&self, at: &mut $crate::unknown::Pointer) {
                match &self.body {
                    $( Some($body::$variant(value)) => at.enter($vkey, value), )+
                    None => {}
                }
                $( at.enter($crate::object::key!($field $($key)?), &self.$field); )*
                at.extra(&self.extra);
            }
        }

        $crate::object::conversions!($mode $name $body $( $variant($vty) )+);
    };
}

/// What `one_of` does about a kind. Errors wait for the end of the object, so that their place is it.
macro_rules! found {
    (open, $body:ident::$variant:ident($vty:ty) = $vkey:literal, $had:ident, $second:ident, $key:ident, $map:ident, $extra:ident) => {
        // The first kind in the table wins, in whatever order they stand.
        let place = |key: &str| $body::KEYS.iter().position(|known| *known == key);
        match &$had {
            Some(had) if place(had.key()) <= place($vkey) => $extra.read($key, &mut $map)?,
            had => {
                if let Some(found) = $map.next_value::<Option<$vty>>()? {
                    if let Some(had) = had {
                        $extra.insert(had.key(), had.value());
                        $second = false; // It is kept, and refused nowhere.
                    }
                    $had = Some($body::$variant(found));
                }
            }
        }
    };
    ($strict:ident, $body:ident::$variant:ident($vty:ty) = $vkey:literal, $had:ident, $second:ident, $key:ident, $map:ident, $extra:ident) => {
        let found = $map.next_value::<Option<$vty>>()?.map($body::$variant);
        $second |= found.is_some() && $had.is_some();
        $had = found.or($had);
    };
}

/// What `one_of` does about the lack of any kind.
macro_rules! none {
    (strict, $body:ident, $read:ident) => {
        if $read.body.is_none() && $read.extra.is_empty() {
            return Err(serde::de::Error::custom(format_args!(
                "missing a kind: {}",
                $crate::object::List($body::KEYS)
            )));
        }
    };
    ($other:ident, $body:ident, $read:ident) => {};
}

/// Conversions of a `strict` object from each of its kinds.
macro_rules! conversions {
    (open $($ignored:tt)*) => {};
    ($strict:ident $name:ident $body:ident $( $variant:ident($vty:ty) )+) => {
        $(
            impl From<$vty> for $body {
                fn from(value: $vty) -> Self {
                    Self::$variant(value)
                }
            }
        )+

        impl<B: Into<$body>> From<B> for $name {
            fn from(body: B) -> Self {
                Self::new(body)
            }
        }
    };
}

/// Defines an enum over objects whose kind stands in one of their fields.
macro_rules! tagged {
    (
        $(#[$meta:meta])*
        pub enum $name:ident by $tag:literal {
            $( $(#[$vmeta:meta])* $variant:ident($vty:ty) = $vkey:literal, )+
        }
    ) => {
        $(#[$meta])*
        #[derive(Clone, Debug, PartialEq)]
        #[non_exhaustive]
        pub enum $name {
            $( $(#[$vmeta])* $variant($vty), )+
            /// A kind newer than this release; it is kept whole and written back as it came.
            Unknown($crate::object::UnknownObject),
        }

        impl $name {
            #[doc = concat!("The name of the kind, as it stands in `", $tag, "`.")]
            pub fn kind(&self) -> &str {
                match self {
                    $( Self::$variant(_) => $vkey, )+
                    Self::Unknown(object) => object.kind(),
                }
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                let mut map = serializer.serialize_map(None)?;
                serde::ser::SerializeMap::serialize_entry(&mut map, $tag, self.kind())?;
                match self {
                    $( Self::$variant(value) => value.write_fields(&mut map)?, )+
                    Self::Unknown(object) => object.write_fields(&mut map)?,
                }
                serde::ser::SerializeMap::end(map)
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                struct Fields;
                impl<'de> serde::de::Visitor<'de> for Fields {
                    type Value = $name;
                    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                        f.write_str(concat!("an object whose `", $tag, "` names its kind (", stringify!($name), ")"))
                    }
                    fn visit_map<A: serde::de::MapAccess<'de>>(self, map: A) -> Result<$name, A::Error> {
                        let mut all = $crate::object::rest(map)?;
                        let kind = $crate::object::take_tag(&mut all, $tag)?;
                        match kind.as_str() {
                            $( $vkey => $crate::object::from_value("", &all.into()).map($name::$variant), )+
                            _ => Ok($name::Unknown($crate::object::UnknownObject::new(kind, all))),
                        }
                    }
                }
                deserializer.deserialize_map(Fields)
            }
        }

        impl $crate::unknown::Part for $name {
            fn unknown(&self, at: &mut $crate::unknown::Pointer) {
                match self {
                    $( Self::$variant(value) => $crate::unknown::Part::unknown(value, at), )+
                    Self::Unknown(_) => at.here(),
                }
            }
        }

        $(
            impl From<$vty> for $name {
                fn from(value: $vty) -> Self {
                    Self::$variant(value)
                }
            }
        )+
    };
}

pub(crate) use {conversions, found, key, none, object, one_of, tagged};

/// Names, as a sentence lists them.
pub(crate) struct List(pub(crate) &'static [&'static str]);

impl fmt::Display for List {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, name) in self.0.iter().enumerate() {
            let lead = match at {
                0 => "",
                _ if at + 1 == self.0.len() => " or ",
                _ => ", ",
            };
            write!(f, "{lead}`{name}`")?;
        }
        Ok(())
    }
}

/// An object of a kind that this release does not know, whole. It can only be made by reading.
#[derive(Clone, PartialEq)]
pub struct UnknownObject {
    kind: Box<str>,
    fields: serde_json::Map<String, Value>,
}

impl UnknownObject {
    pub(crate) fn new(kind: String, fields: serde_json::Map<String, Value>) -> Self {
        Self { kind: kind.into(), fields }
    }

    /// The name of the kind, as it stood on the wire.
    pub fn kind(&self) -> &str {
        &self.kind
    }

    /// The other fields.
    pub fn fields(&self) -> &serde_json::Map<String, Value> {
        &self.fields
    }

    pub(crate) fn write_fields<M: serde::ser::SerializeMap>(&self, map: &mut M) -> Result<(), M::Error> {
        self.fields.iter().try_for_each(|(name, value)| map.serialize_entry(name, value))
    }
}

impl fmt::Debug for UnknownObject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("UnknownObject").field(&self.kind).finish()
    }
}
