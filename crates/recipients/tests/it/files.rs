//! A file of recipients as a campaign uses it, and what stands in for one.

use std::io::{self, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use sinch_batch_models::{BatchRecipient, Channel, Recipient};
use sinch_batch_recipients::{
    BatchRange, CheckOptions, Format, RecipientFile, RecipientSource, Repeatable, SourceError, Spool,
};

use super::planned::{check, is_changed, read, template, temporary, write_at};

const FILE: &[u8] = b"SMS\r\n+15550100001\r\n+15550100002\r\n\r\n+15550100003";

fn recipients(count: u32) -> impl Iterator<Item = BatchRecipient> + Send {
    (1..=count).map(|number| {
        BatchRecipient::new(Recipient::identity(Channel::Sms, format!("+155501{number:05}")))
            .with_parameter("n", "a \"b\"\nc")
            .with_message_metadata("k", 1)
    })
}

#[test]
fn plan_gives_rows_lines_and_bytes() {
    let (mut file, _) = temporary(FILE, Format::Csv);
    let plan: Vec<_> = check(&mut file, "Hi", 2, false).into_plan().collect();
    assert_eq!(plan.len(), 2);
    assert_eq!((&*plan[0].rows, plan[0].range.first_row), (&[(1, 2), (2, 3)][..], 1));
    assert_eq!((&*plan[1].rows, plan[1].range.first_row), (&[(3, 5)][..], 3));
    // Of `\r\n` the first byte is the row's.
    assert_eq!((plan[0].range.at_byte, plan[0].range.n_bytes), (5, 27));
    assert_eq!((plan[1].range.at_byte, plan[1].range.n_bytes), (35, 12));
    // The first 8 bytes of `printf 'SMS\r+15550100003' | sha256sum`.
    assert_eq!(plan[1].range.digest, [0x50, 0x67, 0xb5, 0x7c, 0x55, 0xe5, 0x3c, 0xe1]);
}

#[test]
fn file_holds_the_ranges_of_one_that_it_begins_with() {
    let (mut file, _) = temporary(FILE, Format::Csv);
    let ranges: Vec<_> = check(&mut file, "Hi", 2, false).into_plan().map(|batch| batch.range).collect();
    let holds = |bytes: &[u8]| {
        let (mut other, _) = temporary(bytes, Format::Csv);
        ranges.iter().map(|range| other.holds(range).unwrap()).collect::<Vec<_>>()
    };
    assert_eq!(holds(FILE), [true, true]);
    assert_eq!(holds(&[FILE, b"+15550100009\n"].concat()), [true, true]);
    let first = FILE.iter().position(|byte| *byte == b'+').unwrap();
    let mut changed = FILE.to_vec();
    changed[first + 11] ^= 1;
    assert_eq!(holds(&changed), [false, true]);
    // Shorter than the ranges, another head, and nothing at all.
    assert_eq!(holds(&FILE[..first + 3]), [false, false]);
    assert_eq!(holds(&[b"RCS", &FILE[3..]].concat()), [false, false]);
    assert_eq!(holds(b""), [false, false]);
}

#[test]
fn check_alone_plans_nothing() {
    let (mut file, _) = temporary(FILE, Format::Csv);
    let checked = file.check(&template("Hi"), &CheckOptions::new(), &mut |_| {}).unwrap();
    assert!(checked.is_ok() && checked.may_be_sent(false));
    assert_eq!((checked.n_batches(), checked.plan().count()), (0, 0));
}

#[test]
fn invalid_rows_leave_no_plan_unless_they_are_skipped() {
    let (mut file, _) = temporary(b"SMS,n\n+15550100001,a\n+15550100002,\n+15550100001,a\n", Format::Csv);
    let checked = check(&mut file, "Hi ${n}", 10, false);
    assert_eq!((checked.valid_rows(), checked.n_batches()), (1, 0));
    assert!(!checked.may_be_sent(false) && checked.may_be_sent(true));
    let checked = check(&mut file, "Hi ${n}", 10, true);
    assert_eq!(checked.plan().next().unwrap().rows, [(1, 2)]);
    let mut skipped = Vec::new();
    file.write_skipped(&template("Hi ${n}"), &checked, &mut skipped).unwrap();
    let skipped = String::from_utf8(skipped).unwrap();
    assert!(skipped.starts_with("#line,#reason,SMS,n\n3,\"n: it is empty") && skipped.ends_with(",+15550100001,a\n"));
    // Nothing is left to send.
    let (mut file, _) = temporary(b"SMS,n\n+15550100001,\n", Format::Csv);
    let checked = check(&mut file, "Hi ${n}", 10, true);
    assert!(!checked.is_fatal() && !checked.may_be_sent(true) && checked.n_batches() == 0);
}

#[test]
fn skipped_rows_of_another_file_are_not_written_as_if_they_were_these() {
    let (mut file, editor) = temporary(b"SMS\n1\n+15550100002\n", Format::Csv);
    let checked = check(&mut file, "Hi", 1, true);
    write_at(&editor, b"2", 4);
    let found = file.write_skipped(&template("Hi"), &checked, &mut Vec::new());
    assert!(matches!(found, Err(SourceError::Changed { first_row: 1 })), "{found:?}");
}

#[test]
fn skipped_rows_that_cannot_be_written_are_an_error() {
    struct Full;
    impl Write for Full {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::Error::other("the disk is full"))
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let (mut file, _) = temporary(b"SMS\n1\n+15550100002\n", Format::Csv);
    let checked = check(&mut file, "Hi", 1, true);
    let found = file.write_skipped(&template("Hi"), &checked, &mut Full);
    assert!(matches!(found, Err(SourceError::Skipped { line: 2, .. })), "{found:?}");
}

#[test]
fn files_that_are_replaced_still_read_as_they_were() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.csv");
    std::fs::write(&path, FILE).unwrap();
    let mut file = RecipientFile::open(&path).unwrap();
    assert_eq!(file.location(), path.canonicalize().unwrap().to_str().unwrap());
    assert_eq!((file.format(), file.len_bytes().unwrap()), (Format::Csv, Some(FILE.len() as u64)));
    let checked = check(&mut file, "Hi", 2, false);
    let new = folder.path().join("new");
    std::fs::write(&new, b"SMS\n+15550199999\n+15550199998\n+15550199997\n").unwrap();
    std::fs::rename(&new, &path).unwrap();
    let read_all = |file: &mut RecipientFile| checked.plan().map(|batch| read(file, "Hi", &batch)).collect::<Vec<_>>();
    assert!(read_all(&mut file).iter().all(Result::is_ok));
    // Opened again, it is the other file.
    for (found, batch) in read_all(&mut RecipientFile::open(&path).unwrap()).into_iter().zip(checked.plan()) {
        is_changed(found, batch.range.first_row);
    }
}

