//! The shape of a phone number. Whether anybody answers it is for the service to say.

use crate::finding::ordinal;

/// What is wrong with a phone number: an optional `+`, then 7 to 15 digits, the first not 0.
pub(crate) fn fault(number: &str) -> Option<String> {
    let digits = number.strip_prefix('+').unwrap_or(number);
    let bytes = digits.as_bytes();
    if (7..=15).contains(&bytes.len()) && bytes[0] != b'0' && bytes.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let plus = number.len() - digits.len();
    if let Some(at) = digits.chars().position(|character| !character.is_ascii_digit()) {
        return Some(format!("the {} character is not a digit", ordinal(at + 1 + plus)));
    }
    Some(match bytes.len() {
        0 => "there is no digit".to_owned(),
        _ if bytes[0] == b'0' => "the first digit is 0, so the country code is missing".to_owned(),
        1 => "there is 1 digit; a number has 7 to 15".to_owned(),
        count => format!("there are {count} digits; a number has 7 to 15"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(number: &str, expected: Option<&str>) {
        assert_eq!(fault(number).as_deref(), expected, "{number}");
    }

    #[test]
    fn a_number_is_an_optional_plus_and_7_to_15_digits() {
        for good in ["+15550100001", "15550100001", "1555010", "+155501000010001"] {
            check(good, None);
        }
        check("+1555o100001", Some("the 6th character is not a digit"));
        check("1 5550100001", Some("the 2nd character is not a digit"));
        check("++1555010000", Some("the 2nd character is not a digit"));
        check("é5550100001", Some("the 1st character is not a digit"));
        check("155501٣٣", Some("the 7th character is not a digit"));
        check("+", Some("there is no digit"));
        check("5", Some("there is 1 digit; a number has 7 to 15"));
        check("155501", Some("there are 6 digits; a number has 7 to 15"));
        check("+1555010000100012", Some("there are 16 digits; a number has 7 to 15"));
        check("0015550100", Some("the first digit is 0, so the country code is missing"));
    }
}
