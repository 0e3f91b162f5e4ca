//! The one CSV dialect: RFC 4180 in UTF-8, with the separator that the first line shows.

/// The separators that are recognized, in the order that decides between equal counts.
const SEPARATORS: [u8; 4] = [b',', b';', b'\t', b'|'];

/// The separator of a file, and the length of a line `sep=;` that says so.
pub(crate) fn separator(text: &[u8]) -> (u8, usize) {
    let start = text.iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
    if let Some(found) = said(&text[start..]) {
        return (found.0, start + found.1);
    }
    let mut counts = [0_usize; SEPARATORS.len()];
    let mut quoted = false;
    for byte in &text[start..] {
        match byte {
            b'"' => quoted = !quoted,
            b'\n' | b'\r' if !quoted => break,
            _ if quoted => {}
            byte => {
                if let Some(at) = SEPARATORS.iter().position(|separator| separator == byte) {
                    counts[at] += 1;
                }
            }
        }
    }
    let most = counts.iter().copied().max().unwrap_or_default();
    let at = counts.iter().position(|count| *count == most).unwrap_or_default();
    (SEPARATORS[at], 0)
}

/// What a first line `sep=;` says, and its length without the line break.
fn said(text: &[u8]) -> Option<(u8, usize)> {
    let line = text.split(|byte| matches!(byte, b'\n' | b'\r')).next()?;
    let bare = line.strip_prefix(b"\"").and_then(|line| line.strip_suffix(b"\"")).unwrap_or(line);
    let (name, separator) = bare.split_at_checked(4)?;
    match separator {
        [separator] if name.eq_ignore_ascii_case(b"sep=") && SEPARATORS.contains(separator) => {
            Some((*separator, line.len()))
        }
        _ => None,
    }
}

/// A quote that is not where it may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct QuoteFault {
    pub(crate) kind: QuoteFaultKind,
    /// The cell, counted from 0.
    pub(crate) cell: usize,
    /// Line breaks of the row before the cell's first quote.
    pub(crate) lines_before: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum QuoteFaultKind {
    /// Something stands between the closing quote and the separator.
    AfterQuote,
    /// A quote inside of the cell is written with a backslash.
    Backslash,
    /// White space stands before the opening quote.
    SpaceBefore,
    /// The quote is never closed.
    Unclosed,
    /// The cell spans so many lines, and one of them, so many line breaks into the row, is a row of its own.
    Swallowed { lines: u64, row_after: u64 },
}

impl QuoteFault {
    /// The sentence about it; `line` is the one on which the row begins.
    pub(crate) fn message(&self, line: u64) -> String {
        match self.kind {
            QuoteFaultKind::AfterQuote => {
                "something stands between the closing quote and the separator; quotes inside a cell are doubled"
                    .to_owned()
            }
            QuoteFaultKind::Backslash => {
                "a quote is written with a backslash; quotes inside a cell are doubled: \"say \"\"hi\"\"\"".to_owned()
            }
            QuoteFaultKind::SpaceBefore => {
                "white space stands before the opening quote, so the quote counts as text; remove the white space"
                    .to_owned()
            }
            QuoteFaultKind::Unclosed => {
                "the quote that opens here is never closed, so the rest of the file is one cell".to_owned()
            }
            QuoteFaultKind::Swallowed { lines, row_after } => format!(
                "the quoted cell spans {lines} lines, and line {} looks like a row of its own; close the quote, or remove it",
                line + row_after
            ),
        }
    }
}

/// The first quote of a row that is not where it may be. `is_row` says whether a line is a row of its own.
pub(crate) fn quote_fault(raw: &[u8], separator: u8, is_row: impl Fn(&[u8]) -> bool) -> Option<QuoteFault> {
    let (mut at, mut cell, mut lines_before) = (0, 0, 0);
    loop {
        let fault = |kind| Some(QuoteFault { kind, cell, lines_before });
        if raw.get(at) == Some(&b'"') {
            let Some(end) = closing_quote(raw, at) else { return fault(QuoteFaultKind::Unclosed) };
            let breaks = line_breaks(&raw[at..end]);
            if breaks > 0
                && let Some(nth) = lines_after(&raw[at..]).take(breaks as usize).position(&is_row)
            {
                let row_after = lines_before + nth as u64 + 1;
                return fault(QuoteFaultKind::Swallowed { lines: breaks + 1, row_after });
            }
            match raw.get(end + 1) {
                None => return None,
                Some(next) if *next == separator => {}
                Some(_) if raw[at + 1..end].ends_with(b"\\") => return fault(QuoteFaultKind::Backslash),
                Some(_) => return fault(QuoteFaultKind::AfterQuote),
            }
            lines_before += breaks;
            at = end + 2;
        } else {
            let rest = &raw[at..];
            let end = rest.iter().position(|byte| *byte == separator);
            let text = &rest[..end.unwrap_or(rest.len())];
            if text.trim_ascii_start().starts_with(b"\"") {
                return fault(QuoteFaultKind::SpaceBefore);
            }
            if text.windows(2).any(|pair| pair == b"\\\"") {
                return fault(QuoteFaultKind::Backslash);
            }
            at += end? + 1;
        }
        cell += 1;
    }
}

