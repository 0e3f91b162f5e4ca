//! What can be typed about a canary and a halt.

use std::time::Duration;

use clap::Args;
use sinch_batch::campaign::{Canary, HaltRules};

use super::duration;

#[derive(Debug, Args)]
pub(crate) struct HaltArgs {
    /// Send the first N rows and wait for their receipts before the rest; too many failures halt the campaign
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1000))]
    pub(crate) canary: Option<u16>,
    /// How long to wait for 80% of the canary's receipts
    #[arg(long, value_name = "DURATION", default_value = "10m", value_parser = duration, requires = "canary")]
    pub(crate) canary_wait: Duration,
    #[command(flatten)]
    pub(crate) share: HaltShare,
}

/// A halt alone.
#[derive(Debug, Args)]
pub(crate) struct HaltShare {
    /// Halt when more than this share of the last 5,000 settled messages failed [default for the canary: 20%]
    ///
    /// Failures of the message, the account and the service count; those of single recipients do not.
    #[arg(long, value_name = "PERCENT", value_parser = percent)]
    pub(crate) halt: Option<u8>,
    /// Minimum number of such failures
    #[arg(long, value_name = "N", default_value_t = 50, requires = "halt")]
    pub(crate) halt_min: u64,
}

impl HaltShare {
    pub(crate) fn rules(&self) -> HaltRules {
        HaltRules::new().with_halt(self.halt, if self.halt.is_some() { self.halt_min } else { 0 })
    }
}

impl HaltArgs {
    pub(crate) fn rules(&self) -> HaltRules {
        let canary = self.canary.map(|rows| Canary { rows: rows.into(), wait: self.canary_wait });
        self.share.rules().with_canary(canary)
    }
}

/// Reads `20%` or `20`.
fn percent(text: &str) -> Result<u8, String> {
    let number = text.strip_suffix('%').unwrap_or(text);
    match number.parse() {
        Ok(percent @ 0..=100) if number.bytes().all(|digit| digit.is_ascii_digit()) => Ok(percent),
        _ => Err(format!("`{text}` is not a share; expected one from 0% to 100%, such as 20%")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_read_with_and_without_a_sign() {
        for (text, expected) in [("20%", 20), ("20", 20), ("0%", 0), ("100%", 100)] {
            assert_eq!(percent(text), Ok(expected), "{text}");
        }
        for text in ["", "%", "101%", "-1%", "+5", "0.2", "20 %", "a fifth"] {
            assert!(percent(text).unwrap_err().contains("20%"), "{text}");
        }
    }
}
