//! How long the text of a row is as SMS, as far as one look at each of its pieces shows it.

use sinch_batch_models::sms::septets;

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

    /// Adds a piece of so many bytes, each of which is a character of one septet.
    #[cfg(feature = "csv")]
    #[inline]
    pub(crate) fn add_plain(&mut self, length: usize) {
        self.septets += length;
        self.units += length;
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
    use sinch_batch_models::{SmsEncoding, SmsLength};

    use super::*;

    #[test]
    fn septets_of_ascii_are_those_of_the_alphabet() {
        for byte in 0..128_u8 {
            assert_eq!(septets(char::from(byte)).unwrap_or_default(), usize::from(ASCII[usize::from(byte)]));
        }
    }

    proptest! {
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
