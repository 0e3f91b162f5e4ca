//! Tables for people.

use std::io::Write;
use std::path::Path;
use std::time::Duration;

use comfy_table::{CellAlignment, ColumnConstraint, ContentArrangement, Table, presets};
use sinch_batch::campaign::report::{ReasonCount, ReportError, failures_by_reason, for_each_failure};
use sinch_batch::ledger::{CallbackCount, CampaignRecord, CampaignStatus, Ledger, MessageFailure, Phase};
use sinch_batch::models::Timestamp;

use crate::fail::{Failure, output};
use crate::ledgers::Place;
use crate::output::{count, grouped};
use crate::{ledgers, terminal};

/// The sums of a campaign, as a table, and what its words mean.
pub(crate) fn status(status: &CampaignStatus, took: Option<Duration>, width: u16) -> String {
    let tally = status.messages;
    let mut columns = vec![
        ("rows", grouped(status.rows)),
        ("batches", grouped(status.batches.total())),
        ("accepted", grouped(status.accepted)),
        ("delivered", grouped(tally.delivered)),
        ("read", grouped(tally.read)),
        ("failed", grouped(tally.failed)),
    ];
    for (name, n_rows) in [
        ("awaiting", status.awaiting()),
        ("cancelled", tally.cancelled),
        ("queued", tally.queued),
        ("skipped", status.skipped),
        ("suppressed", status.suppressed),
        ("planned", status.planned),
        ("unknown", status.unknown),
        ("doubled", status.doubled),
    ] {
        if n_rows > 0 {
            columns.push((name, grouped(n_rows)));
        }
    }
    if let Some(took) = took {
        columns.push(("time", format!("{:.1} s", took.as_secs_f64())));
    }
    format!("{}{}", sums(&columns, width), legend(status))
}

/// Names and numbers: side by side if they fit, else one below the other.
fn sums(columns: &[(&str, String)], width: u16) -> String {
    let mut table = Table::new();
    table.load_style(presets::UTF8_FULL_CONDENSED);
    table.set_header(columns.iter().map(|(name, _)| *name));
    table.add_row(columns.iter().map(|(_, value)| value.as_str()));
    let fits = |text: &str| text.lines().all(|line| line.chars().count() <= usize::from(width));
    let text = format!("{table}\n");
    if fits(&text) {
        return text;
    }
    let mut table = Table::new();
    table.load_style(presets::UTF8_FULL_CONDENSED);
    for (name, value) in columns {
        table.add_row([*name, value.as_str()]);
    }
    if let Some(values) = table.column_mut(1) {
        values.set_cell_alignment(CellAlignment::Right);
    }
    format!("{table}\n")
}

/// How many people got the message, and the words of the table that occur in it.
fn legend(status: &CampaignStatus) -> String {
    let tally = status.messages;
    let got_it = tally.delivered + tally.read;
    let mut text = String::new();
    if status.accepted > 0 {
        let percent = got_it as f64 * 100.0 / status.accepted as f64;
        // Only all is all: 99.96 % is not 100.
        let percent = if got_it < status.accepted { (percent * 10.0).floor() / 10.0 } else { percent };
        text.push_str(&format!(
            "got it: {} of {} ({percent:.1}%), delivered and read together\n",
            grouped(got_it),
            grouped(status.accepted)
        ));
    }
    for (n_rows, words) in [
        (status.awaiting(), "awaiting: accepted by the service, no final receipt yet"),
        (tally.queued, "queued: one of the awaiting; handed to the channel, not delivered yet"),
        (
            status.planned,
            match status.phase {
                Phase::Cancelled => "planned: never sent, because the campaign was cancelled",
                _ => "planned: not accepted yet; sent when the campaign goes on",
            },
        ),
        (status.suppressed, "suppressed: skipped, because they are on a suppression list"),
        (status.unknown, "unknown: sent without a response; looked up before anything is sent again"),
    ] {
        if n_rows > 0 {
            text.push_str(words);
            text.push('\n');
        }
    }
    if status.pruned {
        text.push_str("pruned: results of single rows were removed from the ledger; the sums stay\n");
    }
    text
}

/// A table with a header that fits the screen.
pub(crate) fn table(header: &[&str], width: u16) -> Table {
    let mut table = Table::new();
    table.load_style(presets::UTF8_FULL_CONDENSED);
    table.set_content_arrangement(ContentArrangement::Dynamic);
    table.set_width(width);
    table.set_header(header.iter().copied());
    table
}

/// All campaigns, as a table.
pub(crate) fn campaigns(campaigns: &[(CampaignRecord, CampaignStatus)], width: u16) -> String {
    let header = ["campaign", "created", "rows", "accepted", "planned", "unknown", "phase", "input"];
    if width < 100 {
        return campaigns.iter().map(|(campaign, status)| campaign_lines(campaign, status)).collect();
    }
    let mut table = table(&header, width);
    for (campaign, status) in campaigns {
        let file = Path::new(&campaign.input).file_name().map(|name| name.to_string_lossy().into_owned());
        table.add_row([
            campaign.name.clone(),
            campaign.created.strftime("%Y-%m-%d %H:%M UTC").to_string(),
            grouped(status.rows),
            grouped(status.accepted),
            grouped(status.planned),
            grouped(status.unknown),
            if campaign.practice { format!("{}, tried locally", status.phase) } else { status.phase.to_string() },
            file.unwrap_or_default(),
        ]);
    }
    format!("{table}\n")
}

