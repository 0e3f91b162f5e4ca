//! What a file is, by its first bytes: the one look at every input.

use std::fmt;

use thiserror::Error;

/// The byte order mark of UTF-8, which some editors write first.
pub(crate) const MARK: &[u8] = b"\xEF\xBB\xBF";

/// A file that is not text in UTF-8: what it is instead, and the way out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Error)]
#[non_exhaustive]
pub enum NotText {
    /// UTF-16 with a byte order mark, which Excel calls "Unicode text".
    #[error("the file is in UTF-16, not UTF-8")]
    Utf16,
    /// UTF-16 without a mark, the low byte first, as Windows writes it.
    #[error("the file is in UTF-16 (little-endian, without a mark), not UTF-8")]
    Utf16Le,
    /// UTF-16 without a mark, the high byte first.
    #[error("the file is in UTF-16 (big-endian, without a mark), not UTF-8")]
    Utf16Be,
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
    /// A text document or a presentation: `.docx`, `.pptx`, `.odt`, `.odp` and their kin.
    #[error("the file is an Office document (such as docx or pptx), not CSV")]
    Document,
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
    /// A text with one or two bytes a letter in an encoding from before UTF-8, such as Windows-1251 or Shift_JIS.
    #[error("the file is in an old encoding, not UTF-8")]
    OldEncoding,
    /// An archive of 7-Zip.
    #[error("the file is a 7-Zip archive, not text")]
    SevenZip,
    /// A RAR archive.
    #[error("the file is a RAR archive, not text")]
    Rar,
    /// A document of a word processor (`.rtf`).
    #[error("the file is a document (RTF), not CSV or JSON")]
    Rtf,
    /// A database of SQLite.
    #[error("the file is an SQLite database, not CSV or JSON")]
    Sqlite,
    /// Columns in Parquet.
    #[error("the file is in Parquet, not CSV or JSON")]
    Parquet,
    /// Columns in Arrow's file format, also called Feather.
    #[error("the file is in Arrow (Feather), not CSV or JSON")]
    Arrow,
    /// Records in Avro.
    #[error("the file is in Avro, not CSV or JSON")]
    Avro,
    /// A picture: PNG, JPEG or GIF.
    #[error("the file is a picture, not text")]
    Picture,
    /// Another file that is not text.
    #[error("the file is not text")]
    Binary,
    /// A page of HTML, or XML.
    #[error("the file is HTML or XML, not CSV or JSON")]
    Markup,
    /// Bytes that are not text in UTF-8.
    #[error("the file is not text in UTF-8")]
    Other,
}

impl NotText {
    /// Advice on what to type or do, for a file of this name.
    pub fn hint(self, file: impl fmt::Display) -> String {
        let file = file.to_string();
        let kind = extension_of(&file);
        let iconv = |from: &str| {
            let excel = if kind == "csv" { "; or in Excel: Save As, CSV UTF-8" } else { "" };
            format!("convert it: iconv -f {from} -t UTF-8 {file} > utf8.{kind}{excel}")
        };
        let unpack = |tool: &str| format!("unpack it: {tool} -dc {file} > unpacked.{kind}");
        match self {
            Self::Utf16 => iconv("UTF-16"),
            // Without a mark iconv takes the order of the machine, which need not be that of the file.
            Self::Utf16Le => iconv("UTF-16LE"),
            Self::Utf16Be => iconv("UTF-16BE"),
            Self::Utf32 => iconv("UTF-32"),
            Self::Windows1252 => iconv("WINDOWS-1252"),
            Self::Xlsx | Self::Xls | Self::Ods => "open it, and save the sheet as CSV UTF-8".to_owned(),
            Self::Zip => format!("unpack it, and name the file in it: unzip {file}"),
            Self::Gzip => unpack("gzip"),
            Self::Bzip2 => unpack("bzip2"),
            Self::Xz => unpack("xz"),
            Self::Zstd => unpack("zstd"),
            Self::SevenZip => format!("unpack it, and name the file in it: 7z x {file}"),
            Self::Rar => format!("unpack it, and name the file in it: unrar x {file}"),
            Self::OldEncoding => {
                format!(
                    "save it as CSV UTF-8 where it was made; or, if you know its encoding: iconv -f ENCODING -t UTF-8 {file} > utf8.{kind}"
                )
            }
            Self::Sqlite => format!("export the table: sqlite3 -header -csv {file} 'SELECT * FROM …' > people.csv"),
            Self::Parquet | Self::Arrow | Self::Avro => "export it as CSV or JSON lines where it was made".to_owned(),
            Self::Pdf | Self::Document | Self::Markup | Self::Rtf | Self::Picture | Self::Binary | Self::Other => {
                "name a CSV or JSON file in UTF-8".to_owned()
            }
        }
    }
}

