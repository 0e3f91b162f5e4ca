//! The first rows of a retry as a batch of their own.

use sinch_batch_ledger::{PlannedRows, RowSpans};
use sinch_batch_models::Recipients;
use sinch_batch_recipients::{BatchRange, RecipientSource, SourceError};

use super::range_of;

/// Joins and splits batches so that the first one has so many rows.
pub(super) fn first_batch_of(
    mut batches: Vec<PlannedRows>,
    source: &mut dyn RecipientSource,
    rows: u32,
) -> Result<Vec<PlannedRows>, SourceError> {
    let wanted = usize::try_from(rows).unwrap_or(usize::MAX).clamp(1, Recipients::MAX);
    let (mut n_batches, mut first) = (0, Vec::new());
    while first.len() < wanted
        && let Some(batch) = batches.get(n_batches)
    {
        first.extend(batch.rows.iter());
        n_batches += 1;
    }
    let rest = first.split_off(wanted.min(first.len()));
    if n_batches < 2 && rest.is_empty() {
        // It is the first batch as it stands.
        return Ok(batches);
    }
    let later = batches.split_off(n_batches);
    let ranges: Vec<BatchRange> = batches.iter().map(range_of).collect();
    let groups: Vec<RowSpans> =
        [first, rest].into_iter().filter(|rows| !rows.is_empty()).map(|rows| rows.into_iter().collect()).collect();
    let ends = |rows: &RowSpans| rows.first_row().unwrap_or_default()..=rows.last_row().unwrap_or_default();
    let spans: Vec<_> = groups.iter().map(ends).collect();
    let found = source.rebatch(&ranges, &spans)?;
    Ok(groups.into_iter().zip(found).map(|(rows, range)| planned(rows, &range)).chain(later).collect())
}

fn planned(rows: RowSpans, range: &BatchRange) -> PlannedRows {
    PlannedRows {
        first_row: Some(range.first_row),
        rows,
        at_byte: range.at_byte,
        n_bytes: range.n_bytes,
        digest: range.digest,
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use proptest::prelude::*;
    use sinch_batch_models::{BatchRecipient, Message, Template};
    use sinch_batch_recipients::{CheckOptions, Format, RecipientFile};

    use super::*;

    fn template() -> Template {
        Template::new(Message::text("Hi ${name}"))
    }

    /// Rows with line breaks in them, some of them invalid, and the batches of the others.
    fn file(kinds: &[u8], size: usize) -> (RecipientFile, Vec<PlannedRows>) {
        let mut text = "\u{feff}name,SMS\r\n".to_owned();
        for (row, kind) in (1..).zip(kinds) {
            let name = match kind {
                0 => "",
                1 => "\"Ines\nand \"\"Olga\"\"\"",
                _ => "Ines",
            };
            text.push_str(&format!("{name},+1555{row:07}\r\n"));
        }
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(text.as_bytes()).unwrap();
        let mut file = RecipientFile::from_file(file, "", Format::Csv).unwrap();
        let options = CheckOptions::new().with_batch_size(size).with_skip_invalid(true);
        let checked = file.check(&template(), &options, &mut |_| {}).unwrap();
        let plan = checked.plan().map(|batch| planned(batch.rows.into_iter().collect(), &batch.range)).collect();
        (file, plan)
    }

    /// Some rows of each batch.
    fn chosen(batches: &[PlannedRows], picks: &[bool]) -> Vec<PlannedRows> {
        let mut picks = picks.iter().cycle();
        let pick = |batch: &PlannedRows| {
            let rows = batch.rows.iter().filter(|_| *picks.next().unwrap()).collect();
            PlannedRows { rows, ..batch.clone() }
        };
        batches.iter().map(pick).filter(|batch| !batch.rows.is_empty()).collect()
    }

    fn recipients(file: &mut RecipientFile, batches: &[PlannedRows]) -> Vec<BatchRecipient> {
        let read = |batch: &PlannedRows| {
            let mut rows = batch.rows.iter().map(|(row, _)| row);
            file.read_batch(&template(), &range_of(batch), &mut rows).unwrap().into_vec()
        };
        batches.iter().flat_map(read).collect()
    }

    proptest! {
        #[test]
        fn canary_has_the_first_rows_and_the_plan_the_same_ones(
            kinds in prop::collection::vec(0u8..6, 1..120),
            size in 1usize..30,
            picks in prop::collection::vec(any::<bool>(), 1..60),
            again in prop::collection::vec(any::<bool>(), 1..60),
            (first, second) in (1u32..70, 1u32..70),
        ) {
            let (mut file, plan) = file(&kinds, size);
            let mut parent = plan;
            // A retry, and a retry of that.
            for (picks, n) in [(&picks, first), (&again, second)] {
                let old = chosen(&parent, picks);
                let new = first_batch_of(old.clone(), &mut file, n).unwrap();
                let n_rows: u64 = old.iter().map(|batch| batch.rows.len()).sum();
                prop_assert_eq!(new.first().map_or(0, |batch| batch.rows.len()), n_rows.min(n.into()));
                let rows = |batches: &[PlannedRows]| -> Vec<_> {
                    batches.iter().flat_map(|batch| batch.rows.iter().collect::<Vec<_>>()).collect()
                };
                prop_assert_eq!(rows(&new), rows(&old));
                prop_assert_eq!(recipients(&mut file, &new), recipients(&mut file, &old));
                for pair in new.windows(2) {
                    prop_assert!(pair[0].rows.last_row() < pair[1].first_row, "a row has one batch before it");
                    prop_assert!(pair[0].at_byte + pair[0].n_bytes <= pair[1].at_byte);
                }
                parent = new;
            }
        }
    }

    #[test]
    fn canary_holds_no_more_than_a_batch_can() {
        let (mut file, plan) = file(&[2; 1500], 600);
        let sizes = |batches: &[PlannedRows]| batches.iter().map(|batch| batch.rows.len()).collect::<Vec<_>>();
        assert_eq!(sizes(&first_batch_of(plan.clone(), &mut file, 5000).unwrap()), [1000, 200, 300]);
        assert_eq!(sizes(&first_batch_of(plan.clone(), &mut file, 0).unwrap()), [1, 599, 600, 300]);
        assert_eq!(first_batch_of(plan.clone(), &mut file, 600).unwrap(), plan);
        assert_eq!(first_batch_of(Vec::new(), &mut file, 5).unwrap(), []);
    }
}
