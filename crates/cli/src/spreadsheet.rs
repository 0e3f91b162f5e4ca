//! CSV cells that a spreadsheet shows instead of running.

/// A quoted cell of text that somebody else wrote. A spreadsheet takes a cell for a formula if it begins with one
/// of a few characters; an apostrophe before it makes it a text.
pub(crate) fn cell(text: &str) -> String {
    let guard = if text.starts_with(['=', '+', '-', '@', '\t', '\r']) { "'" } else { "" };
    format!("\"{guard}{}\"", text.replace('"', "\"\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formulas_become_texts() {
        for (text, written) in [
            ("", r#""""#),
            ("a \"b\", c", r#""a ""b"", c""#),
            ("=HYPERLINK(\"x\")", r#""'=HYPERLINK(""x"")""#),
            ("@CODE", r#""'@CODE""#),
            ("+1", r#""'+1""#),
            ("-1", r#""'-1""#),
            ("\tx", "\"'\tx\""),
            ("\rx", "\"'\rx\""),
            ("a=b", r#""a=b""#),
        ] {
            assert_eq!(cell(text), written);
        }
    }
}
