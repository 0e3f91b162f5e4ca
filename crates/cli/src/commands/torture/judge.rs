//! What the service holds and what the ledger says, compared row by row over a campaign and its retries.
//!
//! ```text
//! first ──▶ every row once; of a cancelled one, once at most
//!   ├─ retry --cancelled ──▶ what was recalled before it left, and what was never sent
//!   └─ retry ──▶ what failed last in the parent, for a reason that may pass
//! ```

use std::collections::{BTreeMap, BTreeSet};

use sinch_batch::tracking::{Progress, RetryClass};

/// What the ledger says of a row's batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// Never tried, or refused.
    Open,
    Unknown,
    Accepted,
    /// Accepted, and recalled before it left.
    Recalled,
}

/// What the ledger says of one row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Kept {
    pub(super) stage: Stage,
    pub(super) progress: Progress,
}

impl Kept {
    pub(super) const OPEN: Self = Self { stage: Stage::Open, progress: Progress::Planned };

    /// The word for it in a report.
    fn word(self) -> &'static str {
        match self.stage {
            Stage::Open => Progress::Planned.as_str(),
            Stage::Unknown => "unknown",
            Stage::Accepted => self.progress.as_str(),
            Stage::Recalled => "cancelled",
        }
    }
}

/// One message that the service accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Served {
    pub(super) identity: String,
    /// Which campaign of the line sent it; none if it was no campaign of it.
    pub(super) campaign: Option<usize>,
    /// When nothing more is due, an accepted message that went no further was recalled.
    pub(super) progress: Progress,
    /// Of a failure: whether it is sent again.
    pub(super) class: Option<RetryClass>,
}

impl Served {
    fn has_left(&self) -> bool {
        self.progress > Progress::Accepted
    }
}

/// Which rows a campaign is to send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Choice {
    /// All of them.
    All,
    /// What the cancelled campaign did not get out.
    Cancelled,
    /// What failed in that campaign and may succeed.
    Failed { parent: usize },
}

/// The sums of a campaign as its status says them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Sums {
    pub(super) rows: u64,
    pub(super) skipped: u64,
    pub(super) planned: u64,
    pub(super) accepted: u64,
    pub(super) unknown: u64,
    /// A part of the accepted ones.
    pub(super) recalled: u64,
    /// All messages that were counted, wherever they stand.
    pub(super) messages: u64,
}

impl Sums {
    /// Of the rows, one by one.
    fn of(kept: &[Option<Kept>]) -> Self {
        let count = |stages: &[Option<Stage>]| {
            let its = kept.iter().filter(|kept| stages.contains(&kept.map(|kept| kept.stage)));
            its.count() as u64
        };
        let recalled = count(&[Some(Stage::Recalled)]);
        let accepted = count(&[Some(Stage::Accepted)]) + recalled;
        Self {
            rows: kept.len() as u64,
            skipped: count(&[None]),
            planned: count(&[Some(Stage::Open)]),
            accepted,
            unknown: count(&[Some(Stage::Unknown)]),
            recalled,
            messages: accepted,
        }
    }

    fn add_up(&self) -> bool {
        self.rows == self.skipped + self.planned + self.accepted + self.unknown
            && self.recalled <= self.accepted
            && self.messages == self.accepted
    }
}

/// One campaign of the line, as the ledger and its report have it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Campaign {
    pub(super) choice: Choice,
    pub(super) is_cancelled: bool,
    pub(super) sums: Sums,
    /// By row; none where the campaign leaves the row out.
    pub(super) kept: Vec<Option<Kept>>,
    /// The word of each row in the report.
    pub(super) report: Vec<String>,
}

impl Campaign {
    /// What a report has to say of each row.
    pub(super) fn words(&self) -> Vec<String> {
        self.kept.iter().map(|kept| kept.map_or("skipped", Kept::word).to_owned()).collect()
    }
}

