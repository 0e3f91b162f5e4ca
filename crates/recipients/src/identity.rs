//! The one check of whatever names somebody: phone numbers, identities of other channels, contacts.

use sinch_batch_models::Channel;

use crate::finding::{FindingKind, ordinal};
use crate::source::text::{control, control_message, is_blank, trimmed};

/// What is wrong with an identity.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct IdentityFault {
    pub(crate) kind: FindingKind,
    pub(crate) message: String,
}

impl IdentityFault {
    /// Whether the identity with this fault names somebody all the same, if untidily: not with neither letter nor
    /// digit, as an error word, or as a number of which a spreadsheet has left the first digits only.
    pub(crate) fn names_somebody(&self, id: &str) -> bool {
        self.message != ERROR_WORD && self.message != ROUNDED && id.contains(char::is_alphanumeric)
    }
}

const SPACE_AROUND: &str = "white space, or a character that cannot be seen, stands before or after it";
const ERROR_WORD: &str = "it is an error word of a spreadsheet, not an identity";

/// Returns why an identity cannot be used on a channel, in one sentence; `None` if it can.
///
/// It is the rule of every column of identities.
#[must_use]
pub fn identity_fault(channel: &Channel, identity: &str) -> Option<String> {
    if is_blank(identity) {
        return Some(BLANK.to_owned());
    }
    fault_on(channel, identity).map(|fault| fault.message)
}

/// The same as a send says it, which can remove what is not part of a number.
pub(crate) fn of_send(mut fault: IdentityFault) -> IdentityFault {
    if fault.message == TIDY {
        fault.message.push_str("; `--tidy-numbers` removes them");
    }
    fault
}

/// What is wrong with an identity on a channel that is not empty.
pub(crate) fn fault_on(channel: &Channel, id: &str) -> Option<IdentityFault> {
    if channel.has_phone_numbers() {
        let message = phone_fault(id)?;
        return Some(IdentityFault { kind: FindingKind::BadNumber, message });
    }
    fault(id)
}

/// What is wrong with an identity that is not a phone number, or with a contact's id, that is not empty.
pub(crate) fn fault(id: &str) -> Option<IdentityFault> {
    let fault = |kind, message: &str| Some(IdentityFault { kind, message: message.to_owned() });
    // Nearly every id is letters and digits.
    if !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_alphanumeric()) && id != "NULL" && id != "null" {
        return None;
    }
    if is_blank(id) {
        return fault(FindingKind::BlankValue, BLANK);
    }
    if trimmed(id) != id {
        return fault(FindingKind::BadIdentity, SPACE_AROUND);
    }
    if let Some(found) = control(id).or_else(|| id.chars().find(|character| matches!(character, '\n' | '\t' | '\r'))) {
        return Some(IdentityFault { kind: FindingKind::ControlCharacter, message: control_message(found) });
    }
    if is_error_word(id) {
        return fault(FindingKind::BadIdentity, ERROR_WORD);
    }
    None
}

/// What is wrong with the identification of an opt-out, which may be a number, a contact's id or another identity.
pub(crate) fn fault_of_any(id: &str) -> Option<IdentityFault> {
    if is_like_a_number(id) {
        let message = phone_fault(id)?;
        return Some(IdentityFault { kind: FindingKind::BadNumber, message });
    }
    fault(id)
}

/// Whether a text is meant as a phone number: digits and what people write between them. Ids of other channels
/// that are digits alone have more than a number can have.
pub(crate) fn is_like_a_number(text: &str) -> bool {
    let bare = trimmed(text);
    let digits = bare.bytes().filter(u8::is_ascii_digit).count();
    let is_sign =
        |character: char| character.is_ascii_digit() || is_clutter(character) || matches!(character, '+' | '/');
    if is_rounded(bare) {
        return true;
    }
    digits > 0 && bare.chars().all(is_sign) && (digits <= 15 || digits < bare.chars().count())
}

pub(crate) const BLANK: &str = "nothing in it can be seen";

/// Whether it is what a spreadsheet or a database writes where a value is missing.
#[inline]
pub(crate) fn is_error_word(text: &str) -> bool {
    // The first byte decides nearly every value, and the length most of the others.
    match text.as_bytes() {
        [b'N' | b'n' | b'u' | b'(' | b'<' | b'\\' | b'E', .., last] if last.is_ascii_graphic() => {
            text.len() <= LONGEST_WORD && WORDS.contains(&text)
        }
        [b'#' | b'N' | b'n' | b'u' | b'(' | b'<' | b'\\' | b'E' | b' ', ..] => is_one_of_words(trimmed(text)),
        _ => false,
    }
}

