//! Spellings of the wire that are not plain JSON: texts, times, maps, JSON inside strings.

mod any;
mod bounded;
mod few;
mod json_text;
mod map;
mod number;
mod parse;
mod pointer;
mod repeated;
mod surrogates;
mod text;
mod time;
mod unknown_fields;

pub use any::AnyJson;
pub(crate) use bounded::list;
pub use bounded::{Bounded, OutOfBounds};
pub use few::Few;
pub use json_text::JsonText;
pub use map::WireMap;
pub use number::{NotFinite, Number};
pub(crate) use parse::inside;
pub use parse::{ParseError, parse, parse_strict};
pub(crate) use pointer::push;
pub use surrogates::without_lone_surrogates;
pub use text::PrivateText;
pub use time::WireTime;
pub use unknown_fields::UnknownFields;

/// Values for the `${name}` placeholders of one recipient's message, by name.
pub type Parameters = WireMap<PrivateText>;

/// Metadata: an object in requests. Send strings, accept anything.
pub type Metadata = WireMap<serde_json::Value>;

/// Reads a string without keeping a copy, and makes something of it.
pub(crate) fn from_str<'de, D, T>(
    deserializer: D,
    expected: &'static str,
    make: impl FnOnce(&str) -> T,
) -> Result<T, D::Error>
where
    D: serde::Deserializer<'de>,
{
    try_from_str(deserializer, expected, |text| Ok::<T, std::convert::Infallible>(make(text)))
}

/// Reads a string that may be refused. It is refused while the reader still knows its place.
pub(crate) fn try_from_str<'de, D, T, E>(
    deserializer: D,
    expected: &'static str,
    make: impl FnOnce(&str) -> Result<T, E>,
) -> Result<T, D::Error>
where
    D: serde::Deserializer<'de>,
    E: std::fmt::Display,
{
    struct Visitor<F>(&'static str, F);
    impl<T, X: std::fmt::Display, F: FnOnce(&str) -> Result<T, X>> serde::de::Visitor<'_> for Visitor<F> {
        type Value = T;
        fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str(self.0)
        }
        fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<T, E> {
            (self.1)(text).map_err(E::custom)
        }
    }
    deserializer.deserialize_str(Visitor(expected, make))
}
