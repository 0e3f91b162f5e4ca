use std::io::{self, Cursor};

use csv_core::ReadRecordResult;

use super::classes;
use super::dialect::line_breaks;
use super::feed::Buffer;
use super::text::is_blank;
use super::{Broken, MAX_ROW_BYTES};

/// The records of a CSV file without the blank ones at its end.
///
/// A record of nothing but separators counts as a row only if another one follows: spreadsheets leave such
/// lines behind a table.
pub(crate) struct Records {
    now: RawRecords,
    separator: u8,
    /// Blank records that wait for another one to follow, in runs of equal ones on lines in a row.
    held: Vec<Held>,
    /// A blank record that another one has followed, and that is handed out now.
    again: Option<Box<(RawRecords, Buffer)>>,
    blank: u64,
}

struct Held {
    raw: Vec<u8>,
    line: u64,
    count: u64,
}

impl Records {
    pub(crate) fn new(separator: u8) -> Self {
        Self { now: RawRecords::new(separator), separator, held: Vec::new(), again: None, blank: 0 }
    }

    /// Leaves out so many bytes of the first line, which are not a record.
    pub(crate) fn pass_first_line(&mut self, feed: &mut Buffer, length: usize) {
        if length > 0 {
            feed.drop_first(length);
        }
    }

    fn at(&self) -> &RawRecords {
        self.again.as_ref().map_or(&self.now, |again| &again.0)
    }

    pub(crate) fn separator(&self) -> u8 {
        self.separator
    }

    /// How many blank records the end of the file had; known at the end.
    pub(crate) fn blank_rows(&self) -> u64 {
        self.blank
    }

    /// The line on which the record begins; after an error, the line that could not be read.
    pub(crate) fn line(&self) -> u64 {
        self.at().line
    }

    /// Raw length of the record with its line break, of which `\r\n` counts with its first byte alone.
    #[inline]
    pub(crate) fn taken(&self) -> usize {
        // A blank record has been let go already; no batch begins or ends with one.
        if self.again.is_some() { 0 } else { self.now.taken }
    }

    /// How many fields the record has.
    pub(crate) fn len(&self) -> usize {
        self.at().fields
    }

    /// A field, without its quotes; empty beyond the last.
    pub(crate) fn field(&self, index: usize) -> &[u8] {
        self.at().field(index)
    }

    /// The fields as text, if the whole record is UTF-8.
    #[inline]
    pub(crate) fn cells(&self) -> Option<Cells<'_>> {
        self.at().cells()
    }

    /// All classes of the bytes of the fields.
    #[inline]
    pub(crate) fn classes(&self) -> u8 {
        self.at().classes
    }

    /// Whether the record has quotes, around its cells or in them.
    #[inline]
    pub(crate) fn has_quotes(&self) -> bool {
        let record = self.at();
        record.unclosed || record.classes & classes::QUOTE != 0 || !record.is_plain()
    }

    /// The record as it stands in the file, without its line break.
    pub(crate) fn raw<'a>(&'a self, feed: &'a Buffer) -> &'a [u8] {
        match &self.again {
            Some(again) => again.0.raw(&again.1),
            None => self.now.raw(feed),
        }
    }

    /// Reads the header, however blank.
    pub(crate) fn read_header(&mut self, feed: &mut Buffer) -> Result<bool, Broken> {
        self.now.read(feed)
    }

    /// Reads the next record; false at the end.
    pub(crate) fn read(&mut self, feed: &mut Buffer) -> Result<bool, Broken> {
        if self.again.take().is_some() {
            self.next_held()?;
            return Ok(true);
        }
        while self.now.read(feed)? {
            if !self.now.is_blank() {
                if !self.held.is_empty() {
                    self.held.reverse();
                    self.next_held()?;
                }
                return Ok(true);
            }
            let (raw, line) = (self.now.raw(feed), self.now.line);
            match self.held.last_mut() {
                Some(last) if last.raw == raw && last.line + last.count == line => last.count += 1,
                _ => self.held.push(Held { raw: raw.to_vec(), line, count: 1 }),
            }
        }
        self.blank += self.held.drain(..).map(|held| held.count).sum::<u64>();
        Ok(false)
    }

    /// Hands out the next blank record that was held, if there is one left.
    fn next_held(&mut self) -> Result<(), Broken> {
        let Some(held) = self.held.last_mut() else { return Ok(()) };
        let mut own = Buffer::new(Box::new(Cursor::new(held.raw.clone())));
        let mut again = RawRecords::new(self.separator);
        again.next_line = held.line;
        held.line += 1;
        held.count -= 1;
        if held.count == 0 {
            self.held.pop();
        }
        again.read(&mut own)?;
        self.again = Some(Box::new((again, own)));
        Ok(())
    }
}

