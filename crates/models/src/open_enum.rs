//! One macro for every set of names that the service owns.

use std::fmt;

/// A name newer than this release, kept unchanged.
///
/// It can only be made by reading, so a name this release knows never hides in it.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct UnknownName(Box<str>);

impl UnknownName {
    pub(crate) fn new(name: &str) -> Self {
        Self(name.into())
    }

    /// The name as it stood on the wire.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for UnknownName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", &*self.0)
    }
}

/// Defines an enum whose names the service owns: any text parses, and prints back unchanged.
macro_rules! open_enum {
    (
        $(#[$meta:meta])*
        pub enum $name:ident {
            $( $(#[$vmeta:meta])* $variant:ident = $text:literal, )+
        }
    ) => {
        $(#[$meta])*
        #[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[non_exhaustive]
        pub enum $name {
            $( $(#[$vmeta])* $variant, )+
            /// A name newer than this release; it is written back unchanged.
            Unknown($crate::UnknownName),
        }

        impl $name {
            /// The names this release knows.
            pub const KNOWN: &'static [&'static str] = &[$($text),+];

            /// The name on the wire.
            pub fn as_str(&self) -> &str {
                match self {
                    $( Self::$variant => $text, )+
                    Self::Unknown(name) => name.as_str(),
                }
            }

            /// Whether this release knows the name.
            pub fn is_known(&self) -> bool {
                !matches!(self, Self::Unknown(_))
            }
        }

        impl From<&str> for $name {
            fn from(text: &str) -> Self {
                match text {
                    $( $text => Self::$variant, )+
                    other => Self::Unknown($crate::UnknownName::new(other)),
                }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_str())
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                $crate::wire::from_str(deserializer, concat!("a name of ", stringify!($name)), |text| {
                    Self::from(text)
                })
            }
        }

        $crate::unknown::leaf!($name);
    };
}

pub(crate) use open_enum;
