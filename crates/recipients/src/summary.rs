//! Many findings in little room: how many of each kind, and the first ones.

use std::collections::{BTreeMap, BinaryHeap};

use serde::Serialize;

use crate::finding::{Finding, FindingKind, Severity};

/// The most groups that are kept apart.
const GROUPS: usize = 1000;

/// Counts findings by kind and keeps the first ones, whatever order they come in.
///
/// Memory does not grow with the findings: a million invalid rows take no more than twenty.
#[derive(Debug, Default)]
pub struct FindingSummary {
    keep: usize,
    groups: BTreeMap<Key, Group>,
    /// Findings of more groups than are kept apart.
    others: u64,
    first: BinaryHeap<Ranked>,
    total: u64,
}

type Key = (Severity, FindingKind, Option<String>, String);

#[derive(Debug)]
struct Group {
    count: u64,
    first_line: u64,
}

/// Findings of one kind, in one column, for one reason.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct FindingGroup {
    /// Whether they stop a send.
    pub severity: Severity,
    /// Their kind.
    pub kind: FindingKind,
    /// Their column, if they have one.
    pub column: Option<String>,
    /// What the first of them says.
    pub message: String,
    /// How many there are.
    pub count: u64,
    /// The lowest line of them.
    pub first_line: u64,
}

#[derive(Debug)]
struct Ranked(u64, u64, Finding);

impl PartialEq for Ranked {
    fn eq(&self, other: &Self) -> bool {
        (self.0, self.1) == (other.0, other.1)
    }
}

impl Eq for Ranked {}

impl PartialOrd for Ranked {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Ranked {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.0, self.1).cmp(&(other.0, other.1))
    }
}

impl FindingSummary {
    /// Keeps so many of the first findings.
    pub fn new(keep: usize) -> Self {
        Self { keep, ..Self::default() }
    }

    /// Takes note of a finding.
    pub fn add(&mut self, finding: &Finding) {
        self.total += 1;
        let key = (finding.severity, finding.kind, finding.column.clone(), without_numbers(&finding.message));
        let is_full = self.groups.len() >= GROUPS;
        match self.groups.get_mut(&key) {
            Some(group) => {
                group.count += 1;
                group.first_line = group.first_line.min(finding.line);
            }
            None if is_full => self.others += 1,
            None => {
                self.groups.insert(key, Group { count: 1, first_line: finding.line });
            }
        }
        let rank = (finding.line, self.total);
        if self.first.len() < self.keep {
            self.first.push(Ranked(rank.0, rank.1, finding.clone()));
        } else if let Some(mut last) = self.first.peek_mut()
            && rank < (last.0, last.1)
        {
            *last = Ranked(rank.0, rank.1, finding.clone());
        }
    }

    /// Number of findings.
    pub fn total(&self) -> u64 {
        self.total
    }

    /// Number of findings in no group, because there are too many.
    pub fn others(&self) -> u64 {
        self.others
    }

    /// The groups: mistakes before warnings, then the most frequent first.
    pub fn groups(&self) -> Vec<FindingGroup> {
        let mut groups: Vec<_> = self
            .groups
            .iter()
            .map(|((severity, kind, column, message), group)| FindingGroup {
                severity: *severity,
                kind: *kind,
                column: column.clone(),
                message: message.clone(),
                count: group.count,
                first_line: group.first_line,
            })
            .collect();
        groups.sort_by_key(|group| (group.severity, std::cmp::Reverse(group.count), group.first_line));
        groups
    }

    /// The first findings, in the order of their lines.
    pub fn first(&self) -> Vec<&Finding> {
        let mut first: Vec<_> = self.first.iter().collect();
        first.sort();
        first.into_iter().map(|Ranked(_, _, finding)| finding).collect()
    }
}

/// A message with `…` for each number, so that those that differ in nothing else are one group. Digits that
/// belong to a name or a code, such as `U+001A`, stay.
fn without_numbers(message: &str) -> String {
    let mut text = String::with_capacity(message.len());
    for (at, word) in message.split(' ').enumerate() {
        if at > 0 {
            text.push(' ');
        }
        let bare = word.trim_matches(|character: char| !character.is_ascii_alphanumeric());
        let digits = bare.trim_end_matches(['s', 't', 'n', 'd', 'r', 'h']).replace(',', "");
        if !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()) && !word.contains(['+', '`', '\'']) {
            text.push_str(&word.replace(bare, "…"));
        } else {
            text.push_str(word);
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::finding::{Place, Where};

    fn finding(line: u64, kind: FindingKind, message: &str) -> Finding {
        Place { row: line, line }.finding(Where::name("c"), kind, message)
    }

    #[test]
    fn million_findings_are_a_table_and_the_first_twenty() {
        let mut summary = FindingSummary::new(20);
        for line in (1..=1_000_000).rev() {
            summary.add(&finding(line, FindingKind::BadNumber, &format!("the {line}th character is not a digit")));
        }
        summary.add(&finding(7, FindingKind::SpreadsheetError, "x"));
        let groups = summary.groups();
        assert_eq!(groups.len(), 2);
        assert_eq!((groups[0].count, groups[0].first_line), (1_000_000, 1));
        assert_eq!(groups[0].message, "the … character is not a digit");
        assert_eq!(groups[1].severity, Severity::Warning);
        let lines: Vec<_> = summary.first().iter().map(|finding| finding.line).collect();
        assert_eq!(lines, [1, 2, 3, 4, 5, 6, 7, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19]);
        assert_eq!(summary.total(), 1_000_001);
    }

    #[test]
    fn groups_are_bounded() {
        let mut summary = FindingSummary::new(1);
        for line in 1..=2000 {
            summary.add(&finding(line, FindingKind::BadJson, &format!("field `f{line}`")));
        }
        assert_eq!((summary.groups().len(), summary.others()), (GROUPS, 1000));
    }

    #[test]
    fn numbers_in_messages_make_no_groups() {
        assert_eq!(without_numbers("the 21st of 1,600 (row 3, line 4)"), "the … of … (row …, line …)");
        assert_eq!(without_numbers("`a1` U+001A 1.5E+10"), "`a1` U+001A 1.5E+10");
    }
}