/// The records of a CSV file, one at a time in buffers that are used again.
///
/// The parser is that of the `csv` crate. It is fed from a buffer of ours because two things are
/// needed that the crate's reader does not give: the raw bytes of a record, and the line on which it
/// begins after blank lines and `\r\n`. A record without quotes is its line cut at the separators, so it
/// needs no parser.
struct RawRecords {
    parser: csv_core::Reader,
    /// Whether the parser has read a record. It is to have the first, of which it drops a byte order mark.
    has_parsed: bool,
    /// The classes of each byte of a line.
    line_classes: Box<[u8; 256]>,
    /// The fields one after the other, unquoted, with so many bytes between them as `gap` says.
    text: Vec<u8>,
    ends: Vec<usize>,
    fields: usize,
    /// 1 if the text is the line as it stands, with its separators.
    gap: usize,
    /// All classes of the bytes of the fields.
    classes: u8,
    /// Raw length of the record, without its line break.
    raw: usize,
    /// What is to be let go before the next record: the raw length with the line break.
    taken: usize,
    line: u64,
    next_line: u64,
    after_return: bool,
    unclosed: bool,
}

impl RawRecords {
    fn new(separator: u8) -> Self {
        Self {
            parser: csv_core::ReaderBuilder::new().delimiter(separator).build(),
            has_parsed: false,
            line_classes: classes::of_line(separator),
            text: Vec::new(),
            ends: vec![0; 32],
            fields: 0,
            gap: 0,
            classes: 0,
            raw: 0,
            taken: 0,
            line: 1,
            next_line: 1,
            after_return: false,
            unclosed: false,
        }
    }

    /// A field, without its quotes; empty beyond the last.
    fn field(&self, index: usize) -> &[u8] {
        if index >= self.fields {
            return &[];
        }
        let start = index.checked_sub(1).map_or(0, |before| self.ends[before] + self.gap);
        &self.text[start..self.ends[index]]
    }

