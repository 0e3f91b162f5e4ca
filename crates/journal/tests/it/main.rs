//! The journal on a real disk: bounds, crashes, neighbours.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

use http::{HeaderMap, HeaderValue};
use jiff::Timestamp;
use sinch_batch_journal::{Bounds, Journal, JournalError, Line, Position, Record, Removed, read, read_between};
use tempfile::TempDir;

struct Scratch(TempDir);

impl Scratch {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn folder(&self) -> PathBuf {
        self.0.path().join("journal")
    }

    fn open(&self, bounds: Bounds) -> Journal {
        Journal::open(self.folder(), bounds).unwrap()
    }

    /// The names of the files, oldest first.
    fn files(&self) -> Vec<String> {
        let mut names: Vec<String> =
            fs::read_dir(self.folder()).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
        names.retain(|name| name != "lock");
        names.sort();
        names
    }

    fn bodies(&self) -> Vec<String> {
        bodies(&self.folder())
    }
}

fn append(journal: &mut Journal, body: &str) {
    let mut headers = HeaderMap::new();
    headers.insert("content-type", HeaderValue::from_static("application/json"));
    journal.append(Timestamp::UNIX_EPOCH, &headers, body.as_bytes()).unwrap();
}

fn body(record: Record) -> String {
    String::from_utf8(record.body).unwrap()
}

fn bodies(path: &Path) -> Vec<String> {
    read(path).unwrap().map(|record| body(record.unwrap())).collect()
}

/// A record with a body of one digit has this length.
fn record_length() -> u64 {
    let scratch = Scratch::new();
    let mut journal = scratch.open(Bounds::default());
    append(&mut journal, "0");
    fs::metadata(scratch.folder().join("callbacks-00000001.jsonl")).unwrap().len()
}

#[test]
fn files_are_bounded_in_size_and_number() {
    let scratch = Scratch::new();
    let bounds = Bounds::default().with_file_bytes(2 * record_length()).with_files(3);
    let mut journal = scratch.open(bounds);
    for n in 0..9 {
        append(&mut journal, &n.to_string());
        assert!(scratch.files().len() <= 3);
    }
    journal.sync().unwrap();
    assert_eq!(scratch.files(), ["callbacks-00000003.jsonl", "callbacks-00000004.jsonl", "callbacks-00000005.jsonl"]);
    assert_eq!(scratch.bodies(), ["4", "5", "6", "7", "8"]);
    for file in scratch.files() {
        assert!(fs::metadata(scratch.folder().join(file)).unwrap().len() <= 2 * record_length());
    }
}

#[test]
fn record_longer_than_a_file_may_be_has_a_file_alone() {
    let scratch = Scratch::new();
    let mut journal = scratch.open(Bounds::default().with_file_bytes(1).with_files(2));
    for body in ["first", "second", "third"] {
        append(&mut journal, body);
    }
    assert_eq!(scratch.bodies(), ["second", "third"]);
}

#[test]
fn journal_continues_and_obeys_new_bounds() {
    let scratch = Scratch::new();
    let bounds = Bounds::default().with_file_bytes(2 * record_length());
    for n in 0..5 {
        append(&mut scratch.open(bounds), &n.to_string());
    }
    assert_eq!(scratch.files().len(), 3, "a start alone makes no file");
    assert_eq!(scratch.bodies(), ["0", "1", "2", "3", "4"]);
    append(&mut scratch.open(bounds.with_files(2)), "5");
    assert_eq!(scratch.bodies(), ["2", "3", "4", "5"]);
}

#[test]
fn torn_record_is_skipped_and_cut_off_wherever_it_was_torn() {
    let whole = {
        let scratch = Scratch::new();
        append(&mut scratch.open(Bounds::default()), "torn");
        fs::read(scratch.folder().join("callbacks-00000001.jsonl")).unwrap()
    };
    // The last is whole but for its line feed.
    for length in 1..whole.len() - 1 {
        let scratch = Scratch::new();
        append(&mut scratch.open(Bounds::default()), "good");
        let path = scratch.folder().join("callbacks-00000001.jsonl");
        OpenOptions::new().append(true).open(&path).unwrap().write_all(&whole[..length]).unwrap();

        let mut records = read(&path).unwrap();
        assert_eq!(body(records.next().unwrap().unwrap()), "good");
        assert!(records.next().is_none(), "{length}");
        assert_eq!(records.torn(), 1);

        append(&mut scratch.open(Bounds::default()), "next");
        let mut records = read(scratch.folder()).unwrap();
        assert_eq!(records.by_ref().map(|record| body(record.unwrap())).collect::<Vec<_>>(), ["good", "next"]);
        assert_eq!(records.torn(), 0);
    }
}

