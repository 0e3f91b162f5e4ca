//! Exit codes: stable, and documented in `--help` and the README. They say what to do.

/// Done; for a campaign: everything is accepted, although receipts may still be awaited.
pub(crate) const OK: u8 = 0;
/// Something unexpected failed.
pub(crate) const UNEXPECTED: u8 = 1;
/// The command line or the environment is wrong. The argument parser uses this code too.
pub(crate) const USAGE: u8 = 2;
/// The recipients or the message are invalid, or cannot be read; nothing was sent.
pub(crate) const BAD_INPUT: u8 = 3;
/// Credentials are missing, or were refused.
pub(crate) const BAD_CREDENTIALS: u8 = 4;
/// Look before anything else: something is planned, unknown or doubled, or was sent before.
pub(crate) const LOOK: u8 = 5;
/// The ledger cannot be used, or is older than the truth.
pub(crate) const LEDGER: u8 = 6;
/// The service refused or could not be reached, with nothing accepted and nothing unknown.
pub(crate) const SERVICE: u8 = 7;

/// A code in a word, for programs.
pub(crate) fn kind(code: u8) -> &'static str {
    match code {
        OK => "ok",
        USAGE => "usage",
        BAD_INPUT => "input",
        BAD_CREDENTIALS => "credentials",
        LOOK => "look",
        LEDGER => "ledger",
        SERVICE => "service",
        129..=143 => "stopped",
        _ => "unexpected",
    }
}

/// What `--help` says about them.
pub(crate) const HELP: &str = "Exit codes:
  0    done; for a campaign: everything is accepted, although receipts may still be awaited
  1    something unexpected failed
  2    usage: arguments or environment
  3    bad input: recipients or message; nothing was sent
  4    credentials missing or refused
  5    look first (sinch-batch status): something is planned, unknown or doubled, or was sent before
  6    the ledger cannot be used, or is older than the truth
  7    refused or unreachable, with nothing accepted and nothing unknown
  129, 130, 143  stopped by HUP, INT, TERM: nothing was sent, or everything was sent";
