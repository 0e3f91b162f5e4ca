//! How the columns of a file are read, where that is not by its header alone.

use serde::{Deserialize, Serialize};
use sinch_batch_models::Channel;

/// How a file is read: the same for its check and for its batches.
///
/// A campaign keeps these, so that it is resumed with the same ones.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct ReadOptions {
    /// Columns that count as remarks.
    pub ignore_columns: Vec<String>,
    /// Whether columns without a use are ignored, instead of being mistakes.
    pub ignore_unused: bool,
    /// The column of the identities and their channel, where the header does not say it.
    pub identity: Option<IdentityColumn>,
    /// Whether spaces, dashes, brackets and apostrophes are removed from phone numbers.
    pub tidy_numbers: bool,
    /// Whether line breaks, tabs and runs of more than four spaces become one space in WhatsApp template
    /// parameters.
    pub flatten: bool,
}

/// A column of identities on one channel.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct IdentityColumn {
    /// Its name in the header.
    pub column: String,
    /// The channel of all its identities.
    pub channel: Channel,
}

impl IdentityColumn {
    /// A column whose identities are on this channel.
    pub fn new(column: impl Into<String>, channel: Channel) -> Self {
        Self { column: column.into(), channel }
    }
}

impl ReadOptions {
    /// Reads by the header alone.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes these columns for remarks.
    #[must_use]
    pub fn with_ignored_columns(mut self, columns: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.ignore_columns = columns.into_iter().map(Into::into).collect();
        self
    }

    /// Ignores every column without a use.
    #[must_use]
    pub fn with_unused_ignored(mut self, ignore: bool) -> Self {
        self.ignore_unused = ignore;
        self
    }

    /// Takes the identities from this column, and from no other.
    #[must_use]
    pub fn with_identity(mut self, identity: Option<IdentityColumn>) -> Self {
        self.identity = identity;
        self
    }

    /// Removes from phone numbers what cannot be part of them.
    #[must_use]
    pub fn with_tidy_numbers(mut self, tidy: bool) -> Self {
        self.tidy_numbers = tidy;
        self
    }

    /// Writes WhatsApp template parameters on one line.
    #[must_use]
    pub fn with_flatten(mut self, flatten: bool) -> Self {
        self.flatten = flatten;
        self
    }

    /// Whether nothing but the header decides.
    pub fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// The channel of that name, in capitals or not.
///
/// ```
/// use sinch_batch_models::Channel;
/// use sinch_batch_recipients::channel_named;
///
/// assert_eq!(channel_named("whatsapp"), Some(Channel::WhatsApp));
/// assert_eq!(channel_named("pigeon"), None);
/// ```
pub fn channel_named(name: &str) -> Option<Channel> {
    Channel::KNOWN.iter().find(|known| known.eq_ignore_ascii_case(name)).map(|known| Channel::from(*known))
}
