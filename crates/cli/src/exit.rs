//! Exit codes: stable, and documented in `--help` and the README.

/// The campaign finished, or the command did what it was asked.
pub(crate) const OK: u8 = 0;
/// Something unexpected failed.
pub(crate) const UNEXPECTED: u8 = 1;
/// The command line or the environment is wrong. The argument parser uses this code too.
pub(crate) const USAGE: u8 = 2;
/// The recipients or the message are wrong, or cannot be read; nothing was sent.
pub(crate) const BAD_INPUT: u8 = 3;
/// Credentials are missing, or were refused.
pub(crate) const BAD_CREDENTIALS: u8 = 4;
/// The campaign did not finish and can be resumed; or the outcome of a call is not known.
pub(crate) const NOT_FINISHED: u8 = 5;
/// The ledger cannot be read or written, or is not what was asked for.
pub(crate) const LEDGER: u8 = 6;
/// The service could not be reached, or refused, or it was too late.
pub(crate) const SERVICE: u8 = 7;

/// What `--help` says about them.
pub(crate) const HELP: &str = "Exit codes:
  0  done; for a campaign: finished, whatever the recipients' phones did
  1  something unexpected failed
  2  wrong usage: arguments or environment
  3  bad input: recipients or message; nothing was sent
  4  bad credentials: missing or refused
  5  not finished: a campaign to resume, or a call of unknown outcome
  6  the ledger cannot be used
  7  the service could not be reached, or refused";
