//! Our marks in the metadata: they lead a callback back to its batch and its row.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The key in each recipient's `message_metadata`; its value is a [`RowKey`].
pub const ROW_KEY: &str = "sinch_batch_row";

/// The key in a batch's `batch_metadata`; its value is a [`BatchKey`].
pub const BATCH_KEY: &str = "sinch_batch_key";

/// A campaign on the wire: part of every key of its rows and batches.
///
/// It is unique whatever the campaign is called, and no two ledgers hand out the same one.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct CampaignKey(Box<str>);

impl CampaignKey {
    /// A key of this text. Whether it may name a campaign is decided where one is created: an empty one
    /// may not.
    pub fn new(key: impl Into<Box<str>>) -> Self {
        Self(key.into())
    }

    /// The text of the key.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether the text is empty: no campaign has such a key.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Display for CampaignKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl AsRef<str> for CampaignKey {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl From<&str> for CampaignKey {
    fn from(key: &str) -> Self {
        Self(key.into())
    }
}

impl From<String> for CampaignKey {
    fn from(key: String) -> Self {
        Self(key.into())
    }
}

impl From<&Self> for CampaignKey {
    fn from(key: &Self) -> Self {
        key.clone()
    }
}

impl FromStr for CampaignKey {
    type Err = KeyError;

    fn from_str(text: &str) -> Result<Self, KeyError> {
        if text.is_empty() { Err(KeyError(())) } else { Ok(Self(text.into())) }
    }
}

/// One row of one campaign; on the wire `"{campaign}.{row}"`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct RowKey {
    /// The campaign's key: unique whatever the campaign is called.
    pub campaign: CampaignKey,
    /// The row in the campaign's input, counted from 1.
    pub row: u64,
}

impl RowKey {
    /// The key of a row.
    pub fn new(campaign: impl Into<CampaignKey>, row: u64) -> Self {
        Self { campaign: campaign.into(), row }
    }
}

impl fmt::Display for RowKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.campaign, self.row)
    }
}

impl FromStr for RowKey {
    type Err = KeyError;

    fn from_str(text: &str) -> Result<Self, KeyError> {
        let (campaign, row) = text.rsplit_once('.').ok_or(KeyError(()))?;
        Ok(Self { campaign: campaign.parse()?, row: number(row)? })
    }
}

/// One batch of one campaign; on the wire `"{campaign}.b{number}"`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct BatchKey {
    /// The campaign's key: unique whatever the campaign is called.
    pub campaign: CampaignKey,
    /// The batch in the campaign, counted from 1.
    pub number: u32,
}

impl BatchKey {
    /// The key of a batch.
    pub fn new(campaign: impl Into<CampaignKey>, number: u32) -> Self {
        Self { campaign: campaign.into(), number }
    }
}

impl fmt::Display for BatchKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.b{}", self.campaign, self.number)
    }
}

impl FromStr for BatchKey {
    type Err = KeyError;

    fn from_str(text: &str) -> Result<Self, KeyError> {
        let (campaign, batch) = text.rsplit_once(".b").ok_or(KeyError(()))?;
        Ok(Self { campaign: campaign.parse()?, number: number(batch)? })
    }
}

/// A text that is not a key of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyError(());

impl fmt::Display for KeyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the text is neither a row key nor a batch key of a campaign")
    }
}

impl std::error::Error for KeyError {}

/// Digits as [`fmt::Display`] writes them: no sign, no leading zero.
fn number<N: FromStr>(text: &str) -> Result<N, KeyError> {
    if !text.starts_with(|first: char| first.is_ascii_digit()) || (text.len() > 1 && text.starts_with('0')) {
        return Err(KeyError(()));
    }
    text.parse().map_err(|_| KeyError(()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_read_back_as_they_are_written() {
        for key in [RowKey::new("0192f3c6", 1), RowKey::new("with.dots", u64::MAX), RowKey::new("a", 0)] {
            assert_eq!(key.to_string().parse(), Ok(key));
        }
        for key in [BatchKey::new("0192f3c6", 1), BatchKey::new("a.b", u32::MAX)] {
            assert_eq!(key.to_string().parse(), Ok(key));
        }
    }

    #[test]
    fn other_texts_are_not_keys() {
        for text in ["", ".", "a", "a.", ".1", "a.+1", "a.-1", "a.01", "a.1x", "a.b1", "a.18446744073709551616"] {
            assert!(text.parse::<RowKey>().is_err(), "{text}");
        }
        for text in ["", ".b1", "a.1", "a.b", "a.b+1", "a.b4294967296", "a.b01"] {
            assert!(text.parse::<BatchKey>().is_err(), "{text}");
        }
    }
}
