//! What the answer to "which batches have this metadata?" proves.
//!
//! A campaign sends a batch again when it is proved absent, and takes a found one for its own. So nothing is
//! taken for an absence but an empty array, nothing for a presence but a batch that shows the key and the
//! value, and whatever is not understood is neither. That is why the answer is judged as raw JSON: a type
//! that reads kindly would hide what it did not understand.

use bytes::Bytes;
use jiff::Timestamp;
use serde_json::{Map, Value};
use sinch_batch_models::{AnyJson, BatchId};

use crate::{Error, Operation, Response, wire};

/// What a look-up by metadata proves, see [`Client::look_up`](crate::Client::look_up).
///
/// Exhaustive: a program decides by it whether it sends again, and must decide for each.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found {
    /// The ids of all batches that show the value under the key, in the order of the service: at least one,
    /// none twice. More than one means that the batch was sent more than once.
    Batches(Vec<BatchId>),
    /// The service understood the question and has no such batch *now*: an empty array, bare or as the one
    /// array of an object. A batch that was accepted a moment ago may not be found yet.
    None,
    /// Neither. There may be such a batch.
    Unclear {
        /// The shape of the response, in words and without any value of it, such as `an empty object`.
        shape: String,
    },
}

/// The most batches that are asked for by id in one look-up.
pub(crate) const MOST_QUESTIONS: usize = 5;

/// What an answer says by itself.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Judged {
    /// An empty array: absence.
    None,
    /// Batches that show the key and the value, those that have to be asked by id, and the first shape that
    /// was not understood.
    Entries { entries: Vec<Entry>, unclear: Option<&'static str> },
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Entry {
    /// It shows the key and the value.
    Ours(BatchId),
    /// It does not; its status may.
    Ask(BatchId),
}

/// A batch whose metadata never showed our key.
pub(crate) const WITHOUT_OUR_KEY: &str = "a batch that does not show our key";

/// The first half of a look-up: the answer, judged.
pub(crate) fn read(
    answer: &http::Response<Bytes>,
    key: &str,
    value: &str,
    now: Timestamp,
) -> Result<Response<Judged>, Error> {
    if wire::is_empty_success(answer) {
        return Ok(Response::read(unclear("an empty body"), answer));
    }
    let judged = wire::read::<AnyJson>(Operation::FindBatches, answer, now)?.map(|body| judge(&body, key, value));
    // Of a name that stands twice in an object only the last is seen, and what is nested is not looked into.
    let names_a_batch = answer.body().windows(8).any(|word| word == b"batch_id");
    Ok(judged.map(|judged| match judged {
        Judged::None if names_a_batch => unclear("an empty array beside a batch"),
        judged => judged,
    }))
}

/// The second half: whether the status of a batch shows that it is ours.
pub(crate) fn read_status(
    answer: &http::Response<Bytes>,
    id: &BatchId,
    key: &str,
    value: &str,
    now: Timestamp,
) -> Result<bool, Error> {
    let status = wire::read::<AnyJson>(Operation::BatchStatus, answer, now)?.body;
    Ok(match &*status {
        Value::Object(batch) => {
            batch.get("batch_id").and_then(Value::as_str) == Some(id.as_str()) && shows(batch, key, value)
        }
        _ => false,
    })
}

/// What a body proves.
pub(crate) fn judge(body: &Value, key: &str, value: &str) -> Judged {
    match body {
        Value::Array(entries) if entries.is_empty() => Judged::None,
        Value::Array(entries) => judge_entries(entries, None, key, value),
        Value::Object(object) => judge_object(object, key, value),
        Value::Null => unclear("null"),
        Value::Bool(_) => unclear("true or false"),
        Value::Number(_) => unclear("a number"),
        Value::String(_) => unclear("a text"),
    }
}

fn judge_object(object: &Map<String, Value>, key: &str, value: &str) -> Judged {
    if object.is_empty() {
        return unclear("an empty object");
    }
    if object.contains_key("batch_id") || object.contains_key("meta_data") {
        return judge_entries([&Value::Object(object.clone())], None, key, value);
    }
    let arrays: Vec<&Vec<Value>> = object.values().filter_map(Value::as_array).collect();
    // What speaks against an absence. A batch that is there is there all the same.
    let against = if object.keys().any(|name| is_like(name, &["error", "code", "message", "fault", "exception"])) {
        Some("an object with an error")
    } else if object.iter().any(|(name, value)| is_more(name, value)) {
        Some("an object that says there may be more")
    } else {
        match arrays.as_slice() {
            [] => Some("an object without an array"),
            [_] => None,
            _ => Some("an object with several arrays"),
        }
    };
    match (against, arrays.as_slice()) {
        (None, [array]) if array.is_empty() => Judged::None,
        _ => judge_entries(arrays.into_iter().flatten(), against, key, value),
    }
}

fn judge_entries<'a>(
    entries: impl IntoIterator<Item = &'a Value>,
    against: Option<&'static str>,
    key: &str,
    value: &str,
) -> Judged {
    let mut judged = Vec::new();
    let mut unclear = against;
    for entry in entries {
        match judge_entry(entry, key, value) {
            Ok(entry) => judged.push(entry),
            Err(shape) => unclear = unclear.or(Some(shape)),
        }
    }
    Judged::Entries { entries: judged, unclear }
}