/// What the text in a file of this name is, compressed or not: `csv` unless the name says otherwise.
fn extension_of(file: &str) -> &str {
    let bare = [".gz", ".bz2", ".xz", ".zst"].iter().find_map(|end| file.strip_suffix(end)).unwrap_or(file);
    let extension = bare.rsplit_once('.').map_or("", |(_, extension)| extension);
    ["json", "jsonl", "ndjson", "env"].into_iter().find(|known| extension.eq_ignore_ascii_case(known)).unwrap_or("csv")
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
    std::str::from_utf8(bare).map_err(|_| encoding(bare).unwrap_or(NotText::Other))
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
    match encoding(bare) {
        Some(kind) if whole => Err(kind),
        _ => Ok(()),
    }
}

/// How many bytes a byte order mark takes.
pub(crate) fn mark_length(bytes: &[u8]) -> usize {
    if bytes.starts_with(MARK) { MARK.len() } else { 0 }
}

fn by_first_bytes(bytes: &[u8]) -> Option<NotText> {
    let has = |what: &[u8]| bytes[..bytes.len().min(64 * 1024)].windows(what.len()).any(|window| window == what);
    let text = bytes[mark_length(bytes)..].trim_ascii_start();
    let begins = |what: &str| text.get(..what.len()).is_some_and(|text| text.eq_ignore_ascii_case(what.as_bytes()));
    Some(match bytes {
        [0xFF, 0xFE, 0, 0, ..] | [0, 0, 0xFE, 0xFF, ..] => NotText::Utf32,
        [0xFF, 0xFE, ..] | [0xFE, 0xFF, ..] => NotText::Utf16,
        [b'P', b'K', 3, 4, ..] | [b'P', b'K', 5, 6, ..] if has(b"opendocument.spreadsheet") => NotText::Ods,
        [b'P', b'K', 3, 4, ..] if has(b"vnd.oasis.opendocument") => NotText::Document,
        // Names of entries: every Office file has the last one, and each kind a folder of its own.
        [b'P', b'K', 3, 4, ..] if has(b"word/") || has(b"ppt/") || has(b"visio/") => NotText::Document,
        [b'P', b'K', 3, 4, ..] if has(b"xl/w") || has(b"xl/_rels") || has(b"[Content_Types].xml") => NotText::Xlsx,
        [b'P', b'K', 3, 4, ..] | [b'P', b'K', 5, 6, ..] => NotText::Zip,
        [0x1F, 0x8B, 8, ..] => NotText::Gzip,
        [0xD0, 0xCF, 0x11, 0xE0, ..] => NotText::Xls,
        [b'B', b'Z', b'h', b'1'..=b'9', b'1', ..] => NotText::Bzip2,
        [0xFD, b'7', b'z', b'X', b'Z', 0, ..] => NotText::Xz,
        [0x28, 0xB5, 0x2F, 0xFD, ..] => NotText::Zstd,
        [b'%', b'P', b'D', b'F', b'-', ..] => NotText::Pdf,
        [b'7', b'z', 0xBC, 0xAF, 0x27, 0x1C, ..] => NotText::SevenZip,
        [b'R', b'a', b'r', b'!', 0x1A, 7, ..] => NotText::Rar,
        _ if bytes.starts_with(b"SQLite format 3\0") => NotText::Sqlite,
        // A control character follows: in a header that begins with this name it would be a letter.
        [b'P', b'A', b'R', b'1', next, ..] if next.is_ascii_control() && !next.is_ascii_whitespace() => {
            NotText::Parquet
        }
        _ if bytes.starts_with(b"ARROW1\0\0") => NotText::Arrow,
        [b'O', b'b', b'j', 1, ..] => NotText::Avro,
        [0x89, b'P', b'N', b'G', ..] | [0xFF, 0xD8, 0xFF, ..] => NotText::Picture,
        _ if bytes.starts_with(b"GIF87a") || bytes.starts_with(b"GIF89a") => NotText::Picture,
        _ if begins("{\\rtf") => NotText::Rtf,
        _ if is_markup(text) => NotText::Markup,
        _ if is_utf_32(bytes) => NotText::Utf32,
        _ if is_utf_16(bytes, 0) => NotText::Utf16Le,
        _ if is_utf_16(bytes, 1) => NotText::Utf16Be,
        _ if is_binary(bytes) => NotText::Binary,
        _ => return None,
    })
}

