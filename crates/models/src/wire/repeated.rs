//! Keys that stand twice in one object: JSON does not say which of them counts.

use std::borrow::Cow;
use std::collections::HashSet;
use std::fmt;

use serde::de::{DeserializeSeed, Error, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

use crate::object::Key;

/// How many keys of open objects are remembered before the slower reader is asked.
const KEYS: usize = 32;

/// How many objects may be open at once before the slower reader is asked.
const DEPTH: usize = 16;

/// Whether an object of this text may have a key twice. A quick look, which never misses one: keys with escapes, and
/// more keys or objects than it can remember, count as a maybe. Of text that is not JSON it says anything.
pub(super) fn may_repeat(json: &[u8]) -> bool {
    let mut keys: [&[u8]; KEYS] = [&[]; KEYS];
    // Where the keys of the innermost object begin and end, and where those around it begin.
    let (mut begin, mut end) = (0, 0);
    let (mut around, mut depth) = ([0; DEPTH], 0);
    let mut at = 0;
    while let Some(byte) = json.get(at) {
        at += 1;
        match byte {
            b'"' => {
                let from = at;
                let Some((close, is_plain)) = end_of_string(json, from) else { return true };
                at = close + 1;
                if !is_before_colon(json, at) {
                    continue;
                }
                let key = json.get(from..close).unwrap_or_default();
                if !is_plain || keys.get(begin..end).is_none_or(|earlier| contains(earlier, key)) {
                    return true;
                }
                let Some(place) = keys.get_mut(end) else { return true };
                *place = key;
                end += 1;
                // A string as its value is gone over at once.
                if json.get(at..at + 2) == Some(b":\"") {
                    let Some((close, _)) = end_of_string(json, at + 2) else { return true };
                    at = close + 1;
                }
            }
            b'{' => {
                let Some(place) = around.get_mut(depth) else { return true };
                *place = begin;
                depth += 1;
                begin = end;
            }
            b'}' => {
                let Some(outer) = depth.checked_sub(1) else { return true };
                depth = outer;
                end = begin;
                begin = around.get(outer).copied().unwrap_or_default();
            }
            _ => {}
        }
    }
    false
}

fn contains(keys: &[&[u8]], key: &[u8]) -> bool {
    // The last letter nearly always tells two keys of one length apart.
    let Some(last) = key.last() else { return keys.contains(&key) };
    keys.iter().any(|have| have.len() == key.len() && have.last() == Some(last) && *have == key)
}

/// Whether a colon comes next, so that the string before it was a key.
fn is_before_colon(json: &[u8], at: usize) -> bool {
    match json.get(at) {
        Some(b':') => true,
        Some(byte) if byte.is_ascii_whitespace() => {
            json.get(at..).unwrap_or_default().trim_ascii_start().starts_with(b":")
        }
        _ => false,
    }
}

/// Where the quote stands that ends a string, and whether the string has no escapes. Eight bytes at a time, as most
/// bytes are neither.
fn end_of_string(text: &[u8], from: usize) -> Option<(usize, bool)> {
    const ONES: u64 = u64::from_ne_bytes([1; 8]);
    const QUOTES: u64 = u64::from_ne_bytes([b'"'; 8]);
    const BACKSLASHES: u64 = u64::from_ne_bytes([b'\\'; 8]);
    // Keeps the highest bit of the first byte that is 0, and perhaps of bytes behind it.
    let zeros = |bytes: u64| bytes.wrapping_sub(ONES) & !bytes & (ONES << 7);
    let (mut at, mut is_plain) = (from, true);
    loop {
        while let Some(Ok(eight)) = text.get(at..at + 8).map(<[u8; 8]>::try_from) {
            let eight = u64::from_le_bytes(eight);
            let (quotes, backslashes) = (zeros(eight ^ QUOTES), zeros(eight ^ BACKSLASHES));
            let found = quotes | backslashes;
            if found == 0 {
                at += 8;
                continue;
            }
            at += found.trailing_zeros() as usize / 8;
            if backslashes == 0 {
                return Some((at, is_plain));
            }
            break;
        }
        match text.get(at)? {
            b'"' => return Some((at, is_plain)),
            b'\\' => {
                is_plain = false;
                at += 2;
            }
            _ => at += 1,
        }
    }
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
            assert!(!repeats(json) && !may_repeat(json.as_bytes()), "{json}: and it costs no second reading");
        }
        let person = r#"{"recipient":{"identified_by":{"channel_identities":[{"channel":"SMS","identity":"1"},
            {"channel":"RCS","identity":"1"}]}}, "parameters" : {"n":"1:2"},"message_metadata":{"row":"\"1: {"}}"#;
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
