//! Numbers, times and texts as people read them.

use maud::{Markup, html};
use sinch_batch_models::Timestamp;

/// A number with separators between its thousands: `1,234,567`.
pub fn grouped(number: u64) -> String {
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

/// A number and what it counts: `1 row`, `2,000 rows`.
pub fn count(number: u64, one: &str, many: &str) -> String {
    format!("{} {}", grouped(number), if number == 1 { one } else { many })
}

/// A number on an axis, where there is little room: `950`, `12k`, `1.5M`.
pub fn short(number: u64) -> String {
    const UNITS: [(u64, &str); 4] = [(1_000_000_000_000, "T"), (1_000_000_000, "B"), (1_000_000, "M"), (1_000, "k")];
    let Some((unit, letter)) = UNITS.into_iter().find(|(unit, _)| number >= *unit && number >= 10_000) else {
        return grouped(number);
    };
    let tenths = u128::from(number) * 10 / u128::from(unit);
    match (tenths / 10, tenths % 10) {
        (whole, 0) => format!("{whole}{letter}"),
        (whole, tenth) => format!("{whole}.{tenth}{letter}"),
    }
}

/// A part of a whole in percent, to a tenth, and never 0% or 100% when it is not.
pub fn share(part: u64, whole: u64) -> String {
    if part == 0 || whole == 0 {
        return "0%".to_owned();
    }
    if part >= whole {
        return "100%".to_owned();
    }
    let thousandths = (u128::from(part) * 1000 + u128::from(whole) / 2) / u128::from(whole);
    match thousandths {
        0 => "under 0.1%".to_owned(),
        1000.. => "over 99.9%".to_owned(),
        n => format!("{}.{}%", n / 10, n % 10),
    }
}

/// A time to the minute: `2026-08-21 14:05 UTC`.
pub fn minute(time: Timestamp) -> String {
    time.strftime("%Y-%m-%d %H:%M UTC").to_string()
}

/// A time to the minute as an element that programs read too.
pub fn time(time: Timestamp) -> Markup {
    html! { time datetime=(format!("{time:.0}")) { (minute(time)) } }
}

/// A text from outside, as it is: its direction kept to itself, and characters that nobody sees shown as
/// `U+202E`.
pub fn outside(text: &str) -> Markup {
    html! {
        bdi.outside dir="auto" {
            @for piece in pieces(text) {
                @match piece {
                    Piece::Seen(text) => (text),
                    Piece::Hidden(letter) => span.hidden { (format!("U+{:04X}", u32::from(letter))) },
                }
            }
        }
    }
}

enum Piece<'a> {
    Seen(&'a str),
    Hidden(char),
}

fn pieces(text: &str) -> Vec<Piece<'_>> {
    let mut pieces = Vec::new();
    let mut seen = 0;
    for (at, letter) in text.char_indices().filter(|(_, letter)| is_hidden(*letter)) {
        pieces.extend((seen < at).then(|| Piece::Seen(&text[seen..at])));
        pieces.push(Piece::Hidden(letter));
        seen = at + letter.len_utf8();
    }
    pieces.extend((seen < text.len()).then(|| Piece::Seen(&text[seen..])));
    pieces
}

/// Control characters save line break and tab, marks of direction, and characters without width. What
/// joins emoji and letters is left alone.
fn is_hidden(letter: char) -> bool {
    let laid_out = matches!(letter, '\n' | '\t');
    (letter.is_control() && !laid_out)
        || matches!(letter, '\u{61c}' | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}')
        || matches!(letter, '\u{2028}' | '\u{2029}' | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{e0001}')
}

/// A URL from outside: a link if it begins with `https://`, else text.
///
/// The page it leads to is not told where the visitor comes from.
pub fn link(url: &str) -> Markup {
    let safe = url.get(..8).is_some_and(|scheme| scheme.eq_ignore_ascii_case("https://"))
        && !url.chars().any(|letter| is_hidden(letter) || letter.is_whitespace());
    html! {
        @if safe { a href=(url) rel="noreferrer noopener" { (outside(url)) } } @else { (outside(url)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_as_people_write_them() {
        for (number, text) in [(0, "0"), (999, "999"), (1000, "1,000"), (1_000_000_000_000, "1,000,000,000,000")] {
            assert_eq!(grouped(number), text);
        }
        assert_eq!((count(1, "row", "rows"), count(2000, "row", "rows")), ("1 row".into(), "2,000 rows".into()));
        for (number, text) in
            [(9_999, "9,999"), (10_000, "10k"), (12_345, "12.3k"), (2_000_000, "2M"), (1_000_000_000_000, "1T")]
        {
            assert_eq!(short(number), text);
        }
    }

    #[test]
    fn share_is_never_all_or_nothing_when_it_is_not() {
        for (part, whole, text) in [
            (0, 0, "0%"),
            (0, 9, "0%"),
            (9, 9, "100%"),
            (1, 3, "33.3%"),
            (1, 1_000_000, "under 0.1%"),
            (999_999, 1_000_000, "over 99.9%"),
            (u64::MAX - 1, u64::MAX, "over 99.9%"),
        ] {
            assert_eq!(share(part, whole), text);
        }
    }

    #[test]
    fn hidden_characters_are_shown() {
        let shown = outside("pay\u{202e}gnp.exe\u{0}\n👩\u{200d}🚀").into_string();
        assert_eq!(
            shown,
            "<bdi class=\"outside\" dir=\"auto\">pay<span class=\"hidden\">U+202E</span>gnp.exe\
             <span class=\"hidden\">U+0000</span>\n👩\u{200d}🚀</bdi>"
        );
    }

    #[test]
    fn only_https_becomes_a_link() {
        assert!(link("HTTPS://example.org/a?b=1&c=\"").into_string().starts_with("<a href=\"HTTPS://example.org/a"));
        for text in
            ["javascript:alert(1)", "http://example.org/", "https:/x", " https://a", "https://a b", "data:,", "ü"]
        {
            assert!(!link(text).into_string().contains("href"), "{text}");
        }
    }
}
