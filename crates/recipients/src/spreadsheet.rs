//! Cells that a spreadsheet shows instead of running: the one escaping step for text that is not of the file.

/// A quoted CSV cell of text that somebody else wrote, such as a code or a reason.
///
/// A spreadsheet takes a cell for a formula if it begins with one of a few characters, white space before them
/// or not; an apostrophe in front makes it text. The file's own cells never go through this: they stay as they are.
///
/// ```
/// assert_eq!(sinch_batch_recipients::spreadsheet_cell("=A1&\"x\""), "\"'=A1&\"\"x\"\"\"");
/// ```
#[must_use]
pub fn spreadsheet_cell(text: &str) -> String {
    let guard = if is_formula(text) { "'" } else { "" };
    format!("\"{guard}{}\"", text.replace('"', "\"\""))
}

fn is_formula(text: &str) -> bool {
    // The full-width forms too: spreadsheets in Chinese, Japanese and Korean read them.
    const SIGNS: [char; 8] = ['=', '+', '-', '@', '＝', '＋', '－', '＠'];
    text.starts_with(['\t', '\r', '\n']) || text.trim_start().starts_with(SIGNS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formulas_become_text() {
        for (text, written) in [
            ("", r#""""#),
            ("a \"b\", c", r#""a ""b"", c""#),
            ("=HYPERLINK(\"x\")", r#""'=HYPERLINK(""x"")""#),
            ("@CODE", r#""'@CODE""#),
            ("+1", r#""'+1""#),
            ("-1", r#""'-1""#),
            (" =1", r#""' =1""#),
            ("\u{a0}=1", "\"'\u{a0}=1\""),
            ("＝1", "\"'＝1\""),
            ("\tx", "\"'\tx\""),
            ("\rx", "\"'\rx\""),
            ("\nx", "\"'\nx\""),
            ("a=b", r#""a=b""#),
        ] {
            assert_eq!(spreadsheet_cell(text), written);
        }
    }
}
