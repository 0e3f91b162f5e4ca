//! The report from top to bottom.

use maud::{Markup, html};

use super::sections;
use super::view::ReportView;
use crate::layout;
use crate::text::{count, grouped, outside, share, time};

impl ReportView {
    /// The report as one HTML file.
    ///
    /// It stays below 1 MB: where failures or batches are too long to be listed, the rest is counted.
    pub fn render(&self) -> String {
        render(self)
    }
}

fn render(view: &ReportView) -> String {
    layout::file(
        &format!("{}: report", view.name),
        &html! {
            (head(view))
            (alarms(view))
            (sections::rows(view))
            (sections::pulse(view))
            (sections::reasons(view))
            (sections::attempts(view))
            (sections::failures(view))
            (sections::odd_batches(view))
            (foot(view))
        },
    )
}

/// What somebody wants to know who reads nothing else.
fn head(view: &ReportView) -> Markup {
    let sent = view.accepted;
    html! {
        header.head {
            p.eyebrow { "Campaign report" @if view.practice { " · " strong { "tried locally, nobody got a message" } } }
            h1 { (outside(&view.name)) }
            p.quiet {
                @if let Some(created) = view.created { "Created " (time(created)) " · " }
                (phase(view)) " · as of " (time(view.written))
            }
            dl.figures {
                div.delivered { dt { "delivered" } dd { (grouped(view.arrived())) } dd.quiet { (of(view.arrived(), sent)) }
                    @if view.messages.read > 0 { dd.quiet { (grouped(view.messages.read)) " of them read" } }
                }
                div.failed { dt { "failed" } dd { (grouped(view.messages.failed)) } dd.quiet { (of(view.messages.failed, sent)) } }
                div.pending { dt { "awaiting a receipt" } dd { (grouped(view.awaiting())) } dd.quiet { (of(view.awaiting(), sent)) } }
                div.plain { dt { "not sent" } dd { (grouped(not_sent(view))) } dd.quiet { "of " (count(view.rows, "row", "rows")) } }
            }
        }
    }
}

fn not_sent(view: &ReportView) -> u64 {
    view.skipped.saturating_add(view.planned)
}

fn of(part: u64, sent: u64) -> String {
    format!("{} of {} accepted", share(part, sent), grouped(sent))
}

fn phase(view: &ReportView) -> Markup {
    html! { @if view.phase.is_empty() { "not known whether it goes on" } @else { (outside(&view.phase)) } }
}

/// What must not be overlooked.
fn alarms(view: &ReportView) -> Markup {
    let doubled = (view.doubled > 0).then(|| {
        let rows = count(view.doubled, "row was", "rows were");
        format!("{rows} sent more than once. See the batches to look at.")
    });
    let unknown = (view.unknown > 0).then(|| {
        let rows = count(view.unknown, "row", "rows");
        format!("The outcome of {rows} is not known: sent or not, only a look-up can tell.")
    });
    let planned = (view.planned > 0).then(|| {
        let rows = count(view.planned, "row has", "rows have");
        format!("{rows} not been sent.")
    });
    let alarms: Vec<String> = [doubled, unknown, planned].into_iter().flatten().collect();
    html! {
        @if !alarms.is_empty() {
            section.alarm aria-label="To look at" {
                @for alarm in &alarms { p { span.sign aria-hidden="true" { "!" } (alarm) } }
                @if let Some(next) = &view.next { p.quiet { "Next: " code { (next) } } }
            }
        }
    }
}

fn foot(view: &ReportView) -> Markup {
    html! {
        section {
            h2 { "About this report" }
            dl.facts {
                (fact("Message", &view.message_kind, &view.message_fingerprint))
                (fact("File", &view.input, &view.input_fingerprint))
                dt { "Batches" }
                dd {
                    (grouped(view.batches.accepted)) " accepted, " (grouped(view.batches.refused)) " refused, "
                    (grouped(view.batches.unknown)) " of unknown outcome, " (grouped(view.batches.planned)) " planned"
                }
                @if let Some(first) = view.first_receipt {
                    dt { "First receipt" }
                    dd {
                        @if first.as_secs() < 60 { "in the minute of the first acceptance" }
                        @else { (duration(first.as_secs())) " after the first acceptance, to the minute" }
                    }
                }
                dt { "Written by" }
                dd { "sinch-batch " (view.version) ", " (time(view.written)) }
            }
            h3 { "How each number is reckoned" }
            ul.notes {
                li { b { "Rows" } " are those of the file. Each is skipped, planned, accepted or unknown, and in only one of these." }
                li { b { "Accepted" } " rows are those of batches that the service has confirmed. What becomes of each is told by its receipts." }
                li { b { "Delivered" } " at the top counts read messages too. A message that failed on one channel and arrived by another counts as delivered." }
                li { b { "By minute" } " goes by the time that each receipt names, and for acceptances by that of the response." }
                li { "This file holds rows and codes: no phone numbers, no names, no texts." }
            }
        }
    }
}

fn fact(name: &str, value: &str, fingerprint: &str) -> Markup {
    html! {
        @if !value.is_empty() || !fingerprint.is_empty() {
            dt { (name) }
            dd {
                (outside(value))
                @if !fingerprint.is_empty() { " " code.fingerprint { (outside(fingerprint)) } }
            }
        }
    }
}

fn duration(seconds: u64) -> String {
    match seconds {
        0..60 => "less than a minute".to_owned(),
        60..3600 => count(seconds / 60, "minute", "minutes"),
        _ => count(seconds / 3600, "hour", "hours"),
    }
}
