//! Arguments that say how a file of recipients is read, and what fails a check.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use sinch_batch::models::Channel;
use sinch_batch::recipients::{IdentityColumn, ReadOptions, channel_named};

#[derive(Debug, Args)]
pub(crate) struct ReadArgs {
    /// Columns to leave out, separated by commas
    #[arg(long, value_name = "A,B", value_delimiter = ',')]
    pub(crate) ignore_columns: Vec<String>,
    /// What to do about columns that the message does not use
    #[arg(long, value_name = "WHAT", default_value = "refuse")]
    pub(crate) unused_columns: UnusedColumns,
    /// Column of the identities, if its name does not say the channel
    #[arg(long, value_name = "COLUMN", requires = "channel")]
    pub(crate) identity: Option<String>,
    /// Channel of the identities in that column, such as SMS or WHATSAPP
    #[arg(long, value_name = "NAME", requires = "identity", value_parser = channel)]
    pub(crate) channel: Option<Channel>,
    /// Remove spaces, dashes, dots, brackets and a leading apostrophe from phone numbers
    #[arg(long)]
    pub(crate) tidy_numbers: bool,
    /// Replace line breaks, tabs and more than 4 spaces in WhatsApp template parameters with one space
    #[arg(long)]
    pub(crate) flatten: bool,
}

#[derive(Debug, Args)]
pub(crate) struct JudgeArgs {
    /// Treat warnings as mistakes
    #[arg(long)]
    pub(crate) strict: bool,
    /// Treat an SMS of more than N parts as a mistake
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) max_parts: Option<u32>,
    /// Prices of an SMS part, for the estimate: a CSV file `prefix,currency,price`
    #[arg(long, value_name = "FILE")]
    pub(crate) prices: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum UnusedColumns {
    /// Report them as mistakes
    Refuse,
    /// Leave them out
    Ignore,
}

impl ReadArgs {
    pub(crate) fn options(&self) -> ReadOptions {
        let identity = self.identity.as_ref().zip(self.channel.clone());
        ReadOptions::new()
            .with_ignored_columns(self.ignore_columns.iter().filter(|name| !name.trim().is_empty()))
            .with_unused_ignored(self.unused_columns == UnusedColumns::Ignore)
            .with_identity(identity.map(|(column, channel)| IdentityColumn::new(column, channel)))
            .with_tidy_numbers(self.tidy_numbers)
            .with_flatten(self.flatten)
    }
}

pub(super) fn channel(name: &str) -> Result<Channel, String> {
    channel_named(name.trim()).ok_or_else(|| format!("not a known channel; there are {}", Channel::KNOWN.join(", ")))
}
