//! What a terminal can show: its width, its colors, and text that cannot steer it.

use std::borrow::Cow;
use std::fmt::Write;

use crate::environment;

/// The width of a screen that says nothing of it.
const USUAL_WIDTH: u16 = 80;

/// The height of such a screen.
const USUAL_HEIGHT: u16 = 24;

/// The narrowest screen that is catered for.
const LEAST_WIDTH: u16 = 60;

/// How wide tables on standard output may be: as wide as the terminal, else as a usual one.
pub(crate) fn width() -> u16 {
    measured(&std::io::stdout()).map_or(USUAL_WIDTH, |(columns, _)| columns).max(LEAST_WIDTH)
}

/// How wide a line on standard error may be.
pub(crate) fn progress_width() -> u16 {
    measured(&std::io::stderr()).map_or(USUAL_WIDTH, |(columns, _)| columns).max(LEAST_WIDTH)
}

/// Columns and lines of the terminal on standard error.
pub(crate) fn size() -> (u16, u16) {
    measured(&std::io::stderr()).unwrap_or((USUAL_WIDTH, USUAL_HEIGHT))
}

/// Columns and lines, where they are known.
#[cfg(unix)]
fn measured(screen: &impl std::os::fd::AsFd) -> Option<(u16, u16)> {
    let size = rustix::termios::tcgetwinsize(screen).ok()?;
    Some((size.ws_col, size.ws_row)).filter(|(columns, lines)| *columns > 0 && *lines > 0)
}

#[cfg(not(unix))]
fn measured<T>(_: &T) -> Option<(u16, u16)> {
    None
}

/// Whether the user wants no colors anywhere, by the convention of <https://no-color.org>, or has a terminal
/// without them.
pub(crate) fn is_color_unwanted() -> bool {
    environment::var("NO_COLOR").is_some() || environment::var("TERM").as_deref() == Some("dumb")
}

/// The text with everything visible that would steer a terminal: control characters other than line feed and
/// tab, and those that change the direction of writing.
pub(crate) fn escaped(text: &str) -> Cow<'_, str> {
    replaced(text, |letter, out| _ = write!(out, "\\u{{{:x}}}", u32::from(letter)))
}

/// The same for JSON, whose strings have escapes of their own: it reads back as it was.
pub(crate) fn json_escaped(json: &str) -> Cow<'_, str> {
    replaced(json, |letter, out| _ = write!(out, "\\u{:04x}", u32::from(letter)))
}

fn replaced(text: &str, escape: impl Fn(char, &mut String)) -> Cow<'_, str> {
    if !text.contains(is_steering) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 16);
    for letter in text.chars() {
        if is_steering(letter) {
            escape(letter, &mut out);
        } else {
            out.push(letter);
        }
    }
    Cow::Owned(out)
}

fn is_steering(letter: char) -> bool {
    match letter {
        '\n' | '\t' => false,
        '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => true,
        _ => letter.is_control(),
    }
}

/// Lines whose first word says what they are get its color.
pub(crate) fn colored(text: &str) -> String {
    let color = |line: &str| {
        let (word, code) = [("error:", "1;31"), ("warning:", "1;33"), ("note:", "1;36"), ("hint:", "1;36")]
            .into_iter()
            .find(|(word, _)| line.starts_with(word))?;
        Some(format!("\u{1b}[{code}m{word}\u{1b}[0m{}", &line[word.len()..]))
    };
    let lines: Vec<String> = text.lines().map(|line| color(line).unwrap_or_else(|| line.to_owned())).collect();
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn escapes_are_visible_and_everything_else_stays() {
        for (text, shown) in [
            ("a\tb\nc", "a\tb\nc"),
            ("Zoë 🎉", "Zoë 🎉"),
            ("\u{1b}[2J", "\\u{1b}[2J"),
            ("a\rb\u{7f}\u{9b}", "a\\u{d}b\\u{7f}\\u{9b}"),
            ("\u{202e}gpj", "\\u{202e}gpj"),
        ] {
            assert_eq!(escaped(text), shown);
        }
    }

    #[test]
    fn first_words_are_colored() {
        assert_eq!(
            colored("error: no\nhint: yes\nso"),
            "\u{1b}[1;31merror:\u{1b}[0m no\n\u{1b}[1;36mhint:\u{1b}[0m yes\nso"
        );
    }

    proptest! {
        #[test]
        fn json_reads_back_as_it_was(text in any::<String>()) {
            let json = serde_json::to_string(&text).unwrap();
            let escaped = json_escaped(&json);
            prop_assert!(!escaped.contains(is_steering));
            prop_assert_eq!(serde_json::from_str::<String>(&escaped).unwrap(), text);
        }
    }
}
