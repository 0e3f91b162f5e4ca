//! What holds for any file.

use proptest::prelude::*;
use sinch_batch_recipients::{Batcher, FindingKind, Format, Rows, SkippedWriter, SourceError, fingerprint_of};

use super::{TEXT, checked, source};

/// Reads a file in every way there is.
fn read_all(file: &[u8], format: Format) {
    if matches!(source(file, format, TEXT), Err(SourceError::NotText(_))) {
        return;
    }
    let (preflight, findings) = checked(file, format, TEXT);
    assert!(preflight.bad_rows <= preflight.rows);
    assert!(preflight.is_ok() || !findings.is_empty());
    assert_eq!(preflight.fingerprint, fingerprint_of(file));
    for finding in &findings {
        assert!(finding.line >= 1 && finding.row.is_none_or(|row| (1..=preflight.rows).contains(&row)));
        assert!(!finding.message.is_empty() && !finding.message.contains('\n'));
    }
    let fresh = source(file, format, TEXT).unwrap();
    let mut writer = SkippedWriter::new(Vec::new(), &fresh).unwrap();
    let rows = Rows::new(fresh, preflight.skip.clone()).on_skipped(|skipped| {
        assert!(!skipped.findings.is_empty());
        writer.write(skipped)
    });
    let good = Batcher::new(rows, 7).try_fold(0, |sum, batch| batch.map(|batch| sum + batch.rows.len() as u64));
    match good {
        Ok(good) => assert_eq!(good, preflight.good_rows()),
        Err(_) => assert!(preflight.is_fatal()),
    }
    let skipped = writer.finish().unwrap();
    if !preflight.is_fatal() && !preflight.skip.is_empty() {
        // Entries of an array are written one a line; what is none may look like a remark there.
        let is_array = format == Format::JsonArray;
        let format = if is_array { Format::JsonLines } else { format };
        let rows = checked(&skipped, format, TEXT).0.rows;
        assert!(rows == preflight.bad_rows || (is_array && rows < preflight.bad_rows), "{rows}");
    }
}

/// One row of a generated file: what is wrong with it, and how many blank lines stand before it.
#[derive(Clone, Copy, Debug)]
enum Row {
    Good,
    TwoLines,
    Missing,
    Blank,
    BadNumber,
    Ragged,
    NotUtf8,
    /// The identity of the first row.
    Repeated,
}

fn row() -> impl Strategy<Value = (Row, u8)> {
    let row = prop_oneof![
        8 => Just(Row::Good),
        2 => Just(Row::TwoLines),
        1 => Just(Row::Missing),
        1 => Just(Row::Blank),
        1 => Just(Row::BadNumber),
        1 => Just(Row::Ragged),
        1 => Just(Row::NotUtf8),
        1 => Just(Row::Repeated),
    ];
    (row, prop_oneof![4 => Just(0_u8), 1 => 0..3_u8])
}