/// The longest of these words that does not begin with `#`.
const LONGEST_WORD: usize = "undefined".len();

const WORDS: [&str; 20] = [
    "#N/A",
    "#N/D",
    "#NV",
    "#GETTING_DATA",
    "NULL",
    "null",
    "(null)",
    "<null>",
    "<NA>",
    "\\N",
    "N/A",
    "n/a",
    "NaN",
    "nan",
    "NaT",
    "None",
    "undefined",
    "Err:502",
    "Err:504",
    "Err:508",
];

fn is_one_of_words(text: &str) -> bool {
    // In every language of a spreadsheet they are one word in capitals, such as #REF!, #BEZUG!, #¡VALOR! or #NAME?.
    let is_word = |text: &str| {
        text.strip_prefix('#').and_then(|text| text.strip_suffix(['!', '?'])).is_some_and(|word| {
            !word.is_empty()
                && word.chars().all(|letter| letter.is_uppercase() || matches!(letter, '/' | '0' | '_' | '¡' | '¿'))
        })
    };
    WORDS.contains(&text) || is_word(text) || (text.len() > 2 && text.bytes().all(|byte| byte == b'#'))
}

/// An identity as it is compared: trimmed, and a number without what people write between its digits.
pub(crate) fn comparable<'a>(channel: Option<&Channel>, id: &'a str) -> std::borrow::Cow<'a, str> {
    if channel.is_some_and(Channel::has_phone_numbers) {
        if id.bytes().all(|byte| byte.is_ascii_digit() || byte == b'+') {
            return id.strip_prefix('+').unwrap_or(id).into();
        }
        let tidy = tidied(id);
        return tidy.strip_prefix('+').unwrap_or(&tidy).to_owned().into();
    }
    trimmed(id).into()
}

/// The identification of an opt-out as it is compared.
pub(crate) fn comparable_of_any(id: &str) -> String {
    let number = if is_like_a_number(id) { Some(&Channel::Sms) } else { None };
    comparable(number, id).into_owned()
}

/// A number without what cannot be part of it: spaces, dashes, dots, brackets, an apostrophe in front.
///
/// What has letters or more than one `+` stays as it is.
pub(crate) fn tidied(number: &str) -> String {
    // Without their brackets and dots these would be somebody else's number, and so would two lines made one.
    if has_trunk_zero(number) || is_decimal(number) || trimmed(number).contains(['\n', '\r']) {
        return number.to_owned();
    }
    let tidy: String = number.chars().filter(|character| !is_clutter(*character)).collect();
    let digits = tidy.strip_prefix('+').unwrap_or(&tidy);
    if !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()) && !is_rounded(number) {
        tidy
    } else {
        number.to_owned()
    }
}

/// Whether a number has a zero in brackets, which is dialled inside of a country only: `+44 (0)770…`.
fn has_trunk_zero(number: &str) -> bool {
    number.contains("(0)")
}

/// Whether a program has written the number as a decimal one: `15550000004.0`.
fn is_decimal(number: &str) -> bool {
    trimmed(number).rsplit_once(['.', ',']).is_some_and(|(digits, rest)| {
        matches!(rest, "0" | "00") && digits.trim_start_matches(['+', '-']).bytes().all(|byte| byte.is_ascii_digit())
    })
}

/// What people write between the digits of a number, and spreadsheets in front of it.
fn is_clutter(character: char) -> bool {
    matches!(
        character,
        ' ' | '-' | '.' | '(' | ')' | '\'' | '\u{2010}'..='\u{2015}' | '\u{2018}' | '\u{2019}' | '\u{2212}'
    ) || (!character.is_ascii_graphic() && is_blank(character.encode_utf8(&mut [0; 4])))
}

/// Whether there is more than one number, whatever stands between them.
fn is_several(text: &str) -> bool {
    let is_between =
        |character: char| matches!(character, '/' | ';' | ',' | '|' | '&' | '\n') || character.is_alphabetic();
    let parts =
        text.split(is_between).flat_map(|part| part.split_inclusive('+').map(|part| part.trim_end_matches('+')));
    let is_long = |part: &str| part.chars().filter(char::is_ascii_digit).count() >= 7;
    parts.filter(|part| is_long(part)).nth(1).is_some()
}

/// Whether a word and a colon stand before the number, as in a link: `tel:+1…`.
fn has_scheme(text: &str) -> bool {
    text.split_once(':').is_some_and(|(scheme, number)| {
        !scheme.is_empty()
            && scheme.bytes().all(|byte| byte.is_ascii_alphabetic())
            && number.trim_start_matches(['/', '+']).starts_with(|first: char| first.is_ascii_digit())
    })
}

