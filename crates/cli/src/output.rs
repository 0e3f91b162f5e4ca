//! Data on standard output, talk on standard error.

use std::io::{self, IsTerminal, Write};
use std::sync::atomic::{AtomicBool, Ordering};

use serde::Serialize;

use crate::fail::{Failure, output};

/// Says something to the person, on standard error.
#[macro_export]
macro_rules! say {
    ($($text:tt)*) => {{
        use std::io::Write as _;
        if !$crate::output::is_quiet() {
            // Nobody reads a closed standard error: that is no reason to stop.
            let _ = writeln!(std::io::stderr().lock(), $($text)*);
        }
    }};
}

/// Whether talk is left out, which errors are not.
static QUIET: AtomicBool = AtomicBool::new(false);

/// Leaves out talk from now on.
pub(crate) fn be_quiet() {
    QUIET.store(true, Ordering::Relaxed);
}

pub(crate) fn is_quiet() -> bool {
    QUIET.load(Ordering::Relaxed)
}

/// Writes an error, quiet or not.
pub(crate) fn complain(error: &dyn std::fmt::Display) {
    // Nobody reads a closed standard error: that is no reason to stop.
    let _ = writeln!(io::stderr().lock(), "{error}");
}

/// A number with separators between its thousands, for a person.
pub(crate) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// `1 row`, `2,000 rows`.
pub(crate) fn count(number: u64, one: &str, many: &str) -> String {
    format!("{} {}", grouped(number), if number == 1 { one } else { many })
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
    !is_quiet() && io::stderr().is_terminal()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped_by_thousands() {
        for (number, text) in [(0, "0"), (999, "999"), (1000, "1,000"), (1_234_567, "1,234,567")] {
            assert_eq!(grouped(number), text);
        }
        assert_eq!(count(1, "row", "rows"), "1 row");
    }
}
