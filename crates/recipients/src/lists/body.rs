use sinch_batch_models::wire::parse_strict;
use sinch_batch_models::{AnyJson, AppId};

use crate::finding::{Finding, FindingKind, Where, of_file};
use crate::source::feed::Buffer;
use crate::source::{Broken, MAX_ROW_BYTES};

/// The entries of a request body, or of an array.
pub(super) struct Body {
    pub(super) app_id: Option<AppId>,
    entries: std::vec::IntoIter<Entry>,
    at: Entry,
}

/// Where an entry lies in the text, and the line on which it begins.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Entry {
    start: usize,
    end: usize,
    line: u64,
}

/// Whether the text begins as a request body with that list, or as an array.
pub(super) fn is_next(feed: &mut Buffer, list: &str) -> std::io::Result<bool> {
    while feed.bytes().trim_ascii_start().len() < 64 && feed.bytes().len() < MAX_ROW_BYTES && feed.more()? {}
    let text = feed.bytes().trim_ascii_start();
    let Some(inside) = text.strip_prefix(b"{") else { return Ok(text.starts_with(b"[")) };
    let begins_with = |name: &str| inside.trim_ascii_start().starts_with(format!("\"{name}\"").as_bytes());
    Ok(begins_with(list) || begins_with("app_id"))
}

impl Body {
    /// Reads the whole text, which stays in the feed.
    pub(super) fn read(feed: &mut Buffer, list: &str, findings: &mut Vec<Finding>) -> Result<Self, Broken> {
        while feed.more()? {
            if feed.bytes().len() > MAX_ROW_BYTES {
                return Err(Broken::TooLarge);
            }
        }
        let mut body = Self { app_id: None, entries: Vec::new().into_iter(), at: Entry { start: 0, end: 0, line: 1 } };
        let json = match parse_strict::<AnyJson>(feed.bytes()) {
            Ok(json) => json,
            Err(error) => {
                let column = Where { name: None, number: u32::try_from(error.column().max(1)).ok() };
                let message = format!("not JSON: {}", error.message());
                findings.push(of_file(error.line() as u64, column, FindingKind::BadJson, message));
                return Ok(body);
            }
        };
        for (name, value) in json.as_object().into_iter().flatten() {
            match name.as_str() {
                "app_id" => body.app_id = value.as_str().filter(|id| !id.is_empty()).map(AppId::new),
                name if name == list => {}
                name => {
                    let message = "the service knows no field of this name here";
                    findings.push(of_file(1, Where::name(&format!("/{name}")), FindingKind::UnknownColumn, message));
                }
            }
        }
        if json.is_object() && !json[list].is_array() {
            let message = format!("the request has no list `{list}`");
            findings.push(of_file(1, Where::name(&format!("/{list}")), FindingKind::MissingColumn, message));
        }
        body.entries = entries(feed.bytes(), list).into_iter();
        Ok(body)
    }

    pub(super) fn advance(&mut self) -> bool {
        let next = self.entries.next();
        self.at = next.unwrap_or(self.at);
        next.is_some()
    }

    pub(super) fn line(&self) -> u64 {
        self.at.line
    }

    pub(super) fn raw<'a>(&self, feed: &'a Buffer) -> &'a [u8] {
        feed.bytes().get(self.at.start..self.at.end).unwrap_or_default()
    }
}

/// Where the entries of a list lie in a text that is known to be JSON: those of an array, or of the
/// array under a name in an object.
fn entries(text: &[u8], list: &str) -> Vec<Entry> {
    let mut found = Vec::new();
    let (mut depth, mut line, mut at) = (0, 1, 0);
    let mut name: &[u8] = b"";
    // How deep the entries of the list stand, once we are in it; and where the one at hand begins.
    let mut inside = None;
    let mut begun: Option<(usize, u64)> = None;
    while let Some(&byte) = text.get(at) {
        let here = inside == Some(depth);
        let end = at;
        if here && begun.is_none() && !matches!(byte, b',' | b']') && !byte.is_ascii_whitespace() {
            begun = Some((at, line));
        }
        match byte {
            b'"' => {
                let end = end_of_string(text, at);
                if depth == 1 && inside.is_none() {
                    name = text.get(at + 1..end - 1).unwrap_or_default();
                }
                at = end - 1;
            }
            b'\n' => line += 1,
            b'{' | b'[' => {
                depth += 1;
                let is_list = depth == 1 || depth == 2 && name == list.as_bytes();
                if byte == b'[' && inside.is_none() && is_list {
                    inside = Some(depth);
                }
            }
            b'}' | b']' => depth -= 1,
            _ => {}
        }
        if here && matches!(byte, b',' | b']') {
            if let Some((start, line)) = begun.take() {
                let length = text[start..end].trim_ascii_end().len();
                found.push(Entry { start, end: start + length, line });
            }
            if byte == b']' {
                return found;
            }
        }
        at += 1;
    }
    found
}

/// The place behind the quote that ends the string that begins here.
fn end_of_string(text: &[u8], start: usize) -> usize {
    let mut at = start + 1;
    while let Some(byte) = text.get(at) {
        match byte {
            b'"' => return at + 1,
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::{Value, json};

    #[test]
    fn entries_lie_where_they_are() {
        let text = "{\n \"other\": [1, [2]], \"contacts\":\n [ {\"a\": [1, 2]} ,\n\n \"x,]\\\"\",3 ], \"more\": [4]}";
        let found: Vec<_> =
            entries(text.as_bytes(), "contacts").iter().map(|it| (&text[it.start..it.end], it.line)).collect();
        assert_eq!(found, [("{\"a\": [1, 2]}", 3), ("\"x,]\\\"\"", 5), ("3", 5)]);
        assert_eq!(entries(b"[]", "contacts"), []);
        assert_eq!(entries(b" [1]", "contacts"), [Entry { start: 2, end: 3, line: 1 }]);
        assert_eq!(entries(b"{\"contacts\": {\"contacts\": [1]}}", "contacts"), []);
    }

    fn any_json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            any::<bool>().prop_map(Value::from),
            any::<i32>().prop_map(Value::from),
            "[a\"\\\\,\\[\\]{}\n]{0,5}".prop_map(Value::from)
        ];
        leaf.prop_recursive(3, 20, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::btree_map("[ab]|list", inner, 0..4)
                    .prop_map(|map| map.into_iter().collect::<serde_json::Map<_, _>>().into()),
            ]
        })
    }

    proptest! {
        #[test]
        fn each_entry_is_found_whole(items in prop::collection::vec(any_json(), 0..5), other in any_json(), pretty: bool) {
            for body in [json!({"a": other, "list": items, "z": other}), json!(items)] {
                let text = if pretty { serde_json::to_string_pretty(&body) } else { serde_json::to_string(&body) }.unwrap();
                let found: Vec<Value> = entries(text.as_bytes(), "list")
                    .iter()
                    .map(|it| serde_json::from_str(&text[it.start..it.end]).unwrap())
                    .collect();
                prop_assert_eq!(&found, &items);
            }
        }
    }
}