/// Whether a text begins with a tag.
fn is_markup(text: &[u8]) -> bool {
    let line = text.split(|byte| *byte == b'\n').next().unwrap_or_default();
    matches!(line, [b'<', next, ..] if next.is_ascii_alphabetic() || matches!(next, b'!' | b'?'))
        && line.contains(&b'>')
}

/// Whether the first line holds more than one byte of 0, which no text has.
fn is_binary(bytes: &[u8]) -> bool {
    let line = bytes.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let line = &line[..line.len().min(64)];
    // One 0 may be a slip in a cell; a header has none.
    line.iter().filter(|byte| **byte == 0).count() > 1
}

/// Whether three of every four bytes are 0, as in UTF-32 without a mark.
fn is_utf_32(bytes: &[u8]) -> bool {
    let quads = bytes[..bytes.len().min(64)].chunks_exact(4);
    quads.len() >= 4
        && (quads.clone().all(|quad| quad[0] != 0 && quad[2..] == [0, 0])
            || quads.clone().all(|quad| quad[3] != 0 && quad[..2] == [0, 0]))
}

/// Whether of every two bytes only this one is not 0, as in UTF-16 without a mark: the first one if the low byte
/// comes first.
fn is_utf_16(bytes: &[u8], low: usize) -> bool {
    let mut pairs = bytes[..bytes.len().min(64)].chunks_exact(2);
    pairs.len() >= 4 && pairs.all(|pair| pair[low] != 0 && pair[1 - low] == 0)
}