#[test]
fn files_that_cannot_be_opened_say_why() {
    let folder = tempfile::tempdir().unwrap();
    let found = RecipientFile::open(folder.path()).unwrap_err();
    assert!(matches!(found, SourceError::Open(_)), "{found:?}");
    assert_eq!(std::error::Error::source(&found).unwrap().to_string(), "it is a folder");
    assert!(matches!(RecipientFile::open(folder.path().join("none.csv")), Err(SourceError::Open(_))));
}

#[test]
fn rows_that_were_not_planned_are_errors() {
    let (mut file, _) = temporary(FILE, Format::Csv);
    let plan: Vec<_> = check(&mut file, "Hi", 2, false).plan().collect();
    let range = plan[0].range;
    let mut read = |rows: &[u64], range: &BatchRange| {
        file.read_batch(&template("Hi"), range, &mut rows.iter().copied()).map(|found| found.len())
    };
    assert_eq!(read(&[1, 2], &range).unwrap(), 2);
    assert_eq!(read(&[1], &range).unwrap(), 1, "some of the rows");
    assert!(matches!(read(&[], &range), Err(SourceError::BatchSize { found: 0 })));
    assert_eq!(read(&[2], &range).unwrap(), 1, "without the first");
    assert!(matches!(read(&[1, 1], &range), Err(SourceError::NoSuchRow { row: 1 })));
    assert!(matches!(read(&[1, 2, 3], &range), Err(SourceError::NoSuchRow { row: 3 })));
    for first_row in [0, 1 << 27, u64::MAX] {
        let range = BatchRange { first_row, ..range };
        assert!(matches!(read(&[first_row], &range), Err(SourceError::NoSuchRow { row }) if row == first_row));
    }
    // With another message the row is invalid, though the bytes are the same.
    let rows = &mut [1, 2].into_iter();
    assert!(matches!(file.read_batch(&template("${n}"), &range, rows), Err(SourceError::Unusable { .. })));
}

