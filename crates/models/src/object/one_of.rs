//! Objects whose kind one key, out of several, names.

use std::fmt;

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

/// Defines a JSON object whose kind one key, out of several, names.
///
/// `strict` objects refuse a second kind and the lack of any, `some` ones a second kind; `open` ones,
/// which the service writes, keep a second kind in `unknown_fields`.
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
            /// [`unknown_fields`](Self::unknown_fields), or is none at all.
            pub body: Option<$body>,
            $( $(#[$fmeta])* pub $field: $ty, )*
            /// Fields that this release does not know; they are written back unchanged.
            pub unknown_fields: $crate::UnknownFields,
        }

        $(#[$emeta])*
        #[derive(Clone, Debug, PartialEq)]
        #[non_exhaustive]
        pub enum $body {
            $( $(#[$vmeta])* $variant($vty), )+
        }

        impl $body {
            /// The keys on the wire that name the kinds.
            pub const KEYS: &'static [&'static str] = &[$($vkey),+];

            /// The kind without its key, as JSON.
            pub fn value(&self) -> serde_json::Value {
                let value = match self {
                    $( Self::$variant(value) => serde_json::to_value(value), )+
                };
                // Writing a model into a value cannot fail: its keys are strings and its numbers finite.
                value.unwrap_or_default()
            }

            /// The key on the wire that names this kind.
            pub fn key(&self) -> &'static str {
                match self {
                    $( Self::$variant(_) => $vkey, )+
                }
            }
        }

        impl $crate::object::Kinds for $body {
            const NAMES: &'static [&'static str] = Self::KEYS;

            fn name(&self) -> Option<&'static str> {
                Some(self.key())
            }

            fn read<'de, A: serde::de::MapAccess<'de>>(name: &str, map: &mut A) -> Result<Option<Self>, A::Error> {
                Ok(match name {
                    $( $vkey => map.next_value::<Option<$vty>>()?.map(Self::$variant), )+
                    _ => None,
                })
            }

            fn into_json(self) -> serde_json::Value {
                self.value()
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
                self.unknown_fields.write(&mut map)?;
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
                        let mut body = $crate::object::KindSlot::<$body>::new();
                        $( let mut $field: Option<$ty> = None; )*
                        let mut unknown_fields = $crate::UnknownFields::default();
                        while let Some(key) = map.next_key::<$crate::object::Key<'de>>()? {
                            if $crate::object::KindSlot::<$body>::is_kind(&key) {
                                $crate::object::found!($mode, body, key, map, unknown_fields);
                                continue;
                            }
                            $(
                                if key.is($crate::object::key!($field $($key)?)) {
                                    $field = Some(map.next_value()?);
                                    continue;
                                }
                            )*
                            unknown_fields.read(key, &mut map)?;
                        }
                        let read = $name {
                            body: body.end()?,
                            $(
                                $field: match $field {
                                    Some(value) => value,
                                    None => $crate::object::missing($crate::object::key!($field $($key)?))?,
                                },
                            )*
                            unknown_fields,
                        };
                        $crate::object::none!($mode, $body, read);
                        $( $check(&read)?; )?
                        Ok(read)
                    }
                }
                deserializer.deserialize_map(Fields)
            }
        }

        impl $crate::unknown::Part for $name {
            fn walk(&self, at: &mut $crate::unknown::Pointer) {
                match &self.body {
                    $( Some($body::$variant(value)) => at.enter($vkey, value), )+
                    None => {}
                }
                $( at.enter($crate::object::key!($field $($key)?), &self.$field); )*
                at.unknown_fields(&self.unknown_fields);
            }
        }

        $crate::object::conversions!($mode $name $body $( $variant($vty) )+);
    };
}

/// What `one_of` does about a kind.
macro_rules! found {
    (open, $slot:ident, $key:ident, $map:ident, $unknown_fields:ident) => {
        $slot.first($key, &mut $map, &mut $unknown_fields)?
    };
    ($strict:ident, $slot:ident, $key:ident, $map:ident, $unknown_fields:ident) => {
        $slot.only(&$key, &mut $map)?
    };
}

/// What `one_of` does about the lack of any kind.
macro_rules! none {
    (strict, $body:ident, $read:ident) => {
        if $read.body.is_none() && $read.unknown_fields.is_empty() {
            return Err($crate::object::no_kind::<$body, _>());
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

pub(crate) use {conversions, found, none, one_of};