#[test]
fn torn_record_longer_than_a_block_is_cut_off() {
    let scratch = Scratch::new();
    append(&mut scratch.open(Bounds::default()), "good");
    let path = scratch.folder().join("callbacks-00000001.jsonl");
    OpenOptions::new().append(true).open(&path).unwrap().write_all(&vec![b'x'; 200_000]).unwrap();
    append(&mut scratch.open(Bounds::default()), "next");
    assert_eq!(scratch.bodies(), ["good", "next"]);

    // Nothing but a torn record.
    fs::write(&path, vec![b'x'; 200_000]).unwrap();
    append(&mut scratch.open(Bounds::default()), "only");
    assert_eq!(scratch.bodies(), ["only"]);
}

#[test]
fn records_written_after_the_call_are_not_read() {
    let scratch = Scratch::new();
    let mut journal = scratch.open(Bounds::default().with_file_bytes(2 * record_length()));
    append(&mut journal, "0");
    let mut n_read = 0;
    for record in read(scratch.folder()).unwrap() {
        n_read += 1;
        // As a replay into the journal's own writer does, into this file and the next.
        append(&mut journal, &body(record.unwrap()));
        append(&mut journal, "1");
    }
    assert_eq!((n_read, scratch.bodies().len()), (1, 3));
}

#[test]
fn damaged_line_is_named_and_the_others_are_read() {
    let scratch = Scratch::new();
    {
        let mut journal = scratch.open(Bounds::default());
        append(&mut journal, "one");
        append(&mut journal, "two");
    }
    let path = scratch.folder().join("callbacks-00000001.jsonl");
    let text = fs::read_to_string(&path).unwrap();
    let (first, second) = text.split_once('\n').unwrap();
    let newer = second.replacen("\"v\":1", "\"v\":7", 1);
    fs::write(&path, format!("{first}\n\n{{\"+15550100001\n{newer}{second}")).unwrap();
    let read: Vec<_> = read(scratch.folder()).unwrap().collect();
    let [Ok(one), Err(damaged), Err(too_new), Ok(two)] = &read[..] else { panic!("{read:?}") };
    assert_eq!((&one.body[..], &two.body[..]), (&b"one"[..], &b"two"[..]));
    assert!(matches!(damaged, JournalError::Damaged { line: 3, .. }), "{damaged:?}");
    assert!(matches!(too_new, JournalError::TooNew { line: 4, version: 7, .. }), "{too_new:?}");
    assert!(!format!("{damaged} {damaged:?}").contains("1555"));
}

#[test]
fn folder_has_one_writer() {
    let scratch = Scratch::new();
    let first = scratch.open(Bounds::default());
    let second = Journal::open(scratch.folder(), Bounds::default());
    assert!(matches!(second, Err(JournalError::InUse { .. })), "{second:?}");
    drop(first);
    scratch.open(Bounds::default());
}

#[test]
fn other_files_in_the_folder_are_left_alone() {
    let scratch = Scratch::new();
    fs::create_dir(scratch.folder()).unwrap();
    let names = ["callbacks-1.jsonl", "callbacks-00000001.jsonl.bak", "notes.txt", "callbacks-x.jsonl"];
    for name in names {
        fs::write(scratch.folder().join(name), "mine").unwrap();
    }
    let mut journal = scratch.open(Bounds::default().with_file_bytes(1).with_files(1));
    append(&mut journal, "a");
    append(&mut journal, "b");
    assert_eq!(scratch.bodies(), ["b"]);
    for name in names {
        assert_eq!(fs::read_to_string(scratch.folder().join(name)).unwrap(), "mine");
    }
}

#[test]
fn journal_that_cannot_be_opened_is_named() {
    let scratch = Scratch::new();
    fs::write(scratch.folder(), "a file").unwrap();
    let error = Journal::open(scratch.folder(), Bounds::default()).unwrap_err();
    assert!(matches!(error, JournalError::Open { .. }), "{error:?}");
    assert!(error.to_string().contains("journal"), "{error}");
    let error = read(scratch.0.path().join("nothing")).unwrap_err();
    assert!(matches!(error, JournalError::Open { .. }), "{error:?}");
}

#[cfg(unix)]
#[test]
fn journal_is_readable_by_its_owner_only() {
    use std::os::unix::fs::PermissionsExt;

    let scratch = Scratch::new();
    append(&mut scratch.open(Bounds::default()), "a");
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&scratch.folder()), 0o700);
    for name in ["callbacks-00000001.jsonl", "lock"] {
        assert_eq!(mode(&scratch.folder().join(name)), 0o600, "{name}");
    }
}

/// What is removed, by the last byte of a body, or of a line that cannot be read.
fn is_odd(line: Line<'_>) -> bool {
    let last = match line {
        Line::Record(record) => record.body.last(),
        Line::Other(bytes) => bytes.last(),
        _ => None,
    };
    last.is_some_and(|byte| byte % 2 == 1)
}