#[test]
fn one_row_can_be_read() {
    let (mut file, _) = temporary(b"SMS,n\n1,\n+15550100002,b\n", Format::Csv);
    let row = file.row(&template("${n}"), 2).unwrap();
    assert_eq!((row.number, row.line, row.recipient.parameters.get("n").unwrap().as_str()), (2, 3, "b"));
    assert!(matches!(file.row(&template("${n}"), 1), Err(SourceError::BadRow { row: 1, line: 2 })));
    assert!(matches!(file.row(&template("${n}"), 3), Err(SourceError::NoSuchRow { row: 3 })));
    assert!(matches!(file.row(&template("${n}"), 0), Err(SourceError::NoSuchRow { row: 0 })));
}

#[cfg(unix)]
#[test]
fn pipes_are_kept_in_a_file() {
    use std::os::fd::{AsRawFd, OwnedFd};
    let open = |by_path: bool| {
        let (reader, mut writer) = io::pipe().unwrap();
        let writing = std::thread::spawn(move || writer.write_all(FILE).unwrap());
        let file = if by_path {
            RecipientFile::open(format!("/dev/fd/{}", reader.as_raw_fd()))
        } else {
            RecipientFile::from_file(OwnedFd::from(reader).into(), "somewhere", Format::Csv)
        };
        writing.join().unwrap();
        file.unwrap()
    };
    for by_path in [true, false] {
        let mut file = open(by_path);
        assert_eq!(file.location(), "");
        let checked = check(&mut file, "Hi", 2, false);
        let sizes: Vec<_> = checked.plan().map(|batch| read(&mut file, "Hi", &batch).unwrap().len()).collect();
        assert_eq!(sizes, [2, 1]);
    }
}

#[test]
fn spooled_recipients_are_those_that_came() {
    let mut file = RecipientFile::spool(recipients(2500)).unwrap();
    assert_eq!((file.location(), file.format()), ("", Format::JsonLines));
    let checked = check(&mut file, "Hi ${n}", 1000, false);
    let found: Vec<_> =
        checked.plan().flat_map(|batch| read(&mut file, "Hi ${n}", &batch).unwrap().into_vec()).collect();
    assert_eq!(found, recipients(2500).collect::<Vec<_>>());
    let mut empty = Spool::new().unwrap().finish().unwrap();
    assert!(check(&mut empty, "Hi", 1, false).is_fatal());
}

#[test]
fn repeatable_recipients_are_planned_as_their_file() {
    let runs = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&runs);
    let mut again = Repeatable::new(move || {
        counted.fetch_add(1, Ordering::Relaxed);
        recipients(2500)
    });
    assert_eq!((again.location(), again.len_bytes().unwrap()), ("", None));
    let plan: Vec<_> = check(&mut again, "Hi ${n}", 300, false).plan().collect();
    let mut file: Box<dyn RecipientSource> = Box::new(RecipientFile::spool(recipients(2500)).unwrap());
    assert_eq!(plan, check(&mut file, "Hi ${n}", 300, false).plan().collect::<Vec<_>>());
    for batch in &plan {
        assert_eq!(read(&mut again, "Hi ${n}", batch).unwrap(), read(&mut file, "Hi ${n}", batch).unwrap());
    }
    assert_eq!(runs.load(Ordering::Relaxed), 2, "once for the check, once for all batches in order");
    assert_eq!(read(&mut again, "Hi ${n}", &plan[3]).unwrap(), read(&mut file, "Hi ${n}", &plan[3]).unwrap());
    assert_eq!(read(&mut again, "Hi ${n}", &plan[8]).unwrap(), read(&mut file, "Hi ${n}", &plan[8]).unwrap());
    assert_eq!(runs.load(Ordering::Relaxed), 3);
}

#[test]
fn repeatable_recipients_are_checked_and_skipped() {
    let mut again = Repeatable::new(|| recipients(3).chain(recipients(1)));
    assert_eq!(check(&mut again, "Hi ${n}", 2, false).n_batches(), 0);
    let checked = check(&mut again, "Hi ${n}", 2, true);
    assert_eq!((checked.repeats, checked.plan().last().unwrap().rows), (1, vec![(3, 3)]));
    let mut skipped = Vec::new();
    again.write_skipped(&template("Hi ${n}"), &checked, &mut skipped).unwrap();
    assert!(skipped.starts_with(b"# line 4: /recipient"));
}

