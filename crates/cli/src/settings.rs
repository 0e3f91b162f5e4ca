//! What a campaign keeps of its command line, so that it is resumed the same way.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use sinch_batch::campaign::HaltRules;
use sinch_batch::recipients::ReadOptions;

use crate::args::RunArgs;
use crate::exit;
use crate::fail::Failure;
use crate::suppress::KeptList;

/// A key that begins with `must_` changes what is sent: a release that does not know it may not go on.
const MUST: &str = "must_";

#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Settings {
    /// How the columns are read.
    #[serde(default, skip_serializing_if = "ReadOptions::is_default")]
    pub(crate) must_read: ReadOptions,
    /// Whether it begins with a canary, and when it halts.
    #[serde(default, skip_serializing_if = "HaltRules::is_default")]
    pub(crate) must_halt: HaltRules,
    /// Lists of people who get nothing: each is wanted again.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) must_suppress: Vec<KeptList>,
    /// How fast it was begun.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) pace: Option<BegunPace>,
}

/// How fast a campaign was begun; who resumes it may say otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct BegunPace {
    /// Requests in any second, at most.
    pub(crate) max_rate: u32,
    /// Messages that may be outstanding; 0 for any number.
    pub(crate) window: u64,
}

impl BegunPace {
    pub(crate) fn of(args: &RunArgs) -> Self {
        Self { max_rate: args.max_rate, window: args.window }
    }
}

/// The keys that this release knows.
const KNOWN: [&str; 3] = ["must_read", "must_halt", "must_suppress"];

impl Settings {
    /// The text that the ledger keeps.
    pub(crate) fn to_text(&self) -> Result<String, Failure> {
        serde_json::to_string(self)
            .map_err(|error| Failure::because(exit::UNEXPECTED, "the settings cannot be written", &error))
    }

    /// Reads what the ledger has kept; nothing is the default.
    pub(crate) fn read(text: &str) -> Result<Self, Failure> {
        if text.trim().is_empty() {
            return Ok(Self::default());
        }
        let unreadable = |error: serde_json::Error| {
            Failure::because(exit::LEDGER, "the settings of the campaign cannot be read", &error)
                .hint("resume it with the release that began it; nothing was sent")
        };
        let value: Value = serde_json::from_str(text).map_err(unreadable)?;
        let unknown = value
            .as_object()
            .and_then(|map| map.keys().find(|key| key.starts_with(MUST) && !KNOWN.contains(&key.as_str())));
        if let Some(key) = unknown {
            return Err(Failure::new(
                exit::LEDGER,
                format!("the campaign has a setting that this release does not know: {key}"),
            )
            .hint("resume it with the release that began it; nothing was sent"));
        }
        serde_json::from_value(value).map_err(unreadable)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_come_back_or_are_refused() {
        let settings = Settings {
            must_read: ReadOptions::new().with_ignored_columns(["a"]).with_tidy_numbers(true),
            must_halt: HaltRules::new().with_halt(Some(20), 50),
            must_suppress: serde_json::from_str(r#"[{"name":"stop.csv","fingerprint":"00-0"},{"name":"o"}]"#).unwrap(),
            pace: Some(BegunPace { max_rate: 7, window: 0 }),
        };
        let text = settings.to_text().unwrap();
        let read = Settings::read(&text).unwrap();
        assert_eq!((read.must_read, read.must_halt), (settings.must_read, settings.must_halt));
        assert_eq!((read.must_suppress, read.pace), (settings.must_suppress, settings.pace));
        assert_eq!(Settings::default().to_text().unwrap(), "{}");
        assert!(Settings::read("").is_ok() && Settings::read(r#"{"note":1}"#).is_ok());
        assert!(Settings::read(r#"{"must_fly":1}"#).is_err() && Settings::read("x").is_err());
    }
}