#[test]
fn removed_records_are_gone_and_all_others_stay_byte_for_byte() {
    let scratch = Scratch::new();
    // Two records a file.
    let mut journal = scratch.open(Bounds::default().with_file_bytes(2 * record_length()));
    for digit in "1024689".chars() {
        append(&mut journal, &digit.to_string());
    }
    journal.sync().unwrap();
    assert_eq!(scratch.files().len(), 4);
    let path = |number: u32| scratch.folder().join(format!("callbacks-{number:08}.jsonl"));
    let others = fs::read(path(2)).unwrap();
    let mut damaged = OpenOptions::new().append(true).open(path(3)).unwrap();
    damaged.write_all(b"no record 5\nno record 6\n").unwrap();

    let removed = journal.remove(is_odd).unwrap();
    assert_eq!((removed.records, removed.kept, removed.files), (3, 6, 3));
    assert_eq!(fs::read(path(2)).unwrap(), others, "nothing was to be removed here");
    assert!(fs::read_to_string(path(3)).unwrap().ends_with("\nno record 6\n"));
    let bodies: Vec<_> = read(scratch.folder()).unwrap().filter_map(Result::ok).map(body).collect();
    assert_eq!(bodies, ["0", "2", "4", "6", "8"]);
    assert_eq!(journal.remove(is_odd).unwrap().records, 0);
    // It goes on where it was.
    append(&mut journal, "3");
    journal.sync().unwrap();
    assert_eq!(read(scratch.folder()).unwrap().filter_map(Result::ok).map(body).last().as_deref(), Some("3"));
    assert_eq!(scratch.files().len(), 4, "no file of ours is left over");
}

#[test]
fn interrupted_removal_leaves_nothing_over() {
    let scratch = Scratch::new();
    let mut journal = scratch.open(Bounds::default());
    append(&mut journal, "1");
    journal.sync().unwrap();
    drop(journal);
    // As a crash before the new file took its place leaves it.
    fs::write(scratch.folder().join("rewritten"), "half").unwrap();
    let mut journal = scratch.open(Bounds::default());
    assert_eq!(scratch.files(), ["callbacks-00000001.jsonl"]);
    let removed: Removed = journal.remove(|_| false).unwrap();
    assert_eq!((removed.records, removed.kept, removed.files), (0, 1, 0));
    assert_eq!(scratch.bodies(), ["1"]);
}

#[test]
fn records_between_two_places_are_read_from_where_somebody_was() {
    let scratch = Scratch::new();
    let mut journal =
        Journal::open_spool(scratch.folder(), Bounds::default().with_file_bytes(2 * record_length())).unwrap();
    assert_eq!(journal.position(), Some(Position::default()));
    let mut places = vec![Position::default()];
    for n in 0..5 {
        append(&mut journal, &n.to_string());
        places.extend(journal.position());
    }
    assert_eq!(journal.appended_bytes(), 5 * record_length());
    for (from, place) in places.iter().enumerate() {
        for (to, end) in places.iter().enumerate().skip(from) {
            let mut records = read_between(scratch.folder(), *place, *end).unwrap();
            assert_eq!(records.unread_bytes(), (to - from) as u64 * record_length());
            for n in from..to {
                assert_eq!(body(records.next().unwrap().unwrap()), n.to_string());
                assert_eq!(records.position(), places[n + 1]);
            }
            assert!(records.next().is_none());
        }
    }
    // Of another time: that file from its beginning.
    let mut records = read_between(scratch.folder(), Position::new(3, 1 << 30), places[5]).unwrap();
    assert_eq!(body(records.next().unwrap().unwrap()), "4");
}

#[test]
fn spool_keeps_what_is_not_released() {
    let scratch = Scratch::new();
    let bounds = Bounds::default().with_file_bytes(1).with_files(1);
    let mut journal = Journal::open_spool(scratch.folder(), bounds).unwrap();
    for n in 0..4 {
        append(&mut journal, &n.to_string());
    }
    assert_eq!(scratch.bodies(), ["0", "1", "2", "3"]);
    drop(journal);
    let mut journal = Journal::open_spool(scratch.folder(), bounds).unwrap();
    journal.release_before(3);
    append(&mut journal, "4");
    assert_eq!(scratch.bodies(), ["2", "3", "4"]);
}

#[test]
fn journal_has_another_name_once_records_were_removed() {
    let scratch = Scratch::new();
    let mut journal = Journal::open_spool(scratch.folder(), Bounds::default()).unwrap();
    append(&mut journal, "0");
    let id = journal.id().unwrap();
    assert_eq!(journal.id().unwrap(), id);
    journal.remove(|_| true).unwrap();
    assert_ne!(journal.id().unwrap(), id);
    fs::write(scratch.folder().join("id"), &id[..7]).unwrap();
    assert_eq!(journal.id().unwrap().len(), 32);
}
