//! Numbers beside each other, as bars.

use maud::{Markup, html};

use super::{Tone, as_table, of_thousand, points};
use crate::text::grouped;

/// One bar.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Bar<'a> {
    /// What it is.
    pub label: &'a str,
    /// How long it is.
    pub count: u64,
    /// How it looks.
    pub tone: Tone,
}

impl<'a> Bar<'a> {
    /// A bar of that length.
    pub fn new(label: &'a str, count: u64, tone: Tone) -> Self {
        Self { label, count, tone }
    }
}

/// Numbers as bars under each other, the longest over the whole width; with a table. `id` is unique on the
/// page, `what` names the labels and `unit` the numbers.
pub fn bars(id: &str, title: &str, (what, unit): (&str, &str), bars: &[Bar<'_>]) -> Markup {
    let most = bars.iter().map(|bar| bar.count).max().unwrap_or(0);
    let words: Vec<String> = bars.iter().map(|bar| format!("{} {}", bar.label, grouped(bar.count))).collect();
    let words = if words.is_empty() { "nothing".to_owned() } else { words.join(", ") };
    html! {
        figure.chart {
            // The words of the picture are its name, so what is inside is not read twice.
            div.bars role="img" aria-label={ (title) ": " (words) } {
                @for bar in bars {
                    span.label { (bar.label) }
                    (only_bar(bar.count, most, bar.tone))
                    span.n { (grouped(bar.count)) }
                }
            }
            (as_table(id, title, &html! {
                table {
                    caption { (title) }
                    thead { tr { th scope="col" { (what) } th.n scope="col" { (unit) } } }
                    tbody { @for bar in bars { tr { th scope="row" { (bar.label) } td.n { (grouped(bar.count)) } } } }
                }
            }))
        }
    }
}

/// A bar alone, for a place where its number stands beside it.
pub(crate) fn only_bar(count: u64, most: u64, tone: Tone) -> Markup {
    let length = if count == 0 { 0 } else { of_thousand(count, most).max(400) };
    html! {
        svg.bar aria-hidden="true" viewBox="0 0 1000 10" preserveAspectRatio="none" {
            rect.(tone.class()) x="0" y="0" width=(points(length)) height="10" {}
        }
    }
}
