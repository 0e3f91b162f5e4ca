//! The parts of a report below its head.

use maud::{Markup, html};
use sinch_batch_models::Timestamp;

use super::view::{PulseView, ReasonView, ReportView, RetryAdvice};
use crate::chart::{self, Bar, Line, Part, Tone};
use crate::layout::scrolling;
use crate::text::{count, grouped, outside, share};

/// How many moments a chart shows; more are folded together.
const MOMENTS: usize = 240;

/// How many bytes the lists may take.
const ROOM_FOR_REASONS: usize = 100_000;
const ROOM_FOR_FAILURES: usize = 500_000;
const ROOM_FOR_BATCHES: usize = 200_000;

/// What became of the rows, and the equation.
pub(super) fn rows(view: &ReportView) -> Markup {
    let messages = view.messages;
    let parts = [
        Part::new("read", messages.read, Tone::Read),
        Part::new("delivered", messages.delivered, Tone::Delivered),
        Part::new("queued", messages.queued, Tone::Queued),
        Part::new("pending", messages.pending, Tone::Pending),
        Part::new("failed", messages.failed, Tone::Failed),
        Part::new("unknown", view.unknown, Tone::Unknown),
        Part::new("planned", view.planned, Tone::Planned),
        Part::new("skipped", view.skipped, Tone::Skipped),
    ];
    html! {
        section {
            h2 { "What became of the rows" }
            (chart::stacked("rows", "What became of the rows", "Rows", &parts))
            p.equation {
                b { (count(view.rows, "row", "rows")) } " = "
                (grouped(view.skipped)) " skipped + " (grouped(view.planned)) " planned + "
                (grouped(view.accepted)) " accepted + " (grouped(view.unknown)) " unknown"
            }
        }
    }
}

/// Delivery over time.
pub(super) fn pulse(view: &ReportView) -> Markup {
    let (step, folded) = fold(&view.pulse, MOMENTS);
    let unit = unit(step);
    let title = format!("Delivery by {unit}");
    let moments: Vec<String> = folded.iter().map(|pulse| moment(pulse.from)).collect();
    let line = |label, tone, of: fn(&PulseView) -> u64| Line::new(label, folded.iter().map(of).collect(), tone);
    let lines = [
        line("accepted", Tone::Accepted, |pulse| pulse.accepted).only_in_table(),
        line("queued", Tone::Queued, |pulse| pulse.queued).only_in_table(),
        line("delivered", Tone::Delivered, |pulse| pulse.delivered),
        line("read", Tone::Read, |pulse| pulse.read),
        line("failed", Tone::Failed, |pulse| pulse.failed),
    ];
    html! {
        // One moment makes no line, and the numbers are above.
        @if folded.len() > 1 {
            section {
                h2 { (title) }
                (chart::lines("pulse", &title, &moments, &lines))
            }
        }
    }
}

fn moment(from: Timestamp) -> String {
    from.strftime("%d %b %H:%M UTC").to_string()
}

fn unit(step: i64) -> String {
    match step {
        60 => "minute".to_owned(),
        3600 => "hour".to_owned(),
        86_400 => "day".to_owned(),
        n if n % 86_400 == 0 => format!("{} days", n / 86_400),
        n if n % 3600 == 0 => format!("{} hours", n / 3600),
        n => format!("{} minutes", n / 60),
    }
}

/// The same over the shortest step that gives no more than `most` moments, empty ones included; and that
/// step, in seconds.
fn fold(pulse: &[PulseView], most: usize) -> (i64, Vec<PulseView>) {
    const STEPS: [i64; 11] = [60, 120, 300, 600, 1800, 3600, 7200, 21_600, 43_200, 86_400, 604_800];
    let (Some(first), Some(last)) = (pulse.first(), pulse.last()) else { return (60, Vec::new()) };
    let (first, last) = (first.from.as_second(), last.from.as_second());
    let n_moments = |step: i64| last.div_euclid(step).abs_diff(first.div_euclid(step)).saturating_add(1);
    let step = STEPS.into_iter().find(|step| n_moments(*step) <= most as u64);
    // Beyond 240 weeks somebody has set a clock wrong: the moments that are there, as many as fit.
    let Some(step) = step else { return (604_800, pulse.iter().copied().take(most).collect()) };
    let start = first.div_euclid(step);
    let mut folded: Vec<PulseView> = (0..n_moments(step))
        .map(|at| {
            let second = start.saturating_add(at as i64).saturating_mul(step);
            PulseView { from: Timestamp::from_second(second).unwrap_or(Timestamp::MAX), ..PulseView::default() }
        })
        .collect();
    for pulse in pulse {
        let at = usize::try_from(pulse.from.as_second().div_euclid(step) - start).ok();
        let Some(sum) = at.and_then(|at| folded.get_mut(at)) else { continue };
        for (sum, more) in [
            (&mut sum.accepted, pulse.accepted),
            (&mut sum.queued, pulse.queued),
            (&mut sum.delivered, pulse.delivered),
            (&mut sum.read, pulse.read),
            (&mut sum.failed, pulse.failed),
        ] {
            *sum = sum.saturating_add(more);
        }
    }
    (step, folded)
}