/// Whether a spreadsheet has rounded the number: `1.5E+10`.
fn is_rounded(text: &str) -> bool {
    let Some((mantissa, exponent)) = text.split_once(['E', 'e']) else { return false };
    let mantissa = mantissa.trim_start_matches('+');
    let exponent = exponent.trim_start_matches('+');
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    is_number(exponent) && is_number(&mantissa.replace([',', '.'], ""))
}

const TIDY: &str =
    "it has spaces, dashes, dots, brackets, an apostrophe or invisible characters, which are not part of a number";
const ROUNDED: &str = "a spreadsheet has rounded it (as in 1.5E+10), which cannot be repaired: format the column as text, and export it again";
const NO_COUNTRY: &str = "it begins with 0, so the country code is missing: write it with one, such as +44…";
const DOUBLE_ZERO: &str = "it begins with 00, which is dialled before a country code: write + in its place";
const SEVERAL: &str = "there is more than one number in it: each row is for one";
const SCHEME: &str = "a word stands before the number, as in a link (tel:): write the number alone";
const OTHER_DIGITS: &str =
    "its digits are not 0 to 9 but look-alikes or those of another script: type the number again";
const TRUNK_ZERO: &str =
    "it has (0), which is not dialled from abroad: take it out, or write the 0 if the country keeps it";
const DECIMAL: &str = "a program has written it as a decimal number (as in 15550000004.0): format the column as text, and export it again";

/// The digits of a phone number with which nothing is wrong.
#[inline]
pub(crate) fn digits_of(number: &str) -> Option<&str> {
    let digits = number.strip_prefix('+').unwrap_or(number);
    let bytes = digits.as_bytes();
    let is_plain = (7..=15).contains(&bytes.len()) && bytes[0] != b'0' && bytes.iter().all(u8::is_ascii_digit);
    is_plain.then_some(digits)
}

