//! Tables for people.

use std::io::Write;
use std::path::Path;
use std::time::Duration;

use comfy_table::{ContentArrangement, Table, presets};
use sinch_batch::campaign::report::{ReasonCount, ReportError, failures_by_reason, for_each_failure};
use sinch_batch::ledger::{CallbackCount, CampaignRecord, CampaignStatus, Ledger, MessageFailure};
use sinch_batch::models::Timestamp;

use crate::fail::{Failure, output};
use crate::ledgers;
use crate::output::grouped;

/// The sums of a campaign, as a small table.
pub(crate) fn status(status: &CampaignStatus, took: Option<Duration>) -> String {
    let mut table = Table::new();
    table.load_style(presets::UTF8_FULL_CONDENSED);
    let tally = status.messages;
    let mut columns = vec![
        ("rows", status.rows.to_string()),
        ("batches", status.batches.total().to_string()),
        ("accepted", status.accepted.to_string()),
        ("delivered", tally.delivered.to_string()),
        ("read", tally.read.to_string()),
        ("failed", tally.failed.to_string()),
    ];
    for (name, n_rows) in [
        ("awaiting", status.awaiting()),
        ("cancelled", tally.cancelled),
        ("skipped", status.skipped),
        ("suppressed", status.suppressed),
        ("planned", status.planned),
        ("unknown", status.unknown),
        ("doubled", status.doubled),
    ] {
        if n_rows > 0 {
            columns.push((name, n_rows.to_string()));
        }
    }
    if let Some(took) = took {
        columns.push(("time", format!("{:.1} s", took.as_secs_f64())));
    }
    table.set_header(columns.iter().map(|(name, _)| *name));
    table.add_row(columns.iter().map(|(_, value)| value.as_str()));
    let text = format!("{table}\n");
    if text.lines().all(|line| line.chars().count() <= 80) {
        return text;
    }
    table.column_iter_mut().for_each(|column| {
        column.set_padding((0, 0));
    });
    format!("{table}\n")
}

/// All campaigns, as a table.
pub(crate) fn campaigns(campaigns: &[(CampaignRecord, CampaignStatus)]) -> String {
    let mut table = Table::new();
    table.load_style(presets::UTF8_FULL_CONDENSED);
    table.set_content_arrangement(ContentArrangement::Dynamic);
    table.set_header(["campaign", "created", "rows", "accepted", "planned", "unknown", "phase", "input"]);
    for (campaign, status) in campaigns {
        let file = Path::new(&campaign.input).file_name().map(|name| name.to_string_lossy().into_owned());
        table.add_row([
            campaign.name.clone(),
            campaign.created.strftime("%Y-%m-%d %H:%M UTC").to_string(),
            status.rows.to_string(),
            status.accepted.to_string(),
            status.planned.to_string(),
            status.unknown.to_string(),
            if campaign.practice { format!("{}, tried locally", status.phase) } else { status.phase.to_string() },
            file.unwrap_or_default(),
        ]);
    }
    format!("{table}\n")
}

/// The callbacks that were received, by kind; nothing if there were none.
pub(crate) fn callbacks(counts: &[CallbackCount]) -> String {
    let Some(last) = counts.iter().map(|count| count.last).max() else { return String::new() };
    let total: u64 = counts.iter().map(|count| count.count).sum();
    let mut table = Table::new();
    table.load_style(presets::UTF8_FULL_CONDENSED);
    table.set_header(["kind", "count", "first", "last"]);
    for CallbackCount { kind, count, first, last, .. } in counts {
        table.add_row([kind.clone(), count.to_string(), second(*first), second(*last)]);
    }
    format!("callbacks received: {total}, the last at {}\n{table}\n", second(last))
}

/// A time without what is smaller than a second.
fn second(time: Timestamp) -> String {
    format!("{time:.0}")
}

/// The sums, then the failures by row; at most `most` of them, and how to see the others.
pub(crate) async fn report(
    ledger: &dyn Ledger,
    campaign: &CampaignRecord,
    took: Option<Duration>,
    (most, see_all): (usize, &str),
    mut out: impl Write,
) -> Result<(), ReportError> {
    let sums = ledger.status(campaign.id).await?;
    write!(out, "{}", status(&sums, took))?;
    let mut shown = Vec::new();
    let mut more = 0_u64;
    for_each_failure(ledger, campaign, |failure| {
        if shown.len() < most {
            shown.push(failure);
        } else {
            more += 1;
        }
        Ok(())
    })
    .await?;
    let by_reason = failures_by_reason(ledger, campaign).await?;
    if !by_reason.is_empty() {
        write!(out, "\nfailures by reason\n{}", reasons(&by_reason))?;
    }
    if !shown.is_empty() {
        write!(out, "\nfailures\n{}", failures(&shown))?;
    }
    if more > 0 {
        writeln!(out, "and {more} more; {see_all}")?;
    }
    out.flush()?;
    Ok(())
}

fn failures(failures: &[MessageFailure]) -> String {
    let mut table = Table::new();
    table.load_style(presets::UTF8_FULL_CONDENSED);
    table.set_content_arrangement(ContentArrangement::Dynamic);
    table.set_header(["row", "line", "reason", "description"]);
    for failure in failures {
        table.add_row([
            failure.row.to_string(),
            failure.line.to_string(),
            failure.code.clone().unwrap_or_else(|| "UNKNOWN".to_owned()),
            failure.description.clone().unwrap_or_default(),
        ]);
    }
    format!("{table}\n")
}

/// How many messages failed for which reason, and what to do about it; nothing if none did.
pub(crate) fn reasons(reasons: &[ReasonCount]) -> String {
    if reasons.is_empty() {
        return String::new();
    }
    let mut table = Table::new();
    table.load_style(presets::UTF8_FULL_CONDENSED);
    table.set_content_arrangement(ContentArrangement::Dynamic);
    table.set_header(["reason", "failed", "retry", "what to do"]);
    for reason in reasons {
        table.add_row([&reason.code, &grouped(reason.messages), reason.class.as_str(), reason.advice]);
    }
    format!("{table}\n")
}

/// A report that could not be read or written.
pub(crate) fn report_failed(path: &Path, error: ReportError) -> Failure {
    match error {
        ReportError::Ledger(error) => ledgers::failed(path, &error),
        ReportError::Write(error) => output(error),
        other => Failure::because(crate::exit::UNEXPECTED, "no report", &other),
    }
}
