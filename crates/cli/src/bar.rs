//! Where the progress bar is drawn: standard error, with the cursor kept at the start of the bar's last line.
//!
//! Terminals echo `^C` where the cursor stands. indicatif leaves it behind the last column, so that the echo
//! would begin a new line, and the bar's first line would stay on the screen when the bar is taken away.

use std::fmt;
use std::io::{self, Write};
use std::sync::{Mutex, PoisonError};

use indicatif::{ProgressDrawTarget, TermLike};

use crate::terminal;

/// How often the bar is drawn in a second, at most.
const PER_SECOND: u8 = 20;

/// Where a progress bar is drawn.
pub(crate) fn target() -> ProgressDrawTarget {
    if cfg!(unix) {
        ProgressDrawTarget::term_like_with_hz(Box::new(Screen(Mutex::new(io::stderr()), Mutex::default())), PER_SECOND)
    } else {
        // Consoles that need to be told to take escapes.
        ProgressDrawTarget::stderr()
    }
}

/// A terminal that takes ANSI escapes, and what is to be written to it at once.
struct Screen<W>(Mutex<W>, Mutex<String>);

impl<W> Screen<W> {
    fn add(&self, text: fmt::Arguments<'_>) {
        let mut buffer = self.1.lock().unwrap_or_else(PoisonError::into_inner);
        // Writing into a text cannot fail.
        let _ = fmt::Write::write_fmt(&mut *buffer, text);
    }

    /// Moves the cursor; by 0 is not at all, which terminals read as by 1.
    fn go(&self, n: usize, way: char) -> io::Result<()> {
        if n > 0 {
            self.add(format_args!("\x1b[{n}{way}"));
        }
        Ok(())
    }
}

impl<W> fmt::Debug for Screen<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Screen").finish_non_exhaustive()
    }
}

impl<W: Write + Send> TermLike for Screen<W> {
    fn width(&self) -> u16 {
        terminal::size().0
    }

    fn height(&self) -> u16 {
        terminal::size().1
    }

    fn move_cursor_up(&self, n: usize) -> io::Result<()> {
        self.go(n, 'A')
    }

    fn move_cursor_down(&self, n: usize) -> io::Result<()> {
        self.go(n, 'B')
    }

    fn move_cursor_right(&self, n: usize) -> io::Result<()> {
        self.go(n, 'C')
    }

    fn move_cursor_left(&self, n: usize) -> io::Result<()> {
        self.go(n, 'D')
    }

    fn write_line(&self, text: &str) -> io::Result<()> {
        self.add(format_args!("{text}\n"));
        Ok(())
    }

    fn write_str(&self, text: &str) -> io::Result<()> {
        self.add(format_args!("{text}"));
        Ok(())
    }

    fn clear_line(&self) -> io::Result<()> {
        self.add(format_args!("\r\x1b[2K"));
        Ok(())
    }

    fn flush(&self) -> io::Result<()> {
        let text = std::mem::take(&mut *self.1.lock().unwrap_or_else(PoisonError::into_inner));
        let mut out = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        out.write_all(text.as_bytes())?;
        out.write_all(b"\r")?;
        out.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cursor_ends_at_the_start_of_a_line() {
        let screen = Screen(Mutex::new(Vec::new()), Mutex::default());
        let moved = screen.move_cursor_up(0).and_then(|()| screen.move_cursor_up(2)).and_then(|()| screen.clear_line());
        moved.and_then(|()| screen.write_str("full to the last column")).and_then(|()| screen.flush()).unwrap();
        let written = screen.0.into_inner().unwrap();
        assert_eq!(String::from_utf8(written).unwrap(), "\x1b[2A\r\x1b[2Kfull to the last column\r");
    }
}
