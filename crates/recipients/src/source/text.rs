//! What can be seen of a text: the one definition of blank, of trimming, and of control characters.

/// Whether nothing of a text can be seen: white space, characters without a shape, or nothing at all.
///
/// ```
/// use sinch_batch_recipients::is_blank;
///
/// assert!(is_blank(" \t\u{a0}\u{200b}\u{2800}\u{feff}"));
/// assert!(!is_blank(" x "));
/// ```
pub fn is_blank(text: &str) -> bool {
    text.chars().all(is_invisible)
}

/// A text without the white space and the invisible characters around it.
pub(crate) fn trimmed(text: &str) -> &str {
    text.trim_matches(is_invisible)
}

/// White space, a control character, or a character without a shape of its own.
fn is_invisible(character: char) -> bool {
    match character {
        '!'..='~' => false,
        '\0'..=' ' | '\u{7f}'..='\u{a0}' => true,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' => true,
        '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' => true,
        '\u{2060}'..='\u{206f}' | '\u{2800}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' => true,
        '\u{ffa0}' | '\u{fff9}'..='\u{fffb}' | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}' => true,
        other => other.is_whitespace(),
    }
}

/// Whether a text may hold a control character; never false where it holds one.
#[inline]
pub(crate) fn may_have_control(text: &[u8]) -> bool {
    // Those from U+0080 to U+009F begin with 0xC2. A fold without a branch is done on many bytes at once.
    text.iter().fold(false, |found, byte| found | (*byte < b' ') | (*byte == 0x7f) | (*byte == 0xc2))
}

/// The first control character of a text. A line feed, a tab and the line break `\r\n` are none.
pub(crate) fn control(text: &str) -> Option<char> {
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        match character {
            '\n' | '\t' => {}
            '\r' if characters.peek() == Some(&'\n') => {}
            other if other.is_control() => return Some(other),
            _ => {}
        }
    }
    None
}

/// The sentence about a control character.
pub(crate) fn control_message(found: char) -> String {
    let name = match found {
        '\0' => " (NUL)",
        '\r' => " (a carriage return)",
        '\u{1a}' => " (the end-of-file mark of old systems)",
        '\u{1b}' => " (escape)",
        _ => "",
    };
    format!("it holds the control character U+{:04X}{name}, which no phone shows", u32::from(found))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blank_covers_invisible_characters() {
        for blank in [
            "",
            " ",
            "\t\n",
            "\u{200b}",
            "\u{2800}",
            "\u{feff}",
            "\u{3164}",
            "\u{a0}\u{2003}",
            "\0",
            "\u{200d}\u{2060}",
        ] {
            assert!(is_blank(blank), "{blank:?}");
        }
        for seen in ["x", ".", "é", "\u{200b}x", "👍", "\u{2801}", "０"] {
            assert!(!is_blank(seen), "{seen:?}");
        }
    }

    #[test]
    fn control_characters_are_found_and_line_breaks_are_none() {
        for (text, found) in [
            ("plain", None),
            ("a\nb\tc\r\nd", None),
            ("a\0b", Some('\0')),
            ("a\u{1a}", Some('\u{1a}')),
            ("a\rb", Some('\r')),
            ("a\u{7f}", Some('\u{7f}')),
            ("a\u{92}s", Some('\u{92}')),
            ("é\u{a0}", None),
        ] {
            assert_eq!(control(text), found, "{text:?}");
            assert!(found.is_none() || may_have_control(text.as_bytes()), "{text:?}");
        }
    }
}
