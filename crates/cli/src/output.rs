//! Data on standard output, talk on standard error; both through one place that knows the terminal.

use std::fmt;
use std::io::{self, ErrorKind, IsTerminal, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use indicatif::ProgressBar;
use serde::Serialize;

use crate::args::Color;
use crate::fail::{Failure, output};
use crate::terminal::{self, json_escaped};

/// Says something to the person, on standard error.
#[macro_export]
macro_rules! say {
    ($($text:tt)*) => {
        if !$crate::output::is_quiet() {
            $crate::output::talk(&format!($($text)*));
        }
    };
}

/// Whether talk is left out, which errors are not.
static QUIET: AtomicBool = AtomicBool::new(false);
/// Whether standard error may have colors.
static COLOR: AtomicBool = AtomicBool::new(false);
/// Whether a JSON value is on standard output already.
static JSON_WRITTEN: AtomicBool = AtomicBool::new(false);
/// The progress bar on the screen; it makes way for talk.
static BAR: Mutex<Option<ProgressBar>> = Mutex::new(None);

/// Leaves out talk from now on.
pub(crate) fn be_quiet() {
    QUIET.store(true, Ordering::Relaxed);
}

pub(crate) fn is_quiet() -> bool {
    QUIET.load(Ordering::Relaxed)
}

/// Decides about colors once, for the whole run.
pub(crate) fn use_color(color: Color) {
    let on = match color {
        Color::Always => true,
        Color::Never => false,
        Color::Auto => io::stderr().is_terminal() && !terminal::is_color_unwanted(),
    };
    COLOR.store(on, Ordering::Relaxed);
}

/// Puts a bar on the screen, or takes it away.
pub(crate) fn set_bar(bar: Option<ProgressBar>) {
    let old = std::mem::replace(&mut *BAR.lock().unwrap_or_else(PoisonError::into_inner), bar);
    if let Some(bar) = old {
        bar.finish_and_clear();
    }
}

/// Does something with standard error while no bar is in the way.
fn beside_bar<T>(work: impl FnOnce() -> T) -> T {
    let bar = BAR.lock().unwrap_or_else(PoisonError::into_inner).clone();
    match bar {
        Some(bar) => bar.suspend(work),
        None => work(),
    }
}

/// Writes lines for a person on standard error, quiet or not.
pub(crate) fn talk(text: &str) {
    let text = dressed(text);
    // Nobody reads a closed standard error: that is not a reason to stop.
    beside_bar(|| _ = writeln!(io::stderr().lock(), "{text}"));
}

/// Text as standard error may show it: with nothing that steers a terminal, in color if that is wanted.
pub(crate) fn dressed(text: &str) -> String {
    let text = terminal::escaped(text);
    if COLOR.load(Ordering::Relaxed) { terminal::colored(&text) } else { text.into_owned() }
}

/// Writes an error, quiet or not.
pub(crate) fn complain(error: &dyn fmt::Display) {
    talk(&error.to_string());
}

/// Standard error for the log: the bar makes way for each line.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LogWriter;

impl Write for LogWriter {
    fn write(&mut self, text: &[u8]) -> io::Result<usize> {
        beside_bar(|| io::stderr().lock().write(text))
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().lock().flush()
    }
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

/// Shows text to a person on standard output, and makes sure that it is out.
pub(crate) fn out(text: &[u8]) -> io::Result<()> {
    match std::str::from_utf8(text) {
        Ok(text) => data_out(terminal::escaped(text).as_bytes()),
        Err(_) => data_out(text),
    }
}

/// Writes data byte for byte, and makes sure that it is out.
pub(crate) fn data_out(data: &[u8]) -> io::Result<()> {
    let mut stdout = Stdout;
    stdout.write_all(data)?;
    stdout.flush()
}

/// Standard output, whose reader may go away, as `head` does: it has enough, and the rest is dropped.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stdout;

impl Write for Stdout {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        match io::stdout().lock().write(data) {
            Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(data.len()),
            written => written,
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match io::stdout().lock().flush() {
            Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
            flushed => flushed,
        }
    }
}

/// Standard output for one JSON value: an error adds none to it.
pub(crate) fn json_out() -> Stdout {
    JSON_WRITTEN.store(true, Ordering::Relaxed);
    Stdout
}

/// Whether a JSON value is on standard output already.
pub(crate) fn is_json_written() -> bool {
    JSON_WRITTEN.load(Ordering::Relaxed)
}

/// Writes one JSON value and a line feed.
pub(crate) fn write_json_line<T: Serialize>(value: &T) -> Result<(), Failure> {
    let mut line = serde_json::to_string(value).map_err(|error| output(error.into()))?;
    line.push('\n');
    let mut out = json_out();
    out.write_all(json_escaped(&line).as_bytes()).and_then(|()| out.flush()).map_err(output)
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