fn judge_entry(entry: &Value, key: &str, value: &str) -> Result<Entry, &'static str> {
    let Value::Object(batch) = entry else { return Err("an array with something that is not an object") };
    let id = match batch.get("batch_id") {
        Some(Value::String(id)) if !id.trim().is_empty() => BatchId::new(id.as_str()),
        Some(Value::String(_)) => return Err("a batch with an empty batch_id"),
        Some(Value::Null) | None => return Err("a batch without a batch_id"),
        Some(_) => return Err("a batch whose batch_id is not a text"),
    };
    Ok(if shows(batch, key, value) { Entry::Ours(id) } else { Entry::Ask(id) })
}

/// Whether the metadata of a batch has the value under the key. Metadata may be JSON in a text.
fn shows(batch: &Map<String, Value>, key: &str, value: &str) -> bool {
    match batch.get("meta_data") {
        Some(Value::Object(metadata)) => has(metadata, key, value),
        Some(Value::String(text)) => serde_json::from_str(text).is_ok_and(|metadata| has(&metadata, key, value)),
        _ => false,
    }
}

/// Whether an entry is there, as the query asked for it.
fn has(metadata: &Map<String, Value>, key: &str, value: &str) -> bool {
    match metadata.get(key) {
        Some(Value::String(text)) => text == value,
        Some(other) => {
            let written = other.to_string();
            written == value
        }
        None => false,
    }
}

/// Whether a name has one of these words in it, however it is written.
fn is_like(name: &str, words: &[&str]) -> bool {
    let name = name.to_ascii_lowercase().replace(['_', '-'], "");
    words.iter().any(|word| name.contains(word))
}

/// Whether a field says that there is more than was returned: a token of a next page, or a count of what is there.
fn is_more(name: &str, value: &Value) -> bool {
    let is_page = is_like(name, &["pagetoken", "next", "cursor", "continuation", "hasmore"]);
    let is_count = is_like(name, &["total", "count"]);
    let says_nothing = match value {
        Value::Null | Value::Bool(false) => true,
        Value::String(text) => text.is_empty(),
        Value::Number(count) => is_count && count.as_f64() == Some(0.0),
        _ => false,
    };
    (is_page || is_count) && !says_nothing
}

