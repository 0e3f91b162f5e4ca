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
/// use sinch_batch_recipients::SmsLength;
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

/// How many septets a character takes in the GSM alphabet; none if it is not in it.
fn septets(character: char) -> Option<usize> {
    Some(match character {
        '\n' | '\r' | ' '..='Z' | 'a'..='z' | '_' => 1,
        '£' | '¥' | 'è' | 'é' | 'ù' | 'ì' | 'ò' | 'Ç' | 'Ø' | 'ø' | 'Å' | 'å' | 'Δ' | 'Φ' | 'Γ' | 'Λ' | 'Ω' | 'Π'
        | 'Ψ' | 'Σ' | 'Θ' | 'Ξ' | 'Æ' | 'æ' | 'ß' | 'É' | '¤' | '¡' | 'Ä' | 'Ö' | 'Ñ' | 'Ü' | '§' | '¿' | 'ä' | 'ö'
        | 'ñ' | 'ü' | 'à' => 1,
        '^' | '{' | '}' | '\\' | '[' | '~' | ']' | '|' | '€' | '\u{c}' => 2,
        _ => return None,
    })
}

/// The septets of ASCII, 0 where there are none.
const ASCII: [u8; 128] = {
    let mut table = [0; 128];
    let mut at = 0;
    while at < 128 {
        table[at] = match at as u8 {
            b'\n' | b'\r' | b' '..=b'Z' | b'a'..=b'z' | b'_' => 1,
            b'^' | b'{' | b'}' | b'\\' | b'[' | b'~' | b']' | b'|' | 0x0C => 2,
            _ => 0,
        };
        at += 1;
    }
    table
};

/// The length of a text in pieces, as far as one look at each piece shows it.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Septets {
    pub(crate) septets: usize,
    pub(crate) units: usize,
    /// Whether a character is not in the GSM alphabet.
    pub(crate) is_ucs2: bool,
}

impl Septets {
    /// Adds a piece.
    #[inline]
    pub(crate) fn add(&mut self, text: &str) {
        if text.is_ascii() {
            let (mut sum, mut foreign) = (0_usize, false);
            for byte in text.bytes() {
                let septets = ASCII[usize::from(byte & 0x7f)];
                sum += usize::from(septets);
                foreign |= septets == 0;
            }
            self.septets += sum;
            self.units += text.len();
            self.is_ucs2 |= foreign;
            return;
        }
        for character in text.chars() {
            self.units += character.len_utf16();
            match septets(character) {
                Some(septets) => self.septets += septets,
                None => self.is_ucs2 = true,
            }
        }
    }

    /// Adds a piece whose every byte is a character of one septet.
    #[cfg(feature = "csv")]
    #[inline]
    pub(crate) fn add_plain(&mut self, text: &str) {
        self.septets += text.len();
        self.units += text.len();
    }

    /// Whether the text is one part; else it is to be looked at as a whole.
    pub(crate) fn is_one_part(&self) -> bool {
        if self.is_ucs2 { self.units <= 70 } else { self.septets <= 160 }
    }
}

/// The first character of a text that is not in the GSM alphabet.
pub(crate) fn culprit(text: &str) -> Option<char> {
    text.chars().find(|character| septets(*character).is_none())
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
        for byte in 0..128_u8 {
            assert_eq!(septets(char::from(byte)).unwrap_or_default(), usize::from(ASCII[usize::from(byte)]));
        }
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

        #[test]
        fn pieces_are_as_the_whole(pieces in prop::collection::vec("[a-z€{’👍é`\t]{0,60}", 0..5)) {
            let mut sum = Septets::default();
            pieces.iter().for_each(|piece| sum.add(piece));
            let whole = SmsLength::of(&pieces.concat());
            prop_assert_eq!(sum.is_one_part(), whole.parts == 1);
            prop_assert_eq!(sum.is_ucs2, whole.encoding == SmsEncoding::Ucs2);
        }
    }
}