/// What was wrong, in rows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Verdict {
    /// Recipients that the service accepted more than once, or that were not to get anything.
    pub(super) doubled: u64,
    /// Rows that nobody got although the ledger says accepted or they were to be sent, or that no run could finish.
    pub(super) lost: u64,
    /// Rows whose outcome the ledger does not know.
    pub(super) unknown: u64,
    /// Accepted messages of which the ledger knows less, or something else, than the service.
    pub(super) receipts_lost: u64,
    /// Rows that ledger and report tell differently, and campaigns whose sums do not add up.
    pub(super) contradictions: u64,
    /// One sentence for each kind, with some rows.
    pub(super) sentences: Vec<String>,
}

impl Verdict {
    pub(super) fn is_clean(&self) -> bool {
        self.doubled + self.lost + self.unknown + self.receipts_lost + self.contradictions == 0
    }
}

/// Whether a campaign is to send a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Due {
    Once,
    AtMostOnce,
    Never,
}

/// Compares. `people` is by row, `served` in the order of acceptance, `line` in the order of creation.
pub(super) fn judge(people: &[String], served: &[Served], line: &[Campaign]) -> Verdict {
    let mut by_person: BTreeMap<&str, Vec<&Served>> = BTreeMap::new();
    for message in served {
        by_person.entry(&message.identity).or_default().push(message);
    }
    let known: BTreeSet<&str> = people.iter().map(String::as_str).collect();
    let strangers = served.iter().filter(|message| {
        let is_known = known.contains(message.identity.as_str());
        !is_known || message.campaign.is_none_or(|campaign| campaign >= line.len())
    });
    let strangers = strangers.count() as u64;

    let mut found = Found::default();
    for (at, person) in people.iter().enumerate() {
        let messages = by_person.get(person.as_str()).map(Vec::as_slice).unwrap_or_default();
        for number in 0..line.len() {
            found.campaign(line, number, at, messages);
        }
    }
    let wrong_sums: Vec<u64> =
        (1..).zip(line).filter(|(_, one)| !fits(one, people)).map(|(number, _)| number).collect();
    let mut sentences = Vec::new();
    tell(&mut sentences, &found.doubled, "row", "accepted more than once");
    tell(&mut sentences, &found.forbidden, "row", "sent although it must not be");
    tell(&mut sentences, &found.lost, "row", "lost or never finished");
    tell(&mut sentences, &found.unknown, "row", "still unknown");
    tell(&mut sentences, &found.receipts, "row", "with a lost receipt");
    tell(&mut sentences, &found.differing, "row", "told otherwise by ledger, report or service");
    tell(&mut sentences, &wrong_sums, "campaign", "with sums that do not add up");
    if strangers > 0 {
        sentences
            .push(format!("{strangers} messages to recipients who are not in the file, or of no campaign of ours"));
    }
    Verdict {
        doubled: found.doubled.union(&found.forbidden).count() as u64 + strangers,
        lost: found.lost.len() as u64,
        unknown: found.unknown.len() as u64,
        receipts_lost: found.receipts.len() as u64,
        contradictions: (found.differing.len() + wrong_sums.len()) as u64,
        sentences,
    }
}

type Rows = BTreeSet<u64>;

/// Rows by what is wrong with them.
#[derive(Default)]
struct Found {
    doubled: Rows,
    forbidden: Rows,
    lost: Rows,
    unknown: Rows,
    receipts: Rows,
    differing: Rows,
}

