//! Takes what may be a person's out of words the service wrote.

/// The most characters that are kept of a text.
const LONGEST: usize = 300;

/// Shortens a text and replaces each run of seven or more digits by `[number]`. Within a run,
/// single spaces, dashes, dots and brackets may stand, and a `+` before it.
pub(crate) fn scrub(text: &str) -> String {
    let mut clean = String::new();
    let mut rest = text.trim();
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
    let clean: String = clean.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    match clean.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &clean[..end]),
        None => clean,
    }
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
    }
}
