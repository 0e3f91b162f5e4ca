//! Lists of people who get nothing, from files.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sinch_batch::recipients::opt_outs::{IdentityKey, OptOutFileError};
use sinch_batch::recipients::{Suppression, SuppressionError, SuppressionList};

use crate::args::SuppressArgs;
use crate::fail::Failure;
use crate::run::Next;
use crate::{environment, exit, input, say};

/// The variable with the key of lists of opt-outs.
const KEY: &str = "SINCH_BATCH_IDENTITY_KEY";

/// A list that a campaign was begun with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct KeptList {
    name: String,
    /// None of a list of opt-outs, which grows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    fingerprint: Option<String>,
}

/// Reads the lists; one that is not understood as a whole is refused.
pub(crate) async fn read(args: &SuppressArgs) -> Result<Suppression, Failure> {
    let paths = args.suppress.clone();
    if paths.is_empty() {
        return Ok(Suppression::default());
    }
    input::blocking(move || {
        let mut lists: Vec<SuppressionList> = Vec::with_capacity(paths.len());
        for path in paths {
            let name = name_of(&path);
            if lists.iter().any(|list| list.name() == name) {
                return Err(Failure::new(exit::USAGE, format!("two suppression lists are called {name}"))
                    .hint("a campaign knows its lists by name: rename one of them; nothing was sent"));
            }
            lists.push(open(&path, &name)?);
        }
        Ok(Suppression::new(lists))
    })
    .await
}

fn open(path: &Path, name: &str) -> Result<SuppressionList, Failure> {
    let opened = match SuppressionList::open(path, name, None) {
        Err(SuppressionError::NoKey) => SuppressionList::open(path, name, Some(&key()?)),
        opened => opened,
    };
    opened.map_err(|error| unusable(path, &error))
}

fn name_of(path: &Path) -> String {
    path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned()
}

fn unusable(path: &Path, error: &SuppressionError) -> Failure {
    if let SuppressionError::OptOuts(error) = error {
        return list_failed(path, error);
    }
    let hint = match error {
        SuppressionError::Invalid { .. } => {
            "a list is CSV with the columns of recipients, or one identity per line; fix it; nothing was sent"
        }
        _ => "name a list that can be read: --suppress FILE; nothing was sent",
    };
    Failure::because(exit::BAD_INPUT, format!("suppression list {}", path.display()), error).hint(hint)
}

/// A list of opt-outs that cannot be read or written.
pub(crate) fn list_failed(path: &Path, error: &OptOutFileError) -> Failure {
    let (code, hint) = match error {
        OptOutFileError::OtherKey => {
            (exit::BAD_CREDENTIALS, format!("set {KEY} to the key of this list, or begin a new list"))
        }
        OptOutFileError::NotAList => {
            (exit::BAD_INPUT, "name a list of `listen --opt-outs`, or a new file; this one was not changed".to_owned())
        }
        OptOutFileError::Newer => (exit::BAD_INPUT, "use the release that wrote it".to_owned()),
        OptOutFileError::Damaged(_) => (
            exit::BAD_INPUT,
            "somebody may have opted out in that line: look at it, and delete it or put it back as it was".to_owned(),
        ),
        _ => (exit::BAD_INPUT, "check the path, and who may read and write it".to_owned()),
    };
    Failure::because(code, format!("list of opt-outs {}", path.display()), error).hint(hint)
}

/// The key from the environment.
pub(crate) fn key() -> Result<IdentityKey, Failure> {
    const HINT: &str = "make one with `openssl rand -hex 32`, keep it, and use the same one everywhere";
    let Some(text) = environment::text(KEY)? else {
        return Err(
            Failure::new(exit::BAD_CREDENTIALS, format!("{KEY} is not set, and lists of opt-outs need it")).hint(HINT)
        );
    };
    IdentityKey::parse(&text)
        .map_err(|error| Failure::because(exit::BAD_CREDENTIALS, format!("{KEY} cannot be used"), &error).hint(HINT))
}

/// What a campaign keeps of its lists.
pub(crate) fn kept(lists: &Suppression) -> Vec<KeptList> {
    let kept = lists.lists().iter().map(|list| KeptList {
        name: list.name().to_owned(),
        fingerprint: list.fingerprint().map(|fingerprint| fingerprint.to_string()),
    });
    kept.collect()
}

/// Refuses to go on without a list that the campaign was begun with; a newer version of one is fine.
pub(crate) fn require(next: &Next<'_>, verb: &str, before: &[KeptList], now: &Suppression) -> Result<(), Failure> {
    let found = |kept: &KeptList| now.lists().iter().find(|list| list.name() == kept.name);
    let missing: Vec<&str> =
        before.iter().filter(|kept| found(kept).is_none()).map(|kept| kept.name.as_str()).collect();
    if !missing.is_empty() {
        let (lists, flags) = (missing.join(", "), missing.join(" --suppress "));
        let what = if missing.len() == 1 { "suppression list" } else { "suppression lists" };
        return Err(Failure::new(
            exit::USAGE,
            format!("campaign {} was begun with {what} {lists}; nothing was sent", next.campaign),
        )
        .hint(format!(
            "{} --suppress {flags}",
            next.command("name each again, this version or a newer one", verb, "")
        )));
    }
    for kept in before {
        let fingerprint = found(kept).and_then(SuppressionList::fingerprint).map(|now| now.to_string());
        if fingerprint != kept.fingerprint {
            say!("{} has changed since the campaign began; it applies to batches that were not tried yet", kept.name);
        }
    }
    Ok(())
}

/// The lists as files that are read.
pub(crate) fn paths(args: &SuppressArgs) -> impl Iterator<Item = (&str, &Path)> {
    args.suppress.iter().map(|path: &PathBuf| ("suppression list", path.as_path()))
}
