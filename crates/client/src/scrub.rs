//! Takes what may be a person's out of words the service wrote.

/// The most characters that are kept of a text.
const LONGEST: usize = 300;

/// Shortens a text and takes out of it
///
/// * what stands in quotes, unless it is the name of a field: `[value]`,
/// * addresses with an `@`: `[address]`,
/// * runs of seven or more digits, among which single spaces, dashes, dots and brackets may stand, and
///   before which a `+` may stand: `[number]`.
pub(crate) fn scrub(text: &str) -> String {
    let clean = without_numbers(&without_addresses(&without_values(text.trim())));
    let clean: String = clean.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    match clean.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &clean[..end]),
        None => clean,
    }
}

/// Opening quotes and what closes them.
const QUOTES: [(char, char); 6] = [('"', '"'), ('\'', '\''), ('`', '`'), ('“', '”'), ('‘', '’'), ('«', '»')];

fn without_values(text: &str) -> String {
    let mut clean = String::new();
    let mut rest = text;
    while let Some((at, open, close)) = next_quote(rest, clean.chars().next_back()) {
        let inside = &rest[at + open.len_utf8()..];
        let (value, after) = match end_of(inside, close) {
            Some(end) => (&inside[..end], &inside[end + close.len_utf8()..]),
            // A quote that never closes: the text was cut off within a value.
            None => (inside, ""),
        };
        clean.push_str(&rest[..at]);
        if is_name(value, after) {
            clean.push(open);
            clean.push_str(value);
            clean.push(close);
        } else {
            clean.push_str("[value]");
        }
        rest = after;
    }
    clean.push_str(rest);
    clean
}

/// Where the next quote opens: not within a word, where it is an apostrophe.
fn next_quote(text: &str, before: Option<char>) -> Option<(usize, char, char)> {
    let mut last = before;
    for (at, c) in text.char_indices() {
        if let Some((open, close)) = QUOTES.into_iter().find(|(open, _)| *open == c)
            && !last.is_some_and(char::is_alphanumeric)
        {
            return Some((at, open, close));
        }
        last = Some(c);
    }
    None
}

/// Where a quote closes: before the end of a word, an apostrophe does not; nor does what a backslash
/// stands before.
fn end_of(inside: &str, close: char) -> Option<usize> {
    let mut escaped = false;
    for (at, c) in inside.char_indices() {
        let followed = inside[at + c.len_utf8()..].chars().next();
        if c == close && !escaped && !(matches!(c, '\'' | '’') && followed.is_some_and(char::is_alphanumeric)) {
            return Some(at);
        }
        escaped = c == '\\' && !escaped;
    }
    None
}

/// Whether what stands in quotes names a field: a key of JSON, or words joined by `_`.
fn is_name(quoted: &str, after: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'[' | b']' | b'/');
    !quoted.is_empty()
        && quoted.len() <= 60
        && quoted.bytes().all(plain)
        && quoted.bytes().any(|byte| byte.is_ascii_alphabetic())
        && (quoted.contains('_') || after.trim_start().starts_with(':'))
}

fn without_addresses(text: &str) -> String {
    let is_address = |word: &str| {
        word.split_once('@').is_some_and(|(user, host)| {
            user.ends_with(|c: char| !c.is_whitespace()) && host.starts_with(char::is_alphanumeric)
        })
    };
    let words = text.split(' ').map(|word| if is_address(word) { "[address]" } else { word });
    words.collect::<Vec<_>>().join(" ")
}

fn without_numbers(text: &str) -> String {
    let mut clean = String::new();
    let mut rest = text;
    while let Some(at) = rest.find(|c: char| c.is_ascii_digit() || c == '+') {
        let (before, run) = rest.split_at(at);
        clean.push_str(before);
        let (length, digits) = measure(run);
        if digits >= 7 {
            clean.push_str("[number]");
        } else {
            clean.push_str(&run[..length]);
        }
        rest = &run[length..];
    }
    clean.push_str(rest);
    clean
}

/// How many bytes the run at the start of a text has, up to its last digit, and how many digits.
fn measure(run: &str) -> (usize, usize) {
    let (mut end, mut digits, mut between) = (1, 0, 0);
    for (at, byte) in run.bytes().enumerate() {
        match byte {
            b'0'..=b'9' => {
                digits += 1;
                between = 0;
                end = at + 1;
            }
            b'+' if at == 0 => {}
            b' ' | b'-' | b'.' | b'(' | b')' | b'/' if between < 2 => between += 1,
            _ => break,
        }
    }
    (end, digits)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn numbers_of_people_go_and_the_rest_stays() {
        for (text, expected) in [
            ("no such app", "no such app"),
            ("invalid number +15550100001", "invalid number [number]"),
            ("15550100001: bad", "[number]: bad"),
            ("+1 (555) 010-0001 is bad", "[number] is bad"),
            ("code 404, 1000 at most", "code 404, 1000 at most"),
            ("a+b + 3", "a+b + 3"),
            ("  two\nlines ", "two lines"),
            ("123456 and 7654321", "123456 and [number]"),
            ("parameter 'Ines Müller' is bad", "parameter [value] is bad"),
            ("the key's access isn't given", "the key's access isn't given"),
            ("'it's me' is no name", "[value] is no name"),
            (
                r#"field "recipient_and_params[3].recipient" is bad"#,
                r#"field "recipient_and_params[3].recipient" is bad"#,
            ),
            (r#"{"message": "Hello \"Ines\", dear"} and more"#, r#"{"message": [value]} and more"#),
            (r#"{"message": "Hello In"#, r#"{"message": [value]"#),
            ("“Ines” and «Tomás» at ines@example.org.", "[value] and [value] at [address]"),
            ("@ noon", "@ noon"),
        ] {
            assert_eq!(scrub(text), expected);
        }
        assert_eq!(scrub(&"x".repeat(500)).chars().count(), LONGEST + 1);
    }

    proptest! {
        #[test]
        fn no_run_of_seven_digits_is_left(text in ".{0,40}[0-9+ -]{0,30}.{0,40}") {
            let clean = scrub(&text);
            prop_assert!(!clean.split(|c: char| !c.is_ascii_digit()).any(|run| run.len() >= 7), "{}", clean);
        }

        #[test]
        fn no_quoted_words_are_left(
            before in "[a-z ]{0,20}", value in "[A-Za-zäöü ,.]{1,30}", after in "[ ,.][a-z ]{0,20}", quote in 0..QUOTES.len(),
        ) {
            let (open, close) = QUOTES[quote];
            let clean = scrub(&format!("{before} {open}{value}{close}{after}"));
            prop_assert!(value.trim().len() < 2 || !clean.contains(&format!("{open}{value}")), "{}", clean);
        }
    }
}
