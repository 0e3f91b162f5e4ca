//! Files that are read at once: messages, requests, price files.

use std::io::Read;
use std::path::Path;

use sinch_batch::recipients::{NotText, text};

use crate::exit;
use crate::fail::Failure;

/// The name that stands for standard input.
pub(crate) fn is_stdin(path: &Path) -> bool {
    path == Path::new("-")
}

/// A file's name as a person knows it.
pub(crate) fn shown(path: &Path) -> String {
    if is_stdin(path) { "standard input".to_owned() } else { path.display().to_string() }
}

/// The bytes of a file, or of standard input.
pub(crate) fn read(path: &Path) -> std::io::Result<Vec<u8>> {
    if !is_stdin(path) {
        return std::fs::read(path);
    }
    let mut bytes = Vec::new();
    std::io::stdin().lock().read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// The text of a file in UTF-8, without a byte order mark. `what` names it in errors.
pub(crate) fn read_text(what: &str, path: &Path, hint: &str) -> Result<String, Failure> {
    let bytes = read(path).map_err(|error| {
        Failure::because(exit::BAD_INPUT, format!("the {what} {} cannot be read", shown(path)), &error).hint(hint)
    })?;
    text(&bytes).map(str::to_owned).map_err(|kind| not_text(path, kind))
}

/// A file that is not text.
pub(crate) fn not_text(path: &Path, kind: NotText) -> Failure {
    Failure::because(exit::BAD_INPUT, shown(path), &kind).hint(kind.hint(path.display()))
}
