//! Three charts as inline SVG, each with its words and its table.
//!
//! The shapes stretch with the page; words and numbers stand beside them as text, so that they keep their
//! size on a narrow window and when zoomed.

mod bar;
mod line;
mod stacked;

pub(crate) use bar::only_bar;
pub use bar::{Bar, bars};
pub use line::{Line, lines};
pub use stacked::{Part, stacked};

use maud::{Markup, html};

/// What a shape says, as colour and sign.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Tone {
    /// Nothing by itself.
    #[default]
    Plain,
    /// Left to the service: accepted.
    Accepted,
    /// On its way.
    Queued,
    /// Arrived.
    Delivered,
    /// Arrived and seen.
    Read,
    /// Will not arrive.
    Failed,
    /// Nothing received.
    Pending,
    /// Not known.
    Unknown,
    /// Not sent on purpose.
    Skipped,
    /// Still to be sent.
    Planned,
}

impl Tone {
    /// The class that gives it its colour.
    pub(crate) fn class(self) -> &'static str {
        match self {
            Self::Plain => "plain",
            Self::Accepted => "accepted",
            Self::Queued => "queued",
            Self::Delivered => "delivered",
            Self::Read => "read",
            Self::Failed => "failed",
            Self::Pending => "pending",
            Self::Unknown => "unknown",
            Self::Skipped => "skipped",
            Self::Planned => "planned",
        }
    }

    /// The sign beside the word, for those who do not see the colour.
    pub(crate) fn sign(self) -> &'static str {
        match self {
            Self::Plain => "",
            Self::Accepted => "↑",
            Self::Queued => "→",
            Self::Delivered => "✓",
            Self::Read => "✓✓",
            Self::Failed => "✕",
            Self::Pending => "…",
            Self::Unknown => "?",
            Self::Skipped => "–",
            Self::Planned => "○",
        }
    }
}

/// Sign and word of a state.
pub(crate) fn key(tone: Tone, word: &str) -> Markup {
    html! { span.key { span.sign.(tone.class()) aria-hidden="true" { (tone.sign()) } (word) } }
}

/// The same numbers as a table, folded away.
fn as_table(id: &str, name: &str, table: &Markup) -> Markup {
    html! {
        details id={ (id) "-table" } {
            summary { "The numbers: " (name) }
            (crate::layout::scrolling(name, table))
        }
    }
}

/// A length of 1000, with two digits after the point.
fn of_thousand(part: u64, whole: u64) -> u64 {
    let hundredths = u128::from(part) * 100_000 / u128::from(whole.max(1));
    u64::try_from(hundredths.min(100_000)).unwrap_or(100_000)
}

fn points(hundredths: u64) -> String {
    format!("{}.{:02}", hundredths / 100, hundredths % 100)
}
