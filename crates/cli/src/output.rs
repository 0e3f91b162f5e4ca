//! Data on standard output, talk on standard error.

use std::io::{self, IsTerminal, Write};

use serde::Serialize;

use crate::fail::{Failure, output};

/// Says something to the person, on standard error.
#[macro_export]
macro_rules! say {
    ($($text:tt)*) => {{
        use std::io::Write as _;
        // Nobody listens on a closed standard error: that is no reason to stop.
        let _ = writeln!(std::io::stderr().lock(), $($text)*);
    }};
}

/// Writes data, and makes sure that it is out.
pub(crate) fn out(data: &[u8]) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    stdout.write_all(data)?;
    stdout.flush()
}

/// Writes one JSON value and a line feed.
pub(crate) fn write_json_line<T: Serialize>(value: &T) -> Result<(), Failure> {
    let mut line = serde_json::to_vec(value).map_err(|error| output(error.into()))?;
    line.push(b'\n');
    out(&line).map_err(output)
}

/// Whether a progress bar can be seen.
pub(crate) fn can_show_progress() -> bool {
    io::stderr().is_terminal()
}
