//! How many parts an SMS takes, and which character is to blame.

/// How the text of an SMS is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SmsEncoding {
    /// The GSM 7-bit default alphabet and its extension: 160 septets, or 153 in each of several parts.
    Gsm7,
    /// UCS-2: 70 UTF-16 units, or 67 in each of several parts.
    Ucs2,
}

impl SmsEncoding {
    /// The name in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Gsm7 => "gsm7",
            Self::Ucs2 => "ucs2",
        }
    }
}

/// How long the text of an SMS is: an estimate, as a channel may add something of its own.
///
/// ```
/// use sinch_batch_models::SmsLength;
///
/// let length = SmsLength::of(&"a".repeat(161));
/// assert_eq!((length.parts, length.units), (2, 161));
/// // One curly quote, and a part holds 70 instead of 160.
/// let length = SmsLength::of(&format!("’{}", "a".repeat(160)));
/// assert_eq!((length.parts, length.culprit), (3, Some('’')));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SmsLength {
    /// How it is written.
    pub encoding: SmsEncoding,
    /// Septets in the GSM alphabet, else UTF-16 units.
    pub units: u64,
    /// Parts, each of which is billed as one message. An empty text has one.
    pub parts: u32,
    /// The first character that is not in the GSM alphabet.
    pub culprit: Option<char>,
}

impl Default for SmsLength {
    /// The length of an empty text.
    fn default() -> Self {
        Self { encoding: SmsEncoding::Gsm7, units: 0, parts: 1, culprit: None }
    }
}

impl SmsLength {
    /// The length of a text.
    pub fn of(text: &str) -> Self {
        let culprit = text.chars().find(|character| septets(*character).is_none());
        let encoding = if culprit.is_none() { SmsEncoding::Gsm7 } else { SmsEncoding::Ucs2 };
        let (units, parts) = match encoding {
            SmsEncoding::Gsm7 => parts(text.chars().filter_map(septets), 160, 153),
            SmsEncoding::Ucs2 => parts(text.chars().map(char::len_utf16), 70, 67),
        };
        Self { encoding, units, parts, culprit }
    }
}

/// Units and parts of characters with these lengths, none of which is split between two parts.
fn parts(lengths: impl Iterator<Item = usize>, alone: usize, each: usize) -> (u64, u32) {
    let (mut units, mut parts, mut used) = (0, 1_u32, 0);
    for length in lengths {
        units += length as u64;
        used += length;
        if used > each {
            parts = parts.saturating_add(1);
            used = length;
        }
    }
    (units, if units <= alone as u64 { 1 } else { parts })
}