    /// The fields as text, if the whole record is UTF-8: many short fields are looked through at once.
    #[inline]
    fn cells(&self) -> Option<Cells<'_>> {
        let ends = &self.ends[..self.fields];
        let text = std::str::from_utf8(&self.text[..*ends.last()?]).ok()?;
        // A letter may not begin in one field and end in the next; with a separator between them it cannot.
        let is_cut = self.gap == 0 && !ends.iter().all(|end| text.is_char_boundary(*end));
        (!is_cut).then_some(Cells { text, ends, gap: self.gap })
    }

    /// All fields, one after the other, and what is kept between them.
    #[inline]
    fn text(&self) -> &[u8] {
        let end = self.ends[..self.fields].last().copied().unwrap_or_default();
        self.text.get(..end).unwrap_or_default()
    }

    /// Whether there is nothing to be seen in any field.
    #[inline]
    fn is_blank(&self) -> bool {
        // The first byte decides nearly every record.
        if self.unclosed || self.field(0).first().is_some_and(u8::is_ascii_graphic) {
            return false;
        }
        (0..self.fields).all(|index| std::str::from_utf8(self.field(index)).is_ok_and(is_blank))
    }

    /// The record as it stands in the file, without its line break.
    fn raw<'a>(&self, feed: &'a Buffer) -> &'a [u8] {
        feed.bytes().get(..self.raw).unwrap_or_default()
    }

    /// Reads the next record; false at the end.
    fn read(&mut self, feed: &mut Buffer) -> Result<bool, Broken> {
        feed.drop_first(self.taken);
        (self.taken, self.raw, self.fields) = (0, 0, 0);
        self.line = self.next_line;
        if !self.skip_line_breaks(feed)? {
            return Ok(false);
        }
        if self.has_parsed && self.read_line(feed.bytes()) {
            return if self.raw > MAX_ROW_BYTES { Err(Broken::TooLarge) } else { Ok(true) };
        }
        self.has_parsed = true;
        self.gap = 0;
        let mut read = 0;
        let mut written = 0;
        loop {
            let input = &feed.bytes()[read..];
            if input.is_empty() {
                if read > MAX_ROW_BYTES {
                    return Err(Broken::TooLarge);
                }
                if !feed.more()? {
                    self.end_of_file(written);
                    self.raw = read;
                    break;
                }
                continue;
            }
            if self.text.len() < written + input.len() {
                self.text.resize(written + input.len(), 0);
            }
            let (result, taken, put, ended) =
                self.parser.read_record(input, &mut self.text[written..], &mut self.ends[self.fields..]);
            read += taken;
            written += put;
            self.fields += ended;
            match result {
                ReadRecordResult::InputEmpty | ReadRecordResult::OutputFull => {}
                ReadRecordResult::OutputEndsFull => self.ends.resize(self.ends.len() * 2, 0),
                ReadRecordResult::Record | ReadRecordResult::End => {
                    self.raw = read.saturating_sub(1);
                    self.after_return = read.checked_sub(1).and_then(|last| feed.bytes().get(last)) == Some(&b'\r');
                    break;
                }
            }
        }
        if self.raw > MAX_ROW_BYTES {
            return Err(Broken::TooLarge);
        }
        self.taken = read;
        self.classes = classes::of(self.text());
        let breaks = if self.is_plain() { 0 } else { line_breaks(self.raw(feed)) };
        self.next_line = self.line + breaks + 1;
        Ok(true)
    }

    /// Cuts a line at its separators, if all of it is at hand and no quote is in it; else does nothing that counts.
    #[inline]
    fn read_line(&mut self, bytes: &[u8]) -> bool {
        let (mut fields, mut found) = (0, 0);
        for (at, byte) in bytes.iter().enumerate() {
            let class = self.line_classes[usize::from(*byte)];
            found |= class;
            if class & (classes::SEPARATOR | classes::BREAK | classes::QUOTE) == 0 {
                continue;
            }
            if class & classes::QUOTE != 0 {
                return false;
            }
            if fields == self.ends.len() {
                self.ends.resize(fields * 2, 0);
            }
            self.ends[fields] = at;
            fields += 1;
            if class & classes::BREAK != 0 {
                if self.text.len() < at {
                    self.text.resize(at, 0);
                }
                self.text[..at].copy_from_slice(&bytes[..at]);
                (self.fields, self.gap, self.classes) = (fields, 1, found & !(classes::SEPARATOR | classes::BREAK));
                (self.raw, self.taken) = (at, at + 1);
                self.after_return = *byte == b'\r';
                self.next_line = self.line + 1;
                return true;
            }
        }
        false
    }

    /// Whether the record is its fields and what stands between them, no byte more. Then no field is in
    /// quotes, and a line break can stand nowhere else.
    fn is_plain(&self) -> bool {
        if self.gap == 1 {
            return true;
        }
        let between = self.fields.saturating_sub(1);
        self.ends[..self.fields].last().is_some_and(|text| self.raw == text + between)
    }

    /// Blank lines are no records, but they count as lines.
    fn skip_line_breaks(&mut self, feed: &mut Buffer) -> io::Result<bool> {
        loop {
            match feed.first()? {
                None => return Ok(false),
                Some(b'\n') if self.after_return => self.after_return = false,
                Some(b'\n') => self.line += 1,
                Some(b'\r') => {
                    self.line += 1;
                    self.after_return = true;
                }
                Some(_) => {
                    self.after_return = false;
                    return Ok(true);
                }
            }
            feed.drop_first(1);
        }
    }

    /// Ends the last record of a file that does not end with a line break. A line break that the parser
    /// takes for text shows that a quote is open.
    fn end_of_file(&mut self, written: usize) {
        self.text.resize(self.text.len().max(written + 1), 0);
        self.ends.resize(self.ends.len().max(self.fields + 2), 0);
        let (result, ..) = self.parser.read_record(b"\n", &mut self.text[written..], &mut self.ends[self.fields..]);
        self.unclosed = result != ReadRecordResult::Record;
        self.ends[self.fields] = written;
        self.fields += 1;
    }
}

