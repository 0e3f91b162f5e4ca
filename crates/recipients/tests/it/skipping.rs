//! Leaving out bad rows, and the file of them.

use std::io;

use sinch_batch_recipients::{Format, Rows, SkippedWriter, SourceError};

use super::{TEXT, checked, source};

/// The good rows and the file of the others.
fn split(file: &[u8], format: Format, text: &str) -> (Vec<u64>, Vec<u8>) {
    let (preflight, _) = checked(file, format, text);
    assert!(!preflight.is_fatal());
    let source = source(file, format, text).unwrap();
    let mut writer = SkippedWriter::new(Vec::new(), &source).unwrap();
    let rows = Rows::new(source, preflight.skip.clone()).on_skipped(|skipped| writer.write(skipped));
    let good: Vec<u64> = rows.map(|row| row.unwrap().number).collect();
    assert_eq!(good.len() as u64, preflight.good_rows());
    assert_eq!(preflight.skip.len(), preflight.bad_rows);
    assert!(good.iter().all(|row| !preflight.skip.contains(*row)));
    (good, writer.finish().unwrap())
}

const CSV: &[u8] = b"\xEF\xBB\xBFSMS,\"name\",code,#age\r\n\
    +15550100001,Ines,1,\r\n\
    +15550100002,,2,\r\n\
    \r\n\
    +15550100003,\"Tom\r\n\"\"as\"\"\",3,\r\n\
    +15550100004,Zo\xEB,4,\r\n\
    +15550100005,\"A\nB\",,\r\n\
    +15550100003,Amara,6,\r\n\
    +15550100007,Bjorn\r\n";

const SKIPPED: &str = r##"#line,#reason,SMS,"name",code,#age
3,"name: it is empty, and the message needs a value for `name`",+15550100002,,2,
7,"name: the cell is not UTF-8 from its byte 3 on",+15550100004,Zo?,4,
8,"code: it is empty, and the message needs a value for `code`",+15550100005,"A
B",,
10,"SMS: the same identity is in row 3 (line 5); only one of the two may stay",+15550100003,Amara,6,
11,"the row has 2 cells, the header has 4",+15550100007,Bjorn
"##;

#[test]
fn skipped_rows_are_written_with_their_reasons() {
    let (good, mut skipped) = split(CSV, Format::Csv, TEXT);
    assert_eq!(good, [1, 3]);
    skipped.iter_mut().filter(|byte| **byte == 0xEB).for_each(|byte| *byte = b'?');
    assert_eq!(String::from_utf8(skipped).unwrap(), SKIPPED);
}

#[test]
fn skipped_file_can_be_fixed() {
    let (_, skipped) = split(CSV, Format::Csv, TEXT);
    // As it is, it has the mistakes of its rows, save that repeats need both.
    let (preflight, findings) = checked(&skipped, Format::Csv, TEXT);
    let kinds: Vec<_> = findings.iter().map(|finding| finding.kind.as_str()).collect();
    assert_eq!(kinds, ["missing_value", "not_utf8", "missing_value", "ragged_line"]);
    assert_eq!(preflight.rows, 5);
    // Mended by somebody with a text editor who looks at the columns and leaves the remarks alone.
    let mended = SKIPPED
        .replace("+15550100002,,2", "+15550100002,Chidi,2")
        .replace("\"A\nB\",,", "\"A\nB\",5,")
        .replace("+15550100007,Bjorn", "+15550100007,Bjorn,7,");
    let (preflight, findings) = checked(mended.as_bytes(), Format::Csv, TEXT);
    assert!(preflight.is_ok(), "{findings:#?}");
    assert_eq!(preflight.rows, 5);
}

#[test]
fn json_lines_are_written_under_a_remark() {
    let file = "\n{\"recipient\":{\"contact_id\":\"a\"}}\n\
        {\"recipient\":{\"contact_id\":\"b\"}, \"parameters\":{\"n\":\"1\"}}\n{ oh\r\n";
    let (good, skipped) = split(file.as_bytes(), Format::JsonLines, "Hi ${n}");
    assert_eq!(good, [2]);
    let skipped = String::from_utf8(skipped).unwrap();
    let lines: Vec<_> = skipped.lines().collect();
    assert_eq!(lines[0], "# line 2: /parameters/n: the message needs a value for `n`");
    assert_eq!(lines[1], "{\"recipient\":{\"contact_id\":\"a\"}}");
    assert!(lines[2].starts_with("# line 4: the line is not a recipient: "), "{}", lines[2]);
    assert_eq!(lines[3..], ["{ oh"]);
    let mended = format!("{}\n{}\n", lines[0], lines[1].replace("}}", "},\"parameters\":{\"n\":\"2\"}}"));
    assert!(checked(mended.as_bytes(), Format::JsonLines, "Hi ${n}").0.is_ok());
}

#[test]
fn skipped_rows_can_be_had_without_the_others() {
    let (preflight, _) = checked(CSV, Format::Csv, TEXT);
    let mut rows = Vec::new();
    Rows::new(source(CSV, Format::Csv, TEXT).unwrap(), preflight.skip)
        .on_skipped(|skipped| {
            rows.push((skipped.row, skipped.line, skipped.findings.len()));
            Ok(())
        })
        .drain_skipped()
        .unwrap();
    assert_eq!(rows, [(2, 3, 1), (4, 7, 1), (5, 8, 1), (6, 10, 1), (7, 11, 1)]);
}

#[test]
fn skipped_row_that_cannot_be_written_stops_the_reading() {
    let (preflight, _) = checked(CSV, Format::Csv, TEXT);
    let mut rows = Rows::new(source(CSV, Format::Csv, TEXT).unwrap(), preflight.skip)
        .on_skipped(|_| Err(io::Error::other("the disk is full")));
    assert!(rows.next().unwrap().is_ok());
    assert!(matches!(rows.next(), Some(Err(SourceError::Skipped { line: 3, .. }))));
    assert!(rows.next().is_none());
}
