//! Spellings of the wire that are not plain JSON: texts, times, maps, JSON inside strings.

mod extra;
mod json_text;
mod map;
mod parse;
mod text;
mod time;

pub use extra::Extra;
pub use json_text::JsonText;
pub use map::WireMap;
pub use parse::{ParseError, parse};
pub use text::Text;
pub use time::Time;

/// Values for the `${name}` placeholders of one recipient's message, by name.
pub type Parameters = WireMap<Text>;

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
    struct Visitor<F>(&'static str, F);
    impl<T, F: FnOnce(&str) -> T> serde::de::Visitor<'_> for Visitor<F> {
        type Value = T;
        fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str(self.0)
        }
        fn visit_str<E>(self, text: &str) -> Result<T, E> {
            Ok((self.1)(text))
        }
    }
    deserializer.deserialize_str(Visitor(expected, make))
}