/// Failures by reason, with what to do.
pub(super) fn reasons(view: &ReportView) -> Markup {
    let mut reasons: Vec<&ReasonView> = view.reasons.iter().filter(|reason| reason.count > 0).collect();
    reasons.sort_by(|a, b| b.count.cmp(&a.count).then_with(|| a.code.cmp(&b.code)));
    let most = reasons.first().map_or(0, |reason| reason.count);
    let failed = reasons.iter().fold(0_u64, |sum, reason| sum.saturating_add(reason.count));
    let rows = reasons.iter().map(|reason| {
        html! {
            tr {
                th scope="row" {
                    code { (outside(&reason.code)) }
                    (chart::only_bar(reason.count, most, Tone::Failed))
                }
                td.n data-label="Messages" { (grouped(reason.count)) }
                td.n data-label="Share" { (share(reason.count, failed)) }
                td data-label="Send again?" { (advice(reason.advice)) }
                td.what data-label="What to do" { (outside(&reason.what_to_do)) }
            }
        }
    });
    let (shown, rows) = within(ROOM_FOR_REASONS, rows);
    let more = (reasons.len() as u64).saturating_sub(shown);
    html! {
        @if shown > 0 {
            section {
                h2 { "Failures by reason" }
                table.reasons {
                    caption { (count(failed, "failed message", "failed messages")) " by reason, and what to do" }
                    thead {
                        tr {
                            th scope="col" { "Reason" } th.n scope="col" { "Messages" } th.n scope="col" { "Share" }
                            th scope="col" { "Send again?" } th scope="col" { "What to do" }
                        }
                    }
                    tbody { @for row in &rows { (row) } }
                }
                @if more > 0 { p.quiet { "and " (count(more, "more reason", "more reasons")) } }
            }
        }
    }
}

fn advice(advice: RetryAdvice) -> Markup {
    let (class, sign) = match advice {
        RetryAdvice::TryAgain => ("again", "↻"),
        RetryAdvice::Ask => ("ask", "?"),
        RetryAdvice::Fix => ("fix", "✎"),
        RetryAdvice::Never => ("never", "⊘"),
    };
    html! { span.advice.(class) { span aria-hidden="true" { (sign) } " " (advice.as_str()) } }
}

/// How many batches went at the first attempt, and how many did not.
pub(super) fn attempts(view: &ReportView) -> Markup {
    let labels: Vec<String> = view.attempts.iter().map(|of| count(of.attempts.into(), "attempt", "attempts")).collect();
    let bars: Vec<Bar<'_>> = view
        .attempts
        .iter()
        .zip(&labels)
        .map(|(of, label)| Bar::new(label, of.batches, if of.attempts > 1 { Tone::Queued } else { Tone::Accepted }))
        .collect();
    html! {
        @if !bars.is_empty() {
            section {
                h2 { "Attempts" }
                p.quiet { "A batch whose outcome is unknown is looked up, and tried again only if the service does not have it." }
                (chart::bars("attempts", "Batches by number of attempts", ("Attempts", "Batches"), &bars))
            }
        }
    }
}

