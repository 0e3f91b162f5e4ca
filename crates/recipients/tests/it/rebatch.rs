//! Other batches of rows that were checked before.

use std::ops::RangeInclusive;

use proptest::prelude::*;
use sinch_batch_models::{BatchRecipient, Channel, Recipient};
use sinch_batch_recipients::{
    BatchRange, CheckOptions, Format, PlannedBatch, RecipientFile, RecipientSource, Repeatable, SourceError,
    fingerprint_of,
};

use super::TEXT;
use super::planned::{any_file, check, hex, read, template, temporary, write_at};

/// Some rows of each batch, and how many of all of them come into the first new batch.
type Chosen = (Vec<PlannedBatch>, usize);

fn chosen(plan: Vec<PlannedBatch>, picks: &[bool], n: prop::sample::Index) -> Option<Chosen> {
    let mut picks = picks.iter().cycle();
    let pick = |batch: PlannedBatch| {
        let rows = batch.rows.into_iter().filter(|_| *picks.next().unwrap()).collect();
        PlannedBatch { rows, ..batch }
    };
    let batches: Vec<_> = plan.into_iter().map(pick).filter(|batch| !batch.rows.is_empty()).collect();
    let rows: usize = batches.iter().map(|batch| batch.rows.len()).sum();
    (rows > 0).then(|| (batches, 1 + n.index(rows)))
}

/// The batches that are joined into the first one, the spans of the new ones, and the new ones without their ranges.
fn regrouped((batches, n): &Chosen) -> (Vec<BatchRange>, Vec<RangeInclusive<u64>>, Vec<PlannedBatch>) {
    let mut ranges = Vec::new();
    let mut rows = Vec::new();
    for batch in batches {
        if rows.len() >= *n {
            break;
        }
        ranges.push(batch.range);
        rows.extend(batch.rows.iter().copied());
    }
    let rest = rows.split_off(*n);
    let groups: Vec<_> = [rows, rest].into_iter().filter(|rows| !rows.is_empty()).collect();
    let spans = groups.iter().map(|rows| rows[0].0..=rows[rows.len() - 1].0).collect();
    let range = BatchRange { first_row: 0, at_byte: 0, n_bytes: 0, digest: [0; 8] };
    (ranges, spans, groups.into_iter().map(|rows| PlannedBatch { rows, range }).collect())
}

fn recipients(file: &mut RecipientFile, batches: &[PlannedBatch]) -> Result<Vec<BatchRecipient>, SourceError> {
    let mut all = Vec::new();
    for batch in batches {
        all.extend(read(file, TEXT, batch)?.into_vec());
    }
    Ok(all)
}

proptest! {
    #[test]
    fn rebatched_rows_are_those_of_the_check(
        (bytes, head, format) in any_file(),
        size in 1..=9_usize,
        picks in prop::collection::vec(any::<bool>(), 1..50),
        n in any::<prop::sample::Index>(),
    ) {
        let (mut file, _) = temporary(&bytes, format);
        let plan: Vec<_> = check(&mut file, TEXT, size, true).plan().collect();
        let chosen = chosen(plan, &picks, n);
        prop_assume!(chosen.is_some());
        let chosen = chosen.unwrap();
        let (ranges, spans, mut new) = regrouped(&chosen);
        let old: Vec<_> = chosen.0[..ranges.len()].to_vec();
        let found = file.rebatch(&ranges, &spans).unwrap();
        prop_assert_eq!(found.len(), new.len());
        let mut end = 0;
        for (batch, range) in new.iter_mut().zip(found) {
            prop_assert!(end <= range.at_byte && range.first_row == batch.rows[0].0);
            end = range.at_byte + range.n_bytes;
            let covered = [&bytes[..head.min(bytes.len())], &bytes[range.at_byte as usize..end as usize]].concat();
            prop_assert!(fingerprint_of(&covered).to_string().starts_with(&hex(range.digest)));
            batch.range = range;
        }
        prop_assert_eq!(recipients(&mut file, &new).unwrap(), recipients(&mut file, &old).unwrap());
        // What was made of them can be made anew.
        let ranges: Vec<_> = new.iter().map(|batch| batch.range).collect();
        prop_assert_eq!(file.rebatch(&ranges, &spans).unwrap(), ranges);
    }

    #[test]
    fn rebatch_notices_bytes_that_changed(
        (bytes, head, format) in any_file(),
        size in 1..=5_usize,
        picks in prop::collection::vec(any::<bool>(), 1..50),
        (n, at) in any::<(prop::sample::Index, prop::sample::Index)>(),
        byte in any::<u8>(),
        resumed in any::<bool>(),
    ) {
        prop_assume!(!bytes.is_empty());
        let at = at.index(bytes.len());
        prop_assume!(bytes[at] != byte);
        let (mut file, editor) = temporary(&bytes, format);
        let plan: Vec<_> = check(&mut file, TEXT, size, true).plan().collect();
        let chosen = chosen(plan, &picks, n);
        prop_assume!(chosen.is_some());
        let chosen = chosen.unwrap();
        let (ranges, spans, mut new) = regrouped(&chosen);
        let before = recipients(&mut file, &chosen.0[..ranges.len()]).unwrap();
        write_at(&editor, &[byte], at as u64);
        if resumed {
            file = RecipientFile::from_file(editor, "", format).unwrap();
        }
        let is_within = |range: &BatchRange| (range.at_byte..range.at_byte + range.n_bytes).contains(&(at as u64));
        match file.rebatch(&ranges, &spans) {
            Ok(found) => {
                prop_assert!(at >= head && !ranges.iter().any(is_within));
                new.iter_mut().zip(found).for_each(|(batch, range)| batch.range = range);
                prop_assert_eq!(recipients(&mut file, &new).unwrap(), before);
            }
            // A byte in a gap may end a row there, or begin a quote.
            Err(SourceError::Changed { .. }) => {
                let (first, last) = (ranges[0].at_byte, ranges[ranges.len() - 1].at_byte);
                prop_assert!(at < head || ranges.iter().any(is_within) || (first..last).contains(&(at as u64)));
            }
            Err(error) => prop_assert!(false, "{:?}", error),
        }
    }
}

