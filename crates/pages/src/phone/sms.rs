//! What a text costs as SMS: encoding, parts, and the character to blame.

/// The default alphabet of GSM, one septet each.
const BASIC: &str = "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà";
/// Its extension, two septets each.
const EXTENSION: &str = "\u{c}^{}\\[~]|€";

/// `GSM-7, 1 part, 23 of 160`; in UCS-2, with the first character that is not in GSM-7.
pub(super) fn describe(text: &str) -> String {
    let blame = text.chars().find(|letter| !BASIC.contains(*letter) && !EXTENSION.contains(*letter));
    let (name, one, many) = if blame.is_some() { ("UCS-2", 70, 67) } else { ("GSM-7", 160, 153) };
    let width = |letter: char| match blame {
        Some(_) => letter.len_utf16(),
        None => 1 + usize::from(EXTENSION.contains(letter)),
    };
    let units: usize = text.chars().map(width).sum();
    let parts = if units <= one { 1 } else { parts(text.chars().map(width), many) };
    let size = match parts {
        1 => format!("{name}, 1 part, {units} of {one}"),
        parts => format!("{name}, {parts} parts, {units} units"),
    };
    match blame {
        Some(letter) => format!("{size}; because of U+{:04X}", u32::from(letter)),
        None => size,
    }
}

/// Parts of so many units; what takes two is not split.
fn parts(widths: impl Iterator<Item = usize>, room: usize) -> usize {
    let (parts, _) = widths.fold((1, 0), |(parts, used), width| match used + width > room {
        true => (parts + 1, width),
        false => (parts, used + width),
    });
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_counted_as_they_are_billed() {
        for (text, said) in [
            (String::new(), "GSM-7, 1 part, 0 of 160"),
            ("a".repeat(160), "GSM-7, 1 part, 160 of 160"),
            ("a".repeat(161), "GSM-7, 2 parts, 161 units"),
            ("€".repeat(80), "GSM-7, 1 part, 160 of 160"),
            // The pair at the end of a part moves to the next.
            (format!("{}€{}", "a".repeat(152), "a".repeat(152)), "GSM-7, 3 parts, 306 units"),
            ("it’s".to_owned(), "UCS-2, 1 part, 4 of 70; because of U+2019"),
            ("😀".repeat(36), "UCS-2, 2 parts, 72 units; because of U+1F600"),
        ] {
            assert_eq!(describe(&text), said);
        }
    }
}
