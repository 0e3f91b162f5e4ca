//! What a text costs as SMS: encoding, parts, and the character to blame.

use sinch_batch_models::{SmsEncoding, SmsLength};

/// `GSM-7, 1 part, 23 of 160`; in UCS-2, with the first character that is not in GSM-7.
pub(super) fn describe(text: &str) -> String {
    let length = SmsLength::of(text);
    let (name, one) = match length.encoding {
        SmsEncoding::Ucs2 => ("UCS-2", 70),
        _ => ("GSM-7", 160),
    };
    let size = match length.parts {
        1 => format!("{name}, 1 part, {} of {one}", length.units),
        parts => format!("{name}, {parts} parts, {} units", length.units),
    };
    match length.culprit {
        Some(letter) => format!("{size}; because of U+{:04X}", u32::from(letter)),
        None => size,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn length_is_said_in_words() {
        for (text, said) in [
            (String::new(), "GSM-7, 1 part, 0 of 160"),
            ("a".repeat(161), "GSM-7, 2 parts, 161 units"),
            ("it’s".to_owned(), "UCS-2, 1 part, 4 of 70; because of U+2019"),
            ("😀".repeat(36), "UCS-2, 2 parts, 72 units; because of U+1F600"),
        ] {
            assert_eq!(describe(&text), said);
        }
    }
}
