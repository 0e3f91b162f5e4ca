//! Numbers over time, as lines.

use std::fmt::Write;

use maud::{Markup, html};

use super::{Tone, as_table, key, points};
use crate::text::{grouped, short};

const HEIGHT: u64 = 24_000;

/// One number over time.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Line<'a> {
    /// What it is.
    pub label: &'a str,
    /// Its values, one for each moment.
    pub values: Vec<u64>,
    /// How it looks.
    pub tone: Tone,
    /// Whether it is in the table alone, since it would press the others flat.
    pub only_in_table: bool,
}

impl<'a> Line<'a> {
    /// A line through these values.
    pub fn new(label: &'a str, values: Vec<u64>, tone: Tone) -> Self {
        Self { label, values, tone, only_in_table: false }
    }

    /// Shows it in the table alone.
    #[must_use]
    pub fn only_in_table(mut self) -> Self {
        self.only_in_table = true;
        self
    }
}

/// Numbers over the same moments, which are named by `moments`, as lines; with a legend and a table. `id` is
/// unique on the page.
pub fn lines(id: &str, title: &str, moments: &[String], lines: &[Line<'_>]) -> Markup {
    let is_drawn = |line: &&Line<'_>| !line.only_in_table && line.values.iter().any(|value| *value > 0);
    let drawn: Vec<&Line<'_>> = lines.iter().filter(is_drawn).collect();
    let top = round_up(drawn.iter().flat_map(|line| &line.values).copied().max().unwrap_or(0));
    let title_id = format!("{id}-title");
    html! {
        figure.chart {
            div.lines {
                div.axis aria-hidden="true" { span { (short(top)) } span { (short(top / 2)) } span { "0" } }
                svg role="img" aria-labelledby=(title_id) viewBox="0 -4 1000 248" preserveAspectRatio="none" {
                    title id=(title_id) { (title) ": " (in_words(moments, &drawn)) }
                    path.grid d="M0 0H1000M0 120H1000M0 240H1000" {}
                    @for line in &drawn { path.line.(line.tone.class()) d=(path(&line.values, top)) {} }
                }
                div.moments aria-hidden="true" {
                    @if let [first, .., last] = moments { span { (first) } span { (last) } }
                    @else if let [only] = moments { span { (only) } }
                }
            }
            ul.legend {
                @for line in &drawn { li { (swatch(line.tone)) (key(line.tone, line.label)) b { (grouped(sum(line))) } } }
                @if drawn.is_empty() { li.quiet { "nothing" } }
            }
            (as_table(id, title, &html! {
                table {
                    caption { (title) }
                    thead {
                        tr { th scope="col" { "Time" } @for line in lines { th.n scope="col" { (line.label) } } }
                    }
                    tbody {
                        @for (at, moment) in moments.iter().enumerate() {
                            tr {
                                th scope="row" { (moment) }
                                @for line in lines {
                                    td.n { (grouped(line.values.get(at).copied().unwrap_or(0))) }
                                }
                            }
                        }
                    }
                }
            }))
        }
    }
}

fn swatch(tone: Tone) -> Markup {
    html! {
        svg.swatch aria-hidden="true" viewBox="0 0 24 4" { path.line.(tone.class()) d="M0 2H24" {} }
    }
}

fn sum(line: &Line<'_>) -> u64 {
    line.values.iter().fold(0, |sum, value| sum.saturating_add(*value))
}

fn in_words(moments: &[String], lines: &[&Line<'_>]) -> String {
    let (Some(first), Some(last)) = (moments.first(), moments.last()) else { return "nothing".to_owned() };
    let sums: Vec<String> = lines.iter().map(|line| format!("{} {}", grouped(sum(line)), line.label)).collect();
    let sums = if sums.is_empty() { "nothing".to_owned() } else { sums.join(", ") };
    format!("{sums}, from {first} to {last}")
}

/// What an axis may end at, times a power of ten.
const ROUND: [u64; 14] = [10, 12, 14, 16, 18, 20, 24, 30, 40, 50, 60, 70, 80, 90];

/// The next number that is round and has a whole half, so near that the lines fill their frame.
fn round_up(most: u64) -> u64 {
    if most <= 10 {
        return most.next_multiple_of(2).max(2);
    }
    let mut unit = 1_u64;
    loop {
        for step in ROUND {
            let Some(round) = unit.checked_mul(step) else { return u64::MAX };
            if round >= most {
                return round;
            }
        }
        let Some(next) = unit.checked_mul(10) else { return u64::MAX };
        unit = next;
    }
}

/// The line through the values; a single one is a dot.
fn path(values: &[u64], top: u64) -> String {
    let y = |value: u64| {
        let up = u128::from(value) * u128::from(HEIGHT) / u128::from(top.max(1));
        HEIGHT - u64::try_from(up).unwrap_or(HEIGHT).min(HEIGHT)
    };
    if let [only] = values {
        return format!("M500 {}h0", points(y(*only)));
    }
    let last = (values.len() as u64).saturating_sub(1).max(1);
    let mut path = String::new();
    for (at, value) in values.iter().enumerate() {
        let x = at as u64 * 100_000 / last;
        // Writing to a string cannot fail.
        let _ = write!(path, "{}{} {}", if at == 0 { 'M' } else { 'L' }, points(x), points(y(*value)));
    }
    path
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn axis_ends_at_a_round_number() {
        for (most, top) in [
            (0, 2),
            (1, 2),
            (3, 4),
            (9, 10),
            (11, 12),
            (61, 70),
            (1_151, 1_200),
            (2_497, 3_000),
            (999, 1000),
            (1_000_000_000_000, 1_000_000_000_000),
        ] {
            assert_eq!(round_up(most), top);
        }
        assert_eq!(round_up(u64::MAX), u64::MAX);
    }

    #[test]
    fn lines_stay_within_their_frame() {
        assert_eq!(path(&[0, 1, 2], 2), "M0.00 240.00L500.00 120.00L1000.00 0.00");
        assert_eq!(path(&[1], 2), "M500 120.00h0");
        assert_eq!(path(&[], 2), "");
        assert_eq!(path(&[u64::MAX, 0], u64::MAX), "M0.00 0.00L1000.00 240.00");
    }
}
