//! Keys that stand twice in one object: JSON does not say which of them counts.

use std::borrow::Cow;
use std::collections::HashSet;
use std::fmt;

use serde::de::{DeserializeSeed, Error, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

use crate::object::Key;

/// How many keys of one object are compared with each other before the slower reader is asked.
const FEW: usize = 32;

/// Whether an object of this JSON may have a key twice. A quick look, which never misses one: keys with
/// escapes and objects with many keys count as a maybe, and so may a text that is not JSON.
pub(super) fn may_repeat(json: &[u8]) -> bool {
    // The keys of all open objects, and where those of each begin; an array has none.
    let mut keys: Vec<&[u8]> = Vec::with_capacity(FEW);
    let mut open: Vec<Option<usize>> = Vec::with_capacity(16);
    let (mut at, mut is_key) = (0, false);
    while let Some(byte) = json.get(at) {
        at += 1;
        match byte {
            b'{' => {
                open.push(Some(keys.len()));
                is_key = true;
            }
            b'[' => {
                open.push(None);
                is_key = false;
            }
            b'}' | b']' => {
                if let Some(Some(first)) = open.pop() {
                    keys.truncate(first);
                }
            }
            b',' => is_key = matches!(open.last(), Some(Some(_))),
            b'"' => {
                let (begin, mut has_escapes) = (at, false);
                while let Some(byte) = json.get(at).filter(|byte| **byte != b'"') {
                    let is_escape = *byte == b'\\';
                    has_escapes |= is_escape;
                    at += 1 + usize::from(is_escape);
                }
                if std::mem::take(&mut is_key) {
                    let key = json.get(begin..at).unwrap_or_default();
                    let first = open.last().copied().flatten().unwrap_or(keys.len());
                    let others = keys.get(first..).unwrap_or_default();
                    if has_escapes || others.len() >= FEW || others.contains(&key) {
                        return true;
                    }
                    keys.push(key);
                }
                at += 1;
            }
            _ => {}
        }
    }
    false
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
            assert!(!may_repeat(json.as_bytes()) && !repeats(json), "{json}");
        }
        assert!(may_repeat(br#"{"\u0061":1}"#) && !repeats(r#"{"\u0061":1}"#), "a maybe is not a yes");
    }

    /// JSON with few different keys, each of them written in one of two ways.
    fn any_json() -> impl Strategy<Value = String> {
        let leaf = prop_oneof![Just("1".to_owned()), Just(r#""a\"{,""#.to_owned()), Just("null".to_owned())];
        leaf.prop_recursive(4, 60, 6, |inner| {
            let key = prop_oneof![9 => "[a-h]", 1 => Just(r"\u0061".to_owned())];
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(|all| format!("[{}]", all.join(" ,"))),
                prop::collection::vec((key, inner), 0..6).prop_map(|all| {
                    let all: Vec<_> = all.iter().map(|(key, value)| format!("\"{key}\" :{value}")).collect();
                    format!("{{{}}}", all.join(","))
                }),
            ]
        })
    }

    proptest! {
        #[test]
        fn quick_look_misses_no_repeated_key(json in any_json()) {
            prop_assert!(may_repeat(json.as_bytes()) >= repeats(&json), "{}", json);
            if !json.contains(r"\u0061") {
                prop_assert_eq!(may_repeat(json.as_bytes()), repeats(&json), "{}", json);
            }
        }

        #[test]
        fn quick_look_survives_any_bytes(bytes: Vec<u8>) {
            may_repeat(&bytes);
        }
    }
}