/// What is wrong with a phone number: an optional `+`, then 7 to 15 digits, the first not 0.
pub(crate) fn phone_fault(number: &str) -> Option<String> {
    if digits_of(number).is_some() {
        return None;
    }
    if is_rounded(trimmed(number)) {
        return Some(ROUNDED.to_owned());
    }
    if is_error_word(number) {
        return Some(ERROR_WORD.to_owned());
    }
    if is_decimal(number) {
        return Some(DECIMAL.to_owned());
    }
    if has_trunk_zero(number) {
        return Some(TRUNK_ZERO.to_owned());
    }
    let tidy = tidied(number);
    if tidy != number && digits_of(&tidy).is_some() {
        return Some(TIDY.to_owned());
    }
    let digits = tidy.strip_prefix('+').unwrap_or(&tidy);
    if let Some(at) = digits.chars().position(|character| !character.is_ascii_digit()) {
        let plus = tidy.len() - digits.len();
        if is_several(number) {
            return Some(SEVERAL.to_owned());
        }
        if has_scheme(&tidy) {
            return Some(SCHEME.to_owned());
        }
        if digits.chars().any(|character| !character.is_ascii() && character.is_numeric()) {
            return Some(OTHER_DIGITS.to_owned());
        }
        return Some(format!("not a phone number: the {} character is not a digit", ordinal(at + 1 + plus)));
    }
    Some(match digits.len() {
        0 => "not a phone number: there is no digit".to_owned(),
        9.. if digits.starts_with("00") && !digits.starts_with("000") => DOUBLE_ZERO.to_owned(),
        _ if digits.starts_with('0') => NO_COUNTRY.to_owned(),
        1 => "not a phone number: there is 1 digit; a number has 7 to 15".to_owned(),
        count => format!("not a phone number: there are {count} digits; a number has 7 to 15"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(number: &str, expected: Option<&str>) {
        assert_eq!(phone_fault(number).as_deref(), expected, "{number}");
    }

    #[test]
    fn number_is_an_optional_plus_and_7_to_15_digits() {
        for good in ["+15550100001", "15550100001", "1555010", "+155501000010001"] {
            check(good, None);
        }
        check("+1555o100001", Some("not a phone number: the 6th character is not a digit"));
        check("++1555010000", Some("not a phone number: the 2nd character is not a digit"));
        check("é5550100001", Some("not a phone number: the 1st character is not a digit"));
        check("15550100001a", Some("not a phone number: the 12th character is not a digit"));
        check("+15550100001 ext 5", Some("not a phone number: the 13th character is not a digit"));
        for other in ["155501٣٣", "＋１５５５０１００００１", "+1555０１00001", "+١٥٥٥٠١٠٠٠٠١"]
        {
            check(other, Some(OTHER_DIGITS));
            assert_eq!(tidied(other), other);
        }
        for several in [
            "+15550100001 / +15550100002",
            "+15550100001,+15550100002",
            "15550100001;15550100002",
            "+15550100001 or +1 555 010 0002",
            "+15550100001+15550100002",
            "+15550100001 +15550100002",
            "15550100001\n15550100002",
        ] {
            check(several, Some(SEVERAL));
            assert_eq!(tidied(several), several);
        }
        check("1234567\n7654321", Some(SEVERAL));
        assert_eq!(tidied("+15550100001\n"), "+15550100001");
        for link in ["tel:+15550100001", "TEL:+1-555-010-0001", "whatsapp:15550100001", "sms://+15550100001"] {
            check(link, Some(SCHEME));
        }
        check("+", Some("not a phone number: there is no digit"));
        check("5", Some("not a phone number: there is 1 digit; a number has 7 to 15"));
        check("155501", Some("not a phone number: there are 6 digits; a number has 7 to 15"));
        check("+1555010000100012", Some("not a phone number: there are 16 digits; a number has 7 to 15"));
        for local in ["07700900123", "0770 090 0123", "0", "000000"] {
            check(local, Some(NO_COUNTRY));
        }
        for abroad in ["00447700900123", "+00447700900123", "00 44 7700 900123"] {
            check(abroad, Some(DOUBLE_ZERO));
        }
        // Tidied they would be somebody else's.
        for (number, message) in
            [("+44 (0)7700 900123", TRUNK_ZERO), ("15550000004.0", DECIMAL), ("1555000000,00", DECIMAL)]
        {
            check(number, Some(message));
            assert_eq!(tidied(number), number);
        }
        for untidy in [
            "+1 555 000-0004",
            "(1555) 000.0004",
            "'+15550000004",
            "+15550000004 ",
            "\u{a0}+1\u{2011}5550000004",
            "\u{200b}+15550000004",
        ] {
            check(untidy, Some(TIDY));
            assert_eq!(tidied(untidy).trim_start_matches('+'), "15550000004");
        }
        for rounded in ["1.5E+10", "1,5E+10", "1.55501E10", "4.47701e+11"] {
            check(rounded, Some(ROUNDED));
            assert_eq!(tidied(rounded), rounded);
        }
        for word in ["#REF!", "#N/A", "#BEZUG!", "#¡VALOR!", "#DIV/0!", "#NV", "#####", "\\N", "<NA>", "Err:502"] {
            check(word, Some(ERROR_WORD));
        }
        assert!(WORDS.iter().all(|word| word.starts_with('#') || word.len() <= LONGEST_WORD));
        assert!(!is_error_word("#1!") && !is_error_word("#winning!") && !is_error_word("#!"));
        assert_eq!(tidied("+1 call me"), "+1 call me");
    }

    #[test]
    fn identity_has_nothing_around_it() {
        let kind = |id: &str| fault(id).map(|fault| fault.kind);
        for good in ["abc", "01KZ4EBHKN27EZJ4Q91V5C36G1", "user@example.com", "a b", "NULLA"] {
            assert_eq!(kind(good), None, "{good}");
        }
        for around in ["abc ", " abc", "abc\u{a0}", "\u{feff}abc", "abc\u{200b}", "abc\t", "#N/A", "NULL"] {
            assert_eq!(kind(around), Some(FindingKind::BadIdentity), "{around:?}");
        }
        assert_eq!(kind("\u{2800}"), Some(FindingKind::BlankValue));
        assert_eq!(kind("a\0b"), Some(FindingKind::ControlCharacter));
        assert_eq!(kind("a\nb"), Some(FindingKind::ControlCharacter));
        assert_eq!(comparable(None, "abc\u{a0}"), "abc");
        assert_eq!(comparable(Some(&Channel::Sms), "+1 555 000-0004"), "15550000004");
        assert_eq!(comparable(Some(&Channel::Messenger), "abc "), "abc");
    }

    #[test]
    fn opt_out_names_a_number_or_another_identity() {
        let kind = |id: &str| fault_of_any(id).map(|fault| fault.kind);
        for good in ["+15550100002", "15550100002", "01KZ4EBHKN27EZJ4Q91V5C36G1", "x", "7734912345678901234"] {
            assert_eq!(kind(good), None, "{good}");
        }
        for bad in
            ["+1 555 0002", "+1 555 010 0002", "0770 0900123", "'+15550100002", "+15550100002 ", "1.5E+10", "12345"]
        {
            assert_eq!(kind(bad), Some(FindingKind::BadNumber), "{bad}");
        }
        assert_eq!(kind("abc "), Some(FindingKind::BadIdentity));
    }
}
