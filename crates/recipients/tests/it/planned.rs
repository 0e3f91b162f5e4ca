//! What holds for the plan of any file: a batch read by its range is what one pass over all rows gives.

use std::fs::File;
use std::io::{Seek, SeekFrom, Write};

use proptest::prelude::*;
use sinch_batch_models::{Message, Recipients, Template};
use sinch_batch_recipients::{
    Batcher, CheckOptions, Checked, Format, PlannedBatch, RecipientFile, RecipientSource, Rows, SourceError,
    fingerprint_of,
};

use super::{TEXT, checked, source};

pub(crate) fn template(text: &str) -> Template {
    Template::new(Message::text(text))
}

/// A file without a name, and a second handle that writes to it.
pub(crate) fn temporary(bytes: &[u8], format: Format) -> (RecipientFile, File) {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(bytes).unwrap();
    let editor = file.try_clone().unwrap();
    (RecipientFile::from_file(file, "", format).unwrap(), editor)
}

pub(crate) fn check(from: &mut impl RecipientSource, text: &str, size: usize, skip_invalid: bool) -> Checked {
    let options = CheckOptions::new().with_batch_size(size).with_skip_invalid(skip_invalid);
    from.check(&template(text), &options, &mut |_| {}).unwrap()
}

pub(crate) fn read(
    from: &mut impl RecipientSource,
    text: &str,
    batch: &PlannedBatch,
) -> Result<Recipients, SourceError> {
    from.read_batch(&template(text), &batch.range, &mut batch.rows.iter().map(|(row, _)| *row))
}

#[track_caller]
pub(crate) fn is_changed(found: Result<Recipients, SourceError>, first: u64) {
    match found {
        Err(SourceError::Changed { first_row }) => assert_eq!(first_row, first),
        other => panic!("{other:?}"),
    }
}