/// A row more in a gap would make other rows of those that were chosen.
#[test]
fn rebatch_counts_the_rows_between_the_ranges() {
    let text = "SMS,name,code\n+15550100001,a,1\n+15550100002,,2\n+15550100003,c,3\n";
    let (mut file, editor) = temporary(text.as_bytes(), Format::Csv);
    let plan: Vec<_> = check(&mut file, TEXT, 1, true).plan().collect();
    let ranges: Vec<_> = plan.iter().map(|batch| batch.range).collect();
    assert_eq!(ranges.len(), 2);
    let at = text.find("00002,,2").unwrap() as u64;
    write_at(&editor, b"000\n2,,2", at);
    let found = file.rebatch(&ranges, &[1..=3]);
    assert!(matches!(found, Err(SourceError::Changed { first_row: 3 })), "{found:?}");
}

#[test]
fn rebatch_of_rows_or_ranges_that_are_not_there_is_an_error() {
    let text = "SMS,name,code\n+15550100001,a,1\n+15550100002,,2\n+15550100003,c,3\n";
    let (mut file, _) = temporary(text.as_bytes(), Format::Csv);
    let plan: Vec<_> = check(&mut file, TEXT, 1, true).plan().collect();
    let ranges: Vec<_> = plan.iter().map(|batch| batch.range).collect();
    for (first, last) in [(2, 2), (1, 2), (1, 4), (3, 1)] {
        let rows = first..=last;
        let found = file.rebatch(&ranges, std::slice::from_ref(&rows));
        assert!(matches!(found, Err(SourceError::NoSuchRow { .. })), "{rows:?}: {found:?}");
    }
    assert!(matches!(file.rebatch(&[], &[1..=1]), Err(SourceError::BatchSize { found: 0 })));
    let backwards = [ranges[1], ranges[0]];
    let far = [ranges[0], BatchRange { n_bytes: u64::MAX, ..ranges[1] }];
    let long = [ranges[0], BatchRange { n_bytes: 1000, ..ranges[1] }];
    let other_rows = [ranges[0], BatchRange { first_row: 2, ..ranges[1] }];
    for damaged in [&backwards[..], &far, &long, &other_rows] {
        let found = file.rebatch(damaged, &[1..=1]);
        assert!(matches!(found, Err(SourceError::Changed { .. })), "{found:?}");
    }
    assert_eq!(file.rebatch(&ranges, &[1..=1, 3..=3]).unwrap(), ranges);
}

/// More bytes than a buffer holds, before, between and in the ranges.
#[test]
fn rebatch_of_many_blocks_agrees_with_the_check() {
    let mut text = format!("SMS,name,code,#{}\r\n", "x".repeat(300_000));
    for row in 0..300 {
        match row % 10 {
            0 => text.push_str(&format!("+155501{row:05},\"{}\r\n\",1,\r\n", "x".repeat(150_000))),
            3 => text.push_str(&format!("+155501{row:05},,1,\r\n").repeat(9_000)),
            _ => text.push_str(&format!("+155501{row:05},\"In\nes\",1,\r\n")),
        }
    }
    let (mut file, _) = temporary(text.as_bytes(), Format::Csv);
    let whole: Vec<_> = check(&mut file, TEXT, 100, true).plan().collect();
    let small: Vec<_> = check(&mut file, TEXT, 7, true).plan().collect();
    let ranges: Vec<_> = small.iter().map(|batch| batch.range).collect();
    let spans: Vec<_> = whole.iter().map(|batch| batch.rows[0].0..=batch.rows[batch.rows.len() - 1].0).collect();
    let expected: Vec<_> = whole.iter().map(|batch| batch.range).collect();
    assert_eq!(file.rebatch(&ranges, &spans).unwrap(), expected);
}

#[test]
fn rebatch_reads_arrays_and_what_a_program_makes() {
    let person = |row: u32| BatchRecipient::new(Recipient::identity(Channel::Sms, format!("+1555010{row:04}")));
    let entries: Vec<_> = (1..=9).map(|row| serde_json::to_string(&person(row)).unwrap()).collect();
    let (mut array, _) = temporary(format!("\u{feff} [{}]\n", entries.join(" ,\n")).as_bytes(), Format::JsonArray);
    let mut made = Repeatable::new(move || (1..=9).map(person));
    let sources: [&mut dyn RecipientSource; 2] = [&mut array, &mut made];
    for source in sources {
        let template = template("Hi");
        let options = CheckOptions::new().with_batch_size(4);
        let checked = source.check(&template, &options, &mut |_| {}).unwrap();
        let ranges: Vec<_> = checked.plan().map(|batch| batch.range).collect();
        let new = source.rebatch(&ranges, &[2..=6, 8..=9]).unwrap();
        let mut rows = [2, 5, 6].into_iter();
        let read = source.read_batch(&template, &new[0], &mut rows).unwrap().into_vec();
        assert_eq!(read, [2, 5, 6].map(person));
        let read = source.read_batch(&template, &new[1], &mut [9].into_iter()).unwrap().into_vec();
        assert_eq!(read, [person(9)]);
    }
}
