//! What a file is, by its first bytes: the one look at every input.

use std::fmt;

use thiserror::Error;

/// The byte order mark of UTF-8, which some editors write first.
pub(crate) const MARK: &[u8] = b"\xEF\xBB\xBF";

/// A file that is not text in UTF-8: what it is instead, and the way out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Error)]
#[non_exhaustive]
pub enum NotText {
    /// UTF-16, which Excel calls "Unicode text".
    #[error("the file is in UTF-16, not UTF-8")]
    Utf16,
    /// UTF-32.
    #[error("the file is in UTF-32, not UTF-8")]
    Utf32,
    /// Windows-1252 or another code page with one byte a letter.
    #[error("the file looks like Windows-1252, not UTF-8")]
    Windows1252,
    /// A workbook of Excel (`.xlsx`).
    #[error("the file is an Excel workbook (xlsx), not CSV")]
    Xlsx,
    /// A workbook of an old Excel (`.xls`).
    #[error("the file is an old Excel workbook (xls), not CSV")]
    Xls,
    /// A spreadsheet of LibreOffice (`.ods`).
    #[error("the file is an OpenDocument spreadsheet (ods), not CSV")]
    Ods,
    /// A ZIP archive.
    #[error("the file is a ZIP archive, not text")]
    Zip,
    /// Compressed with gzip.
    #[error("the file is compressed with gzip")]
    Gzip,
    /// Compressed with bzip2.
    #[error("the file is compressed with bzip2")]
    Bzip2,
    /// Compressed with xz.
    #[error("the file is compressed with xz")]
    Xz,
    /// Compressed with Zstandard.
    #[error("the file is compressed with zstd")]
    Zstd,
    /// A PDF document.
    #[error("the file is a PDF document, not text")]
    Pdf,
    /// A page of HTML, or XML.
    #[error("the file is HTML or XML, not CSV or JSON")]
    Markup,
    /// Bytes that are not text in UTF-8.
    #[error("the file is not text in UTF-8")]
    Other,
}

impl NotText {
    /// What to type or do, for a file of this name.
    pub fn hint(self, file: impl fmt::Display) -> String {
        let iconv = |from: &str| {
            format!("convert it: iconv -f {from} -t UTF-8 {file} > utf8.csv; or in Excel: Save As, CSV UTF-8")
        };
        let unpack = |tool: &str| format!("unpack it: {tool} -dc {file} > unpacked.csv");
        match self {
            Self::Utf16 => iconv("UTF-16"),
            Self::Utf32 => iconv("UTF-32"),
            Self::Windows1252 => iconv("WINDOWS-1252"),
            Self::Xlsx | Self::Xls | Self::Ods => "open it, and save the sheet as CSV UTF-8".to_owned(),
            Self::Zip => format!("unpack it, and name the file in it: unzip {file}"),
            Self::Gzip => unpack("gzip"),
            Self::Bzip2 => unpack("bzip2"),
            Self::Xz => unpack("xz"),
            Self::Zstd => unpack("zstd"),
            Self::Pdf | Self::Markup | Self::Other => "name a CSV or JSON file in UTF-8".to_owned(),
        }
    }
}

/// The bytes of a text in UTF-8 without a byte order mark, or what they are instead.
///
/// ```
/// use sinch_batch_recipients::{NotText, text};
///
/// assert_eq!(text(b"\xEF\xBB\xBF{}"), Ok("{}"));
/// assert_eq!(text(b"\xFF\xFE{\0}\0"), Err(NotText::Utf16));
/// ```
///
/// # Errors
/// [`NotText`] if they are not UTF-8.
pub fn text(bytes: &[u8]) -> Result<&str, NotText> {
    let bare = &bytes[mark_length(bytes)..];
    if let Some(kind) = by_first_bytes(bytes) {
        return Err(kind);
    }
    std::str::from_utf8(bare).map_err(|_| if is_windows_1252(bare) { NotText::Windows1252 } else { NotText::Other })
}

/// Looks at the first bytes of a file that is read row by row.
pub(crate) fn first_bytes(bytes: &[u8]) -> Result<(), NotText> {
    if let Some(kind) = by_first_bytes(bytes) {
        return Err(kind);
    }
    let bare = &bytes[mark_length(bytes)..];
    match std::str::from_utf8(bare) {
        // A letter may be cut at the end of what was read.
        Err(error) if error.error_len().is_some() => {}
        _ => return Ok(()),
    }
    let broken = |line: &[u8]| std::str::from_utf8(line).is_err();
    let mut lines = bare.split(|byte| *byte == b'\n').filter(|line| !line.trim_ascii().is_empty());
    let header = lines.next().is_some_and(broken);
    // One row in another encoding was pasted in; it is a finding of that row.
    let whole = header || lines.filter(|line| broken(line)).nth(1).is_some();
    if whole && is_windows_1252(bare) { Err(NotText::Windows1252) } else { Ok(()) }
}

/// How many bytes a byte order mark takes.
pub(crate) fn mark_length(bytes: &[u8]) -> usize {
    if bytes.starts_with(MARK) { MARK.len() } else { 0 }
}