/// The encoding of bytes that are not UTF-8, as far as they show it; none if they are a mixture, or no text.
fn encoding(bytes: &[u8]) -> Option<NotText> {
    let mut rest = bytes;
    let (mut letters, mut others, mut multibyte) = (0, 0, 0);
    // Which bytes are others: one and the same all over is no encoding.
    let mut kinds = 0_u128;
    // How many bytes of them stand side by side, and whether the last was a letter.
    let (mut run, mut after_letter) = (0, false);
    while let Err(error) = std::str::from_utf8(rest) {
        let (valid, broken) = rest.split_at(error.valid_up_to());
        multibyte += valid.iter().filter(|byte| **byte >= 0xC0).count();
        let (byte, next) = broken.split_first()?;
        run = if valid.is_empty() { run + 1 } else { 1 };
        // Letters of Western Europe stand alone; several in a row are those of another alphabet.
        match byte {
            0xC0..=0xFD if run == 1 || run == 2 && !after_letter => letters += 1,
            // Quotes, dashes, the euro, and signs.
            0x80 | 0x85 | 0x91..=0x97 | 0x99 | 0xA0..=0xBF if run <= 2 => letters += 1,
            _ => {
                others += 1;
                kinds |= 1 << (byte & 0x7F);
            }
        }
        after_letter = matches!(byte, 0xC0..=0xFD);
        rest = next;
    }
    let control = |byte: &u8| *byte < b' ' && !matches!(byte, b'\t' | b'\r' | b'\n' | 0x1A);
    multibyte += rest.iter().filter(|byte| **byte >= 0xC0).count();
    // Where more than a few letters are UTF-8, which is no accident, it is a mixture.
    if multibyte * 4 > letters + others || bytes.iter().any(control) || (letters == 0 && kinds.count_ones() < 2) {
        return None;
    }
    Some(if others * 4 > letters || multibyte > 0 { NotText::OldEncoding } else { NotText::Windows1252 })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn file_is_named_by_its_first_bytes() {
        let utf_16 = |text: &str| text.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<_>>();
        for (bytes, expected) in [
            (utf_16("\u{feff}SMS,name\n"), Some(NotText::Utf16)),
            (utf_16("SMS,name\n"), Some(NotText::Utf16Le)),
            (b"\0S\0M\0S\0,\0n\0\n".to_vec(), Some(NotText::Utf16Be)),
            (b"\xFE\xFF\0S".to_vec(), Some(NotText::Utf16)),
            (b"\xFF\xFE\0\0S\0\0\0".to_vec(), Some(NotText::Utf32)),
            (b"PK\x03\x04....[Content_Types].xml".to_vec(), Some(NotText::Xlsx)),
            (b"PK\x03\x04....mimetypeapplication/vnd.oasis.opendocument.spreadsheet".to_vec(), Some(NotText::Ods)),
            (b"PK\x03\x04..[Content_Types].xml..PK\x03\x04..word/document.xml".to_vec(), Some(NotText::Document)),
            (b"PK\x03\x04..[Content_Types].xml..PK\x03\x04..ppt/slides/slide1.xml".to_vec(), Some(NotText::Document)),
            (b"PK\x03\x04..docProps/app.xml..PK\x03\x04..xl/worksheets/sheet1.xml".to_vec(), Some(NotText::Xlsx)),
            (b"PK\x03\x04....mimetypeapplication/vnd.oasis.opendocument.text".to_vec(), Some(NotText::Document)),
            (b"PK\x03\x04....people.csv".to_vec(), Some(NotText::Zip)),
            (b"\x1F\x8B\x08\0".to_vec(), Some(NotText::Gzip)),
            (b"\xD0\xCF\x11\xE0\xA1\xB1".to_vec(), Some(NotText::Xls)),
            (b"%PDF-1.7".to_vec(), Some(NotText::Pdf)),
            (b"\n<!DOCTYPE html>".to_vec(), Some(NotText::Markup)),
            (b"SMS,pr\xE9nom\n+15550100001,x\n".to_vec(), Some(NotText::Windows1252)),
            (b"SMS,name\n1,Ren\xE9\n2,Zo\xEB\n".to_vec(), Some(NotText::Windows1252)),
            (b"SMS,name\n1,Ren\xE9\n".to_vec(), None),
            (b"SMS,name\n1,\xCF\xB8\xF2\xF0\n2,\xC8\xE2\xE0\xED\n".to_vec(), Some(NotText::OldEncoding)),
            (b"SMS,name\n1,\x8ER\x93c\n2,\x97\xE9\x96\xD8\n".to_vec(), Some(NotText::OldEncoding)),
            (b"SMS,name\n1,M\x81ller\n2,J\x84ger\n".to_vec(), Some(NotText::OldEncoding)),
            (b"SMS,name\n1,O\x92Neil\n2,\x93Zo\xEB\x94\n".to_vec(), Some(NotText::Windows1252)),
            (b"SMS,name\n1,\x01\xFF\n2,\xFF\n".to_vec(), None),
            (b"S\0\0\0M\0\0\0S\0\0\0\n\0\0\0".to_vec(), Some(NotText::Utf32)),
            (b"7z\xBC\xAF\x27\x1C\0\x04".to_vec(), Some(NotText::SevenZip)),
            (b"Rar!\x1A\x07\x01".to_vec(), Some(NotText::Rar)),
            (b"{\\rtf1\\ansi".to_vec(), Some(NotText::Rtf)),
            (b"<table><tr>".to_vec(), Some(NotText::Markup)),
            (b"SQLite format 3\0\x10\0".to_vec(), Some(NotText::Sqlite)),
            (b"PAR1\x15\x04\x15".to_vec(), Some(NotText::Parquet)),
            (b"PAR1,SMS\n".to_vec(), None),
            (b"PAR1\nx\n".to_vec(), None),
            (b"ARROW1\0\0".to_vec(), Some(NotText::Arrow)),
            (b"Obj\x01\x04".to_vec(), Some(NotText::Avro)),
            (b"\x89PNG\r\n".to_vec(), Some(NotText::Picture)),
            (b"\xFF\xD8\xFF\xE0\0\x10JFIF".to_vec(), Some(NotText::Picture)),
            (b"GIF89a".to_vec(), Some(NotText::Picture)),
            (b"\x7FELF\x02\x01\x01\0\0\0".to_vec(), Some(NotText::Binary)),
            (b"SMS,na\0me\n".to_vec(), None),
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
        for (kind, file, hint) in [
            (NotText::Utf16, "people.csv", "iconv -f UTF-16 -t UTF-8 people.csv > utf8.csv; or in Excel"),
            (NotText::Utf16Le, "p.csv", "iconv -f UTF-16LE -t UTF-8 p.csv"),
            (NotText::Utf16Be, "p.csv", "iconv -f UTF-16BE -t UTF-8 p.csv"),
            (NotText::Utf16, "m.json", "iconv -f UTF-16 -t UTF-8 m.json > utf8.json"),
            (NotText::Gzip, "p.jsonl.gz", "gzip -dc p.jsonl.gz > unpacked.jsonl"),
            (NotText::Gzip, "people.gz", "> unpacked.csv"),
        ] {
            assert!(kind.hint(file).contains(hint), "{}", kind.hint(file));
        }
        assert!(!NotText::Utf16.hint("m.json").contains("Excel"));
    }
}
