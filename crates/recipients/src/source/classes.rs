//! What a byte may mean, so that one look at the bytes of a record tells which checks it can do without.

/// Stands between two cells.
pub(crate) const SEPARATOR: u8 = 1;
/// Ends a record.
pub(crate) const BREAK: u8 = 2;
/// A quote.
pub(crate) const QUOTE: u8 = 4;
/// May be a control character, or the beginning of one: those from U+0080 to U+009F begin with 0xC2.
pub(crate) const CONTROL: u8 = 8;
/// Not a character of one septet in the GSM alphabet, or not surely.
pub(crate) const NOT_ONE_SEPTET: u8 = 16;

/// The classes of each byte in the text of a cell.
const IN_CELL: [u8; 256] = {
    let mut classes = [0; 256];
    let mut at = 0;
    while at < 256 {
        let byte = at as u8;
        if byte == b'"' {
            classes[at] |= QUOTE;
        }
        if byte < b' ' || byte == 0x7f || byte == 0xc2 {
            classes[at] |= CONTROL;
        }
        if !matches!(byte, b'\n' | b'\r' | b' '..=b'Z' | b'a'..=b'z' | b'_') {
            classes[at] |= NOT_ONE_SEPTET;
        }
        at += 1;
    }
    classes
};

/// All classes of the bytes of a text.
#[inline]
pub(crate) fn of(text: &[u8]) -> u8 {
    text.iter().fold(0, |found, byte| found | IN_CELL[usize::from(*byte)])
}

/// The classes of each byte of a line as it stands in a file with this separator.
pub(crate) fn of_line(separator: u8) -> Box<[u8; 256]> {
    let mut classes = Box::new(IN_CELL);
    for at in [b'\n', b'\r'] {
        classes[usize::from(at)] = BREAK;
    }
    classes[usize::from(separator)] = SEPARATOR;
    classes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sms::Septets;
    use crate::source::text::control;

    #[test]
    fn no_class_is_left_out_that_a_character_has() {
        for character in (0..=0x1_ffff).filter_map(char::from_u32) {
            let text = character.to_string();
            let classes = of(text.as_bytes());
            assert!(control(&text).is_none() || classes & CONTROL != 0, "{text:?}");
            assert_eq!(character == '"', classes & QUOTE != 0, "{text:?}");
            let mut septets = Septets::default();
            septets.add(&text);
            if classes & NOT_ONE_SEPTET == 0 {
                assert_eq!((septets.septets, septets.units, septets.is_ucs2), (1, 1, false), "{text:?}");
            }
        }
        assert_eq!((of(b"plain text, 7"), of(b"a\"b")), (0, QUOTE));
        let line = of_line(b'\t');
        assert_eq!([b'\t', b'\n', b',', b'"'].map(|byte| line[usize::from(byte)]), [SEPARATOR, BREAK, 0, QUOTE]);
    }
}
