//! Batches: in order, each row once; and taken up again after a stop.

use sinch_batch_recipients::{Batcher, Format, RowBatch, Rows, SourceError};

use super::{TEXT, checked, source};

/// Ten rows, of which the 4th and the 7th are bad.
fn file() -> String {
    let mut file = "SMS,name,code\n".to_owned();
    for row in 1..=10 {
        let name = if row == 4 || row == 7 { "" } else { "Ines" };
        file.push_str(&format!("+15550100{row:03},{name},{row}\n"));
    }
    file
}

fn cutter(size: usize) -> Batcher<'static> {
    let (preflight, _) = checked(file().as_bytes(), Format::Csv, TEXT);
    Batcher::new(Rows::new(source(file().as_bytes(), Format::Csv, TEXT).unwrap(), preflight.skip), size)
}

#[track_caller]
fn check(batch: &RowBatch, expected: &[u64]) {
    assert_eq!(batch.rows.iter().map(|(row, _)| *row).collect::<Vec<_>>(), expected);
    assert!(batch.rows.iter().all(|(row, line)| *line == row + 1));
    let codes: Vec<_> = batch
        .recipients
        .as_slice()
        .iter()
        .map(|recipient| recipient.parameters.get("code").unwrap().as_str())
        .collect();
    assert_eq!(codes, expected.iter().map(u64::to_string).collect::<Vec<_>>());
}

#[test]
fn batches_have_the_size_that_was_asked_for() {
    let batches: Vec<_> = cutter(3).map(Result::unwrap).collect();
    assert_eq!(batches.len(), 3);
    check(&batches[0], &[1, 2, 3]);
    check(&batches[1], &[5, 6, 8]);
    check(&batches[2], &[9, 10]);
    assert_eq!(cutter(0).count(), 8, "no batch is empty");
    assert_eq!(cutter(9999).count(), 1);
}

#[test]
fn stopped_campaign_resumes_in_one_pass() {
    let mut cutter = cutter(3);
    // The first batch is done; the second is open, and a later one of other size, too.
    check(&cutter.take_rows([5, 6, 8]).unwrap(), &[5, 6, 8]);
    check(&cutter.take_rows([9]).unwrap(), &[9]);
    cutter.skip_to_row(9).unwrap();
    check(&cutter.next().unwrap().unwrap(), &[10]);
    assert!(cutter.next().is_none());
    cutter.skip_to_row(1000).unwrap();
    assert!(cutter.next().is_none());
}

#[test]
fn rows_that_cannot_be_had_are_an_error() {
    assert!(matches!(cutter(3).take_rows([3, 4]), Err(SourceError::NoSuchRow { row: 4 })));
    assert!(matches!(cutter(3).take_rows([11]), Err(SourceError::NoSuchRow { row: 11 })));
    assert!(matches!(cutter(3).take_rows([0]), Err(SourceError::NoSuchRow { row: 0 })));
    assert!(matches!(cutter(3).take_rows([2, 2]), Err(SourceError::NoSuchRow { row: 2 })));
    assert!(matches!(cutter(3).take_rows([]), Err(SourceError::BatchSize { found: 0 })));
    let mut passed = cutter(3);
    check(&passed.next().unwrap().unwrap(), &[1, 2, 3]);
    assert!(matches!(passed.take_rows([2]), Err(SourceError::NoSuchRow { row: 2 })));
}
