//! Where a report goes.

use std::path::{Path, PathBuf};

use crate::args::ReportArgs;
use crate::fail::Failure;
use crate::outputs::{self, Existing, NewFile, Wanted};

/// Begins the file, or standard output, that a report goes to. Files that are read stay.
pub(in crate::commands) fn begin(
    args: &ReportArgs,
    what: &'static str,
    is_personal: bool,
    read: &[(&str, PathBuf)],
) -> Result<NewFile, Failure> {
    const FLAG: &str = "--output";
    let path = args.output.as_deref().unwrap_or(Path::new("-"));
    outputs::is_none_of(path, FLAG, read.iter().map(|(what, path)| (*what, path.as_path())))?;
    let refuse = Existing::Refuse("name a new file: --output FILE; or replace this one: --overwrite");
    let existing = if args.overwrite { Existing::Replace } else { refuse };
    NewFile::begin(&Wanted { path, flag: FLAG, what, is_personal, existing })
}
