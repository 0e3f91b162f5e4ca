//! Parts of a whole, side by side.

use maud::{Markup, html};

use super::{Tone, as_table, key, of_thousand, points};
use crate::text::{grouped, share};

/// A part that is there is never thinner than this, in hundredths of a thousandth of the width.
const THINNEST: u64 = 400;

/// One part of a whole.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Part<'a> {
    /// What it is.
    pub label: &'a str,
    /// How much of it there is.
    pub count: u64,
    /// How it looks.
    pub tone: Tone,
}

impl<'a> Part<'a> {
    /// A labelled amount.
    pub fn new(label: &'a str, count: u64, tone: Tone) -> Self {
        Self { label, count, tone }
    }
}

/// The parts of a whole as one bar, with a legend and a table. `id` is unique on the page.
pub fn stacked(id: &str, title: &str, unit: &str, parts: &[Part<'_>]) -> Markup {
    let whole = parts.iter().fold(0_u64, |sum, part| sum.saturating_add(part.count));
    let shown: Vec<&Part<'_>> = parts.iter().filter(|part| part.count > 0).collect();
    let title_id = format!("{id}-title");
    html! {
        figure.chart {
            svg.stacked role="img" aria-labelledby=(title_id) viewBox="0 0 1000 10" preserveAspectRatio="none" {
                title id=(title_id) { (title) ": " (in_words(&shown, whole)) }
                rect.track x="0" y="0" width="1000" height="10" {}
                @for (part, (x, width)) in shown.iter().zip(spans(&shown, whole)) {
                    rect.(part.tone.class()) x=(points(x)) y="0" width=(points(width)) height="10" {}
                }
            }
            ul.legend {
                @for part in &shown {
                    li { (key(part.tone, part.label)) b { (grouped(part.count)) } span.quiet { (share(part.count, whole)) } }
                }
                @if shown.is_empty() { li.quiet { "nothing" } }
            }
            (as_table(id, title, &html! {
                table {
                    caption { (title) }
                    thead { tr { th scope="col" { "State" } th.n scope="col" { (unit) } th.n scope="col" { "Share" } } }
                    tbody {
                        @for part in parts {
                            tr {
                                th scope="row" { (part.label) }
                                td.n { (grouped(part.count)) }
                                td.n { (share(part.count, whole)) }
                            }
                        }
                    }
                }
            }))
        }
    }
}

fn in_words(parts: &[&Part<'_>], whole: u64) -> String {
    let words: Vec<String> = parts
        .iter()
        .map(|part| format!("{} {} ({})", grouped(part.count), part.label, share(part.count, whole)))
        .collect();
    if words.is_empty() { "nothing".to_owned() } else { words.join(", ") }
}

/// Where each part begins and how wide it is, in hundredths of a thousandth; together the whole width.
fn spans(parts: &[&Part<'_>], whole: u64) -> Vec<(u64, u64)> {
    let wanted: Vec<u64> = parts.iter().map(|part| of_thousand(part.count, whole).max(THINNEST)).collect();
    let sum: u64 = wanted.iter().sum();
    let mut spans = Vec::with_capacity(parts.len());
    let mut before = 0;
    for width in wanted {
        let (from, to) = (of_thousand(before, sum), of_thousand(before + width, sum));
        spans.push((from, to - from));
        before += width;
    }
    spans
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(counts: &[u64]) -> Vec<(u64, u64)> {
        let parts: Vec<Part<'_>> = counts.iter().map(|count| Part::new("x", *count, Tone::Plain)).collect();
        let whole = counts.iter().fold(0_u64, |sum, count| sum.saturating_add(*count));
        spans(&parts.iter().collect::<Vec<_>>(), whole)
    }

    #[test]
    fn parts_fill_the_bar() {
        assert_eq!(of(&[1]), [(0, 100_000)]);
        assert_eq!(of(&[1, 3]), [(0, 25_000), (25_000, 75_000)]);
        assert_eq!(of(&[]), []);
        for counts in [vec![1, 1_000_000_000_000], vec![u64::MAX, 1, u64::MAX], vec![1; 9]] {
            let spans = of(&counts);
            assert_eq!(spans.iter().map(|(_, width)| width).sum::<u64>(), 100_000, "{counts:?}");
            assert!(spans.iter().all(|(_, width)| *width > THINNEST / 3), "{counts:?}: {spans:?}");
            assert!(spans.windows(2).all(|pair| pair[0].0 + pair[0].1 == pair[1].0), "{counts:?}: {spans:?}");
        }
    }
}