pub(crate) fn hex(digest: [u8; 8]) -> String {
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Compares plan and batches with what the rows say in one pass.
pub(crate) fn agrees(bytes: &[u8], head: usize, format: Format, text: &str, size: usize) {
    let (mut file, _) = temporary(bytes, format);
    let (before, findings) = checked(bytes, format, text);
    let mut found = Vec::new();
    let options = CheckOptions::new().with_batch_size(size).with_skip_invalid(true);
    let now = file.check(&template(text), &options, &mut |finding| found.push(finding)).unwrap();
    assert_eq!(found, findings);
    assert_eq!((now.rows, now.invalid_rows, now.repeats), (before.rows, before.bad_rows, before.repeats));
    assert_eq!((now.fingerprint, now.is_fatal(), now.is_ok()), (before.fingerprint, before.is_fatal(), before.is_ok()));
    // Without skipping there is a plan only if there is nothing to skip.
    let strict = check(&mut file, text, size, false);
    assert_eq!(strict.n_batches(), if now.is_ok() { now.n_batches() } else { 0 });
    if now.is_fatal() {
        assert_eq!(now.n_batches(), 0);
        return;
    }
    let rows = Rows::new(source(bytes, format, text).unwrap(), before.skip);
    let expected: Vec<_> = Batcher::new(rows, size).map(Result::unwrap).collect();
    let plan: Vec<_> = now.plan().collect();
    assert_eq!(plan.len(), now.n_batches());
    assert_eq!(
        plan.iter().map(|batch| &batch.rows).collect::<Vec<_>>(),
        expected.iter().map(|cut| &cut.rows).collect::<Vec<_>>()
    );
    let mut end = head as u64;
    for batch in &plan {
        let range = &batch.range;
        assert!(end <= range.at_byte && range.n_bytes > 0, "ranges ascend and do not overlap");
        end = range.at_byte + range.n_bytes;
        let covered = [&bytes[..head], &bytes[range.at_byte as usize..end as usize]].concat();
        assert!(fingerprint_of(&covered).to_string().starts_with(&hex(range.digest)));
    }
    // Back to front, so that nothing rests on what was read before.
    for (batch, cut) in plan.iter().zip(&expected).rev() {
        assert_eq!(read(&mut file, text, batch).unwrap(), cut.recipients);
    }
}

/// Files with all that a CSV file may have, and where their heads end.
fn csv() -> impl Strategy<Value = (Vec<u8>, usize)> {
    let line_break = prop::sample::select(vec!["\n", "\n", "\r\n", "\r\n", "\r", "\n\n", "\r\n\r\n", "\r\r\n"]);
    let row = (0..12_u8, line_break.clone());
    let header =
        prop::sample::select(vec!["SMS,name,code", "\"SMS\",name,\"code\"", "SMS,name,\"code\",\"#re\nmark\""]);
    (
        any::<bool>(),
        prop::sample::select(vec!["", "\n", "\r\n"]),
        header,
        line_break,
        prop::collection::vec(row, 0..40),
        any::<bool>(),
    )
        .prop_map(|(mark, blank, header, header_break, rows, ends)| {
            let mut file = if mark { "\u{feff}".as_bytes().to_vec() } else { Vec::new() };
            file.extend_from_slice(blank.as_bytes());
            file.extend_from_slice(header.as_bytes());
            let head = file.len() + 1;
            file.extend_from_slice(header_break.as_bytes());
            let more = if header.contains('#') { "," } else { "" };
            let last = rows.len();
            for (number, (kind, line_break)) in (1..).zip(&rows) {
                match kind {
                    0 => file.extend(format!("+155501{number:05},,{number}{more}").into_bytes()),
                    1 => file.extend(format!("+15550100001,Again,{number}{more}").into_bytes()),
                    2 => {
                        file.extend([format!("+155501{number:05},").as_bytes(), b"Zo\xFF,1", more.as_bytes()].concat())
                    }
                    3 => file.extend(format!("+155501{number:05},short").into_bytes()),
                    4 | 5 => file.extend(
                        format!("+155501{number:05},\"In\r\nes, \"\"I\"\"\n\",\"{number}\"{more}").into_bytes(),
                    ),
                    _ => file.extend(format!("+155501{number:05},Ines,{number}{more}").into_bytes()),
                }
                if number < last || ends {
                    file.extend_from_slice(line_break.as_bytes());
                }
            }
            (file, head)
        })
}

fn json_lines() -> impl Strategy<Value = (Vec<u8>, usize)> {
    let line_break = prop::sample::select(vec!["\n", "\r\n", "\n\n", "\n# a remark\n", "\n \n"]);
    (any::<bool>(), prop::collection::vec((0..8_u8, line_break), 0..30), any::<bool>()).prop_map(|(mark, rows, ends)| {
        let mut file = if mark { "\u{feff}".to_owned() } else { String::new() };
        let head = file.len();
        let last = rows.len();
        for (number, (kind, line_break)) in (1..).zip(&rows) {
            let contact = if *kind == 1 { 1 } else { number };
            let value = if *kind == 0 { "" } else { "v" };
            file += &format!(
                r#" {{"recipient":{{"contact_id":"c{contact}"}},"parameters":{{"name":"{value}","code":"{number}"}}}}"#
            );
            if *kind == 2 {
                file += "}";
            }
            if number < last || ends {
                file += line_break;
            }
        }
        (file.into_bytes(), head)
    })
}

pub(crate) fn any_file() -> impl Strategy<Value = (Vec<u8>, usize, Format)> {
    prop_oneof![
        2 => csv().prop_map(|(file, head)| (file, head, Format::Csv)),
        1 => json_lines().prop_map(|(file, head)| (file, head, Format::JsonLines)),
    ]
}

proptest! {
    #[test]
    fn batches_by_range_are_those_of_one_pass((file, head, format) in any_file(), size in 1..=9_usize) {
        agrees(&file, head.min(file.len()), format, TEXT, size);
    }

    #[test]
    fn bytes_that_changed_are_noticed_by_their_batches_alone(
        (file, head, format) in any_file(),
        size in 1..=5_usize,
        at in any::<prop::sample::Index>(),
        byte in any::<u8>(),
        resumed in any::<bool>(),
    ) {
        prop_assume!(!file.is_empty());
        let at = at.index(file.len());
        prop_assume!(file[at] != byte);
        let (mut checked_file, editor) = temporary(&file, format);
        let plan: Vec<_> = check(&mut checked_file, TEXT, size, true).plan().collect();
        let before: Vec<_> = plan.iter().map(|batch| read(&mut checked_file, TEXT, batch).unwrap()).collect();
        write_at(&editor, &[byte], at as u64);
        if resumed {
            checked_file = RecipientFile::from_file(editor, "", format).unwrap();
        }
        for (batch, before) in plan.iter().zip(before) {
            let range = batch.range.at_byte..batch.range.at_byte + batch.range.n_bytes;
            let found = read(&mut checked_file, TEXT, batch);
            if at < head || range.contains(&(at as u64)) {
                is_changed(found, batch.range.first_row);
            } else {
                prop_assert_eq!(found.unwrap(), before);
            }
        }
    }

    #[test]
    fn files_cut_short_are_noticed(
        (file, _, format) in any_file(),
        size in 1..=5_usize,
        at in any::<prop::sample::Index>(),
    ) {
        prop_assume!(!file.is_empty());
        let length = at.index(file.len()) as u64;
        let (mut checked_file, editor) = temporary(&file, format);
        let plan: Vec<_> = check(&mut checked_file, TEXT, size, true).plan().collect();
        editor.set_len(length).unwrap();
        for batch in &plan {
            let found = read(&mut checked_file, TEXT, batch);
            if batch.range.at_byte + batch.range.n_bytes > length {
                is_changed(found, batch.range.first_row);
            } else {
                prop_assert_eq!(found.unwrap().len(), batch.rows.len());
            }
        }
    }

    #[test]
    fn ranges_out_of_a_damaged_ledger_are_errors(
        (file, _, format) in any_file(),
        (first_row, at_byte, n_bytes) in (edge(), edge(), edge()),
        rows in prop::collection::vec(edge(), 0..4),
        true_digest in any::<bool>(),
    ) {
        let (mut checked_file, _) = temporary(&file, format);
        let plan: Vec<_> = check(&mut checked_file, TEXT, 3, true).plan().collect();
        let digest = plan.first().map_or([0; 8], |batch| batch.range.digest);
        let mut range = sinch_batch_recipients::BatchRange { first_row, at_byte, n_bytes, digest };
        if let (true, Some(batch)) = (true_digest, plan.first()) {
            range = sinch_batch_recipients::BatchRange { first_row, ..batch.range };
        }
        let found = checked_file.read_batch(&template(TEXT), &range, &mut rows.iter().copied());
        if let Ok(recipients) = found {
            // Only if the rows fit by chance.
            prop_assert!(true_digest && recipients.len() == rows.len() && rows[0] == first_row);
        }
    }
}

fn edge() -> impl Strategy<Value = u64> {
    prop_oneof![0..40_u64, Just(u64::MAX), Just(u64::MAX - 1), Just(1 << 27), Just(1 << 40)]
}

/// A file of many blocks: long runs of invalid rows, of blank lines, and long rows.
#[test]
fn ranges_of_many_blocks_agree_too() {
    let mut file = "SMS,name,code\r\n".to_owned();
    let head = file.len() - 1;
    let mut random = 1_u64;
    for row in 0..600_u32 {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        match random >> 56 {
            0..3 => file.push_str(&format!("+155501{row:05},{},1\r\n", "x".repeat(150_000))),
            3..6 => file.push_str(&"\r\n".repeat(80_000)),
            6..9 => file.push_str(&format!("+155501{row:05},,1\n").repeat(9_000)),
            9..40 => file.push_str(&format!("+155501{row:05},,1\n")),
            _ => file.push_str(&format!("+155501{row:05},\"In\nes\",1\r\n")),
        }
    }
    for size in [1, 7, 1000] {
        agrees(file.as_bytes(), head, Format::Csv, TEXT, size);
    }
}

#[test]
fn heads_of_many_blocks_agree_too() {
    let header = "\n".repeat(300_000) + &format!("SMS,name,code,#{}\n", "x".repeat(300_000));
    let file = format!("{header}\n+15550100001,a,1,\n+15550100002,a,1,");
    agrees(file.as_bytes(), header.len(), Format::Csv, TEXT, 1);
}

pub(crate) fn write_at(mut file: &File, bytes: &[u8], at: u64) {
    file.seek(SeekFrom::Start(at)).unwrap();
    file.write_all(bytes).unwrap();
}
