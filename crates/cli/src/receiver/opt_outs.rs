//! The list of opt-outs that a receiver keeps.

use std::fmt;
use std::path::Path;

use sinch_batch::models::{Callback, Timestamp};
use sinch_batch::recipients::opt_outs::{IdentityKey, OptOutEvent, OptOutFile, StopWords};

use crate::fail::{Failure, sentence};
use crate::suppress;

/// A list, and what goes into it.
#[derive(Debug)]
pub(super) struct OptOutsKept {
    list: OptOutFile,
    key: IdentityKey,
    words: StopWords,
}

/// Why an opt-out is not in the list.
#[derive(Debug)]
pub(super) struct OptOutNotKept(String);

impl fmt::Display for OptOutNotKept {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl OptOutsKept {
    /// Opens or makes the list; without the key it is refused.
    pub(super) fn open(path: &Path, words: Option<&[String]>) -> Result<Self, Failure> {
        let key = suppress::key()?;
        // What is absolute stays the same file, whatever becomes of the folder that this was started in.
        let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
        let list = OptOutFile::open(&path, key.clone()).map_err(|error| suppress::list_failed(&path, &error))?;
        Ok(Self { list, key, words: words.map(StopWords::new).unwrap_or_default() })
    }

    /// Ends when what the callback says of somebody's opt-out is on the disk.
    pub(super) async fn keep(&self, callback: &Callback) -> Result<(), OptOutNotKept> {
        let events = OptOutEvent::of_callback(callback, &self.words, &self.key, Timestamp::now());
        if events.is_empty() {
            return Ok(());
        }
        let list = self.list.clone();
        match tokio::task::spawn_blocking(move || list.append(&events)).await {
            Ok(kept) => kept.map_err(|error| OptOutNotKept(sentence(&error))),
            Err(error) => Err(OptOutNotKept(sentence(&error))),
        }
    }
}
