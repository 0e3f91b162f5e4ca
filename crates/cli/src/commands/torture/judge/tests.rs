use proptest::prelude::*;

use super::*;

const READ: Option<Kept> = Some(Kept { stage: Stage::Accepted, progress: Progress::Read });
const FAILED: Option<Kept> = Some(Kept { stage: Stage::Accepted, progress: Progress::Failed });
const RECALLED: Option<Kept> = Some(Kept { stage: Stage::Recalled, progress: Progress::Accepted });
const OPEN: Option<Kept> = Some(Kept::OPEN);

fn people(rows: usize) -> Vec<String> {
    (0..rows).map(|row| format!("+1{row}")).collect()
}

fn message(row: usize, campaign: usize, progress: Progress) -> Served {
    let class = (progress == Progress::Failed).then_some(RetryClass::Again);
    Served { identity: format!("+1{}", row - 1), campaign: Some(campaign), progress, class }
}

fn served(rows: usize) -> Vec<Served> {
    (1..=rows).map(|row| message(row, 0, Progress::Read)).collect()
}

/// A campaign whose sums and report are those of its rows.
fn campaign(choice: Choice, kept: &[Option<Kept>]) -> Campaign {
    let kept = kept.to_vec();
    let campaign = Campaign { choice, is_cancelled: false, sums: Sums::of(&kept), kept, report: Vec::new() };
    Campaign { report: campaign.words(), ..campaign }
}

fn figures(verdict: &Verdict) -> [u64; 5] {
    [verdict.doubled, verdict.lost, verdict.unknown, verdict.receipts_lost, verdict.contradictions]
}

/// Four rows: read, gone and failed, recalled, never sent. Then what did not get out is sent, then the failure.
fn line() -> (Vec<Served>, Vec<Campaign>) {
    let messages = [
        message(1, 0, Progress::Read),
        message(2, 0, Progress::Failed),
        message(3, 0, Progress::Accepted),
        message(3, 1, Progress::Read),
        message(4, 1, Progress::Read),
        message(2, 2, Progress::Read),
    ];
    let first = Campaign { is_cancelled: true, ..campaign(Choice::All, &[READ, FAILED, RECALLED, OPEN]) };
    let line = [
        first,
        campaign(Choice::Cancelled, &[None, None, READ, READ]),
        campaign(Choice::Failed { parent: 0 }, &[None, READ, None, None]),
    ];
    (messages.to_vec(), line.to_vec())
}

#[test]
fn clean_campaign_is_clean() {
    let verdict = judge(&people(5), &served(5), &[campaign(Choice::All, &[READ; 5])]);
    assert_eq!(verdict, Verdict::default());
    assert!(verdict.is_clean());
}

#[test]
fn clean_line_is_clean() {
    let (messages, line) = line();
    assert_eq!(judge(&people(4), &messages, &line), Verdict::default());
}

#[test]
fn each_kind_of_harm_is_counted_as_itself() {
    let mut messages = served(6);
    messages.push(messages[0].clone());
    messages.remove(1);
    let mut kept = [READ; 6];
    kept[2] = Some(Kept { stage: Stage::Unknown, progress: Progress::Read });
    kept[3] = OPEN;
    kept[4] = Some(Kept { stage: Stage::Accepted, progress: Progress::Queued });
    let verdict = judge(&people(6), &messages, &[campaign(Choice::All, &kept)]);
    assert_eq!(figures(&verdict), [1, 1, 1, 1, 1], "{verdict:?}");
    assert_eq!(verdict.sentences[0], "1 row accepted more than once (row 1)");
    assert_eq!(verdict.sentences[1], "1 row lost or never finished (row 2)");
}

#[test]
fn judge_counts_missing_rows_as_lost_and_unrelated_ones_as_doubled() {
    assert_eq!(judge(&people(3), &[], &[campaign(Choice::All, &[OPEN; 3])]).lost, 3);
    let line = [campaign(Choice::All, &[READ; 3])];
    for stranger in [
        Served { identity: "+2".to_owned(), ..message(1, 0, Progress::Read) },
        Served { campaign: None, ..message(1, 0, Progress::Read) },
        message(1, 1, Progress::Read),
    ] {
        let mut messages = served(3);
        messages.push(stranger);
        assert_eq!(judge(&people(3), &messages, &line).doubled, 1);
    }
}

#[test]
fn row_that_had_arrived_must_not_be_sent_again() {
    let (mut messages, line) = line();
    messages.push(message(1, 2, Progress::Read));
    let verdict = judge(&people(4), &messages, &line);
    // The campaign that sent it says that it leaves the row out.
    assert_eq!(figures(&verdict), [1, 0, 0, 0, 1], "{verdict:?}");
    assert_eq!(verdict.sentences[0], "1 row sent although it must not be (row 1)");
}