/// Where the quote is that closes the one at `open`.
fn closing_quote(raw: &[u8], open: usize) -> Option<usize> {
    let mut at = open + 1;
    loop {
        at += raw.get(at..)?.iter().position(|byte| *byte == b'"')?;
        if raw.get(at + 1) != Some(&b'"') {
            return Some(at);
        }
        at += 2;
    }
}

/// The lines of a text after its first.
fn lines_after(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = next_line(text);
    std::iter::from_fn(move || {
        let line = rest?;
        let end = line.iter().position(|byte| matches!(byte, b'\n' | b'\r')).unwrap_or(line.len());
        rest = next_line(line);
        Some(&line[..end])
    })
}

/// What comes after the first line break of a text.
fn next_line(text: &[u8]) -> Option<&[u8]> {
    let at = text.iter().position(|byte| matches!(byte, b'\n' | b'\r'))?;
    let length = if text[at..].starts_with(b"\r\n") { 2 } else { 1 };
    Some(&text[at + length..])
}

/// How many line breaks a text has; `\r\n` is one.
pub(crate) fn line_breaks(text: &[u8]) -> u64 {
    let mut count = 0;
    let mut after_return = false;
    for byte in text {
        match byte {
            b'\n' if after_return => {}
            b'\n' | b'\r' => count += 1,
            _ => {}
        }
        after_return = *byte == b'\r';
    }
    count
}

/// The cells of one line by itself; a quote that is not closed in it ends with it.
pub(crate) fn cells_of(line: &[u8], separator: u8) -> Vec<Vec<u8>> {
    let mut cells = vec![Vec::new()];
    let (mut quoted, mut at_start, mut at) = (false, true, 0);
    while let Some(byte) = line.get(at) {
        let Some(cell) = cells.last_mut() else { break };
        at += 1;
        if quoted {
            match (byte, line.get(at)) {
                (b'"', Some(b'"')) => {
                    cell.push(b'"');
                    at += 1;
                }
                (b'"', _) => quoted = false,
                _ => cell.push(*byte),
            }
        } else if *byte == separator {
            cells.push(Vec::new());
            at_start = true;
            continue;
        } else if *byte == b'"' && at_start {
            quoted = true;
        } else {
            cell.push(*byte);
        }
        at_start = false;
    }
    cells
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn first_line_shows_the_separator() {
        for (text, expected) in [
            ("SMS,name\n1;2;3", (b',', 0)),
            ("SMS;name;code\n", (b';', 0)),
            ("SMS\tname\n", (b'\t', 0)),
            ("SMS|name\n", (b'|', 0)),
            ("SMS", (b',', 0)),
            ("SMS;\"a,b,c\"\n", (b';', 0)),
            ("\r\nSMS;name\n", (b';', 0)),
            ("sep=;\nSMS,name\n", (b';', 5)),
            ("SEP=,\r\nSMS;name\n", (b',', 5)),
            ("\"sep=\t\"\nSMS,name\n", (b'\t', 7)),
            ("sep=x\n", (b',', 0)),
            ("", (b',', 0)),
        ] {
            assert_eq!(separator(text.as_bytes()), expected, "{text:?}");
        }
    }

    #[track_caller]
    fn check(raw: &str, expected: Option<(QuoteFaultKind, usize, u64)>) {
        let found = quote_fault(raw.as_bytes(), b',', |line| line.starts_with(b"+1555"));
        assert_eq!(found.map(|fault| (fault.kind, fault.cell, fault.lines_before)), expected, "{raw:?}");
    }

    #[test]
    fn quotes_stand_where_they_may_or_are_named() {
        use QuoteFaultKind::{AfterQuote, Backslash, SpaceBefore, Swallowed, Unclosed};
        check("a,b", None);
        check("a,\"b\"", None);
        check("\"a\",\"b \"\"c\"\"\",\"\"", None);
        check("5\" pipe,b", None);
        check("\"C:\\\",b", None);
        check("\"two\nlines\",b", None);
        check("\"a\"x,b", Some((AfterQuote, 0, 0)));
        check("a,\"b\" ", Some((AfterQuote, 1, 0)));
        check("a,\"say \\\"hi\\\"\"", Some((Backslash, 1, 0)));
        check("a,say \\\"hi\\\"", Some((Backslash, 1, 0)));
        check("a, \"b\"", Some((SpaceBefore, 1, 0)));
        check("a,\"b", Some((Unclosed, 1, 0)));
        check("\"a\nb\",c,\"d", Some((Unclosed, 2, 1)));
        check("+15550000003,\"Al, +1\n+15550000004,Zed\"", Some((Swallowed { lines: 2, row_after: 1 }, 1, 0)));
        check("\"a\r\nb\",\"c\r\nd\r\n+1555\"", Some((Swallowed { lines: 3, row_after: 3 }, 1, 1)));
    }

    #[test]
    fn line_by_itself_has_cells() {
        let cells = |line: &str| -> Vec<String> {
            cells_of(line.as_bytes(), b',').into_iter().map(|cell| String::from_utf8(cell).unwrap()).collect()
        };
        assert_eq!(cells("a,\"b,\"\"c\",d\"e,"), ["a", "b,\"c", "d\"e", ""]);
        assert_eq!(cells("a,\"b,c"), ["a", "b,c"]);
        assert_eq!(cells(""), [""]);
    }
}
