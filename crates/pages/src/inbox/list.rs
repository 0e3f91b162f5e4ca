//! Messages, newest first.

use maud::{Markup, html};
use sinch_batch_models::Timestamp;

use super::{Status, ago, message_url, page, person_url, select, url};
use crate::text::{grouped, outside};

/// Which messages are listed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// A channel; empty for all.
    pub channel: String,
    /// The word of a status; empty for all.
    pub status: String,
    /// The beginning of an identity, or a part of a text.
    pub q: String,
}

impl Filter {
    fn url(&self, path: &str, after: &str) -> String {
        url(path, &[("channel", &self.channel), ("status", &self.status), ("q", &self.q), ("after", after)])
    }

    fn is_all(&self) -> bool {
        *self == Self::default()
    }
}

/// One message of the list.
#[derive(Clone, Debug)]
pub struct RowView {
    /// Its place.
    pub at: String,
    /// Its channel; empty for a contact.
    pub channel: &'static str,
    /// Whom it is for.
    pub identity: String,
    /// Its first line.
    pub line: String,
    /// Where it stands.
    pub status: Status,
    /// When it was accepted.
    pub accepted: Timestamp,
}

/// A page of messages, and how many there are.
#[derive(Clone, Debug)]
pub struct ListView {
    /// Which are listed.
    pub filter: Filter,
    /// At most 50.
    pub rows: Vec<RowView>,
    /// Where the list goes on, if it does.
    pub older: Option<String>,
    /// Whether the time for a search was over before it was at its end.
    pub stopped: bool,
    /// Whether this is not the first page.
    pub is_older: bool,
    /// The place of the newest message there is; empty without any.
    pub newest: String,
    /// How many messages there are by status, in the order of [`Status::ALL`].
    pub counts: [u64; 5],
    /// The channels there are.
    pub channels: Vec<&'static str>,
    /// What the clock says.
    pub now: Timestamp,
    /// Whether callbacks go anywhere.
    pub calls_back: bool,
}

impl ListView {
    /// The page.
    pub fn render(&self) -> String {
        let live = self.filter.url("/inbox/live", &self.newest);
        page(
            "Inbox",
            Some(0),
            Some(&live),
            &html! {
                div.titled {
                    h1 { "Inbox" }
                    p.quiet { "What people would have got. Nothing leaves this machine." }
                }
                (self.tallies())
                (self.search())
                p.sr aria-live="polite" data-live-spoken="line" {}
                p.news data-live-frame hidden {
                    a href=(self.filter.url("/inbox", "")) { span data-live-text="new" { "0" } " new – show them" }
                }
                (self.table())
                (self.further())
                @if !self.calls_back {
                    p.quiet { "No callbacks are sent: the simulator was started without " code { "--callback-url" } "." }
                }
            },
        )
    }

    /// The numbers by status, each a filter.
    fn tallies(&self) -> Markup {
        let all: u64 = self.counts.iter().sum();
        let with = |status: &str| Filter { status: status.to_owned(), ..self.filter.clone() }.url("/inbox", "");
        html! {
            ul.tallies aria-label="Messages by status" {
                li.plain {
                    a href=(with("")) aria-current=[self.filter.status.is_empty().then_some("true")] {
                        b data-live-text="all" { (grouped(all)) } " all"
                    }
                }
                @for (status, n) in Status::ALL.into_iter().zip(self.counts) {
                    li.(status.word()) {
                        a href=(with(status.word()))
                            aria-current=[(self.filter.status == status.word()).then_some("true")] {
                            b data-live-text=(status.word()) { (grouped(n)) } " " (status.word())
                        }
                    }
                }
            }
        }
    }

    fn search(&self) -> Markup {
        let channels: Vec<(&str, &str)> =
            [("", "every channel")].into_iter().chain(self.channels.iter().map(|it| (*it, *it))).collect();
        html! {
            form.search role="search" action="/inbox" {
                label.sr for="q" { "Search: identity begins with, or text contains" }
                input #q type="search" name="q" value=(self.filter.q)
                    placeholder="+1555… or words of a message" autocomplete="off";
                label.sr for="channel" { "Channel" }
                (select("channel", "channel", &channels, &self.filter.channel))
                @if !self.filter.status.is_empty() {
                    input type="hidden" name="status" value=(self.filter.status);
                }
                button type="submit" { "Search" }
                @if !self.filter.is_all() { a href="/inbox" { "Clear" } }
            }
        }
    }

    fn table(&self) -> Markup {
        html! {
            @if self.rows.is_empty() {
                @let nothing_sent = self.counts.iter().all(|n| *n == 0);
                p.empty {
                    @if nothing_sent { "Nothing has been sent yet. Messages show up here as they are accepted." }
                    @else if self.stopped { "Nothing found so far." }
                    @else { "No message matches." }
                }
            } @else {
                table.mail {
                    caption.sr { "Messages, newest first" }
                    colgroup { col.to; col.first; col.on; col.how; col.age; }
                    thead {
                        tr {
                            th scope="col" { "To" } th scope="col" { "Message" } th scope="col" { "Channel" }
                            th scope="col" { "Status" } th.n scope="col" { "Age" }
                        }
                    }
                    tbody { @for row in &self.rows { (row.show(self.now)) } }
                }
            }
        }
    }

    fn further(&self) -> Markup {
        html! {
            nav.further aria-label="Further messages" {
                @if self.is_older { a href=(self.filter.url("/inbox", "")) { "Newest" } }
                @if let Some(older) = &self.older {
                    a href=(self.filter.url("/inbox", older)) rel="next" {
                        @if self.stopped { "Search further back" } @else { "Older" }
                    }
                }
            }
        }
    }
}

impl RowView {
    fn show(&self, now: Timestamp) -> Markup {
        html! {
            tr {
                td.to { a href=(person_url(&self.identity)) { (outside(&self.identity)) } }
                th.first scope="row" {
                    a href=(message_url(&self.at)) data-row {
                        @if self.line.is_empty() { i.quiet { "no text" } } @else { (outside(&self.line)) }
                    }
                }
                td.on { span.channel { @if self.channel.is_empty() { "contact" } @else { (self.channel) } } }
                td.how { (self.status.show()) }
                td.age { (ago(self.accepted, now)) }
            }
        }
    }
}