type Planted = (Vec<u8>, Vec<(u64, u64, Option<&'static str>, FindingKind)>, Vec<(u64, u64)>);

/// The file, the mistakes in it in the order of the file, and row and line of the good rows.
fn plant(rows: &[(Row, u8)], line_break: &str) -> Planted {
    let mut file = format!("SMS,name,code{line_break}").into_bytes();
    let mut mistakes = Vec::new();
    let mut good = Vec::new();
    let mut line = 2;
    for (number, (row, blank)) in (1_u64..).zip(rows) {
        for _ in 0..*blank {
            file.extend_from_slice(line_break.as_bytes());
            line += 1;
        }
        let own = format!("+1555{number:07}");
        let (fields, mistake) = match row {
            Row::Good => (format!("{own},Ines,1").into_bytes(), None),
            Row::TwoLines => (format!("{own},\"Ines{line_break}\"\"I\"\"\",1").into_bytes(), None),
            Row::Missing => (format!("{own},,1").into_bytes(), Some((Some("name"), FindingKind::MissingValue))),
            Row::Blank => (format!("{own},Ines,\" \"").into_bytes(), Some((Some("code"), FindingKind::BlankValue))),
            Row::BadNumber => (format!("{own}x,Ines,1").into_bytes(), Some((Some("SMS"), FindingKind::BadNumber))),
            Row::Ragged => (format!("{own},Ines").into_bytes(), Some((None, FindingKind::RaggedLine))),
            Row::NotUtf8 => ([own.as_bytes(), b",\xFF,1"].concat(), Some((Some("name"), FindingKind::NotUtf8))),
            // Row 0 has nobody, so the first of these is good.
            Row::Repeated => (
                b"+15550000000,Ines,1".to_vec(),
                rows[..number as usize - 1]
                    .iter()
                    .any(|(row, _)| matches!(row, Row::Repeated))
                    .then_some((Some("SMS"), FindingKind::RepeatedIdentity)),
            ),
        };
        match mistake {
            Some((column, kind)) => mistakes.push((number, line, column, kind)),
            None => good.push((number, line)),
        }
        file.extend_from_slice(&fields);
        file.extend_from_slice(line_break.as_bytes());
        line += if matches!(row, Row::TwoLines) { 2 } else { 1 };
    }
    (file, mistakes, good)
}

/// The lines of a file, as an editor counts them.
fn physical_lines(file: &[u8]) -> Vec<&[u8]> {
    let mut lines = Vec::new();
    let mut rest = file;
    while let Some(at) = rest.iter().position(|byte| matches!(byte, b'\n' | b'\r')) {
        lines.push(&rest[..at]);
        rest = &rest[at + if rest[at..].starts_with(b"\r\n") { 2 } else { 1 }..];
    }
    lines.push(rest);
    lines
}

/// Fails if a row that would be sent has two lines in it each of which is a row by itself.
fn check_that_no_lines_are_merged(file: &[u8]) {
    const HEADER: &[u8] = b"SMS,name\n";
    const TEXT: &str = "Hi ${name}";
    let is_row = |line: &[u8]| {
        let alone = [HEADER, line].concat();
        source(&alone, Format::Csv, TEXT).is_ok() && {
            let checked = checked(&alone, Format::Csv, TEXT).0;
            checked.is_ok() && checked.rows == 1
        }
    };
    let whole = [HEADER, file].concat();
    if matches!(source(&whole, Format::Csv, TEXT), Err(SourceError::NotText(_))) {
        return;
    }
    let (preflight, _) = checked(&whole, Format::Csv, TEXT);
    if preflight.is_fatal() {
        return;
    }
    let lines = physical_lines(&whole);
    for batch in Batcher::new(Rows::new(source(&whole, Format::Csv, TEXT).unwrap(), preflight.skip), 1) {
        let batch = batch.unwrap();
        let (_, line) = batch.rows[0];
        let recipients = batch.recipients.into_vec();
        let name = recipients[0].parameters.get("name").unwrap();
        let first = line as usize - 1;
        let row = &lines[first..first + physical_lines(name.as_bytes()).len()];
        assert!(row.iter().filter(|line| is_row(line)).count() < 2, "{:?}", String::from_utf8_lossy(&whole));
    }
}

proptest! {
    #[test]
    fn no_two_lines_that_are_rows_are_merged(
        lines in prop::collection::vec((prop::sample::select(vec![
            "+15550100001,Al", "+15550100002,\"Al", "+15550100003,Zed\"", "+15550100004,\"Bo\"", "\"+15550100005\",Cy",
            "\"+15550100006,Di", "Eve\"", "Fay", "\"", "", "+15550100007,\"\"Gus\"\"", "+15550100008,\"Hal, +1", ",,", "x\",y",
        ]), prop::sample::select(vec!["\n", "\r\n", "\r"])), 0..8),
    ) {
        let file: String = lines.iter().flat_map(|(line, end)| [*line, *end]).collect();
        check_that_no_lines_are_merged(file.as_bytes());
    }

    #[test]
    fn no_two_lines_of_any_bytes_are_merged(
        parts in prop::collection::vec(prop_oneof![
            prop::collection::vec(any::<u8>(), 1..3),
            prop::sample::select(vec!["+15550100001,Al", ",", "\"", "\n", "\r", "\n+15550100002,Bo", "\"\""])
                .prop_map(|part| part.as_bytes().to_vec()),
        ], 0..12),
    ) {
        check_that_no_lines_are_merged(&parts.concat());
    }

    #[test]
    fn any_bytes_are_read_without_a_panic(file in prop::collection::vec(any::<u8>(), 0..300)) {
        read_all(&file, Format::Csv);
        read_all(&file, Format::JsonLines);
    }

    #[test]
    fn bytes_that_look_like_csv_are_read_without_a_panic(
        parts in prop::collection::vec(prop::sample::select(vec![
            "SMS", "name", "code", "contact_id", "channel", "identity", "metadata.", "param.", "#", "+15550100001",
            ",", ",", ",", "\n", "\n", "\r\n", "\r", "\"", "\"\"", " ", "x", "é",
        ]), 0..60),
        header in any::<bool>(),
    ) {
        let header = if header { "SMS,name,code\n" } else { "" };
        read_all(format!("{header}{}", parts.concat()).as_bytes(), Format::Csv);
    }

    #[test]
    fn bytes_that_look_like_json_are_read_without_a_panic(
        parts in prop::collection::vec(prop::sample::select(vec![
            "{\"recipient\":{\"contact_id\":\"c\"},\"parameters\":{\"name\":\"n\",\"code\":\"c\"}}", "\n", "\n", "{", "}",
            "\"recipient\"", ":", ",", "[", "]", "\"parameters\"", "null", "1e999", "\"", "\\", "#", "é", "\u{feff}",
        ]), 0..30),
    ) {
        read_all(parts.concat().as_bytes(), Format::JsonLines);
        read_all(format!("[{}", parts.concat()).as_bytes(), Format::JsonArray);
    }

    #[test]
    fn mistakes_are_found_where_they_were_planted(
        rows in prop::collection::vec(row(), 1..60),
        line_break in prop::sample::select(vec!["\n", "\r\n"]),
        size in 1..=20_usize,
    ) {
        let (file, mistakes, good) = plant(&rows, line_break);
        let (preflight, findings) = checked(&file, Format::Csv, TEXT);
        let mut found: Vec<_> = findings
            .iter()
            .map(|finding| (finding.row.unwrap(), finding.line, finding.column.as_deref(), finding.kind))
            .collect();
        found.sort_by_key(|(row, ..)| *row);
        prop_assert_eq!(found, mistakes);
        prop_assert_eq!(preflight.rows, rows.len() as u64);

        // Cutting covers every good row exactly once, in order, with its line.
        let batches: Vec<_> = Batcher::new(Rows::new(source(&file, Format::Csv, TEXT).unwrap(), preflight.skip), size)
            .map(Result::unwrap)
            .collect();
        prop_assert!(batches.iter().all(|batch| (1..=size).contains(&batch.recipients.len())));
        prop_assert!(batches.iter().rev().skip(1).all(|batch| batch.recipients.len() == size));
        prop_assert!(batches.iter().all(|batch| batch.recipients.len() == batch.rows.len()));
        prop_assert_eq!(batches.into_iter().flat_map(|batch| batch.rows).collect::<Vec<_>>(), good);
    }
}