/// Number of septets of a character in the GSM 7-bit alphabet; none if it is not in it.
pub fn septets(character: char) -> Option<usize> {
    Some(match character {
        '\n' | '\r' | ' '..='Z' | 'a'..='z' | '_' => 1,
        '£' | '¥' | 'è' | 'é' | 'ù' | 'ì' | 'ò' | 'Ç' | 'Ø' | 'ø' | 'Å' | 'å' | 'Δ' | 'Φ' | 'Γ' | 'Λ' | 'Ω' | 'Π'
        | 'Ψ' | 'Σ' | 'Θ' | 'Ξ' | 'Æ' | 'æ' | 'ß' | 'É' | '¤' | '¡' | 'Ä' | 'Ö' | 'Ñ' | 'Ü' | '§' | '¿' | 'ä' | 'ö'
        | 'ñ' | 'ü' | 'à' => 1,
        '^' | '{' | '}' | '\\' | '[' | '~' | ']' | '|' | '€' | '\u{c}' => 2,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Hand-counted: text, times, units, parts, encoding.
    #[test]
    fn parts_are_those_counted_by_hand() {
        use SmsEncoding::{Gsm7, Ucs2};
        let cases: [(&str, String, u64, u32, SmsEncoding); 40] = [
            ("empty", String::new(), 0, 1, Gsm7),
            ("one letter", "a".into(), 1, 1, Gsm7),
            ("160 letters", "a".repeat(160), 160, 1, Gsm7),
            ("161 letters", "a".repeat(161), 161, 2, Gsm7),
            ("306 letters", "a".repeat(306), 306, 2, Gsm7),
            ("307 letters", "a".repeat(307), 307, 3, Gsm7),
            ("459 letters", "a".repeat(459), 459, 3, Gsm7),
            ("460 letters", "a".repeat(460), 460, 4, Gsm7),
            ("one euro", "€".into(), 2, 1, Gsm7),
            ("80 euros", "€".repeat(80), 160, 1, Gsm7),
            // 76 in a part: 152 septets, and the 153rd stays free.
            ("81 euros", "€".repeat(81), 162, 2, Gsm7),
            ("152 euros", "€".repeat(152), 304, 2, Gsm7),
            ("153 euros", "€".repeat(153), 306, 3, Gsm7),
            ("brackets", "[]{}\\~^|".into(), 16, 1, Gsm7),
            ("form feed", "\u{c}".into(), 2, 1, Gsm7),
            ("158 letters and a euro", "a".repeat(158) + "€", 160, 1, Gsm7),
            ("159 letters and a euro", "a".repeat(159) + "€", 161, 2, Gsm7),
            // The pair does not fit into the 153rd septet of the first part.
            ("152 letters, a euro, 152 letters", "a".repeat(152) + "€" + &"a".repeat(152), 306, 3, Gsm7),
            ("151 letters, a euro, 153 letters", "a".repeat(151) + "€" + &"a".repeat(153), 306, 2, Gsm7),
            ("line feed", "a\nb".into(), 3, 1, Gsm7),
            ("carriage return", "a\r\nb".into(), 4, 1, Gsm7),
            ("umlauts", "äöüÄÖÜß".into(), 7, 1, Gsm7),
            ("Greek capitals", "ΔΦΓΛΩΠΨΣΘΞ".into(), 10, 1, Gsm7),
            ("Nordic", "ÆæØøÅå".into(), 6, 1, Gsm7),
            ("accents", "èéùìòàñÑÇÉ".into(), 10, 1, Gsm7),
            ("money", "£¥¤$".into(), 4, 1, Gsm7),
            ("signs", "¡¿§@_".into(), 5, 1, Gsm7),
            ("small c with cedilla is not in it", "ç".into(), 1, 1, Ucs2),
            ("grave accent alone is not in it", "`".into(), 1, 1, Ucs2),
            ("tab is not in it", "\t".into(), 1, 1, Ucs2),
            ("curly quote", "’".into(), 1, 1, Ucs2),
            ("a curly quote and 69 letters", "’".to_owned() + &"a".repeat(69), 70, 1, Ucs2),
            ("a curly quote and 70 letters", "’".to_owned() + &"a".repeat(70), 71, 2, Ucs2),
            ("a curly quote and 133 letters", "’".to_owned() + &"a".repeat(133), 134, 2, Ucs2),
            ("a curly quote and 134 letters", "’".to_owned() + &"a".repeat(134), 135, 3, Ucs2),
            ("35 emoji", "👍".repeat(35), 70, 1, Ucs2),
            // 33 in a part: 66 units, and the 67th stays free.
            ("36 emoji", "👍".repeat(36), 72, 2, Ucs2),
            ("66 emoji", "👍".repeat(66), 132, 2, Ucs2),
            ("67 emoji", "👍".repeat(67), 134, 3, Ucs2),
            ("a euro is one unit in UCS-2", "€’".repeat(35), 70, 1, Ucs2),
        ];
        for (name, text, units, parts, encoding) in cases {
            let length = SmsLength::of(&text);
            assert_eq!((length.units, length.parts, length.encoding), (units, parts, encoding), "{name}");
        }
    }

    #[test]
    fn alphabet_has_128_and_10_characters() {
        let all = |count| (0..=0xffff_u32).filter_map(char::from_u32).filter(|c| septets(*c) == Some(count)).count();
        // The escape itself is not a character.
        assert_eq!((all(1), all(2)), (127, 10));
    }

    proptest! {
        #[test]
        fn parts_never_fall_when_a_character_is_added(text in "[a-z€{’👍é ]{0,400}", more in "[a-z€{’👍é ]") {
            let longer = text.clone() + &more;
            prop_assert!(SmsLength::of(&longer).parts >= SmsLength::of(&text).parts);
        }

        #[test]
        fn letters_are_divided_by_153(count in 161..3000_usize) {
            prop_assert_eq!(SmsLength::of(&"x".repeat(count)).parts as usize, count.div_ceil(153));
        }
    }
}