#[test]
fn failure_of_another_class_must_not_be_sent_again() {
    for class in [RetryClass::Ask, RetryClass::Fix, RetryClass::Never] {
        let (mut messages, line) = line();
        messages[1].class = Some(class);
        assert_eq!(figures(&judge(&people(4), &messages, &line)), [1, 0, 0, 0, 0], "{class:?}");
    }
}

#[test]
fn failure_that_may_pass_and_is_not_sent_again_is_lost() {
    let (mut messages, mut line) = line();
    messages.pop();
    line[2] = campaign(Choice::Failed { parent: 0 }, &[None; 4]);
    assert_eq!(figures(&judge(&people(4), &messages, &line)), [0, 1, 0, 0, 0]);
}

#[test]
fn recalled_row_that_no_retry_sends_is_lost() {
    let (mut messages, mut line) = line();
    messages.remove(3);
    line[1] = campaign(Choice::Cancelled, &[None, None, None, READ]);
    let verdict = judge(&people(4), &messages, &line);
    assert_eq!(figures(&verdict), [0, 1, 0, 0, 0], "{verdict:?}");
}

#[test]
fn recalled_row_that_arrived_and_is_sent_again_is_doubled_and_a_lost_receipt() {
    let (mut messages, line) = line();
    messages[2].progress = Progress::Read;
    let verdict = judge(&people(4), &messages, &line);
    assert_eq!(figures(&verdict), [1, 0, 0, 1, 0], "{verdict:?}");
}

#[test]
fn row_never_sent_that_was_sent_contradicts() {
    let (mut messages, line) = line();
    messages.insert(0, message(4, 0, Progress::Read));
    let verdict = judge(&people(4), &messages, &line);
    assert_eq!(figures(&verdict), [1, 0, 0, 0, 1], "{verdict:?}");
}

#[test]
fn recalled_row_of_which_the_ledger_does_not_know_is_a_lost_receipt() {
    let (messages, mut line) = line();
    let pending = Some(Kept { stage: Stage::Accepted, progress: Progress::Accepted });
    line[0] = Campaign { is_cancelled: true, ..campaign(Choice::All, &[READ, FAILED, pending, OPEN]) };
    assert_eq!(judge(&people(4), &messages, &line).receipts_lost, 1);
}

#[test]
fn unknown_row_is_no_harm_only_if_the_campaign_was_cancelled_and_nobody_got_it() {
    let unknown = Some(Kept { stage: Stage::Unknown, progress: Progress::Planned });
    let (mut messages, mut line) = line();
    messages.retain(|message| message.identity != "+13");
    line[0] = Campaign { is_cancelled: true, ..campaign(Choice::All, &[READ, FAILED, RECALLED, unknown]) };
    line[1] = campaign(Choice::Cancelled, &[None, None, READ, None]);
    assert_eq!(judge(&people(4), &messages, &line), Verdict::default());
    messages.insert(0, message(4, 0, Progress::Read));
    assert_eq!(judge(&people(4), &messages, &line).unknown, 1);
}

#[test]
fn sums_that_do_not_add_up_contradict() {
    let wrong: [fn(&mut Sums); 6] = [
        |sums| sums.planned += 1,
        |sums| sums.accepted -= 1,
        |sums| sums.recalled += 1,
        |sums| sums.messages -= 1,
        // These add up, and are others than those of the rows.
        |sums| (sums.rows, sums.skipped) = (sums.rows + 1, sums.skipped + 1),
        |sums| (sums.planned, sums.unknown) = (sums.planned - 1, sums.unknown + 1),
    ];
    for (case, spoil) in wrong.into_iter().enumerate() {
        let (messages, mut line) = line();
        spoil(&mut line[0].sums);
        assert_eq!(figures(&judge(&people(4), &messages, &line)), [0, 0, 0, 0, 1], "case {case}");
    }
}

#[test]
fn report_that_lacks_a_row_or_says_another_word_contradicts() {
    let (messages, mut line) = line();
    line[0].report.pop();
    "delivered".clone_into(&mut line[1].report[2]);
    assert_eq!(judge(&people(4), &messages, &line).contradictions, 2);
}

proptest! {
    #[test]
    fn every_recipient_served_twice_is_found(rows in 1..40_usize, again in proptest::collection::vec(1..=40_usize, 0..20)) {
        let mut messages = served(rows);
        let again: BTreeSet<usize> = again.into_iter().filter(|row| *row <= rows).collect();
        for row in &again {
            messages.insert(row / 2, message(*row, 0, Progress::Read));
        }
        let verdict = judge(&people(rows), &messages, &[campaign(Choice::All, &vec![READ; rows])]);
        prop_assert_eq!(verdict.doubled, again.len() as u64);
        prop_assert_eq!(verdict.is_clean(), again.is_empty());
    }
}