fn by_first_bytes(bytes: &[u8]) -> Option<NotText> {
    let has = |what: &[u8]| bytes[..bytes.len().min(4096)].windows(what.len()).any(|window| window == what);
    let text = bytes[mark_length(bytes)..].trim_ascii_start();
    let begins = |what: &str| text.get(..what.len()).is_some_and(|text| text.eq_ignore_ascii_case(what.as_bytes()));
    Some(match bytes {
        [0xFF, 0xFE, 0, 0, ..] | [0, 0, 0xFE, 0xFF, ..] => NotText::Utf32,
        [0xFF, 0xFE, ..] | [0xFE, 0xFF, ..] => NotText::Utf16,
        [b'P', b'K', 3, 4, ..] | [b'P', b'K', 5, 6, ..] if has(b"opendocument.spreadsheet") => NotText::Ods,
        [b'P', b'K', 3, 4, ..] if has(b"[Content_Types].xml") || has(b"xl/") => NotText::Xlsx,
        [b'P', b'K', 3, 4, ..] | [b'P', b'K', 5, 6, ..] => NotText::Zip,
        [0x1F, 0x8B, 8, ..] => NotText::Gzip,
        [0xD0, 0xCF, 0x11, 0xE0, ..] => NotText::Xls,
        [b'B', b'Z', b'h', b'1'..=b'9', b'1', ..] => NotText::Bzip2,
        [0xFD, b'7', b'z', b'X', b'Z', 0, ..] => NotText::Xz,
        [0x28, 0xB5, 0x2F, 0xFD, ..] => NotText::Zstd,
        [b'%', b'P', b'D', b'F', b'-', ..] => NotText::Pdf,
        _ if begins("<!doctype") || begins("<html") || begins("<?xml") => NotText::Markup,
        _ if is_utf_16(bytes) => NotText::Utf16,
        _ => return None,
    })
}

/// Whether every other byte is 0, as in UTF-16 without a mark.
fn is_utf_16(bytes: &[u8]) -> bool {
    let pairs = bytes[..bytes.len().min(64)].chunks_exact(2);
    pairs.len() >= 4
        && (pairs.clone().all(|pair| pair[0] != 0 && pair[1] == 0)
            || pairs.clone().all(|pair| pair[0] == 0 && pair[1] != 0))
}

/// Whether bytes that are not UTF-8 are letters and signs of Windows-1252, and none are UTF-8.
fn is_windows_1252(bytes: &[u8]) -> bool {
    let mut rest = bytes;
    loop {
        match std::str::from_utf8(rest) {
            Ok(text) => return text.is_ascii(),
            Err(error) => {
                let (valid, broken) = rest.split_at(error.valid_up_to());
                let is_sign = |byte: &u8| matches!(byte, 0x80 | 0x82..=0x8C | 0x8E | 0x91..=0x9C | 0x9E..=0xFD);
                if !valid.is_ascii() || !broken.first().is_some_and(is_sign) {
                    return false;
                }
                rest = &broken[1..];
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn file_is_named_by_its_first_bytes() {
        let utf_16 = |text: &str| text.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<_>>();
        for (bytes, expected) in [
            (utf_16("\u{feff}SMS,name\n"), Some(NotText::Utf16)),
            (utf_16("SMS,name\n"), Some(NotText::Utf16)),
            (b"\xFE\xFF\0S".to_vec(), Some(NotText::Utf16)),
            (b"\xFF\xFE\0\0S\0\0\0".to_vec(), Some(NotText::Utf32)),
            (b"PK\x03\x04....[Content_Types].xml".to_vec(), Some(NotText::Xlsx)),
            (b"PK\x03\x04....mimetypeapplication/vnd.oasis.opendocument.spreadsheet".to_vec(), Some(NotText::Ods)),
            (b"PK\x03\x04....people.csv".to_vec(), Some(NotText::Zip)),
            (b"\x1F\x8B\x08\0".to_vec(), Some(NotText::Gzip)),
            (b"\xD0\xCF\x11\xE0\xA1\xB1".to_vec(), Some(NotText::Xls)),
            (b"%PDF-1.7".to_vec(), Some(NotText::Pdf)),
            (b"\n<!DOCTYPE html>".to_vec(), Some(NotText::Markup)),
            (b"SMS,pr\xE9nom\n+15550100001,x\n".to_vec(), Some(NotText::Windows1252)),
            (b"SMS,name\n1,Ren\xE9\n2,Zo\xEB\n".to_vec(), Some(NotText::Windows1252)),
            (b"SMS,name\n1,Ren\xE9\n".to_vec(), None),
            (b"SMS,name\n1,\xFF\n2,\xFF\n".to_vec(), None),
            ("SMS,name\n1,René\n".as_bytes().to_vec(), None),
            (b"SMS,name\n1,Ren\xC3".to_vec(), None),
            (b"\xEF\xBB\xBFSMS".to_vec(), None),
            (b"PK\n1\n".to_vec(), None),
            (Vec::new(), None),
        ] {
            assert_eq!(first_bytes(&bytes).err(), expected, "{bytes:?}");
        }
    }

    #[test]
    fn whole_text_is_read_or_named() {
        assert_eq!(text("\u{feff}é".as_bytes()), Ok("é"));
        assert_eq!(text(b"{\"a\": \"\xE9\"}"), Err(NotText::Windows1252));
        assert_eq!(text(b"a\xFF"), Err(NotText::Other));
        assert!(NotText::Utf16.hint("people.csv").contains("iconv -f UTF-16 -t UTF-8 people.csv"));
    }
}