#[test]
fn repeatable_recipients_that_differ_are_noticed() {
    let runs = AtomicUsize::new(0);
    let mut again = Repeatable::new(move || {
        let run = runs.fetch_add(1, Ordering::Relaxed) as u32;
        recipients(10).skip(run as usize).chain(recipients(20).skip(10).take(run as usize)).collect::<Vec<_>>()
    });
    let checked = check(&mut again, "Hi ${n}", 5, false);
    for batch in checked.plan() {
        is_changed(read(&mut again, "Hi ${n}", &batch), batch.range.first_row);
    }
    // Those that end early, too; and a ledger may ask for anything.
    let range = BatchRange { first_row: 1, at_byte: 1 << 40, n_bytes: u64::MAX, digest: [0; 8] };
    is_changed(again.read_batch(&template("Hi ${n}"), &range, &mut [1].into_iter()), 1);
}

#[test]
fn repeatable_recipients_may_fail() {
    let runs = Arc::new(AtomicUsize::new(0));
    let fails = Arc::clone(&runs);
    let mut again = Repeatable::try_new(move || {
        let count = if fails.fetch_add(1, Ordering::Relaxed).is_multiple_of(2) { 3 } else { 9 };
        recipients(9).take(count).map(Ok).chain((count == 3).then_some(Err("the database is gone")))
    });
    let options = CheckOptions::new().with_batch_size(5);
    let found = again.check(&template("Hi ${n}"), &options, &mut |_| {}).unwrap_err();
    assert!(matches!(found, SourceError::Io { line: 4, .. }), "{found:?}");
    let plan: Vec<_> = check(&mut again, "Hi ${n}", 5, false).plan().collect();
    let found = read(&mut again, "Hi ${n}", &plan[1]);
    assert!(matches!(found, Err(SourceError::Batch { first_row: 6, .. })), "{found:?}");
    assert_eq!(read(&mut again, "Hi ${n}", &plan[1]).unwrap().len(), 4, "and be asked again");
}

#[test]
fn file_that_changes_between_the_two_passes_of_a_check_is_noticed() {
    let (mut file, editor) = temporary(b"SMS\n+15550100001\n+15550100002\n+15550100001\n", Format::Csv);
    let options = CheckOptions::new().with_batch_size(2).with_skip_invalid(true);
    // Repeats are reported at the end of the first pass.
    let found = file.check(&template("Hi"), &options, &mut |_| write_at(&editor, b"9", 15)).unwrap_err();
    assert!(matches!(found, SourceError::Changed { first_row: 1 }), "{found:?}");
}

/// A table of 2500 rows by pages, which counts how often it is asked.
fn table(asked: Arc<AtomicUsize>) -> Repeatable {
    Repeatable::pages(move |after: Option<&u32>| {
        asked.fetch_add(1, Ordering::Relaxed);
        let from = after.map_or(0, |after| *after as usize);
        Ok::<_, io::Error>((1..).zip(recipients(2500)).skip(from).take(700).collect())
    })
}

#[test]
fn pages_of_a_table_are_the_same_rows() {
    let asked = Arc::new(AtomicUsize::new(0));
    let mut pages = table(Arc::clone(&asked));
    let plan: Vec<_> = check(&mut pages, "Hi ${n}", 1000, false).into_plan().collect();
    assert_eq!(asked.load(Ordering::Relaxed), 5, "700, 700, 700, 400, and the end");
    let mut spool = RecipientFile::spool(recipients(2500)).unwrap();
    let same: Vec<_> = check(&mut spool, "Hi ${n}", 1000, false).into_plan().collect();
    assert_eq!(plan, same);
    for planned in &plan {
        assert_eq!(read(&mut pages, "Hi ${n}", planned).unwrap(), read(&mut spool, "Hi ${n}", planned).unwrap());
    }
}

#[test]
fn page_that_fails_ends_the_reading() {
    let mut pages = Repeatable::pages(|after: Option<&u32>| match after {
        None => Ok((1..).zip(recipients(3)).collect()),
        Some(_) => Err("the database has gone"),
    });
    let options = CheckOptions::new();
    let error = pages.check(&template("Hi ${n}"), &options, &mut |_| {}).unwrap_err();
    assert!(matches!(error, SourceError::Io { .. }), "{error:?}");
}

#[test]
fn try_spool_ends_with_the_error_of_a_row() {
    let rows = recipients(2).map(Ok).chain([Err("the statement was interrupted")]);
    assert!(matches!(RecipientFile::try_spool(rows), Err(SourceError::Spool(_))));
    assert!(RecipientFile::try_spool(recipients(2).map(Ok::<_, io::Error>)).is_ok());
}