fn unclear(shape: &'static str) -> Judged {
    Judged::Entries { entries: Vec::new(), unclear: Some(shape) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    /// What is found, what is asked for, and what is unclear, in words.
    fn described(judged: &Judged) -> String {
        match judged {
            Judged::None => "none".to_owned(),
            Judged::Entries { entries, unclear } => {
                let entries = entries.iter().map(|entry| match entry {
                    Entry::Ours(id) => format!("ours {id}"),
                    Entry::Ask(id) => format!("ask {id}"),
                });
                entries.chain(unclear.map(str::to_owned)).collect::<Vec<_>>().join(", ")
            }
        }
    }

    #[test]
    fn every_shape_is_judged_for_what_it_proves() {
        let one = r#"{"batch_id":"b","meta_data":{"k":"1","other":"x"},"status":"READY"}"#;
        let more = "an object that says there may be more";
        let error = "an object with an error";
        for (body, expected) in [
            // Absence is an empty array, and nothing else.
            ("[]", "none"),
            (r#"{"batches":[]}"#, "none"),
            (r#"{"batches":[],"next_page_token":""}"#, "none"),
            (r#"{"batches":[],"nextPageToken":null,"total_count":0,"page_size":10}"#, "none"),
            (r#"{"batches":[],"next_page_token":"p"}"#, more),
            (r#"{"batches":[],"has_more":true}"#, more),
            (r#"{"batches":[],"total":1}"#, more),
            ("{}", "an empty object"),
            ("null", "null"),
            ("true", "true or false"),
            ("7", "a number"),
            (r#""none""#, "a text"),
            (r#"{"error":{"code":500}}"#, error),
            (r#"{"errors":[]}"#, error),
            (r#"{"messages":[]}"#, error),
            (r#"{"batches":[],"error":null}"#, error),
            (r#"{"batches":[],"statusCode":500}"#, error),
            (r#"{"batches":[],"ErrorMessage":"x"}"#, error),
            (r#"{"batches":{}}"#, "an object without an array"),
            (r#"{"batches":null}"#, "an object without an array"),
            (r#"{"data":{"batches":[]}}"#, "an object without an array"),
            (r#"{"batches":[],"links":[]}"#, "an object with several arrays"),
            // Presence is a batch with an id that shows the key and the value, wherever it stands.
            (one, "ours b"),
            (&format!("[{one}]"), "ours b"),
            (&format!(r#"{{"batches":[{one}]}}"#), "ours b"),
            (&format!(r#"{{"batches":[{one}],"next_page_token":"p"}}"#), &format!("ours b, {more}")),
            (&format!(r#"{{"batches":[{one}],"error":"e"}}"#), &format!("ours b, {error}")),
            (r#"[{"batch_id":"b","meta_data":{"k":1}}]"#, "ours b"),
            (r#"[{"batch_id":"b","meta_data":"{\"k\":\"1\"}"}]"#, "ours b"),
            (r#"[{"batch_id":"b","meta_data":{"k":"1"},"status":7}]"#, "ours b"),
            // What does not show it is asked for by id.
            (r#"[{"batch_id":"b"}]"#, "ask b"),
            (r#"[{"batch_id":"b","meta_data":{}}]"#, "ask b"),
            (r#"[{"batch_id":"b","meta_data":null}]"#, "ask b"),
            (r#"[{"batch_id":"b","meta_data":[]}]"#, "ask b"),
            (r#"[{"batch_id":"b","meta_data":"k=1"}]"#, "ask b"),
            (r#"[{"batch_id":"b","meta_data":{"k":"2"}}]"#, "ask b"),
            (r#"{"batch_id":"b","status":"READY"}"#, "ask b"),
            // What has no id cannot be.
            (r#"{"meta_data":{"k":"1"}}"#, "a batch without a batch_id"),
            (r#"[{"meta_data":{"k":"1"}}]"#, "a batch without a batch_id"),
            (r#"[{"batch_id":null,"meta_data":{"k":"1"}}]"#, "a batch without a batch_id"),
            (r#"[{"batch_id":" ","meta_data":{"k":"1"}}]"#, "a batch with an empty batch_id"),
            (r#"[{"batch_id":7,"meta_data":{"k":"1"}}]"#, "a batch whose batch_id is not a text"),
            ("[{}]", "a batch without a batch_id"),
            ("[null]", "an array with something that is not an object"),
            ("[[]]", "an array with something that is not an object"),
            (&format!("[7,{one},{{}}]"), "ours b, an array with something that is not an object"),
        ] {
            let judged = judge(&serde_json::from_str(body).unwrap(), "k", "1");
            assert_eq!(described(&judged), expected, "{body}");
        }
    }

    #[test]
    fn body_that_is_not_there_is_unclear_and_one_that_is_cut_is_an_error() {
        let read = |status: u16, body: &'static str| {
            let answer = http::Response::builder().status(status).body(Bytes::from(body)).unwrap();
            read(&answer, "k", "1", Timestamp::UNIX_EPOCH)
        };
        for (status, body) in [(200, ""), (200, " \n"), (204, "")] {
            assert_eq!(described(&read(status, body).unwrap().body), "an empty body");
        }
        for body in [r#"{"batches":[{"batch_id":"b"}],"batches":[]}"#, r#"{"batches":[],"first":{"batch_id":"b"}}"#] {
            assert_eq!(described(&read(200, body).unwrap().body), "an empty array beside a batch");
        }
        assert_eq!(described(&read(200, r#"{"batches":[]}"#).unwrap().body), "none");
        for (status, body) in [(200, "<html>"), (200, "[{"), (200, "none"), (302, "[]"), (404, "[]"), (500, "[]")] {
            assert!(read(status, body).is_err(), "{status} {body}");
        }
    }

    #[test]
    fn status_proves_only_its_own_batch() {
        for (body, expected) in [
            (r#"{"batch_id":"b","meta_data":{"k":"1"}}"#, true),
            (r#"{"batch_id":"b","meta_data":"{\"k\":1}"}"#, true),
            (r#"{"batch_id":"c","meta_data":{"k":"1"}}"#, false),
            (r#"{"meta_data":{"k":"1"}}"#, false),
            (r#"{"batch_id":"b","meta_data":{"k":"2"}}"#, false),
            (r#"{"batch_id":"b"}"#, false),
            ("[]", false),
            ("null", false),
        ] {
            let answer = http::Response::new(Bytes::from(body));
            let ours = read_status(&answer, &BatchId::new("b"), "k", "1", Timestamp::UNIX_EPOCH).unwrap();
            assert_eq!(ours, expected, "{body}");
        }
    }

    /// Any JSON of words that answers use, with our value or without it.
    fn any_body(words: &'static [&'static str]) -> impl Strategy<Value = Value> {
        const NAMES: [&str; 7] = ["batch_id", "meta_data", "k", "batches", "error", "next_page_token", "status"];
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            (2..9).prop_map(Value::from),
            prop::sample::select(words).prop_map(Value::from),
        ];
        leaf.prop_recursive(5, 40, 4, |inner| {
            let object = prop::collection::btree_map(prop::sample::select(&NAMES[..]), inner.clone(), 0..4);
            prop_oneof![
                prop::collection::vec(inner, 0..4).prop_map(Value::from),
                object.prop_map(|fields| fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()),
            ]
        })
    }

    fn has_empty_array(value: &Value) -> bool {
        match value {
            Value::Array(entries) => entries.is_empty() || entries.iter().any(has_empty_array),
            Value::Object(fields) => fields.values().any(has_empty_array),
            _ => false,
        }
    }

    proptest! {
        #[test]
        fn look_up_without_our_value_finds_nothing_of_ours(body in any_body(&["", "b", "x", "{}"])) {
            if let Judged::Entries { entries, .. } = judge(&body, "k", "ours") {
                prop_assert!(entries.iter().all(|entry| matches!(entry, Entry::Ask(_))));
            }
        }

        #[test]
        fn look_up_means_none_only_by_an_empty_array(body in any_body(&["", "b", "ours"])) {
            match judge(&body, "k", "ours") {
                Judged::None => {
                    prop_assert!(has_empty_array(&body));
                    prop_assert!(!body.to_string().contains("batch_id\":\"b\""), "{}", body);
                }
                Judged::Entries { entries, unclear } => prop_assert!(!entries.is_empty() || unclear.is_some()),
            }
        }

        #[test]
        fn batch_of_ours_is_found_whatever_stands_around_it(mut around in prop::collection::vec(any_body(&["b"]), 0..4)) {
            around.push(json!({"batch_id": "found", "meta_data": {"k": "ours"}}));
            for body in [Value::from(around.clone()), json!({"batches": around})] {
                let judged = judge(&body, "k", "ours");
                prop_assert!(described(&judged).contains("ours found"), "{}", body);
            }
        }
    }
}