/// The fields of a record that is UTF-8.
pub(crate) struct Cells<'a> {
    text: &'a str,
    ends: &'a [usize],
    gap: usize,
}

impl<'a> Cells<'a> {
    /// A field, without its quotes; empty beyond the last.
    #[inline]
    pub(crate) fn get(&self, index: usize) -> &'a str {
        let Some(end) = self.ends.get(index) else { return "" };
        let start = index.checked_sub(1).map_or(0, |before| self.ends[before] + self.gap);
        &self.text[start..*end]
    }

    /// The length of a field in bytes, without its quotes; 0 beyond the last.
    #[inline]
    pub(crate) fn len_of(&self, index: usize) -> usize {
        let Some(end) = self.ends.get(index) else { return 0 };
        let start = index.checked_sub(1).map_or(0, |before| self.ends[before] + self.gap);
        end.saturating_sub(start)
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Cursor, Read};

    use proptest::prelude::*;

    use super::*;

    /// Gives a few bytes at a time, so that records are cut at every place.
    struct Drops(Cursor<Vec<u8>>, usize);

    impl Read for Drops {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let room = self.1.min(buffer.len());
            self.0.read(&mut buffer[..room])
        }
    }

    type Read3 = Vec<(u64, Vec<Vec<u8>>, Vec<u8>)>;

    fn read_all(bytes: &[u8], at_once: usize) -> Read3 {
        let mut feed = Buffer::new(Box::new(Drops(Cursor::new(bytes.to_vec()), at_once)));
        let mut records = RawRecords::new(b',');
        let mut all = Vec::new();
        while records.read(&mut feed).is_ok_and(|found| found) {
            let fields = (0..records.fields).map(|index| records.field(index).to_vec()).collect();
            assert!(!records.is_plain() || line_breaks(records.raw(&feed)) == 0);
            all.push((records.line, fields, records.raw(&feed).to_vec()));
        }
        all
    }

    #[track_caller]
    fn check(text: &str, lines: &[u64], raw: &[&str]) {
        for at_once in [1, 2, 3, 1000] {
            let all = read_all(text.as_bytes(), at_once);
            assert_eq!(all.iter().map(|(line, ..)| *line).collect::<Vec<_>>(), lines, "{text:?}");
            let found: Vec<_> = all.iter().map(|(.., raw)| std::str::from_utf8(raw).unwrap()).collect();
            assert_eq!(found, raw, "{text:?}");
        }
    }

    #[test]
    fn lines_are_those_of_an_editor() {
        check("a\nb\n", &[1, 2], &["a", "b"]);
        check("a\r\nb\r\nc", &[1, 2, 3], &["a", "b", "c"]);
        check("\n\na\n\n\nb", &[3, 6], &["a", "b"]);
        check("\r\n\r\na\r\n\r\nb\r\n\r\n", &[3, 5], &["a", "b"]);
        check("a\rb\r\rc", &[1, 2, 4], &["a", "b", "c"]);
        check("\"a\n\r\n\rz\",1\nb", &[1, 5], &["\"a\n\r\n\rz\",1", "b"]);
        check("a\n\"\"\nb", &[1, 2, 3], &["a", "\"\"", "b"]);
        check("", &[], &[]);
    }

    #[test]
    fn cells_are_the_fields_as_text_or_there_are_none() {
        let cells = |bytes: &[u8]| {
            let mut feed = Buffer::new(Box::new(Cursor::new(bytes.to_vec())));
            let mut records = RawRecords::new(b',');
            assert!(records.read(&mut feed).unwrap());
            let all = (0..records.fields + 1).map(|index| records.cells().map(|cells| cells.get(index).to_owned()));
            all.collect::<Option<Vec<_>>>()
        };
        assert_eq!(cells("a,\"é,b\",".as_bytes()).unwrap(), ["a", "é,b", "", ""]);
        assert_eq!(cells(b"a,\xC3,b"), None);
        // A letter in two halves, one in each field.
        assert_eq!(cells(b"a\xC3,\xA9b"), None);
    }

    #[test]
    fn open_quote_at_the_end_is_noticed() {
        for (text, open) in
            [("a,\"b\nc\nd", true), ("a,\"b\n\"", false), ("a,b\"c", false), ("\"", true), ("a,", false)]
        {
            let mut feed = Buffer::new(Box::new(Cursor::new(text.as_bytes().to_vec())));
            let mut records = RawRecords::new(b',');
            assert!(records.read(&mut feed).unwrap());
            assert_eq!(records.unclosed, open, "{text:?}");
            assert!(!records.read(&mut feed).unwrap());
        }
    }

    #[test]
    fn blank_records_count_only_before_others() {
        let read = |text: &str| {
            let mut feed = Buffer::new(Box::new(Drops(Cursor::new(text.as_bytes().to_vec()), 3)));
            let mut records = Records::new(b',');
            let mut all = Vec::new();
            while records.read(&mut feed).unwrap() {
                all.push((records.line(), String::from_utf8(records.raw(&feed).to_vec()).unwrap()));
            }
            (all.iter().map(|(line, raw)| format!("{line} {raw}")).collect::<Vec<_>>(), records.blank_rows())
        };
        assert_eq!(read("a,b\n,\n,\n\" \",\n"), (vec!["1 a,b".to_owned()], 3));
        let all = ["1 a,b", "2 ,", "3 ,", "5 , ", "6 c,", "7 d"].map(str::to_owned).to_vec();
        assert_eq!(read("a,b\n,\n,\n\n, \nc,\nd\n\u{a0},\n"), (all, 1));
        assert_eq!(read("\",\n,\n").0.len(), 1);
    }

    proptest! {
        #[test]
        fn fields_are_those_of_the_csv_crate(
            bytes in prop::collection::vec(prop::sample::select(&b"ab,\"\n\r \xC3"[..]), 0..200),
            at_once in 1..40_usize,
        ) {
            let mut reader = csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(&*bytes);
            let expected: Vec<Vec<Vec<u8>>> = reader
                .byte_records()
                .map(|record| record.unwrap().iter().map(<[u8]>::to_vec).collect())
                .collect();
            let all = read_all(&bytes, at_once);
            prop_assert_eq!(all.iter().map(|(_, fields, _)| fields.clone()).collect::<Vec<_>>(), expected);
            // The raw bytes say the same as the fields.
            for (_, fields, raw) in all {
                let again = read_all(&raw, 1000);
                prop_assert_eq!(again.len(), 1);
                prop_assert_eq!(&again[0].1, &fields);
            }
        }
    }
}
