//! `DELETE /messages`: one batch by id, or all with a pair of batch metadata.

use serde_json::Value;

use super::{Length, Object, Path, Violation, Violations};

/// What to cancel.
#[derive(Debug, PartialEq)]
pub(crate) enum Cancel {
    Batch(String),
    Metadata { key: String, value: Value },
}

/// Reads a cancel request. The field names of the second form are not published: two spellings are
/// taken.
pub(crate) fn read(body: &Value) -> Result<Cancel, Vec<Violation>> {
    let mut wrong = Violations::default();
    let cancel = Object::of(body, &Path::Root, &mut wrong).and_then(|request| fields(&request, &mut wrong));
    match (wrong.into_result(), cancel) {
        (Ok(()), Some(cancel)) => Ok(cancel),
        (Err(violations), _) => Err(violations),
        (Ok(()), None) => Err(Vec::new()),
    }
}

fn fields(request: &Object<'_>, wrong: &mut Violations) -> Option<Cancel> {
    // A value without a key is the second form, half written.
    let names =
        ["batch_id", if request.has("metadata_key") { "metadata_key" } else { "metadata_value" }, "batch_metadata"];
    match names.iter().filter(|name| request.has(name)).count() {
        1 => {}
        0 => {
            request.complain("batch_id", "or metadata_key with metadata_value is required", wrong);
            return None;
        }
        _ => {
            request.complain("batch_id", "and metadata must not come together", wrong);
            return None;
        }
    }
    if request.has("batch_id") {
        return request.text("batch_id", Length::Filled, wrong).map(|id| Cancel::Batch(id.to_owned()));
    }
    if request.has("batch_metadata") {
        let mut pair = None;
        request.inside("batch_metadata", wrong, |metadata, _| {
            if let (1, Some((key, value))) = (metadata.map.len(), metadata.map.iter().next()) {
                pair = Some(Cancel::Metadata { key: key.clone(), value: value.clone() });
            }
        });
        if pair.is_none() {
            request.complain("batch_metadata", "must have one key", wrong);
        }
        return pair;
    }
    request.texts(&["metadata_key"], wrong);
    let value = request.require("metadata_value", wrong)?;
    let key = request.text("metadata_key", Length::Filled, wrong)?;
    Some(Cancel::Metadata { key: key.to_owned(), value: value.clone() })
}
