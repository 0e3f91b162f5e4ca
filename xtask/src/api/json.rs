//! The JSON of rustdoc: items by id, paths by id.

use anyhow::{Context, anyhow};
use serde_json::Value;

use super::Unlisted;

/// The formats this reader was tried with: 57 is that of Rust 1.95.
pub(super) const FORMATS: [u64; 1] = [57];

/// What rustdoc says about one crate.
#[derive(Debug)]
pub(super) struct Crate(Value);

impl Crate {
    pub(super) fn new(value: Value) -> Result<Self, Unlisted> {
        let format = value.get("format_version").and_then(Value::as_u64).context("rustdoc names no format_version")?;
        if !FORMATS.contains(&format) {
            return Err(Unlisted::UnknownFormat(format!(
                "the rustdoc of this toolchain writes JSON of format {format}, and xtask/src/api reads {FORMATS:?}. hint: use Rust 1.95 (rustup run 1.95 cargo xtask api), or try the new format and add its number in xtask/src/api/json.rs"
            )));
        }
        Ok(Self(value))
    }

    pub(super) fn root(&self) -> anyhow::Result<u64> {
        number(&self.0, "root")
    }

    /// An item of this crate, or nothing if it is one of another.
    pub(super) fn own(&self, id: u64) -> Option<Item<'_>> {
        let item = Item(self.0.get("index")?.get(id.to_string())?);
        (item.0.get("crate_id")?.as_u64()? == 0).then_some(item)
    }

    pub(super) fn item(&self, id: u64) -> anyhow::Result<Item<'_>> {
        let item = self.0.get("index").and_then(|index| index.get(id.to_string()));
        item.map(Item).ok_or_else(|| anyhow!("rustdoc says nothing about item {id}"))
    }

    /// Where an item is defined, beginning with the name of its crate.
    pub(super) fn path(&self, id: u64) -> Option<Vec<&str>> {
        let path = self.0.get("paths")?.get(id.to_string())?.get("path")?.as_array()?;
        path.iter().map(Value::as_str).collect()
    }
}

/// One item of the index.
#[derive(Clone, Copy, Debug)]
pub(super) struct Item<'a>(pub(super) &'a Value);

impl<'a> Item<'a> {
    pub(super) fn name(self) -> Option<&'a str> {
        self.0.get("name")?.as_str()
    }

    /// What it is, and what is known about it.
    pub(super) fn inner(self) -> anyhow::Result<(&'a str, &'a Value)> {
        only(self.0.get("inner").context("an item without `inner`")?)
    }

    pub(super) fn is_public(self) -> bool {
        self.0.get("visibility").and_then(Value::as_str) == Some("public")
    }

    pub(super) fn has_attribute(self, name: &str) -> bool {
        let attributes = self.0.get("attrs").and_then(Value::as_array);
        attributes.is_some_and(|attributes| attributes.iter().any(|attribute| attribute.as_str() == Some(name)))
    }
}

/// The one key of an object and its value; a bare string is a key with nothing behind it.
pub(super) fn only(value: &Value) -> anyhow::Result<(&str, &Value)> {
    if let Some(name) = value.as_str() {
        return Ok((name, &Value::Null));
    }
    let object = value.as_object().filter(|object| object.len() == 1);
    let (name, value) = object.and_then(|object| object.iter().next()).context("expected an object with one key")?;
    Ok((name, value))
}

pub(super) fn number(value: &Value, key: &str) -> anyhow::Result<u64> {
    value.get(key).and_then(Value::as_u64).with_context(|| format!("no number \"{key}\""))
}

pub(super) fn text<'a>(value: &'a Value, key: &str) -> anyhow::Result<&'a str> {
    value.get(key).and_then(Value::as_str).with_context(|| format!("no text \"{key}\""))
}

pub(super) fn flag(value: &Value, key: &str) -> bool {
    value.get(key).and_then(Value::as_bool).unwrap_or_default()
}

pub(super) fn list<'a>(value: &'a Value, key: &str) -> anyhow::Result<&'a [Value]> {
    value.get(key).and_then(Value::as_array).map(Vec::as_slice).with_context(|| format!("no list \"{key}\""))
}

/// The ids in a list; what rustdoc left out as private is `null`.
pub(super) fn ids(value: &Value, key: &str) -> anyhow::Result<Vec<u64>> {
    Ok(list(value, key)?.iter().filter_map(Value::as_u64).collect())
}

/// A value that may be missing or `null`.
pub(super) fn some<'a>(value: &'a Value, key: &str) -> Option<&'a Value> {
    value.get(key).filter(|value| !value.is_null())
}

#[cfg(test)]
pub(super) fn sample(items: Value, paths: Value) -> Crate {
    Crate(serde_json::json!({"format_version": FORMATS[0], "root": 0, "index": items, "paths": paths}))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_format_is_named() {
        let told = Crate::new(serde_json::json!({"format_version": 9999}));
        assert!(matches!(told, Err(Unlisted::UnknownFormat(why)) if why.contains("9999") && why.contains("hint:")));
        assert!(Crate::new(serde_json::json!({"format_version": FORMATS[0]})).is_ok());
        assert!(matches!(Crate::new(serde_json::json!({})), Err(Unlisted::Failed(_))));
    }
}
