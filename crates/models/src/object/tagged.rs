//! Objects whose kind stands in one of their fields. They are read from a buffer, as the field may
//! stand behind the others.

use std::fmt;

use serde::de::{Error, MapAccess};
use serde_json::Value;

use crate::wire::inside;

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

/// Reads the rest of a map that was begun into a buffer, for kinds that a field names.
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
            /// A kind newer than this release; it is kept whole and written back unchanged.
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
            fn walk(&self, at: &mut $crate::unknown::Pointer) {
                match self {
                    $( Self::$variant(value) => $crate::unknown::Part::walk(value, at), )+
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

pub(crate) use tagged;
