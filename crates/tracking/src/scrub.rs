//! What may be kept of a sentence that the service wrote for people.

/// What stands where a number or an identity stood.
const MARK: &str = "[number]";

/// Descriptions are kept up to this many characters.
pub(crate) const DESCRIPTION_LENGTH: usize = 300;

/// Codes are kept up to this many characters; the longest known one has 41.
pub(crate) const CODE_LENGTH: usize = 64;

/// A run of that many digits may be a phone number.
const NUMBER_DIGITS: usize = 7;

/// Between the digits of one number stand at most this many separators in a row, as in `) -`.
const MOST_SEPARATORS: usize = 3;

/// Takes everything out of a sentence that could name a person, so that it may be kept.
///
/// The identity, where it is known, and every run of 7 or more digits (with `+` before and spaces,
/// dashes, dots, slashes or brackets between) become `[number]`; control characters become spaces;
/// at most 300 characters stay. Codes and ids with shorter runs of digits stay, unless nothing but
/// separators stands between them and more digits.
///
/// ```
/// # use sinch_batch_tracking::scrub;
/// assert_eq!(scrub("131047: no route to +1 555-010-0011", None), "131047: no route to [number]");
/// assert_eq!(scrub("ines.k is not known", Some("ines.k")), "[number] is not known");
/// ```
pub fn scrub(text: &str, identity: Option<&str>) -> String {
    scrub_within(text, identity, DESCRIPTION_LENGTH)
}

pub(crate) fn scrub_within(text: &str, identity: Option<&str>, length: usize) -> String {
    let identity = identity.map(|identity| identity.trim().trim_start_matches('+')).filter(|text| !text.is_empty());
    let scrubbed = match identity {
        // A name is looked for before its digits are replaced, a number after: neither is cut up.
        Some(name) if name.contains(char::is_alphabetic) => without_numbers(&without(text, name)),
        Some(number) => without(&without_numbers(text), number),
        None => without_numbers(text),
    };
    let clean: String = scrubbed.chars().map(|c| if c.is_control() { ' ' } else { c }).take(length).collect();
    clean.trim().to_owned()
}

/// Every occurrence of the identity replaced, whatever the case of its ASCII letters.
fn without(text: &str, identity: &str) -> String {
    let lower = text.to_ascii_lowercase();
    let wanted = identity.to_ascii_lowercase();
    let mut kept = String::with_capacity(text.len());
    let mut from = 0;
    while let Some(at) = lower[from..].find(&wanted) {
        kept.push_str(text[from..from + at].trim_end_matches('+'));
        kept.push_str(MARK);
        from += at + wanted.len();
    }
    kept.push_str(&text[from..]);
    kept
}

fn without_numbers(text: &str) -> String {
    let mut kept = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find(is_digit) {
        let (n_digits, end) = run(&rest[start..]);
        if n_digits < NUMBER_DIGITS {
            kept.push_str(&rest[..start + end]);
        } else {
            kept.push_str(rest[..start].trim_end_matches(['+', '(']));
            kept.push_str(MARK);
        }
        rest = &rest[start + end..];
    }
    kept.push_str(rest);
    kept
}

/// How many digits the run at the start of the text has, and where its last digit ends.
fn run(text: &str) -> (usize, usize) {
    let (mut n_digits, mut end, mut separators) = (0, 0, 0);
    for (at, c) in text.char_indices() {
        if is_digit(c) {
            n_digits += 1;
            end = at + c.len_utf8();
            separators = 0;
        } else if is_separator(c) && separators < MOST_SEPARATORS {
            separators += 1;
        } else {
            break;
        }
    }
    (n_digits, end)
}

/// Digits of any script: a number is a number in Arabic digits too.
fn is_digit(c: char) -> bool {
    c.is_ascii_digit() || (!c.is_ascii() && c.is_numeric())
}

fn is_separator(c: char) -> bool {
    matches!(c, '-' | '.' | '/' | '(' | ')' | '\u{2010}'..='\u{2015}') || c.is_whitespace()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn check(text: &str, identity: Option<&str>, expected: &str) {
        assert_eq!(scrub(text, identity), expected);
    }

    #[test]
    fn numbers_go_and_codes_stay() {
        check("number +15550100011 is gone", None, "number [number] is gone");
        check("tel:15550100011,15550100012", None, "tel:[number],[number]");
        check("(555) 010-0011", None, "[number]");
        check("+1 (555) 010 - 0011.", None, "[number].");
        check("\u{661}\u{662}\u{663}\u{664}\u{665}\u{666}\u{667} is one too", None, "[number] is one too");
        check("code 131047, 12 parts of 160", None, "code 131047, 12 parts of 160");
        check(
            "batch 01KZ2D9R6AYBT8DN9B4MPA14Y8 and message at index 1",
            None,
            "batch 01KZ2D9R6AYBT8DN9B4MPA14Y8 and message at index 1",
        );
        check("123456", None, "123456");
        check("1234567", None, "[number]");
    }

    #[test]
    fn identity_goes_in_any_spelling() {
        check("user INES.k9 left", Some("ines.K9"), "user [number] left");
        check("ines1234567@example.com", Some("ines1234567@example.com"), "[number]");
        check("to 55501 or +55501", Some("+55501"), "to [number] or [number]");
        check("to 15550100011", Some("15550100011"), "to [number]");
        check("nothing to hide", Some(" "), "nothing to hide");
    }

    #[test]
    fn failure_text_is_short_and_plain() {
        assert_eq!(scrub(&"ab ".repeat(500), None).chars().count(), 299);
        check("one\r\ntwo\u{1b}[31m", None, "one  two [31m");
    }

    #[test]
    fn sentence_of_a_failed_validation_stays_readable() {
        let sentence = "Validation failed after parameters substitution for batch 01KZ2D9R6AYBT8DN9B4MPA14Y8 and message at \
                        index 1. Details: [Parameter key cannot be blank and value cannot be empty.]";
        check(sentence, None, sentence);
    }

    proptest! {
        #[test]
        fn no_long_run_of_digits_survives(text in "[0-9+ a-z().-]{0,60}", identity in prop::option::of("[0-9a-z]{1,9}")) {
            let kept = scrub(&text, identity.as_deref());
            let longest = kept.split(|c: char| !c.is_ascii_digit()).map(str::len).max().unwrap_or(0);
            prop_assert!(longest < NUMBER_DIGITS, "{:?} became {:?}", text, kept);
        }

        #[test]
        fn any_text_can_be_scrubbed(text in any::<String>(), identity in any::<Option<String>>()) {
            prop_assert!(scrub(&text, identity.as_deref()).chars().count() <= DESCRIPTION_LENGTH);
        }
    }
}
