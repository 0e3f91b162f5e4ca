use std::borrow::Cow;

/// JSON in which escapes of half a surrogate pair are U+FFFD: a text that was cut in the middle of an
/// emoji has one, and nothing else reads it.
pub fn without_lone_surrogates(text: &str) -> Cow<'_, str> {
    let mut whole = String::new();
    let mut copied = 0;
    let mut at = 0;
    while let Some(found) = text[at..].find('\\') {
        let here = at + found;
        at = match escaped(text, here) {
            Some(0xD800..=0xDBFF) if matches!(escaped(text, here + 6), Some(0xDC00..=0xDFFF)) => here + 12,
            Some(0xD800..=0xDFFF) => {
                whole.push_str(&text[copied..here]);
                whole.push_str("\\ufffd");
                copied = here + 6;
                copied
            }
            Some(_) => here + 6,
            // Past the escaped character, which may have several bytes where no JSON would have it.
            None => here + 1 + text[here + 1..].chars().next().map_or(0, char::len_utf8),
        };
    }
    if copied == 0 {
        return Cow::Borrowed(text);
    }
    whole.push_str(&text[copied..]);
    Cow::Owned(whole)
}

/// The number of a `\u00e9`-like escape that begins there.
fn escaped(text: &str, at: usize) -> Option<u16> {
    let digits = text.get(at..)?.strip_prefix("\\u")?.get(..4)?;
    let plain = digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    plain.then(|| u16::from_str_radix(digits, 16).ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lone_surrogates_are_replaced_and_pairs_are_not() {
        for (text, expected) in [
            (r#""\ud83d\ude00""#, r#""\ud83d\ude00""#),
            (r#""\ud83d""#, r#""\ufffd""#),
            (r#""\ud83d\ud83d\ude00""#, r#""\ufffd\ud83d\ude00""#),
            (r#""\ude00\ud83d""#, r#""\ufffd\ufffd""#),
            (r#""\\ud83d""#, r#""\\ud83d""#),
            (r#""\\\ud83d""#, r#""\\\ufffd""#),
            (r#""\u0041\ud83d\n""#, r#""\u0041\ufffd\n""#),
            ("\\é\\ud83", "\\é\\ud83"),
            ("\\", "\\"),
        ] {
            assert_eq!(without_lone_surrogates(text), expected, "{text}");
        }
    }
}
