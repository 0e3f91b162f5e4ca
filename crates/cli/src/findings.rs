//! Findings as a person reads them: by kind first, then the first ones in the order of the file.

use std::fmt::Write;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use sinch_batch::recipients::{
    Checked, Finding, FindingGroup, FindingKind, FindingSummary, Severity, SmsEstimate, is_blank,
};

use crate::output::{count, grouped};
use crate::{bytes, terminal};

/// How many findings are shown one by one.
const SHOWN: usize = 20;

/// Collects findings as they come.
#[derive(Clone)]
pub(crate) struct Collected(Arc<Mutex<FindingSummary>>);

impl Collected {
    pub(crate) fn new() -> Self {
        Self(Arc::new(Mutex::new(FindingSummary::new(SHOWN))))
    }

    /// Takes note of each finding that it is given.
    pub(crate) fn collector(&self) -> impl FnMut(Finding) + Send + 'static {
        let summary = Arc::clone(&self.0);
        move |finding| summary.lock().unwrap_or_else(PoisonError::into_inner).add(&finding)
    }

    /// Looks at what was collected.
    pub(crate) fn with<T>(&self, look: impl FnOnce(&FindingSummary) -> T) -> T {
        look(&self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Whether there is a finding of this kind.
    pub(crate) fn has(&self, kind: FindingKind) -> bool {
        self.with(|summary| summary.groups().iter().any(|group| group.kind == kind))
    }

    /// All of it as text; nothing without findings.
    pub(crate) fn text(&self, file: &Path, see_all: &str) -> String {
        self.with(|summary| text(summary, file, see_all))
    }
}

fn text(summary: &FindingSummary, file: &Path, see_all: &str) -> String {
    let groups = summary.groups();
    let mut text = String::new();
    if groups.is_empty() {
        return text;
    }
    let titles = ["kind", "column", "count", "first line"].map(str::to_owned);
    let mut rows: Vec<[String; 4]> = groups
        .iter()
        .map(|group| {
            let lead = if group.severity == Severity::Warning { "warning: " } else { "" };
            let column = group.column.as_deref().filter(|name| !is_blank(name)).unwrap_or("-");
            [
                format!("{lead}{}", group.kind),
                terminal::escaped(&column.chars().take(24).collect::<String>()).into_owned(),
                grouped(group.count),
                grouped(group.first_line),
            ]
        })
        .collect();
    let width_of = |rows: &[[String; 4]], at: usize| {
        rows.iter().chain([&titles]).map(|row| row[at].chars().count()).max().unwrap_or_default()
    };
    // Columns of a file may have any name: it has what the others leave, and two spaces stand between them.
    let others: usize = [0, 2, 3].map(|at| width_of(&rows, at) + 2).iter().sum();
    let room = usize::from(terminal::width()).saturating_sub(others).max(6);
    for row in &mut rows {
        row[1] = row[1].chars().take(room).collect();
    }
    let widths = [0, 1, 2, 3].map(|at| width_of(&rows, at));
    let whys = std::iter::once(None).chain(groups.iter().map(|group| why(group, &groups, &summary.first())));
    for (row, why) in [&titles].into_iter().chain(&rows).zip(whys) {
        let [kind, column, count, line] = row;
        // Writing into text cannot fail.
        let _ = writeln!(
            text,
            "{kind:<w0$}  {column:<w1$}  {count:>w2$}  {line:>w3$}",
            w0 = widths[0],
            w1 = widths[1],
            w2 = widths[2],
            w3 = widths[3],
        );
        if let Some(why) = why {
            let _ = writeln!(text, "    {}", terminal::escaped(why));
        }
    }
    if summary.others() > 0 {
        let _ = writeln!(text, "and {} of more kinds and columns", grouped(summary.others()));
    }
    text.push('\n');
    for finding in summary.first() {
        let _ = writeln!(text, "{}", line(file, finding));
    }
    let more = summary.total().saturating_sub(SHOWN as u64);
    if more > 0 {
        let _ = writeln!(text, "and {} more; see all: {see_all}", grouped(more));
    }
    text
}

/// The sentence of a group, where its line alone does not tell it from another, or no finding below says it.
///
/// It is that of its first finding where that is one of those below: a group's own has no numbers.
fn why<'a>(group: &'a FindingGroup, groups: &[FindingGroup], shown: &[&'a Finding]) -> Option<&'a str> {
    let is_like = |kind, column: &Option<String>| kind == group.kind && *column == group.column;
    let is_alone = groups.iter().filter(|other| is_like(other.kind, &other.column)).count() < 2;
    let mut alike = shown.iter().filter(|finding| is_like(finding.kind, &finding.column)).peekable();
    let is_shown = alike.peek().is_some();
    let first = alike.find(|finding| finding.line == group.first_line).map(|finding| finding.message.as_str());
    (!is_alone || !is_shown).then(|| first.unwrap_or(&group.message))
}

/// One finding, with its file.
pub(crate) fn line(file: &Path, finding: &Finding) -> String {
    let lead = if finding.severity == Severity::Warning { "warning: " } else { "" };
    format!("{lead}{}, {finding}", bytes::shown(file))
}

/// What a check has counted, on one line.
pub(crate) fn counts(checked: &Checked) -> String {
    let mut text = format!("{}, {} with mistakes", count(checked.rows, "row", "rows"), grouped(checked.invalid_rows));
    if checked.warnings > 0 {
        let _ = write!(text, ", {}", count(checked.warnings, "warning", "warnings"));
    }
    if checked.blank_rows > 0 {
        let _ = write!(text, "; {} at the end ignored", count(checked.blank_rows, "blank row", "blank rows"));
    }
    text.push('\n');
    text
}

/// How many rows each suppression list leaves out; nothing without lists.
pub(crate) fn suppressed(checked: &Checked) -> String {
    let mut text = String::new();
    for list in &checked.suppressed {
        let entries = count(list.entries, "entry", "entries");
        let _ = writeln!(text, "suppressed: {} by {} ({entries})", count(list.rows, "row", "rows"), list.list);
    }
    if checked.suppressed.len() > 1 {
        let _ = writeln!(text, "suppressed: {} in all", count(checked.suppressed_rows, "row", "rows"));
    }
    text
}

/// How many SMS parts the texts take, and why.
pub(crate) fn sms(estimate: &SmsEstimate) -> String {
    let spread: Vec<_> = estimate.spread.iter().map(|(parts, rows)| format!("{parts}: {}", grouped(*rows))).collect();
    let mut text = format!(
        "SMS: {} for {} (rows by parts: {}); an estimate\n",
        count(estimate.parts, "part", "parts"),
        count(estimate.rows, "row", "rows"),
        spread.join(", ")
    );
    if let Some((first, rest)) = estimate.worst.split_first() {
        let lines: Vec<_> =
            std::iter::once(first).chain(rest).map(|row| format!("{} ({})", grouped(row.line), row.parts)).collect();
        let _ = writeln!(text, "most parts at line {}", lines.join(", "));
    }
    for culprit in estimate.ucs2.iter().take(5) {
        let _ = writeln!(
            text,
            "UCS-2 in {}, first at line {}: {culprit}",
            count(culprit.rows, "row", "rows"),
            grouped(culprit.first_line)
        );
    }
    for (currency, sum) in &estimate.cost {
        let _ = writeln!(text, "about {sum} {currency}");
    }
    if let Some(rows) = estimate.no_price.filter(|rows| *rows > 0) {
        let _ = writeln!(text, "no price: {}", count(rows, "row", "rows"));
    }
    text
}
