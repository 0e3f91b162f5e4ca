//! What the service holds and what the ledger says, compared row by row.

use std::collections::{BTreeMap, BTreeSet};

use sinch_batch::tracking::Progress;

/// What the ledger says of a row's batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// Never tried, or refused.
    Open,
    Unknown,
    Accepted,
}

/// What the ledger says of one row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Kept {
    pub(super) stage: Stage,
    pub(super) progress: Progress,
}

/// One message that the service accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Served {
    pub(super) identity: String,
    pub(super) progress: Progress,
}

/// What was wrong, in rows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Verdict {
    /// Recipients that the service accepted more than once, or that were never to get anything.
    pub(super) doubled: u64,
    /// Rows that nobody got although the ledger says accepted, or that no run could finish.
    pub(super) lost: u64,
    /// Rows whose outcome the ledger does not know.
    pub(super) unknown: u64,
    /// Accepted messages of which the ledger knows less, or something else, than the service.
    pub(super) receipts_lost: u64,
    /// One sentence for each kind, with some rows.
    pub(super) sentences: Vec<String>,
}

impl Verdict {
    pub(super) fn is_clean(&self) -> bool {
        self.doubled + self.lost + self.unknown + self.receipts_lost == 0
    }
}

/// Compares. `people` and `kept` are by row; a row that the ledger does not have is open.
pub(super) fn judge(people: &[String], served: &[Served], kept: &[Kept]) -> Verdict {
    let mut by_person: BTreeMap<&str, Vec<Progress>> = BTreeMap::new();
    for message in served {
        by_person.entry(&message.identity).or_default().push(message.progress);
    }
    let known: BTreeSet<&str> = people.iter().map(String::as_str).collect();
    let strangers: Vec<&str> = by_person.keys().copied().filter(|person| !known.contains(person)).collect();

    let (mut doubled, mut lost, mut unknown, mut receipts) = (Rows::new(), Rows::new(), Rows::new(), Rows::new());
    for (at, person) in people.iter().enumerate() {
        let messages = by_person.get(person.as_str()).map(Vec::as_slice).unwrap_or_default();
        let here = kept.get(at).copied().unwrap_or(Kept { stage: Stage::Open, progress: Progress::Planned });
        let row = at as u64 + 1;
        if messages.len() > 1 {
            doubled.push(row);
        }
        match here.stage {
            Stage::Unknown => unknown.push(row),
            Stage::Open => lost.push(row),
            Stage::Accepted if messages.is_empty() => lost.push(row),
            // Of two receipts the greater one counts.
            Stage::Accepted if messages.iter().max() != Some(&here.progress) => receipts.push(row),
            Stage::Accepted => {}
        }
    }
    let mut sentences = Vec::new();
    tell(&mut sentences, &doubled, "accepted more than once");
    tell(&mut sentences, &lost, "lost or never finished");
    tell(&mut sentences, &unknown, "still unknown");
    tell(&mut sentences, &receipts, "with a lost receipt");
    if !strangers.is_empty() {
        sentences.push(format!("{} recipients who are not in the file", strangers.len()));
    }
    Verdict {
        doubled: (doubled.len() + strangers.len()) as u64,
        lost: lost.len() as u64,
        unknown: unknown.len() as u64,
        receipts_lost: receipts.len() as u64,
        sentences,
    }
}

type Rows = Vec<u64>;

fn tell(sentences: &mut Vec<String>, rows: &Rows, what: &str) {
    if rows.is_empty() {
        return;
    }
    let shown: Vec<String> = rows.iter().take(3).map(u64::to_string).collect();
    let more = if rows.len() > shown.len() { ", …" } else { "" };
    let noun = if rows.len() == 1 { "row" } else { "rows" };
    sentences.push(format!("{} {noun} {what} ({noun} {}{more})", rows.len(), shown.join(", ")));
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const READ: Kept = Kept { stage: Stage::Accepted, progress: Progress::Read };

    fn people(rows: usize) -> Vec<String> {
        (0..rows).map(|row| format!("+1{row}")).collect()
    }

    fn served(people: &[String]) -> Vec<Served> {
        people.iter().map(|person| Served { identity: person.clone(), progress: Progress::Read }).collect()
    }

    #[test]
    fn clean_campaign_is_clean() {
        let people = people(5);
        let verdict = judge(&people, &served(&people), &[READ; 5]);
        assert_eq!(verdict, Verdict::default());
        assert!(verdict.is_clean());
    }

    #[test]
    fn each_kind_of_harm_is_counted_as_itself() {
        let people = people(6);
        let mut messages = served(&people);
        messages.push(messages[0].clone());
        messages.remove(1);
        let mut kept = [READ; 6];
        kept[2].stage = Stage::Unknown;
        kept[3].stage = Stage::Open;
        kept[4].progress = Progress::Queued;
        let verdict = judge(&people, &messages, &kept);
        let figures = (verdict.doubled, verdict.lost, verdict.unknown, verdict.receipts_lost);
        assert_eq!(figures, (1, 2, 1, 1), "{verdict:?}");
        assert_eq!(verdict.sentences[0], "1 row accepted more than once (row 1)");
        assert_eq!(verdict.sentences[1], "2 rows lost or never finished (rows 2, 4)");
    }

    #[test]
    fn judge_counts_missing_rows_as_lost_and_unrelated_ones_as_doubled() {
        let people = people(3);
        assert_eq!(judge(&people, &[], &[]).lost, 3);
        let mut messages = served(&people);
        messages.push(Served { identity: "+2".to_owned(), progress: Progress::Read });
        assert_eq!(judge(&people, &messages, &[READ; 3]).doubled, 1);
    }

    proptest! {
        #[test]
        fn every_recipient_served_twice_is_found(rows in 1..40_usize, again in proptest::collection::vec(0..40_usize, 0..20)) {
            let people = people(rows);
            let mut messages = served(&people);
            let again: BTreeSet<usize> = again.into_iter().filter(|row| *row < rows).collect();
            for row in &again {
                messages.insert(row / 2, messages[0].clone());
                messages[row / 2].identity.clone_from(&people[*row]);
            }
            let verdict = judge(&people, &messages, &vec![READ; rows]);
            prop_assert_eq!(verdict.doubled, again.len() as u64);
            prop_assert_eq!(verdict.is_clean(), again.is_empty());
        }
    }
}
