use serde_json::{Map, Value};
use sinch_batch_models::Callback;
use sinch_batch_models::wire;

/// How many fields of an unexpected type are put right one by one. A callback with more of them is kept
/// whole, as an unknown kind: each costs a reading of the whole body.
const FAULTS: usize = 32;

const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// Reads what can be read; `None` if it is not an object at all.
pub(super) fn parse(body: &[u8]) -> Option<Callback> {
    let body = body.strip_prefix(BYTE_ORDER_MARK).unwrap_or(body);
    let text = String::from_utf8_lossy(body);
    let text = wire::without_lone_surrogates(&text);
    // Most often that was all.
    if let Ok(callback) = wire::parse(text.as_bytes()) {
        return Some(callback);
    }
    let fields: Map<String, Value> = serde_json::from_str(&text).ok()?;
    typed(fields.clone()).or_else(|| {
        let mut whole = empty()?;
        fields.into_iter().for_each(|(name, value)| whole.unknown_fields.insert(name, value));
        Some(whole)
    })
}

/// Without those fields that the types do not read; they are in `unknown_fields`.
fn typed(fields: Map<String, Value>) -> Option<Callback> {
    let mut body = Value::Object(fields);
    let mut left = Map::new();
    // Values that were made a text, by their path, as they were.
    let mut made_text: Vec<(String, Value)> = Vec::new();
    // Two steps a fault: first a text is made of it, then it is taken out.
    for _ in 0..2 * FAULTS {
        let error = match wire::parse::<Callback>(&serde_json::to_vec(&body).ok()?) {
            Ok(mut callback) => {
                left.into_iter().for_each(|(name, value)| callback.unknown_fields.insert(name, value));
                return Some(callback);
            }
            Err(error) => error,
        };
        let path = existing(&body, error.path())?;
        let value = body.pointer_mut(path)?;
        let is_tried = made_text.iter().any(|(tried, _)| tried == path);
        if value.is_string() || is_tried {
            let raw = remove(&mut body, path)?;
            let before = made_text.iter().position(|(tried, _)| tried == path);
            let raw = before.map_or(raw, |at| made_text.swap_remove(at).1);
            keep(&mut left, path, raw);
        } else {
            let text = Value::String(value.to_string());
            made_text.push((path.to_owned(), std::mem::replace(value, text)));
        }
    }
    None
}

fn empty() -> Option<Callback> {
    wire::parse(b"{}").ok()
}

/// The longest part of a path at which there is a value; none if that is the whole document.
fn existing<'a>(body: &Value, mut path: &'a str) -> Option<&'a str> {
    while !path.is_empty() && body.pointer(path).is_none() {
        path = &path[..path.rfind('/')?];
    }
    (!path.is_empty()).then_some(path)
}

fn remove(body: &mut Value, path: &str) -> Option<Value> {
    let (parent, name) = path.rsplit_once('/')?;
    match body.pointer_mut(parent)? {
        Value::Object(fields) => fields.remove(&unescaped(name)),
        Value::Array(items) => {
            let at: usize = name.parse().ok()?;
            (at < items.len()).then(|| items.remove(at))
        }
        _ => None,
    }
}

/// Puts a value under the names of its path.
fn keep(left: &mut Map<String, Value>, path: &str, value: Value) {
    let mut names = path.split('/').skip(1).map(unescaped).peekable();
    let mut at = left;
    while let Some(name) = names.next() {
        if names.peek().is_none() {
            at.insert(name, value);
            return;
        }
        let inner = at.entry(name).or_insert_with(|| Value::Object(Map::new()));
        if !inner.is_object() {
            *inner = Value::Object(Map::new());
        }
        let Value::Object(fields) = inner else { return };
        at = fields;
    }
}

fn unescaped(name: &str) -> String {
    name.replace("~1", "/").replace("~0", "~")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn too_many_faults_are_kept_whole() {
        let reasons: Map<String, Value> = (0..100).map(|n| (n.to_string(), Value::from(n))).collect();
        let body = serde_json::json!({"conversation_start_notification": {"conversation": [reasons]}});
        let callback = parse(body.to_string().as_bytes()).unwrap();
        assert_eq!(serde_json::to_value(&callback).unwrap(), body);
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_not(body: Vec<u8>) {
            let _ = parse(&body);
        }

        #[test]
        fn any_text_in_a_callback_is_read(text in r#"(\\u[dD][89a-fA-F][0-9a-f]{2}|\\\\|\\n|[a-zé]){0,12}"#) {
            let body = format!(r#"{{"correlation_id":"{text}","event":{{"id":7}}}}"#);
            prop_assert!(parse(body.as_bytes()).is_some());
        }
    }
}
