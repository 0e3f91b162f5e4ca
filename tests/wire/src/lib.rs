//! Samples of the wire, and the description they obey: one place for the tests of all crates.
//!
//! A sample is called by its folder and file, `callback/message_delivery.delivered.json`. The folders
//! are the kinds: `callback`, `message`, `request`, `response`, `error`. `manifest.json` and
//! `manifest.more.json` say what each sample is and which schema of `openapi.json` it obeys.
//!
//! This crate is a dev-dependency without a version: packages that are published go without it.

#![expect(clippy::unwrap_used, reason = "a missing or broken sample fails the test that asks for it")]

pub mod schema;

use std::fs;
use std::path::PathBuf;

use serde_json::Value;

/// The folder of the samples.
pub fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// The path of a sample.
pub fn path(name: &str) -> PathBuf {
    folder().join(name)
}

/// The text of a sample, or of another file beside them.
///
/// # Panics
/// If there is none of that name.
pub fn text(name: &str) -> String {
    fs::read_to_string(path(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// A sample as JSON.
///
/// # Panics
/// If there is none of that name.
pub fn json(name: &str) -> Value {
    serde_json::from_str(&text(name)).unwrap()
}

/// The names of the samples that start so, such as `request/send_batch.`, in order of names.
///
/// # Panics
/// If there are none: a test that looks at nothing must not pass.
pub fn names(prefix: &str) -> Vec<String> {
    let (kind, start) = prefix.split_once('/').unwrap_or((prefix, ""));
    let files = fs::read_dir(path(kind)).unwrap().map(|file| file.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<_> = files.filter(|file| file.starts_with(start)).map(|file| format!("{kind}/{file}")).collect();
    names.sort();
    assert!(!names.is_empty(), "no sample {prefix}");
    names
}

/// The entries of both manifests: `file`, `schema`, `note`, and in `unknown` the fields that the models do not know.
///
/// # Panics
/// If a manifest cannot be read.
pub fn manifest() -> Vec<Value> {
    ["manifest.json", "manifest.more.json"]
        .iter()
        .flat_map(|name| json(name)["samples"].as_array().unwrap().clone())
        .collect()
}