/// A campaign in two lines, for narrow screens.
fn campaign_lines(campaign: &CampaignRecord, status: &CampaignStatus) -> String {
    let local = if campaign.practice { ", tried locally" } else { "" };
    let file = Path::new(&campaign.input).file_name().map(|name| format!(", {}", name.to_string_lossy()));
    let mut text = format!(
        "{}  {}{local}, {}{}\n  {} of {} accepted",
        campaign.name,
        status.phase,
        campaign.created.strftime("%Y-%m-%d %H:%M UTC"),
        file.unwrap_or_default(),
        grouped(status.accepted),
        count(status.rows, "row", "rows"),
    );
    let named = [("planned", status.planned), ("unknown", status.unknown), ("suppressed", status.suppressed)];
    for (name, n_rows) in named {
        if n_rows > 0 {
            text.push_str(&format!(", {} {name}", grouped(n_rows)));
        }
    }
    text.push('\n');
    text
}

/// The callbacks that were received, by kind; nothing if there were none.
pub(crate) fn callbacks(counts: &[CallbackCount], width: u16) -> String {
    let Some(last) = counts.iter().map(|count| count.last).max() else { return String::new() };
    let total: u64 = counts.iter().map(|count| count.count).sum();
    // On a narrow screen the names would be broken.
    let has_first = width >= 80;
    let header = ["kind", "count", "last", "first"];
    let mut table = table(if has_first { &header } else { &header[..3] }, width);
    for CallbackCount { kind, count, first, last, .. } in counts {
        let mut row = vec![kind.clone(), grouped(*count), second(*last)];
        row.extend(has_first.then(|| second(*first)));
        table.add_row(row);
    }
    format!("callbacks received: {}, the last at {}\n{table}\n", grouped(total), second(last))
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
    let width = terminal::width();
    let sums = ledger.status(campaign.id).await?;
    write!(out, "{}", status(&sums, took, width))?;
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
        write!(out, "\nfailures by reason\n{}", terminal::escaped(&reasons(&by_reason, width)))?;
    }
    if !shown.is_empty() {
        write!(out, "\nfailures\n{}", terminal::escaped(&failures(&shown, width)))?;
    }
    if more > 0 {
        writeln!(out, "and {} more; {see_all}", grouped(more))?;
    }
    out.flush()?;
    Ok(())
}

fn failures(failures: &[MessageFailure], width: u16) -> String {
    let mut table = table(&["row", "line", "reason", "description"], width);
    for failure in failures {
        table.add_row([
            failure.row.to_string(),
            failure.line.to_string(),
            failure.code.clone().unwrap_or_else(|| "UNKNOWN".to_owned()),
            failure.description.clone().unwrap_or_default(),
        ]);
    }
    keep_whole(&mut table, 2, width);
    format!("{table}\n")
}

/// Breaks no code of a column over two lines, where there is room: people copy it.
pub(crate) fn keep_whole(table: &mut Table, column: usize, width: u16) {
    if let Some(column) = table.column_mut(column).filter(|_| width >= 80) {
        column.set_constraint(ColumnConstraint::ContentWidth);
    }
}

/// How many messages failed for which reason, and what to do about it; nothing if none did.
pub(crate) fn reasons(reasons: &[ReasonCount], width: u16) -> String {
    if reasons.is_empty() {
        return String::new();
    }
    let mut table = table(&["reason", "failed", "retry", "what to do"], width);
    for reason in reasons {
        table.add_row([&reason.code, &grouped(reason.messages), reason.class.as_str(), reason.advice]);
    }
    keep_whole(&mut table, 0, width);
    if let Some(column) = table.column_mut(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    format!("{table}\n")
}

/// A report that could not be read or written.
pub(crate) fn report_failed(path: &Place, error: ReportError) -> Failure {
    match error {
        ReportError::Ledger(error) => ledgers::failed(path, &error),
        ReportError::Write(error) => output(error),
        other => Failure::because(crate::exit::UNEXPECTED, "no report", &other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_of_a_send_fit_60_80_and_200_columns() {
        let mut sent = CampaignStatus::default();
        (sent.rows, sent.accepted, sent.skipped, sent.unknown, sent.planned) = (50_000, 46_000, 436, 1_000, 2_564);
        (sent.messages.pending, sent.messages.queued) = (1_000, 500);
        (sent.messages.delivered, sent.messages.read, sent.messages.failed) = (30_000, 14_000, 500);
        let screens = [60, 80, 200].map(|width| {
            let text = status(&sent, Some(Duration::from_millis(83_400)), width);
            let fits = |line: &str| line.chars().count() <= usize::from(width);
            assert!(text.lines().filter(|line| line.starts_with(['│', '┌', '╞', '└'])).all(fits), "{width}\n{text}");
            format!("{width}\n{text}")
        });
        insta::assert_snapshot!(screens.join("\n"));
    }
}
