//! Keys that stand twice in one object: JSON does not say which of them counts.

use std::borrow::Cow;
use std::collections::HashSet;
use std::fmt;

use serde::de::{DeserializeSeed, Error, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

use crate::object::Key;

/// How many keys are compared with each other before the slower reader is asked.
const FEW: usize = 32;

/// Whether an object of this text may have a key twice. A quick look, which never misses one: a key that two
/// objects have counts as a maybe, and so do keys with escapes or a space behind them, and many keys.
///
/// A key ends with a quote and a colon. What stands before each of them is compared, be it a key or not.
pub(super) fn may_repeat(json: &[u8]) -> bool {
    let mut keys: [&[u8]; FEW] = [&[]; FEW];
    let mut count = 0;
    // One bit for each key that was seen, by its length and last letters.
    let mut seen = 0_u64;
    let mut from = 0;
    while let Some(colon) = next_colon(json, from) {
        from = colon + 1;
        let Some((last, before)) = json.get(..colon).and_then(<[u8]>::split_last) else { continue };
        if last.is_ascii_whitespace() {
            return true;
        }
        if *last != b'"' {
            continue;
        }
        let begin = before.iter().rposition(|byte| matches!(byte, b'"' | b'\\'));
        let begin = begin.map_or(0, |at| at + 1);
        let outside = before.get(..begin).unwrap_or_default();
        if outside.ends_with(b"\\") || outside.ends_with(b"\\\"") {
            return true;
        }
        let key = before.get(begin..).unwrap_or_default();
        let letter = |from_end: usize| key.len().checked_sub(from_end).and_then(|at| key.get(at)).copied().unwrap_or(0);
        let bit = 1 << ((key.len() as u64 * 7 + u64::from(letter(1)) + 5 * u64::from(letter(2))) % 64);
        if seen & bit != 0 && keys[..count].contains(&key) {
            return true;
        }
        let Some(place) = keys.get_mut(count) else { return true };
        *place = key;
        count += 1;
        seen |= bit;
    }
    false
}

/// The next colon from a place on; eight bytes at a time, as most bytes are none.
fn next_colon(text: &[u8], from: usize) -> Option<usize> {
    const ONES: u64 = u64::from_ne_bytes([1; 8]);
    const COLONS: u64 = u64::from_ne_bytes([b':'; 8]);
    let mut at = from;
    while let Some(Ok(eight)) = text.get(at..at + 8).map(<[u8; 8]>::try_from) {
        // A byte is 0 where a colon was; then, and only then, some byte keeps its highest bit.
        let others = u64::from_ne_bytes(eight) ^ COLONS;
        if others.wrapping_sub(ONES) & !others & (ONES << 7) != 0 {
            break;
        }
        at += 8;
    }
    text.get(at..)?.iter().position(|byte| *byte == b':').map(|colon| at + colon)
}

/// Any JSON in which no object has a key twice; the values are dropped.
pub(super) struct NoRepeats;

impl<'de> Deserialize<'de> for NoRepeats {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Self)
    }
}

impl<'de> Visitor<'de> for NoRepeats {
    type Value = Self;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_bool<E>(self, _: bool) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_str<E>(self, _: &str) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_unit<E>(self) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut entries: A) -> Result<Self, A::Error> {
        while entries.next_element::<Self>()?.is_some() {}
        Ok(self)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self, A::Error> {
        let mut seen = HashSet::new();
        while let Some(key) = map.next_key::<Key<'de>>()? {
            let key = key.into_text();
            let is_new = !seen.contains(&key);
            map.next_value_seed(Once { key: &key, is_new })?;
            seen.insert(key);
        }
        Ok(self)
    }
}

/// The value of a key, refused if the key was there before: here its path is known.
struct Once<'a> {
    key: &'a Cow<'a, str>,
    is_new: bool,
}

impl<'de> DeserializeSeed<'de> for Once<'_> {
    type Value = NoRepeats;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<NoRepeats, D::Error> {
        if self.is_new {
            return NoRepeats::deserialize(deserializer);
        }
        let key: String = self.key.chars().take(100).collect();
        Err(D::Error::custom(format_args!("the key `{key}` stands here twice; only one of the two may stay")))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn repeats(json: &str) -> bool {
        serde_json::from_str::<NoRepeats>(json).is_err()
    }

    #[test]
    fn repeated_keys_are_those_of_one_object() {
        for json in [
            r#"{"a":1,"a":1}"#,
            r#"{"a":{"b":1,"c":[{"d":1,"e":{},"d":2}]}}"#,
            r#"[1,{"a":[{"b":"\"}"},{"b":1}],"a":2}]"#,
            r#"{"a":1,"\u0061":2}"#,
            r#"{"":1,"":2}"#,
        ] {
            assert!(may_repeat(json.as_bytes()) && repeats(json), "{json}");
        }
        for json in [
            r#"{"a":{"a":{"a":1}},"b":{"a":2}}"#,
            r#"[{"a":"a"},{"a":"a"}]"#,
            r#"{"a":"\"a\":1,\"a\"","b":["a","a"]}"#,
            r#"{"a":[{"x":1},{"x":2}],"x":3}"#,
            "3",
        ] {
            assert!(!repeats(json), "{json}");
        }
        let person = r#"{"recipient":{"contact_id":"c"},"parameters":{"n":"1:2"},"message_metadata":{"row":"\"1: "}}"#;
        assert!(!may_repeat(person.as_bytes()), "a usual row costs no second reading");
    }

    /// JSON with few different keys, each of them written in one of two ways.
    fn any_json() -> impl Strategy<Value = String> {
        let leaf = prop_oneof![Just("1".to_owned()), Just(r#""a\"{,""#.to_owned()), Just("null".to_owned())];
        leaf.prop_recursive(4, 60, 6, |inner| {
            let key = prop_oneof![9 => "[a-h]", 1 => Just(r"\u0061".to_owned())];
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(|all| format!("[{}]", all.join(" ,"))),
                prop::collection::vec((key, inner), 0..6).prop_map(|all| {
                    let all: Vec<_> = all.iter().map(|(key, value)| format!("\"{key}\":{value}")).collect();
                    format!("{{{}}}", all.join(","))
                }),
            ]
        })
    }

    proptest! {
        #[test]
        fn quick_look_misses_no_repeated_key(json in any_json()) {
            prop_assert!(may_repeat(json.as_bytes()) >= repeats(&json), "{}", json);
        }

        #[test]
        fn quick_look_survives_any_bytes(bytes: Vec<u8>) {
            may_repeat(&bytes);
        }
    }
}
