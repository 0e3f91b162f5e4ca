//! One message: as the person sees it, and what is behind it.

use maud::{Markup, html};
use serde_json::Value;
use sinch_batch_models::Timestamp;

use super::{Status, back_field, clock, code_field, message_url, page, person_url};
use crate::layout::scrolling;
use crate::phone::{self, Context, Press};
use crate::text::{outside, time};

/// One attempt at a callback about a message.
#[derive(Clone, Debug)]
pub struct CallbackView {
    /// When.
    pub time: Timestamp,
    /// What it said, such as `DELIVERED`.
    pub status: String,
    /// Which attempt at it.
    pub attempt: u32,
    /// How it ended: a status of HTTP, or words.
    pub answer: String,
    /// The headers of its signature.
    pub signature: Vec<(String, String)>,
}

/// One message and all that is known of it.
#[derive(Clone, Debug)]
pub struct MessageView {
    /// Its place.
    pub at: String,
    /// Its id.
    pub id: String,
    /// The id of its batch.
    pub batch_id: String,
    /// The channel of the first identity; empty for a contact.
    pub channel: &'static str,
    /// Whom it is for.
    pub identity: String,
    /// The message, placeholders filled in.
    pub message: Value,
    /// Where it stands.
    pub status: Status,
    /// When it was accepted.
    pub accepted: Timestamp,
    /// Names and values of the placeholders.
    pub parameters: Vec<(String, String)>,
    /// The metadata as receipts carry it.
    pub metadata: Value,
    /// The callbacks about it that are still known, in order.
    pub callbacks: Vec<CallbackView>,
    /// A request for this message alone.
    pub request: Value,
    /// The same as a command.
    pub curl: String,
    /// Whether callbacks go anywhere.
    pub calls_back: bool,
}

/// What one more receipt can say: the value and the words.
const RECEIPTS: [(&str, &str); 5] = [
    ("delivered", "Delivered"),
    ("read", "Read"),
    ("failed", "Failed"),
    ("again", "The last one again"),
    ("late", "A late “queued”"),
];

impl MessageView {
    /// The page.
    pub fn render(&self) -> String {
        let back = message_url(&self.at);
        let press = self.calls_back.then_some(Press { at: &self.at, back: &back });
        let name = if self.channel.is_empty() { "contact" } else { self.channel };
        page(
            "Message",
            None,
            None,
            &html! {
                p.eyebrow {
                    a href="/inbox" { "Inbox" } " / " a href=(person_url(&self.identity)) { (outside(&self.identity)) } " / Message"
                }
                h1 { "Message to " (outside(&self.identity)) }
                div.beside {
                    section.phone aria-label={ "Phone: " (name) } {
                        h2.bar-top { (name) }
                        div.screen {
                            div.turn {
                                (phone::message(&self.message, &Context { channel: self.channel, press }))
                                p.under { (clock(self.accepted)) " " (self.status.show()) }
                            }
                        }
                    }
                    div.behind {
                        (self.facts())
                        @if self.calls_back { (self.receipts(&back)) }
                        (self.callbacks())
                        (self.values())
                        (self.request())
                    }
                }
            },
        )
    }

    fn facts(&self) -> Markup {
        let chosen = phone::variant(&self.message, self.channel).badge.unwrap_or("the message itself");
        html! {
            dl.facts {
                dt { "Status" } dd { (self.status.show()) }
                dt { "Accepted" } dd { (time(self.accepted)) }
                dt { "Shown" } dd { (chosen) }
                dt { "Channel" } dd {
                    @if self.channel.is_empty() { "not known: the service chooses it for a contact" }
                    @else { (self.channel) ", that of the first identity" }
                }
                dt { "Message" } dd { code { (outside(&self.id)) } }
                dt { "Batch" } dd { code { (outside(&self.batch_id)) } }
            }
        }
    }

    /// Buttons for one more receipt.
    fn receipts(&self, back: &str) -> Markup {
        html! {
            form.receipts.second method="post" action="/inbox/receipt" {
                h2 { "Send one more receipt" }
                (back_field(back))
                input type="hidden" name="at" value=(self.at);
                div.row {
                    @for (value, words) in RECEIPTS { button type="submit" name="status" value=(value) { (words) } }
                }
                p { label for="code" { "Code, if failed" } (code_field("code")) }
            }
        }
    }

    fn callbacks(&self) -> Markup {
        let table = html! {
            table {
                caption { "Callbacks about this message" }
                thead {
                    tr {
                        th scope="col" { "Sent" } th scope="col" { "Receipt" } th.n scope="col" { "Attempt" }
                        th scope="col" { "Answer" } th scope="col" { "Signature" }
                    }
                }
                tbody {
                    @for callback in &self.callbacks {
                        tr {
                            td { (clock(callback.time)) }
                            th.word scope="row" { (outside(&callback.status)) }
                            td.n { (callback.attempt) }
                            td { (outside(&callback.answer)) }
                            td {
                                @if callback.signature.is_empty() { "not signed" } @else {
                                    details {
                                        summary { "signed" }
                                        dl.signature {
                                            @for (name, value) in &callback.signature {
                                                dt { (outside(name)) } dd { code { (outside(value)) } }
                                            }
                                        }
                                    }
                                }
                            }
                        }
                    }
                }
            }
        };
        html! {
            section {
                h2 { "Callbacks" }
                @if self.callbacks.is_empty() {
                    p.quiet { "None is known: none was sent yet, or it was before the last 10,000." }
                } @else { (scrolling("Callbacks", &table)) }
            }
        }
    }

    fn values(&self) -> Markup {
        html! {
            section {
                h2 { "Parameters and metadata" }
                @if self.parameters.is_empty() { p.quiet { "No parameters." } } @else {
                    dl.values {
                        @for (name, value) in &self.parameters { dt { (outside(name)) } dd { (outside(value)) } }
                    }
                }
                details #metadata { summary { "Metadata" } (phone::json(&self.metadata)) }
            }
        }
    }

    fn request(&self) -> Markup {
        html! {
            section {
                h2 { "The request" }
                p.quiet { "For this message alone. Of several identities, the first is kept." }
                details #request { summary { "As JSON" } (phone::json(&self.request)) }
                details #curl { summary { "As curl" } pre { code { (outside(&self.curl)) } } }
            }
        }
    }
}