impl Found {
    /// One row in one campaign of the line.
    fn campaign(&mut self, line: &[Campaign], number: usize, at: usize, messages: &[&Served]) {
        let Some(campaign) = line.get(number) else { return };
        let row = at as u64 + 1;
        let its: Vec<&Served> = messages.iter().copied().filter(|one| one.campaign == Some(number)).collect();
        match (due(line, number, at, messages), its.len()) {
            (Due::Once, 0) => drop(self.lost.insert(row)),
            (Due::Never, 1..) => drop(self.forbidden.insert(row)),
            _ => {}
        }
        if its.len() > 1 {
            self.doubled.insert(row);
        }
        let Some(kept) = campaign.kept.get(at).copied().unwrap_or(Some(Kept::OPEN)) else {
            if !its.is_empty() {
                self.differing.insert(row);
            }
            return self.report(campaign, at, "skipped");
        };
        // Of two receipts the greater one counts.
        let progress = its.iter().map(|message| message.progress).max();
        match (kept.stage, progress) {
            // What nobody can know any more, and nobody got.
            (Stage::Unknown, None) if campaign.is_cancelled => {}
            (Stage::Unknown, _) => drop(self.unknown.insert(row)),
            (Stage::Open, None) if campaign.is_cancelled => {}
            (Stage::Open, None) => drop(self.lost.insert(row)),
            (Stage::Open, Some(_)) => drop(self.differing.insert(row)),
            (Stage::Accepted | Stage::Recalled, None) => drop(self.lost.insert(row)),
            (Stage::Recalled, Some(Progress::Accepted)) => {}
            (Stage::Recalled, Some(_)) | (Stage::Accepted, Some(Progress::Accepted)) => {
                self.receipts.insert(row);
            }
            (Stage::Accepted, Some(progress)) if progress != kept.progress => drop(self.receipts.insert(row)),
            (Stage::Accepted, Some(_)) => {}
        }
        self.report(campaign, at, kept.word());
    }

    fn report(&mut self, campaign: &Campaign, at: usize, word: &str) {
        if campaign.report.get(at).map(String::as_str) != Some(word) {
            self.differing.insert(at as u64 + 1);
        }
    }
}

/// Whether a campaign is to send a row, by what the service had made of it before.
fn due(line: &[Campaign], number: usize, at: usize, messages: &[&Served]) -> Due {
    let Some(campaign) = line.get(number) else { return Due::Never };
    match campaign.choice {
        Choice::All if campaign.is_cancelled => Due::AtMostOnce,
        Choice::All => Due::Once,
        Choice::Cancelled => {
            let mut first = messages.iter().filter(|message| message.campaign == Some(0)).peekable();
            let kept = line.first().and_then(|first| first.kept.get(at).copied().flatten());
            let was_sent = first.peek().is_some();
            let is_open = kept.is_some_and(|kept| kept.stage == Stage::Open);
            let is_due = if was_sent { !first.any(|message| message.has_left()) } else { is_open };
            if is_due { Due::Once } else { Due::Never }
        }
        Choice::Failed { parent } => {
            let before = |message: &&&Served| message.campaign.is_some_and(|campaign| campaign < number);
            let last = messages.iter().rfind(before);
            let is_due =
                last.is_some_and(|last| last.campaign == Some(parent) && last.class == Some(RetryClass::Again));
            if is_due { Due::Once } else { Due::Never }
        }
    }
}

/// Whether the sums of a campaign add up, and are those of its rows.
fn fits(campaign: &Campaign, people: &[String]) -> bool {
    let sums = campaign.sums;
    sums.add_up() && sums.rows == people.len() as u64 && sums == Sums::of(&campaign.kept)
}

fn tell<'a>(sentences: &mut Vec<String>, rows: impl IntoIterator<Item = &'a u64>, noun: &str, what: &str) {
    let rows: Vec<&u64> = rows.into_iter().collect();
    if rows.is_empty() {
        return;
    }
    let shown: Vec<String> = rows.iter().take(3).map(ToString::to_string).collect();
    let more = if rows.len() > shown.len() { ", …" } else { "" };
    let noun = if rows.len() == 1 { noun.to_owned() } else { format!("{noun}s") };
    sentences.push(format!("{} {noun} {what} ({noun} {}{more})", rows.len(), shown.join(", ")));
}

#[cfg(test)]
mod tests;