/// The first failures by row.
pub(super) fn failures(view: &ReportView) -> Markup {
    let rows = view.failures.iter().map(|failure| {
        html! {
            tr {
                td.n { (grouped(failure.row)) }
                td.n { (grouped(failure.line)) }
                td { code { (outside(&failure.code)) } }
                td { (outside(&failure.description)) }
            }
        }
    });
    let (shown, rows) = within(ROOM_FOR_FAILURES, rows);
    let all = view.messages.failed.max(shown);
    html! {
        @if shown > 0 {
            section {
                h2 { @if shown == all { "Failures by row" } @else { "The first failures by row" } }
                (scrolling("Failures by row", &html! {
                    table.list {
                        caption { (grouped(shown)) " of " (count(all, "failed message", "failed messages")) }
                        thead {
                            tr {
                                th.n scope="col" { "Row" } th.n scope="col" { "Line" }
                                th scope="col" { "Reason" } th scope="col" { "What the service said" }
                            }
                        }
                        tbody { @for row in &rows { (row) } }
                    }
                }))
                @if !view.all_failures.is_empty() {
                    p.quiet { "All " (grouped(all)) " as a file: " code { (view.all_failures) } }
                }
            }
        }
    }
}

/// Batches that were refused, are of unknown outcome, were tried more than once, or are there twice.
pub(super) fn odd_batches(view: &ReportView) -> Markup {
    let rows = view.odd_batches.iter().map(|batch| {
        let last = batch.first_row.saturating_add(batch.rows.saturating_sub(1));
        html! {
            tr {
                th.n scope="row" { (grouped(batch.number)) }
                td { (grouped(batch.first_row)) @if last > batch.first_row { " to " (grouped(last)) } }
                td { (outside(&batch.status)) @if batch.doubled > 0 { " " b.bad { "sent more than once" } } }
                td.n { (grouped(batch.attempts.into())) }
                td { code { (outside(&batch.batch_id)) } }
                td { (outside(&batch.why)) }
            }
        }
    });
    let (shown, rows) = within(ROOM_FOR_BATCHES, rows);
    let all = view.n_odd_batches.max(shown);
    html! {
        @if shown > 0 {
            section {
                h2 { "Batches to look at" }
                (scrolling("Batches to look at", &html! {
                    table.list {
                        caption {
                            (grouped(shown)) " of " (count(all, "batch", "batches"))
                            " refused, of unknown outcome, tried more than once, or sent more than once"
                        }
                        thead {
                            tr {
                                th.n scope="col" { "Batch" } th scope="col" { "Rows" } th scope="col" { "Status" }
                                th.n scope="col" { "Attempts" } th scope="col" { "Id" } th scope="col" { "Why" }
                            }
                        }
                        tbody { @for row in &rows { (row) } }
                    }
                }))
            }
        }
    }
}

/// As many rows as fit, and how many these are.
fn within(room: usize, rows: impl Iterator<Item = Markup>) -> (u64, Vec<Markup>) {
    let mut left = room;
    let mut fitting = Vec::new();
    for row in rows {
        let Some(rest) = left.checked_sub(row.0.len()) else { break };
        left = rest;
        fitting.push(row);
    }
    (fitting.len() as u64, fitting)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> PulseView {
        PulseView { from: Timestamp::from_second(second).unwrap(), delivered: 1, ..PulseView::default() }
    }

    #[test]
    fn moments_are_folded_until_they_fit() {
        for (seconds, step, n_moments) in [
            (vec![0], 60, 1),
            (vec![0, 120], 60, 3),
            (vec![60, 60 * 240], 60, 240),
            (vec![0, 60 * 240], 120, 121),
            (vec![-60, 0], 60, 2),
            (vec![0, 3600 * 24 * 30], 21_600, 121),
        ] {
            let pulse: Vec<PulseView> = seconds.iter().map(|second| at(*second)).collect();
            let (got, folded) = fold(&pulse, MOMENTS);
            assert_eq!((got, folded.len()), (step, n_moments), "{seconds:?}");
            assert_eq!(folded.iter().map(|pulse| pulse.delivered).sum::<u64>(), seconds.len() as u64);
        }
        assert_eq!(fold(&[], MOMENTS), (60, Vec::new()));
    }

    #[test]
    fn wrong_clock_does_not_fill_the_page() {
        let pulse = [PulseView { from: Timestamp::MIN, ..at(0) }, PulseView { from: Timestamp::MAX, ..at(0) }];
        assert_eq!(fold(&pulse, MOMENTS).1.len(), 2);
    }
}
